//! One training run: a learner with a seed in the worlds of a model, measured on the way, resumable at any moment.
//!
//! Reads no clock and writes no file: the caller is told after every stretch, takes [`Training::save`] when it likes, and
//! what is trained does not depend on when. After every `1 / evaluations` of the steps the policy plays without chance of its
//! own in fresh worlds that are the same each time (and for every seed); the best and the last policy are kept apart.

use super::methods::Method;
use super::{LearnError, Learner, Metrics, Policy, decode, encode, play, resume};
use crate::check::model::Model;
use crate::diag::Diagnostic;
use crate::env::vector::{Options as Worlds, Vectorised};
use crate::env::{Actions, Seat, VectorEnvironment};
use serde::{Deserialize, Serialize};

/// Seed of the worlds in which policies are measured.
const EVALUATION_SEED: u64 = 0x6576_616c;
/// Rows of the log of one run.
const ROWS: u64 = 200;

/// What is trained, and how it is measured on the way.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The learner.
    pub method: Method,
    /// Where it plays; `worlds` and `grids` follow the learner.
    pub environment: Worlds,
    /// How often it is measured.
    pub evaluations: usize,
    /// Episodes of one measurement.
    pub evaluation_episodes: usize,
    /// Periods after which an episode of a measurement is cut off.
    pub evaluation_periods: usize,
    /// Stop once a measured return reaches this.
    pub stop_return: Option<f64>,
    /// Stop after this many measurements without a better one.
    pub patience: Option<usize>,
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
    /// Numbers of the learner.
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
pub struct Record {
    /// The seed.
    pub seed: u64,
    /// The log.
    pub rows: Vec<Row>,
    /// The measurements.
    pub measured: Vec<Measured>,
    /// The policy that measured best, and after how many steps it was so.
    pub best: Option<(u64, Policy)>,
    /// Ended before its steps were used up.
    pub stopped_early: bool,
    /// Updates of the learner.
    pub updates: u64,
    /// States that left their domain while it played: name, how often, the first value that did.
    pub outside: Vec<(String, u64, f64)>,
    /// What the last policy earns beside the best constant choice, once the run has ended.
    pub beside_constant: Option<BesideConstant>,
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
    learner: Box<dyn Learner>,
    env: Vectorised,
    judge: Vectorised,
    record: Record,
    window: Window,
    /// For each state: how often it had left its domain when it was last looked at.
    seen_outside: Vec<u64>,
}

/// What has been seen since the last row of the log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Window {
    returns: f64,
    episodes: u64,
    values: Vec<(String, f64)>,
    updates: u64,
}

/// Everything of a run that moves.
#[derive(Serialize, Deserialize)]
struct Stored {
    model: Vec<u8>,
    method: Method,
    bytes: Vec<u8>,
    record: Record,
    window: Window,
}

impl Training {
    /// A run that has not begun.
    ///
    /// # Errors
    /// Those of [`Vectorised::new`]; E0921 to E0923 for options and learners that do not fit.
    pub fn new(model: &Model, plan: &Plan, seed: u64) -> Result<Training, Diagnostic> {
        let grids = plan.method.finite_choices();
        let mut env = Vectorised::new(
            model,
            &Worlds {
                worlds: plan.method.worlds(),
                grids,
                ..plan.environment.clone()
            },
        )?;
        let judge = Vectorised::new(
            model,
            &Worlds {
                worlds: plan.evaluation_episodes.clamp(1, 64),
                grids,
                together: 1,
                periods: Some(plan.evaluation_periods),
                ..plan.environment.clone()
            },
        )?;
        let mut learner = plan.method.learner(&Seat::of(&env), seed).map_err(Diagnostic::from)?;
        let begun = play::begin(learner.as_mut(), &mut env, seed);
        if let Some(why) = env.take_failure() {
            return Err(why.note(format!(
                "met by `{}` (seed {seed}) before its first update, while constant choices were tried",
                plan.method.name()
            )));
        }
        begun.map_err(Diagnostic::from)?;
        Ok(Training {
            plan: plan.clone(),
            learner,
            env,
            judge,
            record: Record {
                seed,
                rows: Vec::new(),
                measured: Vec::new(),
                best: None,
                stopped_early: false,
                updates: 0,
                outside: Vec::new(),
                beside_constant: None,
            },
            window: Window::default(),
            seen_outside: vec![0; model.states.len()],
        })
    }

    /// Whether there is nothing left to do.
    pub fn is_done(&self) -> bool {
        self.record.stopped_early || self.learner.is_done()
    }

    /// Environment steps done, and to do.
    pub fn progress(&self) -> (u64, u64) {
        (self.learner.steps(), self.learner.total_steps())
    }

    /// How it stands.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The policy as it stands.
    pub fn policy(&self) -> Policy {
        self.learner.policy()
    }

