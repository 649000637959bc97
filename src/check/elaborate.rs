//! Each declaration's meaning: its node, its shape, its domain. Names are elaborated when first asked for.

use super::{Bound, Checker, Decl, EntityId, Primes, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::AxisId;
use crate::graph::Binary;
use crate::syntax::ast::{self, LhsIndex};

impl Checker<'_> {
    /// Elaborates everything there is, in order of declaration.
    pub(super) fn elaborate_all(&mut self) {
        for b in 0..self.blocks.len() {
            let _ = self.block_axis(b);
        }
        self.declare_presence();
        self.declare_forward();
        let n = self.entities.len();
        let real =
            |c: &Self, id: EntityId| c.blocks[c.entities[id].block].kind != super::BlockKind::Kind && c.is_declared(id);
        for id in 0..n {
            if real(self, id)
                && matches!(
                    self.entities[id].decl,
                    Decl::Shock { .. } | Decl::State { .. } | Decl::Alive { .. }
                )
            {
                self.elaborate_alone(id, false);
            }
        }
        for id in 0..n {
            if real(self, id) && matches!(self.entities[id].decl, Decl::Action { .. }) {
                self.elaborate_alone(id, false);
            }
        }
        for id in 0..n {
            if !real(self, id) || self.means_nothing_alone(id) {
                continue;
            }
            self.elaborate_alone(id, false);
        }
        self.agents();
        let mut id = 0;
        while id < self.entities.len() {
            if real(self, id)
                && matches!(
                    self.entities[id].decl,
                    Decl::State { .. } | Decl::Lag { .. } | Decl::Alive { .. }
                )
            {
                self.elaborate_alone(id, true);
            }
            id += 1;
        }
        self.forward_prices();
        self.starts();
        self.experiments();
        self.model.left_out(&self.left_out);
        self.list_names();
    }

    /// Duplicates are not entered into their block and stay without meaning.
    pub(super) fn is_declared(&self, id: EntityId) -> bool {
        let e = &self.entities[id];
        self.blocks[e.block].names.get(&e.name) == Some(&id)
    }

    fn means_nothing_alone(&mut self, id: EntityId) -> bool {
        match self.entities[id].decl.clone() {
            Decl::Set { domain } => {
                let path = ast::Path {
                    segments: vec![ast::Segment {
                        name: ast::Name {
                            text: self.entities[id].name.clone(),
                            span: self.entities[id].span,
                        },
                        primed: false,
                        index: Vec::new(),
                    }],
                    span: domain.span,
                };
                let block = self.entities[id].block;
                let used = self.entities[id].used;
                let _ = self.set_axis(&path, block);
                self.entities[id].used = used;
                true
            }
            Decl::Param { value, .. } => super::axes::is_continuum(&value),
            Decl::Forward { over, .. } => !over.is_empty(),
            _ => false,
        }
    }

    /// Elaborates without counting as a use.
    fn elaborate_alone(&mut self, id: EntityId, primed: bool) {
        let block = self.entities[id].block;
        let mut scope = self.constant_scope(block, "");
        scope.primes = Primes::All;
        let span = self.entities[id].span;
        let waiting = self.hit_pending.take();
        // Only this first reading is none: a market that clears may read on the way what it is made of.
        self.alone = Some(id);
        let _ = self.entity(id, primed, &scope, span);
        self.alone = None;
        if let Some(param) = self.hit_pending.take() {
            self.waits_for(id, primed, &param);
        }
        self.hit_pending = waiting;
    }

    /// A declaration reads a parameter that a solve must supply: fine for derived parameters, a circle for laws.
    fn waits_for(&mut self, id: EntityId, primed: bool, param: &str) {
        match self.entities[id].decl {
            Decl::Param { .. } => self.left_out.push(self.entities[id].dotted.clone()),
            _ => {
                let p = self.entities.iter().find(|e| e.dotted == param).map(|e| e.span);
                let name = if primed {
                    format!("{}'", self.entities[id].dotted)
                } else {
                    self.entities[id].dotted.clone()
                };
                let at = match &self.entities[id].decl {
                    Decl::State {
                        law: Some((_, value, _)),
                        ..
                    } if primed => value.span,
                    _ => self.entities[id].span,
                };
                self.report(errors::solve_circle(&name, at, param, p));
            }
        }
    }

    /// The value of a declared name over its own axes, elaborated on first use.
    pub(super) fn entity(&mut self, id: EntityId, primed: bool, scope: &Scope, span: Span) -> Option<Value> {
        if self.alone.take() != Some(id) {
            self.entities[id].used = true;
        }
        if let Some((reader, _)) = self.stack.last() {
            let reader = *reader;
            if reader != id {
                self.entities[reader].reads.insert(id);
            }
        }
        if primed && scope.primes == Primes::Expected {
            return self.tomorrow(id, scope, span);
        }
        if primed {
            self.prime_allowed(id, scope, span)?;
        }
        if !primed && let Some((_, _, node)) = self.solving.iter().find(|(e, _, _)| *e == id) {
            return Some(Value {
                node: *node,
                ty: Ty::Number,
            });
        }
        for layer in self.memo.iter().rev() {
            if let Some(v) = layer.get(&(id, primed)) {
                if v.is_none() && self.is_pending(id) {
                    self.hit_pending = Some(self.pending_root(id));
                }
                return *v;
            }
        }
        if let Some(at) = self.stack.iter().position(|x| *x == (id, primed)) {
            let chain: Vec<(String, Span)> = self.stack[at..]
                .iter()
                .filter(|(e, _)| !self.entities[*e].name.starts_with('\u{1}'))
                .map(|(e, p)| {
                    (
                        format!("{}{}", self.entities[*e].dotted, if *p { "'" } else { "" }),
                        self.entities[*e].span,
                    )
                })
                .collect();
            let past = self.stack[at..]
                .iter()
                .find(|(e, _)| matches!(self.entities[*e].decl, Decl::Lag { .. }))
                .map(|(e, _)| *e);
            let defined = self.stack[at..]
                .iter()
                .find(|(e, _)| !matches!(self.entities[*e].decl, Decl::Lag { .. }))
                .map(|(e, _)| *e);
            match (past, defined) {
                (Some(past), Some(defined)) => {
                    let (name, declared) = (self.entities[defined].name.clone(), self.entities[defined].span);
                    let (past, at) = (self.entities[past].name.clone(), self.entities[past].span);
                    self.report(errors::circle_through_past(&name, &past, at, declared));
                }
                _ => self.report(errors::circle(&chain, span)),
            }
            return None;
        }
        self.stack.push((id, primed));
        let value = self.meaning(id, primed);
        self.stack.pop();
        // What no price can move is elaborated once, also while a market is being cleared.
        let fixed = matches!(
            self.entities[id].decl,
            Decl::Param { .. } | Decl::Shock { .. } | Decl::Action { .. } | Decl::Alive { .. }
        ) || !primed && matches!(self.entities[id].decl, Decl::State { .. } | Decl::Lag { .. });
        let layer = if fixed { 0 } else { self.memo.len() - 1 };
        self.memo[layer].insert((id, primed), value);
        if value.is_none() && self.hit_pending.is_some() && matches!(self.entities[id].decl, Decl::Param { .. }) {
            self.left_out.push(self.entities[id].dotted.clone());
        }
        value
    }

    fn is_pending(&self, id: EntityId) -> bool {
        let name = &self.entities[id].dotted;
        self.model.pending.iter().any(|p| p.param == *name) || self.left_out.contains(name)
    }

    fn pending_root(&self, id: EntityId) -> String {
        let name = &self.entities[id].dotted;
        match self.model.pending.iter().find(|p| p.param == *name) {
            Some(p) => p.param.clone(),
            None => self.model.pending.first().map_or(name.clone(), |p| p.param.clone()),
        }
    }

    fn prime_allowed(&mut self, id: EntityId, scope: &Scope, span: Span) -> Option<()> {
        let e = &self.entities[id];
        let (name, declared) = (e.name.clone(), e.span);
        let what = super::scope::kind_word(&e.decl);
        match (&e.decl, scope.primes) {
            (
                Decl::State { .. } | Decl::Lag { .. } | Decl::Alive { .. },
                Primes::All | Primes::States | Primes::Forward | Primes::Expected,
            )
            | (Decl::Shock { .. }, Primes::All | Primes::Expected) => Some(()),
            (Decl::State { .. } | Decl::Lag { .. } | Decl::Alive { .. } | Decl::Shock { .. }, Primes::None(place)) => {
                self.report(errors::prime_too_early(&name, place, span));
                None
            }
            (Decl::Shock { .. }, Primes::States | Primes::Forward) => {
                self.report(errors::shock_prime(&name, span, declared));
                None
            }
            _ => {
                self.report(errors::no_prime(&name, what, span));
                None
            }
        }
    }

    fn meaning(&mut self, id: EntityId, primed: bool) -> Option<Value> {
        let decl = self.entities[id].decl.clone();
        let span = self.entities[id].span;
        match decl {
            Decl::Param { value, domain, unit } => self.param(id, &value, domain.as_ref(), unit),
            Decl::Set { .. } => None,
            Decl::Shock {
                iid,
                dist,
                given,
                start,
                ..
            } => {
                if primed {
                    return self.shock_next(id);
                }
                self.shock(id, iid, &dist, given.as_ref(), start.as_ref())
            }
            Decl::Noise { dist, stage } => self.noise(id, &dist, stage.as_ref()),
            Decl::State { domain, law, price, .. } => {
                if !primed {
                    return self.state(id, &domain);
                }
                let Some((target, value, at)) = law else {
                    let posted =
                        price.is_some() || self.blocks[self.entities[id].block].kind == super::BlockKind::Market;
                    self.report(errors::no_transition(&self.entities[id].name.clone(), posted, span));
                    return None;
                };
                self.law(id, &target, &value, at)
            }
            Decl::Action { .. } => self.action(id),
            Decl::Let { value } => {
                let block = self.entities[id].block;
                let scope = self.block_scope(block, Primes::States)?;
                self.defined(id, &value, scope)
            }
            Decl::Price {
                aggregate,
                domain,
                form,
            } => self.price(id, aggregate, domain.as_ref(), &form),
            Decl::Forward { over, .. } => self.forward_read(id, &over, span),
            Decl::Give { giver, target, value } => self.give(id, giver, &target, &value),
            Decl::Port { of } => {
                let block = self.entities[id].block;
                let scope = self.block_scope(block, Primes::States)?;
                self.port(&of, &scope, span)
            }
            Decl::Lag { of, number } => self.lag_state(id, &of, number, primed),
            Decl::Alive { number } => self.alive(id, number, primed),
        }
    }

    /// The axes of the brackets on a declaration's left side, outermost first; for definitions without brackets the
    /// free axes.
    pub(super) fn index_axes(&mut self, id: EntityId) -> Option<Vec<AxisId>> {
        let index = self.entities[id].index.clone();
        let block = self.entities[id].block;
        if index.is_empty() {
            let loose = matches!(
                self.entities[id].decl,
                Decl::Let { .. }
                    | Decl::Param { .. }
                    | Decl::Give { .. }
                    | Decl::Port { .. }
                    | Decl::Price { .. }
                    | Decl::Lag { .. }
            );
            if !loose {
                return Some(Vec::new());
            }
            let own = self.block_axes(block)?;
            let value = self
                .memo
                .iter()
                .rev()
                .find_map(|m| m.get(&(id, false)))
                .copied()
                .flatten();
            let node = value
                .map(|v| v.node)
                .or_else(|| self.solving.iter().find(|(e, _, _)| *e == id).map(|s| s.2));
            return Some(node.map_or(Vec::new(), |n| {
                self.b.shape(n).iter().copied().filter(|a| !own.contains(a)).collect()
            }));
        }
        let mut axes = Vec::new();
        for i in &index {
            axes.push(match i {
                LhsIndex::Set(name) => {
                    let path = ast::Path {
                        segments: vec![ast::Segment {
                            name: name.clone(),
                            primed: false,
                            index: Vec::new(),
                        }],
                        span: name.span,
                    };
                    self.set_axis(&path, block)?
                }
                LhsIndex::Binder(b) => self.binder_axis(b, block)?,
            });
        }
        Some(axes)
    }

    fn binder_axis(&mut self, b: &ast::Binder, block: usize) -> Option<AxisId> {
        match &b.over {
            ast::Range::Named(p) => self.set_axis(p, block),
            ast::Range::Span(lo, hi) => {
                let s = self.constant_scope(block, "a range");
                let (l, h) = (self.whole_constant(lo, &s)?, self.whole_constant(hi, &s)?);
                self.range_axis(l, h, b.span)
            }
        }
    }

    /// Adds the binders of a left side to a scope; returns one pair (axis used inside, declared axis) per bracket.
    pub(super) fn bind_left(&mut self, id: EntityId, scope: &mut Scope) -> Option<Vec<(AxisId, AxisId)>> {
        let mut pairs = Vec::new();
        for i in self.entities[id].index.clone() {
            if let LhsIndex::Binder(b) = i {
                let declared = self.binder_axis(&b, scope.block)?;
                let bound: Bound = self.bind(&b, scope)?;
                scope.bound.push(bound.axis);
                scope.binders.push((b.var.text.clone(), bound));
                pairs.push((bound.axis, declared));
            }
        }
        Some(pairs)
    }

    /// The value of a definition `name[..] = value` over its owner's axes and its own.
    pub(super) fn defined(&mut self, id: EntityId, value: &ast::Expr, mut scope: Scope) -> Option<Value> {
        let pairs = self.bind_left(id, &mut scope)?;
        let mut v = self.expr(value, &scope)?;
        for (used, declared) in pairs {
            v = self.relabel(v, used, declared, value.span);
        }
        v = self.filled(id, v, value.span)?;
        if !self.entities[id].index.is_empty() {
            let own = self.block_axes(scope.block)?;
            let index = self.index_axes(id)?;
            let allowed: Vec<AxisId> = own.iter().chain(&index).copied().collect();
            v = self.fits(v, &allowed, value.span, id)?;
        }
        Some(v)
    }

    /// `let x[good] = 1` has the axis `good`, although its value does not need it.
    pub(super) fn filled(&mut self, id: EntityId, v: Value, span: Span) -> Option<Value> {
        let mut v = v;
        if v.ty != Ty::Number || self.entities[id].index.is_empty() {
            return Some(v);
        }
        for a in self.index_axes(id)? {
            let base = self.b.base(a);
            if !self
                .b
                .shape(v.node)
                .iter()
                .any(|x| self.b.base(*x) == base || self.b.axis(*x).name.contains(".."))
            {
                let zeros = self.b.table(vec![0.0; self.b.axis(a).size], vec![a], span);
                v.node = self.b.binary(Binary::Add, v.node, zeros, span);
            }
        }
        Some(v)
    }

    /// Checks that a value has no axes but those in the list `allowed` (anonymous ranges of the right size are
    /// renamed).
    pub(super) fn fits(&mut self, v: Value, allowed: &[AxisId], span: Span, id: EntityId) -> Option<Value> {
        let mut v = v;
        for a in self.b.shape(v.node).clone() {
            if allowed.contains(&a) {
                continue;
            }
            let axis = self.b.axis(a).clone();
            let anonymous = axis.name.contains("..");
            let same = allowed
                .iter()
                .copied()
                .find(|x| self.b.axis(*x).size == axis.size && !self.b.shape(v.node).contains(x));
            match same {
                Some(to) if anonymous => v = self.relabel(v, a, to, span),
                _ => {
                    let (have, want) = (self.shape_text(&self.b.shape(v.node).clone()), self.shape_text(allowed));
                    let e = &self.entities[id];
                    self.report(errors::left_side_shape(&e.name.clone(), span, &have, e.span, &want));
                    return None;
                }
            }
        }
        Some(v)
    }
}
