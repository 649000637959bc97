//! Worlds that run: [`worlds`] steps many copies of an economy, [`cast`] says who plays how, [`behaviour`] chooses, [`simulate`] sums up;
//! [`VectorEnvironment`] is what learners see of an economy, [`vector`] makes it from a model, [`interface`] translates.

pub mod behaviour;
pub mod cast;
pub mod engine;
pub mod interface;
pub mod markets;
pub mod seat;
pub mod simulate;
pub mod vector;
pub mod worlds;

pub use seat::{Actions, Seat, Seen, Told};

/// Many copies of one decision maker's world (or of several symmetric learners') stepped together.
///
/// Arrays are row-major, one row a *slot*: a slot is one decision maker in one world (worlds × members), so a
/// population of learners with shared parameters is just more slots. Truncation (the record stops) is kept apart
/// from termination (the world ends): learners bootstrap at the first and not at the second. Worlds reset
/// themselves: after a step that ends, `observation` is the first of the next episode and `final_observation` the
/// last of the one that ended.
pub trait VectorEnvironment: Send {
    /// Number of slots.
    fn slots(&self) -> usize;
    /// Width of one observation after encoding (scaled boxes, one-hot chains).
    fn observation_width(&self) -> usize;
    /// What a decision maker chooses.
    fn action_space(&self) -> &ActionSpace;
    /// Restarts every world from `seed`.
    fn reset(&mut self, seed: u64);
    /// Current observations: `slots * observation_width`.
    fn observation(&self) -> &[f32];
    /// For masked finite actions: 1 where a choice is allowed, `slots * sum(sizes)`; empty when nothing is masked.
    fn mask(&self) -> &[f32];
    /// One period. `continuous`: `slots * n_continuous` in [-1, 1] (the environment scales to the bounds);
    /// `discrete`: `slots * n_discrete` choice indices.
    fn step(&mut self, continuous: &[f32], discrete: &[u32]);
    /// Rewards of the last step, one a slot.
    fn reward(&self) -> &[f32];
    /// 1 where the last step ended the world (no value after).
    fn terminated(&self) -> &[bool];
    /// Where the record stopped (value after).
    fn truncated(&self) -> &[bool];
    /// Last observation of the episodes that ended in the last step, rows as in `observation`.
    fn final_observation(&self) -> &[f32];
    /// Discount factor of the model.
    fn discount(&self) -> f32;
    /// Which slots meet the same chance.
    fn common_chance(&self) -> CommonChance {
        CommonChance { worlds: 1, members: 1 }
    }
    /// Everything needed to continue to the bit.
    fn save_state(&self) -> Vec<u8>;
    /// Continues from `save_state`; `Err` names what does not fit.
    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String>;
    /// Returns of the episodes that ended since the last call, in order of world.
    fn take_episode_returns(&mut self) -> Vec<f64>;
}

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
    /// Number of choices of each finite dimension.
    pub discrete: Vec<usize>,
}
