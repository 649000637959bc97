//! The checker against the rules of the language: a corpus of programs with what each must give, the models that
//! accepted programs become, and properties of any text.

mod corpus;
mod properties;
mod rules;

use econc::diag::Diagnostic;
use econc::{Model, Options, Severity};
use std::fs;
use std::path::{Path, PathBuf};

/// Every `.econ` file of a folder with its text, in order of name.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder")
        .map(|e| e.expect("readable entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "econ"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|p| (p.clone(), fs::read_to_string(&p).expect("readable file")))
        .collect()
}

/// Checks a text without solving what waits for a solve.
fn check_with(source: &str, set: &[(&str, &str)]) -> (Option<Model>, Vec<Diagnostic>) {
    let (file, mut diagnostics) = econc::syntax::parser::parse(source, 0);
    let library = vec![econc::syntax::parser::parse(econc::MARKET_LIBRARY, 1).0];
    let set = set.iter().map(|(a, b)| ((*a).to_string(), (*b).to_string())).collect();
    let options = Options {
        set,
        ..Options::default()
    };
    let (model, found) = econc::check::check(&file, &library, &options);
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    diagnostics.extend(found);
    (model.filter(|_| !failed), diagnostics)
}

fn show(diagnostics: &[Diagnostic]) -> String {
    let line = |d: &Diagnostic| format!("{} {} {:?} {:?}\n", d.code, d.headline, d.primary, d.hint);
    diagnostics.iter().map(line).collect()
}

/// The model of a text that must be good, without warnings.
fn good(source: &str) -> Model {
    good_with(source, &[])
}

fn good_with(source: &str, set: &[(&str, &str)]) -> Model {
    let (model, diagnostics) = check_with(source, set);
    assert!(diagnostics.is_empty(), "{}", show(&diagnostics));
    model.expect("a model")
}

/// The codes a text gives, in order of place.
fn codes(source: &str) -> Vec<String> {
    check_with(source, &[])
        .1
        .into_iter()
        .map(|d| d.into_message().code)
        .collect()
}
