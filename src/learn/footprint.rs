//! The memory that a learner takes, about, in bytes; four to a number.

/// Weights of a network that sees `first` numbers, layer by layer; what goes out at the end is small.
pub(crate) fn weights(first: f64, layers: &[usize]) -> f64 {
    let ends = std::iter::once(first).chain(layers.iter().map(|n| *n as f64));
    let pairs = ends.zip(layers.iter().map(|n| *n as f64).chain([1.0]));
    pairs.map(|(a, b)| (a + 1.0) * b).sum()
}

/// Rows that go forward and back at once: the `width` numbers that go in, every layer of two networks and what flows back through
/// them.
pub(crate) fn gradient(rows: f64, width: f64, layers: &[usize]) -> f64 {
    let all: usize = layers.iter().sum();
    let widest = layers.iter().copied().max().unwrap_or(0);
    rows * 4.0 * (2.0 * (all + 2 * widest) as f64 + 3.0 * width + 20.0)
}

/// Transitions that are remembered, of at most so many steps: the `width` numbers seen before and after, what was done, a few more.
pub(crate) fn remembered(rows: usize, steps: u64, width: f64) -> f64 {
    (rows as f64).min(steps as f64) * 4.0 * (2.0 * width + 8.0)
}
