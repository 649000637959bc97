//! Soft actor-critic that learns all the time, as in the literature: for problems of control (`stages = 0`).
//!
//! Two critics learn `r + d (min Q'(s', a') - alpha log pi(a'|s'))`, where `Q'` are slowly following copies and only
//! termination cuts the value off; the policy, a tanh-squashed Gaussian, maximises `mean Q - alpha log pi`; the temperature
//! alpha holds the entropy at a target. The targets of the critics are standardised (`ValueScale`) and the temperature is in
//! those units, so that neither the level nor the scale of utility matters. The target entropy falls during training: at the
//! usual value a policy keeps a standard deviation of about 9 % of half its range, which moves its mean where
//! the problem is lopsided (saving too little costs more than too much).

use super::{SacOptions, first_policy, squashed_policy};
use crate::env::{Actions, CommonChance, Game, Seat, Seen, Told};
use crate::learn::centre;
use crate::learn::chance::{remove_common, remove_explained};
use crate::learn::critic::Critic;
use crate::learn::distribution::Noise;
use crate::learn::nets::loss::{squashed, squashed_sample, value_loss};
use crate::learn::nets::tape::{
    AsArray, Axes2, Backward, HasShape, Module, OnTape, Recording, Rows, SumTo, Trace, Wants, numbers, operation, rows,
};
use crate::learn::nets::{Mlp, Net, Optimizer, OptimizerKind, Workspace};
use crate::learn::normalize::{Average, ValueScale};
use crate::learn::off_policy::{Memory, Since};
use crate::learn::options::{Linear, annealed};
use crate::learn::policy::{Policy, squashed_action};
use crate::learn::replay::{Batch, Replay, Widths};
use crate::learn::{
    LearnError, Learner, LearnerOptions, Numbers, OptionTable, all_finite, discount_of, encode, finite_loss, restore,
};
use crate::num::random::Stream;
use serde::{Deserialize, Serialize};

/// A learner that learns all the time.
#[derive(Clone, Serialize, Deserialize)]
pub struct Sac {
    options: SacOptions,
    memory: Memory,
    policy: Mlp,
    critics: [Critic; 2],
    targets: [Critic; 2],
    /// Of the policy, of both critics together, and of the logarithm of the temperature.
    optimizers: [Optimizer; 3],
    log_temperature: f32,
    scale: ValueScale,
    average: Average,
    play_noise: Noise,
    learn_noise: Noise,
    gradients: u64,
    /// Where zero of each action stands, and the steps spent on finding it.
    centre: Vec<f32>,
    tried: u64,
    /// Neighbouring worlds in the memory with common random numbers.
    common: CommonChance,
    discount: f32,
    since: Since,
    #[serde(skip)]
    scratch: Scratch,
}

/// Of `n` rows of a minibatch, or of all slots.
#[derive(Clone, Default)]
struct Scratch {
    ws: Workspace,
    batch: Batch,
    /// Means, then log standard deviations, `n * 2 * dims`.
    head: Vec<f32>,
    /// Standard normals, `n * dims`.
    noise: Vec<f32>,
    /// `n * dims`.
    action: Vec<f32>,
    /// `n`.
    log_prob: Vec<f32>,
    /// Observations with actions behind, `n * (observation_width + dims)`.
    input: Vec<f32>,
    /// By the two critics that follow, `n`.
    value: [Vec<f32>; 2],
    /// Targets of the critics, `n`, and the same for one of them without the part that chance explains.
    goal: Vec<f32>,
    own_goal: Vec<f32>,
}

impl Sac {
    /// A fresh learner for a seat.
    ///
    /// # Errors
    /// [`LearnError::Unsuitable`] where a choice is finite, [`LearnError::BadOption`].
    pub fn new(options: SacOptions, seat: &Seat, seed: u64) -> Result<Sac, LearnError> {
        options.in_range()?;
        SacOptions::suits(seat)?;
        let (width, dims, act) = (seat.observation_width, seat.space.continuous, options.activation);
        let mut rng = Stream::new(seed, 1);
        let policy = first_policy(&options, seat, &mut rng);
        let discount = discount_of(options.discount, seat)?;
        let critic = |rng: &mut Stream| {
            Critic::new(
                options.critic,
                (width, dims),
                &options.network,
                act,
                f64::from(discount),
                rng,
            )
        };
        let critics = [critic(&mut rng), critic(&mut rng)];
        let widths = Widths {
            observation: width,
            continuous: dims,
            allowed: 0,
        };
        let replay = Replay::new(widths, options.memory, seat.slots, options.n_step, discount, None);
        let sizes = [policy.params().len(), 2 * critics[0].count(), 1];
        Ok(Sac {
            memory: Memory::new(seat, options.normalize_observations, replay, seed, 0),
            common: seat.compared(),
            centre: Vec::new(),
            tried: 0,
            discount,
            since: Since::new(0),
            optimizers: sizes.map(|n| Optimizer::new(OptimizerKind::Adam, n, 1e-8)),
            log_temperature: options.temperature.ln() as f32,
            scale: ValueScale::new(options.normalize_values, 1e-3),
            average: Average::default(),
            targets: critics.clone(),
            policy,
            critics,
            play_noise: Noise::new(seed, 2),
            learn_noise: Noise::new(seed, 4),
            gradients: 0,
            scratch: Scratch::default(),
            options,
        })
    }

