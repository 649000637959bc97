//! Streaks of rare states of a chain that the simulated lives do not meet, and whether they leave the solution's grid.
//!
//! A state of a chain that comes once in a thousand periods and stays for twenty is met by few of the lives that are played, if by any, yet what happens there is part of
//! every value. So the chain of each shock is held at each of its states, from the places where lives were farthest out, for as long as the chance of the
//! streak, discounted, is not below `RAREST`. Nothing is known here of where the solver thinks that states go. Where a streak leaves the grid
//! the value is an extrapolation: the mesh of the judge is then spread over those places, too, so that what is wrong there is seen in
//! the errors at the places that lives visit.

use super::seat::SolvedSeat;
use super::trials::Trials;
use super::trials::standing;
use super::visit::Visit;
use super::{JudgeOptions, Rest, WorldCertificate, WorldEvidence, WorldProof};
use crate::check::Model;
use crate::check::model::Process;
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::Worlds;
use crate::env::worlds::trial::{Drawn, Place};
use crate::solve::solution::{Solution, SolvedState};
use std::sync::Arc;

/// Smallest discounted chance of a streak that is followed, and most periods of it.
const RAREST: f64 = 1e-8;
const LONGEST: usize = 200;
/// How far off the grid a streak is followed, as a share of the grid's range, or as a ratio where the grid is in logarithms.
const SHARE: f64 = 0.5;
const RATIO: f64 = 4.0;
/// Most periods of all streaks together.
const PERIODS: usize = 20_000;

/// Where streaks lead.
#[derive(Clone, Debug, Default)]
pub struct Streaks {
    /// `(lowest, highest)`, one pair per state; what was visited is within.
    pub range: Vec<(f64, f64)>,
    /// The likeliest streak that leaves the grid.
    pub left: Option<Left>,
}

/// A streak that leaves the grid.
#[derive(Clone, Debug)]
pub struct Left {
    /// Number of the state that leaves.
    state: usize,
    /// Where it is then, and the end of its grid.
    at: f64,
    end: f64,
    /// Number of the shock among the solution's, and the state of its chain.
    shock: usize,
    held: usize,
    /// Periods, and the chance that the shock stays so long.
    periods: usize,
    chance: f64,
}

/// Streaks from the farthest places of lives (`extremes`, which span `ranges`, one pair per state); none where lives have a last period.
///
/// # Errors
/// Those of a policy that cannot be played (E0815 to E0817).
pub fn follow(
    model: &Model,
    solution: &Solution,
    seat: &SolvedSeat,
    options: &JudgeOptions,
    (ranges, extremes): (&[(f64, f64)], &[Visit]),
) -> Result<Streaks, Diagnostic> {
    let mut out = Streaks {
        range: ranges.to_vec(),
        left: None,
    };
    fault!("verdict.streaks_unseen", do { return Ok(out); });
    let chains: Vec<usize> = (0..seat.shocks.len())
        .filter(|k| matches!(model.shocks[seat.shocks[*k].shock].process, Process::Chain { .. }))
        .collect();
    if model.horizon.is_some() || extremes.is_empty() || seat.states.is_empty() {
        return Ok(out);
    }
    let lanes = extremes.len();
    let discount = (seat.agents.iter())
        .find_map(|a| {
            model.graph.nodes[model.agents[*a].discount?.0 as usize]
                .domain
                .as_point()
        })
        .unwrap_or(1.0);
    let mut worlds = Worlds::new(model, None, lanes, options.seed, &[])?;
    let mut actor = Actor::new(&worlds, &Behaviour::Solved(Arc::new(solution.clone())).into())?;
    actor.greedy = true;
    let mut left = PERIODS;
    for k in chains {
        for held in 0..seat.shocks[k].values.len() {
            let from: Vec<&Place> = extremes.iter().map(|v| &v.place).collect();
            worlds.put(&from);
            let mut streak = Streak {
                shock: k,
                held,
                chance: vec![1.0; lanes],
                weight: 1.0,
            };
            for periods in 1..=LONGEST.min(left) {
                crate::limits::poll();
                left -= 1;
                // Beyond the grid a policy may want what is not possible: there nothing more is known.
                let passed = streak.pass(&mut worlds, &mut actor, seat);
                if passed.is_err() || !streak.look(&worlds, (seat, solution), periods, &mut out) {
                    break;
                }
                streak.weight *= discount;
            }
        }
    }
    Ok(out)
}

/// Some way beyond the grid of a state: by this ratio where it is in logarithms, else by a share of its range.
pub fn believed(axis: &SolvedState, ratio: f64) -> (f64, f64) {
    let (lo, hi) = (axis.nodes[0], axis.nodes[axis.nodes.len() - 1]);
    if axis.log {
        (lo / ratio, hi * ratio)
    } else {
        (lo - SHARE * (hi - lo), hi + SHARE * (hi - lo))
    }
}

/// One shock held at one state of its chain in several worlds.
struct Streak {
    shock: usize,
    held: usize,
    /// The chance to have come so far, one per world; zero where the streak is over.
    chance: Vec<f64>,
    /// The discount factor of the period.
    weight: f64,
}

