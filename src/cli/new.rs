//! `econc new`: a copy of a model that comes with econc, to start from.

use super::screen::Screen;
use super::templates::{TEMPLATES, Template};
use super::{Exit, Failure};
use crate::diag::Diagnostic;
use crate::report::place::write_new;
use crate::report::table::Table;
use clap::Args;
use std::path::{Path, PathBuf};

/// Start a model from one that comes with econc
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc new                      the list of models to start from\n  \
    econc new my_model             writes my_model.econ, a copy of `growth`\n  \
    econc new aiyagari my_model    writes my_model.econ, a copy of `aiyagari`")]
pub(super) struct Arguments {
    /// The model to copy, then the name of the new one (the name alone copies `growth`)
    #[arg(value_names = ["TEMPLATE", "NAME"], num_args = 0..=2)]
    words: Vec<String>,
}

/// Carries out `econc new`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let (template, name) = match arguments.words.as_slice() {
        [] => {
            list(screen);
            return Ok(Exit::Fine);
        }
        [name] => ("growth", name),
        [template, name, ..] => (template.as_str(), name),
    };
    let template = find(template)?;
    let path = path_of(name)?;
    let word = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let text = renamed(template, word);
    write_new(&path, text.as_bytes(), false, []).map_err(|d| match d.code.as_str() {
        "E0963" => d.hint(format!(
            "give the new model another name, econc new {} NAME, or move the file away",
            template.name
        )),
        _ => d,
    })?;
    if screen.json {
        let file = path.display().to_string();
        screen.json(&serde_json::json!({ "status": "complete", "exit": 0, "file": file, "template": template.name, "diagnostics": [] }));
    } else {
        screen.remark(&format!("written: {} (from {})", path.display(), template.name));
        screen.remark(&format!("next:    econc solve {}", path.display()));
    }
    Ok(Exit::Fine)
}

fn list(screen: &Screen) {
    if screen.json {
        let list: Vec<_> = TEMPLATES
            .iter()
            .map(|t| serde_json::json!({ "name": t.name, "title": t.title() }))
            .collect();
        screen.json(&serde_json::json!({ "templates": list }));
        return;
    }
    let column = |f: &dyn Fn(&Template) -> String| TEMPLATES.iter().map(f).collect::<Vec<String>>();
    let table = Table::new()
        .texts("template", column(&|t| t.name.to_string()))
        .texts("title", column(&|t| t.title().to_string()))
        .texts("about", column(&|t| t.about()));
    screen.result(&table.to_text(screen.width(), usize::MAX));
    screen.text("\nTo start from one:  econc new TEMPLATE NAME\n");
}

fn find(name: &str) -> Result<&'static Template, Diagnostic> {
    if let Some(template) = TEMPLATES.iter().find(|t| t.name == name) {
        return Ok(template);
    }
    let near = TEMPLATES
        .iter()
        .map(|t| (strsim::damerau_levenshtein(t.name, name), t.name))
        .min()
        .filter(|(distance, near)| *distance <= near.len() / 3 + 1);
    let error = Diagnostic::error("E0962", format!("there is no model `{name}` to start from"));
    Err(match near {
        Some((_, near)) => error.hint(format!("did you mean `{near}`? `econc new` lists all")),
        None => error.hint("`econc new` lists all"),
    })
}

/// `NAME` or `DIR/NAME`, with or without `.econ`; the last part must be a name in the language.
fn path_of(name: &str) -> Result<PathBuf, Diagnostic> {
    let path = Path::new(name.strip_suffix(".econ").unwrap_or(name));
    let word = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let mut letters = word.chars();
    let good = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_');
    if !good || crate::syntax::words::is_reserved(word) {
        let valid: String = word
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect();
        let error = Diagnostic::error("E0964", format!("`{word}` cannot be the name of a model"))
            .note("a name consists of letters, digits and `_`, begins with a letter, and is no word of the language");
        return Err(if good || valid.starts_with(|c: char| !c.is_alphabetic()) {
            error.hint("choose another name")
        } else {
            error.hint(format!("write `{valid}`"))
        });
    }
    Ok(path.with_file_name(format!("{word}.econ")))
}

/// The template with the new name in its header.
fn renamed(template: &Template, name: &str) -> String {
    let header = format!("model {}", template.name);
    template.source.replacen(&header, &format!("model {name}"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths() {
        assert_eq!(path_of("a_1").unwrap(), Path::new("a_1.econ"));
        assert_eq!(path_of("dir/été.econ").unwrap(), Path::new("dir/été.econ"));
        for wrong in ["my-model", "2k", "", "a b", "market", "dir/"] {
            let found = path_of(wrong);
            assert!(
                wrong == "dir/" || found.as_ref().is_err_and(|d| d.code == "E0964"),
                "{wrong}"
            );
        }
        assert_eq!(
            path_of("my-model").unwrap_err().hint.as_deref(),
            Some("write `my_model`")
        );
    }

    #[test]
    fn the_copy_has_the_new_name_and_nothing_else_changes() {
        for template in TEMPLATES {
            let text = renamed(template, "fresh");
            assert!(
                text.contains("\nmodel fresh \"") || text.starts_with("model fresh \""),
                "{}",
                template.name
            );
            assert_eq!(text.lines().count(), template.source.lines().count());
        }
    }

    #[test]
    fn a_near_miss_is_named() {
        assert!(
            find("grwoth")
                .unwrap_err()
                .into_message()
                .hint
                .unwrap()
                .contains("`growth`")
        );
        assert_eq!(find("zzzzzz").unwrap_err().code, "E0962");
    }
}
