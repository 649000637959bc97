//! A first feasible choice where the scan of the whole range finds none: feasible sets may shrink to a face, a corner or a point.
//!
//! The corners of the range come first, then points that approach them; where none of these is feasible the violation itself is
//! made as small as it gets (phase one of constrained optimisation, Nocedal and Wright 2006, *Numerical Optimization*, section 15.4).
//! From what is found the feasible set is measured along every axis, and scanned at its own scale.

use super::search::{Search, along};
use super::search_several::Ranges;
use crate::num::optimise::{BrentSearch, spread};

/// Most actions whose corners are all tried; with more only the lower and the upper ends of all.
const CORNERS: usize = 5;
/// Halvings of the way to a corner.
const CLOSER: i32 = 45;
/// Cycles of line searches that make the violation small.
const CYCLES: usize = 12;

impl Search<'_> {
    /// Puts lanes of `x[action][lane]` without a value (`q[lane]` minus infinity) at a feasible point of theirs, and `radius[lane]` at
    /// the scale of the feasible set around it; `radius` and `q` have one value per lane.
    pub(super) fn first_feasible(
        &mut self,
        open: &[usize],
        bounds: &Ranges,
        radius: &mut [f64],
        x: &mut [Vec<f64>],
        q: &mut [f64],
    ) {
        let lost: Vec<usize> = (0..open.len()).filter(|&k| q[k] == f64::NEG_INFINITY).collect();
        if lost.is_empty() {
            return;
        }
        let d = x.len();
        let corners: Vec<Vec<bool>> = if d <= CORNERS {
            (0..1usize << d)
                .map(|m| (0..d).map(|c| m >> c & 1 == 1).collect())
                .collect()
        } else {
            vec![vec![false; d], vec![true; d]]
        };
        for power in [0].into_iter().chain(3..=CLOSER) {
            let inwards = if power == 0 { 0.0 } else { 0.5f64.powi(power) };
            for corner in &corners {
                let left = remaining(&lost, q);
                if left.is_empty() {
                    break;
                }
                let trial: Vec<Vec<f64>> = (0..d)
                    .map(|c| {
                        let at = |&k: &usize| {
                            let (lo, hi) = (bounds.lo[c][k], bounds.hi[c][k]);
                            match corner[c] {
                                false if lo.is_finite() => (lo + inwards * bounds.width[c][k]).min(hi),
                                true if hi.is_finite() => (hi - inwards * bounds.width[c][k]).max(lo),
                                _ => x[c][k],
                            }
                        };
                        left.iter().map(at).collect()
                    })
                    .collect();
                self.take(open, &left, &trial, x, q);
            }
        }
        self.least_violation(open, bounds, &remaining(&lost, q), x, q);
        let found: Vec<usize> = lost
            .into_iter()
            .filter(|&k| q[k] > f64::NEG_INFINITY && d > 1)
            .collect();
        self.scan_feasible(open, bounds, &found, radius, x, q);
    }

    /// Evaluates `trial[c][p]` on the lanes `which`, and keeps what is worth more.
    fn take(&mut self, open: &[usize], which: &[usize], trial: &[Vec<f64>], x: &mut [Vec<f64>], q: &mut [f64]) {
        let lanes: Vec<usize> = which.iter().map(|&k| open[k]).collect();
        let value = self.values(&lanes, trial);
        for (p, &k) in which.iter().enumerate() {
            if value[p] > q[k] {
                q[k] = value[p];
                for (to, from) in x.iter_mut().zip(trial) {
                    to[k] = from[p];
                }
            }
        }
    }

    /// Phase one: on the lanes `which` the smallest slack is made as large as it gets.
    fn least_violation(&mut self, open: &[usize], bounds: &Ranges, which: &[usize], x: &mut [Vec<f64>], q: &mut [f64]) {
        if which.is_empty() {
            return;
        }
        self.violation = true;
        let d = x.len();
        let lanes: Vec<usize> = which.iter().map(|&k| open[k]).collect();
        let part =
            |v: &[Vec<f64>]| -> Vec<Vec<f64>> { v.iter().map(|v| which.iter().map(|&k| v[k]).collect()).collect() };
        let own = Ranges {
            lo: part(&bounds.lo),
            hi: part(&bounds.hi),
            width: part(&bounds.width),
        };
        let mut at = part(x);
        let mut slack = self.values(&lanes, &at);
        let mut u = vec![0.0; d];
        let all: Vec<usize> = (0..which.len()).collect();
        for s in 0..8 * self.options.scan.max(3) {
            spread(s, d, &mut u);
            let trial: Vec<Vec<f64>> = (0..d)
                .map(|c| {
                    let point = |&k: &usize| along(own.lo[c][k], own.hi[c][k], at[c][k], u[c]);
                    all.iter().map(point).collect()
                })
                .collect();
            self.take(&lanes, &all, &trial, &mut at, &mut slack);
        }
        let mut radius = vec![0.25; which.len()];
        self.cycles(
            &lanes,
            all.clone(),
            &own,
            &mut radius,
            &mut at,
            &mut slack,
            1e-12,
            CYCLES,
        );
        self.violation = false;
        let worth = self.values(&lanes, &at);
        for (p, &k) in which.iter().enumerate() {
            if worth[p] > q[k] {
                q[k] = worth[p];
                for (to, from) in x.iter_mut().zip(&at) {
                    to[k] = from[p];
                }
            }
        }
    }

    /// Scans the box around a feasible point that reaches as far as the feasible set does along every axis.
    pub(super) fn scan_feasible(
        &mut self,
        open: &[usize],
        bounds: &Ranges,
        which: &[usize],
        radius: &mut [f64],
        x: &mut [Vec<f64>],
        q: &mut [f64],
    ) {
        let (d, m) = (x.len(), which.len());
        if which.is_empty() {
            return;
        }
        let lanes: Vec<usize> = which.iter().map(|&k| open[k]).collect();
        let here: Vec<Vec<f64>> = x.iter().map(|v| which.iter().map(|&k| v[k]).collect()).collect();
        let mut ends = [here.clone(), here.clone()];
        for c in 0..d {
            for (side, sign) in [(0, -1.0), (1, 1.0)] {
                let mut reached = vec![false; m];
                for power in 0..=CLOSER {
                    let mut trial = here.clone();
                    for (p, &k) in which.iter().enumerate() {
                        let step = 0.5f64.powi(power) * bounds.width[c][k];
                        trial[c][p] = (here[c][p] + sign * step).max(bounds.lo[c][k]).min(bounds.hi[c][k]);
                    }
                    let value = self.values(&lanes, &trial);
                    for p in (0..m).filter(|&p| value[p] > f64::NEG_INFINITY) {
                        if !std::mem::replace(&mut reached[p], true) {
                            ends[side][c][p] = trial[c][p];
                        }
                    }
                    if reached.iter().all(|r| *r) {
                        break;
                    }
                }
            }
        }
        let mut u = vec![0.0; d];
        for s in 0..2 * self.options.scan.max(3) * d {
            spread(s, d, &mut u);
            let trial: Vec<Vec<f64>> = (0..d)
                .map(|c| {
                    (0..m)
                        .map(|p| ends[0][c][p] + u[c] * (ends[1][c][p] - ends[0][c][p]))
                        .collect()
                })
                .collect();
            self.take(open, which, &trial, x, q);
        }
        for (p, &k) in which.iter().enumerate() {
            let share = |c: usize| (ends[1][c][p] - ends[0][c][p]) / bounds.width[c][k].max(f64::MIN_POSITIVE);
            radius[k] = (0.25 * (0..d).map(share).fold(0.0, f64::max)).clamp(1e-8, 0.25);
        }
    }

    /// One action: the point of the range whose slack is largest, with its neighbours in `lists[lane]` (ascending candidates), on the
    /// lanes `lost`: one entry per lost lane, `None` where no point has a value.
    pub(super) fn least_violation_of_one(
        &mut self,
        open: &[usize],
        lists: &[Vec<f64>],
        lost: &[usize],
    ) -> Vec<Option<[f64; 3]>> {
        let lanes: Vec<usize> = lost.iter().map(|&k| open[k]).collect();
        self.violation = true;
        let many = lists.first().map_or(0, Vec::len);
        let slack: Vec<Vec<f64>> = (0..many)
            .map(|s| {
                let x: Vec<f64> = lost.iter().map(|&k| lists[k][s]).collect();
                self.values(&lanes, &[x])
            })
            .collect();
        let mut found: Vec<Option<[f64; 3]>> = Vec::with_capacity(lost.len());
        let mut searches: Vec<BrentSearch> = Vec::new();
        for (p, &k) in lost.iter().enumerate() {
            let best = (0..many)
                .max_by(|a, b| slack[*a][p].total_cmp(&slack[*b][p]))
                .unwrap_or(0);
            let list = &lists[k];
            let left = (0..best).rev().find(|s| list[*s] < list[best]).unwrap_or(best);
            let right = (best..many).find(|s| list[*s] > list[best]).unwrap_or(best);
            found.push((left < right).then(|| [list[left], list[best], list[right]]));
            searches.push(BrentSearch::new(
                list[left],
                slack[left][p],
                list[right],
                slack[right][p],
                list[best],
                slack[best][p],
                1e-15 * (list[right] - list[left]).abs(),
            ));
        }
        self.advance(&lanes, &mut searches);
        self.violation = false;
        let x: Vec<f64> = searches.iter().map(|s| s.x).collect();
        let worth = self.values(&lanes, std::slice::from_ref(&x));
        for p in 0..lost.len() {
            found[p] = found[p]
                .filter(|_| worth[p] > f64::NEG_INFINITY)
                .map(|[l, _, r]| [l, x[p], r]);
        }
        found
    }
}

/// Lanes that still have no value.
fn remaining(lost: &[usize], q: &[f64]) -> Vec<usize> {
    lost.iter().copied().filter(|&k| q[k] == f64::NEG_INFINITY).collect()
}
