//! Cuts the tokens of a file into statements and blocks, before any of them is parsed.
//!
//! A line end or `;` ends a statement unless a bracket is open, the line ends in an operator, `,`, `=` or a word such
//! as `then`, or the next line starts with one. Braces delimit blocks, except inside a statement (`{stay, exit}`, a
//! conditional table), where they are brackets. `(` and `[` count as one kind, because of `[0, inf)`.
//!
//! Splitting first gives many errors per run and keeps a fault where it is: a bracket that is never closed ends at the
//! next line that starts a statement, and a missing `}` is found by the indentation.

use super::lexer::{Token, TokenKind};
use super::words;
use crate::diag::{Diagnostic, Span};

/// Blocks may be nested so deep.
pub const MAX_BLOCKS: usize = 16;

/// A statement: its own tokens and, for a block, the statements inside.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// Positions in the token list, braces of the block not included. Line ends and comments are among them.
    pub first: usize,
    /// One past the last token of the statement or its head.
    pub last: usize,
    /// What stands in braces after the head.
    pub block: Option<Block>,
    /// A fault is reported already: do not parse the head.
    pub faulty: bool,
}

/// The inside of a block.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Position of `{`.
    pub open: usize,
    /// Position of `}`; the last token of the block where it is missing.
    pub close: usize,
    /// The statements, in order; any length.
    pub items: Vec<Raw>,
}

impl Raw {
    /// Position of its last token, a closing brace included.
    pub fn end_token(&self) -> usize {
        self.block
            .as_ref()
            .map_or(self.last.saturating_sub(1), |block| block.close)
    }
}

/// Splits a list of tokens into statements, in order. The diagnostics are about brackets and braces alone.
pub fn split(source: &str, tokens: &[Token], file: u16) -> (Vec<Raw>, Vec<Diagnostic>) {
    let (statements, errors, unclosed) = Splitter::new(source, tokens, file, false).run();
    if !unclosed {
        return (statements, errors);
    }
    // Some `{` has no partner: read again, closing blocks where the indentation says that they end.
    let (statements, errors, _) = Splitter::new(source, tokens, file, true).run();
    (statements, errors)
}

struct Frame {
    owner: Raw,
    open: usize,
    items: Vec<Raw>,
    /// Indentation of the line on which the owner starts.
    indent: usize,
}

struct Splitter<'s> {
    source: &'s str,
    tokens: &'s [Token],
    file: u16,
    by_indentation: bool,
    errors: Vec<Diagnostic>,
    frames: Vec<Frame>,
    items: Vec<Raw>,
    /// The statement being read: position of its first token.
    current: Option<usize>,
    /// Open brackets of the statement being read.
    brackets: Vec<usize>,
    faulty: bool,
    /// Braces opened below the deepest block allowed.
    ignored: usize,
    unclosed: bool,
    /// The last token that was neither line end nor comment.
    last_significant: Option<usize>,
    /// First byte of the line being read, and its indentation.
    line_start: usize,
    indent: usize,
    /// Indentation of the line on which the statement being read starts.
    current_indent: usize,
    /// For each position, the next token that is neither line end nor comment, at or after it.
    next_significant: Vec<usize>,
}

impl<'s> Splitter<'s> {
    fn new(source: &'s str, tokens: &'s [Token], file: u16, by_indentation: bool) -> Self {
        let mut next = tokens.len();
        let mut next_significant = vec![next; tokens.len() + 1];
        for (i, token) in tokens.iter().enumerate().rev() {
            if token.is_significant() {
                next = i;
            }
            if let Some(slot) = next_significant.get_mut(i) {
                *slot = next;
            }
        }
        Splitter {
            source,
            tokens,
            file,
            by_indentation,
            errors: Vec::new(),
            frames: Vec::new(),
            items: Vec::new(),
            current: None,
            brackets: Vec::new(),
            faulty: false,
            ignored: 0,
            unclosed: false,
            last_significant: None,
            line_start: 0,
            indent: 0,
            current_indent: 0,
            next_significant,
        }
    }

    fn run(mut self) -> (Vec<Raw>, Vec<Diagnostic>, bool) {
        let tokens = self.tokens;
        self.new_line(0);
        for (i, token) in tokens.iter().enumerate() {
            match token.kind {
                TokenKind::Comment => {}
                TokenKind::Newline => {
                    self.line_end(i);
                    self.new_line(token.end);
                }
                TokenKind::Semicolon => self.semicolon(i),
                TokenKind::Open => {
                    self.begin(i);
                    self.brackets.push(i);
                }
                TokenKind::Close => self.close_bracket(i),
                TokenKind::OpenBrace => self.open_brace(i),
                TokenKind::CloseBrace => self.close_brace(i),
                TokenKind::Faulty => {
                    self.begin(i);
                    self.faulty = true;
                }
                TokenKind::Word
                | TokenKind::Number
                | TokenKind::Text
                | TokenKind::Comma
                | TokenKind::Prime
                | TokenKind::Dot
                | TokenKind::Dots
                | TokenKind::Colon
                | TokenKind::Tilde
                | TokenKind::Assign
                | TokenKind::Operator => self.begin(i),
            }
            if token.is_significant() {
                self.last_significant = Some(i);
            }
        }
        let end = tokens.len();
        self.report_open_brackets();
        self.finish(end);
        while let Some(frame) = self.frames.pop() {
            self.unclosed = true;
            self.report_open_block(&frame);
            self.close_frame(frame, end.saturating_sub(1));
        }
        (self.items, self.errors, self.unclosed)
    }

