//! What a solver returns: grids, value, policies, and how they were reached; and policies at any state.
//!
//! Arrays run over period (finite horizon only), state node (last state fastest) and joint shock (fastest of all).

use super::bellman::{At, Bellman, Continuation, Interpolation};
use super::problem::{ActionAxis, ActionKind, DecisionProblem, JointChain, Lanes, StateKind};
use crate::diag::Diagnostic;
use crate::num::interpolate::{Axis, AxisPoint, MAX_AXES, Outside, Rule, Surface, Tensor};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// A state dimension as it was solved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SolvedState {
    /// Its name.
    pub name: String,
    /// Its nodes, ascending, one value per node.
    pub nodes: Vec<f64>,
    /// Interpolated in the log.
    pub log: bool,
    /// Whole numbers only.
    pub integer: bool,
}

/// How the solution was reached.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Improvements, or periods of a finite horizon.
    pub iterations: usize,
    /// Bound on the distance of the value to the fixed point on this grid, in units of the value.
    pub error: f64,
    /// The bound that was asked for.
    pub target: f64,
    /// Largest change of the value in the last improvement.
    pub residual: f64,
    /// Largest change of a continuous action in the last improvement.
    pub policy_change: f64,
    /// Error bound after each improvement, in units of the value; one value per improvement.
    pub history: Vec<f64>,
    /// Node-shock pairs from which the policy may leave the grid.
    pub outside: usize,
    /// What a reader should know.
    pub warnings: Vec<Diagnostic>,
}

/// One who decides in an equilibrium.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Player {
    /// Its name, `firm[2]`.
    pub name: String,
    /// The number of its agent in the model.
    pub agent: usize,
    /// Which member of the agent it is, from 0; `None` where all members are alike and the policies are those of any one.
    pub member: Option<usize>,
    /// The places of its actions among those of the solution, one per action.
    pub actions: Vec<usize>,
    /// What the equilibrium is worth to it: period x state node x joint shock, like [`Solution::value`].
    pub value: Vec<f64>,
    /// What its choice is worth to it, where it knows draws that the others do not.
    #[serde(default)]
    pub own: Option<Own>,
}

/// A choice of one who knows draws, or tastes for its choices, that others do not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Own {
    /// The place of the choice among the actions of the solution.
    pub choice: usize,
    /// What each choice is worth, with the best of what goes with it ([`Solution::given`]): period x state node x joint shock x choice; minus infinity where
    /// it is not allowed. A line in each of the draws.
    pub worth: Vec<f64>,
    /// Value before draws and tastes are known, one per state node.
    pub before: Vec<f64>,
    /// How often each choice is taken: state node x choice.
    pub chances: Vec<f64>,
}

/// A solved problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Solution {
    /// Which method.
    pub method: String,
    /// State dimensions, one per state.
    pub states: Vec<SolvedState>,
    /// The joint chain.
    pub chain: JointChain,
    /// Action dimensions, one per action.
    pub actions: Vec<ActionAxis>,
    /// Number of periods stored: 1 for an infinite horizon, else its length.
    pub periods: usize,
    /// Whether the horizon is infinite.
    pub infinite: bool,
    /// How values are interpolated.
    pub interpolation: Interpolation,
    /// Value: period x state node x joint shock, row-major, shocks fastest.
    pub value: Vec<f64>,
    /// One array per action, each shaped like `value` (numbers; with taste shocks the most likely choice).
    pub policy: Vec<Vec<f64>>,
    /// With taste shocks: period x state node x joint shock x choice, choices fastest. Otherwise empty.
    pub probability: Vec<f64>,
    /// Without taste shocks, with finite actions: period x state node x joint shock x combination of their choices, what the
    /// combination is worth with the best of the other actions (minus infinity where it is not allowed). Empty where nothing lies
    /// between nodes, or combinations are many.
    #[serde(default)]
    pub worth: Vec<f64>,
    /// With `probability` or `worth` and further actions: one array per action, period x state node x joint shock x choice (or
    /// combination), what goes with it. Otherwise empty.
    #[serde(default)]
    pub given: Vec<Vec<f64>>,
    /// Mixed strategies: one array per action, period x state node x joint shock x choice, choices fastest, the probability of each;
    /// an action that is not mixed has an empty one. Empty where nothing is mixed. In a game in which choices have tastes: their probabilities.
    #[serde(default)]
    pub mixed: Vec<Vec<f64>>,
    /// Who decides, where there are several, one entry each; then `value` is that of the first. Empty where one decides.
    #[serde(default)]
    pub players: Vec<Player>,
    /// How it was reached.
    pub record: Record,
}

impl Solution {
    /// Number of state nodes.
    pub fn nodes(&self) -> usize {
        self.states.iter().map(|s| s.nodes.len()).product()
    }

    /// Number of joint shock states.
    pub fn shocks(&self) -> usize {
        self.chain.transition.len()
    }

