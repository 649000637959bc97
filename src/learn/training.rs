//! One training run: learners with a seed in the worlds of a model, measured on the way, resumable at any moment.
//!
//! Reads no clock and writes no file. The caller hears of every stretch and calls [`Training::save`] when it likes; the result
//! does not depend on when. After every `1 / evaluations` of the steps the policies play without chance of their
//! own in fresh worlds that are the same each time (and for every seed); the best and the last policy are kept apart.
//!
//! Several agents learn at once, each by a learner of its own that takes the others for a part of the world (independent learning).
//! Whoever has used up its steps goes on by its policy, with the chance that is in it, until all have.

use super::held::Held;
use super::measure::{self, Length, Who};
use super::methods::Method;
use super::play::{self, FixedPlayer, Learning, Player, Players};
use super::{LearnError, Learner, Metrics, Numbers, Policy, PolicyMemory, decode, encode};
use crate::check::model::Model;
use crate::diag::Diagnostic;
use crate::env::Game;
use crate::env::cast::Behaviour;
use crate::env::vector::{GameOptions, Vectorised};
use crate::num::random::Key;
use crate::solve::solution::Solution;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Rows of the log of one run.
const ROWS: u64 = 200;
/// Stream of the seeds of further learners.
const FURTHER: u64 = 0x7365_6174;

/// What a run trains, and how it measures on the way.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The learner at each seat of the environment: one entry per seat.
    pub methods: Vec<Method>,
    /// Where they play; its seats are those who learn.
    pub environment: GameOptions,
    /// How often they are measured.
    pub evaluations: usize,
    /// Episodes of one measurement.
    pub evaluation_episodes: usize,
    /// Periods after which an episode of a measurement is cut off.
    pub evaluation_periods: usize,
    /// Stop once a measured return reaches this.
    pub stop_return: Option<f64>,
    /// Stop after this many measurements without a better one.
    pub patience: Option<usize>,
    /// Updates of one seat before the next has its turn to learn; all at once without.
    pub alternate: Option<u64>,
}

impl Plan {
    /// The worlds of every measurement.
    fn measured_in(&self) -> GameOptions {
        GameOptions {
            worlds: self.evaluation_episodes.clamp(1, 64),
            together: 1,
            alike: false,
            periods: Some(self.evaluation_periods),
            ..self.environment.clone()
        }
    }

    /// How long measurements are.
    fn length(&self) -> Length {
        Length {
            episodes: self.evaluation_episodes,
            periods: self.evaluation_periods,
        }
    }

    /// What a solution earns in the worlds of every measurement, discounted; `None` where several learn, or members of one agent.
    ///
    /// # Errors
    /// Those of [`measure::return_of_cast`].
    pub fn earned_by(&self, model: &Model, agent: usize, exact: Arc<Solution>) -> Result<Option<f64>, Diagnostic> {
        let mut cast = self.environment.others.clone();
        cast.agents
            .insert(0, (model.agents[agent].name.clone(), Behaviour::Solved(exact)));
        measure::return_of_cast(model, &self.measured_in(), agent, &cast, self.length())
    }

    /// The learner at the first seat.
    pub fn method(&self) -> &Method {
        &self.methods[0]
    }
}

/// A row of the log: means over a stretch of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Environment steps done.
    pub steps: u64,
    /// Mean return of the episodes that ended in the stretch; NaN if none did.
    pub episode_return: f64,
    /// Number of those.
    pub episodes: u64,
    /// Numbers of the learner: one (name, value) per number.
    pub values: Vec<(String, f64)>,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Environment steps done.
    pub steps: u64,
    /// Mean return of an episode under the policy without chance.
    pub episode_return: f64,
    /// Mean discounted return.
    pub discounted: f64,
    /// Distance to the exact policy, where the caller knows it.
    pub distance: Option<f64>,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// The seed.
    pub seed: u64,
    /// The log: one entry per round of learning.
    pub rows: Vec<Row>,
    /// The measurements, in order of steps: one entry per measurement.
    pub measured: Vec<Measured>,
    /// The policy that measured best, and after how many steps it was so. Where several learn, members or seats: the one last measured.
    pub best: Option<(u64, Policy)>,
    /// Ended before its steps were used up.
    pub stopped_early: bool,
    /// Updates of the learner.
    pub updates: u64,
    /// States that left their domain while it played: one (name, how often, the first value that did) per state.
    pub outside: Vec<(String, u64, f64)>,
    /// What the last policy earns beside the best constant choice, once the run has ended.
    pub beside_constant: Option<BesideConstant>,
    /// What is to be said of how the first policy was found.
    #[serde(default)]
    pub began: Option<String>,
}

