//! Who plays: `--policy` of `econc simulate` and `--others` of `econc train`, `[AGENT=]POLICY`, read and bound to a model.

use super::host::{OUTSIDE, Outside, outside};
use super::lineage::{self, Use};
use super::results::{asked, is_training, learned, read_solution};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::cast::{Behaviour, Cast, acting, fixed_value};
use crate::report::store::{CompleteRun, OF_THIS_NAME, open_played};
use crate::verify::grid::trusted::Trusted;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why `--other-parameters` changes nothing where runs and economy are the same.
pub(super) const SAME: &str = "the run was made with the parameters, domains and equations of this economy";

/// How one plays, as typed.
#[derive(Clone, Debug)]
enum Policy {
    /// Uniformly among what is allowed.
    Random,
    /// These actions have these values.
    Fixed(Vec<(String, String)>),
    /// The `policy` statements of the file.
    Rule,
    /// The policies of a run.
    Run(Box<CompleteRun>),
    /// A policy of the program that econc is part of.
    Outside(Outside),
}

/// What was typed: an agent's name, or none for everybody else, and how that one plays.
#[derive(Clone, Debug)]
pub struct Parts {
    flag: &'static str,
    parts: Vec<(Option<String>, Policy)>,
}

/// A cast that fits a model.
#[derive(Debug)]
pub struct Bound {
    /// Who plays how.
    pub cast: Cast,
    /// The same in words.
    pub words: String,
    /// Where the solution can be trusted, if one is all that is played.
    pub trusted: Option<Trusted>,
}

/// An agent's name in front of a policy: `firm=runs/x`. What exists as a file, and `fixed:..`, has none.
fn split(text: &str) -> (Option<&str>, &str) {
    let word = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || c == '_');
    match text.split_once('=') {
        Some((agent, policy)) if word(agent) && !Path::new(text).exists() => (Some(agent), policy),
        _ => (None, text),
    }
}

/// The runs among what was typed (one entry per use of the option), as paths, in order.
pub fn paths(typed: &[String]) -> impl Iterator<Item = PathBuf> + '_ {
    let policies = typed.iter().map(|text| split(text).1);
    policies
        .filter(|p| !matches!(*p, "random" | "rule") && !p.starts_with("fixed:") && !p.starts_with(OUTSIDE))
        .map(PathBuf::from)
}

impl Parts {
    /// Reads what stood behind `flag`, one entry of `typed` per use of the option. With nothing typed everybody plays
    /// at random.
    ///
    /// # Errors
    /// E0965, and those of the runs.
    pub fn read(flag: &'static str, typed: &[String]) -> Result<Parts, Diagnostic> {
        let mut parts: Vec<(Option<String>, Policy)> = Vec::new();
        for text in typed {
            let (agent, policy) = split(text);
            let policy = read(flag, text, policy)?;
            // A training says nothing of those who did not learn in it.
            let agents: Vec<Option<String>> = match (agent, &policy) {
                (Some(agent), _) => vec![Some(agent.to_string())],
                (None, Policy::Run(run)) if is_training(run) => {
                    let who = asked(run)?.agents();
                    if who.is_empty() {
                        vec![None]
                    } else {
                        who.into_iter().map(Some).collect()
                    }
                }
                (None, _) => vec![None],
            };
            for agent in agents {
                if parts.iter().any(|(a, _)| *a == agent) {
                    let who = agent.map_or("everybody".to_string(), |a| format!("`{a}`"));
                    return Err(
                        Diagnostic::error("E0965", format!("`{flag} {text}` cannot be followed"))
                            .note(format!("{who} was given a policy before"))
                            .hint(format!(
                                "one policy for each agent, {flag} AGENT=POLICY, and one without a name for all others"
                            )),
                    );
                }
                parts.push((agent, policy.clone()));
            }
        }
        Ok(Parts { flag, parts })
    }

    /// Whether a run is played.
    pub fn plays_a_run(&self) -> bool {
        self.parts.iter().any(|(_, p)| matches!(p, Policy::Run(_)))
    }

