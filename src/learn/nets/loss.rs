//! Loss functions on dfdx's tape, of what networks put there (see [`super::tape`]).
//!
//! Each takes a network's outputs on their tape and the data as slices, and returns the loss on the same tape: learners add
//! losses up and call `backward()`. Sizes are checked before a tensor is made, since dfdx panics on shapes.

use super::simd::fast_tanh;
use super::tape::{Flat, Recording, Taped, columns, device, flat, numbers, operation, rows};
use crate::env::ActionSpace;
use dfdx::prelude::*;

type Line = (usize,);
type Table = (usize, usize);

const HALF_LOG_TWO_PI: f32 = 0.918_938_5;
/// Added to the logit of a choice that is not allowed.
pub const MASKED: f32 = -1e9;

/// What a policy with an [`ActionSpace`]-shaped head decided in `n` rows. A row of its head, `continuous + sum(sizes)` numbers,
/// holds the means of the continuous dimensions, then the logits of each finite one.
#[derive(Clone, Copy, Debug)]
pub struct PolicyBatch<'a> {
    /// What is chosen.
    pub space: &'a ActionSpace,
    /// 1 where a choice is allowed, `n x sum(sizes)`; empty when nothing is masked.
    pub mask: &'a [f32],
    /// Continuous actions as drawn, not clipped, `n x continuous`.
    pub continuous: &'a [f32],
    /// Indices of choices, `n x discrete`.
    pub discrete: &'a [u32],
    /// Advantages, one per row: `n`.
    pub advantage: &'a [f32],
}

/// A loss of a policy.
pub struct PolicyLoss {
    /// The whole loss, on its tape.
    pub loss: Taped<()>,
    /// Mean entropy.
    pub entropy: f32,
    /// Approximate Kullback-Leibler divergence from the policy that acted, (r - 1) - log r (Schulman 2020, "k3").
    pub kl: f32,
    /// Share of the rows where the ratio was outside the clip.
    pub clip_fraction: f32,
}

