//! Seeds side by side: the loop around `learn::training` with its checkpoints, its logs and its bar.

use super::asked::TrainOptions;
use super::cast::{self, Parts};
use super::compiled::Compiled;
use super::lineage::{self, Use};
use super::meter::Meter;
use super::results::read_solution;
use super::simulating::world_bytes;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::able::learner_of;
use crate::env::cast::{Behaviour, Cast};
use crate::learn::Policy;
use crate::learn::entry::LearnerInfo;
use crate::learn::methods::LEARNERS;
use crate::learn::plan::{self, Asked, Planned};
use crate::learn::training::Training;
use crate::limits;
use crate::report::content::Content;
use crate::report::number;
use crate::report::store::{CHECKPOINT, RunDirectory, open_complete, sha256};
use crate::report::trained::{self, Trained};
use crate::verify::learned::Judge;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The seeds that `--seeds` names, a list in order.
///
/// # Errors
/// E0929.
pub fn seeds(text: &str) -> Result<Vec<u64>, Diagnostic> {
    plan::seeds(text).ok_or_else(|| {
        Diagnostic::error("E0929", format!("`--seeds {text}` cannot be read"))
            .hint("write 1..5, 1,2,3 or 7, each seed once, at most 1000")
    })
}

/// Every learner with what it does, as text or JSON.
pub fn learners(json: bool) -> String {
    if json {
        let all = LEARNERS.iter().map(|l| {
            serde_json::json!({ "learner": l.method, "about": l.about, "choices": l.choices.words(), "remembers": l.remembers,
                "built": (l.built)(), "searched": l.search })
        });
        return format!("{}\n", serde_json::Value::Array(all.collect()));
    }
    let one = |l: &LearnerInfo| {
        let built = if (l.built)() {
            ""
        } else {
            " (this econc was built without it)"
        };
        format!(
            "{}{built}\n    {}\n    knows {}\n    econc tune searches {}\n",
            l.method,
            l.about,
            l.choices.words(),
            l.search.join(", ")
        )
    };
    LEARNERS.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The names of all learners, for help.
pub(super) fn names() -> String {
    LEARNERS.iter().map(|l| l.method).collect::<Vec<_>>().join(", ")
}

/// What a learner can be told, as text or JSON.
///
/// # Errors
/// E0804.
pub fn learner_options(name: &str, json: bool) -> Result<String, Diagnostic> {
    let options = plan::options(name)?;
    if json {
        let list: Vec<serde_json::Value> = options
            .iter()
            .map(|[key, kind, default, doc]| serde_json::json!({ "key": key, "kind": kind, "default": default, "doc": doc }))
            .collect();
        return Ok(format!("{}\n", serde_json::Value::Array(list)));
    }
    let mut out = format!("train {name} {{ .. }}\n");
    for [key, kind, default, doc] in options {
        out.push_str(&format!("\n  {key} = {default}    ({kind})\n      {doc}\n"));
    }
    Ok(out)
}

/// The plan of a training.
///
/// # Errors
/// Those of [`plan::plan`]; E0965 for `--others`.
pub fn planned(compiled: &Compiled, options: &TrainOptions) -> Result<Planned, Vec<Diagnostic>> {
    plan::plan(&compiled.model, &wanted(&compiled.model, options)?)
}

/// The options with the agents that the file names, where none were named.
pub(super) fn with_agents(model: &Model, options: &TrainOptions) -> TrainOptions {
    let mut options = options.clone();
    if options.agent.is_none() {
        let mut named = crate::learn::settings::agents_named(model).into_iter();
        options.agent = named.next();
        options.beside = named.collect();
    }
    options
}

/// What a plan is asked for.
///
/// # Errors
/// Those of the runs of `--others`, E0934.
pub(super) fn wanted(model: &Model, options: &TrainOptions) -> Result<Asked, Vec<Diagnostic>> {
    Ok(Asked {
        method: options.learner.clone(),
        methods: options.learners.clone(),
        options: options.with.clone(),
        seeds: options.seeds.clone(),
        agents: options.agents(),
        scenario: options.scenario.clone(),
        others: others(model, options).map_err(|d| vec![d])?,
    })
}

/// Errs where `--other-parameters` has no run that it could be about.
///
/// # Errors
/// E0989.
pub(super) fn other_parameters_of_a_run(options: &TrainOptions) -> Result<(), Diagnostic> {
    if options.other_parameters && cast::paths(&options.others).next().is_none() {
        return Err(super::effects::idle(
            "--other-parameters",
            "no policy of a run is played",
        ));
    }
    Ok(())
}

/// Whether the runs that a training reads are of this economy; warnings about what differs, one per difference.
///
/// # Errors
/// Those of the runs; E0818, E0819, E0989.
pub(super) fn runs_read(model: &Model, options: &TrainOptions) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let mut remarks = Vec::new();
    if !options.others.is_empty() {
        let parts = Parts::read(OTHERS, &options.others).map_err(|d| vec![d])?;
        remarks = parts.compare(model, options.other_parameters).map_err(|d| vec![d])?;
        if model.agents.iter().filter(|a| !a.actions.is_empty()).count() < 2 {
            return Err(vec![super::effects::idle(OTHERS, "nobody else does anything")]);
        }
    }
    if let Some(path) = &options.against {
        let run = open_complete(path).map_err(|d| vec![d])?;
        remarks.extend(lineage::compared(model, &run, "--against", Use::Measure).map_err(|d| vec![d])?);
    }
    Ok(remarks)
}

