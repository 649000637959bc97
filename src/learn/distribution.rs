//! Probability laws over a mixed [`ActionSpace`]: draws, modes, log-probabilities.
//!
//! A policy's head is a row of means (one per continuous dimension) and logits (one per choice of each finite dimension).
//! Continuous dimensions are independent normals with standard deviations that do not depend on the state; finite
//! ones are softmax, restricted to the allowed choices. Everything here is plain loops: the taped twin is in
//! `nets/loss.rs`.
//!
//! Shapes, all row-major, with `c` continuous dimensions and `d` finite ones of `sizes`: `head` is `rows * (c + sum(sizes))`, `log_std` `c`, `mask`
//! `rows * sum(sizes)` with 1 where a choice is allowed (empty if every one is), `continuous` `rows * c`, `discrete` and `luck`
//! `rows * d`, log-probabilities and entropies `rows`.

use crate::env::ActionSpace;
use crate::num::random::Key;
use serde::{Deserialize, Serialize};

const HALF_LOG_TWO_PI: f32 = 0.918_938_5;

/// Width of a policy's head.
pub fn head_width(space: &ActionSpace) -> usize {
    space.continuous + space.discrete.iter().sum::<usize>()
}

/// Counter-based noise for a batch of actors: what is drawn depends on seed, period and slot alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    key: Key,
    period: u64,
    #[serde(skip)]
    buffer: Vec<f32>,
}

impl Noise {
    /// Stream `stream` under `seed`.
    pub fn new(seed: u64, stream: u64) -> Noise {
        Noise {
            key: Key::new(seed, stream),
            period: 0,
            buffer: Vec::new(),
        }
    }
    /// Moves to the next period.
    pub fn advance(&mut self) {
        self.period += 1;
    }
    /// Fills `out` (any length) with uniform numbers in (0, 1): stream `kind` of this period.
    pub fn uniform(&mut self, kind: u64, out: &mut [f32]) {
        self.key.child(kind).fill_f32(self.period, 0, out);
    }
    /// Fills `out` (any length) with standard normal numbers: stream `kind` of this period (Box and Muller 1958, both
    /// halves used).
    pub fn normal(&mut self, kind: u64, out: &mut [f32]) {
        let n = out.len().next_multiple_of(2);
        self.buffer.resize(n, 0.0);
        self.key.child(kind).fill_f32(self.period, 0, &mut self.buffer);
        for (pair, u) in out.chunks_mut(2).zip(self.buffer.chunks_exact(2)) {
            let radius = (-2.0 * u[0].ln()).sqrt();
            let (sin, cos) = (std::f32::consts::TAU * u[1]).sin_cos();
            pair[0] = radius * cos;
            if let Some(second) = pair.get_mut(1) {
                *second = radius * sin;
            }
        }
    }
}

/// Draws actions for the rows of `head` (continuous ones are not clipped) and their log-probabilities; `rows` is the
/// length of `log_prob`. Shapes are those of the module.
#[expect(clippy::too_many_arguments, reason = "the arrays of one batch of decisions")]
pub fn sample(
    space: &ActionSpace,
    head: &[f32],
    log_std: &[f32],
    mask: &[f32],
    noise: &mut Noise,
    continuous: &mut [f32],
    discrete: &mut [u32],
    log_prob: &mut [f32],
) {
    let (rows, width, c) = (log_prob.len(), head_width(space), space.continuous);
    log_prob.fill(0.0);
    if c > 0 {
        noise.normal(0, &mut continuous[..rows * c]);
        for s in 0..rows {
            for j in 0..c {
                let e = continuous[s * c + j];
                continuous[s * c + j] = log_std[j].exp().mul_add(e, head[s * width + j]);
                log_prob[s] -= 0.5 * e * e + log_std[j] + HALF_LOG_TWO_PI;
            }
        }
    }
    let choices = space.discrete.len();
    let total = width - c;
    let mut uniforms = vec![0.0f32; rows * choices];
    if choices > 0 {
        noise.uniform(1, &mut uniforms);
    }
    let mut weights = Vec::new();
    for s in 0..rows {
        let mut at = 0;
        for (d, &size) in space.discrete.iter().enumerate() {
            let logits = &head[s * width + c + at..][..size];
            let allowed = allowed_row(mask, s * total + at, size);
            let sum = softmax_weights(logits, allowed, &mut weights);
            let target = uniforms[s * choices + d] * sum;
            let mut chosen = 0;
            let mut running = 0.0f32;
            for (k, &w) in weights.iter().enumerate() {
                if w > 0.0 {
                    chosen = k;
                    running += w;
                    if running >= target {
                        break;
                    }
                }
            }
            discrete[s * choices + d] = chosen as u32;
            log_prob[s] += (weights[chosen] / sum).ln();
            at += size;
        }
    }
    noise.advance();
}

