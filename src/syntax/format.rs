//! Formats a source text: one layout for all files, with nothing lost.
//!
//! Works on tokens rather than on the tree, so that comments, the spelling of numbers, parentheses and the line breaks
//! inside long statements stay as they were written. What changes is blanks: two columns of indentation per block, one
//! blank around operators, at most one empty line in a row, and columns: in neighbouring lines of one kind the
//! `=`, `~` or `in` stand below each other, descriptions and comments at line ends too. A block written on one line stays
//! on one line if it fits.
//!
//! Formatting twice changes nothing: every choice depends on tokens and line breaks alone, which the output keeps.

use super::lexer::{self, Token, TokenKind};
use super::parser;
use super::split::{self, Raw};
use super::words;
use crate::diag::{Diagnostic, Severity};

pub use super::print::print;
pub use super::same::same_tree;

/// Longest line for a block on one line.
const WIDTH: usize = 100;
/// Columns are not aligned where that would need more blanks than this.
const MAX_PADDING: usize = 24;

/// The text in the standard layout, or the errors that keep it from being read.
///
/// # Errors
/// The errors of parsing, in the order of the file, where the text cannot be read.
pub fn format(source: &str) -> Result<String, Vec<Diagnostic>> {
    let (_, diagnostics) = parser::parse(source, 0);
    if diagnostics.iter().any(|d| d.severity == Severity::Error) {
        return Err(diagnostics);
    }
    let (tokens, _) = lexer::lex(source, 0);
    let (raws, _) = split::split(source, &tokens, 0);
    let mut layout = Layout {
        source,
        tokens: &tokens,
        lines: Vec::new(),
    };
    layout.items(&raws, 0, tokens.len(), 0, Inside::Statements);
    let mut lines = layout.lines;
    align_definitions(&mut lines);
    align_ends(&mut lines, |line| &mut line.doc);
    align_ends(&mut lines, |line| &mut line.comment);
    let mut out = String::with_capacity(source.len() + source.len() / 8);
    for line in &lines {
        if line.blank_before {
            out.push('\n');
        }
        let text = line.text();
        if !text.is_empty() {
            out.push_str(&" ".repeat(line.indent));
            out.push_str(&text);
        }
        out.push('\n');
    }
    Ok(out)
}

/// What the statements of a block are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Statements,
    Scenario,
    Settings,
}

/// A line of the output.
#[derive(Default)]
struct Line {
    indent: usize,
    /// Pieces that neighbouring lines of the same kind align: `param a`, `= 2`, `in [0, 1]`.
    columns: Vec<String>,
    /// The description at its end.
    doc: Option<End>,
    /// The comment at its end.
    comment: Option<End>,
    /// Lines of the same kind align; none for lines that never do.
    kind: Option<String>,
    /// The head of a block: its comment stands for itself.
    head: bool,
    blank_before: bool,
}

/// A description or comment at a line's end, with the column at which it stands once that is known.
struct End {
    text: String,
    column: Option<usize>,
}

impl End {
    fn new(text: &str) -> Self {
        End {
            text: text.to_string(),
            column: None,
        }
    }
}

impl Line {
    fn plain(indent: usize, text: String) -> Self {
        Line {
            indent,
            columns: vec![text],
            ..Line::default()
        }
    }

    /// The text without indentation.
    fn text(&self) -> String {
        let mut out = self.columns.join(" ").trim_end().to_string();
        for end in [&self.doc, &self.comment].into_iter().flatten() {
            let at = end.column.unwrap_or(0).saturating_sub(self.indent);
            let gap = at.saturating_sub(width(&out));
            if !out.is_empty() {
                out.push_str(&" ".repeat(gap.max(1)));
            }
            out.push_str(&end.text);
        }
        out
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

struct Layout<'s> {
    source: &'s str,
    tokens: &'s [Token],
    lines: Vec<Line>,
}

impl Layout<'_> {
    fn text(&self, i: usize) -> &str {
        self.tokens.get(i).map_or("", |t| t.text(self.source))
    }

    fn kind(&self, i: usize) -> Option<TokenKind> {
        self.tokens.get(i).map(|t| t.kind)
    }

