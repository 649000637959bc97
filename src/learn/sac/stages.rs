//! Soft actor-critic by stages: soft policy iteration with rare, whole steps of actor and play. The way to learn an economy.
//!
//! Where critic and policy follow one another all the time, an economy is lost: the policy moves, what its actions are worth must be learned
//! anew in other units from rows of another policy, and a wrong slope leads out of the region that was seen. So play stands still for a
//! *stage*, with the law `N(m(s), sd(s)^2)` of the action before tanh, and the critic `Q = V(s) + w A(s, z)` is one of this law alone:
//!
//! * Returns are those of the rest of the record, less what the chance of later actions was worth (`played.rs`); rows that rest on `V` for
//!   more than a fifth are left out. No entropy is paid to the critic, only asked of the policy.
//! * `A` is a polynomial in the noise with mean zero (`advantage.rs`), in units of the spread `w` of what is to be explained, which is measured. It learns from what is left in runs
//!   of worlds with common random numbers once their mean and the first three powers of what is observed are taken out (`chance.rs`).
//! * From two fifths of the stage on the policy moves to the goal that minimises `KL(pi || exp(Q / alpha))`: mean `m + sd g / h`, held within
//!   two standard deviations, variance `alpha / h`. The temperature `alpha` holds the entropy at a target. In the later half of the stages steps shorten.
//! * At the end of a stage play takes over the mean of the policy's later parameters, and the slopes of `A` start at zero.
//!
//! What is handed over is the mean over the later part of the last stage.

use super::advantage::{self, OUTPUTS, Spread, steps, worth};
use super::played::Played;
use super::{SacOptions, first_policy, squashed_policy};
use crate::env::{Actions, CommonChance, Game, Seat, Seen, Told};
use crate::learn::centre;
use crate::learn::chance::{remove_common, remove_explained};
use crate::learn::distribution::Noise;
use crate::learn::nets::loss::value_loss;
use crate::learn::nets::tape::{AsArray, Axes2, Backward, Module, OnTape, SumTo, Trace, Wants, numbers, rows};
use crate::learn::nets::{Mlp, Net, Optimizer, OptimizerKind, Workspace, simd};
use crate::learn::normalize::{Average, RunningStatistics, ValueScale, rescale, standardize_rows};
use crate::learn::off_policy::Since;
use crate::learn::options::Linear;
use crate::learn::policy::Policy;
use crate::learn::{LearnError, Learner, LearnerOptions, Numbers, OptionTable};
use crate::learn::{all_finite, discount_of, encode, finite_loss, restore};
use crate::num::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Times that a stage looks its returns up anew.
const LOOKS: u64 = 12;
/// Largest share of a return that may be a value looked up.
const UNPLAYED: f32 = 0.2;
/// Minibatches that must be there before the critic learns, and share of the stage from which fewer, or rows that rest on values, will do.
const FIRST: usize = 16;
const IMPATIENT: f64 = 0.25;
/// Times that the first value is taken from the returns.
const STARTS: usize = 3;
/// Gradient steps after which advantages are taken from returns.
const BEFORE_ADVANTAGES: u64 = 200;
/// Powers of what is observed that are taken out of the errors of a run.
const POWERS: u32 = 3;
/// Shares of a stage after which the policy moves, and after which the mean of its parameters is taken.
const POLICY_FROM: f64 = 0.4;
const AVERAGE_FROM: f64 = 0.7;
/// What is left of the critic's step size at the end of a stage, and of the policy's.
const CRITIC_RATE_END: f64 = 0.1;
const POLICY_RATE_END: f64 = 0.05;
/// How far the slow copies of value and advantage move towards them at each gradient step.
const SLOW_VALUE: f32 = 0.005;
const SLOW_ADVANTAGE: f32 = 0.01;
/// Log standard deviations are held within.
const LOG_STD: (f32, f32) = (-6.0, 1.0);
/// Step size of the logarithm of the temperature.
const TEMPERATURE_RATE: f64 = 5e-3;
/// Entropy of the standard normal law.
const NORMAL_ENTROPY: f32 = 1.418_938_5;
/// Rows whose advantages are computed together.
const PART: usize = 16_384;

