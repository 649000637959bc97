//! Wrong models: every file under `tests/corpus/errors` and `tests/corpus/settings` gives the code written behind `#!` on the
//! line it stands on.

use econc::diag::Diagnostic;
use std::fs;
use std::path::{Path, PathBuf};

fn corpus() -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let folders = ["errors", "settings"].map(|f| fs::read_dir(corpus.join(f)).expect("the corpus"));
    let mut files: Vec<PathBuf> = folders
        .into_iter()
        .flatten()
        .map(|e| e.expect("readable entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "econ"))
        .collect();
    files.sort();
    files
}

/// Line (from 1) and code of every expectation.
fn expected(source: &str) -> Vec<(usize, String)> {
    source
        .lines()
        .enumerate()
        .filter_map(|(i, line)| line.split_once("#!").map(|(_, code)| (i + 1, code.trim().to_string())))
        .collect()
}

fn line_of(source: &str, d: &Diagnostic) -> usize {
    match &d.primary {
        Some((span, _)) if span.file == 0 => source[..span.start as usize].matches('\n').count() + 1,
        _ => 0,
    }
}

fn diagnose(source: &str) -> Vec<Diagnostic> {
    econc::compile(source, &econc::Options::default()).1
}

#[test]
fn every_wrong_model_gives_its_code_on_its_line() {
    let mut faults = String::new();
    for path in corpus() {
        let source = fs::read_to_string(&path).expect("readable file");
        let wanted = expected(&source);
        assert!(!wanted.is_empty(), "{}: no expectation", path.display());
        let found: Vec<(usize, String)> = diagnose(&source)
            .iter()
            .map(|d| (line_of(&source, d), d.code.clone()))
            .collect();
        if found != wanted {
            let name = path.file_stem().expect("a name").to_string_lossy();
            faults.push_str(&format!("{name}: wanted {wanted:?}, found {found:?}\n"));
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
