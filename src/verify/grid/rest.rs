//! Whether simulated lives have come to rest, and how exact moments of what was seen are.
//!
//! A life that has come to rest forgets where it was many times over while it is counted: the means of the two halves of one life then differ by
//! little of what it scatters by. Halves of all lives together tell less: a slow random walk moves every life far and their mean hardly at all.
//! With `D` the mean over lives of half the squared difference of its halves' means and `W` that of the variance within a life, an AR(1)
//! with coefficient `rho` counted for `n` periods has `D / W` of about `4 / (n (1 - rho))` where that is small, and a random walk has 1. (Gelman and Rubin 1992
//! compare lives with one another in this way; that would also blame lives that differ for ever, as types do.)

use super::Moving;
use super::simulated::Simulated;
use crate::chance::chain::Chain;
use crate::num::statistics;
use crate::solve::problem::Spec;

/// Largest `D / W` of a life that forgets where it was often enough.
const SLOW: f64 = 0.2;
/// Periods that must be counted for each that the memory of a chain of shocks lasts.
const MEMORIES: f64 = 16.0;
/// Autocorrelation of a chain that never leaves where it begins.
const NEVER: f64 = 1.0 - 1e-9;
/// Movements of a life that are this share of its size and less are none.
const NOTHING: f64 = 1e-5;
/// Shares of the standard deviation, and of the mean, below which a difference of two halves of all lives is none.
const OF_SPREAD: f64 = 0.1;
const OF_MEAN: f64 = 1e-3;
/// Standard errors beyond which a difference of halves is no chance, and beyond which that of a state so persistent that it forgets its start in no
/// less than half of what is not counted is doubted.
const BEYOND_CHANCE: f64 = 4.5;
const DOUBTED: f64 = 2.5;
/// Parts of a single life whose means are taken as draws.
const PARTS: usize = 20;

/// Whether all states have come to rest, and shocks were seen for long enough to have been everywhere.
pub fn is_at_rest(played: &Simulated, spec: &Spec, paths: usize) -> bool {
    moving(played, spec, paths, false).is_empty()
}

/// What has not come to rest; with `as_asked` only states whose halves differ by more than chance explains.
pub fn moving(played: &Simulated, spec: &Spec, paths: usize, as_asked: bool) -> Vec<Moving> {
    let periods = played.times.len() / paths.max(1);
    let states = spec.states.iter().zip(&played.states);
    let mut out: Vec<Moving> = states
        .filter_map(|(state, x)| {
            let halves = Halves::of(x, paths)?;
            let told = halves.moved(x, paths, played.before);
            let memory = if told || as_asked { None } else { halves.memory() };
            (told || memory.is_some()).then(|| Moving {
                name: state.name.clone(),
                first: halves.first,
                second: halves.second,
                memory,
            })
        })
        .collect();
    // Where lives end they begin again before their shocks have been everywhere.
    if as_asked || spec.ends {
        return out;
    }
    for (s, name) in spec.chain.names.iter().enumerate() {
        let values: Vec<f64> = spec.chain.values.iter().map(|v| v[s]).collect();
        let x: Vec<f64> = played.times.iter().map(|at| values[at.shock]).collect();
        let transition = spec.chain.transition.clone();
        let rho = Chain { values, transition }.moments().autocorrelation;
        let memory = 1.0 / (1.0 - rho);
        if let Some(halves) = Halves::of(&x, paths)
            && rho < NEVER
            && (periods as f64) < MEMORIES * memory
        {
            out.push(Moving {
                name: name.clone(),
                first: halves.first,
                second: halves.second,
                memory: Some(memory),
            });
        }
    }
    out
}

/// Halves of the periods of each life.
struct Halves {
    /// Periods of a half.
    length: usize,
    /// Mean of all lives' first halves, and of their second.
    first: f64,
    second: f64,
    /// By how much the second half's mean exceeds the first's, one number per life.
    apart: Vec<f64>,
    /// Mean variance within a life.
    within: f64,
    /// Mean first autocorrelation of a life.
    last: f64,
}

