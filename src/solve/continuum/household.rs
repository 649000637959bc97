//! The problem of one member at held numbers: solved once from nothing, then from where it last stood; and where all members then are.

use super::classes::{Classes, by_themselves};
use super::flow::{Branch, Flow};
use super::held::{Held, Kind};
use super::histogram::{Invariant, Lottery, Nodes, invariant};
use super::points;
use super::population::Profile;
use crate::check::settings::defaults;
use crate::diag::Diagnostic;
use crate::graph::{InputKind, NodeId};
use crate::solve::bellman::At;
use crate::solve::between::PolicyBetween;
use crate::solve::decision::{Decision, ProblemOptions};
use crate::solve::method::{Method, Structure, Task};
use crate::solve::problem::{ActionKind, DecisionProblem, Lanes, Outcome, StateKind};
use crate::solve::progress::Watch;
use crate::solve::solution::{Reader, Solution};
use crate::solve::time_iteration::{Ages, Carried, EndogenousGrid, SWEEPS, TimeIteration, TimeIterationOptions, ages};
use crate::solve::value_iteration::ValueIteration;
use std::sync::Arc;

/// Fewest cells of the one continuous state of a distribution, and most places of any.
const CELLS: usize = 900;
const PLACES: usize = 1_500_000;
/// Fewest nodes that are left of a state.
const FEW: usize = 40;
/// How much of the mass may move in a period at rest.
const REST: f64 = 1e-11;

/// A member's problem, with what it last came to.
pub struct Household<'h> {
    held: &'h Held,
    /// The problem; its numbers are those of the last answer.
    pub decision: Decision,
    /// The nodes of the distribution.
    pub nodes: Nodes,
    /// The states at the nodes, `[state][node]`.
    states: Vec<Vec<f64>>,
    /// Which watched node each mean averages, and which says among whom.
    averaged: Vec<Option<(usize, Option<usize>)>>,
    /// What else members are described by, with the number of its watched node: where a state takes whole numbers.
    described: Vec<(String, usize)>,
    classes: Classes,
    tolerance: f64,
    sweeps: usize,
    solution: Option<Solution>,
    carried: Option<Carried>,
    ages: Option<Ages>,
    /// The last distribution, one number per place.
    pub mass: Vec<f64>,
    /// The share of members at the lowest node of each state itself.
    pub lowest: Vec<f64>,
}

/// What members come to at held numbers.
pub struct Answer {
    /// Means and values of entry, one per held number; not a number where it is none.
    pub means: Vec<f64>,
    /// The mass at the top node of a state whose upper end the solver chose, and of those who would go beyond it.
    pub top: f64,
    /// How the distribution came to rest.
    pub rest: Invariant,
}

