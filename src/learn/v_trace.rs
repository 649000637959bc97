//! Targets from play by an older policy (V-trace: Espeholt et al. 2018, "IMPALA", arXiv 1802.01561).
//!
//! Play by one policy teaches the values of another through the ratios of their probabilities, which are cut so that they do not
//! blow up: `rho` (cut at the largest that weighs an error) decides which policy's values are learned, `c` (cut at the largest that carries errors back) how
//! fast. Where the policy that played is the one that is learned, targets are n-step returns.

use super::rollout::Rollout;

/// How ratios are cut.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// Largest weight of an error.
    pub rho: f32,
    /// Largest weight with which errors are carried back.
    pub c: f32,
    /// What that weight is multiplied by, for each period.
    pub decay: f32,
}

/// Fills `advantage` and `target` (one number per row) from rewards, ends, values, and `ratio`: the probability of what was done under the
/// policy that learns over that under the one that played, one number per row.
pub fn v_trace(rollout: &mut Rollout, ratio: &[f32], discount: f32, cuts: Cuts) {
    let (n, rows) = (rollout.slots, rollout.rows());
    rollout.advantage.resize(rows, 0.0);
    rollout.target.resize(rows, 0.0);
    let mut next: Vec<f32> = rollout.value[n..n + rows].to_vec();
    for (&row, &value) in rollout.truncated_rows.iter().zip(&rollout.truncated_value) {
        next[row] = value;
    }
    for row in (0..rows).rev() {
        let value = rollout.value[row];
        let after = if rollout.terminated[row] { 0.0 } else { next[row] };
        let (rho, c) = (ratio[row].min(cuts.rho), cuts.decay * ratio[row].min(cuts.c));
        // The target of the next row stands for its value where the record goes on.
        let goes_on = !rollout.ended[row] && row + n < rows;
        let better = if goes_on {
            rollout.target[row + n] - next[row]
        } else {
            0.0
        };
        let error = rho * (rollout.reward[row] + discount * after - value);
        rollout.target[row] = value + error + discount * c * better;
        rollout.advantage[row] = error + rho * discount * better;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Key;

    fn draws(n: usize, k: u64) -> Vec<f32> {
        let mut x = vec![0.0f32; n];
        Key::new(k, 0).fill_f32(0, 0, &mut x);
        x
    }

    const PLAIN: Cuts = Cuts {
        rho: 1.0,
        c: 1.0,
        decay: 1.0,
    };

    /// On-policy, with and without ends: the n-step Bellman target, as advantages with lambda 1 give it.
    #[test]
    fn targets_of_the_policy_that_plays_are_n_step_returns() {
        let (periods, slots) = (17, 3);
        let rows = periods * slots;
        let luck = draws(rows, 1);
        let mut r = Rollout {
            periods,
            slots,
            reward: draws(rows, 2),
            value: draws(rows + slots, 3),
            terminated: luck.iter().map(|u| *u < 0.15).collect(),
            ended: luck.iter().map(|u| *u < 0.3).collect(),
            ..Rollout::default()
        };
        r.truncated_rows = (0..rows).filter(|i| r.ended[*i] && !r.terminated[*i]).collect();
        r.truncated_value = draws(r.truncated_rows.len(), 4);
        let mut plain = r.clone();
        plain.estimate_advantages(0.9, 1.0);
        v_trace(&mut r, &vec![1.0; rows], 0.9, PLAIN);
        assert!(!r.truncated_rows.is_empty() && r.terminated.iter().any(|t| *t));
        for i in 0..rows {
            assert!((r.target[i] - plain.target[i]).abs() < 1e-5, "{i}");
            assert!((r.advantage[i] - plain.advantage[i]).abs() < 1e-5, "{i}");
        }
        // By the sum of rewards, written out for the first slot where its episode goes on long enough.
        let end = (0..periods).find(|t| r.ended[t * slots]).unwrap_or(periods - 1);
        let (mut sum, mut weight) = (0.0, 1.0);
        for t in 0..=end {
            sum += weight * r.reward[t * slots];
            weight *= 0.9;
        }
        let last = end * slots;
        let after = match r.truncated_rows.iter().position(|x| *x == last) {
            _ if r.terminated[last] => 0.0,
            Some(k) => r.truncated_value[k],
            None => r.value[last + slots],
        };
        assert!((r.target[0] - sum - weight * after).abs() < 1e-5);
    }

    /// Two states, two actions: action 1 moves to the other state, rewards by state and action. All sequences of three actions are played,
    /// each weighed by its probability, so that expectations are exact.
    #[test]
    fn off_policy_the_fixed_point_is_that_of_the_cut_policy() {
        let reward = [[1.0f64, -0.5], [0.3, 2.0]];
        let (plays, learns) = ([[0.7f64, 0.3], [0.4, 0.6]], [[0.2f64, 0.8], [0.9, 0.1]]);
        let discount = 0.8;
        let to = |s: usize, a: usize| if a == 1 { 1 - s } else { s };
        // Values of a policy: two linear equations.
        let values = |policy: [[f64; 2]; 2]| {
            let mut v = [0.0f64; 2];
            for _ in 0..500 {
                v = std::array::from_fn(|s| {
                    (0..2)
                        .map(|a| policy[s][a] * (reward[s][a] + discount * v[to(s, a)]))
                        .sum()
                });
            }
            v
        };
        for (rho, c, decay) in [
            (1.0, 1.0, 1.0),
            (1.0, 0.5, 1.0),
            (1.0, 1.0, 0.7),
            (1e6, 1.0, 1.0),
            (1e6, 1e6, 1.0),
        ] {
            // The policy whose values are learned: min(rho * plays, learns), normalised (Espeholt et al., equation 3).
            let cut = std::array::from_fn(|s: usize| {
                let w: [f64; 2] = std::array::from_fn(|a| (rho * plays[s][a]).min(learns[s][a]));
                [w[0] / (w[0] + w[1]), w[1] / (w[0] + w[1])]
            });
            let v = values(cut);
            for start in 0..2 {
                let (periods, slots) = (3usize, 8usize);
                let mut r = Rollout {
                    periods,
                    slots,
                    reward: vec![0.0; 24],
                    value: vec![0.0; 32],
                    terminated: vec![false; 24],
                    ended: vec![false; 24],
                    ..Rollout::default()
                };
                let (mut ratio, mut weight) = (vec![0.0f32; 24], [1.0f64; 8]);
                for slot in 0..slots {
                    let mut s = start;
                    for t in 0..periods {
                        let (a, row) = (slot >> t & 1, t * slots + slot);
                        r.value[row] = v[s] as f32;
                        r.reward[row] = reward[s][a] as f32;
                        ratio[row] = (learns[s][a] / plays[s][a]) as f32;
                        weight[slot] *= plays[s][a];
                        s = to(s, a);
                    }
                    r.value[periods * slots + slot] = v[s] as f32;
                }
                let cuts = Cuts {
                    rho: rho as f32,
                    c: c as f32,
                    decay: decay as f32,
                };
                v_trace(&mut r, &ratio, discount as f32, cuts);
                let mean: f64 = (0..slots).map(|k| weight[k] * f64::from(r.target[k])).sum();
                assert!(
                    (mean - v[start]).abs() < 1e-5,
                    "{rho} {c} {decay} {start}: {mean} {}",
                    v[start]
                );
            }
        }
        // And it is the values of another policy where ratios are cut.
        assert!((values(learns)[0] - values(plays)[0]).abs() > 0.1);
    }
}
