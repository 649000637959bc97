//! Points at which a solution is judged, and its Bellman residuals, deviation gains and Euler residuals there.

use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::problem::Lanes;
use crate::solve::search::{SearchOptions, choose};
use crate::solve::solution::Solution;
use crate::verify::euler;
use crate::verify::simulate::{PathPolicy, SolvedPolicy};
use rayon::prelude::*;

/// A shock and date, and a state.
pub type Point = (At, Vec<f64>);

/// States that share shock and date, as columns.
struct PointGroup {
    at: At,
    states: Vec<Vec<f64>>,
    n: usize,
}

/// Points with what was measured there.
pub struct Judged {
    /// The points, in the order of the residuals; the arrays below have one value for each.
    pub points: Vec<Point>,
    /// `|TV - V|`, one value for each point.
    pub bellman: Vec<f64>,
    /// `max_a Q - Q(policy)`, one value for each point; NaN with taste shocks, where every choice is made.
    pub deviation: Vec<f64>,
    /// Euler residuals, one value for each point (for some of them where each takes many branches), NaN where a constraint binds;
    /// empty where actions are finite.
    pub euler: Vec<f64>,
    /// Whether they are shares of a period's consumption (else of the size of the value).
    pub by_consumption: bool,
}

impl Judged {
    /// Measures at `points`, one residual for each; `handed` is the policy without a search, where searches are dear, for what is done the period after.
    /// Where first-order conditions are dear, kinks are looked for only where a residual is beyond `doubt`.
    pub fn at(
        bellman: &Bellman,
        policy: &SolvedPolicy,
        handed: Option<&dyn PathPolicy>,
        points: &[Point],
        doubt: f64,
    ) -> Judged {
        let ns = bellman.problem.spec().states.len();
        let differentiable = bellman.finite.is_empty() && !bellman.continuous.is_empty() && ns > 0;
        let groups = group(points, ns);
        // First-order conditions take the square of the branches, so fewer of them are looked at where draws have many nodes.
        let draws = bellman.noises.len();
        let few = if draws > MANY {
            (LOOKS / (draws * draws)).max(FEWEST)
        } else {
            points.len()
        };
        let each = draws * bellman.shocks() * draws * bellman.branches(0).len();
        let searched = if handed.is_some() { 1 } else { SEARCHED };
        let affordable = (EVALUATIONS / (each * searched).max(1)).max(FEWEST);
        let beyond = if affordable < ENOUGH { doubt } else { 0.0 };
        let most = few.min(affordable);
        let every = if differentiable {
            points.len().div_ceil(most.max(1)).max(1)
        } else {
            0
        };
        // Every so many of all points, however they are grouped.
        let mut before = 0usize;
        let first: Vec<usize> = (groups.iter())
            .map(|g| {
                let first = if every > 0 {
                    before.div_ceil(every) * every - before
                } else {
                    0
                };
                before += g.n;
                first
            })
            .collect();
        let all: Vec<Residuals> = groups
            .par_iter()
            .zip(&first)
            .map(|(g, first)| residuals(bellman, policy, handed, g, (*first, every), beyond))
            .collect();
        let mut out = Judged {
            points: Vec::with_capacity(points.len()),
            bellman: Vec::with_capacity(points.len()),
            deviation: Vec::with_capacity(points.len()),
            euler: Vec::new(),
            by_consumption: false,
        };
        for (g, r) in groups.iter().zip(all) {
            out.points
                .extend((0..g.n).map(|i| (g.at, g.states.iter().map(|s| s[i]).collect())));
            out.bellman.extend(r.bellman);
            out.deviation.extend(r.deviation);
            out.euler.extend(r.euler.unwrap_or_default());
            out.by_consumption |= r.by_consumption;
        }
        out
    }
}

/// Nodes of draws that are too many for all points, branches that are then looked at in all, and fewest points.
const MANY: usize = 30;
const LOOKS: usize = 200_000;
const FEWEST: usize = 32;
/// Most evaluations of next period's branches from all points together, where a search on the spot counts as so many; how many points are not few.
const EVALUATIONS: usize = 30_000_000;
const SEARCHED: usize = 20;
const ENOUGH: usize = 200;

