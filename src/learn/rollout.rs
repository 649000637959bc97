//! What on-policy learners remember of one stretch of play, and the advantages made from it.
//!
//! Arrays are time-major: row `t * slots + s`. Advantages are those of Schulman et al. (2016),
//! `A_t = delta_t + discount * lambda * A_{t+1}`, `delta_t = r_t + discount * V(next) - V_t`, where the value of what comes
//! next is zero after a termination, and the value of the *last observation of the episode* after a truncation:
//! the record stopped there, the world did not.

use crate::env::CommonChance;
#[cfg(feature = "learn")]
use crate::env::Told;
use serde::{Deserialize, Serialize};

/// One stretch of play: `rows = periods * slots` rows, time-major (row `period * slots + slot`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rollout {
    /// Periods.
    pub periods: usize,
    /// Slots.
    pub slots: usize,
    /// Standardised observations, `rows x observation_width`; `slots` more rows with what was seen last when the
    /// stretch is full.
    pub observation: Vec<f32>,
    /// What a central critic saw, standardised, `rows x joint_width`, and `slots` more rows as in `observation`; empty without one.
    pub joint: Vec<f32>,
    /// 1 where a choice is allowed, `rows x sum(sizes)` of the finite dimensions; empty if nothing is masked.
    pub mask: Vec<f32>,
    /// Continuous actions as drawn, `rows x continuous`.
    pub continuous: Vec<f32>,
    /// Indices of choices, `rows x discrete`.
    pub discrete: Vec<u32>,
    /// Log-probabilities under the policy that acted: one per row.
    pub log_prob: Vec<f32>,
    /// Rewards: one per row.
    pub reward: Vec<f32>,
    /// Whether the world ended after the row: one per row.
    pub terminated: Vec<bool>,
    /// Whether the episode ended after the row, either way: one per row.
    pub ended: Vec<bool>,
    /// The rows that were truncated (not terminated): one number per row, in order.
    pub truncated_rows: Vec<usize>,
    /// The standardised observations after truncated rows, `truncated_rows.len() x observation_width`.
    pub truncated_observation: Vec<f32>,
    /// The same for a central critic, `truncated_rows.len() x joint_width`.
    pub truncated_joint: Vec<f32>,
    /// Values, in units of the reward: one per row, then one per slot for the observations after the last period
    /// (`rows` and `slots` of them).
    pub value: Vec<f32>,
    /// Values of `truncated_observation`, in units of the reward: one per truncated row.
    pub truncated_value: Vec<f32>,
    /// Advantages, in units of the reward: one per row.
    pub advantage: Vec<f32>,
    /// Targets of the value network (advantage plus value), in units of the reward: one per row.
    pub target: Vec<f32>,
}

impl Rollout {
    /// Forgets the rows, keeps the memory.
    pub fn clear(&mut self) {
        self.periods = 0;
        for v in [
            &mut self.observation,
            &mut self.joint,
            &mut self.mask,
            &mut self.continuous,
            &mut self.log_prob,
            &mut self.reward,
            &mut self.truncated_observation,
            &mut self.truncated_joint,
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

    /// Takes in what came of a period: rewards and ends. Returns the first row of the period.
    #[cfg(feature = "learn")]
    pub(super) fn told(&mut self, told: &Told<'_>) -> usize {
        let first = self.reward.len();
        self.reward.extend_from_slice(told.reward);
        self.terminated.extend_from_slice(told.terminated);
        self.ended.extend((0..self.slots).map(|s| told.ended(s)));
        let cut = (0..self.slots).filter(|s| told.truncated[*s] && !told.terminated[*s]);
        self.truncated_rows.extend(cut.map(|s| first + s));
        self.periods += 1;
        first
    }

    /// What the value network sees (one row per row, and one per slot at the end), and where episodes were truncated.
    pub fn valued(&self) -> (&[f32], &[f32]) {
        if self.joint.is_empty() {
            (&self.observation, &self.truncated_observation)
        } else {
            (&self.joint, &self.truncated_joint)
        }
    }

    /// Share of the rows after which the world ended.
    #[cfg(feature = "learn")]
    pub(super) fn share_terminated(&self) -> f64 {
        self.terminated.iter().filter(|t| **t).count() as f64 / self.rows() as f64
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.periods * self.slots
    }

    /// Fills `advantage` and `target` (one number per row) from rewards, ends and values, with GAE weight `lambda`
    /// (Schulman et al. 2016).
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
            let over = fault!("learner.value_after_end", false, self.terminated[row]);
            let after = if over { 0.0 } else { next[row] };
            let delta = self.reward[row] + discount * after - self.value[row];
            let carried = if self.ended[row] || row + n >= rows {
                0.0
            } else {
                self.advantage[row + n]
            };
            let decay = fault!("learner.undiscounted", lambda, discount * lambda);
            self.advantage[row] = delta + decay * carried;
            self.target[row] = self.advantage[row] + self.value[row];
        }
    }
}

