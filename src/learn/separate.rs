//! Members with policies of their own, each learned by a learner of its own (key `policies = separate`).
//!
//! The members of an agent share one policy unless they are told not to: what one lives through teaches all, which is right where they are alike. Members
//! with parts of their own, or equilibria in which like members do unlike things, need policies of their own. With `alternate` one member
//! learns at a time while the others play by their policies as they stand.

use super::rows::{self, Rows};
use super::{LearnError, Learner, Numbers, Policy, PolicyMemory, decode, encode};
use crate::env::{Actions, Game, Seat, Seen, Told};
use crate::learn::policy::PolicyKind;
use crate::num::random::Key;
use serde::{Deserialize, Serialize};

/// Stream of the seeds of members.
const MEMBERS: u64 = 0x7365_7061;

/// One member and its learner.
struct Part {
    learner: Box<dyn Learner>,
    /// Its slots: one number per world.
    slots: Vec<usize>,
    /// Its policy while it does not learn, with what that carries.
    standing: Option<(Policy, PolicyMemory)>,
    /// Whether it has chosen since it began to learn.
    acted: bool,
    seed: u64,
}

/// A learner for each member.
pub struct Separate {
    seat: Seat,
    parts: Vec<Part>,
    /// Rounds of one before the next has its turn.
    alternate: Option<u64>,
    turn: usize,
    /// Rounds since the turn began.
    since: u64,
    scratch: Rows,
}

/// All of it between two turns.
#[derive(Serialize, Deserialize)]
struct Stored {
    parts: Vec<(Vec<u8>, Option<PolicyMemory>, bool)>,
    turn: usize,
    since: u64,
}

impl Separate {
    /// A learner for each member of a seat; `make` makes one for a seat of one member and a seed.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn new(
        make: &dyn Fn(&Seat, u64) -> Result<Box<dyn Learner>, LearnError>,
        seat: &Seat,
        seed: u64,
        alternate: Option<u64>,
    ) -> Result<Separate, LearnError> {
        let own = rows::of_one(seat);
        let part = |m: usize| {
            let seed = Key::new(seed, MEMBERS + m as u64).bits(0, 0);
            Ok(Part {
                learner: make(&own, seed)?,
                slots: (0..own.slots).map(|w| w * seat.members + m).collect(),
                standing: None,
                acted: false,
                seed,
            })
        };
        let mut separate = Separate {
            seat: seat.clone(),
            parts: (0..seat.members).map(part).collect::<Result<_, LearnError>>()?,
            alternate,
            turn: 0,
            since: 0,
            scratch: Rows::default(),
        };
        separate.let_stand();
        Ok(separate)
    }

    /// Whoever is not on turn, or has learned, plays by its policy.
    fn let_stand(&mut self) {
        let (turn, alternate) = (self.turn, self.alternate.is_some());
        for (m, part) in self.parts.iter_mut().enumerate() {
            let learns = !part.learner.is_done() && (!alternate || m == turn);
            if learns && part.standing.take().is_some() {
                part.acted = false;
            } else if !learns && part.standing.is_none() {
                let policy = part.learner.policy();
                let memory = policy.actor(part.slots.len(), Key::new(part.seed, part.learner.steps()).bits(0, 0));
                part.standing = Some((policy, memory));
            }
        }
    }

    /// The next who has not learned all.
    fn pass_on(&mut self) {
        self.since = 0;
        for _ in 0..self.parts.len() {
            self.turn = (self.turn + 1) % self.parts.len();
            if !self.parts[self.turn].learner.is_done() {
                break;
            }
        }
    }
}

impl Learner for Separate {
    fn method(&self) -> &'static str {
        self.parts[0].learner.method()
    }

    fn warm_start(&mut self, trial: &mut dyn Game, seed: u64) -> Result<Option<String>, LearnError> {
        // Each looks for a constant to which one member's best reply is the same constant.
        let mut said = None;
        for part in &mut self.parts {
            said = part.learner.warm_start(trial, seed)?;
        }
        self.parts.iter_mut().for_each(|p| p.standing = None);
        self.let_stand();
        Ok(said)
    }

    fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        actions.fit(self.seat.slots, &self.seat.space);
        let mut own = Actions::default();
        for part in &mut self.parts {
            self.scratch.see(&self.seat, &part.slots, seen);
            let seen = self.scratch.seen();
            match &mut part.standing {
                Some((policy, memory)) => {
                    policy.act(memory, seen.observation, seen.mask, part.slots.len(), false, &mut own);
                }
                None => {
                    part.learner.act(&seen, &mut own)?;
                    part.acted = true;
                }
            }
            rows::put(&part.slots, &own, &self.seat.space, actions);
        }
        Ok(())
    }

    fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
        for part in &mut self.parts {
            self.scratch.hear(&self.seat, &part.slots, told);
            let told = self.scratch.told();
            match &mut part.standing {
                Some((policy, memory)) => policy.forget(memory, |row| told.ended(row)),
                None if part.acted => part.learner.told(&told)?,
                None => {}
            }
        }
        Ok(())
    }

    fn learn(&mut self) -> Result<Option<Numbers>, LearnError> {
        let mut sums: Vec<(&'static str, f64, f64)> = Vec::new();
        let mut closed = false;
        for part in self.parts.iter_mut().filter(|p| p.standing.is_none() && p.acted) {
            let Some(numbers) = part.learner.learn()? else { continue };
            closed = true;
            for (name, x) in numbers {
                match sums.iter_mut().find(|(n, _, _)| *n == name) {
                    Some((_, sum, count)) => (*sum, *count) = (*sum + x, *count + 1.0),
                    None => sums.push((name, x, 1.0)),
                }
            }
        }
        if !closed {
            return Ok(None);
        }
        self.since += 1;
        let over = self.parts[self.turn].learner.is_done();
        if self.alternate.is_some_and(|n| self.since >= n || over) {
            self.pass_on();
        }
        self.let_stand();
        Ok(Some(sums.into_iter().map(|(n, sum, count)| (n, sum / count)).collect()))
    }

    fn policy(&self) -> Policy {
        let policies: Vec<Policy> = self.parts.iter().map(|p| p.learner.policy()).collect();
        Policy {
            method: self.method().into(),
            space: self.seat.space.clone(),
            observation_width: self.seat.observation_width,
            observation: None,
            centre: Vec::new(),
            kind: PolicyKind::Members { policies },
        }
    }
    fn steps(&self) -> u64 {
        self.parts.iter().map(|p| p.learner.steps()).sum()
    }
    fn total_steps(&self) -> u64 {
        self.parts.iter().map(|p| p.learner.total_steps()).sum()
    }
    fn is_done(&self) -> bool {
        self.parts.iter().all(|p| p.learner.is_done())
    }
    fn save(&self) -> Vec<u8> {
        let part = |p: &Part| (p.learner.save(), p.standing.as_ref().map(|s| s.1.clone()), p.acted);
        encode(&Stored {
            parts: self.parts.iter().map(part).collect(),
            turn: self.turn,
            since: self.since,
        })
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), LearnError> {
        let stored: Stored = decode(bytes)?;
        if stored.parts.len() != self.parts.len() || stored.turn >= self.parts.len() {
            return Err(LearnError::Mismatch {
                what: "another number of members".into(),
            });
        }
        for (part, (bytes, memory, acted)) in self.parts.iter_mut().zip(stored.parts) {
            part.learner.load(&bytes)?;
            part.standing = memory.map(|m| (part.learner.policy(), m));
            part.acted = acted;
        }
        (self.turn, self.since) = (stored.turn, stored.since);
        Ok(())
    }
}
