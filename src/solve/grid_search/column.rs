//! One sweep over the nodes of one shock: choices, values and rewards, by the published loop or with windows of candidates.

use crate::solve::bellman::FEASIBLE;
use crate::solve::problem::{DecisionProblem, Lanes, Outcome};

/// How candidates are evaluated; choices are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One candidate after the other.
    Sequential,
    /// Nodes on lanes, windows of candidates.
    Windows,
}

/// Nodes worked on together.
const BLOCK: usize = 64;
/// Candidates of a window.
pub(super) const WINDOW: usize = 4;

/// What does not change between the sweeps over one shock.
pub(super) struct Column {
    /// What rewards need of each node alone; empty if the problem splits nothing off.
    prepared: Vec<Vec<f64>>,
    /// First candidate of each node's window; `u32::MAX` before there is one.
    base: Vec<u32>,
    /// Rewards of the windows' candidates, block by block, candidate by candidate, lane by lane.
    rewards: Vec<f64>,
}

impl Column {
    /// Nothing computed yet; `grid` are the ascending nodes of the one state, any number of them.
    pub(super) fn new(problem: &dyn DecisionProblem, grid: &[f64], shock: usize, form: Form) -> Self {
        let states = [grid];
        let lanes = Lanes::before_draws(&states, &[], shock, 0);
        let windows = match form {
            Form::Sequential => 0,
            Form::Windows => grid.len(),
        };
        Column {
            prepared: problem.prepare(&lanes).unwrap_or_default(),
            base: vec![u32::MAX; windows],
            rewards: vec![f64::NAN; windows.div_ceil(BLOCK) * BLOCK * WINDOW],
        }
    }
}

/// One sweep: the nodes `grid`, one shock, and what each next node is worth, `expected[node]`, discounted with `discount`.
pub(super) struct Row<'a> {
    pub(super) problem: &'a dyn DecisionProblem,
    pub(super) grid: &'a [f64],
    pub(super) shock: usize,
    pub(super) discount: f64,
    pub(super) expected: &'a [f64],
}

/// Arrays of one evaluation.
struct Buffers {
    reward: Vec<f64>,
    next: Vec<f64>,
    slack: Vec<f64>,
    rest: [Vec<f64>; 3],
    state: Vec<f64>,
    action: Vec<f64>,
    prepared: Vec<Vec<f64>>,
}

impl Buffers {
    fn new(prepared: usize) -> Self {
        let v = || vec![0.0; BLOCK];
        Buffers {
            reward: v(),
            next: v(),
            slack: v(),
            rest: [v(), v(), v()],
            state: v(),
            action: v(),
            prepared: vec![v(); prepared],
        }
    }

    /// Lane `k` stands at `node`.
    fn stand(&mut self, k: usize, node: usize, grid: &[f64], prepared: &[Vec<f64>]) {
        self.state[k] = grid[node];
        for (to, from) in self.prepared.iter_mut().zip(prepared) {
            to[k] = from[node];
        }
    }
}