/// The last policy beside a constant choice, in the worlds of every measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BesideConstant {
    /// The constant in words.
    pub constant: String,
    /// Its mean discounted return.
    pub value: f64,
    /// The policy's.
    pub policy: f64,
    /// Standard error of the mean difference.
    pub error: f64,
}

/// A run between two stretches.
pub struct Training {
    plan: Plan,
    chairs: Vec<Chair>,
    env: Vectorised,
    judge: Vectorised,
    /// For each state: how often it had left its domain when it was last looked at.
    seen_outside: Vec<u64>,
    turn: Turn,
}

/// Whose turn it is to learn, where seats take turns.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Turn {
    seat: usize,
    /// Updates since it began.
    updates: u64,
}

/// A learner at its seat.
struct Chair {
    learner: Box<dyn Learner>,
    course: Course,
    /// Its policy, once it has learned.
    standing: Option<Policy>,
}

/// How a learner has fared.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Course {
    record: TrainingRecord,
    window: Window,
    /// Steps done when it last closed a round.
    closed: u64,
    /// What its policy carries from turn to turn, once it has learned or while others do.
    actor: Option<PolicyMemory>,
    /// Whether it has chosen since it began to learn: what came of its policy's last choice is not for it to learn from.
    acted: bool,
}

impl Course {
    /// Takes in what one round did: `total` steps are to do, all are `done`.
    fn log(&mut self, metrics: &Metrics, total: u64, done: bool) {
        let w = &mut self.window;
        w.returns += metrics.episode_returns.iter().sum::<f64>();
        w.episodes += metrics.episode_returns.len() as u64;
        for (name, x) in &metrics.values {
            match w.values.iter_mut().find(|(n, _)| n == name) {
                Some((_, sum)) => *sum += x,
                None => w.values.push(((*name).to_string(), *x)),
            }
        }
        w.updates += 1;
        let every = (total / ROWS).max(1);
        if metrics.steps / every > self.closed / every || done {
            let n = w.updates as f64;
            self.record.rows.push(Row {
                steps: metrics.steps,
                episode_return: w.returns / w.episodes as f64,
                episodes: w.episodes,
                values: w.values.iter().map(|(k, x)| (k.clone(), x / n)).collect(),
            });
            self.window = Window::default();
        }
    }
}

impl Chair {
    fn is_done(&self) -> bool {
        self.course.record.stopped_early || self.learner.is_done()
    }

    fn policy(&self) -> Policy {
        self.standing.clone().unwrap_or_else(|| self.learner.policy())
    }
}

/// What has happened since the last row of the log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Window {
    returns: f64,
    episodes: u64,
    values: Vec<(String, f64)>,
    updates: u64,
}

/// The state of a run, as it is saved.
#[derive(Serialize, Deserialize)]
struct Stored {
    model: Vec<u8>,
    /// Each learner with all its options.
    methods: Vec<String>,
    bytes: Vec<u8>,
    courses: Vec<Course>,
    turn: Turn,
}

/// The seed of the learner at a seat.
fn seed_at(seat: usize, seed: u64) -> u64 {
    match seat {
        0 => seed,
        _ => Key::new(seed, FURTHER + seat as u64).bits(0, 0),
    }
}

