//! What to write for a more exact solution: more nodes than there were, of whatever stands for something continuous.

use super::trials::{Job, Range, Trials, Worth};
use super::{WorldEvidence, width};
use crate::check::Model;
use crate::check::model::{Family, Process, Setting};
use crate::diag::Diagnostic;

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
pub(crate) fn grid(model: &Model, name: &str, nodes: usize) -> String {
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

/// How close to a place a fixed cost is looked for, as a share of a range, and what counts as one, as a share of the unit of errors.
const BESIDE: f64 = 1e-7;
const FIXED: f64 = 1e-3;
/// How much closer it is looked for again, and the share of it that must be left there.
const CLOSER: f64 = 1e-2;
const STEADY: f64 = 0.5;

/// What to write where choosing any other number than one (nothing, most often) costs something at once, whatever the number: what is best then
/// jumps from place to place, and no grid says where. `None` where nothing is found at visited places.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn fixed_cost(bench: &WorldEvidence, trials: &mut Trials) -> Result<Option<String>, Diagnostic> {
    let visits = &bench.played.visits;
    let ranges = trials.ranges(visits)?;
    let mut largest: Option<(f64, usize, f64)> = None;
    for (c, _) in bench
        .seat
        .choices
        .iter()
        .enumerate()
        .filter(|(_, c)| c.values.is_empty())
    {
        // The number itself, then both numbers beside it, and both much closer to it.
        let mut tried: Vec<(usize, Vec<f64>)> = Vec::new();
        let mut of: Vec<(usize, f64)> = Vec::new();
        for (i, v) in visits.iter().enumerate() {
            let Range::Between(lo, hi) = ranges[i][c] else { continue };
            let step = BESIDE * width(lo, hi, v.actions[c]);
            let mut at: Vec<f64> = [lo, hi, 0.0]
                .into_iter()
                .filter(|x| *x >= lo && *x <= hi && x.is_finite())
                .collect();
            at.dedup();
            for x in at.into_iter().filter(|_| hi > lo) {
                of.push((i, x));
                let near = CLOSER * step;
                let beside = [x - step, x + step, x - near, x + near].map(|y| y.max(lo).min(hi));
                tried.extend([&[x][..], &beside].concat().into_iter().map(|y| {
                    let mut a = v.actions.clone();
                    a[c] = y;
                    (i, a)
                }));
            }
        }
        let jobs: Vec<Job> = tried
            .iter()
            .map(|(visit, actions)| Job { visit: *visit, actions })
            .collect();
        let worth = trials.worth(visits, &jobs, trials.fewest(16))?;
        for ((i, x), w) in of.into_iter().zip(worth.chunks(5)) {
            // Beside an end there is only one side.
            let cost_of = |w: &[Worth], q: f64| {
                let beside = w.iter().map(Worth::open).filter(|own| *own != q);
                q - beside.fold(f64::NEG_INFINITY, f64::max)
            };
            // What shrinks with the distance is steep and no step.
            let (cost, closer) = (cost_of(&w[1..3], w[0].q), cost_of(&w[3..], w[0].q));
            if !(closer.is_finite() && closer > STEADY * cost) {
                continue;
            }
            if cost.is_finite() && cost > FIXED * bench.units[i] && largest.is_none_or(|l| cost > l.0) {
                largest = Some((cost, c, x));
            }
        }
    }
    Ok(largest.map(|(cost, c, x)| {
        let (name, own) = (&bench.seat.choices[c].name, last(&bench.seat.choices[c].name));
        format!(
            "any `{name}` but {x} costs {cost:.3} at once, so what is best jumps, and no grid says where: let a finite choice say whether to pay it; declare \
             `action pay in {{no, yes}}`, write `(if pay == yes then {own} else {x})` for `{own}` and `pay == yes` where `{own}` is compared with {x}"
        )
    }))
}

/// What to change: whatever is continuous and stands on nodes, by its name, with more nodes than it has; what the file fixes is named first.
pub fn cause(bench: &WorldEvidence) -> String {
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
    // A shock of which no more nodes can be proposed.
    let mut finest: Option<(&str, usize)> = None;
    let mut seen = Vec::new();
    for s in &bench.seat.shocks {
        let shock = &model.shocks[s.shock];
        if seen.contains(&s.shock) {
            continue;
        }
        seen.push(s.shock);
        let links = s.values.len();
        if s.continuous && links > 1 {
            finest = finest.or(Some((&shock.name, links)));
        }
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
    if let (true, Some((shock, links))) = (ways.is_empty(), finest) {
        return format!(
            "`{shock}` has {links} nodes, and more hardly help: what is best jumps between two of them; let a finite choice say on which side of the jump, \
             `action side in {{below, above}}` with a `require` for each, so that between nodes each side is smooth"
        );
    }
    if ways.is_empty() {
        return "please report this model: nothing in it is approximated, so the solver is wrong".into();
    }
    // What the file fixes comes first: the rest has been made finer already where that helps.
    ways.sort_by_key(|(fixed, _)| !fixed);
    let ways: Vec<String> = ways.into_iter().map(|w| w.1).collect();
    ways.join("; or ")
}
