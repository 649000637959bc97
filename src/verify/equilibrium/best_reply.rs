//! What a player gains by the best reply of a whole life: its problem with the others' policies given, solved on a grid of its own by a
//! method for one who decides, and played in the economy against them.
//!
//! What the reply earns more is the discounted sum, along lives in which it is played, of what each of its choices is worth with the
//! equilibrium's value after it, less that value: it is measured without the noise of summed rewards, and where it is not positive the reply
//! is no better.

use super::player::Seated;
use crate::check::Model;
use crate::check::model::{Setting, Settings};
use crate::diag::Diagnostic;
use crate::graph::{Binary, Node, NodeId, Op};
use crate::solve::between::PolicyBetween;
use crate::solve::decision::others::Others;
use crate::solve::decision::{self, Decision};
use crate::solve::equilibrium::{allowed, more_work};
use crate::solve::method::{Method, Structure, Task};
use crate::solve::methods;
use crate::solve::problem::DecisionProblem;
use crate::solve::progress::{Control, Progress, Watch};
use crate::solve::solution::Solution;
use crate::solve::time_iteration::{self, TimeIteration, TimeIterationOptions};
use crate::solve::value_iteration::ValueIteration;
use crate::verify::world::play::Deviator;
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::{WorldCertificate, WorldEvidence, promise};
use std::cell::Cell;
use std::sync::Arc;

/// How a reply is solved.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum By<'a> {
    /// By its first-order conditions, where the problem has them.
    Conditions,
    /// The same where the economy goes no further than lives went, one pair (lowest, highest) per state of the solution: fewer of its places, and more of
    /// his own, from ends so many times as far apart.
    Close(&'a [(f64, f64)], f64),
    /// By the first method that fits, on axes with so many times their usual nodes.
    Values(usize),
}

/// How exactly conditions are solved: on few nodes with others' policies between them no sweep settles to the last digits.
const CONDITIONS: TimeIterationOptions = TimeIterationOptions {
    tolerance: 1e-5,
    sweeps: 200,
    endogenous: false,
    brief: true,
};

/// Most instructions of all replies of one player, for each time that `work` allows.
const WORK: f64 = 3e9;

/// What the replies of one player may still compute, in instructions.
pub(super) fn allowance(model: &Model) -> Cell<f64> {
    Cell::new(WORK * allowed(model))
}

/// That no reply of `name` was solved within the work that is done for it.
pub(super) fn unsolved(model: &Model, name: &str, out: &mut WorldCertificate) {
    let headline = format!(
        "the best reply of `{name}` for a whole life was not solved within the work that is done for it: nothing is certified"
    );
    out.reasons.push(
        Diagnostic::error("E0836", headline)
            .note("what it gains from one deviation stands in the certificate")
            .hint(more_work(allowed(model))),
    );
}

/// Nodes of each continuous state of the reply's grid, by how many there are (0, 1, 2, ..).
const NODES: [usize; 5] = [1, 120, 30, 14, 8];
/// Most nodes of all axes together where they are finer than usual.
const MOST: f64 = 20_000.0;

/// Nodes of each of the economy's states, at the least and at the most, and of each of his own, where it goes no further than lives went.
const CLOSE: (f64, f64) = (4.0, 9.0);
const OWN: f64 = 30.0;
/// Room around what was visited, as a share of its width and of its size.
const ROOM: (f64, f64) = (0.1, 0.02);

