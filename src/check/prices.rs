//! Prices and aggregates, markets that clear by finding a price, and what blocks give to each other.

use super::model::Price;
use super::{Checker, Decl, EntityId, Primes, Ty, Value, errors};
use crate::graph::{AxisKind, Binary, InputKind, Interval, NodeId, Op, Phase, Root};
use crate::syntax::ast::{self};
use std::collections::HashMap;

impl Checker<'_> {
    pub(super) fn price(
        &mut self,
        id: EntityId,
        aggregate: bool,
        domain: Option<&ast::Domain>,
        form: &ast::PriceForm,
    ) -> Option<Value> {
        let block = self.entities[id].block;
        let (name, span) = (self.entities[id].dotted.clone(), self.entities[id].span);
        let owner = self.owner_agent(id);
        let v = match form {
            ast::PriceForm::Is(e) => {
                let scope = self.block_scope(block, Primes::States)?;
                let v = self.defined(id, e, scope)?;
                let node = self.numeric(v, e.span)?;
                Value { node, ty: Ty::Number }
            }
            ast::PriceForm::Clears(lhs, rhs) => self.clears(id, domain, lhs, rhs)?,
            ast::PriceForm::Posted => return None,
        };
        let clears = matches!(form, ast::PriceForm::Clears(..));
        // While a market is being cleared the same price reads the unknown; what counts is what it reads afterwards.
        if let Some(p) = self.model.prices.iter_mut().find(|p| p.name == name) {
            p.node = v.node;
        } else {
            self.model.prices.push(Price {
                name,
                aggregate,
                node: v.node,
                clears,
                state: None,
                owner,
                span,
            });
        }
        Some(v)
    }

    /// `price p clears a == b`: the unknown is an input while both sides are elaborated; what was elaborated meanwhile
    /// is forgotten, since afterwards the same names read the solution. Prices met on the way join the problem.
    fn clears(
        &mut self,
        id: EntityId,
        domain: Option<&ast::Domain>,
        lhs: &ast::Expr,
        rhs: &ast::Expr,
    ) -> Option<Value> {
        let (node, input) = self.unknown_price(id, domain)?;
        if !self.solving.is_empty() {
            self.solving.push((id, input, node));
            return Some(Value { node, ty: Ty::Number });
        }
        self.solving.push((id, input, node));
        // Whatever is being elaborated outside reads the solution later; inside, the same names read the unknown.
        let outside = std::mem::replace(&mut self.stack, vec![(id, false)]);
        self.memo.push(HashMap::new());
        let (mut residuals, mut brackets, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        let mut sides = vec![(id, lhs.clone(), rhs.clone(), domain.cloned())];
        let mut ok = true;
        let mut k = 0;
        while k < self.solving.len() {
            let (price, _, unknown) = self.solving[k];
            if k > 0 {
                let Decl::Price {
                    form: ast::PriceForm::Clears(l, r),
                    domain,
                    ..
                } = self.entities[price].decl.clone()
                else {
                    break;
                };
                sides.push((price, l, r, domain));
            }
            let (_, l, r, d) = sides[k].clone();
            match self.excess(price, &l, &r, unknown) {
                Some(node) => residuals.push(node),
                None => ok = false,
            }
            brackets.push(self.bracket(price, d.as_ref(), unknown));
            spans.push(l.span.to(r.span));
            k += 1;
        }
        self.memo.pop();
        self.stack = outside;
        let solved = std::mem::take(&mut self.solving);
        if !ok {
            for (e, _, _) in &solved {
                self.memo[0].insert((*e, false), None);
            }
            return None;
        }
        let unknowns: Vec<_> = solved.iter().map(|(_, i, _)| *i).collect();
        let nodes: Vec<NodeId> = solved.iter().map(|(_, _, n)| *n).collect();
        let values = self.b.root(
            Root {
                unknowns,
                residuals,
                brackets,
                spans,
            },
            &nodes,
        );
        for ((e, _, _), node) in solved.iter().zip(&values) {
            self.memo[0].insert(
                (*e, false),
                Some(Value {
                    node: *node,
                    ty: Ty::Number,
                }),
            );
            if *e != id {
                let (name, span, owner) = (
                    self.entities[*e].dotted.clone(),
                    self.entities[*e].span,
                    self.owner_agent(*e),
                );
                let aggregate = matches!(self.entities[*e].decl, Decl::Price { aggregate: true, .. });
                // While it was being solved for, the price was the unknown.
                if let Some(p) = self.model.prices.iter_mut().find(|p| p.name == name) {
                    p.node = *node;
                } else {
                    self.model.prices.push(Price {
                        name,
                        aggregate,
                        node: *node,
                        clears: true,
                        state: None,
                        owner,
                        span,
                    });
                }
            }
        }
        Some(Value {
            node: values[0],
            ty: Ty::Number,
        })
    }

    fn unknown_price(&mut self, id: EntityId, domain: Option<&ast::Domain>) -> Option<(NodeId, crate::graph::InputId)> {
        let shape = self.axes_of(id)?;
        let (name, span) = (self.entities[id].dotted.clone(), self.entities[id].span);
        let scope = self.constant_scope(self.entities[id].block, "a price's domain");
        let interval = match domain {
            Some(d) => self.domain(d, &scope)?.interval,
            None => Interval::open(0.0, f64::INFINITY),
        };
        let number = self
            .b
            .graph
            .inputs
            .iter()
            .filter(|i| matches!(i.kind, InputKind::Unknown(_)))
            .count();
        let (input, node) = self.b.input(
            &name,
            InputKind::Unknown(number),
            shape,
            interval,
            Phase::Constant,
            span,
        );
        Some((node, input))
    }

    fn excess(&mut self, id: EntityId, lhs: &ast::Expr, rhs: &ast::Expr, unknown: NodeId) -> Option<NodeId> {
        let scope = self.block_scope(self.entities[id].block, Primes::States)?;
        let span = lhs.span.to(rhs.span);
        let (a, b) = (self.expr(lhs, &scope)?, self.expr(rhs, &scope)?);
        let (x, y) = (self.numeric(a, lhs.span)?, self.numeric(b, rhs.span)?);
        self.align(x, y, lhs.span, rhs.span, span, &scope)?;
        let node = self.b.binary(Binary::Sub, x, y, span);
        let allowed = self.b.shape(unknown).clone();
        let v = self.fits(Value { node, ty: Ty::Number }, &allowed, span, id)?;
        if !self.moves_with_price(v.node, unknown) {
            let name = self.entities[id].name.clone();
            self.report(errors::fixed_before_price(&name, span, self.entities[id].span));
            return None;
        }
        Some(v.node)
    }

    /// Whether a node reads the unknown, or an action that is a schedule.
    fn moves_with_price(&self, node: NodeId, unknown: NodeId) -> bool {
        let scheduled: Vec<NodeId> = self
            .model
            .actions
            .iter()
            .enumerate()
            .filter(|(n, _)| self.schedules_of.iter().any(|(k, _)| k == n))
            .map(|(_, a)| a.node)
            .collect();
        let input = |i: crate::graph::InputId| match self.b.graph.inputs[i.0 as usize].kind {
            InputKind::Action(a) => self.schedule_declared(a),
            // What a life is worth moves with every price.
            InputKind::EntryValue(_) => true,
            _ => false,
        };
        self.b
            .graph
            .below([node])
            .any(|(id, at)| id == unknown || scheduled.contains(&id) || matches!(at.op, Op::Input(i) if input(i)))
    }

    fn schedule_declared(&self, action: usize) -> bool {
        self.entities
            .iter()
            .any(|e| matches!(&e.decl, Decl::Action { number, given, .. } if *number == action && !given.is_empty()))
    }

    fn bracket(&mut self, id: EntityId, domain: Option<&ast::Domain>, unknown: NodeId) -> (NodeId, NodeId) {
        let d = self.b.node(unknown).domain;
        let span = domain.map_or(self.entities[id].span, |d| d.span);
        let (lo, hi) = ends(d.lo, d.hi, d.lo_open, d.hi_open);
        (self.b.constant(lo, span), self.b.constant(hi, span))
    }

    pub(super) fn give(&mut self, id: EntityId, giver: usize, target: &ast::Path, value: &ast::Expr) -> Option<Value> {
        let scope = self.block_scope(giver, Primes::States)?;
        let v = self.expr(value, &scope)?;
        let receiver = self.block_axes(self.entities[id].block)?;
        let mut allowed = receiver.clone();
        for a in &scope.bound {
            if !allowed.contains(a) {
                allowed.push(*a);
            }
        }
        let last = &target.segments[target.segments.len() - 1];
        if last.index.is_empty() {
            // Without brackets the receiver gets what its shape holds; further sets of its own follow, and in the
            // instance of a definition the other side's members (an order to each seller).
            let instance = self.blocks[giver].instance.is_some();
            for a in self.b.shape(v.node).clone() {
                if !allowed.contains(&a) && (instance || matches!(self.b.axis(a).kind, AxisKind::Set)) {
                    allowed.push(a);
                }
            }
        }
        self.fits(v, &allowed, value.span, id)
    }
}

