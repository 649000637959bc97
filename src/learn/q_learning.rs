//! Tabular Q-learning (Watkins 1989; Watkins and Dayan 1992): no network, nothing beyond the standard library.
//!
//! States are the distinct observations met (so they must be finitely many), actions the joint choices (continuous dimensions
//! are gridded). `Q(s, a) += alpha (r + discount max Q(s', .) - Q(s, a))`, with nothing after a termination; slots are updated
//! one after the other in their order. Who shares a table, the first values, the law of exploration, the tie rule and the
//! rule of convergence are options with names, since published results depend on each. For firms that meet in one game for ever
//! see `repeated_game.rs`, which repeats the literature's program number by number.

use super::options::{Linear, in_range, learner_options, learners, word_option};
use super::policy::{Policy, PolicyKind};
use super::q_table::{QTables, Sharing, first_best};
use super::spaces::JointChoices;
use super::{LearnError, Learner, LearnerOptions, Metrics, Shape, all_finite, decode, discount_of, encode};
use crate::env::VectorEnvironment;
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
        /// Rate at which it falls a period (`exponential`).
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

impl QLearningOptions {
    fn check(&self) -> Result<(), LearnError> {
        learners::playing(self.steps, self.worlds, self.discount)?;
        in_range(
            self.alpha > 0.0 && self.alpha <= 1.0,
            "alpha",
            self.alpha,
            "a number above 0, at most 1",
        )?;
        if let Some(end) = self.alpha_end {
            in_range((0.0..=1.0).contains(&end), "alpha_end", end, "a number between 0 and 1")?;
        }
        learners::share("exploration_start", self.exploration_start)?;
        learners::share("exploration_end", self.exploration_end)?;
        learners::not_negative("exploration_rate", self.exploration_rate)?;
        learners::bins(self.bins)
    }
}

/// Up to so many states are never too many.
const MANY_STATES: u64 = 10_000;
/// Beyond that, each must be visited so often on average.
const VISITS: u64 = 20;

/// A tabular Q-learner.
#[derive(Clone, Serialize, Deserialize)]
pub struct QLearning {
    options: QLearningOptions,
    shape: Shape,
    choices: JointChoices,
    tables: QTables,
    discount: f64,
    rng: Stream,
    periods: u64,
    /// Periods in a row in which no best choice met has changed.
    settled: u64,
    #[serde(skip)]
    scratch: Scratch,
}

/// What is done in the present period.
#[derive(Clone, Default)]
struct Scratch {
    state: Vec<usize>,
    choice: Vec<usize>,
    continuous: Vec<f32>,
    discrete: Vec<u32>,
}

impl QLearning {
    /// A fresh learner; restarts the environment from `seed`. Slots are `worlds * members`, member fastest.
    ///
    /// # Errors
    /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
    pub fn new(
        options: QLearningOptions,
        env: &mut dyn VectorEnvironment,
        members: usize,
        seed: u64,
    ) -> Result<QLearning, LearnError> {
        options.check()?;
        let shape = Shape::of(env);
        shape.check(QLearningOptions::METHOD)?;
        let choices = JointChoices::new(QLearningOptions::METHOD, &shape.space, options.bins)?;
        let discount = discount_of(options.discount, env)? as f64;
        let sharing = match options.tables {
            Tables::Shared => Sharing::One,
            Tables::Member => Sharing::Member(members.clamp(1, shape.slots)),
            Tables::Slot => Sharing::Slot,
        };
        let count = match sharing {
            Sharing::One => 1,
            Sharing::Member(members) => members,
            Sharing::Slot => shape.slots,
        };
        let mut learner = QLearning {
            tables: QTables::new(sharing, vec![vec![0.0; choices.count()]; count]),
            options,
            shape,
            choices,
            discount,
            rng: Stream::new(seed, 5),
            periods: 0,
            settled: 0,
            scratch: Scratch::default(),
        };
        let fresh = learner.first_values(env, count, seed)?;
        learner.set_initial(fresh)?;
        env.reset(seed);
        let _ = env.take_episode_returns();
        Ok(learner)
    }

