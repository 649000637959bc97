//! Uses of market definitions: an instance is a market block of its own, with the ports of its participants.

use super::scope::block;
use super::{BlockId, BlockKind, Checker, Decl, errors};
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
    /// Collects the market definitions of the file and of the library (one tree per file).
    pub(super) fn collect_definitions(&mut self, file: &ast::File, library: &[ast::File]) {
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

    /// Makes the market block of `name = def(args) among ..`; `args` and `among` in the order typed.
    pub(super) fn market_use(
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
                None => {
                    self.report(errors::missing_argument(&param.text, &def.text, span, d.span));
                    // It stands for any number, so that the definition's own lines are not blamed.
                    let lhs = ast::Lhs {
                        name: param.clone(),
                        index: Vec::new(),
                    };
                    let any = ast::Expr {
                        kind: ast::ExprKind::Number {
                            value: 1.0,
                            text: "1".to_string(),
                        },
                        span: param.span,
                    };
                    self.declare_quietly(id, &lhs, Decl::Let { value: any });
                }
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
                    None => {
                        let has = self
                            .blocks
                            .iter()
                            .any(|b| b.name == agent.text && b.names.contains_key(&port.text));
                        let name = if has { port.text.as_str() } else { "NAME" };
                        self.report(errors::missing_port(&port.text, agent, name, &def.text, port.span));
                    }
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

pub(super) type Role = (Option<String>, Vec<ast::Name>, Vec<ast::Name>);

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
