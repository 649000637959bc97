//! Trials side by side: the loop around `learn::tune` with its checkpoints and its bar.
//!
//! One piece of work is one seed of one trial in one rung. While it trains, its checkpoint stands under `work/`; when it is
//! done, its score does too. What is found there is not done again, so a search that was killed ends as one that was not. Pieces may be
//! done by other processes ([`Elsewhere`]): checkpoint and score come back and are put there.

use super::asked::{SearchMethod, TuneOptions};
use super::compiled::Compiled;
use super::host::{Elsewhere, Piece, Trained, locked};
use super::meter::Meter;
use super::training;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::able;
use crate::learn::methods::Method;
use crate::learn::plan::{self, Asked, Planned};
use crate::learn::training::{Plan, Training};
use crate::learn::tune::{self, Dimension, Measure, Objective, Rung, Score, Trial};
use crate::learn::{Policy, Value, methods};
use crate::report::content::Content;
use crate::report::number;
use crate::report::store::{RunDirectory, WORK};
use crate::report::tuned::{self, Best, Tuned};
use crate::verify::learned::Judge;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A search that has been read and checked.
struct TuneSearch {
    /// What every trial is asked for, its own options excepted.
    asked: Asked,
    /// The plan of the settings as they stand.
    base: Planned,
    space: Vec<Dimension>,
    rungs: Vec<Rung>,
    trials: Vec<Trial>,
    stands: bool,
}

impl TuneOptions {
    fn rungs(&self, trials: usize, steps: u64) -> Vec<Rung> {
        match self.method {
            SearchMethod::Halving => tune::halving(trials, steps, self.eta, self.least),
            SearchMethod::Random => tune::random(trials, steps),
        }
    }
}

