//! The distribution of a population over nodes of its states and states of its chains, and how it moves (Young 2010, *Journal of Economic
//! Dynamics and Control* 34).
//!
//! Members whose next state lies between two nodes are put on both, such that its mean is kept. The distribution then moves without
//! sampling noise, by a Markov chain whose transpose gives expectations. A *place* is a node with a joint state of the chains,
//! chains fastest, like the arrays of a solution: `place = node * shocks + shock`.

use super::classes::Classes;
use crate::limits;
use crate::num::linear::gmres;
use crate::num::weighted::Weighted;
use nalgebra::{DMatrix, DVector, Dyn, LU};

/// Unknowns of the coarse level, at most.
const COARSE: usize = 240;
/// Periods on the fine level between two looks at the coarse one.
const SMOOTH: usize = 12;
/// Products of one round of GMRES, and most rounds.
const ROUND: usize = 60;
const ROUNDS: usize = 12;
/// Least mass of a place from which corrections are shares, as a share of the most.
const LEAST: f64 = 1e-12;
/// What moves by less than this share of before needs no help.
const QUICK: f64 = 0.2;
/// Most periods where nothing else helps.
const SWEEPS: usize = 50_000;

/// Nodes of the states of a member, the last state fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    /// Ascending, one vector per state.
    axes: Vec<Vec<f64>>,
    /// Joint states of the chains.
    shocks: usize,
}

impl Nodes {
    /// From ascending nodes of each state (whole numbers for states that count) and the number of joint states of the chains.
    pub fn new(axes: Vec<Vec<f64>>, shocks: usize) -> Nodes {
        Nodes { axes, shocks }
    }

    /// Nodes of each state, ascending, one vector per state.
    pub fn axes(&self) -> &[Vec<f64>] {
        &self.axes
    }

    /// Joint states of the chains.
    pub fn shocks(&self) -> usize {
        self.shocks
    }

    /// Number of nodes, over all states.
    pub fn len(&self) -> usize {
        self.axes.iter().map(Vec::len).product()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of places: nodes times joint states of the chains.
    pub fn places(&self) -> usize {
        self.len() * self.shocks
    }

    /// Which node of a state's own axis a node is.
    pub fn index(&self, node: usize, state: usize) -> usize {
        let later: usize = self.axes[state + 1..].iter().map(Vec::len).product();
        node / later % self.axes[state].len()
    }

    /// The place one node higher on a state's own axis, with the other states and the shock as they are; `None` at its top.
    pub fn above(&self, place: usize, state: usize) -> Option<usize> {
        let later: usize = self.axes[state + 1..].iter().map(Vec::len).product();
        let top = self.index(place / self.shocks, state) + 1 == self.axes[state].len();
        (!top).then_some(place + later * self.shocks)
    }

    /// The values of each state at the nodes, `[state][node]`.
    pub fn values(&self) -> Vec<Vec<f64>> {
        let one = |s: usize| (0..self.len()).map(|n| self.axes[s][self.index(n, s)]).collect();
        (0..self.axes.len()).map(one).collect()
    }

    /// What one starts from: all mass even over all places, `[node][shock]` in one row.
    pub fn even(&self) -> Vec<f64> {
        vec![1.0 / self.places() as f64; self.places()]
    }

    /// How a state is distributed under `mass` (one number per place): ascending values with their masses.
    pub fn marginal(&self, mass: &[f64], state: usize) -> Weighted {
        let mut own = vec![0.0; self.axes[state].len()];
        for (node, row) in mass.chunks_exact(self.shocks).enumerate() {
            own[self.index(node, state)] += row.iter().sum::<f64>();
        }
        Weighted::new(self.axes[state].iter().copied().zip(own))
    }

    /// The mass at the top node of a state; `mass` is `[node][shock]` in one row, 1 in all.
    pub fn at_top(&self, mass: &[f64], state: usize) -> f64 {
        let last = self.axes[state].len() - 1;
        let rows = mass.chunks_exact(self.shocks).enumerate();
        rows.filter(|(node, _)| self.index(*node, state) == last)
            .map(|(_, row)| row.iter().sum::<f64>())
            .sum()
    }
}

/// The sum of a function times the mass, both one number per place: its mean where all mass is 1.
pub fn mean(mass: &[f64], of: &[f64]) -> f64 {
    mass.iter().zip(of).map(|(m, f)| m * f).sum()
}

/// Where the members of each place go, before their chains move: nodes with their chances, the same number for every place.
#[derive(Clone, Debug, PartialEq)]
pub struct Lottery {
    shocks: usize,
    /// Nodes that each place may lead to: two per state that lies between nodes.
    corners: usize,
    /// `[place][corner]`
    to: Vec<u32>,
    /// `[place][corner]`, summing to 1 for each place.
    weight: Vec<f64>,
    /// Whether the next state of a place lies beyond the nodes and is taken to the nearest; one per place.
    pub beyond: Vec<bool>,
}

impl Lottery {
    /// From the next states of all places, `[state][place]`.
    pub fn new(nodes: &Nodes, next: &[&[f64]]) -> Lottery {
        let corners = 1 << nodes.axes.len();
        let places = nodes.places();
        let mut out = Lottery {
            shocks: nodes.shocks,
            corners,
            to: vec![0; places * corners],
            weight: vec![1.0; places * corners],
            beyond: vec![false; places],
        };
        for (s, axis) in nodes.axes.iter().enumerate() {
            for place in 0..places {
                let (low, share, out_of) = locate(axis, next[s][place]);
                out.beyond[place] |= out_of;
                for corner in 0..corners {
                    let up = corner >> s & 1;
                    let k = place * corners + corner;
                    let node = (low + up).min(axis.len() - 1);
                    out.to[k] = out.to[k] * axis.len() as u32 + node as u32;
                    out.weight[k] *= if up == 1 { 1.0 - share } else { share };
                }
            }
        }
        out
    }

