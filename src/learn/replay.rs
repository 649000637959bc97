//! Memory of past transitions, for learners that reuse them: uniform or prioritised, one or several steps.
//!
//! A transition over `n` periods holds `r_0 + d r_1 + .. + d^(n-1) r_(n-1)` and the weight `d^n` of the value that follows: zero
//! after a termination, and the value of the episode's last observation after a truncation. Where an episode ends
//! early, the shorter sums are kept too. Prioritised sampling is proportional (Schaul et al. 2016): probability
//! `p^alpha / sum`, weights `(count * probability)^-beta` over the largest of the batch.

use crate::env::CommonChance;
use crate::num::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Widths of the parts of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widths {
    /// Of an observation.
    pub observation: usize,
    /// Continuous action dimensions.
    pub continuous: usize,
    /// Numbers that say which choices are allowed next.
    pub allowed: usize,
}

/// What one slot did in one period.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// What it saw.
    pub observation: &'a [f32],
    /// What it chose, continuous.
    pub continuous: &'a [f32],
    /// What it chose, the number of the joint choice.
    pub choice: u32,
    /// What it was paid.
    pub reward: f32,
    /// What it saw next (of the same episode).
    pub next: &'a [f32],
    /// What it may choose next (empty if anything, or unknown).
    pub allowed: &'a [f32],
    /// Whether the world ended.
    pub terminated: bool,
    /// Whether the episode stopped, either way.
    pub ended: bool,
}

/// The memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    widths: Widths,
    capacity: usize,
    discount: f32,
    steps: usize,
    len: usize,
    next: usize,
    observation: Vec<f32>,
    after: Vec<f32>,
    continuous: Vec<f32>,
    allowed: Vec<f32>,
    choice: Vec<u32>,
    reward: Vec<f32>,
    weight: Vec<f32>,
    pending: Vec<VecDeque<Pending>>,
    priorities: Option<Priorities>,
}

/// A transition whose sum is not complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    observation: Vec<f32>,
    continuous: Vec<f32>,
    choice: u32,
    reward: f32,
    weight: f32,
}

/// A batch drawn from the memory.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Positions in the memory.
    pub index: Vec<usize>,
    /// What was seen.
    pub observation: Vec<f32>,
    /// What was seen `n` periods later.
    pub after: Vec<f32>,
    /// Continuous actions.
    pub continuous: Vec<f32>,
    /// Joint choices.
    pub choice: Vec<u32>,
    /// What may be chosen after; empty if anything.
    pub allowed: Vec<f32>,
    /// Discounted sums of rewards.
    pub reward: Vec<f32>,
    /// Weight of the value that follows.
    pub weight: Vec<f32>,
    /// Importance of each row, at most 1.
    pub importance: Vec<f32>,
}

impl Replay {
    /// Room for `capacity` transitions of `steps` periods; prioritised with exponent `alpha` if given.
    pub fn new(
        widths: Widths,
        capacity: usize,
        slots: usize,
        steps: usize,
        discount: f32,
        alpha: Option<f64>,
    ) -> Replay {
        Replay {
            widths,
            capacity: capacity.max(1),
            discount,
            steps: steps.max(1),
            len: 0,
            next: 0,
            observation: Vec::new(),
            after: Vec::new(),
            continuous: Vec::new(),
            allowed: Vec::new(),
            choice: Vec::new(),
            reward: Vec::new(),
            weight: Vec::new(),
            pending: vec![VecDeque::new(); slots],
            priorities: alpha.map(|a| Priorities::new(capacity.max(1), a)),
        }
    }

    /// Number of transitions held.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Rewards held (sums where `n > 1`).
    pub fn rewards(&self) -> &[f32] {
        &self.reward
    }
    /// Share of the transitions after which the world had ended.
    pub fn share_terminated(&self) -> f64 {
        self.weight.iter().filter(|w| **w == 0.0).count() as f64 / self.len.max(1) as f64
    }

    /// Remembers what slot `slot` did.
    pub fn push(&mut self, slot: usize, moment: &Moment) {
        let mut pending = std::mem::take(&mut self.pending[slot]);
        pending.push_back(Pending {
            observation: moment.observation.to_vec(),
            continuous: moment.continuous.to_vec(),
            choice: moment.choice,
            reward: 0.0,
            weight: 1.0,
        });
        for p in &mut pending {
            p.reward += p.weight * moment.reward;
            p.weight *= self.discount;
        }
        while pending.len() >= self.steps || (moment.ended && !pending.is_empty()) {
            let Some(mut p) = pending.pop_front() else {
                break;
            };
            if moment.terminated {
                p.weight = 0.0;
            }
            self.store(&p, moment);
        }
        self.pending[slot] = pending;
    }

