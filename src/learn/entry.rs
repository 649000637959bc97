//! What a learner says of itself, in its own file, beside its options; `methods.rs` lists them.
//!
//! Some options mean the same to whoever plays, whichever learner has them: `steps` and `worlds` (every learner), `horizon` (periods between
//! two updates), `common_chance` (worlds that meet the same shocks).

use super::options::{OptionInfo, OptionTable, Value};
use super::{LearnError, Learner, check_seat};
use crate::check::model::Setting;
use crate::check::settings::Key;
use crate::env::Seat;

/// The choices that a learner knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choices {
    /// Finite and continuous ones.
    Any,
    /// Finite ones: actions with a grid in the file are then choices, other continuous ones become a grid.
    Finite,
    /// Continuous ones alone.
    Continuous,
}

impl Choices {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Choices::Any => "finite and continuous choices",
            Choices::Finite => "finite choices; continuous ones become a grid",
            Choices::Continuous => "continuous choices",
        }
    }
}

/// Makes a learner from its options, for a seat and a seed.
pub type Build<O> = fn(O, &Seat, u64) -> Result<Box<dyn Learner>, LearnError>;

/// The options of a learner with all that is to be known of it.
pub trait LearnerOptions: OptionTable {
    /// What it is, in one line.
    const ABOUT: &'static str;
    /// What `econc tune` searches where nothing is said, as one types it behind `--search`: one text per option.
    const SEARCH: &'static [&'static str];
    /// The choices that it knows.
    const CHOICES: Choices = Choices::Any;
    /// Whether its policies remember what they have seen.
    const REMEMBERS: bool = false;
    /// Whether it learns for members who earn one reward together, and for nobody else.
    const COMMON_REWARD: bool = false;
    /// Whether it can stand still between two updates while others learn.
    const PAUSES: bool = false;
    /// Where neither the model nor the file says when an episode ends: until the discount factor has fallen to this, and at least so many periods.
    const EPISODE: (f64, usize) = (1e-3, 200);
    /// Keys of `train { }` that no other learner reads and that are no options of it, such as the spelling of a paper.
    const KEYS: &'static [Key] = &[];
    /// Whether every option is in its range.
    ///
    /// # Errors
    /// [`LearnError::BadOption`].
    fn in_range(&self) -> Result<(), LearnError>;
    /// What a key of `train { }` says in options, one (option, value) each, where that is not the value itself: always for [`Self::KEYS`].
    fn spelled(_key: &str, _value: &Setting) -> Option<Vec<(&'static str, Value)>> {
        None
    }
    /// Why an option that was said changes nothing with the others as they are.
    fn idle(&self, _key: &str) -> Option<&'static str> {
        None
    }
    /// Whether it looks at what only a central critic sees, while it learns.
    fn joint(&self) -> bool {
        false
    }
    /// Memory beside a round of play, about, in bytes: what it remembers, its networks with their gradients, moments and copies. A round
    /// has so many steps, in each of which `width` numbers are seen.
    fn bytes(&self, _round: u64, _width: f64) -> f64 {
        0.0
    }
    /// How it is built; `None` if this program was built without it.
    fn build() -> Option<Build<Self>> {
        None
    }
    /// Refuses a seat at which it cannot learn.
    ///
    /// # Errors
    /// [`LearnError::Unsuitable`].
    fn suits(seat: &Seat) -> Result<(), LearnError> {
        check_seat(seat, Self::METHOD)?;
        if Self::CHOICES == Choices::Continuous && !seat.space.discrete.is_empty() {
            return Err(LearnError::Unsuitable {
                method: Self::METHOD,
                reason: "a choice is finite, and its policy is continuous".into(),
                instead: "ppo",
            });
        }
        Ok(())
    }
}

/// Options and their values: one pair per option.
pub type Said = [(String, Value)];

