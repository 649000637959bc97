//! Proximal policy optimisation with memory, for partially observed models: an LSTM in front of policy and of value.
//!
//! As `ppo.rs`, with these differences (Hausknecht and Stone 2015; Huang et al. 2022, section "LSTM"): policy and value are
//! recurrent networks of their own; hidden states are zero when an episode begins and are kept from one stretch to the
//! next; a minibatch is whole sequences of some of the slots, replayed from the hidden state they began with.

use super::LearnError;
use super::entry::LearnerOptions;
use super::footprint;
use super::nets::Activation;
use super::options::{in_range, learner_options};
use super::ranges::{at_least_one, entropy, network, not_negative, playing, positive, share, step_size};

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
        /// Largest norm of a gradient: longer ones are clipped to it; 0 does not clip.
        gradient_norm: f64 = 0.5,
        /// Ends an update early when the policy has moved 1.5 times this far (approximate Kullback-Leibler divergence).
        target_kl: Option<f64> = None,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether the targets of the value network are standardised.
        normalize_values: bool = true,
        /// Width of the LSTM layers of policy and value network.
        memory: usize = 64,
        /// Hidden layers behind the memory.
        network: Vec<usize> = vec![64],
        /// Function between layers.
        activation: Activation = Activation::Tanh,
        /// First standard deviation of continuous actions, in units of half their range.
        initial_std: f64 = 0.5,
        /// Largest standard deviation of continuous actions in the second half of the steps, in units of half their range; up to there the
        /// ceiling falls to it by equal shares. `none` sets no ceiling. Unless it is said, 0.02 holds where several learn at once (members
        /// or agents): each answers the chance in what the others do, too.
        final_std: Option<f64> = None,
    }
}

impl LearnerOptions for RecurrentPpoOptions {
    const ABOUT: &'static str = "proximal policy optimisation with an LSTM, for states that are observed in part";
    const REMEMBERS: bool = true;
    const SEARCH: &'static [&'static str] = &[
        "learning_rate=1e-4..1e-2:log",
        "gae_lambda=0.9..1",
        "epochs=4..12",
        "memory=32|64|128",
    ];

    fn in_range(&self) -> Result<(), LearnError> {
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
        positive("initial_std", self.initial_std)?;
        self.final_std.map_or(Ok(()), |x| positive("final_std", x))
    }

    fn bytes(&self, round: u64, width: f64) -> f64 {
        let units = self.memory as f64;
        let gates = 4.0 * units * (width + units + 1.0);
        // Every row keeps its gates and memories.
        40.0 * (gates + footprint::weights(units, &self.network)) + round as f64 * 4.0 * 12.0 * units
    }

    #[cfg(feature = "learn")]
    fn build() -> Option<super::entry::Build<Self>> {
        Some(|options, seat, seed| Ok(Box::new(RecurrentPpo::new(options, seat, seed)?)))
    }
}

#[cfg(feature = "learn")]
pub use learner::RecurrentPpo;

/// The learner; what stands above is all that a build without networks knows of it.
#[cfg(feature = "learn")]
mod learner {
    use super::RecurrentPpoOptions;
    use crate::env::{Actions, Seat, Seen, Told};
    use crate::learn::distribution::{self, Noise};
    use crate::learn::nets::loss::{PolicyBatch, value_loss};
    use crate::learn::nets::tape::{AsArray, Backward, Module, OnTape, Sequences, Trace, Wants, flat, rows, take};
    use crate::learn::nets::{Optimizer, OptimizerKind, RecurrentNet, Workspace, clip_factor};
    use crate::learn::normalize::{RunningStatistics, ValueScale, rescale, standardize_rows};
    use crate::learn::options::{Linear, annealed};
    use crate::learn::policy::{Policy, PolicyKind, forget};
    use crate::learn::rollout::{Rollout, explained_variance, standardize};
    use crate::learn::{
        LearnError, Learner, LearnerOptions, Numbers, OptionTable, all_finite, discount_of, encode, finite_loss,
        restore,
    };
    use crate::num::random::Stream;
    use rand::seq::SliceRandom;
    use serde::{Deserialize, Serialize};

    /// A recurrent PPO learner.
    #[derive(Clone, Serialize, Deserialize)]
    pub struct RecurrentPpo {
        options: RecurrentPpoOptions,
        seat: Seat,
        discount: f32,
        policy: RecurrentNet,
        value: RecurrentNet,
        log_std: Vec<f32>,
        optimizer: Optimizer,
        observation: Option<RunningStatistics>,
        scale: ValueScale,
        noise: Noise,
        shuffle: Stream,
        /// Hidden states of policy and value, now.
        memory: [Vec<f32>; 2],
        steps: u64,
        play: Play,
        #[serde(skip)]
        batch: Minibatch,
    }

