//! The judgement of an equilibrium with states: each player at its seat, one after the other, in the economy that is simulated.

use super::player::Seated;
use super::record::{EquilibriumCertificate, PlayerVerdict};
use super::{best_reply, exchanged, observation, one_shot_gain, taker};
use crate::check::Model;
use crate::check::conduct::Concept;
use crate::check::model::Information;
use crate::diag::{Diagnostic, Severity};
use crate::solve::economy::Economy;
use crate::solve::equilibrium::Found;
use crate::solve::progress::Watch;
use crate::verify::grid::Certificate;
use crate::verify::world::{JudgeOptions, WorldCertificate, clearing, stay};

/// Judges.
///
/// # Errors
/// Those of the proofs.
pub(super) fn judge(
    model: &Model,
    economy: &Economy,
    found: &Found,
    options: &JudgeOptions,
    progress: &mut dyn Watch,
) -> Result<Certificate, Diagnostic> {
    let solution = &found.solution;
    let mut world = WorldCertificate::default();
    let mut players: Vec<PlayerVerdict> = Vec::new();
    let mut unit = "";
    let mut moved = f64::NAN;
    let mut visits = Vec::new();
    // Members who were judged, with their places in the list of verdicts: who is like one of them is judged with him.
    let mut leads: Vec<(usize, Seated)> = Vec::new();
    for (i, player) in solution.players.iter().enumerate() {
        let seated = Seated::new(model, solution, player, &found.discretised, options)?;
        let played = seated.play(None)?;
        if i == 0 {
            let bench = seated.bench(&played, &mut seated.trials()?)?;
            stay::prove(&bench, &mut world);
            clearing::prove(&bench, &mut world)?;
        }
        let like = leads
            .iter()
            .find_map(|(k, lead)| Some((*k, exchanged::apart(lead, player, &visits)?)));
        if let Some((k, apart)) = like {
            let name = &players[k].name;
            world.log(
                &format!("{}: like {name} with their places exchanged", player.name),
                apart,
                Some(exchanged::LIMIT),
                format!(
                    "largest difference of choices and values, as a share of what they range over; judged with {name}"
                ),
            );
            players.push(PlayerVerdict {
                name: player.name.clone(),
                value: played.promised,
                value_error: played.promised_error,
                ..players[k].clone()
            });
            continue;
        }
        if i == 0 {
            visits.clone_from(&played.visits);
        }
        let seat = economy.seats.iter().find(|s| s.agents.contains(&player.agent));
        let takes = seat.map_or(&[][..], |s| &s.takes);
        // In open loop the others do not answer, as if one stood beside them.
        let answered = economy.concept != Concept::OpenLoop;
        let mut own = if takes.is_empty() && answered {
            let mut own = one_shot_gain::prove(&seated, &played)?;
            own.standing.best_reply = best_reply::prove(&seated, progress, &mut own.world)?;
            own
        } else {
            taker::prove(model, (&seated, &played), takes, progress)?
        };
        // Plans of an open loop look at nothing once play has begun.
        if answered && model.information == Information::Observed {
            observation::prove(&seated, &visits, &mut own.world)?;
        }
        own.standing.value_error = played.promised_error;
        unit = own.unit;
        moved = f64::max(moved, own.moved);
        for p in &mut own.world.proofs {
            let bare = p.name.strip_prefix("economy: ").unwrap_or(&p.name);
            p.name = format!("{}: {bare}", player.name);
        }
        world.proofs.extend(own.world.proofs);
        world.reasons.extend(own.world.reasons);
        players.push(own.standing);
        leads.push((i, seated));
    }
    if !moved.is_nan() {
        let note = if moved == 0.0 {
            "nothing that others do or have matters: this is no game".into()
        } else {
            format!("largest over the shift, share of {unit}")
        };
        world.log("others shifted by 1 %, change of values", moved, None, note);
    }
    let mut reasons = solution.record.warnings.clone();
    if players.is_empty() {
        reasons.push(Diagnostic::error(
            "E0976",
            "nobody decides in this equilibrium, so nothing was judged",
        ));
    }
    let passed = world.passed() && !reasons.iter().any(|d| d.severity == Severity::Error);
    reasons.extend(world.reasons.iter().cloned());
    Ok(Certificate {
        passed,
        reasons,
        unit: unit.into(),
        equilibrium: Some(EquilibriumCertificate {
            concept: economy.conduct(),
            unit: unit.into(),
            players,
            excess: f64::NAN,
            moved,
            searches: found.searches,
            scope: found.scope.clone(),
            gains: Vec::new(),
            found: 1 + found.others.len(),
            reactions: Vec::new(),
        }),
        world: Some(world),
        ..Certificate::default()
    })
}
