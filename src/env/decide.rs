//! What a learned policy is to the worlds it is played in.

use super::{ActionSpace, Actions};

/// A policy over encoded observations (see [`super::interface`]), shared by worlds.
pub trait Decide: std::fmt::Debug + Send + Sync {
    /// Whether it sees `width` numbers and chooses in `space`.
    fn fits(&self, width: usize, space: &ActionSpace) -> bool;
    /// Whether finite choices are drawn from probabilities.
    fn mixes(&self) -> bool;
    /// Whether what it does depends on what it saw before.
    fn remembers(&self) -> bool {
        false
    }
    /// Points between the bounds of a number among which it chooses, if it knows finite sets of choices only.
    fn bins(&self) -> Option<usize> {
        None
    }
    /// A decision maker for `slots` rows, with its memory if it has one.
    fn begin(&self, slots: usize) -> Box<dyn PolicyRunner>;
}

/// A policy at work.
pub trait PolicyRunner: Send {
    /// Writes the actions of all rows. `observation` is `row x width`; `mask` is `row x sum(sizes)` or empty. The
    /// policy draws nothing itself: `luck` holds uniform numbers in (0, 1), `row x finite dimension`, that decide
    /// between the choices of a policy that mixes them. Without it the most likely choice is taken. `actions` receives
    /// `row x continuous` and `row x discrete`.
    fn act(&mut self, observation: &[f32], mask: &[f32], luck: Option<&[f32]>, actions: &mut Actions);
    /// Forgets what came before in the rows where `ended(row)`: somebody new begins there.
    fn forget(&mut self, ended: &dyn Fn(usize) -> bool);
}
