//! Whether markets clear at visited places, by the interpreter's own scan of excess demand and bisection (which shares no code with the
//! root finder of the compiled economy).

use super::trials::Trials;
use super::{Rest, WorldCertificate, WorldEvidence, WorldProof};
use crate::diag::Diagnostic;
use crate::graph::eval::{self, RootStatus};

/// Places that are looked at.
const PLACES: usize = 60;
/// Most elements that the interpreter computes in all.
const ELEMENTS: usize = 2_000_000;

/// Whether markets clear at the places of lives.
pub struct Clearing;

impl WorldProof for Clearing {
    fn prove(
        &self,
        bench: &WorldEvidence,
        _: &mut Trials,
        out: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic> {
        prove(bench, out).map(|()| None)
    }
}

/// Looks and judges.
///
/// # Errors
/// E0990 for a graph that cannot be evaluated.
pub fn prove(bench: &WorldEvidence, out: &mut WorldCertificate) -> Result<(), Diagnostic> {
    let model = bench.model;
    if model.graph.roots.is_empty() {
        return Ok(());
    }
    let per: usize = model.graph.nodes.iter().map(|n| model.graph.elements(&n.shape)).sum();
    let visits = &bench.played.visits;
    let many = PLACES.min(ELEMENTS / per.max(1)).max(1).min(visits.len());
    let stride = visits.len().div_ceil(many.max(1)).max(1);
    let (mut looked, mut several) = (0usize, 0usize);
    let mut failed: Vec<usize> = vec![0; model.graph.roots.len()];
    for v in visits.iter().step_by(stride) {
        let values = eval::evaluate(&model.graph, &v.place.inputs)
            .map_err(|e| Diagnostic::error("E0990", format!("a bug in econc: {e}")))?;
        looked += 1;
        for (k, status) in values.roots.iter().enumerate() {
            match status {
                RootStatus::One => {}
                RootStatus::Several => several += 1,
                RootStatus::None | RootStatus::Unsettled => failed[k] += 1,
            }
        }
    }
    let worst = failed.iter().copied().max().unwrap_or(0);
    let share = worst as f64 / looked.max(1) as f64;
    let note = if several > 0 {
        format!("{looked} visited places; at {several} more than one price clears, and the first is taken")
    } else {
        format!("{looked} visited places, by a scan of excess demand")
    };
    if several > 0 {
        let mut d = Diagnostic::warning(
            "W0830",
            format!("more than one price clears a market at {several} of {looked} visited places: the lowest is taken"),
        );
        if let Some(span) = model.graph.roots.first().and_then(|r| r.spans.first()) {
            d = d.at(*span, "clears here");
        }
        out.reasons
            .push(d.hint("narrow the domain of the price to the one that is meant"));
    }
    if !out.share("places where a market does not clear", share, Some(0.0), note) {
        let k = failed.iter().position(|f| *f == worst).unwrap_or(0);
        let mut d = Diagnostic::error(
            "E0947",
            format!(
                "a market does not clear at {:.1} % of the places visited",
                100.0 * share
            ),
        );
        if let Some(span) = model.graph.roots[k].spans.first() {
            d = d.at(*span, "no price in its domain clears it there");
        }
        out.reasons
            .push(d.hint("widen the domain of the price, or say how the short side is rationed"));
    }
    Ok(())
}
