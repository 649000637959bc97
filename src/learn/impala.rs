//! Actor-critic with actors that play while the learner learns (IMPALA: Espeholt et al. 2018, arXiv 1802.01561).
//!
//! While one stretch of play is learned from, the next is played, by the policy as it stood `lag` updates ago; V-trace ([`super::v_trace`]) corrects
//! for the difference. The published program has actors lag by what the machine happens to do. Here they lag by a count, so that results do not depend on threads: whoever is to
//! adopt a policy waits for it. The gradient of a stretch is formed in a fixed number of parts, side by side, and added up in a fixed order.

use super::LearnError;
use super::central::Critic;
use super::centre::FirstPolicy;
use super::entry::LearnerOptions;
use super::footprint;
use super::nets::{Activation, OptimizerKind};
use super::options::{in_range, learner_options};
use super::ranges::{at_least_one, entropy, network, not_negative, playing, positive, share, step_size};

learner_options! {
    /// Options of IMPALA.
    pub struct ImpalaOptions("impala") {
        /// Environment steps to learn from, all slots counted.
        steps: u64 = 2_000_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 64,
        /// Worlds with common random numbers: they meet the same shocks and noises, so that they differ by their actions alone; 1 gives
        /// every world its own.
        common_chance: usize = 16,
        /// Periods played between updates, in each world.
        horizon: usize = 16,
        /// Updates by which the policy that plays is behind the one that learns; 0 plays and learns in turn.
        lag: usize = 1,
        /// Whether targets are corrected for the lag; without it what was played is taken for the present policy's.
        correction: bool = true,
        /// Largest ratio of probabilities that weighs an error of a value (rho of V-trace).
        rho: f64 = 1.0,
        /// Largest ratio of probabilities with which errors are carried back (c of V-trace).
        trace: f64 = 1.0,
        /// What a carried error is multiplied by, for each period.
        trace_decay: f64 = 1.0,
        /// Step size of the optimiser, at the start.
        learning_rate: f64 = 7e-4,
        /// Whether the step size falls linearly to zero.
        anneal: bool = true,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// Weight of the entropy bonus at the start; it falls linearly to `entropy_end`.
        entropy: f64 = 0.0,
        /// Weight of the entropy bonus at the end.
        entropy_end: f64 = 0.0,
        /// Weight of the squared error of values.
        value_weight: f64 = 0.5,
        /// Largest norm of a gradient: longer ones are clipped to it; 0 does not clip.
        gradient_norm: f64 = 0.5,
        /// Whether observations are standardised by running statistics.
        normalize_observations: bool = true,
        /// Whether rewards are divided by the standard deviation of the discounted return.
        normalize_rewards: bool = false,
        /// Whether the targets of the value network are standardised.
        normalize_values: bool = true,
        /// What the value network sees: what the policy sees (`own`), or all that has happened, also what is hidden from it, and the others'
        /// states as a set (`central`). Policies see the same either way.
        critic: Critic = Critic::Own,
        /// Hidden layers of policy and value network.
        network: Vec<usize> = vec![64, 64],
        /// Function between layers.
        activation: Activation = Activation::Tanh,
        /// Warm start of the policy: at the best constant that is found by trying (`constant`; the tries count as steps), or in the
        /// middle of the bounds (`middle`).
        first_policy: FirstPolicy = FirstPolicy::Constant,
        /// First standard deviation of continuous actions, in units of half their range.
        initial_std: f64 = 0.5,
        /// Largest standard deviation of continuous actions in the second half of the steps, in units of half their range; up to there the
        /// ceiling falls to it by equal shares. `none` sets no ceiling. Unless it is said, 0.02 holds where several learn at once (members
        /// or agents): each answers the chance in what the others do, too.
        final_std: Option<f64> = None,
        /// Share of the steps after which the weights of the policy are averaged, and the average is handed over; 1 hands over the last weights.
        average_from: f64 = 0.6,
        /// Optimiser.
        optimizer: OptimizerKind = OptimizerKind::RmsProp,
    }
}

