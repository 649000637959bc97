//! Worlds that run: [`worlds`] steps many copies of an economy, [`cast`] says who plays how, [`behaviour`] chooses ([`decide`] is a learned policy to it, [`able`] who can have learned one), [`simulate`] sums up, [`responses`] says what an impulse ([`impulses`]) does;
//! [`game`] is what players meet, [`vector`] makes a game of a model, [`place`] is a seat in it, [`interface`] translates, [`joint`] is what a central critic sees.

pub mod able;
pub mod behaviour;
pub mod cast;
pub mod decide;
pub mod engine;
pub mod game;
pub mod impulses;
pub mod interface;
pub mod joint;
pub mod markets;
pub mod place;
pub mod responses;
pub mod seat;
pub mod simulate;
pub mod vector;
pub mod worlds;

pub use game::{Game, VectorEnvironment};
pub use seat::{Actions, Seat, Seen, Told};

/// Slots that meet the same shocks and noises: member `m` of every world in a run of `worlds` neighbouring ones, where slot
/// `w * members + m` is member `m` of world `w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CommonChance {
    /// Neighbouring worlds that share; 1 where every world has its own chance.
    pub worlds: usize,
    /// Members of one world.
    pub members: usize,
}

/// A mixed action space: any number of continuous and finite dimensions.
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct ActionSpace {
    /// Number of continuous dimensions.
    pub continuous: usize,
    /// Number of choices of each finite dimension: one number per dimension.
    pub discrete: Vec<usize>,
}
