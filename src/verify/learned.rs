//! How far a learned policy is from the exact one, and what that costs.
//!
//! Both act in the problem that was solved: its grid, the same chains in the place of shocks, the same nodes in the place of noise, the
//! same draws. The *distance* is over states that the exact policy visits. The *loss* is what choices along the learner's own
//! path fall short of (see [`super::welfare`]), with its standard error, in units of consumption where the model names consumption
//! (`u'(c) c` is what one per cent more consumption in one period is worth), else in units of what the exact policy gains
//! over the best constant one: a number added to the reward moves neither. The *one-shot gain* is what a decision maker would win by
//! choosing right once, if everything after it were exact. What a `require` forbids is moved to the nearest feasible
//! choice as in a simulation.

use super::constant::{self, Constant};
use super::grid::points::consumption_worth;
use super::simulate::{Policy as Acts, SolvedPolicy, World};
use super::solved::{Solved, judge as simulation};
use super::welfare::{Along, Feasible, Paths, Welfare};
use crate::chance::chain::nearest;
use crate::check::model::{Model, Process};
use crate::diag::Diagnostic;
use crate::env::interface::Interface;
use crate::env::vector::learner_of;
use crate::env::worlds::Worlds;
use crate::graph::Shape;
use crate::learn::Policy;
use crate::learn::policy::PolicyKind;
use crate::learn::translation::Translation;
use crate::num::random::Key;
use crate::num::statistics;
use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::decision::{self, Decision};
use crate::solve::problem::{ActionKind, DecisionProblem, StateKind};
use crate::solve::search::{SearchOptions, choose};
use crate::solve::solution::Solution;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// What the solution uses and nobody observes: it knows more than any learner can.
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
    /// Seeds of the paths, `episodes` each.
    pub seeds: Vec<u64>,
    /// Paths a seed; `None` takes as many as a verdict needs.
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
        crate::env::vector::discount_of(&model, agent)?;
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

    /// States and shocks that the solution uses and nobody observes: it knows more than any learner can.
    pub fn hidden(&self) -> &[String] {
        &self.hidden
    }

    /// A learned policy as one that acts in the solved problem.
    ///
    /// # Errors
    /// E0925 if it is of another model or learner.
    pub fn acting<'a>(&'a self, policy: &'a Policy) -> Result<Learned<'a>, Diagnostic> {
        policy.check().map_err(Diagnostic::from)?;
        if policy.observation_width != self.interface.width() || policy.space != self.interface.space {
            return Err(Diagnostic::from(crate::learn::LearnError::Mismatch {
                what: "the policy sees or chooses something else than this model".into(),
            }));
        }
        if matches!(policy.kind, PolicyKind::Recurrent { .. }) {
            return Err(has_memory());
        }
        Ok(Learned {
            judge: self,
            policy,
            decided: AtomicU64::new(0),
            moved: AtomicU64::new(0),
        })
    }

    /// Mean distance to the exact policy as a share of its mean, of the action that is worst.
    ///
    /// # Errors
    /// Those of [`Judge::acting`].
    pub fn distance(&self, policy: &Policy) -> Result<f64, Diagnostic> {
        let all = self.distances(&self.acting(policy)?);
        Ok(all.iter().map(Distance::relative).fold(0.0, f64::max))
    }

    /// Distances to the exact policy over the states it visits, one an action.
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

    /// What policies earn from the start, under the same draws, with losses in shares of consumption (of the exact value
    /// where the model names no consumption); the first is the exact one's.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
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

    /// A path of the solved problem under a policy: names and series of shocks, states, actions and the reward.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
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
    /// values, and for each policy the first action's.
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

