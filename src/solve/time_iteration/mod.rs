//! Time iteration: first-order conditions solved at every node, given what one more unit of each state is worth tomorrow; which gives what it is
//! worth today.
//!
//! With `m_s` the marginal value of state `s`, an action `a` that is inside its bounds solves `r_a + d E[sum_s m_s(x') x'_s,a] = 0`, and
//! `m_s = r_s + d E[sum_k m_k(x') x'_k,s]` by the envelope theorem (Coleman 1991, *Econometrica* 59; Judd 1998, chapter 16): derivatives are
//! those of the model, not of an interpolant, so that policies are as exact as the interpolation of marginal values (order four) and not of
//! slopes of values (order three). At a bound a condition is an inequality, and the bound's own slope counts (complementarity). Sweeps are
//! accelerated ([`crate::num::anderson`]) and end when neither policies nor marginal values move by more than `tolerance` of what they are;
//! they begin on few nodes (with one state from a rough solution by value iteration, with several where nothing else leads anywhere) and
//! go on, from what was found there, on twice as many until all are there.
//! The value is that of the policy found ([`PolicyOperator`]).

pub(super) mod ages;
mod block;
pub(super) mod dated;
mod endogenous;
pub(super) mod origin;
mod room;
mod stage;
#[cfg(test)]
mod tests;

use super::bellman::{At, Bellman, Interpolation, fits_grid};
use super::describe::describe;
use super::infeasible::nothing_feasible;
use super::method::{Method, Structure, Task};
use super::policy_operator::{OPERATOR_BYTES, PolicyOperator, evaluated};
use super::problem::DecisionProblem;
use super::progress::{Control, Progress, Watch};
use super::solution::{Record, Solution};
use super::value_iteration::{ValueIterationOptions, leaves, operator_bytes, sizes, staying};
use crate::check::settings::defaults;
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::anderson::Anderson;
use crate::num::interpolate::{Axis, Tensor};
pub use ages::Ages;
use block::{Block, Swept};
pub use endogenous::EndogenousGrid;
use endogenous::Origins;
use rayon::prelude::*;
use stage::Stage;

/// Nodes that are worked on together: fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 64;
/// Most continuous states: beyond, grids are too large for a sweep over all of them.
const MOST_STATES: usize = 6;
/// Sweeps that are mixed.
const MEMORY: usize = 10;
/// Largest change from which sweeps are mixed: before, they are far from straight lines.
const MIXED: f64 = 0.3;
/// Largest gap of a condition that counts as none, at the end and at the most.
const SETTLED: f64 = 1e-12;
const LOOSE: f64 = 1e-5;
/// Where the search for actions begins, between their bounds, where the rough solution leads nowhere: one after the other.
const STARTS: [f64; 3] = [0.5, 0.2, 0.8];
/// Fewest nodes of an axis of the grids on which it begins, alone and beside others; largest change that counts as none there.
const FEW_ALONE: usize = 13;
const FEW: usize = 5;
const ROUGH: f64 = 1e-7;
const ROUGH_SWEEPS: usize = 200;
/// Sweeps without progress after which mixing begins anew, and after which there is no more of it; what counts as progress.
const STALE: usize = 8;
const GIVEN_UP: usize = 30;
const LESS: f64 = 0.7;
/// Largest change after the sweeps on the fewest nodes with which more nodes are tried, where it is to be brief.
const BRIEF: f64 = 1e-2;
/// Sweeps in a row without a solution at any node after which it is given up.
const NOWHERE: usize = 10;
/// Most sweeps on one grid where the file says nothing.
pub const SWEEPS: usize = 1000;
/// Most that a requirement may be missed by.
const MISSED: f64 = -1e-8;

/// Why marginal values do not tell a best reply where others answer.
const ANSWERED: &str = "others answer what is done, and derivatives do not see it";

/// Time iteration, as a method among others.
pub struct TimeIteration;

