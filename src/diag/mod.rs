//! Diagnostics as data: a stable code, a span, a headline that makes sense alone, labels and a hint.
//!
//! Every phase returns [`Diagnostic`]s; nothing here knows what a model is. Rendering stands in [`render`],
//! the page behind each code in [`explain`].

pub mod explain;
mod lines;
mod plain;
pub mod render;
pub mod source;
pub mod suggest;

pub use plain::plain;

use serde::{Deserialize, Serialize};
use std::ops::{Deref, DerefMut};

/// A half-open range of bytes in a source text. `file` 0 is the model itself, larger numbers are library files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Which source: 0 the model, 1.. the market library.
    pub file: u16,
}

impl Span {
    /// The span of bytes `start..end` of the model file.
    pub fn new(start: usize, end: usize) -> Self {
        Span {
            start: start as u32,
            end: end as u32,
            file: 0,
        }
    }
    /// The smallest span that covers both.
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
            file: self.file,
        }
    }
}

/// How bad it is. Errors stop the pipeline after the phase that found them; warnings do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something a reader should know.
    Warning,
    /// The model or the command cannot be carried out.
    Error,
}

/// One message: what is wrong, where, where the expectation came from, and what to type.
///
/// It is a pointer to its [`Message`], whose fields are read and set as its own: nearly every function may return one, and results without a message stay
/// small.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Diagnostic(Box<Message>);

/// What a [`Diagnostic`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Diagnostic")]
pub struct Message {
    /// Stable code, `E0201` or `W0401`; `econc explain CODE` shows its page.
    pub code: String,
    /// Error or warning.
    pub severity: Severity,
    /// One line that names the thing and makes sense alone.
    pub headline: String,
    /// Where, with a word on what is wrong there. `None` for messages about a command or a file as a whole.
    pub primary: Option<(Span, String)>,
    /// Where the expectation came from: one place and its words per label; any length.
    pub secondary: Vec<(Span, String)>,
    /// Further lines, any length: both sides of a mismatch in columns, measured numbers, the chain of uses.
    pub notes: Vec<String>,
    /// What to type.
    pub hint: Option<String>,
}

impl Deref for Diagnostic {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.0
    }
}

impl DerefMut for Diagnostic {
    fn deref_mut(&mut self) -> &mut Message {
        &mut self.0
    }
}

impl Diagnostic {
    /// An error without labels yet.
    pub fn error(code: &str, headline: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, headline.into())
    }

    /// A warning without labels yet.
    pub fn warning(code: &str, headline: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, headline.into())
    }

    #[cold]
    fn new(severity: Severity, code: &str, headline: String) -> Self {
        Diagnostic(Box::new(Message {
            code: code.into(),
            severity,
            headline,
            primary: None,
            secondary: Vec::new(),
            notes: Vec::new(),
            hint: None,
        }))
    }

    /// Its fields, to be taken apart.
    pub fn into_message(self) -> Message {
        *self.0
    }

    /// Under another code.
    pub fn coded(mut self, code: &str) -> Self {
        self.code = code.into();
        self
    }

    /// Sets the cause.
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.primary = Some((span, label.into()));
        self
    }
    /// Adds a place the expectation came from.
    pub fn and(mut self, span: Span, label: impl Into<String>) -> Self {
        self.secondary.push((span, label.into()));
        self
    }
    /// Adds a line of detail.
    pub fn note(mut self, line: impl Into<String>) -> Self {
        self.notes.push(line.into());
        self
    }
    /// Says what to type.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
