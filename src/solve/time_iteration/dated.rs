//! One period before a period whose solution is known: what a path of prices, or the last periods of a life, go back by.

use super::endogenous::Origins;
use super::{Carried, SETTLED, STARTS, Stage, blocks, each, whole};
use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman, Interpolation};
use crate::solve::describe::describe;
use crate::solve::infeasible::nothing_feasible;
use crate::solve::problem::DecisionProblem;

/// The solution of a period, from which that of the one before follows.
#[derive(Clone)]
pub struct Dated {
    interpolation: Interpolation,
    /// Marginal values as they are carried, `[state]` and then state node x joint shock.
    functions: Vec<Vec<f64>>,
    /// What is done, `[action]` and then state node x joint shock.
    pub policy: Vec<Vec<f64>>,
    /// By an endogenous grid: where its searches ended.
    origins: Option<Origins>,
    endogenous: bool,
}

impl Dated {
    /// The period in which the problem stands where `carried` says; `endogenous` as the method that is to go back.
    pub fn of(carried: &Carried, endogenous: bool) -> Dated {
        Dated {
            interpolation: carried.interpolation,
            functions: carried.functions.clone(),
            policy: carried.policy.clone(),
            origins: None,
            endogenous,
        }
    }

    /// Goes back a period, in which the problem is `problem`; by how much policies differ from those of the period after it, relative to one
    /// plus their size.
    ///
    /// # Errors
    /// Those of [`Bellman::new`]; E0902 where nothing is feasible, E0901 where first-order conditions have no solution.
    pub fn back(&mut self, problem: &dyn DecisionProblem) -> Result<f64, Diagnostic> {
        let bellman = Bellman::new(problem, self.interpolation)?;
        let stage = Stage::new(&bellman, problem.spec().discount.unwrap_or(f64::NAN));
        let mut blocks = blocks(&stage, STARTS[0]);
        if let Some((block, node)) = blocks.iter().find_map(|b| Some((b, b.empty()?))) {
            let at = At {
                shock: block.shock,
                time: 0,
            };
            return Err(nothing_feasible(&bellman, at, block.first + node));
        }
        blocks
            .iter_mut()
            .for_each(|b| b.start_at(&self.policy, bellman.shocks()));
        let ahead = stage.ahead(&self.functions);
        let placed = self.endogenous.then(|| {
            let origins = self.origins.get_or_insert_with(|| Origins::new(&stage, &blocks));
            origins.place(&stage, &self.functions[0], SETTLED)
        });
        let swept = match &placed {
            Some(placed) => each(&mut blocks, |b| b.follow(&stage, &ahead, &placed.policy)),
            None => each(&mut blocks, |b| b.sweep(&stage, &ahead, SETTLED, 1)),
        };
        let lost = match &placed {
            Some(placed) => (placed.unsolved > 0).then_some(placed.example).flatten(),
            None => blocks
                .iter()
                .zip(&swept)
                .find_map(|(b, s)| Some((b.first + s.first_unsolved?, b.shock))),
        };
        if let Some((node, shock)) = lost {
            return Err(
                Diagnostic::error("E0901", "first-order conditions of a period have no solution")
                    .note(format!("first at {}", describe(&bellman, At { shock, time: 0 }, node))),
            );
        }
        let marginal: Vec<Vec<Vec<f64>>> = swept.iter().map(|s| s.marginal.clone()).collect();
        let actions: Vec<Vec<Vec<f64>>> = blocks.iter().map(|b| b.actions.clone()).collect();
        self.functions = whole(&stage, &blocks, &marginal);
        let policy = whole(&stage, &blocks, &actions);
        let pairs = policy.iter().flatten().zip(self.policy.iter().flatten());
        let moved = pairs.fold(0.0, |m: f64, (a, b)| m.max((a - b).abs() / (1.0 + a.abs())));
        self.policy = policy;
        if self
            .policy
            .iter()
            .chain(&self.functions)
            .flatten()
            .any(|x| !x.is_finite())
        {
            return Err(Diagnostic::error("E0903", "what is done in a period is not a number"));
        }
        Ok(moved)
    }
}
