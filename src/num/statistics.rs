//! Sample statistics: moments, quantiles, the interquartile mean, bootstrap intervals.
//!
//! Sums run in index order, so results are the same on every machine. The interquartile mean and its bootstrap interval
//! are what Agarwal et al. (2021, NeurIPS) ask of comparisons with few seeds.

use rand::{Rng, RngExt};

/// The mean of a sample, one number per observation; NaN for an empty one.
pub fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// The standard deviation of a sample, one number per observation (divisor `n - 1`); 0 for fewer than two observations.
pub fn sd(x: &[f64]) -> f64 {
    if x.len() < 2 {
        return 0.0;
    }
    let m = mean(x);
    (x.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (x.len() - 1) as f64).sqrt()
}

/// First autocorrelation of a series, one number per date in order; 0 if it does not vary.
pub fn autocorrelation(x: &[f64]) -> f64 {
    let m = mean(x);
    let variance: f64 = x.iter().map(|v| (v - m) * (v - m)).sum();
    let covariance: f64 = x.windows(2).map(|w| (w[0] - m) * (w[1] - m)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

/// The `p`-quantile of a sample in any order, one number per observation, by linear interpolation between order
/// statistics (Hyndman and Fan 1996, type 7); NaNs are sorted last. NaN for an empty sample.
pub fn quantile(x: &[f64], p: f64) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_sorted(&sorted, p)
}

/// As [`quantile`], of a sample that is sorted already, one number per observation, ascending.
pub fn quantile_sorted(sorted: &[f64], p: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = p.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = (at.floor() as usize).min(sorted.len() - 1);
    let above = (below + 1).min(sorted.len() - 1);
    let t = at - below as f64;
    // Written so that equal or infinite neighbours give themselves, not a NaN.
    if t == 0.0 || sorted[below] == sorted[above] {
        sorted[below]
    } else {
        sorted[below] * (1.0 - t) + sorted[above] * t
    }
}

/// Mean of the middle half of a sample in any order, one number per observation, with fractional weights at the edges
/// of that half. NaN for an empty sample.
pub fn interquartile_mean(x: &[f64]) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let (lo, hi) = (0.25 * n, 0.75 * n);
    let mut sum = 0.0;
    let mut weight = 0.0;
    for (i, v) in sorted.iter().enumerate() {
        let w = ((i + 1) as f64).min(hi) - (i as f64).max(lo);
        if w > 0.0 {
            sum += w * v;
            weight += w;
        }
    }
    sum / weight
}

/// A percentile-bootstrap interval (low, high) of `statistic` over the sample `x`, one number per observation, with
/// coverage `level` (.95, say) from `draws` resamples of its length (Efron 1979).
pub fn bootstrap(
    x: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    level: f64,
    draws: usize,
    rng: &mut impl Rng,
) -> (f64, f64) {
    if x.is_empty() || draws == 0 {
        return (f64::NAN, f64::NAN);
    }
    let mut resample = vec![0.0; x.len()];
    let mut values: Vec<f64> = (0..draws)
        .map(|_| {
            for v in &mut resample {
                *v = x[rng.random_range(0..x.len())];
            }
            statistic(&resample)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - level);
    (quantile_sorted(&values, tail), quantile_sorted(&values, 1.0 - tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn moments_and_quantiles() {
        let x = [3.0, 1.0, 2.0, 4.0];
        assert_eq!(mean(&x), 2.5);
        assert!((sd(&x) - (5.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(quantile(&x, 0.5), 2.5);
        assert_eq!(quantile(&x, 0.0), 1.0);
        assert_eq!(quantile(&x, 1.0), 4.0);
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[f64::NEG_INFINITY; 3], 0.3), f64::NEG_INFINITY);
        assert_eq!(interquartile_mean(&[0.0, 1.0, 2.0, 1000.0]), 1.5);
        assert!((interquartile_mean(&[0.0, 1.0, 2.0, 3.0, 4.0]) - 2.0).abs() < 1e-15);
    }

    #[test]
    fn bootstrap_covers_the_mean_of_a_normal_sample() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut covered = 0;
        for _ in 0..100 {
            let x: Vec<f64> = (0..40)
                .map(|_| crate::num::normal::quantile(rng.random::<f64>().max(1e-12)))
                .collect();
            let (lo, hi) = bootstrap(&x, mean, 0.9, 300, &mut rng);
            covered += usize::from(lo <= 0.0 && 0.0 <= hi);
        }
        assert!((80..=98).contains(&covered), "{covered}");
    }

    #[test]
    fn what_stands_outside_the_middle_half_may_be_infinite() {
        let x = [f64::NEG_INFINITY, 1.0, 2.0, f64::INFINITY];
        assert!((interquartile_mean(&x) - 1.5).abs() < 1e-15);
    }
}
