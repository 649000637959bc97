//! What a member may spend: next state and action as affine functions of the state and of consumption, where the model is of that form, and
//! utility as a power of consumption.
//!
//! With such a budget and such a utility the first-order condition gives consumption in closed form (the endogenous grid method without a
//! search). Whether a model is of that form is found out by evaluating it at a handful of points, three of which determine a function and the
//! others must confirm it.

use crate::solve::decision::Decision;
use crate::solve::problem::{ActionKind, DecisionProblem, Lanes, Outcome, StateKind};

/// Relative difference that counts as rounding.
const ROUNDING: f64 = 1e-9;
/// Shares of the range of states and of actions at which the model is evaluated.
const STATES: [f64; 3] = [0.02, 0.3, 0.8];
const ACTIONS: [f64; 2] = [0.3, 0.6];

/// The budget at a joint state and a value of the moment: constant, weight of the state, weight of consumption.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Budget {
    /// The next state.
    pub(super) next: [f64; 3],
    /// The action.
    pub(super) action: [f64; 3],
}

/// Where the numbers of a member stand in its problem.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// The distributed state and the moment, among the states of the problem.
    pub(super) state: usize,
    pub(super) moment: usize,
}

/// Marginal utility `scale c^-power`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Utility {
    pub(super) scale: f64,
    pub(super) power: f64,
}

/// What the model says at some points.
struct Seen {
    state: Vec<f64>,
    next: Vec<f64>,
    action: Vec<f64>,
    consumption: Vec<f64>,
    marginal: Vec<f64>,
    reward: Vec<f64>,
}

/// The budgets at the moments `at` in a joint state, one per moment; `None` where the model is of another form.
pub(super) fn budgets(problem: &Decision, places: Places, shock: usize, at: &[f64]) -> Option<Vec<Budget>> {
    let seen = look(problem, places, shock, at)?;
    let each = STATES.len() * ACTIONS.len();
    (0..at.len())
        .map(|i| {
            let own = i * each..(i + 1) * each;
            let of = |values: &[f64]| {
                affine(
                    &seen.state[own.clone()],
                    &seen.consumption[own.clone()],
                    &values[own.clone()],
                )
            };
            Some(Budget {
                next: of(&seen.next)?,
                action: of(&seen.action)?,
            })
        })
        .collect()
}

/// The utility of all joint states, if it is the same power of consumption in all of them; `at` has one value per moment, in its own unit.
pub(super) fn utility(problem: &Decision, places: Places, at: &[f64]) -> Option<Utility> {
    let mut all: Vec<(f64, f64)> = Vec::new();
    let mut rewards: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for shock in 0..problem.spec().chain.transition.len() {
        let seen = look(problem, places, shock, at)?;
        let each = STATES.len() * ACTIONS.len();
        for k in 0..at.len() {
            let own = k * each..(k + 1) * each;
            rewards.push((seen.consumption[own.clone()].to_vec(), seen.reward[own].to_vec()));
        }
        all.extend(seen.consumption.iter().copied().zip(seen.marginal.iter().copied()));
    }
    if all.iter().any(|(c, m)| !(*c > 0.0 && *m > 0.0 && m.is_finite())) {
        return None;
    }
    let by = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0);
    let (lo, hi) = (
        *all.iter().min_by(|a, b| by(a, b))?,
        *all.iter().max_by(|a, b| by(a, b))?,
    );
    let power = -(hi.1 / lo.1).ln() / (hi.0 / lo.0).ln();
    // Whole powers are meant to be whole.
    let power = if (power - power.round()).abs() < 1e-9 {
        power.round()
    } else {
        power
    };
    let scale = lo.1 * lo.0.powf(power);
    let out = Utility { scale, power };
    let fits = all.iter().all(|(c, m)| (m / out.marginal(*c) - 1.0).abs() < 1e-8);
    // The reward may differ by a constant between joint states, and by nothing else.
    let same = rewards.iter().all(|(c, r)| {
        let gap: Vec<f64> = c.iter().zip(r).map(|(c, r)| r - out.of(*c)).collect();
        let size = 1.0 + r.iter().fold(0.0, |m: f64, r| m.max(r.abs()));
        gap.iter().all(|g| (g - gap[0]).abs() < 1e-7 * size)
    });
    (fits && same && power > 0.0 && power.is_finite()).then_some(out)
}

/// Whether the lowest state that a member may choose to go to is the lowest of its grid, at each of the moments `at`.
pub(super) fn bounded(problem: &Decision, places: Places, at: &[f64]) -> bool {
    let spec = problem.spec();
    let StateKind::Continuous { grid, .. } = &spec.states[places.state].kind else {
        return false;
    };
    let (low, width) = (grid[0], grid[grid.len() - 1] - grid[0]);
    for shock in 0..spec.chain.transition.len() {
        for m in at {
            let x: Vec<f64> = STATES.iter().map(|s| low + s * width).collect();
            let mut states = vec![vec![*m; x.len()]; 2];
            states[places.state] = x;
            let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
            let (mut lo, mut hi) = (vec![0.0; STATES.len()], vec![0.0; STATES.len()]);
            let lanes = Lanes::before_draws(&refs, &[], shock, 0);
            problem.bounds(&lanes, &mut [&mut lo], &mut [&mut hi]);
            let ends = [lo, hi].map(|a| evaluated(problem, &refs, &a, shock).1.swap_remove(places.state));
            for i in 0..STATES.len() {
                let least = ends[0][i].min(ends[1][i]);
                if !((least - low).abs() <= 1e-9 * (1.0 + width.abs())) {
                    return false;
                }
            }
        }
    }
    true
}

