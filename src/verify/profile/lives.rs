//! Lives of one player among others who play as they learned: with its own policy, or with a reply.

use super::Player;
use crate::check::Model;
use crate::check::model::{Process, Space};
use crate::diag::Diagnostic;
use crate::env::able;
use crate::env::behaviour::Actor;
use crate::env::cast::Cast;
use crate::env::engine::{Engine, Frame};
use crate::env::interface::Interface;
use crate::env::worlds::{Bounds, Outcome, Worlds};
use crate::graph::shape::aligned;
use crate::limits;
use crate::solve::located;
use crate::verify::world::play::Deviator;

/// Lives side by side: where every period is a game of its own, and else, to measure and to search.
const ONE_PERIOD: usize = 8192;
const LIVES: (usize, usize) = (256, 32);
/// Most numbers of all inputs of all lives.
const NUMBERS: usize = 2_000_000;
/// Whole numbers of which each is tried.
const WHOLE: i64 = 200;
/// Weight of a period after which nothing counts, and most periods of a life.
const NOTHING: f64 = 1e-3;
const PERIODS: usize = 1000;
/// Periods of a life where nothing is discounted and nothing ends.
const WITHOUT_END: usize = 200;

/// What one choice becomes: `share * played + shift`; a finite choice has share 0.
pub(super) type Move = (f64, f64);
/// The move that changes nothing.
pub(super) const KEPT: Move = (1.0, 0.0);

/// Which cell what a player sees falls into.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    /// (column of the observation, ends between its cells, ascending), one entry per column that matters.
    pub(super) columns: Vec<(usize, Vec<f32>)>,
}

impl Cells {
    /// Their number.
    pub(super) fn count(&self) -> usize {
        self.columns.iter().map(|c| c.1.len() + 1).product()
    }

    /// The cell of an observation.
    pub(super) fn of(&self, seen: &[f32]) -> usize {
        let at = |(k, ends): &(usize, Vec<f32>)| ends.partition_point(|e| *e < seen[*k]);
        self.columns.iter().fold(0, |n, c| n * (c.1.len() + 1) + at(c))
    }
}

/// A deviation that moves what was played.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) cells: Cells,
    /// `[slot][cell]`
    pub(super) moves: Vec<Vec<Move>>,
}

/// How a player deviates.
pub(super) enum Reply {
    Rule(Rule),
    Policy(Box<Deviator>),
}

/// What lives earned, one entry per life.
pub(super) struct Earned {
    /// Discounted sums of rewards.
    pub(super) sum: Vec<f64>,
    /// Discounted sums of their sizes.
    pub(super) size: Vec<f64>,
}

/// Where a player stands when it is to choose in the first period.
pub(super) struct Look {
    /// What it would play, `[slot][life]`.
    pub(super) now: Vec<Vec<f64>>,
    /// What it may choose: one entry per slot.
    pub(super) range: Vec<Range>,
    /// What it sees, `life x width`.
    pub(super) seen: Vec<f32>,
    pub(super) width: usize,
}

/// What a slot may be.
#[derive(Clone, Debug)]
pub(super) enum Range {
    Between(f64, f64),
    /// Values of the choices.
    Choices(Vec<f64>),
    /// Whole numbers between two, too many to try each.
    Whole(f64, f64),
    /// Shares of a simplex, with the others of its action.
    Shares,
}

/// The lives of one player.
pub(super) struct Lives<'a> {
    model: &'a Model,
    player: &'a Player,
    worlds: Worlds,
    actor: Actor,
    interface: Interface,
    seeing: Engine,
    discount: f64,
    periods: usize,
    chance: bool,
    /// Of one period and one stage: the seed, and where everybody has chosen, so that deviations need no policy again.
    stood: Option<(u64, Frame, Vec<(usize, Bounds)>)>,
}

/// Whether periods have nothing to do with one another, so that one period says all.
fn one_period(model: &Model) -> bool {
    model.states.is_empty()
        && model.horizon.is_none()
        && model.ends.is_empty()
        && model.shocks.iter().all(|s| matches!(s.process, Process::Iid(_)))
}

/// Periods of a life that count.
fn length(model: &Model, discount: f64) -> usize {
    if one_period(model) {
        return 1;
    }
    let counts = match discount {
        b if b <= 0.0 => 1,
        b if b < 1.0 => ((NOTHING.ln() / b.ln()).ceil() as usize).clamp(1, PERIODS),
        _ if model.ends.is_empty() && model.horizon.is_none() => WITHOUT_END,
        _ => PERIODS,
    };
    model.horizon.map_or(counts, |h| h.min(counts))
}

