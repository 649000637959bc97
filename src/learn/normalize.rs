//! Running statistics: of observations, of discounted returns, and of the targets of a value network.
//!
//! Means and variances are accumulated in double precision by the batch form of Chan, Golub and LeVeque (1979). They
//! are part of a policy: a network that has seen standardised observations is useless without them.

use super::nets::Mlp;
use serde::{Deserialize, Serialize};

/// Mean and variance of each column of everything seen so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningStatistics {
    count: f64,
    mean: Vec<f64>,
    /// Sum of squared deviations.
    squares: Vec<f64>,
    /// Single-precision shift and factor, kept in step.
    shift: Vec<f32>,
    factor: Vec<f32>,
}

/// Standardised observations are held within this.
pub(super) const BOUND: f32 = 10.0;

impl RunningStatistics {
    /// Of `width` columns; before anything is seen the mean is 0 and the variance 1.
    pub fn new(width: usize) -> Self {
        RunningStatistics {
            count: 0.0,
            mean: vec![0.0; width],
            squares: vec![0.0; width],
            shift: vec![0.0; width],
            factor: vec![1.0; width],
        }
    }

    /// Those of the first `width` columns.
    pub fn first(&self, width: usize) -> RunningStatistics {
        RunningStatistics {
            count: self.count,
            mean: self.mean[..width].to_vec(),
            squares: self.squares[..width].to_vec(),
            shift: self.shift[..width].to_vec(),
            factor: self.factor[..width].to_vec(),
        }
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Variance of column `j`.
    pub fn variance(&self, j: usize) -> f64 {
        if self.count > 0.0 {
            self.squares[j] / self.count
        } else {
            1.0
        }
    }

    /// Mean of column `j`.
    pub fn mean(&self, j: usize) -> f64 {
        self.mean[j]
    }

    /// What is subtracted from each column and what the rest is multiplied by: one number per column each.
    pub fn affine(&self) -> (&[f32], &[f32]) {
        (&self.shift, &self.factor)
    }

    /// Lets what was seen count less: the share `keep` of it.
    pub fn forget(&mut self, keep: f64) {
        self.count *= keep;
        self.squares.iter_mut().for_each(|s| *s *= keep);
    }

    /// Takes in the rows of `x`, `row x width` (Chan, Golub and LeVeque 1979).
    pub fn update(&mut self, x: &[f32]) {
        let width = self.width();
        let rows = x.len().checked_div(width).unwrap_or(0);
        if rows == 0 {
            return;
        }
        let n = rows as f64;
        let total = self.count + n;
        for j in 0..width {
            let column = || x[j..].iter().step_by(width);
            let mean = column().map(|v| *v as f64).sum::<f64>() / n;
            let squares = column().map(|v| (*v as f64 - mean).powi(2)).sum::<f64>();
            let delta = mean - self.mean[j];
            self.squares[j] += squares + delta * delta * self.count * n / total;
            self.mean[j] += delta * n / total;
            self.settle(j, total);
        }
        self.count = total;
    }

    /// Shift and factor of column `j`, of `total` rows.
    fn settle(&mut self, j: usize, total: f64) {
        // A column that never moves carries no information; scaling it up would only magnify rounding.
        let sd = (self.squares[j] / total).sqrt();
        self.shift[j] = self.mean[j] as f32;
        self.factor[j] = if sd > 1e-6 * (1.0 + self.mean[j].abs()) {
            (1.0 / sd) as f32
        } else {
            1.0
        };
    }

    /// Standardises the rows of `x` (`row x width`) into `out`, which gets the same shape; results are held within 10
    /// standard deviations.
    pub fn apply(&self, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        for row in x.chunks_exact(self.width().max(1)) {
            out.extend(
                row.iter()
                    .zip(&self.shift)
                    .zip(&self.factor)
                    .map(|((x, s), f)| ((x - s) * f).clamp(-BOUND, BOUND)),
            );
        }
    }
}

/// Standardises the rows of `x` (`row x width`) into `out`, which gets the same shape; as they are where there are no statistics.
pub fn standardize_rows(statistics: Option<&RunningStatistics>, x: &[f32], out: &mut Vec<f32>) {
    match statistics {
        Some(statistics) => statistics.apply(x, out),
        None => {
            out.clear();
            out.extend_from_slice(x);
        }
    }
}

/// Divides rewards by the standard deviation of the discounted return (Engstrom et al. 2020), without a shift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardScale {
    statistics: RunningStatistics,
    returns: Vec<f32>,
}