/// The option that says how others play.
const OTHERS: &str = "--others";

/// How the others choose; `None` if nothing was said.
pub(super) fn others(model: &Model, options: &TrainOptions) -> Result<Option<Cast>, Diagnostic> {
    if options.others.is_empty() {
        return Ok(None);
    }
    let cast = Parts::read(OTHERS, &options.others)?.bind(model)?.cast;
    let agents = options.agents();
    let named: Vec<Option<&str>> = match agents.as_slice() {
        [] => vec![None],
        some => some.iter().map(|a| Some(a.as_str())).collect(),
    };
    let mut learners: Vec<&str> = Vec::new();
    for name in named {
        learners.push(&model.agents[learner_of(model, name)?].name);
    }
    if let Some((learner, _)) = cast.agents.iter().find(|(name, _)| learners.contains(&name.as_str())) {
        return Err(
            Diagnostic::error("E0934", format!("`{learner}` learns, so it is none of the others"))
                .hint(format!("leave out {OTHERS} {learner}=..")),
        );
    }
    for behaviour in cast.all() {
        let Behaviour::Learned { agent, policy, .. } = behaviour else {
            continue;
        };
        let own = agent.as_deref().or(learners.first().copied()).unwrap_or_default();
        if learners.contains(&own) {
            return Err(Diagnostic::error(
                "E0934",
                format!("what is played by the others was learned by `{own}`, which is to learn now"),
            )
            .hint("name the run of another agent, or --others random or rule"));
        }
        if policy.remembers() {
            return Err(
                Diagnostic::error("E0934", "a policy of the others has a memory, which others cannot have")
                    .note("a training that is resumed would not find what the others remember")
                    .hint("train the others by a learner without memory: ppo, a2c, sac, dqn"),
            );
        }
    }
    Ok(Some(cast))
}

/// The judge of `--against`.
///
/// # Errors
/// Those of the run and of the judge.
pub(super) fn judge_against(
    model: &Model,
    against: Option<&Path>,
    planned: &Planned,
) -> Result<Option<Judge>, Vec<Diagnostic>> {
    let Some(directory) = against else { return Ok(None) };
    if planned.agents.len() > 1 {
        return Err(vec![
            Diagnostic::error(
                "E0931",
                "agents that learn at once cannot be measured against a solution",
            )
            .note("the solution is of one decision maker, and what each learns depends on what the others do")
            .hint("leave out --against; the run shows what each of them earns"),
        ]);
    }
    let solved = open_complete(directory)
        .and_then(|r| read_solution(&r))
        .map_err(|d| vec![d])?;
    let judge = Judge::new(model, solved, planned.plan.method().finite_choices()).map_err(|d| vec![d])?;
    Ok(Some(judge))
}

