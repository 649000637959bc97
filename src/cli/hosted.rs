//! Commands carried out inside another program (the Python package): the same words, checks, files and messages as on a command
//! line, but nothing is printed, nobody listens for signals and the process is never ended.
//!
//! The host gets what would have been printed, reads how far the work is while it goes on, and may stop it; policies of its own are
//! played as `outside:NUMBER` wherever a policy is named.

use super::globals::Globals;
use super::host::locked;
pub use super::host::{Elsewhere, Host, Lent, Named, Outside, Piece, Standing, Trained};
use super::screen::{Screen, failed_in_json};
use super::{Cli, Exit, Failure, bug, memory, parse, run, stop, unread};
use crate::diag::Diagnostic;
use crate::limits;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time for work that is to stop to come to where it can go on later; then it is left at its next poll.
const PATIENCE: Duration = Duration::from_millis(60);

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit status of the same command line (see `docs/exit_codes.md`).
    pub exit: u8,
    /// What it would have printed on standard output.
    pub printed: String,
    /// Its messages as they would have been shown, also with `--json`.
    pub said: String,
}

/// Says how econc is started as a process of its own: what `reproduce` runs its commands by. `words` are the program and its first
/// arguments; the first call holds.
pub fn started_by(words: Vec<String>) {
    let _ = super::PROGRAM.set(words);
}

/// Commands at work in this process, and whether they are to stop.
static AT_WORK: Mutex<(usize, bool)> = Mutex::new((0, false));
static ENDED: Condvar = Condvar::new();
/// The process in which work began: threads do not survive a fork.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Enters the work of this process; leaves it when dropped.
struct Entered;

impl Entered {
    fn new() -> Entered {
        let mut work = locked(&AT_WORK);
        // A stop is about what was at work when it came.
        while work.1 {
            work = ENDED.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
        work.0 += 1;
        Entered
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut work = locked(&AT_WORK);
        work.0 -= 1;
        if work.0 == 0 && work.1 {
            work.1 = false;
            stop::forget();
            limits::go_on();
            ENDED.notify_all();
        }
    }
}

/// Makes all commands of this process end: first where they can go on later, then at their next poll. Waits until they have.
pub fn stop() {
    let begun = Instant::now();
    let mut work = locked(&AT_WORK);
    if work.0 == 0 {
        return;
    }
    work.1 = true;
    stop::ask();
    while work.1 {
        work = ENDED
            .wait_timeout(work, Duration::from_millis(10))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if work.1 && begun.elapsed() >= PATIENCE {
            limits::stop();
        }
    }
}

/// Errs in a child of a process that has worked: its threads are gone, and waiting for them would not end.
///
/// # Errors
/// E0850.
fn not_forked() -> Result<(), Diagnostic> {
    let here = std::process::id();
    match PROCESS.compare_exchange(0, here, Ordering::SeqCst, Ordering::SeqCst) {
        Err(there) if there != here => Err(Diagnostic::error(
            "E0850",
            "this process was forked from one in which econc had worked",
        )
        .note("the threads that compute stayed in the other process")
        .hint("start processes anew: multiprocessing.get_context(\"spawn\"), or a pool of Ray")),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Carries out a command of the words that a [`Host`] was made of.
pub fn carry_out(host: &Arc<Host>) -> Outcome {
    let _entered = Entered::new();
    let json = host.words().iter().take_while(|w| *w != "--").any(|w| w == "--json");
    let failed = |exit: u8, d: &[Diagnostic]| {
        if json {
            host.print(&format!("{:#}\n", failed_in_json(exit, d)));
        }
        host.say(&super::source::render(d, None, false));
        exit
    };
    let exit = match catch_unwind(AssertUnwindSafe(|| within(host, &failed))) {
        Ok(exit) => exit,
        Err(payload) => {
            let error = Diagnostic::error("E0987", format!("a bug in econc: {}", bug::message_of(&*payload)))
                .note(format!("econc {}", env!("CARGO_PKG_VERSION")))
                .hint("please send the model, and what was asked of it");
            failed(101, &[error])
        }
    };
    let (printed, said) = host.take();
    Outcome { exit, printed, said }
}

/// Reads the words and does what they say; the exit status.
fn within(host: &Arc<Host>, failed: &dyn Fn(u8, &[Diagnostic]) -> u8) -> u8 {
    if let Err(d) = not_forked() {
        return failed(2, &[d]);
    }
    let (mut cli, effects) = match parse(host.words().iter().map(OsString::from)) {
        Ok(parsed) => parsed,
        Err(error) if error.exit_code() == 0 => {
            host.print(&error.render().to_string());
            return 0;
        }
        Err(error) => return failed(2, &[unread(&error)]),
    };
    memory::estimate(cli.globals.memory);
    cli.globals.host = Some(host.clone());
    let screen = Screen::new(&cli.globals);
    let result = match effects {
        Ok(()) => carried(&cli, &screen),
        Err(d) => Err(d.into()),
    };
    let exit = result.unwrap_or_else(|failure| {
        screen.failure(&failure);
        failure.exit
    });
    exit.code()
}

fn carried(cli: &Cli, screen: &Screen) -> Result<Exit, Failure> {
    limits::caught(|| run(cli, screen)).unwrap_or_else(|| Err(Failure::of(vec![stop::stopped_at_work()])))
}

/// A model that was read for a host, with what it said.
#[derive(Debug)]
pub struct Read {
    /// The model; `None` if there are errors.
    pub model: Option<crate::Model>,
    /// All messages as they are shown.
    pub said: String,
    /// The same in JSON, with their places.
    pub diagnostics: serde_json::Value,
}

/// Reads a model file with parameters and settings replaced: `set` holds pairs of name and
/// value as typed after `--set`.
///
/// # Errors
/// E0960 and E0961 for a file that cannot be read.
pub fn read(
    file: &Path,
    set: &[(String, String)],
    members: Option<usize>,
    scenario: Option<&str>,
) -> Result<Read, Diagnostic> {
    let source = super::source::Source::read(file)?;
    let globals = Globals {
        set: set.to_vec(),
        ..Globals::hosted()
    };
    let globals = super::scenario::with_its_numbers(&source, &globals, scenario)?;
    let set = globals.overrides()?;
    let (compiled, diagnostics) = super::compiled::compile(&source, &set, members);
    let mut list = serde_json::json!({ "diagnostics": diagnostics });
    let texts = source.texts();
    crate::diag::render::located(&mut list, &|_| Some(texts.clone()));
    Ok(Read {
        model: compiled.map(|c| c.model),
        said: super::source::render(&diagnostics, Some(&source), false),
        diagnostics: list["diagnostics"].take(),
    })
}

/// A diagnostic as a host shows it, and in JSON.
pub fn shown(d: &Diagnostic) -> (String, serde_json::Value) {
    (
        super::source::render(std::slice::from_ref(d), None, false),
        serde_json::json!([d]),
    )
}

/// Who plays: `typed` as after `--policy`, bound to a model.
///
/// # Errors
/// Those of policies and their runs.
pub fn cast(model: &crate::Model, typed: &[String]) -> Result<crate::env::cast::Cast, Diagnostic> {
    let parts = super::cast::Parts::read("--others", typed)?;
    parts.compare(model, false)?;
    Ok(parts.bind(model)?.cast)
}

/// The models that come with econc: pairs of name and text, in the order of their names.
pub fn templates() -> impl Iterator<Item = (&'static str, &'static str)> {
    super::templates::TEMPLATES.iter().map(|t| (t.name, t.source))
}
