//! The best constant policy, searched for: what a learner or a solution must beat to be worth anything.
//!
//! A constant is a choice, a level, or a share of what the bounds leave. Each is worth what [`super::welfare`] says under one and the
//! same chance: a scan over even points, over points that crowd at both ends in the log (a good price may be a small part of a wide
//! range) and over what the exact policy does, then Brent's search between the neighbours of the best.

use super::binding::bounds;
use super::simulate::{ChainPaths, ConstantPolicy};
use super::welfare::{Feasible, Mover, Paths, Welfare};
use crate::num::{optimise, statistics};
use crate::solve::bellman::{At, Bellman};
use crate::solve::problem::ActionKind;

/// Paths of the search, where paths are followed by chance.
const SEARCH_PATHS: usize = 8;
/// Most periods of a path of the search.
const SEARCH_PERIODS: usize = 400;
/// Most joint choices that are all tried; of more, one choice at a time is.
const CHOICES: usize = 400;
/// Rounds over one choice, or one number, at a time.
const ROUNDS: usize = 3;
/// Even points of a scan.
const EVEN: usize = 20;

/// A constant policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Whether the numbers are a `share` of the range that the bounds leave, or a `level`.
    pub kind: &'static str,
    /// One number per continuous action.
    pub numbers: Vec<f64>,
    /// One value per finite action.
    pub choices: Vec<f64>,
}

impl Constant {
    /// The constant as a policy.
    pub fn policy<'a>(&self, bellman: &'a Bellman<'a>) -> ConstantPolicy<'a> {
        ConstantPolicy {
            bellman,
            continuous: self.numbers.clone(),
            levels: self.kind == "level",
            finite: self.choices.clone(),
        }
    }

    /// In words: `share 0.25`, `choice 2`, or both.
    pub fn words(&self) -> String {
        let parts = [(self.kind, &self.numbers), ("choice", &self.choices)];
        let said = parts.iter().filter(|(_, x)| !x.is_empty()).map(|(kind, x)| {
            let numbers: Vec<String> = x.iter().map(|x| format!("{x:.4}")).collect();
            format!("{kind} {}", numbers.join(", "))
        });
        said.collect::<Vec<_>>().join(" and ")
    }
}

/// The best constant. `visited[a]` is what the exact policy does at states that it visits, one value per visit; `starts` are
/// first states, `[start][state]`; `mover` moves what is forbidden on the way, as a simulation does. `None` where there is no natural constant policy
/// (taste shocks, nothing to choose), and where none can be moved to what is feasible.
pub fn best(
    bellman: &Bellman,
    welfare: &Welfare,
    visited: &[Vec<f64>],
    starts: &[Vec<f64>],
    seed: u64,
    mover: Option<&dyn Mover>,
) -> Option<Constant> {
    let spec = bellman.problem.spec();
    if bellman.taste.is_some() || spec.actions.is_empty() {
        return None;
    }
    let long = spec
        .discount
        .filter(|d| *d > 0.0 && *d < 1.0)
        .map_or(SEARCH_PERIODS, |d| (1e-3f64.ln() / d.ln()).ceil() as usize);
    let search = ConstantSearch {
        bellman,
        welfare,
        // Numbers alone are moved along a line, which is what a simulation does with one, and takes less time.
        mover: mover.filter(|_| !bellman.finite.is_empty()),
        visited,
        paths: Paths {
            // Where values are exact, a first state costs nothing.
            count: if bellman.only_nodes() {
                starts.len().max(1)
            } else {
                SEARCH_PATHS
            },
            periods: Some(long.clamp(1, SEARCH_PERIODS)),
            rest: true,
            seed,
            starts,
        },
    };
    if bellman.continuous.is_empty() {
        return search.choices("choice", &[]).map(|found| found.0);
    }
    let mut found: Option<(Constant, f64)> = None;
    for kind in ["share", "level"] {
        let Some(range) = range(bellman, visited, starts, seed, kind == "level") else {
            continue;
        };
        if let Some((constant, value)) = search.numbers(kind, &range)
            && found.as_ref().is_none_or(|b| value > b.1)
        {
            found = Some((constant, value));
        }
    }
    found.map(|f| f.0)
}

