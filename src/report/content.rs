//! The results of a command, as data: the same content becomes the lines on the screen, the files of a run
//! directory, the page `report.html` and the JSON of `--json`.

use super::draw::Drawing;
use super::equations::Equations;
use super::lines;
use super::npy::GridFunction;
use super::number;
use super::plot::Picture;
use super::table::Table;
use crate::diag::{Diagnostic, Severity};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// The outcome of a solve, a simulation, a training or a comparison.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Name of the model.
    pub model: String,
    /// Title of the model.
    pub title: String,
    /// What was done, in a few words: `solved by endogenous grid method`.
    pub headline: String,
    /// Facts in order, pairs of name and value as text: method, concept, iterations, time.
    pub facts: Vec<(String, String)>,
    /// The certificate, one entry per line in order; empty where nothing is certified.
    pub certificate: Vec<Check>,
    /// Functions on grids (policies, values), one set per grid.
    pub functions: Vec<FunctionSet>,
    /// Tables, in the order shown.
    pub tables: Vec<NamedTable>,
    /// Pictures, in the order shown.
    pub pictures: Vec<NamedPicture>,
    /// Why there is no picture, where there is none.
    pub no_plots: String,
    /// The equations of the model.
    pub equations: Option<Equations>,
    /// The drawing of the model.
    pub drawing: Option<Drawing>,
    /// Warnings and errors met on the way, in order.
    pub diagnostics: Vec<Diagnostic>,
    /// Runs that stand beside the report, by their directories: where a table names one, the page leads to its report.
    pub runs: Vec<String>,
    /// Further files of the run directory, pairs of name and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// Numbers for tables over several runs that no line above holds under a name of its own: pairs of column name and
    /// value.
    pub numbers: Vec<(String, f64)>,
}

/// How the line of the certificate begins that names the best constant policy, with its numbers behind.
pub const BEST_CONSTANT: &str = "best constant ";

/// One line of the certificate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What is measured: `Euler error, maximum`.
    pub name: String,
    /// What was found.
    pub measured: f64,
    /// How to read it: the number on the screen if the plain value would not do (`10^-5.2`, `0.3 %`).
    pub shown: Option<String>,
    /// What is allowed: `at most 1e-4`; empty for a line that informs.
    pub bound: String,
    /// Whether it holds; `None` for a line that informs.
    pub pass: Option<bool>,
    /// What it means, or where the worst point is; may be empty.
    pub note: String,
}

/// How the note of a line begins whose estimate lies within two standard errors of its limit: it neither holds nor fails,
/// and does not count as a pass.
pub const CANNOT_TELL: &str = "cannot tell";

/// Functions on one grid; one archive and one table.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionSet {
    /// File stem: `solution`.
    pub stem: String,
    /// The functions, all on the same axes, one entry per function.
    pub functions: Vec<GridFunction>,
}

/// A table of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTable {
    /// File stem: `moments`.
    pub stem: String,
    /// Caption.
    pub caption: String,
    /// The table.
    pub table: Table,
    /// Rows shown on the screen; 0 keeps it to the files.
    pub on_screen: usize,
}

/// A picture of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedPicture {
    /// File stem: `policy-c`.
    pub stem: String,
    /// The picture.
    pub picture: Picture,
}

impl Check {
    /// What was found, for people.
    pub fn measured_text(&self) -> String {
        self.shown.clone().unwrap_or_else(|| number::compact(self.measured))
    }

    /// What `measured` is in: `log10` of what the screen shows as a power of ten, a `share` of what it shows in per cent; else nothing.
    pub fn unit(&self) -> &'static str {
        match &self.shown {
            Some(s) if s.starts_with("10^") => "log10",
            Some(s) if s.contains('%') => "share",
            _ => "",
        }
    }

    /// Whether it neither holds nor fails.
    pub fn undecided(&self) -> bool {
        self.pass == Some(false) && self.note.starts_with(CANNOT_TELL)
    }
}

