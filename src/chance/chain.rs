//! Finite Markov chains: discretised autoregressions, stationary distributions, joint chains, row checks.
//!
//! An AR(1) `x' = mean + rho (x - mean) + e`, `e ~ N(0, sigma^2)` has unconditional sd `sigma / sqrt(1 - rho^2)`.
//! *Rouwenhorst* (1995; Kopecky and Suen 2010, RED 13) matches mean, variance and first autocorrelation exactly for any
//! rho; *Tauchen* (1986, Economics Letters 20) puts normal probabilities on an even grid and misses the variance when
//! rho is near one, so [`Discretised`] carries asked and obtained moments side by side. *Farmer and Toda* (2017,
//! Quantitative Economics 8) put normal densities on an even grid and tilt them so that conditional mean and variance are exact: on
//! a grid whose steps are no longer than the innovation's sd this is the trapezoidal rule for the normal density, whose error is
//! of the order exp(-2 pi^2), where Rouwenhorst's jumps have an excess kurtosis that falls only as one over the number of states. Stationary distributions are
//! computed by the subtraction-free elimination of Grassmann, Taksar and Heyman (1985), which never uses the diagonal.

use crate::num::normal;
use serde::{Deserialize, Serialize};

/// How far a row may be from one and still count as summing to one.
pub const ROW_TOLERANCE: f64 = 1e-9;

/// A finite chain: values and a transition matrix, `transition[from][to]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// What each state stands for: one value per state.
    pub values: Vec<f64>,
    /// Probabilities, `[from][to]`: one row per state.
    pub transition: Vec<Vec<f64>>,
}

/// What to do with rows that do not sum to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rows {
    /// Refuse them.
    Check,
    /// Divide each row by its sum.
    Normalize,
    /// Use them as they are: reproduces publications whose rows do not sum to one.
    AsGiven,
}

/// Why a chain was refused. Rows and columns count from 1.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChainError {
    /// Another number of rows or columns than of values.
    #[error("the matrix has {rows} rows and row {row} has {columns} columns, but there are {values} values")]
    Shape {
        /// Rows of the matrix.
        rows: usize,
        /// The first row of wrong length (1 if the number of rows is wrong).
        row: usize,
        /// Its columns.
        columns: usize,
        /// Values of the chain.
        values: usize,
    },
    /// A row sum.
    #[error("row {row} sums to {sum}, not to 1")]
    RowSum {
        /// Which row.
        row: usize,
        /// Its sum.
        sum: f64,
    },
    /// A number that is no probability.
    #[error("row {row}, column {column} is {value}, which is no probability")]
    Probability {
        /// Which row.
        row: usize,
        /// Which column.
        column: usize,
        /// The number.
        value: f64,
    },
    /// A parameter outside its domain.
    #[error("{name} = {value} is outside {domain}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// Where it must lie.
        domain: &'static str,
    },
}

/// Mean, standard deviation and first autocorrelation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Unconditional mean.
    pub mean: f64,
    /// Unconditional standard deviation.
    pub sd: f64,
    /// First autocorrelation (0 if the sd is 0).
    pub autocorrelation: f64,
}

/// A discretised process with what was asked for and what the chain has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Discretised {
    /// The chain.
    pub chain: Chain,
    /// Moments of the process.
    pub asked: Moments,
    /// Moments of the chain.
    pub obtained: Moments,
}

/// Checks a transition matrix `transition[from][to]` of `n` by `n` states and treats its rows as `rows` says.
///
/// # Errors
/// [`ChainError::Shape`], [`ChainError::Probability`], [`ChainError::RowSum`].
pub fn check_rows(transition: &mut [Vec<f64>], n: usize, rows: Rows) -> Result<(), ChainError> {
    let count = transition.len();
    for (i, row) in transition.iter().enumerate() {
        if row.len() != n || count != n {
            return Err(ChainError::Shape {
                rows: count,
                row: i + 1,
                columns: row.len(),
                values: n,
            });
        }
    }
    if count != n {
        return Err(ChainError::Shape {
            rows: count,
            row: 1,
            columns: 0,
            values: n,
        });
    }
    for (i, row) in transition.iter_mut().enumerate() {
        for (j, &p) in row.iter().enumerate() {
            if !p.is_finite() || p < 0.0 {
                return Err(ChainError::Probability {
                    row: i + 1,
                    column: j + 1,
                    value: p,
                });
            }
        }
        let sum: f64 = row.iter().sum();
        match rows {
            Rows::Check if (sum - 1.0).abs() > ROW_TOLERANCE => {
                return Err(ChainError::RowSum { row: i + 1, sum });
            }
            Rows::Normalize if sum > 0.0 => row.iter_mut().for_each(|p| *p /= sum),
            Rows::Normalize => return Err(ChainError::RowSum { row: i + 1, sum }),
            Rows::Check | Rows::AsGiven => {}
        }
    }
    Ok(())
}

