//! Whole-number states that move by themselves (ages, seasons): the endogenous grid, one after another (Huggett 1996, *Journal of Monetary
//! Economics* 38).
//!
//! Where nothing but whole-number states says what they are next, and how likely a life is to go on, the problem at one of them is that of one
//! continuous state, whose future is the problem at the next. From the last one backward each is solved once; those that come back to themselves are
//! gone round until they rest. With `s(g, j)` the chance to live on, `V_g(x, j) = max r + d s(g, j) E[V_g'(x', j')]`.

use super::super::method::Structure;
use super::{
    BLOCK, Origins, Stage, Start, Swept, TimeIterationOptions, blocks, each, iterate, moves, not_converged, required,
    whole, words,
};
use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman, Interpolation};
use crate::solve::economy::cannot;
use crate::solve::infeasible::nothing_feasible;
use crate::solve::policy_operator::{PolicyOperator, operator, size, span};
use crate::solve::problem::{DecisionProblem, Lanes, Outcome, Spec, StateKind};
use crate::solve::progress::{Control, Progress, Watch};
use crate::solve::solution::{Record, Solution};
use crate::solve::value_iteration::leaving;

/// Sweeps around those that come back to themselves in which actions are searched at nodes; from then on the grid is endogenous.
const SEARCHED: usize = 4;
/// Next states that may come from nowhere, in per cent of all: what is done there is read between their neighbours.
const FEW_LOST: usize = 5;
/// How often a search at nodes begins anew elsewhere.
const AGAIN: usize = 8;
/// How exactly conditions hold.
const SETTLED: f64 = 1e-12;
/// Most rounds in which values settle.
const ROUNDS: usize = 20_000;

/// Whether a problem has this structure.
///
/// # Errors
/// What is in the way.
pub(in crate::solve) fn fits(s: &Structure) -> Result<(), String> {
    let no = |what: &str| Err(what.to_string());
    match s {
        _ if s.horizon.is_some() => no("it has a horizon"),
        _ if s.states.0 != 1 => no("it needs exactly one continuous state"),
        _ if s.states.1 == 0 => no("no state takes whole numbers"),
        _ if s.actions != (1, 0) => no("it needs exactly one action, a continuous one"),
        _ if !s.counts => no("whole-number states, or ends, move with more than whole-number states and draws"),
        _ if !s.discount.is_some_and(|d| d > 0.0 && d < 1.0) => no("the discount factor is not one number in (0, 1)"),
        _ if s.kinks => no("`min`, `max` or `abs` stand between choices and what they bring"),
        _ if !s.differentiable => no("a step stands between choices and what they bring"),
        _ => Ok(()),
    }
}

/// The problem at one combination of whole-number states: that of the continuous state alone, lives that end left out.
struct Slice<'a> {
    whole: &'a dyn DecisionProblem,
    spec: Spec,
    /// The continuous state among all, and the values of all.
    state: usize,
    at: Vec<f64>,
    noise: usize,
}

impl Slice<'_> {
    /// All states of the whole problem where the continuous one is `x`.
    fn columns(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let mut out: Vec<Vec<f64>> = self.at.iter().map(|v| vec![*v; x.len()]).collect();
        out[self.state].copy_from_slice(x);
        out
    }

    fn with<T>(&self, lanes: &Lanes, f: impl FnOnce(&Lanes) -> T) -> T {
        let columns = self.columns(lanes.states[0]);
        let states: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        f(&Lanes {
            states: &states,
            noise: self.noise,
            ..*lanes
        })
    }
}

