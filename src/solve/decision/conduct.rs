//! Which concepts one decision maker's problem answers.
//!
//! `planner` and `collusive` maximise a sum of rewards, and see through every market; so does `nash` where nobody else decides.
//! A price taker takes a price as given that others, or he himself together with others, move: his problem is not solved by
//! looking through the market, and a solution that did would be another concept's under his name.

use super::{cannot, independent};
use crate::check::model::{Model, Price, Setting, Space};
use crate::diag::Diagnostic;
use crate::graph::shape::operands;
use crate::graph::{InputId, InputKind, NodeId, Op};
use std::collections::BTreeSet;

/// Whose prices are taken as given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// Those of markets declared `competitive`.
    Competitive,
    Everything,
}

/// Decision makers that a joint problem may have before its state is too large to be worth a hint.
const FEW: usize = 4;

/// Whether each member of a population that does not interact decides for itself.
///
/// # Errors
/// E0810 for several decision makers, E0827 for a price that is taken as given and moved by those who take it.
pub(super) fn of(model: &Model, agents: &[usize]) -> Result<bool, Diagnostic> {
    let said = match model.solve_settings().and_then(|s| s.get("concept")) {
        Some(Setting::Word(w)) => Some(w.as_str()),
        _ => None,
    };
    // A population of one is one decision maker.
    let members = |a: &usize| model.graph.elements(&model.agents[*a].shape);
    let continuum = agents.iter().any(|a| {
        let axis = model.agents[*a].axis;
        axis.is_some_and(|x| model.graph.axes[x.0 as usize].continuum)
    });
    let several = continuum || agents.iter().map(members).sum::<usize>() > 1;
    let joint = matches!(said, Some("planner" | "collusive"));
    if said == Some("stackelberg") {
        return Err(cannot("its concept is `stackelberg`").hint(
            "solvers for stages are not in this version; for one decision maker: --concept planner; `econc simulate` runs any model",
        ));
    }
    let takes = match said {
        Some("competitive") => Takes::Everything,
        Some("planner") => Takes::Nothing,
        Some(_) => Takes::Competitive,
        None if !several => Takes::Nothing,
        None if continuum => Takes::Everything,
        None => Takes::Competitive,
    };
    let free = several && independent(model, agents);
    if several && !joint && !free {
        return Err(match said {
            Some(c) => cannot(format!("its concept is `{c}`"))
                .hint("this version solves one decision maker: a single agent, a population under `--concept planner`, or members who do not interact; `econc simulate` runs any model"),
            None if continuum || agents.iter().map(members).sum::<usize>() > FEW => {
                cannot("many decision makers interact")
                    .note("what each does depends on what the others do, and solvers for competitive and Nash conduct are not in this version")
                    .hint("`econc simulate` and `econc train` run it; econc solves one agent, a few under `--concept planner`, and members who do not interact: whose prices and aggregates nobody moves")
            }
            None => cannot("several decision makers interact")
                .hint("solve it as one: `solve { concept = planner }` (or --concept planner); solvers for competitive and Nash conduct are not in this version"),
        });
    }
    if joint && continuum && !free && !model.states.is_empty() {
        return Err(
            cannot("a planner for a continuum would have the distribution of its states as a state").hint(
                "give the population a few members, `[3]`; or simulate and train: `econc simulate`, `econc train`",
            ),
        );
    }
    if let Some(price) = moved(model, agents, takes) {
        let concept = said.unwrap_or("competitive");
        let who: Vec<String> = agents.iter().map(|a| format!("`{}`", model.agents[*a].name)).collect();
        return Err(Diagnostic::error(
            "E0827",
            format!(
                "under `{concept}` {} takes `{}` as given, and moves it",
                who.join(" and "),
                price.name
            ),
        )
        .at(price.span, "taken as given")
        .note("what is best against a given price and the price that then comes out must be found together; no solver of this version does that")
        .hint("`--concept planner` solves for one decision maker who sees through the market; `econc simulate` runs any model"));
    }
    Ok(free && !joint)
}

