//! The judgement of an equilibrium as it is stored.

use serde::{Deserialize, Serialize};

/// What each who decides gets and could gain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlayerVerdict {
    /// Who, `firm[2]`.
    pub name: String,
    /// What the equilibrium is worth to it where the economy starts (average over starts).
    pub value: f64,
    /// The standard error of that average, where the economy starts at random; 0 where it starts at one place.
    #[serde(default)]
    pub value_error: f64,
    /// The largest gain from one deviation at visited places, in `unit`; not a number where it was not measured.
    pub one_shot: f64,
    /// The gain from a best reply over a whole life at the starts, in `unit`; not a number where it was not measured.
    pub best_reply: f64,
}

/// The judgement of an equilibrium.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EquilibriumCertificate {
    /// The concept, `nash`.
    pub concept: String,
    /// What gains are shares of: `consumption` or `value`.
    pub unit: String,
    /// One entry per player.
    pub players: Vec<PlayerVerdict>,
    /// The largest excess demand in simulated periods, as a share of what is traded; not a number where no market clears.
    pub excess: f64,
    /// By what share of itself what is simulated moves where what is taken as given is shifted by one per cent; not a number
    /// where nothing is taken as given.
    pub moved: f64,
    /// From how many starts equilibria were looked for.
    pub searches: usize,
    /// What was looked for and what was not, a clause each; any length.
    #[serde(default)]
    pub scope: Vec<String>,
    /// How many were found.
    pub found: usize,
    /// The largest one-shot gain of anybody in each equilibrium that was found, in `unit`; empty where only one is judged.
    #[serde(default)]
    pub gains: Vec<f64>,
    /// What is best against what another chooses, where two choose one number each; any length.
    #[serde(default)]
    pub reactions: Vec<Reaction>,
}

/// A reaction function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reaction {
    /// The action that reacts.
    pub of: String,
    /// The action of the other.
    pub to: String,
    /// What the other chooses, one value per point.
    pub at: Vec<f64>,
    /// What is best against it, one value per point.
    pub best: Vec<f64>,
}
