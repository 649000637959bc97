//! Which means over a continuum its members' problem reads, which of them need a law of motion, and why a model may not fit.
//!
//! A mean of the members' own states is a number that nobody chooses and everybody must forecast: it becomes a state with a law of its own,
//! the *perceived law*. A mean of their own shocks is a function of the aggregate chain where the chances of these shocks make it one (the
//! shares of the employed in booms and in slumps, say), and becomes that function. `member.rs` makes the model in which they stand so.

use crate::chance::Process;
use crate::check::model::{Model, Space};
use crate::diag::Span;
use crate::graph::shape::canonical;
use crate::graph::{AxisId, AxisKind, InputKind, NodeId, Op, Reduce};
use crate::solve::economy::pays;
use std::collections::BTreeSet;

/// What is in the way, as the end of "it cannot solve this model: ..", with the place in the file.
pub struct Refusal {
    /// The reason.
    pub why: String,
    /// Where, if it is somewhere.
    pub span: Option<Span>,
}

impl Refusal {
    pub(super) fn new(why: impl Into<String>) -> Refusal {
        Refusal {
            why: why.into(),
            span: None,
        }
    }

    pub(super) fn at(mut self, span: Span) -> Refusal {
        self.span = Some(span);
        self
    }
}

/// The agent whose members are a continuum and who alone decides, with its axis.
pub(super) fn continuum(model: &Model, agents: &[usize]) -> Result<(usize, AxisId), Refusal> {
    let endless = |a: usize| {
        let axis = model.agents[a].axis?;
        model.graph.axes[axis.0 as usize].continuum.then_some((a, axis))
    };
    let found: Vec<(usize, AxisId)> = agents.iter().filter_map(|a| endless(*a)).collect();
    match (found.as_slice(), agents) {
        ([], _) => Err(Refusal::new(
            "members are counted, and it is for a continuum: `agent NAME[continuum]`",
        )),
        ([one], [_]) => Ok(*one),
        _ => Err(Refusal::new("it is for one continuum in which nobody else decides")),
    }
}

/// Whether periods are of the plain kind; the price that clears a market in them, a number of the model's prices, if there is one.
pub(super) fn plain(model: &Model, agent: usize, axis: AxisId) -> Result<Option<usize>, Refusal> {
    let who = &model.agents[agent];
    if model.stages.len() > 1 {
        return Err(Refusal::new("agents act in stages"));
    }
    if model.horizon.is_some() {
        return Err(Refusal::new("it has a horizon"));
    }
    if let Some(e) = model.ends.first() {
        return Err(Refusal::new("members end, or the economy does").at(e.span));
    }
    let clear: Vec<usize> = (0..model.prices.len()).filter(|p| model.prices[*p].clears).collect();
    if let [_, second, ..] = clear.as_slice() {
        return Err(Refusal::new(format!(
            "{} prices clear inside the period, and it is for one",
            clear.len()
        ))
        .at(model.prices[*second].span));
    }
    if let Some(a) = model
        .actions
        .iter()
        .find(|a| !matches!(a.space, Space::Interval { .. }) || a.given.iter().any(|p| !clear.contains(p)))
    {
        return Err(Refusal::new(format!("`{}` is no number between bounds", a.name)).at(a.span));
    }
    if who.shape != [axis] {
        return Err(Refusal::new(format!("`{}` is a population of populations", who.name)).at(who.span));
    }
    let crosses = model.graph.axes.iter().find(|a| match &a.kind {
        AxisKind::Others(of) => canonical(&model.graph, *of) == axis,
        AxisKind::Stack(parts) => parts.contains(&axis),
        AxisKind::Population | AxisKind::Set | AxisKind::Alias(_) => false,
    });
    if crosses.is_some() {
        return Err(Refusal::new("members meet others one by one").at(who.span));
    }
    Ok(clear.first().copied())
}

/// The shocks that all members share, all of them chains.
pub(super) fn aggregate(model: &Model) -> Result<Vec<usize>, Refusal> {
    let shared: Vec<usize> = (0..model.shocks.len())
        .filter(|s| model.shocks[*s].owner.is_none())
        .collect();
    if shared.is_empty() {
        return Err(Refusal::new("there is no aggregate shock"));
    }
    for s in &shared {
        let shock = &model.shocks[*s];
        if !matches!(shock.process, Process::Chain { .. }) || !shock.shape.is_empty() {
            return Err(Refusal::new(format!(
                "the law is one for each state of the aggregate shocks, and `{}` has no list of states: write it as `markov([..], [..])`",
                shock.name
            ))
            .at(shock.span));
        }
    }
    Ok(shared)
}