impl LearnerOptions for ImpalaOptions {
    const ABOUT: &'static str = "IMPALA: plays while it learns, on all cores, with V-trace for the lag";
    const PAUSES: bool = true;
    const SEARCH: &'static [&'static str] = &["learning_rate=1e-4..1e-2:log", "trace_decay=0.9..1", "horizon=8|16|32"];

    fn idle(&self, key: &str) -> Option<&'static str> {
        (["rho", "trace"].contains(&key) && !self.correction).then_some("nothing is corrected for the lag")
    }

    fn in_range(&self) -> Result<(), LearnError> {
        playing(self.steps, self.worlds, self.discount)?;
        at_least_one("common_chance", self.common_chance)?;
        at_least_one("horizon", self.horizon)?;
        in_range(self.lag <= 1000, "lag", self.lag, "0 to 1000")?;
        positive("rho", self.rho)?;
        positive("trace", self.trace)?;
        share("trace_decay", self.trace_decay)?;
        step_size("learning_rate", self.learning_rate)?;
        entropy(self.entropy, self.entropy_end)?;
        not_negative("value_weight", self.value_weight)?;
        not_negative("gradient_norm", self.gradient_norm)?;
        network(&self.network)?;
        positive("initial_std", self.initial_std)?;
        self.final_std.map_or(Ok(()), |x| positive("final_std", x))?;
        share("average_from", self.average_from)
    }

    fn joint(&self) -> bool {
        self.critic == Critic::Central
    }

    fn bytes(&self, round: u64, width: f64) -> f64 {
        // The stretch that is learned from beside the one that is played, and the policies between the two.
        let behind = (self.lag + 10) as f64;
        let stretch = round as f64 * 4.0 * (width + 12.0);
        4.0 * behind * footprint::weights(width, &self.network)
            + footprint::gradient(round as f64, width, &self.network)
            + stretch
    }

    #[cfg(feature = "learn")]
    fn build() -> Option<super::entry::Build<Self>> {
        Some(|options, seat, seed| Ok(Box::new(Impala::new(options, seat, seed)?)))
    }
}

#[cfg(feature = "learn")]
pub use learner::Impala;

/// The learner; what stands above is all that a build without networks knows of it.
#[cfg(feature = "learn")]
mod learner {
    use super::ImpalaOptions;
    use crate::env::{Actions, Game, Seat, Seen, Told};
    use crate::learn::distribution;
    use crate::learn::nets::loss::{PolicyBatch, value_loss};
    use crate::learn::nets::tape::{AsArray, Backward, Module, OnTape, Trace, Wants, flat, rows, take};
    use crate::learn::nets::{Mlp, Net, Optimizer, Workspace, clip_factor};
    use crate::learn::normalize::RunningStatistics;
    use crate::learn::on_policy::{ActorCritic, settings_of};
    use crate::learn::options::{Linear, annealed};
    use crate::learn::policy::Policy;
    use crate::learn::rollout::{Rollout, explained_variance};
    use crate::learn::v_trace::{Cuts, v_trace};
    use crate::learn::{
        LearnError, Learner, LearnerOptions, Numbers, OptionTable, all_finite, decode, encode, finite_loss,
    };
    use rayon::prelude::*;
    use serde::{Deserialize, Serialize};
    use std::any::Any;
    use std::collections::VecDeque;
    use std::ops::Range;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::{Arc, Condvar, Mutex, PoisonError};

    /// Parts of a stretch whose gradients are formed side by side, and rows of a part at least.
    const PARTS: usize = 8;
    const FEWEST_ROWS: usize = 64;

    /// What one update did.
    #[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
    struct Report {
        learning_rate: f64,
        entropy: f64,
        value_loss: f64,
        gradient_norm: f64,
        ratio: f64,
        explained: f64,
    }

    /// The networks that learn.
    #[derive(Clone, Serialize, Deserialize)]
    struct Trainee {
        options: ImpalaOptions,
        agent: ActorCritic,
        optimizer: Optimizer,
        /// Of the last update, if there was one.
        report: Option<Report>,
    }

    /// A part of a gradient: of policy, standard deviations and value, and the losses, each weighed by its share of the rows.
    struct Part {
        policy: Vec<f32>,
        log_std: Vec<f32>,
        value: Vec<f32>,
        value_loss: f64,
        entropy: f64,
    }

    /// What the policy that plays is made of.
    #[derive(Clone, Serialize, Deserialize)]
    struct Version {
        policy: Mlp,
        log_std: Vec<f32>,
    }

