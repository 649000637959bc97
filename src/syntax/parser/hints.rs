//! Messages about statements that could not be read, each with what to type.

use super::expect::{self, Kind};
use super::{FileParser, Rule, Within};
use crate::diag::{Diagnostic, Span};
use crate::syntax::lexer::{Token, TokenKind};
use crate::syntax::split::Raw;
use crate::syntax::words;

impl<'s> FileParser<'s> {
    /// Positions of the statement's own tokens, line ends and comments left out.
    fn own(&self, raw: &Raw) -> Vec<usize> {
        (raw.first..raw.last)
            .filter(|i| self.tokens.get(*i).is_some_and(Token::is_significant))
            .collect()
    }

    /// Source text from token `first` to token `last`, on one line.
    fn between(&self, first: usize, last: usize) -> String {
        let (Some(a), Some(b)) = (self.tokens.get(first), self.tokens.get(last)) else {
            return String::new();
        };
        let text = self.source.get(a.start..b.end).unwrap_or("");
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() > 80 {
            line.chars().take(77).chain("...".chars()).collect()
        } else {
            line
        }
    }

    /// What pest could not read: byte `at` of the source, where one of the list `expected` should stand.
    pub(super) fn unexpected(&self, rule: Rule, at: usize, expected: &[Rule], raw: &Raw) -> Diagnostic {
        let own = self.own(raw);
        let position = own.iter().position(|i| self.tokens.get(*i).is_some_and(|t| t.end > at));
        let found = position.and_then(|p| own.get(p)).copied();
        let before = match position {
            Some(0) => None,
            Some(p) => own.get(p - 1).copied(),
            None => own.last().copied(),
        };
        let wants = |k: Kind| expected.iter().any(|r| expect::kind(*r) == k);
        let in_head = raw.block.is_some();
        if let Some(found) = found
            && rule != Rule::use_line
            && let Some(error) = self.known_fault(rule, found, before, expected, raw)
        {
            return error;
        }
        let list = match expect::list(expected, in_head) {
            list if rule == Rule::group_head && list == "`[`" => "a size in brackets".to_string(),
            list => list,
        };
        let (span, shown) = match found {
            Some(found) => (self.span(found), format!("`{}`", self.between(found, found))),
            None if in_head => {
                let open = raw.block.as_ref().map_or(raw.first, |b| b.open);
                (self.span(open), "`{`".to_string())
            }
            None => {
                let end = self.span(raw.last.max(1) - 1);
                let at = Span { start: end.end, ..end };
                let shown = if raw.block.is_none() && self.source.len() <= end.end as usize {
                    "the end of the file"
                } else {
                    "the end of the statement"
                };
                (at, shown.to_string())
            }
        };
        let word = self.word(raw.first);
        let label = if words::starts_statement(word) {
            format!("expected {list} in this `{word}`")
        } else {
            format!("expected {list}")
        };
        let mut error = Diagnostic::error("E0101", format!("expected {list}, found {shown}")).at(span, label);
        let comma = rule == Rule::setting_line && found.is_some_and(|f| self.word(f) == ",");
        let often = if comma {
            Some(
                "lines of settings are parted by `;` or stand on lines of their own: `tolerance = 1e-8; howard = 3`"
                    .to_string(),
            )
        } else {
            None
        };
        let often = often.or_else(|| found.and_then(|found| self.often(found, before, expected, raw)));
        if often.is_some() {
            error.hint = often;
        } else if expected.contains(&Rule::kw_else) {
            error.hint = Some("an `if` always has an `else`: `if a then b else c`".into());
        } else if wants(Kind::Operator)
            && let (Some(before), Some(found)) = (before, found)
            && self.starts_operand(found)
        {
            error.hint = Some(if self.word(found) == "[" {
                "several indices stand in one bracket: `k[g, h]`".to_string()
            } else if raw.first == before
                && self.word(found) == "("
                && (self.word(found + 1) == "t"
                    || matches!(self.word(found + 1), "+" | "-" if self.word(found + 3) == ")"))
            {
                format!(
                    "time is no argument: the value of the next period is `{word}' = ..`, that of this one is `{word}`"
                )
            } else if raw.first == before {
                format!("`{word}` starts no statement that goes on like this")
            } else {
                format!(
                    "put an operator between `{}` and `{}`, or begin a new line",
                    self.between(before, before),
                    self.between(found, found)
                )
            });
        } else {
            error.hint = Some(format!("for example `{}`", example(rule)));
        }
        error
    }

