//! The perceived law of a moment: by state of the aggregate chain a line, in logarithms where the moment is never negative.
//!
//! A mean of states is known a period ahead, and its law has one line for each state. A price that clears is not: what it will be depends on
//! what the aggregate state will be, and its law has one line for each step of the chain, from one state to the next.

use crate::num::statistics;
use serde::{Deserialize, Serialize};

/// `m' = constant(z) + slope(z) m`, or the same of the logarithms of `m`; with lines by step, `constant(z, z')` and `slope(z, z')`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Law {
    /// The moment.
    pub name: String,
    /// Whether it is the law of logarithms.
    pub logs: bool,
    /// Labels of the lines, one per line: those of the aggregate states, or of steps from one to the next, next states fastest; empty for steps
    /// that are never taken.
    pub labels: Vec<String>,
    /// One per line.
    pub constant: Vec<f64>,
    /// One per line.
    pub slope: Vec<f64>,
    /// Number of aggregate states, where there is a line for each step from one to the next; 0 where there is a line for each state.
    #[serde(default)]
    pub steps: usize,
    /// Whether slopes are 0: the aggregate state alone forecasts.
    #[serde(default)]
    pub flat: bool,
    /// For each line the group of lines in whose place it stands where it is hardly ever met, from the smallest groups to the largest.
    #[serde(default)]
    pub coarser: Vec<Vec<usize>>,
}

/// A law as it was fitted.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// Share of the variance of next period's moment that it explains, one per line.
    pub r2: Vec<f64>,
    /// Periods in which it was met, one number per line.
    pub met: Vec<usize>,
}

/// Fewest periods in a state from which a line is fitted.
pub const FEWEST: usize = 3;
/// Fewest periods in a state of the aggregate chain from which its law is believed.
pub const RARELY: usize = 20;
/// Standard deviation of a price on a line, a share of it (of logarithms: of 1), below which no slope can be told.
const STILL: f64 = 1e-7;

impl Law {
    /// The law under which the moment stays.
    pub fn stays(name: &str, logs: bool, labels: Vec<String>) -> Law {
        Law {
            name: name.into(),
            logs,
            constant: vec![0.0; labels.len()],
            slope: vec![1.0; labels.len()],
            labels,
            steps: 0,
            flat: false,
            coarser: Vec::new(),
        }
    }

    /// The law under which a price stays, whatever the step from one of the `states` (their labels) to the next.
    pub fn price_stays(name: &str, logs: bool, states: &[String]) -> Law {
        let labels = states
            .iter()
            .flat_map(|from| states.iter().map(move |to| format!("{from} -> {to}")));
        Law {
            steps: states.len(),
            ..Law::stays(name, logs, labels.collect())
        }
    }

    /// Number of aggregate states.
    pub fn states(&self) -> usize {
        if self.steps > 0 {
            self.steps
        } else {
            self.constant.len()
        }
    }

    /// The line that holds from aggregate state `z` to `later`.
    pub fn line(&self, z: usize, later: usize) -> usize {
        if self.steps > 0 { z * self.steps + later } else { z }
    }

    /// The moment as the law knows it.
    pub fn seen(&self, m: f64) -> f64 {
        if self.logs { m.ln() } else { m }
    }

    /// The moment a period later, from aggregate state `z` to `later`.
    pub fn next(&self, (z, later): (usize, usize), m: f64) -> f64 {
        let line = self.line(z, later);
        let line = self.constant[line] + self.slope[line] * self.seen(m);
        if self.logs { line.exp() } else { line }
    }

    /// The law that fits a path best, state by state (least squares): `path` has the moment of each period, `states` the aggregate state;
    /// from period `first` on. A state that is met fewer than [`FEWEST`] times keeps its law.
    pub fn fitted(&self, path: &[f64], states: &[usize], first: usize) -> Fit {
        let mut law = self.clone();
        let mut r2 = vec![f64::NAN; self.constant.len()];
        let mut times = vec![0; self.constant.len()];
        // Periods in which each line holds, or one of its group.
        let sorted = |number: &dyn Fn(usize) -> usize| -> Vec<Vec<usize>> {
            let mut out = vec![Vec::new(); self.constant.len()];
            for t in first..path.len().saturating_sub(1) {
                let line = self.line(states[t], states[t + 1]);
                let own = number(line);
                for z in fault!("perceived.states_pooled", 0..self.constant.len(), own..own + 1) {
                    out[z].push(t);
                }
            }
            out
        };
        let of_line = sorted(&|line| line);
        let of_groups: Vec<Vec<Vec<usize>>> = self.coarser.iter().map(|g| sorted(&|line| g[line])).collect();
        let taken = |z: &usize| self.steps == 0 || !self.labels[*z].is_empty();
        for z in (0..self.constant.len()).filter(taken) {
            let mut own = &of_line[z];
            for (groups, of_group) in self.coarser.iter().zip(&of_groups) {
                if own.len() >= RARELY {
                    break;
                }
                own = &of_group[groups[z]];
            }
            let met: Vec<(f64, f64)> = own
                .iter()
                .map(|t| (self.seen(path[*t]), self.seen(path[*t + 1])))
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
            // A moment that does not move has no slope.
            let still = match self.steps {
                0 => 0.0,
                _ => n * (STILL * mean.0.abs().max(1.0)).powi(2),
            };
            if !(xx > still) || self.flat {
                if self.steps > 0 {
                    (law.slope[z], law.constant[z]) = (0.0, mean.1);
                    r2[z] = if yy > n * (STILL * mean.1.abs().max(1.0)).powi(2) {
                        0.0
                    } else {
                        1.0
                    };
                }
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
        self.apart_at(other, &vec![at; self.constant.len()])
    }

    /// The same, `at` having two moments for each line.
    pub fn apart_at(&self, other: &Law, at: &[[f64; 2]]) -> f64 {
        let mut worst: f64 = 0.0;
        for (z, at) in at.iter().enumerate() {
            let size = if self.logs {
                1.0
            } else {
                at[0].abs().max(at[1].abs()).max(1e-12)
            };
            for m in at {
                let x = self.seen(*m);
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

    /// Where the moment is most of the time when a line holds, two values per line: its mean less and plus two standard deviations. `path` and
    /// `states` have one entry per period. Lines by state are not told apart.
    pub fn places(&self, path: &[f64], states: &[usize]) -> Vec<[f64; 2]> {
        let ends = |own: &[f64]| {
            let (mean, sd) = (statistics::mean(own), statistics::sd(own));
            [mean - 2.0 * sd, mean + 2.0 * sd]
        };
        let all = ends(path);
        let of = |z: usize| -> [f64; 2] {
            let own: Vec<f64> = path.iter().zip(states).filter(|p| *p.1 == z).map(|p| *p.0).collect();
            if own.len() > 1 { ends(&own) } else { all }
        };
        if self.steps == 0 {
            return vec![all; self.constant.len()];
        }
        (0..self.steps)
            .flat_map(|z| std::iter::repeat_n(of(z), self.steps))
            .collect()
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
        told = law.next((states[t], states[t + 1]), told);
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
    /// Of a price that clears: each aggregate state with the mean and the standard deviation of the price in it and its share of periods. Empty for
    /// means.
    #[serde(default)]
    pub prices: Vec<(String, f64, f64, f64)>,
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
            path.push(law.next((states[t], states[t + 1]), path[t]));
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
        let one = (off.next((0, 0), path[50]).ln() - law.next((0, 0), path[50]).ln()).abs();
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
