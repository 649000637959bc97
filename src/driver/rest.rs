//! The rest of a game: found, found again closer by, and judged.
//!
//! Where others will answer what one does, a rest is no better than the policies that lead there, and policies over a wide box of states are no
//! better than their polynomials. So the game without chance is solved again on a small box around where it seemed to rest, and on a smaller
//! one around that; what is shown is the last rest, and it must be where the one before it was. The solution of the wider of the two is judged as
//! that of `econc solve` is: lives that begin beside the rest are played in the economy, and nobody may gain there.

use crate::check::Model;
use crate::check::model::{Setting, Settings};
use crate::diag::{Diagnostic, Severity, plain};
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::Worlds;
use crate::graph::{Interval, Node, NodeId, Op, Phase};
use crate::limits;
use crate::solve::adrift;
use crate::solve::at_rest::{self, AtRest, Number};
use crate::solve::economy::Economy;
use crate::solve::equilibrium::{self, Found};
use crate::solve::methods;
use crate::solve::progress::Watch;
use crate::solve::quiet::quiet;
use crate::solve::steady_state::NEWTON;
use crate::verify;
use crate::verify::world::ProofRow;
use crate::verify::world::seat::SolvedSeat;
use std::sync::Arc;

/// Half the width of the boxes, as shares of the size of the states at rest.
const BOXES: [f64; 3] = [0.3, 0.15, 0.08];
/// How far beside the rest lives begin that judge it, as a share of that half.
const BESIDE: f64 = 0.4;
/// Largest distance of the rest on two boxes, as a share of one plus its size.
pub const AGREE: f64 = 1e-6;
/// Largest distance between a root of conditions of rest and the rest to which policies close by lead.
const ROOT: f64 = 1e-5;
/// log10 of the largest error of a first-order condition beside the rest.
pub const FIRST_ORDER: f64 = -3.5;
/// Nodes of an axis, by the number of states.
const NODES: [usize; 6] = [9, 9, 9, 9, 5, 4];
/// Largest change of a sweep that counts as none: on small boxes values differ by little, and rounding is soon what moves.
const TOLERANCE: f64 = 1e-8;
/// Periods that play is followed, and the share of the first distance that may then be left.
const FOLLOWED: usize = 3000;
const LEFT: f64 = 0.05;
/// Distance, as a share of one plus its size, at which a state is elsewhere.
const ELSEWHERE: f64 = 1e-3;
/// Least size of a state at rest.
const LEAST: f64 = 1e-2;

/// How the rest of a game was judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Distance of the rest on the last two boxes, as a share of one plus its size.
    pub apart: f64,
    /// What was measured beside the rest, one entry per criterion.
    pub proofs: Vec<ProofRow>,
}

/// Where an economy rests; with how that was judged where it is a game whose rest follows from policies.
///
/// # Errors
/// Those of [`at_rest::at_rest`]; E0837 where the rest of a game does not hold.
pub fn at_rest(economy: &Economy, progress: &mut dyn Watch) -> Result<(AtRest, Option<Judged>), Diagnostic> {
    crate::solve::forward::known(economy.model)
        .map_err(|d| d.hint("prices that look ahead are found with policies: econc solve FILE"))?;
    let adrift = adrift::after(economy.model, FOLLOWED);
    if economy.lone().is_ok() || adrift.is_empty() {
        return found(economy, progress);
    }
    // What nobody moves stands where it comes to from where it begins.
    let model = adrift::held(economy.model, FOLLOWED);
    let (mut rest, judged) = found(&Economy::of(&model)?, progress)?;
    for (name, value) in adrift {
        match rest.numbers.iter_mut().find(|n| !n.action && n.name == name) {
            Some(number) => number.value = value,
            None => {
                let first = rest.numbers.iter().position(|n| n.action).unwrap_or(rest.numbers.len());
                let number = Number {
                    name,
                    action: false,
                    members: 1,
                    value,
                };
                rest.numbers.insert(first, number);
            }
        }
    }
    let place = |n: &Number| {
        let bare = n.name.split('[').next();
        let own = economy.model.states.iter().position(|s| Some(s.name.as_str()) == bare);
        own.filter(|_| !n.action).unwrap_or(usize::MAX)
    };
    rest.numbers.sort_by_key(place);
    Ok((rest, judged))
}