impl Training {
    /// A run that has not begun.
    ///
    /// # Errors
    /// Those of [`Vectorised::new`]; E0801 and E0805 for options, E0923 for learners that do not fit.
    pub fn new(model: &Model, plan: &Plan, seed: u64) -> Result<Training, Diagnostic> {
        let mut env = Vectorised::new(model, &plan.environment)?;
        let judge = Vectorised::new(model, &plan.measured_in())?;
        let (mut chairs, mut learners) = (Vec::new(), Vec::new());
        for (seat, method) in plan.methods.iter().enumerate() {
            let own = seed_at(seat, seed);
            let learner = method.learner(&env.seats()[seat], own).map_err(Diagnostic::from)?;
            learners.push(learner);
        }
        let begins = first_policies(plan, &mut learners, &mut env, seed)?;
        for (learner, began) in learners.into_iter().zip(begins) {
            chairs.push(Chair {
                course: Course {
                    record: TrainingRecord {
                        seed,
                        rows: Vec::new(),
                        measured: Vec::new(),
                        best: None,
                        stopped_early: false,
                        updates: 0,
                        outside: Vec::new(),
                        beside_constant: None,
                        began,
                    },
                    window: Window::default(),
                    closed: learner.steps(),
                    actor: None,
                    acted: false,
                },
                learner,
                standing: None,
            });
        }
        let mut training = Training {
            plan: plan.clone(),
            chairs,
            env,
            judge,
            seen_outside: vec![0; model.states.len()],
            turn: Turn::default(),
        };
        training.let_stand();
        Ok(training)
    }

    /// Each learner with all its options, by seat.
    fn methods(&self) -> Vec<String> {
        let turns = self.plan.alternate.map(|n| format!("alternate = {n}"));
        self.plan.methods.iter().map(Method::to_string).chain(turns).collect()
    }

    /// Whether there is nothing left to do.
    pub fn is_done(&self) -> bool {
        self.chairs.iter().all(Chair::is_done)
    }

    /// Environment steps done, and to do, of all who learn.
    pub fn progress(&self) -> (u64, u64) {
        let sum = |of: &dyn Fn(&Chair) -> u64| self.chairs.iter().map(of).sum();
        (sum(&|c| c.learner.steps()), sum(&|c| c.learner.total_steps()))
    }

    /// How the learner at a seat stands.
    pub fn record(&self, seat: usize) -> &TrainingRecord {
        &self.chairs[seat].course.record
    }

    /// How all stand, by seat.
    pub fn records(&self) -> impl Iterator<Item = &TrainingRecord> {
        self.chairs.iter().map(|c| &c.course.record)
    }

    /// The policy at a seat as it stands.
    pub fn policy(&self, seat: usize) -> Policy {
        self.chairs[seat].policy()
    }

    /// Plays until a learner updates, and measures if that is due. `distance` is asked at measurements.
    ///
    /// # Errors
    /// What stopped the worlds (with state and equation), or E0924 where a weight stops being a number.
    pub fn update(&mut self, distance: Option<&dyn Fn(&Policy) -> f64>) -> Result<(), Diagnostic> {
        self.update_within(distance, u64::MAX)
    }

    /// As [`Self::update`] for the only learner, but no further than the period in which its steps reach `most` where it learns from
    /// period to period. What follows is the same, however often it was stopped.
    ///
    /// # Errors
    /// Those of [`Self::update`].
    pub fn update_to(&mut self, most: u64) -> Result<(), Diagnostic> {
        let slots = self.env.seats()[0].slots.max(1) as u64;
        let turns = most.saturating_sub(self.progress().0).div_ceil(slots);
        self.update_within(None, turns.max(1))
    }

    fn update_within(&mut self, distance: Option<&dyn Fn(&Policy) -> f64>, turns: u64) -> Result<(), Diagnostic> {
        if self.is_done() {
            return Ok(());
        }
        let seats = self.env.seats().iter().map(|s| s.slots).collect::<Vec<_>>();
        let mut players: Players<'_> = Vec::new();
        for (chair, slots) in self.chairs.iter_mut().zip(seats) {
            let course = &mut chair.course;
            players.push(match (&chair.standing, &mut course.actor) {
                (Some(policy), Some(actor)) => Box::new(FixedPlayer {
                    policy,
                    actor,
                    slots,
                    deterministic: false,
                }) as Box<dyn Player>,
                _ => Box::new(Learning {
                    learner: chair.learner.as_mut(),
                    acted: &mut course.acted,
                }),
            });
        }
        let played = play::until_closed_or(&mut players, &mut self.env, turns);
        drop(players);
        let closed = match played {
            Ok(closed) => closed,
            Err((seat, e)) => return Err(self.stopped(seat, e)),
        };
        self.note_outside();
        let mut due = Vec::new();
        for (seat, values) in closed {
            let before = self.chairs[seat].course.closed;
            self.close(seat, values);
            let learner = &self.chairs[seat].learner;
            let every = (learner.total_steps() / self.plan.evaluations.max(1) as u64).max(1);
            if self.plan.evaluations > 0 && (learner.steps() / every > before / every || learner.is_done()) {
                due.push(seat);
            }
        }
        self.measure(&due, distance)?;
        self.pass_on();
        if self.chairs.len() > 1 && self.is_done() && self.plan.evaluations > 0 {
            // What each earned on the way was against what the others then did.
            self.measure(&(0..self.chairs.len()).collect::<Vec<_>>(), distance)?;
        }
        self.let_stand();
        Ok(())
    }

