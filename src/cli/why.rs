//! `econc solve --list` and `econc solve FILE --why`: the methods, and who decides, what each takes as given and which methods fit.

use super::compiled::shown;
use super::globals::Globals;
use super::screen::Screen;
use super::source::Source;
use super::{Exit, Failure};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::driver;
use crate::solve::economy::{Closure, Decider, Deciding, Economy};
use crate::solve::forward;
use crate::solve::methods;
use std::path::Path;

/// Every method with what it does and the keys that it reads.
pub(super) fn list(screen: &Screen) -> Exit {
    if screen.json {
        let all = methods::all().map(
            |m| serde_json::json!({ "method": m.name(), "about": m.about(), "keys": m.keys(), "decide": m.decide() }),
        );
        screen.json(&serde_json::Value::Array(all.collect()));
        return Exit::Fine;
    }
    let one = |m: methods::Any| format!("{}\n    {}\n    keys: {}\n", m.name(), m.about(), m.keys().join(", "));
    screen.text(&methods::all().map(one).collect::<Vec<_>>().join("\n"));
    Exit::Fine
}

/// A method and whether it fits, as it is shown.
struct Fit {
    method: &'static str,
    why_not: Option<String>,
    /// Why it is taken before the others, if it is.
    preferred: Option<&'static str>,
}

/// Explains a model: exit status 0 if a method fits, 1 if none does.
///
/// # Errors
/// A [`Failure`] with the diagnostics of files and options.
pub(super) fn run(
    file: &Path,
    method: Option<&str>,
    concept: Option<&str>,
    information: Option<&str>,
    globals: &Globals,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let source = Source::read(file)?;
    let (compiled, _) = shown(&source, &globals.overrides()?, screen)?;
    let asked = driver::Request {
        method: method.map(str::to_string),
        concept: concept.map(str::to_string),
        information: information.map(str::to_string),
        ..driver::Request::default()
    };
    driver::asked(&asked)?;
    let mut model = compiled.model.as_asked(concept, information);
    if forward::open(&model) {
        // Who decides and what fits does not depend on what the prices are.
        let plan = forward::plan(&model)?;
        model = forward::closed(&model, &forward::first(&model, &plan)?)?;
    }
    let economy = Economy::of(&model)?;
    let (verdicts, not_one) = methods::verdicts(&economy);
    let lone = not_one.is_none();
    let fits: Vec<Fit> = (verdicts.into_iter())
        .map(|v| Fit {
            method: v.method.name(),
            preferred: v.preferred.filter(|_| lone),
            // What is in the way of one problem is said once, below.
            why_not: match (v.method, lone) {
                (methods::Any::One(_), false) => Some("it solves the problem of one who decides".into()),
                _ => v.why_not,
            },
        })
        .collect();
    let refusal = not_one.filter(|_| fits.iter().all(|f| f.why_not.is_some()));
    // A method that is named is taken, whether it fits or not.
    let named = asked
        .method
        .clone()
        .or_else(|| crate::solve::method::word(&model, "method"));
    let fitting = |f: &&Fit| f.why_not.is_none() && named.as_ref().is_none_or(|n| n == f.method);
    let first = fits.iter().filter(fitting).find(|f| f.preferred.is_some());
    let chosen = first.or_else(|| fits.iter().find(fitting)).map(|f| f.method);
    if screen.json {
        screen.json(&as_json(&economy, &fits, refusal.as_ref()));
    } else {
        screen.text(&as_text(&economy, &fits, chosen));
        if let Some(d) = &refusal {
            screen.diagnostics(std::slice::from_ref(d), Some(&source));
        }
    }
    Ok(if chosen.is_some() { Exit::Fine } else { Exit::Fails })
}

fn members(model: &Model, seat: &Decider) -> String {
    let axis = seat.agents.first().and_then(|a| model.agents[*a].axis);
    let continuum = axis.is_some_and(|x| model.graph.axes[x.0 as usize].continuum);
    let all: usize = seat
        .agents
        .iter()
        .map(|a| model.graph.elements(&model.agents[*a].shape))
        .sum();
    match seat.members {
        Deciding::Together if seat.agents.len() > 1 || all > 1 => "all decide as one".into(),
        Deciding::Together => "decides alone".into(),
        Deciding::Representative => "many who do not meet: any one of them".into(),
        Deciding::Each(_) if continuum => "a continuum who meet".into(),
        Deciding::Each(1) => "meets others".into(),
        Deciding::Each(n) => format!("{n} who meet"),
    }
}

