//! Proximal policy optimisation (Schulman, Wolski, Dhariwal, Radford and Klimov 2017, arXiv 1707.06347).
//!
//! Play `horizon` periods in all worlds; estimate advantages (`rollout.rs`); for some epochs, in minibatches without
//! replacement, maximise `mean(min(r A, clip(r, 1 - c, 1 + c) A))` with `r` the ratio of new to old probabilities, and fit the
//! values. The details follow Huang et al. (2022), "The 37 implementation details of PPO", with three choices for
//! economies: truncated worlds bootstrap, targets of the value network are standardised (`ValueScale`), and
//! the learning rate falls to zero so that the last policies differ little.

use super::LearnError;
use super::central::Critic;
use super::centre::FirstPolicy;
use super::entry::LearnerOptions;
use super::footprint;
use super::nets::{Activation, OptimizerKind};
use super::options::{in_range, learner_options};
use super::ranges::{at_least_one, entropy, network, not_negative, playing, positive, share, step_size};

learner_options! {
    /// Options of proximal policy optimisation.
    pub struct PpoOptions("ppo") {
        /// Environment steps to learn from, all slots counted.
        steps: u64 = 12_000_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 64,
        /// Worlds with common random numbers: they meet the same shocks and noises, so that they differ by their actions alone; 1 gives
        /// every world its own.
        common_chance: usize = 8,
        /// Whether worlds with common random numbers also begin alike: they then differ by what was done in them alone.
        common_start: bool = true,
        /// Periods played between updates, in each world.
        horizon: usize = 512,
        /// Passes over what was played.
        epochs: usize = 4,
        /// Rows of one gradient step.
        minibatch: usize = 1024,
        /// Step size of the optimiser, at the start.
        learning_rate: f64 = 1e-3,
        /// Whether the step size falls linearly to zero.
        anneal: bool = true,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// GAE lambda: weight of multi-step against one-step TD errors in advantages.
        gae_lambda: f64 = 1.0,
        /// Largest weight of the bootstrapped value in an advantage: rows so near to the end of what was played that it weighs more are
        /// dropped (none, where the horizon is too short for that). 1 uses all rows.
        unplayed: f64 = 0.2,
        /// Whether advantages lose what can be said of them without the action that is judged: what the noise of later actions earned, and what a
        /// surprise that hit the other worlds with the same shocks made of the action. Both are estimated from what was played before.
        control_variates: bool = true,
        /// Common chance works differently at different states: so many powers of the observed explain it, in each period of worlds with common random
        /// numbers, and are taken out of advantages. 0 takes out the mean only.
        common_powers: usize = 2,
        /// Weight of periods with great chance: advantages are divided by (their root mean square among the worlds that share it) to this power. It
        /// lowers noise, and leans towards what is best where chance does little: where actions count most when chance is bad, policies come out wrong.
        even_out: f64 = 0.0,
        /// Weight of late periods: rows count by the discount factor to the power of (this times the periods since the episode began). 1 counts states as the
        /// discounted return does (Sutton, McAllester, Singh and Mansour 2000), 0 counts all alike. `none` is 0 where a choice is finite, else 0.5.
        age_weight: Option<f64> = None,
        /// Targets of the value network are held within so many times the distance from their median to their quantiles of 5 and 95 %; 0 holds none.
        hold_targets: f64 = 3.0,
        /// How far the ratio of new to old probabilities may move from 1.
        clip: f64 = 0.2,
        /// Whether the clip falls linearly to zero.
        anneal_clip: bool = false,
        /// Range a value may move in one update, in standardised units; `none` does not clip.
        value_clip: Option<f64> = None,
        /// Weight of the entropy bonus at the start; it falls linearly to `entropy_end`. `none` is 0.05 where a choice is finite, else 0. Unless one of them
        /// is said, it falls from 0.3 to 0.03 where several learn at once in a game of one period with finite choices: its equilibrium may be mixed.
        entropy: Option<f64> = None,
        /// Weight of the entropy bonus at the end.
        entropy_end: f64 = 0.0,
        /// Weight of the squared error of values.
        value_weight: f64 = 0.5,
        /// Largest norm of a gradient: longer ones are clipped to it; 0 does not clip.
        gradient_norm: f64 = 0.5,
        /// Ends an update early when the policy has moved 1.5 times this far (approximate Kullback-Leibler divergence).
        target_kl: Option<f64> = None,
        /// Whether advantages are standardised in each minibatch.
        normalize_advantages: bool = true,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Share of what the statistics of observations know that each update keeps, until `average_from`; from there on they stay as they are. 1 never
        /// forgets, and never stops. `none` is 1 where a choice is finite, else 0.2.
        remembered: Option<f64> = None,
        /// Whether rewards are divided by the standard deviation of the discounted return.
        normalize_rewards: bool = false,
        /// Whether the targets of the value network are standardised.
        normalize_values: bool = true,
        /// What the value network sees: what the policy sees (`own`), or all that has happened, also what is hidden from it, and the others'
        /// states as a set (`central`). Policies see the same either way.
        critic: Critic = Critic::Own,
        /// Hidden layers of policy and value network.
        network: Vec<usize> = vec![64, 64],
        /// Standard deviation of what units of the first layer add up where each observation has a standard deviation of one; their biases lie between
        /// its negative and it. 0 leaves orthogonal weights and no biases, with which networks of few inputs are smooth. `none` is 1 where a choice
        /// is finite, else 0.
        spread: Option<f64> = None,
        /// Function between layers.
        activation: Activation = Activation::Tanh,
        /// Warm start of the policy: at the best constant that is found by trying (`constant`; the tries count as steps), or in the
        /// middle of the bounds (`middle`).
        first_policy: FirstPolicy = FirstPolicy::Constant,
        /// First standard deviation of continuous actions, in units of half their range.
        initial_std: f64 = 0.5,
        /// Whether the warm start also tries how much noise the best constant can bear: the first standard deviation of each action is then the largest half, quarter
        /// and so on of `initial_std` whose cost still grows like a parabola.
        try_noise: bool = true,
        /// Largest standard deviation of continuous actions in the second half of the steps, in units of half their range; up to there the
        /// ceiling falls to it by equal shares. `none` sets no ceiling. Unless it is said, 0.02 holds where several learn at once (members
        /// or agents): each answers the chance in what the others do, too.
        final_std: Option<f64> = None,
        /// Smallest standard deviation of continuous actions, as a share of the first one, and no more than `final_std`: with less noise, what an action earned is
        /// lost in what chance did. Unless it is said, 0.1 holds where several learn at once.
        least_std: f64 = 0.02,
        /// Share of the steps after which the weights of the policy are averaged, and the average is handed over; 1 hands over the last weights.
        average_from: f64 = 0.5,
        /// Optimiser.
        optimizer: OptimizerKind = OptimizerKind::Adam,
    }
}

