//! Value iteration on the nodes of one state whose next value is the action: the algorithm of the language benchmark.
//!
//! Aruoba and Fernandez-Villaverde (2015, JEDC 58): from `V = 0`, each sweep computes `EV_j = sum_j' P(j, j') V_j'` and, node by
//! node, tries next states upwards from the choice of the node below (the policy is monotone) and stops at the first that
//! does not improve (the objective has one peak); sweeps end when `sup |TV - V|` is within the tolerance. Nothing else:
//! rows of the chain need not sum to one.
//!
//! Two forms give the same choices bit by bit. [`Form::Sequential`] is the published loop. [`Form::Windows`] puts nodes on
//! lanes: each node has a window of candidates around its last choice (moved by the drift of the block before), whose rewards
//! are kept until the window must move; for a block of nodes it records in a bit mask where the objective does not rise,
//! and then walks through the block: the choice is the first such place at or above the choice of the node below.
//! Where the window begins too high or ends too low, the walk evaluates what is missing. What rewards need of the state
//! alone is computed once. With `howard > 0` up to that many evaluations of the policy follow
//! each improvement (rewards of the choices are kept), each sweep corrected by one number per shock, the solution of
//! `(I - d P) s = D` for the mid-range `D` of the changes: aggregation over nodes, which removes the slow modes that
//! the McQueen-Porteus constant alone would leave. It then ends when, besides, no choice changes: the same fixed
//! point, several times sooner, but not the published count of iterations. Large grids are then solved from coarse to
//! fine, since a good start is worth more than a fast sweep.
//!
//! Needed of the problem: `evaluate` (reward and slack), `prepare` and `reward` where it has them, `Spec::action_is_next_state`.

mod column;

pub use column::Form;

use super::bellman::Interpolation;
use super::method::{Method, Structure, Task};
use super::problem::{DecisionProblem, StateKind};
use super::progress::{Control, Progress, Watch, found, kept};
use super::solution::{Record, Solution};
use crate::diag::Diagnostic;
use crate::num::interpolate::{Curve, Outside, Rule};
use column::{Column, Row, WINDOW};
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use std::ops::Range;

/// Settings.
#[derive(Clone, Debug, PartialEq)]
pub struct GridSearchOptions {
    /// Largest change of the value at which to stop.
    pub tolerance: f64,
    /// Most improvements.
    pub iterations: usize,
    /// Most evaluations of each policy; 0 is the published algorithm.
    pub howard: usize,
    /// How candidates are evaluated.
    pub form: Form,
}

impl Default for GridSearchOptions {
    fn default() -> Self {
        GridSearchOptions {
            tolerance: crate::check::settings::defaults::GRID_SEARCH_TOLERANCE,
            iterations: 10_000,
            howard: 0,
            form: Form::Windows,
        }
    }
}

/// A solution with the choices as node numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct GridSolution {
    /// Grids, value, policy, record.
    pub solution: Solution,
    /// `choices[shock][node]`: number of the next node.
    pub choices: Vec<Vec<u32>>,
}

/// Grid search, as a method among others.
pub struct GridSearch;

impl Method for GridSearch {
    fn name(&self) -> &'static str {
        "grid_search"
    }

    fn about(&self) -> &'static str {
        "the best node of the grid at every node: one continuous state whose next value is the one action"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["tolerance", "iterations", "howard"]
    }

    fn fits(&self, s: &Structure) -> Result<(), String> {
        let why = if s.states.0 + s.states.1 != 1 {
            "it needs exactly one state"
        } else if s.states.0 != 1 {
            "its state is not continuous"
        } else if s.actions.0 + s.actions.1 != 1 {
            "it needs exactly one action"
        } else if s.actions.0 != 1 || !s.action_is_next_state {
            "the action is not the next state"
        } else if s.law_reads_next_shock || s.uses_noise || s.horizon.is_some() {
            "it has noise, a law with the next shock, or a finite horizon"
        } else if s.discount.is_none_or(|d| !(d > 0.0 && d < 1.0)) {
            "it has no constant discount factor in (0, 1)"
        } else {
            return Ok(());
        };
        Err(why.to_string())
    }

    fn refines(&self) -> bool {
        false
    }

    fn solve(&self, task: Task, progress: &mut dyn Watch) -> Result<Solution, Diagnostic> {
        let defaults = GridSearchOptions::default();
        let o = GridSearchOptions {
            tolerance: task.number("tolerance").unwrap_or(defaults.tolerance),
            iterations: task.whole("iterations", defaults.iterations),
            howard: task.whole("howard", 0),
            ..defaults
        };
        solve(task.problem, &o, progress).map(|g| g.solution)
    }
}

