//! What `econc solve` does: solves, certifies, reports.

use super::compiled::Compiled;
use super::keeper::Keeper;
use super::meter::Meter;
use crate::diag::Diagnostic;
use crate::driver;
use crate::report::content::Content;
use crate::report::draw::drawing_of;
use crate::report::outcome;
use crate::report::store::RunDirectory;

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
    let mut content = outcome::of_solution(&compiled.model, &solved).map_err(|d| vec![d])?;
    content.drawing = Some(drawing_of(&compiled.model));
    Ok(content)
}