    /// What to type where something of another language, or of a sentence, was found.
    fn often(&self, found: usize, before: Option<usize>, expected: &[Rule], raw: &Raw) -> Option<String> {
        let (text, word) = (self.word(found), self.word(raw.first));
        let token = |i: usize| self.tokens.get(i);
        let kind = |i: usize| token(i).map(|t| t.kind);
        let touches = |a: usize, b: usize| matches!((token(a), token(b)), (Some(a), Some(b)) if a.end == b.start);
        let rest = || self.behind(found, raw);
        let number = |i: Option<usize>| i.is_some_and(|i| kind(i) == Some(TokenKind::Number));
        if text == "," && number(before) && number(Some(found + 1)) && touches(found, found + 1) {
            let before = before?;
            let (a, b) = (self.between(before, before), self.between(found + 1, found + 1));
            return Some(format!("decimals have a point: {}.{b}", a.replace('.', "")));
        }
        if text == "," && matches!(word, "param" | "let") && self.is_word(found + 1) && self.word(found + 2) == "=" {
            return Some(format!(
                "each stands on a line of its own: `{}` and `{word} {}`",
                self.between(raw.first, before?),
                self.behind(found, raw)?
            ));
        }
        if let Some(name) = before.and_then(|b| self.subscripted(b)) {
            return Some(no_dates(name));
        }
        if matches!(text, "elif" | "elseif" | "elsif") {
            return Some("write `else if`: `if a then b else if c then d else e`".to_string());
        }
        if word == "agent" && before.is_some_and(|b| self.word(b) == "continuum") && self.is_word(found) {
            return Some("the mass stands behind the brackets: `agent saver[continuum] mass 0.3 {`".to_string());
        }
        if before.is_some_and(|b| self.word(b) == "continuum") && kind(found) == Some(TokenKind::Number) {
            return Some(
                "write `[continuum]`; how many members stand for it is `solve { members = 1000 }` or --members"
                    .to_string(),
            );
        }
        if matches!(text, "=" | ":") && before == Some(raw.first) && words::starts_statement(word) {
            let rest = rest()?;
            return Some(match word {
                "state" | "action" | "agent" | "market" => return None,
                _ => format!("leave out `{text}`: `{word} {rest}`"),
            });
        }
        if matches!(text, "=" | ":") && before.is_some_and(|b| self.word(b) == "start") {
            return Some(format!("leave out `{text}`: `start {}`", rest()?));
        }
        if matches!(text, "=" | ":" | ">=" | "<=" | ">" | "<") && matches!(word, "state" | "action") {
            let name = self.between(before?, before?);
            let rest = rest()?;
            // What follows the domain stays behind it.
            let (rest, more) = match rest.split_once(", start") {
                Some((rest, more)) => (rest.to_string(), format!(", start{more}")),
                None => (rest, String::new()),
            };
            // `state k = 1 in [0, 10]`: the value before the domain.
            if let ("=", Some((first, domain))) = (text, rest.split_once(" in "))
                && is_domain(domain)
            {
                return Some(match word {
                    "state" => format!("write `state {name} in {domain}, start {first}`"),
                    _ => format!("write `{word} {name} in {domain}`"),
                });
            }
            return Some(match (text, word) {
                ("=" | ":", _) if is_domain(&rest) => format!("write `{word} {name} in {rest}{more}`"),
                ("=", _) if rest.contains(|c: char| c.is_alphabetic()) => format!(
                    "what follows from other quantities is `let {name} = {rest}`; a `{word}` has a domain: `{word} {name} in [0, 10]`"
                ),
                ("=", "state") => format!("where it may be comes first: `state {name} in [0, 10], start {rest}`"),
                (">=", _) => format!("write `{word} {name} in [{rest}, inf){more}`"),
                (">", _) => format!("write `{word} {name} in ({rest}, inf){more}`"),
                ("<=", _) => format!("write `{word} {name} in (-inf, {rest}]{more}`"),
                ("<", _) => format!("write `{word} {name} in (-inf, {rest}){more}`"),
                _ => return None,
            });
        }
        if text == "if" && expected.iter().any(|r| expect::kind(*r) == Kind::Operator) {
            return Some("the condition comes first: `if a then b else c`".to_string());
        }
        if matches!(text, "where" | "subject" | "st") {
            return Some("a condition on choices is a line of its own: `require c >= 0`".to_string());
        }
        if expected.contains(&Rule::kw_then) {
            return Some("write `if a then b else c`".to_string());
        }
        if word == "observe" && self.is_word(found) && before.is_some_and(|b| self.is_word(b) && b != raw.first) {
            return Some(format!(
                "put a comma between them: `{}, {text}`",
                self.between(before?, before?)
            ));
        }
        if number(before) && number(Some(found)) && raw.first != before? && self.inside_brackets(before?, raw) {
            return Some(format!(
                "put a comma between them: `{}, {text}`",
                self.between(before?, before?)
            ));
        }
        let function = before.is_some_and(|b| matches!(self.word(b), "log" | "exp" | "sqrt" | "abs"));
        if function && text != "(" && self.starts_operand(found) {
            return Some(format!(
                "arguments stand in brackets: `{}({text})`",
                self.between(before?, before?)
            ));
        }
        None
    }

