//! How far a learned policy is from the exact one, and what that costs.
//!
//! Both act in the problem that was solved: the same chains in the place of shocks, the same nodes in the place of noise, the
//! same draws. The *distance* is over states that the exact policy visits; the *loss* is the difference of lifetime values
//! under common draws, in units of consumption where the model names consumption (`u'(c) c` is what one per cent more consumption
//! in one period is worth), else as a share of the exact value. The *one-shot gain* is what a decision maker would win by
//! choosing right once, if everything after it were exact.

use super::certificate::{best_constant, consumption_worth};
use super::simulate::{Policy as Acts, SolvedPolicy, World, lifetimes};
use super::solved::{Solved, judge as simulation};
use crate::check::model::{Model, Process};
use crate::diag::Diagnostic;
use crate::env::interface::Interface;
use crate::env::shocks::nearest;
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
use crate::solve::problem::{ActionKind, DecisionProblem};
use crate::solve::search::{SearchOptions, choose};
use crate::solve::solution::Solution;
use std::sync::Mutex;

/// Lanes of one batch of observations.
const LANES: usize = 64;
/// Paths over which lifetimes are averaged.
const PATHS: usize = 64;
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
    /// Where lifetimes begin: drawn from where the model starts, if it says.
    from: Vec<Vec<f64>>,
    constant: Option<super::certificate::ConstantComparison>,
    /// What the solution uses and nobody observes: it knows more than any learner can.
    hidden: Vec<String>,
    /// The agent's discount factor.
    discount: f64,
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
        self.mean / if self.scale > 0.0 { self.scale } else { 1.0 }
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
    /// What is lost against the exact policy: share of consumption for ever, or of the exact value.
    pub loss: f64,
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
        if let Some(still) = still(&problem, &solved.steady_state) {
            problem.spec_mut().steady_state = Some(still);
        }
        let agent = learner_of(&model, None)?;
        let discount = crate::env::vector::discount_of(&model, agent)?;
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
        let simulation = super::certificate::Options {
            paths: 32,
            ..simulation(&model, &problem, 1)
        };
        let from = drawn_starts(&model, &problem).unwrap_or_else(|| simulation.starts.clone());
        let (points, exact, worth, constant) = {
            let bellman = Bellman::new(&problem, solution.interpolation)?;
            let policy = SolvedPolicy::new(&bellman, &solution)?;
            let (points, exact, worth) = visited(&bellman, &policy, &simulation);
            let options = super::certificate::Options {
                starts: from.clone(),
                ..simulation.clone()
            };
            (
                points,
                exact,
                worth,
                best_constant(&bellman, &policy, &solution, &options),
            )
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
            from,
            constant,
            hidden: problem.hidden.clone(),
            discount,
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

    /// What losses are measured in.
    pub fn unit(&self) -> &'static str {
        if self.worth.is_some() {
            "consumption for ever"
        } else {
            "the exact value"
        }
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
        Ok(Learned { judge: self, policy })
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

    /// What policies earn from the start, under the same draws; the first is the exact one's.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub fn worths(&self, policies: &[&dyn Acts], seed: u64) -> Result<Vec<Worth>, Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let exact = SolvedPolicy::new(&bellman, &self.solution)?;
        let spec = self.decision.spec();
        let discount = self.discount.min(1.0 - 1e-9);
        let long = (1e-5f64.ln() / discount.ln()).ceil().clamp(1.0, 2000.0) as usize;
        let periods = spec.horizon.unwrap_or(long);
        let annuity = (1.0 - discount.powi(periods as i32)) / (1.0 - discount);
        let value =
            |p: &dyn Acts| statistics::mean(&lifetimes(&bellman, p, (PATHS, periods), seed, &self.from, &|_, _| 0.0));
        let best = value(&exact);
        let unit = match self.worth {
            Some(w) => w * annuity,
            None => best.abs().max(1e-12),
        };
        let mut out = vec![Worth { value: best, loss: 0.0 }];
        for p in policies {
            let v = value(*p);
            out.push(Worth {
                value: v,
                loss: (best - v) / unit,
            });
        }
        Ok(out)
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
        Ok(then(&exact, &myopic, &random))
    }

    /// A path of the solved problem under a policy: names and series of shocks, states, actions and the reward.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub fn path(&self, policy: &dyn Acts, periods: usize, seed: u64) -> Result<Vec<(String, Vec<f64>)>, Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let spec = self.decision.spec();
        let mut world = World::new(&bellman, 1, seed, &self.from);
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
    /// Welfare loss, see [`Worth`].
    pub loss: f64,
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
    /// Policies along one state.
    pub slice: Option<Slice>,
    /// Name, exact path, the first seed's path.
    pub paths: Vec<(String, Vec<f64>, Vec<f64>)>,
}

