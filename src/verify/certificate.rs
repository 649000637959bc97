//! The certificate of a solved decision problem.
//!
//! What is measured, and on which states:
//!
//! * *Bellman residual* `|TV - V|` and *one-shot deviation gain* `max_a Q(x, a) - Q(x, policy(x))`, both divided by `u'(c) c`: the share of
//!   one period's consumption they are worth (by `1 + |V|` if the problem names no consumption).
//! * *Euler residuals* (see [`super::euler`]).
//! * all three on the *ergodic set* (simulated under the policy) and on the *whole grid*, between nodes, where interpolation
//!   errs most. Only the ergodic set decides; the grid tells how far the solution can be trusted off it.
//! * the share of simulated time outside the grid, at its edges while neither a constraint nor the law of the state explains
//!   it, at each constraint;
//! * moments obtained by simulation and, for shocks, those of the chain;
//! * the value of the best *constant* policy: a solution that does not beat it is worthless whatever its residuals. The
//!   constant is looked for under one set of draws and compared with the solution under another, path by path.
//!
//! Each threshold is a named setting; a certificate that fails carries the reasons as diagnostics.

use super::euler::{self, Binding, bindings};
use super::simulate::{ConstantPolicy, SolvedPolicy, World, lifetimes};
use crate::diag::Diagnostic;
use crate::num::interpolate::{Place, Surface};
use crate::num::{chain, optimise, statistics};
use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::problem::{ActionKind, DecisionProblem, Lanes};
use crate::solve::search::{SearchOptions, choose};
use crate::solve::solution::Solution;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What a solution must satisfy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Largest log10 of the 99 % quantile of Euler residuals on the ergodic set.
    pub euler: f64,
    /// Largest log10 of the 99 % quantile of Bellman residuals on the ergodic set.
    pub bellman: f64,
    /// Largest log10 of the largest one-shot deviation gain on the ergodic set.
    pub deviation: f64,
    /// Largest share of simulated time outside the grid or at an edge that no constraint explains.
    pub edges: f64,
    /// Largest share of simulated time with actions that violate a hard constraint.
    pub infeasible: f64,
    /// How far below the best constant policy the solution may fall, relative to `1 + |value|`, beyond three standard errors
    /// of the difference.
    pub constant: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            euler: -3.0,
            bellman: -3.0,
            deviation: -3.0,
            edges: 1e-3,
            infeasible: 0.0,
            constant: 1e-6,
        }
    }
}

/// Settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Simulated paths.
    pub paths: usize,
    /// Periods before anything is recorded.
    pub burn_in: usize,
    /// Recorded periods.
    pub periods: usize,
    /// Most points at which residuals are computed, on the ergodic set and on the grid each.
    pub points: usize,
    /// Seed of all draws.
    pub seed: u64,
    /// Where paths start, in turn; the steady state or the middle of the grid if empty.
    pub starts: Vec<Vec<f64>>,
    /// Compare with the best constant policy.
    pub constant: bool,
    /// What must hold.
    pub thresholds: Thresholds,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            paths: 32,
            burn_in: 200,
            periods: 400,
            points: 1500,
            seed: 1,
            starts: Vec::new(),
            constant: true,
            thresholds: Thresholds::default(),
        }
    }
}

/// Quantiles of the log10 of residuals; residuals below 1e-16 count as 1e-16.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Number of points.
    pub points: usize,
    /// log10 of the mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// Mean, standard deviation, autocorrelation and range of a simulated series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesMoments {
    /// What.
    pub name: String,
    /// Mean over paths and periods.
    pub mean: f64,
    /// Standard deviation over paths and periods.
    pub sd: f64,
    /// Mean over paths of the first autocorrelation.
    pub autocorrelation: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// For shocks: mean, sd and autocorrelation of the chain.
    pub chain: Option<(f64, f64, f64)>,
}

/// Share of simulated time at something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// At what.
    pub name: String,
    /// Share of path-periods.
    pub share: f64,
}