/// What the exact policy earns in the worlds of every measurement, where it is known and one learns.
///
/// # Errors
/// What stopped the worlds.
pub(super) fn exact_return(model: &Model, planned: &Planned, judge: Option<&Judge>) -> Result<Option<f64>, Diagnostic> {
    let (Some(judge), [agent]) = (judge, planned.agents.as_slice()) else {
        return Ok(None);
    };
    planned
        .plan
        .earned_by(model, *agent, Arc::new(judge.solution().clone()))
}

/// Errs where learners side by side would need more memory than there is.
///
/// # Errors
/// E0981.
pub(super) fn fits(model: &Model, planned: &Planned, side_by_side: usize) -> Result<(), Vec<Diagnostic>> {
    let mut each = 0.0;
    let mut words = Vec::new();
    for (method, agent) in planned.plan.methods.iter().zip(&planned.agents) {
        let members = crate::env::able::members_of(model, *agent);
        let interface = crate::env::interface::Interface::new(model, *agent, method.finite_choices());
        each += match interface {
            Ok(i) if method.joint() => {
                let joint = crate::env::joint::Joint::new(model, *agent, i.stage).width();
                method.bytes(members, i.columns().len() + joint)
            }
            Ok(i) => method.bytes(members, i.columns().len()),
            Err(_) => method.bytes(members, 1),
        };
        words.push(format!("{} steps per round, {members} members", method.round(members)));
    }
    let side_by_side = side_by_side.max(1);
    let each = each + world_bytes(model, planned.plan.environment.worlds);
    let names: Vec<String> = planned.plan.methods.iter().map(|m| format!("`{}`", m.name())).collect();
    limits::fits(
        each * side_by_side as f64,
        &format!("{} here", names.join(" and ")),
        "fewer worlds, a shorter horizon, a smaller memory or network, fewer --threads",
    )
    .map_err(|d| vec![d.note(format!("{}, {side_by_side} side by side", words.join("; ")))])
}

/// The settings in force, for the manifest; at most `workers` seeds train side by side.
///
/// # Errors
/// Those of the plan; E0981.
pub fn settings(
    compiled: &Compiled,
    options: &TrainOptions,
    workers: usize,
) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let compiled = &compiled.with_prices(options.against.as_deref()).map_err(|d| vec![d])?;
    runs_read(&compiled.model, options)?;
    let planned = planned(compiled, options)?;
    fits(&compiled.model, &planned, workers.min(planned.seeds.len()))?;
    let mut out: BTreeMap<String, String> = planned.settings.into_iter().collect();
    let seeds: Vec<String> = planned.seeds.iter().map(u64::to_string).collect();
    out.insert("seeds".into(), seeds.join(","));
    if let Some(a) = &options.against {
        out.insert("against".into(), a.display().to_string());
    }
    Ok(out)
}

/// Trains, with a checkpoint every `every` seconds into `run`; goes on from those that are there.
///
/// # Errors
/// Those of the plan, the worlds and the learner; files that cannot be written.
pub fn train(
    compiled: &Compiled,
    options: &TrainOptions,
    workers: usize,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    let compiled = &compiled.with_prices(options.against.as_deref()).map_err(|d| vec![d])?;
    let planned = planned(compiled, options)?;
    let judge = judge_against(&compiled.model, options.against.as_deref(), &planned)?;
    let seeds = all_seeds(&compiled.model, &planned, judge.as_ref(), workers, every, meter, run)?;
    let exact = exact_return(&compiled.model, &planned, judge.as_ref()).map_err(|d| vec![d])?;
    let mut content = trained::of_training(&compiled.model, &planned, &seeds, exact).map_err(|d| vec![d])?;
    content.diagnostics.splice(0..0, planned.notes.clone());
    content.diagnostics.splice(0..0, runs_read(&compiled.model, options)?);
    Ok(content)
}

