//! Search over the options of a learner: what is searched, which trials there are, how long each trains, which go on.
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

use super::options::{OptionInfo, Value};
use super::settings;
use crate::diag::Diagnostic;
use crate::diag::suggest::did_you_mean;
use crate::num::random::Key;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Most trials of one search.
pub const MOST_TRIALS: usize = 10_000;
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

/// The values an option may be given.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// Any number between two, evenly or evenly in logarithms.
    Numbers {
        /// The smallest.
        lo: f64,
        /// The largest.
        hi: f64,
        /// Evenly in logarithms.
        log: bool,
    },
    /// Any whole number between two, both included.
    Whole {
        /// The smallest.
        lo: u64,
        /// The largest.
        hi: u64,
        /// Evenly in logarithms.
        log: bool,
    },
    /// One of these.
    Choices(Vec<Value>),
}

/// One searched option.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// The option.
    pub key: String,
    /// What it may be.
    pub range: Range,
}

/// As one types it behind `--search`.
impl std::fmt::Display for Dimension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ends = |lo: String, hi: String, log: bool| format!("{lo}..{hi}{}", if log { ":log" } else { "" });
        let words = match &self.range {
            Range::Numbers { lo, hi, log } => ends(Value::Number(*lo).show(), Value::Number(*hi).show(), *log),
            Range::Whole { lo, hi, log } => ends(lo.to_string(), hi.to_string(), *log),
            Range::Choices(values) => values.iter().map(Value::show).collect::<Vec<_>>().join("|"),
        };
        write!(f, "{}={words}", self.key)
    }
}

impl Range {
    /// Whether an option may have this value.
    pub fn contains(&self, value: &Value) -> bool {
        match (self, value) {
            (Range::Numbers { lo, hi, .. }, Value::Number(x)) => lo <= x && x <= hi,
            (Range::Whole { lo, hi, .. }, Value::Number(x)) => {
                x.fract() == 0.0 && (*lo as f64) <= *x && *x <= (*hi as f64)
            }
            (Range::Choices(values), value) => values.contains(value),
            (Range::Numbers { .. } | Range::Whole { .. }, Value::Bool(_) | Value::Word(_) | Value::List(_)) => false,
        }
    }

    /// The value at share `u` in (0, 1) of the range. Numbers end where the next digit would be less than a thousandth of
    /// the range, so that what is shown is what is trained.
    pub fn at(&self, u: f64) -> Value {
        match self {
            Range::Numbers { lo, hi, log: false } => {
                Value::Number(rounded(lo + u * (hi - lo), hi - lo).clamp(*lo, *hi))
            }
            Range::Numbers { lo, hi, log: true } => {
                let (from, wide) = (libm::log(*lo), libm::log(*hi) - libm::log(*lo));
                let x = libm::exp(from + u * wide);
                Value::Number(rounded(x, x * wide.min(1.0)).clamp(*lo, *hi))
            }
            Range::Whole { lo, hi, log: false } => {
                let x = *lo as f64 + (u * (*hi as f64 - *lo as f64 + 1.0)).floor();
                Value::Number(x.min(*hi as f64))
            }
            Range::Whole { lo, hi, log: true } => {
                // Half a number further on both sides, so that the ends are met as often as they ought to be.
                let (from, to) = (*lo as f64 - 0.5, *hi as f64 + 0.5);
                let x = (from * libm::exp(u * libm::log(to / from))).round();
                Value::Number(x.clamp(*lo as f64, *hi as f64))
            }
            Range::Choices(values) => {
                let i = ((u * values.len() as f64) as usize).min(values.len() - 1);
                values[i].clone()
            }
        }
    }

    /// The ends of a range, or all choices: what must be allowed for every trial to be allowed.
    pub fn extremes(&self) -> Vec<Value> {
        match self {
            Range::Numbers { lo, hi, .. } => vec![Value::Number(*lo), Value::Number(*hi)],
            Range::Whole { lo, hi, .. } => vec![Value::Number(*lo as f64), Value::Number(*hi as f64)],
            Range::Choices(values) => values.clone(),
        }
    }
}