    /// Where seats take turns: the next that has something left to learn, once this one has had its updates.
    fn pass_on(&mut self) {
        let Some(updates) = self.plan.alternate.filter(|_| self.chairs.len() > 1) else {
            return;
        };
        if self.turn.updates < updates && !self.chairs[self.turn.seat].is_done() {
            return;
        }
        for _ in 0..self.chairs.len() {
            self.turn = Turn {
                seat: (self.turn.seat + 1) % self.chairs.len(),
                updates: 0,
            };
            if !self.chairs[self.turn.seat].is_done() {
                break;
            }
        }
    }

    /// Whoever has learned, or is not on turn, goes on by its policy while others learn.
    fn let_stand(&mut self) {
        if self.is_done() {
            return;
        }
        let turns = self.plan.alternate.is_some() && self.chairs.len() > 1;
        for (seat, chair) in self.chairs.iter_mut().enumerate() {
            let stands = chair.is_done() || (turns && seat != self.turn.seat);
            if !stands && chair.standing.take().is_some() {
                (chair.course.actor, chair.course.acted) = (None, false);
            }
            if stands && chair.standing.is_none() {
                let policy = chair.learner.policy();
                let seed = Key::new(seed_at(seat, chair.course.record.seed), chair.learner.steps()).bits(0, 0);
                let seed = if turns {
                    seed
                } else {
                    seed_at(seat, chair.course.record.seed)
                };
                chair.course.actor = Some(policy.actor(self.env.seats()[seat].slots, seed));
                chair.standing = Some(policy);
            }
            if chair.standing.is_some() {
                // What nobody learns from is not kept.
                let _ = self.env.take_returns(seat);
            }
        }
    }

    fn stopped(&mut self, seat: usize, error: LearnError) -> Diagnostic {
        let chair = &self.chairs[seat];
        let where_it_was = format!(
            "met by `{}` (seed {}) in update {}, after {} steps",
            chair.learner.method(),
            chair.course.record.seed,
            chair.course.record.updates + 1,
            chair.learner.steps()
        );
        self.env
            .take_failure()
            .unwrap_or_else(|| Diagnostic::from(error))
            .note(where_it_was)
    }

    /// A learner has closed a round.
    fn close(&mut self, seat: usize, values: Numbers) {
        let chair = &mut self.chairs[seat];
        let metrics = Metrics {
            steps: chair.learner.steps(),
            episode_returns: self.env.take_returns(seat),
            values,
        };
        let (total, done) = (chair.learner.total_steps(), chair.learner.is_done());
        chair.course.record.updates += 1;
        self.turn.updates += u64::from(seat == self.turn.seat);
        chair.course.log(&metrics, total, done);
        chair.course.closed = metrics.steps;
    }

    /// How long measurements are.
    fn length(&self) -> Length {
        self.plan.length()
    }

    /// Mean return and mean discounted return of an episode under the policies as they stand, in the worlds of every
    /// measurement: one pair per seat. Leaves the run as it is.
    ///
    /// # Errors
    /// What stopped the worlds (those of [`crate::env::worlds::Worlds::step`]).
    pub fn measurement(&mut self) -> Result<Vec<(f64, f64)>, Diagnostic> {
        let policies: Vec<Policy> = self.chairs.iter().map(Chair::policy).collect();
        let (length, drawing) = (self.length(), self.drawing(&policies));
        measure::mean_returns(&players(&policies, &drawing), &mut self.judge, length)
    }

    /// The policies (one per seat) that draw choices while they are measured: in a game the likeliest choice of a mixed strategy is another
    /// strategy, and the others would meet that.
    fn drawing(&self, policies: &[Policy]) -> Vec<Option<Policy>> {
        let game = self.is_game();
        policies.iter().map(|p| p.drawing_choices().filter(|_| game)).collect()
    }

    /// Whether several learn: members of one seat, or several seats.
    fn is_game(&self) -> bool {
        self.chairs.len() > 1 || self.env.seats()[0].members > 1
    }

