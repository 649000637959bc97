//! A seat in an economy: what its agent looks at and chooses, which rewards are its own, and how its episodes go.

use super::able::discount_of;
use super::engine::Engine;
use super::interface::Interface;
use super::joint::Joint;
use super::seat::{Actions, Seat, Seen, Told};
use super::worlds::{Bounds, Outcome, Worlds};
use super::{ActionSpace, CommonChance};
use crate::check::model::Model;
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::graph::shape::aligned;
use serde::{Deserialize, Serialize};

/// A seat in the worlds of an economy. A slot is `world * members + member`.
pub(super) struct SeatPlace {
    /// The agent, by number.
    pub agent: usize,
    pub interface: Interface,
    seeing: Engine,
    /// What a central critic sees, where one was asked for.
    joint: Option<(Joint, Engine)>,
    /// Which of the rewards of an outcome is this agent's, and for each member its element.
    reward: (usize, Vec<usize>),
    /// For each end with a terminal payoff: its number and, for each member, the element of its condition.
    paying: Vec<(usize, Vec<usize>)>,
    discount: f32,
    /// Values of the own actions: one array per action, `element x world`.
    chosen: Vec<Vec<f64>>,
    now: Now,
}

/// Everything of a place that moves.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Now {
    observation: Vec<f32>,
    mask: Vec<f32>,
    rewards: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    last: Vec<f32>,
    joint: Vec<f32>,
    last_joint: Vec<f32>,
    /// Returns so far of the episodes that go on: one per slot.
    returns: Vec<f64>,
    /// Returns of those that ended: one per episode.
    finished: Vec<f64>,
    /// Whether it has chosen since the worlds were started.
    moved: bool,
}

impl SeatPlace {
    /// A place for `agent`; `grids` as in [`Interface::new`], `joint` where a central critic looks on.
    ///
    /// # Errors
    /// E0928 for an agent that cannot learn, E0828 for a discount factor that moves.
    pub(super) fn new(worlds: &Worlds, agent: usize, grids: bool, joint: bool) -> Result<SeatPlace, Diagnostic> {
        let model = &worlds.model;
        let interface = Interface::new(model, agent, grids)?;
        let seeing = worlds.engine(interface.nodes.clone())?;
        let joint = match joint.then(|| Joint::new(model, agent, interface.stage)) {
            Some(j) => {
                let engine = worlds.engine(j.nodes.clone())?;
                Some((j, engine))
            }
            None => None,
        };
        let joint_width = joint.as_ref().map_or(0, |(j, _)| j.width());
        let a = &model.agents[agent];
        let members = |node: NodeId| aligned(&model.graph, &model.graph.nodes[node.0 as usize].shape, &a.shape);
        let number = model.agents[..agent].iter().filter(|x| x.reward.is_some()).count();
        let concerns = |e: &crate::check::model::End| e.paying.is_some() && e.agent.is_none_or(|x| x == agent);
        let ends = model.ends.iter().enumerate().filter(|(_, e)| concerns(e));
        let slots = interface.members * worlds.worlds();
        let elements = |x: &usize| model.graph.elements(&model.actions[*x].shape);
        Ok(SeatPlace {
            agent,
            seeing,
            joint,
            reward: (number, a.reward.map(members).unwrap_or_default()),
            paying: ends.map(|(k, e)| (k, members(e.condition))).collect(),
            discount: discount_of(model, agent)? as f32,
            chosen: interface
                .actions
                .iter()
                .map(|x| vec![0.0; elements(x) * worlds.worlds()])
                .collect(),
            now: Now {
                observation: vec![0.0; slots * interface.width()],
                mask: Vec::new(),
                rewards: vec![0.0; slots],
                terminated: vec![false; slots],
                truncated: vec![false; slots],
                last: vec![0.0; slots * interface.width()],
                joint: vec![0.0; slots * joint_width],
                last_joint: vec![0.0; slots * joint_width],
                returns: vec![0.0; slots],
                finished: Vec::new(),
                moved: false,
            },
            interface,
        })
    }

