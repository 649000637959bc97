//! The policy of a solution as it is handed to a user: interpolated, finite choices by what each combination of them is worth.
//!
//! [`SolvedPolicy`] searches on the spot wherever interpolation is not exact. Where every evaluation takes many branches that is most of what
//! a certificate costs, so lives are then played by this policy, and the search is left to the places that are judged.

use super::binding::bounds;
use super::simulate::{Policy, SolvedPolicy};
use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman};
use crate::solve::between::PolicyBetween;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// Branches of one evaluation, times continuous actions, beyond which lives are not played by a search.
const DEAR: usize = 30;

/// A solution read at the joint shocks of its chain: every action interpolated, with the combination of finite choices that is worth most.
pub(super) struct Between {
    between: PolicyBetween,
    /// What the reader asks for, `[joint shock][shock]`: values of continuous shocks, numbers of the states of other chains.
    shocks: Vec<Vec<f64>>,
}

impl Between {
    /// Prepares the reading.
    ///
    /// # Errors
    /// E0905 and E0904 of [`PolicyBetween::new`], for a solution that does not fit together.
    pub(super) fn new(solution: &Solution) -> Result<Between, Diagnostic> {
        let between = PolicyBetween::new(Arc::new(solution.clone()))?;
        let links = solution.chain.links().unwrap_or_default();
        let shocks = (0..solution.shocks())
            .map(|joint| {
                let mut stride = solution.shocks();
                links
                    .iter()
                    .map(|l| {
                        stride /= l.values.len();
                        let link = joint / stride % l.values.len();
                        if l.continuous { l.values[link] } else { link as f64 }
                    })
                    .collect()
            })
            .collect();
        Ok(Between { between, shocks })
    }

    /// Actions at the states `states[s][i]` into `actions[a][i]`, numbers within their bounds.
    pub(super) fn actions(&self, bellman: &Bellman, at: At, states: &[&[f64]], actions: &mut [Vec<f64>]) {
        let n = actions.first().map_or(0, Vec::len);
        let mut x = vec![0.0; states.len()];
        for i in 0..n {
            x.iter_mut().zip(states).for_each(|(x, s)| *x = s[i]);
            let spot = self.between.spot(at.time, &self.shocks[at.shock], &x);
            for (a, to) in actions.iter_mut().enumerate() {
                to[i] = self.between.action(a, &spot);
            }
        }
        let (lo, hi) = bounds(bellman, at, states, n);
        for (c, &a) in bellman.continuous.iter().enumerate() {
            let own = actions[a].iter_mut().zip(lo[c].iter().zip(&hi[c]));
            own.for_each(|(x, (l, h))| *x = x.min(*h).max(*l));
        }
    }
}

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
    /// Those of [`Between::new`].
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

impl Policy for Handed<'_> {
    fn act(&self, at: At, states: &[&[f64]], _: &[f64], actions: &mut [Vec<f64>]) {
        self.between.actions(self.bellman, at, states, actions);
        self.policy.mend(at, states, actions, false);
    }
}