    fn store(&mut self, p: &Pending, moment: &Moment) {
        let at = self.next;
        put(&mut self.observation, at, &p.observation);
        put(&mut self.after, at, moment.next);
        put(&mut self.continuous, at, &p.continuous);
        if moment.allowed.len() == self.widths.allowed {
            put(&mut self.allowed, at, moment.allowed);
        } else {
            put(&mut self.allowed, at, &vec![1.0; self.widths.allowed]);
        }
        put(&mut self.choice, at, &[p.choice]);
        put(&mut self.reward, at, &[p.reward]);
        put(&mut self.weight, at, &[p.weight]);
        if let Some(priorities) = &mut self.priorities {
            priorities.set(at, priorities.largest);
        }
        self.next = (at + 1) % self.capacity;
        self.len = (self.len + 1).min(self.capacity);
    }

    /// Draws `count` transitions, with replacement, in runs of `common.worlds` that met the same chance: the same member in
    /// neighbouring worlds in one period. Only for memories of single periods without priorities, whose capacity is a
    /// multiple of the number of slots.
    pub fn sample_groups(&self, count: usize, common: CommonChance, rng: &mut Stream, batch: &mut Batch) {
        batch.index.clear();
        let slots = self.pending.len().max(1);
        let (size, members) = (common.worlds, common.members.max(1));
        let worlds = slots / members;
        let (periods, groups) = ((self.len / slots).max(1), (worlds / size).max(1));
        while batch.index.len() < count {
            let period = rng.random_range(0..periods);
            let first = rng.random_range(0..groups) * size;
            let member = rng.random_range(0..members);
            let rows = (first..first + size).map(|w| period * slots + w * members + member);
            batch.index.extend(rows.take(count - batch.index.len()));
        }
        batch.importance.clear();
        batch.importance.resize(count, 1.0);
        self.take(batch);
    }

    /// Draws `count` transitions, with replacement; `beta` corrects prioritised sampling.
    pub fn sample(&self, count: usize, beta: f64, rng: &mut Stream, batch: &mut Batch) {
        batch.index.clear();
        batch.importance.clear();
        match &self.priorities {
            None => {
                batch
                    .index
                    .extend((0..count).map(|_| rng.random_range(0..self.len.max(1))));
                batch.importance.resize(count, 1.0);
            }
            Some(priorities) => {
                let total = priorities.total();
                for k in 0..count {
                    // One draw from each of `count` equal parts of the total.
                    let target = (k as f64 + rng.random::<f64>()) / count as f64 * total;
                    let i = priorities.find(target).min(self.len.saturating_sub(1));
                    batch.index.push(i);
                    let share = priorities.get(i) / total;
                    batch.importance.push((self.len as f64 * share).powf(-beta) as f32);
                }
                let largest = batch.importance.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
                batch.importance.iter_mut().for_each(|w| *w /= largest);
            }
        }
        self.take(batch);
    }

    /// Copies what stands at the positions of a batch.
    fn take(&self, batch: &mut Batch) {
        let w = self.widths;
        take(&self.observation, &batch.index, w.observation, &mut batch.observation);
        take(&self.after, &batch.index, w.observation, &mut batch.after);
        take(&self.continuous, &batch.index, w.continuous, &mut batch.continuous);
        take(&self.allowed, &batch.index, w.allowed, &mut batch.allowed);
        take(&self.choice, &batch.index, 1, &mut batch.choice);
        take(&self.reward, &batch.index, 1, &mut batch.reward);
        take(&self.weight, &batch.index, 1, &mut batch.weight);
    }

    /// Sets the priorities of a batch from the absolute errors it had.
    pub fn prioritize(&mut self, index: &[usize], errors: &[f32]) {
        if let Some(priorities) = &mut self.priorities {
            for (&i, &e) in index.iter().zip(errors) {
                let p = (e.abs() as f64 + 1e-6).powf(priorities.alpha);
                priorities.largest = priorities.largest.max(p);
                priorities.set(i, p);
            }
        }
    }

    /// Whether what was read from a file can be used with these widths.
    pub fn fits(&self, other: &Replay) -> bool {
        self.widths == other.widths && self.capacity == other.capacity && self.pending.len() == other.pending.len()
    }
}