    /// The slice of an array like [`Solution::value`] that belongs to a period: state node x joint shock, shocks fastest.
    pub fn period<'a>(&self, array: &'a [f64], time: usize) -> &'a [f64] {
        let size = self.nodes() * self.shocks();
        let time = if self.infinite {
            0
        } else {
            time.min(self.periods.saturating_sub(1))
        };
        &array[time * size..(time + 1) * size]
    }

    /// An array like [`Solution::value`] in a period: one row per state node, one column per joint shock. Empty if it does not have
    /// that length.
    pub fn table<'a>(&self, array: &'a [f64], time: usize) -> ArrayView2<'a, f64> {
        let shape = (self.nodes(), self.shocks());
        ArrayView2::from_shape(shape, self.period(array, time)).unwrap_or_else(|_| ArrayView2::from(&[[0.0; 0]; 0]))
    }

    /// What an array like [`Solution::value`] holds in a period and a joint shock, one value per state node.
    pub fn column(&self, array: &[f64], time: usize, shock: usize) -> Vec<f64> {
        self.table(array, time).column(shock).to_vec()
    }

    /// States of a problem in the form they are stored, one per state.
    pub fn states_of(problem: &dyn DecisionProblem) -> Vec<SolvedState> {
        let states = problem.spec().states.iter();
        states
            .map(|s| match &s.kind {
                StateKind::Continuous { grid, log } => SolvedState {
                    name: s.name.clone(),
                    nodes: grid.clone(),
                    log: *log,
                    integer: false,
                },
                StateKind::Integer { lo, hi } => SolvedState {
                    name: s.name.clone(),
                    nodes: (*lo..=*hi).map(|i| i as f64).collect(),
                    log: false,
                    integer: true,
                },
            })
            .collect()
    }

    /// The value at the nodes of another grid of the same problem, state node x joint shock, shocks fastest: a start for solving
    /// there. `None` for a finite horizon and for other shocks.
    pub fn values_on(&self, problem: &dyn DecisionProblem) -> Option<Vec<f64>> {
        let spec = problem.spec();
        let nz = self.shocks();
        if !self.infinite || spec.chain.transition.len() != nz {
            return None;
        }
        let reader = Reader::new(self, problem).ok()?;
        let axes: Option<Vec<Axis>> = Solution::states_of(problem)
            .iter()
            .map(|s| Axis::new(&s.nodes, false, Rule::Nodes))
            .collect();
        let nodes = Tensor::new(axes?, Outside::Flat)?;
        let mut states = vec![vec![0.0; nodes.len()]; spec.states.len()];
        let mut x = vec![0.0; spec.states.len()];
        for i in 0..nodes.len() {
            nodes.node(i, &mut x);
            states.iter_mut().zip(&x).for_each(|(s, x)| s[i] = *x);
        }
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let mut out = vec![0.0; nodes.len() * nz];
        let mut column = vec![0.0; nodes.len()];
        for shock in 0..nz {
            reader.values(At { shock, time: 0 }, &refs, &mut column);
            out.iter_mut()
                .skip(shock)
                .step_by(nz)
                .zip(&column)
                .for_each(|(o, v)| *o = *v);
        }
        out.iter().all(|v| v.is_finite()).then_some(out)
    }

    /// Continuation value `V_{t+1}` of period `time = t` (none after the last period), ready for [`super::search::choose`].
    pub fn continuation(&self, bellman: &Bellman, time: usize) -> Continuation {
        let mut continuation = Continuation::default();
        if self.infinite {
            bellman.continuation(&bellman.tensor, &self.value, &mut continuation);
        } else if time + 1 < self.periods {
            bellman.continuation(&bellman.tensor, self.period(&self.value, time + 1), &mut continuation);
        }
        continuation
    }
}

/// Value and policy of a solution at any state: interpolated between nodes, continuous actions within the bounds that
/// hold there, finite actions those of the nearest node.
pub struct Reader<'a> {
    solution: &'a Solution,
    problem: &'a dyn DecisionProblem,
    tensor: Tensor,
    continuous: Vec<usize>,
    /// `[action][period * shocks + shock]`; finite actions have none.
    policy: Vec<Vec<Surface>>,
    value: Vec<Surface>,
}

