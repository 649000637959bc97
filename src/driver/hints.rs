//! What to write where the solver's own residuals are too large: one answer for all rows that say so.

use crate::check::Model;
use crate::solve::bellman::Interpolation;
use crate::solve::method::word;
use crate::solve::solution::{Solution, SolvedState};
use crate::verify::grid::Certificate;
use crate::verify::world::hints;

/// Share of a grid below which what lives visit is a small part of it, and how far a narrower grid reaches beyond that part on either side, as a share of it.
const SMALL: f64 = 0.3;
const BEYOND: f64 = 1.0;

/// Share of their size by which values differ at least for rounding not to show.
const ROUNDED: f64 = 1e-7;

/// Says where values differ by so little of their size that rounding hides it (`crra` of incomes in dollars is a constant less `c^-2`): no finer grid helps.
pub(super) fn units(solution: &Solution, certificate: &mut Certificate) {
    let finite = || solution.value.iter().filter(|v| v.is_finite());
    let (lo, hi) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| {
        (lo.min(*v), hi.max(*v))
    });
    let size = lo.abs().max(hi.abs());
    if certificate.passed || !(hi > lo && hi - lo < ROUNDED * size) {
        return;
    }
    const CONCERNED: [&str; 8] = ["E0911", "E0912", "E0914", "E0944", "E0945", "E0946", "E0948", "E0949"];
    for d in certificate
        .reasons
        .iter_mut()
        .filter(|d| CONCERNED.contains(&d.code.as_str()))
    {
        d.notes.push(format!(
            "values differ by {:.0e} of their size {size:.3}, so rounding hides what choices are worth",
            (hi - lo) / size
        ));
        d.hint = Some("count in other units, in which what is consumed is near one (thousands in place of ones); or write the reward without its constant: c^(1 - gamma) / (1 - gamma) in place of crra(c, gamma)".into());
    }
}

/// Gives Bellman residuals (E0912) and spikes (E0948) the same hint: more nodes, nodes where lives go, and the other interpolation where the
/// value's kinks or their absence ask for it.
pub(super) fn agree(model: &Model, solution: &Solution, certificate: &mut Certificate) {
    let concerned = |code: &str| ["E0912", "E0948"].contains(&code);
    let spikes = certificate.reasons.iter().any(|d| d.code == "E0948");
    if !certificate.reasons.iter().any(|d| concerned(&d.code)) {
        return;
    }
    let mut ways: Vec<String> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for state in solution.states.iter().filter(|s| !s.integer) {
        let bare = state.name.split('[').next().unwrap_or(&state.name);
        if seen.contains(&bare) {
            continue;
        }
        seen.push(bare);
        let own = bare.rsplit('.').next().unwrap_or(bare);
        if let Some((lo, hi)) = visited(state, certificate) {
            let n = state.nodes.len();
            ways.push(format!("nodes where lives go: grid.{own} = uniform({lo}, {hi}, {n})"));
        }
        ways.push(format!(
            "more nodes: grid.{own} = {}",
            hints::grid(model, bare, 2 * state.nodes.len())
        ));
    }
    let said = word(model, "interpolation");
    match solution.interpolation {
        Interpolation::Cubic if spikes && said.is_none() => ways.push("interpolation = linear".into()),
        Interpolation::Linear if !spikes && said.is_some() => ways.push("interpolation = cubic".into()),
        Interpolation::Cubic | Interpolation::Linear => {}
    }
    if ways.is_empty() {
        return;
    }
    let hint = ways.join("; or ");
    for d in certificate.reasons.iter_mut().filter(|d| concerned(&d.code)) {
        d.hint = Some(hint.clone());
    }
}

/// Ends of a grid around what lives visit, to three digits, where that is a small part of an even grid.
fn visited(state: &SolvedState, certificate: &Certificate) -> Option<(f64, f64)> {
    let (first, last) = (*state.nodes.first()?, *state.nodes.last()?);
    let series = certificate.moments.iter().find(|m| m.name == state.name)?;
    let width = series.max - series.min;
    if state.log || !(width > 0.0 && width < SMALL * (last - first)) {
        return None;
    }
    let unit = 10f64.powf(width.log10().floor() - 1.0);
    let lo = ((series.min - BEYOND * width) / unit).floor() * unit;
    let hi = ((series.max + BEYOND * width) / unit).ceil() * unit;
    let round = |x: f64| (x / unit).round() * unit;
    let tidy = |x: f64| format!("{:.6e}", x).parse().unwrap_or(x);
    Some((tidy(round(lo).max(first)), tidy(round(hi).min(last))))
}