/// Holds the logarithms of standard deviations (one per continuous dimension) under a ceiling that falls from `first` by equal shares until
/// it is `last` after half of the steps; `progress` is the share that is done. Without `last` there is none.
#[cfg(feature = "learn")]
pub fn narrow(log_std: &mut [f32], first: f64, last: Option<f64>, progress: f64) {
    let Some(last) = last.filter(|l| *l < first) else {
        return;
    };
    let way = (2.0 * progress).min(1.0);
    let most = (first.ln() + way * (last / first).ln()) as f32;
    log_std.iter_mut().for_each(|l| *l = l.min(most));
}

/// The probability of every choice, `[row][choice]`: for each row `sum(sizes)` numbers, those of one dimension after
/// those of another; 0 for forbidden choices.
pub fn chances(space: &ActionSpace, head: &[f32], mask: &[f32], rows: usize) -> Vec<Vec<f64>> {
    let (width, c) = (head_width(space), space.continuous);
    let all: usize = space.discrete.iter().sum();
    (0..rows)
        .map(|s| {
            let mut out = Vec::with_capacity(all);
            let mut at = 0;
            for &size in &space.discrete {
                let logits = &head[s * width + c + at..][..size];
                let open = |i: usize| mask.is_empty() || mask[s * all + at + i] > 0.0;
                let top = (0..size)
                    .filter(|i| open(*i))
                    .fold(f32::NEG_INFINITY, |m, i| m.max(logits[i]));
                let weight = |i: usize| if open(i) { f64::from(logits[i] - top).exp() } else { 0.0 };
                let total: f64 = (0..size).map(weight).sum();
                out.extend((0..size).map(|i| weight(i) / total));
                at += size;
            }
            out
        })
        .collect()
}

/// The most likely action of each row: means, and the allowed choice with the largest logit (the first of equals).
/// Shapes are those of the module.
pub fn mode(
    space: &ActionSpace,
    head: &[f32],
    mask: &[f32],
    rows: usize,
    continuous: &mut [f32],
    discrete: &mut [u32],
) {
    let (width, c) = (head_width(space), space.continuous);
    let choices = space.discrete.len();
    for s in 0..rows {
        continuous[s * c..(s + 1) * c].copy_from_slice(&head[s * width..s * width + c]);
        let mut at = 0;
        for (d, &size) in space.discrete.iter().enumerate() {
            let logits = &head[s * width + c + at..][..size];
            let best = best_allowed(logits, allowed_row(mask, s * (width - c) + at, size));
            discrete[s * choices + d] = best as u32;
            at += size;
        }
    }
}

/// The choices that the uniform numbers `luck` (`row x finite dimension`) fall on, by inversion; continuous dimensions
/// are left alone. Other shapes are those of the module.
pub fn drawn(space: &ActionSpace, head: &[f32], mask: &[f32], luck: &[f32], rows: usize, discrete: &mut [u32]) {
    let (width, c, choices) = (head_width(space), space.continuous, space.discrete.len());
    let mut weights = Vec::new();
    for s in 0..rows {
        let mut at = 0;
        for (d, &size) in space.discrete.iter().enumerate() {
            let logits = &head[s * width + c + at..][..size];
            let sum = softmax_weights(logits, allowed_row(mask, s * (width - c) + at, size), &mut weights);
            let mut left = luck[s * choices + d] * sum;
            for (k, w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
                discrete[s * choices + d] = k as u32;
                left -= w;
                if left < 0.0 {
                    break;
                }
            }
            at += size;
        }
    }
}

