//! Tabular Q-learning (Watkins 1989; Watkins and Dayan 1992): no network, nothing beyond the standard library.
//!
//! States are the distinct observations met (so they must be finitely many), actions the joint choices (a continuous dimension
//! becomes a grid). `Q(s, a) += alpha (r + discount max Q(s', .) - Q(s, a))`, with nothing after a termination; slots are updated
//! one after the other in their order. Who shares a table, the first values, the law of exploration, the tie rule and the
//! rule of convergence are options with names, since published results depend on each. For firms that meet in one game for ever
//! see `repeated_game.rs`, which repeats the literature's program number by number.

use super::entry::{Build, Choices, LearnerOptions};
use super::options::{Linear, Value, in_range, learner_options, word_option};
use super::policy::{Policy, PolicyKind};
use super::q_table::{QTables, Sharing, first_best};
use super::ranges::{bins, not_negative, playing, share};
use super::spaces::JointChoices;
use super::{LearnError, Learner, Numbers, OptionTable, all_finite, discount_of, encode, restore};
use crate::check::model::Setting;
use crate::check::settings::{Key, Kind};
use crate::env::{Actions, Game, Seat, Seen, Told, VectorEnvironment};
use crate::num::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Which decision makers share a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tables {
    /// All share one.
    Shared,
    /// Each member has one, the same in every world.
    Member,
    /// Each member of each world has its own: every world is a session.
    Slot,
}
word_option!(Tables, "shared, member or slot", "shared" => Tables::Shared, "member" => Tables::Member, "slot" => Tables::Slot);

/// Where values start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Initial {
    /// At `initial_value`.
    Constant,
    /// Independent uniforms in [0, `initial_value`], for each table and choice.
    Uniform,
    /// At what a choice pays on average while everybody plays at random, for ever: estimated by play.
    RandomPlay,
}
word_option!(Initial, "constant, uniform or random_play",
    "constant" => Initial::Constant, "uniform" => Initial::Uniform, "random_play" => Initial::RandomPlay);

/// How the share of random choices falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exploration {
    /// `exploration_start` for ever.
    Constant,
    /// `exploration_start * exp(-exploration_rate * t)`, t the period, not below `exploration_end`.
    Exponential,
    /// In a straight line from `exploration_start` to `exploration_end` over all steps.
    Linear,
}
word_option!(Exploration, "constant, exponential or linear",
    "constant" => Exploration::Constant, "exponential" => Exploration::Exponential, "linear" => Exploration::Linear);

/// Which of several best choices is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ties {
    /// The first.
    First,
    /// One at random.
    Random,
}
word_option!(Ties, "first or random", "first" => Ties::First, "random" => Ties::Random);

learner_options! {
    /// Options of tabular Q-learning.
    pub struct QLearningOptions("q_learning") {
        /// Environment steps to learn from at most, all slots counted.
        steps: u64 = 10_000_000,
        /// Worlds played side by side (read where the environment is made).
        worlds: usize = 1,
        /// Step size of the update.
        alpha: f64 = 0.1,
        /// Step size at the end, to which it falls linearly over all steps; `none` keeps it.
        alpha_end: Option<f64> = None,
        /// Discount factor; `none` takes the model's.
        discount: Option<f64> = None,
        /// Whether what a choice pays and what follows it are learned apart, the first as the mean of what it paid (the Q-transform of Ma, Stachurski
        /// and Toda 2022): chance in rewards then no longer moves values by the step size.
        transform: bool = false,
        /// Which decision makers share a table.
        tables: Tables = Tables::Member,
        /// Where values start.
        initial: Initial = Initial::Constant,
        /// The first value (`constant`), or the largest (`uniform`).
        initial_value: f64 = 0.0,
        /// Periods of random play behind `initial = random_play`.
        initial_periods: usize = 10_000,
        /// How the share of random choices falls.
        exploration: Exploration = Exploration::Exponential,
        /// Share of random choices at the start.
        exploration_start: f64 = 1.0,
        /// Rate at which it falls per period (`exponential`).
        exploration_rate: f64 = 1e-5,
        /// Share below which it does not fall.
        exploration_end: f64 = 0.0,
        /// Which of several best choices is taken.
        ties: Ties = Ties::Random,
        /// Periods without a change of the best choices met after which learning ends; 0 uses all steps.
        stable: u64 = 0,
        /// Points of the grid of each continuous dimension.
        bins: usize = 15,
    }
}

