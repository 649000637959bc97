//! The judgement of a population at rest.
//!
//! The members' problem is judged as any problem of one, in the economy with what members take as given stated. That they are where they are
//! said to be, and that this makes of each of these numbers what it is held at, is measured by living members: many are put where the
//! distribution says, live by the policy in the economy that `econc simulate` runs, on the declared laws of shocks, and their means are
//! compared with the numbers.

use super::entrants;
use super::record::{EquilibriumCertificate, PlayerVerdict};
use super::spread::{EVERY, Spreads, WORLDS};
use crate::check::Model;
use crate::diag::plain;
use crate::diag::{Diagnostic, Severity};
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::Worlds;
use crate::graph::{Binary, InputKind, NodeId, Op};
use crate::num::random::Key;
use crate::num::statistics;
use crate::solve::continuum::held::{Held, Kind};
use crate::solve::continuum::population::Population;
use crate::solve::continuum::stationary::Conditions;
use crate::solve::decision::Decision;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::Found;
use crate::solve::progress::Watch;
use crate::verify::first_values::begins;
use crate::verify::grid::{Certificate, certify};
use crate::verify::judgement::{in_the_economy, settings};
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::{ProofRow, Scale, WorldCertificate};
use std::sync::Arc;

/// Member-periods that are lived, and periods that pass before means count.
const LIVED: usize = 3_000_000;
const FIRST: usize = 20;
/// Most of the mass at the top of a grid whose end the solver chose.
const TOP: f64 = 1e-5;
/// Largest distance of a mean from its number, as a share of it, that may stand beside sampling error.
const APART: f64 = 5e-3;
/// By how much numbers are shifted to see that conditions move, and by how little they may.
const SHIFT: f64 = 0.01;
const STILL: f64 = 1e-6;
/// Every how many-th node is enough for that.
const THIN: usize = 4;
/// Where other equilibria are looked for: evenly in the range, or factors; and beside what was found, in shares of the range.
const AROUND: [f64; 8] = [0.5, 0.7, 0.85, 0.95, 1.05, 1.2, 1.5, 2.0];
const BESIDE: [f64; 4] = [-0.05, -0.02, 0.02, 0.05];

/// A number with what it is, the node in which the economy says what it should be (or what is left over), and its name.
type Condition = (Kind, NodeId, f64, String);

/// Judges.
///
/// # Errors
/// Those of the members' problem and of a simulation.
pub(super) fn judge(
    economy: &Economy,
    found: &Found,
    seed: u64,
    progress: &mut dyn Watch,
) -> Result<Certificate, Diagnostic> {
    let Some(population) = &found.population else {
        return Err(Diagnostic::error("E0990", "there is no population to judge"));
    };
    let values: Vec<f64> = population.held.iter().map(|h| h.1).collect();
    let (stated, mut conditions) = Held::at(economy, &values)?;
    conditions.extend(reported(&stated, population, &conditions));
    let few = Economy::of(&stated)?.resized().unwrap_or_else(|| stated.clone());
    let problem = Decision::new(&few, &population.build)?;
    let (begun, said) = begins(&few, &found.solution, &found.steady_state);
    let mut certificate = certify(&problem, &found.solution, &settings(&few, &problem, seed))?;
    in_the_economy(&begun, &found.solution, &problem, &mut certificate, seed, false);
    certificate.reasons.extend(said);
    let mut out = certificate.world.take().unwrap_or_default();
    let kept = out.reasons.len();
    top(population, &mut out);
    // Members are put where the distribution says; a file that only solves need not say where they begin.
    let (begun, _) = begins(&stated, &found.solution, &found.steady_state);
    let apart = lived(&begun, &conditions, found, population, seed, &mut out)?;
    entrants::judge(&begun, economy, found, seed, &mut out)?;
    let (moved, others) = moves(economy, population, progress, &mut out)?;
    certificate.reasons.extend(out.reasons[kept..].iter().cloned());
    let errors = certificate.reasons.iter().any(|d| d.severity == Severity::Error);
    certificate.passed &= out.passed() && !errors;
    let mut scope = found.scope.clone();
    scope.push(others);
    certificate.equilibrium = Some(EquilibriumCertificate {
        concept: economy.conduct(),
        unit: certificate.unit.clone(),
        players: (found.solution.players.iter())
            .map(|p| PlayerVerdict {
                name: p.name.clone(),
                value: crate::solve::continuum::histogram::mean(
                    &on(&found.solution, population, &p.value),
                    &population.mass,
                ),
                value_error: 0.0,
                one_shot: certificate.deviation.as_ref().map_or(f64::NAN, |d| 10f64.powf(d.max)),
                best_reply: f64::NAN,
            })
            .collect(),
        excess: apart,
        moved,
        searches: found.searches,
        scope,
        gains: Vec::new(),
        found: 1,
        reactions: Vec::new(),
    });
    certificate.world = Some(out);
    Ok(certificate)
}