    /// Its shape, where every `together` neighbouring worlds have common random numbers.
    pub(super) fn seat(&self, model: &Model, together: usize) -> Seat {
        let a = &model.agents[self.agent];
        let of_each = |node: NodeId| {
            model.graph.nodes[node.0 as usize]
                .shape
                .iter()
                .any(|x| a.shape.contains(x))
        };
        let space: ActionSpace = self.interface.space.clone();
        Seat {
            slots: self.now.rewards.len(),
            members: self.interface.members,
            observation_width: self.interface.width(),
            space,
            masked: self.interface.masked(),
            discount: self.discount,
            chance: CommonChance {
                worlds: together,
                members: self.interface.members,
            },
            joint_width: self.joint.as_ref().map_or(0, |(j, _)| j.width()),
            common_reward: self.interface.members == 1 || !a.reward.is_some_and(of_each),
        }
    }

    /// The bounds of its own actions among those of all that have had their turn.
    fn own<'b>(&self, worlds: &Worlds, bounds: &'b [(usize, Bounds)]) -> Result<Vec<&'b Bounds>, Diagnostic> {
        let of = |a: &usize| {
            bounds.iter().find(|(b, _)| a == b).map(|(_, b)| b).ok_or_else(|| {
                let name = &worlds.model.actions[*a].name;
                Diagnostic::error(
                    "E0990",
                    format!("a bug in econc: `{name}` has no bounds when it is the learner's turn"),
                )
                .hint("please send the model")
            })
        };
        self.interface.actions.iter().map(of).collect()
    }

    /// Looks at the worlds as they stand.
    pub(super) fn look(&mut self, worlds: &Worlds) -> Result<(), Diagnostic> {
        let seen = self.seeing.run(&worlds.frame, worlds.worlds())?;
        self.interface
            .observe(&seen, worlds.worlds(), &mut self.now.observation);
        if let Some((joint, engine)) = &mut self.joint {
            let all = engine.run(&worlds.frame, worlds.worlds())?;
            joint.observe(&all, worlds.worlds(), &mut self.now.joint);
        }
        Ok(())
    }

    /// Looks at the worlds, and at what may be chosen, when it is its turn.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub(super) fn begin(&mut self, worlds: &Worlds, bounds: &[(usize, Bounds)]) -> Result<(), Diagnostic> {
        let own = self.own(worlds, bounds)?;
        if fault!("game.seen_early", false, true) {
            self.look(worlds)?;
        }
        if self.interface.masked() {
            self.interface.mask(&own, worlds.worlds(), &mut self.now.mask);
        }
        Ok(())
    }

    /// Puts its choices into the worlds.
    ///
    /// # Errors
    /// E0990.
    pub(super) fn choose(
        &mut self,
        worlds: &mut Worlds,
        bounds: &[(usize, Bounds)],
        actions: &Actions,
    ) -> Result<(), Diagnostic> {
        self.now.moved = true;
        let own = self.own(worlds, bounds)?;
        let (continuous, discrete) = (&actions.continuous, &actions.discrete);
        self.interface
            .act(continuous, discrete, &own, worlds.worlds(), &mut self.chosen);
        fault!("game.wrong_member", do {
            self.chosen.iter_mut().for_each(|values| values.rotate_left(worlds.worlds()));
        });
        for (a, values) in self.interface.actions.iter().zip(&self.chosen) {
            worlds.act(*a, values);
        }
        Ok(())
    }

    /// Takes in the rewards of a period that has passed, with terminal payoffs.
    ///
    /// # Errors
    /// E0924 for a reward beyond single precision.
    pub(super) fn pay(&mut self, worlds: &Worlds, outcome: &Outcome) -> Result<(), Diagnostic> {
        let (n, members) = (worlds.worlds(), self.interface.members);
        let values = &outcome.rewards[self.reward.0];
        for (m, element) in self.reward.1.iter().enumerate() {
            for w in 0..n {
                self.now.rewards[w * members + m] = values[element * n + w] as f32;
            }
        }
        for (end, map) in &self.paying {
            for (m, element) in map.iter().enumerate() {
                for w in 0..n {
                    let x = outcome.paid[*end][element * n + w];
                    // The terminal payoff stands in the place of the value that would have followed.
                    self.now.rewards[w * members + m] += self.discount * x as f32;
                }
            }
        }
        self.fits_single_precision(worlds)
    }

    /// Learners work in single precision: a reward beyond it is as bad as an infinite one.
    fn fits_single_precision(&self, worlds: &Worlds) -> Result<(), Diagnostic> {
        if self.now.rewards.iter().all(|r| r.is_finite()) {
            return Ok(());
        }
        let agent = &worlds.model.agents[self.agent];
        let mut d = Diagnostic::error(
            "E0924",
            format!("the reward of `{}` is too large for a learner", agent.name),
        )
        .hint("learners take rewards up to 3e38: divide it by a number, or bound it with `max`");
        if let Some(reward) = agent.reward {
            let span = worlds.model.graph.nodes[reward.0 as usize].span;
            d = d.at(span, "beyond single precision");
        }
        Err(d)
    }

    /// Which of its members ended, and which were cut off in the worlds that stop; adds up returns.
    pub(super) fn end(&mut self, outcome: &Outcome, stops: &[bool]) {
        let (n, members) = (stops.len(), self.interface.members);
        let gone = &outcome.member_ended[self.agent];
        for w in 0..n {
            for m in 0..members {
                let s = w * members + m;
                self.now.terminated[s] = outcome.ended[w] || gone[m * n + w];
                self.now.truncated[s] = stops[w] && !self.now.terminated[s];
                self.now.returns[s] += f64::from(self.now.rewards[s]);
            }
        }
    }

    /// Whether somebody in a world was cut off.
    pub(super) fn cut_off(&self, world: usize) -> bool {
        let members = self.interface.members;
        self.now.truncated[world * members..(world + 1) * members].contains(&true)
    }

    /// Keeps what it would see next, for the episodes that end now.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub(super) fn keep_last(&mut self, worlds: &Worlds) -> Result<(), Diagnostic> {
        self.look(worlds)?;
        self.now.last.copy_from_slice(&self.now.observation);
        self.now.last_joint.copy_from_slice(&self.now.joint);
        Ok(())
    }

    /// Closes the returns of the episodes that ended.
    pub(super) fn close(&mut self) {
        let now = &mut self.now;
        for s in 0..now.returns.len() {
            if now.terminated[s] || now.truncated[s] {
                now.finished.push(now.returns[s]);
                now.returns[s] = 0.0;
            }
        }
    }

    /// The worlds start again.
    pub(super) fn reset(&mut self) {
        self.now.returns.fill(0.0);
        self.now.finished.clear();
        self.now.moved = false;
    }

    /// Forgets what was earned in the episodes of the marked worlds: one entry per world.
    pub(super) fn forget(&mut self, which: &[bool]) {
        let members = self.interface.members;
        for (s, x) in self.now.returns.iter_mut().enumerate() {
            if which[s / members] {
                *x = 0.0;
            }
        }
    }

    /// The worlds cannot go on: learners stop at a reward that is no number.
    pub(super) fn broken(&mut self) {
        self.now.rewards.fill(f32::NAN);
    }

    pub(super) fn seen(&self) -> Seen<'_> {
        Seen {
            observation: &self.now.observation,
            mask: &self.now.mask,
            joint: &self.now.joint,
        }
    }

    pub(super) fn told(&self) -> Option<Told<'_>> {
        self.now.moved.then(|| Told {
            reward: &self.now.rewards,
            terminated: &self.now.terminated,
            truncated: &self.now.truncated,
            last: &self.now.last,
            last_joint: &self.now.last_joint,
            next: self.seen(),
        })
    }

    /// Returns of the lives that have ended since this was last asked, one number per life.
    pub(super) fn take_returns(&mut self) -> Vec<f64> {
        std::mem::take(&mut self.now.finished)
    }

    pub(super) fn save(&self) -> Now {
        self.now.clone()
    }

    /// Length of a mask.
    fn choices(&self) -> usize {
        let width: usize = self.interface.space.discrete.iter().sum();
        if self.interface.masked() {
            self.now.rewards.len() * width
        } else {
            0
        }
    }

    /// Whether what was stored has the shape of what is here.
    pub(super) fn fits(&self, stored: &Now) -> bool {
        let now = &self.now;
        stored.observation.len() == now.observation.len()
            && stored.last.len() == now.last.len()
            && stored.joint.len() == now.joint.len()
            && stored.last_joint.len() == now.last_joint.len()
            && stored.rewards.len() == now.rewards.len()
            && stored.returns.len() == now.returns.len()
            && stored.terminated.len() == now.terminated.len()
            && stored.truncated.len() == now.truncated.len()
            && [0, self.choices()].contains(&stored.mask.len())
    }

    pub(super) fn load(&mut self, stored: Now) {
        self.now = stored;
    }
}
