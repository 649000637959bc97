//! Search over the options of a learner: the space, the trials, how long each trains, and which go on.
//!
//! *Random search* (Bergstra and Bengio 2012): every trial is drawn on its own from the space and trained to the end.
//!
//! *Successive halving* (Jamieson and Talwalkar 2016, algorithm 1, with rungs in powers of `eta` as in algorithm 1 of Li et
//! al. 2018): of `n` trials with `K = floor(log_eta n)`, rung `k = 0..K` trains the best `floor(n / eta^k)` of the rung before
//! to `ceil(R / eta^(K - k))` steps, measures them, and drops the others. `R` is the `steps` of the learner and remains the
//! plan of every trial, whatever rung it ends at: rates that fall with the share of the steps that is done fall as they
//! would in a training of `R` steps, and a rung only stops that training early. Who goes on does so from where it stopped,
//! so the winner is, to the bit, what `econc train` learns with its options.
//!
//! Trial 1 is the settings as they stand, if they lie in the space: so one sees what the search is worth. The others are pure
//! functions of seed and number, drawn again where the same settings were there before. Knows no worlds, no files and no clock.

mod space;
#[cfg(test)]
mod tests;

pub use space::{Dimension, Range, dimension, space};

use super::options::Value;
use crate::num::random::Key;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Most trials of one search.
pub const MOST_TRIALS: usize = 10_000;
/// More steps than any training has.
const MOST_STEPS: u64 = 1 << 49;
/// Draws after which a trial with settings of its own is given up.
const ATTEMPTS: u64 = 1000;
/// The stream of draws.
const STREAM: u64 = 0x7475_6e65;

/// What makes one trial better than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// A higher mean discounted return.
    Return,
    /// A smaller distance to the exact policy.
    Distance,
}

/// How one seed of a trial stood at the end of a rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Environment steps it had trained.
    pub steps: u64,
    /// What its policy earns without exploration, or why it failed.
    pub outcome: Result<Measure, String>,
}

/// A measurement of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Mean discounted return of an episode.
    pub discounted: f64,
    /// Distance to the exact policy, where it is known.
    pub distance: Option<f64>,
}

impl Measure {
    /// The number that counts.
    pub fn of(&self, objective: Objective) -> f64 {
        match objective {
            Objective::Return => self.discounted,
            Objective::Distance => self.distance.unwrap_or(f64::NAN),
        }
    }
}

/// One setting of the searched options, and how it did.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number, from 1.
    pub number: usize,
    /// The searched options: one (key, value) per dimension of the space, in its order.
    pub options: Vec<(String, Value)>,
    /// Scores, `[rung][seed]`, of every rung that it reached.
    pub rungs: Vec<Vec<Score>>,
}

impl Trial {
    /// Mean over seeds at the end of a rung; `None` if it did not get there, or a seed failed.
    pub fn mean(&self, rung: usize, objective: Objective) -> Option<f64> {
        let scores = self.rungs.get(rung)?;
        let mut sum = 0.0;
        for s in scores {
            sum += s.outcome.as_ref().ok()?.of(objective);
        }
        let mean = sum / scores.len() as f64;
        mean.is_finite().then_some(mean)
    }

    /// The mean at the last rung that it reached.
    pub fn last_mean(&self, objective: Objective) -> Option<f64> {
        self.mean(self.rungs.len().checked_sub(1)?, objective)
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        let scores = self.rungs.last()?;
        scores.iter().find_map(|s| s.outcome.as_ref().err()).map(String::as_str)
    }
}

/// Whether the present values of the searched options (`standing`, one per dimension of the space) lie in the space;
/// trial 1 then has them.
pub fn stands(space: &[Dimension], standing: &[Value]) -> bool {
    space.len() == standing.len() && space.iter().zip(standing).all(|(d, v)| d.range.contains(v))
}

/// The trials of a search, none of them trained: one entry per trial. `standing` has the present value of each searched
/// option, one per dimension of the space. No settings are tried twice; a space that has not enough of them gives fewer
/// than `count` trials.
pub fn trials(space: &[Dimension], count: usize, seed: u64, standing: &[Value]) -> Vec<Trial> {
    let key = Key::new(seed, STREAM);
    let width = space.len() as u64;
    let draw = |trial: usize, attempt: u64| -> Vec<Value> {
        let lane = |i: usize| attempt * width + i as u64;
        let value = |(i, d): (usize, &Dimension)| d.range.at(key.uniform(trial as u64, lane(i)));
        space.iter().enumerate().map(value).collect()
    };
    let mut seen = HashSet::new();
    let mut fresh = |values: &Vec<Value>| seen.insert(values.iter().map(Value::show).collect::<Vec<String>>());
    let mut out = Vec::new();
    for number in 1..=count {
        let values = if number == 1 && stands(space, standing) {
            fresh(&standing.to_vec());
            standing.to_vec()
        } else {
            match (0..ATTEMPTS).map(|a| draw(number, a)).find(&mut fresh) {
                Some(values) => values,
                None => break,
            }
        };
        out.push(Trial {
            number,
            options: space.iter().map(|d| d.key.clone()).zip(values).collect(),
            rungs: Vec::new(),
        });
    }
    out
}

