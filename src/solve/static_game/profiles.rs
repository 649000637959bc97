//! Profiles of a one-shot game beside one another: whether they are one with members exchanged, and whether equilibria lie in a continuum.

use super::game::Game;
use super::near;
use crate::num::optimise::spread;

/// How often a stretch between an equilibrium and the one next to it is halved, and how many stretches.
const HALVES: usize = 4;
const STRETCHES: usize = 4;

impl Game {
    /// The choosers of an agent of the model.
    fn members(&self, agent: usize) -> Vec<usize> {
        let of = |c: &usize| self.choosers[*c].agent == agent;
        (0..self.choosers.len()).filter(of).collect()
    }

    /// For each agent of the model (up to the last that chooses) whether everybody is paid the same with two of its members exchanged, at
    /// some profiles without a pattern.
    pub(super) fn exchangeable(&self) -> Vec<bool> {
        let agents = self.choosers.iter().map(|c| c.agent + 1).max().unwrap_or(0);
        let n = self.lo.len();
        let mut unit = vec![0.5; n];
        let mut same = |c: usize, d: usize| {
            let (own, other) = (&self.choosers[c].actions, &self.choosers[d].actions);
            own.len() == other.len()
                && (3..7).all(|k| {
                    spread(k, n, &mut unit);
                    let x: Vec<f64> = (0..n)
                        .map(|i| self.lo[i] + unit[i] * (self.hi[i] - self.lo[i]))
                        .collect();
                    let mut y = x.clone();
                    own.iter().zip(other).for_each(|(a, b)| y.swap(*a, *b));
                    (0..self.choosers.len()).all(|e| {
                        let there = if e == c {
                            d
                        } else if e == d {
                            c
                        } else {
                            e
                        };
                        let paid = |e: usize, x: &[f64]| self.choosers[e].actions.first().map(|a| self.pays(*a, x, x));
                        match (paid(e, &x), paid(there, &y)) {
                            (Some(p), Some(q)) => !((p - q).abs() > 1e-9 * (1.0 + p.abs())),
                            _ => true,
                        }
                    })
                })
        };
        (0..agents)
            .map(|a| self.members(a).windows(2).all(|w| same(w[0], w[1])))
            .collect()
    }

    /// Whether two profiles (one number per action) are the same, within a relative distance, with members of `exchangeable` agents exchanged.
    pub(super) fn exchanged(&self, x: &[f64], y: &[f64], exchangeable: &[bool], within: f64) -> bool {
        let of = |x: &[f64], c: usize| -> Vec<f64> { self.choosers[c].actions.iter().map(|a| x[*a]).collect() };
        (0..exchangeable.len()).all(|agent| {
            let members = self.members(agent);
            let mut left = members.clone();
            members.iter().all(|c| {
                let own = of(x, *c);
                let fits = |d: &usize| (exchangeable[agent] || d == c) && near(&own, &of(y, *d), within);
                left.iter().position(fits).map(|k| left.swap_remove(k)).is_some()
            })
        })
    }

    /// Whether some of these equilibria, `[equilibrium][action]`, are points of a continuum: between two of them there is another, again and again.
    pub(in crate::solve) fn continuum(&self, found: &[Vec<f64>]) -> bool {
        if self.rough || found.len() < 2 {
            return false;
        }
        let distance = |x: &[f64], y: &[f64]| {
            let each = x.iter().zip(y).map(|(a, b)| (a - b).abs() / (1.0 + a.abs()));
            each.fold(0.0, f64::max)
        };
        let nearest = |k: usize| {
            let others = (0..found.len()).filter(|j| *j != k);
            others.min_by(|a, b| distance(&found[k], &found[*a]).total_cmp(&distance(&found[k], &found[*b])))
        };
        (0..found.len().min(STRETCHES))
            .filter_map(|k| Some((k, nearest(k)?)))
            .any(|(k, j)| {
                let mut to = found[j].clone();
                (0..HALVES).all(|_| {
                    let from = &found[k];
                    let far = distance(from, &to);
                    let middle: Vec<f64> = from.iter().zip(&to).map(|(a, b)| 0.5 * (a + b)).collect();
                    let between = match self.is_best(&middle) {
                        true => Some(middle),
                        false => self.led_on(&middle, 0.4 * far).filter(|x| self.is_best(x)),
                    };
                    let inner = |d: f64| d > 0.1 * far && d < 0.75 * far;
                    let other = between.filter(|x| inner(distance(from, x)) && inner(distance(x, &to)));
                    other.is_some_and(|x| {
                        to = x;
                        true
                    })
                })
            })
    }
}
