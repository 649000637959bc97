//! Learners: neural and tabular policies from play alone.
//!
//! A learner comes from options, the shape of its seat ([`Seat`]) and a seed, and never holds an environment: it acts when asked,
//! hears what came of it, and learns when it has seen enough. [`play`] has the only loop that plays, with a player at every
//! seat of a game; [`training`] is a run. What it saves is everything it depends on: a run that is saved, killed and resumed equals one
//! that was not, to the bit.
//!
//! One learner, one file (soft actor-critic has two ways to learn, and a file for each), always in the same order: header with the algorithm and its reference, options, what is to be known of it
//! ([`LearnerOptions`]), the learner, its construction, its gradient step, its [`Learner`] implementation, tests; and one line in
//! [`methods`]. Shared mathematics has files of its own:
//! [`on_policy`] (actor and critic), [`rollout`] (advantages), [`replay`] (memories), [`distribution`],
//! [`normalize`], [`nets`].

pub mod a2c;
pub mod central;
pub mod centre;
#[cfg(feature = "learn")]
pub mod chance;
pub mod critic;
pub mod distribution;
pub mod dqn;
#[cfg(feature = "learn")]
mod effects;
pub mod entry;
pub mod export;
mod footprint;
mod held;
mod idle;
pub mod impala;
pub mod measure;
pub mod methods;
pub mod nets;
pub mod normalize;
#[cfg(feature = "learn")]
pub mod off_policy;
#[cfg(feature = "learn")]
pub mod on_policy;
pub mod onnx;
pub mod options;
#[cfg(all(test, feature = "learn"))]
mod options_tests;
pub mod plan;
pub mod play;
pub mod policy;
pub mod ppo;
pub mod q_learning;
pub mod q_table;
pub mod qmix;
pub mod ran2;
mod ranges;
pub mod recurrent_ppo;
pub mod repeated_game;
pub mod replay;
pub mod rollout;
mod rows;
pub mod sac;
mod self_play;
mod separate;
pub mod sessions;
pub mod settings;
pub mod spaces;
pub mod strategies;
#[cfg(test)]
mod tests;
pub mod training;
pub mod translation;
pub mod tune;
pub mod v_trace;
pub mod worlds;

pub use entry::LearnerOptions;
pub use options::{OptionInfo, OptionTable, Value};
pub use play::{Next, begin, checkpoint, evaluate, resume, round, train};
pub use policy::{Policy, PolicyMemory};

use crate::diag::Diagnostic;
use crate::env::{Actions, Game, Seat, Seen, Told};
use serde::{Serialize, de::DeserializeOwned};

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
    /// Undiscounted returns of the episodes that ended: one per episode, in order of world.
    pub episode_returns: Vec<f64>,
    /// Named numbers of the learner: one (name, number) per loss, entropy, divergence or rate.
    pub values: Vec<(&'static str, f64)>,
}

impl Metrics {
    /// A named number.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
    }
}

/// Numbers by name.
pub type Numbers = Vec<(&'static str, f64)>;

/// A learner at one seat. In every period it acts, is told what came of it, and may learn.
pub trait Learner: Send {
    /// Its name, as in `train ppo`.
    fn method(&self) -> &'static str;
    /// Warm start: tries things out before the first period, alone at the only seat of a game that the caller then resets. Nothing by
    /// default. Can be done again, from where it then stands. Returns what is to be said of it.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    fn warm_start(&mut self, _trial: &mut dyn Game, _seed: u64) -> Result<Option<String>, LearnError> {
        Ok(None)
    }
    /// Chooses an action for every slot from what it sees.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`] if an observation is no number.
    fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError>;
    /// Takes in what came of the last choice.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`] if a reward is no number.
    fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError>;
    /// Learns if enough has been played since the last time. `Some` closes a round: its losses, entropy, divergence, rates.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`] if a loss or a weight is no number.
    fn learn(&mut self) -> Result<Option<Numbers>, LearnError>;
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
    /// The learner as bytes, without its environment (see [`checkpoint`]); [`Learner::load`] continues from them bit
    /// for bit.
    fn save(&self) -> Vec<u8>;
    /// Continues from [`Learner::save`].
    ///
    /// # Errors
    /// [`LearnError::Mismatch`] if it was saved by another method, with other sizes, or is damaged.
    fn load(&mut self, bytes: &[u8]) -> Result<(), LearnError>;
}

/// Format of stored learners; raised whenever a stored struct changes.
const FORMAT: u32 = 8;

/// Bytes of a stored struct.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(&(FORMAT, value)).expect("writing plain numbers to a vector cannot fail")
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// [`LearnError::Mismatch`] if the bytes are damaged or of another format.
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

/// Puts a stored learner, [`Learner::save`]'s bytes, in the place of `learner` if it `fits(stored, learner)`: same seat, options and sizes.
///
/// # Errors
/// [`LearnError::Mismatch`] if the bytes are damaged, of another format, or do not fit.
pub(crate) fn restore<L: Learner + DeserializeOwned>(
    learner: &mut L,
    bytes: &[u8],
    fits: impl Fn(&L, &L) -> bool,
) -> Result<(), LearnError> {
    let stored: L = decode(bytes)?;
    if !fits(&stored, learner) {
        return Err(LearnError::Mismatch {
            what: "spaces, slots, options or sizes differ".into(),
        });
    }
    stored.policy().check()?;
    *learner = stored;
    Ok(())
}

/// Refuses numbers (any shape) of which one is not finite; `what` names them.
///
/// # Errors
/// [`LearnError::NotFinite`].
pub(crate) fn all_finite(what: &'static str, x: &[f32], steps: u64) -> Result<(), LearnError> {
    if x.iter().all(|v| v.is_finite()) {
        Ok(())
    } else {
        Err(LearnError::NotFinite { what, steps })
    }
}

/// Refuses a loss, a mean over one update, that is not finite.
///
/// # Errors
/// [`LearnError::NotFinite`].
#[cfg(feature = "learn")]
pub(crate) fn finite_loss(what: &'static str, loss: f64, steps: u64) -> Result<(), LearnError> {
    if loss.is_finite() {
        Ok(())
    } else {
        Err(LearnError::NotFinite { what, steps })
    }
}

/// The discount factor (per period) that a learner uses: its option, else the model's.
///
/// # Errors
/// [`LearnError::BadOption`] if it is not between 0 and 1.
pub(crate) fn discount_of(option: Option<f64>, seat: &Seat) -> Result<f32, LearnError> {
    let discount = option.unwrap_or(seat.discount as f64);
    options::in_range(
        (0.0..=1.0).contains(&discount),
        "discount",
        discount,
        "a number between 0 and 1",
    )?;
    Ok(discount as f32)
}

/// Refuses a seat where nothing is seen, nothing is chosen or nobody chooses.
///
/// # Errors
/// [`LearnError::Unsuitable`].
pub(crate) fn check_seat(seat: &Seat, method: &'static str) -> Result<(), LearnError> {
    let reason = if seat.slots == 0 {
        "there is no decision maker"
    } else if seat.observation_width == 0 {
        "nothing is observed"
    } else if seat.space.continuous + seat.space.discrete.len() == 0 {
        "nothing is chosen"
    } else if seat.space.discrete.contains(&0) {
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