impl Method for TimeIteration {
    fn name(&self) -> &'static str {
        "time_iteration"
    }

    fn about(&self) -> &'static str {
        "first-order conditions solved at every node, derivatives from the model, bounds by complementarity; smooth problems with continuous \
         states and actions"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["tolerance", "iterations"]
    }

    fn fits(&self, s: &Structure) -> Result<(), String> {
        let no = |what: &str| Err(what.to_string());
        match s {
            _ if s.answered => no(ANSWERED),
            _ if s.horizon.is_some() => no("it has a horizon"),
            _ if s.states.1 > 0 => no("a state takes whole numbers"),
            _ if s.states.0 == 0 => no("there is no continuous state that matters"),
            _ if s.states.0 > MOST_STATES => Err(format!("{} states are more than {MOST_STATES}", s.states.0)),
            _ if s.actions.1 > 0 => no("an action has finitely many choices"),
            _ if s.actions.0 == 0 => no("there is no continuous action"),
            _ if s.ends => no("it may end"),
            _ if s.chances_move => no("chances depend on what is done"),
            _ if !s.discount.is_some_and(|d| d > 0.0 && d < 1.0) => {
                no("the discount factor is not one number in (0, 1)")
            }
            _ if s.kinks => no("`min`, `max` or `abs` stand between choices and what they bring"),
            _ if !s.differentiable => no("a step stands between choices and what they bring"),
            _ => Ok(()),
        }
    }

    fn solve(&self, task: Task, progress: &mut dyn Watch) -> Result<Solution, Diagnostic> {
        solve_by(self, task, false, progress)
    }
}

/// Solves by one of the methods that carry marginal values.
fn solve_by(
    method: &dyn Method,
    task: Task,
    endogenous: bool,
    progress: &mut dyn Watch,
) -> Result<Solution, Diagnostic> {
    method.fits(&Structure::of(task.problem.spec())).map_err(|why| {
        Diagnostic::error("E0810", format!("{} cannot solve this model: {why}", method.name()))
            .hint("econc solve FILE --why says which methods fit")
    })?;
    let options = TimeIterationOptions::of(&task, endogenous);
    solve(task.problem, options, task.guess, progress)
}

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeIterationOptions {
    /// Largest change of policies and marginal values in a sweep that counts as none, relative to what they are.
    pub tolerance: f64,
    /// Most sweeps.
    pub sweeps: usize,
    /// Whether conditions are solved for the states from which next ones come ([`EndogenousGrid`]).
    pub endogenous: bool,
    /// Whether it is given up where the first start on the fewest nodes does not settle, and where cubic marginal values do not.
    pub brief: bool,
}

impl TimeIterationOptions {
    /// What the file says.
    fn of(task: &Task, endogenous: bool) -> TimeIterationOptions {
        TimeIterationOptions {
            tolerance: task.number("tolerance").unwrap_or(defaults::TOLERANCE),
            sweeps: task.whole("iterations", SWEEPS),
            endogenous,
            brief: false,
        }
    }
}

/// Solves the problem; `guess` is a value (states x shocks) from which that of the policy is sought.
///
/// # Errors
/// Those of [`Bellman::new`]; E0901 without convergence, E0902 where nothing is feasible, E0922 where a requirement binds that is no bound,
/// E0906 when stopped.
pub fn solve(
    problem: &dyn DecisionProblem,
    options: TimeIterationOptions,
    guess: Option<Vec<f64>>,
    progress: &mut dyn Watch,
) -> Result<Solution, Diagnostic> {
    // One that was interrupted is done again, to the same bytes: it takes little time.
    progress.begins();
    let cubic = between(problem, Interpolation::Cubic, options, guess.clone(), progress);
    let Err(refused) = cubic else { return cubic };
    if refused.code != "E0901" || options.brief {
        return Err(refused);
    }
    // Where a bound begins to bind between two nodes cubic marginal values may never come to rest; straight lines between nodes do.
    let Ok(mut solution) = between(problem, Interpolation::Linear, options, guess, progress) else {
        return Err(refused);
    };
    solution.record.warnings.push(
        Diagnostic::warning(
            "W0908",
            "cubic interpolation did not settle; linear interpolation was used",
        )
        .note("marginal values bend where a bound or a requirement begins to bind"),
    );
    Ok(solution)
}

