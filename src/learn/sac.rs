//! Soft actor-critic (Haarnoja et al. 2018, arXiv 1812.05905), for continuous actions, in two ways.
//!
//! `stages` is how many times the policy is replaced: play stands still while a critic of its actions is learned (`stages.rs`). That is the way
//! to learn an economy, where what one action changes is small beside what states are worth. With `stages = 0` critics, policy and play
//! move all the time, as in the literature (`continual.rs`): that is the way for problems of control, whose rewards tell good actions
//! from bad ones at once and whose policies change through and through. Options that one of the ways does not read are refused with it.

#[cfg(feature = "learn")]
mod advantage;
#[cfg(feature = "learn")]
mod continual;
#[cfg(feature = "learn")]
mod played;
#[cfg(feature = "learn")]
mod stages;

/// Fewest periods of a stage: below, there are fewer stages.
pub(super) const SHORTEST: u64 = 64;

/// Stages where the file says nothing of them.
pub(super) const STAGES: u64 = 7;

use super::LearnError;
use super::centre::FirstPolicy;
use super::critic::CriticForm;
use super::entry::{Choices, LearnerOptions};
use super::footprint;
use super::nets::Activation;
use super::options::{OptionValue, in_range, learner_options};
use super::ranges::{at_least_one, network, not_negative, playing, positive, remembering, share, step_size};
#[cfg(feature = "learn")]
use super::{
    nets::{Mlp, Net},
    normalize::{Average, RunningStatistics},
    options::OptionTable,
    policy::{Policy, PolicyKind},
};
#[cfg(feature = "learn")]
use crate::env::Seat;
#[cfg(feature = "learn")]
use crate::num::random::Stream;

learner_options! {
    /// Options of soft actor-critic.
    pub struct SacOptions("sac") {
        /// Environment steps to learn from, all slots counted.
        steps: u64 = 1_600_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 128,
        /// Worlds with common random numbers: they meet the same shocks and noises, so that they differ by their actions alone; 1 gives
        /// every world its own.
        common_chance: usize = 16,
        /// Stages of policy iteration: within each the policy that plays stands still while the critics are fitted to it (fewer stages where
        /// one would be shorter than 64 periods). It is the way to learn an economy; 0 is soft actor-critic as in the literature, for
        /// problems of control.
        stages: usize = STAGES as usize,
        /// Environment steps between trainings.
        train_every: usize = 512,
        /// Gradient steps of each training; in the first stage twice as many.
        gradient_steps: usize = 4,
        /// Rows of one gradient step.
        minibatch: usize = 512,
        /// Step size of the optimisers, at the start.
        learning_rate: f64 = 1e-3,
        /// Whether the step size falls, linearly: with `stages = 0` to zero at the end, else within every stage, to a tenth for the critic
        /// and a twentieth for the policy.
        anneal: bool = true,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// How far the target critics move towards the critics at each gradient step (Polyak rate).
        target_rate: f64 = 0.02,
        /// Entropy of the policy at the start, for each dimension.
        target_entropy: f64 = -0.7,
        /// Entropy of the policy at the end, for each dimension.
        target_entropy_end: f64 = -0.9,
        /// First standard deviation of actions, before tanh.
        initial_std: f64 = 0.12,
        /// First temperature of the entropy, in units of the standard deviation of values; with stages, of advantages.
        temperature: f64 = 0.1,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether the targets of the critics are standardised.
        normalize_values: bool = true,
        /// Warm start of the policy: at the best constant that is found by trying (`constant`; the tries count as steps), or in the
        /// middle of the bounds (`middle`).
        first_policy: FirstPolicy = FirstPolicy::Constant,
        /// Hidden layers of policy and critics.
        network: Vec<usize> = vec![64, 64],
        /// Function between layers.
        activation: Activation = Activation::Tanh,
        /// With `stages = 0`: transitions in the replay buffer. A stage keeps its own.
        memory: usize = 1_000_000,
        /// With `stages = 0`: environment steps at random before training begins, at most a tenth of all.
        warmup: usize = 10_000,
        /// With `stages = 0`: share of the steps in which the critics alone learn.
        critics_first: f64 = 0.1,
        /// With `stages = 0`: smallest standard deviation of actions in play, before tanh; the policy itself may become surer.
        exploration_std: f64 = 0.15,
        /// With `stages = 0`: what a critic is made of, a level and an `advantage` with a scale of its own, or one `joint` network of
        /// state and action.
        critic: CriticForm = CriticForm::Advantage,
        /// With `stages = 0`: rewards summed before bootstrapping (n-step returns).
        n_step: usize = 32,
        /// With `stages = 0`: share of the steps after which the weights of the policy are averaged, and the average is handed over; 1 hands over the last weights.
        average_from: f64 = 0.6,
    }
}

