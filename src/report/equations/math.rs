//! Expressions as MathML Core, which browsers show by themselves.
//!
//! Every symbol carries the name it stands for in `data-n` (with `'` for the next period), so that a page can say what it is and a
//! test can read it back.

use super::names::Names;
pub(super) use super::symbols::{Place, words};
use crate::report::text::escape;
use crate::syntax::ast::{Arg, ArrayItem, BinaryOp, Binder, Expr, ExprKind, Path, Range, UnaryOp};

/// Rows or columns of a matrix that are shown.
const MOST_ENTRIES: usize = 12;
/// A product without a sign.
const JOINED: &str = "<mo lspace=\"0\" rspace=\"0.12em\">\u{2062}</mo>";
const TIMES: &str = "<mo>·</mo>";

/// What an operator such as a sum runs over.
struct Over {
    /// Below the operator; may be empty.
    below: String,
    /// Where its body stands.
    place: Place,
    /// The letter, if what it runs over is a continuum.
    continuum: Option<String>,
}

fn in_brackets(inner: &str) -> String {
    format!("<mrow><mo>(</mo>{inner}<mo>)</mo></mrow>")
}

fn without_parens(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Paren(inner) => without_parens(inner),
        _ => expr,
    }
}

impl Names {
    /// An expression.
    pub(super) fn math(&self, expr: &Expr, place: &Place) -> String {
        match &expr.kind {
            ExprKind::Number { value, text } => number(*value, text),
            ExprKind::Bool(value) => words(&value.to_string()),
            ExprKind::Inf => "<mi>∞</mi>".to_string(),
            ExprKind::Continuum => words("a continuum"),
            ExprKind::Text(text) => words(text),
            ExprKind::Path(path) => self.symbol(path, place).shown(),
            ExprKind::Call { name, args } => self.call(&name.text, args, place),
            ExprKind::Reduce { name, binder, body } => {
                let over = self.over_binder(binder, place);
                self.reduced(&name.text, body, &[], &over)
            }
            ExprKind::Solve { concept, args } => {
                let name = format!("solve {}", concept.text);
                self.applied(&name, args, place)
            }
            ExprKind::Array(items) => self.array(items, place),
            ExprKind::Unary { op, arg } => match op {
                UnaryOp::Neg => format!("<mo form=\"prefix\">−</mo>{}", self.math(arg, place)),
                UnaryOp::Plus => self.math(arg, place),
                UnaryOp::Not => format!("<mo form=\"prefix\">¬</mo>{}", self.math(arg, place)),
            },
            ExprKind::Binary { op, lhs, rhs } => self.binary(*op, lhs, rhs, place),
            ExprKind::If { .. } => self.cases(expr, place),
            ExprKind::Range(lo, hi) => {
                format!(
                    "{}<mo>,</mo><mo>…</mo><mo>,</mo>{}",
                    self.math(lo, place),
                    self.math(hi, place)
                )
            }
            ExprKind::Normalize(matrix) => {
                format!("{}{}", words("rows to sum one: "), self.math(matrix, place))
            }
            ExprKind::Paren(inner) => in_brackets(&self.math(inner, place)),
        }
    }

