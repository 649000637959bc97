//! Anderson acceleration of a fixed point (Anderson 1965, *J. ACM* 12; Walker and Ni 2011, *SIAM J. Numer. Anal.* 49): the next point is
//! the mixture of the last ones whose changes cancel best, in weighted least squares.

use nalgebra::{DMatrix, DVector};
use std::collections::VecDeque;

/// Ridge of the least squares, relative to the largest diagonal entry: what keeps nearly equal changes from blowing up.
const RIDGE: f64 = 1e-14;

/// The last points of an iteration.
pub struct Anderson {
    memory: usize,
    last: Option<(Vec<f64>, Vec<f64>)>,
    /// Differences of residuals and of images, the oldest first.
    differences: VecDeque<(Vec<f64>, Vec<f64>)>,
}

impl Anderson {
    /// With `memory` differences at most.
    pub fn new(memory: usize) -> Anderson {
        Anderson {
            memory,
            last: None,
            differences: VecDeque::new(),
        }
    }

    /// Begins anew.
    pub fn forget(&mut self) {
        self.last = None;
        self.differences.clear();
    }

    /// The next point, from a point `x`, its image and the weight of each entry, vectors of one length. The image itself at first,
    /// and wherever no mixture is finite.
    pub fn next(&mut self, x: &[f64], image: &[f64], weight: &[f64]) -> Vec<f64> {
        let residual: Vec<f64> = image.iter().zip(x).map(|(g, x)| g - x).collect();
        if let Some((before, image_before)) = self.last.take() {
            let of = |new: &[f64], old: &[f64]| -> Vec<f64> { new.iter().zip(old).map(|(n, o)| n - o).collect() };
            self.differences
                .push_back((of(&residual, &before), of(image, &image_before)));
            if self.differences.len() > self.memory {
                self.differences.pop_front();
            }
        }
        let m = self.differences.len();
        let product = |a: &[f64], b: &[f64]| -> f64 {
            let parts = a.iter().zip(b).zip(weight);
            parts.map(|((a, b), w)| a * b * w * w).sum()
        };
        let mut gram = DMatrix::from_fn(m, m, |i, j| {
            if j < i {
                0.0
            } else {
                product(&self.differences[i].0, &self.differences[j].0)
            }
        });
        for i in 0..m {
            for j in 0..i {
                gram[(i, j)] = gram[(j, i)];
            }
        }
        let most = (0..m).fold(0.0, |most: f64, i| most.max(gram[(i, i)]));
        for i in 0..m {
            gram[(i, i)] += RIDGE * most;
        }
        let right = DVector::from_fn(m, |i, _| product(&self.differences[i].0, &residual));
        let mut next = image.to_vec();
        if let Some(shares) = gram.cholesky().map(|c| c.solve(&right)) {
            for (share, (_, images)) in shares.iter().zip(&self.differences) {
                next.iter_mut().zip(images).for_each(|(n, d)| *n -= share * d);
            }
        }
        self.last = Some((residual, image.to_vec()));
        if next.iter().all(|v| v.is_finite()) {
            next
        } else {
            image.to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Anderson;

    #[test]
    fn a_linear_iteration_ends_in_as_many_steps_as_it_has_unknowns() {
        // x -> A x + b with eigenvalues .99, .9 and .5: plain iteration takes thousands of steps.
        let image = |x: &[f64]| {
            vec![
                0.99 * x[0] + 0.3 * x[1] + 1.0,
                0.9 * x[1] - 0.2 * x[2] + 2.0,
                0.5 * x[2] + 3.0,
            ]
        };
        let exact = [1.0 / 0.01 + 30.0 * 8.0, 8.0, 6.0];
        let mut anderson = Anderson::new(5);
        let mut x = vec![0.0; 3];
        for _ in 0..6 {
            x = anderson.next(&x, &image(&x), &[1.0; 3]);
        }
        assert!(x.iter().zip(exact).all(|(x, e)| (x - e).abs() < 1e-6 * e), "{x:?}");
        let mut plain = vec![0.0; 3];
        for _ in 0..6 {
            plain = image(&plain);
        }
        assert!((plain[0] - exact[0]).abs() > 100.0);
    }
}
