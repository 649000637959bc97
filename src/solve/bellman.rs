//! The Bellman operator on batches of lanes: the value of an action and its derivative.
//!
//! `Q(x, j, a) = sum_n w_n sum_j' P(j, j') [ r + d ((1 - end) V(x', j') + end paying) ]` with `n` over the nodes of the
//! noise quadrature and `paying` the terminal payoff; weights may vary with states, shocks and actions, and must be probabilities
//! wherever they are used. Where next states do not use the next shock, the sum over `j'` is taken once per sweep, at the nodes
//! (`EV_j = sum_j' P(j, j') V(., j')`, interpolated), instead of once per candidate. `Q` is never stored for more than one
//! block of lanes. The derivative with respect to an action is `r_a + d V'(x') x'_a` from the model's own
//! derivatives and the interpolant's slope, with `w_a (r + d V) + w d_a V` where chances or the discount factor move.

use super::problem::{ActionKind, DecisionProblem, Lanes, Outcome, StateKind};
use crate::diag::Diagnostic;
use crate::kernel::math;
use crate::num::grid;
use crate::num::interpolate::{Axis, AxisPoint, MAX_AXES, Outside, Rule, Surface, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How far chances may be from adding up to one.
pub const CHANCE: f64 = 1e-9;

/// Slack below which a hard constraint counts as violated.
pub const FEASIBLE: f64 = -1e-12;

/// How values are interpolated between nodes of continuous states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interpolation {
    /// Piecewise linear: a contraction for sure, second order.
    Linear,
    /// C2 spline held to the data's shape: fourth order where the value is smooth.
    Cubic,
}

/// Expected (or next) values, ready to be queried. No surfaces: the value after the last period, zero.
#[derive(Clone, Debug, Default)]
pub struct Continuation {
    /// One surface over the states per joint shock: the shock of today (expected values), or of tomorrow if next states use the
    /// next shock.
    pub surfaces: Vec<Surface>,
}

impl Continuation {
    /// The values at the nodes of all surfaces, joint shock x state node, nodes fastest (problems without continuous states).
    pub fn flat(&self) -> Vec<f64> {
        self.surfaces.iter().flat_map(|s| s.at_nodes()).copied().collect()
    }
}

/// Bytes of one number of a solution, about: in its array, in that of the report, in a table, and as text while files are written.
pub const NUMBER_BYTES: f64 = 80.0;

/// Checks that a solution of `bytes` bytes on a grid fits into memory. `sizes` names the grid: the number of joint shocks
/// first, then the number of nodes per state.
///
/// # Errors
/// E0981 where it would take more memory than there is.
pub fn fits_grid(bytes: f64, sizes: &[usize]) -> Result<(), Diagnostic> {
    let words: Vec<String> = sizes[1..].iter().map(ToString::to_string).collect();
    let what = format!(
        "a solution on {} nodes and {} shock states",
        words.join(" x "),
        sizes[0]
    );
    let less = "fewer nodes (--set grid.NAME='log(200)') or shock states (--set chain.NAME='rouwenhorst(5)')";
    crate::limits::fits(bytes, &what, less)
}

/// Shock and date that a batch shares.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// Joint shock state.
    pub shock: usize,
    /// Period, from 0; 0 if the horizon is infinite.
    pub time: usize,
}

/// Arrays for one evaluation, kept between calls.
#[derive(Default)]
pub struct Scratch {
    pub(crate) reward: Vec<f64>,
    pub(crate) slack: Vec<f64>,
    pub(crate) end: Vec<f64>,
    pub(crate) paying: Vec<f64>,
    pub(crate) discount: Vec<f64>,
    /// What the weight of the noise node is multiplied by.
    pub(crate) chance: Vec<f64>,
    pub(crate) next: Vec<Vec<f64>>,
    d_reward: Vec<f64>,
    d_next: Vec<Vec<f64>>,
    slope: Vec<f64>,
    after: Vec<f64>,
    factors: [Vec<f64>; 3],
    total: Vec<f64>,
}