/// What a search for the best constant knows.
struct ConstantSearch<'a> {
    bellman: &'a Bellman<'a>,
    welfare: &'a Welfare<'a>,
    mover: Option<&'a dyn Mover>,
    visited: &'a [Vec<f64>],
    paths: Paths<'a>,
}

impl ConstantSearch<'_> {
    /// What a constant is worth, moved to what is feasible where it is forbidden; minus infinity where it cannot be.
    fn worth(&self, constant: &Constant) -> f64 {
        let policy = constant.policy(self.bellman);
        let feasible = Feasible::new(self.bellman, &policy, self.mover);
        let value = -statistics::mean(&self.welfare.along(&feasible, &self.paths).shortfall);
        if value.is_nan() { f64::NEG_INFINITY } else { value }
    }

    /// The best finite choices that go with given numbers, and what they are worth. `None` if all are forbidden.
    fn choices(&self, kind: &'static str, numbers: &[f64]) -> Option<(Constant, f64)> {
        let mut found: Option<(Constant, f64)> = None;
        let mut offer = |choices: &[f64]| {
            let constant = Constant {
                kind,
                numbers: numbers.to_vec(),
                choices: choices.to_vec(),
            };
            let value = self.worth(&constant);
            let better = value.is_finite() && found.as_ref().is_none_or(|b| value > b.1);
            if better {
                found = Some((constant, value));
            }
            better
        };
        if self.bellman.combos.len() <= CHOICES {
            self.bellman.combos.iter().for_each(|c| {
                offer(c);
            });
            return found;
        }
        // From what the exact policy does most often, one choice at a time.
        let mut best: Vec<f64> = self
            .bellman
            .finite
            .iter()
            .map(|a| most_often(&self.visited[*a]))
            .collect();
        offer(&best);
        for _ in 0..ROUNDS {
            let before = best.clone();
            for (f, &a) in self.bellman.finite.iter().enumerate() {
                let ActionKind::Finite { values, .. } = &self.bellman.problem.spec().actions[a].kind else {
                    continue;
                };
                for value in values {
                    let mut other = best.clone();
                    other[f] = *value;
                    if offer(&other) {
                        best = other;
                    }
                }
            }
            if best == before {
                break;
            }
        }
        found
    }

    /// The best numbers of a kind between given ends, with the best choices that go with them, and what they are worth.
    fn numbers(&self, kind: &'static str, range: &(Vec<f64>, Vec<f64>)) -> Option<(Constant, f64)> {
        let level = |x: &[f64]| -> Vec<f64> {
            let ends = range.0.iter().zip(&range.1);
            x.iter().zip(ends).map(|(u, (l, h))| l + u * (h - l)).collect()
        };
        let mean = |(c, &a): (usize, &usize)| {
            let (l, h) = (range.0[c], range.1[c]);
            ((statistics::mean(&self.visited[a]) - l) / (h - l)).clamp(0.0, 1.0)
        };
        let mean: Vec<f64> = self.bellman.continuous.iter().enumerate().map(mean).collect();
        let mut x = if kind == "level" && mean.iter().all(|x| x.is_finite()) {
            mean
        } else {
            vec![0.5; self.bellman.continuous.len()]
        };
        // Choices and numbers in turn, until the choices stay.
        let mut found: Option<(Constant, f64)> = None;
        for _ in 0..ROUNDS {
            let Some((with, _)) = self.choices(kind, &level(&x)) else {
                break;
            };
            if found.as_ref().is_some_and(|(f, _)| f.choices == with.choices) {
                break;
            }
            let make = |x: &[f64]| Constant {
                numbers: level(x),
                ..with.clone()
            };
            let (best, value) = self.climb(&|x| self.worth(&make(x)), x.clone());
            x = best;
            if value.is_finite() && found.as_ref().is_none_or(|f| value > f.1) {
                found = Some((make(&x), value));
            }
        }
        found
    }

    /// The best point of a unit box from `x` on: axis by axis, which for one number is all there is, then all together.
    fn climb(&self, worth: &dyn Fn(&[f64]) -> f64, mut x: Vec<f64>) -> (Vec<f64>, f64) {
        let nc = x.len();
        let mut v = f64::NEG_INFINITY;
        for _ in 0..if nc == 1 { 1 } else { 2 } {
            for c in 0..nc {
                let mut points = scan_points();
                points.push(x[c]);
                points.sort_by(f64::total_cmp);
                points.dedup();
                let mut on_axis = |u: f64| {
                    let mut y = x.clone();
                    y[c] = u;
                    worth(&y)
                };
                let scan: Vec<f64> = points.iter().map(|u| on_axis(*u)).collect();
                let top = (0..points.len()).fold(0, |b, i| if scan[i] > scan[b] { i } else { b });
                let (a, b) = (points[top.saturating_sub(1)], points[(top + 1).min(points.len() - 1)]);
                let (u, fu) = optimise::brent(&mut on_axis, a, b, 1e-5 * (b - a));
                let best = if fu > scan[top] {
                    (u, fu)
                } else {
                    (points[top], scan[top])
                };
                if best.1 > v {
                    x[c] = best.0;
                    v = best.1;
                }
            }
        }
        if nc > 1 {
            let few = optimise::BoxOptions {
                evaluations: 60 * nc,
                starts: 0,
                tolerance: 1e-4,
            };
            let (y, w) = optimise::maximise(|x| worth(x), &vec![0.0; nc], &vec![1.0; nc], &[x.clone()], &few);
            if w > v {
                (x, v) = (y, w);
            }
        }
        (x, v)
    }
}

