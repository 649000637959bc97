//! Equilibria with states, by time iteration: at every state the first-order conditions of all players are solved together, tomorrow's
//! values or marginal values come from the last sweep.
//!
//! * Under `nash` a player's marginal values are slopes of its value as a function of the economy's whole state: it knows how the others
//!   and every market will answer (Markov perfect equilibrium; Maskin and Tirole 2001, *J. Econ. Theory* 100).
//! * A price taker's are those of its own states alone, by the envelope theorem with prices held: what is best against prices that it
//!   does not move.
//! * Where one takes prices and another does not (`concept.NAME`), each has its own: who sees through the market knows how the takers will
//!   answer, and what he does moves the prices that they take (a dominant firm beside a fringe).
//! * Under `open_loop` they are those of all states, with the others' paths held: nobody expects an answer.
//!
//! Values are polynomials over a box of states ([`crate::num::chebyshev`]), first few, then more until policies agree. Where a file
//! leaves the box open it is laid around the point of rest of the economy without shocks, and widened until no node leads outside.

mod gain;
mod iterate;
pub(super) mod rest;
mod stage;
mod store;

use super::{EquilibriumMethod, Found, allowed, more_work};
use crate::check::model::{Concept, Model, Space};
use crate::diag::Diagnostic;
use crate::graph::AxisKind;
use crate::num::chebyshev::{Chebyshev, Range};
use crate::solve::decision::{Decision, ProblemOptions};
use crate::solve::economy::{Economy, mixed};
use crate::solve::observed::Knows;
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::solve::progress::{Control, Progress, Watch};
use iterate::{Functions, Pace, Stand, policy_moves};
use stage::Game;

/// Time iteration for several players.
pub struct Joint;

/// Where starts lie between the bounds of actions.
const STARTS: [f64; 3] = [0.5, 0.2, 0.8];
/// Nodes of each axis, from the first try to the last, by the number of states.
const NODES: [&[usize]; 5] = [&[9, 17, 33], &[7, 11, 15], &[5, 7, 9], &[4, 5, 6], &[3, 4]];
/// Distance of policies on two boxes of nodes below which the finer is taken.
const AGREE: f64 = 1e-7;
/// Distance of policies from two starts above which they are two equilibria.
const APART: f64 = 1e-4;
/// Largest change that counts as none on few nodes, from which more are begun.
const ROUGH: f64 = 1e-7;
/// How often an open end is moved.
const WIDENINGS: usize = 10;

/// Most sweeps, and the largest change that counts as none, where the file says nothing.
pub const SWEEPS: usize = 1000;
/// Largest change that counts as none.
pub const TOLERANCE: f64 = 1e-10;
/// Most instructions of all sweeps, for each time that `work` allows.
const WORK: f64 = 3e9;

impl EquilibriumMethod for Joint {
    fn name(&self) -> &'static str {
        "joint"
    }

    fn about(&self) -> &'static str {
        "time iteration: first-order conditions of all players solved together at every state; nash, competitive, open_loop"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["tolerance", "iterations", "damping"]
    }

    fn knows(&self) -> Knows {
        Knows::Everything
    }

    fn fits(&self, economy: &Economy) -> Result<(), String> {
        let model = economy.model;
        if model.states.is_empty() {
            return Err("there is no state".into());
        }
        if model.horizon.is_some() {
            return Err("it has a horizon".into());
        }
        if model.stages.len() > 1 || economy.concept == Concept::Stackelberg {
            return Err("agents act in stages".into());
        }
        if !model.ends.is_empty() {
            return Err("it may end".into());
        }
        if let Some(a) = model
            .actions
            .iter()
            .find(|a| !matches!(a.space, Space::Interval { .. }) || !a.given.is_empty())
        {
            return Err(format!("`{}` is no number between bounds", a.name));
        }
        if let Some(s) = model.states.iter().find(|s| s.domain.integer) {
            return Err(format!("`{}` takes whole numbers", s.name));
        }
        let endless = |a: &crate::graph::Axis| a.continuum && matches!(a.kind, AxisKind::Population);
        if model.graph.axes.iter().any(endless) {
            return Err("there is a continuum".into());
        }
        let elements =
            |s: &crate::check::model::State| model.graph.elements(&model.graph.inputs[s.input.0 as usize].shape);
        let states: usize = model.states.iter().map(elements).sum();
        if states > NODES.len() {
            return Err(format!("{states} states are more than {}", NODES.len()));
        }
        if mixed::partly(economy) {
            return Err(mixed::PARTLY.into());
        }
        Ok(())
    }

    fn solve(&self, economy: &Economy, _seed: u64, progress: &mut dyn Watch) -> Result<Found, Vec<Diagnostic>> {
        solved(economy, progress).map_err(|d| vec![d])
    }
}

