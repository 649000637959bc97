//! Finite problems as tables: every state a whole number, every action a finite choice, no end of time.
//!
//! Rewards `r(x, a)` and transition probabilities `P(x' | x, a)` are computed once, exactly (outcomes of noise and shocks
//! that lead to the same next state are one entry), and an improvement is a product of a sparse matrix with the value:
//! `TV(x) = max_a r(x, a) + d sum_x' P(x' | x, a) V(x')` (Puterman 1994, chapter 6). The model itself is not evaluated again.

use super::bellman::{At, Bellman, CHANCE, FEASIBLE, Scratch};
use super::policy_operator::{Rows, Sparse};
use super::problem::{ActionKind, Lanes};
use super::search::{Chosen, NothingFeasible, better};
use crate::chance::quadrature::EULER_GAMMA;
use crate::limits;
use rayon::prelude::*;

/// Memory that a table may take; problems whose table could be larger are evaluated anew in each improvement.
const TABLE_BYTES: f64 = 512.0 * 1024.0 * 1024.0;

/// Rewards and transitions of all choices at a block of states that share the joint shock.
struct Block {
    shock: usize,
    first: usize,
    lanes: usize,
    /// `reward[combo * lanes + i]`, minus infinity where the choice is not allowed.
    reward: Vec<f64>,
    /// Transitions, in the order of `reward`.
    moves: Sparse,
}

/// A finite problem.
pub(super) struct Table {
    blocks: Vec<Block>,
}

impl Table {
    /// Evaluates the whole problem, `block` states at a time; `None` if it is not finite or too large.
    pub(super) fn new(bellman: &Bellman, block: usize) -> Option<Table> {
        let spec = bellman.problem.spec();
        let nodes = bellman.nodes();
        let branches = bellman.noises.len() * if spec.next_uses_shock_next { bellman.shocks() } else { 1 };
        let rows = nodes as f64 * bellman.shocks() as f64 * bellman.combos.len() as f64;
        let finite = bellman.continuous.is_empty() && bellman.only_nodes() && spec.horizon.is_none();
        if !finite
            || rows * (12.0 + 12.0 * branches as f64) > TABLE_BYTES
            || nodes * bellman.shocks() > u32::MAX as usize
        {
            return None;
        }
        let units: Vec<(usize, usize)> = (0..bellman.shocks())
            .flat_map(|j| (0..nodes).step_by(block).map(move |first| (j, first)))
            .collect();
        let blocks = units
            .par_iter()
            .map(|&(shock, first)| Block::new(bellman, shock, first, block.min(nodes - first)))
            .collect();
        Some(Table { blocks })
    }

    /// One application of the Bellman operator, block by block; `flat` holds what follows, see [`Sparse`].
    pub(super) fn improve(
        &self,
        bellman: &Bellman,
        flat: &[f64],
    ) -> Vec<Result<(Chosen, Rows), (usize, usize, NothingFeasible)>> {
        let one = |b: &Block| b.improve(bellman, flat).map_err(|e| (b.shock, b.first, e));
        let all: Option<Vec<_>> = self.blocks.par_iter().map(|b| limits::going(|| one(b))).collect();
        all.unwrap_or_else(|| limits::leave())
    }
}

