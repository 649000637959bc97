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
    let (off, unit) = deviations(x);
    (off.iter().map(|v| v * v).sum::<f64>() / (x.len() - 1) as f64).sqrt() * unit
}

/// Deviations from the mean, one per observation, in a unit in which their squares are numbers: one, but where they are very large or very small.
fn deviations(x: &[f64]) -> (Vec<f64>, f64) {
    let largest = x.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let unit = if largest > 0.0 && largest.is_finite() && !(1e-100..1e100).contains(&largest) {
        largest.log2().floor().clamp(-1000.0, 1000.0).exp2()
    } else {
        1.0
    };
    let m = x.iter().map(|v| v / unit).sum::<f64>() / x.len() as f64;
    (x.iter().map(|v| v / unit - m).collect(), unit)
}

/// Mean, standard deviation and range of numbers that come one after another, none of which is kept: by Welford's (1962) recursion, in units in which
/// squares are neither too large nor too small for a number.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// A power of two, so that dividing by it rounds nothing; 0 until there is a number that is not zero.
    unit: f64,
    count: f64,
    mean: f64,
    squares: f64,
    /// Smallest and largest so far.
    pub range: (f64, f64),
    /// How many were infinite or no number.
    pub unbounded: u64,
}

impl Default for Running {
    fn default() -> Self {
        Running {
            unit: 0.0,
            count: 0.0,
            mean: 0.0,
            squares: 0.0,
            range: (f64::INFINITY, f64::NEG_INFINITY),
            unbounded: 0,
        }
    }
}

/// Numbers this much larger than the unit change it: their squares, and sums of them, still fit.
const TOO_LARGE: f64 = 1e100;

impl Running {
    /// Takes in a number.
    pub fn push(&mut self, x: f64) {
        self.range = (self.range.0.min(x), self.range.1.max(x));
        self.count += 1.0;
        if !x.is_finite() {
            self.unbounded += 1;
            return;
        }
        if x != 0.0 && (self.unit == 0.0 || x.abs() / self.unit > TOO_LARGE) {
            self.measure_in(x.abs().log2().floor().clamp(-1000.0, 1000.0).exp2());
        }
        let x = if x == 0.0 { 0.0 } else { x / self.unit };
        let off = x - self.mean;
        self.mean += off / self.count;
        self.squares += off * (x - self.mean);
    }

    /// Goes over to another unit.
    fn measure_in(&mut self, unit: f64) {
        let by = self.unit / unit;
        self.mean *= by;
        self.squares *= by * by;
        self.unit = unit;
    }

    /// How many numbers there were.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Their mean; NaN where one is not finite, or there is none.
    pub fn mean(&self) -> f64 {
        if self.count == 0.0 || self.unbounded > 0 {
            return f64::NAN;
        }
        self.mean * self.unit
    }

    /// Their standard deviation (divisor `n`); NaN where one is not finite, or there is none.
    pub fn sd(&self) -> f64 {
        if self.count == 0.0 || self.unbounded > 0 {
            return f64::NAN;
        }
        (self.squares / self.count).max(0.0).sqrt() * self.unit
    }
}

/// First autocorrelation of a series, one number per date in order; 0 if it does not vary, NaN if a number is not finite.
pub fn autocorrelation(x: &[f64]) -> f64 {
    let (off, _) = deviations(x);
    let variance: f64 = off.iter().map(|v| v * v).sum();
    let covariance: f64 = off.windows(2).map(|w| w[0] * w[1]).sum();
    if variance > 0.0 || variance.is_nan() {
        covariance / variance
    } else {
        0.0
    }
}

/// The correlation of pairs of numbers, none of which is kept: with pairs of a number and the next in the same life, the first autocorrelation of any
/// number of lives, whose means count as one. By Welford's (1962) recursion.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    count: f64,
    mean: [f64; 2],
    squares: [f64; 2],
    product: f64,
    largest: f64,
}

impl Pairs {
    /// What does not vary by this share of its size does not vary.
    const LEVEL: f64 = 1e-11;

