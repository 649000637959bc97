//! Functions: built-in ones, the user's own, reductions and `others`.

use super::model::Process;
use super::{Bound, Checker, Scope, Ty, Value, errors, lints};
use crate::diag::Span;
use crate::graph::{Axis, AxisId, AxisKind, Binary, NodeId, Reduce, Unary};
use crate::syntax::ast::{self, Arg, Expr, ExprKind};
use crate::syntax::words::Dated;

/// Names of all built-in functions, for did-you-mean.
pub(super) const BUILT_IN: &[&str] = &[
    "abs",
    "exp",
    "log",
    "log1p",
    "sqrt",
    "sin",
    "cos",
    "tanh",
    "floor",
    "ceil",
    "round",
    "sign",
    "normal_cdf",
    "min",
    "max",
    "clamp",
    "crra",
    "ces",
    "cobb_douglas",
    "prorata",
    "sum",
    "mean",
    "prod",
    "std",
    "argmax",
    "count",
    "any",
    "all",
    "quantile",
    "others",
    "last",
    "lag",
    "stationary_mean",
    "steady_state",
    "alternate",
    "impulse",
    "mod",
    "div",
];

/// The period that arguments stand for where they are a date: `(-1)`, `(+1)`, `(t)`, `(t + 1)`.
fn date(args: &[Arg]) -> Option<Dated> {
    let [Arg { value, name: None, .. }] = args else {
        return None;
    };
    let number = |e: &Expr| matches!(e.kind, ExprKind::Number { .. });
    let time =
        |e: &Expr| matches!(&e.kind, ExprKind::Path(p) if p.segments.len() == 1 && p.segments[0].name.text == "t");
    match &value.kind {
        ExprKind::Unary { op, arg } if number(arg) => match op {
            ast::UnaryOp::Neg => Some(Dated::Last),
            ast::UnaryOp::Plus => Some(Dated::Next),
            ast::UnaryOp::Not => None,
        },
        ExprKind::Binary { op, lhs, rhs } if time(lhs) && number(rhs) => match op {
            ast::BinaryOp::Add => Some(Dated::Next),
            ast::BinaryOp::Sub => Some(Dated::Last),
            _ => None,
        },
        _ if time(value) => Some(Dated::Now),
        _ => None,
    }
}

