//! Continuous draws behind kinks and steps that move: rules whose cells end where the kinks stand.
//!
//! `min(have, d)` has a kink at `d = have`, which moves with state and action. A rule with fixed nodes then makes an expected value whose slope
//! jumps whenever the kink passes a node: levels that somebody orders up to are drawn to the nodes. Where the place of the kink can be written down
//! (`solve_for`), the cells of a Gauss-Legendre rule end there instead: nodes and weights become expressions of whatever moves the kink.
//!
//! The kinks are put among the fixed ends of cells one by one, `s_j = min(E_j, max(E_{j-1}, k))`, which sorts them in. Weights in a cell are those of
//! the density at its nodes, as shares of the cell's probability, so that they add up to one.

use super::builder::Builder;
use super::noise::{Cells, Quadrature};
use crate::chance::quadrature::{Standard, cells, gauss_legendre, in_cells};
use crate::graph::{Binary, Unary};
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::differentiate::derivative;
use crate::solve::kinked::{differences, fixed};
use crate::solve::problem::{StateAxis, StateKind};
use std::collections::{BTreeMap, HashMap};

/// Most kinks of one draw that cells end at.
const MOST: usize = 4;
/// Fewest nodes of such a rule; with so many there are four a cell, with fewer three.
pub(super) const FEWEST: usize = 20;
const FOUR: usize = 36;
/// Depth of the expressions that are solved for a draw.
const DEEPEST: usize = 64;
/// Inputs of the problem that stand for the ends of cells are numbered from here until they have their place.
const FIRST: u32 = 3_000_000;

impl Builder<'_> {
    /// Where kinks and steps of `of` along each of `noises` stand that others move, by the number of the noise. Of two draws that make a kink
    /// together the later one is split there: what is expected over it is smooth in the earlier one. `states` are values, laws and grids.
    pub(super) fn moving_kinks(
        &mut self,
        noise: &[Quadrature],
        noises: &[usize],
        of: &[Id],
        states: &[(Id, Id, &StateAxis)],
    ) -> BTreeMap<usize, Vec<Id>> {
        let mut out = BTreeMap::new();
        let mut done: Vec<Id> = Vec::new();
        let dag = &mut self.unroll.dag;
        // What the future is worth has a kink where the reward has one at a state.
        let mut later: Vec<Id> = Vec::new();
        for (now, next, axis) in states {
            let StateKind::Continuous { grid, .. } = &axis.kind else {
                continue;
            };
            for kink in fixed(dag, of, *now, grid[0], grid[grid.len() - 1]) {
                let at = dag.constant(kink.at);
                later.push(dag.sub(*next, at));
            }
        }
        for &k in noises.iter().rev() {
            let q = &noise[k];
            if q.extent().is_none() || q.moving.is_some() || q.nodes.len() < 2 {
                continue;
            }
            let mut switches = Vec::new();
            differences(dag, of, q.input, &mut switches);
            let uses = dag.dependents(&[q.input]);
            switches.extend(later.iter().copied().filter(|s| uses[s.0 as usize]));
            let mut places: Vec<Id> = Vec::new();
            let zero = dag.constant(0.0);
            for s in switches {
                // What the draw alone decides stands still.
                if done.contains(&s) || dag.inputs_of(&[s]).len() < 2 {
                    continue;
                }
                let found = solve_for(dag, s, q.input, zero);
                if found.is_empty() {
                    continue;
                }
                done.push(s);
                places.extend(found);
            }
            places.sort_unstable();
            places.dedup();
            places.truncate(MOST);
            if !places.is_empty() {
                out.insert(k, places);
            }
        }
        out
    }

    /// A rule of about `n` nodes whose cells end at `places` and at the numbers `fixed`.
    pub(super) fn cells(&mut self, law: Standard, n: usize, places: &[Id], fixed: &[f64]) -> Cells {
        let (each, m) = (if n >= FOUR { 4 } else { 3 }, places.len());
        let mut edges = cells(law, (n / each).saturating_sub(m).max(1));
        let (lo, hi) = (edges[0], edges[edges.len() - 1]);
        edges.extend(fixed.iter().copied().filter(|k| *k > lo && *k < hi));
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let base = gauss_legendre(each, 0.0, 1.0);
        let first = FIRST.max(self.unroll.dag.inputs() as u32);
        let dag = &mut self.unroll.dag;
        let inputs: Vec<Id> = (0..m as u32 + 4).map(|i| dag.input(first + i)).collect();
        let bottom = dag.constant(lo);
        let mut ends: Vec<Id> = inputs[..m + 2].to_vec();
        for k in places {
            // A kink that is nowhere stands at the end.
            let real = dag.binary(Binary::Eq, *k, *k);
            let k = dag.select(real, *k, bottom);
            ends = ends
                .windows(2)
                .map(|w| {
                    let above = dag.binary(Binary::Max, w[0], k);
                    dag.binary(Binary::Min, w[1], above)
                })
                .collect();
        }
        let (low, high) = (ends[0], ends[1]);
        let width = dag.sub(high, low);
        let at = |dag: &mut Dag, u: Id| {
            let part = dag.mul(width, u);
            dag.add(low, part)
        };
        let draw = at(dag, inputs[m + 2]);
        let mut total = dag.constant(0.0);
        for (u, w) in base.nodes.iter().zip(&base.weights) {
            let (u, w) = (dag.constant(*u), dag.constant(*w));
            let x = at(dag, u);
            let d = density(dag, law, x);
            let part = dag.mul(w, d);
            total = dag.add(total, part);
        }
        let own = density(dag, law, draw);
        let own = dag.mul(inputs[m + 3], own);
        let share = dag.div(own, total);
        let mass = mass(dag, law, low, high);
        let weight = dag.mul(mass, share);
        // Ends before the first and after the last are those.
        let end = |j: isize| edges[j.clamp(0, edges.len() as isize - 1) as usize];
        let rows = (0..edges.len() - 1 + m)
            .flat_map(|j| {
                let around: Vec<f64> = (0..m + 2).map(|i| end(j as isize + i as isize - m as isize)).collect();
                base.nodes
                    .iter()
                    .zip(&base.weights)
                    .map(|(u, w)| [around.as_slice(), &[*u, *w]].concat())
                    .collect::<Vec<_>>()
            })
            .collect();
        Cells {
            inputs,
            rows,
            draw,
            weight,
            still: in_cells(law, &edges, &base),
        }
    }
}

