//! Whether a run that a command reads (`--policy`, `--solution`, `--against`, `--others`) is one of the same economy.
//!
//! A policy is read by names. Two economies may share names and mean other things by them, so what is compared is everything
//! that a policy is about: agents, states, shocks and actions with what may be chosen. Other parameter values or equations are another
//! economy, too, unless the command line says that they are meant (`--other-parameters`).

use super::compiled::compile;
use super::results::is_training;
use super::source::Source;
use crate::check::Model;
use crate::check::errors::interval;
use crate::check::model::{Action, Space};
use crate::diag::Diagnostic;
use crate::graph::{Graph, Interval, NodeId};
use crate::report::store::CompleteRun;
use crate::solve::forward;
use std::collections::BTreeMap;
use std::path::Path;

/// Most differences that are listed.
const SHOWN: usize = 6;

/// What a run is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Its policy is played; it may have been made with other parameters where the command line says so.
    Play {
        /// `--other-parameters`
        others: bool,
    },
    /// It is what others are measured by, so it must be of this very economy.
    Measure,
}

/// Warnings about what differs between the economy of a run and this one; none if they are the same. `option` is how the run was named.
///
/// # Errors
/// E0818 if it is another economy, E0819 if it has other parameters or equations.
pub(super) fn compared(
    model: &Model,
    run: &CompleteRun,
    option: &str,
    read_for: Use,
) -> Result<Vec<Diagnostic>, Diagnostic> {
    let source = Source {
        name: run.manifest.model.clone(),
        text: String::from_utf8(run.read("model.econ")?).unwrap_or_default(),
    };
    // The number of members that stand for a continuum is not compared.
    let members = model.graph.axes.iter().find(|a| a.continuum).map(|a| a.size);
    let (there, _) = compile(&source, &run.manifest.overrides, members);
    // A file that this version does not read any more: what reads the policy says what is missing.
    let Some(mut there) = there.map(|c| c.model) else {
        return Ok(Vec::new());
    };
    // Where prices look ahead, the functions of a solution stand for them on both sides or on neither.
    if !model.ahead.found.is_empty()
        && let Ok(closed) = forward::closed(&there, &model.ahead.found)
    {
        there = closed;
    }
    let mut differ: Vec<String> = Vec::new();
    for (what, own, others) in [
        ("agents", agents(model), agents(&there)),
        ("states", states(model), states(&there)),
        ("shocks", shocks(model), shocks(&there)),
        ("actions", actions(model), actions(&there)),
    ] {
        if own != others {
            differ.push(format!("{what} there: {}; here: {}", listed(&others), listed(&own)));
        }
    }
    // What networks see and choose is scaled by the ends of domains and bounds.
    if differ.is_empty() && is_training(run) {
        differ = ends(model, &there);
    }
    let place = shown(&run.directory);
    if !differ.is_empty() {
        let mut d = Diagnostic::error("E0818", format!("the run in `{place}` is of another economy"));
        for line in differ {
            d = d.note(line);
        }
        return Err(d.hint(format!(
            "name a run of this model after {option}, or run the model it was made of: {place}/model.econ"
        )));
    }
    let mut lines = numbers(model, &there);
    let valued = !lines.is_empty();
    lines.extend(ends(model, &there));
    if lines.is_empty() {
        lines.extend(
            changed(model, &there)
                .into_iter()
                .map(|what| format!("{what} has changed")),
        );
    }
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let accepted = read_for == Use::Play { others: true };
    let headline = format!("the run in `{place}` was made of a model that differs from this one");
    let mut d = match accepted {
        true => Diagnostic::warning("W0818", headline),
        false => Diagnostic::error("E0819", headline),
    };
    for line in lines.iter().take(SHOWN) {
        d = d.note(line.clone());
    }
    if lines.len() > SHOWN {
        d = d.note(format!("and {} more", lines.len() - SHOWN));
    }
    let typed: Vec<String> = there
        .params
        .iter()
        .filter(|q| q.values.len() == 1 && model.params.iter().any(|p| p.name == q.name && p.values != q.values))
        .map(|q| format!("--set {}={}", q.name, q.values[0]))
        .collect();
    let repeat = match typed.as_slice() {
        [] => "run the model again".to_string(),
        _ if !valued => "run the model again".to_string(),
        typed => format!(
            "run the model again, or take the values of the run: {}",
            typed.join(" ")
        ),
    };
    if accepted {
        return Ok(vec![d.hint(
            "its policy is used as it stands; run the model again to have one of this model",
        )]);
    }
    Err(match read_for {
        Use::Play { .. } => d.hint(format!(
            "{repeat}; `--other-parameters` plays the policy in this economy all the same"
        )),
        Use::Measure => d
            .note(format!(
                "what {option} names must be exact for this economy, and it is exact for the other one"
            ))
            .hint(repeat),
    })
}

