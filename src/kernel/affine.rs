//! Root problems with a closed form: one unknown in which the residual is affine.

use super::dag::{Dag, Expr, Id};
use super::differentiate::derivative;
use super::root::{NONE, ONE};
use crate::graph::{Binary, Unary};
use std::collections::HashMap;

/// A root this far outside its bracket, as a share of the numbers involved, is at its end.
const ROUNDING: f64 = 1e-12;

/// Rewrites the expressions `of` without those root problems of one unknown whose residual is affine in it: `f(x) =
/// f(0) + s x` has its root at `-f(0) / s`, or is smallest at the end of the bracket that is nearest. How such a problem
/// ended ([`Dag::statuses`] among `of`) is then whether the root lies in its bracket. Returns one expression per entry of `of`, in order.
pub fn explicit(dag: &mut Dag, of: &[Id]) -> Vec<Id> {
    let mut of = of.to_vec();
    let mut curved: Vec<u32> = Vec::new();
    loop {
        let next = (dag.reachable(&of).iter().enumerate())
            .filter(|(_, seen)| **seen)
            .find_map(|(i, _)| match dag.expr(Id(i as u32)) {
                Expr::Root(r, _) | Expr::RootStatus(r) if !curved.contains(&r) => Some(r),
                _ => None,
            });
        let Some(r) = next else { return of };
        let problem = dag.roots()[r as usize].clone();
        let ([unknown], [residual], [(lo, hi)]) = (
            problem.unknowns.as_slice(),
            problem.residuals.as_slice(),
            problem.brackets.as_slice(),
        ) else {
            curved.push(r);
            continue;
        };
        let unknown = dag.unknown(*unknown);
        let slope = derivative(dag, &[*residual], unknown)[0];
        // Steps have no derivative where it counts.
        if dag.dependents(&[unknown])[slope.0 as usize]
            || dag.as_const(slope) == Some(0.0)
            || super::differentiate::has_steps(dag, &[*residual], &[unknown])
        {
            curved.push(r);
            continue;
        }
        let zero = dag.constant(0.0);
        let level = dag.substitute(&[*residual], &HashMap::from([(unknown, zero)]))[0];
        let minus = dag.neg(level);
        let root = dag.div(minus, slope);
        let finite = |dag: &Dag, end: Id| dag.as_const(end).is_none_or(f64::is_finite);
        let (mut x, mut size) = (root, dag.unary(Unary::Abs, root));
        for (op, end) in [(Binary::Min, *hi), (Binary::Max, *lo)] {
            if finite(dag, end) {
                x = dag.binary(op, x, end);
                let end = dag.unary(Unary::Abs, end);
                size = dag.add(size, end);
            }
        }
        // A root that the bracket cuts off is none.
        let (one, none, rounding) = (dag.constant(ONE), dag.constant(NONE), dag.constant(ROUNDING));
        let apart = dag.sub(root, x);
        let (apart, within) = (dag.unary(Unary::Abs, apart), dag.mul(rounding, size));
        let missed = dag.binary(Binary::Gt, apart, within);
        let status = dag.select(missed, none, one);
        let (solution, ended) = (dag.solution(r, 0), dag.status(r));
        of = dag.substitute(&of, &HashMap::from([(solution, x), (ended, status)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::dag::RootProblem;

    #[test]
    fn affine_prices_are_as_the_search_finds_them_also_at_the_ends_and_one_behind_the_other() {
        let mut dag = Dag::new();
        let (a, b) = (dag.input(0), dag.input(1));
        let (n, p) = dag.fresh_unknown();
        // a - b p = 0 on [1, 4]
        let product = dag.mul(b, p);
        let residual = dag.sub(a, product);
        let (one, four) = (dag.constant(1.0), dag.constant(4.0));
        let first = dag.solve(RootProblem {
            unknowns: vec![n],
            residuals: vec![residual],
            brackets: vec![(one, four)],
        })[0]
            .0;
        // q^3 = p: curved; w + q = 2: affine behind it
        let (m, q) = dag.fresh_unknown();
        let square = dag.mul(q, q);
        let cube = dag.mul(square, q);
        let residual = dag.sub(cube, first);
        let second = dag.solve(RootProblem {
            unknowns: vec![m],
            residuals: vec![residual],
            brackets: vec![(one, four)],
        })[0]
            .0;
        let (k, w) = dag.fresh_unknown();
        let sum = dag.add(w, second);
        let two = dag.constant(2.0);
        let residual = dag.sub(sum, two);
        let low = dag.constant(-10.0);
        let third = dag.solve(RootProblem {
            unknowns: vec![k],
            residuals: vec![residual],
            brackets: vec![(low, four)],
        })[0]
            .0;
        let mut of = vec![first, second, third];
        of.extend(dag.statuses(&of));
        let new = explicit(&mut dag, &of);
        let left = dag.reachable(&new);
        let roots = (0..left.len()).filter(|i| left[*i] && matches!(dag.expr(Id(*i as u32)), Expr::Root(..)));
        assert_eq!(roots.count(), 1, "only the cube is left to a search");
        for inputs in [[6.0, 2.0], [8.0, 2.0], [1.0, 2.0], [9.0, 2.0], [2.5, 1.0], [-3.0, -1.0]] {
            let (old, new) = (dag.evaluate(&of, &inputs), dag.evaluate(&new, &inputs));
            assert_eq!(
                new[3],
                if (1.0..=4.0).contains(&(inputs[0] / inputs[1])) {
                    ONE
                } else {
                    NONE
                }
            );
            for (x, y) in old.iter().zip(&new) {
                assert!((x - y).abs() < 1e-9, "{inputs:?}: {old:?} {new:?}");
            }
        }
    }
}
