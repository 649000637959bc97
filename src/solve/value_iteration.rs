//! Value iteration with policy evaluation, on tensor grids, for infinite and finite horizons.
//!
//! `V = max_a E[ r + d V(x') ]`. Infinite horizon: improvements alternate with an (almost) exact evaluation of the improved
//! policy (Howard 1960; Puterman 1994, chapter 6), so that few improvements are needed whatever the discount factor.
//! With a constant discount `d` the bounds of McQueen (1966) and Porteus (1971) hold: if `D = TV - V`,
//!
//! `TV + d/(1-d) min D <= V* <= TV + d/(1-d) max D`,
//!
//! and the iteration stops when half the gap is within `tolerance (1 + sup |V|)`, at the midpoint. Otherwise (ends,
//! state-dependent discounts, rows that do not sum to one) the contraction bound `m/(1-m) sup |D|` is used, with `m` the
//! largest effective discount met under the policy. Cubic interpolation is no contraction in theory: the bound is then that
//! of the operator on nodes, and a failure to converge is an error, never a warning. Finite horizon: backward from a
//! value of zero after the last period.
//!
//! What is needed of the problem: `evaluate`, `bounds` (continuous actions), `allowed` (finite actions); `derivative` sharpens
//! continuous actions where it exists.

mod backward;
mod bound;
mod forever;
mod improve;

pub(super) use bound::{leaves, leaving};

use super::bellman::{Bellman, Continuation, Interpolation};
use super::method::{Method, Structure, Task};
use super::problem::DecisionProblem;
use super::progress::Watch;
use super::search::SearchOptions;
use super::solution::{Record, Solution};
use super::tabulated::Table;
use crate::check::settings::defaults;
use crate::diag::Diagnostic;
use crate::num::interpolate::{Axis, Outside, Rule, Tensor};
use backward::backward;
use forever::forever;
use improve::improve;

/// Nodes that are worked on together: fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 64;

/// Bound on the error at which a first solution on the grid alone is good enough to begin with, and its most improvements.
const ROUGH: f64 = 1e-3;
const ROUGH_IMPROVEMENTS: usize = 40;

/// Settings.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueIterationOptions {
    /// Bound on the error of the value at which to stop, relative to `1 + sup |V|`.
    pub tolerance: f64,
    /// Largest change of an action in the last improvement, if that is asked for as well (a finite choice changes by 1).
    pub policy_tolerance: Option<f64>,
    /// Most improvements.
    pub improvements: usize,
    /// Evaluate each policy before the next improvement; without it every improvement is one step of value iteration.
    pub howard: bool,
    /// Most plain sweeps of a policy evaluation after its linear solve.
    pub sweeps: usize,
    /// Interpolation of continuous states.
    pub interpolation: Interpolation,
    /// The search for actions.
    pub search: SearchOptions,
    /// A value to start from (states x shocks).
    pub guess: Option<Vec<f64>>,
    /// Where cubic interpolation does not settle, take linear interpolation.
    pub fallback: bool,
}

impl Default for ValueIterationOptions {
    fn default() -> Self {
        ValueIterationOptions {
            tolerance: defaults::TOLERANCE,
            policy_tolerance: None,
            improvements: defaults::IMPROVEMENTS,
            howard: true,
            sweeps: defaults::SWEEPS,
            interpolation: Interpolation::Cubic,
            search: SearchOptions::default(),
            guess: None,
            fallback: true,
        }
    }
}

/// Value iteration with policy evaluation, as a method among others.
pub struct ValueIteration;