impl Checker<'_> {
    /// A call of a function by name.
    pub(super) fn call(&mut self, name: &ast::Name, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let word = name.text.as_str();
        if let Some((params, body, declared)) = self.functions.get(word).cloned() {
            return self.user_function(name, &params, &body, declared, args, span, scope);
        }
        if let Some(op) = unary_of(word) {
            let [x] = self.positional(name, args, ["x"], scope)?;
            let fault = match op {
                Unary::Log => Some(lints::Fault::Log),
                Unary::Log1p => Some(lints::Fault::Log1p),
                Unary::Sqrt => Some(lints::Fault::Sqrt),
                _ => None,
            };
            if let Some(f) = fault {
                self.suspect(f, x, span, scope);
            }
            return Some(Value {
                node: self.b.unary(op, x, span),
                ty: Ty::Number,
            });
        }
        if let Some(family) = super::chance::family_of(word) {
            return self.draw(name, family, args, span, scope);
        }
        match word {
            "min" | "max" if args.len() >= 2 => {
                let op = if word == "min" { Binary::Min } else { Binary::Max };
                let mut acc: Option<NodeId> = None;
                for a in args {
                    let v = self.expr(&a.value, scope)?;
                    let x = self.numeric(v, a.value.span)?;
                    acc = Some(match acc {
                        None => x,
                        Some(y) => {
                            self.align(y, x, span, a.value.span, span, scope)?;
                            self.b.binary(op, y, x, span)
                        }
                    });
                }
                acc.map(|node| Value { node, ty: Ty::Number })
            }
            "clamp" => {
                let [x, lo, hi] = self.positional(name, args, ["x", "lo", "hi"], scope)?;
                self.align(x, lo, args[0].value.span, args[1].value.span, span, scope)?;
                self.align(x, hi, args[0].value.span, args[2].value.span, span, scope)?;
                let (least, most) = (self.known(lo, scope), self.known(hi, scope));
                if least.lo > most.hi {
                    self.report(errors::empty_domain(least.lo, most.hi, span));
                    return None;
                }
                let low = self.b.binary(Binary::Max, x, lo, span);
                Some(Value {
                    node: self.b.binary(Binary::Min, low, hi, span),
                    ty: Ty::Number,
                })
            }
            "crra" => {
                let [c, sigma] = self.positional(name, args, ["c", "sigma"], scope)?;
                Some(self.crra(c, sigma, span, scope))
            }
            "ces" => self.ces(name, args, span, scope),
            "cobb_douglas" => self.cobb_douglas(name, args, span, scope),
            "prorata" => {
                let [demand, available] = self.positional(name, args, ["demand", "available"], scope)?;
                self.prorata(demand, available, args[0].value.span, span, scope)
            }
            "sum" | "mean" | "prod" | "std" | "argmax" | "count" | "any" | "all" | "min" | "max" | "quantile" => {
                self.reduction(name, args, span, scope)
            }
            "others" => self.others(name, args, span, scope),
            "last" | "lag" => self.lag(name, args, span, scope),
            "stationary_mean" => self.stationary_mean(args, span, scope),
            "alternate" | "impulse" => self.path_function(name, args, span, scope),
            "steady_state" => {
                self.report(errors::solve_only_in_param("steady_state", span));
                None
            }
            "ar1" | "markov" | "random_walk" | "var1" => {
                self.report(errors::process_as_value(word, span));
                None
            }
            "\u{1}part" => self.part(args, span, scope),
            _ => {
                let mut known: Vec<String> = BUILT_IN.iter().map(|s| (*s).to_string()).collect();
                known.extend(self.functions.keys().cloned());
                let quantity = self.quantity(word);
                self.report(errors::unknown_function(word, name.span, &known, quantity, date(args)));
                None
            }
        }
    }

    /// Numeric arguments, by position or by name.
    pub(super) fn positional<const N: usize>(
        &mut self,
        name: &ast::Name,
        args: &[Arg],
        names: [&str; N],
        scope: &Scope,
    ) -> Option<[NodeId; N]> {
        let order = self.order_arguments(name, args, &names)?;
        let mut out = [NodeId(0); N];
        for (i, e) in order.iter().enumerate() {
            let Some(e) = e else {
                self.report(errors::argument_count(&name.text, &names, args.len(), name.span));
                return None;
            };
            let v = self.expr(e, scope)?;
            out[i] = self.numeric(v, e.span)?;
        }
        Some(out)
    }

    /// Arguments in the order of `names`.
    pub(super) fn order_arguments<'e>(
        &mut self,
        name: &ast::Name,
        args: &'e [Arg],
        names: &[&str],
    ) -> Option<Vec<Option<&'e Expr>>> {
        let mut out: Vec<Option<&Expr>> = vec![None; names.len()];
        for (i, a) in args.iter().enumerate() {
            let place = match &a.name {
                Some(n) => names.iter().position(|x| *x == n.text),
                None => Some(i).filter(|i| *i < names.len()),
            };
            match place {
                Some(p) if out[p].is_none() => out[p] = Some(&a.value),
                _ => {
                    let word = a.name.as_ref().map_or(String::new(), |n| n.text.clone());
                    let known: Vec<String> = names.iter().map(|s| (*s).to_string()).collect();
                    self.report(if word.is_empty() {
                        errors::argument_count(&name.text, names, args.len(), name.span)
                    } else {
                        errors::unknown_argument(&word, &name.text, a.value.span, &known)
                    });
                    return None;
                }
            }
        }
        Some(out)
    }

    #[allow(clippy::too_many_arguments)]
    fn user_function(
        &mut self,
        name: &ast::Name,
        params: &[ast::Name],
        body: &Expr,
        declared: Span,
        args: &[Arg],
        span: Span,
        scope: &Scope,
    ) -> Option<Value> {
        if scope.depth > 60 {
            self.report(errors::recursive_function(&name.text, declared, span));
            return None;
        }
        self.called.insert(name.text.clone());
        self.calls += 1;
        if self.calls > super::MOST_CALLS {
            if self.calls == super::MOST_CALLS + 1 {
                self.report(errors::too_many_calls(&name.text, span));
            }
            return None;
        }
        let names: Vec<&str> = params.iter().map(|p| p.text.as_str()).collect();
        let order = self.order_arguments(name, args, &names)?;
        let mut locals = Vec::new();
        for (p, e) in names.iter().zip(order) {
            let Some(e) = e else {
                self.report(errors::argument_count(&name.text, &names, args.len(), name.span));
                return None;
            };
            locals.push(((*p).to_string(), self.expr(e, scope)?));
        }
        let inner = Scope {
            block: 0,
            locals,
            binders: Vec::new(),
            draws: None,
            depth: scope.depth + 1,
            ..scope.clone()
        };
        self.expr(body, &inner)
    }

    /// `(c^(1 - sigma) - 1) / (1 - sigma)`, and `log(c)` at `sigma = 1`.
    fn crra(&mut self, c: NodeId, sigma: NodeId, span: Span, scope: &Scope) -> Value {
        // With a risk aversion below one nothing is worth a number, too.
        let fault = match self.b.constant_value(sigma) {
            Some(s) if s < 1.0 => lints::Fault::CrraBelowOne,
            _ => lints::Fault::Crra,
        };
        self.suspect(fault, c, span, scope);
        let one = self.b.constant(1.0, span);
        let log = self.b.unary(Unary::Log, c, span);
        if self.b.constant_value(sigma) == Some(1.0) {
            return Value {
                node: log,
                ty: Ty::Number,
            };
        }
        let gap = self.b.binary(Binary::Sub, one, sigma, span);
        let power = self.b.binary(Binary::Pow, c, gap, span);
        let top = self.b.binary(Binary::Sub, power, one, span);
        let power = self.b.binary(Binary::Div, top, gap, span);
        if self.b.constant_value(sigma).is_some() {
            return Value {
                node: power,
                ty: Ty::Number,
            };
        }
        let is_one = self.b.binary(Binary::Eq, sigma, one, span);
        Value {
            node: self.b.select(is_one, log, power, span),
            ty: Ty::Number,
        }
    }

    /// `(sum share x^rho)^(1/rho)` with `rho = (sigma - 1)/sigma`; with shares that sum to one it aggregates equal
    /// inputs to themselves. `sigma = 1` is Cobb-Douglas.
    fn ces(&mut self, name: &ast::Name, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let [x, share, sigma] = self.positional(name, args, ["x", "share", "sigma"], scope)?;
        let axis = self.only_free_axis(x, args[0].value.span, scope)?;
        self.align(x, share, args[0].value.span, span, span, scope)?;
        if self.b.constant_value(sigma).is_some_and(|s| s == 1.0) {
            let power = self.b.binary(Binary::Pow, x, share, span);
            return Some(Value {
                node: self.b.reduce(Reduce::Prod, power, axis, None, span),
                ty: Ty::Number,
            });
        }
        let one = self.b.constant(1.0, span);
        let less = self.b.binary(Binary::Sub, sigma, one, span);
        let rho = self.b.binary(Binary::Div, less, sigma, span);
        let power = self.b.binary(Binary::Pow, x, rho, span);
        let term = self.b.binary(Binary::Mul, share, power, span);
        let total = self.b.reduce(Reduce::Sum, term, axis, None, span);
        let back = self.b.binary(Binary::Div, one, rho, span);
        Some(Value {
            node: self.b.binary(Binary::Pow, total, back, span),
            ty: Ty::Number,
        })
    }

    /// `prod x^share`.
    fn cobb_douglas(&mut self, name: &ast::Name, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let [x, share] = self.positional(name, args, ["x", "share"], scope)?;
        let axis = self.only_free_axis(x, args[0].value.span, scope)?;
        self.align(x, share, args[0].value.span, span, span, scope)?;
        let power = self.b.binary(Binary::Pow, x, share, span);
        Some(Value {
            node: self.b.reduce(Reduce::Prod, power, axis, None, span),
            ty: Ty::Number,
        })
    }

    /// Each buyer's part when everybody's demand is scaled to what is there.
    fn prorata(&mut self, demand: NodeId, available: NodeId, at: Span, span: Span, scope: &Scope) -> Option<Value> {
        let axis = self.only_free_axis(demand, at, scope)?;
        let total = self.b.reduce(Reduce::Sum, demand, axis, None, span);
        let scarce = self.b.binary(Binary::Gt, total, available, span);
        let ratio = self.b.binary(Binary::Div, available, total, span);
        let one = self.b.constant(1.0, span);
        let share = self.b.select(scarce, ratio, one, span);
        Some(Value {
            node: self.b.binary(Binary::Mul, demand, share, span),
            ty: Ty::Number,
        })
    }

    fn only_free_axis(&mut self, x: NodeId, at: Span, scope: &Scope) -> Option<AxisId> {
        let free: Vec<AxisId> = self
            .b
            .shape(x)
            .iter()
            .copied()
            .filter(|a| !scope.bound.contains(a))
            .collect();
        match free.as_slice() {
            [one] => Some(*one),
            [] => {
                self.report(errors::nothing_to_reduce("this function", at));
                None
            }
            several => {
                let text = self.shape_text(several);
                self.report(errors::which_axis("this function", &text, at));
                None
            }
        }
    }

    /// `sum(x)`, `mean(household.k)`, `sum(q over good)`, `quantile(x, 0.9)`.
    fn reduction(&mut self, name: &ast::Name, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let word = name.text.as_str();
        let wanted = if word == "quantile" { 2 } else { 1 };
        if args.len() != wanted {
            let names: &[&str] = if wanted == 2 { &["x", "q"] } else { &["x"] };
            self.report(errors::argument_count(word, names, args.len(), name.span));
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
            match free.iter().find(|a| self.b.base(**a) == wanted) {
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
                    self.report(errors::nothing_to_reduce(word, at));
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

    /// The population axis of a dotted name, which a one-argument reduction means.
    fn population_of(&self, e: &Expr, free: &[AxisId]) -> Option<AxisId> {
        let ExprKind::Path(p) = &e.kind else {
            return None;
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

    /// Everybody else's values, own index first removed.
    fn others(&mut self, name: &ast::Name, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
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
        self.report(errors::others_of_what(span));
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

    /// The receiver's part of a stacked value (see the instantiation of market definitions).
    fn part(&mut self, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
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

    /// `x` over the stationary distribution of the shocks it reads.
    fn stationary_mean(&mut self, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let [arg] = args else {
            self.report(errors::argument_count("stationary_mean", &["x"], args.len(), span));
            return None;
        };
        let v = self.expr(&arg.value, scope)?;
        let node = self.numeric(v, arg.value.span)?;
        match super::stationary::stationary_mean(&self.b.graph, &self.model, node) {
            Ok(x) => Some(self.number(x, span)),
            Err(why) => {
                self.report(errors::stationary_mean(&why, arg.value.span));
                None
            }
        }
    }

    /// `alternate(a, b, every: 20)` and `impulse(size)`: paths of scenarios.
    fn path_function(&mut self, name: &ast::Name, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let t = self.time(span).node;
        if name.text == "impulse" {
            let [size] = self.positional(name, args, ["size"], scope)?;
            // A shock with a memory falls back to its mean as it would by itself.
            let law = self.path_of.and_then(|i| match &self.model.shocks[i].process {
                Process::Ar1 { rho, mean, .. } => Some((*rho, *mean)),
                Process::RandomWalk { .. } => Some((1.0, 0.0)),
                Process::Iid(_) | Process::Chain { .. } | Process::Var1 { .. } => None,
            });
            if let Some((rho, mean)) = law {
                let (rho, mean) = (self.b.constant(rho, span), self.b.constant(mean, span));
                let left = self.b.binary(Binary::Pow, rho, t, span);
                let moved = self.b.binary(Binary::Mul, size, left, span);
                return Some(Value {
                    node: self.b.binary(Binary::Add, mean, moved, span),
                    ty: Ty::Number,
                });
            }
            let zero = self.b.constant(0.0, span);
            let now = self.b.binary(Binary::Eq, t, zero, span);
            return Some(Value {
                node: self.b.select(now, size, zero, span),
                ty: Ty::Number,
            });
        }
        let order = self.order_arguments(name, args, &["a", "b", "every"])?;
        let [Some(a), Some(b), Some(every)] = order.as_slice() else {
            self.report(errors::argument_count(
                "alternate",
                &["a", "b", "every"],
                args.len(),
                span,
            ));
            return None;
        };
        let (x, y) = (self.expr(a, scope)?, self.expr(b, scope)?);
        let n = self.whole_constant(every, scope)?;
        if n < 1 {
            self.report(errors::not_whole(n as f64, every.span));
            return None;
        }
        let n = self.b.constant(n as f64, span);
        let spell = self.b.binary(Binary::IntDiv, t, n, span);
        let two = self.b.constant(2.0, span);
        let odd = self.b.binary(Binary::Mod, spell, two, span);
        let node = self.b.select(odd, y.node, x.node, span);
        let ty = match (x.ty, y.ty) {
            (Ty::Link { index: i, shock }, Ty::Link { index: j, .. }) => Ty::Link {
                index: self.b.select(odd, j, i, span),
                shock,
            },
            _ => Ty::Number,
        };
        Some(Value { node, ty })
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

fn unary_of(word: &str) -> Option<Unary> {
    Some(match word {
        "abs" => Unary::Abs,
        "exp" => Unary::Exp,
        "log" => Unary::Log,
        "log1p" => Unary::Log1p,
        "sqrt" => Unary::Sqrt,
        "sin" => Unary::Sin,
        "cos" => Unary::Cos,
        "tanh" => Unary::Tanh,
        "floor" => Unary::Floor,
        "ceil" => Unary::Ceil,
        "round" => Unary::Round,
        "sign" => Unary::Sign,
        "normal_cdf" => Unary::NormalCdf,
        _ => return None,
    })
}