    /// Steps after which play is no longer at random: at most a tenth of all.
    fn warm(&self) -> u64 {
        self.tried + (self.options.warmup as u64).min(self.options.steps / 10)
    }

    /// The gradient steps that are due after `steps` environment steps.
    fn improve(&mut self, steps: u64) -> Result<(), LearnError> {
        if self.gradients == 0 {
            let replay = &self.memory.replay;
            self.scale
                .start(replay.rewards(), f64::from(self.discount), replay.share_terminated());
        }
        let o = &self.options;
        let progress = steps as f64 / o.steps.max(1) as f64;
        let rate = annealed(o.learning_rate, o.anneal, progress);
        let target = self.memory.seat.space.continuous as f64
            * Linear {
                from: o.target_entropy,
                to: o.target_entropy_end,
            }
            .at(progress);
        let alone = self.tried + (o.critics_first * o.steps as f64) as u64;
        let target = (steps >= alone).then_some(target as f32);
        for _ in 0..o.gradient_steps {
            let (loss, entropy) = self.gradient_step(rate, target);
            let since = &mut self.since;
            (since.loss, since.count) = (since.loss + loss, since.count + 1);
            if let Some(h) = entropy {
                since.other = (since.other.0 + h, since.other.1 + 1);
            }
        }
        // At once: the next play would meet a broken policy.
        finite_loss("the loss of the critics", self.since.loss, steps)?;
        all_finite("a weight of the policy", self.policy.params(), steps)?;
        if progress >= self.options.average_from {
            self.average.update(self.policy.params());
        }
        Ok(())
    }

    /// One gradient step of the critics and, given the entropy it is held at, of policy and temperature; returns the critics'
    /// loss and the entropy.
    fn gradient_step(&mut self, rate: f64, target_entropy: Option<f32>) -> (f64, Option<f64>) {
        let n = self.options.minibatch;
        if self.common.worlds > 1 {
            self.memory.draw_groups(n, self.common, &mut self.scratch.batch);
        } else {
            self.memory.draw(n, 1.0, &mut self.scratch.batch);
        }
        self.goals(n);
        let loss = self.learn_critics(n, rate);
        let weight = self.options.target_rate as f32;
        for (target, critic) in self.targets.iter_mut().zip(&self.critics) {
            target.follow(critic, weight);
        }
        self.gradients += 1;
        let Some(target_entropy) = target_entropy else {
            return (loss, None);
        };
        let entropy = self.learn_policy(n, rate);
        // Temperature: the derivative of log(alpha) * (entropy - target), as in the authors' code.
        let gradient = [entropy as f32 - target_entropy];
        self.optimizers[2].step(
            &mut [(std::slice::from_mut(&mut self.log_temperature), &gradient)],
            rate,
            1.0,
        );
        (loss, Some(entropy))
    }

    /// Targets of the critics, standardised.
    fn goals(&mut self, n: usize) {
        let (x, dims) = (&mut self.scratch, self.memory.seat.space.continuous);
        x.head.resize(n * 2 * dims, 0.0);
        self.policy.infer(&x.batch.after, n, &mut x.ws, &mut x.head);
        x.noise.resize(n * dims, 0.0);
        x.action.resize(n * dims, 0.0);
        x.log_prob.resize(n, 0.0);
        self.learn_noise.normal(0, &mut x.noise);
        squashed_sample(&x.head, &x.noise, dims, &mut x.action, &mut x.log_prob);
        join(&x.batch.after, &x.action, n, &mut x.input);
        for (target, value) in self.targets.iter().zip(&mut x.value) {
            target.infer(&x.batch.after, &x.input, n, &mut x.ws, value);
        }
        let temperature = self.log_temperature.exp();
        x.goal.clear();
        for i in 0..n {
            let soft = x.value[0][i].min(x.value[1][i]);
            // The bonus is in units of the standard deviation: restored with the value.
            let bonus = -temperature * x.log_prob[i] * self.scale.sd() as f32;
            let after = self.scale.restore(soft) + bonus;
            x.goal.push(x.batch.weight[i].mul_add(after, x.batch.reward[i]));
        }
        let correction = self.scale.update(&x.goal);
        for net in self.critics.iter_mut().chain(&mut self.targets) {
            net.rescale(correction);
        }
        x.goal.iter_mut().for_each(|g| *g = self.scale.normalize(*g));
    }