/// A problem with its state grid.
pub struct Bellman<'a> {
    /// The problem.
    pub problem: &'a dyn DecisionProblem,
    /// The grid of all states, row-major, the last state fastest.
    pub tensor: Tensor,
    /// Positions of continuous actions among all actions, one per continuous action.
    pub continuous: Vec<usize>,
    /// Positions of finite actions among all actions, one per finite action.
    pub finite: Vec<usize>,
    /// Every combination of finite choices as values, `[combination][finite action]`, the last finite action fastest.
    pub combos: Vec<Vec<f64>>,
    /// The same as numbers of choices, `[combination][finite action]`.
    pub combo_choices: Vec<Vec<usize>>,
    /// The finite action with taste shocks: position in `finite`, scale.
    pub taste: Option<(usize, f64)>,
    /// `(noise node, fixed weight)`, one per node that must be evaluated; a single one of weight 1 where nothing reads a noise.
    pub noises: Vec<(usize, f64)>,
    /// Whether slopes of the interpolant are continuous: first-order conditions can be solved.
    pub smooth: bool,
    /// Whether solvers keep the worth of every combination of choices: between two nodes another combination may be best.
    /// Worth is the value of the combination with the best of the other actions.
    pub each: bool,
    /// Said where it would be kept and takes too much: choices between nodes are then those of the nearest node.
    pub nearest: Option<Diagnostic>,
}

/// Most combinations of choices whose worth is kept with a solution, and most memory for them.
const MOST_KEPT: usize = 32;
const KEPT_BYTES: usize = 256 << 20;

/// That finite choices between nodes are those of the nearest node.
fn nearest_choice(combinations: usize) -> Diagnostic {
    let d = Diagnostic::warning(
        "W0910",
        format!("between nodes the {combinations} combinations of finite choices are those of the nearest node"),
    );
    let most = crate::limits::size(KEPT_BYTES as u64);
    d.note(format!(
        "what each is worth is kept with the solution for {MOST_KEPT} combinations and {most} at most"
    ))
    .hint("a finer grid moves the places where a choice changes nearer to where they are; fewer choices or nodes keep what each is worth")
}

fn unsupported(headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0905", headline)
}