    impl Trainee {
        /// Learns from a stretch, of which the last row was step `steps`.
        fn update(&mut self, stretch: Rollout, steps: u64) -> Result<(), LearnError> {
            let before = steps - stretch.rows() as u64;
            let progress = before as f64 / self.options.steps.max(1) as f64;
            let a = &mut self.agent;
            a.rollout = stretch;
            a.steps = before;
            a.begin_stretch();
            let ratio = self.ratios();
            let o = &self.options;
            let cuts = Cuts {
                rho: o.rho as f32,
                c: o.trace as f32,
                decay: o.trace_decay as f32,
            };
            let a = &mut self.agent;
            v_trace(&mut a.rollout, &ratio, a.discount, cuts);
            a.end_stretch()?;
            let rate = annealed(o.learning_rate, o.anneal, progress);
            let entropy = Linear {
                from: o.entropy,
                to: o.entropy_end,
            }
            .at(progress) as f32;
            let (weight, longest) = (o.value_weight as f32, o.gradient_norm);
            let (loss, mean_entropy, norm) = self.step(rate, entropy, weight, longest);
            let a = &mut self.agent;
            finite_loss("the loss of the value network", loss, a.steps)?;
            all_finite("a weight of the policy", a.policy.params(), a.steps)?;
            a.narrow(progress);
            if progress >= self.options.average_from {
                a.average.update(a.policy.params());
            }
            let r = &a.rollout;
            self.report = Some(Report {
                learning_rate: rate,
                entropy: mean_entropy,
                value_loss: loss,
                gradient_norm: norm,
                ratio: ratio.iter().map(|x| f64::from(*x)).sum::<f64>() / ratio.len().max(1) as f64,
                explained: explained_variance(&r.value[..r.rows()], &r.target),
            });
            a.rollout = Rollout::default();
            Ok(())
        }

        /// For each row the probability of what was done under the policy that learns over that under the one that played; 1 without correction.
        fn ratios(&self) -> Vec<f32> {
            let (a, r) = (&self.agent, &self.agent.rollout);
            let n = r.rows();
            if !self.options.correction {
                return vec![1.0; n];
            }
            let mut head = vec![0.0; n * a.policy.outputs()];
            a.policy.infer(&r.observation, n, &mut Workspace::default(), &mut head);
            let (mut now, mut entropy) = (vec![0.0; n], vec![0.0; n]);
            distribution::log_prob(
                &a.seat.space,
                &head,
                &a.log_std,
                &r.mask,
                &r.continuous,
                &r.discrete,
                &mut now,
                &mut entropy,
            );
            now.iter()
                .zip(&r.log_prob)
                .map(|(now, old)| (now - old).min(20.0).exp())
                .collect()
        }

        /// The one gradient step; returns the value loss, the mean entropy and the gradient's norm.
        fn step(&mut self, rate: f64, entropy: f32, weight: f32, longest: f64) -> (f64, f64, f64) {
            let n = self.agent.rollout.rows();
            // So many rows whatever the machine has: the order of the sum is part of the result.
            let each = n.div_ceil(PARTS).max(FEWEST_ROWS);
            let ranges: Vec<Range<usize>> = (0..n).step_by(each).map(|a| a..(a + each).min(n)).collect();
            let parts: Vec<Part> = ranges
                .into_par_iter()
                .map(|range| self.part(range, n, entropy, weight))
                .collect();
            let mut parts = parts.into_iter();
            let Some(mut sum) = parts.next() else {
                return (0.0, 0.0, 0.0);
            };
            for part in parts {
                let pairs = [
                    (&mut sum.policy, &part.policy),
                    (&mut sum.log_std, &part.log_std),
                    (&mut sum.value, &part.value),
                ];
                for (to, from) in pairs {
                    to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
                }
                sum.value_loss += part.value_loss;
                sum.entropy += part.entropy;
            }
            let (factor, norm) = clip_factor(&[&sum.policy, &sum.log_std, &sum.value], longest);
            let a = &mut self.agent;
            let mut parts = [
                (a.policy.params_mut(), &sum.policy[..]),
                (&mut a.log_std[..], &sum.log_std[..]),
                (a.value.params_mut(), &sum.value[..]),
            ];
            self.optimizer.step(&mut parts, rate, factor);
            (sum.value_loss, sum.entropy, norm)
        }