impl Method for ValueIteration {
    fn name(&self) -> &'static str {
        "value_iteration"
    }

    fn about(&self) -> &'static str {
        "improvements alternate with evaluations of the policy, on grids between whose nodes values are interpolated; any states, actions and horizon"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["tolerance", "policy_tolerance", "iterations", "howard", "interpolation"]
    }

    fn fits(&self, _: &Structure) -> Result<(), String> {
        Ok(())
    }

    fn solve(&self, task: Task, progress: &mut dyn Watch) -> Result<Solution, Diagnostic> {
        let defaults = ValueIterationOptions::default();
        let said = task.word("interpolation");
        let interpolation = match said.as_deref() {
            None if task.linear => Interpolation::Linear,
            Some("linear") => Interpolation::Linear,
            _ => Interpolation::Cubic,
        };
        let howard = task.number("howard");
        let o = ValueIterationOptions {
            tolerance: task.number("tolerance").unwrap_or(defaults.tolerance),
            policy_tolerance: task.number("policy_tolerance"),
            improvements: task.whole("iterations", defaults.improvements),
            howard: howard != Some(0.0),
            sweeps: howard.filter(|x| *x > 0.0).map_or(defaults.sweeps, |x| x as usize),
            interpolation,
            fallback: said.is_none(),
            guess: task.guess,
            ..defaults
        };
        solve(task.problem, &o, progress)
    }
}

/// Solves the problem; `progress` is called after every improvement or period.
///
/// # Errors
/// Those of [`Bellman::new`]; E0905 for a tolerance or a discount factor out of range, E0901 without convergence, E0902 where
/// nothing is feasible, E0903 where the value is not a number, E0831 where no price clears a market, E0906 when stopped.
pub fn solve(
    problem: &dyn DecisionProblem,
    options: &ValueIterationOptions,
    progress: &mut dyn Watch,
) -> Result<Solution, Diagnostic> {
    let bellman = Bellman::new(problem, options.interpolation)?;
    let spec = problem.spec();
    if !(options.tolerance > 0.0) {
        return Err(Diagnostic::error(
            "E0905",
            format!("the tolerance must be positive, not {}", options.tolerance),
        ));
    }
    if let Some(d) = spec.discount {
        let fine = if spec.horizon.is_none() {
            d > 0.0 && d < 1.0
        } else {
            d >= 0.0 && d.is_finite()
        };
        if !fine {
            return Err(Diagnostic::error(
                "E0905",
                format!("the discount factor is {d}; an infinite horizon needs one in (0, 1)"),
            ));
        }
    }
    match spec.horizon {
        Some(periods) => backward(&bellman, periods, options, progress),
        None => match from_inside(problem, &bellman, options, progress)? {
            Ended::Solved(solution) => Ok(*solution),
            Ended::Stalled(value, record) if options.fallback && options.interpolation == Interpolation::Cubic => {
                linear(problem, options, value, &record, progress)
            }
            Ended::Stalled(_, record) => Err(not_converged(&record, options)),
            Ended::Leaves => Err(not_converged(&Record::default(), options)),
        },
    }
}

/// One improvement, and nothing more: the best choices against `value` (states x shocks; zero without one), what they are worth, and the largest change of
/// the value. For whoever moves something else between improvements.
///
/// # Errors
/// Those of [`Bellman::new`]; E0902 where nothing is feasible, E0831 where no price clears a market.
pub fn once(problem: &dyn DecisionProblem, value: Option<Vec<f64>>) -> Result<(Solution, f64), Diagnostic> {
    let options = ValueIterationOptions::default();
    let bellman = Bellman::new(problem, options.interpolation)?;
    let size = bellman.nodes() * bellman.shocks();
    let value = value.filter(|v| v.len() == size).unwrap_or_else(|| vec![0.0; size]);
    let mut continuation = Continuation::default();
    bellman.continuation(&bellman.tensor, &value, &mut continuation);
    let table = Table::new(&bellman, BLOCK);
    let improved = improve(&bellman, &continuation, 0, None, options.search, false, table.as_ref())?;
    let apart = |(a, b): (&f64, &f64)| (a - b).abs();
    let change = value.iter().zip(&improved.value).map(apart).fold(0.0, f64::max);
    let record = Record::default();
    let (v, policy, chances) = (improved.value, improved.policy, improved.probability);
    let solution = finish(&bellman, &options, 1, v, policy, chances, record);
    let solution = Solution {
        worth: improved.worth,
        given: improved.given,
        ..solution
    };
    Ok((solution, change))
}

