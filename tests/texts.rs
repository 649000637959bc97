//! Every text of the language in the repository reads without an error: models, lessons, library, book.

use econc::diag::Diagnostic;
use econc::syntax::parser::parse;
use std::fs;
use std::path::{Path, PathBuf};

fn econ_files(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
            .map(|e| e.expect("readable entry").path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "econ") {
                out.push(path);
            }
        }
    }
    let mut out = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut out);
    out
}

fn show(source: &str, diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .iter()
        .map(|d| {
            let line = d
                .primary
                .as_ref()
                .map_or(0, |(s, _)| source[..s.start as usize].lines().count());
            format!("  line {line}: {} {}\n", d.code, d.headline)
        })
        .collect()
}

/// Fenced blocks that open with exactly this word after the fence.
fn fenced<'t>(text: &'t str, opening: &str) -> Vec<&'t str> {
    let mut out = Vec::new();
    let mut rest = text;
    let start = format!("```{opening}\n");
    while let Some(at) = rest.find(&start) {
        let body = &rest[at + start.len()..];
        let end = body.find("```").expect("the fence closes");
        out.push(&body[..end]);
        rest = &body[end + 3..];
    }
    out
}

fn assert_reads(name: &str, source: &str, faults: &mut String) {
    let (_, diagnostics) = if name.contains("/std/") {
        let (_, found) = parse(source, 1);
        (None, found)
    } else {
        econc::compile(source, &econc::Options::default())
    };
    if !diagnostics.is_empty() {
        faults.push_str(&format!("{name}\n{}", show(source, &diagnostics)));
    }
}

#[test]
fn every_licence_of_the_package_stands_beside_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = fs::read_to_string(root.join("Cargo.toml")).expect("the package");
    let line = package
        .lines()
        .find(|l| l.starts_with("license = "))
        .expect("a licence");
    let names: Vec<&str> = line.split('"').nth(1).expect("its names").split(" OR ").collect();
    assert_eq!(names, ["MIT", "Apache-2.0"]);
    for name in names {
        let file = format!("LICENSE-{}", name.split('-').next().expect("a word").to_uppercase());
        let text = fs::read_to_string(root.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(text.contains("Permission") || text.contains("Apache License"), "{file}");
    }
}

