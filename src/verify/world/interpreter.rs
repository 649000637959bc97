//! The compiled economy against the plain one: at visited places rewards, next states and ends are computed again by the interpreter of
//! the graph, which shares no code with the compiler.

use super::trials::Trials;
use super::{Rest, WorldCertificate, WorldEvidence, WorldProof};
use crate::diag::Diagnostic;
use crate::env::worlds::Worlds;
use crate::graph::eval;

/// Places that are compared.
const PLACES: usize = 1000;
/// Most elements that the interpreter computes in all.
const ELEMENTS: usize = 2_000_000;
/// Largest relative difference: functions are rounded differently.
const LARGEST: f64 = 1e-9;

/// Whether the compiled economy and the plain one say the same.
pub struct Interpreter;

impl WorldProof for Interpreter {
    fn prove(
        &self,
        bench: &WorldEvidence,
        _: &mut Trials,
        out: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic> {
        prove(bench, out).map(|()| None)
    }
}

/// Compares and judges.
///
/// # Errors
/// E0990 for a graph that cannot be evaluated.
fn prove(bench: &WorldEvidence, out: &mut WorldCertificate) -> Result<(), Diagnostic> {
    let model = bench.model;
    let per: usize = model.graph.nodes.iter().map(|n| model.graph.elements(&n.shape)).sum();
    let visits = &bench.played.visits;
    let many = PLACES.min(ELEMENTS / per.max(1)).max(1).min(visits.len());
    let stride = visits.len().div_ceil(many.max(1)).max(1);
    let chosen: Vec<usize> = (0..visits.len()).step_by(stride).collect();
    if chosen.is_empty() {
        return Ok(());
    }
    let n = chosen.len();
    let mut worlds = Worlds::new(model, None, n, bench.options.seed, &[])?;
    let places: Vec<_> = chosen.iter().map(|i| &visits[*i].place).collect();
    worlds.put(&places);
    let nodes = worlds.outcome_nodes();
    let mut engine = worlds.engine(nodes.clone())?;
    // Next shocks and noises stand as the last step left them: any values will do, as long as both see the same.
    let compiled = engine.run(&worlds.frame, n)?;
    let bug = |why: String| {
        Diagnostic::error("E0990", format!("a bug in econc: {why}"))
            .hint("please send this model to the authors: no number of it can be trusted")
    };
    let mut largest: f64 = 0.0;
    // Differences count against the largest number of their kind: what cancels has no digits of its own.
    let sizes: Vec<f64> = (compiled.iter())
        .map(|column| {
            column
                .iter()
                .filter(|x| x.is_finite())
                .fold(0.0, |m: f64, x| m.max(x.abs()))
        })
        .collect();
    for (w, i) in chosen.iter().enumerate() {
        let values = eval::evaluate(&model.graph, &visits[*i].place.inputs).map_err(|e| bug(e.to_string()))?;
        for ((node, column), size) in nodes.iter().zip(&compiled).zip(&sizes) {
            for (e, x) in values.nodes[node.0 as usize].iter().enumerate() {
                let y = column[e * n + w];
                let difference = if *x == y || (x.is_nan() && y.is_nan()) {
                    0.0
                } else {
                    (x - y).abs() / size.max(x.abs())
                };
                largest = largest.max(if difference.is_nan() { f64::INFINITY } else { difference });
            }
        }
    }
    if !out.log(
        "compiled and interpreted economy",
        largest,
        Some(LARGEST.log10()),
        format!("rewards, laws and ends at {n} visited places"),
    ) {
        out.reasons.push(bug(format!(
            "the compiled economy and the interpreter differ by {largest:.1e}"
        )));
    }
    Ok(())
}
