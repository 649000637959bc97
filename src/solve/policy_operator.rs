//! The value of a fixed policy: an operator applied without a matrix, and its fixed point.
//!
//! Under a fixed policy `V = r + T V` with `T` linear but for the interpolant's shape filter. Rewards and the places of
//! next states are computed once; a sweep then costs one fit and one interpolation per branch. The fixed point is found by
//! GMRES on `(I - T) e = r + T V - V` with the filter off, accepted only if the residual of the true operator
//! falls, followed by plain sweeps with the constant of the McQueen-Porteus bounds added: policy iteration where the
//! operator is linear, modified policy iteration (Puterman and Shin 1978) where it is not.
//!
//! With taste shocks the policy is a set of choice probabilities `p_d`, and its reward contains the mean of the shock
//! given the choice: `sum_d p_d (u_d - s log p_d) + .5772 s`.

use super::bellman::{At, Bellman, Continuation, Scratch};
use super::search::Chosen;
use crate::chance::quadrature::EULER_GAMMA;
use crate::limits;
use crate::num::interpolate::{AxisPoint, Tensor};
use crate::num::linear::gmres;
use rayon::prelude::*;

/// Memory that stored transitions of a policy may take; beyond it improvements are made without evaluation.
pub const OPERATOR_BYTES: usize = 1 << 30;

/// Transitions of a policy on one block of lanes.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Joint shock state of the block.
    pub shock: usize,
    /// First state node of the block.
    pub first: usize,
    /// Expected rewards (with terminal payoffs and the mean of taste shocks), one value per lane.
    pub reward: Vec<f64>,
    /// One layer per noise node, next shock and (with taste shocks) choice that can happen.
    pub layers: Vec<Layer>,
    /// Instead of layers where next states are nodes: probability times discount of each next node.
    pub sparse: Option<Sparse>,
}

/// Rows of a sparse matrix over the nodes of all surfaces of a continuation: column `surface * nodes + node`.
#[derive(Clone, Debug, Default)]
pub struct Sparse {
    end: Vec<u32>,
    to: Vec<u32>,
    weight: Vec<f64>,
    /// Whether a row's moves leave the grid (and are taken to its edge), one value per row.
    pub outside: Vec<bool>,
}

impl Sparse {
    /// Adds a row: one `(column, probability times discount)` per entry.
    pub fn push(&mut self, entries: &[(u32, f64)], outside: bool) {
        for (to, weight) in entries {
            self.to.push(*to);
            self.weight.push(*weight);
        }
        self.end.push(self.to.len() as u32);
        self.outside.push(outside);
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let from = if row == 0 { 0 } else { self.end[row - 1] };
        from as usize..self.end[row] as usize
    }

    /// Entries of a row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.range(row).map(|k| (self.to[k], self.weight[k]))
    }

    /// A row times `flat`, a vector with one value per column (joint shock x state node, nodes fastest).
    #[inline]
    pub fn dot(&self, row: usize, flat: &[f64]) -> f64 {
        let range = self.range(row);
        let (to, weight) = (&self.to[range.clone()], &self.weight[range]);
        to.iter().zip(weight).map(|(to, w)| w * flat[*to as usize]).sum()
    }
}

/// One possible continuation of every lane of a block.
#[derive(Clone, Debug)]
pub struct Layer {
    surface: usize,
    /// Probability times discount of each lane.
    weight: Vec<f64>,
    /// Places of the next states, state by state within a lane.
    places: Vec<AxisPoint>,
}

