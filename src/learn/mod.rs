//! Learners: neural and tabular policies from play alone, on any [`VectorEnvironment`].
//!
//! A learner is made from options, an environment and a seed; [`Learner::update`] plays one stretch and learns from it;
//! [`train`] repeats that until the steps are used up, reporting through a callback. Everything a run depends on is in
//! [`checkpoint`]: a run that is saved, killed and resumed equals one that was not, to the bit.
//!
//! One learner, one file, always in the same order: header with the algorithm and its reference, options, the learner,
//! its construction, its update, its [`Learner`] implementation, tests. What is the same mathematics is shared:
//! [`on_policy`] (actor and critic, play), [`rollout`] (advantages), [`replay`] (memories), [`distribution`],
//! [`normalize`], [`nets`].

#[cfg(feature = "learn")]
pub mod a2c;
pub mod centre;
pub mod critic;
pub mod distribution;
#[cfg(feature = "learn")]
pub mod dqn;
pub mod export;
pub mod methods;
pub mod nets;
pub mod normalize;
#[cfg(feature = "learn")]
pub mod off_policy;
#[cfg(feature = "learn")]
pub mod on_policy;
pub mod options;
pub mod plan;
pub mod policy;
#[cfg(feature = "learn")]
pub mod ppo;
pub mod q_learning;
pub mod q_table;
pub mod ran2;
#[cfg(feature = "learn")]
pub mod recurrent_ppo;
pub mod repeated_game;
pub mod replay;
pub mod rollout;
#[cfg(feature = "learn")]
pub mod sac;
pub mod settings;
pub mod spaces;
#[cfg(test)]
mod tests;
pub mod training;
pub mod translation;
pub mod tune;
pub mod worlds;

pub use options::{LearnerOptions, OptionInfo, Value};
pub use policy::{Actor, Policy};

use crate::diag::Diagnostic;
use crate::env::VectorEnvironment;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Why a learner cannot start, go on or be restored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LearnError {
    /// The method has no such option.
    #[error("`{method}` has no option `{key}`")]
    UnknownOption {
        /// The learner.
        method: &'static str,
        /// What was typed.
        key: String,
        /// What could have been.
        known: Vec<&'static str>,
    },
    /// The option cannot take this value.
    #[error("option `{key}` cannot be `{value}`")]
    BadOption {
        /// The option.
        key: String,
        /// The value.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// The learner cannot handle this environment.
    #[error("`{method}` cannot learn in this environment: {reason}")]
    Unsuitable {
        /// The learner.
        method: &'static str,
        /// Why.
        reason: String,
        /// A learner that can.
        instead: &'static str,
    },
    /// A number became infinite or not a number.
    #[error("{what} became infinite or not a number after {steps} steps")]
    NotFinite {
        /// Which number.
        what: &'static str,
        /// When.
        steps: u64,
    },
    /// A stored learner, policy or environment does not fit.
    #[error("what was stored does not fit: {what}")]
    Mismatch {
        /// What does not.
        what: String,
    },
}

impl From<LearnError> for Diagnostic {
    fn from(error: LearnError) -> Diagnostic {
        let headline = error.to_string();
        match error {
            LearnError::UnknownOption { known, .. } => {
                Diagnostic::error("E0801", headline).note(format!("options: {}", known.join(", ")))
            }
            LearnError::BadOption { expected, .. } => {
                Diagnostic::error("E0805", headline).hint(format!("it takes: {expected}"))
            }
            LearnError::Unsuitable { instead, .. } => {
                Diagnostic::error("E0923", headline).hint(format!("use `train {instead}`"))
            }
            LearnError::NotFinite { .. } => Diagnostic::error("E0924", headline).hint(
                "look at the state where it happened with `econc simulate`, bound the reward, or lower `learning_rate`",
            ),
            LearnError::Mismatch { .. } => Diagnostic::error("E0925", headline)
                .hint("resume with the model and the settings the run was started with"),
        }
    }
}

/// What one update did.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Metrics {
    /// Environment steps so far, all slots counted.
    pub steps: u64,
    /// Returns of the episodes that ended, in order of world.
    pub episode_returns: Vec<f64>,
    /// Named numbers of the learner: losses, entropy, divergence, rates.
    pub values: Vec<(&'static str, f64)>,
}

impl Metrics {
    /// A named number.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
    }
}

