//! Euler residuals in units of consumption.
//!
//! At a state where no constraint binds the first-order condition of an action `a` is
//! `E r_a + E d sum_s m_s(x', j') dx'_s/da = 0`, with `m` the marginal value of next period's states *under the policy that is
//! judged*. `m` is found without the solver's value function wherever it can be: if next states do not depend on noise
//! or the next shock, next period's own first-order conditions give the discounted marginal values behind them
//! (least squares if there are more actions than states), and the envelope condition gives `m = E r_x + d g_x' m'`: for one
//! state and one action this is the textbook Euler equation. Where that fails (a constraint binds next period, fewer
//! actions than states, noise in the transition) the envelope condition is used with the value's slope one period
//! further on, and a binding bound adds its multiplier times the bound's own slope.
//!
//! Where the chance of a draw, the discount factor or what an end pays move with a variable, their slopes times what they
//! multiply belong to both conditions; there the value itself has to be lent by the solution.
//!
//! The residual is the relative change of consumption that makes the equation hold, the right side given (Judd 1992,
//! JET 58): with `u'(c) = r_a / c_a`, one Newton step in logs, `|exp(log(wanted u' / u') / (dlog u' / dlog c)) - 1|`, exact for
//! constant relative risk aversion. Without a consumption it is the gap over the whole range of the action as a share of the value or, if smaller, relative to the larger of the
//! two sides, each side counted as the sum of its terms without their signs: the condition of a portfolio share, `E[u'(c') (R - R_f)] = 0`, has
//! nothing today and terms of both signs tomorrow. Where reward or laws have kinks, the condition at a kink is that zero
//! lies between the slopes at its two sides.

use super::binding::bounds;
use super::binding::{Binding, bindings, slopes};
use super::simulate::{PathPolicy, SolvedPolicy};
use crate::num::interpolate::{AxisPoint, MAX_AXES};
use crate::solve::bellman::{At, Bellman, Scratch, factor_gain};
use crate::solve::problem::Lanes;
use nalgebra::{DMatrix, DVector};

/// Reward's and next states' derivatives on a batch, `[variable][lane]` and `[variable][state][lane]`.
struct Derivatives {
    reward: Vec<Vec<f64>>,
    next: Vec<Vec<Vec<f64>>>,
    /// Those of chance, discount factor and what an end pays, `[variable][which][lane]`; `None` where none moves.
    factors: Vec<Option<[Vec<f64>; 3]>>,
}

impl Derivatives {
    /// What a branch gains by the moves of its factors with a variable.
    fn gain(&self, variable: usize, i: usize, scratch: &Scratch, after: f64) -> f64 {
        let Some(f) = &self.factors[variable] else { return 0.0 };
        let ends = scratch.end[i] != 0.0;
        factor_gain(
            [f[0][i], f[1][i], if ends { f[2][i] } else { 0.0 }],
            scratch.chance[i],
            scratch.reward[i],
            scratch.discount[i],
            if ends { scratch.paying[i] } else { after },
        )
    }
}

struct Euler<'a> {
    bellman: &'a Bellman<'a>,
    /// The policy that is judged, as it is played next period.
    later: &'a dyn PathPolicy,
    /// Whose value stands for what comes later than next period.
    policy: &'a SolvedPolicy<'a>,
    ns: usize,
    nc: usize,
    /// Residuals beyond which it is asked whether the action sits at a kink.
    beyond: f64,
}

