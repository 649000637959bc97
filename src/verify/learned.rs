//! How far a learned policy is from the exact one, and what that costs.
//!
//! Both act in the problem that was solved: its grid, the same chains in the place of shocks, the same nodes in the place of noise, the
//! same draws. The *distance* is over states that the exact policy visits. The *loss* is what choices along the learner's own
//! path fall short of (see [`super::welfare`]), with its standard error, in units of consumption where the model names consumption
//! (`u'(c) c` is what one per cent more consumption in one period is worth), else in units of what the exact policy gains
//! over the best constant one: a number added to the reward moves neither. The *one-shot gain* is what a decision maker would win by
//! choosing right once, if everything after it were exact. What a `require` forbids is moved to the nearest feasible
//! choice as in a simulation.

mod acting;
mod baselines;
mod points;
#[cfg(test)]
mod tests;
mod verdict;

pub use acting::{Learned, has_memory};
pub use verdict::{SeedVerdict, Slice, Verdict};

use super::simulate::{Policy as Acts, SolvedPolicy, World};
use super::solved::{Solved, judge as simulation};
use super::welfare::{Along, Feasible, Paths, Welfare};
use crate::check::model::Model;
use crate::diag::Diagnostic;
use crate::env::able::learner_of;
use crate::env::interface::Interface;
use crate::graph::Shape;
use crate::learn::Policy;
use crate::learn::policy::PolicyKind;
use crate::learn::translation::Translation;
use crate::num::random::Key;
use crate::num::statistics;
use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::decision::{self, Decision};
use crate::solve::problem::{ActionKind, DecisionProblem, StateKind};
use crate::solve::solution::Solution;
use baselines::{Myopic, Random};
use points::{drawn_starts, element, still, visited};
use std::sync::Mutex;
use verdict::worth_of;

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
    translation: Mutex<Translation>,
    states: Vec<(usize, usize)>,
    shocks: Vec<(usize, usize)>,
    /// For each action of the problem: the action of the interface and its element.
    actions: Vec<(usize, usize)>,
    points: Vec<(At, Vec<f64>)>,
    exact: Vec<Vec<f64>>,
    worth: Option<f64>,
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

/// Distances of one action.
#[derive(Clone, Debug, PartialEq)]
pub struct Distance {
    /// The action.
    pub action: String,
    /// Whether it is a finite choice: the numbers are then shares of states with another choice.
    pub finite: bool,
    /// Mean, in units of the action.
    pub mean: f64,
    /// 95 % quantile.
    pub p95: f64,
    /// Largest.
    pub max: f64,
    /// Mean of the exact action's absolute value: the unit of relative distances (1 for finite choices).
    pub scale: f64,
    /// Distance between neighbouring points of the grid on which the learner chose, if it did: no policy on the grid is
    /// sure to be closer than half of it.
    pub step: Option<f64>,
}

impl Distance {
    /// Mean distance as a share of the exact action's mean.
    pub fn relative(&self) -> f64 {
        let scale = fault!("verdict.base", 1.0, self.scale);
        self.mean / if scale > 0.0 { scale } else { 1.0 }
    }

    /// Largest distance in steps of the learner's grid, if it chose on one.
    pub fn steps(&self) -> Option<f64> {
        self.step.map(|s| self.max / s)
    }
}

/// What a policy earns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// Expected discounted reward from the start.
    pub value: f64,
    /// What is lost against the exact policy, in the unit of the verdict.
    pub loss: f64,
    /// Standard error of the loss.
    pub error: f64,
}

/// What losses are measured in.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// In words.
    pub words: String,
    /// What one unit is worth in discounted reward.
    pub size: f64,
}