    /// The statements between two positions, with the comments and empty lines between them.
    fn items(&mut self, items: &[Raw], from: usize, to: usize, indent: usize, inside: Inside) {
        let mut at = from;
        let first_line = self.lines.len();
        for raw in items {
            let blank = self.gap(at, raw.first, indent, first_line);
            let line = self.lines.len();
            self.statement(raw, indent, inside);
            if let Some(line) = self.lines.get_mut(line) {
                line.blank_before = blank;
            }
            at = raw.end_token() + 1;
        }
        self.gap(at, to, indent, first_line);
    }

    /// Comments between statements; whether an empty line comes before what follows.
    fn gap(&mut self, from: usize, to: usize, indent: usize, first_line: usize) -> bool {
        let mut newlines = 0;
        for i in from..to {
            match self.kind(i) {
                Some(TokenKind::Newline) => newlines += 1,
                Some(TokenKind::Comment) => {
                    let text = self.text(i).to_string();
                    let same_line = newlines == 0 && from > 0;
                    match self.lines.last_mut() {
                        Some(last) if same_line && last.comment.is_none() => {
                            last.comment = Some(End::new(&text));
                        }
                        _ => {
                            let blank = newlines >= 2 && self.lines.len() > first_line;
                            self.lines.push(Line {
                                blank_before: blank,
                                ..Line::plain(indent, text)
                            });
                        }
                    }
                    newlines = 0;
                }
                _ => {}
            }
        }
        newlines >= 2 && self.lines.len() > first_line
    }

    fn statement(&mut self, raw: &Raw, indent: usize, inside: Inside) {
        let Some(block) = &raw.block else {
            self.own_lines(raw, indent, inside);
            return;
        };
        let within = match self.text(raw.first) {
            "scenario" => Inside::Scenario,
            "solve" | "train" | "verify" => Inside::Settings,
            _ => Inside::Statements,
        };
        if let Some(line) = self.on_one_line(raw, inside)
            && width(&line) + indent <= WIDTH
        {
            self.lines.push(Line::plain(indent, line));
            return;
        }
        self.own_lines(raw, indent, inside);
        let comment = (raw.last..block.open)
            .filter(|i| self.kind(*i) == Some(TokenKind::Comment))
            .map(|i| self.text(i).to_string())
            .collect::<Vec<_>>()
            .join(" ");
        if let Some(line) = self.lines.last_mut() {
            // The head is a plain line: its description stands before the brace.
            let mut text = line.columns.join(" ");
            if let Some(doc) = line.doc.take() {
                text = format!("{text} {}", doc.text);
            }
            line.columns = vec![format!("{text} {{")];
            line.kind = None;
            line.head = true;
            if !comment.is_empty() {
                line.comment = Some(match line.comment.take() {
                    Some(before) => End::new(&format!("{} {comment}", before.text)),
                    None => End::new(&comment),
                });
            }
        }
        self.items(&block.items, block.open + 1, block.close, indent + 2, within);
        self.lines.push(Line::plain(indent, "}".into()));
    }

    /// The block on one line, if it was written so.
    fn on_one_line(&self, raw: &Raw, inside: Inside) -> Option<String> {
        let broken = (raw.first..=raw.end_token()).any(|i| self.tokens.get(i).is_some_and(|t| !t.is_significant()));
        let empty = raw.block.as_ref().is_some_and(|b| {
            b.items.is_empty() && (raw.first..b.close).all(|i| self.kind(i) != Some(TokenKind::Comment))
        });
        let head_broken = (raw.first..raw.last).any(|i| self.tokens.get(i).is_some_and(|t| !t.is_significant()));
        if broken && (!empty || head_broken) {
            return None;
        }
        Some(self.flat(raw, inside))
    }

    fn flat(&self, raw: &Raw, inside: Inside) -> String {
        let roles = self.roles(raw, inside);
        let own: Vec<usize> = (raw.first..raw.last).collect();
        let mut out = self.spaced(&own, raw, &roles);
        let Some(block) = &raw.block else { return out };
        let within = match self.text(raw.first) {
            "scenario" => Inside::Scenario,
            "solve" | "train" | "verify" => Inside::Settings,
            _ => Inside::Statements,
        };
        if block.items.is_empty() {
            out.push_str(" {}");
            return out;
        }
        out.push_str(" { ");
        for (n, item) in block.items.iter().enumerate() {
            if n > 0 {
                let after_block = n
                    .checked_sub(1)
                    .and_then(|p| block.items.get(p))
                    .is_some_and(|p| p.block.is_some());
                out.push_str(if after_block { " " } else { "; " });
            }
            out.push_str(&self.flat(item, within));
        }
        out.push_str(" }");
        out
    }

