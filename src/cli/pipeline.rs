//! What the commands call: the way from a source to a model, a solution, a simulation, in terms of the other modules.
//! Commands know only this file.

use super::keeper::Keeper;
use super::meter::Meter;
use crate::diag::source::Sources;
use crate::diag::{self, Diagnostic, Severity};
use crate::report::content::Content;
use crate::report::draw::{Drawing, drawing_of};
use crate::report::outcome;
use crate::report::store::{CompleteRun, RunDirectory, open_file};
use crate::solve::progress::{Control, Progress};
use crate::{Model, Options, env, limits, syntax, verify};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::{Path, PathBuf};

/// `--set name=value`, in the order given.
pub type Overrides = Vec<(String, String)>;

/// Bytes of the largest file that is read as a model.
const LARGEST_MODEL: u64 = 4_000_000;
/// Most messages of one file.
const MOST_MESSAGES: usize = 200;

/// A model file.
#[derive(Clone, Debug)]
pub struct Source {
    /// As named on the command line; `<stdin>` for standard input.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A checked model.
pub struct Compiled {
    /// The typed model.
    pub model: Model,
}

/// What `solve` was told.
#[derive(Clone, Debug, Default)]
pub struct SolveOptions {
    /// `--concept`
    pub concept: Option<String>,
    /// `--method`
    pub method: Option<String>,
    /// `--information`
    pub information: Option<String>,
    /// `--seed`
    pub seed: u64,
}

/// What `simulate` was told.
#[derive(Clone, Debug)]
pub struct SimulateOptions {
    /// `--policy`
    pub cast: super::cast::Parts,
    /// `--scenario`
    pub scenario: Option<String>,
    /// `--periods`
    pub periods: Option<usize>,
    /// `--worlds`
    pub worlds: usize,
    /// `--seed`
    pub seed: u64,
    /// `--on-chain`
    pub on_chain: bool,
    /// `--greedy`
    pub greedy: bool,
    /// `--other-parameters`
    pub other_parameters: bool,
}

/// What `train` was told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrainOptions {
    /// `--learner`
    pub learner: Option<String>,
    /// `--with`, pairs of key and value as typed
    pub with: Vec<(String, String)>,
    /// `--seeds`, a list, or `--seed` if that was given
    pub seeds: Option<Vec<u64>>,
    /// `--agent`
    pub agent: Option<String>,
    /// `--others`, one entry per use of the option
    #[serde(default)]
    pub others: Vec<String>,
    /// `--scenario`
    pub scenario: Option<String>,
    /// `--against`
    pub against: Option<PathBuf>,
    /// `--other-parameters`
    #[serde(default)]
    pub other_parameters: bool,
    /// Further agents that learn, one entry per further `--agent`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// `--learner AGENT=NAME`, pairs of agent and learner
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<(String, String)>,
}

impl TrainOptions {
    /// The agents that learn, as named, one entry per `--agent`; empty for the only one that decides.
    pub fn agents(&self) -> Vec<String> {
        self.agent.iter().chain(&self.beside).cloned().collect()
    }
}

impl Source {
    /// Reads a file, or standard input for `-`. Pipes and devices are refused: reading one could block, or not end.
    ///
    /// # Errors
    /// E0960 (cannot be read), E0961 (not UTF-8), E0984 (too large).
    pub fn read(path: &Path) -> Result<Source, Diagnostic> {
        let stdin = is_standard_input(path);
        let name = if stdin {
            "<stdin>".to_string()
        } else {
            path.display().to_string()
        };
        let mut bytes = Vec::new();
        let read = if stdin {
            std::io::stdin()
                .lock()
                .take(LARGEST_MODEL + 1)
                .read_to_end(&mut bytes)
                .map(drop)
        } else {
            opened(path)
                .and_then(|f| f.take(LARGEST_MODEL + 1).read_to_end(&mut bytes))
                .map(drop)
        };
        read.map_err(|e| unreadable(path, &name, &e))?;
        if bytes.len() as u64 > LARGEST_MODEL {
            return Err(
                Diagnostic::error("E0984", format!("`{name}` is too large to be a model"))
                    .note(format!("it has more than {}", limits::size(LARGEST_MODEL)))
                    .hint("name a model file"),
            );
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
            Diagnostic::error("E0961", format!("`{name}` is not a text in UTF-8"))
                .note(format!("the first byte that does not fit is in line {line}"))
                .hint("save the file as UTF-8")
        })?;
        Ok(Source { name, text })
    }
}

