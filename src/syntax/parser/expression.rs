//! Trees of expressions, names and domains from what pest matched.
//!
//! The grammar leaves operands and operators of an expression in a row; [`Builder::fold`] folds them by precedence
//! climbing, with the levels of the grammar. What the grammar reads only in order to be refused with advice (a chained
//! comparison, `k[g]'`, `1 + if ..`) is refused here.

use std::iter::Peekable;

use super::{Builder, Pair, Pairs, Res, Rule};
use crate::diag::{Diagnostic, Span};
use crate::syntax::ast::*;

// Levels of the infix operators; `not` stands at 3, signs at 7.
const OR: u8 = 1;
const AND: u8 = 2;
const COMPARE: u8 = 4;
const ADD: u8 = 5;
const MULTIPLY: u8 = 6;
const POWER: u8 = 8;

impl<'s> Builder<'s> {
    // ------------------------------------------------------------------------------------------------------------
    // Pairs

    /// The next pair; its absence would be a fault of econc, reported as one.
    pub(super) fn next<'i>(&self, pairs: &mut impl Iterator<Item = Pair<'i>>) -> Res<Pair<'i>> {
        pairs.next().ok_or_else(|| {
            Box::new(
                Diagnostic::error("E0101", "a statement cannot be read")
                    .note("the grammar and the tree builder disagree: this is a fault of econc")
                    .hint("please report the statement"),
            )
        })
    }

    /// What the pair holds, without marks and words that carry no meaning of their own.
    pub(super) fn parts<'i>(&self, pair: Pair<'i>) -> impl Iterator<Item = Pair<'i>> {
        pair.into_inner().filter(|p| !is_silent(p.as_rule()))
    }

    /// The bytes of a pair, without the blanks that pest may count to its end.
    pub(super) fn span(&self, pair: &Pair<'_>) -> Span {
        let mut last = pair.clone();
        loop {
            let deeper = last.clone().into_inner().next_back();
            match deeper {
                Some(inner) => last = inner,
                None => break,
            }
        }
        Span {
            file: self.file,
            ..Span::new(self.base + pair.as_span().start(), self.base + last.as_span().end())
        }
    }

    /// The source text of a span.
    pub(super) fn text(&self, span: Span) -> &'s str {
        self.source.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    pub(super) fn name(&self, pair: &Pair<'_>) -> Name {
        let span = self.span(pair);
        Name {
            text: self.text(span).to_string(),
            span,
        }
    }

    /// The text between the quotes.
    pub(super) fn string(&self, pair: &Pair<'_>) -> String {
        let text = self.text(self.span(pair));
        text.strip_prefix('"')
            .and_then(|t| t.strip_suffix('"'))
            .unwrap_or(text)
            .to_string()
    }

    // ------------------------------------------------------------------------------------------------------------
    // Expressions

    pub(super) fn expr(&self, pair: Pair<'_>) -> Res<Expr> {
        let mut pairs = pair.into_inner().peekable();
        if pairs.peek().is_some_and(|p| p.as_rule() == Rule::choice) {
            let choice = self.next(&mut pairs)?;
            return self.choice(choice);
        }
        self.fold(&mut pairs, OR)
    }

    /// Folds operands and operators whose level is at least `least`.
    fn fold(&self, pairs: &mut Peekable<Pairs<'_>>, least: u8) -> Res<Expr> {
        let first = self.next(pairs)?;
        let mut left = match first.as_rule() {
            Rule::kw_not => self.prefix(UnaryOp::Not, &first, pairs, COMPARE)?,
            Rule::sign if first.as_str() == "-" => self.prefix(UnaryOp::Neg, &first, pairs, POWER)?,
            Rule::sign => self.prefix(UnaryOp::Plus, &first, pairs, POWER)?,
            _ => {
                let operand = self.operand(first)?;
                if let Some(prime) = pairs.peek().filter(|p| p.as_rule() == Rule::late_prime) {
                    return Err(self.late_prime(&operand, self.span(prime)));
                }
                operand
            }
        };
        while let Some(next) = pairs.peek() {
            let Some((op, level)) = operator(next) else {
                break;
            };
            if level < least {
                break;
            }
            let sign = self.span(next);
            pairs.next();
            let right = match op {
                BinaryOp::Pow => self.fold(pairs, POWER)?,
                _ => self.fold(pairs, level + 1)?,
            };
            if level == COMPARE
                && let Some(chained) = pairs.peek().filter(|p| p.as_rule() == Rule::compare_op).cloned()
            {
                pairs.next();
                let third = self.fold(pairs, COMPARE + 1)?;
                return Err(self.chained(&left, sign, &right, self.span(&chained), &third));
            }
            let span = left.span.to(right.span);
            left = Expr {
                kind: ExprKind::Binary {
                    op,
                    lhs: Box::new(left),
                    rhs: Box::new(right),
                },
                span,
            };
        }
        Ok(left)
    }

    fn prefix(&self, op: UnaryOp, sign: &Pair<'_>, pairs: &mut Peekable<Pairs<'_>>, least: u8) -> Res<Expr> {
        let arg = self.fold(pairs, least)?;
        let span = self.span(sign).to(arg.span);
        Ok(Expr {
            kind: ExprKind::Unary { op, arg: Box::new(arg) },
            span,
        })
    }

    fn chained(&self, a: &Expr, first: Span, b: &Expr, second: Span, c: &Expr) -> Box<Diagnostic> {
        let (op1, op2) = (self.text(first), self.text(second));
        let (a, b, c) = (self.text(a.span), self.text(b.span), self.text(c.span));
        Box::new(
            Diagnostic::error("E0107", "comparisons do not chain")
                .at(second, "a second comparison")
                .and(first, "the first one")
                .hint(format!("write `{a} {op1} {b} and {b} {op2} {c}`")),
        )
    }

    fn late_prime(&self, operand: &Expr, prime: Span) -> Box<Diagnostic> {
        let text = self.text(operand.span);
        let error = Diagnostic::error("E0108", format!("the prime of `{text}'` is misplaced"));
        Box::new(match &operand.kind {
            ExprKind::Path(path) => error
                .at(prime, "a prime belongs to the name, before the index")
                .hint(format!("write `{}`", self.primed(path))),
            ExprKind::Call { .. } | ExprKind::Reduce { .. } | ExprKind::Paren(_) => error
                .at(prime, "only a name has a next period's value")
                .hint("prime the names inside: `f(x')`"),
            ExprKind::Number { .. }
            | ExprKind::Bool(_)
            | ExprKind::Inf
            | ExprKind::Continuum
            | ExprKind::Text(_)
            | ExprKind::Solve { .. }
            | ExprKind::Array(_)
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::If { .. }
            | ExprKind::Range(..)
            | ExprKind::Normalize(_) => error
                .at(prime, "only a name has a next period's value")
                .hint("remove the prime"),
        })
    }

    /// The path with the prime on its last name: `household[i].k'[g]`.
    fn primed(&self, path: &Path) -> String {
        let Some(last) = path.segments.last() else {
            return String::new();
        };
        let at = last.name.span.end;
        let before = self.text(Span { end: at, ..path.span });
        let after = self.text(Span { start: at, ..path.span });
        format!("{before}'{after}")
    }

    fn choice(&self, pair: Pair<'_>) -> Res<Expr> {
        let span = self.span(&pair);
        let mut parts = self.parts(pair);
        let condition = Box::new(self.expr(self.next(&mut parts)?)?);
        let then = Box::new(self.expr(self.next(&mut parts)?)?);
        let otherwise = Box::new(self.expr(self.next(&mut parts)?)?);
        Ok(Expr {
            kind: ExprKind::If {
                condition,
                then,
                otherwise,
            },
            span,
        })
    }

    fn operand(&self, pair: Pair<'_>) -> Res<Expr> {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::number => number(self.text(span)),
            Rule::lit_true => ExprKind::Bool(true),
            Rule::lit_false => ExprKind::Bool(false),
            Rule::lit_inf => ExprKind::Inf,
            Rule::lit_continuum => ExprKind::Continuum,
            Rule::string if self.in_settings => ExprKind::Text(self.string(&pair)),
            Rule::string => {
                return Err(Box::new(
                    Diagnostic::error("E0101", "a text stands where a value is expected")
                        .at(span, "not a number")
                        .hint("a description stands at the end of its statement"),
                ));
            }
            Rule::solution => {
                let mut parts = self.parts(pair);
                let concept = self.name(&self.next(&mut parts)?);
                ExprKind::Solve {
                    concept,
                    args: self.args(parts)?,
                }
            }
            Rule::array => ExprKind::Array(self.items(pair)?),
            Rule::normalized => {
                let mut parts = self.parts(pair);
                let array = self.operand(self.next(&mut parts)?)?;
                ExprKind::Normalize(Box::new(array))
            }
            Rule::paren => {
                let mut parts = self.parts(pair);
                let inner = self.next(&mut parts)?;
                ExprKind::Paren(Box::new(self.expr(inner)?))
            }
            Rule::call => self.call(pair)?,
            Rule::variable => ExprKind::Path(self.path(pair)?),
            Rule::bare_choice => {
                let fix: String = self.text(span).chars().take(60).collect();
                return Err(Box::new(
                    Diagnostic::error("E0109", "an `if` as an operand needs parentheses")
                        .at(span, "`else` takes all that follows")
                        .hint(format!("write `({fix})`")),
                ));
            }
            _ => {
                return Err(Box::new(
                    Diagnostic::error("E0101", "expected an expression").at(span, "not a value"),
                ));
            }
        };
        Ok(Expr { kind, span })
    }

    pub(super) fn call(&self, pair: Pair<'_>) -> Res<ExprKind> {
        let mut parts = self.parts(pair).peekable();
        let name = self.name(&self.next(&mut parts)?);
        if parts.peek().is_some_and(|p| p.as_rule() == Rule::binder) {
            let binder = self.next(&mut parts)?;
            let binder = Box::new(self.binder(binder)?);
            let body = Box::new(self.expr(self.next(&mut parts)?)?);
            return Ok(ExprKind::Reduce { name, binder, body });
        }
        Ok(ExprKind::Call {
            name,
            args: self.args(parts)?,
        })
    }

    /// The arguments of a call, in the order typed.
    pub(super) fn args<'i>(&self, parts: impl Iterator<Item = Pair<'i>>) -> Res<Vec<Arg>> {
        let args: Vec<Arg> = parts.map(|pair| self.arg(pair)).collect::<Res<_>>()?;
        let named = |i: usize| args.get(i).and_then(|a: &Arg| a.name.as_ref());
        for i in 0..args.len() {
            let Some(name) = named(i) else { continue };
            if let Some(first) = (0..i).filter_map(named).find(|n| n.text == name.text) {
                return Err(Box::new(
                    Diagnostic::error("E0113", format!("`{}` is given twice", name.text))
                        .at(name.span, "the second one")
                        .and(first.span, "the first one")
                        .hint("keep one of them"),
                ));
            }
        }
        Ok(args)
    }

    fn arg(&self, pair: Pair<'_>) -> Res<Arg> {
        let mut arg_name = None;
        let mut over = None;
        let mut values = Vec::new();
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::word => arg_name = Some(self.name(&part)),
                Rule::ident => over = Some(self.name(&part)),
                _ => values.push(self.expr(part)?),
            }
        }
        Ok(Arg {
            name: arg_name,
            value: self.value_or_range(values, self.in_settings)?,
            over,
        })
    }

    fn items(&self, pair: Pair<'_>) -> Res<Vec<ArrayItem>> {
        self.parts(pair)
            .map(|item| {
                let mut label = None;
                let mut values = Vec::new();
                for part in self.parts(item) {
                    if part.as_rule() == Rule::ident {
                        label = Some(self.name(&part));
                    } else {
                        values.push(self.expr(part)?);
                    }
                }
                Ok(ArrayItem {
                    label,
                    value: self.value_or_range(values, true)?,
                })
            })
            .collect()
    }

    /// One expression, or a list of two as the ends of a range.
    pub(super) fn value_or_range(&self, values: Vec<Expr>, ranges: bool) -> Res<Expr> {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (Some(lo), Some(hi)) => {
                let span = lo.span.to(hi.span);
                if !ranges {
                    return Err(Box::new(
                        Diagnostic::error("E0101", "a range stands where a value is expected")
                            .at(span, "not a number")
                            .hint("`lo..hi` is a domain, a set, or a list of seeds in the settings"),
                    ));
                }
                Ok(Expr {
                    kind: ExprKind::Range(Box::new(lo), Box::new(hi)),
                    span,
                })
            }
            (Some(value), None) => Ok(value),
            (None, _) => self.next(&mut std::iter::empty()).and_then(|pair| self.expr(pair)),
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Names and binders

    /// A dotted name, from a `variable` or a `path`.
    pub(super) fn path(&self, pair: Pair<'_>) -> Res<Path> {
        let span = self.span(&pair);
        let mut path = Path {
            segments: Vec::new(),
            span,
        };
        let mut late = None;
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::period | Rule::ident => path.segments.push(Segment {
                    name: self.name(&part),
                    primed: false,
                    index: Vec::new(),
                }),
                Rule::segment => {
                    let mut inner = self.parts(part);
                    let name = self.name(&self.next(&mut inner)?);
                    path.segments.push(Segment {
                        name,
                        primed: false,
                        index: Vec::new(),
                    });
                    for piece in inner {
                        self.segment_part(&mut path, piece)?;
                    }
                }
                Rule::late_prime => late = Some(self.span(&part)),
                _ => self.segment_part(&mut path, part)?,
            }
        }
        if let Some(prime) = late {
            let fix = Path {
                span: Span {
                    end: prime.start,
                    ..path.span
                },
                ..path
            };
            let text = self.text(fix.span);
            return Err(Box::new(
                Diagnostic::error("E0108", format!("the prime of `{text}'` is misplaced"))
                    .at(prime, "a prime belongs to the name, before the index")
                    .hint(format!("write `{}`", self.primed(&fix))),
            ));
        }
        Ok(path)
    }

    fn segment_part(&self, path: &mut Path, part: Pair<'_>) -> Res<()> {
        let Some(segment) = path.segments.last_mut() else {
            return Ok(());
        };
        if part.as_rule() == Rule::prime {
            let span = self.span(&part);
            if self.text(span).len() > 1 {
                return Err(Box::new(
                    Diagnostic::error("E0108", format!("`{}` has more than one prime", segment.name.text))
                        .at(span, "only the next period has a mark")
                        .hint(format!(
                            "write `{}'`; values further ahead need a state of their own",
                            segment.name.text
                        )),
                ));
            }
            segment.primed = true;
            return Ok(());
        }
        for index in self.parts(part) {
            let index = match index.as_rule() {
                Rule::binder => Index::Binder(self.binder(index)?),
                _ => Index::At(self.expr(index)?),
            };
            segment.index.push(index);
        }
        Ok(())
    }

    pub(super) fn binder(&self, pair: Pair<'_>) -> Res<Binder> {
        let span = self.span(&pair);
        let mut parts = self.parts(pair);
        let var = self.name(&self.next(&mut parts)?);
        let (lo, hi, at) = self.range(self.next(&mut parts)?)?;
        let over = match (hi, lo.kind) {
            (Some(hi), kind) => Range::Span(Box::new(Expr { kind, span: lo.span }), Box::new(hi)),
            (None, ExprKind::Path(path)) => Range::Named(path),
            (None, _) => {
                return Err(Box::new(
                    Diagnostic::error("E0101", format!("`{}` needs a set to run over", var.text))
                        .at(at, "expected a set, a population or a range")
                        .hint(format!("write `{} in 1..{}`", var.text, self.text(at))),
                ));
            }
        };
        let when = match parts.next() {
            Some(pair) => Some(Box::new(self.expr(pair)?)),
            None => None,
        };
        Ok(Binder { var, over, when, span })
    }

    fn range(&self, pair: Pair<'_>) -> Res<(Expr, Option<Expr>, Span)> {
        let span = self.span(&pair);
        let mut parts = self.parts(pair);
        let lo = self.bound(self.next(&mut parts)?)?;
        let hi = match parts.next() {
            Some(pair) => Some(self.bound(pair)?),
            None => None,
        };
        Ok((lo, hi, span))
    }

    pub(super) fn bound(&self, pair: Pair<'_>) -> Res<Expr> {
        self.fold(&mut pair.into_inner().peekable(), ADD)
    }

    // ------------------------------------------------------------------------------------------------------------
    // Domains

    pub(super) fn domain(&self, pair: Pair<'_>) -> Res<Domain> {
        let span = self.span(&pair);
        let mut parts = self.parts(pair);
        let inner = self.next(&mut parts)?;
        let kind = match inner.as_rule() {
            Rule::interval => self.interval(inner)?,
            Rule::finite => DomainKind::Finite(
                self.parts(inner)
                    .map(|label| {
                        let mut parts = self.parts(label);
                        let value = self.expr(self.next(&mut parts)?)?;
                        let mask = match parts.next() {
                            Some(pair) => Some(self.expr(pair)?),
                            None => None,
                        };
                        Ok((value, mask))
                    })
                    .collect::<Res<_>>()?,
            ),
            Rule::grid => DomainKind::Grid(self.parts(inner).map(|pair| self.expr(pair)).collect::<Res<_>>()?),
            Rule::simplex => {
                let mut parts = self.parts(inner);
                DomainKind::Simplex(self.name(&self.next(&mut parts)?))
            }
            Rule::boolean => DomainKind::Bool,
            _ => match self.range(inner)? {
                (lo, Some(hi), _) => DomainKind::Range(lo, hi),
                (
                    Expr {
                        kind: ExprKind::Path(path),
                        ..
                    },
                    None,
                    _,
                ) => DomainKind::Same(path),
                (_, None, at) => {
                    return Err(Box::new(
                        Diagnostic::error("E0101", "expected a domain after `in`")
                            .at(at, "a single value")
                            .hint("write `[lo, hi]`, `0..13`, `{stay, exit}` or a name; decimals have a point: 0.5, not 0,5"),
                    ));
                }
            },
        };
        Ok(Domain { kind, span })
    }

    fn interval(&self, pair: Pair<'_>) -> Res<DomainKind> {
        let mut ends = Vec::new();
        let (mut lo_open, mut hi_open) = (false, false);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::open_paren => lo_open = true,
                Rule::close_paren => hi_open = true,
                Rule::expr => ends.push(self.expr(part)?),
                _ => {}
            }
        }
        let mut ends = ends.into_iter();
        match (ends.next(), ends.next()) {
            (Some(lo), Some(hi)) => Ok(DomainKind::Interval {
                lo,
                hi,
                lo_open,
                hi_open,
            }),
            _ => self.next(&mut std::iter::empty()).map(|_| DomainKind::Bool),
        }
    }
}