impl RewardScale {
    /// For `slots` decision makers.
    pub fn new(slots: usize) -> Self {
        RewardScale {
            statistics: RunningStatistics::new(1),
            returns: vec![0.0; slots],
        }
    }

    /// Takes in one period's rewards (one value per slot; `ended(slot)` where an episode stopped) and scales them in
    /// place.
    pub fn apply(&mut self, discount: f32, reward: &mut [f32], ended: impl Fn(usize) -> bool) {
        for (g, r) in self.returns.iter_mut().zip(reward.iter()) {
            *g = discount * *g + r;
        }
        self.statistics.update(&self.returns);
        let factor = 1.0 / (self.statistics.variance(0) + 1e-8).sqrt() as f32;
        for (s, r) in reward.iter_mut().enumerate() {
            *r = (*r * factor).clamp(-BOUND, BOUND);
            if ended(s) {
                self.returns[s] = 0.0;
            }
        }
    }
}

/// Scale of the targets of value networks. A network learns `(target - mean) / sd`; when the statistics move, the last layer
/// moves with them so that its values in units of the reward stay the same (PopArt: van Hasselt et al. 2016).
/// In economies the level of a value is hundreds of times what differs between actions, so this is on by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueScale {
    enabled: bool,
    rate: f64,
    weight: f64,
    first: f64,
    second: f64,
    mean: f64,
    sd: f64,
}

impl ValueScale {
    /// Statistics forget with `rate` per batch. Where not `enabled`, values are learnt as they are.
    pub fn new(enabled: bool, rate: f64) -> Self {
        ValueScale {
            enabled,
            rate,
            weight: 0.0,
            first: 0.0,
            second: 0.0,
            mean: 0.0,
            sd: 1.0,
        }
    }
    /// Value in units of the reward from a network's output.
    pub fn restore(&self, output: f32) -> f32 {
        (self.sd as f32).mul_add(output, self.mean as f32)
    }
    /// A network's target from a value in units of the reward.
    pub fn normalize(&self, value: f32) -> f32 {
        (value - self.mean as f32) / self.sd as f32
    }
    /// As [`Self::restore`], in double precision: at high levels single precision has no digits left for what actions change.
    pub fn restore_exactly(&self, output: f32) -> f64 {
        self.sd.mul_add(f64::from(output), self.mean)
    }
    /// As [`Self::normalize`], of a value in double precision.
    pub fn normalize_exactly(&self, value: f64) -> f32 {
        ((value - self.mean) / self.sd) as f32
    }
    /// Standard deviation of the targets.
    pub fn sd(&self) -> f64 {
        self.sd
    }
    /// Before the first target is known: takes the value of a world that pays `rewards` (a sample of any length) for
    /// ever and ends with probability `end` per period. Without this the level itself would have to be learnt, one
    /// bootstrap at a time.
    pub fn start(&mut self, rewards: &[f32], discount: f64, end: f64) {
        if !self.enabled || self.weight > 0.0 || rewards.is_empty() {
            return;
        }
        let n = rewards.len() as f64;
        let mean = rewards.iter().map(|r| *r as f64).sum::<f64>() / n;
        let variance = rewards.iter().map(|r| (*r as f64 - mean).powi(2)).sum::<f64>() / n;
        let keep = (discount * (1.0 - end)).min(1.0 - 1e-4);
        self.mean = mean / (1.0 - keep);
        let sd = (variance / (1.0 - keep * keep)).sqrt();
        self.sd = if sd > 1e-8 * (1.0 + self.mean.abs()) { sd } else { 1.0 };
    }
    /// Before a network has learned anything: takes mean and standard deviation of `values` (a sample of any length, in units of the reward).
    pub fn start_at(&mut self, values: &[f64]) {
        if !self.enabled || self.weight > 0.0 || values.is_empty() {
            return;
        }
        let n = values.len() as f64;
        self.mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|v| (v - self.mean).powi(2)).sum::<f64>() / n).sqrt();
        self.sd = if sd > 1e-8 * (1.0 + self.mean.abs()) { sd } else { 1.0 };
    }
    /// Takes in a batch of targets (any length, in units of the reward). Returns the factor and the shift that a last
    /// layer needs to stay the same function in units of the reward (see [`rescale`]).
    #[must_use]
    pub fn update(&mut self, targets: &[f32]) -> (f32, f32) {
        if !self.enabled || targets.is_empty() {
            return (1.0, 0.0);
        }
        let n = targets.len() as f64;
        let mean = targets.iter().map(|t| *t as f64).sum::<f64>() / n;
        // The second moment is kept around the present mean, or nothing would be left of it at high levels.
        let spread = targets.iter().map(|t| (*t as f64 - mean).powi(2)).sum::<f64>() / n;
        let weight = (1.0 - self.rate) * self.weight + self.rate;
        let share = self.rate / weight;
        let delta = mean - self.first;
        self.first += share * delta;
        self.second = (1.0 - share) * (self.second + share * delta * delta) + share * spread;
        self.weight = weight;
        let sd = self.second.sqrt();
        let mean = self.first;
        let sd = if sd > 1e-8 * (1.0 + mean.abs()) { sd } else { 1.0 };
        let correction = ((self.sd / sd) as f32, ((self.mean - mean) / sd) as f32);
        (self.mean, self.sd) = (mean, sd);
        correction
    }
}