impl Game {
    /// The game of an economy on a box of `nodes` nodes an axis.
    fn new(economy: &Economy, options: &ProblemOptions, nodes: usize) -> Result<Game, Diagnostic> {
        let (decision, players) = Decision::with_players(economy, options)?;
        if let Some(name) = &players.strays {
            return Err(Diagnostic::error(
                "E0810",
                format!("what they do moves `{name}` directly, which is not their own"),
            )
            .note("under this concept everybody takes what is not his own as given")
            .hint("name what moves it as an `aggregate` of its market, which is taken as given, and let it move by that: `aggregate supply = sum(firm.q)`, and `supply` in place of the sum; or --concept nash"));
        }
        if let Some((names, span)) = &players.moved {
            return Err(Diagnostic::error(
                "E0810",
                format!("the chances of {names} move with what is done, and first-order conditions do not see it"),
            )
            .at(*span, "its chances move")
            .hint("--method best_replies searches for best choices and needs no conditions (under `nash`, with prices that nobody takes as given); or let the chances be numbers"));
        }
        if let Some(one) = players.list.iter().find(|p| !(p.discount < 1.0)) {
            return Err(Diagnostic::error("E0810", format!("`{}` does not discount", one.name))
                .hint("`joint` needs a discount factor below 1"));
        }
        let ranges = decision.spec().states.iter().filter_map(|s| match &s.kind {
            StateKind::Continuous { grid, log } => Some(Range {
                lo: grid[0],
                hi: grid[grid.len() - 1],
                log: *log,
                nodes,
            }),
            StateKind::Integer { .. } => None,
        });
        let carrier = Chebyshev::new(ranges.collect())
            .ok_or_else(|| Diagnostic::error("E0905", "the states have no box that polynomials could run over"))?;
        let size = carrier.len() as f64 * decision.spec().chain.transition.len() as f64;
        crate::limits::fits(
            size * 64.0 * players.list.len() as f64,
            "the game",
            "use fewer states of shocks",
        )?;
        Ok(Game {
            decision,
            players,
            carrier,
        })
    }

    /// Functions of another box at the nodes of this one.
    fn carried(&self, from: &Game, functions: &Functions) -> Functions {
        let nodes = self.carrier.nodes();
        let mut x = vec![0.0; nodes.len()];
        let mut basis = crate::num::chebyshev::Basis::default();
        let mut one = |values: &Vec<f64>| -> Vec<f64> {
            let fit = from.carrier.fit(values);
            (0..self.carrier.len())
                .map(|i| {
                    x.iter_mut().zip(&nodes).for_each(|(x, n)| *x = n[i]);
                    from.carrier.basis(&x, &mut basis);
                    from.carrier.value(&fit, &basis)
                })
                .collect()
        };
        functions.iter().map(|f| f.iter().map(&mut one).collect()).collect()
    }

    /// A stand of another box, on this one.
    fn resumed(&self, from: &Game, stand: &Stand) -> Stand {
        let by_action: Functions = stand.policy.iter().map(|z| z.to_vec()).collect();
        Stand {
            functions: self.carried(from, &stand.functions),
            policy: self.carried(from, &by_action),
            history: Vec::new(),
            unsolved: 0,
            settled: false,
            outside: 0,
            over: false,
        }
    }
}

fn pace(model: &Model) -> Pace {
    let number = |key: &str| model.solve_settings().and_then(|s| s.get(key)).and_then(|v| v.number());
    Pace {
        sweeps: number("iterations").map_or(SWEEPS, |x| x as usize),
        tolerance: number("tolerance").unwrap_or(TOLERANCE),
        damping: number("damping").unwrap_or(1.0),
        most: WORK * allowed(model),
        allowed: allowed(model),
    }
}

