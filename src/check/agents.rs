//! Decision makers: what they see, want and may do; requirements and ends; the listing of all names.

use super::model::{self, Agent, DrawWhen, End, Named, Observation, Otherwise, Require, Then};
use super::{Block, BlockId, BlockKind, Checker, Decl, EntityId, Primes, Scope, Ty, Value, errors};
use crate::diag::Span;
use crate::graph::{AxisId, AxisKind, Binary, InputKind, NodeId, Op, Phase, Unary};
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, ObserveItem, Stmt, StmtKind};

impl Checker<'_> {
    /// Assembles every agent and reads what stands at other levels (requirements, ends, horizon).
    pub(super) fn agents(&mut self) {
        let blocks: Vec<BlockId> = (0..self.blocks.len())
            .filter(|b| self.blocks[*b].kind != BlockKind::Kind)
            .collect();
        for b in &blocks {
            if self.blocks[*b].kind == BlockKind::Agent {
                self.begin_agent(*b);
            }
        }
        for b in &blocks {
            self.horizon_of(*b);
        }
        for b in blocks {
            let statements = self.blocks[b].statements.clone();
            if self.blocks[b].kind == BlockKind::Agent {
                self.agent_body(b, &statements);
            } else {
                for s in &statements {
                    self.shared_statement(b, s);
                }
            }
        }
    }

    fn begin_agent(&mut self, at: BlockId) {
        let Block {
            kind_of, span, mass, ..
        } = self.blocks[at].clone();
        let name = self.block_path(at);
        let kind = kind_of.map(|k| self.blocks[k].name.clone());
        let axis = self.block_axis(at).flatten();
        let shape = self.block_axes(at).unwrap_or_default();
        if let Some(m) = &mass
            && !axis.is_some_and(|a| self.b.axis(a).continuum)
        {
            self.report(errors::mass_without_continuum(&name, m.span));
        }
        let mass = self.mass_of(at);
        let actions = self
            .model
            .actions
            .iter()
            .enumerate()
            .filter(|(_, a)| a.owner == self.model.agents.len())
            .map(|(i, _)| i)
            .collect();
        self.model.agents.push(Agent {
            name,
            kind,
            axis,
            shape,
            mass,
            actions,
            observation: Vec::new(),
            reward: None,
            discount: None,
            rules: Vec::new(),
            consumption: None,
            span,
        });
    }

    /// Mass of a continuum, one if none is given.
    pub(super) fn mass_of(&mut self, at: BlockId) -> f64 {
        let Some(e) = self.blocks[at].mass.clone() else {
            return 1.0;
        };
        let scope = self.constant_scope(self.blocks[at].parent.unwrap_or(0), "a mass");
        match self.number_constant(&e, &scope) {
            Some(m) if m > 0.0 => m,
            Some(m) => {
                self.report(errors::mass_not_positive(m, e.span));
                1.0
            }
            None => 1.0,
        }
    }

    fn horizon_of(&mut self, at: BlockId) {
        for s in self.blocks[at].statements.clone() {
            if let StmtKind::Horizon(e) = &s.kind {
                let scope = self.constant_scope(at, "a horizon");
                if let Some(h) = self.whole_constant(e, &scope) {
                    if h < 1 {
                        self.report(errors::no_horizon(h, e.span));
                    } else {
                        self.model.horizon = Some(h as usize);
                    }
                }
            }
        }
    }

    fn shared_statement(&mut self, at: BlockId, s: &Stmt) {
        match &s.kind {
            StmtKind::Require { condition, otherwise } => self.require(at, None, condition, otherwise.as_ref(), s.span),
            StmtKind::End { when, paying, then } => self.end_when(at, None, when, paying.as_ref(), *then, s.span),
            StmtKind::Reward(_) => self.report(errors::only_in_agent("reward", s.span)),
            StmtKind::Observe { .. } => self.report(errors::only_in_agent("observe", s.span)),
            StmtKind::Policy { .. } => self.report(errors::only_in_agent("policy", s.span)),
            StmtKind::Discount(_) => self.report(errors::only_in_agent("discount", s.span)),
            _ => {}
        }
    }

    fn agent_body(&mut self, at: BlockId, statements: &[Stmt]) {
        let path = self.block_path(at);
        let number = self.agent_number(&path);
        let mut observed = false;
        let mut rewards: Vec<Span> = Vec::new();
        for s in statements {
            match &s.kind {
                StmtKind::Observe { items, when } => {
                    observed = true;
                    self.observe(at, number, items, when.as_ref());
                }
                StmtKind::Reward(e) => {
                    if let Some(first) = rewards.first() {
                        self.report(errors::duplicate("reward", s.span, *first));
                        continue;
                    }
                    rewards.push(s.span);
                    self.reward(at, number, e);
                }
                StmtKind::Discount(e) => self.discount(at, number, e),
                _ => {}
            }
        }
        for s in statements {
            match &s.kind {
                StmtKind::Require { condition, otherwise } => {
                    self.require(at, Some(number), condition, otherwise.as_ref(), s.span)
                }
                StmtKind::End { when, paying, then } => {
                    self.end_when(at, Some(number), when, paying.as_ref(), *then, s.span)
                }
                StmtKind::Policy { action, rule } => self.policy(at, number, action.as_ref(), rule, s.span),
                _ => {}
            }
        }
        if !observed {
            self.default_observation(at, number);
        }
        self.consumption(at, number);
        self.judge(number, rewards.first().copied());
    }

    fn judge(&mut self, number: usize, reward_at: Option<Span>) {
        let a = self.model.agents[number].clone();
        if a.reward.is_some() && a.actions.is_empty() {
            self.report(errors::reward_without_action(&a.name, reward_at.unwrap_or(a.span)));
        }
        let chosen = a.actions.iter().any(|x| !a.rules.iter().any(|(r, _)| r == x));
        if chosen && a.reward.is_none() && reward_at.is_none() {
            self.report(errors::action_without_reward(&a.name, a.span));
        }
        for x in &a.actions {
            if chosen && !a.rules.iter().any(|(r, _)| r == x) {
                self.leaks(*x, &a);
            }
        }
        // A price that nothing determines has its own message; whether tomorrow matters is known when that is mended.
        let awaited = |s: &model::State| {
            self.entities.iter().any(|e| {
                e.dotted == s.name
                    && matches!(
                        e.decl,
                        Decl::State {
                            law: None,
                            price: Some(_),
                            ..
                        }
                    )
            })
        };
        let dynamic = !self.model.states.iter().all(awaited);
        if chosen
            && a.discount.is_none()
            && dynamic
            && self.model.horizon.is_none()
            && self.discount_span(&a.name).is_none()
        {
            self.report(errors::no_discount(&a.name, a.span));
        }
    }

    /// Bounds and masks may read only what the agent observes (R8): its observations, prices, and means over populations.
    fn leaks(&mut self, action: usize, agent: &Agent) {
        let act = self.model.actions[action].clone();
        let mut todo: Vec<NodeId> = match &act.space {
            model::Space::Interval { lo, hi, .. } | model::Space::Integer { lo, hi } => vec![*lo, *hi],
            model::Space::Finite { masks, .. } => masks.iter().flatten().copied().collect(),
            model::Space::Simplex(_) => return,
        };
        let mut seen: std::collections::BTreeSet<NodeId> = agent.observation.iter().map(|o| o.node).collect();
        seen.extend(self.model.prices.iter().map(|p| p.node));
        while let Some(n) = todo.pop() {
            if !seen.insert(n) {
                continue;
            }
            let hidden = match &self.b.node(n).op {
                Op::Input(i) => match self.b.graph.inputs[i.0 as usize].kind {
                    // Everybody knows the season.
                    InputKind::State(s) if self.is_season(s) => None,
                    InputKind::State(s) => Some((self.model.states[s].name.clone(), self.model.states[s].span)),
                    InputKind::Shock(s) => Some((self.model.shocks[s].name.clone(), self.model.shocks[s].span)),
                    _ => None,
                },
                Op::Reduce { axis, .. } if !matches!(self.b.axis(self.b.base(*axis)).kind, AxisKind::Set) => continue,
                op => {
                    todo.extend(crate::graph::shape::operands(op));
                    None
                }
            };
            // Presence is known to whoever is present.
            let Some((name, declared)) = hidden.filter(|(n, _)| !n.ends_with(".present")) else {
                continue;
            };
            let at = self.entities.iter().find_map(|e| match &e.decl {
                Decl::Action { domain, .. } if e.dotted == act.name => Some(domain.span),
                _ => None,
            });
            let (what, span) = (format!("the bound of {}", act.name), at.unwrap_or(act.span));
            self.report(errors::leaks(&what, span, &name, declared, &agent.name));
            return;
        }
    }

    /// Where the factor of an agent's `discount` stands.
    pub(super) fn discount_span(&self, agent: &str) -> Option<Span> {
        let own = |(i, b): &(usize, &super::Block)| b.kind == BlockKind::Agent && self.block_path(*i) == agent;
        let statements = self
            .blocks
            .iter()
            .enumerate()
            .filter(own)
            .flat_map(|(_, b)| &b.statements);
        statements.into_iter().find_map(|s| match &s.kind {
            StmtKind::Discount(e) => Some(e.span),
            _ => None,
        })
    }

    fn reward(&mut self, at: BlockId, number: usize, e: &Expr) {
        let Some(scope) = self.block_scope(at, Primes::States) else {
            return;
        };
        let name = format!("{}.reward", self.model.agents[number].name);
        let (v, reads) = self.capture_checked(&name, e.span, |c| c.expr(e, &scope));
        let Some(v) = v else { return };
        let Some(node) = self.numeric(v, e.span) else {
            return;
        };
        let allowed = scope.bound.clone();
        if let Some(node) = self.own_shape(node, &allowed, "the reward", e.span) {
            self.model.agents[number].reward = Some(node);
            let block = self.model.agents[number].name.clone();
            self.name_node(name, "reward", block, node, &reads, e.span);
        }
    }

    fn discount(&mut self, at: BlockId, number: usize, e: &Expr) {
        let Some(scope) = self.block_scope(at, Primes::None("a discount factor")) else {
            return;
        };
        let (v, reads) = self.capture_checked("the discount factor", e.span, |c| c.expr(e, &scope));
        let Some(v) = v else { return };
        let Some(node) = self.numeric(v, e.span) else {
            return;
        };
        let Some(node) = self.own_shape(node, &scope.bound, "the discount factor", e.span) else {
            return;
        };
        let n = self.b.node(node);
        let (phase, d) = (n.phase, n.domain);
        if phase > Phase::Dated {
            let chain = self.why_late(&reads, Phase::Dated);
            self.report(errors::too_early("the discount factor", e.span, phase, &chain));
            return;
        }
        let finite = self.model.horizon.is_some();
        let ends = self.blocks[at]
            .statements
            .iter()
            .any(|s| matches!(s.kind, StmtKind::End { .. }));
        let bad = d.lo < 0.0 || d.hi > 1.0 || (d.lo >= 1.0 && !finite && !ends) || d.hi <= 0.0;
        if bad && phase == Phase::Constant {
            self.report(errors::discount_outside(d, finite, e.span));
            return;
        }
        self.model.agents[number].discount = Some(node);
    }

    fn own_shape(&mut self, node: NodeId, allowed: &[AxisId], what: &str, span: Span) -> Option<NodeId> {
        let shape = self.b.shape(node).clone();
        if shape.iter().all(|a| allowed.contains(a)) {
            return Some(node);
        }
        let (have, want) = (self.shape_text(&shape), self.shape_text(allowed));
        self.report(errors::left_side_shape(what, span, &have, span, &want));
        None
    }

    /// Runs `f` and returns what names it read directly.
    pub(super) fn capture<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> (T, Vec<EntityId>) {
        // A nameless reader stands on the stack while `f` runs.
        let id = self.entities.len();
        self.entities.push(super::Entity {
            name: "\u{1}reader".into(),
            dotted: String::new(),
            block: 0,
            index: Vec::new(),
            decl: Decl::Port { of: Vec::new() },
            span: Span::default(),
            doc: String::new(),
            reads: std::collections::BTreeSet::new(),
            used: true,
        });
        self.stack.push((id, false));
        let out = f(self);
        self.stack.pop();
        let reads: Vec<EntityId> = self.entities[id].reads.iter().copied().collect();
        // Also whoever is elaborating now reads them.
        if let Some((outer, _)) = self.stack.last() {
            let outer = *outer;
            self.entities[outer]
                .reads
                .extend(reads.iter().copied().filter(|r| *r != outer));
        }
        (out, reads)
    }

    /// As [`Self::capture`], for places where waiting for a solve is a circle.
    fn capture_checked<T>(&mut self, what: &str, span: Span, f: impl FnOnce(&mut Self) -> T) -> (T, Vec<EntityId>) {
        let waiting = self.hit_pending.take();
        let out = self.capture(f);
        if let Some(p) = self.hit_pending.take() {
            let declared = self.entities.iter().find(|e| e.dotted == p).map(|e| e.span);
            self.report(errors::solve_circle(what, span, &p, declared));
        }
        self.hit_pending = waiting;
        out
    }

    /// The chain of uses from the first name read that is known too late, in words.
    pub(super) fn why_late(&self, reads: &[EntityId], limit: Phase) -> Vec<(String, Span)> {
        let phase = |id: EntityId| {
            self.memo[0]
                .get(&(id, false))
                .copied()
                .flatten()
                .map_or(Phase::Constant, |v| self.b.node(v.node).phase)
        };
        let mut chain = Vec::new();
        let mut here: Vec<EntityId> = reads.to_vec();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(id) = here.iter().copied().find(|r| phase(*r) > limit && !seen.contains(r)) {
            seen.insert(id);
            chain.push((self.entities[id].dotted.clone(), self.entities[id].span));
            if matches!(self.entities[id].decl, Decl::Noise { .. } | Decl::Action { .. }) {
                break;
            }
            here = self.entities[id].reads.iter().copied().collect();
        }
        chain
    }

    // ---- observations -----------------------------------------------------------------------------------------

    fn observe(&mut self, at: BlockId, number: usize, items: &[ObserveItem], when: Option<&Expr>) {
        if let Some(w) = when {
            let scope = self.constant_scope(at, "an information mode");
            let Some(v) = self.expr(w, &scope) else {
                return;
            };
            let Some(x) = self.b.constant_value(v.node) else {
                self.report(errors::not_constant(w.span, self.b.node(v.node).phase, false));
                return;
            };
            if x == 0.0 {
                // Names read only in the other mode count as used; what makes states or draws is left alone.
                let kept = self.model.agents[number].observation.len();
                let plain: Vec<ObserveItem> = items.iter().filter(|i| !remembers_or_draws(i)).cloned().collect();
                self.observed_items(at, number, &plain);
                self.model.agents[number].observation.truncate(kept);
                return;
            }
        }
        self.observed_items(at, number, items);
    }

    fn observed_items(&mut self, at: BlockId, number: usize, items: &[ObserveItem]) {
        for item in items {
            match item {
                ObserveItem::All(span) => self.observe_all(at, number, *span),
                ObserveItem::Value(e) => self.observe_value(at, number, e),
                ObserveItem::Signal { name, dist } => self.observe_signal(at, number, name, dist),
            }
        }
    }

    fn observe_value(&mut self, at: BlockId, number: usize, e: &Expr) {
        // `last(x, 4)`: the last four values, most recent first.
        if let ExprKind::Call { name, args } = &e.kind
            && name.text == "last"
            && args.len() == 2
        {
            let scope = self.constant_scope(at, "a number of periods");
            let Some(n) = self.whole_constant(&args[1].value, &scope) else {
                return;
            };
            if !(1..=1000).contains(&n) {
                self.report(errors::not_whole(n as f64, args[1].value.span));
                return;
            }
            for i in 1..=n {
                let mut one = e.clone();
                if let ExprKind::Call { args, name } = &mut one.kind {
                    name.text = "lag".into();
                    args[1].value.kind = ExprKind::Number {
                        value: i as f64,
                        text: i.to_string(),
                    };
                }
                self.observe_value(at, number, &one);
            }
            return;
        }
        let Some(scope) = self.block_scope(at, Primes::None("an observation")) else {
            return;
        };
        let waiting = self.hit_pending.take();
        let (v, reads) = self.capture(|c| c.expr(e, &scope));
        if self.hit_pending.is_some() {
            self.left_out
                .push(format!("an observation of {}", self.model.agents[number].name));
        }
        self.hit_pending = waiting;
        let Some(v) = v else { return };
        self.add_observation(number, &super::model_text(e), v, &reads, e.span);
    }

    fn add_observation(&mut self, number: usize, name: &str, v: Value, reads: &[EntityId], span: Span) {
        let (node, links) = match v.ty {
            Ty::Link { index, shock } => {
                let n = match &self.model.shocks[shock].process {
                    model::Process::Chain { values, .. } => Some(values.len()),
                    _ => None,
                };
                (index, n)
            }
            Ty::Choice { index, set, .. } => (index, Some(self.choices[set].len())),
            Ty::Number | Ty::Bool => (v.node, None),
        };
        let phase = self.b.node(node).phase;
        let first_stage = self.model.agents[number]
            .actions
            .iter()
            .map(|a| self.model.actions[*a].stage)
            .min();
        let limit = match first_stage {
            Some(s) if s > 0 => Phase::Acted(s as u8 - 1),
            _ => Phase::Observed,
        };
        if phase > limit {
            let chain = self.why_late(reads, limit);
            let late = errors::too_early(
                &format!("an observation of {}", self.model.agents[number].name),
                span,
                phase,
                &chain,
            );
            let noise = chain
                .last()
                .and_then(|(name, _)| self.model.noises.iter().find(|n| n.name == *name));
            self.report(match noise.map(|n| n.name.rsplit('.').next().unwrap_or_default()) {
                Some(noise) => errors::observes_noise(late, noise),
                None => late,
            });
            return;
        }
        let state = self.model.states.iter().position(|s| s.node == node);
        let shock = self.model.shocks.iter().position(|s| match v.ty {
            Ty::Link { shock, .. } => self.model.shocks[shock].name == s.name,
            _ => s.node == node,
        });
        self.model.agents[number].observation.push(Observation {
            name: name.to_string(),
            node,
            links,
            state,
            shock,
            span,
        });
    }

    fn observe_signal(&mut self, at: BlockId, number: usize, name: &ast::Name, dist: &Expr) {
        let Some(mut scope) = self.block_scope(at, Primes::None("a private signal")) else {
            return;
        };
        scope.draws = Some((
            DrawWhen::Observe,
            scope.bound.clone(),
            format!("{}.{}", self.block_path(at), name.text),
        ));
        let (v, reads) = self.capture(|c| c.expr(dist, &scope));
        if let Some(v) = v {
            self.add_observation(number, &name.text, v, &reads, dist.span);
        }
    }

    /// `observe all`: everything known by phase 2.
    fn observe_all(&mut self, at: BlockId, number: usize, span: Span) {
        for id in 0..self.entities.len() {
            if matches!(
                self.entities[id].decl,
                Decl::State { .. } | Decl::Shock { .. } | Decl::Price { .. }
            ) {
                self.observe_entity(at, number, id, span);
            }
        }
    }

    /// Own states and shocks, top-level and group states and shocks, prices and aggregates of phase 1.
    fn default_observation(&mut self, at: BlockId, number: usize) {
        let chain = self.chain(at);
        let span = self.blocks[at].span;
        for id in 0..self.entities.len() {
            let owner = self.entities[id].block;
            let own = chain.contains(&owner);
            let market = self.blocks[owner].kind == BlockKind::Market;
            let seen = match &self.entities[id].decl {
                Decl::State { price, .. } => own || (market && price.is_some()),
                Decl::Shock { .. } => own,
                Decl::Price { .. } => own || market,
                _ => false,
            };
            if seen {
                self.observe_entity(at, number, id, span);
            }
        }
    }

    fn observe_entity(&mut self, at: BlockId, number: usize, id: EntityId, span: Span) {
        let owner = self.entities[id].block;
        if self.blocks[owner].kind == BlockKind::Kind
            || self.blocks[owner].names.get(&self.entities[id].name) != Some(&id)
        {
            return;
        }
        let Some(scope) = self.block_scope(at, Primes::None("an observation")) else {
            return;
        };
        let used = self.entities[id].used;
        let Some(v) = self.entity(id, false, &scope, span) else {
            return;
        };
        self.entities[id].used = used || !matches!(self.entities[id].decl, Decl::Shock { .. });
        let mut v = v;
        for a in self.b.shape(v.node).clone() {
            // Everybody else's belongs to others: a default never shows it.
            if !scope.bound.contains(&a) && !matches!(self.b.axis(a).kind, crate::graph::AxisKind::Set) {
                let chain = self.chain(at);
                if chain.contains(&owner) || self.blocks[owner].kind == BlockKind::Market {
                    continue;
                }
                let to = self.fresh(a, &scope.bound);
                v = self.relabel(v, a, to, span);
            }
        }
        if self.b.node(v.node).phase <= Phase::Observed {
            let name = self.entities[id].name.clone();
            self.add_observation(number, &name, v, &[], span);
        }
    }

    // ---- requirements, ends, rules -----------------------------------------------------------------------------

    fn require(
        &mut self,
        at: BlockId,
        agent: Option<usize>,
        condition: &Expr,
        otherwise: Option<&ast::RequireElse>,
        span: Span,
    ) {
        let Some(scope) = self.block_scope(at, Primes::States) else {
            return;
        };
        let (v, reads) = self.capture_checked("a requirement", span, |c| c.expr(condition, &scope));
        let Some(v) = v else { return };
        let Some(node) = self.condition(v, condition.span) else {
            return;
        };
        let Some(slack) = self.slack(condition, node, &scope) else {
            return;
        };
        let Some(node) = self.own_shape(node, &scope.bound, "the requirement", condition.span) else {
            return;
        };
        let last = Phase::Acted(self.model.stages.len().max(1) as u8 - 1);
        let phase = self.b.node(node).phase;
        let otherwise = match otherwise {
            None => {
                if phase > last {
                    let chain = self.why_late(&reads, last);
                    self.report(errors::require_too_late(condition.span, phase, &chain));
                    return;
                }
                Otherwise::Infeasible
            }
            Some(ast::RequireElse::Penalty(e)) => {
                let Some(a) = agent else {
                    self.report(errors::only_in_agent("require .. else penalty", span));
                    return;
                };
                let Some(p) = self.expr(e, &scope) else {
                    return;
                };
                let Some(p) = self.numeric(p, e.span) else {
                    return;
                };
                if self.b.node(p).domain.hi < 0.0 {
                    self.report(errors::negative_penalty(e.span));
                    return;
                }
                let zero = self.b.constant(0.0, span);
                let paid = self.b.select(node, zero, p, span);
                if let Some(r) = self.model.agents[a].reward {
                    self.model.agents[a].reward = Some(self.b.binary(Binary::Sub, r, paid, span));
                }
                Otherwise::Penalty
            }
            Some(ast::RequireElse::End) => {
                let failed = self.b.unary(Unary::Not, node, span);
                self.model.ends.push(End {
                    agent,
                    condition: failed,
                    paying: None,
                    then: Then::Episode,
                    span,
                });
                Otherwise::End
            }
            Some(ast::RequireElse::Clamp(name)) => match self.clamped(agent, name.as_ref(), span) {
                Some(actions) => Otherwise::Project(actions),
                None => return,
            },
            Some(ast::RequireElse::Project) => {
                let actions = agent.map(|a| self.model.agents[a].actions.clone()).unwrap_or_default();
                if actions.is_empty() || phase > last {
                    self.report(errors::project_needs_action(span));
                    return;
                }
                Otherwise::Project(actions)
            }
        };
        let text = super::model_text(condition);
        self.model.requires.push(Require {
            agent,
            condition: node,
            slack,
            otherwise,
            text,
            span,
        });
    }

    fn clamped(&mut self, agent: Option<usize>, name: Option<&ast::Name>, span: Span) -> Option<Vec<usize>> {
        let actions = agent.map(|a| self.model.agents[a].actions.clone()).unwrap_or_default();
        let words: Vec<String> = actions
            .iter()
            .filter_map(|a| self.model.actions[*a].name.rsplit('.').next().map(str::to_string))
            .collect();
        let Some(n) = name else {
            self.report(errors::clamp_what(span, &words));
            return None;
        };
        match words.iter().position(|w| *w == n.text) {
            Some(i) => Some(vec![actions[i]]),
            None => {
                self.report(errors::clamp_not_action(&n.text, n.span, &words));
                None
            }
        }
    }

    /// Non-negative where the condition holds.
    fn slack(&mut self, e: &Expr, node: NodeId, scope: &Scope) -> Option<NodeId> {
        match &e.kind {
            ExprKind::Paren(inner) => self.slack(inner, node, scope),
            ExprKind::Binary {
                op: BinaryOp::And,
                lhs,
                rhs,
            } => {
                let (a, b) = (self.slack(lhs, node, scope)?, self.slack(rhs, node, scope)?);
                Some(self.b.binary(Binary::Min, a, b, e.span))
            }
            ExprKind::Binary {
                op: op @ (BinaryOp::Ge | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Lt),
                lhs,
                rhs,
            } => {
                let (a, b) = (self.expr(lhs, scope)?, self.expr(rhs, scope)?);
                let (a, b) = (self.numeric(a, lhs.span)?, self.numeric(b, rhs.span)?);
                let (x, y) = if matches!(op, BinaryOp::Ge | BinaryOp::Gt) {
                    (a, b)
                } else {
                    (b, a)
                };
                let slack = self.b.binary(Binary::Sub, x, y, e.span);
                // Whole numbers that differ, differ by one at least; among other numbers the end that is left out makes no
                // difference to what is best.
                let whole = self.b.node(a).domain.integer && self.b.node(b).domain.integer;
                if whole && matches!(op, BinaryOp::Gt | BinaryOp::Lt) {
                    let one = self.b.constant(1.0, e.span);
                    return Some(self.b.binary(Binary::Sub, slack, one, e.span));
                }
                Some(slack)
            }
            _ => {
                let (one, minus) = (self.b.constant(1.0, e.span), self.b.constant(-1.0, e.span));
                Some(self.b.select(node, one, minus, e.span))
            }
        }
    }

    fn end_when(
        &mut self,
        at: BlockId,
        agent: Option<usize>,
        when: &Expr,
        paying: Option<&Expr>,
        then: Option<ast::EndThen>,
        span: Span,
    ) {
        let Some(scope) = self.block_scope(at, Primes::All) else {
            return;
        };
        let (v, _) = self.capture_checked("an end", span, |c| c.expr(when, &scope));
        let Some(v) = v else { return };
        let Some(condition) = self.condition(v, when.span) else {
            return;
        };
        let Some(condition) = self.own_shape(condition, &scope.bound, "the end", when.span) else {
            return;
        };
        let paying = match paying {
            None => None,
            Some(e) => {
                let Some(p) = self.expr(e, &scope) else {
                    return;
                };
                let Some(p) = self.numeric(p, e.span) else {
                    return;
                };
                Some(p)
            }
        };
        let population = agent.is_some_and(|a| self.model.agents[a].axis.is_some());
        let then = match (then, population) {
            (Some(ast::EndThen::Restart), _) => Then::Restart,
            (Some(ast::EndThen::Leave), true) => {
                let alive = self.blocks[at].names.get("\u{1}alive").copied();
                let number = alive.and_then(|id| match self.entities[id].decl {
                    Decl::Alive { number } => Some(number),
                    _ => None,
                });
                Then::Leave {
                    alive: number.unwrap_or(usize::MAX),
                }
            }
            (Some(ast::EndThen::Leave), false) | (None, false) => Then::Episode,
            (None, true) => {
                let name = agent.map_or(String::new(), |a| self.model.agents[a].name.clone());
                self.report(errors::end_of_member(&name, span));
                return;
            }
        };
        self.model.ends.push(End {
            agent,
            condition,
            paying,
            then,
            span,
        });
    }

    fn policy(&mut self, at: BlockId, number: usize, action: Option<&ast::Lhs>, rule: &ast::PolicyRule, span: Span) {
        let actions = self.model.agents[number].actions.clone();
        let chosen: Vec<usize> = match action {
            None => actions,
            Some(lhs) => {
                let found = actions
                    .iter()
                    .copied()
                    .find(|a| self.model.actions[*a].name.rsplit('.').next() == Some(lhs.name.text.as_str()));
                let Some(a) = found else {
                    let words: Vec<String> = actions.iter().map(|a| self.model.actions[*a].name.clone()).collect();
                    self.report(errors::policy_of_nothing(&lhs.name.text, lhs.name.span, &words));
                    return;
                };
                vec![a]
            }
        };
        for a in chosen {
            if self.model.agents[number].rules.iter().any(|(r, _)| *r == a) {
                let name = self.model.actions[a].name.clone();
                let bare = name.rsplit('.').next().unwrap_or_default();
                let first = self.blocks[at].statements.iter().find(|s| match &s.kind {
                    StmtKind::Policy { action, .. } => action.as_ref().is_none_or(|l| l.name.text == bare),
                    _ => false,
                });
                let first = first.map_or(span, |s| s.span);
                self.report(errors::two_policies(&name, span, first));
                continue;
            }
            let node = match rule {
                ast::PolicyRule::Random => None,
                ast::PolicyRule::Rule(e) => match self.rule(at, a, e) {
                    Some(n) => Some(n),
                    None => return,
                },
            };
            self.model.agents[number].rules.push((a, node));
        }
    }

    fn rule(&mut self, at: BlockId, action: usize, e: &Expr) -> Option<NodeId> {
        let mut scope = self.block_scope(at, Primes::None("a rule"))?;
        let set = match &self.model.actions[action].space {
            model::Space::Finite { labels, .. } => self.choices.iter().position(|c| c == labels),
            _ => None,
        };
        scope.labels = set.map(super::LabelSource::Choice);
        let (v, reads) = self.capture(|c| c.expr(e, &scope));
        let v = v?;
        let node = match v.ty {
            Ty::Choice { index, .. } if set.is_some() => index,
            _ => self.numeric(v, e.span)?,
        };
        let phase = self.b.node(node).phase;
        let limit = match self.model.actions[action].stage {
            0 => Phase::Observed,
            s => Phase::Acted(s as u8 - 1),
        };
        if phase > limit {
            let chain = self.why_late(&reads, limit);
            self.report(errors::too_early("a rule", e.span, phase, &chain));
            return None;
        }
        Some(node)
    }

    /// Consumption, if the agent names one: the unit of Euler residuals.
    fn consumption(&mut self, at: BlockId, number: usize) {
        for word in ["c", "consumption"] {
            if let Some(id) = self.blocks[at].names.get(word).copied()
                && matches!(self.entities[id].decl, Decl::Let { .. } | Decl::Action { .. })
                && let Some(Some(v)) = self.memo[0].get(&(id, false))
            {
                self.model.agents[number].consumption = Some(v.node);
                return;
            }
        }
    }

    // ---- the listing -------------------------------------------------------------------------------------------

    pub(super) fn name_node(
        &mut self,
        name: String,
        kind: &str,
        block: String,
        node: NodeId,
        reads: &[EntityId],
        span: Span,
    ) {
        let depends_on = reads
            .iter()
            .map(|r| self.entities[*r].dotted.clone())
            .filter(|d| !d.is_empty())
            .collect();
        let n = self.b.node(node).clone();
        let shape = self.shape_text(&n.shape);
        self.model.names.push(Named {
            name,
            kind: kind.into(),
            block,
            node,
            phase: n.phase,
            shape,
            domain: n.domain,
            depends_on,
            doc: String::new(),
            span,
        });
    }

    /// Lists every declared name with what it reads.
    pub(super) fn list_names(&mut self) {
        let rewards = std::mem::take(&mut self.model.names);
        for id in 0..self.entities.len() {
            let e = self.entities[id].clone();
            if e.name.starts_with('\u{1}')
                || e.dotted.is_empty()
                || self.blocks[e.block].kind == BlockKind::Kind
                || matches!(e.decl, Decl::Set { .. })
            {
                continue;
            }
            let Some(Some(v)) = self.memo[0].get(&(id, false)).copied() else {
                continue;
            };
            let reads: Vec<EntityId> = e.reads.iter().copied().collect();
            let block = self.block_path(e.block);
            let is_state = matches!(e.decl, Decl::State { .. } | Decl::Lag { .. });
            let own_reads: &[EntityId] = if is_state { &[] } else { &reads };
            self.name_node(
                e.dotted.clone(),
                super::scope::kind_word(&e.decl),
                block.clone(),
                v.node,
                own_reads,
                e.span,
            );
            if let Some(last) = self.model.names.last_mut() {
                last.doc = e.doc.clone();
                if matches!(e.decl, Decl::Param { .. }) {
                    last.phase = Phase::Constant;
                }
            }
            if is_state && let Some(Some(next)) = self.memo[0].get(&(id, true)).copied() {
                self.name_node(format!("{}'", e.dotted), "transition", block, next.node, &reads, e.span);
            }
        }
        self.model.names.extend(rewards);
        self.show_seasons();
    }

    /// Nodes that matter: what any outcome reads.
    pub(super) fn outcomes_read(&self) -> std::collections::BTreeSet<NodeId> {
        let m = &self.model;
        let mut todo: Vec<NodeId> = m.states.iter().map(|s| s.next).collect();
        todo.extend(m.agents.iter().filter_map(|a| a.reward));
        todo.extend(m.ends.iter().flat_map(|e| [Some(e.condition), e.paying]).flatten());
        todo.extend(m.requires.iter().map(|r| r.condition));
        todo.extend(m.agents.iter().filter_map(|a| a.discount));
        todo.extend(self.b.graph.roots.iter().flat_map(|r| r.residuals.iter().copied()));
        let mut seen = std::collections::BTreeSet::new();
        while let Some(n) = todo.pop() {
            if seen.insert(n) {
                let op = &self.b.node(n).op;
                todo.extend(crate::graph::shape::operands(op));
                if let Op::Root { root, .. } = op {
                    let r = &self.b.graph.roots[*root];
                    todo.extend(r.residuals.iter().copied());
                    todo.extend(r.brackets.iter().flat_map(|(a, b)| [*a, *b]));
                }
            }
        }
        seen
    }
}

/// Whether an observation is a private signal or reads a lag.
fn remembers_or_draws(item: &ObserveItem) -> bool {
    match item {
        ObserveItem::All(_) => false,
        ObserveItem::Signal { .. } => true,
        ObserveItem::Value(e) => {
            let text = super::model_text(e);
            text.contains("last(") || text.contains("lag(")
        }
    }
}

impl model::Model {
    /// Notes on every pending parameter what waits for it.
    pub(super) fn left_out(&mut self, what: &[String]) {
        for p in &mut self.pending {
            p.left_out = what.to_vec();
        }
    }
}
