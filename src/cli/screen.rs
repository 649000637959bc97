//! What is printed and how: results on standard output, messages on standard error, or JSON.
//!
//! A reader that goes away (`econc graph m.econ | head`) is no error: printing then stops quietly.

use super::globals::{Color, Globals};
use super::host::Host;
use super::meter::Show;
use super::source::{self, Source};
use super::width::known_width;
use super::{Exit, Failure};
use crate::diag::{Diagnostic, Severity, render};
use crate::report::content::Content;
use crate::report::lines;
use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::Arc;

/// The terminal, or what stands for it.
pub(super) struct Screen {
    /// Print JSON.
    pub(super) json: bool,
    quiet: bool,
    plot: bool,
    color_out: bool,
    color_err: bool,
    broken: Cell<bool>,
    /// The program that gets what would be printed, if there is one.
    host: Option<Arc<Host>>,
    /// The files that messages were about, for their places in JSON.
    sources: RefCell<Vec<Source>>,
}

impl Screen {
    pub(super) fn new(globals: &Globals) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        let color = |terminal: bool| match globals.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !plain,
        };
        Screen {
            json: globals.json,
            quiet: globals.quiet,
            plot: globals.plot,
            color_out: globals.host.is_none() && color(std::io::stdout().is_terminal()),
            color_err: globals.host.is_none() && color(std::io::stderr().is_terminal()),
            broken: Cell::new(false),
            host: globals.host.clone(),
            sources: RefCell::default(),
        }
    }

    /// What a command has to say, in lines of the width, with its plots if they were asked for.
    pub(super) fn content(&self, content: &Content) -> String {
        let mut text = content.screen(self.width(), self.color_out);
        if self.plot {
            let drawn: Vec<String> = content
                .pictures
                .iter()
                .map(|p| format!("\n{}", p.picture.to_terminal(self.width(), self.color_out)))
                .collect();
            match drawn.is_empty() {
                true => text.push_str("\nno plots: nothing here varies over states or periods\n"),
                false => text.extend(drawn),
            }
        }
        text
    }

    /// Whether results may be coloured.
    pub(super) fn color(&self) -> bool {
        self.color_out
    }

    /// How progress is shown.
    pub(super) fn progress(&self) -> Show {
        if let Some(host) = &self.host {
            return Show::Told(host.clone());
        }
        match (self.quiet, std::io::stderr().is_terminal()) {
            (true, _) => Show::Nothing,
            (false, true) if !self.json => Show::Bar,
            (false, _) => Show::Lines,
        }
    }

    /// The width of results: that of the terminal, else what COLUMNS says, else 100; from 40 to 160.
    pub(super) fn width(&self) -> usize {
        match &self.host {
            Some(_) => 100,
            None => known_width().unwrap_or(100).clamp(40, 160),
        }
    }

    /// Prints a text for people, in lines of the width.
    pub(super) fn text(&self, text: &str) {
        self.result(&lines::within(text, self.width()));
    }

    /// Prints a result.
    pub(super) fn result(&self, text: &str) {
        if let Some(host) = &self.host {
            return host.print(text);
        }
        if let Err(e) = printed(&mut std::io::stdout().lock(), text) {
            self.broken.set(true);
            plain_failure(&unprinted(&e));
        }
    }

    /// Prints a message.
    fn say(&self, text: &str) {
        if let Some(host) = &self.host {
            return host.say(text);
        }
        if printed(&mut std::io::stderr().lock(), text).is_err() {
            self.broken.set(true);
        }
    }

    /// Prints a JSON value as a result.
    pub(super) fn json(&self, value: &serde_json::Value) {
        let mut value = value.clone();
        let known = self.sources.borrow();
        let texts = |file: Option<&str>| match file {
            Some(name) => known.iter().find(|s| s.name == name).map(Source::texts),
            None => known.last().map(Source::texts),
        };
        render::located(&mut value, &texts);
        self.result(&format!("{value:#}\n"));
    }

    /// Prints what came of several files in JSON: `files` has one entry per file, `all` all messages in one list, each
    /// with its file.
    pub(super) fn json_of_files(&self, exit: Exit, files: Vec<serde_json::Value>, all: Vec<(String, Diagnostic)>) {
        let with_file = |(file, d): (String, Diagnostic)| {
            let mut d = serde_json::json!(d);
            d["file"] = file.into();
            d
        };
        let all: Vec<serde_json::Value> = all.into_iter().map(with_file).collect();
        let status = if exit == Exit::Fine { "complete" } else { "failed" };
        self.json(&serde_json::json!({ "status": status, "exit": exit.code(), "files": files, "diagnostics": all }));
    }

    /// Prints something that is neither a result nor a fault, unless `--quiet` or `--json`.
    pub(super) fn remark(&self, text: &str) {
        if !self.quiet && !self.json {
            self.say(&format!("{text}\n"));
        }
    }

    /// Prints how a stop ended the work, unless `--json`; also with `--quiet`.
    pub(super) fn stop(&self, text: &str) {
        if !self.json {
            self.say(&format!("{text}\n"));
        }
    }

    /// Prints a list of diagnostics of a source, unless `--json` (they then are part of the result). `--quiet` leaves
    /// out warnings.
    pub(super) fn diagnostics(&self, diagnostics: &[Diagnostic], source: Option<&Source>) {
        if self.json {
            self.sources.borrow_mut().extend(source.cloned());
        }
        if let Some(host) = self.host.as_ref().filter(|_| !diagnostics.is_empty()) {
            return host.say(&source::render(diagnostics, source, false));
        }
        if self.json {
            return;
        }
        let shown = |d: &&Diagnostic| !self.quiet || d.severity == Severity::Error;
        let shown: Vec<Diagnostic> = diagnostics.iter().filter(shown).map(in_width).collect();
        if !shown.is_empty() {
            self.say(&source::render(&shown, source, self.color_err));
        }
    }

    /// Prints why a command could not be carried out.
    pub(super) fn failure(&self, failure: &Failure) {
        super::stop::last_word();
        if self.json {
            self.sources.borrow_mut().extend(failure.source.clone());
            self.json(&failed_in_json(failure.exit.code(), &failure.diagnostics));
        }
        self.diagnostics(&failure.diagnostics, failure.source.as_ref());
    }

    /// The exit status, given that a result or a message that could not be printed is a fault.
    pub(super) fn closed_with(&self, exit: Exit) -> Exit {
        if self.broken.get() && exit == Exit::Fine {
            Exit::Misuse
        } else {
            exit
        }
    }
}

