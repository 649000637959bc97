//! A Markov decision problem as the solvers see it: finite shock chain, state axes, action axes, and one batch
//! evaluation. The bridge from a compiled model stands in `solve/decision.rs`; tests implement it by hand.

use crate::diag::Diagnostic;
use serde::{Deserialize, Serialize};

/// A state dimension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateAxis {
    /// Name shown in tables and plots.
    pub name: String,
    /// Continuous (gridded, interpolated) or integer (enumerated).
    pub kind: StateKind,
}

/// Continuous or integer. Fields are explained at each variant.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StateKind {
    /// Grid nodes, ascending, at least two.
    Continuous {
        grid: Vec<f64>,
        /// interpolate in the log of the state (all nodes positive)
        log: bool,
    },
    /// All whole numbers `lo..=hi`.
    Integer { lo: i64, hi: i64 },
}

/// An action dimension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionAxis {
    /// Name.
    pub name: String,
    /// What may be chosen.
    pub kind: ActionKind,
    /// Scale of a Gumbel taste shock on each choice (finite kinds only): log-sum aggregation, mean .5772 scale.
    pub taste: Option<f64>,
}

/// What may be chosen. Fields are explained at each variant.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ActionKind {
    /// Any number between the bounds that [`DecisionProblem::bounds`] gives at the state.
    Continuous,
    /// One of these values (a number, or the index of a label).
    Finite { values: Vec<f64>, labels: Vec<String> },
}

/// The joint chain of all shocks, as a matrix over joint states, last shock fastest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JointChain {
    /// Names of the shocks.
    pub names: Vec<String>,
    /// `values[j][s]`: value of shock `s` in joint state `j` (for labelled chains the value, not the index).
    pub values: Vec<Vec<f64>>,
    /// Row-stochastic, `transition[j][j']`.
    pub transition: Vec<Vec<f64>>,
}

impl JointChain {
    /// Values and matrix of one shock, where it moves independently of the others. `None` where it does not.
    pub fn marginal(&self, shock: usize) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        let others = |j: usize| -> Vec<u64> {
            self.values[j]
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != shock)
                .map(|(_, x)| x.to_bits())
                .collect()
        };
        let mine: Vec<usize> = (0..self.values.len()).filter(|j| others(*j) == others(0)).collect();
        let values: Vec<f64> = mine.iter().map(|j| self.values[*j][shock]).collect();
        let link = |j: usize| values.iter().position(|v| *v == self.values[j][shock]);
        let mut matrix: Option<Vec<Vec<f64>>> = None;
        let rows = |from: &[usize]| -> Option<Vec<Vec<f64>>> {
            from.iter()
                .map(|j| {
                    let mut row = vec![0.0; values.len()];
                    for (k, p) in self.transition[*j].iter().enumerate() {
                        row[link(k)?] += p;
                    }
                    Some(row)
                })
                .collect()
        };
        for j in 0..self.values.len() {
            let group: Vec<usize> = (0..self.values.len()).filter(|k| others(*k) == others(j)).collect();
            let m = rows(&group)?;
            match &matrix {
                None => matrix = Some(m),
                Some(first)
                    if first
                        .iter()
                        .flatten()
                        .zip(m.iter().flatten())
                        .all(|(a, b)| (a - b).abs() < 1e-12) => {}
                Some(_) => return None,
            }
        }
        matrix.map(|m| (values, m))
    }
}

/// Everything about the problem that does not need evaluation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// State dimensions, the last fastest in all arrays.
    pub states: Vec<StateAxis>,
    /// Shocks; a model without any has one joint state.
    pub chain: JointChain,
    /// Action dimensions.
    pub actions: Vec<ActionAxis>,
    /// Weights of the joint quadrature nodes of the noises (one node of weight 1 if none).
    pub noise_weights: Vec<f64>,
    /// Whether rewards (and next states) vary with the noise node.
    pub reward_uses_noise: bool,
    /// Whether next states (or the end) vary with the noise node.
    pub next_uses_noise: bool,
    /// Whether next states (or the end) vary with the next joint shock.
    pub next_uses_shock_next: bool,
    /// Number of periods, `None` for ever; rewards and laws may then use [`Lanes::time`].
    pub horizon: Option<usize>,
    /// The discount factor where it is a constant; otherwise [`Outcome::discount`] is filled.
    pub discount: Option<f64>,
    /// If the next value of continuous state `.0` *is* action `.1` (up to nothing): allows grid search over states.
    pub action_is_next_state: Option<(usize, usize)>,
    /// Whether the reward or a law of motion has kinks (`min`, `max`, `abs`) in a state or a continuous action: optima may sit
    /// where first-order conditions jump over zero.
    pub kinks: bool,
    /// Whether the law of each state itself keeps it from going below the lower and above the upper end of its grid
    /// (`clamp`, `min`, `max`, the range of an action): being there is then part of the model. Empty: nothing is known.
    pub held: Vec<[bool; 2]>,
    /// Steady state of the deterministic model, if known: centre of plots and of comparisons.
    pub steady_state: Option<Vec<f64>>,
}

