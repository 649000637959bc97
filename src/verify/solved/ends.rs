//! Ends of grids that the file leaves open: around where states rest, moved until nobody goes beyond.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::decision::{self, Decision};
use crate::solve::method::{Structure, Task};
use crate::solve::methods;
use crate::solve::problem::{ActionKind, DecisionProblem, StateKind};
use crate::solve::progress::Watch;
use crate::solve::solution::Solution;
use crate::solve::steady_state::{SteadyState, SteadyStateOptions, steady_state};
use crate::solve::value_iteration;
use crate::verify::grid::{self, Certificate, Share};
use crate::verify::handed::Handed;
use crate::verify::simulate::{Policy, SolvedPolicy, World};

/// Paths and periods on which it is seen how far states go, and worst draws after that.
const REACH_PATHS: usize = 32;
const REACH_PERIODS: usize = 300;
const REACH_DRAWS: usize = 1;
/// Where it is asked whether a state still grows, and how far beyond its grid it is then said to go, as shares of the grid's range; steps
/// after which chances of shocks are stationary.
const INSIDE: f64 = 0.6;
const GROWTH: f64 = 0.3;
const SETTLED: usize = 400;
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
        &decision::ProblemOptions {
            deterministic: true,
            nodes: 60,
            ..decision::ProblemOptions::default()
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
        fallback: value_iteration::ValueIterationOptions {
            improvements: 0,
            ..value_iteration::ValueIterationOptions::default()
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

/// Whether state `s` is expected to be larger next period at the point `x`, whatever the shock is now (by its stationary chances).
fn grows(bellman: &Bellman, policy: &dyn Policy, s: usize, x: &[f64]) -> bool {
    let spec = bellman.problem.spec();
    let (nz, na) = (spec.chain.transition.len(), spec.actions.len());
    let mut weights = vec![1.0 / nz as f64; nz];
    for _ in 0..SETTLED {
        let mut next = vec![0.0; nz];
        for (w, row) in weights.iter().zip(&spec.chain.transition) {
            row.iter().zip(&mut next).for_each(|(p, n)| *n += w * p);
        }
        weights = next;
    }
    let mut scratch = Scratch::default();
    let columns: Vec<[f64; 1]> = x.iter().map(|&v| [v]).collect();
    let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let mut drift = 0.0;
    for (shock, weight) in weights.iter().enumerate() {
        let at = At { shock, time: 0 };
        let mut actions = vec![vec![0.0]; na];
        policy.act(at, &refs, &[0.5], &mut actions);
        let acts: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        for &(noise, mass) in &bellman.noises {
            for (later, p) in spec.chain.transition[shock].iter().copied().enumerate() {
                let branch = if spec.next_uses_shock_next { later } else { shock };
                bellman.evaluate(at, noise, branch, &refs, &acts, 1, &mut scratch);
                if p > 0.0 && scratch.end[0] == 0.0 {
                    drift += weight * mass * p * scratch.chance[0] * (scratch.next[s][0] - x[s]);
                }
            }
        }
    }
    drift > 1e-9 * x[s].abs()
}

/// How far states go under a solution from where they start: the smallest and the largest of each on simulated paths, with the
/// worst draw from there.
pub(super) fn reach(
    problem: &Decision,
    solution: &Solution,
    options: &grid::GridCertificateOptions,
) -> Result<Vec<(f64, f64)>, Diagnostic> {
    let bellman = Bellman::new(problem, solution.interpolation)?;
    let searched = SolvedPolicy::new(&bellman, solution)?;
    let handed = Handed::where_dear(&bellman, &searched, solution)?;
    let policy: &dyn Policy = match &handed {
        Some(h) => h,
        None => &searched,
    };
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
    let mut sums = vec![0.0; ns];
    let mut world = World::new(&bellman, REACH_PATHS, options.seed, &options.starts);
    for _ in 0..REACH_PERIODS {
        world.step(policy, &mut |w| {
            for p in 0..REACH_PATHS {
                let x: Vec<f64> = w.states.iter().map(|s| s[p]).collect();
                sums.iter_mut().zip(&x).for_each(|(sum, x)| *sum += x);
                meet(w.shock[p], &x, &mut behind);
            }
        });
    }
    // Where a state still grows on average well inside its grid, it goes on to the end and beyond. Close to the end nobody grows: values are
    // level beyond it.
    let inside = |s: usize| {
        let nodes = bellman.tensor.axes()[s].nodes();
        let (lo, hi) = (nodes[0], nodes[nodes.len() - 1]);
        (lo + INSIDE * (hi - lo), hi + GROWTH * (hi - lo))
    };
    let growing: Vec<usize> = (0..ns)
        .filter(|s| {
            let mut x: Vec<f64> = sums
                .iter()
                .map(|sum| sum / (REACH_PATHS * REACH_PERIODS) as f64)
                .collect();
            x[*s] = inside(*s).0;
            grows(&bellman, policy, *s, &x)
        })
        .collect();
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
    for s in growing {
        range[s].1 = range[s].1.max(inside(s).1);
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
    let there = c
        .near
        .iter()
        .chain(&c.edges)
        .find(|e| e.share > limit && e.name.ends_with("upper end"));
    let reach = |name: &str| {
        let axis = problem.spec().states.iter().find(|s| name.starts_with(&s.name));
        axis.and_then(|s| match &s.kind {
            StateKind::Continuous { grid, .. } => grid.last().copied(),
            StateKind::Integer { .. } => None,
        })
    };
    let d = Diagnostic::error("E0913", "the grid is too narrow, however far its ends are moved");
    let d = match there {
        Some(e) => d.note(format!(
            "{:.2} % of simulated time is {}{}",
            100.0 * e.share,
            e.name,
            reach(&e.name).map_or(String::new(), |x| format!(", where the grid reaches to {x:.4e}"))
        )),
        None => d.note("a state still grows on average well inside its grid"),
    };
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

/// A number beyond this is the end of a search that nothing stopped.
const ENDLESS: f64 = 1e15;

/// A choice without an end of which more is always better: the search for the best went as far as numbers go, and nothing that is judged by that means
/// anything.
///
/// # Errors
/// E0908.
pub(super) fn limited(model: &Model, solution: &Solution) -> Result<(), Diagnostic> {
    for (axis, policy) in solution.actions.iter().zip(&solution.policy) {
        let many = policy.iter().filter(|x| x.abs() > ENDLESS).count();
        if !matches!(axis.kind, ActionKind::Continuous) || 2 * many <= policy.len() {
            continue;
        }
        let bare = axis.name.split('[').next().unwrap_or(&axis.name);
        let own = bare.rsplit('.').next().unwrap_or(bare);
        let up = policy.iter().filter(|x| **x > ENDLESS).count() == many;
        let (word, sign, side) = if up {
            ("more", "<=", "upper")
        } else {
            ("less", ">=", "lower")
        };
        let d = Diagnostic::error(
            "E0908",
            format!("nothing limits `{bare}`: {word} of it is always better"),
        )
        .note(format!(
            "the search for the best went to {:.1e}",
            policy.iter().find(|x| x.abs() > ENDLESS).copied().unwrap_or(f64::NAN)
        ));
        let d = match model.actions.iter().find(|a| a.name == bare) {
            Some(a) => d.at(a.span, format!("has no {side} end")),
            None => d,
        };
        return Err(d.hint(format!(
            "say what can be afforded: `require {own} {sign} ..`, or an {side} end, `action {own} in ..`; the domain of a state limits nobody"
        )));
    }
    Ok(())
}

/// Says of a problem without states, whose states do not matter, that a choice has no limit, where it has none: the reason why states do not matter.
///
/// # Errors
/// E0908.
pub(super) fn unlimited(model: &Model, problem: &Decision, progress: &mut dyn Watch) -> Result<(), Vec<Diagnostic>> {
    let structure = Structure::of(problem.spec());
    if structure.states != (0, 0) || structure.horizon.is_some() {
        return Ok(());
    }
    let usual = methods::choose(None, &structure).map_err(|d| vec![d])?;
    let task = Task {
        model,
        problem,
        guess: None,
        linear: false,
    };
    match usual.solve(task, progress) {
        Ok(solution) => limited(model, &solution).map_err(|d| vec![d]),
        Err(_) => Ok(()),
    }
}