impl PolicyBatch<'_> {
    fn check(&self, (n, width): Table, log_std: &Flat) {
        let (c, choices) = (self.space.continuous, self.space.discrete.len());
        let total: usize = self.space.discrete.iter().sum();
        assert!(
            n > 0
                && c + choices > 0
                && width == c + total
                && log_std.shape().0 == c
                && (self.mask.is_empty() || self.mask.len() >= n * total)
                && self.continuous.len() >= n * c
                && self.discrete.len() >= n * choices
                && self.advantage.len() >= n,
            "policy batch: sizes do not fit"
        );
    }

    /// Log-probabilities (`n`) and mean entropy.
    fn on_tape(&self, head: Taped<Table>, log_std: &Flat) -> (Taped<Line>, Taped<()>) {
        self.check(*head.shape(), log_std);
        let n = head.shape().0;
        let dev = device();
        // Its tape goes on with the log-probabilities; the parts record on tapes of their own, which are merged.
        let (head, tape) = head.split_tape();
        let mut log_prob: Option<Taped<Line>> = None;
        let mut entropy: Option<Taped<()>> = None;
        let mut add = |lp: Taped<Line>, h: Taped<()>| {
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
            let mean = columns(head.leaky_trace(), 0, c);
            let action = rows(self.continuous[..n * c].to_vec(), c);
            let spread: Taped<Table> = log_std.leaky_trace().broadcast_like::<Table, Axis<0>>(&(n, c));
            let z = (mean - action) * spread.retaped::<Recording>().negate().exp();
            let lp = (z.square() * -0.5 - spread - HALF_LOG_TWO_PI).sum::<Line, Axis<1>>();
            let h = log_std.leaky_trace().sum::<(), Axis<0>>() + c as f32 * (0.5 + HALF_LOG_TWO_PI);
            add(lp, h);
        }
        let total: usize = self.space.discrete.iter().sum();
        let choices = self.space.discrete.len();
        let mut at = 0;
        for (d, &size) in self.space.discrete.iter().enumerate() {
            let mut logits = columns(head.leaky_trace(), c + at, size);
            if !self.mask.is_empty() {
                let allowed = columns(rows(self.mask[..n * total].to_vec(), total), at, size);
                let penalty = numbers(&allowed).iter().map(|m| (1.0 - m) * MASKED).collect();
                logits = logits + rows(penalty, size);
            }
            let lp = logits.log_softmax::<Axis<1>>();
            let p = lp.retaped::<Recording>().exp();
            let h = (p * lp.retaped::<Recording>()).sum::<(), Axes2<0, 1>>() * (-1.0 / n as f32);
            let index: Vec<usize> = (0..n)
                .map(|i| (self.discrete[i * choices + d] as usize).min(size - 1))
                .collect();
            let chosen: Taped<Line> = lp.select(dev.tensor_from_vec(index, (n,)));
            add(chosen, h);
            at += size;
        }
        let log_prob = log_prob.expect("checked: at least one dimension");
        let (log_prob, parts) = log_prob.split_tape();
        let log_prob = log_prob.put_tape(tape.merge(parts));
        (log_prob, entropy.expect("checked above"))
    }

    /// Plain policy gradient: `-mean(advantage * log_prob) - entropy_weight * entropy` (Williams 1992; Mnih et al. 2016). `head` has
    /// `n` rows, `log_std` one number per continuous dimension.
    pub fn policy_gradient(&self, head: Taped<Table>, log_std: &Flat, entropy_weight: f32) -> PolicyLoss {
        let (log_prob, entropy) = self.on_tape(head, log_std);
        let n = log_prob.shape().0;
        let mean_entropy = entropy.array();
        let advantage = flat(self.advantage[..n].to_vec());
        let loss = (log_prob * advantage).mean::<(), Axis<0>>().negate() - entropy * entropy_weight;
        PolicyLoss {
            loss,
            entropy: mean_entropy,
            kl: 0.0,
            clip_fraction: 0.0,
        }
    }

    /// Clipped surrogate of proximal policy optimisation (Schulman et al. 2017, eq. 7), with the entropy bonus. `head`
    /// has `n` rows, `log_std` one number per continuous dimension, `old_log_prob` one number per row (`n`): the
    /// log-probability under the policy that acted.
    pub fn clipped_surrogate(
        &self,
        head: Taped<Table>,
        log_std: &Flat,
        old_log_prob: &[f32],
        clip: f32,
        entropy_weight: f32,
    ) -> PolicyLoss {
        let (log_prob, entropy) = self.on_tape(head, log_std);
        let n = log_prob.shape().0;
        assert!(old_log_prob.len() >= n, "policy batch: sizes do not fit");
        let mean_entropy = entropy.array();
        let (mut kl, mut clipped) = (0.0f64, 0usize);
        for (new, old) in numbers(&log_prob).iter().zip(old_log_prob) {
            let log_ratio = (new - old) as f64;
            let change = log_ratio.exp_m1();
            kl += change - log_ratio;
            clipped += usize::from(change.abs() > clip as f64);
        }
        let advantage = flat(self.advantage[..n].to_vec());
        let old = flat(old_log_prob[..n].to_vec());
        let ratio = (log_prob - old).exp();
        let inside = ratio.retaped::<Recording>().clamp(1.0 - clip, 1.0 + clip) * advantage.clone();
        let surrogate = (ratio * advantage).minimum(inside);
        PolicyLoss {
            loss: surrogate.mean::<(), Axis<0>>().negate() - entropy * entropy_weight,
            entropy: mean_entropy,
            kl: (kl / n as f64) as f32,
            clip_fraction: clipped as f32 / n as f32,
        }
    }
}

