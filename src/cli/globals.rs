//! Options that every subcommand understands.

use super::host::Host;
use super::ranges;
use super::source::Overrides;
use crate::diag::Diagnostic;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::sync::Arc;

/// Options that every subcommand understands.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Common options")]
pub(super) struct Globals {
    /// Replace the value of a parameter or a setting; LO..HI:N runs N values (solve, simulate, steady_state); may be repeated
    #[arg(long = "set", global = true, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) set: Vec<(String, String)>,
    /// Seed of all random numbers
    #[arg(long, global = true, value_name = "N", default_value_t = 1, allow_negative_numbers = true, value_parser = seed)]
    pub(super) seed: u64,
    /// Number of threads, at most four per core (results do not depend on it)
    #[arg(long, global = true, value_name = "N", value_parser = threads)]
    pub(super) threads: Option<u16>,
    /// Most memory to use, such as 800M or 4G (what is free)
    #[arg(long, global = true, value_name = "SIZE", value_parser = super::memory::parsed)]
    pub(super) memory: Option<u64>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Where to write: the run directory, or the file of `graph` and `export`
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) out: Option<PathBuf>,
    /// Replace an earlier run of econc in `--out`, or the file of `graph` and `export`
    #[arg(long, global = true)]
    pub(super) force: bool,
    /// Print results and errors only
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// Draw the plots in the terminal, too
    #[arg(long, global = true)]
    pub(super) plot: bool,
    /// Colours: auto, always or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", hide_possible_values = true)]
    pub(super) color: Color,
    /// The program that the command is carried out in, if it is not econc's own.
    #[arg(skip)]
    pub(super) host: Option<Arc<Host>>,
}

/// When to print in colours.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Globals {
    /// The common options where nothing was typed.
    pub(super) fn hosted() -> Globals {
        Globals {
            set: Vec::new(),
            seed: 1,
            threads: None,
            memory: None,
            json: false,
            out: None,
            force: false,
            quiet: false,
            plot: false,
            color: Color::Never,
            host: None,
        }
    }

    /// The command line, as the manifest of a run keeps it.
    pub(super) fn words(&self) -> Vec<String> {
        match &self.host {
            Some(host) => host.words().to_vec(),
            None => super::line().iter().map(|a| a.to_string_lossy().into_owned()).collect(),
        }
    }

    /// What `--set` says, for commands that look at one model.
    ///
    /// # Errors
    /// E0967 for a sweep.
    pub(super) fn overrides(&self) -> Result<Overrides, Diagnostic> {
        let (sweeps, _) = ranges::runs(&self.set)?;
        match sweeps.first() {
            None => Ok(self.set.clone()),
            Some(s) => Err(Diagnostic::error("E0967", format!("`{}` cannot be swept here", s.name))
                .note("this command looks at one model")
                .hint(format!("give one value: --set {}={}", s.name, s.values[0]))),
        }
    }

    /// Number of things that may run side by side.
    pub(super) fn workers(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let wanted = self.threads.map_or(cores, |n| usize::from(n).min(most_threads()));
        super::threads::most(wanted)
    }

    /// What to say where fewer threads run than were asked for.
    pub(super) fn fewer_threads(&self) -> Option<String> {
        let asked = self.threads.filter(|n| usize::from(*n) > most_threads())?;
        let most = most_threads();
        Some(format!(
            "--threads {asked}: {most} are used; more are no faster on this machine"
        ))
    }

    /// Makes the pool of threads. Only for commands that compute.
    pub(super) fn start_threads(&self) {
        super::threads::start(self.workers());
    }
}

/// More threads than this are no faster, and each takes memory.
fn most_threads() -> usize {
    (4 * std::thread::available_parallelism().map_or(1, usize::from)).max(16)
}

/// A whole number from `least` to `most`: `200`, `20_000`, `1e6`.
///
/// # Errors
/// What is wrong with the text, in words, with `example`.
pub(super) fn whole(text: &str, least: u64, most: u64, example: &str) -> Result<u64, String> {
    let digits = text.trim().replace('_', "");
    let number = digits.parse::<u64>().ok().or_else(|| {
        let x = digits.parse::<f64>().ok()?;
        (x.fract() == 0.0 && (0.0..9e15).contains(&x)).then_some(x as u64)
    });
    number
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| format!("write a whole number from {least} to {most}, for instance {example}"))
}

fn seed(text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .map_err(|_| "write a whole number of 0 or more, for instance 7".to_string())
}

fn threads(text: &str) -> Result<u16, String> {
    whole(text, 1, u64::from(u16::MAX), "4").map(|n| n as u16)
}

/// `name=value`, both not empty; spaces around are dropped, and a number may begin with its point.
fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write NAME=VALUE, for instance --set beta=0.98")?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || value.is_empty() {
        return Err("write NAME=VALUE, for instance --set beta=0.98".to_string());
    }
    let (sign, digits) = match value.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", value),
    };
    let value = match digits.starts_with('.') && digits.parse::<f64>().is_ok() {
        true => format!("{sign}0{digits}"),
        false => value.to_string(),
    };
    Ok((name.to_string(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_split_at_the_first_sign() {
        assert_eq!(assignment("beta = 0.98"), Ok(("beta".into(), "0.98".into())));
        assert_eq!(assignment("beta=.98"), Ok(("beta".into(), "0.98".into())));
        assert_eq!(assignment("x=-.5"), Ok(("x".into(), "-0.5".into())));
        assert_eq!(assignment("x=.k"), Ok(("x".into(), ".k".into())));
        assert_eq!(assignment("a=b==c"), Ok(("a".into(), "b==c".into())));
        for wrong in ["beta", "=1", "beta=", " = "] {
            assert!(assignment(wrong).is_err(), "{wrong}");
        }
    }
}
