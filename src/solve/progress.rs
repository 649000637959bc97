//! How a solver reports where it stands and learns that it should stop. Solvers print nothing.

/// Where an iteration stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Improvements (infinite horizon) or periods (finite horizon) done.
    pub iteration: usize,
    /// Most there can be.
    pub of: usize,
    /// Bound on the error of the value, in units of the value; NaN where there is none yet.
    pub error: f64,
    /// What `error` must come down to.
    pub target: f64,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop: the solver returns a diagnostic and no solution.
    Cancel,
}

/// A callback that lets everything go on.
pub fn silent(_: Progress) -> Control {
    Control::Continue
}
