//! Games in which everybody knows the same when they choose: one game for each state of it.
//!
//! What is known are the states of chains, and continuous draws, which stand at nodes all over the law of one period: strategies are read between
//! them. As no later period counts, how what is known moves over time does not matter.

use super::informed;
use super::play::{Known, Play, Searched, joint};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::static_game::game::{Game, Type};

/// Nodes of a continuous draw, if there is one and if there are two; odd numbers.
const NODES: [usize; 2] = [65, 17];
/// Equilibria that a message lists.
const LISTED: usize = 4;

/// What is known and where strategies are stored, if everybody sees all of it and no later period counts (values then depend on how it moves).
/// `None` otherwise, and for a continuous draw that has no law of one period or whose chain the file gives.
pub(super) fn known(model: &Model, game: &Game) -> Option<Vec<Known>> {
    let once = model.horizon.is_some() || model.agents.iter().all(|a| a.discount.is_none());
    let all = (0..game.types.len()).all(|t| game.choosers.iter().all(|c| c.sees.contains(&t)));
    let open = |t: &Type| model.shocks[t.shock].process.is_continuous();
    let count = game.types.iter().filter(|t| open(t)).count();
    if game.types.is_empty() || !once || !all || count > NODES.len() {
        return None;
    }
    let one = |t: &Type| {
        let known = |values: Vec<f64>, weights: Vec<f64>| Known {
            name: t.name.clone(),
            values,
            weights,
            continuous: open(t),
        };
        if !open(t) {
            return Some(known(t.values.clone(), t.weights.clone()));
        }
        let (law, n) = (t.law.as_ref()?, NODES[count - 1]);
        Some(known(
            informed::nodes(Some(law), (0.0, 1.0), n),
            informed::weights(n, 1.0),
        ))
    };
    game.types.iter().map(one).collect()
}

/// The same for finite choices, which cannot be read between nodes: no draw may be continuous.
pub(super) fn finite(model: &Model, game: &Game) -> Option<Vec<Known>> {
    known(model, game).filter(|known| known.iter().all(|k| !k.continuous))
}

/// The equilibrium for each state of what is `known`, as `one` finds those of a game in which it is a number; none where one of them has none.
///
/// # Errors
/// E0918 where one of them has several equilibria; those of `one`.
pub(super) fn solve(
    game: &mut Game,
    known: Vec<Known>,
    mut one: impl FnMut(&mut Game) -> Result<(Vec<Play>, Searched), Diagnostic>,
) -> Result<(Vec<Play>, Searched), Diagnostic> {
    let values = |(t, k): (&Type, &Known)| Known {
        values: if k.continuous {
            k.values.clone()
        } else {
            t.carried.clone()
        },
        ..k.clone()
    };
    let carried: Vec<Known> = game.types.iter().zip(&known).map(values).collect();
    let (states, shown) = (joint(&carried).0, joint(&known).0);
    let mut play = Play::blank(game, known);
    let mut searched = Searched::default();
    let types = std::mem::take(&mut game.types);
    let sees: Vec<Vec<usize>> = game.choosers.iter_mut().map(|c| std::mem::take(&mut c.sees)).collect();
    let columns = game.drawn.columns.clone();
    let outcomes = game.drawn.weights.len();
    let mut found = Ok(true);
    for (state, shown) in states.iter().zip(&shown) {
        let numbers = || types.iter().map(|t| t.input).zip(state.iter().copied());
        game.chance.known = numbers().collect();
        game.drawn.columns.clone_from(&columns);
        game.drawn
            .columns
            .extend(numbers().map(|(input, x)| (input, vec![x; outcomes])));
        found = one(game).and_then(|(plays, how)| {
            searched.tried += how.tried;
            searched.scope = how.scope;
            match plays.as_slice() {
                [here] => append(&mut play, game, here),
                [] => return Ok(false),
                several => return Err(too_many(several, game, &types, shown)),
            }
            Ok(true)
        });
        if !matches!(found, Ok(true)) {
            break;
        }
    }
    (game.types, game.drawn.columns) = (types, columns);
    game.chance.known.clear();
    for (c, sees) in game.choosers.iter_mut().zip(sees) {
        c.sees = sees;
    }
    // Where nothing is mixed in any state choices are numbers.
    for p in play
        .mixed
        .iter_mut()
        .filter(|p| p.iter().all(|p| *p == 0.0 || *p == 1.0))
    {
        p.clear();
    }
    Ok((if found? { vec![play] } else { Vec::new() }, searched))
}

/// Adds what is played in one more state, where choices among a few have probabilities although they may be certain.
fn append(play: &mut Play, game: &Game, here: &Play) {
    for (c, paid) in here.paid.iter().enumerate() {
        play.paid[c].extend(paid);
    }
    for (a, chosen) in game.actions.iter().enumerate() {
        play.policy[a].extend(&here.policy[a]);
        let values = chosen.values.as_ref().map_or(&[][..], |v| &v.0);
        match here.mixed[a].as_slice() {
            [] => {
                let certain = |x: f64| values.iter().map(move |v| f64::from(u8::from(*v == x)));
                play.mixed[a].extend(here.policy[a].iter().flat_map(|x| certain(*x)));
            }
            p => play.mixed[a].extend(p),
        }
    }
}

/// The message for a state of what is known in which there are several equilibria.
fn too_many(several: &[Play], game: &Game, types: &[Type], state: &[f64]) -> Diagnostic {
    let names = types.iter().zip(state).map(|(t, x)| format!("{} = {x}", t.name));
    let mut d = Diagnostic::error("E0918", format!("the game has {} equilibria", several.len()))
        .note(format!("where {}", names.collect::<Vec<_>>().join(", ")));
    for play in several.iter().take(LISTED) {
        let each = game.actions.iter().zip(&play.policy).zip(&play.mixed);
        let each = each.map(|((a, x), mixed)| match mixed.as_slice() {
            [] => format!("{} = {}", a.name, x.first().copied().unwrap_or(f64::NAN)),
            p => format!("{} with probabilities {p:.4?}", a.name),
        });
        d = d.note(each.collect::<Vec<_>>().join(", "));
    }
    d.hint("narrow what is chosen from to the equilibrium that is meant; or make what is known a parameter, --set NAME=NUMBER, and ask for one of them, --set select=payoff_dominant")
}
