//! An economy with a continuum along a path of what its members take as given: what they do, from the last period back; where they are, from
//! the first one on.

use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::limits;
use crate::solve::continuum::flow::Flow;
use crate::solve::continuum::held::{Held, Kind};
use crate::solve::continuum::histogram::mean;
use crate::solve::continuum::household::Household;
use crate::solve::continuum::population::Spread;
use crate::solve::problem::DecisionProblem;
use crate::solve::time_iteration::dated::Dated;
use nalgebra::{DMatrix, DVector, Dyn, LU};

/// Where a path ends: an equilibrium at rest.
pub(super) struct End {
    /// What is held, one number each.
    pub(super) numbers: Vec<f64>,
    /// What members do.
    pub(super) dated: Dated,
    /// Where they are.
    pub(super) mass: Vec<f64>,
}

/// The economy along a path.
pub(super) struct Course<'h> {
    pub(super) held: &'h Held,
    pub(super) household: Household<'h>,
    /// Numbers of [`Held`] that are found, period by period.
    pub(super) unknown: Vec<usize>,
    /// Which function of [`Course::functions`] each number is the mean of, and which says among whom.
    pub(super) averaged: Vec<Option<(usize, Option<usize>)>>,
    /// Numbers that are given along the path, `(number, value in each period)`; after the last value it stays.
    pub(super) given: Vec<(usize, Vec<f64>)>,
    /// What is held in the first period, before anything is known: states of nobody.
    pub(super) first: Vec<f64>,
    /// Where members are in the first period.
    pub(super) mass: Vec<f64>,
    pub(super) end: End,
}

/// A path as it was walked.
pub(super) struct Walked {
    /// What is left over of the condition of each unknown in each period, unknowns fastest.
    pub(super) left: Vec<f64>,
    /// What is held in each period, with means as they come out where nothing is searched, `[period][number]`.
    pub(super) numbers: Vec<Vec<f64>>,
    /// What members do, `[period][action]` and then state node x joint shock.
    pub(super) policies: Vec<Vec<Vec<f64>>>,
    /// Where they are after the last period.
    pub(super) last: Vec<f64>,
    /// How states are distributed, `[period][state]`.
    pub(super) spreads: Vec<Vec<Spread>>,
    /// Most mass at the top of states whose end the solver chose, or beyond.
    pub(super) top: f64,
}