impl LearnerOptions for PpoOptions {
    const ABOUT: &'static str = "proximal policy optimisation";
    const PAUSES: bool = true;
    // What is played later counts little for where it began, and early noise may have driven the world far from any place that matters.
    const EPISODE: (f64, usize) = (3e-2, 10);
    const SEARCH: &'static [&'static str] = &[
        "learning_rate=1e-4..1e-2:log",
        "gae_lambda=0.9..1",
        "clip=0.1..0.3",
        "minibatch=128|256|512|1024",
    ];

    fn in_range(&self) -> Result<(), LearnError> {
        playing(self.steps, self.worlds, self.discount)?;
        at_least_one("common_chance", self.common_chance)?;
        at_least_one("horizon", self.horizon)?;
        at_least_one("epochs", self.epochs)?;
        at_least_one("minibatch", self.minibatch)?;
        step_size("learning_rate", self.learning_rate)?;
        share("gae_lambda", self.gae_lambda)?;
        share("unplayed", self.unplayed)?;
        positive("clip", self.clip)?;
        self.value_clip.map_or(Ok(()), |x| positive("value_clip", x))?;
        entropy(self.entropy.unwrap_or(0.0), self.entropy_end)?;
        not_negative("value_weight", self.value_weight)?;
        not_negative("gradient_norm", self.gradient_norm)?;
        self.target_kl.map_or(Ok(()), |x| positive("target_kl", x))?;
        network(&self.network)?;
        positive("initial_std", self.initial_std)?;
        self.final_std.map_or(Ok(()), |x| positive("final_std", x))?;
        share("average_from", self.average_from)?;
        in_range(self.common_powers <= 8, "common_powers", self.common_powers, "0 to 8")?;
        share("least_std", self.least_std)?;
        share("even_out", self.even_out)?;
        not_negative("hold_targets", self.hold_targets)?;
        self.age_weight.map_or(Ok(()), |x| not_negative("age_weight", x))?;
        self.spread.map_or(Ok(()), |x| not_negative("spread", x))?;
        self.remembered.map_or(Ok(()), |x| share("remembered", x))
    }

    fn joint(&self) -> bool {
        self.critic == Critic::Central
    }

    fn bytes(&self, round: u64, width: f64) -> f64 {
        let rows = round.min(self.minibatch as u64) as f64;
        40.0 * footprint::weights(width, &self.network) + footprint::gradient(rows, width, &self.network)
    }

    #[cfg(feature = "learn")]
    fn build() -> Option<super::entry::Build<Self>> {
        Some(|options, seat, seed| Ok(Box::new(Ppo::new(options, seat, seed)?)))
    }
}

