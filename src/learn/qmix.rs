//! Values of a team, mixed from those of its members (QMIX: Rashid et al. 2018, arXiv 1803.11485; as a plain sum, VDN: Sunehag et al. 2018).
//!
//! All members earn one reward. A network gives the value of each choice of a member from what it sees itself; a mixing network makes of the
//! values of the members' choices the value of the team, with weights that a second network (the hypernetwork) gives from the state of the world
//! and that are never negative. So the team's value rises with each member's, and what is best for the team is found member by member: in play nobody
//! has to see what the others see. Gradient steps move the team's value towards `r + d^n Q_target(s', a*)`, where `a*` is every member's best choice.
//! With `mixing = sum` the value of the team is the sum of its members', which cannot say that what one member's choice is worth depends on the others'.

use super::LearnError;
use super::entry::{Choices, LearnerOptions};
use super::footprint;
use super::nets::Activation;
use super::options::{OptionTable, in_range, learner_options, word_option};
use super::ranges::{at_least_one, bins, network, not_negative, playing, remembering, share, step_size};
use crate::env::Seat;
use serde::{Deserialize, Serialize};

/// How the value of a team comes of its members'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mixing {
    /// By a network that rises in each of them.
    Monotone,
    /// As their sum.
    Sum,
}

word_option!(Mixing, "monotone or sum", "monotone" => Mixing::Monotone, "sum" => Mixing::Sum);

learner_options! {
    /// Options of QMIX.
    pub struct QmixOptions("qmix") {
        /// Environment steps to learn from, all slots counted.
        steps: u64 = 300_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 8,
        /// Environment steps between trainings.
        train_every: usize = 16,
        /// Gradient steps of each training.
        gradient_steps: usize = 2,
        /// Periods of a world in one gradient step, with all members.
        minibatch: usize = 64,
        /// Transitions in the replay buffer, of all members.
        memory: usize = 100_000,
        /// Environment steps at random before training begins.
        warmup: usize = 1000,
        /// Step size of the optimiser, at the start.
        learning_rate: f64 = 1e-3,
        /// Whether the step size falls linearly to zero.
        anneal: bool = true,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// Share of random choices (epsilon) at the start.
        exploration: f64 = 1.0,
        /// Share of random choices at the end.
        exploration_end: f64 = 0.05,
        /// Share of the steps over which it falls.
        exploration_time: f64 = 0.5,
        /// Environment steps between copies of the online networks into the target networks.
        target_every: usize = 1000,
        /// Double DQN: the online network selects the choices whose value the target networks give.
        double: bool = true,
        /// Rewards summed before bootstrapping (n-step returns).
        n_step: usize = 1,
        /// How the value of the team comes of its members': by a network that rises in each of them (`monotone`), or as their sum (`sum`, VDN).
        mixing: Mixing = Mixing::Monotone,
        /// Units of the mixing network.
        mixing_width: usize = 32,
        /// Whether members know which one they are, so that each can have a part of its own.
        roles: bool = true,
        /// Largest norm of a gradient: longer ones are clipped to it; 0 does not clip.
        gradient_norm: f64 = 10.0,
        /// Points of the grid of each continuous dimension.
        bins: usize = 15,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether values are learned in units of what was earned before learning began.
        normalize_values: bool = true,
        /// Hidden layers of the members' network; the hypernetwork has one of as many units as its first.
        network: Vec<usize> = vec![64, 64],
        /// Function between layers.
        activation: Activation = Activation::Relu,
    }
}

