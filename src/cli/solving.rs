//! What `econc solve` does: solves, certifies, reports.

use super::compiled::Compiled;
use super::keeper::Keeper;
use super::meter::Meter;
use crate::chance::process::Process;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::driver::{self, Solved};
use crate::env::cast::{Behaviour, Cast};
use crate::env::impulses;
use crate::env::responses::{ResponseOptions, responses};
use crate::env::simulate::{SimulationOptions, simulate};
use crate::report::content::Content;
use crate::report::draw::drawing_of;
use crate::report::outcome;
use crate::report::responses::shown;
use crate::report::simulated;
use crate::report::store::RunDirectory;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// What `solve` was told.
#[derive(Clone, Debug, Default)]
pub struct SolveOptions {
    /// `--concept`
    pub concept: Option<String>,
    /// `--method`
    pub method: Option<String>,
    /// `--information`
    pub information: Option<String>,
    /// `--seed`
    pub seed: u64,
}

/// The word that asks for all methods.
pub(super) const ALL: &str = "all";

/// What is asked of a solve; all methods is none in particular.
pub(super) fn asked(options: &SolveOptions) -> driver::Request {
    driver::Request {
        method: options.method.clone().filter(|m| m != ALL),
        concept: options.concept.clone(),
        information: options.information.clone(),
        seed: options.seed,
    }
}

/// Whether what `solve` was told exists; asked before anything is written.
///
/// # Errors
/// E0804.
pub fn solvable(options: &SolveOptions) -> Result<(), Diagnostic> {
    driver::asked(&asked(options))
}

/// Solves and certifies.
///
/// What was found so far is kept in `run` every `every` seconds, and gone on from if it is there.
///
/// # Errors
/// Those of solving; E0951, E0983.
pub fn solve(
    compiled: &Compiled,
    options: &SolveOptions,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    let mut keeper = Keeper::new(meter, run, every).map_err(|d| vec![d])?;
    let solved = driver::solve(&compiled.model, &asked(options), &mut keeper);
    let solved = keeper.ended(solved)?;
    let model = solved.economy(&compiled.model).map_err(|d| vec![d])?;
    let mut content = outcome::of_solution(&model, &solved).map_err(|d| vec![d])?;
    content.drawing = Some(drawing_of(&compiled.model));
    if responds(&model, &solved) {
        respond(&model, solved.solution, options.seed, meter, &mut content)?;
    } else if model.states.is_empty() && solved.certificate.passed {
        outcomes(&model, solved.solution, options.seed, &mut content)?;
    }
    Ok(content)
}

/// Games that are played to show what comes of an equilibrium, where chance has a part in it.
const GAMES: usize = 2000;

/// Adds what the file of a game without states defines, as the game is played by the equilibrium.
///
/// # Errors
/// E0906 where it was stopped.
fn outcomes(model: &Model, solution: Solution, seed: u64, content: &mut Content) -> Result<(), Vec<Diagnostic>> {
    let mixed = solution.mixed.iter().any(|m| !m.is_empty());
    let cast = Cast::from(Behaviour::Solved(Arc::new(solution)));
    let chance = mixed || !model.shocks.is_empty() || !model.noises.is_empty() || cast.mixes(model);
    let options = SimulationOptions {
        periods: Some(1),
        worlds: if chance { GAMES } else { 1 },
        seed,
        scenario: None,
        on_chain: false,
        greedy: false,
    };
    match simulate(model, &cast, &options, &mut |_, _| true) {
        Ok(played) => content.tables.extend(simulated::definitions(model, &played)),
        Err(d) if d.code == "E0906" => return Err(vec![d]),
        Err(d) => content
            .facts
            .push(("definitions".into(), format!("none: {}", d.into_message().headline))),
    }
    Ok(())
}

/// Histories of the responses in a report, their periods, and those before they count: enough to draw a mean and a band.
const HISTORIES: usize = 40;
const PERIODS: usize = 40;
const BURN_IN: usize = 200;
/// Share of the histories inside the band.
const BAND: f64 = 0.9;

/// Whether the report shows impulse responses: of what is certified and goes on for ever, where a history takes no population.
fn responds(model: &Model, solved: &Solved) -> bool {
    let wide = |n: usize| n > 64;
    let elements = model.graph.inputs.iter().map(|i| model.graph.elements(&i.shape));
    let lasts = model.horizon.is_none() && model.ends.is_empty();
    // What one period leaves to the next: a state, or a shock that remembers.
    let memory = !model.states.is_empty() || model.shocks.iter().any(|s| !matches!(s.process, Process::Iid(_)));
    solved.certificate.passed && lasts && memory && !model.shocks.is_empty() && !elements.into_iter().any(wide)
}

/// Adds the responses to one standard deviation of every shock (of chains, to their largest value).
///
/// # Errors
/// E0906 where it was stopped.
fn respond(
    model: &Model,
    solution: Solution,
    seed: u64,
    meter: &Meter,
    content: &mut Content,
) -> Result<(), Vec<Diagnostic>> {
    let cast = Cast::from(Behaviour::Solved(Arc::new(solution)));
    let found = impulses::impulses(model, &[]).and_then(|impulses| {
        let options = ResponseOptions {
            impulses,
            begin: impulses::begin(model, None)?,
            periods: PERIODS,
            histories: HISTORIES,
            burn_in: BURN_IN,
            band: BAND,
            variance: false,
            seed,
            greedy: false,
        };
        let mut progress = |done: usize, of: usize| meter.report(done as u64, of as u64, "periods", "responses");
        responses(model, &cast, &options, &mut progress)
    });
    let found = match found {
        Ok(found) => found,
        Err(d) if d.code == "E0906" => return Err(vec![d]),
        Err(d) => {
            content
                .facts
                .push(("responses".into(), format!("none: {}", d.into_message().headline)));
            return Ok(());
        }
    };
    let (pictures, table) = shown(&found, BAND);
    let later = ["euler-places", "life", "euler", "convergence"];
    let at = content.pictures.iter().position(|p| later.contains(&p.stem.as_str()));
    let at = at.unwrap_or(content.pictures.len());
    content.pictures.splice(at..at, pictures);
    content.tables.push(table);
    Ok(())
}