/// Where an economy rests in which nothing goes by itself.
fn found(economy: &Economy, progress: &mut dyn Watch) -> Result<(AtRest, Option<Judged>), Diagnostic> {
    let rest = match at_rest::at_rest(economy, progress) {
        Err(d) if d.code == "E0910" => return by_judgement(economy, d, progress),
        rest => rest?,
    };
    led_there(economy.model, &rest)?;
    if !rest.residual.is_nan() {
        return Ok((rest, None));
    }
    let (rest, judged) = judged(economy, rest, progress)?;
    Ok((rest, Some(judged)))
}

/// Places where conditions of rest hold and that nothing shows to be good, each judged as the rest of a game is: the first that holds, with the others named
/// (W0983); else what was `refused`, and why the places were.
fn by_judgement(
    economy: &Economy,
    refused: Diagnostic,
    progress: &mut dyn Watch,
) -> Result<(AtRest, Option<Judged>), Diagnostic> {
    let mut held: Vec<(AtRest, Judged)> = Vec::new();
    let mut why = refused;
    for place in at_rest::unproven(economy) {
        match root_judged(economy, &place, progress) {
            Ok(judged) => held.push((place, judged)),
            Err(d) if d.code == "E0906" => return Err(d),
            Err(d) => {
                let at: Vec<String> = states(&place);
                why = why.note(format!("{}: {}", at.join(", "), d.notes.first().unwrap_or(&d.headline)));
            }
        }
    }
    let mut held = held.into_iter();
    let Some((mut rest, judged)) = held.next() else {
        return Err(why);
    };
    let others: Vec<AtRest> = held.map(|h| h.0).collect();
    if !others.is_empty() {
        let d = Diagnostic::warning(
            "W0983",
            format!("the economy rests elsewhere, too: {} more found", others.len()),
        );
        let d = others.iter().take(5).fold(d, |d, o| d.note(states(o).join(", ")));
        rest.elsewhere
            .push(d.hint("which of them play leads to from `start`: econc solve, and econc simulate"));
    }
    Ok((rest, Some(judged)))
}

/// Judges a root of conditions of rest, which is exact where it is one: policies must lead to the very place.
fn root_judged(economy: &Economy, root: &AtRest, progress: &mut dyn Watch) -> Result<Judged, Diagnostic> {
    led_there(economy.model, root)?;
    let (rest, judged) = judged(economy, root.clone(), progress)?;
    let pairs = root.numbers.iter().zip(&rest.numbers);
    let away = pairs.fold(0.0, |most: f64, (a, b)| {
        most.max((a.value - b.value).abs() / (1.0 + b.value.abs()))
    });
    if !(away <= ROOT) {
        return Err(refused().note(format!(
            "solved on boxes of states around it, it rests {away:.1e} of its size away"
        )));
    }
    Ok(judged)
}

/// The states of a rest, in words.
fn states(rest: &AtRest) -> Vec<String> {
    let own = rest.numbers.iter().filter(|n| !n.action);
    own.map(|n| format!("{} = {:.6}", n.name, plain(n.value))).collect()
}

/// Looks at the rest of a game from close by.
fn judged(economy: &Economy, mut rest: AtRest, progress: &mut dyn Watch) -> Result<(AtRest, Judged), Diagnostic> {
    let model = economy.model;
    let calm = quiet(model).map_err(|draw| {
        refused().note(format!(
            "the mean of `{draw}` moves with what is done, and no play without chance stands for it"
        ))
    })?;
    let mut apart = f64::INFINITY;
    let mut boxes: Vec<(Model, Found)> = Vec::new();
    for share in BOXES {
        let near = beside(&calm, &rest, share);
        let small = Economy::of(&near)?;
        let by = Some(rest.method.as_str()).filter(|m| *m != NEWTON);
        let method = methods::for_several(&small, by)?;
        let Some(method) = method else { break };
        let found = equilibrium::find(&small, method, 0, progress);
        let (found, _) = found.map_err(|errors| unsolved(errors, share))?;
        // What matters to nobody is no state of the game.
        let places: Option<Vec<usize>> = (found.steady_state.iter())
            .map(|(name, _)| rest.numbers.iter().position(|n| n.name == *name))
            .collect();
        let Some(places) = places.filter(|p| !p.is_empty() && p.len() <= rest.numbers.len()) else {
            return Err(refused().note(format!(
                "on a box of {:.0} % around it the policies lead elsewhere",
                100.0 * share
            )));
        };
        let pairs = places.iter().zip(&found.steady_state);
        apart = pairs.fold(0.0, |most: f64, (k, (_, new))| {
            let old = &mut rest.numbers[*k].value;
            let moved = (*old - new).abs() / (1.0 + new.abs());
            *old = *new;
            most.max(moved)
        });
        boxes.push((near, found));
        if boxes.len() > 1 && apart <= AGREE {
            break;
        }
    }
    // Where the finer of the two rests is where the coarser does, the coarser has room for what is tried around it.
    let judged = boxes.len().checked_sub(2).map(|k| boxes.swap_remove(k));
    let Some((near, found)) = judged else {
        return Err(refused());
    };
    if !(apart <= AGREE) {
        return Err(refused()
            .note(format!(
                "solved on a smaller box of states it rests {apart:.1e} of its size away; {AGREE:.0e} was asked for"
            ))
            .hint("policies that bend near the rest are hard to follow: econc simulate shows where play leads"));
    }
    comes_back(&near, &found, &rest)?;
    let proofs = held(&near, found, progress)?;
    Ok((rest, Judged { apart, proofs }))
}

