//! Whether simulated lives stay on the grid, and off its edges unless a constraint or the law of the state puts them there.

use super::{Bench, Certificate, Proof, Share};
use crate::diag::Diagnostic;
use crate::num::interpolate::Rule;

/// Time outside the grid and at its edges.
pub struct Edges;

impl Proof for Edges {
    fn measure(&self, bench: &Bench, out: &mut Certificate) {
        let played = bench.played;
        out.outside = played.share(&played.outside);
        out.unexplained_edges = played.share(&played.unexplained);
        for (s, state) in bench.bellman.problem.spec().states.iter().enumerate() {
            if bench.bellman.tensor.axes()[s].rule() == Rule::Nodes {
                continue;
            }
            for (upper, word) in [(false, "lower"), (true, "upper")] {
                let flags: Vec<bool> = (0..played.times.len())
                    .map(|k| played.edge(bench.bellman, s, k) == Some(upper))
                    .collect();
                out.edges.push(Share {
                    name: format!("{} at its {word} end", state.name),
                    share: played.share(&flags),
                });
            }
        }
    }

    fn verdict(&self, c: &Certificate) -> Option<Diagnostic> {
        let limit = c.thresholds.edges;
        if c.outside.max(c.unexplained_edges) <= limit {
            return None;
        }
        Some(
            Diagnostic::error(
                "E0913",
                format!(
                    "the grid is too narrow: {:.2} % of simulated time is spent outside it or pressed against its edge",
                    100.0 * (c.outside + c.unexplained_edges)
                ),
            )
            .note(format!(
                "at most {:.2} % is allowed; outside {:.2} %, at an edge without a binding constraint {:.2} %",
                100.0 * limit,
                100.0 * c.outside,
                100.0 * c.unexplained_edges
            ))
            .hint("widen the grid of the state"),
        )
    }
}
