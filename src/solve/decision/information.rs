//! What a policy may depend on: the states and shocks that the deciding agents observe.
//!
//! A state or a shock is seen if an observation is it, or is a function of it that can be turned round once everything else in
//! that function is seen (`log(k)`, or `exp(z) * k^alpha` beside `k`). A planner over several agents knows what any of them
//! observes. A shock that nobody sees and that is independent over time tells nothing about its own future: to whoever decides
//! it is a noise, and is integrated out like one. Whatever else matters and is not seen makes the best policy a function of
//! everything seen so far, which the solvers do not look for.

use super::others::Others;
use super::shocks::Chainlet;
use crate::check::model::{Information, Model, Process, StartShock};
use crate::diag::{Diagnostic, Span};
use crate::graph::shape::operands;
use crate::graph::{Binary, InputId, InputKind, Interval, NodeId, Op, Unary};
use crate::solve::located;
use std::collections::BTreeSet;

/// What the deciding agents see.
pub(super) struct Seen {
    known: BTreeSet<InputId>,
    /// Read by some observation, seen or not.
    touched: BTreeSet<InputId>,
}

/// A state or a shock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hidden {
    State(usize),
    Shock(usize),
}

impl Seen {
    /// What these agents see together.
    pub(super) fn of(model: &Model, agents: &[usize]) -> Seen {
        let nodes: Vec<NodeId> = agents
            .iter()
            .flat_map(|a| model.agents[*a].observation.iter().map(|o| o.node))
            .collect();
        let leaves: Vec<BTreeSet<InputId>> = nodes.iter().map(|n| leaves(model, *n)).collect();
        let mut known = BTreeSet::new();
        loop {
            let more: Vec<InputId> = nodes
                .iter()
                .zip(&leaves)
                .filter_map(|(node, reads)| {
                    let mut left = reads.iter().filter(|i| !known.contains(*i));
                    let one = left.next()?;
                    (left.next().is_none() && gives_away(model, *node, *one)).then_some(*one)
                })
                .collect();
            if more.is_empty() {
                break;
            }
            known.extend(more);
        }
        Seen {
            known,
            touched: leaves.into_iter().flatten().collect(),
        }
    }

    /// Whether they see this input.
    pub(super) fn knows(&self, input: InputId) -> bool {
        self.known.contains(&input)
    }

    /// Whether an observation reads it, so that something about it is known.
    pub(super) fn touches(&self, input: InputId) -> bool {
        self.touched.contains(&input)
    }
}

/// Whether the settings ask for policies that may depend on everything.
pub(super) fn full(model: &Model) -> bool {
    model.information == Information::Full
}

/// Chains that tell nothing about their own future and that nobody has heard of: noises, to whoever decides.
pub(super) fn noise_like(model: &Model, seen: &Seen, laws: &[Chainlet]) -> Vec<usize> {
    let condition = |k: usize| laws.iter().any(|l| l.given.iter().any(|(g, _)| *g == k));
    (0..laws.len())
        .filter(|k| !condition(*k) && memoryless(model, &laws[*k]) && !seen.touches(model.shocks[laws[*k].shock].input))
        .collect()
}

/// Whether a chain tells nothing about its own future or about others.
fn memoryless(model: &Model, law: &Chainlet) -> bool {
    let shock = &model.shocks[law.shock];
    let [matrix] = law.matrices.as_slice() else {
        return false;
    };
    let independent = matrix
        .iter()
        .all(|row| row.iter().zip(&matrix[0]).all(|(a, b)| (a - b).abs() < 1e-12));
    let fresh = !matches!(shock.start, Some(StartShock::Link(_) | StartShock::Value(_)));
    let alone = !matches!(shock.process, Process::Var1 { .. });
    independent && fresh && alone && law.given.is_empty()
}