/// Whether a path stands for standard input.
pub fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdin")
}

/// Opens a regular file, or what the shell has opened already (`econc check <(..)`).
fn opened(path: &Path) -> std::io::Result<std::fs::File> {
    if path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") {
        return std::fs::File::open(path);
    }
    open_file(path)
}

fn unreadable(path: &Path, name: &str, e: &std::io::Error) -> Diagnostic {
    let error = Diagnostic::error("E0960", format!("`{name}` cannot be read"));
    if e.kind() != std::io::ErrorKind::NotFound {
        if path.is_dir() {
            return error
                .note("it is a directory")
                .hint("name a model file; a run is given to an option: econc simulate MODEL --policy RUN");
        }
        let error = error.note(e.to_string());
        return if path.exists() && !path.is_file() {
            error.hint("econc COMMAND - reads standard input: econc check - < model.econ")
        } else {
            error
        };
    }
    let error = error.note("there is no such file");
    match neighbour(path) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`econc new` lists models to start from"),
    }
}

/// The model file beside it whose name is most alike.
fn neighbour(path: &Path) -> Option<String> {
    let wanted = path.file_stem()?.to_str()?.to_lowercase();
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut near: Vec<(usize, String)> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|e| {
            let found = e.ok()?.path();
            let stem = found.file_stem()?.to_str()?.to_lowercase();
            let distance = strsim::damerau_levenshtein(&stem, &wanted);
            let close = found.extension()? == "econ" && distance <= wanted.chars().count() / 3 + 1;
            close.then(|| {
                (
                    distance,
                    path.with_file_name(found.file_name().unwrap_or_default())
                        .display()
                        .to_string(),
                )
            })
        })
        .collect();
    near.sort();
    near.into_iter().next().map(|n| n.1)
}

impl Compiled {
    /// The name of the model: its header's, else that of its file.
    pub fn name(&self) -> &str {
        &self.model.name
    }
}

/// From a source to a checked model (`None` if there are errors), and all messages. `members` stand for a continuum.
pub fn compile(source: &Source, overrides: &Overrides, members: Option<usize>) -> (Option<Compiled>, Vec<Diagnostic>) {
    let stem = Path::new(&source.name)
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned());
    let options = Options {
        set: overrides.clone(),
        members,
        file_name: stem.unwrap_or_default(),
        ..Options::default()
    };
    let (mut model, mut diagnostics) = crate::compile(&source.text, &options);
    if members.is_some()
        && model
            .as_ref()
            .is_some_and(|m| !m.graph.axes.iter().any(|a| a.continuum))
    {
        model = None;
        diagnostics.push(super::effects::idle("--members", "the model has no continuum"));
    }
    if diagnostics.len() > MOST_MESSAGES {
        // Errors first, so that what is left out is less bad than what is shown.
        diagnostics.sort_by_key(|d| d.severity != Severity::Error);
        let more = diagnostics.len() - MOST_MESSAGES;
        diagnostics.truncate(MOST_MESSAGES);
        diagnostics.push(
            Diagnostic::warning("W0981", format!("{more} more messages are not shown"))
                .hint("mend the first ones: most mistakes cause others"),
        );
    }
    (model.map(|model| Compiled { model }), diagnostics)
}

/// The source in the standard layout, unchanged in meaning.
///
/// # Errors
/// Those of reading the source.
pub fn format(source: &Source) -> Result<String, Vec<Diagnostic>> {
    syntax::format::format(&source.text)
}

/// The page behind a code.
pub fn explain(code: &str) -> Option<&'static str> {
    diag::explain::page(code)
}

/// All codes with their titles, one pair per code, in order.
pub fn codes() -> Vec<(&'static str, &'static str)> {
    let titles = diag::explain::codes().filter_map(|c| Some((c, diag::explain::title(explain(c)?))));
    titles.collect()
}

/// The code that exists and is most like this one.
pub fn near_code(code: &str) -> Option<&'static str> {
    diag::suggest::did_you_mean(code, diag::explain::codes())
}

/// A list of diagnostics as text, in order, with the lines of the sources they point at.
pub fn render(diagnostics: &[Diagnostic], source: Option<&Source>, color: bool) -> String {
    let mut sources = Sources::default();
    if let Some(source) = source {
        sources.add(source.name.clone(), source.text.clone());
        sources.add("std.markets", crate::MARKET_LIBRARY);
    }
    diag::render::text(diagnostics, &sources, color)
}

