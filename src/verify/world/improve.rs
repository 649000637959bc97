//! Better choices at given places: the best finite choice by trying all, the best numbers by parabolas through three trials each.

use super::trials::{Job, Range, Trials, Worth};
use super::visit::Visit;
use super::{WorldEvidence, width};
use crate::diag::Diagnostic;

/// Most combinations of finite choices that are tried at a place.
const COMBINATIONS: usize = 64;
/// Even steps along a number that goes with another finite choice.
const EVEN: usize = 9;
/// Other combinations of finite choices at a place for which numbers are searched: the best by even steps.
const RIVALS: usize = 3;
/// Parabolas at a place, and places at which there is more than one.
const ROUNDS: (usize, usize) = (4, 32);
/// Further parabolas where numbers go with other finite choices, which start far from where they are best.
const MORE_ROUNDS: usize = 2;
/// Distance of the first trials, as a share of the number's size or range.
const STEP: f64 = 2e-3;
/// How far the last parabola led, relative to the size of the number, where another would lead nowhere.
const ARRIVED: f64 = 1e-6;
/// Differences of worth that rounding makes.
const ROUNDING: f64 = 1e-14;

/// A choice that is at least as good as the one played.
#[derive(Clone, Debug)]
pub struct Better {
    /// The choice, one value per action of the decision maker.
    pub actions: Vec<f64>,
    /// What it is worth.
    pub q: f64,
    /// How much more than the choice that is played.
    pub gain: f64,
}

/// The search at one place.
struct ChoiceSearch {
    visit: usize,
    at: Vec<f64>,
    best: Vec<f64>,
    best_q: f64,
    lo: Vec<f64>,
    hi: Vec<f64>,
    /// Distance of trials, by number (zero where nothing is left to choose).
    step: Vec<f64>,
    /// How far the last parabola led, relative to the size of the number.
    moved: f64,
}

/// Improves the choices at `visits` against the future that `trials` simulates: one better choice for each visit. `ranges` are
/// the bounds, `[visit][choice]`; `draws` is the number of draws behind each expectation.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn improve(
    bench: &WorldEvidence,
    trials: &mut Trials,
    visits: &[Visit],
    ranges: &[Vec<Range>],
    draws: usize,
) -> Result<Vec<Better>, Diagnostic> {
    let base: Vec<Job> = visits
        .iter()
        .enumerate()
        .map(|(visit, v)| Job {
            visit,
            actions: &v.actions,
        })
        .collect();
    let here: Vec<f64> = trials.worth(visits, &base, draws)?.iter().map(|w| w.q).collect();
    let numbers: Vec<usize> = (0..bench.seat.choices.len())
        .filter(|c| bench.seat.choices[*c].values.is_empty())
        .collect();
    let mut searches: Vec<ChoiceSearch> = visits
        .iter()
        .enumerate()
        .map(|(i, v)| ChoiceSearch::new(i, v.actions.clone(), here[i], &ranges[i], &numbers))
        .collect();
    let mut rivals = 0;
    if numbers.len() < bench.seat.choices.len() {
        let more = others(trials, visits, ranges, &numbers, draws)?;
        rivals = more.len();
        searches.extend(more.into_iter().map(|(i, a, q)| {
            let mut s = ChoiceSearch::new(i, a, q, &ranges[i], &numbers);
            // The best may be half an even step away.
            for &c in &numbers {
                let half = 0.5 * (s.hi[c] - s.lo[c]) / EVEN as f64;
                if half.is_finite() {
                    s.step[c] = half;
                }
            }
            s
        }));
    }
    if !numbers.is_empty() {
        for round in 0..ROUNDS.0 + if rivals > 0 { MORE_ROUNDS } else { 0 } {
            let mut chosen: Vec<usize> = (0..searches.len()).collect();
            if round > 0 {
                chosen.retain(|k| searches[*k].moved > ARRIVED);
                chosen.sort_by(|a, b| searches[*b].moved.total_cmp(&searches[*a].moved));
                chosen.truncate(rivals + ROUNDS.1.max(if visits.len() > 400 { visits.len() } else { 0 }));
            }
            climb(trials, visits, &mut searches, &chosen, &numbers, draws)?;
        }
        finish(trials, visits, &mut searches, draws)?;
    }
    let mut out: Vec<Better> = visits
        .iter()
        .zip(&here)
        .map(|(v, q)| Better {
            actions: v.actions.clone(),
            q: *q,
            gain: 0.0,
        })
        .collect();
    for s in searches {
        let b = &mut out[s.visit];
        if s.best_q > b.q {
            b.gain = s.best_q - here[s.visit];
            b.q = s.best_q;
            b.actions = s.best;
        }
    }
    Ok(out)
}

