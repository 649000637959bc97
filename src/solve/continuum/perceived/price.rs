//! A price that clears a market in each period, as members take it: a state of their problem, which a law forecasts.
//!
//! Members see the price when they choose (`action b in .. given q`), so that what they do at each price is their demand; the price at which
//! nothing is left over is found in each period of a path (`market.rs`), and not by the law.

use super::moments::Refusal;
use crate::check::model::{Model, Observation, Price};
use crate::graph::cut::{Stand, cut};
use crate::graph::shape::{canonical, operands};
use crate::graph::{AxisId, Binary, Graph, Input, InputId, InputKind, NodeId, Op, Phase, Reduce, Unary};
use crate::solve::economy::stated::forget;

/// The economy with its price that clears as an input, state number `states` (of the model's) to come.
pub(super) struct Open {
    /// The model.
    pub(super) model: Model,
    /// The price as it was declared.
    pub(super) price: Price,
    /// Its input, and the node that reads it.
    pub(super) input: InputId,
    pub(super) node: NodeId,
    /// Demand less supply: 0 where the market clears.
    pub(super) excess: NodeId,
}

/// Opens the market of `price`, a number of the model's prices, in an economy whose members are on `axis`.
///
/// # Errors
/// What is in the way.
pub(super) fn opened(model: &Model, (agent, axis): (usize, AxisId), price: usize) -> Result<Open, Refusal> {
    let own = model.prices[price].clone();
    let short = own.name.rsplit('.').next().unwrap_or(&own.name);
    let at = |why: String| Refusal::new(why).at(own.span);
    let was = &model.graph.nodes[own.node.0 as usize];
    if !was.shape.is_empty() {
        return Err(at(format!("`{}` is several prices", own.name)));
    }
    if !(was.domain.lo.is_finite() && was.domain.hi.is_finite()) {
        return Err(at(format!(
            "it looks for `{}` in a range, and none is stated: `price {short} in [low, high] clears ..`",
            own.name
        )));
    }
    if let Some(a) = model.actions.iter().find(|a| a.owner == agent && a.given != [price]) {
        return Err(Refusal::new(format!(
            "`{}` is chosen before `{}` is known: write `action .. given {short}`",
            a.name, own.name
        ))
        .at(a.span));
    }
    let mut out = model.clone();
    let input = InputId(out.graph.inputs.len() as u32);
    out.graph.inputs.push(Input {
        name: own.name.clone(),
        kind: InputKind::State(model.states.len()),
        shape: Vec::new(),
    });
    let done = cut(&out.graph, &[(own.node, Stand::Input(input))]).map_err(|_| {
        at(format!(
            "`{}` clears together with other prices, and it is for one",
            own.name
        ))
    })?;
    out.graph = done.graph;
    out.renumber(&done.map);
    dated(&mut out.graph, input);
    forget(&mut out, &[price]);
    let (node, excess) = (done.map[own.node.0 as usize], done.implied[0]);
    additive(&out.graph, axis, excess).map_err(|why| at(format!("what clears `{}` {why}", own.name)))?;
    out.agents[agent].observation.push(Observation {
        name: own.name.clone(),
        node,
        links: None,
        state: Some(model.states.len()),
        shock: None,
        span: own.span,
    });
    Ok(Open {
        model: out,
        price: own,
        input,
        node,
        excess,
    })
}

/// What reads an input that changes from date to date is no constant.
fn dated(graph: &mut Graph, input: InputId) {
    for i in 0..graph.nodes.len() {
        let node = &graph.nodes[i];
        let latest = match &node.op {
            Op::Input(x) if *x == input => Some(Phase::Dated),
            op => operands(op).iter().map(|n| graph.nodes[n.0 as usize].phase).max(),
        };
        if let Some(latest) = latest.filter(|p| *p > node.phase) {
            graph.nodes[i].phase = latest;
        }
    }
}

/// Whether a node is a sum of means over `axis`, each with a weight that no member moves: then what is left over by all is the mean of what
/// is left over by each.
fn additive(g: &Graph, axis: AxisId, node: NodeId) -> Result<(), String> {
    match degree(g, axis, node) {
        Some(1) => Ok(()),
        Some(_) => Err("does not depend on what members do".into()),
        None => Err("is not linear in means over the members".into()),
    }
}

/// 0 for what no mean over `axis` moves, 1 for what is linear in means; `None` for anything else.
fn degree(g: &Graph, axis: AxisId, node: NodeId) -> Option<u8> {
    let of = |n: &NodeId| degree(g, axis, *n);
    match &g.nodes[node.0 as usize].op {
        Op::Reduce {
            how, axis: over, when, ..
        } if canonical(g, *over) == axis => (*how == Reduce::Mean && when.is_none()).then_some(1),
        Op::Unary(Unary::Neg, a) => of(a),
        Op::Binary(Binary::Add | Binary::Sub, a, b) => Some(of(a)?.max(of(b)?)),
        Op::Binary(Binary::Mul, a, b) => Some(of(a)? + of(b)?).filter(|d| *d < 2),
        Op::Binary(Binary::Div, a, b) => match (of(a)?, of(b)?) {
            (a, 0) => Some(a),
            _ => None,
        },
        Op::Select(c, a, b) => match (of(c)?, of(a)?, of(b)?) {
            (0, a, b) => Some(a.max(b)),
            _ => None,
        },
        op => operands(op).iter().all(|n| of(n) == Some(0)).then_some(0),
    }
}
