//! A solution read between its nodes, inside the bounds of its actions.

use super::binding::bounds;
use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman};
use crate::solve::between::PolicyBetween;
use crate::solve::solution::Solution;
use std::sync::Arc;

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

    /// Actions at the states `states[s][i]`, one value per state at each place `i`, into `actions[a][i]`, numbers within their bounds.
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
