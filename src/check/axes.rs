//! Axes: sets, ranges, populations and kinds as what arrays run along.

use super::{BlockId, BlockKind, Bound, Checker, Decl, EntityId, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{Axis, AxisId, AxisKind, NodeId};
use crate::syntax::ast::{self, Path};

impl Checker<'_> {
    /// The axes of a block, outermost first. `None` if a size is faulty (already reported).
    pub(super) fn block_axes(&mut self, at: BlockId) -> Option<Vec<AxisId>> {
        let mut axes = Vec::new();
        for b in self.chain(at).into_iter().rev() {
            if let Some(a) = self.block_axis(b)? {
                axes.push(a);
            }
        }
        Some(axes)
    }

    /// The axis of a block itself: `Some(None)` for single blocks.
    pub(super) fn block_axis(&mut self, at: BlockId) -> Option<Option<AxisId>> {
        match self.blocks[at].axis {
            Some(Ok(a)) => return Some(Some(a)),
            Some(Err(())) => return None,
            None => {}
        }
        if self.blocks[at].kind == BlockKind::Kind {
            return Some(None);
        }
        let Some(size) = self.blocks[at].size.clone() else {
            return Some(None);
        };
        self.blocks[at].axis = Some(Err(()));
        let axis = self.axis_of_size(at, &size)?;
        self.blocks[at].axis = Some(Ok(axis));
        Some(Some(axis))
    }

    fn axis_of_size(&mut self, at: BlockId, size: &ast::Size) -> Option<AxisId> {
        let (name, kind, parent) = (
            self.blocks[at].name.clone(),
            self.blocks[at].kind,
            self.blocks[at].parent.unwrap_or(0),
        );
        match size {
            ast::Size::Count(e) => {
                let (n, continuum) = self.population_size(e, parent, &name)?;
                let axis = Axis {
                    name,
                    size: n,
                    continuum,
                    kind: AxisKind::Population,
                };
                Some(self.b.add_axis(axis))
            }
            ast::Size::Binder(b) => match &b.over {
                ast::Range::Named(path) => self.set_axis(path, parent),
                ast::Range::Span(lo, hi) => {
                    let scope = self.constant_scope(parent, "a population's size");
                    let (l, _) = (self.whole_constant(lo, &scope)?, ());
                    if is_continuum(hi) {
                        let (n, continuum) = self.population_size(hi, parent, &name)?;
                        return Some(self.b.add_axis(Axis {
                            name,
                            size: n,
                            continuum,
                            kind: AxisKind::Population,
                        }));
                    }
                    let (n, continuum) = self.population_size(hi, parent, &name)?;
                    if kind == BlockKind::Market {
                        return self.range_axis(l, n as i64, b.span);
                    }
                    if l != 1 {
                        self.report(errors::members_from_one(b.span));
                        return None;
                    }
                    Some(self.b.add_axis(Axis {
                        name,
                        size: n,
                        continuum,
                        kind: AxisKind::Population,
                    }))
                }
            },
        }
    }

    /// Members that stand for a continuum.
    pub(super) fn members(&self) -> usize {
        // What `solve` says, else what `train` says.
        let of = |solve: bool| {
            let own = move |b: &ast::SettingsBlock| match b {
                ast::SettingsBlock::Solve => solve,
                ast::SettingsBlock::Train(_) => !solve,
                ast::SettingsBlock::Verify => false,
            };
            let blocks = self.settings_stmts.iter().filter(move |(block, _, _)| own(block));
            blocks.flat_map(|(_, items, _)| items)
        };
        let said = of(true).chain(of(false)).find_map(|item| {
            if !matches!(item.key.as_slice(), [k] if k.text == "members") {
                return None;
            }
            match item.value.kind {
                // Anything else is refused where the settings are read.
                ast::ExprKind::Number { value, .. } if (1.0..=super::MOST_MEMBERS as f64).contains(&value) => {
                    Some(value as usize)
                }
                _ => None,
            }
        });
        self.options.members.or(said).unwrap_or(1000).max(1)
    }

    fn population_size(&mut self, e: &ast::Expr, at: BlockId, name: &str) -> Option<(usize, bool)> {
        if self.means_continuum(e, at) {
            return Some((self.members(), true));
        }
        let scope = self.constant_scope(at, "a population's size");
        let x = self.number_constant(e, &scope)?;
        if x > super::MOST_MEMBERS as f64 {
            self.report(errors::population_too_large(name, x, e.span));
            return None;
        }
        if x.fract() != 0.0 || !(x >= 1.0) {
            self.report(errors::population_size(name, x, e.span));
            return None;
        }
        Some((x as usize, false))
    }

    fn means_continuum(&mut self, e: &ast::Expr, at: BlockId) -> bool {
        if is_continuum(e) {
            return true;
        }
        let ast::ExprKind::Path(p) = &e.kind else {
            return false;
        };
        if p.segments.len() != 1 {
            return false;
        }
        let Ok(Some(id)) = self.find_entity(at, &p.segments[0].name.text, e.span) else {
            return false;
        };
        match self.entities[id].decl.clone() {
            Decl::Param { value, .. } if is_continuum(&value) => {
                self.entities[id].used = true;
                true
            }
            _ => false,
        }
    }

    /// The axis a set's or a population's name stands for.
    pub(super) fn set_axis(&mut self, path: &Path, at: BlockId) -> Option<AxisId> {
        let word = &path.segments[path.segments.len() - 1].name.text;
        if path.segments.len() == 1
            && let Some(id) = self.find_entity(at, word, path.span).ok()?
        {
            if let Decl::Set { domain } = self.entities[id].decl.clone() {
                self.entities[id].used = true;
                return self.declared_set(id, &domain);
            }
            let (what, span) = (super::scope::kind_word(&self.entities[id].decl), self.entities[id].span);
            self.report(errors::not_a_set(word, what, path.span, Some(span)));
            return None;
        }
        if path.segments.len() == 1
            && let Some(axis) = self.role_axis(at, word)?
        {
            return Some(axis);
        }
        let mut block = self.find_block(at, &path.segments[0].name.text);
        for s in &path.segments[1..] {
            block = block.and_then(|b| {
                self.blocks[b]
                    .children
                    .iter()
                    .copied()
                    .find(|c| self.blocks[*c].name == s.name.text)
            });
        }
        let Some(block) = block else {
            let mut known: Vec<String> = self
                .entities
                .iter()
                .filter(|e| matches!(e.decl, Decl::Set { .. }))
                .map(|e| e.name.clone())
                .collect();
            known.extend(
                self.blocks
                    .iter()
                    .filter(|b| b.kind == BlockKind::Agent || b.kind == BlockKind::Group)
                    .map(|b| b.name.clone()),
            );
            self.report(errors::unknown_set(word, path.span, &known));
            return None;
        };
        if self.blocks[block].kind == BlockKind::Kind {
            return self.kind_axis(block);
        }
        match self.block_axis(block)? {
            Some(a) => Some(a),
            None => {
                let span = self.blocks[block].span;
                self.report(errors::not_a_set(word, "single agent", path.span, Some(span)));
                None
            }
        }
    }

    /// The axis of the participants in a role of a market definition: `Some(None)` if the word names no role here.
    fn role_axis(&mut self, at: BlockId, word: &str) -> Option<Option<AxisId>> {
        let agents = self.chain(at).iter().find_map(|b| {
            self.blocks[*b]
                .roles
                .iter()
                .find(|(r, _)| r == word)
                .map(|(_, a)| a.clone())
        });
        let Some(agents) = agents else { return Some(None) };
        let mut parts = Vec::new();
        for name in &agents {
            let block = self.find_block(at, name)?;
            parts.push(if self.blocks[block].kind == BlockKind::Kind {
                self.kind_axis(block)?
            } else {
                self.member_axis(block)?
            });
        }
        if let [one] = parts.as_slice() {
            return Some(Some(*one));
        }
        Some(Some(self.stack_axis(parts, &agents.join("+"))))
    }

    /// The axis of a kind: its agents' members one after the other.
    pub(super) fn kind_axis(&mut self, kind: BlockId) -> Option<AxisId> {
        let agents = self.blocks[kind].children.clone();
        let mut parts = Vec::new();
        for a in agents {
            parts.push(self.member_axis(a)?);
        }
        let name = self.blocks[kind].name.clone();
        Some(self.stack_axis(parts, &name))
    }

    /// The axis of an agent's members; single agents get an axis of one.
    pub(super) fn member_axis(&mut self, agent: BlockId) -> Option<AxisId> {
        match self.block_axis(agent)? {
            Some(a) => Some(a),
            None => {
                let name = self.blocks[agent].name.clone();
                let known = self.b.graph.axes.iter().position(|a| a.name == name && a.size == 1);
                Some(match known {
                    Some(i) => AxisId(i as u32),
                    None => self.b.add_axis(Axis {
                        name,
                        size: 1,
                        continuum: false,
                        kind: AxisKind::Population,
                    }),
                })
            }
        }
    }

    /// The axis of the members of `parts`, one axis per part, one part after the other in order.
    pub(super) fn stack_axis(&mut self, parts: Vec<AxisId>, name: &str) -> AxisId {
        let key: Vec<u32> = parts.iter().map(|a| a.0).collect();
        if let Some(a) = self.stacks.get(&key) {
            return *a;
        }
        let size = parts.iter().map(|a| self.b.axis(*a).size).sum();
        let continuum = parts.iter().all(|a| self.b.axis(*a).continuum) && !parts.is_empty();
        let axis = self.b.add_axis(Axis {
            name: name.into(),
            size,
            continuum,
            kind: AxisKind::Stack(parts),
        });
        self.stacks.insert(key, axis);
        axis
    }

    fn declared_set(&mut self, id: EntityId, domain: &ast::Domain) -> Option<AxisId> {
        if let Some(done) = self.memo[0].get(&(id, false)) {
            return done.map(|v| AxisId(v.node.0));
        }
        if self.stack.contains(&(id, false)) {
            let (name, span) = (self.entities[id].dotted.clone(), self.entities[id].span);
            self.report(errors::circle(&[(name, span)], domain.span));
            return None;
        }
        self.stack.push((id, false));
        let axis = self.declared_set_inside(id, domain);
        self.stack.pop();
        axis
    }

    fn declared_set_inside(&mut self, id: EntityId, domain: &ast::Domain) -> Option<AxisId> {
        let scope = self.constant_scope(self.entities[id].block, "an index set");
        let name = self.entities[id].name.clone();
        let axis = match &domain.kind {
            ast::DomainKind::Range(lo, hi) => {
                let (lo_n, hi_n) = (self.whole_constant(lo, &scope)?, self.whole_constant(hi, &scope)?);
                if hi_n < lo_n || hi_n - lo_n >= super::MOST_MEMBERS {
                    self.report(errors::empty_set(&name, lo_n, hi_n, domain.span));
                    return None;
                }
                let a = self.b.add_axis(Axis {
                    name,
                    size: (hi_n - lo_n + 1) as usize,
                    continuum: false,
                    kind: AxisKind::Set,
                });
                self.set_info(a, lo_n, Vec::new());
                a
            }
            ast::DomainKind::Finite(items) => {
                let labels = items.iter().map(|(e, _)| self.word_of(e)).collect::<Option<Vec<_>>>();
                let Some(labels) = labels else {
                    self.report(errors::set_of_words(domain.span));
                    return None;
                };
                self.distinct(&labels, domain.span)?;
                let a = self.b.add_axis(Axis {
                    name,
                    size: labels.len(),
                    continuum: false,
                    kind: AxisKind::Set,
                });
                self.set_info(a, 1, labels);
                a
            }
            _ => {
                self.report(errors::set_of_words(domain.span));
                return None;
            }
        };
        self.memo[0].insert(
            (id, false),
            Some(Value {
                node: NodeId(axis.0),
                ty: Ty::Number,
            }),
        );
        Some(axis)
    }

    /// The axis of an anonymous range; equal ranges are the same set.
    pub(super) fn range_axis(&mut self, lo: i64, hi: i64, span: Span) -> Option<AxisId> {
        if hi < lo || hi - lo >= super::MOST_MEMBERS {
            self.report(errors::empty_set(&format!("{lo}..{hi}"), lo, hi, span));
            return None;
        }
        if let Some(a) = self.ranges.get(&(lo, hi)) {
            return Some(*a);
        }
        let a = self.b.add_axis(Axis {
            name: format!("{lo}..{hi}"),
            size: (hi - lo + 1) as usize,
            continuum: false,
            kind: AxisKind::Set,
        });
        self.set_info(a, lo, Vec::new());
        self.ranges.insert((lo, hi), a);
        Some(a)
    }

    /// Sets the number of the first member of an axis and its labels, one per member (empty: none).
    pub(super) fn set_info(&mut self, a: AxisId, first: i64, labels: Vec<String>) {
        while self.model.sets.len() <= a.0 as usize {
            self.model.sets.push(super::model::SetInfo {
                first: 1,
                labels: Vec::new(),
            });
        }
        self.model.sets[a.0 as usize] = super::model::SetInfo { first, labels };
    }

    /// Number of the first member and labels of a set.
    pub(super) fn info(&self, a: AxisId) -> super::model::SetInfo {
        let base = self.b.base(a);
        self.model
            .sets
            .get(base.0 as usize)
            .cloned()
            .unwrap_or(super::model::SetInfo {
                first: 1,
                labels: Vec::new(),
            })
    }

    /// The axis a binder ranges over and what it stands for; a second copy if the axis is already in use.
    pub(super) fn bind(&mut self, binder: &ast::Binder, scope: &Scope) -> Option<Bound> {
        let (axis, member_of) = match &binder.over {
            ast::Range::Span(lo, hi) => {
                let s = self.constant_scope(scope.block, "a range");
                let (l, h) = (self.whole_constant(lo, &s)?, self.whole_constant(hi, &s)?);
                (self.range_axis(l, h, binder.span)?, None)
            }
            ast::Range::Named(path) => {
                let axis = self.set_axis(path, scope.block)?;
                let is_block = !matches!(
                    self.find_entity(scope.block, &path.segments[0].name.text, path.span),
                    Ok(Some(_))
                );
                let mut block = if is_block {
                    self.find_block(scope.block, &path.segments[0].name.text)
                } else {
                    None
                };
                for s in &path.segments[1..] {
                    block = block.and_then(|b| {
                        self.blocks[b]
                            .children
                            .iter()
                            .copied()
                            .find(|c| self.blocks[*c].name == s.name.text)
                    });
                }
                (axis, block)
            }
        };
        let axis = self.fresh(axis, &scope.bound);
        Some(Bound { axis, member_of })
    }

    /// The axis itself, or its first copy that is not in the list `bound` of axes in use.
    pub(super) fn fresh(&mut self, axis: AxisId, bound: &[AxisId]) -> AxisId {
        let mut a = axis;
        let mut n = 1;
        while bound.contains(&a) {
            a = self.b.alias(axis, n);
            n += 1;
        }
        a
    }
}

pub(super) fn is_continuum(e: &ast::Expr) -> bool {
    matches!(e.kind, ast::ExprKind::Continuum)
}