        /// The gradient of the rows `range` of `n`.
        fn part(&self, range: Range<usize>, n: usize, entropy: f32, weight: f32) -> Part {
            let (a, r) = (&self.agent, &self.agent.rollout);
            let share = range.len() as f32 / n as f32;
            let of = |all: &[f32], width: usize| all[range.start * width..range.end * width].to_vec();
            let space = &a.seat.space;
            let (policy, value) = (
                OnTape::new(&a.policy, Wants::PARAMS),
                OnTape::new(&a.value, Wants::PARAMS),
            );
            let (seen, log_std) = (
                rows(of(&r.observation, a.policy.inputs()), a.policy.inputs()),
                flat(a.log_std.clone()),
            );
            let width = if r.mask.is_empty() {
                0
            } else {
                space.discrete.iter().sum()
            };
            let (mask, continuous) = (of(&r.mask, width), of(&r.continuous, space.continuous));
            let d = space.discrete.len();
            let batch = PolicyBatch {
                space,
                mask: &mask,
                continuous: &continuous,
                discrete: &r.discrete[range.start * d..range.end * d],
                advantage: &r.advantage[range.clone()],
            };
            let ascent = batch.policy_gradient(policy.forward(seen.leaky_trace()), &log_std, entropy);
            let targets: Vec<f32> = r.target[range.clone()].iter().map(|t| a.scale.normalize(*t)).collect();
            let valued = rows(of(r.valued().0, a.value.inputs()), a.value.inputs());
            let fit = value_loss(value.forward(valued.leaky_trace()), &targets, weight, None);
            let loss = fit.array();
            let mut gradients = ((ascent.loss + fit) * share).backward();
            Part {
                policy: policy.gradient(&mut gradients),
                log_std: take(&mut gradients, &log_std),
                value: value.gradient(&mut gradients),
                value_loss: f64::from(share * loss),
                entropy: f64::from(share * ascent.entropy),
            }
        }

        fn version(&self) -> Version {
            Version {
                policy: self.agent.policy.clone(),
                log_std: self.agent.log_std.clone(),
            }
        }
    }

    /// An update that somebody does: a thread of the pool that is free, or whoever needs its result.
    struct Update {
        state: Mutex<State>,
        done: Condvar,
    }

    enum State {
        /// Nobody has begun.
        Open(Box<(Trainee, Rollout, u64)>),
        Begun,
        Done(Box<Trainee>, Result<(), LearnError>),
        /// It was left by unwinding.
        Left(Box<dyn Any + Send>),
    }

    impl Update {
        fn lock(&self) -> std::sync::MutexGuard<'_, State> {
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// Does it, unless somebody else has begun.
        fn work(&self) {
            let mut state = self.lock();
            let open = match std::mem::replace(&mut *state, State::Begun) {
                State::Open(open) => open,
                other => {
                    *state = other;
                    return;
                }
            };
            drop(state);
            let (mut trainee, stretch, steps) = *open;
            let result = catch_unwind(AssertUnwindSafe(|| trainee.update(stretch, steps)));
            *self.lock() = match result {
                Ok(result) => State::Done(Box::new(trainee), result),
                Err(why) => State::Left(why),
            };
            self.done.notify_all();
        }

        /// Sees to it that it is done; then `look`s at what learned, and at whether it failed.
        fn wait<R>(&self, look: impl FnOnce(&mut Trainee, &mut Result<(), LearnError>) -> R) -> R {
            self.work();
            let mut state = self.lock();
            loop {
                match &mut *state {
                    State::Done(trainee, result) => return look(trainee, result),
                    State::Left(why) => {
                        let why = std::mem::replace(why, Box::new(()));
                        drop(state);
                        resume_unwind(why);
                    }
                    State::Open(_) | State::Begun => {
                        state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            }
        }
    }

    /// An IMPALA learner.
    pub struct Impala {
        options: ImpalaOptions,
        /// Plays, and keeps the stretch that is being played.
        actor: ActorCritic,
        update: Arc<Update>,
        /// Policies that have learned and do not play yet, the oldest first.
        behind: VecDeque<Version>,
    }

    /// All of it between two updates.
    #[derive(Serialize, Deserialize)]
    struct Stored {
        actor: ActorCritic,
        trainee: Trainee,
        behind: VecDeque<Version>,
    }

    fn done(trainee: Trainee) -> Arc<Update> {
        Arc::new(Update {
            state: Mutex::new(State::Done(Box::new(trainee), Ok(()))),
            done: Condvar::new(),
        })
    }

    impl Impala {
        /// A fresh learner for a seat.
        ///
        /// # Errors
        /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
        pub fn new(options: ImpalaOptions, seat: &Seat, seed: u64) -> Result<Impala, LearnError> {
            options.in_range()?;
            ImpalaOptions::suits(seat)?;
            let actor = ActorCritic::new(&settings_of!(options), seat, seed)?;
            let trainee = Trainee {
                agent: actor.clone(),
                optimizer: actor.optimizer(options.optimizer),
                options: options.clone(),
                report: None,
            };
            Ok(Impala {
                options,
                actor,
                update: done(trainee),
                behind: VecDeque::new(),
            })
        }

        /// What has learned, once all that was begun is done.
        fn trainee(&self) -> Trainee {
            self.update.wait(|t, _| t.clone())
        }

        /// Waits for the last update, and hands over what learned.
        fn settled(&self) -> Result<Trainee, LearnError> {
            self.update
                .wait(|t, result| std::mem::replace(result, Ok(())).map(|()| t.clone()))
        }

        /// Begins an update with a stretch; others may do it while this thread plays on.
        fn begin(&mut self, trainee: Trainee, stretch: Rollout) {
            let update = Arc::new(Update {
                state: Mutex::new(State::Open(Box::new((trainee, stretch, self.actor.steps)))),
                done: Condvar::new(),
            });
            self.update = update.clone();
            if rayon::current_num_threads() > 1 {
                rayon::spawn(move || update.work());
            }
        }
    }

    impl Learner for Impala {
        fn method(&self) -> &'static str {
            ImpalaOptions::METHOD
        }

        fn warm_start(&mut self, trial: &mut dyn Game, seed: u64) -> Result<Option<String>, LearnError> {
            Ok(self.actor.warm_start(trial, seed))
        }

        fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
            self.actor.act(seen, actions)
        }

        fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
            self.actor.told(told)
        }

        fn learn(&mut self) -> Result<Option<Numbers>, LearnError> {
            if !self.actor.is_played() {
                return Ok(None);
            }
            let stretch = std::mem::take(&mut self.actor.rollout);
            self.actor.steps += stretch.rows() as u64;
            let mut trainee = self.settled()?;
            let mut report = trainee.report;
            if self.options.lag == 0 {
                self.begin(trainee, stretch);
                trainee = self.settled()?;
                report = trainee.report;
                self.behind.push_back(trainee.version());
            } else {
                self.behind.push_back(trainee.version());
                self.begin(trainee, stretch);
            }
            // The one that learned `lag` updates ago plays on, or the first one until there is such.
            if self.behind.len() >= self.options.lag.max(1)
                && let Some(Version { policy, log_std }) = self.behind.pop_front()
            {
                (self.actor.policy, self.actor.log_std) = (policy, log_std);
            }
            if self.is_done() {
                report = self.settled()?.report;
            }
            let std = self.actor.log_std.first().map(|l| f64::from(l.exp()));
            let r = report.unwrap_or_default();
            let mut values = vec![
                ("learning_rate", r.learning_rate),
                ("entropy", r.entropy),
                ("value_loss", r.value_loss),
                ("gradient_norm", r.gradient_norm),
                ("probability_ratio", r.ratio),
                ("explained_variance", r.explained),
            ];
            values.extend(std.map(|s| ("std", s)));
            Ok(Some(values))
        }

        fn policy(&self) -> Policy {
            let mut agent = self.trainee().agent;
            // What observations look like is what play has seen, and the first constant is where play began.
            agent.observation.clone_from(&self.actor.observation);
            agent.centred_as(&self.actor);
            agent.snapshot(self.method())
        }
        fn steps(&self) -> u64 {
            self.actor.steps
        }
        fn total_steps(&self) -> u64 {
            self.options.steps
        }
        fn save(&self) -> Vec<u8> {
            encode(&Stored {
                actor: self.actor.clone(),
                trainee: self.trainee(),
                behind: self.behind.clone(),
            })
        }
        fn load(&mut self, bytes: &[u8]) -> Result<(), LearnError> {
            let stored: Stored = decode(bytes)?;
            let own = self.trainee();
            let alike = |v: &Version| {
                v.policy.is_consistent()
                    && v.policy.sizes() == own.agent.policy.sizes()
                    && v.log_std.len() == own.agent.log_std.len()
            };
            let fits = stored.trainee.options == self.options
                && stored.actor.fits(&self.actor)
                && stored.trainee.agent.fits(&own.agent)
                && stored.trainee.optimizer.len() == own.optimizer.len()
                && stored.behind.iter().all(alike)
                && stored.actor.observation.as_ref().map(RunningStatistics::width)
                    == self.actor.observation.as_ref().map(RunningStatistics::width);
            if !fits {
                return Err(LearnError::Mismatch {
                    what: "spaces, slots, options or sizes differ".into(),
                });
            }
            (self.actor, self.behind) = (stored.actor, stored.behind);
            self.update = done(stored.trainee);
            self.policy().check()
        }
    }
}
