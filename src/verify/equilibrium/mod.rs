//! Judging an equilibrium of several who decide.
//!
//! An equilibrium is certified by what each could gain: by one deviation, and by the best reply of a whole life, both in the economy that
//! `econc simulate` runs, with the others playing on. Markets must clear there, and what is taken as given must matter.

mod bench;
mod best_reply;
mod each;
mod entrants;
mod exchanged;
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
#[cfg(test)]
pub(crate) use recursive_tests::reply_where_the_other_answers;
mod spread;
mod stationary;
mod taker;
mod together;
pub mod transition;
#[cfg(test)]
mod transition_tests;
mod trial;
mod vacuity;

/// The best reply of one player by a solver.
pub(in crate::verify) mod replies {
    pub(in crate::verify) use super::best_reply::of_one;
}

pub use record::{EquilibriumCertificate, PlayerVerdict, Reaction};

use super::first_values::begins;
use super::grid::Certificate;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::Found;
use crate::solve::progress::Watch;

/// Judges what was found; of several equilibria those stay that hold.
///
/// # Errors
/// Those of the certificates, where what was found cannot be played.
pub fn judge(
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
