//! Replacing the value of a node for all nodes that read it.

use super::build::for_operands;
use super::{Graph, Input, InputId, InputKind, Interval, Node, NodeId, Op, Shape};

/// What readers of a node see instead of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instead {
    /// A new input of the node's shape.
    Input,
    /// The new input where a second new input of the same shape is non-zero, the node itself elsewhere.
    InputWhere,
}

/// A graph in which every reader of `target` reads something else. Returns the new graph, the new number of every old
/// node (one entry per old node; the target's number is that of its replacement) and the new inputs: one, or two
/// (value, flag) for [`Instead::InputWhere`].
pub fn substitute(graph: &Graph, target: NodeId, instead: Instead, name: &str) -> (Graph, Vec<NodeId>, Vec<InputId>) {
    let mut out = Graph {
        nodes: Vec::with_capacity(graph.nodes.len() + 3),
        ..graph.clone()
    };
    out.nodes.clear();
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    let mut inputs = Vec::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        let mut node = node.clone();
        for_operands(&mut node.op, &mut |id| *id = map[id.0 as usize]);
        let own = push(&mut out, node.clone());
        if i != target.0 as usize {
            map.push(own);
            continue;
        }
        let value = add_input(&mut out, name, node.shape.clone(), &node, &mut inputs);
        map.push(match instead {
            Instead::Input => value,
            Instead::InputWhere => {
                let shape = node.shape.clone();
                let flag = add_input(
                    &mut out,
                    &format!("{name} is forced"),
                    shape.clone(),
                    &node,
                    &mut inputs,
                );
                push(
                    &mut out,
                    Node {
                        op: Op::Select(flag, value, own),
                        shape,
                        domain: Interval::all(),
                        ..node
                    },
                )
            }
        });
    }
    for root in &mut out.roots {
        root.residuals.iter_mut().for_each(|n| *n = map[n.0 as usize]);
        for (a, b) in &mut root.brackets {
            *a = map[a.0 as usize];
            *b = map[b.0 as usize];
        }
    }
    (out, map, inputs)
}

fn push(graph: &mut Graph, node: Node) -> NodeId {
    graph.nodes.push(node);
    NodeId(graph.nodes.len() as u32 - 1)
}

fn add_input(graph: &mut Graph, name: &str, shape: Shape, like: &Node, inputs: &mut Vec<InputId>) -> NodeId {
    graph.inputs.push(Input {
        name: name.into(),
        kind: InputKind::Param(usize::MAX),
        shape: shape.clone(),
    });
    let id = InputId(graph.inputs.len() as u32 - 1);
    inputs.push(id);
    push(
        graph,
        Node {
            op: Op::Input(id),
            shape,
            domain: Interval::all(),
            phase: like.phase,
            span: like.span,
        },
    )
}
