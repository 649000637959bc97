//! `econc explain`: the page behind a code.

use super::screen::Screen;
use super::{Exit, Failure};
use crate::diag::{Diagnostic, explain, suggest};
use crate::report::lines;
use clap::Args;

/// Explain the code of a message
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    econc explain E0201\n  \
    econc explain            a list of all codes")]
pub(super) struct Arguments {
    /// The code, such as E0201; without one, the list of all codes
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// Carries out `econc explain`; its exit status.
///
/// # Errors
/// A [`Failure`] with the diagnostics of what kept it from beginning: options, files, runs.
pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let Some(code) = &arguments.code else {
        let titles = explain::codes().filter_map(|c| Some((c, explain::title(explain::page(c)?))));
        let codes: Vec<(&str, &str)> = titles.collect();
        if screen.json {
            let list: Vec<_> = codes
                .iter()
                .map(|(c, h)| serde_json::json!({ "code": c, "title": h }))
                .collect();
            screen.json(&serde_json::json!({ "codes": list }));
        } else {
            screen.text(&codes.iter().map(|(c, h)| format!("{c}  {h}\n")).collect::<String>());
        }
        return Ok(Exit::Fine);
    };
    let code = code.trim().to_ascii_uppercase();
    let digits = code.trim_start_matches(['E', 'W']);
    let code = match code.starts_with('W') {
        _ if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) => code,
        true => format!("W{digits:0>4}"),
        false => format!("E{digits:0>4}"),
    };
    match explain::page(&code) {
        Some(page) if screen.json => screen.json(&serde_json::json!({ "code": code, "page": page })),
        Some(page) => screen.result(&lines::page(page, screen.width())),
        None => {
            let error = Diagnostic::error("E0966", format!("there is no code `{code}`"));
            let hint = match suggest::did_you_mean(&code, explain::codes()) {
                Some(near) => format!("did you mean `{near}`? `econc explain` lists all codes"),
                None => "`econc explain` lists all codes".to_string(),
            };
            return Err(error.hint(hint).into());
        }
    }
    Ok(Exit::Fine)
}
