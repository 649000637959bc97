//! Whether a run that a command reads (`--policy`, `--solution`, `--against`, `--others`) is one of the same economy.
//!
//! A policy is read by names. Two economies may share names and mean other things by them, so what is compared is everything
//! that a policy is about: agents, states, shocks and actions with what may be chosen. Numbers may differ, and then a warning says which.

use super::pipeline::{self, Source};
use crate::check::Model;
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::report::run::CompleteRun;
use std::path::Path;

/// Most differences that are listed.
const SHOWN: usize = 6;

/// Warnings about what differs between the economy of a run and this one; none if they are the same. `option` is how the run was named.
///
/// Errors: E0818 if it is another economy.
pub(super) fn compared(model: &Model, run: &CompleteRun, option: &str) -> Result<Vec<Diagnostic>, Diagnostic> {
    let source = Source {
        name: run.manifest.model.clone(),
        text: String::from_utf8(run.read("model.econ")?).unwrap_or_default(),
    };
    let members = run.manifest.settings.get("members").and_then(|m| m.parse().ok());
    let (there, _) = pipeline::compile(&source, &run.manifest.overrides, members);
    // A file that this version does not read any more: what reads the policy says what is missing.
    let Some(there) = there.map(|c| c.model) else {
        return Ok(Vec::new());
    };
    let mut differ: Vec<String> = Vec::new();
    for (what, own, others) in [
        ("agents", agents(model), agents(&there)),
        ("states", states(model), states(&there)),
        ("shocks", shocks(model), shocks(&there)),
        ("actions", actions(model), actions(&there)),
    ] {
        if own != others {
            differ.push(format!("{what} there: {}; here: {}", listed(&others), listed(&own)));
        }
    }
    if !differ.is_empty() {
        let place = shown(&run.directory);
        let mut d = Diagnostic::error("E0818", format!("the run in `{place}` is of another economy"));
        for line in differ {
            d = d.note(line);
        }
        return Err(d.hint(format!(
            "name a run of this model after {option}, or run the model it was made of"
        )));
    }
    let numbers = numbers(model, &there);
    let same = numbers.is_empty() && same_text(model, &there);
    if same {
        return Ok(Vec::new());
    }
    let mut d = Diagnostic::warning(
        "W0818",
        format!(
            "the run in `{}` was made of a model that differs from this one",
            shown(&run.directory)
        ),
    );
    for line in numbers.iter().take(SHOWN) {
        d = d.note(line.clone());
    }
    if numbers.len() > SHOWN {
        d = d.note(format!("and {} more", numbers.len() - SHOWN));
    }
    if numbers.is_empty() {
        d = d.note("its parameters are the same; something else in the file has changed");
    }
    Ok(vec![d.hint(
        "its policy is used as it stands; run the model again to have one of this model",
    )])
}

fn shown(directory: &Path) -> String {
    directory.display().to_string()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_string();
    }
    names.join(", ")
}

fn agents(m: &Model) -> Vec<String> {
    sorted(m.agents.iter().map(|a| a.name.clone()).collect())
}

fn states(m: &Model) -> Vec<String> {
    let kind = |s: &crate::check::model::State| if s.domain.integer { " (whole)" } else { "" };
    sorted(m.states.iter().map(|s| format!("{}{}", s.name, kind(s))).collect())
}

fn shocks(m: &Model) -> Vec<String> {
    sorted(m.shocks.iter().map(|s| s.name.clone()).collect())
}

/// Actions with what may be chosen; ends may differ.
fn actions(m: &Model) -> Vec<String> {
    let kind = |a: &crate::check::model::Action| match &a.space {
        Space::Interval { .. } => "a number".to_string(),
        Space::Integer { .. } => "a whole number".to_string(),
        Space::Finite { labels, .. } => labels.join("|"),
        Space::Simplex(_) => "shares".to_string(),
    };
    sorted(m.actions.iter().map(|a| format!("{} ({})", a.name, kind(a))).collect())
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// Parameters that differ, one a line.
fn numbers(here: &Model, there: &Model) -> Vec<String> {
    let text = |v: &[f64]| match v {
        [x] => x.to_string(),
        v => format!("{v:?}"),
    };
    let mut out = Vec::new();
    for p in &here.params {
        match there.params.iter().find(|q| q.name == p.name) {
            Some(q) if q.values == p.values => {}
            Some(q) => out.push(format!(
                "{}: {} there, {} here",
                p.name,
                text(&q.values),
                text(&p.values)
            )),
            None => out.push(format!("{}: not there, {} here", p.name, text(&p.values))),
        }
    }
    let gone = there
        .params
        .iter()
        .filter(|q| !here.params.iter().any(|p| p.name == q.name));
    out.extend(gone.map(|q| format!("{}: {} there, not here", q.name, text(&q.values))));
    out
}

/// Whether one period is the same, settings, scenarios and places in the file aside.
fn same_text(here: &Model, there: &Model) -> bool {
    let nodes = |m: &Model| -> Vec<String> {
        m.graph
            .nodes
            .iter()
            .map(|n| format!("{:?} {:?}", n.op, n.shape))
            .collect()
    };
    nodes(here) == nodes(there)
}
