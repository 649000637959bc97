//! States: where they may lie, their laws of motion and first values.

use super::model::{self, DrawWhen, Price, State};
use super::{Checker, Decl, EntityId, Primes, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{Axis, AxisId, AxisKind, InputKind, NodeId, Phase};
use crate::syntax::ast::{self};

impl Checker<'_> {
    /// The axes of a declaration, outermost first: those of its block, then those in its brackets.
    pub(super) fn axes_of(&mut self, id: EntityId) -> Option<Vec<AxisId>> {
        let mut axes = self.block_axes(self.entities[id].block)?;
        for a in self.index_axes(id)? {
            if axes.contains(&a) {
                let e = &self.entities[id];
                self.report(errors::repeated_axis(
                    &e.name.clone(),
                    &self.b.axis(a).name.clone(),
                    e.span,
                ));
                return None;
            }
            axes.push(a);
        }
        Some(axes)
    }

    pub(super) fn owner_agent(&self, id: EntityId) -> Option<usize> {
        let block = self.entities[id].block;
        let path = self.block_path(block);
        (self.blocks[block].kind == super::BlockKind::Agent).then(|| self.agent_number(&path))
    }

    /// Agents are numbered in order of declaration.
    pub(super) fn agent_number(&self, path: &str) -> usize {
        (0..self.blocks.len())
            .filter(|b| self.blocks[*b].kind == super::BlockKind::Agent)
            .position(|b| self.block_path(b) == path)
            .unwrap_or(0)
    }

    pub(super) fn state(&mut self, id: EntityId, domain: &ast::Domain) -> Option<Value> {
        let shape = self.axes_of(id)?;
        let scope = self.constant_scope(self.entities[id].block, "a state's domain");
        let waiting = self.hit_pending.take();
        let d = self.domain(domain, &scope);
        if let Some(p) = self.hit_pending.take() {
            let span = self.entities.iter().find(|e| e.dotted == p).map(|e| e.span);
            self.report(errors::solve_circle(
                &self.entities[id].dotted.clone(),
                domain.span,
                &p,
                span,
            ));
            return None;
        }
        self.hit_pending = waiting;
        let d = d?;
        let (dotted, span, doc) = (
            self.entities[id].dotted.clone(),
            self.entities[id].span,
            self.entities[id].doc.clone(),
        );
        let number = self.model.states.len();
        let (input, node) = self
            .b
            .input(&dotted, InputKind::State(number), shape, d.interval, Phase::Dated, span);
        let labels = d.choice.map_or(Vec::new(), |c| self.choices[c].clone());
        let owner = self.owner_agent(id);
        self.model.states.push(State {
            name: dotted.clone(),
            owner,
            input,
            node,
            domain: d.interval,
            own: d.own,
            labels,
            grid: d.grid,
            start: None,
            next: node,
            span,
            doc,
        });
        let posted = if let Decl::State { number: n, price, .. } = &mut self.entities[id].decl {
            *n = number;
            *price
        } else {
            None
        };
        if let Some(aggregate) = posted {
            self.model.prices.push(Price {
                name: dotted,
                aggregate,
                node,
                clears: false,
                state: Some(number),
                owner,
                span,
            });
        }
        let ty = match d.choice {
            Some(set) => Ty::Choice {
                index: node,
                set,
                numeric: false,
            },
            None => Ty::Number,
        };
        Some(Value { node, ty })
    }

    pub(super) fn law(&mut self, id: EntityId, target: &ast::Path, value: &ast::Expr, at: Span) -> Option<Value> {
        let block = self.entities[id].block;
        let mut scope = self.block_scope(block, Primes::All)?;
        let segment = &target.segments[0];
        let own = self.index_axes(id)?;
        let mut pairs = Vec::new();
        if !segment.index.is_empty() {
            if segment.index.len() != own.len() {
                self.report(errors::wrong_index(
                    &segment.name.text,
                    own.len(),
                    segment.index.len(),
                    target.span,
                    self.entities[id].span,
                ));
                return None;
            }
            for (i, declared) in segment.index.iter().zip(&own) {
                let ast::Index::Binder(b) = i else {
                    self.report(errors::law_needs_binder(
                        &segment.name.text,
                        &self.b.axis(*declared).name.clone(),
                        target.span,
                    ));
                    return None;
                };
                let bound = self.bind(b, &scope)?;
                if self.b.base(bound.axis) != *declared {
                    let (have, want) = (self.shape_text(&[bound.axis]), self.shape_text(&[*declared]));
                    self.report(errors::left_side_shape(
                        &segment.name.text,
                        b.span,
                        &have,
                        self.entities[id].span,
                        &want,
                    ));
                    return None;
                }
                scope.bound.push(bound.axis);
                scope.binders.push((b.var.text.clone(), bound));
                pairs.push((bound.axis, *declared));
            }
        }
        if let Decl::State { number, .. } = self.entities[id].decl
            && let Some(set) = self.label_set_of_state(number)
        {
            scope.labels = Some(super::LabelSource::Choice(set));
        }
        let mut v = self.expr(value, &scope)?;
        for (used, declared) in pairs {
            v = self.relabel(v, used, declared, value.span);
        }
        let allowed = self.axes_of(id)?;
        let v = self.fits(v, &allowed, value.span, id)?;
        let Decl::State { number, .. } = self.entities[id].decl else {
            return None;
        };
        let labelled = !self.model.states.get(number)?.labels.is_empty();
        let node = match v.ty {
            Ty::Choice { index, .. } if labelled => index,
            Ty::Bool => v.node,
            _ => self.numeric(v, value.span)?,
        };
        let d = self.model.states[number].domain;
        let got = self.b.node(node).domain;
        if d.integer && !got.integer && !labelled {
            self.report(errors::law_not_whole(
                &self.entities[id].name.clone(),
                value.span,
                self.entities[id].span,
            ));
            return None;
        }
        if d.intersect(got).is_empty() {
            self.report(errors::law_outside(
                &self.entities[id].name.clone(),
                got,
                d,
                value.span,
                self.entities[id].span,
            ));
            return None;
        }
        let _ = at;
        self.model.states[number].next = node;
        Some(Value { node, ty: v.ty })
    }

    fn label_set_of_state(&self, number: usize) -> Option<usize> {
        let labels = &self.model.states.get(number)?.labels;
        if labels.is_empty() {
            None
        } else {
            self.choices.iter().position(|c| c == labels)
        }
    }

    /// First values of states, once everything they may read is there.
    pub(super) fn starts(&mut self) {
        for (block, key, _, span) in self.lag_starts.clone() {
            let of = super::lags::remembered(&key);
            let agents = if self.blocks[block].kind == super::BlockKind::Kind {
                self.blocks[block].children.clone()
            } else {
                vec![block]
            };
            let read = agents.iter().any(|b| {
                self.blocks[*b].names.iter().any(|(n, id)| {
                    matches!(self.entities[*id].decl, Decl::Lag { .. }) && super::lags::remembered(n) == of
                })
            });
            if !read {
                self.report(errors::start_of_nothing(&key, span));
            }
        }
        for id in 0..self.entities.len() {
            if !self.is_declared(id) || self.blocks[self.entities[id].block].kind == super::BlockKind::Kind {
                continue;
            }
            let Decl::State { start, number, .. } = self.entities[id].decl.clone() else {
                continue;
            };
            if number == usize::MAX {
                continue;
            }
            let waiting = self.hit_pending.take();
            let node = self.start(id, start.as_ref(), number);
            if self.hit_pending.is_some() {
                self.left_out.push(format!("start of {}", self.entities[id].dotted));
            }
            self.hit_pending = waiting;
            self.model.states[number].start = node;
        }
    }

    pub(super) fn start(&mut self, id: EntityId, start: Option<&ast::Start>, number: usize) -> Option<NodeId> {
        let (name, span) = (self.entities[id].dotted.clone(), self.entities[id].span);
        let domain = self.model.states[number].domain;
        let shape = self.b.shape(self.model.states[number].node).clone();
        let start = start?;
        let mut scope = self.block_scope(self.entities[id].block, Primes::None("a first value"))?;
        scope.draws = Some((DrawWhen::Start, shape.clone(), name.clone()));
        if let Some(set) = self.label_set_of_state(number) {
            scope.labels = Some(super::LabelSource::Choice(set));
        }
        let (node, at) = match start {
            ast::Start::Random(at) => {
                if let Some(grid) = self.model.states[number].grid.clone() {
                    return self.random_on(&grid, &shape, &name, *at);
                }
                if !domain.lo.is_finite() || !domain.hi.is_finite() {
                    self.report(errors::random_start_unbounded(&name, domain, *at));
                    return None;
                }
                let (lo, hi) = (self.b.constant(domain.lo, *at), self.b.constant(domain.hi, *at));
                let family = if domain.integer {
                    model::Family::UniformInt
                } else {
                    model::Family::Uniform
                };
                (self.draw_of(family, &[lo, hi], &scope, *at)?, *at)
            }
            ast::Start::Value(e) => {
                let v = self.expr(e, &scope)?;
                let node = match v.ty {
                    Ty::Choice { index, .. } => index,
                    Ty::Bool => v.node,
                    _ => self.numeric(v, e.span)?,
                };
                let v = self.fits(Value { node, ty: v.ty }, &shape, e.span, id)?;
                (v.node, e.span)
            }
        };
        let got = self.b.node(node).domain;
        if self.b.node(node).phase > Phase::Dated {
            self.report(errors::not_constant(at, self.b.node(node).phase, false));
            return None;
        }
        if !domain.contains_all(got) {
            self.report(errors::start_outside(&name, got, domain, at, span));
            return None;
        }
        Some(node)
    }

    fn random_on(&mut self, grid: &[f64], shape: &[AxisId], name: &str, at: Span) -> Option<NodeId> {
        let mut scope = self.constant_scope(0, "a first value");
        scope.draws = Some((DrawWhen::Start, shape.to_vec(), name.into()));
        let zero = self.b.constant(0.0, at);
        let last = self.b.constant(grid.len() as f64 - 1.0, at);
        let pick = self.draw_of(model::Family::UniformInt, &[zero, last], &scope, at)?;
        let axis = self.b.add_axis(Axis {
            name: format!("1..{}", grid.len()),
            size: grid.len(),
            continuum: false,
            kind: AxisKind::Set,
        });
        let table = self.b.table(grid.to_vec(), vec![axis], at);
        Some(self.b.take(table, axis, pick, at))
    }
}