/// One seed's verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedVerdict {
    /// The seed.
    pub seed: u64,
    /// Distances, one an action.
    pub distances: Vec<Distance>,
    /// Expected discounted reward from the start.
    pub value: f64,
    /// Welfare loss, see [`Worth`].
    pub loss: f64,
    /// Its standard error.
    pub loss_error: f64,
    /// How much more than the best constant policy is lost, and the standard error.
    pub behind_constant: Option<(f64, f64)>,
    /// Share of decisions that a `require` forbade and that were moved to the nearest feasible one.
    pub moved: f64,
    /// Share of its time outside the grid of the solution.
    pub outside: f64,
    /// Mean and 95 % quantile of the one-shot gain.
    pub one_shot: (f64, f64),
    /// Mean and 95 % quantile of the size of Euler residuals, shares of consumption; `None` where the problem has none.
    pub euler: Option<(f64, f64)>,
}

impl SeedVerdict {
    /// Relative distance of the action that is worst.
    pub fn relative(&self) -> f64 {
        self.distances.iter().map(Distance::relative).fold(0.0, f64::max)
    }
}

/// Policies along one state.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The state.
    pub state: String,
    /// The first action.
    pub action: String,
    /// Values of the state.
    pub x: Vec<f64>,
    /// The exact policy.
    pub exact: Vec<f64>,
    /// The learned ones.
    pub learned: Vec<Vec<f64>>,
}

/// The verdict on the policies of several seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// One a seed.
    pub seeds: Vec<SeedVerdict>,
    /// Mean loss over seeds.
    pub mean_loss: f64,
    /// Its bootstrap interval over seeds, 95 %.
    pub loss_interval: (f64, f64),
    /// What losses are shares of.
    pub unit: String,
    /// The exact, the best constant, the myopic and the random policy.
    pub benchmarks: Vec<(String, Worth)>,
    /// Paths on which the losses were measured.
    pub paths_followed: usize,
    /// The best constant policy in words.
    pub constant: Option<String>,
    /// Policies along one state.
    pub slice: Option<Slice>,
    /// Name, exact path, the first seed's path.
    pub paths: Vec<(String, Vec<f64>, Vec<f64>)>,
}

impl Judge {
    /// Judges the policies of several seeds on as many paths as it takes.
    ///
    /// # Errors
    /// Those of [`Judge::acting`] and of the Bellman operator.
    pub fn verdict(&self, policies: &[(u64, &Policy)], seed: u64) -> Result<Verdict, Diagnostic> {
        let trial = Trial {
            seeds: vec![seed],
            ..Trial::default()
        };
        self.verdict_on(policies, &trial)
    }

