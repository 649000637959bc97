//! Which agents of a model can learn, how many members they have and how they weigh the next period.

use crate::check::model::Model;
use crate::diag::Diagnostic;

/// The agents that could learn, by number: those with a reward and something to choose.
pub fn able(model: &Model) -> Vec<usize> {
    let free = |a: &crate::check::model::Agent| {
        a.reward.is_some() && a.actions.iter().any(|x| !a.rules.iter().any(|(r, _)| r == x))
    };
    (0..model.agents.len()).filter(|i| free(&model.agents[*i])).collect()
}

/// The agent that learns: the named one, or the only one with something to choose.
///
/// # Errors
/// E0927 if there is none, or several and none is named.
pub fn learner_of(model: &Model, name: Option<&str>) -> Result<usize, Diagnostic> {
    let able = able(model);
    let names = || {
        able.iter()
            .map(|i| model.agents[*i].name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match name {
        Some(n) => able
            .iter()
            .copied()
            .find(|i| model.agents[*i].name == n)
            .ok_or_else(|| {
                if let Some(a) = model.agents.iter().find(|a| a.name == n) {
                    let why = match (a.reward, a.actions.is_empty()) {
                        (_, true) => "it has no `action`",
                        (None, _) => "it has no `reward`",
                        _ => "the file's `policy` chooses all its actions",
                    };
                    return Diagnostic::error("E0927", format!("`{n}` cannot learn: {why}"))
                        .hint(format!("those that can learn: {}", names()));
                }
                let d = Diagnostic::error("E0927", format!("no agent `{n}` has something to choose and a reward"));
                match crate::diag::suggest::did_you_mean(n, able.iter().map(|i| model.agents[*i].name.as_str())) {
                    Some(k) => d.hint(format!("did you mean `{k}`?")),
                    None => d.hint(format!("those that can learn: {}", names())),
                }
            }),
        None => match able.as_slice() {
            [one] => Ok(*one),
            [] => Err(Diagnostic::error("E0927", "nobody in this model can learn")
                .hint("an agent learns if it has an `action` without a `policy`, and a `reward`")),
            several => Err(Diagnostic::error(
                "E0927",
                format!("{} kinds of agents could learn: {}", several.len(), names()),
            )
            .hint("say which one: --agent NAME, or several times to let several learn at once; the others follow --others random, rule or a run")),
        },
    }
}

/// The error for an agent that is named twice.
pub(crate) fn twice(name: &str) -> Diagnostic {
    Diagnostic::error("E0927", format!("`{name}` is named twice among those that learn")).hint("name every agent once")
}

/// What an agent's next period weighs against this one: its discount factor. Without one it is what solvers take: 1 with states
/// or a horizon, and 0 where every period is a problem of its own.
///
/// # Errors
/// E0828 where it is not one number.
pub fn discount_of(model: &Model, agent: usize) -> Result<f64, Diagnostic> {
    let Some(d) = model.agents[agent].discount else {
        let alone = model.states.is_empty() && model.horizon.is_none();
        return Ok(if alone { 0.0 } else { 1.0 });
    };
    let node = &model.graph.nodes[d.0 as usize];
    node.domain.as_point().ok_or_else(|| {
        Diagnostic::error(
            "E0828",
            format!(
                "the discount factor of `{}` is not one number",
                model.agents[agent].name
            ),
        )
        .at(node.span, "moves with states or shocks, or differs between members")
        .note("learners, and judges of what they learned, weigh all periods by one discount factor")
        .hint("give the agent one number; `econc solve` takes a discount factor that moves")
    })
}

/// How many members an agent has in one world.
pub fn members_of(model: &Model, agent: usize) -> usize {
    model.graph.elements(&model.agents[agent].shape)
}
