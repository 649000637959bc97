//! Loss functions, written in dfdx operations on the small (batch, outputs) arrays that networks give.
//!
//! Each takes slices, puts a network's outputs on a tape as leaves, and returns the loss with its derivative with respect
//! to those leaves; [`super::Net::backward`] carries that further. This is the only file beside the tests that knows
//! dfdx. Sizes are checked before a tensor is made, since dfdx panics on shapes.

use super::simd::fast_tanh;
use crate::env::ActionSpace;
use dfdx::prelude::*;

type Leaf<S> = Tensor<S, f32, Cpu>;
type Taped<S> = Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>;
type Rows = (usize, usize);
type Row = (usize,);

const HALF_LOG_TWO_PI: f32 = 0.918_938_5;
/// Added to the logit of a choice that is not allowed.
pub const MASKED: f32 = -1e9;

/// A minibatch of decisions of a policy with a [`ActionSpace`]-shaped head: a row of `head` holds the means of the
/// continuous dimensions, then the logits of each finite one.
#[derive(Clone, Copy, Debug)]
pub struct PolicyBatch<'a> {
    /// What is chosen.
    pub space: &'a ActionSpace,
    /// Number of rows.
    pub rows: usize,
    /// The policy network's outputs, `rows * (continuous + sum(sizes))`.
    pub head: &'a [f32],
    /// Log standard deviations, one a continuous dimension.
    pub log_std: &'a [f32],
    /// 1 where a choice is allowed, `rows * sum(sizes)`; empty when nothing is masked.
    pub mask: &'a [f32],
    /// Continuous actions as drawn, not clipped.
    pub continuous: &'a [f32],
    /// Choices.
    pub discrete: &'a [u32],
    /// Advantages.
    pub advantage: &'a [f32],
}

/// A loss of a policy and its derivatives.
#[derive(Clone, Debug, Default)]
pub struct PolicyLoss {
    /// With respect to the network's outputs.
    pub dhead: Vec<f32>,
    /// With respect to the log standard deviations.
    pub dlog_std: Vec<f32>,
    /// The whole loss.
    pub loss: f32,
    /// Mean entropy.
    pub entropy: f32,
    /// Approximate Kullback-Leibler divergence from the policy that acted, (r - 1) - log r (Schulman 2020, "k3").
    pub kl: f32,
    /// Share of the rows where the ratio was outside the clip.
    pub clip_fraction: f32,
}

/// The leaves of a policy's head.
struct Head {
    mean: Option<Leaf<Rows>>,
    log_std: Option<Leaf<Row>>,
    logits: Vec<Leaf<Rows>>,
}

