//! Prints a tree as source text, without comments: what [`super::parser::parse`] reads back as the same tree.
//!
//! Numbers keep their spelling and parentheses stand where they were written. A tree that was built by hand gets the
//! parentheses that its structure needs.

use std::fmt::Write as _;

use super::ast::*;

/// The text of a file, one statement a line.
pub fn print(file: &File) -> String {
    let mut printer = Printer::default();
    if let Some((name, title)) = &file.model {
        let title = title.as_ref().map_or(String::new(), |t| format!(" \"{t}\""));
        printer.line(&format!("model {}{title}", name.text));
    }
    printer.statements(&file.statements);
    printer.out
}

/// The text of one expression.
pub fn print_expr(expr: &Expr) -> String {
    level_expr(expr, 0)
}

/// The text of a dotted name.
pub fn print_path(path: &Path) -> String {
    let segments: Vec<String> = path.segments.iter().map(segment).collect();
    segments.join(".")
}

/// Binding strength, loosest first, as in the grammar.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const ADD: u8 = 5;
const MULTIPLY: u8 = 6;
const SIGN: u8 = 7;
const POWER: u8 = 8;
const OPERAND: u8 = 9;

fn strength(expr: &Expr) -> u8 {
    match &expr.kind {
        ExprKind::If { .. } | ExprKind::Range(..) => 0,
        ExprKind::Unary { op, .. } => match op {
            UnaryOp::Not => NOT,
            UnaryOp::Neg | UnaryOp::Plus => SIGN,
        },
        ExprKind::Binary { op, .. } => binary(*op).1,
        ExprKind::Number { .. }
        | ExprKind::Bool(_)
        | ExprKind::Inf
        | ExprKind::Continuum
        | ExprKind::Text(_)
        | ExprKind::Path(_)
        | ExprKind::Call { .. }
        | ExprKind::Reduce { .. }
        | ExprKind::Solve { .. }
        | ExprKind::Array(_)
        | ExprKind::Normalize(_)
        | ExprKind::Paren(_) => OPERAND,
    }
}

/// Spelling and strength of an infix operator.
fn binary(op: BinaryOp) -> (&'static str, u8) {
    match op {
        BinaryOp::Or => ("or", OR),
        BinaryOp::And => ("and", AND),
        BinaryOp::Eq => ("==", COMPARE),
        BinaryOp::Ne => ("!=", COMPARE),
        BinaryOp::Lt => ("<", COMPARE),
        BinaryOp::Le => ("<=", COMPARE),
        BinaryOp::Gt => (">", COMPARE),
        BinaryOp::Ge => (">=", COMPARE),
        BinaryOp::Add => ("+", ADD),
        BinaryOp::Sub => ("-", ADD),
        BinaryOp::Mul => ("*", MULTIPLY),
        BinaryOp::Div => ("/", MULTIPLY),
        BinaryOp::Mod => ("mod", MULTIPLY),
        BinaryOp::IntDiv => ("div", MULTIPLY),
        BinaryOp::Pow => ("^", POWER),
    }
}

/// The expression, in parentheses if it binds more loosely than `least`.
fn level_expr(expr: &Expr, least: u8) -> String {
    let text = match &expr.kind {
        ExprKind::Number { value, text } => {
            if text.is_empty() {
                value.to_string()
            } else {
                text.clone()
            }
        }
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Inf => "inf".into(),
        ExprKind::Continuum => "continuum".into(),
        ExprKind::Text(text) => format!("\"{text}\""),
        ExprKind::Path(path) => print_path(path),
        ExprKind::Call { name, args } => format!("{}({})", name.text, arguments(args)),
        ExprKind::Reduce { name, binder, body } => {
            format!("{}({}: {})", name.text, print_binder(binder), print_expr(body))
        }
        ExprKind::Solve { concept, args } => format!("solve {}({})", concept.text, arguments(args)),
        ExprKind::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| {
                    let label = item.label.as_ref().map_or(String::new(), |l| format!("{}: ", l.text));
                    format!("{label}{}", print_expr(&item.value))
                })
                .collect();
            format!("[{}]", items.join(", "))
        }
        ExprKind::Unary { op, arg } => match op {
            UnaryOp::Neg => format!("-{}", level_expr(arg, SIGN)),
            UnaryOp::Plus => format!("+{}", level_expr(arg, SIGN)),
            UnaryOp::Not => format!("not {}", level_expr(arg, NOT)),
        },
        ExprKind::Binary { op, lhs, rhs } => {
            let (sign, level) = binary(*op);
            match op {
                BinaryOp::Pow => {
                    format!("{}^{}", level_expr(lhs, OPERAND), level_expr(rhs, SIGN))
                }
                // Comparisons do not chain.
                BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                    format!("{} {sign} {}", level_expr(lhs, level + 1), level_expr(rhs, level + 1))
                }
                BinaryOp::Or
                | BinaryOp::And
                | BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Mod
                | BinaryOp::IntDiv => format!("{} {sign} {}", level_expr(lhs, level), level_expr(rhs, level + 1)),
            }
        }
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => format!(
            "if {} then {} else {}",
            print_expr(condition),
            print_expr(then),
            print_expr(otherwise)
        ),
        ExprKind::Range(lo, hi) => format!("{}..{}", print_expr(lo), print_expr(hi)),
        ExprKind::Normalize(matrix) => format!("normalize {}", print_expr(matrix)),
        ExprKind::Paren(inner) => format!("({})", print_expr(inner)),
    };
    if strength(expr) < least {
        format!("({text})")
    } else {
        text
    }
}