/// `weight * mean((value - target)^2)` of one value per row (`n` by 1) and `n` targets. With `clip`, as PPO's reference
/// code does, the larger of that and the square with the value held within `clip.0` of the old one (`clip.1`, `n`
/// numbers).
pub fn value_loss(value: Taped<Table>, target: &[f32], weight: f32, clip: Option<(f32, &[f32])>) -> Taped<()> {
    let n = target.len();
    assert!(n > 0 && *value.shape() == (n, 1), "value loss: sizes do not fit");
    let (value, tape) = value.reshape_like(&(n,)).split_tape();
    let goal = flat(target.to_vec());
    let squares = (value.clone().put_tape(tape) - goal.clone()).square();
    match clip {
        None => squares.mean::<(), Axis<0>>() * weight,
        Some((range, old)) => {
            assert!(old.len() == n, "value loss: sizes do not fit");
            let old = flat(old.to_vec());
            let held = (value.leaky_trace() - old.clone()).clamp(-range, range) + old;
            squares.maximum((held - goal).square()).mean::<(), Axis<0>>() * weight
        }
    }
}

/// Weighted mean of Huber's (1964) loss with threshold 1. Values, targets and weights have one number per row, `n`.
pub fn huber_loss(value: Taped<Line>, target: &[f32], weights: &[f32]) -> Taped<()> {
    let n = target.len();
    assert!(
        n > 0 && *value.shape() == (n,) && weights.len() == n,
        "Huber loss: sizes do not fit"
    );
    (value.huber_error(flat(target.to_vec()), 1.0) * flat(weights.to_vec())).mean::<(), Axis<0>>()
}

/// Bounds of the log standard deviation of a tanh-squashed Gaussian policy.
pub const LOG_STD_RANGE: (f32, f32) = (-10.0, 2.0);

/// Actions (`n x dims`) of a tanh-squashed Gaussian policy and their log-densities (`n`), from standard normal `noise`
/// (`n x dims`). A row of `head` (`n x 2 dims`) holds `dims` means, then `dims` log standard deviations. The log
/// Jacobian of tanh is taken in the stable form `2 (log 2 - u - softplus(-2 u))` (Haarnoja et al. 2018, appendix C).
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

/// As [`squashed_sample`], on the tape of `head` (`n` by `2 dims`): actions and log-densities up to a constant, both
/// `n` by `dims`. `noise` and `action` are `n x dims`; `action` are the actions as [`squashed_sample`] drew them from
/// the same numbers. dfdx's tanh differs from them in the seventh digit, and what is given to a critic is what is
/// played. Each result has half of the tape: a loss needs both.
pub fn squashed(head: Taped<Table>, noise: &[f32], action: &[f32], dims: usize) -> (Taped<Table>, Taped<Table>) {
    let (n, width) = *head.shape();
    assert!(
        n > 0 && width == 2 * dims && noise.len() == n * dims && action.len() == n * dims,
        "squashed policy: sizes do not fit"
    );
    let (head, tape) = head.split_tape();
    let mean = columns(head.leaky_trace(), 0, dims);
    let log_std = columns(head.put_tape(tape), dims, dims).clamp(LOG_STD_RANGE.0, LOG_STD_RANGE.1);
    let u = log_std.retaped::<Recording>().exp() * rows(noise.to_vec(), dims) + mean;
    let x = u.retaped::<Recording>() * -2.0;
    let softplus = x.retaped::<Recording>().relu() + (x.abs().negate().exp() + 1.0).ln();
    let log_prob = (u.retaped::<Recording>() + softplus) * 2.0 - log_std;
    let action = operation(u.tanh(), action.to_vec(), (n, dims), |dout, dx| {
        dx.iter_mut().zip(dout).for_each(|(x, d)| *x += d);
    });
    (action, log_prob)
}

#[cfg(test)]
mod tests {
    use super::super::tape::{OnTape, Wants, take};
    use super::super::{Activation, Mlp};
    use super::*;
    use crate::learn::distribution;
    use crate::num::random::{Key, Stream};

