//! The steady state of a deterministic problem from its first-order conditions.
//!
//! Unknowns are the states `x`, the continuous actions `a` and the shadow prices `m` of the states, with `x = g(x, a)`,
//! `r_a + d g_a' m = 0` for each action and the envelope conditions `m = r_x + d g_x' m`. (Solving the latter for `m`
//! first would fail where rewards depend on actions alone: `I - d g_x'` is then singular at the steady state.) Damped Newton runs from points spread over the states' grid and the actions' bounds; a root
//! counts only if the actions lie strictly inside their bounds and no hard constraint is violated. Where there is no
//! such root (a constraint binds, no derivatives, finite actions) the solved policy is iterated from the middle of the grid
//! until the state no longer moves.
//!
//! The problem must be deterministic: one joint shock state and one noise node. The caller puts shocks and noises
//! at their means; a chain's index alone could not say "mean". Needed of the problem: `evaluate`, `bounds`, `derivative`
//! (Newton), and all that value iteration needs (fallback).

use super::bellman::{At, Bellman, Interpolation, Scratch};
use super::problem::{ActionKind, DecisionProblem, Lanes, StateKind};
use super::progress::silent;
use super::solution::Reader;
use super::value_iteration::{ValueIterationOptions, solve};
use crate::diag::Diagnostic;
use crate::num::fixed_point::{NewtonOptions, left_open, newton};
use crate::num::linear::closest;
use crate::num::optimise::spread;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

/// What roots of conditions are found by, as [`SteadyState::method`] says it.
pub const NEWTON: &str = "newton";

/// A steady state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteadyState {
    /// States, one value per state.
    pub states: Vec<f64>,
    /// Actions, one value per action.
    pub actions: Vec<f64>,
    /// Reward per period.
    pub reward: f64,
    /// Largest residual of stationarity and first-order conditions (stationarity alone for the fallback).
    pub residual: f64,
    /// `newton` or `iteration`.
    pub method: String,
    /// Numbers of states, then of actions, that the conditions leave open: this rest is one of a continuum.
    #[serde(default)]
    pub open: Vec<usize>,
}

/// Settings.
#[derive(Clone, Debug, PartialEq)]
pub struct SteadyStateOptions {
    /// Largest residual.
    pub tolerance: f64,
    /// Starting points of Newton's method.
    pub starts: usize,
    /// Value iteration of the fallback.
    pub fallback: ValueIterationOptions,
    /// Where the policy of the fallback is followed from, one number per state; empty is the middle of the grid.
    pub from: Vec<f64>,
    /// Whether the policy is followed at once: where several places are a rest it leads to one of them.
    pub follow: bool,
}

impl Default for SteadyStateOptions {
    fn default() -> Self {
        SteadyStateOptions {
            tolerance: 1e-11,
            starts: 60,
            fallback: ValueIterationOptions::default(),
            from: Vec::new(),
            follow: false,
        }
    }
}

/// Everything at one point: value, derivatives.
struct Local {
    reward: f64,
    next: Vec<f64>,
    slack: f64,
    discount: f64,
    /// Derivatives of reward and next states, by variable (states, then actions).
    d_reward: Vec<f64>,
    d_next: Vec<Vec<f64>>,
}

fn local(bellman: &Bellman, x: &[f64], a: &[f64]) -> Option<Local> {
    let columns = |v: &[f64]| -> Vec<[f64; 1]> { v.iter().map(|&v| [v]).collect() };
    let (xs, actions) = (columns(x), columns(a));
    let xs: Vec<&[f64]> = xs.iter().map(|c| c.as_slice()).collect();
    let actions: Vec<&[f64]> = actions.iter().map(|c| c.as_slice()).collect();
    let mut scratch = Scratch::default();
    bellman.evaluate(At { shock: 0, time: 0 }, 0, 0, &xs, &actions, 1, &mut scratch);
    let lanes = Lanes::before_draws(&xs, &actions, 0, 0);
    let (mut d_reward, mut d_next) = (Vec::new(), Vec::new());
    for wrt in 0..x.len() + a.len() {
        let mut reward = [0.0];
        let mut next = vec![[0.0]; x.len()];
        let mut refs: Vec<&mut [f64]> = next.iter_mut().map(|c| c.as_mut_slice()).collect();
        bellman.problem.derivative(&lanes, wrt, &mut reward, &mut refs).ok()?;
        d_reward.push(reward[0]);
        d_next.push(next.iter().map(|c| c[0]).collect());
    }
    Some(Local {
        reward: scratch.reward[0],
        next: scratch.next.iter().map(|v| v[0]).collect(),
        slack: scratch.slack[0],
        discount: scratch.discount[0],
        d_reward,
        d_next,
    })
}