    /// Replaces the first values of all states, one row a table, before anything is learnt; for values computed
    /// from a model.
    ///
    /// # Errors
    /// [`LearnError::Mismatch`] if rows or choices are of another number, or learning has begun.
    pub fn set_initial(&mut self, fresh: Vec<Vec<f64>>) -> Result<(), LearnError> {
        let fits = fresh.len() == self.tables.count() && fresh.iter().all(|f| f.len() == self.choices.count());
        if !fits || self.periods > 0 {
            return Err(LearnError::Mismatch {
                what: "first values: one row a table, one number a choice".into(),
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

    /// Fails where states hardly repeat: a table learns nothing from them.
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
                let progress = (t * self.shape.slots as u64) as f64 / o.steps.max(1) as f64;
                o.exploration_start + (o.exploration_end - o.exploration_start) * progress.min(1.0)
            }
        };
        value.max(o.exploration_end)
    }

    fn first_values(
        &mut self,
        env: &mut dyn VectorEnvironment,
        count: usize,
        seed: u64,
    ) -> Result<Vec<Vec<f64>>, LearnError> {
        let (actions, value) = (self.choices.count(), self.options.initial_value);
        Ok(match self.options.initial {
            Initial::Constant => vec![vec![value; actions]; count],
            Initial::Uniform => (0..count)
                .map(|_| (0..actions).map(|_| value * self.rng.random::<f64>()).collect())
                .collect(),
            Initial::RandomPlay => {
                let mut sums = vec![vec![(0.0f64, 0u64); actions]; count];
                env.reset(seed);
                for _ in 0..self.options.initial_periods {
                    self.choose(env, 1.0);
                    env.step(&self.scratch.continuous, &self.scratch.discrete);
                    all_finite("a reward", env.reward(), 0)?;
                    for (s, &a) in self.scratch.choice.iter().enumerate() {
                        let cell = &mut sums[self.tables.table_of(s)][a];
                        *cell = (cell.0 + env.reward()[s] as f64, cell.1 + 1);
                    }
                }
                let forever = 1.0 / (1.0 - self.discount).max(1e-6);
                let mean = |(sum, n): &(f64, u64)| if *n > 0 { sum / *n as f64 * forever } else { value };
                sums.iter().map(|row| row.iter().map(mean).collect()).collect()
            }
        })
    }

    /// Picks a joint choice for every slot into the scratch.
    fn choose(&mut self, env: &dyn VectorEnvironment, epsilon: f64) {
        let x = &mut self.scratch;
        let (space, width) = (&self.shape.space, self.shape.observation_width);
        x.continuous.resize(self.shape.slots * space.continuous, 0.0);
        x.discrete.resize(self.shape.slots * space.discrete.len(), 0);
        x.choice.clear();
        x.state.clear();
        for s in 0..self.shape.slots {
            let state = self.tables.state(&env.observation()[s * width..(s + 1) * width]);
            let allowed = self.choices.allowed(space, env.mask(), s);
            let (chance, pick): (f64, f32) = (self.rng.random(), self.rng.random());
            let joint = if chance < epsilon {
                self.choices.random(allowed.as_deref(), pick)
            } else {
                let row = self.tables.row(self.tables.table_of(s), state);
                best(row, allowed.as_deref(), self.options.ties, pick as f64)
            };
            self.choices.decode(space, joint, s, &mut x.continuous, &mut x.discrete);
            x.choice.push(joint);
            x.state.push(state);
        }
    }

    /// One period of play and the updates of all slots, in their order.
    fn period(&mut self, env: &mut dyn VectorEnvironment) -> Result<(), LearnError> {
        all_finite("an observation", env.observation(), self.steps())?;
        self.choose(env, self.epsilon(self.periods));
        env.step(&self.scratch.continuous, &self.scratch.discrete);
        all_finite("a reward", env.reward(), self.steps())?;
        let width = self.shape.observation_width;
        let alpha = self.alpha();
        let mut same = true;
        for s in 0..self.shape.slots {
            let (k, state, action) = (self.tables.table_of(s), self.scratch.state[s], self.scratch.choice[s]);
            let ended = env.terminated()[s] || env.truncated()[s];
            let mut goal = env.reward()[s] as f64;
            if fault!("learner.table_after_end", true, !env.terminated()[s]) {
                let after = if ended {
                    env.final_observation()
                } else {
                    env.observation()
                };
                let next = self.tables.state(&after[s * width..(s + 1) * width]);
                // At a truncation the mask of what would follow is unknown: everything is taken as allowed.
                let allowed = if ended {
                    None
                } else {
                    self.choices.allowed(&self.shape.space, env.mask(), s)
                };
                let row = self.tables.row(k, next);
                goal += self.discount * row[first_best(row, allowed.as_deref())];
            }
            let row = self.tables.row_mut(k, state);
            let before = first_best(row, None);
            row[action] += alpha * (goal - row[action]);
            same &= first_best(row, None) == before;
        }
        self.periods += 1;
        self.settled = if same { self.settled + 1 } else { 1 };
        Ok(())
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

    fn update(&mut self, env: &mut dyn VectorEnvironment) -> Result<Metrics, LearnError> {
        for _ in 0..1000 {
            if self.is_done() {
                break;
            }
            self.period(env)?;
        }
        self.repeats()?;
        let values = vec![
            ("exploration", self.epsilon(self.periods)),
            ("states", self.tables.states() as f64),
            ("settled", self.settled as f64),
        ];
        Ok(Metrics {
            steps: self.steps(),
            episode_returns: env.take_episode_returns(),
            values,
        })
    }

    fn policy(&self) -> Policy {
        Policy {
            method: self.method().into(),
            space: self.shape.space.clone(),
            observation_width: self.shape.observation_width,
            observation: None,
            centre: Vec::new(),
            kind: PolicyKind::Tabular {
                tables: self.tables.clone(),
                choices: self.choices.clone(),
            },
        }
    }
    fn steps(&self) -> u64 {
        self.periods * self.shape.slots as u64
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
        let stored: QLearning = decode(bytes)?;
        let fits = stored.options == self.options
            && stored.shape == self.shape
            && stored.choices == self.choices
            && stored.tables.count() == self.tables.count();
        if !fits {
            return Err(LearnError::Mismatch {
                what: "spaces, slots or options differ".into(),
            });
        }
        stored.policy().check()?;
        *self = stored;
        Ok(())
    }
}