fn unsupported(why: &str) -> Diagnostic {
    Diagnostic::error("E0905", format!("grid search cannot solve this model: {why}"))
        .hint("`method = value_iteration` solves it with interpolation")
}

/// Solves a problem with one state whose next value is its one action.
///
/// # Errors
/// E0905 for another problem, E0904 for a grid that is too large, E0901 without convergence, E0902 where nothing is feasible,
/// E0903 where the value is not a number, E0906 when stopped.
pub fn solve(
    problem: &dyn DecisionProblem,
    options: &GridSearchOptions,
    progress: &mut dyn Watch,
) -> Result<GridSolution, Diagnostic> {
    let spec = problem.spec();
    GridSearch.fits(&Structure::of(spec)).map_err(|why| unsupported(&why))?;
    let ([state], Some(discount)) = (spec.states.as_slice(), spec.discount) else {
        return Err(unsupported("it needs one state and a constant discount factor"));
    };
    let StateKind::Continuous { grid, .. } = &state.kind else {
        return Err(unsupported("its state is not continuous"));
    };
    let n = grid.len();
    let nz = spec.chain.transition.len();
    if n < 2 || n > u32::MAX as usize || !grid.windows(2).all(|w| w[0] < w[1]) {
        return Err(unsupported("its grid does not ascend"));
    }
    // Value, policy, choices and rewards, with what rewards need and the windows; then all as text.
    super::bellman::fits_grid((n * nz) as f64 * (8.0 * (10 + 2 * WINDOW) as f64 + 100.0), &[nz, n])?;
    crate::num::grid::fits(&[n, nz, 8 + WINDOW], 8, crate::num::grid::DEFAULT_LIMIT)
        .map_err(|e| Diagnostic::error("E0904", e.to_string()))?;
    let mut value = vec![vec![0.0; n]; nz];
    let mut choices = vec![vec![0u32; n]; nz];
    if options.howard > 0 {
        // Coarse to fine: every 4^m-th node first; each level starts from the value and choices of the one above.
        let mut stride = 1;
        while n / (4 * stride) >= COARSEST {
            stride *= 4;
        }
        let mut coarse: Option<(Vec<f64>, Vec<Vec<f64>>, Vec<Vec<u32>>)> = None;
        while stride > 1 {
            let part: Vec<f64> = grid.iter().step_by(stride).copied().collect();
            let mut level_value = vec![vec![0.0; part.len()]; nz];
            let mut level_choices = vec![vec![0u32; part.len()]; nz];
            if let Some(above) = &coarse {
                refine(above, &part, &mut level_value, &mut level_choices);
            }
            level(
                problem,
                &part,
                discount,
                options,
                &mut level_value,
                &mut level_choices,
                progress,
            )?;
            coarse = Some((part, level_value, level_choices));
            stride /= 4;
        }
        if let Some(above) = &coarse {
            refine(above, grid, &mut value, &mut choices);
        }
    }
    let record = level(problem, grid, discount, options, &mut value, &mut choices, progress)?;
    let pack = |of: &dyn Fn(usize, usize) -> f64| (0..n * nz).map(|k| of(k % nz, k / nz)).collect();
    let solution = Solution {
        method: "grid search".into(),
        states: Solution::states_of(problem),
        chain: spec.chain.clone(),
        actions: spec.actions.clone(),
        periods: 1,
        infinite: true,
        interpolation: Interpolation::Linear,
        value: pack(&|j, i| value[j][i]),
        policy: vec![pack(&|j, i| grid[choices[j][i] as usize])],
        probability: Vec::new(),
        worth: Vec::new(),
        given: Vec::new(),
        mixed: Vec::new(),
        players: Vec::new(),
        record,
    };
    Ok(GridSolution { solution, choices })
}

