//! Advantage actor-critic, synchronous (Mnih et al. 2016, arXiv 1602.01783, A3C without the first A).
//!
//! Play a few periods in all worlds, then one gradient step on all of it: `-mean(A log pi) - entropy + value error`. It is PPO
//! with one epoch and one batch (Huang et al. 2022, "A2C is a special case of PPO"), which a test shows.

use super::LearnError;
use super::central::Critic;
use super::centre::FirstPolicy;
use super::entry::LearnerOptions;
use super::footprint;
use super::nets::{Activation, OptimizerKind};
use super::options::learner_options;
use super::ranges::{at_least_one, entropy, network, not_negative, playing, positive, share, step_size};

learner_options! {
    /// Options of advantage actor-critic.
    pub struct A2cOptions("a2c") {
        /// Environment steps to learn from, all slots counted.
        steps: u64 = 1_000_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 16,
        /// Worlds with common random numbers: they meet the same shocks and noises, so that they differ by their actions alone; 1 gives
        /// every world its own.
        common_chance: usize = 16,
        /// Periods played between updates, in each world.
        horizon: usize = 8,
        /// Step size of the optimiser, at the start.
        learning_rate: f64 = 7e-4,
        /// Whether the step size falls linearly to zero.
        anneal: bool = true,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// GAE lambda: weight of multi-step against one-step TD errors in advantages.
        gae_lambda: f64 = 1.0,
        /// Weight of the entropy bonus at the start; it falls linearly to `entropy_end`.
        entropy: f64 = 0.0,
        /// Weight of the entropy bonus at the end.
        entropy_end: f64 = 0.0,
        /// Weight of the squared error of values.
        value_weight: f64 = 0.5,
        /// Largest norm of a gradient: longer ones are clipped to it; 0 does not clip.
        gradient_norm: f64 = 0.5,
        /// Whether advantages are standardised.
        normalize_advantages: bool = false,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether rewards are divided by the standard deviation of the discounted return.
        normalize_rewards: bool = false,
        /// Whether the targets of the value network are standardised.
        normalize_values: bool = true,
        /// What the value network sees: what the policy sees (`own`), or all that has happened, also what is hidden from it, and the others'
        /// states as a set (`central`). Policies see the same either way.
        critic: Critic = Critic::Own,
        /// Hidden layers of policy and value network.
        network: Vec<usize> = vec![64, 64],
        /// Function between layers.
        activation: Activation = Activation::Tanh,
        /// Warm start of the policy: at the best constant that is found by trying (`constant`; the tries count as steps), or in the
        /// middle of the bounds (`middle`).
        first_policy: FirstPolicy = FirstPolicy::Constant,
        /// First standard deviation of continuous actions, in units of half their range.
        initial_std: f64 = 0.5,
        /// Largest standard deviation of continuous actions in the second half of the steps, in units of half their range; up to there the
        /// ceiling falls to it by equal shares. `none` sets no ceiling. Unless it is said, 0.02 holds where several learn at once (members
        /// or agents): each answers the chance in what the others do, too.
        final_std: Option<f64> = None,
        /// Share of the steps after which the weights of the policy are averaged, and the average is handed over; 1 hands over the last weights.
        average_from: f64 = 0.6,
        /// Optimiser.
        optimizer: OptimizerKind = OptimizerKind::RmsProp,
    }
}

impl LearnerOptions for A2cOptions {
    const ABOUT: &'static str = "advantage actor-critic";
    const PAUSES: bool = true;
    const SEARCH: &'static [&'static str] = &["learning_rate=1e-4..1e-2:log", "gae_lambda=0.9..1", "horizon=4|8|16|32"];

    fn in_range(&self) -> Result<(), LearnError> {
        playing(self.steps, self.worlds, self.discount)?;
        at_least_one("common_chance", self.common_chance)?;
        at_least_one("horizon", self.horizon)?;
        step_size("learning_rate", self.learning_rate)?;
        share("gae_lambda", self.gae_lambda)?;
        entropy(self.entropy, self.entropy_end)?;
        not_negative("value_weight", self.value_weight)?;
        not_negative("gradient_norm", self.gradient_norm)?;
        network(&self.network)?;
        positive("initial_std", self.initial_std)?;
        self.final_std.map_or(Ok(()), |x| positive("final_std", x))?;
        share("average_from", self.average_from)
    }

    fn joint(&self) -> bool {
        self.critic == Critic::Central
    }

    fn bytes(&self, round: u64, width: f64) -> f64 {
        // One step a round, on all of it.
        40.0 * footprint::weights(width, &self.network) + footprint::gradient(round as f64, width, &self.network)
    }

    #[cfg(feature = "learn")]
    fn build() -> Option<super::entry::Build<Self>> {
        Some(|options, seat, seed| Ok(Box::new(A2c::new(options, seat, seed)?)))
    }
}

