//! Expressions become nodes: types, alignment of shapes, conditions that narrow what is known.

use super::{Checker, LabelSource, Primes, Scope, Ty, Value, errors, lints};
use crate::diag::Span;
use crate::graph::{AxisId, Binary, InputKind, Interval, NodeId, Op, Phase, Unary};
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, UnaryOp};
use crate::syntax::print::print_expr;

impl Checker<'_> {
    /// A scope for constants: nothing of any period may be read.
    pub(super) fn constant_scope(&mut self, block: usize, what: &'static str) -> Scope {
        Scope {
            block,
            bound: Vec::new(),
            binders: Vec::new(),
            locals: Vec::new(),
            primes: Primes::None(what),
            draws: None,
            labels: None,
            known: Vec::new(),
            depth: 0,
        }
    }

    /// The scope of statements inside a block: its axes are bound, its numbering variables known.
    pub(super) fn block_scope(&mut self, block: usize, primes: Primes) -> Option<Scope> {
        let bound = self.block_axes(block)?;
        let mut scope = self.constant_scope(block, "");
        scope.primes = primes;
        scope.bound = bound;
        for b in self.chain(block) {
            if let Some(ast::Size::Binder(binder)) = self.blocks[b].size.clone()
                && let Some(axis) = self.block_axis(b)?
            {
                let member_of = match &binder.over {
                    ast::Range::Named(p) => self.find_block(
                        self.blocks[b].parent.unwrap_or(0),
                        &p.segments[p.segments.len() - 1].name.text,
                    ),
                    ast::Range::Span(..) => None,
                };
                scope
                    .binders
                    .push((binder.var.text.clone(), super::Bound { axis, member_of }));
            }
        }
        Some(scope)
    }

    /// A scalar constant.
    pub(super) fn number_constant(&mut self, e: &Expr, scope: &Scope) -> Option<f64> {
        let v = self.expr(e, scope)?;
        match self.b.constant_value(v.node) {
            Some(x) => Some(x),
            None => {
                let phase = self.b.node(v.node).phase;
                let shaped = !self.b.shape(v.node).is_empty();
                match self.scripted_param_in(v.node) {
                    Some(name) if phase == Phase::Constant && !shaped => {
                        let scenario = self.scenario_change(&name);
                        if self.scenarios_give_numbers(&name) {
                            self.numbers_wanted.insert(short(&name).to_string());
                        }
                        self.report(errors::drawn_constant(&name, e.span, scenario));
                    }
                    _ => self.report(errors::not_constant(e.span, phase, shaped)),
                }
                None
            }
        }
    }

    /// A parameter that a scenario changes, among what a node reads.
    fn scripted_param_in(&self, node: NodeId) -> Option<String> {
        self.b.graph.below([node]).find_map(|(_, at)| match at.op {
            Op::Input(i) => {
                let input = &self.b.graph.inputs[i.0 as usize];
                matches!(input.kind, InputKind::Param(_)).then(|| input.name.clone())
            }
            _ => None,
        })
    }

    /// Whether every scenario that changes a parameter gives it a number, as `--set` would.
    fn scenarios_give_numbers(&self, param: &str) -> bool {
        let items = self.scenario_stmts.iter().flat_map(|(_, items, _)| items);
        let mut own = items.filter_map(|item| match item {
            ast::ScenarioItem::Param { name, drawn, value, .. } if name.text == short(param) => {
                Some(!drawn && super::overrides::is_number(value))
            }
            ast::ScenarioItem::Path { target, .. } if last_of(target) == Some(short(param)) => Some(false),
            _ => None,
        });
        own.all(|number| number)
    }

    /// Where a scenario changes a parameter.
    fn scenario_change(&self, param: &str) -> Option<Span> {
        let own = short(param);
        let items = self.scenario_stmts.iter().flat_map(|(_, items, _)| items);
        items.into_iter().find_map(|item| match item {
            ast::ScenarioItem::Param { name, span, .. } if name.text == own => Some(*span),
            ast::ScenarioItem::Path { target, span, .. } if last_of(target) == Some(own) => Some(*span),
            _ => None,
        })
    }

    /// A whole-number constant.
    pub(super) fn whole_constant(&mut self, e: &Expr, scope: &Scope) -> Option<i64> {
        let x = self.number_constant(e, scope)?;
        if x.fract() != 0.0 || x.abs() > 1e15 {
            self.report(errors::not_whole(x, e.span));
            return None;
        }
        Some(x as i64)
    }

    /// The value of an expression; `None` if it is faulty (already reported) or waits for a solve.
    pub(super) fn expr(&mut self, e: &Expr, scope: &Scope) -> Option<Value> {
        if self.deep > super::DEEPEST {
            let name = self
                .stack
                .last()
                .map_or("this", |(id, _)| &self.entities[*id].name)
                .to_string();
            if !self.diagnostics.iter().any(|d| d.headline.ends_with(errors::TOO_DEEP)) {
                self.report(errors::too_deep(&name, e.span, self.shallow));
            }
            return None;
        }
        crate::limits::poll();
        self.deep += 1;
        let value = self.expr_inside(e, scope);
        self.deep -= 1;
        value
    }

    fn expr_inside(&mut self, e: &Expr, scope: &Scope) -> Option<Value> {
        match &e.kind {
            ExprKind::Number { value, .. } => Some(self.number(*value, e.span)),
            ExprKind::Bool(b) => Some(Value {
                node: self.b.constant(f64::from(u8::from(*b)), e.span),
                ty: Ty::Bool,
            }),
            ExprKind::Inf => Some(self.number(f64::INFINITY, e.span)),
            ExprKind::Continuum => {
                self.report(errors::continuum_as_number(e.span));
                None
            }
            ExprKind::Text(_) => {
                self.report(errors::text_as_number(e.span));
                None
            }
            ExprKind::Path(p) => self.path(p, scope),
            ExprKind::Call { name, args } => self.call(name, args, e.span, scope),
            ExprKind::Reduce { name, binder, body } => self.reduce_over(name, binder, body, e.span, scope),
            ExprKind::Solve { concept, .. } => {
                self.report(errors::solve_only_in_param(&print_expr(e), &concept.text, e.span));
                None
            }
            ExprKind::Array(items) => self.array(items, e.span, scope),
            ExprKind::Unary { op, arg } => self.unary_op(*op, arg, e.span, scope),
            ExprKind::Binary { op, lhs, rhs } => self.binary_op(*op, lhs, rhs, e.span, scope),
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => self.conditional(condition, then, otherwise, e.span, scope),
            ExprKind::Range(..) => {
                self.report(errors::range_as_number(e.span));
                None
            }
            ExprKind::Normalize(inner) | ExprKind::Paren(inner) => self.expr(inner, scope),
        }
    }

    pub(super) fn number(&mut self, x: f64, span: Span) -> Value {
        Value {
            node: self.b.constant(x, span),
            ty: Ty::Number,
        }
    }

    /// An array of constants over an anonymous set.
    fn array(&mut self, items: &[ast::ArrayItem], span: Span, scope: &Scope) -> Option<Value> {
        let nested = items.iter().any(|i| matches!(i.value.kind, ExprKind::Array(_)));
        let rows: Vec<Vec<f64>> = if nested {
            self.matrix_of(items, span, scope)?
        } else {
            let mut row = Vec::new();
            for i in items {
                row.push(self.number_constant(&i.value, scope)?);
            }
            vec![row]
        };
        if rows.is_empty() || rows[0].is_empty() {
            self.report(errors::empty_array(span));
            return None;
        }
        let columns = self.range_axis(1, rows[0].len() as i64, span)?;
        let mut shape = vec![columns];
        if nested {
            let of_rows = self.range_axis(1, rows.len() as i64, span)?;
            let of_rows = if of_rows == columns {
                self.b.alias(columns, 1)
            } else {
                of_rows
            };
            shape = vec![of_rows, columns];
        }
        let node = self.b.table(rows.concat(), shape, span);
        Some(Value { node, ty: Ty::Number })
    }

    /// A matrix of constants, every row of the same length.
    pub(super) fn matrix_of(&mut self, items: &[ast::ArrayItem], span: Span, scope: &Scope) -> Option<Vec<Vec<f64>>> {
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for item in items {
            let ExprKind::Array(entries) = &item.value.kind else {
                self.report(errors::ragged(item.value.span, span));
                return None;
            };
            let mut row = Vec::new();
            for x in entries {
                row.push(self.number_constant(&x.value, scope)?);
            }
            if rows.first().is_some_and(|r| r.len() != row.len()) {
                self.report(errors::ragged(item.value.span, span));
                return None;
            }
            rows.push(row);
        }
        Some(rows)
    }

    fn unary_op(&mut self, op: UnaryOp, arg: &Expr, span: Span, scope: &Scope) -> Option<Value> {
        let v = self.expr(arg, scope)?;
        match op {
            UnaryOp::Not => {
                let node = self.condition(v, arg.span)?;
                Some(Value {
                    node: self.b.unary(Unary::Not, node, span),
                    ty: Ty::Bool,
                })
            }
            UnaryOp::Neg => {
                let node = self.numeric(v, arg.span)?;
                Some(Value {
                    node: self.b.unary(Unary::Neg, node, span),
                    ty: Ty::Number,
                })
            }
            UnaryOp::Plus => {
                let node = self.numeric(v, arg.span)?;
                Some(Value { node, ty: Ty::Number })
            }
        }
    }

    /// A value used as a number.
    pub(super) fn numeric(&mut self, v: Value, span: Span) -> Option<NodeId> {
        match v.ty {
            Ty::Number => Some(v.node),
            Ty::Link { shock, .. } => {
                if self.labels_only.contains(&shock) {
                    let labels = self.labels_of(&v);
                    self.report(errors::label_as_number(span, &labels));
                    return None;
                }
                Some(v.node)
            }
            Ty::Choice { numeric: true, .. } => Some(v.node),
            Ty::Choice { numeric: false, .. } => {
                let labels = self.labels_of(&v);
                self.report(errors::label_as_number(span, &labels));
                None
            }
            Ty::Bool => {
                self.report(errors::condition_as_number(span));
                None
            }
        }
    }

    /// A value used as a condition: a comparison, or a whole number in 0..1.
    pub(super) fn condition(&mut self, v: Value, span: Span) -> Option<NodeId> {
        let d = self.b.node(v.node).domain;
        let boolean = d.integer && d.lo >= 0.0 && d.hi <= 1.0;
        match v.ty {
            Ty::Bool => Some(v.node),
            Ty::Number | Ty::Link { .. } if boolean => Some(v.node),
            _ => {
                self.report(errors::number_as_condition(span));
                None
            }
        }
    }

    fn binary_op(&mut self, op: BinaryOp, lhs: &Expr, rhs: &Expr, span: Span, scope: &Scope) -> Option<Value> {
        if matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
            return self.equality(op, lhs, rhs, span, scope);
        }
        if op == BinaryOp::And {
            let a = self.expr(lhs, scope)?;
            let a = self.condition(a, lhs.span)?;
            let mut inner = scope.clone();
            self.assume(a, true, &mut inner);
            let b = self.expr(rhs, &inner)?;
            let b = self.condition(b, rhs.span)?;
            self.align(a, b, lhs.span, rhs.span, span, scope)?;
            return Some(Value {
                node: self.b.binary(Binary::And, a, b, span),
                ty: Ty::Bool,
            });
        }
        if op == BinaryOp::Mod
            && let Some(season) = self.season(lhs, rhs, span, scope)
        {
            return Some(season);
        }
        let (a, b) = (self.expr(lhs, scope), self.expr(rhs, scope));
        let (a, b) = (a?, b?);
        if op == BinaryOp::Or {
            let a = self.condition(a, lhs.span)?;
            let b = self.condition(b, rhs.span)?;
            self.align(a, b, lhs.span, rhs.span, span, scope)?;
            return Some(Value {
                node: self.b.binary(Binary::Or, a, b, span),
                ty: Ty::Bool,
            });
        }
        let (x, y) = (self.numeric(a, lhs.span)?, self.numeric(b, rhs.span)?);
        self.align(x, y, lhs.span, rhs.span, span, scope)?;
        let (f, ty) = match op {
            BinaryOp::Add => (Binary::Add, Ty::Number),
            BinaryOp::Sub => (Binary::Sub, Ty::Number),
            BinaryOp::Mul => (Binary::Mul, Ty::Number),
            BinaryOp::Div => (Binary::Div, Ty::Number),
            BinaryOp::Mod => (Binary::Mod, Ty::Number),
            BinaryOp::IntDiv => (Binary::IntDiv, Ty::Number),
            BinaryOp::Pow => (Binary::Pow, Ty::Number),
            BinaryOp::Lt => (Binary::Lt, Ty::Bool),
            BinaryOp::Le => (Binary::Le, Ty::Bool),
            BinaryOp::Gt => (Binary::Gt, Ty::Bool),
            BinaryOp::Ge => (Binary::Ge, Ty::Bool),
            BinaryOp::Eq => (Binary::Eq, Ty::Bool),
            BinaryOp::Ne => (Binary::Ne, Ty::Bool),
            BinaryOp::And => (Binary::And, Ty::Bool),
            BinaryOp::Or => (Binary::Or, Ty::Bool),
        };
        match f {
            Binary::Div | Binary::Mod | Binary::IntDiv => self.suspect(lints::Fault::Division, y, span, scope),
            Binary::Pow => {
                let whole = self.b.constant_value(y).is_some_and(|p| p.fract() == 0.0);
                let negative = self.known(y, scope).lo < 0.0;
                if !whole {
                    self.suspect(lints::Fault::FractionalPower, x, span, scope);
                }
                if negative {
                    self.suspect(lints::Fault::NegativePower, x, span, scope);
                }
            }
            _ => {}
        }
        Some(Value {
            node: self.b.binary(f, x, y, span),
            ty,
        })
    }

    /// `==` and `!=`, where one side may be a label of the other's chain or choice.
    fn equality(&mut self, op: BinaryOp, lhs: &Expr, rhs: &Expr, span: Span, scope: &Scope) -> Option<Value> {
        let f = if op == BinaryOp::Eq { Binary::Eq } else { Binary::Ne };
        for (side, other) in [(lhs, rhs), (rhs, lhs)] {
            let Some(word) = self.word_of(other) else {
                continue;
            };
            if self.is_name(&word, scope) {
                continue;
            }
            let v = self.expr(side, scope)?;
            let labels = self.labels_of(&v);
            if labels.is_empty() {
                // No labels are meant, so the word is a name nobody declared.
                let _ = self.expr(other, scope)?;
                continue;
            }
            let Some(i) = labels.iter().position(|l| *l == word) else {
                self.report(errors::unknown_label(&word, "it", &labels, other.span));
                return None;
            };
            let index = match v.ty {
                Ty::Link { index, .. } | Ty::Choice { index, .. } => index,
                Ty::Number | Ty::Bool => v.node,
            };
            let i = self.b.constant(i as f64, other.span);
            return Some(Value {
                node: self.b.binary(f, index, i, span),
                ty: Ty::Bool,
            });
        }
        let (a, b) = (self.expr(lhs, scope), self.expr(rhs, scope));
        let (a, b) = (a?, b?);
        let (x, y) = match (a.ty, b.ty) {
            (Ty::Choice { index: i, set: s, .. }, Ty::Choice { index: j, set: r, .. })
                if self.choices[s] == self.choices[r] =>
            {
                (i, j)
            }
            (Ty::Link { index: i, shock: s }, Ty::Link { index: j, shock: r }) if s == r => (i, j),
            (Ty::Bool, Ty::Bool) => (a.node, b.node),
            (Ty::Bool, _) | (_, Ty::Bool) => {
                let whole = |v: &Value, c: &Self| {
                    let d = c.b.node(v.node).domain;
                    v.ty == Ty::Bool || d.integer && d.lo >= 0.0 && d.hi <= 1.0
                };
                if !whole(&a, self) || !whole(&b, self) {
                    self.report(errors::condition_as_number(span));
                    return None;
                }
                (a.node, b.node)
            }
            _ => (self.numeric(a, lhs.span)?, self.numeric(b, rhs.span)?),
        };
        self.align(x, y, lhs.span, rhs.span, span, scope)?;
        self.never_equal((&a, x), (&b, y), f == Binary::Eq, span, scope);
        Some(Value {
            node: self.b.binary(f, x, y, span),
            ty: Ty::Bool,
        })
    }

    /// Warns where two values can never be equal: a chain and what is none of its values, domains that have nothing in common.
    fn never_equal(
        &mut self,
        (a, x): (&Value, NodeId),
        (b, y): (&Value, NodeId),
        equal: bool,
        span: Span,
        scope: &Scope,
    ) {
        let (left, right) = (self.b.constant_value(x), self.b.constant_value(y));
        if span.file != 0 || left.is_some() == right.is_some() {
            return;
        }
        let (moves, constant) = match (left, right) {
            (Some(c), _) => (b, c),
            (None, c) => (a, c.unwrap_or(f64::NAN)),
        };
        let mut values = None;
        if let Ty::Link { shock, .. } = moves.ty
            && let super::model::Process::Chain { values: all, .. } = &self.model.shocks[shock].process
        {
            values = Some(all.clone());
        }
        let (l, r) = (self.known(x, scope), self.known(y, scope));
        let moving = if left.is_some() { r } else { l };
        let never = match &values {
            Some(all) => all.iter().all(|v| *v != constant),
            None => !moving.contains(constant) || moving.integer && constant.fract() != 0.0,
        };
        if never {
            self.report(errors::never_equal(span, values.as_deref(), l, r, equal));
        }
    }

    /// Whether a word is the name of something (and so not a label).
    fn is_name(&self, word: &str, scope: &Scope) -> bool {
        if word == "t" || scope.locals.iter().any(|(n, _)| n == word) || scope.binders.iter().any(|(n, _)| n == word) {
            return true;
        }
        self.chain(scope.block).iter().any(|b| {
            self.blocks[*b].names.contains_key(word)
                || self.blocks[*b].children.iter().any(|c| {
                    self.blocks[*c].kind == super::BlockKind::Market && self.blocks[*c].names.contains_key(word)
                })
        })
    }

    /// The labels of the states of a chain or of choices, one per state or choice; empty where there are none.
    pub(super) fn labels_of(&self, v: &Value) -> Vec<String> {
        match v.ty {
            Ty::Link { shock, .. } => match &self.model.shocks[shock].process {
                super::model::Process::Chain { labels, .. } => labels.clone(),
                _ => Vec::new(),
            },
            Ty::Choice { set, .. } => self.choices[set].clone(),
            Ty::Number | Ty::Bool => Vec::new(),
        }
    }

    /// `Z.low`: the value for numeric chains, the choice otherwise.
    pub(super) fn label_constant(&mut self, v: &Value, i: usize, span: Span) -> Value {
        let index = self.b.constant(i as f64, span);
        match v.ty {
            Ty::Link { shock, .. } => {
                let value = match &self.model.shocks[shock].process {
                    super::model::Process::Chain { values, .. } => values[i],
                    _ => i as f64,
                };
                Value {
                    node: self.b.constant(value, span),
                    ty: Ty::Link { index, shock },
                }
            }
            Ty::Choice { set, numeric, .. } => Value {
                node: index,
                ty: Ty::Choice { index, set, numeric },
            },
            Ty::Number | Ty::Bool => Value {
                node: index,
                ty: Ty::Number,
            },
        }
    }

    /// A bare word as a label, where the place says whose labels are meant.
    pub(super) fn label_value(&mut self, word: &str, scope: &Scope, span: Span) -> Option<Value> {
        match scope.labels? {
            LabelSource::Shock(shock) => {
                let super::model::Process::Chain { labels, values, .. } = &self.model.shocks[shock].process else {
                    return None;
                };
                let i = labels.iter().position(|l| l == word)?;
                let value = values[i];
                let index = self.b.constant(i as f64, span);
                let node = self.b.constant(value, span);
                Some(Value {
                    node,
                    ty: Ty::Link { index, shock },
                })
            }
            LabelSource::Choice(set) => {
                let i = self.choices[set].iter().position(|l| l == word)?;
                let index = self.b.constant(i as f64, span);
                Some(Value {
                    node: index,
                    ty: Ty::Choice {
                        index,
                        set,
                        numeric: false,
                    },
                })
            }
        }
    }

    /// The chain or action that has this label, for messages.
    pub(super) fn chain_with_label(&self, word: &str) -> Option<String> {
        for s in &self.model.shocks {
            if let super::model::Process::Chain { labels, .. } = &s.process
                && labels.iter().any(|l| l == word)
            {
                return Some(s.name.clone());
            }
        }
        self.model
            .actions
            .iter()
            .find(
                |a| matches!(&a.space, super::model::Space::Finite { labels, .. } if labels.iter().any(|l| l == word)),
            )
            .map(|a| a.name.clone())
    }

    fn conditional(
        &mut self,
        condition: &Expr,
        then: &Expr,
        otherwise: &Expr,
        span: Span,
        scope: &Scope,
    ) -> Option<Value> {
        let c = self.expr(condition, scope)?;
        let c = self.condition(c, condition.span)?;
        // A condition on parameters picks its side before the other is judged.
        if let Some(x) = self.b.constant_value(c) {
            let (chosen, other) = if x != 0.0 { (then, otherwise) } else { (otherwise, then) };
            let kept = self.suspects.len();
            let _ = self.expr(other, scope);
            self.suspects.truncate(kept);
            return self.expr(chosen, scope);
        }
        let mut yes = scope.clone();
        self.assume(c, true, &mut yes);
        let mut no = scope.clone();
        self.assume(c, false, &mut no);
        let (a, b) = (self.expr(then, &yes), self.expr(otherwise, &no));
        let (a, b) = (a?, b?);
        self.align(a.node, b.node, then.span, otherwise.span, span, scope)?;
        self.align(c, a.node, condition.span, then.span, span, scope)?;
        self.align(c, b.node, condition.span, otherwise.span, span, scope)?;
        match (a.ty, b.ty) {
            (Ty::Bool, Ty::Bool) => Some(Value {
                node: self.b.select(c, a.node, b.node, span),
                ty: Ty::Bool,
            }),
            (Ty::Link { index: i, shock: s }, Ty::Link { index: j, shock: r }) if s == r => {
                let index = self.b.select(c, i, j, span);
                Some(Value {
                    node: self.b.select(c, a.node, b.node, span),
                    ty: Ty::Link { index, shock: s },
                })
            }
            (
                Ty::Choice {
                    index: i,
                    set: s,
                    numeric: m,
                },
                Ty::Choice {
                    index: j,
                    set: r,
                    numeric: n,
                },
            ) if self.choices[s] == self.choices[r] => {
                let index = self.b.select(c, i, j, span);
                Some(Value {
                    node: self.b.select(c, a.node, b.node, span),
                    ty: Ty::Choice {
                        index,
                        set: s,
                        numeric: m && n,
                    },
                })
            }
            _ => {
                let (x, y) = (self.numeric(a, then.span)?, self.numeric(b, otherwise.span)?);
                Some(Value {
                    node: self.b.select(c, x, y, span),
                    ty: Ty::Number,
                })
            }
        }
    }

    /// What a condition says of the nodes it compares with constants.
    fn assume(&mut self, condition: NodeId, holds: bool, scope: &mut Scope) {
        let crate::graph::Op::Binary(op, a, b) = self.b.node(condition).op else {
            return;
        };
        if op == Binary::And && holds {
            self.assume(a, true, scope);
            self.assume(b, true, scope);
            return;
        }
        if op == Binary::Or && !holds {
            self.assume(a, false, scope);
            self.assume(b, false, scope);
            return;
        }
        let swapped = match op {
            Binary::Lt => Binary::Gt,
            Binary::Le => Binary::Ge,
            Binary::Gt => Binary::Lt,
            Binary::Ge => Binary::Le,
            other => other,
        };
        for (x, y, op) in [(a, b, op), (b, a, swapped)] {
            let limit = self.known(y, scope);
            let now = self.known(x, scope);
            let (inf, ninf) = (f64::INFINITY, f64::NEG_INFINITY);
            let half = |lo: f64, hi: f64, lo_open: bool, hi_open: bool| Interval {
                lo,
                hi,
                lo_open,
                hi_open,
                integer: false,
            };
            let side = match (op, holds) {
                (Binary::Lt, true) | (Binary::Ge, false) => half(ninf, limit.hi, true, true),
                (Binary::Le, true) | (Binary::Gt, false) => half(ninf, limit.hi, true, limit.hi_open),
                (Binary::Gt, true) | (Binary::Le, false) => half(limit.lo, inf, true, true),
                (Binary::Ge, true) | (Binary::Lt, false) => half(limit.lo, inf, limit.lo_open, true),
                (Binary::Eq, true) | (Binary::Ne, false) => limit,
                _ => continue,
            };
            let integer = now.integer;
            let narrowed = Interval {
                integer,
                ..now.intersect(side)
            };
            scope.known.push((x, narrowed));
        }
    }

    /// An interval of a node's values under the conditions of a scope.
    pub(super) fn known(&self, id: NodeId, scope: &Scope) -> Interval {
        if scope.known.is_empty() {
            return self.b.node(id).domain;
        }
        lints::interval_under(&self.b.graph, id, &scope.known)
    }

    /// Notes a place where a function may leave its domain.
    pub(super) fn suspect(&mut self, fault: lints::Fault, argument: NodeId, span: Span, scope: &Scope) {
        let d = self.known(argument, scope);
        if !fault.possible(d) {
            return;
        }
        let conditions = scope.known.clone();
        if self.b.node(argument).phase == Phase::Constant
            && self.b.constant_value(argument).is_some()
            && scope.draws.is_none()
        {
            self.report(errors::constant_domain_fault(fault.word(), span, d.lo));
            return;
        }
        self.suspects.push(lints::Suspect {
            fault,
            argument,
            span,
            conditions,
        });
    }

    /// Whether two shapes may meet: one must contain the other, axes in use aside.
    pub(super) fn align(
        &mut self,
        a: NodeId,
        b: NodeId,
        at_a: Span,
        at_b: Span,
        span: Span,
        scope: &Scope,
    ) -> Option<()> {
        let free = |c: &Self, id: NodeId| -> Vec<AxisId> {
            c.b.shape(id)
                .iter()
                .copied()
                .filter(|x| !scope.bound.contains(x))
                .collect()
        };
        let (x, y) = (free(self, a), free(self, b));
        let contains = |long: &[AxisId], short: &[AxisId]| short.iter().all(|s| long.contains(s));
        if contains(&x, &y) || contains(&y, &x) {
            return Some(());
        }
        let (sa, sb) = (self.shape_text(&x), self.shape_text(&y));
        self.report(errors::shapes(span, (at_a, &sa), (at_b, &sb)));
        None
    }

    /// A shape in words.
    pub(super) fn shape_text(&self, axes: &[AxisId]) -> String {
        if axes.is_empty() {
            return "one number".into();
        }
        let parts: Vec<String> = axes
            .iter()
            .map(|a| {
                let axis = self.b.axis(*a);
                let size = if axis.continuum {
                    "continuum".to_string()
                } else {
                    axis.size.to_string()
                };
                let name = axis.name.trim_end_matches('*');
                if name.contains("..") {
                    format!("[{name}]")
                } else {
                    format!("{name}[{size}]")
                }
            })
            .collect();
        parts.join(" x ")
    }

    pub(super) fn time(&mut self, span: Span) -> Value {
        if self.time.is_none() {
            let d = Interval::integers(0.0, f64::INFINITY);
            let made = self
                .b
                .input("t", crate::graph::InputKind::Time, Vec::new(), d, Phase::Dated, span);
            self.time = Some(made);
        }
        let node = self.time.map(|(_, n)| n).unwrap_or(NodeId(0));
        Value { node, ty: Ty::Number }
    }
}

/// The last word of a dotted name.
fn last_of(path: &ast::Path) -> Option<&str> {
    path.segments.last().map(|s| s.name.text.as_str())
}

/// The last part of a dotted name.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