impl Block {
    fn new(bellman: &Bellman, shock: usize, first: usize, lanes: usize) -> Block {
        let ns = bellman.tensor.axes().len();
        let mut states = vec![vec![0.0; lanes]; ns];
        let mut x = vec![0.0; ns];
        for i in 0..lanes {
            bellman.tensor.node(first + i, &mut x);
            states.iter_mut().zip(&x).for_each(|(s, x)| s[i] = *x);
        }
        let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let at = At { shock, time: 0 };
        let mut scratch = Scratch::default();
        let mut block = Block {
            shock,
            first,
            lanes,
            reward: Vec::with_capacity(lanes * bellman.combos.len()),
            moves: Sparse::default(),
        };
        let masks = masks(bellman, at, &states, lanes);
        let moving = bellman.problem.spec().chances_move;
        for (combo, choices) in bellman.combos.iter().zip(&bellman.combo_choices) {
            let mut actions = vec![vec![0.0; lanes]; combo.len()];
            for (f, &a) in bellman.finite.iter().enumerate() {
                actions[a].fill(combo[f]);
            }
            let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            let mut reward = vec![0.0; lanes];
            let mut feasible: Vec<bool> = (0..lanes)
                .map(|i| {
                    choices
                        .iter()
                        .enumerate()
                        .all(|(f, &c)| fault!("search.mask_ignored", true, masks[f][c][i] != 0.0))
                })
                .collect();
            let mut moves: Vec<Vec<(u32, f64)>> = vec![Vec::new(); lanes];
            let mut outside = vec![false; lanes];
            let mut total = vec![0.0; lanes];
            let branches = bellman.branches(shock);
            let whole: f64 = branches.iter().map(|b| b.1).sum();
            for &(noise, weight) in &bellman.noises {
                for &(next, p, surface) in &branches {
                    bellman.evaluate(at, noise, next, &states, &actions, lanes, &mut scratch);
                    for i in 0..lanes {
                        let w = weight * p * scratch.chance[i];
                        if moving {
                            // As in `Bellman::q`: only what can happen counts, and chances must be probabilities.
                            total[i] += w;
                            feasible[i] &= w >= 0.0;
                            if w == 0.0 {
                                continue;
                            }
                        }
                        feasible[i] &= fault!("evaluation.require_ignored", true, scratch.slack[i] >= FEASIBLE);
                        let unpaid = fault!("ends.reward_lost", scratch.end[i] != 0.0, false);
                        let paid = fault!("chance.reward_unweighted", weight * p, w);
                        reward[i] += if unpaid { 0.0 } else { paid * scratch.reward[i] };
                        let dropped = fault!("evaluation.discount_missing", surface == 0, false);
                        let paid_now = fault!("ends.paying_undiscounted", scratch.end[i] != 0.0, false);
                        let d = if dropped || paid_now {
                            w
                        } else {
                            w * scratch.discount[i]
                        };
                        let ends = fault!("ends.never", false, scratch.end[i] != 0.0);
                        if fault!("evaluation.end_ignored", false, ends) {
                            reward[i] += if scratch.paying[i] == 0.0 {
                                0.0
                            } else {
                                fault!("evaluation.paying_dropped", 0.0, d * scratch.paying[i])
                            };
                            continue;
                        }
                        let mut node = 0;
                        for (s, axis) in bellman.tensor.axes().iter().enumerate() {
                            let place = axis.locate(scratch.next[s][i]);
                            // A state that is no number makes the choice infeasible.
                            feasible[i] &= !place.beyond.is_nan();
                            outside[i] |= place.beyond != 0.0 && d > 1e-10;
                            node = node * axis.nodes().len() + place.cell as usize;
                        }
                        let to = (surface * bellman.nodes() + node) as u32;
                        match moves[i].iter_mut().find(|m| m.0 == to) {
                            Some(m) => m.1 += d,
                            None => moves[i].push((to, d)),
                        }
                    }
                }
            }
            for i in 0..lanes {
                feasible[i] &= !moving || (total[i] - whole).abs() <= CHANCE * whole;
                let fine = feasible[i] && !reward[i].is_nan();
                block.reward.push(if fine { reward[i] } else { f64::NEG_INFINITY });
                let none: &[(u32, f64)] = &[];
                block
                    .moves
                    .push(if fine { &moves[i] } else { none }, outside[i] && fine);
            }
        }
        block
    }