impl Halves {
    /// Of `x`, which runs over period x path, paths fastest; `None` for fewer than two periods.
    fn of(x: &[f64], paths: usize) -> Option<Halves> {
        let length = x.len() / paths.max(1) / 2;
        if length == 0 {
            return None;
        }
        let (mut within, mut last) = (0.0, 0.0);
        let halves: Vec<(f64, f64)> = (0..paths)
            .map(|p| {
                let own = life(x, p, paths);
                within += statistics::sd(&own).powi(2) / paths as f64;
                last += statistics::autocorrelation(&own) / paths as f64;
                (
                    statistics::mean(&own[..length]),
                    statistics::mean(&own[length..2 * length]),
                )
            })
            .collect();
        let mean = |of: fn(&(f64, f64)) -> f64| halves.iter().map(of).sum::<f64>() / paths as f64;
        Some(Halves {
            length,
            first: mean(|h| h.0),
            second: mean(|h| h.1),
            apart: halves.iter().map(|(a, b)| b - a).collect(),
            within,
            last,
        })
    }

    fn size(&self) -> f64 {
        self.first.abs().max(self.second.abs())
    }

    /// Whether the mean of all lives differs between the halves by more than chance explains, each life one draw of the difference; `before` periods
    /// are not in `x`.
    fn moved(&self, x: &[f64], paths: usize, before: usize) -> bool {
        let mean = statistics::mean(&self.apart);
        let error = statistics::sd(&self.apart) / (paths as f64).sqrt();
        let matters = mean.abs() > OF_SPREAD * statistics::sd(x) && mean.abs() > OF_MEAN * self.size();
        let slow = (1.0 - self.last) * before as f64 <= 2.0;
        matters && mean.abs() > if slow { DOUBTED } else { BEYOND_CHANCE } * error
    }

    /// In how many periods a life forgets where it was, where that is too many: for an AR(1) exact where lives are long, too few where they are short.
    fn memory(&self) -> Option<f64> {
        let moved = self.apart.iter().map(|d| 0.5 * d * d).sum::<f64>() / self.apart.len() as f64;
        let slow = moved > SLOW * self.within && moved.sqrt() > NOTHING * self.size();
        slow.then(|| 0.5 * self.length as f64 * moved / self.within)
    }
}

/// Values of one life in their order.
fn life(x: &[f64], p: usize, paths: usize) -> Vec<f64> {
    x.iter().skip(p).step_by(paths).copied().collect()
}