/// The names of the model and what depends on what.
pub fn drawing(compiled: &Compiled) -> Drawing {
    drawing_of(&compiled.model)
}

/// Version of what [`graph_ron`] and [`graph_json`] write.
const GRAPH_FORMAT: u32 = 1;

/// The typed model with its environment graph, and the version of its layout.
#[derive(Serialize)]
struct Exported<'a> {
    format: u32,
    econc: &'static str,
    model: &'a Model,
}

fn exported(compiled: &Compiled) -> Exported<'_> {
    Exported {
        format: GRAPH_FORMAT,
        econc: env!("CARGO_PKG_VERSION"),
        model: &compiled.model,
    }
}

/// The model with its environment graph in RON.
///
/// # Errors
/// E0951.
pub fn graph_ron(compiled: &Compiled) -> Result<String, Diagnostic> {
    let text = ron::ser::to_string_pretty(&exported(compiled), ron::ser::PrettyConfig::default());
    text.map(|t| format!("{t}\n")).map_err(|e| not_exported(&e))
}

/// The model with its environment graph in JSON; numbers that JSON does not have (infinite bounds) are null.
///
/// # Errors
/// E0951.
pub fn graph_json(compiled: &Compiled) -> Result<String, Diagnostic> {
    let text = serde_json::to_string_pretty(&exported(compiled));
    text.map(|t| format!("{t}\n")).map_err(|e| not_exported(&e))
}

fn not_exported(e: &dyn std::error::Error) -> Diagnostic {
    Diagnostic::error("E0951", "the environment graph cannot be written").note(e.to_string())
}

/// Shows how far a solve is.
pub(super) fn solving(meter: &Meter, p: Progress) -> Control {
    let message = if p.error.is_finite() {
        format!("error {:.1e}, target {:.1e}", p.error, p.target)
    } else {
        String::new()
    };
    if meter.report(p.iteration as u64, 0, "steps", &message) {
        Control::Continue
    } else {
        Control::Cancel
    }
}

fn asked(options: &SolveOptions) -> verify::solved::Options {
    verify::solved::Options {
        method: options.method.clone(),
        concept: options.concept.clone(),
        information: options.information.clone(),
        seed: options.seed,
    }
}

/// Whether what `solve` was told exists; asked before anything is written.
///
/// # Errors
/// E0804.
pub fn solvable(options: &SolveOptions) -> Result<(), Diagnostic> {
    verify::solved::asked(&asked(options))
}

/// Solves and certifies.
///
/// What was found so far is kept in `run` every `every` seconds, and gone on from if it is there.
///
/// # Errors
/// Those of solving; E0951, E0983.
pub fn solve(
    compiled: &Compiled,
    options: &SolveOptions,
    every: f64,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    let mut keeper = Keeper::new(meter, run, every).map_err(|d| vec![d])?;
    let solved = verify::solved::solve(&compiled.model, &asked(options), &mut keeper);
    let solved = keeper.ended(solved)?;
    let mut content = outcome::of_solution(&compiled.model, &solved).map_err(|d| vec![d])?;
    content.drawing = Some(drawing(compiled));
    Ok(content)
}

/// Runs forward.
///
/// # Errors
/// Those of the policies, of the scenario and of the worlds.
pub fn simulate(compiled: &Compiled, options: &SimulateOptions, meter: &Meter) -> Result<Content, Vec<Diagnostic>> {
    let model = &compiled.model;
    let wrong = |d| vec![d];
    let remarks = options.cast.compare(model, options.other_parameters).map_err(wrong)?;
    let bound = options.cast.bind(model).map_err(wrong)?;
    let asked = env::simulate::Options {
        scenario: options.scenario.clone(),
        periods: options.periods,
        worlds: options.worlds,
        seed: options.seed,
        on_chain: options.on_chain,
        greedy: options.greedy,
    };
    effective(model, &bound.cast, options).map_err(wrong)?;
    fits(compiled, options)?;
    let mut progress = |done: usize, of: usize| meter.report(done as u64, of as u64, "periods", "");
    let simulation = env::simulate::simulate(model, &bound.cast, &asked, &mut progress).map_err(wrong)?;
    let mut content = outcome::of_simulation(model, &simulation, &bound.words, bound.trusted.as_ref());
    content.diagnostics.splice(0..0, remarks);
    Ok(content)
}

