//! What the policy is worth to a member: `V = u + d E[V']`, swept until it rests.
//!
//! Slopes in the member's state need no search: one more unit of it is worth what the first-order condition says, so that between nodes of the
//! state the value is the cubic polynomial with these slopes (Hermite); between nodes of the moment it is the cubic through four nodes. After
//! every sweep the constant is added that the bounds of MacQueen (1966) leave.

use super::household::{Between, Household};
use super::law::Law;
use crate::limits;
use crate::num::anderson::Anderson;
use crate::solve::policy_operator::span;
use crate::solve::problem::DecisionProblem;

/// Relative tolerance of the value, most sweeps, and after how many of them a mixture of the last ones is tried.
const TOLERANCE: f64 = 1e-9;
const SWEEPS: usize = 5000;
const EVERY: usize = 10;
const MEMORY: usize = 6;

/// A value at the nodes.
pub(super) struct Valued {
    /// `[joint state][moment][state]`, states fastest.
    pub(super) value: Vec<f64>,
    /// Bound on its error, in units of the value, and what was asked for.
    pub(super) error: f64,
    pub(super) target: f64,
}

/// The places of next states, and their weights.
struct Next {
    cell: u32,
    low: f64,
    high: f64,
}

impl Household<'_> {
    /// The value of the policy, `reward`, `[joint state][moment][state]` in one row, being what it pays within a period.
    pub(super) fn value(&self, law: &Law, reward: &[f64]) -> Valued {
        let (nm, n, shocks) = (self.moments.nodes.len(), self.nodes.len(), self.shocks());
        let discount = self.discount();
        let states = law.states();
        let ahead_of = self.ahead(law);
        let next = self.policies().next;
        let slopes = self.slopes();
        let places: Vec<Next> = next.iter().map(|x| self.place(*x)).collect();
        // What the slopes add, which no sweep moves.
        let mut fixed = reward.to_vec();
        let mut ahead = vec![0.0; n];
        for m in 0..nm {
            for joint in 0..shocks {
                let from = (m * states + self.aggregate_of(joint)) * states;
                self.expected(&slopes, joint, &ahead_of[from..from + states], &mut ahead);
                let at = (joint * nm + m) * n;
                for k in 0..n {
                    let i = places[at + k].cell as usize;
                    let h = self.nodes[i + 1] - self.nodes[i];
                    let t = (next[at + k] - self.nodes[i]) / h;
                    let (a, b) = (t * (1.0 - t) * (1.0 - t), -t * t * (1.0 - t));
                    fixed[at + k] += discount * h * (a * ahead[i] + b * ahead[i + 1]);
                }
            }
        }
        let mut value: Vec<f64> = reward.iter().map(|r| r / (1.0 - discount)).collect();
        let mut new = value.clone();
        let mut anderson = Anderson::new(MEMORY);
        let weight = vec![1.0; value.len()];
        let (mut error, mut target, mut best) = (f64::INFINITY, 0.0, f64::INFINITY);
        for sweep in 0..SWEEPS {
            limits::poll();
            for m in 0..nm {
                for joint in 0..shocks {
                    let from = (m * states + self.aggregate_of(joint)) * states;
                    self.expected(&value, joint, &ahead_of[from..from + states], &mut ahead);
                    let at = (joint * nm + m) * n;
                    for k in at..at + n {
                        let p = &places[k];
                        let i = p.cell as usize;
                        new[k] = fixed[k] + discount * (p.low * ahead[i] + p.high * ahead[i + 1]);
                    }
                }
            }
            let (lo, hi) = span(&value, &new);
            let left = discount / (1.0 - discount);
            error = 0.5 * left * (hi - lo);
            target = TOLERANCE * (1.0 + new.iter().fold(0.0, |m: f64, v| m.max(v.abs())));
            let shift = 0.5 * left * (hi + lo);
            new.iter_mut().for_each(|v| *v += shift);
            if error <= target || !error.is_finite() {
                value.clone_from(&new);
                break;
            }
            if sweep % EVERY == EVERY - 1 {
                if !(error < best) {
                    anderson.forget();
                }
                best = error;
                let mixed = anderson.next(&value, &new, &weight);
                value.clone_from(&mixed);
            } else {
                std::mem::swap(&mut value, &mut new);
            }
        }
        Valued { value, error, target }
    }

    /// The cell of a next state, and the weights of the values at its ends.
    fn place(&self, x: f64) -> Next {
        let i = self.nodes.partition_point(|n| *n <= x).clamp(1, self.nodes.len() - 1) - 1;
        let t = ((x - self.nodes[i]) / (self.nodes[i + 1] - self.nodes[i])).clamp(0.0, 1.0);
        let high = t * t * (3.0 - 2.0 * t);
        Next {
            cell: i as u32,
            low: 1.0 - high,
            high,
        }
    }

    /// What is expected of a function of the next period, `[joint state][moment][state]`, at all nodes of the state; `to` has a place for
    /// each next aggregate state.
    fn expected(&self, of: &[f64], joint: usize, to: &[Between], out: &mut [f64]) {
        let (nm, n) = (self.moments.nodes.len(), self.nodes.len());
        out.fill(0.0);
        for (later, p) in self.problem().spec().chain.transition[joint]
            .iter()
            .enumerate()
            .filter(|(_, p)| **p > 0.0)
        {
            let b = to[self.aggregate_of(later)];
            let at = (later * nm + b.first) * n;
            for (w, own) in b.weight.iter().zip(of[at..at + b.many * n].chunks_exact(n)) {
                let w = w * p;
                out.iter_mut().zip(own).for_each(|(o, v)| *o += w * v);
            }
        }
    }
}