/// Stationarity, first-order and envelope conditions at `(x, a, m)`; `None` where they cannot be evaluated.
fn conditions(bellman: &Bellman, point: &[f64]) -> Option<Vec<f64>> {
    let n = bellman.tensor.axes().len();
    let k = point.len() - 2 * n;
    let (x, rest) = point.split_at(n);
    let (a, price) = rest.split_at(k);
    let p = local(bellman, x, a)?;
    let marginal = |wrt: usize| p.d_reward[wrt] + p.discount * (0..n).map(|s| price[s] * p.d_next[wrt][s]).sum::<f64>();
    let mut residual: Vec<f64> = (0..n).map(|s| p.next[s] - x[s]).collect();
    residual.extend((0..k).map(|a| marginal(n + a)));
    residual.extend((0..n).map(|s| price[s] - marginal(s)));
    (p.slack >= super::bellman::FEASIBLE && p.reward.is_finite() && residual.iter().all(|r| r.is_finite()))
        .then_some(residual)
}

/// Shadow prices that come closest to the first-order conditions at a point: where Newton starts.
fn first_prices(bellman: &Bellman, x: &[f64], a: &[f64]) -> Vec<f64> {
    let n = x.len();
    let Some(p) = local(bellman, x, a) else {
        return vec![0.0; n];
    };
    let matrix = DMatrix::from_fn(a.len(), n, |k, s| p.discount * p.d_next[n + k][s]);
    let rhs = DVector::from_iterator(a.len(), (0..a.len()).map(|k| -p.d_reward[n + k]));
    let solved = closest(matrix, &rhs, 1e-10);
    solved.map_or_else(|| vec![0.0; n], |m| m.iter().copied().collect())
}

fn action_bounds(problem: &dyn DecisionProblem, x: &[f64], m: usize) -> (Vec<f64>, Vec<f64>) {
    let columns: Vec<[f64; 1]> = x.iter().map(|&v| [v]).collect();
    let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let lanes = Lanes::before_draws(&refs, &[], 0, 0);
    let (mut lo, mut hi) = (vec![[f64::NEG_INFINITY]; m], vec![[f64::INFINITY]; m]);
    let mut low: Vec<&mut [f64]> = lo.iter_mut().map(|c| c.as_mut_slice()).collect();
    let mut high: Vec<&mut [f64]> = hi.iter_mut().map(|c| c.as_mut_slice()).collect();
    problem.bounds(&lanes, &mut low, &mut high);
    (lo.iter().map(|c| c[0]).collect(), hi.iter().map(|c| c[0]).collect())
}

/// The steady state of a deterministic problem.
///
/// # Errors
/// E0910 for shocks, noise or a finite horizon, and where there is no steady state inside the grid; those of [`Bellman::new`],
/// and of value iteration where Newton's method finds nothing.
pub fn steady_state(problem: &dyn DecisionProblem, options: &SteadyStateOptions) -> Result<SteadyState, Diagnostic> {
    let spec = problem.spec();
    let bellman = Bellman::new(problem, Interpolation::Cubic)?;
    if bellman.shocks() != 1 || bellman.noises.len() != 1 {
        return Err(
            Diagnostic::error("E0910", "a steady state needs a problem without shocks and noise")
                .hint("put every shock and noise at its mean first"),
        );
    }
    if spec.horizon.is_some() {
        return Err(Diagnostic::error(
            "E0910",
            "a problem with a finite horizon has no steady state",
        ));
    }
    let continuous = spec
        .states
        .iter()
        .all(|s| matches!(s.kind, StateKind::Continuous { .. }))
        && spec.actions.iter().all(|a| matches!(a.kind, ActionKind::Continuous));
    if continuous
        && !spec.actions.is_empty()
        && !options.follow
        && let Some(found) = by_newton(&bellman, options)
    {
        return Ok(found);
    }
    let found = by_iteration(&bellman, options)?;
    if !(continuous && !spec.actions.is_empty()) {
        return Ok(found);
    }
    // The last digits by Newton's steps from there, where they do not lead elsewhere.
    let mut point = found.states.clone();
    point.extend(&found.actions);
    let near = |fine: &SteadyState| {
        let pairs = fine.states.iter().zip(&found.states);
        pairs
            .chain(fine.actions.iter().zip(&found.actions))
            .all(|(a, b)| (a - b).abs() <= 0.01 * (1.0 + b.abs()))
    };
    let fine = from_point(&bellman, options, point).filter(|(fine, _)| near(fine));
    Ok(fine.map_or(found, |(fine, _)| fine))
}