impl LearnerOptions for QLearningOptions {
    const ABOUT: &'static str = "tabular Q-learning, for finitely many states and choices";
    const PAUSES: bool = true;
    const CHOICES: Choices = Choices::Finite;
    const SEARCH: &'static [&'static str] = &[
        "alpha=0.01..0.5:log",
        "exploration_rate=1e-6..1e-3:log",
        "exploration_end=0..0.1",
    ];
    const KEYS: &'static [Key] = &[
        Key {
            name: "stop",
            kind: Kind::Stop,
            default: "none",
            doc: "q_learning: ends when the best choices met have not changed for so many periods",
        },
        Key {
            name: "random",
            kind: Kind::Words("choice", &["counter", "ran2"]),
            default: "counter",
            doc: "q_learning: where chance comes from; ran2 is the program of Calvano et al. (2020) itself: seeds are its sessions",
        },
        Key {
            name: "benchmarks",
            kind: Kind::Pair,
            default: "none",
            doc: "q_learning with random = ran2: the competitive and the collusive action, between whose rewards the index of collusion is measured",
        },
    ];

    fn in_range(&self) -> Result<(), LearnError> {
        playing(self.steps, self.worlds, self.discount)?;
        in_range(
            self.alpha > 0.0 && self.alpha <= 1.0,
            "alpha",
            self.alpha,
            "a number above 0, at most 1",
        )?;
        if let Some(end) = self.alpha_end {
            in_range((0.0..=1.0).contains(&end), "alpha_end", end, "a number between 0 and 1")?;
        }
        share("exploration_start", self.exploration_start)?;
        share("exploration_end", self.exploration_end)?;
        not_negative("exploration_rate", self.exploration_rate)?;
        bins(self.bins)
    }

    fn idle(&self, key: &str) -> Option<&'static str> {
        match key {
            "initial_periods" if self.initial != Initial::RandomPlay => {
                Some("random play comes before learning with `initial = random_play` alone")
            }
            "exploration_rate" if self.exploration != Exploration::Exponential => {
                Some("the share of random choices falls at this rate with `exploration = exponential` alone")
            }
            _ => None,
        }
    }

    /// As papers write it: `exploration = exp(-4e-6 * step)`, `stop = stable(100_000)`.
    fn spelled(key: &str, value: &Setting) -> Option<Vec<(&'static str, Value)>> {
        match (key, value) {
            ("exploration", _) => Some(vec![
                ("exploration", Value::Word("exponential".to_string())),
                ("exploration_rate", Value::Number(rate_of_exploration(value)?)),
            ]),
            ("stop", Setting::Call(_, arguments)) => {
                let periods = arguments.first().and_then(Setting::number)?;
                Some(vec![("stable", Value::Number(periods))])
            }
            _ => None,
        }
    }

    fn build() -> Option<Build<Self>> {
        Some(|options, seat, seed| Ok(Box::new(QLearning::new(options, seat, seed)?)))
    }
}

/// `4e-6` of `exp(-4e-6 * step)`.
fn rate_of_exploration(value: &Setting) -> Option<f64> {
    let Setting::Call(f, args) = value else { return None };
    let ("exp", [Setting::Text(text)]) = (f.as_str(), args.as_slice()) else {
        return None;
    };
    let (rate, step) = text.split_once('*')?;
    let Value::Number(rate) = Value::parse(rate) else {
        return None;
    };
    (step.trim() == "step" && rate <= 0.0).then_some(-rate)
}

