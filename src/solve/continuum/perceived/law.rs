//! The perceived law of a moment: by state of the aggregate chain a line, in logarithms where the moment is never negative.

use serde::{Deserialize, Serialize};

/// `m' = constant(z) + slope(z) m`, or the same of the logarithms of `m`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Law {
    /// The moment.
    pub name: String,
    /// Whether it is the law of logarithms.
    pub logs: bool,
    /// Labels of the aggregate states, one per state.
    pub labels: Vec<String>,
    /// One per aggregate state.
    pub constant: Vec<f64>,
    /// One per aggregate state.
    pub slope: Vec<f64>,
}

/// A law as it was fitted.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// Share of the variance of next period's moment that it explains, one per aggregate state.
    pub r2: Vec<f64>,
    /// Periods in which it was met, one number per aggregate state.
    pub met: Vec<usize>,
}

/// Fewest periods in a state from which a line is fitted.
pub const FEWEST: usize = 3;

impl Law {
    /// The law under which the moment stays.
    pub fn stays(name: &str, logs: bool, labels: Vec<String>) -> Law {
        Law {
            name: name.into(),
            logs,
            constant: vec![0.0; labels.len()],
            slope: vec![1.0; labels.len()],
            labels,
        }
    }

    /// The moment as the law knows it.
    pub fn seen(&self, m: f64) -> f64 {
        if self.logs { m.ln() } else { m }
    }

    /// The moment a period later.
    pub fn next(&self, z: usize, m: f64) -> f64 {
        let line = self.constant[z] + self.slope[z] * self.seen(m);
        if self.logs { line.exp() } else { line }
    }

    /// The law that fits a path best, state by state (least squares): `path` has the moment of each period, `states` the aggregate state;
    /// from period `first` on. A state that is met fewer than [`FEWEST`] times keeps its law.
    pub fn fitted(&self, path: &[f64], states: &[usize], first: usize) -> Fit {
        let mut law = self.clone();
        let mut r2 = vec![f64::NAN; self.constant.len()];
        let mut times = vec![0; self.constant.len()];
        for z in 0..self.constant.len() {
            let met: Vec<(f64, f64)> = (first..path.len().saturating_sub(1))
                .filter(|t| fault!("perceived.states_pooled", true, states[*t] == z))
                .map(|t| (self.seen(path[t]), self.seen(path[t + 1])))
                .collect();
            times[z] = met.len();
            if met.len() < FEWEST {
                continue;
            }
            let n = met.len() as f64;
            let mean = met.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / n, s.1 + p.1 / n));
            let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
            for (x, y) in &met {
                let (x, y) = (x - mean.0, y - mean.1);
                xx += x * x;
                xy += x * y;
                yy += y * y;
            }
            if !(xx > 0.0) {
                continue;
            }
            law.slope[z] = xy / xx;
            law.constant[z] = mean.1 - law.slope[z] * mean.0;
            r2[z] = if yy > 0.0 { xy * xy / (xx * yy) } else { 1.0 };
        }
        Fit { law, r2, met: times }
    }

    /// The largest difference of what two laws forecast at two moments, in logarithms or as a share of the moments' size.
    pub fn apart(&self, other: &Law, at: [f64; 2]) -> f64 {
        let size = if self.logs {
            1.0
        } else {
            at[0].abs().max(at[1].abs()).max(1e-12)
        };
        let mut worst: f64 = 0.0;
        for z in 0..self.constant.len() {
            for m in at {
                let x = self.seen(m);
                let gap = (self.constant[z] - other.constant[z]) + (self.slope[z] - other.slope[z]) * x;
                worst = if gap.is_finite() {
                    worst.max(gap.abs() / size)
                } else {
                    f64::INFINITY
                };
            }
        }
        worst
    }

    /// Goes `share` of the way to another law.
    pub fn towards(&mut self, other: &Law, share: f64) {
        for (own, to) in [(&mut self.constant, &other.constant), (&mut self.slope, &other.slope)] {
            own.iter_mut().zip(to).for_each(|(x, y)| *x += share * (y - *x));
        }
    }
}

/// How well a law forecasts far ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Largest error, a share of the moment.
    pub largest: f64,
    /// Mean error, a share of the moment.
    pub mean: f64,
}