/// `x` without the digits below a thousandth of `scale`.
fn rounded(x: f64, scale: f64) -> f64 {
    let decimals = 3 - scale.log10().floor() as i32;
    if decimals >= 0 {
        let decimals = decimals.min(300) as usize;
        format!("{x:.decimals$}").parse().unwrap_or(x)
    } else {
        let unit = 10f64.powi(-decimals);
        (x / unit).round() * unit
    }
}

/// Reads what stands behind `--search`: `KEY=LO..HI`, `KEY=LO..HI:log`, `KEY=A|B|C`.
///
/// # Errors
/// E0801 for an option that `method` has not (with the one that was meant), E0804 for a learner that does not exist, E0940 for what
/// is no range, or none of the option's kind.
pub fn dimension(method: &str, text: &str) -> Result<Dimension, Diagnostic> {
    let Some((key, space)) = text.split_once('=').map(|(k, s)| (k.trim(), s.trim())) else {
        return Err(unreadable(text, "it is not KEY=RANGE").hint(EXAMPLES));
    };
    let table = (settings::learner(method)?.table)();
    let Some(option) = table.iter().find(|o| o.key == key) else {
        return Err(no_option(method, key, &table));
    };
    if key == "steps" {
        return Err(unreadable(text, "every trial trains for the same number of steps")
            .hint("say how many with --with steps=100_000, or let --budget find it"));
    }
    let range = range(text, key, space, option)?;
    Ok(Dimension {
        key: key.to_string(),
        range,
    })
}

const EXAMPLES: &str =
    "write --search learning_rate=1e-4..1e-2:log, --search gae_lambda=0.9..1 or --search 'network=[32,32]|[64,64]'";

fn unreadable(text: &str, why: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0940", format!("`--search {text}` cannot be searched")).note(why)
}

/// An option that is not searched because it is none.
fn no_option(method: &str, key: &str, table: &[OptionInfo]) -> Diagnostic {
    let d = Diagnostic::error("E0801", format!("`train {method}` has no option `{key}`"));
    if settings::DRIVER_KEYS.iter().any(|k| k.name == key) {
        return d
            .note("it is about the worlds and the runs, which are the same for all trials")
            .hint(format!("set it once: --with {key}=VALUE"));
    }
    let names: Vec<&str> = table.iter().map(|o| o.key).collect();
    let d = d.note(format!("options: {}", names.join(", ")));
    match did_you_mean(key, names) {
        Some(near) => d.hint(format!("did you mean `{near}`?")),
        None => d.hint(format!("econc train --list {method} says what each does")),
    }
}

fn range(text: &str, key: &str, space: &str, option: &OptionInfo) -> Result<Range, Diagnostic> {
    let numeric = option.kind.starts_with("number") || option.kind == "whole number";
    let fail = |why: String| unreadable(text, why);
    let Some((lo, rest)) = space.split_once("..").filter(|_| !space.contains('|')) else {
        return choices(text, key, space, option, numeric);
    };
    if !numeric {
        let d = fail(format!("`{key}` is no number: it takes {}", option.kind));
        return Err(d.hint(format!("name the choices: --search {}", example(key, option))));
    }
    let (hi, log) = match rest.split_once(':') {
        None => (rest, false),
        Some((hi, scale)) if scale.trim() == "log" => (hi, true),
        Some((_, scale)) => {
            let d = fail(format!("`{}` is no scale", scale.trim()));
            return Err(d.hint(format!("write --search {key}={lo}..HI, or {key}={lo}..HI:log")));
        }
    };
    let number = |t: &str| match Value::parse(t) {
        Value::Number(x) if x.is_finite() => Some(x),
        Value::Number(_) | Value::Bool(_) | Value::Word(_) | Value::List(_) => None,
    };
    let (Some(lo), Some(hi)) = (number(lo), number(hi)) else {
        return Err(fail("the ends must be numbers".into()).hint(EXAMPLES));
    };
    if !(lo < hi) {
        let (lo, hi) = (Value::Number(lo).show(), Value::Number(hi).show());
        let d = fail("the first end must be below the second".into());
        return Err(if lo == hi {
            d.hint(format!("one value is not searched: --with {key}={lo}"))
        } else {
            d.hint(format!("write --search {key}={hi}..{lo}"))
        });
    }
    if !(hi - lo).is_finite() {
        return Err(fail("the range is too wide to be drawn from".into()).hint(EXAMPLES));
    }
    if log && lo <= 0.0 {
        let d = fail("a logarithmic range begins above 0".into());
        return Err(d.hint(format!(
            "write --search {key}={}..{}:log, or leave out :log",
            Value::Number(hi * 1e-3).show(),
            Value::Number(hi).show()
        )));
    }
    if option.kind != "whole number" {
        return Ok(Range::Numbers { lo, hi, log });
    }
    if lo.fract() != 0.0 || hi.fract() != 0.0 || lo < 0.0 || hi >= 9e15 {
        let d = fail(format!("`{key}` takes whole numbers"));
        let (lo, hi) = (lo.max(0.0).floor(), hi.max(1.0).ceil().min(1e9));
        return Err(d.hint(format!("write --search {key}={lo}..{hi}")));
    }
    Ok(Range::Whole {
        lo: lo as u64,
        hi: hi as u64,
        log,
    })
}

