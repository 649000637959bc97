//! Places in words.

use super::bellman::{At, Bellman};

/// Where a node lies, in the model's words.
pub(crate) fn describe(bellman: &Bellman, at: At, node: usize) -> String {
    let spec = bellman.problem.spec();
    let mut x = vec![0.0; spec.states.len()];
    bellman.tensor.node(node, &mut x);
    let mut parts: Vec<String> = spec
        .states
        .iter()
        .zip(&x)
        .map(|(s, x)| format!("{} = {x}", s.name))
        .collect();
    if let Some(values) = spec.chain.values.get(at.shock) {
        parts.extend(
            spec.chain
                .names
                .iter()
                .zip(values)
                .map(|(name, v)| format!("{name} = {v}")),
        );
    }
    if spec.horizon.is_some() {
        parts.push(format!("t = {}", at.time));
    }
    if parts.is_empty() {
        "the only state".into()
    } else {
        parts.join(", ")
    }
}