    fn draws(n: usize, seed: u64) -> Vec<f32> {
        let mut x = vec![0.0f32; n];
        Key::new(seed, 0).fill_f32(0, 0, &mut x);
        x.iter().map(|v| 2.0 * v - 1.0).collect()
    }

    fn close(analytic: f32, numeric: f64, what: &str) {
        assert!((analytic as f64 - numeric).abs() < 2e-4, "{what}: {analytic} {numeric}");
    }

    /// The clipped surrogate in plain loops on a mixed, masked space.
    fn plain(b: &PolicyBatch, head: &[f32], log_std: &[f32], old: &[f32], clip: f64, weight: f64) -> f64 {
        let n = b.advantage.len();
        let (mut lp, mut h) = (vec![0.0f32; n], vec![0.0f32; n]);
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
        for i in 0..n {
            let r = (lp[i] as f64 - old[i] as f64).exp();
            let a = b.advantage[i] as f64;
            loss -= (r * a).min(r.clamp(1.0 - clip, 1.0 + clip) * a) + weight * h[i] as f64;
        }
        loss / n as f64
    }

    #[test]
    fn clipped_surrogate_equals_plain_loops_and_finite_differences_on_a_mixed_masked_space() {
        let space = ActionSpace {
            continuous: 2,
            discrete: vec![3, 2],
        };
        let n = 7;
        let head = draws(n * 7, 1);
        let log_std = [-0.3f32, 0.2];
        let mut mask = vec![1.0f32; n * 5];
        mask[1] = 0.0;
        mask[5 + 3] = 0.0;
        let mut discrete: Vec<u32> = (0..n as u32).flat_map(|i| [i % 3, i % 2]).collect();
        discrete[0] = 2;
        discrete[3] = 1;
        let continuous = draws(n * 2, 2);
        let advantage = draws(n, 3);
        let b = PolicyBatch {
            space: &space,
            mask: &mask,
            continuous: &continuous,
            discrete: &discrete,
            advantage: &advantage,
        };
        let mut old = vec![0.0f32; n];
        let mut entropy = vec![0.0f32; n];
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
        for (o, shift) in old.iter_mut().zip(draws(n, 4)) {
            *o += 0.5 * shift;
        }
        let (leaf, spread) = (rows(head.clone(), 7), flat(log_std.to_vec()));
        let out = b.clipped_surrogate(leaf.leaky_trace(), &spread, &old, 0.2, 0.05);
        let loss = out.loss.array();
        let mut gradients = out.loss.backward();
        let (dhead, dlog_std) = (take(&mut gradients, &leaf), take(&mut gradients, &spread));
        close(loss, plain(&b, &head, &log_std, &old, 0.2, 0.05), "loss");
        let h = 1e-2f32;
        for i in 0..head.len() {
            let (mut up, mut down) = (head.clone(), head.clone());
            up[i] += h;
            down[i] -= h;
            let d = plain(&b, &up, &log_std, &old, 0.2, 0.05) - plain(&b, &down, &log_std, &old, 0.2, 0.05);
            assert!((dhead[i] as f64 - d / (2.0 * h as f64)).abs() < 2e-3, "{i}");
        }
        for i in 0..2 {
            let (mut up, mut down) = (log_std, log_std);
            up[i] += h;
            down[i] -= h;
            let d = plain(&b, &head, &up, &old, 0.2, 0.05) - plain(&b, &head, &down, &old, 0.2, 0.05);
            assert!((dlog_std[i] as f64 - d / (2.0 * h as f64)).abs() < 2e-3);
        }
        // A forbidden choice has no probability and no gradient.
        assert_eq!(dhead[2 + 1], 0.0);
    }