/// Chains of one's fellows that only they see and that tell nothing about the future: what a fellow then does is uncertain. As numbers
/// of `laws`; the second list holds those that do tell something.
pub(super) fn private(model: &Model, others: &Others, laws: &[Chainlet]) -> (Vec<usize>, Vec<usize>) {
    let own = |law: &Chainlet| {
        let elements = model.graph.elements(&model.shocks[law.shock].shape);
        located::own(model, others.agent, others.member, elements).contains(&law.element)
    };
    let theirs = (0..laws.len()).filter(|k| {
        let shock = &model.shocks[laws[*k].shock];
        let told = watched(model, others.agent, shock.input);
        shock.owner == Some(others.agent) && !own(&laws[*k]) && !told
    });
    theirs.partition(|k| memoryless(model, &laws[*k]))
}

/// Whether an agent's observations read an input of its fellows, and not its own element alone.
pub(super) fn watched(model: &Model, agent: usize, input: InputId) -> bool {
    let g = &model.graph;
    let mut todo: Vec<(NodeId, bool)> = model.agents[agent]
        .observation
        .iter()
        .map(|o| (o.node, false))
        .collect();
    let mut done = BTreeSet::new();
    while let Some((n, across)) = todo.pop() {
        if !done.insert((n, across)) {
            continue;
        }
        let op = &g.nodes[n.0 as usize].op;
        match op {
            Op::Input(i) if *i == input && across => return true,
            Op::Root { root, .. } => {
                let root = &g.roots[*root];
                todo.extend(root.residuals.iter().map(|r| (*r, true)));
            }
            Op::Others { .. } | Op::Reduce { .. } | Op::Take { .. } | Op::Slice { .. } | Op::Stack { .. } => {
                todo.extend(operands(op).into_iter().map(|o| (o, true)));
            }
            op => todo.extend(operands(op).into_iter().map(|o| (o, across))),
        }
    }
    false
}

/// Its dotted name.
pub(super) fn name(model: &Model, hidden: Hidden) -> String {
    match hidden {
        Hidden::State(s) => model.states[s].name.clone(),
        Hidden::Shock(s) => model.shocks[s].name.clone(),
    }
}

/// The refusal: what is hidden, where it matters, and the ways out.
pub(super) fn refusal(model: &Model, seen: &Seen, agents: &[usize], hidden: &BTreeSet<Hidden>) -> Diagnostic {
    let named = |h: &Hidden| match h {
        Hidden::State(s) => (&model.states[*s].name, model.states[*s].span, model.states[*s].input),
        Hidden::Shock(s) => (&model.shocks[*s].name, model.shocks[*s].span, model.shocks[*s].input),
    };
    let names: Vec<String> = hidden.iter().map(|h| format!("`{}`", named(h).0)).collect();
    let who: Vec<String> = agents.iter().map(|a| format!("`{}`", model.agents[*a].name)).collect();
    let observe = if let [_] = agents {
        "does not observe"
    } else {
        "do not observe"
    };
    let mut d = Diagnostic::error(
        "E0825",
        format!("{} {observe} {}, which matters", who.join(" and "), names.join(" and ")),
    );
    if let Some((_, span, input)) = hidden.first().map(named) {
        d = d.at(span, "not observed");
        if let Some(place) = read_at(model, input, agents) {
            d = d.and(place, "matters here");
        }
        if seen.touches(input) {
            d = d
                .note("an observation reads it but does not give it away: several values lead to the same observation");
        }
    }
    let first = hidden.first().map_or("", |h| named(h).0.as_str());
    let own = first.rsplit('.').next().unwrap_or(first);
    d.note("the best policy then depends on all that was ever observed; no exact solver here finds it")
        .hint(format!(
            "observe it: add `{own}` to `observe`; or solve for somebody who sees everything: --information full (in the file: solve {{ information = full }}); or train a learner, who sees what it observes: econc train"
        ))
}

/// The refusal of a model that reads the date and has no last period: no policy of its states alone is right at all dates.
pub(super) fn endless_time(model: &Model) -> Diagnostic {
    let g = &model.graph;
    let is_time = |n: &NodeId| matches!(g.nodes[n.0 as usize].op, Op::Input(i) if matches!(g.inputs[i.0 as usize].kind, InputKind::Time));
    let place = g
        .nodes
        .iter()
        .find(|n| operands(&n.op).iter().any(is_time))
        .map(|n| n.span);
    let d = Diagnostic::error(
        "E0826",
        "`t` matters and the model has no `horizon`: its policies would depend on the date for ever",
    );
    let d = match place {
        Some(span) => d.at(span, "reads the date"),
        None => d,
    };
    d.note("solvers look for one policy for all dates, or for one per date up to a last one")
        .hint("declare `horizon T`; or a state that counts, which may come to rest (`state n in 0..4, start 0`, `n' = min(n + 1, 4)`) and read it instead of `t`; seasons need none: `t mod 12` goes round by itself")
}

