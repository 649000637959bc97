//! All methods: those that solve the problem of one who decides ([`METHODS`]) and those for economies in which several do ([`EQUILIBRIA`]). A method is
//! one file or folder that implements [`Method`] or [`EquilibriumMethod`] and one line in its list; whoever asks by name asks [`named`]. `econc solve
//! --list` names them, `econc solve FILE --why` says which fit and why the others do not.

use super::continuum::perceived::PerceivedLaw;
use super::continuum::stationary::Stationary;
use super::decision::Decision;
use super::economy::Economy;
use super::equilibrium::EquilibriumMethod;
use super::equilibrium::best_replies::BestReplies;
use super::equilibrium::joint::Joint;
use super::equilibrium::linear_quadratic::LinearQuadratic;
use super::equilibrium::one_shot::OneShot;
use super::equilibrium::private::ChoiceProbabilities;
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
    &ChoiceProbabilities,
    &BestReplies,
];

/// A method as it is asked for by name.
#[derive(Clone, Copy)]
pub enum Any {
    /// Of the problem of one who decides.
    One(&'static dyn Method),
    /// Of economies in which several decide.
    Several(&'static dyn EquilibriumMethod),
}

impl Any {
    /// Its word in `solve { method = .. }`.
    pub fn name(&self) -> &'static str {
        match self {
            Any::One(m) => m.name(),
            Any::Several(m) => m.name(),
        }
    }

    /// What it does, in one line.
    pub fn about(&self) -> &'static str {
        match self {
            Any::One(m) => m.about(),
            Any::Several(m) => m.about(),
        }
    }

    /// The keys of `solve { }` that it reads and not every method does; any length.
    pub fn keys(&self) -> &'static [&'static str] {
        match self {
            Any::One(m) => m.keys(),
            Any::Several(m) => m.keys(),
        }
    }

    /// Who decides in what it solves: `one` or `several`.
    pub fn decide(&self) -> &'static str {
        match self {
            Any::One(_) => "one",
            Any::Several(_) => "several",
        }
    }
}

/// All methods, in the order in which they are tried.
pub fn all() -> impl Iterator<Item = Any> {
    let one = METHODS.iter().map(|m| Any::One(*m));
    one.chain(EQUILIBRIA.iter().map(|m| Any::Several(*m)))
}

/// The method of a name.
///
/// # Errors
/// E0804: there is none.
pub fn named(name: &str) -> Result<Any, Diagnostic> {
    all().find(|m| m.name() == name).ok_or_else(|| {
        let known: Vec<String> = all().map(|m| m.name().to_string()).collect();
        let d = crate::check::settings::unknown_word("method", name, &known);
        match name == "all" {
            true => d.hint(
                "every method that fits, side by side, is asked for on the command line: econc solve FILE --method all",
            ),
            false => d,
        }
    })
}

/// The method for one who decides that is asked for, or else the first that fits.
///
/// # Errors
/// E0804 for a name that no method has; E0810 for one of several who decide, and where none fits, with the reason of each.
pub fn choose(asked: Option<&str>, structure: &Structure) -> Result<&'static dyn Method, Diagnostic> {
    match asked.map(named).transpose()? {
        Some(Any::One(method)) => return Ok(method),
        Some(Any::Several(method)) => {
            return Err(Diagnostic::error(
                "E0810",
                format!("{} solves for several who decide, and here one does", method.name()),
            )
            .hint("leave out the method; `econc solve FILE --why` says which fit"));
        }
        None => {}
    }
    let mut refused = Diagnostic::error("E0810", "no method solves this model");
    if let Some((method, _)) = preferred(structure) {
        return Ok(method);
    }
    for method in METHODS {
        match method.fits(structure) {
            Ok(()) => return Ok(*method),
            Err(why) => refused = refused.note(format!("{}: {why}", method.name())),
        }
    }
    Err(refused.hint("econc simulate and econc train take it as it stands"))
}

/// The method that is taken before all others where none is asked for, with its reason.
pub fn preferred(structure: &Structure) -> Option<(&'static dyn Method, &'static str)> {
    let with_reason = |m: &&'static dyn Method| Some((*m, m.preferred(structure)?));
    METHODS.iter().find_map(with_reason)
}

