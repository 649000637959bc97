//! A population of so many members, simulated in the economy of the model itself with draws of its own: its mean must go where the
//! distribution goes, and its prices must be those that members expect.

use super::crowd::Crowd;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::Worlds;
use crate::graph::NodeId;
use crate::solve::continuum::perceived::member::Member;
use crate::solve::economy::resized;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// Members and periods.
const MEMBERS: usize = 8000;
const PERIODS: usize = 120;
/// What a mean of members may be off without any sampling, as a share of it: other nodes, another order of sums.
const FLOOR: f64 = 1e-4;

/// What was found.
pub(super) struct Simulated {
    pub(super) members: usize,
    pub(super) periods: usize,
    /// The largest distance of the members' mean from the distribution's, in its standard errors.
    pub(super) errors: f64,
    /// The same as a share of the mean.
    pub(super) share: f64,
    /// By how much the prices of the economy differ from those that members expect at its moments, on average over periods, as a share; the
    /// largest over prices.
    pub(super) prices: f64,
}

/// Simulates. `None` where a table of the model lists its members.
///
/// # Errors
/// Those of a simulation.
pub(super) fn simulated(
    model: &Model,
    member: &Member,
    solution: &Solution,
    crowd: &Crowd,
    seed: u64,
) -> Result<Option<Simulated>, Diagnostic> {
    let Some(axis) = model.agents[member.agent].axis else {
        return Ok(None);
    };
    let Some(many) = resized(model, axis, MEMBERS) else {
        return Ok(None);
    };
    // What members take as given, in the economy and in their own model.
    let read = |m: &Model, p: usize| {
        let node = m.prices[p].node;
        m.graph.nodes[node.0 as usize].shape.is_empty().then_some(node)
    };
    let priced: Vec<usize> = (0..model.prices.len())
        .filter(|p| read(&many, *p).is_some() && read(&member.model, *p).is_some())
        .collect();
    let nodes = |m: &Model| priced.iter().filter_map(|p| read(m, *p)).collect::<Vec<NodeId>>();
    let mean = model.find(&member.moments[0].name).map(|n| n.node);
    let mut watched = nodes(&many);
    let Some(mean) = mean.or_else(|| observed(&many, &member.moments[0].name)) else {
        return Ok(None);
    };
    watched.push(mean);
    let mut worlds = Worlds::new(&many, None, 1, seed, &watched)?;
    let cast = Behaviour::Solved(Arc::new(solution.clone())).into();
    let mut actor = Actor::new(&worlds, &cast)?;
    let shared = |worlds: &Worlds| {
        let links = member.aggregate.iter().map(|s| worlds.link(*s, 0, 0));
        let sizes = member.aggregate.iter().map(|s| member.links(*s));
        links.zip(sizes).fold(0, |z, (k, n)| z * n + k)
    };
    // Members as they are at first.
    let own = &crowd.chain.own;
    let chains = own.iter().all(|s| member.is_chain(*s));
    let states = crowd.chain.shares()[0].len();
    let mut mass: Option<Vec<Vec<f64>>> = None;
    let (mut path, mut means) = (Vec::new(), Vec::new());
    let mut economy: Vec<Vec<f64>> = Vec::new();
    for _ in 0..PERIODS {
        let bounds = actor.act(&mut worlds, 0)?;
        if mass.is_none() {
            let x = &worlds.frame[model.states[member.state].input.0 as usize];
            let mut at: Vec<(usize, f64)> = Vec::with_capacity(MEMBERS);
            for i in 0..MEMBERS {
                let e = match chains {
                    true => own.iter().fold(0, |e, s| e * member.links(*s) + worlds.link(*s, i, 0)),
                    false => i % states,
                };
                at.push((e, x[i]));
            }
            mass = Some(crowd.placed(&at, states));
        }
        path.push(shared(&worlds));
        let outcome = worlds.step(&bounds)?;
        let mut numbers: Vec<f64> = outcome.watched.iter().map(|w| w[0]).collect();
        means.push(numbers.pop().unwrap_or(f64::NAN));
        economy.push(numbers);
        actor.forget(&worlds, &outcome);
    }
    let walked = crowd.walk(mass.unwrap_or_default(), &path, 0);
    let (mut errors, mut share) = (0.0, 0.0);
    for ((own, all), sd) in means.iter().zip(&walked.moment).zip(&walked.sd) {
        let gap = (own - all).abs();
        let size = all.abs().max(1e-12);
        let error = (sd / (MEMBERS as f64).sqrt()).max(FLOOR * size);
        errors = worst(errors, gap / error);
        share = worst(share, gap / size);
    }
    let expected = expected(member, &nodes(&member.model), &path, &means, seed)?;
    let mut prices: f64 = 0.0;
    for p in 0..priced.len() {
        let off = (0..path.len()).map(|t| (economy[t][p] - expected[t][p]) / (economy[t][p].abs().max(1e-9)));
        prices = worst(prices, (off.sum::<f64>() / path.len() as f64).abs());
    }
    Ok(Some(Simulated {
        members: MEMBERS,
        periods: PERIODS,
        errors,
        share,
        prices,
    }))
}

/// What is not a number is no small error.
fn worst(so_far: f64, x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { so_far.max(x) }
}

/// The node of something that is observed under this name.
fn observed(model: &Model, name: &str) -> Option<NodeId> {
    let mut all = model.agents.iter().flat_map(|a| &a.observation);
    all.find(|o| o.name == name).map(|o| o.node)
}

/// Nodes of the member's model at moments and aggregate states: `[period][node]`.
fn expected(
    member: &Member,
    nodes: &[NodeId],
    path: &[usize],
    means: &[f64],
    seed: u64,
) -> Result<Vec<Vec<f64>>, Diagnostic> {
    let n = path.len();
    let mut worlds = Worlds::new(&member.model, None, n, seed, &[])?;
    let mut engine = worlds.engine(nodes.to_vec())?;
    let input = member.model.states[member.moments[0].state].input.0 as usize;
    for t in 0..n {
        worlds.frame[input][t] = means[t];
        let mut z = path[t];
        for s in member.aggregate.iter().rev() {
            worlds.set_shock(*s, 0, t, (z % member.links(*s)) as f64);
            z /= member.links(*s);
        }
    }
    let out = engine.run(&worlds.frame, n)?;
    Ok((0..n).map(|t| out.iter().map(|o| o[t]).collect()).collect())
}
