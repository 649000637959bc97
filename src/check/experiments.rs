//! Scenarios: scripted worlds over the model's own names.

use super::model::{self, DrawWhen, Force, Process, Scenario, Target};
use super::{Bound, Checker, Decl, LabelSource, Primes, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{AxisId, Interval, NodeId};
use crate::syntax::ast::{self, Expr, Index, ScenarioItem};

impl Checker<'_> {
    /// Reads scenarios and settings.
    pub(super) fn experiments(&mut self) {
        for (name, items, span) in self.scenario_stmts.clone() {
            let mut s = Scenario {
                name: name.text.clone(),
                span,
                ..Scenario::default()
            };
            let mut forced = Vec::new();
            for item in &items {
                let before = s.forces.len();
                self.scenario_item(&mut s, item);
                if let ScenarioItem::Force { target, span, .. } = item
                    && let Some(Force { from: Some(from), .. }) = s.forces.get(before)
                {
                    forced.push((super::path_text(target), *from, *span));
                }
            }
            self.forces_in_time(&s, &forced);
            self.model.scenarios.push(s);
        }
        self.read_settings();
    }

    /// Warns of what is forced (its name, the first period, where it stands) when the scenario is over.
    fn forces_in_time(&mut self, s: &Scenario, forced: &[(String, usize, Span)]) {
        let ends = [s.periods, self.model.horizon].into_iter().flatten().min();
        let Some(periods) = ends else { return };
        for (name, from, span) in forced.iter().filter(|(_, from, _)| *from >= periods) {
            self.report(errors::force_too_late(name, *from, periods, &s.name, *span));
        }
    }

    fn scenario_item(&mut self, s: &mut Scenario, item: &ScenarioItem) {
        let waiting = self.hit_pending.take();
        let done = match item {
            ScenarioItem::Periods { value, .. } => self.periods(s, value),
            ScenarioItem::Param {
                name,
                drawn,
                value,
                span,
            } => self.scenario_param(s, name, *drawn, value, *span),
            ScenarioItem::Start { target, value, span } => self.scenario_start(s, target, value, *span),
            ScenarioItem::Path { target, value, span } => self.scenario_path(s, target, value, *span),
            ScenarioItem::Force {
                target,
                value,
                at,
                span,
            } => self.scenario_force(s, target, value, at.as_ref(), *span),
        };
        if done.is_none() && self.hit_pending.is_some() {
            self.left_out.push(format!("a line of scenario {}", s.name));
        }
        self.hit_pending = waiting;
    }

    fn periods(&mut self, s: &mut Scenario, value: &Expr) -> Option<()> {
        let scope = self.constant_scope(0, "a number of periods");
        let n = self.whole_constant(value, &scope)?;
        if n < 1 {
            self.report(errors::not_whole(n as f64, value.span));
            return None;
        }
        s.periods = Some(n as usize);
        Some(())
    }

    fn scenario_param(
        &mut self,
        s: &mut Scenario,
        name: &ast::Name,
        drawn: bool,
        value: &Expr,
        span: Span,
    ) -> Option<()> {
        let Some(p) = self
            .model
            .params
            .iter()
            .position(|p| p.name == name.text || p.name.rsplit('.').next() == Some(name.text.as_str()))
        else {
            // A parameter that is wrong itself has its own message.
            let declared = |e: &super::Entity| matches!(e.decl, Decl::Param { .. }) && e.name == name.text;
            if self.entities.iter().any(declared) {
                return None;
            }
            let known: Vec<String> = self.model.params.iter().map(|p| p.name.clone()).collect();
            self.report(errors::scenario_unknown(&name.text, name.span, &known));
            return None;
        };
        if self.scenario_numbers.contains(&name.text) && self.model.params[p].shape.is_empty() {
            let scope = self.constant_scope(0, "a scenario");
            let x = self.number_constant(value, &scope)?;
            self.scenario_param_fits(p, value, Interval::point(x))?;
            s.numbers.push((p, x));
            return Some(());
        }
        if self.model.params[p].input.is_none() {
            self.report(errors::scenario_param_fixed(
                &name.text,
                span,
                self.model.params[p].span,
            ));
            return None;
        }
        let v = self.scripted_param(&s.name.clone(), &name.text, drawn, value)?;
        let node = self.numeric(v, value.span)?;
        let range = self.b.node(node).domain;
        self.scenario_param_fits(p, value, range)?;
        s.params.push((p, node));
        Some(())
    }

    /// What a target path means, with the scope its value is read in and the places it names along its axes.
    fn target(&mut self, path: &ast::Path) -> Option<(Target, Vec<AxisId>, Scope, Vec<(AxisId, usize)>)> {
        let n = path.segments.len();
        let last = &path.segments[n - 1];
        let mut scope = self.constant_scope(0, "a scenario");
        let mut block = 0;
        let mut at = Vec::new();
        for s in &path.segments[..n - 1] {
            let found = if block == 0 {
                self.find_block(0, &s.name.text)
            } else {
                self.blocks[block]
                    .children
                    .iter()
                    .copied()
                    .find(|c| self.blocks[*c].name == s.name.text)
            };
            let Some(b) = found else {
                let known: Vec<String> = self.blocks.iter().map(|b| b.name.clone()).collect();
                self.report(errors::scenario_unknown(&s.name.text, s.name.span, &known));
                return None;
            };
            block = b;
            match s.index.as_slice() {
                [] => {}
                [Index::Binder(binder)] => {
                    if let Some(axis) = self.block_axis(block)? {
                        scope.binders.push((
                            binder.var.text.clone(),
                            Bound {
                                axis,
                                member_of: Some(block),
                            },
                        ));
                    }
                }
                [Index::At(e)] => match self.block_axis(block)? {
                    Some(axis) => at.push((axis, self.place_along(axis, &s.name.text, e)?)),
                    None => {
                        let declared = self.blocks[block].span;
                        self.report(errors::wrong_index(&s.name.text, 0, 1, path.span, declared));
                        return None;
                    }
                },
                _ => {
                    self.report(errors::binder_here(path.span));
                    return None;
                }
            }
        }
        scope.block = block;
        scope.bound = self.block_axes(block)?;
        let found = self.blocks[block].names.get(&last.name.text).copied().or_else(|| {
            let markets: Vec<usize> = self.blocks[0]
                .children
                .iter()
                .copied()
                .filter(|m| self.blocks[*m].kind == super::BlockKind::Market)
                .collect();
            if n == 1 {
                markets
                    .iter()
                    .find_map(|m| self.blocks[*m].names.get(&last.name.text).copied())
            } else {
                None
            }
        });
        let Some(id) = found else {
            let known: Vec<String> = self.entities.iter().map(|e| e.dotted.clone()).collect();
            self.report(errors::scenario_unknown(&last.name.text, last.name.span, &known));
            return None;
        };
        self.entities[id].used = true;
        let target = match self.entities[id].decl.clone() {
            Decl::State { number, .. } | Decl::Lag { number, .. } if number != usize::MAX => Target::State(number),
            Decl::Shock {
                number: Some(number), ..
            } => Target::Shock(number),
            Decl::Action { number, .. } if number != usize::MAX => Target::Action(number),
            Decl::Noise { .. } => {
                let dotted = &self.entities[id].dotted;
                Target::Noise(self.model.noises.iter().position(|x| x.name == *dotted)?)
            }
            other => {
                let what = super::scope::kind_word(&other);
                self.report(errors::scenario_target(&last.name.text, what, path.span));
                return None;
            }
        };
        let own = self.index_axes(id)?;
        if !last.index.is_empty() && last.index.len() != own.len() {
            let declared = self.entities[id].span;
            self.report(errors::wrong_index(
                &last.name.text,
                own.len(),
                last.index.len(),
                path.span,
                declared,
            ));
            return None;
        }
        for (i, axis) in last.index.iter().zip(&own) {
            match i {
                Index::Binder(b) => {
                    scope.binders.push((
                        b.var.text.clone(),
                        Bound {
                            axis: *axis,
                            member_of: None,
                        },
                    ));
                    scope.bound.push(*axis);
                }
                Index::At(e) => at.push((*axis, self.place_along(*axis, &last.name.text, e)?)),
            }
        }
        scope.labels = match target {
            Target::Shock(s) => Some(LabelSource::Shock(s)),
            Target::Action(a) => match &self.model.actions[a].space {
                model::Space::Finite { labels, .. } => {
                    self.choices.iter().position(|c| c == labels).map(LabelSource::Choice)
                }
                _ => None,
            },
            Target::State(s) => self
                .choices
                .iter()
                .position(|c| *c == self.model.states[s].labels)
                .map(LabelSource::Choice),
            Target::Noise(_) => None,
        };
        let mut shape = self.block_axes(block)?;
        shape.extend(own);
        Some((target, shape, scope, at))
    }

    /// The place (from 0) along an axis that a number or a label names.
    fn place_along(&mut self, axis: AxisId, name: &str, e: &Expr) -> Option<usize> {
        let info = self.info(axis);
        if let Some(word) = self.word_of(e)
            && let Some(i) = info.labels.iter().position(|l| *l == word)
        {
            return Some(i);
        }
        let c = self.constant_scope(0, "a member's number");
        let k = self.whole_constant(e, &c)?;
        let size = self.b.axis(axis).size as i64;
        if k < info.first || k >= info.first + size {
            let (first, last) = (info.first as f64, (info.first + size - 1) as f64);
            self.report(errors::index_outside(name, (k as f64, k as f64), (first, last), e.span));
            return None;
        }
        Some((k - info.first) as usize)
    }

    /// Starts and paths are about all members; a numbered one would leave the others without.
    fn about_all(&mut self, at: &[(AxisId, usize)], path: &ast::Path, what: &str) -> Option<()> {
        if at.is_empty() {
            return Some(());
        }
        self.report(errors::scenario_numbered(what, path.span));
        None
    }

    /// A scenario's value: the index of the state for chains, of the choice for choices, a number otherwise.
    fn scripted(&mut self, target: Target, v: Value, shape: &[AxisId], span: Span) -> Option<NodeId> {
        let chain = match target {
            Target::Shock(s) => matches!(self.model.shocks[s].process, Process::Chain { .. }),
            _ => false,
        };
        let node = match v.ty {
            Ty::Link { index, .. } if chain => index,
            Ty::Choice { index, .. } => index,
            _ if chain => self.link_of_value(target, v, span)?,
            _ => self.numeric(v, span)?,
        };
        let extra: Vec<AxisId> = self
            .b
            .shape(node)
            .iter()
            .copied()
            .filter(|a| !shape.contains(a))
            .collect();
        if !extra.is_empty() {
            let (have, want) = (self.shape_text(&self.b.shape(node).clone()), self.shape_text(shape));
            self.report(errors::left_side_shape("this line", span, &have, span, &want));
            return None;
        }
        Some(node)
    }

    /// A number on a chain's path must be the value of one of the states of the chain.
    fn link_of_value(&mut self, target: Target, v: Value, span: Span) -> Option<NodeId> {
        let Target::Shock(s) = target else {
            return None;
        };
        let Process::Chain { values, labels, .. } = self.model.shocks[s].process.clone() else {
            return None;
        };
        let name = self.model.shocks[s].name.clone();
        if let Some(x) = self.b.constant_value(v.node)
            && let Some(i) = values.iter().position(|y| *y == x)
        {
            return Some(self.b.constant(i as f64, span));
        }
        self.report(errors::path_of_chain(&name, &labels, &values, span));
        None
    }

    fn scenario_start(&mut self, s: &mut Scenario, target: &ast::Path, value: &Expr, span: Span) -> Option<()> {
        let (t, shape, mut scope, at) = self.target(target)?;
        self.about_all(&at, target, "start")?;
        if matches!(t, Target::Action(_) | Target::Noise(_)) {
            self.report(errors::scenario_target(
                &target.segments[target.segments.len() - 1].name.text,
                "not a state",
                target.span,
            ));
            return None;
        }
        scope.draws = Some((DrawWhen::Start, shape.clone(), format!("{}.start", s.name)));
        let v = self.expr(value, &scope)?;
        let node = self.scripted(t, v, &shape, value.span)?;
        if let Target::State(n) = t {
            let (d, got) = (self.model.states[n].domain, self.b.node(node).domain);
            if !d.contains_all(got) {
                self.report(errors::start_outside(
                    &self.model.states[n].name.clone(),
                    got,
                    d,
                    span,
                    self.model.states[n].span,
                ));
                return None;
            }
        }
        s.starts.push((t, node));
        Some(())
    }

    fn scenario_path(&mut self, s: &mut Scenario, target: &ast::Path, value: &Expr, span: Span) -> Option<()> {
        if let Some(p) = self.moved_param(target) {
            return self.param_path(s, p, target, value, span);
        }
        let (t, shape, scope, at) = self.target(target)?;
        self.about_all(&at, target, "path")?;
        if let Target::State(_) = t {
            self.report(errors::scenario_path_state(
                &target.segments[target.segments.len() - 1].name.text,
                target.span,
            ));
            return None;
        }
        if let Target::Shock(i) = t {
            self.path_of = Some(i);
        }
        let v = self.expr(value, &scope);
        self.path_of = None;
        let v = v?;
        let node = self.scripted(t, v, &shape, value.span)?;
        s.paths.push((t, node));
        Some(())
    }

    /// The parameter that a path moves, if it is one.
    fn moved_param(&self, target: &ast::Path) -> Option<usize> {
        let words: Vec<&str> = target.segments.iter().map(|s| s.name.text.as_str()).collect();
        let plain = target.segments.iter().all(|s| s.index.is_empty());
        let dotted = words.join(".");
        let is = |p: &model::Param| p.name == dotted || words.len() == 1 && p.name.rsplit('.').next() == Some(&dotted);
        // What is called the same in the outermost block is meant first.
        let id = self.blocks[0].names.get(&dotted).copied();
        let other = id.is_some_and(|id| !matches!(self.entities[id].decl, Decl::Param { .. }));
        (plain && !other)
            .then(|| self.model.params.iter().position(is))
            .flatten()
    }

    /// A parameter that moves along a path.
    fn param_path(&mut self, s: &mut Scenario, p: usize, target: &ast::Path, value: &Expr, span: Span) -> Option<()> {
        let name = target.segments[target.segments.len() - 1].name.text.clone();
        if self.model.params[p].input.is_none() {
            self.report(errors::scenario_param_fixed(&name, span, self.model.params[p].span));
            return None;
        }
        if s.params.iter().any(|x| x.0 == p) || s.numbers.iter().any(|x| x.0 == p) {
            self.report(errors::scenario_target(
                &name,
                "`param` gives it a number here already",
                span,
            ));
            return None;
        }
        let v = self.scripted_param(&s.name.clone(), &name, false, value)?;
        let node = self.numeric(v, value.span)?;
        let range = self.b.node(node).domain;
        self.scenario_param_fits(p, value, range)?;
        s.moves.push((p, node));
        Some(())
    }

    /// All that an action from an interval can ever be, whatever its bounds come to.
    fn reach_of(&self, action: usize) -> Option<Interval> {
        let (lo, hi, lo_open, hi_open) = match &self.model.actions[action].space {
            model::Space::Interval {
                lo,
                hi,
                lo_open,
                hi_open,
            } => (lo, hi, *lo_open, *hi_open),
            model::Space::Integer { lo, hi } => (lo, hi, false, false),
            model::Space::Finite { .. } | model::Space::Simplex(_) => return None,
        };
        Some(Interval {
            lo: self.b.node(*lo).domain.lo,
            hi: self.b.node(*hi).domain.hi,
            lo_open,
            hi_open,
            integer: false,
        })
    }

    fn scenario_force(
        &mut self,
        s: &mut Scenario,
        target: &ast::Path,
        value: &Expr,
        when: Option<&(Expr, Option<Expr>)>,
        _span: Span,
    ) -> Option<()> {
        let (t, shape, mut scope, at) = self.target(target)?;
        if let Target::State(_) = t {
            self.report(errors::scenario_path_state(
                &target.segments[target.segments.len() - 1].name.text,
                target.span,
            ));
            return None;
        }
        scope.primes = Primes::None("a scenario");
        let v = self.expr(value, &scope)?;
        let node = self.scripted(t, v, &shape, value.span)?;
        if let Target::Action(a) = t
            && let Some(bounds) = self.reach_of(a)
            && self.b.node(node).domain.intersect(bounds).is_empty()
        {
            let (name, declared) = (self.model.actions[a].name.clone(), self.model.actions[a].span);
            self.report(errors::force_outside(
                &name,
                self.b.node(node).domain,
                bounds,
                value.span,
                declared,
            ));
            return None;
        }
        let c = self.constant_scope(0, "a period");
        let (mut from, mut until) = (None, None);
        if let Some((a, b)) = when {
            let first = self.whole_constant(a, &c)?;
            let last = match b {
                Some(b) => self.whole_constant(b, &c)?,
                None => first,
            };
            if first < 0 || last < first {
                self.report(errors::not_whole(first as f64, a.span));
                return None;
            }
            from = Some(first as usize);
            until = Some(last as usize);
        }
        s.forces.push(Force {
            target: t,
            at,
            value: node,
            from,
            until,
        });
        Some(())
    }
}