#[test]
fn models_lessons_and_library_read_without_a_message() {
    let mut faults = String::new();
    for folder in ["models", "examples", "std"] {
        let files = econ_files(folder);
        assert!(!files.is_empty(), "no .econ file under {folder}/");
        for path in files {
            let source = fs::read_to_string(&path).expect("readable file");
            assert_reads(&path.display().to_string(), &source, &mut faults);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn whole_models_of_the_book_read_without_a_message() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = String::new();
    for page in ["docs/language.md", "README.md"] {
        let text = fs::read_to_string(root.join(page)).expect("readable page");
        let blocks = fenced(&text, "econ");
        assert!(!blocks.is_empty(), "no model in {page}");
        for (i, source) in blocks.iter().enumerate() {
            assert_reads(&format!("{page}, block {}", i + 1), source, &mut faults);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_model_has_its_expected_numbers_and_cites_a_source() {
    for path in econ_files("models") {
        let source = fs::read_to_string(&path).expect("readable file");
        assert!(source.starts_with("# "), "{}: opens with its source", path.display());
        assert!(
            path.with_extension("toml").exists(),
            "{}: no expected numbers",
            path.display()
        );
    }
}

#[test]
fn the_book_lists_every_key_of_every_settings_block() {
    let book = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/language.md")).expect("the book");
    let from = |heading: &str| {
        let at = book.find(heading).unwrap_or_else(|| panic!("no {heading}"));
        let table = book[at..].split_once("|---|---|---|---|\n").expect("a table").1;
        table.lines().take_while(|l| l.starts_with('|')).collect::<Vec<&str>>()
    };
    let own = econc::learn::methods::LEARNERS.iter().flat_map(|l| l.keys);
    let train: Vec<econc::check::settings::Key> =
        econc::learn::settings::DRIVER_KEYS.iter().chain(own).copied().collect();
    for (heading, keys) in [
        ("Keys of `solve`", econc::check::SOLVE_KEYS),
        ("Keys of `train`", &train),
        ("Keys of `verify`", econc::check::VERIFY_KEYS),
    ] {
        let rows = from(heading);
        let listed: Vec<&str> = rows.iter().map(|r| r.split('`').nth(1).unwrap_or("")).collect();
        let known: Vec<String> = keys.iter().map(|k| k.name.replace('*', "NAME")).collect();
        assert_eq!(listed, known, "{heading}");
        for (row, key) in rows.iter().zip(keys) {
            let default = row.split(" | ").nth(2).unwrap_or("").replace('`', "");
            assert_eq!(default, key.default.replace('`', ""), "{row}");
        }
    }
    let section = &book[book.find("Keys of `train`").expect("learners")..];
    for learner in econc::learn::methods::LEARNERS {
        assert!(section.contains(&format!("`{}`", learner.method)), "{}", learner.method);
    }
}

/// What newcomers write from habit gets what to type.
#[test]
fn words_of_other_languages_are_told_what_they_are_here() {
    let frame = |line: &str| {
        format!(
            "agent p {{\n  state k in [0, 9], start 1\n  action c in [0, 1]\n  {line}\n  k' = 0.5 * k + c\n  reward -(k - c)^2\n  discount 0.9\n}}\n"
        )
    };
    for (line, wanted) in [
        ("utility log(c)", "reward log(c)"),
        ("control d in [0, 1]", "`action d in [0, 1]`"),
        ("beta 0.9", "`discount 0.9`"),
        ("constraint c >= 0", "require c >= 0"),
        ("k[t+1] = k", "`k' = ..`"),
        ("k(t+1) = k", "`k' = ..`"),
        ("let y = ln(k)", "`log(x)`"),
        ("let y = E(k)", "solvers take expectations"),
        ("require c > 0 else stop", "`end`"),
    ] {
        let (_, messages) = econc::compile(&frame(line), &econc::Options::default());
        let said = messages
            .iter()
            .any(|d| d.hint.as_ref().is_some_and(|h| h.contains(wanted)) || d.headline.contains(wanted));
        assert!(said, "{line}: {messages:?}");
    }
    let (_, messages) = econc::compile("use std.market\nparam a = 1\n", &econc::Options::default());
    assert!(
        messages
            .iter()
            .any(|d| d.hint.as_ref().is_some_and(|h| h.contains("std.markets.{"))),
        "{messages:?}"
    );
}

/// What cannot be seen is refused where a reader would not find it; every script is welcome.
#[test]
fn characters_that_cannot_be_seen_are_refused_in_comments_and_descriptions() {
    let frame = |text: &str| {
        format!("# a model {text}\nagent p {{\n  action c in [0, 1] \"share {text}\"\n  reward -(c - 0.3)^2\n}}\n")
    };
    for hidden in [
        '\u{202E}', '\u{2066}', '\u{200F}', '\u{0}', '\u{1b}', '\u{200B}', '\u{FEFF}', '\u{7f}',
    ] {
        let (_, messages) = econc::compile(&frame(&hidden.to_string()), &econc::Options::default());
        let codes: Vec<&str> = messages.iter().map(|d| d.code.as_str()).collect();
        assert_eq!(codes, ["E0119", "E0119"], "{hidden:?}: {messages:?}");
        assert!(messages.iter().all(|d| d.primary.is_some() && d.hint.is_some()));
    }
    for seen in [
        "é ß",
        "資本",
        "капитал",
        "رأس المال",
        "می‌خواهم",
        "हिन्दी",
        "x² → ∞",
        "\t",
    ] {
        let (_, messages) = econc::compile(&frame(seen), &econc::Options::default());
        assert!(messages.is_empty(), "{seen}: {messages:?}");
    }
}

/// Every message of the checker says what to type, or what was probably meant.
#[test]
fn every_message_of_the_checker_has_a_hint() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check/errors");
    let files = std::fs::read_dir(folder).expect("the messages");
    let texts = files.map(|f| std::fs::read_to_string(f.expect("an entry").path()).expect("a source"));
    let source = texts.collect::<Vec<_>>().join("\n");
    let mut count = 0;
    for function in source.split("\npub").skip(1) {
        let (head, body) = function.split_once('{').unwrap_or((function, ""));
        if !head.contains("-> Diagnostic") {
            continue;
        }
        count += 1;
        let told = ["hint(", "with_guess(", "negative_scale("]
            .iter()
            .any(|w| body.contains(w));
        assert!(told, "no hint: {head}");
    }
    assert!(count > 150, "{count} messages");
}
