//! How far states go under a solution: on simulated lives, by the worst draw from there, and through streaks of rare states of a chain.
//!
//! A few hundred periods of some lives do not meet a state of a chain that comes once in a thousand periods and stays for twenty. What
//! happens there still counts in the value at every place from which it can come, and an extrapolation from a grid that ends too early knows
//! nothing of it. So the farthest places that each state of the chain can lead to are followed for as long as the chance of what leads there,
//! discounted, is not below [`RAREST`].

use crate::check::Model;
use crate::check::model::Family;
use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::decision::Decision;
use crate::solve::problem::DecisionProblem;
use crate::solve::solution::Solution;
use crate::verify::grid;
use crate::verify::handed::Handed;
use crate::verify::simulate::{ChainPaths, PathPolicy, SolvedPolicy};
use std::collections::BTreeMap;

/// Paths and periods on which it is seen how far states go, and worst draws after that.
const REACH_PATHS: usize = 32;
const REACH_PERIODS: usize = 300;
const REACH_DRAWS: usize = 1;
/// Smallest discounted chance of a streak that is followed, most periods of it, and after how many without anything new it is left.
const RAREST: f64 = 1e-8;
const STREAK: usize = 200;
const NOTHING_NEW: usize = 12;
/// Most evaluations of the period for streaks.
const FOLLOWED: usize = 3_000_000;
/// How far beyond an end of the grid a streak is followed, as a share of its range, and as a ratio where it is in logarithms: farther off the policy is a
/// guess, and is known better once the grid is wider.
const BEYOND: f64 = 0.25;
const RATIO: f64 = 4.0;
/// Where it is asked whether a state still grows, and how far beyond its grid it is then said to go, as shares of the grid's range; steps
/// after which chances of shocks are stationary.
const INSIDE: f64 = 0.6;
const GROWTH: f64 = 0.3;
const SETTLED: usize = 400;

/// How far states go.
pub(super) struct Reach {
    /// `(lowest, highest)` on lives and by the worst draw after them, one pair per state.
    pub(super) range: Vec<(f64, f64)>,
    /// Those of streaks, too.
    pub(super) with_streaks: Vec<(f64, f64)>,
    /// States that still grow on average well inside their grids, as numbers.
    pub(super) growing: Vec<usize>,
}

/// The farthest places that were met.
#[derive(Clone)]
struct Met {
    range: Vec<(f64, f64)>,
    /// The place behind each end, `[state][lower, upper]`, with its shock.
    behind: Vec<[Option<(usize, Vec<f64>)>; 2]>,
}

impl Met {
    fn new(states: usize) -> Met {
        Met {
            range: vec![(f64::INFINITY, f64::NEG_INFINITY); states],
            behind: vec![[None, None]; states],
        }
    }

    /// Takes a place in; returns by how much it moves an end, as a share of the range so far, at most.
    fn take(&mut self, shock: usize, x: &[f64]) -> f64 {
        let mut moved: f64 = 0.0;
        for (s, x_s) in x.iter().enumerate() {
            let (lo, hi) = self.range[s];
            let width = (hi - lo).max(f64::MIN_POSITIVE);
            if *x_s < lo {
                moved = moved.max((lo - x_s) / width.min((lo - x_s).max(lo.abs())));
                self.range[s].0 = *x_s;
                self.behind[s][0] = Some((shock, x.to_vec()));
            }
            if *x_s > hi {
                moved = moved.max((x_s - hi) / width);
                self.range[s].1 = *x_s;
                self.behind[s][1] = Some((shock, x.to_vec()));
            }
        }
        moved
    }

    fn places(&self) -> Vec<(usize, Vec<f64>)> {
        self.behind.iter().flatten().flatten().cloned().collect()
    }
}

/// How far states go under a solution from where they start.
///
/// # Errors
/// Those of reading the policy: E0905 and E0904.
pub(super) fn reach(
    model: &Model,
    problem: &Decision,
    solution: &Solution,
    options: &grid::GridCertificateOptions,
) -> Result<Reach, Diagnostic> {
    let bellman = Bellman::new(problem, solution.interpolation)?;
    let searched = SolvedPolicy::new(&bellman, solution)?;
    let handed = Handed::where_dear(&bellman, &searched, solution)?;
    let policy: &dyn PathPolicy = match &handed {
        Some(h) => h,
        None => &searched,
    };
    let ns = problem.spec().states.len();
    let mut met = Met::new(ns);
    let mut sums = vec![0.0; ns];
    let mut world = ChainPaths::new(&bellman, REACH_PATHS, options.seed, &options.starts);
    for _ in 0..REACH_PERIODS {
        world.step(policy, &mut |w| {
            for p in 0..REACH_PATHS {
                let x: Vec<f64> = w.states.iter().map(|s| s[p]).collect();
                sums.iter_mut().zip(&x).for_each(|(sum, x)| *sum += x);
                met.take(w.shock[p], &x);
            }
        });
    }
    // Where a state still grows on average well inside its grid, it goes on to the end and beyond. Close to the end nobody grows: values are
    // level beyond it.
    let inside = |s: usize| {
        let nodes = bellman.tensor.axes()[s].nodes();
        let (lo, hi) = (nodes[0], nodes[nodes.len() - 1]);
        (lo + INSIDE * (hi - lo), hi + GROWTH * (hi - lo))
    };
    let growing: Vec<usize> = (0..ns)
        .filter(|s| {
            let mut x: Vec<f64> = sums
                .iter()
                .map(|sum| sum / (REACH_PATHS * REACH_PERIODS) as f64)
                .collect();
            x[*s] = inside(*s).0;
            grows(&bellman, policy, *s, &x)
        })
        .collect();
    let visited = met.places();
    for _ in 0..REACH_DRAWS {
        worst_draw(&bellman, policy, &mut met);
    }
    for s in &growing {
        met.range[*s].1 = met.range[*s].1.max(inside(*s).1);
    }
    let mut farther = met.clone();
    streaks(&bellman, policy, (visited, noises(model, &bellman)), &mut farther);
    Ok(Reach {
        range: met.range,
        with_streaks: farther.range,
        growing,
    })
}