/// The method of an economy in which several decide: the one that is asked for, or else the first that fits. `None` where one problem
/// is solved, by the methods for one who decides.
///
/// # Errors
/// E0804 for a name that no method has; E0810 where several decide and no method fits: what [`Economy::lone`] says, with the reason of each method.
pub fn for_several(
    economy: &Economy,
    asked: Option<&str>,
) -> Result<Option<&'static dyn EquilibriumMethod>, Diagnostic> {
    let lone = economy.lone().map(|_| ());
    match (asked.map(named).transpose()?, lone) {
        (None | Some(Any::One(_)), Ok(())) => Ok(None),
        (None, Err(mut refused)) => {
            for method in EQUILIBRIA {
                match fits(*method, economy) {
                    Ok(()) => return Ok(Some(*method)),
                    Err(why) => refused = refused.note(format!("{}: {why}", method.name())),
                }
            }
            Err(refused)
        }
        (Some(Any::Several(method)), lone) => match fits(method, economy) {
            // One who decides may be solved like several, where that is asked for.
            Ok(()) => Ok(Some(method)),
            Err(why) => Err(elsewhere(economy, method.name(), &why, lone.err())),
        },
        (Some(Any::One(method)), Err(refused)) => {
            let why = "it solves the problem of one who decides";
            Err(elsewhere(economy, method.name(), why, Some(refused)))
        }
    }
}

/// Whether a method for economies in which several decide can solve one.
///
/// # Errors
/// What is in the way.
fn fits(method: &dyn EquilibriumMethod, economy: &Economy) -> Result<(), String> {
    method.fits(economy)?;
    match method.name() != super::continuum::stationary::NAME && economy.reads_entry_value() {
        true => Err("it reads the value of entry, which is one number only where a continuum is at rest".into()),
        false => Ok(()),
    }
}

/// That a method which is asked for does not fit, with those that do.
fn elsewhere(economy: &Economy, name: &str, why: &str, refused: Option<Diagnostic>) -> Diagnostic {
    let fit = EQUILIBRIA.iter().filter(|m| fits(**m, economy).is_ok());
    let fit: Vec<&str> = fit.map(|m| m.name()).collect();
    let d = Diagnostic::error("E0810", format!("{name} cannot solve this model: {why}"));
    match (refused, fit.as_slice()) {
        (None, _) => d.hint("leave out the method; `econc solve FILE --why` says which fit"),
        // What is in the way of one problem is in the way of any method.
        (Some(refused), []) => refused.note(format!("{name}: {why}")),
        (Some(refused), fit) => d.note(refused.into_message().headline).hint(format!(
            "leave out the method, or take one that fits: --method {}",
            fit.join(", ")
        )),
    }
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

/// Whether a method takes a model, and the reason if it does not.
pub struct MethodVerdict {
    /// The method.
    pub method: Any,
    /// `None` if it fits.
    pub why_not: Option<String>,
    /// Why it is taken before the others, if it is.
    pub preferred: Option<&'static str>,
}

/// One verdict per method, in the order of [`all`]; and why this is not the problem of one who decides, where it is not (E0810 and E0827:
/// [`Economy::lone`], [`Decision::new`]).
pub fn verdicts(economy: &Economy) -> (Vec<MethodVerdict>, Option<Diagnostic>) {
    let problem = economy
        .lone()
        .and_then(|_| Decision::new(economy.model, &Default::default()));
    let structure = problem.map(|p| Structure::of(p.spec()));
    let first = structure.as_ref().ok().and_then(preferred);
    let verdict = |method: Any| MethodVerdict {
        method,
        preferred: first.filter(|f| f.0.name() == method.name()).map(|f| f.1),
        why_not: match (&method, &structure) {
            (Any::One(m), Ok(s)) => m.fits(s).err(),
            (Any::One(_), Err(d)) => Some(d.headline.clone()),
            (Any::Several(m), _) => fits(*m, economy).err(),
        },
    };
    (all().map(verdict).collect(), structure.err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_a_name_of_its_own_and_keys_that_exist() {
        for (i, m) in all().enumerate() {
            assert!(all().take(i).all(|other| other.name() != m.name()));
            assert!(!m.about().is_empty());
            for key in m.keys() {
                assert!(crate::check::settings::is_solve_key(key), "{}: {key}", m.name());
            }
            assert!(named(m.name()).is_ok());
        }
        assert!(named("howard").is_err_and(|d| d.code == "E0804"));
    }
}