impl LearnerOptions for QmixOptions {
    const ABOUT: &'static str = "QMIX, for members who earn one reward together and choose among finitely many";
    const PAUSES: bool = true;
    const CHOICES: Choices = Choices::Finite;
    const COMMON_REWARD: bool = true;
    const SEARCH: &'static [&'static str] = &[
        "learning_rate=1e-4..1e-2:log",
        "target_every=200..4000:log",
        "exploration_time=0.1..0.8",
        "mixing_width=16|32|64",
    ];

    fn idle(&self, key: &str) -> Option<&'static str> {
        (key == "mixing_width" && self.mixing == Mixing::Sum).then_some("a sum has no mixing network")
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
        let warmup = (self.warmup as u64) < self.steps;
        in_range(
            warmup,
            "warmup",
            self.warmup,
            "fewer than `steps`, or nothing is learned",
        )?;
        let width = (1..=4096).contains(&self.mixing_width);
        in_range(width, "mixing_width", self.mixing_width, "1 to 4096")?;
        not_negative("gradient_norm", self.gradient_norm)?;
        bins(self.bins)?;
        network(&self.network)
    }

    fn joint(&self) -> bool {
        true
    }

    fn bytes(&self, _round: u64, width: f64) -> f64 {
        let step = footprint::gradient(self.minibatch as f64, width, &self.network);
        40.0 * footprint::weights(width, &self.network) + footprint::remembered(self.memory, self.steps, width) + step
    }

    #[cfg(feature = "learn")]
    fn build() -> Option<super::entry::Build<Self>> {
        Some(|options, seat, seed| Ok(Box::new(Qmix::new(options, seat, seed)?)))
    }

    fn suits(seat: &Seat) -> Result<(), LearnError> {
        super::check_seat(seat, Self::METHOD)?;
        let reason = if seat.members < 2 {
            "there is one member, and nothing to mix"
        } else if !seat.common_reward {
            "its members do not earn one reward together"
        } else if seat.joint_width == 0 {
            "nothing is shown to its mixing network"
        } else {
            return Ok(());
        };
        Err(LearnError::Unsuitable {
            method: Self::METHOD,
            reason: reason.into(),
            instead: "dqn",
        })
    }
}

#[cfg(feature = "learn")]
pub use learner::Qmix;

/// The learner; what stands above is all that a build without networks knows of it.
#[cfg(feature = "learn")]
mod learner {
    use super::{Mixing, QmixOptions};
    use crate::env::{Actions, Seat, Seen, Told};
    use crate::learn::nets::loss::huber_loss;
    use crate::learn::nets::simd::blend;
    use crate::learn::nets::tape::{
        AsArray, Backward, Flat, HasShape, Module, OnTape, Recording, Rows, Trace, Wants, numbers, operation,
        operation_of_two, rows,
    };
    use crate::learn::nets::{Activation, Mlp, Net, Optimizer, OptimizerKind, Workspace, clip_factor};
    use crate::learn::normalize::ValueScale;
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

    /// A QMIX learner.
    #[derive(Clone, Serialize, Deserialize)]
    pub struct Qmix {
        options: QmixOptions,
        seat: Seat,
        /// Rows are what a slot sees, then what a central critic sees.
        memory: Memory,
        choices: JointChoices,
        net: Mlp,
        target: Mlp,
        /// From the state of the world to the weights of the mixing network, as [`mix`] reads them; with its target.
        hyper: Option<(Mlp, Mlp)>,
        optimizer: Optimizer,
        scale: ValueScale,
        /// Steps at which the targets were copied last.
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
        /// What slots see, and beside it what a central critic sees.
        seen: Vec<f32>,
        last: Vec<f32>,
        /// Values of the choices, `slot x choice`, by the network and by the target.
        head: Vec<f32>,
        next: Vec<f32>,
        choice: Vec<u32>,
    }

    /// Numbers of a mixing network of `width` units for so many members: weights of the first layer (`member x unit`), its biases,
    /// weights of the second, and what is added.
    fn weights(members: usize, width: usize) -> usize {
        members * width + 2 * width + 1
    }

    fn elu(x: f32) -> f32 {
        if x > 0.0 { x } else { x.exp_m1() }
    }