/// How far from `x` trials stand at first; zero where nothing is left to choose.
pub fn step_of(lo: f64, hi: f64, x: f64) -> f64 {
    let w = width(lo, hi, x);
    if hi > lo {
        STEP * w.min(2.0 * x.abs() + 0.05 * w)
    } else {
        0.0
    }
}

impl ChoiceSearch {
    fn new(visit: usize, at: Vec<f64>, q: f64, ranges: &[Range], numbers: &[usize]) -> ChoiceSearch {
        let n = at.len();
        let (mut lo, mut hi, mut step) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for &c in numbers {
            if let Range::Between(l, h) = ranges[c] {
                (lo[c], hi[c]) = (l, h);
                step[c] = step_of(l, h, at[c]);
            }
        }
        ChoiceSearch {
            visit,
            best: at.clone(),
            at,
            best_q: q,
            lo,
            hi,
            step,
            moved: f64::INFINITY,
        }
    }

    /// Two distances at which number `c` is tried beside where the search stands.
    fn offsets(&self, c: usize) -> [f64; 2] {
        let d = self.step[c];
        let (up, down) = (self.at[c] + d <= self.hi[c], self.at[c] - d >= self.lo[c]);
        match (up, down) {
            (true, true) => [d, -d],
            (true, false) => [d, 2.0 * d],
            (false, _) => [-d, -2.0 * d],
        }
    }
}

/// Other finite choices than those played, the best [`RIVALS`] at a place, each with the best of a few numbers: visit, actions, worth.
fn others(
    trials: &mut Trials,
    visits: &[Visit],
    ranges: &[Vec<Range>],
    numbers: &[usize],
    draws: usize,
) -> Result<Vec<(usize, Vec<f64>, f64)>, Diagnostic> {
    let mut tried: Vec<(usize, Vec<f64>)> = Vec::new();
    // The combination of each trial, numbered through.
    let (mut of, mut combinations) = (Vec::new(), 0);
    for (i, v) in visits.iter().enumerate() {
        let mut combos = vec![v.actions.clone()];
        for (c, r) in ranges[i].iter().enumerate() {
            let Range::Values(values) = r else { continue };
            if combos.len() * values.len() > COMBINATIONS {
                continue;
            }
            combos = combos
                .into_iter()
                .flat_map(|a| {
                    values.iter().map(move |x| {
                        let mut b = a.clone();
                        b[c] = *x;
                        b
                    })
                })
                .collect();
        }
        for a in combos {
            if a == v.actions {
                continue;
            }
            for &c in numbers {
                if let Range::Between(lo, hi) = ranges[i][c]
                    && lo.is_finite()
                    && hi.is_finite()
                {
                    for k in 0..EVEN {
                        let mut b = a.clone();
                        b[c] = lo + (hi - lo) * (k as f64 + 0.5) / EVEN as f64;
                        tried.push((i, b));
                    }
                }
            }
            tried.push((i, a));
            of.resize(tried.len(), combinations);
            combinations += 1;
        }
    }
    let jobs: Vec<Job> = tried
        .iter()
        .map(|(visit, actions)| Job { visit: *visit, actions })
        .collect();
    let worth = trials.worth(visits, &jobs, draws)?;
    let mut best: Vec<Option<(f64, usize)>> = vec![None; combinations];
    for (k, w) in worth.iter().enumerate() {
        let b = &mut best[of[k]];
        let q = w.open();
        if q.is_finite() && b.is_none_or(|b| q > b.0) {
            *b = Some((q, k));
        }
    }
    let mut found: Vec<(f64, usize)> = best.into_iter().flatten().collect();
    found.sort_by(|a, b| tried[a.1].0.cmp(&tried[b.1].0).then(b.0.total_cmp(&a.0)));
    let mut kept: Vec<(usize, Vec<f64>, f64)> = Vec::new();
    for (q, k) in found {
        let visit = tried[k].0;
        if kept.iter().rev().take_while(|x| x.0 == visit).count() < RIVALS {
            kept.push((visit, tried[k].1.clone(), q));
        }
    }
    Ok(kept)
}