impl Content {
    /// Whether nothing failed: no line of the certificate, no error.
    pub fn passes(&self) -> bool {
        self.certificate.iter().all(|c| c.pass != Some(false))
            && self.diagnostics.iter().all(|d| d.severity != Severity::Error)
    }

    /// Whether the certificate holds; `None` if nothing in it was asked to.
    pub fn verdict(&self) -> Option<bool> {
        let judged: Vec<bool> = self.certificate.iter().filter_map(|c| c.pass).collect();
        (!judged.is_empty()).then(|| judged.iter().all(|p| *p))
    }

    /// The certificate as a table.
    pub fn certificate_table(&self) -> Table {
        let texts = |f: &dyn Fn(&Check) -> String| self.certificate.iter().map(f).collect::<Vec<String>>();
        Table::new()
            .texts("check", texts(&|c| c.name.clone()))
            .numbers("measured", self.certificate.iter().map(|c| c.measured).collect())
            .texts("unit", texts(&|c| c.unit().to_string()))
            .texts("bound", texts(&|c| c.bound.clone()))
            .texts(
                "holds",
                texts(&|c| {
                    match c.pass {
                        Some(true) => "yes",
                        Some(false) if c.undecided() => CANNOT_TELL,
                        Some(false) => "no",
                        None => "",
                    }
                    .to_string()
                }),
            )
            .texts("note", texts(&|c| c.note.clone()))
    }

    /// The lines for the screen, at most `width` wide; `color`: with marks in green and red. Without diagnostics, which
    /// are rendered where the source is at hand.
    pub fn screen(&self, width: usize, color: bool) -> String {
        let mut out = String::new();
        let title = if self.title.is_empty() {
            &self.model
        } else {
            &self.title
        };
        let bold = |out: &mut String, text: &str| {
            for line in lines::wrapped(text, width) {
                out.push_str(&format!("{}\n", paint(&line, "1", color)));
            }
        };
        bold(&mut out, title);
        if !self.headline.is_empty() {
            out.push_str(&lines::within(&format!("{}\n", self.headline), width));
        }
        push_facts(&mut out, &self.facts, width);
        if !self.certificate.is_empty() {
            out.push('\n');
            self.push_certificate(&mut out, width, color);
        }
        for table in self.tables.iter().filter(|t| t.on_screen > 0) {
            out.push('\n');
            bold(&mut out, &table.caption);
            out.push_str(&table.table.to_text(width, table.on_screen));
        }
        out
    }

    fn push_certificate(&self, out: &mut String, width: usize, color: bool) {
        let heading = match self.verdict() {
            Some(true) => format!("{} {}", paint("Certificate", "1", color), paint("holds", "32", color)),
            Some(false) if self.certificate.iter().all(|c| c.pass != Some(false) || c.undecided()) => {
                format!(
                    "{} {}",
                    paint("Certificate", "1", color),
                    paint("CANNOT TELL", "1;31", color)
                )
            }
            Some(false) => format!("{} {}", paint("Certificate", "1", color), paint("FAILS", "1;31", color)),
            None => format!("{}: no limit was set", paint("Not judged", "1", color)),
        };
        out.push_str(&format!("{heading}\n"));
        let column = |f: &dyn Fn(&Check) -> usize| self.certificate.iter().map(f).max().unwrap_or(0);
        let name = column(&|c| c.name.width());
        let measured = column(&|c| c.measured_text().width());
        for check in &self.certificate {
            let mark = match check.pass {
                Some(true) => paint("✓", "32", color),
                Some(false) if check.undecided() => paint("?", "1;31", color),
                Some(false) => paint("✗", "1;31", color),
                None => "·".to_string(),
            };
            let head = format!(
                "{}  {}",
                padded(&check.name, name),
                right(&check.measured_text(), measured)
            );
            let rest = [check.bound.as_str(), check.note.as_str()];
            let rest: Vec<&str> = rest.into_iter().filter(|t| !t.is_empty()).collect();
            let head = if rest.is_empty() { head } else { format!("{head}  ") };
            let found = lines::beside(&head, &rest.join("; "), width.saturating_sub(4), 2);
            for (i, line) in found.iter().enumerate() {
                let mark = if i == 0 { mark.as_str() } else { " " };
                out.push_str(&format!("  {mark} {line}\n"));
            }
        }
    }