impl Streak {
    /// One period, with the shock where it is held in every world.
    fn pass(&mut self, worlds: &mut Worlds, actor: &mut Actor, seat: &SolvedSeat) -> Result<(), Diagnostic> {
        let own = &seat.shocks[self.shock];
        for w in 0..self.chance.len() {
            worlds.set_shock(own.shock, own.element, w, self.held as f64);
        }
        let bounds = actor.act(worlds, 0)?;
        worlds.settle(&bounds)?;
        for w in 0..self.chance.len() {
            self.chance[w] *= self.stays(worlds, w, seat);
        }
        let tried = worlds.trial()?;
        for w in 0..self.chance.len() {
            let ends = tried.ends.iter().any(|e| {
                let column = e.iter().skip(w).step_by(self.chance.len());
                column.into_iter().any(|x| *x != 0.0)
            });
            if ends {
                self.chance[w] = 0.0;
            }
        }
        Ok(())
    }

    /// The chance that the shock stays where it is held in world `w`, the other chains staying where they are.
    fn stays(&self, worlds: &Worlds, w: usize, seat: &SolvedSeat) -> f64 {
        let own = &seat.shocks[self.shock];
        let place = worlds.snapshot(w);
        let still: Vec<(Drawn, usize)> = place.stored.iter().enumerate().fold(Vec::new(), |mut all, (s, x)| {
            all.extend(x.iter().enumerate().map(|(e, x)| (Drawn::Shock(s, e), *x as usize)));
            all
        });
        let row = worlds.chain_row(own.shock, own.element, &place, &still);
        row.and_then(|r| r.get(self.held).copied()).unwrap_or(0.0)
    }

    /// Takes in where the worlds stand; whether some goes on.
    fn look(
        &mut self,
        worlds: &Worlds,
        (seat, solution): (&SolvedSeat, &Solution),
        periods: usize,
        out: &mut Streaks,
    ) -> bool {
        for w in 0..self.chance.len() {
            let (states, ..) = standing(worlds, seat, w);
            let known = states.iter().all(|x| x.is_finite());
            if !known || !(self.chance[w] * self.weight >= RAREST) {
                self.chance[w] = 0.0;
                continue;
            }
            for (s, x) in states.iter().enumerate() {
                let axis = &solution.states[s];
                let (lo, hi) = (axis.nodes[0], axis.nodes[axis.nodes.len() - 1]);
                let (least, most) = believed(axis, RATIO);
                if !(*x >= least && *x <= most) {
                    self.chance[w] = 0.0;
                }
                let x = x.max(least).min(most);
                out.range[s] = (out.range[s].0.min(x), out.range[s].1.max(x));
                let slack = 1e-9 * (hi - lo);
                let likelier = out.left.as_ref().is_none_or(|l| self.chance[w] > l.chance);
                if (x < lo - slack || x > hi + slack) && likelier && self.chance[w] > 0.0 {
                    out.left = Some(Left {
                        state: s,
                        at: x,
                        end: if x < lo { lo } else { hi },
                        shock: self.shock,
                        held: self.held,
                        periods,
                        chance: self.chance[w],
                    });
                }
            }
        }
        self.chance.iter().any(|p| *p > 0.0)
    }
}

/// What to write where a streak leaves the grid.
pub fn hint(model: &Model, seat: &SolvedSeat, streaks: &Streaks) -> Option<String> {
    let left = streaks.left.as_ref()?;
    let state = &model.graph.inputs[seat.states[left.state].input].name;
    let own = state.rsplit('.').next().unwrap_or(state);
    let shock = &model.shocks[seat.shocks[left.shock].shock].name;
    let side = if left.at < left.end { "lower" } else { "upper" };
    Some(format!(
        "move the {side} end of grid.{own}, now {:.4}: a streak of `{shock}` leads beyond it; or leave the ends open, grid.{own} = N",
        left.end
    ))
}

/// The chance of a streak of a rare state of a chain that leaves the grid.
pub struct RareStreaks;

impl WorldProof for RareStreaks {
    fn prove(
        &self,
        bench: &WorldEvidence,
        _: &mut Trials,
        out: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic> {
        prove(bench.model, bench.seat, &bench.played.streaks, out);
        Ok(None)
    }
}

/// The row: the chance of the likeliest streak that leaves the grid.
fn prove(model: &Model, seat: &SolvedSeat, streaks: &Streaks, out: &mut WorldCertificate) {
    let Some(left) = &streaks.left else { return };
    let state = &model.graph.inputs[seat.states[left.state].input].name;
    let own = &seat.shocks[left.shock];
    let value = own.values.get(left.held).copied().unwrap_or(f64::NAN);
    out.share(
        "chance of a streak that leaves the grid",
        left.chance,
        None,
        format!(
            "{state} = {:.4}, where the grid ends at {:.4}, after {} periods of {} = {value}; the value there is extrapolated",
            left.at, left.end, left.periods, model.shocks[own.shock].name
        ),
    );
}
