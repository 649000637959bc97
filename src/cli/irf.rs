//! `econc irf`: what an impulse does to everything, under the solution of a model or the policies of a run.

use super::cast::Parts;
use super::compiled::Compiled;
use super::course::{Job, open};
use super::globals::{Globals, whole};
use super::keeper::Keeper;
use super::meter::Meter;
use super::screen::Screen;
use super::session::{self, Resumed};
use super::source::{Overrides, Source};
use super::{Exit, Failure, effects};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::driver;
use crate::env::cast::{Behaviour, Cast};
use crate::env::impulses::{self, Begin};
use crate::env::responses::{ResponseOptions, responses};
use crate::report::content::Content;
use crate::report::responses::of_responses;
use crate::report::store::{RunDirectory, open_played};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the subcommand, in manifests.
const ACTION: &str = "irf";
/// File of a run directory with what was asked.
const ASKED: &str = "irf.json";
/// Histories, where no population is simulated.
const HISTORIES: usize = 1000;
/// Members of all histories together, where one is.
const MEMBERS: usize = 200_000;
/// Periods before a history counts as drawn from the ergodic distribution.
const BURN_IN: u32 = 500;

/// Impulse responses of a solution
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc irf rbc.econ                                     solve, then one standard deviation of every shock\n  \
    econc irf runs/rbc-0001                                of a solution, or of policies that were learned\n  \
    econc irf runs/rbc-0001 --shock z=-2sd --periods 80\n  \
    econc irf runs/rbc-0001 --shock z=0.01 --from k=30,z=0\n  \
    econc irf growth_markov.econ --shock z=low             a chain is led to one of its states\n  \
    econc irf two_shocks.econ --variance                   and what share of the variance is whose\n\n\
    irf.csv has every number: response, per cent, standard error, band. plots/ has a picture for each shock.")]
pub(super) struct Arguments {
    /// A model file, which is solved, or a run of solve, train or verify
    #[arg(value_name = "FILE|RUN", required_unless_present = "resume")]
    subject: Option<PathBuf>,
    /// NAME or NAME=SIZE: in units of the shock (0.01), in standard deviations of what is new in it (-2sd), of chains a state; may be repeated
    /// [default: every shock of the economy, by 1sd]
    #[arg(long, value_name = "NAME[=SIZE]", allow_hyphen_values = true)]
    shock: Vec<String>,
    /// Where histories stand in the period before: ergodic, mean, start, or NAME=VALUE,.. with all else at its mean
    /// [default: ergodic; start where lives have a horizon]
    #[arg(long, value_name = "WHERE")]
    from: Option<String>,
    /// Periods of a response
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = periods)]
    periods: u32,
    /// Number of histories, each with draws of its own [default: 1000; fewer where a population is simulated]
    #[arg(long, value_name = "N", value_parser = histories)]
    histories: Option<u32>,
    /// Periods before histories count as drawn from the ergodic distribution
    #[arg(long, value_name = "N", default_value_t = BURN_IN, value_parser = burn_in)]
    burn_in: u32,
    /// Per cent of the histories that lie inside the band
    #[arg(long, value_name = "PERCENT", default_value_t = 90.0, allow_negative_numbers = true, value_parser = band)]
    band: f64,
    /// Say what share of the variance each shock makes alone, by simulations in which the others stand still
    #[arg(long)]
    variance: bool,
    /// Number of members that stand for a continuum (the file's, or 1000)
    #[arg(long, value_name = "N", value_parser = members)]
    members: Option<u32>,
    /// Play the likeliest choice where a policy mixes
    #[arg(long)]
    greedy: bool,
    /// Go on with an interrupted run
    #[arg(long, value_name = "RUN", conflicts_with_all = ["subject", "shock", "from", "periods", "histories", "burn_in", "band", "variance", "members", "greedy"])]
    resume: Option<PathBuf>,
}

fn periods(text: &str) -> Result<u32, String> {
    whole(text, 1, 1_000_000, "40").map(|n| n as u32)
}

fn histories(text: &str) -> Result<u32, String> {
    whole(text, 1, 100_000_000, "1000").map(|n| n as u32)
}

fn burn_in(text: &str) -> Result<u32, String> {
    whole(text, 0, 100_000_000, "500").map(|n| n as u32)
}

fn members(text: &str) -> Result<u32, String> {
    whole(text, 1, 10_000_000, "1000").map(|n| n as u32)
}