impl Chain {
    /// A chain with checked rows: one value per state, and the matrix `transition[from][to]`.
    ///
    /// # Errors
    /// Those of [`check_rows`].
    pub fn new(values: Vec<f64>, mut transition: Vec<Vec<f64>>, rows: Rows) -> Result<Self, ChainError> {
        check_rows(&mut transition, values.len(), rows)?;
        Ok(Chain { values, transition })
    }

    /// Long-run probabilities: one number per state, summing to one.
    pub fn stationary(&self) -> Vec<f64> {
        stationary(&self.transition)
    }

    /// Moments under the stationary distribution.
    pub fn moments(&self) -> Moments {
        let p = self.stationary();
        let mean: f64 = p.iter().zip(&self.values).map(|(p, x)| p * x).sum();
        let mut variance = 0.0;
        let mut covariance = 0.0;
        for (i, row) in self.transition.iter().enumerate() {
            let d = self.values[i] - mean;
            variance += p[i] * d * d;
            let next: f64 = row.iter().zip(&self.values).map(|(q, x)| q * (x - mean)).sum();
            covariance += p[i] * d * next;
        }
        Moments {
            mean,
            sd: variance.sqrt(),
            autocorrelation: if variance > 0.0 { covariance / variance } else { 0.0 },
        }
    }
}

fn check_process(n: usize, rho: f64, sd: f64) -> Result<(), ChainError> {
    let bad = |name, value, domain| Err(ChainError::Parameter { name, value, domain });
    if n == 0 {
        return bad("states", 0.0, "1, 2, ...");
    }
    if !(rho > -1.0 && rho < 1.0) {
        return bad("rho", rho, "(-1, 1)");
    }
    if !(sd >= 0.0 && sd.is_finite()) {
        return bad("sd", sd, "[0, inf)");
    }
    Ok(())
}

/// Unconditional standard deviation of an AR(1) with innovation standard deviation `sigma`.
pub fn unconditional_sd(rho: f64, sigma: f64) -> f64 {
    fault!("chain.conditional_sd", sigma, sigma / (1.0 - rho * rho).sqrt())
}

/// Rouwenhorst's (1995) chain of `n` states for an AR(1) with *unconditional* standard deviation `sd`, values
/// ascending.
///
/// # Errors
/// [`ChainError::Parameter`] for no states, a `rho` outside (-1, 1) or an `sd` that is negative or not finite.
pub fn rouwenhorst(n: usize, rho: f64, sd: f64, mean: f64) -> Result<Discretised, ChainError> {
    check_process(n, rho, sd)?;
    let p = (1.0 + rho) / 2.0;
    let mut matrix = vec![vec![1.0]];
    for m in 2..=n {
        let mut next = vec![vec![0.0; m]; m];
        for (i, row) in matrix.iter().enumerate() {
            for (j, &x) in row.iter().enumerate() {
                next[i][j] += p * x;
                next[i][j + 1] += (1.0 - p) * x;
                next[i + 1][j] += (1.0 - p) * x;
                next[i + 1][j + 1] += p * x;
            }
        }
        for row in next.iter_mut().take(m - 1).skip(1) {
            row.iter_mut().for_each(|x| *x *= 0.5);
        }
        matrix = next;
    }
    // Rounding of the recursion is removed so that rows sum to one to the last bit that matters.
    for row in &mut matrix {
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|x| *x /= sum);
    }
    let sd_of_nodes = fault!("chain.sd", 1.01 * sd, sd);
    let half = if n > 1 {
        sd_of_nodes * ((n - 1) as f64).sqrt()
    } else {
        0.0
    };
    let values = symmetric_nodes(n, half, mean);
    Ok(with_moments(
        Chain {
            values,
            transition: matrix,
        },
        rho,
        sd,
        mean,
    ))
}

