//! What several tests of the command line need: the program at work in a directory, and what it said.
#![allow(dead_code)]

pub mod expected;

use econc::Model;
use econc::solve::decision::{Decision, ProblemOptions};
use econc::solve::solution::Solution;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The command line of econc in a directory, without colours and without input.
pub fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_econc"));
    command
        .current_dir(directory)
        .args(arguments)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// econc in a directory, run to its end.
pub fn econc(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().expect("econc starts")
}

/// What it printed, on both channels.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A directory that goes with the test.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

/// The folder of the sources.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A model of `models/`.
pub fn model(name: &str) -> PathBuf {
    root().join("models").join(name).with_extension("econ")
}

/// Whether what takes long is asked for.
pub fn long() -> bool {
    std::env::var("ECONC_LONG").is_ok_and(|v| v == "1")
}

/// The problem that a solution solves, on the grids that it has.
pub fn problem_of(model: &Model, s: &Solution) -> Decision {
    let bounds = s.states.iter().filter(|x| !x.integer).map(|x| {
        let name = x.name.split('[').next().unwrap_or(&x.name).to_string();
        (name, x.nodes[0], x.nodes[x.nodes.len() - 1])
    });
    let options = ProblemOptions {
        bounds: bounds.collect(),
        ..ProblemOptions::default()
    };
    Decision::new(model, &options).unwrap_or_else(|d| panic!("{}: {d:?}", model.name))
}