    /// The statement's own tokens (a block's head without its brace), on as many lines as they were written on.
    fn own_lines(&mut self, raw: &Raw, indent: usize, inside: Inside) {
        let roles = self.roles(raw, inside);
        let mut groups: Vec<(Vec<usize>, Option<String>)> = vec![(Vec::new(), None)];
        for i in raw.first..raw.last {
            let Some(group) = groups.last_mut() else {
                continue;
            };
            match self.kind(i) {
                Some(TokenKind::Newline) => {
                    if !group.0.is_empty() || group.1.is_some() {
                        groups.push((Vec::new(), None));
                    }
                }
                Some(TokenKind::Comment) => group.1 = Some(self.text(i).to_string()),
                _ => group.0.push(i),
            }
        }
        groups.retain(|(tokens, comment)| !tokens.is_empty() || comment.is_some());
        if let [(tokens, comment)] = groups.as_slice() {
            let mut line = self.single_line(tokens, raw, &roles, indent, inside);
            line.comment = comment.as_deref().map(End::new);
            self.lines.push(line);
            return;
        }
        // Several lines: each at the column that the brackets left open ask for.
        let mut open: Vec<usize> = Vec::new();
        let mut hang = indent + 4;
        let mut hang_known = false;
        let labels = self.label_width(&groups, raw, &roles);
        let mut brace_depths: Vec<bool> = Vec::new();
        for (n, (tokens, comment)) in groups.iter().enumerate() {
            let closes = tokens
                .first()
                .is_some_and(|i| matches!(self.kind(*i), Some(TokenKind::Close | TokenKind::CloseBrace)));
            let at = if n == 0 {
                indent
            } else {
                match open.last() {
                    Some(column) if closes => column.saturating_sub(
                        if tokens
                            .first()
                            .is_some_and(|i| self.kind(*i) == Some(TokenKind::CloseBrace))
                        {
                            2
                        } else {
                            1
                        },
                    ),
                    Some(column) => *column,
                    None => hang,
                }
            };
            let in_rows = brace_depths.last() == Some(&true);
            let mut text = self.spaced(tokens, raw, &roles);
            if in_rows
                && let Some(labels) = labels
                && let Some(colon) = self.first_colon(tokens)
            {
                let (left, right) = tokens.split_at(colon + 1);
                let left = self.spaced(left, raw, &roles);
                let right = self.spaced(right, raw, &roles);
                let gap = labels.saturating_sub(width(&left)) + 1;
                text = format!("{left}{}{right}", " ".repeat(gap));
            }
            // Follow the brackets to know where the next line goes.
            let mut column = at;
            for (k, i) in tokens.iter().enumerate() {
                let until = tokens.get(..=k).unwrap_or(&[]);
                let end = at + width(&self.spaced(until, raw, &roles));
                match self.kind(*i) {
                    Some(TokenKind::Open) => {
                        let last = k + 1 == tokens.len();
                        open.push(if last { at + 2 } else { end });
                        brace_depths.push(false);
                    }
                    Some(TokenKind::OpenBrace) => {
                        open.push(at + 2);
                        brace_depths.push(true);
                    }
                    Some(TokenKind::Close | TokenKind::CloseBrace) => {
                        open.pop();
                        brace_depths.pop();
                    }
                    Some(TokenKind::Assign | TokenKind::Tilde)
                        if !hang_known && open.is_empty() && k + 1 < tokens.len() =>
                    {
                        hang = end + 1;
                        hang_known = true;
                    }
                    _ => {}
                }
                column = end;
            }
            let _ = column;
            let mut line = Line::plain(at, text);
            line.comment = comment.as_deref().map(End::new);
            self.lines.push(line);
        }
    }

