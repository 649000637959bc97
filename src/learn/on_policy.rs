//! Actor and critic of the on-policy learners, and their play.
//!
//! Policy and value are separate networks. Running statistics standardise observations as they come; actions are
//! stored as drawn and clipped only on their way into the environment, so that their probabilities are those of the normal
//! law; values are computed once, after the stretch, in one batch.

use super::central::Critic;
use super::centre::{self, FirstPolicy};
use super::chance::COMMON_KEPT;
use super::distribution::{self, Noise};
use super::effects::{self, Effects, Rows};
use super::nets::tape::{Backward, Flat, OnTape, Taped, take};
use super::nets::{Activation, Mlp, Net, Optimizer, OptimizerKind, Workspace, clip_factor};
use super::normalize::{Average, RewardScale, RunningStatistics, ValueScale, rescale, standardize_rows};
use super::policy::{Policy, PolicyKind};
use super::rollout::Rollout;
use super::{LearnError, all_finite, discount_of};
use crate::env::{Actions, Game, Seat, Seen, Told};
use crate::num::random::Stream;
use serde::{Deserialize, Serialize};

/// GAE weights of the surprises that are told apart: of near and of far chance.
const SURPRISES: [f32; 3] = [0.5, 0.85, 1.0];

/// Actor and critic: networks, statistics, and the stretch of play.
#[derive(Clone, Serialize, Deserialize)]
pub struct ActorCritic {
    pub(crate) seat: Seat,
    pub(crate) discount: f32,
    pub(crate) policy: Mlp,
    pub(crate) log_std: Vec<f32>,
    /// Periods since the episode of each slot began, one per slot.
    age: Vec<u32>,
    /// What noise of actions does to what is earned.
    effects: Effects,
    /// What one unit of the policy's head moves an action by, in units of half its range; nothing stands for one.
    unit: Vec<f32>,
    pub(crate) value: Mlp,
    pub(crate) observation: Option<RunningStatistics>,
    /// Whose eyes the value network has, and what standardises what a central one sees.
    critic: Critic,
    joint: Option<RunningStatistics>,
    pub(crate) reward: Option<RewardScale>,
    pub(crate) scale: ValueScale,
    pub(crate) average: Average,
    pub(crate) noise: Noise,
    pub(crate) shuffle: Stream,
    pub(crate) steps: u64,
    /// Periods of a full stretch of play, and the rows of the present one.
    horizon: usize,
    pub(crate) rollout: Rollout,
    /// Whether it has learned from a stretch.
    begun: bool,
    /// Whether statistics of observations stay as they are.
    settled: bool,
    refined: Refined,
    /// First standard deviation, and its ceiling at the end.
    narrowing: (f64, Option<f64>),
    /// The warm start, and the environment steps that it may spend.
    first_policy: (FirstPolicy, u64),
    /// Where zero of each continuous dimension stands.
    centre: Vec<f32>,
    #[serde(skip)]
    scratch: Scratch,
}

#[derive(Clone, Default)]
struct Scratch {
    ws: Workspace,
    row: Vec<f32>,
    head: Vec<f32>,
}

/// What makes advantages less noisy, and inputs easier to read. By default nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refined {
    /// What is known of the effects of noise is taken out of advantages where it says nothing of the action that is judged.
    pub control_variates: bool,
    /// See [`Rollout::remove_common`].
    pub powers: u32,
    /// See [`Rollout::remove_common`].
    pub even: f64,
    /// Rows count by the discount factor to the power of this times the periods since their episode began.
    pub ages: f64,
    /// Targets are held within so many times the distance from their median to their outer quantiles; 0 does not.
    pub held: f64,
    /// How much noise a constant can bear is tried.
    pub try_noise: bool,
    /// Smallest standard deviation, as a share of the first.
    pub least_std: f64,
    /// Scale of the first layer, see [`Mlp::spread_first`]; 0 leaves it as it is.
    pub spread: f64,
    /// Share of what statistics of observations know that the next stretch keeps.
    pub remembered: f64,
}

impl Default for Refined {
    fn default() -> Refined {
        Refined {
            control_variates: false,
            powers: 0,
            even: 0.0,
            ages: 0.0,
            held: 0.0,
            try_noise: false,
            least_std: 0.0,
            spread: 0.0,
            remembered: 1.0,
        }
    }
}

