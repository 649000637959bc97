//! First-order optimisers on flat parameter slices, one pass per step, and clipping by the gradient's norm.
//!
//! `dfdx::optim` has both and is not used. Its Adam takes three times as long (4.1 against 1.3 microseconds for the 9219 parameters of
//! an actor and a critic of 2 x 64, whose whole step at 128 rows takes 61), and eight times (11) once gradients have been zero for a
//! thousand steps, as behind units that never fire: it lets moments become denormal. It has no factor on the gradient, so
//! that clipping would be one more pass, and its sums are rounded otherwise, so that trainings would end in other bits. Its
//! RMSprop adds epsilon inside the root, which is another method where gradients are small. (`cargo bench --bench learning --
//! speed only=nets`.)

use super::simd;
use serde::{Deserialize, Serialize};

/// Which optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Kingma and Ba (2015), beta .9 and .999.
    #[default]
    Adam,
    /// Tieleman and Hinton (2012), decay .99, no momentum.
    RmsProp,
}

/// An optimiser with its moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optimizer {
    kind: OptimizerKind,
    epsilon: f32,
    step: u64,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Optimizer {
    /// For `n` parameters; `epsilon` is added to the denominator.
    pub fn new(kind: OptimizerKind, n: usize, epsilon: f64) -> Self {
        let first = match kind {
            OptimizerKind::Adam => vec![0.0; n],
            OptimizerKind::RmsProp => Vec::new(),
        };
        Optimizer {
            kind,
            epsilon: epsilon as f32,
            step: 0,
            first,
            second: vec![0.0; n],
        }
    }

    /// Number of parameters it was made for.
    pub fn len(&self) -> usize {
        self.second.len()
    }
    /// Whether it was made for no parameter.
    pub fn is_empty(&self) -> bool {
        self.second.is_empty()
    }

    /// One step down the gradient times `scale` (see [`clip_factor`]) on several slices of parameters (any length),
    /// each with its gradient of the same length; the slices come in the same order on every call.
    pub fn step(&mut self, parts: &mut [(&mut [f32], &[f32])], rate: f64, scale: f32) {
        self.step += 1;
        let mut at = 0;
        for (params, gradient) in parts {
            let n = params.len();
            let second = &mut self.second[at..at + n];
            match self.kind {
                OptimizerKind::Adam => {
                    let t = self.step as f64;
                    let numbers = simd::AdamStep {
                        scale,
                        rate: (rate / (1.0 - 0.9f64.powf(t))) as f32,
                        beta1: 0.9,
                        beta2: 0.999,
                        correction: (1.0 / (1.0 - 0.999f64.powf(t)).sqrt()) as f32,
                        epsilon: self.epsilon,
                    };
                    simd::adam(params, gradient, &mut self.first[at..at + n], second, numbers);
                }
                OptimizerKind::RmsProp => {
                    simd::rms_prop(params, gradient, second, scale, rate as f32, 0.99, self.epsilon)
                }
            }
            at += n;
        }
    }
}

/// The factor that brings the Euclidean norm of a gradient down to `limit` (1 if it is smaller, or if `limit` is not
/// positive), and the norm before. The gradient comes in parts of any length.
pub fn clip_factor(parts: &[&[f32]], limit: f64) -> (f32, f64) {
    let mut squares = 0.0;
    for part in parts {
        squares += simd::sum_of_squares(part);
    }
    let norm = squares.sqrt();
    let factor = if limit > 0.0 && norm > limit {
        (limit / (norm + 1e-6)) as f32
    } else {
        1.0
    };
    (factor, norm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_optimisers_follow_the_textbook_recursions() {
        let gradients = [[0.5f32, -2.0, 1e-3], [-0.25, 1.0, 4e-3], [0.1, 0.1, 0.1]];
        for kind in [OptimizerKind::Adam, OptimizerKind::RmsProp] {
            let mut p = [1.0f32, 2.0, 3.0];
            let mut opt = Optimizer::new(kind, 3, 1e-5);
            let (mut q, mut m, mut v) = ([1.0f64, 2.0, 3.0], [0.0f64; 3], [0.0f64; 3]);
            for (t, g) in gradients.iter().enumerate() {
                let (a, b) = p.split_at_mut(1);
                opt.step(&mut [(a, &g[..1]), (b, &g[1..])], 1e-2, 0.5);
                for i in 0..3 {
                    let g = g[i] as f64 * 0.5;
                    match kind {
                        OptimizerKind::Adam => {
                            m[i] = 0.9 * m[i] + 0.1 * g;
                            v[i] = 0.999 * v[i] + 0.001 * g * g;
                            let n = (t + 1) as i32;
                            let (mh, vh) = (m[i] / (1.0 - 0.9f64.powi(n)), v[i] / (1.0 - 0.999f64.powi(n)));
                            q[i] -= 1e-2 * mh / (vh.sqrt() + 1e-5);
                        }
                        OptimizerKind::RmsProp => {
                            v[i] = 0.99 * v[i] + 0.01 * g * g;
                            q[i] -= 1e-2 * g / (v[i].sqrt() + 1e-5);
                        }
                    }
                }
            }
            for i in 0..3 {
                assert!((p[i] as f64 - q[i]).abs() < 1e-5, "{kind:?} {p:?} {q:?}");
            }
        }
    }

    #[test]
    fn clipping_leaves_short_gradients_alone() {
        assert_eq!(clip_factor(&[&[0.3, 0.3]], 0.5).0, 1.0);
        let (f, norm) = clip_factor(&[&[3.0], &[4.0]], 0.5);
        assert!((norm - 5.0).abs() < 1e-9 && (f - 0.1).abs() < 1e-6);
    }
}