impl<'a> Bellman<'a> {
    /// Checks the problem and lays out its grid.
    ///
    /// # Errors
    /// E0905 for a problem that the operator does not take (a chain that is not square, a grid that does not ascend, two actions
    /// with taste shocks), E0904 and E0981 where the grid is too large.
    pub fn new(problem: &'a dyn DecisionProblem, interpolation: Interpolation) -> Result<Self, Diagnostic> {
        let spec = problem.spec();
        let nz = spec.chain.transition.len();
        if nz == 0 || spec.chain.transition.iter().any(|row| row.len() != nz) {
            return Err(unsupported("the joint chain of the shocks is not a square matrix"));
        }
        let mut axes = Vec::new();
        let mut sizes = vec![nz];
        let mut smooth = true;
        for state in &spec.states {
            let axis = match &state.kind {
                StateKind::Continuous { grid, log } => {
                    let rule = match interpolation {
                        Interpolation::Linear => Rule::Linear,
                        Interpolation::Cubic => Rule::Cubic,
                    };
                    smooth &= rule == Rule::Cubic;
                    Axis::new(grid, *log, rule)
                }
                StateKind::Integer { lo, hi } => {
                    let count = hi.checked_sub(*lo).and_then(|d| d.checked_add(1)).unwrap_or(i64::MAX);
                    let count = usize::try_from(count).unwrap_or(0);
                    grid::fits(&[count], 64, grid::DEFAULT_LIMIT)
                        .map_err(|e| Diagnostic::error("E0904", e.to_string()))?;
                    let nodes: Vec<f64> = (*lo..=*hi).map(|i| i as f64).collect();
                    Axis::new(&nodes, false, Rule::Nodes)
                }
            };
            let axis = axis.ok_or_else(|| {
                unsupported(format!(
                    "the grid of `{}` does not ascend through finite numbers (positive ones on a log grid)",
                    state.name
                ))
            })?;
            sizes.push(axis.nodes().len());
            axes.push(axis);
        }
        if axes.len() > MAX_AXES {
            return Err(unsupported(format!(
                "{} states are more than grids can carry ({MAX_AXES})",
                axes.len()
            ))
            .hint("use a learner (`econc train`) for problems of this size"));
        }
        let cubic = axes.iter().filter(|a| a.rule() == Rule::Cubic).count() as u32;
        let nodes: f64 = sizes.iter().map(|n| *n as f64).product();
        // Value and policy, old and new, as text in a file, and one set of splines.
        let each = 8.0 * (4.0 + 2f64.powi(cubic as i32)) + NUMBER_BYTES * (1.0 + spec.actions.len() as f64);
        fits_grid(nodes * each, &sizes)?;
        grid::fits(&sizes, 8 * (4 + 2usize.saturating_pow(cubic)), grid::DEFAULT_LIMIT)
            .map_err(|e| Diagnostic::error("E0904", e.to_string()).hint("use fewer nodes, or linear interpolation"))?;
        let tensor =
            Tensor::new(axes, Outside::Pessimistic).ok_or_else(|| unsupported("the state grid cannot be indexed"))?;

        let (mut continuous, mut finite) = (Vec::new(), Vec::new());
        let mut taste = None;
        let mut combo_choices: Vec<Vec<usize>> = vec![Vec::new()];
        let mut combos: Vec<Vec<f64>> = vec![Vec::new()];
        for (a, action) in spec.actions.iter().enumerate() {
            let ActionKind::Finite { values, .. } = &action.kind else {
                continuous.push(a);
                continue;
            };
            if values.is_empty() {
                return Err(unsupported(format!(
                    "action `{}` has nothing to choose from",
                    action.name
                )));
            }
            if let Some(scale) = action.taste {
                if taste.is_some() {
                    return Err(unsupported("more than one action has taste shocks")
                        .hint("put the choices into one action, or drop one `taste`"));
                }
                if !(scale > 0.0 && scale.is_finite()) {
                    return Err(unsupported(format!(
                        "the taste shocks of `{}` have scale {scale}; it must be positive",
                        action.name
                    )));
                }
                taste = Some((finite.len(), scale));
            }
            finite.push(a);
            let values = fault!("search.last_choice", &values[..values.len().max(2) - 1], &values[..]);
            grid::fits(&[combos.len(), values.len()], 64, 1 << 28)
                .map_err(|e| Diagnostic::error("E0904", e.to_string()))?;
            combo_choices = combo_choices
                .iter()
                .flat_map(|head| (0..values.len()).map(move |c| [head.as_slice(), &[c]].concat()))
                .collect();
            combos = combos
                .iter()
                .flat_map(|head| values.iter().map(move |&v| [head.as_slice(), &[v]].concat()))
                .collect();
        }
        if spec.noise_weights.is_empty() {
            return Err(unsupported("the noise quadrature has no nodes"));
        }
        let noises = if spec.reward_uses_noise || spec.next_uses_noise {
            spec.noise_weights
                .iter()
                .copied()
                .enumerate()
                .filter(|(_, w)| *w != 0.0)
                .collect()
        } else {
            vec![(0, 1.0)]
        };
        let between =
            tensor.axes().iter().any(|a| a.rule() != Rule::Nodes) || spec.chain.links.iter().any(|l| l.continuous);
        let wide = if continuous.is_empty() {
            1
        } else {
            1 + spec.actions.len()
        };
        let kept = [tensor.len(), nz, combos.len(), wide, spec.horizon.unwrap_or(1)];
        let wanted = between && taste.is_none() && combos.len() > 1;
        let each = wanted && combos.len() <= MOST_KEPT && grid::fits(&kept, 8, KEPT_BYTES).is_ok();
        let nearest = (wanted && !each).then(|| nearest_choice(combos.len()));
        Ok(Bellman {
            each,
            nearest,
            problem,
            tensor,
            continuous,
            finite,
            combos,
            combo_choices,
            taste,
            noises,
            smooth,
        })
    }

    /// Number of joint shock states.
    pub fn shocks(&self) -> usize {
        self.problem.spec().chain.transition.len()
    }

    /// Number of state nodes.
    pub fn nodes(&self) -> usize {
        self.tensor.len()
    }

    /// Width of the narrowest axis between nodes that are interpolated, in its coordinate; 0 if there is none.
    pub fn narrowest(&self) -> f64 {
        let widths = self.tensor.axes().iter().filter(|a| a.rule() != Rule::Nodes).map(|a| {
            let n = a.nodes();
            a.coordinate(n[n.len() - 1]) - a.coordinate(n[0])
        });
        let least = widths.fold(f64::INFINITY, f64::min);
        if least.is_finite() { least } else { 0.0 }
    }

    /// Whether every state is a whole number: next states are nodes.
    pub fn only_nodes(&self) -> bool {
        self.tensor.axes().iter().all(|a| a.rule() == Rule::Nodes)
    }

    /// Next joint shocks that must be evaluated from `shock`, one `(shock_next, probability, surface)` per next shock that can
    /// happen; a single one of probability 1 where next states do not use the next shock.
    pub fn branches(&self, shock: usize) -> Vec<(usize, f64, usize)> {
        let spec = self.problem.spec();
        if spec.next_uses_shock_next {
            let row = spec.chain.transition[shock].iter().copied().enumerate();
            row.filter(|(_, p)| *p != 0.0).map(|(j, p)| (j, p, j)).collect()
        } else {
            vec![(shock, 1.0, shock)]
        }
    }

