//! The language front end: corpus, sketches, explanations, and properties of the parser, the printer and the formatter.
//!
//! * `tests/corpus/syntax/*.econ`: a line with `# error[E0104]:11 write ..` must give exactly that code, at that column
//!   (if one is given), with the text in its headline, label, note or hint (if there is one). A line may hold several. Lines
//!   without it must give none.
//! * `tests/corpus/sketches/*.econ`: eighteen models that must be sayable.
//! * Properties run `ECONC_CASES` cases each (default 300); `ECONC_CASES=100000` takes some seconds in release.

use std::path::{Path, PathBuf};

use econc::diag::source::Sources;
use econc::diag::{Diagnostic, Severity, Span, render};
use econc::syntax::ast::{Expr, File, StmtKind};
use econc::syntax::format::{format, same_tree};
use econc::syntax::parser::parse;
use proptest::prelude::ProptestConfig;

mod corpus;
mod properties;
mod statements;

pub(crate) fn cases() -> u32 {
    std::env::var("ECONC_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(300)
}

pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub(crate) fn files(directory: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let Ok(entries) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    let mut found: Vec<(PathBuf, String)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "econ"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("corpus files are UTF-8");
            (path, text)
        })
        .collect();
    found.sort();
    found
}

/// Every program of the repository that must parse.
pub(crate) fn good_programs() -> Vec<(PathBuf, String)> {
    let mut all = files("tests/corpus/sketches");
    all.extend(files("models"));
    all.extend(files("std"));
    all.extend(
        files("tests/corpus/syntax")
            .into_iter()
            .filter(|(_, text)| !text.contains("# error[")),
    );
    all
}

pub(crate) fn errors(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    diagnostics.iter().filter(|d| d.severity == Severity::Error).collect()
}

pub(crate) fn show(diagnostics: &[Diagnostic], text: &str) -> String {
    render::text(diagnostics, &Sources::new("test.econ", text), false)
}

pub(crate) fn tree(text: &str) -> File {
    let (tree, diagnostics) = parse(text, 0);
    assert!(diagnostics.is_empty(), "{text}\n{}", show(&diagnostics, text));
    tree
}

pub(crate) fn only(text: &str) -> StmtKind {
    let mut tree = tree(text);
    assert_eq!(tree.statements.len(), 1, "{text}");
    tree.statements.remove(0).kind
}

pub(crate) fn expr(text: &str) -> Expr {
    match only(&format!("let x = {text}")) {
        StmtKind::Let { value, .. } => value,
        other => panic!("{other:?}"),
    }
}

/// The code and hint of the only error in the text.
pub(crate) fn error(text: &str) -> (String, String) {
    let (_, diagnostics) = parse(text, 0);
    assert_eq!(diagnostics.len(), 1, "{text}\n{}", show(&diagnostics, text));
    (
        diagnostics[0].code.clone(),
        diagnostics[0].hint.clone().unwrap_or_default(),
    )
}

/// The comments of a text in order.
pub(crate) fn comments(text: &str) -> Vec<String> {
    let (tokens, _) = econc::syntax::lexer::lex(text, 0);
    tokens
        .iter()
        .filter(|t| t.kind == econc::syntax::lexer::TokenKind::Comment)
        .map(|t| t.text(text).to_string())
        .collect()
}

/// What formatting must keep, checked for one text without errors.
pub(crate) fn check_format(source: &str) -> Result<String, String> {
    let formatted = format(source).map_err(|d| show(&d, source))?;
    let (before, _) = parse(source, 0);
    let (after, diagnostics) = parse(&formatted, 0);
    if !diagnostics.is_empty() {
        return Err(format!(
            "--- source\n{source}\n--- formatted\n{formatted}\n{}",
            show(&diagnostics, &formatted)
        ));
    }
    if !same_tree(&before, &after) {
        return Err(format!(
            "the tree changed\n--- source\n{source}\n--- formatted\n{formatted}"
        ));
    }
    let (old, new) = (comments(source).join(" "), comments(&formatted).join(" "));
    if old != new {
        return Err(format!("comments changed\n{old}\n{new}"));
    }
    let again = format(&formatted).map_err(|d| show(&d, &formatted))?;
    if again != formatted {
        return Err(format!(
            "not idempotent\n--- source\n{source}\n--- once\n{formatted}\n--- twice\n{again}"
        ));
    }
    if formatted.contains("\n\n\n") || formatted.lines().any(|l| l.ends_with(' ')) {
        return Err(format!("blanks are left\n{formatted}"));
    }
    Ok(formatted)
}

/// Every span of a tree lies inside the text, on character boundaries, in the right file.
pub(crate) fn check_spans(tree: &File, text: &str, file: u16) {
    let shown = format!("{tree:?}");
    for piece in shown.split("Span { start: ").skip(1) {
        let number = |s: &str| s.chars().take_while(char::is_ascii_digit).collect::<String>();
        let start: usize = number(piece).parse().expect("a start");
        let rest = piece.split_once("end: ").expect("an end").1;
        let end: usize = number(rest).parse().expect("an end");
        let rest = rest.split_once("file: ").expect("a file").1;
        assert_eq!(number(rest), file.to_string());
        check_span(Span::new(start, end), text);
    }
}

pub(crate) fn check_span(span: Span, text: &str) {
    assert!(
        text.get(span.start as usize..span.end as usize).is_some(),
        "{span:?} is not inside the text of {} bytes",
        text.len()
    );
}
