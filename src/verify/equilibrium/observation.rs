//! Whether what a player of a game with states does is a function of what it observes, found by trial: at visited places states and shocks are
//! moved one at a time, its observations are computed again by the interpreter of the graph, and where none of them moves no choice of its own may.
//!
//! Nothing is read here of what solvers take for observed (`solve/observed.rs`).

use super::player::Seated;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::graph::eval;
use crate::graph::shape::aligned;
use crate::solve::solution::Player;
use crate::verify::world::WorldCertificate;
use crate::verify::world::visit::Visit;

/// Places that are looked at, and most elements that the interpreter computes in all.
const PLACES: usize = 60;
const ELEMENTS: usize = 4_000_000;
/// Largest move of a choice that nothing observed explains, as a share of all that the policy ever does (log10).
const LIMIT: f64 = -3.0;

/// What moved a choice without being seen.
struct Unexplained {
    name: String,
    action: String,
    share: f64,
}

/// Judges one player at the places that lives led to.
///
/// # Errors
/// E0990 for a graph that cannot be evaluated.
pub(super) fn prove(seated: &Seated, visits: &[Visit], out: &mut WorldCertificate) -> Result<(), Diagnostic> {
    let model = seated.model;
    let per: usize = model.graph.nodes.iter().map(|n| model.graph.elements(&n.shape)).sum();
    let trials = 1 + 3 * (seated.seat.states.len() + seated.seat.shocks.len());
    let many = PLACES
        .min(ELEMENTS / (per * trials).max(1))
        .clamp(1, visits.len().max(1));
    let stride = visits.len().div_ceil(many).max(1);
    let mut worst = Unexplained {
        name: String::new(),
        action: String::new(),
        share: 0.0,
    };
    let places: Vec<&Visit> = visits.iter().step_by(stride).collect();
    for (i, visit) in places.iter().enumerate() {
        let elsewhere = places[(i + 1) % places.len()];
        for found in moved_unseen(seated, visit, elsewhere)? {
            if found.share > worst.share || found.share.is_nan() {
                worst = found;
            }
        }
    }
    let holds = out.log(
        "choice that moves with what is not observed",
        worst.share,
        Some(LIMIT),
        format!("share of what the policy does, at {} visited places", places.len()),
    );
    if !holds {
        let who = &seated.player.name;
        let d = Diagnostic::error(
            "E0825",
            format!(
                "`{who}` does not observe `{}`, and what it does depends on it",
                worst.name
            ),
        )
        .at(model.agents[seated.player.agent].span, "chooses without seeing it")
        .note(format!(
            "nothing that `{who}` observes moves where `{}` does, and its `{}` moves by {:.1} % of its range",
            worst.name,
            worst.action,
            100.0 * worst.share
        ))
        .hint("observe it, or solve for players who see everything: --information full");
        out.reasons.push(d);
    }
    Ok(())
}

/// What a player does otherwise although it sees the same, with states and shocks moved one at a time: to two nodes of the grid, and to where
/// they are elsewhere.
fn moved_unseen(seated: &Seated, visit: &Visit, elsewhere: &Visit) -> Result<Vec<Unexplained>, Diagnostic> {
    let (model, solution) = (seated.model, &seated.solution);
    let mut out = Vec::new();
    let before = observed(model, seated.player, &visit.place.inputs)?;
    let mut tried = |slot: (usize, usize), name: &str, states: &[f64], shocks: &[f64], x: f64| {
        let mut inputs = visit.place.inputs.clone();
        inputs[slot.0][slot.1] = x;
        if observed(model, seated.player, &inputs)? == before {
            out.extend(otherwise(seated, visit, name, states, shocks));
        }
        Ok::<(), Diagnostic>(())
    };
    for (k, (slot, axis)) in seated.seat.states.iter().zip(&solution.states).enumerate() {
        let n = axis.nodes.len();
        for x in [axis.nodes[n / 4], axis.nodes[3 * n / 4], elsewhere.states[k]] {
            if x != visit.states[k] {
                let mut states = visit.states.clone();
                states[k] = x;
                tried((slot.input, slot.element), &axis.name, &states, &visit.shocks, x)?;
            }
        }
    }
    for (k, (shock, name)) in seated.seat.shocks.iter().zip(&solution.chain.names).enumerate() {
        let x = elsewhere.shocks[k];
        if x != visit.shocks[k] {
            let mut shocks = visit.shocks.clone();
            shocks[k] = x;
            let input = model.shocks[shock.shock].input.0 as usize;
            tried((input, shock.element), name, &visit.states, &shocks, x)?;
        }
    }
    Ok(out)
}

/// How far a player's choices differ between a visited place and other states and shocks, as shares of what its policy ever does.
fn otherwise(seated: &Seated, visit: &Visit, name: &str, states: &[f64], shocks: &[f64]) -> Vec<Unexplained> {
    let solution = &seated.solution;
    let time = visit.place.period.min(solution.periods.saturating_sub(1));
    let here = seated.policy.spot(time, &visit.shocks, &visit.states);
    let there = seated.policy.spot(time, shocks, states);
    let one = |a: &usize| {
        let all = solution.policy[*a].iter().filter(|x| x.is_finite());
        let (lo, hi) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
        let apart = (seated.policy.action(*a, &here) - seated.policy.action(*a, &there)).abs();
        Unexplained {
            name: name.into(),
            action: solution.actions[*a].name.clone(),
            share: if hi > lo { apart / (hi - lo) } else { 0.0 },
        }
    };
    seated.player.actions.iter().map(one).collect()
}

/// What a player observes, as bits, where inputs are these.
fn observed(model: &Model, player: &Player, inputs: &[Vec<f64>]) -> Result<Vec<u64>, Diagnostic> {
    let values = eval::evaluate(&model.graph, inputs).map_err(|e| Diagnostic::error("E0990", e.to_string()))?;
    let mut out = Vec::new();
    for o in &model.agents[player.agent].observation {
        let all = &values.nodes[o.node.0 as usize];
        out.extend(own(model, o.node, player).into_iter().map(|e| all[e].to_bits()));
    }
    Ok(out)
}

/// The elements of a node that a player observes: those of its member, all where it decides for all of them.
fn own(model: &Model, node: NodeId, player: &Player) -> Vec<usize> {
    let shape = &model.graph.nodes[node.0 as usize].shape;
    let agent = &model.agents[player.agent];
    let all = 0..model.graph.elements(shape);
    match (player.member, agent.axis) {
        (Some(member), Some(axis)) if shape.contains(&axis) => {
            let of = aligned(&model.graph, &vec![axis], shape);
            all.filter(|e| of[*e] == member).collect()
        }
        _ => all.collect(),
    }
}
