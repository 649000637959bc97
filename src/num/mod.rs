//! Mathematics independent of the language: grids, interpolation, roots, maxima,
//! linear systems, random numbers, statistics.

pub mod anderson;
pub mod bimatrix;
pub mod chebyshev;
pub mod fixed_point;
pub mod grid;
pub mod halfspaces;
pub mod interpolate;
pub mod lattice;
pub mod linear;
pub mod normal;
pub mod optimise;
pub mod random;
pub mod roots;
pub mod statistics;
pub mod weighted;
