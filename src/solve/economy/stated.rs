//! Prices that the file states (`solve { given.r = 0.03 }`): everybody takes them at that value, and what the rule or the market
//! would make of them is kept under a name of its own.

use crate::check::model::{Model, Named, Setting};
use crate::diag::{Diagnostic, Span};
use crate::graph::NodeId;
use crate::graph::cut::cut;

/// A price that is stated: its number among the model's prices, the value, and where it is said.
struct Stated {
    price: usize,
    value: f64,
    span: Span,
}

/// The model with every price that its settings state at that value, and a warning for each. What the price would be at what
/// everybody then does is `NAME_implied`; of a price that clears a market `NAME_excess`, demand less supply.
///
/// # Errors
/// E0834 for a price that cannot be stated: one that somebody posts, one with a law of its own, one of several that clear
/// together.
pub fn applied(mut model: Model) -> Result<(Model, Vec<Diagnostic>), Diagnostic> {
    let stated = stated(&model);
    if stated.is_empty() {
        return Ok((model, Vec::new()));
    }
    for s in &stated {
        let price = &model.prices[s.price];
        let why = match (price.state, price.owner) {
            (Some(_), _) => Some("it is a state, with a first value and a law of its own"),
            (None, Some(_)) => Some("somebody posts it"),
            (None, None) => None,
        };
        if let Some(why) = why {
            return Err(
                Diagnostic::error("E0834", format!("`{}` cannot be stated: {why}", price.name))
                    .at(s.span, "stated here")
                    .and(price.span, "the price")
                    .hint("state prices that a rule or a market determines; a scenario sets first values and paths"),
            );
        }
    }
    let fixed: Vec<(NodeId, f64)> = stated.iter().map(|s| (model.prices[s.price].node, s.value)).collect();
    let done = cut(&model.graph, &fixed).map_err(|place| {
        let s = &stated[place];
        let others = model
            .prices
            .iter()
            .filter(|p| p.clears && p.name != model.prices[s.price].name);
        let others: Vec<String> = others.map(|p| format!("`given.{} = ..`", p.name)).collect();
        Diagnostic::error(
            "E0834",
            format!(
                "`{}` cannot be stated alone: other prices clear together with it",
                model.prices[s.price].name
            ),
        )
        .at(s.span, "stated here")
        .hint(format!("state all of them: {}", others.join(", ")))
    })?;
    let mut warnings = Vec::new();
    for (s, implied) in stated.iter().zip(&done.implied) {
        let price = model.prices[s.price].clone();
        let (name, what) = if price.clears {
            (format!("{}_excess", price.name), "demand less supply")
        } else {
            (format!("{}_implied", price.name), "what its rule then gives")
        };
        warnings.push(
            Diagnostic::warning(
                "W0834",
                format!("`{}` is taken as given at {}: partial equilibrium", price.name, s.value),
            )
            .at(s.span, "stated here")
            .note(format!("`{name}` is {what}; `econc simulate` shows it"))
            .hint("an equilibrium has the price that comes out: remove the line to have the market say it"),
        );
        let like = model.names.iter().find(|n| n.name == price.name).cloned();
        let node = &done.graph.nodes[implied.0 as usize];
        let named = Named {
            name,
            kind: "let".into(),
            block: like.as_ref().map_or_else(String::new, |n| n.block.clone()),
            node: *implied,
            phase: node.phase,
            shape: like.as_ref().map_or_else(String::new, |n| n.shape.clone()),
            domain: node.domain,
            depends_on: like.map_or_else(Vec::new, |n| n.depends_on),
            doc: format!("{what}, at {} = {}", price.name, s.value),
            span: price.span,
        };
        model.names.push(named);
    }
    // The new names already carry numbers of the new graph.
    let new = model.names.split_off(model.names.len() - stated.len());
    model.graph = done.graph;
    model.renumber(&done.map);
    for n in &mut model.names {
        n.phase = n.phase.min(model.graph.nodes[n.node.0 as usize].phase);
        if stated.iter().any(|s| model.prices[s.price].name == n.name) {
            n.depends_on.clear();
        }
    }
    model.names.extend(new);
    forget(&mut model, &stated);
    Ok((model, warnings))
}