/// States, shocks and draws that a node reads.
fn leaves(model: &Model, node: NodeId) -> BTreeSet<InputId> {
    let g = &model.graph;
    let mut out = g.below([node]).through_roots().inputs();
    out.retain(|i| {
        let kind = &g.inputs[i.0 as usize].kind;
        !matches!(kind, InputKind::Param(_) | InputKind::Time | InputKind::Unknown(_))
    });
    out
}

/// Whether the value of a node, with everything else in it known, says what this input is.
fn gives_away(model: &Model, node: NodeId, input: InputId) -> bool {
    let g = &model.graph;
    let domain = |n: NodeId| g.nodes[n.0 as usize].domain;
    let reads = |n: NodeId| leaves(model, n).contains(&input);
    let never = |n: NodeId, x: f64| excludes(&domain(n), x);
    match &g.nodes[node.0 as usize].op {
        Op::Input(i) => *i == input,
        Op::Unary(Unary::Neg | Unary::Exp | Unary::Log | Unary::Log1p | Unary::Sqrt | Unary::NormalCdf, x) => {
            gives_away(model, *x, input)
        }
        Op::Binary(op, a, b) => {
            let (inner, other) = match (reads(*a), reads(*b)) {
                (true, false) => (*a, *b),
                (false, true) => (*b, *a),
                _ => return false,
            };
            let first = inner == *a;
            let one_to_one = match op {
                Binary::Add | Binary::Sub => true,
                Binary::Mul | Binary::Div => never(other, 0.0),
                Binary::Pow if first => never(other, 0.0) && domain(inner).lo >= 0.0,
                Binary::Pow => domain(other).lo > 0.0 && never(other, 1.0),
                _ => false,
            };
            one_to_one && gives_away(model, inner, input)
        }
        // The value of a chain by its state.
        Op::Take { of, at, .. } => match &g.nodes[of.0 as usize].op {
            Op::Table(values) => {
                let apart = values
                    .iter()
                    .enumerate()
                    .all(|(i, x)| values.iter().skip(i + 1).all(|y| x != y));
                apart && gives_away(model, *at, input)
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether an interval leaves out a number.
fn excludes(d: &Interval, x: f64) -> bool {
    d.lo > x || d.hi < x || (d.lo_open && d.lo == x) || (d.hi_open && d.hi == x)
}

/// A place that reads an input: in a reward if there is one, else in a law of motion, an end, a requirement.
fn read_at(model: &Model, input: InputId, agents: &[usize]) -> Option<Span> {
    let g = &model.graph;
    let rewards = agents.iter().filter_map(|a| model.agents[*a].reward);
    let ends = model.ends.iter().map(|e| e.condition);
    let laws = model.states.iter().filter(|s| s.input != input).map(|s| s.next);
    let mut done = BTreeSet::new();
    for from in rewards.chain(ends).chain(laws) {
        let mut todo = vec![from];
        while let Some(n) = todo.pop() {
            if !done.insert(n) {
                continue;
            }
            let node = &g.nodes[n.0 as usize];
            let inside = operands(&node.op);
            // The value of a chain stands where the shock is declared: that is no place that reads it.
            let itself = model.shocks.iter().any(|s| s.input == input && s.node == n);
            let direct = |m: &NodeId| {
                let value = model.shocks.iter().any(|s| s.input == input && s.node == *m);
                value || matches!(g.nodes[m.0 as usize].op, Op::Input(i) if i == input)
            };
            if !itself && inside.iter().any(direct) {
                return Some(node.span);
            }
            todo.extend(inside);
        }
    }
    None
}