impl<'a> Lives<'a> {
    /// Lives of a player, to measure gains or to `search` for replies.
    ///
    /// # Errors
    /// Those of worlds and of policies that do not fit them.
    pub(super) fn new(
        model: &'a Model,
        player: &'a Player,
        cast: &Cast,
        (seed, search): (u64, bool),
    ) -> Result<Lives<'a>, Diagnostic> {
        let discount = able::discount_of(model, player.agent)?;
        let periods = length(model, discount);
        let drawn = !model.draws.is_empty() || !model.shocks.is_empty();
        let random = |b: &crate::env::cast::Behaviour| matches!(b, crate::env::cast::Behaviour::Random);
        let finite = |a: &crate::check::model::Action| !matches!(a.space, Space::Interval { .. });
        let mixed = cast.mixes(model) && model.actions.iter().any(finite);
        let left_to_chance = able::able(model)
            .iter()
            .any(|a| random(cast.of(&model.agents[*a].name)));
        let chance = drawn || mixed || left_to_chance;
        let inputs = model.graph.inputs.iter();
        let elements: usize = inputs.map(|i| model.graph.elements(&i.shape)).sum();
        let lives = match chance {
            false => 1,
            true => {
                let most = match (periods, search) {
                    (1, _) => ONE_PERIOD,
                    (_, true) => LIVES.1,
                    (_, false) => LIVES.0,
                };
                (NUMBERS / elements.max(1)).clamp(16, most)
            }
        };
        let worlds = Worlds::new(model, None, lives, seed, &[])?;
        let actor = Actor::new(&worlds, cast)?;
        let interface = Interface::new(model, player.agent, false)?;
        Ok(Lives {
            seeing: worlds.engine(interface.nodes.clone())?,
            model,
            player,
            worlds,
            actor,
            interface,
            discount,
            periods,
            chance,
            stood: None,
        })
    }

    /// The model that is played.
    pub(super) fn model(&self) -> &'a Model {
        self.model
    }

    /// Whether one period is all that is played.
    pub(super) fn is_one_period(&self) -> bool {
        self.periods == 1
    }

    /// Whether lives differ by chance.
    pub(super) fn by_chance(&self) -> bool {
        self.chance
    }

    /// What the player sees, `life x width`.
    fn look_around(&mut self) -> Result<Vec<f32>, Diagnostic> {
        let (n, width) = (self.worlds.worlds(), self.interface.width());
        let values = self.seeing.run(&self.worlds.frame, n)?;
        let mut all = vec![0.0; n * self.interface.members * width];
        self.interface.observe(&values, n, &mut all);
        let (each, m) = (self.interface.members, self.player.member);
        Ok((0..n)
            .flat_map(|w| all[(w * each + m) * width..][..width].iter().copied())
            .collect())
    }

    /// Begins all lives anew.
    fn begin(&mut self, seed: u64) -> Result<(), Diagnostic> {
        self.worlds.reseed(seed)?;
        self.actor.forget_worlds(&vec![true; self.worlds.worlds()]);
        Ok(())
    }

    /// Where the player stands in the first period.
    ///
    /// # Errors
    /// Those of a simulation.
    pub(super) fn look(&mut self, seed: u64) -> Result<Look, Diagnostic> {
        self.begin(seed)?;
        let mut bounds = Vec::new();
        for stage in 0..=self.player.stage {
            bounds = self.actor.act(&mut self.worlds, stage)?;
        }
        let n = self.worlds.worlds();
        let seen = self.look_around()?;
        let (mut now, mut range) = (Vec::new(), Vec::new());
        for (a, e) in &self.player.slots {
            let input = self.model.actions[*a].input.0 as usize;
            let here = self.worlds.frame[input][e * n..(e + 1) * n].to_vec();
            let of = bounds.iter().find(|b| b.0 == *a).map(|b| &b.1);
            range.push(match (&self.model.actions[*a].space, of) {
                (Space::Simplex(_), _) | (_, Some(Bounds::Simplex)) => Range::Shares,
                (_, None) => Range::Choices(Vec::new()),
                (_, Some(Bounds::Between(lo, hi))) => {
                    let lo = lo[e * n..(e + 1) * n].iter().copied().fold(f64::INFINITY, f64::min);
                    let hi = hi[e * n..(e + 1) * n].iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    // Without an end, a hundred times what is chosen is far enough to see whether more is better.
                    let far = 100.0 * (1.0 + here.iter().fold(0.0, |m: f64, x| m.max(x.abs())));
                    Range::Between(lo.max(-far), hi.min(far))
                }
                (Space::Integer { lo, hi }, _) => {
                    let end = |n: &crate::graph::NodeId| self.model.graph.nodes[n.0 as usize].domain;
                    let (lo, hi) = (end(lo).lo as i64, end(hi).hi as i64);
                    match hi.saturating_sub(lo) {
                        0..=WHOLE => Range::Choices((lo..=hi).map(|k| k as f64).collect()),
                        _ => Range::Whole(lo as f64, hi as f64),
                    }
                }
                (_, Some(Bounds::Choices(all))) => Range::Choices((0..all.len()).map(|k| k as f64).collect()),
            });
            now.push(here);
        }
        Ok(Look {
            now,
            range,
            seen,
            width: self.interface.width(),
        })
    }

    /// The player chooses by a reply, within what its stage allows.
    fn deviate(&mut self, reply: &Reply, bounds: &[(usize, Bounds)]) -> Result<(), Diagnostic> {
        let rule = match reply {
            Reply::Policy(deviator) => {
                deviator.act(&mut self.worlds, bounds);
                return Ok(());
            }
            Reply::Rule(rule) => rule,
        };
        let n = self.worlds.worlds();
        let cell: Vec<usize> = match rule.cells.count() {
            1 => vec![0; n],
            _ => {
                let seen = self.look_around()?;
                seen.chunks(self.interface.width())
                    .map(|row| rule.cells.of(row))
                    .collect()
            }
        };
        for ((a, e), moves) in self.player.slots.iter().zip(&rule.moves) {
            let input = self.model.actions[*a].input.0 as usize;
            let of = bounds.iter().find(|b| b.0 == *a).map(|b| &b.1);
            for w in 0..n {
                let (share, shift) = moves[cell[w]];
                let x = share * self.worlds.frame[input][e * n + w] + shift;
                let x = match of {
                    Some(Bounds::Between(lo, hi)) => x.min(hi[e * n + w]).max(lo[e * n + w]),
                    Some(Bounds::Choices(masks)) => {
                        let first = match &self.model.actions[*a].space {
                            Space::Integer { lo, .. } => self.model.graph.nodes[lo.0 as usize].domain.lo,
                            _ => 0.0,
                        };
                        let mask = masks.get((x - first).max(0.0) as usize).and_then(Option::as_ref);
                        match mask.is_none_or(|m| m[e * n + w] != 0.0) {
                            true => x,
                            false => continue,
                        }
                    }
                    Some(Bounds::Simplex) => x,
                    None => continue,
                };
                self.worlds.choose(*a, *e, w, x);
            }
        }
        Ok(())
    }

    /// Everybody chooses, stage by stage; the player by the reply, if there is one.
    fn choose(&mut self, seed: u64, reply: Option<&Reply>) -> Result<Vec<(usize, Bounds)>, Diagnostic> {
        let stages = self.model.stages.len().max(1);
        let once = self.periods == 1 && stages == 1;
        if let (true, Some((_, frame, bounds))) = (once, self.stood.as_ref().filter(|s| s.0 == seed)) {
            self.worlds.frame.clone_from(frame);
            let bounds = bounds.clone();
            if let Some(reply) = reply {
                self.deviate(reply, &bounds)?;
            }
            return Ok(bounds);
        }
        let mut all = Vec::new();
        for stage in 0..stages {
            let bounds = self.actor.act(&mut self.worlds, stage)?;
            if once {
                self.stood = Some((seed, self.worlds.frame.clone(), bounds.clone()));
            }
            if let Some(reply) = reply.filter(|_| stage == self.player.stage) {
                self.deviate(reply, &bounds)?;
            }
            all.extend(bounds);
        }
        Ok(all)
    }

    /// What the lives of a seed earn the player.
    ///
    /// # Errors
    /// Those of a simulation.
    pub(super) fn earned(&mut self, seed: u64, reply: Option<&Reply>) -> Result<Earned, Diagnostic> {
        self.begin(seed)?;
        let n = self.worlds.worlds();
        let mut out = Earned {
            sum: vec![0.0; n],
            size: vec![0.0; n],
        };
        let (mut there, mut weight) = (vec![true; n], 1.0);
        for _ in 0..self.periods {
            limits::poll();
            let bounds = self.choose(seed, reply)?;
            let outcome = self.worlds.step(&bounds)?;
            self.pay(&outcome, weight, &mut there, &mut out);
            if !there.contains(&true) {
                break;
            }
            if outcome.ended.contains(&true) {
                self.worlds.restart(&outcome.ended)?;
            }
            self.actor.forget(&self.worlds, &outcome);
            weight *= self.discount;
        }
        Ok(out)
    }

    /// Adds what a period paid to the lives that go on, and what their ends pay.
    fn pay(&self, outcome: &Outcome, weight: f64, there: &mut [bool], out: &mut Earned) {
        let (n, agent, member) = (there.len(), self.player.agent, self.player.member);
        let graph = &self.model.graph;
        let Some(reward) = self.model.agents[agent].reward else {
            return;
        };
        let k = self.model.agents[..agent].iter().filter(|a| a.reward.is_some()).count();
        let shape = &graph.nodes[reward.0 as usize].shape;
        let e = aligned(graph, shape, &self.model.agents[agent].shape)
            .get(member)
            .copied()
            .unwrap_or(0);
        for w in (0..n).filter(|w| there[*w]).collect::<Vec<_>>() {
            let mut add = |weight: f64, x: f64| {
                out.sum[w] += weight * x;
                out.size[w] += weight * x.abs();
            };
            add(weight, outcome.rewards[k][e * n + w]);
            let gone = outcome.member_ended[agent].get(member * n + w) == Some(&true);
            if outcome.ended[w] || gone {
                there[w] = false;
                for (paid, end) in outcome.paid.iter().zip(&self.model.ends) {
                    if end.agent.is_none_or(|a| a == agent) {
                        let own = located::own(self.model, agent, Some(member), paid.len() / n);
                        own.for_each(|e| add(weight * self.discount, paid[e * n + w]));
                    }
                }
            }
        }
    }
}
