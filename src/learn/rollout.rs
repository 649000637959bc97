//! What on-policy learners remember of one stretch of play, and the advantages made from it.
//!
//! Arrays are time-major: row `t * slots + s`. Advantages are those of Schulman et al. (2016),
//! `A_t = delta_t + discount * lambda * A_{t+1}`, `delta_t = r_t + discount * V(next) - V_t`, where the value of what comes
//! next is zero after a termination, and the value of the *last observation of the episode* after a truncation:
//! the record stopped there, the world did not.

/// One stretch of play.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    /// Periods.
    pub periods: usize,
    /// Slots.
    pub slots: usize,
    /// Standardised observations.
    pub observation: Vec<f32>,
    /// Masks, empty if nothing is masked.
    pub mask: Vec<f32>,
    /// Continuous actions as drawn.
    pub continuous: Vec<f32>,
    /// Choices.
    pub discrete: Vec<u32>,
    /// Log-probabilities under the policy that acted.
    pub log_prob: Vec<f32>,
    /// Rewards.
    pub reward: Vec<f32>,
    /// 1 where the world ended after this row.
    pub terminated: Vec<bool>,
    /// True where the episode ended after this row, either way.
    pub ended: Vec<bool>,
    /// Rows truncated (not terminated), and the standardised observations there.
    pub truncated_rows: Vec<usize>,
    /// `truncated_rows.len()` rows.
    pub truncated_observation: Vec<f32>,
    /// Values of the rows, then of the observation after the last period, in units of the reward.
    pub value: Vec<f32>,
    /// Values of `truncated_observation`.
    pub truncated_value: Vec<f32>,
    /// Advantages.
    pub advantage: Vec<f32>,
    /// Returns: advantage plus value.
    pub target: Vec<f32>,
}

impl Rollout {
    /// Forgets the rows, keeps the memory.
    pub fn clear(&mut self) {
        self.periods = 0;
        for v in [
            &mut self.observation,
            &mut self.mask,
            &mut self.continuous,
            &mut self.log_prob,
            &mut self.reward,
            &mut self.truncated_observation,
            &mut self.value,
            &mut self.truncated_value,
            &mut self.advantage,
            &mut self.target,
        ] {
            v.clear();
        }
        self.discrete.clear();
        self.terminated.clear();
        self.ended.clear();
        self.truncated_rows.clear();
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.periods * self.slots
    }

    /// Fills `advantage` and `target` from rewards, ends and values.
    pub fn estimate_advantages(&mut self, discount: f32, lambda: f32) {
        let (n, rows) = (self.slots, self.rows());
        self.advantage.resize(rows, 0.0);
        self.target.resize(rows, 0.0);
        // What comes after each row: the next row's value unless the episode ended there.
        let mut next: Vec<f32> = self.value[n..n + rows].to_vec();
        for (&row, &value) in self.truncated_rows.iter().zip(&self.truncated_value) {
            next[row] = value;
        }
        for row in (0..rows).rev() {
            let after = if self.terminated[row] { 0.0 } else { next[row] };
            let delta = self.reward[row] + discount * after - self.value[row];
            let carried = if self.ended[row] || row + n >= rows {
                0.0
            } else {
                self.advantage[row + n]
            };
            self.advantage[row] = delta + discount * lambda * carried;
            self.target[row] = self.advantage[row] + self.value[row];
        }
    }
}

/// Share of the variance of `target` that `value` explains; not a number if the target does not vary.
pub fn explained_variance(value: &[f32], target: &[f32]) -> f64 {
    let n = target.len().max(1) as f64;
    let variance = |x: &dyn Fn(usize) -> f64| {
        let mean = (0..target.len()).map(x).sum::<f64>() / n;
        (0..target.len()).map(|i| (x(i) - mean).powi(2)).sum::<f64>() / n
    };
    let total = variance(&|i| target[i] as f64);
    1.0 - variance(&|i| target[i] as f64 - value[i] as f64) / total
}

/// Subtracts the mean and divides by the standard deviation.
pub fn standardize(x: &mut [f32]) {
    if x.len() < 2 {
        return;
    }
    let n = x.len() as f64;
    let mean = x.iter().map(|v| *v as f64).sum::<f64>() / n;
    let variance = x.iter().map(|v| (*v as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let factor = 1.0 / (variance.sqrt() + 1e-8);
    x.iter_mut().for_each(|v| *v = ((*v as f64 - mean) * factor) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Key;

    #[test]
    fn advantages_equal_the_sum_over_each_episode_written_out() {
        let (periods, slots, discount, lambda) = (17usize, 3usize, 0.9f32, 0.8f32);
        let rows = periods * slots;
        let draw = |n: usize, k: u64| {
            let mut x = vec![0.0f32; n];
            Key::new(k, 0).fill_f32(0, 0, &mut x);
            x
        };
        let luck = draw(rows, 1);
        let mut r = Rollout {
            periods,
            slots,
            reward: draw(rows, 2),
            value: draw(rows + slots, 3),
            terminated: luck.iter().map(|u| *u < 0.15).collect(),
            ended: luck.iter().map(|u| *u < 0.3).collect(),
            ..Rollout::default()
        };
        r.truncated_rows = (0..rows).filter(|i| r.ended[*i] && !r.terminated[*i]).collect();
        r.truncated_value = draw(r.truncated_rows.len(), 4);
        r.estimate_advantages(discount, lambda);
        assert!(!r.truncated_rows.is_empty() && r.terminated.iter().any(|t| *t));
        for t in 0..periods {
            for s in 0..slots {
                let (mut expected, mut weight) = (0.0f64, 1.0f64);
                for u in t..periods {
                    let i = u * slots + s;
                    let next = if r.terminated[i] {
                        0.0
                    } else if let Some(k) = r.truncated_rows.iter().position(|x| *x == i) {
                        r.truncated_value[k]
                    } else {
                        r.value[i + slots]
                    };
                    let delta = r.reward[i] + discount * next - r.value[i];
                    expected += weight * delta as f64;
                    weight *= (discount * lambda) as f64;
                    if r.ended[i] {
                        break;
                    }
                }
                assert!((r.advantage[t * slots + s] as f64 - expected).abs() < 1e-5);
            }
        }
    }
}
