//! One-shot deviations: `max_a Q(x, a) - Q(x, policy(x))`, what choosing otherwise once would gain.

use super::quantiles::quantiles;
use super::{Certificate, GridEvidence, Proof};
use crate::diag::Diagnostic;

/// Gains on the ergodic set.
pub struct Deviation;

impl Proof for Deviation {
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate) {
        out.deviation = quantiles(&bench.ergodic.deviation);
    }

    fn verdict(&self, c: &Certificate) -> Option<Diagnostic> {
        let limit = c.thresholds.deviation;
        let q = c.deviation.filter(|q| !(q.max <= limit))?;
        Some(
            Diagnostic::error(
                "E0914",
                format!(
                    "a one-period deviation from the policy gains 10^{:.2} {}",
                    q.max,
                    c.of_unit()
                ),
            )
            .note(format!("asked for 10^{limit:.2}; 99 % quantile 10^{:.2}", q.p99))
            .hint("use more nodes; if the policy has kinks or jumps, put nodes there"),
        )
    }
}