/// The model with the economy's states on grids around where lives went, at whose ends they stay, and his own on axes with ends `wider` times as far apart as
/// those of the economy's that they stand for; nothing that he does moves the economy, so that what is cut off is nothing that he could reach.
fn close(
    model: &Model,
    solution: &Solution,
    (ranges, wider): (&[(f64, f64)], f64),
    like: &dyn Fn(&str) -> Option<String>,
) -> Model {
    let mut out = model.clone();
    // (name, where it went, its ends)
    let mut boxes: Vec<(String, (f64, f64), (f64, f64))> = Vec::new();
    for (s, (lo, hi)) in solution.states.iter().zip(ranges).filter(|(s, _)| !s.integer) {
        let bare = s.name.split('[').next().unwrap_or(&s.name).to_string();
        let ends = (s.nodes[0], s.nodes[s.nodes.len() - 1]);
        match boxes.iter_mut().find(|b| b.0 == bare) {
            Some(b) => {
                b.1 = (b.1.0.min(*lo), b.1.1.max(*hi));
                b.2 = (b.2.0.min(ends.0), b.2.1.max(ends.1));
            }
            None => boxes.push((bare, (*lo, *hi), ends)),
        }
    }
    let his = boxes.iter().filter(|b| like(&b.0).is_some()).count();
    let economys = solution.states.iter().filter(|s| !s.integer).count().max(1);
    let most = MOST / OWN.powi(his as i32);
    let nodes = most.powf(1.0 / economys as f64).floor().clamp(CLOSE.0, CLOSE.1);
    let mut grids: Vec<(String, Setting)> = Vec::new();
    for (name, went, ends) in boxes {
        let Some(k) = out.states.iter().position(|s| s.name == name) else {
            continue;
        };
        let state = &out.states[k];
        let first = state.start.map(|n| out.graph.nodes[n.0 as usize].domain);
        let (from, to) = first.map_or(went, |d| (d.lo.min(went.0), d.hi.max(went.1)));
        let room = (ROOM.0 * (went.1 - went.0)).max(ROOM.1 * went.0.abs().max(went.1.abs()));
        let lo = (went.0 - room).max(state.domain.lo).min(from);
        let hi = (went.1 + room).min(state.domain.hi).max(to);
        if let Some(own) = like(&name) {
            let (lo, hi) = apart(ends, wider);
            let ends = [lo, hi, OWN].map(Setting::Number);
            let spacing = if wider > 1.0 || lo <= 0.0 { "uniform" } else { "log" };
            grids.push((format!("grid.{own}"), Setting::Call(spacing.into(), ends.to_vec())));
        }
        let next = stays(&mut out, k, (lo, hi));
        out.states[k].next = next;
        let ends = [lo, hi, nodes].map(Setting::Number);
        grids.push((format!("grid.{name}"), Setting::Call("uniform".into(), ends.to_vec())));
    }
    if out.solve_settings().is_none() {
        out.settings.push(Settings {
            block: "solve".into(),
            method: None,
            entries: Vec::new(),
            span: Default::default(),
        });
    }
    for settings in out.settings.iter_mut().filter(|s| s.block == "solve") {
        settings.entries.retain(|(key, _, _)| !key.starts_with("grid."));
        let span = settings.span;
        let said = grids.iter().map(|(name, grid)| (name.clone(), grid.clone(), span));
        settings.entries.extend(said);
    }
    out
}

/// Ends so many times as far apart; what is not below zero stays so.
fn apart((lo, hi): (f64, f64), wider: f64) -> (f64, f64) {
    let more = (wider - 1.0) * (hi - lo);
    let low = if lo >= 0.0 { lo / wider } else { lo - more };
    (low, hi + more)
}

/// The next value of a state that stays between two ends.
fn stays(model: &mut Model, state: usize, (lo, hi): (f64, f64)) -> NodeId {
    let next = model.states[state].next;
    let like = model.graph.nodes[next.0 as usize].clone();
    let mut push = |node: Node| {
        model.graph.nodes.push(node);
        NodeId(model.graph.nodes.len() as u32 - 1)
    };
    let (low, high) = (push(Node::number(lo, like.span)), push(Node::number(hi, like.span)));
    let above = push(Node {
        op: Op::Binary(Binary::Max, next, low),
        ..like.clone()
    });
    push(Node {
        op: Op::Binary(Binary::Min, above, high),
        ..like.clone()
    })
}

