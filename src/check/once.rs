//! Statements that may stand once: of two lines that set the same thing differently, one would be ignored without a message.
//!
//! Names are looked after where they are declared; here are the statements without a name (`discount`, `horizon`), the
//! lines of a scenario, the arguments of functions and definitions, and who takes part in a market.
//!
//! A rejected program: two lines `discount 0.9` and `discount 0.5` in one agent. The fix: keep one.

use super::{Checker, errors};
use crate::diag::Span;
use crate::syntax::ast::{self, Among, ObserveItem, ScenarioItem, Stmt, StmtKind};
use crate::syntax::print::{print_expr, print_path};

/// Things that were said, with the place of the first time.
#[derive(Default)]
struct Said(Vec<(String, Span)>);

impl Said {
    /// Notes one more; the place of the first if it was said before.
    fn again(&mut self, what: &str, span: Span) -> Option<Span> {
        if let Some((_, first)) = self.0.iter().find(|(w, _)| w == what) {
            return Some(*first);
        }
        self.0.push((what.to_string(), span));
        None
    }
}

impl Checker<'_> {
    /// Looks for what is said twice in a list of statements and in all blocks inside them.
    pub(super) fn said_once(&mut self, statements: &[Stmt]) {
        let mut horizons = Said::default();
        self.once_in(statements, &mut horizons);
        self.horizon_said = !horizons.0.is_empty();
    }

    /// One block and those inside it. The horizon is the world's, so it is said once in a file.
    fn once_in(&mut self, statements: &[Stmt], horizons: &mut Said) {
        let mut here = Said::default();
        let mut seen = Said::default();
        let mut starts = Said::default();
        let mut roles = Said::default();
        for stmt in statements {
            match &stmt.kind {
                StmtKind::Discount(_) => self.once(&mut here, "discount", stmt.span),
                StmtKind::Horizon(_) => self.once(horizons, "horizon", stmt.span),
                StmtKind::Stages(_) => self.once(&mut here, "stages", stmt.span),
                StmtKind::Observe { items, when: None } => {
                    for item in items {
                        let (text, span) = match item {
                            ObserveItem::All(span) => ("all".to_string(), *span),
                            ObserveItem::Value(e) => (print_expr(e), e.span),
                            ObserveItem::Signal { name, .. } => (name.text.clone(), name.span),
                        };
                        self.once(&mut seen, &text, span);
                    }
                }
                StmtKind::StartOf { target, .. } => {
                    self.once(&mut starts, &format!("start {}", print_expr(target)), stmt.span);
                }
                StmtKind::Fn { params, .. } => self.names_once(params),
                StmtKind::MarketDef { params, body, .. } => {
                    let names: Vec<ast::Name> = params.iter().map(|(n, _)| n.clone()).collect();
                    self.names_once(&names);
                    self.once_in(body, horizons);
                }
                StmtKind::Role { name, body } => {
                    self.once(&mut roles, &name.text, name.span);
                    self.once_in(body, horizons);
                }
                StmtKind::MarketUse { among, .. } => self.parties_once(among),
                StmtKind::Scenario { items, .. } => self.scenario_once(items),
                StmtKind::Use { items, .. } => self.names_once(items),
                StmtKind::Agent { body, .. }
                | StmtKind::Kind { body, .. }
                | StmtKind::Group { body, .. }
                | StmtKind::Market { body, .. } => self.once_in(body, horizons),
                StmtKind::Observe { .. }
                | StmtKind::Param { .. }
                | StmtKind::Set { .. }
                | StmtKind::Shock { .. }
                | StmtKind::Noise { .. }
                | StmtKind::State { .. }
                | StmtKind::Action { .. }
                | StmtKind::Let { .. }
                | StmtKind::Price { .. }
                | StmtKind::Forward { .. }
                | StmtKind::Give { .. }
                | StmtKind::Transition { .. }
                | StmtKind::Reward(_)
                | StmtKind::End { .. }
                | StmtKind::Require { .. }
                | StmtKind::Policy { .. }
                | StmtKind::Offer(_)
                | StmtKind::GivePort(_)
                | StmtKind::Settings { .. } => {}
            }
        }
    }

    fn once(&mut self, said: &mut Said, what: &str, span: Span) {
        if let Some(first) = said.again(what, span) {
            self.report(errors::said_twice(what, span, first));
        }
    }

    fn names_once(&mut self, names: &[ast::Name]) {
        let mut said = Said::default();
        for n in names {
            if let Some(first) = said.again(&n.text, n.span) {
                self.report(errors::duplicate(&n.text, n.span, first));
            }
        }
    }

    /// In one role of a market everybody takes part once.
    fn parties_once(&mut self, among: &[Among]) {
        let mut said = Said::default();
        for party in among {
            let role = party.role.as_ref().map_or("", |r| r.text.as_str());
            for (agent, ports) in &party.agents {
                if let Some(first) = said.again(&format!("{role}:{}", agent.text), agent.span) {
                    self.report(errors::said_twice(&agent.text, agent.span, first));
                }
                let mut offers = Said::default();
                for (port, _) in ports {
                    self.once(&mut offers, &port.text, port.span);
                }
            }
        }
    }

    /// The number of periods, each start, path and parameter of a scenario, and what is forced at the same time.
    fn scenario_once(&mut self, items: &[ScenarioItem]) {
        let mut said = Said::default();
        // Starts and paths are about all members, whatever the member is called.
        let whole = |path: &ast::Path| {
            let words: Vec<&str> = path.segments.iter().map(|s| s.name.text.as_str()).collect();
            words.join(".")
        };
        for item in items {
            let (what, span) = match item {
                ScenarioItem::Periods { value, span: _ } => ("periods".to_string(), value.span),
                ScenarioItem::Param { name, span, .. } => (format!("param {}", name.text), *span),
                ScenarioItem::Start { target, span, .. } => (format!("start {}", whole(target)), *span),
                ScenarioItem::Path { target, span, .. } => (format!("path {}", whole(target)), *span),
                ScenarioItem::Force { target, at, span, .. } => {
                    let when = match at {
                        None => String::new(),
                        Some((from, None)) => format!(" at {}", print_expr(from)),
                        Some((from, Some(to))) => format!(" at {}..{}", print_expr(from), print_expr(to)),
                    };
                    (format!("force {}{when}", print_path(target)), *span)
                }
            };
            self.once(&mut said, &what, span);
        }
    }
}
