//! What a solve hands over: a solution with its verdict, as it is stored, reported and used to judge what is learned.

use super::grid::Certificate;
use crate::check::Model;
use crate::check::model::PriceFunction;
use crate::diag::Diagnostic;
use crate::solve::continuum::perceived::law::Perceived;
use crate::solve::continuum::population::Population;
use crate::solve::decision::{self, Discretised};
use crate::solve::forward;
use crate::solve::solution::Solution;
use std::borrow::Cow;

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
    /// Prices that look a period ahead, as functions; one per price of the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<PriceFunction>,
    /// Where all members of a continuum are, if there is one and it rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<Population>,
}

impl Solved {
    /// The economy of a model under this solution: where its prices look ahead, the model in which their functions stand for them.
    ///
    /// # Errors
    /// E0868 for a solution of another model.
    pub fn economy<'m>(&self, model: &'m Model) -> Result<Cow<'m, Model>, Diagnostic> {
        match forward::open(model) {
            true => forward::closed(model, &self.ahead).map(Cow::Owned),
            false => Ok(Cow::Borrowed(model)),
        }
    }
}
