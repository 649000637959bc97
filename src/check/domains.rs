//! Domains and grids with constant ends.

use super::{Checker, Decl, Scope, errors};
use crate::diag::Span;
use crate::graph::{Interval, NodeId, Op, Phase, eval};
use crate::syntax::ast::{self, ExprKind};

/// What a domain says once its ends are constants.
pub(super) struct Domain {
    pub(super) interval: Interval,
    /// The same at the file's own parameters, where scenarios widen it.
    pub(super) own: Option<Interval>,
    /// Labels of a domain over words, with its number in `choices`.
    pub(super) choice: Option<usize>,
    /// The nodes of `on grid(..)`, a list of ascending numbers in units of the state or action.
    pub(super) grid: Option<Vec<f64>>,
}

impl Checker<'_> {
    /// A domain with constant ends.
    pub(super) fn domain(&mut self, d: &ast::Domain, scope: &Scope) -> Option<Domain> {
        let plain = |interval| {
            Some(Domain {
                interval,
                own: None,
                choice: None,
                grid: None,
            })
        };
        match &d.kind {
            ast::DomainKind::Interval {
                lo,
                hi,
                lo_open,
                hi_open,
            } => {
                let ((l, own_l), (h, own_h)) = (self.end(lo, scope, false)?, self.end(hi, scope, true)?);
                let i = Interval {
                    lo: l,
                    hi: h,
                    lo_open: *lo_open,
                    hi_open: *hi_open,
                    integer: false,
                };
                if i.is_empty() {
                    self.report(errors::empty_domain(l, h, d.span));
                    return None;
                }
                let own = Interval {
                    lo: own_l,
                    hi: own_h,
                    ..i
                };
                Some(Domain {
                    interval: i,
                    own: (own != i && !own.is_empty()).then_some(own),
                    choice: None,
                    grid: None,
                })
            }
            ast::DomainKind::Range(lo, hi) => {
                let (l, h) = (self.whole_constant(lo, scope)?, self.whole_constant(hi, scope)?);
                if h < l {
                    self.report(errors::empty_domain(l as f64, h as f64, d.span));
                    return None;
                }
                plain(Interval::integers(l as f64, h as f64))
            }
            ast::DomainKind::Finite(items) => {
                let words: Option<Vec<String>> = items.iter().map(|(e, _)| self.word_of(e)).collect();
                if let Some(words) = words {
                    self.distinct(&words, d.span)?;
                    let n = words.len() as f64;
                    let choice = self.choice_set(words);
                    return Some(Domain {
                        interval: Interval::integers(0.0, n - 1.0),
                        own: None,
                        choice: Some(choice),
                        grid: None,
                    });
                }
                let mut values = Vec::new();
                for (e, _) in items {
                    values.push(self.number_constant(e, scope)?);
                }
                Some(Domain {
                    interval: hull_of(&values),
                    own: None,
                    choice: None,
                    grid: Some(values),
                })
            }
            ast::DomainKind::Grid(args) => {
                let grid = self.grid(args, scope, d.span)?;
                Some(Domain {
                    interval: hull_of(&grid),
                    own: None,
                    choice: None,
                    grid: Some(grid),
                })
            }
            ast::DomainKind::Bool => plain(Interval::boolean()),
            ast::DomainKind::Simplex(name) => {
                self.report(errors::simplex_state(name.span));
                None
            }
            ast::DomainKind::Same(path) => self.same_domain(path, scope, d.span),
        }
    }

    /// An end of a domain, as wide as scenarios may make it and at the file's own parameters.
    fn end(&mut self, e: &ast::Expr, scope: &Scope, upper: bool) -> Option<(f64, f64)> {
        let v = self.expr(e, scope)?;
        if let Some(x) = self.b.constant_value(v.node) {
            if x.is_nan() {
                self.report(errors::empty_domain(x, x, e.span));
                return None;
            }
            return Some((x, x));
        }
        let n = self.b.node(v.node);
        if n.phase == Phase::Constant && n.shape.is_empty() {
            // depends on a parameter that a scenario draws: as wide as it may become
            let wide = if upper { n.domain.hi } else { n.domain.lo };
            return Some((wide, self.at_own_parameters(v.node).unwrap_or(wide)));
        }
        let (phase, shaped) = (n.phase, !n.shape.is_empty());
        self.report(errors::not_constant(e.span, phase, shaped));
        None
    }

    /// The value of a number that depends on parameters only, at those of the file; `None` for what is no plain arithmetic.
    fn at_own_parameters(&self, node: NodeId) -> Option<f64> {
        let value = |n: NodeId| self.at_own_parameters(n);
        match &self.b.node(node).op {
            Op::Const(x) => Some(*x),
            Op::Input(i) => {
                let param = self.model.params.iter().find(|p| p.input == Some(*i))?;
                (param.values.len() == 1).then(|| param.values[0])
            }
            Op::Unary(op, a) => Some(eval::unary(*op, value(*a)?)),
            Op::Binary(op, a, b) => Some(eval::binary(*op, value(*a)?, value(*b)?)),
            Op::Select(c, a, b) => match value(*c)? {
                0.0 => value(*b),
                _ => value(*a),
            },
            _ => None,
        }
    }

    pub(super) fn same_domain(&mut self, path: &ast::Path, scope: &Scope, span: Span) -> Option<Domain> {
        if self.deep > super::DEEPEST {
            self.report(errors::too_deep(&path.segments[0].name.text, span, self.shallow));
            return None;
        }
        // `state a in b` with `state b in a` is a circle.
        self.deep += super::DEEPEST / 16;
        let domain = self.same_domain_inside(path, scope, span);
        self.deep -= super::DEEPEST / 16;
        domain
    }

    fn same_domain_inside(&mut self, path: &ast::Path, scope: &Scope, span: Span) -> Option<Domain> {
        let word = path.segments[path.segments.len() - 1].name.text.clone();
        let mut found = None;
        for b in self.chain(scope.block) {
            if let Some(e) = self.blocks[b].names.get(&word) {
                found = Some(*e);
                break;
            }
        }
        if path.segments.len() == 2
            && let Some(b) = self.find_block(scope.block, &path.segments[0].name.text)
        {
            found = self.blocks[b].names.get(&word).copied();
        }
        if let Some(id) = found {
            self.entities[id].used = true;
            match self.entities[id].decl.clone() {
                Decl::Set { .. } => {}
                Decl::State { domain, .. } => {
                    let s = self.constant_scope(self.entities[id].block, "a domain");
                    return self.domain(&domain, &s);
                }
                Decl::Action { domain, grid, .. } => {
                    let s = self.constant_scope(self.entities[id].block, "a domain");
                    let mut d = self.domain(&domain, &s)?;
                    if let Some(g) = grid {
                        let was = self.hit_pending.take();
                        d.grid = self.grid_expr(&g, &s);
                        if self.hit_pending.is_some() {
                            self.left_out.push(format!("grid of {}", self.entities[id].dotted));
                        }
                        self.hit_pending = was;
                    }
                    return Some(d);
                }
                _ => {
                    let what = super::scope::kind_word(&self.entities[id].decl);
                    self.report(errors::not_a_domain(&word, what, span));
                    return None;
                }
            }
        }
        let axis = self.set_axis(path, scope.block)?;
        let info = self.info(axis);
        let size = self.b.axis(axis).size as f64;
        if info.labels.is_empty() {
            let first = info.first as f64;
            return Some(Domain {
                interval: Interval::integers(first, first + size - 1.0),
                own: None,
                choice: None,
                grid: None,
            });
        }
        let choice = self.choice_set(info.labels);
        Some(Domain {
            interval: Interval::integers(0.0, size - 1.0),
            own: None,
            choice: Some(choice),
            grid: None,
        })
    }

    /// Checks that the labels in a list differ from one another; `None` after a message if not.
    pub(super) fn distinct(&mut self, words: &[String], span: Span) -> Option<()> {
        for (i, w) in words.iter().enumerate() {
            if words[..i].contains(w) {
                self.report(errors::duplicate(w, span, span));
                return None;
            }
        }
        Some(())
    }

    /// The number of the set of choices with these labels, one per choice in order; made when first met.
    pub(super) fn choice_set(&mut self, words: Vec<String>) -> usize {
        if let Some(i) = self.choices.iter().position(|c| *c == words) {
            return i;
        }
        self.choices.push(words);
        self.choices.len() - 1
    }

    /// The nodes of `grid(lo, hi, n)`, filled by repeated addition of `(hi - lo)/(n - 1)`, of `[x, y, ..]`, or of a
    /// named array: a list of numbers in units of the state or action.
    pub(super) fn grid_expr(&mut self, e: &ast::Expr, scope: &Scope) -> Option<Vec<f64>> {
        if let ExprKind::Call { name, args } = &e.kind
            && name.text == "grid"
        {
            let args: Vec<ast::Expr> = args.iter().map(|a| a.value.clone()).collect();
            return self.grid(&args, scope, e.span);
        }
        let v = self.expr(e, scope)?;
        match self.b.constant_values(v.node) {
            Some(values) if values.windows(2).all(|w| w[0] < w[1]) => Some(values),
            _ => {
                self.report(errors::bad_grid(e.span));
                None
            }
        }
    }

    /// The nodes of `grid(lo, hi, n)`, a list of ascending numbers; `args` are the three arguments in order.
    pub(super) fn grid(&mut self, args: &[ast::Expr], scope: &Scope, span: Span) -> Option<Vec<f64>> {
        let [lo, hi, n] = args else {
            self.report(errors::bad_grid(span));
            return None;
        };
        let (lo, hi, n) = (
            self.number_constant(lo, scope)?,
            self.number_constant(hi, scope)?,
            self.whole_constant(n, scope)?,
        );
        if !(1..=1_000_000).contains(&n) || !(lo <= hi) || !lo.is_finite() || !hi.is_finite() || (n > 1 && lo == hi) {
            self.report(errors::bad_grid(span));
            return None;
        }
        let step = if n > 1 { (hi - lo) / (n - 1) as f64 } else { 0.0 };
        let mut grid = vec![lo];
        for _ in 1..n {
            grid.push(grid[grid.len() - 1] + step);
        }
        Some(grid)
    }
}

