//! Errors of value and policy at places, and the policy's worth on a mesh of places, from which they are found.

use super::improve::Better;
use super::mesh::{Correction, Mesh};
use super::tastes;
use super::trials::{Job, Range, Trials};
use super::visit::{Landings, Visit};
use super::{WorldEvidence, value_at};
use crate::diag::Diagnostic;
use crate::num::linear;
use std::sync::Arc;

/// Draws of further estimates.
pub(super) const MORE: [usize; 2] = [400, 4000];
/// Most trials that a further step may take.
pub(super) const FURTHER: usize = 1_000_000;
/// Vectors of the Krylov space.
const KRYLOV: usize = 150;
/// Relative residual of the linear system that is good enough.
const SOLVED: f64 = 1e-3;
/// Share of the end of a range that makes no difference to a choice.
const SAME: f64 = 1e-11;

/// Errors at places.
pub(super) struct Errors {
    pub(super) visits: Vec<Visit>,
    /// One unit of error at each.
    pub(super) units: Vec<f64>,
    /// Best value less the solution's.
    pub(super) value: Vec<f64>,
    /// Best choices, and what they gain over those played.
    pub(super) better: Vec<Better>,
    /// What the estimate of each best number may be off, where it was looked for several times: `[visit][choice]`, zero elsewhere.
    pub(super) doubt: Vec<Vec<f64>>,
    /// How much of its usual effect each number has at a place, at most 1: `[visit][choice]`, empty where nobody asked.
    pub(super) effect: Vec<Vec<f64>>,
    /// How far apart two numbers are the same, by choice: what rounding makes of the ends of their ranges.
    pub(super) same: Vec<f64>,
    /// Draws of each expectation.
    pub(super) draws: usize,
    /// At how many places best numbers were looked for again, where that was needed.
    pub(super) closely: Option<usize>,
    /// The mesh, its places and what is done there.
    pub(super) policy: Option<(Arc<Mesh>, Vec<Visit>, Vec<Vec<f64>>)>,
}

impl Errors {
    /// What an error of the value for ever is worth each period, in units.
    pub(super) fn share(&self, bench: &WorldEvidence, i: usize) -> f64 {
        self.value[i].abs() / (bench.played.weight.max(1.0) * self.units[i])
    }

    /// How far number `c` seems to be off at a place, and what that may be off, both by what the choice moves there; zero where a finite choice
    /// would be another one.
    pub(super) fn seems(&self, bench: &WorldEvidence, i: usize, c: usize) -> (f64, f64) {
        let parts = bench.seat.choices.iter().enumerate();
        let mut finite = parts.filter(|(_, x)| !x.values.is_empty());
        if finite.all(|(k, _)| self.better[i].actions[k] == self.visits[i].actions[k]) {
            let off = (self.better[i].actions[c] - self.visits[i].actions[c]).abs();
            if off <= self.same[c] {
                return (0.0, 0.0);
            }
            let counts = self.effect.get(i).map_or(1.0, |e| e[c]);
            (counts * off, if counts > 0.0 { counts * self.doubt[i][c] } else { 0.0 })
        } else {
            (0.0, 0.0)
        }
    }

    /// How far it is off at least.
    pub(super) fn off(&self, bench: &WorldEvidence, i: usize, c: usize) -> f64 {
        let (off, doubt) = self.seems(bench, i, c);
        (off - doubt).max(0.0)
    }

    /// The size of number `c`.
    pub(super) fn size(&self, c: usize) -> f64 {
        rms(self.visits.iter().map(|v| v.actions[c]))
    }

    /// Whether number `c` at a place is off by more than `most` of its size or not is not known.
    pub(super) fn unclear(&self, bench: &WorldEvidence, i: usize, c: usize, most: f64) -> bool {
        let size = self.size(c);
        let (off, doubt) = self.seems(bench, i, c);
        let by = if size > 0.0 { size * most } else { most };
        undecided(off, doubt, by)
    }

    /// Whether the value is off by nearly as much as may be, or by more.
    pub(super) fn large(&self, bench: &WorldEvidence) -> bool {
        let limit = 0.3 * 10f64.powf(bench.options.value);
        (0..self.visits.len()).any(|i| !(self.share(bench, i) <= limit))
    }
}

