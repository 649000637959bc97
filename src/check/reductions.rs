//! Reductions over sets and populations, `others`, and who is present.

use super::{BlockKind, Bound, Checker, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{Axis, AxisId, AxisKind, Binary, NodeId, Reduce};
use crate::syntax::ast::{self, Arg, Expr, ExprKind};

impl Checker<'_> {
    /// `sum(x)`, `mean(household.k)`, `sum(q over good)`, `quantile(x, 0.9)`; `args` in the order typed.
    pub(super) fn reduction(&mut self, name: &ast::Name, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let word = name.text.as_str();
        let wanted = if word == "quantile" { 2 } else { 1 };
        if args.len() != wanted {
            let names: &[&str] = if wanted == 2 { &["x", "q"] } else { &["x"] };
            let d = errors::argument_count(word, names, args.len(), name.span);
            self.report(match wanted {
                1 => d.hint(format!("members of a population: `{word}(firm.q)`; elements of a set: `{word}(j in good: p[j])`; of two numbers: `x + y`, `max(x, y)`")),
                _ => d,
            });
            return None;
        }
        let v = self.expr(&args[0].value, scope)?;
        let how = self.how(word, args.get(1).map(|a| &a.value), scope)?;
        let free: Vec<AxisId> = self
            .b
            .shape(v.node)
            .iter()
            .copied()
            .filter(|a| !scope.bound.contains(a))
            .collect();
        let at = args[0].value.span;
        let axis = if let Some(over) = &args[0].over {
            let path = ast::Path {
                segments: vec![ast::Segment {
                    name: over.clone(),
                    primed: false,
                    index: Vec::new(),
                }],
                span: over.span,
            };
            let wanted = self.set_axis(&path, scope.block)?;
            // `sum(others(firm.q) over firm)`: the others' axis is one over firms.
            let others =
                |a: &&AxisId| matches!(self.b.axis(**a).kind, AxisKind::Others(of) if self.b.base(of) == wanted);
            match free
                .iter()
                .find(|a| self.b.base(**a) == wanted)
                .or_else(|| free.iter().find(others))
            {
                Some(a) => *a,
                None => {
                    let text = self.shape_text(&free);
                    self.report(errors::not_over(&over.text, &text, at));
                    return None;
                }
            }
        } else if let Some(a) = self.population_of(&args[0].value, &free) {
            a
        } else {
            match free.as_slice() {
                [one] => *one,
                [] => {
                    let alone = self.one_agent(&args[0].value);
                    self.report(errors::nothing_to_reduce(
                        word,
                        at,
                        alone.as_ref().map(|(name, span)| (name.as_str(), *span)),
                    ));
                    return None;
                }
                several => {
                    let text = self.shape_text(several);
                    self.report(errors::which_axis(word, &text, at));
                    return None;
                }
            }
        };
        self.finish_reduction(word, how, v, axis, None, at, span, scope)
    }

    #[allow(clippy::too_many_arguments)]
    fn finish_reduction(
        &mut self,
        word: &str,
        how: Reduce,
        v: Value,
        axis: AxisId,
        when: Option<NodeId>,
        at: Span,
        span: Span,
        scope: &Scope,
    ) -> Option<Value> {
        let boolean_result = matches!(how, Reduce::Any | Reduce::All);
        let of = match how {
            Reduce::Count | Reduce::Any | Reduce::All => self.condition(v, at)?,
            Reduce::Mean | Reduce::Sum if v.ty == Ty::Bool => v.node,
            _ => self.numeric(v, at).or(None)?,
        };
        let base = self.b.base(axis);
        if self.b.axis(base).continuum
            && matches!(
                how,
                Reduce::Sum | Reduce::Prod | Reduce::Min | Reduce::Max | Reduce::Argmax | Reduce::Count
            )
        {
            let name = self.b.axis(base).name.clone();
            self.report(errors::sum_of_continuum(word, &name, span));
            return None;
        }
        let nobody = matches!(self.b.axis(axis).kind, AxisKind::Others(_)) && self.b.axis(axis).size == 0;
        let undefined = !matches!(
            how,
            Reduce::Sum | Reduce::Prod | Reduce::Count | Reduce::Any | Reduce::All
        );
        if nobody && undefined {
            self.report(errors::nobody_else(word, span));
            return None;
        }
        // Members that have left are in no reduction.
        let when = match (self.presence(axis, scope), when) {
            (Some(p), Some(w)) => Some(self.b.binary(Binary::And, p, w, span)),
            (Some(p), None) => Some(p),
            (None, w) => w,
        };
        let node = if how == Reduce::Mean {
            self.weighted_mean(of, axis, when, span)
        } else {
            self.b.reduce(how, of, axis, when, span)
        };
        Some(Value {
            node,
            ty: if boolean_result { Ty::Bool } else { Ty::Number },
        })
    }

    /// A mean over several continua of one kind weighs each by its mass.
    fn weighted_mean(&mut self, of: NodeId, axis: AxisId, when: Option<NodeId>, span: Span) -> NodeId {
        let base = self.b.base(axis);
        let AxisKind::Stack(parts) = self.b.axis(base).kind.clone() else {
            return self.b.reduce(Reduce::Mean, of, axis, when, span);
        };
        let mut masses = Vec::new();
        for p in &parts {
            let block = self.blocks.iter().position(|b| b.axis == Some(Ok(*p)));
            if let Some(declared) = block.and_then(|b| self.found_mass_at(b)) {
                self.report(errors::mean_with_found_mass(span, declared));
            }
            let mass = block.map_or(1.0, |b| self.mass_of(b));
            masses.push(
                mass / if self.b.axis(*p).continuum {
                    self.b.axis(*p).size as f64
                } else {
                    1.0
                },
            );
        }
        if masses.iter().all(|m| *m == masses[0]) {
            return self.b.reduce(Reduce::Mean, of, axis, when, span);
        }
        let weights: Vec<f64> = parts
            .iter()
            .zip(&masses)
            .flat_map(|(p, m)| vec![*m; self.b.axis(*p).size])
            .collect();
        let weights = self.b.table(weights, vec![axis], span);
        let top = self.b.binary(Binary::Mul, of, weights, span);
        let top = self.b.reduce(Reduce::Sum, top, axis, when, span);
        let bottom = self.b.reduce(Reduce::Sum, weights, axis, when, span);
        self.b.binary(Binary::Div, top, bottom, span)
    }

    fn how(&mut self, word: &str, q: Option<&Expr>, scope: &Scope) -> Option<Reduce> {
        Some(match word {
            "sum" => Reduce::Sum,
            "mean" => Reduce::Mean,
            "prod" => Reduce::Prod,
            "min" => Reduce::Min,
            "max" => Reduce::Max,
            "std" => Reduce::Std,
            "argmax" => Reduce::Argmax,
            "count" => Reduce::Count,
            "any" => Reduce::Any,
            "all" => Reduce::All,
            _ => {
                let q = q?;
                let x = self.number_constant(q, scope)?;
                if !(0.0..=1.0).contains(&x) {
                    self.report(errors::quantile_outside(x, q.span));
                    return None;
                }
                Reduce::Quantile(x)
            }
        })
    }

    /// The population axis of a dotted name, or that of the others of `others(..)`, which a one-argument reduction means.
    fn population_of(&self, e: &Expr, free: &[AxisId]) -> Option<AxisId> {
        let p = match &e.kind {
            ExprKind::Path(p) => p,
            ExprKind::Call { name, .. } if name.text == "others" => {
                let others = |a: &AxisId| matches!(self.b.axis(*a).kind, AxisKind::Others(_));
                return free.iter().copied().find(others);
            }
            _ => return None,
        };
        if p.segments.len() < 2 {
            return None;
        }
        let owner = &p.segments[p.segments.len() - 2].name.text;
        free.iter().copied().find(|a| {
            let axis = self.b.axis(self.b.base(*a));
            axis.name == *owner && matches!(axis.kind, AxisKind::Population | AxisKind::Stack(_))
        })
    }

    /// The agent before the dot of a dotted name, and where it is declared, if it is one and no population.
    fn one_agent(&self, e: &Expr) -> Option<(String, Span)> {
        let ExprKind::Path(p) = &e.kind else {
            return None;
        };
        let owner = &p.segments.get(p.segments.len().checked_sub(2)?)?.name.text;
        let block = self
            .blocks
            .iter()
            .find(|b| b.kind == BlockKind::Agent && b.name == *owner)?;
        block.size.is_none().then(|| (owner.clone(), block.span))
    }

    /// `sum(h in household when h.active: h.s * h.y)`.
    pub(super) fn reduce_over(
        &mut self,
        name: &ast::Name,
        binder: &ast::Binder,
        body: &Expr,
        span: Span,
        scope: &Scope,
    ) -> Option<Value> {
        let word = name.text.as_str();
        if !matches!(
            word,
            "sum" | "mean" | "prod" | "min" | "max" | "std" | "argmax" | "count" | "any" | "all"
        ) {
            let known: Vec<String> = [
                "sum", "mean", "prod", "min", "max", "std", "argmax", "count", "any", "all",
            ]
            .map(String::from)
            .to_vec();
            let quantity = self.quantity(word);
            self.report(errors::unknown_function(word, name.span, &known, quantity, None));
            return None;
        }
        let how = self.how(word, None, scope)?;
        let bound: Bound = self.bind(binder, scope)?;
        let mut inner = scope.clone();
        inner.bound.push(bound.axis);
        inner.binders.push((binder.var.text.clone(), bound));
        let when = match &binder.when {
            None => None,
            Some(w) => {
                let v = self.expr(w, &inner)?;
                Some(self.condition(v, w.span)?)
            }
        };
        let v = self.expr(body, &inner)?;
        self.finish_reduction(word, how, v, bound.axis, when, body.span, span, scope)
    }

    /// The values of all other members, own index first removed; `args` in the order typed.
    pub(super) fn others(&mut self, name: &ast::Name, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let [arg] = args else {
            self.report(errors::argument_count("others", &["x"], args.len(), name.span));
            return None;
        };
        let v = self.expr(&arg.value, scope)?;
        let node = self.numeric_or_index(v);
        let free: Vec<AxisId> = self
            .b
            .shape(node)
            .iter()
            .copied()
            .filter(|a| !scope.bound.contains(a))
            .collect();
        for axis in free {
            let base = self.b.base(axis);
            if self.b.axis(base).continuum {
                let name = self.b.axis(base).name.clone();
                self.report(errors::sum_of_continuum("others", &name, span));
                return None;
            }
            // Everybody's values in my own population.
            if let Some(me) = scope.bound.iter().copied().find(|m| *m == base) {
                let into = self.b.others_axis(me);
                let of = self.b.relabel(node, axis, me, span);
                let mine = self.b.shape(node).contains(&me);
                let made = if mine {
                    self.others_by_position(node, axis, me, 0, into, span)
                } else {
                    self.b.others(of, me, into, span)
                };
                return Some(Value {
                    node: made,
                    ty: others_type(v.ty, made),
                });
            }
            // My kind: I am one of the stacked members.
            if let AxisKind::Stack(parts) = self.b.axis(base).kind.clone() {
                let mut first = 0;
                for p in parts {
                    if self.is_single_agent(p, scope) {
                        let into = self.b.others_axis(base);
                        let made = self.others_at(node, axis, first, into, span);
                        return Some(Value {
                            node: made,
                            ty: others_type(v.ty, made),
                        });
                    }
                    if scope.bound.contains(&p) {
                        let into = self.b.others_axis(base);
                        let made = self.others_by_position(node, axis, p, first, into, span);
                        return Some(Value {
                            node: made,
                            ty: others_type(v.ty, made),
                        });
                    }
                    first += self.b.axis(p).size;
                }
            }
        }
        // A single agent has no others of its own population.
        if let Some(empty) = self.others_of_single(&arg.value, scope, span) {
            return Some(empty);
        }
        let dotted = Some(self.written_outside(&arg.value, scope)).filter(|text| text.contains('.'));
        self.report(errors::others_of_what(span, dotted.as_deref()));
        None
    }

    /// `others(household.k)` with one household declared without `[N]`: an empty vector.
    fn others_of_single(&mut self, e: &Expr, scope: &Scope, span: Span) -> Option<Value> {
        let ExprKind::Path(p) = &e.kind else {
            return None;
        };
        if p.segments.len() < 2 {
            return None;
        }
        let block = self.find_block(scope.block, &p.segments[p.segments.len() - 2].name.text)?;
        if !self.chain(scope.block).contains(&block) {
            return None;
        }
        let axis = Axis {
            name: format!("others({})", self.blocks[block].name),
            size: 0,
            continuum: false,
            kind: AxisKind::Set,
        };
        let axis = self.b.add_axis(axis);
        let node = self.b.table(Vec::new(), vec![axis], span);
        Some(Value { node, ty: Ty::Number })
    }

    /// Whether this axis of one stands for the single agent I am in its kind.
    fn is_single_agent(&self, part: AxisId, scope: &Scope) -> bool {
        let axis = self.b.axis(part);
        self.chain(scope.block).into_iter().any(|b| {
            let block = &self.blocks[b];
            block.kind == super::BlockKind::Agent && block.size.is_none() && axis.size == 1 && axis.name == block.name
        })
    }

    /// Everybody but number `first` (from 0) of a stack.
    fn others_at(&mut self, of: NodeId, axis: AxisId, first: usize, into: AxisId, span: Span) -> NodeId {
        let one = self.b.constant(1.0, span);
        let j = self.b.position(into, span);
        let before = self.b.constant(first as f64, span);
        let before = self.b.binary(Binary::Le, j, before, span);
        let less = self.b.binary(Binary::Sub, j, one, span);
        let at = self.b.select(before, less, j, span);
        self.b.take(of, axis, at, span)
    }

    fn others_by_position(
        &mut self,
        of: NodeId,
        axis: AxisId,
        me: AxisId,
        first: usize,
        into: AxisId,
        span: Span,
    ) -> NodeId {
        let one = self.b.constant(1.0, span);
        let j = self.b.position(into, span);
        let j = self.b.binary(Binary::Sub, j, one, span);
        let i = self.b.position(me, span);
        let shift = self.b.constant(first as f64 - 1.0, span);
        let i = self.b.binary(Binary::Add, i, shift, span);
        // My axis comes first, as in `Op::Others`.
        let before = self.b.binary(Binary::Gt, i, j, span);
        let next = self.b.binary(Binary::Add, j, one, span);
        let at = self.b.select(before, j, next, span);
        self.b.take(of, axis, at, span)
    }

    /// For observations a chain is its index; elsewhere its value.
    fn numeric_or_index(&self, v: Value) -> NodeId {
        match v.ty {
            Ty::Choice {
                index, numeric: false, ..
            } => index,
            _ => v.node,
        }
    }

    /// The receiver's part of a stacked value, given as a list of arguments (see the instantiation of market
    /// definitions).
    pub(super) fn part(&mut self, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let [value, who] = args else { return None };
        let ExprKind::Text(agent) = &who.value.kind else {
            return None;
        };
        let v = self.expr(&value.value, scope)?;
        let free: Vec<AxisId> = self
            .b
            .shape(v.node)
            .iter()
            .copied()
            .filter(|a| !scope.bound.contains(a))
            .collect();
        for axis in free {
            let base = self.b.base(axis);
            if let AxisKind::Stack(parts) = self.b.axis(base).kind.clone() {
                let mut first = 0;
                for p in parts {
                    if self.b.axis(p).name == *agent {
                        return Some(Value {
                            node: self.b.slice(v.node, axis, p, first, span),
                            ty: Ty::Number,
                        });
                    }
                    first += self.b.axis(p).size;
                }
            }
        }
        Some(v)
    }

    /// The node that is non-zero for members that are still there, for axes over populations that lose members.
    fn presence(&mut self, axis: AxisId, scope: &Scope) -> Option<NodeId> {
        let base = self.b.base(axis);
        let node = self.presence_of(base, scope)?;
        let span = self.b.node(node).span;
        Some(self.b.relabel(node, base, axis, span))
    }

    /// The same along the axis itself: a population, the members of a kind one after the other, or everybody else.
    fn presence_of(&mut self, base: AxisId, scope: &Scope) -> Option<NodeId> {
        match self.b.axis(base).kind.clone() {
            AxisKind::Stack(parts) => {
                let of: Vec<Option<NodeId>> = parts.iter().map(|p| self.presence_of(*p, scope)).collect();
                let span = self.b.node(of.iter().flatten().next().copied()?).span;
                let parts = parts
                    .iter()
                    .zip(of)
                    .map(|(p, node)| {
                        let all = self.b.axis(*p).size;
                        let node = node.unwrap_or_else(|| self.b.table(vec![1.0; all], vec![*p], span));
                        (node, *p)
                    })
                    .collect();
                Some(self.b.stack(parts, base, span))
            }
            AxisKind::Others(me) => {
                let of = self.b.base(me);
                let whole = self.presence_of(of, scope)?;
                let span = self.b.node(whole).span;
                let AxisKind::Stack(parts) = self.b.axis(of).kind.clone() else {
                    let mine = self.b.relabel(whole, of, me, span);
                    return Some(self.b.others(mine, me, base, span));
                };
                let mut first = 0;
                for p in parts {
                    if self.is_single_agent(p, scope) {
                        return Some(self.others_at(whole, of, first, base, span));
                    }
                    if scope.bound.contains(&p) {
                        return Some(self.others_by_position(whole, of, p, first, base, span));
                    }
                    first += self.b.axis(p).size;
                }
                None
            }
            AxisKind::Population | AxisKind::Set | AxisKind::Alias(_) => {
                let block = self.blocks.iter().position(|b| b.axis == Some(Ok(base)))?;
                let id = *self.blocks[block].names.get("\u{1}alive")?;
                Some(self.memo.iter().rev().find_map(|m| m.get(&(id, false)))?.as_ref()?.node)
            }
        }
    }
}

fn others_type(ty: Ty, node: NodeId) -> Ty {
    match ty {
        Ty::Choice {
            set, numeric: false, ..
        } => Ty::Choice {
            index: node,
            set,
            numeric: false,
        },
        Ty::Bool => Ty::Bool,
        Ty::Number | Ty::Link { .. } | Ty::Choice { .. } => Ty::Number,
    }
}
