//! Scans over one action: the best point of its range with its neighbours.
//!
//! Where hard constraints leave little of a range, an even scan of all of it puts few points there, and the higher of two peaks may lie between
//! them. So the ends of what is feasible are halved for, and that part is scanned again with as many points. A part that is too small for any point of the
//! scan shows in the slack of the constraints: wherever it has a peak below zero it is climbed, and a part that is found there is scanned, too.

use super::bellman::FEASIBLE;
use super::search::{Search, SearchOptions, along};
use crate::num::optimise::BrentSearch;

/// A point of a range and what it is worth there.
type Point = (f64, f64);
/// Of each lane the left neighbour of the best point, that point, and its right neighbour.
type Peaks = (Vec<Point>, Vec<Point>, Vec<Point>);

/// Distances from an end that are tried, as shares of a twentieth of the range: powers of a quarter.
const CLOSER: i32 = 11;

/// Candidates for an action in `[lo, hi]`, ascending; `zero`: as many as if zero lay inside.
fn candidates(lo: f64, hi: f64, hint: f64, options: SearchOptions, zero: bool) -> Vec<f64> {
    let scan = options.scan.max(3);
    let mut out: Vec<f64> = (0..scan)
        .map(|s| {
            let u = fault!(
                "search.bound_excluded",
                (s + 1) as f64 / (scan + 1) as f64,
                s as f64 / (scan - 1) as f64
            );
            along(lo, hi, hint, u)
        })
        .collect();
    out.push(hint);
    if fault!("search.bound_excluded", false, options.ends) {
        let inside = lo < 0.0 && hi > 0.0;
        let width = if (hi - lo).is_finite() {
            hi - lo
        } else {
            2.0 * (1.0 + hint.abs())
        };
        for power in 1..=CLOSER {
            let step = 0.05 * 0.25f64.powi(power) * width;
            out.push(if lo.is_finite() { lo + step } else { hint });
            out.push(if hi.is_finite() { hi - step } else { hint });
            if zero {
                out.push(if inside { step } else { hint });
                out.push(if inside { -step } else { hint });
            }
        }
    }
    out.iter_mut().for_each(|x| *x = x.max(lo).min(hi));
    out.sort_by(f64::total_cmp);
    out
}

/// Largest share of a range that is scanned again.
const PART: f64 = 0.6;
/// Halvings for an end of what is feasible, and most feasible parts of a range that are looked at.
const HALVINGS: usize = 6;
const PARTS: usize = 4;
/// Most peaks of the slack that are climbed in a range, and halvings for the ends of a part that is found so.
const PEAKS: usize = 4;
const THIN: usize = 50;

/// A feasible part of the range of one lane: its ends as far as they are known to be feasible, and what lies beyond them.
struct Part {
    lane: usize,
    inside: [f64; 2],
    beyond: [f64; 2],
}

/// The feasible parts of a scan (ascending) whose ends are not those of the range.
fn parts(lane: usize, points: &[Point], (lo, hi): (f64, f64)) -> Vec<Part> {
    let open = |s: usize| points[s].1 > f64::NEG_INFINITY;
    let mut out = Vec::new();
    let mut s = 0;
    while s < points.len() {
        if !open(s) {
            s += 1;
            continue;
        }
        let first = s;
        while s + 1 < points.len() && open(s + 1) {
            s += 1;
        }
        let beyond = [
            points[first.saturating_sub(1)].0,
            points[(s + 1).min(points.len() - 1)].0,
        ];
        let inside = [points[first].0, points[s].0];
        let small = !(beyond[1] - beyond[0] > PART * (hi - lo));
        if beyond != inside && (small || !(hi - lo).is_finite()) {
            out.push(Part { lane, inside, beyond });
        }
        s += 1;
    }
    out.truncate(PARTS);
    out
}

