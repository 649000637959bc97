//! Hard requirements as alternatives: sets of inequalities, of which all of one set must hold.
//!
//! `x + y <= 3 or (abs(x - 6) <= w and abs(y - 2) <= w)` has the sets `3 - x - y` and `w - (x - 6)`, `w + (x - 6)`, `w - (y - 2)`, `w + (y - 2)`. The slack of the whole
//! has a kink wherever another part of it is the smallest or the largest, so that a climb along it stalls; each inequality alone is as smooth as
//! what the file says.

use super::builder::Builder;
use super::layout::Order;
use super::payoffs::Paid;
use super::programs;
use crate::diag::Diagnostic;
use crate::graph::{Binary, Unary};
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::differentiate::derivative;
use crate::kernel::program::Program;

/// Most sets that a requirement is taken apart into, and most inequalities of one.
const SETS: usize = 16;
const TOGETHER: usize = 24;

/// The alternatives of a problem: one where there is no `or`; none where what is required is straight in what is chosen, or reads what is not known then.
#[derive(Default)]
pub(super) struct Alternatives {
    /// Slacks of all inequalities.
    pub(super) inequalities: Option<Program<f64>>,
    /// Numbers of those that must hold together, one list per alternative.
    pub(super) sets: Vec<Vec<usize>>,
}

impl Builder<'_> {
    /// Takes the requirements apart; `unknown` are inputs that are not known when somebody chooses.
    ///
    /// # Errors
    /// E0810 where an expression cannot be compiled.
    pub(super) fn alternatives(&self, paid: &Paid, order: &Order, unknown: &[Id]) -> Result<Alternatives, Diagnostic> {
        let chosen: Vec<Id> = paid.actions.iter().filter(|a| a.continuous()).map(|a| a.id).collect();
        if !self.reads(&[paid.slack], &chosen) || self.reads(&[paid.slack], unknown) {
            return Ok(Alternatives::default());
        }
        let mut place = programs::over(&self.unroll.dag, order);
        let sets = sets(&mut place.dag, paid.slack, &chosen);
        let straight = |dag: &mut Dag, id: Id| {
            let moves = chosen
                .iter()
                .map(|c| derivative(dag, &[id], *c)[0])
                .collect::<Vec<Id>>();
            !dag.inputs_of(&moves).iter().any(|i| chosen.contains(i))
        };
        if let [one] = sets.as_slice()
            && one.iter().all(|id| straight(&mut place.dag, *id))
        {
            return Ok(Alternatives::default());
        }
        let mut all: Vec<Id> = sets.iter().flatten().copied().collect();
        all.sort();
        all.dedup();
        let number = |id: &Id| all.binary_search(id).unwrap_or(0);
        Ok(Alternatives {
            sets: sets.iter().map(|set| set.iter().map(number).collect()).collect(),
            inequalities: Some(place.program(&all)?),
        })
    }
}

/// A slack taken apart, as far as that leaves few enough sets.
pub(super) fn sets(dag: &mut Dag, slack: Id, chosen: &[Id]) -> Vec<Vec<Id>> {
    let whole = vec![vec![slack]];
    let Some((parts, larger)) = corner(dag, slack) else {
        return whole;
    };
    // What nobody chooses makes no pieces.
    if !dag.inputs_of(&[slack]).iter().any(|i| chosen.contains(i)) {
        return whole;
    }
    let [a, b] = parts.map(|part| sets(dag, part, chosen));
    let out: Vec<Vec<Id>> = if larger {
        [a, b].concat()
    } else {
        let both = |x: &Vec<Id>| -> Vec<Vec<Id>> { b.iter().map(|y| [x.as_slice(), y].concat()).collect() };
        a.iter().flat_map(both).collect()
    };
    if out.len() > SETS || out.iter().any(|set| set.len() > TOGETHER) {
        return whole;
    }
    out
}

