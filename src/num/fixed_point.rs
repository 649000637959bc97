//! Systems of equations `f(x) = 0` in a box: damped Newton.
//!
//! The Jacobian is given or taken by central differences; each step is shortened so that it stays in the box (a
//! coordinate that would leave moves nine tenths of the way to its bound) and until the scaled residual falls
//! (Dennis and Schnabel 1996, chapter 6). A singular Jacobian is met by a Levenberg-Marquardt step.

use nalgebra::{DMatrix, DVector};

/// Named limits of [`newton`].
#[derive(Clone, Debug, PartialEq)]
pub struct NewtonOptions {
    /// Largest absolute residual that counts as zero.
    pub tolerance: f64,
    /// Most steps.
    pub iterations: usize,
    /// Relative step of numerical derivatives.
    pub difference: f64,
}

impl Default for NewtonOptions {
    fn default() -> Self {
        NewtonOptions {
            tolerance: 1e-12,
            iterations: 100,
            difference: 6e-6,
        }
    }
}

/// Where it stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct NewtonReport {
    /// The point, one coordinate per unknown.
    pub x: Vec<f64>,
    /// Largest absolute residual there.
    pub residual: f64,
    /// Steps taken.
    pub iterations: usize,
    /// Whether the residual is within the tolerance.
    pub converged: bool,
}

/// Equations that return their residuals, or `None` where they cannot be evaluated.
pub trait Equations {
    /// Residuals at `x` (one number per unknown): one number per equation, as many as unknowns.
    fn residual(&mut self, x: &[f64]) -> Option<Vec<f64>>;
    /// The Jacobian at `x`, `[equation][unknown]` (unknowns x unknowns), if known; otherwise it is taken numerically.
    fn jacobian(&mut self, _x: &[f64]) -> Option<Vec<Vec<f64>>> {
        None
    }
}

impl<F: FnMut(&[f64]) -> Option<Vec<f64>>> Equations for F {
    fn residual(&mut self, x: &[f64]) -> Option<Vec<f64>> {
        self(x)
    }
}

fn sup(r: &[f64]) -> f64 {
    r.iter()
        .fold(0.0, |m: f64, v| if v.is_nan() { f64::INFINITY } else { m.max(v.abs()) })
}

/// A root of the equations in the box `lo..hi`, from `start`; all three hold one number per unknown. Not converging is
/// a value, not a panic.
pub fn newton(
    equations: &mut impl Equations,
    start: &[f64],
    lo: &[f64],
    hi: &[f64],
    options: &NewtonOptions,
) -> NewtonReport {
    let n = start.len();
    let mut x: Vec<f64> = (0..n).map(|i| start[i].max(lo[i]).min(hi[i])).collect();
    let mut report = NewtonReport {
        x: x.clone(),
        residual: f64::INFINITY,
        iterations: 0,
        converged: false,
    };
    let Some(mut r) = equations.residual(&x) else {
        return report;
    };
    let mut ridge = 0.0;
    for iteration in 0..=options.iterations {
        crate::limits::poll();
        let size = sup(&r);
        report = NewtonReport {
            x: x.clone(),
            residual: size,
            iterations: iteration,
            converged: size <= options.tolerance,
        };
        if report.converged || !size.is_finite() || iteration == options.iterations {
            return report;
        }
        let Some(jacobian) = equations
            .jacobian(&x)
            .or_else(|| differences(equations, &x, lo, hi, options.difference))
        else {
            return report;
        };
        let j = DMatrix::from_fn(n, n, |a, b| jacobian[a][b]);
        let rhs = DVector::from_iterator(n, r.iter().map(|v| -v));
        let plain = if ridge == 0.0 { j.clone().lu().solve(&rhs) } else { None };
        let step = plain.filter(|s| s.iter().all(|v| v.is_finite())).or_else(|| {
            let scale = (0..n)
                .map(|i| j.column(i).norm_squared())
                .fold(f64::MIN_POSITIVE, f64::max);
            let normal = j.transpose() * &j + DMatrix::identity(n, n) * (scale * f64::max(ridge, 1e-8));
            normal.lu().solve(&(j.transpose() * &rhs))
        });
        let Some(step) = step.filter(|s| s.iter().all(|v| v.is_finite())) else {
            return report;
        };
        let norm2 = |r: &[f64]| r.iter().map(|v| v * v).sum::<f64>();
        let here = norm2(&r);
        let mut length = 1.0;
        let mut moved = false;
        for _ in 0..40 {
            let trial: Vec<f64> = (0..n)
                .map(|i| {
                    let y = x[i] + length * step[i];
                    if y <= lo[i] {
                        if lo[i].is_finite() {
                            x[i] + 0.9 * (lo[i] - x[i])
                        } else {
                            y
                        }
                    } else if y >= hi[i] && hi[i].is_finite() {
                        x[i] + 0.9 * (hi[i] - x[i])
                    } else {
                        y
                    }
                })
                .collect();
            if let Some(next) = equations.residual(&trial) {
                let there = norm2(&next);
                if there.is_finite() && there < here * (1.0 - 1e-4 * length) {
                    x = trial;
                    r = next;
                    moved = true;
                    break;
                }
            }
            length *= 0.5;
        }
        if moved {
            ridge *= 0.1;
            if ridge < 1e-10 {
                ridge = 0.0;
            }
        } else if ridge < 1e6 {
            ridge = if ridge == 0.0 { 1e-6 } else { ridge * 100.0 };
        } else {
            return report;
        }
    }
    report
}

