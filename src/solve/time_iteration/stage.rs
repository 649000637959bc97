//! One period, given what more of each state will be worth: slopes of reward and future in actions and in states.

use crate::num::interpolate::{AxisPoint, MAX_AXES, Outside, Surface, Tensor};
use crate::solve::bellman::{At, Bellman, Continuation, Scratch};
use crate::solve::problem::Lanes;
use std::ops::Range;

const NOWHERE: AxisPoint = AxisPoint {
    cell: 0,
    t: 0.0,
    beyond: 0.0,
};

/// The problem of a period.
pub(super) struct Stage<'a> {
    pub(super) bellman: &'a Bellman<'a>,
    /// The grid, outside which marginal values go on along their tangents where they change their sign.
    tensor: Tensor,
    /// What tomorrow counts, by joint shock of today.
    pub(super) discount: Vec<f64>,
}

/// Marginal values of tomorrow's states, one function per state: times the state where its axis runs in logs.
pub(super) struct Ahead(Vec<Function>);

struct Function {
    of: Continuation,
    /// Whether it has one sign at all nodes.
    one_sign: bool,
}

/// What one more unit of each variable brings at many points.
#[derive(Default)]
pub(super) struct Slopes {
    /// `[variable][point]`
    pub(super) of: Vec<Vec<f64>>,
    /// The sizes of what is added up, `[variable][point]`.
    pub(super) size: Vec<Vec<f64>>,
}

