//! Collecting blocks and names before any of them gets a meaning: kinds and market definitions are instantiated
//! here, so that everything behind sees plain blocks.

use super::{Block, BlockId, BlockKind, Checker, Decl, Entity, EntityId, errors};
use crate::diag::Span;
use crate::syntax::ast::{self, Stmt, StmtKind};
use std::collections::{BTreeMap, BTreeSet};

/// `market def NAME(params) { .. }`
#[derive(Clone, Debug)]
pub(super) struct Definition {
    params: Vec<(ast::Name, Option<ast::Expr>)>,
    body: Vec<Stmt>,
    span: Span,
}

impl Checker<'_> {
    /// Reads the whole tree into blocks and entities.
    pub(super) fn collect(&mut self, file: &ast::File, library: &[ast::File]) {
        if let Some((name, title)) = &file.model {
            self.model.name = name.text.clone();
            self.model.title = title.clone().unwrap_or_default();
        } else {
            self.model.name = self.options.file_name.clone();
        }
        self.blocks
            .push(block("", BlockKind::Top, None, None, Vec::new(), Span::default()));
        self.said_once(&file.statements);
        self.collect_definitions(file, library);
        for stmt in &file.statements {
            self.scenario_parameters(stmt);
        }
        self.collect_kinds(&file.statements);
        self.statements(0, &file.statements);
        self.attach_laws();
        self.hidden_names();
        self.apply_overrides();
    }

    /// A name may not hide one of a block around it; inside a market made by a definition it may.
    fn hidden_names(&mut self) {
        for at in 1..self.blocks.len() {
            if self.blocks[at].instance.is_some() || self.blocks[at].kind == BlockKind::Kind {
                continue;
            }
            for (word, id) in self.blocks[at].names.clone() {
                let outer = self.chain(at)[1..]
                    .iter()
                    .find_map(|b| self.blocks[*b].names.get(&word).copied());
                let Some(outer) = outer else { continue };
                let (inner, outer) = (&self.entities[id], &self.entities[outer]);
                let d = errors::hides(&word, inner.span, &outer.dotted, outer.span);
                self.entities[id].used = true;
                self.report(d);
            }
        }
    }

    fn collect_definitions(&mut self, file: &ast::File, library: &[ast::File]) {
        let mut shipped = BTreeMap::new();
        for f in library {
            for stmt in &f.statements {
                if let StmtKind::MarketDef { name, params, body } = &stmt.kind {
                    shipped.insert(
                        name.text.clone(),
                        Definition {
                            params: params.clone(),
                            body: body.clone(),
                            span: name.span,
                        },
                    );
                }
            }
        }
        for stmt in &file.statements {
            match &stmt.kind {
                StmtKind::Use { path, items } => {
                    let place: Vec<&str> = path.iter().map(|n| n.text.as_str()).collect();
                    if place != ["std", "markets"] {
                        self.report(errors::unknown_library(&place.join("."), stmt.span));
                        continue;
                    }
                    for item in items {
                        match shipped.get(&item.text) {
                            Some(d) => {
                                self.definitions.insert(item.text.clone(), d.clone());
                            }
                            None => self.report(errors::unknown_definition(item, shipped.keys())),
                        }
                    }
                }
                StmtKind::MarketDef { name, params, body } => {
                    let d = Definition {
                        params: params.clone(),
                        body: body.clone(),
                        span: name.span,
                    };
                    if let Some(first) = self.definitions.insert(name.text.clone(), d) {
                        self.report(errors::duplicate(&name.text, name.span, first.span));
                    }
                }
                _ => {}
            }
        }
    }

    fn scenario_parameters(&mut self, stmt: &Stmt) {
        if let StmtKind::Scenario { items, .. } = &stmt.kind {
            for item in items {
                if let ast::ScenarioItem::Param { name, .. } = item {
                    self.scenario_params.insert(name.text.clone());
                }
            }
        }
    }

    fn collect_kinds(&mut self, statements: &[Stmt]) {
        for stmt in statements {
            if let StmtKind::Kind { name, body } = &stmt.kind {
                let mut b = block(&name.text, BlockKind::Kind, Some(0), None, Vec::new(), name.span);
                b.statements = body.clone();
                self.add_block(0, b);
            }
        }
    }

    fn add_block(&mut self, parent: BlockId, b: Block) -> BlockId {
        let id = self.blocks.len();
        let clash = self.blocks[parent]
            .children
            .iter()
            .find(|c| self.blocks[**c].name == b.name)
            .map(|c| self.blocks[*c].span);
        if let Some(first) = clash {
            self.report(errors::duplicate(&b.name, b.span, first));
        }
        if let Some(e) = self.blocks[parent].names.get(&b.name) {
            let first = self.entities[*e].span;
            self.report(errors::duplicate(&b.name, b.span, first));
        }
        self.blocks.push(b);
        self.blocks[parent].children.push(id);
        id
    }

    fn statements(&mut self, at: BlockId, statements: &[Stmt]) {
        for stmt in statements {
            self.statement(at, stmt);
        }
    }

    fn statement(&mut self, at: BlockId, stmt: &Stmt) {
        let doc = stmt.doc.clone().unwrap_or_default();
        match &stmt.kind {
            StmtKind::Use { .. } | StmtKind::MarketDef { .. } | StmtKind::Kind { .. } => {
                if at != 0 {
                    self.report(errors::only_at_top(stmt.span));
                }
            }
            StmtKind::Param {
                lhs,
                value,
                domain,
                unit,
                ..
            } => {
                self.declare(
                    at,
                    lhs,
                    Decl::Param {
                        value: value.clone(),
                        domain: domain.clone(),
                        unit: unit.clone().unwrap_or_default(),
                    },
                    doc,
                );
            }
            StmtKind::Set { name, domain } => {
                let lhs = ast::Lhs {
                    name: name.clone(),
                    index: Vec::new(),
                };
                self.declare(at, &lhs, Decl::Set { domain: domain.clone() }, doc);
            }
            StmtKind::Fn { name, params, body } => {
                let f = (params.clone(), body.clone(), name.span);
                if let Some((_, _, first)) = self.functions.insert(name.text.clone(), f) {
                    self.report(errors::duplicate(&name.text, name.span, first));
                }
            }
            StmtKind::Shock {
                lhs,
                iid,
                dist,
                given,
                start,
            } => {
                let d = Decl::Shock {
                    iid: *iid,
                    dist: dist.clone(),
                    given: given.clone(),
                    start: start.clone(),
                    number: None,
                };
                self.declare(at, lhs, d, doc);
            }
            StmtKind::Noise { lhs, dist, stage } => {
                self.declare(
                    at,
                    lhs,
                    Decl::Noise {
                        dist: dist.clone(),
                        stage: stage.clone(),
                    },
                    doc,
                );
            }
            StmtKind::State { lhs, domain, start } => {
                let d = Decl::State {
                    domain: domain.clone(),
                    start: start.clone(),
                    law: None,
                    number: usize::MAX,
                    price: None,
                };
                self.declare(at, lhs, d, doc);
            }
            StmtKind::Action {
                lhs,
                domain,
                grid,
                taste,
                stage,
                given,
            } => {
                if self.blocks[at].kind != BlockKind::Agent {
                    self.report(errors::only_in_agent("action", stmt.span));
                    return;
                }
                let d = Decl::Action {
                    domain: domain.clone(),
                    grid: grid.clone(),
                    taste: taste.clone(),
                    stage: stage.clone(),
                    given: given.clone(),
                    number: usize::MAX,
                };
                self.declare(at, lhs, d, doc);
            }
            StmtKind::Let { lhs, value } => {
                self.declare(at, lhs, Decl::Let { value: value.clone() }, doc);
            }
            StmtKind::Price {
                aggregate,
                lhs,
                domain,
                form,
                start,
            } => {
                let d = match form {
                    ast::PriceForm::Posted => {
                        let whole = ast::Domain {
                            kind: ast::DomainKind::Interval {
                                lo: negative_infinity(lhs.name.span),
                                hi: ast::Expr {
                                    kind: ast::ExprKind::Inf,
                                    span: lhs.name.span,
                                },
                                lo_open: true,
                                hi_open: true,
                            },
                            span: lhs.name.span,
                        };
                        Decl::State {
                            domain: domain.clone().unwrap_or(whole),
                            start: start.clone(),
                            law: None,
                            number: usize::MAX,
                            price: Some(*aggregate),
                        }
                    }
                    _ => Decl::Price {
                        aggregate: *aggregate,
                        domain: domain.clone(),
                        form: form.clone(),
                    },
                };
                self.declare(at, lhs, d, doc);
            }
            StmtKind::Agent {
                name,
                size,
                mass,
                is,
                body,
            } => self.agent(at, name, size, mass, is, body),
            StmtKind::Group { name, size, mass, body } => {
                let mut b = block(
                    &name.text,
                    BlockKind::Group,
                    Some(at),
                    Some(size.clone()),
                    Vec::new(),
                    name.span,
                );
                b.mass = mass.clone();
                let id = self.add_block(at, b);
                self.statements(id, body);
            }
            StmtKind::Market {
                name,
                size,
                body,
                competitive,
            } => {
                let b = block(
                    &name.text,
                    BlockKind::Market,
                    Some(at),
                    size.clone(),
                    Vec::new(),
                    name.span,
                );
                let id = self.add_block(at, b);
                if *competitive {
                    let dotted = self.block_path(id);
                    self.model.competitive.push(dotted);
                }
                self.statements(id, body);
            }
            StmtKind::MarketUse { name, def, args, among } => self.market_use(at, name, def, args, among, stmt.span),
            StmtKind::Stages(names) => {
                if names.len() > 100 {
                    self.report(errors::too_many("stages", 100, stmt.span));
                    return;
                }
                self.model.stages = names.iter().map(|n| n.text.clone()).collect();
            }
            StmtKind::Scenario { name, items } => {
                if let Some((first, _, _)) = self.scenario_stmts.iter().find(|(n, _, _)| n.text == name.text) {
                    let d = errors::duplicate(&name.text, name.span, first.span);
                    self.report(d);
                }
                self.scenario_stmts.push((name.clone(), items.clone(), stmt.span));
            }
            StmtKind::Settings { block, items } => self.settings_stmts.push((block.clone(), items.clone(), stmt.span)),
            StmtKind::Offer(_) | StmtKind::Role { .. } | StmtKind::GivePort(_) => {
                self.report(errors::only_in_definition(stmt.span))
            }
            StmtKind::StartOf { target, value } => {
                let key = crate::syntax::print::print_expr(target);
                self.lag_starts.push((at, key, value.clone(), stmt.span));
            }
            StmtKind::Give { .. }
            | StmtKind::Transition { .. }
            | StmtKind::Observe { .. }
            | StmtKind::Reward(_)
            | StmtKind::Discount(_)
            | StmtKind::Horizon(_)
            | StmtKind::End { .. }
            | StmtKind::Require { .. }
            | StmtKind::Policy { .. } => self.blocks[at].statements.push(stmt.clone()),
        }
    }

    fn agent(
        &mut self,
        at: BlockId,
        name: &ast::Name,
        size: &Option<ast::Size>,
        mass: &Option<ast::Expr>,
        is: &Option<ast::Name>,
        body: &[Stmt],
    ) {
        let mut b = block(
            &name.text,
            BlockKind::Agent,
            Some(at),
            size.clone(),
            Vec::new(),
            name.span,
        );
        b.mass = mass.clone();
        let mut shared = Vec::new();
        if let Some(kind) = is {
            let found = self
                .blocks
                .iter()
                .position(|b| b.kind == BlockKind::Kind && b.name == kind.text);
            match found {
                // An agent of a kind inside that kind would hold itself without end.
                Some(k) if self.chain(at).iter().any(|b| self.blocks[*b].kind_of == Some(k)) => {
                    self.report(errors::only_at_top(name.span));
                    return;
                }
                Some(k) => {
                    b.kind_of = Some(k);
                    shared = self.blocks[k].statements.clone();
                }
                None => {
                    let kinds: Vec<String> = self
                        .blocks
                        .iter()
                        .filter(|b| b.kind == BlockKind::Kind)
                        .map(|b| b.name.clone())
                        .collect();
                    self.report(errors::unknown_kind(kind, &kinds));
                }
            }
        }
        // What the agent says itself wins over what its kind says.
        let own = |wanted: fn(&StmtKind) -> bool| body.iter().any(|s| wanted(&s.kind));
        if own(|k| matches!(k, StmtKind::Reward(_))) {
            shared.retain(|s| !matches!(s.kind, StmtKind::Reward(_)));
        }
        if own(|k| matches!(k, StmtKind::Discount(_))) {
            shared.retain(|s| !matches!(s.kind, StmtKind::Discount(_)));
        }
        if own(|k| matches!(k, StmtKind::Observe { .. })) {
            shared.retain(|s| !matches!(s.kind, StmtKind::Observe { .. }));
        }
        let kind_of = b.kind_of;
        let id = self.add_block(at, b);
        if let Some(k) = kind_of {
            self.blocks[k].children.push(id);
        }
        self.statements(id, &shared);
        self.statements(id, body);
    }

    fn market_use(
        &mut self,
        at: BlockId,
        name: &ast::Name,
        def: &ast::Name,
        args: &[ast::Arg],
        among: &[ast::Among],
        span: Span,
    ) {
        if self.chain(at).len() > 20 || self.blocks.len() > 10_000 {
            self.report(errors::too_many("blocks inside one another", 20, span));
            return;
        }
        let Some(d) = self.definitions.get(&def.text).cloned() else {
            let d = errors::unknown_definition(def, self.definitions.keys());
            self.report(d);
            return;
        };
        let mut b = block(&name.text, BlockKind::Market, Some(at), None, Vec::new(), name.span);
        b.instance = Some(span);
        let id = self.add_block(at, b);
        self.bind_arguments(id, def, &d, args, span);
        let (roles, plain) = roles_of(&d.body);
        for (role, offers, gives) in &roles {
            let participants: Vec<&ast::Among> = among
                .iter()
                .filter(|a| match (&a.role, role) {
                    (Some(r), Some(n)) => &r.text == n,
                    (None, None) => true,
                    (None, Some(_)) => roles.len() == 1,
                    (Some(_), None) => false,
                })
                .collect();
            if participants.is_empty() {
                self.report(errors::no_participant(
                    role.as_deref().unwrap_or("firm"),
                    def,
                    span,
                    d.span,
                ));
                // Its ports are there, without values, so that this is the only message.
                self.bind_ports(id, offers, &[], def);
                continue;
            }
            let agents: Vec<&(ast::Name, Vec<(ast::Name, ast::Expr)>)> =
                participants.iter().flat_map(|a| &a.agents).collect();
            if let Some(role) = role {
                let names = agents.iter().map(|(n, _)| n.text.clone()).collect();
                self.blocks[id].roles.push((role.clone(), names));
            }
            self.bind_ports(id, offers, &agents, def);
            self.route_gives(id, gives, &plain, &agents);
        }
        for a in among {
            if let Some(r) = &a.role
                && !roles.iter().any(|(n, _, _)| n.as_deref() == Some(r.text.as_str()))
            {
                let names: Vec<String> = roles.iter().filter_map(|(n, _, _)| n.clone()).collect();
                self.report(errors::unknown_role(r, &names));
            }
        }
        let body: Vec<Stmt> = plain
            .into_iter()
            .filter(|s| !matches!(s.kind, StmtKind::Give { .. }))
            .collect();
        self.statements(id, &body);
    }

    fn bind_arguments(&mut self, id: BlockId, def: &ast::Name, d: &Definition, args: &[ast::Arg], span: Span) {
        let mut given: BTreeSet<String> = BTreeSet::new();
        for (i, arg) in args.iter().enumerate() {
            let param = match &arg.name {
                Some(n) => d.params.iter().find(|(p, _)| p.text == n.text),
                None => d.params.get(i),
            };
            let Some((param, _)) = param else {
                let names: Vec<String> = d.params.iter().map(|(p, _)| p.text.clone()).collect();
                self.report(errors::unknown_argument(
                    arg.name.as_ref().map_or("", |n| &n.text),
                    &def.text,
                    arg.value.span,
                    &names,
                ));
                continue;
            };
            given.insert(param.text.clone());
            // The value is read where the market is used, so a name in it may equal the parameter's own.
            let same = matches!(&arg.value.kind, ast::ExprKind::Path(p) if p.segments.len() == 1 && p.segments[0].name.text == param.text);
            if !same {
                let lhs = ast::Lhs {
                    name: ast::Name {
                        text: param.text.clone(),
                        span: arg.value.span,
                    },
                    index: Vec::new(),
                };
                self.declare_quietly(
                    id,
                    &lhs,
                    Decl::Let {
                        value: arg.value.clone(),
                    },
                );
            }
        }
        for (param, default) in &d.params {
            if given.contains(&param.text) {
                continue;
            }
            match default {
                Some(value) => {
                    let lhs = ast::Lhs {
                        name: param.clone(),
                        index: Vec::new(),
                    };
                    self.declare_quietly(id, &lhs, Decl::Let { value: value.clone() });
                }
                None => self.report(errors::missing_argument(&param.text, &def.text, span, d.span)),
            }
        }
    }

    fn bind_ports(
        &mut self,
        id: BlockId,
        offers: &[ast::Name],
        agents: &[&(ast::Name, Vec<(ast::Name, ast::Expr)>)],
        def: &ast::Name,
    ) {
        for port in offers {
            let mut of = Vec::new();
            for (agent, ports) in agents {
                match ports.iter().find(|(p, _)| p.text == port.text) {
                    Some((_, e)) => of.push(port_of(agent, e)),
                    None => self.report(errors::missing_port(
                        &port.text,
                        &agent.text,
                        &def.text,
                        agent.span,
                        port.span,
                    )),
                }
            }
            let lhs = ast::Lhs {
                name: port.clone(),
                index: Vec::new(),
            };
            self.declare_quietly(id, &lhs, Decl::Port { of });
        }
    }

    /// `give q = ..` of a definition becomes `give firm.q = ..` of the instance; a port may rename the receiver's name.
    fn route_gives(
        &mut self,
        id: BlockId,
        gives: &[ast::Name],
        body: &[Stmt],
        agents: &[&(ast::Name, Vec<(ast::Name, ast::Expr)>)],
    ) {
        for stmt in body {
            let StmtKind::Give { target, value } = &stmt.kind else {
                continue;
            };
            let port = &target.segments[0].name;
            if !gives.iter().any(|g| g.text == port.text) {
                continue;
            }
            // Computed once in the market, under the port's own name.
            let lhs = ast::Lhs {
                name: port.clone(),
                index: Vec::new(),
            };
            if !self.blocks[id].names.contains_key(&port.text) {
                self.declare_quietly(id, &lhs, Decl::Let { value: value.clone() });
            }
            let only = agents.len() == 1;
            for (agent, ports) in agents {
                let receiver = match ports.iter().find(|(p, _)| p.text == port.text).map(|(_, e)| &e.kind) {
                    Some(ast::ExprKind::Path(p)) => p.segments[p.segments.len() - 1].name.clone(),
                    _ => port.clone(),
                };
                let mut segments = vec![segment(agent), segment(&receiver)];
                segments[0].name.span = port.span;
                let path = ast::Path {
                    segments,
                    span: agent.span,
                };
                let inner = ast::Expr {
                    kind: ast::ExprKind::Path(ast::Path {
                        segments: vec![segment(port)],
                        span: port.span,
                    }),
                    span: port.span,
                };
                let value = if only {
                    inner
                } else {
                    // The receiver's part of a stacked port (`part` is no word a file could contain).
                    let arg = |e: ast::Expr| ast::Arg {
                        name: None,
                        value: e,
                        over: None,
                    };
                    let who = ast::Expr {
                        kind: ast::ExprKind::Text(agent.text.clone()),
                        span: agent.span,
                    };
                    ast::Expr {
                        kind: ast::ExprKind::Call {
                            name: ast::Name {
                                text: "\u{1}part".into(),
                                span: port.span,
                            },
                            args: vec![arg(inner), arg(who)],
                        },
                        span: port.span,
                    }
                };
                let give = Stmt {
                    kind: StmtKind::Give { target: path, value },
                    span: agent.span,
                    doc: None,
                };
                self.blocks[id].statements.push(give);
            }
        }
    }

    fn declare_quietly(&mut self, at: BlockId, lhs: &ast::Lhs, decl: Decl) {
        let id = self.declare(at, lhs, decl, String::new());
        self.entities[id].used = true;
    }

    /// Enters a name into a block.
    pub(super) fn declare(&mut self, at: BlockId, lhs: &ast::Lhs, decl: Decl, doc: String) -> EntityId {
        let name = &lhs.name;
        let dotted = match self.block_path(at) {
            p if p.is_empty() => name.text.clone(),
            p => format!("{p}.{}", name.text),
        };
        let id = self.entities.len();
        self.entities.push(Entity {
            name: name.text.clone(),
            dotted,
            block: at,
            index: lhs.index.clone(),
            decl,
            span: name.span,
            doc,
            reads: BTreeSet::new(),
            used: false,
        });
        if let Some(first) = self.blocks[at].names.get(&name.text) {
            let first = self.entities[*first].span;
            self.report(errors::duplicate(&name.text, name.span, first));
            return id;
        }
        if let Some(c) = self.blocks[at]
            .children
            .iter()
            .find(|c| self.blocks[**c].name == name.text)
        {
            let first = self.blocks[*c].span;
            self.report(errors::duplicate(&name.text, name.span, first));
        }
        self.blocks[at].names.insert(name.text.clone(), id);
        id
    }

    /// Dotted path of a block, without the top level.
    pub(super) fn block_path(&self, at: BlockId) -> String {
        let mut parts = Vec::new();
        let mut b = at;
        while b != 0 {
            parts.push(self.blocks[b].name.clone());
            match self.blocks[b].parent {
                Some(p) => b = p,
                None => break,
            }
        }
        parts.reverse();
        parts.join(".")
    }

    /// Gives each state its transition and each receiver its giver.
    fn attach_laws(&mut self) {
        for at in 0..self.blocks.len() {
            if self.blocks[at].kind == BlockKind::Kind {
                continue;
            }
            for stmt in self.blocks[at].statements.clone() {
                match &stmt.kind {
                    StmtKind::Transition { target, value } => self.attach_law(at, target, value, stmt.span),
                    StmtKind::Give { target, value } => self.attach_give(at, target, value),
                    _ => {}
                }
            }
        }
    }

    fn attach_law(&mut self, at: BlockId, target: &ast::Path, value: &ast::Expr, span: Span) {
        let name = &target.segments[target.segments.len() - 1].name;
        let found = if target.segments.len() == 1 {
            self.blocks[at].names.get(&name.text).copied()
        } else {
            None
        };
        let Some(id) = found else {
            let candidates: Vec<String> = self.blocks[at]
                .names
                .iter()
                .filter(|(_, e)| matches!(self.entities[**e].decl, Decl::State { .. }))
                .map(|(n, _)| n.clone())
                .collect();
            self.report(errors::transition_of_nothing(&name.text, target.span, &candidates));
            return;
        };
        let entity = &mut self.entities[id];
        let declared = entity.span;
        match &mut entity.decl {
            Decl::State { law, .. } => match law {
                None => *law = Some((target.clone(), value.clone(), span)),
                Some((_, _, first)) => {
                    let first = *first;
                    self.report(errors::two_transitions(&name.text, target.span, first));
                }
            },
            other => {
                let what = kind_word(other);
                self.report(errors::transition_of_other(&name.text, what, target.span, declared));
            }
        }
    }

    fn attach_give(&mut self, at: BlockId, target: &ast::Path, value: &ast::Expr) {
        let n = target.segments.len();
        let name = &target.segments[n - 1].name;
        // The receiver's block: a population by name, or the member a binder of this market stands for.
        let receiver = if n == 2 {
            self.receiver_block(at, &target.segments[0].name.text)
        } else {
            None
        };
        let Some(receiver) = receiver else {
            let agents: Vec<String> = self
                .blocks
                .iter()
                .filter(|b| b.kind == BlockKind::Agent)
                .map(|b| b.name.clone())
                .collect();
            self.report(errors::give_to_nobody(target, &agents));
            return;
        };
        let receivers = if self.blocks[receiver].kind == BlockKind::Kind {
            self.blocks[receiver].children.clone()
        } else {
            vec![receiver]
        };
        for r in receivers {
            if let Some(first) = self.blocks[r].names.get(&name.text) {
                let first = self.entities[*first].span;
                self.report(errors::two_givers(&name.text, name.span, first));
                continue;
            }
            let lhs = ast::Lhs {
                name: name.clone(),
                index: Vec::new(),
            };
            let d = Decl::Give {
                giver: at,
                target: target.clone(),
                value: value.clone(),
            };
            self.declare(r, &lhs, d, String::new());
        }
    }

    fn receiver_block(&self, at: BlockId, word: &str) -> Option<BlockId> {
        if let Some(ast::Size::Binder(b)) = &self.blocks[at].size
            && b.var.text == word
            && let ast::Range::Named(p) = &b.over
        {
            return self.find_block(at, &p.segments[0].name.text);
        }
        self.find_block(at, word)
    }

    /// `--set tolerance=1e-6`, `--set grid.k='log(400)'` (of `solve`), `--set train.steps=1000`, `--set verify.seeds=1..5`.
    /// Whether the name is a setting.
    fn override_setting(&mut self, name: &str, text: &str, file: u16) -> bool {
        let (block, key) = match name.split_once('.') {
            Some((block @ ("solve" | "train" | "verify"), key)) => (block, key),
            _ if super::settings::is_solve_key(name) => ("solve", name),
            _ => return false,
        };
        let span = crate::diag::Span {
            start: 0,
            end: text.len() as u32,
            file,
        };
        let Ok(value) = crate::syntax::parser::parse_value(text, file) else {
            self.report(errors::set_unreadable(name, text));
            return true;
        };
        let item = ast::Setting {
            key: key
                .split('.')
                .map(|word| ast::Name {
                    text: word.to_string(),
                    span,
                })
                .collect(),
            value,
            span,
        };
        let mut found = false;
        for (b, items, _) in &mut self.settings_stmts {
            let this = match b {
                ast::SettingsBlock::Solve => "solve",
                ast::SettingsBlock::Train(_) => "train",
                ast::SettingsBlock::Verify => "verify",
            };
            if this == block {
                items.retain(|i| i.key.iter().map(|n| n.text.as_str()).ne(key.split('.')));
                items.push(item.clone());
                found = true;
            }
        }
        if !found {
            let new = match block {
                "solve" => ast::SettingsBlock::Solve,
                "verify" => ast::SettingsBlock::Verify,
                _ => {
                    self.report(errors::set_without_train(name));
                    return true;
                }
            };
            self.settings_stmts.push((new, vec![item], span));
        }
        true
    }

    fn apply_overrides(&mut self) {
        for (number, (name, text)) in self.options.set.clone().into_iter().enumerate() {
            // Places inside what was typed are places of no file that is shown.
            let file = SET_FILE.saturating_add(u16::try_from(number).unwrap_or(u16::MAX));
            let found: Vec<EntityId> = (0..self.entities.len())
                .filter(|i| {
                    (self.entities[*i].dotted == name || self.entities[*i].name == name)
                        && matches!(self.entities[*i].decl, Decl::Param { .. })
                })
                .collect();
            let exact: Vec<EntityId> = found
                .iter()
                .copied()
                .filter(|i| self.entities[*i].dotted == name)
                .collect();
            let found = if exact.is_empty() { found } else { exact };
            if found.is_empty() && self.override_setting(&name, &text, file) {
                continue;
            }
            if found.is_empty() {
                let params: Vec<String> = self
                    .entities
                    .iter()
                    .filter(|e| matches!(e.decl, Decl::Param { .. }))
                    .map(|e| e.dotted.clone())
                    .collect();
                let settings: Vec<String> = super::settings::SOLVE_KEYS
                    .iter()
                    .map(|k| k.name.to_string())
                    .chain(
                        super::settings::VERIFY_KEYS
                            .iter()
                            .map(|k| format!("verify.{}", k.name)),
                    )
                    .filter(|k| !k.ends_with('*'))
                    .collect();
                let other = self
                    .entities
                    .iter()
                    .find(|e| e.dotted == name || e.name == name)
                    .map(|e| (kind_word(&e.decl), e.dotted.as_str()));
                self.report(errors::set_unknown(&name, &params, &settings, other));
                continue;
            }
            let Ok(new) = crate::syntax::parser::parse_value(&text, file) else {
                self.report(errors::set_unreadable(&name, &text));
                continue;
            };
            for id in found {
                let span = self.entities[id].span;
                if let Decl::Param { value, .. } = &self.entities[id].decl
                    && matches!(new.kind, ast::ExprKind::Bool(_))
                    && is_number(value)
                {
                    self.report(errors::truth_for_number(&name, span));
                    continue;
                }
                self.overridden.insert(self.entities[id].dotted.clone());
                if let Decl::Param { value, .. } = &mut self.entities[id].decl {
                    *value = ast::Expr {
                        span: value.span,
                        kind: new.kind.clone(),
                    };
                    if matches!(value.kind, ast::ExprKind::Path(_)) {
                        value.span = span;
                    }
                }
            }
        }
    }
}

