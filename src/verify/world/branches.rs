//! Feasible choices that scans along one choice at a time do not meet: pieces that are thin in several choices at once, where requirements hold in one of several
//! ways (`require A or B`), and what lies further along a curved limit on which the policy stands.
//!
//! Each way is a list of inequalities. The sum of the squares by which they fail has no kinks where another of them is the worst, so it is made small along lines:
//! from a few starts (the policy's choice, and choices drawn anywhere, finite ones included) it is measured in even steps along each choice and along sums and
//! differences of two, then closer around the least, again and again until nothing fails. From what is found the piece is measured along
//! every choice, and choices inside it are handed over to be tried. In the way that the policy's choice meets itself, searches begin at distances of all sizes from it.

use super::trials::{Job, Range, Trials};
use super::visit::Visit;
use crate::diag::Diagnostic;
use crate::num::random::Key;

/// Starts of each way at a place.
const STARTS: u64 = 6;
/// Searches beside the policy's choice.
const BESIDE: u64 = 16;
/// Rounds over all lines; even steps along a line, and how often they are taken closer around the least.
const ROUNDS: usize = 6;
const STEPS: usize = 20;
const TIMES: usize = 9;
/// A failure that counts as none, as a slack.
const NOTHING: f64 = 1e-9;
/// Halvings for how far a piece reaches, and draws in it.
const HALVINGS: i32 = 34;
const DRAWS: u64 = 12;

/// A search for a piece.
#[derive(Clone)]
struct Walk {
    visit: usize,
    way: usize,
    actions: Vec<f64>,
    failing: f64,
    /// Whether the policy's choice lies in this way.
    own: bool,
}

/// Choices `(visit, actions)` inside the pieces in which the policy's choice does not lie, at the visits numbered by `at`; `ranges[visit][choice]` are what may be chosen.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub(super) fn choices(
    trials: &mut Trials,
    visits: &[Visit],
    ranges: &[Vec<Range>],
    (at, key): (&[usize], Key),
) -> Result<Vec<(usize, Vec<f64>)>, Diagnostic> {
    let ways = trials.ways();
    if ways.is_empty() || !at.iter().any(|v| ranges[*v].iter().any(Range::is_bounded)) {
        return Ok(Vec::new());
    }
    let mut walks = starts(trials, visits, ranges, (at, key), &ways)?;
    let mut found: Vec<Walk> = Vec::new();
    for _ in 0..ROUNDS {
        for line in lines(ranges.first().map_or(0, Vec::len)) {
            step(trials, visits, ranges, &ways, &line, &mut walks)?;
            let (done, rest): (Vec<Walk>, Vec<Walk>) = walks.into_iter().partition(|w| w.failing <= NOTHING * NOTHING);
            found.extend(done);
            walks = rest;
        }
    }
    around(trials, visits, ranges, key, &found)
}

