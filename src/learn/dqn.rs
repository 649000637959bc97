//! Deep Q-learning (Mnih et al. 2015) with what Hessel et al. (2018), "Rainbow", found to matter.
//!
//! A network gives the value of every joint choice (a continuous dimension becomes a grid). Play is greedy but for a share of random
//! choices that falls. Gradient steps draw transitions from the memory and move the network towards
//! `r + d^n Q_target(s', a*)` under Huber's loss, with `a*` the best choice by the network itself (double: van Hasselt, Guez and Silver 2016), values split into level
//! and advantage (dueling: Wang et al. 2016), several-step sums, and prioritised draws (Schaul et al. 2016).

use super::LearnError;
use super::entry::{Choices, LearnerOptions};
use super::footprint;
use super::nets::Activation;
use super::options::{in_range, learner_options};
use super::ranges::{at_least_one, bins, network, not_negative, playing, remembering, share, step_size};

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
        /// Transitions in the replay buffer.
        memory: usize = 100_000,
        /// Environment steps at random before training begins.
        warmup: usize = 1000,
        /// Step size of the optimiser, at the start.
        learning_rate: f64 = 5e-4,
        /// Whether the step size falls linearly to zero.
        anneal: bool = true,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// Share of random choices (epsilon) at the start.
        exploration: f64 = 1.0,
        /// Share of random choices at the end.
        exploration_end: f64 = 0.02,
        /// Share of the steps over which it falls.
        exploration_time: f64 = 0.3,
        /// Environment steps between copies of the online network into the target network.
        target_every: usize = 500,
        /// Double DQN: the online network selects the choice whose value the target network gives.
        double: bool = true,
        /// Dueling network: a value of the state and advantages of the choices.
        dueling: bool = true,
        /// Rewards summed before bootstrapping (n-step returns).
        n_step: usize = 1,
        /// Exponent of prioritised replay; `none` draws evenly.
        priority: Option<f64> = None,
        /// First exponent of the importance weights of prioritised replay; it rises to 1.
        priority_beta: f64 = 0.4,
        /// Largest norm of a gradient: longer ones are clipped to it; 0 does not clip.
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

impl LearnerOptions for DqnOptions {
    const ABOUT: &'static str = "deep Q-learning, for discrete choices";
    const PAUSES: bool = true;
    const CHOICES: Choices = Choices::Finite;
    const SEARCH: &'static [&'static str] = &[
        "learning_rate=1e-4..1e-2:log",
        "target_every=100..2000:log",
        "exploration_time=0.1..0.6",
        "gradient_steps=2|4|8",
    ];

    fn idle(&self, key: &str) -> Option<&'static str> {
        (key == "priority_beta" && self.priority.is_none())
            .then_some("importance weights belong to prioritised replay, and `priority = none` draws evenly")
    }

    fn in_range(&self) -> Result<(), LearnError> {
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

    fn bytes(&self, _round: u64, width: f64) -> f64 {
        let step = footprint::gradient(self.minibatch as f64, width, &self.network);
        40.0 * footprint::weights(width, &self.network) + footprint::remembered(self.memory, self.steps, width) + step
    }

    #[cfg(feature = "learn")]
    fn build() -> Option<super::entry::Build<Self>> {
        Some(|options, seat, seed| Ok(Box::new(Dqn::new(options, seat, seed)?)))
    }
}

#[cfg(feature = "learn")]
pub use learner::Dqn;

/// The learner; what stands above is all that a build without networks knows of it.
#[cfg(feature = "learn")]
mod learner {
    use super::DqnOptions;
    use crate::env::{Actions, Seat, Seen, Told};
    use crate::learn::nets::loss::huber_loss;
    use crate::learn::nets::simd::blend;
    use crate::learn::nets::tape::{
        AsArray, Backward, Flat, HasShape, Module, OnTape, Recording, Rows, Trace, Wants, numbers, operation, rows,
    };
    use crate::learn::nets::{Mlp, Net, Optimizer, OptimizerKind, Workspace, clip_factor};
    use crate::learn::normalize::{ValueScale, rescale};
    use crate::learn::off_policy::{Memory, Since};
    use crate::learn::options::{Linear, annealed};
    use crate::learn::policy::{Policy, PolicyKind};
    use crate::learn::replay::{Batch, Replay, Widths};
    use crate::learn::spaces::JointChoices;
    use crate::learn::{
        LearnError, Learner, LearnerOptions, Numbers, OptionTable, all_finite, discount_of, distribution, encode,
        finite_loss, restore,
    };
    use crate::num::random::Stream;
    use rand::RngExt;
    use serde::{Deserialize, Serialize};

