//! Shows diagnostics as text with the source lines (codespan-reporting), and tells the lines and columns of those in JSON.
//!
//! Sources are given by the caller, in the order of [`Span::file`]; nothing is read from disk. A span that does not fit
//! its source is cut to it, so that a message is shown in any case.

use codespan_reporting::diagnostic as report;
use codespan_reporting::term;
use serde_json::Value;

use super::lines::{Shown, has_long_lines, shortened};
use super::source::{Sources, fitted};
use super::{Diagnostic, Severity, Span};

/// The diagnostics (any length) as text, each with its source lines and an empty line after it; ANSI colours if `colour`.
pub fn text(diagnostics: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let long = has_long_lines(sources);
    let mut files = Shown::new(sources, &[]);
    let config = term::Config {
        tab_width: 2,
        ..term::Config::default()
    };
    let mut out = String::new();
    for diagnostic in diagnostics {
        if long {
            let labels = diagnostic.primary.iter().chain(&diagnostic.secondary);
            let spans: Vec<Span> = labels.map(|(span, _)| *span).collect();
            files = Shown::new(sources, &spans);
        }
        let report = to_report(diagnostic, sources, &files);
        let shown = if colour {
            let mut buffer = term::termcolor::Buffer::ansi();
            term::emit_to_write_style(&mut buffer, &config, &files, &report)
                .ok()
                .and_then(|()| String::from_utf8(buffer.into_inner()).ok())
        } else {
            term::emit_into_string(&config, &files, &report).ok()
        };
        match shown {
            Some(text) => out.push_str(&text),
            None => out.push_str(&one_line(diagnostic, sources)),
        }
    }
    out
}

/// `growth.econ:3:8: error[E0101]: expected an expression`
pub fn one_line(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let place = diagnostic
        .primary
        .as_ref()
        .and_then(|(span, _)| sources.place(*span))
        .map_or(String::new(), |p| format!("{}:{}:{}: ", p.file, p.line, p.column));
    format!(
        "{place}{}[{}]: {}\n",
        word(diagnostic.severity),
        diagnostic.code,
        diagnostic.headline
    )
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn to_report(diagnostic: &Diagnostic, sources: &Sources, files: &Shown) -> report::Diagnostic<usize> {
    let severity = match diagnostic.severity {
        Severity::Error => report::Severity::Error,
        Severity::Warning => report::Severity::Warning,
    };
    let mut notes = Vec::new();
    let mut labels = Vec::new();
    let styled = diagnostic
        .primary
        .iter()
        .map(|label| (report::LabelStyle::Primary, label))
        .chain(
            diagnostic
                .secondary
                .iter()
                .map(|label| (report::LabelStyle::Secondary, label)),
        );
    for (style, (span, message)) in styled {
        match sources.get(*span) {
            Some(source) => {
                let file = usize::from(span.file);
                let range = files.range(file, fitted(&source.text, *span));
                labels.push(report::Label::new(style, file, range).with_message(shortened(message)));
            }
            // A span into a source that the caller has not given.
            None => notes.push(shortened(message).into_owned()),
        }
    }
    notes.extend(diagnostic.notes.iter().map(|n| shortened(n).into_owned()));
    if let Some(hint) = &diagnostic.hint {
        notes.push(shortened(&format!("hint: {hint}")).into_owned());
    }
    report::Diagnostic::new(severity)
        .with_code(&diagnostic.code)
        .with_message(shortened(&diagnostic.headline))
        .with_labels(labels)
        .with_notes(notes)
}

/// Adds to the messages of a JSON value (every list under a key `diagnostics`) where their labels stand: `line`, `column`, `end_line`
/// and `end_column` beside the bytes of each span, counted from 1 in characters. `sources` gives the texts of a message by the
/// name of its file, where it names one.
pub fn located(value: &mut Value, sources: &dyn Fn(Option<&str>) -> Option<Sources>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|v| located(v, sources)),
        Value::Object(fields) => {
            for (key, field) in fields {
                match (key.as_str(), field) {
                    ("diagnostics", Value::Array(messages)) => messages.iter_mut().for_each(|d| place(d, sources)),
                    (_, field) => located(field, sources),
                }
            }
        }
        _ => {}
    }
}

