//! The model as equations, for `report.html`: the statements of the file typeset as MathML, with the values that parameters have in
//! this run.
//!
//! The graph folds constants and gives equal expressions one node, so that names of parameters are gone from it; what is typeset is the
//! tree of the file, and the model says what has a date, what runs over members and what values parameters have.

mod chance;
mod math;
mod names;
mod symbols;
mod wants;

use crate::check::Model;
use crate::report::number;
use crate::report::text::escape;
use crate::syntax::ast::*;
use crate::syntax::parser::{parse, parse_value};
use crate::syntax::print;
use math::{Place, words};
use names::Names;

const COMMA: &str = "<mo separator=\"true\" rspace=\"0.5em\">,</mo>";

/// The equations of a model, section by section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Equations {
    /// The top level first, then blocks in the order of the file.
    pub sections: Vec<Section>,
}

/// The equations of a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// `agent household`, or `Parameters`.
    pub heading: String,
    /// How many there are, in MathML; may be empty.
    pub members: String,
    /// What it is, in the words of the file; may be empty.
    pub doc: String,
    /// One entry per statement, but for those that make one formula together.
    pub rows: Vec<Row>,
}

/// A statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// MathML, without the element `math` around it.
    pub math: String,
    /// What it is.
    pub note: String,
    /// First bytes of the statements it shows: one per statement, in the file 0.
    pub of: Vec<u32>,
}

/// The equations of a file, with the values of its parameters in `model`; `set` was typed on the command line: pairs of name and value.
pub fn equations(source: &str, model: &Model, set: &[(String, String)]) -> Equations {
    let (file, _) = parse(source, 0);
    let library = used_definitions(&file);
    let definitions: Vec<&Stmt> = library.iter().collect();
    let names = Names::of(&file, &definitions, model);
    let mut maker = Maker {
        names,
        model,
        set,
        sections: Vec::new(),
    };
    let parameters: Vec<&Stmt> = file.statements.iter().filter(|s| is_parameter(s)).collect();
    maker.section(0, String::from("Parameters"), String::new(), "", &parameters, &[]);
    let rest: Vec<&Stmt> = file.statements.iter().filter(|s| !is_parameter(s)).collect();
    maker.section(0, String::from("The economy"), String::new(), "", &rest, &[]);
    maker.blocks(0, &file.statements);
    maker.blocks(0, &library);
    Equations {
        sections: maker.sections.into_iter().filter(|s| !s.rows.is_empty()).collect(),
    }
}

fn is_parameter(stmt: &Stmt) -> bool {
    matches!(stmt.kind, StmtKind::Param { .. } | StmtKind::Set { .. })
}

/// The definitions that a file takes from the library.
fn used_definitions(file: &File) -> Vec<Stmt> {
    let wanted: Vec<&str> = file
        .statements
        .iter()
        .filter_map(|s| match &s.kind {
            StmtKind::Use { items, .. } => Some(items.iter().map(|i| i.text.as_str())),
            _ => None,
        })
        .flatten()
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let (library, _) = parse(crate::MARKET_LIBRARY, 1);
    let is_used = |s: &Stmt| match &s.kind {
        StmtKind::MarketDef { name, .. } => wanted.contains(&name.text.as_str()),
        _ => false,
    };
    library.statements.into_iter().filter(is_used).collect()
}

struct Maker<'m> {
    names: Names,
    model: &'m Model,
    set: &'m [(String, String)],
    sections: Vec<Section>,
}