#[cfg(feature = "learn")]
pub use learner::Ppo;

/// The learner; what stands above is all that a build without networks knows of it.
#[cfg(feature = "learn")]
mod learner {
    use super::PpoOptions;
    use crate::env::{Actions, Game, Seat, Seen, Told};
    use crate::learn::nets::loss::{PolicyBatch, value_loss};
    use crate::learn::nets::tape::{AsArray, Module, OnTape, Trace, Wants, flat, rows};
    use crate::learn::nets::{Net, Optimizer};
    use crate::learn::on_policy::{ActorCritic, Refined, settings_of};
    use crate::learn::options::{Linear, annealed};
    use crate::learn::policy::Policy;
    use crate::learn::rollout::{explained_variance, standardize};
    use crate::learn::{
        LearnError, Learner, LearnerOptions, Numbers, OptionTable, all_finite, encode, finite_loss, restore,
    };
    use rand::seq::SliceRandom;
    use serde::{Deserialize, Serialize};

    /// Scale of the first layer where choices are finite: what is chosen may change from one whole number to the next.
    const SPREAD: f64 = 1.0;
    /// Weight of the entropy bonus at the start where choices are finite: without it a policy that has become sure too soon tries nothing any more.
    const ENTROPY: f64 = 0.05;
    /// Weight of late periods where choices are numbers.
    const AGES: f64 = 0.5;
    /// What statistics of observations keep where choices are numbers.
    const REMEMBERED: f64 = 0.2;

    /// A PPO learner.
    #[derive(Clone, Serialize, Deserialize)]
    pub struct Ppo {
        options: PpoOptions,
        agent: ActorCritic,
        optimizer: Optimizer,
        #[serde(skip)]
        batch: Minibatch,
    }

    /// The `n` rows picked for one gradient step, and the entropy it found.
    #[derive(Clone, Default)]
    struct Minibatch {
        /// `n * observation_width`.
        observation: Vec<f32>,
        /// `n * joint_width`, or nothing.
        joint: Vec<f32>,
        /// `n * sum(sizes)` of the finite dimensions, or nothing.
        mask: Vec<f32>,
        /// `n * continuous`.
        continuous: Vec<f32>,
        /// `n * discrete`.
        discrete: Vec<u32>,
        /// `n`, as everything below.
        log_prob: Vec<f32>,
        advantage: Vec<f32>,
        target: Vec<f32>,
        old_value: Vec<f32>,
        entropy: f32,
    }

