//! Advantage actor-critic, synchronous (Mnih et al. 2016, arXiv 1602.01783, A3C without the first A).
//!
//! Play a few periods in all worlds, then one gradient step on all of it: `-mean(A log pi) - entropy + value error`. It is PPO
//! with one epoch and one batch (Huang et al. 2022, "A2C is a special case of PPO"), which a test shows.

use super::nets::loss::{PolicyBatch, value_loss};
use super::nets::tape::{AsArray, Backward, Module, OnTape, Trace, Wants, flat, rows, take};
use super::nets::{Net, Optimizer, clip_factor};
use super::on_policy::{ActorCritic, Settings};
use super::options::Linear;
pub use super::options::learners::A2cOptions;
use super::policy::Policy;
use super::rollout::{explained_variance, standardize};
use super::{LearnError, Learner, LearnerOptions, Numbers, all_finite, decode, encode, finite_loss};
use crate::env::{Actions, Game, Seat, Seen, Told};
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
            horizon: options.horizon,
        };
        let agent = ActorCritic::new(&settings, seat, seed)?;
        let count = agent.policy.params().len() + agent.log_std.len() + agent.value.params().len();
        let optimizer = Optimizer::new(options.optimizer, count, 1e-5);
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
        let fit = value_loss(value.forward(seen.leaky_trace()), &targets, weight, None);
        let loss = fit.array();
        let mut gradients = (ascent.loss + fit).backward();
        let [dpolicy, dlog_std, dvalue] = [
            policy.gradient(&mut gradients),
            take(&mut gradients, &log_std),
            value.gradient(&mut gradients),
        ];
        let (factor, norm) = clip_factor(&[&dpolicy, &dlog_std, &dvalue], self.options.gradient_norm);
        let mut parts = [
            (a.policy.params_mut(), &dpolicy[..]),
            (&mut a.log_std[..], &dlog_std[..]),
            (a.value.params_mut(), &dvalue[..]),
        ];
        self.optimizer.step(&mut parts, rate, factor);
        (loss, norm)
    }
}

impl Learner for A2c {
    fn method(&self) -> &'static str {
        A2cOptions::METHOD
    }

    fn warm_start(&mut self, trial: &mut dyn Game, seed: u64) -> Result<(), LearnError> {
        self.agent.warm_start(trial, seed);
        Ok(())
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
        let (loss, norm) = self.step(rate, entropy);
        finite_loss("the loss of the value network", loss as f64, self.agent.steps)?;
        all_finite("a weight of the policy", self.agent.policy.params(), self.agent.steps)?;
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
        let stored: A2c = decode(bytes)?;
        if !stored.agent.fits(&self.agent) || stored.options != self.options {
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