fn shown(directory: &Path) -> String {
    directory.display().to_string()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_string();
    }
    names.join(", ")
}

fn agents(m: &Model) -> Vec<String> {
    sorted(m.agents.iter().map(|a| a.name.clone()).collect())
}

fn states(m: &Model) -> Vec<String> {
    let kind = |s: &crate::check::model::State| if s.domain.integer { " (whole)" } else { "" };
    sorted(m.states.iter().map(|s| format!("{}{}", s.name, kind(s))).collect())
}

fn shocks(m: &Model) -> Vec<String> {
    sorted(m.shocks.iter().map(|s| s.name.clone()).collect())
}

/// Actions with what may be chosen; ends may differ.
fn actions(m: &Model) -> Vec<String> {
    let kind = |a: &crate::check::model::Action| match &a.space {
        Space::Interval { .. } => "a number".to_string(),
        Space::Integer { .. } => "a whole number".to_string(),
        Space::Finite { labels, .. } => labels.join("|"),
        Space::Simplex(_) => "shares".to_string(),
    };
    sorted(m.actions.iter().map(|a| format!("{} ({})", a.name, kind(a))).collect())
}

/// Ends of domains and bounds that are numbers and differ, old and new, one per line.
fn ends(here: &Model, there: &Model) -> Vec<String> {
    let mut out = Vec::new();
    let mut line = |name: &str, own: Interval, other: Interval| {
        if own != other {
            out.push(format!("{name} in {} there, {} here", interval(other), interval(own)));
        }
    };
    for s in &here.states {
        if let Some(o) = there.states.iter().find(|o| o.name == s.name) {
            line(&s.name, s.domain, o.domain);
        }
    }
    for a in &here.actions {
        let other = there.actions.iter().find(|o| o.name == a.name);
        if let Some((own, other)) = fixed_bounds(here, a).zip(other.and_then(|o| fixed_bounds(there, o))) {
            line(&a.name, own, other);
        }
    }
    out
}

