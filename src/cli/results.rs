//! What runs hold for other commands: a solution, learned policies and what was asked.

use super::asked::{ASKED, ASKED_BY_TUNE, ASKED_BY_VERIFY, TrainOptions, TuneOptions};
use crate::diag::Diagnostic;
use crate::driver;
use crate::env::cast::Behaviour;
use crate::learn::Policy;
use crate::learn::policy::PolicyKind;
use crate::report::outcome;
use crate::report::store::{CompleteRun, not_a_sweep};
use crate::report::trained;

/// File with what the training in a run was asked, if it holds one.
fn asked_file(run: &CompleteRun) -> Option<&'static str> {
    [ASKED, ASKED_BY_VERIFY, ASKED_BY_TUNE]
        .into_iter()
        .find(|name| run.manifest.files.iter().any(|f| f.name == *name))
}

/// Whether a run holds a training.
pub fn is_training(run: &CompleteRun) -> bool {
    asked_file(run).is_some()
}

/// What a finished training was asked.
///
/// # Errors
/// E0955.
pub fn asked(run: &CompleteRun) -> Result<TrainOptions, Diagnostic> {
    let file = asked_file(run).unwrap_or(ASKED);
    let bytes = run.read(file)?;
    let options = match file {
        ASKED_BY_TUNE => serde_json::from_slice::<TuneOptions>(&bytes).map(|o| o.train),
        _ => serde_json::from_slice(&bytes),
    };
    let mut options: TrainOptions = options
        .map_err(|e| Diagnostic::error("E0955", "the options of this training cannot be read").note(e.to_string()))?;
    // Whoever was told how to learn has learned.
    if options.agent.is_none() {
        let mut told = options
            .learners
            .iter()
            .map(|(agent, _)| agent.clone())
            .collect::<Vec<_>>()
            .into_iter();
        options.agent = told.next();
        options.beside = told.collect();
    }
    Ok(options)
}

/// The last policy of a training's first seed as a behaviour, and words for it; `agent` says whose, where several learned.
///
/// # Errors
/// Those of `read_policies`; E0934 for an agent that did not learn in this run.
pub fn learned(run: &CompleteRun, agent: Option<&str>) -> Result<(Behaviour, String), Diagnostic> {
    let options = asked(run)?;
    let agents = options.agents();
    if let (Some(agent), [_, ..]) = (agent, agents.as_slice())
        && !agents.iter().any(|a| a == agent)
    {
        let who = agents
            .iter()
            .map(|a| format!("`{a}`"))
            .collect::<Vec<_>>()
            .join(" and ");
        return Err(
            Diagnostic::error("E0934", format!("the run was learned by {who}, not by `{agent}`"))
                .hint(format!("name a run of `{agent}`, or write {}=RUN", agents[0])),
        );
    }
    let (seed, policy) = read_policies(run, false, agent)?.swap_remove(0);
    let words = format!("learned by {} (seed {seed})", policy.method);
    let grids = finite_choices(&policy);
    let behaviour = Behaviour::Learned {
        agent: if options.beside.is_empty() {
            options.agent
        } else {
            agent.map(String::from)
        },
        grids,
        policy: std::sync::Arc::new(policy),
    };
    Ok((behaviour, words))
}

/// Whether a policy was learned by a learner that knows finite sets of choices only.
pub fn finite_choices(policy: &Policy) -> bool {
    match &policy.kind {
        PolicyKind::Members { policies } => policies.iter().any(finite_choices),
        kind => matches!(kind, PolicyKind::Greedy { .. } | PolicyKind::Tabular { .. }),
    }
}

/// The policies in a training's run directory, one pair (seed, policy) per seed; of `agent`, where several learned.
///
/// # Errors
/// E0954 if it is none, E0934 if several learned and none is named, E0925 if one cannot be read.
pub fn read_policies(run: &CompleteRun, best: bool, agent: Option<&str>) -> Result<Vec<(u64, Policy)>, Diagnostic> {
    let several = match asked_file(run) {
        Some(_) => asked(run)?.agents(),
        None => Vec::new(),
    };
    let agent = agent.filter(|_| several.len() > 1);
    if several.len() > 1 && !agent.is_some_and(|a| several.iter().any(|s| s == a)) {
        return Err(Diagnostic::error(
            "E0934",
            format!(
                "the run in {} holds the policies of several agents",
                run.directory.display()
            ),
        )
        .note(format!("of {}", several.join(", ")))
        .hint("econc simulate --policy RUN plays them all; econc export RUN --agent NAME writes the policy of one"));
    }
    let head = trained::policy_head(agent, best);
    let mut out = Vec::new();
    for file in &run.manifest.files {
        let seed = file
            .name
            .strip_prefix(head.as_str())
            .and_then(|r| r.strip_suffix(".ron"))
            .and_then(|s| s.parse().ok());
        let Some(seed) = seed else { continue };
        let policy: Policy = ron::de::from_bytes(&run.read(&file.name)?).map_err(|e| {
            Diagnostic::error("E0925", format!("{} cannot be read", file.name))
                .note(e.to_string())
                .hint("it was written by another version of econc; train again")
        })?;
        policy.check().map_err(Diagnostic::from)?;
        out.push((seed, policy));
    }
    out.sort_by_key(|(s, _)| *s);
    if out.is_empty() {
        return Err(Diagnostic::error(
            "E0954",
            format!("the run in {} holds no trained policy", run.directory.display()),
        )
        .note(format!("it is one of econc {}", run.manifest.action))
        .hint(match run.manifest.action.as_str() {
            "solve" => "a solution stands in its own run as solution.npz (and in its report); it is played by `econc simulate --policy RUN`, and learners are measured against it by `--solution RUN` or `--against RUN`; learned policies come from `econc train`",
            "tune" if best => "a search keeps the last policies of its best trial: leave out --best",
            "tune" => "no trial of this search came to an end, so it has no policy; give the run of another",
            _ => "give the directory that `econc train` named at its end",
        }));
    }
    Ok(out)
}

/// Whether a run holds a solution.
///
/// # Errors
/// E0954 if it does not.
pub(super) fn holds_solution(run: &CompleteRun) -> Result<(), Diagnostic> {
    not_a_sweep(run)?;
    if !run.manifest.files.iter().any(|f| f.name == outcome::SOLUTION_FILE) {
        let action = &run.manifest.action;
        return Err(Diagnostic::error(
            "E0954",
            format!("the run in `{}` holds no solution", run.directory.display()),
        )
        .note(format!("it is one of econc {action}; only `econc solve` writes a solution"))
        .hint(if is_training(run) {
            "a training is read by `econc verify --policy`, `econc simulate --policy`, `econc train --others` and `econc export`; `--solution` and `--against` take the run of `econc solve`"
        } else {
            "solve the model and name that run: econc solve FILE --out solution"
        }));
    }
    Ok(())
}

/// The solution in a run directory.
///
/// # Errors
/// E0954 if the run holds none, or one that cannot be read.
pub(super) fn read_solution(run: &CompleteRun) -> Result<driver::Solved, Diagnostic> {
    holds_solution(run)?;
    let bytes = run.read(outcome::SOLUTION_FILE)?;
    ron::de::from_bytes(&bytes).map_err(|e| {
        Diagnostic::error("E0955", "the solution of this run cannot be read")
            .note(e.to_string())
            .hint("it was written by another version of econc; solve the model again")
    })
}
