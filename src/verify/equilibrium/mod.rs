//! Solving and judging an equilibrium of several who decide: what `econc solve` does where there is more than one.
//!
//! An equilibrium is certified by what each could gain: by one deviation, and by the best reply of a whole life, both in the economy that
//! `econc simulate` runs, with the others playing on. Markets must clear there, and what is taken as given must matter.

mod bench;
mod best_reply;
mod each;
mod observation;
mod one_shot;
mod one_shot_gain;
mod perceived;
mod player;
mod private;
pub mod record;
mod recursive;
#[cfg(test)]
mod recursive_tests;
mod stationary;
mod taker;
mod trial;
mod unclear;
mod vacuity;

pub use record::{EquilibriumCertificate, Reaction, Standing};

use super::first_values::begins;
use super::grid::Certificate;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::{self, EquilibriumMethod, Found};
use crate::solve::methods::{self, Any};
use crate::solve::progress::Watch;

/// Solves an economy in which several decide and certifies what is found; third, the names of what policies use and is not observed, where
/// `information = full` asks for that.
///
/// # Errors
/// E0810 where no method fits, E0825 where somebody does not observe what matters; those of the methods and of the certificate.
pub fn solve(
    model: &Model,
    economy: &Economy,
    method: &dyn EquilibriumMethod,
    seed: u64,
    progress: &mut dyn Watch,
) -> Result<(Found, Certificate, Vec<String>), Vec<Diagnostic>> {
    let found = equilibrium::find(economy, method, seed, progress);
    let (mut found, hidden) = found.map_err(|errors| unclear::with_the_market(model, errors))?;
    let certificate = judge(model, economy, &mut found, seed, progress)?;
    Ok((found, certificate, hidden))
}

/// The method of an economy in which several decide: the one that is asked for, or else the first that fits. `None` where one problem
/// is solved, by the methods for one who decides.
///
/// # Errors
/// E0804 for a name that no method has; E0810 where several decide and no method fits: what [`Economy::lone`] says, with the reason of each method.
pub fn method_for(
    economy: &Economy,
    asked: Option<&str>,
) -> Result<Option<&'static dyn EquilibriumMethod>, Diagnostic> {
    let lone = economy.lone().map(|_| ());
    match (asked.map(methods::named).transpose()?, lone) {
        (None | Some(Any::One(_)), Ok(())) => Ok(None),
        (None, Err(mut refused)) => {
            for method in methods::EQUILIBRIA {
                match method.fits(economy) {
                    Ok(()) => return Ok(Some(*method)),
                    Err(why) => refused = refused.note(format!("{}: {why}", method.name())),
                }
            }
            Err(refused)
        }
        (Some(Any::Several(method)), lone) => match method.fits(economy) {
            // One who decides may be solved like several, where that is asked for.
            Ok(()) => Ok(Some(method)),
            Err(why) => Err(elsewhere(economy, method.name(), &why, lone.err())),
        },
        (Some(Any::One(method)), Err(refused)) => {
            let why = "it solves the problem of one who decides";
            Err(elsewhere(economy, method.name(), why, Some(refused)))
        }
    }
}

/// That a method which is asked for does not fit, with those that do.
fn elsewhere(economy: &Economy, name: &str, why: &str, refused: Option<Diagnostic>) -> Diagnostic {
    let fit = methods::EQUILIBRIA.iter().filter(|m| m.fits(economy).is_ok());
    let fit: Vec<&str> = fit.map(|m| m.name()).collect();
    let d = Diagnostic::error("E0810", format!("{name} cannot solve this model: {why}"));
    match (refused, fit.as_slice()) {
        (None, _) => d.hint("leave out the method; `econc solve FILE --why` says which fit"),
        // What is in the way of one problem is in the way of any method.
        (Some(refused), []) => refused.note(format!("{name}: {why}")),
        (Some(refused), fit) => d.note(refused.headline).hint(format!(
            "leave out the method, or take one that fits: --method {}",
            fit.join(", ")
        )),
    }
}

/// Judges what was found; of several equilibria those stay that hold.
fn judge(
    model: &Model,
    economy: &Economy,
    found: &mut Found,
    seed: u64,
    progress: &mut dyn Watch,
) -> Result<Certificate, Vec<Diagnostic>> {
    if found.population.is_some() {
        return stationary::judge(economy, found, seed, progress).map_err(|d| vec![d]);
    }
    // What depends on no state is played once.
    if found.solution.states.is_empty() {
        return each::judge(model, economy, found, seed).map_err(|d| vec![d]);
    }
    let said = |key: &str| model.solve_settings()?.get(key)?.number();
    let mut options = super::world::JudgeOptions {
        seed,
        ..super::world::JudgeOptions::default()
    };
    options.limit = said("bellman").unwrap_or(options.limit);
    options.edges = said("edges").unwrap_or(options.edges);
    if let Some(laws) = &found.perceived {
        return perceived::judge(model, economy, found, laws, &options).map_err(|d| vec![d]);
    }
    if found.solution.players.iter().any(|p| p.own.is_some()) {
        return private::judge(model, economy, found, &options).map_err(|d| vec![d]);
    }
    let (begun, said) = begins(model, &found.solution, &found.steady_state);
    let mut certificate = recursive::judge(&begun, economy, found, &options, progress).map_err(|d| vec![d])?;
    certificate.reasons.extend(said);
    Ok(certificate)
}