/// Numbers of the points at which the slack of hard constraints (ascending points) has a peak below zero, between points where it is less: the highest of them.
fn hidden(slacks: &[Point]) -> Vec<usize> {
    let at = |s: usize| slacks[s].1;
    let shut = |s: usize| at(s) < FEASIBLE && at(s).is_finite();
    let mut out: Vec<usize> = (1..slacks.len().saturating_sub(1))
        .filter(|&s| (s - 1..=s + 1).all(shut))
        .filter(|&s| at(s) >= at(s - 1) && at(s) > at(s + 1) || at(s) > at(s - 1) && at(s) >= at(s + 1))
        .collect();
    out.sort_by(|a, b| at(*b).total_cmp(&at(*a)));
    out.truncate(PEAKS);
    out
}

/// The best point of a scan (ascending) between its neighbours.
fn peak(points: &[Point]) -> [Point; 3] {
    let mut top = 0;
    for s in 1..points.len() {
        let climbs = fault!(
            "search.first_peak",
            points[top].1 == f64::NEG_INFINITY || top + 1 == s,
            true
        );
        if points[s].1 > points[top].1 && climbs {
            top = s;
        }
    }
    [
        points[top.saturating_sub(1)],
        points[top],
        points[(top + 1).min(points.len() - 1)],
    ]
}

/// Brings points into order, each place once.
fn in_order(points: &mut Vec<Point>) {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|a, b| a.0 == b.0);
}

