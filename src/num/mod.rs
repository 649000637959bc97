//! Mathematics that knows nothing of the language: chains, grids, interpolation, quadrature, roots, maxima,
//! linear systems, random numbers, statistics.

pub mod chain;
pub mod fixed_point;
pub mod grid;
pub mod interpolate;
pub mod linear;
pub mod normal;
pub mod optimise;
pub mod quadrature;
pub mod random;
pub mod roots;
pub mod statistics;