    /// The stretch that is being played.
    #[derive(Clone, Default, Serialize, Deserialize)]
    struct Play {
        rollout: Rollout,
        /// Hidden states before the first period.
        start: [Vec<f32>; 2],
        /// 1 where an episode began with this row (and was not the first row).
        reset: Vec<f32>,
        #[serde(skip)]
        scratch: Scratch,
    }

    #[derive(Clone, Default)]
    struct Scratch {
        ws: Workspace,
        row: Vec<f32>,
        head: Vec<f32>,
        values: Vec<f32>,
        trial: Vec<f32>,
    }

    /// Sequences of `s` slots picked for one gradient step, `n = horizon * s` rows, time-major, and the entropy it found.
    #[derive(Clone, Default)]
    struct Minibatch {
        /// `n * observation_width`.
        observation: Vec<f32>,
        /// `n`.
        reset: Vec<f32>,
        /// Of policy and value, `2 * s * memory`.
        memory: [Vec<f32>; 2],
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
        entropy: f32,
    }

    impl RecurrentPpo {
        /// A fresh learner for a seat.
        ///
        /// # Errors
        /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
        pub fn new(options: RecurrentPpoOptions, seat: &Seat, seed: u64) -> Result<RecurrentPpo, LearnError> {
            options.in_range()?;
            RecurrentPpoOptions::suits(seat)?;
            let discount = discount_of(options.discount, seat)?;
            let mut rng = Stream::new(seed, 1);
            let (width, units, layers, act) = (
                seat.observation_width,
                options.memory,
                &options.network,
                options.activation,
            );
            let head = distribution::head_width(&seat.space);
            let policy = RecurrentNet::new(width, units, layers, head, act, 0.01, &mut rng);
            let value = RecurrentNet::new(width, units, layers, 1, act, 1.0, &mut rng);
            let log_std = vec![options.initial_std.ln() as f32; seat.space.continuous];
            let total = |net: &RecurrentNet| net.param_counts().0 + net.param_counts().1;
            let count = total(&policy) + total(&value) + log_std.len();
            let memory = vec![0.0; 2 * seat.slots * units];
            Ok(RecurrentPpo {
                discount,
                policy,
                value,
                log_std,
                optimizer: Optimizer::new(OptimizerKind::Adam, count, 1e-5),
                observation: options.normalize_observations.then(|| RunningStatistics::new(width)),
                scale: ValueScale::new(options.normalize_values, 0.05),
                noise: Noise::new(seed, 2),
                shuffle: Stream::new(seed, 3),
                memory: [memory.clone(), memory],
                steps: 0,
                seat: seat.clone(),
                options,
                play: Play::default(),
                batch: Minibatch::default(),
            })
        }

        /// Estimates the advantages of the stretch.
        fn estimate(&mut self) -> Result<(), LearnError> {
            let (r, scale) = (&mut self.play.rollout, &mut self.scale);
            if self.steps == 0 {
                scale.start(&r.reward, self.discount as f64, r.share_terminated());
            }
            for v in r.value.iter_mut().chain(&mut r.truncated_value) {
                *v = scale.restore(*v);
            }
            self.steps += r.rows() as u64;
            r.estimate_advantages(self.discount, self.options.gae_lambda as f32);
            all_finite("an advantage", &r.advantage, self.steps)?;
            let correction = scale.update(&r.target);
            rescale(self.value.head_mut(), correction, 1);
            Ok(())
        }

        /// Standardised rows into the scratch row.
        fn look(&mut self, observation: &[f32], learn: bool) {
            if let (Some(statistics), true) = (&mut self.observation, learn) {
                statistics.update(observation);
            }
            standardize_rows(self.observation.as_ref(), observation, &mut self.play.scratch.row);
        }

        /// Copies the sequences of some slots together, time-major.
        fn gather(&mut self, chosen: &[usize]) {
            let (p, b, shape) = (&self.play, &mut self.batch, &self.seat);
            let r = &p.rollout;
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
                &mut b.reset,
                &mut b.mask,
                &mut b.continuous,
                &mut b.log_prob,
                &mut b.advantage,
                &mut b.target,
            ] {
                v.clear();
            }
            b.discrete.clear();
            for i in (0..r.periods).flat_map(|t| chosen.iter().map(move |s| t * r.slots + s)) {
                b.observation.extend_from_slice(&r.observation[i * w..(i + 1) * w]);
                b.reset.push(p.reset[i]);
                b.mask.extend_from_slice(&r.mask[i * m..(i + 1) * m]);
                b.continuous.extend_from_slice(&r.continuous[i * c..(i + 1) * c]);
                b.discrete.extend_from_slice(&r.discrete[i * d..(i + 1) * d]);
                b.log_prob.push(r.log_prob[i]);
                b.advantage.push(r.advantage[i]);
                b.target.push(self.scale.normalize(r.target[i]));
            }
            let units = self.options.memory;
            for (to, from) in b.memory.iter_mut().zip(&p.start) {
                to.clear();
                for half in from.chunks_exact(r.slots * units) {
                    chosen
                        .iter()
                        .for_each(|s| to.extend_from_slice(&half[s * units..(s + 1) * units]));
                }
            }
        }

