//! What noise of actions does to what is earned, estimated from play, and taken out where it says nothing of the action that is judged
//! (Cheng, Yan and Boots 2019, "Trajectory-wise control variates for variance reduction in policy gradient methods").
//!
//! With noise `z` standard normal, `A(s, z) = sum_j z_j (b_j(s) + sum_q m_q c_jq(s)) + d_j(s) (z_j^2 - 1)`, with polynomials `b`, `c`, `d` of the observed. `m_q` are
//! surprises: what later chance did to the *other* worlds that share it. Noise is independent of both, so the mean of every term under the policy is
//! zero whatever the coefficients are, and no expectation moves where the noise of later actions is taken out, nor where the part `z m c` of
//! the action itself is: a good surprise makes capital worth more to everybody, which is no merit of whoever happened to have more of it.

use serde::{Deserialize, Serialize};

/// Most terms of a regression.
const MOST: usize = 120;
/// Rows that are enough for one.
const ENOUGH: usize = 16_384;
/// Observations are held within this, in standard deviations.
const HELD: f32 = 3.0;
/// Highest degree of what the mean of a surprise is explained by.
const HIGHEST: u32 = 3;
/// Share of what was learned that the next stretch keeps.
const KEPT: f64 = 0.7;

/// Estimated effects; nothing is known at first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effects {
    width: usize,
    dims: usize,
    surprises: usize,
    /// Normal equations: matrix and right side.
    xx: Vec<f64>,
    xy: Vec<f64>,
    /// One per term; empty before the first fit.
    coefficients: Vec<f64>,
    /// How much of it held in the stretch after.
    trust: f64,
}

/// Rows that are explained.
pub struct Rows<'a> {
    /// `rows x width`.
    pub observation: &'a [f32],
    /// `rows x dims`.
    pub noise: &'a [f32],
    /// `rows x surprises`.
    pub surprise: &'a [f32],
}

fn polynomial(row: &[f32], degree: u32, out: &mut Vec<f64>) {
    out.clear();
    out.push(1.0);
    out.extend(row.iter().map(|x| f64::from(x.clamp(-HELD, HELD))));
    if degree > 1 {
        for i in 1..=row.len() {
            for j in 1..=i {
                out.push(out[i] * out[j]);
                for k in (1..=j).filter(|_| degree > 2) {
                    out.push(out[i] * out[j] * out[k]);
                }
            }
        }
    }
}

/// Takes out of each kind of surprise (`rows x kinds`) what polynomials of the observed (`rows x width`) explain of it; rows count by `weight`, one number per row.
///
/// The mean of a surprise at a state is zero only where values are right. Where they are too low, chance seems to be kind to everybody, and what the noise
/// of an action earns would be taken for luck. One row has next to no influence on the fit of a few terms to thousands of rows.
pub fn centre_surprises(observation: &[f32], width: usize, surprise: &mut [f32], weight: &[f32]) {
    let n = weight.len();
    if n == 0 {
        return;
    }
    let q = surprise.len() / n;
    let mut f = Vec::new();
    let Some(degree) = (1..=HIGHEST).rev().find(|d| {
        polynomial(&observation[..width], *d, &mut f);
        f.len() <= MOST / 2 && n >= 20 * f.len()
    }) else {
        return;
    };
    let m = f.len();
    let mut xx = nalgebra::DMatrix::<f64>::zeros(m, m);
    let mut xy = nalgebra::DMatrix::<f64>::zeros(m, q);
    for i in 0..n {
        polynomial(&observation[i * width..(i + 1) * width], degree, &mut f);
        for a in 0..m {
            let x = f[a] * f64::from(weight[i]);
            // The Cholesky factor reads the lower half only.
            (0..=a).for_each(|b| xx[(a, b)] += x * f[b]);
            (0..q).for_each(|k| xy[(a, k)] += x * f64::from(surprise[i * q + k]));
        }
    }
    (0..m).for_each(|a| xx[(a, a)] += 1e-9 * (1.0 + xx[(a, a)]));
    let Some(fit) = xx.cholesky().map(|c| c.solve(&xy)) else {
        return;
    };
    for i in 0..n {
        polynomial(&observation[i * width..(i + 1) * width], degree, &mut f);
        for k in 0..q {
            let mean: f64 = f.iter().zip(fit.column(k).iter()).map(|(x, c)| x * c).sum();
            surprise[i * q + k] -= mean as f32;
        }
    }
}