/// Two expressions of which this one is the larger (true) or the smaller.
pub(super) fn corner(dag: &mut Dag, id: Id) -> Option<([Id; 2], bool)> {
    match dag.expr(id) {
        Expr::Binary(Binary::Max, a, b) => Some(([a, b], true)),
        Expr::Binary(Binary::Min, a, b) => Some(([a, b], false)),
        Expr::Unary(Unary::Abs, x) => Some(([x, dag.neg(x)], true)),
        Expr::Unary(Unary::Neg, x) => {
            let (parts, larger) = corner(dag, x)?;
            Some((parts.map(|p| dag.neg(p)), !larger))
        }
        Expr::Binary(Binary::Add, x, y) => match corner(dag, x) {
            Some((parts, larger)) => Some((parts.map(|p| dag.add(p, y)), larger)),
            None => corner(dag, y).map(|(parts, larger)| (parts.map(|p| dag.add(x, p)), larger)),
        },
        Expr::Binary(Binary::Sub, x, y) => match corner(dag, x) {
            Some((parts, larger)) => Some((parts.map(|p| dag.sub(p, y)), larger)),
            None => corner(dag, y).map(|(parts, larger)| (parts.map(|p| dag.sub(x, p)), !larger)),
        },
        Expr::Binary(Binary::Mul, x, y) => {
            let (c, of) = match (dag.as_const(x), dag.as_const(y)) {
                (Some(_), _) => (x, y),
                (_, Some(_)) => (y, x),
                (None, None) => return None,
            };
            let (parts, larger) = corner(dag, of)?;
            let up = dag.as_const(c).is_some_and(|c| c > 0.0);
            Some((parts.map(|p| dag.mul(c, p)), larger == up))
        }
        Expr::Binary(Binary::Div, x, c) => {
            let up = dag.as_const(c)? > 0.0;
            let (parts, larger) = corner(dag, x)?;
            Some((parts.map(|p| dag.div(p, c)), larger == up))
        }
        Expr::Const(_)
        | Expr::Input(_)
        | Expr::Unknown(_)
        | Expr::Unary(..)
        | Expr::Binary(..)
        | Expr::Select(..)
        | Expr::Lookup(..)
        | Expr::Root(..)
        | Expr::RootStatus(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a slack is made of, it is the largest over its sets of the smallest of each.
    #[test]
    fn a_slack_is_the_best_of_its_sets() {
        let mut dag = Dag::new();
        let (x, y) = (dag.input(0), dag.input(1));
        let number = |dag: &mut Dag, c: f64| dag.constant(c);
        let three = number(&mut dag, 3.0);
        let sum = dag.add(x, y);
        let wide = dag.sub(three, sum);
        let six = number(&mut dag, 6.0);
        let off = dag.sub(x, six);
        let off = dag.unary(Unary::Abs, off);
        let w = number(&mut dag, 0.1);
        let near = dag.sub(w, off);
        let minus = number(&mut dag, -2.0);
        let larger = dag.binary(Binary::Max, x, y);
        let scaled = dag.mul(minus, larger);
        let high = dag.add(scaled, six);
        let both = dag.binary(Binary::Min, near, high);
        let slack = dag.binary(Binary::Max, wide, both);
        let sets = sets(&mut dag, slack, &[x, y]);
        assert_eq!(sets.iter().map(Vec::len).collect::<Vec<_>>(), [1, 4]);
        for i in 0..200 {
            let at = [f64::from(i % 15) * 0.7 - 1.0, f64::from(i / 15) * 0.6 - 1.0];
            let parts = sets
                .iter()
                .map(|s| dag.evaluate(s, &at).into_iter().fold(f64::INFINITY, f64::min));
            let best = parts.fold(f64::NEG_INFINITY, f64::max);
            let whole = dag.evaluate(&[slack], &at)[0];
            assert!((best - whole).abs() < 1e-12, "{best} for {whole} at {at:?}");
        }
        // What nobody chooses is left whole, and so is what has too many sets.
        assert_eq!(super::sets(&mut dag, slack, &[]), [[slack]]);
        let mut many = slack;
        for i in 0..5 {
            let c = number(&mut dag, f64::from(i));
            let other = dag.sub(x, c);
            let either = dag.binary(Binary::Max, other, wide);
            many = dag.binary(Binary::Min, many, either);
        }
        assert!(super::sets(&mut dag, many, &[x, y]).len() <= SETS);
    }
}