/// Up to so many states are never too many.
const MANY_STATES: u64 = 10_000;
/// Beyond that, each must be visited so often on average.
const VISITS: u64 = 20;

/// A tabular Q-learner.
#[derive(Clone, Serialize, Deserialize)]
pub struct QLearning {
    options: QLearningOptions,
    seat: Seat,
    choices: JointChoices,
    tables: QTables,
    /// With `transform`, for each table what each choice at each state paid on average, and how often it was made:
    /// `[table][state * choices + choice]`.
    paid: Vec<Vec<(f64, u32)>>,
    discount: f64,
    rng: Stream,
    periods: u64,
    /// Periods in a row in which no best choice met has changed.
    settled: u64,
    /// Periods at the last report.
    reported: u64,
    /// The state of every slot in the period that is not over yet, and the number of its joint choice.
    state: Vec<usize>,
    choice: Vec<usize>,
}

impl QLearning {
    /// A fresh learner for a seat.
    ///
    /// # Errors
    /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
    pub fn new(options: QLearningOptions, seat: &Seat, seed: u64) -> Result<QLearning, LearnError> {
        options.in_range()?;
        QLearningOptions::suits(seat)?;
        let choices = JointChoices::new(QLearningOptions::METHOD, &seat.space, options.bins)?;
        let discount = discount_of(options.discount, seat)? as f64;
        let sharing = match options.tables {
            Tables::Shared => Sharing::One,
            Tables::Member => Sharing::Member(seat.members.clamp(1, seat.slots)),
            Tables::Slot => Sharing::Slot,
        };
        let count = match sharing {
            Sharing::One => 1,
            Sharing::Member(members) => members,
            Sharing::Slot => seat.slots,
        };
        let mut learner = QLearning {
            tables: QTables::new(sharing, vec![vec![0.0; choices.count()]; count]),
            paid: vec![Vec::new(); count],
            options,
            seat: seat.clone(),
            choices,
            discount,
            rng: Stream::new(seed, 5),
            periods: 0,
            settled: 0,
            reported: 0,
            state: Vec::new(),
            choice: Vec::new(),
        };
        let (actions, value) = (learner.choices.count(), learner.options.initial_value);
        let fresh = match learner.options.initial {
            // Random play is a matter of the warm start.
            Initial::Constant | Initial::RandomPlay => vec![vec![value; actions]; count],
            Initial::Uniform => (0..count)
                .map(|_| (0..actions).map(|_| value * learner.rng.random::<f64>()).collect())
                .collect(),
        };
        learner.set_initial(fresh)?;
        Ok(learner)
    }

    /// Replaces the first values of all states, `[table][joint choice]`, before anything is learnt; for values computed
    /// from a model.
    ///
    /// # Errors
    /// [`LearnError::Mismatch`] if tables or choices are of another number, or learning has begun.
    pub fn set_initial(&mut self, fresh: Vec<Vec<f64>>) -> Result<(), LearnError> {
        let fits = fresh.len() == self.tables.count() && fresh.iter().all(|f| f.len() == self.choices.count());
        if !fits || self.periods > 0 {
            return Err(LearnError::Mismatch {
                what: "first values: one row per table, one number per choice".into(),
            });
        }
        self.tables = QTables::new(self.tables.sharing(), fresh);
        Ok(())
    }

    /// The tables.
    pub fn tables(&self) -> &QTables {
        &self.tables
    }

    /// Step size of the present period.
    fn alpha(&self) -> f64 {
        let o = &self.options;
        Linear {
            from: o.alpha,
            to: o.alpha_end.unwrap_or(o.alpha),
        }
        .at(self.steps() as f64 / o.steps.max(1) as f64)
    }

