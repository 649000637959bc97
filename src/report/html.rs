//! `report.html`: one self-contained page, for a browser, a mail or an appendix.

use super::content::{Check, Content, NamedTable};
use super::night::Colors;
use super::number;
use super::plot::Drawn;
use super::store::Manifest;
use super::table::{Table, Values};
use super::text::escape;
use crate::diag::{Diagnostic, Severity};

/// How it looks, in daylight, at night, on a phone and on paper.
const STYLE: &str = include_str!("page/style.css");
/// The switch of light and dark, the numbers under the pointer and the zoom; without it all is there but these.
const SCRIPT: &str = include_str!("page/script.js");

/// Rows of a table on the page; the rest is in the CSV file.
const MOST_ROWS: usize = 60;
/// The same for tables that are there for other programs.
const FEW_ROWS: usize = 20;

/// The page. `plots`: one pair of file stem and picture per picture, in order.
pub fn page(content: &Content, plots: &[(String, Drawn)], manifest: &Manifest) -> String {
    let title = if content.title.is_empty() {
        &content.model
    } else {
        &content.title
    };
    let mut colors = Colors::default();
    let mut out = format!(
        "<button id=\"theme\" type=\"button\" hidden></button>\n<h1>{}</h1>\n",
        escape(title)
    );
    out.push_str(&format!("<p class=\"sub\">{}</p>\n", escape(&content.headline)));
    facts(&mut out, &content.facts);
    if !content.certificate.is_empty() {
        certificate(&mut out, &content.certificate);
    }
    diagnostics(&mut out, &content.diagnostics);
    if let Some(equations) = &content.equations {
        out.push_str(&format!("<h2>The model</h2>\n{}", equations.html()));
    }
    for named in content.tables.iter().filter(|t| t.on_screen > 0) {
        out.push_str(&format!("<h2>{}</h2>\n", escape(&named.caption)));
        table(&mut out, &named.table, &named.stem, MOST_ROWS, &content.runs);
    }
    if !plots.is_empty() {
        out.push_str("<h2>Plots</h2>\n");
    } else if !content.no_plots.is_empty() {
        out.push_str(&format!(
            "<h2>Plots</h2>\n<p class=\"note\">None: {}</p>\n",
            escape(&content.no_plots)
        ));
    }
    for (stem, drawn) in plots {
        out.push_str(&format!(
            "<figure class=\"plot\" id=\"plot-{}\">{}<script type=\"application/json\">{}</script></figure>\n",
            escape(stem),
            colors.named(&drawn.svg),
            drawn.data.replace('<', "\\u003c")
        ));
    }
    let numbers: Vec<&NamedTable> = content.tables.iter().filter(|t| t.on_screen == 0).collect();
    if !numbers.is_empty() {
        out.push_str("<h2>Numbers of the plots, and more</h2>\n");
    }
    for named in numbers {
        out.push_str(&format!(
            "<details><summary>{}, {}.csv</summary>\n",
            escape(&named.caption),
            escape(&named.stem)
        ));
        table(&mut out, &named.table, &named.stem, FEW_ROWS, &content.runs);
        out.push_str("</details>\n");
    }
    if let Some(drawing) = &content.drawing {
        out.push_str(&format!(
            "<h2>What rests on what</h2>\n<figure class=\"wide\">{}</figure>\n",
            colors.named(&drawing.to_svg(false))
        ));
        table(&mut out, &drawing.to_table(), "model", MOST_ROWS, &[]);
    }
    origin(&mut out, manifest);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{STYLE}{}</style>\n</head>\n<body>\n\
         {out}<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape(title),
        colors.style()
    )
}

fn facts(out: &mut String, facts: &[(String, String)]) {
    out.push_str("<div class=\"box\"><table class=\"facts\">\n");
    for (name, value) in facts {
        out.push_str(&format!(
            "<tr><td>{}</td><td>{}</td></tr>\n",
            escape(name),
            escape(value)
        ));
    }
    out.push_str("</table></div>\n");
}

fn certificate(out: &mut String, checks: &[Check]) {
    let judged: Vec<bool> = checks.iter().filter_map(|c| c.pass).collect();
    let heading = if judged.is_empty() {
        "Not judged: no limit was set".to_string()
    } else {
        let holds = judged.iter().all(|p| *p);
        let open = checks.iter().all(|c| c.pass != Some(false) || c.undecided());
        let (class, word) = match (holds, open) {
            (true, _) => ("good", "holds"),
            (false, true) => ("bad", "cannot tell"),
            (false, false) => ("bad", "fails"),
        };
        format!("Certificate <span class=\"verdict {class}\">{word}</span>")
    };
    out.push_str(&format!(
        "<h2>{heading}</h2>\n<div class=\"box\"><table class=\"certificate\">\n"
    ));
    out.push_str("<tr><th></th><th>check</th><th class=\"n\">measured</th><th>bound</th><th></th></tr>\n");
    for check in checks {
        let mark = match check.pass {
            Some(true) => "<span class=\"yes\">✓</span>",
            Some(false) if check.undecided() => "<span class=\"no\">?</span>",
            Some(false) => "<span class=\"no\">✗</span>",
            None => "",
        };
        out.push_str(&format!(
            "<tr><td>{mark}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"note\">{}</td></tr>\n",
            escape(&check.name),
            escape(&check.measured_text()),
            escape(&check.bound),
            escape(&check.note)
        ));
    }
    out.push_str("</table></div>\n");
}