/// Splits points into groups of one shock and date, in the order of shock and date, at most 128 points each.
fn group(points: &[Point], ns: usize) -> Vec<PointGroup> {
    let mut keys: Vec<(usize, usize)> = points.iter().map(|(at, _)| (at.time, at.shock)).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut groups = Vec::new();
    for (time, shock) in keys {
        let own: Vec<&Vec<f64>> = points
            .iter()
            .filter(|(at, _)| at.time == time && at.shock == shock)
            .map(|(_, x)| x)
            .collect();
        for part in own.chunks(128) {
            groups.push(PointGroup {
                at: At { shock, time },
                states: (0..ns).map(|s| part.iter().map(|x| x[s]).collect()).collect(),
                n: part.len(),
            });
        }
    }
    groups
}

/// Residuals at one group of points.
struct Residuals {
    bellman: Vec<f64>,
    deviation: Vec<f64>,
    euler: Option<Vec<f64>>,
    by_consumption: bool,
}

/// Where a reward's slope is less than this share of its curvature (`|r'| c < share |r''| c^2`), the reward itself balances consumption with something
/// else (a bequest), and its curvature is the unit: the two are equal for log utility.
const FLAT: f64 = 0.05;

/// `u'(c) c` at `n` lanes (`states[s][i]`, `actions[a][i]`), one value per lane, from the actions that move consumption; `None`
/// without consumption or derivatives.
pub fn consumption_worth(
    bellman: &Bellman,
    at: At,
    states: &[&[f64]],
    actions: &[Vec<f64>],
    n: usize,
) -> Option<Vec<f64>> {
    let ns = states.len();
    let refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
    let mut worth = vec![0.0; n];
    let mut total = vec![0.0; n];
    let chances = bellman.chances(at, at.shock, states, &refs, n);
    for (&(noise, _), chance) in bellman.noises.iter().zip(&chances) {
        let lanes = Lanes {
            states,
            actions: &refs,
            shock: at.shock,
            noise,
            shock_next: at.shock,
            time: at.time,
        };
        let mut c = vec![0.0; n];
        let mut dc = vec![vec![0.0; n]; actions.len()];
        let mut dc_refs: Vec<&mut [f64]> = dc.iter_mut().map(Vec::as_mut_slice).collect();
        if !bellman.problem.consumption(&lanes, &mut c, &mut dc_refs) {
            return None;
        }
        let mut slopes = Vec::new();
        for &a in &bellman.continuous {
            let mut reward = vec![0.0; n];
            let mut next = vec![vec![0.0; n]; ns];
            let mut next_refs: Vec<&mut [f64]> = next.iter_mut().map(Vec::as_mut_slice).collect();
            bellman
                .problem
                .derivative(&lanes, ns + a, &mut reward, &mut next_refs)
                .ok()?;
            // Its change along the action.
            let step: Vec<f64> = actions[a].iter().map(|x| 1e-5 * x.abs().max(1e-6)).collect();
            let mut moved = actions.to_vec();
            moved[a].iter_mut().zip(&step).for_each(|(x, h)| *x += h);
            let moved: Vec<&[f64]> = moved.iter().map(Vec::as_slice).collect();
            let there = Lanes {
                actions: &moved,
                ..lanes
            };
            let mut after = vec![0.0; n];
            let mut next_refs: Vec<&mut [f64]> = next.iter_mut().map(Vec::as_mut_slice).collect();
            bellman
                .problem
                .derivative(&there, ns + a, &mut after, &mut next_refs)
                .ok()?;
            let bends: Vec<f64> = (0..n).map(|i| (after[i] - reward[i]) / step[i]).collect();
            slopes.push((a, reward, bends));
        }
        for i in (0..n).filter(|&i| chance[i] != 0.0) {
            // An action with a cost of its own (hours, effort) has a small slope where it is best: the largest slope a unit of
            // consumption is that of consumption.
            let most = slopes.iter().map(|x| dc[x.0][i].abs()).fold(0.0, f64::max);
            let utility = slopes
                .iter()
                .filter(|x| dc[x.0][i].abs() >= 0.01 * most)
                .map(|x| (x.1[i] / dc[x.0][i]).abs())
                .fold(0.0, f64::max);
            let bend = slopes
                .iter()
                .filter(|x| dc[x.0][i].abs() >= 0.01 * most)
                .map(|x| (x.2[i] / (dc[x.0][i] * dc[x.0][i]) * c[i]).abs())
                .fold(0.0, f64::max);
            let flat = bend.is_finite() && utility < FLAT * bend;
            worth[i] += chance[i] * (if flat { bend } else { utility } * c[i]).abs();
            total[i] += chance[i];
        }
    }
    Some(worth.into_iter().zip(total).map(|(w, total)| w / total).collect())
}

