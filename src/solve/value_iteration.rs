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

use super::bellman::{At, Bellman, Continuation, Interpolation, Scratch};
use super::describe::describe;
use super::lost::not_a_number;
use super::method::{Method, Structure, Task};
use super::policy_operator::{OPERATOR_BYTES, PolicyOperator, Rows, rows, span};
use super::problem::{DecisionProblem, Lanes};
use super::progress::{Control, Progress, Watch, found, kept};
use super::search::{Chosen, SearchOptions, choose};
use super::solution::{Record, Solution};
use super::tabulated::Table;
use crate::check::settings::defaults;
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::interpolate::{Axis, Outside, Rule, Tensor};
use rayon::prelude::*;

/// Nodes that are worked on together: fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 64;

/// Thorough searches that may each send the quicker ones back to work; after these all are thorough.
const ROUNDS: usize = 6;

/// Improvements that need not halve the error bound before evaluations of policies, and then the iteration, are given up.
const PATIENCE: usize = 25;
/// How many times the smallest error bound another one is that says that values run away.
const DIVERGED: f64 = 1e16;

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

/// One application of the Bellman operator on the whole grid.
struct Improved {
    value: Vec<f64>,
    policy: Vec<Vec<f64>>,
    probability: Vec<f64>,
    /// What each combination of choices is worth, where that is kept.
    worth: Vec<f64>,
    /// What goes with each choice that has taste shocks (or each combination), one array per action; none if there is but one action.
    given: Vec<Vec<f64>>,
    operator: PolicyOperator,
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
    let hint = if record.iterations >= options.improvements {
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
    .note(format!(
        "largest change of an action in the last improvement {:.3e}",
        record.policy_change
    ))
    .hint(hint)
}

fn cancelled() -> Diagnostic {
    Diagnostic::error("E0906", "the solver was stopped before it converged")
}

fn improve(
    bellman: &Bellman,
    continuation: &Continuation,
    time: usize,
    before: Option<&[Vec<f64>]>,
    search: SearchOptions,
    record: bool,
    table: Option<&Table>,
) -> Result<Improved, Diagnostic> {
    let nz = bellman.shocks();
    let nodes = bellman.nodes();
    let ns = bellman.tensor.axes().len();
    let na = bellman.problem.spec().actions.len();
    let units: Vec<(usize, usize)> = (0..nz)
        .flat_map(|j| (0..nodes).step_by(BLOCK).map(move |first| (j, first)))
        .collect();
    let run = |&(shock, first): &(usize, usize)| -> Result<(Chosen, Rows), Diagnostic> {
        let n = BLOCK.min(nodes - first);
        let mut states = vec![vec![0.0; n]; ns];
        let mut x = vec![0.0; ns];
        for i in 0..n {
            bellman.tensor.node(first + i, &mut x);
            for (s, &v) in states.iter_mut().zip(&x) {
                s[i] = v;
            }
        }
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let guess: Option<Vec<Vec<f64>>> = before.map(|policy| {
            policy
                .iter()
                .map(|p| (0..n).map(|i| p[(first + i) * nz + shock]).collect())
                .collect()
        });
        let at = At { shock, time };
        let chosen = choose(bellman, continuation, at, &refs, n, guess.as_deref(), search)
            .map_err(|nothing| nothing_feasible(bellman, at, first + nothing.lane))?;
        let rows = if record {
            rows(bellman, at, first, &refs, &chosen, &mut Scratch::default())
        } else {
            Rows::default()
        };
        Ok((chosen, rows))
    };
    let results: Vec<Result<(Chosen, Rows), Diagnostic>> = match table {
        Some(table) => table
            .improve(bellman, &continuation.flat())
            .into_iter()
            .map(|r| r.map_err(|(shock, first, e)| nothing_feasible(bellman, At { shock, time }, first + e.lane)))
            .collect(),
        None => {
            let all: Option<Vec<_>> = units.par_iter().map(|u| limits::going(|| run(u))).collect();
            all.unwrap_or_else(|| limits::leave())
        }
    };
    let groups = match bellman.taste {
        Some((f, _)) => bellman.combo_choices.iter().map(|c| c[f]).max().map_or(0, |m| m + 1),
        None if bellman.each => bellman.combos.len(),
        None => 0,
    };
    // Without continuous actions a combination says everything.
    let beside = na > 1 && (bellman.taste.is_some() || !bellman.continuous.is_empty());
    let size = nodes * nz;
    let mut improved = Improved {
        value: vec![0.0; size],
        policy: vec![vec![0.0; size]; na],
        probability: vec![0.0; if bellman.taste.is_some() { size * groups } else { 0 }],
        worth: vec![0.0; if bellman.taste.is_none() { size * groups } else { 0 }],
        given: if groups > 0 && beside {
            vec![vec![0.0; size * groups]; na]
        } else {
            Vec::new()
        },
        operator: PolicyOperator::default(),
    };
    for (&(shock, first), result) in units.iter().zip(results) {
        limits::poll();
        let (chosen, rows) = result?;
        for (i, &v) in chosen.value.iter().enumerate() {
            let at = (first + i) * nz + shock;
            improved.value[at] = v;
            for (policy, actions) in improved.policy.iter_mut().zip(&chosen.actions) {
                policy[at] = actions[i];
            }
            for (g, q) in chosen.worth.iter().enumerate() {
                improved.worth[at * groups + g] = q[i];
            }
            for (g, p) in chosen.probability.iter().enumerate() {
                improved.probability[at * groups + g] = p[i];
            }
            for g in 0..chosen.given.len() {
                for (given, actions) in improved.given.iter_mut().zip(&chosen.given[g]) {
                    given[at * groups + g] = actions[i];
                }
            }
        }
        if record {
            improved.operator.blocks.push(rows);
        }
    }
    Ok(improved)
}

fn nothing_feasible(bellman: &Bellman, at: At, node: usize) -> Diagnostic {
    if let Some(d) = nothing_clears(bellman, at, node) {
        return d;
    }
    let headline = format!("no action is feasible at {}", describe(bellman, at, node));
    if let Some(empty) = empty_range(bellman, at, node) {
        return Diagnostic::error("E0902", headline)
            .note(empty)
            .hint("bound the action so that something can be chosen in every state and shock: give the household an income that cannot be negative, or let it choose a share of what it has");
    }
    Diagnostic::error("E0902", headline)
        .note("every candidate violates a `require`, has a reward of minus infinity, or gives no number")
        .hint("narrow the state's domain or grid, or widen the action's bounds")
}

/// The first continuous action whose bounds leave nothing at a node, in words.
fn empty_range(bellman: &Bellman, at: At, node: usize) -> Option<String> {
    let spec = bellman.problem.spec();
    let mut x = vec![0.0; spec.states.len()];
    bellman.tensor.node(node, &mut x);
    let columns: Vec<[f64; 1]> = x.iter().map(|&v| [v]).collect();
    let states: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let lanes = Lanes::before_draws(&states, &[], at.shock, at.time);
    let nc = bellman.continuous.len();
    let (mut lo, mut hi) = (vec![[0.0]; nc], vec![[0.0]; nc]);
    let mut low: Vec<&mut [f64]> = lo.iter_mut().map(|c| c.as_mut_slice()).collect();
    let mut high: Vec<&mut [f64]> = hi.iter_mut().map(|c| c.as_mut_slice()).collect();
    bellman.problem.bounds(&lanes, &mut low, &mut high);
    bellman.continuous.iter().enumerate().find_map(|(c, &a)| {
        let (l, h) = (lo[c][0], hi[c][0]);
        let name = &spec.actions[a].name;
        if l.is_nan() || h.is_nan() {
            Some(format!("the bounds of `{name}` are no numbers there: {l} to {h}"))
        } else if l > h {
            Some(format!(
                "`{name}` in {l} to {h}: empty, its upper bound lies below its lower one"
            ))
        } else {
            None
        }
    })
}

/// If no price clears at a node whatever is chosen (tried at the ends and inside the bounds): that is why nothing is feasible there.
fn nothing_clears(bellman: &Bellman, at: At, node: usize) -> Option<Diagnostic> {
    let problem = bellman.problem;
    let (prices, span) = problem.market()?;
    let spec = problem.spec();
    let mut x = vec![0.0; spec.states.len()];
    bellman.tensor.node(node, &mut x);
    let columns: Vec<[f64; 1]> = x.iter().map(|x| [*x]).collect();
    let states: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let lanes = |actions: &[f64]| -> Option<f64> {
        let columns: Vec<[f64; 1]> = actions.iter().map(|x| [*x]).collect();
        let actions: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
        let lanes = Lanes::before_draws(&states, &actions, at.shock, at.time);
        problem.clears(&lanes)?.first().copied()
    };
    let nc = bellman.continuous.len();
    let (mut lo, mut hi) = (vec![[f64::NEG_INFINITY]; nc], vec![[f64::INFINITY]; nc]);
    let here = Lanes::before_draws(&states, &[], at.shock, at.time);
    let mut low: Vec<&mut [f64]> = lo.iter_mut().map(|x| x.as_mut_slice()).collect();
    let mut high: Vec<&mut [f64]> = hi.iter_mut().map(|x| x.as_mut_slice()).collect();
    problem.bounds(&here, &mut low, &mut high);
    for combo in &bellman.combos {
        for share in [0.5, 0.1, 0.9, 0.001, 0.999] {
            let mut actions = vec![0.0; spec.actions.len()];
            for (f, a) in bellman.finite.iter().enumerate() {
                actions[*a] = combo[f];
            }
            for (c, a) in bellman.continuous.iter().enumerate() {
                let (l, h) = (lo[c][0], hi[c][0]);
                actions[*a] = match (l.is_finite(), h.is_finite()) {
                    (true, true) => l + share * (h - l),
                    (true, false) => l + 10.0 * share,
                    (false, true) => h - 10.0 * share,
                    (false, false) => 10.0 * (share - 0.5),
                };
            }
            if lanes(&actions)? < crate::kernel::root::NONE {
                return None;
            }
        }
    }
    Some(
        Diagnostic::error(
            "E0831",
            format!(
                "no price clears the market at {}: `{prices}`",
                describe(bellman, at, node)
            ),
        )
        .at(span, "not equal at any price of the domain, whatever is chosen there")
        .hint("widen the price's domain, or narrow the grid of the states to where the market can clear"),
    )
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

fn forever(
    bellman: &Bellman,
    options: &ValueIterationOptions,
    careful: bool,
    progress: &mut dyn Watch,
) -> Result<Ended, Diagnostic> {
    let spec = bellman.problem.spec();
    let size = bellman.nodes() * bellman.shocks();
    let mut value = match &options.guess {
        Some(guess) if guess.len() == size && guess.iter().all(|v| v.is_finite()) => guess.clone(),
        _ => vec![0.0; size],
    };
    let table = Table::new(bellman, BLOCK);
    let stored = table.is_some() || operator_bytes(bellman) <= OPERATOR_BYTES as f64;
    if stored {
        // The policy's transitions, and the directions in which its value is sought.
        let directions = if options.howard { 31.0 } else { 0.0 };
        let transitions = if table.is_some() { 0.0 } else { operator_bytes(bellman) };
        super::bellman::fits_grid(transitions + 8.0 * directions * size as f64, &sizes(bellman))?;
    }
    let mut continuation = Continuation::default();
    let mut record = Record::default();
    let mut before: Option<Vec<Vec<f64>>> = None;
    let mut best_error = f64::INFINITY;
    let mut since_best = 0;
    let mut howard = options.howard && stored;
    // Local searches need first-order conditions, and a policy to start from that has found its place.
    let can_be_local = bellman.smooth && bellman.finite.is_empty() && !bellman.continuous.is_empty();
    let mut local = false;
    // Only a search that owes nothing to the policies before it may confirm the last one: otherwise a dent of the value that
    // an early policy left can keep itself, each node's choice avoiding the dent next to it.
    let finest = bellman.tensor.axes().iter().map(|a| a.nodes().len()).max().unwrap_or(1);
    let searched = table.is_none() && !bellman.continuous.is_empty();
    let (mut thorough, mut rounds) = (false, 0);
    let mut first = 1;
    type Standing = (
        usize,
        Vec<f64>,
        Option<Vec<Vec<f64>>>,
        (f64, usize),
        (bool, bool, bool),
        usize,
        Vec<f64>,
    );
    if let Some(standing) = found::<Standing>(progress).filter(|s| s.1.len() == size) {
        (
            first,
            value,
            before,
            (best_error, since_best),
            (howard, local, thorough),
            rounds,
            record.history,
        ) = standing;
    }
    for iteration in first..=options.improvements.max(1) {
        bellman.continuation(&bellman.tensor, &value, &mut continuation);
        let search = if thorough {
            options.search.thorough(finest)
        } else {
            SearchOptions {
                local,
                ends: iteration <= 2,
                ..options.search
            }
        };
        let improved = improve(
            bellman,
            &continuation,
            0,
            before.as_deref(),
            search,
            stored,
            table.as_ref(),
        )?;
        if careful && iteration == 1 && stored && improved.operator.outside(spec.states.len(), 0.0).0 > 0 {
            return Ok(Ended::Leaves);
        }
        let (lo, hi) = span(&value, &improved.value);
        if !(lo.is_finite() && hi.is_finite()) {
            let when = format!("after {iteration} improvements");
            return Err(not_a_number(bellman, &improved.value, &improved.policy, 0, &when));
        }
        let Bound {
            residual,
            modulus,
            constant,
            error,
            shift,
        } = bound(bellman, &improved.operator, (lo, hi), stored);
        let scale = 1.0 + improved.value.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let target = options.tolerance * scale;
        let change = policy_change(bellman, before.as_deref(), &improved.policy);
        record.history.push(error);
        record.iterations = iteration;
        (record.error, record.target, record.residual, record.policy_change) = (error, target, residual, change);
        let report = Progress {
            iteration,
            of: options.improvements,
            error,
            target,
        };
        // What this improvement began with: a resumed solve repeats it.
        progress.standing(&|| {
            let earlier = &record.history[..record.history.len() - 1];
            let flags = (howard, local, thorough);
            kept(&(
                iteration,
                &value,
                &before,
                (best_error, since_best),
                flags,
                rounds,
                earlier,
            ))
        });
        if progress.report(report) == Control::Cancel {
            return Err(cancelled());
        }
        // Rounding sets a floor under the bound when the discount is close to one.
        let floor = 8.0 * f64::EPSILON * scale * constant.map_or(1.0, |d| 1.0 / (1.0 - d)).max(1.0);
        // The first improvement's policy answers a value that may be a mere guess.
        let settled = iteration > 1 || options.guess.is_some();
        let still = options.policy_tolerance.is_none_or(|most| change <= most);
        let done = error <= target.max(floor) && settled && still;
        let confirmed = done && (thorough || !searched);
        // A search close by is confirmed by one over everything.
        rounds += usize::from(thorough);
        thorough = searched && (done || (thorough && rounds >= ROUNDS));
        local = can_be_local && iteration >= 3 && !thorough;
        if confirmed {
            record.warnings.extend(below_rounding(error, target, options.tolerance));
            value = improved.value.iter().map(|v| v + shift).collect();
            if stored {
                let (outside, warning) = leaves(bellman, &improved.operator);
                record.outside = outside;
                record.warnings.extend(warning);
            }
            let solution = finish(
                bellman,
                options,
                1,
                value,
                improved.policy,
                improved.probability,
                record,
            );
            return Ok(Ended::Solved(Box::new(Solution {
                worth: improved.worth.into_iter().map(|q| q + shift).collect(),
                given: improved.given,
                ..solution
            })));
        }
        if error < 0.5 * best_error {
            best_error = error;
            since_best = 0;
        } else {
            since_best += 1;
            // A shape filter that switches on and off can keep policy iteration from settling; plain value
            // iteration contracts then, if anything does.
            let patience = if howard {
                PATIENCE
            } else {
                PATIENCE + (1.5 / (1.0 - modulus).max(1e-3)) as usize
            };
            // Nothing that has gone so far away comes back.
            if error > DIVERGED * best_error.max(options.tolerance) {
                return Ok(Ended::Stalled(vec![0.0; size], record));
            }
            if since_best > patience && howard {
                (howard, since_best, best_error) = (false, 0, error);
            } else if since_best > patience {
                return Ok(Ended::Stalled(value, record));
            }
        }
        if howard {
            value = improved.value;
            let goal = (1e-3 * residual)
                .min(0.1 * target * (1.0 - modulus).max(1e-3))
                .max(1e-15 * scale);
            let within = within(modulus, constant, (lo, hi));
            improved
                .operator
                .evaluate(bellman, &mut value, within, constant, goal, options.sweeps);
        } else {
            value = improved.value.iter().map(|v| v + shift).collect();
        }
        before = Some(improved.policy);
    }
    Ok(Ended::Stalled(value, record))
}

/// What an improvement says of how far the value is from the one that it goes to.
struct Bound {
    /// Largest change of the value.
    residual: f64,
    /// Largest weight of the next period's value.
    modulus: f64,
    /// The discount factor, where every weight is that and chances sum to one.
    constant: Option<f64>,
    /// Bound on the error.
    error: f64,
    /// The middle of what is still to come, which may be added to the value at once.
    shift: f64,
}

/// The bound of MacQueen (1966) where weights are one number, else that of a contraction, from the smallest and the largest change.
fn bound(bellman: &Bellman, operator: &PolicyOperator, (lo, hi): (f64, f64), stored: bool) -> Bound {
    let spec = bellman.problem.spec();
    let sums_to_one = |weights: &[f64]| (weights.iter().sum::<f64>() - 1.0).abs() < 1e-9;
    let rows_are_one = spec.chain.transition.iter().all(|row| sums_to_one(row));
    // Chances that move are checked where they are used.
    let noise_is_one = spec.chances_move || sums_to_one(&spec.noise_weights);
    let residual = lo.abs().max(hi.abs());
    let modulus = if stored {
        operator.modulus()
    } else {
        spec.discount.unwrap_or(1.0)
    };
    let uniform = |d: f64| stored && (operator.least() - d).abs() < 1e-9 && (modulus - d).abs() < 1e-9;
    let constant = spec.discount.filter(|d| uniform(*d) && rows_are_one && noise_is_one);
    let (error, shift) = match constant {
        Some(d) => (d / (1.0 - d) * 0.5 * (hi - lo), d / (1.0 - d) * 0.5 * (hi + lo)),
        // With a modulus of one or more there is no bound; ask for a residual that is small against the target.
        None if modulus < 1.0 => (modulus / (1.0 - modulus) * residual, 0.0),
        None => (1e4 * residual, 0.0),
    };
    Bound {
        residual,
        modulus,
        constant,
        error,
        shift,
    }
}

/// Ends between which the value may still move, if there is a bound.
fn within(modulus: f64, constant: Option<f64>, (lo, hi): (f64, f64)) -> Option<(f64, f64)> {
    let reach = modulus / (1.0 - modulus);
    match constant {
        Some(_) => Some((reach * lo, reach * hi)),
        None if modulus < 1.0 => Some((reach * lo.min(0.0), reach * hi.max(0.0))),
        None => None,
    }
}

/// The warning that rounding keeps the error above what was asked for.
fn below_rounding(error: f64, target: f64, tolerance: f64) -> Option<Diagnostic> {
    let warning = || {
        Diagnostic::warning("W0909", format!("the tolerance {tolerance:e} is below rounding"))
            .note(format!("asked for an error of {target:.1e}, reached {error:.1e}"))
            .hint("a larger `tolerance` says what holds; 1e-12 is about the least")
    };
    (error > target).then(warning)
}

/// From how many grid points the policy leaves the grid, with a warning if it does.
pub(super) fn leaves(bellman: &Bellman, operator: &PolicyOperator) -> (usize, Option<Diagnostic>) {
    // A policy that is kept on the grid presses against its edge.
    let margin = if bellman.tensor.outside == Outside::Forbidding {
        1e-6 * bellman.narrowest()
    } else {
        0.0
    };
    let (outside, first) = operator.outside(bellman.problem.spec().states.len(), margin);
    let size = bellman.nodes() * bellman.shocks();
    let warning = first.map(|(node, shock)| {
        Diagnostic::warning(
            "W0907",
            format!("the policy leaves the grid from {outside} of {size} grid points"),
        )
        .note(format!("first at {}", describe(bellman, At { shock, time: 0 }, node)))
        .hint("widen the grid of the state; the certificate counts how often this matters")
    });
    (outside, warning)
}

fn policy_change(bellman: &Bellman, before: Option<&[Vec<f64>]>, after: &[Vec<f64>]) -> f64 {
    let Some(before) = before else {
        return f64::INFINITY;
    };
    let mut most: f64 = 0.0;
    for &a in &bellman.continuous {
        for (x, y) in before[a].iter().zip(&after[a]) {
            most = most.max((x - y).abs());
        }
    }
    for &a in &bellman.finite {
        if before[a] != after[a] {
            most = most.max(1.0);
        }
    }
    most
}

fn backward(
    bellman: &Bellman,
    periods: usize,
    options: &ValueIterationOptions,
    progress: &mut dyn Watch,
) -> Result<Solution, Diagnostic> {
    let size = bellman.nodes() * bellman.shocks();
    let na = bellman.problem.spec().actions.len();
    let arrays = 1.0 + na as f64 + bellman.combos.len() as f64 * f64::from(u8::from(bellman.taste.is_some()));
    super::bellman::fits_grid(
        size as f64 * periods as f64 * arrays * super::bellman::NUMBER_BYTES,
        &sizes(bellman),
    )
    .map_err(|d| d.note(format!("over {periods} periods")))?;
    crate::num::grid::fits(&[size, periods, na + 2], 8, crate::num::grid::DEFAULT_LIMIT)
        .map_err(|e| Diagnostic::error("E0904", e.to_string()))?;
    if periods == 0 {
        return Err(Diagnostic::error("E0905", "a horizon needs at least one period"));
    }
    let mut value = vec![0.0; size * periods];
    let mut policy = vec![vec![0.0; size * periods]; na];
    let mut probability: Vec<Vec<f64>> = vec![Vec::new(); periods];
    // Filled from the last period to the first.
    let mut given: Vec<Vec<Vec<f64>>> = Vec::new();
    let mut worth: Vec<Vec<f64>> = vec![Vec::new(); periods];
    let mut continuation = Continuation::default();
    let mut before: Option<Vec<Vec<f64>>> = None;
    let mut open = periods;
    type Standing = (
        usize,
        Vec<f64>,
        Vec<Vec<f64>>,
        Vec<Vec<f64>>,
        Vec<Vec<f64>>,
        Vec<Vec<Vec<f64>>>,
    );
    if let Some(standing) = found::<Standing>(progress).filter(|s| s.0 < periods && s.1.len() == size * periods) {
        (open, value, policy, probability, worth, given) = standing;
        let here = open * size..(open + 1) * size;
        bellman.continuation(&bellman.tensor, &value[here.clone()], &mut continuation);
        before = Some(policy.iter().map(|all| all[here.clone()].to_vec()).collect());
    }
    for time in (0..open).rev() {
        let improved = improve(
            bellman,
            &continuation,
            time,
            before.as_deref(),
            options.search,
            false,
            None,
        )?;
        if improved.value.iter().any(|v| !v.is_finite()) {
            let when = format!("in period {time}");
            return Err(not_a_number(bellman, &improved.value, &improved.policy, time, &when));
        }
        let here = time * size..(time + 1) * size;
        value[here.clone()].copy_from_slice(&improved.value);
        for (all, now) in policy.iter_mut().zip(&improved.policy) {
            all[here.clone()].copy_from_slice(now);
        }
        probability[time] = improved.probability;
        worth[time] = improved.worth;
        given.push(improved.given);
        bellman.continuation(&bellman.tensor, &improved.value, &mut continuation);
        before = Some(improved.policy);
        let report = Progress {
            iteration: periods - time,
            of: periods,
            error: f64::NAN,
            target: options.tolerance,
        };
        progress.standing(&|| kept(&(time, &value, &policy, &probability, &worth, &given)));
        if progress.report(report) == Control::Cancel {
            return Err(cancelled());
        }
    }
    let record = Record {
        iterations: periods,
        ..Record::default()
    };
    let solution = finish(bellman, options, periods, value, policy, probability.concat(), record);
    let of = |a: usize| -> Vec<f64> { given.iter().rev().filter_map(|g| g.get(a)).flatten().copied().collect() };
    Ok(Solution {
        worth: worth.concat(),
        given: if given.iter().all(Vec::is_empty) {
            Vec::new()
        } else {
            (0..na).map(of).collect()
        },
        ..solution
    })
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

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::*;

    /// A store of at most six units that sells what is asked for, at prices that move; with noise, masks, an end, and (if
    /// wanted) the next price known when the goods arrive.
    fn store(taste: Option<f64>, foresight: bool) -> Hand {
        let mut s = spec(
            vec![integer_state("stock", 0, 6), integer_state("age", 0, 2)],
            one_shock("price", &[1.0, 1.4], vec![vec![0.7, 0.3], vec![0.2, 0.8]]),
            vec![
                finite_action("order", (0..5).map(f64::from).collect(), taste),
                finite_action("close", vec![0.0, 1.0], None),
            ],
            0.9,
        );
        s.noise_weights = vec![0.2, 0.5, 0.3];
        (s.reward_uses_noise, s.next_uses_noise, s.next_uses_shock_next) = (true, true, foresight);
        let mut hand = hand(s, Box::new(|_, _| vec![]), move |i| {
            let demand = [0.0, 1.0, 3.0][i.noise];
            let sold = i.x[0].v.min(demand);
            let lost = if foresight && i.shock_next == 1 { 1.0 } else { 0.0 };
            let price = [1.0, 1.4][i.shock];
            let next = (i.x[0].v - sold + i.a[0].v - lost).clamp(0.0, 6.0);
            let mut p = point(
                c(price * sold - 0.4 * i.a[0].v - 0.05 * i.x[0].v * i.x[0].v),
                &[c(next), c((i.x[1].v + 1.0).min(2.0))],
            );
            p.end = f64::from(i.a[1].v == 1.0);
            p.paying = 2.0 + i.x[1].v;
            p
        });
        hand.allowed = Box::new(|x, action, choice| action != 1 || choice == 0 || x[1] == 2.0);
        hand
    }

    #[test]
    fn a_table_improves_and_evaluates_as_the_model_does() {
        for (taste, foresight) in [(None, false), (None, true), (Some(0.3), false), (Some(0.3), true)] {
            let problem = store(taste, foresight);
            let bellman = Bellman::new(&problem, Interpolation::Linear).unwrap();
            let table = Table::new(&bellman, BLOCK).expect("a finite problem");
            let value: Vec<f64> = (0..42).map(|i| (f64::from(i) * 0.37).sin() * 3.0).collect();
            let mut continuation = Continuation::default();
            bellman.continuation(&bellman.tensor, &value, &mut continuation);
            let search = SearchOptions::default();
            let a = improve(&bellman, &continuation, 0, None, search, true, None).unwrap();
            let b = improve(&bellman, &continuation, 0, None, search, true, Some(&table)).unwrap();
            assert_eq!(a.policy, b.policy);
            let close =
                |x: &[f64], y: &[f64]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-12);
            assert!(close(&a.value, &b.value) && close(&a.probability, &b.probability));
            assert!((a.operator.modulus() - b.operator.modulus()).abs() < 1e-12);
            assert!((a.operator.least() - b.operator.least()).abs() < 1e-12);
            let (mut u, mut v) = (a.value.clone(), b.value.clone());
            a.operator.evaluate(&bellman, &mut u, None, None, 1e-13, 200);
            b.operator.evaluate(&bellman, &mut v, None, None, 1e-13, 200);
            assert!(u.iter().zip(&v).all(|(x, y)| (x - y).abs() < 1e-10), "{u:?} {v:?}");
        }
    }
}