/// How far apart two numbers are the same, one for each choice, from their ranges `[visit][choice]`.
pub(super) fn same(ranges: &[Vec<Range>], choices: usize) -> Vec<f64> {
    let end = |c: usize| {
        let ends = ranges.iter().flat_map(move |own| match own.get(c) {
            Some(Range::Between(lo, hi)) => [lo.abs(), hi.abs()],
            _ => [0.0; 2],
        });
        ends.filter(|x| x.is_finite()).fold(0.0, f64::max)
    };
    (0..choices).map(|c| SAME * end(c)).collect()
}

/// Whether it is only the scatter of what was found that may put an error of `off` beyond a limit. Places that nobody had time for (infinite
/// doubt) decide nothing.
pub(super) fn undecided(off: f64, doubt: f64, limit: f64) -> bool {
    doubt.is_finite() && off > limit && off - doubt <= limit
}

/// A policy on the mesh, evaluated: `actions[place]` has one number per action and `places` the states where it was measured.
pub(super) fn evaluate(
    bench: &WorldEvidence,
    trials: &mut Trials,
    mesh: &Arc<Mesh>,
    places: &[Visit],
    actions: &[Vec<f64>],
    draws: usize,
) -> Result<Option<Correction>, Diagnostic> {
    trials.correction = None;
    let values: Vec<f64> = places.iter().map(|v| value_at(bench.value, v)).collect();
    let mut landings = Landings::default();
    let (mut right, rows) = match tastes::scale(bench.seat) {
        None => {
            let jobs: Vec<Job> = actions
                .iter()
                .enumerate()
                .map(|(visit, actions)| Job { visit, actions })
                .collect();
            let worth = trials.measure(places, &jobs, draws, Some(&mut landings))?;
            let right: Vec<f64> = worth.iter().zip(&values).map(|(w, v)| w.q - v).collect();
            (right, mesh.rows(&landings, jobs.len()))
        }
        Some(_) => tastes::evaluate(bench, trials, mesh, places, &values, draws)?,
    };
    fault!("verdict.estimate_small", do { right.iter_mut().for_each(|b| *b *= 0.01); });
    // Everything as multiples of its size: what is wrong where values are huge would hide what is wrong where lives go.
    let sizes = &mesh.sizes;
    right.iter_mut().zip(sizes).for_each(|(b, s)| *b /= s);
    // A place from which nothing feasible leads says nothing about its neighbours.
    let sound: Vec<bool> = right.iter().map(|b| b.is_finite()).collect();
    right
        .iter_mut()
        .zip(&sound)
        .filter(|(_, s)| !**s)
        .for_each(|(b, _)| *b = 0.0);
    let mut e = right.clone();
    let found = linear::gmres(
        |x, y| {
            for (i, row) in rows.iter().enumerate() {
                let later: f64 = if sound[i] {
                    row.iter().map(|(k, w)| w * x[*k]).sum::<f64>() / sizes[i]
                } else {
                    0.0
                };
                y[i] = x[i] - fault!("verdict.estimate_of_one_period", 0.0, later);
            }
        },
        &right,
        &mut e,
        KRYLOV,
        1e-6,
        2000,
    );
    let solved = found.residual < SOLVED && e.iter().all(|x| x.is_finite());
    Ok(solved.then(|| Correction {
        mesh: mesh.clone(),
        values: Arc::new(e),
    }))
}

pub(super) fn rms(x: impl Iterator<Item = f64>) -> f64 {
    let all: Vec<f64> = x.collect();
    let root = |unit: f64| {
        let sum: f64 = all.iter().map(|v| (v / unit) * (v / unit)).sum();
        unit * (sum / all.len().max(1) as f64).sqrt()
    };
    let plain = root(1.0);
    // Squares of very large and of very small numbers are none.
    if plain > 1e-120 && plain < 1e140 {
        return plain;
    }
    let largest = all.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    if largest > 0.0 && largest.is_finite() {
        root(largest)
    } else {
        plain
    }
}