impl Maker<'_> {
    /// A section of the statements of a block, and then those of the blocks in it.
    fn block(
        &mut self,
        parent: usize,
        name: &Name,
        kind: &str,
        size: Option<&Size>,
        doc: Option<&String>,
        body: &[Stmt],
    ) {
        let Some(at) = self.inside(parent, name) else { return };
        let members = self.members(at, name, size);
        let statements: Vec<&Stmt> = body.iter().collect();
        let doc = doc.map_or("", String::as_str);
        self.section(at, format!("{kind} {}", name.text), members, doc, &statements, body);
        self.blocks(at, body);
    }

    fn inside(&self, parent: usize, name: &Name) -> Option<usize> {
        (1..self.names.blocks.len())
            .find(|b| self.names.blocks[*b].parent == Some(parent) && self.names.blocks[*b].name == name.text)
    }

    fn blocks(&mut self, parent: usize, body: &[Stmt]) {
        for stmt in body {
            let doc = stmt.doc.as_ref();
            match &stmt.kind {
                StmtKind::Agent {
                    name,
                    size,
                    mass,
                    is,
                    body,
                } => {
                    let from = self.sections.len();
                    let kind = is.as_ref().map_or(String::new(), |k| format!(", a {}", k.text));
                    self.block(parent, name, "agent", size.as_ref(), doc, body);
                    if let Some(section) = self.sections.get_mut(from) {
                        section.heading.push_str(&kind);
                    }
                    if let (Some(mass), Some(at)) = (mass, self.inside(parent, name)) {
                        let math = self.names.math(mass, &Place::at(at));
                        let row = Row {
                            math,
                            note: "how many they are".into(),
                            of: vec![],
                        };
                        if let Some(section) = self.sections.get_mut(from) {
                            section.rows.insert(0, row);
                        }
                    }
                }
                StmtKind::Kind { name, body } => self.block(parent, name, "kind", None, doc, body),
                StmtKind::Group { name, size, body, .. } => self.block(parent, name, "group", Some(size), doc, body),
                StmtKind::Market {
                    name,
                    size,
                    body,
                    competitive,
                } => {
                    let kind = if *competitive { "competitive market" } else { "market" };
                    self.block(parent, name, kind, size.as_ref(), doc, body);
                }
                StmtKind::MarketDef { name, body, .. } => {
                    self.block(parent, name, "market by definition", None, doc, body);
                }
                _ => {}
            }
        }
    }

    /// `i ∈ [0, 1]`, `i = 1, …, N`.
    fn members(&self, at: usize, name: &Name, size: Option<&Size>) -> String {
        let letter = |at: usize| {
            self.names.blocks[at]
                .index
                .as_ref()
                .map_or("i".to_string(), |i| i[0].clone())
        };
        let outside = Place::at(self.names.blocks[at].parent.unwrap_or(0));
        match size {
            None => String::new(),
            Some(_) if self.names.is_continuum(&name.text) => format!(
                "<mi>{}</mi><mo>∈</mo><mrow><mo>[</mo><mn>0</mn><mo>,</mo><mn>1</mn><mo>]</mo></mrow>",
                letter(at)
            ),
            Some(Size::Count(count)) => format!(
                "<mi>{}</mi><mo>=</mo><mn>1</mn><mo>,</mo><mo>…</mo><mo>,</mo>{}",
                letter(at),
                self.names.math(count, &outside)
            ),
            Some(Size::Binder(binder)) => match &binder.over {
                Range::Named(path) => format!("<mi>{}</mi><mo>∈</mo>{}", letter(at), words(&print::print_path(path))),
                Range::Span(lo, hi) => format!(
                    "<mi>{}</mi><mo>=</mo>{}<mo>,</mo><mo>…</mo><mo>,</mo>{}",
                    letter(at),
                    self.names.math(lo, &outside),
                    self.names.math(hi, &outside)
                ),
            },
        }
    }

    fn section(&mut self, at: usize, heading: String, members: String, doc: &str, statements: &[&Stmt], body: &[Stmt]) {
        let mut rows = Vec::new();
        for stmt in statements {
            self.statement(at, stmt, body, "", &mut rows);
        }
        self.sections.push(Section {
            heading,
            members,
            doc: doc.to_string(),
            rows,
        });
    }

    /// The rows of a statement; `role` stands before those of a side of a market.
    fn statement(&self, at: usize, stmt: &Stmt, body: &[Stmt], role: &str, rows: &mut Vec<Row>) {
        let place = Place::at(at);
        let names = &self.names;
        let doc = stmt.doc.clone().unwrap_or_default();
        let mut push = |math: String, note: String, also: Option<&Stmt>| {
            let note = [role, &note]
                .into_iter()
                .filter(|t| !t.is_empty())
                .collect::<Vec<_>>()
                .join(": ");
            let of = [Some(stmt), also].into_iter().flatten().map(|s| s.span.start).collect();
            rows.push(Row { math, note, of });
        };
        match &stmt.kind {
            StmtKind::Param { lhs, value, .. } => push(self.parameter(at, lhs, value), doc, None),
            StmtKind::Set { name, domain } => {
                push(
                    format!("{}<mo>=</mo>{}", words(&name.text), self.domain(domain, &place)),
                    doc,
                    None,
                );
            }
            StmtKind::Fn { name, params, body } => {
                let inside = params.iter().fold(place, |p, x| p.with(&x.text, None));
                let args: Vec<Arg> = params
                    .iter()
                    .map(|x| Arg {
                        name: None,
                        value: named(x),
                        over: None,
                    })
                    .collect();
                let math = format!(
                    "{}<mo>=</mo>{}",
                    names.applied(&name.text, &args, &inside),
                    self.right(body, &inside)
                );
                push(math, doc, None);
            }
            StmtKind::Shock {
                lhs,
                iid,
                dist,
                given,
                start,
            } => {
                let mut math = self.shock(lhs, *iid, dist, given.as_ref(), &place);
                if let Some(start) = start {
                    math.push_str(&format!("{COMMA}{}", self.start(&as_path(lhs), start, &place)));
                }
                push(math, noted(&doc, "known when acting"), None);
            }
            StmtKind::Noise { lhs, dist, stage } => {
                let inside = bound(lhs, &place, names);
                let math = format!(
                    "{}<mo>∼</mo>{}",
                    names.symbol(&as_path(lhs), &inside).shown(),
                    self.law(dist, &inside)
                );
                let when = stage
                    .as_ref()
                    .map_or("drawn after acting".to_string(), |s| format!("drawn after {}", s.text));
                push(math, noted(&doc, &when), None);
            }
            StmtKind::State { lhs, domain, start } => {
                let inside = bound(lhs, &place, names);
                let mut math = format!(
                    "{}<mo>∈</mo>{}",
                    names.symbol(&as_path(lhs), &inside).shown(),
                    self.domain(domain, &inside)
                );
                if let Some(start) = start {
                    math.push_str(&format!("{COMMA}{}", self.start(&as_path(lhs), start, &inside)));
                }
                push(math, noted(&doc, "state"), None);
            }
            StmtKind::Action {
                lhs,
                domain,
                grid,
                taste,
                stage,
                given,
            } => {
                let inside = bound(lhs, &place, names);
                let math = format!(
                    "{}<mo>∈</mo>{}",
                    names.symbol(&as_path(lhs), &inside).shown(),
                    self.domain(domain, &inside)
                );
                let mut notes = vec!["choice".to_string()];
                notes.extend(stage.as_ref().map(|s| format!("at stage {}", s.text)));
                if !given.is_empty() {
                    let list: Vec<&str> = given.iter().map(|n| n.text.as_str()).collect();
                    notes.push(format!("for every {}", list.join(", ")));
                }
                notes.extend(
                    grid.as_ref()
                        .map(|g| format!("tabular methods use {}", print::print_expr(g))),
                );
                notes.extend(taste.as_ref().map(|g| format!("with tastes {}", print::print_expr(g))));
                push(math, noted(&doc, &notes.join(", ")), None);
            }
            StmtKind::Let { lhs, value } => push(self.defined(lhs, value, &place), doc, None),
            StmtKind::Price {
                lhs,
                domain,
                form,
                start,
                aggregate,
            } => {
                let inside = bound(lhs, &place, names);
                let symbol = names.symbol(&as_path(lhs), &inside).shown();
                let within = domain
                    .as_ref()
                    .map(|d| format!("{symbol}<mo>∈</mo>{}", self.domain(d, &inside)));
                let mut math = match form {
                    PriceForm::Is(value) => self.defined(lhs, value, &place),
                    PriceForm::Clears(lhs, rhs) => {
                        let range = within.map_or(String::new(), |w| format!("{COMMA}{w}"));
                        format!(
                            "{}{}<mo>=</mo>{}{range}",
                            words("clears: "),
                            names.math(lhs, &inside),
                            names.math(rhs, &inside)
                        )
                    }
                    PriceForm::Posted => within.unwrap_or(symbol),
                };
                if let Some(start) = start {
                    math.push_str(&format!("{COMMA}{}", self.start(&as_path(lhs), start, &inside)));
                }
                push(math, noted(&doc, if *aggregate { "aggregate" } else { "price" }), None);
            }
            StmtKind::Forward {
                name,
                over,
                value,
                given,
                start,
                ..
            } => {
                let path = as_path(&Lhs {
                    name: name.clone(),
                    index: Vec::new(),
                });
                let mut symbol = names.symbol(&path, &place).shown();
                if !over.is_empty() {
                    let of: Vec<String> = over.iter().map(|p| names.symbol(p, &place).shown()).collect();
                    symbol = format!("{symbol}<mo>(</mo>{}<mo>)</mo>", of.join(COMMA));
                }
                let mut math = format!("{symbol}<mo>=</mo>{}", self.right(value, &place));
                for (k, (path, pin)) in given.iter().enumerate() {
                    let word = if k == 0 { words(" given ") } else { COMMA.to_string() };
                    let pinned = names.symbol(path, &place).shown();
                    math.push_str(&format!("{word}{pinned}<mo>=</mo>{}", names.math(pin, &place)));
                }
                if let Some(start) = start {
                    math.push_str(&format!("{COMMA}{}", self.start(&path, start, &place)));
                }
                push(math, noted(&doc, "price that looks a period ahead"), None);
            }
            StmtKind::Give { target, value } => {
                let last = target.segments[target.segments.len() - 1].name.text.as_str();
                let what = match target.segments.len() {
                    1 => format!("{last}: what each gets"),
                    _ => "what each gets".to_string(),
                };
                let math = format!(
                    "{}<mo>=</mo>{}",
                    names.symbol(target, &place).shown(),
                    self.right(value, &place)
                );
                push(math, noted(&doc, &what), None);
            }
            StmtKind::Transition { target, value } => {
                let inside =
                    target
                        .segments
                        .iter()
                        .flat_map(|s| &s.index)
                        .fold(place.clone(), |p, index| match index {
                            Index::Binder(binder) => p.with(&binder.var.text, None),
                            Index::At(_) => p,
                        });
                let math = format!(
                    "{}<mo>=</mo>{}",
                    names.symbol(target, &inside).shown(),
                    self.right(value, &inside)
                );
                push(math, noted(&doc, "law of motion"), None);
            }
            StmtKind::Observe { items, when } => {
                let mut list = Vec::new();
                for item in items {
                    list.push(match item {
                        ObserveItem::All(_) => words("all"),
                        ObserveItem::Value(value) => names.math(value, &place),
                        ObserveItem::Signal { name, dist } => format!(
                            "{}<mo>∼</mo>{}",
                            names.symbol(&path_of(name), &place).shown(),
                            self.law(dist, &place)
                        ),
                    });
                }
                let mut math = format!("<mrow><mo>{{</mo>{}<mo>}}</mo></mrow>", list.join(COMMA));
                if let Some(when) = when {
                    math.push_str(&format!("{}{}", words(" if "), names.math(when, &place)));
                }
                push(math, noted(&doc, "what is seen"), None);
            }
            StmtKind::Reward(reward) => {
                let discount = body.iter().find(|s| matches!(s.kind, StmtKind::Discount(_)));
                push(
                    self.wants(at, reward, discount, body),
                    noted(&doc, "what is wanted"),
                    discount,
                );
            }
            StmtKind::Discount(factor) => {
                // Where there is a reward it stands in the value.
                if !body.iter().any(|s| matches!(s.kind, StmtKind::Reward(_))) {
                    push(names.math(factor, &place), noted(&doc, "discount factor"), None);
                }
            }
            StmtKind::Horizon(last) => {
                let math = format!(
                    "<mi>t</mi><mo>=</mo><mn>0</mn><mo>,</mo><mo>…</mo><mo>,</mo><mrow>{}</mrow><mo>−</mo><mn>1</mn>",
                    names.math(last, &place)
                );
                push(math, noted(&doc, "periods"), None);
            }
            StmtKind::End { when, paying, then } => {
                let next = paying
                    .as_ref()
                    .map_or("<mn>0</mn>".to_string(), |x| names.math(x, &place));
                let value = self.value(at, true);
                let math = format!(
                    "{}{}<mo>:</mo>{value}<mo>=</mo>{next}",
                    words("if "),
                    names.math(when, &place)
                );
                let what = match then {
                    Some(EndThen::Restart) => "end of a life; another begins in its place",
                    Some(EndThen::Leave) => "end of a life; its place stays empty",
                    None => "the end",
                };
                push(math, noted(&doc, what), None);
            }
            StmtKind::Require { condition, otherwise } => {
                let note = match otherwise {
                    None => "constraint".to_string(),
                    Some(RequireElse::Penalty(x)) => format!("or a penalty of {}", print::print_expr(x)),
                    Some(RequireElse::Clamp(what)) => {
                        format!(
                            "constraint, {} moved to hold it",
                            what.as_ref().map_or("choices", |n| n.text.as_str())
                        )
                    }
                    Some(RequireElse::Project) => "constraint, choices moved to the nearest that hold it".to_string(),
                    Some(RequireElse::End) => "or the end".to_string(),
                };
                push(names.math(condition, &place), noted(&doc, &note), None);
            }
            StmtKind::Policy { action, rule } => {
                let symbol = action
                    .as_ref()
                    .map_or(words("choices"), |a| names.symbol(&as_path(a), &place).shown());
                let math = match rule {
                    PolicyRule::Random => format!("{symbol}{}", words(" at random")),
                    PolicyRule::Rule(value) => format!("{symbol}<mo>=</mo>{}", names.math(value, &place)),
                };
                push(math, noted(&doc, "policy, not chosen"), None);
            }
            StmtKind::MarketUse { name, def, args, among } => {
                let sides = among.iter().map(|side| {
                    let role = side.role.as_ref().map_or(String::new(), |r| format!("{}: ", r.text));
                    let agents: Vec<String> = side
                        .agents
                        .iter()
                        .map(|(agent, ports)| {
                            let inside = Place::at(names.block_named(&agent.text, at).unwrap_or(at));
                            let ports: Vec<String> = ports
                                .iter()
                                .map(|(port, value)| {
                                    format!(
                                        "{}<mo>=</mo>{}",
                                        names
                                            .symbol(&path_of(port), &Place::default().with(&port.text, None))
                                            .shown(),
                                        names.math(value, &inside)
                                    )
                                })
                                .collect();
                            format!(
                                "{}<mrow><mo>(</mo>{}<mo>)</mo></mrow>",
                                words(&format!("{role}{}", agent.text)),
                                ports.join(COMMA)
                            )
                        })
                        .collect();
                    agents.join("<mo>+</mo>")
                });
                let sides: Vec<String> = sides.collect();
                let math = format!(
                    "{}{}{}",
                    names.applied(&def.text, args, &place),
                    words(" among "),
                    sides.join(COMMA)
                );
                push(math, noted(&doc, &format!("market {}", name.text)), None);
            }
            StmtKind::Offer(ports) | StmtKind::GivePort(ports) => {
                let list: Vec<String> = ports
                    .iter()
                    .map(|p| names.symbol(&path_of(p), &place).shown())
                    .collect();
                let what = if matches!(stmt.kind, StmtKind::Offer(_)) {
                    "what each brings"
                } else {
                    "what each gets"
                };
                push(list.join(COMMA), noted(&doc, what), None);
            }
            StmtKind::Role { name, body: inner } => {
                for inner in inner {
                    self.statement(at, inner, body, &name.text, rows);
                }
            }
            StmtKind::StartOf { target, value } => {
                let first = Place {
                    first: true,
                    ..place.clone()
                };
                let math = match value {
                    Start::Value(value) => format!("{}{}", names.math(target, &first), self.first_value(value, &place)),
                    Start::Random(_) => format!("{}{}", names.math(target, &first), words(" at random")),
                };
                push(math, noted(&doc, "first value"), None);
            }
            StmtKind::Stages(stages) => {
                let list: Vec<String> = stages.iter().map(|s| words(&s.text)).collect();
                push(list.join("<mo>→</mo>"), noted(&doc, "stages of a period"), None);
            }
            StmtKind::Use { .. }
            | StmtKind::Agent { .. }
            | StmtKind::Kind { .. }
            | StmtKind::Group { .. }
            | StmtKind::Market { .. }
            | StmtKind::MarketDef { .. }
            | StmtKind::Scenario { .. }
            | StmtKind::Settings { .. } => {}
        }
    }

    /// The right side of a definition; what is true or false stands in brackets, since it may have signs of its own.
    fn right(&self, value: &Expr, place: &Place) -> String {
        let math = self.names.math(value, place);
        match &value.kind {
            ExprKind::Binary {
                op:
                    BinaryOp::Eq
                    | BinaryOp::Ne
                    | BinaryOp::Lt
                    | BinaryOp::Le
                    | BinaryOp::Gt
                    | BinaryOp::Ge
                    | BinaryOp::And
                    | BinaryOp::Or,
                ..
            } => format!("<mrow><mo>(</mo>{math}<mo>)</mo></mrow>"),
            _ => math,
        }
    }

    fn defined(&self, lhs: &Lhs, value: &Expr, place: &Place) -> String {
        let inside = bound(lhs, place, &self.names);
        format!(
            "{}<mo>=</mo>{}",
            self.names.symbol(&as_path(lhs), &inside).shown(),
            self.right(value, &inside)
        )
    }

    /// A parameter with the value it has in this run.
    fn parameter(&self, at: usize, lhs: &Lhs, value: &Expr) -> String {
        let inside = bound(lhs, &Place::at(at), &self.names);
        let symbol = self.names.symbol(&as_path(lhs), &inside).shown();
        let mut dotted = lhs.name.text.clone();
        for block in self.names.chain(at) {
            dotted = format!("{}.{dotted}", self.names.blocks[block].name);
        }
        let typed = self
            .set
            .iter()
            .rev()
            .find(|(name, _)| *name == dotted || *name == lhs.name.text);
        if let Some((_, text)) = typed {
            let shown = parse_value(text, 0).map_or_else(|_| words(text), |v| self.names.math(&v, &inside));
            return format!("{symbol}<mo>=</mo>{shown}{}", words(" (set for this run)"));
        }
        let written = self.names.math(value, &inside);
        // The value beside an expression, where that is one number.
        let found = self
            .model
            .params
            .iter()
            .find(|p| p.name == dotted)
            .and_then(|p| match p.values.as_slice() {
                [x] => Some(*x),
                _ => None,
            });
        let signed = match &value.kind {
            ExprKind::Unary { op: UnaryOp::Neg, arg } => arg,
            _ => value,
        };
        let plain = matches!(
            signed.kind,
            ExprKind::Number { .. } | ExprKind::Bool(_) | ExprKind::Continuum | ExprKind::Inf
        );
        match found.filter(|x| !plain && x.is_finite()) {
            Some(x) => {
                let digits = number::significant(x, 6);
                let digits = match digits.contains('.') && !digits.contains('e') {
                    true => digits.trim_end_matches('0').trim_end_matches('.'),
                    false => &digits,
                };
                let shown = digits.replace('-', "−");
                format!("{symbol}<mo>=</mo>{written}<mo class=\"value\">=</mo><mn>{shown}</mn>")
            }
            None => format!("{symbol}<mo>=</mo>{written}"),
        }
    }

    /// Where a variable may lie.
    fn domain(&self, domain: &Domain, place: &Place) -> String {
        let names = &self.names;
        match &domain.kind {
            DomainKind::Interval {
                lo,
                hi,
                lo_open,
                hi_open,
            } => format!(
                "<mrow><mo>{}</mo>{}<mo separator=\"true\">,</mo>{}<mo>{}</mo></mrow>",
                if *lo_open { "(" } else { "[" },
                names.math(lo, place),
                names.math(hi, place),
                if *hi_open { ")" } else { "]" }
            ),
            DomainKind::Range(lo, hi) => format!(
                "<mrow><mo>{{</mo>{}<mo>,</mo><mo>…</mo><mo>,</mo>{}<mo>}}</mo></mrow>",
                names.math(lo, place),
                names.math(hi, place)
            ),
            DomainKind::Finite(choices) => {
                let list: Vec<String> = choices
                    .iter()
                    .map(|(choice, mask)| {
                        let mask = mask
                            .as_ref()
                            .map_or(String::new(), |m| format!("{}{}", words(" if "), names.math(m, place)));
                        format!("{}{mask}", names.math(choice, place))
                    })
                    .collect();
                format!("<mrow><mo>{{</mo>{}<mo>}}</mo></mrow>", list.join(COMMA))
            }
            DomainKind::Grid(args) => match args.as_slice() {
                [lo, hi, n] => format!(
                    "{}{}<mo>,</mo>{}{}{}",
                    words("grid of "),
                    names.math(n, place),
                    words("from "),
                    names.math(lo, place),
                    format_args!("{}{}", words(" to "), names.math(hi, place))
                ),
                args => {
                    let list: Vec<String> = args.iter().map(|a| names.math(a, place)).collect();
                    format!("{}{}", words("grid "), list.join(COMMA))
                }
            },
            DomainKind::Simplex(set) => {
                format!(
                    "<msub><mi mathvariant=\"normal\">Δ</mi><mrow>{}</mrow></msub>",
                    words(&set.text)
                )
            }
            DomainKind::Same(path) => words(&format!("the range of {}", print::print_path(path))),
            DomainKind::Bool => words("{false, true}"),
        }
    }

    /// `= 4`, `∼ U(2, 8)`.
    fn first_value(&self, value: &Expr, place: &Place) -> String {
        let drawn = chance::has_law(value);
        let sign = if drawn { "<mo>∼</mo>" } else { "<mo>=</mo>" };
        format!(
            "{sign}{}",
            if drawn {
                self.law(value, place)
            } else {
                self.names.math(value, place)
            }
        )
    }

    fn start(&self, path: &Path, start: &Start, place: &Place) -> String {
        let first = Place {
            first: true,
            ..place.clone()
        };
        let symbol = self.names.symbol(path, &first).shown();
        match start {
            Start::Value(value) => format!("{symbol}{}", self.first_value(value, place)),
            Start::Random(_) => format!("{symbol}{}", words(" at random")),
        }
    }
}