impl PolicyBatch<'_> {
    fn width(&self) -> usize {
        self.space.continuous + self.space.discrete.iter().sum::<usize>()
    }

    fn check(&self) {
        let (n, c, choices) = (self.rows, self.space.continuous, self.space.discrete.len());
        let total: usize = self.space.discrete.iter().sum();
        assert!(
            n > 0
                && c + choices > 0
                && self.head.len() >= n * self.width()
                && self.log_std.len() >= c
                && (self.mask.is_empty() || self.mask.len() >= n * total)
                && self.continuous.len() >= n * c
                && self.discrete.len() >= n * choices
                && self.advantage.len() >= n,
            "policy batch: sizes do not fit"
        );
    }

    /// Log-probabilities (rows) and mean entropy on tape.
    fn on_tape(&self, dev: &Cpu) -> (Head, Taped<Row>, Taped<()>) {
        self.check();
        let (n, width) = (self.rows, self.width());
        let mut head = Head {
            mean: None,
            log_std: None,
            logits: Vec::new(),
        };
        let mut log_prob: Option<Taped<Row>> = None;
        let mut entropy: Option<Taped<()>> = None;
        let mut add = |lp: Taped<Row>, h: Taped<()>| {
            log_prob = Some(match log_prob.take() {
                Some(sum) => sum + lp,
                None => lp,
            });
            entropy = Some(match entropy.take() {
                Some(sum) => sum + h,
                None => h,
            });
        };
        let c = self.space.continuous;
        if c > 0 {
            let mean = dev.tensor_from_vec(columns(self.head, n, width, 0, c), (n, c));
            let log_std = dev.tensor_from_vec(self.log_std[..c].to_vec(), (c,));
            let action = dev.tensor_from_vec(self.continuous[..n * c].to_vec(), (n, c));
            let spread: Taped<Rows> = log_std.leaky_trace().broadcast_like::<Rows, Axis<0>>(&(n, c));
            let z = (mean.leaky_trace() - action) * spread.retaped::<OwnedTape<f32, Cpu>>().negate().exp();
            let lp = (z.square() * -0.5 - spread - HALF_LOG_TWO_PI).sum::<Row, Axis<1>>();
            let h = log_std.leaky_trace().sum::<(), Axis<0>>() + c as f32 * (0.5 + HALF_LOG_TWO_PI);
            add(lp, h);
            head.mean = Some(mean);
            head.log_std = Some(log_std);
        }
        let total: usize = self.space.discrete.iter().sum();
        let choices = self.space.discrete.len();
        let mut at = 0;
        for (d, &size) in self.space.discrete.iter().enumerate() {
            let logits = dev.tensor_from_vec(columns(self.head, n, width, c + at, size), (n, size));
            let mut taped = logits.leaky_trace();
            if !self.mask.is_empty() {
                let penalty = columns(self.mask, n, total, at, size);
                let penalty = penalty.iter().map(|m| (1.0 - m) * MASKED).collect();
                taped = taped + dev.tensor_from_vec(penalty, (n, size));
            }
            let lp = taped.log_softmax::<Axis<1>>();
            let p = lp.retaped::<OwnedTape<f32, Cpu>>().exp();
            let h = (p * lp.retaped::<OwnedTape<f32, Cpu>>()).sum::<(), Axes2<0, 1>>() * (-1.0 / n as f32);
            let index: Vec<usize> = (0..n)
                .map(|i| (self.discrete[i * choices + d] as usize).min(size - 1))
                .collect();
            let chosen: Taped<Row> = lp.select(dev.tensor_from_vec(index, (n,)));
            add(chosen, h);
            head.logits.push(logits);
            at += size;
        }
        (
            head,
            log_prob.expect("checked: at least one dimension"),
            entropy.expect("checked above"),
        )
    }

    /// Reads the derivatives of the leaves.
    fn gather(&self, head: &Head, gradients: &Gradients<f32, Cpu>, out: &mut PolicyLoss) {
        let (n, width, c) = (self.rows, self.width(), self.space.continuous);
        out.dhead.clear();
        out.dhead.resize(n * width, 0.0);
        out.dlog_std.clear();
        if let (Some(mean), Some(log_std)) = (&head.mean, &head.log_std) {
            put_columns(&gradients.get(mean).as_vec(), n, width, 0, c, &mut out.dhead);
            out.dlog_std = gradients.get(log_std).as_vec();
        }
        let mut at = c;
        for (logits, &size) in head.logits.iter().zip(&self.space.discrete) {
            put_columns(&gradients.get(logits).as_vec(), n, width, at, size, &mut out.dhead);
            at += size;
        }
    }

    /// Plain policy gradient: `-mean(advantage * log_prob) - entropy_weight * entropy` (Williams 1992; Mnih et al. 2016).
    pub fn policy_gradient(&self, entropy_weight: f32, out: &mut PolicyLoss) {
        let dev = Cpu::default();
        let (head, log_prob, entropy) = self.on_tape(&dev);
        let advantage = dev.tensor_from_vec(self.advantage[..self.rows].to_vec(), (self.rows,));
        out.entropy = entropy.array();
        (out.kl, out.clip_fraction) = (0.0, 0.0);
        let loss = (log_prob * advantage).mean::<(), Axis<0>>().negate() - entropy * entropy_weight;
        out.loss = loss.array();
        self.gather(&head, &loss.backward(), out);
    }

    /// Clipped surrogate of proximal policy optimisation (Schulman et al. 2017, eq. 7), with the entropy bonus;
    /// `old_log_prob` under the policy that acted.
    pub fn clipped_surrogate(&self, old_log_prob: &[f32], clip: f32, entropy_weight: f32, out: &mut PolicyLoss) {
        let n = self.rows;
        let dev = Cpu::default();
        let (head, log_prob, entropy) = self.on_tape(&dev);
        out.entropy = entropy.array();
        let (mut kl, mut clipped) = (0.0f64, 0usize);
        for (new, old) in log_prob.as_vec().iter().zip(old_log_prob) {
            let log_ratio = (new - old) as f64;
            let change = log_ratio.exp_m1();
            kl += change - log_ratio;
            clipped += usize::from(change.abs() > clip as f64);
        }
        out.kl = (kl / n as f64) as f32;
        out.clip_fraction = clipped as f32 / n as f32;
        let advantage = dev.tensor_from_vec(self.advantage[..n].to_vec(), (n,));
        let old = dev.tensor_from_vec(old_log_prob[..n].to_vec(), (n,));
        let ratio = (log_prob - old).exp();
        let inside = ratio.retaped::<OwnedTape<f32, Cpu>>().clamp(1.0 - clip, 1.0 + clip) * advantage.clone();
        let surrogate = (ratio * advantage).minimum(inside);
        let loss = surrogate.mean::<(), Axis<0>>().negate() - entropy * entropy_weight;
        out.loss = loss.array();
        self.gather(&head, &loss.backward(), out);
    }
}

