//! Choices on either side of where comparisons turn, and between: an `if` may pay on a piece that no even steps would meet.
//!
//! Along each choice, the others as they were chosen, the differences of what is compared are measured in many even steps. Where one changes its sign the place is halved for;
//! where it comes close to zero and goes away again it is measured in ever smaller steps, since it may change twice between. What lies on these places, on either side, and half way between
//! neighbours is tried, and of two choices what lies so along both. Several choices also move at once, by Newton's steps in differences (Gauss and Newton's where there are fewer
//! differences than choices), to where one difference, or two, are zero or a trifle off it.

use super::trials::{Job, Range, Trials};
use super::visit::Visit;
use crate::diag::Diagnostic;
use crate::num::random::Key;
use nalgebra::{DMatrix, DVector};

/// Even steps along a range, halvings for a change of sign.
const STEPS: usize = 1000;
const HALVINGS: usize = 60;
/// Least differences of a line that are looked at closely, in so many steps each time, so often.
const DIPS: usize = 6;
const CLOSER: usize = 20;
const TIMES: usize = 9;
/// Most numbers of each of two choices that are put together.
const PAIRED: usize = 12;
/// Starts for one difference, and for two; Newton's steps; most pairs of differences.
const STARTS: u64 = 6;
const BOTH: u64 = 2;
const NEWTON: usize = 12;
const PAIRS: usize = 40;
/// How far from zero differences are brought, as shares of what they change by along the ranges.
const OFF: f64 = 1e-8;

/// A range along which one number is chosen at a visit.
#[derive(Clone, Copy)]
struct Line {
    visit: usize,
    choice: usize,
    lo: f64,
    hi: f64,
}

