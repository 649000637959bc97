//! The loops that play: a learner in its rounds, and a policy in whole episodes.

use super::{LearnError, Learner, Metrics, Policy, decode, encode};
use crate::env::{Actions, Seen, Told, VectorEnvironment};

/// What to do after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Continue,
    /// Stop here; [`checkpoint`] makes the run resumable.
    Stop,
}

/// Before the first round: the learner tries out what it starts from, and the environment is restarted from `seed`.
///
/// # Errors
/// Those of [`Learner::warm_start`].
pub fn begin(learner: &mut dyn Learner, env: &mut dyn VectorEnvironment, seed: u64) -> Result<(), LearnError> {
    learner.warm_start(env, seed)?;
    env.reset(seed);
    let _ = env.take_episode_returns();
    Ok(())
}

/// Plays in `env` (always the same one) until the learner has closed a round.
///
/// # Errors
/// [`LearnError::NotFinite`] when an observation, a reward or a weight stops being a number.
pub fn round(learner: &mut dyn Learner, env: &mut dyn VectorEnvironment) -> Result<Metrics, LearnError> {
    let mut actions = Actions::default();
    loop {
        learner.act(&Seen::of(env), &mut actions)?;
        env.step(&actions.continuous, &actions.discrete);
        learner.told(&Told::of(env))?;
        if let Some(values) = learner.learn()? {
            return Ok(Metrics {
                steps: learner.steps(),
                episode_returns: env.take_episode_returns(),
                values,
            });
        }
    }
}

/// Rounds until the steps are used up or the callback stops it. The callback sees learner and environment between
/// rounds, where a [`checkpoint`] is complete. Returns whether training is over.
///
/// # Errors
/// Those of [`round`].
pub fn train(
    learner: &mut dyn Learner,
    env: &mut dyn VectorEnvironment,
    mut report: impl FnMut(&Metrics, &dyn Learner, &dyn VectorEnvironment) -> Next,
) -> Result<bool, LearnError> {
    while !learner.is_done() {
        let metrics = round(learner, env)?;
        if report(&metrics, learner, env) == Next::Stop {
            return Ok(learner.is_done());
        }
    }
    Ok(true)
}

/// A learner and its environment between two rounds, as bytes.
pub fn checkpoint(learner: &dyn Learner, env: &dyn VectorEnvironment) -> Vec<u8> {
    encode(&(learner.method(), learner.save(), env.save_state()))
}

/// Continues both from a [`checkpoint`].
///
/// # Errors
/// [`LearnError::Mismatch`] if they are of another kind or size, or the bytes are damaged.
pub fn resume(bytes: &[u8], learner: &mut dyn Learner, env: &mut dyn VectorEnvironment) -> Result<(), LearnError> {
    let (method, state, world): (String, Vec<u8>, Vec<u8>) = decode(bytes)?;
    if method != learner.method() {
        let what = format!("it was saved by `{method}`, not `{}`", learner.method());
        return Err(LearnError::Mismatch { what });
    }
    learner.load(&state)?;
    env.load_state(&world).map_err(|what| LearnError::Mismatch { what })
}

/// Undiscounted returns of at least `episodes` episodes of `policy` from `seed`, as many from every slot (its first ones: among those
/// that end first in all slots together the short ones would be too many), within `limit` periods.
pub fn evaluate(
    policy: &Policy,
    env: &mut dyn VectorEnvironment,
    deterministic: bool,
    seed: u64,
    episodes: usize,
    limit: usize,
) -> Vec<f64> {
    env.reset(seed);
    let _ = env.take_episode_returns();
    let slots = env.slots();
    let each = episodes.div_ceil(slots.max(1));
    let mut actor = policy.actor(slots, seed);
    let mut actions = Actions::default();
    let (mut running, mut returns) = (vec![0.0; slots], vec![Vec::new(); slots]);
    for _ in 0..limit {
        let mask = env.mask().to_vec();
        policy.act(&mut actor, env.observation(), &mask, slots, deterministic, &mut actions);
        env.step(&actions.continuous, &actions.discrete);
        let ended = |s: usize| env.terminated()[s] || env.truncated()[s];
        policy.forget(&mut actor, ended);
        for s in 0..slots {
            running[s] += f64::from(env.reward()[s]);
            if ended(s) {
                if returns[s].len() < each {
                    returns[s].push(running[s]);
                }
                running[s] = 0.0;
            }
        }
        if returns.iter().all(|r| r.len() >= each) {
            break;
        }
    }
    let _ = env.take_episode_returns();
    returns.concat()
}
