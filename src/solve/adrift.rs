//! States that nobody's choices move: where they go by themselves from where lives begin, without chance.

use crate::check::Model;
use crate::graph::eval::evaluate;
use crate::graph::passes::dead;
use crate::graph::shape::{aligned, element_name};
use crate::graph::{Input, InputKind, Interval, NodeId, Op, Phase};
use crate::solve::economy::moving;

/// A state that comes to rest by itself.
struct Adrift {
    state: usize,
    /// One number per element.
    values: Vec<f64>,
}

/// States that nobody moves, now or through other states, and that no draw moves, with what they are after so many periods: name and value, one for each
/// member. What begins at random, or goes on moving, is left out.
pub fn after(model: &Model, periods: usize) -> Vec<(String, f64)> {
    let g = &model.graph;
    let spelled = |one: Adrift| {
        let state = &model.states[one.state];
        let (shape, n) = (&g.inputs[state.input.0 as usize].shape, one.values.len());
        let names = (0..n)
            .map(|e| element_name(g, &state.name, shape, e, n))
            .collect::<Vec<_>>();
        names.into_iter().zip(one.values)
    };
    let rests = at_rest(model, periods).into_iter();
    rests.flat_map(spelled).collect()
}

/// The model in which such states stand where they come to, and nobody sees them move.
pub fn held(model: &Model, periods: usize) -> Model {
    let mut out = model.clone();
    for one in at_rest(model, periods) {
        let input = model.states[one.state].input;
        let read: Vec<usize> = (0..model.graph.nodes.len())
            .filter(|i| model.graph.nodes[*i].op == Op::Input(input))
            .collect();
        for i in &read {
            let node = &mut out.graph.nodes[*i];
            node.domain = Interval {
                lo: one.values.iter().copied().fold(f64::INFINITY, f64::min),
                hi: one.values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                lo_open: false,
                hi_open: false,
                integer: false,
            };
            node.phase = Phase::Constant;
            node.op = match node.shape.is_empty() {
                true => Op::Const(one.values[0]),
                false => Op::Table(one.values.clone()),
            };
        }
        // The state goes on by its law, and nobody reads it.
        if let Some(first) = read.first() {
            out.graph.nodes.push(model.graph.nodes[*first].clone());
            out.states[one.state].node = NodeId(out.graph.nodes.len() as u32 - 1);
        }
    }
    out
}

/// Such states with where they come to rest.
fn at_rest(model: &Model, periods: usize) -> Vec<Adrift> {
    let g = &model.graph;
    let moved = moving(model);
    let own = |s: &usize| {
        let state = &model.states[*s];
        state.start.is_some() && !moved.contains(&state.input)
    };
    let mut own: Vec<usize> = (0..model.states.len()).filter(own).collect();
    // What reads something else than parameters and one another does not go by itself.
    loop {
        let before = own.len();
        let kept = own.clone();
        own.retain(|s| {
            let reads = g.inputs_below([model.states[*s].next]);
            reads.iter().all(|i| match g.inputs[i.0 as usize].kind {
                InputKind::State(s) => kept.contains(&s),
                InputKind::Param(_) => true,
                _ => false,
            })
        });
        if own.len() == before {
            break;
        }
    }
    let size = |s: &usize| g.elements(&g.inputs[model.states[*s].input.0 as usize].shape);
    // Values of nodes, one list per node, where states are as they are `now`.
    let values = |nodes: &[NodeId], now: &[Vec<f64>]| -> Option<Vec<Vec<f64>>> {
        let passed = dead(g, nodes);
        let input = |i: &Input| match i.kind {
            InputKind::Param(p) => model.params[p].values.clone(),
            InputKind::State(s) => match own.iter().position(|o| *o == s).and_then(|k| now.get(k)) {
                Some(x) => x.clone(),
                None => vec![f64::NAN; g.elements(&i.shape)],
            },
            _ => vec![f64::NAN; passed.graph.elements(&i.shape)],
        };
        let inputs: Vec<Vec<f64>> = passed.graph.inputs.iter().map(input).collect();
        let all = evaluate(&passed.graph, &inputs).ok()?;
        let of = |(n, s): (&NodeId, &usize)| {
            let node = passed.map[n.0 as usize]?;
            let found = &all.nodes[node.0 as usize];
            let shape = &g.inputs[model.states[*s].input.0 as usize].shape;
            let map = aligned(&passed.graph, &passed.graph.nodes[node.0 as usize].shape, shape);
            (0..size(s))
                .map(|e| found.get(map[e]).copied())
                .collect::<Option<Vec<f64>>>()
        };
        nodes.iter().zip(&own).map(of).collect()
    };
    if own.is_empty() {
        return Vec::new();
    }
    let starts: Vec<NodeId> = own.iter().filter_map(|s| model.states[*s].start).collect();
    let laws: Vec<NodeId> = own.iter().map(|s| model.states[*s].next).collect();
    let Some(mut now) = values(&starts, &[]) else {
        return Vec::new();
    };
    let mut before = now.clone();
    for _ in 0..periods {
        crate::limits::poll();
        let Some(next) = values(&laws, &now) else {
            return Vec::new();
        };
        before = std::mem::replace(&mut now, next);
        if before == now {
            break;
        }
    }
    let still = |k: &usize| {
        let pairs = now[*k].iter().zip(&before[*k]);
        pairs.fold(true, |all, (x, y)| all && (x - y).abs() <= 1e-9 * (1.0 + x.abs()))
    };
    (0..own.len())
        .filter(still)
        .map(|k| Adrift {
            state: own[k],
            values: now[k].clone(),
        })
        .collect()
}
