//! How far choices are from the exact ones over the states that the exact policy visits.
//!
//! The distance of a number is a root mean square, as a share of the root mean square of the exact choices. Where no choice within
//! [`NEAR`] of this unit around the exact one costs [`FREE`] of a period's consumption, nobody can learn what to choose and nothing is
//! lost by another choice: such states are left out, and their share is told, with the distance over all states beside it. Of a
//! finite choice the distance is the share of states with another choice that costs more than that.

use super::Judge;
use crate::diag::Diagnostic;
use crate::env::decide::Decide;
use crate::num::statistics;
use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::problem::{ActionKind, DecisionProblem};
use crate::verify::binding::bounds;
use crate::verify::simulate::{PathPolicy, SolvedPolicy};

/// How near choices are that must all be free where a state is left out, as a share of the exact choices' root mean square.
pub const NEAR: f64 = 0.02;
/// What is free: a share of one period's consumption, or of what the unit of losses is worth a period.
pub const FREE: f64 = 1e-6;
/// Where choices nearby are tried, in units of [`NEAR`].
const TRIED: [f64; 6] = [-1.0, -0.5, -0.1, 0.1, 0.5, 1.0];

/// Distances of one action.
#[derive(Clone, Debug, PartialEq)]
pub struct Distance {
    /// The action.
    pub action: String,
    /// Whether it is a finite choice: the numbers are then shares of states with another choice.
    pub finite: bool,
    /// Root mean square over the states that count, in units of the action.
    pub root_mean_square: f64,
    /// The same over all visited states.
    pub plain: f64,
    /// Share of the visited states that are left out, because no choice nearby costs anything.
    pub left_out: f64,
    /// 95 % quantile over all visited states.
    pub p95: f64,
    /// Largest over all visited states.
    pub max: f64,
    /// Root mean square of the exact action over all visited states: the unit of relative distances (1 for finite choices).
    pub scale: f64,
    /// Distance between neighbouring points of the grid on which the learner chose, if it did: no policy on the grid is
    /// sure to be closer than half of it.
    pub step: Option<f64>,
}

impl Distance {
    /// The distance as a share of the exact action's root mean square.
    pub fn relative(&self) -> f64 {
        self.share(self.root_mean_square)
    }

    /// The same over all visited states.
    pub fn relative_plain(&self) -> f64 {
        self.share(self.plain)
    }

    fn share(&self, x: f64) -> f64 {
        let scale = fault!("verdict.base", 1.0, self.scale);
        x / if scale > 0.0 { scale } else { 1.0 }
    }

    /// Largest distance in steps of the learner's grid, if it chose on one.
    pub fn steps(&self) -> Option<f64> {
        self.step.map(|s| self.max / s)
    }
}

impl Judge {
    /// Distance to the exact policy as a share of it, of the action that is worst.
    ///
    /// # Errors
    /// Those of [`Judge::acting`] and of [`Bellman::new`].
    pub fn distance(&self, policy: &dyn Decide) -> Result<f64, Diagnostic> {
        let all = self.distances(&self.acting(policy)?)?;
        Ok(all.iter().map(Distance::relative).fold(0.0, f64::max))
    }