impl Euler<'_> {
    fn derivatives(&self, lanes: &Lanes, n: usize) -> Option<Derivatives> {
        let mut all = Derivatives {
            reward: Vec::new(),
            next: Vec::new(),
            factors: Vec::new(),
        };
        let variables = (0..self.ns).chain(self.bellman.continuous.iter().map(|a| self.ns + a));
        for wrt in variables {
            let mut reward = vec![0.0; n];
            let mut next = vec![vec![0.0; n]; self.ns];
            let mut refs: Vec<&mut [f64]> = next.iter_mut().map(Vec::as_mut_slice).collect();
            self.bellman
                .problem
                .derivative(lanes, wrt, &mut reward, &mut refs)
                .ok()?;
            all.reward.push(reward);
            all.next.push(next);
            let mut factors = [vec![0.0; n], vec![0.0; n], vec![0.0; n]];
            let [chance, discount, paying] = &mut factors;
            let moves = self
                .bellman
                .problem
                .factor_slopes(lanes, wrt, [chance, discount, paying]);
            all.factors.push(moves.then_some(factors));
        }
        Some(all)
    }

    /// Marginal values of the states at `n` points, `[s][i]`.
    fn marginal_values(&self, at: At, states: &[Vec<f64>], n: usize) -> Option<Vec<Vec<f64>>> {
        let spec = self.bellman.problem.spec();
        let (ns, nc) = (self.ns, self.nc);
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let mut actions = vec![vec![0.0; n]; spec.actions.len()];
        self.later.act(at, &refs, &vec![0.5; n], &mut actions);
        let binding = bindings(self.bellman, at, &refs, &actions);
        let action_refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        let mut scratch = Scratch::default();
        let own = !spec.next_uses_noise && !spec.next_uses_shock_next && nc >= ns;
        let continuation = self.policy.continuation(at.time);
        // Expectations: rewards' slopes, next states' slopes (meaningful where they are certain), and what the value's
        // slope one period on makes of them.
        let mut slope = vec![vec![0.0; n]; ns + nc];
        let mut through = vec![vec![0.0; n]; ns + nc];
        let mut certain: Vec<Vec<Vec<f64>>> = Vec::new();
        let mut places = [AxisPoint {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        }; MAX_AXES];
        for &(noise, weight) in &self.bellman.noises {
            for (next, p, surface) in self.bellman.branches(at.shock) {
                self.bellman
                    .evaluate(at, noise, next, &refs, &action_refs, n, &mut scratch);
                let lanes = Lanes {
                    states: &refs,
                    actions: &action_refs,
                    shock: at.shock,
                    noise,
                    shock_next: next,
                    time: at.time,
                };
                let d = self.derivatives(&lanes, n)?;
                for i in 0..n {
                    let mut slopes = [0.0; MAX_AXES];
                    let mut after = 0.0;
                    let goes_on = scratch.end[i] == 0.0;
                    if let Some(surface) = continuation.surfaces.get(surface).filter(|_| goes_on) {
                        for (s, axis) in self.bellman.tensor.axes().iter().enumerate() {
                            places[s] = axis.locate(scratch.next[s][i]);
                        }
                        after = self
                            .bellman
                            .tensor
                            .value_and_slopes(surface, &places[..ns], Some(&mut slopes[..ns]));
                    }
                    let w = weight * p * scratch.chance[i];
                    for v in 0..ns + nc {
                        slope[v][i] += weight * p * d.gain(v, i, &scratch, after);
                        if w == 0.0 {
                            continue;
                        }
                        slope[v][i] += w * d.reward[v][i];
                        // What is worth nothing later counts for nothing, however steep a law is (the power of zero below one).
                        for s in (0..ns).filter(|s| slopes[*s] != 0.0) {
                            through[v][i] += w * scratch.discount[i] * slopes[s] * d.next[v][s][i];
                        }
                    }
                }
                certain = d.next;
            }
        }
        let corrections = slopes(self.bellman, at, states, &actions, &binding);
        let mut result = vec![vec![0.0; n]; ns];
        for i in 0..n {
            if own && binding[i] == Binding::Free {
                // Discounted marginal values behind next period's own conditions.
                let matrix = DMatrix::from_fn(nc, ns, |k, s| certain[ns + k][s][i]);
                let rhs = DVector::from_fn(nc, |k, _| -slope[ns + k][i]);
                let behind: Option<DVector<f64>> = if ns == 1 && nc == 1 {
                    Some(DVector::from_element(1, rhs[0] / matrix[(0, 0)])).filter(|m| m[0].is_finite())
                } else if matrix.iter().chain(rhs.iter()).all(|v| v.is_finite()) {
                    let svd = matrix.svd(true, true);
                    let fine = svd.singular_values.min() > 1e-9 * svd.singular_values.max();
                    if fine { svd.solve(&rhs, 0.0).ok() } else { None }
                } else {
                    None
                };
                if let Some(behind) = behind {
                    for s in 0..ns {
                        result[s][i] = slope[s][i] + (0..ns).map(|t| behind[t] * certain[s][t][i]).sum::<f64>();
                    }
                    continue;
                }
            }
            for s in 0..ns {
                result[s][i] = slope[s][i] + through[s][i];
                for k in 0..nc {
                    let gap = slope[ns + k][i] + through[ns + k][i];
                    result[s][i] += gap * corrections[k][s][i];
                }
            }
        }
        Some(result)
    }

    /// Expected consumption, its slope and the reward's slope with respect to the continuous action `k`, at each lane.
    fn marginal_utility(&self, at: At, states: &[&[f64]], actions: &[Vec<f64>], k: usize) -> Option<[Vec<f64>; 3]> {
        let n = actions.first().map_or(0, Vec::len);
        let refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        let mut sums = [vec![0.0; n], vec![0.0; n], vec![0.0; n]];
        let a = self.bellman.continuous[k];
        for &(noise, weight) in &self.bellman.noises {
            for (next, p, _) in self.bellman.branches(at.shock) {
                let lanes = Lanes {
                    states,
                    actions: &refs,
                    shock: at.shock,
                    noise,
                    shock_next: next,
                    time: at.time,
                };
                let mut c = vec![0.0; n];
                let mut dc = vec![vec![0.0; n]; actions.len()];
                let mut dc_refs: Vec<&mut [f64]> = dc.iter_mut().map(Vec::as_mut_slice).collect();
                if !self.bellman.problem.consumption(&lanes, &mut c, &mut dc_refs) {
                    return None;
                }
                let mut reward = vec![0.0; n];
                let mut d_next = vec![vec![0.0; n]; self.ns];
                let mut d_refs: Vec<&mut [f64]> = d_next.iter_mut().map(Vec::as_mut_slice).collect();
                self.bellman
                    .problem
                    .derivative(&lanes, self.ns + a, &mut reward, &mut d_refs)
                    .ok()?;
                let chance = self.bellman.chance(&lanes, n);
                for i in (0..n).filter(|&i| chance[i] != 0.0) {
                    let w = weight * p * chance[i];
                    sums[0][i] += w * c[i];
                    sums[1][i] += w * dc[a][i];
                    sums[2][i] += w * reward[i];
                }
            }
        }
        Some(sums)
    }

    /// Where the problem has kinks an optimum may sit where the condition jumps over zero: it then holds as an inclusion,
    /// zero lies between the slopes at the two sides. The residual is how far the action is from such a place.
    fn at_kinks(&self, at: At, states: &[Vec<f64>], actions: &[Vec<f64>], result: &mut [f64]) -> Option<()> {
        // Where zero does not lie between the slopes at some distance it does not at a smaller one.
        let mut left: Vec<usize> = (0..result.len()).collect();
        for distance in KINK.into_iter().rev() {
            // A distance beyond the residual says nothing.
            let now: Vec<usize> = left.iter().copied().filter(|&i| result[i] > distance).collect();
            if now.is_empty() {
                continue;
            }
            let (states, actions) = (lanes_of(states, &now), lanes_of(actions, &now));
            let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
            let (lo, hi) = bounds(self.bellman, at, &refs, now.len());
            let mut inside = vec![true; now.len()];
            for (k, &a) in self.bellman.continuous.iter().enumerate() {
                let side = |sign: f64| -> Option<Vec<f64>> {
                    let mut moved = actions.clone();
                    for (i, x) in moved[a].iter_mut().enumerate() {
                        let width = hi[k][i] - lo[k][i];
                        *x += sign * distance * if width.is_finite() { width } else { 1.0 + x.abs() };
                    }
                    let c = self.conditions(at, &states, &moved)?;
                    Some(c.today[k].iter().zip(&c.tomorrow[k]).map(|(r, m)| r + m).collect())
                };
                let (below, above) = (side(-1.0)?, side(1.0)?);
                for i in 0..now.len() {
                    inside[i] &= below[i] >= 0.0 && above[i] <= 0.0;
                }
            }
            for (&i, inside) in now.iter().zip(&inside) {
                if *inside {
                    result[i] = result[i].min(distance);
                }
            }
            let out: Vec<usize> = now.iter().zip(&inside).filter(|x| !*x.1).map(|x| *x.0).collect();
            left.retain(|i| !out.contains(i));
        }
        Some(())
    }

    /// Both sides of the first-order condition of every continuous action.
    fn conditions(&self, at: At, states: &[Vec<f64>], actions: &[Vec<f64>]) -> Option<Conditions> {
        let action_refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        let (ns, nc) = (self.ns, self.nc);
        let bellman = self.bellman;
        let spec = bellman.problem.spec();
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let n = actions.first().map_or(0, Vec::len);
        let last = spec.horizon.is_some_and(|h| at.time + 1 >= h);
        let mut today = vec![vec![0.0; n]; nc];
        let mut tomorrow = vec![vec![0.0; n]; nc];
        // The same sums without signs.
        let mut sizes = [vec![vec![0.0; n]; nc], vec![vec![0.0; n]; nc]];
        let mut scratch = Scratch::default();
        for &(noise, weight) in &bellman.noises {
            for (shock_next, p) in spec.chain.transition[at.shock]
                .iter()
                .copied()
                .enumerate()
                .filter(|(_, p)| *p > 0.0)
            {
                let branch = if spec.next_uses_shock_next {
                    shock_next
                } else {
                    at.shock
                };
                bellman.evaluate(at, noise, branch, &refs, &action_refs, n, &mut scratch);
                let lanes = Lanes {
                    states: &refs,
                    actions: &action_refs,
                    shock: at.shock,
                    noise,
                    shock_next: branch,
                    time: at.time,
                };
                let d = self.derivatives(&lanes, n)?;
                let next_time = if spec.horizon.is_some() { at.time + 1 } else { 0 };
                let marginal = if last {
                    vec![vec![0.0; n]; ns]
                } else {
                    self.marginal_values(
                        At {
                            shock: shock_next,
                            time: next_time,
                        },
                        &scratch.next,
                        n,
                    )?
                };
                // Next period's value, where factors that move multiply it.
                let after = if last || d.factors[ns..].iter().all(Option::is_none) {
                    vec![0.0; n]
                } else {
                    let at = At {
                        shock: shock_next,
                        time: next_time,
                    };
                    let next: Vec<&[f64]> = scratch.next.iter().map(Vec::as_slice).collect();
                    let mut after = vec![0.0; n];
                    self.policy.reader().values(at, &next, &mut after);
                    after
                };
                for i in 0..n {
                    let here = weight * p * scratch.chance[i];
                    for k in 0..nc {
                        let moved = weight * p * d.gain(ns + k, i, &scratch, after[i]);
                        tomorrow[k][i] += moved;
                        sizes[1][k][i] += moved.abs();
                        if here == 0.0 {
                            continue;
                        }
                        today[k][i] += here * d.reward[ns + k][i];
                        sizes[0][k][i] += here * d.reward[ns + k][i].abs();
                        if scratch.end[i] == 0.0 {
                            let gain = |s: usize| match marginal[s][i] {
                                0.0 => 0.0,
                                m => m * d.next[ns + k][s][i],
                            };
                            let w = here * scratch.discount[i];
                            tomorrow[k][i] += w * (0..ns).map(gain).sum::<f64>();
                            sizes[1][k][i] += w * (0..ns).map(|s| gain(s).abs()).sum::<f64>();
                        }
                    }
                }
            }
        }
        Some(Conditions { today, tomorrow, sizes })
    }
}

