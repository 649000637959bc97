//! The learners by name: what `train NAME { }` can say, what each option means, and how a learner is built from it.

use super::options::{LearnerOptions, OptionInfo, Value};
use super::q_learning::{QLearning, QLearningOptions};
use super::{LearnError, Learner};
#[cfg(feature = "learn")]
use super::{
    a2c::{A2c, A2cOptions},
    dqn::{Dqn, DqnOptions},
    ppo::{Ppo, PpoOptions},
    recurrent_ppo::{RecurrentPpo, RecurrentPpoOptions},
    sac::{Sac, SacOptions},
};
use crate::env::Seat;
use serde::{Deserialize, Serialize};

/// Fewest periods of a stretch; a shorter budget of steps reduces the number of worlds instead.
#[cfg(feature = "learn")]
const SHORTEST: usize = 16;
#[cfg(not(feature = "learn"))]
const SHORTEST: usize = 1;

/// A learner with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Method {
    /// Proximal policy optimisation.
    #[cfg(feature = "learn")]
    Ppo(PpoOptions),
    /// Advantage actor-critic.
    #[cfg(feature = "learn")]
    A2c(A2cOptions),
    /// Soft actor-critic.
    #[cfg(feature = "learn")]
    Sac(SacOptions),
    /// Deep Q-learning.
    #[cfg(feature = "learn")]
    Dqn(DqnOptions),
    /// Proximal policy optimisation with memory.
    #[cfg(feature = "learn")]
    RecurrentPpo(RecurrentPpoOptions),
    /// Tabular Q-learning.
    QLearning(QLearningOptions),
}

/// The same expression for the options of every learner.
macro_rules! each {
    ($method:expr, $o:ident => $do:expr) => {
        match $method {
            #[cfg(feature = "learn")]
            Method::Ppo($o) => $do,
            #[cfg(feature = "learn")]
            Method::A2c($o) => $do,
            #[cfg(feature = "learn")]
            Method::Sac($o) => $do,
            #[cfg(feature = "learn")]
            Method::Dqn($o) => $do,
            #[cfg(feature = "learn")]
            Method::RecurrentPpo($o) => $do,
            Method::QLearning($o) => $do,
        }
    };
}

fn info<O: LearnerOptions>(_: &O) -> (&'static str, Vec<OptionInfo>) {
    (O::METHOD, O::table())
}

impl Method {
    /// All learners of this build, with their defaults: one entry per learner.
    pub fn all() -> Vec<Method> {
        vec![
            #[cfg(feature = "learn")]
            Method::Ppo(PpoOptions::default()),
            #[cfg(feature = "learn")]
            Method::Sac(SacOptions::default()),
            #[cfg(feature = "learn")]
            Method::A2c(A2cOptions::default()),
            #[cfg(feature = "learn")]
            Method::Dqn(DqnOptions::default()),
            #[cfg(feature = "learn")]
            Method::RecurrentPpo(RecurrentPpoOptions::default()),
            Method::QLearning(QLearningOptions::default()),
        ]
    }

    /// The learner of this name, with its defaults.
    pub fn named(name: &str) -> Option<Method> {
        Method::all().into_iter().find(|m| m.name() == name)
    }