impl DecisionProblem for Slice<'_> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn spend(&self, instructions: usize) {
        self.whole.spend(instructions);
    }

    fn evaluate(&self, lanes: &Lanes, out: &mut Outcome) {
        let n = out.reward.len();
        let mut all = vec![vec![0.0; n]; self.at.len()];
        let mut next: Vec<&mut [f64]> = all.iter_mut().map(Vec::as_mut_slice).collect();
        self.with(lanes, |lanes| {
            let mut inner = Outcome {
                reward: &mut *out.reward,
                next: &mut next,
                slack: &mut *out.slack,
                end: &mut *out.end,
                paying: &mut *out.paying,
                discount: &mut *out.discount,
            };
            self.whole.evaluate(lanes, &mut inner);
        });
        out.next[0].copy_from_slice(&all[self.state]);
        out.end.fill(0.0);
    }

    fn bounds(&self, lanes: &Lanes, lo: &mut [&mut [f64]], hi: &mut [&mut [f64]]) {
        self.with(lanes, |lanes| self.whole.bounds(lanes, lo, hi));
    }

    fn allowed(&self, lanes: &Lanes, action: usize, choice: usize, out: &mut [f64]) {
        self.with(lanes, |lanes| self.whole.allowed(lanes, action, choice, out));
    }

    fn derivative(
        &self,
        lanes: &Lanes,
        wrt: usize,
        d_reward: &mut [f64],
        d_next: &mut [&mut [f64]],
    ) -> Result<(), Diagnostic> {
        let mut all = vec![vec![0.0; d_reward.len()]; self.at.len()];
        let mut next: Vec<&mut [f64]> = all.iter_mut().map(Vec::as_mut_slice).collect();
        let own = if wrt == 0 { self.state } else { self.at.len() + wrt - 1 };
        self.with(lanes, |lanes| self.whole.derivative(lanes, own, d_reward, &mut next))?;
        d_next[0].copy_from_slice(&all[self.state]);
        Ok(())
    }

    fn consumption(&self, _: &Lanes, _: &mut [f64], _: &mut [&mut [f64]]) -> bool {
        false
    }
}

/// A combination of whole-number states.
struct Group {
    /// Values of all states; that of the continuous one does not matter.
    at: Vec<f64>,
    /// Where it leads; `None` where no life goes on.
    next: Option<usize>,
    /// What tomorrow counts, by joint shock: the discount factor times the chance to live on.
    counts: Vec<f64>,
}

/// Where the solution of a problem stands, from which that of one nearby is found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ages {
    interpolation: Option<Interpolation>,
    /// `[group]`, then node of the continuous state x joint shock.
    policy: Vec<Vec<f64>>,
    /// Marginal values as they are carried, the same.
    functions: Vec<Vec<f64>>,
    /// What lives are worth, the same.
    values: Vec<Vec<f64>>,
    sweeps: usize,
    moved: f64,
    /// From how many grid points the policy leaves the grid, and one of them: the group, node and joint shock.
    outside: (usize, Option<(usize, usize, usize)>),
    /// A bound on the error of values, and what was asked of it.
    error: (f64, f64),
}

impl Ages {
    /// Solves, from where a problem like it stood (at the same nodes).
    ///
    /// # Errors
    /// E0901 where what comes back to itself does not rest, E0902 where nothing is feasible, E0906 when stopped.
    pub fn solve(
        problem: &dyn DecisionProblem,
        from: Option<&Ages>,
        options: TimeIterationOptions,
        progress: &mut dyn Watch,
    ) -> Result<Ages, Diagnostic> {
        progress.begins();
        let interpolation = from.and_then(|f| f.interpolation).unwrap_or(Interpolation::Cubic);
        let groups = groups(problem)?;
        let size = nodes(problem.spec()) * problem.spec().chain.transition.len();
        let from = from.filter(|f| f.policy.len() == groups.len() && f.policy.iter().all(|p| p.len() == size));
        let mut out = match from {
            Some(from) => from.clone(),
            None => Ages {
                interpolation: Some(interpolation),
                policy: vec![Vec::new(); groups.len()],
                functions: vec![Vec::new(); groups.len()],
                values: vec![Vec::new(); groups.len()],
                ..Ages::default()
            },
        };
        (out.sweeps, out.moved) = (0, 0.0);
        (out.outside, out.error) = ((0, None), (0.0, 0.0));
        let order = backward(&groups);
        let all = order.iter().map(Vec::len).sum();
        for round in order {
            match round.as_slice() {
                [one] if groups[*one].next == Some(*one) => {
                    out.rest(problem, &groups[*one], *one, options, progress)?
                }
                [one] => _ = out.step(problem, &groups, *one, false, options)?,
                _ => out.around(problem, &groups, &round, options)?,
            }
            out.worth(problem, &groups, &round, options.tolerance)?;
            let report = Progress {
                iteration: out.sweeps,
                of: all,
                error: out.moved,
                target: options.tolerance,
            };
            if progress.report(report) == Control::Cancel {
                return Err(Diagnostic::error("E0906", "the solver was stopped before it converged"));
            }
        }
        Ok(out)
    }

