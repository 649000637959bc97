//! What is gained by an action over the policy's own law, as a polynomial in its noise.
//!
//! Where a policy plays `m(s) + sd(s) z` with standard normal `z`, the advantage is `A = sum_j g z + c (z^3 - 3 z) - h / 2 (z^2 - 1)` over the
//! dimensions of the action: Hermite polynomials, so that its mean under the policy is zero whatever the coefficients are, and each is the
//! regression coefficient of its own term. `g`, `h > 0` and `c` are a network's outputs at the state. At the mean the slope is `g - 3 c`: a fit without the third
//! power would give the slope of `Q` smoothed over the noise, which is another one where `Q` is lopsided.

use crate::learn::nets::tape::{HasShape, Recording, Rows, numbers, operation};
use serde::{Deserialize, Serialize};

/// Outputs of the network per dimension: slopes, then curvatures before `softplus`, then third powers.
pub(super) const OUTPUTS: usize = 3;

/// `ln(1 + e^x)`, above 0.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The advantage of noise `z` (`dims`) by the outputs `row` (`3 dims`).
pub(super) fn worth(row: &[f32], z: &[f32]) -> f32 {
    let dims = z.len();
    let each = |j: usize| {
        let (z, square) = (z[j], z[j] * z[j]);
        row[j] * z - 0.5 * softplus(row[dims + j]) * (square - 1.0) + row[2 * dims + j] * z * (square - 3.0)
    };
    (0..dims).map(each).sum()
}

/// Furthest step of a mean in standard deviations, and of a log standard deviation.
const FURTHEST: f32 = 2.0;
const FURTHEST_LOG: f32 = 0.3;
/// Least curvature that a step is divided by.
const LEAST_CURVATURE: f32 = 0.02;

/// From the law played to the normal law that minimises `KL(pi || exp(A / alpha))` in dimension `j` of `dims`, by the outputs `row` (`3 dims`):
/// the step of the mean in standard deviations, slope over curvature, and that of the log standard deviation, whose goal is `alpha`
/// over curvature. Both are held within limits.
pub(super) fn steps(row: &[f32], j: usize, dims: usize, log_temperature: f32) -> (f32, f32) {
    let (slope, curvature) = at_the_mean(row, j, dims);
    let curvature = curvature.max(LEAST_CURVATURE);
    let wider = 0.5 * (log_temperature - curvature.ln());
    (
        (slope / curvature).clamp(-FURTHEST, FURTHEST),
        wider.clamp(-FURTHEST_LOG, FURTHEST_LOG),
    )
}

/// Slope and curvature (above 0) in dimension `j` of `dims` at the mean, by the outputs `row` (`3 dims`).
fn at_the_mean(row: &[f32], j: usize, dims: usize) -> (f32, f32) {
    (row[j] - 3.0 * row[2 * dims + j], softplus(row[dims + j]))
}

/// Advantages (`n` by 1) of noises `z` (`n x dims`) on the tape of the network's outputs (`n` by `3 dims`).
pub(super) fn on_tape(head: Rows<Recording>, z: &[f32], dims: usize) -> Rows<Recording> {
    let (n, width) = *head.shape();
    let given = numbers(&head);
    let rows = given.chunks_exact(width).zip(z.chunks_exact(dims));
    let out = rows.map(|(row, z)| worth(row, z)).collect();
    let z = z.to_vec();
    operation(head, out, (n, 1), move |dout, dhead| {
        for (i, d) in dout.iter().enumerate() {
            let (row, to) = (
                &given[i * width..(i + 1) * width],
                &mut dhead[i * width..(i + 1) * width],
            );
            for j in 0..dims {
                let z = z[i * dims + j];
                to[j] += d * z;
                // The derivative of softplus is the logistic function.
                to[dims + j] -= d * 0.5 * (z * z - 1.0) / (1.0 + (-row[dims + j]).exp());
                to[2 * dims + j] += d * z * (z * z - 3.0);
            }
        }
    })
}

