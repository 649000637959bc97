//! From a source to a checked model.

use super::results::read_solution;
use super::screen::Screen;
use super::source::{Overrides, Source};
use super::{Exit, Failure, effects};
use crate::diag::{Diagnostic, Severity};
use crate::report::store::open_complete;
use crate::solve::forward;
use crate::{Model, Options};
use std::path::Path;

/// Most messages of one file.
const MOST_MESSAGES: usize = 200;

/// A checked model.
pub struct Compiled {
    /// The typed model.
    pub model: Model,
}

impl Compiled {
    /// The name of the model: its header's, else that of its file.
    pub fn name(&self) -> &str {
        &self.model.name
    }

    /// The same, where prices look ahead with those of a solved run.
    ///
    /// # Errors
    /// Those of the run; E0868 where it has functions of other prices.
    pub(super) fn with_prices(&self, run: Option<&Path>) -> Result<Compiled, Diagnostic> {
        let model = match run.filter(|_| forward::open(&self.model)) {
            Some(run) => read_solution(&open_complete(run)?)?.economy(&self.model)?.into_owned(),
            None => self.model.clone(),
        };
        Ok(Compiled { model })
    }
}

/// From a source to a checked model (`None` if there are errors), and all messages. `members` stand for a continuum.
pub fn compile(source: &Source, overrides: &Overrides, members: Option<usize>) -> (Option<Compiled>, Vec<Diagnostic>) {
    let stem = Path::new(&source.name)
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned());
    let options = Options {
        set: overrides.clone(),
        members,
        file_name: stem.unwrap_or_default(),
        ..Options::default()
    };
    let (mut model, mut diagnostics) = crate::compile(&source.text, &options);
    if members.is_some()
        && model
            .as_ref()
            .is_some_and(|m| !m.graph.axes.iter().any(|a| a.continuum))
    {
        model = None;
        diagnostics.push(effects::idle("--members", "the model has no continuum"));
    }
    if diagnostics.len() > MOST_MESSAGES {
        // Errors first, so that what is left out is less bad than what is shown.
        diagnostics.sort_by_key(|d| d.severity != Severity::Error);
        let more = diagnostics.len() - MOST_MESSAGES;
        diagnostics.truncate(MOST_MESSAGES);
        diagnostics.push(
            Diagnostic::warning("W0981", format!("{more} more messages are not shown"))
                .hint("mend the first ones: most mistakes cause others"),
        );
    }
    (model.map(|model| Compiled { model }), diagnostics)
}

/// A checked model with its messages, all of which are shown.
///
/// # Errors
/// The messages of a file with errors.
pub(super) fn shown(
    source: &Source,
    overrides: &Overrides,
    screen: &Screen,
) -> Result<(Compiled, Vec<Diagnostic>), Failure> {
    let (compiled, diagnostics) = compile(source, overrides, None);
    screen.diagnostics(&diagnostics, Some(source));
    match compiled {
        Some(compiled) => Ok((compiled, diagnostics)),
        None => Err(Failure {
            exit: Exit::of(&diagnostics),
            diagnostics: if screen.json { diagnostics } else { Vec::new() },
            source: None,
        }),
    }
}
