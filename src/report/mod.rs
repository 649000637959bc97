//! Results in the form people and other programs take them: run directories, tables, arrays, plots, pages, drawings.
//!
//! Plain data in, bytes out; only [`store`] and [`place`] touch the disk. Nothing here knows how a result was computed.

pub mod at_rest;
mod beside;
pub mod compared;
pub mod content;
pub mod draw;
pub mod equations;
pub mod equilibrium;
mod folder;
pub mod html;
pub mod lines;
mod named;
mod night;
pub mod npy;
pub mod number;
pub mod outcome;
mod perceived;
pub mod place;
pub mod plot;
pub mod population;
pub mod profile;
pub mod responses;
pub mod sessions;
mod shown;
pub mod side;
pub mod simulated;
pub mod solved;
pub mod store;
pub mod swept;
pub mod table;
pub mod tensorboard;
pub mod text;
pub mod trained;
pub mod transition;
pub mod tuned;
pub mod verdict;
