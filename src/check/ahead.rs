//! What the typed model holds of prices that look a period ahead; its parts are [`super::model`]'s.

use crate::diag::Span;
use crate::graph::{InputId, Interval, NodeId};
use serde::{Deserialize, Serialize};

/// Prices that look a period ahead, and what their expressions read of tomorrow.
///
/// In the model of a file each place where such a price is read is an input that nothing feeds; [`crate::solve::forward`] puts
/// the functions of a solution in their place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ahead {
    /// The prices, one entry per declaration; `InputKind::Forward(i)` is number `i`.
    pub prices: Vec<ForwardPrice>,
    /// Expectations, one entry per expression inside `expect(..)`; `InputKind::Expected(i)` is number `i`.
    pub expects: Vec<Expectation>,
    /// What is read of tomorrow, one entry per node; `InputKind::Later(i)` is number `i`.
    pub later: Vec<Later>,
    /// The functions that stand for the prices, one per price in that order; empty in the model of a file.
    pub found: Vec<PriceFunction>,
}

impl Ahead {
    /// Whether the model has no such price.
    pub fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    /// Gives its nodes new numbers.
    pub(super) fn renumber(&mut self, go: &impl Fn(&mut NodeId)) {
        for p in &mut self.prices {
            go(&mut p.body);
            p.given.iter_mut().for_each(|(_, n)| go(n));
            for u in &mut p.uses {
                go(&mut u.node);
                u.args.iter_mut().for_each(go);
            }
        }
        for e in &mut self.expects {
            go(&mut e.node);
            go(&mut e.of);
        }
        for l in &mut self.later {
            go(&mut l.node);
            go(&mut l.of);
        }
    }
}

/// A price that looks a period ahead: a function of what the period begins with, and of its arguments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForwardPrice {
    /// Dotted name.
    pub name: String,
    /// States of tomorrow that a schedule runs over, numbers of the model's states in the order of its arguments.
    pub args: Vec<usize>,
    /// Where other states of tomorrow stand: number of the state, node of today.
    pub given: Vec<(usize, NodeId)>,
    /// Its expression, over [`Ahead::expects`].
    pub body: NodeId,
    /// Where it is read, one entry per place.
    pub uses: Vec<ForwardUse>,
    /// Where it may lie: a claim, refused when violated.
    pub domain: Interval,
    /// First guess.
    pub start: f64,
    /// Where it is declared.
    pub span: Span,
    /// The description.
    pub doc: String,
}

/// A place where a forward price is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForwardUse {
    /// The input that stands for it.
    pub input: InputId,
    /// The node that readers see.
    pub node: NodeId,
    /// Its arguments, one node each.
    pub args: Vec<NodeId>,
}

/// `expect(..)`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Expectation {
    /// The input that stands for it.
    pub input: InputId,
    /// The node that reads the input.
    pub node: NodeId,
    /// What the expectation is of.
    pub of: NodeId,
}

/// A quantity of tomorrow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Later {
    /// The input that stands for it.
    pub input: InputId,
    /// The node that reads the input.
    pub node: NodeId,
    /// The same quantity today.
    pub of: NodeId,
}

/// A forward price as a solution knows it: a table over what it depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceFunction {
    /// Dotted name of the price.
    pub name: String,
    /// What it depends on: first the states and shocks of today, then tomorrow's states that a schedule runs over.
    pub dims: Vec<PriceDim>,
    /// Values, row-major over `dims`, the last fastest.
    #[serde(with = "crate::graph::store::numbers")]
    pub values: Vec<f64>,
}

/// One thing that a forward price depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceDim {
    /// Name of the state or shock; with a prime for an argument.
    pub name: String,
    /// The lowest value of a state; 0 for the states of a chain, which are counted from 0.
    pub first: i64,
    /// How many values there are, one after the other.
    pub len: usize,
}