impl Rollout {
    /// Numbers of the rows whose advantage puts a weight of at most `most` on the bootstrapped value. The weight is
    /// `decay^n`, with `decay` the discount times GAE lambda and `n` the periods to where the record stops; it is 0
    /// where the world ends before. All rows if none is left. The slope of a fitted value is the least certain thing
    /// about it, and a policy that rests on it inherits its error.
    pub fn rows_mostly_played(&self, decay: f32, most: f32) -> Vec<usize> {
        let (n, rows) = (self.slots, self.rows());
        if most >= 1.0 {
            return (0..rows).collect();
        }
        let mut weight = vec![0.0f32; rows];
        for row in (0..rows).rev() {
            weight[row] = if self.terminated[row] {
                0.0
            } else if self.ended[row] || row + n >= rows {
                decay
            } else {
                decay * weight[row + n]
            };
        }
        let kept: Vec<usize> = (0..rows).filter(|row| weight[*row] <= most).collect();
        if kept.is_empty() { (0..rows).collect() } else { kept }
    }

    /// Takes out of the advantages what all slots with common random numbers have in common, which no action of theirs
    /// brought about: a baseline that knows the shocks to come (Mao, Venkatakrishnan, Schwarzkopf and Alizadeh 2019,
    /// "Variance reduction for reinforcement learning in input-driven environments"), at hand without estimating it
    /// because several worlds meet them. Of this common part the targets of the values keep the share `kept`: it is
    /// noise to their slope in the states, and only slowly teaches their level. Groups of fewer than four worlds are
    /// left alone.
    pub fn remove_common(&mut self, common: CommonChance, kept: f32) {
        let members = common.members.max(1);
        let group = common.worlds * members;
        if common.worlds < 4 {
            return;
        }
        for period in 0..self.periods {
            let mut from = period * self.slots;
            let end = from + self.slots;
            while from < end {
                let to = (from + group).min(end);
                let worlds = (to - from) / members;
                for m in (0..members).filter(|_| worlds >= 4) {
                    let rows = || (from + m..to).step_by(members);
                    let mean = rows().map(|i| f64::from(self.advantage[i])).sum::<f64>() / worlds as f64;
                    let mean = mean as f32;
                    for i in rows() {
                        self.advantage[i] -= mean;
                        self.target[i] -= (1.0 - kept) * mean;
                    }
                }
                from = to;
            }
        }
    }
}

/// Share of the variance of `target` that `value` explains (both one number per row); not a number if the target does
/// not vary.
pub fn explained_variance(value: &[f32], target: &[f32]) -> f64 {
    let n = target.len().max(1) as f64;
    let variance = |x: &dyn Fn(usize) -> f64| {
        let mean = (0..target.len()).map(x).sum::<f64>() / n;
        (0..target.len()).map(|i| (x(i) - mean).powi(2)).sum::<f64>() / n
    };
    let total = variance(&|i| target[i] as f64);
    1.0 - variance(&|i| target[i] as f64 - value[i] as f64) / total
}

/// Subtracts the mean of `x` (any length) and divides by its standard deviation, in place.
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
    fn rows_that_rest_on_the_value_network_are_left_out() {
        // One slot, six periods: a termination after the second, a truncation after the fourth.
        let mut r = Rollout {
            periods: 6,
            slots: 1,
            terminated: vec![false, true, false, false, false, false],
            ended: vec![false, true, false, true, false, false],
            ..Rollout::default()
        };
        // Weights: 0, 0, 0.25, 0.5, 0.25, 0.5.
        assert_eq!(r.rows_mostly_played(0.5, 0.3), vec![0, 1, 2, 4]);
        assert_eq!(r.rows_mostly_played(0.5, 0.1), vec![0, 1]);
        assert_eq!(r.rows_mostly_played(0.5, 1.0).len(), 6);
        r.terminated[1] = false;
        assert_eq!(r.rows_mostly_played(0.5, 0.1).len(), 6);
    }

    #[test]
    fn what_slots_share_is_taken_out_of_advantages() {
        // Two groups of four worlds with two members each: a shock hits member m of group g by 10 g + m.
        let (slots, members) = (16, 2);
        let own: Vec<f32> = (0..slots).map(|s| [1.0, -1.0, 2.0, -2.0][(s / members) % 4]).collect();
        let hit: Vec<f32> = (0..slots)
            .map(|s| 10.0 * (s / 8) as f32 + (s % members) as f32)
            .collect();
        let mut r = Rollout {
            periods: 1,
            slots,
            advantage: own.iter().zip(&hit).map(|(a, b)| a + b).collect(),
            target: own.iter().zip(&hit).map(|(a, b)| a + b + 5.0).collect(),
            ..Rollout::default()
        };
        r.remove_common(CommonChance { worlds: 4, members }, 0.25);
        for s in 0..slots {
            assert!((r.advantage[s] - own[s]).abs() < 1e-5);
            assert!((r.target[s] - own[s] - 5.0 - 0.25 * hit[s]).abs() < 1e-5);
        }
        let before = r.clone();
        r.remove_common(CommonChance { worlds: 3, members }, 0.25);
        assert_eq!(r.advantage, before.advantage);
    }

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
