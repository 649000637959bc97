//! Nodes along a draw, and places in the square of two draws.

use super::Met;
use crate::diag::Diagnostic;
use crate::num::normal;

/// Nodes along one draw.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Uniform numbers and weights.
    pub nodes: Vec<(f64, f64)>,
    /// Normal quantiles.
    pub at: Vec<f64>,
    /// Sums of the weights up to each node, and of weights times quantiles.
    pub below: Vec<[f64; 2]>,
}

impl Line {
    pub(super) fn of(nodes: Vec<(f64, f64)>) -> Line {
        let at: Vec<f64> = nodes.iter().map(|(u, _)| normal::quantile(*u)).collect();
        let mut sums = [0.0; 2];
        let below = nodes.iter().zip(&at).map(|((_, weight), z)| {
            sums[0] += weight;
            sums[1] += weight * z;
            sums
        });
        Line {
            below: below.collect(),
            nodes,
            at,
        }
    }
}

/// A leaf, and uniform numbers of its one or two draws.
pub(super) type Place = (usize, [f64; 2]);
/// What is met at places, one per place.
pub(super) type Meets<'a> = dyn FnMut(&[Place]) -> Result<Vec<Met>, Diagnostic> + 'a;

/// Uniform numbers of both draws, with `own` for draw `along`.
pub(super) fn pair(along: usize, own: f64, other: f64) -> [f64; 2] {
    if along == 0 { [own, other] } else { [other, own] }
}