/// That a result could not be printed.
pub(super) fn unprinted(e: &std::io::Error) -> Diagnostic {
    Diagnostic::error("E0951", format!("standard output cannot be written: {e}"))
}

/// Prints an error where there is no screen yet, in colours on a terminal.
pub(super) fn plain_failure(error: &Diagnostic) {
    let stderr = std::io::stderr();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let text = source::render(&[in_width(error)], None, stderr.is_terminal() && !plain);
    // Nothing can be done if even this cannot be printed.
    let _ = printed(&mut stderr.lock(), &text);
}

/// Writes all of a text now. A reader that has gone away is no error.
fn printed(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.or_else(|e| {
        if e.kind() == ErrorKind::BrokenPipe {
            Ok(())
        } else {
            Err(e)
        }
    })
}

/// Prints in JSON why nothing was done: the exit status and a list of diagnostics.
pub(super) fn json_failure(exit: u8, diagnostics: &[Diagnostic]) {
    let value = failed_in_json(exit, diagnostics);
    // Nothing can be done if even this cannot be printed.
    let _ = std::io::stdout().write_all(format!("{value:#}\n").as_bytes());
}

/// Prints in JSON which program this is, and of which version; the exit status.
pub(super) fn json_version() -> u8 {
    let value = serde_json::json!({ "program": "econc", "version": env!("CARGO_PKG_VERSION") });
    match std::io::stdout().write_all(format!("{value:#}\n").as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => 2,
        _ => 0,
    }
}

pub(super) fn failed_in_json(exit: u8, diagnostics: &[Diagnostic]) -> serde_json::Value {
    let status = if exit > 128 { "interrupted" } else { "failed" };
    serde_json::json!({ "status": status, "exit": exit, "diagnostics": diagnostics })
}

/// A message with its sentences in lines of the width, where one is known; in a pipe each is one line, for other programs. Lines of the
/// file stand as they are.
fn in_width(d: &Diagnostic) -> Diagnostic {
    let Some(width) = known_width() else { return d.clone() };
    let width = width.clamp(40, 160);
    let within = |text: &str, room: usize, margin: &str| lines::wrapped(text, room).join(&format!("\n{margin}"));
    let mut out = d.clone();
    out.headline = within(&d.headline, width - 16, "  ");
    out.notes = d.notes.iter().map(|n| within(n, width - 6, "")).collect();
    out.hint = d.hint.as_ref().map(|h| within(h, width - 12, ""));
    out
}