/// One parabola in every number (a quadratic form in all of them), and a move to its highest point nearby.
fn climb(
    trials: &mut Trials,
    visits: &[Visit],
    searches: &mut [ChoiceSearch],
    chosen: &[usize],
    numbers: &[usize],
    draws: usize,
) -> Result<(), Diagnostic> {
    let n = numbers.len();
    let mut tried: Vec<(usize, Vec<f64>)> = Vec::new();
    for &k in chosen {
        let s = &searches[k];
        tried.push((s.visit, s.at.clone()));
        let moved = |by: &[(usize, f64)]| {
            let mut a = s.at.clone();
            by.iter().for_each(|(c, d)| a[*c] += d);
            (s.visit, a)
        };
        for &c in numbers {
            for d in s.offsets(c) {
                tried.push(moved(&[(c, d)]));
            }
        }
        for (i, &c) in numbers.iter().enumerate() {
            for &b in &numbers[..i] {
                tried.push(moved(&[(c, s.offsets(c)[0]), (b, s.offsets(b)[0])]));
            }
        }
    }
    let jobs: Vec<Job> = tried
        .iter()
        .map(|(visit, actions)| Job { visit: *visit, actions })
        .collect();
    let worth: Vec<f64> = trials.worth(visits, &jobs, draws)?.iter().map(Worth::open).collect();
    let per = 1 + 2 * n + n * (n - 1) / 2;
    for (&k, (q, at)) in chosen.iter().zip(worth.chunks(per).zip(tried.chunks(per))) {
        let s = &mut searches[k];
        // The best of what was really tried is kept, whatever the parabola says.
        for (q, (_, a)) in q.iter().zip(at) {
            if *q > s.best_q {
                s.best_q = *q;
                s.best = a.clone();
            }
        }
        if !q[0].is_finite() {
            s.at = s.best.clone();
            s.step.iter_mut().for_each(|d| *d *= 0.25);
            continue;
        }
        let (mut slope, mut bend) = (vec![0.0; n], vec![vec![0.0; n]; n]);
        let mut still = vec![false; n];
        for (i, &c) in numbers.iter().enumerate() {
            let [d1, d2] = s.offsets(c);
            let (f1, f2) = (q[1 + 2 * i] - q[0], q[2 + 2 * i] - q[0]);
            let flat = f1.abs().max(f2.abs()) <= ROUNDING * q[0].abs();
            if s.step[c] == 0.0 || flat || !f1.is_finite() || !f2.is_finite() {
                // A requirement stands on that side (nearer trials see how near), or the choice does not matter.
                still[i] = true;
                continue;
            }
            bend[i][i] = 2.0 * (f1 / d1 - f2 / d2) / (d1 - d2);
            slope[i] = f1 / d1 - 0.5 * bend[i][i] * d1;
        }
        let mut cross = 1 + 2 * n;
        for i in 0..n {
            for j in 0..i {
                let (d, b) = (s.offsets(numbers[i])[0], s.offsets(numbers[j])[0]);
                let mixed = q[cross] - q[1 + 2 * i] - q[1 + 2 * j] + q[0];
                cross += 1;
                if d * b != 0.0 && mixed.is_finite() {
                    bend[i][j] = mixed / (d * b);
                    bend[j][i] = bend[i][j];
                }
            }
        }
        let box_of = |i: usize| {
            let c = numbers[i];
            let reach = 4.0 * s.step[c];
            (
                (s.lo[c] - s.at[c]).max(-reach).min(0.0),
                (s.hi[c] - s.at[c]).min(reach).max(0.0),
            )
        };
        let mut x = vec![0.0; n];
        for _ in 0..if n == 1 { 1 } else { 60 } {
            for i in (0..n).filter(|i| !still[*i]) {
                let g = slope[i] + (0..n).filter(|j| *j != i).map(|j| bend[i][j] * x[j]).sum::<f64>();
                let (a, b) = box_of(i);
                x[i] = if bend[i][i] < 0.0 {
                    (-g / bend[i][i]).max(a).min(b)
                } else if g > 0.0 {
                    b
                } else if g < 0.0 {
                    a
                } else {
                    x[i]
                };
            }
        }
        s.moved = 0.0;
        for (i, &c) in numbers.iter().enumerate() {
            let reach = 4.0 * s.step[c];
            if still[i] {
                s.step[c] *= 0.25;
                continue;
            }
            s.at[c] += x[i];
            let size = s.step[c] / STEP;
            if size > 0.0 {
                s.moved = s.moved.max(x[i].abs() / size);
            }
            s.step[c] = if x[i].abs() >= 0.99 * reach {
                reach
            } else {
                s.step[c].min((2.0 * x[i].abs()).max(0.15 * s.step[c]))
            };
        }
    }
    Ok(())
}

/// What the last moves are worth.
fn finish(
    trials: &mut Trials,
    visits: &[Visit],
    searches: &mut [ChoiceSearch],
    draws: usize,
) -> Result<(), Diagnostic> {
    let jobs: Vec<Job> = searches
        .iter()
        .map(|s| Job {
            visit: s.visit,
            actions: &s.at,
        })
        .collect();
    let worth = trials.worth(visits, &jobs, draws)?;
    for (s, w) in searches.iter_mut().zip(worth) {
        // Beside the highest trial the top of the parabola is the better guess, unless it is lower by more than rounding.
        let q = w.open();
        if q.is_finite() && q >= s.best_q - ROUNDING * q.abs() {
            s.best_q = q.max(s.best_q);
            s.best = s.at.clone();
        }
    }
    Ok(())
}