impl<'a> Reader<'a> {
    /// Prepares the surfaces.
    ///
    /// # Errors
    /// E0905 if the solution does not fit the problem.
    pub fn new(solution: &'a Solution, problem: &'a dyn DecisionProblem) -> Result<Self, Diagnostic> {
        let spec = problem.spec();
        let mismatch = || {
            Diagnostic::error(
                "E0905",
                "the solution has other states, shocks or actions than the problem",
            )
        };
        let size = solution.nodes() * solution.shocks() * solution.periods;
        let fits = spec.states.len() == solution.states.len()
            && spec.actions.len() == solution.actions.len()
            && spec.chain.transition.len() == solution.shocks()
            && solution.value.len() == size
            && solution.policy.len() == solution.actions.len()
            && solution.policy.iter().all(|p| p.len() == size);
        if !fits {
            return Err(mismatch());
        }
        let axes: Option<Vec<Axis>> = solution
            .states
            .iter()
            .map(|s| {
                let rule = match (s.integer, solution.interpolation) {
                    (true, _) => Rule::Nodes,
                    (false, Interpolation::Linear) => Rule::Linear,
                    (false, Interpolation::Cubic) => Rule::Cubic,
                };
                Axis::new(&s.nodes, s.log, rule)
            })
            .collect();
        let tensor = axes
            .and_then(|axes| Tensor::new(axes, Outside::Flat))
            .ok_or_else(mismatch)?;
        let nz = solution.shocks();
        let fit = |array: &[f64]| -> Vec<Surface> {
            (0..solution.periods * nz)
                .map(|k| {
                    let (time, j) = (k / nz, k % nz);
                    let nodes = solution.column(array, time, j);
                    let mut surface = Surface::default();
                    tensor.fit(&nodes, &mut surface);
                    surface
                })
                .collect()
        };
        let mut continuous = Vec::new();
        let policy = solution
            .actions
            .iter()
            .enumerate()
            .map(|(a, action)| match action.kind {
                ActionKind::Continuous => {
                    continuous.push(a);
                    fit(&solution.policy[a])
                }
                ActionKind::Finite { .. } => Vec::new(),
            })
            .collect();
        let value = fit(&solution.value);
        Ok(Reader {
            solution,
            problem,
            tensor,
            continuous,
            policy,
            value,
        })
    }

    /// Fills `actions[a][i]` at the states `states[s][i]`, one value per action at each place `i`; returns how many of the places lie outside the grid.
    pub fn actions(&self, at: At, states: &[&[f64]], actions: &mut [Vec<f64>]) -> usize {
        let n = actions.first().map_or(0, Vec::len);
        let ns = self.tensor.axes().len();
        let nz = self.solution.shocks();
        let period = if self.solution.infinite {
            0
        } else {
            at.time.min(self.solution.periods - 1)
        };
        let mut places = [AxisPoint {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        }; MAX_AXES];
        let mut outside = 0;
        for i in 0..n {
            let mut node = 0;
            for (d, axis) in self.tensor.axes().iter().enumerate() {
                places[d] = axis.locate(states[d][i]);
                let nearest = places[d].cell as usize + usize::from(places[d].t > 0.5);
                node = node * axis.nodes().len() + nearest;
            }
            outside += usize::from(places[..ns].iter().any(|p| p.beyond != 0.0));
            for (a, surfaces) in self.policy.iter().enumerate() {
                actions[a][i] = match surfaces.get(period * nz + at.shock) {
                    Some(surface) => self.tensor.value_at(surface, &places[..ns]),
                    None => self.solution.table(&self.solution.policy[a], period)[(node, at.shock)],
                };
            }
        }
        let nc = self.continuous.len();
        if nc > 0 {
            let lanes = Lanes::before_draws(states, &[], at.shock, at.time);
            let mut lo = vec![vec![f64::NEG_INFINITY; n]; nc];
            let mut hi = vec![vec![f64::INFINITY; n]; nc];
            let mut low: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
            let mut high: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
            self.problem.bounds(&lanes, &mut low, &mut high);
            for (c, &a) in self.continuous.iter().enumerate() {
                for i in 0..n {
                    actions[a][i] = actions[a][i].min(hi[c][i]).max(lo[c][i]);
                }
            }
        }
        outside
    }

    /// Values at the states `states[s][i]`, one value per lane in `out`.
    pub fn values(&self, at: At, states: &[&[f64]], out: &mut [f64]) {
        let nz = self.solution.shocks();
        let period = if self.solution.infinite {
            0
        } else {
            at.time.min(self.solution.periods - 1)
        };
        self.tensor.values(&self.value[period * nz + at.shock], states, out);
    }

    /// Actions at one state (one value per state dimension): one value per action.
    pub fn action(&self, at: At, state: &[f64]) -> Vec<f64> {
        let columns: Vec<[f64; 1]> = state.iter().map(|&x| [x]).collect();
        let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
        let mut actions = vec![vec![0.0]; self.solution.actions.len()];
        self.actions(at, &refs, &mut actions);
        actions.into_iter().map(|a| a[0]).collect()
    }

    /// The value at one state, which has one value per state dimension.
    pub fn value(&self, at: At, state: &[f64]) -> f64 {
        let columns: Vec<[f64; 1]> = state.iter().map(|&x| [x]).collect();
        let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
        let mut out = [0.0];
        self.values(at, &refs, &mut out);
        out[0]
    }
}
