//! Proximal policy optimisation (Schulman, Wolski, Dhariwal, Radford and Klimov 2017, arXiv 1707.06347).
//!
//! Play `horizon` periods in all worlds; estimate advantages (`rollout.rs`); for some epochs, in minibatches without
//! replacement, maximise `mean(min(r A, clip(r, 1 - c, 1 + c) A))` with `r` the ratio of new to old probabilities, and fit the
//! values. The details follow Huang et al. (2022), "The 37 implementation details of PPO", with three choices for
//! economies: truncated worlds bootstrap, targets of the value network are standardised (`ValueScale`), and
//! the learning rate falls to zero so that the last policies differ little.

use super::nets::loss::{PolicyBatch, value_loss};
use super::nets::tape::{AsArray, Backward, Module, OnTape, Trace, Wants, flat, rows, take};
use super::nets::{Net, Optimizer, clip_factor};
use super::on_policy::{ActorCritic, Settings};
use super::options::Linear;
pub use super::options::learners::PpoOptions;
use super::policy::Policy;
use super::rollout::{explained_variance, standardize};
use super::{LearnError, Learner, LearnerOptions, Numbers, all_finite, decode, encode, finite_loss};
use crate::env::{Actions, Game, Seat, Seen, Told};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

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
        options.check()?;
        let settings = Settings {
            method: PpoOptions::METHOD,
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
        let fit = value_loss(value.forward(seen.leaky_trace()), &b.target, weight, held);
        let loss = fit.array();
        let mut gradients = (surrogate.loss + fit).backward();
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
        for v in [
            &mut b.observation,
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
        let clip = if o.anneal_clip {
            o.clip * (1.0 - progress).max(1e-3)
        } else {
            o.clip
        };
        let entropy = Linear {
            from: o.entropy,
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
        if progress >= self.options.average_from {
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
        let stored: Ppo = decode(bytes)?;
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
