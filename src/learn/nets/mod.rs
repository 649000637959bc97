//! Networks whose sizes are known at run time.
//!
//! A network is a vector of parameters ([`Params`]) and a fixed order of layers. It is used in two ways:
//!
//! * *To act and to look values up*: [`Net::infer`], on plain slices, without dfdx. A stored policy needs no more.
//! * *To learn*: [`tape::OnTape`] makes it a module of dfdx. The whole network, all layers, is one operation on dfdx's tape;
//!   learners compose their loss of its output with dfdx's operations and the functions of [`loss`], call `backward()`, and read
//!   the derivatives with respect to all parameters, one flat tensor.
//!
//! Products, activations and optimiser steps are our own loops ([`simd`]). dfdx's modules fix sizes at compile time, and a
//! network of its operations, one per layer, is two to six times slower; in the tests it is the oracle (`oracle.rs`). Its optimisers
//! stay outside for reasons that [`optimizer`] gives. Arrays are row-major: one row an example, `rows * width` numbers.

pub mod init;
#[cfg(feature = "learn")]
pub mod loss;
pub mod lstm;
pub mod mlp;
pub mod optimizer;
#[cfg(all(test, feature = "learn"))]
mod oracle;
pub mod params;
pub mod simd;
#[cfg(feature = "learn")]
pub mod tape;

pub use lstm::RecurrentNet;
pub use mlp::Mlp;
pub use optimizer::{Optimizer, OptimizerKind, clip_factor};
pub use params::Params;

use serde::{Deserialize, Serialize};

/// Scratch of [`Net::infer`]; grows to what is needed and may be shared by networks of any size.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    pub(crate) a: Vec<f32>,
    pub(crate) b: Vec<f32>,
    pub(crate) pack: Vec<f32>,
}

/// A function of rows, with all parameters in one slice.
pub trait Net: Send {
    /// Width of an input row.
    fn inputs(&self) -> usize;
    /// Width of an output row.
    fn outputs(&self) -> usize;
    /// All parameters in one line, in a fixed order.
    fn params(&self) -> &[f32];
    /// All parameters in one line, to be changed; in the order of [`Net::params`].
    fn params_mut(&mut self) -> &mut [f32];
    /// Outputs of `batch` rows of `x` (`batch x inputs`) into `out` (`batch x outputs`); keeps nothing.
    fn infer(&self, x: &[f32], batch: usize, ws: &mut Workspace, out: &mut [f32]);
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
    /// Applies the function to each number of `x` (any length), in place.
    pub(crate) fn apply(self, x: &mut [f32]) {
        match self {
            Activation::Tanh => simd::tanh_in_place(x),
            Activation::Relu => simd::relu_in_place(x),
        }
    }
    /// Multiplies `d` by the derivative at output `y`, number by number; both have the same length.
    #[cfg(feature = "learn")]
    pub(crate) fn chain(self, y: &[f32], d: &mut [f32]) {
        match self {
            Activation::Tanh => simd::tanh_backward(y, d),
            Activation::Relu => simd::relu_backward(y, d),
        }
    }
}

/// Grows a buffer to a length of at least `n` and returns its first `n` numbers.
pub(crate) fn room(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}