/// `weight * mean((value - target)^2)` and its derivative. With `clip`, as PPO's reference code does, the larger of that and the
/// square with the value held within `clip` of `old` (`clip.1`).
pub fn value_loss(
    value: &[f32],
    target: &[f32],
    weight: f32,
    clip: Option<(f32, &[f32])>,
    dvalue: &mut Vec<f32>,
) -> f32 {
    let n = value.len();
    assert!(n > 0 && target.len() == n, "value loss: sizes do not fit");
    let dev = Cpu::default();
    let leaf = dev.tensor_from_vec(value.to_vec(), (n,));
    let goal = dev.tensor_from_vec(target.to_vec(), (n,));
    let squares = (leaf.leaky_trace() - goal.clone()).square();
    let loss = match clip {
        None => squares.mean::<(), Axis<0>>() * weight,
        Some((range, old)) => {
            assert!(old.len() == n, "value loss: sizes do not fit");
            let old = dev.tensor_from_vec(old.to_vec(), (n,));
            let held = (leaf.leaky_trace() - old.clone()).clamp(-range, range) + old;
            squares.maximum((held - goal).square()).mean::<(), Axis<0>>() * weight
        }
    };
    let out = loss.array();
    *dvalue = loss.backward().get(&leaf).as_vec();
    out
}

/// Weighted mean of Huber's (1964) loss with threshold 1, and its derivative with respect to `value`.
pub fn huber_loss(value: &[f32], target: &[f32], weights: &[f32], dvalue: &mut Vec<f32>) -> f32 {
    let n = value.len();
    assert!(
        n > 0 && target.len() == n && weights.len() == n,
        "Huber loss: sizes do not fit"
    );
    let dev = Cpu::default();
    let leaf = dev.tensor_from_vec(value.to_vec(), (n,));
    let goal = dev.tensor_from_vec(target.to_vec(), (n,));
    let weights = dev.tensor_from_vec(weights.to_vec(), (n,));
    let loss = (leaf.leaky_trace().huber_error(goal, 1.0) * weights).mean::<(), Axis<0>>();
    let out = loss.array();
    *dvalue = loss.backward().get(&leaf).as_vec();
    out
}

/// Bounds of the log standard deviation of a squashed normal policy.
pub const LOG_STD_RANGE: (f32, f32) = (-10.0, 2.0);

/// An action of a tanh-squashed normal policy and its log-density, from standard normal `noise`. A row of `head` holds
/// `dims` means, then `dims` log standard deviations. The Jacobian of the tangent is taken in the stable form
/// `2 (log 2 - u - softplus(-2 u))` (Haarnoja et al. 2018, appendix C).
pub fn squashed_sample(head: &[f32], noise: &[f32], dims: usize, action: &mut [f32], log_prob: &mut [f32]) {
    for (s, lp) in log_prob.iter_mut().enumerate() {
        let row = &head[s * 2 * dims..(s + 1) * 2 * dims];
        *lp = 0.0;
        for j in 0..dims {
            let e = noise[s * dims + j];
            let log_std = row[dims + j].clamp(LOG_STD_RANGE.0, LOG_STD_RANGE.1);
            let u = log_std.exp().mul_add(e, row[j]);
            action[s * dims + j] = fast_tanh(u);
            let x = -2.0 * u;
            let softplus = x.max(0.0) + (-x.abs()).exp().ln_1p();
            *lp += -0.5 * e * e - log_std - HALF_LOG_TWO_PI - 2.0 * (std::f32::consts::LN_2 - u - softplus);
        }
    }
}