    /// Widest `bad, good:` among the rows of a conditional table.
    fn label_width(&self, groups: &[(Vec<usize>, Option<String>)], raw: &Raw, roles: &[bool]) -> Option<usize> {
        if self.text(raw.first) != "shock" {
            return None;
        }
        groups
            .iter()
            .skip(1)
            .filter_map(|(tokens, _)| {
                let colon = self.first_colon(tokens)?;
                Some(width(&self.spaced(tokens.get(..=colon)?, raw, roles)))
            })
            .max()
    }

    /// The colon of a row's labels: before any bracket.
    fn first_colon(&self, tokens: &[usize]) -> Option<usize> {
        let colon = tokens.iter().position(|i| self.kind(*i) == Some(TokenKind::Colon))?;
        let plain = tokens
            .get(..colon)?
            .iter()
            .all(|i| matches!(self.kind(*i), Some(TokenKind::Word | TokenKind::Comma)));
        plain.then_some(colon)
    }

    fn single_line(&self, tokens: &[usize], raw: &Raw, roles: &[bool], indent: usize, inside: Inside) -> Line {
        let mut line = Line {
            indent,
            ..Line::default()
        };
        let mut tokens = tokens;
        if inside != Inside::Settings
            && self.text(raw.first) != "model"
            && let Some((last, rest)) = tokens.split_last()
            && self.kind(*last) == Some(TokenKind::Text)
            && !rest.is_empty()
        {
            line.doc = Some(End::new(self.text(*last)));
            tokens = rest;
        }
        let word = self.text(raw.first);
        let marks: &[&str] = match (inside, word) {
            (Inside::Settings | Inside::Scenario, _) => &["=", "~"],
            (_, "param") => &["=", "in"],
            (_, "let" | "aggregate" | "price" | "fn" | "set" | "give") => &["="],
            (_, "forward") if self.text(raw.first + 1) == "price" => &["="],
            (_, "shock" | "noise") => &["~"],
            (_, "state" | "action") => &["in"],
            (_, w) if !words::is_reserved(w) => &["="],
            _ => &[],
        };
        let mut cuts = Vec::new();
        let mut depth = 0usize;
        for (k, i) in tokens.iter().enumerate() {
            match self.kind(*i) {
                Some(TokenKind::Open | TokenKind::OpenBrace) => depth += 1,
                Some(TokenKind::Close | TokenKind::CloseBrace) => depth = depth.saturating_sub(1),
                _ => {
                    let mark = self.text(*i);
                    let wanted = match inside {
                        Inside::Statements => marks.get(cuts.len()).is_some_and(|m| *m == mark),
                        Inside::Settings | Inside::Scenario => cuts.is_empty() && marks.contains(&mark),
                    };
                    if depth == 0 && k > 0 && wanted {
                        cuts.push(k);
                    }
                }
            }
        }
        let mut from = 0;
        for cut in cuts.iter().chain(std::iter::once(&tokens.len())) {
            if let Some(part) = tokens.get(from..*cut) {
                line.columns.push(self.spaced(part, raw, roles));
            }
            from = *cut;
        }
        line.kind = Some(match inside {
            Inside::Settings => "setting".to_string(),
            Inside::Scenario | Inside::Statements => {
                if words::is_reserved(word) || inside == Inside::Scenario {
                    word.to_string()
                } else {
                    "transition".to_string()
                }
            }
        });
        line
    }

