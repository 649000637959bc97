//! Cross-checks that any solved model goes through: what the program says of one thing in two places that share little.
//!
//! `returns` compares what simulated lives earn with the value that the solution promises where they start, in standard errors; `moments` the
//! moments of the chain, exact by its stationary law, with those of simulated paths; `verdict` asks whether what `econc verify` prints
//! lets a wrong policy do better than the exact one (E0932).

use super::learners;
use crate::check::Model;
use crate::driver::Solved;
use crate::env::cast::Behaviour;
use crate::env::simulate::{SimulationOptions as Play, simulate};
use crate::num::statistics;
use crate::verify::world::play::play;
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::value::Value;
use crate::verify::world::{self};

/// A cross-check: what is wrong, if anything.
type Check = fn(&Model, &Solved) -> Option<String>;

/// All, by name.
pub(super) const CHECKS: &[(&str, Check)] = &[
    ("returns", returns),
    ("moments", moments),
    ("verdict", learners::better_than_exact),
];

/// Lives simulated.
const LIVES: usize = 1000;
/// Standard errors that chance may make up.
const ERRORS: f64 = 5.0;
/// Share of a value that grids may make up.
const GRIDS: f64 = 1e-3;

/// Twice: lives summed up by the certificate's own simulation, and the discounted returns that `econc simulate` prints.
fn returns(model: &Model, s: &Solved) -> Option<String> {
    let seat = SolvedSeat::of(model, &s.solution).ok()?;
    let value = Value::new(&s.solution, &seat, model.horizon)?;
    let options = world::JudgeOptions {
        lives: LIVES,
        ..world::JudgeOptions::default()
    };
    let played = play(
        model,
        &s.solution,
        &seat,
        &value,
        &options,
        &crate::verify::world::play::Apart::default(),
    )
    .ok()?;
    let error = statistics::sd(&played.gaps) / (LIVES as f64).sqrt();
    let error = if error.is_finite() { error } else { 0.0 };
    let slack = ERRORS * error + GRIDS * (1.0 + played.promised.abs());
    if !played.gaps.is_empty() && !(statistics::mean(&played.gaps).abs() <= slack) {
        return Some(format!(
            "lives earn {} more than promised",
            statistics::mean(&played.gaps)
        ));
    }
    // Lives that end are not all over when a simulation stops, and the short ones are over first.
    if !model.ends.is_empty() {
        return None;
    }
    let asked = Play {
        scenario: None,
        periods: None,
        worlds: LIVES,
        seed: 5,
        on_chain: false,
        greedy: false,
    };
    let behaviour = Behaviour::Solved(std::sync::Arc::new(s.solution.clone()));
    let run = simulate(model, &behaviour.into(), &asked, &mut |_, _| true).ok()?;
    // One decision maker's rewards: of several agents or members the sum.
    let earned: Vec<f64> = run.returns.iter().map(|r| r.discounted).collect();
    let several = earned.len() != 1 || model.agents.iter().any(|a| !a.shape.is_empty());
    (!several && !((earned[0] - played.promised).abs() <= slack))
        .then(|| format!("simulations report {}, promised are {}", earned[0], played.promised))
}

/// Means of the chain against those of simulated paths: a quarter of a standard deviation, five standard errors of the least
/// that the economies simulate.
fn moments(_: &Model, s: &Solved) -> Option<String> {
    s.certificate.moments.iter().find_map(|m| {
        let (mean, sd, _) = m.chain?;
        (!((m.mean - mean).abs() <= 0.25 * sd.max(1e-9)))
            .then(|| format!("{}: {} in simulation, {mean} on the chain", m.name, m.mean))
    })
}
