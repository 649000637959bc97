//! What a method of solving is: what it takes, what it reads, how it is asked. `methods.rs` lists them.

use super::decision::Decision;
use super::problem::{ActionKind, Spec, StateKind};
use super::progress::Watch;
use super::solution::Solution;
use crate::check::Model;
use crate::check::model::Setting;
use crate::diag::Diagnostic;

/// A way of solving the problem of one who decides.
pub trait Method: Sync {
    /// Its word in `solve { method = .. }`.
    fn name(&self) -> &'static str;
    /// What it does, in one line.
    fn about(&self) -> &'static str;
    /// The keys of `solve { }` that this method reads and not every method does; any length.
    fn keys(&self) -> &'static [&'static str];
    /// Whether it can solve a problem of this structure.
    ///
    /// # Errors
    /// What is in the way, as the end of "it cannot solve this model: ..".
    fn fits(&self, structure: &Structure) -> Result<(), String>;
    /// Why it is taken before methods that stand earlier in the list, where the file names none; `None` if it is not.
    fn preferred(&self, _: &Structure) -> Option<&'static str> {
        None
    }
    /// Whether grids and chains that the file leaves open may be made finer for its certificate's sake: not where the number of
    /// nodes is the method.
    fn refines(&self) -> bool {
        true
    }
    /// Solves.
    ///
    /// # Errors
    /// Those of the method, E0906 when stopped.
    fn solve(&self, task: Task, progress: &mut dyn Watch) -> Result<Solution, Diagnostic>;
}

/// What is to be solved, from where, and what the file says of how.
pub struct Task<'a> {
    /// The model, for its settings.
    pub model: &'a Model,
    /// The problem.
    pub problem: &'a Decision,
    /// A value to start from (states x shocks).
    pub guess: Option<Vec<f64>>,
    /// Cubic interpolation has been tried and did not settle.
    pub linear: bool,
}

impl Task<'_> {
    /// The number of a key of `solve { }`, if the file has it.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.model.solve_settings()?.get(key)?.number()
    }

    /// The whole number of a key of `solve { }`, or what holds without it.
    pub fn whole(&self, key: &str, default: usize) -> usize {
        self.number(key).map_or(default, |x| x as usize)
    }

    /// The word of a key of `solve { }`, if the file has it.
    pub fn word(&self, key: &str) -> Option<String> {
        word(self.model, key)
    }
}

/// The word of a key of `solve { }`, if the file has it.
pub fn word(model: &Model, key: &str) -> Option<String> {
    match model.solve_settings()?.get(key)? {
        Setting::Word(w) => Some(w.clone()),
        _ => None,
    }
}

/// What methods ask of a problem before they take it.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// Continuous states, and states that take whole numbers.
    pub states: (usize, usize),
    /// Continuous actions, and actions with finitely many choices.
    pub actions: (usize, usize),
    /// Whether choices are subject to taste shocks.
    pub tastes: bool,
    /// Number of joint states of all shocks.
    pub shocks: usize,
    /// Number of joint nodes of all noises.
    pub noises: usize,
    /// Whether rewards or laws read a noise.
    pub uses_noise: bool,
    /// Whether a law reads the next draw of a shock.
    pub law_reads_next_shock: bool,
    /// Number of periods; `None` for ever.
    pub horizon: Option<usize>,
    /// The discount factor where it is one number.
    pub discount: Option<f64>,
    /// Whether the one action is the next value of the one state.
    pub action_is_next_state: bool,
    /// Whether chances depend on states, shocks or actions.
    pub chances_move: bool,
    /// Whether it may end.
    pub ends: bool,
    /// Whether whole-number states, and ends, move by themselves: see [`Spec::counts`].
    pub counts: bool,
    /// Whether reward and laws have derivatives in continuous states and actions.
    pub differentiable: bool,
    /// Whether `min`, `max` or `abs` stand between choices and what they bring.
    pub kinks: bool,
    /// Whether others answer what is done: see [`Spec::answered`].
    pub answered: bool,
}

impl Structure {
    /// The structure of a problem.
    pub fn of(spec: &Spec) -> Structure {
        let continuous = |s: &&super::problem::StateAxis| matches!(s.kind, StateKind::Continuous { .. });
        let chosen = spec.actions.iter().filter(|a| a.kind == ActionKind::Continuous).count();
        let gridded = spec.states.iter().filter(continuous).count();
        Structure {
            states: (gridded, spec.states.len() - gridded),
            actions: (chosen, spec.actions.len() - chosen),
            tastes: spec.actions.iter().any(|a| a.taste.is_some()),
            shocks: spec.chain.transition.len(),
            noises: spec.noise_weights.len(),
            uses_noise: spec.next_uses_noise || spec.reward_uses_noise,
            law_reads_next_shock: spec.next_uses_shock_next,
            horizon: spec.horizon,
            discount: spec.discount,
            action_is_next_state: spec.action_is_next_state == Some((0, 0)),
            chances_move: spec.chances_move,
            ends: spec.ends,
            counts: spec.counts,
            differentiable: spec.differentiable,
            kinks: spec.kinks,
            answered: spec.answered,
        }
    }
}
