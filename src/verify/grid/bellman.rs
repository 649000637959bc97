//! Bellman residuals `|TV - V|`: by how much one more step of the Bellman equation moves the value.

use super::quantiles::quantiles;
use super::{Certificate, GridEvidence, Proof};
use crate::diag::Diagnostic;

/// Bellman residuals on the ergodic set and between nodes.
pub struct BellmanResidual;

impl Proof for BellmanResidual {
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate) {
        out.bellman = quantiles(&bench.ergodic.bellman);
        out.bellman_grid = quantiles(&bench.grid.bellman);
    }

    fn verdict(&self, c: &Certificate) -> Option<Diagnostic> {
        let limit = c.thresholds.bellman;
        let q = c.bellman.filter(|q| !(q.p99 <= limit))?;
        Some(
            Diagnostic::error(
                "E0912",
                format!(
                    "Bellman residuals are too large: 10^{:.2} {} at the 99 % quantile",
                    q.p99,
                    c.of_unit()
                ),
            )
            .note(format!(
                "asked for 10^{limit:.2}; median 10^{:.2}, largest 10^{:.2}, {} points",
                q.p50, q.max, q.points
            ))
            .hint("use more nodes, a log grid, or cubic interpolation"),
        )
    }
}
