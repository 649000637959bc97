//! How far a learned policy is from the exact one, and what that costs.
//!
//! Both act in the problem that was solved: its grid, the same chains in the place of shocks, the same nodes in the place of noise, the
//! same draws. The *distance* is over states that the exact policy visits (see `distance.rs` and `points.rs`). The *loss* is what choices along the
//! learner's own path fall short of (see [`super::welfare`]), with its standard error, in units of consumption where the model names
//! consumption (`u'(c) c` is what one per cent more consumption in one period is worth), else in units of what the exact policy gains
//! over the best constant one: a number added to the reward moves neither. The *one-shot gain* is what a decision maker would win by
//! choosing right once, if everything after it were exact. What a `require` forbids is moved to the nearest feasible
//! choice as in a simulation.

mod acting;
mod baselines;
mod distance;
mod measured;
mod points;
#[cfg(test)]
mod replications;
mod shown;
#[cfg(test)]
mod tests;
mod unit;
mod verdict;

use acting::Ground;
pub use acting::{Learned, has_memory};
pub use distance::{Beyond, Distance, FREE, NEAR};
pub use unit::{Unit, Worth};
pub use verdict::{SeedVerdict, Slice, Verdict};

use super::judgement::settings;
use super::simulate::{PathPolicy, SolvedPolicy};
use super::solved::Solved;
use super::welfare::{Feasible, Welfare};
use crate::check::model::Model;
use crate::diag::Diagnostic;
use crate::env::able::learner_of;
use crate::env::decide::Decide;
use crate::env::interface::Interface;
use crate::graph::Shape;
use crate::learn::translation::Translation;
use crate::num::statistics;
use crate::solve::bellman::{At, Bellman};
use crate::solve::decision::{self, Decision};
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::solve::solution::Solution;
use baselines::{Myopic, Random};
use points::{Visited, drawn_starts, element, still, visited};
use std::sync::Mutex;

/// Lanes of one batch of observations.
const LANES: usize = 64;
/// Paths on which policies are compared where nothing else is asked for.
const PATHS: usize = 100;
/// Further paths, round by round, while a verdict depends on luck.
const MORE_PATHS: [usize; 2] = [300, 1200];
/// Most states at which policies are compared.
const POINTS: usize = 1500;

/// The exact solution of a model, ready to judge learned policies.
pub struct Judge {
    solution: Solution,
    decision: Decision,
    interface: Interface,
    ground: Ground,
    points: Vec<(At, Vec<f64>)>,
    exact: Vec<Vec<f64>>,
    /// For each action, whether a point counts for the distance, one flag per point.
    counted: Vec<Vec<bool>>,
    beyond: Beyond,
    worth: Option<f64>,
    /// Whether a share of consumption costs the same whatever is consumed (a logarithm), as far as the visited states tell.
    logarithmic: bool,
    /// What one period is worth, in what losses are measured in.
    period: Unit,
    /// States and shocks that the solution uses and no learner observes: the solution knows more than any learner can.
    hidden: Vec<String>,
    model: Model,
    /// Where paths begin if the model does not say.
    fallback: Vec<Vec<f64>>,
    /// What stopped a learned policy from acting.
    failure: Mutex<Option<Diagnostic>>,
}

/// How policies are compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// Seeds of the paths, `episodes` paths per seed.
    pub seeds: Vec<u64>,
    /// Paths per seed; `None` takes as many as a verdict needs.
    pub episodes: Option<usize>,
    /// The scenario that says where paths begin and for how many periods they count.
    pub scenario: Option<String>,
    /// The loss that decides, if there is one.
    pub limit: Option<f64>,
}