/// Whether an expression is a number or an array, by how it is written.
fn is_number(value: &ast::Expr) -> bool {
    match &value.kind {
        ast::ExprKind::Number { .. } | ast::ExprKind::Inf | ast::ExprKind::Array(_) => true,
        ast::ExprKind::Unary { op, arg } => *op != ast::UnaryOp::Not && is_number(arg),
        ast::ExprKind::Binary { op, .. } => matches!(
            op,
            ast::BinaryOp::Add | ast::BinaryOp::Sub | ast::BinaryOp::Mul | ast::BinaryOp::Div | ast::BinaryOp::Pow
        ),
        ast::ExprKind::Paren(e) => is_number(e),
        _ => false,
    }
}

/// The number of the first text of `--set` as a source; the model is 0, the market library 1.
pub(super) const SET_FILE: u16 = 2;

fn block(
    name: &str,
    kind: BlockKind,
    parent: Option<BlockId>,
    size: Option<ast::Size>,
    statements: Vec<Stmt>,
    span: Span,
) -> Block {
    Block {
        name: name.into(),
        kind,
        parent,
        children: Vec::new(),
        names: BTreeMap::new(),
        size,
        axis: None,
        kind_of: None,
        mass: None,
        statements,
        instance: None,
        roles: Vec::new(),
        span,
    }
}

