//! Places that were visited, and where draws lead from them.

use super::WorldEvidence;
use crate::diag::plain;
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
    /// The solution's value there, one per entry.
    pub values: Vec<f64>,
}

/// The visit with the largest of `sizes` (one value per visit), in words.
pub fn worst(bench: &WorldEvidence, sizes: &[f64]) -> String {
    let mut top = 0;
    for (i, x) in sizes.iter().enumerate() {
        if !(x.abs() <= sizes[top].abs()) {
            top = i;
        }
    }
    let visit = bench.played.visits.get(top);
    visit.map_or(String::new(), |v| format!("largest at {}", where_is(bench, v)))
}

/// A visit in words: states, shocks and choices.
pub fn where_is(bench: &WorldEvidence, v: &Visit) -> String {
    let model = bench.model;
    let mut words: Vec<String> = Vec::new();
    for (slot, x) in bench.seat.states.iter().zip(&v.states) {
        words.push(format!(
            "{} = {x:.5}",
            model.graph.inputs[slot.input].name,
            x = plain(x)
        ));
    }
    for (s, x) in bench.seat.shocks.iter().zip(&v.shocks) {
        let shown = if s.continuous {
            *x
        } else {
            s.values.get(*x as usize).copied().unwrap_or(*x)
        };
        words.push(format!(
            "{} = {shown:.5}",
            model.shocks[s.shock].name,
            shown = plain(shown)
        ));
    }
    for (c, x) in bench.seat.choices.iter().zip(&v.actions) {
        words.push(format!("{} = {x:.5}", c.name, x = plain(x)));
    }
    words.join(", ")
}