/// Running root mean square of what the advantage is to explain, in standard deviations of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    weight: f32,
    second: f32,
}

impl Spread {
    /// Takes in the mean square of a minibatch.
    pub(super) fn update(&mut self, square: f32) {
        // Quick at first.
        let rate = if self.weight < 0.5 { 0.01 } else { 0.002 };
        self.weight += rate * (1.0 - self.weight);
        self.second += rate * (square - self.second);
    }
    /// The root mean square; 0 before anything is known.
    pub(super) fn get(&self) -> f32 {
        if self.weight > 0.0 {
            (self.second / self.weight).sqrt().max(1e-8)
        } else {
            0.0
        }
    }
    /// Takes in that values are now in other units: numbers are so many times what they were.
    pub(super) fn rescale(&mut self, factor: f32) {
        self.second *= factor * factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::nets::tape::{Axes2, Backward, SumTo, Trace, rows, take};

    #[test]
    fn derivatives_are_those_of_finite_differences() {
        let (row, z) = ([0.3f32, -0.8, 0.5, -2.0, 0.2, -0.1], [0.7f32, -1.3]);
        let head = rows(row.to_vec(), 6);
        let value = on_tape(head.leaky_trace(), &z, 2);
        assert_eq!(numbers(&value), [worth(&row, &z)]);
        let gradient = take(&mut value.sum::<(), Axes2<0, 1>>().backward(), &head);
        for k in 0..6 {
            let moved = |d: f32| {
                let mut row = row;
                row[k] += d;
                worth(&row, &z)
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((slope - gradient[k]).abs() < 1e-3, "{k}: {slope} {}", gradient[k]);
        }
        for j in 0..2 {
            let at = |d: f32| {
                let mut z = [0.0f32; 2];
                z[j] = d;
                worth(&row, &z)
            };
            let (slope, curvature) = at_the_mean(&row, j, 2);
            assert!(((at(1e-2) - at(-1e-2)) / 2e-2 - slope).abs() < 1e-3);
            assert!((2.0 * at(0.0) - at(0.1) - at(-0.1) - 1e-2 * curvature).abs() < 1e-4);
        }
    }

    #[test]
    fn the_policy_steps_to_the_best_law_and_no_further_than_was_said() {
        // Curvature 1: softplus(ln(e - 1)); slope .5 - 3 * .1.
        let one = (std::f32::consts::E - 1.0).ln();
        let (mean, log_std) = steps(&[0.5, one, 0.1], 0, 1, 0.2);
        assert!(
            (mean - 0.2).abs() < 1e-6 && (log_std - 0.1).abs() < 1e-6,
            "{mean} {log_std}"
        );
        assert_eq!(steps(&[50.0, one, 0.1], 0, 1, 9.0), (FURTHEST, FURTHEST_LOG));
        // A flat advantage has no step without end.
        let (mean, _) = steps(&[-0.01, -50.0, 0.0], 0, 1, 0.0);
        assert!((mean + 0.5).abs() < 1e-6, "{mean}");
    }

    /// The mean over the policy's own noise is zero, whatever the coefficients are (Gauss-Hermite quadrature of four nodes).
    #[test]
    fn the_law_itself_has_no_advantage() {
        let root = 6.0f32.sqrt();
        let nodes = [(3.0 + root).sqrt(), (3.0 - root).sqrt()];
        let weights = [1.0 / (4.0 * (3.0 + root)), 1.0 / (4.0 * (3.0 - root))];
        let mean: f32 = nodes
            .iter()
            .zip(weights)
            .map(|(x, w)| w * (worth(&[0.9, 1.5, -0.4], &[*x]) + worth(&[0.9, 1.5, -0.4], &[-*x])))
            .sum();
        assert!(mean.abs() < 1e-6, "{mean}");
    }
}