fn diagnostics(out: &mut String, diagnostics: &[Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    out.push_str("<h2>Messages</h2>\n");
    for d in diagnostics {
        let class = if d.severity == Severity::Error {
            "diagnostic error"
        } else {
            "diagnostic"
        };
        out.push_str(&format!(
            "<div class=\"{class}\"><b>{}</b> {}",
            escape(&d.code),
            escape(&d.headline)
        ));
        for line in d.notes.iter().chain(&d.hint) {
            out.push_str(&format!("<br><span class=\"note\">{}</span>", escape(line)));
        }
        out.push_str("</div>\n");
    }
}

/// A table; a cell that names one of the `runs` beside the page leads to its report.
fn table(out: &mut String, table: &Table, stem: &str, most: usize, runs: &[String]) {
    let numeric: Vec<bool> = table
        .columns()
        .iter()
        .map(|c| !matches!(c.values, Values::Texts(_)))
        .collect();
    let class = |i: usize| if numeric[i] { " class=\"n\"" } else { "" };
    out.push_str("<div class=\"box\"><table>\n<tr>");
    for (i, column) in table.columns().iter().enumerate() {
        out.push_str(&format!("<th{}>{}</th>", class(i), escape(&column.name)));
    }
    out.push_str("</tr>\n");
    for row in table.cells().iter().take(most) {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let text = escape(cell);
            match runs.contains(cell) {
                true => out.push_str(&format!("<td><a href=\"{text}/report.html\">{text}</a></td>")),
                false => out.push_str(&format!("<td{}>{text}</td>", class(i))),
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
    if table.rows() > most {
        out.push_str(&format!(
            "<p class=\"note\">{} more rows in {}.csv</p>\n",
            table.rows() - most,
            escape(stem)
        ));
    }
}

/// How to get this page again. The command, which may name threads and places, and the time stand in the manifest.
fn origin(out: &mut String, manifest: &Manifest) {
    out.push_str("<h2>How this was made</h2>\n");
    let mut facts_of = vec![("econc".to_string(), manifest.econc.clone())];
    // What is made of several runs has no model and no seed of its own.
    if !manifest.model.is_empty() {
        let model = format!("{} (SHA-256 {})", manifest.model, manifest.model_sha256);
        facts_of.push(("model".to_string(), model));
        facts_of.push(("seed".to_string(), manifest.seed.to_string()));
    }
    if !manifest.overrides.is_empty() {
        let list: Vec<String> = manifest.overrides.iter().map(|(k, v)| format!("{k} = {v}")).collect();
        facts_of.push(("set".to_string(), list.join(", ")));
    }
    facts_of.extend(manifest.settings.iter().map(|(k, v)| (k.clone(), v.clone())));
    facts(out, &facts_of);
    if !manifest.files.is_empty() {
        out.push_str("<h2>Files</h2>\n<div class=\"box\"><table>\n");
        // A run that was stopped after its report was written lists it already; no page lists itself.
        for file in manifest.files.iter().filter(|f| f.name != "report.html") {
            out.push_str(&format!(
                "<tr><td><code>{}</code></td><td class=\"n\">{}</td></tr>\n",
                escape(&file.name),
                number::bytes(file.bytes)
            ));
        }
        out.push_str("</table></div>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_self_contained_and_escaped() {
        let content = crate::report::content::tests::sample();
        let drawn = content.pictures[0].picture.drawn().unwrap();
        let manifest = Manifest::new(
            vec!["econc".into(), "solve".into(), "a<b>.econ".into()],
            "a<b>.econ",
            b"",
            1,
            "2025-01-01T00:00:00Z",
        );
        let html = page(&content, &[("c".into(), drawn)], &manifest);
        assert!(html.contains("Stochastic growth &lt;&amp;&gt;") && !html.contains("a<b>"));
        assert!(html.contains("Certificate <span class=\"verdict good\">holds"));
        assert!(html.contains("a &lt;warning&gt;"));
        for outside in ["src=", "href=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
        for tag in ["table", "tr", "td", "figure", "svg", "h2", "div", "script"] {
            let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
            let opened = html.matches(&format!("{open} ")).count() + html.matches(&format!("{open}>")).count();
            assert_eq!(opened, html.matches(&close).count(), "{tag}");
        }
        if let Ok(directory) = std::env::var("ECONC_PICTURES") {
            std::fs::write(std::path::Path::new(&directory).join("report.html"), &html).unwrap();
        }
    }
}