impl Search<'_> {
    /// Scans the ranges `[lo, hi]` of the lanes `open`, `hint` among the points (one number per lane each).
    pub(super) fn scan_of_one(&mut self, open: &[usize], [lo, hi, hint]: [&[f64]; 3]) -> Peaks {
        let m = open.len();
        let zero = (0..m).any(|k| lo[k] < 0.0 && hi[k] > 0.0);
        let lists: Vec<Vec<f64>> = (0..m)
            .map(|k| candidates(lo[k], hi[k], hint[k], self.options, zero))
            .collect();
        let mut scanned: Vec<Vec<Point>> = vec![Vec::new(); m];
        let mut slacks: Vec<Vec<Point>> = vec![Vec::new(); m];
        for s in 0..lists.first().map_or(0, Vec::len) {
            let x: Vec<f64> = lists.iter().map(|list| list[s]).collect();
            let q = self.values(open, std::slice::from_ref(&x));
            for (k, (x, q)) in x.into_iter().zip(q).enumerate() {
                scanned[k].push((x, q));
                slacks[k].push((x, self.last_slacks()[k]));
            }
        }
        scanned.iter_mut().for_each(in_order);
        slacks.iter_mut().for_each(in_order);
        self.climb_slacks(open, &slacks, &mut scanned);
        for (k, point) in self.ends_of_pieces(open, [lo, hi, hint]) {
            scanned[k].push(point);
        }
        scanned.iter_mut().for_each(in_order);
        self.find_lost(open, [lo, hi, hint], &lists, &mut scanned);
        self.scan_parts(open, lo, hi, &mut scanned);
        let mut out = (Vec::with_capacity(m), Vec::with_capacity(m), Vec::with_capacity(m));
        for [left, best, right] in scanned.iter().map(|points| peak(points)) {
            out.0.push(left);
            out.1.push(best);
            out.2.push(right);
        }
        out
    }

    /// Puts a feasible point among those of the lanes whose scan has none.
    fn find_lost(
        &mut self,
        open: &[usize],
        [lo, hi, hint]: [&[f64]; 3],
        lists: &[Vec<f64>],
        scanned: &mut [Vec<Point>],
    ) {
        let mut lost: Vec<usize> = (0..open.len())
            .filter(|&k| scanned[k].iter().all(|p| !(p.1 > f64::NEG_INFINITY)))
            .collect();
        // Close to both ends.
        for power in 1..=50 {
            if lost.is_empty() {
                return;
            }
            let lanes: Vec<usize> = lost.iter().map(|&k| open[k]).collect();
            let u = 0.5f64.powi(power + 3);
            let mut found: Vec<Option<[Point; 3]>> = vec![None; lost.len()];
            for share in [u, 1.0 - u] {
                let at = |k: usize, share: f64| along(lo[k], hi[k], hint[k], share);
                let x: Vec<f64> = lost.iter().map(|&k| at(k, share)).collect();
                let q = self.values(&lanes, std::slice::from_ref(&x));
                for (p, &k) in lost.iter().enumerate() {
                    if q[p] > found[p].map_or(f64::NEG_INFINITY, |f| f[1].1) {
                        let ends = if share < 0.5 {
                            [0.0, 2.0 * u]
                        } else {
                            [1.0 - 2.0 * u, 1.0]
                        };
                        let [a, b] = ends.map(|share| (at(k, share), f64::NEG_INFINITY));
                        found[p] = Some([a, (x[p], q[p]), b]);
                    }
                }
            }
            for (&k, found) in lost.iter().zip(&found) {
                if let Some(points) = found {
                    scanned[k] = points.to_vec();
                }
            }
            let mut found = found.iter();
            lost.retain(|_| found.next().is_some_and(Option::is_none));
        }
        if lost.is_empty() {
            return;
        }
        let found = self.least_violation_of_one(open, lists, &lost);
        let kept: Vec<(usize, [f64; 3])> = lost.iter().zip(found).filter_map(|(&k, f)| Some((k, f?))).collect();
        let lanes: Vec<usize> = kept.iter().map(|(k, _)| open[*k]).collect();
        let x: Vec<f64> = kept.iter().map(|(_, f)| f[1]).collect();
        let q = self.values(&lanes, std::slice::from_ref(&x));
        for ((k, [a, at, b]), q) in kept.into_iter().zip(q) {
            scanned[k] = vec![(a, f64::NEG_INFINITY), (at, q), (b, f64::NEG_INFINITY)];
        }
    }

    /// Climbs the peaks of the slack that stand below zero between the points of a scan, and puts what is feasible there among the points of its lane, with the
    /// ends of the part around it.
    fn climb_slacks(&mut self, open: &[usize], slacks: &[Vec<Point>], scanned: &mut [Vec<Point>]) {
        fault!("search.slack_not_climbed", do { return; });
        let peaks: Vec<(usize, usize)> = (slacks.iter().enumerate())
            .flat_map(|(k, own)| hidden(own).into_iter().map(move |s| (k, s)))
            .collect();
        if peaks.is_empty() {
            return;
        }
        let lanes: Vec<usize> = peaks.iter().map(|(k, _)| open[*k]).collect();
        let mut searches: Vec<BrentSearch> = (peaks.iter())
            .map(|&(k, s)| {
                let [a, at, b] = [s - 1, s, s + 1].map(|s| slacks[k][s]);
                BrentSearch::new(a.0, a.1, b.0, b.1, at.0, at.1, 1e-15 * (b.0 - a.0))
            })
            .collect();
        self.violation = true;
        self.advance(&lanes, &mut searches);
        self.violation = false;
        let x: Vec<f64> = searches.iter().map(|s| s.x).collect();
        let q = self.values(&lanes, std::slice::from_ref(&x));
        let found: Vec<(usize, Point, [f64; 2])> = (peaks.into_iter().zip(x.into_iter().zip(q)))
            .filter(|(_, (_, q))| *q > f64::NEG_INFINITY)
            .map(|((k, s), point)| (k, point, [slacks[k][s - 1].0, slacks[k][s + 1].0]))
            .collect();
        for side in [0, 1] {
            let lanes: Vec<usize> = found.iter().map(|f| open[f.0]).collect();
            let mut ends: Vec<(f64, f64)> = found.iter().map(|f| (f.1.0, f.2[side])).collect();
            for _ in 0..THIN {
                let x: Vec<f64> = ends.iter().map(|(a, b)| 0.5 * (a + b)).collect();
                let q = self.values(&lanes, std::slice::from_ref(&x));
                for (((end, f), x), q) in ends.iter_mut().zip(&found).zip(x).zip(q) {
                    let inside = q > f64::NEG_INFINITY;
                    *(if inside { &mut end.0 } else { &mut end.1 }) = x;
                    scanned[f.0].push((x, if inside { q } else { f64::NEG_INFINITY }));
                }
            }
        }
        for (k, point, _) in &found {
            scanned[*k].push(*point);
            in_order(&mut scanned[*k]);
        }
    }

    /// Scans what hard constraints leave of a range where that is little, and puts the points among the others.
    fn scan_parts(&mut self, open: &[usize], lo: &[f64], hi: &[f64], scanned: &mut [Vec<Point>]) {
        let mut parts: Vec<Part> = scanned
            .iter()
            .enumerate()
            .flat_map(|(k, points)| parts(k, points, (lo[k], hi[k])))
            .collect();
        if parts.is_empty() {
            return;
        }
        for side in [0, 1] {
            let mut cut: Vec<&mut Part> = parts.iter_mut().filter(|p| p.beyond[side] != p.inside[side]).collect();
            let lanes: Vec<usize> = cut.iter().map(|p| open[p.lane]).collect();
            for _ in 0..HALVINGS {
                let x: Vec<f64> = cut.iter().map(|p| 0.5 * (p.inside[side] + p.beyond[side])).collect();
                let q = self.values(&lanes, std::slice::from_ref(&x));
                for (part, (x, q)) in cut.iter_mut().zip(x.into_iter().zip(q)) {
                    let open = q > f64::NEG_INFINITY;
                    let end = if open { &mut part.inside } else { &mut part.beyond };
                    end[side] = x;
                    scanned[part.lane].push((x, if open { q } else { f64::NEG_INFINITY }));
                }
            }
        }
        let lanes: Vec<usize> = parts.iter().map(|p| open[p.lane]).collect();
        let many = self.options.scan.max(3);
        for s in 0..many {
            let u = (s + 1) as f64 / (many + 1) as f64;
            let at = |p: &Part| p.inside[0] + u * (p.inside[1] - p.inside[0]);
            let x: Vec<f64> = parts.iter().map(at).collect();
            let q = self.values(&lanes, std::slice::from_ref(&x));
            for (part, point) in parts.iter().zip(x.into_iter().zip(q)) {
                scanned[part.lane].push(point);
            }
        }
        parts.iter().for_each(|p| in_order(&mut scanned[p.lane]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: f64 = f64::NEG_INFINITY;

    #[test]
    fn feasible_parts_are_those_cut_off_by_what_is_infeasible() {
        let points = [
            (0.0, NEVER),
            (1.0, 3.0),
            (2.0, 1.0),
            (3.0, NEVER),
            (9.0, f64::NAN),
            (10.0, 2.0),
        ];
        let found = parts(7, &points, (0.0, 10.0));
        let ends: Vec<[f64; 4]> = (found.iter())
            .map(|p| [p.beyond[0], p.inside[0], p.inside[1], p.beyond[1]])
            .collect();
        assert_eq!(ends, [[0.0, 1.0, 2.0, 3.0], [9.0, 10.0, 10.0, 10.0]]);
        // All of a range, and most of it, need no second look.
        assert!(parts(0, &[(0.0, 1.0), (10.0, 2.0)], (0.0, 10.0)).is_empty());
        assert!(parts(0, &[(0.0, 1.0), (5.0, 2.0), (7.0, NEVER), (10.0, NEVER)], (0.0, 10.0)).is_empty());
    }

    #[test]
    fn peaks_of_the_slack_below_zero_are_where_parts_may_hide() {
        let at = |slacks: &[f64]| {
            let points: Vec<Point> = slacks.iter().enumerate().map(|(i, s)| (i as f64, *s)).collect();
            hidden(&points)
        };
        // Away from what is feasible the slack falls, and nothing hides.
        assert!(at(&[1.0, 0.5, -0.5, -1.0, -2.0]).is_empty());
        assert!(at(&[-2.0, -1.0, -0.5, 1.0, -0.5]).is_empty());
        // It rises again between; the highest first. A step tells nothing.
        assert_eq!(at(&[1.0, -1.0, -3.0, -2.0, -2.5, -1.0, -4.0, -5.0]), [5, 3]);
        assert_eq!(at(&[-3.0, -2.0, -2.0, -2.5]), [1, 2]);
        assert!(at(&[1.0, -1.0, -1.0, -1.0, f64::NAN]).is_empty());
    }

    #[test]
    fn a_peak_stands_between_its_neighbours() {
        let points = [(0.0, 1.0), (1.0, 4.0), (2.0, f64::NAN), (3.0, 5.0)];
        assert_eq!(peak(&points)[1..], [(3.0, 5.0), (3.0, 5.0)]);
        assert_eq!(peak(&points[..2])[0], (0.0, 1.0));
    }
}
