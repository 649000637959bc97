//! Quantiles of the size of residuals.

use crate::num::statistics;
use serde::{Deserialize, Serialize};

/// Quantiles of the log10 of residuals; residuals below 1e-16 count as 1e-16.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Number of points.
    pub points: usize,
    /// log10 of the mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// Quantiles (log10) of the numbers among `values`, which has any length; `None` if all are NaN.
pub fn quantiles(values: &[f64]) -> Option<Quantiles> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_by(f64::total_cmp);
    let log = |v: f64| v.clamp(1e-16, 1e300).log10();
    let at = |p: f64| log(statistics::quantile_sorted(&sorted, p));
    Some(Quantiles {
        points: sorted.len(),
        mean: log(statistics::mean(&sorted)),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: at(1.0),
    })
}
