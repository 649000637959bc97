//! Parameters: constants, arrays by member, results of a solve, values that a scenario changes.

use super::conduct::Sought;
use super::model::{DrawWhen, Param, Pending};
use super::{Checker, Decl, EntityId, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{InputKind, Interval, Phase};
use crate::syntax::ast::{self, ExprKind};

/// What a parameter is given.
#[derive(Clone, Copy)]
enum Given<'v> {
    /// These numbers.
    Values(&'v [f64]),
    /// Some number in here.
    Within(Interval),
}

impl Checker<'_> {
    pub(super) fn param(
        &mut self,
        id: EntityId,
        value: &ast::Expr,
        domain: Option<&ast::Domain>,
        unit: String,
    ) -> Option<Value> {
        let block = self.entities[id].block;
        let dotted = self.entities[id].dotted.clone();
        let span = self.entities[id].span;
        let mut scope = self.constant_scope(block, "a parameter");
        let own = self.block_axes(block)?;
        let before = self.diagnostics.len();
        let mut v = match self.solve_request(id, value)? {
            Some(values) => self.solved_value(id, &values, value.span)?,
            None => {
                let pairs = self.bind_left(id, &mut scope)?;
                let mut v = self.expr(value, &scope)?;
                for (used, declared) in pairs {
                    v = self.relabel(v, used, declared, value.span);
                }
                let v = self.filled(id, v, value.span)?;
                if self.entities[id].index.is_empty() {
                    v
                } else {
                    let mut allowed = self.index_axes(id)?;
                    allowed.extend(&own);
                    self.fits(v, &allowed, value.span, id)?
                }
            }
        };
        // `[1, 1.2]` or `c[i in 1..n]` inside a population is by member.
        if let Some(last) = own.last().copied() {
            for a in self.b.shape(v.node).clone() {
                let axis = self.b.axis(a).clone();
                let members = self.b.axis(last).size;
                if axis.name.contains("..") && self.entities[id].index.len() <= 1 {
                    if axis.size == members {
                        v = self.relabel(v, a, last, value.span);
                    } else {
                        let owner = self.b.axis(last).name.clone();
                        self.report(errors::param_by_member(
                            &dotted, axis.size, &owner, members, value.span, span,
                        ));
                        return None;
                    }
                }
            }
        }
        let Some(values) = self.b.constant_values(v.node) else {
            let phase = self.b.node(v.node).phase;
            if phase == Phase::Constant {
                // derived from a parameter that a scenario changes
                let range = self.b.node(v.node).domain;
                if let Some(d) = domain {
                    self.param_fits(&dotted, d, &scope, Given::Within(range), value.span)?;
                }
                return Some(v);
            }
            self.report(errors::not_constant(value.span, phase, false));
            return None;
        };
        if let Some(d) = domain {
            self.param_fits(&dotted, d, &scope, Given::Values(&values), value.span)?;
        }
        if let Some(bad) = values.iter().find(|x| x.is_nan()) {
            if self.diagnostics.len() == before {
                self.report(errors::constant_domain_fault("this expression", value.span, *bad));
            }
            return None;
        }
        let shape = self.b.shape(v.node).clone();
        let mut input = None;
        let mut node = v.node;
        if self.scenario_params.contains(&self.entities[id].name) && shape.is_empty() {
            let range = self.drawn_range(&self.entities[id].name.clone(), values[0]);
            let (i, n) = self.b.input(
                &dotted,
                InputKind::Param(self.model.params.len()),
                Vec::new(),
                range,
                Phase::Constant,
                span,
            );
            input = Some(i);
            node = n;
        }
        let doc = self.entities[id].doc.clone();
        self.model.params.push(Param {
            name: dotted,
            values,
            shape,
            node,
            input,
            unit,
            doc,
            span,
        });
        Some(Value { node, ty: v.ty })
    }

    /// Whether what a parameter is given lies in its declared domain, wherever it is given: in its declaration, by `--set`, by a sweep
    /// or in a scenario.
    fn param_fits(&mut self, name: &str, d: &ast::Domain, scope: &Scope, given: Given, at: Span) -> Option<()> {
        let allowed = self.domain(d, scope)?;
        let interval = allowed.interval;
        let listed = allowed.grid;
        let inside = |x: f64| match &listed {
            Some(list) => list.contains(&x),
            None => interval.contains(x),
        };
        let wrong = match given {
            Given::Values(values) => values.iter().copied().find(|x| !inside(*x)).map(Interval::point),
            Given::Within(range) => match range.as_point() {
                Some(x) => (!inside(x)).then_some(range),
                None => (listed.is_some() || !interval.contains_all(range)).then_some(range),
            },
        };
        let Some(wrong) = wrong else { return Some(()) };
        self.report(errors::param_outside(
            name,
            wrong,
            interval,
            listed.as_deref(),
            at,
            d.span,
        ));
        None
    }

    /// Whether a scenario gives a parameter what its domain holds.
    pub(super) fn scenario_param_fits(&mut self, param: usize, value: &ast::Expr, range: Interval) -> Option<()> {
        let name = self.model.params[param].name.clone();
        let found = self.entities.iter().find_map(|e| match &e.decl {
            Decl::Param { domain: Some(d), .. } if e.dotted == name => Some((d.clone(), e.block)),
            _ => None,
        });
        let Some((d, block)) = found else { return Some(()) };
        let scope = self.constant_scope(block, "a domain");
        self.param_fits(&name, &d, &scope, Given::Within(range), value.span)
    }

    /// Whether a parameter is the result of a solve: its values if known, `None` (pending, noted) if not.
    fn solve_request(&mut self, id: EntityId, value: &ast::Expr) -> Option<Option<Vec<f64>>> {
        let (concept, args) = match &value.kind {
            ExprKind::Call { name, args } if name.text == "steady_state" => (&name.text, args),
            ExprKind::Solve { concept, args } => (&concept.text, args),
            _ => return Some(None),
        };
        let Some(sought) = Sought::of(concept) else {
            self.report(errors::unknown_concept(concept, value.span));
            return None;
        };
        let dotted = self.entities[id].dotted.clone();
        let mut target = String::new();
        let mut horizon = None;
        for a in args {
            match (&a.name, &a.value.kind) {
                (None, ExprKind::Path(p)) if target.is_empty() => {
                    let words: Vec<&str> = p.segments.iter().map(|s| s.name.text.as_str()).collect();
                    target = words.join(".");
                    if words.len() == 1 {
                        let path = self.block_path(self.entities[id].block);
                        if !path.is_empty() {
                            target = format!("{path}.{target}");
                        }
                    }
                }
                (Some(n), _) if n.text == "horizon" => {
                    let scope = self.constant_scope(self.entities[id].block, "a horizon");
                    horizon = Some(self.whole_constant(&a.value, &scope)? as usize);
                }
                _ => {
                    self.report(errors::solve_arguments(concept, a.value.span));
                    return None;
                }
            }
        }
        let wanted = self.entities.iter().position(|e| {
            e.dotted == target && matches!(e.decl, Decl::State { .. } | Decl::Action { .. } | Decl::Price { .. })
        });
        match wanted {
            Some(e) => self.entities[e].used = true,
            None => {
                let candidates: Vec<String> = self
                    .entities
                    .iter()
                    .filter(|e| matches!(e.decl, Decl::State { .. } | Decl::Action { .. }))
                    .map(|e| e.dotted.clone())
                    .collect();
                self.report(errors::solve_target(&target, concept, value.span, &candidates));
                return None;
            }
        }
        if let Some(values) = self.options.solved.get(&dotted) {
            return Some(Some(values.clone()));
        }
        if !self.model.pending.iter().any(|p| p.param == dotted) {
            self.model.pending.push(Pending {
                param: dotted.clone(),
                sought,
                target,
                horizon,
                span: value.span,
                left_out: Vec::new(),
            });
        }
        self.hit_pending = Some(dotted);
        None
    }

    fn solved_value(&mut self, id: EntityId, values: &[f64], span: Span) -> Option<Value> {
        if let [x] = values {
            return Some(self.number(*x, span));
        }
        let own = self.block_axes(self.entities[id].block)?;
        let size: usize = own.iter().map(|a| self.b.axis(*a).size).product();
        if values.iter().all(|x| *x == values[0]) {
            return Some(self.number(values[0], span));
        }
        if size == values.len() {
            return Some(Value {
                node: self.b.table(values.to_vec(), own, span),
                ty: Ty::Number,
            });
        }
        let axis = self.range_axis(1, values.len() as i64, span)?;
        Some(Value {
            node: self.b.table(values.to_vec(), vec![axis], span),
            ty: Ty::Number,
        })
    }

    /// Where a parameter lies that a scenario draws or sets.
    fn drawn_range(&mut self, name: &str, value: f64) -> Interval {
        let mut range = Interval::point(value);
        for (scenario, items, _) in self.scenario_stmts.clone() {
            for item in items {
                let (n, drawn, e) = match item {
                    ast::ScenarioItem::Param { name, drawn, value, .. } => (name.text, drawn, value),
                    ast::ScenarioItem::Path { target, value, .. } => match target.segments.last() {
                        Some(last) => (last.name.text.clone(), false, value),
                        None => continue,
                    },
                    _ => continue,
                };
                if n == name
                    && let Some(v) = self.scripted_param(&scenario.text, name, drawn, &e)
                {
                    range = range.hull(self.b.node(v.node).domain);
                }
            }
        }
        range
    }

    /// A scenario's value of a parameter; read once, so that a draw is one draw.
    pub(super) fn scripted_param(
        &mut self,
        scenario: &str,
        name: &str,
        drawn: bool,
        value: &ast::Expr,
    ) -> Option<Value> {
        let key = (value.span.start, value.span.end);
        if let Some(v) = self.scripted.get(&key) {
            return *v;
        }
        let mut scope = self.constant_scope(0, "a scenario");
        if drawn {
            scope.draws = Some((DrawWhen::Start, Vec::new(), format!("{scenario}.{name}")));
        }
        let waiting = self.hit_pending.take();
        let v = self.expr(value, &scope);
        if self.hit_pending.is_none() {
            self.scripted.insert(key, v);
        } else {
            self.left_out.push(format!("a line of scenario {scenario}"));
        }
        self.hit_pending = waiting;
        v
    }
}
