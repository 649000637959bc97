//! What was found, as a solution.

use super::NAME;
use super::law::{Perceived, forecast};
use super::rounds::{LawSearch, Settled};
use crate::diag::Diagnostic;
use crate::num::statistics;
use crate::solve::bellman::Interpolation;
use crate::solve::equilibrium::Found;
use crate::solve::problem::DecisionProblem;
use crate::solve::solution::{Player, Record, Solution};

/// The equilibrium: what members do and what it is worth to them, and the law.
///
/// # Errors
/// E0903 for a value that is not a number.
pub(super) fn found(search: &LawSearch, settled: Settled) -> Result<Found, Diagnostic> {
    let Settled {
        problem,
        household,
        crowd,
        seen,
        weather,
        fit,
        law,
        moved,
    } = settled;
    let actions = household.actions();
    let valued = household.value(&law, &household.rewards(&actions));
    if let Some(bad) = valued.value.iter().find(|v| !v.is_finite()) {
        return Err(Diagnostic::error(
            "E0903",
            format!("what the policy is worth to a member is {bad}"),
        ));
    }
    let value = household.as_solved(&valued.value);
    let policy = vec![household.as_solved(&actions)];
    let member = &search.member;
    let who = &search.model.agents[member.agent];
    let first = search.asked.burn_in;
    let counted = &seen.moment[first..];
    let states = &weather.states[first..];
    let in_state = |(z, label): (usize, String)| {
        let own: Vec<f64> = (counted.iter().zip(states))
            .filter(|p| *p.1 == z)
            .map(|p| *p.0)
            .collect();
        let share = own.len() as f64 / counted.len() as f64;
        (label, statistics::mean(&own), statistics::sd(&own), share)
    };
    let labels = match member.moments[0].price {
        Some(_) => member.labels(),
        None => Vec::new(),
    };
    let perceived = Perceived {
        prices: labels.into_iter().enumerate().map(in_state).collect(),
        shocks: member.shared(),
        determined: member.determined(),
        r2: vec![fit.r2],
        moments: vec![(statistics::mean(counted), statistics::sd(counted))],
        fitted: vec![forecast(&law, &seen.moment, &weather.states, first)],
        rounds: search.history.len(),
        moved,
        periods: (seen.moment.len(), first),
        distribution: crowd.all(),
        state: search.model.states[member.state].name.clone(),
        top: seen.top,
        laws: vec![law],
    };
    let spec = problem.spec();
    let solution = Solution {
        method: NAME.into(),
        states: Solution::states_of(problem),
        chain: spec.chain.clone(),
        actions: spec.actions.clone(),
        periods: 1,
        infinite: true,
        interpolation: Interpolation::Cubic,
        players: vec![Player {
            name: who.name.clone(),
            agent: member.agent,
            member: None,
            actions: vec![0],
            own: None,
            value: value.clone(),
        }],
        value,
        policy,
        probability: Vec::new(),
        worth: Vec::new(),
        given: Vec::new(),
        mixed: Vec::new(),
        record: Record {
            iterations: search.history.len(),
            error: valued.error,
            target: valued.target,
            residual: valued.error,
            policy_change: moved,
            history: search.history.clone(),
            outside: 0,
            warnings: problem.warnings.clone(),
        },
    };
    Ok(Found {
        solution,
        others: Vec::new(),
        searches: 1,
        scope: vec![match member.moments[0].price {
            Some(_) => "from one law: that the price stays".into(),
            None => "from one law: that the moment stays".into(),
        }],
        discretised: problem.discretised.clone(),
        steady_state: Vec::new(),
        perceived: Some(perceived),
        population: None,
    })
}