    /// Fits the continuation of `value` (state node x joint shock, shocks fastest): one surface per joint shock.
    pub fn continuation(&self, tensor: &Tensor, value: &[f64], into: &mut Continuation) {
        let spec = self.problem.spec();
        let nz = self.shocks();
        into.surfaces.resize_with(nz, Surface::default);
        into.surfaces.par_iter_mut().enumerate().for_each(|(j, surface)| {
            let nodes: Vec<f64> = if spec.next_uses_shock_next {
                value.chunks_exact(nz).map(|v| v[j]).collect()
            } else {
                let row = &spec.chain.transition[j];
                value
                    .chunks_exact(nz)
                    .map(|v| v.iter().zip(row).map(|(v, p)| p * v).sum())
                    .collect()
            };
            tensor.fit(&nodes, surface);
        });
    }

    /// Runs the model on a batch of `n` lanes, `states[s][i]`, `actions[a][i]`; `scratch` holds the results, one value per lane.
    pub fn evaluate(
        &self,
        at: At,
        noise: usize,
        shock_next: usize,
        states: &[&[f64]],
        actions: &[&[f64]],
        n: usize,
        scratch: &mut Scratch,
    ) {
        let ns = self.problem.spec().states.len();
        for v in [
            &mut scratch.reward,
            &mut scratch.slack,
            &mut scratch.end,
            &mut scratch.paying,
            &mut scratch.discount,
            &mut scratch.chance,
        ] {
            v.clear();
            v.resize(n, 0.0);
        }
        scratch.slack.fill(f64::INFINITY);
        scratch.next.resize_with(ns, Vec::new);
        scratch.next.iter_mut().for_each(|v| v.resize(n, 0.0));
        let lanes = Lanes {
            states,
            actions,
            shock: at.shock,
            noise,
            shock_next,
            time: at.time,
        };
        let mut next: Vec<&mut [f64]> = scratch.next.iter_mut().map(Vec::as_mut_slice).collect();
        let mut out = Outcome {
            reward: &mut scratch.reward,
            next: &mut next,
            slack: &mut scratch.slack,
            end: &mut scratch.end,
            paying: &mut scratch.paying,
            discount: &mut scratch.discount,
        };
        self.problem.evaluate(&lanes, &mut out);
        if let Some(d) = self.problem.spec().discount {
            scratch.discount.fill(d);
        }
        if self.problem.spec().chances_move {
            self.problem.chance(&lanes, &mut scratch.chance);
            // Rounding is no chance.
            let rounding = |c: &&mut f64| **c < 0.0 && **c > -CHANCE;
            scratch.chance.iter_mut().filter(rounding).for_each(|c| *c = 0.0);
        } else {
            scratch.chance.fill(1.0);
        }
    }

    /// Probabilities of the noise nodes at `n` lanes (`states[s][i]`, `actions[a][i]`) that share shock, date and next shock:
    /// `[node][lane]`, in the order of [`Self::noises`].
    pub fn chances(&self, at: At, shock_next: usize, states: &[&[f64]], actions: &[&[f64]], n: usize) -> Vec<Vec<f64>> {
        self.noises
            .iter()
            .map(|&(noise, weight)| {
                let lanes = Lanes {
                    states,
                    actions,
                    shock: at.shock,
                    noise,
                    shock_next,
                    time: at.time,
                };
                let mut chance = self.chance(&lanes, n);
                chance.iter_mut().for_each(|c| *c *= weight);
                chance
            })
            .collect()
    }

    /// The factor on the fixed weight of a noise node at `n` lanes, one value per lane.
    pub fn chance(&self, lanes: &Lanes, n: usize) -> Vec<f64> {
        let mut chance = vec![1.0; n];
        if self.problem.spec().chances_move {
            self.problem.chance(lanes, &mut chance);
        }
        chance
    }

