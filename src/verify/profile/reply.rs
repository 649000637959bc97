//! The best reply by a solver: the problem of one player, with the others' learned policies read off a grid.
//!
//! The grid is that of one who decides for all. What everybody plays at its nodes is asked of the policies themselves, in worlds put there. What lies
//! between nodes and what policies mix is lost, which makes the reply worse, and no gain larger: it is measured against the policies as they are.

use super::Player;
use crate::chance::chain::nearest;
use crate::check::Model;
use crate::check::model::Process;
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Cast;
use crate::env::interface::Interface;
use crate::env::worlds::Worlds;
use crate::num::interpolate::{Axis, Outside, Rule, Tensor};
use crate::solve::between::PolicyBetween;
use crate::solve::decision::others::Others;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::best_replies;
use crate::solve::located;
use crate::solve::progress::Watch;
use crate::solve::solution::Solution;
use crate::verify::equilibrium::replies;
use crate::verify::world::play::Deviator;
use crate::verify::world::seat::SolvedSeat;
use std::collections::HashMap;
use std::sync::Arc;

/// Most places at which a reply is compared with what the player sees there, and by how much choices have to differ, relative.
const PLACES: usize = 50_000;
const OTHERWISE: f64 = 1e-3;
/// Worlds that are put on nodes at once.
const LANES: usize = 256;

/// The best reply of a player, and the method that found it.
///
/// # Errors
/// Those of the grid, of the problem of one and of its method; E0810 for games by stages.
pub(super) fn solved(
    model: &Model,
    player: &Player,
    cast: &Cast,
    progress: &mut dyn Watch,
) -> Result<(Deviator, &'static str), Diagnostic> {
    if model.stages.len() > 1 {
        return Err(Diagnostic::error("E0810", "agents act in stages"));
    }
    let model = &model.as_asked(Some("nash"), None);
    let economy = Economy::of(model)?;
    let mut everybody = best_replies::frame(&economy)?;
    tabulate(model, cast, &mut everybody)?;
    let own = everybody
        .players
        .iter()
        .find(|p| p.agent == player.agent && p.member.unwrap_or(0) == player.member);
    let own = own
        .cloned()
        .ok_or_else(|| Diagnostic::error("E0810", format!("`{}` decides nothing by itself", player.name)))?;
    let others = Others::of(model, &everybody, &own)?;
    let (reply, method) = replies::of_one(model, &others, &everybody, progress)?;
    if let Some(what) = unseen(model, player, &reply)? {
        return Err(Diagnostic::error(
            "E0825",
            format!(
                "the best reply rests on what `{}` does not observe: {what}",
                player.name
            ),
        ));
    }
    Ok((
        Deviator {
            seat: SolvedSeat::of(model, &reply)?,
            policy: PolicyBetween::new(Arc::new(reply))?,
        },
        method,
    ))
}

/// Two places that look alike to a player and at which a reply chooses otherwise, in words; `None` where it is a function of what the player observes.
fn unseen(model: &Model, player: &Player, reply: &Solution) -> Result<Option<String>, Diagnostic> {
    let found = |name: &String| {
        located::state(model, name)
            .map(Where::State)
            .or_else(|| located::shock(model, name).map(Where::Shock))
    };
    let named: Vec<&String> = reply.states.iter().map(|s| &s.name).chain(&reply.chain.names).collect();
    let places: Option<Vec<Where>> = named.iter().map(|n| found(n)).collect();
    let axes: Option<Vec<Axis>> = reply
        .states
        .iter()
        .map(|s| Axis::new(&s.nodes, false, Rule::Nodes))
        .collect();
    let nodes = axes.and_then(|a| Tensor::new(a, Outside::Flat));
    let (Some(places), Some(nodes)) = (places, nodes) else {
        return Ok(None);
    };
    let mut worlds = Worlds::new(model, None, 1, 1, &[])?;
    let interface = Interface::new(model, player.agent, false)?;
    let mut seeing = worlds.engine(interface.nodes.clone())?;
    let (width, joint) = (interface.width(), reply.shocks());
    let mut rows = vec![0.0; interface.members * width];
    let mut x = vec![0.0; reply.states.len()];
    let mut known: HashMap<Vec<u32>, usize> = HashMap::new();
    for place in 0..(nodes.len() * joint).min(PLACES) {
        crate::limits::poll();
        nodes.node(place / joint, &mut x);
        let drawn = reply.chain.values.get(place % joint).cloned().unwrap_or_default();
        for (at, x) in places.iter().zip(x.iter().chain(&drawn)) {
            at.put(model, &mut worlds, 0, *x);
        }
        interface.observe(&seeing.run(&worlds.frame, 1)?, 1, &mut rows);
        let seen: Vec<u32> = rows[player.member * width..][..width]
            .iter()
            .map(|x| x.to_bits())
            .collect();
        let first = *known.entry(seen).or_insert(place);
        let other = |p: &Vec<f64>| (p[first] - p[place]).abs() > OTHERWISE * (1.0 + p[first].abs());
        if first != place && reply.policy.iter().any(other) {
            let value = |place: usize, k: usize| match k.checked_sub(reply.states.len()) {
                Some(s) => reply.chain.values[place % joint][s],
                None => {
                    let mut x = vec![0.0; reply.states.len()];
                    nodes.node(place / joint, &mut x);
                    x[k]
                }
            };
            let differs = (0..named.len()).filter(|k| value(first, *k) != value(place, *k));
            return Ok(Some(differs.map(|k| named[k].clone()).collect::<Vec<_>>().join(", ")));
        }
    }
    Ok(None)
}

