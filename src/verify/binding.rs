//! Which constraints bind at a state, and how they move the actions with the states.

use crate::kernel::math;
use crate::solve::bellman::{At, Bellman, Scratch};

/// How close to a bound or to zero slack counts as binding, relative to the width of the action's range.
pub const BINDING: f64 = 1e-7;

/// What binds at a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Nothing.
    Free,
    /// A lower bound (number of the continuous action).
    Lower(usize),
    /// An upper bound.
    Upper(usize),
    /// A hard constraint (`require`).
    Slack,
}

/// The first constraint that binds at the states `states[s][i]` and actions `actions[a][i]`, one entry per lane.
pub fn bindings(bellman: &Bellman, at: At, states: &[&[f64]], actions: &[Vec<f64>]) -> Vec<Binding> {
    let n = actions.first().map_or(0, Vec::len);
    let held = held(bellman, at, states, actions);
    let refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
    let slack = slacks(bellman, at, states, &refs);
    let least = least(actions);
    (0..n)
        .map(|i| {
            let first = held.iter().enumerate().find(|(_, h)| h[i] != Held::Free);
            match first.map(|(c, h)| (c, h[i])) {
                Some((c, Held::Lower)) => Binding::Lower(c),
                Some((c, Held::Upper)) => Binding::Upper(c),
                _ if tight(slack[i], actions, least, i) => Binding::Slack,
                _ => Binding::Free,
            }
        })
        .collect()
}

/// Whether one action stands at a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Free,
    Lower,
    Upper,
}

/// Where each continuous action stands, `[action][lane]`.
fn held(bellman: &Bellman, at: At, states: &[&[f64]], actions: &[Vec<f64>]) -> Vec<Vec<Held>> {
    let n = actions.first().map_or(0, Vec::len);
    let (lo, hi) = bounds(bellman, at, states, n);
    let one = |c: usize, a: usize, i: usize| {
        let width = hi[c][i] - lo[c][i];
        let size = if width.is_finite() {
            width
        } else {
            1.0 + actions[a][i].abs()
        };
        if actions[a][i] - lo[c][i] <= BINDING * size {
            Held::Lower
        } else if hi[c][i] - actions[a][i] <= BINDING * size {
            Held::Upper
        } else {
            Held::Free
        }
    };
    let each = bellman.continuous.iter().enumerate();
    each.map(|(c, &a)| (0..n).map(|i| one(c, a, i)).collect()).collect()
}

/// Least size of actions that slacks count against: a thousandth of the largest at any lane.
fn least(actions: &[Vec<f64>]) -> f64 {
    1e-3 * actions.iter().flatten().fold(0.0, |m: f64, x| m.max(x.abs()))
}

/// Whether a hard constraint binds at a lane, against the size of the actions there.
fn tight(slack: f64, actions: &[Vec<f64>], least: f64, i: usize) -> bool {
    slack <= BINDING * actions.iter().map(|a| a[i].abs()).fold(least, f64::max)
}

/// The smallest slack of the hard constraints over all that may happen.
fn slacks(bellman: &Bellman, at: At, states: &[&[f64]], actions: &[&[f64]]) -> Vec<f64> {
    let n = actions.first().map_or(0, |a| a.len());
    let mut scratch = Scratch::default();
    let mut slack = vec![f64::INFINITY; n];
    for &(noise, _) in bellman.read_by_rewards() {
        for (next, _, _) in bellman.branches(at.shock) {
            bellman.evaluate(at, noise, next, states, actions, n, &mut scratch);
            for i in (0..n).filter(|&i| scratch.chance[i] != 0.0) {
                slack[i] = math::min(slack[i], scratch.slack[i]);
            }
        }
    }
    slack
}

