//! What a policy costs: the sum along its own path of what each choice falls short of.
//!
//! With `V` the solved value and `Q(s, a)` the expected reward of a choice plus the discounted solved value after it, the lifetime
//! value of any policy is `V(s_0)` less the expected sum of `discount^t (V(s_t) - Q(s_t, a_t))` along *its* path (the performance
//! difference of Kakade and Langford 2002). The identity holds for any function `V`, so a solution that is not the best
//! does not hide it; and since chance inside the period is integrated out, what is left to luck is only where the
//! path goes. A difference of two simulated lifetimes is noise a hundred times as large. Where there are finitely many states nothing is
//! left to luck: `exact` solves for the sum.

mod exact;

use super::binding::bounds;
use super::simulate::{ChainPaths, PathPolicy, SolvedPolicy};
use crate::num::interpolate::{AxisPoint, MAX_AXES, Surface};
use crate::num::statistics;
use crate::solve::bellman::{At, Bellman, FEASIBLE, Scratch};
use crate::solve::solution::Solution;
use std::sync::atomic::{AtomicU64, Ordering};

/// Weight below which what is left of a path is not followed.
const NEGLIGIBLE: f64 = 1e-5;
/// Most periods that a path is followed.
const LONGEST: usize = 2000;
/// Lanes of one evaluation.
const BATCH: usize = 128;

/// The paths on which policies are compared.
#[derive(Clone, Debug)]
pub struct Paths<'a> {
    /// Number of paths.
    pub count: usize,
    /// Most periods; `None` until the rest weighs nothing.
    pub periods: Option<usize>,
    /// Whether paths that are alive after `periods` count as if they went on as in their last periods; otherwise only these
    /// periods count.
    pub rest: bool,
    /// Seed of all draws.
    pub seed: u64,
    /// First states, `[start][state]`, taken in turn.
    pub starts: &'a [Vec<f64>],
}

/// What policies earn along paths; every array has one number per path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Along {
    /// The discounted sum of what choices fall short of the solved value, one number per path.
    pub shortfall: Vec<f64>,
    /// The solved value where the path begins, one number per path.
    pub start: Vec<f64>,
    /// The discounted number of periods lived, one number per path: what one unit in every period is worth.
    pub life: Vec<f64>,
    /// Share of path-periods outside the grid of the solution.
    pub outside: f64,
    /// Whether paths were followed by chance; otherwise each number is the exact expectation over all paths from the first state.
    pub sampled: bool,
}

impl Along {
    /// Mean lifetime value.
    pub fn value(&self) -> f64 {
        let all: Vec<f64> = self.start.iter().zip(&self.shortfall).map(|(v, s)| v - s).collect();
        statistics::mean(&all)
    }

    /// Mean and standard error of how much less this earns than `other` on the same paths.
    pub fn behind(&self, other: &Along) -> (f64, f64) {
        mean_and_error(&self.gaps(other))
    }

    /// The same in units that are worth `sizes`, one number per path: the ratio of the means, and its standard error where the unit is
    /// known from the same paths (linearised: Cochran 1977, *Sampling Techniques*, section 6.4).
    pub fn behind_in(&self, other: &Along, sizes: &[f64]) -> (f64, f64) {
        let gaps = self.gaps(other);
        let (size, ratio) = (
            statistics::mean(sizes),
            mean_and_error(&gaps).0 / statistics::mean(sizes),
        );
        if !ratio.is_finite() {
            return (ratio, 0.0);
        }
        let rest: Vec<f64> = gaps.iter().zip(sizes).map(|(g, s)| g - ratio * s).collect();
        (ratio, mean_and_error(&rest).1 / size)
    }

    /// How much less this earns than `other`, one number per path.
    pub fn gaps(&self, other: &Along) -> Vec<f64> {
        self.shortfall
            .iter()
            .zip(&other.shortfall)
            .map(|(a, b)| a - b)
            .collect()
    }

    /// Takes in further paths.
    pub fn extend(&mut self, more: Along) {
        let (own, new) = (self.start.len() as f64, more.start.len() as f64);
        self.outside = (self.outside * own + more.outside * new) / (own + new).max(1.0);
        self.shortfall.extend(more.shortfall);
        self.start.extend(more.start);
        self.life.extend(more.life);
        self.sampled |= more.sampled;
    }
}