fn arguments(args: &[Arg]) -> String {
    let args: Vec<String> = args
        .iter()
        .map(|arg| {
            let name = arg.name.as_ref().map_or(String::new(), |n| format!("{}: ", n.text));
            let over = arg.over.as_ref().map_or(String::new(), |n| format!(" over {}", n.text));
            format!("{name}{}{over}", print_expr(&arg.value))
        })
        .collect();
    args.join(", ")
}

fn segment(segment: &Segment) -> String {
    let prime = if segment.primed { "'" } else { "" };
    let index: Vec<String> = segment
        .index
        .iter()
        .map(|index| match index {
            Index::At(expr) => print_expr(expr),
            Index::Binder(binder) => print_binder(binder),
        })
        .collect();
    let index = if index.is_empty() {
        String::new()
    } else {
        format!("[{}]", index.join(", "))
    };
    format!("{}{prime}{index}", segment.name.text)
}

fn print_binder(binder: &Binder) -> String {
    let over = match &binder.over {
        Range::Named(path) => print_path(path),
        Range::Span(lo, hi) => format!("{}..{}", level_expr(lo, ADD), level_expr(hi, ADD)),
    };
    let when = binder
        .when
        .as_ref()
        .map_or(String::new(), |c| format!(" when {}", print_expr(c)));
    format!("{} in {over}{when}", binder.var.text)
}

fn lhs(lhs: &Lhs) -> String {
    let index: Vec<String> = lhs
        .index
        .iter()
        .map(|index| match index {
            LhsIndex::Set(name) => name.text.clone(),
            LhsIndex::Binder(binder) => print_binder(binder),
        })
        .collect();
    if index.is_empty() {
        lhs.name.text.clone()
    } else {
        format!("{}[{}]", lhs.name.text, index.join(", "))
    }
}

fn print_domain(domain: &Domain) -> String {
    match &domain.kind {
        DomainKind::Interval {
            lo,
            hi,
            lo_open,
            hi_open,
        } => format!(
            "{}{}, {}{}",
            if *lo_open { "(" } else { "[" },
            print_expr(lo),
            print_expr(hi),
            if *hi_open { ")" } else { "]" }
        ),
        DomainKind::Range(lo, hi) => format!("{}..{}", level_expr(lo, ADD), level_expr(hi, ADD)),
        DomainKind::Finite(labels) => {
            let labels: Vec<String> = labels
                .iter()
                .map(|(value, mask)| {
                    let mask = mask
                        .as_ref()
                        .map_or(String::new(), |m| format!(" when {}", print_expr(m)));
                    format!("{}{mask}", print_expr(value))
                })
                .collect();
            format!("{{{}}}", labels.join(", "))
        }
        DomainKind::Grid(args) => {
            let args: Vec<String> = args.iter().map(print_expr).collect();
            format!("grid({})", args.join(", "))
        }
        DomainKind::Simplex(set) => format!("simplex({})", set.text),
        DomainKind::Same(path) => print_path(path),
        DomainKind::Bool => "bool".into(),
    }
}

fn names(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(|n| n.text.as_str()).collect();
    names.join(", ")
}

fn start(start: &Option<Start>) -> String {
    match start {
        None => String::new(),
        Some(value) => format!(", start {}", start_value(value)),
    }
}

fn start_value(start: &Start) -> String {
    match start {
        Start::Value(expr) => print_expr(expr),
        Start::Random(_) => "random".into(),
    }
}

