//! Cutting a graph at nodes: nodes that read a cut node read a fixed number instead, and what the cut node would be is kept.
//!
//! It makes the problem of a price taker: the price is no longer a function of what others do, while the price its rule implies,
//! or the excess demand at that price, can still be computed.

use super::build::for_operands;
use super::shape::operands;
use super::{Graph, InputId, InputKind, Node, NodeId, Op};

/// A graph that was cut.
pub struct Cut {
    /// The new graph.
    pub graph: Graph,
    /// For each old node, in order, what its readers now read.
    pub map: Vec<NodeId>,
    /// For each node that was cut, in the order of `fixed`, what it would be: its value by its rule, or what is left
    /// over of the condition that determines it (excess demand, of the node's shape, 0 where the market clears).
    pub implied: Vec<NodeId>,
}

/// What stands for a node that was cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stand {
    /// This number, for each of its elements.
    Number(f64),
    /// An input of the node's shape.
    Input(InputId),
}

/// Cuts a graph at `fixed`, nodes with what stands for them.
///
/// # Errors
/// The node of `fixed` (its place there) whose market determines other prices as well, which are not cut.
pub fn cut(graph: &Graph, fixed: &[(NodeId, Stand)]) -> Result<Cut, usize> {
    let value = |node: usize| fixed.iter().find(|(n, _)| n.0 as usize == node).map(|(_, x)| *x);
    // Markets whose prices are all fixed go; their unknowns are the fixed numbers.
    let mut unknowns: Vec<(InputId, Stand)> = Vec::new();
    let mut gone = vec![false; graph.roots.len()];
    for (place, (node, x)) in fixed.iter().enumerate() {
        let Op::Root { root, which } = graph.nodes[node.0 as usize].op else {
            continue;
        };
        let all = (0..graph.nodes.len()).all(|i| match graph.nodes[i].op {
            Op::Root { root: other, .. } if other == root => value(i).is_some(),
            _ => true,
        });
        if !all {
            return Err(place);
        }
        gone[root] = true;
        unknowns.push((graph.roots[root].unknowns[which], *x));
    }
    let mut out = graph.clone();
    out.nodes.clear();
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    let mut implied = vec![NodeId(0); fixed.len()];
    let instead_of = |out: &Graph, like: &Node, stand: Stand| Node {
        op: match stand {
            Stand::Input(input) => Op::Input(input),
            Stand::Number(x) if like.shape.is_empty() => Op::Const(x),
            Stand::Number(x) => Op::Table(vec![x; out.elements(&like.shape)]),
        },
        domain: match stand {
            Stand::Input(_) => like.domain,
            Stand::Number(x) => super::Interval::point(x),
        },
        phase: super::Phase::Constant,
        ..like.clone()
    };
    for (i, node) in graph.nodes.iter().enumerate() {
        let mut own = node.clone();
        for_operands(&mut own.op, &mut |id| *id = map[id.0 as usize]);
        let instead = match own.op {
            Op::Input(input) if matches!(graph.inputs[input.0 as usize].kind, InputKind::Unknown(_)) => {
                unknowns.iter().find(|(u, _)| *u == input).map(|(_, x)| *x)
            }
            _ => value(i),
        };
        let Some(x) = instead else {
            if let Op::Root { root, .. } = &mut own.op {
                *root -= gone[..*root].iter().filter(|g| **g).count();
            } else {
                // What only a cut node held back is known earlier now.
                let operands = operands(&own.op);
                let latest = operands.iter().map(|n| out.nodes[n.0 as usize].phase).max();
                own.phase = latest.map_or(own.phase, |phase| phase.min(own.phase));
            }
            map.push(push(&mut out, own));
            continue;
        };
        if let Some(place) = fixed.iter().position(|(n, _)| n.0 as usize == i) {
            implied[place] = match own.op {
                Op::Root { root, which } => map[graph.roots[root].residuals[which].0 as usize],
                _ => push(&mut out, own),
            };
        }
        let stands = instead_of(&out, node, x);
        map.push(push(&mut out, stands));
    }
    let mut kept = gone.iter().map(|g| !g);
    out.roots.retain(|_| kept.next().unwrap_or(true));
    for root in &mut out.roots {
        root.residuals.iter_mut().for_each(|n| *n = map[n.0 as usize]);
        for (a, b) in &mut root.brackets {
            *a = map[a.0 as usize];
            *b = map[b.0 as usize];
        }
    }
    Ok(Cut {
        graph: out,
        map,
        implied,
    })
}

fn push(graph: &mut Graph, node: Node) -> NodeId {
    graph.nodes.push(node);
    NodeId(graph.nodes.len() as u32 - 1)
}
