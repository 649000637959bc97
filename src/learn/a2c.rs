//! Advantage actor-critic, synchronous (Mnih et al. 2016, arXiv 1602.01783, A3C without the first A).
//!
//! Play a few periods in all worlds, then one gradient step on all of it: `-mean(A log pi) - entropy + value error`. It is PPO
//! with one epoch and one batch (Huang et al. 2022, "A2C is a special case of PPO"), which a test shows.

use super::nets::loss::{PolicyBatch, PolicyLoss, value_loss};
use super::nets::{Net, Optimizer, clip_factor};
use super::on_policy::{ActorCritic, Settings};
use super::options::Linear;
pub use super::options::learners::A2cOptions;
use super::policy::Policy;
use super::rollout::{Rollout, explained_variance, standardize};
use super::{LearnError, Learner, LearnerOptions, Metrics, all_finite, decode, encode, finite_loss};
use crate::env::VectorEnvironment;
use serde::{Deserialize, Serialize};

/// An A2C learner.
#[derive(Clone, Serialize, Deserialize)]
pub struct A2c {
    options: A2cOptions,
    agent: ActorCritic,
    optimizer: Optimizer,
    #[serde(skip)]
    rollout: Rollout,
    #[serde(skip)]
    gradient: Gradient,
}

#[derive(Clone, Default)]
struct Gradient {
    policy: PolicyLoss,
    dvalue: Vec<f32>,
    dpolicy: Vec<f32>,
    dcritic: Vec<f32>,
}

impl A2c {
    /// A fresh learner; restarts the environment from `seed`.
    ///
    /// # Errors
    /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
    pub fn new(options: A2cOptions, env: &mut dyn VectorEnvironment, seed: u64) -> Result<A2c, LearnError> {
        options.check()?;
        let settings = Settings {
            method: A2cOptions::METHOD,
            network: &options.network,
            activation: options.activation,
            initial_std: options.initial_std,
            discount: options.discount,
            normalize_observations: options.normalize_observations,
            normalize_rewards: options.normalize_rewards,
            normalize_values: options.normalize_values,
            first_policy: options.first_policy,
            steps: options.steps,
        };
        let agent = ActorCritic::new(&settings, env, seed)?;
        let count = agent.policy.params().len() + agent.log_std.len() + agent.value.params().len();
        let optimizer = Optimizer::new(options.optimizer, count, 1e-5);
        Ok(A2c {
            options,
            agent,
            optimizer,
            rollout: Rollout::default(),
            gradient: Gradient::default(),
        })
    }

    /// The one gradient step; returns the value loss and the gradient's norm.
    fn step(&mut self, rate: f64, entropy: f32) -> (f32, f64) {
        let (a, r, g) = (&mut self.agent, &mut self.rollout, &mut self.gradient);
        let rows = r.rows();
        let targets: Vec<f32> = r.target.iter().map(|t| a.scale.normalize(*t)).collect();
        if self.options.normalize_advantages {
            standardize(&mut r.advantage);
        }
        let head = a.policy.forward(&r.observation, rows);
        let batch = PolicyBatch {
            space: &a.shape.space,
            rows,
            head,
            log_std: &a.log_std,
            mask: &r.mask,
            continuous: &r.continuous,
            discrete: &r.discrete,
            advantage: &r.advantage,
        };
        batch.policy_gradient(entropy, &mut g.policy);
        g.dpolicy.resize(a.policy.params().len(), 0.0);
        a.policy.backward(&g.policy.dhead, Some(&mut g.dpolicy), None);
        let values = a.value.forward(&r.observation, rows);
        let loss = value_loss(values, &targets, self.options.value_weight as f32, None, &mut g.dvalue);
        g.dcritic.resize(a.value.params().len(), 0.0);
        a.value.backward(&g.dvalue, Some(&mut g.dcritic), None);
        let dlog_std = &g.policy.dlog_std;
        let (factor, norm) = clip_factor(&[&g.dpolicy, dlog_std, &g.dcritic], self.options.gradient_norm);
        let mut parts = [
            (a.policy.params_mut(), &g.dpolicy[..]),
            (&mut a.log_std[..], &dlog_std[..]),
            (a.value.params_mut(), &g.dcritic[..]),
        ];
        self.optimizer.step(&mut parts, rate, factor);
        (loss, norm)
    }
}

impl Learner for A2c {
    fn method(&self) -> &'static str {
        A2cOptions::METHOD
    }

    fn update(&mut self, env: &mut dyn VectorEnvironment) -> Result<Metrics, LearnError> {
        let o = &self.options;
        let progress = self.agent.steps as f64 / o.steps.max(1) as f64;
        let rate = if o.anneal {
            o.learning_rate * (1.0 - progress).max(0.0)
        } else {
            o.learning_rate
        };
        let entropy = Linear {
            from: o.entropy,
            to: o.entropy_end,
        }
        .at(progress) as f32;
        let (horizon, lambda) = (o.horizon, o.gae_lambda as f32);
        self.agent.play(env, horizon, lambda, &mut self.rollout)?;
        let (loss, norm) = self.step(rate, entropy);
        finite_loss("the loss of the value network", loss as f64, self.agent.steps)?;
        all_finite("a weight of the policy", self.agent.policy.params(), self.agent.steps)?;
        if progress >= self.options.average_from {
            self.agent.average.update(self.agent.policy.params());
        }
        let explained = explained_variance(&self.rollout.value[..self.rollout.rows()], &self.rollout.target);
        let mut values = vec![
            ("learning_rate", rate),
            ("entropy", self.gradient.policy.entropy as f64),
            ("value_loss", loss as f64),
            ("gradient_norm", norm),
            ("explained_variance", explained),
        ];
        if let Some(l) = self.agent.log_std.first() {
            values.push(("std", l.exp() as f64));
        }
        Ok(Metrics {
            steps: self.agent.steps,
            episode_returns: env.take_episode_returns(),
            values,
        })
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
        let stored: A2c = decode(bytes)?;
        if stored.agent.shape != self.agent.shape || stored.options != self.options {
            return Err(LearnError::Mismatch {
                what: "spaces, slots or options differ".into(),
            });
        }
        if stored.optimizer.len() != self.optimizer.len() {
            return Err(LearnError::Mismatch {
                what: "the optimiser has another size".into(),
            });
        }
        stored.policy().check()?;
        *self = stored;
        Ok(())
    }
}
