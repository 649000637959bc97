//! Many copies of a game side by side in the simulated economy: what everybody knows, what everybody does, what it pays.

use crate::chance::chain::nearest;
use crate::check::Model;
use crate::check::model::{Family, Process};
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::Worlds;
use crate::env::worlds::trial::Place;
use crate::graph::NodeId;
use crate::graph::shape::{aligned, element_name};
use crate::num::lattice;
use crate::num::random::Key;
use crate::solve::problem::ActionKind;
use crate::solve::solution::{Player, Solution};
use std::sync::Arc;

/// Most cases that are counted out.
const MOST: usize = 16_384;
/// Values of a continuous draw of one's own at which other choices are tried, where it is one and where there are more.
const TYPES: (usize, usize) = (37, 9);
/// Further ones, as probabilities: near both ends.
const NEAR_ENDS: [f64; 6] = [1e-4, 1e-3, 6e-3, 1.0 - 6e-3, 1.0 - 1e-3, 1.0 - 1e-4];
/// Parts of the cases that are drawn whose means are set against one another for a standard error.
const PARTS: usize = 8;
/// Most numbers of all inputs of all cases.
const NUMBERS: usize = 3_000_000;

/// What is known and what mixed strategies choose in one copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    /// (shock, element, stored value)
    pub(super) known: Vec<(usize, usize, f64)>,
    /// (action, element, value)
    pub(super) picked: Vec<(usize, usize, f64)>,
    pub(super) weight: f64,
}

/// All copies.
pub(super) struct Cases {
    pub(super) lanes: Vec<Case>,
    /// Whether they are all there can be.
    pub(super) exact: bool,
}

/// What a period gave in every copy.
pub(super) struct Lane {
    rewards: Vec<Vec<f64>>,
    /// Per watched node its values, element x copy.
    pub(super) watched: Vec<Vec<f64>>,
    pub(super) clears: Vec<bool>,
}

/// The outcomes of a finite law without memory: what is stored of it, and how likely.
fn outcomes(process: &Process) -> Option<Vec<(f64, f64)>> {
    match process {
        Process::Chain { matrices, .. } => {
            let weights = crate::chance::chain::stationary(matrices.first()?);
            Some(weights.into_iter().enumerate().map(|(i, p)| (i as f64, p)).collect())
        }
        Process::Iid(d) => match d.family {
            Family::Bernoulli => Some(vec![(1.0, d.args[0]), (0.0, 1.0 - d.args[0])]),
            Family::Discrete => Some(d.table.clone()),
            Family::UniformInt => {
                let n = (d.args[1] - d.args[0] + 1.0).max(1.0);
                Some((0..n as usize).map(|k| (d.args[0] + k as f64, 1.0 / n)).collect())
            }
            _ => None,
        },
        _ => None,
    }
}

/// The shocks that strategies read, with every element: (shock, element).
fn known(model: &Model, solution: &Solution) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    for name in &solution.chain.names {
        let bare = name.split('[').next().unwrap_or(name);
        if let Some(s) = model.shocks.iter().position(|s| s.name == bare) {
            let of = (0..model.graph.elements(&model.shocks[s].shape)).map(|e| (s, e));
            out.extend(of.filter(|k| !out.contains(k)).collect::<Vec<_>>());
        }
    }
    out
}

/// The actions that are mixed: (action of the solution, action of the model, element).
fn mixing(model: &Model, solution: &Solution) -> Vec<(usize, usize, usize)> {
    let mut out = Vec::new();
    for (k, axis) in solution.actions.iter().enumerate() {
        if solution.mixed.get(k).is_none_or(Vec::is_empty) {
            continue;
        }
        let bare = axis.name.split('[').next().unwrap_or(&axis.name);
        let Some(a) = model.actions.iter().position(|a| a.name == bare) else {
            continue;
        };
        let shape = &model.actions[a].shape;
        let n = model.graph.elements(shape);
        let own = |e: &usize| bare == axis.name || element_name(&model.graph, bare, shape, *e, n) == axis.name;
        out.extend((0..n).filter(own).map(|e| (k, a, e)));
    }
    out
}

