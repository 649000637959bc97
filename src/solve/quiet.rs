//! The model without chance: shocks and draws stand at their means.

use crate::chance::{Distribution, Process};
use crate::check::Model;
use crate::graph::{Interval, NodeId, Op, Phase};

/// The model with every shock and every draw of a period at its mean, so that solvers and simulated worlds meet none.
///
/// # Errors
/// The name of a draw whose mean moves with what is done.
pub fn quiet(model: &Model) -> Result<Model, String> {
    let mut out = model.clone();
    for shock in &model.shocks {
        let mean = shock.process.mean();
        let chain = matches!(shock.process, Process::Chain { .. });
        let later: Vec<usize> = (0..model.graph.nodes.len())
            .filter(|i| model.graph.nodes[*i].op == Op::Input(shock.next))
            .collect();
        hold(&mut out, shock.node, mean);
        // A chain's number says nothing of its mean: what reads the number itself reads that of the middle state.
        let middle = match &shock.process {
            Process::Chain { values, .. } => (values.len() / 2) as f64,
            _ => mean,
        };
        // Whoever draws the shock goes on drawing it, and nobody reads what is drawn.
        for input in [shock.input, shock.next] {
            let read = model.graph.nodes.iter().find(|n| n.op == Op::Input(input));
            out.graph.nodes.extend(read.cloned());
        }
        for node in later {
            hold(&mut out, NodeId(node as u32), if chain { middle } else { mean });
        }
    }
    for (k, noise) in model.noises.iter().enumerate() {
        let point = |node: NodeId| {
            let d = model.graph.nodes[node.0 as usize].domain;
            (d.lo == d.hi).then_some(d.lo)
        };
        let args: Option<Vec<f64>> = noise.args.iter().map(|a| point(*a)).collect();
        let table: Option<Vec<(f64, f64)>> = (noise.outcomes.iter())
            .map(|(v, p)| Some((point(*v)?, point(*p)?)))
            .collect();
        let (Some(args), Some(table)) = (args, table) else {
            return Err(noise.name.clone());
        };
        let law = Distribution {
            family: noise.family,
            args,
            table,
        };
        // It goes on being drawn and integrated, and nobody reads what is drawn.
        let drawn = model.graph.nodes[noise.node.0 as usize].clone();
        hold(&mut out, noise.node, law.mean());
        out.graph.nodes.push(drawn);
        out.noises[k].node = NodeId(out.graph.nodes.len() as u32 - 1);
    }
    Ok(out)
}

/// Puts one number where a node was.
fn hold(model: &mut Model, node: NodeId, x: f64) {
    let elements = model.graph.elements(&model.graph.nodes[node.0 as usize].shape);
    let node = &mut model.graph.nodes[node.0 as usize];
    node.op = if node.shape.is_empty() {
        Op::Const(x)
    } else {
        Op::Table(vec![x; elements])
    };
    node.phase = Phase::Constant;
    node.domain = Interval {
        lo: x,
        hi: x,
        lo_open: false,
        hi_open: false,
        integer: false,
    };
}