    impl DqnOptions {
        /// Share of random choices after `steps`.
        fn epsilon(&self, steps: u64) -> f64 {
            let time = (self.exploration_time * self.steps as f64).max(1.0);
            Linear {
                from: self.exploration,
                to: self.exploration_end,
            }
            .at(steps as f64 / time)
        }
    }

    /// A DQN learner.
    #[derive(Clone, Serialize, Deserialize)]
    pub struct Dqn {
        options: DqnOptions,
        memory: Memory,
        choices: JointChoices,
        net: Mlp,
        target: Mlp,
        optimizer: Optimizer,
        scale: ValueScale,
        /// Steps at which the target was copied last.
        copied: u64,
        /// Gradient steps done.
        gradients: u64,
        discount: f32,
        since: Since,
        #[serde(skip)]
        scratch: Scratch,
    }

    #[derive(Clone, Default)]
    struct Scratch {
        ws: Workspace,
        batch: Batch,
        /// Values of the joint choices, `n * outputs`, by the network and by the target.
        head: Vec<f32>,
        next: Vec<f32>,
        goal: Vec<f32>,
        choice: Vec<u32>,
    }

    impl Dqn {
        /// A fresh learner for a seat.
        ///
        /// # Errors
        /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
        pub fn new(options: DqnOptions, seat: &Seat, seed: u64) -> Result<Dqn, LearnError> {
            options.in_range()?;
            DqnOptions::suits(seat)?;
            let choices = JointChoices::new(DqnOptions::METHOD, &seat.space, options.bins)?;
            let outputs = choices.count() + usize::from(options.dueling);
            let (width, activation) = (seat.observation_width, options.activation);
            let net = Mlp::new(
                width,
                &options.network,
                outputs,
                activation,
                0.1,
                &mut Stream::new(seed, 1),
            );
            let widths = Widths {
                observation: width,
                continuous: seat.space.continuous,
                allowed: if seat.masked { choices.count() } else { 0 },
            };
            let discount = discount_of(options.discount, seat)?;
            let replay = Replay::new(
                widths,
                options.memory,
                seat.slots,
                options.n_step,
                discount,
                options.priority,
            );
            Ok(Dqn {
                memory: Memory::new(seat, options.normalize_observations, replay, seed, 0),
                optimizer: Optimizer::new(OptimizerKind::Adam, net.params().len(), 1e-8),
                target: net.clone(),
                scale: ValueScale::new(options.normalize_values, 1e-3),
                options,
                choices,
                net,
                copied: 0,
                gradients: 0,
                discount,
                since: Since::new(0),
                scratch: Scratch::default(),
            })
        }