    /// What stands in a statement behind token `i`, on one line.
    fn behind(&self, i: usize, raw: &Raw) -> Option<String> {
        let last = self.own(raw).last().copied().filter(|last| *last > i)?;
        Some(self.between(i + 1, last).trim().to_string())
    }

    /// Whether a bracket of the statement is open behind token `i`.
    fn inside_brackets(&self, i: usize, raw: &Raw) -> bool {
        let kinds = self
            .own(raw)
            .into_iter()
            .filter(|k| *k <= i)
            .filter_map(|k| self.tokens.get(k));
        let depth = kinds.fold(0i32, |depth, t| match t.kind {
            TokenKind::Open => depth + 1,
            TokenKind::Close => depth - 1,
            _ => depth,
        });
        depth > 0
    }

    /// The name in front of a subscript in braces, as papers write it: token `i` is `k_`, and `{` follows it.
    pub(super) fn subscripted(&self, i: usize) -> Option<&str> {
        let (a, b) = (self.tokens.get(i)?, self.tokens.get(i + 1)?);
        let name = self.word(i).strip_suffix('_').filter(|name| !name.is_empty())?;
        (self.is_word(i) && self.word(i + 1) == "{" && a.end == b.start).then_some(name)
    }

    /// Whether a piece stands behind a subscript in braces: the message about that is enough.
    pub(super) fn behind_subscript(&self, raw: &Raw) -> bool {
        let open = |close: usize| (0..close).rev().find(|i| self.word(*i) == "{");
        raw.first
            .checked_sub(1)
            .filter(|close| self.word(*close) == "}")
            .and_then(open)
            .and_then(|open| self.subscripted(open.checked_sub(1)?))
            .is_some()
    }