fn band(text: &str) -> Result<f64, String> {
    match text.trim().trim_end_matches('%').parse::<f64>() {
        Ok(x) if x > 0.0 && x < 100.0 => Ok(x),
        _ => Err("per cent between 0 and 100, for instance 90".to_string()),
    }
}

/// What was asked, for a run that is taken up again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Wanted {
    /// The run whose policies are played; none where the model is solved.
    run: Option<PathBuf>,
    shock: Vec<String>,
    from: Option<String>,
    periods: usize,
    histories: Option<usize>,
    burn_in: usize,
    band: f64,
    variance: bool,
    members: Option<usize>,
    greedy: bool,
    seed: u64,
}

/// Carries out `econc irf`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    if let Some(directory) = &arguments.resume {
        return match session::resumed(directory, ACTION, screen)? {
            Ok(resumed) => resume(resumed, globals, screen),
            Err(exit) => Ok(exit),
        };
    }
    let Some(subject) = &arguments.subject else {
        return Err(Diagnostic::error("E0962", "no model file and no run was named").into());
    };
    session::apart(globals, [subject.as_path()])?;
    let wanted = Wanted {
        run: subject.is_dir().then(|| subject.clone()),
        shock: arguments.shock.clone(),
        from: arguments.from.clone(),
        periods: arguments.periods as usize,
        histories: arguments.histories.map(|n| n as usize),
        burn_in: arguments.burn_in as usize,
        band: arguments.band / 100.0,
        variance: arguments.variance,
        members: arguments.members.map(|n| n as usize),
        greedy: arguments.greedy,
        seed: globals.seed,
    };
    let asked = serde_json::to_vec_pretty(&wanted)
        .map_err(|e| Diagnostic::error("E0951", "the options cannot be written").note(e.to_string()))?;
    let typed = globals.set.clone();
    let (source, set) = subject_of(subject, &wanted, globals)?;
    let globals = &Globals {
        set: set.clone(),
        ..globals.clone()
    };
    let settings = settings(&wanted);
    session::run_with_members(
        wanted.members,
        &source,
        globals,
        screen,
        |compiled, place| {
            let refused = |d| vec![d];
            effects::settings_read(ACTION, &compiled.model, &typed, &[]).map_err(refused)?;
            options(&compiled.model, &wanted).map_err(refused)?;
            let job = Job {
                action: ACTION,
                files: vec![(ASKED, asked)],
                settings,
                members: wanted.members,
                ..Job::default()
            };
            open(&source, globals, &set, &job, place).map_err(refused)
        },
        |compiled, meter, run| respond(compiled, &wanted, meter, run),
    )
}

/// What was asked, for the manifest.
fn settings(wanted: &Wanted) -> BTreeMap<String, String> {
    let mut out = BTreeMap::from([
        ("periods".to_string(), wanted.periods.to_string()),
        ("burn_in".to_string(), wanted.burn_in.to_string()),
        ("band".to_string(), wanted.band.to_string()),
    ]);
    let optional = [
        ("shock", (!wanted.shock.is_empty()).then(|| wanted.shock.join(" "))),
        ("from", wanted.from.clone()),
        ("histories", wanted.histories.map(|n| n.to_string())),
        ("members", wanted.members.map(|n| n.to_string())),
        ("policy", wanted.run.as_ref().map(|p| p.display().to_string())),
    ];
    out.extend(optional.into_iter().filter_map(|(k, v)| Some((k.to_string(), v?))));
    out
}

/// The model that is meant, and what is set in it.
fn subject_of(subject: &Path, wanted: &Wanted, globals: &Globals) -> Result<(Source, Overrides), Diagnostic> {
    if wanted.run.is_none() {
        return Ok((Source::read(subject)?, globals.overrides()?));
    }
    if let Some((name, value)) = globals.set.first() {
        return Err(effects::idle(
            &format!("--set {name}={value}"),
            "a run was made with its own parameters, and its policy is exact for these",
        )
        .hint("name the model file instead of the run, which solves it: econc irf FILE --set .."));
    }
    let run = open_played(subject)?;
    let source = Source::read(&run.directory.join("model.econ"))?;
    let source = Source {
        name: run.manifest.model.clone(),
        ..source
    };
    Ok((source, run.manifest.overrides))
}

