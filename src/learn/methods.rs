//! The learners in one list, and a learner with its options. A learner is one file that implements [`LearnerOptions`] and one line in
//! [`LEARNERS`]; `train NAME { }`, `econc train --list`, the messages and the searches of `econc tune` read from it.
//!
//! [`LearnerOptions`]: super::entry::LearnerOptions

use super::a2c::A2cOptions;
use super::dqn::DqnOptions;
use super::entry::{Choices, LearnerInfo};
use super::impala::ImpalaOptions;
use super::options::Value;
use super::ppo::PpoOptions;
use super::q_learning::QLearningOptions;
use super::qmix::QmixOptions;
use super::recurrent_ppo::RecurrentPpoOptions;
use super::sac::SacOptions;
use super::self_play::SelfPlay;
use super::separate::Separate;
use super::{LearnError, Learner};
use crate::diag::Diagnostic;
use crate::env::Seat;

/// Every learner, whether this program was built with it or not; the first that it was built with is taken where nothing is said.
pub static LEARNERS: &[LearnerInfo] = &[
    LearnerInfo::of::<PpoOptions>(),
    LearnerInfo::of::<RecurrentPpoOptions>(),
    LearnerInfo::of::<A2cOptions>(),
    LearnerInfo::of::<ImpalaOptions>(),
    LearnerInfo::of::<DqnOptions>(),
    LearnerInfo::of::<SacOptions>(),
    LearnerInfo::of::<QLearningOptions>(),
    LearnerInfo::of::<QmixOptions>(),
];

/// The learner of this name.
///
/// # Errors
/// E0804 with the names there are.
pub fn learner(name: &str) -> Result<&'static LearnerInfo, Diagnostic> {
    LEARNERS.iter().find(|l| l.method == name).ok_or_else(|| {
        let known: Vec<String> = LEARNERS.iter().map(|l| l.method.to_string()).collect();
        crate::check::settings::unknown_word("learner", name, &known)
    })
}

/// The learner that is taken where nothing is said.
pub fn usual() -> &'static str {
    let built = LEARNERS.iter().find(|l| (l.built)());
    built.map_or(LEARNERS[0].method, |l| l.method)
}

/// Fewest periods of a stretch; a shorter budget of steps reduces the number of worlds instead.
const SHORTEST: usize = 16;

/// How a learner learns beside others, whichever it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// Members have policies of their own.
    pub separate: bool,
    /// Updates of one before the next has its turn; all at once without.
    pub alternate: Option<u64>,
    /// Most past selves that members meet; only themselves as they are without.
    pub past_selves: Option<usize>,
    /// Share of the episodes in which they do; half of them unless said.
    pub past_share: Option<f64>,
}

/// A learner with its options.
#[derive(Clone, Debug)]
pub struct Method {
    learner: &'static LearnerInfo,
    /// Every option, in the order of the table.
    options: Vec<(String, Value)>,
    /// How it learns beside others.
    pub beside: Beside,
}

impl PartialEq for Method {
    fn eq(&self, other: &Method) -> bool {
        self.learner.method == other.learner.method && self.options == other.options && self.beside == other.beside
    }
}

/// As in a file: `train ppo { steps = 1000; worlds = 8 }`, with every option.
impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let options: Vec<String> = self
            .options
            .iter()
            .map(|(k, v)| format!("{k} = {}", v.show()))
            .chain(self.beside.words())
            .collect();
        write!(f, "train {} {{ {} }}", self.learner.method, options.join("; "))
    }
}

impl Beside {
    /// As in a file, one text per key that is said.
    fn words(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.separate {
            out.push("policies = separate".to_string());
        }
        out.extend(self.alternate.map(|n| format!("alternate = {n}")));
        out.extend(self.past_selves.map(|n| format!("past_selves = {n}")));
        out.extend(self.past_share.map(|x| format!("past_share = {x}")));
        out
    }
}

impl Method {
    /// The learner of this name with its defaults; `None` if this program has no such learner.
    pub fn named(name: &str) -> Option<Method> {
        let learner = LEARNERS.iter().find(|l| l.method == name && (l.built)())?;
        let options = (learner.table)()
            .into_iter()
            .map(|o| (o.key.to_string(), Value::parse(&o.default)));
        Some(Method {
            learner,
            options: options.collect(),
            beside: Beside::default(),
        })
    }