/// Takes in where the worst draw leads from the farthest places.
fn worst_draw(bellman: &Bellman, policy: &dyn PathPolicy, met: &mut Met) {
    let spec = bellman.problem.spec();
    let mut scratch = Scratch::default();
    for (shock, x) in met.places() {
        let at = At { shock, time: 0 };
        let columns: Vec<[f64; 1]> = x.iter().map(|&v| [v]).collect();
        let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
        let mut actions = vec![vec![0.0]; spec.actions.len()];
        policy.act(at, &refs, &[0.5], &mut actions);
        let acts: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        for &(noise, _) in &bellman.noises {
            for (later, p) in spec.chain.transition[shock].iter().copied().enumerate() {
                if p <= 0.0 {
                    continue;
                }
                let branch = if spec.next_uses_shock_next { later } else { shock };
                bellman.evaluate(at, noise, branch, &refs, &acts, 1, &mut scratch);
                if scratch.end[0] != 0.0 || scratch.chance[0] == 0.0 {
                    continue;
                }
                let next: Vec<f64> = scratch.next.iter().map(|v| v[0]).collect();
                if next.iter().all(|v| v.is_finite()) {
                    met.take(later, &next);
                }
            }
        }
    }
}

/// Nodes of draws that streaks may meet, with their weights: all of finite draws. Where some draw is continuous its worst nodes stand for what lies
/// beyond them, and only the most likely node counts.
fn noises(model: &Model, bellman: &Bellman) -> Vec<(usize, f64)> {
    let finite = |f: Family| matches!(f, Family::Bernoulli | Family::UniformInt | Family::Discrete);
    if model.noises.iter().all(|n| finite(n.family)) {
        return bellman.noises.clone();
    }
    let likely = bellman.noises.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    likely.map(|n| (n.0, 1.0)).into_iter().collect()
}

/// For each joint shock where it may lead, as far as chains go that the file declares: the next joint shock, in which continuous shocks are where they most
/// likely are, and the chance of the states of the others.
fn moves(bellman: &Bellman) -> Vec<Vec<(usize, f64)>> {
    let chain = &bellman.problem.spec().chain;
    let links = chain.links().unwrap_or_default();
    let declared = |j: usize| -> Vec<usize> {
        let at = chain.links_at(&links, j);
        let own = at.into_iter().zip(&links);
        own.filter(|(_, l)| !l.continuous).map(|(i, _)| i).collect()
    };
    let row = |row: &Vec<f64>| -> Vec<(usize, f64)> {
        let mut by: BTreeMap<Vec<usize>, (usize, f64, f64)> = BTreeMap::new();
        for (j, p) in row.iter().copied().enumerate().filter(|(_, p)| *p > 0.0) {
            let key = if links.is_empty() { vec![j] } else { declared(j) };
            let all = by.entry(key).or_insert((j, p, 0.0));
            all.2 += p;
            if p > all.1 {
                (all.0, all.1) = (j, p);
            }
        }
        by.into_values().map(|(j, _, p)| (j, p)).collect()
    };
    chain.transition.iter().map(row).collect()
}

/// Which place is kept: the joint shock, the state and its end, and the chance (its power of ten).
type Front = (usize, usize, bool, i32);