fn choices(text: &str, key: &str, space: &str, option: &OptionInfo, numeric: bool) -> Result<Range, Diagnostic> {
    let mut values: Vec<Value> = Vec::new();
    for item in space.split('|').map(str::trim) {
        if item.is_empty() || item.contains("..") {
            return Err(unreadable(text, "each choice is one value").hint(EXAMPLES));
        }
        let value = Value::parse(item);
        if values.contains(&value) {
            return Err(unreadable(text, format!("`{item}` is named twice")).hint("name every choice once"));
        }
        values.push(value);
    }
    if let [one] = values.as_slice() {
        let d = unreadable(text, "one value is not searched");
        let more = if numeric {
            format!("{key}=LO..HI")
        } else {
            example(key, option)
        };
        return Err(d.hint(format!(
            "write --with {key}={}, or --search {more}",
            one.show().replace(' ', "")
        )));
    }
    Ok(Range::Choices(values))
}

/// Choices of an option that is no number, as one could type them.
fn example(key: &str, option: &OptionInfo) -> String {
    match option.kind {
        "true or false" => format!("'{key}=true|false'"),
        kind if kind.starts_with("list") => format!("'{key}=[32,32]|[64,64]'"),
        kind => {
            let words = kind.split([' ', ',']).filter(|w| !w.is_empty() && *w != "or");
            format!("'{key}={}'", words.collect::<Vec<_>>().join("|"))
        }
    }
}

/// What is searched where nothing is said, for each learner.
pub const DEFAULTS: &[(&str, &[&str])] = &[
    (
        "ppo",
        &[
            "learning_rate=1e-4..1e-2:log",
            "gae_lambda=0.9..1",
            "clip=0.1..0.3",
            "minibatch=128|256|512|1024",
        ],
    ),
    (
        "recurrent_ppo",
        &[
            "learning_rate=1e-4..1e-2:log",
            "gae_lambda=0.9..1",
            "epochs=4..12",
            "memory=32|64|128",
        ],
    ),
    (
        "a2c",
        &["learning_rate=1e-4..1e-2:log", "gae_lambda=0.9..1", "horizon=4|8|16|32"],
    ),
    (
        "dqn",
        &[
            "learning_rate=1e-4..1e-2:log",
            "target_every=100..2000:log",
            "exploration_time=0.1..0.6",
            "gradient_steps=2|4|8",
        ],
    ),
    (
        "sac",
        &[
            "learning_rate=1e-4..1e-2:log",
            "target_rate=0.002..0.05:log",
            "target_entropy_end=-4..-1",
            "gradient_steps=16|32|64",
        ],
    ),
    (
        "q_learning",
        &[
            "alpha=0.01..0.5:log",
            "exploration_rate=1e-6..1e-3:log",
            "exploration_end=0..0.1",
        ],
    ),
];

