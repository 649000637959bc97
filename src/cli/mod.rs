//! The command line: one file per subcommand. The only part of econc that reads arguments and the clock, prints, and
//! listens for Ctrl-C.
//!
//! Exit status: 0 fine; 1 the model has errors or the certificate fails; 2 misuse, or a file that cannot be read or
//! written, or more memory than there is; 101 a bug in econc; 128 and its number after a signal. `docs/exit_codes.md` is the table.
//!
//! A command `solve` reads its options, `solving` does what it says; what commands share (`source`, `compiled`, `results`) stands
//! below. The common course of everything that takes long (run directory, progress, interruption) stands in `session` and,
//! for one run, in `course`.

mod among;
mod asked;
mod bug;
mod cast;
mod check;
mod clock;
mod compare;
mod compiled;
mod completions;
mod course;
mod effects;
mod exercises;
mod explain;
mod export;
mod fmt;
mod globals;
mod graph;
mod host;
pub mod hosted;
mod irf;
mod judging;
mod keeper;
mod lineage;
mod man;
mod memory;
pub mod meter;
mod methods;
mod new;
mod pace;
pub mod played;
mod profiles;
mod ranges;
mod reproduce;
mod results;
mod scenario;
mod screen;
mod session;
mod sessions;
mod simulate;
mod simulating;
mod solve;
mod solving;
mod source;
mod steady_state;
mod stop;
mod sweep;
mod templates;
mod threads;
mod train;
mod training;
mod transition;
mod tune;
mod tuning;
mod verify;
mod why;
mod width;

use crate::diag::{Diagnostic, Severity};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use globals::Globals;
use screen::Screen;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::OnceLock;

/// A language for economies, and the program that solves them and certifies the solution.
#[derive(Parser)]
#[command(
    name = "econc",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        econc new growth my_model            a copy of a model to start from\n  \
        econc check my_model.econ            find mistakes\n  \
        econc graph my_model.econ --out g.svg    draw who depends on what\n  \
        econc solve my_model.econ            solve, certify, write runs/my_model-0001\n  \
        econc solve my_model.econ --set beta=0.98\n  \
        econc steady_state my_model.econ     where it rests without shocks\n  \
        econc irf my_model.econ              impulse responses\n  \
        econc transition my_model.econ --scenario reform   from one rest to the next\n  \
        econc train my_model.econ --seeds 1..5   agents that learn it\n  \
        econc tune my_model.econ --trials 27     search over the options of a learner\n  \
        econc verify my_model.econ           solve, train, and judge the learned by the exact\n  \
        econc compare runs/a-0001 runs/a-0002   two runs side by side\n  \
        econc reproduce calvano              an exercise, beside published numbers\n  \
        econc explain E0201                  what a message means\n  \
        econc completions bash               a script for the shell\n\n\
        Exit status: 0 fine, 1 the model or the certificate fails, 2 misuse, 101 a bug in econc, 130 stopped (Ctrl-C)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    globals: Globals,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Arguments),
    Fmt(fmt::Arguments),
    Graph(graph::Arguments),
    Explain(explain::Arguments),
    Solve(solve::Arguments),
    #[command(name = "steady_state")]
    SteadyState(steady_state::Arguments),
    Transition(transition::Arguments),
    Simulate(simulate::Arguments),
    Irf(irf::Arguments),
    Train(train::Arguments),
    Tune(tune::Arguments),
    Verify(verify::Arguments),
    Compare(compare::Arguments),
    Export(export::Arguments),
    New(new::Arguments),
    Reproduce(reproduce::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    /// Fails on purpose, so that the message of a bug can be tested
    #[command(hide = true)]
    Crash,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Fine,
    /// The model has errors, or the certificate fails.
    Fails,
    /// Misuse, or a file that cannot be read or written.
    Misuse,
    /// A signal.
    Interrupted,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Fails => 1,
            Exit::Misuse => 2,
            Exit::Interrupted => stop::exit_code(),
        }
    }
}

/// Why a command could not be carried out.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    diagnostics: Vec<Diagnostic>,
    /// The file that the diagnostics point at, if they do.
    source: Option<source::Source>,
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Failure::of(vec![diagnostic])
    }
}

impl Failure {
    /// A failure before any work: misuse, exit status 2.
    fn of(diagnostics: Vec<Diagnostic>) -> Failure {
        Failure {
            exit: Exit::of(&diagnostics),
            diagnostics,
            source: None,
        }
    }

    /// The same, with the file that is shown where the messages point at it.
    fn about(self, source: &source::Source) -> Failure {
        Failure {
            source: Some(source.clone()),
            ..self
        }
    }
}

impl Exit {
    /// The status of errors: the same kind of failure ends with the same status, whichever command met it.
    fn of(diagnostics: &[Diagnostic]) -> Exit {
        let mut errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).peekable();
        if errors.peek().is_none() {
            Exit::Fine
        } else if errors.clone().any(|d| d.code == "E0906") {
            Exit::Interrupted
        } else if errors.all(misuse) {
            Exit::Misuse
        } else {
            Exit::Fails
        }
    }
}