/// Prices and aggregates that read means in the economy with what members take as given stated, as conditions.
fn reported(stated: &Model, population: &Population, others: &[Condition]) -> Vec<Condition> {
    let own = |p: &&crate::check::model::Price| {
        let g = &stated.graph;
        let lived = |i: &crate::graph::InputId| !matches!(g.inputs[i.0 as usize].kind, InputKind::Param(_));
        g.nodes[p.node.0 as usize].shape.is_empty()
            && others.iter().all(|c| c.3 != p.name)
            && g.inputs_below([p.node]).iter().any(lived)
    };
    let one = |p: &crate::check::model::Price| {
        let told = population.prices.iter().find(|x| x.0 == p.name)?;
        let kind = Kind::Mean { of: p.node, when: None };
        Some((kind, p.node, told.1, p.name.clone()))
    };
    stated.prices.iter().filter(own).filter_map(one).collect()
}

/// A function of the solution's grid at the places of a population.
fn on(solution: &crate::solve::solution::Solution, population: &Population, values: &[f64]) -> Vec<f64> {
    let nz = solution.shocks();
    let one = |place: usize| -> f64 {
        // Between the nodes of the solution the function is taken as linear in the first state that has more of them.
        let node = place / nz;
        let mut rest = node;
        let (mut low, mut high, mut share) = (0, 0, 1.0);
        let mut stride = 1;
        for (axis, state) in population.nodes.iter().zip(&solution.states).rev() {
            let x = axis[rest % axis.len()];
            rest /= axis.len();
            let n = state.nodes.len();
            let k = state.nodes.partition_point(|y| *y <= x).clamp(1, n.max(2) - 1) - 1;
            let next = (k + 1).min(n - 1);
            let t = match next == k {
                true => 1.0,
                false => ((state.nodes[next] - x) / (state.nodes[next] - state.nodes[k])).clamp(0.0, 1.0),
            };
            (low, high) = (low + stride * k, high + stride * next);
            if axis.len() != n || t < 1.0 {
                share = t;
            }
            stride *= n;
        }
        share * values[low * nz + place % nz] + (1.0 - share) * values[high * nz + place % nz]
    };
    (0..population.mass.len()).map(one).collect()
}

/// Nobody may stand at the top of a grid that the solver chose.
fn top(population: &Population, out: &mut WorldCertificate) {
    let fine = population.top <= TOP;
    out.proofs.push(ProofRow {
        name: "population: at the top of its grid".into(),
        value: population.top,
        scale: Scale::Share,
        limit: Some(TOP),
        holds: Some(fine),
        note: "share of the members".into(),
    });
    if !fine {
        out.reasons.push(
            Diagnostic::error("E0938", "the distribution piles up at the top of its grid")
                .hint("a wider grid: solve { grid.NAME = .. }"),
        );
    }
}

