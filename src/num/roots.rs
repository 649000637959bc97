//! Roots of one equation in a bracket.
//!
//! Brent's method (1973, chapter 4): bisection, secant and inverse quadratic interpolation, never worse than bisection
//! by more than a constant factor.

/// Why no root was returned.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RootError {
    /// Both ends have the same sign.
    #[error("no sign change: {f_lo} at {lo}, {f_hi} at {hi}")]
    NoSignChange {
        /// Lower end.
        lo: f64,
        /// Function there.
        f_lo: f64,
        /// Upper end.
        hi: f64,
        /// Function there.
        f_hi: f64,
    },
    /// The function is not a number somewhere.
    #[error("the function is not a number at {0}")]
    NotANumber(f64),
    /// Too many steps.
    #[error("no convergence after {0} steps")]
    Iterations(usize),
}

/// A root of `f` between `lo` and `hi`, to within `tolerance` (absolute, plus rounding of the root).
///
/// # Errors
/// [`RootError::NoSignChange`] if both ends have one sign, [`RootError::NotANumber`] where `f` is NaN,
/// [`RootError::Iterations`] after 300 steps.
pub fn brent(mut f: impl FnMut(f64) -> f64, lo: f64, hi: f64, tolerance: f64) -> Result<f64, RootError> {
    let (mut a, mut b) = (lo, hi);
    let (mut fa, mut fb) = (f(a), f(b));
    for (x, y) in [(a, fa), (b, fb)] {
        if y.is_nan() {
            return Err(RootError::NotANumber(x));
        }
    }
    if fa == 0.0 {
        return Ok(a);
    }
    if fb == 0.0 {
        return Ok(b);
    }
    if (fa > 0.0) == (fb > 0.0) {
        return Err(RootError::NoSignChange {
            lo,
            f_lo: fa,
            hi,
            f_hi: fb,
        });
    }
    let (mut c, mut fc) = (a, fa);
    let mut d = b - a;
    let mut e = d;
    const STEPS: usize = 300;
    for _ in 0..STEPS {
        if (fb > 0.0) == (fc > 0.0) {
            (c, fc) = (a, fa);
            d = b - a;
            e = d;
        }
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let tol = 2.0 * f64::EPSILON * b.abs() + 0.5 * tolerance;
        let m = 0.5 * (c - b);
        if m.abs() <= tol || fb == 0.0 {
            return Ok(b);
        }
        if e.abs() < tol || fa.abs() <= fb.abs() {
            d = m;
            e = m;
        } else {
            let s = fb / fa;
            let (mut p, mut q) = if a == c {
                (2.0 * m * s, 1.0 - s)
            } else {
                let (q, r) = (fa / fc, fb / fc);
                (
                    s * (2.0 * m * q * (q - r) - (b - a) * (r - 1.0)),
                    (q - 1.0) * (r - 1.0) * (s - 1.0),
                )
            };
            if p > 0.0 {
                q = -q;
            } else {
                p = -p;
            }
            if 2.0 * p < (3.0 * m * q - (tol * q).abs()).min((e * q).abs()) {
                e = d;
                d = p / q;
            } else {
                d = m;
                e = m;
            }
        }
        (a, fa) = (b, fb);
        b += if d.abs() > tol { d } else { tol.copysign(m) };
        fb = f(b);
        if fb.is_nan() {
            return Err(RootError::NotANumber(b));
        }
    }
    Err(RootError::Iterations(STEPS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_roots_to_rounding() {
        let r = brent(|x| x * x * x - 2.0 * x - 5.0, 2.0, 3.0, 1e-15).unwrap();
        assert!((r - 2.094_551_481_542_326_5).abs() < 1e-14);
        let flat = brent(|x| (x - 1.0).powi(9), 0.0, 3.0, 1e-12).unwrap();
        assert!((flat - 1.0).abs() < 1e-2);
        let small = brent(|x| x.ln() + 60.0, 1e-30, 1.0, 0.0).unwrap();
        assert!((small / (-60f64).exp() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(matches!(
            brent(|x| x * x + 1.0, -1.0, 1.0, 1e-9),
            Err(RootError::NoSignChange { .. })
        ));
        assert!(matches!(
            brent(|_| f64::NAN, -1.0, 1.0, 1e-9),
            Err(RootError::NotANumber(_))
        ));
    }
}