    /// One group, from what is known of the one to which it leads; by how much its marginal values moved. `searched`: at the nodes.
    fn step(
        &mut self,
        problem: &dyn DecisionProblem,
        groups: &[Group],
        one: usize,
        searched: bool,
        options: TimeIterationOptions,
    ) -> Result<f64, Diagnostic> {
        let group = &groups[one];
        let slice = slice(problem, group);
        let bellman = Bellman::new(&slice, self.interpolation.unwrap_or(Interpolation::Cubic))?;
        let stage = Stage::with(&bellman, group.counts.clone());
        let mut all = blocks(&stage, 0.5);
        for b in &all {
            if let Some(node) = b.empty() {
                let at = At {
                    shock: b.shock,
                    time: 0,
                };
                return Err(nothing_feasible(stage.bellman, at, b.first + node));
            }
        }
        // From where it stood, or else from what is done where it leads; in a last period all is used up, which tells nothing.
        let lasting = group.next.filter(|g| groups[*g].next.is_some());
        let near = [Some(one), lasting]
            .into_iter()
            .flatten()
            .find(|g| !self.policy[*g].is_empty());
        if let Some(near) = near {
            let guess = [self.policy[near].clone()];
            all.iter_mut().for_each(|b| b.start_at(&guess, stage.bellman.shocks()));
        }
        let known = group.next.filter(|g| !self.functions[*g].is_empty());
        let later = match known {
            Some(next) => vec![self.functions[next].clone()],
            // Nothing is ahead, or nothing is known of it yet.
            None => vec![vec![0.0; stage.bellman.nodes() * stage.bellman.shocks()]],
        };
        let ahead = stage.ahead(&later);
        let mut swept = None;
        if known.is_some() && !searched {
            let placed = Origins::new(&stage, &all).place(&stage, &later[0], SETTLED);
            let few = FEW_LOST * stage.bellman.nodes() * stage.bellman.shocks() >= 100 * placed.unsolved;
            if few && placed.policy[0].iter().all(|x| x.is_finite()) {
                swept = Some(each(&mut all, |b| b.follow(&stage, &ahead, &placed.policy)));
            }
        }
        let unsolved = |swept: &[Swept]| -> usize { swept.iter().map(|s| s.unsolved).sum() };
        let swept = match swept {
            Some(swept) => swept,
            None => {
                all = blocks(&stage, 0.5);
                let mut swept = each(&mut all, |b| b.sweep(&stage, &ahead, SETTLED, 1));
                for again in 2..=AGAIN {
                    if unsolved(&swept) == 0 {
                        break;
                    }
                    swept = each(&mut all, |b| b.sweep(&stage, &ahead, SETTLED, again));
                }
                swept
            }
        };
        let lost = unsolved(&swept);
        if lost > 0 && !searched {
            return Err(Diagnostic::error(
                "E0901",
                format!("at {lost} grid points first-order conditions have no solution"),
            )
            .hint("method = value_iteration searches for what is best and needs no first-order conditions"));
        }
        required(&stage, &all, options)?;
        let parts: Vec<Vec<Vec<f64>>> = swept.into_iter().map(|s| s.marginal).collect();
        let mut functions = whole(&stage, &all, &parts);
        let acts: Vec<Vec<Vec<f64>>> = all.iter().map(|b| b.actions.clone()).collect();
        let mut policy = whole(&stage, &all, &acts);
        let moved = match self.functions[one].is_empty() {
            true => f64::INFINITY,
            false => moves(std::slice::from_ref(&self.functions[one]), &functions),
        };
        self.functions[one] = functions.swap_remove(0);
        self.policy[one] = policy.swap_remove(0);
        self.sweeps += 1;
        Ok(moved)
    }