impl LearnerOptions for SacOptions {
    const ABOUT: &'static str = "soft actor-critic, for continuous actions";
    const CHOICES: Choices = Choices::Continuous;
    const SEARCH: &'static [&'static str] = &[
        "learning_rate=3e-4..3e-3:log",
        "stages=5|7|9",
        "target_entropy_end=-2..-0.7",
        "gradient_steps=2|4|8",
    ];

    fn in_range(&self) -> Result<(), LearnError> {
        playing(self.steps, self.worlds, self.discount)?;
        remembering(self.train_every, self.minibatch, self.memory, self.n_step)?;
        at_least_one("gradient_steps", self.gradient_steps)?;
        step_size("learning_rate", self.learning_rate)?;
        let rate = self.target_rate;
        in_range(
            rate > 0.0 && rate <= 1.0,
            "target_rate",
            rate,
            "a number above 0, at most 1",
        )?;
        positive("temperature", self.temperature)?;
        for (key, x) in [
            ("target_entropy", self.target_entropy),
            ("target_entropy_end", self.target_entropy_end),
        ] {
            in_range((-100.0..=100.0).contains(&x), key, x, "a number from -100 to 100")?;
        }
        positive("initial_std", self.initial_std)?;
        not_negative("exploration_std", self.exploration_std)?;
        at_least_one("common_chance", self.common_chance)?;
        share("critics_first", self.critics_first)?;
        share("average_from", self.average_from)?;
        in_range(
            self.stages <= 1000,
            "stages",
            self.stages,
            "a whole number from 0 to 1000",
        )?;
        network(&self.network)?;
        if self.stages == 0 {
            return Ok(());
        }
        let usual = SacOptions::default();
        only_continual("memory", &self.memory, &usual.memory)?;
        only_continual("warmup", &self.warmup, &usual.warmup)?;
        only_continual("critics_first", &self.critics_first, &usual.critics_first)?;
        only_continual("exploration_std", &self.exploration_std, &usual.exploration_std)?;
        only_continual("critic", &self.critic, &usual.critic)?;
        only_continual("n_step", &self.n_step, &usual.n_step)?;
        only_continual("average_from", &self.average_from, &usual.average_from)
    }

    fn bytes(&self, _round: u64, width: f64) -> f64 {
        let step = 3.0 * footprint::gradient(self.minibatch as f64, width, &self.network);
        let remembered = if self.stages == 0 {
            footprint::remembered(self.memory, self.steps, width)
        } else {
            // What was seen once; a return takes two numbers.
            let rows = self.steps.div_ceil(self.stages as u64);
            rows as f64 * 4.0 * (width + 12.0)
        };
        80.0 * footprint::weights(width, &self.network) + remembered + step
    }

    #[cfg(feature = "learn")]
    fn build() -> Option<super::entry::Build<Self>> {
        Some(|options, seat, seed| {
            Ok(match options.stages {
                0 => Box::new(Sac::new(options, seat, seed)?),
                _ => Box::new(StagedSac::new(options, seat, seed)?),
            })
        })
    }
}

/// Refuses an option that only `stages = 0` reads, where it is not as usual.
fn only_continual<T: OptionValue + PartialEq>(key: &str, own: &T, usual: &T) -> Result<(), LearnError> {
    let expected = format!("{}, unless stages = 0", usual.show());
    in_range(own == usual, key, own.show(), &expected)
}

/// The first policy of a seat: means near the middle, standard deviations of `initial_std` (means, then their logarithms, `2 dims` numbers).
#[cfg(feature = "learn")]
fn first_policy(options: &SacOptions, seat: &Seat, rng: &mut Stream) -> Mlp {
    let dims = seat.space.continuous;
    let (width, act) = (seat.observation_width, options.activation);
    let mut policy = Mlp::new(width, &options.network, 2 * dims, act, 0.01, rng);
    policy.last_layer_mut().1[dims..].fill(options.initial_std.ln() as f32);
    policy
}

/// The tanh-squashed Gaussian policy as it is handed over: with the average of its later weights, if there is one.
#[cfg(feature = "learn")]
fn squashed_policy(
    seat: &Seat,
    observation: Option<&RunningStatistics>,
    centre: &[f32],
    net: &Mlp,
    average: &Average,
) -> Policy {
    let mut net = net.clone();
    let weights = average.or(net.params()).to_vec();
    net.params_mut().copy_from_slice(&weights);
    Policy {
        method: SacOptions::METHOD.into(),
        space: seat.space.clone(),
        observation_width: seat.observation_width,
        observation: observation.cloned(),
        centre: centre.to_vec(),
        kind: PolicyKind::Squashed { net },
    }
}

#[cfg(feature = "learn")]
pub use continual::Sac;
#[cfg(feature = "learn")]
pub use stages::StagedSac;

#[cfg(all(test, feature = "learn"))]
mod tests;