    /// The value of the team from its members' (`q`, one per member), by the numbers `w` (as [`weights`] counts them): two layers with
    /// the absolute values of their weights, so that it rises in each of `q`. `slopes` gets the derivatives with respect to `q` and `w`.
    pub(super) fn mix(q: &[f32], w: &[f32], slopes: Option<(&mut [f32], &mut [f32])>) -> f32 {
        let members = q.len();
        let width = (w.len() - 1) / (members + 2);
        let (first, rest) = w.split_at(members * width);
        let (bias, rest) = rest.split_at(width);
        let (second, level) = rest.split_at(width);
        let sums: Vec<f32> = (0..width)
            .map(|e| bias[e] + (0..members).map(|i| q[i] * first[i * width + e].abs()).sum::<f32>())
            .collect();
        let value = level[0] + sums.iter().zip(second).map(|(s, w)| elu(*s) * w.abs()).sum::<f32>();
        if let Some((dq, dw)) = slopes {
            for e in 0..width {
                let slope = if sums[e] > 0.0 { 1.0 } else { sums[e].exp() };
                let back = second[e].abs() * slope;
                for i in 0..members {
                    let weight = first[i * width + e];
                    dq[i] += back * weight.abs();
                    dw[i * width + e] += back * q[i] * weight.signum();
                }
                dw[members * width + e] += back;
                dw[(members + 1) * width + e] += elu(sums[e]) * second[e].signum();
            }
            dw[w.len() - 1] += 1.0;
        }
        value
    }

    /// Values of teams of `members` from their members' (`team x member`), on the tape: with weights from the hypernetwork, or as sums.
    pub(super) fn mixed(q: Flat<Recording>, hyper: Option<Rows<Recording>>, members: usize) -> Flat<Recording> {
        let values = numbers(&q);
        let teams = values.len() / members;
        match hyper {
            None => {
                let sums = values.chunks_exact(members).map(|q| q.iter().sum()).collect();
                operation(q, sums, (teams,), move |dout, dq| {
                    for (row, d) in dq.chunks_exact_mut(members).zip(dout) {
                        row.iter_mut().for_each(|x| *x += d);
                    }
                })
            }
            Some(hyper) => {
                let (_, width) = *hyper.shape();
                let all = numbers(&hyper);
                let each = values.chunks_exact(members).zip(all.chunks_exact(width));
                let out = each.map(|(q, w)| mix(q, w, None)).collect();
                operation_of_two(q, hyper, out, (teams,), move |dout, dq, dhyper| {
                    let (mut own, mut weights) = (vec![0.0; members], vec![0.0; width]);
                    for (t, d) in dout.iter().enumerate() {
                        own.fill(0.0);
                        weights.fill(0.0);
                        let (from, to) = (t * members, t * width);
                        let _ = mix(
                            &values[from..from + members],
                            &all[to..to + width],
                            Some((&mut own, &mut weights)),
                        );
                        dq[from..from + members]
                            .iter_mut()
                            .zip(&own)
                            .for_each(|(x, s)| *x += d * s);
                        dhyper[to..to + width]
                            .iter_mut()
                            .zip(&weights)
                            .for_each(|(x, s)| *x += d * s);
                    }
                })
            }
        }
    }

    /// Values of the choices made (one number per row) among those of all.
    fn chosen(head: Rows<Recording>, choice: &[u32]) -> Flat<Recording> {
        let (n, outputs) = *head.shape();
        let all = numbers(&head);
        let at: Vec<usize> = choice[..n]
            .iter()
            .enumerate()
            .map(|(i, a)| i * outputs + *a as usize)
            .collect();
        let values = at.iter().map(|k| all[*k]).collect();
        operation(head, values, (n,), move |dvalue, dhead| {
            at.iter().zip(dvalue).for_each(|(k, d)| dhead[*k] += d);
        })
    }

    /// What slots see with what a central critic sees beside it, `slot x (observation_width + joint_width)`.
    fn beside(observation: &[f32], joint: &[f32], seat: &Seat, out: &mut Vec<f32>) {
        out.clear();
        let each = observation.chunks_exact(seat.observation_width);
        for (own, all) in each.zip(joint.chunks_exact(seat.joint_width)) {
            out.extend_from_slice(own);
            out.extend_from_slice(all);
        }
    }

