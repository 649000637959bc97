//! Ends of grids that the file leaves open: around where states rest, moved until nobody goes beyond.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::decision::{self, Decision};
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::solve::solution::Solution;
use crate::solve::steady_state::{SteadyState, SteadyStateOptions, steady_state};
use crate::solve::value_iteration;
use crate::verify::grid::{self, Certificate, Share};
use crate::verify::simulate::{Policy, SolvedPolicy, World};

/// Paths and periods on which it is seen how far states go, and worst draws after that.
const REACH_PATHS: usize = 32;
const REACH_PERIODS: usize = 300;
const REACH_DRAWS: usize = 1;
/// Lowest end of a grid of a positive state that the solver chooses.
const LEAST: f64 = 1e-6;

/// The deterministic steady state with the names of states and actions, if the model has one of this kind.
pub(super) fn stationary(model: &Model) -> Option<(Vec<String>, SteadyState)> {
    // Lives that end do not rest where first-order conditions without the end would have them.
    if model.horizon.is_some() || !model.ends.is_empty() {
        return None;
    }
    let problem = Decision::new(
        model,
        &decision::Options {
            deterministic: true,
            nodes: 60,
            ..decision::Options::default()
        },
    )
    .ok()?;
    let continuous = problem
        .spec()
        .states
        .iter()
        .all(|s| matches!(s.kind, StateKind::Continuous { .. }));
    if !continuous || problem.spec().states.is_empty() || problem.spec().discount.is_none() {
        return None;
    }
    let quick = SteadyStateOptions {
        fallback: value_iteration::Options {
            improvements: 0,
            ..value_iteration::Options::default()
        },
        ..SteadyStateOptions::default()
    };
    let found = steady_state(&problem, &quick).ok().filter(|s| s.method == "newton")?;
    let names = problem
        .spec()
        .states
        .iter()
        .map(|s| s.name.clone())
        .chain(problem.spec().actions.iter().map(|a| a.name.clone()))
        .collect();
    Some((names, found))
}

/// Bounds around the steady state, for domains without ends.
pub(super) fn around(model: &Model, still: &Option<(Vec<String>, SteadyState)>) -> Vec<(String, f64, f64)> {
    let Some((names, s)) = still else { return Vec::new() };
    model
        .states
        .iter()
        .filter_map(|state| {
            let own: Vec<f64> = names
                .iter()
                .zip(&s.states)
                .filter(|(n, _)| **n == state.name || n.starts_with(&format!("{}[", state.name)))
                .map(|(_, x)| *x)
                .collect();
            let (min, max) = (
                own.iter().copied().fold(f64::INFINITY, f64::min),
                own.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            );
            if state.domain.lo < 0.0 {
                let far = 2.0 * min.abs().max(max.abs());
                return (far > 0.0 && far.is_finite()).then(|| (state.name.clone(), min - far, max + far));
            }
            (min > 0.0 && max.is_finite()).then(|| (state.name.clone(), 0.3 * min, 2.5 * max))
        })
        .collect()
}

/// How far states go under a solution from where they start: the smallest and the largest of each on simulated paths, with the
/// worst draw from there.
pub(super) fn reach(
    problem: &Decision,
    solution: &Solution,
    options: &grid::Options,
) -> Result<Vec<(f64, f64)>, Diagnostic> {
    let bellman = Bellman::new(problem, solution.interpolation)?;
    let policy = SolvedPolicy::new(&bellman, solution)?;
    let spec = problem.spec();
    let (ns, na) = (spec.states.len(), spec.actions.len());
    let mut range = vec![(f64::INFINITY, f64::NEG_INFINITY); ns];
    // The point behind each end, with its shock.
    let mut behind: Vec<[Option<(usize, Vec<f64>)>; 2]> = vec![[None, None]; ns];
    let mut meet = |shock: usize, x: &[f64], behind: &mut Vec<[Option<(usize, Vec<f64>)>; 2]>| {
        for s in 0..ns {
            if x[s] < range[s].0 {
                range[s].0 = x[s];
                behind[s][0] = Some((shock, x.to_vec()));
            }
            if x[s] > range[s].1 {
                range[s].1 = x[s];
                behind[s][1] = Some((shock, x.to_vec()));
            }
        }
    };
    let mut world = World::new(&bellman, REACH_PATHS, options.seed, &options.starts);
    for _ in 0..REACH_PERIODS {
        world.step(&policy, &mut |w| {
            for p in 0..REACH_PATHS {
                let x: Vec<f64> = w.states.iter().map(|s| s[p]).collect();
                meet(w.shock[p], &x, &mut behind);
            }
        });
    }
    let mut scratch = Scratch::default();
    for _ in 0..REACH_DRAWS {
        let from: Vec<(usize, Vec<f64>)> = behind.iter().flatten().flatten().cloned().collect();
        for (shock, x) in from {
            let at = At { shock, time: 0 };
            let columns: Vec<[f64; 1]> = x.iter().map(|&v| [v]).collect();
            let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
            let mut actions = vec![vec![0.0]; na];
            policy.act(at, &refs, &[0.5], &mut actions);
            let acts: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            for &(noise, _) in &bellman.noises {
                for (later, p) in spec.chain.transition[shock].iter().copied().enumerate() {
                    if p <= 0.0 {
                        continue;
                    }
                    let branch = if spec.next_uses_shock_next { later } else { shock };
                    bellman.evaluate(at, noise, branch, &refs, &acts, 1, &mut scratch);
                    if scratch.end[0] != 0.0 || scratch.chance[0] == 0.0 {
                        continue;
                    }
                    let next: Vec<f64> = scratch.next.iter().map(|v| v[0]).collect();
                    if next.iter().all(|v| v.is_finite()) {
                        meet(later, &next, &mut behind);
                    }
                }
            }
        }
    }
    Ok(range)
}

