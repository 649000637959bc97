//! Seasons: `t mod n` in a world without an end is a state that goes round, the same for everybody and known to everybody.
//!
//! The date itself grows without bound, and a policy of it would differ at every date. The place in a cycle of `n` periods is
//! one of `n` numbers: it starts at 0, moves by `s' = (s + 1) mod n`, and is seen by whoever chooses. Solvers, simulations and learners
//! meet an ordinary state called `t mod n`. With a `horizon` the date is kept as it is, and so it is in scenarios, whose scripts are
//! read ahead, and in observations, which show a number.

use super::model::{Observation, State};
use super::{Checker, Primes, Scope, Ty, Value};
use crate::diag::Span;
use crate::graph::{Binary, InputKind, Interval, Phase};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind};

/// Longest cycle that becomes a state.
pub(super) const LONGEST: f64 = 10_000.0;

/// Longest cycle of which a learner sees a place for each season; the season of a longer one is a number.
const ONE_EACH: usize = 64;

/// A cycle that the model reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Season {
    /// Its number among the states.
    state: usize,
    /// Its length.
    length: usize,
    value: Value,
    span: Span,
}

impl Checker<'_> {
    /// `t mod n`, `(t + k) mod n`: the season, moved by `k`; `None` where this is no cycle of a world without an end.
    pub(super) fn season(&mut self, lhs: &Expr, rhs: &Expr, span: Span, scope: &Scope) -> Option<Value> {
        let scripted = matches!(scope.primes, Primes::None("a scenario" | "an observation"));
        if self.horizon_said || scripted || !is_date(lhs) {
            return None;
        }
        let shift = self.shifted(lhs, scope)?;
        let value = self.expr(rhs, scope)?;
        let n = self.b.constant_value(value.node)?;
        if !(1.0..=LONGEST).contains(&n) || n.fract() != 0.0 {
            return None;
        }
        let now = self.cycle(n as usize, span);
        if shift == 0.0 {
            return Some(now);
        }
        let (shift, length) = (self.b.constant(shift.rem_euclid(n), span), self.b.constant(n, span));
        let sum = self.b.binary(Binary::Add, now.node, shift, span);
        Some(Value {
            node: self.b.binary(Binary::Mod, sum, length, span),
            ty: Ty::Number,
        })
    }

    /// The number that is added to the date: 0 for `t`, 3 for `t + 3`, -1 for `t - 1`.
    fn shifted(&mut self, e: &Expr, scope: &Scope) -> Option<f64> {
        match &e.kind {
            ExprKind::Paren(inner) => self.shifted(inner, scope),
            ExprKind::Path(p) => {
                let alone = p.segments.len() == 1 && p.segments[0].index.is_empty() && !p.segments[0].primed;
                (alone && p.segments[0].name.text == "t").then_some(0.0)
            }
            ExprKind::Binary { op, lhs, rhs } => {
                let (date, other, sign) = match (op, is_date(lhs), is_date(rhs)) {
                    (BinaryOp::Add, true, false) => (lhs, rhs, 1.0),
                    (BinaryOp::Add, false, true) => (rhs, lhs, 1.0),
                    (BinaryOp::Sub, true, false) => (lhs, rhs, -1.0),
                    _ => return None,
                };
                let v = self.expr(other, scope)?;
                let k = self
                    .b
                    .constant_value(v.node)
                    .filter(|k| k.fract() == 0.0 && k.abs() < 1e9)?;
                Some(self.shifted(date, scope)? + sign * k)
            }
            _ => None,
        }
    }

    /// The state that goes round in `n` periods.
    fn cycle(&mut self, n: usize, span: Span) -> Value {
        if let Some(known) = self.seasons.iter().find(|s| s.length == n) {
            return known.value;
        }
        let name = format!("t mod {n}");
        let state = self.model.states.len();
        let domain = Interval::integers(0.0, n as f64 - 1.0);
        let (input, node) = self
            .b
            .input(&name, InputKind::State(state), Vec::new(), domain, Phase::Dated, span);
        let (zero, one) = (self.b.constant(0.0, span), self.b.constant(1.0, span));
        let length = self.b.constant(n as f64, span);
        let sum = self.b.binary(Binary::Add, node, one, span);
        let next = self.b.binary(Binary::Mod, sum, length, span);
        self.model.states.push(State {
            name,
            owner: None,
            input,
            node,
            domain,
            own: None,
            labels: Vec::new(),
            grid: None,
            start: Some(zero),
            next,
            span,
            doc: format!("the place in a cycle of {n} periods"),
        });
        let value = Value { node, ty: Ty::Number };
        self.seasons.push(Season {
            state,
            length: n,
            value,
            span,
        });
        value
    }

    /// Whether a state is a season.
    pub(super) fn is_season(&self, state: usize) -> bool {
        self.seasons.iter().any(|s| s.state == state)
    }

    /// Everybody who chooses knows the season; it is listed among the names.
    pub(super) fn show_seasons(&mut self) {
        for s in self.seasons.clone() {
            let name = self.model.states[s.state].name.clone();
            for agent in self.model.agents.iter_mut().filter(|a| !a.actions.is_empty()) {
                agent.observation.push(Observation {
                    name: name.clone(),
                    node: s.value.node,
                    links: (s.length <= ONE_EACH).then_some(s.length),
                    state: Some(s.state),
                    shock: None,
                    span: s.span,
                });
            }
            let next = self.model.states[s.state].next;
            self.name_node(name.clone(), "state", String::new(), s.value.node, &[], s.span);
            self.name_node(format!("{name}'"), "transition", String::new(), next, &[], s.span);
        }
    }
}

fn is_date(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Paren(inner) => is_date(inner),
        ExprKind::Path(p) => p.segments.len() == 1 && p.segments[0].name.text == "t",
        ExprKind::Binary {
            op: BinaryOp::Add | BinaryOp::Sub,
            lhs,
            rhs,
        } => is_date(lhs) || is_date(rhs),
        _ => false,
    }
}