    impl Qmix {
        /// A fresh learner for a seat.
        ///
        /// # Errors
        /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
        pub fn new(options: QmixOptions, seat: &Seat, seed: u64) -> Result<Qmix, LearnError> {
            options.in_range()?;
            QmixOptions::suits(seat)?;
            let choices = JointChoices::new(QmixOptions::METHOD, &seat.space, options.bins)?;
            let mut rng = Stream::new(seed, 1);
            let role = if options.roles { seat.members } else { 0 };
            let net = Mlp::new(
                seat.observation_width + role,
                &options.network,
                choices.count(),
                options.activation,
                0.1,
                &mut rng,
            );
            let hyper = (options.mixing == Mixing::Monotone).then(|| {
                let state = seat.members * seat.observation_width + seat.joint_width;
                let hidden = options.network.first().copied().unwrap_or(options.mixing_width);
                let outputs = weights(seat.members, options.mixing_width);
                // So that a team's value is first about as large as its members'.
                let gain = 1.0 / (options.mixing_width as f64).sqrt();
                let fresh = Mlp::new(state, &[hidden], outputs, Activation::Relu, gain, &mut rng);
                (fresh.clone(), fresh)
            });
            let wide = Seat {
                observation_width: seat.observation_width + seat.joint_width,
                ..seat.clone()
            };
            let widths = Widths {
                observation: wide.observation_width,
                continuous: seat.space.continuous,
                allowed: if seat.masked { choices.count() } else { 0 },
            };
            let discount = discount_of(options.discount, seat)?;
            let replay = Replay::new(widths, options.memory, seat.slots, options.n_step, discount, None);
            let count = net.params().len() + hyper.as_ref().map_or(0, |(h, _)| h.params().len());
            Ok(Qmix {
                memory: Memory::new(&wide, options.normalize_observations, replay, seed, 0),
                optimizer: Optimizer::new(OptimizerKind::Adam, count, 1e-8),
                target: net.clone(),
                scale: ValueScale::new(options.normalize_values, 1e-3),
                seat: seat.clone(),
                options,
                choices,
                net,
                hyper,
                copied: 0,
                gradients: 0,
                discount,
                since: Since::new(0),
                scratch: Scratch::default(),
            })
        }

        /// Share of random choices after `steps`.
        fn epsilon(&self, steps: u64) -> f64 {
            let o = &self.options;
            let time = (o.exploration_time * o.steps as f64).max(1.0);
            Linear {
                from: o.exploration,
                to: o.exploration_end,
            }
            .at(steps as f64 / time)
        }

        /// What the members' network is given, `row x (observation_width + members)`, from rows as the memory has them, member fastest.
        fn inputs(&self, all: &[f32]) -> Vec<f32> {
            let s = &self.seat;
            let wide = s.observation_width + s.joint_width;
            let mut out = Vec::with_capacity(all.len());
            for (i, row) in all.chunks_exact(wide).enumerate() {
                out.extend_from_slice(&row[..s.observation_width]);
                if self.options.roles {
                    out.extend((0..s.members).map(|m| f32::from(u8::from(m == i % s.members))));
                }
            }
            out
        }

        /// What the hypernetwork is given, a row per team: what its members see, then what a central critic does.
        fn states(&self, all: &[f32]) -> Vec<f32> {
            let s = &self.seat;
            let wide = s.observation_width + s.joint_width;
            let mut out = Vec::with_capacity(all.len());
            for team in all.chunks_exact(wide * s.members) {
                for row in team.chunks_exact(wide) {
                    out.extend_from_slice(&row[..s.observation_width]);
                }
                out.extend_from_slice(&team[s.observation_width..wide]);
            }
            out
        }

