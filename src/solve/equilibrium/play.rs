//! What everybody does in a game without states, as the ways of solving it hand it on.

use crate::check::Model;
use crate::check::model::Setting;
use crate::solve::static_game::game::Game;

/// Said where of members who are alike only profiles are looked for in which they play alike, and where others are, too.
pub(super) const ALIKE: &str = "members who are alike playing alike, only";
pub(super) const UNLIKE: &str = "and playing unlike (counted once with members exchanged)";

/// Whether the equilibrium is asked for to which replies lead from the first choices.
pub(super) fn from_start(model: &Model) -> bool {
    let said = model.solve_settings().and_then(|s| s.get("select"));
    matches!(said, Some(Setting::Call(..)))
}

/// How equilibria were looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Searched {
    /// How many profiles, supports or starts were tried.
    pub(super) tried: usize,
    /// What was looked for and what was not, a clause each.
    pub(super) scope: Vec<String>,
    /// Whether some of what was found are points of a continuum of equilibria.
    pub(super) continuum: bool,
    /// Whether what was found holds all ends of continua: others are mixtures of these.
    pub(super) ends: bool,
    /// Other answers at rest of those who choose last, in words: one of them was followed.
    pub(super) answers: Option<String>,
}

impl Searched {
    /// So many starts.
    pub(super) fn starts(tried: usize) -> Searched {
        Searched {
            tried,
            scope: vec![format!("{tried} start{}", if tried == 1 { "" } else { "s" })],
            ..Searched::default()
        }
    }
}

/// What everybody does in an equilibrium.
#[derive(Clone, Debug)]
pub(super) struct Play {
    /// For each action of the game its numbers, one per joint state of what is known.
    pub(super) policy: Vec<Vec<f64>>,
    /// For each action of the game its probabilities, joint state x choice, choices fastest; empty where nothing is mixed.
    pub(super) mixed: Vec<Vec<f64>>,
    /// For each chooser what it is paid, one number per joint state of what is known.
    pub(super) paid: Vec<Vec<f64>>,
    /// What is known: the types of the game that a policy reads (for members who are alike those of the first), one number per axis; the
    /// last fastest in joint states.
    pub(super) known: Vec<Known>,
}

/// One thing that is known, with the nodes at which strategies are stored.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
    pub(super) weights: Vec<f64>,
    pub(super) continuous: bool,
}

impl Play {
    /// Nobody does anything yet, knowing this.
    pub(super) fn blank(game: &Game, known: Vec<Known>) -> Play {
        let n = game.actions.len();
        Play {
            policy: vec![Vec::new(); n],
            mixed: vec![Vec::new(); n],
            paid: vec![Vec::new(); game.choosers.len()],
            known,
        }
    }

    /// A profile in numbers, one per action, where nothing is known.
    pub(super) fn numbers(game: &Game, x: &[f64]) -> Play {
        let paid = (0..game.choosers.len()).map(|c| match game.choosers[c].actions.first() {
            Some(a) => vec![game.pays(*a, x, x)],
            None => vec![f64::NAN],
        });
        Play {
            policy: x.iter().map(|v| vec![*v]).collect(),
            mixed: vec![Vec::new(); x.len()],
            paid: paid.collect(),
            known: Vec::new(),
        }
    }

    /// What each chooser is paid on average over what is known, one number per chooser.
    pub(super) fn payoffs(&self) -> Vec<f64> {
        let weights = joint(&self.known).1;
        let mean = |p: &Vec<f64>| p.iter().zip(&weights).map(|(x, w)| x * w).sum();
        self.paid.iter().map(mean).collect()
    }
}

/// The joint states of what is known, each with its values, and their probabilities.
pub(super) fn joint(known: &[Known]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut out = (vec![Vec::new()], vec![1.0]);
    for k in known {
        let (mut values, mut weights) = (Vec::new(), Vec::new());
        for (head, w) in out.0.iter().zip(&out.1) {
            for (x, p) in k.values.iter().zip(&k.weights) {
                values.push([head.as_slice(), &[*x]].concat());
                weights.push(w * p);
            }
        }
        out = (values, weights);
    }
    out
}
