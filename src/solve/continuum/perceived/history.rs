//! Aggregate shocks that remember: the state of a chain becomes the list of its last states, so that a law may have a line for each history.
//!
//! Everything that reads the shock goes on reading its present state. What the longer chain is good for is what forecasts read.

use super::moments::links;
use crate::check::model::{Model, Process, SetInfo, StartShock};
use crate::diag::Span;
use crate::graph::build::for_operands;
use crate::graph::{Axis, AxisId, AxisKind, Graph, InputId, Interval, Node, NodeId, Op, Phase};

/// The model in which the state of each of these shocks (numbers of the model's shocks, chains) is the list of its last `length` states, the
/// present one fastest.
pub(super) fn lengthened(model: &Model, shared: &[usize], length: usize) -> Model {
    let mut out = model.clone();
    for s in shared {
        remember(&mut out, *s, length);
    }
    out
}

/// For each step of the longer chains the step that it is in chains that remember one state less, two less, .. down to one: one list per
/// length, one number per step, next states fastest. Empty where chains remember one state. `shared` are shocks of the model as it was written.
pub(super) fn coarser(model: &Model, shared: &[usize], length: usize) -> Vec<Vec<usize>> {
    let sizes: Vec<usize> = shared.iter().map(|s| links(model, *s)).collect();
    let long: Vec<usize> = sizes.iter().map(|n| n.pow(length as u32)).collect();
    let states: usize = long.iter().product();
    // The last states of each chain, put together again.
    let ending = |mut at: usize, keep: usize| -> usize {
        let mut parts = Vec::new();
        for (n, many) in sizes.iter().zip(&long).rev() {
            let kept = n.pow(keep as u32);
            parts.push((at % many % kept, kept));
            at /= many;
        }
        parts.iter().rev().fold(0, |k, (part, kept)| k * kept + part)
    };
    (1..length)
        .rev()
        .map(|keep| {
            (0..states * states)
                .map(|line| ending(line / states, keep) * states + ending(line % states, 1))
                .collect()
        })
        .collect()
}

fn remember(model: &mut Model, shock: usize, length: usize) {
    let n = links(model, shock);
    let many = n.pow(length as u32);
    // Chains.
    let sizes: Vec<usize> = (0..model.shocks.len()).map(|s| links(model, s)).collect();
    for s in 0..model.shocks.len() {
        let Process::Chain {
            values,
            labels,
            matrices,
            given,
        } = &mut model.shocks[s].process
        else {
            continue;
        };
        if given.iter().any(|g| g.0 == shock) {
            let new: Vec<usize> = given
                .iter()
                .map(|g| if g.0 == shock { many } else { sizes[g.0] })
                .collect();
            let total: usize = new.iter().product();
            let old = |combination: usize| -> usize {
                let mut rest = combination;
                let mut at: Vec<(usize, usize)> = Vec::new();
                for (g, size) in given.iter().zip(&new).rev() {
                    let link = rest % size;
                    rest /= size;
                    at.push(if g.0 == shock { (link % n, n) } else { (link, *size) });
                }
                at.iter().rev().fold(0, |k, (link, size)| k * size + link)
            };
            *matrices = (0..total).map(|c| matrices[old(c)].clone()).collect();
        }
        if s != shock {
            continue;
        }
        let word = |k: usize| labels.get(k).cloned().unwrap_or_else(|| values[k].to_string());
        let history = |h: usize| -> String {
            let parts: Vec<String> = (0..length).rev().map(|back| word(h / n.pow(back as u32) % n)).collect();
            parts.join(" ")
        };
        let told: Vec<String> = (0..many).map(history).collect();
        *values = (0..many).map(|h| values[h % n]).collect();
        *labels = told;
        for matrix in matrices {
            let row = |h: usize| -> Vec<f64> {
                (0..many)
                    .map(|to| {
                        if to / n == h % (many / n) {
                            matrix[h % n][to % n]
                        } else {
                            0.0
                        }
                    })
                    .collect()
            };
            *matrix = (0..many).map(row).collect();
        }
    }
    if let Some(StartShock::Link(k)) = &mut model.shocks[shock].start {
        *k = (0..length).fold(0, |h, _| h * n + *k);
    }
    present(model, shock, (n, many));
}

/// Readers of a shock that now remembers read the present state.
fn present(model: &mut Model, shock: usize, (n, many): (usize, usize)) {
    let set = AxisId(model.graph.axes.len() as u32);
    model.graph.axes.push(Axis {
        name: "history".into(),
        size: many,
        continuum: false,
        kind: AxisKind::Set,
    });
    model.sets.push(SetInfo::default());
    let own = [model.shocks[shock].input, model.shocks[shock].next];
    let old = std::mem::take(&mut model.graph.nodes);
    let mut map: Vec<NodeId> = Vec::with_capacity(old.len());
    let mut raw: Vec<(NodeId, NodeId)> = Vec::new();
    let mut table: Option<NodeId> = None;
    for mut node in old {
        for_operands(&mut node.op, &mut |id| *id = map[id.0 as usize]);
        let read: Option<InputId> = match node.op {
            Op::Input(i) if own.contains(&i) => Some(i),
            _ => None,
        };
        if read.is_none() {
            map.push(push(&mut model.graph, node));
            continue;
        }
        let last = *table.get_or_insert_with(|| {
            let last = (0..many).map(|h| (h % n) as f64).collect();
            push(
                &mut model.graph,
                Node {
                    op: Op::Table(last),
                    shape: vec![set],
                    domain: Interval::integers(0.0, n as f64 - 1.0),
                    phase: Phase::Constant,
                    span: Span::default(),
                },
            )
        });
        let like = node.clone();
        node.domain = Interval::integers(0.0, many as f64 - 1.0);
        let at = push(&mut model.graph, node);
        let of_now = Op::Take {
            of: last,
            axis: set,
            at,
        };
        let now = push(&mut model.graph, Node { op: of_now, ..like });
        raw.push((now, at));
        map.push(now);
    }
    for root in &mut model.graph.roots {
        root.residuals.iter_mut().for_each(|id| *id = map[id.0 as usize]);
        for (a, b) in &mut root.brackets {
            *a = map[a.0 as usize];
            *b = map[b.0 as usize];
        }
    }
    model.renumber(&map);
    // Whoever sees the shock knows its history.
    for o in model.agents.iter_mut().flat_map(|a| &mut a.observation) {
        if o.shock == Some(shock) {
            o.links = Some(many);
            if let Some((_, at)) = raw.iter().find(|r| r.0 == o.node) {
                o.node = *at;
            }
        }
    }
}

fn push(graph: &mut Graph, node: Node) -> NodeId {
    graph.nodes.push(node);
    NodeId(graph.nodes.len() as u32 - 1)
}