fn differences(
    equations: &mut impl Equations,
    x: &[f64],
    lo: &[f64],
    hi: &[f64],
    relative: f64,
) -> Option<Vec<Vec<f64>>> {
    let n = x.len();
    let mut jacobian = vec![vec![0.0; n]; n];
    for b in 0..n {
        let h = relative * (x[b].abs() + 1e-3);
        let mut at = x.to_vec();
        let up = (x[b] + h).min(hi[b]);
        let down = (x[b] - h).max(lo[b]);
        at[b] = up;
        let above = equations.residual(&at);
        at[b] = down;
        let below = equations.residual(&at);
        let (above, below, width) = match (above, below) {
            (Some(p), Some(m)) => (p, m, up - down),
            (Some(p), None) => (p, equations.residual(x)?, up - x[b]),
            (None, Some(m)) => (equations.residual(x)?, m, x[b] - down),
            (None, None) => return None,
        };
        for a in 0..n {
            jacobian[a][b] = (above[a] - below[a]) / width;
        }
    }
    Some(jacobian)
}

/// Step of the slopes behind [`left_open`], as a share of each number; singular values below this share of the largest are zero; and how much
/// of a direction moves a number that is then left open.
const SLOPE: f64 = 1e-5;
const SINGULAR: f64 = 1e-7;
const MOVES: f64 = 1e-3;
/// How far slopes over different steps may be apart, as a share of the largest of their equation, before they are rounding.
const ROUNDED: f64 = 1e-3;

