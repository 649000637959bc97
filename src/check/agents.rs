//! Decision makers: what they see, want and may do; requirements and ends; the listing of all names.

use super::model::{self, Agent};
use super::{Block, BlockId, BlockKind, Checker, Decl, EntityId, Primes, errors};
use crate::diag::Span;
use crate::graph::{AxisId, AxisKind, InputKind, NodeId, Op, Phase};
use crate::syntax::ast::{Expr, Stmt, StmtKind};

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
        let (mass, found_mass) = (self.mass_of(at), self.found_mass(at));
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
            found_mass,
            actions,
            observation: Vec::new(),
            reward: None,
            discount: None,
            rules: Vec::new(),
            consumption: None,
            span,
        });
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
        let bounds: Vec<NodeId> = match &act.space {
            model::Space::Interval { lo, hi, .. } | model::Space::Integer { lo, hi } => vec![*lo, *hi],
            model::Space::Finite { masks, .. } => masks.iter().flatten().copied().collect(),
            model::Space::Simplex(_) => return,
        };
        let mut known: std::collections::BTreeSet<NodeId> = agent.observation.iter().map(|o| o.node).collect();
        known.extend(self.model.prices.iter().map(|p| p.node));
        let mut below = self.b.graph.below(bounds);
        let mut leak = None;
        while let Some((id, node)) = below.next() {
            if known.contains(&id) {
                below.leave();
                continue;
            }
            let hidden = match &node.op {
                Op::Input(i) => match self.b.graph.inputs[i.0 as usize].kind {
                    // Everybody knows the season.
                    InputKind::State(s) if self.is_season(s) => None,
                    InputKind::State(s) => Some((self.model.states[s].name.clone(), self.model.states[s].span)),
                    InputKind::Shock(s) => Some((self.model.shocks[s].name.clone(), self.model.shocks[s].span)),
                    _ => None,
                },
                Op::Reduce { axis, .. } if !matches!(self.b.axis(self.b.base(*axis)).kind, AxisKind::Set) => {
                    below.leave();
                    None
                }
                _ => None,
            };
            // Presence is known to whoever is present.
            leak = hidden.filter(|(n, _)| !n.ends_with(".present"));
            if leak.is_some() {
                break;
            }
        }
        let Some((name, declared)) = leak else { return };
        let at = self.entities.iter().find_map(|e| match &e.decl {
            Decl::Action { domain, .. } if e.dotted == act.name => Some(domain.span),
            _ => None,
        });
        let (what, span) = (format!("the bound of {}", act.name), at.unwrap_or(act.span));
        self.report(errors::leaks(&what, span, &name, declared, &agent.name));
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

    pub(super) fn reward(&mut self, at: BlockId, number: usize, e: &Expr) {
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

    pub(super) fn discount(&mut self, at: BlockId, number: usize, e: &Expr) {
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

    /// The node, if its axes are among those in the list `allowed`; else a message (E0308) about `what`.
    pub(super) fn own_shape(&mut self, node: NodeId, allowed: &[AxisId], what: &str, span: Span) -> Option<NodeId> {
        let shape = self.b.shape(node).clone();
        if shape.iter().all(|a| allowed.contains(a)) {
            return Some(node);
        }
        let (have, want) = (self.shape_text(&shape), self.shape_text(allowed));
        self.report(errors::left_side_shape(what, span, &have, span, &want));
        None
    }

    /// Runs `f` and returns its result with the names it read directly, one entry per name.
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

    /// As [`Self::capture`] (one entry per name read), for places where waiting for a solve is a circle.
    pub(super) fn capture_checked<T>(
        &mut self,
        what: &str,
        span: Span,
        f: impl FnOnce(&mut Self) -> T,
    ) -> (T, Vec<EntityId>) {
        let waiting = self.hit_pending.take();
        let out = self.capture(f);
        if let Some(p) = self.hit_pending.take() {
            let declared = self.entities.iter().find(|e| e.dotted == p).map(|e| e.span);
            self.report(errors::solve_circle(what, span, &p, declared));
        }
        self.hit_pending = waiting;
        out
    }

    /// The chain of uses from the first name in the list `reads` that is known later than `limit`: one pair (dotted
    /// name, where it is declared) per step, in order.
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
}
