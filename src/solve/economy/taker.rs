//! One who takes what others do as given, beside the economy: a price taker, or a player of an open-loop game.
//!
//! The economy goes on as it does. Beside it stands somebody with choices of his own, who meets the economy's prices and shocks, and what
//! everybody else does in it: his rewards, limits and laws are those of the member that he stands for, but what he does moves no price that he
//! takes as given and no choice of others. Every state that he moves has a second copy, which is his. Where he does what that member does he has
//! what that member has.

use crate::check::model::{Agent, Model, Observation, Otherwise, Space};
use crate::diag::Diagnostic;
use crate::graph::build::for_operands;
use crate::graph::shape::operands;
use crate::graph::{Graph, Input, InputId, InputKind, Node, NodeId, Op};

/// The economy with somebody beside it.
pub struct Beside {
    /// The model: that of the economy, with one more agent.
    pub model: Model,
    /// The number of the agent beside it.
    pub agent: usize,
    /// Each of its actions with the one it stands for: (the economy's, its own), numbers of the model's actions.
    pub actions: Vec<(usize, usize)>,
    /// Each of its states with the one it stands for.
    pub states: Vec<(usize, usize)>,
}

/// Puts one of an agent's members (from 0; `None` where there is one) beside the economy. It takes `prices`, one number of the model's
/// prices per price, and what all others do.
///
/// # Errors
/// E0810 for an agent that follows rules, and where what it does moves a price that clears and that it does not take.
pub fn beside(model: &Model, agent: usize, member: Option<usize>, prices: &[usize]) -> Result<Beside, Diagnostic> {
    let mut out = model.clone();
    let who = model.agents[agent].clone();
    let number = out.agents.len();
    let alone = |why: String| super::cannot(why).at(who.span, "takes prices as given");
    if !who.rules.is_empty() {
        return Err(alone(format!("`{}` takes prices as given and follows rules", who.name)));
    }
    let name = |old: &str| format!("single {old}");
    // Inputs of its own for its states and actions.
    let mut own: Vec<(InputId, InputId)> = Vec::new();
    let (mut states, mut actions) = (Vec::new(), Vec::new());
    let taken: Vec<NodeId> = prices.iter().map(|p| model.prices[*p].node).collect();
    let copied = moved_by(model, &who.actions, &taken, agent);
    let fresh = |g: &mut Graph, old: InputId, kind: InputKind| {
        let input = Input {
            name: name(&g.inputs[old.0 as usize].name),
            kind,
            shape: g.inputs[old.0 as usize].shape.clone(),
        };
        g.inputs.push(input);
        InputId(g.inputs.len() as u32 - 1)
    };
    for i in copied {
        let s = &model.states[i];
        let to = model.states.len() + states.len();
        own.push((s.input, fresh(&mut out.graph, s.input, InputKind::State(to))));
        states.push((i, to));
    }
    for a in &who.actions {
        let to = model.actions.len() + actions.len();
        let input = model.actions[*a].input;
        own.push((input, fresh(&mut out.graph, input, InputKind::Action(to))));
        actions.push((*a, to));
    }
    let mask = member.map(|m| {
        let size = model.graph.elements(&who.shape);
        let like = Node {
            op: Op::Table((0..size).map(|i| f64::from(u8::from(i == m))).collect()),
            shape: who.shape.clone(),
            domain: crate::graph::Interval {
                lo: 0.0,
                hi: 1.0,
                lo_open: false,
                hi_open: false,
                integer: true,
            },
            phase: crate::graph::Phase::Constant,
            span: who.span,
        };
        push(&mut out.graph, like)
    });
    // What he meets: the economy's nodes where nothing of his own is read, else copies.
    let mut map: Vec<NodeId> = Vec::with_capacity(model.graph.nodes.len());
    for (i, node) in model.graph.nodes.iter().enumerate() {
        let id = NodeId(i as u32);
        if taken.contains(&id) {
            map.push(id);
            continue;
        }
        if let Op::Input(input) = node.op
            && let Some((_, to)) = own.iter().find(|(from, _)| *from == input)
        {
            let mine = push(
                &mut out.graph,
                Node {
                    op: Op::Input(*to),
                    ..node.clone()
                },
            );
            // What others do is what they do in the economy.
            let action = matches!(model.graph.inputs[input.0 as usize].kind, InputKind::Action(_));
            map.push(match mask.filter(|_| action) {
                Some(mask) => push(
                    &mut out.graph,
                    Node {
                        op: Op::Select(mask, mine, id),
                        ..node.clone()
                    },
                ),
                None => mine,
            });
            continue;
        }
        if let Op::Root { root, .. } = node.op {
            let root = &model.graph.roots[root];
            let touched = root
                .residuals
                .iter()
                .any(|r| map.get(r.0 as usize).is_some_and(|m| m != r));
            if touched {
                return Err(alone(format!(
                    "what `{}` does moves a price that it does not take as given",
                    who.name
                ))
                .at(node.span, "this price"));
            }
            map.push(id);
            continue;
        }
        if operands(&node.op).iter().all(|o| map[o.0 as usize] == *o) {
            map.push(id);
            continue;
        }
        let mut copy = node.clone();
        for_operands(&mut copy.op, &mut |o| *o = map[o.0 as usize]);
        map.push(push(&mut out.graph, copy));
    }
    let moved = |n: &NodeId| map[n.0 as usize];
    let node_of = |g: &Graph, input: InputId| g.nodes.iter().position(|n| n.op == Op::Input(input));
    for (from, _) in &states {
        let mut s = model.states[*from].clone();
        s.input = own.iter().find(|o| o.0 == s.input).map_or(s.input, |o| o.1);
        let Some(node) = node_of(&out.graph, s.input) else {
            continue;
        };
        s.node = NodeId(node as u32);
        s.name = name(&s.name);
        s.owner = s.owner.map(|a| if a == agent { number } else { a });
        s.next = moved(&s.next);
        out.states.push(s);
    }
    let acting: Vec<usize> = actions.iter().map(|a| a.1).collect();
    for (from, _) in &actions {
        let mut a = model.actions[*from].clone();
        a.input = own.iter().find(|o| o.0 == a.input).map_or(a.input, |o| o.1);
        a.node = node_of(&out.graph, a.input).map_or(a.node, |n| NodeId(n as u32));
        a.name = name(&a.name);
        a.owner = number;
        match &mut a.space {
            Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => {
                (*lo, *hi) = (moved(lo), moved(hi));
            }
            Space::Finite { masks, .. } => masks.iter_mut().flatten().for_each(|m| *m = moved(m)),
            Space::Simplex(_) => {}
        }
        out.actions.push(a);
    }
    for r in model.requires.iter().filter(|r| r.agent == Some(agent)) {
        let mut r = r.clone();
        r.agent = Some(number);
        (r.condition, r.slack) = (moved(&r.condition), moved(&r.slack));
        if let Otherwise::Project(list) = &mut r.otherwise {
            for a in list.iter_mut() {
                *a = actions.iter().find(|(from, _)| from == a).map_or(*a, |(_, to)| *to);
            }
        }
        out.requires.push(r);
    }
    for e in model.ends.iter().filter(|e| e.agent == Some(agent)) {
        let mut e = e.clone();
        e.agent = Some(number);
        e.condition = moved(&e.condition);
        e.paying = e.paying.map(|p| moved(&p));
        out.ends.push(e);
    }
    // It sees the whole economy, and itself.
    let sight = |name: &str, node: NodeId, state: usize| Observation {
        name: name.into(),
        node,
        links: None,
        state: Some(state),
        shock: None,
        span: who.span,
    };
    let mut observation = who.observation.clone();
    observation.extend(out.states.iter().enumerate().map(|(i, s)| sight(&s.name, s.node, i)));
    out.agents.push(Agent {
        name: name(&who.name),
        actions: acting,
        observation,
        reward: who.reward.map(|r| moved(&r)),
        discount: who.discount.map(|d| moved(&d)),
        consumption: who.consumption.map(|c| moved(&c)),
        rules: Vec::new(),
        ..who
    });
    Ok(Beside {
        model: out,
        agent: number,
        actions,
        states,
    })
}

