//! Who plays how: a cast says for each agent how the actions without a rule of their own are chosen.

use super::decide::Decide;
use crate::check::model::{Model, Space};
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// How the actions without a rule of their own are chosen.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Uniformly among what is allowed.
    Random,
    /// At these values, one (action name, value) per action in the units of the file; actions that are not named are
    /// random.
    Fixed(Vec<(String, f64)>),
    /// By the file's `policy` statements; an action without one is an error.
    Rules,
    /// By the policy of a solution; its states and shocks are found by name, further actions are random.
    Solved(Arc<Solution>),
    /// One agent by a learned policy; everybody else without a rule at random.
    Learned {
        /// The agent that learned; `None` is the only one that decides.
        agent: Option<String>,
        /// Whether actions with a grid in the file are choices among its nodes.
        grids: bool,
        /// The policy.
        policy: Arc<dyn Decide>,
    },
}

/// Who plays how: some agents by name, all others alike.
#[derive(Clone, Debug)]
pub struct Cast {
    /// One (agent name, behaviour) per named agent.
    pub agents: Vec<(String, Behaviour)>,
    /// Everybody else.
    pub others: Behaviour,
}

impl From<Behaviour> for Cast {
    fn from(others: Behaviour) -> Cast {
        Cast {
            agents: Vec::new(),
            others,
        }
    }
}

impl Cast {
    /// How an agent plays.
    pub fn of(&self, agent: &str) -> &Behaviour {
        let own = self.agents.iter().find(|(name, _)| name == agent);
        own.map_or(&self.others, |(_, behaviour)| behaviour)
    }

    /// All behaviours in it, those of named agents first.
    pub fn all(&self) -> impl Iterator<Item = &Behaviour> {
        self.agents.iter().map(|(_, b)| b).chain(std::iter::once(&self.others))
    }

    /// Whether somebody plays a policy that mixes choices.
    pub fn mixes(&self, model: &Model) -> bool {
        let finite = |a: &crate::check::model::Action| matches!(a.space, Space::Finite { .. } | Space::Integer { .. });
        self.all().any(|behaviour| match behaviour {
            Behaviour::Solved(s) => s.actions.iter().any(|a| a.taste.is_some()),
            Behaviour::Learned { policy, .. } => policy.mixes() && model.actions.iter().any(finite),
            Behaviour::Random | Behaviour::Fixed(_) | Behaviour::Rules => false,
        })
    }

    /// The solution, if one is all that is played.
    pub fn solution(&self) -> Option<&Solution> {
        match (&self.others, self.agents.as_slice()) {
            (Behaviour::Solved(s), []) => Some(s),
            _ => None,
        }
    }
}

/// Refuses a name that is not that of an agent with something to choose.
///
/// # Errors
/// E0816.
pub fn acting(model: &Model, name: &str) -> Result<(), Diagnostic> {
    let acting = |a: &&crate::check::model::Agent| !a.actions.is_empty();
    let known: Vec<&str> = model.agents.iter().filter(acting).map(|a| a.name.as_str()).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let d = Diagnostic::error(
        "E0816",
        format!("the model has no agent `{name}` with something to choose"),
    );
    Err(match crate::diag::suggest::did_you_mean(name, known.iter().copied()) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None => d.hint(format!("its agents: {}", known.join(", "))),
    })
}

/// The action that `--policy fixed:NAME=VALUE` names, by its full name, and its value: a number, or the index of a choice from its label.
///
/// # Errors
/// E0816: no such action, several of that name, one that follows a rule of the file, one member's alone, or a value that cannot be chosen.
pub fn fixed_value(model: &Model, name: &str, text: &str) -> Result<(String, f64), Diagnostic> {
    if name.contains('[') {
        let inside = |part: &str| part.split('[').next().unwrap_or_default().to_string();
        let all = name.split('.').map(inside).collect::<Vec<_>>().join(".");
        let d = Diagnostic::error(
            "E0816",
            format!("`fixed:{name}` names one element, and a fixed action is the same for all"),
        );
        return Err(d.hint(format!(
            "write fixed:{all}={text}, or force one of them in the file: scenario one {{ force {name} = {text} }}"
        )));
    }
    let meant = |full: &str| full == name || (!name.contains('.') && full.rsplit('.').next() == Some(name));
    let found: Vec<&crate::check::model::Action> = model.actions.iter().filter(|a| meant(&a.name)).collect();
    let a = match found.as_slice() {
        [] => return Err(no_action(model, name)),
        [a] => *a,
        several => {
            let names: Vec<String> = several.iter().map(|a| format!("fixed:{}={text}", a.name)).collect();
            return Err(
                Diagnostic::error("E0816", format!("several agents have an action `{name}`"))
                    .hint(format!("write {}", names.join(" or "))),
            );
        }
    };
    let owner = &model.agents[a.owner];
    if owner.rules.iter().any(|(r, _)| model.actions[*r].name == a.name) {
        return Err(
            Diagnostic::error("E0816", format!("`{}` follows the `policy` of the file", a.name))
                .at(a.span, "chosen by a rule")
                .hint(format!(
                    "remove its `policy` statement, or force it: scenario fixed {{ force {} = {text} }}",
                    a.name
                )),
        );
    }
    choice(model, a, text).map(|x| (a.name.clone(), x))
}

/// What a text means as a choice of an action.
fn choice(model: &Model, a: &crate::check::model::Action, text: &str) -> Result<f64, Diagnostic> {
    if let Space::Finite { labels, .. } = &a.space {
        if let Some(i) = labels.iter().position(|l| l == text) {
            return Ok(i as f64);
        }
        return Err(
            Diagnostic::error("E0816", format!("`{text}` is no choice of `{}`", a.name))
                .hint(format!("its choices: {}", labels.join(", "))),
        );
    }
    let (digits, unit) = match text.strip_suffix('%') {
        Some(digits) => (digits.trim(), 100.0),
        None => (text, 1.0),
    };
    let x = digits.parse::<f64>().map(|x| x / unit).map_err(|_| {
        Diagnostic::error("E0816", format!("`{text}` is no number for `{}`", a.name))
            .hint(format!("write a number: fixed:{}=0.5", a.name))
    })?;
    let (Space::Interval { lo, hi, .. } | Space::Integer { lo, hi }) = &a.space else {
        return Ok(x);
    };
    let end = |n: &NodeId| model.graph.nodes[n.0 as usize].domain;
    let (lo, hi) = (end(lo).lo, end(hi).hi);
    if x.is_nan() || x < lo || x > hi {
        return Err(Diagnostic::error("E0816", format!("`{}` cannot be {text}", a.name))
            .hint(format!("it is chosen from {lo} to {hi}")));
    }
    if matches!(a.space, Space::Integer { .. }) && x.fract() != 0.0 {
        return Err(
            Diagnostic::error("E0816", format!("`{}` cannot be {text}", a.name)).hint(format!(
                "it is a whole number: fixed:{}={}",
                a.name,
                x.round().clamp(lo, hi)
            )),
        );
    }
    Ok(x)
}

/// Whether `short` names `dotted`: equal, or equal to its last part.
pub fn names(dotted: &str, short: &str) -> bool {
    dotted == short || dotted.rsplit('.').next() == short.rsplit('.').next()
}

pub(super) fn no_action(model: &Model, name: &str) -> Diagnostic {
    let known: Vec<&str> = model.actions.iter().map(|a| a.name.as_str()).collect();
    let d = Diagnostic::error("E0816", format!("the model has no action `{name}`"));
    match crate::diag::suggest::did_you_mean(name, known.iter().copied()) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None => d.hint(format!("its actions: {}", known.join(", "))),
    }
}
