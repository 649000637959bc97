//! How much of a value rests on what nobody knows: the discounted chance that a life under the solution is carried off the grid.
//!
//! Residuals compare a solution with its own continuation, which beyond the grid is an extrapolation. Near an end that lives pass they are as small as elsewhere, and the value is
//! wrong all the same. With `T` the first period off the grid, a value is wrong by `E[d^T]` of what the extrapolation is wrong by; `h = E[d^T]` solves the linear
//! equation `h(x) = E[d h(x')]` with `h = 1` off the grid, here at the nodes, between which `h` is linear.

use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::solution::Solution;

/// Largest share of what is not known in a value that can be trusted.
pub const TRUSTED: f64 = 0.01;
/// Most transitions between nodes that are followed; beyond, only what the next period brings counts.
const MOST: usize = 1_000_000;
/// Most rounds, and the change that ends them.
const ROUNDS: usize = 500;
const SETTLED: f64 = 1e-5;

/// `h` at shock x node, one vector per period that has a policy of its own; `None` where there are too many transitions to look at.
pub fn off_the_grid(bellman: &Bellman, solution: &Solution) -> Option<Vec<Vec<f64>>> {
    let (nodes, nz) = (bellman.nodes(), bellman.shocks());
    let axes = bellman.tensor.axes();
    let each = bellman.noises.len() * bellman.branches(0).len();
    let transitions = nodes.saturating_mul(nz).saturating_mul(each);
    let horizon = bellman.problem.spec().horizon;
    let dates = horizon.unwrap_or(1);
    if solution.periods != dates || transitions.saturating_mul(dates) > 4 * MOST {
        return None;
    }
    // With a horizon each period is known from the one after it, and nothing has to be kept.
    let follow = transitions << axes.len() <= MOST;
    let mut all = Vec::with_capacity(dates);
    let mut after = vec![0.0; nodes * nz];
    for time in (0..dates).rev() {
        let last = horizon.is_some() && time + 1 == dates;
        let (mut h, rows) = a_period(bellman, solution, time, !last, follow);
        if horizon.is_none() {
            h = settled(h, &rows);
        } else {
            for (row, node, w) in &rows {
                h[*row as usize] += w * after[*node as usize];
            }
        }
        after.clone_from(&h);
        all.push(h);
    }
    all.reverse();
    Some(all)
}

/// A move from a row to a node, with its discounted chance.
type Move = (u32, u32, f64);

/// The discounted chance to be carried off at once, at shock x node, and where nodes lead if they are to be followed; neither where no period comes after.
fn a_period(bellman: &Bellman, solution: &Solution, time: usize, goes_on: bool, follow: bool) -> (Vec<f64>, Vec<Move>) {
    let (nodes, nz) = (bellman.nodes(), bellman.shocks());
    let axes = bellman.tensor.axes();
    let mut at_once = vec![0.0; nodes * nz];
    let mut rows: Vec<Move> = Vec::new();
    if !goes_on {
        return (at_once, rows);
    }
    let mut states = vec![vec![0.0; nodes]; axes.len()];
    let mut x = vec![0.0; axes.len()];
    for i in 0..nodes {
        bellman.tensor.node(i, &mut x);
        states.iter_mut().zip(&x).for_each(|(s, x)| s[i] = *x);
    }
    let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
    let mut scratch = Scratch::default();
    let (mut corners, mut spare) = (Vec::new(), Vec::new());
    for shock in 0..nz {
        crate::limits::poll();
        let at = At { shock, time };
        let actions = solution.policy.iter().map(|p| solution.column(p, time, shock));
        let actions: Vec<Vec<f64>> = actions.collect();
        let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        for &(noise, weight) in &bellman.noises {
            for (later, p, _) in bellman.branches(shock) {
                bellman.evaluate(at, noise, later, &states, &actions, nodes, &mut scratch);
                for i in 0..nodes {
                    let w = weight * p * scratch.chance[i] * scratch.discount[i];
                    if scratch.end[i] != 0.0 || !(w > 0.0) {
                        continue;
                    }
                    let row = shock * nodes + i;
                    corners.clear();
                    corners.push((0usize, w));
                    let mut off = false;
                    for (axis, next) in axes.iter().zip(&scratch.next) {
                        let place = axis.locate(next[i]);
                        off |= place.beyond != 0.0;
                        split(
                            &mut corners,
                            &mut spare,
                            place.cell as usize,
                            place.t,
                            axis.nodes().len(),
                        );
                    }
                    if off {
                        at_once[row] += w;
                    } else if follow {
                        let entry = |(node, w): &(usize, f64)| (row as u32, (later * nodes + node) as u32, *w);
                        rows.extend(corners.iter().map(entry));
                    }
                }
            }
        }
    }
    (at_once, rows)
}