/// Records where the chosen actions on a block lead: `states[s][i]`, of the state nodes from `first` on. The rows have one
/// entry per lane.
pub fn rows(
    bellman: &Bellman,
    at: At,
    first: usize,
    states: &[&[f64]],
    chosen: &Chosen,
    scratch: &mut Scratch,
) -> Rows {
    let n = chosen.value.len();
    let mut rows = Rows {
        shock: at.shock,
        first,
        reward: vec![0.0; n],
        layers: Vec::new(),
        sparse: None,
    };
    let groups = chosen.probability.len().max(1);
    for g in 0..groups {
        let (probability, actions) = match chosen.probability.get(g) {
            Some(p) => (Some(p), &chosen.given[g]),
            None => (None, &chosen.actions),
        };
        if let (Some(p), Some((_, scale))) = (probability, bellman.taste) {
            if p.iter().all(|&p| p < 1e-15) {
                continue;
            }
            for i in 0..n {
                if p[i] >= 1e-15 {
                    rows.reward[i] += scale * p[i] * (EULER_GAMMA - p[i].ln());
                }
            }
        }
        let refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        for &(noise, weight) in &bellman.noises {
            for (shock_next, p, surface) in bellman.branches(at.shock) {
                bellman.evaluate(at, noise, shock_next, states, &refs, n, scratch);
                let axes = bellman.tensor.axes();
                let mut layer = Layer {
                    surface,
                    weight: vec![0.0; n],
                    places: Vec::with_capacity(n * axes.len()),
                };
                for i in 0..n {
                    let mut w = weight * p * scratch.chance[i];
                    if let Some(probability) = probability {
                        // A choice that cannot be taken has no actions either.
                        w *= if probability[i] >= 1e-15 { probability[i] } else { 0.0 };
                    }
                    if w == 0.0 {
                        layer.places.extend(axes.iter().map(|_| AxisPoint {
                            cell: 0,
                            t: 0.0,
                            beyond: 0.0,
                        }));
                        continue;
                    }
                    let unpaid = fault!("ends.reward_lost", scratch.end[i] != 0.0, false);
                    let paid = fault!("chance.reward_unweighted", weight * p, w);
                    rows.reward[i] += if unpaid { 0.0 } else { paid * scratch.reward[i] };
                    let ends = fault!("ends.never", false, scratch.end[i] != 0.0);
                    if fault!("evaluation.end_ignored", false, ends) {
                        let discount = fault!("ends.paying_undiscounted", 1.0, scratch.discount[i]);
                        let paying = fault!("evaluation.paying_dropped", 0.0, scratch.paying[i]);
                        rows.reward[i] += w * discount * paying;
                        layer.places.extend(axes.iter().map(|_| AxisPoint {
                            cell: 0,
                            t: 0.0,
                            beyond: 0.0,
                        }));
                        continue;
                    }
                    let dropped = fault!("evaluation.discount_missing", surface == 0, false);
                    layer.weight[i] = if dropped { w } else { w * scratch.discount[i] };
                    layer
                        .places
                        .extend(axes.iter().enumerate().map(|(d, axis)| axis.locate(scratch.next[d][i])));
                }
                rows.layers.push(layer);
            }
        }
    }
    rows
}

/// A policy on the whole grid.
#[derive(Clone, Debug, Default)]
pub struct PolicyOperator {
    /// Its blocks, in a fixed order, one per joint shock and stretch of state nodes.
    pub blocks: Vec<Rows>,
}

impl PolicyOperator {
    /// `r + T V` (without `r` if `linear`) for the fitted continuation of `V`; result is states x shocks.
    fn apply(&self, tensor: &Tensor, continuation: &Continuation, nz: usize, linear: bool, out: &mut [f64]) {
        let flat = if self.blocks.iter().any(|b| b.sparse.is_some()) {
            continuation.flat()
        } else {
            Vec::new()
        };
        let one = |block: &Rows| -> Vec<f64> {
            let mut value = if linear {
                vec![0.0; block.reward.len()]
            } else {
                block.reward.clone()
            };
            if let Some(sparse) = &block.sparse {
                for (i, v) in value.iter_mut().enumerate() {
                    *v += sparse.dot(i, &flat);
                }
                return value;
            }
            let ns = tensor.axes().len();
            for layer in &block.layers {
                let surface = &continuation.surfaces[layer.surface];
                for (i, v) in value.iter_mut().enumerate() {
                    let w = layer.weight[i];
                    if w != 0.0 {
                        *v += w * tensor.value_at(surface, &layer.places[i * ns..(i + 1) * ns]);
                    }
                }
            }
            value
        };
        let all: Option<Vec<_>> = self.blocks.par_iter().map(|b| limits::going(|| one(b))).collect();
        let results = all.unwrap_or_else(|| limits::leave());
        for (block, result) in self.blocks.iter().zip(results) {
            for (i, v) in result.into_iter().enumerate() {
                out[(block.first + i) * nz + block.shock] = v;
            }
        }
    }

