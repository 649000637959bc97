//! Whose eyes a critic has: those of the policy, or, while it is trained, those of somebody who sees everything.
//!
//! A central critic (Lowe et al. 2017, arXiv 1706.02275; for PPO Yu et al. 2022, arXiv 2103.01955, "MAPPO") values what has happened, also
//! what the policy does not see: hidden states, and those of the others as a set ([`crate::env::joint`]). Policies go on to act by their own observations,
//! so what is handed over is the same kind of policy. The advantage keeps its mean, since nothing that the critic sees was brought about by
//! the action that is judged; it loses the chance that others' hidden states brought into it.

use super::options::word_option;
use serde::{Deserialize, Serialize};

/// Whose eyes a critic has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Critic {
    /// Those of the policy.
    #[default]
    Own,
    /// Those of somebody who sees all that has happened.
    Central,
}

word_option!(Critic, "own or central", "own" => Critic::Own, "central" => Critic::Central);