    fn binary(&self, op: BinaryOp, lhs: &Expr, rhs: &Expr, place: &Place) -> String {
        let sign = |sign: &str| {
            // A minus behind an operator stands in brackets.
            let right = match (&rhs.kind, op) {
                (ExprKind::Unary { op: UnaryOp::Neg, .. }, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul) => {
                    in_brackets(&self.math(rhs, place))
                }
                (_, BinaryOp::Mul | BinaryOp::Mod) if is_product(rhs, op) => in_brackets(&self.math(rhs, place)),
                _ => self.math(rhs, place),
            };
            let left = match op {
                BinaryOp::Mul | BinaryOp::Mod if ends_open(lhs) || is_product(lhs, op) => {
                    in_brackets(&self.math(lhs, place))
                }
                _ => self.math(lhs, place),
            };
            format!("{left}{sign}{right}")
        };
        match op {
            BinaryOp::Add => sign("<mo>+</mo>"),
            BinaryOp::Sub => sign("<mo>−</mo>"),
            BinaryOp::Mul => sign(self.times(lhs, rhs)),
            BinaryOp::Mod => sign("<mo lspace=\"0.3em\" rspace=\"0.3em\">mod</mo>"),
            BinaryOp::Eq => sign("<mo>=</mo>"),
            BinaryOp::Ne => sign("<mo>≠</mo>"),
            BinaryOp::Lt => sign("<mo>&lt;</mo>"),
            BinaryOp::Le => sign("<mo>≤</mo>"),
            BinaryOp::Gt => sign("<mo>&gt;</mo>"),
            BinaryOp::Ge => sign("<mo>≥</mo>"),
            BinaryOp::And => sign("<mo lspace=\"0.4em\" rspace=\"0.4em\">∧</mo>"),
            BinaryOp::Or => sign("<mo lspace=\"0.4em\" rspace=\"0.4em\">∨</mo>"),
            BinaryOp::Div if place.inline => {
                let left = self.math(lhs, place);
                let left = if ends_open(lhs) { in_brackets(&left) } else { left };
                format!("{left}<mo>/</mo>{}", self.math(rhs, place))
            }
            BinaryOp::Div => self.fraction(lhs, rhs, place),
            BinaryOp::IntDiv => format!("<mrow><mo>⌊</mo>{}<mo>⌋</mo></mrow>", self.fraction(lhs, rhs, place)),
            BinaryOp::Pow => {
                let above = Place {
                    inline: true,
                    ..place.clone()
                };
                let power = self.math(without_parens(rhs), &above);
                match &lhs.kind {
                    ExprKind::Path(path) => self.symbol(path, place).to(Some(&power)),
                    // The power is of the whole sum, not of what stands in it.
                    kind if matches!(kind, ExprKind::Reduce { .. })
                        || matches!(kind, ExprKind::Call { name, .. } if is_reduction(&name.text)) =>
                    {
                        format!(
                            "<msup>{}<mrow>{power}</mrow></msup>",
                            in_brackets(&self.math(lhs, place))
                        )
                    }
                    _ => format!(
                        "<msup><mrow>{}</mrow><mrow>{power}</mrow></msup>",
                        self.math(lhs, place)
                    ),
                }
            }
        }
    }

    fn fraction(&self, lhs: &Expr, rhs: &Expr, place: &Place) -> String {
        format!(
            "<mfrac><mrow>{}</mrow><mrow>{}</mrow></mfrac>",
            self.math(without_parens(lhs), place),
            self.math(without_parens(rhs), place)
        )
    }