/// The interval an action is chosen from, where its bounds do not move.
fn fixed_bounds(m: &Model, a: &Action) -> Option<Interval> {
    let (lo, hi, lo_open, hi_open, integer) = match &a.space {
        Space::Interval {
            lo,
            hi,
            lo_open,
            hi_open,
        } => (lo, hi, *lo_open, *hi_open, false),
        Space::Integer { lo, hi } => (lo, hi, false, false, true),
        Space::Finite { .. } | Space::Simplex(_) => return None,
    };
    let point = |n: &crate::graph::NodeId| m.graph.nodes[n.0 as usize].domain.as_point();
    Some(Interval {
        lo: point(lo)?,
        hi: point(hi)?,
        lo_open,
        hi_open,
        integer,
    })
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// Parameters that differ, one per line.
fn numbers(here: &Model, there: &Model) -> Vec<String> {
    let text = |v: &[f64]| match v {
        [x] => x.to_string(),
        v => format!("{v:?}"),
    };
    let mut out = Vec::new();
    for p in &here.params {
        match there.params.iter().find(|q| q.name == p.name) {
            Some(q) if q.values == p.values => {}
            Some(q) => out.push(format!(
                "{}: {} there, {} here",
                p.name,
                text(&q.values),
                text(&p.values)
            )),
            None => out.push(format!("{}: not there, {} here", p.name, text(&p.values))),
        }
    }
    let gone = there
        .params
        .iter()
        .filter(|q| !here.params.iter().any(|p| p.name == q.name));
    out.extend(gone.map(|q| format!("{}: {} there, not here", q.name, text(&q.values))));
    out
}

/// The parts of one period that differ, in words. Settings, scenarios, first values and places in the file do not count: a policy
/// does not depend on them.
fn changed(here: &Model, there: &Model) -> Vec<String> {
    let (own, other) = (parts(here), parts(there));
    let mut out: Vec<String> = Vec::new();
    for name in own.keys().chain(other.keys()) {
        if own.get(name) != other.get(name) && !out.contains(name) {
            out.push(name.clone());
        }
    }
    out
}

/// Everything that a policy depends on, by name, as hashes of its expressions, whatever else the graph holds.
fn parts(m: &Model) -> BTreeMap<String, Vec<u64>> {
    let hashes = expressions(&m.graph);
    let node = |n: &NodeId| hashes.get(n.0 as usize).copied().unwrap_or(0);
    let text = |t: String| vec![hash_of(&canonical(&m.graph, &t))];
    let mut out = BTreeMap::new();
    for a in &m.agents {
        let of = |what: &str| format!("the {what} of `{}`", a.name);
        out.insert(of("reward"), a.reward.iter().map(node).collect());
        out.insert(of("discount"), a.discount.iter().map(node).collect());
        let rules = a.rules.iter().map(|(i, rule)| {
            let name = m.actions.get(*i).map_or("", |x| x.name.as_str());
            hash_of(&format!("{name} {:?}", rule.as_ref().map(node)))
        });
        out.insert(of("fixed policy"), rules.collect());
        out.insert(of("members"), text(format!("{:?} {}", a.shape, a.mass)));
        let seen = a.observation.iter().map(|o| node(&o.node));
        out.insert(of("observation"), seen.collect());
    }
    for s in &m.states {
        out.insert(format!("the law of `{}`", s.name), vec![node(&s.next)]);
    }
    for s in &m.shocks {
        let law = text(format!("{:?} {:?}", s.process, s.shape));
        out.insert(format!("the process of `{}`", s.name), law);
    }
    for n in &m.noises {
        let outcomes = n.outcomes.iter().flat_map(|(x, p)| [node(x), node(p)]);
        let law = n.args.iter().map(node).chain(outcomes);
        let family = hash_of(&format!("{:?}", n.family));
        out.insert(format!("the chances of `{}`", n.name), law.chain([family]).collect());
    }
    for a in &m.actions {
        let mut bounds = match &a.space {
            Space::Interval {
                lo,
                hi,
                lo_open,
                hi_open,
            } => vec![node(lo), node(hi), u64::from(*lo_open), u64::from(*hi_open)],
            Space::Integer { lo, hi } => vec![node(lo), node(hi)],
            Space::Finite { labels, masks, .. } => {
                let masks = masks.iter().map(|n| n.as_ref().map_or(0, node));
                masks.chain([hash_of(&labels.join("|"))]).collect()
            }
            Space::Simplex(_) => text(format!("{:?}", a.space)),
        };
        bounds.push(hash_of(&format!(
            "{:?} {:?} {} {:?}",
            a.taste, a.grid, a.stage, a.given
        )));
        out.insert(format!("what `{}` may be", a.name), bounds);
    }
    let ends = m.ends.iter().flat_map(|e| {
        let paying = e.paying.as_ref().map_or(0, node);
        [node(&e.condition), paying, hash_of(&format!("{:?}", e.then))]
    });
    out.insert(
        "when it ends".to_string(),
        ends.chain([hash_of(&format!("{:?}", m.horizon))]).collect(),
    );
    let required = m.requires.iter().flat_map(|r| {
        [
            node(&r.slack),
            node(&r.condition),
            hash_of(&format!("{:?}", r.otherwise)),
        ]
    });
    out.insert("what is required".to_string(), required.collect());
    let clears = m.graph.roots.iter().flat_map(|r| {
        let brackets = r.brackets.iter().flat_map(|(lo, hi)| [node(lo), node(hi)]);
        r.residuals.iter().map(node).chain(brackets).collect::<Vec<u64>>()
    });
    out.insert("how markets clear".to_string(), clears.collect());
    for p in &m.ahead.prices {
        let given = p.given.iter().flat_map(|(s, n)| [*s as u64, node(n)]);
        let args = p.args.iter().map(|s| *s as u64);
        let own = [node(&p.body)].into_iter().chain(args).chain(given);
        out.insert(format!("the forward price `{}`", p.name), own.collect());
    }
    out.insert(
        "what is expected".to_string(),
        m.ahead.expects.iter().map(|e| node(&e.of)).collect(),
    );
    out.insert("stages".to_string(), vec![hash_of(&m.stages.join(" "))]);
    out
}

/// A hash of the expression behind each node.
fn expressions(g: &Graph) -> Vec<u64> {
    let mut hashes: Vec<u64> = Vec::with_capacity(g.nodes.len());
    for node in &g.nodes {
        let own = canonical(g, &format!("{:?} {:?}", node.op, node.shape));
        let operands: Vec<Option<u64>> = crate::graph::shape::operands(&node.op)
            .iter()
            .map(|o| hashes.get(o.0 as usize).copied())
            .collect();
        hashes.push(hash_of(&format!("{own} {operands:?}")));
    }
    hashes
}

fn hash_of(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hash = DefaultHasher::new();
    text.hash(&mut hash);
    hash.finish()
}

/// A text with names in place of the numbers of axes and inputs, and without those of nodes: settings, scenarios and first values may shift numbers.
fn canonical(g: &Graph, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("Id(") {
        let (before, after) = rest.split_at(at + "Id(".len());
        out.push_str(before);
        let digits = after.chars().take_while(char::is_ascii_digit).count();
        let number = after[..digits].parse().unwrap_or(usize::MAX);
        if before.ends_with("AxisId(")
            && let Some(axis) = g.axes.get(number)
        {
            out.push_str(&format!("{} {}", axis.name, axis.size));
        }
        if before.ends_with("InputId(")
            && let Some(input) = g.inputs.get(number)
        {
            let kind = format!("{:?}", input.kind);
            out.push_str(&format!(
                "{} {}",
                input.name,
                kind.trim_end_matches(|c: char| !c.is_alphabetic())
            ));
        }
        rest = &after[digits..];
    }
    out + rest
}
