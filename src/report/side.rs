//! One of two runs that are compared: what it was asked, and what it has to show.

use crate::solve::solution::Solution;
use std::sync::Arc;

/// What one run is, and has to show.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Its directory.
    pub place: String,
    /// What it was asked, pairs of name and value, in order.
    pub asked: Vec<(String, String)>,
    /// Its tables, pairs of file (without `.csv`) and text.
    pub tables: Vec<(String, String)>,
    /// Its solution, if it has one.
    pub solution: Option<Arc<Solution>>,
    /// What was measured while it was trained, one entry per seed and agent.
    pub measured: Vec<Measured>,
}

/// What was measured of one seed on the way.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The agent, where several learned; else empty.
    pub agent: String,
    /// The seed.
    pub seed: u64,
    /// Its table as text.
    pub table: String,
}

impl Side {
    /// The last name of its directory.
    pub(super) fn name(&self) -> &str {
        self.place
            .trim_end_matches(['/', '\\'])
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or(&self.place)
    }
}
