//! `require`, `end when` and `policy`: constraints, ends of episodes and members, and rules in place of choices.

use super::model::{self, End, Otherwise, Require, Space, Then};
use super::{BlockId, Checker, Decl, Primes, Scope, Ty, errors};
use crate::diag::Span;
use crate::graph::{Binary, InputKind, NodeId, Op, Phase, Unary};
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, StmtKind};

/// How far inside the end that `<` and `>` leave out a choice must stand: twice what solvers put down to rounding.
const LEFT_OUT: f64 = 2e-9;

impl Checker<'_> {
    pub(super) fn require(
        &mut self,
        at: BlockId,
        agent: Option<usize>,
        condition: &Expr,
        otherwise: Option<&ast::RequireElse>,
        span: Span,
    ) {
        let Some(scope) = self.block_scope(at, Primes::States) else {
            return;
        };
        let (v, reads) = self.capture_checked("a requirement", span, |c| c.expr(condition, &scope));
        let Some(v) = v else { return };
        let Some(node) = self.condition(v, condition.span) else {
            return;
        };
        let Some(slack) = self.slack(condition, node, &scope) else {
            return;
        };
        let Some(node) = self.own_shape(node, &scope.bound, "the requirement", condition.span) else {
            return;
        };
        let last = Phase::Acted(self.model.stages.len().max(1) as u8 - 1);
        let phase = self.b.node(node).phase;
        let otherwise = match otherwise {
            None => {
                if phase > last {
                    let chain = self.why_late(&reads, last);
                    self.report(errors::require_too_late(condition.span, phase, &chain));
                    return;
                }
                if let Some(place) = self.equality_of_choices(node) {
                    self.report(errors::require_equality(place));
                    return;
                }
                Otherwise::Infeasible
            }
            Some(ast::RequireElse::Penalty(e)) => {
                let Some(a) = agent else {
                    self.report(errors::only_in_agent("require .. else penalty", span));
                    return;
                };
                let Some(p) = self.expr(e, &scope) else {
                    return;
                };
                let Some(p) = self.numeric(p, e.span) else {
                    return;
                };
                if self.b.node(p).domain.hi < 0.0 {
                    self.report(errors::negative_penalty(e.span));
                    return;
                }
                let zero = self.b.constant(0.0, span);
                let paid = self.b.select(node, zero, p, span);
                if let Some(r) = self.model.agents[a].reward {
                    self.model.agents[a].reward = Some(self.b.binary(Binary::Sub, r, paid, span));
                }
                Otherwise::Penalty
            }
            Some(ast::RequireElse::End) => {
                let failed = self.b.unary(Unary::Not, node, span);
                self.model.ends.push(End {
                    agent,
                    condition: failed,
                    paying: None,
                    then: Then::Episode,
                    span,
                });
                Otherwise::End
            }
            Some(ast::RequireElse::Clamp(name)) => match self.clamped(agent, name.as_ref(), span) {
                Some(actions) => Otherwise::Project(actions),
                None => return,
            },
            Some(ast::RequireElse::Project) => {
                let actions = agent.map(|a| self.model.agents[a].actions.clone()).unwrap_or_default();
                if actions.is_empty() || phase > last {
                    self.report(errors::project_needs_action(span));
                    return;
                }
                Otherwise::Project(actions)
            }
        };
        let text = super::model_text(condition);
        self.model.requires.push(Require {
            agent,
            condition: node,
            slack,
            otherwise,
            text,
            span,
        });
    }

    fn clamped(&mut self, agent: Option<usize>, name: Option<&ast::Name>, span: Span) -> Option<Vec<usize>> {
        let actions = agent.map(|a| self.model.agents[a].actions.clone()).unwrap_or_default();
        let words: Vec<String> = actions
            .iter()
            .filter_map(|a| self.model.actions[*a].name.rsplit('.').next().map(str::to_string))
            .collect();
        let Some(n) = name else {
            self.report(errors::clamp_what(span, &words));
            return None;
        };
        match words.iter().position(|w| *w == n.text) {
            Some(i) => Some(vec![actions[i]]),
            None => {
                self.report(errors::clamp_not_action(&n.text, n.span, &words));
                None
            }
        }
    }

    /// Where a condition, through `and`, `or`, `not` and `if`, asks that two numbers be equal of which one is chosen from an interval: choices
    /// that meet it have no width, and a search among numbers passes them by.
    fn equality_of_choices(&self, condition: NodeId) -> Option<Span> {
        let g = &self.b.graph;
        let mut todo = vec![condition];
        while let Some(id) = todo.pop() {
            let node = &g.nodes[id.0 as usize];
            match &node.op {
                Op::Binary(Binary::And | Binary::Or, a, b) => todo.extend([*a, *b]),
                Op::Unary(Unary::Not, a) => todo.push(*a),
                Op::Select(c, a, b) => todo.extend([*c, *a, *b]),
                Op::Relabel { of, .. } => todo.push(*of),
                Op::Binary(Binary::Eq, a, b) => {
                    let whole = [a, b].iter().all(|n| self.b.node(**n).domain.integer);
                    let chosen = g
                        .inputs_below([*a, *b])
                        .into_iter()
                        .any(|i| match g.inputs[i.0 as usize].kind {
                            InputKind::Action(k) => matches!(self.model.actions[k].space, Space::Interval { .. }),
                            _ => false,
                        });
                    if !whole && chosen {
                        return Some(node.span);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Non-negative where the condition holds.
    fn slack(&mut self, e: &Expr, node: NodeId, scope: &Scope) -> Option<NodeId> {
        match &e.kind {
            ExprKind::Paren(inner) => self.slack(inner, node, scope),
            ExprKind::Binary {
                op: BinaryOp::And,
                lhs,
                rhs,
            } => {
                let (a, b) = (self.slack(lhs, node, scope)?, self.slack(rhs, node, scope)?);
                Some(self.b.binary(Binary::Min, a, b, e.span))
            }
            // The larger of the two, so that a search that comes near one of them sees that it does.
            ExprKind::Binary {
                op: BinaryOp::Or,
                lhs,
                rhs,
            } => {
                let (a, b) = (self.slack(lhs, node, scope)?, self.slack(rhs, node, scope)?);
                Some(self.b.binary(Binary::Max, a, b, e.span))
            }
            ExprKind::Binary {
                op: op @ (BinaryOp::Ge | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Lt),
                lhs,
                rhs,
            } => {
                let (a, b) = (self.expr(lhs, scope)?, self.expr(rhs, scope)?);
                let (a, b) = (self.numeric(a, lhs.span)?, self.numeric(b, rhs.span)?);
                let (x, y) = if matches!(op, BinaryOp::Ge | BinaryOp::Gt) {
                    (a, b)
                } else {
                    (b, a)
                };
                let slack = self.b.binary(Binary::Sub, x, y, e.span);
                // Whole numbers that differ, differ by one at least. Among other numbers the end that is left out stays out for every solver's
                // tolerance: what is paid beyond it, as by `crra(c, 2)` below zero, must not be met.
                if matches!(op, BinaryOp::Gt | BinaryOp::Lt) {
                    let whole = self.b.node(a).domain.integer && self.b.node(b).domain.integer;
                    let left_out = self.b.constant(if whole { 1.0 } else { LEFT_OUT }, e.span);
                    return Some(self.b.binary(Binary::Sub, slack, left_out, e.span));
                }
                Some(slack)
            }
            _ => {
                let (one, minus) = (self.b.constant(1.0, e.span), self.b.constant(-1.0, e.span));
                Some(self.b.select(node, one, minus, e.span))
            }
        }
    }

    pub(super) fn end_when(
        &mut self,
        at: BlockId,
        agent: Option<usize>,
        when: &Expr,
        paying: Option<&Expr>,
        then: Option<ast::EndThen>,
        span: Span,
    ) {
        let Some(scope) = self.block_scope(at, Primes::All) else {
            return;
        };
        let (v, _) = self.capture_checked("an end", span, |c| c.expr(when, &scope));
        let Some(v) = v else { return };
        let Some(condition) = self.condition(v, when.span) else {
            return;
        };
        let Some(condition) = self.own_shape(condition, &scope.bound, "the end", when.span) else {
            return;
        };
        let paying = match paying {
            None => None,
            Some(e) => {
                let Some(p) = self.expr(e, &scope) else {
                    return;
                };
                let Some(p) = self.numeric(p, e.span) else {
                    return;
                };
                Some(p)
            }
        };
        let population = agent.is_some_and(|a| self.model.agents[a].axis.is_some());
        let then = match (then, population) {
            (Some(ast::EndThen::Restart), _) => Then::Restart,
            (Some(ast::EndThen::Leave), true) => {
                let alive = self.blocks[at].names.get("\u{1}alive").copied();
                let number = alive.and_then(|id| match self.entities[id].decl {
                    Decl::Alive { number } => Some(number),
                    _ => None,
                });
                Then::Leave {
                    alive: number.unwrap_or(usize::MAX),
                }
            }
            (Some(ast::EndThen::Leave), false) | (None, false) => Then::Episode,
            (None, true) => {
                let name = agent.map_or(String::new(), |a| self.model.agents[a].name.clone());
                self.report(errors::end_of_member(&name, span));
                return;
            }
        };
        self.model.ends.push(End {
            agent,
            condition,
            paying,
            then,
            span,
        });
    }

    pub(super) fn policy(
        &mut self,
        at: BlockId,
        number: usize,
        action: Option<&ast::Lhs>,
        rule: &ast::PolicyRule,
        span: Span,
    ) {
        let actions = self.model.agents[number].actions.clone();
        let chosen: Vec<usize> = match action {
            None => actions,
            Some(lhs) => {
                let found = actions
                    .iter()
                    .copied()
                    .find(|a| self.model.actions[*a].name.rsplit('.').next() == Some(lhs.name.text.as_str()));
                let Some(a) = found else {
                    let words: Vec<String> = actions.iter().map(|a| self.model.actions[*a].name.clone()).collect();
                    self.report(errors::policy_of_nothing(&lhs.name.text, lhs.name.span, &words));
                    return;
                };
                vec![a]
            }
        };
        for a in chosen {
            if self.model.agents[number].rules.iter().any(|(r, _)| *r == a) {
                let name = self.model.actions[a].name.clone();
                let bare = name.rsplit('.').next().unwrap_or_default();
                let first = self.blocks[at].statements.iter().find(|s| match &s.kind {
                    StmtKind::Policy { action, .. } => action.as_ref().is_none_or(|l| l.name.text == bare),
                    _ => false,
                });
                let first = first.map_or(span, |s| s.span);
                self.report(errors::two_policies(&name, span, first));
                continue;
            }
            let node = match rule {
                ast::PolicyRule::Random => None,
                ast::PolicyRule::Rule(e) => match self.rule(at, a, e) {
                    Some(n) => Some(n),
                    None => return,
                },
            };
            self.model.agents[number].rules.push((a, node));
        }
    }

    pub(super) fn rule(&mut self, at: BlockId, action: usize, e: &Expr) -> Option<NodeId> {
        let mut scope = self.block_scope(at, Primes::None("a rule"))?;
        let set = match &self.model.actions[action].space {
            model::Space::Finite { labels, .. } => self.choices.iter().position(|c| c == labels),
            _ => None,
        };
        scope.labels = set.map(super::LabelSource::Choice);
        let (v, reads) = self.capture(|c| c.expr(e, &scope));
        let v = v?;
        let node = match v.ty {
            Ty::Choice { index, .. } if set.is_some() => index,
            _ => self.numeric(v, e.span)?,
        };
        let phase = self.b.node(node).phase;
        let limit = match self.model.actions[action].stage {
            0 => Phase::Observed,
            s => Phase::Acted(s as u8 - 1),
        };
        if phase > limit {
            let chain = self.why_late(&reads, limit);
            self.report(errors::too_early("a rule", e.span, phase, &chain));
            return None;
        }
        Some(node)
    }
}