/// A learner by stages.
#[derive(Clone, Serialize, Deserialize)]
pub struct StagedSac {
    options: SacOptions,
    seat: Seat,
    discount: f32,
    observation: Option<RunningStatistics>,
    /// Means, then log standard deviations: the policy, and what is played in this stage.
    policy: Mlp,
    play: Mlp,
    /// Values of states, a slow copy that errors of the advantage are measured from, and one that returns rest on.
    value: Mlp,
    slow_value: Mlp,
    target: Mlp,
    /// Coefficients of the advantage, and the slow copy that policy and returns rest on.
    advantage: Mlp,
    slow_advantage: Mlp,
    /// Of policy, value, advantage, and the logarithm of the temperature.
    optimizers: [Optimizer; 4],
    log_temperature: f32,
    scale: ValueScale,
    spread: Spread,
    average: Average,
    play_noise: Noise,
    draws: Stream,
    played: Played,
    /// First rows of the runs that may be drawn.
    runs: Vec<u32>,
    common: CommonChance,
    /// Where zero of each action stands, and the steps spent on finding it.
    centre: Vec<f32>,
    tried: u64,
    steps: u64,
    stage: u64,
    gradients: u64,
    /// What was seen and the noise of what was chosen in the period that is not over yet.
    seen: Vec<f32>,
    chosen: Vec<f32>,
    since: Since,
    /// Sums of squares since the last report: what the advantage was to explain, and what it did not.
    squares: (f64, f64),
    #[serde(skip)]
    scratch: Scratch,
}

/// Of `n` rows of a minibatch, or of all slots.
#[derive(Clone, Default)]
struct Scratch {
    ws: Workspace,
    row: Vec<f32>,
    index: Vec<usize>,
    /// Observations, raw and standardised, `n x width`.
    raw: Vec<f32>,
    x: Vec<f32>,
    /// Noises of what was done, `n x dims`.
    noise: Vec<f32>,
    /// Returns, and the same in units of values, `n`.
    returns: Vec<f64>,
    goal: Vec<f32>,
    own_goal: Vec<f32>,
    /// Means and log standard deviations of what is played, `n x 2 dims`; coefficients of the advantage, `n x 3 dims`.
    head: Vec<f32>,
    coefficients: Vec<f32>,
    /// By the slow copy, `n`.
    value: Vec<f32>,
}

impl StagedSac {
    /// A fresh learner for a seat.
    ///
    /// # Errors
    /// [`LearnError::Unsuitable`] where a choice is finite, [`LearnError::BadOption`].
    pub fn new(options: SacOptions, seat: &Seat, seed: u64) -> Result<StagedSac, LearnError> {
        options.in_range()?;
        SacOptions::suits(seat)?;
        let (width, dims, act) = (seat.observation_width, seat.space.continuous, options.activation);
        let mut rng = Stream::new(seed, 1);
        let policy = first_policy(&options, seat, &mut rng);
        let mut net = |outputs, gain| Mlp::new(width, &options.network, outputs, act, gain, &mut rng);
        let (value, mut advantage) = (net(1, 0.1), net(OUTPUTS * dims, 0.01));
        // Curvatures begin small.
        advantage.last_layer_mut().1[dims..2 * dims].fill(-2.0);
        let sizes = [policy.params().len(), value.params().len(), advantage.params().len(), 1];
        Ok(StagedSac {
            discount: discount_of(options.discount, seat)?,
            observation: options.normalize_observations.then(|| RunningStatistics::new(width)),
            play: policy.clone(),
            policy,
            slow_value: value.clone(),
            target: value.clone(),
            value,
            slow_advantage: advantage.clone(),
            advantage,
            optimizers: sizes.map(adam),
            log_temperature: options.temperature.ln() as f32,
            scale: ValueScale::new(options.normalize_values, 1e-3),
            spread: Spread::default(),
            average: Average::default(),
            play_noise: Noise::new(seed, 2),
            draws: Stream::new(seed, 3),
            played: Played::new(seat.slots, width, dims),
            runs: Vec::new(),
            common: seat.compared(),
            centre: Vec::new(),
            tried: 0,
            steps: 0,
            stage: 0,
            gradients: 0,
            seen: Vec::new(),
            chosen: Vec::new(),
            since: Since::new(0),
            squares: (0.0, 0.0),
            scratch: Scratch::default(),
            seat: seat.clone(),
            options,
        })
    }

    fn nets(&self) -> [&Mlp; 7] {
        let [a, b, c] = [&self.value, &self.slow_value, &self.target];
        [&self.policy, &self.play, a, b, c, &self.advantage, &self.slow_advantage]
    }