    /// Distances to the exact policy over the states it visits, one per action.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub fn distances(&self, policy: &dyn PathPolicy) -> Result<Vec<Distance>, Diagnostic> {
        let got = self.at_points(policy);
        let axes = self.decision.spec().actions.iter().enumerate();
        axes.map(|(a, axis)| {
            let (own, exact) = (&got[a], &self.exact[a]);
            if matches!(axis.kind, ActionKind::Finite { .. }) {
                return self.choices(a, &axis.name, own);
            }
            let gaps: Vec<f64> = own.iter().zip(exact).map(|(x, y)| (x - y).abs()).collect();
            let that_count = gaps.iter().zip(&self.counted[a]);
            let that_count: Vec<f64> = that_count.filter(|(_, c)| **c).map(|(g, _)| *g).collect();
            Ok(Distance {
                action: axis.name.clone(),
                finite: false,
                root_mean_square: root_mean_square(&that_count),
                plain: root_mean_square(&gaps),
                left_out: 1.0 - that_count.len() as f64 / gaps.len().max(1) as f64,
                p95: statistics::quantile(&gaps, 0.95),
                max: gaps.iter().copied().fold(0.0, f64::max),
                scale: root_mean_square(exact),
                step: None,
            })
        })
        .collect()
    }

    /// The distance of a finite choice, number `a` of the actions.
    fn choices(&self, a: usize, name: &str, own: &[f64]) -> Result<Distance, Diagnostic> {
        let exact = &self.exact[a];
        let other: Vec<f64> = own
            .iter()
            .zip(exact)
            .map(|(x, y)| f64::from(u8::from(x != y)))
            .collect();
        let mut dear = other.clone();
        if other.contains(&1.0) {
            let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
            let solved = SolvedPolicy::new(&bellman, &self.solution)?;
            let mut instead = self.exact.clone();
            instead[a] = own.to_vec();
            let best = worth_at(&bellman, &solved, &self.points, &self.exact);
            let mine = worth_at(&bellman, &solved, &self.points, &instead);
            for (d, (best, mine)) in dear.iter_mut().zip(best.iter().zip(&mine)) {
                // What is no number is not free.
                let free = (best - mine).abs() < FREE * self.period.size;
                *d = if free { 0.0 } else { *d };
            }
        }
        let share = statistics::mean(&dear);
        Ok(Distance {
            action: name.into(),
            finite: true,
            root_mean_square: share,
            plain: statistics::mean(&other),
            left_out: 0.0,
            p95: statistics::quantile(&other, 0.95),
            max: other.iter().copied().fold(0.0, f64::max),
            scale: 1.0,
            step: None,
        })
    }
}

/// Root of the mean square; 0 of nothing.
fn root_mean_square(x: &[f64]) -> f64 {
    let squares: f64 = x.iter().map(|v| v * v).sum();
    (squares / x.len().max(1) as f64).sqrt()
}

/// For each action whether a point counts: whether some choice near the exact one there costs anything. `exact[a][i]` are the exact
/// choices at the points, `period` is what one period is worth.
pub(super) fn counted(
    bellman: &Bellman,
    exact: &SolvedPolicy,
    points: &[(At, Vec<f64>)],
    choices: &[Vec<f64>],
    period: f64,
) -> Vec<Vec<bool>> {
    let best = worth_at(bellman, exact, points, choices);
    let (lo, hi) = bounds_at(bellman, points);
    let mut out = vec![vec![true; points.len()]; choices.len()];
    for (c, &a) in bellman.continuous.iter().enumerate() {
        let near = NEAR * root_mean_square(&choices[a]);
        let (mut tried, mut free) = (vec![false; points.len()], vec![true; points.len()]);
        for step in TRIED {
            let mut moved = choices.to_vec();
            for (i, x) in moved[a].iter_mut().enumerate() {
                *x = (*x + step * near).max(lo[c][i]).min(hi[c][i]);
            }
            let worth = worth_at(bellman, exact, points, &moved);
            for (i, worth) in worth.iter().enumerate() {
                // What a requirement forbids is no choice; nor is one that ended where it began.
                if *worth != f64::NEG_INFINITY && moved[a][i] != choices[a][i] {
                    tried[i] = true;
                    free[i] &= (best[i] - worth).abs() < FREE * period;
                }
            }
        }
        out[a] = tried.iter().zip(&free).map(|(t, f)| !(*t && *f)).collect();
    }
    out
}

/// Where a learner cannot choose what the exact policy does: open ends of intervals are approached, not reached, and numbers without an end
/// have one for a learner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beyond {
    /// Share of the visited states where the nearest that can be chosen costs more than [`FREE`].
    pub share: f64,
    /// What choosing that instead costs on average over the visited states, in shares of a period's consumption (or of what the unit of losses is
    /// worth a period).
    pub cost: f64,
    /// The first action and the first exact choice out of reach, and what is chosen instead.
    pub first: Option<(String, f64, f64)>,
}

