//! What a player gains by one deviation at places that are visited, the others playing on; and whether its value is what its play obtains.
//!
//! Where nobody gains by one deviation from policies whose values are right, nobody gains by any plan (the one-shot deviation principle):
//! so the value of each is judged before its deviations are.

use super::player::{Judged, Seated};
use super::record::PlayerVerdict;
use super::vacuity;
use crate::diag::Diagnostic;
use crate::verify::world::play::Played;
use crate::verify::world::trials::Trials;
use crate::verify::world::{WorldCertificate, WorldEvidence, deviation, promise, slope};

/// log10 of the largest error of a first-order condition that passes, in units of what it balances: a choice that is off by a per cent changes
/// a value by a ten-thousandth only.
const FIRST_ORDER: f64 = -2.5;

/// Whether the value of a player is what its play obtains in the lives that were `played`; returns what is promised at the starts.
///
/// # Errors
/// Those of a simulation and of the economy's programs.
pub(super) fn value(seated: &Seated, played: &Played, out: &mut WorldCertificate) -> Result<f64, Diagnostic> {
    let mut trials = seated.trials()?;
    let bench = seated.bench(played, &mut trials)?;
    promise::prove(&bench, &mut trials, out)?;
    for d in &mut out.reasons {
        d.notes.push(format!("the value of `{}`", seated.player.name));
    }
    Ok(played.promised)
}

/// Looks for deviations of `name` at the places of a bench; returns the largest gain.
///
/// # Errors
/// Those of the economy's programs.
pub(super) fn deviations(
    bench: &WorldEvidence,
    trials: &mut Trials,
    name: &str,
    out: &mut WorldCertificate,
) -> Result<f64, Diagnostic> {
    let hint = "a finer grid, another start or more damping; if the gain stays, what was found is no equilibrium of this model";
    let gain = deviation::prove(bench, trials, out)?;
    if let Some(k) = out.reasons.iter().position(|d| d.code == "E0946") {
        let found = out.reasons.remove(k);
        let headline = format!(
            "`{name}` gains 10^{:.2} of {} by one deviation: this is no equilibrium",
            gain.max(1e-16).log10(),
            bench.unit
        );
        let mut d = Diagnostic::error("E0976", headline);
        d.notes = found.into_message().notes;
        out.reasons.push(d.hint(hint));
    }
    if let Some(error) = slope::prove(bench, trials, Some(FIRST_ORDER), out)?
        && error.log10() > FIRST_ORDER
    {
        let headline = format!(
            "what `{name}` does is not the best: its first-order condition is off by 10^{:.2}",
            error.log10()
        );
        out.reasons.push(Diagnostic::error("E0976", headline).hint(hint));
    }
    Ok(gain)
}

/// Judges one who sees through every market in the lives that were `played`, but for its best reply.
///
/// # Errors
/// Those of a simulation and of the economy's programs.
pub(super) fn prove(seated: &Seated, played: &Played) -> Result<Judged, Diagnostic> {
    let mut out = WorldCertificate::default();
    let promised = value(seated, played, &mut out)?;
    let mut trials = seated.trials()?;
    let bench = seated.bench(played, &mut trials)?;
    let gain = deviations(&bench, &mut trials, &seated.player.name, &mut out)?;
    let standing = PlayerVerdict {
        name: seated.player.name.clone(),
        value: promised,
        value_error: played.promised_error,
        one_shot: gain,
        best_reply: f64::NAN,
    };
    Ok(Judged {
        unit: bench.unit,
        moved: vacuity::measure(seated)?,
        world: out,
        standing,
    })
}