    /// Value of the actions at the states (`states[s][i]`, `actions[a][i]`), `q[i]`, one per place `i`: minus infinity where infeasible or not a
    /// number. `slack[i]` gets the smallest slack over all that may happen.
    #[allow(clippy::too_many_arguments)]
    pub fn q(
        &self,
        continuation: &Continuation,
        at: At,
        states: &[&[f64]],
        actions: &[&[f64]],
        scratch: &mut Scratch,
        q: &mut [f64],
        slack: &mut [f64],
    ) {
        let n = q.len();
        q.fill(0.0);
        slack.fill(f64::INFINITY);
        let mut places = [AxisPoint {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        }; MAX_AXES];
        let axes = self.tensor.axes();
        let moving = self.problem.spec().chances_move;
        let branches = self.branches(at.shock);
        if moving {
            scratch.total.clear();
            scratch.total.resize(n, 0.0);
        }
        for &(noise, weight) in &self.noises {
            for &(shock_next, p, surface) in &branches {
                self.evaluate(at, noise, shock_next, states, actions, n, scratch);
                let surface = continuation.surfaces.get(surface);
                for i in 0..n {
                    let w = weight * p * scratch.chance[i];
                    if moving {
                        // What cannot happen neither pays nor constrains; what is no probability makes no value.
                        scratch.total[i] += w;
                        if w == 0.0 {
                            continue;
                        }
                        if !(w > 0.0) {
                            q[i] = f64::NAN;
                            continue;
                        }
                    }
                    let after = if fault!("ends.never", false, scratch.end[i] != 0.0) {
                        scratch.paying[i]
                    } else if let Some(surface) = surface {
                        for (d, axis) in axes.iter().enumerate() {
                            places[d] = axis.locate(scratch.next[d][i]);
                        }
                        self.tensor.value_at(surface, &places[..axes.len()])
                    } else {
                        fault!("ends.value_after_last", 5.0, 0.0)
                    };
                    // A period that is the last one has no discounted rest, whatever the next state is.
                    let paid_now = fault!("ends.paying_undiscounted", scratch.end[i] != 0.0, false);
                    let discount = if paid_now { 1.0 } else { scratch.discount[i] };
                    let rest = if after == 0.0 { 0.0 } else { discount * after };
                    let unpaid = fault!("ends.reward_lost", scratch.end[i] != 0.0, false);
                    q[i] += fault!(
                        "chance.reward_unweighted",
                        weight * p * scratch.reward[i] + w * rest,
                        w * if unpaid { rest } else { scratch.reward[i] + rest }
                    );
                    // Not `f64::min`, by which a requirement that is no number is met.
                    slack[i] = math::min(slack[i], scratch.slack[i]);
                }
            }
        }
        let whole: f64 = branches.iter().map(|b| b.1).sum();
        for i in 0..n {
            if moving && !((scratch.total[i] - whole).abs() <= CHANCE * whole) {
                q[i] = f64::NAN;
            }
            let violated = slack[i].is_nan() || slack[i] < FEASIBLE;
            if fault!("evaluation.require_ignored", false, violated) || q[i].is_nan() {
                q[i] = f64::NEG_INFINITY;
            }
        }
    }

    /// The nodes of noises, `(node, weight)`, that rewards and hard constraints tell apart: the first stands for all where they read none.
    pub fn read_by_rewards(&self) -> &[(usize, f64)] {
        let spec = self.problem.spec();
        if spec.reward_uses_noise || spec.chances_move {
            &self.noises
        } else {
            &self.noises[..self.noises.len().min(1)]
        }
    }

    /// Whether the actions can be taken at `n` lanes (`states[s][i]`, `actions[a][i]`) whatever happens, one flag per lane: no hard constraint is violated,
    /// and what is paid is a number above minus infinity. Where rewards and constraints read no noise one node of it says so.
    pub fn possible(&self, at: At, states: &[&[f64]], actions: &[&[f64]], n: usize) -> Vec<bool> {
        let mut scratch = Scratch::default();
        let mut out = vec![true; n];
        for &(noise, weight) in self.read_by_rewards() {
            for (shock_next, p, _) in self.branches(at.shock) {
                self.evaluate(at, noise, shock_next, states, actions, n, &mut scratch);
                for (i, fine) in out.iter_mut().enumerate() {
                    let w = weight * p * scratch.chance[i];
                    if w == 0.0 {
                        continue;
                    }
                    let violated = scratch.slack[i].is_nan() || scratch.slack[i] < FEASIBLE;
                    let none = |x: f64| x.is_nan() || x == f64::NEG_INFINITY;
                    let unpaid = none(scratch.reward[i]) || scratch.end[i] != 0.0 && none(scratch.paying[i]);
                    *fine &= w > 0.0 && !violated && !unpaid;
                }
            }
        }
        out
    }