    /// The worlds it plays in.
    pub fn environment(&self) -> &Vectorised {
        &self.env
    }

    /// One update of the learner, and a measurement if one is due. `distance` is asked at measurements.
    ///
    /// # Errors
    /// What stopped the worlds (with state and equation), or E0924 where a weight stops being a number.
    pub fn update(&mut self, distance: Option<&dyn Fn(&Policy) -> f64>) -> Result<(), Diagnostic> {
        let before = self.learner.steps();
        let metrics = match play::round(self.learner.as_mut(), &mut self.env) {
            Ok(m) => m,
            Err(e) => return Err(self.stopped(e)),
        };
        self.record.updates += 1;
        self.note_outside();
        self.log(before, &metrics);
        let every = (self.learner.total_steps() / self.plan.evaluations.max(1) as u64).max(1);
        if self.plan.evaluations > 0 && (metrics.steps / every > before / every || self.learner.is_done()) {
            self.measure(distance)?;
        }
        Ok(())
    }

    fn stopped(&mut self, error: LearnError) -> Diagnostic {
        let where_it_was = format!(
            "met by `{}` (seed {}) in update {}, after {} steps",
            self.learner.method(),
            self.record.seed,
            self.record.updates + 1,
            self.learner.steps()
        );
        self.env
            .take_failure()
            .unwrap_or_else(|| Diagnostic::from(error))
            .note(where_it_was)
    }