/// The comparison with the best constant policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConstantComparison {
    /// `share` of the range that the bounds leave, `level`, or `choice`.
    pub kind: String,
    /// The constant, one number an action.
    pub actions: Vec<f64>,
    /// Its mean discounted reward, on draws it was not chosen by.
    pub constant: f64,
    /// The solution's, under the same draws.
    pub solution: f64,
    /// Standard error of the mean difference between the two; zero where nothing is random.
    pub standard_error: f64,
    /// Paths of the comparison.
    pub paths: usize,
    /// Periods over which both were summed; what is left after them is worth what the solution says, for both.
    pub periods: usize,
}

/// Stands for minus infinity in means, which files cannot hold.
const NEVER: f64 = -1e300;

impl ConstantComparison {
    /// The most that the constant may earn: what the solution does, with `threshold (1 + |value|)` and the luck of the draws.
    pub fn limit(&self, threshold: f64) -> f64 {
        self.solution + threshold * (1.0 + self.constant.abs()) + 3.0 * self.standard_error
    }

    /// Whether the solution is as good as the constant.
    pub fn holds(&self, threshold: f64) -> bool {
        self.constant <= NEVER || self.constant <= self.limit(threshold)
    }
}

/// The verdict on a solution, with everything it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whether every threshold is met.
    pub passed: bool,
    /// Why not (errors), and what should be known (warnings).
    pub reasons: Vec<Diagnostic>,
    /// `consumption` or `value`: what Bellman residuals and gains are measured in.
    pub unit: String,
    /// Bellman residuals on the ergodic set.
    pub bellman: Option<Quantiles>,
    /// Bellman residuals between nodes of the whole grid.
    pub bellman_grid: Option<Quantiles>,
    /// Euler residuals on the ergodic set, where no constraint binds.
    pub euler: Option<Quantiles>,
    /// Euler residuals between nodes of the whole grid.
    pub euler_grid: Option<Quantiles>,
    /// One-shot deviation gains on the ergodic set.
    pub deviation: Option<Quantiles>,
    /// Share of points of the ergodic set left out of the Euler statistics because a constraint binds.
    pub constrained: f64,
    /// Share of simulated time at each constraint.
    pub constraints: Vec<Share>,
    /// Share of simulated time at each end of each continuous state's grid.
    pub edges: Vec<Share>,
    /// Share of simulated time outside the grid.
    pub outside: f64,
    /// Share of simulated time at an edge although no constraint binds and the state's law would let it pass.
    pub unexplained_edges: f64,
    /// Share of simulated time with violated hard constraints.
    pub infeasible: f64,
    /// Moments.
    pub moments: Vec<SeriesMoments>,
    /// The best constant policy.
    pub constant: Option<ConstantComparison>,
    /// What was asked for.
    pub thresholds: Thresholds,
    /// Where on the grid the solution can be trusted.
    #[serde(default)]
    pub trusted: Option<super::trusted::Trusted>,
    /// The judgement in the economy that `econc simulate` runs.
    #[serde(default)]
    pub world: Option<super::world::WorldCertificate>,
}

fn quantiles(values: &[f64]) -> Option<Quantiles> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_by(f64::total_cmp);
    let log = |v: f64| v.clamp(1e-16, 1e300).log10();
    let at = |p: f64| log(statistics::quantile_sorted(&sorted, p));
    Some(Quantiles {
        points: sorted.len(),
        mean: log(statistics::mean(&sorted)),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: at(1.0),
    })
}

/// States that share shock and date, as columns.
struct PointGroup {
    at: At,
    states: Vec<Vec<f64>>,
    n: usize,
}

/// Splits points into groups of one shock and date, in the order of shock and date, at most 128 points each.
fn group(points: &[(At, Vec<f64>)], ns: usize) -> Vec<PointGroup> {
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

/// `u'(c) c` at each point, from the actions that move consumption; `None` without consumption or derivatives.
pub(super) fn consumption_worth(
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
            slopes.push((a, reward));
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
            worth[i] += chance[i] * (utility * c[i]).abs();
            total[i] += chance[i];
        }
    }
    Some(worth.into_iter().zip(total).map(|(w, total)| w / total).collect())
}

