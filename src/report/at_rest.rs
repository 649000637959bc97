//! An economy at rest, as [`Content`]: its numbers by name, with sums over members, and what was checked.

use super::content::{Check, Content, NamedTable};
use super::outcome::proof;
use super::table::Table;
use crate::check::Model;
use crate::driver::rest::{AGREE, Judged};
use crate::solve::at_rest::{AtRest, Number, STAYING};

/// The content of a steady state under a concept in words, and how it was judged where it is a game's; `defined`: what the file defines there, name and value.
pub fn of_rest(
    model: &Model,
    concept: &str,
    (rest, judged): (&AtRest, Option<&Judged>),
    defined: &[(String, f64)],
) -> Content {
    let mut names: Vec<String> = Vec::new();
    let mut kinds: Vec<String> = Vec::new();
    let mut values: Vec<f64> = Vec::new();
    let mut row = |name: String, kind: &str, value: f64| {
        names.push(name);
        kinds.push(kind.into());
        values.push(value);
    };
    for n in &rest.numbers {
        let kind = match (n.action, n.members) {
            (false, 1) => "state",
            (true, 1) => "action",
            (false, _) => "state of each",
            (true, _) => "action of each",
        };
        row(n.name.clone(), kind, n.value);
    }
    for (name, sum) in sums(&rest.numbers) {
        row(format!("sum({name})"), "sum over members", sum);
    }
    for (name, value) in &rest.prices {
        row(name.clone(), "price", *value);
    }
    let numbers: Vec<(String, f64)> = names.iter().cloned().zip(values.iter().copied()).collect();
    for (name, value) in defined.iter().filter(|d| numbers.iter().all(|n| n.0 != d.0)) {
        names.push(name.clone());
        kinds.push(
            model
                .names
                .iter()
                .find(|n| n.name == *name)
                .map_or(String::new(), |n| kind_in_words(&n.kind)),
        );
        values.push(*value);
    }
    let facts = vec![
        ("method".to_string(), rest.method.clone()),
        ("concept".into(), concept.into()),
        ("shocks".into(), "at their means".into()),
    ];
    let many = names.len();
    Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: "steady state".into(),
        facts,
        certificate: checks(rest, judged),
        tables: vec![NamedTable {
            stem: "steady_state".into(),
            caption: "Where the economy rests".into(),
            table: Table::new()
                .texts("name", names)
                .texts("what", kinds)
                .numbers("value", values),
            on_screen: many.min(40),
        }],
        numbers,
        diagnostics: rest.elsewhere.clone(),
        ..Content::default()
    }
}

/// The kind of a name as an economist says it.
fn kind_in_words(kind: &str) -> String {
    match kind {
        "let" | "give" => "definition".into(),
        kind => kind.into(),
    }
}

/// Sums of states over members, by name without numbers; of what only one has there is none.
fn sums(numbers: &[Number]) -> Vec<(String, f64)> {
    let mut out: Vec<(String, f64, usize)> = Vec::new();
    for n in numbers.iter().filter(|n| !n.action) {
        let bare = n.name.split('[').next().unwrap_or(&n.name);
        let own = n.members as f64 * n.value;
        match out.iter_mut().find(|o| o.0 == bare) {
            Some(o) => (o.1, o.2) = (o.1 + own, o.2 + n.members),
            None => out.push((bare.to_string(), own, n.members)),
        }
    }
    out.into_iter().filter(|o| o.2 > 1).map(|o| (o.0, o.1)).collect()
}

fn checks(rest: &AtRest, judged: Option<&Judged>) -> Vec<Check> {
    let mut out = Vec::new();
    if let Some(judged) = judged {
        out.push(Check {
            name: "rest of the game on a smaller box of states, distance".into(),
            measured: judged.apart,
            shown: None,
            bound: format!("at most {AGREE:.0e}"),
            pass: Some(judged.apart <= AGREE),
            note: "largest of all states and actions, as a share of one plus their size; the rows below are of lives that begin beside the rest"
                .into(),
        });
        out.extend(judged.proofs.iter().map(proof));
    }
    if !rest.residual.is_nan() {
        out.push(Check {
            name: "conditions of rest, largest residual".into(),
            measured: rest.residual,
            shown: None,
            bound: String::new(),
            pass: None,
            note: "stationarity, first-order and envelope conditions".into(),
        });
    }
    if !rest.gain.is_nan() {
        out.push(Check {
            name: "leaving, largest gain".into(),
            measured: rest.gain,
            shown: None,
            bound: format!("at most {STAYING:.0e}"),
            pass: Some(rest.gain <= STAYING),
            note: "of anything that one could have and do, at shadow prices, as a share of what staying is worth"
                .into(),
        });
    }
    out
}
