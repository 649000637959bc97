//! Learning against past selves (self-play with a pool, as in Bansal et al. 2018, arXiv 1710.03748; fictitious self-play: Heinrich and Silver 2016).
//!
//! Who only meets itself as it is now can go round for ever: it unlearns what beat its older self. Here one member of each world learns; the others play by the
//! policy as it stood after the last update or, in a share of the episodes, by one of a pool of past selves. The pool is spread over the whole of
//! learning: when it is full, every second one is let go and the next are taken half as often.

use super::rows::{self, Rows};
use super::{LearnError, Learner, Numbers, Policy, PolicyMemory, decode, encode};
use crate::env::{Actions, Game, Seat, Seen, Told};
use crate::num::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// A learner that meets past selves.
pub struct SelfPlay {
    seat: Seat,
    inner: Box<dyn Learner>,
    /// The slot of each world whose member learns, and the others.
    learning: Vec<usize>,
    /// The share of the episodes in which the others are past selves, and the most of these.
    share: f64,
    most: usize,
    now: Now,
    scratch: Rows,
}

/// What moves, beside the learner.
#[derive(Clone, Serialize, Deserialize)]
struct Now {
    /// The policy after the last update, and past ones, the oldest first.
    current: Policy,
    pool: Vec<Policy>,
    /// Updates between two that are kept, and updates so far.
    every: u64,
    updates: u64,
    /// Who the others are, by world: 0 the current policy, `i` number `i` of the pool.
    others: Vec<u32>,
    chance: Stream,
    /// The noise of the others.
    noise: PolicyMemory,
}

impl SelfPlay {
    /// Around a learner for a seat of one member of each world, which `make` makes.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn new(
        make: &dyn Fn(&Seat, u64) -> Result<Box<dyn Learner>, LearnError>,
        seat: &Seat,
        seed: u64,
        (most, share): (usize, f64),
    ) -> Result<SelfPlay, LearnError> {
        let own = rows::of_one(seat);
        let inner = make(&own, seed)?;
        let current = inner.policy();
        // Worlds that are compared with one another have the same member learn.
        let together = seat.compared().worlds;
        let learning = (0..own.slots)
            .map(|w| w * seat.members + w / together % seat.members)
            .collect();
        Ok(SelfPlay {
            now: Now {
                noise: current.actor(seat.slots, seed),
                current,
                pool: Vec::new(),
                every: 1,
                updates: 0,
                others: vec![0; own.slots],
                chance: Stream::new(seed, 0x706f_6f6c),
            },
            seat: seat.clone(),
            inner,
            learning,
            share,
            most: most.max(1),
            scratch: Rows::default(),
        })
    }

    /// Somebody else in a world whose episode ended.
    fn draw(&mut self, world: usize) {
        let now = &mut self.now;
        let (luck, pick): (f64, f64) = (now.chance.random(), now.chance.random());
        let past = !now.pool.is_empty() && luck < self.share;
        now.others[world] = if past {
            1 + (pick * now.pool.len() as f64) as u32
        } else {
            0
        };
    }
}

impl Learner for SelfPlay {
    fn method(&self) -> &'static str {
        self.inner.method()
    }

    fn warm_start(&mut self, trial: &mut dyn Game, seed: u64) -> Result<Option<String>, LearnError> {
        let said = self.inner.warm_start(trial, seed)?;
        self.now.current = self.inner.policy();
        Ok(said)
    }

    fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) -> Result<(), LearnError> {
        actions.fit(self.seat.slots, &self.seat.space);
        let mut own = Actions::default();
        self.scratch.see(&self.seat, &self.learning, seen);
        self.inner.act(&self.scratch.seen(), &mut own)?;
        rows::put(&self.learning, &own, &self.seat.space, actions);
        let members = self.seat.members;
        for number in 0..=self.now.pool.len() as u32 {
            let slots: Vec<usize> = (0..self.seat.slots)
                .filter(|s| self.now.others[s / members] == number && self.learning[s / members] != *s)
                .collect();
            if slots.is_empty() {
                continue;
            }
            self.scratch.see(&self.seat, &slots, seen);
            let Now {
                current, pool, noise, ..
            } = &mut self.now;
            let policy = match number {
                0 => &*current,
                i => &pool[i as usize - 1],
            };
            let seen = self.scratch.seen();
            policy.act(noise, seen.observation, seen.mask, slots.len(), false, &mut own);
            rows::put(&slots, &own, &self.seat.space, actions);
        }
        Ok(())
    }

    fn told(&mut self, told: &Told<'_>) -> Result<(), LearnError> {
        self.scratch.hear(&self.seat, &self.learning, told);
        self.inner.told(&self.scratch.told())?;
        for world in 0..self.learning.len() {
            if told.ended(self.learning[world]) {
                self.draw(world);
            }
        }
        Ok(())
    }

    fn learn(&mut self) -> Result<Option<Numbers>, LearnError> {
        let Some(mut numbers) = self.inner.learn()? else {
            return Ok(None);
        };
        let policy = self.inner.policy();
        let now = &mut self.now;
        now.updates += 1;
        if now.updates.is_multiple_of(now.every) {
            now.pool.push(std::mem::replace(&mut now.current, policy));
            if now.pool.len() > self.most {
                now.pool = now.pool.drain(..).step_by(2).collect();
                now.every *= 2;
            }
            // Numbers of the pool mean somebody else now.
            (0..self.learning.len()).for_each(|w| self.draw(w));
        } else {
            now.current = policy;
        }
        numbers.push(("past_selves", self.now.pool.len() as f64));
        Ok(Some(numbers))
    }

    fn policy(&self) -> Policy {
        self.inner.policy()
    }
    fn steps(&self) -> u64 {
        self.inner.steps()
    }
    fn total_steps(&self) -> u64 {
        self.inner.total_steps()
    }
    fn save(&self) -> Vec<u8> {
        encode(&(self.inner.save(), &self.now))
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), LearnError> {
        let (inner, now): (Vec<u8>, Now) = decode(bytes)?;
        if now.others.len() != self.learning.len() || now.others.iter().any(|o| *o as usize > now.pool.len()) {
            return Err(LearnError::Mismatch {
                what: "another number of worlds or past selves".into(),
            });
        }
        for p in now.pool.iter().chain([&now.current]) {
            p.check()?;
        }
        self.inner.load(&inner)?;
        self.now = now;
        Ok(())
    }
}