/// Fewest nodes of a coarse level.
const COARSEST: usize = 250;

/// Carries value (by a spline) and choices (nearest node) from a coarse grid to one that contains it.
fn refine(
    above: &(Vec<f64>, Vec<Vec<f64>>, Vec<Vec<u32>>),
    grid: &[f64],
    value: &mut [Vec<f64>],
    choices: &mut [Vec<u32>],
) {
    let (coarse, coarse_value, coarse_choices) = above;
    let top = coarse.len() - 2;
    for j in 0..value.len() {
        // Smooth values: the first improvement on the finer grid would otherwise follow the kinks of chords.
        let curve = Curve::new(coarse, &coarse_value[j], false, Rule::Cubic, Outside::Linear);
        let mut cell = 0;
        for (i, &x) in grid.iter().enumerate() {
            while cell < top && coarse[cell + 1] <= x {
                cell += 1;
            }
            let t = (x - coarse[cell]) / (coarse[cell + 1] - coarse[cell]);
            let (v, c) = (&coarse_value[j], &coarse_choices[j]);
            value[j][i] = match &curve {
                Some(curve) => curve.at(x),
                None => v[cell] + t * (v[cell + 1] - v[cell]),
            };
            let target = coarse[c[cell] as usize] + t * (coarse[c[cell + 1] as usize] - coarse[c[cell] as usize]);
            let at = grid.partition_point(|&g| g < target).min(grid.len() - 1);
            choices[j][i] = at as u32;
        }
    }
}

/// Improves value and choices on one grid until they are settled.
fn level(
    problem: &dyn DecisionProblem,
    grid: &[f64],
    discount: f64,
    options: &GridSearchOptions,
    value: &mut Vec<Vec<f64>>,
    choices: &mut Vec<Vec<u32>>,
    progress: &mut dyn Watch,
) -> Result<Record, Diagnostic> {
    let spec = problem.spec();
    let (n, nz) = (grid.len(), value.len());
    let mut expected = vec![vec![0.0; n]; nz];
    let everywhere = vec![0..n; nz];
    let mut reward = vec![vec![0.0; n]; nz];
    let mut next = vec![vec![0.0; n]; nz];
    let mut columns: Vec<Column> = (0..nz)
        .into_par_iter()
        .map(|shock| Column::new(problem, grid, shock, options.form))
        .collect();
    let mut before: Vec<Vec<u32>> = Vec::new();
    let mut record = Record {
        target: options.tolerance,
        ..Record::default()
    };
    // Windows are not kept: they change no choice.
    type Standing = (usize, Vec<Vec<f64>>, Vec<Vec<u32>>, Vec<Vec<u32>>, Vec<f64>);
    let mut first = 1;
    let fits = |s: &Standing| s.1.len() == nz && s.1.iter().all(|v| v.len() == n);
    if let Some(standing) = found::<Standing>(progress).filter(fits) {
        (first, *value, *choices, before, record.history) = standing;
    }
    for iteration in first..=options.iterations.max(1) {
        expect(&spec.chain.transition, value, &mut expected, &everywhere);
        next.par_iter_mut()
            .zip(choices.par_iter_mut())
            .zip(&mut reward)
            .zip(&mut columns)
            .enumerate()
            .for_each(|(shock, (((next, choice), reward), column))| {
                let row = Row {
                    problem,
                    grid,
                    shock,
                    discount,
                    expected: &expected[shock],
                };
                match options.form {
                    Form::Sequential => row.sequential(column, choice, next, reward),
                    Form::Windows => row.windows(column, choice, next, reward),
                }
            });
        let (lo, hi) = change(value, &next);
        std::mem::swap(value, &mut next);
        let residual = lo.abs().max(hi.abs());
        record.iterations = iteration;
        record.residual = residual;
        record.error = discount / (1.0 - discount) * residual;
        record.history.push(residual);
        if !residual.is_finite() {
            return Err(lost(value, grid, spec, iteration));
        }
        let settled = options.howard == 0 || *choices == before;
        if options.howard > 0 {
            before.clone_from(choices);
        }
        let done = residual <= options.tolerance && settled;
        if !done {
            evaluate(
                options,
                discount,
                &spec.chain.transition,
                choices,
                &reward,
                (&mut *value, &mut next, &mut expected),
            );
            progress.standing(&|| kept(&(iteration + 1, &*value, &*choices, &before, &record.history)));
        }
        let report = Progress {
            iteration,
            of: options.iterations,
            error: residual,
            target: options.tolerance,
        };
        if progress.report(report) == Control::Cancel {
            return Err(Diagnostic::error("E0906", "the solver was stopped before it converged"));
        }
        if done {
            return Ok(record);
        }
    }
    Err(Diagnostic::error(
        "E0901",
        format!("grid search did not converge in {} iterations", record.iterations),
    )
    .note(format!(
        "the value still changes by {:.3e}, asked for {:.3e}",
        record.residual, options.tolerance
    ))
    .hint("allow more iterations or a larger tolerance"))
}

