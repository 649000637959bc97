//! First-order conditions in the economy: central differences of what a choice is worth, without a derivative of the compiler's.
//!
//! Where a number stands inside its range and nothing binds, `d/da (E r + d E V(x'))` is zero. The unit is the slope of the present reward alone,
//! which it has to balance (an Euler residual in marginal utility), or the slope that a change by the choice's own size would bring, where
//! that is more. At a kink both one-sided slopes must point at it.

use super::improve::step_of;
use super::trials::{Job, Range, Trials};
use super::{Rest, WorldCertificate, WorldEvidence, WorldProof};
use crate::diag::Diagnostic;
use crate::num::statistics;

/// Draws of one expectation.
const DRAWS: usize = 60;
/// Places that are looked at.
const PLACES: usize = 120;

/// How far first-order conditions are from holding; the row informs only.
pub struct FirstOrder;

impl WorldProof for FirstOrder {
    fn prove(
        &self,
        bench: &WorldEvidence,
        trials: &mut Trials,
        out: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic> {
        prove(bench, trials, None, out).map(|_| None)
    }
}

/// Looks and puts down a row, that decides where there is a `limit` (log10); returns the 99 % quantile, `None` where nothing is free.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn prove(
    bench: &WorldEvidence,
    trials: &mut Trials,
    limit: Option<f64>,
    out: &mut WorldCertificate,
) -> Result<Option<f64>, Diagnostic> {
    let visits = &bench.played.visits;
    let numbers: Vec<usize> = (0..bench.seat.choices.len())
        .filter(|c| bench.seat.choices[*c].values.is_empty())
        .collect();
    if numbers.is_empty() {
        return Ok(None);
    }
    let draws = trials.fewest(DRAWS);
    let ranges = trials.ranges(visits)?;
    let stride = visits.len().div_ceil(PLACES).max(1);
    let mut tried: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut at: Vec<(usize, usize, f64)> = Vec::new();
    for i in (0..visits.len()).step_by(stride) {
        for &c in &numbers {
            let Range::Between(lo, hi) = ranges[i][c] else { continue };
            let x = visits[i].actions[c];
            let step = 0.5 * step_of(lo, hi, x);
            if !(step > 0.0 && x - lo > 4.0 * step && hi - x > 4.0 * step) {
                continue;
            }
            at.push((i, c, step));
            for k in [0.0, 1.0, -1.0, 0.25, -0.25] {
                let mut a = visits[i].actions.clone();
                a[c] += k * step;
                tried.push((i, a));
            }
        }
    }
    let jobs: Vec<Job> = tried
        .iter()
        .map(|(visit, actions)| Job { visit: *visit, actions })
        .collect();
    let worth = trials.worth(visits, &jobs, draws)?;
    let mut sizes: Vec<(f64, usize)> = Vec::new();
    for ((i, c, step), w) in at.iter().zip(worth.chunks(5)) {
        // Where a requirement stands close by the condition is another one.
        if w.iter().any(|w| !w.q.is_finite()) {
            continue;
        }
        let slopes = |up: usize, down: usize, d: f64| ((w[up].q - w[0].q) / d, (w[0].q - w[down].q) / d);
        let (right, left) = slopes(1, 2, *step);
        let (near_right, near_left) = slopes(3, 4, 0.25 * step);
        let kink = (near_left - near_right).abs() > 0.6 * (left - right).abs();
        let slope = if kink {
            near_right.max(-near_left).max(0.0)
        } else {
            (0.5 * (right + left)).abs()
        };
        let reward = 0.5 * (w[1].reward - w[2].reward).abs() / step;
        let bend = (left - right).abs() / step;
        let size = visits[*i].actions[*c].abs().max(step * 1e3);
        // Below what rounding makes of such a difference nothing can be said.
        let rounding = 4.0 * f64::EPSILON * (w[0].reward.abs() + w[0].q.abs()) / step;
        let unit = reward.max(bend * size);
        if unit > rounding {
            sizes.push(((slope - rounding).max(0.0) / unit, *i));
        }
    }
    if sizes.is_empty() {
        return Ok(None);
    }
    let mut sorted: Vec<f64> = sizes.iter().map(|s| s.0).collect();
    sorted.sort_by(f64::total_cmp);
    let q99 = statistics::quantile_sorted(&sorted, 0.99);
    let mut largest = vec![0.0f64; visits.len()];
    for (x, i) in &sizes {
        largest[*i] = largest[*i].max(*x);
    }
    let note = format!(
        "{} places with free choices, by differences; {}",
        sizes.len(),
        super::visit::worst(bench, &largest)
    );
    out.log("economy: first-order condition, 99 %", q99, limit, note);
    Ok(Some(q99))
}