    /// Judges the policies of several seeds.
    ///
    /// # Errors
    /// Those of [`Judge::acting`] and of the Bellman operator; E0931 for a scenario that scripts what the solution knows nothing of.
    pub fn verdict_on(&self, policies: &[(u64, &Policy)], trial: &Trial) -> Result<Verdict, Diagnostic> {
        self.can_follow(trial)?;
        let learned = policies
            .iter()
            .map(|(_, p)| self.acting(p))
            .collect::<Result<Vec<_>, _>>()?;
        let acts: Vec<&dyn Acts> = learned.iter().map(|l| l as &dyn Acts).collect();
        let seed = trial.seeds.first().copied().unwrap_or(1);
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let solved = SolvedPolicy::new(&bellman, &self.solution)?;
        let welfare = Welfare::new(&bellman, &solved, &self.solution);
        let search = self.starts(trial.scenario.as_deref(), PATHS, seed);
        let constant = constant::best(&bellman, &welfare, &self.exact, &search, Key::new(seed, 12).bits(0, 0));
        let constant_policy = constant.as_ref().map(|c| c.policy(&bellman));
        let constant_policy = constant_policy.as_ref().map(|c| Feasible {
            bellman: &bellman,
            policy: c,
        });
        // The exact one, the constant if there is one, the learned ones: on the same paths, round by round.
        let mut players: Vec<&dyn Acts> = vec![&solved];
        players.extend(constant_policy.as_ref().map(|c| c as &dyn Acts));
        let first_learned = players.len();
        players.extend(acts.iter().copied());
        let count = trial.episodes.unwrap_or(PATHS);
        let mut along = self.along(&welfare, &players, trial, 0, count);
        let (myopic, random) = self.with_benchmarks(|_, myopic, random| {
            let mut both = self.along(&welfare, &[myopic, random], trial, 0, count);
            (both.swap_remove(0), both.swap_remove(0))
        })?;
        let unit_of = |along: &[Along]| self.unit(&along[0], (first_learned > 1).then(|| &along[1]), Some(&random));
        let mut unit = unit_of(&along);
        for (round, more) in MORE_PATHS.iter().enumerate() {
            let open = along[first_learned..].iter().any(|a| {
                let (gap, error) = a.behind(&along[0]);
                let near = |limit: f64| (gap / unit.size - limit).abs() < 2.0 * error / unit.size;
                let ties = first_learned > 1 && {
                    let (gap, error) = a.behind(&along[1]);
                    error > 0.0 && gap.abs() < 2.0 * error
                };
                trial.limit.is_some_and(near) || ties
            });
            if trial.episodes.is_some() || !open {
                break;
            }
            let further = self.along(&welfare, &players, trial, round + 1, *more);
            along.iter_mut().zip(further).for_each(|(a, b)| a.extend(b));
            unit = unit_of(&along);
        }
        let mut seeds = Vec::new();
        for (k, (number, policy)) in policies.iter().enumerate() {
            let mut distances = self.distances(acts[k]);
            for (d, (action, _)) in distances.iter_mut().zip(&self.actions) {
                d.step = self.grid_step(policy, *action).filter(|s| !d.finite && *s > 0.0);
            }
            let own = &along[first_learned + k];
            let (loss, loss_error) = own.behind(&along[0]);
            seeds.push(SeedVerdict {
                seed: *number,
                distances,
                value: own.value(),
                loss: fault!("verdict.sign", -loss, loss) / unit.size,
                loss_error: loss_error / unit.size,
                behind_constant: (first_learned > 1).then(|| {
                    let (gap, error) = own.behind(&along[1]);
                    (gap / unit.size, error / unit.size)
                }),
                moved: learned[k].moved_share(),
                outside: own.outside,
                one_shot: self.one_shot(acts[k])?,
                euler: self.euler(acts[k])?,
            });
        }
        let losses: Vec<f64> = seeds.iter().map(|s| s.loss).collect();
        let mut rng = crate::num::random::Stream::new(seed, 7);
        let loss_interval = statistics::bootstrap(&losses, statistics::mean, 0.95, 2000, &mut rng);
        let mut benchmarks = vec![("exact".to_string(), worth_of(&along[0], &along[0], &unit))];
        if first_learned > 1 {
            benchmarks.push(("best constant".to_string(), worth_of(&along[1], &along[0], &unit)));
        }
        benchmarks.push((
            "myopic (maximises the reward of the period)".to_string(),
            worth_of(&myopic, &along[0], &unit),
        ));
        benchmarks.push((
            "random (uniform between the bounds)".to_string(),
            worth_of(&random, &along[0], &unit),
        ));
        let all: Vec<&dyn Acts> = std::iter::once(&solved as &dyn Acts)
            .chain(acts.iter().copied())
            .collect();
        let slice = self.slice(&all, 100).map(|(state, x, mut curves)| Slice {
            state,
            action: self.decision.spec().actions[0].name.clone(),
            x,
            exact: curves.remove(0),
            learned: curves,
        });
        let mut paths = Vec::new();
        if let Some(first) = acts.first() {
            let (a, b) = (self.path(&solved, 200, seed)?, self.path(*first, 200, seed)?);
            paths.extend(a.into_iter().zip(b).take(9).map(|((n, x), (_, y))| (n, x, y)));
        }
        if let Some(why) = self.take_failure() {
            return Err(why);
        }
        Ok(Verdict {
            mean_loss: statistics::mean(&losses),
            seeds,
            loss_interval,
            unit: unit.words,
            benchmarks,
            paths_followed: along[0].start.len(),
            constant: constant.as_ref().map(Constant::words),
            slice,
            paths,
        })
    }

    /// What stopped a learned policy from acting, once.
    fn take_failure(&self) -> Option<Diagnostic> {
        self.failure
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take()
    }

