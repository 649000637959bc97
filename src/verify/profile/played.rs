//! What is played under learned policies, beside an equilibrium in the same places.

use crate::check::Model;
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::env::able;
use crate::env::behaviour::Actor;
use crate::env::cast::{Behaviour, Cast};
use crate::env::worlds::Worlds;
use crate::num::statistics;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// Lives, and most periods of them, that are looked at.
const LIVES: usize = 2000;
const PERIODS: usize = 60;
/// Most numbers of all inputs of all lives.
const NUMBERS: usize = 2_000_000;

/// What is played of one action, over all members.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The action, `firm.q`; of finite choices with the choice, `firm.d = enter`.
    pub name: String,
    /// Its mean; of a choice how often it is taken.
    pub mean: f64,
    /// The same in the equilibrium.
    pub equilibrium: Option<f64>,
    /// Root mean square distance from what the equilibrium plays in the same place, a share of the size of that; of a choice by how much its
    /// frequencies differ.
    pub distance: Option<f64>,
}

/// Values of an action, one per place.
type Values = Vec<f64>;

/// How many shares a simplex has, where an action is one.
fn shares(model: &Model, action: usize) -> Option<usize> {
    match model.actions[action].space {
        Space::Simplex(axis) => Some(model.graph.axes[axis.0 as usize].size),
        _ => None,
    }
}

/// What is played by `agents`, and by the equilibrium in the same places. An equilibrium that cannot be played here is left out.
///
/// # Errors
/// Those of a simulation under the learned policies.
pub(super) fn played(
    model: &Model,
    agents: &[usize],
    cast: &Cast,
    equilibrium: Option<&Solution>,
    seed: u64,
) -> Result<Vec<Played>, Diagnostic> {
    let elements: usize = model.graph.inputs.iter().map(|i| model.graph.elements(&i.shape)).sum();
    let lives = (NUMBERS / elements.max(1)).clamp(4, LIVES);
    let mut worlds = Worlds::new(model, None, lives, seed, &[])?;
    let mut actor = Actor::new(&worlds, cast)?;
    let solved = equilibrium.map(|s| Behaviour::Solved(Arc::new(s.clone())).into());
    let mut exact = solved.and_then(|c| Actor::new(&worlds, &c).ok());
    // Actions, those of shares once for each share: `(action, share)`.
    let watched: Vec<(usize, Option<usize>)> = (agents.iter())
        .flat_map(|a| {
            let agent = &model.agents[*a];
            (agent.actions.iter().copied()).filter(|x| !agent.rules.iter().any(|(r, _)| r == x))
        })
        .flat_map(|x| match shares(model, x) {
            None => vec![(x, None)],
            Some(several) => (0..several).map(|k| (x, Some(k))).collect(),
        })
        .collect();
    let (mut mine, mut theirs): (Vec<Values>, Vec<Values>) =
        (vec![Vec::new(); watched.len()], vec![Vec::new(); watched.len()]);
    let alone = model.states.is_empty() && model.shocks.is_empty();
    let discounts = agents.iter().filter_map(|a| able::discount_of(model, *a).ok());
    let longest = discounts.fold(0.0, f64::max);
    let periods = if alone || longest == 0.0 {
        1
    } else {
        model.horizon.unwrap_or(PERIODS).min(PERIODS)
    };
    let stages = model.stages.len().max(1);
    for _ in 0..periods {
        crate::limits::poll();
        let read = |worlds: &Worlds, into: &mut [Values]| {
            for (out, (a, share)) in into.iter_mut().zip(&watched) {
                let elements = worlds.frame[model.actions[*a].input.0 as usize]
                    .chunks(lives)
                    .enumerate();
                // Shares lie along the last axis.
                let several = shares(model, *a).unwrap_or(1);
                elements
                    .filter(|(e, _)| share.is_none_or(|k| e % several == k))
                    .for_each(|(_, values)| out.extend(values));
            }
        };
        if let Some(other) = &mut exact {
            let before = worlds.frame.clone();
            let done = (0..stages).try_for_each(|s| other.act(&mut worlds, s).map(drop));
            match done {
                Ok(()) => read(&worlds, &mut theirs),
                Err(_) => exact = None,
            }
            worlds.frame = before;
        }
        let mut bounds = Vec::new();
        for stage in 0..stages {
            bounds.extend(actor.act(&mut worlds, stage)?);
        }
        read(&worlds, &mut mine);
        let outcome = worlds.step(&bounds)?;
        if outcome.ended.contains(&true) {
            worlds.restart(&outcome.ended)?;
        }
        actor.forget(&worlds, &outcome);
    }
    let known = exact.is_some();
    let mut out = Vec::new();
    for (((a, share), mine), theirs) in watched.iter().zip(&mine).zip(&theirs) {
        let action = &model.actions[*a];
        if let Space::Finite { labels, .. } = &action.space {
            let often =
                |all: &Values, k: usize| all.iter().filter(|x| **x as usize == k).count() as f64 / all.len() as f64;
            for (k, label) in labels.iter().enumerate() {
                let (own, other) = (often(mine, k), known.then(|| often(theirs, k)));
                out.push(Played {
                    name: format!("{} = {label}", action.name),
                    mean: own,
                    equilibrium: other,
                    distance: other.map(|o| (own - o).abs()),
                });
            }
            continue;
        }
        let squares = |x: &mut dyn Iterator<Item = f64>| statistics::mean(&x.map(|x| x * x).collect::<Vec<_>>()).sqrt();
        let size = squares(&mut theirs.iter().copied());
        let apart = squares(&mut mine.iter().zip(theirs).map(|(a, b)| a - b));
        out.push(Played {
            name: match share {
                Some(k) => format!("{}[{}]", action.name, k + 1),
                None => action.name.clone(),
            },
            mean: statistics::mean(mine),
            equilibrium: known.then(|| statistics::mean(theirs)),
            distance: (known && size > 0.0).then_some(apart / size),
        });
    }
    Ok(out)
}