/// Solves for ever. A value of zero lets the first policies leave the grid, and what they are worth there hangs on the slope at the
/// edge many times over: iterations may then end anywhere. Where that happens the problem is first solved (roughly)
/// for those who stay on the grid, and that value is where the iterations begin.
fn from_inside(
    problem: &dyn DecisionProblem,
    bellman: &Bellman,
    options: &ValueIterationOptions,
    progress: &mut dyn Watch,
) -> Result<Ended, Diagnostic> {
    // With several actions or states the first solution would cost more than it saves.
    let simple = bellman.continuous.len() == 1 && bellman.tensor.axes().len() == 1;
    if options.guess.is_some() || !simple || bellman.only_nodes() {
        return forever(bellman, options, false, progress);
    }
    let ended = forever(bellman, options, true, progress)?;
    if !matches!(ended, Ended::Leaves) {
        return Ok(ended);
    }
    let guess = staying(problem, &bellman.tensor, options, progress)?.map(|s| s.value);
    forever(
        bellman,
        &ValueIterationOptions {
            guess,
            ..options.clone()
        },
        false,
        progress,
    )
}

/// A rough solution for those who stay on the grid, straight between its nodes: where finer ones may begin. `None` where staying is not
/// possible everywhere or has no value.
///
/// # Errors
/// Those of [`Bellman::new`]; E0906 when stopped.
pub(super) fn staying(
    problem: &dyn DecisionProblem,
    grid: &Tensor,
    options: &ValueIterationOptions,
    progress: &mut dyn Watch,
) -> Result<Option<Solution>, Diagnostic> {
    let mut inside = Bellman::new(problem, Interpolation::Linear)?;
    let straight = grid.axes().iter().map(|a| match a.rule() {
        Rule::Nodes => Some(a.clone()),
        _ => Axis::new(a.nodes(), a.log(), Rule::Linear),
    });
    let straight: Option<Vec<Axis>> = straight.collect();
    let Some(tensor) = straight.and_then(|axes| Tensor::new(axes, Outside::Forbidding)) else {
        return Ok(None);
    };
    inside.tensor = tensor;
    let rough = ValueIterationOptions {
        tolerance: options.tolerance.max(ROUGH),
        improvements: options.improvements.min(ROUGH_IMPROVEMENTS),
        interpolation: Interpolation::Linear,
        howard: true,
        search: SearchOptions {
            action_tolerance: options.search.action_tolerance.max(1e-6),
            ..options.search
        },
        guess: None,
        ..options.clone()
    };
    match forever(&inside, &rough, false, progress) {
        Err(stopped) if stopped.code == "E0906" => Err(stopped),
        Ok(Ended::Solved(solution)) if solution.record.outside == 0 => Ok(Some(*solution)),
        _ => Ok(None),
    }
}

/// Solves with linear interpolation what cubic interpolation could not settle.
fn linear(
    problem: &dyn DecisionProblem,
    options: &ValueIterationOptions,
    value: Vec<f64>,
    record: &Record,
    progress: &mut dyn Watch,
) -> Result<Solution, Diagnostic> {
    let options = ValueIterationOptions {
        interpolation: Interpolation::Linear,
        guess: Some(value),
        ..options.clone()
    };
    let bellman = Bellman::new(problem, Interpolation::Linear)?;
    match forever(&bellman, &options, false, progress)? {
        Ended::Solved(mut solution) => {
            solution.record.warnings.insert(
                0,
                Diagnostic::warning(
                    "W0908",
                    "solved with linear interpolation: cubic interpolation did not settle",
                )
                .note(format!(
                    "after {} improvements with cubic interpolation the error bound stood at {:.1e}, asked for {:.1e}",
                    record.iterations, record.error, record.target
                ))
                .hint("values with kinks or jumps need it; `interpolation = linear` says so in the file"),
            );
            solution.record.iterations += record.iterations;
            Ok(*solution)
        }
        Ended::Stalled(_, record) => Err(not_converged(&record, &options)),
        Ended::Leaves => Err(not_converged(record, &options)),
    }
}

