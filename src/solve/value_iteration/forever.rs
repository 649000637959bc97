//! Infinite horizons: improvements and evaluations of the policy until the bound on the error is small enough.

use super::bound::{Bound, below_rounding, bound, leaves, policy_change, within};
use super::improve::{Improved, improve};
use super::{BLOCK, Ended, ValueIterationOptions, cancelled, finish, operator_bytes, sizes};
use crate::diag::Diagnostic;
use crate::solve::bellman::{Bellman, Continuation};
use crate::solve::lost::not_a_number;
use crate::solve::policy_operator::{OPERATOR_BYTES, size, span};
use crate::solve::progress::{Control, Progress, Watch, found, kept};
use crate::solve::search::SearchOptions;
use crate::solve::solution::{Record, Solution};
use crate::solve::tabulated::Table;

/// Thorough searches that may each send the quicker ones back to work; after these all are thorough.
const ROUNDS: usize = 6;
/// Improvements that need not halve the error bound before evaluations of policies, and then the iteration, are given up.
const PATIENCE: usize = 25;
/// How many times the smallest error bound another one is that says that values run away.
const DIVERGED: f64 = 1e16;

/// Share of a value to which a search knows it, where values differ by little of their size.
const SEARCHED: f64 = 1e-13;

/// Where an iteration stood when it was interrupted: its number, value, policy, smallest bound and improvements since, flags (evaluations, searches
/// close by, a thorough search), thorough searches, history of bounds.
type Standing = (
    usize,
    Vec<f64>,
    Option<Vec<Vec<f64>>>,
    (f64, usize),
    (bool, bool, bool),
    usize,
    Vec<f64>,
);

/// An iteration under way.
struct Course<'a> {
    bellman: &'a Bellman<'a>,
    options: &'a ValueIterationOptions,
    table: Option<Table>,
    /// Whether the policy's transitions are kept.
    stored: bool,
    /// Whether choices are searched for.
    searched: bool,
    /// Local searches need first-order conditions, and a policy to start from that has found its place.
    can_be_local: bool,
    value: Vec<f64>,
    before: Option<Vec<Vec<f64>>>,
    best_error: f64,
    since_best: usize,
    howard: bool,
    local: bool,
    thorough: bool,
    rounds: usize,
    record: Record,
}

/// Solves for ever; with `careful` it ends where the first policy leaves the grid.
///
/// # Errors
/// Those of an improvement; E0903 for a value that is not a number, E0906 when stopped, E0981 for what does not fit into memory.
pub(super) fn forever(
    bellman: &Bellman,
    options: &ValueIterationOptions,
    careful: bool,
    progress: &mut dyn Watch,
) -> Result<Ended, Diagnostic> {
    let mut course = Course::new(bellman, options)?;
    let first = course.resume(progress);
    let states = bellman.problem.spec().states.len();
    let mut continuation = Continuation::default();
    for iteration in first..=options.improvements.max(1) {
        bellman.continuation(&bellman.tensor, &course.value, &mut continuation);
        let improved = improve(
            bellman,
            &continuation,
            0,
            course.before.as_deref(),
            course.search(iteration),
            course.stored,
            course.table.as_ref(),
        )?;
        if careful && iteration == 1 && course.stored && improved.operator.outside(states, 0.0).0 > 0 {
            return Ok(Ended::Leaves);
        }
        let ends = span(&course.value, &improved.value);
        if !(ends.0.is_finite() && ends.1.is_finite()) {
            let when = format!("after {iteration} improvements");
            return Err(not_a_number(bellman, &improved.value, &improved.policy, 0, &when));
        }
        let bound = bound(bellman, &improved.operator, ends, course.stored);
        let largest = improved.value.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        course.put_down(iteration, &improved, &bound);
        if course.report(iteration, progress) == Control::Cancel {
            return Err(cancelled());
        }
        if course.confirmed(iteration, &bound, largest) {
            return Ok(Ended::Solved(Box::new(course.solved(improved, &bound))));
        }
        if let Some(value) = course.given_up(&bound) {
            return Ok(Ended::Stalled(value, course.record));
        }
        course.go_on(improved, &bound, ends, largest);
    }
    Ok(Ended::Stalled(course.value, course.record))
}