    /// Faults that people make often, with their fix.
    fn known_fault(
        &self,
        rule: Rule,
        found: usize,
        before: Option<usize>,
        expected: &[Rule],
        raw: &Raw,
    ) -> Option<Diagnostic> {
        let text = self.word(found);
        let kind = self.tokens.get(found).map(|t| t.kind)?;
        let wants = |k: Kind| expected.iter().any(|r| expect::kind(*r) == k);
        let joins = matches!(
            text,
            "and" | "or" | "then" | "else" | "in" | "mod" | "div" | "given" | "when" | "over"
        );
        if kind == TokenKind::Word
            && words::is_reserved(text)
            && (wants(Kind::Name) || wants(Kind::Value))
            && !(joins && wants(Kind::Value))
        {
            return Some(self.reserved(found));
        }
        if let Some(before) = before
            && matches!(text, "in" | "=" | "~" | ":" | "'")
            && self.is_word(before)
            && words::is_reserved(self.word(before))
            && before != raw.first
            && (self.word(before) == "t" || words::starts_statement(self.word(before)))
        {
            return Some(self.reserved(before));
        }
        if kind == TokenKind::Assign && expected.contains(&Rule::compare_op) {
            // `ar1(rho = 0.9)`, `sum(i = 1..3, ..)`.
            let named = before
                .filter(|b| self.is_word(*b) && b.checked_sub(1).is_some_and(|o| matches!(self.word(o), "(" | ",")));
            if let Some(b) = named {
                let name = self.word(b);
                let function = b.checked_sub(2).map_or("", |f| self.word(f));
                let reduces = matches!(function, "sum" | "prod" | "mean" | "min" | "max");
                return Some(
                    Diagnostic::error("E0114", "`=` defines, and this is inside brackets")
                        .at(self.span(found), "a definition inside an expression")
                        .hint(match reduces {
                            true => format!(
                                "a set is named behind `in`, its terms behind a colon: `sum({name} in good: p[{name}])`"
                            ),
                            false => format!("a named number has a colon: `{name}: 0.9`; `==` compares"),
                        }),
                );
            }
            if self.word(found + 1) == "e" && self.word(found + 2) == "=" {
                return Some(
                    Diagnostic::error("E0114", "`=e=` is of another language")
                        .at(self.span(found), "an equation of GAMS")
                        .hint("a definition is written with `=`, a condition of market clearing `clears demand == supply`"),
                );
            }
            let word = self.word(raw.first);
            let takes_a_value = matches!(word, "discount" | "reward" | "horizon") && before == Some(raw.first + 1);
            let rest = self.behind(found, raw).filter(|_| takes_a_value);
            return Some(
                Diagnostic::error("E0114", "`=` defines, `==` compares")
                    .at(self.span(found), "a definition inside an expression")
                    .hint(match rest {
                        Some(rest) => format!("`{word}` takes the value alone: `{word} {rest}`"),
                        None => "write `==`".to_string(),
                    }),
            );
        }
        if kind == TokenKind::Assign && expected.contains(&Rule::mark_equals) {
            return Some(
                Diagnostic::error("E0114", "a market clears by an equation with `==`")
                    .at(self.span(found), "`=` defines")
                    .hint("write `clears demand == supply`"),
            );
        }
        if text == "==" && (expected.contains(&Rule::mark_assign) || expected.contains(&Rule::price_is)) {
            return Some(
                Diagnostic::error("E0114", format!("`{}` defines with `=`", self.word(raw.first)))
                    .at(self.span(found), "`==` compares")
                    .hint("write `=`"),
            );
        }
        if kind == TokenKind::Assign && expected.contains(&Rule::mark_tilde) {
            return Some(
                Diagnostic::error("E0114", format!("`{}` draws with `~`", self.word(raw.first)))
                    .at(self.span(found), "`=` defines")
                    .hint(match self.behind(found, raw) {
                        Some(rest) => format!(
                            "write `{} ~ {rest}`; or use `let` for a definition",
                            self.between(raw.first, before.unwrap_or(raw.first))
                        ),
                        None => "write `~ normal(0, 1)`, or use `let` for a definition".to_string(),
                    }),
            );
        }
        if kind == TokenKind::Tilde && expected.contains(&Rule::mark_assign) {
            let hint = if rule == Rule::param_line {
                "give it a number here, and draw it in a scenario: `scenario randomised { param b ~ uniform(2.5, 4.5) }`"
            } else {
                "write `=`, or declare a `shock` or a `noise`"
            };
            return Some(
                Diagnostic::error("E0114", format!("`{}` defines with `=`", self.word(raw.first)))
                    .at(self.span(found), "`~` draws")
                    .hint(hint),
            );
        }
        if rule == Rule::param_line && expected.contains(&Rule::close_bracket) && text == "/" {
            return Some(
                Diagnostic::error("E0101", "brackets after a name hold an index")
                    .at(self.span(found), "a unit does not stand in brackets")
                    .hint("write `param w: money/hour = 1.3`"),
            );
        }
        None
    }