    /// How many numbers its rows have.
    fn entries(&self) -> usize {
        let of = |b: &Rows| match &b.sparse {
            Some(_) => b.reward.len(),
            None => b.layers.len() * b.reward.len(),
        };
        self.blocks.iter().map(of).sum()
    }

    fn totals(&self) -> impl Iterator<Item = f64> + '_ {
        let lane = |block: &'_ Rows, i: usize| match &block.sparse {
            Some(sparse) => sparse.row(i).map(|e| e.1).sum::<f64>(),
            None => block.layers.iter().map(|l| l.weight[i]).sum::<f64>(),
        };
        self.blocks
            .iter()
            .flat_map(move |block| (0..block.reward.len()).map(move |i| lane(block, i)))
    }

    /// Largest total weight of a node: the modulus of the operator under linear interpolation.
    pub fn modulus(&self) -> f64 {
        self.totals().fold(0.0, f64::max)
    }

    /// Smallest total weight of a node: below the discount where the problem may end.
    pub fn least(&self) -> f64 {
        self.totals().fold(f64::INFINITY, f64::min)
    }

    /// How many node-shock pairs may move outside the grid by more than `margin` (in coordinates of the axes), and the first of them
    /// as `(node, shock)`.
    pub fn outside(&self, ns: usize, margin: f64) -> (usize, Option<(usize, usize)>) {
        let mut count = 0;
        let mut first = None;
        for block in &self.blocks {
            for i in 0..block.reward.len() {
                let leaves = match &block.sparse {
                    Some(sparse) => sparse.outside[i],
                    None => block.layers.iter().any(|l| {
                        l.weight[i] > 1e-10
                            && l.places[i * ns..(i + 1) * ns]
                                .iter()
                                .any(|p| !(p.beyond.abs() <= margin))
                    }),
                };
                if leaves {
                    count += 1;
                    first.get_or_insert((block.first + i, block.shock));
                }
            }
        }
        (count, first)
    }

    /// Counts what comes after `by[shock]` times as much.
    pub fn weigh(&mut self, by: &[f64]) {
        for block in &mut self.blocks {
            let by = by[block.shock];
            (block.layers.iter_mut()).for_each(|l| l.weight.iter_mut().for_each(|w| *w *= by));
            if let Some(sparse) = &mut block.sparse {
                sparse.weight.iter_mut().for_each(|w| *w *= by);
            }
        }
    }

    /// What a period is worth where `later` (state node x joint shock) is what the next one is.
    pub fn once(&self, bellman: &Bellman, later: &[f64]) -> Vec<f64> {
        let (mut continuation, mut out) = (Continuation::default(), vec![0.0; later.len()]);
        bellman.continuation(&bellman.tensor, later, &mut continuation);
        self.apply(&bellman.tensor, &continuation, bellman.shocks(), false, &mut out);
        out
    }

    /// What the policy is worth for ever, from the guess `value` (state node x joint shock): the value, a bound on its error and what was asked of it,
    /// `tolerance` relative to one plus its largest size. For a constant discount factor, which ends of lives may lower.
    pub fn settled(&self, bellman: &Bellman, mut value: Vec<f64>, tolerance: f64) -> (Vec<f64>, f64, f64) {
        let discount = bellman.problem.spec().discount.unwrap_or(1.0);
        // Where nothing ends a constant of the value is discounted in the same way everywhere; otherwise nothing of the kind can be added.
        let lasts = self.least() >= discount * (1.0 - 1e-12);
        let mut best = f64::INFINITY;
        for k in 0.. {
            let next = self.once(bellman, &value);
            let (lo, hi) = span(&value, &next);
            let largest = next.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            let target = tolerance * size(&next);
            // MacQueen's (1966) bounds, and their middle.
            let ahead = discount / (1.0 - discount);
            let (error, shift) = match lasts {
                true => (ahead * 0.5 * (hi - lo), ahead * 0.5 * (hi + lo)),
                false => (ahead * lo.abs().max(hi.abs()), 0.0),
            };
            if error <= 0.1 * target || !(error < 0.5 * best) || k == EVALUATIONS {
                return (next.iter().map(|v| v + shift).collect(), error, target);
            }
            best = error;
            let goal = (0.01 * target * (1.0 - discount)).max(1e-15 * largest);
            self.evaluate(bellman, &mut value, None, lasts.then_some(discount), goal, EVALUATIONS);
        }
        (value, f64::NAN, f64::NAN)
    }

    /// Moves `value` (state node x joint shock, shocks fastest), the improved value, to the value of the policy. `within` bounds
    /// that value: `(least, most)` that it may lie from `value`. `constant` is the discount factor if it is the same everywhere
    /// (then constants are added by the McQueen-Porteus midpoint); `target` is the residual worth reaching, in units of the value.
    /// Steps that leave the bounds or do not contract (a policy that leaves the grid, a shape filter that switches) are not taken.
    pub fn evaluate(
        &self,
        bellman: &Bellman,
        value: &mut Vec<f64>,
        within: Option<(f64, f64)>,
        constant: Option<f64>,
        target: f64,
        sweeps: usize,
    ) {
        let nz = bellman.shocks();
        // Each number of a row is read between the nodes around it.
        let each = self.entries() * 2 * 4usize.pow(bellman.tensor.axes().len().min(6) as u32);
        let spend = || bellman.problem.spend(each);
        let mut continuation = Continuation::default();
        let mut next = vec![0.0; value.len()];
        let mut sweep = |value: &[f64], next: &mut Vec<f64>| -> (f64, f64) {
            bellman.continuation(&bellman.tensor, value, &mut continuation);
            self.apply(&bellman.tensor, &continuation, nz, false, next);
            spend();
            span(value, next)
        };
        let (mut lo, mut hi) = sweep(value, &mut next);
        let mut residual = lo.abs().max(hi.abs());
        if residual <= target || !residual.is_finite() {
            return;
        }
        let mut plain = bellman.tensor.clone();
        plain.filter = false;
        let right: Vec<f64> = next.iter().zip(value.iter()).map(|(n, v)| n - v).collect();
        let mut correction = vec![0.0; value.len()];
        let mut inner = Continuation::default();
        let mut work = vec![0.0; value.len()];
        gmres(
            |x, y| {
                bellman.continuation(&plain, x, &mut inner);
                self.apply(&plain, &inner, nz, true, &mut work);
                spend();
                for ((y, x), w) in y.iter_mut().zip(x).zip(&work) {
                    *y = x - w;
                }
            },
            &right,
            &mut correction,
            30,
            (0.1 * target / residual).clamp(1e-10, 1e-2),
            120,
        );
        let inside = match within {
            Some((least, most)) => {
                let slack = 0.5 * (most - least) + 1e3 * target;
                correction.iter().all(|c| *c >= least - slack && *c <= most + slack)
            }
            None => correction.iter().all(|c| c.is_finite()),
        };
        if inside {
            let trial: Vec<f64> = value.iter().zip(&correction).map(|(v, c)| v + c).collect();
            let mut trial_next = vec![0.0; value.len()];
            let (a, b) = sweep(&trial, &mut trial_next);
            let trial_residual = a.abs().max(b.abs());
            if trial_residual < residual {
                *value = trial;
                next = trial_next;
                (lo, hi) = (a, b);
                residual = trial_residual;
            }
        }
        for _ in 0..sweeps {
            if residual <= target {
                break;
            }
            let shift = constant.map_or(0.0, |d| d / (1.0 - d) * 0.5 * (lo + hi));
            let trial: Vec<f64> = next.iter().map(|n| n + shift).collect();
            let (a, b) = sweep(&trial, &mut next);
            let contracts = if constant.is_some() {
                b - a < hi - lo
            } else {
                a.abs().max(b.abs()) < residual
            };
            if !contracts {
                break;
            }
            *value = trial;
            (lo, hi) = (a, b);
            residual = a.abs().max(b.abs());
        }
    }
}