/// Choices and draws to begin with, for every way in which the policy's choice does not lie.
fn starts(
    trials: &mut Trials,
    visits: &[Visit],
    ranges: &[Vec<Range>],
    (at, key): (&[usize], Key),
    ways: &[Vec<usize>],
) -> Result<Vec<Walk>, Diagnostic> {
    let mut out = Vec::new();
    for &visit in at {
        for way in 0..ways.len() {
            for s in 0..STARTS {
                let drawn = |c: usize| key.uniform(visit as u64 * 64 + 61, (way as u64 * STARTS + s) * 16 + c as u64);
                let each = ranges[visit].iter().enumerate().zip(&visits[visit].actions);
                let actions = each.map(|((c, r), chosen)| match r {
                    _ if s == 0 => *chosen,
                    Range::Between(lo, hi) if (hi - lo).is_finite() => lo + drawn(c) * (hi - lo),
                    Range::Between(..) => *chosen,
                    Range::Values(v) => v.get((drawn(c) * v.len() as f64) as usize).copied().unwrap_or(*chosen),
                });
                out.push(Walk {
                    visit,
                    way,
                    actions: actions.collect(),
                    failing: f64::INFINITY,
                    own: false,
                });
            }
        }
    }
    let failing = failing(trials, visits, ways, &out)?;
    out.iter_mut().zip(&failing).for_each(|(w, f)| w.failing = *f);
    let known: Vec<(usize, usize)> = (out.iter().step_by(STARTS as usize))
        .filter(|w| w.failing <= NOTHING * NOTHING)
        .map(|w| (w.visit, w.way))
        .collect();
    out.retain(|w| !known.contains(&(w.visit, w.way)));
    let several = |visit: usize| ranges[visit].iter().filter(|r| matches!(r, Range::Between(..))).count() > 1;
    for (visit, way) in known.into_iter().filter(|k| several(k.0)) {
        for s in 0..BESIDE {
            let share = 0.5f64.powi(2 + s as i32);
            let drawn =
                |c: usize| 2.0 * key.uniform(visit as u64 * 64 + 59, (way as u64 * BESIDE + s) * 16 + c as u64) - 1.0;
            let each = ranges[visit].iter().enumerate().zip(&visits[visit].actions);
            let actions = each.map(|((c, r), chosen)| match r {
                Range::Between(lo, hi) if (hi - lo).is_finite() => {
                    (chosen + share * drawn(c) * (hi - lo)).max(*lo).min(*hi)
                }
                Range::Between(..) | Range::Values(_) => *chosen,
            });
            out.push(Walk {
                visit,
                way,
                actions: actions.collect(),
                failing: f64::INFINITY,
                own: true,
            });
        }
    }
    let failing = self::failing(trials, visits, ways, &out)?;
    out.iter_mut().zip(&failing).for_each(|(w, f)| w.failing = *f);
    Ok(out)
}

/// By how much each walk's way fails: the sum of the squares of what its inequalities are short of.
fn failing(trials: &mut Trials, visits: &[Visit], ways: &[Vec<usize>], walks: &[Walk]) -> Result<Vec<f64>, Diagnostic> {
    let jobs: Vec<Job> = (walks.iter())
        .map(|w| Job {
            visit: w.visit,
            actions: &w.actions,
        })
        .collect();
    let slacks = trials.inequalities(visits, &jobs)?;
    let one = |(j, w): (usize, &Walk)| -> f64 {
        let short = ways[w.way].iter().map(|i| f64::min(slacks[*i][j], 0.0));
        short.map(|s| s * s).sum()
    };
    Ok(walks.iter().enumerate().map(one).collect())
}

/// Directions, `(choice, share of its range)`: every choice, and of few the sums and differences of two.
fn lines(choices: usize) -> Vec<Vec<(usize, f64)>> {
    let mut out: Vec<Vec<(usize, f64)>> = (0..choices).map(|c| vec![(c, 1.0)]).collect();
    for c in 0..if choices <= 4 { choices } else { 0 } {
        for b in 0..c {
            out.extend([1.0, -1.0].map(|sign| vec![(c, 1.0), (b, sign)]));
        }
    }
    out
}