    fn token(&self, i: usize) -> Option<&'s Token> {
        self.tokens.get(i)
    }

    fn text(&self, i: usize) -> &'s str {
        self.token(i).map_or("", |token| token.text(self.source))
    }

    fn span(&self, i: usize) -> Span {
        self.token(i).map_or_else(Span::default, |token| token.span(self.file))
    }

    fn significant_from(&self, i: usize) -> Option<usize> {
        let next = *self.next_significant.get(i)?;
        (next < self.tokens.len()).then_some(next)
    }

    /// Starts a statement at token `i` unless one is being read.
    fn begin(&mut self, i: usize) {
        if self.current.is_some() {
            return;
        }
        if self.by_indentation && !self.frames.is_empty() && self.is_outermost_statement(i) {
            let column = self.column(i);
            while let Some(frame) = self.frames.last() {
                if self.is_first_on_line(i) && column <= frame.indent {
                    if let Some(frame) = self.frames.pop() {
                        self.report_open_block(&frame);
                        self.close_frame(frame, i.saturating_sub(1));
                    }
                } else {
                    break;
                }
            }
        }
        self.current = Some(i);
        self.current_indent = self.indent;
        self.faulty = false;
        self.brackets.clear();
    }

    /// Ends the statement being read before token `end`.
    fn finish(&mut self, end: usize) {
        if let Some(first) = self.current.take() {
            let mut last = end.min(self.tokens.len());
            while last > first + 1 && !self.token(last - 1).is_some_and(Token::is_significant) {
                last -= 1;
            }
            self.items.push(Raw {
                first,
                last,
                block: None,
                faulty: self.faulty,
            });
        }
        self.brackets.clear();
        self.faulty = false;
    }

    fn line_end(&mut self, i: usize) {
        if self.current.is_none() {
            return;
        }
        let next = self.significant_from(i);
        if self.brackets.is_empty() {
            if !self.goes_on(next) {
                self.finish(i);
            }
        } else if next.is_some_and(|n| self.is_statement_start(n)) {
            self.report_open_brackets();
            self.finish(i);
        }
    }

    fn semicolon(&mut self, i: usize) {
        if self.current.is_none() {
            return;
        }
        let next = self.significant_from(i + 1);
        let braced = self
            .brackets
            .iter()
            .any(|b| self.token(*b).is_some_and(|t| t.kind == TokenKind::OpenBrace));
        if self.brackets.is_empty() {
            self.finish(i);
        } else if let Some(close) = self.parts_numbers(i) {
            self.faulty = true;
            let (before, after) = (i.saturating_sub(1), i + 1);
            let inside = [self.brackets.last().copied().unwrap_or(i), close];
            let whole = format!(
                "{}, {}",
                self.text_of(inside[0], before),
                self.text_of(self.significant_from(after).unwrap_or(after), inside[1])
            );
            self.errors.push(
                Diagnostic::error("E0103", "`;` ends a statement, and this is inside brackets")
                    .at(
                        self.span(inside[0]).to(self.span(close)),
                        "numbers in brackets are parted by commas",
                    )
                    .hint(format!("write `{whole}`")),
            );
        } else if !braced || next.is_some_and(|n| self.is_statement_start(n)) {
            self.report_open_brackets();
            self.finish(i);
        }
    }

    /// Where the `[` that is open at a `;` is closed, if that is on the same line with nothing but an expression in between.
    fn parts_numbers(&self, i: usize) -> Option<usize> {
        let open = self.brackets.last().copied().filter(|b| self.text(*b) == "[")?;
        let mut depth = 0;
        for k in i + 1.. {
            match (self.token(k)?.kind, self.text(k)) {
                (TokenKind::Newline | TokenKind::Semicolon | TokenKind::OpenBrace, _) => return None,
                (TokenKind::Open, _) => depth += 1,
                (TokenKind::Close, "]" | ")") if depth == 0 => {
                    return (self.brackets.len() == 1 && open < k).then_some(k);
                }
                (TokenKind::Close, _) => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// Source text from one token to another.
    fn text_of(&self, first: usize, last: usize) -> &str {
        let ends = self.token(first).zip(self.token(last));
        ends.and_then(|(a, b)| self.source.get(a.start..b.end)).unwrap_or("")
    }

    fn close_bracket(&mut self, i: usize) {
        self.begin(i);
        match self.brackets.last() {
            Some(open) if self.token(*open).is_some_and(|t| t.kind == TokenKind::Open) => {
                self.brackets.pop();
            }
            Some(open) => {
                let open = *open;
                self.faulty = true;
                self.errors.push(
                    Diagnostic::error("E0103", format!("`{}` closes a brace", self.text(i)))
                        .at(self.span(i), "`}` is missing before this")
                        .and(self.span(open), "the brace was opened here")
                        .hint("close it with `}`"),
                );
                self.brackets.pop();
            }
            None => {
                self.faulty = true;
                self.errors.push(
                    Diagnostic::error("E0103", format!("`{}` closes nothing", self.text(i)))
                        .at(self.span(i), "no bracket is open here")
                        .hint(format!(
                            "remove it, or open it with `{}`",
                            if self.text(i) == ")" { "(" } else { "[" }
                        )),
                );
            }
        }
    }

    fn open_brace(&mut self, i: usize) {
        if !self.brackets.is_empty() || !self.opens_block(i) {
            self.begin(i);
            self.brackets.push(i);
            return;
        }
        if self.frames.len() >= MAX_BLOCKS {
            if self.ignored == 0 {
                self.errors.push(
                    Diagnostic::error("E0110", "blocks are nested too deeply")
                        .at(self.span(i), format!("more than {MAX_BLOCKS} braces are open"))
                        .hint("a file needs three: group, agent, nothing more"),
                );
            }
            self.ignored += 1;
            self.current = None;
            return;
        }
        let mut owner = match self.current.take() {
            Some(first) => Raw {
                first,
                last: i,
                block: None,
                faulty: self.faulty,
            },
            None => {
                self.current_indent = self.indent;
                self.errors.push(
                    Diagnostic::error("E0102", "a block has no head")
                        .at(self.span(i), "nothing stands before this brace")
                        .hint("write what it is: `agent household[N] {`"),
                );
                Raw {
                    first: i,
                    last: i,
                    block: None,
                    faulty: true,
                }
            }
        };
        while owner.last > owner.first + 1 && !self.token(owner.last - 1).is_some_and(Token::is_significant) {
            owner.last -= 1;
        }
        self.faulty = false;
        self.frames.push(Frame {
            owner,
            open: i,
            items: std::mem::take(&mut self.items),
            indent: self.current_indent,
        });
    }

    fn close_brace(&mut self, i: usize) {
        // Inside a statement it closes `{stay, exit}`, with whatever was left open in it.
        let inner = self
            .brackets
            .iter()
            .rposition(|b| self.token(*b).is_some_and(|t| t.kind == TokenKind::OpenBrace));
        if let Some(inner) = inner {
            if let Some(open) = self.brackets.get(inner + 1).copied() {
                self.report_bracket(open);
            }
            self.brackets.truncate(inner);
            return;
        }
        self.report_open_brackets();
        self.finish(i);
        if self.ignored > 0 {
            self.ignored -= 1;
            return;
        }
        match self.frames.pop() {
            Some(frame) => self.close_frame(frame, i),
            None => self.errors.push(
                Diagnostic::error("E0103", "`}` closes nothing")
                    .at(self.span(i), "no block is open here")
                    .hint("remove it, or look for a `{` missing above"),
            ),
        }
    }

    fn close_frame(&mut self, frame: Frame, close: usize) {
        let mut owner = frame.owner;
        owner.block = Some(Block {
            open: frame.open,
            close,
            items: std::mem::replace(&mut self.items, frame.items),
        });
        self.items.push(owner);
    }

    fn report_bracket(&mut self, open: usize) {
        self.faulty = true;
        let text = self.text(open);
        let close = match text {
            "(" => "`)`",
            "[" => "`]`",
            _ => "`}`",
        };
        self.errors.push(
            Diagnostic::error("E0103", format!("`{text}` is never closed"))
                .at(self.span(open), format!("no {close} follows in this statement"))
                .hint(format!("close it with {close}")),
        );
    }

    fn report_open_brackets(&mut self) {
        if let Some(open) = self.brackets.first().copied() {
            self.report_bracket(open);
        }
    }

    fn report_open_block(&mut self, frame: &Frame) {
        let head: Vec<&str> = (frame.owner.first..frame.owner.last.min(frame.owner.first + 2))
            .map(|i| self.text(i))
            .collect();
        self.errors.push(
            Diagnostic::error("E0103", format!("the block of `{}` is never closed", head.join(" ")))
                .at(self.span(frame.open), "no `}` follows for this brace")
                .hint("add `}` where the block ends"),
        );
    }

    /// Whether the `{` at `i` opens a block rather than a set of labels or a table.
    fn opens_block(&self, i: usize) -> bool {
        let Some(first) = self.current else {
            return true;
        };
        let word = self.text(first);
        if words::opens_block(word) {
            return true;
        }
        if words::is_reserved(word) || !self.token(first).is_some_and(|t| t.kind == TokenKind::Word) {
            return false;
        }
        // A role, or a misspelt head; not `x' = {a, b}`.
        !self.tokens.get(first..i).unwrap_or(&[]).iter().any(|t| {
            matches!(t.kind, TokenKind::Assign | TokenKind::Tilde) || matches!(t.text(self.source), "in" | "given")
        })
    }

    /// Whether the statement goes on after this line end; `next` is the next token.
    fn goes_on(&self, next: Option<usize>) -> bool {
        let Some(next) = next else { return false };
        let (Some(last), Some(token)) = (self.last_significant.and_then(|i| self.token(i)), self.token(next)) else {
            return false;
        };
        if self.is_statement_start(next) {
            return false;
        }
        let text = token.text(self.source);
        let starts = match token.kind {
            TokenKind::Operator
            | TokenKind::Comma
            | TokenKind::Tilde
            | TokenKind::Assign
            | TokenKind::Dots
            | TokenKind::Colon
            | TokenKind::Close
            | TokenKind::OpenBrace => true,
            TokenKind::Word => {
                matches!(
                    text,
                    "then" | "else" | "given" | "and" | "or" | "mod" | "div" | "in" | "when" | "over"
                ) || (matches!(text, "clears" | "among" | "on" | "taste")
                    && self.tokens.get(next + 1).is_some_and(|t| {
                        matches!(t.kind, TokenKind::Word | TokenKind::Number)
                            || (text == "clears" && t.kind == TokenKind::Open)
                    }))
            }
            TokenKind::Number
            | TokenKind::Text
            | TokenKind::Open
            | TokenKind::CloseBrace
            | TokenKind::Semicolon
            | TokenKind::Prime
            | TokenKind::Dot
            | TokenKind::Newline
            | TokenKind::Comment
            | TokenKind::Faulty => false,
        };
        let ends = match last.kind {
            TokenKind::Operator
            | TokenKind::Comma
            | TokenKind::Tilde
            | TokenKind::Assign
            | TokenKind::Dots
            | TokenKind::Colon => true,
            TokenKind::Word => matches!(
                last.text(self.source),
                "then" | "else" | "and" | "or" | "not" | "if" | "in" | "mod" | "div" | "given" | "when" | "over"
            ),
            TokenKind::Number
            | TokenKind::Text
            | TokenKind::Open
            | TokenKind::Close
            | TokenKind::OpenBrace
            | TokenKind::CloseBrace
            | TokenKind::Semicolon
            | TokenKind::Prime
            | TokenKind::Dot
            | TokenKind::Newline
            | TokenKind::Comment
            | TokenKind::Faulty => false,
        };
        (starts || ends) && token.kind != TokenKind::CloseBrace
    }

    /// Whether token `i` begins a statement wherever it stands at the start of a line: a statement word (but not the
    /// expression `solve nash(p)` or the key of a setting on the way), or `name' =`.
    fn is_statement_start(&self, i: usize) -> bool {
        let Some(token) = self.token(i) else {
            return false;
        };
        if token.kind != TokenKind::Word {
            return false;
        }
        let next = self.token(i + 1).map(|t| t.kind);
        let text = token.text(self.source);
        if text == "solve" {
            return next == Some(TokenKind::OpenBrace);
        }
        if words::starts_statement(text) {
            // `horizon: 1` is an argument.
            return next != Some(TokenKind::Colon);
        }
        next == Some(TokenKind::Prime) && self.token(i + 2).map(|t| t.kind) == Some(TokenKind::Assign)
    }

    /// Whether token `i` starts a statement that usually stands outside every block.
    fn is_outermost_statement(&self, i: usize) -> bool {
        matches!(
            self.text(i),
            "agent"
                | "kind"
                | "group"
                | "market"
                | "scenario"
                | "train"
                | "verify"
                | "set"
                | "stages"
                | "model"
                | "use"
        ) || (self.text(i) == "solve" && self.is_statement_start(i))
    }

    /// Notes where the line begins that starts at byte `start`, and how far it is indented.
    fn new_line(&mut self, start: usize) {
        let line = self.source.as_bytes().get(start..).unwrap_or(&[]);
        self.line_start = start;
        self.indent = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    }

    fn column(&self, i: usize) -> usize {
        self.token(i).map_or(0, |t| t.start.saturating_sub(self.line_start))
    }

    fn is_first_on_line(&self, i: usize) -> bool {
        self.column(i) == self.indent
    }
}