/// Choices `(visit, actions)` beside the places where comparisons turn, at the visits numbered by `at`; `ranges[visit][choice]` are what may be chosen.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub(super) fn choices(
    trials: &mut Trials,
    visits: &[Visit],
    ranges: &[Vec<Range>],
    (at, key): (&[usize], Key),
) -> Result<Vec<(usize, Vec<f64>)>, Diagnostic> {
    if trials.edges() == 0 {
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    for &visit in at {
        for (choice, range) in ranges[visit].iter().enumerate() {
            if let Range::Between(lo, hi) = range
                && lo < hi
                && (hi - lo).is_finite()
            {
                lines.push(Line {
                    visit,
                    choice,
                    lo: *lo,
                    hi: *hi,
                });
            }
        }
    }
    let mut out = Vec::new();
    let mut found: Vec<(Line, Vec<f64>)> = Vec::new();
    for line in lines {
        let numbers = beside(&line, places(trials, visits, &line)?);
        for x in &numbers {
            let mut actions = visits[line.visit].actions.clone();
            actions[line.choice] = *x;
            out.push((line.visit, actions));
        }
        found.push((line, numbers));
    }
    for (k, (a, of_a)) in found.iter().enumerate() {
        for (b, of_b) in found[..k].iter().filter(|(b, _)| b.visit == a.visit) {
            for x in spread_out(of_a) {
                for y in spread_out(of_b) {
                    let mut actions = visits[a.visit].actions.clone();
                    (actions[a.choice], actions[b.choice]) = (x, y);
                    out.push((a.visit, actions));
                }
            }
        }
    }
    out.extend(together(trials, visits, ranges, (at, key))?);
    Ok(out)
}

/// At most so many of ascending numbers, from all over.
fn spread_out(of: &[f64]) -> Vec<f64> {
    let stride = of.len().div_ceil(PAIRED).max(1);
    of.iter().step_by(stride).copied().collect()
}

/// Differences at numbers of a line, `[difference][number]`.
fn along(trials: &mut Trials, visits: &[Visit], line: &Line, x: &[f64]) -> Result<Vec<Vec<f64>>, Diagnostic> {
    let all: Vec<Vec<f64>> = (x.iter())
        .map(|x| {
            let mut actions = visits[line.visit].actions.clone();
            actions[line.choice] = *x;
            actions
        })
        .collect();
    let jobs: Vec<Job> = all
        .iter()
        .map(|actions| Job {
            visit: line.visit,
            actions,
        })
        .collect();
    trials.differences(visits, &jobs)
}

/// Intervals of a line, as narrow as numbers allow, in which a comparison turns: ascending.
fn places(trials: &mut Trials, visits: &[Visit], line: &Line) -> Result<Vec<[f64; 2]>, Diagnostic> {
    let x: Vec<f64> = (0..=STEPS)
        .map(|s| line.lo + (line.hi - line.lo) * s as f64 / STEPS as f64)
        .collect();
    let f = along(trials, visits, line, &x)?;
    let mut turns: Vec<(usize, [f64; 2])> = Vec::new();
    let mut dips: Vec<(f64, usize, [f64; 2])> = Vec::new();
    let mut out = Vec::new();
    for (number, f) in f.iter().enumerate() {
        if f.iter().all(|v| *v == f[0]) {
            continue;
        }
        for s in 0..=STEPS {
            if f[s] == 0.0 {
                out.push([x[s]; 2]);
            } else if s < STEPS && f[s] * f[s + 1] < 0.0 {
                turns.push((number, [x[s], x[s + 1]]));
            }
            let least = |s: usize| f[s].abs() <= f[s - 1].abs() && f[s].abs() <= f[s + 1].abs();
            if s > 0 && s < STEPS && f[s] * f[s - 1] > 0.0 && f[s] * f[s + 1] > 0.0 && least(s) {
                dips.push((f[s].abs(), number, [x[s - 1], x[s + 1]]));
            }
        }
    }
    dips.sort_by(|a, b| a.0.total_cmp(&b.0));
    dips.truncate(DIPS);
    for (_, number, [mut a, mut b]) in dips {
        for _ in 0..TIMES {
            let x: Vec<f64> = (0..=CLOSER).map(|i| a + (b - a) * i as f64 / CLOSER as f64).collect();
            let f = &along(trials, visits, line, &x)?[number];
            let changes: Vec<usize> = (0..CLOSER).filter(|s| f[*s] * f[s + 1] <= 0.0).collect();
            if !changes.is_empty() {
                turns.extend(changes.into_iter().map(|s| (number, [x[s], x[s + 1]])));
                break;
            }
            let top = (0..=CLOSER)
                .min_by(|s, t| f[*s].abs().total_cmp(&f[*t].abs()))
                .unwrap_or(0);
            (a, b) = (x[top.saturating_sub(1)], x[(top + 1).min(CLOSER)]);
        }
    }
    let ends: Vec<f64> = turns.iter().map(|t| t.1[0]).collect();
    let first = if ends.is_empty() {
        Vec::new()
    } else {
        along(trials, visits, line, &ends)?
    };
    for _ in 0..if turns.is_empty() { 0 } else { HALVINGS } {
        let x: Vec<f64> = turns.iter().map(|(_, [a, b])| 0.5 * (a + b)).collect();
        let f = along(trials, visits, line, &x)?;
        for (p, (number, ends)) in turns.iter_mut().enumerate() {
            let (f, first) = (f[*number][p], first[*number][p]);
            if f == 0.0 {
                *ends = [x[p]; 2];
            } else {
                ends[usize::from(f * first <= 0.0)] = x[p];
            }
        }
    }
    out.extend(turns.into_iter().map(|t| t.1));
    out.sort_by(|a, b| a[0].total_cmp(&b[0]));
    Ok(out)
}

/// Numbers on places, on either side and half way between them: ascending, inside the range.
fn beside(line: &Line, places: Vec<[f64; 2]>) -> Vec<f64> {
    let mut out = Vec::new();
    for (k, [a, b]) in places.iter().enumerate() {
        let size = 4.0 * f64::EPSILON * a.abs().max(b.abs());
        let off = OFF * (line.hi - line.lo);
        out.extend([a - off, a - size, *a, *b, b + size, b + off]);
        if let Some(next) = places.get(k + 1) {
            out.push(0.5 * (b + next[0]));
        }
    }
    out.retain(|x| (line.lo..=line.hi).contains(x));
    out.sort_by(f64::total_cmp);
    out.dedup();
    out
}

/// Choices that move together, and the differences that they shall bring to given numbers: at most two.
struct Walk {
    visit: usize,
    actions: Vec<f64>,
    /// `(difference, on which side)`.
    to: Vec<(usize, f64)>,
}

/// Several choices at once, to where one difference or two of them are close to zero.
fn together(
    trials: &mut Trials,
    visits: &[Visit],
    ranges: &[Vec<Range>],
    (at, key): (&[usize], Key),
) -> Result<Vec<(usize, Vec<f64>)>, Diagnostic> {
    let n = trials.edges();
    let pairs: Vec<(usize, usize)> = (0..n).flat_map(|j| (0..j).map(move |i| (i, j))).take(PAIRS).collect();
    let mut walks: Vec<Walk> = Vec::new();
    for &visit in at
        .iter()
        .filter(|v| ranges[**v].iter().filter(|r| r.is_bounded()).count() > 1)
    {
        let mut start = |number: u64, to: Vec<(usize, f64)>, own: bool| {
            let drawn = |c: usize| key.uniform(visit as u64 * 64 + 62, number * 16 + c as u64);
            let each = ranges[visit].iter().enumerate().zip(&visits[visit].actions);
            let actions = each.map(|((c, r), chosen)| match r {
                Range::Between(lo, hi) if !own && (hi - lo).is_finite() => lo + drawn(c) * (hi - lo),
                Range::Between(..) | Range::Values(_) => *chosen,
            });
            walks.push(Walk {
                visit,
                actions: actions.collect(),
                to,
            });
        };
        for i in 0..n {
            for s in 0..STARTS {
                for side in [-1.0, 0.0, 1.0] {
                    start(i as u64 * STARTS + s, vec![(i, side)], s == 0);
                }
            }
        }
        for (p, (i, j)) in pairs.iter().enumerate() {
            for s in 0..BOTH {
                for side in 0..9 {
                    let [a, b] = [side % 3, side / 3].map(|k| k as f64 - 1.0);
                    start(100_000 + p as u64 * BOTH + s, vec![(*i, a), (*j, b)], s == 0);
                }
            }
        }
    }
    for _ in 0..NEWTON {
        newton(trials, visits, ranges, &mut walks)?;
    }
    Ok(walks.into_iter().map(|w| (w.visit, w.actions)).collect())
}

/// One of Newton's steps, the shortest (in shares of the ranges) that brings the differences where they shall be.
fn newton(trials: &mut Trials, visits: &[Visit], ranges: &[Vec<Range>], walks: &mut [Walk]) -> Result<(), Diagnostic> {
    let Some(d) = walks.first().map(|w| w.actions.len()) else {
        return Ok(());
    };
    let width = |w: &Walk, c: usize| match ranges[w.visit][c] {
        Range::Between(lo, hi) if (hi - lo).is_finite() => hi - lo,
        Range::Between(..) | Range::Values(_) => 0.0,
    };
    let h = |w: &Walk, c: usize| match ranges[w.visit][c] {
        Range::Between(_, hi) if w.actions[c] + 1e-7 * width(w, c) > hi => -1e-7 * width(w, c),
        Range::Between(..) | Range::Values(_) => 1e-7 * width(w, c),
    };
    let mut measured = Vec::with_capacity(d + 1);
    for moved in 0..=d {
        let all: Vec<Vec<f64>> = (walks.iter())
            .map(|w| {
                let mut actions = w.actions.clone();
                if moved < d {
                    actions[moved] += h(w, moved);
                }
                actions
            })
            .collect();
        let jobs: Vec<Job> = walks
            .iter()
            .zip(&all)
            .map(|(w, actions)| Job {
                visit: w.visit,
                actions,
            })
            .collect();
        measured.push(trials.differences(visits, &jobs)?);
    }
    for (p, w) in walks.iter_mut().enumerate() {
        let slope = |i: usize, c: usize| match h(w, c) {
            0.0 => 0.0,
            h => (measured[c][i][p] - measured[d][i][p]) / h * width(w, c),
        };
        let j = DMatrix::from_fn(w.to.len(), d, |r, c| slope(w.to[r].0, c));
        let short = DVector::from_iterator(
            w.to.len(),
            w.to.iter()
                .enumerate()
                .map(|(r, (i, side))| side * OFF * j.row(r).norm() - measured[d][*i][p]),
        );
        let Some(inverse) = (&j * j.transpose()).try_inverse() else {
            continue;
        };
        let step = j.transpose() * (inverse * short);
        for c in 0..d {
            let to = w.actions[c] + step[c] * width(w, c);
            if let Range::Between(lo, hi) = ranges[w.visit][c]
                && to.is_finite()
            {
                w.actions[c] = to.max(lo).min(hi);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_places_on_either_side_and_between() {
        let line = Line {
            visit: 0,
            choice: 0,
            lo: 0.0,
            hi: 10.0,
        };
        let all = beside(&line, vec![[3.0, 3.0], [3.5, 3.5], [10.0, 10.0]]);
        assert!(all.windows(2).all(|w| w[0] < w[1]) && all.iter().all(|x| (0.0..=10.0).contains(x)));
        for x in [3.0, 3.25, 3.5, 6.75, 10.0] {
            assert!(all.iter().any(|a| (a - x).abs() < 1e-12), "{x} in {all:?}");
        }
        assert!(all.iter().any(|a| *a > 3.0 && *a < 3.0 + 1e-6) && all.iter().any(|a| *a < 3.0 && *a > 3.0 - 1e-6));
        assert_eq!(spread_out(&[1.0, 2.0]), [1.0, 2.0]);
        assert!(spread_out(&(0..100).map(f64::from).collect::<Vec<_>>()).len() <= PAIRED);
    }
}
