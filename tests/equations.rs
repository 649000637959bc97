//! The model as equations: each statement is there, and what is typeset is read back, as a person reads it, and means what the file says.

use crate::common::root;
use econc::report::equations::{Equations, Row, equations};
use econc::syntax::ast::*;
use econc::syntax::parser::parse;
use econc::{Model, Options};
use std::fs;
use std::path::PathBuf;

/// An element of MathML.
#[derive(Debug, Default)]
struct Element {
    tag: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn all_text(&self) -> String {
        self.text.clone() + &self.children.iter().map(Element::all_text).collect::<String>()
    }
}

fn plain(text: &str) -> String {
    let named = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    named.replace("&#39;", "'").replace("&amp;", "&")
}

/// Reads XML strictly: every element is closed by its own end, every value of an attribute stands in quotes.
fn xml(text: &str) -> Result<Element, String> {
    let mut open = vec![Element::default()];
    let mut rest = text;
    while !rest.is_empty() {
        let at = rest.find('<').unwrap_or(rest.len());
        let (before, after) = rest.split_at(at);
        if before.contains('>') {
            return Err(format!("a bare > in {before}"));
        }
        let bare = before.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "");
        let bare = bare.replace("&quot;", "").replace("&#39;", "");
        if bare.contains('&') {
            return Err(format!("an unknown entity in {before}"));
        }
        open.last_mut().ok_or("too many ends")?.text.push_str(&plain(before));
        if after.is_empty() {
            break;
        }
        let end = after.find('>').ok_or("a tag without an end")?;
        let tag = &after[1..end];
        rest = &after[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let done = open.pop().ok_or("too many ends")?;
            if done.tag != name {
                return Err(format!("</{name}> closes <{}>", done.tag));
            }
            open.last_mut().ok_or("too many ends")?.children.push(done);
            continue;
        }
        let closed = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, mut values) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut element = Element {
            tag: name.to_string(),
            ..Element::default()
        };
        while let Some((key, value)) = values.trim_start().split_once("=\"") {
            let (value, more) = value.split_once('"').ok_or("an attribute without an end")?;
            element.attributes.push((key.to_string(), plain(value)));
            values = more;
        }
        if !values.trim().is_empty() {
            return Err(format!("what is `{values}` in <{tag}>?"));
        }
        match closed {
            true => open.last_mut().ok_or("no element")?.children.push(element),
            false => open.push(element),
        }
    }
    match open.len() {
        1 => open.pop().ok_or_else(String::new),
        _ => Err(format!("<{}> is left open", open[open.len() - 1].tag)),
    }
}

/// What a reader sees, in order.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A number, a name, or what stands for itself (a fraction, a power): as a prefix expression.
    Atom(String),
    Sign(String),
    /// An operator over members; whether over the others alone.
    Over(String, bool),
}

/// The number of children that an element must have; others may have any.
fn arity(tag: &str) -> Option<usize> {
    match tag {
        "msup" | "msub" | "mfrac" | "munder" | "mover" => Some(2),
        "msubsup" => Some(3),
        _ => None,
    }
}

