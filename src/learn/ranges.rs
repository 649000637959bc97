//! The ranges that options of learners have in common.

use super::LearnError;
use super::options::in_range;

/// Checks the options that all learners have.
///
/// # Errors
/// [`LearnError::BadOption`].
pub(crate) fn playing(steps: u64, worlds: usize, discount: Option<f64>) -> Result<(), LearnError> {
    in_range(steps > 0, "steps", steps, "at least 1")?;
    in_range((1..=1_000_000).contains(&worlds), "worlds", worlds, "1 to 1_000_000")?;
    discount.map_or(Ok(()), |d| share("discount", d))
}

/// What learners have that keep what was played.
pub(crate) fn remembering(
    train_every: usize,
    minibatch: usize,
    memory: usize,
    n_step: usize,
) -> Result<(), LearnError> {
    at_least_one("train_every", train_every)?;
    at_least_one("minibatch", minibatch)?;
    in_range(
        (1..=100_000_000).contains(&memory),
        "memory",
        memory,
        "1 to 100_000_000",
    )?;
    in_range((1..=1000).contains(&n_step), "n_step", n_step, "1 to 1000")
}

pub(crate) fn entropy(start: f64, end: f64) -> Result<(), LearnError> {
    not_negative("entropy", start)?;
    not_negative("entropy_end", end)
}

/// Checks the number of grid points of a continuous dimension.
///
/// # Errors
/// [`LearnError::BadOption`].
pub(crate) fn bins(bins: usize) -> Result<(), LearnError> {
    in_range((1..=100_000).contains(&bins), "bins", bins, "1 to 100_000")
}

pub(crate) fn network(layers: &[usize]) -> Result<(), LearnError> {
    let ok = layers.len() <= 8 && layers.iter().all(|n| (1..=4096).contains(n));
    let shown = format!("{layers:?}");
    in_range(
        ok,
        "network",
        shown,
        "up to 8 layers of 1 to 4096 units, as in [64, 64]",
    )
}

pub(crate) fn at_least_one(key: &str, n: usize) -> Result<(), LearnError> {
    in_range(n > 0, key, n, "at least 1")
}

/// Learners compute in single precision, where much larger numbers are infinite and much smaller ones 0.
pub(crate) fn positive(key: &str, x: f64) -> Result<(), LearnError> {
    in_range((1e-12..=1e6).contains(&x), key, x, "a number from 1e-12 to 1e6")
}

/// A step size that single precision holds. One that is too large ends the training with the loss that broke (E0924).
pub(crate) fn step_size(key: &str, x: f64) -> Result<(), LearnError> {
    in_range((1e-30..=1e30).contains(&x), key, x, "a number from 1e-30 to 1e30")
}

/// Checks that a number is not negative, and that single precision holds it.
///
/// # Errors
/// [`LearnError::BadOption`].
pub(crate) fn not_negative(key: &str, x: f64) -> Result<(), LearnError> {
    in_range((0.0..=1e6).contains(&x), key, x, "a number from 0 to 1e6")
}

/// Checks that a number is between 0 and 1.
///
/// # Errors
/// [`LearnError::BadOption`].
pub(crate) fn share(key: &str, x: f64) -> Result<(), LearnError> {
    in_range((0.0..=1.0).contains(&x), key, x, "a number between 0 and 1")
}
