//! Feasible pieces of the range, however thin, that alternatives of the hard constraints leave (`require A or B`).
//!
//! Each alternative is a set of inequalities. From several starts the nearest point is sought at which all of one set hold: the inequalities are taken
//! as straight, the step goes to the nearest point at which they would hold, inside the range, and this is repeated until they do. Inequalities that are
//! straight need one step, whatever the angles between them; a climb of the smallest slack would stall where two of them meet.

use super::bellman::FEASIBLE;
use super::problem::Lanes;
use super::search::{Search, along};
use super::search_several::Ranges;
use crate::num::halfspaces;
use crate::num::optimise::spread;

/// Steps of one way, and starts beside the point at hand.
const STEPS: usize = 60;
const STARTS: usize = 2;
/// Steps of one way to where conditions turn out in one of many ways.
const FEW: usize = 8;
/// Most steps of a slide, of them back onto the inequalities, and its first and last lengths as shares of the range.
const SLIDES: usize = 120;
const BACK: usize = 3;
const FIRST: f64 = 0.05;
const LAST: f64 = 1e-11;
/// Least gain of a slide, as a share of the value.
const GAIN: f64 = 1e-11;
/// A share of the range that is stepped to either side of a point of one action.
const BESIDE: f64 = 1e-7;

/// A way to a piece.
#[derive(Clone)]
pub(super) struct Way {
    /// Position of its lane.
    pub(super) lane: usize,
    /// Which alternative.
    pub(super) set: usize,
    /// Where it is, one number per action.
    pub(super) x: Vec<f64>,
}