/// Solves with one interpolation.
fn between(
    problem: &dyn DecisionProblem,
    interpolation: Interpolation,
    options: TimeIterationOptions,
    guess: Option<Vec<f64>>,
    progress: &mut dyn Watch,
) -> Result<Solution, Diagnostic> {
    let mut levels = vec![Bellman::new(problem, interpolation)?];
    let bellman = &levels[0];
    let size = bellman.nodes() * bellman.shocks();
    let ns = problem.spec().states.len() as f64;
    // Points and images of the acceleration, marginal values and their splines, transitions of the policy.
    let arrays = ns * (2.0 * MEMORY as f64 + 4.0 + 2f64.powf(ns)) + 31.0;
    let transitions = operator_bytes(bellman);
    if transitions > OPERATOR_BYTES as f64 {
        return Err(
            Diagnostic::error("E0904", "the transitions of a policy do not fit into memory")
                .hint("use fewer nodes, or method = value_iteration"),
        );
    }
    fits_grid(size as f64 * arrays * 8.0 + transitions, &sizes(bellman))?;
    while let Some(tensor) = coarser(&levels[levels.len() - 1].tensor) {
        let mut level = Bellman::new(problem, interpolation)?;
        level.tensor = tensor;
        levels.push(level);
    }
    let discount = problem.spec().discount.unwrap_or(f64::NAN);
    let stages: Vec<Stage> = levels.iter().map(|b| Stage::new(b, discount)).collect();
    let rough = TimeIterationOptions {
        tolerance: options.tolerance.max(ROUGH),
        sweeps: options.sweeps.min(ROUGH_SWEEPS),
        ..options
    };
    let of_level = |k: usize| if k == 0 { options } else { rough };
    let coarsest = stages.len() - 1;
    // With several states a rough solution costs more than all the rest, and most come without.
    let mut starts: Vec<Option<f64>> = STARTS.map(Some).to_vec();
    starts.insert(usize::from(problem.spec().states.len() > 1), None);
    if options.brief {
        starts.truncate(1);
    }
    let mut found: Option<Ended> = None;
    for share in starts {
        let start = match share {
            Some(share) => Some(Start::Between(share)),
            None => rough_start(&stages[coarsest], progress)?,
        };
        let Some(start) = start else { continue };
        let searched = TimeIterationOptions {
            endogenous: false,
            ..of_level(coarsest)
        };
        let ended = iterate(&stages[coarsest], searched, start, progress)?;
        let settled = ended.settled;
        found = Some(ended);
        if settled {
            break;
        }
    }
    let mut ended = found.ok_or_else(|| Diagnostic::error("E0901", "time iteration has no start"))?;
    let far = |e: &Ended| e.unsolved > 0 || !e.history.last().is_some_and(|moved| *moved <= BRIEF);
    if options.brief && !ended.settled && (coarsest == 0 || far(&ended)) {
        return Err(not_converged(&stages[coarsest], &ended, of_level(coarsest)));
    }
    let mut at = coarsest;
    // An endogenous grid needs marginal values to begin with, and goes on from those of the search.
    let mut again = options.endogenous && coarsest == 0;
    while at > 0 || again {
        let (from, to) = (&stages[at], &stages[at.saturating_sub(1)]);
        again = false;
        let functions = from.carried(&ended.functions, to);
        // What did not settle on few nodes may on more.
        let start = if functions.iter().flatten().all(|v| v.is_finite()) {
            Start::From(functions, from.carried(&ended.policy(from), to))
        } else {
            Start::Between(STARTS[0])
        };
        at = at.saturating_sub(1);
        let before = std::mem::take(&mut ended.sweeps);
        ended = iterate(to, of_level(at), start, progress)?;
        ended.sweeps += before;
    }
    if !ended.settled {
        return Err(not_converged(&stages[at], &ended, of_level(at)));
    }
    finish(
        &stages[0],
        ended,
        options,
        interpolation,
        guess.filter(|g| g.len() == size),
    )
}

