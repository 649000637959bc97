//! Where a solution can be trusted: the largest box around what simulated lives visit in which Bellman residuals are small.
//!
//! The box starts as the range that each state visits and grows along one state at a time, as long as no point between nodes that it takes in has a
//! residual above the threshold or is carried off the grid ([`carried`]); it ends where the estimate of the economy's own judge says so ([`Trusted::narrow`]). Points beyond the box that are mostly good again mean spikes: the value is
//! wrong at a few places that an interpolant then carries on.

use super::{Certificate, GridEvidence, Proof, carried};
use crate::diag::Diagnostic;
use crate::solve::bellman::At;
use crate::solve::solution::SolvedState;
use serde::{Deserialize, Serialize};

/// The part of a state's grid in which the solution can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrustedRange {
    /// The state.
    pub name: String,
    /// Lowest value.
    pub lo: f64,
    /// Highest value.
    pub hi: f64,
}

/// The box, and what stands beyond it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trusted {
    /// The ranges, one per continuous state.
    pub ranges: Vec<TrustedRange>,
    /// Share of the grid's points that are inside and good (all shocks and periods counted).
    pub share: f64,
    /// Points inside where the value is off.
    #[serde(default)]
    pub off: usize,
    /// Points where the value is off although most points farther out are solved well: `(states, residual)`, with one value per
    /// state.
    pub spikes: Vec<(Vec<f64>, f64)>,
}

impl Trusted {
    /// Ends where another judge says that the value is not known well enough any more: `close` has `(lowest, highest)` for each of `states`.
    pub fn narrow(&mut self, states: &[SolvedState], close: &[(f64, f64)]) {
        for (state, (lo, hi)) in states.iter().zip(close) {
            let Some(own) = self.ranges.iter_mut().find(|r| r.name == state.name) else {
                continue;
            };
            let inside = |r: &TrustedRange| state.nodes.iter().filter(|x| **x >= r.lo && **x <= r.hi).count();
            let before = inside(own);
            (own.lo, own.hi) = (own.lo.max(*lo), own.hi.min(*hi));
            self.share *= inside(own) as f64 / before.max(1) as f64;
        }
    }
}

/// The region around the visited set, and spikes beyond it.
pub struct TrustedRegion;

impl Proof for TrustedRegion {
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate) {
        if bench.bellman.only_nodes() || bench.bellman.tensor.axes().is_empty() {
            return;
        }
        let range = |s: &Vec<f64>| {
            s.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| {
                (lo.min(*x), hi.max(*x))
            })
        };
        let visited: Vec<(f64, f64)> = bench.played.states.iter().map(range).collect();
        let off = fault!(
            "verdict.carried_unseen",
            None,
            carried::off_the_grid(bench.bellman, bench.solution)
        );
        let is_carried = |at: &At, x: &[f64]| {
            let h = off.as_ref().and_then(|h| h.get(at.time));
            h.is_some_and(|h| carried::around(bench.bellman, h, at.shock, x) > carried::TRUSTED)
        };
        let residuals: Vec<(Vec<f64>, f64)> = bench
            .grid
            .points
            .iter()
            .zip(&bench.grid.bellman)
            .map(|((at, x), r)| {
                let known = if r.is_nan() { f64::INFINITY } else { *r };
                (x.clone(), if is_carried(at, x) { CARRIED } else { known })
            })
            .collect();
        out.trusted = Some(region(
            &bench.solution.states,
            &visited,
            &residuals,
            10f64.powf(bench.options.thresholds.bellman),
        ));
    }

    fn verdict(&self, c: &Certificate) -> Option<Diagnostic> {
        let spikes = &c.trusted.as_ref()?.spikes;
        let (at, size) = spikes.first()?;
        Some(
            Diagnostic::error(
                "E0948",
                format!(
                    "the value has spikes off the visited set: {} points between good ones are off",
                    spikes.len()
                ),
            )
            .note(format!("first at {at:?}, by {size:.1e} {}", c.of_unit()))
            .hint("howard = 0, more nodes or linear interpolation; or narrow the grid to where the solution is wanted"),
        )
    }
}

/// In the place of the residual of a point from which lives are carried off the grid.
const CARRIED: f64 = f64::NAN;
/// Share of the points beyond a bad one that must be good for it to be a spike.
const GOOD_BEYOND: f64 = 0.8;
/// Fewest points beyond.
const FEWEST: usize = 8;

