//! Solving and judging an equilibrium of several who decide: what `econc solve` does where there is more than one.
//!
//! An equilibrium is certified by what each could gain: by one deviation, and by the best reply of a whole life, both in the economy that
//! `econc simulate` runs, with the others playing on. Markets must clear there, and what is taken as given must matter.

mod bench;
mod best_reply;
mod one_shot;
mod one_shot_gain;
mod player;
mod recursive;
#[cfg(test)]
mod recursive_tests;
mod taker;
mod vacuity;

use super::grid::Certificate;
use super::solved::{Options, Solved};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::{EquilibriumMethod, Found};
use crate::solve::methods;
use crate::solve::progress::Watch;
use serde::{Deserialize, Serialize};

/// What each who decides gets and could gain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Who, `firm[2]`.
    pub name: String,
    /// What the equilibrium is worth to it where the economy starts (average over starts).
    pub value: f64,
    /// The largest gain from one deviation at visited places, in `unit`; not a number where it was not measured.
    pub one_shot: f64,
    /// The gain from a best reply over a whole life at the starts, in `unit`; not a number where it was not measured.
    pub best_reply: f64,
}

/// The judgement of an equilibrium.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EquilibriumCertificate {
    /// The concept, `nash`.
    pub concept: String,
    /// What gains are shares of: `consumption` or `value`.
    pub unit: String,
    /// One entry per player.
    pub players: Vec<Standing>,
    /// The largest excess demand in simulated periods, as a share of what is traded; not a number where no market clears.
    pub excess: f64,
    /// By what share of itself what is simulated moves where what is taken as given is shifted by one per cent; not a number
    /// where nothing is taken as given.
    pub moved: f64,
    /// From how many starts equilibria were looked for.
    pub searches: usize,
    /// How many were found.
    pub found: usize,
    /// What is best against what another chooses, where two choose one number each; any length.
    #[serde(default)]
    pub reactions: Vec<Reaction>,
}

/// A reaction function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reaction {
    /// The action that reacts.
    pub of: String,
    /// The action of the other.
    pub to: String,
    /// What the other chooses, one value per point.
    pub at: Vec<f64>,
    /// What is best against it, one value per point.
    pub best: Vec<f64>,
}

/// Solves an economy in which several decide and certifies what is found.
///
/// # Errors
/// E0810 where no method fits; those of the methods and of the certificate.
pub fn solve(
    model: &Model,
    economy: &Economy,
    method: &dyn EquilibriumMethod,
    options: &Options,
    progress: &mut dyn Watch,
) -> Result<Solved, Vec<Diagnostic>> {
    let found = method.solve(economy, options.seed, progress)?;
    let certificate = judge(model, economy, &found, options.seed, progress)?;
    Ok(Solved {
        solution: found.solution,
        others: found.others,
        certificate,
        discretised: found.discretised,
        steady_state: found.steady_state,
        concept: options.concept.clone(),
        information: options.information.clone(),
        hidden: Vec::new(),
        unseen: Vec::new(),
        build: Default::default(),
    })
}

/// The method of an economy in which several decide: the one that is asked for, or else the first that fits. `None` where one problem
/// is solved, by the methods for one who decides.
///
/// # Errors
/// E0810 where several decide and no method fits: what [`Economy::lone`] says, with the reason of each method.
pub fn method_for(
    economy: &Economy,
    asked: Option<&str>,
) -> Result<Option<&'static dyn EquilibriumMethod>, Diagnostic> {
    let Err(mut refused) = economy.lone().map(|_| ()) else {
        // One who decides may be solved like several, where that is asked for.
        return match asked.and_then(methods::equilibrium) {
            None => Ok(None),
            Some(method) => match method.fits(economy) {
                Ok(()) => Ok(Some(method)),
                Err(why) => Err(Diagnostic::error(
                    "E0810",
                    format!("{} cannot solve this model: {why}", method.name()),
                )
                .hint("leave out the method; `econc solve FILE --why` says which fit")),
            },
        };
    };
    if let Some(name) = asked {
        return match methods::equilibrium(name) {
            Some(method) => match method.fits(economy) {
                Ok(()) => Ok(Some(method)),
                Err(why) => Err(refused.note(format!("{name}: {why}"))),
            },
            None => Err(refused),
        };
    }
    for method in methods::EQUILIBRIA {
        match method.fits(economy) {
            Ok(()) => return Ok(Some(*method)),
            Err(why) => refused = refused.note(format!("{}: {why}", method.name())),
        }
    }
    Err(refused)
}

/// Judges an equilibrium.
fn judge(
    model: &Model,
    economy: &Economy,
    found: &Found,
    seed: u64,
    progress: &mut dyn Watch,
) -> Result<Certificate, Vec<Diagnostic>> {
    if found.solution.method == crate::solve::equilibrium::one_shot::NAME {
        return one_shot::judge(model, economy, found, seed).map_err(|d| vec![d]);
    }
    if !model.states.is_empty() {
        let options = super::world::Options {
            seed,
            ..super::world::Options::default()
        };
        return recursive::judge(model, economy, found, &options, progress).map_err(|d| vec![d]);
    }
    let unjudged = Diagnostic::error("E0946", "nothing has judged this equilibrium");
    let mut reasons = found.solution.record.warnings.clone();
    reasons.push(unjudged);
    Ok(Certificate {
        passed: false,
        reasons,
        equilibrium: Some(EquilibriumCertificate {
            concept: economy.concept.word().into(),
            searches: found.searches,
            found: 1 + found.others.len(),
            ..EquilibriumCertificate::default()
        }),
        ..Certificate::default()
    })
}