/// The space of a search: what was typed, or the learner's default without the options that are fixed.
///
/// # Errors
/// Those of [`dimension`] for each; E0940 for an option that is searched twice, or fixed and searched, or if nothing is left.
pub fn space(method: &str, searches: &[String], fixed: &[String]) -> Result<Vec<Dimension>, Vec<Diagnostic>> {
    settings::learner(method).map_err(|d| vec![d])?;
    if searches.is_empty() {
        let typed = DEFAULTS.iter().find(|(m, _)| *m == method).map_or(&[][..], |(_, t)| *t);
        let space = typed
            .iter()
            .map(|t| dimension(method, t).map_err(|d| vec![d]))
            .collect::<Result<Vec<_>, _>>()?;
        let space: Vec<Dimension> = space.into_iter().filter(|d| !fixed.contains(&d.key)).collect();
        if space.is_empty() {
            return Err(vec![
                Diagnostic::error("E0940", "nothing is left to search")
                    .note("every option that is searched by default is fixed by --with")
                    .hint(EXAMPLES),
            ]);
        }
        return Ok(space);
    }
    let mut space: Vec<Dimension> = Vec::new();
    let mut faults = Vec::new();
    for text in searches {
        match dimension(method, text) {
            Err(d) => faults.push(d),
            Ok(d) if space.iter().any(|other| other.key == d.key) => {
                faults.push(unreadable(text, format!("`{}` is searched twice", d.key)).hint("keep one of the two"));
            }
            Ok(d) if fixed.contains(&d.key) => {
                let why = format!("`{}` is fixed by --with", d.key);
                faults.push(unreadable(text, why).hint("keep one of the two"));
            }
            Ok(d) => space.push(d),
        }
    }
    if faults.is_empty() { Ok(space) } else { Err(faults) }
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
    /// The searched options, in the order of the space.
    pub options: Vec<(String, Value)>,
    /// For every rung that it reached, one score a seed.
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

/// Whether the present values of the searched options lie in the space; trial 1 then has them.
pub fn stands(space: &[Dimension], standing: &[Value]) -> bool {
    space.len() == standing.len() && space.iter().zip(standing).all(|(d, v)| d.range.contains(v))
}

/// The trials of a search, none of them trained. `standing` are the present values of the searched options. No settings are
/// tried twice; a space that has not enough of them gives fewer trials.
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

/// Random search: all trials to the end.
pub fn random(trials: usize, steps: u64) -> Vec<Rung> {
    vec![Rung { trials, steps }]
}

/// Successive halving of `trials` with a training of `steps` at its end: every rung keeps one in `eta` and trains `eta` times
/// as long. The first rung trains at least `least` steps, if that is possible with a rung less at the beginning.
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

/// Environment steps of all rungs for one seed, if no trial fails.
pub fn total_steps(rungs: &[Rung]) -> u64 {
    let mut before = 0;
    let mut total = 0u64;
    for rung in rungs {
        total = total.saturating_add((rung.trials as u64).saturating_mul(rung.steps - before));
        before = rung.steps;
    }
    total
}

/// The most steps a training may have so that a search with the rungs of `schedule` stays within `budget` for one seed;
/// `None` if not even one step fits.
pub fn steps_within(budget: u64, schedule: impl Fn(u64) -> Vec<Rung>) -> Option<u64> {
    // What fits is an interval from 1 as long as the number of rungs is the same, and close to it otherwise.
    let fits = |steps: u64| total_steps(&schedule(steps)) <= budget;
    let (mut low, mut high) = (0, budget.saturating_add(1).min(1 << 52));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low > 0).then_some(low)
}

/// Whether `a` stands before `b`.
fn before(objective: Objective, a: f64, b: f64) -> std::cmp::Ordering {
    match objective {
        Objective::Return => b.total_cmp(&a),
        Objective::Distance => a.total_cmp(&b),
    }
}

/// Who goes on after a rung: the best `keep` of those at work (places in `trials`), best first, equal ones in order of
/// number. Failed trials never do.
pub fn survivors(trials: &[Trial], at_work: &[usize], rung: usize, keep: usize, objective: Objective) -> Vec<usize> {
    let mut ranked: Vec<(usize, f64)> = at_work
        .iter()
        .filter_map(|i| Some((*i, trials[*i].mean(rung, objective)?)))
        .collect();
    ranked.sort_by(|a, b| before(objective, a.1, b.1).then(a.0.cmp(&b.0)));
    ranked.truncate(keep);
    ranked.into_iter().map(|(i, _)| i).collect()
}

