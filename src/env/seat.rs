//! The place of a decision maker in an economy: what it sees before it chooses, what it chooses, what it is told afterwards.
//!
//! All that a learner knows of the world goes through here; it never holds the environment. Arrays are row-major with one row per *slot*
//! (one member in one world); see [`super::game`].

use super::{ActionSpace, CommonChance};
use serde::{Deserialize, Serialize};

/// The shape of a seat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    /// Decision makers: worlds times members, member fastest.
    pub slots: usize,
    /// Members of one world.
    pub members: usize,
    /// Numbers in one observation.
    pub observation_width: usize,
    /// What a decision maker chooses.
    pub space: ActionSpace,
    /// Whether choices can be forbidden.
    pub masked: bool,
    /// The model's discount factor.
    pub discount: f32,
    /// Which slots have common random numbers.
    pub chance: CommonChance,
    /// Numbers that a central critic sees; 0 where nobody asked for one.
    pub joint_width: usize,
    /// Whether all members of a world have one reward.
    pub common_reward: bool,
}

impl Seat {
    /// Runs of worlds with common random numbers that a learner compares: every world by itself where fewer than four share, or where they
    /// do not divide the worlds.
    pub fn compared(&self) -> CommonChance {
        let members = self.chance.members.max(1);
        let worlds = self.chance.worlds;
        let grouped = worlds >= 4 && (self.slots / members).is_multiple_of(worlds);
        CommonChance {
            worlds: if grouped { worlds } else { 1 },
            members,
        }
    }
}

/// What is seen before a choice.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Encoded observations, `slot x observation_width`.
    pub observation: &'a [f32],
    /// 1 where a choice is allowed, `slot x sum(sizes)` (the choices of all finite dimensions side by side); empty if
    /// none is ever forbidden.
    pub mask: &'a [f32],
    /// What a central critic sees, `slot x joint_width`; empty where nobody asked for one.
    pub joint: &'a [f32],
}

/// What came of a choice, once everybody has moved.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Rewards of the period: one value per slot.
    pub reward: &'a [f32],
    /// Whether the world ended, so that nothing follows: one entry per slot.
    pub terminated: &'a [bool],
    /// Whether the record stopped where the world would have gone on: one entry per slot.
    pub truncated: &'a [bool],
    /// Where an episode ended, what the seat would have seen next: the world as it then stood, with the choices of its
    /// last period where a later stage looks at those of an earlier one. `slot x observation_width`, as
    /// [`Seen::observation`].
    pub last: &'a [f32],
    /// The same for a central critic, `slot x joint_width`.
    pub last_joint: &'a [f32],
    /// What is seen now; where an episode ended, the first thing of the next.
    pub next: Seen<'a>,
}

impl Told<'_> {
    /// Whether the episode of a slot ended, either way.
    pub fn ended(&self, slot: usize) -> bool {
        self.terminated[slot] || self.truncated[slot]
    }
}

/// What is chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Actions {
    /// `slot x continuous` numbers in [-1, 1]; the economy scales them to the bounds.
    pub continuous: Vec<f32>,
    /// `slot x discrete` indices of choices.
    pub discrete: Vec<u32>,
}

impl Actions {
    /// Room for the choices of a seat.
    pub fn fit(&mut self, slots: usize, space: &ActionSpace) {
        self.continuous.resize(slots * space.continuous, 0.0);
        self.discrete.resize(slots * space.discrete.len(), 0);
    }
}
