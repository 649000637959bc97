//! The certificate: every solution is judged by the same code, and a solution that fails is reported as failed.

mod between;
pub mod binding;
pub mod compared;
pub mod constant;
pub mod equilibrium;
pub mod euler;
mod first_values;
pub mod grid;
pub mod handed;
pub mod learned;
pub mod lifetimes;
pub mod simulate;
pub mod solved;
#[cfg(test)]
mod units_tests;
pub mod welfare;
#[cfg(test)]
mod widen_tests;
pub mod world;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod lives_tests;
#[cfg(test)]
mod narrow_tests;
#[cfg(test)]
mod random_tests;