    fn reserved(&self, i: usize) -> Diagnostic {
        let word = self.word(i);
        Diagnostic::error("E0106", format!("`{word}` cannot be a name"))
            .at(self.span(i), words::why_reserved(word))
            .hint(format!("choose another name, for example `{word}_1`"))
    }

    fn starts_operand(&self, i: usize) -> bool {
        self.tokens
            .get(i)
            .is_some_and(|t| matches!(t.kind, TokenKind::Word | TokenKind::Number | TokenKind::Open))
    }

    /// A line that starts no statement of the language.
    pub(super) fn no_statement(&self, raw: &Raw, place: Within) -> Box<Diagnostic> {
        let word = self.word(raw.first);
        let span = self.span(raw.first);
        if !self.is_word(raw.first) {
            let shown: String = word.chars().take(30).collect();
            let error = Diagnostic::error("E0102", format!("`{shown}` starts no statement"))
                .at(span, "expected a word such as `let`, `state`, `agent`");
            return Box::new(if matches!(word, "(" | "[") {
                error.hint("to continue the line above, end it with an operator")
            } else if word.starts_with('"') {
                error.hint("a description stands at the end of its statement's line")
            } else {
                error.hint("`econc explain E0102` lists the statements")
            });
        }
        let error = Diagnostic::error("E0102", format!("`{word}` starts no statement"));
        let scenario_word = matches!(word, "periods" | "path" | "force" | "start");
        if scenario_word && raw.block.is_none() && place != Within::Scenario {
            return Box::new(
                Diagnostic::error("E0115", format!("`{word}` stands in the wrong place"))
                    .at(span, "it belongs in a scenario")
                    .hint(if word == "start" {
                        "a state's first value stands in its own line: `state k in [0, 1], start 0.5`".to_string()
                    } else {
                        format!("write `scenario evaluation {{ {word} .. }}`")
                    }),
            );
        }
        if let Some(name) = self.subscripted(raw.first) {
            return Box::new(
                Diagnostic::error("E0102", format!("`{word}{{` starts no statement"))
                    .at(span, "names have no dates")
                    .hint(no_dates(name)),
            );
        }
        if matches!(word, "import" | "include" | "from" | "require" | "using" | "library") {
            return Box::new(
                error
                    .at(span, "not a word of the language")
                    .hint("markets of the library come by `use std.markets.{cournot, logit}`"),
            );
        }
        if let Some(write) = said_otherwise(word) {
            return Box::new(
                error
                    .at(span, "not a word of the language")
                    .hint(match self.the_same(write, raw) {
                        Some(own) => format!("write `{own}`"),
                        None => format!("write `{write}`"),
                    }),
            );
        }
        Box::new(match self.similar_statement(word, place) {
            Some(similar) => error
                .at(span, "not a word of the language")
                .hint(format!("did you mean `{similar}`?")),
            None if words::is_reserved(word) => error
                .at(span, "a word from inside a statement")
                .hint("join it to the line above, or begin with `let`"),
            None => error
                .at(span, "not a word of the language")
                .hint(match self.compares(raw) {
                    Some(condition) => format!("a condition on what is chosen is `require {condition}`"),
                    None if declares_state(self.source, word) => {
                        format!("the value of the next period is `{word}' = ..`")
                    }
                    None => format!("write `let {word} = ..` for a definition"),
                }),
        })
    }

    /// The whole statement, where its first sign of comparison makes a condition of it.
    fn compares(&self, raw: &Raw) -> Option<String> {
        let own = self.own(raw);
        let sign = own
            .iter()
            .find(|i| matches!(self.word(**i), "<=" | ">=" | "<" | ">" | "=" | "~"))?;
        let behind = own.last().is_some_and(|last| last > sign);
        (behind && raw.block.is_none() && !matches!(self.word(*sign), "=" | "~"))
            .then(|| self.between(raw.first, own.last().copied().unwrap_or(raw.first)))
    }