/// Where the solution of a problem stands, from which that of one nearby is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    interpolation: Interpolation,
    /// Marginal values as they are carried, `[state]` and then state node x joint shock.
    functions: Vec<Vec<f64>>,
    /// `[action]` and then state node x joint shock.
    pub policy: Vec<Vec<f64>>,
}

impl Carried {
    /// From a solution of the problem.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub fn of(problem: &dyn DecisionProblem, solution: &Solution) -> Result<Carried, Diagnostic> {
        let bellman = Bellman::new(problem, solution.interpolation)?;
        let stage = Stage::new(&bellman, problem.spec().discount.unwrap_or(f64::NAN));
        Ok(Carried {
            interpolation: solution.interpolation,
            functions: stage.slopes_of(&solution.value),
            policy: solution.policy.clone(),
        })
    }

    /// Goes on from here at the same nodes, where the problem has changed a little; with a guess of the value (state node x joint shock)
    /// also the whole solution.
    ///
    /// # Errors
    /// Those of [`solve`].
    pub fn go_on(
        &self,
        problem: &dyn DecisionProblem,
        options: TimeIterationOptions,
        guess: Option<Vec<f64>>,
        progress: &mut dyn Watch,
    ) -> Result<(Carried, Option<Solution>), Diagnostic> {
        let bellman = Bellman::new(problem, self.interpolation)?;
        let stage = Stage::new(&bellman, problem.spec().discount.unwrap_or(f64::NAN));
        let start = Start::From(self.functions.clone(), self.policy.clone());
        let ended = iterate(&stage, options, start, progress)?;
        if !ended.settled {
            return Err(not_converged(&stage, &ended, options));
        }
        let carried = Carried {
            interpolation: self.interpolation,
            functions: ended.functions.clone(),
            policy: ended.policy(&stage),
        };
        let whole = guess.map(|g| finish(&stage, ended, options, self.interpolation, Some(g)));
        Ok((carried, whole.transpose()?))
    }
}

/// Slopes of the value, and the policy, of those who stay on a grid: a period from the end of the world, when all is used up, may be
/// so far from what is done otherwise that no iteration comes back from there.
fn rough_start(stage: &Stage, progress: &mut dyn Watch) -> Result<Option<Start>, Diagnostic> {
    let mut watch = |p: Progress| progress.report(p);
    let usual = ValueIterationOptions::default();
    let tensor = &stage.bellman.tensor;
    let Some(rough) = staying(stage.bellman.problem, tensor, &usual, &mut watch)? else {
        return Ok(None);
    };
    let functions = stage.slopes_of(&rough.value);
    let finite = functions.iter().flatten().all(|v| v.is_finite());
    Ok(finite.then_some(Start::From(functions, rough.policy)))
}

/// The grid with half as many nodes an axis, where there are still enough; `None` if the grid is small already.
fn coarser(tensor: &Tensor) -> Option<Tensor> {
    let axes = tensor.axes();
    let few = if axes.len() == 1 { FEW_ALONE } else { FEW };
    if axes.iter().all(|a| a.nodes().len() < 2 * few - 2) {
        return None;
    }
    let halved = axes.iter().map(|a| {
        let n = a.nodes().len();
        let m = n.div_ceil(2).max(few).min(n);
        let nodes: Vec<f64> = (0..m)
            .map(|i| a.nodes()[(i * (n - 1) + (m - 1) / 2) / (m - 1)])
            .collect();
        Axis::new(&nodes, a.log(), a.rule())
    });
    let axes: Option<Vec<Axis>> = halved.collect();
    Tensor::new(axes?, tensor.outside)
}

