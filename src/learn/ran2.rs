//! The generator `ran2` of Press, Teukolsky, Vetterling and Flannery (1992), *Numerical Recipes*, section 7.1: L'Ecuyer's
//! (1988) two combined sequences with a Bays-Durham shuffle.
//!
//! Only for programs of others that must be repeated number by number; econc itself draws from counters
//! (`num/random.rs`). Seeds are negative, as in the original; numbers come in double precision.

use serde::{Deserialize, Serialize};

const IM1: u64 = 2_147_483_563;
const IM2: u64 = 2_147_483_399;
const IA1: u64 = 40_014;
const IA2: u64 = 40_692;
const TABLE: usize = 32;
const DIVISOR: u64 = 1 + (IM1 - 1) / TABLE as u64;

/// A stream of `ran2`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran2 {
    first: u64,
    second: u64,
    table: [u64; TABLE],
    last: u64,
}

impl Ran2 {
    /// The stream that the original starts with `idum = -seed`; a seed of 0 is taken as 1.
    pub fn new(seed: u32) -> Ran2 {
        let start = u64::from(seed).max(1);
        let mut r = Ran2 {
            first: start,
            second: start,
            table: [0; TABLE],
            last: 0,
        };
        for j in (0..TABLE + 8).rev() {
            r.first = r.first * IA1 % IM1;
            if j < TABLE {
                r.table[j] = r.first;
            }
        }
        r.last = r.table[0];
        r
    }

    /// A number in (0, 1).
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        // Products below 2^64 need no splitting as in the original; the numbers are the same.
        self.first = self.first * IA1 % IM1;
        self.second = self.second * IA2 % IM2;
        let j = (self.last / DIVISOR) as usize % TABLE;
        self.last = if self.table[j] > self.second {
            self.table[j] - self.second
        } else {
            self.table[j] + (IM1 - 1) - self.second
        };
        self.table[j] = self.first;
        (self.last as f64 * (1.0 / IM1 as f64)).min(1.0 - 1.2e-7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sequences_are_the_linear_ones_and_the_numbers_are_uniform() {
        let mut r = Ran2::new(1);
        // After 40 warm-up steps the first sequence stands at 40014^40 mod m.
        let expected = (0..40).fold(1u64, |x, _| x * IA1 % IM1);
        assert_eq!(r.first, expected);
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|_| r.uniform()).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 5.0 / (12.0 * n as f64).sqrt());
        assert!(draws.iter().all(|u| *u > 0.0 && *u < 1.0));
    }
}