/// Arrays kept between calls.
#[derive(Default)]
pub(super) struct Work {
    scratch: Scratch,
    d_reward: Vec<f64>,
    d_next: Vec<Vec<f64>>,
    marginal: Vec<Vec<f64>>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(bellman: &'a Bellman<'a>, discount: f64) -> Stage<'a> {
        Stage::with(bellman, vec![discount; bellman.shocks()])
    }

    /// The same where what tomorrow counts depends on the joint shock of today, one number each.
    pub(super) fn with(bellman: &'a Bellman<'a>, discount: Vec<f64>) -> Stage<'a> {
        let mut tensor = bellman.tensor.clone();
        tensor.outside = Outside::Linear;
        Stage {
            bellman,
            tensor,
            discount,
        }
    }

    /// Whether marginal values of a state are carried times the state.
    pub(super) fn log(&self, state: usize) -> bool {
        self.tensor.axes()[state].log()
    }

    /// Functions at the nodes, `[function]` and then state node x joint shock, at the nodes of another grid.
    pub(super) fn carried(&self, functions: &[Vec<f64>], to: &Stage) -> Vec<Vec<f64>> {
        let (nz, nodes) = (self.bellman.shocks(), to.tensor.len());
        let mut columns = vec![vec![0.0; nodes]; self.tensor.axes().len()];
        let mut x = vec![0.0; columns.len()];
        for i in 0..nodes {
            to.tensor.node(i, &mut x);
            columns.iter_mut().zip(&x).for_each(|(c, x)| c[i] = *x);
        }
        let queries: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let (mut surface, mut out) = (Surface::default(), vec![0.0; nodes]);
        let mut one = |values: &Vec<f64>| {
            let mut whole = vec![0.0; nodes * nz];
            for shock in 0..nz {
                let column: Vec<f64> = values.iter().skip(shock).step_by(nz).copied().collect();
                self.tensor.fit(&column, &mut surface);
                self.tensor.values(&surface, &queries, &mut out);
                whole
                    .iter_mut()
                    .skip(shock)
                    .step_by(nz)
                    .zip(&out)
                    .for_each(|(w, v)| *w = *v);
            }
            whole
        };
        functions.iter().map(&mut one).collect()
    }

    /// Slopes of a value at the nodes (state node x joint shock) as marginal values are carried: `[state]` and then state node x joint
    /// shock.
    pub(super) fn slopes_of(&self, value: &[f64]) -> Vec<Vec<f64>> {
        let (nz, axes) = (self.bellman.shocks(), self.tensor.axes());
        let mut out = vec![vec![0.0; value.len()]; axes.len()];
        let (mut surface, mut places) = (Surface::default(), [NOWHERE; MAX_AXES]);
        let (mut x, mut slopes) = (vec![0.0; axes.len()], vec![0.0; axes.len()]);
        for shock in 0..nz {
            let column: Vec<f64> = value.iter().skip(shock).step_by(nz).copied().collect();
            self.tensor.fit(&column, &mut surface);
            for i in 0..column.len() {
                self.tensor.node(i, &mut x);
                self.tensor.locate(&x, &mut places);
                let places = &places[..axes.len()];
                self.tensor.value_and_slopes(&surface, places, Some(&mut slopes));
                for (s, out) in out.iter_mut().enumerate() {
                    out[i * nz + shock] = if self.log(s) { x[s] * slopes[s] } else { slopes[s] };
                }
            }
        }
        out
    }

    /// Marginal values at the nodes, `[state]` and then state node x joint shock, as they are seen from today.
    pub(super) fn ahead(&self, functions: &[Vec<f64>]) -> Ahead {
        let one = |(s, values): (usize, &Vec<f64>)| {
            let mut c = Continuation::default();
            if self.matters(s) {
                self.bellman.continuation(&self.tensor, values, &mut c);
            }
            Function {
                one_sign: values.iter().all(|v| *v > 0.0) || values.iter().all(|v| *v < 0.0),
                of: c,
            }
        };
        Ahead(functions.iter().enumerate().map(one).collect())
    }

    /// Whether any choice moves a state: what none moves has a worth that no condition asks for, and that derivatives do not know, since others do what they do
    /// there.
    fn matters(&self, state: usize) -> bool {
        self.bellman.problem.spec().reached.get(state) != Some(&false)
    }

    /// Marginal values of tomorrow's states at the next states of the batch in `work`.
    fn marginal(&self, ahead: &Ahead, surface: usize, n: usize, work: &mut Work) {
        let axes = self.tensor.axes();
        work.marginal.resize_with(axes.len(), Vec::new);
        work.marginal.iter_mut().for_each(|m| m.resize(n, 0.0));
        let mut places = [NOWHERE; MAX_AXES];
        for i in 0..n {
            for (d, axis) in axes.iter().enumerate() {
                places[d] = axis.locate(work.scratch.next[d][i]);
            }
            let places = &mut places[..axes.len()];
            let outside = places.iter().any(|p| p.beyond != 0.0);
            for (s, function) in ahead.0.iter().enumerate() {
                if !self.matters(s) {
                    work.marginal[s][i] = 0.0;
                    continue;
                }
                let of = &function.of.surfaces[surface];
                let value = if outside && function.one_sign {
                    self.beyond(of, places)
                } else {
                    self.tensor.value_at(of, places)
                };
                let x = work.scratch.next[s][i];
                work.marginal[s][i] = match axes[s].log() {
                    true if x > 0.0 || value == 0.0 => value / x.max(f64::MIN_POSITIVE),
                    true => f64::NAN,
                    false => value,
                };
            }
        }
    }

    /// A function of one sign outside the grid: it goes on with the elasticity that it has at the edge (a power of a state whose axis runs in
    /// logs, which is what marginal values of homothetic problems are), and keeps its sign.
    fn beyond(&self, of: &Surface, places: &[AxisPoint]) -> f64 {
        let mut slopes = [0.0; MAX_AXES];
        let mut edge = [NOWHERE; MAX_AXES];
        let edge = &mut edge[..places.len()];
        for (edge, place) in edge.iter_mut().zip(places) {
            *edge = AxisPoint { beyond: 0.0, ..*place };
        }
        let value = self
            .tensor
            .value_and_slopes(of, edge, Some(&mut slopes[..places.len()]));
        let mut relative = 0.0;
        for ((axis, place), slope) in self.tensor.axes().iter().zip(places).zip(slopes) {
            if place.beyond != 0.0 {
                let nodes = axis.nodes();
                let end = if place.beyond < 0.0 {
                    nodes[0]
                } else {
                    nodes[nodes.len() - 1]
                };
                relative += place.beyond * slope * if axis.log() { end } else { 1.0 } / value;
            }
        }
        // What would more than double goes on in a straight line.
        let most = std::f64::consts::LN_2;
        value * relative.min(most).exp() * (1.0 + (relative - most).max(0.0))
    }

    /// Slopes in some of the variables (states first, then actions) at `states[s][i]`, `actions[a][i]`, one per variable at each place `i`; without anything ahead those of
    /// the reward alone.
    pub(super) fn slopes(
        &self,
        ahead: Option<&Ahead>,
        shock: usize,
        (states, actions): (&[&[f64]], &[&[f64]]),
        variables: Range<usize>,
        work: &mut Work,
        out: &mut Slopes,
    ) {
        let n = states.first().map_or(0, |s| s.len());
        let ns = states.len();
        for v in [&mut out.of, &mut out.size] {
            v.resize_with(variables.len(), Vec::new);
            v.iter_mut().for_each(|v| {
                v.clear();
                v.resize(n, 0.0);
            });
        }
        let at = At { shock, time: 0 };
        work.d_reward.resize(n, 0.0);
        work.d_next.resize_with(ns, Vec::new);
        work.d_next.iter_mut().for_each(|v| v.resize(n, 0.0));
        for &(noise, weight) in &self.bellman.noises {
            for (shock_next, p, surface) in self.bellman.branches(shock) {
                if let Some(ahead) = ahead {
                    self.bellman
                        .evaluate(at, noise, shock_next, states, actions, n, &mut work.scratch);
                    self.marginal(ahead, surface, n, work);
                }
                let lanes = Lanes {
                    states,
                    actions,
                    shock,
                    noise,
                    shock_next,
                    time: 0,
                };
                let w = weight * p;
                for (k, variable) in variables.clone().enumerate() {
                    if !self.matters(variable) {
                        continue;
                    }
                    let mut d_next: Vec<&mut [f64]> = work.d_next.iter_mut().map(|v| &mut v[..n]).collect();
                    let found = self
                        .bellman
                        .problem
                        .derivative(&lanes, variable, &mut work.d_reward[..n], &mut d_next);
                    if found.is_err() {
                        out.of[k].fill(f64::NAN);
                        continue;
                    }
                    let (sum, size) = (&mut out.of[k], &mut out.size[k]);
                    for i in 0..n {
                        let mut gain = work.d_reward[i];
                        let mut weighs = gain.abs();
                        if ahead.is_some() {
                            for s in 0..ns {
                                let moved = work.d_next[s][i];
                                // What does not move counts for nothing, whatever it is worth.
                                if moved != 0.0 {
                                    let later = self.discount[shock] * work.marginal[s][i] * moved;
                                    gain += later;
                                    weighs += later.abs();
                                }
                            }
                        }
                        sum[i] += w * gain;
                        size[i] += w * weighs;
                    }
                }
            }
        }
    }

    /// The smallest slack of the requirements over all that may happen, one number per point; also whether all next states are numbers.
    pub(super) fn slack(&self, shock: usize, states: &[&[f64]], actions: &[&[f64]], work: &mut Work) -> Vec<f64> {
        let n = states.first().map_or(0, |s| s.len());
        let mut least = vec![f64::INFINITY; n];
        for &(noise, _) in &self.bellman.noises {
            for (shock_next, _, _) in self.bellman.branches(shock) {
                let at = At { shock, time: 0 };
                self.bellman
                    .evaluate(at, noise, shock_next, states, actions, n, &mut work.scratch);
                for (least, slack) in least.iter_mut().zip(&work.scratch.slack) {
                    *least = if slack.is_nan() {
                        f64::NEG_INFINITY
                    } else {
                        least.min(*slack)
                    };
                }
            }
        }
        least
    }

    /// Bounds of actions at the states `states[s][i]`, `[action][point]` each.
    pub(super) fn bounds(&self, shock: usize, states: &[&[f64]]) -> [Vec<Vec<f64>>; 2] {
        let n = states.first().map_or(0, |s| s.len());
        let na = self.bellman.continuous.len();
        let (mut lo, mut hi) = (vec![vec![0.0; n]; na], vec![vec![0.0; n]; na]);
        let mut low: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
        let mut high: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
        let lanes = Lanes::before_draws(states, &[], shock, 0);
        self.bellman.problem.bounds(&lanes, &mut low, &mut high);
        [lo, hi]
    }
}