/// Whether an error is about the command and its files, not about the model and its solution.
fn misuse(d: &Diagnostic) -> bool {
    refused(d) || d.code.starts_with("E095") || matches!(d.code.as_str(), "E0925" | "E0982" | "E0983")
}

/// Whether an error says that what was asked for cannot be begun; a run then leaves no directory.
fn refused(d: &Diagnostic) -> bool {
    let typed = d.primary.as_ref().is_some_and(|(s, _)| s.file >= crate::check::TYPED);
    let about_it = d.code.starts_with("E080")
        || matches!(
            d.code.as_str(),
            "E0113" | "E0812" | "E0815" | "E0816" | "E0818" | "E0819"
        );
    let on_the_command_line = typed || (d.primary.is_none() && about_it);
    let asked = [
        "E0814", "E0816", "E0904", "E0923", "E0927", "E0929", "E0934", "E0940", "E0954", "E0980", "E0981", "E0984",
        "E0986", "E0989", "E0995", "E0997",
    ];
    on_the_command_line || d.code.starts_with("E096") || asked.contains(&d.code.as_str())
}

/// Whether an error says that something could not be written: what there is stays, and goes on when there is room.
fn unwritten(d: &Diagnostic) -> bool {
    d.code == "E0951" || d.code == "E0950"
}

/// Whether an error says that the work was not begun, because it is not asked for rightly or the model is none that this
/// command can take; a run then leaves no directory.
fn not_begun(d: &Diagnostic) -> bool {
    let unsupported = [
        "E0803", "E0807", "E0810", "E0814", "E0817", "E0821", "E0825", "E0826", "E0827", "E0828", "E0829", "E0905",
        "E0928", "E0930", "E0931", "E0934",
    ];
    refused(d) || (misuse(d) && !unwritten(d)) || unsupported.contains(&d.code.as_str())
}

/// The command line of this process, program first, where it is not the one that the system gives (a script of another language).
static LINE: OnceLock<Vec<String>> = OnceLock::new();
/// How econc is started as a process of its own, where it is not the program that runs.
static PROGRAM: OnceLock<Vec<String>> = OnceLock::new();

/// The command line, program first.
fn line() -> Vec<OsString> {
    match LINE.get() {
        Some(words) => words.iter().map(OsString::from).collect(),
        None => std::env::args_os().collect(),
    }
}

/// Runs the program on `words`, without its name, in a process that is there for nothing else; returns its exit status.
pub fn main_of(words: Vec<String>) -> u8 {
    let line = std::iter::once("econc".to_string()).chain(words).collect();
    // A second call in one process finds the first line: it is there for one.
    let _ = LINE.set(line);
    status()
}

/// Runs the program on the process's arguments and returns its exit status.
pub fn main() -> ExitCode {
    ExitCode::from(status())
}

fn status() -> u8 {
    let json = line().iter().take_while(|a| *a != "--").any(|a| a == "--json");
    // Before there is a second thread: how much each may take is said here.
    memory::limit(None, json);
    bug::install(json);
    stop::listen(json);
    let (cli, effects) = match parse(line().into_iter()) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Without arguments the help is shown, as an error.
            let help = matches!(
                error.kind(),
                ErrorKind::DisplayHelp
                    | ErrorKind::DisplayVersion
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            );
            let fine = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            if json && error.kind() == ErrorKind::DisplayVersion {
                return screen::json_version();
            }
            if json && !fine {
                screen::json_failure(2, &[unread(&error)]);
                return 2;
            }
            if !help {
                screen::plain_failure(&unread(&error));
                return 2;
            }
            let printed = error.print().and_then(|()| std::io::stdout().flush());
            let lost = printed.err().filter(|e| e.kind() != std::io::ErrorKind::BrokenPipe);
            if let Some(e) = &lost {
                screen::plain_failure(&screen::unprinted(e));
            }
            return if fine && lost.is_none() { 0 } else { 2 };
        }
    };
    if let Some(bytes) = cli.globals.memory {
        memory::limit(Some(bytes), json);
    }
    let screen = Screen::new(&cli.globals);
    if let Some(text) = cli.globals.fewer_threads() {
        screen.remark(&text);
    }
    let result = match effects {
        Ok(()) => crate::limits::caught(|| run(&cli, &screen))
            .unwrap_or_else(|| Err(Failure::of(vec![stop::stopped_at_work()]))),
        Err(d) => Err(d.into()),
    };
    let exit = match result {
        Ok(exit) => exit,
        Err(failure) => {
            screen.failure(&failure);
            failure.exit
        }
    };
    screen.closed_with(exit).code()
}

