//! A graph without what is not needed. The builder folds constants and makes equal nodes one as it goes, so nothing else is left to do.

use super::build::for_operands;
use super::shape::operands;
use super::{Graph, Node, NodeId, Op};

/// A graph after [`dead`], and where each node of the old one went.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The new graph.
    pub graph: Graph,
    /// The new number of each old node, one entry per old node; `None` where it is gone.
    pub map: Vec<Option<NodeId>>,
}

/// What no node in the list `outputs` needs is left out, and root problems that are not needed with it; their unknowns
/// stay as inputs that nothing reads.
pub fn dead(graph: &Graph, outputs: &[NodeId]) -> Passed {
    let mut live = vec![false; graph.nodes.len()];
    let mut roots = vec![false; graph.roots.len()];
    let mut stack = outputs.to_vec();
    while let Some(id) = stack.pop() {
        if std::mem::replace(&mut live[id.0 as usize], true) {
            continue;
        }
        let op = &graph.nodes[id.0 as usize].op;
        stack.extend(operands(op));
        let root = match op {
            Op::Root { root, .. } => Some(*root),
            Op::Input(i) => graph.roots.iter().position(|r| r.unknowns.contains(i)),
            _ => None,
        };
        if let Some(r) = root
            && !std::mem::replace(&mut roots[r], true)
        {
            let problem = &graph.roots[r];
            stack.extend(&problem.residuals);
            stack.extend(problem.brackets.iter().flat_map(|(lo, hi)| [*lo, *hi]));
            // Where an unknown is read in place of its solution, the solution must be there to be found.
            let solved = |n: &Node| matches!(n.op, Op::Root { root, .. } if root == r);
            stack.extend(
                (0..graph.nodes.len())
                    .filter(|n| solved(&graph.nodes[*n]))
                    .map(|n| NodeId(n as u32)),
            );
        }
    }
    let mut number = vec![0; roots.len()];
    let mut next = 0;
    for (n, kept) in number.iter_mut().zip(&roots) {
        *n = next;
        next += usize::from(*kept);
    }
    let mut passed = rebuild(graph, |out, old, mut node| {
        if !live[old.0 as usize] {
            return None;
        }
        if let Op::Root { root, .. } = &mut node.op {
            *root = number[*root];
        }
        out.nodes.push(node);
        Some(NodeId(out.nodes.len() as u32 - 1))
    });
    let mut kept = roots.iter();
    passed.graph.roots.retain(|_| kept.next().copied().unwrap_or(false));
    passed
}

/// Goes through the nodes in order, operands renumbered; `place` says where each goes.
fn rebuild(graph: &Graph, mut place: impl FnMut(&mut Graph, NodeId, Node) -> Option<NodeId>) -> Passed {
    let mut out = Graph {
        nodes: Vec::with_capacity(graph.nodes.len()),
        axes: graph.axes.clone(),
        inputs: graph.inputs.clone(),
        roots: graph.roots.clone(),
    };
    let mut map: Vec<Option<NodeId>> = Vec::with_capacity(graph.nodes.len());
    for (n, node) in graph.nodes.iter().enumerate() {
        crate::limits::poll();
        let mut node = node.clone();
        for_operands(&mut node.op, &mut |id| *id = map[id.0 as usize].unwrap_or(*id));
        let to = place(&mut out, NodeId(n as u32), node);
        map.push(to);
    }
    for root in &mut out.roots {
        let brackets = root.brackets.iter_mut().flat_map(|(lo, hi)| [lo, hi]);
        for id in root.residuals.iter_mut().chain(brackets) {
            *id = map[id.0 as usize].unwrap_or(*id);
        }
    }
    Passed { graph: out, map }
}

#[cfg(test)]
mod tests {
    use super::super::eval::evaluate;
    use super::super::{Axis, AxisId, AxisKind, Binary, InputId, InputKind, Interval, Phase, Reduce, Root, Unary};
    use super::*;
    use crate::diag::Span;

    fn add(g: &mut Graph, op: Op) -> NodeId {
        g.add(op, Span::default()).unwrap()
    }

    /// `mean(sqrt(position) * x + 2 * 3)` written twice, beside a market, one dead and one alive.
    fn graph() -> (Graph, NodeId, NodeId) {
        let mut g = Graph {
            axes: vec![Axis {
                name: "firm".into(),
                size: 5,
                continuum: false,
                kind: AxisKind::Population,
            }],
            ..Graph::default()
        };
        let firm = AxisId(0);
        let x = g.add_input("x", InputKind::State(0), vec![firm], Interval::all(), Phase::Dated);
        let mut means = Vec::new();
        for _ in 0..2 {
            let p = add(&mut g, Op::Position(firm));
            let s = add(&mut g, Op::Unary(Unary::Sqrt, p));
            let t = add(&mut g, Op::Binary(Binary::Mul, s, x));
            let (two, three) = (add(&mut g, Op::Const(2.0)), add(&mut g, Op::Const(3.0)));
            let six = add(&mut g, Op::Binary(Binary::Mul, two, three));
            let of = add(&mut g, Op::Binary(Binary::Add, t, six));
            means.push(add(
                &mut g,
                Op::Reduce {
                    how: Reduce::Mean,
                    of,
                    axis: firm,
                    when: None,
                },
            ));
        }
        let mut solved = Vec::new();
        for k in 0..2 {
            let p = g.add_input("p", InputKind::Unknown(k), Vec::new(), Interval::all(), Phase::Cleared);
            let residual = add(&mut g, Op::Binary(Binary::Sub, means[k], p));
            let (lo, hi) = (add(&mut g, Op::Const(-100.0)), add(&mut g, Op::Const(100.0)));
            g.roots.push(Root {
                unknowns: vec![InputId(k as u32 + 1)],
                residuals: vec![residual],
                brackets: vec![(lo, hi)],
                spans: vec![Span::default()],
            });
            solved.push(add(&mut g, Op::Root { root: k, which: 0 }));
        }
        (g, means[1], solved[1])
    }

    #[test]
    fn what_is_not_needed_is_left_out_and_numbers_stay() {
        let (g, mean, price) = graph();
        let inputs = vec![vec![1.0, 4.0, -2.0, 0.5, 3.0], vec![0.0], vec![0.0]];
        let before = evaluate(&g, &inputs).unwrap();
        let lean = dead(&g, &[mean, price]);
        let after = evaluate(&lean.graph, &inputs).unwrap();
        for old in [mean, price] {
            let new = lean.map[old.0 as usize].unwrap();
            assert_eq!(before.nodes[old.0 as usize], after.nodes[new.0 as usize]);
        }
        assert_eq!(lean.graph.roots.len(), 1);
        let lean = dead(&g, &[mean]);
        assert!(lean.graph.roots.is_empty());
        assert_eq!(lean.graph.nodes.len(), 9);
        assert_eq!(lean.graph.inputs.len(), g.inputs.len());
        assert!(lean.map[8].is_none());
        super::super::shape::validate(&lean.graph).unwrap();
    }
}
