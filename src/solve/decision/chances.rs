//! Whether chances that move with states, shocks, actions and other draws are probabilities.

use crate::diag::{Diagnostic, Span};
use crate::solve::bellman::{At, Bellman, CHANCE, FEASIBLE, Interpolation, Scratch};
use crate::solve::describe::describe;
use crate::solve::problem::{ActionKind, DecisionProblem, Lanes};

/// Evaluations that a look at moving chances may take.
const CHECKED: usize = 400_000;

/// Whether chances that move are probabilities, at a sample of states and feasible actions that holds all ends.
pub(super) fn check(problem: &dyn DecisionProblem, moving: &(String, Span)) -> Result<(), Diagnostic> {
    let spec = problem.spec();
    if !spec.chances_move {
        return Ok(());
    }
    // Not every problem can be laid out on a grid; the solver says so in its own words.
    let Ok(bellman) = Bellman::new(problem, Interpolation::Linear) else {
        return Ok(());
    };
    let nodes = bellman.nodes();
    let (ns, na, nz) = (spec.states.len(), spec.actions.len(), bellman.shocks());
    let combos: Vec<&Vec<f64>> = bellman
        .combos
        .iter()
        .step_by(bellman.combos.len().div_ceil(64))
        .collect();
    let shares: usize = 3usize.pow(bellman.continuous.len().min(4) as u32);
    let effort = bellman.noises.len() * combos.len() * shares * nz;
    let most = (CHECKED / effort.max(1)).max(8);
    let step = nodes.div_ceil(most).max(1);
    let mut picked: Vec<usize> = (0..nodes).step_by(step).collect();
    if picked.last() != Some(&(nodes - 1)) {
        picked.push(nodes - 1);
    }
    let n = picked.len();
    let mut states = vec![vec![0.0; n]; ns];
    let mut x = vec![0.0; ns];
    for (i, node) in picked.iter().enumerate() {
        bellman.tensor.node(*node, &mut x);
        states.iter_mut().zip(&x).for_each(|(s, x)| s[i] = *x);
    }
    let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
    let mut scratch = Scratch::default();
    for shock in 0..nz {
        let at = At { shock, time: 0 };
        let lanes = Lanes::before_draws(&refs, &[], shock, 0);
        let nc = bellman.continuous.len();
        let (mut lo, mut hi) = (vec![vec![0.0; n]; nc], vec![vec![0.0; n]; nc]);
        if nc > 0 {
            let mut low: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
            let mut high: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
            problem.bounds(&lanes, &mut low, &mut high);
        }
        for combo in &combos {
            let mut open = vec![true; n];
            for (f, &a) in bellman.finite.iter().enumerate() {
                let choices = match &spec.actions[a].kind {
                    ActionKind::Finite { values, .. } => values.iter().position(|v| *v == combo[f]),
                    ActionKind::Continuous => None,
                };
                let mut out = vec![1.0; n];
                if let Some(choice) = choices {
                    problem.allowed(&lanes, a, choice, &mut out);
                }
                open.iter_mut().zip(&out).for_each(|(o, m)| *o &= *m != 0.0);
            }
            for share in 0..shares {
                let mut actions = vec![vec![0.0; n]; na];
                for (f, &a) in bellman.finite.iter().enumerate() {
                    actions[a].fill(combo[f]);
                }
                let mut rest = share;
                for (c, &a) in bellman.continuous.iter().enumerate() {
                    let u = 0.5 * (rest % 3) as f64;
                    rest /= 3;
                    for i in 0..n {
                        let (l, h) = (lo[c][i], hi[c][i]);
                        open[i] &= l <= h;
                        let inside = if l.is_finite() && h.is_finite() {
                            l + u * (h - l)
                        } else {
                            l.max(0.0).min(h)
                        };
                        actions[a][i] = inside;
                    }
                }
                let action_refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
                let mut feasible = open.clone();
                let mut total = vec![0.0; n];
                let mut worst = vec![0.0f64; n];
                for &(noise, weight) in &bellman.noises {
                    bellman.evaluate(at, noise, shock, &refs, &action_refs, n, &mut scratch);
                    for i in 0..n {
                        let w = weight * scratch.chance[i];
                        feasible[i] &= w == 0.0 || scratch.slack[i] >= FEASIBLE;
                        total[i] += w;
                        if !(w >= 0.0) || w > 1.0 + CHANCE {
                            worst[i] = w;
                        }
                    }
                }
                let fault = |i: &usize| feasible[*i] && (worst[*i] != 0.0 || !((total[*i] - 1.0).abs() <= CHANCE));
                if let Some(i) = (0..n).find(fault) {
                    return Err(no_chance(
                        &bellman,
                        moving,
                        at,
                        picked[i],
                        &actions,
                        i,
                        (worst[i], total[i]),
                    ));
                }
            }
        }
    }
    Ok(())
}

fn no_chance(
    bellman: &Bellman,
    moving: &(String, Span),
    at: At,
    node: usize,
    actions: &[Vec<f64>],
    i: usize,
    (worst, total): (f64, f64),
) -> Diagnostic {
    let spec = bellman.problem.spec();
    let chosen: Vec<String> = spec
        .actions
        .iter()
        .zip(actions)
        .map(|(axis, a)| match &axis.kind {
            ActionKind::Finite { values, labels } => {
                let k = values.iter().position(|v| *v == a[i]).unwrap_or(values.len());
                format!("{} = {}", axis.name, labels.get(k).map_or("?", String::as_str))
            }
            ActionKind::Continuous => format!("{} = {}", axis.name, a[i]),
        })
        .collect();
    let what = if worst == 0.0 {
        format!("they add up to {total}")
    } else {
        format!("one is {worst}")
    };
    let place = describe(bellman, at, node);
    Diagnostic::error(
        "E0970",
        format!("the chances of {} are no probabilities: {what}", moving.0),
    )
    .at(moving.1, "its probabilities move")
    .note(format!("at {place}, {}", chosen.join(", ")))
    .hint("keep it between 0 and 1 wherever actions are feasible: clamp(.., 0, 1), or narrower bounds")
}