    /// What the statement says, with the word of the language in place of its first; `None` where the rest would not fit behind that word.
    fn the_same(&self, write: &str, raw: &Raw) -> Option<String> {
        let word = write.split(' ').next()?;
        if word == "agent" && raw.block.is_some() && self.own(raw).len() == 1 {
            return Some(format!("agent {} {{", self.word(raw.first)));
        }
        let rest = self.behind(raw.first, raw)?;
        let rest = rest.trim_start_matches(['=', ':']).trim_start();
        let fits = match word {
            "param" | "let" | "fn" => rest.contains('='),
            "shock" => rest.contains('~') || rest.contains('='),
            "action" => rest.contains(" in "),
            "agent" => raw.block.is_some(),
            "require" => ['<', '>', '='].iter().any(|c| rest.contains(*c)) && !rest.starts_with("to "),
            _ => raw.block.is_none(),
        };
        let open = if word == "agent" { " {" } else { "" };
        (fits && !rest.is_empty()).then(|| format!("{word} {rest}{open}"))
    }

    pub(super) fn block_missing(&self, raw: &Raw) -> Box<Diagnostic> {
        let word = self.word(raw.first);
        let end = self.span(raw.last.max(1) - 1);
        let at = Span { start: end.end, ..end };
        let error = Diagnostic::error("E0101", format!("expected `{{` after this `{word}`"))
            .at(at, "the block is missing")
            .and(self.span(raw.first), "of this statement");
        Box::new(match word {
            "solve" => error.hint(
                "settings are `solve { method = grid_search }`; a result of a solve is `param p = solve nash(firm.p)`",
            ),
            "train" => error.hint("write `train ppo { steps = 1_000_000 }`"),
            "market" => error.hint("write `market goods { .. }` or `market cars = logit(..) among ..`"),
            _ => error.hint(format!(
                "write `{} {{ .. }}`",
                self.between(raw.first, raw.last.max(1) - 1)
            )),
        })
    }

    pub(super) fn not_in_scenario(&self, raw: &Raw) -> Box<Diagnostic> {
        let word = self.word(raw.first);
        let error = Diagnostic::error(
            "E0115",
            format!("`{}` stands in a scenario", word.chars().take(30).collect::<String>()),
        )
        .at(
            self.span(raw.first),
            "expected `start`, `path`, `force`, `param` or `periods`",
        );
        Box::new(match word {
            "population" => error.hint("sizes are set on the command line: `--set N=100`"),
            _ => match self.similar_statement(word, Within::Scenario) {
                Some(similar) => error.hint(format!("did you mean `{similar}`?")),
                None => error.hint("a line of a scenario begins with what it does: `start planner.k = 3`, `path z = 0`, `force planner.s = 0.2 at 0..9`, `param a = 0.3`, `periods 40`; equations stand outside it"),
            },
        })
    }

    /// Whether the line begins with a dotted key and `=`.
    pub(super) fn is_key_value(&self, raw: &Raw) -> bool {
        let own = self.own(raw);
        let mut kinds = own.iter().filter_map(|i| self.tokens.get(*i).map(|t| t.kind));
        if kinds.next() != Some(TokenKind::Word) {
            return false;
        }
        loop {
            match kinds.next() {
                Some(TokenKind::Assign) => return true,
                Some(TokenKind::Dot) if kinds.next() == Some(TokenKind::Word) => {}
                _ => return false,
            }
        }
    }