    /// What is known of the learner, whatever its options.
    pub fn learner_info(&self) -> &'static LearnerInfo {
        self.learner
    }

    /// Its name, as in `train ppo`.
    pub fn name(&self) -> &'static str {
        self.learner.method
    }

    /// Sets an option.
    ///
    /// # Errors
    /// [`LearnError::UnknownOption`] or [`LearnError::BadOption`].
    pub fn set(&mut self, key: &str, value: &Value) -> Result<(), LearnError> {
        (self.learner.takes)(key, value)?;
        for (_, own) in self.options.iter_mut().filter(|(k, _)| k == key) {
            *own = value.clone();
        }
        Ok(())
    }

    /// The whole number of an option, if the learner has it.
    fn whole(&self, key: &str) -> Option<u64> {
        match self.options.iter().find(|(k, _)| k == key)?.1 {
            Value::Number(x) => Some(x as u64),
            Value::Bool(_) | Value::Word(_) | Value::List(_) => None,
        }
    }

    /// The value of an option, if the learner has it.
    pub fn option(&self, key: &str) -> Option<&Value> {
        self.options.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Steps after which a training with these options stops, at most, that is to go on for `steps`: a learner that plays stretches
    /// stops at the end of one, every other at the end of a period, and constants are tried before. Exact where none are.
    pub fn stops_after(&self, members: usize, steps: u64) -> u64 {
        let piece = self.round(members).max(1);
        if self.option("first_policy") == Some(&Value::Word("constant".into())) {
            return steps.max(self.steps() / 10).saturating_add(piece - 1);
        }
        steps.div_ceil(piece).saturating_mul(piece)
    }

    /// The faults of its options, if they have any.
    pub fn is_in_range(&self) -> bool {
        (self.learner.faults)(&self.options).is_empty()
    }

    /// Number of worlds it wants.
    pub fn worlds(&self) -> usize {
        self.whole("worlds").map_or(1, |n| n as usize)
    }

    /// Number of worlds that it wants to have common random numbers.
    pub fn together(&self) -> usize {
        self.whole("common_chance").map_or(1, |n| n as usize)
    }

    /// Whether it wants those worlds to begin alike, too.
    pub fn begins_alike(&self) -> bool {
        matches!(self.option("common_start"), Some(Value::Bool(true)))
    }

    /// Periods between two updates of an on-policy learner.
    pub fn horizon(&self) -> Option<usize> {
        self.whole("horizon").map(|n| n as usize)
    }

    /// Environment steps it learns from.
    pub fn steps(&self) -> u64 {
        self.whole("steps").unwrap_or(1)
    }

    /// Steps of one round: what an on-policy learner plays between two updates with so many members of its agent.
    pub fn round(&self, members: usize) -> u64 {
        (self.worlds() as u64)
            .saturating_mul(self.horizon().unwrap_or(1) as u64)
            .saturating_mul(members as u64)
    }

    /// Memory that it takes, about, in bytes: one round of play, the transitions it remembers, and the networks with their
    /// gradients, moments and copies; for so many members that see `width` numbers each.
    pub fn bytes(&self, members: usize, width: usize) -> f64 {
        let (round, width) = (self.round(members), width.max(1) as f64);
        // Members with policies of their own have a learner each.
        let (learners, each) = match self.beside.separate {
            true => (members as f64, self.round(1)),
            false => (1.0, round),
        };
        // An observation, what was done, and a dozen numbers of the learner's.
        round as f64 * 4.0 * (width + 12.0) + learners * (self.learner.bytes)(&self.options, each, width)
    }

    /// Shortens the horizon, then takes worlds away, until one round is all the steps; the horizon and worlds it
    /// has then, if that changed anything.
    pub fn fit(&mut self, members: usize) -> Option<(usize, usize)> {
        let (steps, together) = (self.steps().max(1), self.together().max(1));
        if self.round(members) <= steps {
            return None;
        }
        let (mut horizon, mut worlds) = (self.horizon(), self.worlds());
        let members = members.max(1) as u64;
        // So many periods at least, before worlds go.
        let least = horizon.map_or(1, |h| h.min(SHORTEST)) as u64;
        let room = usize::try_from(steps / members.saturating_mul(least)).unwrap_or(usize::MAX);
        if room < worlds {
            // Worlds with common random numbers stay together.
            worlds = if room >= together {
                room - room % together
            } else {
                room.max(1)
            };
        }
        if let Some(periods) = &mut horizon {
            let each = members.saturating_mul(worlds as u64);
            let most = usize::try_from(steps.div_ceil(each.max(1)).max(1)).unwrap_or(usize::MAX);
            *periods = (*periods).min(most);
        }
        for (key, own) in &mut self.options {
            match (key.as_str(), horizon) {
                ("worlds", _) => *own = Value::Number(worlds as f64),
                ("horizon", Some(periods)) => *own = Value::Number(periods as f64),
                _ => {}
            }
        }
        Some((horizon.unwrap_or(1), worlds))
    }

    /// Whether it knows finite sets of choices only: actions with a grid in the file are then choices.
    pub fn finite_choices(&self) -> bool {
        self.learner.choices == Choices::Finite
    }

    /// Whether it looks at what only a central critic sees, while it learns.
    pub fn joint(&self) -> bool {
        (self.learner.joint)(&self.options)
    }

    /// The learner, fresh, for a seat.
    ///
    /// # Errors
    /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
    pub fn learner(&self, seat: &Seat, seed: u64) -> Result<Box<dyn Learner>, LearnError> {
        let with = |options: &[(String, Value)], seat: &Seat, seed: u64| {
            (self.learner.learner)(options, seat, seed).unwrap_or_else(|| {
                Err(LearnError::Unsuitable {
                    method: self.learner.method,
                    reason: "this program was built without it".into(),
                    instead: usual(),
                })
            })
        };
        if seat.members < 2 {
            return with(&self.options, seat, seed);
        }
        if self.beside.separate {
            // Each has its share of the steps.
            let mut own = self.options.clone();
            for (_, steps) in own.iter_mut().filter(|(key, _)| key == "steps") {
                *steps = Value::Number(self.steps().div_ceil(seat.members as u64) as f64);
            }
            let make = |seat: &Seat, seed: u64| with(&own, seat, seed);
            return Ok(Box::new(Separate::new(&make, seat, seed, self.beside.alternate)?));
        }
        if let Some(most) = self.beside.past_selves {
            let make = |seat: &Seat, seed: u64| with(&self.options, seat, seed);
            let share = self.beside.past_share.unwrap_or(0.5);
            return Ok(Box::new(SelfPlay::new(&make, seat, seed, (most, share))?));
        }
        with(&self.options, seat, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "learn")]
    #[test]
    fn a_round_fits_into_the_steps() {
        let of = |steps: u64, worlds: usize, horizon: usize, members: usize| {
            let mut method = Method::named("ppo").unwrap();
            for (key, x) in [
                ("steps", steps as f64),
                ("worlds", worlds as f64),
                ("horizon", horizon as f64),
            ] {
                method.set(key, &Value::Number(x)).unwrap();
            }
            let changed = method.fit(members);
            let period = (method.worlds() * members) as u64;
            assert!(changed.is_none() || method.round(members) < steps + period);
            changed
        };
        // 64 x 512 are 32 768; with one member nothing has to change.
        assert_eq!(of(40_000, 64, 512, 1), None);
        assert_eq!(of(20_000, 64, 512, 1), Some((313, 64)));
        // 2000 members: 16 periods of one world are more than 20 000 steps.
        assert_eq!(of(20_000, 64, 512, 2000), Some((10, 1)));
        assert_eq!(of(1_000_000, 64, 512, 2000), Some((21, 24)));
        assert_eq!(of(1, 64, 512, 2000), Some((1, 1)));
    }

    #[test]
    fn every_learner_is_found_by_its_name_and_takes_its_own_defaults() {
        for (i, learner) in LEARNERS.iter().enumerate() {
            let name = learner.method;
            assert!(!learner.about.is_empty() && LEARNERS[..i].iter().all(|other| other.method != name));
            let mut faults = Vec::new();
            for o in (learner.table)() {
                assert!(!o.doc.is_empty() && !o.kind.is_empty(), "{name} {}", o.key);
                // Whoever plays asks for these as whole numbers.
                let whole = ["steps", "worlds", "horizon", "common_chance"].contains(&o.key);
                assert!(!whole || o.kind == "whole number", "{name} {}", o.key);
                faults.extend((learner.faults)(&[(o.key.to_string(), Value::parse(&o.default))]));
            }
            assert!(faults.is_empty(), "{name}: {faults:?}");
            let Some(mut method) = Method::named(name) else {
                continue;
            };
            let standing = method.clone();
            for o in (learner.table)() {
                method.set(o.key, &Value::parse(&o.default)).unwrap();
            }
            assert_eq!(method, standing);
            method.set("steps", &Value::Number(12.0)).unwrap();
            assert!(method != standing && method.steps() == 12 && method.to_string().contains("{ steps = 12; "));
        }
        assert!(learner("pppo").is_err_and(|d| d.code == "E0804"));
        assert!(Method::named("pppo").is_none());
        let mut q = Method::named("q_learning").unwrap();
        assert!(matches!(
            q.set("alhpa", &Value::Number(0.1)),
            Err(LearnError::UnknownOption { .. })
        ));
        assert!(matches!(
            q.set("steps", &Value::Number(0.5)),
            Err(LearnError::BadOption { .. })
        ));
    }
}