        /// What teams will be worth, in units of the reward: the best choice of every member, by the target networks.
        fn ahead(&mut self) -> Vec<f32> {
            let (members, outputs) = (self.seat.members, self.net.outputs());
            let after = std::mem::take(&mut self.scratch.batch.after);
            let (inputs, states) = (self.inputs(&after), self.states(&after));
            let x = &mut self.scratch;
            x.batch.after = after;
            let n = x.batch.choice.len();
            x.head.resize(n * outputs, 0.0);
            x.next.resize(n * outputs, 0.0);
            self.target.infer(&inputs, n, &mut x.ws, &mut x.next);
            let picker = if self.options.double {
                self.net.infer(&inputs, n, &mut x.ws, &mut x.head);
                &x.head
            } else {
                &x.next
            };
            let best: Vec<f32> = (0..n)
                .map(|i| {
                    let allowed = distribution::allowed_row(&x.batch.allowed, i * outputs, outputs);
                    let row = &picker[i * outputs..(i + 1) * outputs];
                    x.next[i * outputs + distribution::best_allowed(row, allowed)]
                })
                .collect();
            let teams = n / members;
            let worth: Vec<f32> = match &self.hyper {
                None => best.chunks_exact(members).map(|q| q.iter().sum()).collect(),
                Some((_, target)) => {
                    let mut w = vec![0.0; teams * target.outputs()];
                    target.infer(&states, teams, &mut x.ws, &mut w);
                    let each = best.chunks_exact(members).zip(w.chunks_exact(target.outputs()));
                    each.map(|(q, w)| mix(q, w, None)).collect()
                }
            };
            worth.into_iter().map(|v| self.scale.restore(v)).collect()
        }

        /// One gradient step; returns the loss and the mean value of a team.
        fn gradient_step(&mut self, rate: f64) -> (f64, f64) {
            let members = self.seat.members;
            let mut batch = std::mem::take(&mut self.scratch.batch);
            self.memory.draw_teams(self.options.minibatch, members, &mut batch);
            self.scratch.batch = batch;
            let ahead = self.ahead();
            let b = &self.scratch.batch;
            // All members of a team earn the same and end together.
            let goal: Vec<f32> = ahead
                .iter()
                .enumerate()
                .map(|(t, v)| {
                    self.scale
                        .normalize(b.weight[t * members].mul_add(*v, b.reward[t * members]))
                })
                .collect();
            let net = OnTape::new(&self.net, Wants::PARAMS);
            let hyper = self.hyper.as_ref().map(|(h, _)| OnTape::new(h, Wants::PARAMS));
            let seen = rows(self.inputs(&b.observation), self.net.inputs());
            let state = self.states(&b.observation);
            let own = chosen(net.forward(seen.leaky_trace()), &b.choice);
            let weights = hyper.as_ref().zip(self.hyper.as_ref()).map(|(tape, (h, _))| {
                let state = rows(state, h.inputs());
                tape.forward(state.leaky_trace())
            });
            let value = mixed(own, weights, members);
            let values = numbers(&value);
            let loss = huber_loss(value, &goal, &vec![1.0; goal.len()]);
            let number = loss.array();
            let mut gradients = loss.backward();
            let dnet = net.gradient(&mut gradients);
            let dhyper = hyper.map(|h| h.gradient(&mut gradients)).unwrap_or_default();
            let (factor, _) = clip_factor(&[&dnet, &dhyper], self.options.gradient_norm);
            let mut parts = vec![(self.net.params_mut(), &dnet[..])];
            if let Some((h, _)) = &mut self.hyper {
                parts.push((h.params_mut(), &dhyper[..]));
            }
            self.optimizer.step(&mut parts, rate, factor);
            self.gradients += 1;
            let mean = values.iter().map(|v| f64::from(self.scale.restore(*v))).sum::<f64>() / values.len() as f64;
            (f64::from(number), mean)
        }

        /// Refuses worlds whose members do not end together, or do not earn the same.
        fn is_a_team(&self, told: &Told<'_>) -> Result<(), LearnError> {
            let members = self.seat.members;
            let same = |first: usize, s: usize| {
                told.terminated[s] == told.terminated[first] && told.truncated[s] == told.truncated[first]
            };
            let reason = (0..self.seat.slots).find_map(|s| {
                let first = s - s % members;
                if !same(first, s) {
                    return Some(format!(
                        "members 1 and {} of a world end at different times",
                        s % members + 1
                    ));
                }
                let (a, b) = (told.reward[first], told.reward[s]);
                (a != b).then(|| format!("member 1 of a world earned {a} and member {} {b}", s % members + 1))
            });
            reason.map_or(Ok(()), |reason| {
                Err(LearnError::Unsuitable {
                    method: QmixOptions::METHOD,
                    reason,
                    instead: "dqn",
                })
            })
        }
    }