/// The states that somebody's actions move on other ways than through prices that are `taken`, and those of his own.
fn moved_by(model: &Model, actions: &[usize], taken: &[NodeId], agent: usize) -> Vec<usize> {
    let g = &model.graph;
    let own = |s: usize| model.states[s].owner == Some(agent);
    let mut out: Vec<usize> = (0..model.states.len()).filter(|s| own(*s)).collect();
    loop {
        let mut moves = vec![false; g.nodes.len()];
        for (i, node) in g.nodes.iter().enumerate() {
            moves[i] = !taken.contains(&NodeId(i as u32))
                && match &node.op {
                    Op::Input(input) => match g.inputs[input.0 as usize].kind {
                        InputKind::State(s) => out.contains(&s),
                        InputKind::Action(a) => actions.contains(&a),
                        _ => false,
                    },
                    Op::Root { root, .. } => g.roots[*root].residuals.iter().any(|r| moves[r.0 as usize]),
                    op => operands(op).iter().any(|o| moves[o.0 as usize]),
                };
        }
        let more = (0..model.states.len()).filter(|s| !out.contains(s) && moves[model.states[*s].next.0 as usize]);
        let more: Vec<usize> = more.collect();
        if more.is_empty() {
            out.sort_unstable();
            return out;
        }
        out.extend(more);
    }
}

fn push(graph: &mut Graph, node: Node) -> NodeId {
    graph.nodes.push(node);
    NodeId(graph.nodes.len() as u32 - 1)
}
