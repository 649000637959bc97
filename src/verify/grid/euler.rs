//! Euler residuals (see [`crate::verify::euler`]): the share of consumption by which the first-order condition is missed.

use super::quantiles::quantiles;
use super::{Certificate, GridEvidence, Proof};
use crate::diag::Diagnostic;

/// Euler residuals on the ergodic set and between nodes, where no constraint binds.
pub struct Euler;

impl Proof for Euler {
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate) {
        let all = &bench.ergodic.euler;
        let bound = all.iter().filter(|e| e.is_nan()).count();
        out.euler = quantiles(all);
        out.euler_grid = quantiles(&bench.grid.euler);
        out.constrained = if all.is_empty() {
            0.0
        } else {
            bound as f64 / all.len() as f64
        };
    }

    fn verdict(&self, c: &Certificate) -> Option<Diagnostic> {
        let limit = c.thresholds.euler;
        let q = c.euler.filter(|q| !(q.p99 <= limit))?;
        Some(
            Diagnostic::error(
                "E0911",
                format!(
                    "Euler residuals are too large: 10^{:.2} of consumption at the 99 % quantile",
                    q.p99
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