    /// The next value of a state from a place.
    pub fn next(&self, nodes: &Nodes, place: usize, state: usize) -> f64 {
        let corners = place * self.corners..(place + 1) * self.corners;
        let own = self.to[corners.clone()].iter().zip(&self.weight[corners]);
        own.map(|(to, w)| w * nodes.axes[state][nodes.index(*to as usize, state)])
            .sum()
    }

    /// Moves `mass` one period: `out` is where it then is. `transition[z][z']` moves the chains, rows summing to 1.
    pub fn forward(&self, mass: &[f64], transition: &[Vec<f64>], out: &mut [f64]) {
        let mut moved = vec![0.0; mass.len()];
        self.lead(mass, &mut moved);
        chains(&moved, transition, out);
    }

    /// Adds to `moved` where `mass` (both `[node][shock]` in one row) goes before chains move.
    pub fn lead(&self, mass: &[f64], moved: &mut [f64]) {
        let nz = self.shocks;
        let places = mass.iter().zip(self.to.chunks_exact(self.corners));
        for (place, ((m, to), weight)) in places.zip(self.weight.chunks_exact(self.corners)).enumerate() {
            if *m == 0.0 {
                continue;
            }
            let shock = place % nz;
            for (to, w) in to.iter().zip(weight) {
                moved[*to as usize * nz + shock] += w * m;
            }
        }
    }

    /// What is expected of `of` (one number per place) a period later, from each place: the transpose of [`Lottery::forward`].
    pub fn expect(&self, of: &[f64], transition: &[Vec<f64>], out: &mut [f64]) {
        let nz = self.shocks;
        let mut ahead = vec![0.0; of.len()];
        for (ahead, row) in ahead.chunks_exact_mut(nz).zip(of.chunks_exact(nz)) {
            for (a, chances) in ahead.iter_mut().zip(transition) {
                *a = chances.iter().zip(row).map(|(p, f)| p * f).sum();
            }
        }
        for (place, out) in out.iter_mut().enumerate() {
            let k = place * self.corners..(place + 1) * self.corners;
            let (to, weight) = (&self.to[k.clone()], &self.weight[k]);
            let shock = place % nz;
            *out = to
                .iter()
                .zip(weight)
                .map(|(to, w)| w * ahead[*to as usize * nz + shock])
                .sum();
        }
    }
}

/// The node at or below `x`, the weight of that node (the rest is the next one's), and whether `x` lies beyond the nodes.
fn locate(axis: &[f64], x: f64) -> (usize, f64, bool) {
    let last = axis.len() - 1;
    let margin = 1e-9 * (axis[last] - axis[0]);
    let beyond = !(x >= axis[0] - margin && x <= axis[last] + margin);
    if last == 0 || !(x > axis[0]) {
        return (0, 1.0, beyond);
    }
    if x >= axis[last] {
        return (last, 1.0, beyond);
    }
    let low = axis.partition_point(|n| *n <= x) - 1;
    (low, (axis[low + 1] - x) / (axis[low + 1] - axis[low]), beyond)
}

/// Moves the chains of a distribution, `[node][shock]` in one row, by `transition[from][to]`: `out` is where it then is.
pub fn chains(moved: &[f64], transition: &[Vec<f64>], out: &mut [f64]) {
    let nz = transition.len();
    out.fill(0.0);
    for (out, row) in out.chunks_exact_mut(nz).zip(moved.chunks_exact(nz)) {
        for (m, chances) in row.iter().zip(transition) {
            if *m != 0.0 {
                out.iter_mut().zip(chances).for_each(|(o, p)| *o += m * p);
            }
        }
    }
}

/// A distribution that moves into itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Invariant {
    /// One number per place, summing to 1.
    pub mass: Vec<f64>,
    /// By how much it moves in a period: the sum of all differences.
    pub residual: f64,
    /// Whether the residual is within the tolerance.
    pub settled: bool,
    /// Periods that were taken.
    pub sweeps: usize,
}