/// Whether strategies depend on continuous draws.
pub(super) fn draws_of_own(model: &Model, solution: &Solution) -> bool {
    let continuous = |(s, _): &(usize, usize)| outcomes(&model.shocks[*s].process).is_none();
    known(model, solution).iter().any(continuous)
}

/// How cases are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spread {
    /// As evenly as can be.
    Even,
    /// At random, and more often near both ends of continuous draws: types there meet others like them often enough to tell what they gain.
    TowardEnds,
}

/// Every combination of what may be known and chosen by chance, or `draws` draws of it (fewer where memory is short).
pub(super) fn cases(model: &Model, solution: &Solution, seed: u64, (draws, spread): (usize, Spread)) -> Cases {
    let known = known(model, solution);
    let mixing = mixing(model, solution);
    let mut lanes = vec![Case {
        weight: 1.0,
        ..Case::default()
    }];
    let mut exact = true;
    for (s, e) in &known {
        let Some(outcomes) = outcomes(&model.shocks[*s].process).filter(|o| lanes.len() * o.len() <= MOST) else {
            exact = false;
            break;
        };
        lanes = (lanes.iter())
            .flat_map(|c| {
                outcomes.iter().filter(|o| o.1 > 0.0).map(move |(x, p)| {
                    let mut c = c.clone();
                    c.known.push((*s, *e, *x));
                    c.weight *= p;
                    c
                })
            })
            .collect();
    }
    for (k, a, e) in &mixing {
        if !exact {
            break;
        }
        let ActionKind::Finite { values, .. } = &solution.actions[*k].kind else {
            continue;
        };
        let states: Option<Vec<usize>> = lanes.iter().map(|c| state_of(model, solution, c, (*a, *e))).collect();
        let Some(states) = states.filter(|_| lanes.len() * values.len() <= MOST) else {
            exact = false;
            break;
        };
        lanes = (lanes.iter().zip(states))
            .flat_map(|(c, state)| {
                let chances = &solution.mixed[*k][state * values.len()..][..values.len()];
                values.iter().zip(chances).filter(|x| *x.1 > 0.0).map(move |(x, p)| {
                    let mut c = c.clone();
                    c.picked.push((*a, *e, *x));
                    c.weight *= p;
                    c
                })
            })
            .collect();
    }
    let elements: usize = model.graph.inputs.iter().map(|i| model.graph.elements(&i.shape)).sum();
    let most = (NUMBERS / elements.max(1)).clamp(1, draws);
    let drawn = !model.draws.is_empty()
        || model.shocks.len()
            > known
                .iter()
                .map(|k| k.0)
                .collect::<std::collections::BTreeSet<_>>()
                .len();
    if exact && !drawn && lanes.len() <= most {
        return Cases { lanes, exact };
    }
    // A lattice, shifted at random.
    let key = Key::new(seed, 0x0ca5e);
    let most = 1usize << most.ilog2();
    let shift: Vec<f64> = (0..known.len()).map(|d| key.uniform(d as u64, 7)).collect();
    let lanes = (0..most)
        .map(|l| {
            let mut weight = 1.0 / most as f64;
            let mut of = |(d, (s, e)): (usize, &(usize, usize))| {
                let random = || key.uniform(l as u64, 100 + d as u64);
                let process = &model.shocks[*s].process;
                let ends = spread == Spread::TowardEnds && outcomes(process).is_none();
                let (u, w) = match spread {
                    _ if ends => toward_ends(random()),
                    Spread::TowardEnds => (random(), 1.0),
                    Spread::Even => (lattice::point(d, l, most, shift[d]).unwrap_or_else(random), 1.0),
                };
                weight *= w;
                (*s, *e, stored(process, u.clamp(1e-12, 1.0 - 1e-12)))
            };
            Case {
                known: known.iter().enumerate().map(&mut of).collect(),
                picked: Vec::new(),
                weight,
            }
        })
        .collect();
    Cases { lanes, exact: false }
}