impl Course<'_> {
    /// Where members are a period later.
    pub(super) fn moved(&self, flow: &Flow, mass: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; mass.len()];
        flow.forward(&self.household.nodes, mass, &mut out);
        out
    }

    /// The functions over places whose means count: what is averaged, of those who count, and who counts.
    pub(super) fn functions(&self, watched: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut out = Vec::new();
        for (of, when) in self.household.averages().iter().flatten() {
            let Some(when) = when else {
                out.push(watched[*of].clone());
                continue;
            };
            let counts: Vec<f64> = watched[*when].iter().map(|w| f64::from(u8::from(*w != 0.0))).collect();
            out.push(watched[*of].iter().zip(&counts).map(|(x, c)| x * c).collect());
            out.push(counts);
        }
        out
    }

    /// What is held in a period where unknowns are `x` (period by period, unknowns fastest).
    pub(super) fn numbers(&self, x: &[f64], t: usize) -> Vec<f64> {
        let n = self.unknown.len();
        let mut out = self.end.numbers.clone();
        for (k, values) in &self.given {
            out[*k] = values.get(t).or(values.last()).copied().unwrap_or(f64::NAN);
        }
        self.unknown
            .iter()
            .zip(&x[t * n..(t + 1) * n])
            .for_each(|(k, x)| out[*k] = *x);
        out
    }

    /// What members do in each period, from the last one back, `[period][action]` and then state node x joint shock.
    ///
    /// # Errors
    /// Those of the members' problem.
    pub(super) fn policies(&mut self, x: &[f64]) -> Result<Vec<Vec<Vec<f64>>>, Diagnostic> {
        let periods = x.len() / self.unknown.len().max(1);
        let mut dated = self.end.dated.clone();
        let mut policies: Vec<Vec<Vec<f64>>> = Vec::with_capacity(periods);
        for t in (0..periods).rev() {
            limits::poll();
            let numbers = self.numbers(x, t);
            self.household.decision.set_numbers(&numbers);
            dated.back(&self.household.decision)?;
            policies.push(dated.policy.clone());
        }
        policies.reverse();
        Ok(policies)
    }

    /// Walks a path: back for what members do, on for where they are.
    ///
    /// # Errors
    /// Those of the members' problem; E0903 where a condition is not a number.
    pub(super) fn walk(&mut self, x: &[f64]) -> Result<Walked, Diagnostic> {
        let policies = self.policies(x)?;
        let periods = policies.len();
        let mut out = Walked {
            left: Vec::with_capacity(x.len()),
            numbers: Vec::with_capacity(periods),
            policies,
            last: self.mass.clone(),
            spreads: Vec::new(),
            top: 0.0,
        };
        // What states of nobody come to next.
        let mut next = self.first.clone();
        for t in 0..periods {
            limits::poll();
            let numbers = self.numbers(x, t);
            self.household.decision.set_numbers(&numbers);
            let (flow, watched) = self.household.under(&out.policies[t])?;
            let functions = self.functions(&watched);
            let mut now = numbers.clone();
            let mut means = vec![f64::NAN; numbers.len()];
            for (k, of) in self.averaged.iter().enumerate() {
                let Some((of, among)) = of else { continue };
                means[k] = mean(&out.last, &functions[*of]);
                if let Some(among) = among {
                    means[k] /= mean(&out.last, &functions[*among]);
                }
                if !self.unknown.contains(&k) {
                    now[k] = means[k];
                }
            }
            let values = self.conditions(&now)?;
            for (k, value) in self.unknown.iter().zip(values) {
                out.left.push(match self.held.numbers[*k].kind {
                    Kind::Mean { .. } | Kind::Entry => means[*k] - numbers[*k],
                    Kind::Clears { .. } => value,
                    Kind::State { .. } => {
                        let came = std::mem::replace(&mut next[*k], value);
                        came - numbers[*k]
                    }
                });
            }
            let decision = &self.household.decision;
            let own = decision.spec().states.iter().enumerate();
            let nodes = &self.household.nodes;
            let spread = own.map(|(s, state)| {
                let low = flow.at_lowest(nodes, &out.last, s);
                Spread::of(&state.name, &nodes.marginal(&out.last, s).with_atom(low), low)
            });
            out.spreads.push(spread.collect());
            let open = decision.open_ends.iter().filter(|e| e.2);
            let top: f64 = open.map(|e| nodes.at_top(&out.last, e.0)).sum();
            out.top = out.top.max(top + flow.beyond(&out.last));
            out.last = self.moved(&flow, &out.last);
            out.numbers.push(now);
        }
        match out.left.iter().all(|x| x.is_finite()) {
            true => Ok(out),
            false => Err(Diagnostic::error(
                "E0903",
                "what is left over of a condition along the path is not a number",
            )),
        }
    }

    /// What the conditions of the unknowns say where these numbers are held: what is left over, or what a state of nobody is next.
    pub(super) fn conditions(&self, numbers: &[f64]) -> Result<Vec<f64>, Diagnostic> {
        let node = |k: &usize| match self.held.numbers[*k].kind {
            Kind::Mean { .. } | Kind::Entry => None,
            Kind::Clears { excess } => Some(excess),
            Kind::State { law } => Some(law),
        };
        let nodes: Vec<Option<NodeId>> = self.unknown.iter().map(node).collect();
        let some: Vec<NodeId> = nodes.iter().flatten().copied().collect();
        if some.is_empty() {
            return Ok(vec![f64::NAN; nodes.len()]);
        }
        let mut found = self.held.evaluate(&some, numbers)?.into_iter();
        let value = |n: &Option<NodeId>| n.and_then(|_| found.next()).unwrap_or(f64::NAN);
        Ok(nodes.iter().map(value).collect())
    }
}

/// Newton steps for what is left over.
pub(super) struct Steps {
    factors: LU<f64, Dyn, Dyn>,
}

impl Steps {
    /// From slopes; `None` where they are singular.
    pub(super) fn new(slopes: DMatrix<f64>) -> Option<Steps> {
        let factors = slopes.lu();
        factors.is_invertible().then_some(Steps { factors })
    }

    /// The step that takes away what is left over.
    pub(super) fn step(&self, left: &[f64]) -> Option<Vec<f64>> {
        let x = self.factors.solve(&DVector::from_column_slice(left))?;
        x.iter().all(|v| v.is_finite()).then(|| x.iter().map(|v| -v).collect())
    }
}