/// States of the chain of a shock.
pub(super) fn links(model: &Model, shock: usize) -> usize {
    match &model.shocks[shock].process {
        Process::Chain { values, .. } => values.len(),
        _ => 1,
    }
}

/// The means that matter: those that need a law, and those that the aggregate chain determines. `span` is where the agent stands; `priced`
/// says that a price is forecast, and no mean.
pub(super) fn sorted(
    model: &Model,
    axis: AxisId,
    span: Span,
    priced: bool,
) -> Result<(Vec<NodeId>, Vec<NodeId>), Refusal> {
    let (means, other) = means(model, axis);
    if let Some((span, what)) = other {
        return Err(Refusal::new(format!("{what} of the members matters, and it is for means")).at(span));
    }
    let mut carried = Vec::new();
    let mut known = Vec::new();
    for mean in &means {
        let node = &model.graph.nodes[mean.0 as usize];
        let Op::Reduce { of, .. } = node.op else { continue };
        let reads = model.graph.inputs_below([of]);
        let kinds = reads.iter().map(|i| model.graph.inputs[i.0 as usize].kind);
        let mut moves = false;
        for kind in kinds {
            match kind {
                InputKind::State(_) => moves = true,
                InputKind::Shock(_) | InputKind::Param(_) => {}
                InputKind::Action(a) => {
                    return Err(Refusal::new(format!(
                        "a mean of `{}` matters within its period: prices are then found together with what members choose",
                        model.actions[a].name
                    ))
                    .at(node.span));
                }
                InputKind::EntryValue(_) => {
                    return Err(Refusal::new(
                        "the value of entry matters, which is one number only where a continuum is at rest",
                    )
                    .at(node.span));
                }
                InputKind::ShockNext(_)
                | InputKind::Noise(_)
                | InputKind::Unknown(_)
                | InputKind::Time
                | InputKind::Forward(_)
                | InputKind::Later(_)
                | InputKind::Expected(_) => {
                    return Err(Refusal::new("a mean of what is drawn later, or of the date, matters").at(node.span));
                }
            }
        }
        if moves {
            carried.push(*mean);
        } else {
            known.push(*mean);
        }
    }
    if priced && !carried.is_empty() {
        return Err(Refusal::new(
            "a mean of the members' states matters beside a price that clears, and it carries one of both",
        )
        .at(model.graph.nodes[carried[0].0 as usize].span));
    }
    if carried.is_empty() && !priced {
        return Err(Refusal::new("no mean of the members' states matters: nothing has to be forecast").at(span));
    }
    if carried.len() > 1 {
        return Err(Refusal::new(format!(
            "{} different means of the members' states matter, and it carries one",
            carried.len()
        ))
        .at(model.graph.nodes[carried[1].0 as usize].span));
    }
    Ok((carried, known))
}

/// The means over an axis that matter, each once; and another reduction over it that does.
fn means(model: &Model, axis: AxisId) -> (Vec<NodeId>, Option<(Span, String)>) {
    let g = &model.graph;
    let mut todo = pays(model);
    // What members see is found in their model, too.
    todo.extend(model.agents.iter().flat_map(|a| a.observation.iter().map(|o| o.node)));
    let (mut found, mut other) = (BTreeSet::new(), None);
    let all = |over: &AxisId| canonical(g, *over) == axis;
    let mut below = g.below(todo);
    while let Some((n, node)) = below.next() {
        match &node.op {
            Op::Reduce {
                how: Reduce::Mean,
                axis: over,
                when: None,
                ..
            } if all(over) => {
                found.insert(n);
                below.leave();
            }
            Op::Reduce { how, axis: over, .. } if all(over) => {
                let what = match how {
                    Reduce::Mean => "a mean over some".to_string(),
                    how => format!("the {}", format!("{how:?}").to_lowercase()),
                };
                other = other.or(Some((node.span, what)));
                below.leave();
            }
            Op::Take { axis: over, .. } if all(over) => {
                other = other.or(Some((node.span, "one".into())));
                below.leave();
            }
            _ => {}
        }
    }
    (found.into_iter().collect(), other)
}