    /// The numbers that sum this up in a line, pairs of column name and value: returns, means of moments, what the
    /// certificate measured.
    pub fn headline_numbers(&self) -> Vec<(String, f64)> {
        use super::table::Values;
        let mut out = Vec::new();
        let mut from = |stem: &str, of: &str, columns: &[(&str, &str)]| {
            for named in self.tables.iter().filter(|t| t.stem == stem) {
                let column = |name: &str| named.table.columns().iter().find(|c| c.name == name).map(|c| &c.values);
                let Some(Values::Texts(names)) = column(of) else {
                    continue;
                };
                for (name, short) in columns {
                    if let Some(Values::Numbers(x)) = column(name) {
                        out.extend(names.iter().zip(x).map(|(n, x)| (format!("{short} {n}"), *x)));
                    }
                }
            }
        };
        from(
            "returns",
            "agent",
            &[("sum of rewards", "total"), ("discounted", "discounted")],
        );
        from("moments", "name", &[("mean", "mean")]);
        // A line whose name holds a number would be a column of one run alone.
        let lines = self.certificate.iter().filter(|c| !c.name.starts_with(BEST_CONSTANT));
        out.extend(lines.map(|c| (with_unit(&c.name, c.unit()), c.measured)));
        out.extend(self.numbers.iter().cloned());
        out
    }

    /// The content without pictures and arrays, for programs.
    pub fn to_json(&self) -> serde_json::Value {
        let facts: serde_json::Map<String, serde_json::Value> =
            self.facts.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
        let tables: serde_json::Map<String, serde_json::Value> = self
            .tables
            .iter()
            .filter(|t| t.on_screen > 0)
            .map(|t| (t.stem.clone(), table_json(&t.table)))
            .collect();
        serde_json::json!({
            "model": self.model,
            "title": self.title,
            "headline": self.headline,
            "passes": self.passes(),
            "judged": self.verdict().is_some(),
            "facts": facts,
            "certificate": self.certificate,
            "tables": tables,
        })
    }
}

/// The name of a line of a certificate as the head of a column of its numbers: logarithms say so.
pub fn with_unit(name: &str, unit: &str) -> String {
    match unit {
        "log10" => format!("{name}, log10"),
        _ => name.to_string(),
    }
}

/// Columns by name; numbers that JSON does not have are null.
fn table_json(table: &Table) -> serde_json::Value {
    use super::table::Values;
    let columns = table.columns().iter().map(|c| {
        let cells = match &c.values {
            Values::Numbers(v) => serde_json::json!(v),
            Values::Gaps(v) => serde_json::json!(v),
            Values::Integers(v) => serde_json::json!(v),
            Values::Texts(v) => serde_json::json!(v),
        };
        (c.name.clone(), cells)
    });
    serde_json::Value::Object(columns.collect())
}

fn push_facts(out: &mut String, facts: &[(String, String)], width: usize) {
    let wide = facts.iter().map(|f| f.0.width()).max().unwrap_or(0);
    for (name, value) in facts {
        for line in lines::beside(&format!("  {}  ", padded(name, wide)), value, width, 4) {
            out.push_str(&line);
            out.push('\n');
        }
    }
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}