/// Where the economy without shocks rests, `(name, value)`, one per state, then one per action; `None` where no rest is found.
///
/// # Errors
/// E0810 for economies that this method does not solve, E0906 when stopped.
pub fn at_rest(economy: &Economy, progress: &mut dyn Watch) -> Result<Option<Vec<(String, f64)>>, Diagnostic> {
    let (found, last) = rest::found(economy, pace(economy.model), progress)?;
    if let (Some(rest), Some((game, stand))) = (&found, &last)
        && let Some((player, words)) = gain::where_it_rests(game, stand, rest)
    {
        return Err(Diagnostic::error(
            "E0910",
            format!("`{player}` would not stay where first-order conditions say that the economy rests"),
        )
        .at(
            economy.model.agents[player_agent(game, &player)].span,
            "one who decides",
        )
        .note(words)
        .hint(
            "no equilibrium was found; narrow the intervals of the actions, or see what econc solve says of the game",
        ));
    }
    Ok(found.map(|r| r.named()))
}

/// The number of a player's agent.
fn player_agent(game: &Game, name: &str) -> usize {
    let of = game.players.list.iter().find(|p| p.name == name);
    of.map_or(0, |p| p.agent)
}

fn solved(economy: &Economy, progress: &mut dyn Watch) -> Result<Found, Diagnostic> {
    let model = economy.model;
    let mut pace = pace(model);
    let rest = rest::rest(economy, pace, progress)?;
    let mut options = ProblemOptions {
        bounds: rest
            .as_ref()
            .map_or_else(|| rest::first_bounds(model), |r| rest::around(model, r)),
        ..ProblemOptions::default()
    };
    let sizes = NODES[sizes_of(economy, &options)?];
    let mut widened = 0;
    let mut searches;
    let (game, stands) = loop {
        let game = Game::new(economy, &options, sizes[0])?;
        let mut stands: Vec<Stand> = Vec::new();
        let mut lost: Option<Stand> = None;
        searches = 0;
        let rough = Pace {
            tolerance: pace.tolerance.max(ROUGH),
            ..pace
        };
        for share in STARTS {
            let stand = game.iterate(game.start(share), rough, progress)?;
            if !stand.settled {
                // Work that came to an end leaves none to other starts.
                let over = stand.over;
                lost = lost.or(Some(stand));
                if over {
                    break;
                }
                continue;
            }
            searches += 1;
            if stands.iter().all(|s| policy_moves(&s.policy, &stand.policy) > APART) {
                stands.push(stand);
            }
        }
        let Some(first) = stands.first() else {
            return Err(match lost {
                Some(stand) => unsettled(&game, &stand, pace),
                None => Diagnostic::error("E0921", "no equilibrium was found"),
            });
        };
        match rest::wider(model, &game, first) {
            Some(bounds) if widened < WIDENINGS => {
                pace.most -= game.decision.work();
                options.bounds = bounds;
                widened += 1;
            }
            _ => break (game, stands),
        }
    };
    pace.most -= game.decision.work();
    let mut solutions = Vec::new();
    for stand in stands {
        solutions.push(refined(economy, &options, (&game, stand), (sizes, pace), progress)?);
    }
    let mut solutions = solutions.into_iter();
    let first = solutions.next();
    let Some((solution, discretised)) = first else {
        return Err(Diagnostic::error("E0921", "no equilibrium was found"));
    };
    Ok(Found {
        solution,
        others: solutions.map(|s| s.0).collect(),
        searches,
        scope: Vec::new(),
        discretised,
        steady_state: rest.map_or_else(Vec::new, |r| r.named()),
        perceived: None,
        population: None,
    })
}

fn sizes_of(economy: &Economy, options: &ProblemOptions) -> Result<usize, Diagnostic> {
    let (decision, _) = Decision::with_players(economy, options)?;
    match decision.spec().states.len() {
        0 => Err(Diagnostic::error("E0810", "no state moves what anybody earns, now or later")
            .note("a state that only records what was played makes a repeated game: it has many equilibria, and that of one period, played again and again, is one of them")
            .hint("for the equilibrium of one period, remove the states; what learners come to who see them: econc train")),
        n => Ok((n - 1).min(NODES.len() - 1)),
    }
}