fn lost(value: &[Vec<f64>], grid: &[f64], spec: &super::problem::Spec, iteration: usize) -> Diagnostic {
    for (j, row) in value.iter().enumerate() {
        if let Some(i) = row.iter().position(|v| *v == f64::NEG_INFINITY) {
            let shocks: Vec<String> = spec
                .chain
                .names
                .iter()
                .zip(&spec.chain.values[j])
                .map(|(n, v)| format!("{n} = {v}"))
                .collect();
            return Diagnostic::error(
                "E0902",
                format!(
                    "no next state is feasible at {} = {}, {}",
                    spec.states[0].name,
                    grid[i],
                    shocks.join(", ")
                ),
            )
            .note(format!(
                "found in iteration {iteration}; choices start at that of the node below"
            ))
            .hint("raise the lower end of the grid");
        }
    }
    Diagnostic::error(
        "E0903",
        format!("the value is no longer a number after {iteration} iterations"),
    )
    .hint("check the reward for division by zero, powers of negative numbers, and a sign by which it grows without end")
}

/// `expected[j] = sum_j' P(j, j') value[j']`, in the order of `j'`, at the nodes of `ranges[j]`.
fn expect(transition: &[Vec<f64>], value: &[Vec<f64>], expected: &mut [Vec<f64>], ranges: &[Range<usize>]) {
    let work = expected.par_iter_mut().zip(ranges).enumerate();
    work.for_each(|(j, (out, range))| {
        const PART: usize = 1024;
        let mut at = range.start;
        for out in out[range.clone()].chunks_mut(PART) {
            crate::limits::poll();
            out.fill(0.0);
            for (p, v) in transition[j].iter().zip(value).filter(|(p, _)| **p != 0.0) {
                for (out, v) in out.iter_mut().zip(&v[at..]) {
                    *out += p * v;
                }
            }
            at += PART;
        }
    });
}

/// Smallest and largest change.
fn change(value: &[Vec<f64>], next: &[Vec<f64>]) -> (f64, f64) {
    let ends: Vec<(f64, f64)> = value
        .par_iter()
        .zip(next)
        .map(|(v, n)| super::policy_operator::span(v, n))
        .collect();
    ends.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |all, e| {
        (all.0.min(e.0), all.1.max(e.1))
    })
}