/// Standard errors of the mean and of the standard deviation of all values `x` of `lives` (in any order). Lives are independent of one another, however
/// slowly each of them moves, so by how much they differ says it; a single life is cut into parts instead. Both are ratios, of sums to the number of
/// periods, which may be chance as well (linearised: Cochran 1977, *Sampling Techniques*, section 6.4).
pub fn standard_errors(x: &[f64], lives: &[Vec<f64>]) -> (f64, f64) {
    let (mean, sd) = (statistics::mean(x), statistics::sd(x));
    let draws: Vec<&[f64]> = match lives {
        [one] => one.chunks_exact((one.len() / PARTS).max(1)).collect(),
        _ => lives.iter().map(Vec::as_slice).collect(),
    };
    let many = draws.len() as f64;
    let length = draws.iter().map(|own| own.len() as f64).sum::<f64>() / many;
    let error = |of: &dyn Fn(f64) -> f64| {
        let apart: Vec<f64> = draws
            .iter()
            .map(|own| own.iter().map(|v| of(*v)).sum::<f64>() / length)
            .collect();
        statistics::sd(&apart) / many.sqrt()
    };
    let variance = error(&|v| (v - mean) * (v - mean) - sd * sd);
    (error(&|v| v - mean), if sd > 0.0 { 0.5 * variance / sd } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::normal;
    use crate::num::random::Key;

    const PATHS: usize = 32;

    /// Lives of `x' = rho x + drift + e` from zero, with normal `e` of sd 1: `periods` of them after `before`.
    fn lives(rho: f64, drift: f64, seed: u64, (before, periods): (usize, usize)) -> Vec<f64> {
        let key = Key::new(seed, 9);
        let mut x = vec![0.0; PATHS];
        let mut out = Vec::new();
        for t in 0..before + periods {
            for (p, x) in x.iter_mut().enumerate() {
                *x = rho * *x + drift + normal::quantile(key.uniform(t as u64, p as u64).max(1e-12));
            }
            if t >= before {
                out.extend(&x);
            }
        }
        out
    }

    fn by_life(x: &[f64]) -> Vec<Vec<f64>> {
        (0..PATHS).map(|p| life(x, p, PATHS)).collect()
    }

    #[test]
    fn a_drift_is_told_from_chance() {
        let rest = lives(0.9, 0.0, 7, (200, 400));
        let halves = Halves::of(&rest, PATHS).expect("halves");
        assert!(!halves.moved(&rest, PATHS, 200) && halves.memory().is_none());
        let mut rises = rest;
        rises
            .iter_mut()
            .enumerate()
            .for_each(|(k, x)| *x += 0.01 * (k / PATHS) as f64);
        assert!(Halves::of(&rises, PATHS).expect("halves").moved(&rises, PATHS, 200));
        let still = vec![3.0; 400 * PATHS];
        let halves = Halves::of(&still, PATHS).expect("halves");
        assert!(!halves.moved(&still, PATHS, 200) && halves.memory().is_none());
    }

    #[test]
    fn what_forgets_too_slowly_for_the_periods_counted_is_not_at_rest() {
        for seed in 1..6 {
            let slow = |rho: f64, lengths| {
                Halves::of(&lives(rho, 0.0, seed, lengths), PATHS)
                    .expect("halves")
                    .memory()
            };
            assert_eq!(slow(0.9, (200, 400)), None);
            assert_eq!(slow(0.95, (400, 800)), None);
            for (rho, lengths) in [(0.99, (200, 400)), (0.999, (1600, 3200)), (1.0, (6400, 6400))] {
                assert!(slow(rho, lengths).is_some(), "{rho} seed {seed}");
            }
            let long = slow(0.999, (6000, 6000)).expect("slow");
            assert!((500.0..1500.0).contains(&long), "{long}");
            // Lives that differ for ever, and move around their own mean only, are at rest.
            let mut types = lives(0.5, 0.0, seed, (200, 400));
            types
                .iter_mut()
                .enumerate()
                .for_each(|(k, x)| *x += 100.0 * (k % PATHS) as f64);
            assert!(Halves::of(&types, PATHS).expect("halves").memory().is_none());
        }
    }

    #[test]
    fn standard_errors_hold_for_slow_series() {
        for (rho, lengths) in [(0.99f64, (1000, 1000)), (0.999, (8000, 4000))] {
            let true_sd = 1.0 / (1.0 - rho * rho).sqrt();
            let (mut means, mut sds) = (Vec::new(), Vec::new());
            for seed in 1..25 {
                let x = lives(rho, 0.0, seed, lengths);
                let e = standard_errors(&x, &by_life(&x));
                means.push(statistics::mean(&x) / e.0);
                sds.push((statistics::sd(&x) - true_sd) / e.1);
            }
            // Errors over their standard errors have a standard deviation of one, up to chance and the few lives.
            for z in [&means, &sds] {
                let size = (z.iter().map(|x| x * x).sum::<f64>() / z.len() as f64).sqrt();
                assert!((0.6..1.5).contains(&size), "rho {rho}: {size}");
            }
        }
        // One life alone.
        let one: Vec<f64> = lives(0.5, 0.0, 3, (100, 20_000)).into_iter().step_by(PATHS).collect();
        let e = standard_errors(&one, std::slice::from_ref(&one)).0;
        let right = (1.0 / (1.0 - 0.5f64)) / (one.len() as f64).sqrt();
        assert!((e / right - 1.0).abs() < 0.5, "{e} {right}");
    }
}
