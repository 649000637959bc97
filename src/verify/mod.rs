//! The certificate: every solution is judged by the same code, and a solution that fails is reported as failed.

mod between;
pub mod binding;
pub mod constant;
pub mod defined;
pub mod equilibrium;
pub mod euler;
pub mod first_values;
pub mod forward;
pub mod grid;
pub mod handed;
pub mod judgement;
pub mod learned;
pub mod lifetimes;
pub mod profile;
pub mod simulate;
pub mod solved;
pub mod welfare;
pub mod world;