fn by_newton(bellman: &Bellman, options: &SteadyStateOptions) -> Option<SteadyState> {
    let axes = bellman.tensor.axes();
    let (n, m) = (axes.len(), bellman.continuous.len());
    let ends: Vec<(f64, f64)> = axes
        .iter()
        .map(|a| (a.nodes()[0], a.nodes()[a.nodes().len() - 1]))
        .collect();
    let mut unit = vec![0.0; n + m];
    for start in 0..options.starts.max(1) {
        if start == 0 {
            unit.fill(0.5);
        } else {
            spread(start, n + m, &mut unit);
        }
        let mut point: Vec<f64> = (0..n)
            .map(|s| {
                let (lo, hi) = ends[s];
                if axes[s].log() {
                    lo * (hi / lo).powf(unit[s])
                } else {
                    lo + unit[s] * (hi - lo)
                }
            })
            .collect();
        let (a_lo, a_hi) = action_bounds(bellman.problem, &point, m);
        for k in 0..m {
            let lo = if a_lo[k].is_finite() {
                a_lo[k]
            } else {
                a_hi[k].min(0.0) - 1.0
            };
            let hi = if a_hi[k].is_finite() {
                a_hi[k]
            } else {
                lo.max(0.0) + 1.0
            };
            point.push(lo + unit[n + k] * (hi - lo));
        }
        if let Some((found, price)) = from_point(bellman, options, point)
            && best_at(bellman, &found, &price)
        {
            return Some(found);
        }
    }
    None
}

/// Newton's steps from states and actions on stationarity, first-order and envelope conditions; with the shadow prices. `None` where
/// they end at no interior maximum along each action.
fn from_point(bellman: &Bellman, options: &SteadyStateOptions, mut point: Vec<f64>) -> Option<(SteadyState, Vec<f64>)> {
    let axes = bellman.tensor.axes();
    let (n, m) = (axes.len(), bellman.continuous.len());
    let ends = axes.iter().map(|a| (a.nodes()[0], a.nodes()[a.nodes().len() - 1]));
    let (mut lo, mut hi): (Vec<f64>, Vec<f64>) = ends.unzip();
    if n > 0 {
        let prices = first_prices(bellman, &point[..n], &point[n..]);
        point.extend(prices);
    }
    // Bounds of actions may move with the state: they are checked at the root, not imposed on the way.
    lo.extend(std::iter::repeat_n(f64::NEG_INFINITY, m + n));
    hi.extend(std::iter::repeat_n(f64::INFINITY, m + n));
    let mut equations = |p: &[f64]| conditions(bellman, p);
    let newton_options = NewtonOptions {
        tolerance: options.tolerance,
        ..NewtonOptions::default()
    };
    let report = newton(&mut equations, &point, &lo, &hi, &newton_options);
    if !(report.converged || report.residual <= 1e3 * options.tolerance) {
        return None;
    }
    let (x, rest) = report.x.split_at(n);
    let (a, price) = rest.split_at(m);
    let (a_lo, a_hi) = action_bounds(bellman.problem, x, m);
    let inside = fault!(
        "search.rest_outside",
        true,
        (0..m).all(|k| a[k] > a_lo[k] && a[k] < a_hi[k])
    );
    let p = local(bellman, x, a)?;
    (inside && in_proportion(&p, n, m, price) && second_order(bellman, x, a, price)).then(|| {
        let open = left_open(&mut |p: &[f64]| conditions(bellman, p), &report.x, n + m);
        let found = SteadyState {
            open,
            states: x.to_vec(),
            actions: a.to_vec(),
            reward: p.reward,
            residual: report.residual,
            method: NEWTON.into(),
        };
        (found, price.to_vec())
    })
}