    /// What lives are worth in groups that lead to one another, under what is done there.
    fn worth(
        &mut self,
        problem: &dyn DecisionProblem,
        groups: &[Group],
        round: &[usize],
        tolerance: f64,
    ) -> Result<(), Diagnostic> {
        let discount = problem.spec().discount.unwrap_or(f64::NAN);
        let slices: Vec<Slice> = round.iter().map(|g| slice(problem, &groups[*g])).collect();
        let mut own: Vec<(Bellman, PolicyOperator)> = Vec::new();
        for (slice, g) in slices.iter().zip(round) {
            let bellman = Bellman::new(slice, self.interpolation.unwrap_or(Interpolation::Cubic))?;
            let mut leads = operator(&bellman, &[self.policy[*g].clone()], BLOCK);
            let by: Vec<f64> = groups[*g].counts.iter().map(|c| c / discount).collect();
            leads.weigh(&by);
            let (many, first) = leads.outside(1, 0.0);
            self.outside.0 += many;
            self.outside.1 = self.outside.1.or(first.map(|(node, shock)| (*g, node, shock)));
            own.push((bellman, leads));
        }
        if let ([(bellman, leads)], [one]) = (own.as_slice(), round) {
            let size = bellman.nodes() * bellman.shocks();
            let next = groups[*one].next;
            if next != Some(*one) {
                let none = vec![0.0; size];
                let later = next.map_or(&none, |g| &self.values[g]);
                self.values[*one] = leads.once(bellman, later);
                return Ok(());
            }
            let guess = std::mem::take(&mut self.values[*one]);
            let guess = if guess.len() == size { guess } else { vec![0.0; size] };
            let (value, error, target) = leads.settled(bellman, guess, tolerance);
            self.values[*one] = value;
            self.error = (self.error.0.max(error), self.error.1.max(target));
            return Ok(());
        }
        for ((bellman, _), g) in own.iter().zip(round) {
            let size = bellman.nodes() * bellman.shocks();
            if self.values[*g].len() != size {
                self.values[*g] = vec![0.0; size];
            }
        }
        // What a life is worth once round counts this much, at most.
        let most: f64 = round
            .iter()
            .map(|g| groups[*g].counts.iter().fold(0.0, |m: f64, c| m.max(*c)))
            .product();
        for _ in 0..ROUNDS {
            let (mut moved, mut target) = (0.0, 0.0);
            for ((bellman, leads), g) in own.iter().zip(round) {
                let Some(next) = groups[*g].next else { continue };
                let value = leads.once(bellman, &self.values[next]);
                let (lo, hi) = span(&self.values[*g], &value);
                moved = f64::max(moved, lo.abs().max(hi.abs()));
                target = f64::max(target, tolerance * size(&value));
                self.values[*g] = value;
            }
            let error = moved * most / (1.0 - most);
            if !(error > 0.1 * target) {
                self.error = (self.error.0.max(error), self.error.1.max(target));
                return Ok(());
            }
        }
        Err(Diagnostic::error(
            "E0901",
            format!("what lives are worth did not settle in {ROUNDS} rounds"),
        )
        .hint("a lower discount factor, or method = value_iteration"))
    }

    /// A group that leads to itself.
    fn rest(
        &mut self,
        problem: &dyn DecisionProblem,
        group: &Group,
        one: usize,
        options: TimeIterationOptions,
        progress: &mut dyn Watch,
    ) -> Result<(), Diagnostic> {
        let slice = slice(problem, group);
        let bellman = Bellman::new(&slice, self.interpolation.unwrap_or(Interpolation::Cubic))?;
        let stage = Stage::with(&bellman, group.counts.clone());
        let start = match self.functions[one].is_empty() {
            true => Start::Between(0.5),
            false => Start::From(vec![self.functions[one].clone()], vec![self.policy[one].clone()]),
        };
        let options = TimeIterationOptions {
            endogenous: matches!(start, Start::From(..)),
            ..options
        };
        let ended = iterate(&stage, options, start, progress)?;
        if !ended.settled {
            return Err(not_converged(&stage, &ended, options));
        }
        required(&stage, &ended.blocks, options)?;
        self.sweeps += ended.sweeps;
        self.moved = self.moved.max(ended.history.last().copied().unwrap_or(0.0));
        self.policy[one] = ended.policy(&stage).swap_remove(0);
        self.functions[one] = ended.functions.into_iter().next().unwrap_or_default();
        Ok(())
    }

