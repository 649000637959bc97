//! The certificate: every solution is judged by the same code, and a solution that fails is reported as failed.

pub mod certificate;
pub mod constant;
pub mod euler;
pub mod learned;
pub mod simulate;
pub mod solved;
pub mod trusted;
pub mod welfare;
pub mod world;

#[cfg(test)]
mod certificate_tests;
#[cfg(test)]
mod faults_economies;
#[cfg(test)]
mod faults_tests;
