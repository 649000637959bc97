//! What a life that begins is worth, as lived: members begin as the file says, at the prices that were found, and play the policy until their
//! lives end; what they got, discounted, is compared with the value that free entry was found with. Nothing of the solver's values is read.

use super::spread::WORLDS;
use crate::check::Model;
use crate::diag::{Diagnostic, plain};
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::{Outcome, Worlds};
use crate::num::statistics;
use crate::solve::continuum::held::{Held, Kind};
use crate::solve::economy::Economy;
use crate::solve::equilibrium::Found;
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::{ProofRow, Scale, WorldCertificate};
use std::sync::Arc;

/// Member-periods that are lived.
const LIVED: usize = 6_000_000;
/// Lives are left where what is still to come counts less than this, and after so many periods.
const REST: f64 = 1e-5;
const LONGEST: usize = 3000;
/// Largest distance of the mean from the value, as a share of it, beside sampling error.
const APART: f64 = 5e-3;

/// Compares the value of entry, where the economy reads one, with what lives get.
///
/// # Errors
/// Those of a simulation.
pub(super) fn judge(
    stated: &Model,
    economy: &Economy,
    found: &Found,
    seed: u64,
    out: &mut WorldCertificate,
) -> Result<(), Diagnostic> {
    let Some(population) = &found.population else {
        return Ok(());
    };
    let held = Held::new(economy).map_err(|why| Diagnostic::error("E0990", why))?;
    let Some(k) = held.numbers.iter().position(|n| n.kind == Kind::Entry) else {
        return Ok(());
    };
    let (name, told) = &population.held[k];
    let got = lives(stated, found, seed)?;
    let (mean, error) = (statistics::mean(&got), statistics::sd(&got) / (got.len() as f64).sqrt());
    let size = told.abs().max(1e-9);
    let (off, limit) = ((mean - told).abs() / size, APART + 4.0 * error / size);
    let fine = off <= limit;
    out.proofs.push(ProofRow {
        name: format!("population: {name} as lived"),
        value: off,
        scale: Scale::Share,
        limit: Some(limit),
        holds: Some(fine),
        note: format!("{} lives; two standard errors {:.2} %", got.len(), 200.0 * error / size),
    });
    if !fine {
        out.reasons.push(
            Diagnostic::error("E0972", format!("`{name}` is {told:.6}, and {mean:.6} where members live", told = plain(told), mean = plain(mean)))
                .note("members began as the file says, at the prices that were found, and lived by the policy until their end")
                .hint("more states of the chains, chain.NAME = rouwenhorst(15), or a finer or wider grid"),
        );
    }
    Ok(())
}

/// What lives that begin together get, discounted, one number per life.
fn lives(stated: &Model, found: &Found, seed: u64) -> Result<Vec<f64>, Diagnostic> {
    let seat = SolvedSeat::of(stated, &found.solution)?;
    let Some(agent) = seat.agents.first().copied() else {
        return Err(Diagnostic::error("E0990", "nobody decides"));
    };
    let members = stated.graph.elements(&stated.agents[agent].shape).max(1);
    let behaviour = Behaviour::Solved(Arc::new(found.solution.clone()));
    let (mut got, mut lived, mut cohort) = (Vec::new(), 0, 0);
    while lived < LIVED {
        let key = seed.wrapping_mul(0x9e37_79b9).wrapping_add(cohort + 1);
        let discount: Vec<_> = stated.agents[agent].discount.into_iter().collect();
        let mut worlds = Worlds::new(stated, None, WORLDS, key, &discount)?;
        let mut actor = Actor::new(&worlds, &behaviour.clone().into())?;
        let mut all = Cohort::new(members * WORLDS);
        for _ in 0..LONGEST {
            crate::limits::poll();
            let bounds = actor.act(&mut worlds, 0)?;
            let outcome = worlds.step(&bounds)?;
            actor.forget(&worlds, &outcome);
            all.period(stated, agent, &outcome);
            lived += members * WORLDS;
            if all.over() {
                break;
            }
        }
        got.extend(all.earned);
        cohort += 1;
    }
    Ok(got)
}

/// Lives that began together, `member x world`: what they got so far, and what the next period counts (0 where a life is over).
struct Cohort {
    earned: Vec<f64>,
    weight: Vec<f64>,
}

impl Cohort {
    fn new(lives: usize) -> Cohort {
        Cohort {
            earned: vec![0.0; lives],
            weight: vec![1.0; lives],
        }
    }

    /// Adds what a period paid.
    fn period(&mut self, model: &Model, agent: usize, outcome: &Outcome) {
        let before = |a: &&crate::check::model::Agent| a.reward.is_some();
        let rewards = &outcome.rewards[model.agents[..agent].iter().filter(before).count()];
        let ended = &outcome.member_ended[agent];
        let lives = self.earned.len();
        // What is one number for all stands there once a world.
        let of = |values: &[f64], i: usize| values[if values.len() == lives { i } else { i % WORLDS }];
        for i in 0..self.earned.len() {
            if self.weight[i] == 0.0 {
                continue;
            }
            self.earned[i] += self.weight[i] * rewards[i];
            let discount = outcome.watched.first().map_or(1.0, |d| of(d, i));
            if ended[i] || outcome.ended[i % WORLDS] {
                let paid: f64 = outcome.paid.iter().filter(|p| !p.is_empty()).map(|p| of(p, i)).sum();
                self.earned[i] += self.weight[i] * discount * paid;
                self.weight[i] = 0.0;
            } else {
                self.weight[i] *= discount;
            }
        }
    }

    /// Whether what is still to come counts nothing.
    fn over(&self) -> bool {
        self.weight.iter().sum::<f64>() < REST * self.weight.len() as f64
    }
}
