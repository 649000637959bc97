//! Curves over one axis.

use super::tensor::{Surface, Tensor};
use super::{Axis, Outside, Rule};

/// A function of one variable through given points: the one-dimensional case of [`Tensor`].
#[derive(Clone, Debug)]
pub struct Curve {
    tensor: Tensor,
    surface: Surface,
}

impl Curve {
    /// A curve through the points `(x[i], y[i])`; `None` if `x` does not ascend or lengths differ.
    pub fn new(x: &[f64], y: &[f64], log: bool, rule: Rule, outside: Outside) -> Option<Self> {
        if x.len() != y.len() {
            return None;
        }
        let tensor = Tensor::new(vec![Axis::new(x, log, rule)?], outside)?;
        let mut surface = Surface::default();
        tensor.fit(y, &mut surface);
        Some(Curve { tensor, surface })
    }

    /// Its value.
    pub fn at(&self, x: f64) -> f64 {
        self.tensor.value_at(&self.surface, &[self.tensor.axes()[0].locate(x)])
    }

    /// Its value and derivative.
    pub fn with_slope(&self, x: f64) -> (f64, f64) {
        let mut slope = [0.0];
        let value = self
            .tensor
            .value_and_slopes(&self.surface, &[self.tensor.axes()[0].locate(x)], Some(&mut slope));
        (value, slope[0])
    }

    /// Values at the points `x`, sorted or not, into `out`, one number per point; returns how many points lie outside.
    pub fn values(&self, x: &[f64], out: &mut [f64]) -> usize {
        self.tensor.values(&self.surface, &[x], out)
    }
}
