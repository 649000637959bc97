//! The certificate's first half: a solution judged on the solver's own chain and compiled problem, one proof a file.
//!
//! [`play`] simulates lives under the solution, [`points`] measures residuals on the *ergodic set* (what those lives visit) and on the
//! *whole grid*, between nodes, where interpolation errs most. Only the ergodic set decides; the grid tells how far the
//! solution can be trusted off it. Residuals and gains are divided by `u'(c) c`: the share of one period's consumption they are worth
//! (if the problem names no consumption, by `1 + |V|`, but between a tenth of what values differ by and ten times that).
//!
//! Each proof ([`PROOFS`]) measures something and says what is wrong with it. Each threshold is a named setting; a certificate that fails
//! carries the reasons as diagnostics. The other half, in the economy itself, is [`super::world`].

pub mod ahead;
pub mod bellman;
pub mod carried;
pub mod constant;
pub mod deviation;
pub mod edges;
pub mod euler;
pub mod moments;
pub mod play;
pub mod points;
mod pressed;
pub mod quantiles;
pub mod requirements;
pub mod rest;
pub mod shown;
pub mod simulated;
#[cfg(test)]
mod tests;
pub mod trusted;

use super::handed::Handed;
use super::simulate::{PathPolicy, SolvedPolicy};
use crate::diag::{Diagnostic, Severity};
use crate::env::simulate::Cycle;
use crate::solve::bellman::Bellman;
use crate::solve::problem::DecisionProblem;
use crate::solve::solution::Solution;
use constant::ConstantComparison;
use points::{Judged, Point, between_nodes};
use quantiles::Quantiles;
use serde::{Deserialize, Serialize};
use simulated::Simulated;

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
    /// How far below the best constant policy the solution may fall, relative to the size of the value, beyond three standard errors
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
pub struct GridCertificateOptions {
    /// Simulated paths.
    pub paths: usize,
    /// Periods before anything is recorded.
    pub burn_in: usize,
    /// Recorded periods.
    pub periods: usize,
    /// Most path-periods that are played where lives have not come to rest after `burn_in` and `periods`, where a choice is read; fewer where
    /// choices are dear. With 0 as many as are asked for.
    pub longest: usize,
    /// Most points at which residuals are computed, on the ergodic set and on the grid each: a quarter with two continuous actions, a
    /// ninth with more.
    pub points: usize,
    /// Seed of all draws.
    pub seed: u64,
    /// Where paths start, `[start][state]`, taken in turn; the steady state or the middle of the grid if empty.
    pub starts: Vec<Vec<f64>>,
    /// Compare with the best constant policy.
    pub constant: bool,
    /// What must hold.
    pub thresholds: Thresholds,
}

impl Default for GridCertificateOptions {
    fn default() -> Self {
        GridCertificateOptions {
            paths: 32,
            burn_in: 200,
            periods: 400,
            longest: 500_000,
            points: 1500,
            seed: 1,
            starts: Vec::new(),
            constant: true,
            thresholds: Thresholds::default(),
        }
    }
}

/// A state whose mean differs between the halves of the periods that are counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moving {
    /// The state.
    pub name: String,
    /// Its mean over paths and the first half of the periods.
    pub first: f64,
    /// Its mean over paths and the second half.
    pub second: f64,
    /// Where the two are no farther apart than chance explains: in how many periods a life forgets where it was, about or more, although all
    /// that are counted are not many times as many.
    #[serde(default)]
    pub memory: Option<f64>,
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
    /// Standard errors of the mean and of the standard deviation, by how much paths differ; not a number where nothing is sampled.
    #[serde(default = "not_known")]
    pub errors: (f64, f64),
    /// First autocorrelation over all paths, of pairs of periods in one life; NaN where lives have one period.
    pub autocorrelation: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// For shocks: mean, sd and autocorrelation of the chain.
    pub chain: Option<(f64, f64, f64)>,
}

fn not_known() -> (f64, f64) {
    (f64::NAN, f64::NAN)
}

/// Share of simulated time at something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// At what.
    pub name: String,
    /// Share of path-periods.
    pub share: f64,
}

