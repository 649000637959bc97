//! A game from the players' side: seats, whose turn it is, what each sees, chooses and is told.
//!
//! A *seat* is the place of one agent of the economy; a population is one seat with its members as rows. A period has one or more
//! *stages*, and a seat chooses at one of them: who chooses at the same stage does so without seeing the others' choices, who chooses
//! later may see those made before. A *turn* is a stage at which somebody chooses. One turn is played in this order:
//!
//! 1. every seat on [`Game::turn`] looks ([`Game::seen`]) and chooses ([`Game::act`]);
//! 2. [`Game::proceed`] goes on to the next turn, which may be in the next period;
//! 3. every seat that is then on turn is told what came of its last choice ([`Game::told`]) before it looks.
//!
//! So a seat that chooses late in a period is told at its next turn, when those before it have chosen again, and what it is told to see
//! next is what it then sees. A reward is that of the period in which the choice was made. Worlds begin anew by themselves where they end.

use super::seat::{Actions, Seat, Seen, Told};
use super::{ActionSpace, CommonChance};

/// A game in many worlds at once. Arrays are row-major with one row per *slot* (one decision maker in one world): `slot
/// = world * members + member`.
pub trait Game: Send {
    /// The shapes of the seats: one entry per seat; at least one.
    fn seats(&self) -> &[Seat];
    /// Restarts every world from `seed`. Nobody has chosen then.
    fn reset(&mut self, seed: u64);
    /// The seats that choose now: one number per seat on turn, in order; at least one.
    fn turn(&self) -> &[usize];
    /// What a seat on turn sees.
    fn seen(&self, seat: usize) -> Seen<'_>;
    /// Takes the choice of a seat on turn: `slot x continuous` numbers and `slot x discrete` indices.
    fn act(&mut self, seat: usize, actions: &Actions);
    /// Everybody on turn has chosen: goes on to the next turn.
    fn proceed(&mut self);
    /// What came of the last choice of a seat that is on turn; `None` before its first.
    fn told(&self, seat: usize) -> Option<Told<'_>>;
    /// Undiscounted returns of a seat's episodes that ended since the last call: one per episode and member, in order
    /// of world.
    fn take_returns(&mut self, seat: usize) -> Vec<f64>;
    /// The state as bytes; [`Game::load_state`] continues from them bit for bit.
    fn save_state(&self) -> Vec<u8>;
    /// Continues from [`Game::save_state`].
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String>;
}

/// A game of one seat in the words of vectorised environments (Gymnasium's): every game is one for its first seat.
///
/// Truncation (the record stops) is kept apart from termination (the world ends): learners bootstrap at the first and
/// not at the second.
pub trait VectorEnvironment: Game {
    /// Number of slots.
    fn slots(&self) -> usize {
        self.seats()[0].slots
    }
    /// What a decision maker chooses.
    fn action_space(&self) -> &ActionSpace {
        &self.seats()[0].space
    }
    /// Discount factor of the model.
    fn discount(&self) -> f32 {
        self.seats()[0].discount
    }
    /// Which slots have common random numbers.
    fn common_chance(&self) -> CommonChance {
        self.seats()[0].chance
    }
    /// Current observations, `slot x observation_width`.
    fn observation(&self) -> &[f32] {
        self.seen(0).observation
    }
    /// For masked finite actions: 1 where a choice is allowed, `slot x sum(sizes)` (the choices of all finite
    /// dimensions side by side); empty when nothing is masked.
    fn mask(&self) -> &[f32] {
        self.seen(0).mask
    }
    /// Plays one period. `continuous` is `slot x continuous` in [-1, 1] (the environment scales to the bounds);
    /// `discrete` is `slot x discrete`, indices of choices.
    fn step(&mut self, continuous: &[f32], discrete: &[u32]) {
        let actions = Actions {
            continuous: continuous.to_vec(),
            discrete: discrete.to_vec(),
        };
        self.act(0, &actions);
        self.proceed();
    }
    /// Rewards of the last step: one value per slot; empty before the first.
    fn reward(&self) -> &[f32] {
        self.told(0).map_or(&[], |t| t.reward)
    }
    /// Whether the last step ended the world (no value after): one entry per slot; empty before the first.
    fn terminated(&self) -> &[bool] {
        self.told(0).map_or(&[], |t| t.terminated)
    }
    /// Whether the record stopped at the last step (value after): one entry per slot; empty before the first.
    fn truncated(&self) -> &[bool] {
        self.told(0).map_or(&[], |t| t.truncated)
    }
}

impl<G: Game + ?Sized> VectorEnvironment for G {}
