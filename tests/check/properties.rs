//! Properties of any text through `compile`: no panic, spans inside, an error or a model; what is accepted prints, reparses
//! and is stored and read back to the same model. `ECONC_CASES` sets the number of cases of each strategy.

use super::{check_with, files, show};
use econc::diag::{Diagnostic, Severity};
use econc::{Model, syntax};
use proptest::prelude::*;
use std::sync::LazyLock;

fn config() -> ProptestConfig {
    let cases = std::env::var("ECONC_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(if cfg!(debug_assertions) { 500 } else { 2000 });
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// `set` is what was typed behind `--set`: sources 2, 3, ..
fn check_message(d: &Diagnostic, text: &str, set: &[(String, String)]) {
    for (span, label) in d.primary.iter().chain(&d.secondary) {
        assert!(!label.contains('\u{1}'), "{d:?}");
        let text = match span.file {
            0 => text,
            1 => econc::MARKET_LIBRARY,
            n => set[usize::from(n) - 2].1.as_str(),
        };
        let (a, b) = (span.start as usize, span.end as usize);
        assert!(a <= b && b <= text.len(), "{d:?}");
        assert!(text.is_char_boundary(a) && text.is_char_boundary(b), "{d:?}");
    }
    let words = format!("{}{:?}{:?}", d.headline, d.notes, d.hint);
    assert!(!words.contains('\u{1}') && !words.contains("\\u{1}"), "{d:?}");
    assert!(!d.headline.is_empty() && d.code.len() == 5, "{d:?}");
}

/// Compiles a text: there is a model exactly where there is no error, and every message is whole.
fn check_any(text: &str) {
    check_any_with(text, Vec::new());
}

fn check_any_with(text: &str, set: Vec<(String, String)>) {
    let options = econc::Options {
        set: set.clone(),
        ..econc::Options::default()
    };
    let (model, diagnostics) = econc::compile(text, &options);
    for d in &diagnostics {
        check_message(d, text, &set);
    }
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(model.is_none(), failed, "{}", show(&diagnostics));
}

/// The model as text without spans.
fn content(m: &Model) -> String {
    let mut v: serde_json::Value = serde_json::from_str(&m.to_json().expect("writes")).expect("JSON");
    fn strip(v: &mut serde_json::Value) {
        match v {
            serde_json::Value::Object(o) => {
                o.remove("span");
                o.remove("spans");
                if o.get("block")
                    .is_some_and(|b| b == "solve" || b == "train" || b == "verify")
                    && let Some(serde_json::Value::Array(entries)) = o.get_mut("entries")
                {
                    entries.iter_mut().for_each(|e| {
                        if let serde_json::Value::Array(e) = e {
                            e.truncate(2);
                        }
                    });
                }
                o.values_mut().for_each(strip);
            }
            serde_json::Value::Array(xs) => xs.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut v);
    v.to_string()
}

fn programs() -> &'static [(String, String)] {
    static PROGRAMS: LazyLock<Vec<(String, String)>> = LazyLock::new(read_programs);
    &PROGRAMS
}

fn read_programs() -> Vec<(String, String)> {
    let mut out = Vec::new();
    for folder in ["models", "tests/corpus/sketches"] {
        out.extend(files(folder).into_iter().map(|(p, s)| (p.display().to_string(), s)));
    }
    out
}

#[test]
fn printing_and_reparsing_gives_the_same_model() {
    for (name, source) in programs() {
        let Some(model) = check_with(source, &[]).0 else {
            panic!("{name}");
        };
        let printed = syntax::format::print(&syntax::parser::parse(source, 0).0);
        let again = check_with(&printed, &[])
            .0
            .unwrap_or_else(|| panic!("{name}\n{printed}"));
        assert_eq!(content(&model), content(&again), "{name}");
    }
}

#[test]
fn models_are_stored_and_read_back_equal() {
    for (name, source) in programs() {
        let Some(model) = check_with(source, &[]).0 else {
            panic!("{name}");
        };
        let ron = model.to_ron().expect("writes");
        assert_eq!(
            Model::from_ron(&ron)
                .unwrap_or_else(|e| panic!("{name}: {e}"))
                .to_ron()
                .expect("writes"),
            ron
        );
        let json = model.to_json().expect("writes");
        let read = Model::from_json(&json).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(read.to_json().expect("writes"), json);
        assert_eq!(read.graph, model.graph, "{name}");
        let newer = json.replacen("\"version\":1", "\"version\":999", 1);
        assert!(Model::from_json(&newer).is_err_and(|e| e.to_string().contains("999")));
    }
}

fn lines() -> &'static [String] {
    static LINES: LazyLock<Vec<String>> = LazyLock::new(read_lines);
    &LINES
}

fn read_lines() -> Vec<String> {
    let mut lines: Vec<String> = programs()
        .iter()
        .flat_map(|(_, s)| s.lines().map(String::from).collect::<Vec<_>>())
        .collect();
    lines.retain(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
    lines
}

/// Numbers and words that replace a piece of a program.
const PIECES: &[&str] = &[
    "0",
    "1e9",
    "-1",
    "inf",
    "continuum",
    "1..1000000000",
    "k'",
    "t",
    "sum(",
    "mean(x)",
    "others(firm.p)",
    "last(p)",
    "[0, 1]",
    "{a, b}",
    "normal(0, 1)",
    "markov([1, 2], [[1, 0], [0, 1]])",
    "given",
    "when",
    "x",
    "1e308",
    "999999999999",
    "uniform",
    "steady_state(k)",
    "solve nash(p)",
    "grid(0, 1, 1000000000)",
    "simplex(good)",
    "[i in 1..100000]",
    "[[1]]",
    "ä",
    "\u{1}",
];

/// Names that `--set` may meet beside the parameters of a model.
const SETTINGS: &[&str] = &[
    "method",
    "concept",
    "tolerance",
    "grid.k",
    "grid.",
    "chain.z",
    "concept.planner",
    "members",
    "select",
    "solve.howard",
    "verify.seeds",
    "verify.scenario",
    "train.steps",
    "train.network",
    "train.stop",
    "train.exploration",
    "train.discount",
    "train.",
    "solve",
    "..",
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_replacement(
        which in any::<prop::sample::Index>(), name in any::<prop::sample::Index>(), typed in "\\PC{0,12}", take in any::<bool>(),
        piece in prop::sample::select(PIECES)
    ) {
        let all = programs();
        let text = &all[which.index(all.len())].1;
        let params = text.lines().filter_map(|l| l.trim().strip_prefix("param ")?.split([' ', '[']).next());
        let names: Vec<&str> = params.chain(SETTINGS.iter().copied()).collect();
        let value = if take { piece.to_string() } else { typed };
        check_any_with(text, vec![(names[name.index(names.len())].to_string(), value)]);
    }

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        check_any(&text);
    }

    #[test]
    fn any_lines_of_models(picked in proptest::collection::vec(any::<prop::sample::Index>(), 1..30)) {
        let all = lines();
        let text: Vec<&str> = picked.iter().map(|i| all[i.index(all.len())].as_str()).collect();
        check_any(&text.join("\n"));
    }

    #[test]
    fn models_with_a_line_moved_or_gone(
        which in any::<prop::sample::Index>(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(), gone in any::<bool>()
    ) {
        let all = programs();
        let mut text: Vec<&str> = all[which.index(all.len())].1.lines().collect();
        let (i, j) = (a.index(text.len()), b.index(text.len()));
        if gone { text.remove(i); } else { text.swap(i, j); }
        check_any(&text.join("\n"));
    }

    #[test]
    fn models_with_a_word_replaced(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), piece in prop::sample::select(PIECES)
    ) {
        let all = programs();
        let text = &all[which.index(all.len())].1;
        let words: Vec<(usize, &str)> = text
            .match_indices(|c: char| c.is_alphanumeric())
            .filter(|(i, _)| !text[..*i].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            .collect();
        let (start, _) = words[at.index(words.len())];
        let len = text[start..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len() - start);
        check_any(&format!("{}{piece}{}", &text[..start], &text[start + len..]));
    }

    #[test]
    fn models_with_a_word_from_elsewhere(
        which in any::<prop::sample::Index>(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()
    ) {
        let all = programs();
        let text = &all[which.index(all.len())].1;
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let mut out: Vec<&str> = words.clone();
        out[a.index(words.len())] = words[b.index(words.len())];
        check_any(&out.concat());
    }
}