    /// Whether the solved problem can play a scenario: it knows where states start and how long, nothing else.
    ///
    /// # Errors
    /// E0931 for a script, E0804 for a scenario that does not exist.
    pub fn can_follow(&self, trial: &Trial) -> Result<(), Diagnostic> {
        let Some(name) = &trial.scenario else { return Ok(()) };
        let Some(s) = self.model.scenarios.iter().find(|s| s.name == *name) else {
            let known: Vec<String> = self.model.scenarios.iter().map(|s| s.name.clone()).collect();
            return Err(crate::check::settings::unknown_word("scenario", name, &known));
        };
        let shocks_start = s
            .starts
            .iter()
            .any(|(t, _)| !matches!(t, crate::check::model::Target::State(_)));
        let scripted = [
            (!s.paths.is_empty(), "paths"),
            (!s.forces.is_empty(), "forced values"),
            (!s.params.is_empty(), "parameters of its own"),
            (shocks_start, "first values of shocks"),
        ];
        match scripted.iter().find(|(has, _)| *has) {
            None => Ok(()),
            Some((_, what)) => Err(Diagnostic::error(
                "E0931",
                format!("policies cannot be judged in scenario `{name}`: it scripts {what}"),
            )
            .at(s.span, "the exact solution knows nothing of this script")
            .note("the exact policy is the best against chance as the model has it, not against a script")
            .hint(
                "judge on a scenario that has `start` lines and `periods` only, and play this one with econc simulate",
            )),
        }
    }
}

/// Why a policy with memory is not judged.
pub fn has_memory() -> Diagnostic {
    Diagnostic::error("E0931", "a policy with memory cannot be judged here")
        .note("it is asked at states of the solved problem, one by one, where there is nothing to remember")
        .hint("judge a learner without memory (ppo, a2c, sac, dqn), or compare returns: econc simulate --policy RUN")
}

fn worth_of(own: &Along, exact: &Along, unit: &Unit) -> Worth {
    let (loss, error) = own.behind(exact);
    Worth {
        value: own.value(),
        loss: fault!("verdict.sign", -loss, loss) / unit.size,
        error: error / unit.size,
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

/// A learned policy in the solved problem.
pub struct Learned<'a> {
    judge: &'a Judge,
    policy: &'a Policy,
    decided: AtomicU64,
    moved: AtomicU64,
}

impl Learned<'_> {
    /// Share of its decisions so far that a `require` forbade.
    fn moved_share(&self) -> f64 {
        self.moved.load(Ordering::Relaxed) as f64 / self.decided.load(Ordering::Relaxed).max(1) as f64
    }
}

impl Acts for Learned<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let j = self.judge;
        // The lock is poisoned only by a panic in here; the values below are all written anew.
        let mut translation = j.translation.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let n = draw.len();
        let mut from = 0;
        while from < n {
            let lanes = LANES.min(n - from);
            j.place(&mut translation.worlds, at, states, from, lanes);
            match translation.decide_feasibly(self.policy) {
                Ok((done, moved)) => {
                    for (a, (k, element)) in actions.iter_mut().zip(&j.actions) {
                        a[from..from + lanes].copy_from_slice(&done[*k][element * LANES..element * LANES + lanes]);
                    }
                    self.decided.fetch_add(lanes as u64, Ordering::Relaxed);
                    let moved = moved[..lanes].iter().filter(|m| **m).count();
                    self.moved.fetch_add(moved as u64, Ordering::Relaxed);
                }
                Err(why) => {
                    // A policy that cannot act has no verdict; what stopped it is told in its place.
                    actions.iter_mut().for_each(|a| a[from..from + lanes].fill(f64::NAN));
                    j.failure
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .get_or_insert(why);
                }
            }
            from += lanes;
        }
    }
}

