//! Policies that a learned one is shown beside: short-sighted, and at random.

use crate::env::worlds::unbounded;
use crate::num::random::Key;
use crate::solve::bellman::{At, Bellman, Continuation};
use crate::solve::problem::ActionKind;
use crate::solve::search::{SearchOptions, choose};
use crate::verify::simulate::PathPolicy;

/// Maximises the reward of the period.
pub(super) struct Myopic<'a> {
    pub(super) bellman: &'a Bellman<'a>,
    pub(super) after: Vec<Continuation>,
}

impl PathPolicy for Myopic<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let after = &self.after[at.time.min(self.after.len() - 1)];
        match choose(
            self.bellman,
            after,
            at,
            states,
            draw.len(),
            None,
            SearchOptions::default(),
        ) {
            Ok(chosen) => {
                for (to, from) in actions.iter_mut().zip(&chosen.actions) {
                    to[..draw.len()].copy_from_slice(&from[..draw.len()]);
                }
            }
            Err(_) => actions.iter_mut().for_each(|a| a.fill(f64::NAN)),
        }
    }
}

/// Uniform between the bounds (where an end is missing as a simulation draws), and among the choices that are allowed.
pub(super) struct Random<'a> {
    pub(super) bellman: &'a Bellman<'a>,
}

impl PathPolicy for Random<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let n = draw.len();
        let (lo, hi) = crate::verify::binding::bounds(self.bellman, at, states, n);
        let u = |i: usize, k: usize| Key::new(draw[i].to_bits(), k as u64).uniform(0, 0);
        for (c, &a) in self.bellman.continuous.iter().enumerate() {
            for i in 0..n {
                let (l, h) = (lo[c][i], hi[c][i]);
                let inside = 1e-3 + (1.0 - 2e-3) * u(i, a);
                actions[a][i] = if l.is_finite() && h.is_finite() {
                    l + inside * (h - l)
                } else {
                    unbounded(l, h, u(i, a))
                };
            }
        }
        let spec = self.bellman.problem.spec();
        for &a in &self.bellman.finite {
            let ActionKind::Finite { values, .. } = &spec.actions[a].kind else {
                continue;
            };
            let lanes = crate::solve::problem::Lanes::before_draws(states, &[], at.shock, at.time);
            let allowed: Vec<Vec<f64>> = (0..values.len())
                .map(|choice| {
                    let mut out = vec![1.0; n];
                    self.bellman.problem.allowed(&lanes, a, choice, &mut out);
                    out
                })
                .collect();
            for i in 0..n {
                let open: Vec<f64> = (0..values.len())
                    .filter(|c| allowed[*c][i] != 0.0)
                    .map(|c| values[c])
                    .collect();
                let k = ((u(i, a) * open.len() as f64) as usize).min(open.len().saturating_sub(1));
                actions[a][i] = open.get(k).copied().unwrap_or(f64::NAN);
            }
        }
    }

    fn randomises(&self) -> bool {
        true
    }
}
