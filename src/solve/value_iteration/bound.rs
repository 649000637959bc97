//! What an improvement says of how far the value is from the one that it goes to, and of where the policy leads.

use crate::diag::Diagnostic;
use crate::num::interpolate::Outside;
use crate::solve::bellman::{At, Bellman};
use crate::solve::describe::describe;
use crate::solve::policy_operator::PolicyOperator;

/// What an improvement says of how far the value is from the one that it goes to.
pub(super) struct Bound {
    /// Largest change of the value.
    pub(super) residual: f64,
    /// Largest weight of the next period's value.
    pub(super) modulus: f64,
    /// The discount factor, where every weight is that and chances sum to one.
    pub(super) constant: Option<f64>,
    /// Bound on the error.
    pub(super) error: f64,
    /// The middle of what is still to come, which may be added to the value at once.
    pub(super) shift: f64,
}

/// The bound of MacQueen (1966) where weights are one number, else that of a contraction, from the smallest and the largest change.
pub(super) fn bound(bellman: &Bellman, operator: &PolicyOperator, (lo, hi): (f64, f64), stored: bool) -> Bound {
    let spec = bellman.problem.spec();
    let sums_to_one = |weights: &[f64]| (weights.iter().sum::<f64>() - 1.0).abs() < 1e-9;
    let rows_are_one = spec.chain.transition.iter().all(|row| sums_to_one(row));
    // Chances that move are checked where they are used.
    let noise_is_one = spec.chances_move || sums_to_one(&spec.noise_weights);
    let residual = lo.abs().max(hi.abs());
    let modulus = if stored {
        operator.modulus()
    } else {
        spec.discount.unwrap_or(1.0)
    };
    let uniform = |d: f64| stored && (operator.least() - d).abs() < 1e-9 && (modulus - d).abs() < 1e-9;
    let constant = spec.discount.filter(|d| uniform(*d) && rows_are_one && noise_is_one);
    let (error, shift) = match constant {
        Some(d) => (d / (1.0 - d) * 0.5 * (hi - lo), d / (1.0 - d) * 0.5 * (hi + lo)),
        // With a modulus of one or more there is no bound; ask for a residual that is small against the target.
        None if modulus < 1.0 => (modulus / (1.0 - modulus) * residual, 0.0),
        None => (1e4 * residual, 0.0),
    };
    Bound {
        residual,
        modulus,
        constant,
        error,
        shift,
    }
}

/// Ends between which the value may still move, if there is a bound.
pub(super) fn within(modulus: f64, constant: Option<f64>, (lo, hi): (f64, f64)) -> Option<(f64, f64)> {
    let reach = modulus / (1.0 - modulus);
    match constant {
        Some(_) => Some((reach * lo, reach * hi)),
        None if modulus < 1.0 => Some((reach * lo.min(0.0), reach * hi.max(0.0))),
        None => None,
    }
}

/// The warning that rounding keeps the error above what was asked for.
pub(super) fn below_rounding(error: f64, target: f64, tolerance: f64) -> Option<Diagnostic> {
    let warning = || {
        Diagnostic::warning("W0909", format!("the tolerance {tolerance:e} is below rounding"))
            .note(format!("asked for an error of {target:.1e}, reached {error:.1e}"))
            .hint("a larger `tolerance` says what holds; 1e-12 is about the least")
    };
    (error > target).then(warning)
}

/// From how many grid points the policy leaves the grid, with a warning if it does.
pub(in crate::solve) fn leaves(bellman: &Bellman, operator: &PolicyOperator) -> (usize, Option<Diagnostic>) {
    // A policy that is kept on the grid presses against its edge.
    let margin = if bellman.tensor.outside == Outside::Forbidding {
        1e-6 * bellman.narrowest()
    } else {
        0.0
    };
    let (outside, first) = operator.outside(bellman.problem.spec().states.len(), margin);
    (outside, leaving(bellman, (outside, first)))
}

/// Says that a policy leaves the grid: from how many grid points, and the first of them as `(node, shock)`.
pub(in crate::solve) fn leaving(
    bellman: &Bellman,
    (outside, first): (usize, Option<(usize, usize)>),
) -> Option<Diagnostic> {
    let size = bellman.nodes() * bellman.shocks();
    first.map(|(node, shock)| {
        Diagnostic::warning(
            "W0907",
            format!("the policy leaves the grid from {outside} of {size} grid points"),
        )
        .note(format!("first at {}", describe(bellman, At { shock, time: 0 }, node)))
        .hint("widen the grid of the state; the certificate counts how often this matters")
    })
}

/// Largest change of a continuous action between `before[action][node]` and `after[action][node]`, at least 1 where a finite one
/// changed (one value per action and node in both); infinite without `before`.
pub(super) fn policy_change(bellman: &Bellman, before: Option<&[Vec<f64>]>, after: &[Vec<f64>]) -> f64 {
    let Some(before) = before else {
        return f64::INFINITY;
    };
    let mut most: f64 = 0.0;
    for &a in &bellman.continuous {
        for (x, y) in before[a].iter().zip(&after[a]) {
            most = most.max((x - y).abs());
        }
    }
    for &a in &bellman.finite {
        if before[a] != after[a] {
            most = most.max(1.0);
        }
    }
    most
}
