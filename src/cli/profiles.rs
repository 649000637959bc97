//! What `econc verify` does where several decide: judges what they learned by what each of them could gain.

use super::among;
use super::asked::{TrainOptions, VerifyOptions};
use super::compiled::Compiled;
use super::effects::idle;
use super::host::outside;
use super::keeper::Keeper;
use super::meter::Meter;
use super::results::{asked, finite_choices, read_policies, read_solution};
use super::training::{self, all_seeds, planned};
use crate::check::Model;
use crate::check::model::Setting;
use crate::diag::{Diagnostic, Severity};
use crate::driver;
use crate::env::able::{able, learner_of};
use crate::env::cast::Behaviour;
use crate::env::decide::Decide;
use crate::learn::Policy;
use crate::report::content::Content;
use crate::report::profile::{LIMIT, of_profiles};
use crate::report::store::{RunDirectory, open_complete, open_played};
use crate::report::trained;
use crate::solve::economy::Economy;
use crate::solve::methods;
use crate::solve::solution::Solution;
use crate::verify::profile::{Profile, judge};
use std::path::Path;
use std::sync::Arc;

/// Keys of `verify { }` that say nothing of several who decide, and those that say nothing of one.
const OF_ONE: &[&str] = &["policy_error", "welfare_loss", "euler", "scenario", "episodes", "seeds"];
const OF_SEVERAL: &[&str] = &["exploitability"];

/// Whether several decide, so that policies are judged by what each could gain.
pub(super) fn several_decide(model: &Model, options: &VerifyOptions) -> bool {
    let against = against(model);
    let model = model.as_asked(against.as_deref(), None);
    match among::alone(&model, &options.train) {
        Ok((alone, _)) => {
            let economy = Economy::of(&alone);
            // A continuum at rest is one household's problem at prices that are solved for: no game of a few.
            economy.is_ok_and(|e| !matches!(methods::for_several(&e, None), Ok(None)))
        }
        Err(d) => {
            // A run knows who learned in it; a training must be told.
            let known = options.policy.is_some() || !crate::learn::settings::agents_named(&model).is_empty();
            d.code == "E0927" && known && options.train.agent.is_none() && options.train.others.is_empty()
        }
    }
}

/// The concept that the file compares with.
fn against(model: &Model) -> Option<String> {
    let block = model.settings.iter().find(|s| s.block == "verify")?;
    match block.get("against") {
        Some(Setting::Word(w)) => Some(w.clone()),
        _ => None,
    }
}

/// Warnings about keys of `verify { }` that change nothing, where `several` decide or one does.
pub(super) fn unread(model: &Model, several: bool) -> Vec<Diagnostic> {
    let (keys, why, instead) = match several {
        true => (OF_ONE, "several decide", "exploitability"),
        false => (OF_SEVERAL, "one decides", "welfare_loss or policy_error"),
    };
    let entries = model
        .settings
        .iter()
        .filter(|s| s.block == "verify")
        .flat_map(|s| &s.entries);
    entries
        .filter(|(key, ..)| keys.contains(&key.as_str()))
        .map(|(key, _, span)| {
            let warning = Diagnostic::warning("W0984", format!("`{key}` of `verify` changes nothing here: {why}"));
            let warning = match span.file >= crate::check::TYPED {
                true => warning,
                false => warning.at(*span, "set here"),
            };
            warning.hint(format!("leave it out; what decides here is {instead}"))
        })
        .collect()
}

/// A policy that is judged.
struct Own {
    /// The seed of its training.
    seed: u64,
    policy: Arc<dyn Decide>,
    /// What learned it, or what it is called.
    name: String,
    grids: bool,
}

impl Own {
    fn of((seed, policy): (u64, Policy)) -> Own {
        Own {
            seed,
            name: policy.method.clone(),
            grids: finite_choices(&policy),
            policy: Arc::new(policy),
        }
    }
}

/// The policies of several agents: `(agent, one per seed)`, one entry per agent.
type Policies = Vec<(String, Vec<Own>)>;

/// Who learned, by name.
fn names(model: &Model, options: &TrainOptions) -> Result<Vec<String>, Diagnostic> {
    let agents = training::with_agents(model, options).agents();
    match agents.is_empty() {
        true => Ok(vec![model.agents[learner_of(model, None)?].name.clone()]),
        false => Ok(agents),
    }
}

/// The policies of a run, and what its training was asked.
fn of_run(model: &Model, run: &Path, options: &VerifyOptions) -> Result<(TrainOptions, Policies), Diagnostic> {
    // A policy of the program that econc is part of is that of the only kind that decides, or of the one that is named.
    if let Some(outside) = run.to_str().and_then(outside) {
        let agent = model.agents[learner_of(model, options.train.agent.as_deref())?]
            .name
            .clone();
        let own = Own {
            seed: options.seed,
            policy: outside.policy,
            name: outside.name,
            grids: outside.grids,
        };
        return Ok((options.train.clone(), vec![(agent, vec![own])]));
    }
    if !options.train.others.is_empty() {
        let why = "where several decide, all others play as they did in the run's training";
        return Err(idle("--others", why));
    }
    let run = open_played(run)?;
    let asked = asked(&run)?;
    let mut out = Policies::new();
    for agent in names(model, &asked)? {
        let policies = read_policies(&run, options.best, Some(&agent))?;
        out.push((agent, policies.into_iter().map(Own::of).collect()));
    }
    Ok((asked, out))
}