/// Grids moved so that they hold where the states go; `None` if they do, or if the file fixes the ends that are passed.
pub(super) fn hold(model: &Model, problem: &Decision, range: &[(f64, f64)]) -> Option<Vec<(String, f64, f64)>> {
    let mut out: Vec<(String, f64, f64)> = Vec::new();
    let mut moved = false;
    for (k, axis) in problem.spec().states.iter().enumerate() {
        let StateKind::Continuous { grid, .. } = &axis.kind else {
            continue;
        };
        let Some((_, low, high)) = problem.open_ends.iter().find(|(i, _, _)| *i == k) else {
            continue;
        };
        let state = &model.states[problem.origin[k].0];
        let (mut lo, mut hi) = (grid[0], grid[grid.len() - 1]);
        let span = hi - lo;
        if *low && range[k].0 < lo - 1e-9 * span {
            lo = if range[k].0 > 0.0 && state.domain.lo >= 0.0 {
                0.7 * range[k].0
            } else {
                range[k].0 - 0.1 * span
            };
            lo = lo.max(if state.domain.lo == 0.0 {
                LEAST
            } else {
                f64::NEG_INFINITY
            });
            moved |= lo < grid[0];
        }
        if *high && range[k].1 > hi + 1e-9 * span {
            hi = range[k].1 + 0.2 * (range[k].1 - lo).abs();
            moved = true;
        }
        match out.iter_mut().find(|(n, _, _)| *n == state.name) {
            Some((_, l, h)) => {
                *l = l.min(lo);
                *h = h.max(hi);
            }
            None => out.push((state.name.clone(), lo, hi)),
        }
    }
    moved.then_some(out)
}

/// The message where the ends of a grid were moved as often as they may be and lives still go there.
pub(super) fn runs_away(problem: &Decision, c: &Certificate) -> Diagnostic {
    let limit = c.thresholds.edges.min(1e-4);
    let there = c.near.iter().chain(&c.edges).find(|e| e.share > limit);
    let (name, share) = there.map_or(("a state", 0.0), |e| (e.name.as_str(), e.share));
    let last = problem.spec().states.iter().find(|s| name.starts_with(&s.name));
    let end = last.and_then(|s| match &s.kind {
        StateKind::Continuous { grid, .. } => grid.last().copied(),
        StateKind::Integer { .. } => None,
    });
    let d = Diagnostic::error("E0913", "the grid is too narrow, however far its ends are moved").note(format!(
        "{:.2} % of simulated time is {name}{}",
        100.0 * share,
        end.map_or(String::new(), |x| format!(", where the grid reaches to {x:.4e}"))
    ));
    d.hint("the state may have no long run: look for what should hold it back, in the law and in the reward (a household whose discount factor times the gross return is above 1 saves without end); or fix the grid in the file, grid.NAME = log(lo, hi, n)")
}

/// New bounds for states whose chosen ends are reached, `None` if all is well.
pub(in crate::verify) fn widen(model: &Model, problem: &Decision, c: &Certificate) -> Option<Vec<(String, f64, f64)>> {
    let limit = c.thresholds.edges.min(1e-4);
    let near = |name: &str, end: &str| {
        let this = |e: &&Share| e.name == format!("{name} near its {end} end");
        c.near.iter().find(this).is_some_and(|e| e.share > limit)
    };
    let mut out: Vec<(String, f64, f64)> = Vec::new();
    let mut moved = false;
    for (k, axis) in problem.spec().states.iter().enumerate() {
        let StateKind::Continuous { grid, .. } = &axis.kind else {
            continue;
        };
        let state = &model.states[problem.origin[k].0];
        let Some((_, low, high)) = problem.open_ends.iter().find(|(i, _, _)| *i == k) else {
            continue;
        };
        let (mut lo, mut hi) = (grid[0], grid[grid.len() - 1]);
        let span = hi - lo;
        let at = |end: &str| {
            let pressed = c.outside > limit || c.unexplained_edges > limit;
            let there = |e: &Share| e.name.starts_with(&axis.name) && e.name.contains(end) && e.share > limit;
            pressed && (c.outside > limit || c.edges.iter().any(there)) || near(&axis.name, end)
        };
        let scale = lo > 0.0 && state.domain.lo >= 0.0;
        if *high && at("upper") {
            hi = if scale { hi * 1.5 } else { hi + 0.5 * span };
            moved = true;
        }
        if *low && at("lower") {
            lo = if scale { lo / 1.5 } else { lo - 0.5 * span };
            moved = true;
        }
        match out.iter_mut().find(|(n, _, _)| *n == state.name) {
            Some((_, l, h)) => {
                *l = l.min(lo);
                *h = h.max(hi);
            }
            None => out.push((state.name.clone(), lo, hi)),
        }
    }
    moved.then_some(out)
}