/// Most evaluations of one policy that follow one another.
const EVALUATIONS: usize = 20;

/// Where a policy leads at all nodes (`policy[action]`, state node x joint shock), and what it pays. Nodes are worked on in blocks of `block`. For
/// continuous actions alone.
pub fn operator(bellman: &Bellman, policy: &[Vec<f64>], block: usize) -> PolicyOperator {
    let (nz, nodes, ns) = (bellman.shocks(), bellman.nodes(), bellman.tensor.axes().len());
    let units: Vec<(usize, usize)> = (0..nz)
        .flat_map(|j| (0..nodes).step_by(block).map(move |first| (j, first)))
        .collect();
    let one = |&(shock, first): &(usize, usize)| {
        let n = block.min(nodes - first);
        let mut states = vec![vec![0.0; n]; ns];
        let mut x = vec![0.0; ns];
        for i in 0..n {
            bellman.tensor.node(first + i, &mut x);
            states.iter_mut().zip(&x).for_each(|(s, x)| s[i] = *x);
        }
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let of = |p: &Vec<f64>| (0..n).map(|i| p[(first + i) * nz + shock]).collect();
        let chosen = Chosen {
            value: vec![0.0; n],
            actions: policy.iter().map(of).collect(),
            ..Chosen::default()
        };
        rows(
            bellman,
            At { shock, time: 0 },
            first,
            &refs,
            &chosen,
            &mut Scratch::default(),
        )
    };
    let all: Option<Vec<Rows>> = units.par_iter().map(|u| limits::going(|| one(u))).collect();
    PolicyOperator {
        blocks: all.unwrap_or_else(|| limits::leave()),
    }
}

