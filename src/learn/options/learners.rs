//! The options of every learner with the ranges they may take; built without the learners too, so that a model's
//! `train { }` blocks are checked by an econc that cannot train.

use super::{Linear, in_range, learner_options};
use crate::learn::LearnError;
use crate::learn::centre::FirstPolicy;
use crate::learn::critic::CriticForm;
use crate::learn::nets::{Activation, OptimizerKind};

learner_options! {
    /// Options of proximal policy optimisation.
    pub struct PpoOptions("ppo") {
        /// Environment steps to learn from, all slots counted.
        steps: u64 = 4_000_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 64,
        /// Worlds with common random numbers: they meet the same shocks and noises, so that they differ by their actions alone; 1 gives
        /// every world its own.
        common_chance: usize = 16,
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
        /// Largest weight of the bootstrapped value in an advantage: rows so near to where the record stops that it weighs more are left
        /// out (none, where the horizon is too short for that). 1 uses all rows.
        unplayed: f64 = 0.2,
        /// How far the ratio of new to old probabilities may move from 1.
        clip: f64 = 0.2,
        /// Whether the clip falls linearly to zero.
        anneal_clip: bool = false,
        /// Range a value may move in one update, in standardised units; `none` does not clip.
        value_clip: Option<f64> = None,
        /// Weight of the entropy bonus at the start; it falls linearly to `entropy_end`.
        entropy: f64 = 0.0,
        /// Weight of the entropy bonus at the end.
        entropy_end: f64 = 0.0,
        /// Weight of the squared error of values.
        value_weight: f64 = 0.5,
        /// Longest gradient; longer ones are shortened. 0 never shortens.
        gradient_norm: f64 = 0.5,
        /// Ends an update early when the policy has moved 1.5 times this far (approximate Kullback-Leibler divergence).
        target_kl: Option<f64> = None,
        /// Whether advantages are standardised in each minibatch.
        normalize_advantages: bool = true,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether rewards are divided by the standard deviation of the discounted return.
        normalize_rewards: bool = false,
        /// Whether the targets of the value network are standardised.
        normalize_values: bool = true,
        /// Hidden layers of policy and value network.
        network: Vec<usize> = vec![64, 64],
        /// Function between layers.
        activation: Activation = Activation::Tanh,
        /// Warm start of the policy: at the best constant that is found by trying (`constant`; the tries count as steps), or in the
        /// middle of the bounds (`middle`).
        first_policy: FirstPolicy = FirstPolicy::Constant,
        /// First standard deviation of continuous actions, in units of half their range.
        initial_std: f64 = 0.5,
        /// Share of the steps after which the policy handed over is the mean of all later ones; 1 hands over the last.
        average_from: f64 = 0.5,
        /// Optimiser.
        optimizer: OptimizerKind = OptimizerKind::Adam,
    }
}

impl PpoOptions {
    /// Refuses an option that is out of its range.
    ///
    /// # Errors
    /// [`LearnError::BadOption`].
    pub(crate) fn check(&self) -> Result<(), LearnError> {
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
        entropy(self.entropy, self.entropy_end)?;
        not_negative("value_weight", self.value_weight)?;
        not_negative("gradient_norm", self.gradient_norm)?;
        self.target_kl.map_or(Ok(()), |x| positive("target_kl", x))?;
        network(&self.network)?;
        positive("initial_std", self.initial_std)?;
        share("average_from", self.average_from)
    }
}

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
        /// Longest gradient; longer ones are shortened. 0 never shortens.
        gradient_norm: f64 = 0.5,
        /// Whether advantages are standardised.
        normalize_advantages: bool = false,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether rewards are divided by the standard deviation of the discounted return.
        normalize_rewards: bool = false,
        /// Whether the targets of the value network are standardised.
        normalize_values: bool = true,
        /// Hidden layers of policy and value network.
        network: Vec<usize> = vec![64, 64],
        /// Function between layers.
        activation: Activation = Activation::Tanh,
        /// Warm start of the policy: at the best constant that is found by trying (`constant`; the tries count as steps), or in the
        /// middle of the bounds (`middle`).
        first_policy: FirstPolicy = FirstPolicy::Constant,
        /// First standard deviation of continuous actions, in units of half their range.
        initial_std: f64 = 0.5,
        /// Share of the steps after which the policy handed over is the mean of all later ones; 1 hands over the last.
        average_from: f64 = 0.6,
        /// Optimiser.
        optimizer: OptimizerKind = OptimizerKind::RmsProp,
    }
}