/// The number of the joint state of what is known at which whoever chooses `action` (of the model, and its element) reads a strategy in a case; of a
/// draw that each member has of its own the member's. `None` where the case does not say, or where nodes stand for a continuous draw.
fn state_of(model: &Model, solution: &Solution, case: &Case, (action, element): (usize, usize)) -> Option<usize> {
    let g = &model.graph;
    let chosen = &model.actions[action];
    let agent = &model.agents[chosen.owner];
    let member = *aligned(g, &agent.shape, &chosen.shape).get(element)?;
    let mut at = 0;
    for (name, links) in solution.chain.names.iter().zip(&solution.chain.links) {
        let bare = name.split('[').next().unwrap_or(name);
        let s = model.shocks.iter().position(|s| s.name == bare)?;
        let shock = &model.shocks[s];
        let n = g.elements(&shock.shape);
        let e = match n {
            1 => 0,
            _ if bare != name => (0..n).find(|e| element_name(g, bare, &shock.shape, *e, n) == *name)?,
            _ => *aligned(g, &shock.shape, &agent.shape).get(member)?,
        };
        let (_, _, x) = *case.known.iter().find(|k| (k.0, k.1) == (s, e))?;
        let number = match &shock.process {
            Process::Chain { .. } => x as usize,
            _ if links.continuous => return None,
            _ => nearest(&links.values, x),
        };
        at = at * links.values.len() + number;
    }
    Some(at)
}

/// A probability that is drawn more often near both ends, from a uniform number; and the weight that makes up for it.
fn toward_ends(x: f64) -> (f64, f64) {
    (x * x * (3.0 - 2.0 * x), 6.0 * x * (1.0 - x))
}

/// What is stored of a shock at a uniform number.
fn stored(process: &Process, u: f64) -> f64 {
    if let Some(all) = outcomes(process) {
        let mut left = u;
        for (x, p) in &all {
            left -= p;
            if left < 0.0 {
                return *x;
            }
        }
        return all.last().map_or(0.0, |x| x.0);
    }
    match process {
        Process::Iid(d) => d.quantile(u),
        Process::Ar1 { rho, sigma, mean } => mean + sigma / (1.0 - rho * rho).sqrt() * crate::num::normal::quantile(u),
        _ => 0.0,
    }
}

/// Copies of the game, with everybody playing.
pub(super) struct GameCopies {
    pub(super) worlds: Worlds,
    /// How much each counts, as far as it has what is looked at.
    pub(super) weights: Vec<f64>,
    /// The same whatever they have.
    all: Vec<f64>,
    actor: Actor,
    picked: Vec<Vec<(usize, usize, f64)>>,
    known: Vec<Vec<(usize, usize, f64)>>,
    start: Vec<Place>,
    exact: bool,
    stages: usize,
}

impl GameCopies {
    /// Copies for these cases; `watched` are reported with every period.
    pub(super) fn new(
        model: &Model,
        solution: &Solution,
        cases: &Cases,
        seed: u64,
        watched: &[NodeId],
    ) -> Result<GameCopies, Diagnostic> {
        let n = cases.lanes.len();
        let mut worlds = Worlds::new(model, None, n, seed, watched)?;
        worlds.spread_chance(n, (0..n).map(|w| (0, w as u64)).collect(), seed);
        for (w, c) in cases.lanes.iter().enumerate() {
            for (s, e, x) in &c.known {
                worlds.set_shock(*s, *e, w, *x);
            }
        }
        let start = (0..n).map(|w| worlds.snapshot(w)).collect();
        let actor = Actor::new(&worlds, &Behaviour::Solved(Arc::new(solution.clone())).into())?;
        Ok(GameCopies {
            worlds,
            actor,
            weights: cases.lanes.iter().map(|c| c.weight).collect(),
            all: cases.lanes.iter().map(|c| c.weight).collect(),
            picked: cases.lanes.iter().map(|c| c.picked.clone()).collect(),
            known: cases.lanes.iter().map(|c| c.known.clone()).collect(),
            start,
            exact: cases.exact,
            stages: model.stages.len().max(1),
        })
    }