/// What `econc solve` says of policies on a box, where lives begin beside the rest: one row per criterion.
///
/// # Errors
/// E0837 where a criterion does not hold.
fn held(near: &Model, mut found: Found, progress: &mut dyn Watch) -> Result<Vec<ProofRow>, Diagnostic> {
    let small = Economy::of(near)?;
    let certificate = verify::equilibrium::judge(near, &small, &mut found, 1, progress)
        .map_err(|errors| errors.into_iter().next().unwrap_or_else(refused))?;
    let proofs: Vec<ProofRow> = certificate
        .world
        .map_or_else(Vec::new, |w| w.proofs.into_iter().map(sharper).collect());
    let failed = proofs.iter().find(|p| p.holds == Some(false));
    let reason = certificate.reasons.iter().find(|d| d.severity == Severity::Error);
    if let Some(reason) = reason {
        let mut d = refused().note(reason.headline.clone());
        d.notes.extend(reason.notes.iter().cloned());
        return Err(d);
    }
    if let Some(row) = failed {
        return Err(refused().note(format!(
            "{} beside it is 10^{:.2}; at most 10^{:.2} was asked for",
            row.name,
            row.value,
            row.limit.unwrap_or(f64::NAN)
        )));
    }
    Ok(proofs)
}

/// That states which nobody's choices move come, from where lives begin, to what is said of them: they may rest in several places.
fn led_there(model: &Model, rest: &AtRest) -> Result<(), Diagnostic> {
    for (name, x) in adrift::after(model, FOLLOWED) {
        let said = rest.numbers.iter().find(|n| !n.action && n.name == name);
        if let Some(said) = said.filter(|n| !((n.value - x).abs() <= ELSEWHERE * (1.0 + x.abs()))) {
            return Err(refused()
                .note(format!(
                    "`{name}`, which nobody moves, rests at {}, too, and from where it begins it goes to {}",
                    plain(said.value),
                    plain(x)
                ))
                .hint(format!(
                    "begin nearer to the rest that is meant: `{name}`, start {}",
                    plain(x)
                )));
        }
    }
    Ok(())
}

/// That play which begins beside a rest, in the game without chance and by the policies found there, comes back to it.
fn comes_back(near: &Model, found: &Found, rest: &AtRest) -> Result<(), Diagnostic> {
    let seat = SolvedSeat::of(near, &found.solution)?;
    let mut worlds = Worlds::new(near, None, 1, 0, &[])?;
    let behaviour = Behaviour::Solved(Arc::new(found.solution.clone()));
    let mut actor = Actor::new(&worlds, &behaviour.into())?;
    let stand =
        |worlds: &Worlds| -> Vec<f64> { seat.states.iter().map(|s| worlds.frame[s.input][s.element]).collect() };
    let (first, mut last) = (stand(&worlds), Vec::new());
    for t in 0..=FOLLOWED {
        limits::poll();
        if t + 1 >= FOLLOWED {
            let now = stand(&worlds);
            if t == FOLLOWED {
                return back(found, rest, (&first, &last, &now));
            }
            last = now;
        }
        let bounds = actor.act(&mut worlds, 0)?;
        let outcome = worlds.step(&bounds)?;
        actor.forget(&worlds, &outcome);
    }
    Ok(())
}