impl A2cOptions {
    /// Refuses an option that is out of its range.
    ///
    /// # Errors
    /// [`LearnError::BadOption`].
    pub(crate) fn check(&self) -> Result<(), LearnError> {
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
        share("average_from", self.average_from)
    }
}

learner_options! {
    /// Options of deep Q-learning.
    pub struct DqnOptions("dqn") {
        /// Environment steps to learn from, all slots counted.
        steps: u64 = 300_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 8,
        /// Environment steps between trainings.
        train_every: usize = 8,
        /// Gradient steps of each training.
        gradient_steps: usize = 4,
        /// Rows of one gradient step.
        minibatch: usize = 128,
        /// Transitions remembered.
        memory: usize = 100_000,
        /// Environment steps at random before training begins.
        warmup: usize = 1000,
        /// Step size of the optimiser, at the start.
        learning_rate: f64 = 5e-4,
        /// Whether the step size falls linearly to zero.
        anneal: bool = true,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// Share of random choices at the start.
        exploration: f64 = 1.0,
        /// Share of random choices at the end.
        exploration_end: f64 = 0.02,
        /// Share of the steps over which it falls.
        exploration_time: f64 = 0.3,
        /// Environment steps between copies of the network into its target.
        target_every: usize = 500,
        /// Whether the network itself picks the choice whose target value is taken.
        double: bool = true,
        /// Whether values are split into a level and advantages.
        dueling: bool = true,
        /// Periods summed before a value is taken.
        n_step: usize = 1,
        /// Exponent of prioritised draws; `none` draws evenly.
        priority: Option<f64> = None,
        /// First exponent of the correction for prioritised draws; it rises to 1.
        priority_beta: f64 = 0.4,
        /// Longest gradient; longer ones are shortened. 0 never shortens.
        gradient_norm: f64 = 10.0,
        /// Points of the grid of each continuous dimension.
        bins: usize = 15,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether the targets of the network are standardised.
        normalize_values: bool = true,
        /// Hidden layers.
        network: Vec<usize> = vec![64, 64],
        /// Function between layers.
        activation: Activation = Activation::Relu,
    }
}

impl DqnOptions {
    /// Refuses an option that is out of its range.
    ///
    /// # Errors
    /// [`LearnError::BadOption`].
    pub(crate) fn check(&self) -> Result<(), LearnError> {
        playing(self.steps, self.worlds, self.discount)?;
        remembering(self.train_every, self.minibatch, self.memory, self.n_step)?;
        at_least_one("gradient_steps", self.gradient_steps)?;
        step_size("learning_rate", self.learning_rate)?;
        share("exploration", self.exploration)?;
        share("exploration_end", self.exploration_end)?;
        share("exploration_time", self.exploration_time)?;
        at_least_one("target_every", self.target_every)?;
        self.priority.map_or(Ok(()), |x| not_negative("priority", x))?;
        share("priority_beta", self.priority_beta)?;
        let warmup = (self.warmup as u64) < self.steps;
        in_range(
            warmup,
            "warmup",
            self.warmup,
            "fewer than `steps`, or nothing is learned",
        )?;
        not_negative("gradient_norm", self.gradient_norm)?;
        bins(self.bins)?;
        network(&self.network)
    }
    /// Share of random choices after `steps`.
    #[cfg_attr(not(feature = "learn"), expect(dead_code, reason = "read by the learner"))]
    pub(crate) fn epsilon(&self, steps: u64) -> f64 {
        let time = (self.exploration_time * self.steps as f64).max(1.0);
        Linear {
            from: self.exploration,
            to: self.exploration_end,
        }
        .at(steps as f64 / time)
    }
}