    /// Everybody has chosen, with `own` of what is known: one place per copy. Where all cases are there, those count from now on that have it, since
    /// what others know and choose by chance may go with it; where some are drawn it is set in every copy.
    pub(super) fn stand(&mut self, own: &[(usize, usize, f64)]) -> Result<Vec<Place>, Diagnostic> {
        let n = self.weights.len();
        let places: Vec<&Place> = self.start.iter().collect();
        self.worlds.put(&places);
        let has = |w: &usize| own.iter().all(|k| self.known[*w].contains(k));
        match self.exact {
            true => self.weights = (0..n).map(|w| if has(&w) { self.all[w] } else { 0.0 }).collect(),
            false => {
                for (s, e, x) in own {
                    (0..n).for_each(|w| self.worlds.set_shock(*s, *e, w, *x));
                }
            }
        }
        for stage in 0..self.stages {
            self.actor.act(&mut self.worlds, stage)?;
        }
        for (w, picked) in self.picked.iter().enumerate() {
            for (a, e, x) in picked {
                self.worlds.choose(*a, *e, w, *x);
            }
        }
        Ok((0..n).map(|w| self.worlds.snapshot(w)).collect())
    }

    /// What the period pays from these places with some actions set to other numbers, `(action, element, value)`.
    pub(super) fn pays(&mut self, at: &[Place], over: &[(usize, usize, f64)]) -> Result<Lane, Diagnostic> {
        crate::limits::poll();
        let n = self.weights.len();
        let places: Vec<&Place> = at.iter().collect();
        self.worlds.put(&places);
        for (a, e, x) in over {
            (0..n).for_each(|w| self.worlds.choose(*a, *e, w, *x));
        }
        let tried = self.worlds.trial()?;
        Ok(Lane {
            rewards: tried.rewards,
            watched: tried.watched,
            clears: tried.clears,
        })
    }

    /// A member's reward, one per copy.
    pub(super) fn rewards(&self, lane: &Lane, model: &Model, agent: usize, member: usize) -> Vec<f64> {
        let n = self.weights.len();
        let Some(reward) = model.agents[agent].reward else {
            return vec![0.0; n];
        };
        let k = model.agents[..agent].iter().filter(|a| a.reward.is_some()).count();
        let shape = &model.graph.nodes[reward.0 as usize].shape;
        let e = aligned(&model.graph, shape, &model.agents[agent].shape)
            .get(member)
            .copied()
            .unwrap_or(0);
        lane.rewards[k]
            .get(e * n..(e + 1) * n)
            .map_or_else(|| vec![f64::NAN; n], <[f64]>::to_vec)
    }

    /// From now on all copies count, whatever they have.
    pub(super) fn whole(&mut self) {
        self.weights.clone_from(&self.all);
    }

    /// The first copy that counts.
    pub(super) fn first(&self) -> usize {
        self.weights.iter().position(|w| *w > 0.0).unwrap_or(0)
    }

    /// The mean over copies of `values`, one per copy.
    pub(super) fn mean(&self, values: &[f64]) -> f64 {
        let total: f64 = self.weights.iter().sum();
        values.iter().zip(&self.weights).map(|(x, w)| x * w).sum::<f64>() / total
    }

