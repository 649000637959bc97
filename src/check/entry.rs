//! Free entry: what a life that begins is worth, `entry_value(firm)`, and how many members there are, `mass M`.
//!
//! ```text
//! agent firm[continuum] mass M { .. }
//! market goods {
//!   price p in [0.1, 10] clears beta * entry_value(firm) == cost   # ok: the price at which entrants break even
//!   aggregate M = 100 / (p * mean(firm.y))                         # ok: as many firms as meet demand at that price
//! }
//! let v = entry_value(owner)  # E0718 where `owner` is one agent: nobody enters
//! ```
//!
//! A value is known to a solution only, so the graph has an input for it; the value of one population is one input.

use super::{BlockId, BlockKind, Checker, Decl, Primes, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{InputKind, Interval, NodeId, Op, Phase};
use crate::syntax::ast::{self, Arg, ExprKind};

impl Checker<'_> {
    /// `entry_value(firm)`: what a life that begins now is worth to a member of a continuum, before its first draws are known.
    pub(super) fn entry_value(&mut self, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let [arg] = args else {
            self.report(errors::argument_count("entry_value", &["population"], args.len(), span));
            return None;
        };
        let at = arg.value.span;
        let word = match &arg.value.kind {
            ExprKind::Path(p) => p
                .segments
                .last()
                .filter(|s| p.segments.len() == 1 && !s.primed && s.index.is_empty()),
            _ => None,
        };
        let block = word.and_then(|s| self.find_block(scope.block, &s.name.text));
        let Some(block) = block.filter(|b| self.blocks[*b].kind == BlockKind::Agent) else {
            self.report(errors::entry_of_what(at));
            return None;
        };
        let (name, declared) = (self.block_path(block), self.blocks[block].span);
        let axes = self.block_axes(block)?;
        if !matches!(axes.as_slice(), [one] if self.b.axis(*one).continuum) {
            self.report(errors::entry_without_continuum(&name, at, declared));
            return None;
        }
        let kind = InputKind::EntryValue(self.agent_number(&name));
        let known = self.b.graph.nodes.iter().position(|n| match n.op {
            Op::Input(i) => self.b.graph.inputs[i.0 as usize].kind == kind,
            _ => false,
        });
        let node = match known {
            Some(n) => NodeId(n as u32),
            None => {
                let label = format!("entry_value({name})");
                self.b
                    .input(&label, kind, Vec::new(), Interval::all(), Phase::Dated, span)
                    .1
            }
        };
        Some(Value { node, ty: Ty::Number })
    }

    /// Mass of a continuum, one if none is given or an aggregate says it.
    pub(super) fn mass_of(&mut self, at: BlockId) -> f64 {
        let Some(e) = self.blocks[at].mass.clone() else {
            return 1.0;
        };
        if self.aggregate_named(at, &e).is_some() {
            return 1.0;
        }
        let scope = self.constant_scope(self.blocks[at].parent.unwrap_or(0), "a mass");
        match self.number_constant(&e, &scope) {
            Some(m) if m > 0.0 => m,
            Some(m) => {
                self.report(errors::mass_not_positive(m, e.span));
                1.0
            }
            None => 1.0,
        }
    }

    /// The aggregate (or price) that is the mass of a continuum, `mass M`.
    pub(super) fn found_mass(&mut self, at: BlockId) -> Option<NodeId> {
        let e = self.blocks[at].mass.clone()?;
        let declared = self.aggregate_named(at, &e)?;
        let scope = self.block_scope(self.blocks[at].parent.unwrap_or(0), Primes::States)?;
        let v = self.expr(&e, &scope)?;
        if !self.b.shape(v.node).is_empty() {
            self.report(errors::mass_of_several(e.span, declared));
            return None;
        }
        Some(v.node)
    }

    /// Where the aggregate is declared that is the mass of a continuum.
    pub(super) fn found_mass_at(&mut self, at: BlockId) -> Option<Span> {
        let e = self.blocks[at].mass.clone()?;
        self.aggregate_named(at, &e)
    }

    /// Where the aggregate or price is declared that an expression names, if it names one.
    fn aggregate_named(&mut self, at: BlockId, e: &ast::Expr) -> Option<Span> {
        let ExprKind::Path(p) = &e.kind else {
            return None;
        };
        let parent = self.blocks[at].parent.unwrap_or(0);
        let found = match p.segments.as_slice() {
            [one] => self.find_entity(parent, &one.name.text, p.span).ok()??,
            [market, name] => {
                let block = self.find_block(parent, &market.name.text)?;
                *self.blocks[block].names.get(&name.name.text)?
            }
            _ => return None,
        };
        let aggregate = matches!(self.entities[found].decl, Decl::Price { .. });
        aggregate.then(|| self.entities[found].span)
    }
}
