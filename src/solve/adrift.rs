//! States that nobody's choices move: where they go by themselves from where lives begin, without chance.

use crate::check::Model;
use crate::graph::eval::evaluate;
use crate::graph::passes::dead;
use crate::graph::{Input, InputKind, NodeId};
use crate::solve::economy::moving;

/// States of one number that nobody moves, now or through other states, and that no draw moves, with what they are after so many periods: name and
/// value. What begins at no single number, or goes on moving, is left out.
pub fn after(model: &Model, periods: usize) -> Vec<(String, f64)> {
    let g = &model.graph;
    let moved = moving(model);
    let single = |s: &usize| {
        let state = &model.states[*s];
        let start = state.start.and_then(|n| g.nodes[n.0 as usize].domain.as_point());
        g.inputs[state.input.0 as usize].shape.is_empty() && !moved.contains(&state.input) && start.is_some()
    };
    let mut own: Vec<usize> = (0..model.states.len()).filter(single).collect();
    // What reads something else than parameters and one another does not go by itself.
    loop {
        let before = own.len();
        let kept = own.clone();
        own.retain(|s| {
            let reads = g.inputs_below([model.states[*s].next]);
            reads.iter().all(|i| match g.inputs[i.0 as usize].kind {
                InputKind::State(s) => kept.contains(&s),
                InputKind::Param(_) => true,
                _ => false,
            })
        });
        if own.len() == before {
            break;
        }
    }
    let laws: Vec<NodeId> = own.iter().map(|s| model.states[*s].next).collect();
    if laws.is_empty() {
        return Vec::new();
    }
    let passed = dead(g, &laws);
    let first = |s: &usize| {
        let start = model.states[*s]
            .start
            .and_then(|n| g.nodes[n.0 as usize].domain.as_point());
        start.unwrap_or(f64::NAN)
    };
    let mut now: Vec<f64> = own.iter().map(first).collect();
    let mut before = now.clone();
    for _ in 0..periods {
        crate::limits::poll();
        let input = |i: &Input| match i.kind {
            InputKind::Param(p) => model.params[p].values.clone(),
            InputKind::State(s) => vec![own.iter().position(|o| *o == s).map_or(f64::NAN, |k| now[k])],
            _ => vec![f64::NAN; passed.graph.elements(&i.shape)],
        };
        let inputs: Vec<Vec<f64>> = passed.graph.inputs.iter().map(input).collect();
        let Ok(all) = evaluate(&passed.graph, &inputs) else {
            return Vec::new();
        };
        let at = |n: &NodeId| passed.map[n.0 as usize].and_then(|n| all.nodes[n.0 as usize].first().copied());
        before = std::mem::replace(&mut now, laws.iter().map(|n| at(n).unwrap_or(f64::NAN)).collect());
    }
    let still = |k: &usize| (now[*k] - before[*k]).abs() <= 1e-9 * (1.0 + now[*k].abs());
    (0..own.len())
        .filter(still)
        .map(|k| (model.states[own[k]].name.clone(), now[k]))
        .collect()
}
