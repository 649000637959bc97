//! The prose of the checker's messages, one function per message, grouped by code.
//!
//! E02 names, E03 shapes and types, E04 domains, E05 timing, E06 chance, E07 agents and markets, E08 settings. Every code
//! has its page in `diag/explain`.
//!
//! Arguments that recur: `known` is the list of names that exist at this place, from which the nearest is suggested;
//! `labels` and `values` have one entry per state of the chain (or per choice); `chain` has one pair (name, where it stands)
//! per step, in order.

mod agents;
mod chance;
mod domains;
mod forward;
mod names;
mod settings;
mod shapes;
mod timing;

pub(super) use agents::*;
pub(super) use chance::*;
pub(super) use domains::*;
pub(super) use forward::*;
pub(super) use names::*;
pub(super) use settings::*;
pub(super) use shapes::*;
pub(super) use timing::*;

use crate::diag::Diagnostic;
use crate::diag::suggest::did_you_mean;
use crate::graph::{Interval, Phase};

fn err(code: &str, headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, headline)
}

fn with_guess(d: Diagnostic, word: &str, known: &[String], otherwise: &str) -> Diagnostic {
    let known = known.iter().map(String::as_str).filter(|k| !k.contains(['\u{1}', '(']));
    // A beginning of one word alone is an abbreviation of it.
    let mut begun = known
        .clone()
        .filter(|k| word.chars().count() > 2 && k.starts_with(word));
    let abbreviated = begun.next().filter(|_| begun.next().is_none());
    match did_you_mean(word, known.clone()).or(abbreviated) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None if otherwise.is_empty() => d,
        None => d.hint(otherwise.to_string()),
    }
}

fn list(words: &[String]) -> String {
    let shown: Vec<String> = words
        .iter()
        .filter(|w| !w.contains(['\u{1}', '(']))
        .take(12)
        .map(|w| format!("`{w}`"))
        .collect();
    if shown.is_empty() {
        "none".into()
    } else {
        shown.join(", ")
    }
}

/// A number as a reader writes it.
pub(super) fn num(x: f64) -> String {
    if x == f64::INFINITY {
        "inf".into()
    } else if x == f64::NEG_INFINITY {
        "-inf".into()
    } else {
        let plain = format!("{x}");
        // Nobody counts three hundred zeros.
        if plain.len() > 24 { format!("{x:e}") } else { plain }
    }
}

/// An interval as a reader writes it.
pub fn interval(d: Interval) -> String {
    if let Some(x) = d.as_point() {
        return num(x);
    }
    if d.integer && d.lo.is_finite() && d.hi.is_finite() {
        return format!("{}..{}", num(d.lo), num(d.hi));
    }
    let l = if d.lo_open || !d.lo.is_finite() { '(' } else { '[' };
    let r = if d.hi_open || !d.hi.is_finite() { ')' } else { ']' };
    format!("{l}{}, {}{r}", num(d.lo), num(d.hi))
}

/// When something is known, in words.
pub fn phase_words(p: Phase) -> String {
    match p {
        Phase::Constant => "a constant of the model".into(),
        Phase::Dated => "phase 1 (states and shocks)".into(),
        Phase::Observed => "phase 2 (private signals)".into(),
        Phase::Acted(0) => "phase 3 (acting)".into(),
        Phase::Acted(n) => format!("phase 3, stage {} (acting)", n + 1),
        Phase::Cleared => "phases 4-6 (after acting: draws, markets, rewards)".into(),
        Phase::Moved => "phase 7 (the next draw of a shock)".into(),
    }
}

/// A sum with the digits that matter.
fn trim(x: f64) -> String {
    let s = format!("{x:.10}");
    s.trim_end_matches('0').trim_end_matches('.').to_string()
}