/// Residuals at one group; those of first-order conditions at one of `every` points (at none if that is zero), beginning with `first`, and with a look for
/// kinks where they are larger than `beyond`.
fn residuals(
    bellman: &Bellman,
    policy: &SolvedPolicy,
    handed: Option<&dyn PathPolicy>,
    group: &PointGroup,
    (first, every): (usize, usize),
    beyond: f64,
) -> Residuals {
    let (at, n) = (group.at, group.n);
    let refs: Vec<&[f64]> = group.states.iter().map(Vec::as_slice).collect();
    let continuation = policy.continuation(at.time);
    let mut value = vec![0.0; n];
    policy.reader().values(at, &refs, &mut value);
    let na = bellman.problem.spec().actions.len();
    let mut actions = vec![vec![0.0; n]; na];
    policy.act(at, &refs, &vec![0.5; n], &mut actions);
    let action_refs: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
    let (mut q, mut slack) = (vec![0.0; n], vec![0.0; n]);
    bellman.q(
        continuation,
        at,
        &refs,
        &action_refs,
        &mut Scratch::default(),
        &mut q,
        &mut slack,
    );
    let best = choose(
        bellman,
        continuation,
        at,
        &refs,
        n,
        Some(&actions),
        SearchOptions::default(),
    );
    let worth = consumption_worth(bellman, at, &refs, &actions, n);
    let unit = |i: usize| match &worth {
        Some(w) if w[i] > 0.0 && w[i].is_finite() => w[i],
        _ => policy.size_of(value[i]),
    };
    let (mut bellman_residual, mut deviation) = (vec![f64::INFINITY; n], vec![f64::INFINITY; n]);
    if let Ok(best) = best {
        for i in 0..n {
            // What the policy does may be better than what the search finds.
            let most = if q[i] > best.value[i] { q[i] } else { best.value[i] };
            bellman_residual[i] = (most - value[i]).abs() / unit(i);
            // With taste shocks every choice is made; what is gained or lost shows in the Bellman residual.
            deviation[i] = if bellman.taste.is_some() {
                f64::NAN
            } else {
                (best.value[i] - q[i]).max(0.0) / unit(i)
            };
        }
    }
    let euler = if every > 0 {
        let some = |s: &Vec<f64>| s.iter().skip(first).step_by(every).copied().collect();
        let states: Vec<Vec<f64>> = group.states.iter().map(some).collect();
        match n.saturating_sub(first).div_ceil(every) {
            0 => None,
            many => {
                let later: &dyn PathPolicy = handed.unwrap_or(policy);
                euler::residuals_of(bellman, (policy, later), policy, at, &states, many, beyond)
            }
        }
    } else {
        None
    };
    Residuals {
        bellman: bellman_residual,
        deviation,
        euler,
        by_consumption: worth.is_some(),
    }
}

/// At most about `most` points in the middle of cells (in the log on log grids), spread evenly over the whole grid, every shock
/// and period. A point is its shock and date and one value per state.
pub fn between_nodes(bellman: &Bellman, solution: &Solution, most: usize) -> Vec<Point> {
    let axes = &solution.states;
    let cells: Vec<usize> = axes
        .iter()
        .map(|a| if a.integer { a.nodes.len() } else { a.nodes.len() - 1 })
        .collect();
    let nz = bellman.shocks();
    let total = cells
        .iter()
        .fold(nz.saturating_mul(solution.periods), |n, c| n.saturating_mul(*c));
    let stride = total.div_ceil(most.max(1)).max(1);
    (0..total)
        .step_by(stride)
        .map(|mut k| {
            let shock = k % nz;
            k /= nz;
            let mut x = vec![0.0; axes.len()];
            for (s, axis) in axes.iter().enumerate().rev() {
                let cell = k % cells[s];
                k /= cells[s];
                x[s] = match (axis.integer, axis.log) {
                    (true, _) => axis.nodes[cell],
                    (false, true) => (axis.nodes[cell] * axis.nodes[cell + 1]).sqrt(),
                    (false, false) => 0.5 * (axis.nodes[cell] + axis.nodes[cell + 1]),
                };
            }
            (At { shock, time: k }, x)
        })
        .collect()
}