/// Reads and checks what is asked.
///
/// # Errors
/// Those of the plan and of the space; E0805 and E0806 for a range that leaves what an option takes; E0940.
fn prepared(compiled: &Compiled, options: &TuneOptions) -> Result<TuneSearch, Vec<Diagnostic>> {
    let model = &compiled.model;
    let mut asked = training::wanted(model, &options.train)?;
    let mut base = plan::plan(model, &asked)?;
    super::training::in_worlds(&base)?;
    let method = base.plan.method().name();
    let fixed: Vec<String> = options.train.with.iter().map(|(k, _)| k.clone()).collect();
    let mut space = tune::space(method, &options.searches, &fixed)?;
    if options.searches.is_empty() {
        // Of the usual options those that change something here.
        space.retain(|d| {
            !(d.range.extremes().iter()).all(|x| is_idle(model, &with(&asked, [(d.key.as_str(), x)]), &d.key))
        });
    }
    let mut faults = Vec::new();
    for d in &space {
        let fault = d
            .range
            .extremes()
            .iter()
            .find_map(|x| plan::plan(model, &with(&asked, [(d.key.as_str(), x)])).err());
        faults.extend(
            fault
                .into_iter()
                .flatten()
                .map(|f| f.note(format!("met in --search {d}"))),
        );
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let defaults = (methods::learner(method).map_err(|d| vec![d])?.table)();
    let standing: Vec<Value> = space
        .iter()
        .filter_map(|d| {
            let set = base.settings.iter().find(|(k, _)| *k == d.key).map(|(_, v)| v);
            let default = || defaults.iter().find(|o| o.key == d.key).map(|o| &o.default);
            set.or_else(default).map(|text| Value::parse(text))
        })
        .collect();
    let trials = tune::trials(&space, options.trials, options.seed, &standing);
    changes_something(model, &asked, &space, &trials)?;
    if let Some(budget) = options.budget {
        let steps = steps_within(budget, options, model, &asked, &trials)?;
        asked.options.push(("steps".to_string(), steps.to_string()));
        base = plan::plan(model, &asked)?;
    }
    let steps = base.plan.method().steps();
    if options.method == SearchMethod::Halving && options.least > steps {
        return Err(vec![
            Diagnostic::error(
                "E0940",
                format!("`--least {}` is more than a trial trains", options.least),
            )
            .note(format!(
                "every trial trains for {steps} steps at most, so none could be dropped before"
            ))
            .hint(format!(
                "give fewer, for instance --least {}, or more steps",
                (steps / 9).max(1)
            )),
        ]);
    }
    Ok(TuneSearch {
        stands: tune::stands(&space, &standing),
        rungs: options.rungs(trials.len(), base.plan.method().steps()),
        trials,
        asked,
        base,
        space,
    })
}

/// Whether an option that is asked for changes nothing.
fn is_idle(model: &Model, asked: &Asked, key: &str) -> bool {
    plan::plan(model, asked).is_ok_and(|p| p.idle.iter().any(|i| i.key == key))
}

/// Errs where an option is searched that changes nothing in any trial.
///
/// # Errors
/// E0989.
fn changes_something(
    model: &Model,
    asked: &Asked,
    space: &[Dimension],
    trials: &[Trial],
) -> Result<(), Vec<Diagnostic>> {
    for d in space {
        let of = |trial: &Trial| with(asked, trial.options.iter().map(|(k, v)| (k.as_str(), v)));
        if trials.iter().all(|t| is_idle(model, &of(t), &d.key)) {
            let planned = trials.first().map(|t| plan::plan(model, &of(t))).transpose()?;
            let why = planned.and_then(|p| p.idle.into_iter().find(|i| i.key == d.key));
            let why = why.map_or(String::new(), |i| i.why);
            return Err(vec![super::effects::idle(&format!("--search {d}"), &why)]);
        }
    }
    Ok(())
}

/// The learners of the trials, as if they had steps without end; of those that play stretches of the same length, one.
///
/// # Errors
/// Those of the plans.
fn learners(model: &Model, asked: &Asked, trials: &[Trial]) -> Result<Vec<Method>, Vec<Diagnostic>> {
    let endless = Value::Number(1e15);
    let mut out = BTreeMap::new();
    for trial in trials {
        let options = trial.options.iter().map(|(k, v)| (k.as_str(), v));
        let planned = plan::plan(model, &with(asked, options.chain([("steps", &endless)])))?;
        let method = planned.plan.method();
        let kind = (
            method.worlds(),
            method.horizon(),
            method.together(),
            method.option("first_policy").map(Value::show),
        );
        out.entry(kind).or_insert_with(|| method.clone());
    }
    Ok(out.into_values().collect())
}

/// The rungs of trainings of so many steps as they are played, which end no piece of play in its middle; `None` where a learner cannot
/// have so few steps.
fn played(options: &TuneOptions, trials: usize, steps: u64, learners: &[Method], members: usize) -> Option<Vec<Rung>> {
    let mut fitted = Vec::new();
    for learner in learners {
        let mut own = learner.clone();
        own.set("steps", &Value::Number(steps as f64)).ok()?;
        own.fit(members);
        own.is_in_range().then_some(())?;
        fitted.push(own);
    }
    let mut rungs = options.rungs(trials, steps);
    for rung in &mut rungs {
        let ends = fitted.iter().map(|m| m.stops_after(members, rung.steps));
        rung.steps = ends.max().unwrap_or(rung.steps);
    }
    Some(rungs)
}

/// The steps of every trial under `--budget`.
fn steps_within(
    budget: u64,
    options: &TuneOptions,
    model: &Model,
    asked: &Asked,
    trials: &[Trial],
) -> Result<u64, Vec<Diagnostic>> {
    if options.train.with.iter().any(|(k, _)| k == "steps") {
        return Err(vec![
            Diagnostic::error("E0940", "`--budget` and `--with steps` exclude each other")
                .note("the budget says how many steps each trial may have")
                .hint("leave out one of the two"),
        ]);
    }
    let base = plan::plan(model, asked)?;
    let (count, seeds) = (trials.len(), base.seeds.len().max(1) as u64);
    let members = able::members_of(model, base.agents[0]);
    let learners = learners(model, asked, trials)?;
    let schedule = |steps| played(options, count, steps, &learners, members);
    tune::steps_within(budget / seeds, schedule).ok_or_else(|| {
        let least = tune::least_steps(schedule).map(|rungs| tune::total_steps(&rungs).saturating_mul(seeds));
        let d = Diagnostic::error("E0940", format!("a budget of {budget} steps is too small")).note(match least {
            Some(least) => format!("{count} trials times {seeds} seeds take {least} steps at least"),
            None => "the learner takes more steps than can be counted".to_string(),
        });
        vec![d.hint(format!(
            "give more, for instance --budget {}, or fewer trials or seeds: --trials 4 --seeds 1",
            (count as u64 * seeds).saturating_mul(10_000).max(least.unwrap_or(0))
        ))]
    })
}

/// What is asked with the options of a trial on top.
fn with<'a>(asked: &Asked, options: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Asked {
    let mut out = asked.clone();
    let typed = options.into_iter().map(|(k, v)| (k.to_string(), v.show()));
    out.options.extend(typed);
    out
}

