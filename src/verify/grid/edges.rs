//! Whether simulated lives stay on the grid, and off its edges unless a constraint or the law of the state puts them there.

use super::{Certificate, GridEvidence, Proof, Share};
use crate::diag::Diagnostic;
use crate::num::interpolate::Rule;

/// Share of a grid that is close to its end: beyond it values are level, so that whoever saves without end comes to rest there.
const NEAR: f64 = 0.02;

/// Time outside the grid and at its edges.
pub struct Edges;

impl Proof for Edges {
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate) {
        let played = bench.played;
        out.outside = fault!("verdict.edges_unseen", 0.0, played.share(&played.outside));
        out.unexplained_edges = played.share(&played.unexplained);
        let mut most = 1.0;
        for (s, state) in bench.bellman.problem.spec().states.iter().enumerate() {
            if bench.bellman.tensor.axes()[s].rule() == Rule::Nodes {
                continue;
            }
            // Widths are ratios where the grid is in logarithms.
            let axis = &bench.bellman.tensor.axes()[s];
            let scale = |x: f64| if axis.log() { x.max(f64::MIN_POSITIVE).ln() } else { x };
            let (lo, hi) = (axis.nodes()[0], axis.nodes()[axis.nodes().len() - 1]);
            for x in &played.states[s] {
                let end = if *x > hi { hi } else { lo };
                let beyond = (scale(*x) - scale(x.clamp(lo, hi))).abs() / (scale(hi) - scale(lo));
                if beyond > most {
                    most = beyond;
                    out.runaway = Some((state.name.clone(), end, *x));
                }
            }
            for (upper, word) in [(false, "lower"), (true, "upper")] {
                let flags: Vec<bool> = (0..played.times.len())
                    .map(|k| played.edge(bench.bellman, s, k) == Some(upper))
                    .collect();
                out.edges.push(Share {
                    name: format!("{} at its {word} end", state.name),
                    share: played.share(&flags),
                });
                // Of a grid in logarithms the lower end is close only where the ratio is.
                let near = |x: &f64| {
                    if upper {
                        *x > hi - NEAR * (hi - lo)
                    } else {
                        scale(*x) < scale(lo) + NEAR * (scale(hi) - scale(lo))
                    }
                };
                let flags: Vec<bool> = played.states[s].iter().map(near).collect();
                out.near.push(Share {
                    name: format!("{} near its {word} end", state.name),
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
        let d = Diagnostic::error(
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
        ));
        Some(match &c.runaway {
            None => d.hint("widen the grid of the state: grid.NAME = log(lo, hi, n), or its domain"),
            Some((name, end, far)) => d.note(format!("`{name}` goes to {far:.3e}, where the grid ends at {end}")).hint(format!(
                "a wider grid helps only where `{name}` comes to rest: bound its law (min, max, clamp), or look for what should hold it back, in the law and in the reward"
            )),
        })
    }
}