/// Tauchen's (1986) chain of `n` states on `mean +- width` unconditional standard deviations (3 is customary), values
/// ascending.
///
/// # Errors
/// [`ChainError::Parameter`] as for [`rouwenhorst`], and for a `width` that is not positive and finite.
pub fn tauchen(n: usize, rho: f64, sd: f64, mean: f64, width: f64) -> Result<Discretised, ChainError> {
    check_process(n, rho, sd)?;
    if !(width > 0.0 && width.is_finite()) {
        return Err(ChainError::Parameter {
            name: "width",
            value: width,
            domain: "(0, inf)",
        });
    }
    let half = if n > 1 { width * sd } else { 0.0 };
    let values = symmetric_nodes(n, half, mean);
    let step = if n > 1 { 2.0 * half / (n - 1) as f64 } else { 0.0 };
    let sigma = sd * (1.0 - rho * rho).sqrt();
    let mut transition = vec![vec![0.0; n]; n];
    for (i, row) in transition.iter_mut().enumerate() {
        if sigma == 0.0 {
            row[i] = 1.0;
            continue;
        }
        let centre = rho * (values[i] - mean);
        // Upper-tail differences keep precision on the right half of the row.
        let upper = |edge: f64| normal::cdf(-(edge - centre) / sigma);
        let mut above = 1.0;
        for (j, p) in row.iter_mut().enumerate() {
            let below_next = if j + 1 == n {
                0.0
            } else {
                upper(values[j] - mean + 0.5 * step)
            };
            *p = (above - below_next).max(0.0);
            above = below_next;
        }
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|p| *p /= sum);
    }
    Ok(with_moments(Chain { values, transition }, rho, sd, mean))
}

/// Half width, in unconditional sds, that [`farmer_toda`] chooses between.
const WIDTHS: (f64, f64) = (3.0, 4.5);

/// The number of states with which [`farmer_toda`] reaches four unconditional sds in steps of the innovation's sd (odd).
pub fn fine_states(rho: f64) -> usize {
    2 * (4.0 / (1.0 - rho * rho).sqrt()).ceil().clamp(4.0, 1e6) as usize + 1
}

/// Farmer and Toda's (2017) chain of `n` states. The even grid has steps of one innovation standard deviation where it
/// then reaches 3 to 4.5 unconditional standard deviations, and is stretched or shortened to the nearer of these
/// otherwise. Rows have the conditional mean and variance of the process; near the ends, where no distribution on the
/// grid has both, they have the conditional mean alone.
///
/// # Errors
/// [`ChainError::Parameter`] as for [`rouwenhorst`].
pub fn farmer_toda(n: usize, rho: f64, sd: f64, mean: f64) -> Result<Discretised, ChainError> {
    check_process(n, rho, sd)?;
    let sigma = sd * (1.0 - rho * rho).sqrt();
    let half = match n {
        1 => 0.0,
        _ => (0.5 * (n - 1) as f64 * sigma).clamp(WIDTHS.0 * sd, WIDTHS.1 * sd),
    };
    let values = symmetric_nodes(n, half, mean);
    let mut transition = vec![vec![0.0; n]; n];
    for (i, row) in transition.iter_mut().enumerate() {
        if sigma == 0.0 || n == 1 {
            row[i] = 1.0;
            continue;
        }
        // Distances from the conditional mean, in innovation sds.
        let d: Vec<f64> = values
            .iter()
            .map(|x| (x - mean - rho * (values[i] - mean)) / sigma)
            .collect();
        *row = tilted(&d, 2)
            .or_else(|| tilted(&d, 1))
            .unwrap_or_else(|| densities(&d, [0.0; 2]));
    }
    Ok(with_moments(Chain { values, transition }, rho, sd, mean))
}