/// Reward, one per lane, and next states, `[state][lane]`, at lanes of `states[state][lane]` and `action[lane]`.
pub(super) fn evaluated(
    problem: &Decision,
    states: &[&[f64]],
    action: &[f64],
    shock: usize,
) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = action.len();
    let (mut reward, mut slack, mut end, mut paying, mut discount) =
        (vec![0.0; n], vec![0.0; n], vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let mut next = vec![vec![0.0; n]; states.len()];
    let mut slices: Vec<&mut [f64]> = next.iter_mut().map(Vec::as_mut_slice).collect();
    let lanes = Lanes {
        states,
        actions: &[action],
        shock,
        noise: 0,
        shock_next: shock,
        time: 0,
    };
    problem.evaluate(
        &lanes,
        &mut Outcome {
            reward: &mut reward,
            next: &mut slices,
            slack: &mut slack,
            end: &mut end,
            paying: &mut paying,
            discount: &mut discount,
        },
    );
    (reward, next)
}

/// Evaluates the model at its points for each of the moments `at`, moments slowest.
fn look(problem: &Decision, places: Places, shock: usize, at: &[f64]) -> Option<Seen> {
    let spec = problem.spec();
    let StateKind::Continuous { grid, .. } = &spec.states[places.state].kind else {
        return None;
    };
    if spec.states.len() != 2 || spec.actions.len() != 1 || spec.actions[0].kind != ActionKind::Continuous {
        return None;
    }
    let (low, width) = (grid[0], grid[grid.len() - 1] - grid[0]);
    let (mut x, mut m) = (Vec::new(), Vec::new());
    for moment in at {
        for s in STATES {
            x.extend([low + s * width; ACTIONS.len()]);
            m.extend([*moment; ACTIONS.len()]);
        }
    }
    let n = x.len();
    let mut states: Vec<&[f64]> = vec![&m; 2];
    states[places.state] = &x;
    let (mut lo, mut hi) = (vec![0.0; n], vec![0.0; n]);
    problem.bounds(
        &Lanes::before_draws(&states, &[], shock, 0),
        &mut [&mut lo],
        &mut [&mut hi],
    );
    let action: Vec<f64> = (0..n)
        .map(|i| {
            let share = ACTIONS[i % ACTIONS.len()];
            match (lo[i].is_finite(), hi[i].is_finite()) {
                (true, true) => lo[i] + share * (hi[i] - lo[i]),
                (true, false) => lo[i] + share * (1.0 + x[i].abs()),
                _ => f64::NAN,
            }
        })
        .collect();
    let (reward, next) = evaluated(problem, &states, &action, shock);
    let lanes = Lanes {
        states: &states,
        actions: &[&action],
        shock,
        noise: 0,
        shock_next: shock,
        time: 0,
    };
    let (mut consumption, mut slope) = (vec![0.0; n], vec![0.0; n]);
    if !problem.consumption(&lanes, &mut consumption, &mut [&mut slope]) {
        return None;
    }
    let mut d_reward = vec![0.0; n];
    let mut d_next = vec![vec![0.0; n]; 2];
    let mut slices: Vec<&mut [f64]> = d_next.iter_mut().map(Vec::as_mut_slice).collect();
    problem.derivative(&lanes, 2, &mut d_reward, &mut slices).ok()?;
    let marginal = d_reward.iter().zip(&slope).map(|(r, c)| r / c).collect();
    let next = next.into_iter().nth(places.state)?;
    let seen = Seen {
        state: x,
        next,
        action,
        consumption,
        marginal,
        reward,
    };
    let whole = [
        &seen.next,
        &seen.action,
        &seen.consumption,
        &seen.marginal,
        &seen.reward,
    ];
    whole.iter().all(|v| v.iter().all(|x| x.is_finite())).then_some(seen)
}

/// The affine function of two variables through points `(x, c)`, two of each `x` one after the other.
fn affine(x: &[f64], c: &[f64], y: &[f64]) -> Option<[f64; 3]> {
    let last = x.len() - 2;
    let by_c = (y[1] - y[0]) / (c[1] - c[0]);
    let by_x = ((y[last] - by_c * c[last]) - (y[0] - by_c * c[0])) / (x[last] - x[0]);
    let constant = y[0] - by_c * c[0] - by_x * x[0];
    let fits = (0..x.len()).all(|i| {
        let size = 1.0 + y[i].abs() + (by_x * x[i]).abs() + (by_c * c[i]).abs();
        (constant + by_x * x[i] + by_c * c[i] - y[i]).abs() <= ROUNDING * size
    });
    (fits && constant.is_finite()).then_some([constant, by_x, by_c])
}

impl Utility {
    /// Marginal utility.
    pub(super) fn marginal(self, c: f64) -> f64 {
        self.scale * c.powf(-self.power)
    }

    /// Utility up to a constant.
    fn of(self, c: f64) -> f64 {
        if self.power == 1.0 {
            self.scale * c.ln()
        } else {
            self.scale * c.powf(1.0 - self.power) / (1.0 - self.power)
        }
    }

    /// Replaces each `c` by `c^-power`.
    pub(super) fn fall(self, c: &mut [f64]) {
        match self.power {
            1.0 => c.iter_mut().for_each(|c| *c = 1.0 / *c),
            2.0 => c.iter_mut().for_each(|c| *c = 1.0 / (*c * *c)),
            power => c.iter_mut().for_each(|c| *c = c.powf(-power)),
        }
    }

    /// Replaces each `c^-power` by `c`.
    pub(super) fn rise(self, m: &mut [f64]) {
        match self.power {
            1.0 => m.iter_mut().for_each(|m| *m = 1.0 / *m),
            2.0 => m.iter_mut().for_each(|m| *m = 1.0 / m.sqrt()),
            power => m.iter_mut().for_each(|m| *m = m.powf(-1.0 / power)),
        }
    }
}