/// Moves every walk along a line to where its way fails least.
fn step(
    trials: &mut Trials,
    visits: &[Visit],
    ranges: &[Vec<Range>],
    ways: &[Vec<usize>],
    line: &[(usize, f64)],
    walks: &mut [Walk],
) -> Result<(), Diagnostic> {
    let moved = |w: &Walk, t: f64| -> Vec<f64> {
        let mut to = w.actions.clone();
        for (c, share) in line {
            if let Range::Between(lo, hi) = ranges[w.visit][*c] {
                to[*c] = (to[*c] + t * share * (hi - lo)).max(lo).min(hi);
            }
        }
        to
    };
    // Positions along the line, shares of ranges away from where the walk stands.
    let open = |w: &Walk| {
        line.iter()
            .all(|(c, _)| matches!(ranges[w.visit][*c], Range::Between(lo, hi) if lo < hi && (hi - lo).is_finite()))
    };
    let live: Vec<usize> = (0..walks.len()).filter(|k| open(&walks[*k])).collect();
    let mut ends: Vec<[f64; 2]> = vec![[-1.0, 1.0]; live.len()];
    let mut best: Vec<(f64, f64)> = live.iter().map(|k| (0.0, walks[*k].failing)).collect();
    for _ in 0..TIMES {
        let t = |p: usize, i: usize| ends[p][0] + (ends[p][1] - ends[p][0]) * i as f64 / STEPS as f64;
        let tried: Vec<Walk> = (live.iter().enumerate())
            .flat_map(|(p, k)| (0..=STEPS).map(move |i| (p, *k, i)))
            .map(|(p, k, i)| Walk {
                actions: moved(&walks[k], t(p, i)),
                ..walks[k].clone()
            })
            .collect();
        let all = failing(trials, visits, ways, &tried)?;
        let mut closer = Vec::with_capacity(live.len());
        for (p, own) in all.chunks(STEPS + 1).enumerate() {
            for (i, f) in own.iter().enumerate() {
                if *f < best[p].1 {
                    best[p] = (t(p, i), *f);
                }
            }
            let reach = (ends[p][1] - ends[p][0]) / STEPS as f64;
            closer.push([best[p].0 - reach, best[p].0 + reach]);
        }
        ends = closer;
    }
    for (k, (t, f)) in live.iter().zip(best) {
        walks[*k].actions = moved(&walks[*k], t);
        walks[*k].failing = f;
    }
    Ok(())
}

/// Choices in the boxes around what was found, that reach as far as the pieces do along every choice.
fn around(
    trials: &mut Trials,
    visits: &[Visit],
    ranges: &[Vec<Range>],
    key: Key,
    found: &[Walk],
) -> Result<Vec<(usize, Vec<f64>)>, Diagnostic> {
    let mut out: Vec<(usize, Vec<f64>)> = found.iter().map(|w| (w.visit, w.actions.clone())).collect();
    let found: Vec<Walk> = found.iter().filter(|w| !w.own).cloned().collect();
    let choices = ranges.first().map_or(0, Vec::len);
    let mut reach: Vec<Vec<[f64; 2]>> = found
        .iter()
        .map(|w| w.actions.iter().map(|x| [*x; 2]).collect())
        .collect();
    for c in 0..choices {
        for (side, sign) in [(0, -1.0), (1, 1.0)] {
            let mut tried: Vec<(usize, usize, Vec<f64>)> = Vec::new();
            for (f, w) in found.iter().enumerate() {
                if let Range::Between(lo, hi) = ranges[w.visit][c] {
                    for k in 0..=HALVINGS {
                        let mut to = w.actions.clone();
                        to[c] = (to[c] + sign * 0.5f64.powi(k) * (hi - lo)).max(lo).min(hi);
                        tried.push((f, w.visit, to));
                    }
                }
            }
            let jobs: Vec<Job> = (tried.iter())
                .map(|(_, visit, actions)| Job { visit: *visit, actions })
                .collect();
            let margins = trials.margins(visits, &jobs)?;
            for ((f, _, to), m) in tried.iter().zip(margins) {
                let end = &mut reach[*f][c][side];
                if m >= -NOTHING && sign * (to[c] - *end) > 0.0 {
                    *end = to[c];
                }
            }
        }
    }
    for (f, (w, box_of)) in found.iter().zip(&reach).enumerate() {
        for (c, ends) in box_of.iter().enumerate() {
            for end in ends {
                let mut to = w.actions.clone();
                to[c] = *end;
                out.push((w.visit, to));
            }
        }
        for i in 0..DRAWS {
            // The first draws are corners.
            let at = |c: usize| match i {
                0..4 => ((i >> (c % 2)) & 1) as f64,
                _ => key.uniform(f as u64 * 64 + 60, i * 16 + c as u64),
            };
            let inside = box_of.iter().enumerate().map(|(c, [a, b])| a + at(c) * (b - a));
            out.push((w.visit, inside.collect()));
        }
    }
    Ok(out)
}