    impl Ppo {
        /// A fresh learner for a seat.
        ///
        /// # Errors
        /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
        pub fn new(options: PpoOptions, seat: &Seat, seed: u64) -> Result<Ppo, LearnError> {
            options.in_range()?;
            PpoOptions::suits(seat)?;
            let mut settings = settings_of!(options);
            let finite = !seat.space.discrete.is_empty();
            settings.refined = Refined {
                control_variates: options.control_variates,
                powers: options.common_powers as u32,
                even: options.even_out,
                ages: options.age_weight.unwrap_or(if finite { 0.0 } else { AGES }),
                held: options.hold_targets,
                try_noise: options.try_noise,
                least_std: options.least_std,
                spread: options.spread.unwrap_or(if finite { SPREAD } else { 0.0 }),
                remembered: options.remembered.unwrap_or(if finite { 1.0 } else { REMEMBERED }),
            };
            let agent = ActorCritic::new(&settings, seat, seed)?;
            let optimizer = agent.optimizer(options.optimizer);
            Ok(Ppo {
                options,
                agent,
                optimizer,
                batch: Minibatch::default(),
            })
        }

        /// One gradient step on the rows `chosen`; `None` if the divergence said to stop before it.
        fn step(&mut self, chosen: &[usize], rate: f64, clip: f32, entropy: f32) -> Option<[f64; 4]> {
            self.gather(chosen);
            let (a, b) = (&mut self.agent, &mut self.batch);
            if self.options.normalize_advantages {
                standardize(&mut b.advantage);
            }
            let (policy, value) = (
                OnTape::new(&a.policy, Wants::PARAMS),
                OnTape::new(&a.value, Wants::PARAMS),
            );
            let (seen, log_std) = (rows(b.observation.clone(), a.policy.inputs()), flat(a.log_std.clone()));
            let batch = PolicyBatch {
                space: &a.seat.space,
                mask: &b.mask,
                continuous: &b.continuous,
                discrete: &b.discrete,
                advantage: &b.advantage,
            };
            let head = policy.forward(seen.leaky_trace());
            let surrogate = batch.clipped_surrogate(head, &log_std, &b.log_prob, clip, entropy);
            b.entropy = surrogate.entropy;
            if self.options.target_kl.is_some_and(|t| surrogate.kl as f64 > 1.5 * t) {
                return None;
            }
            let held = self.options.value_clip.map(|c| (c as f32, &b.old_value[..]));
            let weight = self.options.value_weight as f32;
            let valued = match b.joint.is_empty() {
                true => seen,
                false => rows(b.joint.clone(), a.value.inputs()),
            };
            let fit = value_loss(value.forward(valued.leaky_trace()), &b.target, weight, held);
            let loss = fit.array();
            let norm = a.descend(
                surrogate.loss + fit,
                (policy, log_std, value),
                &mut self.optimizer,
                rate,
                self.options.gradient_norm,
            );
            Some([surrogate.kl as f64, surrogate.clip_fraction as f64, loss as f64, norm])
        }

        /// Copies the rows `rows` together.
        fn gather(&mut self, rows: &[usize]) {
            let (r, b, shape) = (&self.agent.rollout, &mut self.batch, &self.agent.seat);
            let (w, c, d) = (
                shape.observation_width,
                shape.space.continuous,
                shape.space.discrete.len(),
            );
            let m = if r.mask.is_empty() {
                0
            } else {
                shape.space.discrete.iter().sum()
            };
            let j = if r.joint.is_empty() { 0 } else { shape.joint_width };
            for v in [
                &mut b.observation,
                &mut b.joint,
                &mut b.mask,
                &mut b.continuous,
                &mut b.log_prob,
                &mut b.advantage,
                &mut b.target,
                &mut b.old_value,
            ] {
                v.clear();
            }
            b.discrete.clear();
            for &i in rows {
                b.observation.extend_from_slice(&r.observation[i * w..(i + 1) * w]);
                b.joint.extend_from_slice(&r.joint[i * j..(i + 1) * j]);
                b.mask.extend_from_slice(&r.mask[i * m..(i + 1) * m]);
                b.continuous.extend_from_slice(&r.continuous[i * c..(i + 1) * c]);
                b.discrete.extend_from_slice(&r.discrete[i * d..(i + 1) * d]);
                b.log_prob.push(r.log_prob[i]);
                b.advantage.push(r.advantage[i]);
                b.target.push(self.agent.scale.normalize(r.target[i]));
                b.old_value.push(self.agent.scale.normalize(r.value[i]));
            }
        }
    }