        /// One gradient step on the sequences of some slots; `None` if the divergence said to stop before it.
        fn step(&mut self, chosen: &[usize], rate: f64, entropy: f32) -> Option<[f64; 4]> {
            self.gather(chosen);
            let (b, o) = (&mut self.batch, &self.options);
            standardize(&mut b.advantage);
            let policy = OnTape::new(&self.policy, Wants::PARAMS);
            let value = OnTape::new(&self.value, Wants::PARAMS);
            let (seen, log_std) = (
                rows(b.observation.clone(), self.policy.inputs()),
                flat(self.log_std.clone()),
            );
            let sequences = |memory| Sequences {
                x: seen.leaky_trace(),
                reset: &b.reset,
                memory,
                periods: o.horizon,
            };
            let batch = PolicyBatch {
                space: &self.seat.space,
                mask: &b.mask,
                continuous: &b.continuous,
                discrete: &b.discrete,
                advantage: &b.advantage,
            };
            let head = policy.forward(sequences(&b.memory[0]));
            let surrogate = batch.clipped_surrogate(head, &log_std, &b.log_prob, o.clip as f32, entropy);
            b.entropy = surrogate.entropy;
            if o.target_kl.is_some_and(|t| surrogate.kl as f64 > 1.5 * t) {
                return None;
            }
            let values = value.forward(sequences(&b.memory[1]));
            let fit = value_loss(values, &b.target, o.value_weight as f32, None);
            let loss = fit.array();
            let mut gradients = (surrogate.loss + fit).backward();
            let [dpolicy, dlog_std, dvalue] = [
                policy.gradient(&mut gradients),
                take(&mut gradients, &log_std),
                value.gradient(&mut gradients),
            ];
            let (layer, top) = dpolicy.split_at(self.policy.param_counts().0);
            let (value_layer, value_top) = dvalue.split_at(self.value.param_counts().0);
            let (factor, norm) = clip_factor(&[layer, top, &dlog_std, value_layer, value_top], o.gradient_norm);
            let (pl, ph) = self.policy.params_mut();
            let (vl, vh) = self.value.params_mut();
            let mut parts = [
                (pl, layer),
                (ph, top),
                (&mut self.log_std[..], &dlog_std[..]),
                (vl, value_layer),
                (vh, value_top),
            ];
            self.optimizer.step(&mut parts, rate, factor);
            Some([surrogate.kl as f64, surrogate.clip_fraction as f64, loss as f64, norm])
        }
    }

    impl Learner for RecurrentPpo {
        fn method(&self) -> &'static str {
            RecurrentPpoOptions::METHOD
        }

        fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
            let slots = self.seat.slots;
            let (c, d) = (self.seat.space.continuous, self.seat.space.discrete.len());
            all_finite("an observation", seen.observation, self.steps)?;
            self.look(seen.observation, true);
            let Play {
                rollout: r,
                start,
                reset,
                scratch,
            } = &mut self.play;
            let at = r.log_prob.len();
            if at == 0 {
                r.slots = slots;
                start.clone_from(&self.memory);
                reset.clear();
                reset.resize(slots, 0.0);
            } else {
                reset.extend(r.ended[at - slots..].iter().map(|e| f32::from(*e)));
            }
            let Scratch {
                ws, row, head, values, ..
            } = scratch;
            r.observation.extend_from_slice(row);
            r.mask.extend_from_slice(seen.mask);
            head.resize(slots * self.policy.outputs(), 0.0);
            values.resize(slots, 0.0);
            self.policy.step(row, slots, &mut self.memory[0], ws, head);
            self.value.step(row, slots, &mut self.memory[1], ws, values);
            r.value.extend_from_slice(values);
            r.continuous.resize((at / slots + 1) * slots * c, 0.0);
            r.discrete.resize((at / slots + 1) * slots * d, 0);
            r.log_prob.resize(at + slots, 0.0);
            distribution::sample(
                &self.seat.space,
                head,
                &self.log_std,
                seen.mask,
                &mut self.noise,
                &mut r.continuous[at * c..],
                &mut r.discrete[at * d..],
                &mut r.log_prob[at..],
            );
            let clipped = r.continuous[at * c..].iter().map(|a| a.clamp(-1.0, 1.0));
            actions.continuous.clear();
            actions.continuous.extend(clipped);
            actions.discrete.clear();
            actions.discrete.extend_from_slice(&r.discrete[at * d..]);
            Ok(())
        }

        fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
            all_finite("a reward", told.reward, self.steps)?;
            let (slots, width) = (self.seat.slots, self.seat.observation_width);
            let r = &mut self.play.rollout;
            let at = r.told(told);
            let first = r.truncated_rows.partition_point(|row| *row < at);
            if first < r.truncated_rows.len() {
                // Value of the last observations, with the memory they were met with.
                let x = &mut self.play.scratch;
                standardize_rows(self.observation.as_ref(), told.last, &mut x.row);
                x.trial.clone_from(&self.memory[1]);
                x.values.resize(slots, 0.0);
                self.value
                    .step(&x.row[..slots * width], slots, &mut x.trial, &mut x.ws, &mut x.values);
                let cut = r.truncated_rows[first..].iter().map(|row| x.values[row - at]);
                r.truncated_value.extend(cut);
            }
            for memory in &mut self.memory {
                forget(memory, self.options.memory, |s| told.ended(s));
            }
            if self.play.rollout.periods == self.options.horizon {
                self.look(told.next.observation, false);
                let x = &mut self.play.scratch;
                x.trial.clone_from(&self.memory[1]);
                x.values.resize(slots, 0.0);
                self.value.step(&x.row, slots, &mut x.trial, &mut x.ws, &mut x.values);
                self.play.rollout.value.extend_from_slice(&x.values);
            }
            Ok(())
        }

        fn learn(&mut self) -> Result<Option<Numbers>, LearnError> {
            if self.play.rollout.periods < self.options.horizon {
                return Ok(None);
            }
            let o = &self.options;
            let progress = self.steps as f64 / o.steps.max(1) as f64;
            let rate = annealed(o.learning_rate, o.anneal, progress);
            let entropy = Linear {
                from: o.entropy,
                to: o.entropy_end,
            }
            .at(progress) as f32;
            let (epochs, minibatch) = (o.epochs, o.minibatch_slots);
            self.estimate()?;
            let mut order: Vec<usize> = (0..self.seat.slots).collect();
            let (mut sums, mut count) = ([0.0f64; 4], 0usize);
            'update: for _ in 0..epochs {
                if minibatch < order.len() {
                    order.shuffle(&mut self.shuffle);
                }
                for chosen in order.chunks(minibatch) {
                    let Some(numbers) = self.step(chosen, rate, entropy) else {
                        break 'update;
                    };
                    sums.iter_mut().zip(numbers).for_each(|(s, x)| *s += x);
                    count += 1;
                }
            }
            finite_loss("the loss of the value network", sums[2], self.steps)?;
            all_finite("a weight of the policy", self.policy.params().0, self.steps)?;
            let o = &self.options;
            distribution::narrow(&mut self.log_std, o.initial_std, o.final_std, progress);
            let r = &self.play.rollout;
            let n = count.max(1) as f64;
            let mut values = vec![
                ("learning_rate", rate),
                ("entropy", self.batch.entropy as f64),
                ("approx_kl", sums[0] / n),
                ("clip_fraction", sums[1] / n),
                ("value_loss", sums[2] / n),
                ("gradient_norm", sums[3] / n),
                (
                    "explained_variance",
                    explained_variance(&r.value[..r.rows()], &r.target),
                ),
                ("gradient_steps", count as f64),
            ];
            if let Some(l) = self.log_std.first() {
                values.push(("std", l.exp() as f64));
            }
            self.play.rollout.clear();
            Ok(Some(values))
        }

        fn policy(&self) -> Policy {
            Policy {
                method: self.method().into(),
                space: self.seat.space.clone(),
                observation_width: self.seat.observation_width,
                observation: self.observation.clone(),
                centre: Vec::new(),
                kind: PolicyKind::Recurrent {
                    net: self.policy.clone(),
                    log_std: self.log_std.clone(),
                },
            }
        }
        fn steps(&self) -> u64 {
            self.steps
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
                    && stored.seat == own.seat
                    && stored.value.is_consistent()
                    && stored.value.param_counts() == own.value.param_counts()
                    && stored.value.inputs() == own.value.inputs()
                    && stored.policy.param_counts() == own.policy.param_counts()
                    && stored.optimizer.len() == own.optimizer.len()
                    && stored.memory.iter().zip(&own.memory).all(|(a, b)| a.len() == b.len())
            })
        }
    }
}