    /// The sign of a product: none where both sides are plainly two things.
    fn times(&self, lhs: &Expr, rhs: &Expr) -> &'static str {
        let word = |e: &Expr| match &e.kind {
            ExprKind::Path(path) => path.segments.last().is_some_and(|s| !self.is_short(&s.name.text)),
            ExprKind::Binary {
                op: BinaryOp::Pow, lhs, ..
            } => match &lhs.kind {
                ExprKind::Path(path) => path.segments.last().is_some_and(|s| !self.is_short(&s.name.text)),
                ExprKind::Number { .. } => true,
                _ => false,
            },
            ExprKind::Number { .. } => true,
            _ => false,
        };
        // What stands beside the sign.
        let left = last_factor(lhs);
        let right = first_factor(rhs);
        let number = matches!(left.kind, ExprKind::Number { .. });
        let name = |e: &Expr| matches!(e.kind, ExprKind::Path(_));
        let called = match &left.kind {
            ExprKind::Path(path) => path.segments.last().is_some_and(|s| self.is_function(&s.name.text)),
            _ => false,
        };
        if word(right) || called || (word(left) && !number) || (number && !name(right) && word(right)) {
            TIMES
        } else {
            JOINED
        }
    }

    fn cases(&self, expr: &Expr, place: &Place) -> String {
        let mut rows = String::new();
        let mut rest = expr;
        while let ExprKind::If {
            condition,
            then,
            otherwise,
        } = &rest.kind
        {
            rows.push_str(&format!(
                "<mtr><mtd><mrow>{}</mrow></mtd><mtd><mrow>{}{}</mrow></mtd></mtr>",
                self.math(without_parens(then), place),
                words("if "),
                self.math(without_parens(condition), place)
            ));
            rest = without_parens(otherwise);
        }
        rows.push_str(&format!(
            "<mtr><mtd><mrow>{}</mrow></mtd><mtd>{}</mtd></mtr>",
            self.math(rest, place),
            words("otherwise")
        ));
        format!("<mrow class=\"cases\"><mo>{{</mo><mtable>{rows}</mtable></mrow>")
    }

    fn array(&self, items: &[ArrayItem], place: &Place) -> String {
        let nested = |item: &ArrayItem| match &without_parens(&item.value).kind {
            ExprKind::Array(row) => Some(row.clone()),
            _ => None,
        };
        let rows: Option<Vec<Vec<ArrayItem>>> = items.iter().map(nested).collect();
        match rows {
            Some(rows) if !rows.is_empty() => {
                let wide = rows.iter().map(Vec::len).max().unwrap_or(0);
                if rows.len() > MOST_ENTRIES || wide > MOST_ENTRIES {
                    return words(&format!("a matrix of {} × {wide}", rows.len()));
                }
                let cell = |item: &ArrayItem| format!("<mtd><mrow>{}</mrow></mtd>", self.math(&item.value, place));
                let row = |row: &Vec<ArrayItem>| format!("<mtr>{}</mtr>", row.iter().map(cell).collect::<String>());
                let rows: String = rows.iter().map(row).collect();
                format!("<mrow><mo>[</mo><mtable>{rows}</mtable><mo>]</mo></mrow>")
            }
            _ => {
                let labelled = items.iter().any(|i| i.label.is_some());
                let shown: Vec<String> = items
                    .iter()
                    .take(MOST_ENTRIES)
                    .map(|item| {
                        let label = item
                            .label
                            .as_ref()
                            .map_or(String::new(), |l| format!("{}<mo>:</mo>", words(&l.text)));
                        format!("{label}{}", self.math(&item.value, place))
                    })
                    .collect();
                let mut inner = shown.join("<mo separator=\"true\">,</mo>");
                if items.len() > MOST_ENTRIES {
                    inner.push_str(&format!(
                        "<mo>,</mo><mo>…</mo>{}",
                        words(&format!(" ({} in all)", items.len()))
                    ));
                }
                let (open, close) = if labelled { ("{", "}") } else { ("(", ")") };
                format!("<mrow><mo>{open}</mo>{inner}<mo>{close}</mo></mrow>")
            }
        }
    }

    /// A call of a function, of an operator over members, of another period.
    fn call(&self, name: &str, args: &[Arg], place: &Place) -> String {
        let only = match args {
            [one] => Some(without_parens(&one.value)),
            _ => None,
        };
        match (name, only) {
            ("sqrt", Some(x)) => format!("<msqrt><mrow>{}</mrow></msqrt>", self.math(x, place)),
            ("abs", Some(x)) => format!("<mrow><mo>|</mo>{}<mo>|</mo></mrow>", self.math(x, place)),
            ("floor", Some(x)) => format!("<mrow><mo>⌊</mo>{}<mo>⌋</mo></mrow>", self.math(x, place)),
            ("ceil", Some(x)) => format!("<mrow><mo>⌈</mo>{}<mo>⌉</mo></mrow>", self.math(x, place)),
            ("last", Some(x)) => self.math(
                x,
                &Place {
                    shift: place.shift - 1,
                    ..place.clone()
                },
            ),
            ("lag" | "last", None) => self.lagged(name, args, place),
            ("others", Some(x)) => {
                let over = self.over_others(x, place);
                format!(
                    "<msub data-call=\"others\">{}<mrow>{}</mrow></msub>",
                    in_brackets(&self.math(x, &over.place)),
                    over.below
                )
            }
            (name, _) if is_reduction(name) && !(matches!(name, "min" | "max") && args.len() > 1) => {
                let Some(first) = args.first() else {
                    return self.applied(name, args, place);
                };
                let body = without_parens(&first.value);
                let over = self.over_all(body, first.over.as_ref().map(|n| n.text.as_str()), place);
                let body = match &body.kind {
                    ExprKind::Call { name, args } if name.text == "others" && args.len() == 1 => &args[0].value,
                    _ => body,
                };
                self.reduced(name, body, &args[1..], &over)
            }
            _ => self.applied(name, args, place),
        }
    }

    fn lagged(&self, name: &str, args: &[Arg], place: &Place) -> String {
        let count = args.get(1).map(|a| without_parens(&a.value));
        match (args, count.map(|c| &c.kind)) {
            ([of, _], Some(ExprKind::Number { value, .. })) if value.fract() == 0.0 && (1.0..1e6).contains(value) => {
                let back = |n: i64| {
                    self.math(
                        &of.value,
                        &Place {
                            shift: place.shift - n,
                            ..place.clone()
                        },
                    )
                };
                match (name, *value as i64) {
                    ("lag", n) => back(n),
                    (_, 1) => back(1),
                    (_, 2) => format!("{}<mo separator=\"true\">,</mo>{}", back(1), back(2)),
                    (_, n) => format!(
                        "{}<mo separator=\"true\">,</mo><mo>…</mo><mo separator=\"true\">,</mo>{}",
                        back(1),
                        back(n)
                    ),
                }
            }
            _ => self.applied(name, args, place),
        }
    }

    /// `f(x, y)`.
    pub(super) fn applied(&self, name: &str, args: &[Arg], place: &Place) -> String {
        let args: Vec<String> = args.iter().map(|a| self.argument(a, place)).collect();
        let shown = match self.is_function(name) {
            true => self.symbol_of(name),
            false => {
                let spaced = escape(&name.replace('_', " "));
                format!("<mi mathvariant=\"normal\" data-n=\"{}\">{spaced}</mi>", escape(name))
            }
        };
        format!(
            "{shown}<mo>\u{2061}</mo><mrow><mo>(</mo>{}<mo>)</mo></mrow>",
            args.join("<mo separator=\"true\">,</mo>")
        )
    }

    fn argument(&self, arg: &Arg, place: &Place) -> String {
        let value = self.math(without_parens(&arg.value), place);
        match &arg.name {
            Some(name) => format!("{}<mo>=</mo>{value}", self.symbol_of(&name.text)),
            None => value,
        }
    }

    /// An operator over members.
    fn reduced(&self, name: &str, body: &Expr, more: &[Arg], over: &Over) -> String {
        let inner = without_parens(body);
        let math = self.math(inner, &over.place);
        let closed = match &inner.kind {
            ExprKind::Binary { op, .. } => {
                matches!(op, BinaryOp::Mul | BinaryOp::Div | BinaryOp::IntDiv | BinaryOp::Pow)
            }
            ExprKind::If { .. } | ExprKind::Unary { .. } | ExprKind::Range(..) => false,
            _ => true,
        };
        let body = if closed { math } else { in_brackets(&math) };
        let below = |sign: &str| match over.below.is_empty() {
            true => sign.to_string(),
            false => format!("<munder>{sign}<mrow>{}</mrow></munder>", over.below),
        };
        match (name, &over.continuum) {
            ("mean", Some(letter)) => format!(
                "<mrow data-call=\"mean\"><mo>∫</mo>{body}<mspace width=\"0.15em\"/><mi mathvariant=\"normal\">d</mi><mi>{letter}</mi></mrow>"
            ),
            ("sum", _) => format!("{}{body}", below("<mo data-call=\"sum\" largeop=\"true\">∑</mo>")),
            ("prod", _) => format!("{}{body}", below("<mo data-call=\"prod\" largeop=\"true\">∏</mo>")),
            _ => {
                let sign = format!("<mo data-call=\"{0}\">{0}</mo>", escape(name));
                let more: String = more
                    .iter()
                    .map(|a| format!("<mo separator=\"true\">,</mo>{}", self.argument(a, &over.place)))
                    .collect();
                let inner = in_brackets(&format!("{}{more}", self.math(inner, &over.place)));
                format!("{}<mo>\u{2061}</mo>{inner}", below(&sign))
            }
        }
    }

    /// What `sum(g in good when ..: ..)` runs over.
    fn over_binder(&self, binder: &Binder, place: &Place) -> Over {
        let var = &binder.var.text;
        let (range, block) = match &binder.over {
            Range::Named(path) => {
                let name = path.segments.last().map_or("", |s| s.name.text.as_str());
                (words(name), self.block_named(name, place.block))
            }
            Range::Span(lo, hi) => (
                format!(
                    "<mrow><mo>{{</mo>{}<mo>,</mo><mo>…</mo><mo>,</mo>{}<mo>}}</mo></mrow>",
                    self.math(lo, place),
                    self.math(hi, place)
                ),
                None,
            ),
        };
        let inside = place.with(var, block);
        let when = binder
            .when
            .as_ref()
            .map_or(String::new(), |c| format!("<mo>:</mo>{}", self.math(c, &inside)));
        Over {
            below: format!("{}<mo>∈</mo>{range}{when}", self.symbol_of(var)),
            // A mean over some of a continuum says whom it is over.
            continuum: block
                .filter(|b| binder.when.is_none() && self.is_continuum(&self.blocks[*b].name))
                .map(|_| var.clone()),
            place: inside,
        }
    }

    /// What `others(..)` runs over.
    fn over_others(&self, body: &Expr, place: &Place) -> Over {
        let mut inside = place.clone();
        let mut below = Vec::new();
        let mut continuum = None;
        for block in self.populations(body, place) {
            if let Some([own, other]) = &self.blocks[block].index {
                below.push(format!("<mi>{other}</mi><mo>≠</mo><mi>{own}</mi>"));
                continuum = self.is_continuum(&self.blocks[block].name).then(|| other.clone());
                inside.bound.push((block, other.clone()));
            }
        }
        Over {
            below: below.join("<mo separator=\"true\">,</mo>"),
            place: inside,
            continuum,
        }
    }

    /// What an operator runs over that names no index: the populations that are named in its body, else the sets of what stands there.
    fn over_all(&self, body: &Expr, set: Option<&str>, place: &Place) -> Over {
        if let ExprKind::Call { name, args } = &body.kind
            && name.text == "others"
            && let [of] = args.as_slice()
        {
            return self.over_others(&of.value, place);
        }
        let mut inside = place.clone();
        let mut below = Vec::new();
        let mut continuum = None;
        let populations = self.populations(body, place);
        let own: Vec<usize> = self.chain(place.block).collect();
        for block in &populations {
            let Some([first, other]) = &self.blocks[*block].index else {
                continue;
            };
            let letter = if own.contains(block) { other } else { first };
            inside.bound.push((*block, letter.clone()));
            below.push(format!(
                "<mi>{letter}</mi><mo>∈</mo>{}",
                words(&self.blocks[*block].name)
            ));
            continuum = self.is_continuum(&self.blocks[*block].name).then(|| letter.clone());
        }
        if below.is_empty() {
            let sets: Vec<String> = match set {
                Some(set) => vec![set.to_string()],
                None => self.sets(body, place),
            };
            for set in sets {
                below.push(format!("<mi>{}</mi><mo>∈</mo>{}", self.letter(&set), words(&set)));
            }
        }
        Over {
            below: below.join("<mo separator=\"true\">,</mo>"),
            place: inside,
            continuum,
        }
    }

    /// The populations whose members an expression names by the population alone: `firm.q`, not `firm[1].q`.
    fn populations(&self, body: &Expr, place: &Place) -> Vec<usize> {
        let mut paths = Vec::new();
        paths_in(body, &mut paths);
        let mut found = Vec::new();
        for path in paths.iter().filter(|p| p.segments.len() > 1) {
            let Some(mut at) = self.head(path, place) else { continue };
            for (i, segment) in path.segments[..path.segments.len() - 1].iter().enumerate() {
                if i > 0 {
                    match self.block_named(&segment.name.text, at) {
                        Some(block) => at = block,
                        None => break,
                    }
                }
                let variable = i == 0 && place.vars.iter().any(|(v, _)| *v == segment.name.text);
                let ranged = i == 0 && self.ranged(&segment.name.text, place.block).is_some();
                let bound = place.bound.iter().any(|(b, _)| *b == at);
                if self.blocks[at].index.is_some()
                    && segment.index.is_empty()
                    && !variable
                    && !ranged
                    && !bound
                    && !found.contains(&at)
                {
                    found.push(at);
                }
            }
        }
        found
    }

    /// The sets that the names of an expression run over, where no index is written.
    fn sets(&self, body: &Expr, place: &Place) -> Vec<String> {
        let mut paths = Vec::new();
        paths_in(body, &mut paths);
        let mut found = Vec::new();
        for path in paths {
            let Some(last) = path.segments.last().filter(|s| s.index.is_empty()) else {
                continue;
            };
            let declared = match path.segments.len() {
                1 => self.home(&last.name.text, place.block).map(|(_, d)| d),
                _ => self.head(path, place).and_then(|b| self.declared(b, &last.name.text)),
            };
            for set in declared.into_iter().flat_map(|d| &d.sets) {
                if !found.contains(set) {
                    found.push(set.clone());
                }
            }
        }
        found
    }
}

