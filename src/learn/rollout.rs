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

/// Most that a period counts more or less than the usual one.
#[cfg(feature = "learn")]
const MOST_EVEN: f64 = 30.0;

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
    /// The noise in them, standard normal, `rows x continuous`.
    pub noise: Vec<f32>,
    /// What later chance did to the other worlds that share it, in units of its root mean square, `rows x surprises`.
    pub surprise: Vec<f32>,
    /// What the noise of each row is said to have earned, and the part of it that came by surprise; empty where nothing is said.
    pub said: Vec<[f32; 2]>,
    /// Periods since the episode of each row began: one per row.
    pub age: Vec<u32>,
    /// What each row counts, so that rows with much noise and rows with little teach alike: one per row.
    pub weight: Vec<f32>,
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
            &mut self.noise,
            &mut self.weight,
            &mut self.surprise,
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
        self.age.clear();
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
        let mut advantage = std::mem::take(&mut self.advantage);
        let said = std::mem::take(&mut self.said);
        self.accumulate(discount, lambda, &said, &mut advantage);
        self.target.clear();
        self.target
            .extend(advantage.iter().zip(&self.value).map(|(a, v)| a + v));
        for ((a, t), said) in advantage.iter_mut().zip(&mut self.target).zip(&said) {
            *t -= said[0];
            *a -= said[1];
        }
        (self.advantage, self.said) = (advantage, said);
    }

    /// What the group mean of the others' advantages is, for every weight of `lambdas`.
    pub fn find_surprises(&mut self, discount: f32, common: CommonChance, lambdas: &[f32]) {
        let (rows, q) = (self.rows(), lambdas.len());
        let members = common.members.max(1);
        let group = common.worlds * members;
        let mut surprise = std::mem::take(&mut self.surprise);
        surprise.clear();
        surprise.resize(rows * q, 0.0);
        let mut advantage = Vec::new();
        for (k, lambda) in lambdas.iter().enumerate().filter(|_| common.worlds >= 4) {
            self.accumulate(discount, *lambda, &[], &mut advantage);
            for period in 0..self.periods {
                let mut from = period * self.slots;
                let end = from + self.slots;
                while from < end {
                    let to = (from + group).min(end);
                    let worlds = (to - from) / members;
                    for m in (0..members).filter(|_| worlds >= 4) {
                        let each = || (from + m..to).step_by(members);
                        let sum: f64 = each().map(|i| f64::from(advantage[i])).sum();
                        for i in each() {
                            surprise[i * q + k] = ((sum - f64::from(advantage[i])) / (worlds - 1) as f64) as f32;
                        }
                    }
                    from = to;
                }
            }
            let square = surprise
                .iter()
                .skip(k)
                .step_by(q)
                .map(|s| f64::from(*s).powi(2))
                .sum::<f64>();
            let unit = (rows as f64 / square.max(f64::MIN_POSITIVE)).sqrt() as f32;
            surprise
                .iter_mut()
                .skip(k)
                .step_by(q)
                .for_each(|s| *s = (*s * unit).clamp(-4.0, 4.0));
        }
        self.surprise = surprise;
    }

    /// Advantages of all rows, less what the noise of later rows is said to have earned.
    fn accumulate(&self, discount: f32, lambda: f32, said: &[[f32; 2]], advantage: &mut Vec<f32>) {
        let (n, rows) = (self.slots, self.rows());
        advantage.resize(rows, 0.0);
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
                advantage[row + n] - said.get(row + n).map_or(0.0, |s| s[0])
            };
            let decay = fault!("learner.undiscounted", lambda, discount * lambda);
            advantage[row] = delta + decay * carried;
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
    ///
    /// Shocks work differently at different states: what `powers` powers of the observed (`width` numbers a row) explain is taken out of advantages, too.
    /// `even` weighs the rows of each period of a group by (1 / the root mean square of what is left)^`even`: 0 all alike, 1 so that no period
    /// with great chance rules the others; the weights are in `weight`.
    #[cfg(feature = "learn")]
    pub fn remove_common(&mut self, common: CommonChance, kept: f32, width: usize, powers: u32, even: f64) {
        let members = common.members.max(1);
        let group = common.worlds * members;
        self.weight.clear();
        self.weight.resize(self.rows(), 1.0);
        if common.worlds < 4 {
            return;
        }
        let (mut advantage, mut seen) = (Vec::new(), Vec::new());
        let mut groups: Vec<(usize, usize, f64)> = Vec::new();
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
                    advantage.clear();
                    seen.clear();
                    for i in rows() {
                        self.target[i] -= (1.0 - kept) * mean;
                        advantage.push(self.advantage[i]);
                        seen.extend_from_slice(&self.observation[i * width..(i + 1) * width]);
                    }
                    if powers == 0 {
                        advantage.iter_mut().for_each(|a| *a -= mean);
                    } else {
                        super::chance::remove_explained(&mut [&mut advantage], &seen, width, powers);
                    }
                    let square = advantage.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>() / worlds as f64;
                    groups.push((from + m, to, square));
                    for (i, a) in rows().zip(&advantage) {
                        self.advantage[i] = *a;
                    }
                }
                from = to;
            }
        }
        if even == 0.0 {
            return;
        }
        let n = groups.len().max(1) as f64;
        let floor = 1e-8 * groups.iter().map(|g| g.2).sum::<f64>() / n + f64::MIN_POSITIVE;
        let level = groups.iter().map(|g| (g.2 + floor).ln()).sum::<f64>() / n;
        let most = MOST_EVEN.ln();
        for (first, end, square) in groups {
            let factor = (even * (-0.5 * ((square + floor).ln() - level)).clamp(-most, most)).exp() as f32;
            (first..end).step_by(members).for_each(|i| self.weight[i] = factor);
        }
    }

    /// Lets rows count as [`Self::remove_common`] has weighed them.
    #[cfg(feature = "learn")]
    pub(super) fn even_out(&mut self) {
        for (a, w) in self.advantage.iter_mut().zip(&self.weight) {
            *a *= w;
        }
    }

    /// Lets rows count by `factor` to the power of the periods since their episode began.
    #[cfg(feature = "learn")]
    pub(super) fn weigh_ages(&mut self, factor: f64) {
        for (advantage, age) in self.advantage.iter_mut().zip(&self.age) {
            *advantage *= factor.powf(f64::from(*age)) as f32;
        }
    }

    /// Holds targets within `times` the distance from their median to their quantiles of 5 and 95 %: few with a great loss do not rule the fit.
    #[cfg(feature = "learn")]
    pub(super) fn hold_targets(&mut self, times: f32) {
        let mut sorted: Vec<f32> = self.target.iter().step_by(8).copied().collect();
        sorted.sort_by(f32::total_cmp);
        let at = |q: f64| sorted[((sorted.len() - 1) as f64 * q) as usize];
        let (low, middle, high) = (at(0.05), at(0.5), at(0.95));
        let (down, up) = (middle - times * (middle - low), middle + times * (high - middle));
        self.target.iter_mut().for_each(|t| *t = t.clamp(down, up));
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

    #[cfg(feature = "learn")]
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
        r.remove_common(CommonChance { worlds: 4, members }, 0.25, 0, 0, 0.0);
        for s in 0..slots {
            assert!((r.advantage[s] - own[s]).abs() < 1e-5);
            assert!((r.target[s] - own[s] - 5.0 - 0.25 * hit[s]).abs() < 1e-5);
        }
        let before = r.clone();
        r.remove_common(CommonChance { worlds: 3, members }, 0.25, 0, 0, 0.0);
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