impl Judge {
    /// Writes states and shocks of some lanes into the worlds; the rest of the lanes repeat the last.
    fn place(&self, worlds: &mut Worlds, at: At, states: &[&[f64]], from: usize, lanes: usize) {
        let model = worlds.model.clone();
        for ((state, element), x) in self.states.iter().zip(states) {
            let target = &mut worlds.frame[model.states[*state].input.0 as usize];
            for i in 0..LANES {
                target[element * LANES + i] = x[from + i.min(lanes - 1)];
            }
        }
        let values = self
            .decision
            .spec()
            .chain
            .values
            .get(at.shock)
            .cloned()
            .unwrap_or_default();
        for ((shock, element), x) in self.shocks.iter().zip(values) {
            let s = &model.shocks[*shock];
            let carried = match &s.process {
                Process::Chain { values, .. } => nearest(values, x) as f64,
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => x,
            };
            let target = &mut worlds.frame[s.input.0 as usize];
            target[element * LANES..(element + 1) * LANES].fill(carried);
        }
        if let Some(t) = model.time {
            worlds.frame[t.0 as usize].fill(at.time as f64);
        }
    }
}

/// Maximises the reward of the period.
struct Myopic<'a> {
    bellman: &'a Bellman<'a>,
    after: Vec<crate::solve::bellman::Continuation>,
}

impl Acts for Myopic<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let after = &self.after[at.time.min(self.after.len() - 1)];
        match choose(
            self.bellman,
            after,
            at,
            states,
            draw.len(),
            None,
            SearchOptions::default(),
        ) {
            Ok(chosen) => {
                for (to, from) in actions.iter_mut().zip(&chosen.actions) {
                    to[..draw.len()].copy_from_slice(&from[..draw.len()]);
                }
            }
            Err(_) => actions.iter_mut().for_each(|a| a.fill(f64::NAN)),
        }
    }
}

/// Uniform between the bounds, and among the choices that are allowed.
struct Random<'a> {
    bellman: &'a Bellman<'a>,
}

impl Acts for Random<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let n = draw.len();
        let (lo, hi) = super::simulate::bounds(self.bellman, at, states, n);
        let u = |i: usize, k: usize| Key::new(draw[i].to_bits(), k as u64).uniform(0, 0);
        for (c, &a) in self.bellman.continuous.iter().enumerate() {
            for i in 0..n {
                let (l, h) = (lo[c][i], hi[c][i]);
                let inside = 1e-3 + (1.0 - 2e-3) * u(i, a);
                actions[a][i] = if l.is_finite() && h.is_finite() {
                    l + inside * (h - l)
                } else {
                    f64::NAN
                };
            }
        }
        let spec = self.bellman.problem.spec();
        for &a in &self.bellman.finite {
            let ActionKind::Finite { values, .. } = &spec.actions[a].kind else {
                continue;
            };
            let lanes = crate::solve::problem::Lanes {
                states,
                actions: &[],
                shock: at.shock,
                noise: 0,
                shock_next: at.shock,
                time: at.time,
            };
            let allowed: Vec<Vec<f64>> = (0..values.len())
                .map(|choice| {
                    let mut out = vec![1.0; n];
                    self.bellman.problem.allowed(&lanes, a, choice, &mut out);
                    out
                })
                .collect();
            for i in 0..n {
                let open: Vec<f64> = (0..values.len())
                    .filter(|c| allowed[*c][i] != 0.0)
                    .map(|c| values[c])
                    .collect();
                let k = ((u(i, a) * open.len() as f64) as usize).min(open.len().saturating_sub(1));
                actions[a][i] = open.get(k).copied().unwrap_or(f64::NAN);
            }
        }
    }
}

