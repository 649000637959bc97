//! The number along which a strategy is a polynomial: what knowing something is worth, and not how it is written down.
//!
//! Who knows `u` and values a good at `sqrt(u)` bids a smooth function of the value, not of `u`, whose root is too steep at its end for any
//! polynomial. What a fixed choice pays, on average over whatever others may do, moves with what is known as the value does.

use super::{Solver, TAIL};
use crate::check::model::Distribution;
use rayon::prelude::*;

/// Values of what is known between which it is interpolated, closer and closer at both ends.
const POINTS: usize = 513;
/// Own choices whose pay is averaged, as shares of the interval.
const CHOICES: [f64; 5] = [0.05, 0.2, 0.4, 0.6, 0.8];
/// Draws of whatever others may do.
const DRAWS: usize = 256;
/// Largest share of the points between which nothing moves: of those nothing is known.
const FLAT: f64 = 0.05;

/// What is known, and the number along which strategies are polynomials.
#[derive(Clone, Debug)]
pub(super) struct Coordinate {
    /// Ascending.
    known: Vec<f64>,
    /// One way, up or down; empty where it is what is known itself.
    worth: Vec<f64>,
}

impl Coordinate {
    /// What is known itself.
    pub(super) fn plain() -> Coordinate {
        Coordinate {
            known: Vec::new(),
            worth: Vec::new(),
        }
    }

    /// The number at `v`.
    pub(super) fn of(&self, v: f64) -> f64 {
        if self.worth.is_empty() {
            return v;
        }
        let last = self.known.len() - 1;
        let k = self.known.partition_point(|x| *x <= v).clamp(1, last);
        let (lo, hi) = (self.known[k - 1], self.known[k]);
        let share = ((v - lo) / (hi - lo)).clamp(0.0, 1.0);
        self.worth[k - 1] + share * (self.worth[k] - self.worth[k - 1])
    }

    /// From values of what is known, ascending, and what each is worth; plain where that does not move one way.
    fn tabulated(known: Vec<f64>, worth: Vec<f64>) -> Coordinate {
        let steps: Vec<f64> = worth.windows(2).map(|w| w[1] - w[0]).collect();
        let ascends = known.windows(2).all(|w| w[1] > w[0]);
        let (size, way) = (
            worth.iter().fold(0.0f64, |m, x| m.max(x.abs())),
            worth.last().unwrap_or(&0.0) - worth.first().unwrap_or(&0.0),
        );
        let same = 1e-13 * size;
        let one_way = steps.iter().all(|s| s * way.signum() >= -same);
        let flat = steps.iter().filter(|s| s.abs() <= same).count();
        let fine = way.is_finite() && way.abs() > 1e-6 * size && one_way && flat as f64 <= FLAT * steps.len() as f64;
        if !ascends || !fine {
            return Coordinate::plain();
        }
        Coordinate { known, worth }
    }
}

/// Probabilities from `TAIL` on, closer and closer at both ends.
fn graded(k: usize) -> f64 {
    let x = k as f64 / (POINTS - 1) as f64;
    let end = |x: f64| 0.5 * (2.0 * x).powi(4);
    TAIL + (1.0 - 2.0 * TAIL) * if x <= 0.5 { end(x) } else { 1.0 - end(1.0 - x) }
}

impl Solver<'_> {
    /// The number along which whoever chooses plays a polynomial.
    pub(super) fn coordinate(&self, own: usize, law: Option<&Distribution>) -> Coordinate {
        let Some(law) = law else {
            return Coordinate::plain();
        };
        let a = self.action(own);
        let (lo, hi) = (self.game.lo[a], self.game.hi[a]);
        if !(hi - lo).is_finite() {
            return Coordinate::plain();
        }
        let small = Solver {
            game: self.game,
            draws: DRAWS,
        };
        let others = small.anything(own);
        let mut known: Vec<f64> = (0..POINTS).map(|k| law.quantile(graded(k))).collect();
        known.dedup();
        let pays = |v: &f64| -> f64 {
            let one = |share: &f64| small.pays(own, *v, lo + share * (hi - lo), &others);
            CHOICES.iter().map(one).sum()
        };
        let worth: Vec<f64> = known.par_iter().map(pays).collect();
        Coordinate::tabulated(known, worth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_moves_one_way_and_is_what_is_known_elsewhere() {
        let known: Vec<f64> = (0..POINTS).map(graded).collect();
        let of = |f: fn(f64) -> f64| Coordinate::tabulated(known.clone(), known.iter().map(|u| f(*u)).collect());
        for u in [1e-3, 0.03, 0.4, 0.97] {
            assert!((of(|u| 3.0 * u.sqrt() - 1.0).of(u) - (3.0 * u.sqrt() - 1.0)).abs() < 1e-4);
            assert!((of(|u| -u.powi(3)).of(u) + u.powi(3)).abs() < 1e-4);
            // Neither one way, nor moving, nor a number.
            assert_eq!(of(|u| (u - 0.5).abs()).of(u), u);
            assert_eq!(of(|u| u.min(0.5)).of(u), u);
            assert_eq!(of(|_| 1.0).of(u), u);
            assert_eq!(of(|u| (u - 0.5).sqrt()).of(u), u);
        }
    }
}
