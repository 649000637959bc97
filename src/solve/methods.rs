//! The methods that solve the problem of one who decides, in one list. A method is one file that implements [`Method`] and one
//! line in [`METHODS`]; `econc solve --list` names them, `econc solve FILE --why` says which fit and why the others do not.

use super::continuum::perceived::PerceivedLaw;
use super::continuum::stationary::Stationary;
use super::decision::Decision;
use super::economy::Economy;
use super::equilibrium::EquilibriumMethod;
use super::equilibrium::best_replies::BestReplies;
use super::equilibrium::joint::Joint;
use super::equilibrium::linear_quadratic::LinearQuadratic;
use super::equilibrium::one_shot::OneShot;
use super::grid_search::GridSearch;
use super::method::{Method, Structure};
use super::problem::DecisionProblem;
use super::time_iteration::{EndogenousGrid, TimeIteration};
use super::value_iteration::ValueIteration;
use crate::check::Model;
use crate::check::model::Setting;
use crate::diag::Diagnostic;

/// The methods, in the order in which they are tried.
pub static METHODS: &[&dyn Method] = &[&ValueIteration, &TimeIteration, &EndogenousGrid, &GridSearch];

/// The methods for economies in which several decide, in the order in which they are tried.
pub static EQUILIBRIA: &[&dyn EquilibriumMethod] = &[
    &OneShot,
    &LinearQuadratic,
    &Joint,
    &Stationary,
    &PerceivedLaw,
    &BestReplies,
];

/// The method of a name for economies in which several decide.
pub fn equilibrium(name: &str) -> Option<&'static dyn EquilibriumMethod> {
    EQUILIBRIA.iter().copied().find(|m| m.name() == name)
}

/// The method of a name for one who decides.
///
/// # Errors
/// E0804: there is none.
pub fn named(name: &str) -> Result<&'static dyn Method, Diagnostic> {
    METHODS.iter().copied().find(|m| m.name() == name).ok_or_else(|| {
        let names = METHODS
            .iter()
            .map(|m| m.name())
            .chain(EQUILIBRIA.iter().map(|m| m.name()));
        let known: Vec<String> = names.map(str::to_string).collect();
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
        Setting::Word(name) if equilibrium(name).is_some() => None,
        Setting::Word(name) => named(name).err().map(|d| d.at(*span, "asked for here")),
        _ => None,
    })
}

/// Whether a method takes a model, and the reason if it does not.
pub struct MethodVerdict {
    /// The method.
    pub method: &'static dyn Method,
    /// `None` if it fits.
    pub why_not: Option<String>,
}

/// The structure of an economy's problem and one verdict per method, in the order of the methods.
///
/// # Errors
/// E0810 and E0827 where the economy is not the problem of one decision maker ([`Economy::lone`]); those of [`Decision::new`].
pub fn verdicts(economy: &Economy) -> Result<(Structure, Vec<MethodVerdict>), Diagnostic> {
    economy.lone()?;
    let problem = Decision::new(economy.model, &Default::default())?;
    let structure = Structure::of(problem.spec());
    let verdicts = METHODS.iter().map(|m| MethodVerdict {
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
