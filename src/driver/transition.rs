//! Transitions: what `econc transition` does between reading a file and reporting.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::graph::eval::evaluate;
use crate::graph::passes::dead;
use crate::graph::{InputKind, NodeId};
use crate::solve::continuum::transition::{Change, LATE, Transition, transition};
use crate::solve::progress::Watch;
use crate::verify::equilibrium::transition::{TransitionCertificate, judge};

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The scenario that says what changes.
    pub scenario: String,
    /// Periods, instead of the scenario's.
    pub periods: Option<usize>,
    /// Seed of the certificate.
    pub seed: u64,
}

/// A path with its certificate.
pub struct Moved {
    /// The path.
    pub transition: Transition,
    /// What was measured of it.
    pub certificate: TransitionCertificate,
}

/// Finds the path of an economy through a scenario, and judges it. `after` is the file read with the numbers that the scenario gives.
///
/// # Errors
/// E0812 for a scenario that does not exist; those of [`transition`] and of its judge.
pub fn through(model: &Model, after: &Model, asked: &Asked, progress: &mut dyn Watch) -> Result<Moved, Diagnostic> {
    let find = |m: &Model| m.scenarios.iter().find(|s| s.name == asked.scenario).cloned();
    let (Some(own), Some(scenario)) = (find(model), find(after)) else {
        return Err(crate::env::worlds::unknown_scenario(model, &asked.scenario));
    };
    let refuse = |what: &str| {
        Err(Diagnostic::error(
            "E0864",
            format!("there is no transition of this: scenario `{}` {what}", own.name),
        )
        .at(own.span, "the scenario")
        .hint("transitions know `param NAME = ..`, `path PARAMETER = ..` and `periods`; members begin at rest"))
    };
    if !scenario.starts.is_empty() {
        return refuse("says where members begin");
    }
    if !scenario.forces.is_empty() {
        return refuse("forces what somebody does");
    }
    if !scenario.paths.is_empty() {
        return refuse("scripts a shock");
    }
    let mut after = after.clone();
    for (p, node) in &scenario.params {
        let value = values(&after, *node, 1)?;
        match value[0].is_nan() {
            true => return refuse("draws a parameter"),
            false => after.params[*p].values = value,
        }
    }
    let mut paths = Vec::new();
    for (p, node) in &scenario.moves {
        let all = values(&after, *node, LATE + 1)?;
        if all.iter().any(|x| !x.is_finite()) {
            return refuse("moves a parameter to what is no number");
        }
        after.params[*p].values = vec![all[all.len() - 1]];
        paths.push((*p, all));
    }
    let change = Change {
        before: model,
        after: &after,
        paths,
        periods: asked.periods.or(scenario.periods),
    };
    let transition = transition(&change, progress)?;
    let certificate = judge(&change, &transition, asked.seed)?;
    Ok(Moved {
        transition,
        certificate,
    })
}

/// What a node of a scenario is in each of `periods` periods; not a number where it is drawn.
fn values(model: &Model, node: NodeId, periods: usize) -> Result<Vec<f64>, Diagnostic> {
    let passed = dead(&model.graph, &[node]);
    let refuse = |e: String| Diagnostic::error("E0990", "a line of the scenario cannot be evaluated").note(e);
    let mut out = Vec::with_capacity(periods);
    for t in 0..periods {
        crate::limits::poll();
        let input = |i: &crate::graph::Input| match i.kind {
            InputKind::Param(p) => model.params[p].values.clone(),
            InputKind::Time => vec![t as f64],
            _ => vec![f64::NAN; passed.graph.elements(&i.shape)],
        };
        let inputs: Vec<Vec<f64>> = passed.graph.inputs.iter().map(input).collect();
        let all = evaluate(&passed.graph, &inputs).map_err(|e| refuse(e.to_string()))?;
        let at = passed.map[node.0 as usize].and_then(|n| all.nodes[n.0 as usize].first().copied());
        out.push(at.unwrap_or(f64::NAN));
    }
    Ok(out)
}