    /// Its name, as in `train ppo`.
    pub fn name(&self) -> &'static str {
        each!(self, o => info(o).0)
    }

    /// Its options with their defaults: one entry per option, in the order of documentation.
    pub fn options(&self) -> Vec<OptionInfo> {
        each!(self, o => info(o).1)
    }

    /// Sets an option.
    ///
    /// # Errors
    /// [`LearnError::UnknownOption`] or [`LearnError::BadOption`].
    pub fn set(&mut self, key: &str, value: &Value) -> Result<(), LearnError> {
        each!(self, o => o.set(key, value))
    }

    /// Number of worlds it wants.
    pub fn worlds(&self) -> usize {
        each!(self, o => o.worlds)
    }

    /// Number of worlds that it wants to have common random numbers.
    pub fn together(&self) -> usize {
        match self {
            Method::QLearning(_) => 1,
            #[cfg(feature = "learn")]
            Method::Ppo(o) => o.common_chance,
            #[cfg(feature = "learn")]
            Method::A2c(o) => o.common_chance,
            #[cfg(feature = "learn")]
            Method::Sac(o) => o.common_chance,
            #[cfg(feature = "learn")]
            Method::Dqn(_) | Method::RecurrentPpo(_) => 1,
        }
    }

    /// Steps of one round: what an on-policy learner plays between two updates with so many members of its agent.
    pub fn round(&self, members: usize) -> u64 {
        let rows = |worlds: usize, horizon: usize| {
            (worlds as u64)
                .saturating_mul(horizon as u64)
                .saturating_mul(members as u64)
        };
        match self {
            #[cfg(feature = "learn")]
            Method::Ppo(o) => rows(o.worlds, o.horizon),
            #[cfg(feature = "learn")]
            Method::A2c(o) => rows(o.worlds, o.horizon),
            #[cfg(feature = "learn")]
            Method::RecurrentPpo(o) => rows(o.worlds, o.horizon),
            #[cfg(feature = "learn")]
            Method::Sac(o) => rows(o.worlds, 1),
            #[cfg(feature = "learn")]
            Method::Dqn(o) => rows(o.worlds, 1),
            Method::QLearning(o) => rows(o.worlds, 1),
        }
    }

    /// Memory that it takes, about, in bytes: one round of play, the transitions it remembers, and the networks with their
    /// gradients, moments and copies; for so many members that see `width` numbers each.
    pub fn bytes(&self, members: usize, width: usize) -> f64 {
        let width = width.max(1) as f64;
        // Layer by layer; what goes out at the end is small.
        #[cfg(feature = "learn")]
        let weights = |first: f64, layers: &[usize]| {
            let ends = std::iter::once(first).chain(layers.iter().map(|n| *n as f64));
            let pairs = ends.zip(layers.iter().map(|n| *n as f64).chain([1.0]));
            pairs.map(|(a, b)| (a + 1.0) * b).sum::<f64>()
        };
        // A remembered row: what was seen before and after, what was done, a few numbers.
        #[cfg(feature = "learn")]
        let remembered = |rows: usize, steps: u64| (rows as f64).min(steps as f64) * 4.0 * (2.0 * width + 8.0);
        // Rows that go forward and back at once: what goes in, every layer of two networks and what flows back through them.
        #[cfg(feature = "learn")]
        let gradient = |rows: f64, layers: &[usize]| {
            let all: usize = layers.iter().sum();
            let widest = layers.iter().copied().max().unwrap_or(0);
            rows * 4.0 * (2.0 * (all + 2 * widest) as f64 + 3.0 * width + 20.0)
        };
        // An observation, what was done, and a dozen numbers of the learner's.
        let round = self.round(members) as f64 * 4.0 * (width + 12.0);
        round
            + match self {
                #[cfg(feature = "learn")]
                Method::Ppo(o) => {
                    let rows = self.round(members).min(o.minibatch as u64) as f64;
                    40.0 * weights(width, &o.network) + gradient(rows, &o.network)
                }
                #[cfg(feature = "learn")]
                // One step a round, on all of it.
                Method::A2c(o) => 40.0 * weights(width, &o.network) + gradient(self.round(members) as f64, &o.network),
                #[cfg(feature = "learn")]
                Method::Sac(o) => {
                    let step = 3.0 * gradient(o.minibatch as f64, &o.network);
                    80.0 * weights(width, &o.network) + remembered(o.memory, o.steps) + step
                }
                #[cfg(feature = "learn")]
                Method::Dqn(o) => {
                    let step = gradient(o.minibatch as f64, &o.network);
                    40.0 * weights(width, &o.network) + remembered(o.memory, o.steps) + step
                }
                #[cfg(feature = "learn")]
                Method::RecurrentPpo(o) => {
                    let units = o.memory as f64;
                    let gates = 4.0 * units * (width + units + 1.0);
                    // Every row keeps its gates and memories.
                    40.0 * (gates + weights(units, &o.network)) + self.round(members) as f64 * 4.0 * 12.0 * units
                }
                Method::QLearning(_) => 0.0,
            }
    }

    /// Shortens the horizon, then takes worlds away, until one round is all the steps; the horizon and worlds it
    /// has then, if that changed anything.
    pub fn fit(&mut self, members: usize) -> Option<(usize, usize)> {
        let (steps, together) = (self.steps().max(1), self.together().max(1));
        if self.round(members) <= steps {
            return None;
        }
        let (horizon, worlds): (Option<&mut usize>, &mut usize) = match self {
            #[cfg(feature = "learn")]
            Method::Ppo(o) => (Some(&mut o.horizon), &mut o.worlds),
            #[cfg(feature = "learn")]
            Method::A2c(o) => (Some(&mut o.horizon), &mut o.worlds),
            #[cfg(feature = "learn")]
            Method::RecurrentPpo(o) => (Some(&mut o.horizon), &mut o.worlds),
            #[cfg(feature = "learn")]
            Method::Sac(o) => (None, &mut o.worlds),
            #[cfg(feature = "learn")]
            Method::Dqn(o) => (None, &mut o.worlds),
            Method::QLearning(o) => (None, &mut o.worlds),
        };
        let members = members.max(1) as u64;
        // So many periods at least, before worlds go.
        let least = horizon.as_ref().map_or(1, |h| (**h).min(SHORTEST)) as u64;
        let room = usize::try_from(steps / members.saturating_mul(least)).unwrap_or(usize::MAX);
        if room < *worlds {
            // Worlds with common random numbers stay together.
            *worlds = if room >= together {
                room - room % together
            } else {
                room.max(1)
            };
        }
        let Some(horizon) = horizon else {
            return Some((1, *worlds));
        };
        let each = members.saturating_mul(*worlds as u64);
        let periods = usize::try_from(steps.div_ceil(each.max(1)).max(1)).unwrap_or(usize::MAX);
        *horizon = (*horizon).min(periods);
        Some((*horizon, *worlds))
    }

    /// Environment steps it learns from.
    pub fn steps(&self) -> u64 {
        each!(self, o => o.steps)
    }

    /// Whether it knows finite sets of choices only: actions with a grid in the file are then choices.
    pub fn finite_choices(&self) -> bool {
        match self {
            Method::QLearning(_) => true,
            #[cfg(feature = "learn")]
            Method::Dqn(_) => true,
            #[cfg(feature = "learn")]
            Method::Ppo(_) | Method::A2c(_) | Method::Sac(_) | Method::RecurrentPpo(_) => false,
        }
    }

    /// The learner, fresh, for a seat.
    ///
    /// # Errors
    /// [`LearnError::BadOption`] or [`LearnError::Unsuitable`].
    pub fn learner(&self, seat: &Seat, seed: u64) -> Result<Box<dyn Learner>, LearnError> {
        Ok(match self {
            #[cfg(feature = "learn")]
            Method::Ppo(o) => Box::new(Ppo::new(o.clone(), seat, seed)?),
            #[cfg(feature = "learn")]
            Method::A2c(o) => Box::new(A2c::new(o.clone(), seat, seed)?),
            #[cfg(feature = "learn")]
            Method::Sac(o) => Box::new(Sac::new(o.clone(), seat, seed)?),
            #[cfg(feature = "learn")]
            Method::Dqn(o) => Box::new(Dqn::new(o.clone(), seat, seed)?),
            #[cfg(feature = "learn")]
            Method::RecurrentPpo(o) => Box::new(RecurrentPpo::new(o.clone(), seat, seed)?),
            Method::QLearning(o) => Box::new(QLearning::new(o.clone(), seat, seed)?),
        })
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
        assert_eq!(of(1_000_000, 64, 512, 2000), Some((32, 16)));
        assert_eq!(of(1, 64, 512, 2000), Some((1, 1)));
    }

    #[test]
    fn every_learner_is_found_by_its_name_and_takes_its_own_defaults() {
        for method in Method::all() {
            let mut again = Method::named(method.name()).unwrap();
            for o in method.options() {
                again.set(o.key, &Value::parse(&o.default)).unwrap();
                assert!(!o.doc.is_empty() && !o.kind.is_empty(), "{} {}", method.name(), o.key);
            }
            assert_eq!(again, method);
        }
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
