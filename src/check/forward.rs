//! Prices that look a period ahead: `forward price q(b') = expect(if d' == repay then 1 else 0) / (1 + r) given standing' = good`.
//!
//! ```text
//! forward price v = expect(beta * (c / c') * (v' + y'))        # ok: one number, a function of what the period begins with
//! forward price q(b') = expect(..) given standing' = good      # ok: a schedule over tomorrow's debt; read as q(b_next)
//! let m = expect(c')                                           # E0858: tomorrow's choices are known to a solution only
//! forward price w = expect(beta * (w + d'))                    # E0842: today's own price, where tomorrow's is meant
//! ```
//!
//! Such a price is a function that nothing but a solution knows, so each place where it is read is an input of the graph, and so is
//! each quantity of tomorrow inside `expect(..)` and each expectation inside the price's own expression. [`super::model::Ahead`]
//! holds them together.

use super::model::{Expectation, ForwardPrice, ForwardUse, Later};
use super::{Checker, Decl, EntityId, Primes, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{InputId, InputKind, Interval, NodeId, Op, Phase};
use crate::syntax::ast::{self, Arg};
use std::collections::BTreeSet;

/// Forward prices that nodes rest on, by their numbers, and expectations that they read.
#[derive(Default)]
struct Leads {
    today: BTreeSet<usize>,
    tomorrow: BTreeSet<usize>,
    expects: BTreeSet<usize>,
}

impl Checker<'_> {
    /// Gives every forward price its number, before anything reads one.
    pub(super) fn declare_forward(&mut self) {
        for id in 0..self.entities.len() {
            if !self.is_declared(id) {
                continue;
            }
            let Decl::Forward { over, .. } = &mut self.entities[id].decl else {
                continue;
            };
            let schedule = !over.is_empty();
            let (name, dotted) = (self.entities[id].name.clone(), self.entities[id].dotted.clone());
            let (span, doc) = (self.entities[id].span, self.entities[id].doc.clone());
            if schedule && (self.functions.contains_key(&name) || super::functions::BUILT_IN.contains(&name.as_str())) {
                self.report(errors::schedule_named_as_function(&name, span));
            }
            if schedule {
                self.schedules_ahead.insert(name);
            }
            self.model.ahead.prices.push(ForwardPrice {
                name: dotted,
                args: Vec::new(),
                given: Vec::new(),
                body: NodeId(0),
                uses: Vec::new(),
                domain: Interval::all(),
                start: 0.0,
                span,
                doc,
            });
            self.forward_numbers.push((id, self.model.ahead.prices.len() - 1));
        }
        for (id, number) in self.forward_numbers.clone() {
            let Decl::Forward { domain, start, .. } = self.entities[id].decl.clone() else {
                continue;
            };
            let scope = self.constant_scope(self.entities[id].block, "a price's domain");
            if let Some(domain) = domain
                && let Some(d) = self.domain(&domain, &scope)
            {
                self.model.ahead.prices[number].domain = d.interval;
            }
            match start {
                Some(ast::Start::Value(e)) => {
                    let scope = self.constant_scope(self.entities[id].block, "a first guess");
                    if let Some(x) = self.number_constant(&e, &scope) {
                        self.model.ahead.prices[number].start = x;
                    }
                }
                Some(ast::Start::Random(span)) => self.report(errors::forward_start(span)),
                None => {
                    let d = self.model.ahead.prices[number].domain;
                    self.model.ahead.prices[number].start = 0.0f64.clamp(d.lo.min(d.hi), d.hi.max(d.lo));
                }
            }
        }
    }

    /// Whether it is a forward price that is one number.
    pub(super) fn forward_number_alone(&self, id: EntityId) -> bool {
        matches!(&self.entities[id].decl, Decl::Forward { over, .. } if over.is_empty())
    }

    fn forward_number(&self, id: EntityId) -> Option<usize> {
        self.forward_numbers.iter().find(|(e, _)| *e == id).map(|(_, n)| *n)
    }

    /// A forward price read by its name: one number.
    pub(super) fn forward_read(&mut self, id: EntityId, over: &[ast::Path], span: Span) -> Option<Value> {
        let number = self.forward_number(id)?;
        if !over.is_empty() {
            let states: Vec<String> = over.iter().map(crate::syntax::print::print_path).collect();
            let (name, declared) = (self.entities[id].name.clone(), self.entities[id].span);
            self.report(errors::schedule_without_place(&name, &states, span, declared));
            return None;
        }
        Some(self.read_at(number, Vec::new(), Phase::Dated, span))
    }

    /// The input that stands for a forward price at these arguments, made on first use.
    fn read_at(&mut self, number: usize, args: Vec<NodeId>, phase: Phase, span: Span) -> Value {
        let price = &self.model.ahead.prices[number];
        let known = price.uses.iter().find(|u| u.args == args).map(|u| u.node);
        let (name, domain) = (price.name.clone(), price.domain);
        let node = known.unwrap_or_else(|| {
            let (input, node) = self
                .b
                .input(&name, InputKind::Forward(number), Vec::new(), domain, phase, span);
            self.model.ahead.prices[number]
                .uses
                .push(ForwardUse { input, node, args });
            node
        });
        Value { node, ty: Ty::Number }
    }

    /// `q(b_next)`: a schedule at a place. `None` if no forward price of that name runs over anything.
    pub(super) fn schedule_ahead(
        &mut self,
        name: &ast::Name,
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<Option<Value>> {
        if !self.schedules_ahead.contains(&name.text) {
            return None;
        }
        let id = self.find_entity(scope.block, &name.text, name.span).ok()??;
        let Decl::Forward { over, .. } = self.entities[id].decl.clone() else {
            return None;
        };
        (!over.is_empty()).then(|| self.schedule_at(id, &over, args, span, scope))
    }

    fn schedule_at(
        &mut self,
        id: EntityId,
        over: &[ast::Path],
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<Value> {
        let number = self.forward_number(id)?;
        self.entities[id].used = true;
        if let Some((reader, _)) = self.stack.last().copied()
            && reader != id
        {
            self.entities[reader].reads.insert(id);
        }
        let (name, declared) = (self.entities[id].name.clone(), self.entities[id].span);
        if args.len() != over.len() || args.iter().any(|a| a.name.is_some() || a.over.is_some()) {
            let states: Vec<String> = over.iter().map(crate::syntax::print::print_path).collect();
            self.report(errors::schedule_without_place(&name, &states, span, declared));
            return None;
        }
        let (mut at, mut phase) = (Vec::new(), Phase::Dated);
        for (arg, path) in args.iter().zip(over) {
            let (state, _) = self.tomorrows_state(id, path)?;
            let v = self.expr(&arg.value, scope)?;
            let node = match v.ty {
                Ty::Choice { index, .. } => index,
                _ => self.numeric(v, arg.value.span)?,
            };
            let n = self.b.node(node).clone();
            let domain = self.model.states[state].domain;
            let later = self.b.graph.inputs_below([node]).into_iter().any(|i| {
                matches!(
                    self.b.graph.inputs[i.0 as usize].kind,
                    InputKind::Later(_) | InputKind::Expected(_)
                )
            });
            if later {
                self.report(errors::schedule_of_tomorrow(&name, arg.value.span, declared));
                return None;
            }
            if !n.shape.is_empty() {
                let shape = self.shape_text(&n.shape);
                self.report(errors::schedule_of_several(&name, &shape, arg.value.span, declared));
                return None;
            }
            if n.domain.lo < domain.lo || n.domain.hi > domain.hi || domain.integer && !n.domain.integer {
                let path = crate::syntax::print::print_path(path);
                self.report(errors::schedule_beyond(
                    (&name, &path),
                    n.domain,
                    domain,
                    arg.value.span,
                    declared,
                ));
                return None;
            }
            phase = phase.max(n.phase);
            at.push(node);
        }
        Some(self.read_at(number, at, phase, span))
    }

    /// The number and the node of the state behind `b'`.
    fn tomorrows_state(&mut self, id: EntityId, path: &ast::Path) -> Option<(usize, NodeId)> {
        let mut today = path.clone();
        let last = today.segments.last_mut()?;
        let primed = std::mem::replace(&mut last.primed, false);
        let scope = self.constant_scope(self.entities[id].block, "");
        let v = self.path(&today, &scope)?;
        let node = match v.ty {
            Ty::Choice { index, .. } => index,
            _ => v.node,
        };
        let state = match self.b.node(node).op {
            Op::Input(i) => match self.b.graph.inputs[i.0 as usize].kind {
                InputKind::State(s) => Some(s),
                _ => None,
            },
            _ => None,
        };
        match state.filter(|_| primed && self.b.shape(node).is_empty()) {
            Some(s) => Some((s, node)),
            None => {
                let text = crate::syntax::print::print_path(path);
                let name = self.entities[id].name.clone();
                self.report(errors::schedule_over_what(&name, &text, path.span));
                None
            }
        }
    }

    /// `expect(..)`: what is expected of tomorrow, in the expression of a forward price.
    pub(super) fn expectation(&mut self, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        if scope.primes != Primes::Forward {
            self.report(errors::expect_elsewhere(span, scope.primes == Primes::Expected));
            return None;
        }
        let [arg] = args else {
            self.report(errors::argument_count("expect", &["x"], args.len(), span));
            return None;
        };
        let mut inner = scope.clone();
        inner.primes = Primes::Expected;
        let v = self.expr(&arg.value, &inner)?;
        let of = match v.ty {
            Ty::Bool => v.node,
            _ => self.numeric(v, arg.value.span)?,
        };
        if !self.b.shape(of).is_empty() {
            let shape = self.shape_text(&self.b.shape(of).clone());
            self.report(errors::expect_of_several(&shape, arg.value.span));
            return None;
        }
        let known = self.model.ahead.expects.iter().find(|e| e.of == of).map(|e| e.node);
        let node = known.unwrap_or_else(|| {
            let domain = Interval {
                integer: false,
                ..self.b.node(of).domain
            };
            let kind = InputKind::Expected(self.model.ahead.expects.len());
            let (input, node) = self.b.input("expect", kind, Vec::new(), domain, Phase::Moved, span);
            self.model.ahead.expects.push(Expectation { input, node, of });
            node
        });
        Some(Value { node, ty: Ty::Number })
    }

    /// `x'` inside `expect(..)`: what `x` will be tomorrow.
    pub(super) fn tomorrow(&mut self, id: EntityId, scope: &Scope, span: Span) -> Option<Value> {
        let decl = &self.entities[id].decl;
        if matches!(decl, Decl::Param { .. } | Decl::Set { .. }) {
            let (name, what) = (self.entities[id].name.clone(), super::scope::kind_word(decl));
            self.report(errors::no_prime(&name, what, span));
            return None;
        }
        let mut today = scope.clone();
        today.primes = Primes::States;
        let v = self.entity(id, false, &today, span)?;
        let name = format!("{}'", self.entities[id].dotted);
        let node = self.later(&name, v.node, span);
        let ty = match v.ty {
            Ty::Number | Ty::Bool => v.ty,
            Ty::Link { index, shock } => Ty::Link {
                index: self.later(&name, index, span),
                shock,
            },
            Ty::Choice { index, set, numeric } => Ty::Choice {
                index: self.later(&name, index, span),
                set,
                numeric,
            },
        };
        Some(Value { node, ty })
    }

    /// The input that stands for a node's value tomorrow, made on first use.
    fn later(&mut self, name: &str, of: NodeId, span: Span) -> NodeId {
        if let Some(known) = self.model.ahead.later.iter().find(|l| l.of == of) {
            return known.node;
        }
        let n = self.b.node(of).clone();
        if n.phase == Phase::Constant {
            return of;
        }
        let kind = InputKind::Later(self.model.ahead.later.len());
        let (input, node) = self.b.input(name, kind, n.shape, n.domain, Phase::Moved, span);
        self.model.ahead.later.push(Later { input, node, of });
        node
    }

    /// The expressions of all forward prices, once everything else has a meaning.
    pub(super) fn forward_prices(&mut self) {
        let mut known: Vec<(EntityId, usize, ast::Expr)> = Vec::new();
        for (id, number) in self.forward_numbers.clone() {
            let Decl::Forward { over, value, given, .. } = self.entities[id].decl.clone() else {
                continue;
            };
            self.stack.push((id, false));
            let whole = self.forward_price(id, number, &over, &value, &given);
            self.stack.pop();
            known.extend(whole.map(|()| (id, number, value)));
        }
        // A price whose expression has no meaning was reported already, and others may rest on it.
        if known.len() < self.forward_numbers.len() {
            return;
        }
        for (id, number, value) in known {
            self.looks_ahead(id, number, &value);
        }
    }

    /// Refuses a price that rests on itself today where tomorrow is meant: the prime was forgotten.
    ///
    /// Today's price in its own expression is not always a mistake: output answers an interest rate, and the rate answers output, both
    /// today; such a system is solved and judged as it is written. But then tomorrow's output stands there, too. A price
    /// that only ever meets itself of today has an equation between numbers of one period. So has an expectation in which today's price
    /// stands and tomorrow's does not; there, a name that is written out counts as it is written, since tomorrow's may stand behind others.
    fn looks_ahead(&mut self, id: EntityId, number: usize, value: &ast::Expr) {
        let p = &self.model.ahead.prices[number];
        let (body, dotted, schedule) = (p.body, p.name.clone(), !p.args.is_empty());
        let mut written: Option<Span> = None;
        each_call(value, "expect", &mut |arg| {
            let (mut today, mut tomorrow) = (None, false);
            each_name(arg, &mut |name, primed, span| {
                if dotted == name || dotted.ends_with(&format!(".{name}")) {
                    tomorrow |= primed;
                    today = today.or((!primed).then_some(span));
                }
            });
            written = written.or(today.filter(|_| !tomorrow));
        });
        let whole = self.leads(&[body], true);
        let alone = whole.today.contains(&number) && !whole.tomorrow.contains(&number);
        let inside = self.leads(&[body], false).expects.into_iter().any(|e| {
            let of = self.leads(&[self.model.ahead.expects[e].of], false);
            of.today.contains(&number) && !of.tomorrow.contains(&number)
        });
        if written.is_none() && !alone && !inside {
            return;
        }
        let (name, declared) = (self.entities[id].name.clone(), self.entities[id].span);
        self.report(errors::forward_of_today(
            &name,
            schedule,
            written.unwrap_or(value.span),
            declared,
        ));
    }

    /// Which forward prices nodes rest on, of today and of tomorrow, through definitions; `on`: and through other forward prices.
    fn leads(&self, nodes: &[NodeId], on: bool) -> Leads {
        let ahead = &self.model.ahead;
        let mut out = Leads::default();
        let mut todo: Vec<(NodeId, bool)> = nodes.iter().map(|n| (*n, false)).collect();
        let mut seen: BTreeSet<(NodeId, bool)> = BTreeSet::new();
        while let Some((node, tomorrow)) = todo.pop() {
            if !seen.insert((node, tomorrow)) {
                continue;
            }
            for i in self.b.graph.inputs_below([node]) {
                match self.b.graph.inputs[i.0 as usize].kind {
                    InputKind::Forward(k) => {
                        let first = if tomorrow { &mut out.tomorrow } else { &mut out.today }.insert(k);
                        if first && (on || tomorrow) {
                            todo.push((ahead.prices[k].body, tomorrow));
                        }
                    }
                    InputKind::Expected(k) => {
                        out.expects.insert(k);
                        todo.push((ahead.expects[k].of, tomorrow));
                    }
                    InputKind::Later(k) => todo.push((ahead.later[k].of, true)),
                    _ => {}
                }
            }
        }
        out
    }

    fn forward_price(
        &mut self,
        id: EntityId,
        number: usize,
        over: &[ast::Path],
        value: &ast::Expr,
        given: &[(ast::Path, ast::Expr)],
    ) -> Option<()> {
        let (name, declared) = (self.entities[id].name.clone(), self.entities[id].span);
        let scope = self.block_scope(self.entities[id].block, Primes::Forward)?;
        let mut pinned: Vec<(usize, Span)> = Vec::new();
        for path in over {
            let (state, _) = self.tomorrows_state(id, path)?;
            self.pinned_once(&mut pinned, state, path)?;
            self.model.ahead.prices[number].args.push(state);
        }
        for (path, e) in given {
            let (state, node) = self.tomorrows_state(id, path)?;
            self.pinned_once(&mut pinned, state, path)?;
            let mut own = scope.clone();
            own.primes = Primes::States;
            let pin = self.pin(e, node, &own)?;
            self.model.ahead.prices[number].given.push((state, pin));
        }
        let v = self.expr(value, &scope)?;
        let body = self.numeric(v, value.span)?;
        if !self.b.shape(body).is_empty() {
            let shape = self.shape_text(&self.b.shape(body).clone());
            self.report(errors::forward_of_several(&name, &shape, declared));
            return None;
        }
        let expects = |i: &InputId| matches!(self.b.graph.inputs[i.0 as usize].kind, InputKind::Expected(_));
        if !self.b.graph.inputs_below([body]).iter().any(expects) {
            self.report(errors::forward_without_expect(&name, value.span, declared));
            return None;
        }
        self.model.ahead.prices[number].body = body;
        Some(())
    }

    /// Where a state of tomorrow stands: a number, or a label of a state over words.
    fn pin(&mut self, e: &ast::Expr, state: NodeId, scope: &Scope) -> Option<NodeId> {
        let mut labelled = scope.clone();
        if let Some(set) = self.choice_of_state(state) {
            labelled.labels = Some(super::LabelSource::Choice(set));
        }
        let v = self.expr(e, &labelled)?;
        let node = match v.ty {
            Ty::Choice { index, .. } => index,
            Ty::Bool => v.node,
            _ => self.numeric(v, e.span)?,
        };
        if !self.b.shape(node).is_empty() {
            let shape = self.shape_text(&self.b.shape(node).clone());
            self.report(errors::expect_of_several(&shape, e.span));
            return None;
        }
        Some(node)
    }

    fn choice_of_state(&self, state: NodeId) -> Option<usize> {
        self.memo[0].values().flatten().find_map(|v| match v.ty {
            Ty::Choice { index, set, .. } if index == state => Some(set),
            _ => None,
        })
    }

    fn pinned_once(&mut self, pinned: &mut Vec<(usize, Span)>, state: usize, path: &ast::Path) -> Option<()> {
        if let Some((_, first)) = pinned.iter().find(|(s, _)| *s == state) {
            let text = crate::syntax::print::print_path(path);
            self.report(errors::said_twice(&text, path.span, *first));
            return None;
        }
        pinned.push((state, path.span));
        Some(())
    }
}

/// Each call of a function named `name` in an expression, by its first argument.
fn each_call(e: &ast::Expr, name: &str, see: &mut dyn FnMut(&ast::Expr)) {
    if let ast::ExprKind::Call { name: own, args } = &e.kind
        && own.text == name
        && let Some(arg) = args.first()
    {
        see(&arg.value);
    }
    each_part(e, &mut |part| each_call(part, name, see));
}

/// Each name that an expression reads or calls, with dots and without primes, whether its last part has a prime, and where it stands.
fn each_name(e: &ast::Expr, see: &mut dyn FnMut(&str, bool, Span)) {
    match &e.kind {
        ast::ExprKind::Path(path) => {
            let parts: Vec<&str> = path.segments.iter().map(|s| s.name.text.as_str()).collect();
            let primed = path.segments.last().is_some_and(|s| s.primed);
            see(&parts.join("."), primed, path.span);
        }
        ast::ExprKind::Call { name, .. } => see(&name.text, false, e.span),
        _ => {}
    }
    each_part(e, &mut |part| each_name(part, see));
}

/// The expressions that an expression is made of.
fn each_part(e: &ast::Expr, see: &mut dyn FnMut(&ast::Expr)) {
    use ast::ExprKind as Kind;
    match &e.kind {
        Kind::Number { .. } | Kind::Bool(_) | Kind::Inf | Kind::Continuum | Kind::Text(_) | Kind::Path(_) => {}
        Kind::Call { args, .. } | Kind::Solve { args, .. } => args.iter().for_each(|a| see(&a.value)),
        Kind::Reduce { body: x, .. } | Kind::Unary { arg: x, .. } | Kind::Normalize(x) | Kind::Paren(x) => see(x),
        Kind::Array(items) => items.iter().for_each(|i| see(&i.value)),
        Kind::Binary { lhs: a, rhs: b, .. } | Kind::Range(a, b) => [a, b].into_iter().for_each(|x| see(x)),
        Kind::If {
            condition,
            then,
            otherwise,
        } => [condition, then, otherwise].into_iter().for_each(|x| see(x)),
    }
}
