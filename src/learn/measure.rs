//! Evaluation: what policies earn without chance of their own, with common random numbers (always the same worlds). In games choices are drawn
//! as the policies mix them: the likeliest choice of a mixed strategy is another strategy.

use super::play::{self, FixedPlayer, Player, Players};
use super::{LearnError, Numbers, Policy, PolicyMemory};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Cast;
use crate::env::vector::{GameOptions, Vectorised};
use crate::env::worlds::Worlds;
use crate::env::{Actions, Game, Seen, Told};
use crate::num::random::Key;

/// Seed of the worlds in which policies are measured.
const EVALUATION_SEED: u64 = 0x6576_616c;

/// Who plays at a seat while it is measured.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// A policy without chance of its own.
    Policy(&'a Policy),
    /// A policy with all chance that is in it.
    Drawn(&'a Policy),
    /// The same numbers and choices in every row.
    Constant(&'a [f32], &'a [u32]),
}

/// What one episode earned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Return {
    /// Sum of rewards.
    pub total: f64,
    /// The same, discounted to the beginning.
    pub discounted: f64,
}

/// How to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Length {
    /// Fewest worlds.
    pub episodes: usize,
    /// Periods after which an episode is cut off.
    pub periods: usize,
}

/// The first episode of every slot of a seat.
struct Tally {
    returns: Vec<Return>,
    alive: Vec<bool>,
    weight: f64,
    discount: f64,
    /// Periods that still count.
    left: usize,
}

impl Tally {
    fn over(&self) -> bool {
        self.left == 0 || !self.alive.contains(&true)
    }
}

/// A player that sums up its first episodes.
struct Measured<'a> {
    who: Who<'a>,
    actor: Option<&'a mut PolicyMemory>,
    tally: &'a mut Tally,
}

impl Player for Measured<'_> {
    fn choose(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        let slots = self.tally.alive.len();
        match (self.who, &mut self.actor) {
            (Who::Policy(policy) | Who::Drawn(policy), Some(actor)) => FixedPlayer {
                policy,
                actor,
                slots,
                deterministic: matches!(self.who, Who::Policy(_)),
            }
            .choose(seen, actions)?,
            (Who::Constant(continuous, discrete), _) => {
                actions.continuous = continuous.repeat(slots);
                actions.discrete = discrete.repeat(slots);
            }
            (Who::Policy(_) | Who::Drawn(_), None) => {}
        }
        Ok(())
    }

    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Numbers>, LearnError> {
        if let (Who::Policy(policy) | Who::Drawn(policy), Some(actor)) = (self.who, &mut self.actor) {
            policy.forget(actor, |slot| told.ended(slot));
        }
        let t = &mut *self.tally;
        if t.over() {
            return Ok(None);
        }
        for s in (0..t.alive.len()).filter(|s| t.alive[*s]) {
            let reward = f64::from(told.reward[s]);
            t.returns[s].total += reward;
            t.returns[s].discounted += t.weight * reward;
        }
        for (s, alive) in t.alive.iter_mut().enumerate() {
            *alive &= !told.ended(s);
        }
        t.weight *= t.discount;
        t.left -= 1;
        Ok(None)
    }
}

