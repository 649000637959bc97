//! Feasible pieces of a choice's range that even steps would not meet: thin bands that requirements leave.
//!
//! The margin of the requirements (their smallest slack) is measured in many even steps along the range of each choice, the others as they were chosen. Where
//! it is positive there is a piece; where it has a peak below zero one may hide between two steps, so the margin is measured in ever smaller
//! steps around the peak. The ends of every piece are halved for, and choices inside it are handed over to be tried.

use super::trials::{Job, Range, Trials};
use super::visit::Visit;
use crate::diag::Diagnostic;

/// Even steps along a range.
const STEPS: usize = 1000;
/// Peaks of a range that are looked at closely, in so many steps each time, so often: to a billionth of the range.
const PEAKS: usize = 4;
const CLOSER: usize = 20;
const TIMES: usize = 8;
/// Halvings for an end.
const HALVINGS: usize = 40;
/// Choices that are tried inside of a piece, and the largest share of a range that is called one.
const INSIDE: usize = 24;
const PART: f64 = 0.5;

/// A line through a visit along which one number is chosen.
#[derive(Clone, Copy)]
struct Along {
    visit: usize,
    choice: usize,
    lo: f64,
    hi: f64,
}

/// A feasible number on a line (by its number), and infeasible ones on either side (or the ends of the range).
struct Piece {
    line: usize,
    inside: [f64; 2],
    beyond: [f64; 2],
}

/// Choices `(visit, actions)` inside the feasible pieces of ranges (`ranges[visit][choice]`) at the visits numbered by `at`.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub(super) fn choices(
    trials: &mut Trials,
    visits: &[Visit],
    ranges: &[Vec<Range>],
    at: &[usize],
) -> Result<Vec<(usize, Vec<f64>)>, Diagnostic> {
    let mut lines = Vec::new();
    for &visit in at {
        for (choice, range) in ranges[visit].iter().enumerate() {
            if let Range::Between(lo, hi) = range
                && lo < hi
                && (hi - lo).is_finite()
            {
                let (lo, hi) = (*lo, *hi);
                lines.push(Along { visit, choice, lo, hi });
            }
        }
    }
    let steps: Vec<(usize, f64)> = (0..lines.len())
        .flat_map(|l| (0..=STEPS).map(move |i| (l, i as f64 / STEPS as f64)))
        .map(|(l, u)| (l, lines[l].lo + u * (lines[l].hi - lines[l].lo)))
        .collect();
    let margins = margins(trials, visits, &lines, &steps)?;
    let mut pieces = Vec::new();
    for (l, (x, m)) in steps.chunks(STEPS + 1).zip(margins.chunks(STEPS + 1)).enumerate() {
        let x: Vec<f64> = x.iter().map(|s| s.1).collect();
        if m.iter().all(|m| *m >= 0.0) {
            continue;
        }
        pieces.extend(seen(l, &x, m));
        for s in peaks(m) {
            if let Some((x, [a, b])) = climb(trials, visits, &lines, l, [x[s - 1], x[s + 1]])? {
                pieces.push(Piece {
                    line: l,
                    inside: [x, x],
                    beyond: [a, b],
                });
            }
        }
    }
    for side in [0, 1] {
        for _ in 0..HALVINGS {
            let middle = |p: &Piece| (p.line, 0.5 * (p.inside[side] + p.beyond[side]));
            let x: Vec<(usize, f64)> = pieces.iter().map(middle).collect();
            let margins = self::margins(trials, visits, &lines, &x)?;
            for ((p, (_, x)), m) in pieces.iter_mut().zip(x).zip(margins) {
                *(if m >= 0.0 {
                    &mut p.inside[side]
                } else {
                    &mut p.beyond[side]
                }) = x;
            }
        }
    }
    let mut out = Vec::new();
    for p in pieces {
        let line = &lines[p.line];
        let [a, b] = p.inside;
        if b - a > PART * (line.hi - line.lo) {
            continue;
        }
        let steps = if b > a { INSIDE } else { 0 };
        for i in 0..=steps {
            let mut actions = visits[line.visit].actions.clone();
            actions[line.choice] = (a + (b - a) * i as f64 / steps.max(1) as f64).min(b);
            out.push((line.visit, actions));
        }
    }
    Ok(out)
}