/// Sweeps under the fixed choices, each with the aggregate correction, until what one number per shock cannot remove is small.
fn evaluate(
    options: &GridSearchOptions,
    discount: f64,
    transition: &[Vec<f64>],
    choices: &[Vec<u32>],
    reward: &[Vec<f64>],
    (value, next, expected): (&mut Vec<Vec<f64>>, &mut Vec<Vec<f64>>, &mut Vec<Vec<f64>>),
) {
    if options.howard == 0 {
        return;
    }
    let nz = transition.len();
    let system = DMatrix::from_fn(nz, nz, |i, j| f64::from(i == j) - discount * transition[i][j]).lu();
    let mut first = f64::NAN;
    // The next nodes that matter.
    let chosen: Vec<Range<usize>> = choices
        .iter()
        .map(|c| c.iter().min().map_or(0, |c| *c as usize)..c.iter().max().map_or(0, |c| *c as usize + 1))
        .collect();
    // Numbers to be added to all values of a shock: they join the values at the end.
    let mut offset = vec![0.0; nz];
    for _ in 0..options.howard {
        crate::limits::poll();
        expect(transition, value, expected, &chosen);
        let carried: Vec<f64> = transition
            .iter()
            .map(|row| discount * row.iter().zip(&offset).map(|(p, s)| p * s).sum::<f64>())
            .collect();
        let ends: Vec<(f64, f64)> = next
            .par_iter_mut()
            .enumerate()
            .map(|(j, next)| {
                let (mut lo, mut hi) = ([f64::INFINITY; 4], [f64::NEG_INFINITY; 4]);
                let row = &expected[j];
                let lanes = next.iter_mut().zip(&choices[j]).zip(&reward[j]).zip(&value[j]);
                for (i, (((out, &c), r), v)) in lanes.enumerate() {
                    *out = r + discount * row[c as usize];
                    let (change, k) = (*out - v, i % 4);
                    lo[k] = if change < lo[k] { change } else { lo[k] };
                    hi[k] = if change > hi[k] { change } else { hi[k] };
                }
                let shift = carried[j] - offset[j];
                let (lo, hi) = (
                    lo.into_iter().fold(f64::INFINITY, f64::min),
                    hi.into_iter().fold(f64::NEG_INFINITY, f64::max),
                );
                (lo + shift, hi + shift)
            })
            .collect();
        let widest = ends.iter().map(|e| e.1 - e.0).fold(0.0, f64::max);
        if first.is_nan() {
            first = widest;
        }
        let middle = DVector::from_iterator(nz, ends.iter().map(|e| 0.5 * (e.0 + e.1)));
        std::mem::swap(value, next);
        offset = carried;
        if let Some(total) = system.solve(&middle).filter(|t| t.iter().all(|v| v.is_finite())) {
            offset
                .iter_mut()
                .enumerate()
                .for_each(|(j, s)| *s += total[j] - middle[j]);
        }
        if widest <= (1e-3 * first).max(1e-14) {
            break;
        }
    }
    value
        .iter_mut()
        .zip(&offset)
        .for_each(|(value, s)| value.iter_mut().for_each(|v| *v += s));
}

#[cfg(test)]
mod tests {
    use super::super::examples::{continuous_action, continuous_state, one_shock, spec};
    use super::super::problem::*;
    use super::super::progress::silent;
    use super::*;

    /// The benchmark's problem with output looked up, as the published programs do.
    struct Benchmark {
        spec: Spec,
        output: Vec<Vec<f64>>,
        step: f64,
    }

    const ALPHA: f64 = 0.33333333333;
    const BETA: f64 = 0.95;

    fn benchmark(row3: f64, step: f64) -> Benchmark {
        let k_ss = (ALPHA * BETA).powf(1.0 / (1.0 - ALPHA));
        let nodes = (17_820.0 * 0.00001 / step).round() as usize;
        let grid: Vec<f64> = (0..nodes).map(|i| 0.5 * k_ss + step * i as f64).collect();
        let z = [0.9792, 0.9896, 1.0, 1.0106, 1.0212];
        let transition = vec![
            vec![0.9727, 0.0273, 0.0, 0.0, 0.0],
            vec![0.0041, 0.9806, 0.0153, 0.0, 0.0],
            vec![0.0, 0.0082, row3, 0.0082, 0.0],
            vec![0.0, 0.0, 0.0153, 0.9806, 0.0041],
            vec![0.0, 0.0, 0.0, 0.0273, 0.9727],
        ];
        let output = z
            .iter()
            .map(|z| grid.iter().map(|k| z * k.powf(ALPHA)).collect())
            .collect();
        let mut s = spec(
            vec![continuous_state("k", grid, false)],
            one_shock("z", &z, transition),
            vec![continuous_action("next")],
            BETA,
        );
        s.action_is_next_state = Some((0, 0));
        Benchmark { spec: s, output, step }
    }