fn density(dag: &mut Dag, law: Standard, x: Id) -> Id {
    let minus = dag.neg(x);
    match law {
        Standard::Uniform => dag.constant(1.0),
        Standard::Exponential => dag.unary(Unary::Exp, minus),
        Standard::Normal => {
            let half = dag.constant(0.5);
            let half = dag.mul(half, x);
            let power = dag.mul(half, minus);
            dag.unary(Unary::Exp, power)
        }
        Standard::Gumbel => {
            let e = dag.unary(Unary::Exp, minus);
            let power = dag.sub(minus, e);
            dag.unary(Unary::Exp, power)
        }
    }
}

/// The probability of a cell.
fn mass(dag: &mut Dag, law: Standard, low: Id, high: Id) -> Id {
    let mut below = |x: Id| -> Id {
        let minus = dag.neg(x);
        match law {
            Standard::Uniform => x,
            Standard::Exponential => {
                let above = dag.unary(Unary::Exp, minus);
                dag.neg(above)
            }
            Standard::Normal => dag.unary(Unary::NormalCdf, x),
            Standard::Gumbel => {
                let e = dag.unary(Unary::Exp, minus);
                let power = dag.neg(e);
                dag.unary(Unary::Exp, power)
            }
        }
    };
    let (b, a) = (below(high), below(low));
    dag.sub(b, a)
}

/// Where `f` may be `target` along the input `e`: every place is among them, and some may be none. Empty if that cannot be written down.
pub(super) fn solve_for(dag: &mut Dag, f: Id, e: Id, target: Id) -> Vec<Id> {
    let uses = dag.dependents(&[e]);
    solve(dag, &uses, f, e, target, 0)
}

