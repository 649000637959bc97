//! Memory of past transitions, for learners that reuse them: uniform or prioritised, one or several steps.
//!
//! Rows are kept as they were played, slot after slot, period after period, in a ring. [`Replay`] puts a transition over `n` periods
//! together when it draws one: `r_0 + d r_1 + .. + d^(n-1) r_(n-1)` and the weight `d^n` of the value that follows, which is zero
//! after a termination, and at a truncation goes to the episode's last observation. Where an episode or the memory
//! ends early, the sum is shorter. Prioritised sampling is proportional (Schaul et al. 2016): probability
//! `p^alpha / sum`, weights `(count * probability)^-beta` over the largest of the batch.

use crate::env::CommonChance;
use crate::num::random::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};

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

/// What one slot did in one period: a transition of one step.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    /// What it saw: one number per column, `widths.observation`.
    pub observation: &'a [f32],
    /// What it chose: one number per continuous dimension, `widths.continuous`.
    pub continuous: &'a [f32],
    /// What it chose, the number of the joint choice.
    pub choice: u32,
    /// What it was paid.
    pub reward: f32,
    /// What it saw next (of the same episode): one number per column, `widths.observation`.
    pub next: &'a [f32],
    /// What it may choose next: 1 or 0 per joint choice, `widths.allowed` (empty if anything, or unknown).
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
    slots: usize,
    /// Rows there is room for, a multiple of the slots.
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
    terminated: Vec<bool>,
    ended: Vec<bool>,
    priorities: Option<Priorities>,
}

/// A batch of `n` transitions drawn from the memory. Arrays are row-major, with one row per transition.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Positions of the first rows in the memory: one per transition, `n`.
    pub index: Vec<usize>,
    /// Positions of the last rows in the memory: one per transition, `n`.
    last: Vec<usize>,
    /// What was seen, `n x observation`.
    pub observation: Vec<f32>,
    /// What was seen as many periods later as rewards are summed over, `n x observation`.
    pub after: Vec<f32>,
    /// Continuous actions, `n x continuous`.
    pub continuous: Vec<f32>,
    /// Numbers of joint choices: one per transition, `n`.
    pub choice: Vec<u32>,
    /// 1 where a joint choice is allowed after, `n x allowed`; empty if anything is.
    pub allowed: Vec<f32>,
    /// Discounted sums of rewards: one per transition, `n`.
    pub reward: Vec<f32>,
    /// Weight of the value that follows (0 after a termination): one per transition, `n`.
    pub weight: Vec<f32>,
    /// Importance weight, at most 1: one per transition, `n`.
    pub importance: Vec<f32>,
}