    /// One pair more.
    pub fn push(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        self.largest = self.largest.max(x.abs()).max(y.abs());
        let off = [x - self.mean[0], y - self.mean[1]];
        for (k, x) in [x, y].into_iter().enumerate() {
            self.mean[k] += off[k] / self.count;
            self.squares[k] += off[k] * (x - self.mean[k]);
        }
        self.product += off[0] * (y - self.mean[1]);
    }

    /// NaN where there are no pairs, where a number is not finite, or where the numbers do not vary.
    pub fn correlation(&self) -> f64 {
        let least = self.count * (Self::LEVEL * self.largest).powi(2);
        match self.squares.iter().all(|s| *s > least) {
            true => self.product / (self.squares[0].sqrt() * self.squares[1].sqrt()),
            false => f64::NAN,
        }
    }
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
        // Whatever the unit.
        for (unit, from) in [
            (1.0, 0.0),
            (1e160, 0.0),
            (1e300, 0.0),
            (1e-170, 0.0),
            (1.0, 1e9),
            (1e-3, -1e5),
        ] {
            let y: Vec<f64> = x.iter().map(|v| from + unit * v).collect();
            let right = unit * (5.0f64 / 3.0).sqrt();
            assert!((sd(&y) / right - 1.0).abs() < 1e-6, "{unit}: {}", sd(&y));
            let mut all = Running::default();
            y.iter().for_each(|v| all.push(*v));
            assert!(
                (all.sd() / (right * 0.75f64.sqrt()) - 1.0).abs() < 1e-6,
                "{unit}: {}",
                all.sd()
            );
            assert!((all.mean() / mean(&y) - 1.0).abs() < 1e-12 && all.count() == 4.0);
            assert!(unit == 1e300 || (autocorrelation(&y) - autocorrelation(&x)).abs() < 1e-6);
        }
        // However small the first of them, or zero.
        let mut all = Running::default();
        [0.0, 1e-200, 0.0, 4e180, 8e180].into_iter().for_each(|v| all.push(v));
        assert!((all.mean() / 2.4e180 - 1.0).abs() < 1e-14, "{}", all.mean());
        assert!((all.sd() / 10.24f64.sqrt() / 1e180 - 1.0).abs() < 1e-14, "{}", all.sd());
        let mut all = Running::default();
        [0.0, 0.0].into_iter().for_each(|v| all.push(v));
        assert!(all.mean() == 0.0 && all.sd() == 0.0);
        let mut all = Running::default();
        [1.0, f64::INFINITY, 2.0].into_iter().for_each(|v| all.push(v));
        assert!(all.mean().is_nan() && all.sd().is_nan() && all.unbounded == 1 && all.range == (1.0, f64::INFINITY));
        assert!(autocorrelation(&[1.0, f64::INFINITY, 2.0]).is_nan());
    }

    #[test]
    fn pairs_of_any_number_of_lives_have_the_correlation_of_their_process() {
        let mut rng = StdRng::seed_from_u64(3);
        for (length, unit, level) in [(5, 1.0, 0.0), (2, 1e-3, 7.0), (200, 1e9, 1e12)] {
            let mut pairs = Pairs::default();
            for _ in 0..400_000 / length {
                let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
                let mut x = normal();
                for _ in 1..length {
                    let next = 0.9 * x + (1.0f64 - 0.81).sqrt() * normal();
                    pairs.push(level + unit * x, level + unit * next);
                    x = next;
                }
            }
            let found = pairs.correlation();
            assert!((found - 0.9).abs() < 0.01, "{length}: {found}");
        }
        let of = |pairs: &[(f64, f64)]| {
            let mut all = Pairs::default();
            pairs.iter().for_each(|(x, y)| all.push(*x, *y));
            all.correlation()
        };
        assert!((of(&[(1.0, -1.0), (-1.0, 1.0)]) + 1.0).abs() < 1e-15);
        assert!(of(&[]).is_nan());
        assert!(of(&[(3.0, 3.0 + 1e-15), (3.0 + 1e-15, 3.0)]).is_nan());
        assert!(of(&[(1.0, 2.0), (f64::INFINITY, 1.0)]).is_nan());
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
}