/// What the agents of a seat observe, each once.
fn sees<'a>(model: &'a Model, seat: &Decider) -> Vec<&'a str> {
    let mut out: Vec<&str> = Vec::new();
    for o in seat.agents.iter().flat_map(|a| &model.agents[*a].observation) {
        if !out.contains(&o.name.as_str()) {
            out.push(&o.name);
        }
    }
    out
}

/// The stages at which a seat chooses; none where everybody chooses at once.
fn stages<'a>(model: &'a Model, seat: &Decider) -> Vec<&'a str> {
    let actions = seat.agents.iter().flat_map(|a| &model.agents[*a].actions);
    let mut out: Vec<&str> = actions
        .filter_map(|a| model.stages.get(model.actions[*a].stage))
        .map(String::as_str)
        .collect();
    out.dedup();
    if model.stages.len() > 1 { out } else { Vec::new() }
}

fn names<'a>(model: &'a Model, agents: &[usize]) -> Vec<&'a str> {
    agents.iter().map(|a| model.agents[*a].name.as_str()).collect()
}

fn closure(economy: &Economy, price: usize) -> &'static str {
    match economy.closure(price) {
        Closure::Rule => "a rule determines it",
        Closure::Clears => "a market that clears determines it",
        Closure::State => "its law moves it",
    }
}

fn as_text(economy: &Economy, fits: &[Fit], chosen: Option<&str>) -> String {
    let model = economy.model;
    let mut out = format!("concept  {}\n\nwho decides\n", economy.conduct());
    for seat in &economy.seats {
        out.push_str(&format!(
            "  {}: {}\n",
            names(model, &seat.agents).join(", "),
            members(model, seat)
        ));
        let sees = sees(model, seat);
        if !sees.is_empty() {
            out.push_str(&format!("    sees {}\n", sees.join(", ")));
        }
        let stages = stages(model, seat);
        if !stages.is_empty() {
            out.push_str(&format!(
                "    chooses at {}: what was chosen before stands, what is chosen later answers it\n",
                stages.join(", ")
            ));
        } else if !seat.meets.is_empty() {
            out.push_str(&format!(
                "    takes the choices of the others as given: {}\n",
                names(model, &seat.meets).join(", ")
            ));
        }
        for price in &seat.takes {
            out.push_str(&format!(
                "    takes `{}` as given: {}, and the choices of all move it\n",
                model.prices[*price].name,
                closure(economy, *price)
            ));
        }
    }
    if !fits.is_empty() {
        out.push_str("\nmethods\n");
    }
    for f in fits {
        let says = match &f.why_not {
            Some(why) => format!("no: {why}"),
            None if chosen == Some(f.method) => match f.preferred {
                Some(why) => format!("fits, and is taken: {why}"),
                None => "fits, and is taken".into(),
            },
            None => "fits".into(),
        };
        out.push_str(&format!("  {}: {says}\n", f.method));
    }
    out
}

fn as_json(economy: &Economy, fits: &[Fit], refusal: Option<&Diagnostic>) -> serde_json::Value {
    let model = economy.model;
    let seats = economy.seats.iter().map(|s| {
        let takes = s
            .takes
            .iter()
            .map(|p| serde_json::json!({ "price": model.prices[*p].name, "closure": closure(economy, *p) }));
        serde_json::json!({
            "agents": names(model, &s.agents),
            "members": members(model, s),
            "sees": sees(model, s),
            "stages": stages(model, s),
            "takes_as_given": takes.collect::<Vec<_>>(),
            "meets": names(model, &s.meets),
        })
    });
    let methods = fits
        .iter()
        .map(|f| serde_json::json!({ "method": f.method, "fits": f.why_not.is_none(), "why_not": f.why_not }));
    serde_json::json!({
        "concept": economy.concept.word(),
        "seats": seats.collect::<Vec<_>>(),
        "methods": methods.collect::<Vec<_>>(),
        "refusal": refusal,
    })
}