fn size(size: &Size) -> String {
    match size {
        Size::Count(expr) => format!("[{}]", print_expr(expr)),
        Size::Binder(binder) => format!("[{}]", print_binder(binder)),
    }
}

#[derive(Default)]
struct Printer {
    out: String,
    depth: usize,
}

impl Printer {
    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn statements(&mut self, statements: &[Stmt]) {
        for stmt in statements {
            self.statement(stmt);
        }
    }

    fn block(&mut self, head: &str, doc: &str, body: &[Stmt]) {
        self.line(&format!("{head}{doc} {{"));
        self.depth += 1;
        self.statements(body);
        self.depth -= 1;
        self.line("}");
    }

    fn statement(&mut self, stmt: &Stmt) {
        let doc = stmt.doc.as_ref().map_or(String::new(), |d| format!(" \"{d}\""));
        let text = match &stmt.kind {
            StmtKind::Agent {
                name,
                size: count,
                mass,
                is,
                body,
            } => {
                let mut head = format!("agent {}", name.text);
                if let Some(count) = count {
                    head.push_str(&size(count));
                }
                if let Some(mass) = mass {
                    let _ = write!(head, " mass {}", print_expr(mass));
                }
                if let Some(kind) = is {
                    let _ = write!(head, " is {}", kind.text);
                }
                return self.block(&head, &doc, body);
            }
            StmtKind::Kind { name, body } => {
                return self.block(&format!("kind {}", name.text), &doc, body);
            }
            StmtKind::Group {
                name,
                size: count,
                mass,
                body,
            } => {
                let mut head = format!("group {}{}", name.text, size(count));
                if let Some(mass) = mass {
                    let _ = write!(head, " mass {}", print_expr(mass));
                }
                return self.block(&head, &doc, body);
            }
            StmtKind::Market {
                name,
                size: count,
                competitive,
                body,
            } => {
                let mut head = format!("market {}", name.text);
                if let Some(count) = count {
                    head.push_str(&size(count));
                }
                if *competitive {
                    head.push_str(" competitive");
                }
                return self.block(&head, &doc, body);
            }
            StmtKind::MarketDef { name, params, body } => {
                let params: Vec<String> = params
                    .iter()
                    .map(|(name, default)| match default {
                        Some(value) => format!("{} = {}", name.text, print_expr(value)),
                        None => name.text.clone(),
                    })
                    .collect();
                let head = format!("market def {}({})", name.text, params.join(", "));
                return self.block(&head, &doc, body);
            }
            StmtKind::Role { name, body } => return self.block(&name.text, &doc, body),
            StmtKind::Scenario { name, items } => {
                self.line(&format!("scenario {}{doc} {{", name.text));
                self.depth += 1;
                for item in items {
                    self.line(&scenario_item(item));
                }
                self.depth -= 1;
                return self.line("}");
            }
            StmtKind::Settings { block, items } => {
                self.line(&match block {
                    SettingsBlock::Solve => "solve {".to_string(),
                    SettingsBlock::Train(method) => format!("train {} {{", method.text),
                    SettingsBlock::Verify => "verify {".to_string(),
                });
                self.depth += 1;
                for item in items {
                    let key: Vec<&str> = item.key.iter().map(|n| n.text.as_str()).collect();
                    self.line(&format!("{} = {}", key.join("."), print_expr(&item.value)));
                }
                self.depth -= 1;
                return self.line("}");
            }
            StmtKind::Shock {
                lhs: name,
                iid,
                dist,
                given: Some(given),
                start: first,
            } if !given.table.is_empty() => {
                self.line(&format!("{} {{", shock_head(name, *iid, dist, given)));
                self.depth += 1;
                for row in &given.table {
                    let normalize = if row.normalize { "normalize " } else { "" };
                    self.line(&format!(
                        "{}: {normalize}{}",
                        names(&row.labels),
                        print_expr(&row.matrix)
                    ));
                }
                self.depth -= 1;
                return self.line(&format!("}}{}{doc}", start(first)));
            }
            _ => simple(&stmt.kind),
        };
        self.line(&format!("{text}{doc}"));
    }
}

fn shock_head(name: &Lhs, iid: bool, dist: &Expr, given: &Given) -> String {
    let iid = if iid { "iid " } else { "" };
    let given: Vec<String> = given.names.iter().map(print_path).collect();
    format!(
        "shock {} ~ {iid}{} given {}",
        lhs(name),
        print_expr(dist),
        given.join(", ")
    )
}

