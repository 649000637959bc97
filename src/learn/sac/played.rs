//! What was played in a stage, and the returns that its rows are worth.

use crate::env::{CommonChance, Told};
use serde::{Deserialize, Serialize};

/// What came after a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum After {
    /// The same slot's next row.
    Next,
    /// The record stopped, and the world would have gone on.
    CutOff,
    /// The world ended.
    Over,
}

/// The rows of a stage, slot after slot, period after period. `Default` is a stage that has not begun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Played {
    slots: usize,
    width: usize,
    dims: usize,
    /// What was seen, `row x width`, raw.
    observation: Vec<f32>,
    /// The noise of what was done, `row x dims`, standard normal.
    noise: Vec<f32>,
    reward: Vec<f32>,
    after: Vec<After>,
    /// What was seen last before each cut, in order of rows, `cut x width`.
    last: Vec<f32>,
    /// What is seen after the newest rows, `slots x width`.
    next: Vec<f32>,
    /// For the rows that there were at the last [`Self::revalue`]: what they are worth, and how much of that is a value looked up.
    returns: Vec<f64>,
    unplayed: Vec<f32>,
}

impl Played {
    /// An empty stage.
    pub(super) fn new(slots: usize, width: usize, dims: usize) -> Played {
        Played {
            slots,
            width,
            dims,
            ..Played::default()
        }
    }

    /// Rows played.
    pub(super) fn rows(&self) -> usize {
        self.reward.len()
    }

    /// Rows that had been played at the last [`Self::revalue`].
    pub(super) fn valued(&self) -> usize {
        self.returns.len()
    }

    /// Rewards: one per row.
    pub(super) fn rewards(&self) -> &[f32] {
        &self.reward
    }

    /// Share of the rows after which the world had ended.
    pub(super) fn share_over(&self) -> f64 {
        self.after.iter().filter(|a| **a == After::Over).count() as f64 / self.rows().max(1) as f64
    }

    /// Takes in a period: what was seen (`slots x width`), the noise of what was done (`slots x dims`) and what came of it.
    pub(super) fn push(&mut self, seen: &[f32], noise: &[f32], told: &Told<'_>) {
        let w = self.width;
        self.observation.extend_from_slice(seen);
        self.noise.extend_from_slice(noise);
        self.reward.extend_from_slice(told.reward);
        for s in 0..self.slots {
            let after = match (told.terminated[s], told.ended(s)) {
                (true, _) => After::Over,
                (false, true) => After::CutOff,
                (false, false) => After::Next,
            };
            if after == After::CutOff {
                self.last.extend_from_slice(&told.last[s * w..(s + 1) * w]);
            }
            self.after.push(after);
        }
        self.next.clear();
        self.next.extend_from_slice(told.next.observation);
    }

    /// What was seen, `row x width`.
    pub(super) fn observations(&self) -> &[f32] {
        &self.observation
    }

    /// The noise of what was done, `row x dims`.
    pub(super) fn noises(&self) -> &[f32] {
        &self.noise
    }

    /// The observations at which [`Self::revalue`] needs a value, `row x width`: at each cut, then after the newest rows.
    pub(super) fn horizons(&self) -> Vec<f32> {
        [&self.last[..], &self.next].concat()
    }

    /// What every row is worth, backwards: `r + d (G' - A')` with the return `G'` and the advantage `A'` of the same slot's next row, so
    /// that the chance of later actions does not count (Q(lambda) with lambda = 1: Harutyunyan et al. 2016), and a value that is looked up where
    /// the record ends. `values` has one number for each row of [`Self::horizons`], `advantages` one for each row played.
    pub(super) fn revalue(&mut self, discount: f64, values: &[f64], advantages: &[f64]) {
        let (n, slots) = (self.rows(), self.slots);
        let mut cut = self.last.len() / self.width.max(1);
        let newest = cut;
        self.returns.clear();
        self.returns.resize(n, 0.0);
        self.unplayed.clear();
        self.unplayed.resize(n, 0.0);
        for i in (0..n).rev() {
            let (later, share) = match self.after[i] {
                After::Over => (0.0, 0.0),
                After::CutOff => {
                    cut -= 1;
                    (values[cut], 1.0)
                }
                After::Next if i + slots >= n => (values[newest + i % slots], 1.0),
                After::Next => (
                    self.returns[i + slots] - advantages[i + slots],
                    self.unplayed[i + slots],
                ),
            };
            self.returns[i] = f64::from(self.reward[i]) + discount * later;
            self.unplayed[i] = discount as f32 * share;
        }
    }

    /// The share of the value that is looked up in the row where it is smallest; 1 if nothing was valued.
    pub(super) fn least_unplayed(&self) -> f32 {
        self.unplayed.iter().copied().fold(1.0, f32::min)
    }

    /// The runs whose rows rest on a value that is looked up by `most` or less: the first row of each, the others follow
    /// every `common.members` rows. A run is the same member in `common.worlds` neighbouring worlds in one period.
    pub(super) fn runs(&self, common: CommonChance, most: f32) -> Vec<u32> {
        let (size, members) = (common.worlds, common.members);
        let mut out = Vec::new();
        for period in (0..self.valued()).step_by(self.slots.max(1)) {
            for first in (0..self.slots / members / size).map(|g| period + g * size * members) {
                for row in first..first + members {
                    if (0..size).all(|w| self.unplayed[row + w * members] <= most) {
                        out.extend(u32::try_from(row));
                    }
                }
            }
        }
        out
    }