impl Effects {
    /// For observations of `width` numbers, actions of `dims` and so many `surprises`.
    pub fn new(width: usize, dims: usize, surprises: usize) -> Effects {
        Effects {
            width,
            dims,
            surprises,
            ..Effects::default()
        }
    }

    /// Degree of the polynomial, its terms, and all terms.
    fn terms(&self) -> Option<(u32, usize, usize)> {
        let w = self.width;
        let all = |n: usize| self.dims * (2 * n + self.surprises * (1 + w));
        let (linear, square) = (1 + w, 1 + w + w * (w + 1) / 2);
        if self.dims == 0 {
            None
        } else if all(square) <= MOST {
            Some((2, square, all(square)))
        } else if all(linear) <= MOST {
            Some((1, linear, all(linear)))
        } else {
            None
        }
    }

    /// Whether there is anything to learn.
    pub fn is_some(&self) -> bool {
        self.terms().is_some()
    }

    /// The terms of row `i`: those of surprises first.
    fn row(&self, rows: &Rows<'_>, i: usize, degree: u32, f: &mut Vec<f64>, x: &mut Vec<f64>) {
        let (w, c, q) = (self.width, self.dims, self.surprises);
        polynomial(&rows.observation[i * w..(i + 1) * w], degree, f);
        x.clear();
        let noise = &rows.noise[i * c..(i + 1) * c];
        for z in noise {
            for m in &rows.surprise[i * q..(i + 1) * q] {
                let zm = f64::from(*z) * f64::from(*m);
                x.extend(f[..=w].iter().map(|f| f * zm));
            }
        }
        for z in noise {
            let z = f64::from(*z);
            x.extend(f.iter().map(|f| f * z));
            x.extend(f.iter().map(|f| f * (z * z - 1.0)));
        }
    }

    /// The estimated advantage of the noise of every row, and the part of it that came by surprise: two numbers per row.
    pub fn of(&self, rows: &Rows<'_>) -> Vec<[f32; 2]> {
        let n = rows.noise.len() / self.dims.max(1);
        let Some((degree, ..)) = self
            .terms()
            .filter(|_| !self.coefficients.is_empty() && self.trust > 0.0)
        else {
            return vec![[0.0; 2]; n];
        };
        let first = self.dims * self.surprises * (1 + self.width);
        let (mut f, mut x) = (Vec::new(), Vec::new());
        (0..n)
            .map(|i| {
                self.row(rows, i, degree, &mut f, &mut x);
                let sum = |from: usize, to: usize| {
                    let terms = x[from..to].iter().zip(&self.coefficients[from..to]);
                    self.trust * terms.map(|(x, c)| x * c).sum::<f64>()
                };
                let surprise = sum(0, first);
                [(surprise + sum(first, x.len())) as f32, surprise as f32]
            })
            .collect()
    }

