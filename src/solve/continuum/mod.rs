//! Economies with a continuum of members: how they are distributed, and prices at which what they do is consistent.

pub mod histogram;
pub mod perceived;
