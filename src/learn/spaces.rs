//! One finite set of joint choices from a mixed action space, for learners that know only finite sets.
//!
//! A continuous dimension becomes a grid of `bins` equally spaced points of [-1, 1], both ends included. Joint choice `j`
//! counts with the last dimension fastest: continuous dimensions first, then the finite ones.

use super::LearnError;
use crate::env::ActionSpace;
use serde::{Deserialize, Serialize};

/// Numbering of joint choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JointChoices {
    sizes: Vec<usize>,
}

/// More joint choices than this are refused.
const MOST: usize = 4096;

impl JointChoices {
    /// All joint choices of `space`.
    ///
    /// # Errors
    /// [`LearnError::BadOption`] for fewer than two `bins` with a continuous dimension, [`LearnError::Unsuitable`] if
    /// nothing is chosen or the joint set is too large.
    pub fn new(method: &'static str, space: &ActionSpace, bins: usize) -> Result<Self, LearnError> {
        if space.continuous > 0 {
            super::options::in_range(bins >= 2, "bins", bins, "at least 2")?;
        }
        let mut sizes = vec![bins; space.continuous];
        sizes.extend(&space.discrete);
        let count = sizes
            .iter()
            .try_fold(1usize, |n, s| n.checked_mul(*s))
            .filter(|n| *n <= MOST);
        if sizes.is_empty() || count.is_none() || sizes.contains(&0) {
            let reason = format!("it needs between 1 and {MOST} joint choices");
            return Err(LearnError::Unsuitable {
                method,
                reason,
                instead: "ppo",
            });
        }
        Ok(JointChoices { sizes })
    }

    /// Number of joint choices.
    pub fn count(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Points of the grid of each continuous dimension of `space`; 0 if there is none.
    pub fn bins(&self, space: &ActionSpace) -> usize {
        self.sizes
            .first()
            .copied()
            .filter(|_| space.continuous > 0)
            .unwrap_or(0)
    }

    /// Whether this numbers the choices of `space`.
    pub fn fits(&self, space: &ActionSpace) -> bool {
        self.sizes.len() == space.continuous + space.discrete.len()
            && self.sizes[space.continuous..] == space.discrete[..]
            && self.sizes.iter().all(|s| *s > 0)
    }

    /// Writes joint choice `joint` of slot `s` as values in [-1, 1] and indices: into row `s` of `continuous` (`slot x
    /// continuous`) and of `discrete` (`slot x discrete`).
    pub fn decode(&self, space: &ActionSpace, joint: usize, s: usize, continuous: &mut [f32], discrete: &mut [u32]) {
        let mut rest = joint;
        for (d, &size) in self.sizes.iter().enumerate().rev() {
            let index = rest % size;
            rest /= size;
            if d < space.continuous {
                let step = 2.0 / (size - 1).max(1) as f32;
                continuous[s * space.continuous + d] = -1.0 + step * index as f32;
            } else {
                discrete[s * space.discrete.len() + d - space.continuous] = index as u32;
            }
        }
    }

    /// Which joint choices slot `s` may make: 1 or 0 per joint choice, `None` if all. `mask` is `slot x sum(sizes)`
    /// over the finite dimensions, or empty.
    pub fn allowed(&self, space: &ActionSpace, mask: &[f32], s: usize) -> Option<Vec<f32>> {
        if mask.is_empty() {
            return None;
        }
        let total: usize = space.discrete.iter().sum();
        let row = &mask[s * total..(s + 1) * total];
        let out = (0..self.count()).map(|joint| {
            let (mut rest, mut end) = (joint, total);
            for &size in space.discrete.iter().rev() {
                end -= size;
                if row[end + rest % size] <= 0.0 {
                    return 0.0;
                }
                rest /= size;
            }
            1.0
        });
        Some(out.collect())
    }

    /// The allowed joint choice that a uniform number in (0, 1) picks; `allowed` has 1 or 0 per joint choice.
    pub fn random(&self, allowed: Option<&[f32]>, uniform: f32) -> usize {
        let pick = |n: usize| ((uniform * n as f32) as usize).min(n.saturating_sub(1));
        match allowed {
            Some(a) if a.iter().any(|x| *x > 0.0) => {
                let open: Vec<usize> = (0..a.len()).filter(|k| a[*k] > 0.0).collect();
                open[pick(open.len())]
            }
            _ => pick(self.count()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joint_choices_cover_the_space_once_and_respect_masks() {
        let space = ActionSpace {
            continuous: 1,
            discrete: vec![2, 3],
        };
        let joint = JointChoices::new("dqn", &space, 5).unwrap();
        assert_eq!(joint.count(), 30);
        let mut seen = std::collections::BTreeSet::new();
        for j in 0..30 {
            let (mut c, mut d) = ([0.0f32], [0u32; 2]);
            joint.decode(&space, j, 0, &mut c, &mut d);
            seen.insert(((c[0] * 2.0) as i32, d));
        }
        assert_eq!(seen.len(), 30);
        let allowed = joint.allowed(&space, &[1.0, 0.0, 1.0, 1.0, 0.0], 0).unwrap();
        for (j, &ok) in allowed.iter().enumerate() {
            let (mut c, mut d) = ([0.0f32], [0u32; 2]);
            joint.decode(&space, j, 0, &mut c, &mut d);
            assert_eq!(ok > 0.0, d[0] == 0 && d[1] < 2);
        }
        for k in 0..100 {
            assert!(allowed[joint.random(Some(&allowed), (k as f32 + 0.5) / 100.0)] > 0.0);
        }
        assert!(
            JointChoices::new(
                "dqn",
                &ActionSpace {
                    continuous: 4,
                    discrete: vec![]
                },
                11
            )
            .is_err()
        );
    }
}