/// Normal densities at `d`, tilted by `exp(tilt[0] d + tilt[1] (d^2 - 1))`, as probabilities.
fn densities(d: &[f64], tilt: [f64; 2]) -> Vec<f64> {
    let log: Vec<f64> = d
        .iter()
        .map(|d| -0.5 * d * d + tilt[0] * d + tilt[1] * (d * d - 1.0))
        .collect();
    let top = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = log.iter().map(|l| (l - top).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// Probabilities at `d` closest to normal densities (in relative entropy) whose first `moments` (1 or 2) of mean 0 and variance 1 are exact: Newton's
/// method on the convex dual. `None` if there are none.
fn tilted(d: &[f64], moments: usize) -> Option<Vec<f64>> {
    let mut tilt = [0.0; 2];
    for _ in 0..100 {
        let p = densities(d, tilt);
        let mean = |f: &dyn Fn(f64) -> f64| -> f64 { p.iter().zip(d).map(|(p, d)| p * f(*d)).sum() };
        let (a, b) = (mean(&|d| d), mean(&|d| d * d - 1.0));
        let miss = if moments == 1 { a.abs() } else { a.abs().max(b.abs()) };
        if miss < 1e-12 {
            return Some(p);
        }
        let (aa, ab, bb) = (
            mean(&|d| d * d) - a * a,
            mean(&|d| d * (d * d - 1.0)) - a * b,
            mean(&|d| (d * d - 1.0).powi(2)) - b * b,
        );
        let step = if moments == 1 {
            [-a / aa, 0.0]
        } else {
            let det = aa * bb - ab * ab;
            [-(a * bb - b * ab) / det, -(b * aa - a * ab) / det]
        };
        // The second tilt must leave a density that falls; long steps are cut.
        let longest = step[0].abs().max(2.0 * step[1].abs());
        let cut = if longest > 1.0 { 1.0 / longest } else { 1.0 };
        tilt[0] += cut * step[0];
        tilt[1] += cut * step[1];
        if !(tilt[0].is_finite() && tilt[1] < 0.5) {
            return None;
        }
    }
    None
}

fn symmetric_nodes(n: usize, half: f64, mean: f64) -> Vec<f64> {
    (0..n)
        .map(|i| {
            let t = if n > 1 {
                (2 * i) as f64 / fault!("chain.off_by_one", n, n - 1) as f64 - 1.0
            } else {
                0.0
            };
            fault!("chain.mean_lost", half * t, mean + half * t)
        })
        .collect()
}

fn with_moments(chain: Chain, rho: f64, sd: f64, mean: f64) -> Discretised {
    let obtained = chain.moments();
    Discretised {
        chain,
        asked: Moments {
            mean,
            sd,
            autocorrelation: rho,
        },
        obtained,
    }
}

/// Stationary distribution (one probability per state) of a transition matrix `transition[from][to]` (Grassmann, Taksar
/// and Heyman 1985). With several recurrent classes it is the limit of the time averages from a uniform start.
pub fn stationary(transition: &[Vec<f64>]) -> Vec<f64> {
    let n = transition.len();
    if n == 0 {
        return Vec::new();
    }
    if let Some(p) = eliminate(transition) {
        return fault!("chain.stationary", vec![1.0 / n as f64; n], p);
    }
    // Reducible: the lazy chain (P + I) / 2 has the same invariant distributions and no periods.
    let power = far_ahead(transition, 0.5);
    (0..n)
        .map(|j| power.iter().map(|row| row[j]).sum::<f64>() / n as f64)
        .collect()
}

/// Chances `[from][to]` of a transition matrix 2^60 periods ahead, where each state is kept with an additional chance `stays`
/// (by repeated squaring).
pub fn far_ahead(transition: &[Vec<f64>], stays: f64) -> Vec<Vec<f64>> {
    let n = transition.len();
    let mut power: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            (0..n)
                .map(|j| (1.0 - stays) * transition[i][j] + if i == j { stays } else { 0.0 })
                .collect()
        })
        .collect();
    for row in &mut power {
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|x| *x /= sum);
    }
    for _ in 0..60 {
        let mut next = vec![vec![0.0; n]; n];
        for i in 0..n {
            for (k, &a) in power[i].iter().enumerate() {
                if a != 0.0 {
                    for j in 0..n {
                        next[i][j] += a * power[k][j];
                    }
                }
            }
            let sum: f64 = next[i].iter().sum();
            next[i].iter_mut().for_each(|x| *x /= sum);
        }
        power = next;
    }
    power
}

/// The elimination of Grassmann, Taksar and Heyman; `None` if the chain is reducible.
fn eliminate(transition: &[Vec<f64>]) -> Option<Vec<f64>> {
    let n = transition.len();
    let mut a: Vec<Vec<f64>> = transition.to_vec();
    for k in (1..n).rev() {
        let scale: f64 = a[k][..k].iter().sum();
        if scale <= 0.0 {
            return None;
        }
        for row in a.iter_mut().take(k) {
            row[k] /= scale;
        }
        let (upper, lower) = a.split_at_mut(k);
        for row in upper.iter_mut() {
            let factor = row[k];
            for (x, y) in row[..k].iter_mut().zip(&lower[0][..k]) {
                *x += factor * y;
            }
        }
    }
    let mut p = vec![0.0; n];
    p[0] = 1.0;
    for k in 1..n {
        p[k] = (0..k).map(|i| p[i] * a[i][k]).sum();
    }
    let sum: f64 = p.iter().sum();
    if !(sum.is_finite() && sum > 0.0) {
        return None;
    }
    p.iter_mut().for_each(|x| *x /= sum);
    Some(p)
}

