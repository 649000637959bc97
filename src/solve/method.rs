//! The methods that solve the problem of one who decides, in one list. A method is one file that implements [`Method`] and one
//! line in [`METHODS`]; `econc solve --list` names them, `econc solve FILE --why` says which fit and why the others do not.

use super::decision::Decision;
use super::economy::Economy;
use super::grid_search::GridSearch;
use super::problem::{ActionKind, Spec, StateKind};
use super::progress::Watch;
use super::solution::Solution;
use super::value_iteration::ValueIteration;
use crate::check::Model;
use crate::check::model::Setting;
use crate::diag::Diagnostic;

/// The methods, in the order in which they are tried.
pub static METHODS: &[&dyn Method] = &[&ValueIteration, &GridSearch];

/// A way of solving the problem of one who decides.
pub trait Method: Sync {
    /// Its word in `solve { method = .. }`.
    fn name(&self) -> &'static str;
    /// What it does, in one line.
    fn about(&self) -> &'static str;
    /// The keys of `solve { }` that are read by methods, not by all of them, and by this one.
    fn keys(&self) -> &'static [&'static str];
    /// Whether it can solve a problem of this structure.
    ///
    /// # Errors
    /// What is in the way, as the end of "it cannot solve this model: ..".
    fn fits(&self, structure: &Structure) -> Result<(), String>;
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
    /// Whether `min`, `max` or `abs` stand between choices and what they bring.
    pub kinks: bool,
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
            kinks: spec.kinks,
        }
    }
}

/// The method of a name.
///
/// # Errors
/// E0804: there is none.
pub fn named(name: &str) -> Result<&'static dyn Method, Diagnostic> {
    METHODS.iter().copied().find(|m| m.name() == name).ok_or_else(|| {
        let known: Vec<String> = METHODS.iter().map(|m| m.name().to_string()).collect();
        crate::check::settings::unknown_word("method", name, &known)
    })
}

/// The method that is asked for, or else the first that fits.
///
/// # Errors
/// E0804 for a name that no method has; E0810 where none fits, with the reason of each.
pub fn choose(asked: Option<&str>, structure: &Structure) -> Result<&'static dyn Method, Diagnostic> {
    if let Some(name) = asked {
        return named(name);
    }
    let mut refused = Diagnostic::error("E0810", "no method solves this model");
    for method in METHODS {
        match method.fits(structure) {
            Ok(()) => return Ok(*method),
            Err(why) => refused = refused.note(format!("{}: {why}", method.name())),
        }
    }
    Err(refused.hint("econc simulate and econc train take it as it stands"))
}

/// Whether the file's `solve { method = .. }` names a method.
pub fn check(model: &Model) -> Option<Diagnostic> {
    let settings = model.settings.iter().filter(|s| s.block == "solve");
    let mut said = settings.flat_map(|s| &s.entries).filter(|(key, _, _)| key == "method");
    said.find_map(|(_, value, span)| match value {
        Setting::Word(name) => named(name).err().map(|d| d.at(*span, "asked for here")),
        _ => None,
    })
}

/// Why a method takes a model or does not, for whoever asks.
pub struct Verdict {
    /// The method.
    pub method: &'static dyn Method,
    /// `None` if it fits.
    pub why_not: Option<String>,
}

/// What every method says of an economy: `Err` if its problem is not that of one who decides.
///
/// # Errors
/// Those of [`Economy::lone`] and of the problem's construction.
pub fn verdicts(economy: &Economy) -> Result<(Structure, Vec<Verdict>), Diagnostic> {
    economy.lone()?;
    let problem = Decision::new(economy.model, &Default::default())?;
    let structure = Structure::of(super::problem::DecisionProblem::spec(&problem));
    let verdicts = METHODS.iter().map(|m| Verdict {
        method: *m,
        why_not: m.fits(&structure).err(),
    });
    let verdicts = verdicts.collect();
    Ok((structure, verdicts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_a_name_of_its_own_and_keys_that_exist() {
        for (i, m) in METHODS.iter().enumerate() {
            assert!(METHODS[..i].iter().all(|other| other.name() != m.name()));
            assert!(!m.about().is_empty());
            for key in m.keys() {
                assert!(crate::check::settings::is_solve_key(key), "{}: {key}", m.name());
            }
            assert!(named(m.name()).is_ok());
        }
        assert!(named("howard").is_err_and(|d| d.code == "E0804"));
    }
}