fn tokens(element: &Element, out: &mut Vec<Token>) -> Result<(), String> {
    if arity(&element.tag).is_some_and(|n| n != element.children.len()) {
        return Err(format!("<{}> with {} children", element.tag, element.children.len()));
    }
    if let Some(name) = element.get("data-n") {
        out.push(Token::Atom(match element.tag.as_str() {
            "msubsup" => format!("(^ {name} {})", read(&[&element.children[2]])?),
            _ => name.to_string(),
        }));
        return Ok(());
    }
    if let Some(number) = element.get("data-number") {
        out.push(Token::Atom(number.to_string()));
        return Ok(());
    }
    let child = |i: usize| read(&[&element.children[i]]);
    match element.tag.as_str() {
        "mn" => out.push(Token::Atom(element.text.replace('\u{2009}', ""))),
        "mi" | "mtext" => out.push(Token::Atom(element.text.clone())),
        "mo" => match element.get("data-call") {
            Some(name) => out.push(Token::Over(name.to_string(), false)),
            None => out.push(Token::Sign(element.text.clone())),
        },
        "mfrac" => out.push(Token::Atom(format!("(/ {} {})", child(0)?, child(1)?))),
        "msqrt" => out.push(Token::Atom(format!("(sqrt {})", child(0)?))),
        "msup" => {
            // A reader takes the power of the last thing alone.
            let mut base = Vec::new();
            tokens(&element.children[0], &mut base)?;
            let mut reader = Reader { tokens: &base, at: 0 };
            let thing = reader.atom()?;
            if reader.at != base.len() {
                return Err(format!("a power of several things: {base:?}"));
            }
            out.push(Token::Atom(format!("(^ {thing} {})", child(1)?)));
        }
        "munder" => {
            let name = element.children[0]
                .get("data-call")
                .ok_or("an operator without a name")?;
            out.push(Token::Over(
                name.to_string(),
                element.children[1].all_text().contains('≠'),
            ));
        }
        "msub" if element.get("data-call") == Some("others") => {
            out.push(Token::Atom(format!("(others {})", child(0)?)));
        }
        "mrow" if element.get("data-call") == Some("mean") => {
            // Between the sign and what is integrated over.
            let inner: Vec<&Element> = element.children[1..element.children.len() - 3].iter().collect();
            out.push(Token::Atom(format!("(mean {})", read(&inner)?)));
        }
        "mrow" if element.get("class") == Some("cases") => {
            let rows = &element.children[1].children;
            let mut otherwise = read(&[&rows[rows.len() - 1].children[0]])?;
            for row in rows[..rows.len() - 1].iter().rev() {
                let condition: Vec<&Element> = row.children[1].children[0].children[1..].iter().collect();
                let (condition, then) = (read(&condition)?, read(&[&row.children[0]])?);
                otherwise = format!("(if {condition} {then} {otherwise})");
            }
            out.push(Token::Atom(otherwise));
        }
        "mspace" => {}
        "" | "mrow" | "mtd" => {
            for child in &element.children {
                tokens(child, out)?;
            }
        }
        other => return Err(format!("what is <{other}>?")),
    }
    Ok(())
}

fn read(elements: &[&Element]) -> Result<String, String> {
    let mut found = Vec::new();
    for element in elements {
        tokens(element, &mut found)?;
    }
    let mut reader = Reader { tokens: &found, at: 0 };
    let all = reader.either()?;
    match reader.at == found.len() {
        true => Ok(all),
        false => Err(format!("{all}, and then {:?}", &found[reader.at..])),
    }
}

