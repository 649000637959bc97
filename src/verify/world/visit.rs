//! Places that were visited, and where draws lead from them.

use crate::env::worlds::trial::Place;

/// A place where the policy was met.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The world there, with the policy's actions.
    pub place: Place,
    /// The decision maker's states, one value per state.
    pub states: Vec<f64>,
    /// Its shocks as stored, one value per shock.
    pub shocks: Vec<f64>,
    /// Its choices, one value per action.
    pub actions: Vec<f64>,
    /// Weight of the date in lifetime value.
    pub weight: f64,
}

/// Where the draws of many jobs lead: one entry per draw after which the decision maker goes on.
#[derive(Clone, Debug, Default)]
pub struct Landings {
    /// Number of the job, ascending, one per entry.
    pub jobs: Vec<u32>,
    /// Probability times the discount factor, one per entry.
    pub chances: Vec<f64>,
    /// The date, one per entry.
    pub periods: Vec<u32>,
    /// Entry x (states, then stored shocks), row-major.
    pub places: Vec<f64>,
}