/// The plan of a trial.
fn plan_of(model: &Model, search: &TuneSearch, trial: &Trial) -> Result<Planned, Vec<Diagnostic>> {
    let options = trial.options.iter().map(|(k, v)| (k.as_str(), v));
    plan::plan(model, &with(&search.asked, options))
}

/// The settings in force, for the manifest; at most `workers` trainings run side by side (none, where others do them).
///
/// # Errors
/// Those of a search that cannot be read; E0953 to E0955 for the run to compare with; E0981.
pub fn settings(
    compiled: &Compiled,
    options: &TuneOptions,
    workers: usize,
) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let search = prepared(compiled, options)?;
    let side_by_side = workers.min(search.trials.len() * search.base.seeds.len());
    for trial in search.trials.iter().filter(|_| workers > 0) {
        let planned = plan_of(&compiled.model, &search, trial)?;
        training::fits(&compiled.model, &planned, side_by_side).map_err(|all| {
            all.into_iter()
                .map(|d| d.note(format!("trial {}", trial.number)))
                .collect::<Vec<_>>()
        })?;
    }
    let mut out: BTreeMap<String, String> = search.base.settings.into_iter().collect();
    let seeds: Vec<String> = search.base.seeds.iter().map(u64::to_string).collect();
    out.insert("seeds".into(), seeds.join(","));
    let space: Vec<String> = search.space.iter().map(ToString::to_string).collect();
    out.insert("tune.search".into(), space.join(" "));
    out.insert("tune.trials".into(), options.trials.to_string());
    let method = match options.method {
        SearchMethod::Halving => format!("halving, eta {}, least {}", options.eta, options.least),
        SearchMethod::Random => "random".to_string(),
    };
    out.insert("tune.method".into(), method);
    if let Some(budget) = options.budget {
        out.insert("tune.budget".into(), budget.to_string());
    }
    // A run that is none, or of another economy, is found before anything is written.
    training::runs_read(&compiled.model, &options.train)?;
    if let Some(a) = &options.train.against {
        out.insert("against".into(), a.display().to_string());
    }
    Ok(out)
}

/// Searches, with a checkpoint every `every` seconds into `run`; goes on from those that are there. Others do the pieces, if `elsewhere` is there.
///
/// # Errors
/// Those of the search, of the run to compare with, of a learner that cannot learn here; files that cannot be
/// written.
pub fn tune(
    compiled: &Compiled,
    options: &TuneOptions,
    workers: usize,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
    elsewhere: Option<&dyn Elsewhere>,
) -> Result<Content, Vec<Diagnostic>> {
    let one = |d: Diagnostic| vec![d];
    let model = &compiled.model;
    let mut search = prepared(compiled, options)?;
    let seeds = search.base.seeds.clone();
    let judge = training::judge_against(model, options.train.against.as_deref(), &search.base)?;
    // What no trial can do is said once, and before any of them.
    Training::new(model, &search.base.plan, seeds[0]).map_err(one)?;
    let board = Board::new(&search, meter);
    let bench = Bench {
        model,
        identity: training::identity(model),
        judge: judge.as_ref(),
        objective: options.objective,
        every: Duration::from_secs_f64(every),
        shelf: run,
        board: &board,
    };
    let mut at_work: Vec<usize> = (0..search.trials.len()).collect();
    for number in 0..search.rungs.len() {
        board.enter(number, &search, &at_work, options.objective);
        let mut pieces = Vec::new();
        for trial in at_work.iter().map(|t| &search.trials[*t]) {
            let at = (trial.number - 1) * seeds.len();
            pieces.extend(seeds.iter().enumerate().map(|(s, seed)| (trial, *seed, at + s)));
        }
        let scores = match elsewhere {
            None => training::side_by_side(pieces.len(), workers, |i| {
                let (trial, seed, at) = pieces[i];
                bench.piece(&search, trial, seed, number, at)
            })?,
            Some(others) => bench.done_by(others, &pieces, number).map_err(one)?,
        };
        let mut scores = scores.into_iter();
        for trial in &at_work {
            let own: Vec<Score> = scores.by_ref().take(seeds.len()).collect();
            search.trials[*trial].rungs.push(own);
        }
        let Some(next) = search.rungs.get(number + 1) else {
            break;
        };
        let going = tune::survivors(&search.trials, &at_work, number, next.trials, options.objective);
        for trial in at_work.iter().filter(|t| !going.contains(t)) {
            for seed in &seeds {
                run.clear(&checkpoint_file(search.trials[*trial].number, *seed));
            }
        }
        at_work = going;
        at_work.sort_unstable();
        if at_work.is_empty() {
            break;
        }
    }
    let ranking = tune::ranking(&search.trials, options.objective);
    let first = &search.trials[ranking[0]];
    let best = match first.last_mean(options.objective) {
        None => None,
        Some(_) => Some(Best {
            settings: plan_of(model, &search, first)?.settings,
            policies: bench.policies(&search, first)?,
        }),
    };
    let remarks = training::runs_read(model, &options.train)?;
    let mut content = tuned::of_search(
        model,
        &Tuned {
            base: &search.base,
            space: &search.space,
            rungs: &search.rungs,
            trials: &search.trials,
            asked: options.trials,
            ranking: &ranking,
            stands: search.stands,
            objective: options.objective,
            method: match options.method {
                SearchMethod::Halving => format!("successive halving, one in {} goes on", options.eta),
                SearchMethod::Random => "random search".to_string(),
            },
            best,
        },
    )
    .map_err(one)?;
    content.diagnostics.splice(0..0, remarks);
    Ok(content)
}

