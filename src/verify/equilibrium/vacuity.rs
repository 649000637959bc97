//! Whether what others do and have matters to a player: all of it is shifted by one per cent, and what the player's choice is worth must move.
//! Where nothing moves there is no game, and an equilibrium says no more than the problem of one.

use super::player::Seated;
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::env::worlds::trial::Place;
use crate::graph::InputKind;
use crate::verify::world::trials::Job;
use crate::verify::world::visit::Visit;

/// Places that are looked at.
const PLACES: usize = 24;
/// The shift.
const SHIFT: f64 = 0.01;
/// Draws of one expectation.
const DRAWS: usize = 256;

/// Changes that are no more than rounding.
const NONE: f64 = 1e-9;

/// The largest change of what the player's choice is worth, over the shift, in the bench's unit; not a number where others have whole numbers
/// alone, which cannot be shifted by a per cent.
///
/// # Errors
/// Those of a simulation and of the economy's programs.
pub(super) fn measure(seated: &Seated) -> Result<f64, Diagnostic> {
    let played = seated.play(None)?;
    let mut trials = seated.trials()?;
    let bench = seated.bench(&played, &mut trials)?;
    let stride = played.visits.len().div_ceil(PLACES).max(1);
    let here: Vec<Visit> = played.visits.iter().step_by(stride).cloned().collect();
    let mut there = here.clone();
    let shifted: usize = there.iter_mut().map(|v| shift(seated, &mut v.place)).sum();
    if shifted == 0 && whole_numbers(seated) {
        return Ok(f64::NAN);
    }
    let all: Vec<Visit> = here.iter().chain(&there).cloned().collect();
    let jobs: Vec<Job> = all
        .iter()
        .enumerate()
        .map(|(visit, v)| Job {
            visit,
            actions: &v.actions,
        })
        .collect();
    let worth = trials.worth(&all, &jobs, DRAWS)?;
    let moved = (0..here.len()).map(|i| {
        let by = (worth[i + here.len()].q - worth[i].q).abs() / (SHIFT * bench.units[i * stride]);
        if by.is_finite() { by } else { 0.0 }
    });
    let moved = moved.fold(0.0, f64::max);
    Ok(if moved < NONE { 0.0 } else { moved })
}

/// Whether somebody chooses among finitely many things.
fn whole_numbers(seated: &Seated) -> bool {
    let interval = |s: &Space| matches!(s, Space::Interval { .. });
    seated.model.actions.iter().any(|a| !interval(&a.space))
}

/// Moves what others do and have; returns how many numbers.
fn shift(seated: &Seated, place: &mut Place) -> usize {
    let model = seated.model;
    let mut many = 0;
    for (input, values) in model.graph.inputs.iter().zip(&mut place.inputs) {
        let owner = match input.kind {
            InputKind::State(s) => model.states[s].owner,
            InputKind::Action(a) => Some(model.actions[a].owner),
            _ => None,
        };
        // What belongs to nobody, or to all, is no other's.
        let Some(owner) = owner else { continue };
        let whole = match input.kind {
            InputKind::State(s) => model.states[s].domain.integer,
            InputKind::Action(a) => !matches!(model.actions[a].space, Space::Interval { .. }),
            _ => false,
        };
        let own = if seated.seat.agents.contains(&owner) {
            seated.seat.own(model, values.len())
        } else {
            0..0
        };
        let others = values
            .iter_mut()
            .enumerate()
            .filter(|(e, _)| !whole && !own.contains(e));
        others.for_each(|(_, x)| {
            *x *= 1.0 + SHIFT;
            many += 1;
        });
    }
    many
}