/// Whether states that were at `first` and at the end at `last` and then `now`, one number per state of the solution, are at rest.
fn back(found: &Found, rest: &AtRest, (first, last, now): (&[f64], &[f64], &[f64])) -> Result<(), Diagnostic> {
    let names: Vec<&str> = found.solution.states.iter().map(|s| s.name.as_str()).collect();
    let said = |k: usize| {
        let own = rest.numbers.iter().find(|n| !n.action && n.name == names[k]);
        own.map_or(f64::NAN, |n| n.value)
    };
    let far = |at: &[f64]| {
        let each = at
            .iter()
            .enumerate()
            .map(|(k, x)| (x - said(k)).abs() / (1.0 + x.abs()));
        each.filter(|d| !d.is_nan()).fold(0.0, f64::max)
    };
    if far(now) <= LEFT * far(first) {
        return Ok(());
    }
    let still = now
        .iter()
        .zip(last)
        .all(|(a, b)| (a - b).abs() <= AGREE * (1.0 + a.abs()));
    if still {
        let moved = |k: &usize| !((now[*k] - said(*k)).abs() <= LEFT * far(first));
        let free: Vec<String> = (0..names.len()).filter(moved).map(|k| names[k].to_string()).collect();
        return Err(at_rest::continuum(&free));
    }
    Err(refused().note(
        "play that begins beside it, without chance and by the policies that were found, does not come back to it",
    ))
}

/// A first-order condition, which tells more of a rest than of a path.
fn sharper(mut row: ProofRow) -> ProofRow {
    if row.name.contains("first-order condition") && row.limit.is_some() {
        row.limit = Some(FIRST_ORDER);
        row.holds = Some(row.value <= FIRST_ORDER);
    }
    row
}

/// That a rest is none.
fn refused() -> Diagnostic {
    Diagnostic::error(
        "E0837",
        "where the policies of this game come to rest is not known well enough to be shown",
    )
    .hint("econc solve shows the policies and what is wrong with them; open_loop, competitive and planner need no policy to find a rest: --concept")
}

/// The refusal where the game has no solution close by.
fn unsolved(errors: Vec<Diagnostic>, share: f64) -> Diagnostic {
    let mut errors = errors.into_iter();
    match errors.next() {
        Some(d) if d.code == "E0906" || d.code == "E0825" => d,
        Some(first) => {
            let mut d = refused().note(format!(
                "on a box of {:.0} % around it: {}",
                100.0 * share,
                first.headline
            ));
            d.notes.extend(first.notes.iter().cloned());
            d
        }
        None => refused(),
    }
}