/// Returns of the first episode of every slot in worlds that are always the same, `[seat][episode]`; `who` has one
/// entry per seat. There are as many episodes per seat as its slots, times the rounds that `length` takes.
///
/// # Errors
/// What stopped the worlds (those of [`crate::env::worlds::Worlds::step`]), E0924 for an observation or reward that is
/// not finite.
pub fn first_episodes(who: &[Who<'_>], game: &mut Vectorised, length: Length) -> Result<Vec<Vec<Return>>, Diagnostic> {
    let mut out = vec![Vec::new(); who.len()];
    let worlds = game.worlds().worlds();
    for round in 0..length.episodes.div_ceil(worlds).max(1) {
        game.reset(EVALUATION_SEED + round as u64);
        if let Some(why) = game.take_failure() {
            return Err(why);
        }
        let mut tallies: Vec<Tally> = game
            .seats()
            .iter()
            .map(|seat| Tally {
                returns: vec![Return::default(); seat.slots],
                alive: vec![true; seat.slots],
                weight: 1.0,
                discount: f64::from(seat.discount),
                left: length.periods,
            })
            .collect();
        let mut actors: Vec<Option<PolicyMemory>> = who
            .iter()
            .zip(game.seats())
            .enumerate()
            .map(|(place, (w, seat))| match w {
                Who::Policy(policy) => Some(policy.actor(seat.slots, EVALUATION_SEED)),
                // Seats and rounds have luck of their own.
                Who::Drawn(policy) => {
                    let own = Key::new(EVALUATION_SEED + round as u64, place as u64);
                    Some(policy.actor(seat.slots, own.bits(0, 0)))
                }
                Who::Constant(..) => None,
            })
            .collect();
        while !tallies.iter().all(Tally::over) {
            let seats = who.iter().zip(&mut actors).zip(&mut tallies);
            let mut players: Players<'_> = seats
                .map(|((who, actor), tally)| {
                    Box::new(Measured {
                        who: *who,
                        actor: actor.as_mut(),
                        tally,
                    }) as Box<dyn Player>
                })
                .collect();
            let played = play::turn(&mut players, game);
            drop(players);
            if let Some(why) = game.take_failure() {
                return Err(why);
            }
            played.map_err(|(_, e)| Diagnostic::from(e))?;
        }
        for (all, tally) in out.iter_mut().zip(tallies) {
            all.extend(tally.returns);
        }
    }
    Ok(out)
}

/// Mean discounted return of the first episodes of an agent of one member under a cast (an exact solution, say), in the worlds in which
/// policies are measured; `None` where the agent has no reward or several members.
///
/// # Errors
/// Those of [`Vectorised::new`], [`Actor::new`], [`Actor::act`] and of the worlds.
pub fn return_of_cast(
    model: &Model,
    options: &GameOptions,
    agent: usize,
    cast: &Cast,
    length: Length,
) -> Result<Option<f64>, Diagnostic> {
    let discount = f64::from(Vectorised::new(model, options)?.seats()[0].discount);
    let mut worlds = Worlds::new(model, options.scenario.as_deref(), options.worlds.max(1), 0, &[])?;
    worlds.share_chance(options.together, options.alike)?;
    let model = worlds.model.clone();
    let paid = |(_, a): &(usize, &crate::check::model::Agent)| a.reward.is_some();
    let place = model
        .agents
        .iter()
        .enumerate()
        .filter(paid)
        .position(|(a, _)| a == agent);
    let Some(place) = place.filter(|_| crate::env::able::members_of(&model, agent) == 1) else {
        return Ok(None);
    };
    let concerns = |e: &&crate::check::model::End| e.agent.is_none_or(|a| a == agent);
    let n = worlds.worlds();
    let mut all = Vec::new();
    for round in 0..length.episodes.div_ceil(n).max(1) {
        worlds.reseed(EVALUATION_SEED + round as u64)?;
        let mut actor = Actor::new(&worlds, cast)?;
        let (mut sums, mut alive, mut weight) = (vec![0.0; n], vec![true; n], 1.0);
        for _ in 0..length.periods {
            crate::limits::poll();
            let mut bounds = Vec::new();
            for stage in 0..model.stages.len().max(1) {
                bounds.extend(actor.act(&mut worlds, stage)?);
            }
            let outcome = worlds.step(&bounds)?;
            for w in 0..n {
                if !alive[w] {
                    continue;
                }
                let after = model
                    .ends
                    .iter()
                    .enumerate()
                    .filter(|(_, e)| e.paying.is_some() && concerns(e));
                let after: f64 = after.map(|(k, _)| outcome.paid[k][w]).sum();
                sums[w] += weight * (outcome.rewards[place][w] + discount * after);
                alive[w] = !outcome.ended[w];
            }
            if !alive.contains(&true) {
                break;
            }
            if outcome.ended.contains(&true) {
                worlds.restart(&outcome.ended)?;
            }
            actor.forget(&worlds, &outcome);
            weight *= discount;
        }
        all.extend(sums);
    }
    Ok(Some(all.iter().sum::<f64>() / all.len() as f64))
}

/// Mean return and mean discounted return (to the first period, by the model's discount factor) of an episode: one pair
/// per seat. `who` has one entry per seat.
///
/// # Errors
/// Those of [`first_episodes`].
pub fn mean_returns(who: &[Who<'_>], game: &mut Vectorised, length: Length) -> Result<Vec<(f64, f64)>, Diagnostic> {
    let returns = first_episodes(who, game, length)?;
    let mean = |all: &[Return], of: fn(&Return) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    Ok(returns
        .iter()
        .map(|all| (mean(all, |r| r.total), mean(all, |r| r.discounted)))
        .collect())
}
