//! One random economy: what the program says, against its enumeration.

use super::economy::Economy;
use super::program;
use program::Model;
use program::driver;
use program::env::cast::Behaviour;
use program::env::simulate;
use program::num::statistics;
use program::solve::problem::ActionKind;
use program::solve::progress::silent;
use program::solve::solution::Solution;

/// How far values may be from the enumeration, in units of one plus the largest.
const VALUES: f64 = 1e-9;
/// How many standard errors simulated means may be away.
const ERRORS: f64 = 4.0;
/// Simulations of a comparison; a miss is repeated with ten times as many, and other seeds.
const BATCHES: u64 = 24;
/// Worlds of a simulation.
const WORLDS: usize = 16;
/// Periods of a simulation without a horizon.
const PERIODS: usize = 50;

/// What came of an economy.
#[derive(Debug)]
pub enum Verdict {
    /// Everything agrees; the largest distance of a value.
    Right(f64),
    /// The program refuses to solve it.
    Refused(String),
    /// Something differs.
    Wrong(String),
}

/// Solves and simulates an economy and compares it with `right` (itself, unless the judge is to be judged).
pub fn verdict(economy: &Economy, right: &Economy) -> Verdict {
    let (model, d) = program::compile(&economy.text(), &program::Options::default());
    let Some(model) = model else {
        return Verdict::Refused(format!("{d:?}"));
    };
    let options = driver::Request {
        seed: 1,
        ..driver::Request::default()
    };
    let solution = match driver::solve(&model, &options, &mut silent) {
        Ok(s) => s.solution,
        Err(d) => return Verdict::Refused(format!("{d:?}")),
    };
    let told = values(right, &solution).and_then(|off| {
        simulated(right, &model, &solution, 1, BATCHES)
            .or_else(|_| simulated(right, &model, &solution, 1 << 20, 10 * BATCHES))?;
        Ok(off)
    });
    match told {
        Ok(off) => Verdict::Right(off),
        Err(fault) => Verdict::Wrong(fault),
    }
}

/// Where `[x][y][z]` stands in the arrays of a solution. A state, or the chain, may be left out where nothing depends on it: then the
/// right values must not depend on it either.
fn places(e: &Economy, s: &Solution) -> Vec<usize> {
    let (ny, nz) = (e.ny.unwrap_or(1), e.chain.as_ref().map_or(1, |c| c.0.len()));
    let has = |name: &str| s.states.iter().any(|x| x.name == name);
    let (has_x, has_y, has_z) = (has("a.x"), has("a.y"), !s.chain.names.is_empty());
    let (my, mz) = (if has_y { ny } else { 1 }, if has_z { nz } else { 1 });
    (0..e.nx * ny * nz)
        .map(|k| {
            let (x, y, z) = (k / (ny * nz), k / nz % ny, k % nz);
            let x = if has_x { x } else { 0 };
            (x * my + if has_y { y } else { 0 }) * mz + if has_z { z } else { 0 }
        })
        .collect()
}

/// The largest distance of a value, or where it is too large.
fn values(e: &Economy, s: &Solution) -> Result<f64, String> {
    let right = e.values();
    let places = places(e, s);
    if e.horizon.is_some() && s.periods != right.len() {
        return Err(format!("{} periods", s.periods));
    }
    let mut off: f64 = 0.0;
    for (t, values) in right.iter().enumerate() {
        let found = s.period(&s.value, t);
        let size = 1.0 + values.iter().fold(0.0, |m, v| f64::max(m, v.abs()));
        for (k, (v, at)) in values.iter().zip(&places).enumerate() {
            let f = found.get(*at).copied().unwrap_or(f64::NAN);
            if !((f - v).abs() <= VALUES * size) {
                return Err(format!("period {t}, place {k} of x, y, z: {f}, right {v}"));
            }
            off = off.max((f - v).abs() / size);
        }
    }
    Ok(off)
}

/// Whether simulated means are those of the solution's policy in the enumerated economy.
fn simulated(e: &Economy, model: &Model, s: &Solution, seed: u64, batches: u64) -> Result<(), String> {
    let places = places(e, s);
    let number = |t: usize, k: usize| s.period(&s.policy[0], t)[places[k]];
    let choice = |t: usize, k: usize| -> usize {
        let values: &[f64] = match &s.actions[0].kind {
            ActionKind::Finite { values, .. } => values,
            ActionKind::Continuous => &[],
        };
        values.iter().position(|v| *v == number(t, k)).unwrap_or(usize::MAX)
    };
    let periods = e.horizon.map_or(PERIODS, |h| 2 * h);
    let right = e.means(periods, &choice);
    let mut means: Vec<Vec<f64>> = vec![Vec::new(); right.len()];
    let behaviour = Behaviour::Solved(std::sync::Arc::new(s.clone()));
    for batch in 0..batches {
        let options = simulate::SimulationOptions {
            scenario: None,
            periods: Some(periods),
            worlds: WORLDS,
            seed: seed + batch,
            on_chain: false,
            greedy: false,
        };
        let run = simulate::simulate(model, &behaviour.clone().into(), &options, &mut |_, _| true)
            .map_err(|d| format!("simulation: {d:?}"))?;
        for ((name, _), all) in right.iter().zip(&mut means) {
            let of = run.moments.iter().find(|m| m.name == *name);
            all.push(of.map(|m| m.mean).ok_or_else(|| format!("no moments of {name}"))?);
        }
    }
    for ((name, want), all) in right.iter().zip(&means) {
        let (mean, error) = (statistics::mean(all), statistics::sd(all) / (all.len() as f64).sqrt());
        if !((mean - want).abs() <= ERRORS * error + 1e-9 * (1.0 + want.abs())) {
            return Err(format!(
                "mean of {name}: {mean} with standard error {error}, right {want}"
            ));
        }
    }
    Ok(())
}
