//! What nodes rest on: one walk from nodes to their operands, which visits each node once.
//!
//! Passes, solvers and checks ask the same question in many places (which inputs does this read? is there a reduction in it?). They say
//! where to begin and what to do at a node; how a graph is walked stands here alone.

use super::shape::operands;
use super::{Graph, InputId, InputKind, Node, NodeId, Op};
use std::collections::BTreeSet;

/// Nodes and all they rest on, each once, in an order that depends on the graph alone.
pub struct Below<'g> {
    graph: &'g Graph,
    todo: Vec<NodeId>,
    seen: Vec<bool>,
    /// The node given last, whose operands follow unless [`Below::leave`] is called.
    last: Option<NodeId>,
    through_roots: bool,
}

impl Graph {
    /// The nodes `from` (any number) and their operands, the operands of these, and so on.
    pub fn below(&self, from: impl IntoIterator<Item = NodeId>) -> Below<'_> {
        Below {
            graph: self,
            todo: from.into_iter().collect(),
            seen: vec![false; self.nodes.len()],
            last: None,
            through_roots: false,
        }
    }

    /// The inputs that nodes read, not looking into root problems.
    pub fn inputs_below(&self, from: impl IntoIterator<Item = NodeId>) -> BTreeSet<InputId> {
        self.below(from).inputs()
    }

    /// Whether nodes rest on what a life is worth, through markets that clear as well.
    pub fn reads_entry_value(&self, from: impl IntoIterator<Item = NodeId>) -> bool {
        let inputs = self.below(from).through_roots().inputs();
        let worth = |i: &InputId| matches!(self.inputs[i.0 as usize].kind, InputKind::EntryValue(_));
        inputs.iter().any(worth)
    }
}

impl Below<'_> {
    /// Also looks into root problems: a price rests on the residuals and the brackets of its market.
    pub fn through_roots(mut self) -> Self {
        self.through_roots = true;
        self
    }

    /// Also visits these nodes and what they rest on.
    pub fn add(&mut self, nodes: impl IntoIterator<Item = NodeId>) {
        self.todo.extend(nodes);
    }

    /// Does not go on to the operands of the node that was given last.
    pub fn leave(&mut self) {
        self.last = None;
    }

    /// The inputs among the nodes.
    pub fn inputs(self) -> BTreeSet<InputId> {
        self.filter_map(|(_, node)| match node.op {
            Op::Input(i) => Some(i),
            _ => None,
        })
        .collect()
    }
}

impl<'g> Iterator for Below<'g> {
    type Item = (NodeId, &'g Node);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(last) = self.last.take() {
            let op = &self.graph.nodes[last.0 as usize].op;
            self.todo.extend(operands(op));
            if let (Op::Root { root, .. }, true) = (op, self.through_roots) {
                let problem = &self.graph.roots[*root];
                self.todo.extend(&problem.residuals);
                self.todo
                    .extend(problem.brackets.iter().flat_map(|(lo, hi)| [*lo, *hi]));
            }
        }
        while let Some(id) = self.todo.pop() {
            if !std::mem::replace(&mut self.seen[id.0 as usize], true) {
                self.last = Some(id);
                return Some((id, &self.graph.nodes[id.0 as usize]));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::diag::Span;
    use crate::graph::{Binary, Graph, InputId, InputKind, Interval, NodeId, Op, Phase, Root};

    fn input(g: &mut Graph, kind: InputKind) -> NodeId {
        g.add_input("x", kind, Vec::new(), Interval::all(), Phase::Dated)
    }

    fn add(g: &mut Graph, a: NodeId, b: NodeId) -> NodeId {
        g.add(Op::Binary(Binary::Add, a, b), Span::default()).expect("numbers")
    }

    #[test]
    fn nodes_on_two_ways_are_visited_once_and_left_ones_lead_no_further() {
        let mut g = Graph::default();
        let (a, b) = (input(&mut g, InputKind::State(0)), input(&mut g, InputKind::State(1)));
        let both = add(&mut g, a, b);
        let twice = add(&mut g, both, both);
        let mut all: Vec<u32> = g.below([twice, a]).map(|(id, _)| id.0).collect();
        all.sort_unstable();
        assert_eq!(all, [a.0, b.0, both.0, twice.0]);
        assert_eq!(g.inputs_below([b]), [InputId(1)].into());
        let mut below = g.below([twice]);
        let mut met = Vec::new();
        while let Some((id, _)) = below.next() {
            met.push(id);
            if id == both {
                below.leave();
                below.add([b]);
            }
        }
        assert_eq!(met, [twice, both, b]);
    }

    #[test]
    fn markets_are_looked_into_where_that_is_asked() {
        let mut g = Graph::default();
        let (supply, end) = (input(&mut g, InputKind::State(0)), input(&mut g, InputKind::State(1)));
        let price = input(&mut g, InputKind::Unknown(0));
        let excess = add(&mut g, supply, price);
        g.roots.push(Root {
            unknowns: vec![InputId(2)],
            residuals: vec![excess],
            brackets: vec![(end, end)],
            spans: vec![Span::default()],
        });
        let solved = g.add(Op::Root { root: 0, which: 0 }, Span::default()).expect("a root");
        assert!(g.inputs_below([solved]).is_empty());
        let through = g.below([solved]).through_roots().inputs();
        assert_eq!(through, [InputId(0), InputId(1), InputId(2)].into());
    }
}
