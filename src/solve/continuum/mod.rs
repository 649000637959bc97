//! Economies with a continuum of members: how they are distributed, and prices at which what they do is consistent.
//!
//! `held.rs` says what members take as given and holds it; `household.rs` solves the problem of one at held numbers and brings the
//! distribution to rest ([`histogram`], `flow.rs`; `classes.rs` says in which states of the chains); `stationary.rs` is the method, which finds the numbers at which all conditions hold
//! (`search.rs`). `transition/` is what happens between two such equilibria.

mod classes;
mod flow;
pub mod held;
pub mod histogram;
mod household;
pub mod perceived;
mod points;
pub mod population;
mod search;
pub mod stationary;
pub mod transition;
