//! One-dimensional grids and a check that a product of them fits in memory.
//!
//! Uniform, even in the log, even in `log(1 + log(1 + x - lo))` (dense near the lower end, where wealth distributions have
//! their mass; the asset grid of Auclert, Bardoczy, Rognlie and Straub 2021, *Econometrica* 89), and exponential with a
//! chosen curvature. The ends are nodes exactly.

/// Why a grid was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GridError {
    /// Too few nodes.
    #[error("a grid needs at least two nodes, not {0}")]
    Nodes(usize),
    /// Ends that are not finite and ascending.
    #[error("a grid cannot run from {lo} to {hi}")]
    Ends {
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
    /// A log grid that reaches zero.
    #[error("a log grid needs a positive lower end, not {0}")]
    LogOfNonPositive(f64),
    /// A curvature that bends nothing or is not a number.
    #[error("a grid's curvature must be a finite number, not {0}")]
    Curvature(f64),
    /// A product that cannot fit.
    #[error("a grid of {nodes} nodes needs {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Number of nodes, as text since it may exceed any integer type.
        nodes: String,
        /// Bytes needed, likewise.
        bytes: String,
        /// Bytes allowed.
        limit: usize,
    },
}

fn check(lo: f64, hi: f64, n: usize) -> Result<(), GridError> {
    if n < 2 {
        return Err(GridError::Nodes(n));
    }
    if !(lo.is_finite() && hi.is_finite() && lo < hi) {
        return Err(GridError::Ends { lo, hi });
    }
    fits(&[n], 8, DEFAULT_LIMIT).map(|_| ())
}

fn mapped(lo: f64, hi: f64, n: usize, node: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut grid: Vec<f64> = (0..n).map(|i| node(i as f64 / (n - 1) as f64)).collect();
    grid[0] = lo;
    grid[n - 1] = hi;
    grid
}

/// `n` ascending nodes evenly spaced from `lo` to `hi`.
///
/// # Errors
/// [`GridError::Nodes`] below two nodes, [`GridError::Ends`] unless `lo < hi` are finite, [`GridError::TooLarge`].
pub fn uniform(lo: f64, hi: f64, n: usize) -> Result<Vec<f64>, GridError> {
    check(lo, hi, n)?;
    Ok(mapped(lo, hi, n, |t| lo + t * (hi - lo)))
}

/// `n` ascending nodes from `lo` to `hi`, evenly spaced in the log.
///
/// # Errors
/// Those of [`uniform`]; [`GridError::LogOfNonPositive`] unless `lo` is positive.
pub fn log(lo: f64, hi: f64, n: usize) -> Result<Vec<f64>, GridError> {
    check(lo, hi, n)?;
    if lo <= 0.0 {
        return Err(GridError::LogOfNonPositive(lo));
    }
    let (a, b) = (lo.ln(), hi.ln());
    Ok(mapped(lo, hi, n, |t| (a + t * (b - a)).exp()))
}

/// `n` ascending nodes from `lo` to `hi`, evenly spaced in `log(1 + log(1 + x - lo))`.
///
/// # Errors
/// Those of [`uniform`].
pub fn double_log(lo: f64, hi: f64, n: usize) -> Result<Vec<f64>, GridError> {
    check(lo, hi, n)?;
    let top = (hi - lo).ln_1p().ln_1p();
    Ok(mapped(lo, hi, n, |t| lo + (t * top).exp_m1().exp_m1()))
}

/// `n` ascending nodes at `lo + (hi - lo) (exp(curvature t) - 1) / (exp(curvature) - 1)`, `t` even on `[0, 1]`: dense
/// below for positive curvature, above for negative, uniform at 0.
///
/// # Errors
/// Those of [`uniform`]; [`GridError::Curvature`] if it is not finite or beyond 500 in size.
pub fn exponential(lo: f64, hi: f64, n: usize, curvature: f64) -> Result<Vec<f64>, GridError> {
    check(lo, hi, n)?;
    if !curvature.is_finite() || curvature.abs() > 500.0 {
        return Err(GridError::Curvature(curvature));
    }
    if curvature.abs() < 1e-12 {
        return uniform(lo, hi, n);
    }
    let top = curvature.exp_m1();
    Ok(mapped(lo, hi, n, |t| lo + (hi - lo) * (curvature * t).exp_m1() / top))
}

/// Memory a grid may take unless a caller says otherwise: 4 GB.
pub const DEFAULT_LIMIT: usize = 4 << 30;

/// The number of nodes of a product grid (`sizes`: nodes per axis), if `bytes_each` bytes per node stay within `limit`
/// bytes.
///
/// # Errors
/// [`GridError::TooLarge`].
pub fn fits(sizes: &[usize], bytes_each: usize, limit: usize) -> Result<usize, GridError> {
    let exact = sizes
        .iter()
        .try_fold(1usize, |product, &n| product.checked_mul(n))
        .filter(|n| n.checked_mul(bytes_each).is_some_and(|bytes| bytes <= limit));
    exact.ok_or_else(|| {
        let nodes: f64 = sizes.iter().map(|&n| n as f64).product();
        let text = |x: f64| {
            if x < 1e15 {
                format!("{x:.0}")
            } else {
                format!("{x:.3e}")
            }
        };
        GridError::TooLarge {
            nodes: text(nodes),
            bytes: text(nodes * bytes_each as f64),
            limit,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_ascend_between_their_ends() {
        let all = [
            uniform(-1.0, 3.0, 7).unwrap(),
            log(0.1, 30.0, 11).unwrap(),
            double_log(-2.0, 500.0, 50).unwrap(),
            exponential(0.0, 10.0, 20, 3.0).unwrap(),
            exponential(0.0, 10.0, 20, -3.0).unwrap(),
        ];
        for grid in &all {
            assert!(grid.windows(2).all(|w| w[0] < w[1]), "{grid:?}");
        }
        assert_eq!(all[2][0], -2.0);
        assert_eq!(all[2][49], 500.0);
        assert!((all[1][5] - 3.0f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_fit_is_refused_with_its_bytes() {
        assert_eq!(fits(&[10, 20], 8, 1600), Ok(200));
        let error = fits(&[100_000, 100_000], 8, 1 << 30).unwrap_err();
        assert!(error.to_string().contains("80000000000 bytes"), "{error}");
        assert!(fits(&[usize::MAX, usize::MAX], 8, usize::MAX).is_err());
        assert!(uniform(0.0, 1.0, usize::MAX).is_err());
        assert!(uniform(0.0, f64::INFINITY, 5).is_err());
        assert!(log(0.0, 1.0, 5).is_err());
        assert!(uniform(0.0, 1.0, 1).is_err());
    }
}
