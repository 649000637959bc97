//! What learners that reuse old play have in common: looking, remembering, drawing batches.

use super::normalize::RunningStatistics;
use super::replay::{Batch, Moment, Replay};
use super::{LearnError, Shape, all_finite};
use crate::env::{CommonChance, VectorEnvironment};
use crate::num::random::Stream;
use serde::{Deserialize, Serialize};

/// Memory and eyes of an off-policy learner.
#[derive(Clone, Serialize, Deserialize)]
pub struct Memory {
    pub(crate) shape: Shape,
    pub(crate) observation: Option<RunningStatistics>,
    pub(crate) replay: Replay,
    pub(crate) rng: Stream,
    /// Environment steps, all slots counted.
    pub(crate) steps: u64,
    #[serde(skip)]
    seen: Vec<f32>,
    #[serde(skip)]
    pub(crate) row: Vec<f32>,
}

impl Memory {
    /// An empty memory after `steps` steps spent otherwise.
    pub(super) fn new(shape: Shape, standardize: bool, replay: Replay, seed: u64, steps: u64) -> Memory {
        let observation = standardize.then(|| RunningStatistics::new(shape.observation_width));
        let rng = Stream::new(seed, 3);
        Memory {
            shape,
            observation,
            replay,
            rng,
            steps,
            seen: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Takes in what is seen now; the standardised rows stand in `row` afterwards.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    pub fn look(&mut self, env: &dyn VectorEnvironment) -> Result<(), LearnError> {
        all_finite("an observation", env.observation(), self.steps)?;
        self.seen.clear();
        self.seen.extend_from_slice(env.observation());
        match &mut self.observation {
            Some(statistics) => {
                statistics.update(&self.seen);
                statistics.apply(&self.seen, &mut self.row);
            }
            None => self.row.clone_from(&self.seen),
        }
        Ok(())
    }

    /// Steps the environment by `continuous` and `discrete` and remembers, of the former as `chosen`. `choice[s]` numbers the joint choice of slot `s`, `allowed(env, s)` writes
    /// what it may choose next.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`].
    pub fn step(
        &mut self,
        env: &mut dyn VectorEnvironment,
        continuous: &[f32],
        chosen: &[f32],
        discrete: &[u32],
        choice: &[u32],
        allowed: impl Fn(&dyn VectorEnvironment, usize) -> Vec<f32>,
    ) -> Result<(), LearnError> {
        env.step(continuous, discrete);
        all_finite("a reward", env.reward(), self.steps)?;
        let (w, c) = (self.shape.observation_width, self.shape.space.continuous);
        for s in 0..self.shape.slots {
            let terminated = env.terminated()[s];
            let ended = terminated || env.truncated()[s];
            let after = if ended {
                env.final_observation()
            } else {
                env.observation()
            };
            let moment = Moment {
                observation: &self.seen[s * w..(s + 1) * w],
                continuous: &chosen[s * c..(s + 1) * c],
                choice: choice.get(s).copied().unwrap_or(0),
                reward: env.reward()[s],
                next: &after[s * w..(s + 1) * w],
                // After an end the mask belongs to the next episode; at a truncation everything is taken as allowed.
                allowed: &if ended { Vec::new() } else { allowed(env, s) },
                terminated,
                ended,
            };
            self.replay.push(&moment);
        }
        self.steps += self.shape.slots as u64;
        Ok(())
    }

    /// Draws a batch with standardised observations.
    pub fn draw(&mut self, count: usize, beta: f64, batch: &mut Batch) {
        self.replay.sample(count, beta, &mut self.rng, batch);
        self.standardize(batch);
    }

    /// The same in runs that met the same chance (see [`Replay::sample_groups`]).
    pub fn draw_groups(&mut self, count: usize, common: CommonChance, batch: &mut Batch) {
        self.replay.sample_groups(count, common, &mut self.rng, batch);
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
        self.shape == other.shape && self.replay.fits(&other.replay)
    }
}
