//! What `econc verify` does: solves, trains, and judges what was learned by the exact solution.

use super::among;
use super::asked::{TrainOptions, VerifyOptions};
use super::cast;
use super::compiled::Compiled;
use super::host::{Outside, outside};
use super::keeper::Keeper;
use super::lineage::{self, Use};
use super::meter::Meter;
use super::profiles;
use super::results::{finite_choices, holds_solution, read_policies, read_solution};
use super::training::{self, all_seeds, planned, wanted};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::decide::Decide;
use crate::learn::plan;
use crate::limits;
use crate::report::content::Content;
use crate::report::store::{RunDirectory, open_complete, open_played};
use crate::report::{trained, verdict};
use crate::verify::learned::{Judge, Trial};
use std::collections::BTreeMap;
use std::path::Path;

/// The policy of the host that is named in the place of a run.
fn of_host(policy: &Path) -> Option<Outside> {
    outside(policy.to_str()?)
}

/// Whether the runs that are judged, or judged by, are of this economy; warnings about what differs.
///
/// # Errors
/// Those of the runs; E0811, E0818, E0819, E0927, E0981.
pub fn verified_runs(model: &Model, options: &VerifyOptions) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    // Said before anything is solved: the solution needs no first value, what it is compared with does.
    crate::env::worlds::first_values(model, &model.scenarios).map_err(|d| vec![d])?;
    let several = profiles::several_decide(model, options);
    if !several {
        among::alone(model, &options.train).map_err(|d| vec![d])?;
        paths_fit(model, options)?;
    }
    let mut remarks = Vec::new();
    if let Some(directory) = &options.solution {
        let run = open_complete(directory).map_err(|d| vec![d])?;
        holds_solution(&run).map_err(|d| vec![d])?;
        remarks.extend(lineage::compared(model, &run, "--solution", Use::Measure).map_err(|d| vec![d])?);
    }
    if let Some(directory) = options.policy.as_ref().filter(|p| of_host(p).is_none()) {
        let run = open_played(directory).map_err(|d| vec![d])?;
        let play = Use::Play {
            others: options.train.other_parameters,
        };
        if !several {
            // What it is comes before what it was made of.
            read_policies(&run, options.best, options.train.agent.as_deref()).map_err(|d| vec![d])?;
        }
        let differs = lineage::compared(model, &run, "--policy", play).map_err(|d| vec![d])?;
        if options.train.other_parameters && differs.is_empty() {
            return Err(vec![super::effects::idle("--other-parameters", cast::SAME)]);
        }
        remarks.extend(differs);
    }
    Ok(remarks)
}

/// The settings in force, for the manifest.
///
/// # Errors
/// Those of a training, where one is played.
pub fn settings(
    compiled: &Compiled,
    options: &VerifyOptions,
    workers: usize,
) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    match &options.policy {
        // How they learned stands in their run.
        Some(run) if profiles::several_decide(&compiled.model, options) => {
            Ok(BTreeMap::from([("policy".to_string(), run.display().to_string())]))
        }
        // What was trained elsewhere has seeds of its own.
        Some(run) => {
            let mut all = training::settings(compiled, &options.train, workers)?;
            all.retain(|key, _| key == "against" || key == "agent");
            all.insert("policy".to_string(), run.display().to_string());
            Ok(all)
        }
        None => training::settings(compiled, &options.train, workers),
    }
}

/// Errs where the paths that losses are measured on would need more memory than there is.
///
/// # Errors
/// E0981, those of the plan.
fn paths_fit(model: &Model, options: &VerifyOptions) -> Result<(), Vec<Diagnostic>> {
    let block = model.settings.iter().find(|s| s.block == "verify");
    let Some(episodes) = block
        .and_then(|b| b.get("episodes"))
        .and_then(crate::check::model::Setting::number)
    else {
        return Ok(());
    };
    let seeds = block
        .and_then(|b| b.get("seeds"))
        .map_or(1, |s| crate::check::settings::seeds(s).len());
    let judged = match &options.policy {
        Some(_) => 1,
        None => plan::plan(model, &wanted(model, &options.train)?)?.seeds.len(),
    };
    // Of each path: where it begins, its state, shock and choice, what it weighs and falls short of; of each policy on all paths three
    // numbers: the exact one's, the best constant's, two benchmarks', and those that are judged.
    let of_path = 12 + 4 * (model.states.len() + model.shocks.len() + model.actions.len());
    let of_policies = 3 * (4 + judged) * seeds;
    limits::fits(
        8.0 * episodes * (of_path + of_policies) as f64,
        "what the paths of `verify` leave",
        "fewer `episodes` in verify { }, or fewer seeds",
    )
    .map_err(|d| vec![d.note(format!("{episodes} episodes, {seeds} seeds of them, {judged} policies"))])
}

