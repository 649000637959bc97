//! Trees of statements from what pest matched, one method for each form.

use super::{Builder, Pair, Res, Rule};
use crate::diag::{Diagnostic, Span};
use crate::syntax::ast::*;
use crate::syntax::words;

/// What was read between the braces of a block.
pub(super) struct Inside {
    /// Statements in order; any length.
    pub body: Vec<Stmt>,
    /// Lines of a scenario in order; any length.
    pub scenario: Vec<ScenarioItem>,
    /// Lines of a settings block in order; any length.
    pub settings: Vec<Setting>,
}

/// The pieces of a statement by kind, in the order of the text.
#[derive(Default)]
struct Pieces {
    names: Vec<Name>,
    lhs: Option<Lhs>,
    exprs: Vec<Expr>,
    domain: Option<Domain>,
    start: Option<Start>,
    size: Option<Size>,
    mass: Option<Expr>,
    is: Option<Name>,
    stage: Option<Name>,
    doc: Option<String>,
}

impl Builder<'_> {
    pub(super) fn model_line(&self, pair: Pair<'_>) -> Res<(Name, Option<String>)> {
        let mut parts = self.parts(pair);
        let name = self.name(&self.next(&mut parts)?);
        Ok((name, parts.next().map(|p| self.string(&p))))
    }

    pub(super) fn lone_value(&self, pair: Pair<'_>) -> Res<Expr> {
        let mut parts = self.parts(pair);
        self.setting_value(self.next(&mut parts)?)
    }

    fn setting_value(&self, pair: Pair<'_>) -> Res<Expr> {
        let values = self.parts(pair).map(|p| self.expr(p)).collect::<Res<Vec<_>>>()?;
        self.value_or_range(values, true)
    }

    pub(super) fn setting(&self, pair: Pair<'_>, span: Span) -> Res<Setting> {
        let mut parts = self.parts(pair);
        let key = self.next(&mut parts)?;
        let key = self.parts(key).map(|p| self.name(&p)).collect();
        let value = self.setting_value(self.next(&mut parts)?)?;
        Ok(Setting { key, value, span })
    }

    pub(super) fn scenario_item(&self, pair: Pair<'_>, span: Span) -> Res<ScenarioItem> {
        let rule = pair.as_rule();
        let mut drawn = false;
        let mut parts = Vec::new();
        for part in self.parts(pair) {
            if part.as_rule() == Rule::mark_tilde {
                drawn = true;
            } else {
                parts.push(part);
            }
        }
        let mut parts = parts.into_iter();
        let first = self.next(&mut parts)?;
        Ok(match rule {
            Rule::scenario_periods => ScenarioItem::Periods {
                value: self.expr(first)?,
                span,
            },
            Rule::scenario_param => ScenarioItem::Param {
                name: self.name(&first),
                drawn,
                value: self.expr(self.next(&mut parts)?)?,
                span,
            },
            _ => {
                let target = self.path(first)?;
                let value = self.expr(self.next(&mut parts)?)?;
                match rule {
                    Rule::scenario_start => ScenarioItem::Start { target, value, span },
                    Rule::scenario_path => ScenarioItem::Path { target, value, span },
                    _ => {
                        let at = match parts.next() {
                            None => None,
                            Some(at) => {
                                let mut ends = self.parts(at);
                                let from = self.expr(self.next(&mut ends)?)?;
                                let to = match ends.next() {
                                    Some(pair) => Some(self.expr(pair)?),
                                    None => None,
                                };
                                Some((from, to))
                            }
                        };
                        ScenarioItem::Force {
                            target,
                            value,
                            at,
                            span,
                        }
                    }
                }
            }
        })
    }

    /// One statement; `inside` is what stood in its braces.
    pub(super) fn statement(&self, pair: Pair<'_>, inside: Inside, span: Span) -> Res<Stmt> {
        let (kind, doc) = match pair.as_rule() {
            Rule::use_line => (self.use_line(pair)?, None),
            Rule::fn_line => self.fn_line(pair)?,
            Rule::param_line => self.param_line(pair)?,
            Rule::shock_line => self.shock_line(pair)?,
            Rule::action_line => self.action_line(pair)?,
            Rule::price_line => self.price_line(pair)?,
            Rule::forward_line => self.forward_line(pair)?,
            Rule::observe_line => self.observe_line(pair)?,
            Rule::end_line => self.end_line(pair)?,
            Rule::require_line => self.require_line(pair)?,
            Rule::policy_line => self.policy_line(pair)?,
            Rule::give_line => self.give_line(pair)?,
            Rule::transition_line => self.transition_line(pair)?,
            Rule::start_line => self.start_line(pair)?,
            Rule::market_use => self.market_use(pair)?,
            Rule::market_def_head => self.market_def(pair, inside.body)?,
            _ => self.plain(pair, inside)?,
        };
        Ok(Stmt { kind, span, doc })
    }

    /// Statements whose pieces are all of different kinds.
    fn plain(&self, pair: Pair<'_>, inside: Inside) -> Res<(StmtKind, Option<String>)> {
        let rule = pair.as_rule();
        let mut competitive = false;
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            if part.as_rule() == Rule::soft_competitive {
                competitive = true;
            } else if part.as_rule() != Rule::mark_tilde {
                self.piece(part, &mut pieces)?;
            }
        }
        let Pieces {
            names,
            lhs,
            exprs,
            domain,
            start,
            size,
            mass,
            is,
            stage,
            doc,
        } = pieces;
        let mut exprs = exprs.into_iter();
        let expr = exprs.next().ok_or_else(|| self.broken());
        let lhs = lhs.ok_or_else(|| self.broken());
        let domain = domain.ok_or_else(|| self.broken());
        let all_names = names.clone();
        let mut names = names.into_iter();
        let name = names.next().ok_or_else(|| self.broken());
        let kind = match rule {
            Rule::set_line => StmtKind::Set {
                name: name?,
                domain: domain?,
            },
            Rule::noise_line => StmtKind::Noise {
                lhs: lhs?,
                dist: expr?,
                stage,
            },
            Rule::state_line => StmtKind::State {
                lhs: lhs?,
                domain: domain?,
                start,
            },
            Rule::let_line => StmtKind::Let {
                lhs: lhs?,
                value: expr?,
            },
            Rule::reward_line => StmtKind::Reward(expr?),
            Rule::discount_line => StmtKind::Discount(expr?),
            Rule::horizon_line => StmtKind::Horizon(expr?),
            Rule::offer_line => StmtKind::Offer(all_names),
            Rule::stages_line => StmtKind::Stages(all_names),
            Rule::agent_head => StmtKind::Agent {
                name: name?,
                size,
                mass,
                is,
                body: inside.body,
            },
            Rule::kind_head => StmtKind::Kind {
                name: name?,
                body: inside.body,
            },
            Rule::group_head => StmtKind::Group {
                name: name?,
                size: size.ok_or_else(|| self.broken())?,
                mass,
                body: inside.body,
            },
            Rule::market_head => StmtKind::Market {
                name: name?,
                size,
                competitive,
                body: inside.body,
            },
            Rule::role_head => StmtKind::Role {
                name: name?,
                body: inside.body,
            },
            Rule::scenario_head => StmtKind::Scenario {
                name: name?,
                items: inside.scenario,
            },
            Rule::solve_head => StmtKind::Settings {
                block: SettingsBlock::Solve,
                items: inside.settings,
            },
            Rule::train_head => StmtKind::Settings {
                block: SettingsBlock::Train(name?),
                items: inside.settings,
            },
            Rule::verify_head => StmtKind::Settings {
                block: SettingsBlock::Verify,
                items: inside.settings,
            },
            _ => return Err(self.broken()),
        };
        Ok((kind, doc))
    }

    fn broken(&self) -> Box<Diagnostic> {
        match self.next(&mut std::iter::empty()) {
            Err(error) => error,
            Ok(_) => Box::new(Diagnostic::error("E0101", "a statement cannot be read")),
        }
    }

    fn piece(&self, part: Pair<'_>, pieces: &mut Pieces) -> Res<()> {
        match part.as_rule() {
            Rule::ident => pieces.names.push(self.name(&part)),
            Rule::lhs => pieces.lhs = Some(self.lhs(part)?),
            Rule::expr => pieces.exprs.push(self.expr(part)?),
            Rule::domain => pieces.domain = Some(self.domain(part)?),
            Rule::start_part => pieces.start = Some(self.start(part)?),
            Rule::size => pieces.size = Some(self.size(part)?),
            Rule::mass_part => {
                self.once(pieces.mass.is_some(), "mass", &part)?;
                pieces.mass = Some(self.only_expr(part)?);
            }
            Rule::is_part => {
                self.once(pieces.is.is_some(), "is", &part)?;
                let mut inner = self.parts(part);
                pieces.is = Some(self.name(&self.next(&mut inner)?));
            }
            Rule::at_part => {
                self.once(pieces.stage.is_some(), "at", &part)?;
                let mut inner = self.parts(part);
                pieces.stage = Some(self.name(&self.next(&mut inner)?));
            }
            Rule::string => pieces.doc = Some(self.string(&part)),
            _ => return Err(self.broken()),
        }
        Ok(())
    }

    /// Refuses a clause that was there before.
    fn once(&self, before: bool, word: &str, part: &Pair<'_>) -> Res<()> {
        if !before {
            return Ok(());
        }
        Err(Box::new(
            Diagnostic::error("E0113", format!("`{word}` is given twice"))
                .at(self.span(part), "the second one")
                .hint("keep one of them"),
        ))
    }

    fn only_expr(&self, part: Pair<'_>) -> Res<Expr> {
        let mut inner = self.parts(part);
        self.expr(self.next(&mut inner)?)
    }

    fn lhs(&self, pair: Pair<'_>) -> Res<Lhs> {
        let mut parts = self.parts(pair);
        let name = self.name(&self.next(&mut parts)?);
        let index = parts
            .map(|part| {
                Ok(if part.as_rule() == Rule::binder {
                    LhsIndex::Binder(self.binder(part)?)
                } else {
                    LhsIndex::Set(self.name(&part))
                })
            })
            .collect::<Res<_>>()?;
        Ok(Lhs { name, index })
    }

    fn size(&self, pair: Pair<'_>) -> Res<Size> {
        let mut parts = self.parts(pair);
        let inner = self.next(&mut parts)?;
        Ok(if inner.as_rule() == Rule::binder {
            Size::Binder(self.binder(inner)?)
        } else {
            Size::Count(self.expr(inner)?)
        })
    }

    fn start(&self, pair: Pair<'_>) -> Res<Start> {
        let mut parts = self.parts(pair);
        self.start_value(self.next(&mut parts)?)
    }

    fn start_value(&self, pair: Pair<'_>) -> Res<Start> {
        Ok(match pair.as_rule() {
            Rule::whole_random | Rule::whole_uniform => Start::Random(self.span(&pair)),
            _ => Start::Value(self.expr(pair)?),
        })
    }

    fn use_line(&self, pair: Pair<'_>) -> Res<StmtKind> {
        let mut path = Vec::new();
        let mut items = Vec::new();
        for part in self.parts(pair) {
            if part.as_rule() == Rule::use_items {
                items.extend(self.parts(part).map(|p| self.name(&p)));
            } else {
                path.push(self.name(&part));
            }
        }
        Ok(StmtKind::Use { path, items })
    }

    fn fn_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut params = Vec::new();
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            if part.as_rule() == Rule::fn_params {
                params.extend(self.parts(part).map(|p| self.name(&p)));
            } else {
                self.piece(part, &mut pieces)?;
            }
        }
        let name = pieces.names.pop().ok_or_else(|| self.broken())?;
        let body = pieces.exprs.pop().ok_or_else(|| self.broken())?;
        Ok((StmtKind::Fn { name, params, body }, pieces.doc))
    }

    fn param_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut unit = None;
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            if part.as_rule() == Rule::unit {
                unit = Some(self.text(self.span(&part)).replace(' ', ""));
            } else {
                self.piece(part, &mut pieces)?;
            }
        }
        let kind = StmtKind::Param {
            lhs: pieces.lhs.ok_or_else(|| self.broken())?,
            unit,
            value: pieces.exprs.pop().ok_or_else(|| self.broken())?,
            domain: pieces.domain,
        };
        Ok((kind, pieces.doc))
    }

    fn shock_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut iid = false;
        let mut given = None;
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::mark_tilde => {}
                Rule::iid_mark => iid = true,
                Rule::given_clause => given = Some(self.given(part)?),
                _ => self.piece(part, &mut pieces)?,
            }
        }
        let kind = StmtKind::Shock {
            lhs: pieces.lhs.ok_or_else(|| self.broken())?,
            iid,
            dist: pieces.exprs.pop().ok_or_else(|| self.broken())?,
            given,
            start: pieces.start,
        };
        Ok((kind, pieces.doc))
    }

    fn given(&self, pair: Pair<'_>) -> Res<Given> {
        let mut names = Vec::new();
        let mut table = Vec::new();
        for part in self.parts(pair) {
            if part.as_rule() == Rule::table {
                table = self.parts(part).map(|row| self.given_row(row)).collect::<Res<_>>()?;
            } else {
                names.push(self.path(part)?);
            }
        }
        Ok(Given { names, table })
    }

    fn given_row(&self, pair: Pair<'_>) -> Res<GivenRow> {
        let mut labels = Vec::new();
        let mut normalize = false;
        let mut matrix = None;
        let mut span = self.span(&pair);
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::row_labels => labels.extend(self.parts(part).map(|p| self.name(&p))),
                Rule::row_normalize => normalize = true,
                _ => matrix = Some(self.expr(part)?),
            }
        }
        let mut matrix = matrix.ok_or_else(|| self.broken())?;
        // `normalize [[..]]` is read as an operand where the brackets touch; a row has its own place for the word.
        if let ExprKind::Normalize(inner) = matrix.kind {
            normalize = true;
            matrix = *inner;
        }
        span.end = matrix.span.end;
        Ok(GivenRow {
            labels,
            normalize,
            matrix,
            span,
        })
    }

    fn action_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let (mut grid, mut taste, mut given) = (None, None, None);
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::on_part => {
                    self.once(grid.is_some(), "on", &part)?;
                    grid = Some(self.only_expr(part)?);
                }
                Rule::taste_part => {
                    self.once(taste.is_some(), "taste", &part)?;
                    taste = Some(self.only_expr(part)?);
                }
                Rule::given_part => {
                    self.once(given.is_some(), "given", &part)?;
                    given = Some(self.parts(part).map(|p| self.name(&p)).collect());
                }
                _ => self.piece(part, &mut pieces)?,
            }
        }
        let kind = StmtKind::Action {
            lhs: pieces.lhs.ok_or_else(|| self.broken())?,
            domain: pieces.domain.ok_or_else(|| self.broken())?,
            grid,
            taste,
            stage: pieces.stage,
            given: given.unwrap_or_default(),
        };
        Ok((kind, pieces.doc))
    }

    fn price_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut aggregate = false;
        let mut form = PriceForm::Posted;
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::kw_aggregate => aggregate = true,
                Rule::price_is => form = PriceForm::Is(self.only_expr(part)?),
                Rule::price_clears => {
                    let mut sides = self.parts(part);
                    let lhs = self.bound(self.next(&mut sides)?)?;
                    let rhs = self.bound(self.next(&mut sides)?)?;
                    form = PriceForm::Clears(lhs, rhs);
                }
                _ => self.piece(part, &mut pieces)?,
            }
        }
        let kind = StmtKind::Price {
            aggregate,
            lhs: pieces.lhs.ok_or_else(|| self.broken())?,
            domain: pieces.domain,
            form,
            start: pieces.start,
        };
        Ok((kind, pieces.doc))
    }

    fn forward_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let (mut over, mut given, mut value) = (Vec::new(), Vec::new(), None);
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::kw_price | Rule::soft_forward => {}
                Rule::forward_over => over = self.parts(part).map(|p| self.path(p)).collect::<Res<_>>()?,
                Rule::price_is => value = Some(self.only_expr(part)?),
                Rule::forward_given => {
                    for pin in self.parts(part) {
                        let mut sides = self.parts(pin);
                        let path = self.path(self.next(&mut sides)?)?;
                        given.push((path, self.expr(self.next(&mut sides)?)?));
                    }
                }
                _ => self.piece(part, &mut pieces)?,
            }
        }
        let kind = StmtKind::Forward {
            name: pieces.names.into_iter().next().ok_or_else(|| self.broken())?,
            over,
            domain: pieces.domain,
            value: value.ok_or_else(|| self.broken())?,
            given,
            start: pieces.start,
        };
        Ok((kind, pieces.doc))
    }

    fn observe_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut items = Vec::new();
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            if part.as_rule() != Rule::observed {
                self.piece(part, &mut pieces)?;
                continue;
            }
            let mut inner = self.parts(part);
            let item = self.next(&mut inner)?;
            items.push(match item.as_rule() {
                Rule::observed_all => ObserveItem::All(self.span(&item)),
                Rule::signal => {
                    let mut parts = self.parts(item).filter(|p| p.as_rule() != Rule::mark_tilde);
                    ObserveItem::Signal {
                        name: self.name(&self.next(&mut parts)?),
                        dist: self.expr(self.next(&mut parts)?)?,
                    }
                }
                _ => ObserveItem::Value(self.expr(item)?),
            });
        }
        let kind = StmtKind::Observe {
            items,
            when: pieces.exprs.pop(),
        };
        Ok((kind, pieces.doc))
    }

    fn end_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let (mut paying, mut then) = (None, None);
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::end_paying => {
                    self.once(paying.is_some(), "paying", &part)?;
                    paying = Some(self.only_expr(part)?);
                }
                Rule::end_then => {
                    self.once(then.is_some(), "then", &part)?;
                    let mut inner = self.parts(part);
                    then = Some(if self.next(&mut inner)?.as_rule() == Rule::soft_restart {
                        EndThen::Restart
                    } else {
                        EndThen::Leave
                    });
                }
                _ => self.piece(part, &mut pieces)?,
            }
        }
        let kind = StmtKind::End {
            when: pieces.exprs.pop().ok_or_else(|| self.broken())?,
            paying,
            then,
        };
        Ok((kind, pieces.doc))
    }

    fn require_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut otherwise = None;
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::else_penalty => {
                    otherwise = Some(RequireElse::Penalty(self.only_expr(part)?));
                }
                Rule::else_clamp => {
                    otherwise = Some(RequireElse::Clamp(self.parts(part).next().map(|p| self.name(&p))));
                }
                Rule::else_project => otherwise = Some(RequireElse::Project),
                Rule::else_end => otherwise = Some(RequireElse::End),
                _ => self.piece(part, &mut pieces)?,
            }
        }
        let kind = StmtKind::Require {
            condition: pieces.exprs.pop().ok_or_else(|| self.broken())?,
            otherwise,
        };
        Ok((kind, pieces.doc))
    }

    fn policy_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut action = None;
        let mut rule = PolicyRule::Random;
        let mut doc = None;
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::policy_rule => {
                    let mut inner = self.parts(part);
                    action = Some(self.lhs(self.next(&mut inner)?)?);
                    let value = self.next(&mut inner)?;
                    if value.as_rule() != Rule::whole_random {
                        rule = PolicyRule::Rule(self.expr(value)?);
                    }
                }
                Rule::string => doc = Some(self.string(&part)),
                _ => {}
            }
        }
        Ok((StmtKind::Policy { action, rule }, doc))
    }

    fn give_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut parts = self.parts(pair);
        let form = self.next(&mut parts)?;
        let doc = parts.next().map(|p| self.string(&p));
        let is_value = form.as_rule() == Rule::give_value;
        let mut inner = self.parts(form);
        let kind = if is_value {
            StmtKind::Give {
                target: self.path(self.next(&mut inner)?)?,
                value: self.expr(self.next(&mut inner)?)?,
            }
        } else {
            StmtKind::GivePort(inner.map(|p| self.name(&p)).collect())
        };
        Ok((kind, doc))
    }

    fn transition_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut parts = self.parts(pair);
        let target = self.path(self.next(&mut parts)?)?;
        let value = self.expr(self.next(&mut parts)?)?;
        let doc = parts.next().map(|p| self.string(&p));
        if !target.segments.last().is_some_and(|s| s.primed) {
            let text = self.text(target.span);
            // `k[t+1] = ..`, as papers write it.
            if let Some(name) = text
                .split_once("[t")
                .filter(|(_, rest)| !rest.starts_with(|c: char| c.is_alphanumeric()))
            {
                return Err(Box::new(
                    Diagnostic::error("E0118", format!("`{text} = ..` defines nothing"))
                        .at(target.span, "time is no index")
                        .hint(format!(
                            "the value of the next period is `{0}' = ..`, that of this one is `{0}`",
                            name.0
                        )),
                ));
            }
            if let [only] = target.segments.as_slice()
                && let Some((name, when)) = words::dated(text)
            {
                return Err(Box::new(
                    Diagnostic::error("E0118", format!("`{} = ..` defines nothing", only.name.text))
                        .at(target.span, "neither a definition nor a transition")
                        .hint(match when {
                            words::Dated::Next => format!("the value of the next period is `{name}' = ..`"),
                            words::Dated::Now | words::Dated::Last => format!(
                                "names have no dates: a law of motion is `{name}' = ..` with `{name}` for this period's value, a definition `let {name} = ..`"
                            ),
                        }),
                ));
            }
            if matches!(text, "concept" | "method" | "tolerance" | "quadrature" | "information") {
                let value = self.text(value.span);
                return Err(Box::new(
                    Diagnostic::error("E0118", format!("`{text} = ..` defines nothing"))
                        .at(target.span, "a setting outside a block of settings")
                        .hint(format!(
                            "how the model is solved stands in a block of its own: `solve {{ {text} = {value} }}`"
                        )),
                ));
            }
            let last = target.segments.last();
            let name = last.map_or(text, |s| s.name.text.as_str());
            let index = if last.is_some_and(|s| !s.index.is_empty()) {
                "[..]"
            } else {
                ""
            };
            let hint = if super::hints::declares_state(self.source, name) {
                format!("write `{name}'{index} = ..` for the next value of the state")
            } else if matches!(value.kind, ExprKind::Number { .. }) {
                format!("a number that is given is `param {text} = {}`", self.text(value.span))
            } else {
                format!("write `let {text} = ..`")
            };
            return Err(Box::new(
                Diagnostic::error("E0118", format!("`{text} = ..` defines nothing"))
                    .at(target.span, "neither a definition nor a transition")
                    .hint(hint),
            ));
        }
        if let Some(early) = target.segments.iter().rev().skip(1).find(|segment| segment.primed) {
            return Err(Box::new(
                Diagnostic::error("E0108", "a prime stands on the owner of a state")
                    .at(early.name.span, "not a state")
                    .hint("prime the last name: `household.k' = ..`"),
            ));
        }
        Ok((StmtKind::Transition { target, value }, doc))
    }

    fn start_line(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut parts = self.parts(pair);
        let target = self.next(&mut parts)?;
        let span = self.span(&target);
        let target = Expr {
            kind: self.call(target)?,
            span,
        };
        let value = self.start_value(self.next(&mut parts)?)?;
        let doc = parts.next().map(|p| self.string(&p));
        Ok((StmtKind::StartOf { target, value }, doc))
    }

    fn market_def(&self, pair: Pair<'_>, body: Vec<Stmt>) -> Res<(StmtKind, Option<String>)> {
        let mut params = Vec::new();
        let mut pieces = Pieces::default();
        for part in self.parts(pair) {
            if part.as_rule() == Rule::def_param {
                let mut inner = self.parts(part);
                let name = self.name(&self.next(&mut inner)?);
                let default = match inner.next() {
                    Some(pair) => Some(self.expr(pair)?),
                    None => None,
                };
                params.push((name, default));
            } else {
                self.piece(part, &mut pieces)?;
            }
        }
        let name = pieces.names.pop().ok_or_else(|| self.broken())?;
        Ok((StmtKind::MarketDef { name, params, body }, pieces.doc))
    }

    fn market_use(&self, pair: Pair<'_>) -> Res<(StmtKind, Option<String>)> {
        let mut names = Vec::new();
        let mut arg_pairs = Vec::new();
        let mut among = Vec::new();
        let mut doc = None;
        for part in self.parts(pair) {
            match part.as_rule() {
                Rule::ident => names.push(self.name(&part)),
                Rule::arg => arg_pairs.push(part),
                Rule::among_part => {
                    among = self.parts(part).map(|party| self.party(party)).collect::<Res<_>>()?;
                }
                _ => doc = Some(self.string(&part)),
            }
        }
        let mut names = names.into_iter();
        let (Some(name), Some(def)) = (names.next(), names.next()) else {
            return Err(self.broken());
        };
        let kind = StmtKind::MarketUse {
            name,
            def,
            args: self.args(arg_pairs.into_iter())?,
            among,
        };
        Ok((kind, doc))
    }

    fn party(&self, pair: Pair<'_>) -> Res<Among> {
        let mut role = None;
        let mut agents = Vec::new();
        for part in self.parts(pair) {
            if part.as_rule() == Rule::role_name {
                role = self.parts(part).next().map(|p| self.name(&p));
                continue;
            }
            let mut inner = self.parts(part);
            let agent = self.name(&self.next(&mut inner)?);
            let ports = inner
                .map(|port| {
                    let mut parts = self.parts(port);
                    let name = self.name(&self.next(&mut parts)?);
                    Ok((name, self.expr(self.next(&mut parts)?)?))
                })
                .collect::<Res<_>>()?;
            agents.push((agent, ports));
        }
        Ok(Among { role, agents })
    }
}
