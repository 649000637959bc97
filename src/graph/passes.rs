//! Passes that make a graph smaller and keep its meaning: constants folded, equal nodes made one, dead nodes left out.
//!
//! Each pass is a function from graph to graph with the new number of every old node (`None` where it is gone);
//! [`simplify`] runs all until nothing changes and counts. Inputs keep their numbers; the results are equal to the bit.

use super::build::{fold, for_operands, key};
use super::shape::operands;
use super::{Graph, Node, NodeId, Op};
use std::collections::HashMap;

/// Largest array that folding makes.
const LARGEST: usize = 100_000;

/// A graph after a pass, and where each node of the old one went.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The new graph.
    pub graph: Graph,
    /// The new number of each old node, one entry per old node; `None` where it is gone.
    pub map: Vec<Option<NodeId>>,
}

/// What a pass did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Name of the pass.
    pub pass: &'static str,
    /// Nodes before.
    pub before: usize,
    /// Nodes after.
    pub after: usize,
    /// Nodes that changed in place: operations that became constants.
    pub folded: usize,
}

/// A simplified graph.
#[derive(Clone, Debug)]
pub struct Simplified {
    /// The new graph.
    pub graph: Graph,
    /// The new numbers of the outputs, in the order asked.
    pub outputs: Vec<NodeId>,
    /// One entry per pass that was run, in order.
    pub counts: Vec<Count>,
}

/// Folds constants, makes equal nodes one and leaves out what `outputs`, a list of nodes, do not need, until nothing
/// changes.
pub fn simplify(graph: &Graph, outputs: &[NodeId]) -> Simplified {
    let mut graph = graph.clone();
    let mut outputs = outputs.to_vec();
    let mut counts = Vec::new();
    loop {
        let before = graph.nodes.len();
        let mut folded = 0;
        for pass in ["constants", "common", "dead"] {
            let passed = match pass {
                "constants" => constants(&graph),
                "common" => common(&graph),
                _ => dead(&graph, &outputs),
            };
            let changed = if pass == "constants" {
                let pairs = graph.nodes.iter().zip(&passed.graph.nodes);
                pairs.filter(|(a, b)| !same(&a.op, &b.op)).count()
            } else {
                0
            };
            folded += changed;
            counts.push(Count {
                pass,
                before: graph.nodes.len(),
                after: passed.graph.nodes.len(),
                folded: changed,
            });
            outputs = outputs.iter().filter_map(|o| passed.map[o.0 as usize]).collect();
            graph = passed.graph;
        }
        if folded == 0 && graph.nodes.len() == before {
            return Simplified { graph, outputs, counts };
        }
    }
}

/// Equal, NaN included.
fn same(a: &Op, b: &Op) -> bool {
    key(a, &Vec::new()) == key(b, &Vec::new())
}

/// Operations on constants become constants, computed by the interpreter. No node goes away.
pub fn constants(graph: &Graph) -> Passed {
    let mut out = graph.clone();
    for n in 0..out.nodes.len() {
        let node = &out.nodes[n];
        let known = |id: &NodeId| {
            matches!(
                out.nodes[id.0 as usize].op,
                Op::Const(_) | Op::Table(_) | Op::Position(_)
            )
        };
        let needs = operands(&node.op);
        if needs.is_empty() || !needs.iter().all(known) || out.elements(&node.shape) > LARGEST {
            continue;
        }
        if let Some(values) = fold(&out, &node.op, &node.shape) {
            let single = node.shape.is_empty();
            out.nodes[n].op = match values.first() {
                Some(x) if single => Op::Const(*x),
                _ => Op::Table(values),
            };
        }
    }
    let map = (0..graph.nodes.len()).map(|n| Some(NodeId(n as u32))).collect();
    Passed { graph: out, map }
}

/// Nodes of the same operation on the same operands become one (the first).
pub fn common(graph: &Graph) -> Passed {
    let mut seen: HashMap<(Vec<u64>, Vec<u32>), NodeId> = HashMap::new();
    rebuild(graph, |out, _, node| {
        let shape = node.shape.iter().map(|a| a.0).collect();
        let next = NodeId(out.nodes.len() as u32);
        let id = *seen.entry((key(&node.op, &node.shape), shape)).or_insert(next);
        if id == next {
            out.nodes.push(node);
        }
        Some(id)
    })
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
    fn passes_keep_the_numbers_and_lose_what_is_not_needed() {
        let (g, mean, price) = graph();
        let inputs = vec![vec![1.0, 4.0, -2.0, 0.5, 3.0], vec![0.0], vec![0.0]];
        let before = evaluate(&g, &inputs).unwrap();
        let s = simplify(&g, &[mean, price]);
        let after = evaluate(&s.graph, &inputs).unwrap();
        for (old, new) in [mean, price].into_iter().zip(&s.outputs) {
            assert_eq!(before.nodes[old.0 as usize], after.nodes[new.0 as usize]);
        }
        // x, sqrt(1..5), product, 6, sum, mean; the unknown, -100, 100, residual, solution.
        assert_eq!(s.graph.nodes.len(), 11);
        assert_eq!(s.graph.roots.len(), 1);
        let of = |pass| s.counts.iter().find(|c| c.pass == pass).unwrap();
        assert_eq!(
            (of("constants").before, of("constants").after),
            (g.nodes.len(), g.nodes.len())
        );
        assert_eq!(of("constants").folded, 4, "two square roots and two products");
        assert!(of("common").after < of("common").before);
        assert!(of("dead").after < of("dead").before);
        let last = s.counts.last().unwrap();
        assert_eq!(last.before, last.after);
    }

    #[test]
    fn a_pass_alone_does_its_own_work_only() {
        let (g, mean, _) = graph();
        assert_eq!(constants(&g).graph.nodes.len(), g.nodes.len());
        let merged = common(&g);
        assert_eq!(merged.graph.roots.len(), 2);
        assert_eq!(merged.map[mean.0 as usize], merged.map[8], "both means are one node");
        let lean = dead(&g, &[mean]);
        assert!(lean.graph.roots.is_empty());
        assert_eq!(lean.graph.nodes.len(), 9);
        assert_eq!(lean.graph.inputs.len(), g.inputs.len());
        assert!(lean.map[8].is_none());
        super::super::shape::validate(&lean.graph).unwrap();
    }
}