/// Writes row `at`, which exists or is the next.
fn put<T: Copy>(to: &mut Vec<T>, at: usize, row: &[T]) {
    let w = row.len();
    if to.len() < (at + 1) * w {
        to.extend_from_slice(row);
    } else {
        to[at * w..(at + 1) * w].copy_from_slice(row);
    }
}

fn take<T: Copy>(from: &[T], index: &[usize], width: usize, to: &mut Vec<T>) {
    to.clear();
    for &i in index {
        to.extend_from_slice(&from[i * width..(i + 1) * width]);
    }
}

/// A binary tree of sums over priorities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Priorities {
    alpha: f64,
    leaves: usize,
    sums: Vec<f64>,
    largest: f64,
}

impl Priorities {
    fn new(capacity: usize, alpha: f64) -> Self {
        let leaves = capacity.next_power_of_two();
        Priorities {
            alpha,
            leaves,
            sums: vec![0.0; 2 * leaves],
            largest: 1.0,
        }
    }
    fn total(&self) -> f64 {
        self.sums[1]
    }
    fn get(&self, i: usize) -> f64 {
        self.sums[self.leaves + i]
    }
    fn set(&mut self, i: usize, p: f64) {
        let mut at = self.leaves + i;
        self.sums[at] = p;
        while at > 1 {
            at /= 2;
            self.sums[at] = self.sums[2 * at] + self.sums[2 * at + 1];
        }
    }
    /// The leaf where the running sum passes `target`.
    fn find(&self, mut target: f64) -> usize {
        let mut at = 1;
        while at < self.leaves {
            at *= 2;
            if target >= self.sums[at] && self.sums[at + 1] > 0.0 {
                target -= self.sums[at];
                at += 1;
            }
        }
        at - self.leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(steps: usize, alpha: Option<f64>) -> Replay {
        Replay::new(
            Widths {
                observation: 1,
                continuous: 0,
                allowed: 0,
            },
            8,
            1,
            steps,
            0.5,
            alpha,
        )
    }

    fn play(m: &mut Replay, t: usize, terminated: bool, ended: bool) {
        let next = [t as f32 + 1.0];
        m.push(
            0,
            &Moment {
                observation: &[t as f32],
                continuous: &[],
                choice: t as u32,
                reward: 10f32.powi(t as i32),
                next: &next,
                allowed: &[],
                terminated,
                ended,
            },
        );
    }

    #[test]
    fn several_step_sums_stop_at_termination_and_bootstrap_at_truncation() {
        for terminated in [true, false] {
            let mut m = memory(3, None);
            for t in 0..4 {
                play(&mut m, t, terminated && t == 3, t == 3);
            }
            assert_eq!(m.choice, vec![0, 1, 2, 3]);
            assert_eq!(
                m.reward,
                vec![1.0 + 5.0 + 25.0, 10.0 + 50.0 + 250.0, 100.0 + 500.0, 1000.0]
            );
            assert_eq!(m.after, vec![3.0, 4.0, 4.0, 4.0]);
            let last = if terminated {
                vec![0.125, 0.0, 0.0, 0.0]
            } else {
                vec![0.125, 0.125, 0.25, 0.5]
            };
            assert_eq!(m.weight, last);
            assert!(m.pending[0].is_empty());
        }
    }

    #[test]
    fn the_oldest_transition_is_overwritten() {
        let mut m = memory(1, None);
        for t in 0..11 {
            play(&mut m, t, false, false);
        }
        assert_eq!(m.len(), 8);
        assert_eq!(m.choice, vec![8, 9, 10, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn prioritised_draws_have_the_stated_probabilities_and_weights() {
        let mut m = memory(1, Some(1.0));
        for t in 0..4 {
            play(&mut m, t, false, false);
        }
        m.prioritize(&[0, 1, 2, 3], &[1.0, 2.0, 3.0, 4.0]);
        let mut counts = [0usize; 4];
        let mut batch = Batch::default();
        let mut rng = Stream::new(1, 0);
        for _ in 0..1000 {
            m.sample(10, 1.0, &mut rng, &mut batch);
            for (&i, &w) in batch.index.iter().zip(&batch.importance) {
                counts[i] += 1;
                // Weight 1 / probability over the largest, which belongs to the rarest drawn.
                let rarest = batch.index.iter().min().copied().unwrap_or(0);
                assert!((w - (rarest + 1) as f32 / (i + 1) as f32).abs() < 1e-4);
            }
        }
        for (i, c) in counts.iter().enumerate() {
            assert!((*c as f64 / 10_000.0 - (i + 1) as f64 / 10.0).abs() < 0.01);
        }
    }
}
