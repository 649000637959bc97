//! The best constant policy, searched for: what a learner or a solution must beat to be worth anything.
//!
//! A constant is a choice, a level, or a share of what the bounds leave. Each is worth what [`super::welfare`] says under one and the
//! same chance: a scan over even points, over points that crowd at both ends in the log (a good price may be a small part of a wide
//! range) and over what the exact policy does, then Brent's search between the neighbours of the best.

use super::binding::bounds;
use super::simulate::{ConstantPolicy, Policy, World};
use super::welfare::{Feasible, Paths, Welfare};
use crate::num::{optimise, statistics};
use crate::solve::bellman::{At, Bellman};
use crate::solve::problem::{ActionKind, Lanes};
use std::sync::atomic::{AtomicBool, Ordering};

/// Paths of the search.
const SEARCH_PATHS: usize = 8;
/// Most periods of a path of the search.
const SEARCH_PERIODS: usize = 400;
/// Most joint choices that are tried.
const CHOICES: usize = 400;
/// Even points of a scan.
const EVEN: usize = 20;

/// A constant policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// `share` of the range that the bounds leave, `level`, or `choice`.
    pub kind: &'static str,
    /// One number per action (all continuous, or all finite).
    pub actions: Vec<f64>,
}

impl Constant {
    /// The constant as a policy.
    pub fn policy<'a>(&self, bellman: &'a Bellman<'a>) -> ConstantPolicy<'a> {
        let choice = self.kind == "choice";
        ConstantPolicy {
            bellman,
            continuous: if choice { Vec::new() } else { self.actions.clone() },
            levels: self.kind == "level",
            finite: if choice { self.actions.clone() } else { Vec::new() },
        }
    }

    /// In words: `share 0.25`.
    pub fn words(&self) -> String {
        let numbers: Vec<String> = self.actions.iter().map(|x| format!("{x:.4}")).collect();
        format!("{} {}", self.kind, numbers.join(", "))
    }
}

/// The best constant. `visited[a]` is what the exact policy does at states that it visits, one value per visit; `starts` are
/// first states, `[start][state]`. `None` where there is no natural constant policy: taste shocks, finite and continuous actions
/// together, more than three continuous actions.
pub fn best(
    bellman: &Bellman,
    welfare: &Welfare,
    visited: &[Vec<f64>],
    starts: &[Vec<f64>],
    seed: u64,
) -> Option<Constant> {
    let spec = bellman.problem.spec();
    let nc = bellman.continuous.len();
    if bellman.taste.is_some() || spec.actions.is_empty() || nc > 3 || (nc > 0 && !bellman.finite.is_empty()) {
        return None;
    }
    let long = spec
        .discount
        .filter(|d| *d > 0.0 && *d < 1.0)
        .map_or(SEARCH_PERIODS, |d| (1e-3f64.ln() / d.ln()).ceil() as usize);
    let paths = Paths {
        count: SEARCH_PATHS,
        periods: Some(long.clamp(1, SEARCH_PERIODS)),
        rest: true,
        seed,
        starts,
    };
    let value = |p: &dyn Policy| -> f64 {
        let feasible = Feasible { bellman, policy: p };
        -statistics::mean(&welfare.along(&feasible, &paths).shortfall)
    };
    let mut found: Option<(Constant, f64)> = None;
    let mut offer = |constant: Constant, value: f64| {
        if value.is_finite() && found.as_ref().is_none_or(|b| value > b.1) {
            found = Some((constant, value));
        }
    };
    if nc == 0 {
        for combo in bellman.combos.iter().take(CHOICES) {
            let constant = Constant {
                kind: "choice",
                actions: combo.clone(),
            };
            let policy = constant.policy(bellman);
            // A choice that is forbidden somewhere on the way is no constant policy.
            let allowed = AtomicBool::new(true);
            let v = value(&Allowed {
                constant: &policy,
                allowed: &allowed,
            });
            if allowed.load(Ordering::Relaxed) {
                offer(constant, v);
            }
        }
        return found.map(|f| f.0);
    }
    for kind in ["share", "level"] {
        let Some((lo, hi)) = range(bellman, visited, starts, seed, kind == "level") else {
            continue;
        };
        let make = |x: &[f64]| Constant {
            kind,
            actions: x
                .iter()
                .zip(lo.iter().zip(&hi))
                .map(|(u, (l, h))| l + u * (h - l))
                .collect(),
        };
        let worth = |x: &[f64]| value(&make(x).policy(bellman));
        let mean: Vec<f64> = bellman
            .continuous
            .iter()
            .zip(lo.iter().zip(&hi))
            .map(|(&a, (l, h))| ((statistics::mean(&visited[a]) - l) / (h - l)).clamp(0.0, 1.0))
            .collect();
        let start: Vec<f64> = if kind == "level" && mean.iter().all(|x| x.is_finite()) {
            mean
        } else {
            vec![0.5; nc]
        };
        // Axis by axis, which for one action is all there is.
        let (mut x, mut v) = (start, f64::NEG_INFINITY);
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
                evaluations: 120,
                starts: 0,
                tolerance: 1e-4,
            };
            let (y, w) = optimise::maximise(|x| worth(x), &vec![0.0; nc], &vec![1.0; nc], &[x.clone()], &few);
            if w > v {
                (x, v) = (y, w);
            }
        }
        offer(make(&x), v);
    }
    found.map(|f| f.0)
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
    let world = World::new(bellman, 1, seed, starts);
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

/// A constant policy that remembers whether it was ever forbidden.
struct Allowed<'a> {
    constant: &'a ConstantPolicy<'a>,
    allowed: &'a AtomicBool,
}

impl Policy for Allowed<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        self.constant.act(at, states, draw, actions);
        let bellman = self.constant.bellman;
        let lanes = Lanes {
            states,
            actions: &[],
            shock: at.shock,
            noise: 0,
            shock_next: at.shock,
            time: at.time,
        };
        let mut out = vec![1.0; draw.len()];
        for (f, &a) in bellman.finite.iter().enumerate() {
            let ActionKind::Finite { values, .. } = &bellman.problem.spec().actions[a].kind else {
                continue;
            };
            let Some(choice) = values.iter().position(|v| *v == self.constant.finite[f]) else {
                continue;
            };
            bellman.problem.allowed(&lanes, a, choice, &mut out);
            if out.contains(&0.0) {
                self.allowed.store(false, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Constant;

    #[test]
    fn a_constant_says_its_kind_and_its_numbers() {
        let constant = Constant {
            kind: "share",
            actions: vec![0.25, 1.0],
        };
        assert_eq!(constant.words(), "share 0.2500, 1.0000");
    }
}