    /// Groups that lead to one another, the last first.
    fn around(
        &mut self,
        problem: &dyn DecisionProblem,
        groups: &[Group],
        round: &[usize],
        options: TimeIterationOptions,
    ) -> Result<(), Diagnostic> {
        let mut moved = f64::INFINITY;
        for sweep in 0..options.sweeps {
            moved = 0.0;
            for one in round {
                moved = f64::max(moved, self.step(problem, groups, *one, sweep < SEARCHED, options)?);
            }
            if moved <= options.tolerance {
                self.moved = self.moved.max(moved);
                return Ok(());
            }
        }
        Err(Diagnostic::error(
            "E0901",
            format!("endogenous grid did not converge in {} sweeps", options.sweeps),
        )
        .note(format!(
            "marginal values still move by {moved:.1e} of what they are; {:.0e} was asked for",
            options.tolerance
        ))
        .hint("more `iterations`, or method = value_iteration"))
    }

    /// Functions of the groups at all nodes of the whole problem, state node x joint shock.
    fn everywhere(&self, problem: &dyn DecisionProblem, of: &[Vec<f64>]) -> Vec<f64> {
        let spec = problem.spec();
        let (nz, n) = (spec.chain.transition.len(), nodes(spec));
        let (inner, count) = (after(spec), of.len() * n);
        let mut out = vec![0.0; count * nz];
        for (node, row) in out.chunks_exact_mut(nz).enumerate() {
            let (later, i, before) = (node % inner, node / inner % n, node / inner / n);
            let own = &of[before * inner + later];
            row.copy_from_slice(&own[i * nz..(i + 1) * nz]);
        }
        out
    }

    /// What is done at all nodes of the whole problem, state node x joint shock.
    pub fn policy(&self, problem: &dyn DecisionProblem) -> Vec<f64> {
        self.everywhere(problem, &self.policy)
    }

    /// The whole solution.
    ///
    /// # Errors
    /// E0903 for a value that is not a number.
    pub fn solution(
        &self,
        problem: &dyn DecisionProblem,
        options: TimeIterationOptions,
    ) -> Result<Solution, Diagnostic> {
        let spec = problem.spec();
        let interpolation = self.interpolation.unwrap_or(Interpolation::Cubic);
        let (value, policy) = (self.everywhere(problem, &self.values), vec![self.policy(problem)]);
        let bellman = Bellman::new(problem, interpolation)?;
        if value.iter().any(|v| !v.is_finite()) {
            return Err(crate::solve::lost::not_a_number(
                &bellman,
                &value,
                &policy,
                0,
                "under the policy found",
            ));
        }
        let (inner, n) = (after(spec), nodes(spec));
        let first = self
            .outside
            .1
            .map(|(group, node, shock)| ((group / inner * n + node) * inner + group % inner, shock));
        let warning = leaving(&bellman, (self.outside.0, first));
        Ok(Solution {
            method: words(options).into(),
            states: Solution::states_of(problem),
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
                iterations: self.sweeps,
                error: self.error.0,
                target: self.error.1,
                residual: self.error.0,
                policy_change: self.moved,
                history: vec![self.moved],
                outside: self.outside.0,
                warnings: warning.into_iter().collect(),
            },
        })
    }
}

/// Nodes of the one continuous state.
fn nodes(spec: &Spec) -> usize {
    let of = spec.states.iter().find_map(|s| match &s.kind {
        StateKind::Continuous { grid, .. } => Some(grid.len()),
        StateKind::Integer { .. } => None,
    });
    of.unwrap_or(0)
}

/// How many combinations there are of the whole-number states that come after the continuous one.
fn after(spec: &Spec) -> usize {
    let later = spec.states.iter().rev().map_while(|s| match s.kind {
        StateKind::Integer { lo, hi } => Some((hi - lo + 1) as usize),
        StateKind::Continuous { .. } => None,
    });
    later.product()
}