/// What a declaration says and what the thing is.
fn noted(doc: &str, what: &str) -> String {
    match doc {
        "" => what.to_string(),
        doc => format!("{doc}; {what}"),
    }
}

/// Inside the brackets of a left side its binders are variables.
fn bound(lhs: &Lhs, place: &Place, names: &Names) -> Place {
    lhs.index.iter().fold(place.clone(), |p, index| match index {
        LhsIndex::Set(_) => p,
        LhsIndex::Binder(binder) => {
            let block = match &binder.over {
                Range::Named(path) => path
                    .segments
                    .last()
                    .and_then(|s| names.block_named(&s.name.text, place.block)),
                Range::Span(..) => None,
            };
            p.with(&binder.var.text, block)
        }
    })
}

fn path_of(name: &Name) -> Path {
    Path {
        segments: vec![Segment {
            name: name.clone(),
            primed: false,
            index: Vec::new(),
        }],
        span: name.span,
    }
}

fn named(name: &Name) -> Expr {
    Expr {
        kind: ExprKind::Path(path_of(name)),
        span: name.span,
    }
}

/// A left side as a name; binders become indices.
fn as_path(lhs: &Lhs) -> Path {
    let mut path = path_of(&lhs.name);
    path.segments[0].index = lhs
        .index
        .iter()
        .filter_map(|index| match index {
            LhsIndex::Binder(binder) => Some(Index::At(named(&binder.var))),
            LhsIndex::Set(_) => None,
        })
        .collect();
    path
}

impl Equations {
    /// A part of a page.
    pub(super) fn html(&self) -> String {
        let mut out = String::new();
        for section in &self.sections {
            let members = match section.members.is_empty() {
                true => String::new(),
                false => format!(" <math><mrow>{}</mrow></math>", section.members),
            };
            let doc = match section.doc.is_empty() {
                true => String::new(),
                false => format!(" <span class=\"note\">{}</span>", escape(&section.doc)),
            };
            let short = section.heading == "Parameters";
            out.push_str(&format!(
                "<h3>{}{members}{doc}</h3>\n<div class=\"{}\">\n",
                escape(&section.heading),
                if short { "eqs short" } else { "eqs" }
            ));
            for row in &section.rows {
                out.push_str(&format!(
                    "<div class=\"eq\"><div class=\"box\"><math displaystyle=\"true\"><mrow>{}</mrow></math></div><span class=\"note\">{}</span></div>\n",
                    row.math,
                    escape(&row.note)
                ));
            }
            out.push_str("</div>\n");
        }
        out
    }
}
