//! Whether lives stay where the model and the solution say they are: domains, the solution's grid, requirements.

use super::trials::Trials;
use super::{Rest, WorldCertificate, WorldEvidence, WorldProof};
use crate::check::model::Otherwise;
use crate::diag::{Diagnostic, plain};

/// Time outside domains and the grid, and requirements that are not kept.
pub struct Stay;

impl WorldProof for Stay {
    fn prove(
        &self,
        bench: &WorldEvidence,
        _: &mut Trials,
        out: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic> {
        prove(bench, out);
        Ok(None)
    }
}

/// Judges what the simulation counted.
pub fn prove(bench: &WorldEvidence, out: &mut WorldCertificate) {
    let (model, counts) = (bench.model, &bench.played.counts);
    let all = counts.periods.max(1) as f64;
    let mut shown = false;
    for (s, (n, first)) in model.states.iter().zip(&counts.outside) {
        if *n == 0 {
            continue;
        }
        shown = true;
        let share = *n as f64 / all;
        out.share(
            &format!("{} outside its domain", s.name),
            share,
            Some(0.0),
            format!("{n} times, first at {first:.6}", first = plain(first)),
        );
        out.reasons.push(
            Diagnostic::error("E0942", format!("`{}` leaves its domain under the solution", s.name))
                .at(s.span, format!("{n} times, first at {first:.6}", first = plain(first)))
                .note("a domain is a claim about the economy, also where no reward reads the state")
                .hint("bound the action so that the law of motion stays inside, widen the domain, or clamp the law"),
        );
    }
    if !shown {
        out.share(
            "time outside the domains",
            0.0,
            Some(0.0),
            "all states, in the economy".into(),
        );
    }
    if !bench.seat.states.is_empty() {
        let (outside, of) = bench.played.outside;
        let share = outside as f64 / of.max(1) as f64;
        if !out.share(
            "time outside the solved grid",
            share,
            Some(bench.options.edges),
            "declared shocks, from the model's start".into(),
        ) {
            out.reasons.push(
                Diagnostic::error(
                    "E0943",
                    format!(
                        "{:.2} % of simulated time is spent outside the solved grid",
                        100.0 * share
                    ),
                )
                .note("policies are not defined there; what is printed for the grid says nothing about these periods")
                .hint("widen the grid: grid.NAME = log(lo, hi, n), or the state's domain"),
            );
        }
    }
    let violated: u64 = model
        .requires
        .iter()
        .zip(&counts.binding)
        .filter(|(r, _)| matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)))
        .map(|(_, n)| *n)
        .sum();
    if violated > 0 {
        out.share(
            "choices moved to satisfy a requirement",
            violated as f64 / (2.0 * all),
            None,
            "in the economy; by interpolation, where a requirement binds".into(),
        );
    }
}
