//! Sources as a message shows them: lines that are too long for a screen are cut around what the message points at.

use super::Span;
use super::source::{Sources, fitted};
use codespan_reporting::files::{Error, Files, column_index};
use std::borrow::Cow;
use std::ops::Range;

/// Bytes of the longest line that is shown whole.
const LONGEST: usize = 400;
/// Bytes shown on each side of what is pointed at.
const AROUND: usize = 80;
/// Most bytes of what is pointed at.
const POINTED: usize = 160;
/// Stands for what is left out.
const CUT: char = '…';

/// The sources, with lines cut.
pub(super) struct Shown<'s> {
    files: Vec<File<'s>>,
}

struct File<'s> {
    name: &'s str,
    text: Cow<'s, str>,
    lines: Vec<Line>,
}

/// A line: which bytes of the source are shown, and where.
struct Line {
    /// First byte of the line in the source.
    from: usize,
    /// Bytes of the source that are shown.
    kept: Range<usize>,
    /// Where the line begins in what is shown, and where what is kept of it does.
    start: usize,
    text: usize,
    /// Characters left out before what is kept.
    hidden: usize,
}

/// Whether a source has lines that must be cut.
pub(super) fn has_long_lines(sources: &Sources) -> bool {
    sources.files.iter().any(|f| f.text.lines().any(|l| l.len() > LONGEST))
}

impl<'s> Shown<'s> {
    /// The sources around these spans.
    pub(super) fn new(sources: &'s Sources, spans: &[Span]) -> Self {
        let files = sources.files.iter().enumerate().map(|(number, source)| {
            let of_it = spans.iter().filter(|s| usize::from(s.file) == number);
            let ranges: Vec<Range<usize>> = of_it.map(|s| fitted(&source.text, *s)).collect();
            File::new(&source.name, &source.text, &ranges)
        });
        Shown { files: files.collect() }
    }

    /// Where a range of a source is shown.
    pub(super) fn range(&self, file: usize, range: Range<usize>) -> Range<usize> {
        match self.files.get(file) {
            Some(file) => file.shown_at(range.start)..file.shown_at(range.end),
            None => range,
        }
    }

    fn file(&self, id: usize) -> Result<&File<'s>, Error> {
        self.files.get(id).ok_or(Error::FileMissing)
    }
}

impl<'s> File<'s> {
    fn new(name: &'s str, source: &'s str, ranges: &[Range<usize>]) -> Self {
        let mut lines = Vec::new();
        let mut text = String::new();
        let (mut from, mut any) = (0, false);
        for line in source.split_inclusive('\n') {
            let whole = from..from + line.trim_end_matches(['\n', '\r']).len();
            let kept = if whole.len() > LONGEST {
                any = true;
                window(source, &whole, ranges)
            } else {
                from..from + line.len()
            };
            let start = text.len();
            if kept.start > from {
                text.push(CUT);
            }
            lines.push(Line {
                from,
                kept: kept.clone(),
                start,
                text: text.len(),
                hidden: source[from..kept.start].chars().count(),
            });
            text.push_str(&source[kept.clone()]);
            if kept.end < whole.end {
                text.push(CUT);
            }
            if whole.len() > LONGEST && line.ends_with('\n') {
                text.push('\n');
            }
            from += line.len();
        }
        if source.is_empty() || source.ends_with('\n') {
            let start = text.len();
            lines.push(Line {
                from,
                kept: from..from,
                start,
                text: start,
                hidden: 0,
            });
        }
        let text = if any { Cow::Owned(text) } else { Cow::Borrowed(source) };
        File { name, text, lines }
    }

    /// Where a byte of the source is shown; one that is left out, at the nearest that is not.
    fn shown_at(&self, byte: usize) -> usize {
        let number = self.lines.partition_point(|l| l.from <= byte).max(1) - 1;
        match self.lines.get(number) {
            Some(l) => l.text + byte.clamp(l.kept.start, l.kept.end) - l.kept.start,
            None => byte,
        }
    }
}

/// What is kept of a long line: what is pointed at in it and something around; else its beginning.
fn window(source: &str, line: &Range<usize>, ranges: &[Range<usize>]) -> Range<usize> {
    let mut kept: Option<Range<usize>> = None;
    for r in ranges {
        // Of what reaches over several lines, where it begins and where it ends.
        let part = if line.contains(&r.start) || r.start == line.end {
            r.start..r.end.min(r.start + POINTED).min(line.end)
        } else if line.contains(&r.end) || r.end == line.end {
            line.start.max(r.end.saturating_sub(POINTED))..r.end
        } else {
            continue;
        };
        kept = Some(match kept {
            None => part,
            // What stands too far away is shown at the end of what is kept.
            Some(k) if k.end.max(part.end) - k.start.min(part.start) > LONGEST => k,
            Some(k) => k.start.min(part.start)..k.end.max(part.end),
        });
    }
    let kept = kept.unwrap_or(line.start..line.start + AROUND);
    let mut start = kept.start.saturating_sub(AROUND).max(line.start);
    let mut end = (kept.end + AROUND).min(line.end);
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    while !source.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

impl<'a> Files<'a> for Shown<'_> {
    type FileId = usize;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: usize) -> Result<&'a str, Error> {
        Ok(self.file(id)?.name)
    }

    fn source(&'a self, id: usize) -> Result<&'a str, Error> {
        Ok(&self.file(id)?.text)
    }

    fn line_index(&'a self, id: usize, byte: usize) -> Result<usize, Error> {
        Ok(self.file(id)?.lines.partition_point(|l| l.start <= byte).max(1) - 1)
    }

    fn column_number(&'a self, id: usize, line: usize, byte: usize) -> Result<usize, Error> {
        let file = self.file(id)?;
        let range = self.line_range(id, line)?;
        let column = column_index(&file.text, range, byte) + 1;
        Ok(match file.lines[line].hidden {
            0 => column,
            // The mark stands for them.
            hidden => column + hidden - 1,
        })
    }

    fn line_range(&'a self, id: usize, line: usize) -> Result<Range<usize>, Error> {
        let file = self.file(id)?;
        let start = |n: usize| file.lines.get(n).map_or(file.text.len(), |l| l.start);
        if line >= file.lines.len() {
            let max = file.lines.len().saturating_sub(1);
            return Err(Error::LineTooLarge { given: line, max });
        }
        Ok(start(line)..start(line + 1))
    }
}

/// A text of a message, its middle left out where it is too long for a screen.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    const MOST: usize = 1500;
    if text.chars().nth(MOST).is_none() {
        return Cow::Borrowed(text);
    }
    let head: String = text.chars().take(MOST / 2).collect();
    let skip = text.chars().count() - MOST / 4;
    let tail: String = text.chars().skip(skip).collect();
    Cow::Owned(format!("{head} {CUT} {tail}"))
}