    /// One gradient step of both critics; returns their loss.
    fn learn_critics(&mut self, n: usize, rate: f64) -> f64 {
        let x = &mut self.scratch;
        let (width, run) = (self.memory.seat.observation_width, self.common.worlds);
        join(&x.batch.observation, &x.batch.continuous, n, &mut x.input);
        let (seen, input) = (
            rows(x.batch.observation.clone(), width),
            rows(x.input.clone(), width + self.memory.seat.space.continuous),
        );
        let mut loss = 0.0;
        let gradient = [0, 1].map(|k| {
            let critic = self.critics[k].on_tape(Wants::PARAMS);
            // What the observations of a run account for is the level's to learn; the advantage sees the rest.
            let observation = if run >= 4 {
                x.batch.observation.clone()
            } else {
                Vec::new()
            };
            let value = critic.forward(&seen, &input, move |errors| {
                for (errors, seen) in errors.chunks_mut(run).zip(observation.chunks((run * width).max(1))) {
                    remove_explained(&mut [errors], seen, width, 1);
                }
            });
            remove_common(&numbers(&value), &x.goal, run, &mut x.own_goal);
            let fit = value_loss(value, &x.own_goal, 0.5, None);
            loss += fit.array() as f64;
            critic.gradient(&mut fit.backward())
        });
        let [first, second] = &mut self.critics;
        let mut parts = first.parts(&gradient[0]);
        parts.extend(second.parts(&gradient[1]));
        self.optimizers[1].step(&mut parts, rate, 1.0);
        0.5 * loss
    }

    /// One gradient step of the policy, down `mean(temperature * log_prob - q)`; returns the entropy.
    fn learn_policy(&mut self, n: usize, rate: f64) -> f64 {
        let (x, dims) = (&mut self.scratch, self.memory.seat.space.continuous);
        self.learn_noise.normal(1, &mut x.noise);
        self.learn_noise.advance();
        let seen = rows(x.batch.observation.clone(), self.policy.inputs());
        let policy = OnTape::new(&self.policy, Wants::PARAMS);
        let head = policy.forward(seen.leaky_trace());
        squashed_sample(&numbers(&head), &x.noise, dims, &mut x.action, &mut x.log_prob);
        let (action, log_prob) = squashed(head, &x.noise, &x.action, dims);
        // The mean of the critics is steadier than the smaller one, and the targets see to it that neither promises too much.
        let [first, second] = [0, 1].map(|k| self.critics[k].on_tape(Wants::INPUT));
        let again = with_actions(&x.batch.observation, action.retaped::<Recording>());
        let given = with_actions(&x.batch.observation, action);
        let (first, second) = (first.slope(given), second.slope(again));
        let value = (first + second).sum::<(), Axes2<0, 1>>() * (0.5 / n as f32);
        let cost = log_prob.sum::<(), Axes2<0, 1>>() * (self.log_temperature.exp() / n as f32);
        let mut gradients = (cost - value).backward();
        let gradient = policy.gradient(&mut gradients);
        self.optimizers[0].step(&mut [(self.policy.params_mut(), &gradient)], rate, 1.0);
        -x.log_prob.iter().map(|l| *l as f64).sum::<f64>() / n as f64
    }
}

/// Rows of observations with rows of actions behind.
fn join(observation: &[f32], action: &[f32], rows: usize, out: &mut Vec<f32>) {
    let (w, c) = (observation.len() / rows, action.len() / rows);
    out.clear();
    for i in 0..rows {
        out.extend_from_slice(&observation[i * w..(i + 1) * w]);
        out.extend_from_slice(&action[i * c..(i + 1) * c]);
    }
}