/// Distances from a kink that are tried (they change no residual below the smallest of them), relative to the width of the action's range (to `1 + |action|` if it has no end).
const KINK: [f64; 6] = [1e-6, 1e-5, 1e-4, 5e-4, 2e-3, 1e-2];

/// The sides of first-order conditions, `[action][lane]`: expected slopes of the reward, and expected discounted marginal
/// values of what the action moves; `sizes` are the same sums with terms taken without their signs.
struct Conditions {
    today: Vec<Vec<f64>>,
    tomorrow: Vec<Vec<f64>>,
    sizes: [Vec<Vec<f64>>; 2],
}

/// Euler residuals of the policy `acts`, which goes on as `later`, at `n` states that share shock and date (`states[s][i]`), one value per lane in the unit of
/// [`crate::solve::problem::DecisionProblem::consumption`]: `NaN` where a constraint binds. `policy` lends its value to what comes after
/// next period, where a constraint binds then. Where a residual is no larger than `beyond` it is not asked whether the action sits at a kink, which takes
/// twice as long again. `None` if the problem has no derivatives or finite actions.
pub fn residuals_of(
    bellman: &Bellman,
    (acts, later): (&dyn PathPolicy, &dyn PathPolicy),
    policy: &SolvedPolicy,
    at: At,
    states: &[Vec<f64>],
    n: usize,
    beyond: f64,
) -> Option<Vec<f64>> {
    let spec = bellman.problem.spec();
    if !bellman.finite.is_empty() || bellman.continuous.is_empty() || bellman.tensor.axes().is_empty() {
        return None;
    }
    let euler = Euler {
        bellman,
        later,
        policy,
        ns: bellman.tensor.axes().len(),
        nc: bellman.continuous.len(),
        beyond: beyond.max(KINK[0]),
    };
    let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
    let mut actions = vec![vec![0.0; n]; spec.actions.len()];
    acts.act(at, &refs, &vec![0.5; n], &mut actions);
    let binding = bindings(bellman, at, &refs, &actions);
    // No condition is looked at where a constraint binds.
    let free: Vec<usize> = (0..n).filter(|&i| binding[i] == Binding::Free).collect();
    let mut result = vec![f64::NAN; n];
    if !free.is_empty() {
        let found = euler.residuals(at, &lanes_of(states, &free), &lanes_of(&actions, &free))?;
        free.iter().zip(found).for_each(|(&i, r)| result[i] = r);
    }
    Some(result)
}

