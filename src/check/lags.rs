//! States without a declaration: lags of a name, and presence in a population whose members leave.

use super::model::{self, DrawWhen, State};
use super::{Checker, Decl, EntityId, Primes, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{Binary, InputKind, Interval, NodeId, Phase};
use crate::syntax::ast::{self, ExprKind};

impl Checker<'_> {
    /// `last(x)`, `lag(x, n)` (`args` in the order typed): a state that remembers. Its first value is drawn uniformly
    /// from `x`'s domain.
    pub(super) fn lag(&mut self, name: &ast::Name, args: &[ast::Arg], span: Span, scope: &Scope) -> Option<Value> {
        let back = match args {
            [_] => 1,
            [_, n] => {
                let s = self.constant_scope(scope.block, "a lag");
                self.whole_constant(&n.value, &s)?
            }
            _ => {
                self.report(errors::argument_count(
                    &name.text,
                    &["x", "periods"],
                    args.len(),
                    name.span,
                ));
                return None;
            }
        };
        if !(1..=1000).contains(&back) {
            self.report(errors::not_whole(back as f64, span));
            return None;
        }
        let mut of = args[0].value.clone();
        let mut value = None;
        for depth in 1..=back {
            let printed = crate::syntax::print::print_expr(&args[0].value);
            let key = if depth == 1 {
                format!("last({printed})")
            } else {
                format!("lag({printed}, {depth})")
            };
            let id = match self.blocks[scope.block].names.get(&key) {
                Some(id) => *id,
                None => {
                    let lhs = ast::Lhs {
                        name: ast::Name {
                            text: key.clone(),
                            span,
                        },
                        index: Vec::new(),
                    };
                    self.declare(
                        scope.block,
                        &lhs,
                        Decl::Lag {
                            of: of.clone(),
                            number: usize::MAX,
                        },
                        String::new(),
                    )
                }
            };
            value = self.entity(id, false, scope, span);
            of = ast::Expr {
                kind: ExprKind::Path(ast::Path {
                    segments: vec![ast::Segment {
                        name: ast::Name { text: key, span },
                        primed: false,
                        index: Vec::new(),
                    }],
                    span,
                }),
                span,
            };
        }
        value
    }

    pub(super) fn lag_state(&mut self, id: EntityId, of: &ast::Expr, number: usize, primed: bool) -> Option<Value> {
        let block = self.entities[id].block;
        let scope = self.block_scope(block, Primes::States)?;
        let v = self.expr(of, &scope)?;
        let node = match v.ty {
            Ty::Choice {
                index, numeric: false, ..
            } => index,
            _ => v.node,
        };
        if primed {
            self.model.states.get_mut(number)?.next = node;
            return Some(Value { node, ty: v.ty });
        }
        let n = self.b.node(node);
        let (shape, domain) = (n.shape.clone(), n.domain);
        let (dotted, span) = (self.entities[id].dotted.clone(), self.entities[id].span);
        let labelled = |node: NodeId| match v.ty {
            Ty::Choice {
                set, numeric: false, ..
            } => Ty::Choice {
                index: node,
                set,
                numeric: false,
            },
            _ => Ty::Number,
        };
        let number = self.model.states.len();
        let (input, state) = self.b.input(
            &dotted,
            InputKind::State(number),
            shape.clone(),
            domain,
            Phase::Dated,
            span,
        );
        let owner = self.owner_agent(id);
        let labels = self.labels_of(&v);
        self.model.states.push(State {
            name: dotted.clone(),
            owner,
            input,
            node: state,
            domain,
            own: None,
            labels,
            grid: None,
            start: None,
            next: state,
            span,
            doc: String::new(),
        });
        if let Decl::Lag { number: n, .. } = &mut self.entities[id].decl {
            *n = number;
        }
        let key = self.entities[id].name.clone();
        let said = self
            .lag_starts
            .iter()
            .find(|(b, k, _, _)| *b == block && *k == key)
            .or_else(|| {
                let of = remembered(&key);
                self.lag_starts
                    .iter()
                    .find(|(b, k, _, _)| *b == block && remembered(k) == of)
            })
            .map(|(_, _, s, _)| s.clone());
        if let Some(said @ ast::Start::Value(_)) = &said {
            self.model.states[number].start = self.start(id, Some(said), number);
            return Some(Value {
                node: state,
                ty: labelled(state),
            });
        }
        if said.is_none() && key.starts_with("lag(") {
            return None; // reported for the first lag
        }
        if said.is_none() || !domain.lo.is_finite() || !domain.hi.is_finite() {
            self.report(errors::lag_without_start(&key, domain, span));
            return None;
        }
        let mut s = self.constant_scope(block, "a first value");
        s.draws = Some((DrawWhen::Start, shape, dotted.clone()));
        let (lo, hi) = (self.b.constant(domain.lo, span), self.b.constant(domain.hi, span));
        let family = if domain.integer {
            model::Family::UniformInt
        } else {
            model::Family::Uniform
        };
        let start = self.draw_of(family, &[lo, hi], &s, span)?;
        self.model.states[number].start = Some(start);
        Some(Value {
            node: state,
            ty: labelled(state),
        })
    }

    /// Populations whose members leave for good carry a 0/1 state of presence.
    pub(super) fn declare_presence(&mut self) {
        for b in 0..self.blocks.len() {
            if self.blocks[b].kind != super::BlockKind::Agent || self.blocks[b].size.is_none() {
                continue;
            }
            let leaves = self.blocks[b].statements.iter().find_map(|s| match &s.kind {
                ast::StmtKind::End {
                    then: Some(ast::EndThen::Leave),
                    ..
                } => Some(s.span),
                _ => None,
            });
            if let Some(span) = leaves {
                let lhs = ast::Lhs {
                    name: ast::Name {
                        text: "\u{1}alive".into(),
                        span,
                    },
                    index: Vec::new(),
                };
                let id = self.declare(b, &lhs, Decl::Alive { number: usize::MAX }, String::new());
                self.entities[id].used = true;
            }
        }
    }

    pub(super) fn alive(&mut self, id: EntityId, number: usize, primed: bool) -> Option<Value> {
        let block = self.entities[id].block;
        let span = self.entities[id].span;
        if !primed {
            let shape = self.axes_of(id)?;
            let name = format!("{}.present", self.block_path(block));
            let number = self.model.states.len();
            let domain = Interval::boolean();
            let (input, node) = self
                .b
                .input(&name, InputKind::State(number), shape, domain, Phase::Dated, span);
            let start = self.b.constant(1.0, span);
            let owner = self.owner_agent(id);
            self.model.states.push(State {
                name,
                owner,
                input,
                node,
                domain,
                own: None,
                labels: Vec::new(),
                grid: None,
                start: Some(start),
                next: node,
                span,
                doc: "present in the population".into(),
            });
            if let Decl::Alive { number: n } = &mut self.entities[id].decl {
                *n = number;
            }
            return Some(Value { node, ty: Ty::Number });
        }
        let agent = self.owner_agent(id)?;
        let mut stays = self.model.states.get(number)?.node;
        for e in self.model.ends.clone() {
            if e.agent == Some(agent) && matches!(e.then, model::Then::Leave { .. }) {
                let not = self.b.unary(crate::graph::Unary::Not, e.condition, span);
                stays = self.b.binary(Binary::And, stays, not, span);
            }
        }
        self.model.states[number].next = stays;
        Some(Value {
            node: stays,
            ty: Ty::Number,
        })
    }
}

/// What a lag remembers, as written: `p` of `last(p)`, `last(p, 4)` and `lag(p, 2)`.
pub(super) fn remembered(call: &str) -> &str {
    let inner = call
        .strip_prefix("last(")
        .or_else(|| call.strip_prefix("lag("))
        .unwrap_or(call);
    let inner = inner.strip_suffix(')').unwrap_or(inner);
    match inner.rsplit_once(", ") {
        Some((of, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => of,
        _ => inner,
    }
}
