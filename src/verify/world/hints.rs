//! What to write for a more exact solution: more nodes than there were, of whatever stands for something continuous.

use super::Bench;
use crate::check::Model;
use crate::check::model::{Family, Process, Setting};

/// Most nodes that settings take, of a chain and of a rule of integration.
const MOST: usize = 1000;
/// Most states of a chain that are proposed: they multiply the nodes of the grid.
const LINKS: usize = 400;
/// Nodes of a rule that is proposed at least.
const NODES: usize = 15;

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// What the file says about a name, as it is written there.
fn said(model: &Model, family: &str, name: &str) -> Option<String> {
    let settings = model.solve_settings()?;
    let setting = settings
        .get(&format!("{family}.{name}"))
        .or_else(|| settings.get(&format!("{family}.{}", last(name))))?;
    Some(format!("{family}.{} = {}", last(name), written(setting)))
}

/// The grid of a state with so many nodes, in the shape and over the range that the file gives it.
fn grid(model: &Model, name: &str, nodes: usize) -> String {
    let settings = model.solve_settings();
    let said = settings.and_then(|s| {
        let full = s.get(&format!("grid.{name}"));
        full.or_else(|| s.get(&format!("grid.{}", last(name))))
    });
    match said {
        Some(Setting::Call(f, args)) if !args.is_empty() => {
            let mut args = args.clone();
            args.pop();
            args.push(Setting::Number(nodes as f64));
            written(&Setting::Call(f.clone(), args))
        }
        Some(_) | None => format!("{nodes}"),
    }
}

fn written(s: &Setting) -> String {
    let all = |list: &[Setting]| list.iter().map(written).collect::<Vec<_>>().join(", ");
    match s {
        Setting::Number(x) => format!("{x}"),
        Setting::Bool(b) => format!("{b}"),
        Setting::Word(w) => w.clone(),
        Setting::Text(t) => format!("\"{t}\""),
        Setting::List(list) => format!("[{}]", all(list)),
        Setting::Call(f, args) => format!("{f}({})", all(args)),
        Setting::Range(lo, hi) => format!("{lo}..{hi}"),
    }
}

/// What to change: whatever is continuous and stands on nodes, by its name, with more nodes than it has; what the file fixes is named first.
pub fn cause(bench: &Bench) -> String {
    let model = bench.model;
    let nodes_of = |name: &str| {
        let own = |d: &&crate::solve::decision::Discretised| {
            d.name == name || d.name.starts_with(&format!("{name}[")) || d.name == format!("{name} (standard)")
        };
        bench.discretised.iter().find(own)
    };
    let finite = |f: Family| matches!(f, Family::Bernoulli | Family::Discrete | Family::UniformInt);
    let mut ways: Vec<(bool, String)> = Vec::new();
    let mut propose = |family: &str, name: &str, what: &str, setting: String| {
        let way = format!("{what}: {family}.{} = {setting}", last(name));
        match said(model, family, name) {
            Some(now) => ways.push((true, format!("{way} (fixed at {now})"))),
            None => ways.push((false, way)),
        }
    };
    let mut seen = Vec::new();
    for s in &bench.seat.shocks {
        let shock = &model.shocks[s.shock];
        if seen.contains(&s.shock) {
            continue;
        }
        seen.push(s.shock);
        let links = s.values.len();
        match &shock.process {
            Process::Ar1 { rho, .. } => {
                let more = (2 * links + 1)
                    .min(2 * crate::chance::chain::fine_states(*rho) + 1)
                    .max(links + links / 2);
                if links > 1 && more <= LINKS {
                    propose(
                        "chain",
                        &shock.name,
                        "more chain states",
                        format!("farmer_toda({more})"),
                    );
                }
            }
            Process::Iid(d) if !finite(d.family) => {
                let more = (2 * links).max(60);
                if links > 1 && more <= LINKS {
                    propose("chain", &shock.name, "more states", format!("{more}"));
                }
            }
            Process::Iid(_) | Process::Chain { .. } | Process::RandomWalk { .. } | Process::Var1 { .. } => {}
        }
    }
    for n in model.noises.iter().filter(|n| !finite(n.family)) {
        let Some(now) = nodes_of(&n.name) else { continue };
        let more = (2 * now.links).max(NODES);
        if more <= MOST {
            propose("quadrature", &n.name, "more quadrature nodes", format!("{more}"));
        }
    }
    for state in bench.solution.states.iter().filter(|s| !s.integer) {
        let bare = state.name.split('[').next().unwrap_or(&state.name);
        if bench
            .solution
            .states
            .iter()
            .find(|s| s.name.split('[').next() == Some(bare))
            .map(|s| &s.name)
            == Some(&state.name)
        {
            propose(
                "grid",
                bare,
                "a finer or wider grid",
                grid(model, bare, 2 * state.nodes.len()),
            );
        }
    }
    if ways.is_empty() {
        return "please report this model: nothing in it is approximated, so the solver is wrong".into();
    }
    // What the file fixes comes first: the rest has been made finer already where that helps.
    ways.sort_by_key(|(fixed, _)| !fixed);
    let ways: Vec<String> = ways.into_iter().map(|w| w.1).collect();
    ways.join("; or ")
}