/// How an infinite horizon ended.
enum Ended {
    Solved(Box<Solution>),
    /// The last value, and how far it got.
    Stalled(Vec<f64>, Record),
    /// The first policy leaves the grid (only where that was asked).
    Leaves,
}

fn not_converged(record: &Record, options: &ValueIterationOptions) -> Diagnostic {
    let scale = record.target / options.tolerance;
    let asked = options.policy_tolerance.filter(|most| record.policy_change > *most);
    let hint = if let Some(asked) = asked.filter(|_| record.error <= record.target) {
        format!(
            "the value is good enough; its actions do not come to rest within policy_tolerance = {asked:e}: leave that out, or write policy_tolerance = {:.0e}",
            2.0 * record.policy_change
        )
    } else if record.iterations >= options.improvements {
        format!("allow more of them: iterations = {}", 10 * options.improvements.max(1))
    } else if record.policy_change < 1e-9 && scale.is_finite() && record.error < 1e4 * record.target {
        format!(
            "the policy has settled and values stand at rounding: tolerance = {:.0e} is met",
            2.0 * record.error / scale
        )
    } else if !options.howard && options.interpolation == Interpolation::Linear {
        "values have no end where something is allowed that pays minus infinity or more and more: keep away from it (require c >= 0.001 in \
         place of c > 0, or a bound such as [0, wealth]), and look where the reward grows"
            .to_string()
    } else {
        "`interpolation = linear` with `howard = 0` makes each step a contraction where rewards have ends; a finer grid (grid.NAME = log(400)) \
         helps where the value bends"
            .to_string()
    };
    Diagnostic::error(
        "E0901",
        format!("value iteration did not converge in {} improvements", record.iterations),
    )
    .note(format!(
        "error bound {:.3e}, asked for {:.3e}",
        record.error, record.target
    ))
    .note(match asked {
        None => format!(
            "largest change of an action in the last improvement {:.3e}",
            record.policy_change
        ),
        Some(asked) => format!(
            "largest change of an action in the last improvement {:.3e}, asked for {asked:.3e} (policy_tolerance)",
            record.policy_change
        ),
    })
    .hint(hint)
}

fn cancelled() -> Diagnostic {
    Diagnostic::error("E0906", "the solver was stopped before it converged")
}

/// Bytes that the stored transitions of one policy need.
pub(super) fn operator_bytes(bellman: &Bellman) -> f64 {
    let ns = bellman.tensor.axes().len();
    let groups = if bellman.taste.is_some() {
        bellman.combos.len()
    } else {
        1
    };
    let branches = bellman.noises.len()
        * if bellman.problem.spec().next_uses_shock_next {
            bellman.shocks()
        } else {
            1
        };
    (bellman.nodes() * bellman.shocks()) as f64 * (groups * branches) as f64 * (8 + 24 * ns) as f64
}

/// Shock states, then nodes of each state.
pub(super) fn sizes(bellman: &Bellman) -> Vec<usize> {
    let axes = bellman.tensor.axes().iter().map(|a| a.nodes().len());
    std::iter::once(bellman.shocks()).chain(axes).collect()
}

fn finish(
    bellman: &Bellman,
    options: &ValueIterationOptions,
    periods: usize,
    value: Vec<f64>,
    policy: Vec<Vec<f64>>,
    probability: Vec<f64>,
    mut record: Record,
) -> Solution {
    let spec = bellman.problem.spec();
    record.warnings.extend(bellman.nearest.clone());
    Solution {
        method: "value iteration".into(),
        states: Solution::states_of(bellman.problem),
        chain: spec.chain.clone(),
        actions: spec.actions.clone(),
        periods,
        infinite: spec.horizon.is_none(),
        interpolation: options.interpolation,
        value,
        policy,
        probability,
        worth: Vec::new(),
        given: Vec::new(),
        mixed: Vec::new(),
        players: Vec::new(),
        record,
    }
}