impl Judge {
    /// A judge for policies of the only agent that decides. `grids` as the learner has it.
    ///
    /// # Errors
    /// Those of the decision problem and of the interface; E0815 if the solution is not of this model.
    pub fn new(model: &Model, solved: Solved, grids: bool) -> Result<Judge, Diagnostic> {
        let model = super::solved::as_asked(model, solved.concept.as_deref(), solved.information.as_deref());
        let solution = solved.solution;
        let build = decision::Options {
            bounds: solution
                .states
                .iter()
                .filter(|s| !s.integer)
                .filter_map(|s| {
                    let bare = s.name.split('[').next().unwrap_or(&s.name).to_string();
                    Some((bare, *s.nodes.first()?, *s.nodes.last()?))
                })
                .collect(),
            ..decision::Options::default()
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
        let states = problem.origin.clone();
        let simulation = super::grid::Options {
            paths: 32,
            ..simulation(&model, &problem, 1)
        };
        let (points, exact, worth) = {
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
            visited(&bellman, &policy, &simulation)
        };
        Ok(Judge {
            solution,
            interface,
            translation: Mutex::new(translation),
            states,
            shocks,
            actions,
            points,
            exact,
            worth,
            model,
            fallback: simulation.starts,
            failure: Mutex::new(None),
            hidden: problem.hidden.clone(),
            decision: problem,
        })
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

    /// Mean distance to the exact policy as a share of its mean, of the action that is worst.
    ///
    /// # Errors
    /// Those of [`Judge::acting`].
    pub fn distance(&self, policy: &Policy) -> Result<f64, Diagnostic> {
        let all = self.distances(&self.acting(policy)?);
        Ok(all.iter().map(Distance::relative).fold(0.0, f64::max))
    }

    /// Distances to the exact policy over the states it visits, one per action.
    pub fn distances(&self, policy: &dyn Acts) -> Vec<Distance> {
        let got = self.at_points(policy);
        let spec = self.decision.spec();
        spec.actions
            .iter()
            .enumerate()
            .map(|(a, axis)| {
                let finite = matches!(axis.kind, ActionKind::Finite { .. });
                let gaps: Vec<f64> = got[a]
                    .iter()
                    .zip(&self.exact[a])
                    .map(|(x, y)| {
                        if finite {
                            f64::from(u8::from(x != y))
                        } else {
                            (x - y).abs()
                        }
                    })
                    .collect();
                let scale = if finite {
                    1.0
                } else {
                    statistics::mean(&self.exact[a].iter().map(|x| x.abs()).collect::<Vec<_>>())
                };
                Distance {
                    action: axis.name.clone(),
                    finite,
                    mean: statistics::mean(&gaps),
                    p95: statistics::quantile(&gaps, 0.95),
                    max: gaps.iter().copied().fold(0.0, f64::max),
                    scale,
                    step: None,
                }
            })
            .collect()
    }

    /// Step of the grid on which a policy chooses action `k` of the interface, if it is one of a learner of finite sets.
    fn grid_step(&self, policy: &Policy, k: usize) -> Option<f64> {
        let (PolicyKind::Greedy { choices, .. } | PolicyKind::Tabular { choices, .. }) = &policy.kind else {
            return None;
        };
        let model = {
            let translation = self
                .translation
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            translation.worlds.model.clone()
        };
        self.interface.grid_step(&model, k, choices.bins(&policy.space))
    }

    fn at_points(&self, policy: &dyn Acts) -> Vec<Vec<f64>> {
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

    /// Where `count` paths begin.
    fn starts(&self, scenario: Option<&str>, count: usize, seed: u64) -> Vec<Vec<f64>> {
        drawn_starts(&self.model, &self.decision, scenario, count, seed).unwrap_or_else(|| self.fallback.clone())
    }

    /// Follows policies along the same paths.
    fn along(
        &self,
        welfare: &Welfare,
        policies: &[&dyn Acts],
        trial: &Trial,
        round: usize,
        count: usize,
    ) -> Vec<Along> {
        let scenario = trial.scenario.as_deref();
        let periods = self
            .model
            .scenarios
            .iter()
            .find(|s| Some(s.name.as_str()) == scenario)
            .and_then(|s| s.periods);
        let mut out = vec![Along::default(); policies.len()];
        for seed in &trial.seeds {
            let seed = Key::new(*seed, 11).bits(round as u64, 0);
            let starts = self.starts(scenario, count, seed);
            let paths = Paths {
                count,
                periods,
                rest: periods.is_none(),
                seed,
                starts: &starts,
            };
            for (all, policy) in out.iter_mut().zip(policies) {
                all.extend(welfare.along(*policy, &paths));
            }
        }
        out
    }

    /// What policies earn from the start under common random numbers, with losses in shares of consumption (of the exact value
    /// where the model names no consumption): one entry per policy, the exact policy's first.
    ///
    /// # Errors
    /// Those of [`Bellman::new`]: E0904, E0905, E0981.
    pub fn worths(&self, policies: &[&dyn Acts], seed: u64) -> Result<Vec<Worth>, Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let exact = SolvedPolicy::new(&bellman, &self.solution)?;
        let welfare = Welfare::new(&bellman, &exact, &self.solution);
        let trial = Trial {
            seeds: vec![seed],
            ..Trial::default()
        };
        let all: Vec<&dyn Acts> = std::iter::once(&exact as &dyn Acts)
            .chain(policies.iter().copied())
            .collect();
        let along = self.along(&welfare, &all, &trial, 0, PATHS);
        let unit = self.unit(&along[0], None, None);
        Ok(along.iter().map(|a| worth_of(a, &along[0], &unit)).collect())
    }

    /// What losses are measured in, from what the exact, the best constant and a random policy earn on the same paths.
    fn unit(&self, exact: &Along, constant: Option<&Along>, random: Option<&Along>) -> Unit {
        if let Some(worth) = self.worth {
            return Unit {
                words: "consumption for ever".into(),
                size: worth * statistics::mean(&exact.life),
            };
        }
        let value = exact.value();
        let gain = |other: &Along| {
            let (gap, error) = other.behind(exact);
            (gap.is_finite() && gap > 5.0 * error && gap > 1e-9 * (1.0 + value.abs())).then_some(gap)
        };
        if let Some(size) = constant.and_then(gain) {
            return Unit {
                words: "what the exact policy gains over the best constant one".into(),
                size,
            };
        }
        match random.and_then(gain) {
            Some(size) => Unit {
                words: "what the exact policy gains over random choices".into(),
                size,
            },
            None => Unit {
                words: "the exact value".into(),
                size: value.abs().max(1e-12),
            },
        }
    }

    /// Mean and 95 % quantile of what choosing right once would gain, over the visited states, in shares of one period's
    /// consumption (or of `1 + |value|`).
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub fn one_shot(&self, policy: &dyn Acts) -> Result<(f64, f64), Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let exact = SolvedPolicy::new(&bellman, &self.solution)?;
        let got = self.at_points(policy);
        let ns = self.decision.spec().states.len();
        let mut gains = Vec::new();
        let (mut q, mut slack) = (vec![0.0], vec![0.0]);
        let mut scratch = Scratch::default();
        for (i, (at, x)) in self.points.iter().enumerate() {
            let columns: Vec<[f64; 1]> = (0..ns).map(|s| [x[s]]).collect();
            let refs: Vec<&[f64]> = columns.iter().map(|c| &c[..]).collect();
            let mut q_of = |actions: &[Vec<f64>]| {
                let one: Vec<[f64; 1]> = actions.iter().map(|a| [a[i]]).collect();
                let a: Vec<&[f64]> = one.iter().map(|c| &c[..]).collect();
                bellman.q(
                    exact.continuation(at.time),
                    *at,
                    &refs,
                    &a,
                    &mut scratch,
                    &mut q,
                    &mut slack,
                );
                q[0]
            };
            let (best, mine) = (q_of(&self.exact), q_of(&got));
            gains.push((best - mine).max(0.0) / self.worth.unwrap_or(1.0 + best.abs()));
        }
        Ok((statistics::mean(&gains), statistics::quantile(&gains, 0.95)))
    }

    /// Mean and 95 % quantile of the absolute Euler residuals over the visited states, in shares of consumption (see
    /// [`super::euler`]); `None` where the problem has no such condition.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub fn euler(&self, policy: &dyn Acts) -> Result<Option<(f64, f64)>, Diagnostic> {
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
            match super::euler::residuals_of(&bellman, policy, &exact, group[0].0, &states, group.len()) {
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
    pub fn with_benchmarks<T>(&self, then: impl FnOnce(&dyn Acts, &dyn Acts, &dyn Acts) -> T) -> Result<T, Diagnostic> {
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
        let random = Feasible {
            bellman: &bellman,
            policy: &random,
        };
        Ok(then(&exact, &myopic, &random))
    }

    /// A path of the solved problem under a policy: one `(name, series)` per shock, state, action and the reward, in this order;
    /// a series has one value per period.
    ///
    /// # Errors
    /// Those of [`Bellman::new`]: E0904, E0905, E0981.
    pub fn path(&self, policy: &dyn Acts, periods: usize, seed: u64) -> Result<Vec<(String, Vec<f64>)>, Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let spec = self.decision.spec();
        let starts = self.starts(None, 1, seed);
        let mut world = World::new(&bellman, 1, seed, &starts);
        let mut out: Vec<(String, Vec<f64>)> = spec
            .chain
            .names
            .iter()
            .cloned()
            .chain(spec.states.iter().map(|s| s.name.clone()))
            .chain(spec.actions.iter().map(|a| a.name.clone()))
            .chain(["reward".to_string()])
            .map(|n| (n, Vec::with_capacity(periods)))
            .collect();
        for _ in 0..periods {
            world.step(policy, &mut |w| {
                let shocks = spec.chain.values.get(w.shock[0]).cloned().unwrap_or_default();
                let values = shocks
                    .into_iter()
                    .take(spec.chain.names.len())
                    .chain(w.states.iter().map(|s| s[0]))
                    .chain(w.actions.iter().map(|a| a[0]))
                    .chain([w.reward[0]]);
                for ((_, series), x) in out.iter_mut().zip(values) {
                    series.push(x);
                }
            });
        }
        Ok(out)
    }

    /// Policies along the first continuous state, other states at their medians, at the middle shock: the state's name, its
    /// values (one per point), and the first action under each policy, `[policy][point]`.
    pub fn slice(&self, policies: &[&dyn Acts], points: usize) -> Option<(String, Vec<f64>, Vec<Vec<f64>>)> {
        let spec = self.decision.spec();
        let s = self
            .solution
            .states
            .iter()
            .position(|s| !s.integer)
            .or(if spec.states.is_empty() { None } else { Some(0) })?;
        let column = |k: usize| self.points.iter().map(|p| p.1[k]).collect::<Vec<f64>>();
        let own = column(s);
        let (lo, hi) = (statistics::quantile(&own, 0.0), statistics::quantile(&own, 1.0));
        let pad = 0.05 * (hi - lo);
        let nodes = &self.solution.states[s].nodes;
        let (lo, hi) = ((lo - pad).max(nodes[0]), (hi + pad).min(nodes[nodes.len() - 1]));
        let n = points.max(2);
        let x: Vec<f64> = if self.solution.states[s].integer {
            nodes.iter().copied().filter(|v| *v >= lo && *v <= hi).collect()
        } else {
            (0..n).map(|i| lo + (hi - lo) * i as f64 / (n - 1) as f64).collect()
        };
        let states: Vec<Vec<f64>> = (0..spec.states.len())
            .map(|k| {
                if k == s {
                    x.clone()
                } else {
                    let m = statistics::quantile(&column(k), 0.5);
                    vec![if self.solution.states[k].integer { m.round() } else { m }; x.len()]
                }
            })
            .collect();
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let at = At {
            shock: self.solution.shocks() / 2,
            time: 0,
        };
        let curves = policies
            .iter()
            .map(|p| {
                let mut actions = vec![vec![0.0; x.len()]; spec.actions.len()];
                p.act(at, &refs, &vec![0.5; x.len()], &mut actions);
                actions.swap_remove(0)
            })
            .collect();
        Some((spec.states[s].name.clone(), x, curves))
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