/// A number as it was typed.
fn number(value: f64, text: &str) -> String {
    let text = if text.is_empty() {
        value.to_string()
    } else {
        text.replace('_', "\u{2009}")
    };
    match text.split_once(['e', 'E']) {
        Some((digits, power)) if !text.contains("inf") => {
            let power = power.trim_start_matches('+').replace('-', "−");
            format!(
                "<mrow data-number=\"{value}\"><mn>{digits}</mn><mo>·</mo><msup><mn>10</mn><mn>{power}</mn></msup></mrow>"
            )
        }
        _ => format!("<mn>{}</mn>", escape(&text).replace('-', "−")),
    }
}

fn is_reduction(name: &str) -> bool {
    matches!(
        name,
        "sum" | "mean" | "prod" | "min" | "max" | "std" | "quantile" | "argmax" | "count" | "any" | "all"
    )
}

/// Whether what is shown goes on to the right, so that a factor behind it would seem to belong to it.
/// Whether a factor of `op` is a product or a remainder that a reader could take apart otherwise: `a mod b` beside other factors.
fn is_product(factor: &Expr, op: BinaryOp) -> bool {
    match &factor.kind {
        ExprKind::Binary { op: BinaryOp::Mod, .. } => true,
        ExprKind::Binary { op: BinaryOp::Mul, .. } => op == BinaryOp::Mod,
        _ => false,
    }
}