impl Judge {
    /// Judges the policies of several seeds.
    ///
    /// # Errors
    /// Those of [`Judge::acting`] and of the Bellman operator.
    pub fn verdict(&self, policies: &[(u64, &Policy)], seed: u64) -> Result<Verdict, Diagnostic> {
        let learned = policies
            .iter()
            .map(|(_, p)| self.acting(p))
            .collect::<Result<Vec<_>, _>>()?;
        let acts: Vec<&dyn Acts> = learned.iter().map(|l| l as &dyn Acts).collect();
        let worths = self.worths(&acts, seed)?;
        let mut seeds = Vec::new();
        for (k, (number, policy)) in policies.iter().enumerate() {
            let mut distances = self.distances(acts[k]);
            for (d, (action, _)) in distances.iter_mut().zip(&self.actions) {
                d.step = self.grid_step(policy, *action).filter(|s| !d.finite && *s > 0.0);
            }
            seeds.push(SeedVerdict {
                seed: *number,
                distances,
                loss: worths[k + 1].loss,
                one_shot: self.one_shot(acts[k])?,
                euler: self.euler(acts[k])?,
            });
        }
        let losses: Vec<f64> = seeds.iter().map(|s| s.loss).collect();
        let mut rng = crate::num::random::Stream::new(seed, 7);
        let loss_interval = statistics::bootstrap(&losses, statistics::mean, 0.95, 2000, &mut rng);
        let (mut benchmarks, slice, paths) = self.with_benchmarks(|exact, myopic, random| {
            let w = self.worths(&[myopic, random], seed)?;
            let benchmarks = vec![
                ("exact".to_string(), w[0]),
                ("myopic (maximises the reward of the period)".to_string(), w[1]),
                ("random (uniform between the bounds)".to_string(), w[2]),
            ];
            let all: Vec<&dyn Acts> = std::iter::once(exact).chain(acts.iter().copied()).collect();
            let slice = self.slice(&all, 100).map(|(state, x, mut curves)| Slice {
                state,
                action: self.decision.spec().actions[0].name.clone(),
                x,
                exact: curves.remove(0),
                learned: curves,
            });
            let mut paths = Vec::new();
            if let Some(first) = acts.first() {
                let (a, b) = (self.path(exact, 200, seed)?, self.path(*first, 200, seed)?);
                paths.extend(a.into_iter().zip(b).take(9).map(|((n, x), (_, y))| (n, x, y)));
            }
            Ok::<_, Diagnostic>((benchmarks, slice, paths))
        })??;
        if let Some(c) = &self.constant {
            let exact = benchmarks[0].1;
            let discount = self.discount.min(1.0 - 1e-9);
            let annuity = (1.0 - discount.powi(c.periods as i32)) / (1.0 - discount);
            let unit = self.worth.map_or(exact.value.abs().max(1e-12), |w| w * annuity);
            let loss = (c.solution - c.constant) / unit;
            benchmarks.insert(
                1,
                (
                    "best constant".to_string(),
                    Worth {
                        value: exact.value - (c.solution - c.constant),
                        loss,
                    },
                ),
            );
        }
        Ok(Verdict {
            mean_loss: statistics::mean(&losses),
            seeds,
            loss_interval,
            unit: self.unit().to_string(),
            benchmarks,
            slice,
            paths,
        })
    }
}

/// A learned policy in the solved problem.
pub struct Learned<'a> {
    judge: &'a Judge,
    policy: &'a Policy,
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
            let done = translation.decide(self.policy);
            for (a, (k, element)) in actions.iter_mut().zip(&j.actions) {
                for i in 0..lanes {
                    // A policy that could not be asked acts nowhere: the lifetime value is then minus infinity.
                    a[from + i] = done.as_ref().map_or(f64::NAN, |d| d[*k][element * LANES + i]);
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
    o: &super::certificate::Options,
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

/// First states as the model draws them, one a path; `None` if it does not say.
fn drawn_starts(model: &Model, problem: &Decision) -> Option<Vec<Vec<f64>>> {
    let worlds = Worlds::new(model, None, PATHS, 0, &[]).ok()?;
    let state = |p: usize| -> Vec<f64> {
        let at = |(s, element): &(usize, usize)| worlds.frame[model.states[*s].input.0 as usize][element * PATHS + p];
        problem.origin.iter().map(at).collect()
    };
    let all: Vec<Vec<f64>> = (0..PATHS).map(state).collect();
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
}