/// Where exact choices (`choices[a][i]`) cannot be chosen by a learner, who reaches `reach(action, lo, hi)` between the bounds `lo` and `hi`.
pub(super) fn beyond(
    bellman: &Bellman,
    exact: &SolvedPolicy,
    points: &[(At, Vec<f64>)],
    choices: &[Vec<f64>],
    period: f64,
    reach: &dyn Fn(usize, f64, f64) -> Option<(f64, f64)>,
) -> Beyond {
    let (lo, hi) = bounds_at(bellman, points);
    let mut nearest = choices.to_vec();
    let mut cut = vec![None; points.len()];
    for (c, &a) in bellman.continuous.iter().enumerate() {
        for (i, x) in nearest[a].iter_mut().enumerate() {
            let Some((from, to)) = reach(a, lo[c][i], hi[c][i]) else {
                continue;
            };
            let there = x.max(from).min(to);
            if (there - *x).abs() > 1e-9 * (1e-9 + x.abs()) {
                cut[i] = Some(a);
                *x = there;
            }
        }
    }
    if cut.iter().all(Option::is_none) {
        return Beyond::default();
    }
    let best = worth_at(bellman, exact, points, choices);
    let instead = worth_at(bellman, exact, points, &nearest);
    let costs: Vec<f64> = best
        .iter()
        .zip(&instead)
        .map(|(b, n)| (b - n).max(0.0) / period)
        .collect();
    let dear: Vec<usize> = (0..points.len())
        .filter(|&i| cut[i].is_some() && !(costs[i] < FREE))
        .collect();
    let first = dear.first().and_then(|&i| cut[i].map(|a| (i, a)));
    Beyond {
        share: dear.len() as f64 / points.len().max(1) as f64,
        cost: dear.iter().map(|&i| costs[i]).sum::<f64>() / points.len().max(1) as f64,
        first: first.map(|(i, a)| {
            let name = bellman.problem.spec().actions[a].name.clone();
            (name, choices[a][i], nearest[a][i])
        }),
    }
}

/// What actions (`actions[a][i]`) are worth at points that come in groups of one shock and date, if all after them is exact: one number per
/// point, minus infinity where they are not feasible.
pub(super) fn worth_at(
    bellman: &Bellman,
    exact: &SolvedPolicy,
    points: &[(At, Vec<f64>)],
    actions: &[Vec<f64>],
) -> Vec<f64> {
    let mut out = Vec::with_capacity(points.len());
    let mut scratch = Scratch::default();
    for group in groups(points) {
        let (from, n) = (out.len(), group.len());
        let states = columns(bellman, group);
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let own: Vec<&[f64]> = actions.iter().map(|a| &a[from..from + n]).collect();
        let (mut q, mut slack) = (vec![0.0; n], vec![0.0; n]);
        let (at, after) = (group[0].0, exact.continuation(group[0].0.time));
        bellman.q(after, at, &refs, &own, &mut scratch, &mut q, &mut slack);
        out.extend(q);
    }
    out
}

/// Bounds of the continuous actions at points: lower and upper ends, `[continuous action][point]`.
fn bounds_at(bellman: &Bellman, points: &[(At, Vec<f64>)]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mut all = (
        vec![Vec::new(); bellman.continuous.len()],
        vec![Vec::new(); bellman.continuous.len()],
    );
    for group in groups(points) {
        let states = columns(bellman, group);
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let (lo, hi) = bounds(bellman, group[0].0, &refs, group.len());
        all.0.iter_mut().zip(lo).for_each(|(all, own)| all.extend(own));
        all.1.iter_mut().zip(hi).for_each(|(all, own)| all.extend(own));
    }
    all
}

/// Neighbouring points of one shock and date.
fn groups(points: &[(At, Vec<f64>)]) -> impl Iterator<Item = &[(At, Vec<f64>)]> {
    points.chunk_by(|a, b| (a.0.shock, a.0.time) == (b.0.shock, b.0.time))
}

/// States of points, `[state][point]`.
fn columns(bellman: &Bellman, group: &[(At, Vec<f64>)]) -> Vec<Vec<f64>> {
    (0..bellman.problem.spec().states.len())
        .map(|s| group.iter().map(|p| p.1[s]).collect())
        .collect()
}