impl Search<'_> {
    /// Slacks of the inequalities (what conditions turn on, where these are sought) at actions `x[way]`, `[inequality][way]`; `lanes[way]` is the lane of each.
    pub(super) fn inequalities(&mut self, lanes: &[usize], x: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let d = self.bellman.continuous.len();
        let columns: Vec<Vec<f64>> = (0..d).map(|c| x.iter().map(|x| x[c]).collect()).collect();
        self.load(lanes, &columns);
        let (states, actions) = self.loaded();
        let lanes = Lanes::before_draws(&states, &actions, self.at.shock, self.at.time);
        if self.conditional {
            self.bellman.problem.conditions(&lanes)
        } else {
            self.bellman.problem.inequalities(&lanes)
        }
    }

    /// Points `(position in open, set, actions)` of alternatives, reached from `starts[start][action][lane]`.
    fn alternatives(
        &mut self,
        open: &[usize],
        bounds: &Ranges,
        starts: &[Vec<Vec<f64>>],
        apart: bool,
    ) -> Vec<(usize, usize, Vec<f64>)> {
        let sets = self.bellman.problem.alternatives();
        if sets.len() < 2 {
            return Vec::new();
        }
        fault!("search.slack_not_climbed", do { return Vec::new(); });
        fault!("search.pieces_not_sought", do { return Vec::new(); });
        self.reach(open, bounds, starts, (sets, apart))
    }

    /// Points `(position in open, set, actions)` at which all inequalities of one of `sets` hold, reached from `starts[start][action][lane]`; `apart`: not those of the sets
    /// in which the first start lies.
    pub(super) fn reach(
        &mut self,
        open: &[usize],
        bounds: &Ranges,
        starts: &[Vec<Vec<f64>>],
        (sets, apart): (&[Vec<usize>], bool),
    ) -> Vec<(usize, usize, Vec<f64>)> {
        let d = bounds.lo.len();
        let mut ways: Vec<Way> = Vec::new();
        for lane in 0..open.len() {
            for set in 0..sets.len() {
                let from = starts.iter().map(|s| (0..d).map(|c| s[c][lane]).collect());
                ways.extend(from.map(|x| Way { lane, set, x }));
            }
        }
        if apart {
            // The piece where the first start lies is known.
            let x: Vec<Vec<f64>> = (0..open.len())
                .map(|k| starts[0].iter().map(|c| c[k]).collect())
                .collect();
            let slack = self.inequalities(open, &x);
            ways.retain(|w| !sets[w.set].iter().all(|i| slack[*i][w.lane] >= FEASIBLE));
        }
        let mut out = Vec::new();
        // Many ways of conditions are empty.
        let steps = if self.conditional { FEW } else { STEPS };
        for round in 0..steps {
            if ways.is_empty() {
                break;
            }
            let (slack, slopes) = self.straight(open, bounds, &ways);
            let enough = if round + 1 < steps {
                1e-4 * FEASIBLE
            } else {
                0.1 * FEASIBLE
            };
            let holds = |p: usize, w: &Way| sets[w.set].iter().all(|i| slack[*i][p] >= enough);
            let mut left = Vec::new();
            for (p, way) in ways.iter().enumerate() {
                if holds(p, way) {
                    out.push((way.lane, way.set, way.x.clone()));
                } else if let Some(x) = step(way, &sets[way.set], bounds, None, |i| {
                    (slack[i][p], slopes.iter().map(|s| s[i][p]).collect())
                }) {
                    left.push(Way { x, ..way.clone() });
                }
            }
            ways = left;
        }
        out
    }

    /// Slacks of the inequalities where ways are, `[inequality][way]`, and their slopes `[action][inequality][way]`.
    pub(super) fn straight(
        &mut self,
        open: &[usize],
        bounds: &Ranges,
        ways: &[Way],
    ) -> (Vec<Vec<f64>>, Vec<Vec<Vec<f64>>>) {
        let lanes: Vec<usize> = ways.iter().map(|w| open[w.lane]).collect();
        let x: Vec<Vec<f64>> = ways.iter().map(|w| w.x.clone()).collect();
        let slack = self.inequalities(&lanes, &x);
        let mut slopes = Vec::with_capacity(bounds.lo.len());
        for c in 0..bounds.lo.len() {
            let mut moved = x.clone();
            let step: Vec<f64> = (ways.iter().zip(&mut moved))
                .map(|(w, x)| {
                    let size = 1e-6 * bounds.width[c][w.lane].min(1.0 + x[c].abs());
                    let h = if bounds.hi[c][w.lane] - x[c] > size {
                        size
                    } else {
                        -size
                    };
                    x[c] += h;
                    h
                })
                .collect();
            let there = self.inequalities(&lanes, &moved);
            let slope =
                |i: usize| -> Vec<f64> { (0..ways.len()).map(|p| (there[i][p] - slack[i][p]) / step[p]).collect() };
            slopes.push((0..there.len()).map(slope).collect::<Vec<_>>());
        }
        (slack, slopes)
    }

    /// Several actions beside curved inequalities, on the lanes `which`: steps along the slope of the value to the nearest point that the inequalities, taken as
    /// straight, allow, then back onto them; longer after a step that gained, shorter after one that did not. Lines of fixed directions stall there.
    /// What is no more than rounding is not taken.
    pub(super) fn slide(
        &mut self,
        open: &[usize],
        which: &[usize],
        bounds: &Ranges,
        x: &mut [Vec<f64>],
        q: &mut [f64],
    ) {
        let kept = |k: usize, x: &[Vec<f64>], q: &[f64]| (x.iter().map(|v| v[k]).collect::<Vec<f64>>(), q[k]);
        let before: Vec<(Vec<f64>, f64)> = which.iter().map(|&k| kept(k, x, q)).collect();
        self.slide_on(open, which, bounds, x, q);
        for (&k, (at, worth)) in which.iter().zip(before) {
            if !(q[k] - worth > GAIN * worth.abs()) {
                q[k] = worth;
                x.iter_mut().zip(at).for_each(|(x, at)| x[k] = at);
            }
        }
    }

    fn slide_on(&mut self, open: &[usize], which: &[usize], bounds: &Ranges, x: &mut [Vec<f64>], q: &mut [f64]) {
        let problem = self.bellman.problem;
        let sets = problem.alternatives();
        if sets.is_empty() || which.is_empty() {
            return;
        }
        let here = |k: usize, x: &[Vec<f64>]| -> Vec<f64> { x.iter().map(|v| v[k]).collect() };
        let lanes: Vec<usize> = which.iter().map(|&k| open[k]).collect();
        let at: Vec<Vec<f64>> = which.iter().map(|&k| here(k, x)).collect();
        let slack = self.inequalities(&lanes, &at);
        let mut ways: Vec<(Way, f64)> = Vec::new();
        for (p, &lane) in which.iter().enumerate() {
            let holds = |set: &Vec<usize>| set.iter().all(|i| slack[*i][p] >= FEASIBLE);
            if let Some(set) = sets.iter().position(holds) {
                ways.push((
                    Way {
                        lane,
                        set,
                        x: at[p].clone(),
                    },
                    FIRST,
                ));
            }
        }
        for _ in 0..SLIDES {
            ways.retain(|w| w.1 > LAST && q[w.0.lane].is_finite());
            if ways.is_empty() {
                return;
            }
            let mut tried: Vec<Way> = ways.iter().map(|w| w.0.clone()).collect();
            let lanes: Vec<usize> = tried.iter().map(|w| open[w.lane]).collect();
            let columns: Vec<Vec<f64>> = (0..x.len()).map(|c| tried.iter().map(|w| w.x[c]).collect()).collect();
            let Some(g) = self.gradient(&lanes, &columns) else {
                return;
            };
            for back in 0..=BACK {
                let (slack, slopes) = self.straight(open, bounds, &tried);
                for (p, way) in tried.iter_mut().enumerate() {
                    let uphill = (back == 0).then(|| {
                        let slope: Vec<f64> = (0..x.len()).map(|c| g[c][p] * bounds.width[c][way.lane]).collect();
                        let size = slope.iter().map(|s| s * s).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
                        slope.iter().map(|s| ways[p].1 * s / size).collect::<Vec<f64>>()
                    });
                    let to = step(way, &sets[way.set], bounds, uphill, |i| {
                        (slack[i][p], slopes.iter().map(|s| s[i][p]).collect())
                    });
                    if let Some(to) = to.filter(|to| to.iter().all(|x| x.is_finite())) {
                        way.x = to;
                    }
                }
            }
            let columns: Vec<Vec<f64>> = (0..x.len()).map(|c| tried.iter().map(|w| w.x[c]).collect()).collect();
            let value = self.values(&lanes, &columns);
            for ((way, length), (to, value)) in ways.iter_mut().zip(tried.into_iter().zip(value)) {
                if value > q[way.lane] + 1e-13 * q[way.lane].abs() {
                    q[way.lane] = value;
                    x.iter_mut().zip(&to.x).for_each(|(x, to)| x[way.lane] = *to);
                    *way = to;
                    *length = (2.0 * *length).min(1.0);
                } else {
                    *length *= 0.25;
                }
            }
        }
    }

    /// Several actions: points of alternatives in which `x[action][lane]` does not lie, `(position in open, actions, value)`, the best of each.
    pub(super) fn pieces(&mut self, open: &[usize], bounds: &Ranges, x: &[Vec<f64>]) -> Vec<(usize, Vec<f64>, f64)> {
        let d = x.len();
        let mut starts = vec![x.to_vec()];
        let mut u = vec![0.0; d];
        for s in 0..STARTS {
            spread(s, d, &mut u);
            let of = |c: usize, k: usize| along(bounds.lo[c][k], bounds.hi[c][k], x[c][k], u[c]);
            starts.push((0..d).map(|c| (0..open.len()).map(|k| of(c, k)).collect()).collect());
        }
        let found = self.alternatives(open, bounds, &starts, true);
        let worth = self.worth_of(open, d, &found);
        let mut best: Vec<((usize, usize), Vec<f64>, f64)> = Vec::new();
        for ((lane, set, x), q) in found.into_iter().zip(worth) {
            if q == f64::NEG_INFINITY {
                continue;
            }
            match best.iter_mut().find(|b| b.0 == (lane, set)) {
                None => best.push(((lane, set), x, q)),
                Some(b) if q > b.2 => *b = ((lane, set), x, q),
                Some(_) => {}
            }
        }
        best.sort_by_key(|b| b.0);
        best.into_iter().map(|((lane, _), x, q)| (lane, x, q)).collect()
    }

    /// One action: the ends of alternatives between `lo` and `hi` (one number per lane each) and points beside them, `(position in open, (action, value))`.
    pub(super) fn ends_of_pieces(&mut self, open: &[usize], [lo, hi, hint]: [&[f64]; 3]) -> Vec<(usize, (f64, f64))> {
        let one = |v: &[f64]| vec![v.to_vec()];
        let of = |u: f64| -> Vec<f64> { (0..lo.len()).map(|k| along(lo[k], hi[k], hint[k], u)).collect() };
        let width =
            (lo.iter().zip(hi).zip(hint)).map(|((l, h), x)| if (h - l).is_finite() { h - l } else { 1.0 + x.abs() });
        let bounds = Ranges {
            lo: one(lo),
            hi: one(hi),
            width: vec![width.collect()],
        };
        let starts = [vec![of(0.0)], vec![of(1.0)]];
        let mut found = Vec::new();
        for (lane, set, x) in self.alternatives(open, &bounds, &starts, false) {
            let step = BESIDE * bounds.width[0][lane];
            for beside in [-step, 0.0, step] {
                let x = (x[0] + beside).max(lo[lane]).min(hi[lane]);
                found.push((lane, set, vec![x]));
            }
        }
        let worth = self.worth_of(open, 1, &found);
        (found.iter().zip(worth))
            .map(|((lane, _, x), q)| (*lane, (x[0], q)))
            .collect()
    }

    /// Values of points, one per point.
    pub(super) fn worth_of(&mut self, open: &[usize], d: usize, points: &[(usize, usize, Vec<f64>)]) -> Vec<f64> {
        let lanes: Vec<usize> = points.iter().map(|p| open[p.0]).collect();
        let x: Vec<Vec<f64>> = (0..d).map(|c| points.iter().map(|p| p.2[c]).collect()).collect();
        if lanes.is_empty() {
            Vec::new()
        } else {
            self.values(&lanes, &x)
        }
    }
}