    impl DecisionProblem for Benchmark {
        fn spec(&self) -> &Spec {
            &self.spec
        }
        fn evaluate(&self, lanes: &Lanes, out: &mut Outcome) {
            let output = &self.output[lanes.shock];
            let StateKind::Continuous { grid, .. } = &self.spec.states[0].kind else {
                return;
            };
            let (first, inverse) = (grid[0], 1.0 / self.step);
            for ((r, k), next) in out.reward.iter_mut().zip(lanes.states[0]).zip(lanes.actions[0]) {
                let i = ((k - first) * inverse + 0.5) as usize;
                *r = (1.0 - BETA) * (output[i.min(output.len() - 1)] - next).ln();
            }
            out.next[0].copy_from_slice(lanes.actions[0]);
        }
        fn bounds(&self, _: &Lanes, lo: &mut [&mut [f64]], hi: &mut [&mut [f64]]) {
            lo[0].fill(0.0);
            hi[0].fill(1.0);
        }
        fn allowed(&self, _: &Lanes, _: usize, _: usize, out: &mut [f64]) {
            out.fill(1.0);
        }
        fn derivative(&self, _: &Lanes, _: usize, _: &mut [f64], _: &mut [&mut [f64]]) -> Result<(), Diagnostic> {
            Err(Diagnostic::error("E0999", "none"))
        }
        fn consumption(&self, _: &Lanes, _: &mut [f64], _: &mut [&mut [f64]]) -> bool {
            false
        }
    }

    #[test]
    fn the_language_benchmark_gives_its_published_number() {
        let problem = benchmark(0.9837, 0.00001);
        let solution = solve(&problem, &GridSearchOptions::default(), &mut silent).unwrap();
        assert_eq!(solution.solution.record.iterations, 257);
        let policy = solution.solution.policy[0][999 * 5 + 2];
        assert!((policy - 0.146549143695695).abs() < 1e-14, "{policy}");
    }

    #[test]
    fn with_rows_that_sum_to_one_it_gives_the_other_number_and_howard_agrees() {
        let problem = benchmark(0.9836, 0.00001);
        let fast = solve(
            &problem,
            &GridSearchOptions {
                howard: 40,
                ..GridSearchOptions::default()
            },
            &mut silent,
        )
        .unwrap();
        let policy = fast.solution.policy[0][999 * 5 + 2];
        assert!((policy - 0.146539143695695).abs() < 1e-14, "{policy}");
        assert!((policy - 0.1465360146031814).abs() < 1e-5);
    }

    #[test]
    fn windows_and_the_sequential_loop_choose_the_same_everywhere() {
        for row3 in [0.9836, 0.9837] {
            let problem = benchmark(row3, 0.0001);
            let run = |form, howard| {
                solve(
                    &problem,
                    &GridSearchOptions {
                        form,
                        howard,
                        ..GridSearchOptions::default()
                    },
                    &mut silent,
                )
                .unwrap()
            };
            let (a, b) = (run(Form::Sequential, 0), run(Form::Windows, 0));
            assert_eq!(a.choices, b.choices);
            assert_eq!(a.solution.value, b.solution.value);
            assert_eq!(a.solution.record, b.solution.record);
            let (c, d) = (run(Form::Sequential, 30), run(Form::Windows, 30));
            assert_eq!(c.choices, d.choices);
            let differ = a
                .choices
                .iter()
                .flatten()
                .zip(c.choices.iter().flatten())
                .filter(|(x, y)| x != y)
                .count();
            assert!(differ <= 5, "{differ}");
        }
    }

    #[test]
    fn what_it_cannot_solve_is_said() {
        let mut problem = benchmark(0.9836, 0.001);
        problem.spec.action_is_next_state = None;
        assert_eq!(
            solve(&problem, &GridSearchOptions::default(), &mut silent)
                .unwrap_err()
                .code,
            "E0905"
        );
        let problem = benchmark(0.9836, 0.001);
        let few = GridSearchOptions {
            iterations: 3,
            ..GridSearchOptions::default()
        };
        assert_eq!(solve(&problem, &few, &mut silent).unwrap_err().code, "E0901");
    }
}