/// Where an iteration begins.
enum Start {
    /// With nothing ahead, actions at a share of the way between their bounds.
    Between(f64),
    /// From marginal values and policies, each a function of state node x joint shock.
    From(Vec<Vec<f64>>, Vec<Vec<f64>>),
}

/// Where the iteration ended.
struct Ended {
    blocks: Vec<Block>,
    /// Marginal values, as they are carried.
    functions: Vec<Vec<f64>>,
    /// Sweeps on all grids.
    sweeps: usize,
    history: Vec<f64>,
    settled: bool,
    unsolved: usize,
    /// A node and a shock without a solution.
    example: Option<(usize, usize)>,
}

impl Ended {
    /// What is done, `[action]` and then state node x joint shock.
    fn policy(&self, stage: &Stage) -> Vec<Vec<f64>> {
        let parts: Vec<Vec<Vec<f64>>> = self.blocks.iter().map(|b| b.actions.clone()).collect();
        whole(stage, &self.blocks, &parts)
    }
}

/// Runs `piece` for every block; results in their order.
fn each<T: Send>(blocks: &mut [Block], piece: impl Fn(&mut Block) -> T + Sync) -> Vec<T> {
    let all: Option<Vec<T>> = blocks.par_iter_mut().map(|b| limits::going(|| piece(b))).collect();
    all.unwrap_or_else(|| limits::leave())
}

/// All blocks of the grid, actions at `share` of the way between their bounds.
fn blocks(stage: &Stage, share: f64) -> Vec<Block> {
    let tensor = &stage.bellman.tensor;
    let nodes = stage.bellman.nodes();
    let units: Vec<(usize, usize)> = (0..stage.bellman.shocks())
        .flat_map(|j| (0..nodes).step_by(BLOCK).map(move |first| (j, first)))
        .collect();
    let one = |&(shock, first): &(usize, usize)| {
        let n = BLOCK.min(nodes - first);
        let mut states = vec![vec![0.0; n]; tensor.axes().len()];
        let mut x = vec![0.0; states.len()];
        for i in 0..n {
            tensor.node(first + i, &mut x);
            states.iter_mut().zip(&x).for_each(|(s, x)| s[i] = *x);
        }
        Block::new(stage, (shock, first), states, share)
    };
    let all: Option<Vec<Block>> = units.par_iter().map(|u| limits::going(|| one(u))).collect();
    all.unwrap_or_else(|| limits::leave())
}

/// Blocks' functions `[state][node]` as whole ones: `[state]`, then state node x joint shock.
fn whole(stage: &Stage, blocks: &[Block], parts: &[Vec<Vec<f64>>]) -> Vec<Vec<f64>> {
    let nz = stage.bellman.shocks();
    let mut out = vec![vec![0.0; stage.bellman.nodes() * nz]; parts.first().map_or(0, Vec::len)];
    for (block, part) in blocks.iter().zip(parts) {
        for (out, values) in out.iter_mut().zip(part) {
            for (i, v) in values.iter().enumerate() {
                out[(block.first + i) * nz + block.shock] = *v;
            }
        }
    }
    out
}