fn checkpoint_file(trial: usize, seed: u64) -> String {
    format!("{WORK}/trial_{trial}_seed_{seed}.checkpoint")
}

fn score_file(trial: usize, seed: u64, rung: usize) -> String {
    format!("{WORK}/trial_{trial}_seed_{seed}_rung_{}.json", rung + 1)
}

/// One seed of one trial of a search in one rung, and nothing else.
///
/// # Errors
/// Those of [`tune`]; E0981.
pub fn piece(
    compiled: &Compiled,
    options: &TuneOptions,
    asked: &Piece,
    meter: &Meter,
) -> Result<Trained, Vec<Diagnostic>> {
    let one = |d: Diagnostic| vec![d];
    let model = &compiled.model;
    let search = prepared(compiled, options)?;
    let trial = search.trials.iter().find(|t| t.number == asked.trial);
    let (Some(trial), true) = (trial, asked.rung < search.rungs.len()) else {
        return Err(vec![Diagnostic::error(
            "E0955",
            "the search has no such trial and rung",
        )]);
    };
    training::fits(model, &plan_of(model, &search, trial)?, 1)?;
    let judge = training::judge_against(model, options.train.against.as_deref(), &search.base)?;
    let shelf = Kept::default();
    let (file, score) = (
        checkpoint_file(asked.trial, asked.seed),
        score_file(asked.trial, asked.seed, asked.rung),
    );
    if let Some(bytes) = &asked.checkpoint {
        shelf.keep(&file, bytes).map_err(one)?;
    }
    let board = Board::new(&search, meter);
    let bench = Bench {
        model,
        identity: training::identity(model),
        judge: judge.as_ref(),
        objective: options.objective,
        every: Duration::MAX,
        shelf: &shelf,
        board: &board,
    };
    bench
        .piece(
            &search,
            trial,
            asked.seed,
            asked.rung,
            (trial.number - 1) * search.base.seeds.len(),
        )
        .map_err(one)?;
    Ok(Trained {
        score: shelf.kept(&score).map_err(one)?.unwrap_or_default(),
        checkpoint: shelf.kept(&file).map_err(one)?,
    })
}

/// Where checkpoints and scores stand.
trait Shelf: Sync {
    /// What was kept under a name.
    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic>;
    /// Keeps bytes.
    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic>;
}

impl Shelf for RunDirectory {
    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        self.kept_sealed(name)
    }
    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        self.keep_sealed(name, bytes)
    }
}

/// Checkpoints and scores in memory, by name.
type Kept = Mutex<BTreeMap<String, Vec<u8>>>;

impl Shelf for Kept {
    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        Ok(locked(self).get(name).cloned())
    }
    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        locked(self).insert(name.to_string(), bytes.to_vec());
        Ok(())
    }
}

/// Time between two looks at what others have done.
const LOOK: Duration = Duration::from_millis(20);

/// What every piece of work shares.
struct Bench<'a> {
    model: &'a Model,
    identity: Vec<u8>,
    judge: Option<&'a Judge>,
    objective: Objective,
    every: Duration,
    shelf: &'a dyn Shelf,
    board: &'a Board<'a>,
}