    fn improve(&self, bellman: &Bellman, flat: &[f64]) -> Result<(Chosen, Rows), NothingFeasible> {
        let (n, na) = (self.lanes, bellman.problem.spec().actions.len());
        let groups = match bellman.taste {
            Some((f, _)) => bellman.combo_choices.iter().map(|c| c[f]).max().map_or(1, |m| m + 1),
            None if bellman.each => bellman.combos.len(),
            None => 1,
        };
        let mut best = vec![vec![(f64::NEG_INFINITY, 0usize); n]; groups];
        for (k, choices) in bellman.combo_choices.iter().enumerate() {
            let best = &mut best[match bellman.taste {
                Some((f, _)) => choices[f],
                None => k.min(groups - 1),
            }];
            for i in 0..n {
                let row = k * n + i;
                let q = self.reward[row] + self.moves.dot(row, flat);
                if better(q, best[i].0) {
                    best[i] = (q, row);
                }
            }
        }
        let mut chosen = Chosen {
            value: vec![0.0; n],
            actions: vec![vec![0.0; n]; na],
            ..Chosen::default()
        };
        let mut rows = Rows {
            shock: self.shock,
            first: self.first,
            reward: vec![0.0; n],
            layers: Vec::new(),
            sparse: Some(Sparse::default()),
        };
        if bellman.taste.is_some() {
            chosen.probability = vec![vec![0.0; n]; groups];
            chosen.given = vec![vec![vec![0.0; n]; na]; groups];
        }
        if bellman.each {
            chosen.worth = best.iter().map(|b| b.iter().map(|b| b.0).collect()).collect();
        }
        let mut mixed: Vec<(u32, f64)> = Vec::new();
        for i in 0..n {
            let top = (1..groups).fold(0, |top, g| if better(best[g][i].0, best[top][i].0) { g } else { top });
            let (most, row) = best[top][i];
            if most == f64::NEG_INFINITY {
                return Err(NothingFeasible { lane: i });
            }
            let combo = &bellman.combos[row / n];
            for (f, &a) in bellman.finite.iter().enumerate() {
                chosen.actions[a][i] = combo[f];
            }
            let Some(sparse) = &mut rows.sparse else { continue };
            let Some((_, scale)) = bellman.taste else {
                chosen.value[i] = most;
                rows.reward[i] = self.reward[row];
                mixed.clear();
                mixed.extend(self.moves.row(row));
                sparse.push(&mixed, self.moves.outside[row]);
                continue;
            };
            let sum: f64 = best.iter().map(|b| ((b[i].0 - most) / scale).exp()).sum();
            chosen.value[i] = most + scale * (sum.ln() + EULER_GAMMA);
            mixed.clear();
            let mut outside = false;
            for (g, best) in best.iter().enumerate() {
                let (q, row) = best[i];
                let p = ((q - most) / scale).exp() / sum;
                chosen.probability[g][i] = p;
                for (f, &a) in bellman.finite.iter().enumerate() {
                    chosen.given[g][a][i] = bellman.combos[row / n][f];
                }
                if p >= 1e-15 {
                    rows.reward[i] += p * (self.reward[row] + scale * (EULER_GAMMA - p.ln()));
                    mixed.extend(self.moves.row(row).map(|(to, w)| (to, p * w)));
                    outside |= self.moves.outside[row];
                }
            }
            sparse.push(&mixed, outside);
        }
        Ok((chosen, rows))
    }
}

/// Whether each choice of each finite action is allowed, `[f][choice][lane]`.
fn masks(bellman: &Bellman, at: At, states: &[&[f64]], n: usize) -> Vec<Vec<Vec<f64>>> {
    let lanes = Lanes::before_draws(states, &[], at.shock, at.time);
    let choices = |a: usize| match &bellman.problem.spec().actions[a].kind {
        ActionKind::Finite { values, .. } => values.len(),
        ActionKind::Continuous => 0,
    };
    let allowed = |a: usize, choice: usize| {
        let mut out = vec![1.0; n];
        bellman.problem.allowed(&lanes, a, choice, &mut out);
        out
    };
    bellman
        .finite
        .iter()
        .map(|&a| (0..choices(a)).map(|c| allowed(a, c)).collect())
        .collect()
}