    /// Learns from a stretch: `advantage` and `weight` have one number per row.
    pub fn learn(&mut self, rows: &Rows<'_>, advantage: &[f32], weight: &[f32]) {
        let n = advantage.len();
        let Some((degree, _, m)) = self.terms().filter(|t| n > 20 * t.2) else {
            return;
        };
        let stride = n.div_ceil(ENOUGH);
        let (mut f, mut x) = (Vec::new(), Vec::new());
        if self.xx.len() != m * m {
            (self.xx, self.xy) = (vec![0.0; m * m], vec![0.0; m]);
        }
        let (mut xx, mut xy) = (vec![0.0; m * m], vec![0.0; m]);
        let (mut own, mut both, mut all) = (0.0, 0.0, 0.0);
        for i in (0..n).filter(|i| (i / 16) % stride == 0) {
            self.row(rows, i, degree, &mut f, &mut x);
            let w = f64::from(weight[i]);
            let y = f64::from(advantage[i]) * w;
            x.iter_mut().for_each(|x| *x *= w);
            if !self.coefficients.is_empty() {
                let said: f64 = x.iter().zip(&self.coefficients).map(|(x, c)| x * c).sum();
                own += said * said;
                both += said * y;
            }
            all += y * y;
            for a in 0..m {
                let xa = x[a];
                xy[a] += xa * y;
                xx[a * m..=a * m + a]
                    .iter_mut()
                    .zip(&x)
                    .for_each(|(to, xb)| *to += xa * xb);
            }
        }
        self.trust = if own > 0.0 { (both / own).clamp(0.0, 1.0) } else { 0.0 };
        // What is small now must not be ruled by what was large before: each stretch counts by its own variance.
        let unit = 1.0 / all.max(f64::MIN_POSITIVE);
        self.xx
            .iter_mut()
            .zip(&xx)
            .for_each(|(to, x)| *to = KEPT * *to + x * unit);
        self.xy
            .iter_mut()
            .zip(&xy)
            .for_each(|(to, x)| *to = KEPT * *to + x * unit);
        let trace = (0..m).map(|a| self.xx[a * m + a]).sum::<f64>() / m as f64;
        let full = nalgebra::DMatrix::from_fn(m, m, |a, b| {
            let (a, b) = (a.max(b), a.min(b));
            self.xx[a * m + b]
                + if a == b {
                    1e-3 * self.xx[a * m + a] + 1e-6 * trace
                } else {
                    0.0
                }
        });
        if let Some(c) = full.cholesky() {
            self.coefficients = c
                .solve(&nalgebra::DVector::from_column_slice(&self.xy))
                .iter()
                .copied()
                .collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::CommonChance;
    use crate::learn::rollout::Rollout;
    use crate::num::random::Key;

    fn normal(key: Key, at: u64) -> f32 {
        let mut u = [0.0f32];
        key.fill_f32(at, 0, &mut u);
        crate::num::normal::quantile(f64::from(u[0]).clamp(1e-9, 1.0 - 1e-9)) as f32
    }

    /// Worlds in groups of eight with common shocks; an action's noise `z` earns `b z`, and a shock one period later earns `(1 + c z) e` of it.
    fn played(seed: u64, periods: usize, slots: usize) -> Rollout {
        let (b, c) = (0.5, 0.4);
        let key = Key::new(seed, 1);
        let mut r = Rollout {
            periods,
            slots,
            terminated: vec![false; periods * slots],
            ended: vec![false; periods * slots],
            value: vec![0.0; (periods + 1) * slots],
            ..Rollout::default()
        };
        for t in 0..periods {
            for s in 0..slots {
                let at = (t * slots + s) as u64;
                let z = normal(key, at);
                let before = if t > 0 { r.noise[(t - 1) * slots + s] } else { 0.0 };
                let shock = normal(key.child(7), (t * slots + s / 8) as u64);
                r.observation.push(normal(key.child(9), at));
                r.noise.push(z);
                r.reward.push(b * z + (1.0 + c * before) * shock);
            }
        }
        r.observation.resize((periods + 1) * slots, 0.0);
        r
    }

    fn advantages(r: &mut Rollout, effects: &Effects, centred: bool) -> Vec<f32> {
        let common = CommonChance { worlds: 8, members: 1 };
        r.find_surprises(0.9, common, &[1.0]);
        if centred {
            centre_surprises(&r.observation, 1, &mut r.surprise, &vec![1.0; r.noise.len()]);
        }
        let rows = Rows {
            observation: &r.observation[..r.noise.len()],
            noise: &r.noise,
            surprise: &r.surprise,
        };
        r.said = effects.of(&rows);
        r.estimate_advantages(0.9, 1.0);
        r.remove_common(common, 0.2, 1, 0, 0.0);
        r.advantage.clone()
    }

    fn learned() -> Effects {
        let mut effects = Effects::new(1, 1, 1);
        for seed in 0..4 {
            let mut r = played(seed, 60, 64);
            let advantage = advantages(&mut r, &effects, true);
            let whole: Vec<f32> = match r.said.is_empty() {
                true => advantage,
                false => advantage.iter().zip(&r.said).map(|(a, s)| a + s[1]).collect(),
            };
            let rows = Rows {
                observation: &r.observation[..r.noise.len()],
                noise: &r.noise,
                surprise: &r.surprise,
            };
            effects.learn(&rows, &whole, &vec![1.0; whole.len()]);
        }
        effects
    }

    #[test]
    fn advantages_keep_their_mean_and_lose_most_of_their_variance() {
        // The gradient for the mean of an action is E[z A] = b whatever is taken out; with the own world among the surprises it is not.
        let (known, nothing) = (learned(), Effects::new(1, 1, 1));
        let moments = |effects: &Effects, centred: bool, wrong: f32| {
            let (mut sum, mut squares, mut n) = (0.0f64, 0.0f64, 0.0f64);
            for seed in 100..130 {
                let mut r = played(seed, 60, 64);
                r.value.iter_mut().for_each(|v| *v += wrong);
                for (a, z) in advantages(&mut r, effects, centred).iter().zip(&r.noise) {
                    let g = f64::from(a * z);
                    (sum, squares, n) = (sum + g, squares + g * g, n + 1.0);
                }
            }
            let mean = sum / n;
            (mean, (squares / n - mean * mean).sqrt(), n)
        };
        let (plain, plain_sd, n) = moments(&nothing, true, 0.0);
        let (kept, kept_sd, _) = moments(&known, true, 0.0);
        // The mean of a group of eight takes an eighth of the own effect with it.
        let truth = 0.5 * 7.0 / 8.0;
        assert!(
            (plain - truth).abs() < 4.0 * plain_sd / n.sqrt(),
            "{plain} against {truth}"
        );
        assert!(
            (kept - truth).abs() < 4.0 * kept_sd / n.sqrt(),
            "{kept} against {truth}"
        );
        assert!(kept_sd < 0.8 * plain_sd, "{kept_sd} against {plain_sd}");
        // Values that are too low by 3 make every surprise a good one: merits would be taken for luck.
        let off = |(mean, sd, n): (f64, f64, f64)| (mean - truth).abs() / (sd / n.sqrt());
        let (right, wrong) = (off(moments(&known, true, -3.0)), off(moments(&known, false, -3.0)));
        assert!(right < 4.0, "{right} standard errors");
        assert!(wrong > 10.0, "what is not centred is biased: {wrong} standard errors");
    }

    #[test]
    fn a_surprise_does_not_know_the_own_noise() {
        let common = CommonChance { worlds: 8, members: 1 };
        let (mut sum, mut n) = (0.0f64, 0.0f64);
        for seed in 0..60 {
            let mut r = played(seed, 40, 64);
            r.find_surprises(0.9, common, &[1.0]);
            sum += r
                .noise
                .iter()
                .zip(&r.surprise)
                .map(|(z, m)| f64::from(z * m))
                .sum::<f64>();
            n += r.noise.len() as f64;
        }
        // The surprise has a variance of one, so that the mean of z m has a standard error of one over the root of n; with the own
        // world it would be about .02.
        assert!((sum / n).abs() < 4.0 / n.sqrt(), "{}", sum / n);
    }
}