/// Which of the first `of` numbers the equations leave open at a root: those that move along directions in which no equation changes. The root
/// is then one of a continuum (or two roots in one).
pub fn left_open(f: &mut dyn FnMut(&[f64]) -> Option<Vec<f64>>, root: &[f64], of: usize) -> Vec<usize> {
    let slopes = |f: &mut dyn FnMut(&[f64]) -> Option<Vec<f64>>, step: f64| -> Option<DMatrix<f64>> {
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for (k, x) in root.iter().enumerate() {
            let h = step * x.abs().max(1e-3);
            let mut moved = |by: f64| {
                let mut p = root.to_vec();
                p[k] += by;
                f(&p)
            };
            let (up, down) = (moved(h)?, moved(-h)?);
            columns.push(up.iter().zip(&down).map(|(u, d)| (u - d) / (2.0 * step)).collect());
        }
        let rows = columns.first()?.len();
        let matrix = DMatrix::from_fn(rows, columns.len(), |i, k| columns[k][i]);
        matrix.iter().all(|x| x.is_finite()).then_some(matrix)
    };
    let (Some(mut matrix), Some(wider)) = (slopes(f, SLOPE), slopes(f, 3.0 * SLOPE)) else {
        return Vec::new();
    };
    // Each equation in units of its own; one whose slopes are rounding says nothing.
    for (i, mut row) in matrix.row_iter_mut().enumerate() {
        let size = row.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        let apart = row
            .iter()
            .zip(wider.row(i).iter())
            .fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
        if apart > ROUNDED * size {
            row.fill(0.0);
        } else if size > 0.0 {
            row /= size;
        }
    }
    if matrix.is_empty() {
        return Vec::new();
    }
    let svd = matrix.svd(false, true);
    let Some(directions) = svd.v_t else { return Vec::new() };
    let largest = svd.singular_values.iter().copied().fold(0.0, f64::max);
    let values = svd.singular_values.iter().enumerate();
    let idle: Vec<usize> = values
        .filter(|(_, s)| **s <= SINGULAR * largest)
        .map(|(i, _)| i)
        .collect();
    let moves = |k: &usize| idle.iter().any(|i| directions[(*i, *k)].abs() > MOVES);
    (0..of.min(root.len())).filter(moves).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newton_meets_the_intersection_of_curves_and_respects_the_box() {
        let mut f = |x: &[f64]| Some(vec![x[0] * x[0] + x[1] * x[1] - 4.0, x[0] - x[1].exp()]);
        let r = newton(
            &mut f,
            &[1.0, 1.0],
            &[0.0, -5.0],
            &[5.0, 5.0],
            &NewtonOptions::default(),
        );
        assert!(r.converged, "{r:?}");
        assert!((r.x[0] - r.x[1].exp()).abs() < 1e-11);
        let mut log = |x: &[f64]| (x[0] > 0.0).then(|| vec![x[0].ln() + 3.0]);
        let r = newton(&mut log, &[50.0], &[0.0], &[100.0], &NewtonOptions::default());
        assert!(r.converged && (r.x[0] - (-3f64).exp()).abs() < 1e-10, "{r:?}");
    }

    #[test]
    fn no_root_is_reported_not_invented() {
        let mut f = |x: &[f64]| Some(vec![x[0] * x[0] + 1.0]);
        let r = newton(&mut f, &[2.0], &[-10.0], &[10.0], &NewtonOptions::default());
        assert!(!r.converged && r.residual >= 1.0);
    }

    #[test]
    fn what_equations_leave_open_is_named() {
        // The sum is determined, its parts are not; the third number is.
        let mut f = |x: &[f64]| Some(vec![x[0] + x[1] - 3.0, (x[0] + x[1]).powi(2) - 9.0, x[2].exp() - 1.0]);
        assert_eq!(left_open(&mut f, &[1.0, 2.0, 0.0], 3), [0, 1]);
        let mut f = |x: &[f64]| Some(vec![x[0] + x[1] - 3.0, x[0] - 2.0 * x[1], x[2].exp() - 1.0]);
        assert!(left_open(&mut f, &[2.0, 1.0, 0.0], 3).is_empty());
        // An equation that always holds, but for rounding.
        let mut f = |x: &[f64]| Some(vec![x[0] - 0.1 * x[1], x[1] * (1.0 / 1.04) * 1.04 - x[1]]);
        assert_eq!(left_open(&mut f, &[1.3, 13.0], 2), [0, 1]);
    }

    #[test]
    fn a_given_jacobian_is_used() {
        struct Square(usize);
        impl Equations for Square {
            fn residual(&mut self, x: &[f64]) -> Option<Vec<f64>> {
                Some(vec![x[0] * x[0] - 2.0])
            }
            fn jacobian(&mut self, x: &[f64]) -> Option<Vec<Vec<f64>>> {
                self.0 += 1;
                Some(vec![vec![2.0 * x[0]]])
            }
        }
        let mut f = Square(0);
        let r = newton(&mut f, &[1.0], &[0.0], &[2.0], &NewtonOptions::default());
        assert!(r.converged && f.0 > 2 && (r.x[0] - 2f64.sqrt()).abs() < 1e-12);
    }
}
