//! From text to tree. The only user of pest.
//!
//! [`parse`] lexes the file, splits it into statements ([`super::split`]), and parses each of them alone by the rule of
//! `grammar/econ.pest` that its first words ask for. So one run shows many errors, a faulty statement costs only itself,
//! and a message never speaks of a rule of the grammar: `expect` turns what pest expected into words.
//!
//! ```text
//! let a == b          E0114  `let` defines with `=`, not `==`
//! let c = (1 - s * y  E0103  `(` is never closed
//! ```

use std::collections::BTreeMap;

use pest::Parser as _;

use super::ast::{ExprKind, File, Setting, SettingsBlock, Stmt, StmtKind};
use super::lexer::{self, Token, TokenKind};
use super::split::{self, Raw};
use super::words;
use crate::diag::suggest::did_you_mean;
use crate::diag::{Diagnostic, Span};

mod expect;
mod expression;
mod hints;
mod statement;

mod grammar {
    #![allow(missing_docs, reason = "pest writes one variant per rule of the grammar")]
    /// The machine that pest makes of the grammar.
    #[derive(pest_derive::Parser)]
    #[grammar = "grammar/econ.pest"]
    pub struct Grammar;
}
use grammar::{Grammar, Rule};

type Pair<'i> = pest::iterators::Pair<'i, Rule>;
type Pairs<'i> = pest::iterators::Pairs<'i, Rule>;
/// What the tree builder returns: a piece of the tree, or the message that says why there is none.
type Res<T> = Result<T, Box<Diagnostic>>;

/// Brackets, `if`s, signs and powers may be nested so deep in one statement.
pub const MAX_DEPTH: usize = 200;
/// Operators in a row that one expression may hold, along the deepest branch.
pub const MAX_CHAIN: usize = 1000;
/// A source may have so many bytes.
pub const MAX_BYTES: usize = 16 << 20;

/// Parses a whole file; `file` goes into every span.
///
/// The tree holds every statement that could be read; the diagnostics stand in the order of the text. The tree is
/// complete exactly if there is no error among them.
pub fn parse(source: &str, file: u16) -> (File, Vec<Diagnostic>) {
    if source.len() > MAX_BYTES {
        return (
            File::default(),
            vec![
                Diagnostic::error("E0116", "the file is too large for a model")
                    .note(format!("it has {} bytes, at most {MAX_BYTES} are read", source.len()))
                    .hint("read data from a file of numbers instead of typing it in"),
            ],
        );
    }
    let (tokens, mut errors) = lexer::lex(source, file);
    let (raws, split_errors) = split::split(source, &tokens, file);
    errors.extend(split_errors);
    let mut parser = FileParser {
        source,
        file,
        tokens: &tokens,
        errors,
        seen_line: false,
        seen_statement: false,
    };
    let tree = parser.file(&raws);
    let mut errors = parser.errors;
    errors.sort_by_key(|e| e.primary.as_ref().map_or((0, 0), |(span, _)| (span.start, span.end)));
    (tree, once(errors))
}

/// A word that cannot be a name is told of where it stands first: the other places follow from that one.
fn once(errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut out: Vec<Diagnostic> = Vec::new();
    for e in errors {
        let told = |o: &&mut Diagnostic| e.code == "E0106" && o.code == "E0106" && o.headline == e.headline;
        match out.iter_mut().find(told) {
            Some(first) if first.notes.is_empty() => first.notes.push("it stands in more places".to_string()),
            Some(_) => {}
            None => out.push(e),
        }
    }
    out
}

/// Parses one value as it stands on the right of a setting or after `--set x=`: an expression, a word, a list or a
/// range.
///
/// # Errors
/// What cannot be read, and a text that has more than one value.
pub fn parse_value(source: &str, file: u16) -> Result<super::ast::Expr, Vec<Diagnostic>> {
    let (tokens, mut errors) = lexer::lex(source, file);
    let raw = Raw {
        first: 0,
        last: tokens.len(),
        ..Raw::default()
    };
    let parser = FileParser {
        source,
        file,
        tokens: &tokens,
        errors: Vec::new(),
        seen_line: true,
        seen_statement: true,
    };
    if errors.is_empty() {
        match parser.check_depth(&raw).and_then(|()| {
            let mut pairs = parser.pest(Rule::lone_value, 0, source.len(), &raw)?;
            let builder = parser.builder(0, true);
            let pair = builder.next(&mut pairs)?;
            builder.lone_value(pair)
        }) {
            Ok(value) => return Ok(value),
            Err(error) => errors.push(*error),
        }
    }
    Err(errors)
}