/// Finds the box. `visited` has one `(lowest, highest)` per state, `points` one `(states, residual)` per point, with one value
/// per state (integer ones too), not a number where lives are carried off; `limit` is the largest residual that is good.
pub fn region(states: &[SolvedState], visited: &[(f64, f64)], points: &[(Vec<f64>, f64)], limit: f64) -> Trusted {
    let bad = |r: f64| !(r <= limit);
    let mut lo: Vec<f64> = visited.iter().map(|v| v.0).collect();
    let mut hi: Vec<f64> = visited.iter().map(|v| v.1).collect();
    let axes: Vec<usize> = (0..states.len()).filter(|s| !states[*s].integer).collect();
    let mut spikes: Vec<(Vec<f64>, f64)> = Vec::new();
    for &s in &axes {
        // Inside along the other continuous states.
        let strip: Vec<&(Vec<f64>, f64)> = points
            .iter()
            .filter(|(x, _)| axes.iter().all(|&o| o == s || (x[o] >= lo[o] && x[o] <= hi[o])))
            .collect();
        for up in [false, true] {
            let ahead = |x: f64| if up { x > hi[s] } else { x < lo[s] };
            let mut beyond: Vec<&&(Vec<f64>, f64)> = strip.iter().filter(|(x, _)| ahead(x[s])).collect();
            beyond.sort_by(|a, b| {
                let order = a.0[s].total_cmp(&b.0[s]);
                if up { order } else { order.reverse() }
            });
            let stop = beyond.iter().position(|(_, r)| bad(*r));
            let end = states[s].nodes[if up { states[s].nodes.len() - 1 } else { 0 }];
            match stop {
                None => *(if up { &mut hi[s] } else { &mut lo[s] }) = end,
                Some(at) => {
                    if at > 0 {
                        *(if up { &mut hi[s] } else { &mut lo[s] }) = beyond[at - 1].0[s];
                    }
                    let rest = &beyond[at..];
                    let good = rest.iter().filter(|(_, r)| !bad(*r)).count();
                    let last = rest.iter().rev().take(FEWEST / 2).all(|(_, r)| !bad(*r));
                    if rest.len() >= FEWEST && last && good as f64 >= GOOD_BEYOND * rest.len() as f64 {
                        spikes.extend(
                            rest.iter()
                                .filter(|(_, r)| bad(*r) && !r.is_nan())
                                .map(|p| (p.0.clone(), p.1)),
                        );
                    }
                }
            }
        }
    }
    let in_box = |x: &[f64]| axes.iter().all(|&s| x[s] >= lo[s] && x[s] <= hi[s]);
    let (off, good): (Vec<_>, Vec<_>) = points.iter().filter(|p| in_box(&p.0)).partition(|p| bad(p.1));
    Trusted {
        ranges: axes
            .iter()
            .map(|&s| TrustedRange {
                name: states[s].name.clone(),
                lo: lo[s],
                hi: hi[s],
            })
            .collect(),
        share: if points.is_empty() {
            1.0
        } else {
            good.len() as f64 / points.len() as f64
        },
        off: off.len(),
        spikes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Vec<SolvedState> {
        vec![SolvedState {
            name: "k".into(),
            nodes: (0..=100).map(f64::from).collect(),
            log: false,
            integer: false,
        }]
    }

    fn points(residual: impl Fn(f64) -> f64) -> Vec<(Vec<f64>, f64)> {
        (0..100)
            .map(|i| f64::from(i) + 0.5)
            .map(|x| (vec![x], residual(x)))
            .collect()
    }

    #[test]
    fn the_box_grows_to_the_first_bad_point_and_no_further() {
        let t = region(
            &line(),
            &[(40.0, 60.0)],
            &points(|x| if x > 80.0 { 1.0 } else { 1e-6 }),
            1e-3,
        );
        assert_eq!((t.ranges[0].lo, t.ranges[0].hi), (0.0, 79.5));
        assert!((t.share - 0.8).abs() < 0.011 && t.spikes.is_empty(), "{t:?}");
    }

    #[test]
    fn the_box_ends_where_the_other_judge_says() {
        let mut t = region(&line(), &[(40.0, 60.0)], &points(|_| 1e-6), 1e-3);
        t.narrow(&line(), &[(25.2, 200.0)]);
        assert_eq!((t.ranges[0].lo, t.ranges[0].hi), (25.2, 100.0));
        assert!((t.share - 75.0 / 101.0).abs() < 1e-12, "{t:?}");
    }

    #[test]
    fn bad_points_among_those_visited_are_not_trusted() {
        let t = region(
            &line(),
            &[(40.0, 60.0)],
            &points(|x| if (45.0..55.0).contains(&x) { 1.0 } else { 1e-6 }),
            1e-3,
        );
        assert_eq!((t.ranges[0].lo, t.ranges[0].hi), (0.0, 100.0));
        assert!((t.share - 0.9).abs() < 1e-12 && t.off == 10, "{t:?}");
    }

    #[test]
    fn a_few_bad_points_with_good_ones_beyond_are_spikes() {
        let t = region(
            &line(),
            &[(40.0, 60.0)],
            &points(|x| if x == 70.5 { 0.24 } else { 1e-6 }),
            1e-3,
        );
        assert_eq!(t.spikes, vec![(vec![70.5], 0.24)]);
        assert_eq!(t.ranges[0].hi, 69.5);
        let all = region(&line(), &[(40.0, 60.0)], &points(|_| 1e-6), 1e-3);
        assert_eq!((all.share, all.ranges[0].hi), (1.0, 100.0));
    }
}
