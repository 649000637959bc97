//! The loop that plays: a player at every seat of a game, turn by turn.
//!
//! A player learns, or plays a policy that does not change. Whoever is on turn chooses, the game goes on, and whoever is then on turn is told what came of its last
//! choice and may learn from it, so that between two turns nobody on turn has anything left to be told: there a [`checkpoint`] is
//! complete. Learners learn on their own; what the others do is the world to them.

use super::{LearnError, Learner, Metrics, Numbers, Policy, PolicyMemory, decode, encode};
use crate::env::{Actions, Game, Seen, Told};

/// What to do after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Continue,
    /// Stop here; [`checkpoint`] makes the run resumable.
    Stop,
}

/// The player at a seat.
pub trait Player {
    /// Chooses an action for every slot from what it sees.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`] if an observation is no number.
    fn choose(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError>;
    /// Takes in what came of the last choice. `Some` closes a round of learning, with its numbers.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`] if a reward, a loss or a weight is no number.
    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Numbers>, LearnError>;
}

/// Players: one per seat.
pub type Players<'a> = Vec<Box<dyn Player + 'a>>;

/// A player that learns.
pub struct Learning<'a> {
    /// Who learns.
    pub learner: &'a mut dyn Learner,
    /// Whether it has chosen since it began: before, it hears nothing.
    pub acted: &'a mut bool,
}

impl Player for Learning<'_> {
    fn choose(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        *self.acted = true;
        self.learner.act(seen, actions)
    }

    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Numbers>, LearnError> {
        if !*self.acted {
            return Ok(None);
        }
        self.learner.told(told)?;
        self.learner.learn()
    }
}

/// A player whose policy does not change.
pub struct FixedPlayer<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// What it carries from turn to turn.
    pub actor: &'a mut PolicyMemory,
    /// Decision makers.
    pub slots: usize,
    /// Means and most likely choices, without chance of its own.
    pub deterministic: bool,
}

impl Player for FixedPlayer<'_> {
    fn choose(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        let (observation, mask) = (seen.observation, seen.mask);
        self.policy
            .act(self.actor, observation, mask, self.slots, self.deterministic, actions);
        Ok(())
    }

    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Numbers>, LearnError> {
        self.policy.forget(self.actor, |slot| told.ended(slot));
        Ok(None)
    }
}

/// Plays one turn. Returns one (seat, numbers) for each seat that closed a round. `players` has one player per seat.
///
/// # Errors
/// That of a player, with its seat.
pub fn turn(players: &mut Players<'_>, game: &mut dyn Game) -> Result<Vec<(usize, Numbers)>, (usize, LearnError)> {
    let mut actions = Actions::default();
    for seat in game.turn().to_vec() {
        players[seat]
            .choose(&game.seen(seat), &mut actions)
            .map_err(|e| (seat, e))?;
        game.act(seat, &actions);
    }
    game.proceed();
    let mut closed = Vec::new();
    for seat in game.turn() {
        if let Some(told) = game.told(*seat)
            && let Some(numbers) = players[*seat].hear(&told).map_err(|e| (*seat, e))?
        {
            closed.push((*seat, numbers));
        }
    }
    Ok(closed)
}

/// Plays until somebody closes a round, and returns one (seat, numbers) for each that did. One of the players must
/// learn.
///
/// # Errors
/// Those of [`turn`].
pub fn until_closed(
    players: &mut Players<'_>,
    game: &mut dyn Game,
) -> Result<Vec<(usize, Numbers)>, (usize, LearnError)> {
    until_closed_or(players, game, u64::MAX)
}

/// As [`until_closed`], but for `most` turns at most; empty where nobody has closed a round by then.
///
/// # Errors
/// Those of [`turn`].
pub fn until_closed_or(
    players: &mut Players<'_>,
    game: &mut dyn Game,
    most: u64,
) -> Result<Vec<(usize, Numbers)>, (usize, LearnError)> {
    for _ in 0..most {
        let closed = turn(players, game)?;
        if !closed.is_empty() {
            return Ok(closed);
        }
    }
    Ok(Vec::new())
}

/// Warm start at the only seat of a game, before the first round: the learner tries out what it starts from, and the game restarts
/// from `seed`. Returns what is to be said of the tries.
///
/// # Errors
/// Those of [`Learner::warm_start`].
pub fn begin(learner: &mut dyn Learner, game: &mut dyn Game, seed: u64) -> Result<Option<String>, LearnError> {
    let said = learner.warm_start(game, seed)?;
    game.reset(seed);
    let _ = game.take_returns(0);
    Ok(said)
}