/// Where a statement stands; decides what may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Top,
    /// Inside an agent, a kind, a group or a market.
    Inside,
    /// Inside a market definition or a role of one.
    Definition,
    Scenario,
    Settings,
}

/// The tree builder of one statement.
struct Builder<'s> {
    source: &'s str,
    /// First byte of the statement in the source: pest counts from there.
    base: usize,
    file: u16,
    /// Strings and ranges are values in settings only.
    in_settings: bool,
}

struct FileParser<'s> {
    source: &'s str,
    file: u16,
    tokens: &'s [Token],
    errors: Vec<Diagnostic>,
    /// Whether anything stands before, and whether it is more than `model` and `use`.
    seen_line: bool,
    seen_statement: bool,
}

impl<'s> FileParser<'s> {
    fn file(&mut self, raws: &[Raw]) -> File {
        let mut tree = File::default();
        let mut settings: Vec<(String, Span)> = Vec::new();
        for raw in raws {
            if self.word(raw.first) == "model" && self.is_word(raw.first) {
                if let Some(model) = self.model_line(raw) {
                    tree.model = Some(model);
                }
                self.seen_line = true;
                continue;
            }
            let statement = self.statement(raw, Within::Top);
            self.seen_line = true;
            if let Some(stmt) = statement {
                let repeated = match &stmt.kind {
                    StmtKind::Settings { block, items } => self.is_repeated_block(&mut settings, block, items, raw),
                    _ => false,
                };
                if !repeated {
                    tree.statements.push(stmt);
                }
            }
        }
        tree
    }

    fn model_line(&mut self, raw: &Raw) -> Option<(super::ast::Name, Option<String>)> {
        if self.seen_line {
            self.errors.push(
                Diagnostic::error("E0115", "`model` stands after other statements")
                    .at(self.span(raw.first), "not the first statement")
                    .hint("move it to the first line; a file holds one model"),
            );
            return None;
        }
        if raw.faulty {
            return None;
        }
        let read = self.parsed(Rule::model_line, raw).and_then(|mut pairs| {
            let builder = self.builder(self.start_of(raw), false);
            let pair = builder.next(&mut pairs)?;
            builder.model_line(pair)
        });
        self.keep(read)
    }

    /// Parses one statement with all that stands in its block.
    fn statement(&mut self, raw: &Raw, place: Within) -> Option<Stmt> {
        let is_use = self.is_word(raw.first) && self.word(raw.first) == "use";
        if is_use && self.seen_statement && place == Within::Top && !raw.faulty {
            self.errors.push(
                Diagnostic::error("E0115", "`use` stands after other statements")
                    .at(self.span(raw.first), "not among the first lines")
                    .hint("move it below `model`, before everything else"),
            );
            return None;
        }
        if !is_use {
            self.seen_statement = true;
        }
        if self.behind_subscript(raw) || self.subscripted(raw.first).is_some() {
            // What the braces of `k_{t+1} = ..` cut off is no statement of its own.
            if !self.behind_subscript(raw) {
                let error = self.no_statement(raw, place);
                self.errors.push(*error);
            }
            return None;
        }
        let choice = self.rule_for(raw, place);
        let inner = match (&choice, self.word(raw.first)) {
            (Ok((_, inner)), _) => *inner,
            (Err(_), "scenario") => Within::Scenario,
            (Err(_), "solve" | "train" | "verify") => Within::Settings,
            (Err(_), "market") if self.is_definition(raw) => Within::Definition,
            (Err(_), _) => Within::Inside,
        };
        // The inside is read even where the head is faulty, for its errors.
        let mut body = Vec::new();
        let mut scenario = Vec::new();
        let mut settings = Vec::new();
        if let Some(block) = &raw.block {
            for item in &block.items {
                match inner {
                    Within::Scenario => scenario.extend(self.scenario_item(item)),
                    Within::Settings => settings.extend(self.setting(item)),
                    Within::Top | Within::Inside | Within::Definition => {
                        body.extend(self.statement(item, inner));
                    }
                }
            }
        }
        let settings = self.without_repeated_keys(settings);
        if raw.faulty {
            return None;
        }
        let read = choice.and_then(|(rule, _)| {
            let mut pairs = self.parsed(rule, raw)?;
            let builder = self.builder(self.start_of(raw), false);
            let pair = builder.next(&mut pairs)?;
            builder.statement(
                pair,
                statement::Inside {
                    body,
                    scenario,
                    settings,
                },
                self.span_of(raw),
            )
        });
        self.keep(read)
    }