    /// Warnings about what differs between the runs and a model.
    ///
    /// # Errors
    /// E0818 and E0819 where that is too much, E0989 if `--other-parameters` is about nothing.
    pub fn compare(&self, model: &Model, other_parameters: bool) -> Result<Vec<Diagnostic>, Diagnostic> {
        if other_parameters && !self.plays_a_run() {
            return Err(super::effects::idle(
                "--other-parameters",
                "no policy of a run is played",
            ));
        }
        let play = Use::Play {
            others: other_parameters,
        };
        let mut remarks = Vec::new();
        for (_, policy) in &self.parts {
            if let Policy::Run(run) = policy {
                remarks.extend(lineage::compared(model, run, self.flag, play)?);
            }
        }
        if other_parameters && remarks.is_empty() {
            return Err(super::effects::idle("--other-parameters", SAME));
        }
        Ok(remarks)
    }

    /// The model in which the prices that look ahead are those of the first solution among the runs.
    ///
    /// # Errors
    /// Those of the run; E0868 for functions of another model.
    pub fn economy<'m>(&self, model: &'m Model) -> Result<Cow<'m, Model>, Diagnostic> {
        let solutions = self.parts.iter().find_map(|(_, p)| match p {
            Policy::Run(run) if !is_training(run) => Some(run),
            _ => None,
        });
        match solutions.filter(|_| crate::solve::forward::open(model)) {
            Some(run) => Ok(Cow::Owned(read_solution(run)?.economy(model)?.into_owned())),
            None => Ok(Cow::Borrowed(model)),
        }
    }

    /// Binds to a model.
    ///
    /// # Errors
    /// E0113 and E0816 for names, E0934, those of the runs.
    pub fn bind(&self, model: &Model) -> Result<Bound, Diagnostic> {
        for agent in self.parts.iter().filter_map(|(a, _)| a.as_ref()) {
            acting(model, agent)?;
        }
        let (mut agents, mut others, mut words) = (Vec::new(), None, Vec::new());
        let mut trusted = None;
        for (agent, policy) in &self.parts {
            let (behaviour, own) = match policy {
                Policy::Random => (Behaviour::Random, "random".to_string()),
                Policy::Rule => (Behaviour::Rules, "the rules of the file".to_string()),
                Policy::Fixed(pairs) => {
                    let typed: Vec<String> = pairs.iter().map(|(n, x)| format!("{n} = {x}")).collect();
                    let words = format!("fixed {}, everything else random", typed.join(", "));
                    (Behaviour::Fixed(fixed(model, pairs)?), words)
                }
                Policy::Outside(outside) => {
                    let behaviour = Behaviour::Learned {
                        agent: agent.clone(),
                        grids: outside.grids,
                        policy: outside.policy.clone(),
                    };
                    (behaviour, outside.name.clone())
                }
                Policy::Run(run) => {
                    let (behaviour, own, box_) = of_run(run, agent.as_deref(), self.flag)?;
                    trusted = box_;
                    (behaviour, own)
                }
            };
            match agent {
                Some(agent) => {
                    words.push(format!("{agent}: {own}"));
                    agents.push((agent.clone(), behaviour));
                }
                None => {
                    words.push(own);
                    others = Some(behaviour);
                }
            }
        }
        let cast = Cast {
            agents,
            others: others.unwrap_or(Behaviour::Random),
        };
        Ok(Bound {
            trusted: trusted.filter(|_| cast.solution().is_some()),
            words: if words.is_empty() {
                "random".into()
            } else {
                words.join("; ")
            },
            cast,
        })
    }
}