/// The same with actions on a tape (`n` by `dims`).
fn with_actions(observation: &[f32], action: Rows<Recording>) -> Rows<Recording> {
    let (n, dims) = *action.shape();
    let mut input = Vec::new();
    join(observation, &numbers(&action), n, &mut input);
    let width = input.len() / n.max(1);
    operation(action, input, (n, width), move |dinput, daction| {
        for (to, from) in daction.chunks_exact_mut(dims).zip(dinput.chunks_exact(width)) {
            to.iter_mut().zip(&from[width - dims..]).for_each(|(a, d)| *a += d);
        }
    })
}

impl Learner for Sac {
    fn method(&self) -> &'static str {
        SacOptions::METHOD
    }

    fn warm_start(&mut self, trial: &mut dyn Game, seed: u64) -> Result<Option<String>, LearnError> {
        let found = centre::of(self.options.first_policy, trial, seed, self.options.steps / 10, None);
        self.centre = found.constant;
        self.tried += found.steps;
        self.memory.steps += found.steps;
        self.since = Since::new(self.memory.steps);
        Ok(found.said)
    }

    fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        self.memory.look(seen)?;
        let warm = self.warm();
        let (m, x) = (&mut self.memory, &mut self.scratch);
        let (slots, dims) = (m.seat.slots, m.seat.space.continuous);
        actions.fit(slots, &m.seat.space);
        let action = &mut actions.continuous;
        if m.steps < warm {
            self.play_noise.uniform(1, action);
            self.play_noise.advance();
            action.iter_mut().for_each(|a| *a = 2.0 * *a - 1.0);
        } else {
            x.head.resize(slots * 2 * dims, 0.0);
            self.policy.infer(&m.row, slots, &mut x.ws, &mut x.head);
            // Play keeps trying what the policy has become sure of, or the critics' slopes there would rest on nothing.
            let least = self.options.exploration_std.max(1e-6).ln() as f32;
            for row in x.head.chunks_exact_mut(2 * dims) {
                row[dims..].iter_mut().for_each(|l| *l = l.max(least));
            }
            squashed_action(&x.head, dims, false, &mut self.play_noise, action);
        }
        m.chose(action, &[]);
        centre::place(&self.centre, action);
        Ok(())
    }

    fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
        self.memory.told(told, |_| Vec::new())
    }

    fn learn(&mut self) -> Result<Option<Numbers>, LearnError> {
        let (steps, every) = (self.memory.steps, self.options.train_every);
        if !self.since.is_due(steps, every) {
            return Ok(None);
        }
        if steps >= self.warm() && !self.memory.replay.is_empty() {
            self.improve(steps)?;
        }
        if !self.since.is_long(steps, every) && !self.is_done() {
            return Ok(None);
        }
        let (loss, entropy) = self.since.means();
        let numbers = vec![
            ("critic_loss", loss),
            ("entropy", entropy),
            ("temperature", self.log_temperature.exp() as f64),
            ("value_sd", self.scale.sd()),
            ("gradient_steps", f64::from(self.since.count)),
        ];
        self.since = Since::new(steps);
        Ok(Some(numbers))
    }

    fn policy(&self) -> Policy {
        let observation = self.memory.observation.as_ref();
        squashed_policy(
            &self.memory.seat,
            observation,
            &self.centre,
            &self.policy,
            &self.average,
        )
    }
    fn steps(&self) -> u64 {
        self.memory.steps
    }
    fn total_steps(&self) -> u64 {
        self.options.steps
    }
    fn save(&self) -> Vec<u8> {
        encode(self)
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), LearnError> {
        restore(self, bytes, |stored, own| {
            stored.options == own.options
                && stored.memory.fits(&own.memory)
                && (0..2).all(|k| stored.critics[k].fits(&own.critics[k]) && stored.targets[k].fits(&own.targets[k]))
                && (0..3).all(|k| stored.optimizers[k].len() == own.optimizers[k].len())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::nets::tape::take;

    #[test]
    fn derivatives_with_respect_to_the_input_of_a_critic_reach_its_actions() {
        let action = rows(vec![0.1, 0.2, 0.3, 0.4], 2);
        let input = with_actions(&[5.0, 6.0], action.leaky_trace());
        assert_eq!(numbers(&input), [5.0, 0.1, 0.2, 6.0, 0.3, 0.4]);
        let weights = rows(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3);
        let mut gradients = (input * weights).sum::<(), Axes2<0, 1>>().backward();
        assert_eq!(take(&mut gradients, &action), [2.0, 3.0, 5.0, 6.0]);
    }
}
