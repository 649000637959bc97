//! Actor and critic of the on-policy learners, and their play.
//!
//! Policy and value are separate networks. Observations are standardised by running statistics as they come; actions are
//! stored as drawn and clipped only on their way into the environment, so that their probabilities are those of the normal
//! law; values are computed once, after the stretch, in one batch.

use super::centre::{self, FirstPolicy};
use super::distribution::{self, Noise};
use super::nets::{Activation, Mlp, Net, Workspace};
use super::normalize::{Average, RewardScale, RunningStatistics, ValueScale, rescale};
use super::policy::{Policy, PolicyKind};
use super::rollout::Rollout;
use super::{LearnError, Shape, all_finite, discount_of};
use crate::env::VectorEnvironment;
use crate::num::random::Stream;
use serde::{Deserialize, Serialize};

/// Share of what slots under the same chance have in common that goes into the targets of the values.
pub(crate) const COMMON_KEPT: f32 = 0.2;

/// Everything an actor and a critic are.
#[derive(Clone, Serialize, Deserialize)]
pub struct ActorCritic {
    pub(crate) shape: Shape,
    pub(crate) discount: f32,
    pub(crate) policy: Mlp,
    pub(crate) log_std: Vec<f32>,
    pub(crate) value: Mlp,
    pub(crate) observation: Option<RunningStatistics>,
    pub(crate) reward: Option<RewardScale>,
    pub(crate) scale: ValueScale,
    pub(crate) average: Average,
    pub(crate) noise: Noise,
    pub(crate) shuffle: Stream,
    pub(crate) steps: u64,
    /// Whether anything has been played.
    begun: bool,
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
    clipped: Vec<f32>,
}

/// What options of on-policy learners have in common.
pub struct Settings<'a> {
    /// The learner, for messages.
    pub method: &'static str,
    /// Hidden layers of both networks.
    pub network: &'a [usize],
    /// Between layers.
    pub activation: Activation,
    /// First standard deviation of continuous actions, in units of half their range.
    pub initial_std: f64,
    /// Discount if not the model's.
    pub discount: Option<f64>,
    /// Standardise observations.
    pub normalize_observations: bool,
    /// Scale rewards.
    pub normalize_rewards: bool,
    /// Standardise the targets of the value network.
    pub normalize_values: bool,
    /// Where the policy starts.
    pub first_policy: FirstPolicy,
    /// Environment steps to learn from.
    pub steps: u64,
}

impl ActorCritic {
    /// Fresh networks; restarts the environment from `seed`.
    ///
    /// # Errors
    /// [`LearnError::Unsuitable`] or [`LearnError::BadOption`].
    pub fn new(settings: &Settings, env: &mut dyn VectorEnvironment, seed: u64) -> Result<Self, LearnError> {
        let shape = Shape::of(env);
        shape.check(settings.method)?;
        let discount = discount_of(settings.discount, env)?;
        let mut rng = Stream::new(seed, 1);
        let width = shape.observation_width;
        let head = distribution::head_width(&shape.space);
        let policy = Mlp::new(width, settings.network, head, settings.activation, 0.01, &mut rng);
        let value = Mlp::new(width, settings.network, 1, settings.activation, 1.0, &mut rng);
        let (centre, tried) = centre::of(settings.first_policy, env, seed, settings.steps / 10);
        env.reset(seed);
        let _ = env.take_episode_returns();
        Ok(ActorCritic {
            centre,
            discount,
            policy,
            value,
            log_std: vec![settings.initial_std.ln() as f32; shape.space.continuous],
            observation: settings.normalize_observations.then(|| RunningStatistics::new(width)),
            reward: settings.normalize_rewards.then(|| RewardScale::new(shape.slots)),
            scale: ValueScale::new(settings.normalize_values, 0.05),
            average: Average::default(),
            noise: Noise::new(seed, 2),
            shuffle: Stream::new(seed, 3),
            steps: tried,
            begun: false,
            shape,
            scratch: Scratch::default(),
        })
    }

    /// Plays `periods` periods into `rollout` and estimates advantages (in the units of the value network).
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    pub fn play(
        &mut self,
        env: &mut dyn VectorEnvironment,
        periods: usize,
        lambda: f32,
        rollout: &mut Rollout,
    ) -> Result<(), LearnError> {
        rollout.clear();
        (rollout.periods, rollout.slots) = (periods, self.shape.slots);
        for _ in 0..periods {
            self.period(env, rollout)?;
        }
        self.standardize(env.observation(), false);
        rollout.observation.extend_from_slice(&self.scratch.row);
        if !std::mem::replace(&mut self.begun, true) {
            let ends = rollout.terminated.iter().filter(|t| **t).count() as f64 / rollout.rows() as f64;
            self.scale.start(&rollout.reward, self.discount as f64, ends);
        }
        self.steps += rollout.rows() as u64;
        self.values(rollout);
        rollout.estimate_advantages(self.discount, lambda);
        rollout.remove_common(env.common_chance(), COMMON_KEPT);
        all_finite("an advantage", &rollout.advantage, self.steps)?;
        let correction = self.scale.update(&rollout.target);
        rescale(&mut self.value, correction, 1);
        // Advantages in the units of the value network, so that one gradient norm fits both.
        let unit = 1.0 / self.scale.sd() as f32;
        rollout.advantage.iter_mut().for_each(|a| *a *= unit);
        Ok(())
    }