/// Members put where the distribution says and living on; the largest distance of a mean from its number as a share of it.
fn lived(
    stated: &Model,
    conditions: &[Condition],
    found: &Found,
    population: &Population,
    seed: u64,
    out: &mut WorldCertificate,
) -> Result<f64, Diagnostic> {
    let solution = &found.solution;
    let mut watched: Vec<NodeId> = conditions.iter().map(|c| c.1).collect();
    // Of markets, what is supplied, too: the unit of what they leave over where members have no state.
    let supplied = |c: &Condition| match stated.graph.nodes[c.1.0 as usize].op {
        Op::Binary(Binary::Sub, _, b) => b,
        _ => c.1,
    };
    watched.extend(conditions.iter().map(supplied));
    let seat = SolvedSeat::of(stated, solution)?;
    let Some(agent) = seat.agents.first() else {
        return Err(Diagnostic::error("E0990", "nobody decides"));
    };
    let members = stated.graph.elements(&stated.agents[*agent].shape).max(1);
    let periods = (LIVED / (members * WORLDS)).clamp(2 * FIRST, 400);
    let mut worlds = Worlds::new(stated, None, WORLDS, seed, &watched)?;
    let mut actor = Actor::new(&worlds, &Behaviour::Solved(Arc::new(solution.clone())).into())?;
    place(&mut worlds, &seat, members, population, solution, seed);
    // At first, where they were put, and later, where they have come to live.
    let mut sums = vec![[vec![0.0; WORLDS], vec![0.0; WORLDS]]; watched.len()];
    let mut spreads = Spreads::new(seat.states.len());
    for t in 0..periods {
        crate::limits::poll();
        let bounds = actor.act(&mut worlds, 0)?;
        let outcome = worlds.step(&bounds)?;
        actor.forget(&worlds, &outcome);
        if t >= FIRST && (t - FIRST).is_multiple_of(EVERY) {
            spreads.look(&worlds, &seat, members);
        }
        let (late, count) = match t < FIRST {
            true => (0, FIRST),
            false => (1, periods - FIRST),
        };
        for (sum, values) in sums.iter_mut().zip(&outcome.watched) {
            let own = sum[late].iter_mut().zip(values);
            own.for_each(|(s, x)| *s += x / count as f64);
        }
    }
    let mut largest: f64 = 0.0;
    let all = conditions
        .iter()
        .zip(&sums)
        .enumerate()
        .flat_map(|(i, (c, s))| s.iter().enumerate().map(move |(k, m)| (i, c, k, m)));
    for (i, (kind, _, number, name), late, means) in all {
        let (mean, error) = (statistics::mean(means), statistics::sd(means) / (WORLDS as f64).sqrt());
        let clears = matches!(kind, Kind::Clears { .. });
        let off = if clears { mean } else { mean - number };
        // What is left over of a market is measured by what one member's trade is spread like.
        let size = if clears {
            let supplied = statistics::mean(&sums[conditions.len() + i][late]).abs();
            population.spread.first().map_or(supplied, |s| s.sd).max(1e-9)
        } else {
            number.abs().max(1e-9)
        };
        let (off, error) = (off / size, error / size);
        let limit = APART + 4.0 * error;
        let fine = off.abs() <= limit;
        largest = largest.max(off.abs());
        let what = if clears {
            format!("population: left over at {name}")
        } else {
            format!("population: {name} as lived")
        };
        out.proofs.push(ProofRow {
            name: what,
            value: off.abs(),
            scale: Scale::Share,
            limit: Some(limit),
            holds: Some(fine),
            note: format!(
                "{} members, {} periods; two standard errors {:.2} %",
                members * WORLDS,
                if late == 1 { periods - FIRST } else { FIRST },
                200.0 * error
            ),
        });
        if !fine {
            let headline = match clears {
                true => format!(
                    "at `{name}` = {:.6} the market does not clear: {mean:.3e} is left over where members live",
                    plain(number)
                ),
                false => format!(
                    "`{name}` is {number:.6}, and {mean:.6} where members live",
                    number = plain(number),
                    mean = plain(mean)
                ),
            };
            out.reasons.push(
                Diagnostic::error("E0972", headline)
                    .note("members were put where the distribution says, and lived by the policy on the declared laws of shocks")
                    .hint("more states of the chains, chain.NAME = rouwenhorst(15), or a finer or wider grid"),
            );
        }
    }
    spreads.judge(population, out);
    Ok(largest)
}

/// Puts members where the distribution says, evenly.
fn place(
    worlds: &mut Worlds,
    seat: &SolvedSeat,
    members: usize,
    population: &Population,
    solution: &crate::solve::solution::Solution,
    seed: u64,
) {
    let nz = solution.shocks();
    let total = members * WORLDS;
    let mut through: Vec<f64> = Vec::with_capacity(population.mass.len());
    let mut sum = 0.0;
    // Chain by chain, so that each of them has its share of the members.
    let order: Vec<usize> = (0..nz).flat_map(|z| (z..population.mass.len()).step_by(nz)).collect();
    for p in &order {
        sum += population.mass[*p];
        through.push(sum);
    }
    let key = Key::new(seed, 0x9_0b5);
    let shift = key.uniform(1, 1);
    for i in 0..total {
        let u = (i as f64 + shift) / total as f64 * sum;
        let place = order[through.partition_point(|c| *c < u).min(order.len() - 1)];
        // A world has members from all over the distribution.
        let (world, member) = (i % WORLDS, i / WORLDS);
        let (node, joint) = (place / nz, place % nz);
        let mut rest = node;
        let mut at: Vec<f64> = Vec::new();
        for axis in population.nodes.iter().rev() {
            at.push(axis[rest % axis.len()]);
            rest /= axis.len();
        }
        at.reverse();
        for (slot, x) in seat.states.iter().zip(&at) {
            worlds.frame[slot.input][member * WORLDS + world] = *x;
        }
        for (k, shock) in seat.shocks.iter().enumerate() {
            // By its number: two states of a chain may have one value.
            let later: usize = seat.shocks[k + 1..].iter().map(|s| s.values.len()).product();
            let number = joint / later.max(1) % shock.values.len().max(1);
            let stored = match shock.continuous {
                true => solution.chain.values[joint][k],
                false => number as f64,
            };
            worlds.set_shock(shock.shock, member, world, stored);
        }
    }
}