/// States visited under the exact policy (in groups of one shock and date), what it does there, and the mean of `u'(c) c`.
fn visited(
    bellman: &Bellman,
    policy: &SolvedPolicy,
    o: &super::grid::Options,
) -> (Vec<(At, Vec<f64>)>, Vec<Vec<f64>>, Option<f64>) {
    let mut world = World::new(bellman, o.paths, o.seed, &o.starts);
    let mut all: Vec<(At, Vec<f64>, Vec<f64>)> = Vec::new();
    let horizon = bellman.problem.spec().horizon;
    let burn = if horizon.is_some() { 0 } else { o.burn_in };
    for t in 0..burn + o.periods {
        world.step(policy, &mut |w| {
            if t >= burn {
                for p in 0..o.paths {
                    let at = At {
                        shock: w.shock[p],
                        time: w.time[p],
                    };
                    all.push((
                        at,
                        w.states.iter().map(|s| s[p]).collect(),
                        w.actions.iter().map(|a| a[p]).collect(),
                    ));
                }
            }
        });
    }
    let stride = all.len().div_ceil(POINTS).max(1);
    let mut kept: Vec<_> = all.into_iter().step_by(stride).collect();
    kept.sort_by_key(|(at, _, _)| (at.time, at.shock));
    let na = bellman.problem.spec().actions.len();
    let exact: Vec<Vec<f64>> = (0..na).map(|a| kept.iter().map(|k| k.2[a]).collect()).collect();
    let mut worths = Vec::new();
    for (at, x, a) in &kept {
        let columns: Vec<[f64; 1]> = x.iter().map(|v| [*v]).collect();
        let refs: Vec<&[f64]> = columns.iter().map(|c| &c[..]).collect();
        let actions: Vec<Vec<f64>> = a.iter().map(|v| vec![*v]).collect();
        if let Some(w) = consumption_worth(bellman, *at, &refs, &actions, 1)
            && w[0].is_finite()
        {
            worths.push(w[0]);
        }
    }
    let worth = (worths.len() * 2 > kept.len())
        .then(|| statistics::mean(&worths))
        .filter(|w| *w > 0.0);
    (kept.into_iter().map(|(at, x, _)| (at, x)).collect(), exact, worth)
}

/// First states as the model (or a scenario) draws them, one a path; `None` if it does not say.
fn drawn_starts(
    model: &Model,
    problem: &Decision,
    scenario: Option<&str>,
    count: usize,
    seed: u64,
) -> Option<Vec<Vec<f64>>> {
    let n = count.clamp(1, 4096);
    let worlds = Worlds::new(model, scenario, n, seed, &[]).ok()?;
    let state = |p: usize| -> Vec<f64> {
        let at = |(s, element): &(usize, usize)| worlds.frame[model.states[*s].input.0 as usize][element * n + p];
        problem.origin.iter().map(at).collect()
    };
    let all: Vec<Vec<f64>> = (0..n).map(state).collect();
    all.iter().flatten().all(|x| x.is_finite()).then_some(all)
}

fn still(problem: &Decision, named: &[(String, f64)]) -> Option<Vec<f64>> {
    let states = problem.spec().states.iter();
    states
        .map(|s| named.iter().find(|(n, _)| *n == s.name).map(|(_, x)| *x))
        .collect()
}