/// Reads as one learns it at school: powers and fractions first, then products, then sums; a sum over members goes on until the next plus.
struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl Reader<'_> {
    fn sign(&mut self, signs: &[&str]) -> Option<String> {
        match self.tokens.get(self.at) {
            Some(Token::Sign(sign)) if signs.contains(&sign.as_str()) => {
                self.at += 1;
                Some(sign.clone())
            }
            _ => None,
        }
    }

    fn must(&mut self, sign: &str) -> Result<(), String> {
        self.sign(&[sign])
            .map(drop)
            .ok_or_else(|| format!("no {sign} at {} of {:?}", self.at, self.tokens))
    }

    fn chain(
        &mut self,
        signs: &[(&str, &str)],
        deeper: fn(&mut Self) -> Result<String, String>,
    ) -> Result<String, String> {
        let known: Vec<&str> = signs.iter().map(|s| s.0).collect();
        let mut left = deeper(self)?;
        while let Some(sign) = self.sign(&known) {
            let name = signs.iter().find(|s| s.0 == sign).map_or("", |s| s.1);
            left = format!("({name} {left} {})", deeper(self)?);
        }
        Ok(left)
    }

    fn either(&mut self) -> Result<String, String> {
        self.chain(&[("∨", "or")], |r| r.chain(&[("∧", "and")], Self::not))
    }

    fn not(&mut self) -> Result<String, String> {
        match self.sign(&["¬"]) {
            Some(_) => Ok(format!("(not {})", self.not()?)),
            None => self.chain(
                &[
                    ("=", "="),
                    ("≠", "!="),
                    ("<", "<"),
                    ("≤", "<="),
                    (">", ">"),
                    ("≥", ">="),
                ],
                Self::sum,
            ),
        }
    }

    fn sum(&mut self) -> Result<String, String> {
        self.chain(&[("+", "+"), ("−", "-")], Self::product)
    }

    fn product(&mut self) -> Result<String, String> {
        self.chain(
            &[("\u{2062}", "*"), ("·", "*"), ("/", "/"), ("mod", "mod")],
            Self::signed,
        )
    }

    fn signed(&mut self) -> Result<String, String> {
        if self.sign(&["−"]).is_some() {
            return Ok(format!("(neg {})", self.signed()?));
        }
        self.atom()
    }

    fn list(&mut self, close: &str) -> Result<Vec<String>, String> {
        let mut all = vec![self.either()?];
        while self.sign(&[","]).is_some() {
            all.push(self.either()?);
        }
        self.must(close)?;
        Ok(all)
    }

    fn atom(&mut self) -> Result<String, String> {
        for (open, close, name) in [("|", "|", "abs"), ("⌊", "⌋", "floor"), ("⌈", "⌉", "ceil")] {
            if self.sign(&[open]).is_some() {
                let inner = self.either()?;
                self.must(close)?;
                return Ok(format!("({name} {inner})"));
            }
        }
        if self.sign(&["("]).is_some() {
            let all = self.list(")")?;
            return Ok(match all.as_slice() {
                [one] => one.clone(),
                several => format!("(list {})", several.join(" ")),
            });
        }
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Atom(name)) => {
                if self.sign(&["\u{2061}"]).is_some() {
                    self.must("(")?;
                    return Ok(format!("({name} {})", self.list(")")?.join(" ")));
                }
                Ok(name)
            }
            Some(Token::Over(name, others)) => {
                let body = match self.sign(&["\u{2061}"]) {
                    Some(_) => {
                        self.must("(")?;
                        self.list(")")?.join(" ")
                    }
                    None => self.product()?,
                };
                Ok(match others {
                    true => format!("({name} (others {body}))"),
                    false => format!("({name} {body})"),
                })
            }
            other => Err(format!("{other:?} at {} of {:?}", self.at - 1, self.tokens)),
        }
    }
}

