//! How a solver reports where it stands, learns that it should stop, and goes on where an earlier one stopped. Solvers print
//! nothing and write no files.

use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// Who is told how far a solver is.
pub trait Watch {
    /// Takes in where the iteration stands; whether to go on.
    fn report(&mut self, progress: Progress) -> Control;

    /// An iteration begins (a solve may have several: rough ones, finer grids): where the same one stood when it was interrupted.
    fn begins(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// An iteration can go on from `standing`; called before every report.
    fn standing(&mut self, _standing: &dyn Fn() -> Vec<u8>) {}

    /// An iteration came to its end, and what follows (certificates, finer grids) goes on from `solved`.
    fn solved(&mut self, _solved: &dyn Fn() -> Vec<u8>) {}

    /// What the last iteration that had ended came to, where the solve was interrupted after it.
    fn solved_before(&mut self) -> Option<Vec<u8>> {
        None
    }
}

impl<F: FnMut(Progress) -> Control> Watch for F {
    fn report(&mut self, progress: Progress) -> Control {
        self(progress)
    }
}

/// Where work stands, as bytes from which it goes on to the same end.
pub(crate) fn kept(standing: &impl Serialize) -> Vec<u8> {
    // What cannot be written is not gone on from.
    postcard::to_stdvec(standing).unwrap_or_default()
}

/// Where the iteration that begins stood when it was interrupted.
pub(super) fn found<T: DeserializeOwned>(watch: &mut dyn Watch) -> Option<T> {
    postcard::from_bytes(&watch.begins()?).ok()
}

/// What the last iteration that had ended came to, if it can be read.
pub(crate) fn solved_before<T: DeserializeOwned>(watch: &mut dyn Watch) -> Option<T> {
    postcard::from_bytes(&watch.solved_before()?).ok()
}

/// A callback that lets everything go on.
pub fn silent(_: Progress) -> Control {
    Control::Continue
}