fn ends_open(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Reduce { name, .. } => matches!(name.text.as_str(), "sum" | "prod"),
        ExprKind::Call { name, args } => matches!(name.text.as_str(), "sum" | "prod") && !args.is_empty(),
        ExprKind::If { .. } => true,
        ExprKind::Binary {
            op: BinaryOp::Div | BinaryOp::IntDiv | BinaryOp::Pow,
            ..
        } => false,
        ExprKind::Binary { rhs, .. } => ends_open(rhs),
        ExprKind::Unary { arg, .. } => ends_open(arg),
        _ => false,
    }
}

fn last_factor(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Binary {
            op: BinaryOp::Mul, rhs, ..
        } => last_factor(rhs),
        ExprKind::Unary { arg, .. } => last_factor(arg),
        _ => expr,
    }
}

fn first_factor(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Binary {
            op: BinaryOp::Mul, lhs, ..
        } => first_factor(lhs),
        _ => expr,
    }
}

/// All names in an expression, those of indices and of what binds its own left out.
fn paths_in<'e>(expr: &'e Expr, out: &mut Vec<&'e Path>) {
    match &expr.kind {
        ExprKind::Path(path) => out.push(path),
        ExprKind::Call { name, args } => {
            // An operator inside runs over its own.
            let own = is_reduction(&name.text) && !(matches!(name.text.as_str(), "min" | "max") && args.len() > 1);
            if !own && name.text != "others" {
                args.iter().for_each(|a| paths_in(&a.value, out));
            }
        }
        ExprKind::Unary { arg, .. } => paths_in(arg, out),
        ExprKind::Binary { lhs, rhs, .. } => {
            paths_in(lhs, out);
            paths_in(rhs, out);
        }
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => {
            for part in [condition, then, otherwise] {
                paths_in(part, out);
            }
        }
        ExprKind::Paren(inner) | ExprKind::Normalize(inner) => paths_in(inner, out),
        ExprKind::Array(items) => items.iter().for_each(|i| paths_in(&i.value, out)),
        ExprKind::Range(lo, hi) => {
            paths_in(lo, out);
            paths_in(hi, out);
        }
        ExprKind::Reduce { .. }
        | ExprKind::Solve { .. }
        | ExprKind::Number { .. }
        | ExprKind::Bool(_)
        | ExprKind::Inf
        | ExprKind::Continuum
        | ExprKind::Text(_) => {}
    }
}