    /// Measures the learners at these seats, if there are any, against all others as they stand.
    fn measure(&mut self, seats: &[usize], distance: Option<&dyn Fn(&Policy) -> f64>) -> Result<(), Diagnostic> {
        if seats.is_empty() {
            return Ok(());
        }
        let returns = self.measurement()?;
        let game = self.is_game();
        for seat in seats {
            let (episode_return, discounted) = returns[*seat];
            let chair = &mut self.chairs[*seat];
            let policy = chair.learner.policy();
            let (steps, done) = (chair.learner.steps(), chair.learner.is_done());
            let record = &mut chair.course.record;
            // A return that all members earn together says nothing of what one of them could do better, and one that was earned against
            // others who have since learned says nothing of now.
            if game || record.measured.iter().all(|m| discounted > m.discounted) {
                record.best = Some((steps, policy.clone()));
            }
            let measured = Measured {
                steps,
                episode_return,
                discounted,
                distance: distance.map(|d| d(&policy)),
            };
            match record.measured.last_mut().filter(|m| m.steps == steps) {
                Some(last) => *last = measured,
                None => record.measured.push(measured),
            }
            // The first of the highest returns, which in a game need not be that of the policy called `best`.
            let mut top = 0;
            for (i, m) in record.measured.iter().enumerate() {
                if m.discounted > record.measured[top].discounted {
                    top = i;
                }
            }
            let since = record.measured.len().saturating_sub(top + 1);
            record.stopped_early = !done
                && (self.plan.stop_return.is_some_and(|r| episode_return >= r)
                    || self.plan.patience.is_some_and(|p| since >= p));
        }
        Ok(())
    }

    /// The run as bytes, with those of the model; [`Training::load`] continues from them bit for bit.
    pub fn save(&self, model: &[u8]) -> Vec<u8> {
        let learners = self.chairs.iter().map(|c| c.learner.as_ref());
        encode(&Stored {
            model: model.to_vec(),
            methods: self.methods(),
            bytes: play::checkpoint(learners, &self.env),
            courses: self.chairs.iter().map(|c| c.course.clone()).collect(),
            turn: self.turn,
        })
    }

    /// Continues from [`Training::save`] with the same model and plan.
    ///
    /// # Errors
    /// E0925 if it is of another model, learner, setting, seed or version, or damaged.
    pub fn load(&mut self, model: &[u8], bytes: &[u8]) -> Result<(), Diagnostic> {
        let mismatch = |what: &str| Diagnostic::from(LearnError::Mismatch { what: what.into() });
        let stored: Stored = decode(bytes).map_err(Diagnostic::from)?;
        if stored.model != model {
            return Err(mismatch("the model or its parameters are not those of the checkpoint"));
        }
        if stored.methods != self.methods() || stored.courses.len() != self.chairs.len() {
            return Err(mismatch("the learner or its options are not those of the checkpoint"));
        }
        if (stored.courses.iter().zip(&self.chairs)).any(|(s, c)| s.record.seed != c.course.record.seed) {
            return Err(mismatch("the seed is not that of the checkpoint"));
        }
        let learners = self.chairs.iter_mut().map(|c| c.learner.as_mut());
        play::resume(&stored.bytes, learners, &mut self.env).map_err(Diagnostic::from)?;
        self.turn = stored.turn;
        for (chair, course) in self.chairs.iter_mut().zip(stored.courses) {
            chair.standing = course.actor.as_ref().map(|_| chair.learner.policy());
            chair.course = course;
        }
        self.seen_outside = self.env.counts().outside.iter().map(|o| o.0).collect();
        Ok(())
    }

    /// Takes in which states have left their domains since the last update.
    fn note_outside(&mut self) {
        // What happens in the worlds is told once, with the first learner.
        let Some(first) = self.chairs.first_mut() else { return };
        let record = &mut first.course.record;
        let model = &self.env.worlds().model;
        for (i, (count, first)) in self.env.counts().outside.iter().enumerate() {
            let new = count.saturating_sub(self.seen_outside[i]);
            self.seen_outside[i] = *count;
            if new == 0 {
                continue;
            }
            let name = &model.states[i].name;
            match record.outside.iter_mut().find(|o| o.0 == *name) {
                Some(o) => o.1 += new,
                None => record.outside.push((name.clone(), new, *first)),
            }
        }
    }