impl<'h> Household<'h> {
    /// Compiles the problem; of continuous states every `thin`-th node is kept.
    ///
    /// # Errors
    /// Those of [`Decision::new`]; E0810 for what distributions do not know yet, E0974 for what has no one distribution at rest.
    pub fn new(held: &'h Held, options: &ProblemOptions, thin: usize) -> Result<Household<'h>, Diagnostic> {
        let free: Vec<usize> = held.numbers.iter().map(|n| n.param).collect();
        let mut watched: Vec<NodeId> = Vec::new();
        let mut watch = |n: NodeId| {
            watched.push(n);
            watched.len() - 1
        };
        let averaged: Vec<Option<(usize, Option<usize>)>> = (held.numbers.iter())
            .map(|n| match n.kind {
                Kind::Mean { of, when } => Some((watch(of), when.map(&mut watch))),
                _ => None,
            })
            .collect();
        let described: Vec<(String, usize)> = (described(held).into_iter())
            .map(|(name, node)| (name, watch(node)))
            .collect();
        let mut decision = Decision::with_numbers(&held.model, options, &free, &watched)?;
        for state in &mut decision.spec_mut().states {
            if let StateKind::Continuous { grid, .. } = &mut state.kind
                && grid.len() > FEW * thin
            {
                let last = grid.len() - 1;
                *grid = (0..=last)
                    .filter(|i| i % thin == 0 || *i == last)
                    .map(|i| grid[i])
                    .collect();
                // Two nodes side by side at the end would be one.
                let n = grid.len();
                if thin > 1 && last % thin != 0 && n > 2 {
                    grid.remove(n - 2);
                }
            }
        }
        let spec = decision.spec();
        let refuse = |why: &str| Err(crate::solve::economy::cannot(why));
        if spec.next_uses_shock_next {
            return refuse("laws or means read the next draw of a shock");
        }
        let continuous = |s: &crate::solve::problem::StateAxis| matches!(s.kind, StateKind::Continuous { .. });
        let alone = spec.states.iter().filter(|s| continuous(s)).count() == 1 && spec.states.len() == 1;
        let axes: Vec<Vec<f64>> = (spec.states.iter())
            .map(|s| match &s.kind {
                StateKind::Continuous { grid, .. } if alone => between(
                    grid,
                    if thin > 1 {
                        1
                    } else {
                        CELLS.div_ceil(grid.len().max(2) - 1)
                    },
                ),
                StateKind::Continuous { grid, .. } => grid.clone(),
                StateKind::Integer { lo, hi } => (*lo..=*hi).map(|i| i as f64).collect(),
            })
            .collect();
        let nodes = Nodes::new(axes, spec.chain.transition.len());
        if nodes.places() > PLACES {
            return Err(Diagnostic::error(
                "E0904",
                format!("a distribution over {} places is too large", nodes.places()),
            )
            .hint("use fewer nodes or fewer states of the chains"));
        }
        if !spec.ends {
            by_themselves(held)?;
        }
        let classes = Classes::new(spec)?;
        let mut mass = nodes.even();
        if let Some(rest) = &classes.rest {
            let each = 1.0 / nodes.len() as f64;
            mass = (0..nodes.places()).map(|p| each * rest[p % rest.len()]).collect();
        }
        let states = nodes.values();
        let said = |key: &str| held.model.solve_settings()?.get(key)?.number();
        Ok(Household {
            held,
            mass,
            lowest: Vec::new(),
            classes,
            states,
            nodes,
            averaged,
            described,
            decision,
            tolerance: said("tolerance").unwrap_or(defaults::TOLERANCE),
            sweeps: said("iterations").map_or(SWEEPS, |x| x as usize),
            solution: None,
            carried: None,
            ages: None,
        })
    }

    /// Means that nothing but chains moves, one per held number; `None` for all others.
    pub fn exogenous(&self) -> Vec<Option<f64>> {
        let g = &self.held.model.graph;
        let spec = self.decision.spec();
        let rest = crate::chance::chain::stationary(&spec.chain.transition);
        let rest = self.classes.rest.clone().unwrap_or(rest);
        // Where lives end, the newborn begin elsewhere than those who live are.
        let anew = spec.ends
            && spec
                .first_shocks()
                .iter()
                .zip(&rest)
                .any(|(a, b)| (a - b).abs() > 1e-12);
        let (states, actions) = (
            vec![[f64::NAN]; spec.states.len()],
            vec![[f64::NAN]; spec.actions.len()],
        );
        let one = |k: usize| -> Option<f64> {
            let Kind::Mean { of, when: None } = self.held.numbers[k].kind else {
                return None;
            };
            let reads = g.inputs_below([of]);
            let chance = |i: &crate::graph::InputId| {
                let kind = &g.inputs[i.0 as usize].kind;
                let held = |p: &usize| self.held.numbers.iter().any(|n| n.param == *p);
                matches!(kind, InputKind::Shock(_)) || matches!(kind, InputKind::Param(p) if !held(p))
            };
            if anew || !reads.iter().all(chance) {
                return None;
            }
            let (watched, _) = self.averaged[k]?;
            let (s, a): (Vec<&[f64]>, Vec<&[f64]>) = (
                states.iter().map(|x| x.as_slice()).collect(),
                actions.iter().map(|x| x.as_slice()).collect(),
            );
            let at = |shock: usize| self.decision.watch(watched, &Lanes::before_draws(&s, &a, shock, 0), 1);
            let all: Option<Vec<f64>> = (0..rest.len()).map(|j| Some(at(j)?[0] * rest[j])).collect();
            Some(all?.iter().sum())
        };
        (0..self.held.numbers.len()).map(one).collect()
    }

    /// What members do at these numbers (one per held number), where they then are, and what that makes of every mean.
    ///
    /// # Errors
    /// Those of the method; E0939 where the distribution does not come to rest; E0906 when stopped.
    pub fn answer(&mut self, numbers: &[f64], progress: &mut dyn Watch) -> Result<Answer, Diagnostic> {
        self.decision.set_numbers(numbers);
        let entry = |n: &super::held::Number| n.kind == Kind::Entry;
        let enters = self.held.numbers.iter().any(entry);
        self.solve(enters, progress)?;
        let worth = if enters { self.worth()? } else { f64::NAN };
        let (flow, watched) = self.flow(false)?;
        let forward = |mass: &[f64], out: &mut [f64]| flow.forward(&self.nodes, mass, out);
        if self.decision.spec().counts
            && let Some(lived) = flow.by_cohort(&self.nodes)
        {
            self.mass = lived;
        }
        let rest = invariant((&self.nodes, &self.classes), &self.mass, REST, forward);
        if !(rest.residual < 1e3 * REST) {
            return Err(Diagnostic::error("E0939", "the distribution does not come to rest")
                .note(format!("in a period {:.1e} of all mass still moves", rest.residual))
                .hint("a chain that returns only after a fixed number of periods, or a state without a law that leads back, has no distribution at rest"));
        }
        self.mass.clone_from(&rest.mass);
        let states = 0..self.nodes.axes().len();
        self.lowest = states.map(|s| flow.at_lowest(&self.nodes, &rest.mass, s)).collect();
        let mean = |w: usize| -> f64 { super::histogram::mean(&rest.mass, &watched[w]) };
        let means = (self.averaged.iter().zip(&self.held.numbers))
            .map(|(a, n)| match a {
                None if entry(n) => worth,
                None => f64::NAN,
                Some((of, None)) => mean(*of),
                Some((of, Some(when))) => {
                    let both: Vec<f64> = watched[*of]
                        .iter()
                        .zip(&watched[*when])
                        .map(|(x, w)| x * f64::from(u8::from(*w != 0.0)))
                        .collect();
                    let among: Vec<f64> = watched[*when].iter().map(|w| f64::from(u8::from(*w != 0.0))).collect();
                    super::histogram::mean(&rest.mass, &both) / super::histogram::mean(&rest.mass, &among)
                }
            })
            .collect();
        let at_top = self.decision.open_ends.iter().filter(|e| e.2);
        let top: f64 = at_top.map(|e| self.nodes.at_top(&rest.mass, e.0)).sum();
        Ok(Answer {
            means,
            top: top + flow.beyond(&rest.mass),
            rest,
        })
    }

    /// The whole solution at the numbers of the last answer.
    ///
    /// # Errors
    /// Those of the method.
    pub fn solution(&mut self, progress: &mut dyn Watch) -> Result<Solution, Diagnostic> {
        self.solve(true, progress)?;
        self.solution
            .clone()
            .ok_or_else(|| Diagnostic::error("E0990", "the members' problem was not solved"))
    }

    /// Where the problem last stood, with whether an endogenous grid led there; `None` where neither it nor time iteration fits.
    ///
    /// # Errors
    /// Those of [`Carried::of`].
    pub(super) fn standing(&self) -> Result<Option<(Carried, bool)>, Diagnostic> {
        let structure = Structure::of(self.decision.spec());
        match (&self.carried, &self.solution) {
            (Some(carried), _) => Ok(Some((carried.clone(), true))),
            (None, Some(solution)) if TimeIteration.fits(&structure).is_ok() => {
                Ok(Some((Carried::of(&self.decision, solution)?, false)))
            }
            _ => Ok(None),
        }
    }

    /// How members move under a policy (`[action]`, state node x joint shock) at the problem's numbers, and the watched nodes expected at
    /// every place, `[watched][place]`.
    ///
    /// # Errors
    /// E0903 where something is not a number.
    pub(super) fn under(&mut self, policy: &[Vec<f64>]) -> Result<(Flow, Vec<Vec<f64>>), Diagnostic> {
        if let Some(solution) = &mut self.solution {
            solution.policy = policy.to_vec();
        }
        self.flow(false)
    }

    /// Which watched node each mean averages, and which says among whom; one per held number.
    pub(super) fn averages(&self) -> &[Option<(usize, Option<usize>)>] {
        &self.averaged
    }

    /// Solves, from where the problem last stood; `whole` with the value.
    fn solve(&mut self, whole: bool, progress: &mut dyn Watch) -> Result<(), Diagnostic> {
        let structure = Structure::of(self.decision.spec());
        if ages::fits(&structure).is_ok() {
            return self.by_age(whole, progress);
        }
        let slopes = EndogenousGrid::smooth(&structure).is_ok();
        if slopes && let (Some(carried), Some(last)) = (&self.carried, &mut self.solution) {
            let options = TimeIterationOptions {
                tolerance: self.tolerance,
                sweeps: self.sweeps,
                endogenous: true,
                brief: false,
            };
            let guess = whole.then(|| last.value.clone());
            match carried.go_on(&self.decision, options, guess, progress) {
                Ok((carried, solution)) => {
                    last.policy.clone_from(&carried.policy);
                    if let Some(solution) = solution {
                        *last = solution;
                    }
                    self.carried = Some(carried);
                    return Ok(());
                }
                Err(d) if d.code == "E0906" => return Err(d),
                // From far away it may get lost: begin anew.
                Err(_) => {}
            }
        }
        let method: &dyn Method = match slopes {
            true => &EndogenousGrid,
            false => otherwise(&structure)?,
        };
        let guess = self.solution.take().map(|s| s.value);
        let size = self.decision.spec().chain.transition.len();
        let task = Task {
            model: &self.held.model,
            problem: &self.decision,
            guess: guess.filter(|g| !slopes && g.len().is_multiple_of(size) && g.iter().all(|v| v.is_finite())),
            linear: false,
        };
        let solution = method.solve(task, progress)?;
        self.carried = match slopes {
            true => Some(Carried::of(&self.decision, &solution)?),
            false => None,
        };
        self.solution = Some(solution);
        Ok(())
    }

    /// The same where whole-number states move by themselves.
    fn by_age(&mut self, whole: bool, progress: &mut dyn Watch) -> Result<(), Diagnostic> {
        let options = TimeIterationOptions {
            tolerance: self.tolerance,
            sweeps: self.sweeps,
            endogenous: true,
            brief: false,
        };
        let ages = Ages::solve(&self.decision, self.ages.as_ref(), options, progress)?;
        match &mut self.solution {
            Some(last) if !whole => last.policy = vec![ages.policy(&self.decision)],
            last => *last = Some(ages.solution(&self.decision, options)?),
        }
        self.ages = Some(ages);
        Ok(())
    }

    /// How members move under the policy, and the watched nodes expected at every place, `[watched][place]`.
    /// With `all` also what members are described by; not a number where that reads what their problem does not.
    fn flow(&self, all: bool) -> Result<(Flow, Vec<Vec<f64>>), Diagnostic> {
        let Some(solution) = &self.solution else {
            return Err(Diagnostic::error("E0990", "the members' problem was not solved"));
        };
        let reader = Reader::new(solution, &self.decision)?;
        let spec = self.decision.spec();
        let (n, nz, ns) = (self.nodes.len(), self.nodes.shocks(), spec.states.len());
        let refs: Vec<&[f64]> = self.states.iter().map(Vec::as_slice).collect();
        let draws = spec.next_uses_noise || spec.ends;
        let averaged = self.averaged.iter().flatten();
        let averaged: usize = averaged.map(|a| 1 + usize::from(a.1.is_some())).sum();
        let count = averaged + if all { self.described.len() } else { 0 };
        let each: Vec<usize> = (0..spec.noise_weights.len()).collect();
        // What no noise moves is looked at once.
        let noises: &[usize] = if draws || all || self.reads_noise() {
            &each
        } else {
            &each[..1]
        };
        let places = n * nz;
        let tastes = self.tastes(solution)?;
        let count_choices = tastes.as_ref().map_or(1, |t| t.values.len());
        let mut chance = vec![vec![0.0; places]; noises.len() * count_choices];
        let mut next = vec![vec![vec![0.0; places]; ns]; noises.len() * count_choices];
        let mut ends = vec![0.0; places];
        let mut watched = vec![vec![0.0; places]; count];
        for (shock, choice) in (0..nz).flat_map(|z| (0..count_choices).map(move |c| (z, c))) {
            crate::limits::poll();
            let mut actions = vec![vec![0.0; n]; spec.actions.len()];
            reader.actions(At { shock, time: 0 }, &refs, &mut actions);
            // How likely the choice is, one number per node.
            let mut likely = vec![1.0; n];
            if let Some(tastes) = &tastes {
                actions[0].fill(tastes.values[choice]);
                likely = tastes.likely(shock, choice, &refs, n);
            }
            let chosen: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            for (number, &noise) in noises.iter().enumerate() {
                let k = choice * noises.len() + number;
                let lanes = Lanes {
                    states: &refs,
                    actions: &chosen,
                    shock,
                    noise,
                    shock_next: shock,
                    time: 0,
                };
                let mut weight = vec![1.0; n];
                if spec.chances_move && noises.len() > 1 {
                    self.decision.chance(&lanes, &mut weight);
                }
                weight.iter_mut().zip(&likely).for_each(|(w, p)| *w *= p);
                let share = if noises.len() > 1 {
                    spec.noise_weights[noise]
                } else {
                    1.0
                };
                let mut out: Vec<Vec<f64>> = vec![vec![0.0; n]; 5 + ns];
                {
                    let (fixed, laws) = out.split_at_mut(5);
                    let [reward, slack, end, paying, discount] = fixed else {
                        return Err(Diagnostic::error("E0990", "an outcome has five numbers"));
                    };
                    let mut laws: Vec<&mut [f64]> = laws.iter_mut().map(Vec::as_mut_slice).collect();
                    self.decision.evaluate(
                        &lanes,
                        &mut Outcome {
                            reward,
                            next: &mut laws,
                            slack,
                            end,
                            paying,
                            discount,
                        },
                    );
                }
                for i in 0..n {
                    let (p, w) = (i * nz + shock, weight[i] * share);
                    let over = out[2][i] != 0.0;
                    ends[p] += if over { w } else { 0.0 };
                    chance[k][p] = if over { 0.0 } else { w };
                    for s in 0..ns {
                        next[k][s][p] = if w == 0.0 || over {
                            self.states[s][i]
                        } else {
                            out[5 + s][i]
                        };
                    }
                }
                for (w, own) in watched.iter_mut().enumerate() {
                    let Some(values) = self.decision.watch(w, &lanes, n) else {
                        if w >= averaged {
                            own.fill(f64::NAN);
                            continue;
                        }
                        return Err(crate::solve::economy::cannot(
                            "a mean reads what the members' own problem does not depend on",
                        ));
                    };
                    for (i, x) in values.iter().enumerate() {
                        let w = weight[i] * share;
                        own[i * nz + shock] += if w == 0.0 { 0.0 } else { w * x };
                    }
                }
            }
        }
        let finite = next
            .iter()
            .flatten()
            .flatten()
            .chain(watched.iter().take(averaged).flatten())
            .all(|x| x.is_finite());
        if !finite {
            return Err(Diagnostic::error(
                "E0903",
                "what members have next, or what is averaged over them, is not a number",
            ));
        }
        let branches = (chance.into_iter().zip(&next)).map(|(chance, next)| Branch {
            to: Lottery::new(&self.nodes, &next.iter().map(Vec::as_slice).collect::<Vec<&[f64]>>()),
            chance,
        });
        let dies = ends.iter().any(|e| *e > 0.0);
        Ok((
            Flow {
                branches: branches.collect(),
                born: if dies { self.born()? } else { Vec::new() },
                ends: if dies { ends } else { Vec::new() },
                transition: spec.chain.transition.clone(),
            },
            watched,
        ))
    }

    /// How the one continuous state is distributed where members were all born in the same way and none lives long, pairs `(value, mass)` as in
    /// [`Population::points`](super::population::Population::points): one vector per state, empty for the others. Nothing where nodes must do.
    ///
    /// # Errors
    /// E0990 where nothing was solved.
    pub fn points(&self) -> Result<Vec<Vec<(f64, f64)>>, Diagnostic> {
        let spec = self.decision.spec();
        let continuous = |s: &usize| matches!(spec.states[*s].kind, StateKind::Continuous { .. });
        let all: Vec<usize> = (0..spec.states.len()).filter(continuous).collect();
        let ([state], true) = (all.as_slice(), spec.counts) else {
            return Ok(Vec::new());
        };
        let (flow, _) = self.flow(false)?;
        if flow.born.is_empty() {
            return Ok(Vec::new());
        }
        let first = (self.first_states()?, spec.first_shocks());
        let Some(lived) = points::lived(&flow, &self.nodes, *state, (&first.0, &first.1)) else {
            return Ok(Vec::new());
        };
        let mut out = vec![Vec::new(); spec.states.len()];
        out[*state] = lived;
        Ok(out)
    }

    /// What members have and do at each value of every state that takes whole numbers, where they last were.
    ///
    /// # Errors
    /// E0990 where nothing was solved.
    pub fn profiles(&self) -> Result<Vec<Profile>, Diagnostic> {
        let spec = self.decision.spec();
        let whole = |s: &usize| matches!(spec.states[*s].kind, StateKind::Integer { .. });
        let counted: Vec<usize> = (0..spec.states.len()).filter(whole).collect();
        if counted.is_empty() {
            return Ok(Vec::new());
        }
        let (_, watched) = self.flow(true)?;
        let nz = self.nodes.shocks();
        let mut of: Vec<(String, Vec<f64>)> = Vec::new();
        for s in (0..spec.states.len()).filter(|s| !whole(s)) {
            let values = (0..self.nodes.places()).map(|p| self.states[s][p / nz]);
            of.push((
                self.held.model.states[self.decision.origin[s].0].name.clone(),
                values.collect(),
            ));
        }
        let read = |(name, w): &(String, usize)| Some((name.clone(), watched.get(*w)?.clone()));
        of.extend(
            self.described
                .iter()
                .filter_map(read)
                .filter(|o| o.1.iter().all(|x| x.is_finite())),
        );
        let one = |s: &usize| {
            let values = self.nodes.axes()[*s].clone();
            let sums = |f: &dyn Fn(usize) -> f64| {
                let mut out = vec![0.0; values.len()];
                for (place, m) in self.mass.iter().enumerate().filter(|(_, m)| **m > 0.0) {
                    out[self.nodes.index(place / nz, *s)] += m * f(place);
                }
                out
            };
            let share = sums(&|_| 1.0);
            let mean = |(name, of): &(String, Vec<f64>)| {
                let all = sums(&|p| of[p]);
                (name.clone(), all.iter().zip(&share).map(|(x, s)| x / s).collect())
            };
            Profile {
                state: self.held.model.states[self.decision.origin[*s].0].name.clone(),
                means: of.iter().map(mean).collect(),
                values,
                share,
            }
        };
        Ok(counted.iter().map(one).collect())
    }

    /// The chances of choices that have tastes; `None` where there are none.
    fn tastes(&self, solution: &Solution) -> Result<Option<Tastes>, Diagnostic> {
        let [action] = solution.actions.as_slice() else {
            return Ok(None);
        };
        match &action.kind {
            ActionKind::Finite { values, .. } if action.taste.is_some() => Ok(Some(Tastes {
                values: values.clone(),
                policy: PolicyBetween::new(Arc::new(solution.clone()))?,
            })),
            ActionKind::Finite { .. } | ActionKind::Continuous => Ok(None),
        }
    }

    /// What a life that begins is worth, before its first draws are known.
    fn worth(&self) -> Result<f64, Diagnostic> {
        let Some(solution) = &self.solution else {
            return Err(Diagnostic::error("E0990", "the members' problem was not solved"));
        };
        let reader = Reader::new(solution, &self.decision)?;
        let at = self.first_states()?;
        let first = self.decision.spec().first_shocks();
        let chances = fault!("market.entrants_at_rest", self.by_shock(), first);
        let value = |(shock, p): (usize, &f64)| match *p == 0.0 {
            true => 0.0,
            false => p * reader.value(At { shock, time: 0 }, &at),
        };
        Ok(chances.iter().enumerate().map(value).sum())
    }

    /// Whether something that is averaged reads a noise.
    fn reads_noise(&self) -> bool {
        let of = self.held.numbers.iter().flat_map(|n| match n.kind {
            Kind::Mean { of, when } => std::iter::once(of).chain(when).collect(),
            _ => Vec::new(),
        });
        let read = self.held.model.graph.inputs_below(of);
        let noise =
            |i: &crate::graph::InputId| matches!(self.held.model.graph.inputs[i.0 as usize].kind, InputKind::Noise(_));
        read.iter().any(noise)
    }

    /// Where the newborn begin.
    fn born(&self) -> Result<Vec<f64>, Diagnostic> {
        let first = self.decision.spec().first_shocks();
        let places = self.nodes.places();
        let at: Vec<Vec<f64>> = self.first_states()?.iter().map(|x| vec![*x; places]).collect();
        let to = Lottery::new(&self.nodes, &at.iter().map(Vec::as_slice).collect::<Vec<&[f64]>>());
        let mut mass = vec![0.0; places];
        mass[..first.len()].copy_from_slice(&first);
        let mut out = vec![0.0; places];
        to.lead(&mass, &mut out);
        Ok(out)
    }

    /// The share of members in each joint state of the chains where they last were.
    #[cfg(test)]
    fn by_shock(&self) -> Vec<f64> {
        let nz = self.nodes.shocks();
        (0..nz).map(|z| self.mass.iter().skip(z).step_by(nz).sum()).collect()
    }

    /// The states in which lives begin, one number each.
    ///
    /// # Errors
    /// E0810 for a first value that is drawn.
    fn first_states(&self) -> Result<Vec<f64>, Diagnostic> {
        let model = &self.held.model;
        let mut at: Vec<f64> = Vec::new();
        for (state, _) in &self.decision.origin {
            let state = &model.states[*state];
            let start = state
                .start
                .and_then(|n| model.graph.nodes[n.0 as usize].domain.as_point());
            let Some(x) = start else {
                return Err(crate::solve::economy::cannot(format!(
                    "those who are born begin with a `{}` that is drawn",
                    state.name
                ))
                .at(state.span, "no single first value"));
            };
            at.push(x);
        }
        Ok(at)
    }
}

/// What members are described by where one of their states takes whole numbers: what each chooses and what the file defines of it.
fn described(held: &Held) -> Vec<(String, NodeId)> {
    let model = &held.model;
    let agent = &model.agents[held.agent];
    if !(model.states.iter()).any(|s| s.owner == Some(held.agent) && s.domain.integer) {
        return Vec::new();
    }
    let own = |n: &&crate::check::model::Named| {
        let inside = n
            .name
            .strip_prefix(&agent.name)
            .is_some_and(|rest| rest.starts_with('.'));
        inside
            && matches!(n.kind.as_str(), "action" | "let")
            && n.phase > crate::graph::Phase::Constant
            && model.graph.nodes[n.node.0 as usize].shape == agent.shape
    };
    model
        .names
        .iter()
        .filter(own)
        .map(|n| (n.name.clone(), n.node))
        .collect()
}

/// The one choice of members, with tastes.
struct Tastes {
    /// The number that stands for each choice.
    values: Vec<f64>,
    policy: PolicyBetween,
}

impl Tastes {
    /// How likely a choice is at states (`[state][node]`) in a joint state of the chains, one number for each of `n` nodes.
    fn likely(&self, shock: usize, choice: usize, states: &[&[f64]], n: usize) -> Vec<f64> {
        let shocks = self.policy.shocks_at(shock);
        let mut chances = Vec::new();
        let one = |i: usize| {
            let at: Vec<f64> = states.iter().map(|s| s[i]).collect();
            self.policy.chances(&self.policy.spot(0, &shocks, &at), &mut chances);
            fault!(
                "market.likely_choice",
                f64::from(u8::from(chances.iter().all(|p| *p <= chances[choice]))),
                // What is lost to rounding between nodes.
                chances[choice] / chances.iter().sum::<f64>()
            )
        };
        (0..n).map(one).collect()
    }
}

/// The first method that fits where members' next states are not chosen directly.
///
/// # Errors
/// E0810 where none does, with the reason of each.
fn otherwise(structure: &Structure) -> Result<&'static dyn Method, Diagnostic> {
    let methods: [&'static dyn Method; 2] = [&TimeIteration, &ValueIteration];
    let mut refused = crate::solve::economy::cannot("no method solves the members' problem");
    for method in methods {
        match method.fits(structure) {
            Ok(()) => return Ok(method),
            Err(why) => refused = refused.note(format!("{}: {why}", method.name())),
        }
    }
    Err(refused)
}

/// A grid with `parts` cells in the place of each.
fn between(grid: &[f64], parts: usize) -> Vec<f64> {
    let mut out: Vec<f64> = Vec::with_capacity(parts * grid.len());
    for pair in grid.windows(2) {
        out.extend((0..parts).map(|i| pair[0] + (pair[1] - pair[0]) * i as f64 / parts as f64));
    }
    out.extend(grid.last());
    out
}