/// Solves, trains and judges.
///
/// # Errors
/// Those of solving, training and judging; E0930 if the exact solution is not certified.
pub fn verify(
    compiled: &Compiled,
    options: &VerifyOptions,
    workers: usize,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    let one = |d: Diagnostic| vec![d];
    let mut lineages = verified_runs(&compiled.model, options)?;
    if profiles::several_decide(&compiled.model, options) {
        let mut content = profiles::judged(compiled, options, workers, every, meter, run)?;
        content.diagnostics.append(&mut lineages);
        return Ok(content);
    }
    lineages.extend(profiles::unread(&compiled.model, false));
    // From here on one decides, and all others follow rules.
    let (model, fixed) = among::alone(&compiled.model, &options.train).map_err(one)?;
    let agent = options.train.agent.as_deref();
    let compiled = &Compiled { model };
    let options = &VerifyOptions {
        train: TrainOptions {
            agent: None,
            others: Vec::new(),
            ..options.train.clone()
        },
        ..options.clone()
    };
    let model = &compiled.model;
    let block = model.settings.iter().find(|s| s.block == "verify");
    let setting = |key: &str| block.and_then(|b| b.get(key));
    let solved = match &options.solution {
        Some(directory) => open_complete(directory).and_then(|r| read_solution(&r)).map_err(one)?,
        None => {
            let asked = crate::driver::Request {
                concept: match setting("against") {
                    Some(crate::check::model::Setting::Word(w)) => Some(w.clone()),
                    _ => None,
                },
                seed: options.seed,
                ..crate::driver::Request::default()
            };
            let mut keeper = Keeper::new(meter, run, every).map_err(one)?;
            let solved = crate::driver::solve(model, &asked, &mut keeper);
            keeper.ended(solved)?
        }
    };
    let economy = solved.economy(model).map_err(one)?.into_owned();
    let compiled = &Compiled { model: economy };
    let model = &compiled.model;
    if !solved.certificate.passed {
        let mut d = Diagnostic::error(
            "E0930",
            "the exact solution is not certified, so nothing can be judged by it",
        )
        .hint("econc solve shows the certificate; more nodes or other settings of `solve { }` mend most");
        let mut reasons = solved.certificate.reasons.clone();
        crate::report::outcome::causes_first(&mut reasons);
        for reason in reasons.iter().take(3) {
            d = d.note(format!("{}: {}", reason.code, reason.headline));
        }
        return Err(vec![d]);
    }
    let planned = planned(compiled, &options.train)?;
    super::training::in_worlds(&planned)?;
    let outside = options.policy.as_deref().and_then(of_host);
    let finished = match &options.policy {
        Some(directory) if outside.is_none() => {
            let run = open_played(directory).map_err(one)?;
            Some(read_policies(&run, options.best, agent).map_err(one)?)
        }
        Some(_) | None => None,
    };
    let grids = match (&outside, finished.as_ref().and_then(|p| p.first())) {
        (Some(outside), _) => outside.grids,
        (None, Some((_, policy))) => finite_choices(policy),
        (None, None) => planned.plan.method().finite_choices(),
    };
    let judge = Judge::new(model, solved, grids).map_err(one)?;
    let number = |key: &str| setting(key).and_then(crate::check::model::Setting::number);
    let limits = verdict::Limits {
        policy_error: number("policy_error"),
        welfare_loss: number("welfare_loss"),
        euler: number("euler"),
    };
    let trial = Trial {
        seeds: setting("seeds").map_or(vec![options.seed], crate::check::settings::seeds),
        episodes: number("episodes").map(|x| x as usize),
        scenario: match setting("scenario") {
            Some(crate::check::model::Setting::Word(w)) => Some(w.clone()),
            _ => None,
        },
        limit: limits.welfare_loss,
    };
    judge.can_follow(&trial).map_err(one)?;
    if finished.is_none() && outside.is_none() && planned.plan.method().learner_info().remembers {
        return Err(one(crate::verify::learned::has_memory()));
    }
    let mut remarks = Vec::new();
    let (learner, policies, mut pictures, mut files) = match finished {
        _ if outside.is_some() => (
            outside.as_ref().map_or(String::new(), |o| o.name.clone()),
            Vec::new(),
            Vec::new(),
            Vec::new(),
        ),
        Some(policies) => {
            let learner = policies.first().map_or(String::new(), |p| p.1.method.clone());
            (learner, policies, Vec::new(), Vec::new())
        }
        None => {
            let seeds = all_seeds(model, &planned, Some(&judge), workers, every, meter, run)?;
            let name = planned.plan.method().name().to_string();
            let exact = super::training::exact_return(model, &planned, Some(&judge)).map_err(one)?;
            let trained = trained::of_training(model, &planned, &seeds, exact).map_err(one)?;
            let policies = seeds
                .iter()
                .map(|t| {
                    let best = t.record.best.as_ref().filter(|_| options.best).map(|b| b.1.clone());
                    (t.record.seed, best.unwrap_or_else(|| t.last.clone()))
                })
                .collect();
            remarks = trained.diagnostics;
            (name, policies, trained.pictures, trained.files)
        }
    };
    let mut refs: Vec<(u64, &dyn Decide)> = policies.iter().map(|(s, p)| (*s, p as &dyn Decide)).collect();
    refs.extend(outside.as_ref().map(|o| (options.seed, o.policy.as_ref())));
    meter.report(0, 0, "policies", "judging");
    let judged = judge.verdict_on(&refs, &trial).map_err(one)?;
    let mut content = verdict::of_verdict(model, &learner, &judged, &limits);
    content.pictures.append(&mut pictures);
    content.files.append(&mut files);
    content.diagnostics.append(&mut remarks);
    content.diagnostics.append(&mut lineages);
    if !judge.hidden().is_empty() {
        let hidden = judge.hidden().join(", ");
        content.facts.push((
            "judged by".into(),
            format!("a solution with full information: it uses {hidden}, which the learner does not see"),
        ));
    }
    content
        .facts
        .extend(fixed.map(|what| ("others".to_string(), format!("fixed: {what}"))));
    let which = match (&outside, options.best) {
        (Some(_), _) => "as it answers, from outside of econc".to_string(),
        (None, true) => "the best on the way, without exploration".to_string(),
        (None, false) => "the last, without exploration".to_string(),
    };
    content.facts.push(("policies".into(), which));
    Ok(content)
}