    /// What rows are worth that rest on a value that is looked up by `most` or less: one number per such row.
    pub(super) fn returns(&self, most: f32) -> Vec<f64> {
        let both = self.returns.iter().zip(&self.unplayed);
        both.filter(|(_, u)| **u <= most).map(|(g, _)| *g).collect()
    }

    /// The rows of `index`: observations (`n x width`), noises (`n x dims`) and returns (`n`).
    pub(super) fn take(
        &self,
        index: &[usize],
        observation: &mut Vec<f32>,
        noise: &mut Vec<f32>,
        returns: &mut Vec<f64>,
    ) {
        let (w, d) = (self.width, self.dims);
        observation.clear();
        noise.clear();
        returns.clear();
        for i in index {
            observation.extend_from_slice(&self.observation[i * w..(i + 1) * w]);
            noise.extend_from_slice(&self.noise[i * d..(i + 1) * d]);
            returns.push(self.returns[*i]);
        }
    }

    /// Whether all rows of these runs have been valued.
    pub(super) fn holds(&self, runs: &[u32], common: CommonChance) -> bool {
        let last = (common.worlds - 1) * common.members;
        runs.iter().all(|first| *first as usize + last < self.valued())
    }

    /// Whether what was read from a file can be used in place of `self`.
    pub(super) fn fits(&self, other: &Played) -> bool {
        let n = other.rows();
        let cuts = other.after.iter().filter(|a| **a == After::CutOff).count();
        (self.slots, self.width, self.dims) == (other.slots, other.width, other.dims)
            && other.observation.len() == n * other.width
            && other.noise.len() == n * other.dims
            && other.after.len() == n
            && other.last.len() == cuts * other.width
            && (n == 0 || other.next.len() == other.slots * other.width)
            && other.returns.len() == other.unplayed.len()
            && other.returns.len() <= n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Seen;

    /// Two slots, two periods; the first slot goes on, the second ends as `end` says.
    fn played(terminated: bool, ended: bool) -> Played {
        let mut p = Played::new(2, 1, 1);
        for t in 0..2 {
            let over = t == 1 && terminated;
            let cut = t == 1 && ended && !terminated;
            p.push(
                &[t as f32, 10.0],
                &[0.0, 0.0],
                &Told {
                    reward: &[1.0, 2.0],
                    terminated: &[false, over],
                    truncated: &[false, cut],
                    last: &[0.0, 77.0],
                    last_joint: &[],
                    next: Seen {
                        observation: &[5.0, 6.0],
                        mask: &[],
                        joint: &[],
                    },
                },
            );
        }
        p
    }

    #[test]
    fn returns_rest_on_values_where_records_end_and_leave_out_later_noise() {
        let mut p = played(false, true);
        assert_eq!(p.horizons(), [77.0, 5.0, 6.0]);
        p.revalue(0.5, &[100.0, 10.0, 1000.0], &[0.0, 0.0, 0.5, -4.0]);
        // Last: 1 + .5 * 10 and 2 + .5 * 100; before: 1 + .5 * (6 - .5) and 2 + .5 * (52 + 4).
        assert_eq!(p.returns, [3.75, 30.0, 6.0, 52.0]);
        assert_eq!(p.unplayed, [0.25, 0.25, 0.5, 0.5]);
        p = played(true, true);
        p.revalue(0.5, &[10.0, 1000.0], &[0.0; 4]);
        assert_eq!(p.returns, [4.0, 3.0, 6.0, 2.0]);
        assert_eq!(p.unplayed, [0.25, 0.0, 0.5, 0.0]);
        assert_eq!((p.least_unplayed(), p.share_over()), (0.0, 0.25));
    }

    #[test]
    fn runs_are_whole_and_rest_on_what_was_played() {
        let mut p = played(true, true);
        p.revalue(0.5, &[10.0, 1000.0], &[0.0; 4]);
        let common = |worlds, members| CommonChance { worlds, members };
        assert_eq!(p.runs(common(2, 1), 0.3), [0]);
        assert_eq!(p.returns(0.3), [4.0, 3.0, 2.0]);
        assert_eq!(p.runs(common(1, 1), 0.3), [0, 1, 3]);
        assert_eq!(p.runs(common(1, 2), 0.3), [0, 1, 3]);
        assert_eq!(p.runs(common(1, 1), 1.0), [0, 1, 2, 3]);
        // Rows played since are worth nothing yet.
        let two = p.clone();
        p.push(
            &[0.0, 0.0],
            &[0.0, 0.0],
            &Told {
                reward: &[0.0, 0.0],
                terminated: &[false, false],
                truncated: &[false, false],
                last: &[],
                last_joint: &[],
                next: Seen {
                    observation: &[0.0, 0.0],
                    mask: &[],
                    joint: &[],
                },
            },
        );
        assert_eq!(p.runs(common(1, 1), 1.0), two.runs(common(1, 1), 1.0));
        assert!(p.holds(&[0, 3], common(1, 1)) && !p.holds(&[0, 3], common(2, 1)));
        assert!(p.fits(&two) && !Played::new(3, 1, 1).fits(&p));
    }
}