fn operator(pair: &Pair<'_>) -> Option<(BinaryOp, u8)> {
    let text = pair.as_str();
    match pair.as_rule() {
        Rule::kw_or => Some((BinaryOp::Or, OR)),
        Rule::kw_and => Some((BinaryOp::And, AND)),
        Rule::compare_op => Some((
            match text {
                "==" => BinaryOp::Eq,
                "!=" => BinaryOp::Ne,
                "<" => BinaryOp::Lt,
                "<=" => BinaryOp::Le,
                ">" => BinaryOp::Gt,
                _ => BinaryOp::Ge,
            },
            COMPARE,
        )),
        Rule::add_op if text == "+" => Some((BinaryOp::Add, ADD)),
        Rule::add_op => Some((BinaryOp::Sub, ADD)),
        Rule::mul_op => Some((
            match text {
                "*" => BinaryOp::Mul,
                "/" => BinaryOp::Div,
                "mod" => BinaryOp::Mod,
                _ => BinaryOp::IntDiv,
            },
            MULTIPLY,
        )),
        Rule::power_op => Some((BinaryOp::Pow, POWER)),
        _ => None,
    }
}

/// The value of a number as spelled; the lexer has refused what does not fit.
fn number(text: &str) -> ExprKind {
    let plain = text.trim_end_matches('%').replace('_', "");
    let value: f64 = plain.parse().unwrap_or(f64::INFINITY);
    ExprKind::Number {
        value: if text.ends_with('%') { value / 100.0 } else { value },
        text: text.to_string(),
    }
}