/// Some lanes of a batch, `[variable][lane]`.
fn lanes_of(values: &[Vec<f64>], lanes: &[usize]) -> Vec<Vec<f64>> {
    let of = |v: &Vec<f64>| lanes.iter().map(|&i| v[i]).collect();
    values.iter().map(of).collect()
}

impl Euler<'_> {
    /// Residuals at states where nothing binds, the actions given; `[lane]`.
    fn residuals(&self, at: At, states: &[Vec<f64>], actions: &[Vec<f64>]) -> Option<Vec<f64>> {
        let Self {
            bellman, policy, nc, ..
        } = *self;
        let n = actions.first().map_or(0, Vec::len);
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let Conditions { today, tomorrow, sizes } = self.conditions(at, states, actions)?;
        let mut result = vec![0.0; n];
        // What a gap of the condition is worth without a consumption: at most the gap over the whole range of the action, as a share
        // of the value.
        let (lo, hi) = bounds(bellman, at, &refs, n);
        let mut value = vec![0.0; n];
        policy.reader().values(at, &refs, &mut value);
        let sides: Vec<Option<[Vec<f64>; 3]>> = (0..nc).map(|k| self.marginal_utility(at, &refs, actions, k)).collect();
        // Marginal utility by each action; an action with a cost of its own (hours, effort) shows less of it, none where it is best.
        let utility = |k: usize, i: usize| {
            let own = sides[k]
                .as_ref()
                .map_or(0.0, |[_, dc, reward]| (reward[i] / dc[i]).abs());
            if own.is_finite() { own } else { 0.0 }
        };
        let whole: Vec<f64> = (0..n)
            .map(|i| (0..nc).map(|k| utility(k, i)).fold(0.0, f64::max))
            .collect();
        for k in 0..nc {
            let a = bellman.continuous[k];
            let here = &sides[k];
            // A hundredth of a percent of consumption more and less: the elasticity of marginal utility.
            let elasticity: Option<Vec<f64>> = here.as_ref().and_then(|[c, dc, _]| {
                let mut shifted = [actions.to_vec(), actions.to_vec()];
                for i in 0..n {
                    let step = if dc[i] != 0.0 { 1e-4 * c[i] / dc[i] } else { 0.0 };
                    shifted[0][a][i] += step;
                    shifted[1][a][i] -= step;
                }
                let up = self.marginal_utility(at, &refs, &shifted[0], k)?;
                let down = self.marginal_utility(at, &refs, &shifted[1], k)?;
                Some(
                    (0..n)
                        .map(|i| {
                            ((up[2][i] / up[1][i]) / (down[2][i] / down[1][i])).ln() / (up[0][i] / down[0][i]).ln()
                        })
                        .collect(),
                )
            });
            for i in 0..n {
                let (r, m) = (today[k][i], tomorrow[k][i]);
                let larger = sizes[0][k][i].max(sizes[1][k][i]);
                let range = hi[k][i] - lo[k][i];
                let reach = if range.is_finite() {
                    range
                } else {
                    1.0 + actions[a][i].abs()
                };
                let plain = ((r + m).abs() / larger.max(f64::MIN_POSITIVE))
                    .min((r + m).abs() * reach / policy.size_of(value[i]));
                let error = match (here, &elasticity) {
                    (Some([_, dc, _]), _) if dc[i] != 0.0 && utility(k, i) < 0.5 * whole[i] => {
                        ((r + m).abs() / (whole[i] * dc[i].abs())).min(1.0)
                    }
                    (Some([_, dc, _]), Some(e)) if dc[i] != 0.0 && e[i].is_finite() && e[i].abs() > 1e-6 => {
                        let ratio = -m / r;
                        if ratio > 0.0 {
                            ((ratio.ln() / e[i]).exp() - 1.0).abs().min(1.0)
                        } else {
                            1.0
                        }
                    }
                    _ => plain,
                };
                result[i] = f64::max(result[i], if error.is_nan() { 1.0 } else { error });
            }
        }
        if bellman.problem.spec().kinks {
            let large: Vec<usize> = (0..n).filter(|&i| result[i] > self.beyond).collect();
            if !large.is_empty() {
                let mut some: Vec<f64> = large.iter().map(|&i| result[i]).collect();
                self.at_kinks(at, &lanes_of(states, &large), &lanes_of(actions, &large), &mut some)?;
                large.iter().zip(some).for_each(|(&i, r)| result[i] = r);
            }
        }
        Some(result)
    }
}