#[cfg(feature = "learn")]
pub use learner::A2c;

/// The learner; what stands above is all that a build without networks knows of it.
#[cfg(feature = "learn")]
mod learner {
    use super::A2cOptions;
    use crate::env::{Actions, Game, Seat, Seen, Told};
    use crate::learn::nets::loss::{PolicyBatch, value_loss};
    use crate::learn::nets::tape::{AsArray, Module, OnTape, Trace, Wants, flat, rows};
    use crate::learn::nets::{Net, Optimizer};
    use crate::learn::on_policy::{ActorCritic, settings_of};
    use crate::learn::options::{Linear, annealed};
    use crate::learn::policy::Policy;
    use crate::learn::rollout::{explained_variance, standardize};
    use crate::learn::{
        LearnError, Learner, LearnerOptions, Numbers, OptionTable, all_finite, encode, finite_loss, restore,
    };
    use serde::{Deserialize, Serialize};

    /// An A2C learner.
    #[derive(Clone, Serialize, Deserialize)]
    pub struct A2c {
        options: A2cOptions,
        agent: ActorCritic,
        optimizer: Optimizer,
        /// Mean entropy at the last gradient step.
        #[serde(skip)]
        entropy: f32,
    }

    impl A2c {
        /// A fresh learner for a seat.
        ///
        /// # Errors
        /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
        pub fn new(options: A2cOptions, seat: &Seat, seed: u64) -> Result<A2c, LearnError> {
            options.in_range()?;
            A2cOptions::suits(seat)?;
            let agent = ActorCritic::new(&settings_of!(options), seat, seed)?;
            let optimizer = agent.optimizer(options.optimizer);
            Ok(A2c {
                options,
                agent,
                optimizer,
                entropy: 0.0,
            })
        }

        /// The one gradient step; returns the value loss and the gradient's norm.
        fn step(&mut self, rate: f64, entropy: f32) -> (f32, f64) {
            let a = &mut self.agent;
            let n = a.rollout.rows();
            let targets: Vec<f32> = a.rollout.target.iter().map(|t| a.scale.normalize(*t)).collect();
            if self.options.normalize_advantages {
                standardize(&mut a.rollout.advantage);
            }
            let (policy, value) = (
                OnTape::new(&a.policy, Wants::PARAMS),
                OnTape::new(&a.value, Wants::PARAMS),
            );
            let width = a.policy.inputs();
            let seen = rows(a.rollout.observation[..n * width].to_vec(), width);
            let log_std = flat(a.log_std.clone());
            let batch = PolicyBatch {
                space: &a.seat.space,
                mask: &a.rollout.mask,
                continuous: &a.rollout.continuous,
                discrete: &a.rollout.discrete,
                advantage: &a.rollout.advantage,
            };
            let ascent = batch.policy_gradient(policy.forward(seen.leaky_trace()), &log_std, entropy);
            self.entropy = ascent.entropy;
            let weight = self.options.value_weight as f32;
            let valued = match a.rollout.joint.is_empty() {
                true => seen,
                false => {
                    let width = a.value.inputs();
                    rows(a.rollout.joint[..n * width].to_vec(), width)
                }
            };
            let fit = value_loss(value.forward(valued.leaky_trace()), &targets, weight, None);
            let loss = fit.array();
            let norm = a.descend(
                ascent.loss + fit,
                (policy, log_std, value),
                &mut self.optimizer,
                rate,
                self.options.gradient_norm,
            );
            (loss, norm)
        }
    }

    impl Learner for A2c {
        fn method(&self) -> &'static str {
            A2cOptions::METHOD
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
            let entropy = Linear {
                from: o.entropy,
                to: o.entropy_end,
            }
            .at(progress) as f32;
            let (loss, norm) = self.step(rate, entropy);
            finite_loss("the loss of the value network", loss as f64, self.agent.steps)?;
            all_finite("a weight of the policy", self.agent.policy.params(), self.agent.steps)?;
            self.agent.narrow(progress);
            if progress >= self.options.average_from {
                self.agent.average.update(self.agent.policy.params());
            }
            let r = &self.agent.rollout;
            let explained = explained_variance(&r.value[..r.rows()], &r.target);
            let mut values = vec![
                ("learning_rate", rate),
                ("entropy", self.entropy as f64),
                ("value_loss", loss as f64),
                ("gradient_norm", norm),
                ("explained_variance", explained),
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
