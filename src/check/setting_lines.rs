//! Settings as the file writes them: read, checked against the keys that exist, and refused where they change nothing.

use super::conduct::{Concept, Information};
use super::model::{Family, Process, Setting, Settings};
use super::settings::{Key, SOLVE_KEYS, VERIFY_KEYS, misfit, not_yet};
use super::{Checker, Decl, errors};
use crate::diag::{Diagnostic, Span};
use crate::graph::{Op, Reduce};
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, UnaryOp};

impl Checker<'_> {
    pub(super) fn read_settings(&mut self) {
        for (block, items, span) in self.settings_stmts.clone() {
            let span = match &block {
                ast::SettingsBlock::Train(m) => m.span,
                ast::SettingsBlock::Solve | ast::SettingsBlock::Verify => span,
            };
            let (name, method, keys) = match &block {
                ast::SettingsBlock::Solve => ("solve", None, Some(SOLVE_KEYS)),
                ast::SettingsBlock::Verify => ("verify", None, Some(VERIFY_KEYS)),
                ast::SettingsBlock::Train(m) => ("train", Some(m.text.clone()), None),
            };
            let mut entries = Vec::new();
            for item in items {
                let words: Vec<&str> = item.key.iter().map(|n| n.text.as_str()).collect();
                let key = words.join(".");
                let key_span = item.key[0].span.to(item.key[item.key.len() - 1].span);
                let known = match keys {
                    None => None,
                    Some(keys) => match self.known_key(&key, &words, keys, key_span, name) {
                        Some(known) => Some(known),
                        None => continue,
                    },
                };
                let wants_number = known.is_some_and(|k| k.kind.wants_number());
                let Some(value) = self.setting(&item.value, wants_number) else {
                    continue;
                };
                // The default in words, as the tables show it: nothing is set.
                if known.is_some_and(|k| k.default == "none") && value == Setting::Word("none".into()) {
                    continue;
                }
                // What is a concept, but none of one agent alone, is more than a word that is not known.
                if let Some(d) = known.and_then(|_| not_yet(name, &key, &value, item.span)) {
                    self.report(d);
                    continue;
                }
                if let Some(known) = known
                    && let Some(d) = misfit(known, &key, &value, &self.model, Some(item.value.span))
                {
                    self.report(d);
                    continue;
                }
                if let Some(d) = self.idle(name, &words, item.span) {
                    self.report(d);
                    continue;
                }
                if let Some(d) = self.grid_beyond(&key, &words, &value, item.value.span) {
                    self.report(d);
                    continue;
                }
                entries.push((key, value, item.span));
            }
            self.model.settings.push(Settings {
                block: name.into(),
                method,
                entries,
                span,
            });
        }
        self.conduct();
    }

    /// A grid with nodes outside the domain of its state.
    fn grid_beyond(&self, key: &str, words: &[&str], value: &Setting, span: Span) -> Option<Diagnostic> {
        let ["grid", target @ ..] = words else { return None };
        let (lo, hi) = match value {
            Setting::List(nodes) => (nodes.first()?.number()?, nodes.last()?.number()?),
            Setting::Call(_, args) => match args.as_slice() {
                [lo, hi, _] => (lo.number()?, hi.number()?),
                _ => return None,
            },
            _ => return None,
        };
        let target = target.join(".");
        let meant = |name: &str| name == target || name.rsplit('.').next() == Some(target.as_str());
        let beyond = |s: &&super::model::State| meant(&s.name) && (lo < s.domain.lo || hi > s.domain.hi);
        let state = self.model.states.iter().find(beyond)?;
        Some(errors::grid_beyond(
            &state.name,
            key,
            (lo, hi),
            state.domain,
            span,
            state.span,
        ))
    }

    /// A grid, a chain or a quadrature of what has none.
    fn idle(&self, block: &str, words: &[&str], span: Span) -> Option<Diagnostic> {
        let [family, target @ ..] = words else { return None };
        if *family == "members" && target.is_empty() && !self.b.graph.axes.iter().any(|a| a.continuum) {
            let d = Diagnostic::error("E0808", "`members` has no effect: the model has no continuum");
            return Some(d.at(span, "nothing reads this").hint("remove it"));
        }
        if block != "solve" || target.is_empty() {
            return None;
        }
        let target = target.join(".");
        let meant = |name: &str| name == target || name.rsplit('.').next() == Some(target.as_str());
        let why = match *family {
            "grid" => {
                let mut own = self.model.states.iter().filter(|s| meant(&s.name)).peekable();
                own.peek()?;
                own.all(|s| s.domain.integer)
                    .then_some("takes whole numbers: the solver visits every one of them")
            }
            "chain" => {
                let mut own = self.model.shocks.iter().filter(|s| meant(&s.name)).peekable();
                own.peek()?;
                own.all(|s| matches!(s.process, Process::Chain { .. }))
                    .then_some("is a finite chain already")
            }
            "quadrature" => {
                let finite = [Family::Bernoulli, Family::UniformInt, Family::Discrete];
                let mut own = self.model.noises.iter().filter(|n| meant(&n.name));
                own.all(|n| finite.contains(&n.family)).then(|| {
                    match self.model.noises.iter().any(|n| meant(&n.name)) {
                        true => "takes finitely many values: the solver visits every one of them",
                        false => "is a shock: `chain.` sets the nodes of a shock",
                    }
                })
            }
            _ => None,
        }?;
        let d = Diagnostic::error(
            "E0808",
            format!("`{}` has no effect: `{target}` {why}", words.join(".")),
        );
        Some(d.at(span, "nothing reads this").hint("remove it"))
    }

    /// Concepts that the model cannot have.
    fn conduct(&mut self) {
        if let Some(said) = self.model.solve_settings() {
            let word = |key: &str| match said.get(key) {
                Some(Setting::Word(w)) => w.as_str(),
                _ => "",
            };
            let (concept, information) = (Concept::of(word("concept")), Information::of(word("information")));
            self.model.concept = concept;
            self.model.information = information.unwrap_or_default();
        }
        let solve = self.model.settings.iter().filter(|s| s.block == "solve");
        let concepts: Vec<(String, Span)> = solve
            .flat_map(|s| &s.entries)
            .filter_map(|(key, value, span)| match value {
                Setting::Word(w) if key == "concept" || key.starts_with("concept.") => Some((w.clone(), *span)),
                _ => None,
            })
            .collect();
        for (concept, span) in concepts {
            if concept == "stackelberg" {
                let used = self.model.acting_stages();
                match (self.model.stages.is_empty(), used.as_slice()) {
                    (true, _) => self.report(errors::stackelberg_without_stages(span)),
                    (false, [only]) => {
                        let stage = self.model.stages[*only].clone();
                        let later = self.model.stages.iter().find(|s| **s != stage).cloned();
                        self.report(errors::stackelberg_at_once(&stage, later.as_deref(), span));
                    }
                    _ => {}
                }
            }
            if concept == "planner" {
                let discounts = self.discounts();
                if let Some((first, rest)) = discounts.split_first()
                    && let Some(other) = rest.iter().find(|(_, d)| *d != first.1)
                {
                    let d = errors::unequal_discounts(first, other, span);
                    self.report(d);
                }
            }
        }
    }

    /// The constant discount factors of the agents: name and value, two of one population whose members differ.
    fn discounts(&self) -> Vec<(String, f64)> {
        let mut out = Vec::new();
        for agent in self.model.agents.iter().filter(|a| a.reward.is_some()) {
            let Some(node) = agent.discount else { continue };
            if let Some(values) = self.b.constant_values(node) {
                let (lo, hi) = values
                    .iter()
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
                out.push((agent.name.clone(), lo));
                if hi > lo {
                    out.push((agent.name.clone(), hi));
                }
            }
        }
        out
    }

    fn known_key(
        &mut self,
        key: &str,
        words: &[&str],
        keys: &'static [Key],
        span: Span,
        block: &str,
    ) -> Option<&'static Key> {
        if let Some(known) = keys.iter().find(|k| k.name == key && !k.name.ends_with(".*")) {
            return Some(known);
        }
        if let [family, rest @ ..] = words
            && !rest.is_empty()
            && let Some(known_key) = keys.iter().find(|k| k.name == format!("{family}.*"))
        {
            let target = rest.join(".");
            let known = self.named_by(family);
            if known
                .iter()
                .any(|n| *n == target || n.rsplit('.').next() == Some(target.as_str()))
            {
                return Some(known_key);
            }
            self.report(errors::setting_target(family, &target, span, &known));
            return None;
        }
        let names: Vec<String> = keys.iter().map(|k| k.name.replace('*', "NAME")).collect();
        self.report(errors::unknown_setting(key, block, span, &names));
        None
    }

    /// Names of means over continua that aggregate shocks move: members forecast them, and a solver lays nodes for them.
    fn forecast_means(&self) -> Vec<String> {
        if !self.model.shocks.iter().any(|s| s.owner.is_none()) {
            return Vec::new();
        }
        let is_mean = |id: usize| {
            let value = self.memo[0].get(&(id, false)).copied().flatten();
            value.is_some_and(|v| match self.b.node(v.node).op {
                Op::Reduce {
                    how: Reduce::Mean,
                    axis,
                    ..
                } => self.b.axis(self.b.base(axis)).continuum,
                _ => false,
            })
        };
        let lets = self
            .entities
            .iter()
            .enumerate()
            .filter(|(_, e)| matches!(e.decl, Decl::Let { .. }));
        lets.filter(|(id, _)| is_mean(*id))
            .map(|(_, e)| e.dotted.clone())
            .collect()
    }

    /// Names of prices that clear between the members of a continuum while aggregate shocks move everybody: members forecast these, too.
    fn forecast_prices(&self) -> Vec<String> {
        let moved = self.model.shocks.iter().any(|s| s.owner.is_none());
        if !moved || !self.b.graph.axes.iter().any(|a| a.continuum) {
            return Vec::new();
        }
        let clears = |p: &&super::model::Price| matches!(self.b.node(p.node).op, Op::Root { .. });
        let own = self.model.prices.iter().filter(clears);
        own.map(|p| p.name.clone()).collect()
    }

    fn named_by(&self, family: &str) -> Vec<String> {
        match family {
            "grid" => {
                let states = self.model.states.iter().map(|s| s.name.clone());
                states
                    .chain(self.forecast_means())
                    .chain(self.forecast_prices())
                    .collect()
            }
            "chain" => self.model.shocks.iter().map(|s| s.name.clone()).collect(),
            "quadrature" => self
                .model
                .noises
                .iter()
                .map(|s| s.name.clone())
                .chain(self.model.shocks.iter().map(|s| s.name.clone()))
                .collect(),
            "given" => self.model.prices.iter().map(|p| p.name.clone()).collect(),
            _ => self.model.agents.iter().map(|a| a.name.clone()).collect(),
        }
    }

    /// A setting's value. A word that names a parameter is a number where a number is wanted, and a word elsewhere.
    pub(super) fn setting(&mut self, e: &Expr, wants_number: bool) -> Option<Setting> {
        match &e.kind {
            ExprKind::Number { value, .. } => Some(Setting::Number(*value)),
            ExprKind::Bool(b) => Some(Setting::Bool(*b)),
            ExprKind::Inf => Some(Setting::Number(f64::INFINITY)),
            ExprKind::Text(s) => Some(Setting::Text(s.clone())),
            ExprKind::Paren(inner) => self.setting(inner, wants_number),
            ExprKind::Array(items) => {
                let mut list = Vec::new();
                for i in items {
                    list.push(self.setting(&i.value, wants_number)?);
                }
                Some(Setting::List(list))
            }
            ExprKind::Range(a, b) => {
                let scope = self.constant_scope(0, "a setting");
                Some(Setting::Range(
                    self.whole_constant(a, &scope)?,
                    self.whole_constant(b, &scope)?,
                ))
            }
            ExprKind::Path(p) if wants_number && self.param_named(p).is_some() => self.setting_number(e),
            ExprKind::Path(p) => {
                // Whoever reads the word may take the parameter's number for it.
                if let Some(i) = self.param_named(p) {
                    self.entities[i].used = true;
                }
                Some(Setting::Word(super::path_text(p)))
            }
            ExprKind::Call { name, args } => {
                let mut out = Vec::new();
                for a in args {
                    out.push(match &a.value.kind {
                        _ if self.is_number(&a.value, wants_number) => self.setting_number(&a.value)?,
                        ExprKind::Path(_) | ExprKind::Text(_) | ExprKind::Array(_) | ExprKind::Call { .. } => {
                            self.setting(&a.value, wants_number)?
                        }
                        _ => Setting::Text(super::model_text(&a.value)),
                    });
                }
                Some(Setting::Call(name.text.clone(), out))
            }
            _ if self.is_number(e, true) => self.setting_number(e),
            _ => Some(Setting::Text(super::model_text(e))),
        }
    }

    fn setting_number(&mut self, e: &Expr) -> Option<Setting> {
        let scope = self.constant_scope(0, "a setting");
        let waiting = self.hit_pending.take();
        let x = self.number_constant(e, &scope);
        if self.hit_pending.is_some() {
            self.left_out.push("a setting".into());
        }
        self.hit_pending = waiting;
        x.map(Setting::Number)
    }

    fn param_named(&self, path: &ast::Path) -> Option<usize> {
        let text = super::path_text(path);
        let names = |e: &super::Entity| e.dotted == text || e.name == text;
        self.entities
            .iter()
            .position(|e| names(e) && matches!(e.decl, super::Decl::Param { .. }))
    }

    /// Whether an expression is arithmetic on numbers and, if `named`, on parameters.
    fn is_number(&self, e: &Expr, named: bool) -> bool {
        match &e.kind {
            ExprKind::Number { .. } | ExprKind::Inf => true,
            ExprKind::Path(p) => named && self.param_named(p).is_some(),
            ExprKind::Unary {
                op: UnaryOp::Neg | UnaryOp::Plus,
                arg,
            } => self.is_number(arg, named),
            ExprKind::Paren(inner) => self.is_number(inner, named),
            ExprKind::Binary {
                op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Pow,
                lhs,
                rhs,
            } => self.is_number(lhs, named) && self.is_number(rhs, named),
            _ => false,
        }
    }
}
