//! Some of the slots of a seat as a seat of their own: what they see, do and are told.

use crate::env::{ActionSpace, Actions, CommonChance, Seat, Seen, Told};

/// What chosen slots see and are told, row by row in their order.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    observation: Vec<f32>,
    mask: Vec<f32>,
    joint: Vec<f32>,
    reward: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    last: Vec<f32>,
    last_joint: Vec<f32>,
}

/// The rows `slots` of `all`, which has `width` numbers a row; nothing where `all` is empty.
fn pick<T: Copy>(slots: &[usize], all: &[T], width: usize, out: &mut Vec<T>) {
    out.clear();
    if !all.is_empty() {
        slots
            .iter()
            .for_each(|s| out.extend_from_slice(&all[s * width..(s + 1) * width]));
    }
}

impl Rows {
    /// What these slots of a seat see.
    pub fn see(&mut self, seat: &Seat, slots: &[usize], seen: &Seen<'_>) {
        pick(slots, seen.observation, seat.observation_width, &mut self.observation);
        pick(slots, seen.mask, seat.space.discrete.iter().sum(), &mut self.mask);
        pick(slots, seen.joint, seat.joint_width, &mut self.joint);
    }

    /// What these slots are told, and then see.
    pub fn hear(&mut self, seat: &Seat, slots: &[usize], told: &Told<'_>) {
        self.see(seat, slots, &told.next);
        pick(slots, told.reward, 1, &mut self.reward);
        pick(slots, told.terminated, 1, &mut self.terminated);
        pick(slots, told.truncated, 1, &mut self.truncated);
        pick(slots, told.last, seat.observation_width, &mut self.last);
        pick(slots, told.last_joint, seat.joint_width, &mut self.last_joint);
    }

    /// What was taken in last.
    pub fn seen(&self) -> Seen<'_> {
        Seen {
            observation: &self.observation,
            mask: &self.mask,
            joint: &self.joint,
        }
    }

    /// What was heard last.
    pub fn told(&self) -> Told<'_> {
        Told {
            reward: &self.reward,
            terminated: &self.terminated,
            truncated: &self.truncated,
            last: &self.last,
            last_joint: &self.last_joint,
            next: self.seen(),
        }
    }
}

/// Puts what these slots do among what all do.
pub fn put(slots: &[usize], own: &Actions, space: &ActionSpace, all: &mut Actions) {
    let (c, d) = (space.continuous, space.discrete.len());
    for (row, s) in slots.iter().enumerate() {
        all.continuous[s * c..(s + 1) * c].copy_from_slice(&own.continuous[row * c..(row + 1) * c]);
        all.discrete[s * d..(s + 1) * d].copy_from_slice(&own.discrete[row * d..(row + 1) * d]);
    }
}

/// A seat for one member of each world.
pub fn of_one(seat: &Seat) -> Seat {
    Seat {
        slots: seat.slots / seat.members.max(1),
        members: 1,
        chance: CommonChance {
            worlds: seat.chance.worlds,
            members: 1,
        },
        ..seat.clone()
    }
}