    /// For each token of the statement, whether it is a word of the language rather than a name.
    fn roles(&self, raw: &Raw, inside: Inside) -> Vec<bool> {
        let own: Vec<usize> = (raw.first..raw.last)
            .filter(|i| self.tokens.get(*i).is_some_and(Token::is_significant))
            .collect();
        let mut roles = vec![false; raw.last.saturating_sub(raw.first)];
        for (n, i) in own.iter().enumerate() {
            if self.kind(*i) != Some(TokenKind::Word) {
                continue;
            }
            let text = self.text(*i);
            let before = n.checked_sub(1).and_then(|p| own.get(p)).copied();
            let after = own.get(n + 1).copied();
            let after_kind = after.and_then(|a| self.kind(a));
            let soft = words::SOFT_WORDS.contains(&text);
            let keyword = if words::is_reserved(text) {
                !matches!(text, "t" | "true" | "false" | "inf" | "continuum")
                    && after_kind != Some(TokenKind::Colon)
                    && !(inside == Inside::Settings && self.before_assign(&own, n))
            } else if !soft {
                false
            } else if let Some(before) = before {
                let juxtaposed = match self.kind(before) {
                    // Two words in a row: the second is the language's, unless the first was.
                    Some(TokenKind::Word) => !before
                        .checked_sub(raw.first)
                        .and_then(|b| roles.get(b))
                        .copied()
                        .unwrap_or(false),
                    Some(TokenKind::Number | TokenKind::Close | TokenKind::CloseBrace | TokenKind::Prime) => true,
                    _ => false,
                };
                let word = self.text(raw.first);
                juxtaposed
                    || (text == "start"
                        && self.kind(before) == Some(TokenKind::Comma)
                        && matches!(word, "state" | "shock" | "price" | "aggregate" | "forward"))
                    || (text == "paying" && word == "end")
                    || (text == "iid"
                        && self.kind(before) == Some(TokenKind::Tilde)
                        && after_kind == Some(TokenKind::Word))
                    || (text == "normalize"
                        && after.is_some_and(|a| {
                            self.text(a) == "[" && own.get(n + 2).is_some_and(|b| self.text(*b) == "[")
                        }))
            } else {
                // The first word of a line: `start last(p) uniform`, `periods 100`.
                matches!(after_kind, Some(TokenKind::Word)) || inside == Inside::Scenario
            };
            if let Some(slot) = roles.get_mut(i - raw.first) {
                *slot = keyword;
            }
        }
        roles
    }

    /// Whether token `n` of a setting belongs to its key.
    fn before_assign(&self, own: &[usize], n: usize) -> bool {
        own.iter()
            .skip(n)
            .position(|i| self.kind(*i) == Some(TokenKind::Assign))
            .is_some()
    }

    /// The tokens with the blanks of the standard layout between them.
    fn spaced(&self, tokens: &[usize], raw: &Raw, roles: &[bool]) -> String {
        let mut out = String::new();
        for (n, i) in tokens.iter().enumerate() {
            if n > 0
                && let Some(before) = tokens.get(n - 1)
                && self.blank_between(*before, *i, raw, roles)
            {
                out.push(' ');
            }
            out.push_str(self.text(*i));
        }
        out
    }

    fn blank_between(&self, a: usize, b: usize, raw: &Raw, roles: &[bool]) -> bool {
        use TokenKind as K;
        let (Some(left), Some(right)) = (self.kind(a), self.kind(b)) else {
            return true;
        };
        match (left, right) {
            (_, K::Comma | K::Semicolon | K::Colon | K::Close | K::CloseBrace) => false,
            (K::Open | K::OpenBrace, _) => false,
            (_, K::Prime | K::Dot | K::Dots) | (K::Dot | K::Dots, _) => false,
            (K::Operator, _) if self.is_sign(a, raw, roles) => false,
            (K::Operator, _) | (_, K::Operator) => {
                let op = if left == K::Operator { a } else { b };
                match self.text(op) {
                    "^" => false,
                    "/" => !self.is_tight(op),
                    _ => true,
                }
            }
            (K::Word, K::Open) => self.is_keyword(a, raw, roles),
            (K::Prime, K::Open) => self.text(b) != "[",
            _ => true,
        }
    }

    fn is_keyword(&self, i: usize, raw: &Raw, roles: &[bool]) -> bool {
        i.checked_sub(raw.first)
            .and_then(|n| roles.get(n))
            .copied()
            .unwrap_or(false)
    }

    /// Whether `/` was written without blanks between numbers or names: `23/24`, `money/hour`.
    fn is_tight(&self, op: usize) -> bool {
        let (Some(before), Some(at), Some(after)) = (
            op.checked_sub(1).and_then(|b| self.tokens.get(b)),
            self.tokens.get(op),
            self.tokens.get(op + 1),
        ) else {
            return false;
        };
        let simple = |t: &Token| matches!(t.kind, TokenKind::Number | TokenKind::Word);
        before.end == at.start && at.end == after.start && simple(before) && simple(after)
    }

