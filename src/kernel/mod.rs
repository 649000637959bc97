//! The kernel: scalar graphs lowered to flat register programs that evaluate thousands of lanes at once.
//!
//! `lower` turns the shaped environment graph into one or several scalar graphs ([`dag`]), `differentiate` adds
//! derivatives to them, `program` compiles them and `exec` interprets them block by block. All in double precision.

pub mod affine;
pub mod dag;
pub mod differentiate;
pub mod exec;
pub mod lower;
#[cfg(test)]
mod lower_tests;
pub mod math;
mod math64;
#[cfg(test)]
mod math_tests;
pub mod members;
pub mod program;
pub mod root;
pub mod unroll;