/// Turns stated prices into constants: no rule or market determines them any more, and schedules of them become plain actions.
fn forget(model: &mut Model, stated: &[Stated]) {
    let gone = |p: usize| stated.iter().any(|s| s.price == p);
    let mut next = 0;
    let new: Vec<Option<usize>> = (0..model.prices.len())
        .map(|p| {
            let kept = !gone(p);
            next += usize::from(kept);
            kept.then(|| next - 1)
        })
        .collect();
    for a in &mut model.actions {
        a.given = a.given.iter().filter_map(|p| new[*p]).collect();
    }
    let mut keep = new.iter().map(Option::is_some);
    model.prices.retain(|_| keep.next().unwrap_or(true));
}

/// What `solve { given.NAME = .. }` states. The checker has seen that names and numbers are right.
fn stated(model: &Model) -> Vec<Stated> {
    let mut out: Vec<Stated> = Vec::new();
    let entries = model.solve_settings().map_or(&[][..], |s| &s.entries);
    for (key, value, span) in entries {
        let (Some(target), Setting::Number(value)) = (key.strip_prefix("given."), value) else {
            continue;
        };
        let exact = model.prices.iter().position(|p| p.name == target);
        let last = || {
            model
                .prices
                .iter()
                .position(|p| p.name.rsplit('.').next() == Some(target))
        };
        let Some(price) = exact.or_else(last) else { continue };
        out.retain(|s| s.price != price);
        out.push(Stated {
            price,
            value: *value,
            span: *span,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;

    fn model(text: &str) -> Model {
        let (model, found) = crate::compile(text, &crate::Options::default());
        model.unwrap_or_else(|| panic!("{found:?}"))
    }

    fn value(graph: &Graph, node: NodeId, inputs: &[(&str, f64)]) -> f64 {
        let given: Vec<Vec<f64>> = graph
            .inputs
            .iter()
            .map(|i| {
                let x = inputs
                    .iter()
                    .find(|(name, _)| *name == i.name)
                    .map_or(f64::NAN, |(_, x)| *x);
                vec![x; graph.elements(&i.shape)]
            })
            .collect();
        let values = crate::graph::eval::evaluate(graph, &given).unwrap_or_else(|e| panic!("{e:?}"));
        values.nodes[node.0 as usize][0]
    }

    const RULE: &str = "agent a { action q in [0, 10]; let cost = p * q; reward 4 * q - q^2 - cost }\nmarket m { price p = 1 + a.q / 2 }";
    const CLEARS: &str = "param s = 3\nagent a { action q in [0, 10]; let cost = p * q; reward 4 * q - q^2 - cost }\n\
        market m { price p in [0, 10] clears a.q + 2 - p == s }";

    #[test]
    fn readers_of_a_rule_see_the_number_and_the_rule_is_kept() {
        let m = model(RULE);
        let (price, cost) = (m.prices[0].node, m.find("cost").expect("cost").node);
        let c = cut(&m.graph, &[(price, 7.0)]).unwrap_or_else(|i| panic!("{i}"));
        let at = |node: NodeId| value(&c.graph, node, &[("a.q", 2.0)]);
        assert_eq!(at(c.map[cost.0 as usize]), 14.0);
        assert_eq!(at(c.map[price.0 as usize]), 7.0);
        assert_eq!(at(c.implied[0]), 2.0);
    }

    #[test]
    fn of_a_market_that_clears_the_excess_is_kept_and_the_root_goes() {
        let m = model(CLEARS);
        let (price, cost) = (m.prices[0].node, m.find("cost").expect("cost").node);
        let c = cut(&m.graph, &[(price, 7.0)]).unwrap_or_else(|i| panic!("{i}"));
        assert!(c.graph.roots.is_empty() && m.graph.roots.len() == 1);
        let at = |node: NodeId| value(&c.graph, node, &[("a.q", 2.0)]);
        assert_eq!(at(c.map[cost.0 as usize]), 14.0);
        assert_eq!(at(c.implied[0]), 2.0 + 2.0 - 7.0 - 3.0);
    }
}
