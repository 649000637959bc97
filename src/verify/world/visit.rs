//! Places that were visited, and where draws lead from them.

use crate::env::worlds::trial::Place;

/// A place where the policy was met.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The world there, with the policy's actions.
    pub place: Place,
    /// The decision maker's states.
    pub states: Vec<f64>,
    /// Its shocks as stored.
    pub shocks: Vec<f64>,
    /// Its choices.
    pub actions: Vec<f64>,
    /// Weight of the date in lifetime value.
    pub weight: f64,
}

/// Where the draws of many jobs lead: one entry a draw after which the decision maker goes on.
#[derive(Clone, Debug, Default)]
pub struct Landings {
    /// Its job, ascending.
    pub jobs: Vec<u32>,
    /// Its probability times the discount factor.
    pub chances: Vec<f64>,
    /// The date.
    pub periods: Vec<u32>,
    /// States, then stored shocks, one entry after the other.
    pub places: Vec<f64>,
}