/// Log-probabilities and entropies (`rows` each) of given actions: the plain form that the taped losses are tested
/// against. Shapes are those of the module.
#[expect(clippy::too_many_arguments, reason = "the arrays of one batch of decisions")]
pub fn log_prob(
    space: &ActionSpace,
    head: &[f32],
    log_std: &[f32],
    mask: &[f32],
    continuous: &[f32],
    discrete: &[u32],
    log_prob: &mut [f32],
    entropy: &mut [f32],
) {
    let (width, c, choices) = (head_width(space), space.continuous, space.discrete.len());
    let mut weights = Vec::new();
    for s in 0..log_prob.len() {
        (log_prob[s], entropy[s]) = (0.0, 0.0);
        for j in 0..c {
            let z = (continuous[s * c + j] - head[s * width + j]) / log_std[j].exp();
            log_prob[s] -= 0.5 * z * z + log_std[j] + HALF_LOG_TWO_PI;
            entropy[s] += log_std[j] + 0.5 + HALF_LOG_TWO_PI;
        }
        let mut at = 0;
        for (d, &size) in space.discrete.iter().enumerate() {
            let logits = &head[s * width + c + at..][..size];
            let sum = softmax_weights(logits, allowed_row(mask, s * (width - c) + at, size), &mut weights);
            log_prob[s] += (weights[discrete[s * choices + d] as usize] / sum).ln();
            for w in weights.iter().filter(|w| **w > 0.0) {
                entropy[s] -= w / sum * (w / sum).ln();
            }
            at += size;
        }
    }
}

/// The index of the largest allowed value, the first of equals; 0 if nothing is allowed. `values` and `allowed` (1
/// where allowed) have one number per choice.
pub fn best_allowed(values: &[f32], allowed: Option<&[f32]>) -> usize {
    let mut best: Option<usize> = None;
    for (k, &v) in values.iter().enumerate() {
        let ok = allowed.is_none_or(|a| a[k] > 0.0);
        if ok && best.is_none_or(|b| v > values[b]) {
            best = Some(k);
        }
    }
    best.unwrap_or(0)
}

/// The `size` numbers of `mask` from `at` on: the mask of one finite dimension in one row, one number per choice.
/// `None` if `mask` is empty.
pub fn allowed_row(mask: &[f32], at: usize, size: usize) -> Option<&[f32]> {
    if mask.is_empty() {
        None
    } else {
        Some(&mask[at..at + size])
    }
}

/// Unnormalised probabilities of the allowed choices, and their sum. If no choice is allowed, all are.
fn softmax_weights(logits: &[f32], allowed: Option<&[f32]>, weights: &mut Vec<f32>) -> f32 {
    let allowed = allowed.filter(|a| a.iter().any(|x| *x > 0.0));
    let ok = |k: usize| allowed.is_none_or(|a| a[k] > 0.0);
    let top = logits
        .iter()
        .enumerate()
        .filter(|(k, _)| ok(*k))
        .map(|(_, v)| *v)
        .fold(f32::NEG_INFINITY, f32::max);
    weights.clear();
    weights.extend(
        logits
            .iter()
            .enumerate()
            .map(|(k, v)| if ok(k) { (v - top).exp() } else { 0.0 }),
    );
    weights.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_law_of_the_head_and_never_a_forbidden_choice() {
        let space = ActionSpace {
            continuous: 1,
            discrete: vec![3],
        };
        let rows = 40_000;
        let head: Vec<f32> = [0.4f32, 0.0, 5.0, 1.0].repeat(rows);
        let mask: Vec<f32> = [1.0f32, 0.0, 1.0].repeat(rows);
        let (mut c, mut d, mut lp) = (vec![0.0; rows], vec![0; rows], vec![0.0; rows]);
        let log_std = [0.5f32.ln()];
        let mut noise = Noise::new(3, 1);
        sample(&space, &head, &log_std, &mask, &mut noise, &mut c, &mut d, &mut lp);
        assert!(d.iter().all(|k| *k != 1));
        let share = d.iter().filter(|k| **k == 2).count() as f64 / rows as f64;
        let expected = 1.0 / (1.0 + (-1.0f64).exp());
        assert!((share - expected).abs() < 4.0 * (expected * (1.0 - expected) / rows as f64).sqrt());
        let mean = c.iter().map(|x| *x as f64).sum::<f64>() / rows as f64;
        let var = c.iter().map(|x| (*x as f64 - mean).powi(2)).sum::<f64>() / rows as f64;
        assert!((mean - 0.4).abs() < 0.01 && (var - 0.25).abs() < 0.01);
        let (mut lp2, mut h) = (vec![0.0; rows], vec![0.0; rows]);
        log_prob(&space, &head, &log_std, &mask, &c, &d, &mut lp2, &mut h);
        assert!(lp.iter().zip(&lp2).all(|(a, b)| (a - b).abs() < 1e-4));
        let (mut m, mut k) = (vec![0.0; 1], vec![0; 1]);
        mode(&space, &head, &mask, 1, &mut m, &mut k);
        assert_eq!((m[0], k[0]), (0.4, 2));
    }
}