/// Errs where an option about policies of a run has nothing to change.
///
/// # Errors
/// E0989.
fn effective(model: &Model, cast: &env::cast::Cast, options: &SimulateOptions) -> Result<(), Diagnostic> {
    use crate::check::model::{Process, Space};
    use env::cast::Behaviour as By;
    if options.on_chain {
        let continuous = |s: &crate::check::model::Shock| matches!(s.process, Process::Ar1 { .. } | Process::Iid(_));
        let why = match cast.solution() {
            Some(_) if model.shocks.iter().any(continuous) => None,
            Some(_) => Some("the model has no continuous shock"),
            None if cast.all().any(|b| matches!(b, By::Solved(_))) => Some("a solution is not all that is played"),
            None => Some("no solution is played, so there is no chain"),
        };
        if let Some(why) = why {
            return Err(super::effects::idle("--on-chain", why));
        }
    }
    if options.greedy {
        let finite = |a: &crate::check::model::Action| matches!(a.space, Space::Finite { .. } | Space::Integer { .. });
        let mixes = |behaviour: &By| match behaviour {
            By::Solved(s) => s.actions.iter().any(|a| a.taste.is_some()),
            By::Learned { policy, .. } => policy.mixes() && model.actions.iter().any(finite),
            By::Random | By::Fixed(_) | By::Rules => false,
        };
        if !cast.all().any(mixes) {
            return Err(super::effects::idle(
                "--greedy",
                "no policy is played that mixes choices",
            ));
        }
    }
    Ok(())
}

/// Bytes of so many worlds, about: what is seen of one period, its states and draws, what the compiled period holds on the way
/// and what is reported of it. Measured with millions of members: two to three times the names alone, twice.
pub(super) fn world_bytes(model: &Model, worlds: usize) -> f64 {
    let graph = &model.graph;
    let named = model.names.iter().filter(|n| n.phase > crate::graph::Phase::Constant);
    let numbers: f64 = named
        .map(|n| graph.elements(&graph.nodes[n.node.0 as usize].shape) as f64)
        .sum();
    numbers * 8.0 * 6.0 * worlds as f64
}

/// Errs where the worlds of a simulation would need more memory than there is.
///
/// # Errors
/// E0981.
fn fits(compiled: &Compiled, options: &SimulateOptions) -> Result<(), Vec<Diagnostic>> {
    let graph = &compiled.model.graph;
    let largest = graph.nodes.iter().map(|n| graph.elements(&n.shape)).max().unwrap_or(1);
    let bytes = world_bytes(&compiled.model, options.worlds);
    limits::fits(bytes, "one period", "fewer --worlds or --members").map_err(|d| {
        vec![d.note(format!(
            "{} worlds, {largest} numbers in the largest vector",
            options.worlds
        ))]
    })
}

/// Trains and judges.
pub use super::training::{
    VerifyOptions, learner_options, seeds, settings as training_settings, train, verified_runs, verify as judge,
};

/// Searches over the options of a learner.
pub use super::tuning::{SearchMethod, TuneOptions, settings as tuning_settings, tune};

/// The solution in a run directory.
///
/// # Errors
/// E0954 if the run holds none, or one that cannot be read.
pub(super) fn read_solution(run: &CompleteRun) -> Result<verify::solved::Solved, Diagnostic> {
    if !run.manifest.files.iter().any(|f| f.name == outcome::SOLUTION_FILE) {
        let action = &run.manifest.action;
        return Err(Diagnostic::error(
            "E0954",
            format!("the run in `{}` holds no solution", run.directory.display()),
        )
        .note(format!("it is one of econc {action}; only `econc solve` writes a solution"))
        .hint(if super::training::is_training(run) {
            "a training is read by `econc verify --policy`, `econc simulate --policy`, `econc train --others` and `econc export`; `--solution` and `--against` take the run of `econc solve`"
        } else {
            "solve the model and name that run: econc solve FILE --out solution"
        }));
    }
    let bytes = run.read(outcome::SOLUTION_FILE)?;
    ron::de::from_bytes(&bytes).map_err(|e| {
        Diagnostic::error("E0955", "the solution of this run cannot be read")
            .note(e.to_string())
            .hint("it was written by another version of econc; solve the model again")
    })
}