        /// One gradient step; returns the loss and the mean value.
        fn gradient_step(&mut self, rate: f64, beta: f64) -> (f64, f64) {
            let o = &self.options;
            let x = &mut self.scratch;
            self.memory.draw(o.minibatch, beta, &mut x.batch);
            let (n, outputs, count) = (o.minibatch, self.net.outputs(), self.choices.count());
            let b = &x.batch;
            // Where the best next choice is looked up, and its value by the target network.
            x.head.resize(n * outputs, 0.0);
            x.next.resize(n * outputs, 0.0);
            self.target.infer(&b.after, n, &mut x.ws, &mut x.next);
            let picker = if o.double {
                self.net.infer(&b.after, n, &mut x.ws, &mut x.head);
                &x.head
            } else {
                &x.next
            };
            x.goal.clear();
            for i in 0..n {
                let allowed = distribution::allowed_row(&b.allowed, i * count, count);
                let best = distribution::best_allowed(&picker[(i + 1) * outputs - count..(i + 1) * outputs], allowed);
                let value = joint_value(&x.next[i * outputs..(i + 1) * outputs], best, o.dueling);
                x.goal.push(b.weight[i].mul_add(self.scale.restore(value), b.reward[i]));
            }
            let columns = if o.dueling { 1 } else { outputs };
            let correction = self.scale.update(&x.goal);
            rescale(&mut self.net, correction, columns);
            rescale(&mut self.target, correction, columns);
            x.goal.iter_mut().for_each(|g| *g = self.scale.normalize(*g));
            let net = OnTape::new(&self.net, Wants::PARAMS);
            let seen = rows(b.observation.clone(), self.net.inputs());
            let value = chosen(net.forward(seen.leaky_trace()), &b.choice, o.dueling);
            let values = numbers(&value);
            let loss = huber_loss(value, &x.goal, &b.importance);
            let number = loss.array();
            let gradient = net.gradient(&mut loss.backward());
            let (factor, _) = clip_factor(&[&gradient], o.gradient_norm);
            self.optimizer
                .step(&mut [(self.net.params_mut(), &gradient)], rate, factor);
            let errors: Vec<f32> = values.iter().zip(&x.goal).map(|(v, g)| v - g).collect();
            self.memory.replay.prioritize(&b.index, &errors);
            self.gradients += 1;
            (
                number as f64,
                values.iter().map(|v| self.scale.restore(*v) as f64).sum::<f64>() / n as f64,
            )
        }
    }

    /// Value of joint choice `a` from a row of the network: level plus advantage less the mean advantage, if dueling.
    fn joint_value(row: &[f32], a: usize, dueling: bool) -> f32 {
        if !dueling {
            return row[a];
        }
        row[0] + row[1 + a] - row[1..].iter().sum::<f32>() / (row.len() - 1) as f32
    }

    /// Values of the joint choice `choice` (`n`) of each row (`n` by outputs) of the network.
    fn chosen(head: Rows<Recording>, choice: &[u32], dueling: bool) -> Flat<Recording> {
        let (n, outputs) = *head.shape();
        let all = numbers(&head);
        let choice: Vec<usize> = choice[..n].iter().map(|a| *a as usize).collect();
        let of_rows = all.chunks_exact(outputs).zip(&choice);
        let values = of_rows.map(|(row, a)| joint_value(row, *a, dueling)).collect();
        operation(head, values, (n,), move |dvalue, dhead| {
            for ((row, d), a) in dhead.chunks_exact_mut(outputs).zip(dvalue).zip(choice) {
                if dueling {
                    row[0] += d;
                    row[1..].iter_mut().for_each(|r| *r -= d / (outputs - 1) as f32);
                    row[1 + a] += d;
                } else {
                    row[a] += d;
                }
            }
        })
    }

    impl Learner for Dqn {
        fn method(&self) -> &'static str {
            DqnOptions::METHOD
        }

        fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
            self.memory.look(seen)?;
            let random = self.memory.steps < self.options.warmup as u64;
            let epsilon = if random {
                1.0
            } else {
                self.options.epsilon(self.memory.steps)
            };
            let (m, x) = (&mut self.memory, &mut self.scratch);
            let (slots, outputs) = (m.seat.slots, self.net.outputs());
            x.head.resize(slots * outputs, 0.0);
            self.net.infer(&m.row, slots, &mut x.ws, &mut x.head);
            actions.fit(slots, &m.seat.space);
            x.choice.clear();
            let skip = usize::from(self.options.dueling);
            for s in 0..slots {
                let allowed = self.choices.allowed(&m.seat.space, seen.mask, s);
                let (try_it, pick): (f64, f32) = (m.rng.random(), m.rng.random());
                let joint = if try_it < epsilon {
                    self.choices.random(allowed.as_deref(), pick)
                } else {
                    // The level does not matter for what is best.
                    let row = &x.head[s * outputs + skip..(s + 1) * outputs];
                    distribution::best_allowed(row, allowed.as_deref())
                };
                let Actions { continuous, discrete } = actions;
                self.choices.decode(&m.seat.space, joint, s, continuous, discrete);
                x.choice.push(joint as u32);
            }
            m.chose(&actions.continuous, &x.choice);
            Ok(())
        }

        fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
            let (choices, space) = (&self.choices, self.memory.seat.space.clone());
            let allowed = |s| choices.allowed(&space, told.next.mask, s).unwrap_or_default();
            self.memory.told(told, allowed)
        }

        fn learn(&mut self) -> Result<Option<Numbers>, LearnError> {
            let (steps, every) = (self.memory.steps, self.options.train_every);
            if !self.since.is_due(steps, every) {
                return Ok(None);
            }
            if steps >= self.options.warmup as u64 && !self.memory.replay.is_empty() {
                if self.gradients == 0 {
                    let replay = &self.memory.replay;
                    self.scale
                        .start(replay.rewards(), f64::from(self.discount), replay.share_terminated());
                }
                if steps >= self.copied + self.options.target_every as u64 {
                    blend(self.target.params_mut(), self.net.params(), 1.0);
                    self.copied = steps;
                }
                let o = &self.options;
                let progress = steps as f64 / o.steps.max(1) as f64;
                let rate = annealed(o.learning_rate, o.anneal, progress);
                let beta = Linear {
                    from: o.priority_beta,
                    to: 1.0,
                }
                .at(progress);
                for _ in 0..o.gradient_steps {
                    let (loss, value) = self.gradient_step(rate, beta);
                    let since = &mut self.since;
                    (since.loss, since.count) = (since.loss + loss, since.count + 1);
                    since.other = (since.other.0 + value, since.other.1 + 1);
                }
            }
            if !self.since.is_long(steps, every) && !self.is_done() {
                return Ok(None);
            }
            finite_loss("the loss of the value network", self.since.loss, steps)?;
            all_finite("a weight of the value network", self.net.params(), steps)?;
            let (loss, value) = self.since.means();
            let numbers = vec![
                ("exploration", self.options.epsilon(steps)),
                ("loss", loss),
                ("value", value),
                ("gradient_steps", f64::from(self.since.count)),
            ];
            self.since = Since::new(steps);
            Ok(Some(numbers))
        }

        fn policy(&self) -> Policy {
            Policy {
                method: self.method().into(),
                space: self.memory.seat.space.clone(),
                observation_width: self.memory.seat.observation_width,
                observation: self.memory.observation.clone(),
                centre: Vec::new(),
                kind: PolicyKind::Greedy {
                    net: self.net.clone(),
                    dueling: self.options.dueling,
                    choices: self.choices.clone(),
                    epsilon: self.options.epsilon(self.memory.steps) as f32,
                },
            }
        }
        fn steps(&self) -> u64 {
            self.memory.steps
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
                    && stored.memory.fits(&own.memory)
                    && stored.choices == own.choices
                    && stored.net.sizes() == own.net.sizes()
                    && stored.target.sizes() == own.target.sizes()
                    && stored.target.is_consistent()
                    && stored.optimizer.len() == own.optimizer.len()
            })
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::learn::nets::tape::take;
        use dfdx::prelude::{Axis, SumTo};

        #[test]
        fn derivatives_of_chosen_values_are_those_of_finite_differences() {
            let head = [0.3f32, -0.5, 0.8, 0.1, 0.9, -0.2, 0.4, 0.7];
            let (choice, weights) = ([1u32, 2], [0.7f32, -1.5]);
            for dueling in [false, true] {
                let loss = |head: &[f32]| -> f32 {
                    let rows = head.chunks_exact(4).zip(&choice).zip(&weights);
                    rows.map(|((row, a), w)| w * joint_value(row, *a as usize, dueling))
                        .sum()
                };
                let leaf = rows(head.to_vec(), 4);
                let value = chosen(leaf.leaky_trace(), &choice, dueling);
                let sum = (value * crate::learn::nets::tape::flat(weights.to_vec())).sum::<(), Axis<0>>();
                assert!((sum.array() - loss(&head)).abs() < 1e-6);
                let slopes = take(&mut sum.backward(), &leaf);
                for i in 0..head.len() {
                    let (mut up, mut down) = (head, head);
                    up[i] += 1e-2;
                    down[i] -= 1e-2;
                    let slope = (loss(&up) - loss(&down)) / 2e-2;
                    assert!((slope - slopes[i]).abs() < 1e-4, "{dueling} {i}: {slope} {}", slopes[i]);
                }
            }
        }
    }
}
