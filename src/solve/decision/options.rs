//! How a model is turned into a problem, and what is told of the chains and rules that stand for its draws.

/// How to turn a model into a problem.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ProblemOptions {
    /// Shocks and noises at their means, one joint state: the deterministic model.
    pub deterministic: bool,
    /// Nodes per continuous state, where the settings say nothing; 0 chooses by the number of states.
    pub nodes: usize,
    /// `(state, lower, upper)`, one per continuous state whose bounds replace those of the domain, for domains without ends.
    pub bounds: Vec<(String, f64, f64)>,
    /// How fine the chains of AR(1) shocks are where the settings say nothing: 0 is [`CHAIN_STATES`] states by Rouwenhorst's method, `k` is
    /// `k` times as many as Farmer and Toda's need.
    pub fineness: usize,
    /// Chains of AR(1) shocks of [`HALFWAY_STATES`] states by Rouwenhorst's method in the place of [`CHAIN_STATES`].
    #[serde(default)]
    pub halfway: bool,
    /// Grids of states that have a lower end and whose upper end is open are denser towards the lower end, where the settings say nothing.
    #[serde(default)]
    pub dense_below: bool,
    /// How fine the rules over draws without memory are where the settings say nothing: 0 as usual, up to [`FINEST_DRAWS`].
    pub draws: usize,
}

/// States of the chain of a continuous shock, where nothing is said.
pub const CHAIN_STATES: usize = 7;
/// States of a chain between that and what Farmer and Toda's method needs.
pub const HALFWAY_STATES: usize = 15;

/// Nodes of a continuous draw unless the settings or kinks ask for others.
pub(super) const GAUSS_NODES: usize = 5;
/// Nodes of a Gauss rule, by how fine draws are to be ([`ProblemOptions::draws`]).
pub(super) const GAUSS: [usize; 3] = [GAUSS_NODES, 9, 15];
/// Most that draws can be made finer.
pub const FINEST_DRAWS: usize = GAUSS.len() - 1;

/// A continuous shock and the chain that stands for it, or a continuous noise and the rule that integrates it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Discretised {
    /// Its name.
    pub name: String,
    /// The method.
    pub method: String,
    /// States of the chain, or nodes of a rule of integration.
    pub links: usize,
    /// (sd, first autocorrelation) asked for.
    pub asked: (f64, f64),
    /// Those of the chain.
    pub obtained: (f64, f64),
    /// Mean asked for and mean obtained of an independent draw that is integrated by a rule; chains have none.
    #[serde(default)]
    pub mean: Option<(f64, f64)>,
}