/// A state or a shock of the model with its element.
#[derive(Clone, Copy)]
enum Where {
    State((usize, usize)),
    Shock((usize, usize)),
}

impl Where {
    /// Puts a value there in a world.
    fn put(self, model: &Model, worlds: &mut Worlds, world: usize, x: f64) {
        match self {
            Where::State((s, e)) => worlds.set_state(s, e, world, x),
            Where::Shock((s, e)) => {
                let stored = match &model.shocks[s].process {
                    Process::Chain { values, .. } => nearest(values, x) as f64,
                    _ => x,
                };
                worlds.set_shock(s, e, world, stored);
            }
        }
    }
}

/// Writes what everybody plays at the nodes of a solution.
fn tabulate(model: &Model, cast: &Cast, out: &mut Solution) -> Result<(), Diagnostic> {
    let lost = |name: &str| Diagnostic::error("E0990", format!("`{name}` of the grid is not in the model"));
    let states: Vec<(usize, usize)> = (out.states.iter())
        .map(|s| located::state(model, &s.name).ok_or_else(|| lost(&s.name)))
        .collect::<Result<_, _>>()?;
    let shocks: Vec<(usize, usize)> = (out.chain.names.iter())
        .map(|s| located::shock(model, s).ok_or_else(|| lost(s)))
        .collect::<Result<_, _>>()?;
    let actions: Vec<(usize, usize)> = (out.actions.iter())
        .map(|a| located::action(model, &a.name).ok_or_else(|| lost(&a.name)))
        .collect::<Result<_, _>>()?;
    let axes: Option<Vec<Axis>> = out
        .states
        .iter()
        .map(|s| Axis::new(&s.nodes, false, Rule::Nodes))
        .collect();
    let nodes = axes
        .and_then(|a| Tensor::new(a, Outside::Flat))
        .ok_or_else(|| Diagnostic::error("E0905", "the grid of the problem of one does not ascend"))?;
    let joint = out.shocks();
    let all = nodes.len() * joint;
    let mut worlds = Worlds::new(model, None, LANES, 1, &[])?;
    let mut actor = Actor::new(&worlds, cast)?;
    actor.greedy = true;
    let mut x = vec![0.0; states.len()];
    let mut from = 0;
    while from < all {
        crate::limits::poll();
        for w in 0..LANES {
            let place = (from + w).min(all - 1);
            nodes.node(place / joint, &mut x);
            for (at, x) in states.iter().zip(&x) {
                Where::State(*at).put(model, &mut worlds, w, *x);
            }
            let values = out.chain.values.get(place % joint);
            for (at, x) in shocks.iter().zip(values.into_iter().flatten()) {
                Where::Shock(*at).put(model, &mut worlds, w, *x);
            }
        }
        actor.forget_worlds(&[true; LANES]);
        actor.act(&mut worlds, 0)?;
        for (table, (a, e)) in out.policy.iter_mut().zip(&actions) {
            let chosen = &worlds.frame[model.actions[*a].input.0 as usize][e * LANES..(e + 1) * LANES];
            let count = LANES.min(all - from);
            table[from..from + count].copy_from_slice(&chosen[..count]);
        }
        from += LANES;
    }
    Ok(())
}