/// The model on a box of so large a share around a rest, with lives that begin beside it.
fn beside(model: &Model, rest: &AtRest, share: f64) -> Model {
    let mut near = model.clone();
    let count = rest.numbers.iter().filter(|n| !n.action).count();
    let nodes = NODES[count.min(NODES.len() - 1)];
    let mut grids: Vec<(String, Setting)> = Vec::new();
    for i in 0..near.states.len() {
        let state = &near.states[i];
        let own = |name: &str| name == state.name || name.starts_with(&format!("{}[", state.name));
        let values: Vec<f64> = (rest.numbers.iter())
            .filter(|n| !n.action && own(&n.name))
            .map(|n| n.value)
            .collect();
        let shape = model.graph.inputs[state.input.0 as usize].shape.clone();
        let elements = model.graph.elements(&shape);
        if values.len() != elements {
            continue;
        }
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let far = share * low.abs().max(high.abs()).max(LEAST);
        let lo = (low - far).max(state.domain.lo);
        let hi = (high + far).min(state.domain.hi);
        // One state after the other below and above its rest; members who rest together begin together.
        let sign = if i % 2 == 0 { -1.0 } else { 1.0 };
        let together = high - low <= AGREE * (1.0 + high.abs());
        let places: Vec<f64> = match together {
            true => vec![values[0]; values.len()],
            false => values.clone(),
        };
        let starts: Vec<f64> = (places.iter())
            .map(|x| (x + sign * BESIDE * far).max(lo).min(hi))
            .collect();
        let ends = [Setting::Number(lo), Setting::Number(hi), Setting::Number(nodes as f64)];
        grids.push((
            format!("grid.{}", state.name),
            Setting::Call("uniform".into(), ends.to_vec()),
        ));
        let span = state.span;
        let first = Node {
            op: if shape.is_empty() {
                Op::Const(starts[0])
            } else {
                Op::Table(starts.clone())
            },
            shape,
            domain: Interval {
                lo: starts.iter().copied().fold(f64::INFINITY, f64::min),
                hi: starts.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                lo_open: false,
                hi_open: false,
                integer: false,
            },
            phase: Phase::Constant,
            span,
        };
        near.graph.nodes.push(first);
        let node = NodeId(near.graph.nodes.len() as u32 - 1);
        let state = &mut near.states[i];
        state.start = Some(node);
        state.grid = None;
    }
    if near.solve_settings().is_none() {
        near.settings.push(Settings {
            block: "solve".into(),
            method: None,
            entries: Vec::new(),
            span: Default::default(),
        });
    }
    for settings in near.settings.iter_mut().filter(|s| s.block == "solve") {
        settings
            .entries
            .retain(|(key, _, _)| !key.starts_with("grid.") && key != "method" && key != "tolerance");
        let span = settings.span;
        settings
            .entries
            .push(("tolerance".into(), Setting::Number(TOLERANCE), span));
        settings
            .entries
            .extend(grids.iter().map(|(key, grid)| (key.clone(), grid.clone(), span)));
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::progress::silent;

    /// Two firms with costs of adjustment, and one of them takes the price as given.
    const FIRMS: &str = "agent a {\n  state K in [0, 10], start 1.5\n  action u in [-2, 2]\n  K' = K + u\n  observe K, b.F\n  \
        reward p * K - K - 0.25 * K^2 - 6 * u^2\n  discount 0.95\n}\nagent b {\n  state F in [0, 10], start 1.5\n  action v in [-2, 2]\n  \
        F' = F + v\n  observe a.K, F\n  reward p * F - 2 * F - 0.25 * F^2 - 6 * v^2\n  discount 0.95\n}\n\
        market goods { price p = 10 - a.K - b.F }\nsolve { concept = nash; concept.b = competitive }\n";

    /// Policies that are off by a hundredth on the box are seen, of either player, and so is play that does not come back.
    #[test]
    fn policies_that_are_a_little_off_beside_a_rest_are_refused() {
        let (model, _) = crate::compile(FIRMS, &crate::Options::default());
        let model = model.expect("a model");
        let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
        let rest = at_rest::at_rest(&economy, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
        let near = beside(&quiet(&model).expect("no draws"), &rest, BOXES[0]);
        let small = Economy::of(&near).unwrap_or_else(|d| panic!("{d:?}"));
        let method = methods::for_several(&small, Some(&rest.method)).expect("a method");
        let method = method.expect("a method");
        let found = || {
            let (found, _) = equilibrium::find(&small, method, 0, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
            found
        };
        assert!(held(&near, found(), &mut silent).is_ok());
        for player in 0..2 {
            let mut off = found();
            off.solution.policy[player].iter_mut().for_each(|u| *u += 0.01);
            let refused = held(&near, off, &mut silent).err().map(|d| d.code.to_string());
            assert_eq!(refused.as_deref(), Some("E0837"), "player {player}");
        }
        let mut away = found();
        away.solution.policy[0].iter_mut().for_each(|u| *u = 0.05);
        assert!(comes_back(&near, &away, &rest).is_err());
    }

    /// Sticky prices: in the price and what is made the problem of one is not concave, and under `open_loop` it has a rest (Fershtman and Kamien 1987).
    const STICKY: &str = "market goods {\n  state p in (-inf, inf), start 4\n  p' = 0.9 * p + 0.1 * (10 - sum(firm.q))\n}\n\
        agent firm[2] {\n  action q in (-inf, inf)\n  observe goods.p\n  reward goods.p * q - q - q^2 / 2\n  discount 0.95\n}\n\
        solve { concept = open_loop }\n";

    /// A root that is a little off is none, and neither is one at which somebody would move.
    #[test]
    fn roots_of_problems_that_are_not_concave_are_judged() {
        let (model, _) = crate::compile(STICKY, &crate::Options::default());
        let model = model.expect("a model");
        let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
        let places = at_rest::unproven(&economy);
        assert_eq!(places.len(), 1);
        assert!(root_judged(&economy, &places[0], &mut silent).is_ok());
        // p - 1 = q + 0.095 m, where one more unit of the price is worth m = q + 0.855 m for ever.
        let q = 9.0 / (3.0 + 0.095 / (1.0 - 0.855));
        let told = places[0]
            .numbers
            .iter()
            .find(|n| n.name == "firm.q[2]")
            .map(|n| n.value);
        assert!(told.is_some_and(|t| (t - q).abs() < 1e-8), "{told:?} {q}");
        let mut off = places[0].clone();
        off.numbers.iter_mut().for_each(|n| n.value *= 1.0 + 1e-3);
        let refused = root_judged(&economy, &off, &mut silent)
            .err()
            .map(|d| d.code.to_string());
        assert_eq!(refused.as_deref(), Some("E0837"));
    }
}