/// The verdict on a solution, with everything it rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Share of simulated time at each constraint, one entry per constraint.
    pub constraints: Vec<Share>,
    /// Share of simulated time at each end of each continuous state's grid, one entry per end.
    pub edges: Vec<Share>,
    /// Share of simulated time close to each end of each continuous state's grid, one entry per end.
    #[serde(default)]
    pub near: Vec<Share>,
    /// Share of simulated time outside the grid.
    pub outside: f64,
    /// Share of simulated time at an edge although no constraint binds and the state's law would let it pass.
    pub unexplained_edges: f64,
    /// A state that goes further beyond an end of its grid than the grid is wide: its name, that end, and how far it goes.
    #[serde(default)]
    pub runaway: Option<(String, f64, f64)>,
    /// Share of simulated time with violated hard constraints.
    pub infeasible: f64,
    /// Moments, one entry per series.
    pub moments: Vec<SeriesMoments>,
    /// How they go with output, where something is called so.
    #[serde(default)]
    pub cycle: Option<Cycle>,
    /// What moments were taken of.
    #[serde(skip)]
    pub lives: moments::Lives,
    /// States that still moved while they were counted.
    #[serde(default)]
    pub moving: Vec<Moving>,
    /// Periods before anything was counted.
    #[serde(default)]
    pub burn_in: usize,
    /// Periods that were counted of each life, and lives.
    #[serde(default)]
    pub counted: (usize, usize),
    /// The best constant policy.
    pub constant: Option<ConstantComparison>,
    /// What was asked for.
    pub thresholds: Thresholds,
    /// Where on the grid the solution can be trusted.
    #[serde(default)]
    pub trusted: Option<trusted::Trusted>,
    /// The judgement in the economy that `econc simulate` runs.
    #[serde(default)]
    pub world: Option<super::world::WorldCertificate>,
    /// What a report draws; not kept with a solution.
    #[serde(skip)]
    pub shown: shown::Shown,
    /// Prices that look a period ahead, one row each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<ahead::AheadRow>,
    /// The judgement of an equilibrium, where several decide.
    #[serde(default)]
    pub equilibrium: Option<super::equilibrium::record::EquilibriumCertificate>,
}

impl Certificate {
    /// What residuals are shares of, in a sentence.
    fn of_unit(&self) -> &'static str {
        if self.unit == "consumption" {
            "of a period's consumption"
        } else {
            "of the value"
        }
    }
}

/// What every proof may use.
pub struct GridEvidence<'a> {
    /// The Bellman equation.
    pub bellman: &'a Bellman<'a>,
    /// What is judged.
    pub solution: &'a Solution,
    /// Its policy.
    pub policy: &'a SolvedPolicy<'a>,
    /// The policy by which lives are played.
    pub player: &'a dyn PathPolicy,
    /// Whether that one does not search.
    pub handed: bool,
    /// Settings.
    pub options: &'a GridCertificateOptions,
    /// Lives played side by side.
    pub paths: usize,
    /// What happened in them.
    pub played: &'a Simulated,
    /// Residuals at visited points.
    pub ergodic: &'a Judged,
    /// Residuals between the nodes of the whole grid.
    pub grid: &'a Judged,
}

/// Evaluations of one search on the spot for each action, about; over two and more these multiply.
const SEARCHED: usize = 20;
/// What reading a choice and playing a period take, in such evaluations.
const READ: usize = 50;

impl GridEvidence<'_> {
    /// Evaluations of the period that one choice of the player takes, about.
    fn each_choice(&self) -> usize {
        if self.handed {
            self.bellman.branches(0).len().max(1)
        } else {
            searched(self.bellman)
        }
    }
}

/// Evaluations of the period that one search on the spot takes, about.
fn searched(bellman: &Bellman) -> usize {
    let search = SEARCHED.pow(bellman.continuous.len().clamp(1, 2) as u32);
    (bellman.noises.len() * bellman.branches(0).len() * search).max(1)
}

/// One proof of a certificate.
pub trait Proof: Sync {
    /// Measures, and writes down what was found.
    fn measure(&self, bench: &GridEvidence, out: &mut Certificate);
    /// What is wrong with the numbers of a certificate; `None` if nothing.
    fn verdict(&self, certificate: &Certificate) -> Option<Diagnostic>;
    /// Whether it is measured beside all others, since it takes about as long as they do together.
    fn beside(&self) -> bool {
        false
    }
}