/// The bracket of a price from its domain: infinite ends stay infinite (they are scanned outwards), open ends are left out by as little as
/// the size of the numbers allows.
fn ends(lo: f64, hi: f64, lo_open: bool, hi_open: bool) -> (f64, f64) {
    let width = if (hi - lo).is_finite() { hi - lo } else { 1.0 };
    let step = |end: f64| (1e-12 * width.min(1.0)).max(4.0 * f64::EPSILON * end.abs());
    (
        if lo_open && lo.is_finite() { lo + step(lo) } else { lo },
        if hi_open && hi.is_finite() { hi - step(hi) } else { hi },
    )
}

#[cfg(test)]
mod tests {
    use super::ends;

    #[test]
    fn open_ends_are_left_out_by_little_and_infinite_ones_kept() {
        assert_eq!(ends(0.0, f64::INFINITY, true, true), (1e-12, f64::INFINITY));
        let (lo, hi) = ends(0.0, 1e-6, true, false);
        assert!((lo / 1e-18 - 1.0).abs() < 1e-9 && hi == 1e-6);
        assert_eq!(ends(-3.0, 5.0, false, false), (-3.0, 5.0));
        let (lo, hi) = ends(1e9, 2e9, true, true);
        assert!(lo > 1e9 && lo < 1e9 + 1.0 && hi < 2e9 && hi > 2e9 - 1.0);
        assert_eq!(ends(f64::NEG_INFINITY, 0.0, true, false), (f64::NEG_INFINITY, 0.0));
    }
}
