//! An equilibrium as a solution: policies and values at the nodes of the grids.

use crate::solve::bellman::Interpolation;
use crate::solve::decision::Decision;
use crate::solve::decision::players::Players;
use crate::solve::problem::DecisionProblem;
use crate::solve::solution::{Player, Record, Solution, SolvedState};

/// The nodes of a product of grids, the last fastest, `[state][node]`.
pub(super) fn points(states: &[SolvedState]) -> Vec<Vec<f64>> {
    let n: usize = states.iter().map(|s| s.nodes.len()).product();
    let mut inner = n;
    let axis = |s: &SolvedState| {
        inner /= s.nodes.len();
        (0..n).map(|k| s.nodes[k / inner % s.nodes.len()]).collect()
    };
    states.iter().map(axis).collect()
}

/// The solution of an endless game: `policy` by action, `values` by player, each state node x joint shock, shocks fastest.
pub(super) fn solution(
    method: &str,
    (decision, players): (&Decision, &Players),
    policy: Vec<Vec<f64>>,
    values: Vec<Vec<f64>>,
    record: Record,
) -> Solution {
    let spec = decision.spec();
    let all = players.list.iter().zip(values);
    let players: Vec<Player> = all
        .map(|(one, value)| Player {
            name: one.name.clone(),
            agent: one.agent,
            member: one.member,
            actions: one.actions.clone(),
            own: None,
            value,
        })
        .collect();
    Solution {
        method: method.into(),
        states: Solution::states_of(decision),
        chain: spec.chain.clone(),
        actions: spec.actions.clone(),
        periods: 1,
        infinite: true,
        interpolation: Interpolation::Cubic,
        value: players.first().map_or_else(Vec::new, |p| p.value.clone()),
        policy,
        probability: Vec::new(),
        worth: Vec::new(),
        given: Vec::new(),
        mixed: Vec::new(),
        players,
        record,
    }
}
