//! Endogenous grid (Carroll 2006, *Economics Letters* 91): the states from which next ones come, and what is done there, in place of what
//! is done at given states.
//!
//! At a next state `x'` of the grid its marginal value is known without interpolation, and the first-order condition
//! `r_a(x, a) + d E[m(x')] g_a(x, a) = 0` with the law `g(x, a) = x'` gives the state `x` and the action `a` at once: by Newton's method in the
//! two, which takes one step where marginal rewards are inverted in closed form. Between such states actions are interpolated (a
//! spline), and held inside their bounds: beyond a bound the unbounded solution goes on smoothly, so that bounds that bind now and then
//! leave no dent.

use super::block::Block;
use super::stage::Stage;
use super::{TimeIteration, solve_by};
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::interpolate::Curve;
use crate::num::interpolate::{Outside, Rule};
use crate::solve::bellman::{At, Scratch};
use crate::solve::method::{Method, Structure, Task};
use crate::solve::problem::Lanes;
use crate::solve::progress::Watch;
use crate::solve::solution::Solution;
use rayon::prelude::*;

/// Most Newton steps at a next state, most halvings of one, and how often they begin anew beside a place where they ended.
const STEPS: usize = 60;
const HALVINGS: usize = 12;
const BESIDE: usize = 12;
/// A step that leaves more than this share of the gap says that slopes are old.
const SLOW: f64 = 0.1;
/// Sizes below this share of the grid's width, or of one, do not count as small in differences.
const SMALL: f64 = 1e-3;

/// The endogenous grid, as a method among others.
pub struct EndogenousGrid;

impl Method for EndogenousGrid {
    fn name(&self) -> &'static str {
        "endogenous_grid"
    }

    fn about(&self) -> &'static str {
        "endogenous grid (Carroll 2006): first-order conditions solved for the states from which next ones come; one continuous state, one \
         continuous action that fixes its next value"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["tolerance", "iterations"]
    }

    fn fits(&self, s: &Structure) -> Result<(), String> {
        TimeIteration.fits(s)?;
        let no = |what: &str| Err(what.to_string());
        match s {
            _ if s.states.0 != 1 => no("it needs exactly one state"),
            _ if s.actions.0 != 1 => no("it needs exactly one action"),
            _ if s.uses_noise => no("rewards or laws read a noise"),
            _ if s.law_reads_next_shock => no("a law reads the next draw of a shock"),
            _ => Ok(()),
        }
    }

    fn solve(&self, task: Task, progress: &mut dyn Watch) -> Result<Solution, Diagnostic> {
        solve_by(self, task, true, progress)
    }
}

/// The states from which those of a grid come, shock by shock.
pub(super) struct Origins {
    /// Next states: the nodes of the grid.
    to: Vec<f64>,
    /// `[shock][next state]`
    from: Vec<Vec<Origin>>,
}

/// What is done at the nodes of the grid.
pub(super) struct Placed {
    /// `[action]` and then state node x joint shock; not held inside bounds.
    pub(super) policy: Vec<Vec<f64>>,
    /// Next states that come from nowhere, or not in their order, and the first of them with its shock.
    pub(super) unsolved: usize,
    pub(super) example: Option<(usize, usize)>,
}

/// A state and what is done there, with the search for them.
#[derive(Clone)]
struct Origin {
    /// State and action.
    at: [f64; 2],
    before: [f64; 2],
    /// How far the law, and the condition, are from holding.
    off: [f64; 2],
    /// Their slopes in state and action, where they are known.
    slopes: Option<[[f64; 2]; 2]>,
    gap: f64,
    halvings: usize,
    done: bool,
    solved: bool,
}

/// What a place leads to.
struct Found {
    next: f64,
    gain: f64,
    size: f64,
}

impl Origin {
    fn new(at: [f64; 2]) -> Origin {
        Origin {
            at,
            before: at,
            off: [f64::NAN; 2],
            slopes: None,
            gap: f64::INFINITY,
            halvings: 0,
            done: false,
            solved: false,
        }
    }

    /// A sweep begins: slopes are about the same.
    fn begin(&mut self) {
        self.gap = f64::INFINITY;
        self.halvings = 0;
        (self.done, self.solved) = (false, false);
    }

    /// Takes in what the place leads to; whether a step is to follow.
    fn take(&mut self, found: &Found, to: f64, width: f64, tolerance: f64) -> bool {
        let off = [found.next - to, found.gain];
        let scale = [to.abs().max(SMALL * width), found.size.max(1e-300)];
        let gap = (off[0] / scale[0]).abs().max((off[1] / scale[1]).abs());
        let gap = if off.iter().all(|v| v.is_finite()) {
            gap
        } else {
            f64::INFINITY
        };
        if gap <= tolerance {
            (self.done, self.solved) = (true, true);
            return false;
        }
        if !(gap <= self.gap * (1.0 + 1e-9)) || !gap.is_finite() {
            self.halvings += 1;
            self.slopes = None;
            self.done = self.halvings > HALVINGS || !self.gap.is_finite();
            self.at = [0, 1].map(|k| 0.5 * (self.at[k] + self.before[k]));
            return false;
        }
        if gap > SLOW * self.gap {
            self.slopes = None;
        }
        self.halvings = 0;
        (self.gap, self.off) = (gap, off);
        true
    }

