//! Endogenous grid (Carroll 2006, *Economics Letters* 91): the states from which next ones come, and what is done there, in place of what
//! is done at given states.
//!
//! At a next state `x'` of the grid its marginal value is known without interpolation, and the first-order condition
//! `r_a(x, a) + d E[m(x')] g_a(x, a) = 0` with the law `g(x, a) = x'` gives the state `x` and the action `a` at once: by Newton's method in the
//! two, which takes one step where marginal rewards are inverted in closed form. Between such states actions are interpolated (a
//! spline), and held inside their bounds: beyond a bound the unbounded solution goes on smoothly, so that bounds that bind now and then
//! leave no dent.

use super::block::Block;
use super::origin::{Found, Origin, search};
use super::stage::Stage;
use super::{Ages, TimeIteration, TimeIterationOptions, ages, solve_by};
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::interpolate::Curve;
use crate::num::interpolate::{Outside, Rule};
use crate::solve::bellman::{At, Scratch};
use crate::solve::method::{Method, Structure, Task};
use crate::solve::problem::{DecisionProblem, Lanes};
use crate::solve::progress::Watch;
use crate::solve::solution::Solution;
use crate::solve::upper_envelope;
use rayon::prelude::*;

/// The endogenous grid, as a method among others.
pub struct EndogenousGrid;

impl Method for EndogenousGrid {
    fn name(&self) -> &'static str {
        "endogenous_grid"
    }

    fn about(&self) -> &'static str {
        "endogenous grid (Carroll 2006): first-order conditions solved for the states from which next ones come; one continuous state, one \
         continuous action that fixes its next value; with finite choices or a horizon by upper envelopes (Iskhakov et al. 2017)"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["tolerance", "iterations"]
    }

    fn fits(&self, s: &Structure) -> Result<(), String> {
        if s.answered {
            return Err(super::ANSWERED.to_string());
        }
        match kinked(s) {
            true if s.counts => ages::fits(s),
            true => upper_envelope::fits(s),
            false => EndogenousGrid::smooth(s),
        }
    }

    fn preferred(&self, s: &Structure) -> Option<&'static str> {
        if ages::fits(s).is_ok() {
            return Some("whole-number states move by themselves: it goes backward from the last, each solved once");
        }
        let kinks = s.horizon.is_some() && s.actions.1 > 0;
        (kinks && upper_envelope::fits(s).is_ok())
            .then_some("choices over a horizon make kinks, which it carries where they are")
    }

    fn solve(&self, task: Task, progress: &mut dyn Watch) -> Result<Solution, Diagnostic> {
        let structure = Structure::of(task.problem.spec());
        if ages::fits(&structure).is_ok() {
            let options = TimeIterationOptions::of(&task, true);
            let ages = Ages::solve(task.problem, None, options, progress)?;
            return ages.solution(task.problem, options);
        }
        if kinked(&structure) && upper_envelope::fits(&structure).is_ok() {
            return upper_envelope::solve(&task, progress);
        }
        solve_by(self, task, true, progress)
    }
}

/// Whether values have kinks, or differ from period to period: a case for upper envelopes.
fn kinked(s: &Structure) -> bool {
    s.horizon.is_some() || s.actions.1 > 0 || s.states.1 > 0 && s.states.0 > 0
}

impl EndogenousGrid {
    /// Whether it can solve a problem of this structure without upper envelopes.
    ///
    /// # Errors
    /// What is in the way.
    pub fn smooth(s: &Structure) -> Result<(), String> {
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
}

/// The states from which those of a grid come, shock by shock.
#[derive(Clone)]
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
        let (log, width) = (stage.log(0), to[nodes - 1] - to[0]);
        let one = |(shock, from): (usize, &mut Vec<Origin>)| -> (Vec<f64>, usize, Option<usize>) {
            let row = &stage.bellman.problem.spec().chain.transition[shock];
            let later: Vec<f64> = (0..nodes)
                .map(|i| {
                    let own = &marginal[i * nz..(i + 1) * nz];
                    let sum: f64 = own.iter().zip(row).map(|(m, p)| p * m).sum();
                    stage.discount[shock] * if log { sum / to[i] } else { sum }
                })
                .collect();
            search((to, width, log), from, tolerance, |which, places| {
                let later: Vec<f64> = which.iter().map(|i| later[*i]).collect();
                conditions(stage, shock, places, &later)
            });
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
