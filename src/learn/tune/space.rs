//! The space of a search: options and the values that they may take.

use crate::diag::Diagnostic;
use crate::diag::suggest::did_you_mean;
use crate::learn::entry::LearnerInfo;
use crate::learn::methods;
use crate::learn::options::{OptionInfo, Value};
use crate::learn::settings;

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

    /// The two ends of a range, or all choices (one value per choice): what must be allowed for every trial to be
    /// allowed.
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
    let learner = methods::learner(method)?;
    let table = (learner.table)();
    let Some(option) = table.iter().find(|o| o.key == key) else {
        return Err(no_option(learner, key, &table));
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
fn no_option(learner: &LearnerInfo, key: &str, table: &[OptionInfo]) -> Diagnostic {
    let method = learner.method;
    let d = Diagnostic::error("E0801", format!("`train {method}` has no option `{key}`"));
    if settings::keys_of(learner).any(|k| k.name == key) {
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

/// The space of a search: what was typed, or the learner's default without the options that are fixed.
///
/// # Errors
/// Those of [`dimension`] for each; E0940 for an option that is searched twice, or fixed and searched, or if nothing is left.
pub fn space(method: &str, searches: &[String], fixed: &[String]) -> Result<Vec<Dimension>, Vec<Diagnostic>> {
    let learner = methods::learner(method).map_err(|d| vec![d])?;
    if searches.is_empty() {
        let space = learner
            .search
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
