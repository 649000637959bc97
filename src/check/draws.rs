//! Noises, private signals and random first values: quantile functions of uniform base draws.

use super::chance::{argument_names, family_of};
use super::lints::Fault;
use super::model::{self, DrawWhen, Family, Noise};
use super::{Checker, EntityId, Primes, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{AxisId, AxisKind, Binary, InputKind, Interval, NodeId, Phase, Unary};
use crate::syntax::ast::{self, Arg, Expr, ExprKind};

impl Checker<'_> {
    /// A distribution call inside an expression (`args` in the order typed), where the place allows draws.
    pub(super) fn draw(
        &mut self,
        name: &ast::Name,
        family: Family,
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<Value> {
        if scope.draws.is_none() {
            self.report(errors::draw_here(&name.text, span));
            return None;
        }
        let (node, _, _) = self.draw_parts(name, family, args, span, scope)?;
        Some(Value { node, ty: Ty::Number })
    }

    /// The value of a draw, its parameters and (for finite tables) its outcomes.
    #[allow(clippy::type_complexity)]
    fn draw_parts(
        &mut self,
        name: &ast::Name,
        family: Family,
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<(NodeId, Vec<NodeId>, Vec<(NodeId, NodeId)>)> {
        if family == Family::Discrete {
            let (values, p) = self.discrete_arrays(name, args, scope)?;
            if let (Some(xs), Some(ps)) = (self.b.constant_values(values), self.b.constant_values(p)) {
                self.probabilities(&ps, xs.len(), span)?;
            }
            let outcomes = self.outcomes(values, p, span)?;
            let u = self.base_draw(scope, span)?;
            let mut total = self.b.constant(0.0, span);
            let mut cumulative = Vec::new();
            for (_, p) in &outcomes {
                total = self.b.binary(Binary::Add, total, *p, span);
                cumulative.push(total);
            }
            let mut node = outcomes[outcomes.len() - 1].0;
            for i in (0..outcomes.len() - 1).rev() {
                let hit = self.b.binary(Binary::Lt, u, cumulative[i], span);
                node = self.b.select(hit, outcomes[i].0, node, span);
            }
            return Some((node, Vec::new(), outcomes));
        }
        let names = argument_names(family);
        let order = self.order_arguments(name, args, names)?;
        let mut nodes = Vec::new();
        for e in order {
            let Some(e) = e else {
                self.report(errors::argument_count(&name.text, names, args.len(), name.span));
                return None;
            };
            let mut inner = scope.clone();
            inner.draws = None;
            let v = self.expr(e, &inner)?;
            nodes.push((self.numeric(v, e.span)?, e.span));
        }
        let domain = |c: &Self, i: usize| c.b.node(nodes[i].0).domain;
        match family {
            Family::Normal | Family::Lognormal => {
                let d = domain(self, 1);
                if d.hi < 0.0 {
                    self.report(errors::negative_sd(d.hi, nodes[1].1));
                    return None;
                }
            }
            Family::UniformInt if !domain(self, 0).integer || !domain(self, 1).integer => {
                self.report(errors::index_not_whole("an end that need not be whole", span));
                return None;
            }
            Family::Bernoulli => {
                let d = domain(self, 0);
                if d.lo > 1.0 || d.hi < 0.0 || d.as_point().is_some_and(|p| !(0.0..=1.0).contains(&p)) {
                    self.report(errors::not_a_probability(
                        if d.lo > 1.0 { d.lo } else { d.hi },
                        nodes[0].1,
                    ));
                    return None;
                }
            }
            Family::Exponential | Family::Gumbel => {
                let d = domain(self, 0);
                if d.hi < 0.0 {
                    let what = if family == Family::Gumbel { "scale" } else { "mean" };
                    self.report(errors::negative_scale(what, d.hi, nodes[0].1));
                    return None;
                }
            }
            Family::Uniform | Family::UniformInt => {
                let (lo, hi) = (domain(self, 0), domain(self, 1));
                if hi.hi < lo.lo {
                    self.report(errors::empty_domain(lo.lo, hi.hi, span));
                    return None;
                }
            }
            Family::Discrete => {}
        }
        let scale = match family {
            Family::Normal | Family::Lognormal => Some(1),
            Family::Exponential | Family::Gumbel => Some(0),
            Family::UniformInt | Family::Bernoulli | Family::Uniform | Family::Discrete => None,
        };
        if let Some(i) = scale {
            let mut inner = scope.clone();
            inner.draws = None;
            self.suspect(Fault::Scale, nodes[i].0, nodes[i].1, &inner);
        }
        let args: Vec<NodeId> = nodes.iter().map(|(n, _)| *n).collect();
        let node = self.draw_of(family, &args, scope, span)?;
        Some((node, args, Vec::new()))
    }

    /// The quantile function of a family at a new base draw; `args` has one node per parameter of the family, in its
    /// order.
    pub(super) fn draw_of(&mut self, family: Family, args: &[NodeId], scope: &Scope, span: Span) -> Option<NodeId> {
        let u = self.base_draw(scope, span)?;
        let one = self.b.constant(1.0, span);
        let node = match family {
            Family::Normal | Family::Lognormal => {
                let e = self.b.unary(Unary::NormalQuantile, u, span);
                let scaled = self.b.binary(Binary::Mul, args[1], e, span);
                let x = self.b.binary(Binary::Add, args[0], scaled, span);
                if family == Family::Lognormal {
                    self.b.unary(Unary::Exp, x, span)
                } else {
                    x
                }
            }
            Family::Uniform => {
                let width = self.b.binary(Binary::Sub, args[1], args[0], span);
                let part = self.b.binary(Binary::Mul, width, u, span);
                let x = self.b.binary(Binary::Add, args[0], part, span);
                let (lo, hi) = (self.b.node(args[0]).domain, self.b.node(args[1]).domain);
                self.b.declare(x, Interval::closed(lo.lo, hi.hi));
                x
            }
            Family::UniformInt => {
                let width = self.b.binary(Binary::Sub, args[1], args[0], span);
                let n = self.b.binary(Binary::Add, width, one, span);
                let part = self.b.binary(Binary::Mul, n, u, span);
                let step = self.b.unary(Unary::Floor, part, span);
                let x = self.b.binary(Binary::Add, args[0], step, span);
                let (lo, hi) = (self.b.node(args[0]).domain, self.b.node(args[1]).domain);
                self.b.declare(x, Interval::integers(lo.lo, hi.hi));
                x
            }
            Family::Bernoulli => self.b.binary(Binary::Lt, u, args[0], span),
            Family::Exponential => {
                let minus = self.b.unary(Unary::Neg, u, span);
                let log = self.b.unary(Unary::Log1p, minus, span);
                let log = self.b.unary(Unary::Neg, log, span);
                self.b.binary(Binary::Mul, args[0], log, span)
            }
            Family::Gumbel => {
                let log = self.b.unary(Unary::Log, u, span);
                let minus = self.b.unary(Unary::Neg, log, span);
                let log = self.b.unary(Unary::Log, minus, span);
                let minus = self.b.unary(Unary::Neg, log, span);
                self.b.binary(Binary::Mul, args[0], minus, span)
            }
            Family::Discrete => return None,
        };
        Some(node)
    }

    fn base_draw(&mut self, scope: &Scope, span: Span) -> Option<NodeId> {
        let (when, shape, who) = scope.draws.clone()?;
        let phase = match when {
            DrawWhen::Start => Phase::Constant,
            DrawWhen::Observe => Phase::Observed,
            DrawWhen::After(stage) => {
                if (stage as usize) + 1 < self.model.stages.len().max(1) {
                    Phase::Acted(stage)
                } else {
                    Phase::Cleared
                }
            }
        };
        // A noise read while a market is being cleared is the same draw as afterwards.
        if matches!(when, DrawWhen::After(_))
            && let Some(d) = self.model.draws.iter().find(|d| d.name == who && d.when == when)
        {
            let input = d.input;
            return self.b.node_of_input(input);
        }
        let number = self.model.draws.len();
        let (input, node) = self.b.input(
            &format!("draw of {who}"),
            InputKind::Noise(number),
            shape.clone(),
            Interval::open(0.0, 1.0),
            phase,
            span,
        );
        self.model.draws.push(model::Draw {
            name: who,
            input,
            shape,
            when,
        });
        Some(node)
    }

    /// The arrays of values and of probabilities of `discrete(..)`, two nodes; `args` in the order typed.
    pub(super) fn discrete_arrays(
        &mut self,
        name: &ast::Name,
        args: &[Arg],
        scope: &Scope,
    ) -> Option<(NodeId, NodeId)> {
        let order = self.order_arguments(name, args, &["values", "probabilities"])?;
        let (Some(v), Some(p)) = (order[0], order[1]) else {
            self.report(errors::argument_count(
                "discrete",
                &["values", "probabilities"],
                args.len(),
                name.span,
            ));
            return None;
        };
        let mut inner = scope.clone();
        inner.draws = None;
        let v = self.expr(v, &inner)?;
        let before = self.diagnostics.len();
        let Some(p) = self.expr(p, &inner) else {
            errors::chances_are_numbers(&mut self.diagnostics[before..]);
            return None;
        };
        Some((v.node, p.node))
    }

    fn outcomes(&mut self, values: NodeId, p: NodeId, span: Span) -> Option<Vec<(NodeId, NodeId)>> {
        let only = |c: &Self, n: NodeId| -> Option<AxisId> {
            c.b.shape(n)
                .iter()
                .copied()
                .find(|a| c.b.axis(*a).name.contains("..") || matches!(c.b.axis(*a).kind, AxisKind::Set))
        };
        let (Some(a), Some(b)) = (only(self, values), only(self, p)) else {
            self.report(errors::empty_array(span));
            return None;
        };
        let (n, m) = (self.b.axis(a).size, self.b.axis(b).size);
        if n != m {
            self.report(errors::one_each(n, m, span));
            return None;
        }
        if n > 1000 {
            self.report(errors::too_many("outcomes of a draw", 1000, span));
            return None;
        }
        let mut out = Vec::new();
        for i in 0..n {
            let at = self.b.constant(i as f64, span);
            out.push((self.b.take(values, a, at, span), self.b.take(p, b, at, span)));
        }
        Some(out)
    }

    pub(super) fn noise(&mut self, id: EntityId, dist: &Expr, stage: Option<&ast::Name>) -> Option<Value> {
        let block = self.entities[id].block;
        let (dotted, span) = (self.entities[id].dotted.clone(), self.entities[id].span);
        let stage = match stage {
            Some(_) => self.stage_number(stage)?,
            None => self.model.stages.len().max(1) - 1,
        };
        let ExprKind::Call { name, args } = &dist.kind else {
            self.report(errors::not_a_distribution(dist.span));
            return None;
        };
        let Some(family) = family_of(&name.text) else {
            self.report(errors::noise_law(&name.text, dist.span));
            return None;
        };
        let mut shape = self.block_axes(block)?;
        for a in self.index_axes(id)? {
            shape.push(a);
        }
        let mut scope = self.block_scope(block, Primes::States)?;
        scope.draws = Some((DrawWhen::After(stage as u8), shape, dotted.clone()));
        let draw = self.model.draws.len();
        let (node, args, outcomes) = self.draw_parts(name, family, args, dist.span, &scope)?;
        // Arguments may themselves have needed draws of other noises: this one's draw is the last with its name.
        let draw = self.model.draws.iter().rposition(|d| d.name == dotted).unwrap_or(draw);
        self.model.noises.retain(|n| n.name != dotted);
        self.model.noises.push(Noise {
            name: dotted,
            draw,
            node,
            family,
            args,
            outcomes,
            span,
        });
        Some(Value { node, ty: Ty::Number })
    }
}