/// The distribution that `forward` moves into itself, from `start` (one number per place, summing to 1), to a residual of `tolerance`.
///
/// Where periods do not settle it (wealth near `r = 1/beta - 1` takes tens of thousands of them), what is left over is solved for by GMRES
/// with two levels: what flows between groups of neighbours, directly, and some periods for the rest (Saad 2003, *Iterative Methods for Sparse
/// Linear Systems*, chapters 9 and 13). `forward` must be linear, and keep the sum in each of `classes`, which `start` has the shares of.
pub fn invariant(
    (nodes, classes): (&Nodes, &Classes),
    start: &[f64],
    tolerance: f64,
    forward: impl Fn(&[f64], &mut [f64]),
) -> Invariant {
    let mut at = Invariant {
        mass: start.to_vec(),
        residual: f64::INFINITY,
        settled: false,
        sweeps: 0,
    };
    at.sweep(SMOOTH, tolerance, &forward);
    let mut before = at.residual;
    // What settles by itself needs no help.
    while at.open() && at.sweeps < SWEEPS {
        at.sweep(SMOOTH, tolerance, &forward);
        if at.open() && !(at.residual < QUICK * before) {
            break;
        }
        before = at.residual;
    }
    let coarse = at
        .open()
        .then(|| Coarse::new(nodes, classes, &at.mass, &forward))
        .flatten();
    if let Some(coarse) = coarse {
        for _ in 0..ROUNDS {
            let plain = at.clone();
            at.mass = coarse.corrected(&at.mass, tolerance, &forward);
            at.sweep(SMOOTH, tolerance, &forward);
            at.sweeps += ROUND * SMOOTH;
            if !(at.residual < QUICK * plain.residual) || !at.open() {
                if !(at.residual < plain.residual) {
                    at = plain;
                }
                break;
            }
        }
    }
    if at.open() {
        at.sweep(SWEEPS, tolerance, &forward);
    }
    at
}

impl Invariant {
    fn open(&self) -> bool {
        !self.settled && self.residual.is_finite()
    }

    /// Some periods.
    fn sweep(&mut self, most: usize, tolerance: f64, forward: &impl Fn(&[f64], &mut [f64])) {
        let mut next = vec![0.0; self.mass.len()];
        for _ in 0..most {
            limits::poll();
            forward(&self.mass, &mut next);
            self.residual = self.mass.iter().zip(next.iter()).map(|(a, b)| (a - b).abs()).sum();
            std::mem::swap(&mut self.mass, &mut next);
            self.sweeps += 1;
            self.settled = self.residual <= tolerance;
            if !self.open() {
                break;
            }
        }
    }
}

/// What flows between groups of neighbours, and what that says of a distribution.
struct Coarse<'c> {
    classes: &'c Classes,
    /// Two groups of each node, and the share of the first.
    shares: Vec<(usize, usize, f64)>,
    shocks: usize,
    /// One number per place: a distribution from which corrections are shares.
    like: Vec<f64>,
    system: LU<f64, Dyn, Dyn>,
    size: usize,
}

