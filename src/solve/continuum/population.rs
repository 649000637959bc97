//! A population at rest: where all members are, and what that is like.

use crate::num::weighted::Weighted;
use crate::solve::decision::ProblemOptions;
use serde::{Deserialize, Serialize};

/// A population at rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// The agent whose members it is.
    pub agent: String,
    /// What members take as given and what it is held at, `(name, number)`, one per number that was held.
    pub held: Vec<(String, f64)>,
    /// Prices and aggregates, `(name, number)`, any length.
    pub prices: Vec<(String, f64)>,
    /// Nodes of each state, ascending, one vector per state of the solution.
    pub nodes: Vec<Vec<f64>>,
    /// The mass at each node and joint state of the chains, chains fastest; all mass is 1.
    pub mass: Vec<f64>,
    /// For each state, who has how much of it, `(value, mass)`, ascending, where members were followed as points; empty where the mass at the nodes says it.
    /// A value of no mass between two others says that nobody is around it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Vec<(f64, f64)>>,
    /// How many members there are, where the file has it found (`mass M`); 1 is a unit mass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<f64>,
    /// By how much the mass still moves in a period.
    pub residual: f64,
    /// The mass at the top of states whose end the solver chose.
    pub top: f64,
    /// The largest part of a condition that is left over, in units of the number that it determines.
    pub excess: f64,
    /// How the members' problem was built.
    pub build: ProblemOptions,
    /// What states are distributed like.
    pub spread: Vec<Spread>,
    /// What members have and do by what they count, one for each state that takes whole numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Profile>,
}

impl Population {
    /// How a state is distributed, whatever else members are: ascending values with their masses.
    pub fn distribution(&self, state: usize) -> (Vec<f64>, Vec<f64>) {
        if let Some(points) = self.points.get(state).filter(|p| !p.is_empty()) {
            return points.iter().copied().unzip();
        }
        let places: usize = self.nodes.iter().map(Vec::len).product();
        let shocks = self.mass.len() / places.max(1);
        let later: usize = self.nodes[state + 1..].iter().map(Vec::len).product();
        let mut mass = vec![0.0; self.nodes[state].len()];
        let count = mass.len();
        for (node, row) in self.mass.chunks_exact(shocks.max(1)).enumerate() {
            mass[node / later % count] += row.iter().sum::<f64>();
        }
        (self.nodes[state].clone(), mass)
    }
}

/// Means over the members at each value of a state that takes whole numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The state.
    pub state: String,
    /// Its values, ascending.
    pub values: Vec<f64>,
    /// The share of all members at each value.
    pub share: Vec<f64>,
    /// What is averaged, and its mean at each value; not a number where nobody is.
    pub means: Vec<(String, Vec<f64>)>,
}

impl Profile {
    /// The mean at a value of the state, or over all members; `None` for what is not averaged.
    pub fn mean(&self, of: &str, at: Option<f64>) -> Option<f64> {
        let means = &self.means.iter().find(|m| m.0 == of)?.1;
        match at {
            Some(x) => self.values.iter().position(|v| *v == x).map(|i| means[i]),
            None => {
                let some = self.share.iter().zip(means).filter(|(s, _)| **s > 0.0);
                Some(some.map(|(s, m)| s * m).sum())
            }
        }
    }
}

/// Statistics of a state over the members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Whose.
    pub name: String,
    /// Mean and standard deviation.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Gini coefficient; not a number where the mean is not positive.
    pub gini: f64,
    /// Quantiles at [`SHARES`].
    pub quantiles: Vec<f64>,
    /// The share of the sum that the lowest have, at [`SHARES`]; not a number where the mean is not positive.
    pub lorenz: Vec<f64>,
    /// The share of members at the lowest node itself: those whom a limit holds there.
    pub bottom: f64,
}

/// Shares of the population at which quantiles and the Lorenz curve are stored.
pub const SHARES: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];

/// A mean below this share of the standard deviation is none.
const NOTHING: f64 = 1e-6;

impl Spread {
    /// Of ascending values with their masses; `lowest` is the share that stands at the lowest itself.
    pub fn of(name: &str, w: &Weighted, lowest: f64) -> Spread {
        let at = |f: &dyn Fn(f64) -> f64| SHARES.iter().map(|p| f(*p)).collect();
        let poor = !(w.mean() > NOTHING * w.sd());
        Spread {
            name: name.into(),
            mean: w.mean(),
            sd: w.sd(),
            gini: if poor { f64::NAN } else { w.gini() },
            quantiles: at(&|p| w.quantile(p)),
            lorenz: at(&|p| if poor { f64::NAN } else { w.lorenz(p) }),
            bottom: lowest,
        }
    }
}