    /// A setting that is not `key = value`, with the line as it should be.
    pub(super) fn free_form(&self, raw: &Raw) -> Box<Diagnostic> {
        let own = self.own(raw);
        let whole = self.span(raw.first).to(self.span(raw.last.max(1) - 1));
        let key = self.word(raw.first);
        let error = |fix: &str| {
            Diagnostic::error("E0112", format!("the setting `{key}` is not `key = value`"))
                .at(whole, "not a setting")
                .hint(format!("write `{fix}`"))
        };
        if !self.is_word(raw.first) {
            return Box::new(
                Diagnostic::error("E0112", "a setting starts with its key")
                    .at(self.span(raw.first), "expected a key")
                    .hint("write `key = value`, for example `tolerance = 1e-8`"),
            );
        }
        // The key with its dots.
        let mut k = 1;
        while own.get(k).is_some_and(|i| self.word(*i) == ".") && own.get(k + 1).is_some_and(|i| self.is_word(*i)) {
            k += 2;
        }
        let key = own
            .get(k - 1)
            .map_or(String::new(), |last| self.between(raw.first, *last));
        let rest: Vec<usize> = own.get(k..).unwrap_or(&[]).to_vec();
        let words: Vec<String> = rest.iter().map(|i| self.between(*i, *i)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let tail = |n: usize| match (rest.get(n), rest.last()) {
            (Some(a), Some(b)) => self.between(*a, *b),
            _ => String::new(),
        };
        let is_name = |i: usize| rest.get(i).is_some_and(|t| self.is_word(*t));
        let is_number = |i: usize| {
            rest.get(i)
                .is_some_and(|t| self.tokens.get(*t).is_some_and(|t| t.kind == TokenKind::Number))
        };
        if let (Some(agent), Some(&"[")) = (key.strip_prefix("concept."), words.first()) {
            return Box::new(
                Diagnostic::error("E0112", format!("members of `{agent}` have one concept"))
                    .at(whole, "of one member")
                    .hint(format!(
                        "write `concept.{agent} = ..` for all of them, or make that member an agent of its own"
                    )),
            );
        }
        let fix = match words.as_slice() {
            [] => format!("{key} = .."),
            // grid k: 400 log; chain z: rouwenhorst 7
            [name, ":", _, _] if is_name(0) && is_number(2) && is_name(3) => {
                format!(
                    "{key}.{name} = {}({})",
                    words.get(3).unwrap_or(&""),
                    words.get(2).unwrap_or(&"")
                )
            }
            [name, ":", _, _] if is_name(0) && is_name(2) && is_number(3) => {
                format!(
                    "{key}.{name} = {}({})",
                    words.get(2).unwrap_or(&""),
                    words.get(3).unwrap_or(&"")
                )
            }
            [name, ":", ..] if is_name(0) && words.len() > 2 => {
                format!("{key}.{name} = {}", tail(2))
            }
            // stop when stable 100_000
            ["when", name, number] if is_name(1) && is_number(2) => {
                format!("{key} = {name}({number})")
            }
            ["when", ..] if words.len() > 1 => format!("{key} = {}", tail(1)),
            // policy_error < 1%
            ["<" | "<=" | "==" | ":" | "~" | "<-", ..] if words.len() > 1 => {
                format!("{key} = {}", tail(1))
            }
            // network 64, 64 tanh
            list if list.len() >= 3 && list.contains(&",") && !list.iter().any(|w| matches!(*w, "(" | "[")) => {
                let mut values = tail(0);
                let mut more = String::new();
                let n = list.len();
                if is_name(n - 1) && list.get(n - 2) != Some(&",") {
                    values = match (rest.first(), rest.get(n - 2)) {
                        (Some(a), Some(b)) => self.between(*a, *b),
                        _ => values,
                    };
                    more = format!("; activation = {}", list.last().unwrap_or(&""));
                }
                format!("{key} = [{}]{more}", values.trim_end_matches(',').trim_end())
            }
            // rouwenhorst 7
            [name, number] if is_name(0) && is_number(1) => format!("{key} = {name}({number})"),
            [number, name] if is_name(1) && is_number(0) => format!("{key} = {name}({number})"),
            _ => format!("{key} = {}", tail(0)),
        };
        Box::new(error(&fix))
    }
}

/// Whether a file declares a state of this name.
pub(super) fn declares_state(source: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    source.split("state").skip(1).any(|rest| {
        let own = rest.trim_start_matches([' ', '\t']);
        own.len() < rest.len() && own.strip_prefix(name).is_some_and(ends)
    })
}

/// How the periods of a name are written.
fn no_dates(name: &str) -> String {
    format!(
        "the value of the next period is `{name}'` (a law of motion is `{name}' = ..`), that of this one `{name}`, that of the last one `last({name})`"
    )
}

/// What is written here for words of other languages and of papers.
fn said_otherwise(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().as_str() {
        "function" | "def" => "fn f(x) = ..",
        "varexo" | "exogenous" | "process" => "shock z ~ ..",
        "const" | "constant" | "parameter" | "parameters" | "calibration" => "param x = ..",
        "var" | "val" | "define" | "equation" | "equations" => "let x = ..",
        "utility" | "payoff" | "objective" | "profit" | "maximize" | "maximise" | "max" | "felicity" => "reward log(c)",
        "control" | "controls" | "choice" | "choose" | "decision" => "action c in [0, 1]",
        "beta" | "discounting" | "discount_factor" => "discount 0.96",
        "constraint" | "constraints" | "subject" | "assert" | "restrict" => "require c >= 0",
        "household" | "firm" | "planner" | "player" | "players" | "agents" => "agent household { .. }",
        "information" | "observes" | "sees" => "observe k, z",
        _ => return None,
    })
}