fn residuals(bellman: &Bellman, policy: &SolvedPolicy, group: &PointGroup, euler_too: bool) -> Residuals {
    let (at, n) = (group.at, group.n);
    let refs: Vec<&[f64]> = group.states.iter().map(Vec::as_slice).collect();
    let continuation = policy.continuation(at.time);
    let mut value = vec![0.0; n];
    policy.reader().values(at, &refs, &mut value);
    let na = bellman.problem.spec().actions.len();
    let mut actions = vec![vec![0.0; n]; na];
    super::simulate::Policy::act(policy, at, &refs, &vec![0.5; n], &mut actions);
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
        _ => 1.0 + value[i].abs(),
    };
    let (mut bellman_residual, mut deviation) = (vec![f64::INFINITY; n], vec![f64::INFINITY; n]);
    if let Ok(best) = best {
        for i in 0..n {
            bellman_residual[i] = (best.value[i] - value[i]).abs() / unit(i);
            // With taste shocks every choice is made; what is gained or lost shows in the Bellman residual.
            deviation[i] = if bellman.taste.is_some() {
                f64::NAN
            } else {
                (best.value[i] - q[i]).max(0.0) / unit(i)
            };
        }
    }
    let euler = if euler_too {
        euler::residuals(bellman, policy, at, &group.states, n)
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

/// Judges a solution of a problem.
pub fn certify(
    problem: &dyn DecisionProblem,
    solution: &Solution,
    options: &Options,
) -> Result<Certificate, Diagnostic> {
    let bellman = Bellman::new(problem, solution.interpolation)?;
    let policy = SolvedPolicy::new(&bellman, solution)?;
    let spec = problem.spec();
    let ns = spec.states.len();
    let paths = options.paths.max(1);
    let simulated = Simulated::run(&bellman, &policy, options, paths);
    let samples = simulated.times.len();

    let stride = samples.div_ceil(options.points.max(1)).max(1);
    let points: Vec<(At, Vec<f64>)> = (0..samples)
        .step_by(stride)
        .map(|k| (simulated.times[k], simulated.states.iter().map(|s| s[k]).collect()))
        .collect();
    let differentiable = bellman.finite.is_empty() && !bellman.continuous.is_empty() && ns > 0;
    let judge = |points: &[(At, Vec<f64>)]| -> Vec<Residuals> {
        group(points, ns)
            .par_iter()
            .map(|g| residuals(&bellman, &policy, g, differentiable))
            .collect()
    };
    let ergodic = judge(&points);
    let grid_points = between_nodes(&bellman, solution, options.points);
    let grid = judge(&grid_points);
    let collect =
        |all: &[Residuals], of: &dyn Fn(&Residuals) -> Vec<f64>| -> Vec<f64> { all.iter().flat_map(of).collect() };
    let eulers = |all: &[Residuals]| collect(all, &|r| r.euler.clone().unwrap_or_default());
    let euler_points = eulers(&ergodic);
    let bound = euler_points.iter().filter(|e| e.is_nan()).count();

    let mut certificate = Certificate {
        passed: false,
        reasons: solution.record.warnings.clone(),
        unit: if ergodic.iter().any(|r| r.by_consumption) {
            "consumption"
        } else {
            "value"
        }
        .into(),
        bellman: quantiles(&collect(&ergodic, &|r| r.bellman.clone())),
        bellman_grid: quantiles(&collect(&grid, &|r| r.bellman.clone())),
        euler: quantiles(&euler_points),
        euler_grid: quantiles(&eulers(&grid)),
        deviation: quantiles(&collect(&ergodic, &|r| r.deviation.clone())),
        constrained: if euler_points.is_empty() {
            0.0
        } else {
            bound as f64 / euler_points.len() as f64
        },
        constraints: simulated.constraint_shares(&bellman),
        edges: simulated.edge_shares(&bellman),
        outside: simulated.share(&simulated.outside),
        unexplained_edges: simulated.share(&simulated.unexplained),
        infeasible: simulated.share(&simulated.infeasible),
        moments: simulated.moments(&bellman, paths),
        constant: None,
        thresholds: options.thresholds.clone(),
        trusted: trusted(&bellman, solution, &grid_points, &grid, &simulated, &options.thresholds),
        world: None,
    };
    if options.constant {
        certificate.constant = best_constant(&bellman, &policy, solution, options);
    }
    judge_thresholds(&mut certificate);
    Ok(certificate)
}

/// Where Bellman residuals between the nodes are small, around what was simulated.
fn trusted(
    bellman: &Bellman,
    solution: &Solution,
    points: &[(At, Vec<f64>)],
    residuals: &[Residuals],
    simulated: &Simulated,
    thresholds: &Thresholds,
) -> Option<super::trusted::Trusted> {
    if bellman.only_nodes() || bellman.tensor.axes().is_empty() {
        return None;
    }
    let ns = solution.states.len();
    let mut judged: Vec<(Vec<f64>, f64)> = Vec::with_capacity(points.len());
    for (g, r) in group(points, ns).iter().zip(residuals) {
        for i in 0..g.n {
            judged.push((g.states.iter().map(|s| s[i]).collect(), r.bellman[i]));
        }
    }
    let visited: Vec<(f64, f64)> = simulated
        .states
        .iter()
        .map(|s| {
            s.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| {
                (lo.min(*x), hi.max(*x))
            })
        })
        .collect();
    Some(super::trusted::region(
        &solution.states,
        &visited,
        &judged,
        10f64.powf(thresholds.bellman),
    ))
}