/// Multiplies the outputs of a network by `factor` and adds `shift` to the first `columns` of them.
pub fn rescale(net: &mut Mlp, (factor, shift): (f32, f32), columns: usize) {
    let (weights, biases) = net.last_layer_mut();
    weights.iter_mut().for_each(|w| *w *= factor);
    biases.iter_mut().for_each(|b| *b *= factor);
    biases.iter_mut().take(columns).for_each(|b| *b += shift);
}

/// The mean of a network's parameters over the later part of training (Polyak and Juditsky 1992). Policies wander around
/// the best one by sampling error; their mean is several times closer to it than the last of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Average {
    count: u64,
    mean: Vec<f32>,
}

impl Average {
    /// Takes in the parameters as they stand: one number per parameter.
    pub fn update(&mut self, params: &[f32]) {
        self.count += 1;
        if self.mean.len() != params.len() {
            self.mean = params.to_vec();
        }
        super::nets::simd::blend(&mut self.mean, params, 1.0 / self.count as f32);
    }
    /// The mean if there is one, else `params`: one number per parameter.
    pub fn or<'a>(&'a self, params: &'a [f32]) -> &'a [f32] {
        if self.mean.len() == params.len() {
            &self.mean
        } else {
            params
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::nets::{Activation, Net, Workspace};
    use super::*;
    use crate::num::random::Stream;

    #[test]
    fn running_statistics_equal_those_of_all_rows_at_once() {
        let x: Vec<f32> = (0..600)
            .map(|i| ((i * i) % 37) as f32 + if i % 2 == 0 { 100.0 } else { 0.0 })
            .collect();
        let mut s = RunningStatistics::new(2);
        for part in x.chunks(50) {
            s.update(part);
        }
        for j in 0..2 {
            let column: Vec<f64> = x[j..].iter().step_by(2).map(|v| *v as f64).collect();
            let mean = column.iter().sum::<f64>() / 300.0;
            let var = column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 300.0;
            assert!((s.mean(j) - mean).abs() < 1e-9 && (s.variance(j) - var).abs() < 1e-9 * var);
        }
        let mut out = Vec::new();
        s.apply(&x, &mut out);
        assert!(out.iter().map(|v| *v as f64).sum::<f64>().abs() < 1e-2);
    }

    #[test]
    fn a_value_does_not_change_when_the_scale_of_values_does() {
        let mut net = Mlp::new(2, &[8], 1, Activation::Tanh, 1.0, &mut Stream::new(1, 0));
        let mut scale = ValueScale::new(true, 0.1);
        scale.start(&[1.0, 2.0, 3.0], 0.95, 0.0);
        assert!((scale.restore(0.0) - 40.0).abs() < 1e-3);
        let value = |net: &Mlp, scale: &ValueScale| {
            let mut out = [0.0];
            net.infer(&[0.3, -0.4], 1, &mut Workspace::default(), &mut out);
            scale.restore(out[0])
        };
        let before = value(&net, &scale);
        for level in [-50.0f32, 3.0, 200.0] {
            let targets: Vec<f32> = (0..100).map(|i| level + (i % 7) as f32).collect();
            let correction = scale.update(&targets);
            rescale(&mut net, correction, 1);
            assert!((value(&net, &scale) - before).abs() < 1e-3);
        }
        let mut started = ValueScale::new(true, 0.1);
        started.start_at(&[1.0, 5.0]);
        assert_eq!(
            (
                started.restore_exactly(0.0),
                started.sd(),
                started.normalize_exactly(5.0)
            ),
            (3.0, 2.0, 1.0)
        );
        let mut fresh = ValueScale::new(true, 0.1);
        let _ = fresh.update(&[5.0, 7.0]);
        assert!((fresh.normalize(7.0) - 1.0).abs() < 1e-6);
    }
}