/// What is asked of this model.
fn options(model: &Model, wanted: &Wanted) -> Result<ResponseOptions, Diagnostic> {
    let largest = model
        .graph
        .inputs
        .iter()
        .map(|i| model.graph.elements(&i.shape))
        .max()
        .unwrap_or(1);
    let histories = wanted
        .histories
        .unwrap_or((MEMBERS / largest.max(1)).clamp(20, HISTORIES));
    let begin = impulses::begin(model, wanted.from.as_deref())?;
    if begin == Begin::Start && wanted.burn_in != BURN_IN as usize {
        return Err(effects::idle("--burn-in", "histories stand where the file begins"));
    }
    Ok(ResponseOptions {
        impulses: impulses::impulses(model, &wanted.shock)?,
        begin,
        periods: wanted.periods,
        histories,
        burn_in: wanted.burn_in,
        band: wanted.band,
        variance: wanted.variance,
        seed: wanted.seed,
        greedy: wanted.greedy,
    })
}

/// Solves, where no run is played, and lets the impulses hit.
fn respond(
    compiled: &Compiled,
    wanted: &Wanted,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    let model = &compiled.model;
    let one = |d: Diagnostic| vec![d];
    let options = options(model, wanted).map_err(one)?;
    let (economy, cast, words) = match &wanted.run {
        Some(directory) => {
            let parts = Parts::read("irf", &[directory.display().to_string()]).map_err(one)?;
            let economy = parts.economy(model).map_err(one)?;
            let bound = parts.bind(&economy).map_err(one)?;
            (economy, bound.cast, bound.words)
        }
        None => played(model, wanted, meter, run)?,
    };
    if options.greedy && !cast.mixes(model) {
        return Err(one(effects::idle("--greedy", "no policy is played that mixes choices")));
    }
    let mut progress = |done: usize, of: usize| meter.report(done as u64, of as u64, "periods", "");
    let model = &*economy;
    let found = responses(model, &cast, &options, &mut progress).map_err(one)?;
    of_responses(model, &found, &options, &words, &place_in_words(wanted, &options)).map_err(one)
}

/// The solution of a model, or its rules where they choose everything.
fn played<'m>(
    model: &'m Model,
    wanted: &Wanted,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<(Cow<'m, Model>, Cast, String), Vec<Diagnostic>> {
    let ruled = |a: &usize| {
        let owner = &model.agents[model.actions[*a].owner];
        owner.rules.iter().any(|(r, _)| r == a)
    };
    if (0..model.actions.len()).all(|a| ruled(&a)) {
        return Ok((
            Cow::Borrowed(model),
            Cast::from(Behaviour::Rules),
            "the rules of the file".to_string(),
        ));
    }
    let asked = driver::Request {
        seed: wanted.seed,
        ..driver::Request::default()
    };
    let mut keeper = Keeper::new(meter, run, 20.0).map_err(|d| vec![d])?;
    let solved = driver::solve(model, &asked, &mut keeper);
    let solved = keeper.ended(solved)?;
    if !solved.certificate.passed {
        let d = Diagnostic::error(
            "E0930",
            "the solution is not certified, so its responses would be no result",
        )
        .hint("econc solve shows the certificate; more nodes or other settings of `solve { }` mend most");
        let mut reasons = solved.certificate.reasons.clone();
        crate::report::outcome::causes_first(&mut reasons);
        let lines = reasons.iter().take(3).map(|r| format!("{}: {}", r.code, r.headline));
        return Err(vec![lines.fold(d, Diagnostic::note)]);
    }
    let words = format!("solved by {}, certified", solved.solution.method);
    let economy = solved.economy(model).map_err(|d| vec![d])?;
    Ok((economy, Cast::from(Behaviour::Solved(Arc::new(solved.solution))), words))
}

fn place_in_words(wanted: &Wanted, options: &ResponseOptions) -> String {
    match &options.begin {
        Begin::Ergodic => format!("the ergodic distribution (after {} periods)", options.burn_in),
        Begin::Mean => format!("the mean (of {} periods)", options.burn_in),
        Begin::Start => "where the file begins".to_string(),
        Begin::At(_) => format!("{}, all else at its mean", wanted.from.as_deref().unwrap_or_default()),
    }
}

/// Goes on with responses that were interrupted, as they were asked for.
fn resume(resumed: Resumed, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    let wanted: Wanted = session::asked(&resumed, ASKED)?;
    let members = wanted.members;
    session::go_on(resumed, globals, screen, members, |compiled, meter, run| {
        respond(compiled, &wanted, meter, run)
    })
}
