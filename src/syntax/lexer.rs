//! Cuts a source text into words, numbers, strings, marks, line ends and comments, each with its bytes.
//!
//! The splitter needs them to find where statements end, the formatter to keep comments, and the messages to name
//! what was found. The forms are those of `grammar/econ.pest`; this file adds what a grammar cannot say: which fix
//! belongs to which faulty form (`.5`, `2k`, `a && b`, a string without its closing quote).

use crate::diag::{Diagnostic, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or a word of the language.
    Word,
    /// `0.5`, `1_000`, `5%`
    Number,
    /// `"text"`
    Text,
    /// `( [`
    Open,
    /// `) ]`
    Close,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `'`
    Prime,
    /// `.`
    Dot,
    /// `..`
    Dots,
    /// `:`
    Colon,
    /// `~`
    Tilde,
    /// `=`
    Assign,
    /// `+ - * / ^ == != < <= > >=`
    Operator,
    /// A line end.
    Newline,
    /// `# ...` up to the line end.
    Comment,
    /// Something that is reported already; its statement is not read further.
    Faulty,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Token {
    /// Its spelling.
    pub fn text<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.start..self.end).unwrap_or("")
    }
    /// Its place in source `file`.
    pub fn span(&self, file: u16) -> Span {
        Span {
            file,
            ..Span::new(self.start, self.end)
        }
    }
    /// Neither line end nor comment.
    pub fn is_significant(&self) -> bool {
        !matches!(self.kind, TokenKind::Newline | TokenKind::Comment)
    }
}

/// Cuts `source` into tokens, in order, that cover everything but blanks, and reports what is faulty, in the order of
/// the file.
pub fn lex(source: &str, file: u16) -> (Vec<Token>, Vec<Diagnostic>) {
    let mut lexer = Lexer {
        source,
        file,
        at: 0,
        tokens: Vec::with_capacity(source.len() / 3),
        errors: Vec::new(),
    };
    lexer.run();
    (lexer.tokens, lexer.errors)
}

/// Whether a name may start with this letter.
pub fn starts_word(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// Whether a name may go on with this letter.
pub fn continues_word(c: char) -> bool {
    (c == '_' || c.is_alphanumeric()) && superscript(c).is_none()
}

/// Whether a character turns the direction in which what follows is shown.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character has no picture of its own: controls, directions, blanks of no width.
fn is_hidden(c: char) -> bool {
    let blank = matches!(c, '\n' | '\r' | '\t');
    let no_width = matches!(
        c,
        '\u{00AD}' | '\u{200B}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}'
    );
    (c.is_control() && !blank) || is_direction(c) || no_width
}

/// Most letters (bytes) of a name: files and tables of a run are called after it.
const LONGEST_NAME: usize = 200;

/// Zeros that a suffix of a number stands for: `1M`, `100k`.
fn thousands(name: &str) -> Option<usize> {
    Some(match name {
        "k" | "K" => 3,
        "M" | "mn" | "mio" | "million" => 6,
        "bn" | "B" | "billion" => 9,
        _ => return None,
    })
}

/// A number times a power of ten, with `_` between groups of three digits.
fn written_out(number: &str, zeros: usize) -> String {
    let plain = number.replace('_', "");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let padded = format!("{fraction:0<zeros$}");
    let (more, rest) = padded.split_at(zeros);
    let digits = format!("{whole}{more}");
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        other => other,
    };
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push('_');
        }
        out.push(c);
    }
    if rest.is_empty() { out } else { format!("{out}.{rest}") }
}

/// The digit a superscript stands for.
fn superscript(c: char) -> Option<char> {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let n = DIGITS.iter().position(|d| *d == c)?;
    char::from_digit(n as u32, 10)
}