/// Points along each action, and spread over all states and actions together, that a rest is held against.
const HELD_AGAINST: usize = 400;

/// Whether staying at a rest is best, by the support prices `m`: no state and action of the whole grid has more of
/// `r(x, a) + d m x' - m x` than the rest has. Then no path from there is worth more (the sum telescopes; McKenzie 1986, "Optimal economic
/// growth, turnpike theorems and comparative dynamics"). Where the problem is concave this always holds; where it does not, first-order
/// conditions may have several roots, and the policy itself has to say where it rests.
fn best_at(bellman: &Bellman, rest: &SteadyState, price: &[f64]) -> bool {
    let (n, m) = (rest.states.len(), rest.actions.len());
    let axes = bellman.tensor.axes();
    let worth = |x: &[f64], a: &[f64]| -> Option<f64> {
        let p = local(bellman, x, a)?;
        let moved: f64 = (0..n).map(|s| price[s] * (p.discount * p.next[s] - x[s])).sum();
        let value = p.reward + moved;
        (p.slack >= super::bellman::FEASIBLE && value.is_finite()).then_some(value)
    };
    let Some(here) = worth(&rest.states, &rest.actions) else {
        return true;
    };
    let better = |x: &[f64], unit: &dyn Fn(usize) -> Option<f64>| {
        let (lo, hi) = action_bounds(bellman.problem, x, m);
        let a: Vec<f64> = (0..m)
            .map(|k| match (unit(k), lo[k].is_finite(), hi[k].is_finite()) {
                (None, _, _) => rest.actions[k],
                (Some(u), true, true) => lo[k] + u * (hi[k] - lo[k]),
                (Some(u), true, false) => lo[k] + 4.0 * u * (rest.actions[k] - lo[k]),
                (Some(u), false, true) => hi[k] - 4.0 * u * (hi[k] - rest.actions[k]),
                (Some(u), false, false) => rest.actions[k] + 4.0 * (u - 0.5) * (1.0 + rest.actions[k].abs()),
            })
            .collect();
        worth(x, &a).is_some_and(|v| v > here + 1e-7 * (1.0 + here.abs()))
    };
    let alone = (0..m).any(|k| {
        (1..HELD_AGAINST).any(|i| {
            let u = i as f64 / HELD_AGAINST as f64;
            better(&rest.states, &|j| (j == k).then_some(u))
        })
    });
    let mut unit = vec![0.0; n + m];
    let together = (0..2 * HELD_AGAINST).any(|i| {
        spread(i / 2, n + m, &mut unit);
        // Half of the points with actions alone, at the rest's own states.
        let x: Vec<f64> = (0..n)
            .map(|s| match (i % 2, axes[s].nodes()) {
                (0, _) | (_, []) => rest.states[s],
                (_, nodes) => nodes[0] + unit[s] * (nodes[nodes.len() - 1] - nodes[0]),
            })
            .collect();
        better(&x, &|k| Some(unit[n + k]))
    });
    fault!("search.rest_anywhere", true, !alone && !together)
}

/// Whether first-order and envelope conditions hold relative to their own terms: where marginal values vanish, as for the very
/// rich, conditions that do not hold are small numbers as well.
fn in_proportion(p: &Local, n: usize, m: usize, price: &[f64]) -> bool {
    let relative = |wrt: usize, other: f64| {
        let later: Vec<f64> = (0..n).map(|s| p.discount * price[s] * p.d_next[wrt][s]).collect();
        let gap = p.d_reward[wrt] + later.iter().sum::<f64>() - other;
        let size = p.d_reward[wrt].abs() + later.iter().map(|v| v.abs()).sum::<f64>() + other.abs();
        gap.abs() <= 1e-6 * size || gap == 0.0
    };
    // A condition that is one term alone (an action of this period only) holds where that term is zero.
    let alone = |wrt: usize| (0..n).all(|s| p.d_next[wrt][s] == 0.0);
    (0..m).all(|k| alone(n + k) || relative(n + k, 0.0)) && (0..n).all(|s| relative(s, price[s]))
}