/// Whether a text is one pair of brackets with the two ends of an interval, or a list in braces.
fn is_domain(text: &str) -> bool {
    let closes = |c: char| matches!(c, ')' | ']' | '}');
    let Some(close) = text.char_indices().rev().find(|(_, c)| !c.is_whitespace()) else {
        return false;
    };
    let mut depth = 0;
    let mut parts = 1;
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            c if closes(c) => depth -= 1,
            ',' if depth == 1 => parts += 1,
            _ => {}
        }
        if depth == 0 {
            return i == close.0 && closes(c) && (text.starts_with('{') || parts == 2);
        }
    }
    false
}

/// A right example of a statement.
fn example(rule: Rule) -> &'static str {
    match rule {
        Rule::model_line => "model growth \"Stochastic growth\"",
        Rule::use_line => "use std.markets.{cournot, logit}",
        Rule::param_line => "param beta = 0.96 in (0, 1) \"discount factor\"",
        Rule::set_line => "set good = 1..J",
        Rule::fn_line => "fn u(c) = log(c)",
        Rule::shock_line => "shock z ~ ar1(rho: 0.95, sigma: 0.007)",
        Rule::noise_line => "noise eps ~ normal(0, 1)",
        Rule::state_line => "state k in [0, 10], start 1",
        Rule::action_line => "action s in [0, 1]",
        Rule::let_line => "let y = z * k^alpha",
        Rule::price_line => "price p in [0, 10] clears demand == supply",
        Rule::forward_line => "forward price q(b') = expect(if d' == repay then 1 else 0) / (1 + r)",
        Rule::give_line => "give firm.q = share * demand",
        Rule::offer_line => "offer a, p",
        Rule::transition_line => "k' = (1 - delta) * k + i",
        Rule::start_line => "start last(p) = 1",
        Rule::observe_line => "observe k, z, mean(household.k)",
        Rule::end_line => "end when not alive, then restart",
        Rule::require_line => "require c >= 0 else penalty(100)",
        Rule::policy_line => "policy q = 8",
        Rule::stages_line => "stages lead, follow",
        Rule::agent_head => "agent household[N] {",
        Rule::group_head => "group industry[M] {",
        Rule::market_head => "market goods {",
        Rule::market_def_head => "market def logit(a0, mu = 0.25) {",
        Rule::market_use => "market cars = logit(a0: 0, mu: 0.25) among firm(a: quality, p: price)",
        Rule::train_head => "train ppo {",
        Rule::solve_head => "solve {",
        Rule::scenario_head => "scenario evaluation {",
        Rule::scenario_start => "start household.k = 0.9 * k_ss",
        Rule::scenario_path => "path z = alternate(low, high, every: 20)",
        Rule::scenario_force => "force firm[1].p = p_nash at 0",
        Rule::scenario_param => "param b ~ uniform(2.5, 4.5)",
        Rule::scenario_periods => "periods 1000",
        Rule::reward_line => "reward log(c)",
        Rule::discount_line => "discount 0.96",
        Rule::horizon_line => "horizon 80",
        Rule::kind_head => "kind household {",
        Rule::role_head => "buyer {",
        Rule::verify_head => "verify {",
        Rule::setting_line => "tolerance = 1e-8",
        Rule::lone_value => "0.1..0.9",
        // Pieces of statements are never parsed on their own.
        _ => "let y = z * k^alpha",
    }
}