/// A learner as the list has it.
#[derive(Clone, Copy, Debug)]
pub struct LearnerInfo {
    /// Its name, as in `train ppo`.
    pub method: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// What `econc tune` searches by default: one text per option.
    pub search: &'static [&'static str],
    /// The choices that it knows.
    pub choices: Choices,
    /// Whether its policies remember what they have seen.
    pub remembers: bool,
    /// Whether it learns for members who earn one reward together, and for nobody else.
    pub common_reward: bool,
    /// Whether it can stand still between two updates while others learn.
    pub pauses: bool,
    /// See [`LearnerOptions::EPISODE`].
    pub episode: (f64, usize),
    /// Keys of `train { }` that are its alone and no options.
    pub keys: &'static [Key],
    /// Its options: one entry per option.
    pub table: fn() -> Vec<OptionInfo>,
    /// What a key says in options; see [`LearnerOptions::spelled`].
    pub spelled: fn(&str, &Setting) -> Option<Vec<(&'static str, Value)>>,
    /// Whether this program was built with it.
    pub built: fn() -> bool,
    /// Whether an option takes a value, its range aside.
    pub(super) takes: fn(&str, &Value) -> Result<(), LearnError>,
    /// The faults of options that are set on the defaults, each with the number of the entry it is about.
    pub(super) faults: fn(&Said) -> Vec<(usize, LearnError)>,
    /// The options that change nothing with the others as they are, each by the number of its entry, and why.
    pub(super) idle: fn(&Said) -> Vec<(usize, &'static str)>,
    /// Whether it looks at what only a central critic sees.
    pub(super) joint: fn(&Said) -> bool,
    /// Memory beside a round of so many steps, for observations of this width.
    pub(super) bytes: fn(&Said, u64, f64) -> f64,
    /// The learner with these options; `None` if this program was built without it.
    pub(super) learner: fn(&Said, &Seat, u64) -> Option<Result<Box<dyn Learner>, LearnError>>,
}

impl LearnerInfo {
    /// What is known of the learner with these options.
    pub const fn of<O: LearnerOptions>() -> LearnerInfo {
        LearnerInfo {
            method: O::METHOD,
            about: O::ABOUT,
            search: O::SEARCH,
            choices: O::CHOICES,
            remembers: O::REMEMBERS,
            common_reward: O::COMMON_REWARD,
            pauses: O::PAUSES,
            episode: O::EPISODE,
            keys: O::KEYS,
            table: O::table,
            spelled: O::spelled,
            built: || O::build().is_some(),
            takes: |key, value| O::default().set(key, value),
            faults: faults::<O>,
            idle: idle::<O>,
            joint: |said| set::<O>(said).is_ok_and(|o| o.joint()),
            bytes: |said, round, width| set::<O>(said).map_or(0.0, |o| o.bytes(round, width)),
            learner: |said, seat, seed| O::build().map(|build| build(set::<O>(said)?, seat, seed)),
        }
    }
}

/// The defaults with these options set.
fn set<O: LearnerOptions>(said: &Said) -> Result<O, LearnError> {
    let mut options = O::default();
    for (key, value) in said {
        options.set(key, value)?;
    }
    Ok(options)
}

fn idle<O: LearnerOptions>(said: &Said) -> Vec<(usize, &'static str)> {
    let Ok(options) = set::<O>(said) else {
        return Vec::new();
    };
    let reasons = said.iter().enumerate();
    reasons
        .filter_map(|(i, (key, _))| Some((i, options.idle(key)?)))
        .collect()
}

fn faults<O: LearnerOptions>(said: &Said) -> Vec<(usize, LearnError)> {
    let mut options = O::default();
    let mut faults = Vec::new();
    for (i, (key, value)) in said.iter().enumerate() {
        if let Err(e) = options.set(key, value) {
            faults.push((i, e));
        }
    }
    if faults.is_empty()
        && let Err(e) = options.in_range()
    {
        let about = match &e {
            LearnError::BadOption { key, .. } => said.iter().position(|(k, _)| k == key),
            LearnError::UnknownOption { .. }
            | LearnError::Unsuitable { .. }
            | LearnError::NotFinite { .. }
            | LearnError::Mismatch { .. } => None,
        };
        faults.push((about.unwrap_or(0), e));
    }
    faults
}