/// Rules that the tree builder has no use for: marks, and words whose presence the structure shows anyway.
fn is_silent(rule: Rule) -> bool {
    match rule {
        Rule::EOI
        | Rule::open_paren
        | Rule::close_paren
        | Rule::open_bracket
        | Rule::close_bracket
        | Rule::open_brace
        | Rule::close_brace
        | Rule::mark_comma
        | Rule::mark_semi
        | Rule::mark_colon
        | Rule::mark_dot
        | Rule::mark_dots
        | Rule::mark_assign
        | Rule::mark_plus
        | Rule::mark_equals
        | Rule::kw_model
        | Rule::kw_use
        | Rule::kw_param
        | Rule::kw_set
        | Rule::kw_fn
        | Rule::kw_shock
        | Rule::kw_noise
        | Rule::kw_state
        | Rule::kw_action
        | Rule::kw_let
        | Rule::kw_observe
        | Rule::kw_reward
        | Rule::kw_discount
        | Rule::kw_horizon
        | Rule::kw_end
        | Rule::kw_require
        | Rule::kw_policy
        | Rule::kw_agent
        | Rule::kw_kind
        | Rule::kw_group
        | Rule::kw_market
        | Rule::kw_price
        | Rule::kw_give
        | Rule::kw_stages
        | Rule::kw_scenario
        | Rule::kw_solve
        | Rule::kw_train
        | Rule::kw_verify
        | Rule::kw_if
        | Rule::kw_then
        | Rule::kw_else
        | Rule::kw_in
        | Rule::kw_given
        | Rule::kw_when
        | Rule::kw_over
        | Rule::soft_def
        | Rule::soft_offer
        | Rule::soft_among
        | Rule::soft_is
        | Rule::soft_at
        | Rule::soft_on
        | Rule::soft_taste
        | Rule::soft_start
        | Rule::soft_clears
        | Rule::soft_normalize
        | Rule::soft_iid
        | Rule::soft_mass
        | Rule::soft_paying
        | Rule::soft_all
        | Rule::soft_random
        | Rule::soft_uniform
        | Rule::soft_path
        | Rule::soft_force
        | Rule::soft_periods
        | Rule::soft_penalty
        | Rule::soft_clamp
        | Rule::soft_project
        | Rule::soft_grid
        | Rule::soft_simplex
        | Rule::soft_bool
        | Rule::soft_forward => true,
        // `mark_tilde` tells a draw from a definition, `kw_aggregate` an aggregate from a price.
        _ => false,
    }
}