/// `text` in an ANSI style.
fn paint(text: &str, style: &str, color: bool) -> String {
    if color {
        format!("\u{1b}[{style}m{text}\u{1b}[0m")
    } else {
        text.to_string()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::npy::{GridAxis, Points};
    use crate::report::plot::of_grid_function;

    pub(in crate::report) fn sample() -> Content {
        let k: Vec<f64> = (0..40).map(|i| 0.5 + 0.5 * f64::from(i)).collect();
        let axes = vec![
            GridAxis {
                name: "z".into(),
                points: Points::Labels(vec!["low".into(), "high".into()]),
            },
            GridAxis {
                name: "k".into(),
                points: Points::Numbers(k.clone()),
            },
        ];
        let values = (0..80)
            .map(|i| k[i % 40].sqrt() * (1.0 + (i / 40) as f64 * 0.1))
            .collect();
        let consumption = GridFunction::new("c", axes, values).unwrap();
        let check = |name: &str, measured: f64, bound: &str, pass: Option<bool>, note: &str| Check {
            name: name.into(),
            measured,
            shown: None,
            bound: bound.into(),
            pass,
            note: note.into(),
        };
        Content {
            model: "growth".into(),
            title: "Stochastic growth <&>".into(),
            headline: "solved by the endogenous grid method as planner".into(),
            facts: vec![
                ("iterations".into(), "212".into()),
                ("grid".into(), "k: 200 points, z: 2 states".into()),
                ("time".into(), number::duration(0.031)),
            ],
            certificate: vec![
                check("Bellman residual, maximum", 3.2e-9, "at most 1e-6", Some(true), ""),
                check(
                    "Euler error, maximum",
                    7.7e-5,
                    "at most 1e-3",
                    Some(true),
                    "at k = 0.52, z = low",
                ),
                check("mass at grid edges", 0.0, "at most 0.001", Some(true), ""),
                check("gain from the best deviation", 1.4e-8, "", None, "share of consumption"),
            ],
            functions: vec![FunctionSet {
                stem: "solution".into(),
                functions: vec![consumption.clone()],
            }],
            tables: vec![NamedTable {
                stem: "moments".into(),
                caption: "Moments of a simulation of 10 000 periods".into(),
                table: Table::new()
                    .texts("variable", vec!["k".into(), "c".into()])
                    .numbers("mean", vec![5.1234, 1.2])
                    .numbers("standard deviation", vec![0.44, 0.033]),
                on_screen: 10,
            }],
            pictures: of_grid_function(&consumption, &|_| String::new())
                .into_iter()
                .map(|picture| NamedPicture {
                    stem: "policy-c".into(),
                    picture,
                })
                .collect(),
            no_plots: String::new(),
            equations: None,
            drawing: None,
            diagnostics: vec![Diagnostic::warning("W0999", "a <warning>")],
            runs: Vec::new(),
            files: Vec::new(),
            numbers: Vec::new(),
        }
    }

    #[test]
    fn the_screen_shows_title_facts_marks_and_tables_aligned() {
        let mut content = sample();
        let text = content.screen(100, false);
        assert!(text.starts_with("Stochastic growth"));
        assert_eq!(text.matches('✓').count(), 3);
        assert!(text.contains("Certificate holds") && text.contains("· gain from"));
        let at = |word: &str| text.lines().find_map(|l| l.find(word).map(|b| l[..b].width())).unwrap();
        assert_eq!(at("at most 1e-6"), at("at most 1e-3"));
        content.certificate[1].pass = Some(false);
        assert!(!content.passes());
        assert!(content.screen(100, false).contains("Certificate FAILS"));
        content.certificate.iter_mut().for_each(|c| c.pass = None);
        let text = content.screen(100, false);
        assert!(text.contains("Not judged") && !text.contains("Certificate"), "{text}");
        assert_eq!(
            (content.verdict(), content.to_json()["judged"].as_bool()),
            (None, Some(false))
        );
        for width in [30, 40, 60, 80, 120] {
            let text = content.screen(width, false);
            assert!(text.lines().all(|l| l.width() <= width), "{width}:\n{text}");
            assert!(!text.contains('…') && text.contains("share of consumption"), "{text}");
        }
    }
}