/// How binding constraints move the actions with the states, `[action][state][lane]`; zero where nothing binds. Times what a little more of
/// each action is worth, summed over actions, this is what the multipliers of all constraints add to the marginal value of the state.
///
/// An action at a bound moves with the bound. The multiplier of a hard constraint `g(x, a) >= 0` is, by the first-order conditions of the actions
/// that are free, `mu = - sum_k L_k g_k / sum_k g_k^2` (least squares where there are several), with `L_k` what action `k` gains; it
/// adds `mu (g_x + sum_b g_b db/dx)`, with `b` the actions at bounds.
pub fn slopes(
    bellman: &Bellman,
    at: At,
    states: &[Vec<f64>],
    actions: &[Vec<f64>],
    binding: &[Binding],
) -> Vec<Vec<Vec<f64>>> {
    let (n, ns, nc) = (binding.len(), states.len(), bellman.continuous.len());
    let mut result = vec![vec![vec![0.0; n]; ns]; nc];
    if binding.iter().all(|b| *b == Binding::Free) {
        return result;
    }
    let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
    let held = held(bellman, at, &refs, actions);
    for s in 0..ns {
        let (moved, h) = sides(states, s);
        let ends = moved.each_ref().map(|m| {
            let refs: Vec<&[f64]> = m.iter().map(Vec::as_slice).collect();
            bounds(bellman, at, &refs, n)
        });
        for k in 0..nc {
            for i in 0..n {
                let of = |side: usize| match held[k][i] {
                    Held::Lower => ends[side].0[k][i],
                    Held::Upper => ends[side].1[k][i],
                    Held::Free => 0.0,
                };
                result[k][s][i] = (of(0) - of(1)) / (2.0 * h[i]);
            }
        }
    }
    let slack = |states: &[Vec<f64>], actions: &[Vec<f64>]| -> Vec<f64> {
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let action_refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        slacks(bellman, at, &refs, &action_refs)
    };
    // Hard constraints, on the lanes where one binds.
    let here = slack(states, actions);
    let least = least(actions);
    let tight: Vec<usize> = (0..n).filter(|&i| tight(here[i], actions, least, i)).collect();
    if tight.is_empty() {
        return result;
    }
    let part = |v: &[Vec<f64>]| -> Vec<Vec<f64>> { v.iter().map(|v| tight.iter().map(|&i| v[i]).collect()).collect() };
    let (states, actions) = (part(states), part(actions));
    let difference = |[up, down]: [Vec<f64>; 2], h: &[f64]| -> Vec<f64> {
        let both = up.iter().zip(&down).zip(h);
        both.map(|((u, d), h)| (u - d) / (2.0 * h)).collect()
    };
    let by_action: Vec<Vec<f64>> = bellman
        .continuous
        .iter()
        .map(|&a| {
            let (moved, h) = sides(&actions, a);
            difference(moved.map(|m| slack(&states, &m)), &h)
        })
        .collect();
    for s in 0..ns {
        let (moved, h) = sides(&states, s);
        let by_state = difference(moved.map(|m| slack(&m, &actions)), &h);
        for (p, &i) in tight.iter().enumerate() {
            let (free, bound): (Vec<usize>, Vec<usize>) = (0..nc).partition(|&k| held[k][i] == Held::Free);
            let size: f64 = free.iter().map(|&k| by_action[k][p] * by_action[k][p]).sum();
            let by_bounds: f64 = bound.iter().map(|&k| by_action[k][p] * result[k][s][i]).sum();
            for k in free {
                let slope = -(by_state[p] + by_bounds) * by_action[k][p] / size;
                result[k][s][i] = if slope.is_finite() { slope } else { 0.0 };
            }
        }
    }
    result
}

/// `from` with one variable a little higher and a little lower, and by how much at each lane.
fn sides(from: &[Vec<f64>], variable: usize) -> ([Vec<Vec<f64>>; 2], Vec<f64>) {
    let h: Vec<f64> = from[variable].iter().map(|x| 1e-5 * (x.abs() + 1e-3)).collect();
    let moved = |sign: f64| {
        let mut moved = from.to_vec();
        moved[variable].iter_mut().zip(&h).for_each(|(x, h)| *x += sign * h);
        moved
    };
    ([moved(1.0), moved(-1.0)], h)
}

/// Lower and upper bounds of the continuous actions at `n` states (`states[s][i]`), `[continuous action][lane]` each.
pub fn bounds(bellman: &Bellman, at: At, states: &[&[f64]], n: usize) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let nc = bellman.continuous.len();
    let (mut lo, mut hi) = (vec![vec![f64::NEG_INFINITY; n]; nc], vec![vec![f64::INFINITY; n]; nc]);
    if nc > 0 {
        let lanes = crate::solve::problem::Lanes::before_draws(states, &[], at.shock, at.time);
        let mut low: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
        let mut high: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
        bellman.problem.bounds(&lanes, &mut low, &mut high);
    }
    (lo, hi)
}