/// Splits each corner `(node, weight)` between the two nodes of a cell of a further axis.
fn split(corners: &mut Vec<(usize, f64)>, spare: &mut Vec<(usize, f64)>, cell: usize, t: f64, length: usize) {
    spare.clear();
    for (node, w) in corners.iter() {
        let first = node * length + cell.min(length - 1);
        if t < 1.0 {
            spare.push((first, w * (1.0 - t)));
        }
        if t > 0.0 && cell + 1 < length {
            spare.push((first + 1, w * t));
        }
    }
    std::mem::swap(corners, spare);
}

/// The solution of `h = at_once + rows h`.
fn settled(at_once: Vec<f64>, rows: &[Move]) -> Vec<f64> {
    let mut h = at_once.clone();
    if rows.is_empty() || at_once.iter().all(|x| *x == 0.0) {
        return h;
    }
    for _ in 0..ROUNDS {
        let mut next = at_once.clone();
        for (row, node, w) in rows {
            next[*row as usize] += w * h[*node as usize];
        }
        let change = next.iter().zip(&h).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        h = next;
        if change <= SETTLED {
            break;
        }
    }
    h
}

/// `h` (one number per node: `[shock x states]`, the last state fastest) at the states `x` of a point, one number per state, by
/// the largest of the nodes around it.
pub fn around(bellman: &Bellman, h: &[f64], shock: usize, x: &[f64]) -> f64 {
    let mut nodes = vec![shock];
    for (axis, x) in bellman.tensor.axes().iter().zip(x) {
        let (place, length) = (axis.locate(*x), axis.nodes().len());
        let cell = (place.cell as usize).min(length - 1);
        let last = if place.t > 0.0 {
            (cell + 1).min(length - 1)
        } else {
            cell
        };
        nodes = nodes
            .iter()
            .flat_map(|n| (cell..=last).map(move |c| n * length + c))
            .collect();
    }
    nodes.iter().map(|n| h[*n]).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_discounted_chance_of_a_walk_to_be_carried_off() {
        // A walk on 0..n that goes up or down with equal chances, is held at 0 and off beyond n: h(i) is a solution of
        // h = d (h(i-1) + h(i+1)) / 2, so a sum of powers of the roots of r = d (1 + r^2) / 2.
        let (n, d) = (30usize, 0.9f64);
        let mut rows = Vec::new();
        let mut at_once = vec![0.0; n + 1];
        for i in 0..=n {
            rows.push((i as u32, i.saturating_sub(1) as u32, 0.5 * d));
            if i == n {
                at_once[i] = 0.5 * d;
            } else {
                rows.push((i as u32, i as u32 + 1, 0.5 * d));
            }
        }
        let h = settled(at_once, &rows);
        let r = (1.0 + (1.0 - d * d).sqrt()) / d;
        // Far from the lower end the falling root is gone.
        for back in 0..8 {
            let right = r.powi(-(back as i32) - 1);
            assert!((h[n - back] - right).abs() < 1e-3, "{back}: {} {right}", h[n - back]);
        }
    }

    #[test]
    fn cells_are_split_between_their_corners() {
        let (mut corners, mut spare) = (vec![(0, 1.0)], Vec::new());
        split(&mut corners, &mut spare, 1, 0.25, 3);
        split(&mut corners, &mut spare, 0, 0.0, 4);
        assert_eq!(corners, vec![(4, 0.75), (8, 0.25)]);
    }
}