fn solve(dag: &mut Dag, uses: &[bool], f: Id, e: Id, target: Id, depth: usize) -> Vec<Id> {
    if f == e {
        return vec![target];
    }
    let moved = |x: Id| uses.get(x.0 as usize).copied().unwrap_or(false);
    if depth > DEEPEST || !moved(f) {
        return Vec::new();
    }
    let d = depth + 1;
    match dag.expr(f) {
        Expr::Unary(op, x) => {
            let there = match op {
                Unary::Neg => dag.neg(target),
                Unary::Exp => dag.unary(Unary::Log, target),
                Unary::Log => dag.unary(Unary::Exp, target),
                Unary::Log1p => {
                    let (up, one) = (dag.unary(Unary::Exp, target), dag.constant(1.0));
                    dag.sub(up, one)
                }
                Unary::Sqrt => dag.mul(target, target),
                Unary::Abs => {
                    let other = dag.neg(target);
                    let mut both = solve(dag, uses, x, e, target, d);
                    both.extend(solve(dag, uses, x, e, other, d));
                    return both;
                }
                _ => return Vec::new(),
            };
            solve(dag, uses, x, e, there, d)
        }
        Expr::Binary(Binary::Min | Binary::Max, a, b) => {
            let mut all = solve(dag, uses, a, e, target, d);
            all.extend(solve(dag, uses, b, e, target, d));
            all
        }
        Expr::Binary(op, a, b) if moved(a) && moved(b) => match op {
            Binary::Add | Binary::Sub | Binary::Mul | Binary::Div => straight(dag, f, e, target),
            _ => Vec::new(),
        },
        Expr::Binary(op, a, b) => {
            let first = moved(a);
            let there = match (op, first) {
                (Binary::Add, true) => dag.sub(target, b),
                (Binary::Add, false) => dag.sub(target, a),
                (Binary::Sub, true) => dag.add(target, b),
                (Binary::Sub, false) => dag.sub(a, target),
                (Binary::Mul, true) => dag.div(target, b),
                (Binary::Mul, false) => dag.div(target, a),
                (Binary::Div, true) => dag.mul(target, b),
                (Binary::Div, false) => dag.div(a, target),
                (Binary::Pow, true) => {
                    let one = dag.constant(1.0);
                    let power = dag.div(one, b);
                    dag.binary(Binary::Pow, target, power)
                }
                _ => return Vec::new(),
            };
            solve(dag, uses, if first { a } else { b }, e, there, d)
        }
        Expr::Select(c, a, b) => {
            let (x, y) = (solve(dag, uses, a, e, target, d), solve(dag, uses, b, e, target, d));
            match (x.as_slice(), y.as_slice()) {
                ([x], [y]) if !moved(c) => vec![dag.select(c, *x, *y)],
                _ => [x, y].concat(),
            }
        }
        Expr::Const(_)
        | Expr::Input(_)
        | Expr::Unknown(_)
        | Expr::Lookup(..)
        | Expr::Root(..)
        | Expr::RootStatus(_) => Vec::new(),
    }
}

/// Where a function that is a straight line in `e` is `target`.
fn straight(dag: &mut Dag, f: Id, e: Id, target: Id) -> Vec<Id> {
    let slope = derivative(dag, &[f], e)[0];
    if dag.dependents(&[e])[slope.0 as usize] {
        return Vec::new();
    }
    let zero = dag.constant(0.0);
    let there = dag.substitute(&[f], &HashMap::from([(e, zero)]))[0];
    let rest = dag.sub(target, there);
    vec![dag.div(rest, slope)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_kinks_are_solved_for() {
        let mut dag = Dag::new();
        let (e, s) = (dag.input(0), dag.input(1));
        let (zero, half, two) = (dag.constant(0.0), dag.constant(0.5), dag.constant(2.0));
        // d = exp(0.5 + 2 e), kinks where it is s, and where max(d - s, 0) is s / 2.
        let part = dag.mul(two, e);
        let power = dag.add(half, part);
        let d = dag.unary(Unary::Exp, power);
        let over = dag.sub(d, s);
        let loss = dag.binary(Binary::Max, over, zero);
        let own = dag.mul(half, s);
        let step = dag.sub(own, loss);
        // Twice the draw less a part of it.
        let part = dag.mul(s, e);
        let line = dag.sub(part, e);
        for (f, target, right) in [
            (over, zero, (3.0f64.ln() - 0.5) / 2.0),
            (step, zero, (4.5f64.ln() - 0.5) / 2.0),
            (line, two, 1.0),
        ] {
            let found = solve_for(&mut dag, f, e, target);
            let at: Vec<f64> = dag.evaluate(&found, &[f64::NAN, 3.0]);
            assert!(at.iter().any(|x| (x - right).abs() < 1e-12), "{at:?} {right}");
        }
        let sine = dag.unary(Unary::Sin, e);
        assert!(solve_for(&mut dag, sine, e, half).is_empty());
        assert!(solve_for(&mut dag, own, e, half).is_empty());
    }
}