impl Judge {
    /// A judge for policies of the only agent that decides. `grids` as the learner has it.
    ///
    /// # Errors
    /// Those of the decision problem and of the interface; E0815 if the solution is not of this model.
    pub fn new(model: &Model, solved: Solved, grids: bool) -> Result<Judge, Diagnostic> {
        let model = model.as_asked(solved.concept.as_deref(), solved.information.as_deref());
        let solution = solved.solution;
        let build = decision::ProblemOptions {
            bounds: solution
                .states
                .iter()
                .filter(|s| !s.integer)
                .filter_map(|s| {
                    let bare = s.name.split('[').next().unwrap_or(&s.name).to_string();
                    Some((bare, *s.nodes.first()?, *s.nodes.last()?))
                })
                .collect(),
            ..solved.build
        };
        let mut problem = Decision::new(&model, &build)?;
        on_the_grid_of(&mut problem, &solution);
        if let Some(still) = still(&problem, &solved.steady_state) {
            problem.spec_mut().steady_state = Some(still);
        }
        let agent = learner_of(&model, None)?;
        // Refuses a discount that is not one number, which lifetimes could not be compared by.
        crate::env::able::discount_of(&model, agent)?;
        let translation = Translation::new(&model, agent, grids, LANES)?;
        let interface = translation.interface.clone();
        let spec = problem.spec();
        let graph = &model.graph;
        let shock_names: Vec<(&str, &Shape)> = model.shocks.iter().map(|s| (s.name.as_str(), &s.shape)).collect();
        let action_names: Vec<(&str, &Shape)> = interface
            .actions
            .iter()
            .map(|a| (model.actions[*a].name.as_str(), &model.actions[*a].shape))
            .collect();
        let find = |names: &[(&str, &Shape)], name: &str| {
            element(graph, names, name).ok_or_else(|| {
                Diagnostic::error(
                    "E0815",
                    format!("the solution speaks of `{name}`, which this model has not"),
                )
                .hint("solve this model")
            })
        };
        let shocks = spec
            .chain
            .names
            .iter()
            .map(|n| find(&shock_names, n))
            .collect::<Result<Vec<_>, _>>()?;
        let actions = spec
            .actions
            .iter()
            .map(|a| find(&action_names, &a.name))
            .collect::<Result<Vec<_>, _>>()?;
        let ground = Ground::new(translation, problem.origin.clone(), shocks, actions, &spec.chain.values);
        let simulation = super::grid::GridCertificateOptions {
            paths: 32,
            ..settings(&model, &problem, 1)
        };
        let (points, exact, worth, logarithmic, period, counted, beyond) = {
            let bellman = Bellman::new(&problem, solution.interpolation)?;
            if bellman.taste.is_some() {
                return Err(Diagnostic::error(
                    "E0931",
                    "a policy cannot be judged here: choices have taste shocks",
                )
                .note("the exact policy sees the taste of the moment, a learner does not: they solve different problems")
                .hint("remove `taste ..` to compare the two"));
            }
            let policy = SolvedPolicy::new(&bellman, &solution)?;
            let Visited {
                points,
                exact,
                worth,
                logarithmic,
            } = visited(&bellman, &policy, &simulation);
            let period = match worth {
                Some(size) => Unit::consumption(&[size]),
                None => {
                    let starts = drawn_starts(&model, &problem, None, PATHS, 1);
                    let starts = starts.unwrap_or_else(|| simulation.starts.clone());
                    let welfare = Welfare::new(&bellman, &policy, &solution);
                    Unit::of_a_period(&bellman, &welfare, &policy, &exact, &starts, &ground)
                }
            };
            let counted = distance::counted(&bellman, &policy, &points, &exact, period.size);
            let reach = |a: usize, lo: f64, hi: f64| interface.reach(ground.actions[a].0, lo, hi);
            let beyond = distance::beyond(&bellman, &policy, &points, &exact, period.size, &reach);
            (points, exact, worth, logarithmic, period, counted, beyond)
        };
        Ok(Judge {
            solution,
            interface,
            ground,
            points,
            exact,
            counted,
            beyond,
            worth,
            logarithmic,
            period,
            model,
            fallback: simulation.starts,
            failure: Mutex::new(None),
            hidden: problem.hidden.clone(),
            decision: problem,
        })
    }

    /// What one period is worth, in what losses are measured in: what the size of a free choice is a share of.
    pub fn period(&self) -> &Unit {
        &self.period
    }

    /// Where a learner cannot choose what the exact policy does.
    pub fn beyond(&self) -> &Beyond {
        &self.beyond
    }

    /// The problem that was solved.
    pub fn problem(&self) -> &Decision {
        &self.decision
    }

    /// The solution.
    pub fn solution(&self) -> &Solution {
        &self.solution
    }

    /// States and shocks that the solution uses and that no learner observes, one name per state or shock: the solution knows more
    /// than any learner can.
    pub fn hidden(&self) -> &[String] {
        &self.hidden
    }

    /// Step of the grid on which a policy chooses action `k` of the interface, if it is one of a learner of finite sets.
    fn grid_step(&self, policy: &dyn Decide, k: usize) -> Option<f64> {
        let bins = policy.bins()?;
        self.interface.grid_step(&self.ground.model(), k, bins)
    }