/// Loss of the squashed policy, `mean(temperature * log_prob - q)`, and its derivative with respect to `head`, where `dq`
/// is the derivative of the critics' value with respect to the action at each row.
pub fn squashed_policy_loss(
    head: &[f32],
    noise: &[f32],
    dims: usize,
    dq: &[f32],
    temperature: f32,
    dhead: &mut Vec<f32>,
) {
    let n = noise.len() / dims.max(1);
    assert!(
        n > 0 && head.len() >= n * 2 * dims && dq.len() >= n * dims,
        "squashed loss: sizes do not fit"
    );
    let dev = Cpu::default();
    let mean = dev.tensor_from_vec(columns(head, n, 2 * dims, 0, dims), (n, dims));
    let spread = dev.tensor_from_vec(columns(head, n, 2 * dims, dims, dims), (n, dims));
    let noise = dev.tensor_from_vec(noise[..n * dims].to_vec(), (n, dims));
    let dq = dev.tensor_from_vec(dq[..n * dims].to_vec(), (n, dims));
    let log_std = spread.leaky_trace().clamp(LOG_STD_RANGE.0, LOG_STD_RANGE.1);
    let u = log_std.retaped::<OwnedTape<f32, Cpu>>().exp() * noise + mean.leaky_trace();
    let x = u.retaped::<OwnedTape<f32, Cpu>>() * -2.0;
    let softplus = x.retaped::<OwnedTape<f32, Cpu>>().relu() + (x.abs().negate().exp() + 1.0).ln();
    // Constants of the log-density do not matter here.
    let log_prob = (u.retaped::<OwnedTape<f32, Cpu>>() + softplus) * 2.0 - log_std;
    let value = u.tanh() * dq;
    let loss = (log_prob * temperature - value).sum::<(), Axes2<0, 1>>() * (1.0 / n as f32);
    let gradients = loss.backward();
    dhead.clear();
    dhead.resize(n * 2 * dims, 0.0);
    put_columns(&gradients.get(&mean).as_vec(), n, 2 * dims, 0, dims, dhead);
    put_columns(&gradients.get(&spread).as_vec(), n, 2 * dims, dims, dims, dhead);
}

/// Columns `first .. first + count` of a matrix with `width` columns.
fn columns(x: &[f32], rows: usize, width: usize, first: usize, count: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows * count);
    for row in x[..rows * width].chunks_exact(width) {
        out.extend_from_slice(&row[first..first + count]);
    }
    out
}