impl Row<'_> {
    /// Rewards of `n` lanes whose states and actions stand in the buffers; NaN where infeasible.
    fn rewards(&self, b: &mut Buffers, n: usize) {
        let (states, actions) = ([&b.state[..n]], [&b.action[..n]]);
        let lanes = Lanes::before_draws(&states, &actions, self.shock, 0);
        b.slack[..n].fill(f64::INFINITY);
        if b.prepared.is_empty() {
            let [end, paying, discount] = &mut b.rest;
            let mut out = Outcome {
                reward: &mut b.reward[..n],
                next: &mut [&mut b.next[..n]],
                slack: &mut b.slack[..n],
                end: &mut end[..n],
                paying: &mut paying[..n],
                discount: &mut discount[..n],
            };
            self.problem.evaluate(&lanes, &mut out);
        } else {
            let prepared: Vec<&[f64]> = b.prepared.iter().map(|p| &p[..n]).collect();
            self.problem
                .reward(&lanes, &prepared, &mut b.reward[..n], &mut b.slack[..n]);
        }
        for (r, s) in b.reward[..n].iter_mut().zip(&b.slack[..n]) {
            if !(*s >= FEASIBLE) {
                *r = f64::NAN;
            }
        }
    }

    /// The published loop for one node: the first candidate at or above `start` whose successor is not better. Returns
    /// the choice, its value and its reward.
    fn climb(&self, column: &Column, b: &mut Buffers, node: usize, start: usize, few: usize) -> (usize, f64, f64) {
        let n = self.grid.len();
        let mut first = start;
        let mut batch = few.max(2);
        let mut best = (start, f64::NAN, f64::NAN);
        loop {
            crate::limits::poll();
            let count = batch.min(n - first).min(BLOCK);
            for k in 0..count {
                b.stand(k, node, self.grid, &column.prepared);
                b.action[k] = self.grid[first + k];
            }
            self.rewards(b, count);
            for k in 0..count {
                let c = first + k;
                let value = b.reward[k] + self.discount * self.expected[c];
                if c == start || value > best.1 {
                    best = (c, value, b.reward[k]);
                } else {
                    return best;
                }
            }
            first += count;
            if first >= n {
                return best;
            }
            batch = (batch * 2).min(BLOCK);
        }
    }

    /// The published loop over all nodes.
    pub(super) fn sequential(&self, column: &Column, choice: &mut [u32], value: &mut [f64], reward: &mut [f64]) {
        let mut b = Buffers::new(column.prepared.len());
        let mut start = 0;
        for node in 0..self.grid.len() {
            let (c, v, r) = self.climb(column, &mut b, node, start, 3);
            (choice[node], value[node], reward[node]) = (c as u32, v, r);
            start = c;
        }
    }

    /// Moves the windows of a block to where they are wanted, and computes their rewards there.
    fn place(&self, column: &mut Column, b: &mut Buffers, first: usize, wanted: &[u32], moved: &[usize]) {
        let n = self.grid.len();
        for (k, &i) in moved.iter().enumerate() {
            b.stand(k, first + i, self.grid, &column.prepared);
            column.base[first + i] = wanted[i];
        }
        for o in 0..WINDOW {
            for (k, &i) in moved.iter().enumerate() {
                b.action[k] = self.grid[(wanted[i] as usize + o).min(n - 1)];
            }
            self.rewards(b, moved.len());
            let at = first * WINDOW + o * BLOCK;
            for (k, &i) in moved.iter().enumerate() {
                column.rewards[at + i] = b.reward[k];
            }
        }
    }

    /// As [`Row::sequential`], with `choice` holding the last sweep's choices.
    pub(super) fn windows(&self, column: &mut Column, choice: &mut [u32], value: &mut [f64], reward: &mut [f64]) {
        let n = self.grid.len();
        let mut b = Buffers::new(column.prepared.len());
        let mut wanted = [0u32; BLOCK];
        let mut moved: Vec<usize> = Vec::with_capacity(BLOCK);
        let mut falls = [0u32; BLOCK];
        let mut candidate = [[0.0; BLOCK]; WINDOW];
        let mut start = 0usize;
        // How far choices moved since the last sweep, and how they rise from node to node, at the end of the block before.
        let (mut drift, mut slope) = (0i64, 0.0);
        let mut lost = 0;
        for first in (0..n).step_by(BLOCK) {
            crate::limits::poll();
            let lanes = BLOCK.min(n - first);
            moved.clear();
            for i in 0..lanes {
                // Where the last sweep is no guide, this sweep's own line is.
                let guess = if 4 * lost > BLOCK {
                    start as i64 + (slope * (i + 1) as f64).round() as i64
                } else {
                    i64::from(choice[first + i]) + drift
                };
                let base = column.base[first + i];
                let ahead = guess - i64::from(base);
                if base == u32::MAX || !(1..=2).contains(&ahead) {
                    wanted[i] = (guess - 1).clamp(0, n as i64 - 1) as u32;
                    if wanted[i] != base {
                        moved.push(i);
                    }
                }
            }
            if !moved.is_empty() {
                self.place(column, &mut b, first, &wanted, &moved);
            }
            let base = &column.base[first..first + lanes];
            let rewards = &column.rewards[first * WINDOW..];
            for o in 0..WINDOW {
                let rewards = &rewards[o * BLOCK..o * BLOCK + lanes];
                for (i, (r, at)) in rewards.iter().zip(base).enumerate() {
                    candidate[o][i] = r + self.discount * self.expected[(*at as usize + o).min(n - 1)];
                }
            }
            for i in 0..lanes {
                // A candidate above the grid repeats the last node: not better, so the walk ends there.
                let rises = |o: usize| u32::from(candidate[o][i] > candidate[o - 1][i]) << (o - 1);
                falls[i] = !(rises(1) | rises(2) | rises(3)) & 0b111;
            }
            let (old, from) = (i64::from(choice[first + lanes - 1]), start);
            lost = 0;
            for i in 0..lanes {
                let node = first + i;
                let base = base[i] as usize;
                let inside = start >= base && start < base + WINDOW - 1;
                let ahead = if inside { falls[i] >> (start - base) } else { 0 };
                let found = if ahead != 0 {
                    let o = start - base + ahead.trailing_zeros() as usize;
                    (base + o, candidate[o][i], rewards[o * BLOCK + i])
                } else {
                    lost += 1;
                    self.climb(column, &mut b, node, start, 8)
                };
                (choice[node], value[node], reward[node]) = (found.0 as u32, found.1, found.2);
                start = found.0;
            }
            drift = start as i64 - old;
            slope = (start - from) as f64 / lanes as f64;
        }
    }
}
