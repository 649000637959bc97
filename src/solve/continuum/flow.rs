//! How a whole population moves in a period: what may happen to each member, one lottery for every branch, and the newborn who take the
//! places of those whose lives end.

use super::histogram::{Lottery, Nodes, chains};

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

    /// The share of members, `mass` as in the histogram (one share per node and joint shock state), who are at the lowest node of a state itself in the
    /// next period. The mass of that node is more: members who are a little above have a part of theirs there. Between the last node that leads there
    /// and the first that does not, members count up to where the next state leaves the lowest node, as if they stood evenly between the two.
    pub fn at_lowest(&self, nodes: &Nodes, mass: &[f64], state: usize) -> f64 {
        let lowest = |place: usize| nodes.index(place / nodes.shocks(), state) == 0;
        let one = |b: &Branch| -> f64 {
            let held = |place: usize| b.to.to_lowest(nodes, place, state);
            let all = (0..mass.len()).filter(|place| mass[*place] * b.chance[*place] > 0.0 && held(*place));
            all.map(|place| {
                let above = nodes.above(place, state).filter(|above| !held(*above));
                let cell = above.map_or(0.0, |above| {
                    let between = match lowest(place) {
                        true => mass[above],
                        false => 0.5 * (mass[place] + mass[above]),
                    };
                    (self.leaves(nodes, b, above, state) - 0.5) * between
                });
                (mass[place] + cell).max(0.0) * b.chance[place]
            })
            .sum()
        };
        let dead: f64 = self.ends.iter().zip(mass).map(|(e, m)| e * m).sum();
        let born: f64 = (self.born.iter().enumerate().filter(|(place, _)| lowest(*place)))
            .map(|(_, b)| dead * b)
            .sum();
        self.branches.iter().map(one).sum::<f64>() + born
    }

    /// At which share of the way up to `above`, the first place that does not lead to the lowest node of a state, the next state leaves that node: by the line
    /// through it and the next place.
    fn leaves(&self, nodes: &Nodes, b: &Branch, above: usize, state: usize) -> f64 {
        let axis = &nodes.axes()[state];
        let at = nodes.index(above / nodes.shocks(), state);
        let (Some(next), true) = (nodes.above(above, state), at > 0) else {
            return 0.5;
        };
        let [first, second] = [above, next].map(|place| b.to.next(nodes, place, state) - axis[0]);
        let slope = (second - first) / (axis[at + 1] - axis[at]);
        let back = first / slope / (axis[at] - axis[at - 1]);
        if back.is_finite() {
            1.0 - back.clamp(0.0, 1.0)
        } else {
            0.5
        }
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