learner_options! {
    /// Options of soft actor-critic.
    pub struct SacOptions("sac") {
        /// Environment steps to learn from, all slots counted.
        steps: u64 = 2_000_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 128,
        /// Worlds with common random numbers: they meet the same shocks and noises, so that they differ by their actions alone; 1 gives
        /// every world its own.
        common_chance: usize = 16,
        /// Environment steps between trainings.
        train_every: usize = 512,
        /// Gradient steps of each training.
        gradient_steps: usize = 32,
        /// Rows of one gradient step.
        minibatch: usize = 256,
        /// Transitions remembered.
        memory: usize = 1_000_000,
        /// Environment steps at random before training begins, at most a tenth of all.
        warmup: usize = 10_000,
        /// Share of the steps in which the critics alone learn.
        critics_first: f64 = 0.1,
        /// Step size of the optimisers, at the start.
        learning_rate: f64 = 3e-4,
        /// Whether the step size falls linearly to zero.
        anneal: bool = true,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// How far the following critics move towards the critics at each gradient step.
        target_rate: f64 = 0.02,
        /// Entropy of the policy at the start, for each dimension.
        target_entropy: f64 = -1.0,
        /// Entropy of the policy at the end, for each dimension.
        target_entropy_end: f64 = -2.5,
        /// First standard deviation of actions, before tanh.
        initial_std: f64 = 0.3,
        /// Smallest standard deviation of actions in play, before tanh; the policy itself may become surer.
        exploration_std: f64 = 0.15,
        /// What a critic is made of: a level and an `advantage` with a scale of its own, or one `joint` network of state and action.
        critic: CriticForm = CriticForm::Advantage,
        /// First temperature, in units of the standard deviation of values.
        temperature: f64 = 0.001,
        /// Periods summed before a value is taken.
        n_step: usize = 32,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether the targets of the critics are standardised.
        normalize_values: bool = true,
        /// Share of the steps after which the policy handed over is the mean of all later ones; 1 hands over the last.
        average_from: f64 = 0.6,
        /// Warm start of the policy: at the best constant that is found by trying (`constant`; the tries count as steps), or in the
        /// middle of the bounds (`middle`).
        first_policy: FirstPolicy = FirstPolicy::Constant,
        /// Hidden layers of policy and critics.
        network: Vec<usize> = vec![64, 64],
        /// Function between layers.
        activation: Activation = Activation::Tanh,
    }
}

impl SacOptions {
    /// Refuses an option that is out of its range.
    ///
    /// # Errors
    /// [`LearnError::BadOption`].
    pub(crate) fn check(&self) -> Result<(), LearnError> {
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
        network(&self.network)
    }
}

learner_options! {
    /// Options of recurrent proximal policy optimisation.
    pub struct RecurrentPpoOptions("recurrent_ppo") {
        /// Environment steps to learn from, all slots counted.
        steps: u64 = 1_000_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 16,
        /// Periods played between updates, in each world; gradients reach back as far.
        horizon: usize = 64,
        /// Passes over what was played.
        epochs: usize = 8,
        /// Slots whose sequences make one gradient step.
        minibatch_slots: usize = 4,
        /// Step size of the optimiser, at the start.
        learning_rate: f64 = 5e-4,
        /// Whether the step size falls linearly to zero.
        anneal: bool = true,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// GAE lambda: weight of multi-step against one-step TD errors in advantages.
        gae_lambda: f64 = 0.95,
        /// How far the ratio of new to old probabilities may move from 1.
        clip: f64 = 0.2,
        /// Weight of the entropy bonus at the start; it falls linearly to `entropy_end`.
        entropy: f64 = 0.0,
        /// Weight of the entropy bonus at the end.
        entropy_end: f64 = 0.0,
        /// Weight of the squared error of values.
        value_weight: f64 = 0.5,
        /// Longest gradient; longer ones are shortened. 0 never shortens.
        gradient_norm: f64 = 0.5,
        /// Ends an update early when the policy has moved 1.5 times this far (approximate Kullback-Leibler divergence).
        target_kl: Option<f64> = None,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether the targets of the value network are standardised.
        normalize_values: bool = true,
        /// Width of the memory of policy and value network.
        memory: usize = 64,
        /// Hidden layers behind the memory.
        network: Vec<usize> = vec![64],
        /// Function between layers.
        activation: Activation = Activation::Tanh,
        /// First standard deviation of continuous actions, in units of half their range.
        initial_std: f64 = 0.5,
    }
}

