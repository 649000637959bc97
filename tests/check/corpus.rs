//! Programs under `tests/corpus/check`: `# error[CODE]` or `# warning[CODE]` stands on the line of each message.

use super::{check_with, files, show};

#[test]
fn corpus_gives_the_expected_messages_and_no_others() {
    let corpus = files("tests/corpus/check");
    assert!(corpus.len() >= 8, "the corpus is missing");
    let mut faults = String::new();
    for (path, source) in corpus {
        // Each file holds several programs, between lines of `# ---`.
        for (n, program) in source.split("# ---\n").enumerate() {
            let mut wanted: Vec<(usize, String)> = Vec::new();
            for (i, line) in program.lines().enumerate() {
                for mark in ["# error[", "# warning["] {
                    for piece in line.split(mark).skip(1) {
                        wanted.push((i + 1, piece.split(']').next().unwrap_or("").to_string()));
                    }
                }
            }
            let (_, diagnostics) = check_with(program, &[]);
            let mut found: Vec<(usize, String)> = diagnostics
                .iter()
                .map(|d| {
                    let at = d
                        .primary
                        .as_ref()
                        .map_or(0, |(s, _)| s.start as usize)
                        .min(program.len());
                    (program[..at].matches('\n').count() + 1, d.code.clone())
                })
                .collect();
            wanted.sort();
            found.sort();
            if wanted != found {
                faults.push_str(&format!(
                    "{} #{n}: wanted {wanted:?}\n{program}{}\n",
                    path.display(),
                    show(&diagnostics)
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn shipped_models_and_sketches_check_without_errors_or_doubtful_warnings() {
    let mut faults = String::new();
    for folder in ["models", "tests/corpus/sketches"] {
        for (path, source) in files(folder) {
            let (model, mut diagnostics) = check_with(&source, &[]);
            // A listed helper that only a reader wants is allowed; so is the one division of a sketch whose price is
            // zero when every household saves nothing.
            diagnostics.retain(|d| d.code != "W0701");
            if path.ends_with("03_capital_goods.econ") {
                diagnostics.retain(|d| d.code != "W0404");
            }
            if model.is_none() || !diagnostics.is_empty() {
                faults.push_str(&format!("{}\n{}\n", path.display(), show(&diagnostics)));
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