    fn at_points(&self, policy: &dyn PathPolicy) -> Vec<Vec<f64>> {
        let (na, ns) = (self.decision.spec().actions.len(), self.decision.spec().states.len());
        let mut out = vec![vec![0.0; self.points.len()]; na];
        let mut from = 0;
        // Points come in groups of one shock and date.
        while from < self.points.len() {
            let at = self.points[from].0;
            let mut to = from;
            while to < self.points.len()
                && to - from < 128
                && self.points[to].0.shock == at.shock
                && self.points[to].0.time == at.time
            {
                to += 1;
            }
            let n = to - from;
            let states: Vec<Vec<f64>> = (0..ns)
                .map(|s| self.points[from..to].iter().map(|p| p.1[s]).collect())
                .collect();
            let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
            let mut actions = vec![vec![0.0; n]; na];
            policy.act(at, &refs, &vec![0.5; n], &mut actions);
            for (o, a) in out.iter_mut().zip(&actions) {
                o[from..to].copy_from_slice(&a[..n]);
            }
            from = to;
        }
        out
    }

    /// Mean and 95 % quantile of what choosing right once would gain, over the visited states, in shares of one period's
    /// consumption (or of what the unit of losses is worth a period).
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub fn one_shot(&self, policy: &dyn PathPolicy) -> Result<(f64, f64), Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let exact = SolvedPolicy::new(&bellman, &self.solution)?;
        let worth = |actions: &[Vec<f64>]| distance::worth_at(&bellman, &exact, &self.points, actions);
        let gains: Vec<f64> = worth(&self.exact)
            .iter()
            .zip(worth(&self.at_points(policy)))
            .map(|(best, mine)| (best - mine).max(0.0) / self.period.size)
            .collect();
        Ok((statistics::mean(&gains), statistics::quantile(&gains, 0.95)))
    }

    /// Mean and 95 % quantile of the absolute Euler residuals over the visited states, in shares of consumption (see
    /// [`super::euler`]); `None` where the problem has no such condition.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub fn euler(&self, policy: &dyn PathPolicy) -> Result<Option<(f64, f64)>, Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let exact = SolvedPolicy::new(&bellman, &self.solution)?;
        let ns = self.decision.spec().states.len();
        let mut all = Vec::new();
        // Points come in groups of one shock and date.
        for group in self
            .points
            .chunk_by(|a, b| (a.0.shock, a.0.time) == (b.0.shock, b.0.time))
        {
            let states: Vec<Vec<f64>> = (0..ns).map(|s| group.iter().map(|p| p.1[s]).collect()).collect();
            match super::euler::residuals_of(
                &bellman,
                (policy, policy),
                &exact,
                group[0].0,
                &states,
                group.len(),
                0.0,
            ) {
                Some(r) => all.extend(r.into_iter().filter(|x| !x.is_nan()).map(f64::abs)),
                None => return Ok(None),
            }
        }
        Ok((!all.is_empty()).then(|| (statistics::mean(&all), statistics::quantile(&all, 0.95))))
    }

    /// Choices that maximise the reward of the period alone, at random among what is allowed, and the exact ones, as policies.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub fn with_benchmarks<T>(
        &self,
        then: impl FnOnce(&dyn PathPolicy, &dyn PathPolicy, &dyn PathPolicy) -> T,
    ) -> Result<T, Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let exact = SolvedPolicy::new(&bellman, &self.solution)?;
        let mut nothing = self.solution.clone();
        nothing.value.fill(0.0);
        let after = (0..nothing.periods)
            .map(|t| nothing.continuation(&bellman, t))
            .collect();
        let myopic = Myopic {
            bellman: &bellman,
            after,
        };
        let random = Random { bellman: &bellman };
        let random = Feasible::new(&bellman, &random, Some(&self.ground));
        Ok(then(&exact, &myopic, &random))
    }
}

/// Lets a problem stand on the very nodes of a solution: the solver may have chosen and refined them itself.
fn on_the_grid_of(problem: &mut Decision, solution: &Solution) {
    for (axis, solved) in problem.spec_mut().states.iter_mut().zip(&solution.states) {
        if let StateKind::Continuous { grid, log } = &mut axis.kind
            && axis.name == solved.name
            && !solved.integer
        {
            grid.clone_from(&solved.nodes);
            *log = solved.log;
        }
    }
}