/// Whether the actions are a maximum given the shadow prices: `r + d m x'` must be locally concave along each action.
fn second_order(bellman: &Bellman, x: &[f64], a: &[f64], price: &[f64]) -> bool {
    let n = x.len();
    // Shadow prices move with the next state; holding them makes the test necessary, not sufficient.
    (0..a.len()).all(|k| {
        let slope = |at: f64| {
            let mut moved = a.to_vec();
            moved[k] = at;
            local(bellman, x, &moved)
                .map(|q| q.d_reward[n + k] + q.discount * (0..n).map(|s| price[s] * q.d_next[n + k][s]).sum::<f64>())
        };
        let h = 1e-5 * (1.0 + a[k].abs());
        match (slope(a[k] + h), slope(a[k] - h)) {
            (Some(up), Some(down)) => up - down <= 1e-7 * (1.0 + up.abs().max(down.abs())),
            _ => true,
        }
    })
}

fn by_iteration(bellman: &Bellman, options: &SteadyStateOptions) -> Result<SteadyState, Diagnostic> {
    let problem = bellman.problem;
    let solution = solve(problem, &options.fallback, &mut silent)?;
    let reader = Reader::new(&solution, problem)?;
    let at = At { shock: 0, time: 0 };
    let axes = bellman.tensor.axes();
    let mut x: Vec<f64> = match options.from.len() == axes.len() {
        true => options.from.clone(),
        false => axes.iter().map(|a| a.nodes()[a.nodes().len() / 2]).collect(),
    };
    let mut moved = f64::INFINITY;
    let mut scratch = Scratch::default();
    let mut actions = reader.action(at, &x);
    for _ in 0..200_000 {
        actions = reader.action(at, &x);
        let xs: Vec<[f64; 1]> = x.iter().map(|&v| [v]).collect();
        let a: Vec<[f64; 1]> = actions.iter().map(|&v| [v]).collect();
        let xs: Vec<&[f64]> = xs.iter().map(|c| c.as_slice()).collect();
        let a: Vec<&[f64]> = a.iter().map(|c| c.as_slice()).collect();
        bellman.evaluate(at, 0, 0, &xs, &a, 1, &mut scratch);
        moved = 0.0;
        for (x, next) in x.iter_mut().zip(&scratch.next) {
            moved = f64::max(moved, (next[0] - *x).abs() / (1.0 + x.abs()));
            *x = next[0];
        }
        if !(moved > options.tolerance) {
            break;
        }
    }
    let outside = bellman
        .tensor
        .axes()
        .iter()
        .zip(&x)
        .any(|(axis, &x)| axis.locate(x).beyond != 0.0);
    if moved.is_nan() || moved > 1e-8 || outside {
        return Err(
            Diagnostic::error("E0910", "the model has no steady state inside the grid")
                .note(format!(
                    "the solved policy, followed without chance, ends at {x:?} and still moves by {moved:.1e}"
                ))
                .hint("widen the states' grids; a growing or cycling economy has no steady state"),
        );
    }
    Ok(SteadyState {
        open: Vec::new(),
        states: x,
        actions,
        reward: scratch.reward[0],
        residual: moved,
        method: "iteration".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::*;
    use crate::num::grid;

    #[test]
    fn growth_models_rest_where_theory_says() {
        let found = steady_state(&gm_deterministic(100), &SteadyStateOptions::default()).unwrap();
        assert_eq!(found.method, NEWTON);
        assert!(
            (found.states[0] - 12.607365).abs() < 1e-6 && (found.actions[0] - 0.218514).abs() < 1e-6,
            "{found:?}"
        );
        let found = steady_state(&brock_mirman(50, 1), &SteadyStateOptions::default()).unwrap();
        assert!((found.states[0] - 0.178198).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn the_rbc_model_with_fixed_labour_has_the_published_capital() {
        let s = spec(
            vec![continuous_state("k", grid::log(5.0, 120.0, 60).unwrap(), true)],
            no_shocks(),
            vec![continuous_action("c")],
            0.99,
        );
        let problem = hand(s, Box::new(|x, _| vec![(0.0, x[0].powf(0.36) + 0.975 * x[0])]), |i| {
            let k = i.x[0].powf(0.36) + 0.975 * i.x[0] - i.a[0];
            point(1.0 - 1.0 / i.a[0], &[k])
        });
        let found = steady_state(&problem, &SteadyStateOptions::default()).unwrap();
        assert!((found.states[0] - 37.98925353815225).abs() < 1e-8, "{found:?}");
        assert!((found.actions[0] - 2.754327473136523).abs() < 1e-9);
    }

    #[test]
    fn without_derivatives_the_policy_is_iterated() {
        let mut problem = gm_deterministic(150);
        problem.differentiable = false;
        let found = steady_state(&problem, &SteadyStateOptions::default()).unwrap();
        assert_eq!(found.method, "iteration");
        assert!((found.states[0] - 12.607365).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn two_stocks_rest_together_and_shocks_are_refused() {
        let mut problem = two_stocks(10);
        assert_eq!(
            steady_state(&problem, &SteadyStateOptions::default()).unwrap_err().code,
            "E0910"
        );
        problem.spec.chain = no_shocks();
        let found = steady_state(&problem, &SteadyStateOptions::default()).unwrap();
        // z is .95 in the first state: y = .95 k1^.25 k2^.2 with k_i = share_i .9 y.
        let y = 0.95 * found.states[0].powf(0.25) * found.states[1].powf(0.2);
        assert!((found.states[0] - 0.225 * y).abs() < 1e-10 && (found.states[1] - 0.18 * y).abs() < 1e-10);
    }

    /// Where the reward is least the first-order condition holds as well: a rest is looked for elsewhere.
    #[test]
    fn a_point_where_the_reward_is_least_is_no_rest() {
        let s = spec(
            vec![continuous_state(
                "x",
                grid::uniform(-1.0, 2.0, 60).unwrap_or_default(),
                false,
            )],
            no_shocks(),
            vec![continuous_action("a")],
            0.5,
        );
        let problem = hand(s, Box::new(|_, _| vec![(0.0, 3.0)]), |i| {
            let gap = i.a[0] - 1.0;
            point(gap * gap - 0.01 * i.x[0] * i.x[0], &[0.5 * i.x[0] + 0.1 * i.a[0]])
        });
        let found = steady_state(&problem, &SteadyStateOptions::default()).unwrap();
        assert!((found.actions[0] - 3.0).abs() < 1e-6, "{found:?}");
        assert!((found.states[0] - 0.6).abs() < 1e-6, "{found:?}");
    }

    /// A second peak of the reward, far from where Newton's steps begin, is where the policy rests.
    #[test]
    fn of_several_roots_of_the_conditions_the_policy_rests_at_the_best() {
        let s = spec(
            vec![continuous_state(
                "k",
                grid::uniform(-0.5, 3.0, 80).unwrap_or_default(),
                false,
            )],
            no_shocks(),
            vec![continuous_action("x")],
            0.9,
        );
        let problem = hand(s, Box::new(|_, _| vec![(0.0, 100.0)]), |i| {
            let (far, near) = (i.a[0] - 30.0, (i.a[0] - 71.3) / 5.0);
            let peak = 6.0 * (-(near * near)).exp();
            point(peak - 0.001 * far * far, &[0.5 * i.x[0] + 0.01 * i.a[0]])
        });
        let found = steady_state(&problem, &SteadyStateOptions::default()).unwrap();
        // 12 / 25 (71.3 - x) exp(-((x - 71.3) / 5)^2) = .002 (x - 30)
        let slope = |x: f64| {
            let near = (x - 71.3) / 5.0;
            -2.4 * near * (-near * near).exp() - 0.002 * (x - 30.0)
        };
        assert!(
            slope(found.actions[0]).abs() < 1e-7 && found.actions[0] > 70.0,
            "{found:?}"
        );
        assert!((found.states[0] - 0.02 * found.actions[0]).abs() < 1e-7, "{found:?}");
    }
}
