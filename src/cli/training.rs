//! Seeds side by side: the loop around `learn::training` with its checkpoints, its logs and its bar.

use super::meter::Meter;
use super::pipeline::{Compiled, TrainOptions, read_solution};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::behaviour::Behaviour;
use crate::learn::options::Value;
use crate::learn::plan::{self, Asked, Planned};
use crate::learn::training::Training;
use crate::learn::{Policy, methods::Method};
use crate::report::content::Content;
use crate::report::number;
use crate::report::run::{RunDirectory, open_complete, sha256};
use crate::report::trained::{self, Trained};
use crate::verify::learned::Judge;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The seeds of `--seeds`.
///
/// Errors: E0929.
pub fn seeds(text: &str) -> Result<Vec<u64>, Diagnostic> {
    plan::seeds(&Value::parse(text)).ok_or_else(|| {
        Diagnostic::error("E0929", format!("`--seeds {text}` cannot be read")).hint("write 1..5, 1,2,3 or 7")
    })
}

/// What a learner can be told, as text or JSON.
///
/// Errors: E0920.
pub fn learner_options(name: &str, json: bool) -> Result<String, Diagnostic> {
    let method = Method::named(name).ok_or_else(|| plan::unknown_learner(name))?;
    let options = plan::options(&method);
    if json {
        let text = serde_json::to_string_pretty(&options);
        return text
            .map(|t| t + "\n")
            .map_err(|e| Diagnostic::error("E0951", "the options cannot be written").note(e.to_string()));
    }
    let mut out = format!("train {name} {{ .. }}\n");
    for o in options {
        out.push_str(&format!("\n  {} = {}    ({})\n      {}\n", o.key, o.default, o.kind, o.doc));
    }
    Ok(out)
}

/// The plan of a training.
///
/// Errors: those of [`plan::plan`]; E0965 for `--others`.
pub fn planned(compiled: &Compiled, options: &TrainOptions) -> Result<Planned, Diagnostic> {
    let others = match options.others.as_deref() {
        None | Some("random") => None,
        Some(path) => {
            let run = open_complete(Path::new(path))?;
            Some(Behaviour::Solved(Box::new(read_solution(&run)?.solution)))
        }
    };
    plan::plan(
        &compiled.model,
        &Asked {
            method: options.learner.clone(),
            options: options.with.clone(),
            seeds: options.seeds.clone(),
            agent: options.agent.clone(),
            scenario: options.scenario.clone(),
            others,
        },
    )
}

/// The settings in force, for the manifest.
///
/// Errors: those of [`planned`].
pub fn settings(compiled: &Compiled, options: &TrainOptions) -> Result<BTreeMap<String, String>, Diagnostic> {
    let planned = planned(compiled, options)?;
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
/// Errors: those of the plan, the worlds and the learner; files that cannot be written.
pub fn train(
    compiled: &Compiled,
    options: &TrainOptions,
    workers: usize,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    let planned = planned(compiled, options).map_err(|d| vec![d])?;
    let judge = match &options.against {
        None => None,
        Some(directory) => {
            let solved = open_complete(directory).and_then(|r| read_solution(&r)).map_err(|d| vec![d])?;
            Some(Judge::new(&compiled.model, solved, planned.plan.method.finite_choices()).map_err(|d| vec![d])?)
        }
    };
    let seeds = all_seeds(&compiled.model, &planned, judge.as_ref(), workers, every, meter, run)?;
    trained::of_training(&compiled.model, &planned, &seeds).map_err(|d| vec![d])
}

/// File of a seed's checkpoint.
fn checkpoint_file(seed: u64) -> String {
    format!("seed_{seed}/checkpoint")
}

/// Trains every seed of a plan. At most `workers` run at a time; what a seed comes to does not depend on that.
pub fn all_seeds(
    model: &Model,
    planned: &Planned,
    judge: Option<&Judge>,
    workers: usize,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Vec<Trained>, Vec<Diagnostic>> {
    let identity = identity(model);
    let board = Board::new(planned, meter);
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Mutex<Vec<(usize, Result<Trained, Diagnostic>)>> = Mutex::new(Vec::new());
    let every = Duration::from_secs_f64(every.clamp(0.0, 1e6));
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, planned.seeds.len()) {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::SeqCst);
                    if i >= planned.seeds.len() || failed.load(Ordering::SeqCst) {
                        return;
                    }
                    let result = one_seed(model, planned, i, &identity, judge, every, &board, run);
                    if result.is_err() {
                        failed.store(true, Ordering::SeqCst);
                    }
                    if let Ok(mut all) = results.lock() {
                        all.push((i, result));
                    }
                }
            });
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
    if errors.is_empty() {
        for seed in &planned.seeds {
            run.clear(&checkpoint_file(*seed));
        }
        Ok(out)
    } else {
        Err(errors)
    }
}