/// Reads one policy.
fn read(flag: &str, typed: &str, policy: &str) -> Result<Policy, Diagnostic> {
    let wrong = |why: String| {
        Diagnostic::error("E0965", format!("`{flag} {typed}` cannot be followed"))
            .note(why)
            .hint(match policy.to_lowercase().as_str() {
                "random" | "rule" => format!("write `{}`", policy.to_lowercase()),
                "rules" => "write `rule`".to_string(),
                "optimal" | "solution" | "exact" | "solved" | "best" => format!(
                    "solve the model first, econc solve FILE --out solution, and name that run: {flag} solution"
                ),
                other if other.starts_with("fixed") => format!("name the action: {flag} fixed:NAME=VALUE"),
                number if number.parse::<f64>().is_ok() => format!("to fix an action: {flag} fixed:{typed}"),
                _ => "write `random`, `rule`, `fixed:NAME=VALUE` or the directory of a complete run, each with AGENT= in \
                      front if it is one agent's"
                    .to_string(),
            })
    };
    match policy {
        "random" => return Ok(Policy::Random),
        "rule" => return Ok(Policy::Rule),
        _ => {}
    }
    if let Some(found) = outside(policy) {
        return Ok(Policy::Outside(found));
    }
    let Some(list) = policy.strip_prefix("fixed:") else {
        let path = Path::new(policy);
        if !path.exists() {
            // A run of this name that did not come to its end is what is meant.
            return match open_played(path) {
                Err(d) if d.notes.iter().any(|n| n.starts_with(OF_THIS_NAME)) => Err(d),
                _ => Err(wrong(format!("there is no directory `{policy}`"))),
            };
        }
        return open_played(path).map(|run| Policy::Run(Box::new(run)));
    };
    let mut fixed: Vec<(String, String)> = Vec::new();
    for pair in list.split(',') {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| wrong(format!("`{pair}` is not NAME=VALUE")))?;
        let name = name.trim();
        if name.is_empty() || fixed.iter().any(|(n, _)| n == name) {
            return Err(wrong(format!(
                "`{pair}` names nothing, or something that was named before"
            )));
        }
        fixed.push((name.to_string(), value.trim().to_string()));
    }
    Ok(Policy::Fixed(fixed))
}

/// Fixed actions by their full names.
fn fixed(model: &Model, pairs: &[(String, String)]) -> Result<Vec<(String, f64)>, Diagnostic> {
    let mut out: Vec<(String, f64)> = Vec::new();
    for (name, text) in pairs {
        let (action, value) = fixed_value(model, name, text)?;
        if out.iter().any(|(n, _)| *n == action) {
            return Err(Diagnostic::error("E0113", format!("`{action}` is given twice"))
                .note(format!("by fixed:{name}={text} and before"))
                .hint("keep one of them"));
        }
        out.push((action, value));
    }
    Ok(out)
}

/// The policy of a run for `agent`, or for everybody whom it says something of.
fn of_run(
    run: &CompleteRun,
    agent: Option<&str>,
    flag: &str,
) -> Result<(Behaviour, String, Option<Trusted>), Diagnostic> {
    if !is_training(run) {
        let solved = read_solution(run)?;
        let words = format!("the solution of {}", run.manifest.model);
        return Ok((
            Behaviour::Solved(Arc::new(solved.solution)),
            words,
            solved.certificate.trusted,
        ));
    }
    let (behaviour, words) = learned(run, agent)?;
    if let (Behaviour::Learned { agent: Some(own), .. }, Some(asked)) = (&behaviour, agent)
        && own != asked
    {
        return Err(
            Diagnostic::error("E0934", format!("the run was learned by `{own}`, not by `{asked}`"))
                .hint(format!("{flag} {own}=RUN, or name a run of `{asked}`")),
        );
    }
    Ok((behaviour, words, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Parts, Diagnostic> {
        Parts::read("--policy", &[text.to_string()])
    }

    #[test]
    fn policies_are_read() {
        assert!(matches!(one("random").unwrap().parts[0], (None, Policy::Random)));
        assert!(matches!(one("rule").unwrap().parts[0], (None, Policy::Rule)));
        let parts = one("fixed:s=0.2, d = keep").unwrap().parts;
        let Policy::Fixed(fixed) = &parts[0].1 else {
            panic!("fixed")
        };
        assert_eq!(*fixed, [("s".into(), "0.2".into()), ("d".into(), "keep".into())]);
        for wrong in [
            "fixed:s",
            "fixed:=1",
            "fixed:s=1,s=2",
            "no/such/run",
            "",
            "firm=no/such/run",
            "firm=",
        ] {
            assert_eq!(one(wrong).unwrap_err().code, "E0965", "{wrong}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(one(empty.path().to_str().unwrap()).unwrap_err().code, "E0954");
        let named = one("firm=fixed:q=1").unwrap().parts;
        assert!(matches!(&named[0], (Some(a), Policy::Fixed(_)) if a == "firm"));
        let twice = ["firm=random", "firm=rule"].map(String::from);
        assert_eq!(Parts::read("--policy", &twice).unwrap_err().code, "E0965");
        let all = ["random", "rule"].map(String::from);
        assert_eq!(Parts::read("--policy", &all).unwrap_err().code, "E0965");
    }
}