/// A price that somebody takes as given and that depends on what the deciding agents do, now or through states that they move.
fn moved<'m>(model: &'m Model, agents: &[usize], takes: Takes) -> Option<&'m Price> {
    let taken = |p: &&Price| match takes {
        Takes::Nothing => false,
        Takes::Competitive => model.competitive.iter().any(|m| {
            p.name
                .strip_prefix(m.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        }),
        Takes::Everything => !p.owner.is_some_and(|a| agents.contains(&a)),
    };
    let prices: Vec<&Price> = model.prices.iter().filter(taken).collect();
    if prices.is_empty() {
        return None;
    }
    let moving = moving(model);
    let matter = reached(model, &pays(model));
    prices.into_iter().find(|p| {
        let reads = reached(model, &[p.node]);
        matter.nodes.contains(&p.node) && reads.inputs.iter().any(|i| moving.contains(i))
    })
}

/// Everything that pays, bounds, moves or ends.
fn pays(model: &Model) -> Vec<NodeId> {
    let mut out: Vec<NodeId> = model
        .agents
        .iter()
        .flat_map(|a| a.reward.into_iter().chain(a.discount))
        .collect();
    out.extend(model.states.iter().map(|s| s.next));
    out.extend(
        model
            .ends
            .iter()
            .flat_map(|e| std::iter::once(e.condition).chain(e.paying)),
    );
    out.extend(model.requires.iter().map(|r| r.slack));
    for a in &model.actions {
        match &a.space {
            Space::Interval { lo, hi, .. } | Space::Integer { lo, hi } => out.extend([*lo, *hi]),
            Space::Finite { masks, .. } => out.extend(masks.iter().flatten()),
            Space::Simplex(_) => {}
        }
    }
    out
}

/// Actions that are chosen, and what they move: states by their laws, actions by their rules.
fn moving(model: &Model) -> BTreeSet<InputId> {
    let rule = |action: usize| {
        let rules = model.agents.iter().flat_map(|a| &a.rules);
        rules.filter(|(a, _)| *a == action).map(|(_, node)| *node).next()
    };
    let mut out: BTreeSet<InputId> = (0..model.actions.len())
        .filter(|a| rule(*a).is_none())
        .map(|a| model.actions[a].input)
        .collect();
    let laws: Vec<(InputId, NodeId)> = model
        .states
        .iter()
        .map(|s| (s.input, s.next))
        .chain((0..model.actions.len()).filter_map(|a| Some((model.actions[a].input, rule(a)??))))
        .collect();
    loop {
        let before = out.len();
        for (input, law) in &laws {
            if reached(model, &[*law]).inputs.iter().any(|i| out.contains(i)) {
                out.insert(*input);
            }
        }
        if out.len() == before {
            return out;
        }
    }
}

struct Reached {
    nodes: BTreeSet<NodeId>,
    inputs: BTreeSet<InputId>,
}

/// What nodes read, through markets that clear as well.
fn reached(model: &Model, from: &[NodeId]) -> Reached {
    let g = &model.graph;
    let mut todo = from.to_vec();
    let (mut nodes, mut inputs) = (BTreeSet::new(), BTreeSet::new());
    while let Some(n) = todo.pop() {
        if !nodes.insert(n) {
            continue;
        }
        match &g.nodes[n.0 as usize].op {
            Op::Input(i) => {
                if !matches!(g.inputs[i.0 as usize].kind, InputKind::Param(_) | InputKind::Unknown(_)) {
                    inputs.insert(*i);
                }
            }
            Op::Root { root, .. } => {
                let root = &g.roots[*root];
                todo.extend(&root.residuals);
                todo.extend(root.brackets.iter().flat_map(|(a, b)| [*a, *b]));
            }
            op => todo.extend(operands(op)),
        }
    }
    Reached { nodes, inputs }
}