    /// Ends the run, and compares each policy with constant choices. Returns one (record, last policy) per seat.
    ///
    /// # Errors
    /// What stopped the worlds (those of [`crate::env::worlds::Worlds::step`]).
    pub fn finish(mut self) -> Result<Vec<(TrainingRecord, Policy)>, Diagnostic> {
        let policies: Vec<Policy> = self.chairs.iter().map(Chair::policy).collect();
        let mut out = Vec::new();
        for seat in 0..policies.len() {
            let beside = if self.plan.evaluations > 0 {
                self.beside_constant(&policies, seat)?
            } else {
                None
            };
            self.chairs[seat].course.record.beside_constant = beside;
        }
        for (chair, policy) in self.chairs.into_iter().zip(policies) {
            out.push((chair.course.record, policy));
        }
        Ok(out)
    }

    /// The policy of a seat beside the best constant choice in the same worlds, everybody else by theirs. Only for one decision maker
    /// with a world of its own: what is best for all members of a population together is no yardstick for one of them.
    fn beside_constant(&mut self, policies: &[Policy], seat: usize) -> Result<Option<BesideConstant>, Diagnostic> {
        let policy = &policies[seat];
        let length = Length {
            episodes: self.plan.evaluation_episodes.min(64),
            ..self.length()
        };
        let interface = self.judge.interface(seat);
        if interface.members != 1 || interface.masked() {
            return Ok(None);
        }
        let space = interface.space.clone();
        let mut constants: Vec<(String, Vec<f32>, Vec<u32>)> = Vec::new();
        if space.discrete.is_empty() {
            if !policy.centre.is_empty() {
                constants.push(("the best found by trying".into(), policy.centre.clone(), Vec::new()));
            }
            constants.push((
                "the middle of the bounds".into(),
                vec![0.0; space.continuous],
                Vec::new(),
            ));
        } else if space.continuous == 0 && space.discrete.iter().product::<usize>() <= MOST_CONSTANTS {
            let total: usize = space.discrete.iter().product();
            for joint in 0..total {
                let mut rest = joint;
                let mut choice = vec![0u32; space.discrete.len()];
                for (c, n) in choice.iter_mut().zip(&space.discrete).rev() {
                    *c = (rest % n) as u32;
                    rest /= n;
                }
                let numbers: Vec<String> = choice.iter().map(|c| (c + 1).to_string()).collect();
                constants.push((format!("choice number {}", numbers.join(", ")), Vec::new(), choice));
            }
        }
        let drawing = self.drawing(policies);
        let mut discounted = |who: Who<'_>| -> Result<Vec<f64>, Diagnostic> {
            let mut all: Vec<Who<'_>> = players(policies, &drawing);
            all[seat] = who;
            let returns = measure::first_episodes(&all, &mut self.judge, length)?;
            Ok(returns[seat].iter().map(|r| r.discounted).collect())
        };
        let mine = discounted(players(policies, &drawing)[seat])?;
        let mut best: Option<(String, Vec<f64>)> = None;
        // A few numbers of each interval, one action after the other; more actions than a few are left at what the warm start found.
        if space.discrete.is_empty() && (1..=SCANNED).contains(&space.continuous) {
            let mut at = constants.first().map_or(vec![0.0; space.continuous], |c| c.1.clone());
            for dimension in 0..space.continuous {
                let mut top: Option<(f64, f32)> = None;
                for k in 0..POINTS {
                    let mut tried = at.clone();
                    tried[dimension] = 0.999 * (2.0 * k as f32 / (POINTS - 1) as f32 - 1.0);
                    let worth: f64 = discounted(Who::Constant(&tried, &[])).map_or(f64::NAN, |r| r.iter().sum());
                    if !worth.is_nan() && top.is_none_or(|t| worth > t.0) {
                        top = Some((worth, tried[dimension]));
                    }
                }
                at[dimension] = top.map_or(at[dimension], |t| t.1);
            }
            constants.push(("the best of those tried".into(), at, Vec::new()));
        }
        for (words, continuous, discrete) in constants {
            // A constant with which the worlds cannot go on is no yardstick.
            let Ok(own) = discounted(Who::Constant(&continuous, &discrete)) else {
                continue;
            };
            let sum = |x: &[f64]| x.iter().sum::<f64>();
            if best.as_ref().is_none_or(|b| sum(&own) > sum(&b.1)) {
                best = Some((words, own));
            }
        }
        let Some((constant, theirs)) = best else {
            return Ok(None);
        };
        let n = mine.len() as f64;
        let gaps: Vec<f64> = mine.iter().zip(&theirs).map(|(a, b)| a - b).collect();
        let mean = gaps.iter().sum::<f64>() / n;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        Ok(Some(BesideConstant {
            constant,
            value: theirs.iter().sum::<f64>() / n,
            policy: mine.iter().sum::<f64>() / n,
            error: (variance / n).sqrt(),
        }))
    }
}