    /// Steps of a stage, and how many stages there are.
    fn stages(&self) -> (u64, u64) {
        let all = self.options.steps.saturating_sub(self.tried).max(1);
        let most = all / self.seat.slots.max(1) as u64 / super::SHORTEST;
        let count = most.clamp(1, self.options.stages as u64);
        (all.div_ceil(count), count)
    }

    /// The number of the stage that steps belong to, and the share of it that is done by the steps so far.
    fn at(&self) -> (u64, f64) {
        let (length, count) = self.stages();
        let done = self.steps.saturating_sub(self.tried);
        let stage = (done / length).min(count - 1);
        let within = (done - stage * length) as f64 / length as f64;
        (stage, within.min(1.0))
    }

    /// Play takes over what was learned in a stage, and everything that belongs to the old play is forgotten.
    fn next_stage(&mut self) {
        let dims = self.seat.space.continuous;
        let settled = self.average.or(self.policy.params()).to_vec();
        self.policy.params_mut().copy_from_slice(&settled);
        self.play.params_mut().copy_from_slice(&settled);
        self.average = Average::default();
        self.optimizers[0] = adam(settled.len());
        self.played = Played::new(self.seat.slots, self.seat.observation_width, dims);
        self.runs.clear();
        // At the mean that was best the slope is zero.
        let (weights, biases) = self.advantage.last_layer_mut();
        for row in weights.chunks_exact_mut(OUTPUTS * dims).chain([biases]) {
            for j in 0..dims {
                row[j] = 3.0 * row[2 * dims + j];
            }
        }
        let copy = self.advantage.params().to_vec();
        self.slow_advantage.params_mut().copy_from_slice(&copy);
    }

    /// Looks up anew what every row of the stage is worth, and which runs may be drawn.
    fn look_up(&mut self, within: f64) {
        if self.gradients == 0 {
            let (rewards, over) = (self.played.rewards(), self.played.share_over());
            self.scale.start(rewards, f64::from(self.discount), over);
        }
        self.revalue();
        let mut most = UNPLAYED;
        if within >= IMPATIENT {
            // Records that are too short for that: the first half of the longest.
            most = most.max(self.played.least_unplayed().sqrt());
        }
        self.runs = self.played.runs(self.common, most);
        if self.gradients == 0 {
            // The value begins at the mean of the returns, which rest on it in part.
            for _ in 0..STARTS {
                self.scale.start_at(&self.played.returns(most));
                self.revalue();
            }
        }
    }

    /// What every row of the stage is worth, by the networks as they are.
    fn revalue(&mut self) {
        let (width, dims) = (self.seat.observation_width, self.seat.space.continuous);
        let mut x = Vec::new();
        standardize_rows(self.observation.as_ref(), &self.played.horizons(), &mut x);
        let mut ws = std::mem::take(&mut self.scratch.ws);
        let mut out = vec![0.0; x.len() / width];
        self.target.infer(&x, out.len(), &mut ws, &mut out);
        let values: Vec<f64> = out.iter().map(|v| self.scale.restore_exactly(*v)).collect();
        let mut advantages = vec![0.0; self.played.rows()];
        if self.gradients >= BEFORE_ADVANTAGES {
            let unit = f64::from(self.spread.get()) * self.scale.sd();
            let parts = advantages
                .chunks_mut(PART)
                .zip(self.played.noises().chunks(PART * dims));
            for ((to, noise), seen) in parts.zip(self.played.observations().chunks(PART * width)) {
                standardize_rows(self.observation.as_ref(), seen, &mut x);
                out.resize(to.len() * OUTPUTS * dims, 0.0);
                self.slow_advantage.infer(&x, to.len(), &mut ws, &mut out);
                let rows = out.chunks_exact(OUTPUTS * dims).zip(noise.chunks_exact(dims));
                for (to, (row, z)) in to.iter_mut().zip(rows) {
                    *to = unit * f64::from(worth(row, z));
                }
            }
        }
        self.scratch.ws = ws;
        self.played.revalue(f64::from(self.discount), &values, &advantages);
    }