/// An update that takes this long is kept at once: a stop does not wait for the end of the next.
pub(super) const LONG: Duration = super::stop::PATIENCE;

/// File of a seed's checkpoint.
fn checkpoint_file(seed: u64) -> String {
    format!("seed_{seed}/{CHECKPOINT}")
}

/// Errs where sessions of a published program are asked of a command that plays worlds.
///
/// # Errors
/// E0807.
pub(super) fn in_worlds(planned: &Planned) -> Result<(), Vec<Diagnostic>> {
    match planned.sessions {
        Some(_) => Err(vec![
            Diagnostic::error(
                "E0807",
                "sessions of the published program (`random = ran2`) are played by econc train alone",
            )
            .hint("learn from the worlds of the model instead: --with random=counter --with benchmarks=none"),
        ]),
        None => Ok(()),
    }
}

/// Trains every seed of a plan: one result per seed and learner, in the order of the plan. At most `workers` run at a
/// time; what a seed comes to does not depend on that.
///
/// # Errors
/// Those of the worlds and the learner; E0906 where it was stopped; E0951 where a checkpoint cannot be written.
pub fn all_seeds(
    model: &Model,
    planned: &Planned,
    judge: Option<&Judge>,
    workers: usize,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Vec<Trained>, Vec<Diagnostic>> {
    in_worlds(planned)?;
    let identity = identity(model);
    let board = Board::new(planned, meter);
    let every = Duration::from_secs_f64(every);
    let trained = side_by_side(planned.seeds.len(), workers, |i| {
        one_seed(model, planned, i, &identity, judge, every, &board, run)
    })?;
    // The checkpoints stay until the run has its name, so that a kill in between loses nothing.
    Ok(trained.into_iter().flatten().collect())
}

/// Does `work` for each of `0..count`, at most `workers` at a time; results in order. After an error nothing more is begun.
///
/// # Errors
/// Those of the pieces of work, in order.
pub(super) fn side_by_side<T: Send>(
    count: usize,
    workers: usize,
    work: impl Fn(usize) -> Result<T, Diagnostic> + Sync,
) -> Result<Vec<T>, Vec<Diagnostic>> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Mutex<Vec<(usize, Result<T, Diagnostic>)>> = Mutex::new(Vec::new());
    super::threads::side_by_side(workers.min(count), &|| {
        loop {
            let i = next.fetch_add(1, Ordering::SeqCst);
            if i >= count || failed.load(Ordering::SeqCst) {
                return;
            }
            let result = limits::caught(|| work(i)).unwrap_or_else(|| {
                Err(Diagnostic::error("E0906", "the training was stopped")
                    .hint("econc train --resume RUN goes on where it stopped"))
            });
            if result.is_err() {
                failed.store(true, Ordering::SeqCst);
            }
            if let Ok(mut all) = results.lock() {
                all.push((i, result));
            }
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(i, _)| *i);
    let mut out = Vec::new();
    let mut errors = Vec::new();
    for (_, result) in results {
        match result {
            Ok(t) => out.push(t),
            Err(d) => errors.push(d),
        }
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

/// What a checkpoint must have in common with the model it goes on in, as bytes: everything that is checked, with all
/// parameters.
pub(super) fn identity(model: &Model) -> Vec<u8> {
    model
        .to_ron()
        .map(|text| sha256(text.as_bytes()).into_bytes())
        .unwrap_or_default()
}

#[allow(clippy::too_many_arguments, reason = "one call, from the loop above")]
fn one_seed(
    model: &Model,
    planned: &Planned,
    number: usize,
    identity: &[u8],
    judge: Option<&Judge>,
    every: Duration,
    board: &Board,
    run: &RunDirectory,
) -> Result<Vec<Trained>, Diagnostic> {
    let agents: Vec<Option<String>> = match planned.agents.as_slice() {
        [_] => vec![None],
        several => several.iter().map(|a| Some(model.agents[*a].name.clone())).collect(),
    };
    let seed = planned.seeds[number];
    let mut training = Training::new(model, &planned.plan, seed)?;
    let file = checkpoint_file(seed);
    if let Some(bytes) = run.kept_sealed(&file)? {
        training.load(identity, &bytes)?;
    }
    let distance = judge.map(|j| move |p: &Policy| j.distance(p).unwrap_or(f64::NAN));
    let distance = distance.as_ref().map(|d| d as &dyn Fn(&Policy) -> f64);
    let mut saved = Instant::now();
    let save = |training: &Training| -> Result<(), Diagnostic> {
        run.keep_sealed(&file, &training.save(identity))?;
        for (agent, record) in agents.iter().zip(training.records()) {
            for (name, bytes) in trained::logs(agent.as_deref(), record) {
                run.keep(&name, &bytes)?;
            }
        }
        Ok(())
    };
    while !training.is_done() {
        let (began, before) = (Instant::now(), training.progress().0);
        training.update(distance).map_err(|d| {
            d.note(match run.kept(&file) {
                Ok(Some(_)) => "the last checkpoint stands: econc train --resume goes on from it",
                Ok(None) | Err(_) => "no checkpoint had been written yet; --checkpoint SECONDS says how often one is",
            })
        })?;
        if !board.report(number, &training, before) {
            save(&training)?;
            return Err(Diagnostic::error("E0906", "the training was stopped")
                .hint("econc train --resume RUN goes on where it stopped"));
        }
        if saved.elapsed() >= every || began.elapsed() >= LONG {
            save(&training)?;
            saved = Instant::now();
        }
    }
    // A seed that is done waits for the others in its checkpoint.
    save(&training)?;
    let finished = training.finish()?.into_iter().zip(agents);
    Ok(finished
        .map(|((record, last), agent)| Trained { agent, record, last })
        .collect())
}

/// What the bar shows of all seeds.
struct Board<'a> {
    meter: &'a Meter,
    /// Steps of each seed; `None` before its first report.
    done: Mutex<Vec<Option<u64>>>,
    of: u64,
}

impl<'a> Board<'a> {
    fn new(planned: &Planned, meter: &'a Meter) -> Self {
        Board {
            meter,
            done: Mutex::new(vec![None; planned.seeds.len()]),
            of: planned.plan.methods.iter().map(|m| m.steps()).sum::<u64>() * planned.seeds.len() as u64,
        }
    }

    /// Takes in how a seed stands, which stood at `before` steps at the last report; whether to go on.
    fn report(&self, number: usize, training: &Training, before: u64) -> bool {
        let (steps, _) = training.progress();
        let Ok(mut done) = self.done.lock() else {
            return false;
        };
        if done[number].replace(steps).is_none() {
            // What a checkpoint held was not done now.
            self.meter.found(before);
        }
        let total: u64 = done.iter().flatten().sum();
        drop(done);
        let mut words = Vec::new();
        for record in training.records() {
            if let Some(m) = record.measured.last() {
                words.push(format!("return {}", number::compact(m.episode_return)));
                if let Some(d) = m.distance {
                    words.push(format!("distance {} %", number::compact(100.0 * d)));
                }
            }
            if let Some(row) = record.rows.last() {
                let losses = row.values.iter().filter(|(n, _)| n.ends_with("loss"));
                words.extend(losses.map(|(n, x)| format!("{} {}", n.replace('_', " "), number::compact(*x))));
            }
        }
        self.meter.report(total, self.of, "steps", &words.join(", "))
    }
}