    impl Learner for Qmix {
        fn method(&self) -> &'static str {
            QmixOptions::METHOD
        }

        fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
            let mut wide = std::mem::take(&mut self.scratch.seen);
            beside(seen.observation, seen.joint, &self.seat, &mut wide);
            let looked = self.memory.look(&Seen {
                observation: &wide,
                ..*seen
            });
            self.scratch.seen = wide;
            looked?;
            let random = self.memory.steps < self.options.warmup as u64;
            let epsilon = if random { 1.0 } else { self.epsilon(self.memory.steps) };
            let inputs = self.inputs(&self.memory.row);
            let (m, x) = (&mut self.memory, &mut self.scratch);
            let (slots, outputs) = (self.seat.slots, self.net.outputs());
            x.head.resize(slots * outputs, 0.0);
            self.net.infer(&inputs, slots, &mut x.ws, &mut x.head);
            actions.fit(slots, &self.seat.space);
            x.choice.clear();
            for s in 0..slots {
                let allowed = self.choices.allowed(&self.seat.space, seen.mask, s);
                let (try_it, pick): (f64, f32) = (m.rng.random(), m.rng.random());
                let joint = if try_it < epsilon {
                    self.choices.random(allowed.as_deref(), pick)
                } else {
                    distribution::best_allowed(&x.head[s * outputs..(s + 1) * outputs], allowed.as_deref())
                };
                let Actions { continuous, discrete } = actions;
                self.choices.decode(&self.seat.space, joint, s, continuous, discrete);
                x.choice.push(joint as u32);
            }
            m.chose(&actions.continuous, &x.choice);
            Ok(())
        }

        fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
            self.is_a_team(told)?;
            let (choices, space) = (&self.choices, &self.seat.space);
            let allowed = |s| choices.allowed(space, told.next.mask, s).unwrap_or_default();
            let x = &mut self.scratch;
            beside(told.next.observation, told.next.joint, &self.seat, &mut x.seen);
            beside(told.last, told.last_joint, &self.seat, &mut x.last);
            let wide = Told {
                last: &x.last,
                next: Seen {
                    observation: &x.seen,
                    ..told.next
                },
                ..*told
            };
            self.memory.told(&wide, allowed)
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
                    if let Some((hyper, target)) = &mut self.hyper {
                        blend(target.params_mut(), hyper.params(), 1.0);
                    }
                    self.copied = steps;
                }
                let o = &self.options;
                let progress = steps as f64 / o.steps.max(1) as f64;
                let rate = annealed(o.learning_rate, o.anneal, progress);
                for _ in 0..self.options.gradient_steps {
                    let (loss, value) = self.gradient_step(rate);
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
                ("exploration", self.epsilon(steps)),
                ("loss", loss),
                ("value", value),
                ("gradient_steps", f64::from(self.since.count)),
            ];
            self.since = Since::new(steps);
            Ok(Some(numbers))
        }

        fn policy(&self) -> Policy {
            let seat = &self.seat;
            let of = |net: Mlp| Policy {
                method: self.method().into(),
                space: seat.space.clone(),
                observation_width: seat.observation_width,
                observation: self
                    .memory
                    .observation
                    .as_ref()
                    .map(|o| o.first(seat.observation_width)),
                centre: Vec::new(),
                kind: PolicyKind::Greedy {
                    net,
                    dueling: false,
                    choices: self.choices.clone(),
                    epsilon: self.epsilon(self.memory.steps) as f32,
                },
            };
            if !self.options.roles {
                return of(self.net.clone());
            }
            let role = |m: usize| {
                (0..seat.members)
                    .map(|i| f32::from(u8::from(i == m)))
                    .collect::<Vec<f32>>()
            };
            let policies = (0..seat.members).map(|m| of(self.net.holding(&role(m)))).collect();
            Policy {
                observation: None,
                kind: PolicyKind::Members { policies },
                ..of(Mlp::default())
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
            let same = |a: &Mlp, b: &Mlp| a.is_consistent() && a.sizes() == b.sizes();
            restore(self, bytes, |stored, own| {
                stored.options == own.options
                    && stored.seat == own.seat
                    && stored.memory.fits(&own.memory)
                    && stored.choices == own.choices
                    && same(&stored.net, &own.net)
                    && same(&stored.target, &own.target)
                    && match (&stored.hyper, &own.hyper) {
                        (None, None) => true,
                        (Some((a, b)), Some((c, d))) => same(a, c) && same(b, d),
                        _ => false,
                    }
                    && stored.optimizer.len() == own.optimizer.len()
            })
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::learn::nets::tape::{flat, take};
        use crate::num::random::Key;
        use dfdx::prelude::{Axis, SumTo};

        fn draws(n: usize, seed: u64) -> Vec<f32> {
            let mut x = vec![0.0f32; n];
            Key::new(seed, 0).fill_f32(0, 0, &mut x);
            x.iter().map(|v| 4.0 * v - 2.0).collect()
        }

        /// Whatever the weights are, a team is worth no less where a member's choice is worth more.
        #[test]
        fn the_value_of_a_team_never_falls_in_that_of_a_member() {
            let (members, width) = (3, 5);
            for k in 0..200 {
                let (q, w) = (draws(members, k), draws(weights(members, width), 1000 + k));
                let (mut dq, mut dw) = (vec![0.0; members], vec![0.0; w.len()]);
                let value = mix(&q, &w, Some((&mut dq, &mut dw)));
                assert!(dq.iter().all(|d| *d >= 0.0), "{dq:?}");
                for i in 0..members {
                    for step in [0.01, 0.5, 3.0] {
                        let mut up = q.clone();
                        up[i] += step;
                        assert!(mix(&up, &w, None) >= value - 1e-6);
                    }
                }
            }
            // And it does rise.
            let all = mix(&[1.0, 1.0], &[1.0; 7], None) - mix(&[0.0, 0.0], &[1.0; 7], None);
            assert!(all > 0.5);
        }

        #[test]
        fn derivatives_of_mixed_values_are_those_of_finite_differences() {
            let (members, width, teams) = (2, 3, 4);
            let q = draws(teams * members, 1);
            let w = draws(teams * weights(members, width), 2);
            let sides = draws(teams, 3);
            let plain = |q: &[f32], w: &[f32], sum: bool| -> f32 {
                let each = q.chunks_exact(members).zip(w.chunks_exact(weights(members, width)));
                let values = each.map(|(q, w)| if sum { q.iter().sum() } else { mix(q, w, None) });
                values.zip(&sides).map(|(v, s)| v * s).sum()
            };
            for sum in [false, true] {
                let (a, b) = (flat(q.clone()), rows(w.clone(), weights(members, width)));
                let hyper = (!sum).then(|| b.leaky_trace());
                let loss = (mixed(a.leaky_trace(), hyper, members) * flat(sides.clone())).sum::<(), Axis<0>>();
                assert!((loss.array() - plain(&q, &w, sum)).abs() < 1e-4);
                let mut gradients = loss.backward();
                let (dq, dw) = (take(&mut gradients, &a), take(&mut gradients, &b));
                let h = 1e-2;
                for i in 0..q.len() {
                    let (mut up, mut down) = (q.clone(), q.clone());
                    up[i] += h;
                    down[i] -= h;
                    let slope = (plain(&up, &w, sum) - plain(&down, &w, sum)) / (2.0 * h);
                    assert!((slope - dq[i]).abs() < 2e-2, "{sum} {i}: {slope} {}", dq[i]);
                }
                for i in 0..w.len() {
                    let (mut up, mut down) = (w.clone(), w.clone());
                    up[i] += h;
                    down[i] -= h;
                    let slope = (plain(&q, &up, sum) - plain(&q, &down, sum)) / (2.0 * h);
                    let near_zero = w[i].abs() < 2.0 * h;
                    assert!(
                        near_zero || (slope - dw[i]).abs() < 5e-2,
                        "{sum} {i}: {slope} {}",
                        dw[i]
                    );
                }
            }
        }
    }
}