    /// Refuses a model whose states hardly repeat: a table learns nothing from them.
    fn repeats(&self) -> Result<(), LearnError> {
        let met = self.tables.states() as u64;
        if met <= MANY_STATES.max(self.options.steps / VISITS) {
            return Ok(());
        }
        Err(LearnError::Unsuitable {
            method: QLearningOptions::METHOD,
            reason: format!(
                "of {} observations {met} were different, and a table has a row for each",
                self.steps()
            ),
            instead: "ppo",
        })
    }

    /// Share of random choices at period `t`.
    fn epsilon(&self, t: u64) -> f64 {
        let o = &self.options;
        let value = match o.exploration {
            Exploration::Constant => return o.exploration_start,
            Exploration::Exponential => o.exploration_start * (-o.exploration_rate * t as f64).exp(),
            Exploration::Linear => {
                let progress = (t * self.seat.slots as u64) as f64 / o.steps.max(1) as f64;
                o.exploration_start + (o.exploration_end - o.exploration_start) * progress.min(1.0)
            }
        };
        value.max(o.exploration_end)
    }

    /// What each choice pays on average while everybody plays at random, for ever.
    fn random_play(&mut self, trial: &mut dyn Game, seed: u64) -> Result<Vec<Vec<f64>>, LearnError> {
        let mut sums = vec![vec![(0.0f64, 0u64); self.choices.count()]; self.tables.count()];
        let mut actions = Actions::default();
        trial.reset(seed);
        for _ in 0..self.options.initial_periods {
            self.choose(&trial.seen(0), 1.0, &mut actions);
            trial.step(&actions.continuous, &actions.discrete);
            all_finite("a reward", trial.reward(), 0)?;
            for (s, &a) in self.choice.iter().enumerate() {
                let cell = &mut sums[self.tables.table_of(s)][a];
                *cell = (cell.0 + trial.reward()[s] as f64, cell.1 + 1);
            }
        }
        let forever = 1.0 / (1.0 - self.discount).max(1e-6);
        let unknown = self.options.initial_value;
        let mean = |(sum, n): &(f64, u64)| if *n > 0 { sum / *n as f64 * forever } else { unknown };
        Ok(sums.iter().map(|row| row.iter().map(mean).collect()).collect())
    }

    /// What a choice paid on average before it paid `reward`, 0 if it was never made, and what it pays on average now.
    fn pays(&mut self, table: usize, state: usize, choice: usize, reward: f64) -> (f64, f64) {
        let size = self.tables.states() * self.tables.actions();
        self.paid[table].resize(size, (0.0, 0));
        let (mean, count) = &mut self.paid[table][state * self.choices.count() + choice];
        let before = *mean;
        *count = count.saturating_add(1);
        *mean += (reward - before) / f64::from(*count);
        (before, *mean)
    }

    /// Picks a joint choice for every slot.
    fn choose(&mut self, seen: &Seen<'_>, epsilon: f64, actions: &mut Actions) {
        let (space, width) = (&self.seat.space, self.seat.observation_width);
        actions.fit(self.seat.slots, space);
        self.choice.clear();
        self.state.clear();
        for s in 0..self.seat.slots {
            let state = self.tables.state(&seen.observation[s * width..(s + 1) * width]);
            let allowed = self.choices.allowed(space, seen.mask, s);
            let (chance, pick): (f64, f32) = (self.rng.random(), self.rng.random());
            let joint = if chance < epsilon {
                self.choices.random(allowed.as_deref(), pick)
            } else {
                let row = self.tables.row(self.tables.table_of(s), state);
                best(row, allowed.as_deref(), self.options.ties, pick as f64)
            };
            self.choices
                .decode(space, joint, s, &mut actions.continuous, &mut actions.discrete);
            self.choice.push(joint);
            self.state.push(state);
        }
    }
}

