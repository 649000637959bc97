//! How a whole population moves in a period: what may happen to each member, one lottery for every branch, and the newborn who take the
//! places of those whose lives end.

use super::histogram::{Lottery, Nodes, chains};

/// Most periods that a cohort is followed, and what is left of it that counts as none.
const LONGEST: usize = 20_000;
const NOBODY: f64 = 1e-15;

/// One thing that may happen: its chance at each place, and where it leads.
pub struct Branch {
    /// One number per place.
    pub chance: Vec<f64>,
    /// Where it leads.
    pub to: Lottery,
}

/// The moves of a population.
pub struct Flow {
    /// What may happen to those who live on.
    pub branches: Vec<Branch>,
    /// The chance that a life ends, one number per place; empty where none does.
    pub ends: Vec<f64>,
    /// Where the newborn begin, one number per place, summing to 1; empty where nobody is born.
    pub born: Vec<f64>,
    /// `[chain state][next chain state]`
    pub transition: Vec<Vec<f64>>,
}

impl Flow {
    /// Moves `mass` (one number per place) a period; `out` is where it then is.
    pub fn forward(&self, nodes: &Nodes, mass: &[f64], out: &mut [f64]) {
        if let ([one], true) = (self.branches.as_slice(), self.ends.is_empty()) {
            one.to.forward(mass, &self.transition, out);
            return;
        }
        let mut moved = vec![0.0; mass.len()];
        let mut happens = vec![0.0; mass.len()];
        for branch in &self.branches {
            for ((h, m), c) in happens.iter_mut().zip(mass).zip(&branch.chance) {
                *h = m * c;
            }
            branch.to.lead(&happens, &mut moved);
        }
        chains(&moved, &self.transition, out);
        let dead: f64 = self.ends.iter().zip(mass).map(|(e, m)| e * m).sum();
        if dead != 0.0 {
            out.iter_mut().zip(&self.born).for_each(|(o, b)| *o += dead * b);
        }
        debug_assert_eq!(out.len(), nodes.places());
    }

    /// Where members are, who were all born in the same way: one cohort is followed from birth until nobody of it lives, and in each period those of all
    /// ages are side by side. One number per place, summing to 1; `None` where nobody is born, or where some live for ever.
    pub fn by_cohort(&self, nodes: &Nodes) -> Option<Vec<f64>> {
        if self.born.is_empty() {
            return None;
        }
        let (mut cohort, mut all) = (self.born.clone(), self.born.clone());
        let (mut happens, mut moved) = (vec![0.0; all.len()], vec![0.0; all.len()]);
        for _ in 0..LONGEST {
            crate::limits::poll();
            moved.fill(0.0);
            for branch in &self.branches {
                for ((h, m), c) in happens.iter_mut().zip(&cohort).zip(&branch.chance) {
                    *h = m * c;
                }
                branch.to.lead(&happens, &mut moved);
            }
            chains(&moved, &self.transition, &mut cohort);
            all.iter_mut().zip(&cohort).for_each(|(a, c)| *a += c);
            if cohort.iter().sum::<f64>() < NOBODY {
                let sum: f64 = all.iter().sum();
                all.iter_mut().for_each(|a| *a /= sum);
                debug_assert_eq!(all.len(), nodes.places());
                return Some(all);
            }
        }
        None
    }

    /// The share of members, `mass` as in the histogram (one share per node and joint shock state), who are at the lowest node of a state itself in the
    /// next period. The mass of that node is more: members who are a little above have a part of theirs there. Who goes there is told by where the line through
    /// the first two next states that are clearly above the node meets it: between nodes a policy is smooth across its own kink, and next states just below it
    /// are a trifle above or below the limit. The mass of a node lies evenly around it.
    pub fn at_lowest(&self, nodes: &Nodes, mass: &[f64], state: usize) -> f64 {
        let first = |place: &usize| nodes.index(place / nodes.shocks(), state) == 0;
        let one = |b: &Branch| -> f64 {
            let columns = (0..mass.len()).filter(first);
            columns.map(|place| held(nodes, b, mass, (place, state))).sum()
        };
        let dead: f64 = self.ends.iter().zip(mass).map(|(e, m)| e * m).sum();
        let born: f64 = (self.born.iter().enumerate().filter(|(place, _)| first(place)))
            .map(|(_, b)| dead * b)
            .sum();
        self.branches.iter().map(one).sum::<f64>() + born
    }

    /// The share of members, `mass` being `[node][shock]` in one row as in the histogram, whose next state lies beyond the nodes.
    pub fn beyond(&self, mass: &[f64]) -> f64 {
        let one = |b: &Branch| -> f64 {
            let lost = b.to.beyond.iter().zip(mass).zip(&b.chance);
            lost.filter(|((beyond, _), _)| **beyond).map(|((_, m), c)| m * c).sum()
        };
        self.branches.iter().map(one).sum()
    }
}

/// A next state less than this share of the lowest cell above the lowest node is not clearly above it.
pub const NEAR: f64 = 0.1;

/// The mass of a column of places, from the lowest node of a state (at `place`) up, that one branch leads to that node itself.
fn held(nodes: &Nodes, b: &Branch, mass: &[f64], (place, state): (usize, usize)) -> f64 {
    let axis = &nodes.axes()[state];
    let column: Vec<usize> = std::iter::successors(Some(place), |p| nodes.above(*p, state)).collect();
    let happens = |i: usize| mass[column[i]] * b.chance[column[i]];
    let n = column.len();
    if n == 1 {
        return happens(0);
    }
    let next = |i: usize| b.to.next(nodes, column[i], state) - axis[0];
    let Some(free) = (0..n).find(|i| next(*i) > NEAR * (axis[1] - axis[0])) else {
        return (0..n).map(happens).sum();
    };
    if free == 0 {
        return 0.0;
    }
    let leaves = match free + 1 < n {
        true => {
            let slope = (next(free + 1) - next(free)) / (axis[free + 1] - axis[free]);
            axis[free] - next(free) / slope
        }
        false => f64::NAN,
    };
    let middle = |i: usize| 0.5 * (axis[i] + axis[i + 1]);
    let leaves = match leaves.is_nan() {
        true => middle(free - 1),
        false => leaves.clamp(axis[free.saturating_sub(2)], axis[free]),
    };
    // Half of what lies in the lowest cell is at its lower node, so that less than half of the cell takes some of that away.
    let lowest = happens(0) - (middle(0) - leaves).max(0.0) / (axis[1] - axis[0]) * happens(1);
    let above = (1..=free).map(|i| {
        let end = if i + 1 < n { middle(i) } else { axis[i] };
        happens(i) * ((leaves - middle(i - 1)) / (end - middle(i - 1))).clamp(0.0, 1.0)
    });
    let all = lowest.max(0.0) + above.sum::<f64>();
    fault!("evaluation.stayers_only", happens(0), all)
}
