//! Ends of grids that the file leaves open: around where states rest, moved until nobody goes beyond.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::decision::{self, Decision};
use crate::solve::method::{Structure, Task};
use crate::solve::methods;
use crate::solve::problem::{ActionKind, DecisionProblem, StateKind};
use crate::solve::progress::Watch;
use crate::solve::solution::Solution;
use crate::solve::steady_state::{NEWTON, SteadyState, SteadyStateOptions, steady_state};
use crate::solve::value_iteration;
use crate::verify::grid::{Certificate, Share};

/// Lowest end of a grid of a positive state that the solver chooses.
const LEAST: f64 = 1e-6;

/// How many widenings move an end by half of the grid before they move it by twice the grid: what starts a thousandth of where it goes comes there, too.
const SMALL_STEPS: usize = 6;

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
    let found = steady_state(&problem, &quick).ok().filter(|s| s.method == NEWTON)?;
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

/// The message where the ends of a grid were moved as often as they may be and lives still go there; `range` is how far they go, one pair per state,
/// `growing` the states that still grow inside their grids.
pub(super) fn runs_away(problem: &Decision, c: &Certificate, range: &[(f64, f64)], growing: &[usize]) -> Diagnostic {
    let limit = c.thresholds.edges.min(1e-4);
    let there = c.near.iter().chain(&c.edges).find(|e| e.share > limit);
    let states = &problem.spec().states;
    let ends = |s: usize| match &states[s].kind {
        StateKind::Continuous { grid, .. } => Some((grid[0], grid[grid.len() - 1])),
        StateKind::Integer { .. } => None,
    };
    let fixed = "or fix the grid in the file, grid.NAME = log(lo, hi, n)";
    let long_run = format!(
        "the state may have no long run: look for what should hold it back, in the law and in the reward (a household whose discount factor times the gross return is above 1 saves without end); {fixed}"
    );
    let d = Diagnostic::error("E0913", "the grid is too narrow, however far its ends are moved");
    if let Some(s) = growing.first() {
        return d
            .note(format!(
                "`{}` still grows on average well inside its grid",
                states[*s].name
            ))
            .hint(long_run);
    }
    if let Some(e) = there {
        let upper = e.name.ends_with("upper end");
        let state = (0..states.len()).find(|s| e.name.starts_with(&states[*s].name));
        let end = state.and_then(ends).map(|(lo, hi)| if upper { hi } else { lo });
        let share = format!("{:.2} % of simulated time is {}", 100.0 * e.share, e.name);
        return d
            .note(end.map_or(share.clone(), |x| format!("{share}, where the grid ends at {x:.4e}")))
            .hint(long_run);
    }
    let left = (0..states.len()).find_map(|s| {
        let ((lo, hi), (least, most)) = (ends(s)?, range.get(s).copied()?);
        let slack = 1e-9 * (hi - lo);
        let to = |far: f64, word: &str, end: f64| Some((states[s].name.clone(), far, word.to_string(), end));
        if least < lo - slack {
            to(least, "lower", lo)
        } else if most > hi + slack {
            to(most, "upper", hi)
        } else {
            None
        }
    });
    match left {
        Some((name, far, word, end)) => d
            .note(format!(
                "the worst draws lead `{name}` to {far:.4e}, beyond the {word} end of its grid at {end:.4e}"
            ))
            .hint(format!("bound the law of `{name}` (max, min, clamp), {fixed}")),
        None => d.hint(long_run),
    }
}

/// New bounds for states whose chosen ends are reached in a `problem` that was widened so many times before, `None` if all is well.
pub(super) fn widen(
    model: &Model,
    (problem, before): (&Decision, usize),
    c: &Certificate,
) -> Option<Vec<(String, f64, f64)>> {
    let step = if before < SMALL_STEPS { 0.5 } else { 2.0 };
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
            hi = if scale { hi * (1.0 + step) } else { hi + step * span };
            moved = true;
        }
        if *low && at("lower") {
            lo = if scale { lo / (1.0 + step) } else { lo - step * span };
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