/// All combinations of whole-number states, in the order of the grid.
fn groups(problem: &dyn DecisionProblem) -> Result<Vec<Group>, Diagnostic> {
    let spec = problem.spec();
    let mut all: Vec<Vec<f64>> = vec![Vec::new()];
    for s in &spec.states {
        let own: Vec<f64> = match &s.kind {
            StateKind::Integer { lo, hi } => (*lo..=*hi).map(|i| i as f64).collect(),
            StateKind::Continuous { grid, .. } => {
                vec![grid[grid.len() / 2]]
            }
        };
        all = (all.iter())
            .flat_map(|head| own.iter().map(move |x| [head.as_slice(), &[*x]].concat()))
            .collect();
    }
    let number = |next: &[f64]| -> Option<usize> {
        let mut out = 0;
        for (s, x) in spec.states.iter().zip(next) {
            let StateKind::Integer { lo, hi } = s.kind else {
                continue;
            };
            let i = x.round() - lo as f64;
            if (x - x.round()).abs() > 1e-9 || !(i >= 0.0 && i <= (hi - lo) as f64) {
                return None;
            }
            out = out * (hi - lo + 1) as usize + i as usize;
        }
        Some(out)
    };
    let shocks = spec.chain.transition.len();
    let one = |at: &Vec<f64>| -> Result<Group, Diagnostic> {
        let states: Vec<&[f64]> = at.iter().map(std::slice::from_ref).collect();
        let (mut next, mut counts) = (None, vec![0.0; shocks]);
        for (shock, count) in counts.iter_mut().enumerate() {
            let (mut lo, mut hi) = ([0.0], [0.0]);
            problem.bounds(
                &Lanes::before_draws(&states, &[], shock, 0),
                &mut [&mut lo],
                &mut [&mut hi],
            );
            let act = [crate::solve::bounded::between(lo[0], hi[0], 0.5)];
            for (noise, weight) in spec.noise_weights.iter().enumerate() {
                let lanes = Lanes {
                    states: &states,
                    actions: &[&act],
                    shock,
                    noise,
                    shock_next: shock,
                    time: 0,
                };
                let mut chance = [1.0];
                if spec.chances_move {
                    problem.chance(&lanes, &mut chance);
                }
                let mut numbers = [[0.0]; 5];
                let mut there = vec![[0.0]; at.len()];
                {
                    let [reward, slack, end, paying, discount] = &mut numbers;
                    let mut laws: Vec<&mut [f64]> = there.iter_mut().map(|x| x.as_mut_slice()).collect();
                    problem.evaluate(
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
                if numbers[2][0] == 0.0 {
                    *count += weight * chance[0] * spec.discount.unwrap_or(f64::NAN);
                }
                let there: Vec<f64> = there.iter().map(|x| x[0]).collect();
                next = number(&there);
            }
        }
        let lives = counts.iter().any(|c| *c > 0.0);
        if lives && next.is_none() {
            return Err(cannot("a state that takes whole numbers leaves its range").note(format!("from {at:?}")));
        }
        Ok(Group {
            at: at.clone(),
            next: next.filter(|_| lives),
            counts,
        })
    };
    all.iter().map(one).collect()
}

/// Groups in the order in which they can be solved: those that lead to one another together, the last of them first.
fn backward(groups: &[Group]) -> Vec<Vec<usize>> {
    let mut done = vec![false; groups.len()];
    let mut out: Vec<Vec<usize>> = Vec::new();
    for first in 0..groups.len() {
        let mut path: Vec<usize> = Vec::new();
        let mut at = Some(first);
        while let Some(g) = at.filter(|g| !done[*g] && !path.contains(g)) {
            path.push(g);
            at = groups[g].next;
        }
        // Where the path came back to itself it goes round.
        let round = at.and_then(|g| path.iter().position(|p| *p == g));
        if let Some(from) = round {
            out.push(path.drain(from..).rev().collect());
        }
        out.extend(path.iter().rev().map(|g| vec![*g]));
        for own in &out {
            own.iter().for_each(|g| done[*g] = true);
        }
    }
    out
}

/// The problem of a group.
fn slice<'a>(problem: &'a dyn DecisionProblem, group: &Group) -> Slice<'a> {
    let whole = problem.spec();
    let continuous = |s: &crate::solve::problem::StateAxis| matches!(s.kind, StateKind::Continuous { .. });
    let state = whole.states.iter().position(continuous).unwrap_or(0);
    let spec = Spec {
        states: vec![whole.states[state].clone()],
        held: whole.held.get(state).map(|h| vec![*h]).unwrap_or_default(),
        noise_weights: vec![1.0],
        chances_move: false,
        reward_uses_noise: false,
        next_uses_noise: false,
        ends: false,
        steady_state: None,
        counts: false,
        ..whole.clone()
    };
    Slice {
        whole: problem,
        spec,
        state,
        at: group.at.clone(),
        noise: whole.noise_weights.iter().position(|w| *w > 0.0).unwrap_or(0),
    }
}