/// All trials (places in `trials`), best first: those that got further before the others, then by the objective where they
/// stopped, then by number; failed ones last.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Dimension {
        dimension("ppo", text).unwrap()
    }

    #[test]
    fn ranges_and_choices_are_read_as_the_kind_of_their_option() {
        let (lo, hi) = (1e-4, 1e-2);
        assert_eq!(
            read("learning_rate=1e-4..1e-2:log").range,
            Range::Numbers { lo, hi, log: true }
        );
        let (lo, hi) = (0.9, 1.0);
        assert_eq!(
            read(" gae_lambda = 90% .. 1 ").range,
            Range::Numbers { lo, hi, log: false }
        );
        let (lo, hi) = (1, 1000);
        assert_eq!(read("horizon=1..1_000:log").range, Range::Whole { lo, hi, log: true });
        // An option that may be `none` is searched as a number, or among choices.
        assert!(matches!(read("target_kl=0.01..0.1").range, Range::Numbers { .. }));
        let list = |x: &[f64]| Value::List(x.iter().map(|v| Value::Number(*v)).collect());
        assert_eq!(
            read("network=[32,32]|64,64").range,
            Range::Choices(vec![list(&[32.0, 32.0]), list(&[64.0, 64.0])])
        );
        assert_eq!(
            read("anneal=true|false").range,
            Range::Choices(vec![Value::Bool(true), Value::Bool(false)])
        );
        for text in [
            "learning_rate=1e-4..0.01:log",
            "clip=0.1..0.3",
            "epochs=2..8",
            "network=[32, 32]|[64, 64]",
            "target_kl=none|0.01",
        ] {
            assert_eq!(read(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_range_is_an_error_with_what_to_type() {
        for (text, code, words) in [
            ("learning_rate", "E0940", "KEY=RANGE"),
            ("learnign_rate=1e-4..1e-2", "E0801", "did you mean `learning_rate`?"),
            ("seeds=1..5", "E0801", "--with seeds=VALUE"),
            ("steps=1..5", "E0940", "--with steps=100_000"),
            ("learning_rate=1e-2..1e-4", "E0940", "--search learning_rate=1e-4..0.01"),
            ("learning_rate=0.1..0.1", "E0940", "--with learning_rate=0.1"),
            ("learning_rate=0..0.1:log", "E0940", "learning_rate=1e-4..0.1:log"),
            ("learning_rate=0.1..0.2:5", "E0940", "`5` is no scale"),
            ("learning_rate=0.1", "E0940", "--with learning_rate=0.1"),
            ("learning_rate=..", "E0940", "the ends must be numbers"),
            ("learning_rate=0.1..inf", "E0940", "the ends must be numbers"),
            ("value_weight=-1e308..1e308", "E0940", "too wide"),
            ("learning_rate=1..2..3", "E0940", "the ends must be numbers"),
            ("learning_rate=0.1|0.1", "E0940", "named twice"),
            ("learning_rate=0.1||0.2", "E0940", "one value"),
            ("epochs=1.5..4", "E0940", "--search epochs=1..4"),
            ("epochs=-1..4", "E0940", "--search epochs=0..4"),
            ("epochs=0..4:log", "E0940", "above 0"),
            ("network=1..4", "E0940", "[32,32]|[64,64]"),
            ("activation=1..4", "E0940", "activation=tanh|relu"),
            ("anneal=0..1", "E0940", "anneal=true|false"),
        ] {
            let d = dimension("ppo", text).unwrap_err();
            let said = format!(
                "{} {} {}",
                d.headline,
                d.notes.join(" "),
                d.hint.clone().unwrap_or_default()
            );
            assert!(d.code == code && said.contains(words), "{text}: {} {said}", d.code);
        }
        assert_eq!(dimension("pppo", "a=1..2").unwrap_err().code, "E0804");
        let twice = ["clip=0.1..0.2".to_string(), "clip=0.1|0.2".to_string()];
        assert_eq!(space("ppo", &twice, &[]).unwrap_err()[0].code, "E0940");
        assert_eq!(
            space("ppo", &twice[..1], &["clip".to_string()]).unwrap_err()[0].code,
            "E0940"
        );
    }

    #[test]
    fn every_learner_has_a_space_of_its_own_with_its_present_settings_inside() {
        for learner in settings::LEARNERS {
            let found = space(learner.method, &[], &[]).unwrap();
            assert!((3..=5).contains(&found.len()), "{}", learner.method);
            let table = (learner.table)();
            let standing: Vec<Value> = found
                .iter()
                .map(|d| Value::parse(&table.iter().find(|o| o.key == d.key).unwrap().default))
                .collect();
            let drawn = trials(&found, 3, 1, &standing);
            let first: Vec<Value> = drawn[0].options.iter().map(|(_, v)| v.clone()).collect();
            assert_eq!(first, standing, "{}", learner.method);
            let fixed: Vec<String> = found.iter().map(|d| d.key.clone()).collect();
            assert_eq!(space(learner.method, &[], &fixed[..1]).unwrap().len(), found.len() - 1);
            assert_eq!(space(learner.method, &[], &fixed).unwrap_err()[0].code, "E0940");
        }
    }

    #[test]
    fn draws_fill_the_space_evenly_and_depend_on_seed_trial_and_option_only() {
        let found = [
            read("learning_rate=1e-4..1e-2:log"),
            read("epochs=2..4"),
            read("network=[8]|[16]"),
            read("horizon=1..100:log"),
        ];
        let many = trials(&found, 3000, 7, &[]);
        assert_eq!(many[..10], trials(&found, 10, 7, &[])[..]);
        assert_ne!(many[..10], trials(&found, 10, 8, &[])[..]);
        let number = |t: &Trial, i: usize| match t.options[i].1 {
            Value::Number(x) => x,
            _ => panic!("no number"),
        };
        let share = |i: usize, below: f64| many.iter().filter(|t| number(t, i) <= below).count() as f64 / 3000.0;
        assert!((share(0, 1e-3) - 0.5).abs() < 0.03);
        assert!((share(1, 2.0) - 1.0 / 3.0).abs() < 0.03 && share(1, 4.0) == 1.0);
        // ln(1.5 / 0.5) / ln(100.5 / 0.5)
        assert!((share(3, 1.0) - 0.207).abs() < 0.03 && share(3, 0.0) == 0.0 && share(3, 100.0) == 1.0);
        for t in &many {
            assert!(
                found
                    .iter()
                    .zip(&t.options)
                    .all(|(d, (k, v))| d.key == *k && d.range.contains(v))
            );
            assert!(Value::Number(number(t, 0)).show().len() <= 8, "{}", number(t, 0));
        }
        // No settings twice: a small space is tried as a whole.
        let small = [read("epochs=2..4"), read("anneal=true|false")];
        let whole = trials(&small, 100, 7, &[Value::Number(3.0), Value::Bool(true)]);
        let shown: HashSet<String> = whole.iter().map(|t| format!("{:?}", t.options)).collect();
        assert_eq!((whole.len(), shown.len()), (6, 6));
        assert_eq!(whole[0].options[0].1, Value::Number(3.0));
        // Narrow ranges keep their digits.
        let narrow = read("gae_lambda=0.99991..0.99999").range;
        assert_ne!(narrow.at(0.5), narrow.at(0.51));
        // Far from the present settings nothing stands.
        let far = trials(&found[..1], 2, 7, &[Value::Number(0.5)]);
        assert_eq!(far, trials(&found[..1], 2, 7, &[]));
    }

    fn rungs(list: &[Rung]) -> Vec<(usize, u64)> {
        list.iter().map(|r| (r.trials, r.steps)).collect()
    }

    #[test]
    fn halving_is_the_brackets_of_the_paper() {
        // Li et al. (2018), table 1: R = 81, eta = 3, brackets s = 4, s = 2 and s = 1.
        let most = [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)];
        assert_eq!(rungs(&halving(81, 81, 3, 1)), most);
        assert_eq!(rungs(&halving(9, 81, 3, 1)), [(9, 9), (3, 27), (1, 81)]);
        assert_eq!(rungs(&halving(6, 81, 3, 27)), [(6, 27), (2, 81)]);
        // By hand: 27 * 1 + 9 * 2 + 3 * 6 + 1 * 18, as who goes on does not begin again.
        assert_eq!(total_steps(&halving(27, 27, 3, 1)), 81);
        assert_eq!(total_steps(&random(27, 27)), 27 * 27);
        // Not a power, more trials than steps, one trial.
        assert_eq!(
            rungs(&halving(32, 1000, 3, 1)),
            [(32, 38), (10, 112), (3, 334), (1, 1000)]
        );
        assert_eq!(rungs(&halving(16, 5, 2, 1)), [(16, 2), (8, 3), (4, 5)]);
        assert_eq!(rungs(&halving(2, 100, 3, 1)), [(2, 100)]);
        assert_eq!(rungs(&halving(1, u64::MAX, 2, 1)), [(1, u64::MAX)]);
        for n in 1..200 {
            for least in [1, 10, 1000] {
                let all = halving(n, 777, 4, least);
                assert!(
                    all.windows(2)
                        .all(|w| w[0].steps < w[1].steps && w[0].trials >= 4 * w[1].trials)
                );
                assert!(all[0].trials == n && all.last().unwrap().steps == 777);
                assert!(all.len() == 1 || all[0].steps >= least);
            }
        }
    }

    #[test]
    fn a_budget_says_how_long_trials_train() {
        for budget in [81, 100, 12_345, 1_000_000_007] {
            let plan = |steps| halving(27, steps, 3, 1);
            let steps = steps_within(budget, plan).unwrap();
            assert!(total_steps(&plan(steps)) <= budget && total_steps(&plan(steps + 1)) > budget);
        }
        assert_eq!(steps_within(80, |s| random(8, s)), Some(10));
        assert_eq!(steps_within(7, |s| random(8, s)), None);
        assert_eq!(steps_within(0, |s| random(8, s)), None);
    }

    fn trial(number: usize, rungs: &[&[Option<f64>]]) -> Trial {
        let score = |x: &Option<f64>| Score {
            steps: 1,
            outcome: x
                .map(|discounted| Measure {
                    discounted,
                    distance: Some(-discounted),
                })
                .ok_or("E0924 too large".to_string()),
        };
        Trial {
            number,
            options: Vec::new(),
            rungs: rungs.iter().map(|r| r.iter().map(score).collect()).collect(),
        }
    }

    #[test]
    fn the_best_mean_over_seeds_goes_on_and_failures_come_last() {
        let list = [
            trial(1, &[&[Some(1.0), Some(3.0)]]),
            trial(2, &[&[Some(9.0), None]]),
            trial(3, &[&[Some(2.0), Some(2.0)]]),
            trial(4, &[&[Some(5.0), Some(6.0)]]),
            trial(5, &[&[Some(f64::INFINITY), Some(0.0)]]),
        ];
        let all = [0, 1, 2, 3, 4];
        assert_eq!(survivors(&list, &all, 0, 2, Objective::Return), [3, 0]);
        assert_eq!(survivors(&list, &all, 0, 2, Objective::Distance), [3, 0]);
        assert_eq!(survivors(&list, &all, 0, 9, Objective::Return), [3, 0, 2]);
        assert_eq!(survivors(&list, &[2, 0], 0, 1, Objective::Return), [0]);
        assert_eq!(list[1].failure(), Some("E0924 too large"));
        assert_eq!(ranking(&list, Objective::Return), [3, 0, 2, 1, 4]);
        // Further is better, whatever the number where it stopped; a failure is last however far it came.
        let list = [
            trial(1, &[&[Some(8.0)]]),
            trial(2, &[&[Some(9.0)], &[Some(1.0)]]),
            trial(3, &[&[Some(7.0)]]),
            trial(4, &[&[Some(9.5)], &[None]]),
        ];
        assert_eq!(ranking(&list, Objective::Return), [1, 0, 2, 3]);
        let by_distance = [trial(1, &[&[Some(-2.0)]]), trial(2, &[&[Some(-1.0)]])];
        assert_eq!(ranking(&by_distance, Objective::Distance), [1, 0]);
    }
}
