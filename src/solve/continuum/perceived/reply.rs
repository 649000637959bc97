//! What members do under a law that is stated, on nodes that are stated: judges ask it of laws that are not the equilibrium's.

use super::budget::Places;
use super::household::{Household, Moments};
use super::law::Law;
use super::member::Member;
use super::rounds::{EXACT, LAST_SWEEPS};
use crate::diag::Diagnostic;
use crate::solve::between::PolicyBetween;
use crate::solve::decision::{Decision, ProblemOptions};
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::solve::solution::Solution;
use std::sync::Arc;

/// The policy that is best under `law`, as a solution without values, on the nodes of `at` or, `finer`, with a node more between any two.
///
/// # Errors
/// Those of the member's problem; E0905 where the solution is another model's.
pub fn reply(member: &Member, law: &Law, at: &Solution, finer: bool) -> Result<Solution, Diagnostic> {
    let bad = || Diagnostic::error("E0905", "the solution has other states than the member's problem");
    let name = |s: usize| member.model.states[s].name.as_str();
    let find = |s: usize| at.states.iter().position(|x| x.name == name(s)).ok_or_else(bad);
    let places = Places {
        state: find(member.state)?,
        moment: find(member.moments[0].state)?,
    };
    let bounds = at
        .states
        .iter()
        .map(|s| (s.name.clone(), s.nodes[0], s.nodes[s.nodes.len() - 1]));
    let options = ProblemOptions {
        nodes: 2,
        bounds: bounds.collect(),
        ..ProblemOptions::default()
    };
    let mut problem = Decision::new(&member.model, &options)?;
    if problem.spec().states.len() != at.states.len() || problem.spec().chain.names != at.chain.names {
        return Err(bad());
    }
    for (axis, s) in problem.spec_mut().states.iter_mut().zip(&at.states) {
        let grid = if finer { between(&s.nodes) } else { s.nodes.clone() };
        axis.kind = StateKind::Continuous { grid, log: s.log };
    }
    let policy = PolicyBetween::new(Arc::new(at.clone()))?;
    let split = member.split(&problem.spec().chain).ok_or_else(bad)?;
    let nodes = |axis: usize| super::rounds::nodes_of(&problem, axis);
    let moments = Moments::new(&nodes(places.moment), law.logs);
    let priced = member.moments[0].price.is_some();
    let aggregate = split.iter().map(|s| s.0).collect();
    let mut household = Household::new(&problem, places, moments, aggregate, priced).map_err(|_| bad())?;
    let links = at.chain.links().unwrap_or_default();
    let shocks: Vec<Vec<f64>> = (0..at.shocks())
        .map(|j| {
            let known = at.chain.links_at(&links, j).into_iter().zip(&links).enumerate();
            known
                .map(|(s, (k, l))| if l.continuous { at.chain.values[j][s] } else { k as f64 })
                .collect()
        })
        .collect();
    household.begin(|x, m, joint| {
        let mut states = [x; 2];
        states[places.moment] = m;
        policy.action(0, &policy.spot(0, &shocks[joint], &states))
    });
    let ended = household.solve(law, EXACT.0, LAST_SWEEPS).ok_or_else(bad)?;
    if !ended.moved.is_finite() {
        return Err(Diagnostic::error(
            "E0903",
            "what is best for a member under another law is not a number",
        ));
    }
    let actions = household.as_solved(&household.actions());
    Ok(Solution {
        states: Solution::states_of(&problem),
        value: vec![0.0; actions.len()],
        policy: vec![actions],
        players: Vec::new(),
        ..at.clone()
    })
}

/// The nodes with the middle of any two neighbours.
fn between(nodes: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> = nodes.windows(2).flat_map(|w| [w[0], 0.5 * (w[0] + w[1])]).collect();
    out.extend(nodes.last());
    out
}