    /// The gradient steps that are due, if enough was played.
    fn improve(&mut self) -> Result<(), LearnError> {
        let (length, within) = (self.stages().0, self.at().1);
        let between = (length / LOOKS).max(1) as usize;
        let fresh = self.played.rows() - self.played.valued();
        if fresh >= between || (self.runs.is_empty() && fresh >= between / 8) {
            self.look_up(within);
        }
        let enough = (FIRST * self.options.minibatch).min(length as usize / 20);
        let few = self.runs.len() * self.common.worlds < enough && within < IMPATIENT;
        if self.runs.is_empty() || few {
            return Ok(());
        }
        // Twice as many while the critic begins from nothing.
        let begins = if self.stage == 0 { 2 } else { 1 };
        for _ in 0..begins * self.options.gradient_steps {
            let (loss, entropy) = self.gradient_step(within);
            self.since.loss += loss;
            self.since.count += 1;
            if let Some(h) = entropy {
                self.since.other = (self.since.other.0 + h, self.since.other.1 + 1);
            }
        }
        // At once: the next play would meet a broken policy.
        finite_loss("the loss of the critics", self.since.loss, self.steps)?;
        all_finite("a weight of the policy", self.policy.params(), self.steps)?;
        if within >= AVERAGE_FROM {
            self.average.update(self.policy.params());
        }
        Ok(())
    }

    /// One gradient step of value and advantage and, late enough in the stage, of policy and temperature; returns the loss of the value and
    /// the entropy of the policy.
    fn gradient_step(&mut self, within: f64) -> (f64, Option<f64>) {
        self.draw();
        let o = &self.options;
        let falling = |end: f64, share: f64| if o.anneal { (1.0 - share).max(end) } else { 1.0 };
        let rate = o.learning_rate * falling(CRITIC_RATE_END, within * (1.0 - CRITIC_RATE_END));
        let policy_rate = o.learning_rate * falling(POLICY_RATE_END, (within - POLICY_FROM) / (1.0 - POLICY_FROM));
        let loss = self.learn_critic(rate);
        let follow = self.options.target_rate as f32;
        simd::blend(self.target.params_mut(), self.value.params(), follow);
        simd::blend(self.slow_value.params_mut(), self.value.params(), SLOW_VALUE);
        simd::blend(
            self.slow_advantage.params_mut(),
            self.advantage.params(),
            SLOW_ADVANTAGE,
        );
        self.gradients += 1;
        let entropy = (within >= POLICY_FROM).then(|| self.learn_policy(policy_rate));
        (loss, entropy)
    }

    /// Draws a minibatch of runs, standardises it, and puts its returns in units of values.
    fn draw(&mut self) {
        let CommonChance { worlds, members } = self.common;
        let count = self.options.minibatch;
        let x = &mut self.scratch;
        x.index.clear();
        while x.index.len() < count {
            let first = self.runs[self.draws.random_range(0..self.runs.len())] as usize;
            x.index.extend((0..worlds).map(|w| first + w * members));
        }
        self.played.take(&x.index, &mut x.raw, &mut x.noise, &mut x.returns);
        standardize_rows(self.observation.as_ref(), &x.raw, &mut x.x);
        x.goal.clear();
        x.goal.extend(x.returns.iter().map(|g| *g as f32));
        let correction = self.scale.update(&x.goal);
        for net in [&mut self.value, &mut self.slow_value, &mut self.target] {
            rescale(net, correction, 1);
        }
        self.spread.rescale(correction.0);
        x.goal.clear();
        x.goal
            .extend(x.returns.iter().map(|g| self.scale.normalize_exactly(*g)));
    }

    /// One gradient step of the advantage, on what chance and states leave unexplained, and of the value of states, whose loss it returns.
    fn learn_critic(&mut self, rate: f64) -> f64 {
        let (x, dims, width) = (
            &mut self.scratch,
            self.seat.space.continuous,
            self.seat.observation_width,
        );
        let (n, run, spread) = (x.goal.len(), self.common.worlds, self.spread.get());
        let seen = rows(x.x.clone(), width);
        let [value_net, advantage_net] = [&self.value, &self.advantage].map(|net| OnTape::new(net, Wants::PARAMS));
        let acted = advantage::on_tape(advantage_net.forward(seen.leaky_trace()), &x.noise, dims);
        let predicted = numbers(&acted);
        // The value learns from returns without what actions were worth.
        let goal: Vec<f32> = x.goal.iter().zip(&predicted).map(|(g, a)| g - spread * a).collect();
        let value = value_net.forward(seen.leaky_trace());
        remove_common(&numbers(&value), &goal, run, &mut x.own_goal);
        let fit = value_loss(value, &x.own_goal, 0.5, None);
        let loss = fit.array() as f64;
        let gradient = value_net.gradient(&mut fit.backward());
        self.optimizers[1].step(&mut [(self.value.params_mut(), &gradient)], rate, 1.0);
        // The advantage learns from their errors beside a value that moves slowly.
        x.value.resize(n, 0.0);
        self.slow_value.infer(&x.x, n, &mut x.ws, &mut x.value);
        let mut total: Vec<f32> = x.goal.iter().zip(&x.value).map(|(g, v)| g - v).collect();
        let mut rest: Vec<f32> = goal.iter().zip(&x.value).map(|(g, v)| g - v).collect();
        match run {
            // No chance in common: all rows together have a mean, and no more.
            1 => remove_explained(&mut [&mut total, &mut rest], &[], 0, 0),
            run => {
                let runs = total.chunks_mut(run).zip(rest.chunks_mut(run));
                for ((total, rest), seen) in runs.zip(x.x.chunks(run * width)) {
                    remove_explained(&mut [total, rest], seen, width, POWERS);
                }
            }
        }
        let square = |x: &[f32]| x.iter().map(|e| e * e).sum::<f32>() / n as f32;
        self.spread.update(square(&total));
        self.squares.0 += f64::from(square(&total));
        self.squares.1 += f64::from(square(&rest));
        let unit = self.spread.get();
        let goal: Vec<f32> = predicted.iter().zip(&rest).map(|(a, e)| a + e / unit).collect();
        let gradient = advantage_net.gradient(&mut value_loss(acted, &goal, 0.5, None).backward());
        self.optimizers[2].step(&mut [(self.advantage.params_mut(), &gradient)], rate, 1.0);
        loss
    }

