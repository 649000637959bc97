//! Finding names: the block that declares a name, the members that a path means, and the axes of its value where it is read.

use super::{Block, BlockId, BlockKind, Bound, Checker, Decl, EntityId, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{AxisId, Binary, NodeId};
use crate::syntax::ast::{self, Index, Path};
use crate::syntax::print::print_expr;
use crate::syntax::words;

/// How a step of a path picks members of a population.
enum Pick<'e> {
    /// Everybody.
    All,
    /// The member of this number (from the set's first).
    At(&'e ast::Expr),
    /// The member a binder stands for.
    Bound(AxisId),
}

impl Checker<'_> {
    /// The block a word names, looking outwards from `at`.
    pub(super) fn find_block(&self, at: BlockId, word: &str) -> Option<BlockId> {
        let mut here = Some(at);
        while let Some(b) = here {
            let block = &self.blocks[b];
            if b != 0 && block.name == word {
                return Some(b);
            }
            if let Some(c) = block.children.iter().find(|c| self.blocks[**c].name == word) {
                return Some(*c);
            }
            here = block.parent;
        }
        None
    }

    /// The declaration a bare word means: own block, enclosing blocks, then what markets declare.
    ///
    /// # Errors
    /// Nothing to say: the name is ambiguous, which has been reported (E0206).
    pub(super) fn find_entity(&mut self, at: BlockId, word: &str, span: Span) -> Result<Option<EntityId>, ()> {
        let chain = self.chain(at);
        for b in &chain {
            if let Some(e) = self.blocks[*b].names.get(word) {
                return Ok(Some(*e));
            }
        }
        for b in &chain {
            let markets: Vec<&Block> = self.blocks[*b]
                .children
                .iter()
                .map(|c| &self.blocks[*c])
                .filter(|m| m.kind == BlockKind::Market)
                .collect();
            let found: Vec<EntityId> = markets.iter().filter_map(|m| m.names.get(word).copied()).collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok(Some(*one)),
                several => {
                    let names: Vec<(String, Span)> = several
                        .iter()
                        .map(|e| (self.entities[*e].dotted.clone(), self.entities[*e].span))
                        .collect();
                    self.report(errors::ambiguous(word, span, &names));
                    return Err(());
                }
            }
        }
        Ok(None)
    }

    /// A block and its ancestors in order, innermost first.
    pub(super) fn chain(&self, at: BlockId) -> Vec<BlockId> {
        let mut chain = vec![at];
        let mut b = at;
        while let Some(p) = self.blocks[b].parent {
            chain.push(p);
            b = p;
        }
        chain
    }

    pub(super) fn word_of(&self, e: &ast::Expr) -> Option<String> {
        match &e.kind {
            ast::ExprKind::Path(p)
                if p.segments.len() == 1 && p.segments[0].index.is_empty() && !p.segments[0].primed =>
            {
                Some(p.segments[0].name.text.clone())
            }
            _ => None,
        }
    }

    /// The value of a dotted name where it is read.
    pub(super) fn path(&mut self, path: &Path, scope: &Scope) -> Option<Value> {
        let first = &path.segments[0];
        let word = first.name.text.as_str();
        if path.segments.len() == 1 {
            if let Some((_, v)) = scope.locals.iter().rev().find(|(n, _)| n == word) {
                let v = *v;
                return self.index_local(v, first, scope, path.span);
            }
            if let Some((_, b)) = scope.binders.iter().rev().find(|(n, _)| n == word) {
                return Some(self.number_of(*b, path.span));
            }
            if word == "t" {
                return Some(self.time(path.span));
            }
            if let Some(id) = self.find_entity(scope.block, word, path.span).ok()? {
                return self.bare(id, first, scope, path.span);
            }
            if word == "pi" {
                return Some(Value {
                    node: self.b.constant(std::f64::consts::PI, path.span),
                    ty: Ty::Number,
                });
            }
            if let Some(v) = self.label_value(word, scope, path.span) {
                return Some(v);
            }
            self.unknown(word, path.span, scope);
            return None;
        }
        if let Some((_, b)) = scope.binders.iter().rev().find(|(n, _)| n == word).cloned() {
            let Some(block) = b.member_of else {
                self.report(errors::not_a_member(word, path.span));
                return None;
            };
            return self.member_path(block, Pick::Bound(b.axis), &path.segments[1..], scope, path.span);
        }
        if let Some(block) = self.find_block(scope.block, word) {
            let pick = match first.index.as_slice() {
                [] => Pick::All,
                [Index::At(e)] => Pick::At(e),
                _ => {
                    self.report(errors::wrong_index(
                        word,
                        1,
                        first.index.len(),
                        path.span,
                        self.blocks[block].span,
                    ));
                    return None;
                }
            };
            return self.member_path(block, pick, &path.segments[1..], scope, path.span);
        }
        // `Z.low`: a label with its chain.
        if path.segments.len() == 2
            && let Some(id) = self.find_entity(scope.block, word, path.span).ok()?
        {
            let v = self.bare(id, first, scope, path.span)?;
            let labels = self.labels_of(&v);
            if let Some(i) = labels.iter().position(|l| *l == path.segments[1].name.text) {
                return Some(self.label_constant(&v, i, path.span));
            }
            self.report(errors::unknown_label(
                &path.segments[1].name.text,
                word,
                &labels,
                path.segments[1].name.span,
            ));
            return None;
        }
        self.unknown(word, first.name.span, scope);
        None
    }

    fn index_local(&mut self, v: Value, s: &ast::Segment, scope: &Scope, span: Span) -> Option<Value> {
        if s.primed {
            self.report(errors::no_prime(&s.name.text, "an argument of a function", span));
            return None;
        }
        if s.index.is_empty() {
            return Some(v);
        }
        let axes: Vec<AxisId> = self
            .b
            .shape(v.node)
            .iter()
            .copied()
            .filter(|a| !scope.bound.contains(a))
            .collect();
        self.apply_index(v, &axes, &s.index, scope, &s.name.text, span, span)
    }

    /// My number in a set: the set's first member counts as its own first number.
    pub(super) fn number_of(&mut self, b: Bound, span: Span) -> Value {
        let position = self.b.position(b.axis, span);
        let shift = self.info(b.axis).first - 1;
        let shift = self.b.constant(shift as f64, span);
        Value {
            node: self.b.binary(Binary::Add, position, shift, span),
            ty: Ty::Number,
        }
    }

    fn member_path(
        &mut self,
        block: BlockId,
        pick: Pick,
        rest: &[ast::Segment],
        scope: &Scope,
        span: Span,
    ) -> Option<Value> {
        let mut block = block;
        let mut picks: Vec<(BlockId, Pick)> = vec![(block, pick)];
        let mut i = 0;
        while i + 1 < rest.len() {
            let s = &rest[i];
            let child = self.blocks[block]
                .children
                .iter()
                .copied()
                .find(|c| self.blocks[*c].name == s.name.text);
            let Some(child) = child else {
                break;
            };
            let pick = match s.index.as_slice() {
                [] => Pick::All,
                [Index::At(e)] => Pick::At(e),
                _ => {
                    self.report(errors::wrong_index(
                        &s.name.text,
                        1,
                        s.index.len(),
                        span,
                        self.blocks[child].span,
                    ));
                    return None;
                }
            };
            picks.push((child, pick));
            block = child;
            i += 1;
        }
        let last = &rest[i];
        if self.blocks[block].kind == BlockKind::Kind {
            let agents = self.blocks[block].children.clone();
            let (_, pick) = picks.pop().expect("the kind itself was pushed");
            return self.stacked(&agents, block, pick, last, scope, span);
        }
        let Some(id) = self.blocks[block].names.get(&last.name.text).copied() else {
            // `firm.Z.low` or a name that is not there.
            let known: Vec<String> = self.blocks[block].names.keys().cloned().collect();
            let outer = self
                .find_entity(block, &last.name.text, span)
                .ok()?
                .map(|e| self.entities[e].dotted.clone());
            self.report(errors::unknown_member(
                &last.name.text,
                &self.blocks[block].name.clone(),
                last.name.span,
                &known,
                outer,
            ));
            return None;
        };
        let value = self.entity(id, last.primed, scope, last.name.span)?;
        let mut value = value;
        for (b, pick) in picks {
            let Some(axis) = self.block_axis(b)? else {
                if let Pick::At(_) = pick {
                    let name = self.blocks[b].name.clone();
                    self.report(errors::single_agent_indexed(&name, span, self.blocks[b].span));
                    return None;
                }
                continue;
            };
            value = self.pick(value, axis, pick, scope, span)?;
        }
        let own = self.index_axes(id)?;
        let name = self.entities[id].name.clone();
        let declared = self.entities[id].span;
        let value = self.loosen(value, &own, &last.index, scope);
        self.apply_index(value, &own, &last.index, scope, &name, span, declared)
    }

    fn pick(&mut self, value: Value, axis: AxisId, pick: Pick, scope: &Scope, span: Span) -> Option<Value> {
        match pick {
            Pick::All => {
                let to = self.fresh(axis, &scope.bound);
                Some(self.relabel(value, axis, to, span))
            }
            Pick::Bound(to) => Some(self.relabel(value, axis, to, span)),
            Pick::At(e) => {
                if self.b.axis(axis).continuum {
                    let name = self.b.axis(axis).name.clone();
                    self.report(errors::numbered_continuum(&name, e.span));
                    return None;
                }
                self.take(value, axis, e, scope, span)
            }
        }
    }

    /// Values of all agents of a kind, one after the other.
    fn stacked(
        &mut self,
        agents: &[BlockId],
        kind: BlockId,
        pick: Pick,
        last: &ast::Segment,
        scope: &Scope,
        span: Span,
    ) -> Option<Value> {
        let stack = self.kind_axis(kind)?;
        let mut parts = Vec::new();
        let mut ty = Ty::Number;
        let mut index_axes = Vec::new();
        for a in agents {
            let Some(id) = self.blocks[*a].names.get(&last.name.text).copied() else {
                let known: Vec<String> = self.blocks[*a].names.keys().cloned().collect();
                self.report(errors::unknown_member(
                    &last.name.text,
                    &self.blocks[*a].name.clone(),
                    last.name.span,
                    &known,
                    None,
                ));
                return None;
            };
            let v = self.entity(id, last.primed, scope, last.name.span)?;
            let axis = self.member_axis(*a)?;
            if v.ty == Ty::Bool {
                ty = Ty::Bool;
            }
            index_axes = self.index_axes(id)?;
            parts.push((v.node, axis));
        }
        let node = self.b.stack(parts, stack, span);
        let value = Value { node, ty };
        let value = self.pick(value, stack, pick, scope, span)?;
        let value = self.loosen(value, &index_axes, &last.index, scope);
        self.apply_index(value, &index_axes, &last.index, scope, &last.name.text, span, span)
    }

    /// The participants' values behind a port of a market definition: `of` has one expression per participating agent,
    /// the result stacks them in order.
    pub(super) fn port(&mut self, of: &[ast::Expr], scope: &Scope, span: Span) -> Option<Value> {
        match of {
            [] => return None, // a participant lacks the port, which was reported
            [one] => return self.expr(one, scope),
            _ => {}
        }
        let mut parts = Vec::new();
        for e in of {
            let v = self.expr(e, scope)?;
            let free: Vec<AxisId> = self
                .b
                .shape(v.node)
                .iter()
                .copied()
                .filter(|a| !scope.bound.contains(a))
                .collect();
            let [axis] = free.as_slice() else {
                self.report(errors::port_shape(e.span));
                return None;
            };
            parts.push((v.node, *axis));
        }
        let axes: Vec<AxisId> = parts.iter().map(|(_, a)| *a).collect();
        let name: Vec<String> = axes.iter().map(|a| self.b.axis(*a).name.clone()).collect();
        let to = self.stack_axis(axes, &name.join("+"));
        Some(Value {
            node: self.b.stack(parts, to, span),
            ty: Ty::Number,
        })
    }

    /// A bare name: mine along enclosing blocks, everybody's along a market's own axes read from outside.
    fn bare(&mut self, id: EntityId, s: &ast::Segment, scope: &Scope, span: Span) -> Option<Value> {
        if let Decl::Set { .. } = self.entities[id].decl {
            self.report(errors::set_as_value(&s.name.text, span, self.entities[id].span));
            return None;
        }
        let mut value = self.entity(id, s.primed, scope, span)?;
        let owner = self.entities[id].block;
        let chain = self.chain(scope.block);
        for b in self.chain(owner) {
            if chain.contains(&b) {
                continue;
            }
            if let Some(axis) = self.block_axis(b)? {
                let to = self.fresh(axis, &scope.bound);
                value = self.relabel(value, axis, to, span);
            }
        }
        let own = self.index_axes(id)?;
        let name = self.entities[id].name.clone();
        let declared = self.entities[id].span;
        let value = self.loosen(value, &own, &s.index, scope);
        self.apply_index(value, &own, &s.index, scope, &name, span, declared)
    }

    /// Without brackets, an index axis that a binder already uses means the whole vector.
    fn loosen(&mut self, value: Value, own: &[AxisId], index: &[Index], scope: &Scope) -> Value {
        let mut value = value;
        if index.is_empty() {
            for a in own {
                let to = self.fresh(*a, &scope.bound);
                let span = self.b.node(value.node).span;
                value = self.relabel(value, *a, to, span);
            }
        }
        value
    }

    pub(super) fn relabel(&mut self, v: Value, from: AxisId, to: AxisId, span: Span) -> Value {
        let node = self.b.relabel(v.node, from, to, span);
        let ty = match v.ty {
            Ty::Link { index, shock } => Ty::Link {
                index: self.b.relabel(index, from, to, span),
                shock,
            },
            Ty::Choice { index, set, numeric } => Ty::Choice {
                index: self.b.relabel(index, from, to, span),
                set,
                numeric,
            },
            Ty::Number | Ty::Bool => v.ty,
        };
        Value { node, ty }
    }

    #[allow(clippy::too_many_arguments)]
    fn apply_index(
        &mut self,
        value: Value,
        own: &[AxisId],
        index: &[Index],
        scope: &Scope,
        name: &str,
        span: Span,
        declared: Span,
    ) -> Option<Value> {
        if index.is_empty() {
            return Some(value);
        }
        if index.len() != own.len() {
            self.report(errors::wrong_index(name, own.len(), index.len(), span, declared));
            return None;
        }
        let mut value = value;
        for (axis, i) in own.iter().zip(index) {
            let Index::At(e) = i else {
                self.report(errors::binder_here(span));
                return None;
            };
            value = self.take(value, *axis, e, scope, span)?;
        }
        Some(value)
    }

    /// The element of a value along an axis.
    fn take(&mut self, value: Value, axis: AxisId, e: &ast::Expr, scope: &Scope, span: Span) -> Option<Value> {
        // A binder over the same set lines up; nothing is picked.
        if let Some(word) = self.word_of(e) {
            if let Some((_, b)) = scope.binders.iter().rev().find(|(n, _)| *n == word)
                && self.b.base(b.axis) == self.b.base(axis)
            {
                let to = b.axis;
                return Some(self.relabel(value, axis, to, span));
            }
            // A member of a set of words.
            let labels = self.info(axis).labels;
            if let Some(i) = labels.iter().position(|l| *l == word) {
                let at = self.b.constant(i as f64, e.span);
                return Some(self.take_at(value, axis, at, span));
            }
        }
        let at = self.expr(e, scope)?;
        let info = self.info(axis);
        let at = match at.ty {
            Ty::Link { index, .. } if !self.labels_of(&at).is_empty() => index,
            Ty::Choice {
                index, numeric: false, ..
            } => index,
            Ty::Bool => {
                self.report(errors::index_not_whole("a condition", e.span));
                return None;
            }
            Ty::Number | Ty::Link { .. } | Ty::Choice { .. } => {
                let first = self.b.constant(info.first as f64, e.span);
                self.b.binary(Binary::Sub, at.node, first, e.span)
            }
        };
        let d = self.b.node(at).domain;
        if !d.integer {
            self.report(errors::index_not_whole("a number that need not be whole", e.span));
            return None;
        }
        let size = self.b.axis(axis).size as f64;
        if d.lo < 0.0 || d.hi > size - 1.0 {
            let first = info.first as f64;
            let name = self.b.axis(axis).name.clone();
            self.report(errors::index_outside(
                &name,
                (d.lo + first, d.hi + first),
                (first, first + size - 1.0),
                e.span,
            ));
            return None;
        }
        Some(self.take_at(value, axis, at, span))
    }

    fn take_at(&mut self, v: Value, axis: AxisId, at: NodeId, span: Span) -> Value {
        let node = self.b.take(v.node, axis, at, span);
        let ty = match v.ty {
            Ty::Link { index, shock } => Ty::Link {
                index: self.b.take(index, axis, at, span),
                shock,
            },
            Ty::Choice { index, set, numeric } => Ty::Choice {
                index: self.b.take(index, axis, at, span),
                set,
                numeric,
            },
            Ty::Number | Ty::Bool => v.ty,
        };
        Value { node, ty }
    }

    fn unknown(&mut self, word: &str, span: Span, scope: &Scope) {
        let mut known: Vec<String> = Vec::new();
        for b in self.chain(scope.block) {
            known.extend(self.blocks[b].names.keys().cloned());
            for c in &self.blocks[b].children {
                known.push(self.blocks[*c].name.clone());
                if self.blocks[*c].kind == BlockKind::Market {
                    known.extend(self.blocks[*c].names.keys().cloned());
                }
            }
        }
        known.extend(scope.binders.iter().map(|(n, _)| n.clone()));
        known.extend(scope.locals.iter().map(|(n, _)| n.clone()));
        let elsewhere = self
            .entities
            .iter()
            .find(|e| e.name == word && !matches!(self.blocks[e.block].kind, BlockKind::Kind))
            .map(|e| (e.dotted.clone(), e.span))
            .or_else(|| self.numbered(word));
        let label_of = self.chain_with_label(word);
        let dated = words::dated(word)
            .filter(|(name, _)| known.iter().any(|k| k == name))
            .and_then(|(name, when)| Some((name, when, self.quantity(name)?)));
        self.report(errors::unknown_name(word, span, &known, elsewhere, label_of, dated));
    }

    /// How an expression is written outside the blocks: a name of my own agent is dotted there.
    pub(super) fn written_outside(&self, e: &ast::Expr, scope: &Scope) -> String {
        let text = print_expr(e);
        let mine = self
            .chain(scope.block)
            .into_iter()
            .find(|b| self.blocks[*b].kind == BlockKind::Agent && self.blocks[*b].names.contains_key(&text));
        match mine {
            Some(b) => format!("{}.{text}", self.blocks[b].name),
            None => text,
        }
    }

    /// `q1` where a paper writes the quantity of the first of several agents: `firm1.q`.
    fn numbered(&self, word: &str) -> Option<(String, Span)> {
        let base = word
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .trim_end_matches('_');
        let number = word.get(base.len()..)?.trim_start_matches('_');
        if base.is_empty() || number.is_empty() {
            return None;
        }
        let of = |dotted: &str| {
            let (owner, name) = dotted.rsplit_once('.')?;
            let digits = owner.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            Some(name == base && owner.get(digits..) == Some(number))
        };
        let found = self.entities.iter().find(|e| of(&e.dotted) == Some(true))?;
        Some((found.dotted.clone(), found.span))
    }

    /// What the model has of a name, as far as its value in other periods goes.
    pub(super) fn quantity(&self, word: &str) -> Option<errors::Quantity> {
        let e = self.entities.iter().find(|e| e.name == word)?;
        Some(match e.decl {
            Decl::State { .. } => errors::Quantity::State,
            Decl::Shock { .. } => errors::Quantity::Shock,
            _ => errors::Quantity::Other,
        })
    }
}