/// Margins at numbers `(line, number)`.
fn margins(
    trials: &mut Trials,
    visits: &[Visit],
    lines: &[Along],
    at: &[(usize, f64)],
) -> Result<Vec<f64>, Diagnostic> {
    let all: Vec<Vec<f64>> = (at.iter())
        .map(|(l, x)| {
            let mut actions = visits[lines[*l].visit].actions.clone();
            actions[lines[*l].choice] = *x;
            actions
        })
        .collect();
    let jobs: Vec<Job> = (at.iter().zip(&all))
        .map(|((l, _), actions)| Job {
            visit: lines[*l].visit,
            actions,
        })
        .collect();
    trials.margins(visits, &jobs)
}

/// Pieces that steps (ascending, with their margins) fell into.
fn seen(line: usize, x: &[f64], margins: &[f64]) -> Vec<Piece> {
    let open = |s: usize| margins[s] >= 0.0;
    let mut out = Vec::new();
    let mut s = 0;
    while s < x.len() {
        let first = s;
        while s < x.len() && open(s) {
            s += 1;
        }
        if s > first {
            out.push(Piece {
                line,
                inside: [x[first], x[s - 1]],
                beyond: [x[first.saturating_sub(1)], x[s.min(x.len() - 1)]],
            });
        } else {
            s += 1;
        }
    }
    out
}

/// Steps at which the margin has a peak below zero, the highest first.
fn peaks(margins: &[f64]) -> Vec<usize> {
    let mut out: Vec<usize> = (1..margins.len().saturating_sub(1))
        .filter(|&s| margins[s - 1..=s + 1].iter().all(|m| *m < 0.0 && m.is_finite()))
        .filter(|&s| margins[s] >= margins[s - 1] && margins[s] >= margins[s + 1])
        .filter(|&s| margins[s] > margins[s - 1].min(margins[s + 1]))
        .collect();
    out.sort_by(|a, b| margins[*b].total_cmp(&margins[*a]));
    out.truncate(PEAKS);
    out
}

/// A feasible number on a line between two numbers, and infeasible ones close to it on either side.
fn climb(
    trials: &mut Trials,
    visits: &[Visit],
    lines: &[Along],
    line: usize,
    [mut a, mut b]: [f64; 2],
) -> Result<Option<(f64, [f64; 2])>, Diagnostic> {
    for _ in 0..TIMES {
        let x = |i: usize| a + (b - a) * i as f64 / CLOSER as f64;
        let steps: Vec<(usize, f64)> = (0..=CLOSER).map(|i| (line, x(i))).collect();
        let margins = margins(trials, visits, lines, &steps)?;
        let mut top = 0;
        for (i, m) in margins.iter().enumerate() {
            if *m > margins[top] {
                top = i;
            }
        }
        let around = [x(top.saturating_sub(1)), x((top + 1).min(CLOSER))];
        if margins[top] >= 0.0 {
            return Ok(Some((x(top), [a, b])));
        }
        [a, b] = around;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_runs_of_open_steps_and_peaks_stand_between_shut_ones() {
        let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let all = seen(7, &x, &[0.5, 0.1, -1.0, -2.0, 0.0, -0.1]);
        let ends: Vec<[f64; 4]> = (all.iter())
            .map(|p| [p.beyond[0], p.inside[0], p.inside[1], p.beyond[1]])
            .collect();
        assert_eq!(ends, [[0.0, 0.0, 1.0, 2.0], [3.0, 4.0, 4.0, 5.0]]);
        assert_eq!(peaks(&[-1.0, -0.5, -2.0, -0.2, -3.0, 1.0, -0.1, -0.3]), [3, 1]);
        assert!(peaks(&[-1.0, -1.0, -1.0, 1.0, -1.0, f64::NEG_INFINITY]).is_empty());
    }
}