/// All proofs, in the order of their reasons.
pub const PROOFS: &[&dyn Proof] = &[
    &euler::Euler,
    &bellman::BellmanResidual,
    &edges::Edges,
    &deviation::Deviation,
    &constant::BestConstant,
    &trusted::TrustedRegion,
    &requirements::Requirements,
    &moments::Moments,
];

/// Branches that are looked at from all points together for each candidate, and fewest points.
const LOOKS: usize = 100_000;
const FEWEST_POINTS: usize = 250;

/// Share of the largest residual of a first-order condition that passes, beyond which kinks are looked for where that is dear.
const DOUBT: f64 = 0.3;

/// Judges a solution of a problem.
///
/// # Errors
/// E0905 for a solution that does not fit this problem.
pub fn certify(
    problem: &dyn DecisionProblem,
    solution: &Solution,
    options: &GridCertificateOptions,
) -> Result<Certificate, Diagnostic> {
    let bellman = Bellman::new(problem, solution.interpolation)?;
    let policy = SolvedPolicy::new(&bellman, solution)?;
    let paths = options.paths.max(1);
    let handed = Handed::where_dear(&bellman, &policy, solution)?;
    let player: &dyn PathPolicy = match &handed {
        Some(h) => h,
        None => &policy,
    };
    let each = if handed.is_some() || bellman.finite.is_empty() && bellman.taste.is_none() {
        READ
    } else {
        searched(&bellman)
    };
    let options = &GridCertificateOptions {
        longest: options.longest.saturating_mul(READ) / each.max(READ),
        ..options.clone()
    };
    let played = Simulated::run(&bellman, player, options, paths);
    let samples = played.times.len();
    // A search over several actions runs many lines, so fewer places are looked at.
    let lines = bellman.continuous.len().clamp(1, 3).pow(2);
    let most = (options.points / lines).max(1);
    // So are fewer where each evaluation takes many branches.
    let branches = bellman.noises.len() * bellman.branches(0).len();
    let most = most.min((LOOKS / (branches * lines).max(1)).max(FEWEST_POINTS.min(most)));
    let stride = samples.div_ceil(most).max(1);
    let visited: Vec<Point> = (0..samples)
        .step_by(stride)
        .map(|k| (played.times[k], played.states.iter().map(|s| s[k]).collect()))
        .collect();
    let without: Option<&dyn PathPolicy> = handed.as_ref().map(|h| h as &dyn PathPolicy);
    let doubt = DOUBT * 10f64.powf(options.thresholds.euler);
    let (ergodic, grid) = rayon::join(
        || Judged::at(&bellman, &policy, without, &visited, doubt),
        || {
            let between = between_nodes(&bellman, solution, most);
            Judged::at(&bellman, &policy, without, &between, f64::INFINITY)
        },
    );
    let bench = GridEvidence {
        bellman: &bellman,
        solution,
        policy: &policy,
        player,
        handed: handed.is_some(),
        options,
        paths,
        played: &played,
        ergodic: &ergodic,
        grid: &grid,
    };
    let mut out = Certificate {
        reasons: solution.record.warnings.clone(),
        unit: if bench.ergodic.by_consumption {
            "consumption"
        } else {
            "value"
        }
        .into(),
        thresholds: options.thresholds.clone(),
        ..Certificate::default()
    };
    let mut beside = Certificate::default();
    let measure = |apart: bool, out: &mut Certificate| {
        let own = PROOFS.iter().filter(|p| p.beside() == apart);
        own.for_each(|p| p.measure(&bench, out));
    };
    rayon::join(|| measure(true, &mut beside), || measure(false, &mut out));
    out.constant = beside.constant;
    out.shown = shown::shown(&bench);
    let found: Vec<Diagnostic> = PROOFS.iter().filter_map(|p| p.verdict(&out)).collect();
    out.reasons.extend(found);
    // Off the grid nothing else that was measured means anything.
    if out.outside > 0.5 {
        out.reasons
            .retain(|d| d.severity != Severity::Error || d.code == "E0913");
    }
    out.passed = !out.reasons.iter().any(|d| d.severity == Severity::Error);
    Ok(out)
}