/// Which of several named arrays `name` or `name[i,j]` is an element of, and which.
fn element(graph: &crate::graph::Graph, names: &[(&str, &Shape)], name: &str) -> Option<(usize, usize)> {
    let (bare, index) = match name.split_once('[') {
        Some((b, rest)) => (b, rest.trim_end_matches(']')),
        None => (name, ""),
    };
    let k = names.iter().position(|(n, _)| *n == bare)?;
    if index.is_empty() {
        return Some((k, 0));
    }
    let at: Vec<usize> = index.split(',').map(|i| i.trim().parse().ok()).collect::<Option<_>>()?;
    let shape = names[k].1;
    (at.len() == shape.len()).then_some(())?;
    let element = shape.iter().zip(&at).try_fold(0, |f, (axis, i)| {
        let size = graph.axes[axis.0 as usize].size;
        (*i >= 1 && *i <= size).then_some(f * size + i - 1)
    })?;
    Some((k, element))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::progress::silent;

    const MODEL: &str = "shock z ~ ar1(rho: 0.9, sigma: 0.02)\nagent planner {\n  state k in [0.01, 2], start 0.2\n  \
        action s in (0, 1)\n  let y = exp(z) * k^0.36\n  let c = (1 - s) * y\n  k' = s * y\n  observe k, z\n  \
        reward log(c)\n  discount 0.96\n}\nsolve { grid.k = log(60); chain.z = rouwenhorst(5) }\n";

    /// The same share everywhere.
    struct Share(f64);
    impl Acts for Share {
        fn act(&self, _: At, _: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
            actions[0][..draw.len()].fill(self.0);
        }
    }

    #[test]
    fn losses_and_distances_are_those_of_the_closed_form() {
        // Brock and Mirman (1972): the optimal share is alpha beta, and a constant share s for ever is worth
        // log(1 - s) + alpha beta / (1 - alpha beta) log s per unit of annuity, up to constants.
        let (model, diagnostics) = crate::compile(MODEL, &crate::Options::default());
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let solved = crate::verify::solved::solve(&model, &Default::default(), &mut silent).unwrap();
        let judge = Judge::new(&model, solved, false).unwrap();
        let ab = 0.36 * 0.96;
        let worth = |s: f64| (1.0 - s).ln() + ab / (1.0 - ab) * s.ln();
        for share in [0.3, 0.4] {
            let d = &judge.distances(&Share(share))[0];
            assert!((d.mean - (share - ab).abs()).abs() < 1e-5, "{d:?}");
            assert!((d.relative() - (share / ab - 1.0).abs()).abs() < 1e-4);
            // The Euler equation of a constant share is 1 = alpha beta / s: this much consumption is missing or too much.
            let residual = judge.euler(&Share(share)).unwrap().unwrap().0;
            assert!((residual - (share / ab - 1.0).abs()).abs() < 1e-3, "{residual}");
            let w = judge.worths(&[&Share(share)], 3).unwrap();
            // u'(c) c = 1, so the loss in utils an annuity is the loss in logs of consumption.
            let exact = worth(ab) - worth(share);
            assert!(
                (w[1].loss - exact).abs() < 1e-3 * exact,
                "{share}: {} against {exact}",
                w[1].loss
            );
        }
        let (myopic, random) = judge
            .with_benchmarks(|exact, myopic, random| {
                let d = judge.distances(exact);
                assert!(d[0].mean < 1e-12 && judge.one_shot(exact).unwrap().1 < 1e-9);
                assert!(judge.euler(exact).unwrap().is_some_and(|e| e.1 < 1e-4));
                let w = judge.worths(&[exact, myopic, random], 3).unwrap();
                assert_eq!(w[1].loss, 0.0);
                (w[2].loss, w[3].loss)
            })
            .unwrap();
        assert!(myopic > 0.1 && random > 0.1, "{myopic} {random}");
    }

    /// A shop that stocks whole units: what it orders arrives at once, demand is 0, 1 or 2.
    const SHOP: &str = "param bonus = 0\nagent shop {\n  state x in 0..6, start 2\n  action q in 0..4\n  \
        noise dem ~ discrete([0, 1, 2], [0.3, 0.4, 0.3])\n  let stock = min(x + q, 6)\n  let sold = min(dem, stock)\n  \
        x' = stock - sold\n  observe x\n  \
        reward bonus + 4 * sold - 1.5 * q - (if q > 0 then 2 else 0) - 0.15 * stock\n  discount 0.9\n}\n";

    /// Orders by stock.
    struct Table([f64; 7]);
    impl Acts for Table {
        fn act(&self, _: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
            for i in 0..draw.len() {
                actions[0][i] = self.0[states[0][i] as usize];
            }
        }
    }

    /// Value of a table of orders at each stock, by enumeration; the best one over all orders where `best`.
    fn enumerated(orders: [f64; 7], best: bool, bonus: f64) -> [f64; 7] {
        let mut v = [0.0; 7];
        for _ in 0..2000 {
            let old = v;
            for (x, v) in v.iter_mut().enumerate() {
                let of = |q: usize| -> f64 {
                    let stock = (x + q).min(6);
                    let fixed = if q > 0 { 2.0 } else { 0.0 };
                    let chance = [(0usize, 0.3), (1, 0.4), (2, 0.3)].iter();
                    let sales: f64 = chance
                        .map(|&(d, p)| {
                            let sold = d.min(stock);
                            p * (4.0 * sold as f64 + 0.9 * old[stock - sold])
                        })
                        .sum();
                    bonus + sales - 1.5 * q as f64 - fixed - 0.15 * stock as f64
                };
                *v = if best {
                    (0..=4).map(of).fold(f64::NEG_INFINITY, f64::max)
                } else {
                    of(orders[x] as usize)
                };
            }
        }
        v
    }

    fn judge_of(text: &str) -> Judge {
        let (model, diagnostics) = crate::compile(text, &crate::Options::default());
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let solved = crate::verify::solved::solve(&model, &Default::default(), &mut silent).unwrap();
        Judge::new(&model, solved, false).unwrap()
    }

    #[test]
    fn what_a_policy_loses_is_what_enumeration_says() {
        for bonus in [0.0, 250.0] {
            let judge = judge_of(&SHOP.replace("bonus = 0", &format!("bonus = {bonus}")));
            let exact = enumerated([0.0; 7], true, bonus);
            for orders in [
                [4.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
                [0.0; 7],
            ] {
                let own = enumerated(orders, false, bonus);
                let w = judge.worths(&[&Table(orders)], 5).unwrap();
                let size = (w[0].value - w[1].value) / w[1].loss;
                let truth = exact[2] - own[2];
                let (loss, error) = (w[1].loss * size, w[1].error * size);
                assert!((w[0].value - exact[2]).abs() < 1e-6, "{} {}", w[0].value, exact[2]);
                assert!((loss - truth).abs() <= 4.0 * error + 1e-6, "{loss} {truth} {error}");
                // A hundred paths know it to a few per cent; two simulated lifetimes differ by more than the loss itself.
                assert!(error < 0.1 * truth + 1e-9, "{error} {truth}");
            }
        }
    }

    #[test]
    fn the_best_constant_is_found_in_a_corner_of_wide_bounds() {
        // A price in [0, 5000] that sells max(10 - p, 0): the best is 5.5 whatever the range.
        let judge = judge_of(
            "agent seller {\n  state k in 0..1, start 0\n  action p in [0, 5000]\n  k' = 1 - k\n  observe k\n  \
             reward (p - 1 - k) * max(10 - p, 0)\n  discount 0.9\n}\nsolve { howard = 0 }\n",
        );
        let bellman = Bellman::new(&judge.decision, judge.solution.interpolation).unwrap();
        let exact = SolvedPolicy::new(&bellman, &judge.solution).unwrap();
        let welfare = Welfare::new(&bellman, &exact, &judge.solution);
        let found = constant::best(&bellman, &welfare, &judge.exact, &[vec![0.0]], 1).unwrap();
        let level = if found.kind == "share" { 5000.0 } else { 1.0 } * found.actions[0];
        // Weights of the two costs: 1 at even dates (of weight 1/1.9), 2 at odd ones.
        let cost = (1.0 + 0.9 * 2.0) / 1.9;
        assert!((level - 0.5 * (10.0 + cost)).abs() < 1e-2, "{found:?}");
        // Kelly (1956): with even odds and a chance of 0.6 the best stake is 0.2.
        let judge = judge_of(
            "agent trader {\n  state x in [0.001, 1000], start 1\n  action f in [0, 0.9]\n  noise up ~ bernoulli(0.6)\n  \
             let r = 1 + f * (if up then 1 else -1)\n  x' = clamp(x * r, 0.001, 1000)\n  observe x\n  reward log(r)\n  discount 0.95\n}\n\
             solve { grid.x = log(20) }\n",
        );
        let bellman = Bellman::new(&judge.decision, judge.solution.interpolation).unwrap();
        let exact = SolvedPolicy::new(&bellman, &judge.solution).unwrap();
        let welfare = Welfare::new(&bellman, &exact, &judge.solution);
        let found = constant::best(&bellman, &welfare, &judge.exact, &[vec![1.0]], 1).unwrap();
        let stake = if found.kind == "share" { 0.9 } else { 1.0 } * found.actions[0];
        assert!((stake - 0.2).abs() < 1e-3, "{found:?}");
    }
}