struct Lexer<'s> {
    source: &'s str,
    file: u16,
    at: usize,
    tokens: Vec<Token>,
    errors: Vec<Diagnostic>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        // A byte order mark says nothing in UTF-8.
        if self.source.starts_with('\u{FEFF}') {
            self.at = '\u{FEFF}'.len_utf8();
        }
        self.hidden();
        while let Some(c) = self.peek(0) {
            let start = self.at;
            match c {
                ' ' | '\t' | '\r' => self.at += 1,
                '\n' => self.take(TokenKind::Newline, 1),
                '#' => {
                    let rest = self.source.get(start..).unwrap_or("");
                    let line = rest.find('\n').unwrap_or(rest.len());
                    let text = rest.get(..line).unwrap_or("").trim_end();
                    let length = text.len().max(1);
                    self.take(TokenKind::Comment, length);
                }
                '"' => self.string(),
                '0'..='9' => self.number(),
                _ if starts_word(c) => self.word(),
                _ => self.mark(c),
            }
        }
    }

    /// Characters that are not seen, or that turn the direction of what stands behind them, in descriptions and comments: a reader
    /// would see another file than econc. Elsewhere they are no part of the language anyhow.
    fn hidden(&mut self) {
        for (at, c) in self.source.char_indices() {
            if !is_hidden(c) || (at == 0 && c == '\u{FEFF}') {
                continue;
            }
            let line = self
                .source
                .get(..at)
                .map_or("", |s| s.rsplit('\n').next().unwrap_or(""));
            if !line.contains(['#', '"']) {
                continue;
            }
            let span = Span {
                file: self.file,
                ..Span::new(at, at + c.len_utf8())
            };
            self.errors.push(
                Diagnostic::error("E0119", format!("a character that cannot be seen: U+{:04X}", c as u32))
                    .at(
                        span,
                        if is_direction(c) {
                            "turns the direction of the text"
                        } else {
                            "not shown"
                        },
                    )
                    .hint("delete it"),
            );
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.source.get(self.at..)?.chars().nth(ahead)
    }

    fn byte(&self, offset: usize) -> u8 {
        self.source.as_bytes().get(offset).copied().unwrap_or(0)
    }

    fn take(&mut self, kind: TokenKind, length: usize) {
        let start = self.at;
        self.at += length;
        self.tokens.push(Token {
            kind,
            start,
            end: self.at,
        });
    }

    /// A faulty piece with its message.
    fn fault(&mut self, length: usize, make: impl FnOnce(Span, &str) -> Diagnostic) {
        let token = Token {
            kind: TokenKind::Faulty,
            start: self.at,
            end: self.at + length,
        };
        let error = make(token.span(self.file), token.text(self.source));
        self.errors.push(error);
        self.at += length;
        self.tokens.push(token);
    }

    fn word_length(&self, from: usize) -> usize {
        let rest = self.source.get(from..).unwrap_or("");
        rest.find(|c| !continues_word(c)).unwrap_or(rest.len())
    }

    fn word(&mut self) {
        let length = self.word_length(self.at);
        if length > LONGEST_NAME && self.errors.iter().all(|d| d.code != "E0120") {
            let span = Span {
                file: self.file,
                ..Span::new(self.at, self.at + length)
            };
            self.errors.push(
                Diagnostic::error("E0120", format!("a name of {length} letters"))
                    .at(span, format!("at most {LONGEST_NAME}"))
                    .hint(
                        "choose a short name; a description stands behind it in quotes: state k in [0, 9] \"capital\"",
                    ),
            );
        }
        self.take(TokenKind::Word, length);
    }

    fn string(&mut self) {
        let rest = self.source.get(self.at + 1..).unwrap_or("");
        let line = rest.get(..rest.find('\n').unwrap_or(rest.len())).unwrap_or("");
        match line.find('"') {
            Some(inside) => self.take(TokenKind::Text, inside + 2),
            None => {
                let length = 1 + line.trim_end().len();
                self.fault(length, |span, _| {
                    Diagnostic::error("E0105", "a description is not closed on its line")
                        .at(span, "this `\"` has no partner before the line ends")
                        .hint("close it with `\"`; a description stands on one line")
                });
            }
        }
    }

    fn digits(&self, mut at: usize) -> usize {
        while self.byte(at).is_ascii_digit() || (self.byte(at) == b'_' && self.byte(at + 1).is_ascii_digit()) {
            at += 1;
        }
        at
    }

    fn number(&mut self) {
        let start = self.at;
        let mut end = self.digits(start);
        if self.byte(end) == b'.' && self.byte(end + 1).is_ascii_digit() {
            end = self.digits(end + 1);
        } else if self.byte(end) == b'.' && self.byte(end + 1) != b'.' {
            self.fault(end + 1 - start, |span, text| {
                Diagnostic::error("E0104", format!("`{text}` has no digit after the point"))
                    .at(span, "a point has digits on both sides")
                    .hint(format!("write `{text}0`"))
            });
            return;
        }
        if matches!(self.byte(end), b'e' | b'E') {
            let signed = matches!(self.byte(end + 1), b'+' | b'-');
            let exponent = end + 1 + usize::from(signed);
            if self.byte(exponent).is_ascii_digit() {
                end = self.digits(exponent);
            }
        }
        let percent = self.byte(end) == b'%';
        let number_end = end;
        end += usize::from(percent);
        let tail = self.word_length(end);
        if tail > 0 {
            let number = self.source.get(start..number_end).unwrap_or("").to_string();
            let name = self.source.get(end..end + tail).unwrap_or("").to_string();
            self.fault(end + tail - start, |span, text| {
                let error = Diagnostic::error("E0104", format!("`{text}` is neither a number nor a name"));
                if percent {
                    error
                        .at(span, "`%` after a number means percent")
                        .hint(format!("the remainder is `{number} mod {name}`"))
                } else if name.starts_with('_') {
                    error
                        .at(span, "`_` stands between digits: `1_000`")
                        .hint(format!("write `{number}`"))
                } else if name.starts_with(['e', 'E']) && name.get(1..).is_none_or(|rest| rest.is_empty()) {
                    error
                        .at(span, "the exponent has no digits")
                        .hint(format!("write `{number}e0`, or `{number} * {name}`"))
                } else if let Some(zeros) = thousands(&name).filter(|_| !number.contains(['e', 'E'])) {
                    let whole = written_out(&number, zeros);
                    if name == "k" {
                        // More often a variable than thousands.
                        error.at(span, "a number stands directly before a name").hint(format!(
                            "write `{number} * {name}`, or `{whole}` if thousands are meant"
                        ))
                    } else {
                        error
                            .at(span, "a number is written out")
                            .hint(format!("write `{whole}`, or `{number}e{zeros}`"))
                    }
                } else {
                    error
                        .at(span, "a number stands directly before a name")
                        .hint(format!("write `{number} * {name}`"))
                }
            });
            return;
        }
        let text = self.source.get(start..number_end).unwrap_or("");
        let value: f64 = text.replace('_', "").parse().unwrap_or(f64::INFINITY);
        if !value.is_finite() {
            self.fault(end - start, |span, text| {
                Diagnostic::error("E0104", format!("the number `{text}` is too large"))
                    .at(span, "the largest number is about 1.8e308")
                    .hint("write `inf` for infinity")
            });
            return;
        }
        self.take(TokenKind::Number, end - start);
    }

    fn mark(&mut self, c: char) {
        let next = self.peek(1);
        let third = self.peek(2);
        match (c, next, third) {
            ('(' | '[', _, _) => self.take(TokenKind::Open, 1),
            (')' | ']', _, _) => self.take(TokenKind::Close, 1),
            ('{', _, _) => self.take(TokenKind::OpenBrace, 1),
            ('}', _, _) => self.take(TokenKind::CloseBrace, 1),
            (',', _, _) => self.take(TokenKind::Comma, 1),
            (';', _, _) => self.take(TokenKind::Semicolon, 1),
            ('\'', _, _) => self.take(TokenKind::Prime, 1),
            ('.', Some('.'), _) => self.take(TokenKind::Dots, 2),
            ('.', Some(d), _) if d.is_ascii_digit() && !self.after_operand() => {
                let end = self.digits(self.at + 1);
                self.fault(end - self.at, |span, text| {
                    Diagnostic::error("E0104", format!("`{text}` has no digit before the point"))
                        .at(span, "a point has digits on both sides")
                        .hint(format!("write `0{text}`"))
                });
            }
            ('.', _, _) => self.take(TokenKind::Dot, 1),
            (':', Some('='), _) => self.foreign(2, "`=` defines", "="),
            (':', _, _) => self.take(TokenKind::Colon, 1),
            ('=', Some('='), Some('=')) => self.foreign(3, "`==` compares", "=="),
            ('=', Some('='), _) => self.take(TokenKind::Operator, 2),
            ('=', Some('>'), _) => self.foreign(2, "`>=` is at least", ">="),
            ('=', Some('<'), _) => self.foreign(2, "`<=` is at most", "<="),
            ('=', _, _) => self.take(TokenKind::Assign, 1),
            ('!', Some('='), _) => self.take(TokenKind::Operator, 2),
            ('~', Some('='), _) => self.foreign(2, "`!=` is unequal", "!="),
            ('~', _, _) => self.take(TokenKind::Tilde, 1),
            ('<', Some('>'), _) => self.foreign(2, "`!=` is unequal", "!="),
            ('<' | '>', Some('='), _) => self.take(TokenKind::Operator, 2),
            ('+' | '-' | '*' | '/' | '^', Some('='), after) if after != Some('=') => {
                self.fault(2, |span, text| {
                    Diagnostic::error("E0111", format!("there is no operator `{text}`"))
                        .at(span, "a name is defined once, by `=`")
                        .hint("next period's value of a state is `k' = k + 1`")
                });
            }
            ('*', Some('*'), _) => self.foreign(2, "`^` raises to a power", "^"),
            ('/', Some('/' | '*'), _) => self.foreign(2, "`#` starts a comment", "#"),
            ('+' | '-' | '*' | '/' | '^' | '<' | '>', _, _) => {
                self.take(TokenKind::Operator, 1);
            }
            ('!', _, _) => self.foreign(1, "`not` negates", "not"),
            ('&', Some('&'), _) => self.foreign(2, "`and` joins conditions", "and"),
            ('&', _, _) => self.foreign(1, "`and` joins conditions", "and"),
            ('|', Some('|'), _) => self.foreign(2, "`or` joins conditions", "or"),
            ('|', _, _) => self.foreign(1, "`or` joins conditions", "or"),
            ('%', _, _) => self.percent_sign(),
            _ => self.character(c),
        }
    }

    /// Whether the last token directly before this place can end an operand: `a.5`.
    fn after_operand(&self) -> bool {
        self.tokens.last().is_some_and(|token| {
            token.end == self.at
                && matches!(
                    token.kind,
                    TokenKind::Word | TokenKind::Close | TokenKind::Prime | TokenKind::Number
                )
        })
    }

    /// `%` that stands behind no number: a comment of another language, per cent behind a blank, or the remainder.
    fn percent_sign(&mut self) {
        let before = self.source.get(..self.at).unwrap_or("");
        let after = self.source.get(self.at + 1..).unwrap_or("");
        let line = before.rsplit('\n').next().unwrap_or("");
        let rest = after.split('\n').next().unwrap_or("").trim();
        let number = line.trim_end();
        let percent = number.len() < line.len() && number.ends_with(|c: char| c.is_ascii_digit());
        let words = rest
            .split_whitespace()
            .take_while(|w| w.chars().all(char::is_alphabetic))
            .count();
        let ends = rest.is_empty() || rest.starts_with([',', ')', ']', '}', '#', '"', ';']) || rest.starts_with("in ");
        if line.trim().is_empty() || (words >= 2 && !(percent && ends)) {
            self.fault(1, |span, _| {
                Diagnostic::error("E0111", "`%` starts no comment here")
                    .at(span, "`#` starts a comment")
                    .hint(format!("write `# {}`", rest.chars().take(30).collect::<String>()))
            });
        } else if percent && ends {
            let digits: String = number
                .chars()
                .rev()
                .take_while(|c| c.is_ascii_digit() || *c == '.')
                .collect();
            let digits: String = digits.chars().rev().collect();
            self.fault(1, |span, _| {
                Diagnostic::error("E0111", "per cent stand directly behind their number")
                    .at(span, "a blank stands before it")
                    .hint(format!("write `{digits}%`"))
            });
        } else {
            self.fault(1, |span, text| {
                Diagnostic::error("E0111", format!("there is no `{text}` in this language"))
                    .at(span, "the remainder is `mod`")
                    .hint("write `mod`; a comment starts with `#`")
            });
        }
    }

    fn foreign(&mut self, length: usize, label: &str, write: &str) {
        self.fault(length, |span, text| {
            Diagnostic::error("E0111", format!("there is no `{text}` in this language"))
                .at(span, label)
                .hint(format!("write `{write}`"))
        });
    }

    /// A character that belongs to no token; a run of the same kind is one message.
    fn character(&mut self, c: char) {
        let write = match c {
            '≤' => "<=",
            '≥' => ">=",
            '≠' => "!=",
            '×' | '·' | '∙' | '⋅' | '∗' => "*",
            '÷' | '∕' => "/",
            '−' | '–' | '—' => "-",
            '∞' => "inf",
            '∈' => "in",
            '∧' => "and",
            '∨' => "or",
            '¬' => "not",
            '…' => "..",
            '“' | '”' | '„' | '«' | '»' => "\"",
            '’' | '‘' | '′' | '´' | '`' => "'",
            '∑' => "sum",
            '∏' => "prod",
            _ => "",
        };
        if !write.is_empty() {
            self.fault(c.len_utf8(), |span, text| {
                Diagnostic::error("E0111", format!("`{text}` is not typed that way here"))
                    .at(span, "a sign outside the language")
                    .hint(format!("write `{write}`"))
            });
            return;
        }
        let rest = self.source.get(self.at..).unwrap_or("");
        if superscript(c).is_some() {
            let digits: String = rest.chars().map_while(superscript).collect();
            let length = rest.find(|c| superscript(c).is_none()).unwrap_or(rest.len());
            self.fault(length, |span, _| {
                Diagnostic::error("E0111", "an exponent is written with `^`")
                    .at(span, "a superscript")
                    .hint(format!("write `^{digits}`"))
            });
            return;
        }
        let blank = c.is_whitespace() || c == '\u{FEFF}' || c == '\u{200B}';
        let length = if blank {
            c.len_utf8()
        } else {
            rest.char_indices()
                .find(|(_, d)| *d != c && (d.is_ascii() || starts_word(*d)))
                .map_or(rest.len(), |(i, _)| i)
                .max(c.len_utf8())
        };
        self.fault(length, |span, text| {
            let code = c as u32;
            if blank {
                Diagnostic::error(
                    "E0111",
                    format!("a space character other than the usual one (U+{code:04X})"),
                )
                .at(span, "not a plain space")
                .hint("replace it by a space")
            } else if c.is_control() {
                Diagnostic::error(
                    "E0111",
                    format!("a control character (U+{code:04X}) stands in the text"),
                )
                .at(span, "not part of the language")
                .hint("remove it")
            } else {
                let shown: String = text.chars().take(20).collect();
                Diagnostic::error("E0111", format!("`{shown}` is not part of the language"))
                    .at(span, "an unknown sign")
                    .hint(match c {
                        '?' => "a choice between two is `if a then b else c`",
                        _ => "remove it; `#` starts a comment",
                    })
            }
        });
    }
}
