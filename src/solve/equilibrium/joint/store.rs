//! An equilibrium as a solution: what everybody does at the nodes of the grids, solved there anew, and what it is worth to each.

use super::iterate::{Pace, Stand};
use super::stage::Game;
use crate::diag::Diagnostic;
use crate::kernel::math;
use crate::limits;
use crate::num::chebyshev::Basis;
use crate::solve::decision::Discretised;
use crate::solve::equilibrium::made;
use crate::solve::problem::{DecisionProblem, Outcome};
use crate::solve::solution::{Record, Solution};

/// Most that a requirement may be missed by.
const MISSED: f64 = -1e-8;

/// The solution on the grids of the problem. `apart` is how far policies were from those on fewer nodes.
///
/// # Errors
/// E0922 where a requirement is not met; E0921 where conditions have no solution at a node; E0981 for too large a grid.
pub(super) fn solution(
    game: &Game,
    stand: &Stand,
    pace: Pace,
    apart: f64,
) -> Result<(Solution, Vec<Discretised>), Diagnostic> {
    let spec = game.decision.spec();
    let states = Solution::states_of(&game.decision);
    let n: usize = states.iter().map(|s| s.nodes.len()).product();
    let nz = spec.chain.transition.len();
    let (na, np) = (spec.actions.len(), game.players.list.len());
    limits::fits(
        (n * nz * (na + np) * 24) as f64,
        "the solution",
        "use fewer nodes (grid.NAME)",
    )?;
    let points = made::points(&states);
    let ahead = game.ahead(&stand.functions);
    let values = game.values(&stand.policy);
    let worth_ahead = game.ahead(&values);
    let guess: Vec<Vec<Vec<f64>>> = stand
        .policy
        .iter()
        .map(|z| z.iter().map(|a| game.carrier.fit(a)).collect())
        .collect();
    let parts = game.each(|z| {
        let mut from = vec![vec![0.0; n]; na];
        let (mut basis, mut x) = (Basis::default(), vec![0.0; points.len()]);
        for i in 0..n {
            x.iter_mut().zip(&points).for_each(|(x, p)| *x = p[i]);
            game.carrier.basis(&x, &mut basis);
            for (a, c) in guess[z].iter().enumerate() {
                from[a][i] = game.carrier.value(c, &basis);
            }
        }
        let played = game.play(&ahead, z, &points, &from);
        let xs: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
        let acts: Vec<&[f64]> = played.actions.iter().map(Vec::as_slice).collect();
        let mut worth = vec![vec![0.0; n]; np];
        for (noise, later, w) in game.branches(z) {
            let lanes = game.lanes(z, noise, later, &xs, &acts);
            let period = game.players.period(&game.decision, &lanes, n);
            let factor = game.factor(&lanes, n);
            for (i, factor) in factor.iter().enumerate() {
                x.iter_mut().zip(&period.next).for_each(|(x, next)| *x = next[i]);
                game.carrier.basis(&x, &mut basis);
                for (p, one) in game.players.list.iter().enumerate() {
                    let later = one.discount * game.carrier.value(&worth_ahead.0[p][later], &basis);
                    worth[p][i] += w * factor * (period.parts[p].reward[i] + later);
                }
            }
        }
        let slack = least_slack(game, z, &xs, &acts);
        let outside = played.there.outside.iter().filter(|o| **o).count();
        (played.actions, worth, slack, played.unsolved, outside)
    });
    let slack = parts.iter().fold(f64::INFINITY, |m, p| math::min(m, p.2));
    if !(slack >= MISSED) {
        return Err(
            Diagnostic::error("E0922", "a requirement binds, and `joint` knows bounds of actions only")
                .note(format!("somewhere on the grid it is missed by {:.2e}", -slack))
                .hint("say it as a bound of the action: action s in [0, 0.99]"),
        );
    }
    let unsolved: usize = parts.iter().map(|p| p.3).sum();
    if unsolved > 0 {
        return Err(Diagnostic::error(
            "E0921",
            "no equilibrium was found: conditions have no solution everywhere on the grid",
        )
        .note(format!("at {unsolved} of {} states of the grid", n * nz))
        .hint("narrow the grid (grid.NAME = log(lo, hi, n))"));
    }
    let gathered = |of: &dyn Fn(usize) -> Vec<Vec<f64>>, k: usize| -> Vec<f64> {
        let by_shock: Vec<Vec<f64>> = (0..nz).map(|z| of(z)[k].clone()).collect();
        (0..n * nz).map(|i| by_shock[i % nz][i / nz]).collect()
    };
    let policy: Vec<Vec<f64>> = (0..na).map(|a| gathered(&|z| parts[z].0.clone(), a)).collect();
    let found: Vec<Vec<f64>> = (0..np).map(|p| gathered(&|z| parts[z].1.clone(), p)).collect();
    let values = fault!("market.values_exchanged", found.into_iter().rev().collect(), found);
    let record = Record {
        iterations: stand.history.len(),
        error: stand.history.last().copied().unwrap_or(0.0),
        target: pace.tolerance,
        residual: stand.history.last().copied().unwrap_or(0.0),
        policy_change: apart,
        history: stand.history.clone(),
        outside: parts.iter().map(|p| p.4).sum(),
        warnings: Vec::new(),
    };
    let method = "time iteration, all conditions together";
    let solution = made::solution(method, (&game.decision, &game.players), policy, values, record);
    Ok((solution, game.decision.discretised.clone()))
}

/// The smallest slack of the requirements at these points.
fn least_slack(game: &Game, shock: usize, states: &[&[f64]], actions: &[&[f64]]) -> f64 {
    let n = actions.first().map_or(0, |a| a.len());
    let mut least = f64::INFINITY;
    let mut numbers = vec![vec![0.0; n]; 5 + states.len()];
    for (noise, later, _) in game.branches(shock) {
        let lanes = game.lanes(shock, noise, later, states, actions);
        let mut all = numbers.iter_mut().map(Vec::as_mut_slice);
        let mut one = || all.next().unwrap_or_default();
        let (reward, slack, end, paying, discount) = (one(), one(), one(), one(), one());
        let mut next: Vec<&mut [f64]> = all.collect();
        let mut out = Outcome {
            reward,
            next: &mut next,
            slack,
            end,
            paying,
            discount,
        };
        game.decision.evaluate(&lanes, &mut out);
        least = out.slack.iter().copied().fold(least, math::min);
    }
    least
}