/// Mean and standard error of independent numbers, an array of any length; an infinite mean has error 0.
pub fn mean_and_error(x: &[f64]) -> (f64, f64) {
    let mean = statistics::mean(x);
    if !mean.is_finite() {
        return (if mean.is_nan() { f64::INFINITY } else { mean }, 0.0);
    }
    let n = x.len() as f64;
    let error = if x.len() > 1 {
        let squares: f64 = x.iter().map(|v| (v - mean).powi(2)).sum();
        (squares / (n - 1.0) / n).sqrt()
    } else {
        f64::INFINITY
    };
    (mean, error)
}

/// The value of a solution as its Bellman operator continues it, ready to follow policies.
pub struct Welfare<'a> {
    bellman: &'a Bellman<'a>,
    exact: &'a SolvedPolicy<'a>,
    /// Period x joint shock.
    value: Vec<Surface>,
    periods: usize,
    /// Whether finitely many states may be looked through in place of paths.
    exactly: bool,
}

impl<'a> Welfare<'a> {
    /// Prepares the value of a solution.
    pub fn new(bellman: &'a Bellman<'a>, exact: &'a SolvedPolicy<'a>, solution: &Solution) -> Self {
        let nz = bellman.shocks();
        let value = (0..solution.periods * nz)
            .map(|k| {
                let own = solution.column(&solution.value, k / nz, k % nz);
                let mut surface = Surface::default();
                bellman.tensor.fit(&own, &mut surface);
                surface
            })
            .collect();
        Welfare {
            bellman,
            exact,
            value,
            periods: solution.periods,
            exactly: true,
        }
    }

    /// The same, following paths also where there are finitely many states.
    #[cfg(test)]
    pub fn by_sampling(self) -> Self {
        Welfare { exactly: false, ..self }
    }

    /// The solved value at some states of one shock and date, and whether they lie outside the grid.
    fn values(&self, at: At, states: &[&[f64]], out: &mut [f64], outside: &mut [bool]) {
        let surface = &self.value[at.time.min(self.periods - 1) * self.bellman.shocks() + at.shock];
        let axes = self.bellman.tensor.axes();
        let mut places = [AxisPoint {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        }; MAX_AXES];
        for (i, (v, beyond)) in out.iter_mut().zip(outside).enumerate() {
            for (d, axis) in axes.iter().enumerate() {
                places[d] = axis.locate(states[d][i]);
            }
            *beyond = places[..axes.len()].iter().any(|p| p.beyond != 0.0);
            *v = self.bellman.tensor.value_at(surface, &places[..axes.len()]);
        }
    }

    /// What falls short of the solved value in this period, for the paths of `lanes`.
    fn shortfalls(&self, w: &ChainPaths, lanes: &[usize], out: &mut [f64], outside: &mut [bool]) {
        let mut keys: Vec<(usize, usize)> = lanes.iter().map(|&p| (w.shock[p], w.time[p])).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut scratch = Scratch::default();
        for (shock, time) in keys {
            let own: Vec<usize> = lanes
                .iter()
                .copied()
                .filter(|&p| w.shock[p] == shock && w.time[p] == time)
                .collect();
            let at = At { shock, time };
            for part in own.chunks(BATCH) {
                let n = part.len();
                let pick = |c: &[Vec<f64>]| -> Vec<Vec<f64>> {
                    c.iter().map(|c| part.iter().map(|&p| c[p]).collect()).collect()
                };
                let (states, actions) = (pick(&w.states), pick(&w.actions));
                let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
                let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
                let (mut v, mut beyond) = (vec![0.0; n], vec![false; n]);
                self.values(at, &states, &mut v, &mut beyond);
                let (mut q, mut slack) = (vec![0.0; n], vec![0.0; n]);
                self.bellman.q(
                    self.exact.continuation(time),
                    at,
                    &states,
                    &actions,
                    &mut scratch,
                    &mut q,
                    &mut slack,
                );
                for (k, &p) in part.iter().enumerate() {
                    out[p] = v[k] - q[k];
                    outside[p] = beyond[k];
                }
            }
        }
    }

