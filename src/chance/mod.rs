//! Chance: laws of draws and of shocks over time, their moments and quantiles, first and next values, the finite chains and the rules of
//! integration that stand for them. Simulation, solvers, lints and one-shot games all read these.
//!
//! The certificate takes its expectations itself (`verify/world/trials.rs`), on purpose: a judge that integrates with the
//! solver's rules does not see what is wrong with them.

pub mod chain;
pub mod law;
pub mod process;
pub mod quadrature;

pub use law::{Distribution, Family};
pub use process::{Discretisation, Process, StartShock};
