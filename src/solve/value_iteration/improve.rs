//! One application of the Bellman operator on the whole grid.

use super::BLOCK;
use crate::diag::Diagnostic;
use crate::limits;
use crate::solve::bellman::{At, Bellman, Continuation, Scratch};
use crate::solve::infeasible::nothing_feasible;
use crate::solve::policy_operator::{PolicyOperator, Rows, rows};
use crate::solve::search::{Chosen, SearchOptions, choose};
use crate::solve::tabulated::Table;
use rayon::prelude::*;

/// One application of the Bellman operator on the whole grid.
pub(super) struct Improved {
    pub(super) value: Vec<f64>,
    pub(super) policy: Vec<Vec<f64>>,
    pub(super) probability: Vec<f64>,
    /// What each combination of choices is worth, where that is kept.
    pub(super) worth: Vec<f64>,
    /// What goes with each choice that has taste shocks (or each combination), one array per action; none if there is but one action.
    pub(super) given: Vec<Vec<f64>>,
    pub(super) operator: PolicyOperator,
}

/// The best choices against `continuation` at every node: near those of `before[action][node]` (one value per action and node), if there are any. With `record` also
/// where they lead; by `table` where everything is finite.
///
/// # Errors
/// E0902 where nothing is feasible, E0831 where no price clears a market.
pub(super) fn improve(
    bellman: &Bellman,
    continuation: &Continuation,
    time: usize,
    before: Option<&[Vec<f64>]>,
    search: SearchOptions,
    record: bool,
    table: Option<&Table>,
) -> Result<Improved, Diagnostic> {
    let nz = bellman.shocks();
    let nodes = bellman.nodes();
    let ns = bellman.tensor.axes().len();
    let na = bellman.problem.spec().actions.len();
    let units: Vec<(usize, usize)> = (0..nz)
        .flat_map(|j| (0..nodes).step_by(BLOCK).map(move |first| (j, first)))
        .collect();
    let run = |&(shock, first): &(usize, usize)| -> Result<(Chosen, Rows), Diagnostic> {
        let n = BLOCK.min(nodes - first);
        let mut states = vec![vec![0.0; n]; ns];
        let mut x = vec![0.0; ns];
        for i in 0..n {
            bellman.tensor.node(first + i, &mut x);
            for (s, &v) in states.iter_mut().zip(&x) {
                s[i] = v;
            }
        }
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let guess: Option<Vec<Vec<f64>>> = before.map(|policy| {
            policy
                .iter()
                .map(|p| (0..n).map(|i| p[(first + i) * nz + shock]).collect())
                .collect()
        });
        let at = At { shock, time };
        let chosen = choose(bellman, continuation, at, &refs, n, guess.as_deref(), search)
            .map_err(|nothing| nothing_feasible(bellman, at, first + nothing.lane))?;
        let rows = if record {
            rows(bellman, at, first, &refs, &chosen, &mut Scratch::default())
        } else {
            Rows::default()
        };
        Ok((chosen, rows))
    };
    let results: Vec<Result<(Chosen, Rows), Diagnostic>> = match table {
        Some(table) => table
            .improve(bellman, &continuation.flat())
            .into_iter()
            .map(|r| r.map_err(|(shock, first, e)| nothing_feasible(bellman, At { shock, time }, first + e.lane)))
            .collect(),
        None => {
            let all: Option<Vec<_>> = units.par_iter().map(|u| limits::going(|| run(u))).collect();
            all.unwrap_or_else(|| limits::leave())
        }
    };
    let groups = match bellman.taste {
        Some((f, _)) => bellman.combo_choices.iter().map(|c| c[f]).max().map_or(0, |m| m + 1),
        None if bellman.each => bellman.combos.len(),
        None => 0,
    };
    // Without continuous actions a combination says everything.
    let beside = na > 1 && (bellman.taste.is_some() || !bellman.continuous.is_empty());
    let size = nodes * nz;
    let mut improved = Improved {
        value: vec![0.0; size],
        policy: vec![vec![0.0; size]; na],
        probability: vec![0.0; if bellman.taste.is_some() { size * groups } else { 0 }],
        worth: vec![0.0; if bellman.taste.is_none() { size * groups } else { 0 }],
        given: if groups > 0 && beside {
            vec![vec![0.0; size * groups]; na]
        } else {
            Vec::new()
        },
        operator: PolicyOperator::default(),
    };
    for (&(shock, first), result) in units.iter().zip(results) {
        limits::poll();
        let (chosen, rows) = result?;
        for (i, &v) in chosen.value.iter().enumerate() {
            let at = (first + i) * nz + shock;
            improved.value[at] = v;
            for (policy, actions) in improved.policy.iter_mut().zip(&chosen.actions) {
                policy[at] = actions[i];
            }
            for (g, q) in chosen.worth.iter().enumerate() {
                improved.worth[at * groups + g] = q[i];
            }
            for (g, p) in chosen.probability.iter().enumerate() {
                improved.probability[at * groups + g] = p[i];
            }
            for g in 0..chosen.given.len() {
                for (given, actions) in improved.given.iter_mut().zip(&chosen.given[g]) {
                    given[at * groups + g] = actions[i];
                }
            }
        }
        if record {
            improved.operator.blocks.push(rows);
        }
    }
    Ok(improved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::bellman::Interpolation;
    use crate::solve::examples::*;

    /// A store of at most six units that sells what is asked for, at prices that move; with noise, masks, an end, and (if
    /// wanted) the next price known when the goods arrive.
    fn store(taste: Option<f64>, foresight: bool) -> Hand {
        let mut s = spec(
            vec![integer_state("stock", 0, 6), integer_state("age", 0, 2)],
            one_shock("price", &[1.0, 1.4], vec![vec![0.7, 0.3], vec![0.2, 0.8]]),
            vec![
                finite_action("order", (0..5).map(f64::from).collect(), taste),
                finite_action("close", vec![0.0, 1.0], None),
            ],
            0.9,
        );
        s.noise_weights = vec![0.2, 0.5, 0.3];
        (s.reward_uses_noise, s.next_uses_noise, s.next_uses_shock_next) = (true, true, foresight);
        let mut hand = hand(s, Box::new(|_, _| vec![]), move |i| {
            let demand = [0.0, 1.0, 3.0][i.noise];
            let sold = i.x[0].v.min(demand);
            let lost = if foresight && i.shock_next == 1 { 1.0 } else { 0.0 };
            let price = [1.0, 1.4][i.shock];
            let next = (i.x[0].v - sold + i.a[0].v - lost).clamp(0.0, 6.0);
            let mut p = point(
                c(price * sold - 0.4 * i.a[0].v - 0.05 * i.x[0].v * i.x[0].v),
                &[c(next), c((i.x[1].v + 1.0).min(2.0))],
            );
            p.end = f64::from(i.a[1].v == 1.0);
            p.paying = 2.0 + i.x[1].v;
            p
        });
        hand.allowed = Box::new(|x, action, choice| action != 1 || choice == 0 || x[1] == 2.0);
        hand
    }

    #[test]
    fn a_table_improves_and_evaluates_as_the_model_does() {
        for (taste, foresight) in [(None, false), (None, true), (Some(0.3), false), (Some(0.3), true)] {
            let problem = store(taste, foresight);
            let bellman = Bellman::new(&problem, Interpolation::Linear).unwrap();
            let table = Table::new(&bellman, BLOCK).expect("a finite problem");
            let value: Vec<f64> = (0..42).map(|i| (f64::from(i) * 0.37).sin() * 3.0).collect();
            let mut continuation = Continuation::default();
            bellman.continuation(&bellman.tensor, &value, &mut continuation);
            let search = SearchOptions::default();
            let a = improve(&bellman, &continuation, 0, None, search, true, None).unwrap();
            let b = improve(&bellman, &continuation, 0, None, search, true, Some(&table)).unwrap();
            assert_eq!(a.policy, b.policy);
            let close =
                |x: &[f64], y: &[f64]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-12);
            assert!(close(&a.value, &b.value) && close(&a.probability, &b.probability));
            assert!((a.operator.modulus() - b.operator.modulus()).abs() < 1e-12);
            assert!((a.operator.least() - b.operator.least()).abs() < 1e-12);
            let (mut u, mut v) = (a.value.clone(), b.value.clone());
            a.operator.evaluate(&bellman, &mut u, None, None, 1e-13, 200);
            b.operator.evaluate(&bellman, &mut v, None, None, 1e-13, 200);
            assert!(u.iter().zip(&v).all(|(x, y)| (x - y).abs() < 1e-10), "{u:?} {v:?}");
        }
    }
}