    /// By how much state and action are moved for slopes.
    fn nudges(&self, width: f64) -> [f64; 2] {
        [
            1e-7 * self.at[0].abs().max(SMALL * width),
            1e-7 * self.at[1].abs().max(SMALL),
        ]
    }

    /// Moves on.
    fn step(&mut self, log: bool) {
        self.before = self.at;
        let Some([[a, b], [c, d]]) = self.slopes else {
            self.done = true;
            return;
        };
        let det = a * d - b * c;
        let step = [
            (b * self.off[1] - d * self.off[0]) / det,
            (c * self.off[0] - a * self.off[1]) / det,
        ];
        if !step.iter().all(|v| v.is_finite()) {
            self.done = true;
            return;
        }
        let least = if log { 0.1 * self.at[0] } else { f64::NEG_INFINITY };
        let share = match self.at[0] + step[0] < least {
            true => (least - self.at[0]) / step[0],
            false => 1.0,
        };
        self.at = [0, 1].map(|k| self.at[k] + share * step[k]);
        // At rounding steps no longer move it.
        if [0, 1].iter().all(|k| step[*k].abs() <= 1e-15 * self.at[*k].abs()) {
            (self.done, self.solved) = (true, self.gap < 1e-8);
        }
    }
}

impl Origins {
    /// Begins where what is done at the nodes leads.
    pub(super) fn new(stage: &Stage, blocks: &[Block]) -> Origins {
        let to = stage.bellman.tensor.axes()[0].nodes().to_vec();
        let of_shock = |shock: usize| {
            let mut actions = vec![0.0; to.len()];
            for block in blocks.iter().filter(|b| b.shock == shock) {
                let own = &block.actions[0];
                actions[block.first..block.first + own.len()].copy_from_slice(own);
            }
            let next = lead(stage, shock, &to, &actions);
            let from = to.iter().map(|&to_here| {
                let last = to.len() - 2;
                let k = (0..last).find(|k| next[k + 1] >= to_here).unwrap_or(last);
                let t = ((to_here - next[k]) / (next[k + 1] - next[k])).clamp(0.0, 1.0);
                let t = if t.is_finite() { t } else { 0.0 };
                Origin::new([
                    to[k] + t * (to[k + 1] - to[k]),
                    actions[k] + t * (actions[k + 1] - actions[k]),
                ])
            });
            from.collect()
        };
        let from = (0..stage.bellman.shocks()).map(of_shock).collect();
        Origins { to, from }
    }

    /// What is done at the nodes, given marginal values as they are carried (state node x joint shock).
    pub(super) fn place(&mut self, stage: &Stage, marginal: &[f64], tolerance: f64) -> Placed {
        let (nz, nodes) = (stage.bellman.shocks(), self.to.len());
        let to = &self.to;
        let log = stage.log(0);
        let one = |(shock, from): (usize, &mut Vec<Origin>)| -> (Vec<f64>, usize, Option<usize>) {
            let row = &stage.bellman.problem.spec().chain.transition[shock];
            let later: Vec<f64> = (0..nodes)
                .map(|i| {
                    let own = &marginal[i * nz..(i + 1) * nz];
                    let sum: f64 = own.iter().zip(row).map(|(m, p)| p * m).sum();
                    stage.discount * if log { sum / to[i] } else { sum }
                })
                .collect();
            search(stage, shock, (to, &later), from, tolerance);
            let mut known: Vec<(f64, f64)> = Vec::with_capacity(nodes);
            let (mut lost, mut first) = (0, None);
            for (i, o) in from.iter().enumerate() {
                let ascends = known.last().is_none_or(|last| o.at[0] > last.0);
                if o.solved && ascends && (!log || o.at[0] > 0.0) {
                    known.push((o.at[0], o.at[1]));
                } else {
                    lost += 1;
                    first = first.or(Some(i));
                }
            }
            let (x, a): (Vec<f64>, Vec<f64>) = known.into_iter().unzip();
            let mut policy = vec![f64::NAN; nodes];
            if let Some(curve) = Curve::new(&x, &a, log, Rule::Cubic, Outside::Linear) {
                curve.values(to, &mut policy);
            }
            (policy, lost, first)
        };
        let all: Option<Vec<_>> = self
            .from
            .par_iter_mut()
            .enumerate()
            .map(|unit| limits::going(|| one(unit)))
            .collect();
        let all = all.unwrap_or_else(|| limits::leave());
        let mut policy = vec![0.0; nodes * nz];
        for (shock, (own, _, _)) in all.iter().enumerate() {
            policy
                .iter_mut()
                .skip(shock)
                .step_by(nz)
                .zip(own)
                .for_each(|(p, x)| *p = *x);
        }
        Placed {
            policy: vec![policy],
            unsolved: all.iter().map(|one| one.1).sum(),
            example: all.iter().enumerate().find_map(|(shock, one)| Some((one.2?, shock))),
        }
    }
}

