//! `report.html`: one self-contained page, for a browser, a mail or an appendix.

use super::content::{Check, Content};
use super::number;
use super::store::Manifest;
use super::table::{Table, Values};
use super::text::escape;
use crate::diag::{Diagnostic, Severity};

const STYLE: &str = "
:root { color-scheme: light; --ink: #22262b; --grey: #6a727b; --line: #e3e6ea; --good: #1a7f4b; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1060px; padding: 36px 28px 60px; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 2px; } h2 { font-size: 18px; margin: 38px 0 10px; }
.sub { color: var(--grey); margin: 0 0 18px; }
.verdict { display: inline-block; padding: 2px 12px; border-radius: 12px; font-weight: 600; color: #fff; }
.good { background: var(--good); } .bad { background: var(--bad); }
table { border-collapse: collapse; margin: 6px 0 4px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; border-bottom: 1.5px solid #b4bac1; }
th, td { padding: 4px 16px 4px 0; vertical-align: top; } td { border-bottom: 1px solid var(--line); }
.n { text-align: right; white-space: pre; } .note { color: var(--grey); }
.yes { color: var(--good); font-weight: 700; } .no { color: var(--bad); font-weight: 700; }
.facts td:first-child { color: var(--grey); }
figure { margin: 18px 0; border: 1px solid var(--line); border-radius: 8px; padding: 6px; overflow-x: auto; }
figure svg { display: block; margin: auto; max-width: 100%; height: auto; }
.wide svg { max-width: none; }
pre { background: #f6f7f9; padding: 12px 14px; border-radius: 8px; overflow-x: auto; font-size: 13px; }
.diagnostic { border-left: 3px solid #c48700; padding: 2px 12px; margin: 10px 0; } .error { border-color: var(--bad); }
code { font-size: 13px; }
@media print { body { max-width: none; padding: 0; } figure { break-inside: avoid; } }
";

/// Rows of a table on the page; the rest is in the CSV file.
const MOST_ROWS: usize = 60;

/// The page. `plots`: one pair of title and SVG text per picture, in order.
pub fn page(content: &Content, plots: &[(String, String)], manifest: &Manifest) -> String {
    let title = if content.title.is_empty() {
        &content.model
    } else {
        &content.title
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{0}</h1>\n",
        escape(title)
    );
    out.push_str(&format!("<p class=\"sub\">{}</p>\n", escape(&content.headline)));
    facts(&mut out, &content.facts);
    if !content.certificate.is_empty() {
        certificate(&mut out, &content.certificate);
    }
    diagnostics(&mut out, &content.diagnostics);
    for named in &content.tables {
        out.push_str(&format!("<h2>{}</h2>\n", escape(&named.caption)));
        table(&mut out, &named.table, &named.stem);
    }
    if !plots.is_empty() {
        out.push_str("<h2>Plots</h2>\n");
    }
    for (_, svg) in plots {
        out.push_str(&format!("<figure>{svg}</figure>\n"));
    }
    if let Some(drawing) = &content.drawing {
        out.push_str(&format!(
            "<h2>The model</h2>\n<figure class=\"wide\">{}</figure>\n",
            drawing.to_svg(false)
        ));
        table(&mut out, &drawing.to_table(), "model");
    }
    origin(&mut out, manifest);
    out.push_str("</body>\n</html>\n");
    out
}

fn facts(out: &mut String, facts: &[(String, String)]) {
    out.push_str("<table class=\"facts\">\n");
    for (name, value) in facts {
        out.push_str(&format!(
            "<tr><td>{}</td><td>{}</td></tr>\n",
            escape(name),
            escape(value)
        ));
    }
    out.push_str("</table>\n");
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
    out.push_str(&format!("<h2>{heading}</h2>\n<table>\n"));
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
    out.push_str("</table>\n");
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

fn table(out: &mut String, table: &Table, stem: &str) {
    let numeric: Vec<bool> = table
        .columns()
        .iter()
        .map(|c| !matches!(c.values, Values::Texts(_)))
        .collect();
    let class = |i: usize| if numeric[i] { " class=\"n\"" } else { "" };
    out.push_str("<table>\n<tr>");
    for (i, column) in table.columns().iter().enumerate() {
        out.push_str(&format!("<th{}>{}</th>", class(i), escape(&column.name)));
    }
    out.push_str("</tr>\n");
    for row in table.cells().iter().take(MOST_ROWS) {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            out.push_str(&format!("<td{}>{}</td>", class(i), escape(cell)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
    if table.rows() > MOST_ROWS {
        out.push_str(&format!(
            "<p class=\"note\">{} more rows in {}.csv</p>\n",
            table.rows() - MOST_ROWS,
            escape(stem)
        ));
    }
}

/// How to get this page again. The command, which may name threads and places, and the time stand in the manifest.
fn origin(out: &mut String, manifest: &Manifest) {
    out.push_str("<h2>How this was made</h2>\n");
    let mut facts_of = vec![
        ("econc".to_string(), manifest.econc.clone()),
        (
            "model".to_string(),
            format!("{} (SHA-256 {})", manifest.model, manifest.model_sha256),
        ),
        ("seed".to_string(), manifest.seed.to_string()),
    ];
    if !manifest.overrides.is_empty() {
        let list: Vec<String> = manifest.overrides.iter().map(|(k, v)| format!("{k} = {v}")).collect();
        facts_of.push(("set".to_string(), list.join(", ")));
    }
    facts_of.extend(manifest.settings.iter().map(|(k, v)| (k.clone(), v.clone())));
    facts(out, &facts_of);
    if !manifest.files.is_empty() {
        out.push_str("<h2>Files</h2>\n<table>\n");
        // A run that was stopped after its report was written lists it already; no page lists itself.
        for file in manifest.files.iter().filter(|f| f.name != "report.html") {
            out.push_str(&format!(
                "<tr><td><code>{}</code></td><td class=\"n\">{}</td></tr>\n",
                escape(&file.name),
                number::bytes(file.bytes)
            ));
        }
        out.push_str("</table>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_self_contained_and_escaped() {
        let content = crate::report::content::tests::sample();
        let svg = content.pictures[0].picture.to_svg().unwrap();
        let manifest = Manifest::new(
            vec!["econc".into(), "solve".into(), "a<b>.econ".into()],
            "a<b>.econ",
            b"",
            1,
            "2025-01-01T00:00:00Z",
        );
        let html = page(&content, &[("c".into(), svg)], &manifest);
        assert!(html.contains("Stochastic growth &lt;&amp;&gt;") && !html.contains("a<b>"));
        assert!(html.contains("Certificate <span class=\"verdict good\">holds"));
        assert!(html.contains("a &lt;warning&gt;"));
        for outside in ["src=", "href=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
        for tag in ["table", "tr", "td", "figure", "svg", "h2", "div"] {
            let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
            let opened = html.matches(&format!("{open} ")).count() + html.matches(&format!("{open}>")).count();
            assert_eq!(opened, html.matches(&close).count(), "{tag}");
        }
        if let Ok(directory) = std::env::var("ECONC_PICTURES") {
            std::fs::write(std::path::Path::new(&directory).join("report.html"), &html).unwrap();
        }
    }
}