/// Adds the places of one message.
fn place(message: &mut Value, sources: &dyn Fn(Option<&str>) -> Option<Sources>) {
    let Some(sources) = sources(message["file"].as_str()) else {
        return;
    };
    let add = |label: &mut Value| {
        let span = serde_json::from_value::<Span>(label[0].clone()).ok();
        if let Some(at) = span.and_then(|s| sources.place(s)) {
            let numbers = [
                ("line", at.line),
                ("column", at.column),
                ("end_line", at.end_line),
                ("end_column", at.end_column),
            ];
            numbers.into_iter().for_each(|(name, n)| label[0][name] = n.into());
        }
    };
    if message["primary"].is_array() {
        add(&mut message["primary"]);
    }
    if let Some(labels) = message["secondary"].as_array_mut() {
        labels.iter_mut().for_each(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Vec<Diagnostic>, Sources) {
        let source = "model m\nlet größe = a b\n";
        let at = source.find("b\n").map_or(0, |i| i);
        let diagnostic = Diagnostic::error("E0101", "expected an operator, found `b`")
            .at(Span::new(at, at + 1), "expected an operator")
            .and(Span::new(8, 11), "in this statement")
            .note("a note")
            .hint("write `a * b`");
        (vec![diagnostic], Sources::new("m.econ", source))
    }

    #[test]
    fn text_shows_code_source_line_and_hint() {
        let (diagnostics, sources) = example();
        let text = text(&diagnostics, &sources, false);
        assert!(text.starts_with("error[E0101]: expected an operator, found `b`"));
        for part in [
            "m.econ:2:15",
            "let größe = a b",
            "^ expected an operator",
            "a note",
            "hint: write `a * b`",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
        let coloured = super::text(&diagnostics, &sources, true);
        assert!(coloured.contains('\u{1b}'));
    }

    #[test]
    fn json_has_lines_and_columns_in_characters() {
        let (diagnostics, sources) = example();
        let mut value = serde_json::json!({ "runs": [{ "diagnostics": diagnostics }] });
        located(&mut value, &|_| Some(sources.clone()));
        let message = &value["runs"][0]["diagnostics"][0];
        assert_eq!(message["code"], "E0101");
        assert_eq!(message["primary"][0]["line"], 2);
        assert_eq!(message["primary"][0]["column"], 15);
        assert_eq!(message["primary"][0]["end_column"], 16);
        assert_eq!(message["secondary"][0][0]["line"], 2);
        assert_eq!(message["secondary"][0][1], "in this statement");
        assert_eq!(message["hint"], "write `a * b`");
    }

    #[test]
    fn a_long_line_is_cut_around_what_is_pointed_at() {
        let source = format!("a\n{} wrong {}\nlast", "é+".repeat(200_000), "x".repeat(400_000));
        let at = source.find("wrong").map_or(0, |i| i);
        let sources = Sources::new("m.econ", source.as_str());
        let far = Span::new(source.len() - 8, source.len() - 6);
        let d = Diagnostic::error("E0201", format!("unknown name `{}`", "n".repeat(9000)))
            .at(Span::new(at, at + 5), "here")
            .and(Span::new(source.len() - 4, source.len()), "there")
            .and(far, "far away")
            .note("z".repeat(50_000));
        let shown = text(&[d], &sources, false);
        assert!(shown.len() < 8000, "{}", shown.len());
        for part in [
            "m.econ:2:400002",
            "+ wrong xxx",
            "^^^^^",
            " here",
            "3 │ last",
            "---- there",
            "far away",
        ] {
            assert!(shown.contains(part), "{part} is missing in\n{shown}");
        }
        // A span over everything.
        let all = Diagnostic::error("E0103", "never closed").at(Span::new(0, source.len()), "all of it");
        assert!(text(&[all], &sources, false).len() < 4000);
    }

    #[test]
    fn a_span_outside_its_source_is_cut() {
        let sources = Sources::new("m", "aé");
        let far = Diagnostic::error("E0101", "far").at(Span::new(2, 999), "cut");
        let lost = Diagnostic::error("E0101", "lost").at(
            Span {
                file: 7,
                ..Span::new(0, 1)
            },
            "another file",
        );
        let shown = text(&[far, lost], &sources, false);
        assert!(shown.contains("cut") && shown.contains("another file"));
        assert_eq!(sources.text(Span::new(0, 2)), "a");
    }
}
