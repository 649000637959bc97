//! How far the policies that several have learned are from an equilibrium: what each gains by its best reply to the others' policies.
//!
//! A player deviates alone, everybody else goes on as learned, and what it earns more is measured in the economy that `econc simulate` runs, in
//! lives with the same draws (`lives.rs`). Replies are proposed in two ways, and neither asks the learner. `search.rs` tries constants, shares of
//! what was played and shifts of it, of one action after the other: a whole life long, or, where every period is a game of its own, for each of
//! many cells of what the player sees. `reply.rs` has the problem of one, the others' policies given, solved by a method for one who decides.
//! What the best of these earns more in lives that no search has seen is the gain. It is a lower bound of what a deviation can gain, and where two
//! standard errors decide whether it lies below the limit, more lives are played, and then nothing is known.

mod lives;
mod played;
mod reply;
mod search;
#[cfg(test)]
mod tests;

pub use played::Played;

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::able;
use crate::env::cast::Cast;
use crate::num::statistics;
use crate::solve::located;
use crate::solve::progress::Watch;
use crate::solve::solution::Solution;
use lives::{Lives, Reply};

/// Most members of an agent that are judged, each by itself.
const MEMBERS: usize = 4;
/// Rounds of lives in which a gain is measured, of one period and of many, while chance decides; and standard errors from the limit at which there is
/// no need of another one (more than those that decide, for who looks often is led astray by luck).
const ROUNDS: (u64, u64) = (64, 8);
const CLEAR: f64 = 4.0;
/// Seeds of lives: of searches, of choices between replies, and of measurements.
const SEARCHED: u64 = 0x7365_6172;
const CHOSEN: u64 = 0x6368_6f73;
const MEASURED: u64 = 0x6d65_6173;

/// The policies of one training.
pub struct Profile {
    /// The seed of the training.
    pub seed: u64,
    /// Who plays how.
    pub cast: Cast,
}

/// One who is judged: a member of an agent.
#[derive(Clone, Debug)]
struct Player {
    name: String,
    agent: usize,
    member: usize,
    /// What it chooses: (action, element) of the model.
    slots: Vec<(usize, usize)>,
    /// When.
    stage: usize,
}

/// What one player could gain.
#[derive(Clone, Debug, PartialEq)]
pub struct Gain {
    /// Who, `firm[2]`.
    pub player: String,
    /// Discounted sum of rewards under the learned policies, mean over lives, and its standard error.
    pub worth: (f64, f64),
    /// The same of the sizes of rewards, by the policies as learned or by the reply, whichever is more: what gains are shares of.
    pub size: f64,
    /// What the best reply earns more, and its standard error.
    pub gain: (f64, f64),
    /// The best reply in words.
    pub reply: String,
    /// Why the problem of one was not solved, where it was not and could matter.
    pub unsolved: Option<String>,
}

impl Gain {
    /// The gain and its standard error as shares of the size of what is earned. No gain is less than none.
    pub fn share(&self) -> (f64, f64) {
        let size = self.size.max(f64::MIN_POSITIVE);
        ((self.gain.0 / size).max(0.0), self.gain.1 / size)
    }
}

/// The judgement of one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The seed of the training.
    pub seed: u64,
    /// One entry per player that was judged.
    pub gains: Vec<Gain>,
    /// What is played, beside the equilibrium where it is known: one entry per action.
    pub played: Vec<Played>,
    /// Members that were not judged.
    pub left_out: usize,
}

/// The members of an agent that are judged, and how many are not.
fn players(model: &Model, agent: usize) -> (Vec<Player>, usize) {
    let a = &model.agents[agent];
    let several = model.graph.elements(&a.shape).max(1);
    let judged: Vec<usize> = match several {
        n if n <= MEMBERS => (0..n).collect(),
        n => (0..MEMBERS).map(|k| k * (n - 1) / (MEMBERS - 1)).collect(),
    };
    let of = |m: &usize| {
        let chosen = a.actions.iter().filter(|x| !a.rules.iter().any(|(r, _)| r == *x));
        let slots: Vec<(usize, usize)> = chosen
            .clone()
            .flat_map(|x| {
                let elements = model.graph.elements(&model.actions[*x].shape);
                located::own(model, agent, Some(*m), elements).map(move |e| (*x, e))
            })
            .collect();
        Player {
            name: match several {
                1 => a.name.clone(),
                _ => format!("{}[{}]", a.name, m + 1),
            },
            agent,
            member: *m,
            stage: slots.first().map_or(0, |s| model.actions[s.0].stage),
            slots,
        }
    };
    (judged.iter().map(of).collect(), several - judged.len())
}

