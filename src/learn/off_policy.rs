//! The common part of off-policy learners: looking, remembering transitions, drawing batches.

use super::normalize::{RunningStatistics, standardize_rows};
use super::replay::{Batch, Replay, Transition};
use super::{LearnError, all_finite};
use crate::env::{CommonChance, Seat, Seen, Told};
use crate::num::random::Stream;
use serde::{Deserialize, Serialize};

/// Memory and eyes of an off-policy learner.
#[derive(Clone, Serialize, Deserialize)]
pub struct Memory {
    pub(crate) seat: Seat,
    pub(crate) observation: Option<RunningStatistics>,
    pub(crate) replay: Replay,
    pub(crate) rng: Stream,
    /// Environment steps, all slots counted.
    pub(crate) steps: u64,
    /// What the seat saw and chose in the period that is not over yet.
    seen: Vec<f32>,
    chosen: Vec<f32>,
    choice: Vec<u32>,
    #[serde(skip)]
    pub(crate) row: Vec<f32>,
}

impl Memory {
    /// An empty memory after `steps` steps spent otherwise.
    pub(super) fn new(seat: &Seat, standardize: bool, replay: Replay, seed: u64, steps: u64) -> Memory {
        let observation = standardize.then(|| RunningStatistics::new(seat.observation_width));
        let rng = Stream::new(seed, 3);
        Memory {
            seat: seat.clone(),
            observation,
            replay,
            rng,
            steps,
            seen: Vec::new(),
            chosen: Vec::new(),
            choice: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Takes in what is seen now; the standardised rows stand in `row` afterwards.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    pub fn look(&mut self, seen: &Seen<'_>) -> Result<(), LearnError> {
        all_finite("an observation", seen.observation, self.steps)?;
        self.seen.clear();
        self.seen.extend_from_slice(seen.observation);
        if let Some(statistics) = &mut self.observation {
            statistics.update(&self.seen);
        }
        standardize_rows(self.observation.as_ref(), &self.seen, &mut self.row);
        Ok(())
    }

    /// What is chosen at what was seen last: `continuous` (`slot x continuous`) as it is to be remembered, and the
    /// number of each slot's joint choice (one per slot; empty if nothing is finite).
    pub fn chose(&mut self, continuous: &[f32], choice: &[u32]) {
        self.chosen.clear();
        self.chosen.extend_from_slice(continuous);
        self.choice.clear();
        self.choice.extend_from_slice(choice);
    }

    /// Remembers the period that is over. `allowed(s)` gives what slot `s` may choose next: 1 or 0 per joint choice, or
    /// empty.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    pub fn told(&mut self, told: &Told<'_>, allowed: impl Fn(usize) -> Vec<f32>) -> Result<(), LearnError> {
        all_finite("a reward", told.reward, self.steps)?;
        let (w, c) = (self.seat.observation_width, self.seat.space.continuous);
        for s in 0..self.seat.slots {
            let ended = told.ended(s);
            let after = if ended { told.last } else { told.next.observation };
            let moment = Transition {
                observation: &self.seen[s * w..(s + 1) * w],
                continuous: &self.chosen[s * c..(s + 1) * c],
                choice: self.choice.get(s).copied().unwrap_or(0),
                reward: told.reward[s],
                next: &after[s * w..(s + 1) * w],
                // After an end the mask belongs to the next episode; at a truncation everything is taken as allowed.
                allowed: &if ended { Vec::new() } else { allowed(s) },
                terminated: told.terminated[s],
                ended,
            };
            self.replay.push(&moment);
        }
        self.steps += self.seat.slots as u64;
        Ok(())
    }

    /// Draws a batch with standardised observations.
    pub fn draw(&mut self, count: usize, beta: f64, batch: &mut Batch) {
        self.replay.sample(count, beta, &mut self.rng, batch);
        self.standardize(batch);
    }

    /// As [`Memory::draw`], in runs of worlds with common random numbers (see [`Replay::sample_groups`]).
    pub fn draw_groups(&mut self, count: usize, common: CommonChance, batch: &mut Batch) {
        self.replay.sample_groups(count, common, &mut self.rng, batch);
        self.standardize(batch);
    }

    /// Draws periods of worlds, `count` of them with all `members` each, with standardised observations; rows are periods, then members.
    pub fn draw_teams(&mut self, count: usize, members: usize, batch: &mut Batch) {
        self.replay.sample_teams(count, members, &mut self.rng, batch);
        self.standardize(batch);
    }

    fn standardize(&mut self, batch: &mut Batch) {
        if let Some(statistics) = &self.observation {
            for rows in [&mut batch.observation, &mut batch.after] {
                statistics.apply(rows, &mut self.row);
                std::mem::swap(rows, &mut self.row);
            }
        }
    }

    /// Whether what was read from a file can be used in place of `self`.
    pub fn fits(&self, other: &Memory) -> bool {
        self.seat == other.seat && self.replay.fits(&other.replay)
    }
}

/// What has happened since the last report of an off-policy learner: steps at which it began and at which was last learned, and
/// sums over gradient steps.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Since {
    begun: u64,
    learned: u64,
    /// Losses.
    pub loss: f64,
    /// Gradient steps.
    pub count: u32,
    /// Another number, and how often it was added to.
    pub other: (f64, u32),
}

impl Since {
    /// Nothing since `steps`.
    pub fn new(steps: u64) -> Since {
        Since {
            begun: steps,
            learned: steps,
            ..Since::default()
        }
    }

    /// Whether play has gone on for `every` steps since it last learned.
    pub fn is_due(&mut self, steps: u64, every: usize) -> bool {
        let due = steps >= self.learned + every as u64;
        if due {
            self.learned = steps;
        }
        due
    }

    /// Whether it is time for a report: a thousand steps, or what is played between two gradient steps.
    pub fn is_long(&self, steps: u64, every: usize) -> bool {
        steps >= self.begun + every.max(1000) as u64
    }

    /// Mean loss, and mean of the other number.
    pub fn means(&self) -> (f64, f64) {
        (
            self.loss / f64::from(self.count.max(1)),
            self.other.0 / f64::from(self.other.1.max(1)),
        )
    }
}