/// Where a way goes next: to the nearest point that its inequalities allow, from where it is or from a step `uphill` (shares of the ranges); `None` where they have no slopes. `at(i)` is the slack of inequality `i` with its slope by each action.
fn step(
    way: &Way,
    set: &[usize],
    bounds: &Ranges,
    uphill: Option<Vec<f64>>,
    at: impl Fn(usize) -> (f64, Vec<f64>),
) -> Option<Vec<f64>> {
    let d = way.x.len();
    let width = |c: usize| bounds.width[c][way.lane].max(f64::MIN_POSITIVE);
    let (mut normals, mut least) = (Vec::new(), Vec::new());
    for i in set {
        let (slack, slope) = at(*i);
        let normal: Vec<f64> = slope.iter().enumerate().map(|(c, s)| s * width(c)).collect();
        if !slack.is_finite() || normal.iter().any(|n| !n.is_finite()) {
            return None;
        }
        normals.push(normal);
        least.push(-slack);
    }
    for c in 0..d {
        for (sign, end) in [(1.0, bounds.lo[c][way.lane]), (-1.0, bounds.hi[c][way.lane])] {
            if end.is_finite() {
                normals.push((0..d).map(|b| if b == c { sign } else { 0.0 }).collect());
                least.push(sign * (end - way.x[c]) / width(c));
            }
        }
    }
    let uphill = uphill.unwrap_or_else(|| vec![0.0; d]);
    for (least, normal) in least.iter_mut().zip(&normals) {
        *least -= normal.iter().zip(&uphill).map(|(n, u)| n * u).sum::<f64>();
    }
    let mut move_by = halfspaces::nearest(&normals, &least);
    move_by.iter_mut().zip(&uphill).for_each(|(m, u)| *m += u);
    let inside = |(c, x): (usize, &f64)| {
        (x + width(c) * move_by[c])
            .max(bounds.lo[c][way.lane])
            .min(bounds.hi[c][way.lane])
    };
    Some(way.x.iter().enumerate().map(inside).collect())
}
