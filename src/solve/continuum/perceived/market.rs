//! A market that clears in each period of a path: what members demand at each price, and the price at which nothing is left over.
//!
//! Prices stand on nodes that are finer than those of the members' problem. Between two of them what a member does lies on a straight line,
//! so that what all demand does, too, and the price that clears is found exactly: the members go on by what they demand at that price.

use super::budget::{Budget, Places, budgets};
use super::household::{Between, Household, Moments, Policies};
use super::member::Member;
use super::moments::Refusal;
use crate::solve::decision::Decision;
use crate::solve::problem::DecisionProblem;

/// Nodes of the price for each of the members' problem.
const FINER: usize = 4;

/// The market.
pub(super) struct Market {
    /// Nodes of the price.
    pub(super) prices: Moments,
    /// `[joint state][price]`
    budgets: Vec<Vec<Budget>>,
    /// What is left over by a member: constant, weight of its state, weight of its next state, `[joint state][price]`.
    left: Vec<Vec<[f64; 3]>>,
}

/// What was found in a period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cleared {
    /// The price, and where it stands among the nodes.
    pub(super) price: f64,
    pub(super) at: Between,
    /// Where no price of the nodes clears: what is left over at the lowest and at the highest.
    pub(super) left: Option<(f64, f64)>,
}

impl Market {
    /// The market of a member's price, on nodes between `moments`.
    ///
    /// # Errors
    /// Where what is left over, or the budget at these prices, is of another form.
    pub(super) fn new(
        problem: &Decision,
        places: Places,
        member: &Member,
        moments: &Moments,
    ) -> Result<Market, Refusal> {
        let mut nodes: Vec<f64> = Vec::new();
        for w in moments.nodes.windows(2) {
            nodes.extend((0..FINER).map(|i| {
                let t = i as f64 / FINER as f64;
                match moments.logs {
                    true => ((1.0 - t) * w[0].ln() + t * w[1].ln()).exp(),
                    false => (1.0 - t) * w[0] + t * w[1],
                }
            }));
        }
        nodes.extend(moments.nodes.last());
        let chain = &problem.spec().chain;
        let all: Option<Vec<Vec<Budget>>> = (0..chain.values.len())
            .map(|j| budgets(problem, places, j, &nodes))
            .collect();
        let budgets =
            all.ok_or_else(|| Refusal::new("what a member has next is not linear in what he has and chooses"))?;
        let mut left = member.left_over(&nodes, chain)?;
        // The action follows from both states.
        for (left, b) in left.iter_mut().flatten().zip(budgets.iter().flatten()) {
            let by_next = b.action[2] / b.next[2];
            let action = [
                b.action[0] - by_next * b.next[0],
                b.action[1] - by_next * b.next[1],
                by_next,
            ];
            *left = [
                left[0] + left[2] * action[0],
                left[1] + left[2] * action[1],
                left[2] * action[2],
            ];
        }
        Ok(Market {
            prices: Moments::new(&nodes, moments.logs),
            budgets,
            left,
        })
    }

    /// Next states at these prices, `[joint state][price][node]`.
    pub(super) fn policies(&self, household: &Household) -> Policies {
        let n = household.nodes.len();
        let mut next = Vec::with_capacity(self.budgets.len() * self.prices.nodes.len() * n);
        let mut c = vec![0.0; n];
        for (joint, own) in self.budgets.iter().enumerate() {
            for (q, b) in self.prices.nodes.iter().zip(own) {
                household.read(joint, household.moments.between(*q), &mut c);
                let [a, r, g] = b.next;
                let lowest = household.nodes[0];
                next.extend(
                    c.iter()
                        .zip(&household.nodes)
                        .map(|(c, x)| (a + r * x + g * c).max(lowest)),
                );
            }
        }
        Policies { next }
    }

    /// Finds the price. `left(k)` is what is left over at node `k`; the search begins at node `near`.
    pub(super) fn clear(&self, near: usize, mut left: impl FnMut(usize) -> f64) -> Cleared {
        let last = self.prices.nodes.len() - 1;
        let near = near.min(last - 1);
        let (mut low, mut high) = (near, near + 1);
        let (mut below, mut above) = (left(low), left(high));
        let mut way = 0;
        loop {
            // Between the ends of what was looked at, the pair of neighbours that was looked at last.
            if changes(below, above) {
                let share = if above == below { 0.0 } else { below / (below - above) };
                return self.at(low, share.clamp(0.0, 1.0), None);
            }
            // Demand falls in the price nearly always: the side is where less is left over.
            let up = if (below > 0.0) == (below > above) { 1 } else { -1 };
            let (to, from) = if up > 0 {
                (high + 1, high)
            } else {
                (low.wrapping_sub(1), low)
            };
            // Turning back, it would go on for ever.
            if to > last || way == -up {
                break;
            }
            way = up;
            let there = left(to);
            if up > 0 {
                (low, high, below, above) = (from, to, above, there);
            } else {
                (low, high, below, above) = (to, from, there, below);
            }
        }
        // From one end to the other.
        let all: Vec<f64> = (0..=last).map(&mut left).collect();
        match all.windows(2).position(|w| changes(w[0], w[1])) {
            Some(k) => {
                let share = if all[k] == all[k + 1] {
                    0.0
                } else {
                    all[k] / (all[k] - all[k + 1])
                };
                self.at(k, share.clamp(0.0, 1.0), None)
            }
            None => {
                let high = all[last].abs() < all[0].abs();
                self.at(
                    if high { last - 1 } else { 0 },
                    if high { 1.0 } else { 0.0 },
                    Some((all[0], all[last])),
                )
            }
        }
    }

    fn at(&self, first: usize, share: f64, left: Option<(f64, f64)>) -> Cleared {
        Cleared {
            price: self.prices.between_nodes(first, share),
            at: Between::straight(first, share),
            left,
        }
    }

    /// What a member in a joint state leaves over at a price: constant, weight of its state, weight of its next state.
    pub(super) fn left(&self, joint: usize, price: usize) -> [f64; 3] {
        self.left[joint][price]
    }
}

/// Whether a function passes 0 between two values of it.
fn changes(a: f64, b: f64) -> bool {
    a == 0.0 || b == 0.0 || (a > 0.0) != (b > 0.0) && a.is_finite() && b.is_finite()
}
