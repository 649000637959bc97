//! Whether the members of a population meet.

use crate::check::model::{Model, Space};
use crate::graph::{InputKind, NodeId, Op};

/// Whether members of the one acting population neither meet nor share anything that they move.
pub(super) fn independent(model: &Model, agents: &[usize]) -> bool {
    let [one] = agents else { return false };
    let agent = &model.agents[*one];
    if agent.axis.is_none() || agent.shape.len() != 1 || model.prices.iter().any(|p| p.clears) {
        return false;
    }
    // Nothing of the reward, the laws or the bounds may be reduced over the population.
    let mut todo: Vec<NodeId> = agent.reward.into_iter().chain(agent.discount).collect();
    todo.extend(model.states.iter().filter(|s| s.owner == Some(*one)).map(|s| s.next));
    todo.extend(
        model
            .ends
            .iter()
            .flat_map(|e| std::iter::once(e.condition).chain(e.paying)),
    );
    todo.extend(model.requires.iter().map(|r| r.slack));
    for a in model.actions.iter().filter(|a| a.owner == *one) {
        match &a.space {
            Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => todo.extend([*lo, *hi]),
            Space::Finite { masks, .. } => todo.extend(masks.iter().flatten()),
            Space::Simplex(_) => {}
        }
    }
    let mut below = model.graph.below(todo);
    while let Some((_, node)) = below.next() {
        let crosses = match &node.op {
            Op::Reduce { axis, .. } => Some(*axis) == agent.axis,
            Op::Others { axis, .. } => Some(*axis) == agent.axis,
            Op::Relabel { from, .. } => Some(*from) == agent.axis,
            Op::Take { axis, .. } => Some(*axis) == agent.axis,
            Op::Slice { from, .. } => Some(*from) == agent.axis,
            Op::Stack { parts, .. } => parts.iter().any(|(_, axis)| Some(*axis) == agent.axis),
            Op::Root { .. } => true,
            _ => false,
        };
        if crosses {
            return false;
        }
        // An unowned state whose law reads the population is an aggregate state.
        if let Op::Input(i) = node.op
            && let InputKind::State(s) = model.graph.inputs[i.0 as usize].kind
            && model.states[s].owner.is_none()
        {
            below.add([model.states[s].next]);
        }
    }
    true
}