    fn scenario_item(&mut self, raw: &Raw) -> Option<super::ast::ScenarioItem> {
        if raw.faulty {
            return None;
        }
        let rule = match self.word(raw.first) {
            "start" => Ok(Rule::scenario_start),
            "path" => Ok(Rule::scenario_path),
            "force" => Ok(Rule::scenario_force),
            "param" => Ok(Rule::scenario_param),
            "periods" => Ok(Rule::scenario_periods),
            _ => Err(self.not_in_scenario(raw)),
        };
        let read = rule.and_then(|rule| {
            self.no_block(raw)?;
            let mut pairs = self.parsed(rule, raw)?;
            let builder = self.builder(self.start_of(raw), false);
            let pair = builder.next(&mut pairs)?;
            builder.scenario_item(pair, self.span_of(raw))
        });
        self.keep(read)
    }

    fn setting(&mut self, raw: &Raw) -> Option<Setting> {
        if raw.faulty {
            return None;
        }
        let read = self.no_block(raw).and_then(|()| {
            if !self.is_key_value(raw) {
                return Err(self.free_form(raw));
            }
            let mut pairs = self.parsed(Rule::setting_line, raw)?;
            let builder = self.builder(self.start_of(raw), true);
            let pair = builder.next(&mut pairs)?;
            builder.setting(pair, self.span_of(raw))
        });
        self.keep(read)
    }