/// The best allowed choice under a tie rule; `u` in (0, 1) decides ties at random.
fn best(row: &[f64], allowed: Option<&[f32]>, ties: Ties, u: f64) -> usize {
    let first = first_best(row, allowed);
    match ties {
        Ties::First => first,
        Ties::Random => {
            let tied = |a: &usize| row[*a] == row[first] && allowed.is_none_or(|m| m[*a] > 0.0);
            let count = (0..row.len()).filter(tied).count();
            let pick = ((u * count as f64) as usize).min(count.saturating_sub(1));
            (0..row.len()).filter(tied).nth(pick).unwrap_or(first)
        }
    }
}

impl Learner for QLearning {
    fn method(&self) -> &'static str {
        QLearningOptions::METHOD
    }

    fn warm_start(&mut self, trial: &mut dyn Game, seed: u64) -> Result<Option<String>, LearnError> {
        if self.options.initial == Initial::RandomPlay {
            let fresh = self.random_play(trial, seed)?;
            self.set_initial(fresh)?;
        }
        Ok(None)
    }

    fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        all_finite("an observation", seen.observation, self.steps())?;
        self.choose(seen, self.epsilon(self.periods), actions);
        Ok(())
    }

    fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
        all_finite("a reward", told.reward, self.steps())?;
        let width = self.seat.observation_width;
        let alpha = self.alpha();
        let mut same = true;
        for s in 0..self.seat.slots {
            let (k, state, action) = (self.tables.table_of(s), self.state[s], self.choice[s]);
            let ended = told.ended(s);
            let mut later = 0.0;
            if fault!("learner.table_after_end", true, !told.terminated[s]) {
                let after = if ended { told.last } else { told.next.observation };
                let next = self.tables.state(&after[s * width..(s + 1) * width]);
                // At a truncation the mask of what would follow is unknown: everything is taken as allowed.
                let allowed = if ended {
                    None
                } else {
                    self.choices.allowed(&self.seat.space, told.next.mask, s)
                };
                let row = self.tables.row(k, next);
                later = self.discount * row[first_best(row, allowed.as_deref())];
            }
            let reward = told.reward[s] as f64;
            let (paid, pays) = if self.options.transform {
                self.pays(k, state, action, reward)
            } else {
                (0.0, 0.0)
            };
            let row = self.tables.row_mut(k, state);
            let before = first_best(row, None);
            // What is learned by steps: the value, or what of it follows the choice.
            let (learned, goal) = if self.options.transform {
                (row[action] - paid, later)
            } else {
                (row[action], reward + later)
            };
            row[action] = learned + alpha * (goal - learned) + pays;
            same &= first_best(row, None) == before;
        }
        self.periods += 1;
        self.settled = if same { self.settled + 1 } else { 1 };
        Ok(())
    }

    fn learn(&mut self) -> Result<Option<Numbers>, LearnError> {
        if self.periods < self.reported + 1000 && !self.is_done() {
            return Ok(None);
        }
        self.reported = self.periods;
        self.repeats()?;
        Ok(Some(vec![
            ("exploration", self.epsilon(self.periods)),
            ("states", self.tables.states() as f64),
            ("settled", self.settled as f64),
        ]))
    }

    fn policy(&self) -> Policy {
        Policy {
            method: self.method().into(),
            space: self.seat.space.clone(),
            observation_width: self.seat.observation_width,
            observation: None,
            centre: Vec::new(),
            kind: PolicyKind::Tabular {
                tables: self.tables.clone(),
                choices: self.choices.clone(),
            },
        }
    }
    fn steps(&self) -> u64 {
        self.periods * self.seat.slots as u64
    }
    fn total_steps(&self) -> u64 {
        self.options.steps
    }
    fn is_done(&self) -> bool {
        let settled = self.options.stable > 0 && self.settled >= self.options.stable;
        settled || self.steps() >= self.options.steps
    }
    fn save(&self) -> Vec<u8> {
        encode(self)
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), LearnError> {
        restore(self, bytes, |stored, own| {
            stored.options == own.options
                && stored.seat == own.seat
                && stored.choices == own.choices
                && stored.tables.count() == own.tables.count()
                && stored.paid.len() == own.paid.len()
        })
    }
}
