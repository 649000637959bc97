//! What is recorded of lives on the solver's chain: `play.rs` plays them, `rest.rs` asks whether they have come to rest.

use crate::solve::bellman::At;
use crate::verify::binding::Binding;

/// Everything that is kept of a simulation. Arrays run over period x path, paths fastest: one entry per path-period.
#[derive(Default)]
pub struct Simulated {
    /// Shock and date, one per path-period.
    pub times: Vec<At>,
    /// States, `[state][path-period]`.
    pub states: Vec<Vec<f64>>,
    /// Actions, `[action][path-period]`.
    pub actions: Vec<Vec<f64>>,
    /// Rewards, one value per path-period (the arrays below likewise).
    pub reward: Vec<f64>,
    /// Whether a life ends with the period, one flag for each path-period.
    pub last: Vec<bool>,
    /// Whether a state is off the grid, one flag for each path-period.
    pub outside: Vec<bool>,
    /// Whether a hard constraint is violated, one flag for each path-period.
    pub infeasible: Vec<bool>,
    /// Whether a state is at an edge although neither its law nor a constraint explains it, one flag for each path-period.
    pub unexplained: Vec<bool>,
    /// The constraint that binds, one entry for each path-period.
    pub binding: Vec<Binding>,
    /// Periods that are whole lives where lives are finite, else all, one number per path.
    pub whole: Vec<usize>,
    /// Periods of each path before those that are recorded.
    pub before: usize,
}