    /// Derivative of the value of the actions (`states[s][i]`, `actions[a][i]`) with respect to each of the continuous actions,
    /// `out[k][i]`. `false` if the model has no derivative.
    pub fn gradient(
        &self,
        continuation: &Continuation,
        at: At,
        states: &[&[f64]],
        actions: &[&[f64]],
        scratch: &mut Scratch,
        out: &mut [Vec<f64>],
    ) -> bool {
        let n = out.first().map_or(0, Vec::len);
        let ns = self.tensor.axes().len();
        out.iter_mut().for_each(|g| g.fill(0.0));
        let mut places = [AxisPoint {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        }; MAX_AXES];
        for &(noise, weight) in &self.noises {
            for &(shock_next, p, surface) in &self.branches(at.shock) {
                self.evaluate(at, noise, shock_next, states, actions, n, scratch);
                scratch.slope.clear();
                scratch.slope.resize(n * ns, 0.0);
                scratch.after.clear();
                scratch.after.resize(n, 0.0);
                for i in (0..n).filter(|&i| scratch.end[i] != 0.0) {
                    scratch.after[i] = scratch.paying[i];
                }
                if let Some(surface) = continuation.surfaces.get(surface) {
                    for i in 0..n {
                        if scratch.end[i] != 0.0 {
                            continue;
                        }
                        for (d, axis) in self.tensor.axes().iter().enumerate() {
                            places[d] = axis.locate(scratch.next[d][i]);
                        }
                        let slopes = &mut scratch.slope[i * ns..(i + 1) * ns];
                        scratch.after[i] = self
                            .tensor
                            .value_and_slopes(surface, &places[..ns], Some(&mut slopes[..]));
                        slopes.iter_mut().for_each(|s| *s *= scratch.discount[i]);
                    }
                }
                let w = weight * p;
                let lanes = Lanes {
                    states,
                    actions,
                    shock: at.shock,
                    noise,
                    shock_next,
                    time: at.time,
                };
                for (k, &a) in self.continuous.iter().enumerate() {
                    scratch.d_reward.resize(n, 0.0);
                    scratch.d_next.resize_with(ns, Vec::new);
                    scratch.d_next.iter_mut().for_each(|v| v.resize(n, 0.0));
                    let mut d_next: Vec<&mut [f64]> = scratch.d_next.iter_mut().map(Vec::as_mut_slice).collect();
                    if self
                        .problem
                        .derivative(&lanes, ns + a, &mut scratch.d_reward, &mut d_next)
                        .is_err()
                    {
                        return false;
                    }
                    scratch.factors.iter_mut().for_each(|f| {
                        f.clear();
                        f.resize(n, 0.0);
                    });
                    let [d_chance, d_discount, d_paying] = &mut scratch.factors;
                    let factors = self
                        .problem
                        .factor_slopes(&lanes, ns + a, [d_chance, d_discount, d_paying]);
                    for i in 0..n {
                        let here = w * scratch.chance[i];
                        if here != 0.0 {
                            let mut g = scratch.d_reward[i];
                            for s in 0..ns {
                                let slope = scratch.slope[i * ns + s];
                                if slope != 0.0 {
                                    g += slope * scratch.d_next[s][i];
                                }
                            }
                            out[k][i] += here * g;
                        }
                        if factors {
                            out[k][i] += w * self.factor_gain(scratch, i);
                        }
                    }
                }
            }
        }
        true
    }

    /// What a branch gains by the moves of its chance, its discount factor and its terminal payoff, before its fixed weight.
    fn factor_gain(&self, scratch: &Scratch, i: usize) -> f64 {
        let [d_chance, d_discount, d_paying] = [0, 1, 2].map(|k| scratch.factors[k][i]);
        factor_gain(
            [d_chance, d_discount, if scratch.end[i] != 0.0 { d_paying } else { 0.0 }],
            scratch.chance[i],
            scratch.reward[i],
            scratch.discount[i],
            scratch.after[i],
        )
    }
}

/// `w' (r + d V) + w (d' V + d V')` for a branch of chance `w` with terminal payoff or continuation value `V`, given the three
/// slopes `[w', d', V']`, one number for each factor. Terms without a slope are left out: they may be infinite.
pub(crate) fn factor_gain(slopes: [f64; 3], chance: f64, reward: f64, discount: f64, after: f64) -> f64 {
    let mut gain = 0.0;
    if slopes[0] != 0.0 {
        gain += slopes[0] * (reward + if after == 0.0 { 0.0 } else { discount * after });
    }
    if chance != 0.0 && slopes[1] != 0.0 {
        gain += chance * slopes[1] * after;
    }
    if chance != 0.0 && slopes[2] != 0.0 {
        gain += chance * discount * slopes[2];
    }
    gain
}
