//! Networks whose sizes are known at run time, behind a boundary of slices.
//!
//! Learners see [`Net`], the optimisers and the loss functions; no type of dfdx crosses. Losses are written in dfdx
//! operations with a network's output as a leaf ("cut tape"); the gradient of that leaf goes into [`Net::backward`].
//! The layers themselves are products and fused loops in [`simd`]: plain dfdx modules fix sizes at compile time and
//! are two to six times slower. In the tests a network of plain dfdx operations is the oracle for both.

pub mod init;
#[cfg(feature = "learn")]
pub mod loss;
pub mod lstm;
pub mod mlp;
pub mod optimizer;
#[cfg(all(test, feature = "learn"))]
mod oracle;
pub mod simd;

pub use lstm::RecurrentNet;
pub use mlp::Mlp;
pub use optimizer::{Optimizer, OptimizerKind, clip_factor};

use serde::{Deserialize, Serialize};

/// Scratch of [`Net::infer`]; grows to what is needed and may be shared by networks of any size.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    pub(crate) a: Vec<f32>,
    pub(crate) b: Vec<f32>,
    pub(crate) pack: Vec<f32>,
}

/// A differentiable function of rows, with all parameters in one slice. Arrays are row-major, one row an example.
pub trait Net: Send {
    /// Width of an input row.
    fn inputs(&self) -> usize;
    /// Width of an output row.
    fn outputs(&self) -> usize;
    /// All parameters, in a fixed order.
    fn params(&self) -> &[f32];
    /// All parameters, to be changed.
    fn params_mut(&mut self) -> &mut [f32];
    /// Outputs of `batch` rows of `x` into `out`; keeps nothing.
    fn infer(&self, x: &[f32], batch: usize, ws: &mut Workspace, out: &mut [f32]);
    /// Outputs of `batch` rows; keeps what [`Net::backward`] needs.
    fn forward(&mut self, x: &[f32], batch: usize) -> &[f32];
    /// After [`Net::forward`], from the loss's derivative with respect to the outputs: overwrites `dparams` and `dx` with
    /// the derivatives with respect to parameters and inputs, where asked for.
    fn backward(&mut self, dout: &[f32], dparams: Option<&mut [f32]>, dx: Option<&mut [f32]>);
}

/// Function between layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Hyperbolic tangent: smooth policies, the usual choice of on-policy learners.
    #[default]
    Tanh,
    /// max(x, 0): the usual choice of value-based learners.
    Relu,
}

impl Activation {
    pub(crate) fn apply(self, x: &mut [f32]) {
        match self {
            Activation::Tanh => simd::tanh_in_place(x),
            Activation::Relu => simd::relu_in_place(x),
        }
    }
    /// Multiplies `d` by the derivative at output `y`.
    pub(crate) fn chain(self, y: &[f32], d: &mut [f32]) {
        match self {
            Activation::Tanh => simd::tanh_backward(y, d),
            Activation::Relu => simd::relu_backward(y, d),
        }
    }
}

/// Grows a buffer to at least `n` and returns that much of it.
pub(crate) fn room(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}
