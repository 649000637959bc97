//! One player of an equilibrium at its seat in the economy: its choices, its value, what it was seen to do.

use super::record::PlayerVerdict;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::between::PolicyBetween;
use crate::solve::decision::Discretised;
use crate::solve::economy::taker::Beside;
use crate::solve::solution::{Player, Solution};
use crate::verify::world::play::{self, Apart, Deviator, Played};
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::trials::Trials;
use crate::verify::world::value::Value;
use crate::verify::world::{JudgeOptions, LANES, WorldCertificate, WorldEvidence, units};
use std::sync::Arc;

/// What was found of one player.
pub(super) struct Judged {
    pub(super) world: WorldCertificate,
    pub(super) standing: PlayerVerdict,
    pub(super) unit: &'static str,
    /// How much what others do and have matters ([`super::vacuity`]).
    pub(super) moved: f64,
}

/// A player at its seat. The others play on by the solution.
pub(super) struct Seated<'a> {
    pub(super) model: &'a Model,
    pub(super) player: &'a Player,
    /// The solution with this player's value.
    pub(super) solution: Solution,
    /// What everybody plays, where that is another solution; and whose actions others' are.
    played: Option<Solution>,
    like: Vec<(usize, usize)>,
    pub(super) seat: SolvedSeat,
    value: Value,
    pub(super) policy: PolicyBetween,
    discretised: &'a [Discretised],
    options: &'a JudgeOptions,
}

impl<'a> Seated<'a> {
    /// Takes a seat.
    ///
    /// # Errors
    /// E0815 for a solution of another model, E0905 for one that does not fit together.
    pub(super) fn new(
        model: &'a Model,
        solution: &Solution,
        player: &'a Player,
        discretised: &'a [Discretised],
        options: &'a JudgeOptions,
    ) -> Result<Seated<'a>, Diagnostic> {
        let solution = Solution {
            value: player.value.clone(),
            worth: Vec::new(),
            ..solution.clone()
        };
        let seat = SolvedSeat::of_player(model, &solution, player)?;
        let value = Value::new(&solution, &seat, model.horizon)
            .ok_or_else(|| Diagnostic::error("E0905", "the grid of the solution does not ascend"))?;
        let policy = PolicyBetween::new(Arc::new(solution.clone()))?;
        Ok(Seated {
            model,
            player,
            solution,
            played: None,
            like: Vec::new(),
            seat,
            value,
            policy,
            discretised,
            options,
        })
    }

    /// The same player beside the economy, as one who takes prices as given: `reply` solves his problem and is what he is judged by; he does
    /// what everybody plays.
    ///
    /// # Errors
    /// Those of [`Seated::new`].
    pub(super) fn aside<'b>(&'b self, economy: &'b Beside, reply: Solution) -> Result<Seated<'b>, Diagnostic> {
        let seat = SolvedSeat {
            agents: vec![economy.agent],
            member: self.seat.member,
            meets: true,
            ..SolvedSeat::of(&economy.model, &reply)?
        };
        let value = Value::new(&reply, &seat, economy.model.horizon)
            .ok_or_else(|| Diagnostic::error("E0905", "the grid of the solution does not ascend"))?;
        Ok(Seated {
            model: &economy.model,
            player: self.player,
            policy: PolicyBetween::new(Arc::new(reply.clone()))?,
            solution: reply,
            played: Some(self.solution.clone()),
            like: economy.actions.clone(),
            seat,
            value,
            discretised: self.discretised,
            options: self.options,
        })
    }

    /// Lives in which everybody plays by the solution, but for a `deviator`.
    ///
    /// # Errors
    /// Those of a simulation.
    pub(super) fn play(&self, deviator: Option<Deviator>) -> Result<Played, Diagnostic> {
        let apart = Apart {
            like: self.like.clone(),
            deviator,
        };
        let everybody = self.played.as_ref().unwrap_or(&self.solution);
        play::play(self.model, everybody, &self.seat, &self.value, self.options, &apart)
    }

    /// Worlds for trials.
    ///
    /// # Errors
    /// Those of the economy's programs.
    pub(super) fn trials(&self) -> Result<Trials<'_>, Diagnostic> {
        Trials::new(self.model, &self.seat, &self.value, LANES, self.options.seed)
    }

    /// What proofs use, at the places of lives that were played.
    ///
    /// # Errors
    /// Those of the economy's programs.
    pub(super) fn bench<'b>(
        &'b self,
        played: &'b Played,
        trials: &mut Trials,
    ) -> Result<WorldEvidence<'b>, Diagnostic> {
        let (units, unit) = units(trials, &self.seat, &self.value, &played.met())?;
        Ok(WorldEvidence {
            model: self.model,
            solution: &self.solution,
            seat: &self.seat,
            policy: &self.policy,
            value: &self.value,
            played,
            discretised: self.discretised,
            options: self.options,
            units,
            unit,
        })
    }
}