/// Judges the policies of one training; `agents` are those who learned (their numbers), `limit` the share that decides.
///
/// # Errors
/// Those of a simulation under the policies as they were learned.
pub fn judge(
    model: &Model,
    agents: &[usize],
    profile: &Profile,
    equilibrium: Option<&Solution>,
    (limit, seed): (f64, u64),
    progress: &mut dyn Watch,
) -> Result<Judged, Diagnostic> {
    let (mut gains, mut left_out) = (Vec::new(), 0);
    for agent in agents {
        able::discount_of(model, *agent)?;
        let (players, more) = players(model, *agent);
        left_out += more;
        for player in players {
            gains.push(gain(model, &player, profile, limit, seed, progress)?);
        }
    }
    Ok(Judged {
        seed: profile.seed,
        gains,
        played: played::played(model, agents, &profile.cast, equilibrium, seed)?,
        left_out,
    })
}

/// What one player gains.
fn gain(
    model: &Model,
    player: &Player,
    profile: &Profile,
    limit: f64,
    seed: u64,
    progress: &mut dyn Watch,
) -> Result<Gain, Diagnostic> {
    let mut few = Lives::new(model, player, &profile.cast, (seed, true))?;
    let rule = search::best(&mut few, player, seed ^ SEARCHED)?;
    let mut lives = Lives::new(model, player, &profile.cast, (seed, false))?;
    let mut replies: Vec<(Reply, String)> = rule.into_iter().collect();
    let mut unsolved = None;
    if !lives.is_one_period() {
        match reply::solved(model, player, &profile.cast, progress) {
            Ok((deviator, method)) => replies.push((
                Reply::Policy(Box::new(deviator)),
                format!("the problem of one, the others given, solved by {method}"),
            )),
            Err(d) if d.code == "E0906" => return Err(d),
            Err(d) => unsolved = Some(format!("{}: {}", d.code, d.headline)),
        }
    }
    // Of several replies the one that earns most in lives of their own.
    let chosen = match replies.len() {
        0 | 1 => 0,
        n => {
            let mut most = (0, f64::NEG_INFINITY);
            for k in 0..n {
                let worth = lives.earned(seed ^ CHOSEN, Some(&replies[k].0));
                let mean = worth.map_or(f64::NEG_INFINITY, |w| statistics::mean(&w.sum));
                if mean > most.1 {
                    most = (k, mean);
                }
            }
            most.0
        }
    };
    let (mut own, mut sizes, mut more, mut at_stake) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let rounds = if lives.is_one_period() { ROUNDS.0 } else { ROUNDS.1 };
    for round in 0..rounds {
        let at = seed.wrapping_mul(rounds).wrapping_add(round) ^ MEASURED;
        let here = lives.earned(at, None)?;
        if let Some((reply, _)) = replies.get(chosen) {
            let other = lives.earned(at, Some(reply))?;
            more.extend(other.sum.iter().zip(&here.sum).map(|(a, b)| a - b));
            at_stake.extend(other.size);
        }
        own.extend(here.sum);
        sizes.extend(here.size);
        let (found, error) = estimate(&more);
        let line = limit * statistics::mean(&sizes).max(estimate(&at_stake).0);
        if !lives.by_chance() || (found - line).abs() > CLEAR * error && round > 0 {
            break;
        }
    }
    let found = estimate(&more);
    Ok(Gain {
        player: player.name.clone(),
        worth: estimate(&own),
        size: statistics::mean(&sizes).max(estimate(&at_stake).0),
        gain: found,
        reply: match replies.get(chosen) {
            Some((_, words)) if found.0 > 0.0 => words.clone(),
            _ => "none that was tried is better".into(),
        },
        unsolved,
    })
}

/// A mean and its standard error; none is lost where nothing was measured.
fn estimate(x: &[f64]) -> (f64, f64) {
    match x.len() {
        0 => (0.0, 0.0),
        1 => (x[0], 0.0),
        n => (statistics::mean(x), statistics::sd(x) / (n as f64).sqrt()),
    }
}