    /// What a policy earns on paths: exactly where there are finitely many states, else by following them.
    pub fn along(&self, policy: &dyn PathPolicy, paths: &Paths) -> Along {
        let known = self.exactly.then(|| self.expected(policy, paths)).flatten();
        known.unwrap_or_else(|| self.followed(policy, paths))
    }

    /// Follows a policy by chance.
    fn followed(&self, policy: &dyn PathPolicy, paths: &Paths) -> Along {
        let spec = self.bellman.problem.spec();
        let n = paths.count.max(1);
        let mut world = ChainPaths::new(self.bellman, n, paths.seed, paths.starts);
        let constant = spec.discount.filter(|d| *d < 1.0);
        let most = match (spec.horizon, paths.periods) {
            (Some(h), Some(p)) => h.min(p),
            (Some(h), None) => h,
            (None, Some(p)) => p,
            (None, None) => LONGEST,
        };
        let mut out = Along {
            shortfall: vec![0.0; n],
            start: vec![0.0; n],
            life: vec![0.0; n],
            outside: 0.0,
            sampled: true,
        };
        for p in 0..n {
            let columns: Vec<[f64; 1]> = world.states.iter().map(|s| [s[p]]).collect();
            let refs: Vec<&[f64]> = columns.iter().map(|c| &c[..]).collect();
            let at = At {
                shock: world.shock[p],
                time: 0,
            };
            self.values(at, &refs, &mut out.start[p..=p], &mut [false]);
        }
        let mut weight = vec![1.0; n];
        let late_from = most - most.div_ceil(4);
        let mut late = vec![0.0; n];
        let (mut lived, mut away) = (0usize, 0usize);
        let mut followed = 0;
        for t in 0..most {
            let (mut gap, mut outside) = (vec![0.0; n], vec![false; n]);
            let alive: Vec<usize> = (0..n).filter(|&p| weight[p] != 0.0).collect();
            world.step(policy, &mut |w| self.shortfalls(w, &alive, &mut gap, &mut outside));
            for &p in &alive {
                out.shortfall[p] += weight[p] * if gap[p].is_nan() { f64::INFINITY } else { gap[p] };
                out.life[p] += weight[p];
                if t >= late_from {
                    late[p] += gap[p] / (most - late_from) as f64;
                }
                lived += 1;
                away += usize::from(outside[p]);
                weight[p] *= world.discount[p];
                if world.ended[p].is_some() || out.shortfall[p] == f64::INFINITY {
                    weight[p] = 0.0;
                }
            }
            followed = t + 1;
            if weight.iter().all(|w| w.abs() < NEGLIGIBLE) {
                break;
            }
        }
        if let Some(d) = constant
            && followed == most
            && spec.horizon.is_none()
            && paths.rest
        {
            for p in (0..n).filter(|&p| weight[p] >= NEGLIGIBLE) {
                out.shortfall[p] += weight[p] * late[p] / (1.0 - d);
                out.life[p] += weight[p] / (1.0 - d);
            }
        }
        out.outside = away as f64 / lived.max(1) as f64;
        out
    }
}

/// What moves choices that are forbidden to feasible ones.
pub trait Mover: Sync {
    /// Moves `actions[a][i]` at `states[s][i]` where they are forbidden; which lanes were moved. What cannot be moved becomes no number.
    fn moved(&self, at: At, states: &[&[f64]], actions: &mut [Vec<f64>]) -> Vec<bool>;
}

/// How many decisions were made, and how many of them were moved.
#[derive(Debug, Default)]
pub struct Moves {
    decided: AtomicU64,
    moved: AtomicU64,
}

impl Moves {
    /// Counts decisions, one flag each.
    pub fn count(&self, moved: &[bool]) {
        let moves = moved.iter().filter(|m| **m).count();
        self.decided.fetch_add(moved.len() as u64, Ordering::Relaxed);
        self.moved.fetch_add(moves as u64, Ordering::Relaxed);
    }

    /// Counts anew.
    pub fn forget(&self) {
        self.decided.store(0, Ordering::Relaxed);
        self.moved.store(0, Ordering::Relaxed);
    }