/// What options of on-policy learners have in common.
pub struct Settings<'a> {
    /// Widths of the hidden layers of both networks: one per layer.
    pub network: &'a [usize],
    /// Between layers.
    pub activation: Activation,
    /// First standard deviation of continuous actions, in units of half their range.
    pub initial_std: f64,
    /// The ceiling of it at the end.
    pub final_std: Option<f64>,
    /// Discount if not the model's.
    pub discount: Option<f64>,
    /// Standardise observations.
    pub normalize_observations: bool,
    /// Scale rewards.
    pub normalize_rewards: bool,
    /// Standardise the targets of the value network.
    pub normalize_values: bool,
    /// Whose eyes the value network has.
    pub critic: Critic,
    /// Where the policy starts.
    pub first_policy: FirstPolicy,
    /// Environment steps to learn from.
    pub steps: u64,
    /// Periods of a stretch.
    pub horizon: usize,
    /// Less noise.
    pub refined: Refined,
}

/// The [`Settings`] among the options of an on-policy learner.
macro_rules! settings_of {
    ($options:expr) => {
        $crate::learn::on_policy::Settings {
            network: &$options.network,
            activation: $options.activation,
            initial_std: $options.initial_std,
            final_std: $options.final_std,
            discount: $options.discount,
            normalize_observations: $options.normalize_observations,
            normalize_rewards: $options.normalize_rewards,
            normalize_values: $options.normalize_values,
            critic: $options.critic,
            first_policy: $options.first_policy,
            steps: $options.steps,
            horizon: $options.horizon,
            refined: $crate::learn::on_policy::Refined::default(),
        }
    };
}
pub(crate) use settings_of;

impl ActorCritic {
    /// Fresh networks.
    ///
    /// # Errors
    /// [`LearnError::Unsuitable`] or [`LearnError::BadOption`].
    pub fn new(settings: &Settings, seat: &Seat, seed: u64) -> Result<Self, LearnError> {
        let discount = discount_of(settings.discount, seat)?;
        let mut rng = Stream::new(seed, 1);
        let width = seat.observation_width;
        let head = distribution::head_width(&seat.space);
        let mut policy = Mlp::new(width, settings.network, head, settings.activation, 0.01, &mut rng);
        let valued = match settings.critic {
            Critic::Own => width,
            Critic::Central => seat.joint_width,
        };
        if valued == 0 {
            return Err(LearnError::Unsuitable {
                method: "critic = central",
                reason: "nothing is shown to a central critic".into(),
                instead: "critic = own",
            });
        }
        let mut value = Mlp::new(valued, settings.network, 1, settings.activation, 1.0, &mut rng);
        if settings.refined.spread > 0.0 {
            let mut rng = Stream::new(seed, 9);
            policy.spread_first(settings.refined.spread, &mut rng);
            value.spread_first(settings.refined.spread, &mut rng);
        }
        Ok(ActorCritic {
            centre: Vec::new(),
            unit: Vec::new(),
            discount,
            policy,
            value,
            log_std: vec![settings.initial_std.ln() as f32; seat.space.continuous],
            age: vec![0; seat.slots],
            effects: Effects::new(width, seat.space.continuous, SURPRISES.len()),
            observation: settings.normalize_observations.then(|| RunningStatistics::new(width)),
            critic: settings.critic,
            joint: (settings.critic == Critic::Central && settings.normalize_observations)
                .then(|| RunningStatistics::new(valued)),
            reward: settings.normalize_rewards.then(|| RewardScale::new(seat.slots)),
            scale: ValueScale::new(settings.normalize_values, 0.05),
            average: Average::default(),
            noise: Noise::new(seed, 2),
            shuffle: Stream::new(seed, 3),
            steps: 0,
            horizon: settings.horizon,
            rollout: Rollout::default(),
            begun: false,
            settled: false,
            refined: settings.refined,
            narrowing: (settings.initial_std, settings.final_std),
            first_policy: (settings.first_policy, settings.steps / 10),
            seat: seat.clone(),
            scratch: Scratch::default(),
        })
    }