/// Transition matrix `[from][to]` of a parent chain of `n` states and a chain of `m` states whose matrix depends on the
/// parent now and next. The joint state is `z * m + e` (`n * m` states, the parent slowest); its probability is
/// `parent[z][z'] * own(z, z')[e][e']`.
pub fn conditional<'a>(parent: &[Vec<f64>], m: usize, own: impl Fn(usize, usize) -> &'a [Vec<f64>]) -> Vec<Vec<f64>> {
    let n = parent.len();
    let mut joint = vec![vec![0.0; n * m]; n * m];
    for z in 0..n {
        for next in 0..n {
            let matrix = own(z, next);
            for (e, row) in matrix.iter().enumerate().take(m) {
                for (f, &p) in row.iter().enumerate().take(m) {
                    joint[z * m + e][next * m + f] = parent[z][next] * p;
                }
            }
        }
    }
    joint
}

/// The number of the state that a uniform number `u` in [0, 1) picks from one row of a transition matrix (one
/// probability per state), by inversion.
pub fn link(row: &[f64], u: f64) -> f64 {
    let mut sum = 0.0;
    for (i, p) in row.iter().enumerate() {
        sum += p;
        if u < sum {
            return i as f64;
        }
    }
    row.iter().rposition(|p| *p > 0.0).unwrap_or(0) as f64
}