type Made = (
    crate::solve::solution::Solution,
    Vec<crate::solve::decision::Discretised>,
);

/// On more and more nodes, until policies agree; as a solution.
fn refined(
    economy: &Economy,
    options: &ProblemOptions,
    (coarse, stand): (&Game, Stand),
    (sizes, mut pace): (&[usize], Pace),
    progress: &mut dyn Watch,
) -> Result<Made, Diagnostic> {
    let mut best: Option<(Game, Stand)> = None;
    let mut first = Some(stand);
    let mut apart = f64::INFINITY;
    for nodes in &sizes[1..] {
        let game = Game::new(economy, options, *nodes)?;
        let (from, old) = match (&best, first.as_ref()) {
            (Some((game, stand)), _) => (game, stand),
            (None, Some(stand)) => (coarse, stand),
            (None, None) => break,
        };
        let begun = game.resumed(from, old);
        // What the coarser solution does at these nodes.
        let ahead = from.ahead(&old.functions);
        let points = game.carrier.nodes();
        let before: Vec<Vec<Vec<f64>>> = game.each(|z| from.play(&ahead, z, &points, &begun.policy[z]).actions);
        let stand = game.iterate(begun, pace, progress)?;
        let spent = game.decision.work();
        if stand.over && best.is_some() {
            // The finest on which it settled, with how far that was from the one before.
            break;
        }
        if !stand.settled {
            return Err(unsettled(&game, &stand, pace));
        }
        pace.most -= spent;
        apart = policy_moves(&before, &stand.policy);
        best = Some((game, stand));
        if apart < AGREE {
            break;
        }
        first = None;
    }
    let report = Progress {
        iteration: 1,
        of: 1,
        error: apart,
        target: AGREE,
    };
    if progress.report(report) == Control::Cancel {
        return Err(Diagnostic::error("E0906", "the solver was stopped before it converged"));
    }
    match (best, first) {
        (Some((game, stand)), _) => store::solution(&game, &stand, pace, apart),
        (None, Some(stand)) => store::solution(coarse, &stand, pace, apart),
        (None, None) => Err(Diagnostic::error("E0921", "no equilibrium was found")),
    }
}

/// The refusal of an iteration that did not settle: what still moved, and what could still be gained.
fn unsettled(game: &Game, stand: &Stand, pace: Pace) -> Diagnostic {
    let last = stand.history.last().copied().unwrap_or(f64::NAN);
    let d = Diagnostic::error(
        "E0921",
        "no equilibrium was found: what is best for each does not settle",
    )
    .note(format!(
        "after {} sweeps policies and values still move by {last:.1e}; {:.0e} was asked for",
        stand.history.len(),
        pace.tolerance
    ));
    let d = match stand.over {
        true => d.note("the work that is done for it came to an end"),
        false => d,
    };
    let d = match gain::largest(game, stand) {
        Some(found) => d.note(found.to_string()),
        None => d,
    };
    let d = if stand.outside > 0 {
        let axes = game.carrier.axes().iter().zip(&game.decision.spec().states);
        let ends: Vec<String> = axes
            .map(|(r, s)| format!("{} from {} to {}", s.name, r.lo, r.hi))
            .collect();
        d.note(format!(
            "in the last sweep what is done leads outside the states that are solved ({}) {} times: where the economy would come to rest may lie outside them",
            ends.join(", "),
            stand.outside
        ))
    } else {
        d
    };
    let d = if stand.unsolved > 0 {
        d.note(format!(
            "at {} states no actions meet the conditions of all",
            stand.unsolved
        ))
    } else {
        d
    };
    if game.decision.spec().kinks {
        return d
            .note("a reward or a law has kinks (min, max, abs, clamp): best choices that sit on one meet no first-order condition")
            .hint("method = best_replies searches for best choices and needs no conditions; or say the kink otherwise: a bound of the action, a smooth law; solve { damping = 0.5 } relaxes");
    }
    if stand.over {
        return d.hint(more_work(pace.allowed));
    }
    d.hint("solve { damping = 0.5 } relaxes; more `iterations`; narrower grids; another method (econc solve --list); an equilibrium in pure policies need not exist")
}