/// Trains, solves for the equilibrium, and judges.
///
/// # Errors
/// Those of training, of runs and of a simulation; E0818 for a solution that is none of this model.
pub(super) fn judged(
    compiled: &Compiled,
    options: &VerifyOptions,
    workers: usize,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    let one = |d: Diagnostic| vec![d];
    let model = &compiled.model;
    let mut remarks = unread(model, true);
    let (asked, policies, mut pictures, mut files) = match &options.policy {
        Some(path) => {
            let (asked, policies) = of_run(model, path, options).map_err(one)?;
            (asked, policies, Vec::new(), Vec::new())
        }
        None => {
            let planned = planned(compiled, &options.train)?;
            training::in_worlds(&planned)?;
            let seeds = all_seeds(model, &planned, None, workers, every, meter, run)?;
            let trained = trained::of_training(model, &planned, &seeds, None).map_err(one)?;
            remarks.extend(trained.diagnostics);
            let mut policies = Policies::new();
            for agent in &planned.agents {
                let name = &model.agents[*agent].name;
                let own = seeds.iter().filter(|t| t.agent.as_ref().is_none_or(|a| a == name));
                policies.push((
                    name.clone(),
                    own.map(|t| Own::of((t.record.seed, t.last.clone()))).collect(),
                ));
            }
            (options.train.clone(), policies, trained.pictures, trained.files)
        }
    };
    let others = training::others(model, &asked).map_err(one)?;
    let agents: Vec<usize> = policies
        .iter()
        .map(|(name, _)| learner_of(model, Some(name)))
        .collect::<Result<_, _>>()
        .map_err(one)?;
    let (equilibrium, unsolved) = match agents.len() < able(model).len() {
        true => (None, Some("not everybody who could decide has learned".to_string())),
        false => solved(model, options, every, meter, run)?,
    };
    let block = model.settings.iter().find(|s| s.block == "verify");
    let limit = block
        .and_then(|b| b.get("exploitability"))
        .and_then(Setting::number)
        .unwrap_or(LIMIT);
    let learner = policies.iter().filter_map(|p| p.1.first()).map(|p| p.name.as_str());
    let learner = learner
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join(", ");
    let mut all = Vec::new();
    let seeds: Vec<u64> = policies
        .first()
        .map_or(Vec::new(), |p| p.1.iter().map(|own| own.seed).collect());
    for (i, seed) in seeds.iter().enumerate() {
        meter.report(i as u64, seeds.len() as u64, "policies", "judging");
        let mut cast = others.clone().unwrap_or_else(|| Behaviour::Random.into());
        for (agent, all) in &policies {
            let Some(own) = all.iter().find(|own| own.seed == *seed) else {
                continue;
            };
            let behaviour = Behaviour::Learned {
                agent: Some(agent.clone()),
                grids: own.grids,
                policy: own.policy.clone(),
            };
            cast.agents.push((agent.clone(), behaviour));
        }
        let profile = Profile { seed: *seed, cast };
        let mut keeper = |_: crate::solve::progress::Progress| crate::solve::progress::Control::Continue;
        let judged = judge(
            model,
            &agents,
            &profile,
            equilibrium.as_ref(),
            (limit, options.seed),
            &mut keeper,
        );
        all.push(judged.map_err(one)?);
    }
    let mut content = of_profiles(model, &learner, &all, limit, unsolved);
    content.pictures.append(&mut pictures);
    content.files.append(&mut files);
    content.diagnostics.append(&mut remarks);
    let which = match options.best {
        true => "what was measured last; numbers without exploration, choices drawn as the policies mix them",
        false => "the last; numbers without exploration, choices drawn as the policies mix them",
    };
    content.facts.push(("policies".into(), which.into()));
    Ok(content)
}

/// The equilibrium to compare with, or why there is none.
fn solved(
    model: &Model,
    options: &VerifyOptions,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<(Option<Solution>, Option<String>), Vec<Diagnostic>> {
    if let Some(directory) = &options.solution {
        let solved = open_complete(directory)
            .and_then(|r| read_solution(&r))
            .map_err(|d| vec![d])?;
        return Ok((Some(solved.solution), None));
    }
    let concept = against(model).or_else(|| model.concept.is_none().then(|| "nash".to_string()));
    let request = driver::Request {
        concept,
        seed: options.seed,
        ..driver::Request::default()
    };
    let mut keeper = Keeper::new(meter, run, every).map_err(|d| vec![d])?;
    let solved = driver::solve(model, &request, &mut keeper);
    let said = |d: &Diagnostic| format!("{} ({})", d.headline, d.code);
    match keeper.ended(solved) {
        Ok(s) if s.certificate.passed => Ok((Some(s.solution), None)),
        Ok(s) => {
            let why = s.certificate.reasons.iter().find(|d| d.severity == Severity::Error);
            let why = why.map_or_else(|| "it is not certified".to_string(), said);
            Ok((None, Some(format!("what was solved does not hold: {why}"))))
        }
        Err(all) if all.iter().any(|d| d.code == "E0906" || d.code == "E0951") => Err(all),
        Err(all) => Ok((None, all.first().map(said))),
    }
}