    /// The standard error of the mean over copies of `values`, one per copy, from how far parts of them differ that are spread evenly themselves; none where all cases are there.
    pub(super) fn error(&self, values: &[f64]) -> f64 {
        if self.exact {
            return 0.0;
        }
        let total: f64 = self.weights.iter().sum();
        let part = |k: usize| {
            let of = values.iter().zip(&self.weights).skip(k).step_by(PARTS);
            of.map(|(x, w)| x * w).sum::<f64>() * PARTS as f64 / total
        };
        let means: Vec<f64> = (0..PARTS).map(part).collect();
        let mean = means.iter().sum::<f64>() / PARTS as f64;
        let squares: f64 = means.iter().map(|m| (m - mean) * (m - mean)).sum();
        (squares / ((PARTS - 1) * PARTS) as f64).sqrt()
    }

    /// The action of the model and its element behind an action of the solution, as a player chooses it.
    pub(super) fn slot(
        &self,
        model: &Model,
        solution: &Solution,
        action: usize,
        player: &Player,
    ) -> Option<(usize, usize)> {
        let name = &solution.actions[action].name;
        let bare = name.split('[').next().unwrap_or(name);
        let a = model.actions.iter().position(|a| a.name == bare)?;
        let shape = &model.actions[a].shape;
        let n = model.graph.elements(shape);
        let own = |e: &usize| {
            aligned(&model.graph, &model.agents[player.agent].shape, shape)[*e] == player.member.unwrap_or(0)
                && (bare == name || element_name(&model.graph, bare, shape, *e, n) == *name)
        };
        (0..n).find(own).map(|e| (a, e))
    }

    /// What a copy's case has of what is known, as it is stored.
    pub(super) fn knows(&self, copy: usize, (shock, element): (usize, usize)) -> Option<f64> {
        let of = |k: &&(usize, usize, f64)| (k.0, k.1) == (shock, element);
        self.known[copy].iter().find(of).map(|k| k.2)
    }

    /// The shocks that a player sees and strategies read: (shock, element).
    pub(super) fn own_draws(&self, model: &Model, solution: &Solution, player: &Player) -> Vec<(usize, usize)> {
        let agent = &model.agents[player.agent];
        let mut seen: Vec<(usize, usize)> = Vec::new();
        for (s, e) in known(model, solution) {
            let shock = &model.shocks[s];
            let observed = agent.observation.iter().any(|o| o.shock == Some(s));
            let mine = shock.shape.iter().all(|a| agent.shape.contains(a))
                && aligned(&model.graph, &shock.shape, &agent.shape).get(player.member.unwrap_or(0)) == Some(&e);
            if observed && mine && !seen.contains(&(s, e)) {
                seen.push((s, e));
            }
        }
        seen
    }

    /// What a player may know, several values of each continuous draw, between and near the ends: lists of (shock, element, stored value). One empty
    /// list where it knows nothing. And how many, from the first on, are evenly likely.
    pub(super) fn own_types(
        &self,
        model: &Model,
        solution: &Solution,
        player: &Player,
    ) -> (Vec<Vec<(usize, usize, f64)>>, usize) {
        let seen = self.own_draws(model, solution, player);
        let mut out: Vec<Vec<(usize, usize, f64)>> = vec![Vec::new()];
        for (s, e) in &seen {
            let process = &model.shocks[*s].process;
            let between = |n: usize| (0..n).map(move |k| (k as f64 + 0.57) / n as f64);
            let values: Vec<f64> = match outcomes(process) {
                Some(all) => all.into_iter().filter(|o| o.1 > 0.0).map(|o| o.0).collect(),
                None if seen.len() > 1 => between(TYPES.1).map(|u| stored(process, u)).collect(),
                None => (between(TYPES.0).chain(NEAR_ENDS))
                    .map(|u| stored(process, u))
                    .collect(),
            };
            out = (out.iter())
                .flat_map(|head| values.iter().map(move |x| [head.as_slice(), &[(*s, *e, *x)]].concat()))
                .collect();
        }
        let one = matches!(seen[..], [(s, _)] if outcomes(&model.shocks[s].process).is_none());
        let even = if one { TYPES.0 } else { out.len() };
        (out, even)
    }
}