/// Statements that stand on one line.
fn simple(kind: &StmtKind) -> String {
    match kind {
        StmtKind::Use { path, items } => {
            let path: Vec<&str> = path.iter().map(|n| n.text.as_str()).collect();
            let items = if items.is_empty() {
                String::new()
            } else {
                format!(".{{{}}}", names(items))
            };
            format!("use {}{items}", path.join("."))
        }
        StmtKind::Param {
            lhs: name,
            unit,
            value,
            domain,
        } => {
            let unit = unit.as_ref().map_or(String::new(), |u| format!(": {u}"));
            let domain = domain
                .as_ref()
                .map_or(String::new(), |d| format!(" in {}", print_domain(d)));
            format!("param {}{unit} = {}{domain}", lhs(name), print_expr(value))
        }
        StmtKind::Set { name, domain } => format!("set {} = {}", name.text, print_domain(domain)),
        StmtKind::Fn { name, params, body } => {
            format!("fn {}({}) = {}", name.text, names(params), print_expr(body))
        }
        StmtKind::Shock {
            lhs: name,
            iid,
            dist,
            given,
            start: first,
        } => match given {
            Some(given) => format!("{}{}", shock_head(name, *iid, dist, given), start(first)),
            None => format!(
                "shock {} ~ {}{}{}",
                lhs(name),
                if *iid { "iid " } else { "" },
                print_expr(dist),
                start(first)
            ),
        },
        StmtKind::Noise { lhs: name, dist, stage } => {
            let stage = stage.as_ref().map_or(String::new(), |s| format!(" at {}", s.text));
            format!("noise {} ~ {}{stage}", lhs(name), print_expr(dist))
        }
        StmtKind::State {
            lhs: name,
            domain,
            start: first,
        } => format!("state {} in {}{}", lhs(name), print_domain(domain), start(first)),
        StmtKind::Action {
            lhs: name,
            domain,
            grid,
            taste,
            stage,
            given,
        } => {
            let mut out = format!("action {} in {}", lhs(name), print_domain(domain));
            if let Some(grid) = grid {
                let _ = write!(out, " on {}", print_expr(grid));
            }
            if let Some(taste) = taste {
                let _ = write!(out, " taste {}", print_expr(taste));
            }
            if let Some(stage) = stage {
                let _ = write!(out, " at {}", stage.text);
            }
            if !given.is_empty() {
                let _ = write!(out, " given {}", names(given));
            }
            out
        }
        StmtKind::Let { lhs: name, value } => format!("let {} = {}", lhs(name), print_expr(value)),
        StmtKind::Price {
            aggregate,
            lhs: name,
            domain,
            form,
            start: first,
        } => {
            let word = if *aggregate { "aggregate" } else { "price" };
            let domain = domain
                .as_ref()
                .map_or(String::new(), |d| format!(" in {}", print_domain(d)));
            let form = match form {
                PriceForm::Is(value) => format!(" = {}", print_expr(value)),
                PriceForm::Clears(a, b) => {
                    format!(" clears {} == {}", level_expr(a, ADD), level_expr(b, ADD))
                }
                PriceForm::Posted => String::new(),
            };
            format!("{word} {}{domain}{form}{}", lhs(name), start(first))
        }
        StmtKind::Forward {
            name,
            over,
            domain,
            value,
            given,
            start: first,
        } => {
            let paths: Vec<String> = over.iter().map(print_path).collect();
            let over = match paths.is_empty() {
                true => String::new(),
                false => format!("({})", paths.join(", ")),
            };
            let domain = domain
                .as_ref()
                .map_or(String::new(), |d| format!(" in {}", print_domain(d)));
            let pins: Vec<String> = (given.iter())
                .map(|(p, e)| format!("{} = {}", print_path(p), print_expr(e)))
                .collect();
            let given = match pins.is_empty() {
                true => String::new(),
                false => format!(" given {}", pins.join(", ")),
            };
            format!(
                "forward price {}{over}{domain} = {}{given}{}",
                name.text,
                print_expr(value),
                start(first)
            )
        }
        StmtKind::Give { target, value } => {
            format!("give {} = {}", print_path(target), print_expr(value))
        }
        StmtKind::GivePort(ports) => format!("give {}", names(ports)),
        StmtKind::Offer(ports) => format!("offer {}", names(ports)),
        StmtKind::Transition { target, value } => {
            format!("{} = {}", print_path(target), print_expr(value))
        }
        StmtKind::StartOf { target, value } => {
            format!("start {} = {}", print_expr(target), start_value(value))
        }
        StmtKind::Observe { items, when } => {
            let items: Vec<String> = items
                .iter()
                .map(|item| match item {
                    ObserveItem::All(_) => "all".into(),
                    ObserveItem::Value(expr) => print_expr(expr),
                    ObserveItem::Signal { name, dist } => {
                        format!("{} ~ {}", name.text, print_expr(dist))
                    }
                })
                .collect();
            let when = when
                .as_ref()
                .map_or(String::new(), |c| format!(" when {}", print_expr(c)));
            format!("observe {}{when}", items.join(", "))
        }
        StmtKind::Reward(value) => format!("reward {}", print_expr(value)),
        StmtKind::Discount(value) => format!("discount {}", print_expr(value)),
        StmtKind::Horizon(value) => format!("horizon {}", print_expr(value)),
        StmtKind::End { when, paying, then } => {
            let paying = paying
                .as_ref()
                .map_or(String::new(), |p| format!(", paying {}", print_expr(p)));
            let then = match then {
                Some(EndThen::Restart) => ", then restart",
                Some(EndThen::Leave) => ", then leave",
                None => "",
            };
            format!("end when {}{paying}{then}", print_expr(when))
        }
        StmtKind::Require { condition, otherwise } => {
            let otherwise = match otherwise {
                None => String::new(),
                Some(RequireElse::Penalty(value)) => {
                    format!(" else penalty({})", print_expr(value))
                }
                Some(RequireElse::Clamp(Some(name))) => format!(" else clamp {}", name.text),
                Some(RequireElse::Clamp(None)) => " else clamp".into(),
                Some(RequireElse::Project) => " else project".into(),
                Some(RequireElse::End) => " else end".into(),
            };
            format!("require {}{otherwise}", print_expr(condition))
        }
        StmtKind::Policy { action, rule } => {
            let rule = match rule {
                PolicyRule::Random => "random".into(),
                PolicyRule::Rule(value) => print_expr(value),
            };
            match action {
                Some(action) => format!("policy {} = {rule}", lhs(action)),
                None => format!("policy {rule}"),
            }
        }
        StmtKind::MarketUse { name, def, args, among } => {
            let parties: Vec<String> = among.iter().map(party).collect();
            let among = if parties.is_empty() {
                String::new()
            } else {
                format!(" among {}", parties.join(", "))
            };
            format!("market {} = {}({}){among}", name.text, def.text, arguments(args))
        }
        StmtKind::Stages(stages) => format!("stages {}", names(stages)),
        // Printed line by line by the caller.
        StmtKind::Agent { .. }
        | StmtKind::Kind { .. }
        | StmtKind::Group { .. }
        | StmtKind::Market { .. }
        | StmtKind::MarketDef { .. }
        | StmtKind::Role { .. }
        | StmtKind::Scenario { .. }
        | StmtKind::Settings { .. } => String::new(),
    }
}