    /// One period: look, draw, step, remember.
    fn period(&mut self, env: &mut dyn VectorEnvironment, rollout: &mut Rollout) -> Result<(), LearnError> {
        let slots = self.shape.slots;
        let (c, d) = (self.shape.space.continuous, self.shape.space.discrete.len());
        all_finite("an observation", env.observation(), self.steps)?;
        self.standardize(env.observation(), true);
        let Scratch { ws, row, head, clipped } = &mut self.scratch;
        rollout.observation.extend_from_slice(row);
        rollout.mask.extend_from_slice(env.mask());
        head.resize(slots * self.policy.outputs(), 0.0);
        self.policy.infer(row, slots, ws, head);
        let (at_c, at_d, at) = (rollout.continuous.len(), rollout.discrete.len(), rollout.log_prob.len());
        rollout.continuous.resize(at_c + slots * c, 0.0);
        rollout.discrete.resize(at_d + slots * d, 0);
        rollout.log_prob.resize(at + slots, 0.0);
        distribution::sample(
            &self.shape.space,
            head,
            &self.log_std,
            env.mask(),
            &mut self.noise,
            &mut rollout.continuous[at_c..],
            &mut rollout.discrete[at_d..],
            &mut rollout.log_prob[at..],
        );
        clipped.clear();
        clipped.extend(rollout.continuous[at_c..].iter().map(|a| a.clamp(-1.0, 1.0)));
        centre::place(&self.centre, clipped);
        env.step(clipped, &rollout.discrete[at_d..]);
        all_finite("a reward", env.reward(), self.steps)?;
        rollout.reward.extend_from_slice(env.reward());
        for s in 0..slots {
            let (terminated, truncated) = (env.terminated()[s], env.truncated()[s]);
            rollout.terminated.push(terminated);
            rollout.ended.push(terminated || truncated);
            if truncated && !terminated {
                rollout.truncated_rows.push(at + s);
            }
        }
        if let Some(scale) = &mut self.reward {
            scale.apply(self.discount, &mut rollout.reward[at..], |s| rollout.ended[at + s]);
        }
        self.last_observations(env, at, rollout);
        Ok(())
    }

    /// Remembers what was seen last where the record stopped.
    fn last_observations(&mut self, env: &dyn VectorEnvironment, at: usize, rollout: &mut Rollout) {
        let width = self.shape.observation_width;
        let first = rollout.truncated_rows.partition_point(|r| *r < at);
        for k in first..rollout.truncated_rows.len() {
            let s = rollout.truncated_rows[k] - at;
            let row = &env.final_observation()[s * width..(s + 1) * width];
            match &self.observation {
                Some(statistics) => statistics.apply(row, &mut self.scratch.head),
                None => {
                    self.scratch.head.clear();
                    self.scratch.head.extend_from_slice(row);
                }
            }
            rollout.truncated_observation.extend_from_slice(&self.scratch.head);
        }
    }

    /// Standardised rows into the scratch row, after taking them into the statistics if `learn`.
    fn standardize(&mut self, observation: &[f32], learn: bool) {
        match &mut self.observation {
            Some(statistics) => {
                if learn {
                    statistics.update(observation);
                }
                statistics.apply(observation, &mut self.scratch.row);
            }
            None => {
                self.scratch.row.clear();
                self.scratch.row.extend_from_slice(observation);
            }
        }
    }

    /// Values of all rows, in units of the reward.
    fn values(&mut self, rollout: &mut Rollout) {
        let rows = rollout.rows() + rollout.slots;
        let ws = &mut self.scratch.ws;
        rollout.value.resize(rows, 0.0);
        self.value.infer(&rollout.observation, rows, ws, &mut rollout.value);
        let extra = rollout.truncated_rows.len();
        rollout.truncated_value.resize(extra, 0.0);
        self.value
            .infer(&rollout.truncated_observation, extra, ws, &mut rollout.truncated_value);
        for v in rollout.value.iter_mut().chain(&mut rollout.truncated_value) {
            *v = self.scale.restore(*v);
        }
    }

    /// The policy as it stands.
    pub fn snapshot(&self, method: &str) -> Policy {
        let mut net = self.policy.clone();
        net.params_mut().copy_from_slice(self.average.or(self.policy.params()));
        Policy {
            method: method.into(),
            space: self.shape.space.clone(),
            observation_width: self.shape.observation_width,
            observation: self.observation.clone(),
            centre: self.centre.clone(),
            kind: PolicyKind::Feedforward {
                net,
                log_std: self.log_std.clone(),
            },
        }
    }
}