fn judge_thresholds(c: &mut Certificate) {
    let t = c.thresholds.clone();
    let unit = if c.unit == "consumption" {
        "of a period's consumption"
    } else {
        "of the value"
    };
    let mut fail = |code: &str, headline: String, note: String, hint: &str| {
        c.reasons.push(Diagnostic::error(code, headline).note(note).hint(hint));
    };
    if let Some(q) = c.euler.filter(|q| !(q.p99 <= t.euler)) {
        fail(
            "E0911",
            format!(
                "Euler residuals are too large: 10^{:.2} of consumption at the 99 % quantile",
                q.p99
            ),
            format!(
                "asked for 10^{:.2}; median 10^{:.2}, largest 10^{:.2}, {} points",
                t.euler, q.p50, q.max, q.points
            ),
            "use more nodes, a log grid, or cubic interpolation",
        );
    }
    if let Some(q) = c.bellman.filter(|q| !(q.p99 <= t.bellman)) {
        fail(
            "E0912",
            format!(
                "Bellman residuals are too large: 10^{:.2} {unit} at the 99 % quantile",
                q.p99
            ),
            format!(
                "asked for 10^{:.2}; median 10^{:.2}, largest 10^{:.2}, {} points",
                t.bellman, q.p50, q.max, q.points
            ),
            "use more nodes, a log grid, or cubic interpolation",
        );
    }
    if !(c.outside.max(c.unexplained_edges) <= t.edges) {
        fail(
            "E0913",
            format!(
                "the grid is too narrow: {:.2} % of simulated time is spent outside it or pressed against its edge",
                100.0 * (c.outside + c.unexplained_edges)
            ),
            format!(
                "at most {:.2} % is allowed; outside {:.2} %, at an edge without a binding constraint {:.2} %",
                100.0 * t.edges,
                100.0 * c.outside,
                100.0 * c.unexplained_edges
            ),
            "widen the grid of the state",
        );
    }
    if let Some(q) = c.deviation.filter(|q| !(q.max <= t.deviation)) {
        fail(
            "E0914",
            format!("a one-period deviation from the policy gains 10^{:.2} {unit}", q.max),
            format!("asked for 10^{:.2}; 99 % quantile 10^{:.2}", t.deviation, q.p99),
            "use more nodes; if the policy has kinks or jumps, put nodes there",
        );
    }
    if let Some(k) = c.constant.as_ref().filter(|k| !k.holds(t.constant)) {
        let headline = format!(
            "a constant policy does better: {:.6} against {:.6}",
            k.constant, k.solution
        );
        let note = format!(
            "constant {} {:?}; the same {} paths for both, standard error of the difference {:.1e}",
            k.kind, k.actions, k.paths, k.standard_error
        );
        fail(
            "E0915",
            headline,
            note,
            "the solution is wrong or its grid far too coarse: refine it, and check the model's signs",
        );
    }
    if let Some(spike) = c.trusted.as_ref().and_then(|t| t.spikes.first()) {
        let count = c.trusted.as_ref().map_or(0, |t| t.spikes.len());
        fail(
            "E0948",
            format!("the value has spikes off the visited set: {count} points between good ones are off"),
            format!("first at {:?}, by {:.1e} {unit}", spike.0, spike.1),
            "howard = 0, more nodes or linear interpolation; or narrow the grid to where the solution is wanted",
        );
    }
    if !(c.infeasible <= t.infeasible) {
        fail(
            "E0916",
            format!("{:.2} % of simulated time violates a `require`", 100.0 * c.infeasible),
            "the policy cannot keep the constraint from everywhere it leads to".into(),
            "widen the action's bounds or the state's grid",
        );
    }
    // Off the grid nothing else that was measured means anything.
    if c.outside > 0.5 {
        c.reasons
            .retain(|d| d.severity != crate::diag::Severity::Error || d.code == "E0913");
    }
    c.passed = !c.reasons.iter().any(|d| d.severity == crate::diag::Severity::Error);
}

