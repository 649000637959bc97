//! Actions: what may be chosen, within bounds and masks that leak nothing; grids, tastes, schedules.

use super::domains::hull_of;
use super::model::{self};
use super::{BlockId, Checker, Decl, EntityId, Primes, Scope, Ty, Value, errors};
use crate::diag::{Diagnostic, Span};
use crate::graph::{Axis, AxisKind, InputKind, Interval, NodeId, Phase};
use crate::syntax::ast::{self, ExprKind};
use crate::syntax::print::print_expr;

impl Checker<'_> {
    pub(super) fn action(&mut self, id: EntityId) -> Option<Value> {
        let Decl::Action {
            domain,
            grid,
            taste,
            stage,
            given,
            ..
        } = self.entities[id].decl.clone()
        else {
            return None;
        };
        let shape = self.axes_of(id)?;
        let block = self.entities[id].block;
        let (dotted, span, doc) = (
            self.entities[id].dotted.clone(),
            self.entities[id].span,
            self.entities[id].doc.clone(),
        );
        let stage_number = self.stage_number(stage.as_ref())?;
        let scope = self.constant_scope(block, "a domain");
        // The node first: bounds may not read it, but what they read may be asked for by others meanwhile.
        let number = self.model.actions.len();
        let phase = Phase::Acted(stage_number as u8);
        let (choice, values, coarse) = self.outline(&domain, block, &scope)?;
        let (input, node) = self
            .b
            .input(&dotted, InputKind::Action(number), shape.clone(), coarse, phase, span);
        let (node, ty) = self.chosen(node, choice, values.as_deref(), span);
        let owner = self.owner_agent(id)?;
        let blank = model::Space::Finite {
            labels: Vec::new(),
            values: None,
            masks: Vec::new(),
        };
        self.model.actions.push(model::Action {
            name: dotted,
            owner,
            input,
            node,
            shape,
            space: blank,
            grid: None,
            taste: None,
            stage: stage_number,
            given: Vec::new(),
            span,
            doc,
        });
        if let Decl::Action { number: n, .. } = &mut self.entities[id].decl {
            *n = number;
        }
        let value = Value { node, ty };
        self.memo[0].insert((id, false), Some(value));
        let space = self.space(id, &domain, values)?;
        let interval = self.ends_of(&space, domain.span)?;
        if let Some(i) = interval {
            self.b.declare(node, i);
        }
        let taste = match &taste {
            None => None,
            Some(e) => Some(self.taste(e, &space, &scope)?),
        };
        let waiting = self.hit_pending.take();
        let grid = match (&grid, &domain.kind) {
            (Some(g), _) => self.grid_expr(g, &scope),
            (None, ast::DomainKind::Grid(args)) => self.grid(args, &scope, domain.span),
            (None, _) => None,
        };
        if self.hit_pending.is_some() {
            self.left_out.push(format!("grid of {}", self.entities[id].dotted));
        }
        self.hit_pending = waiting;
        if let (Some(nodes), Some(i)) = (&grid, interval)
            && let Some(x) = nodes.iter().find(|x| !i.contains(**x) && !rounded_into(i, **x))
        {
            let at = self.entities[id].span;
            self.report(errors::grid_outside(&self.entities[id].dotted.clone(), *x, i, at));
            return None;
        }
        let prices = self.schedule(number, block, &given)?;
        let a = &mut self.model.actions[number];
        a.space = space;
        a.grid = grid;
        a.taste = taste;
        a.given = prices;
        Some(value)
    }

    /// What a domain says before its bounds are read: its choices, their numbers where they have some, and an interval around it.
    fn outline(
        &mut self,
        domain: &ast::Domain,
        block: BlockId,
        scope: &Scope,
    ) -> Option<(Option<usize>, Option<Vec<f64>>, Interval)> {
        let mut choice = None;
        let mut values: Option<Vec<f64>> = None;
        let hull = match &domain.kind {
            ast::DomainKind::Finite(items) => {
                let words: Option<Vec<String>> = items.iter().map(|(e, _)| self.word_of(e)).collect();
                match words {
                    Some(words) => {
                        let n = words.len();
                        self.distinct(&words, domain.span)?;
                        self.labels_are_free(&words, block, domain.span)?;
                        choice = Some(self.choice_set(words));
                        Interval::integers(0.0, n as f64 - 1.0)
                    }
                    None => {
                        let mut xs = Vec::new();
                        for (e, _) in items {
                            xs.push(self.number_constant(e, scope)?);
                        }
                        let words: Vec<String> = xs.iter().map(|x| format!("{x}")).collect();
                        choice = Some(self.choice_set(words));
                        values = Some(xs);
                        Interval::integers(0.0, items.len() as f64 - 1.0)
                    }
                }
            }
            ast::DomainKind::Bool => {
                choice = Some(self.choice_set(vec!["false".into(), "true".into()]));
                values = Some(vec![0.0, 1.0]);
                Interval::boolean()
            }
            ast::DomainKind::Grid(args) => {
                let g = self.grid(args, scope, domain.span)?;
                hull_of(&g)
            }
            ast::DomainKind::Range(..) => Interval {
                integer: true,
                ..Interval::all()
            },
            ast::DomainKind::Simplex(_) => Interval::closed(0.0, 1.0),
            ast::DomainKind::Interval { .. } | ast::DomainKind::Same(_) => Interval::all(),
        };
        Some((choice, values, hull))
    }

    /// The value that a choice stands for: its number among the choices, or one of the numbers that they name.
    fn chosen(&mut self, index: NodeId, choice: Option<usize>, values: Option<&[f64]>, span: Span) -> (NodeId, Ty) {
        match (choice, values) {
            (Some(set), None) => (
                index,
                Ty::Choice {
                    index,
                    set,
                    numeric: false,
                },
            ),
            (Some(set), Some(xs)) => {
                let axis = self.b.add_axis(Axis {
                    name: format!("1..{}", xs.len()),
                    size: xs.len(),
                    continuum: false,
                    kind: AxisKind::Set,
                });
                let table = self.b.table(xs.to_vec(), vec![axis], span);
                let node = self.b.take(table, axis, index, span);
                (
                    node,
                    Ty::Choice {
                        index,
                        set,
                        numeric: true,
                    },
                )
            }
            (None, _) => (index, Ty::Number),
        }
    }

    /// The interval between the bounds of a space, if it has some; `None` with a message where nothing lies between them.
    fn ends_of(&mut self, space: &model::Space, span: Span) -> Option<Option<Interval>> {
        Some(match space {
            model::Space::Interval {
                lo,
                hi,
                lo_open,
                hi_open,
            } => {
                let (l, h) = (self.b.node(*lo).domain, self.b.node(*hi).domain);
                let i = Interval {
                    lo: l.lo,
                    hi: h.hi,
                    lo_open: *lo_open || l.lo_open,
                    hi_open: *hi_open || h.hi_open,
                    integer: false,
                };
                let surely_empty = l.lo > h.hi || l.lo == h.hi && (*lo_open || *hi_open);
                if surely_empty || i.is_empty() && l.as_point().is_some() && h.as_point().is_some() {
                    self.report(errors::empty_domain(l.lo, h.hi, span));
                    return None;
                }
                Some(i)
            }
            model::Space::Integer { lo, hi } => {
                let (l, h) = (self.b.node(*lo).domain, self.b.node(*hi).domain);
                if l.lo > h.hi {
                    self.report(errors::empty_domain(l.lo, h.hi, span));
                    return None;
                }
                Some(Interval::integers(l.lo, h.hi))
            }
            model::Space::Finite { .. } | model::Space::Simplex(_) => None,
        })
    }

    /// The prices that an action answers: the numbers of those that are named.
    fn schedule(&mut self, number: usize, block: BlockId, given: &[ast::Name]) -> Option<Vec<usize>> {
        let mut prices = Vec::new();
        for p in given {
            let path = ast::Path {
                segments: vec![ast::Segment {
                    name: p.clone(),
                    primed: false,
                    index: Vec::new(),
                }],
                span: p.span,
            };
            let s = self.block_scope(block, Primes::None("a schedule"))?;
            self.schedules_of.push((number, p.text.clone()));
            let _ = self.path(&path, &s)?;
            if let Some(i) = self
                .model
                .prices
                .iter()
                .position(|x| x.name.rsplit('.').next() == Some(p.text.as_str()))
            {
                prices.push(i);
            }
        }
        Some(prices)
    }

    fn taste(&mut self, e: &ast::Expr, space: &model::Space, scope: &Scope) -> Option<f64> {
        if let ExprKind::Call { name, args } = &e.kind
            && name.text == "gumbel"
            && let [a] = args.as_slice()
        {
            let scale = self.number_constant(&a.value, scope)?;
            if matches!(space, model::Space::Finite { .. } | model::Space::Integer { .. }) {
                if !(scale > 0.0 && scale.is_finite()) {
                    self.report(errors::no_taste(scale, a.value.span));
                    return None;
                }
                return Some(scale);
            }
        }
        self.report(errors::bad_taste(e.span));
        None
    }

    /// A label may not be the name of something else.
    fn labels_are_free(&mut self, words: &[String], block: usize, span: Span) -> Option<()> {
        for w in words {
            for b in self.chain(block) {
                if let Some(e) = self.blocks[b].names.get(w) {
                    let declared = self.entities[*e].span;
                    self.report(errors::label_is_name(w, span, declared));
                    return None;
                }
            }
        }
        Some(())
    }

    pub(super) fn stage_number(&mut self, stage: Option<&ast::Name>) -> Option<usize> {
        let Some(s) = stage else { return Some(0) };
        match self.model.stages.iter().position(|x| *x == s.text) {
            Some(i) => Some(i),
            None => {
                let stages = self.model.stages.clone();
                self.report(errors::unknown_stage(&s.text, s.span, &stages));
                None
            }
        }
    }

    /// Says of `action d in [keep, replace]` once that braces are meant, in place of two unknown names.
    fn labels_in_brackets(&mut self, id: EntityId, lo: &ast::Expr, hi: &ast::Expr) {
        let Some((a, b)) = self.word_of(lo).zip(self.word_of(hi)) else {
            return;
        };
        let unknown = |d: &Diagnostic, e: &ast::Expr| {
            d.code == "E0201" && d.primary.as_ref().is_some_and(|(at, _)| *at == e.span)
        };
        let first = self.diagnostics.iter().position(|d| unknown(d, lo));
        let second = self.diagnostics.iter().position(|d| unknown(d, hi));
        if let Some((first, second)) = first.zip(second) {
            let name = self.entities[id].name.clone();
            self.diagnostics[first].hint = Some(format!(
                "choices that have names stand in braces: `action {name} in {{{a}, {b}}}`"
            ));
            self.diagnostics.remove(second);
        }
    }

    fn space(&mut self, id: EntityId, domain: &ast::Domain, values: Option<Vec<f64>>) -> Option<model::Space> {
        let block = self.entities[id].block;
        let scope = self.block_scope(block, Primes::None("a bound of an action"))?;
        let allowed = self.axes_of(id)?;
        let bound = |c: &mut Self, e: &ast::Expr| -> Option<NodeId> {
            let reads = c.capture(|c| c.expr(e, &scope));
            let (v, reads) = (reads.0?, reads.1);
            let node = c.numeric(v, e.span)?;
            let v = c.fits(Value { node, ty: Ty::Number }, &allowed, e.span, id)?;
            let phase = c.b.node(v.node).phase;
            let given = c.schedules_of.iter().any(|(n, _)| *n == c.model.actions.len() - 1);
            if phase > Phase::Observed && !given && !c.schedule_reads(id, &reads) {
                let chain = c.why_late(&reads, Phase::Observed);
                let name = c.entities[id].name.clone();
                let late = errors::too_early(&format!("the bound of {name}"), e.span, phase, &chain);
                let upper = matches!(&domain.kind, ast::DomainKind::Interval { hi, .. } | ast::DomainKind::Range(_, hi) if hi.span == e.span);
                c.report(if matches!(phase, Phase::Acted(_)) {
                    errors::bound_too_early(late, &name, upper, &print_expr(e))
                } else {
                    late
                });
                return None;
            }
            Some(v.node)
        };
        match &domain.kind {
            ast::DomainKind::Interval {
                lo,
                hi,
                lo_open,
                hi_open,
            } => {
                let (l, h) = (bound(self, lo), bound(self, hi));
                if let (None, None, false, false) = (l, h, *lo_open, *hi_open) {
                    self.labels_in_brackets(id, lo, hi);
                }
                Some(model::Space::Interval {
                    lo: l?,
                    hi: h?,
                    lo_open: *lo_open,
                    hi_open: *hi_open,
                })
            }
            ast::DomainKind::Range(lo, hi) => {
                let (l, h) = (bound(self, lo)?, bound(self, hi)?);
                for (node, e) in [(l, lo), (h, hi)] {
                    let wrong = self
                        .b
                        .constant_values(node)
                        .and_then(|v| v.iter().copied().find(|x| x.is_finite() && x.fract() != 0.0));
                    if let Some(x) = wrong {
                        self.report(errors::not_whole(x, e.span));
                        return None;
                    }
                    if self.b.constant_value(node).is_some_and(f64::is_infinite) {
                        let name = self.entities[id].name.clone();
                        self.report(errors::endless_choice(&name, e.span));
                        return None;
                    }
                }
                Some(model::Space::Integer { lo: l, hi: h })
            }
            ast::DomainKind::Finite(items) => {
                let labels = items.iter().map(|(e, _)| self.word_of(e)).collect::<Option<Vec<_>>>();
                let labels = labels.unwrap_or_else(|| values.iter().flatten().map(|x| format!("{x}")).collect());
                let mut masks = Vec::new();
                for (_, when) in items {
                    masks.push(match when {
                        None => None,
                        Some(w) => {
                            let (v, reads) = self.capture(|c| c.expr(w, &scope));
                            let node = self.condition(v?, w.span)?;
                            let phase = self.b.node(node).phase;
                            if phase > Phase::Observed {
                                let chain = self.why_late(&reads, Phase::Observed);
                                self.report(errors::too_early(
                                    &format!("the mask of {}", self.entities[id].name),
                                    w.span,
                                    phase,
                                    &chain,
                                ));
                                return None;
                            }
                            Some(node)
                        }
                    });
                }
                Some(model::Space::Finite { labels, values, masks })
            }
            ast::DomainKind::Bool => Some(model::Space::Finite {
                labels: vec!["false".into(), "true".into()],
                values,
                masks: vec![None, None],
            }),
            ast::DomainKind::Grid(args) => {
                let s = self.constant_scope(block, "a grid");
                let g = self.grid(args, &s, domain.span)?;
                let (lo, hi) = (
                    self.b.constant(g[0], domain.span),
                    self.b.constant(g[g.len() - 1], domain.span),
                );
                Some(model::Space::Interval {
                    lo,
                    hi,
                    lo_open: false,
                    hi_open: false,
                })
            }
            ast::DomainKind::Simplex(name) => {
                let path = ast::Path {
                    segments: vec![ast::Segment {
                        name: name.clone(),
                        primed: false,
                        index: Vec::new(),
                    }],
                    span: name.span,
                };
                let axis = self.set_axis(&path, block)?;
                if !self.index_axes(id)?.contains(&axis) {
                    self.report(errors::simplex_axis(
                        &self.entities[id].name.clone(),
                        &name.text,
                        domain.span,
                    ));
                    return None;
                }
                Some(model::Space::Simplex(axis))
            }
            ast::DomainKind::Same(path) => {
                let s = self.constant_scope(block, "a domain");
                let d = self.same_domain(path, &s, domain.span)?;
                let (lo, hi) = (
                    self.b.constant(d.interval.lo, domain.span),
                    self.b.constant(d.interval.hi, domain.span),
                );
                if d.interval.integer {
                    return Some(model::Space::Integer { lo, hi });
                }
                Some(model::Space::Interval {
                    lo,
                    hi,
                    lo_open: d.interval.lo_open,
                    hi_open: d.interval.hi_open,
                })
            }
        }
    }

    /// Bounds of a schedule may read the prices it is given.
    fn schedule_reads(&self, id: EntityId, reads: &[EntityId]) -> bool {
        let Decl::Action { given, .. } = &self.entities[id].decl else {
            return false;
        };
        !given.is_empty()
            && reads
                .iter()
                .any(|r| given.iter().any(|g| g.text == self.entities[*r].name))
    }
}

/// Whether a node lies outside by rounding alone: grids are filled by repeated addition.
fn rounded_into(i: Interval, x: f64) -> bool {
    let near = |end: f64| (x - end).abs() <= 1e-12 * (1.0 + end.abs());
    (near(i.lo) && !i.lo_open) || (near(i.hi) && !i.hi_open)
}
