//! What a choice moves: how much of its usual effect a number has at a place.
//!
//! A share of savings means nothing where nothing is saved. A number is off by what comes of it, so its error at a place counts by how much the reward
//! and the next states move there when the number does, against how much they move at the places that lives visit, and never by more than the
//! number itself is off.

use super::trials::{Job, Range, Trials};
use super::visit::{Landings, Visit};
use super::{WorldEvidence, width};
use crate::diag::Diagnostic;

/// Draws of one expectation.
const DRAWS: usize = 16;
/// How far numbers are moved, as a share of their size: far enough that rewards at their highest move, too.
const MOVED: f64 = 0.1;

/// For each visit the share of its usual effect that each choice has there, between 0 and 1: `[visit][choice]`. `units` are units of
/// reward, one per visit; `numbers` are choices and their sizes. It is 1 for all others, and wherever a draw ends the life or nothing can be tried.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn of(
    bench: &WorldEvidence,
    trials: &mut Trials,
    (visits, units): (&[Visit], &[f64]),
    numbers: &[(usize, f64)],
) -> Result<Vec<Vec<f64>>, Diagnostic> {
    let mut out = vec![vec![1.0; bench.seat.choices.len()]; visits.len()];
    let ranges = trials.ranges(visits)?;
    let draws = trials.fewest(DRAWS);
    for &(c, size) in numbers {
        // Each place as it is, and with the number moved up and down.
        let mut tried: Vec<(usize, Vec<f64>)> = Vec::new();
        for (i, v) in visits.iter().enumerate() {
            let (lo, hi) = match &ranges[i][c] {
                Range::Between(lo, hi) => (*lo, *hi),
                Range::Values(_) => (v.actions[c], v.actions[c]),
            };
            let by = MOVED * size.min(width(lo, hi, v.actions[c]).max(0.0));
            tried.push((i, v.actions.clone()));
            for x in [(v.actions[c] + by).min(hi), (v.actions[c] - by).max(lo)] {
                let mut a = v.actions.clone();
                a[c] = x;
                tried.push((i, a));
            }
        }
        let jobs: Vec<Job> = tried
            .iter()
            .map(|(visit, actions)| Job { visit: *visit, actions })
            .collect();
        let mut landings = Landings::default();
        let worth = trials.measure(visits, &jobs, draws, Some(&mut landings))?;
        let ns = bench.seat.states.len();
        let stride = landings.places.len() / landings.jobs.len().max(1);
        let at = |j: usize| -> std::ops::Range<usize> {
            let first = landings.jobs.partition_point(|x| (*x as usize) < j);
            first..landings.jobs.partition_point(|x| (*x as usize) <= j)
        };
        // By how much each outcome (next states, reward) moves per unit of the number; `None` where that is not known.
        let moves: Vec<Option<Vec<f64>>> = (0..visits.len())
            .map(|i| {
                let (from, unit) = (3 * i, units[i]);
                let mut largest: Option<Vec<f64>> = None;
                for k in [1, 2] {
                    let by = (tried[from + k].1[c] - tried[from].1[c]).abs();
                    let (a, b) = (at(from), at(from + k));
                    if by <= 0.0 || !worth[from + k].open().is_finite() || a.len() != b.len() {
                        continue;
                    }
                    let mut moved = vec![0.0; ns + 1];
                    let chances: f64 = a.clone().map(|l| landings.chances[l]).sum();
                    for (x, y) in a.zip(b) {
                        for (s, m) in moved.iter_mut().enumerate().take(ns) {
                            let d = landings.places[x * stride + s] - landings.places[y * stride + s];
                            *m += landings.chances[x] / chances * d.abs() / by;
                        }
                    }
                    moved[ns] = (worth[from + k].reward - worth[from].reward).abs() / by / unit;
                    largest = Some(match largest {
                        None => moved,
                        Some(old) => old.iter().zip(moved).map(|(a, b)| a.max(b)).collect(),
                    });
                }
                largest.filter(|m| m.iter().all(|x| x.is_finite()))
            })
            .collect();
        let known: Vec<&Vec<f64>> = moves.iter().flatten().collect();
        let usual: Vec<f64> = (0..=ns)
            .map(|o| known.iter().map(|m| m[o]).sum::<f64>() / known.len().max(1) as f64)
            .collect();
        for (i, m) in moves.iter().enumerate() {
            let Some(m) = m else { continue };
            let shares = m.iter().zip(&usual).filter(|(_, u)| **u > 0.0).map(|(x, u)| x / u);
            let share = shares.fold(0.0, f64::max).min(1.0);
            out[i][c] = if usual.iter().all(|u| *u == 0.0) { 1.0 } else { share };
        }
    }
    Ok(out)
}