    /// Share of the decisions that were moved.
    pub fn share(&self) -> f64 {
        self.moved.load(Ordering::Relaxed) as f64 / self.decided.load(Ordering::Relaxed).max(1) as f64
    }
}

/// A policy whose choices are moved to feasible ones where they are forbidden: as a simulation does, by `mover`; and what the problem then still
/// forbids to the nearest feasible point on the line to the lower bounds (or the midpoints).
pub struct Feasible<'a> {
    /// The problem.
    pub bellman: &'a Bellman<'a>,
    /// The policy.
    pub policy: &'a dyn PathPolicy,
    /// The economy's own way; without it numbers are moved along the line alone.
    pub mover: Option<&'a dyn Mover>,
    /// How often something was moved.
    pub moves: Moves,
}

impl<'a> Feasible<'a> {
    /// A policy that is kept feasible.
    pub fn new(bellman: &'a Bellman<'a>, policy: &'a dyn PathPolicy, mover: Option<&'a dyn Mover>) -> Self {
        Feasible {
            bellman,
            policy,
            mover,
            moves: Moves::default(),
        }
    }
}

impl PathPolicy for Feasible<'_> {
    fn randomises(&self) -> bool {
        self.policy.randomises()
    }

    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        self.policy.act(at, states, draw, actions);
        let n = draw.len();
        let mut moved = match self.mover {
            Some(mover) => mover.moved(at, states, actions),
            None => vec![false; n],
        };
        self.along_the_line(at, states, actions, &mut moved);
        self.moves.count(&moved);
    }
}

impl Feasible<'_> {
    /// Moves numbers along the line where the problem forbids them, and says where.
    fn along_the_line(&self, at: At, states: &[&[f64]], actions: &mut [Vec<f64>], moved: &mut [bool]) {
        let n = moved.len();
        let b = self.bellman;
        if b.continuous.is_empty() {
            return;
        }
        let mut scratch = Scratch::default();
        let mut slack_of = |actions: &[Vec<f64>]| -> Vec<f64> {
            let refs: Vec<&[f64]> = actions.iter().map(|a| &a[..n]).collect();
            let mut least = vec![f64::INFINITY; n];
            for &(noise, _) in &b.noises {
                b.evaluate(at, noise, at.shock, states, &refs, n, &mut scratch);
                for (l, s) in least.iter_mut().zip(&scratch.slack) {
                    *l = if s.is_nan() { f64::NEG_INFINITY } else { l.min(*s) };
                }
            }
            least
        };
        let violated: Vec<bool> = slack_of(actions).iter().map(|s| *s < FEASIBLE).collect();
        if !violated.contains(&true) {
            return;
        }
        moved.iter_mut().zip(&violated).for_each(|(m, v)| *m |= *v);
        let (lo, hi) = bounds(b, at, states, n);
        let chosen: Vec<Vec<f64>> = actions.to_vec();
        for middle in [false, true] {
            let target = |c: usize, i: usize| {
                if middle && lo[c][i].is_finite() && hi[c][i].is_finite() {
                    0.5 * (lo[c][i] + hi[c][i])
                } else {
                    lo[c][i]
                }
            };
            let place = |share: &[f64], actions: &mut [Vec<f64>]| {
                for (c, &a) in b.continuous.iter().enumerate() {
                    for i in (0..n).filter(|&i| violated[i]) {
                        actions[a][i] = chosen[a][i] + share[i] * (target(c, i) - chosen[a][i]);
                    }
                }
            };
            let (mut low, mut high) = (vec![0.0; n], vec![1.0; n]);
            place(&high, actions);
            let all = slack_of(actions);
            if (0..n).any(|i| violated[i] && all[i] < FEASIBLE) && !middle {
                continue;
            }
            for _ in 0..50 {
                let share: Vec<f64> = low.iter().zip(&high).map(|(a, b)| 0.5 * (a + b)).collect();
                place(&share, actions);
                for (i, s) in slack_of(actions).into_iter().enumerate() {
                    if s >= FEASIBLE {
                        high[i] = share[i];
                    } else {
                        low[i] = share[i];
                    }
                }
            }
            place(&high, actions);
            return;
        }
    }
}
