//! Functions: built-in ones, the user's own, reductions and `others`.

use super::model::Process;
use super::{Checker, Scope, Ty, Value, errors, lints};
use crate::diag::Span;
use crate::graph::{AxisId, Binary, NodeId, Reduce, Unary};
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
    "entry_value",
    "expect",
    "steady_state",
    "alternate",
    "impulse",
    "mod",
    "div",
];

/// Whether a built-in function has this name.
pub(super) fn is_one(word: &str) -> bool {
    BUILT_IN.contains(&word)
}

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
    /// A call of a function by name; `args` in the order typed.
    pub(super) fn call(&mut self, name: &ast::Name, args: &[Arg], span: Span, scope: &Scope) -> Option<Value> {
        let word = name.text.as_str();
        if let Some(read) = self.schedule_ahead(name, args, span, scope) {
            return read;
        }
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
            "entry_value" => self.entry_value(args, span, scope),
            "expect" => self.expectation(args, span, scope),
            "stationary_mean" => self.stationary_mean(args, span, scope),
            "alternate" | "impulse" => self.path_function(name, args, span, scope),
            "steady_state" => {
                let of: Vec<String> = args.iter().map(|a| self.written_outside(&a.value, scope)).collect();
                let written = format!("steady_state({})", of.join(", "));
                self.report(errors::solve_only_in_param(&written, "steady_state", span));
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

    /// Numeric arguments, by position or by name: one node per entry of `names`, in that order; `args` in the order
    /// typed.
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
        // With a risk aversion below one the utility of zero consumption is finite.
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
        let power = match self.b.constant_value(gap) {
            Some(x) if x > 0.0 => self.b.binary(Binary::Pow, c, gap, span),
            _ => self.power_of_positive(c, gap, span),
        };
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

    /// `x^power` where `x` is not negative, else not a number. Whole powers go on beyond zero: 1/c of a consumption that rounds to -1e-17 would be
    /// the best utility of all. By the square root, which has no step that solvers would have to look at.
    fn power_of_positive(&mut self, x: NodeId, power: NodeId, span: Span) -> NodeId {
        let whole = self.b.constant_value(power).is_none_or(|p| p.fract() == 0.0);
        if !whole || self.b.node(x).domain.lo >= 0.0 {
            return self.b.binary(Binary::Pow, x, power, span);
        }
        let two = self.b.constant(2.0, span);
        let (root, twice) = (
            self.b.unary(Unary::Sqrt, x, span),
            self.b.binary(Binary::Mul, two, power, span),
        );
        self.b.binary(Binary::Pow, root, twice, span)
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
        let power = self.power_of_positive(x, rho, span);
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
                self.report(errors::nothing_to_reduce("this function", at, None));
                None
            }
            several => {
                let text = self.shape_text(several);
                self.report(errors::which_axis("this function", &text, at));
                None
            }
        }
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