/// Den Haan's (2010, *Journal of Economic Dynamics and Control* 34) dynamic forecast error: the law is iterated by itself along the
/// aggregate states, from the moment of period `first` on, and never told what the moment became. `path` and `states` have one
/// entry per period.
pub fn forecast(law: &Law, path: &[f64], states: &[usize], first: usize) -> Forecast {
    let mut out = Forecast::default();
    let Some(mut told) = path.get(first).copied() else {
        return Forecast {
            largest: f64::NAN,
            mean: f64::NAN,
        };
    };
    let size = match law.logs {
        true => 1.0,
        false => path[first..].iter().map(|m| m.abs()).sum::<f64>() / (path.len() - first) as f64,
    };
    let steps = path.len() - first - 1;
    for t in first..path.len() - 1 {
        told = law.next(states[t], told);
        let gap = (law.seen(told) - law.seen(path[t + 1])).abs() / size;
        // What is not a number is no small error.
        let gap = if gap.is_nan() { f64::INFINITY } else { gap };
        out.largest = out.largest.max(gap);
        out.mean += gap / steps.max(1) as f64;
    }
    out
}

/// What members expect of their mean, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Perceived {
    /// The laws, one per moment.
    pub laws: Vec<Law>,
    /// Names of the aggregate shocks.
    pub shocks: Vec<String>,
    /// Means that the aggregate state determines: names, and values by aggregate state.
    pub determined: Vec<(String, Vec<f64>)>,
    /// Share of the variance of each moment a period ahead that its law explains, by aggregate state: `[moment][state]`.
    pub r2: Vec<Vec<f64>>,
    /// Mean and standard deviation of each moment along the path.
    pub moments: Vec<(f64, f64)>,
    /// How the law forecasts the path to which it was fitted, one per moment.
    pub fitted: Vec<Forecast>,
    /// Rounds that were taken.
    pub rounds: usize,
    /// By how much the fitted law still differs from the perceived one, as a share of the moment.
    pub moved: f64,
    /// Periods of the path, and those left out.
    pub periods: (usize, usize),
    /// Nodes of the state of the distribution at the end of the path, with the mass at each, all mass being 1.
    pub distribution: Vec<(f64, f64)>,
    /// The name of that state.
    pub state: String,
    /// Largest mass at the highest node along the path.
    pub top: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law() -> Law {
        Law {
            constant: vec![0.1, 0.2],
            slope: vec![0.9, 0.8],
            ..Law::stays("K", true, vec!["bad".into(), "good".into()])
        }
    }

    fn path(law: &Law, n: usize) -> (Vec<f64>, Vec<usize>) {
        let states: Vec<usize> = (0..n).map(|t| usize::from(t % 7 > 3)).collect();
        let mut path = vec![2.0];
        for t in 0..n - 1 {
            path.push(law.next(states[t], path[t]));
        }
        (path, states)
    }

    #[test]
    fn a_path_gives_its_law_back_and_its_law_forecasts_it() {
        let law = law();
        let (path, states) = path(&law, 200);
        let fit = Law::stays("K", true, law.labels.clone()).fitted(&path, &states, 0);
        assert!(fit.law.apart(&law, [1.5, 3.0]) < 1e-10, "{:?}", fit.law);
        assert!(fit.r2.iter().all(|r| (r - 1.0).abs() < 1e-9));
        assert!(forecast(&law, &path, &states, 10).largest < 1e-12);
    }

    #[test]
    fn a_small_error_of_a_slope_adds_up_in_the_dynamic_forecast_while_r2_hardly_moves() {
        let law = law();
        let (path, states) = path(&law, 400);
        let mut off = law.clone();
        off.slope[0] += 0.01;
        let one = (off.next(0, path[50]).ln() - law.next(0, path[50]).ln()).abs();
        let many = forecast(&off, &path, &states, 10);
        assert!(many.largest > 3.0 * one && many.mean <= many.largest, "{one} {many:?}");
    }

    #[test]
    fn halfway_to_another_law_is_half_as_far_from_it() {
        let (mut a, b) = (Law::stays("K", false, vec![String::new(); 2]), law());
        let b = Law { logs: false, ..b };
        let before = a.apart(&b, [1.0, 2.0]);
        a.towards(&b, 0.5);
        assert!((a.apart(&b, [1.0, 2.0]) - 0.5 * before).abs() < 1e-12);
        assert!(
            a.apart(
                &Law {
                    constant: vec![f64::NAN; 2],
                    ..b
                },
                [1.0, 2.0]
            )
            .is_infinite()
        );
    }
}
