//! What others may know and do, drawn evenly, and what a choice then pays.

use super::{Kind, Solver};
use crate::kernel::exec::Workspace;
use crate::limits;
use crate::num::lattice;
use crate::solve::kinked::lanes;

/// Columns of inputs, one number per draw, and the weights of the draws (equal ones where there are none).
pub(super) struct Others {
    columns: Vec<(usize, Vec<f64>)>,
    weights: Option<Vec<f64>>,
}

/// Draws beyond a lattice's, one after another: multiples of square roots of primes (Niederreiter 1992).
const PRIMES: [u32; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];

/// Dimension `d` of draw `l` of `n`, folded so that both ends are alike.
fn spread(d: usize, l: usize, n: usize) -> f64 {
    let more = || ((l as f64 + 0.5) * f64::from(PRIMES[d % PRIMES.len()]).sqrt()).fract();
    let u = lattice::point(d, l, n, 0.5 / n as f64).unwrap_or_else(more);
    1.0 - (2.0 * u - 1.0).abs()
}

/// Fewest draws of every combination of parts, as a power of two.
const EACH: u32 = 4;

/// One other who chooses.
struct Other<'k> {
    kind: &'k Kind,
    chooser: usize,
    /// The ends of the parts of what it may know, as probabilities; their number is a power of two.
    parts: Vec<f64>,
    /// The bits of a draw's number that say which part.
    bits: (u32, u32),
}

impl Solver<'_> {
    /// Evenly spread draws of what everybody but `own` knows, with what they then choose. `cuts` divides what those of a kind may know into one,
    /// two or four parts (probabilities, ascending): every combination of parts has as many draws as every other, however unlikely it is, and
    /// weights make up for it.
    pub(super) fn others(&self, kinds: &[Kind], own: usize, cuts: &dyn Fn(&Kind) -> Vec<f64>) -> Others {
        let draws = self.draws;
        let room = draws.ilog2().saturating_sub(EACH);
        let mut used = 0;
        let mut all: Vec<Other> = Vec::new();
        for kind in kinds {
            let mut parts = vec![0.0, 1.0];
            parts.splice(1..1, cuts(kind));
            let bits = (parts.len() - 1).ilog2();
            for chooser in kind.members.iter().copied().filter(|c| *c != own) {
                let fits = used + bits <= room;
                all.push(Other {
                    kind,
                    chooser,
                    parts: if fits { parts.clone() } else { vec![0.0, 1.0] },
                    bits: if fits { (used, bits) } else { (0, 0) },
                });
                used += if fits { bits } else { 0 };
            }
        }
        let mut weights: Option<Vec<f64>> = (used > 0).then(|| vec![1.0; draws]);
        let mut columns = Vec::new();
        for (d, other) in all.iter().enumerate() {
            let sees = &self.game.types[self.game.choosers[other.chooser].sees[0]];
            let number = other.parts.len() - 1;
            let mut known = Vec::with_capacity(draws);
            for l in 0..draws {
                let part = l >> other.bits.0 & (number - 1);
                let (lo, hi) = (other.parts[part], other.parts[part + 1]);
                if let Some(w) = weights.as_mut().filter(|_| number > 1) {
                    w[l] *= number as f64 * (hi - lo);
                }
                let u = lo + (hi - lo) * spread(d, l >> used, draws >> used);
                let u = u.clamp(1e-12, 1.0 - 1e-12);
                known.push(sees.continuous.as_ref().map_or(f64::NAN, |law| law.quantile(u)));
            }
            let does = known.iter().map(|v| other.kind.strategy.of(*v)).collect();
            columns.push((self.game.chance.actions[self.action(other.chooser)], does));
            columns.push((sees.input, known));
        }
        Others { columns, weights }
    }

    /// Evenly spread draws of what everybody but `own` knows and, whatever that is, chooses.
    pub(super) fn anything(&self, own: usize) -> Others {
        let draws = self.draws;
        let mut columns = Vec::new();
        let others = (0..self.game.choosers.len()).filter(|c| *c != own);
        for (d, c) in others.enumerate() {
            let a = self.action(c);
            let sees = &self.game.types[self.game.choosers[c].sees[0]];
            let at = |k: usize| -> Vec<f64> { (0..draws).map(|l| spread(k, l, draws)).collect() };
            let (lo, hi) = (self.game.lo[a], self.game.hi[a]);
            let does = at(2 * d).into_iter().map(|u| lo + u * (hi - lo)).collect();
            let law = sees.continuous.as_ref();
            let quantile = |u: f64| law.map_or(f64::NAN, |l| l.quantile(u.clamp(1e-12, 1.0 - 1e-12)));
            columns.push((self.game.chance.actions[a], does));
            columns.push((sees.input, at(2 * d + 1).into_iter().map(quantile).collect()));
        }
        Others { columns, weights: None }
    }

    /// What choosing `x` pays who knows `v`, on average over the draws of others and over what chance brings.
    pub(super) fn pays(&self, own: usize, v: f64, x: f64, others: &Others) -> f64 {
        let each = self.pays_each(own, v, x, others);
        let n = self.draws as f64;
        match &others.weights {
            None => each.iter().sum::<f64>() / n,
            Some(w) => each.iter().zip(w).map(|(p, w)| p * w).sum::<f64>() / n,
        }
    }

    /// The same for each draw.
    pub(super) fn pays_each(&self, own: usize, v: f64, x: f64, others: &Others) -> Vec<f64> {
        let draws = self.draws;
        let (chance, drawn) = (&self.game.chance, &self.game.drawn);
        let mut space = Workspace::new();
        let fixed = vec![0.0; chance.inputs];
        let constant = |x: f64| vec![x; draws];
        let (chosen, known, zero) = (constant(x), constant(v), constant(0.0));
        let mut out = vec![0.0; draws];
        for (o, weight) in drawn.weights.iter().enumerate() {
            limits::poll();
            let brought: Vec<(usize, Vec<f64>)> = drawn.columns.iter().map(|(i, v)| (*i, constant(v[o]))).collect();
            let mut columns: Vec<(usize, &[f64])> = (0..chance.inputs).map(|i| (i, zero.as_slice())).collect();
            for (i, v) in others.columns.iter().chain(&brought) {
                columns[*i].1 = v;
            }
            columns[chance.actions[self.action(own)]].1 = &chosen;
            columns[self.game.types[self.game.choosers[own].sees[0]].input].1 = &known;
            let paid = lanes(&self.game.wide[own], &fixed, &columns, draws, &mut space);
            out.iter_mut().zip(&paid[0]).for_each(|(sum, p)| *sum += weight * p);
        }
        out
    }
}
