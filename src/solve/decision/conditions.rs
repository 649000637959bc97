//! Conditions on continuous actions that decide what is paid and what follows: where each comparison changes, and the ways in which all may turn out.
//!
//! `if y >= 81.3 and y <= 81.302 then 2 else 0` changes where `y - 81.3` and `y - 81.302` are zero. A scan of the range would not meet what lies between, nor the points of
//! `y == 2 * k + 1.5`. Comparisons that read a draw which is not known yet are left out: what is expected of them has no such pieces where the draw is spread.

use super::alternatives::{corner, sets};
use super::builder::Builder;
use super::layout::Order;
use super::payoffs::Paid;
use super::programs;
use super::relevant::Relevant;
use crate::diag::Diagnostic;
use crate::graph::Binary;
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::program::Program;

/// Most places of one comparison, and of all, and most ways of several actions that are told apart.
const PLACES: usize = 8;
const EDGES: usize = 64;
const WAYS: usize = 64;

/// What a problem's conditions turn on; nothing where none depends on a continuous action.
#[derive(Default)]
pub(super) struct Conditions {
    /// All the expressions.
    pub(super) program: Option<Program<f64>>,
    /// How many of them, from the first, are zero where a comparison changes.
    pub(super) edges: usize,
    /// Several actions: numbers of those of which all must not be negative, one list per way in which comparisons and requirements may turn out.
    pub(super) ways: Vec<Vec<usize>>,
}

impl Builder<'_> {
    /// Collects the comparisons; `unknown` are inputs that are not known when somebody chooses.
    ///
    /// # Errors
    /// E0810 where an expression cannot be compiled.
    pub(super) fn conditions(
        &self,
        (paid, read): (&Paid, &Relevant),
        order: &Order,
        unknown: &[Id],
    ) -> Result<Conditions, Diagnostic> {
        let chosen: Vec<Id> = paid.actions.iter().filter(|a| a.continuous()).map(|a| a.id).collect();
        let comparisons = self.comparisons(&read.everything, &chosen, unknown);
        if comparisons.is_empty() {
            return Ok(Conditions::default());
        }
        let mut place = programs::over(&self.unroll.dag, order);
        let mut all: Vec<Id> = Vec::new();
        for (_, a, b) in &comparisons {
            let difference = place.dag.sub(*a, *b);
            let mut own = leaves(&mut place.dag, difference);
            if own.len() > PLACES {
                own = vec![difference];
            }
            own.retain(|id| !all.contains(id));
            all.extend(own);
        }
        all.truncate(EDGES);
        let edges = all.len();
        let mut ways: Vec<Vec<usize>> = Vec::new();
        if chosen.len() > 1 {
            let required = if self.reads(&[paid.slack], &chosen) && !self.reads(&[paid.slack], unknown) {
                sets(&mut place.dag, paid.slack, &chosen)
            } else {
                vec![Vec::new()]
            };
            for way in together(&mut place.dag, &comparisons, &chosen, required) {
                let mut own = Vec::with_capacity(way.len());
                for id in way {
                    let at = all.iter().skip(edges).position(|i| *i == id).map(|p| p + edges);
                    own.push(at.unwrap_or(all.len()));
                    if at.is_none() {
                        all.push(id);
                    }
                }
                ways.push(own);
            }
        }
        Ok(Conditions {
            program: Some(place.program(&all)?),
            edges,
            ways,
        })
    }

    /// Comparisons behind expressions that depend on what is chosen, and on nothing that is not known then.
    fn comparisons(&self, of: &[Id], chosen: &[Id], unknown: &[Id]) -> Vec<(Binary, Id, Id)> {
        let dag = &self.unroll.dag;
        let (uses, drawn, seen) = (dag.dependents(chosen), dag.dependents(unknown), dag.reachable(of));
        let mut out = Vec::new();
        for k in (0..seen.len()).filter(|k| seen[*k] && uses[*k] && !drawn[*k]) {
            if let Expr::Binary(op, a, b) = dag.expr(Id(k as u32))
                && matches!(
                    op,
                    Binary::Eq | Binary::Ne | Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge
                )
            {
                // Prices that clear in the period are not looked through.
                let inside = dag.reachable(&[a, b]);
                let clears = |k: usize| {
                    inside[k]
                        && matches!(
                            dag.expr(Id(k as u32)),
                            Expr::Root(..) | Expr::RootStatus(_) | Expr::Unknown(_)
                        )
                };
                if !(0..inside.len()).any(clears) {
                    out.push((op, a, b));
                }
            }
        }
        out
    }
}

/// Expressions without corners, of which one is zero wherever this one is.
fn leaves(dag: &mut Dag, id: Id) -> Vec<Id> {
    match corner(dag, id) {
        None => vec![id],
        Some((parts, _)) => {
            let mut out: Vec<Id> = parts.into_iter().flat_map(|p| leaves(dag, p)).collect();
            out.sort();
            out.dedup();
            out
        }
    }
}

/// The ways in which comparisons may turn out together with one of the sets `required`: all of them at once, else two at a time, else each by itself.
fn together(dag: &mut Dag, comparisons: &[(Binary, Id, Id)], chosen: &[Id], required: Vec<Vec<Id>>) -> Vec<Vec<Id>> {
    let mut sides: Vec<Vec<Vec<Id>>> = Vec::new();
    for (op, a, b) in comparisons {
        let (above, below) = (dag.sub(*a, *b), dag.sub(*b, *a));
        let own = if matches!(op, Binary::Eq | Binary::Ne) {
            let equal = dag.binary(Binary::Min, above, below);
            [sets(dag, equal, chosen), vec![Vec::new()]].concat()
        } else {
            [sets(dag, above, chosen), sets(dag, below, chosen)].concat()
        };
        sides.push(own);
    }
    let with = |ways: Vec<Vec<Id>>, own: &[Vec<Id>]| -> Vec<Vec<Id>> {
        let each = |way: &Vec<Id>| own.iter().map(|o| [way.as_slice(), o].concat()).collect::<Vec<_>>();
        ways.iter().flat_map(each).collect()
    };
    let many = |of: &[&Vec<Vec<Id>>]| of.iter().fold(required.len(), |n, s| n.saturating_mul(s.len()));
    if many(&sides.iter().collect::<Vec<_>>()) <= WAYS {
        return sides.iter().fold(required, |ways, own| with(ways, own));
    }
    let pairs: Vec<[usize; 2]> = (0..sides.len()).flat_map(|a| (0..a).map(move |b| [b, a])).collect();
    if pairs
        .iter()
        .map(|[a, b]| many(&[&sides[*a], &sides[*b]]))
        .sum::<usize>()
        <= WAYS
    {
        let both = |[a, b]: &[usize; 2]| with(with(required.clone(), &sides[*a]), &sides[*b]);
        return pairs.iter().flat_map(both).collect();
    }
    let mut out: Vec<Vec<Id>> = sides.iter().flat_map(|own| with(required.clone(), own)).collect();
    out.truncate(WAYS);
    out
}