fn negative_infinity(span: Span) -> ast::Expr {
    let inf = ast::Expr {
        kind: ast::ExprKind::Inf,
        span,
    };
    ast::Expr {
        kind: ast::ExprKind::Unary {
            op: ast::UnaryOp::Neg,
            arg: Box::new(inf),
        },
        span,
    }
}

fn segment(name: &ast::Name) -> ast::Segment {
    ast::Segment {
        name: name.clone(),
        primed: false,
        index: Vec::new(),
    }
}

/// `quality` in `firm(a: quality)` is `firm.quality`; anything already dotted or constant stays.
fn port_of(agent: &ast::Name, e: &ast::Expr) -> ast::Expr {
    match &e.kind {
        ast::ExprKind::Path(p) if p.segments.len() == 1 => {
            let mut segments = vec![segment(agent)];
            segments.extend(p.segments.iter().cloned());
            ast::Expr {
                kind: ast::ExprKind::Path(ast::Path { segments, span: e.span }),
                span: e.span,
            }
        }
        _ => e.clone(),
    }
}

type Role = (Option<String>, Vec<ast::Name>, Vec<ast::Name>);

/// The roles of a definition, each with its offers and gives, and the other statements.
fn roles_of(body: &[Stmt]) -> (Vec<Role>, Vec<Stmt>) {
    let mut roles: Vec<Role> = Vec::new();
    let mut plain = Vec::new();
    let mut single: Role = (None, Vec::new(), Vec::new());
    for stmt in body {
        match &stmt.kind {
            StmtKind::Role { name, body } => {
                let mut role: Role = (Some(name.text.clone()), Vec::new(), Vec::new());
                for s in body {
                    match &s.kind {
                        StmtKind::Offer(names) => role.1.extend(names.iter().cloned()),
                        StmtKind::GivePort(names) => role.2.extend(names.iter().cloned()),
                        StmtKind::Give { target, .. } => {
                            role.2.push(target.segments[0].name.clone());
                            plain.push(s.clone());
                        }
                        _ => plain.push(s.clone()),
                    }
                }
                roles.push(role);
            }
            StmtKind::Offer(names) => single.1.extend(names.iter().cloned()),
            StmtKind::GivePort(names) => single.2.extend(names.iter().cloned()),
            StmtKind::Give { target, .. } => {
                single.2.push(target.segments[0].name.clone());
                plain.push(stmt.clone());
            }
            _ => plain.push(stmt.clone()),
        }
    }
    if roles.is_empty() {
        roles.push(single);
    }
    (roles, plain)
}

/// How a declaration is called in messages.
pub(super) fn kind_word(d: &Decl) -> &'static str {
    match d {
        Decl::Param { .. } => "param",
        Decl::Set { .. } => "set",
        Decl::Shock { .. } => "shock",
        Decl::Noise { .. } => "noise",
        Decl::State { price: None, .. } | Decl::Lag { .. } | Decl::Alive { .. } => "state",
        Decl::State { price: Some(true), .. } | Decl::Price { aggregate: true, .. } => "aggregate",
        Decl::State { price: Some(false), .. } | Decl::Price { aggregate: false, .. } => "price",
        Decl::Action { .. } => "action",
        Decl::Let { .. } => "let",
        Decl::Give { .. } => "give",
        Decl::Port { .. } => "offer",
    }
}
