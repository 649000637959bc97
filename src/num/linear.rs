//! Linear systems: least squares, and restarted GMRES without a matrix.
//!
//! Saad and Schultz (1986), with modified Gram-Schmidt and Givens rotations. The policy-evaluation systems
//! `(I - T) v = r` of the solvers are applied, never formed.

use nalgebra::{DMatrix, DVector};

/// The shortest `x` that comes closest to `matrix x = right`, with singular values up to `small` taken for none. `None` where something is no number, or
/// nothing is there.
pub fn closest(matrix: DMatrix<f64>, right: &DVector<f64>, small: f64) -> Option<DVector<f64>> {
    let fine = !matrix.is_empty() && matrix.iter().chain(right.iter()).all(|v| v.is_finite());
    fine.then(|| matrix.svd(true, true).solve(right, small).ok()).flatten()
}

/// What came of a solve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Krylov {
    /// Products with the operator.
    pub products: usize,
    /// Euclidean norm of the residual, relative to that of the right side.
    pub residual: f64,
}

/// Improves `x` towards `A x = b`, for a square `A` of `b.len()` rows; `apply(x, y)` puts `A x` into `y`. All vectors
/// have the length of `b`. Starts over after `restart` basis vectors; stops at a relative residual of `tolerance` or
/// after `max_products` products.
pub fn gmres(
    mut apply: impl FnMut(&[f64], &mut [f64]),
    b: &[f64],
    x: &mut [f64],
    restart: usize,
    tolerance: f64,
    max_products: usize,
) -> Krylov {
    let n = b.len();
    let restart = restart.clamp(1, n.max(1));
    let norm_b = norm(b).max(f64::MIN_POSITIVE);
    let mut products = 0;
    let mut work = vec![0.0; n];
    loop {
        crate::limits::poll();
        apply(x, &mut work);
        products += 1;
        let mut residual: Vec<f64> = b.iter().zip(&work).map(|(b, w)| b - w).collect();
        let beta = norm(&residual);
        if !(beta / norm_b > tolerance) || products >= max_products {
            return Krylov {
                products,
                residual: beta / norm_b,
            };
        }
        residual.iter_mut().for_each(|r| *r /= beta);
        let mut basis = vec![residual];
        let mut hessenberg: Vec<Vec<f64>> = Vec::new();
        let mut rotations: Vec<(f64, f64)> = Vec::new();
        let mut g = vec![beta];
        for k in 0..restart {
            crate::limits::poll();
            apply(&basis[k], &mut work);
            products += 1;
            let mut w = work.clone();
            let mut column = vec![0.0; k + 2];
            for (i, v) in basis.iter().enumerate() {
                crate::limits::poll();
                let h = dot(v, &w);
                column[i] = h;
                w.iter_mut().zip(v).for_each(|(w, v)| *w -= h * v);
            }
            let length = norm(&w);
            column[k + 1] = length;
            for (i, &(c, s)) in rotations.iter().enumerate() {
                let (a, b) = (column[i], column[i + 1]);
                column[i] = c * a + s * b;
                column[i + 1] = c * b - s * a;
            }
            let r = column[k].hypot(column[k + 1]);
            let (c, s) = if r > 0.0 {
                (column[k] / r, column[k + 1] / r)
            } else {
                (1.0, 0.0)
            };
            rotations.push((c, s));
            column[k] = r;
            column.truncate(k + 1);
            hessenberg.push(column);
            let last = g[k];
            g[k] = c * last;
            g.push(-s * last);
            let small = g[k + 1].abs() / norm_b <= 0.5 * tolerance;
            if small || length <= 1e-14 * beta || products >= max_products || !length.is_finite() {
                break;
            }
            w.iter_mut().for_each(|w| *w /= length);
            basis.push(w);
        }
        let m = hessenberg.len();
        let mut y = vec![0.0; m];
        for i in (0..m).rev() {
            let sum: f64 = (i + 1..m).map(|j| hessenberg[j][i] * y[j]).sum();
            let pivot = hessenberg[i][i];
            y[i] = if pivot != 0.0 { (g[i] - sum) / pivot } else { 0.0 };
        }
        if y.iter().any(|v| !v.is_finite()) {
            return Krylov {
                products,
                residual: beta / norm_b,
            };
        }
        for (v, y) in basis.iter().zip(&y) {
            x.iter_mut().zip(v).for_each(|(x, v)| *x += y * v);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Sixteen running sums by position, joined in a fixed order: vectorises and never depends on threads.
    let mut sums = [0.0; 16];
    let (left, right) = (a.chunks_exact(16), b.chunks_exact(16));
    let tail: f64 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in left.zip(right) {
        for i in 0..16 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f64>() + tail
}

/// Euclidean norm, also of numbers whose squares are none.
fn norm(a: &[f64]) -> f64 {
    let squares = dot(a, a);
    if SQUARES.contains(&squares) {
        return squares.sqrt();
    }
    let largest = a.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    if !(largest > 0.0 && largest.is_finite()) {
        return squares.sqrt();
    }
    let scaled: Vec<f64> = a.iter().map(|x| x / largest).collect();
    largest * dot(&scaled, &scaled).sqrt()
}

/// Sums of squares that have lost nothing.
const SQUARES: std::ops::Range<f64> = 1e-250..1e290;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_in_any_unit_has_the_same_solution() {
        let solve = |unit: f64| {
            let b: Vec<f64> = (0..50).map(|i| unit * f64::from(i % 7)).collect();
            let mut x = vec![0.0; 50];
            let apply = |x: &[f64], y: &mut [f64]| {
                for i in 0..50 {
                    y[i] = x[i] - 0.9 * (0.5 * x[(i + 1) % 50] + 0.5 * x[(i * 3 + 2) % 50]);
                }
            };
            let found = gmres(apply, &b, &mut x, 20, 1e-12, 1000);
            assert!(found.residual <= 1e-12 && found.products > 5, "{unit:e}: {found:?}");
            x
        };
        let plain = solve(1.0);
        for unit in [1e-290, 1e-160, 1e-90, 1e90, 1e160, 1e290] {
            for (x, y) in solve(unit).iter().zip(&plain) {
                assert!((x / unit / y - 1.0).abs() < 1e-9, "{unit:e}: {x} {y}");
            }
        }
    }

    #[test]
    fn solves_a_discounted_random_walk() {
        // v = r + beta P v on a reflecting walk with beta near one.
        let n = 200;
        let beta = 0.999;
        let r: Vec<f64> = (0..n).map(|i| (i as f64 * 0.1).sin()).collect();
        let walk = |v: &[f64], i: usize| 0.5 * v[i.saturating_sub(1)] + 0.5 * v[(i + 1).min(n - 1)];
        let mut v = vec![0.0; n];
        let report = gmres(
            |x, y| (0..n).for_each(|i| y[i] = x[i] - beta * walk(x, i)),
            &r,
            &mut v,
            40,
            1e-12,
            4000,
        );
        assert!(report.residual <= 1e-12, "{report:?}");
        for i in 0..n {
            assert!((v[i] - r[i] - beta * walk(&v, i)).abs() < 1e-9);
        }
    }

    #[test]
    fn an_identity_takes_one_step_and_zero_stays_zero() {
        let mut x = vec![0.0; 3];
        gmres(|x, y| y.copy_from_slice(x), &[1.0, 2.0, 3.0], &mut x, 10, 1e-14, 100);
        assert!((x[2] - 3.0).abs() < 1e-13);
        let mut zero = vec![0.0; 3];
        gmres(|x, y| y.copy_from_slice(x), &[0.0; 3], &mut zero, 10, 1e-14, 100);
        assert_eq!(zero, vec![0.0; 3]);
    }
}