/// Sweeps until nothing moves.
fn iterate(
    stage: &Stage,
    options: TimeIterationOptions,
    start: Start,
    progress: &mut dyn Watch,
) -> Result<Ended, Diagnostic> {
    let share = if let Start::Between(share) = start {
        share
    } else {
        STARTS[0]
    };
    let mut blocks = blocks(stage, share);
    if let Some((block, node)) = blocks.iter().find_map(|b| Some((b, b.empty()?))) {
        let at = At {
            shock: block.shock,
            time: 0,
        };
        return Err(nothing_feasible(stage.bellman, at, block.first + node));
    }
    let mut functions = match start {
        Start::From(functions, policy) => {
            let shocks = stage.bellman.shocks();
            blocks.iter_mut().for_each(|b| b.start_at(&policy, shocks));
            functions
        }
        Start::Between(_) => {
            let parts = each(&mut blocks, |b| b.of_reward(stage));
            whole(stage, &blocks, &parts)
        }
    };
    let mut anderson = Anderson::new(MEMORY);
    let mut ended = Ended {
        blocks: Vec::new(),
        functions: Vec::new(),
        sweeps: 0,
        history: Vec::new(),
        settled: false,
        unsolved: 0,
        example: None,
    };
    let mut origins = options.endogenous.then(|| Origins::new(stage, &blocks));
    let mut before = f64::INFINITY;
    let (mut best, mut stale) = (f64::INFINITY, 0);
    let (all, mut nowhere) = (stage.bellman.nodes() * stage.bellman.shocks(), 0);
    for sweep in 1..=options.sweeps.max(1) {
        let ahead = stage.ahead(&functions);
        let exact = before <= 1e2 * options.tolerance;
        let tolerance = if exact {
            SETTLED
        } else {
            (1e-5 * before).clamp(SETTLED, LOOSE)
        };
        let placed = origins.as_mut().map(|o| o.place(stage, &functions[0], tolerance));
        let swept: Vec<Swept> = match &placed {
            Some(placed) => each(&mut blocks, |b| b.follow(stage, &ahead, &placed.policy)),
            None => each(&mut blocks, |b| b.sweep(stage, &ahead, tolerance, sweep)),
        };
        let parts: Vec<Vec<Vec<f64>>> = swept.iter().map(|s| s.marginal.clone()).collect();
        let new = whole(stage, &blocks, &parts);
        let moved = swept.iter().fold(moves(&functions, &new), |m, s| m.max(s.moved));
        ended.unsolved = swept.iter().map(|s| s.unsolved).sum();
        let lost = blocks
            .iter()
            .zip(&swept)
            .find_map(|(b, s)| Some((b, s.first_unsolved?)));
        ended.example = lost.map(|(b, i)| (b.first + i, b.shock));
        if let Some(placed) = placed {
            (ended.unsolved, ended.example) = (placed.unsolved, placed.example);
        }
        ended.history.push(moved);
        let report = Progress {
            iteration: sweep,
            of: options.sweeps,
            error: moved,
            target: options.tolerance,
        };
        if progress.report(report) == Control::Cancel {
            return Err(Diagnostic::error("E0906", "the solver was stopped before it converged"));
        }
        if moved <= options.tolerance && ended.unsolved == 0 && exact {
            ended.settled = true;
            functions = new;
            break;
        }
        nowhere = if ended.unsolved == all { nowhere + 1 } else { 0 };
        if !moved.is_finite() && ended.unsolved == 0 || nowhere >= NOWHERE {
            break;
        }
        if moved < LESS * best {
            (best, stale) = (moved, 0);
        } else {
            stale += 1;
        }
        // A mixture that leads away, or nowhere, is given up.
        let away = moved > 2.0 * before || moved > MIXED || ended.unsolved > 0;
        if away || stale > GIVEN_UP || stale % STALE == STALE - 1 {
            anderson.forget();
            functions = new;
        } else {
            functions = mixed(&mut anderson, &functions, &new);
        }
        before = moved;
    }
    ended.sweeps = ended.history.len();
    (ended.blocks, ended.functions) = (blocks, functions);
    Ok(ended)
}

/// The mixture of the last sweeps, each entry weighed by its size.
fn mixed(anderson: &mut Anderson, old: &[Vec<f64>], new: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let weight: Vec<f64> = new
        .iter()
        .flat_map(|f| {
            let most = f.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            f.iter().map(move |v| 1.0 / (v.abs() + 1e-3 * most).max(1e-300))
        })
        .collect();
    let next = anderson.next(&old.concat(), &new.concat(), &weight);
    let mut rest = next.as_slice();
    new.iter()
        .map(|f| {
            let (own, others) = rest.split_at(f.len());
            rest = others;
            own.to_vec()
        })
        .collect()
}