/// Next states from the states `x` where `a` is done.
fn lead(stage: &Stage, shock: usize, x: &[f64], a: &[f64]) -> Vec<f64> {
    let mut scratch = Scratch::default();
    let noise = stage.bellman.noises.first().map_or(0, |n| n.0);
    let at = At { shock, time: 0 };
    stage
        .bellman
        .evaluate(at, noise, shock, &[x], &[a], x.len(), &mut scratch);
    scratch.next.swap_remove(0)
}

/// What the places `(state, action)` of some next states lead to, `later` being what one more unit of each next state is worth today.
fn conditions(stage: &Stage, shock: usize, places: &[[f64; 2]], later: &[f64]) -> Vec<Found> {
    let n = places.len();
    let [x, a] = [0, 1].map(|k| places.iter().map(|p| p[k]).collect::<Vec<f64>>());
    let next = lead(stage, shock, &x, &a);
    let (mut reward, mut law) = (vec![0.0; n], vec![0.0; n]);
    let lanes = Lanes {
        states: &[&x],
        actions: &[&a],
        shock,
        noise: stage.bellman.noises.first().map_or(0, |n| n.0),
        shock_next: shock,
        time: 0,
    };
    let problem = stage.bellman.problem;
    if problem.derivative(&lanes, 1, &mut reward, &mut [&mut law]).is_err() {
        reward.fill(f64::NAN);
    }
    let one = |i: usize| {
        let moved = later[i] * law[i];
        Found {
            next: next[i],
            gain: reward[i] + moved,
            size: reward[i].abs() + moved.abs(),
        }
    };
    (0..n).map(one).collect()
}

/// Newton's method at all next states of a shock.
fn search(stage: &Stage, shock: usize, (to, later): (&[f64], &[f64]), from: &mut [Origin], tolerance: f64) {
    let width = to[to.len() - 1] - to[0];
    let log = stage.log(0);
    from.iter_mut().for_each(Origin::begin);
    for _ in 0..BESIDE {
        for _ in 0..STEPS {
            limits::poll();
            let open: Vec<usize> = (0..from.len()).filter(|i| !from[*i].done).collect();
            if open.is_empty() {
                break;
            }
            let here = at(stage, shock, from, &open, later, |o| o.at);
            let pairs = open.iter().zip(&here);
            let fresh: Vec<usize> = pairs
                .filter(|(i, f)| from[**i].take(f, to[**i], width, tolerance))
                .map(|(i, _)| *i)
                .collect();
            let unknown: Vec<usize> = fresh.iter().copied().filter(|i| from[*i].slopes.is_none()).collect();
            if !unknown.is_empty() {
                let moved = |k: usize| {
                    at(stage, shock, from, &unknown, later, |o| {
                        let mut there = o.at;
                        there[k] += o.nudges(width)[k];
                        there
                    })
                };
                let there = [moved(0), moved(1)];
                for (j, &i) in unknown.iter().enumerate() {
                    let (h, off) = (from[i].nudges(width), from[i].off);
                    let law = [0, 1].map(|k| (there[k][j].next - to[i] - off[0]) / h[k]);
                    let gain = [0, 1].map(|k| (there[k][j].gain - off[1]) / h[k]);
                    from[i].slopes = Some([law, gain]);
                }
            }
            fresh.iter().for_each(|i| from[*i].step(log));
        }
        // Where they did not end, from beside a place where they did.
        let solved: Vec<bool> = from.iter().map(|o| o.solved).collect();
        let beside = |i: usize| {
            let near = [i.wrapping_sub(1), i + 1];
            near.into_iter().find(|k| solved.get(*k) == Some(&true))
        };
        let again: Vec<(usize, usize)> = (0..from.len())
            .filter(|i| !solved[*i])
            .filter_map(|i| Some((i, beside(i)?)))
            .collect();
        if again.is_empty() {
            break;
        }
        for (i, near) in again {
            from[i] = Origin::new(from[near].at);
        }
    }
}

/// Conditions at some of the places.
fn at(
    stage: &Stage,
    shock: usize,
    from: &[Origin],
    some: &[usize],
    later: &[f64],
    place: impl Fn(&Origin) -> [f64; 2],
) -> Vec<Found> {
    let places: Vec<[f64; 2]> = some.iter().map(|i| place(&from[*i])).collect();
    let later: Vec<f64> = some.iter().map(|i| later[*i]).collect();
    conditions(stage, shock, &places, &later)
}
