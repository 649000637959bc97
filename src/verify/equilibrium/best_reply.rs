//! What a player gains by the best reply of a whole life: its problem with the others' policies given, solved on a grid of its own by a
//! method for one who decides, and played in the economy against them.
//!
//! What the reply earns more is the discounted sum, along lives in which it is played, of what each of its choices is worth with the
//! equilibrium's value after it, less that value: it is measured without the noise of summed rewards, and where it is not positive the reply
//! is no better.

use super::player::Seated;
use crate::diag::Diagnostic;
use crate::solve::between::PolicyBetween;
use crate::solve::decision::others::Others;
use crate::solve::decision::{self, Decision};
use crate::solve::method::{Structure, Task};
use crate::solve::methods;
use crate::solve::progress::Watch;
use crate::verify::world::play::Deviator;
use crate::verify::world::seat::Seat;
use crate::verify::world::{WorldCertificate, promise};
use std::sync::Arc;

/// Nodes of each continuous state of the reply's grid, by how many there are (0, 1, 2, ..).
const NODES: [usize; 5] = [1, 120, 30, 14, 8];

/// Measures; returns the gain a period in the bench's unit.
///
/// # Errors
/// Those of the problem of one and of its method, of a simulation and of the economy's programs.
pub(super) fn prove(seated: &Seated, progress: &mut dyn Watch, out: &mut WorldCertificate) -> Result<f64, Diagnostic> {
    let (model, name) = (seated.model, &seated.player.name);
    let others = Others::of(model, &seated.solution, seated.player)?;
    let solved = &seated.solution.states;
    let ends = solved.iter().filter(|s| !s.integer);
    let continuous = ends.clone().count();
    let build = decision::Options {
        bounds: ends
            .map(|s| (s.name.clone(), s.nodes[0], s.nodes[s.nodes.len() - 1]))
            .collect(),
        nodes: NODES[continuous.min(NODES.len() - 1)],
        ..decision::Options::default()
    };
    let problem = Decision::among(model, &build, &others)?;
    let method = methods::choose(
        None,
        &Structure::of(crate::solve::problem::DecisionProblem::spec(&problem)),
    )?;
    let task = Task {
        model,
        problem: &problem,
        guess: None,
        linear: false,
    };
    let reply = method.solve(task, progress)?;
    let deviator = Deviator {
        seat: Seat::of(model, &reply)?,
        policy: PolicyBetween::new(Arc::new(reply))?,
    };
    let played = seated.play(Some(&deviator))?;
    let mut trials = seated.trials()?;
    let bench = seated.bench(&played, &mut trials)?;
    let (gain, error) = promise::kept(&bench, &mut trials)?;
    let fine = out.log(
        "best reply of a whole life, gain",
        gain.max(0.0),
        Some(bench.options.limit),
        format!(
            "a period, share of {}; solved by {} against the others",
            bench.unit,
            method.name()
        ),
    );
    if !fine {
        out.reasons.push(
            Diagnostic::error(
                "E0977",
                format!(
                    "a best reply gains `{name}` 10^{:.2} of {} a period: this is no equilibrium",
                    gain.log10(),
                    bench.unit
                ),
            )
            .note(format!("two standard errors are {:.1e}", 2.0 * error))
            .hint("a finer grid, another start or more damping; if the gain stays, what was found is no equilibrium of this model"),
        );
    }
    Ok(gain)
}