/// How far functions moved, as a share of what they are.
fn moves(old: &[Vec<f64>], new: &[Vec<f64>]) -> f64 {
    let one = |(old, new): (&Vec<f64>, &Vec<f64>)| {
        let most = new.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        old.iter().zip(new).fold(0.0, |m: f64, (o, n)| {
            let d = (n - o).abs() / (n.abs() + 1e-3 * most).max(1e-300);
            if d.is_nan() { f64::INFINITY } else { m.max(d) }
        })
    };
    old.iter().zip(new).map(one).fold(0.0, f64::max)
}

/// The method in words.
fn words(options: TimeIterationOptions) -> &'static str {
    if options.endogenous {
        "endogenous grid"
    } else {
        "time iteration"
    }
}

fn not_converged(stage: &Stage, ended: &Ended, options: TimeIterationOptions) -> Diagnostic {
    let last = ended.history.last().copied().unwrap_or(f64::NAN);
    let d = Diagnostic::error(
        "E0901",
        format!("{} did not converge in {} sweeps", words(options), ended.history.len()),
    )
    .note(format!(
        "policies and marginal values still move by {last:.1e} of what they are; {:.0e} was asked for",
        options.tolerance
    ));
    let d = match ended.example {
        Some((node, shock)) => d.note(format!(
            "at {} grid points first-order conditions have no solution, first at {}",
            ended.unsolved,
            describe(stage.bellman, At { shock, time: 0 }, node)
        )),
        None => d,
    };
    d.hint("method = value_iteration searches for what is best and needs no first-order conditions; a narrower grid helps where it bends most")
}

/// That requirements hold where the actions of these blocks are taken.
///
/// # Errors
/// E0922 where one binds.
fn required(stage: &Stage, blocks: &[Block], options: TimeIterationOptions) -> Result<(), Diagnostic> {
    for block in blocks {
        let (slack, node) = block.least_slack(stage);
        if slack < MISSED {
            let at = At {
                shock: block.shock,
                time: 0,
            };
            return Err(Diagnostic::error(
                "E0922",
                format!(
                    "a requirement binds, and {} knows bounds, or requirements on a single action",
                    words(options)
                ),
            )
            .note(format!(
                "missed by {:.2e} at {}",
                -slack,
                describe(stage.bellman, at, block.first + node)
            ))
            .hint("say it as a bound of an action, or use method = value_iteration"));
        }
    }
    Ok(())
}

/// The solution: the policy at the nodes, and what it is worth.
fn finish(
    stage: &Stage,
    ended: Ended,
    options: TimeIterationOptions,
    interpolation: Interpolation,
    guess: Option<Vec<f64>>,
) -> Result<Solution, Diagnostic> {
    let bellman = stage.bellman;
    required(stage, &ended.blocks, options)?;
    let spec = bellman.problem.spec();
    let policy = ended.policy(stage);
    let value = guess.unwrap_or_else(|| vec![0.0; bellman.nodes() * bellman.shocks()]);
    let (value, operator, error, target): (Vec<f64>, PolicyOperator, f64, f64) =
        evaluated(bellman, &policy, value, options.tolerance, BLOCK);
    if value.iter().any(|v| !v.is_finite()) {
        return Err(super::lost::not_a_number(
            bellman,
            &value,
            &policy,
            0,
            "under the policy found",
        ));
    }
    let (outside, warning) = leaves(bellman, &operator);
    let last = ended.history.last().copied().unwrap_or(0.0);
    Ok(Solution {
        method: words(options).into(),
        states: Solution::states_of(bellman.problem),
        chain: spec.chain.clone(),
        actions: spec.actions.clone(),
        periods: 1,
        infinite: true,
        interpolation,
        value,
        policy,
        probability: Vec::new(),
        worth: Vec::new(),
        given: Vec::new(),
        mixed: Vec::new(),
        players: Vec::new(),
        record: Record {
            iterations: ended.sweeps,
            error,
            target,
            residual: error,
            policy_change: last,
            history: ended.history,
            outside,
            warnings: warning.into_iter().collect(),
        },
    })
}