/// Points in the middle of cells (in the log on log grids), spread evenly over the whole grid, every shock and period.
fn between_nodes(bellman: &Bellman, solution: &Solution, most: usize) -> Vec<(At, Vec<f64>)> {
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

/// Everything that is kept of a simulation, `[.. path fastest]`.
#[derive(Default)]
struct Simulated {
    times: Vec<At>,
    states: Vec<Vec<f64>>,
    actions: Vec<Vec<f64>>,
    reward: Vec<f64>,
    outside: Vec<bool>,
    infeasible: Vec<bool>,
    unexplained: Vec<bool>,
    binding: Vec<Binding>,
}

impl Simulated {
    fn run(bellman: &Bellman, policy: &SolvedPolicy, options: &Options, paths: usize) -> Self {
        let spec = bellman.problem.spec();
        let mut world = World::new(bellman, paths, options.seed, &options.starts);
        // A finite life is recorded from its start.
        let burn = if spec.horizon.is_some() { 0 } else { options.burn_in };
        for _ in 0..burn {
            world.step(policy, &mut |_| {});
        }
        let mut out = Simulated {
            states: vec![Vec::new(); spec.states.len()],
            actions: vec![Vec::new(); spec.actions.len()],
            ..Simulated::default()
        };
        for _ in 0..options.periods.max(1) {
            world.step(policy, &mut |w| {
                for p in 0..paths {
                    out.times.push(At {
                        shock: w.shock[p],
                        time: w.time[p],
                    });
                    for (all, s) in out.states.iter_mut().zip(&w.states) {
                        all.push(s[p]);
                    }
                    for (all, a) in out.actions.iter_mut().zip(&w.actions) {
                        all.push(a[p]);
                    }
                    out.reward.push(w.reward[p]);
                    out.infeasible.push(w.infeasible[p]);
                }
            });
        }
        out.bind(bellman);
        let axes = bellman.tensor.axes();
        let n = out.times.len();
        out.outside = (0..n)
            .map(|k| {
                axes.iter()
                    .enumerate()
                    .any(|(s, axis)| axis.locate(out.states[s][k]).beyond != 0.0)
            })
            .collect();
        // An edge is explained if the law of the state holds it there, or a constraint bound when it was chosen, one
        // period before.
        let held = |s: usize, upper: bool| {
            bellman
                .problem
                .spec()
                .held
                .get(s)
                .is_some_and(|h| h[usize::from(upper)])
        };
        out.unexplained = (0..n)
            .map(|k| {
                let at_edge = (0..axes.len()).any(|s| out.edge(bellman, s, k).is_some_and(|upper| !held(s, upper)));
                // What led to the first recorded period is not recorded, and nobody is pressed against the end where lives start.
                let starts = options
                    .starts
                    .iter()
                    .any(|x| (0..axes.len()).all(|s| x[s] == out.states[s][k]));
                at_edge && !out.outside[k] && !starts && k >= paths && out.binding[k - paths] == Binding::Free
            })
            .collect();
        out
    }

    fn bind(&mut self, bellman: &Bellman) {
        let n = self.times.len();
        self.binding = vec![Binding::Free; n];
        if bellman.continuous.is_empty() {
            return;
        }
        let mut keys: Vec<(usize, usize)> = self.times.iter().map(|at| (at.time, at.shock)).collect();
        keys.sort_unstable();
        keys.dedup();
        for (time, shock) in keys {
            let lanes: Vec<usize> = (0..n)
                .filter(|&k| self.times[k].time == time && self.times[k].shock == shock)
                .collect();
            let pick =
                |c: &[Vec<f64>]| -> Vec<Vec<f64>> { c.iter().map(|c| lanes.iter().map(|&k| c[k]).collect()).collect() };
            let (states, actions) = (pick(&self.states), pick(&self.actions));
            let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
            for (b, &k) in bindings(bellman, At { shock, time }, &refs, &actions)
                .into_iter()
                .zip(&lanes)
            {
                self.binding[k] = b;
            }
        }
    }

    /// Whether state `s` is at the lower (`Some(false)`) or upper end of its grid.
    fn edge(&self, bellman: &Bellman, s: usize, k: usize) -> Option<bool> {
        let axis = &bellman.tensor.axes()[s];
        if axis.rule() == crate::num::interpolate::Rule::Nodes {
            return None;
        }
        let nodes = axis.nodes();
        let (lo, hi) = (nodes[0], nodes[nodes.len() - 1]);
        let near = 1e-7 * (hi - lo);
        let x = self.states[s][k];
        if x <= lo + near.min(1e-3 * (nodes[1] - lo)) {
            Some(false)
        } else if x >= hi - near {
            Some(true)
        } else {
            None
        }
    }

    fn share(&self, flags: &[bool]) -> f64 {
        flags.iter().filter(|f| **f).count() as f64 / flags.len().max(1) as f64
    }

    fn edge_shares(&self, bellman: &Bellman) -> Vec<Share> {
        let spec = bellman.problem.spec();
        let mut shares = Vec::new();
        for (s, state) in spec.states.iter().enumerate() {
            if bellman.tensor.axes()[s].rule() == crate::num::interpolate::Rule::Nodes {
                continue;
            }
            for (upper, word) in [(false, "lower"), (true, "upper")] {
                let flags: Vec<bool> = (0..self.times.len())
                    .map(|k| self.edge(bellman, s, k) == Some(upper))
                    .collect();
                shares.push(Share {
                    name: format!("{} at its {word} end", state.name),
                    share: self.share(&flags),
                });
            }
        }
        shares
    }

    fn constraint_shares(&self, bellman: &Bellman) -> Vec<Share> {
        let spec = bellman.problem.spec();
        let mut shares = Vec::new();
        let mut push = |name: String, what: Binding| {
            let flags: Vec<bool> = self.binding.iter().map(|b| *b == what).collect();
            shares.push(Share {
                name,
                share: self.share(&flags),
            });
        };
        for (c, &a) in bellman.continuous.iter().enumerate() {
            let name = &spec.actions[a].name;
            push(format!("{name} at its lower bound"), Binding::Lower(c));
            push(format!("{name} at its upper bound"), Binding::Upper(c));
        }
        if !bellman.continuous.is_empty() {
            push("a hard constraint binds".into(), Binding::Slack);
        }
        shares
    }

    fn moments(&self, bellman: &Bellman, paths: usize) -> Vec<SeriesMoments> {
        let spec = bellman.problem.spec();
        let series = |name: &str, x: &[f64], chain: Option<(f64, f64, f64)>| {
            let by_path = (0..paths).map(|p| {
                let own: Vec<f64> = x.iter().skip(p).step_by(paths).copied().collect();
                statistics::autocorrelation(&own)
            });
            SeriesMoments {
                name: name.into(),
                mean: statistics::mean(x),
                sd: statistics::sd(x),
                autocorrelation: by_path.sum::<f64>() / paths as f64,
                min: x.iter().copied().fold(f64::INFINITY, f64::min),
                max: x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                chain,
            }
        };
        let mut all = Vec::new();
        for (s, name) in spec.chain.names.iter().enumerate() {
            let values: Vec<f64> = spec.chain.values.iter().map(|v| v[s]).collect();
            let x: Vec<f64> = self.times.iter().map(|at| values[at.shock]).collect();
            let exact = chain::Chain {
                values,
                transition: spec.chain.transition.clone(),
            }
            .moments();
            all.push(series(name, &x, Some((exact.mean, exact.sd, exact.autocorrelation))));
        }
        for (state, x) in spec.states.iter().zip(&self.states) {
            all.push(series(&state.name, x, None));
        }
        for (action, x) in spec.actions.iter().zip(&self.actions) {
            all.push(series(&action.name, x, None));
        }
        all.push(series("reward", &self.reward, None));
        all
    }
}

/// Paths on which the best constant is looked for, and on which it is compared with the solution.
const CONSTANT_PATHS: (usize, usize) = (16, 64);

/// The best constant policy and the solution under draws that the constant was not chosen by; `None` where there is no
/// natural constant policy (taste shocks, unbounded actions, finite and continuous actions together, more than three
/// actions).
pub(super) fn best_constant(
    bellman: &Bellman,
    policy: &SolvedPolicy,
    solution: &Solution,
    options: &Options,
) -> Option<ConstantComparison> {
    let spec = bellman.problem.spec();
    let nc = bellman.continuous.len();
    if bellman.taste.is_some() || spec.actions.is_empty() || nc > 3 || (nc > 0 && !bellman.finite.is_empty()) {
        return None;
    }
    let discount = spec.discount.unwrap_or(0.99).min(1.0 - 1e-9);
    let long = (1e-4f64.ln() / discount.ln()).ceil().clamp(1.0, 1000.0) as usize;
    let periods = spec.horizon.unwrap_or(long).min(1000);
    // Whatever is alive after these periods goes on under the solution: what it then has is not thrown away.
    let nz = bellman.shocks();
    let later: Vec<Surface> = (0..nz)
        .map(|j| {
            let mut surface = Surface::default();
            if solution.infinite || periods < solution.periods {
                let value = solution.period(&solution.value, periods);
                let own: Vec<f64> = value.iter().skip(j).step_by(nz).copied().collect();
                bellman.tensor.fit(&own, &mut surface);
            }
            surface
        })
        .collect();
    let after = |shock: usize, state: &[f64]| -> f64 {
        if !solution.infinite && periods >= solution.periods {
            return 0.0;
        }
        let places: Vec<Place> = bellman
            .tensor
            .axes()
            .iter()
            .zip(state)
            .map(|(axis, x)| axis.locate(*x))
            .collect();
        bellman.tensor.value_at(&later[shock], &places)
    };
    let play = |p: &dyn super::simulate::Policy, paths: usize, seed: u64| -> Vec<f64> {
        lifetimes(bellman, p, (paths, periods), seed, &options.starts, &after)
    };
    let (few, many) = (options.paths.clamp(1, CONSTANT_PATHS.0), CONSTANT_PATHS.1);
    let value = |p: &dyn super::simulate::Policy| statistics::mean(&play(p, few, options.seed));
    let mut best: Option<(String, Vec<f64>, f64)> = None;
    let mut offer = |kind: &str, actions: Vec<f64>, value: f64| {
        if value.is_finite() && best.as_ref().is_none_or(|b| value > b.2) {
            best = Some((kind.into(), actions, value));
        }
    };
    if nc == 0 {
        for combo in bellman.combos.iter().take(400) {
            let constant = ConstantPolicy {
                bellman,
                continuous: vec![],
                levels: false,
                finite: combo.clone(),
            };
            // A choice that is masked somewhere on the way is no constant policy.
            let allowed = std::sync::atomic::AtomicBool::new(true);
            let checked = Masked {
                constant: &constant,
                allowed: &allowed,
            };
            let v = value(&checked);
            if allowed.load(std::sync::atomic::Ordering::Relaxed) {
                offer("choice", combo.clone(), v);
            }
        }
    } else {
        let world = World::new(bellman, 1, options.seed, &options.starts);
        let refs: Vec<&[f64]> = world.states.iter().map(Vec::as_slice).collect();
        let (lo, hi) = super::simulate::bounds(
            bellman,
            At {
                shock: world.shock[0],
                time: 0,
            },
            &refs,
            1,
        );
        if !lo.iter().chain(&hi).all(|b| b[0].is_finite()) {
            return None;
        }
        for (kind, levels) in [("share", false), ("level", true)] {
            let at = |x: &[f64]| {
                let continuous = (0..nc)
                    .map(|c| {
                        if levels {
                            lo[c][0] + x[c] * (hi[c][0] - lo[c][0])
                        } else {
                            x[c]
                        }
                    })
                    .collect();
                ConstantPolicy {
                    bellman,
                    continuous,
                    levels,
                    finite: vec![],
                }
            };
            let (x, v) = if nc == 1 {
                let scan: Vec<(f64, f64)> = (0..=20)
                    .map(|i| i as f64 / 20.0)
                    .map(|u| (u, value(&at(&[u]))))
                    .collect();
                let mut top = 0;
                for (i, s) in scan.iter().enumerate() {
                    if s.1 > scan[top].1 {
                        top = i;
                    }
                }
                let (a, b) = (scan[top.saturating_sub(1)].0, scan[(top + 1).min(20)].0);
                let (x, v) = optimise::brent(|u| value(&at(&[u])), a, b, 1e-5);
                (vec![x], v)
            } else {
                let few = optimise::BoxOptions {
                    evaluations: 150,
                    starts: 2,
                    tolerance: 1e-4,
                };
                optimise::maximise(|x| value(&at(x)), &vec![0.0; nc], &vec![1.0; nc], &[], &few)
            };
            offer(kind, at(&x).continuous, v);
        }
    }
    let (kind, actions, _) = best?;
    let constant = ConstantPolicy {
        bellman,
        continuous: if nc > 0 { actions.clone() } else { vec![] },
        levels: kind == "level",
        finite: if nc > 0 { vec![] } else { actions.clone() },
    };
    // Draws that the constant has not seen: on its own it would look better than it is.
    let compare = |paths: usize, salt: u64| -> ConstantComparison {
        let fresh = options.seed.wrapping_add(salt);
        let (theirs, ours) = (play(&constant, paths, fresh), play(policy, paths, fresh));
        let gaps: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a - b).collect();
        let spread = statistics::sd(&gaps);
        ConstantComparison {
            kind: kind.clone(),
            actions: actions.clone(),
            constant: statistics::mean(&theirs).max(NEVER),
            solution: statistics::mean(&ours).max(NEVER),
            standard_error: if spread.is_finite() {
                spread / (paths as f64).sqrt()
            } else {
                0.0
            },
            paths,
            periods,
        }
    };
    let first = compare(many, 0x9e37_79b9_7f4a_7c15);
    // What is rare (a fire, a jackpot) may be missing in few lives, and then has no spread either: a constant that seems better must
    // be so on many more.
    let more = (MOST_PERIODS / periods.max(1)).clamp(many, 64 * many);
    Some(if first.holds(options.thresholds.constant) || more == many {
        first
    } else {
        compare(more, 0x51ed_270b_9d0f_3c11)
    })
}

/// Most simulated periods of the second comparison with a constant.
const MOST_PERIODS: usize = 2_000_000;

/// A constant policy that remembers whether it was ever forbidden.
struct Masked<'a> {
    constant: &'a ConstantPolicy<'a>,
    allowed: &'a std::sync::atomic::AtomicBool,
}

impl super::simulate::Policy for Masked<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        self.constant.act(at, states, draw, actions);
        let bellman = self.constant.bellman;
        let lanes = Lanes {
            states,
            actions: &[],
            shock: at.shock,
            noise: 0,
            shock_next: at.shock,
            time: at.time,
        };
        let mut out = vec![1.0; draw.len()];
        for (f, &a) in bellman.finite.iter().enumerate() {
            let ActionKind::Finite { values, .. } = &bellman.problem.spec().actions[a].kind else {
                continue;
            };
            let Some(choice) = values.iter().position(|v| *v == self.constant.finite[f]) else {
                continue;
            };
            bellman.problem.allowed(&lanes, a, choice, &mut out);
            if out.contains(&0.0) {
                self.allowed.store(false, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }
}
