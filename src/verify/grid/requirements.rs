//! Whether hard constraints hold along simulated lives, and how often each constraint binds.

use super::{Certificate, GridEvidence, Proof, Share};
use crate::diag::Diagnostic;
use crate::verify::binding::Binding;

/// Time at infeasible actions, and at each constraint.
pub struct Requirements;

impl Proof for Requirements {
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate) {
        let (bellman, played) = (bench.bellman, bench.played);
        out.infeasible = played.share(&played.infeasible);
        let mut push = |name: String, what: Binding| {
            let flags: Vec<bool> = played.binding.iter().map(|b| *b == what).collect();
            out.constraints.push(Share {
                name,
                share: played.share(&flags),
            });
        };
        for (c, &a) in bellman.continuous.iter().enumerate() {
            let name = &bellman.problem.spec().actions[a].name;
            push(format!("{name} at its lower bound"), Binding::Lower(c));
            push(format!("{name} at its upper bound"), Binding::Upper(c));
        }
        if !bellman.continuous.is_empty() {
            push("a hard constraint binds".into(), Binding::Slack);
        }
    }

    fn verdict(&self, c: &Certificate) -> Option<Diagnostic> {
        if c.infeasible <= c.thresholds.infeasible {
            return None;
        }
        Some(
            Diagnostic::error(
                "E0916",
                format!("{:.2} % of simulated time violates a `require`", 100.0 * c.infeasible),
            )
            .note("the policy cannot keep the constraint from everywhere it leads to")
            .hint("widen the action's bounds or the state's grid"),
        )
    }
}