/// The number of the state whose value is nearest to `x`; `values` has one value per state.
pub fn nearest(values: &[f64], x: f64) -> usize {
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if (v - x).abs() < (values[best] - x).abs() {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the chain against the normal law they stand for: not only mean and variance, which are built in, but the fourth moment and
    /// `E exp(3 e)` too.
    #[test]
    fn farmer_and_toda_integrate_like_the_normal_law() {
        for rho in [0.0, 0.5, 0.9, 0.95, 0.99] {
            let n = fine_states(rho);
            let d = farmer_toda(n, rho, 1.0, 0.3).unwrap();
            assert!((d.obtained.sd - 1.0).abs() < 2e-3, "{rho}: {:?}", d.obtained);
            assert!(
                (d.obtained.autocorrelation - rho).abs() < 1e-3,
                "{rho}: {:?}",
                d.obtained
            );
            let sigma = (1.0f64 - rho * rho).sqrt();
            let i = n / 2 + n / 6;
            let (x, row) = (&d.chain.values, &d.chain.transition[i]);
            let mean = 0.3 + rho * (x[i] - 0.3);
            let of =
                |f: &dyn Fn(f64) -> f64| -> f64 { row.iter().zip(x).map(|(p, x)| p * f((x - mean) / sigma)).sum() };
            assert!((of(&|e| e)).abs() < 1e-10 && (of(&|e| e * e) - 1.0).abs() < 1e-10);
            assert!((of(&|e| e.powi(4)) - 3.0).abs() < 0.03, "{rho}: {}", of(&|e| e.powi(4)));
            let growth = of(&|e| (sigma * e).exp());
            assert!(
                (growth / (0.5 * sigma * sigma).exp() - 1.0).abs() < 1e-3,
                "{rho}: {growth}"
            );
        }
        let r = rouwenhorst(fine_states(0.95), 0.95, 1.0, 0.0).unwrap();
        let (x, row) = (&r.chain.values, &r.chain.transition[r.chain.values.len() / 2]);
        let fourth: f64 = row.iter().zip(x).map(|(p, x)| p * x.powi(4)).sum::<f64>() / (1.0f64 - 0.9025).powi(2);
        assert!(fourth > 3.5, "Rouwenhorst's jumps have fat tails: {fourth}");
        // Every number of states gives probabilities.
        for n in 1..40 {
            for rho in [-0.9, 0.0, 0.3, 0.97, 0.999] {
                let c = farmer_toda(n, rho, 2.0, 0.0).unwrap().chain;
                assert!(c.transition.iter().flatten().all(|p| (0.0..=1.0).contains(p)));
                assert!(c.transition.iter().all(|r| (r.iter().sum::<f64>() - 1.0).abs() < 1e-12));
            }
        }
    }

    #[test]
    fn rouwenhorst_matches_the_asked_moments_exactly() {
        for (n, rho) in [(2, 0.9), (5, 0.95), (9, 0.99), (7, 0.0), (3, -0.4)] {
            let d = rouwenhorst(n, rho, 0.3, 1.5).unwrap();
            assert!((d.obtained.mean - 1.5).abs() < 1e-12);
            assert!((d.obtained.sd - 0.3).abs() < 1e-12, "{n} {rho} {:?}", d.obtained);
            assert!((d.obtained.autocorrelation - rho).abs() < 1e-12);
        }
        assert_eq!(rouwenhorst(1, 0.5, 0.2, 2.0).unwrap().chain.values, vec![2.0]);
    }

    #[test]
    fn tauchen_reports_the_sd_it_misses() {
        // Aiyagari's seven points at rho .9, sd .4: the obtained sd is far above the asked one.
        let d = tauchen(7, 0.9, 0.4, 0.0, 3.0).unwrap();
        assert!(d.obtained.sd > 0.45, "{:?}", d.obtained);
        let fine = tauchen(401, 0.5, 0.4, 0.0, 5.0).unwrap();
        assert!((fine.obtained.sd - 0.4).abs() < 1e-3);
        assert!((fine.obtained.autocorrelation - 0.5).abs() < 1e-3);
        assert!(tauchen(7, 1.0, 0.4, 0.0, 3.0).is_err());
    }

    #[test]
    fn a_row_that_misses_one_is_named_unless_opted_out() {
        let rows = || vec![vec![0.5, 0.5], vec![0.3, 0.7001]];
        let error = Chain::new(vec![0.0, 1.0], rows(), Rows::Check).unwrap_err();
        assert_eq!(error.to_string(), "row 2 sums to 1.0001, not to 1");
        let kept = Chain::new(vec![0.0, 1.0], rows(), Rows::AsGiven).unwrap();
        assert_eq!(kept.transition[1][1], 0.7001);
        let normal = Chain::new(vec![0.0, 1.0], rows(), Rows::Normalize).unwrap();
        assert!((normal.transition[1].iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert!(Chain::new(vec![0.0], rows(), Rows::Check).is_err());
        assert!(Chain::new(vec![0.0, 1.0], vec![vec![1.5, -0.5], vec![0.0, 1.0]], Rows::Check).is_err());
    }

    #[test]
    fn stationary_distribution_solves_its_equation_and_survives_reducible_chains() {
        let p = vec![vec![0.9, 0.1, 0.0], vec![0.2, 0.5, 0.3], vec![0.0, 0.4, 0.6]];
        let d = stationary(&p);
        for j in 0..3 {
            let flow: f64 = (0..3).map(|i| d[i] * p[i][j]).sum();
            assert!((flow - d[j]).abs() < 1e-15);
        }
        let absorbing = vec![vec![1.0, 0.0], vec![0.1, 0.9]];
        let d = stationary(&absorbing);
        assert!((d[0] - 1.0).abs() < 1e-12);
        let split = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
        assert_eq!(stationary(&split), vec![0.5, 0.5]);
    }

    #[test]
    fn krusell_smith_joint_chain_is_its_conditional_product() {
        let z = vec![vec![0.875, 0.125], vec![0.125, 0.875]];
        let joint: [[f64; 4]; 4] = [
            [0.525, 0.35, 0.03125, 0.09375],
            [0.038889, 0.836111, 0.002083, 0.122917],
            [0.09375, 0.03125, 0.291667, 0.583333],
            [0.009115, 0.115885, 0.024306, 0.850694],
        ];
        let mut blocks = vec![vec![vec![vec![0.0; 2]; 2]; 2]; 2];
        for a in 0..2 {
            for b in 0..2 {
                for e in 0..2 {
                    for f in 0..2 {
                        blocks[a][b][e][f] = joint[a * 2 + e][b * 2 + f];
                    }
                }
                check_rows(&mut blocks[a][b], 2, Rows::Normalize).unwrap();
            }
        }
        let back = conditional(&z, 2, |a, b| &blocks[a][b]);
        for i in 0..4 {
            for j in 0..4 {
                assert!((back[i][j] - joint[i][j]).abs() < 2e-6);
            }
        }
    }
}
