//! Solvers. `economy` says who decides and what is taken as given, `decision` makes the problem of one of them, and the methods of
//! `methods`, one file each, solve it; they know [`problem::DecisionProblem`] alone.

pub mod adrift;
pub mod at_rest;
pub mod bellman;
pub mod between;
mod describe;
mod expected;
pub mod forward;
pub mod grid_search;
mod infeasible;
mod kinked;
pub mod located;
mod lost;
pub mod observed;
pub mod quiet;

pub mod benchmarks;
mod bounded;
pub mod policy_operator;
pub mod problem;
pub mod progress;
pub mod search;
mod search_conditions;
mod search_feasible;
mod search_pieces;
mod search_scan;
mod search_several;
mod sight;
pub mod solution;
pub mod static_game;
pub mod steady_state;
mod tabulated;
pub mod time_iteration;
mod upper_envelope;

pub mod value_iteration;

pub mod continuum;
pub mod decision;
pub mod economy;
pub mod equilibrium;
#[cfg(test)]
pub(crate) mod examples;
pub mod method;
pub mod methods;
#[cfg(test)]
mod value_iteration_tests;