impl Bench<'_> {
    /// Trains one seed of a trial to the end of a rung, from where it is, and measures it; `at` is its place on the board.
    /// What fails in the training is a score.
    fn piece(
        &self,
        search: &TuneSearch,
        trial: &Trial,
        seed: u64,
        rung: usize,
        at: usize,
    ) -> Result<Score, Diagnostic> {
        let file = score_file(trial.number, seed, rung);
        if let Some(score) = self.found(&file, at)? {
            return Ok(score);
        }
        let score = self.trained(search, trial, seed, rung, at)?;
        let bytes = serde_json::to_vec(&score)
            .map_err(|e| Diagnostic::error("E0951", "a score cannot be written").note(e.to_string()))?;
        self.shelf.keep(&file, &bytes)?;
        Ok(score)
    }

    /// The score of a piece that was done before.
    fn found(&self, file: &str, at: usize) -> Result<Option<Score>, Diagnostic> {
        let Some(bytes) = self.shelf.kept(file)? else {
            return Ok(None);
        };
        let score = read_score(file, &bytes)?;
        self.board.found(at, score.steps);
        Ok(Some(score))
    }

    /// Has others do pieces of a rung, (trial, seed, place on the board) each; their scores, in the order of the pieces.
    fn done_by(
        &self,
        others: &dyn Elsewhere,
        pieces: &[(&Trial, u64, usize)],
        rung: usize,
    ) -> Result<Vec<Score>, Diagnostic> {
        let mut scores: Vec<Option<Score>> = Vec::new();
        for (trial, seed, at) in pieces {
            scores.push(self.found(&score_file(trial.number, *seed, rung), *at)?);
        }
        for (i, (trial, seed, _)) in pieces.iter().enumerate().filter(|(i, _)| scores[*i].is_none()) {
            let checkpoint = self.shelf.kept(&checkpoint_file(trial.number, *seed))?;
            let piece = Piece {
                trial: trial.number,
                seed: *seed,
                rung,
                checkpoint,
            };
            others.begin(i, &piece);
        }
        while scores.iter().any(Option::is_none) {
            for (i, trained) in others.ended() {
                let (trial, seed, at) = pieces[i];
                if let Some(bytes) = &trained.checkpoint {
                    self.shelf.keep(&checkpoint_file(trial.number, seed), bytes)?;
                }
                let file = score_file(trial.number, seed, rung);
                let score = read_score(&file, &trained.score)?;
                self.shelf.keep(&file, &trained.score)?;
                self.board.stands(at, score.steps);
                scores[i] = Some(score);
            }
            if !self.board.goes_on() {
                return Err(stopped());
            }
            crate::limits::poll();
            std::thread::sleep(LOOK);
        }
        Ok(scores.into_iter().flatten().collect())
    }

    fn trained(
        &self,
        search: &TuneSearch,
        trial: &Trial,
        seed: u64,
        rung: usize,
        at: usize,
    ) -> Result<Score, Diagnostic> {
        let failed = |steps: u64, d: &Diagnostic| Score {
            steps,
            outcome: Err(format!("{} {}", d.code, d.headline)),
        };
        let plan = plan_of(self.model, search, trial)
            .map_err(|mut all| all.swap_remove(0))?
            .plan;
        let mut training = match Training::new(self.model, &unmeasured(plan), seed) {
            Ok(training) => training,
            Err(d) => return Ok(failed(0, &d)),
        };
        let file = checkpoint_file(trial.number, seed);
        if let Some(bytes) = self.shelf.kept(&file)? {
            training.load(&self.identity, &bytes)?;
            self.board.found(at, training.progress().0);
        }
        let save = |training: &Training| self.shelf.keep(&file, &training.save(&self.identity));
        let mut saved = Instant::now();
        while !training.is_done() && training.progress().0 < search.rungs[rung].steps {
            let began = Instant::now();
            if let Err(d) = training.update_to(search.rungs[rung].steps) {
                return Ok(failed(training.progress().0, &d));
            }
            if !self.board.report(at, training.progress().0) {
                save(&training)?;
                return Err(stopped());
            }
            if saved.elapsed() >= self.every || began.elapsed() >= training::LONG {
                save(&training)?;
                saved = Instant::now();
            }
        }
        save(&training)?;
        let steps = training.progress().0;
        Ok(match self.measured(&mut training) {
            Ok(measure) => Score {
                steps,
                outcome: Ok(measure),
            },
            Err(d) => failed(steps, &d),
        })
    }

    fn measured(&self, training: &mut Training) -> Result<Measure, Diagnostic> {
        let policy = training.policy(0);
        let (_, discounted) = training.measurement()?[0];
        let distance = self.judge.map(|j| j.distance(&policy)).transpose()?;
        let measure = Measure { discounted, distance };
        if measure.of(self.objective).is_finite() && discounted.is_finite() {
            Ok(measure)
        } else {
            Err(Diagnostic::error(
                "E0924",
                "the measured return became infinite or not a number",
            ))
        }
    }

    /// What every seed of a trial has learned.
    fn policies(&self, search: &TuneSearch, trial: &Trial) -> Result<Vec<(u64, Policy)>, Vec<Diagnostic>> {
        let plan = unmeasured(plan_of(self.model, search, trial)?.plan);
        let mut out = Vec::new();
        for seed in &search.base.seeds {
            let mut training = Training::new(self.model, &plan, *seed).map_err(|d| vec![d])?;
            if let Some(bytes) = self
                .shelf
                .kept(&checkpoint_file(trial.number, *seed))
                .map_err(|d| vec![d])?
            {
                training.load(&self.identity, &bytes).map_err(|d| vec![d])?;
                out.push((*seed, training.policy(0)));
            }
        }
        Ok(out)
    }
}

