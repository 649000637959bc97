//! What a player gains by one deviation at places that are visited, the others playing on; and whether its value is what its play obtains.
//!
//! Where nobody gains by one deviation from policies whose values are right, nobody gains by any plan (the one-shot deviation principle):
//! so the value of each is judged before its deviations are.

use super::Standing;
use super::player::Seated;
use crate::diag::Diagnostic;
use crate::verify::world::{WorldCertificate, deviation, promise, slope};

/// Measures.
///
/// # Errors
/// Those of a simulation and of the economy's programs.
pub(super) fn prove(seated: &Seated) -> Result<(WorldCertificate, Standing, &'static str), Diagnostic> {
    let played = seated.play(None)?;
    let mut trials = seated.trials()?;
    let bench = seated.bench(&played, &mut trials)?;
    let name = &seated.player.name;
    let mut out = WorldCertificate::default();
    promise::prove(&bench, &mut trials, &mut out)?;
    for d in &mut out.reasons {
        d.notes.push(format!("the value of `{name}`"));
    }
    let gain = deviation::prove(&bench, &mut trials, &mut out)?;
    if let Some(k) = out.reasons.iter().position(|d| d.code == "E0946") {
        let found = out.reasons.remove(k);
        let mut d = Diagnostic::error(
            "E0976",
            format!(
                "`{name}` gains 10^{:.2} of {} by one deviation: this is no equilibrium",
                gain.max(1e-16).log10(),
                bench.unit
            ),
        );
        for note in found.notes {
            d = d.note(note);
        }
        out.reasons
            .push(d.hint("a finer grid, another start or more damping; if the gain stays, what was found is no equilibrium of this model"));
    }
    slope::prove(&bench, &mut trials, &mut out)?;
    let standing = Standing {
        name: name.clone(),
        value: played.promised,
        one_shot: gain,
        best_reply: f64::NAN,
    };
    Ok((out, standing, bench.unit))
}