/// Takes in where streaks lead from visited places, at each of which the shock may be any. Of the ways to each shock the farthest along each state is
/// followed, among those of about the same chance.
fn streaks(
    bellman: &Bellman,
    policy: &dyn PathPolicy,
    (visited, noises): (Vec<(usize, Vec<f64>)>, Vec<(usize, f64)>),
    met: &mut Met,
) {
    fault!("interpolation.grid_cut_short", do { return; });
    let spec = bellman.problem.spec();
    let moves = moves(bellman);
    if spec.horizon.is_some() || moves.len() * noises.len() < 2 {
        return;
    }
    let shocks = 0..moves.len();
    let mut front: Vec<(usize, f64, Vec<f64>)> = shocks
        .flat_map(|z| visited.iter().map(move |(_, x)| (z, 1.0, x.clone())))
        .collect();
    let (mut followed, mut idle) = (0, 0);
    let mut scratch = Scratch::default();
    for _ in 0..STREAK {
        let mut best: BTreeMap<Front, (f64, Vec<f64>)> = BTreeMap::new();
        let mut moved: f64 = 0.0;
        for (shock, to) in moves.iter().enumerate() {
            let here: Vec<&(usize, f64, Vec<f64>)> = front.iter().filter(|f| f.0 == shock).collect();
            let n = here.len();
            if n == 0 {
                continue;
            }
            crate::limits::poll();
            let at = At { shock, time: 0 };
            let columns: Vec<Vec<f64>> = (0..spec.states.len())
                .map(|s| here.iter().map(|f| f.2[s]).collect())
                .collect();
            let refs: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let mut actions = vec![vec![0.0; n]; spec.actions.len()];
            policy.act(at, &refs, &vec![0.5; n], &mut actions);
            let acts: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            for &(noise, weight) in &noises {
                for &(later, p) in to {
                    let branch = if spec.next_uses_shock_next { later } else { shock };
                    bellman.evaluate(at, noise, branch, &refs, &acts, n, &mut scratch);
                    followed += n;
                    for (i, from) in here.iter().enumerate() {
                        let chance = from.1 * weight * p * scratch.chance[i] * scratch.discount[i].min(1.0);
                        let x: Vec<f64> = scratch.next.iter().map(|v| v[i]).collect();
                        if scratch.end[i] != 0.0 || !(chance >= RAREST) || !x.iter().all(|v| v.is_finite()) {
                            continue;
                        }
                        let close = is_within(bellman, &x, RATIO, BEYOND);
                        if close || is_within(bellman, &from.2, 1.0, 0.0) {
                            moved = moved.max(met.take(later, &x));
                        }
                        if !close {
                            continue;
                        }
                        for (s, x_s) in x.iter().enumerate() {
                            for upper in [false, true] {
                                let key = (later, s, upper, chance.log10().floor() as i32);
                                let farther = |kept: &(f64, Vec<f64>)| {
                                    let by = (x_s - kept.1[s]) * if upper { 1.0 } else { -1.0 };
                                    by > 0.0 || by == 0.0 && chance > kept.0
                                };
                                if best.get(&key).is_none_or(farther) {
                                    best.insert(key, (chance, x.clone()));
                                }
                            }
                        }
                    }
                }
            }
        }
        idle = if moved > 1e-6 { 0 } else { idle + 1 };
        if idle > NOTHING_NEW || followed > FOLLOWED || best.is_empty() {
            return;
        }
        front = best.into_iter().map(|((z, ..), (p, x))| (z, p, x)).collect();
    }
}

/// Whether a place is on the grid, or beyond it by no more than this ratio (of a grid in logarithms) or this share of its range.
fn is_within(bellman: &Bellman, x: &[f64], ratio: f64, share: f64) -> bool {
    bellman.tensor.axes().iter().zip(x).all(|(axis, x)| {
        let nodes = axis.nodes();
        let (lo, hi) = (nodes[0], nodes[nodes.len() - 1]);
        if axis.log() {
            *x >= lo / ratio && *x <= hi * ratio
        } else {
            *x >= lo - share * (hi - lo) && *x <= hi + share * (hi - lo)
        }
    })
}

/// Whether state `s` is expected to be larger next period at the point `x`, whatever the shock is now (by its stationary chances).
fn grows(bellman: &Bellman, policy: &dyn PathPolicy, s: usize, x: &[f64]) -> bool {
    let spec = bellman.problem.spec();
    let (nz, na) = (spec.chain.transition.len(), spec.actions.len());
    let mut weights = vec![1.0 / nz as f64; nz];
    for _ in 0..SETTLED {
        let mut next = vec![0.0; nz];
        for (w, row) in weights.iter().zip(&spec.chain.transition) {
            row.iter().zip(&mut next).for_each(|(p, n)| *n += w * p);
        }
        weights = next;
    }
    let mut scratch = Scratch::default();
    let columns: Vec<[f64; 1]> = x.iter().map(|&v| [v]).collect();
    let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let mut drift = 0.0;
    for (shock, weight) in weights.iter().enumerate() {
        let at = At { shock, time: 0 };
        let mut actions = vec![vec![0.0]; na];
        policy.act(at, &refs, &[0.5], &mut actions);
        let acts: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        for &(noise, mass) in &bellman.noises {
            for (later, p) in spec.chain.transition[shock].iter().copied().enumerate() {
                let branch = if spec.next_uses_shock_next { later } else { shock };
                bellman.evaluate(at, noise, branch, &refs, &acts, 1, &mut scratch);
                if p > 0.0 && scratch.end[0] == 0.0 {
                    drift += weight * mass * p * scratch.chance[0] * (scratch.next[s][0] - x[s]);
                }
            }
        }
    }
    drift > 1e-9 * x[s].abs()
}
