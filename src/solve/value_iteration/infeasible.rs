//! Why nothing can be chosen at a node: empty ranges, markets that no price clears.

use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman};
use crate::solve::describe::describe;
use crate::solve::problem::Lanes;

/// The error (E0902, E0831) at a node where no action is feasible.
pub(super) fn nothing_feasible(bellman: &Bellman, at: At, node: usize) -> Diagnostic {
    if let Some(d) = nothing_clears(bellman, at, node) {
        return d;
    }
    let headline = format!("no action is feasible at {}", describe(bellman, at, node));
    if let Some(empty) = empty_range(bellman, at, node) {
        return Diagnostic::error("E0902", headline)
            .note(empty)
            .hint("bound the action so that something can be chosen in every state and shock: give the household an income that cannot be negative, or let it choose a share of what it has");
    }
    Diagnostic::error("E0902", headline)
        .note("every candidate violates a `require`, has a reward of minus infinity, or gives no number")
        .hint("narrow the state's domain or grid, or widen the action's bounds")
}

/// The first continuous action whose bounds leave nothing at a node, in words.
fn empty_range(bellman: &Bellman, at: At, node: usize) -> Option<String> {
    let spec = bellman.problem.spec();
    let mut x = vec![0.0; spec.states.len()];
    bellman.tensor.node(node, &mut x);
    let columns: Vec<[f64; 1]> = x.iter().map(|&v| [v]).collect();
    let states: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let lanes = Lanes::before_draws(&states, &[], at.shock, at.time);
    let nc = bellman.continuous.len();
    let (mut lo, mut hi) = (vec![[0.0]; nc], vec![[0.0]; nc]);
    let mut low: Vec<&mut [f64]> = lo.iter_mut().map(|c| c.as_mut_slice()).collect();
    let mut high: Vec<&mut [f64]> = hi.iter_mut().map(|c| c.as_mut_slice()).collect();
    bellman.problem.bounds(&lanes, &mut low, &mut high);
    bellman.continuous.iter().enumerate().find_map(|(c, &a)| {
        let (l, h) = (lo[c][0], hi[c][0]);
        let name = &spec.actions[a].name;
        if l.is_nan() || h.is_nan() {
            Some(format!("the bounds of `{name}` are no numbers there: {l} to {h}"))
        } else if l > h {
            Some(format!(
                "`{name}` in {l} to {h}: empty, its upper bound lies below its lower one"
            ))
        } else {
            None
        }
    })
}

/// If no price clears at a node whatever is chosen (tried at the ends and inside the bounds): that is why nothing is feasible there.
fn nothing_clears(bellman: &Bellman, at: At, node: usize) -> Option<Diagnostic> {
    let problem = bellman.problem;
    let (prices, span) = problem.market()?;
    let spec = problem.spec();
    let mut x = vec![0.0; spec.states.len()];
    bellman.tensor.node(node, &mut x);
    let columns: Vec<[f64; 1]> = x.iter().map(|x| [*x]).collect();
    let states: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let lanes = |actions: &[f64]| -> Option<f64> {
        let columns: Vec<[f64; 1]> = actions.iter().map(|x| [*x]).collect();
        let actions: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
        let lanes = Lanes::before_draws(&states, &actions, at.shock, at.time);
        problem.clears(&lanes)?.first().copied()
    };
    let nc = bellman.continuous.len();
    let (mut lo, mut hi) = (vec![[f64::NEG_INFINITY]; nc], vec![[f64::INFINITY]; nc]);
    let here = Lanes::before_draws(&states, &[], at.shock, at.time);
    let mut low: Vec<&mut [f64]> = lo.iter_mut().map(|x| x.as_mut_slice()).collect();
    let mut high: Vec<&mut [f64]> = hi.iter_mut().map(|x| x.as_mut_slice()).collect();
    problem.bounds(&here, &mut low, &mut high);
    for combo in &bellman.combos {
        for share in [0.5, 0.1, 0.9, 0.001, 0.999] {
            let mut actions = vec![0.0; spec.actions.len()];
            for (f, a) in bellman.finite.iter().enumerate() {
                actions[*a] = combo[f];
            }
            for (c, a) in bellman.continuous.iter().enumerate() {
                let (l, h) = (lo[c][0], hi[c][0]);
                actions[*a] = match (l.is_finite(), h.is_finite()) {
                    (true, true) => l + share * (h - l),
                    (true, false) => l + 10.0 * share,
                    (false, true) => h - 10.0 * share,
                    (false, false) => 10.0 * (share - 0.5),
                };
            }
            if lanes(&actions)? < crate::kernel::root::NONE {
                return None;
            }
        }
    }
    Some(
        Diagnostic::error(
            "E0831",
            format!(
                "no price clears the market at {}: `{prices}`",
                describe(bellman, at, node)
            ),
        )
        .at(span, "not equal at any price of the domain, whatever is chosen there")
        .hint("widen the price's domain, or narrow the grid of the states to where the market can clear"),
    )
}
