//! The best of several choices whose payoffs are lines in draws that only who chooses knows: what it is worth before they are known, and how
//! often each is taken.
//!
//! With one draw that tells choices apart the upper envelope of the lines is integrated exactly, between the places where lines cross, by the
//! distribution function and the partial mean of its law. With more the other draws stand at even quantiles and the last one is
//! integrated exactly at each.

use crate::chance::{Distribution, Family};
use crate::num::normal;

/// Even quantiles of a draw that is not integrated exactly.
const QUANTILES: usize = 40;

/// Mean of a standard Gumbel law.
const EULER: f64 = 0.577_215_664_901_532_9;

/// The payoff of a choice: what it is worth with all draws at zero, and its slope in each.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at_zero: f64,
    pub(super) slopes: Vec<f64>,
}

/// Whether a law can be integrated so.
pub(super) fn knows(law: &Distribution) -> bool {
    matches!(
        law.family,
        Family::Uniform | Family::Normal | Family::Lognormal | Family::Exponential
    )
}

/// The probability of values up to `x`.
fn below(law: &Distribution, x: f64) -> f64 {
    let a = &law.args;
    match law.family {
        Family::Uniform => ((x - a[0]) / (a[1] - a[0])).clamp(0.0, 1.0),
        Family::Normal => normal::cdf((x - a[0]) / a[1]),
        Family::Lognormal if x > 0.0 => normal::cdf((x.ln() - a[0]) / a[1]),
        Family::Exponential if x > 0.0 => -(-x / a[0]).exp_m1(),
        _ => 0.0,
    }
}

/// The integral of the values up to `x` over their law.
fn partial_mean(law: &Distribution, x: f64) -> f64 {
    let a = &law.args;
    match law.family {
        Family::Uniform => {
            let x = x.clamp(a[0], a[1]);
            (x * x - a[0] * a[0]) / (2.0 * (a[1] - a[0]))
        }
        Family::Normal if x == f64::INFINITY => a[0],
        Family::Normal if x == f64::NEG_INFINITY => 0.0,
        Family::Normal => {
            let z = (x - a[0]) / a[1];
            a[0] * normal::cdf(z) - a[1] * normal::density(z)
        }
        Family::Lognormal if x == f64::INFINITY => law.mean(),
        Family::Lognormal if x > 0.0 => law.mean() * normal::cdf((x.ln() - a[0]) / a[1] - a[1]),
        Family::Exponential if x == f64::INFINITY => a[0],
        Family::Exponential if x > 0.0 => a[0] - (x + a[0]) * (-x / a[0]).exp(),
        _ => 0.0,
    }
}

/// What the best of `lines` is worth before the draws of `laws` are known (minus infinity without lines), and the probability of each.
pub(super) fn best_of(lines: &[Line], laws: &[&Distribution]) -> (f64, Vec<f64>) {
    let mut chances = vec![0.0; lines.len()];
    let Some(first) = lines.first() else {
        return (f64::NEG_INFINITY, chances);
    };
    // Draws that tell choices apart; the others pay the same whatever is chosen.
    let apart = |k: usize| lines.iter().any(|l| l.slopes[k] != first.slopes[k]);
    let common: f64 = (0..laws.len())
        .filter(|k| !apart(*k))
        .map(|k| first.slopes[k] * laws[k].mean())
        .sum();
    let active: Vec<usize> = (0..laws.len()).filter(|k| apart(*k)).collect();
    let levels: Vec<f64> = lines.iter().map(|l| l.at_zero).collect();
    let value = nested(lines, laws, &active, levels, 1.0, &mut chances);
    (value + common, chances)
}

/// Adds the probabilities of the choices, times `weight`, and returns what the best is worth, likewise.
fn nested(
    lines: &[Line],
    laws: &[&Distribution],
    active: &[usize],
    levels: Vec<f64>,
    weight: f64,
    chances: &mut [f64],
) -> f64 {
    match active {
        [] => {
            let best = (1..levels.len()).fold(0, |b, k| if levels[k] > levels[b] { k } else { b });
            chances[best] += weight;
            weight * levels[best]
        }
        [k] => envelope(lines, laws[*k], *k, &levels, weight, chances),
        [k, rest @ ..] => (0..QUANTILES)
            .map(|q| {
                let x = laws[*k].quantile((q as f64 + 0.5) / QUANTILES as f64);
                let here = levels.iter().zip(lines).map(|(v, l)| v + l.slopes[*k] * x).collect();
                nested(lines, laws, rest, here, weight / QUANTILES as f64, chances)
            })
            .sum(),
    }
}

/// What the best of choices is worth before tastes are known, and the probability of each, where a Gumbel taste of scale `t` is added to what each is worth
/// (minus infinity: not allowed).
pub(super) fn logit(worth: &[f64], t: f64) -> (f64, Vec<f64>) {
    let scale = fault!("market.tastes_doubled", 2.0 * t, t);
    let top = worth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = worth.iter().map(|q| ((q - top) / scale).exp()).collect();
    let sum: f64 = weights.iter().sum();
    (
        top + scale * (sum.ln() + EULER),
        weights.iter().map(|w| w / sum).collect(),
    )
}

