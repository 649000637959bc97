//! Where policies are compared: first states, states that the exact policy visits, and what they are called.

use super::POINTS;
use crate::check::model::Model;
use crate::env::worlds::Worlds;
use crate::graph::Shape;
use crate::num::statistics;
use crate::solve::bellman::{At, Bellman};
use crate::solve::decision::Decision;
use crate::solve::problem::DecisionProblem;
use crate::verify::grid;
use crate::verify::grid::points::consumption_worth;
use crate::verify::simulate::{ChainPaths, SolvedPolicy};

/// States visited under the exact policy (in groups of one shock and date, one number per state), what it does there
/// (`[point][action]`), and the mean of `u'(c) c`.
pub(super) fn visited(
    bellman: &Bellman,
    policy: &SolvedPolicy,
    o: &grid::GridCertificateOptions,
) -> (Vec<(At, Vec<f64>)>, Vec<Vec<f64>>, Option<f64>) {
    let mut world = ChainPaths::new(bellman, o.paths, o.seed, &o.starts);
    let mut all: Vec<(At, Vec<f64>, Vec<f64>)> = Vec::new();
    let horizon = bellman.problem.spec().horizon;
    let burn = if horizon.is_some() { 0 } else { o.burn_in };
    for t in 0..burn + o.periods {
        world.step(policy, &mut |w| {
            if t >= burn {
                for p in 0..o.paths {
                    let at = At {
                        shock: w.shock[p],
                        time: w.time[p],
                    };
                    all.push((
                        at,
                        w.states.iter().map(|s| s[p]).collect(),
                        w.actions.iter().map(|a| a[p]).collect(),
                    ));
                }
            }
        });
    }
    let stride = all.len().div_ceil(POINTS).max(1);
    let mut kept: Vec<_> = all.into_iter().step_by(stride).collect();
    kept.sort_by_key(|(at, _, _)| (at.time, at.shock));
    let na = bellman.problem.spec().actions.len();
    let exact: Vec<Vec<f64>> = (0..na).map(|a| kept.iter().map(|k| k.2[a]).collect()).collect();
    let mut worths = Vec::new();
    for (at, x, a) in &kept {
        let columns: Vec<[f64; 1]> = x.iter().map(|v| [*v]).collect();
        let refs: Vec<&[f64]> = columns.iter().map(|c| &c[..]).collect();
        let actions: Vec<Vec<f64>> = a.iter().map(|v| vec![*v]).collect();
        if let Some(w) = consumption_worth(bellman, *at, &refs, &actions, 1)
            && w[0].is_finite()
        {
            worths.push(w[0]);
        }
    }
    let worth = (worths.len() * 2 > kept.len())
        .then(|| statistics::mean(&worths))
        .filter(|w| *w > 0.0);
    (kept.into_iter().map(|(at, x, _)| (at, x)).collect(), exact, worth)
}

/// First states as the model (or a scenario) draws them, `[path][state]`; `None` if it does not say.
pub(super) fn drawn_starts(
    model: &Model,
    problem: &Decision,
    scenario: Option<&str>,
    count: usize,
    seed: u64,
) -> Option<Vec<Vec<f64>>> {
    let n = count.clamp(1, 4096);
    let worlds = Worlds::new(model, scenario, n, seed, &[]).ok()?;
    let state = |p: usize| -> Vec<f64> {
        let at = |(s, element): &(usize, usize)| worlds.frame[model.states[*s].input.0 as usize][element * n + p];
        problem.origin.iter().map(at).collect()
    };
    let all: Vec<Vec<f64>> = (0..n).map(state).collect();
    all.iter().flatten().all(|x| x.is_finite()).then_some(all)
}

/// The states of a problem from named numbers, one number per state; `None` where one of them has no number.
pub(super) fn still(problem: &Decision, named: &[(String, f64)]) -> Option<Vec<f64>> {
    let states = problem.spec().states.iter();
    states
        .map(|s| named.iter().find(|(n, _)| *n == s.name).map(|(_, x)| *x))
        .collect()
}

/// Which of several named arrays `name` or `name[i,j]` is an element of, and which.
pub(super) fn element(graph: &crate::graph::Graph, names: &[(&str, &Shape)], name: &str) -> Option<(usize, usize)> {
    let (bare, index) = match name.split_once('[') {
        Some((b, rest)) => (b, rest.trim_end_matches(']')),
        None => (name, ""),
    };
    let k = names.iter().position(|(n, _)| *n == bare)?;
    if index.is_empty() {
        return Some((k, 0));
    }
    let at: Vec<usize> = index.split(',').map(|i| i.trim().parse().ok()).collect::<Option<_>>()?;
    let shape = names[k].1;
    (at.len() == shape.len()).then_some(())?;
    let element = shape.iter().zip(&at).try_fold(0, |f, (axis, i)| {
        let size = graph.axes[axis.0 as usize].size;
        (*i >= 1 && *i <= size).then_some(f * size + i - 1)
    })?;
    Some((k, element))
}