    #[test]
    fn a_ratio_outside_the_clip_counts_where_it_hurts() {
        let space = ActionSpace {
            continuous: 1,
            discrete: vec![],
        };
        for (ratio, advantage, expected) in [
            (1.3f32, 1.0, -1.2),
            (0.7, 1.0, -0.7),
            (1.3, -1.0, 1.3),
            (0.7, -1.0, 0.8),
        ] {
            let b = PolicyBatch {
                space: &space,
                mask: &[],
                continuous: &[0.0],
                discrete: &[],
                advantage: &[advantage],
            };
            let (head, log_std) = (rows(vec![0.0], 1), flat(vec![0.0]));
            let old = [-HALF_LOG_TWO_PI - ratio.ln()];
            let out = b.clipped_surrogate(head.leaky_trace(), &log_std, &old, 0.2, 0.0);
            assert!((out.loss.array() - expected).abs() < 1e-6 && out.clip_fraction == 1.0);
        }
    }

    #[test]
    fn losses_reach_the_network_below_them() {
        let space = ActionSpace {
            continuous: 1,
            discrete: vec![],
        };
        let b = PolicyBatch {
            space: &space,
            mask: &[],
            continuous: &[0.3, 0.1],
            discrete: &[],
            advantage: &[1.0, 0.5],
        };
        let log_std = flat(vec![0.0]);
        type Loss<'a> = &'a dyn Fn(Taped<Table>) -> Taped<()>;
        let (policy, surrogate): (Loss, Loss) = (&|head| b.policy_gradient(head, &log_std, 0.0).loss, &|head| {
            b.clipped_surrogate(head, &log_std, &[-1.0, -1.0], 0.9, 0.0).loss
        });
        let (value, held): (Loss, Loss) = (&|head| value_loss(head, &[3.0, 4.0], 1.0, None), &|head| {
            value_loss(head, &[3.0, 4.0], 1.0, Some((9.0, &[0.0, 0.0])))
        });
        let squash: Loss = &|head| {
            let (action, log_prob) = squashed(head, &[0.1, 0.2], &[0.1, 0.2], 1);
            (action + log_prob).sum::<(), Axes2<0, 1>>()
        };
        for (i, loss) in [policy, surrogate, value, held, squash].into_iter().enumerate() {
            let outputs = if i < 4 { 1 } else { 2 };
            let net = Mlp::new(1, &[4], outputs, Activation::Tanh, 1.0, &mut Stream::new(1, 0));
            let on_tape = OnTape::new(&net, Wants::PARAMS);
            let out = on_tape.forward(rows(vec![0.5, -0.5], 1).leaky_traced());
            let gradient = on_tape.gradient(&mut loss(out).backward());
            assert!(gradient.iter().any(|g| g.abs() > 1e-3), "{i}");
        }
    }

    #[test]
    fn value_and_huber_losses_have_the_textbook_derivatives() {
        let of = |value: &[f32], clip: Option<(f32, &[f32])>| {
            let leaf = rows(value.to_vec(), 1);
            let loss = value_loss(leaf.leaky_trace(), &[0.0, 0.0], 0.5, clip);
            (loss.array(), take(&mut loss.backward(), &leaf))
        };
        assert_eq!(of(&[1.0, 4.0], None), (0.5 * 8.5, vec![0.5, 2.0]));
        // The second is held at 1.5, and the larger square is the one that is held: no slope.
        assert_eq!(of(&[1.0, 0.1], Some((0.5, &[1.2, 2.0]))).1, vec![0.5, 0.0]);
        let leaf = flat(vec![0.5, 3.0]);
        let loss = huber_loss(leaf.leaky_trace(), &[0.0, 0.0], &[1.0, 2.0]);
        assert!((loss.array() - 0.5 * (0.125 + 2.0 * 2.5)).abs() < 1e-6);
        assert_eq!(take(&mut loss.backward(), &leaf), vec![0.25, 1.0]);
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
        let leaf = rows(head.to_vec(), 4);
        let (action, log_prob) = squashed(leaf.leaky_trace(), &noise, &a, 2);
        assert_eq!(numbers(&action), a);
        let loss = log_prob * 0.3 - action * rows(dq.to_vec(), 2);
        let dhead = take(&mut loss.sum::<(), Axes2<0, 1>>().backward(), &leaf);
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