/// What a policy is worth at all nodes (`policy[action]`, state node x joint shock), from the guess `value`: the value, where the policy
/// leads, the bound on the value's error and what was asked of it, `tolerance` relative to one plus its largest size. Nodes are worked on in
/// blocks of `block`. For a constant discount factor and continuous actions alone.
pub fn evaluated(
    bellman: &Bellman,
    policy: &[Vec<f64>],
    value: Vec<f64>,
    tolerance: f64,
    block: usize,
) -> (Vec<f64>, PolicyOperator, f64, f64) {
    let operator = operator(bellman, policy, block);
    let (value, error, target) = operator.settled(bellman, value, tolerance);
    (value, operator, error, target)
}

/// What errors of a value (one number per point) are relative to: `1 + sup |V|`, or `DIFFERENCES` times what values differ by where that is less. So neither
/// the unit of rewards nor a constant added to them hides an error.
pub fn size(value: &[f64]) -> f64 {
    let largest = value.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    (1.0 + largest).min(differences(value))
}

/// `DIFFERENCES` times what values (one number per point) differ by; no limit where they are all the same but for rounding.
pub fn differences(value: &[f64]) -> f64 {
    let finite = value.iter().filter(|v| v.is_finite());
    let ends = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi): (f64, f64), v| {
        (lo.min(*v), hi.max(*v))
    });
    let (range, largest) = (ends.1 - ends.0, ends.0.abs().max(ends.1.abs()));
    if range > SAME * largest {
        DIFFERENCES * range
    } else {
        f64::INFINITY
    }
}

/// Share of their size by which values differ that are the same.
const SAME: f64 = 1e-9;
/// How many times what values differ by an error may be relative to.
const DIFFERENCES: f64 = 10.0;

/// Smallest and largest change from `value` to `next`, arrays of the same length; infinite if any is not a number.
pub fn span(value: &[f64], next: &[f64]) -> (f64, f64) {
    // Eight running extremes by position: min and max do not depend on the order, and the loop vectorises.
    let mut lo = [f64::INFINITY; 8];
    let mut hi = [f64::NEG_INFINITY; 8];
    let mut broken = [false; 8];
    let mut take = |v: &[f64], n: &[f64]| {
        for (i, (v, n)) in v.iter().zip(n).enumerate() {
            let d = n - v;
            lo[i] = if d < lo[i] { d } else { lo[i] };
            hi[i] = if d > hi[i] { d } else { hi[i] };
            broken[i] |= d.is_nan();
        }
    };
    let (a, b) = (value.chunks_exact(8), next.chunks_exact(8));
    let (a_rest, b_rest) = (a.remainder(), b.remainder());
    for (v, n) in a.zip(b) {
        take(&v[..8], &n[..8]);
    }
    take(a_rest, b_rest);
    if broken.contains(&true) {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    (
        lo.iter().copied().fold(f64::INFINITY, f64::min),
        hi.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    )
}
