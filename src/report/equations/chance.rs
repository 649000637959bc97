//! Laws of shocks and distributions as MathML.

use super::math::{Place, words};
use super::{COMMA, Maker, as_path, bound};
use crate::syntax::ast::*;

impl Maker<'_> {
    /// The law of a shock.
    pub(super) fn shock(&self, lhs: &Lhs, iid: bool, dist: &Expr, given: Option<&Given>, place: &Place) -> String {
        let names = &self.names;
        let inside = bound(lhs, place, names);
        let symbol = names.symbol(&as_path(lhs), &inside).shown();
        let mut next = as_path(lhs);
        if let Some(last) = next.segments.last_mut() {
            last.primed = true;
        }
        let next = names.symbol(&next, &inside).shown();
        // Each shock has an innovation of its own.
        let innovation = format!(
            "<msub><mi>ϵ</mi><mrow>{}<mo separator=\"true\">,</mo><mi>t</mi><mo>+</mo><mn>1</mn></mrow></msub>",
            names.symbol_of(&lhs.name.text)
        );
        let normal = |sd: &str| {
            format!(
                "{COMMA}{innovation}<mo>∼</mo><mi mathvariant=\"normal\">N</mi><mrow><mo>(</mo><mn>0</mn><mo separator=\"true\">,</mo>{sd}<mo>)</mo></mrow>"
            )
        };
        let error = format!("<mo>+</mo>{innovation}");
        if let ExprKind::Call { name, args } = &dist.kind {
            let arg = |word: &str| {
                args.iter()
                    .find(|a| a.name.as_ref().is_some_and(|n| n.text == word))
                    .map(|a| &a.value)
            };
            let first = args.first().filter(|a| a.name.is_none()).map(|a| &a.value);
            let squared = |sd: &Expr| {
                let inner = names.math(sd, &inside);
                match &sd.kind {
                    ExprKind::Number { text, .. } if !text.contains(['e', 'E']) => {
                        format!("<msup><mrow>{inner}</mrow><mn>2</mn></msup>")
                    }
                    _ => format!("<msup><mrow><mo>(</mo>{inner}<mo>)</mo></mrow><mn>2</mn></msup>"),
                }
            };
            match name.text.as_str() {
                "ar1" if arg("sigma").is_some() || arg("sd").is_some() => {
                    let rho = arg("rho").or(first);
                    let rho = rho.map_or(String::new(), |r| self.factor(r, &inside));
                    let law = match arg("mean") {
                        None => format!(
                            "{next}<mo>=</mo>{rho}<mo lspace=\"0\" rspace=\"0.12em\">\u{2062}</mo>{symbol}{error}"
                        ),
                        Some(mean) => {
                            let mean = self.factor(mean, &inside);
                            format!(
                                "{next}<mo>=</mo><mrow><mo>(</mo><mn>1</mn><mo>−</mo>{rho}<mo>)</mo></mrow><mo>·</mo>{mean}<mo>+</mo>{rho}<mo lspace=\"0\" rspace=\"0.12em\">\u{2062}</mo>{symbol}{error}"
                            )
                        }
                    };
                    let spread = match (arg("sigma"), arg("sd")) {
                        (Some(sigma), _) => normal(&squared(sigma)),
                        (None, Some(sd)) => normal(&format!(
                            "<mrow><mo>(</mo><mn>1</mn><mo>−</mo><msup><mrow>{rho}</mrow><mn>2</mn></msup><mo>)</mo></mrow><mo>·</mo>{}",
                            squared(sd)
                        )),
                        (None, None) => String::new(),
                    };
                    return format!("{law}{spread}");
                }
                "random_walk" => {
                    if let Some(sigma) = arg("sigma").or(first) {
                        return format!("{next}<mo>=</mo>{symbol}{error}{}", normal(&squared(sigma)));
                    }
                }
                "markov" if given.is_none() && args.len() == 2 => {
                    return format!(
                        "{symbol}<mo>∈</mo>{}{COMMA}<mi mathvariant=\"normal\">P</mi><mrow><mo>(</mo>{next}<mo>|</mo>{symbol}<mo>)</mo></mrow><mo>=</mo>{}",
                        as_set(&names.math(&args[0].value, &inside)),
                        names.math(&args[1].value, &inside)
                    );
                }
                _ => {}
            }
            if let (Some(given), "markov") = (given, name.text.as_str()) {
                let on: Vec<String> = given.names.iter().map(|n| names.symbol(n, place).shown()).collect();
                let mut math = format!(
                    "{symbol}<mo>∈</mo>{}{COMMA}<mi mathvariant=\"normal\">P</mi><mrow><mo>(</mo>{next}<mo>|</mo>{symbol}<mo>,</mo>{}<mo>)</mo></mrow>",
                    args.first()
                        .map_or(String::new(), |a| as_set(&names.math(&a.value, &inside))),
                    on.join("<mo>,</mo>")
                );
                if let Some(matrix) = args.get(1) {
                    math.push_str(&format!("<mo>=</mo>{}", names.math(&matrix.value, &inside)));
                } else {
                    let rows: Vec<String> = given
                        .table
                        .iter()
                        .map(|row| {
                            let labels: Vec<String> = row.labels.iter().map(|l| words(&l.text)).collect();
                            let scaled = if row.normalize {
                                words(", rows to sum one")
                            } else {
                                String::new()
                            };
                            format!(
                                "<mtr><mtd><mrow>{}</mrow></mtd><mtd><mrow>{}<mo>:</mo>{}{scaled}</mrow></mtd></mtr>",
                                names.math(&row.matrix, &inside),
                                words("if "),
                                labels.join(COMMA)
                            )
                        })
                        .collect();
                    math.push_str(&format!(
                        "<mo>=</mo><mrow class=\"cases\"><mo>{{</mo><mtable>{}</mtable></mrow>",
                        rows.join("")
                    ));
                }
                return math;
            }
        }
        let on = given.map_or(String::new(), |g| {
            let on: Vec<String> = g.names.iter().map(|n| names.symbol(n, place).shown()).collect();
            format!("{}{}", words(" given "), on.join("<mo>,</mo>"))
        });
        let independent = if iid {
            words(" independent over time")
        } else {
            String::new()
        };
        format!("{symbol}<mo>∼</mo>{}{on}{independent}", self.law(dist, &inside))
    }

    /// An expression as one factor of a product.
    pub(super) fn factor(&self, expr: &Expr, place: &Place) -> String {
        let math = self.names.math(expr, place);
        match &expr.kind {
            ExprKind::Number { text, .. } if !text.contains(['e', 'E']) => math,
            ExprKind::Path(_) | ExprKind::Call { .. } | ExprKind::Paren(_) => math,
            _ => format!("<mrow><mo>(</mo>{math}<mo>)</mo></mrow>"),
        }
    }

    /// A distribution.
    pub(super) fn law(&self, dist: &Expr, place: &Place) -> String {
        let names = &self.names;
        if let ExprKind::Call { name, args } = &dist.kind {
            let plain = args.iter().all(|a| a.name.is_none());
            let short = match name.text.as_str() {
                "uniform" if plain => Some("U"),
                "bernoulli" if plain => Some("Bernoulli"),
                _ => None,
            };
            if let Some(short) = short {
                return names.applied(short, args, place);
            }
            if let ("normal", [mean, sd], true) = (name.text.as_str(), args.as_slice(), plain) {
                let spread = match &sd.value.kind {
                    ExprKind::Number { text, .. } if !text.contains(['e', 'E']) => names.math(&sd.value, place),
                    _ => format!("<mrow><mo>(</mo>{}<mo>)</mo></mrow>", names.math(&sd.value, place)),
                };
                return format!(
                    "<mi mathvariant=\"normal\">N</mi><mrow><mo>(</mo>{}<mo separator=\"true\">,</mo><msup><mrow>{spread}</mrow><mn>2</mn></msup><mo>)</mo></mrow>",
                    names.math(&mean.value, place)
                );
            }
        }
        names.math(dist, place)
    }
}

/// A list as a set.
fn as_set(list: &str) -> String {
    match (
        list.strip_prefix("<mrow><mo>(</mo>"),
        list.ends_with("<mo>)</mo></mrow>"),
    ) {
        (Some(rest), true) => format!(
            "<mrow><mo>{{</mo>{}<mo>}}</mo></mrow>",
            rest.trim_end_matches("<mo>)</mo></mrow>")
        ),
        _ => list.to_string(),
    }
}

/// Whether an expression draws.
pub(super) fn has_law(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call { name, args } => {
            let laws = [
                "uniform",
                "normal",
                "lognormal",
                "uniform_int",
                "bernoulli",
                "beta",
                "gumbel",
                "exponential",
                "discrete",
            ];
            laws.contains(&name.text.as_str()) || args.iter().any(|a| has_law(&a.value))
        }
        ExprKind::Binary { lhs, rhs, .. } => has_law(lhs) || has_law(rhs),
        ExprKind::Unary { arg, .. } => has_law(arg),
        ExprKind::Paren(inner) => has_law(inner),
        _ => false,
    }
}