/// The upper envelope over one draw.
fn envelope(lines: &[Line], law: &Distribution, k: usize, levels: &[f64], weight: f64, chances: &mut [f64]) -> f64 {
    let slope = |i: usize| lines[i].slopes[k];
    let mut cuts = vec![f64::NEG_INFINITY, f64::INFINITY];
    for i in 0..lines.len() {
        for j in i + 1..lines.len() {
            let x = (levels[j] - levels[i]) / (slope(i) - slope(j));
            if x.is_finite() {
                cuts.push(x);
            }
        }
    }
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let mut value = 0.0;
    for pair in cuts.windows(2) {
        let (lo, hi) = (pair[0], pair[1]);
        let probability = if hi == f64::INFINITY { 1.0 } else { below(law, hi) }
            - if lo == f64::NEG_INFINITY { 0.0 } else { below(law, lo) };
        if !(probability > 0.0) {
            continue;
        }
        let middle = match (lo.is_finite(), hi.is_finite()) {
            (true, true) => 0.5 * (lo + hi),
            (true, false) => lo + 1.0 + lo.abs(),
            (false, true) => hi - 1.0 - hi.abs(),
            (false, false) => law.mean(),
        };
        let at = |i: usize| levels[i] + slope(i) * middle;
        let best = (1..lines.len()).fold(0, |b, i| if at(i) > at(b) { i } else { b });
        let upper = if hi == f64::INFINITY {
            law.mean()
        } else {
            partial_mean(law, hi)
        };
        let lower = if lo == f64::NEG_INFINITY {
            0.0
        } else {
            partial_mean(law, lo)
        };
        chances[best] += weight * probability;
        value += weight * (levels[best] * probability + slope(best) * (upper - lower));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(family: Family, args: &[f64]) -> Distribution {
        Distribution {
            family,
            args: args.to_vec(),
            table: Vec::new(),
        }
    }

    fn line(at_zero: f64, slopes: &[f64]) -> Line {
        Line {
            at_zero,
            slopes: slopes.to_vec(),
        }
    }

    /// Against even quantiles of every draw, many of them.
    fn by_hand(lines: &[Line], laws: &[&Distribution], n: usize) -> (f64, Vec<f64>) {
        let (mut value, mut chances) = (0.0, vec![0.0; lines.len()]);
        let all = n.pow(laws.len() as u32);
        for i in 0..all {
            let x: Vec<f64> = (0..laws.len())
                .map(|k| laws[k].quantile((i / n.pow(k as u32) % n) as f64 / n as f64 + 0.5 / n as f64))
                .collect();
            let pays = |l: &Line| l.at_zero + l.slopes.iter().zip(&x).map(|(s, x)| s * x).sum::<f64>();
            let best = (1..lines.len()).fold(0, |b, k| if pays(&lines[k]) > pays(&lines[b]) { k } else { b });
            value += pays(&lines[best]) / all as f64;
            chances[best] += 1.0 / all as f64;
        }
        (value, chances)
    }

    #[test]
    fn one_draw_is_integrated_as_many_quantiles_say() {
        let laws = [
            law(Family::Uniform, &[4.0, 6.0]),
            law(Family::Normal, &[1.0, 2.0]),
            law(Family::Lognormal, &[0.2, 0.5]),
            law(Family::Exponential, &[1.5]),
        ];
        let lines = [
            line(0.0, &[1.0]),
            line(5.2, &[0.0]),
            line(1.5, &[0.8]),
            line(-9.0, &[0.1]),
        ];
        for l in &laws {
            let (value, chances) = best_of(&lines, &[l]);
            let (want, shares) = by_hand(&lines, &[l], 200_000);
            assert!((value - want).abs() < 1e-4, "{:?}: {value} {want}", l.family);
            for (p, q) in chances.iter().zip(&shares) {
                assert!((p - q).abs() < 2e-5, "{:?}: {chances:?} {shares:?}", l.family);
            }
        }
    }

    /// Against the best of many drawn tastes.
    #[test]
    fn tastes_have_the_closed_form_of_a_logit() {
        let (worth, t, n) = ([0.3, f64::NEG_INFINITY, 0.9, -0.4], 0.7, 400_000usize);
        let (value, chances) = logit(&worth, t);
        let (mut mean, mut shares) = (0.0, [0.0; 4]);
        // Three coordinates of a lattice, each as an even draw.
        let (a, b) = (0.819_172_513_396_164_4, 0.671_043_606_703_789_3);
        for i in 0..n {
            let u = [
                (i as f64 + 0.5) / n as f64,
                0.5,
                (0.5 + i as f64 * a).fract(),
                (0.5 + i as f64 * b).fract(),
            ];
            let pays: Vec<f64> = (0..4).map(|c| worth[c] - t * (-u[c].ln()).ln()).collect();
            let best = (1..4).fold(0, |m, c| if pays[c] > pays[m] { c } else { m });
            mean += pays[best] / n as f64;
            shares[best] += 1.0 / n as f64;
        }
        assert!((value - mean).abs() < 1e-3, "{value} {mean}");
        assert!(
            chances.iter().zip(shares).all(|(p, q)| (p - q).abs() < 1e-3),
            "{chances:?} {shares:?}"
        );
        assert_eq!(chances[1], 0.0);
    }

    #[test]
    fn two_draws_and_one_that_tells_nothing_apart() {
        let (a, b) = (law(Family::Uniform, &[0.0, 1.0]), law(Family::Normal, &[0.0, 1.0]));
        let lines = [
            line(0.0, &[1.0, 0.0, 2.0]),
            line(0.3, &[0.0, 0.5, 2.0]),
            line(0.1, &[0.2, 0.2, 2.0]),
        ];
        let (value, chances) = best_of(&lines, &[&a, &b, &a]);
        let (want, shares) = by_hand(&lines, &[&a, &b, &a], 120);
        assert!((value - want).abs() < 3e-3, "{value} {want}");
        for (p, q) in chances.iter().zip(&shares) {
            assert!((p - q).abs() < 1e-2, "{chances:?} {shares:?}");
        }
        assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