    fn log(&mut self, before: u64, metrics: &Metrics) {
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
        let every = (self.learner.total_steps() / ROWS).max(1);
        if metrics.steps / every > before / every || self.learner.is_done() {
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

    /// Mean return and mean discounted return of an episode of `policy` in the worlds of every measurement; leaves the run as
    /// it is.
    ///
    /// # Errors
    /// What stopped the worlds.
    pub fn measurement(&mut self, policy: &Policy) -> Result<(f64, f64), Diagnostic> {
        let (episodes, periods) = (self.plan.evaluation_episodes, self.plan.evaluation_periods);
        mean_returns(policy, &mut self.judge, episodes, periods)
    }

    fn measure(&mut self, distance: Option<&dyn Fn(&Policy) -> f64>) -> Result<(), Diagnostic> {
        let policy = self.learner.policy();
        let (episode_return, discounted) = self.measurement(&policy)?;
        let better = |m: &Measured| discounted > m.discounted;
        if self.record.measured.iter().all(better) {
            self.record.best = Some((self.learner.steps(), policy.clone()));
        }
        self.record.measured.push(Measured {
            steps: self.learner.steps(),
            episode_return,
            discounted,
            distance: distance.map(|d| d(&policy)),
        });
        let best = self.record.best.as_ref().map_or(0, |b| b.0);
        let since = self.record.measured.iter().filter(|m| m.steps > best).count();
        self.record.stopped_early = !self.learner.is_done()
            && (self.plan.stop_return.is_some_and(|r| episode_return >= r)
                || self.plan.patience.is_some_and(|p| since >= p));
        Ok(())
    }

    /// Everything needed to go on to the bit.
    pub fn save(&self, model: &[u8]) -> Vec<u8> {
        encode(&Stored {
            model: model.to_vec(),
            method: self.plan.method.clone(),
            bytes: super::checkpoint(self.learner.as_ref(), &self.env),
            record: self.record.clone(),
            window: self.window.clone(),
        })
    }

    /// Goes on from [`Training::save`] with the same model and plan.
    ///
    /// # Errors
    /// E0925 if it is of another model, learner, setting, seed or version, or damaged.
    pub fn load(&mut self, model: &[u8], bytes: &[u8]) -> Result<(), Diagnostic> {
        let mismatch = |what: &str| Diagnostic::from(LearnError::Mismatch { what: what.into() });
        let stored: Stored = decode(bytes).map_err(Diagnostic::from)?;
        if stored.model != model {
            return Err(mismatch("the model or its parameters are not those of the checkpoint"));
        }
        if stored.method != self.plan.method {
            return Err(mismatch("the learner or its options are not those of the checkpoint"));
        }
        if stored.record.seed != self.record.seed {
            return Err(mismatch("the seed is not that of the checkpoint"));
        }
        resume(&stored.bytes, self.learner.as_mut(), &mut self.env).map_err(Diagnostic::from)?;
        self.record = stored.record;
        self.window = stored.window;
        self.seen_outside = self.env.counts().outside.iter().map(|o| o.0).collect();
        Ok(())
    }

    /// Takes in which states have left their domains since the last update.
    fn note_outside(&mut self) {
        let model = &self.env.worlds().model;
        for (i, (count, first)) in self.env.counts().outside.iter().enumerate() {
            let new = count.saturating_sub(self.seen_outside[i]);
            self.seen_outside[i] = *count;
            if new == 0 {
                continue;
            }
            let name = &model.states[i].name;
            match self.record.outside.iter_mut().find(|o| o.0 == *name) {
                Some(o) => o.1 += new,
                None => self.record.outside.push((name.clone(), new, *first)),
            }
        }
    }

    /// Ends the run, and compares its policy with constant choices.
    ///
    /// # Errors
    /// What stopped the worlds.
    pub fn finish(mut self) -> Result<(Record, Policy), Diagnostic> {
        let policy = self.learner.policy();
        if self.plan.evaluations > 0 {
            self.record.beside_constant = self.beside_constant(&policy)?;
        }
        Ok((self.record, policy))
    }

    /// The policy beside the best constant choice in the same worlds. Only for one decision maker with a world of its own: what is
    /// best for all members of a population together is no yardstick for one of them.
    fn beside_constant(&mut self, policy: &Policy) -> Result<Option<BesideConstant>, Diagnostic> {
        let (episodes, periods) = (self.plan.evaluation_episodes.min(64), self.plan.evaluation_periods);
        let interface = self.judge.interface();
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
        let mut discounted = |player: &Player<'_>| -> Result<Vec<f64>, Diagnostic> {
            let returns = first_episodes(player, &mut self.judge, episodes, periods)?;
            Ok(returns.iter().map(|r| r.discounted).collect())
        };
        let mine = discounted(&Player::Policy(policy))?;
        let mut best: Option<(String, Vec<f64>)> = None;
        for (words, continuous, discrete) in constants {
            // A constant with which the worlds cannot go on is no yardstick.
            let Ok(own) = discounted(&Player::Constant(&continuous, &discrete)) else {
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

/// Most constant choices that a policy is compared with.
const MOST_CONSTANTS: usize = 64;

/// Who plays in the worlds of a measurement.
enum Player<'a> {
    /// A policy without chance of its own.
    Policy(&'a Policy),
    /// The same numbers and choices in every row.
    Constant(&'a [f32], &'a [u32]),
}

/// Mean return and mean discounted return of the first episode of every slot under `policy`, without chance of its own, in worlds that are
/// always the same.
///
/// # Errors
/// What stopped the worlds.
pub fn mean_returns(
    policy: &Policy,
    env: &mut Vectorised,
    episodes: usize,
    periods: usize,
) -> Result<(f64, f64), Diagnostic> {
    let returns = first_episodes(&Player::Policy(policy), env, episodes, periods)?;
    let mean = |of: fn(&Return) -> f64| returns.iter().map(of).sum::<f64>() / returns.len() as f64;
    Ok((mean(|r| r.total), mean(|r| r.discounted)))
}

/// What one episode earned.
#[derive(Clone, Copy, Default)]
struct Return {
    total: f64,
    discounted: f64,
}

/// Returns of the first episode of every slot, cut off after `periods` periods, in worlds that are always the same: at
/// least `episodes` worlds.
///
/// # Errors
/// What stopped the worlds.
fn first_episodes(
    player: &Player<'_>,
    env: &mut Vectorised,
    episodes: usize,
    periods: usize,
) -> Result<Vec<Return>, Diagnostic> {
    let slots = env.slots();
    let discount = f64::from(env.discount());
    let mut out = Vec::new();
    let mut actions = Actions::default();
    if let Player::Constant(continuous, discrete) = player {
        actions.continuous = continuous.repeat(slots);
        actions.discrete = discrete.repeat(slots);
    }
    for round in 0..episodes.div_ceil(env.worlds().worlds()).max(1) {
        env.reset(EVALUATION_SEED + round as u64);
        if let Some(why) = env.take_failure() {
            return Err(why);
        }
        let mut actor = match player {
            Player::Policy(p) => Some((p, p.actor(slots, EVALUATION_SEED))),
            Player::Constant(..) => None,
        };
        let mut returns = vec![Return::default(); slots];
        let mut alive = vec![true; slots];
        let mut weight = 1.0;
        for _ in 0..periods {
            if let Some((policy, actor)) = &mut actor {
                policy.act(actor, env.observation(), env.mask(), slots, true, &mut actions);
            }
            env.step(&actions.continuous, &actions.discrete);
            if let Some(why) = env.take_failure() {
                return Err(why);
            }
            for s in (0..slots).filter(|s| alive[*s]) {
                let reward = f64::from(env.reward()[s]);
                returns[s].total += reward;
                returns[s].discounted += weight * reward;
            }
            for (s, a) in alive.iter_mut().enumerate() {
                *a &= !env.terminated()[s] && !env.truncated()[s];
            }
            weight *= discount;
            if !alive.contains(&true) {
                break;
            }
        }
        out.extend(returns);
    }
    Ok(out)
}