impl Replay {
    /// Room for `capacity` transitions (rounded up to whole periods) of `steps` periods; prioritised with exponent `alpha` if
    /// given.
    pub fn new(
        widths: Widths,
        capacity: usize,
        slots: usize,
        steps: usize,
        discount: f32,
        alpha: Option<f64>,
    ) -> Replay {
        let slots = slots.max(1);
        let capacity = capacity.max(1).next_multiple_of(slots);
        Replay {
            widths,
            slots,
            capacity,
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
            terminated: Vec::new(),
            ended: Vec::new(),
            priorities: alpha.map(|a| Priorities::new(capacity, a)),
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
    /// Rewards held: one per transition, in the order of the ring.
    pub fn rewards(&self) -> &[f32] {
        &self.reward
    }
    /// Share of the transitions after which the world had ended.
    pub fn share_terminated(&self) -> f64 {
        self.terminated.iter().filter(|t| **t).count() as f64 / self.len.max(1) as f64
    }

    /// Remembers what the next slot did: slots come in order, period after period.
    pub fn push(&mut self, moment: &Transition) {
        let at = self.next;
        put(&mut self.observation, at, moment.observation);
        put(&mut self.after, at, moment.next);
        put(&mut self.continuous, at, moment.continuous);
        if moment.allowed.len() == self.widths.allowed {
            put(&mut self.allowed, at, moment.allowed);
        } else {
            put(&mut self.allowed, at, &vec![1.0; self.widths.allowed]);
        }
        put(&mut self.choice, at, &[moment.choice]);
        put(&mut self.reward, at, &[moment.reward]);
        put(&mut self.terminated, at, &[moment.terminated]);
        put(&mut self.ended, at, &[moment.ended]);
        if let Some(priorities) = &mut self.priorities {
            priorities.set(at, priorities.largest);
        }
        self.next = (at + 1) % self.capacity;
        self.len = (self.len + 1).min(self.capacity);
    }

    /// From row `first`, the last row of a transition, the discounted sum of its rewards and the weight of what follows.
    fn transition(&self, first: usize) -> (usize, f32, f32) {
        let (mut at, mut sum, mut weight) = (first, 0.0f32, 1.0f32);
        for k in 1.. {
            sum += weight * self.reward[at];
            weight *= self.discount;
            // Rows written since this one; the same slot's next row is `slots` later.
            let since = match (self.next + self.capacity - at) % self.capacity {
                0 => self.capacity,
                d => d,
            };
            if k == self.steps || self.ended[at] || since <= self.slots {
                break;
            }
            at = (at + self.slots) % self.capacity;
        }
        (at, sum, if self.terminated[at] { 0.0 } else { weight })
    }

    /// Draws `count` transitions, with replacement and without priorities, in runs of `common.worlds` with common
    /// random numbers: the same member in neighbouring worlds in one period.
    pub fn sample_groups(&self, count: usize, common: CommonChance, rng: &mut Stream, batch: &mut Batch) {
        batch.index.clear();
        let slots = self.slots;
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

    /// Draws `count` periods of a world, with replacement and without priorities, each with the transitions of all its `members`.
    pub fn sample_teams(&self, count: usize, members: usize, rng: &mut Stream, batch: &mut Batch) {
        batch.index.clear();
        let teams = (self.len / members.max(1)).max(1);
        for _ in 0..count {
            let first = rng.random_range(0..teams) * members;
            batch.index.extend(first..first + members);
        }
        batch.importance.clear();
        batch.importance.resize(count * members, 1.0);
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

    /// Puts the transitions of a batch together.
    fn take(&self, batch: &mut Batch) {
        let w = self.widths;
        take(&self.observation, &batch.index, w.observation, &mut batch.observation);
        take(&self.continuous, &batch.index, w.continuous, &mut batch.continuous);
        take(&self.choice, &batch.index, 1, &mut batch.choice);
        batch.last.clear();
        batch.reward.clear();
        batch.weight.clear();
        for &i in &batch.index {
            let (last, reward, weight) = self.transition(i);
            batch.last.push(last);
            batch.reward.push(reward);
            batch.weight.push(weight);
        }
        take(&self.after, &batch.last, w.observation, &mut batch.after);
        take(&self.allowed, &batch.last, w.allowed, &mut batch.allowed);
    }

    /// Sets the priorities of a batch from the errors it had: `index` as in [`Batch::index`], and one error for each
    /// transition of the batch (its sign is ignored).
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
        self.widths == other.widths && self.capacity == other.capacity && self.slots == other.slots
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
        m.push(&Transition {
            observation: &[t as f32],
            continuous: &[],
            choice: t as u32,
            reward: 10f32.powi(t as i32),
            next: &next,
            allowed: &[],
            terminated,
            ended,
        });
    }

    #[test]
    fn several_step_sums_stop_at_termination_and_bootstrap_at_truncation() {
        for terminated in [true, false] {
            let mut m = memory(3, None);
            for t in 0..4 {
                play(&mut m, t, terminated && t == 3, t == 3);
            }
            let mut batch = Batch {
                index: vec![0, 1, 2, 3],
                ..Batch::default()
            };
            m.take(&mut batch);
            assert_eq!(batch.choice, vec![0, 1, 2, 3]);
            assert_eq!(
                batch.reward,
                vec![1.0 + 5.0 + 25.0, 10.0 + 50.0 + 250.0, 100.0 + 500.0, 1000.0]
            );
            assert_eq!(batch.after, vec![3.0, 4.0, 4.0, 4.0]);
            let last = if terminated {
                vec![0.125, 0.0, 0.0, 0.0]
            } else {
                vec![0.125, 0.125, 0.25, 0.5]
            };
            assert_eq!(batch.weight, last);
        }
    }

    #[test]
    fn sums_follow_one_slot_round_the_ring_and_stop_at_the_newest_row() {
        let widths = Widths {
            observation: 1,
            continuous: 0,
            allowed: 0,
        };
        // Room for four periods of two slots; six are played.
        let mut m = Replay::new(widths, 7, 2, 3, 1.0, None);
        for t in 0..6u32 {
            for s in 0..2u32 {
                let x = [(10 * t + s) as f32];
                m.push(&Transition {
                    observation: &x,
                    continuous: &[],
                    choice: 10 * t + s,
                    reward: x[0],
                    next: &[x[0] + 10.0],
                    allowed: &[],
                    terminated: false,
                    ended: false,
                });
            }
        }
        let mut batch = Batch {
            index: (0..8).collect(),
            ..Batch::default()
        };
        m.take(&mut batch);
        assert_eq!(batch.choice, vec![40, 41, 50, 51, 20, 21, 30, 31]);
        // 40 + 50 and no more; 50; 20 + 30 + 40; 30 + 40 + 50.
        assert_eq!(batch.reward, vec![90.0, 92.0, 50.0, 51.0, 90.0, 93.0, 120.0, 123.0]);
        assert_eq!(batch.after, vec![60.0, 61.0, 60.0, 61.0, 50.0, 51.0, 60.0, 61.0]);
        let common = CommonChance { worlds: 2, members: 1 };
        m.sample_groups(6, common, &mut Stream::new(1, 1), &mut batch);
        assert_eq!(batch.index.len(), 6);
        assert!(
            batch
                .index
                .chunks(2)
                .all(|pair| pair[0] % 2 == 0 && pair[1] == pair[0] + 1)
        );
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