/// A command line that cannot be read, as a message.
fn unread(error: &clap::Error) -> Diagnostic {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    let first = lines.next().unwrap_or("the arguments cannot be read");
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let mut out = Diagnostic::error("E0980", first);
    for line in lines.filter(|l| !l.starts_with("For more information")) {
        out = match line.strip_prefix("tip: ") {
            Some(tip) => out.hint(tip),
            None => out.note(line),
        };
    }
    if first.contains("argument '='") {
        out = out.hint("no spaces around `=`: --set alpha=0.3");
    }
    // What the nearest spelling would not mean.
    let unknown = first
        .strip_prefix("unexpected argument '--")
        .and_then(|rest| rest.split(['\'', '=']).next());
    let meant = match unknown {
        Some("sweep" | "range") => Some("several values are one setting: --set NAME=LO..HI:N"),
        Some("lr" | "learning-rate") => Some("a learner's keys are given by --with: --with learning_rate=0.001"),
        Some("timesteps" | "total-timesteps") => Some("a learner's keys are given by --with: --with steps=1_000_000"),
        Some("gamma" | "discount") => {
            Some("the discount factor stands in the file: `discount beta`, then --set beta=0.95")
        }
        Some("format") => Some("the format is --to: table, npz, safetensors or onnx"),
        Some("output" | "outdir" | "output-dir") => Some("the place is --out"),
        Some("param" | "params" | "parameter") => Some("a parameter is given by --set NAME=VALUE"),
        _ => None,
    };
    if let Some(hint) = meant {
        out = out.hint(hint);
    }
    if out.hint.is_none() {
        out = out.hint("econc COMMAND --help shows what a command takes");
    }
    out
}

/// The command line, program first, and what is wrong with options that can be read.
fn parse(words: impl Iterator<Item = OsString>) -> Result<(Cli, Result<(), Diagnostic>), clap::Error> {
    // The short help of an option fits one line; the globals stand in a section of their own.
    let words: Vec<OsString> = words.collect();
    let matches = negative_values(Cli::command().color(colored(&words)))
        .try_get_matches_from(&words)
        .map_err(|e| without_wrong_tips(e, &words))?;
    Ok((Cli::from_arg_matches(&matches)?, effects::check(&matches)))
}

/// Whether help and errors of the command line are in colours: `--color` may stand anywhere before `--`.
fn colored(words: &[OsString]) -> clap::ColorChoice {
    let words: Vec<_> = words
        .iter()
        .take_while(|w| *w != "--")
        .map(|w| w.to_string_lossy())
        .collect();
    let apart = words.windows(2).filter(|w| w[0] == "--color").map(|w| w[1].to_string());
    let joined = words
        .iter()
        .filter_map(|w| w.strip_prefix("--color=").map(str::to_string));
    match apart.chain(joined).last().as_deref() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

/// The same commands, where `--periods -5` is a value that does not fit and no option `-5`.
fn negative_values(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|a| match a.get_action().takes_values() {
        true => a.allow_negative_numbers(true),
        false => a,
    });
    command.mut_subcommands(negative_values)
}

/// The error without the tip to write `-- --option`: no command takes words that begin with a dash.
fn without_wrong_tips(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    // A setting is no option, and other commands have other ones: what to type is what was looked for.
    let commands: Vec<String> = Cli::command()
        .get_subcommands()
        .map(|c| c.get_name().to_string())
        .collect();
    let words = words.iter().skip(1).map(|w| w.to_string_lossy());
    let command = words
        .into_iter()
        .find(|w| commands.iter().any(|c| c == w))
        .map(|w| w.into_owned());
    let command = command.as_deref();
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidArg)
        && typed.starts_with("--")
        && let Some(way) = effects::instead_of(typed.trim_start_matches('-'), command)
    {
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![way.into()]));
        return error;
    }
    if let Some(ContextValue::StyledStrs(tips)) = error.remove(ContextKind::Suggested) {
        let kept: Vec<_> = tips.into_iter().filter(|t| !t.to_string().contains("'-- ")).collect();
        if !kept.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(kept));
        }
    }
    error
}

fn run(cli: &Cli, screen: &Screen) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Check(arguments) => check::run(arguments, &cli.globals, screen),
        Command::Fmt(arguments) => fmt::run(arguments, screen),
        Command::Graph(arguments) => graph::run(arguments, &cli.globals, screen),
        Command::Explain(arguments) => explain::run(arguments, screen),
        Command::Solve(arguments) => solve::run(arguments, &cli.globals, screen),
        Command::SteadyState(arguments) => steady_state::run(arguments, &cli.globals, screen),
        Command::Transition(arguments) => transition::run(arguments, &cli.globals, screen),
        Command::Simulate(arguments) => simulate::run(arguments, &cli.globals, screen),
        Command::Irf(arguments) => irf::run(arguments, &cli.globals, screen),
        Command::Train(arguments) => train::run(arguments, &cli.globals, screen),
        Command::Tune(arguments) => tune::run(arguments, &cli.globals, screen),
        Command::Verify(arguments) => verify::run(arguments, &cli.globals, screen),
        Command::Compare(arguments) => compare::run(arguments, &cli.globals, screen),
        Command::Export(arguments) => export::run(arguments, &cli.globals, screen),
        Command::New(arguments) => new::run(arguments, screen),
        Command::Reproduce(arguments) => reproduce::run(arguments, &cli.globals, screen),
        Command::Completions(arguments) => completions::run(arguments, screen),
        Command::Man(arguments) => man::run(arguments, screen),
        Command::Crash => panic!("this is the test of what a bug looks like"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