/// An expression of the file in the same form; indices and parentheses are left out.
fn meant(e: &Expr) -> String {
    let list = |args: &[Arg]| {
        let all = args.iter().map(|a| match &a.name {
            Some(name) => format!("(= {} {})", name.text, meant(&a.value)),
            None => meant(&a.value),
        });
        all.collect::<Vec<_>>().join(" ")
    };
    match &e.kind {
        ExprKind::Number { value, text } if text.contains(['e', 'E']) => value.to_string(),
        ExprKind::Number { text, .. } => text.replace('_', ""),
        ExprKind::Bool(b) => b.to_string(),
        ExprKind::Inf => "∞".into(),
        ExprKind::Path(path) => {
            let words: Vec<&str> = path.segments.iter().map(|s| s.name.text.as_str()).collect();
            let primed = path.segments.iter().any(|s| s.primed);
            format!("{}{}", words.join("."), if primed { "'" } else { "" })
        }
        ExprKind::Call { name, args } if name.text == "last" && args.len() == 1 => meant(&args[0].value),
        ExprKind::Call { name, args } => format!("({} {})", name.text, list(args)),
        ExprKind::Reduce { name, body, .. } => format!("({} {})", name.text, meant(body)),
        ExprKind::Unary { op, arg } => match op {
            UnaryOp::Neg => format!("(neg {})", meant(arg)),
            UnaryOp::Plus => meant(arg),
            UnaryOp::Not => format!("(not {})", meant(arg)),
        },
        ExprKind::Binary { op, lhs, rhs } => {
            let name = match op {
                BinaryOp::Add => "+",
                BinaryOp::Sub => "-",
                BinaryOp::Mul => "*",
                BinaryOp::Div => "/",
                BinaryOp::Mod => "mod",
                BinaryOp::IntDiv => return format!("(floor (/ {} {}))", meant(lhs), meant(rhs)),
                BinaryOp::Pow => "^",
                BinaryOp::Eq => "=",
                BinaryOp::Ne => "!=",
                BinaryOp::Lt => "<",
                BinaryOp::Le => "<=",
                BinaryOp::Gt => ">",
                BinaryOp::Ge => ">=",
                BinaryOp::And => "and",
                BinaryOp::Or => "or",
            };
            format!("({name} {} {})", meant(lhs), meant(rhs))
        }
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => format!("(if {} {} {})", meant(condition), meant(then), meant(otherwise)),
        ExprKind::Paren(inner) => meant(inner),
        ExprKind::Array(items) => {
            let all: Vec<String> = items.iter().map(|i| meant(&i.value)).collect();
            format!("(list {})", all.join(" "))
        }
        other => panic!("no definition holds {other:?}"),
    }
}

/// All statements of a file that say something of the economy.
fn statements<'s>(body: &'s [Stmt], out: &mut Vec<&'s Stmt>) {
    for stmt in body {
        match &stmt.kind {
            StmtKind::Use { .. } | StmtKind::Scenario { .. } | StmtKind::Settings { .. } => {}
            StmtKind::Agent { body, .. }
            | StmtKind::Kind { body, .. }
            | StmtKind::Group { body, .. }
            | StmtKind::Market { body, .. }
            | StmtKind::MarketDef { body, .. }
            | StmtKind::Role { body, .. } => statements(body, out),
            _ => out.push(stmt),
        }
    }
}

/// What a statement defines, and by what.
fn definition(stmt: &Stmt) -> Option<(String, &Expr)> {
    let last = |path: &Path| {
        let words: Vec<&str> = path.segments.iter().map(|s| s.name.text.as_str()).collect();
        let primed = path.segments.iter().any(|s| s.primed);
        format!("{}{}", words.join("."), if primed { "'" } else { "" })
    };
    match &stmt.kind {
        StmtKind::Let { lhs, value } => Some((lhs.name.text.clone(), value)),
        StmtKind::Price {
            lhs,
            form: PriceForm::Is(value),
            start: None,
            ..
        } => Some((lhs.name.text.clone(), value)),
        StmtKind::Give { target, value } | StmtKind::Transition { target, value } => Some((last(target), value)),
        StmtKind::Fn { name, params, body } => {
            let params: Vec<&str> = params.iter().map(|p| p.text.as_str()).collect();
            Some((format!("({} {})", name.text, params.join(" ")), body))
        }
        _ => None,
    }
}

fn models() -> Vec<(String, String, Model)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join("models"))
        .expect("models")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "econ"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a model");
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let (model, found) = econc::compile(&text, &Options::default());
            (name, text, model.unwrap_or_else(|| panic!("{found:?}")))
        })
        .collect()
}

fn rows(equations: &Equations) -> impl Iterator<Item = &Row> {
    equations.sections.iter().flat_map(|s| &s.rows)
}

