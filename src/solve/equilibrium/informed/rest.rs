//! Strategies at which conditions hold: Gauss-Newton steps on their coefficients.

use super::strategy::least_squares;
use super::{Kind, NODES, Solver};
use crate::limits;
use rayon::prelude::*;

/// Probability between neighbouring types of a difference, as a share of those who take part.
const STEP: f64 = 0.02;
/// The same where the end of what may be known is near, as a share of the probability up to it.
const INSIDE: f64 = 0.3;
/// Least size of the derivatives of a condition, as a share of the largest: a condition counts as much as another, though less is at stake for the type,
/// down to this. Where next to nothing is at stake rounding and ties are all there is.
const LEAST: f64 = 1e-3;
/// Most steps, the change of a strategy (a share of its largest number) at which they end, and the weight of curvature that nothing determines.
const STEPS: usize = 40;
const REST: f64 = 1e-4;
const CURVED: f64 = 4e-3;
/// Largest mean square of what is left of the conditions, as a share of the size of their derivatives.
const LEFT: f64 = 3e-2;

impl Solver<'_> {
    /// What is left of the first-order conditions, one number per kind and node.
    fn conditions(&self, kinds: &[Kind]) -> Vec<f64> {
        let mut out = Vec::new();
        for k in kinds {
            let own = k.members[0];
            let (lo, hi) = (self.game.lo[self.action(own)], self.game.hi[self.action(own)]);
            if k.strategy.free().is_empty() {
                continue;
            }
            let (law, (from, to)) = (self.law(k), self.shares(k));
            // Of those who take part.
            let quantile = |u: f64| law.map_or(f64::NAN, |d| d.quantile(from + (to - from) * u));
            let (unit, size) = (self.game.unit[self.action(own)], k.strategy.size());
            let even = (!self.game.steps).then(|| self.others(kinds, own, &|_| Vec::new()));
            let one = |j: usize| -> f64 {
                // Closer at the ends, where strategies bend; differences stay inside what may be known.
                let u = 0.5 - 0.5 * (std::f64::consts::PI * (j as f64 + 0.5) / NODES as f64).cos();
                let step = STEP.min(INSIDE * u.min(1.0 - u));
                let v = quantile(u);
                if let Some(others) = &even {
                    let x = k.strategy.of(v);
                    let h = 1e-4 * (size + x.abs());
                    let slope = (self.pays(own, v, x + h, others) - self.pays(own, v, x - h, others)) / (2.0 * h);
                    // A bound that the slope pushes against holds the choice.
                    return (x + unit * slope).clamp(lo, hi) - x;
                }
                // Who of the same kind knows about the same decides a contest.
                let at = |h: f64| from + (to - from) * (u + h);
                let cuts = |other: &Kind| match other.of == k.of {
                    true => vec![at(-2.0 * step), at(0.0), at(2.0 * step)],
                    false => Vec::new(),
                };
                let others = self.others(kinds, own, &cuts);
                let as_if = |u: f64| self.pays(own, v, k.strategy.of(quantile(u)), &others);
                let slope = |h: f64| (as_if(u + h) - as_if(u - h)) / (2.0 * h);
                (4.0 * slope(step) - slope(2.0 * step)) / 3.0
            };
            let left: Option<Vec<f64>> = (0..NODES).into_par_iter().map(|j| limits::going(|| one(j))).collect();
            out.extend(left.unwrap_or_else(|| limits::leave()));
        }
        out
    }

    /// Strategies that rest, of those who take part; whether the conditions then hold.
    pub(super) fn rest_with_entry(&self, kinds: &mut [Kind], share: f64) -> bool {
        if self.game.steps {
            self.stand_aside(kinds, share);
        }
        self.rest(kinds)
    }

    /// Takes Gauss-Newton steps until strategies rest; whether the conditions then hold.
    fn rest(&self, kinds: &mut [Kind]) -> bool {
        let put = |kinds: &mut [Kind], c: &[f64]| {
            let mut at = 0;
            for k in kinds.iter_mut() {
                let n = k.strategy.free().len();
                k.strategy.put(&c[at..at + n]);
                at += n;
            }
        };
        let mut c: Vec<f64> = kinds.iter().flat_map(|k| k.strategy.free().to_vec()).collect();
        let n = c.len();
        if n == 0 {
            return true;
        }
        // Which coefficients are of curvature.
        let curved: Vec<usize> = (kinds.iter())
            .flat_map(|k| (0..k.strategy.free().len()).map(|i| i + k.strategy.first() >= 2))
            .enumerate()
            .filter_map(|(i, c)| c.then_some(i))
            .collect();
        let mut weight: Option<f64> = None;
        let bent = |c: &[f64], w: f64| -> Vec<f64> { curved.iter().map(|i| w.sqrt() * c[*i]).collect() };
        let mut size = 0.0;
        let mut stakes: Vec<f64> = Vec::new();
        for step in 0..STEPS {
            limits::doing(format!("strategies as functions of what is known, step {}", step + 1));
            put(kinds, &c);
            let left = self.conditions(kinds);
            let scale = c.iter().map(|x| x.abs()).fold(1e-12, f64::max);
            let h = 1e-4 * scale;
            let mut columns: Vec<Vec<f64>> = Vec::new();
            for i in 0..n {
                let mut at = |by: f64| {
                    let mut d = c.clone();
                    d[i] += by;
                    put(kinds, &d);
                    self.conditions(kinds)
                };
                let (up, down) = (at(h), at(-h));
                columns.push(up.iter().zip(&down).map(|(u, d)| (u - d) / (2.0 * h)).collect());
            }
            if left.iter().chain(columns.iter().flatten()).any(|x| !x.is_finite()) {
                return false;
            }
            stakes = sizes(&columns, &curved);
            let left = over(left, &stakes);
            let columns: Vec<Vec<f64>> = columns.into_iter().map(|c| over(c, &stakes)).collect();
            let squares: f64 = columns.iter().flatten().map(|x| x * x).sum();
            size = (squares / (left.len() * n) as f64).sqrt();
            let w = *weight.get_or_insert(CURVED * size * size);
            let mut rows: Vec<Vec<f64>> = (0..left.len())
                .map(|r| columns.iter().map(|c| c[r]).collect())
                .collect();
            for i in &curved {
                rows.push((0..n).map(|j| if *i == j { w.sqrt() } else { 0.0 }).collect());
            }
            let now: Vec<f64> = left.iter().copied().chain(bent(&c, w)).collect();
            let to: Vec<f64> = now.iter().map(|x| -x).collect();
            let d = least_squares(&rows, &to);
            let sum = |f: &[f64]| f.iter().map(|x| x * x).sum::<f64>();
            let mut part = 1.0;
            let better = loop {
                let next: Vec<f64> = c.iter().zip(&d).map(|(c, d)| c + part * d).collect();
                put(kinds, &next);
                let mut f = over(self.conditions(kinds), &stakes);
                f.extend(bent(&next, w));
                if sum(&f) < sum(&now) {
                    break Some(next);
                }
                part *= 0.5;
                if part < 1e-3 {
                    break None;
                }
            };
            let Some(next) = better else { break };
            let moved = next.iter().zip(&c).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            c = next;
            if moved < REST * scale {
                break;
            }
        }
        put(kinds, &c);
        let left = over(self.conditions(kinds), &stakes);
        let mean = (left.iter().map(|x| x * x).sum::<f64>() / left.len().max(1) as f64).sqrt();
        let scale = c.iter().map(|x| x.abs()).fold(1e-12, f64::max);
        mean <= LEFT * size * scale
    }
}

/// The size of the derivatives of each condition with respect to levels and slopes of strategies, `columns` having one number per condition for every
/// coefficient: those of curvature are large at the ends whatever is at stake there.
fn sizes(columns: &[Vec<f64>], curved: &[usize]) -> Vec<f64> {
    let rows = columns.first().map_or(0, Vec::len);
    let plain = || (0..columns.len()).filter(|i| !curved.contains(i));
    let size = |r: usize| plain().map(|i| columns[i][r] * columns[i][r]).sum::<f64>().sqrt();
    let all: Vec<f64> = (0..rows).map(size).collect();
    let least = LEAST * all.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(*x));
    all.into_iter().map(|x| x.max(least)).collect()
}

/// Each number as a share of its size.
fn over(values: Vec<f64>, sizes: &[f64]) -> Vec<f64> {
    values.into_iter().zip(sizes).map(|(x, s)| x / s).collect()
}