    /// Whether the operator is a sign: nothing that could be its left side stands before it.
    fn is_sign(&self, i: usize, raw: &Raw, roles: &[bool]) -> bool {
        if !matches!(self.text(i), "+" | "-") {
            return false;
        }
        let before = (raw.first..i)
            .rev()
            .find(|j| self.tokens.get(*j).is_some_and(Token::is_significant));
        match before {
            None => true,
            Some(before) => match self.kind(before) {
                Some(TokenKind::Word) => {
                    self.is_keyword(before, raw, roles) || {
                        matches!(
                            self.text(before),
                            "if" | "then" | "else" | "and" | "or" | "not" | "mod" | "div" | "in" | "when"
                        )
                    }
                }
                Some(
                    TokenKind::Number | TokenKind::Close | TokenKind::CloseBrace | TokenKind::Prime | TokenKind::Text,
                ) => false,
                _ => true,
            },
        }
    }
}

/// Runs of neighbouring lines for which `belongs` holds and that no empty line parts.
fn runs(lines: &[Line], same: impl Fn(&Line, &Line) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::new();
    let mut from = 0;
    for i in 1..=lines.len() {
        let goes_on = match (lines.get(i - 1), lines.get(i)) {
            (Some(a), Some(b)) => !b.blank_before && a.indent == b.indent && same(a, b),
            _ => false,
        };
        if !goes_on {
            out.push(from..i);
            from = i;
        }
    }
    out
}

/// Puts `=`, `~` and `in` of neighbouring lines of one kind below each other.
fn align_definitions(lines: &mut [Line]) {
    let ranges = runs(lines, |a, b| a.kind.is_some() && a.kind == b.kind);
    for range in ranges {
        let Some(run) = lines.get_mut(range) else {
            continue;
        };
        let columns = run.iter().map(|l| l.columns.len()).max().unwrap_or(0);
        for c in 0..columns.saturating_sub(1) {
            // Only what has a further piece after this one needs its width.
            let widths = run
                .iter()
                .filter(|l| l.columns.len() > c + 1)
                .filter_map(|l| l.columns.get(c))
                .map(|t| width(t));
            let (Some(least), Some(most)) = (widths.clone().min(), widths.max()) else {
                continue;
            };
            if most - least > MAX_PADDING {
                continue;
            }
            for line in run.iter_mut().filter(|l| l.columns.len() > c + 1) {
                if let Some(text) = line.columns.get_mut(c) {
                    let gap = most - width(text);
                    text.push_str(&" ".repeat(gap));
                }
            }
        }
    }
}

/// Puts descriptions or comments of neighbouring lines below each other, two columns after the longest line.
fn align_ends(lines: &mut [Line], end: impl for<'l> Fn(&'l mut Line) -> &'l mut Option<End>) {
    let mut from = 0;
    while from < lines.len() {
        let mut to = from;
        let mut ends = Vec::new();
        let mut before = None;
        let (indent, head) = lines.get(from).map_or((0, false), |l| (l.indent, l.head));
        while let Some(line) = lines.get_mut(to) {
            if to > from && (line.blank_before || line.indent != indent || line.head || head) {
                break;
            }
            let kind = line.kind.clone();
            let Some(text) = end(line).take() else {
                // A line of the same kind without one does not part its neighbours.
                if to > from && kind.is_some() && kind == before {
                    ends.push(None);
                    to += 1;
                    continue;
                }
                break;
            };
            before = kind;
            // What stands before it: a comment comes after the description.
            let later = line.comment.take();
            ends.push(Some((width(&line.text()) + line.indent, text)));
            line.comment = later;
            to += 1;
        }
        let widths = || ends.iter().flatten().map(|(w, _)| *w);
        let least = widths().min().unwrap_or(0);
        let most = widths().max().unwrap_or(0);
        let aligned = most - least <= 2 * MAX_PADDING;
        for (line, found) in lines.iter_mut().skip(from).zip(ends) {
            let Some((own, mut text)) = found else {
                continue;
            };
            let bare = line.columns.iter().all(String::is_empty);
            text.column = (!bare).then_some(if aligned { most } else { own } + 2);
            *end(line) = Some(text);
        }
        from = to.max(from + 1);
    }
}
