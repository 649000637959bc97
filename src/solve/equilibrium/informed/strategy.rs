//! What one does as a function of what one knows: a polynomial for those who take part, one choice for those who stand aside.

use super::coordinate::Coordinate;
use crate::num::linear::closest;
use nalgebra::{DMatrix, DVector};
use std::sync::Arc;

/// Degree of the polynomial.
pub(super) const DEGREE: usize = 8;

/// What one who knows something does.
#[derive(Clone, Debug)]
pub(super) struct Strategy {
    /// The number along which it is a polynomial.
    pub(super) along: Arc<Coordinate>,
    /// Coefficients over Chebyshev polynomials on the range of those who take part.
    pub(super) coefficients: Vec<f64>,
    /// What those know who take part, from and to.
    pub(super) range: (f64, f64),
    /// The ends of what they choose from.
    pub(super) between: (f64, f64),
    /// Who does not take part, if some do not.
    pub(super) aside: Option<Aside>,
}

/// Those who stand aside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Aside {
    /// Whoever knows this is as well off either way, and takes part.
    pub(super) at: f64,
    /// Whether those above it take part, or those below it.
    pub(super) above: bool,
    /// What those do who stand aside.
    pub(super) does: f64,
    /// What whoever is as well off does who takes part.
    pub(super) entry: f64,
}

impl Aside {
    /// Whether whoever knows `v` takes part.
    pub(super) fn takes_part(&self, v: f64) -> bool {
        if self.above { v >= self.at } else { v <= self.at }
    }
}

impl Strategy {
    /// One that comes closest to `y` at `nodes`, one number each.
    pub(super) fn fitted(
        along: Arc<Coordinate>,
        (range, between): ((f64, f64), (f64, f64)),
        nodes: &[f64],
        y: &[f64],
    ) -> Strategy {
        let mut out = Strategy {
            along,
            coefficients: vec![0.0; DEGREE + 1],
            range,
            between,
            aside: None,
        };
        let rows: Vec<Vec<f64>> = nodes.iter().map(|v| out.basis(*v).to_vec()).collect();
        out.coefficients = least_squares(&rows, y);
        out
    }

    /// The same for those who take part, from the entry on with a slope of `share`.
    pub(super) fn entered(
        along: Arc<Coordinate>,
        (whole, between): ((f64, f64), (f64, f64)),
        aside: Aside,
        share: f64,
    ) -> Strategy {
        let range = if aside.above {
            (aside.at, whole.1)
        } else {
            (whole.0, aside.at)
        };
        let mut coefficients = vec![0.0; DEGREE + 1];
        coefficients[0] = aside.entry;
        coefficients[1] = 0.5 * share * (range.1 - range.0).max(0.0);
        Strategy {
            along,
            coefficients,
            range,
            between,
            aside: Some(aside),
        }
    }

    /// The first coefficient that is free: the entry is given.
    pub(super) fn first(&self) -> usize {
        usize::from(self.aside.is_some())
    }

    /// The coefficients that are free, one number each; none where nobody takes part.
    pub(super) fn free(&self) -> &[f64] {
        match self.range.1 > self.range.0 {
            true => &self.coefficients[self.first()..],
            false => &[],
        }
    }

    /// The size of what is chosen.
    pub(super) fn size(&self) -> f64 {
        self.coefficients.iter().map(|c| c.abs()).fold(1e-12, f64::max)
    }

    /// Puts the free coefficients, as many as [`Strategy::free`] gives.
    pub(super) fn put(&mut self, free: &[f64]) {
        let first = self.first();
        for (c, x) in self.coefficients[first..].iter_mut().zip(free) {
            *c = *x;
        }
    }

    /// The Chebyshev polynomials at `v`; those after the first are zero at the entry.
    fn basis(&self, v: f64) -> [f64; DEGREE + 1] {
        let (lo, hi) = (self.along.of(self.range.0), self.along.of(self.range.1));
        let x = (2.0 * (self.along.of(v) - lo) / (hi - lo) - 1.0).clamp(-1.0, 1.0);
        let mut out = [1.0; DEGREE + 1];
        out[1] = x;
        for k in 2..=DEGREE {
            out[k] = 2.0 * x * out[k - 1] - out[k - 2];
        }
        if let Some(aside) = &self.aside {
            for (k, b) in out.iter_mut().enumerate().skip(1) {
                *b -= if aside.above && k % 2 == 1 { -1.0 } else { 1.0 };
            }
        }
        out
    }

    /// What one does who knows `v`.
    pub(super) fn of(&self, v: f64) -> f64 {
        if let Some(aside) = self.aside.filter(|a| !a.takes_part(v)) {
            return aside.does;
        }
        let x: f64 = self.coefficients.iter().zip(self.basis(v)).map(|(c, b)| c * b).sum();
        x.clamp(self.between.0, self.between.1)
    }
}

/// The coefficients whose sums of columns come closest to `y`, which has one number per row.
pub(super) fn least_squares(rows: &[Vec<f64>], y: &[f64]) -> Vec<f64> {
    let n = rows.first().map_or(0, Vec::len);
    let a = DMatrix::from_fn(rows.len(), n, |i, j| rows[i][j]);
    let b = DVector::from_fn(rows.len(), |i, _| y[i]);
    let solved = closest(a, &b, 1e-12);
    solved.map_or_else(|| vec![0.0; n], |x| x.as_slice().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_as_well_off_enters_at_the_entry_and_others_stand_aside() {
        for above in [true, false] {
            let aside = Aside {
                at: 0.4,
                above,
                does: 7.0,
                entry: 0.25,
            };
            let mut s = Strategy::entered(Arc::new(Coordinate::plain()), ((0.0, 1.0), (0.0, 9.0)), aside, 0.5);
            s.put(&[0.3, -0.2, 0.1, 0.05]);
            assert!((s.of(0.4) - 0.25).abs() < 1e-15, "{above}: {}", s.of(0.4));
            let (inside, outside) = if above { (0.41, 0.39) } else { (0.39, 0.41) };
            assert!(s.of(outside) == 7.0 && (s.of(inside) - 0.25).abs() < 0.2);
        }
    }
}