/// The best reply of one among several, on a grid of its own between the ends of `solution`'s; `like` says which other state of the problem
/// stands for one of it, both without a member's number; at most the work that is `left`. With the method's name; `None` where that came to an end, and
/// where it is to be solved by conditions that the problem has not, or that do not settle.
///
/// # Errors
/// Those of the problem of one and of its method.
pub(super) fn solved(
    model: &Model,
    others: &Others,
    solution: &Solution,
    (like, by, left): (&dyn Fn(&str) -> Option<String>, By, &Cell<f64>),
    progress: &mut dyn Watch,
) -> Result<Option<(Solution, &'static str)>, Diagnostic> {
    let closer = match by {
        By::Close(ranges, wider) => Some(close(model, solution, (ranges, wider), like)),
        By::Conditions | By::Values(_) => None,
    };
    let whole = model;
    let model = closer.as_ref().unwrap_or(model);
    let continuous = solution.states.iter().filter(|s| !s.integer);
    let mut count = continuous.clone().count();
    let mut bounds: Vec<(String, f64, f64)> = Vec::new();
    for s in continuous {
        let bare = s.name.split('[').next().unwrap_or(&s.name);
        if bounds.iter().any(|b| b.0 == bare) {
            continue;
        }
        let (lo, hi) = (s.nodes[0], s.nodes[s.nodes.len() - 1]);
        bounds.push((bare.to_string(), lo, hi));
        if let Some(own) = like(bare) {
            bounds.push((own, lo, hi));
            count += 1;
        }
    }
    let build = decision::ProblemOptions {
        nodes: match by {
            By::Conditions | By::Close(..) => nodes(count, 1),
            By::Values(finer) => nodes(count, finer),
        },
        bounds,
        ..decision::ProblemOptions::default()
    };
    let problem = Decision::among(model, &build, others)?;
    let structure = Structure::of(problem.spec());
    let mut over = false;
    let mut watch = |p: Progress| {
        over = problem.work() > left.get();
        if over { Control::Cancel } else { progress.report(p) }
    };
    if matches!(by, By::Conditions | By::Close(..)) {
        // Where the economy stays at the ends of a box it bends, and nothing that he chooses does.
        let structure = match closer {
            Some(_) => Structure::of(Decision::among(whole, &build, others)?.spec()),
            None => structure,
        };
        if TimeIteration.fits(&structure).is_err() {
            return Ok(None);
        }
        let reply = time_iteration::solve(&problem, CONDITIONS, None, &mut watch);
        left.set(left.get() - problem.work());
        return match reply {
            Ok(reply) => Ok(Some((reply, TimeIteration.name()))),
            Err(d) if d.code == "E0906" && !over => Err(d),
            Err(_) => Ok(None),
        };
    }
    let method = methods::choose(None, &structure)?;
    let task = Task {
        model,
        problem: &problem,
        guess: None,
        linear: false,
    };
    let mut name = method.name();
    let mut reply = method.solve(task, &mut watch);
    // What follows marginal values may go round for ever where values come to rest.
    if reply.as_ref().is_err_and(|d| d.code == "E0901") && name != ValueIteration.name() {
        name = ValueIteration.name();
        let task = Task {
            model,
            problem: &problem,
            guess: None,
            linear: false,
        };
        reply = ValueIteration.solve(task, &mut watch);
    }
    left.set(left.get() - problem.work());
    match reply {
        Err(_) if over => Ok(None),
        reply => Ok(Some((reply?, name))),
    }
}

/// As [`solved`] by the first method that fits, for one who knows nothing of a solution's own problem.
///
/// # Errors
/// Those of [`solved`].
pub(in crate::verify) fn of_one(
    model: &Model,
    others: &Others,
    solution: &Solution,
    progress: &mut dyn Watch,
) -> Result<(Solution, &'static str), Diagnostic> {
    let unbounded = Cell::new(f64::INFINITY);
    solved(
        model,
        others,
        solution,
        (&|_| None, By::Values(1), &unbounded),
        progress,
    )?
    .ok_or_else(|| Diagnostic::error("E0990", "no reply was solved"))
}

/// Nodes of each of `count` axes.
fn nodes(count: usize, finer: usize) -> usize {
    let usual = NODES[count.min(NODES.len() - 1)];
    let most = MOST.powf(1.0 / count.max(1) as f64) as usize;
    (finer * usual).min(most.max(usual))
}

/// Measures; returns the gain a period in the bench's unit.
///
/// # Errors
/// Those of the problem of one and of its method, of a simulation and of the economy's programs.
pub(super) fn prove(seated: &Seated, progress: &mut dyn Watch, out: &mut WorldCertificate) -> Result<f64, Diagnostic> {
    let model = seated.model;
    let others = Others::of(model, &seated.solution, seated.player)?;
    let left = allowance(model);
    let by = By::Values(1);
    let Some((reply, method)) = solved(model, &others, &seated.solution, (&|_| None, by, &left), progress)? else {
        unsolved(model, &seated.player.name, out);
        return Ok(f64::NAN);
    };
    let played = seated.play(Some(Deviator {
        seat: SolvedSeat::of(model, &reply)?,
        policy: PolicyBetween::new(Arc::new(reply))?,
    }))?;
    let mut trials = seated.trials()?;
    let bench = seated.bench(&played, &mut trials)?;
    let gain = promise::kept(&bench, &mut trials)?;
    row(&bench, &seated.player.name, method, gain, out);
    Ok(gain.0)
}

/// Puts down a row and judges: the gain with its standard error.
pub(super) fn row(bench: &WorldEvidence, name: &str, method: &str, gain: (f64, f64), out: &mut WorldCertificate) {
    let (gain, error) = gain;
    let fine = out.log(
        "best reply of a whole life, gain",
        if gain.is_nan() { gain } else { gain.max(0.0) },
        Some(bench.options.limit),
        format!(
            "a period, share of {}; solved by {method} with the others given",
            bench.unit
        ),
    );
    if !fine {
        let headline = format!(
            "a best reply gains `{name}` 10^{:.2} of {} a period: this is no equilibrium",
            gain.log10(),
            bench.unit
        );
        out.reasons.push(
            Diagnostic::error("E0977", headline)
                .note(format!("two standard errors are {:.1e}", 2.0 * error))
                .hint("a finer grid, another start or more damping; if the gain stays, what was found is no equilibrium of this model"),
        );
    }
}
