//! The policy of a solution as it is handed to a user: interpolated, finite choices by what each combination of them is worth.
//!
//! [`SolvedPolicy`] searches on the spot wherever interpolation is not exact. Where every evaluation takes many branches that is most of what
//! a certificate costs, so lives are then played by this policy, and the search is left to the places that are judged.

use super::between::Between;
use super::simulate::{PathPolicy, SolvedPolicy};
use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman};
use crate::solve::solution::Solution;

/// Branches of one evaluation, times continuous actions, beyond which lives are not played by a search.
const DEAR: usize = 30;

/// The policy of a solution without a search.
pub struct Handed<'a> {
    policy: &'a SolvedPolicy<'a>,
    bellman: &'a Bellman<'a>,
    between: Between,
}

impl<'a> Handed<'a> {
    /// The policy, where a search on the spot is dear and can be done without; `None` elsewhere.
    ///
    /// # Errors
    /// E0905 and E0904, for a solution that does not fit together.
    pub fn where_dear(
        bellman: &'a Bellman<'a>,
        policy: &'a SolvedPolicy<'a>,
        solution: &Solution,
    ) -> Result<Option<Handed<'a>>, Diagnostic> {
        let work = bellman.noises.len() * bellman.branches(0).len() * bellman.continuous.len().max(1);
        let known = bellman.finite.is_empty() || !solution.worth.is_empty();
        let states = solution.states.iter().any(|s| !s.integer);
        if work <= DEAR || bellman.taste.is_some() || !known || !states {
            return Ok(None);
        }
        let between = Between::new(solution)?;
        Ok(Some(Handed {
            bellman,
            policy,
            between,
        }))
    }
}

impl PathPolicy for Handed<'_> {
    fn act(&self, at: At, states: &[&[f64]], _: &[f64], actions: &mut [Vec<f64>]) {
        self.between.actions(self.bellman, at, states, actions);
        self.policy.mend(at, states, actions, false);
    }
}