/// What is wrong with the equations of a file, and how many of its definitions were read back.
fn faults(source: &str, equations: &Equations) -> (Vec<String>, usize) {
    let (file, _) = parse(source, 0);
    let mut all = Vec::new();
    statements(&file.statements, &mut all);
    let mut faults = Vec::new();
    let mut read_back = 0;
    for row in rows(equations) {
        match xml(&row.math) {
            Err(e) => faults.push(format!("{e}: {}", row.math)),
            Ok(element) => {
                let text = element.all_text();
                if text.trim().is_empty() || text.contains(['*', '^', '_', '"', '\'']) {
                    faults.push(format!("shown as typed: {text}"));
                }
            }
        }
    }
    for stmt in all {
        let from = &source[stmt.span.start as usize..];
        let line = from.lines().next().unwrap_or_default();
        let Some(row) = rows(equations).find(|r| r.of.contains(&stmt.span.start)) else {
            faults.push(format!("not there: {line}"));
            continue;
        };
        let Some((what, value)) = definition(stmt) else {
            continue;
        };
        let wanted = format!("(= {what} {})", meant(value));
        let shown = xml(&row.math).and_then(|e| read(&[&e]));
        match shown {
            Ok(shown) if shown == wanted => read_back += 1,
            Ok(shown) => faults.push(format!("{line}\n  reads {shown}\n  means {wanted}")),
            Err(e) => faults.push(format!("{line}\n  {e}")),
        }
    }
    (faults, read_back)
}

#[test]
fn every_statement_of_every_model_is_typeset_and_means_what_the_file_says() {
    let mut found = String::new();
    let (mut read_back, mut sections) = (0, 0);
    for (name, text, model) in models() {
        let shown = equations(&text, &model, &[]);
        sections += shown.sections.len();
        let (faults, read) = faults(&text, &shown);
        read_back += read;
        for fault in faults {
            found.push_str(&format!("{name}: {fault}\n"));
        }
    }
    assert!(found.is_empty(), "{found}");
    assert!(read_back > 200 && sections > 150, "{read_back} {sections}");
}

#[test]
fn what_is_wrong_in_an_equation_is_seen() {
    let (_, text, model) = models().into_iter().find(|m| m.0 == "growth").expect("growth");
    let right = equations(&text, &model, &[]);
    assert_eq!(faults(&text, &right).0, Vec::<String>::new());
    let law = "<mrow><mo>(</mo><mn>1</mn><mo>−</mo><mrow data-n=\"delta\"><mi>δ</mi></mrow><mo>)</mo></mrow>";
    for (a, b) in [
        (law, law.replace("<mo>(</mo>", "").replace("<mo>)</mo>", "")),
        ("data-n=\"k&#39;\"", "data-n=\"k\"".to_string()),
        ("</msub>", String::new()),
        ("<mo>−</mo>", "<mo>+</mo>".to_string()),
    ] {
        let mut wrong = right.clone();
        let all = wrong.sections.iter_mut().flat_map(|s| &mut s.rows);
        all.for_each(|r| r.math = r.math.replace(a, &b));
        assert!(wrong != right, "{a} is not there");
        assert_ne!(faults(&text, &wrong).0, Vec::<String>::new(), "{a}");
    }
    let mut less = right.clone();
    less.sections[0].rows.remove(0);
    assert_eq!(faults(&text, &less).0.len(), 1);
}

