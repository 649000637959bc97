//! Moments under the solution: of shocks beside those of their chains, of states, actions and the reward. They inform.

use super::{Bench, Certificate, Moving, Proof, SeriesMoments};
use crate::chance::chain;
use crate::diag::Diagnostic;
use crate::num::statistics;

/// Moments of what was simulated.
pub struct Moments;

impl Proof for Moments {
    fn measure(&self, bench: &Bench, out: &mut Certificate) {
        let (spec, played, paths) = (bench.bellman.problem.spec(), bench.played, bench.paths);
        out.burn_in = bench.options.burn_in;
        let mut push = |name: &str, x: &[f64], chain: Option<(f64, f64, f64)>| {
            let by_path = (0..paths).map(|p| {
                let own: Vec<f64> = x.iter().skip(p).step_by(paths).copied().collect();
                statistics::autocorrelation(&own)
            });
            out.moments.push(SeriesMoments {
                name: name.into(),
                mean: statistics::mean(x),
                sd: statistics::sd(x),
                autocorrelation: by_path.sum::<f64>() / paths as f64,
                min: x.iter().copied().fold(f64::INFINITY, f64::min),
                max: x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                chain,
            });
        };
        for (s, name) in spec.chain.names.iter().enumerate() {
            let values: Vec<f64> = spec.chain.values.iter().map(|v| v[s]).collect();
            let x: Vec<f64> = played.times.iter().map(|at| values[at.shock]).collect();
            let exact = chain::Chain {
                values,
                transition: spec.chain.transition.clone(),
            }
            .moments();
            push(name, &x, Some((exact.mean, exact.sd, exact.autocorrelation)));
        }
        for (state, x) in spec.states.iter().zip(&played.states) {
            push(&state.name, x, None);
        }
        for (action, x) in spec.actions.iter().zip(&played.actions) {
            push(&action.name, x, None);
        }
        push("reward", &played.reward, None);
        if spec.horizon.is_none() {
            let states = spec.states.iter().zip(&played.states);
            let burn = bench.options.burn_in;
            out.moving = states
                .filter_map(|(state, x)| moving(&state.name, x, paths, burn))
                .collect();
        }
    }

    fn verdict(&self, c: &Certificate) -> Option<Diagnostic> {
        let first = c.moving.first()?;
        let periods = c.burn_in.max(100) * 20;
        let mut d = Diagnostic::warning("W0974", "lives have not come to rest when they are counted");
        for m in &c.moving {
            d = d.note(format!(
                "{}: mean {:.6} in the first half of the periods, {:.6} in the second",
                m.name, m.first, m.second
            ));
        }
        let rests =
            "the moments are those of a way, not of where it leads, and what was judged is what lives visit until then";
        d = d.note(rests);
        Some(d.hint(format!(
            "count later: `solve {{ burn_in = {periods} }}`, with a grid that reaches as far as {} then goes",
            first.name
        )))
    }
}

/// Shares of the standard deviation, and of the mean, below which a difference of two halves is none; standard errors beyond which it is
/// no chance, and beyond which a state so persistent that it forgets its start in no less than half of what is not counted is doubted.
const OF_SPREAD: f64 = 0.1;
const OF_MEAN: f64 = 1e-3;
const BEYOND_CHANCE: f64 = 4.5;
const DOUBTED: f64 = 2.5;

/// Whether a state still moves: its mean in the first half of the periods against that in the second, each path one draw of the
/// difference. `x` runs over period x path, paths fastest; `burn` periods before are not in it.
fn moving(name: &str, x: &[f64], paths: usize, burn: usize) -> Option<Moving> {
    let half = x.len() / paths / 2;
    if half == 0 {
        return None;
    }
    let mean_of =
        |from: usize, path: usize| (from..from + half).map(|t| x[t * paths + path]).sum::<f64>() / half as f64;
    let halves: Vec<(f64, f64)> = (0..paths).map(|p| (mean_of(0, p), mean_of(half, p))).collect();
    let apart: Vec<f64> = halves.iter().map(|(a, b)| b - a).collect();
    let (mean, error) = (statistics::mean(&apart), statistics::sd(&apart) / (paths as f64).sqrt());
    let first = statistics::mean(&halves.iter().map(|h| h.0).collect::<Vec<f64>>());
    let second = statistics::mean(&halves.iter().map(|h| h.1).collect::<Vec<f64>>());
    let matters = mean.abs() > OF_SPREAD * statistics::sd(x) && mean.abs() > OF_MEAN * first.abs().max(second.abs());
    let own = |p: usize| -> Vec<f64> { x.iter().skip(p).step_by(paths).copied().collect() };
    let last = (0..paths).map(|p| statistics::autocorrelation(&own(p))).sum::<f64>() / paths as f64;
    let slow = (1.0 - last) * burn as f64 <= 2.0;
    let least = if slow { DOUBTED } else { BEYOND_CHANCE };
    (matters && mean.abs() > least * error).then(|| Moving {
        name: name.into(),
        first,
        second,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_still_moves_is_told_from_chance() {
        let paths = 32;
        let mut draw = 7u64;
        let mut noise = || {
            draw = draw.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (draw >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let mut x = vec![1.0; paths];
        let mut rest = Vec::new();
        let mut rises = Vec::new();
        for t in 0..400 {
            for p in x.iter_mut() {
                *p = 0.9 * *p + noise();
                rest.push(*p);
                rises.push(*p + 0.01 * t as f64);
            }
        }
        assert_eq!(moving("k", &rest[200 * paths..], paths, 200).map(|m| m.name), None);
        assert!(moving("k", &rises, paths, 200).is_some());
        // One life, seen many times, that came to rest.
        assert!(moving("k", &vec![3.0; 400 * paths], paths, 200).is_none());
    }
}