fn read_score(file: &str, bytes: &[u8]) -> Result<Score, Diagnostic> {
    serde_json::from_slice(bytes)
        .map_err(|e| Diagnostic::error("E0955", format!("{file} of this search cannot be read")).note(e.to_string()))
}

fn stopped() -> Diagnostic {
    Diagnostic::error("E0906", "the search was stopped").hint("econc tune --resume RUN goes on where it stopped")
}

/// Without measurements on the way, unless they may end the training.
fn unmeasured(plan: Plan) -> Plan {
    if plan.stop_return.is_some() || plan.patience.is_some() {
        return plan;
    }
    Plan { evaluations: 0, ..plan }
}

/// What the bar shows of all trials.
struct Board<'a> {
    meter: &'a Meter,
    of: u64,
    state: Mutex<Standing>,
}

#[derive(Default)]
struct Standing {
    /// Steps of every seed of every trial.
    steps: Vec<u64>,
    words: String,
}

impl<'a> Board<'a> {
    fn new(search: &TuneSearch, meter: &'a Meter) -> Self {
        let seeds = search.base.seeds.len();
        Board {
            meter,
            of: tune::total_steps(&search.rungs).saturating_mul(seeds as u64),
            state: Mutex::new(Standing {
                steps: vec![0; search.trials.len() * seeds],
                ..Standing::default()
            }),
        }
    }

    /// A rung begins.
    fn enter(&self, rung: usize, search: &TuneSearch, at_work: &[usize], objective: Objective) {
        let count = match at_work.len() {
            1 => "1 trial".to_string(),
            n => format!("{n} trials"),
        };
        let mut words = format!("rung {} of {}: {count}", rung + 1, search.rungs.len());
        if rung > 0
            && let Some(best) = tune::survivors(&search.trials, at_work, rung - 1, 1, objective).first()
            && let Some(mean) = search.trials[*best].last_mean(objective)
        {
            let number = search.trials[*best].number;
            words.push_str(&format!(", best {} (trial {number})", number::compact(mean)));
        }
        if let Ok(mut state) = self.state.lock() {
            state.words = words;
        }
    }

    /// Steps that need not be done.
    fn found(&self, at: usize, steps: u64) {
        if let Ok(mut state) = self.state.lock() {
            self.meter.found(steps.saturating_sub(state.steps[at]));
            state.steps[at] = state.steps[at].max(steps);
        }
    }

    /// Takes in how a piece of work stands; whether to go on.
    fn report(&self, at: usize, steps: u64) -> bool {
        self.stands(at, steps);
        self.goes_on()
    }

    /// Takes in how a piece of work stands.
    fn stands(&self, at: usize, steps: u64) {
        if let Ok(mut state) = self.state.lock() {
            state.steps[at] = steps;
        }
    }

    /// Shows how all of it stands; whether to go on.
    fn goes_on(&self) -> bool {
        let Ok(state) = self.state.lock() else { return false };
        let total: u64 = state.steps.iter().sum();
        let words = state.words.clone();
        drop(state);
        self.meter.report(total.min(self.of), self.of, "steps", &words)
    }
}