/// Expressions that shipped models do not have.
const AWKWARD: &str = "model awkward
param eta = 2
param x = 3
param half_x = -x / 2
agent firm[3] {
  state k in 0..9, start 1
  action q in [0, 1]
  let a = sum(firm.q + firm.k) * 2 - 1
  let b = 3 * sum(firm.q) * x + sum(firm.q)^2
  let c = k - (x - q) - (k + x)
  let d = x / (q / (k + 1)) / 2
  let e = ((k + 1) / x)^2 * exp(q)^-2
  let f = (1 + k)^(1 / (1 - eta)) + x^(k / x)
  let g = -k^2 * -1 + (-k)^2 - -x
  let h = abs(k - 1) * sqrt(k + x) * floor(k / 2)
  let i = if not (k > 2 and q < 1) or k == 5 then 1 else if k != 3 then 2 else 3
  let j = (if k > 2 then 1 else 0) * x + sum(m in 1..3: m * q + k) * x
  let l = k mod 3 + k div 2 * x + max(k, x, q) + max(firm.q) * 2
  let m = k >= 2 and k <= 3
  let n = prod(firm.q - 1) * (x * k / 2) * 2^3 * (2 * x)^2
  let o = mean(firm.q * k + firm.k) * 1_000.5 * 1e-3 + std(firm.q)
  let p = sum(if firm.k > 2 then firm.q else 1) * x
  k' = min(k + 1, 9)
  reward a + b + c + d + e + f + g + h + i + j + l + n + o + p + (if m then 1 else 0) + half_x
  discount 0.9
}
";

#[test]
fn awkward_expressions_mean_what_the_file_says() {
    let (model, found) = econc::compile(AWKWARD, &Options::default());
    let model = model.unwrap_or_else(|| panic!("{found:?}"));
    let (faults, read_back) = faults(AWKWARD, &equations(AWKWARD, &model, &[]));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(read_back, 16);
}

/// The text of a row that begins with this.
fn shown(source: &str, set: &[(String, String)], begin: &str) -> String {
    let options = Options {
        set: set.to_vec(),
        ..Options::default()
    };
    let (model, found) = econc::compile(source, &options);
    let equations = equations(source, &model.unwrap_or_else(|| panic!("{found:?}")), set);
    let texts: Vec<String> = rows(&equations)
        .map(|r| xml(&r.math).expect("XML").all_text())
        .collect();
    let row = texts.iter().find(|t| t.starts_with(begin));
    row.unwrap_or_else(|| panic!("{begin}: {texts:#?}"))
        .replace('\u{2062}', "")
        .replace('\u{a0}', " ")
}

#[test]
fn letters_dates_members_and_values_are_those_of_the_run() {
    let source = "model m\nparam alpha = 0.3\nparam l_bar = 2\nparam half = alpha / 2\n\
        shock z ~ ar1(rho: 0.9, sigma: 0.01)\n\
        agent firm[3] {\n  state k in (0, 9], start 1\n  action s_now in [0, 1]\n  let y = alpha * k^alpha\n\
        \x20 k' = (1 - alpha) * k + s_now * y\n  observe k, z, others(firm.k), last(s_now)\n  start last(s_now) = 0.1\n\
        \x20 reward log((1 - s_now) * y) + z + k' - mean(others(firm.y))\n  discount 0.9\n}\n\
        market goods { let Q = sum(firm.y) }\n";
    let row = |begin: &str| shown(source, &[], begin);
    assert_eq!(row("α"), "α=0.3");
    assert_eq!(row("l¯"), "l¯=2");
    assert_eq!(row("half"), "half=α2=0.15");
    assert_eq!(row("y"), "yi,t=αki,tα");
    assert_eq!(row("ki,t+1"), "ki,t+1=(1−α)ki,t+snow,i,tyi,t");
    assert_eq!(row("zt+1"), "zt+1=0.9zt+ϵz,t+1,ϵz,t+1∼N(0,0.012)");
    assert_eq!(row("{"), "{ki,t,zt,(kj,t)j≠i,snow,i,t−1}");
    assert_eq!(
        row("Vi,t"),
        "Vi,t=maxsnow,i,t{log\u{2061}((1−snow,i,t)yi,t)+zt+ki,t+1−meanj≠i\u{2061}(yj,t)+0.9𝔼t[Vi,t+1]}"
    );
    assert_eq!(row("Q"), "Qt=∑i∈firmyi,t");
    let set = [("alpha".to_string(), "0.4".to_string())];
    assert_eq!(shown(source, &set, "α"), "α=0.4 (set for this run)");
    assert_eq!(shown(source, &set, "half"), "half=α2=0.2");
}