impl<'a> Course<'a> {
    fn new(bellman: &'a Bellman<'a>, options: &'a ValueIterationOptions) -> Result<Course<'a>, Diagnostic> {
        let size = bellman.nodes() * bellman.shocks();
        let table = Table::new(bellman, BLOCK);
        let stored = table.is_some() || operator_bytes(bellman) <= OPERATOR_BYTES as f64;
        if stored {
            // The policy's transitions, and the directions in which its value is sought.
            let directions = if options.howard { 31.0 } else { 0.0 };
            let transitions = if table.is_some() { 0.0 } else { operator_bytes(bellman) };
            crate::solve::bellman::fits_grid(transitions + 8.0 * directions * size as f64, &sizes(bellman))?;
        }
        let guess = options.guess.as_ref();
        let guess = guess.filter(|g| g.len() == size && g.iter().all(|v| v.is_finite()));
        Ok(Course {
            value: guess.cloned().unwrap_or_else(|| vec![0.0; size]),
            searched: table.is_none() && !bellman.continuous.is_empty(),
            can_be_local: bellman.smooth && bellman.finite.is_empty() && !bellman.continuous.is_empty(),
            howard: options.howard && stored,
            table,
            stored,
            bellman,
            options,
            before: None,
            best_error: f64::INFINITY,
            since_best: 0,
            local: false,
            thorough: false,
            rounds: 0,
            record: Record::default(),
        })
    }

    /// Goes on from where it was interrupted; the number of the improvement that is next.
    fn resume(&mut self, progress: &mut dyn Watch) -> usize {
        let Some(standing) = found::<Standing>(progress).filter(|s| s.1.len() == self.value.len()) else {
            return 1;
        };
        let first;
        (
            first,
            self.value,
            self.before,
            (self.best_error, self.since_best),
            (self.howard, self.local, self.thorough),
            self.rounds,
            self.record.history,
        ) = standing;
        first
    }

    /// Only a search that owes nothing to the policies before it may confirm the last one: otherwise a dent of the value that an early policy left
    /// can keep itself, each node's choice avoiding the dent next to it.
    fn search(&self, iteration: usize) -> SearchOptions {
        if self.thorough {
            let nodes = self.bellman.tensor.axes().iter().map(|a| a.nodes().len());
            return self.options.search.thorough(nodes.max().unwrap_or(1));
        }
        SearchOptions {
            local: self.local,
            ends: iteration <= 2,
            ..self.options.search
        }
    }

    /// Puts down what an improvement came to.
    fn put_down(&mut self, iteration: usize, improved: &Improved, bound: &Bound) {
        let r = &mut self.record;
        r.history.push(bound.error);
        r.iterations = iteration;
        r.error = bound.error;
        r.target = self.options.tolerance * size(&improved.value);
        r.residual = bound.residual;
        r.policy_change = policy_change(self.bellman, self.before.as_deref(), &improved.policy);
    }

    /// Tells how far it is, and what this improvement began with: a resumed solve repeats it.
    fn report(&self, iteration: usize, progress: &mut dyn Watch) -> Control {
        let record = &self.record;
        progress.standing(&|| {
            kept(&(
                iteration,
                &self.value,
                &self.before,
                (self.best_error, self.since_best),
                (self.howard, self.local, self.thorough),
                self.rounds,
                &record.history[..record.history.len() - 1],
            ))
        });
        progress.report(Progress {
            iteration,
            of: self.options.improvements,
            error: record.error,
            target: record.target,
        })
    }

    /// Whether the value, at most `largest` in size, is good enough, and a thorough search (where there is one) says so; chooses the next search.
    fn confirmed(&mut self, iteration: usize, bound: &Bound, largest: f64) -> bool {
        // Rounding sets a floor under the bound when the discount is close to one, and searches know values to no more digits than these.
        let digits = if self.record.target < self.options.tolerance * largest {
            SEARCHED
        } else {
            8.0 * f64::EPSILON
        };
        let floor = digits * largest * bound.constant.map_or(1.0, |d| 1.0 / (1.0 - d)).max(1.0);
        // The first improvement's policy answers a value that may be a mere guess.
        let settled = iteration > 1 || self.options.guess.is_some();
        let most = self.options.policy_tolerance;
        let still = most.is_none_or(|most| self.record.policy_change <= most);
        let done = bound.error <= self.record.target.max(floor) && settled && still;
        let confirmed = done && (self.thorough || !self.searched);
        // A search close by is confirmed by one over everything.
        self.rounds += usize::from(self.thorough);
        self.thorough = self.searched && (done || (self.thorough && self.rounds >= ROUNDS));
        self.local = self.can_be_local && iteration >= 3 && !self.thorough;
        confirmed
    }

    /// The solution.
    fn solved(mut self, improved: Improved, bound: &Bound) -> Solution {
        let tolerance = self.options.tolerance;
        let largest = improved.value.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
        let asked = self.record.target.max(tolerance * largest);
        self.record
            .warnings
            .extend(below_rounding(bound.error, asked, tolerance));
        let value = improved.value.iter().map(|v| v + bound.shift).collect();
        if self.stored {
            let (outside, warning) = leaves(self.bellman, &improved.operator);
            self.record.outside = outside;
            self.record.warnings.extend(warning);
        }
        let solution = finish(
            self.bellman,
            self.options,
            1,
            value,
            improved.policy,
            improved.probability,
            self.record,
        );
        Solution {
            worth: improved.worth.into_iter().map(|q| q + bound.shift).collect(),
            given: improved.given,
            ..solution
        }
    }

    /// The value to end with where the bound no longer falls. A shape filter that switches on and off can keep policy iteration from settling; plain
    /// value iteration contracts then, if anything does, and is tried first.
    fn given_up(&mut self, bound: &Bound) -> Option<Vec<f64>> {
        if bound.error < 0.5 * self.best_error {
            (self.best_error, self.since_best) = (bound.error, 0);
            return None;
        }
        self.since_best += 1;
        // Nothing that has gone so far away comes back.
        if bound.error > DIVERGED * self.best_error.max(self.options.tolerance) {
            return Some(vec![0.0; self.value.len()]);
        }
        let patience = if self.howard {
            PATIENCE
        } else {
            PATIENCE + (1.5 / (1.0 - bound.modulus).max(1e-3)) as usize
        };
        if self.since_best <= patience {
            return None;
        }
        if !self.howard {
            return Some(std::mem::take(&mut self.value));
        }
        (self.howard, self.since_best, self.best_error) = (false, 0, bound.error);
        None
    }

    /// Takes the improved value, and what its policy is worth where policies are evaluated; `ends` are the smallest and the largest change.
    fn go_on(&mut self, improved: Improved, bound: &Bound, ends: (f64, f64), largest: f64) {
        if self.howard {
            self.value = improved.value;
            let goal = (1e-3 * bound.residual)
                .min(0.1 * self.record.target * (1.0 - bound.modulus).max(1e-3))
                .max(1e-15 * largest);
            let within = within(bound.modulus, bound.constant, ends);
            improved.operator.evaluate(
                self.bellman,
                &mut self.value,
                within,
                bound.constant,
                goal,
                self.options.sweeps,
            );
        } else {
            self.value = improved.value.iter().map(|v| v + bound.shift).collect();
        }
        self.before = Some(improved.policy);
    }
}