impl<'c> Coarse<'c> {
    /// Groups are stretches of nodes, shorter where there is more mass; `None` where there is nothing to group.
    fn new(
        nodes: &Nodes,
        classes: &'c Classes,
        mass: &[f64],
        forward: &impl Fn(&[f64], &mut [f64]),
    ) -> Option<Coarse<'c>> {
        let (n, nz) = (nodes.len(), nodes.shocks());
        let groups = (COARSE / nz).min(n);
        if groups == 0 || n * nz < 2 {
            return None;
        }
        // Middles of the groups, in numbers of nodes.
        let mut sums: Vec<(f64, f64)> = vec![(0.0, 0.0); groups];
        let mut through = 0.0;
        for (node, row) in mass.chunks_exact(nz).enumerate() {
            let share = 0.5 * (through + node as f64 / n as f64);
            let group = &mut sums[((share * groups as f64) as usize).min(groups - 1)];
            *group = (group.0 + node as f64, group.1 + 1.0);
            through += row.iter().sum::<f64>();
        }
        let middles: Vec<f64> = sums.iter().filter(|s| s.1 > 0.0).map(|(sum, n)| sum / n).collect();
        let groups = middles.len();
        let share = |node: usize| {
            let x = node as f64;
            match middles.partition_point(|c| *c < x) {
                0 => (0, 0, 1.0),
                k if k == groups => (k - 1, k - 1, 1.0),
                k => (k - 1, k, (middles[k] - x) / (middles[k] - middles[k - 1])),
            }
        };
        let most = mass.iter().fold(0.0, |m: f64, x| m.max(*x));
        let size = groups * nz;
        let mut out = Coarse {
            classes,
            shares: (0..n).map(share).collect(),
            shocks: nz,
            like: mass.iter().map(|m| m.max(LEAST * most)).collect(),
            system: DMatrix::<f64>::identity(1, 1).lu(),
            size,
        };
        let mut parts: Vec<Vec<usize>> = vec![Vec::new(); size];
        for p in 0..mass.len() {
            let (low, high, _) = out.shares[p / nz];
            parts[low * nz + p % nz].push(p);
            if high != low {
                parts[high * nz + p % nz].push(p);
            }
        }
        let mut system = DMatrix::<f64>::zeros(size, size);
        let (mut one, mut led) = (vec![0.0; mass.len()], vec![0.0; mass.len()]);
        // Masses of the groups: their chain keeps the sum of each class, so that it is singular, and is told what the sum is.
        let masses = out.restricted(&out.like);
        for (from, members) in parts.iter().enumerate() {
            limits::poll();
            let group = from / nz;
            for p in members {
                let (low, _, share) = out.shares[p / nz];
                one[*p] = out.like[*p] * if low == group { share } else { 1.0 - share };
            }
            forward(&one, &mut led);
            let sum: f64 = members.iter().map(|p| one[*p]).sum();
            let stays = out.restricted(&one);
            let goes = out.restricted(&led);
            for to in 0..size {
                let (a, b) = (classes.of[to % nz], classes.of[from % nz]);
                let kept = if a.is_some() && a == b { masses[to] * sum } else { 0.0 };
                system[(to, from)] = stays[to] - goes[to] + kept;
            }
            members.iter().for_each(|p| one[*p] = 0.0);
        }
        out.system = system.lu();
        Some(out)
    }

    /// Sums by group.
    fn restricted(&self, of: &[f64]) -> Vec<f64> {
        let nz = self.shocks;
        let mut out = vec![0.0; self.size];
        for (row, (low, high, share)) in of.chunks_exact(nz).zip(&self.shares) {
            for (z, x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                out[low * nz + z] += share * x;
                out[high * nz + z] += (1.0 - share) * x;
            }
        }
        out
    }

    /// About what `x - T x = r` has for `x`.
    fn solved(&self, r: &[f64], forward: &impl Fn(&[f64], &mut [f64])) -> Vec<f64> {
        let nz = self.shocks;
        let mut right = DVector::from_vec(self.restricted(r));
        if !self.system.solve_mut(&mut right) {
            right.fill(0.0);
        }
        let of = |p: usize| {
            let (low, high, share) = self.shares[p / nz];
            self.like[p] * (share * right[low * nz + p % nz] + (1.0 - share) * right[high * nz + p % nz])
        };
        let mut x: Vec<f64> = (0..r.len()).map(of).collect();
        let mut led = vec![0.0; r.len()];
        for _ in 0..SMOOTH {
            forward(&x, &mut led);
            x.iter_mut().zip(led.iter().zip(r)).for_each(|(x, (t, r))| *x = t + r);
        }
        x
    }

    /// A distribution nearer to rest.
    fn corrected(&self, mass: &[f64], tolerance: f64, forward: &impl Fn(&[f64], &mut [f64])) -> Vec<f64> {
        let mut led = vec![0.0; mass.len()];
        forward(mass, &mut led);
        let off: Vec<f64> = led.iter().zip(mass).map(|(t, x)| t - x).collect();
        let size = off.iter().map(|o| o * o).sum::<f64>().sqrt();
        let mut weights = vec![0.0; mass.len()];
        let apply = |v: &[f64], out: &mut [f64]| {
            let x = self.solved(v, forward);
            forward(&x, out);
            out.iter_mut().zip(&x).for_each(|(o, x)| *o = x - *o);
        };
        let goal = (0.01 * tolerance / size.max(f64::MIN_POSITIVE)).clamp(1e-10, 0.1);
        gmres(apply, &off, &mut weights, ROUND, goal, ROUND);
        let step = self.solved(&weights, forward);
        let mut out: Vec<f64> = mass.iter().zip(&step).map(|(m, s)| (m + s).max(0.0)).collect();
        self.classes.keep(&mut out);
        out
    }
}

#[cfg(test)]
#[path = "histogram_tests.rs"]
mod tests;
