//! Equilibria of several who decide: what a method for them is, and what it finds. `methods.rs` lists them.
//!
//! A method finds policies such that each who decides does what is best for it, given what the others do and the prices that it
//! takes. The result is a [`Solution`] like a planner's, which chooses for everybody as a function of the state of the economy; what it
//! is worth to each stands in its [`Player`]s. Whether it is an equilibrium is judged in `verify/equilibrium`, not here.
//!
//! [`Player`]: super::solution::Player

pub mod best_replies;
mod finite;
mod informed;
pub mod joint;
pub mod linear_quadratic;
mod made;
pub mod one_shot;
mod play;
pub mod private;
mod public;
mod select;
mod stages;
mod typed;

use super::continuum::perceived::law::Perceived;
use super::continuum::population::Population;
use super::decision::Discretised;
use super::economy::Economy;
use super::observed::{self, Knows};
use super::progress::Watch;
use super::solution::Solution;
use crate::check::Model;
use crate::check::settings::defaults;
use crate::diag::Diagnostic;

/// A way of finding an equilibrium.
pub trait EquilibriumMethod: Sync {
    /// Its word in `solve { method = .. }`.
    fn name(&self) -> &'static str;
    /// What it does, in one line.
    fn about(&self) -> &'static str;
    /// The keys of `solve { }` that this method reads and not every method does; any length.
    fn keys(&self) -> &'static [&'static str];
    /// The keys of the certificate that the judge of its results reads; any length.
    fn judged(&self) -> &'static [&'static str] {
        &["bellman", "edges"]
    }
    /// What its policies take those who play to know.
    fn knows(&self) -> Knows;
    /// Whether it can solve an economy.
    ///
    /// # Errors
    /// What is in the way, as the end of "it cannot solve this model: ..".
    fn fits(&self, economy: &Economy) -> Result<(), String>;
    /// Looks for equilibria.
    ///
    /// # Errors
    /// Those of the method: none found, several where one was asked for, no convergence; E0906 when stopped.
    fn solve(&self, economy: &Economy, seed: u64, progress: &mut dyn Watch) -> Result<Found, Vec<Diagnostic>>;
}

/// What a file says of `work`: a search whose work has a limit may do so many times what is the least.
pub(crate) fn allowed(model: &Model) -> f64 {
    let said = model.solve_settings().and_then(|s| s.get("work"));
    said.and_then(|v| v.number()).unwrap_or(defaults::WORK)
}

/// What to write to be allowed more than so many times the least.
pub(crate) fn more_work(allowed: f64) -> String {
    format!(
        "solve {{ work = {} }} allows more; coarser grids (grid.NAME = uniform(9)), fewer states of shocks or fewer players take less",
        (4.0 * allowed).max(4.0)
    )
}

/// What a search for equilibria found.
#[derive(Clone)]
pub struct Found {
    /// The equilibrium that was asked for, or the only one.
    pub solution: Solution,
    /// Further ones, any number.
    pub others: Vec<Solution>,
    /// From how many starts (or of how many profiles) it was looked for.
    pub searches: usize,
    /// What was looked for and what was not, a clause each; any length.
    pub scope: Vec<String>,
    /// Asked and obtained moments of discretised shocks, one entry per shock or draw.
    pub discretised: Vec<Discretised>,
    /// Where the economy without shocks rests, if it was found: `(name, value)`, one per state, then one per action.
    pub steady_state: Vec<(String, f64)>,
    /// Of a continuum under aggregate shocks: what its members expect, and what comes of it.
    pub perceived: Option<Perceived>,
    /// Where all members of a continuum are, if there is one and it rests.
    pub population: Option<Population>,
}

/// Looks for equilibria by a method, where everybody observes what its policy would be a function of; with it the names of what is not observed
/// although policies use it, where `information = full` asks for that.
///
/// # Errors
/// E0825 where somebody does not observe what matters, and those of the method.
pub fn find(
    economy: &Economy,
    method: &dyn EquilibriumMethod,
    seed: u64,
    progress: &mut dyn Watch,
) -> Result<(Found, Vec<String>), Vec<Diagnostic>> {
    let hidden = observed::states(economy, method.knows()).map_err(|d| vec![d])?;
    Ok((method.solve(economy, seed, progress)?, hidden))
}
