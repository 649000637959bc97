//! Prices that look a period ahead, as a certificate holds them; measured by [`crate::verify::forward`].

use serde::{Deserialize, Serialize};

/// How far a price is from its expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AheadRow {
    /// The price.
    pub name: String,
    /// Largest distance from its expression, as a share of the largest price.
    pub gap: f64,
    /// The largest share that passes.
    pub limit: f64,
    /// Places that were looked at.
    pub places: usize,
    /// Lowest and highest value.
    pub range: (f64, f64),
    /// What it depends on, in words.
    pub over: Vec<String>,
}