/// One round of a learner at the only seat of a game (always the same one).
///
/// # Errors
/// [`LearnError::NotFinite`] when an observation, a reward or a weight stops being a number.
pub fn round(learner: &mut dyn Learner, game: &mut dyn Game) -> Result<Metrics, LearnError> {
    let mut acted = true;
    let mut players: Players<'_> = vec![Box::new(Learning {
        learner: &mut *learner,
        acted: &mut acted,
    })];
    let closed = until_closed(&mut players, game).map_err(|(_, e)| e)?;
    drop(players);
    let values = closed.into_iter().flat_map(|(_, numbers)| numbers).collect();
    Ok(Metrics {
        steps: learner.steps(),
        episode_returns: game.take_returns(0),
        values,
    })
}

/// Rounds at the only seat of a game until the steps are used up or the callback stops it. The callback sees learner and game between
/// rounds, where a [`checkpoint`] is complete. Returns whether training is over.
///
/// # Errors
/// Those of [`round`].
pub fn train(
    learner: &mut dyn Learner,
    game: &mut dyn Game,
    mut report: impl FnMut(&Metrics, &dyn Learner, &dyn Game) -> Next,
) -> Result<bool, LearnError> {
    while !learner.is_done() {
        let metrics = round(learner, game)?;
        if report(&metrics, learner, game) == Next::Stop {
            return Ok(learner.is_done());
        }
    }
    Ok(true)
}

/// Learners (one per seat) and their game between two turns, as bytes.
pub fn checkpoint<'a>(learners: impl IntoIterator<Item = &'a dyn Learner>, game: &dyn Game) -> Vec<u8> {
    let learners: Vec<(&str, Vec<u8>)> = learners.into_iter().map(|l| (l.method(), l.save())).collect();
    encode(&(learners, game.save_state()))
}

/// Continues all from a [`checkpoint`].
///
/// # Errors
/// [`LearnError::Mismatch`] if they are of another number, kind or size, or the bytes are damaged.
pub fn resume<'a>(
    bytes: &[u8],
    learners: impl IntoIterator<Item = &'a mut (dyn Learner + 'static)>,
    game: &mut dyn Game,
) -> Result<(), LearnError> {
    let (states, world): (Vec<(String, Vec<u8>)>, Vec<u8>) = decode(bytes)?;
    let learners: Vec<&mut (dyn Learner + 'static)> = learners.into_iter().collect();
    if learners.len() != states.len() {
        let what = format!("{} learners were saved, not {}", states.len(), learners.len());
        return Err(LearnError::Mismatch { what });
    }
    for (learner, (method, state)) in learners.into_iter().zip(states) {
        if method != learner.method() {
            let what = format!("it was saved by `{method}`, not `{}`", learner.method());
            return Err(LearnError::Mismatch { what });
        }
        learner.load(&state)?;
    }
    game.load_state(&world).map_err(|what| LearnError::Mismatch { what })
}

/// A policy that does not change and whose episodes are counted.
struct Counted<'a> {
    standing: FixedPlayer<'a>,
    /// Episodes of each slot that count.
    each: usize,
    running: &'a mut [f64],
    returns: &'a mut [Vec<f64>],
}

impl Player for Counted<'_> {
    fn choose(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        self.standing.choose(seen, actions)
    }

    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Numbers>, LearnError> {
        self.standing.hear(told)?;
        for (s, running) in self.running.iter_mut().enumerate() {
            *running += f64::from(told.reward[s]);
            if told.ended(s) {
                if self.returns[s].len() < self.each {
                    self.returns[s].push(*running);
                }
                *running = 0.0;
            }
        }
        Ok(self.returns.iter().all(|r| r.len() >= self.each).then(Numbers::default))
    }
}

/// Undiscounted returns of `policy` at the only seat of a game that starts from `seed`: one number per episode, at
/// least `episodes` of them if `limit` periods suffice. Every slot gives equally many, its first ones; the episodes
/// that end first over all slots would be the short ones.
pub fn evaluate(
    policy: &Policy,
    game: &mut dyn Game,
    deterministic: bool,
    seed: u64,
    episodes: usize,
    limit: usize,
) -> Vec<f64> {
    game.reset(seed);
    let slots = game.seats()[0].slots;
    let mut actor = policy.actor(slots, seed);
    let (mut running, mut returns) = (vec![0.0; slots], vec![Vec::new(); slots]);
    let mut players: Players<'_> = vec![Box::new(Counted {
        standing: FixedPlayer {
            policy,
            actor: &mut actor,
            slots,
            deterministic,
        },
        each: episodes.div_ceil(slots.max(1)),
        running: &mut running,
        returns: &mut returns,
    })];
    for _ in 0..limit {
        // A policy that does not change makes no errors, and closes when all its episodes are counted.
        if turn(&mut players, game).map_or(true, |closed| !closed.is_empty()) {
            break;
        }
    }
    drop(players);
    let _ = game.take_returns(0);
    returns.concat()
}

#[cfg(test)]
#[path = "play_tests.rs"]
mod tests;