    fn keep<T>(&mut self, read: Res<T>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.errors.push(*error);
                None
            }
        }
    }

    /// Keeps the first of several settings with one key.
    fn without_repeated_keys(&mut self, settings: Vec<Setting>) -> Vec<Setting> {
        let mut first: BTreeMap<String, Span> = BTreeMap::new();
        settings
            .into_iter()
            .filter(|setting| {
                let words: Vec<&str> = setting.key.iter().map(|n| n.text.as_str()).collect();
                let shown = words.join(".");
                let span = key_span(setting);
                let Some(earlier) = first.get(&shown) else {
                    first.insert(shown, span);
                    return true;
                };
                self.errors.push(
                    Diagnostic::error("E0113", format!("the setting `{shown}` is given twice"))
                        .at(span, "the second value")
                        .and(*earlier, "the first value")
                        .hint("keep one of them"),
                );
                false
            })
            .collect()
    }

    /// Whether a block of settings was there before: of one learner there may be one for each agent that it names.
    fn is_repeated_block(
        &mut self,
        seen: &mut Vec<(String, Span)>,
        block: &SettingsBlock,
        items: &[Setting],
        raw: &Raw,
    ) -> bool {
        let shown = match block {
            SettingsBlock::Solve => "solve".to_string(),
            SettingsBlock::Verify => "verify".to_string(),
            SettingsBlock::Train(method) => {
                let whose = items.iter().find_map(|item| match (&item.key[..], &item.value.kind) {
                    ([key], ExprKind::Path(agent)) if key.text == "agent" => Some(&agent.segments[0].name.text),
                    _ => None,
                });
                match whose {
                    Some(agent) => format!("train {}` for `{agent}", method.text),
                    None => format!("train {}", method.text),
                }
            }
        };
        let span = self.span(raw.first).to(self.span(raw.last.max(1) - 1));
        let Some((_, earlier)) = seen.iter().find(|(name, _)| *name == shown) else {
            seen.push((shown, span));
            return false;
        };
        self.errors.push(
            Diagnostic::error("E0113", format!("`{shown}` is given twice"))
                .at(span, "the second block")
                .and(*earlier, "the first block")
                .hint("put all settings into one block"),
        );
        true
    }

    /// The rule for a statement, and what its block may hold.
    fn rule_for(&self, raw: &Raw, place: Within) -> Res<(Rule, Within)> {
        let word = self.word(raw.first);
        if !self.is_word(raw.first) {
            return Err(self.no_statement(raw, place));
        }
        let second = self.kind(raw.first + 1, raw);
        let line = |rule| Ok((rule, Within::Inside));
        let (rule, inner) = match word {
            "model" => return Err(self.misplaced(raw, "the first line of the file")),
            "use" => line(Rule::use_line),
            "param" => line(Rule::param_line),
            "set" => line(Rule::set_line),
            "fn" => line(Rule::fn_line),
            "shock" => line(Rule::shock_line),
            "noise" => line(Rule::noise_line),
            "state" => line(Rule::state_line),
            "action" => line(Rule::action_line),
            "let" => line(Rule::let_line),
            "observe" => line(Rule::observe_line),
            "reward" => line(Rule::reward_line),
            "discount" => line(Rule::discount_line),
            "horizon" => line(Rule::horizon_line),
            "end" => line(Rule::end_line),
            "require" => line(Rule::require_line),
            "policy" => line(Rule::policy_line),
            "price" | "aggregate" => line(Rule::price_line),
            "give" => line(Rule::give_line),
            "stages" => line(Rule::stages_line),
            "agent" => Ok((Rule::agent_head, Within::Inside)),
            "kind" => Ok((Rule::kind_head, Within::Inside)),
            "group" => Ok((Rule::group_head, Within::Inside)),
            "market" if self.is_definition(raw) => Ok((Rule::market_def_head, Within::Definition)),
            "market" if raw.block.is_none() && self.has(raw, TokenKind::Assign) => {
                Ok((Rule::market_use, Within::Inside))
            }
            "market" => Ok((Rule::market_head, Within::Inside)),
            "scenario" => Ok((Rule::scenario_head, Within::Scenario)),
            "solve" => Ok((Rule::solve_head, Within::Settings)),
            "train" => Ok((Rule::train_head, Within::Settings)),
            "verify" => Ok((Rule::verify_head, Within::Settings)),
            "offer" if second == Some(TokenKind::Word) => line(Rule::offer_line),
            "start" if second == Some(TokenKind::Word) => line(Rule::start_line),
            "forward" if second == Some(TokenKind::Word) && self.word(raw.first + 1) == "price" => {
                line(Rule::forward_line)
            }
            _ if raw.block.is_some()
                && place == Within::Definition
                && matches!(second, None | Some(TokenKind::Text)) =>
            {
                Ok((Rule::role_head, Within::Definition))
            }
            _ if words::is_reserved(word) && word != "t" => Err(self.no_statement(raw, place)),
            _ if second == Some(TokenKind::Word) || second == Some(TokenKind::Number) => {
                Err(self.no_statement(raw, place))
            }
            _ if self.has(raw, TokenKind::Assign) && raw.block.is_none() => line(Rule::transition_line),
            _ => Err(self.no_statement(raw, place)),
        }?;
        self.check_place(raw, rule, place)?;
        let takes_block = matches!(
            rule,
            Rule::agent_head
                | Rule::kind_head
                | Rule::group_head
                | Rule::market_head
                | Rule::market_def_head
                | Rule::role_head
                | Rule::scenario_head
                | Rule::solve_head
                | Rule::train_head
                | Rule::verify_head
        );
        if takes_block && raw.block.is_none() && !self.may_lack_block(raw, rule) {
            return Err(self.block_missing(raw));
        }
        Ok((rule, inner))
    }

    fn check_place(&self, raw: &Raw, rule: Rule, place: Within) -> Res<()> {
        let belongs = match rule {
            Rule::use_line => "the first lines of the file",
            Rule::stages_line
            | Rule::market_def_head
            | Rule::scenario_head
            | Rule::solve_head
            | Rule::train_head
            | Rule::verify_head => "the top level of the file",
            Rule::offer_line => {
                if place == Within::Definition {
                    return Ok(());
                }
                return Err(self.misplaced(raw, "a market definition"));
            }
            _ => return Ok(()),
        };
        if place == Within::Top {
            Ok(())
        } else {
            Err(self.misplaced(raw, belongs))
        }
    }

    fn misplaced(&self, raw: &Raw, belongs: &str) -> Box<Diagnostic> {
        let word = self.word(raw.first);
        Box::new(
            Diagnostic::error("E0115", format!("`{word}` stands in the wrong place"))
                .at(self.span(raw.first), format!("it belongs in {belongs}"))
                .hint(format!("move it to {belongs}")),
        )
    }

    /// `market def logit(..) {`, but not a market that is called `def`.
    fn is_definition(&self, raw: &Raw) -> bool {
        self.word(raw.first + 1) == "def" && self.kind(raw.first + 2, raw) == Some(TokenKind::Word)
    }

    /// `agent naive[50] is household` needs no block of its own.
    fn may_lack_block(&self, raw: &Raw, rule: Rule) -> bool {
        rule == Rule::agent_head && (raw.first + 2..raw.last).any(|i| self.is_word(i) && self.word(i) == "is")
    }

    fn no_block(&self, raw: &Raw) -> Res<()> {
        match &raw.block {
            None => Ok(()),
            Some(block) => Err(Box::new(
                Diagnostic::error("E0101", "a block cannot stand here")
                    .at(self.span(block.open), "expected the end of the line")
                    .hint("remove the braces"),
            )),
        }
    }

    /// Parses the statement's own tokens (a head without its block) by `rule`.
    fn parsed(&self, rule: Rule, raw: &Raw) -> Res<Pairs<'s>> {
        self.check_depth(raw)?;
        let start = self.start_of(raw);
        let end = self.tokens.get(raw.last.max(1) - 1).map_or(start, |t| t.end).max(start);
        self.pest(rule, start, end, raw)
    }

    fn pest(&self, rule: Rule, start: usize, end: usize, raw: &Raw) -> Res<Pairs<'s>> {
        let text = self.source.get(start..end).unwrap_or("");
        Grammar::parse(rule, text).map_err(|error| {
            let (offset, expected) = expect::failure(&error);
            Box::new(self.unexpected(rule, start + offset, &expected, raw))
        })
    }

    /// Refuses what would be nested too deep for a recursive reader, before pest sees it.
    ///
    /// Counted along the statement: open brackets, and what recurses at each level (`if`, `not`, signs, powers);
    /// operators in a row make the tree deep without nesting, so they have a limit of their own.
    fn check_depth(&self, raw: &Raw) -> Res<()> {
        /// Counts of one bracket level.
        #[derive(Clone, Copy, Default)]
        struct Level {
            choices: usize,
            prefixes: usize,
            operators: usize,
        }
        let mut levels = vec![Level::default()];
        let (mut choices, mut prefixes, mut operators) = (0usize, 0usize, 0usize);
        let mut operand_before = false;
        for token in self.tokens.get(raw.first..raw.last).unwrap_or(&[]) {
            let Some(level) = levels.last_mut() else {
                break;
            };
            let text = token.text(self.source);
            let operand = match token.kind {
                TokenKind::Open | TokenKind::OpenBrace => {
                    levels.push(Level::default());
                    false
                }
                TokenKind::Close | TokenKind::CloseBrace => {
                    choices -= level.choices;
                    prefixes -= level.prefixes;
                    operators -= level.operators;
                    levels.pop();
                    if levels.is_empty() {
                        levels.push(Level::default());
                    }
                    true
                }
                TokenKind::Comma | TokenKind::Semicolon => {
                    choices -= level.choices;
                    prefixes -= level.prefixes;
                    operators -= level.operators;
                    *level = Level::default();
                    false
                }
                TokenKind::Operator if operand_before && text != "^" => {
                    prefixes -= level.prefixes;
                    level.prefixes = 0;
                    level.operators += 1;
                    operators += 1;
                    false
                }
                TokenKind::Operator => {
                    level.prefixes += 1;
                    prefixes += 1;
                    false
                }
                TokenKind::Word if text == "if" => {
                    level.choices += 1;
                    choices += 1;
                    false
                }
                TokenKind::Word if text == "not" => {
                    level.prefixes += 1;
                    prefixes += 1;
                    false
                }
                TokenKind::Word if matches!(text, "and" | "or" | "mod" | "div") => {
                    prefixes -= level.prefixes;
                    level.prefixes = 0;
                    level.operators += 1;
                    operators += 1;
                    false
                }
                TokenKind::Word if matches!(text, "then" | "else" | "in" | "when" | "given") => {
                    prefixes -= level.prefixes;
                    level.prefixes = 0;
                    false
                }
                TokenKind::Newline | TokenKind::Comment => continue,
                TokenKind::Word | TokenKind::Number | TokenKind::Text | TokenKind::Prime | TokenKind::Faulty => true,
                TokenKind::Dot | TokenKind::Dots | TokenKind::Colon | TokenKind::Tilde | TokenKind::Assign => false,
            };
            operand_before = operand;
            let depth = levels.len() - 1 + choices + prefixes;
            if depth > MAX_DEPTH || operators > MAX_CHAIN {
                let (what, limit) = if depth > MAX_DEPTH {
                    ("nested too deeply", MAX_DEPTH)
                } else {
                    ("too long", MAX_CHAIN)
                };
                return Err(Box::new(
                    Diagnostic::error("E0110", format!("an expression is {what}"))
                        .at(
                            token.span(self.file),
                            format!("level {} begins here, the limit is {limit}", limit + 1),
                        )
                        .hint("name parts of it by `let`, or use `sum` over a set"),
                ));
            }
        }
        Ok(())
    }

    fn builder(&self, base: usize, in_settings: bool) -> Builder<'s> {
        Builder {
            source: self.source,
            base,
            file: self.file,
            in_settings,
        }
    }

    fn start_of(&self, raw: &Raw) -> usize {
        self.tokens.get(raw.first).map_or(0, |t| t.start)
    }

    fn span_of(&self, raw: &Raw) -> Span {
        self.span(raw.first).to(self.span(raw.end_token()))
    }

    fn span(&self, i: usize) -> Span {
        self.tokens.get(i).map_or_else(Span::default, |t| t.span(self.file))
    }

    fn word(&self, i: usize) -> &'s str {
        self.tokens.get(i).map_or("", |t| t.text(self.source))
    }

    fn is_word(&self, i: usize) -> bool {
        self.tokens.get(i).is_some_and(|t| t.kind == TokenKind::Word)
    }

    /// The kind of token `i` if it is one of the statement's own.
    fn kind(&self, i: usize, raw: &Raw) -> Option<TokenKind> {
        (i < raw.last).then(|| self.tokens.get(i).map(|t| t.kind)).flatten()
    }

    fn has(&self, raw: &Raw, kind: TokenKind) -> bool {
        self.tokens
            .get(raw.first..raw.last)
            .is_some_and(|tokens| tokens.iter().any(|t| t.kind == kind))
    }

    /// A statement word close to `word`.
    fn similar_statement(&self, word: &str, place: Within) -> Option<&'static str> {
        let scenario: &[&'static str] = &["start", "path", "force", "param", "periods"];
        match place {
            Within::Scenario => did_you_mean(word, scenario.iter().copied()),
            Within::Top | Within::Inside | Within::Definition | Within::Settings => {
                did_you_mean(word, words::STATEMENT_WORDS.iter().copied())
            }
        }
    }
}

fn key_span(setting: &Setting) -> Span {
    match (setting.key.first(), setting.key.last()) {
        (Some(first), Some(last)) => first.span.to(last.span),
        _ => setting.span,
    }
}