/// The value that occurs most often, the smallest of several.
fn most_often(x: &[f64]) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let runs = sorted.chunk_by(|a, b| a == b).fold(
        &sorted[..0],
        |best, run| {
            if run.len() > best.len() { run } else { best }
        },
    );
    runs.first().copied().unwrap_or(f64::NAN)
}

/// Points of [0, 1]: even ones, and ones that crowd at both ends.
fn scan_points() -> Vec<f64> {
    let even = (0..=EVEN).map(|i| i as f64 / EVEN as f64);
    let crowded = (3..=12).flat_map(|k| {
        let near = 10f64.powf(-0.5 * f64::from(k));
        [near, 1.0 - near]
    });
    even.chain(crowded).collect()
}

/// Ends between which constants are tried, one per continuous action: shares run from 0 to 1, levels over the bounds at the first
/// state, or around what the exact policy does where these have no end.
fn range(
    bellman: &Bellman,
    visited: &[Vec<f64>],
    starts: &[Vec<f64>],
    seed: u64,
    levels: bool,
) -> Option<(Vec<f64>, Vec<f64>)> {
    let nc = bellman.continuous.len();
    let world = ChainPaths::new(bellman, 1, seed, starts);
    let refs: Vec<&[f64]> = world.states.iter().map(Vec::as_slice).collect();
    let at = At {
        shock: world.shock[0],
        time: 0,
    };
    let (lo, hi) = bounds(bellman, at, &refs, 1);
    let finite = lo.iter().chain(&hi).all(|b| b[0].is_finite());
    if !levels {
        return finite.then(|| (vec![0.0; nc], vec![1.0; nc]));
    }
    let mut ends = (Vec::new(), Vec::new());
    for (c, &a) in bellman.continuous.iter().enumerate() {
        let least = visited[a].iter().copied().fold(f64::INFINITY, f64::min);
        let most = visited[a].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let room = (most - least).max(0.5 * most.abs().max(least.abs())).max(1e-3);
        let low = if lo[c][0].is_finite() { lo[c][0] } else { least - room };
        let high = if hi[c][0].is_finite() {
            hi[c][0].max(most)
        } else {
            most + room
        };
        if !(low.is_finite() && high.is_finite() && high > low) {
            return None;
        }
        ends.0.push(low);
        ends.1.push(high);
    }
    Some(ends)
}

#[cfg(test)]
mod tests {
    use super::Constant;

    #[test]
    fn a_constant_says_its_kind_and_its_numbers() {
        let constant = Constant {
            kind: "share",
            numbers: vec![0.25, 1.0],
            choices: Vec::new(),
        };
        assert_eq!(constant.words(), "share 0.2500, 1.0000");
        let both = Constant {
            choices: vec![2.0],
            ..constant
        };
        assert_eq!(both.words(), "share 0.2500, 1.0000 and choice 2.0000");
    }
}