    impl Learner for Ppo {
        fn method(&self) -> &'static str {
            PpoOptions::METHOD
        }

        fn warm_start(&mut self, trial: &mut dyn Game, seed: u64) -> Result<Option<String>, LearnError> {
            Ok(self.agent.warm_start(trial, seed))
        }

        fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
            self.agent.act(seen, actions)
        }

        fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
            self.agent.told(told)
        }

        fn learn(&mut self) -> Result<Option<Numbers>, LearnError> {
            let progress = self.agent.steps as f64 / self.options.steps.max(1) as f64;
            if !self.agent.is_full(self.options.gae_lambda as f32)? {
                return Ok(None);
            }
            let o = &self.options;
            let rate = annealed(o.learning_rate, o.anneal, progress);
            let clip = if o.anneal_clip {
                o.clip * (1.0 - progress).max(1e-3)
            } else {
                o.clip
            };
            let finite = !self.agent.seat.space.discrete.is_empty();
            let entropy = Linear {
                from: o.entropy.unwrap_or(if finite { ENTROPY } else { 0.0 }),
                to: o.entropy_end,
            }
            .at(progress) as f32;
            let (epochs, minibatch) = (o.epochs, o.minibatch);
            let decay = self.agent.discount * o.gae_lambda as f32;
            let mut order = self
                .agent
                .rollout
                .rows_mostly_played(decay, self.options.unplayed as f32);
            let (mut sums, mut count) = ([0.0f64; 4], 0usize);
            'update: for _ in 0..epochs {
                // A single minibatch needs no shuffle; the sum is then in the order of play.
                if minibatch < order.len() {
                    order.shuffle(&mut self.agent.shuffle);
                }
                for rows in order.chunks(minibatch) {
                    let Some(numbers) = self.step(rows, rate, clip as f32, entropy) else {
                        break 'update;
                    };
                    sums.iter_mut().zip(numbers).for_each(|(s, x)| *s += x);
                    count += 1;
                }
            }
            finite_loss("the loss of the value network", sums[2], self.agent.steps)?;
            all_finite("a weight of the policy", self.agent.policy.params(), self.agent.steps)?;
            self.agent.narrow(progress);
            if progress < self.options.average_from {
                self.agent.forget();
            } else {
                self.agent.settle();
                self.agent.average.update(self.agent.policy.params());
            }
            let n = count.max(1) as f64;
            let r = &self.agent.rollout;
            let explained = explained_variance(&r.value[..r.rows()], &r.target);
            let mut values = vec![
                ("learning_rate", rate),
                ("entropy", self.batch.entropy as f64),
                ("approx_kl", sums[0] / n),
                ("clip_fraction", sums[1] / n),
                ("value_loss", sums[2] / n),
                ("gradient_norm", sums[3] / n),
                ("explained_variance", explained),
                ("gradient_steps", count as f64),
            ];
            if let Some(l) = self.agent.log_std.first() {
                values.push(("std", l.exp() as f64));
            }
            self.agent.rollout.clear();
            Ok(Some(values))
        }

        fn policy(&self) -> Policy {
            self.agent.snapshot(self.method())
        }
        fn steps(&self) -> u64 {
            self.agent.steps
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
                    && stored.agent.fits(&own.agent)
                    && stored.optimizer.len() == own.optimizer.len()
            })
        }
    }
}
