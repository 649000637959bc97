//! The shaped graph unrolled into scalar expressions, node by node: every element of every axis becomes an expression of
//! its own.
//!
//! The caller says what an input stands for: [`Unroll::bind`] gives the expressions of an input's elements,
//! [`Unroll::replace`] those of a node (a noise by its outcome, a shock by its mean, an action by its rule). This serves
//! solvers, which have few elements and many lanes. The work is that of [`super::lower`] with no axis as lanes.

use super::dag::{Dag, Id};
use super::lower::{LowerError, Lowering};
use crate::graph::{Graph, InputId, NodeId};

/// An unrolling in progress.
pub struct Unroll<'g> {
    /// The expressions so far; the caller may add others.
    pub dag: Dag,
    /// Has the expressions while it works.
    lowering: Lowering<'g>,
}

impl<'g> Unroll<'g> {
    /// Begins. The graph must be well formed, as those of the checker are.
    pub fn new(graph: &'g Graph) -> Self {
        Unroll {
            dag: Dag::new(),
            lowering: Lowering::unbound(graph),
        }
    }

    /// What the elements of an input stand for: one expression per element, row-major over its shape.
    pub fn bind(&mut self, input: InputId, elements: Vec<Id>) {
        self.lowering.bind(input, elements);
    }

    /// What the elements of a node stand for, instead of what they would be: one expression per element, row-major over
    /// its shape. Nodes that were unrolled before keep what they were made of.
    pub fn replace(&mut self, node: NodeId, elements: Vec<Id>) {
        self.lowering.replace(node, elements);
    }

    /// The expressions of a node's elements, row-major over its shape.
    ///
    /// # Errors
    /// An input that nothing was bound to, too many expressions.
    pub fn node(&mut self, id: NodeId) -> Result<Vec<Id>, LowerError> {
        std::mem::swap(&mut self.dag, &mut self.lowering.dag);
        let found = self.lowering.elements_of(id);
        std::mem::swap(&mut self.dag, &mut self.lowering.dag);
        found
    }

    /// How each root problem of the graph ended (the worst of its elements), one entry per problem; `None` for those
    /// that the nodes asked for so far do not need.
    pub fn statuses(&mut self) -> Vec<Option<Id>> {
        std::mem::swap(&mut self.dag, &mut self.lowering.dag);
        let found = self.lowering.statuses();
        std::mem::swap(&mut self.dag, &mut self.lowering.dag);
        found
    }
}