/// Inputs of one batch: `n` lanes share the shock, the noise node, the next shock and the date.
#[derive(Clone, Copy, Debug)]
pub struct Lanes<'a> {
    /// One slice of length `n` a state.
    pub states: &'a [&'a [f64]],
    /// One slice of length `n` an action.
    pub actions: &'a [&'a [f64]],
    /// Joint shock state.
    pub shock: usize,
    /// Noise node.
    pub noise: usize,
    /// Next joint shock state.
    pub shock_next: usize,
    /// Period of a finite horizon, from 0.
    pub time: usize,
}

/// Results of one batch; every slice has length `n`.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The reward of the period.
    pub reward: &'a mut [f64],
    /// Next states, one slice each.
    pub next: &'a mut [&'a mut [f64]],
    /// Smallest slack of the hard constraints: negative means infeasible.
    pub slack: &'a mut [f64],
    /// 1 where the problem ends after this period, else 0.
    pub end: &'a mut [f64],
    /// What the end pays (added where `end` is 1, discounted like a value).
    pub paying: &'a mut [f64],
    /// The discount factor at this state.
    pub discount: &'a mut [f64],
}

/// A Markov decision problem. Evaluations are pure: same lanes, same bytes, from any number of threads.
pub trait DecisionProblem: Sync {
    /// Its dimensions.
    fn spec(&self) -> &Spec;
    /// Evaluates reward, transition, feasibility and end on a batch of lanes.
    fn evaluate(&self, lanes: &Lanes, out: &mut Outcome);
    /// What reward and slack need of the states (with the shock and the date) alone, one slice a quantity: computed once where
    /// many actions are tried at the same states. `None` if nothing can be split off; then [`Self::reward`] is not called.
    fn prepare(&self, _: &Lanes) -> Option<Vec<Vec<f64>>> {
        None
    }
    /// Reward and slack of lanes whose [`Self::prepare`]d quantities are given: the very numbers of [`Self::evaluate`].
    fn reward(&self, _: &Lanes, _prepared: &[&[f64]], reward: &mut [f64], slack: &mut [f64]) {
        reward.fill(f64::NAN);
        slack.fill(f64::NAN);
    }
    /// Bounds of each continuous action at the states of the lanes (`lanes.actions` is ignored): `lo[a][i]`, `hi[a][i]`
    /// with one slice a *continuous* action, in their order (finite actions have none). Ends may be infinite; where
    /// `lo > hi` nothing is feasible.
    fn bounds(&self, lanes: &Lanes, lo: &mut [&mut [f64]], hi: &mut [&mut [f64]]);
    /// For finite action `action` (its number among all actions): 1 where choice `choice` is allowed at the states of the lanes.
    fn allowed(&self, lanes: &Lanes, action: usize, choice: usize, out: &mut [f64]);
    /// Derivatives by automatic differentiation on a batch: the reward's and each next state's derivative with
    /// respect to variable `wrt` (states first, then all actions): `d_reward[i]`, `d_next[s][i]`.
    /// `Err` if the model has no derivative there (finite actions, steps), with the reason.
    fn derivative(
        &self,
        lanes: &Lanes,
        wrt: usize,
        d_reward: &mut [f64],
        d_next: &mut [&mut [f64]],
    ) -> Result<(), Diagnostic>;
    /// "Consumption" of the lanes and its derivative with respect to each action (all of them, 0 for finite ones), if the model names one
    /// (a `let` or action `c`, or the argument of the utility): the unit of Euler residuals. `false` if there is none.
    fn consumption(&self, lanes: &Lanes, c: &mut [f64], dc: &mut [&mut [f64]]) -> bool;
}
