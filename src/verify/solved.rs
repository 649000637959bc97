//! What a solve hands over: a solution with its verdict, as it is stored, reported and used to judge what is learned.

use super::grid::Certificate;
use crate::solve::continuum::perceived::law::Perceived;
use crate::solve::continuum::population::Population;
use crate::solve::decision::{self, Discretised};
use crate::solve::solution::Solution;

/// A solution with its verdict.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Solved {
    /// The solution.
    pub solution: Solution,
    /// Further equilibria that were found, any number.
    #[serde(default)]
    pub others: Vec<Solution>,
    /// The verdict.
    pub certificate: Certificate,
    /// Asked and obtained moments of discretised shocks, one entry per shock or draw.
    pub discretised: Vec<Discretised>,
    /// The deterministic steady state, where there is one: `(name, value)`, one per state, then one per action.
    pub steady_state: Vec<(String, f64)>,
    /// Of a continuum under aggregate shocks: what its members expect, and what comes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perceived: Option<Perceived>,
    /// The concept that was asked for instead of the file's.
    #[serde(default)]
    pub concept: Option<String>,
    /// What policies may depend on, where that was asked for instead of the file's.
    #[serde(default)]
    pub information: Option<String>,
    /// States and shocks that matter and that no agent observes (their names, any length): the solution is that of a decision maker
    /// who sees everything.
    #[serde(default)]
    pub hidden: Vec<String>,
    /// Shocks that no agent observes, integrated out like noises (their names, any length).
    #[serde(default)]
    pub unseen: Vec<String>,
    /// How the model was turned into the problem that was solved: what the file leaves open and the solver found.
    #[serde(default)]
    pub build: decision::ProblemOptions,
    /// Where all members of a continuum are, if there is one and it rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<Population>,
}