fn party(party: &Among) -> String {
    let role = party.role.as_ref().map_or(String::new(), |r| format!("{}: ", r.text));
    let agents: Vec<String> = party
        .agents
        .iter()
        .map(|(agent, ports)| {
            if ports.is_empty() {
                return agent.text.clone();
            }
            let ports: Vec<String> = ports
                .iter()
                .map(|(port, value)| format!("{}: {}", port.text, print_expr(value)))
                .collect();
            format!("{}({})", agent.text, ports.join(", "))
        })
        .collect();
    format!("{role}{}", agents.join(" + "))
}

fn scenario_item(item: &ScenarioItem) -> String {
    match item {
        ScenarioItem::Start { target, value, .. } => {
            format!("start {} = {}", print_path(target), print_expr(value))
        }
        ScenarioItem::Path { target, value, .. } => {
            format!("path {} = {}", print_path(target), print_expr(value))
        }
        ScenarioItem::Force { target, value, at, .. } => {
            let at = match at {
                None => String::new(),
                Some((from, None)) => format!(" at {}", print_expr(from)),
                Some((from, Some(to))) => format!(" at {}..{}", print_expr(from), print_expr(to)),
            };
            format!("force {} = {}{at}", print_path(target), print_expr(value))
        }
        ScenarioItem::Param { name, drawn, value, .. } => {
            let sign = if *drawn { "~" } else { "=" };
            format!("param {} {sign} {}", name.text, print_expr(value))
        }
        ScenarioItem::Periods { value, .. } => format!("periods {}", print_expr(value)),
    }
}