/// How little conditions move where numbers are shifted in the direction that moves them least, from what a shift of one does to each of them
/// (`[number][condition]`). Of several, each condition counts in units of its own largest move: one may be determined through another's market.
fn least_move(columns: &[Vec<f64>]) -> f64 {
    let [one] = columns else {
        let Some(first) = columns.first() else {
            return f64::INFINITY;
        };
        let most = |i: usize| columns.iter().fold(0.0, |m: f64, c| m.max(c[i].abs()));
        let unit = |i: usize| if most(i) > 0.0 { most(i) } else { 1.0 };
        let matrix = nalgebra::DMatrix::from_fn(first.len(), columns.len(), |i, k| columns[k][i] / unit(i));
        return matrix.singular_values().min();
    };
    one.iter().fold(0.0, |m: f64, x| m.max(x.abs()))
}

/// Whether conditions move with their numbers, and whether they hold elsewhere: the smallest move over the shift, and what was looked for in
/// words.
fn moves(
    economy: &Economy,
    population: &Population,
    progress: &mut dyn Watch,
    out: &mut WorldCertificate,
) -> Result<(f64, String), Diagnostic> {
    let held = Held::new(economy).map_err(|why| Diagnostic::error("E0990", why))?;
    let mut conditions = Conditions::new(&held, &population.build, THIN)?;
    let at: Vec<f64> = conditions.unknown.iter().map(|k| population.held[*k].1).collect();
    if at.is_empty() {
        return Ok((f64::NAN, "no number was searched".into()));
    }
    let here = conditions.left(&at, progress)?;
    // A row for each condition, a column for each number that could be shifted.
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for (k, x) in at.iter().enumerate() {
        let mut there = at.clone();
        let by = SHIFT * x.abs().max(1e-3);
        there[k] += by;
        match conditions.left(&there, progress) {
            Ok(left) => columns.push(left.iter().zip(&here).map(|(a, b)| (a - b) / by).collect()),
            Err(d) if d.code == "E0906" => return Err(d),
            Err(_) => {}
        }
    }
    let least = least_move(&columns);
    let fine = !(least < STILL);
    out.proofs.push(ProofRow {
        name: "numbers shifted by 1 %, conditions move".into(),
        value: least,
        scale: Scale::Plain,
        limit: None,
        holds: Some(fine),
        note: "least move of a condition over the shift of its number".into(),
    });
    if !fine {
        out.reasons.push(
            Diagnostic::error("E0973", "a condition does not move with the number that it determines")
                .hint("any number would do as well: the model does not say which"),
        );
    }
    if at.len() > 1 {
        return Ok((least, "other equilibria were not looked for".into()));
    }
    let range = held.numbers[conditions.unknown[0]].range;
    let bounded = range.lo.is_finite() && range.hi.is_finite();
    let mut signs: Vec<(f64, f64)> = vec![(at[0], 0.0)];
    let wide = range.hi - range.lo;
    let places: Vec<f64> = match bounded {
        true => {
            let even = (0..AROUND.len()).map(|i| range.lo + wide * (i as f64 + 0.5) / AROUND.len() as f64);
            let beside = BESIDE.iter().map(|f| at[0] + wide * f);
            even.chain(beside.filter(|x| *x > range.lo && *x < range.hi)).collect()
        }
        false => AROUND.iter().map(|f| at[0] * f).collect(),
    };
    for x in places {
        match conditions.left(&[x], progress) {
            Ok(left) => signs.push((x, left[0])),
            Err(d) if d.code == "E0906" => return Err(d),
            Err(_) => {}
        }
    }
    signs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let without: Vec<f64> = signs.iter().filter(|s| s.1 != 0.0).map(|s| s.1.signum()).collect();
    let changes = without.windows(2).filter(|w| w[0] != w[1]).count();
    let words = format!(
        "what is left over changes its sign {changes} time{} at {} places from {:.6} to {:.6}",
        if changes == 1 { "" } else { "s" },
        signs.len(),
        signs[0].0,
        signs[signs.len() - 1].0
    );
    if changes > 1 {
        out.reasons.push(
            Diagnostic::warning("W0973", "there are further equilibria").note(words.clone()).hint(
                "the one that was found is the first from the first value of the state, or from the middle of the price's range, outwards",
            ),
        );
    }
    Ok((least, words))
}

#[cfg(test)]
#[path = "stationary_tests.rs"]
mod tests;