/// One round of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Trials that train in it, at most.
    pub trials: usize,
    /// Steps each of them has trained at its end.
    pub steps: u64,
}

/// Random search, as one entry per rung: a single rung, in which all trials are trained to the end.
pub fn random(trials: usize, steps: u64) -> Vec<Rung> {
    vec![Rung { trials, steps }]
}

/// Successive halving (Jamieson and Talwalkar 2016) of `trials` with a training of `steps` at its end, as one entry per
/// rung: every rung keeps one in `eta` and trains `eta` times as long. The first rung trains at least `least` steps, if
/// that is possible with a rung less at the beginning.
pub fn halving(trials: usize, steps: u64, eta: usize, least: u64) -> Vec<Rung> {
    let eta = eta.max(2);
    let mut last = 0;
    let mut share = 1u64;
    let mut rest = trials;
    while rest >= eta {
        let Some(next) = share.checked_mul(eta as u64) else {
            break;
        };
        if steps.div_ceil(next) < least.max(1) || next > steps {
            break;
        }
        (share, rest, last) = (next, rest / eta, last + 1);
    }
    let mut out = Vec::new();
    let mut count = trials;
    for _ in 0..=last {
        out.push(Rung {
            trials: count,
            steps: steps.div_ceil(share),
        });
        count /= eta;
        share /= eta as u64;
    }
    out
}

/// Environment steps of all rungs (one entry per rung) for one seed, if no trial fails.
pub fn total_steps(rungs: &[Rung]) -> u64 {
    let mut before = 0;
    let mut total = 0u64;
    for rung in rungs {
        total = total.saturating_add((rung.trials as u64).saturating_mul(rung.steps.saturating_sub(before)));
        before = rung.steps;
    }
    total
}

/// The rungs of the shortest training that a search can have: `schedule` gives one entry per rung, `None` where the steps are too few for a
/// learner.
pub fn least_steps(schedule: impl Fn(u64) -> Option<Vec<Rung>>) -> Option<Vec<Rung>> {
    let (mut low, mut high) = (0, MOST_STEPS);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if schedule(middle).is_some() {
            high = middle;
        } else {
            low = middle;
        }
    }
    schedule(high)
}

/// The most steps a training may have so that a search with the rungs of `schedule` (one entry per rung; `None` where the steps are too few
/// for a learner) stays within `budget` environment steps for one seed; `None` if none do.
pub fn steps_within(budget: u64, schedule: impl Fn(u64) -> Option<Vec<Rung>>) -> Option<u64> {
    // What fits is an interval as long as the number of rungs is the same, and close to it otherwise.
    let fits = |steps: u64| match schedule(steps) {
        // More steps are needed; whether those fit is seen there.
        None => steps <= budget,
        Some(rungs) => total_steps(&rungs) <= budget,
    };
    let (mut low, mut high) = (0, budget.saturating_add(1).min(MOST_STEPS));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low > 0 && schedule(low).is_some()).then_some(low)
}

/// Whether `a` stands before `b`.
fn before(objective: Objective, a: f64, b: f64) -> std::cmp::Ordering {
    match objective {
        Objective::Return => b.total_cmp(&a),
        Objective::Distance => a.total_cmp(&b),
    }
}

/// Who goes on after a rung: the numbers (places in `trials`) of the best `keep` of those at work, best first, equal
/// ones in order of number. Failed trials never do. `at_work` has one number per trial at work.
pub fn survivors(trials: &[Trial], at_work: &[usize], rung: usize, keep: usize, objective: Objective) -> Vec<usize> {
    let mut ranked: Vec<(usize, f64)> = at_work
        .iter()
        .filter_map(|i| Some((*i, trials[*i].mean(rung, objective)?)))
        .collect();
    ranked.sort_by(|a, b| before(objective, a.1, b.1).then(a.0.cmp(&b.0)));
    ranked.truncate(keep);
    ranked.into_iter().map(|(i, _)| i).collect()
}

/// All trials, best first: one number per trial (its place in `trials`). Those that got further come before the others,
/// then by the objective where they stopped, then by number; failed ones last.
pub fn ranking(trials: &[Trial], objective: Objective) -> Vec<usize> {
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by(|&a, &b| {
        let (x, y) = (trials[a].last_mean(objective), trials[b].last_mean(objective));
        let further = trials[b].rungs.len().cmp(&trials[a].rungs.len());
        y.is_some()
            .cmp(&x.is_some())
            .then(further)
            .then(match (x, y) {
                (Some(x), Some(y)) => before(objective, x, y),
                (Some(_), None) | (None, Some(_)) | (None, None) => std::cmp::Ordering::Equal,
            })
            .then(a.cmp(&b))
    });
    order
}
