//! One agent among others: the economy that is left for it once `--others` says what they do.

use super::asked::TrainOptions;
use super::training;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::able::learner_of;
use crate::env::cast::Behaviour;
use crate::graph::{Interval, Node, NodeId, Op, Phase};

/// The economy in which the agent that is named (or the only one) decides and all others follow the file's rules or do what `--others` has
/// fixed, and the latter in words, if anything is fixed.
///
/// # Errors
/// E0927 where several still decide, E0931 for others that no solution can know; those of `--others`.
pub(super) fn alone(model: &Model, options: &TrainOptions) -> Result<(Model, Option<String>), Diagnostic> {
    let agent = options.agent.as_deref();
    let mut model = model.clone();
    let mut said = Vec::new();
    if let Some(cast) = training::others(&model, options)? {
        let learner = learner_of(&model, agent)?;
        let others: Vec<String> = (0..model.agents.len())
            .filter(|i| *i != learner && learner_of(&model, Some(&model.agents[*i].name)).is_ok())
            .map(|i| model.agents[i].name.clone())
            .collect();
        for other in others {
            match cast.of(&other) {
                Behaviour::Rules => {}
                Behaviour::Fixed(values) => {
                    let own = |name: &str| name.split('.').next() == Some(other.as_str());
                    for (name, value) in values.iter().filter(|(name, _)| own(name)) {
                        fix(&mut model, name, *value);
                        said.push(format!("{name} = {value}"));
                    }
                }
                Behaviour::Random | Behaviour::Solved(_) | Behaviour::Learned { .. } => {
                    return Err(Diagnostic::error("E0931", format!("no exact solution is known against `{other}`"))
                        .note("what is best for one is solved where all others follow a rule, or do one and the same thing")
                        .hint(format!(
                            "fix what it does, --others {other}=fixed:ACTION=VALUE, or give it a `policy` in the file"
                        )));
                }
            }
        }
    }
    match (learner_of(&model, None), agent) {
        (Ok(left), Some(asked)) if model.agents[left].name != asked => Err(learner_of(&model, agent).err().unwrap_or_else(
            || Diagnostic::error("E0927", format!("`{asked}` has nothing left to choose")).hint("name another agent"),
        )),
        (Ok(_), _) => Ok((model, (!said.is_empty()).then(|| said.join(", ")))),
        (Err(d), _) if model.agents.len() < 2 => Err(d),
        (Err(d), _) => Err(d.hint(
            "econc verify judges one kind of agent, --agent NAME: give all others a rule in the file, `policy x = ..`, or fix what they do, --others NAME=fixed:x=VALUE",
        )),
    }
}

/// An action by a rule that always says the same.
fn fix(model: &mut Model, name: &str, value: f64) {
    let Some(action) = model.actions.iter().position(|a| a.name == name) else {
        return;
    };
    let rule = NodeId(u32::try_from(model.graph.nodes.len()).unwrap_or(u32::MAX));
    let (owner, span) = (model.actions[action].owner, model.actions[action].span);
    model.graph.nodes.push(Node {
        op: Op::Const(value),
        shape: Vec::new(),
        domain: Interval::point(value),
        phase: Phase::Constant,
        span,
    });
    model.agents[owner].rules.push((action, Some(rule)));
}