    /// Whether what was read from a file has the form of `self`.
    pub fn fits(&self, other: &ActorCritic) -> bool {
        let same = |a: &Mlp, b: &Mlp| a.is_consistent() && a.sizes() == b.sizes();
        self.seat == other.seat
            && self.critic == other.critic
            && same(&self.policy, &other.policy)
            && same(&self.value, &other.value)
            && self.log_std.len() == other.log_std.len()
    }

    /// Warm start: moves zero of the policy to the best constant that trying finds, if the options ask for it.
    /// Returns what is to be said of it.
    pub fn warm_start(&mut self, trial: &mut dyn Game, seed: u64) -> Option<String> {
        let (first, most) = self.first_policy;
        let widest = self.log_std.iter().fold(0.0f32, |w, l| w.max(l.exp()));
        let tried = self.refined.try_noise.then_some(f64::from(widest));
        let found = centre::of(first, trial, seed, most, tried);
        self.unit = found.std.iter().map(|s| s / widest).collect();
        (self.centre, self.steps) = (found.constant, self.steps + found.steps);
        found.said
    }

    /// Draws actions, and remembers them with the observations.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    pub fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        let slots = self.seat.slots;
        let (c, d) = (self.seat.space.continuous, self.seat.space.discrete.len());
        all_finite("an observation", seen.observation, self.steps)?;
        if self.critic == Critic::Central {
            all_finite("what the critic sees", seen.joint, self.steps)?;
            if let Some(statistics) = &mut self.joint {
                statistics.update(seen.joint);
            }
            self.see_jointly(seen.joint);
        }
        self.standardize(seen.observation, true);
        let (Scratch { ws, row, head }, rollout) = (&mut self.scratch, &mut self.rollout);
        rollout.slots = slots;
        rollout.observation.extend_from_slice(row);
        rollout.mask.extend_from_slice(seen.mask);
        rollout.age.extend_from_slice(&self.age);
        head.resize(slots * self.policy.outputs(), 0.0);
        self.policy.infer(row, slots, ws, head);
        let (at_c, at_d, at) = (rollout.continuous.len(), rollout.discrete.len(), rollout.log_prob.len());
        rollout.continuous.resize(at_c + slots * c, 0.0);
        rollout.discrete.resize(at_d + slots * d, 0);
        rollout.log_prob.resize(at + slots, 0.0);
        distribution::sample(
            &self.seat.space,
            head,
            &self.log_std,
            seen.mask,
            &mut self.noise,
            &mut rollout.continuous[at_c..],
            &mut rollout.discrete[at_d..],
            &mut rollout.log_prob[at..],
        );
        let width = self.policy.outputs();
        for s in 0..slots {
            for j in 0..c {
                let z = (rollout.continuous[at_c + s * c + j] - head[s * width + j]) / self.log_std[j].exp();
                rollout.noise.push(z);
            }
        }
        actions.continuous.clear();
        if self.unit.is_empty() {
            actions
                .continuous
                .extend(rollout.continuous[at_c..].iter().map(|a| a.clamp(-1.0, 1.0)));
        } else {
            let scaled = rollout.continuous[at_c..].iter().zip(self.unit.iter().cycle());
            actions.continuous.extend(scaled.map(|(a, u)| (a * u).clamp(-1.0, 1.0)));
        }
        actions.discrete.clear();
        actions.discrete.extend_from_slice(&rollout.discrete[at_d..]);
        centre::place(&self.centre, &mut actions.continuous);
        Ok(())
    }

    /// An optimiser for policy, standard deviations and value together.
    pub fn optimizer(&self, kind: OptimizerKind) -> Optimizer {
        let count = self.policy.params().len() + self.log_std.len() + self.value.params().len();
        Optimizer::new(kind, count, 1e-5)
    }

    /// One step down the gradient of a loss of policy, standard deviations and value, which were put on its tape; the norm of the
    /// gradient, which was shortened to `longest`.
    pub fn descend(
        &mut self,
        loss: Taped<()>,
        (policy, log_std, value): (OnTape<Mlp>, Flat, OnTape<Mlp>),
        optimizer: &mut Optimizer,
        rate: f64,
        longest: f64,
    ) -> f64 {
        let mut gradients = loss.backward();
        let [dpolicy, dlog_std, dvalue] = [
            policy.gradient(&mut gradients),
            take(&mut gradients, &log_std),
            value.gradient(&mut gradients),
        ];
        let (factor, norm) = clip_factor(&[&dpolicy, &dlog_std, &dvalue], longest);
        let mut parts = [
            (self.policy.params_mut(), &dpolicy[..]),
            (&mut self.log_std[..], &dlog_std[..]),
            (self.value.params_mut(), &dvalue[..]),
        ];
        optimizer.step(&mut parts, rate, factor);
        norm
    }

    /// Takes in what came of the last actions.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    pub fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
        all_finite("a reward", told.reward, self.steps)?;
        let rollout = &mut self.rollout;
        let at = rollout.told(told);
        for (s, age) in self.age.iter_mut().enumerate() {
            *age = if told.ended(s) { 0 } else { *age + 1 };
        }
        if let Some(scale) = &mut self.reward {
            scale.apply(self.discount, &mut rollout.reward[at..], |s| rollout.ended[at + s]);
        }
        self.last_observations(told, at);
        if self.rollout.periods == self.horizon {
            self.standardize(told.next.observation, false);
            self.rollout.observation.extend_from_slice(&self.scratch.row);
            if self.critic == Critic::Central {
                self.see_jointly(told.next.joint);
            }
        }
        Ok(())
    }

    /// Remembers what a central critic sees.
    fn see_jointly(&mut self, joint: &[f32]) {
        standardize_rows(self.joint.as_ref(), joint, &mut self.scratch.row);
        self.rollout.joint.extend_from_slice(&self.scratch.row);
    }

    /// Whether the stretch is full. If so, its advantages have been estimated (in the units of the value network); it must be
    /// cleared after it was learned from.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    pub fn is_full(&mut self, lambda: f32) -> Result<bool, LearnError> {
        if !self.is_played() {
            return Ok(false);
        }
        self.begin_stretch();
        let width = self.seat.observation_width;
        let ages = self.ages();
        let rollout = &mut self.rollout;
        let rows = rollout.rows();
        rollout.said.clear();
        if self.refined.control_variates && self.effects.is_some() {
            rollout.find_surprises(self.discount, self.seat.chance, &SURPRISES);
            let count = f64::from(self.discount).powf(ages);
            let weight: Vec<f32> = (rollout.age.iter())
                .map(|age| count.powf(f64::from(*age)) as f32)
                .collect();
            let seen = &rollout.observation[..rows * width];
            effects::centre_surprises(seen, width, &mut rollout.surprise, &weight);
            rollout.said = self.effects.of(&Rows {
                observation: &rollout.observation[..rows * width],
                noise: &rollout.noise,
                surprise: &rollout.surprise,
            });
        }
        rollout.estimate_advantages(self.discount, lambda);
        self.end_stretch()?;
        Ok(true)
    }

    /// Whether the stretch is full; nothing has been done with it yet.
    pub fn is_played(&self) -> bool {
        self.rollout.periods >= self.horizon
    }

    /// Counts a full stretch and looks up its values.
    pub fn begin_stretch(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            let ends = self.rollout.share_terminated();
            self.scale.start(&self.rollout.reward, self.discount as f64, ends);
        }
        self.steps += self.rollout.rows() as u64;
        self.values();
    }

    /// Takes out of estimated advantages what no action brought about, and puts them into the units of the value network.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    pub fn end_stretch(&mut self) -> Result<(), LearnError> {
        let (refined, width, ages) = (self.refined, self.seat.observation_width, self.ages());
        let rollout = &mut self.rollout;
        rollout.remove_common(self.seat.chance, COMMON_KEPT, width, refined.powers, refined.even);
        all_finite("an advantage", &rollout.advantage, self.steps)?;
        if refined.control_variates {
            let whole: Vec<f32> = match rollout.said.is_empty() {
                true => rollout.advantage.clone(),
                false => (rollout.advantage.iter().zip(&rollout.said))
                    .map(|(a, s)| a + s[1])
                    .collect(),
            };
            let rows = Rows {
                observation: &rollout.observation[..whole.len() * width],
                noise: &rollout.noise,
                surprise: &rollout.surprise,
            };
            self.effects.learn(&rows, &whole, &rollout.weight);
        }
        if refined.even > 0.0 {
            rollout.even_out();
        }
        if ages > 0.0 {
            rollout.weigh_ages(f64::from(self.discount).powf(ages));
        }
        if refined.held > 0.0 {
            rollout.hold_targets(refined.held as f32);
        }
        let correction = self.scale.update(&rollout.target);
        rescale(&mut self.value, correction, 1);
        // Advantages in the units of the value network, so that one gradient norm fits both.
        let unit = 1.0 / self.scale.sd() as f32;
        rollout.advantage.iter_mut().for_each(|a| *a *= unit);
        Ok(())
    }

    /// See [`Refined::ages`]. Where the discount factor is 0 nothing that was done before matters: every period is a first one.
    fn ages(&self) -> f64 {
        if self.discount > 0.0 { self.refined.ages } else { 0.0 }
    }

    /// Puts zero of each continuous dimension where it stands for `other`.
    pub fn centred_as(&mut self, other: &ActorCritic) {
        self.centre.clone_from(&other.centre);
        self.unit.clone_from(&other.unit);
    }

    /// Statistics of observations forget part of what was seen before; call it when a stretch has been learned from.
    pub fn forget(&mut self) {
        if let (Some(statistics), true) = (&mut self.observation, self.refined.remembered < 1.0) {
            statistics.forget(self.refined.remembered);
        }
    }

    /// Statistics of observations stay as they are from now on, if they would have forgotten.
    pub fn settle(&mut self) {
        self.settled |= self.refined.remembered < 1.0;
    }

    /// Holds standard deviations under their ceiling, or else above their floor, `progress` being the share of the steps that are done.
    pub fn narrow(&mut self, progress: f64) {
        let (first, last) = self.narrowing;
        distribution::narrow(&mut self.log_std, first, last, progress);
        if self.refined.least_std > 0.0 {
            // Where there is a ceiling, the floor is no higher.
            let least = (first * self.refined.least_std).min(last.unwrap_or(f64::INFINITY)).ln() as f32;
            self.log_std.iter_mut().for_each(|l| *l = l.max(least));
        }
    }

    /// Remembers the last observations of the episodes that were truncated.
    fn last_observations(&mut self, told: &Told<'_>, at: usize) {
        let width = self.seat.observation_width;
        let rollout = &mut self.rollout;
        let first = rollout.truncated_rows.partition_point(|r| *r < at);
        for k in first..rollout.truncated_rows.len() {
            let s = rollout.truncated_rows[k] - at;
            let row = &told.last[s * width..(s + 1) * width];
            standardize_rows(self.observation.as_ref(), row, &mut self.scratch.head);
            rollout.truncated_observation.extend_from_slice(&self.scratch.head);
            if self.critic == Critic::Central {
                let width = self.value.inputs();
                let row = &told.last_joint[s * width..(s + 1) * width];
                standardize_rows(self.joint.as_ref(), row, &mut self.scratch.head);
                rollout.truncated_joint.extend_from_slice(&self.scratch.head);
            }
        }
    }

    /// Standardised rows into the scratch row, after taking them into the statistics if `learn`.
    fn standardize(&mut self, observation: &[f32], learn: bool) {
        let ages = self.ages();
        if let (Some(statistics), true, false) = (&mut self.observation, learn, self.settled) {
            if ages > 0.0 {
                // What comes later counts little, and worlds come to rest: where they begin would lie ten standard deviations away.
                let late = 1.0 / (1.0 - self.discount).max(f32::MIN_POSITIVE);
                let rows = observation.chunks_exact(self.seat.observation_width.max(1));
                let early = rows.zip(&self.age).filter(|(_, age)| **age as f32 <= late);
                statistics.update(&early.flat_map(|(row, _)| row).copied().collect::<Vec<f32>>());
            } else {
                statistics.update(observation);
            }
        }
        standardize_rows(self.observation.as_ref(), observation, &mut self.scratch.row);
    }

    /// Values of all rows, in units of the reward.
    fn values(&mut self) {
        let rollout = &mut self.rollout;
        let rows = rollout.rows() + rollout.slots;
        let ws = &mut self.scratch.ws;
        let extra = rollout.truncated_rows.len();
        let mut value = std::mem::take(&mut rollout.value);
        let mut truncated = std::mem::take(&mut rollout.truncated_value);
        value.resize(rows, 0.0);
        truncated.resize(extra, 0.0);
        let (seen, last) = rollout.valued();
        self.value.infer(seen, rows, ws, &mut value);
        self.value.infer(last, extra, ws, &mut truncated);
        (rollout.value, rollout.truncated_value) = (value, truncated);
        for v in rollout.value.iter_mut().chain(&mut rollout.truncated_value) {
            *v = self.scale.restore(*v);
        }
    }

    /// The policy as it stands.
    pub fn snapshot(&self, method: &str) -> Policy {
        let mut net = self.policy.clone();
        net.params_mut().copy_from_slice(self.average.or(self.policy.params()));
        let mut log_std = self.log_std.clone();
        if !self.unit.is_empty() {
            let (weights, biases) = net.last_layer_mut();
            let n = biases.len();
            for (k, w) in weights.iter_mut().enumerate() {
                *w *= self.unit.get(k % n).copied().unwrap_or(1.0);
            }
            biases.iter_mut().zip(&self.unit).for_each(|(b, u)| *b *= u);
            log_std.iter_mut().zip(&self.unit).for_each(|(l, u)| *l += u.ln());
        }
        Policy {
            method: method.into(),
            space: self.seat.space.clone(),
            observation_width: self.seat.observation_width,
            observation: self.observation.clone(),
            centre: self.centre.clone(),
            kind: PolicyKind::Feedforward { net, log_std },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::worlds::{CartPole, Copies};

    #[test]
    fn networks_of_other_sizes_do_not_fit() {
        let settings = Settings {
            network: &[8],
            activation: Activation::Tanh,
            initial_std: 1.0,
            final_std: None,
            discount: None,
            normalize_observations: false,
            normalize_rewards: false,
            normalize_values: false,
            critic: Critic::Own,
            first_policy: FirstPolicy::Middle,
            steps: 100,
            horizon: 4,
            refined: Refined::default(),
        };
        let seat = Copies::new(CartPole::default(), 2, 10).seats()[0].clone();
        let agent = ActorCritic::new(&settings, &seat, 1).unwrap();
        assert!(agent.fits(&ActorCritic::new(&settings, &seat, 2).unwrap()));
        let other = |outputs| Mlp::new(4, &[7], outputs, Activation::Tanh, 1.0, &mut Stream::new(1, 0));
        let (mut value, mut policy) = (agent.clone(), agent.clone());
        value.value = other(1);
        policy.policy = other(2);
        assert!(!value.fits(&agent) && !policy.fits(&agent));
    }

    #[test]
    fn late_periods_count_where_nothing_is_carried_over() {
        let seat = Copies::new(CartPole::default(), 2, 10).seats()[0].clone();
        let counted = |discount: f64| {
            let settings = Settings {
                network: &[8],
                activation: Activation::Tanh,
                initial_std: 1.0,
                final_std: None,
                discount: Some(discount),
                normalize_observations: false,
                normalize_rewards: false,
                normalize_values: true,
                critic: Critic::Own,
                first_policy: FirstPolicy::Middle,
                steps: 100,
                horizon: 2,
                refined: Refined {
                    ages: 0.5,
                    ..Refined::default()
                },
            };
            let mut agent = ActorCritic::new(&settings, &seat, 1).unwrap();
            agent.rollout = Rollout {
                periods: 2,
                slots: 2,
                age: vec![0, 0, 1, 1],
                advantage: vec![1.0, -1.0, 1.0, -1.0],
                target: vec![1.0, 2.0, 3.0, 4.0],
                ..Rollout::default()
            };
            agent.end_stretch().unwrap();
            let a = &agent.rollout.advantage;
            f64::from(a[2] / a[0])
        };
        assert!((counted(0.64) - 0.8).abs() < 1e-6);
        assert!((counted(0.0) - 1.0).abs() < 1e-6);
    }
}
