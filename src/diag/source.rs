//! The texts that spans point into.
//!
//! They are given by the caller, in the order of [`Span::file`]; nothing is read from disk. A span that does not fit its text is
//! cut to it.

use super::Span;
use serde::Serialize;
use std::ops::Range;

/// One source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What to call it: a path, or `std.markets`.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// The texts that spans point into, by [`Span::file`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The model first, then the library files; one per file, in the order of [`Span::file`].
    pub files: Vec<Source>,
}

impl Sources {
    /// A single model file.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut sources = Sources::default();
        sources.add(name, text);
        sources
    }

    /// Adds a file and returns its number for [`Span::file`].
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u16 {
        self.files.push(Source {
            name: name.into(),
            text: text.into(),
        });
        u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX)
    }

    /// The source of a span.
    pub fn get(&self, span: Span) -> Option<&Source> {
        self.files.get(usize::from(span.file))
    }

    /// The text that the span covers, cut to the source.
    pub fn text(&self, span: Span) -> &str {
        self.get(span).map_or("", |source| {
            source.text.get(fitted(&source.text, span)).unwrap_or_default()
        })
    }

    /// Where the span begins and ends, in lines and characters counted from 1.
    pub fn place(&self, span: Span) -> Option<Location> {
        let source = self.get(span)?;
        let range = fitted(&source.text, span);
        let at = |byte: usize| {
            let before = source.text.get(..byte).unwrap_or_default();
            let line_start = before.rfind('\n').map_or(0, |n| n + 1);
            (
                before.matches('\n').count() + 1,
                before.get(line_start..).unwrap_or_default().chars().count() + 1,
            )
        };
        let (line, column) = at(range.start);
        let (end_line, end_column) = at(range.end);
        Some(Location {
            file: source.name.clone(),
            line,
            column,
            end_line,
            end_column,
        })
    }
}

/// A place in lines and characters, counted from 1; the end is one past the last character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The source's name.
    pub file: String,
    /// First line.
    pub line: usize,
    /// First character in it.
    pub column: usize,
    /// Last line.
    pub end_line: usize,
    /// One past the last character in it.
    pub end_column: usize,
}

/// The bytes of the span, cut to the text and to character boundaries.
pub(super) fn fitted(text: &str, span: Span) -> Range<usize> {
    let cut = |byte: u32| {
        let mut at = (byte as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = cut(span.start);
    start..cut(span.end).max(start)
}