impl RecurrentPpoOptions {
    /// Refuses an option that is out of its range.
    ///
    /// # Errors
    /// [`LearnError::BadOption`].
    pub(crate) fn check(&self) -> Result<(), LearnError> {
        playing(self.steps, self.worlds, self.discount)?;
        at_least_one("horizon", self.horizon)?;
        at_least_one("epochs", self.epochs)?;
        at_least_one("minibatch_slots", self.minibatch_slots)?;
        step_size("learning_rate", self.learning_rate)?;
        share("gae_lambda", self.gae_lambda)?;
        positive("clip", self.clip)?;
        entropy(self.entropy, self.entropy_end)?;
        not_negative("value_weight", self.value_weight)?;
        not_negative("gradient_norm", self.gradient_norm)?;
        self.target_kl.map_or(Ok(()), |x| positive("target_kl", x))?;
        in_range((1..=4096).contains(&self.memory), "memory", self.memory, "1 to 4096")?;
        network(&self.network)?;
        positive("initial_std", self.initial_std)
    }
}

/// Checks the options that all learners have.
///
/// # Errors
/// [`LearnError::BadOption`].
pub(crate) fn playing(steps: u64, worlds: usize, discount: Option<f64>) -> Result<(), LearnError> {
    in_range(steps > 0, "steps", steps, "at least 1")?;
    in_range((1..=1_000_000).contains(&worlds), "worlds", worlds, "1 to 1_000_000")?;
    discount.map_or(Ok(()), |d| share("discount", d))
}

/// What learners have that keep what was played.
fn remembering(train_every: usize, minibatch: usize, memory: usize, n_step: usize) -> Result<(), LearnError> {
    at_least_one("train_every", train_every)?;
    at_least_one("minibatch", minibatch)?;
    in_range(
        (1..=100_000_000).contains(&memory),
        "memory",
        memory,
        "1 to 100_000_000",
    )?;
    in_range((1..=1000).contains(&n_step), "n_step", n_step, "1 to 1000")
}

fn entropy(start: f64, end: f64) -> Result<(), LearnError> {
    not_negative("entropy", start)?;
    not_negative("entropy_end", end)
}

/// Checks the number of grid points of a continuous dimension.
///
/// # Errors
/// [`LearnError::BadOption`].
pub(crate) fn bins(bins: usize) -> Result<(), LearnError> {
    in_range((1..=100_000).contains(&bins), "bins", bins, "1 to 100_000")
}

fn network(layers: &[usize]) -> Result<(), LearnError> {
    let ok = layers.len() <= 8 && layers.iter().all(|n| (1..=4096).contains(n));
    let shown = format!("{layers:?}");
    in_range(
        ok,
        "network",
        shown,
        "up to 8 layers of 1 to 4096 units, as in [64, 64]",
    )
}

fn at_least_one(key: &str, n: usize) -> Result<(), LearnError> {
    in_range(n > 0, key, n, "at least 1")
}

/// Learners compute in single precision, where much larger numbers are infinite and much smaller ones 0.
fn positive(key: &str, x: f64) -> Result<(), LearnError> {
    in_range((1e-12..=1e6).contains(&x), key, x, "a number from 1e-12 to 1e6")
}

/// A step size that single precision holds. One that is too large ends the training with the loss that broke (E0924).
fn step_size(key: &str, x: f64) -> Result<(), LearnError> {
    in_range((1e-30..=1e30).contains(&x), key, x, "a number from 1e-30 to 1e30")
}

/// Checks that a number is not negative, and that single precision holds it.
///
/// # Errors
/// [`LearnError::BadOption`].
pub(crate) fn not_negative(key: &str, x: f64) -> Result<(), LearnError> {
    in_range((0.0..=1e6).contains(&x), key, x, "a number from 0 to 1e6")
}

/// Checks that a number is between 0 and 1.
///
/// # Errors
/// [`LearnError::BadOption`].
pub(crate) fn share(key: &str, x: f64) -> Result<(), LearnError> {
    in_range((0.0..=1.0).contains(&x), key, x, "a number between 0 and 1")
}