/// What a checkpoint must have in common with the model it goes on in: everything that is checked, with all parameters.
fn identity(model: &Model) -> Vec<u8> {
    model.to_ron().map(|text| sha256(text.as_bytes()).into_bytes()).unwrap_or_default()
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
) -> Result<Trained, Diagnostic> {
    let seed = planned.seeds[number];
    let mut training = Training::new(model, &planned.plan, seed)?;
    let file = checkpoint_file(seed);
    if let Some(bytes) = run.kept(&file)? {
        training.load(identity, &bytes)?;
    }
    let distance = judge.map(|j| move |p: &Policy| j.distance(p).unwrap_or(f64::NAN));
    let distance = distance.as_ref().map(|d| d as &dyn Fn(&Policy) -> f64);
    let mut saved = Instant::now();
    let save = |training: &Training| -> Result<(), Diagnostic> {
        run.keep(&file, &training.save(identity))?;
        for (name, bytes) in trained::logs(training.record()) {
            run.keep(&name, &bytes)?;
        }
        Ok(())
    };
    while !training.is_done() {
        training.update(distance)?;
        if !board.report(number, &training) {
            save(&training)?;
            return Err(Diagnostic::error("E0906", "the training was stopped")
                .hint("econc train --resume RUN goes on where it stopped"));
        }
        if saved.elapsed() >= every {
            save(&training)?;
            saved = Instant::now();
        }
    }
    // A seed that is done waits for the others in its checkpoint.
    save(&training)?;
    let (record, last) = training.finish();
    Ok(Trained { record, last })
}

/// What the bar shows of all seeds.
struct Board<'a> {
    meter: &'a Meter,
    started: Instant,
    done: Mutex<Vec<(u64, u64)>>,
    of: u64,
}

impl<'a> Board<'a> {
    fn new(planned: &Planned, meter: &'a Meter) -> Self {
        Board {
            meter,
            started: Instant::now(),
            done: Mutex::new(vec![(0, u64::MAX); planned.seeds.len()]),
            of: planned.plan.method.steps() * planned.seeds.len() as u64,
        }
    }

    /// Takes in how a seed stands; whether to go on.
    fn report(&self, number: usize, training: &Training) -> bool {
        let (steps, _) = training.progress();
        let Ok(mut all) = self.done.lock() else {
            return false;
        };
        let first = all[number].1.min(steps);
        all[number] = (steps, first);
        let total: u64 = all.iter().map(|d| d.0).sum();
        let here: u64 = all.iter().filter(|d| d.1 != u64::MAX).map(|d| d.0 - d.1).sum();
        drop(all);
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = here as f64 / seconds.max(1e-3);
        let left = self.of.saturating_sub(total) as f64 / rate.max(1.0);
        let record = training.record();
        let mut words = Vec::new();
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
        words.push(format!("{} steps/s", number::compact(rate)));
        words.push(format!("{} left", number::duration(left)));
        self.meter.report(total, self.of, &words.join(", "))
    }
}