/// The smallest interval that holds all numbers of a list, over whole numbers if all are whole.
pub(super) fn hull_of(xs: &[f64]) -> Interval {
    let lo = xs.iter().copied().fold(f64::INFINITY, f64::min);
    let hi = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Interval {
        integer: xs.iter().all(|x| x.fract() == 0.0),
        ..Interval::closed(lo, hi)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_scenario_widens_is_solved_as_the_file_says() {
        let text = "model m \"Limit\"\nparam phi = 0.5\nagent household {\n  state a in [-2 * phi, inf), start 0\n  action b in [0, 1]\n  a' = b - phi\n  reward b - a * a\n  discount 0.9\n}\nscenario loose { param phi = 0.8 }\n";
        let (model, said) = crate::compile(text, &crate::Options::default());
        let model = model.unwrap_or_else(|| panic!("{said:?}"));
        assert_eq!(
            model.states[0].domain.lo, -1.6,
            "worlds may go as far as in the scenario"
        );
        assert_eq!(model.as_asked(None, None).states[0].domain.lo, -1.0);
        let (model, _) = crate::compile(&text.replace("scenario", "# scenario"), &crate::Options::default());
        let model = model.expect("a model");
        assert!(model.states[0].own.is_none() && model.states[0].domain.lo == -1.0);
    }
}