    /// The share of the way to the best law that this stage goes: all of it in the first half of the stages, then 1/2, 1/3 and so on, so that the
    /// goals of the later stages weigh alike (Robbins and Monro 1951) and their sampling errors cancel.
    fn factor(&self) -> f32 {
        let full = self.stages().1.div_ceil(2);
        1.0 / (1 + (self.stage + 1).saturating_sub(full)) as f32
    }

    /// One gradient step of the policy towards the best law for the advantage as it is, and of the temperature; returns the entropy.
    fn learn_policy(&mut self, rate: f64) -> f64 {
        let progress = self.steps as f64 / self.options.steps.max(1) as f64;
        let factor = self.factor();
        let (x, dims) = (&mut self.scratch, self.seat.space.continuous);
        let n = x.goal.len();
        x.head.resize(n * 2 * dims, 0.0);
        self.play.infer(&x.x, n, &mut x.ws, &mut x.head);
        x.coefficients.resize(n * OUTPUTS * dims, 0.0);
        self.slow_advantage.infer(&x.x, n, &mut x.ws, &mut x.coefficients);
        let on_tape = OnTape::new(&self.policy, Wants::PARAMS);
        let head = on_tape.forward(rows(x.x.clone(), self.seat.observation_width).leaky_trace());
        let now = numbers(&head);
        let (mut goal, mut weight, mut entropy) = (vec![0.0; 2 * n * dims], vec![1.0; 2 * n * dims], 0.0f64);
        for i in 0..n {
            let row = &x.coefficients[i * OUTPUTS * dims..(i + 1) * OUTPUTS * dims];
            for j in 0..dims {
                let (mean, log) = (i * 2 * dims + j, i * 2 * dims + dims + j);
                let own = x.head[log].clamp(LOG_STD.0, LOG_STD.1);
                let (step, wider) = steps(row, j, dims, self.log_temperature);
                goal[mean] = own.exp().mul_add(factor * step, x.head[mean]);
                weight[mean] = 1.0 / own.exp();
                goal[log] = own + wider;
                let tangent = now[mean].tanh();
                let squashed = (1.0 - tangent * tangent).max(1e-6).ln();
                entropy += f64::from(now[log].clamp(LOG_STD.0, LOG_STD.1) + NORMAL_ENTROPY + squashed);
            }
        }
        let gaps = (head - rows(goal, 2 * dims)).square() * rows(weight, 2 * dims);
        let loss = gaps.sum::<(), Axes2<0, 1>>() * (0.5 / n as f32);
        let gradient = on_tape.gradient(&mut loss.backward());
        self.optimizers[0].step(&mut [(self.policy.params_mut(), &gradient)], rate, 1.0);
        // The derivative of log(alpha) * (entropy - target), as in the authors' code.
        let entropy = entropy / n as f64;
        let asked = Linear {
            from: self.options.target_entropy,
            to: self.options.target_entropy_end,
        };
        let gradient = [(entropy - dims as f64 * asked.at(progress)) as f32];
        let temperature = std::slice::from_mut(&mut self.log_temperature);
        self.optimizers[3].step(&mut [(temperature, &gradient)], TEMPERATURE_RATE, 1.0);
        entropy
    }
}

