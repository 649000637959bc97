//! Prices that the file states (`solve { given.r = 0.03 }`): everybody takes them at that value, and what the rule or the market
//! would make of them is kept under a name of its own.

use crate::check::model::{Model, Named, Setting};
use crate::diag::{Diagnostic, Span};
use crate::graph::NodeId;
use crate::graph::cut::{Stand, cut};

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
/// together; and for a number outside the domain of a price that clears.
pub fn applied(mut model: Model) -> Result<(Model, Vec<Diagnostic>), Diagnostic> {
    let stated = stated(&model)?;
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
    for s in &stated {
        let price = &model.prices[s.price];
        let domain = model.graph.nodes[price.node.0 as usize].domain;
        if price.clears && !domain.contains(s.value) {
            return Err(Diagnostic::error(
                "E0834",
                format!("{} is outside the domain of `{}`", short(s.value), price.name),
            )
            .at(s.span, "stated here")
            .and(price.span, format!("from {} to {}", short(domain.lo), short(domain.hi)))
            .hint("state a price of its domain, or widen the domain"));
        }
    }
    let fixed: Vec<(NodeId, Stand)> = (stated.iter())
        .map(|s| (model.prices[s.price].node, Stand::Number(s.value)))
        .collect();
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
    let before = model.names.len();
    for (s, implied) in stated.iter().zip(&done.implied) {
        let price = model.prices[s.price].clone();
        let (name, what) = if price.clears {
            (format!("{}_excess", price.name), "demand less supply")
        } else {
            (format!("{}_implied", price.name), "what its rule then gives")
        };
        // What a life is worth is known to a solution only.
        let worth = done.graph.reads_entry_value([*implied]);
        let warning = Diagnostic::warning(
            "W0834",
            format!(
                "`{}` is taken as given at {}: partial equilibrium",
                price.name,
                short(s.value)
            ),
        )
        .at(s.span, "stated here");
        let warning = match worth {
            false => warning.note(format!("`{name}` is {what}; `econc simulate` shows it")),
            true => warning,
        };
        warnings.push(
            warning.hint("an equilibrium has the price that comes out: remove the line to have the market say it"),
        );
        if worth {
            continue;
        }
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
            doc: format!("{what}, at {} = {}", price.name, short(s.value)),
            span: price.span,
        };
        model.names.push(named);
    }
    // The new names already carry numbers of the new graph.
    let new = model.names.split_off(before);
    model.graph = done.graph;
    model.renumber(&done.map);
    for n in &mut model.names {
        n.phase = n.phase.min(model.graph.nodes[n.node.0 as usize].phase);
        if stated.iter().any(|s| model.prices[s.price].name == n.name) {
            n.depends_on.clear();
        }
    }
    model.names.extend(new);
    forget(&mut model, &stated.iter().map(|s| s.price).collect::<Vec<usize>>());
    Ok((model, warnings))
}

/// A model with some of its prices held at numbers.
pub struct AtPrices {
    /// The model, whose readers of these prices read the numbers.
    pub model: Model,
    /// Names of the prices, one per price.
    pub names: Vec<String>,
    /// Whether each clears a market, one per price.
    pub clears: Vec<bool>,
    /// What is left over of each market at its price (demand less supply), or what the rule of the price then gives; one node per price.
    pub implied: Vec<NodeId>,
    /// (price of the model that was cut, number), one per price.
    pub at: Vec<(usize, f64)>,
}

/// A model with prices held at numbers: `(number among the model's prices, value)` each.
///
/// # Errors
/// E0834 where a price clears together with others that are not held.
pub fn at_prices(model: &Model, prices: &[(usize, f64)]) -> Result<AtPrices, Diagnostic> {
    let fixed: Vec<(NodeId, Stand)> = (prices.iter())
        .map(|(p, x)| (model.prices[*p].node, Stand::Number(*x)))
        .collect();
    let done = cut(&model.graph, &fixed).map_err(|place| {
        let price = &model.prices[prices[place].0];
        Diagnostic::error(
            "E0834",
            format!("`{}` clears together with prices that are not held", price.name),
        )
        .at(price.span, "held alone")
        .hint("let one market clear with one price, or let all of them be taken as given")
    })?;
    let mut out = model.clone();
    out.graph = done.graph;
    out.renumber(&done.map);
    forget(&mut out, &prices.iter().map(|p| p.0).collect::<Vec<usize>>());
    Ok(AtPrices {
        model: out,
        names: prices.iter().map(|(p, _)| model.prices[*p].name.clone()).collect(),
        clears: prices.iter().map(|(p, _)| model.prices[*p].clears).collect(),
        implied: done.implied,
        at: prices.to_vec(),
    })
}

/// A number as a message shows it.
fn short(x: f64) -> String {
    if x != 0.0 && x.is_finite() && !(1e-6..1e15).contains(&x.abs()) {
        format!("{x:e}")
    } else {
        x.to_string()
    }
}

/// Turns prices (numbers of the model's prices) into constants: no rule or market determines them any more, and schedules of them become
/// plain actions.
pub(in crate::solve) fn forget(model: &mut Model, prices: &[usize]) {
    let gone = |p: usize| prices.contains(&p);
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

/// What `solve { given.NAME = .. }` states. The checker has seen that names and numbers are right; what is typed behind `--set`
/// takes the place of what the file says.
///
/// # Errors
/// E0834 for a name that several prices have, and for a price that is stated under two names.
fn stated(model: &Model) -> Result<Vec<Stated>, Diagnostic> {
    let mut out: Vec<Stated> = Vec::new();
    let entries = model.solve_settings().map_or(&[][..], |s| &s.entries);
    for (key, value, span) in entries {
        let (Some(target), Setting::Number(value)) = (key.strip_prefix("given."), value) else {
            continue;
        };
        let prices = || model.prices.iter().enumerate();
        let exact = prices().find(|(_, p)| p.name == target).map(|(i, _)| i);
        let last: Vec<usize> = prices()
            .filter(|(_, p)| p.name.rsplit('.').next() == Some(target))
            .map(|(i, _)| i)
            .collect();
        let price = match (exact, last.as_slice()) {
            (Some(price), _) => price,
            (None, [price]) => *price,
            (None, []) => continue,
            (None, several) => {
                let names: Vec<String> = several
                    .iter()
                    .map(|i| format!("given.{}", model.prices[*i].name))
                    .collect();
                return Err(
                    Diagnostic::error("E0834", format!("several prices are named `{target}`"))
                        .at(*span, "stated here")
                        .hint(format!("say which: {}", names.join(" or "))),
                );
            }
        };
        let typed = |s: Span| s.file >= crate::check::TYPED;
        if let Some(before) = out.iter().find(|s| s.price == price)
            && typed(before.span) == typed(*span)
        {
            return Err(
                Diagnostic::error("E0834", format!("`{}` is stated twice", model.prices[price].name))
                    .at(*span, "stated here")
                    .and(before.span, "and here")
                    .hint("keep one of them"),
            );
        }
        out.retain(|s| s.price != price);
        out.push(Stated {
            price,
            value: *value,
            span: *span,
        });
    }
    Ok(out)
}