/// A learner bound to the shape of one environment.
pub trait Learner: Send {
    /// Its name, as in `train ppo`.
    fn method(&self) -> &'static str;
    /// Plays one stretch in `env` (always the same one) and learns from it.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`] when an observation, a reward or a weight stops being a number.
    fn update(&mut self, env: &mut dyn VectorEnvironment) -> Result<Metrics, LearnError>;
    /// The policy as it stands.
    fn policy(&self) -> Policy;
    /// Environment steps done, all slots counted.
    fn steps(&self) -> u64;
    /// Environment steps to do.
    fn total_steps(&self) -> u64;
    /// Whether training is over.
    fn is_done(&self) -> bool {
        self.steps() >= self.total_steps()
    }
    /// Everything needed to continue to the bit, but for the environment (see [`checkpoint`]).
    fn save(&self) -> Vec<u8>;
    /// Continues from [`Learner::save`].
    ///
    /// # Errors
    /// [`LearnError::Mismatch`] if it was saved by another method, with other sizes, or is damaged.
    fn load(&mut self, bytes: &[u8]) -> Result<(), LearnError>;
}

/// What to do after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    Continue,
    /// Stop here; [`checkpoint`] makes the run resumable.
    Stop,
}

/// Updates until the steps are used up or the callback stops it. The callback sees learner and environment between
/// updates, where a [`checkpoint`] is complete. Returns whether training is over.
///
/// # Errors
/// Those of [`Learner::update`].
pub fn train(
    learner: &mut dyn Learner,
    env: &mut dyn VectorEnvironment,
    mut report: impl FnMut(&Metrics, &dyn Learner, &dyn VectorEnvironment) -> Next,
) -> Result<bool, LearnError> {
    while !learner.is_done() {
        let metrics = learner.update(env)?;
        if report(&metrics, learner, env) == Next::Stop {
            return Ok(learner.is_done());
        }
    }
    Ok(true)
}

/// A learner and its environment between two updates, as bytes.
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
    let (mut continuous, mut discrete) = (Vec::new(), Vec::new());
    let (mut running, mut returns) = (vec![0.0; slots], vec![Vec::new(); slots]);
    for _ in 0..limit {
        let mask = env.mask().to_vec();
        policy.act(
            &mut actor,
            env.observation(),
            &mask,
            slots,
            deterministic,
            &mut continuous,
            &mut discrete,
        );
        env.step(&continuous, &discrete);
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

/// Format of stored learners; raised whenever a stored struct changes.
const FORMAT: u32 = 2;

/// Bytes of a stored struct.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(&(FORMAT, value)).expect("writing plain numbers to a vector cannot fail")
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, LearnError> {
    let damaged = |_| LearnError::Mismatch {
        what: "the bytes are damaged or of another version".into(),
    };
    let (format, rest): (u32, &[u8]) = postcard::take_from_bytes(bytes).map_err(damaged)?;
    if format != FORMAT {
        return Err(LearnError::Mismatch {
            what: format!("format {format}, expected {FORMAT}"),
        });
    }
    postcard::from_bytes(rest).map_err(damaged)
}

/// Fails if any number is not finite.
pub(crate) fn all_finite(what: &'static str, x: &[f32], steps: u64) -> Result<(), LearnError> {
    if x.iter().all(|v| v.is_finite()) {
        Ok(())
    } else {
        Err(LearnError::NotFinite { what, steps })
    }
}

/// Fails if a loss, a mean over one update, is not finite.
#[cfg(feature = "learn")]
pub(crate) fn finite_loss(what: &'static str, loss: f64, steps: u64) -> Result<(), LearnError> {
    if loss.is_finite() {
        Ok(())
    } else {
        Err(LearnError::NotFinite { what, steps })
    }
}

/// The discount a learner uses: its option, else the model's.
pub(crate) fn discount_of(option: Option<f64>, env: &dyn VectorEnvironment) -> Result<f32, LearnError> {
    let discount = option.unwrap_or(env.discount() as f64);
    options::in_range(
        (0.0..=1.0).contains(&discount),
        "discount",
        discount,
        "a number between 0 and 1",
    )?;
    Ok(discount as f32)
}

/// What a stored learner must have in common with the environment it goes on in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub slots: usize,
    pub observation_width: usize,
    pub space: crate::env::ActionSpace,
}

impl Shape {
    pub fn of(env: &dyn VectorEnvironment) -> Shape {
        Shape {
            slots: env.slots(),
            observation_width: env.observation_width(),
            space: env.action_space().clone(),
        }
    }
    /// Fails where there is nothing to see, nothing to do or nobody to do it.
    pub fn check(&self, method: &'static str) -> Result<(), LearnError> {
        let reason = if self.slots == 0 {
            "there is no decision maker"
        } else if self.observation_width == 0 {
            "nothing is observed"
        } else if self.space.continuous + self.space.discrete.len() == 0 {
            "nothing is chosen"
        } else if self.space.discrete.contains(&0) {
            "an action has no choices"
        } else {
            return Ok(());
        };
        Err(LearnError::Unsuitable {
            method,
            reason: reason.into(),
            instead: "another model",
        })
    }
}