/// A fresh optimiser for so many parameters.
fn adam(parameters: usize) -> Optimizer {
    Optimizer::new(OptimizerKind::Adam, parameters, 1e-8)
}

impl Learner for StagedSac {
    fn method(&self) -> &'static str {
        SacOptions::METHOD
    }

    fn warm_start(&mut self, trial: &mut dyn Game, seed: u64) -> Result<Option<String>, LearnError> {
        let found = centre::of(self.options.first_policy, trial, seed, self.options.steps / 10, None);
        self.centre = found.constant;
        self.tried += found.steps;
        self.steps += found.steps;
        self.since = Since::new(self.steps);
        Ok(found.said)
    }

    fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        all_finite("an observation", seen.observation, self.steps)?;
        let (slots, dims) = (self.seat.slots, self.seat.space.continuous);
        self.seen.clear();
        self.seen.extend_from_slice(seen.observation);
        if let Some(statistics) = &mut self.observation {
            statistics.update(&self.seen);
        }
        let mut row = std::mem::take(&mut self.scratch.row);
        standardize_rows(self.observation.as_ref(), &self.seen, &mut row);
        let x = &mut self.scratch;
        x.head.resize(slots * 2 * dims, 0.0);
        self.play.infer(&row, slots, &mut x.ws, &mut x.head);
        x.row = row;
        self.chosen.resize(slots * dims, 0.0);
        self.play_noise.normal(0, &mut self.chosen);
        self.play_noise.advance();
        actions.fit(slots, &self.seat.space);
        let rows = x.head.chunks_exact(2 * dims).zip(self.chosen.chunks_exact(dims));
        for (action, (row, z)) in actions.continuous.chunks_exact_mut(dims).zip(rows) {
            for j in 0..dims {
                let sd = row[dims + j].clamp(LOG_STD.0, LOG_STD.1).exp();
                action[j] = simd::fast_tanh(sd.mul_add(z[j], row[j]));
            }
        }
        centre::place(&self.centre, &mut actions.continuous);
        Ok(())
    }

    fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
        all_finite("a reward", told.reward, self.steps)?;
        self.played.push(&self.seen, &self.chosen, told);
        self.steps += self.seat.slots as u64;
        Ok(())
    }

    fn learn(&mut self) -> Result<Option<Numbers>, LearnError> {
        let every = self.options.train_every;
        if !self.since.is_due(self.steps, every) {
            return Ok(None);
        }
        let stage = self.at().0;
        if stage > self.stage {
            self.stage = stage;
            self.next_stage();
        } else {
            self.improve()?;
        }
        if !self.since.is_long(self.steps, every) && !self.is_done() {
            return Ok(None);
        }
        let (loss, entropy) = self.since.means();
        let (asked, left) = self.squares;
        let explained = if asked > 0.0 { 1.0 - left / asked } else { 0.0 };
        let numbers = vec![
            ("critic_loss", loss),
            ("entropy", entropy),
            ("temperature", f64::from(self.log_temperature.exp())),
            ("value_sd", self.scale.sd()),
            ("explained", explained),
            ("stage", (self.stage + 1) as f64),
            ("gradient_steps", f64::from(self.since.count)),
        ];
        self.since = Since::new(self.steps);
        self.squares = (0.0, 0.0);
        Ok(Some(numbers))
    }

    fn policy(&self) -> Policy {
        squashed_policy(
            &self.seat,
            self.observation.as_ref(),
            &self.centre,
            &self.policy,
            &self.average,
        )
    }
    fn steps(&self) -> u64 {
        self.steps
    }
    fn total_steps(&self) -> u64 {
        self.options.steps
    }
    fn save(&self) -> Vec<u8> {
        encode(self)
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), LearnError> {
        restore(self, bytes, |stored, own| {
            let same = |a: &Mlp, b: &Mlp| a.is_consistent() && a.sizes() == b.sizes();
            stored.options == own.options
                && stored.seat == own.seat
                && stored.common == own.common
                && own.played.fits(&stored.played)
                && stored.nets().iter().zip(own.nets()).all(|(a, b)| same(a, b))
                && (0..4).all(|k| stored.optimizers[k].len() == own.optimizers[k].len())
                && stored.played.holds(&stored.runs, own.common)
                && stored.seen.len() == stored.chosen.len() * own.seat.observation_width / own.seat.space.continuous
        })
    }
}