/// How each seat plays while it is measured: as it draws choices, where it does.
fn players<'a>(policies: &'a [Policy], drawing: &'a [Option<Policy>]) -> Vec<Who<'a>> {
    let as_drawn = |(p, d): (&'a Policy, &'a Option<Policy>)| d.as_ref().map_or(Who::Policy(p), Who::Drawn);
    policies.iter().zip(drawing).map(as_drawn).collect()
}

/// Most constant choices that a policy is compared with.
const MOST_CONSTANTS: usize = 64;
/// Most numbers that are scanned for the best constant, and the points tried of each.
const SCANNED: usize = 3;
const POINTS: usize = 13;

/// How often those who learn look in turn for a constant, each with the others at theirs.
const PASSES: usize = 3;
/// A constant that moved by more in the last pass has not settled (in units of `atanh`).
const MOVED: f32 = 0.15;

/// Lets the learners try things out, and starts their worlds anew. Returns what is to be said of it, by seat. Several do it one after the
/// other, the others at the constants they then have (at random before they have one).
///
/// # Errors
/// What stopped the worlds, or a learner.
fn first_policies(
    plan: &Plan,
    learners: &mut [Box<dyn Learner>],
    env: &mut Vectorised,
    seed: u64,
) -> Result<Vec<Option<String>>, Diagnostic> {
    let blamed = |seat: usize, d: Diagnostic| {
        d.note(format!(
            "met by `{}` (seed {seed}) before its first update, while constant choices were tried",
            plan.methods[seat].name()
        ))
    };
    let ended = |env: &mut Vectorised, done: Result<Option<String>, LearnError>| match env.take_failure() {
        Some(why) => Err(why),
        None => done.map_err(Diagnostic::from),
    };
    if let [only] = learners {
        let done = play::begin(only.as_mut(), env, seed);
        return ended(env, done).map(|said| vec![said]).map_err(|d| blamed(0, d));
    }
    let spaces: Vec<_> = env.seats().iter().map(|s| s.space.clone()).collect();
    let constant = |seat: usize| spaces[seat].continuous > 0 && spaces[seat].discrete.is_empty();
    let passes = match (0..spaces.len()).filter(|s| constant(*s)).count() {
        0 | 1 => 1,
        _ => PASSES,
    };
    let mut constants: Vec<Option<Vec<f32>>> = vec![None; learners.len()];
    let mut said = vec![None; learners.len()];
    for pass in 0..passes {
        let last = pass + 1 == passes;
        for (seat, learner) in learners.iter_mut().enumerate().filter(|(s, _)| last || constant(*s)) {
            let done = learner.warm_start(&mut Held::new(env, seat, &constants), seed_at(seat, seed));
            said[seat] = ended(env, done).map_err(|d| blamed(seat, d))?;
            if !constant(seat) {
                continue;
            }
            let mut found = learner.policy().centre;
            found.resize(spaces[seat].continuous, 0.0);
            let before = constants[seat].replace(found.clone());
            let moved = |b: Vec<f32>| b.iter().zip(&found).any(|(b, f)| (b.atanh() - f.atanh()).abs() > MOVED);
            if last && passes > 1 && before.is_some_and(moved) && said[seat].is_none() {
                said[seat] = Some(
                    "its best constant still moved with those of the others when the search ended: learning starts at the last one"
                        .into(),
                );
            }
        }
    }
    env.reset(seed);
    (0..learners.len()).for_each(|seat| drop(env.take_returns(seat)));
    match env.take_failure() {
        Some(why) => Err(why),
        None => Ok(said),
    }
}

#[cfg(test)]
#[path = "training_tests.rs"]
mod tests;
