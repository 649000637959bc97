//! `observe`: what an agent sees, and what it sees by default.

use super::model::{self, DrawWhen, Observation};
use super::{BlockId, BlockKind, Checker, Decl, EntityId, Primes, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::Phase;
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, ObserveItem};
use crate::syntax::print::print_expr;

impl Checker<'_> {
    /// Whether an agent acts at a stage at which something of this phase is known, and at an earlier one, too.
    fn acts_later(&self, agent: usize, phase: Phase) -> bool {
        let mut stages = self.model.agents[agent]
            .actions
            .iter()
            .map(|a| self.model.actions[*a].stage);
        stages.any(|s| s > 0 && phase <= Phase::Acted(s as u8 - 1))
    }

    /// Adds a list of observations, in order, to agent number `number` of block `at`, where `when` holds.
    pub(super) fn observe(&mut self, at: BlockId, number: usize, items: &[ObserveItem], when: Option<&Expr>) {
        if let Some(w) = when {
            let scope = self.constant_scope(at, "an information mode");
            let Some(v) = self.expr(w, &scope) else {
                return;
            };
            let Some(x) = self.b.constant_value(v.node) else {
                self.report(errors::not_constant(w.span, self.b.node(v.node).phase, false));
                return;
            };
            if x == 0.0 {
                // Names read only in the other mode count as used; what makes states or draws is left alone.
                let kept = self.model.agents[number].observation.len();
                let plain: Vec<ObserveItem> = items.iter().filter(|i| !remembers_or_draws(i)).cloned().collect();
                self.observed_items(at, number, &plain);
                self.model.agents[number].observation.truncate(kept);
                return;
            }
        }
        self.observed_items(at, number, items);
    }

    fn observed_items(&mut self, at: BlockId, number: usize, items: &[ObserveItem]) {
        for item in items {
            match item {
                ObserveItem::All(span) => self.observe_all(at, number, *span),
                ObserveItem::Value(e) => self.observe_value(at, number, e),
                ObserveItem::Signal { name, dist } => self.observe_signal(at, number, name, dist),
            }
        }
    }

    fn observe_value(&mut self, at: BlockId, number: usize, e: &Expr) {
        if let ExprKind::Binary {
            op: BinaryOp::And,
            lhs,
            rhs,
        } = &e.kind
            && [lhs, rhs].iter().all(|side| matches!(side.kind, ExprKind::Path(_)))
        {
            let (a, b) = (print_expr(lhs), print_expr(rhs));
            self.report(
                errors::number_as_condition(lhs.span)
                    .hint(format!("what is observed is listed with commas: `observe {a}, {b}`")),
            );
            return;
        }
        // `last(x, 4)`: the last four values, most recent first.
        if let ExprKind::Call { name, args } = &e.kind
            && name.text == "last"
            && args.len() == 2
        {
            let scope = self.constant_scope(at, "a number of periods");
            let Some(n) = self.whole_constant(&args[1].value, &scope) else {
                return;
            };
            if !(1..=1000).contains(&n) {
                self.report(errors::not_whole(n as f64, args[1].value.span));
                return;
            }
            for i in 1..=n {
                let mut one = e.clone();
                if let ExprKind::Call { args, name } = &mut one.kind {
                    name.text = "lag".into();
                    args[1].value.kind = ExprKind::Number {
                        value: i as f64,
                        text: i.to_string(),
                    };
                }
                self.observe_value(at, number, &one);
            }
            return;
        }
        let Some(scope) = self.block_scope(at, Primes::None("an observation")) else {
            return;
        };
        let waiting = self.hit_pending.take();
        let (v, reads) = self.capture(|c| c.expr(e, &scope));
        if self.hit_pending.is_some() {
            self.left_out
                .push(format!("an observation of {}", self.model.agents[number].name));
        }
        self.hit_pending = waiting;
        let Some(v) = v else { return };
        self.add_observation(number, &super::model_text(e), v, &reads, e.span);
    }

    fn add_observation(&mut self, number: usize, name: &str, v: Value, reads: &[EntityId], span: Span) {
        let (node, links) = match v.ty {
            Ty::Link { index, shock } => {
                let n = match &self.model.shocks[shock].process {
                    model::Process::Chain { values, .. } => Some(values.len()),
                    _ => None,
                };
                (index, n)
            }
            Ty::Choice { index, set, .. } => (index, Some(self.choices[set].len())),
            Ty::Number | Ty::Bool => (v.node, None),
        };
        let phase = self.b.node(node).phase;
        let first_stage = self.model.agents[number]
            .actions
            .iter()
            .map(|a| self.model.actions[*a].stage)
            .min();
        let limit = match first_stage {
            Some(s) if s > 0 => Phase::Acted(s as u8 - 1),
            _ => Phase::Observed,
        };
        if phase > limit {
            let chain = self.why_late(reads, limit);
            let late = errors::too_early(
                &format!("an observation of {}", self.model.agents[number].name),
                span,
                phase,
                &chain,
            );
            let noise = chain
                .last()
                .and_then(|(name, _)| self.model.noises.iter().find(|n| n.name == *name));
            self.report(match noise.map(|n| n.name.rsplit('.').next().unwrap_or_default()) {
                Some(noise) => errors::observes_noise(late, noise),
                None if self.acts_later(number, phase) => {
                    errors::observes_own_stage(late, &self.model.agents[number].name)
                }
                None => late,
            });
            return;
        }
        let state = self.model.states.iter().position(|s| s.node == node);
        let shock = self.model.shocks.iter().position(|s| match v.ty {
            Ty::Link { shock, .. } => self.model.shocks[shock].name == s.name,
            _ => s.node == node,
        });
        self.model.agents[number].observation.push(Observation {
            name: name.to_string(),
            node,
            links,
            state,
            shock,
            span,
        });
    }

    fn observe_signal(&mut self, at: BlockId, number: usize, name: &ast::Name, dist: &Expr) {
        let Some(mut scope) = self.block_scope(at, Primes::None("a private signal")) else {
            return;
        };
        scope.draws = Some((
            DrawWhen::Observe,
            scope.bound.clone(),
            format!("{}.{}", self.block_path(at), name.text),
        ));
        let (v, reads) = self.capture(|c| c.expr(dist, &scope));
        if let Some(v) = v {
            self.add_observation(number, &name.text, v, &reads, dist.span);
        }
    }

    /// `observe all`: everything known by phase 2.
    fn observe_all(&mut self, at: BlockId, number: usize, span: Span) {
        for id in 0..self.entities.len() {
            if matches!(
                self.entities[id].decl,
                Decl::State { .. } | Decl::Shock { .. } | Decl::Price { .. }
            ) || self.forward_number_alone(id)
            {
                self.observe_entity(at, number, id, span);
            }
        }
    }

    /// Own states and shocks, top-level and group states and shocks, prices and aggregates of phase 1.
    pub(super) fn default_observation(&mut self, at: BlockId, number: usize) {
        let chain = self.chain(at);
        let span = self.blocks[at].span;
        for id in 0..self.entities.len() {
            let owner = self.entities[id].block;
            let own = chain.contains(&owner);
            let market = self.blocks[owner].kind == BlockKind::Market;
            let seen = match &self.entities[id].decl {
                Decl::State { price, .. } => own || (market && price.is_some()),
                Decl::Shock { .. } => own,
                Decl::Price { .. } => own || market,
                Decl::Forward { over, .. } => over.is_empty() && (own || market),
                _ => false,
            };
            if seen {
                self.observe_entity(at, number, id, span);
            }
        }
    }

    fn observe_entity(&mut self, at: BlockId, number: usize, id: EntityId, span: Span) {
        let owner = self.entities[id].block;
        if self.blocks[owner].kind == BlockKind::Kind
            || self.blocks[owner].names.get(&self.entities[id].name) != Some(&id)
        {
            return;
        }
        let Some(scope) = self.block_scope(at, Primes::None("an observation")) else {
            return;
        };
        let used = self.entities[id].used;
        let Some(v) = self.entity(id, false, &scope, span) else {
            return;
        };
        self.entities[id].used = used || !matches!(self.entities[id].decl, Decl::Shock { .. });
        let mut v = v;
        for a in self.b.shape(v.node).clone() {
            // States and shocks of other agents are private: the default leaves them out.
            if !scope.bound.contains(&a) && !matches!(self.b.axis(a).kind, crate::graph::AxisKind::Set) {
                let chain = self.chain(at);
                if chain.contains(&owner) || self.blocks[owner].kind == BlockKind::Market {
                    continue;
                }
                let to = self.fresh(a, &scope.bound);
                v = self.relabel(v, a, to, span);
            }
        }
        if self.b.node(v.node).phase <= Phase::Observed {
            let name = self.entities[id].name.clone();
            self.add_observation(number, &name, v, &[], span);
        }
    }
}

/// Whether an observation is a private signal or reads a lag.
fn remembers_or_draws(item: &ObserveItem) -> bool {
    match item {
        ObserveItem::All(_) => false,
        ObserveItem::Signal { .. } => true,
        ObserveItem::Value(e) => {
            let text = super::model_text(e);
            text.contains("last(") || text.contains("lag(")
        }
    }
}
