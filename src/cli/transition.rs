//! `econc transition`: what an economy with a continuum goes through between two rests.

use super::compiled::{self, Compiled};
use super::course::Job;
use super::globals::{Globals, whole};
use super::meter::Meter;
use super::screen::Screen;
use super::session;
use super::source::{Overrides, Source};
use super::{Exit, Failure};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::driver::transition::{Asked, through};
use crate::report::content::Content;
use crate::report::transition::of_transition;
use crate::solve::progress::{Control, Progress};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Name of the subcommand, in manifests.
const ACTION: &str = "transition";

/// Find the path from one equilibrium of many members to the next
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc transition aiyagari_transition.econ --scenario boom\n  \
    econc transition aiyagari_transition.econ --scenario boom --periods 500\n  \
    econc transition aiyagari_transition.econ --scenario boom --set alpha=0.3..0.4:3    three values, one table\n\n\
    A scenario says what changes: `param z = 1.01` for good, `path z = 1 + 0.01 * 0.8^t` along a path that everybody\n\
    foresees from period 0 on. path.csv has every price and mean, distribution.csv who has how much.")]
pub(super) struct Arguments {
    /// A model file
    #[arg(value_name = "FILE", required_unless_present = "resume")]
    file: Option<PathBuf>,
    /// The scenario that says what changes [default: the only one of the file]
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Periods of the path, instead of the scenario's [default: 300, more where it takes longer]
    #[arg(long, value_name = "N", value_parser = periods)]
    periods: Option<u32>,
    /// Do an interrupted run again, as it was asked for
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "scenario", "periods"])]
    resume: Option<PathBuf>,
}

/// What is asked, in the words of the manifest.
struct Wanted {
    scenario: Option<String>,
    periods: Option<usize>,
    seed: u64,
}

impl Wanted {
    fn of(settings: &BTreeMap<String, String>, seed: u64) -> Wanted {
        Wanted {
            scenario: settings.get("scenario").cloned(),
            periods: settings.get("periods").and_then(|n| n.parse().ok()),
            seed,
        }
    }
}

fn periods(text: &str) -> Result<u32, String> {
    whole(text, 2, 4000, "300").map(|n| n as u32)
}

/// Looks for the path and writes a run directory.
///
/// # Errors
/// A [`Failure`] with the diagnostics of files and options.
pub(super) fn run(arguments: &Arguments, globals: &Globals, screen: &Screen) -> Result<Exit, Failure> {
    if let Some(directory) = &arguments.resume {
        return match session::resumed(directory, ACTION, screen)? {
            Ok(resumed) => {
                let wanted = Wanted::of(&resumed.manifest.settings, resumed.manifest.seed);
                let source = resumed.source.clone();
                session::go_on_swept(resumed, ACTION, globals, screen, None, |compiled, meter, run| {
                    moved(compiled, (&source, &run.manifest().overrides), &wanted, meter)
                })
            }
            Err(exit) => Ok(exit),
        };
    }
    let Some(file) = &arguments.file else {
        return Err(Diagnostic::error("E0962", "no model file was named").into());
    };
    let mut settings = BTreeMap::new();
    settings.extend(arguments.scenario.iter().map(|s| ("scenario".to_string(), s.clone())));
    settings.extend(arguments.periods.map(|n| ("periods".to_string(), n.to_string())));
    let wanted = Wanted::of(&settings, globals.seed);
    let job = Job {
        action: ACTION,
        settings,
        ..Job::default()
    };
    let source = Source::read(file)?;
    session::run(file, globals, screen, &job, |compiled, meter, run| {
        moved(compiled, (&source, &run.manifest().overrides), &wanted, meter)
    })
}

fn moved(
    compiled: &Compiled,
    (source, set): (&Source, &Overrides),
    wanted: &Wanted,
    meter: &Meter,
) -> Result<Content, Vec<Diagnostic>> {
    let model = &compiled.model;
    let scenario = match (&wanted.scenario, model.scenarios.as_slice()) {
        (Some(name), _) => name.clone(),
        (None, [only]) => only.name.clone(),
        (None, all) => {
            let names: Vec<&str> = all.iter().map(|s| s.name.as_str()).collect();
            let d = Diagnostic::error("E0812", "no scenario says what changes");
            return Err(vec![match names.is_empty() {
                true => d.hint("the model declares none: scenario NAME { param z = 1.1 }"),
                false => d.hint(format!("name one, --scenario NAME: {}", names.join(", "))),
            }]);
        }
    };
    let after = with_numbers(model, (source, set), &scenario)?;
    let asked = Asked {
        scenario: scenario.clone(),
        periods: wanted.periods,
        seed: wanted.seed,
    };
    let mut progress =
        |p: Progress| match meter.report(p.iteration as u64, 0, "steps", &format!("error {:.1e}", p.error)) {
            true => Control::Continue,
            false => Control::Cancel,
        };
    let found = through(model, after.as_ref().unwrap_or(model), &asked, &mut progress).map_err(|d| vec![d])?;
    of_transition(model, &scenario, &found.transition, &found.certificate).map_err(|d| vec![d])
}

/// The file read with the numbers that the scenario gives to parameters which stand where a number must be known; `None` where there are
/// none.
fn with_numbers(
    model: &Model,
    (source, set): (&Source, &Overrides),
    scenario: &str,
) -> Result<Option<Model>, Vec<Diagnostic>> {
    let own = model.scenarios.iter().find(|s| s.name == scenario);
    let numbers = own.map_or(&[][..], |s| s.numbers.as_slice());
    if numbers.is_empty() {
        return Ok(None);
    }
    let mut all = set.clone();
    all.extend(
        numbers
            .iter()
            .map(|(p, x)| (model.params[*p].name.clone(), x.to_string())),
    );
    match compiled::compile(source, &all, None) {
        (Some(compiled), _) => Ok(Some(compiled.model)),
        (None, errors) => Err(errors),
    }
}