fn put_columns(from: &[f32], rows: usize, width: usize, first: usize, count: usize, x: &mut [f32]) {
    for (row, values) in x[..rows * width]
        .chunks_exact_mut(width)
        .zip(from.chunks_exact(count.max(1)))
    {
        row[first..first + count].copy_from_slice(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::distribution;
    use crate::num::random::Key;

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut x = vec![0.0f32; n];
        Key::new(seed, 0).fill_f32(0, 0, &mut x);
        x.iter().map(|v| 2.0 * v - 1.0).collect()
    }

    fn close(analytic: f32, numeric: f64, what: &str) {
        assert!((analytic as f64 - numeric).abs() < 2e-4, "{what}: {analytic} {numeric}");
    }

    /// The clipped surrogate in plain loops on a mixed, masked space.
    fn plain(b: &PolicyBatch, head: &[f32], log_std: &[f32], old: &[f32], clip: f64, weight: f64) -> f64 {
        let mut lp = vec![0.0f32; b.rows];
        let mut h = vec![0.0f32; b.rows];
        distribution::log_prob(
            b.space,
            head,
            log_std,
            b.mask,
            b.continuous,
            b.discrete,
            &mut lp,
            &mut h,
        );
        let mut loss = 0.0;
        for i in 0..b.rows {
            let r = (lp[i] as f64 - old[i] as f64).exp();
            let a = b.advantage[i] as f64;
            loss -= (r * a).min(r.clamp(1.0 - clip, 1.0 + clip) * a) + weight * h[i] as f64;
        }
        loss / b.rows as f64
    }

    #[test]
    fn clipped_surrogate_equals_plain_loops_and_finite_differences_on_a_mixed_masked_space() {
        let space = ActionSpace {
            continuous: 2,
            discrete: vec![3, 2],
        };
        let rows = 7;
        let head = numbers(rows * 7, 1);
        let log_std = [-0.3f32, 0.2];
        let mut mask = vec![1.0f32; rows * 5];
        mask[1] = 0.0;
        mask[5 + 3] = 0.0;
        let mut discrete: Vec<u32> = (0..rows as u32).flat_map(|i| [i % 3, i % 2]).collect();
        discrete[0] = 2;
        discrete[3] = 1;
        let continuous = numbers(rows * 2, 2);
        let advantage = numbers(rows, 3);
        let b = PolicyBatch {
            space: &space,
            rows,
            head: &head,
            log_std: &log_std,
            mask: &mask,
            continuous: &continuous,
            discrete: &discrete,
            advantage: &advantage,
        };
        let mut old = vec![0.0f32; rows];
        let mut entropy = vec![0.0f32; rows];
        distribution::log_prob(
            &space,
            &head,
            &log_std,
            &mask,
            &continuous,
            &discrete,
            &mut old,
            &mut entropy,
        );
        for (o, shift) in old.iter_mut().zip(numbers(rows, 4)) {
            *o += 0.5 * shift;
        }
        let mut out = PolicyLoss::default();
        b.clipped_surrogate(&old, 0.2, 0.05, &mut out);
        close(out.loss, plain(&b, &head, &log_std, &old, 0.2, 0.05), "loss");
        let h = 1e-2f32;
        for i in 0..head.len() {
            let (mut up, mut down) = (head.clone(), head.clone());
            up[i] += h;
            down[i] -= h;
            let d = plain(&b, &up, &log_std, &old, 0.2, 0.05) - plain(&b, &down, &log_std, &old, 0.2, 0.05);
            assert!((out.dhead[i] as f64 - d / (2.0 * h as f64)).abs() < 2e-3, "{i}");
        }
        for i in 0..2 {
            let (mut up, mut down) = (log_std, log_std);
            up[i] += h;
            down[i] -= h;
            let d = plain(&b, &head, &up, &old, 0.2, 0.05) - plain(&b, &head, &down, &old, 0.2, 0.05);
            assert!((out.dlog_std[i] as f64 - d / (2.0 * h as f64)).abs() < 2e-3);
        }
        // A forbidden choice has no probability and no gradient.
        assert_eq!(out.dhead[2 + 1], 0.0);
    }

    #[test]
    fn value_and_huber_losses_have_the_textbook_derivatives() {
        let mut d = Vec::new();
        let loss = value_loss(&[1.0, 4.0], &[0.0, 0.0], 0.5, None, &mut d);
        assert_eq!((loss, d.clone()), (0.5 * 8.5, vec![0.5, 2.0]));
        // Second: value 4, held at 2 of old 1.5 + .5 -> 4 > 16? the larger square is the unclipped one.
        value_loss(&[1.0, 0.1], &[0.0, 0.0], 0.5, Some((0.5, &[1.2, 2.0])), &mut d);
        assert_eq!(d, vec![0.5, 0.0]);
        let loss = huber_loss(&[0.5, 3.0], &[0.0, 0.0], &[1.0, 2.0], &mut d);
        assert!((loss - 0.5 * (0.125 + 2.0 * 2.5)).abs() < 1e-6);
        assert_eq!(d, vec![0.25, 1.0]);
    }

    #[test]
    fn squashed_log_density_integrates_to_one_and_its_loss_has_the_right_derivative() {
        // Density of the action on a grid of noise: mean of 1 is trivial, so compare with the change of variables.
        let head = [0.3f32, -0.5, -0.7, 0.4];
        let noise = [0.8f32, -1.1];
        let (mut a, mut lp) = ([0.0f32; 2], [0.0f32]);
        squashed_sample(&head, &noise, 2, &mut a, &mut lp);
        let mut expected = 0.0f64;
        for j in 0..2 {
            let sd = (head[2 + j] as f64).exp();
            let u = head[j] as f64 + sd * noise[j] as f64;
            assert!((a[j] as f64 - u.tanh()).abs() < 1e-6);
            let normal = -0.5 * (noise[j] as f64).powi(2) - sd.ln() - 0.5 * std::f64::consts::TAU.ln();
            expected += normal - (1.0 - u.tanh().powi(2)).ln();
        }
        close(lp[0], expected, "log density");
        let dq = [0.7f32, -0.2];
        let mut dhead = Vec::new();
        squashed_policy_loss(&head, &noise, 2, &dq, 0.3, &mut dhead);
        let loss = |head: &[f32]| -> f64 {
            let (mut a, mut lp) = ([0.0f32; 2], [0.0f32]);
            squashed_sample(head, &noise, 2, &mut a, &mut lp);
            0.3 * lp[0] as f64 - a.iter().zip(dq).map(|(a, d)| (a * d) as f64).sum::<f64>()
        };
        for i in 0..4 {
            let (mut up, mut down) = (head, head);
            up[i] += 1e-2;
            down[i] -= 1e-2;
            assert!((dhead[i] as f64 - (loss(&up) - loss(&down)) / 2e-2).abs() < 1e-3, "{i}");
        }
    }
}
