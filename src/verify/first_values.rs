//! First values of states that have none: lives that judge a solution begin somewhere.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::graph::Op;
use crate::solve::solution::Solution;

/// The model with a first value for each state that has none, and what was taken: where it rests, or else the middle of its grid. Solving needs no
/// first value, but lives that judge the solution begin somewhere.
pub fn begins(model: &Model, solution: &Solution, rests: &[(String, f64)]) -> (Model, Vec<Diagnostic>) {
    let mut model = model.clone();
    let mut said = Vec::new();
    for i in 0..model.states.len() {
        let state = &model.states[i];
        if state.start.is_some() {
            continue;
        }
        let own = |name: &str| name == state.name || name.starts_with(&format!("{}[", state.name));
        let rest = rests.iter().find(|(name, x)| own(name) && state.domain.contains(*x));
        let (x, words) = match (rest, solution.states.iter().find(|s| own(&s.name))) {
            (Some((_, x)), _) => (*x, "where it rests"),
            (None, Some(axis)) => (axis.nodes[axis.nodes.len() / 2], "the middle of its grid"),
            (None, None) => (
                state.domain.lo.max(0.0).min(state.domain.hi),
                "as nothing that pays depends on it",
            ),
        };
        said.push(
            Diagnostic::warning(
                "W0811",
                format!(
                    "`{}` has no first value: lives that judge the solution begin at {x}",
                    state.name
                ),
            )
            .at(state.span, words)
            .hint(format!(
                "say where lives begin: state {} .., start {x}",
                state.name.rsplit('.').next().unwrap_or(&state.name)
            )),
        );
        let span = state.span;
        if let Ok(node) = model.graph.add(Op::Const(x), span) {
            model.states[i].start = Some(node);
        }
    }
    (model, said)
}
