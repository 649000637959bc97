//! Collecting blocks and names before any of them gets a meaning: kinds are instantiated here and market definitions in
//! [`super::instances`], so that everything behind sees plain blocks.

use super::{Block, BlockId, BlockKind, Checker, Decl, Entity, EntityId, errors};
use crate::diag::Span;
use crate::syntax::ast::{self, Stmt, StmtKind};
use std::collections::{BTreeMap, BTreeSet};

impl Checker<'_> {
    /// Reads the whole tree, and the library (one tree per file), into blocks and entities.
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

    fn scenario_parameters(&mut self, stmt: &Stmt) {
        if let StmtKind::Scenario { items, .. } = &stmt.kind {
            for item in items {
                match item {
                    ast::ScenarioItem::Param { name, .. } if !self.scenario_numbers.contains(&name.text) => {
                        self.scenario_params.insert(name.text.clone());
                    }
                    // What is no parameter is not looked up there.
                    ast::ScenarioItem::Path { target, .. } => {
                        self.scenario_params
                            .extend(target.segments.last().map(|s| s.name.text.clone()));
                    }
                    _ => {}
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

    pub(super) fn add_block(&mut self, parent: BlockId, b: Block) -> BlockId {
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

    /// Reads a list of statements, in order, into block `at`.
    pub(super) fn statements(&mut self, at: BlockId, statements: &[Stmt]) {
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
            StmtKind::Forward {
                name,
                over,
                domain,
                value,
                given,
                start,
            } => {
                let lhs = ast::Lhs {
                    name: name.clone(),
                    index: Vec::new(),
                };
                let d = Decl::Forward {
                    over: over.clone(),
                    domain: domain.clone(),
                    value: value.clone(),
                    given: given.clone(),
                    start: start.clone(),
                };
                self.declare(at, &lhs, d, doc);
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

    pub(super) fn agent(
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
            // A shock of the economy is named in any block.
            let shock = self
                .blocks
                .iter()
                .filter_map(|b| b.names.get(&name.text))
                .find_map(|e| {
                    let entity = &self.entities[*e];
                    matches!(entity.decl, Decl::Shock { .. }).then_some(entity.span)
                });
            self.report(match shock {
                Some(declared) => errors::transition_of_shock(&name.text, target.span, declared),
                None => errors::transition_of_nothing(&name.text, target.span, &candidates),
            });
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
}

/// A block of a list of statements, in order, with nothing read yet.
pub(super) fn block(
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

/// How a declaration is called in messages.
pub(super) fn kind_word(d: &Decl) -> &'static str {
    match d {
        Decl::Param { .. } => "param",
        Decl::Set { .. } => "set",
        Decl::Shock { .. } => "shock",
        Decl::Noise { .. } => "noise",
        Decl::State { price: None, .. } | Decl::Lag { .. } | Decl::Alive { .. } => "state",
        Decl::State { price: Some(true), .. } | Decl::Price { aggregate: true, .. } => "aggregate",
        Decl::State { price: Some(false), .. } | Decl::Price { aggregate: false, .. } | Decl::Forward { .. } => "price",
        Decl::Action { .. } => "action",
        Decl::Let { .. } => "let",
        Decl::Give { .. } => "give",
        Decl::Port { .. } => "offer",
    }
}
