//! Parameters that are results of a solve: `steady_state(k)`, `solve nash(p, horizon: 1)`, `solve collusive(p, horizon: 1)`.
//!
//! Each is found on the model without everything that reads the parameter (the checker left it out).

use super::decision::{Decision, ProblemOptions};
use super::problem::DecisionProblem;
use super::static_game::{self, Conduct};
use super::steady_state::{SteadyStateOptions, steady_state};
use crate::check::Model;
use crate::check::conduct::{Concept, Sought};
use crate::check::model::Pending;
use crate::diag::Diagnostic;
use crate::limits;
use std::collections::BTreeMap;

/// The values of all pending parameters of a model, by dotted name; one value per element of the parameter, or a single one
/// where all elements have the same.
///
/// # Errors
/// One diagnostic per parameter that cannot be found: E0810 for a concept over an infinite horizon, those of the steady state
/// and of the one-shot game.
pub fn solve_pending(model: &Model) -> Result<BTreeMap<String, Vec<f64>>, Vec<Diagnostic>> {
    let mut out = BTreeMap::new();
    let mut errors = Vec::new();
    for p in &model.pending {
        limits::doing(format!("{}: {}", p.param, p.sought.word().replace('_', " ")));
        match solve_one(model, p) {
            Ok(values) => {
                out.insert(p.param.clone(), values);
            }
            Err(d) => errors.push(at(d, p)),
        }
    }
    limits::doing(String::new());
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn at(d: Diagnostic, p: &Pending) -> Diagnostic {
    let label = format!("asked for by `{}`", p.param);
    if d.primary.is_none() {
        d.at(p.span, label)
    } else {
        d.and(p.span, label)
    }
}

fn solve_one(model: &Model, p: &Pending) -> Result<Vec<f64>, Diagnostic> {
    let once = p.horizon == Some(1) || p.horizon.is_none() && model.states.is_empty();
    let conduct = match p.sought {
        Sought::SteadyState => return stationary(model, &p.target),
        Sought::Solution(Concept::Nash) if once => Conduct::Nash,
        Sought::Solution(concept) if once && concept.joint() => Conduct::Joint,
        Sought::Solution(concept) => return Err(not_here(concept, p)),
    };
    static_game::solve(model, &p.target, conduct, &p.param)
}

fn not_here(concept: Concept, p: &Pending) -> Diagnostic {
    let word = concept.word();
    if concept != Concept::Nash && !concept.joint() {
        return Diagnostic::error("E0810", format!("`solve {word}` of a parameter is not in this version")).hint(format!(
            "write the game as a model of its own with `solve {{ concept = {word} }}`, and set the parameter to what it finds: --set {}=..",
            p.param
        ));
    }
    Diagnostic::error(
        "E0810",
        format!("`solve {word}` over an infinite horizon is not in this version"),
    )
    .hint(format!(
        "the one-shot game is: solve {word}({}, horizon: 1); or set the parameter: --set {}=..",
        p.target.rsplit('.').next().unwrap_or(&p.target),
        p.param
    ))
}

/// Deterministic steady state of a state or an action: shocks and noises at their means.
fn stationary(model: &Model, target: &str) -> Result<Vec<f64>, Diagnostic> {
    let problem = Decision::new(
        model,
        &ProblemOptions {
            deterministic: true,
            nodes: 100,
            ..ProblemOptions::default()
        },
    )?;
    let found = steady_state(&problem, &SteadyStateOptions::default())?;
    let spec = problem.spec();
    let named = |name: &str| name == target || name.starts_with(&format!("{target}["));
    let names: Vec<&String> = spec
        .states
        .iter()
        .map(|s| &s.name)
        .chain(spec.actions.iter().map(|a| &a.name))
        .collect();
    let open: Vec<String> = found
        .open
        .iter()
        .map(|k| names[*k].clone())
        .filter(|n| named(n))
        .collect();
    if !open.is_empty() {
        return Err(super::at_rest::continuum(&open));
    }
    let mut out: Vec<f64> = spec
        .states
        .iter()
        .zip(&found.states)
        .filter(|(s, _)| named(&s.name))
        .map(|(_, x)| *x)
        .collect();
    if out.is_empty() {
        out = spec
            .actions
            .iter()
            .zip(&found.actions)
            .filter(|(a, _)| named(&a.name))
            .map(|(_, x)| *x)
            .collect();
    }
    if out.is_empty() {
        return Err(Diagnostic::error(
            "E0910",
            format!("`{target}` is not part of the steady state: nothing that pays depends on it"),
        ));
    }
    Ok(out)
}
