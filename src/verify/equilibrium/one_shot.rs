//! The certificate of games without states: everything in the economy that `econc simulate` runs.
//!
//! The game is played many times side by side: once for every combination of what is known and of what mixed strategies may choose where these are
//! few, else with evenly spread draws of what is known. Each who decides then tries other choices (`trial.rs`) while everybody else plays on; whoever
//! takes prices as given meets those of the equilibrium. Nothing of the solver's problem is read: only what is played.

use super::bench::{Cases, GameCopies, Lane, Spread, cases, draws_of_own};
use super::record::{EquilibriumCertificate, PlayerVerdict, Reaction};
use super::trial::{Gain, Trial};
use crate::check::Model;
use crate::diag::{Diagnostic, plain};
use crate::solve::economy::Economy;
use crate::solve::economy::stated::{AtPrices, at_prices};
use crate::solve::problem::ActionKind;
use crate::solve::solution::{Player, Solution};
use crate::verify::grid::{Certificate, SeriesMoments};
use crate::verify::world::{ProofRow, Scale, WorldCertificate};

/// log10 of the largest gain that passes, as a share of what is at stake: where everything is counted out, and where it is sampled.
const LIMIT: (f64, f64) = (-6.0, -3.0);
/// log10 of the largest gain of a type that passes, as a share of what is at stake for that type: its bid may be some per cent off. And the
/// largest distance of the mean of an action from the mean of what is best.
const OWN: f64 = -2.0;
const MEAN: f64 = 5e-3;
/// Largest difference between what is obtained and what is promised, relative, in the same cases.
const PROMISED: (f64, f64) = (1e-8, 5e-3);
/// Largest excess demand, relative.
const EXCESS: f64 = 1e-8;
/// Points of a reaction function.
const REACTION: usize = 21;
/// Cases that are drawn; where continuous draws are known, and those among which choices are looked for that are then tried in all.
const DRAWS: usize = 16_384;
const KNOWING: (usize, usize) = (32_768, 2048);
/// Cases that are drawn near the ends of what is known.
const TOWARD_ENDS: usize = 16_384;
/// The latter of the two where others answer at later stages, which are searches of their own.
const ANSWERED: usize = 256;

/// Judges an equilibrium of a game without states; with reaction functions where they are asked for.
///
/// # Errors
/// Those of a simulation.
pub(super) fn judge(
    model: &Model,
    economy: &Economy,
    solution: &Solution,
    seed: u64,
    reacting: bool,
) -> Result<Certificate, Diagnostic> {
    let knowing = draws_of_own(model, solution);
    let cases = cases(
        model,
        solution,
        seed,
        (if knowing { KNOWING.0 } else { DRAWS }, Spread::Even),
    );
    let mut bench = GameCopies::new(model, solution, &cases, seed, &prices(model))?;
    // Other draws than those that judge, so that no choice is picked for the chance of its draws.
    let staged = model.stages.len() > 1;
    let mut few = match knowing || staged && !cases.exact {
        true => {
            let seed = seed.wrapping_add(1);
            let draws = if staged { ANSWERED } else { KNOWING.1 };
            let cases = super::bench::cases(model, solution, seed, (draws, Spread::Even));
            Some(GameCopies::new(model, solution, &cases, seed, &prices(model))?)
        }
        false => None,
    };
    let mut ends = match knowing && !staged {
        true => {
            let seed = seed.wrapping_add(2);
            let cases = super::bench::cases(model, solution, seed, (TOWARD_ENDS, Spread::TowardEnds));
            Some(GameCopies::new(model, solution, &cases, seed, &prices(model))?)
        }
        false => None,
    };
    let base = bench.stand(&[])?;
    let mut world = WorldCertificate::default();
    let mut players = Vec::new();
    let mut moved = f64::NAN;
    let paid = bench.pays(&base, &[])?;
    let mut excess = f64::NAN;
    for player in &solution.players {
        let given = taken_as_given(model, economy, &paid, player.agent)?;
        let mut own;
        let judged = match &given {
            Some(at) => {
                own = GameCopies::new(&at.model, solution, &cases, seed, &at.implied)?;
                &mut own
            }
            None => &mut bench,
        };
        let mut trial = Trial {
            few: few.as_mut().filter(|_| given.is_none()),
            ends: ends.as_mut().filter(|_| given.is_none()),
            staged: given.is_none() && staged,
            ..Trial::new(model, solution, player, judged, seed)
        };
        // What is taken as given, one per cent away.
        let mut moved_by = match &given {
            Some(at) => {
                let again = at_prices(model, &at.at.iter().map(|(p, x)| (*p, 1.01 * x)).collect::<Vec<_>>())?;
                Some(GameCopies::new(&again.model, solution, &cases, seed, &[])?)
            }
            None => None,
        };
        let turnover = match &mut moved_by {
            Some(other) => earned(trial.bench, &[], model, player)? - earned(other, &[], model, player)?,
            None => {
                earned(trial.bench, &[], model, player)? - {
                    let over = trial.others(&base, 1.01);
                    earned(trial.bench, &over, model, player)?
                }
            }
        };
        let gain = trial.gain(turnover.abs())?;
        gained(model, player, &gain, (given.as_ref(), &cases), &mut world);
        of_each_type(model, player, &gain, &mut world);
        if given.is_none() && model.prices.iter().any(|p| p.clears) {
            priced_nearby(model, player, gain.uncleared.as_deref(), &mut world);
        }
        match &given {
            None => moved = moved.max(trial.shift(&base)?),
            Some(at) => {
                let own_base = trial.bench.stand(&[])?;
                let watched = trial.bench.pays(&own_base, &[])?.watched;
                excess = excess.max(clears_for(model, player, (at, &watched), &mut world));
                if let Some(other) = &mut moved_by {
                    let mut trial = Trial {
                        bench: other,
                        few: None,
                        ends: None,
                        ..trial
                    };
                    moved = moved.max(trial.moved()?);
                }
            }
        }
        let own = obtained(&bench, &paid, model, player);
        players.push(PlayerVerdict {
            name: player.name.clone(),
            value: own,
            value_error: 0.0,
            one_shot: gain.share,
            best_reply: gain.share,
        });
        let rewards = bench.rewards(&paid, model, player.agent, player.member.unwrap_or(0));
        let size = bench.mean(&rewards.iter().map(|x| x.abs()).collect::<Vec<_>>());
        promised(solution, player, (own, size), &cases.exact, model, &mut world);
    }
    if model.prices.iter().any(|p| p.clears) {
        markets_clear(model, &paid, &mut world);
    }
    world.proofs.push(reply_to_others(moved));
    let mut reasons = solution.record.warnings.clone();
    reasons.extend(world.reasons.clone());
    let failed = world.proofs.iter().any(|p| p.holds == Some(false));
    Ok(Certificate {
        passed: !failed,
        unit: "value".into(),
        moments: moments(model, solution, &bench, &base, &paid),
        reasons,
        equilibrium: Some(EquilibriumCertificate {
            concept: economy.conduct(),
            unit: "value".into(),
            players,
            excess,
            moved,
            reactions: match reacting {
                true => reactions(model, solution, &mut bench, &base, seed)?,
                false => Vec::new(),
            },
            ..EquilibriumCertificate::default()
        }),
        world: Some(world),
        ..Certificate::default()
    })
}

/// What an agent takes as given, held at its value in the equilibrium; nothing where it takes no price as given.
///
/// # Errors
/// E0810 where a price differs between cases: it is then no number that can be taken as given.
fn taken_as_given(model: &Model, economy: &Economy, paid: &Lane, agent: usize) -> Result<Option<AtPrices>, Diagnostic> {
    let seat = economy.seats.iter().find(|s| s.agents.contains(&agent));
    let takes = seat.map_or(&[][..], |s| s.takes.as_slice());
    if takes.is_empty() {
        return Ok(None);
    }
    let mut at = Vec::new();
    for p in takes {
        let values = &paid.watched[*p];
        let (lo, hi) = range(values);
        if !(hi - lo <= 1e-9 * (1.0 + lo.abs())) {
            let price = &model.prices[*p];
            return Err(Diagnostic::error(
                "E0810",
                format!(
                    "`{}` moves with what is drawn: no one number can be taken as given",
                    price.name
                ),
            )
            .at(price.span, "taken as given")
            .hint("concept = nash sees through the market; or draw after the price is known"));
        }
        at.push((*p, values[0]));
    }
    at_prices(model, &at).map(Some)
}

/// The proof that nobody gains by choosing otherwise: the largest one-shot gain of a player, with what is `given` to him and the cases that it is
/// measured in.
fn gained(
    model: &Model,
    player: &Player,
    gain: &Gain,
    (given, cases): (Option<&AtPrices>, &Cases),
    world: &mut WorldCertificate,
) {
    let limit = if cases.exact { LIMIT.0 } else { LIMIT.1 };
    let value = gain.share.max(1e-16).log10();
    world.proofs.push(ProofRow {
        name: format!("one-shot gain of {}", player.name),
        value,
        scale: Scale::Log,
        limit: Some(limit),
        holds: Some(value <= limit),
        note: match (given, cases.exact) {
            (Some(at), _) => format!(
                "share of what is at stake; {} held at its equilibrium value",
                at.names.join(", ")
            ),
            (None, true) => "share of what is at stake; every case counted".into(),
            (None, false) => format!(
                "share of what is at stake, beyond two standard errors; {} cases drawn{}",
                cases.lanes.len(),
                match gain.types {
                    0 | 1 => String::new(),
                    n => format!(", {n} own types"),
                }
            ),
        },
    });
    if value > limit {
        world.reasons.push(
            Diagnostic::error("E0946", format!("`{}` gains by choosing otherwise", player.name))
                .at(model.agents[player.agent].span, "one who decides")
                .note(format!(
                    "{} in place of {}{}: a gain of {:.3e} of what is at stake",
                    gain.to,
                    gain.from,
                    if gain.knowing.is_empty() { String::new() } else { format!(" where {}", gain.knowing) },
                    gain.share
                ))
                .hint("this is no equilibrium; narrow the intervals of the actions, or look for others with solve { find = all }"),
        );
    }
}

/// The proofs that each type does what is best for it, however little it has at stake, and that the means of actions are right.
fn of_each_type(model: &Model, player: &Player, gain: &Gain, world: &mut WorldCertificate) {
    let refused =
        |headline: String| Diagnostic::error("E0946", headline).at(model.agents[player.agent].span, "one who decides");
    let hint = "rewards that move smoothly with what is known make strategies smooth; a type that may stand aside needs the edge in the reward (`b >= 0.2`)";
    if let Some(own) = &gain.own {
        let value = own.share.max(1e-16).log10();
        world.proofs.push(ProofRow {
            name: format!("one-shot gain of {}, each type", player.name),
            value,
            scale: Scale::Log,
            limit: Some(OWN),
            holds: Some(value <= OWN),
            note: "share of what is at stake for that type, beyond four standard errors".into(),
        });
        if value > OWN {
            let d = refused(format!("`{}` does not what is best where {}", player.name, own.knowing));
            let note = format!(
                "{} in place of {}: a gain of {:.2e} of what is at stake there",
                own.to, own.from, own.share
            );
            world.reasons.push(d.note(note).hint(hint));
        }
    }
    for m in &gain.means {
        world.proofs.push(ProofRow {
            name: format!("mean of {}, off what is best", m.action),
            value: m.share,
            scale: Scale::Share,
            limit: Some(MEAN),
            holds: Some(m.share <= MEAN),
            note: "over evenly likely types, where another choice surely pays more".into(),
        });
        if m.share > MEAN {
            let d = refused(format!(
                "the mean of `{}` is not that of what is best for each type",
                m.action
            ));
            let note = format!("off by {:.2} % of its size", 100.0 * m.share);
            world.reasons.push(d.note(note).hint(hint));
        }
    }
}

/// The proof that a price clears next to what a player chooses; `missed` is a choice at which none does.
fn priced_nearby(model: &Model, player: &Player, missed: Option<&str>, world: &mut WorldCertificate) {
    world.proofs.push(ProofRow {
        name: format!("other choices of {} nearby without a price", player.name),
        value: f64::from(u8::from(missed.is_some())),
        scale: Scale::Plain,
        limit: Some(0.0),
        holds: Some(missed.is_none()),
        note: "no price clears there, so nobody knows what they pay".into(),
    });
    if let Some(at) = missed {
        world.reasons.push(at_the_end(model, player, at));
    }
}

/// The proofs that the prices that a player takes as given clear their markets, `watched` being what is left over (one price each, its cases);
/// returns the largest excess demand.
fn clears_for(
    model: &Model,
    player: &Player,
    (at, watched): (&AtPrices, &[Vec<f64>]),
    world: &mut WorldCertificate,
) -> f64 {
    let mut excess = f64::NAN;
    for (k, name) in at.names.iter().enumerate().filter(|(k, _)| at.clears[*k]) {
        let worst = watched[k].iter().map(|x| x.abs()).fold(0.0, f64::max);
        excess = excess.max(worst);
        world.proofs.push(ProofRow {
            name: format!("excess demand at {name}"),
            value: worst,
            scale: Scale::Plain,
            limit: Some(EXCESS),
            holds: Some(worst <= EXCESS),
            note: format!("seen by {}", player.name),
        });
        if !(worst <= EXCESS) {
            world.reasons.push(uncleared(model, name));
        }
    }
    excess
}

/// The proof that markets clear in the economy, in every case.
fn markets_clear(model: &Model, paid: &Lane, world: &mut WorldCertificate) {
    let missed = paid.clears.iter().filter(|c| !**c).count();
    world.proofs.push(ProofRow {
        name: "cases in which a market does not clear".into(),
        value: missed as f64,
        scale: Scale::Plain,
        limit: Some(0.0),
        holds: Some(missed == 0),
        note: "in the economy".into(),
    });
    if missed > 0 {
        let name = model.prices.iter().find(|p| p.clears).map_or("", |p| p.name.as_str());
        world.reasons.push(uncleared(model, name));
    }
}

/// How far best replies move, as a share, where what is given moves by 1 %.
fn reply_to_others(moved: f64) -> ProofRow {
    ProofRow {
        name: "best reply where what is given moves by 1 %".into(),
        value: moved,
        scale: Scale::Share,
        limit: None,
        holds: None,
        note: match moved {
            m if m.is_nan() => "finite or mixed choices: not measured".into(),
            0.0 => "it does not move: what each does is best whatever the others do".into(),
            _ => "largest move of a choice".into(),
        },
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)))
}

fn prices(model: &Model) -> Vec<crate::graph::NodeId> {
    model.prices.iter().map(|p| p.node).collect()
}

fn uncleared(model: &Model, name: &str) -> Diagnostic {
    let d = Diagnostic::error("E0947", format!("`{name}` does not clear its market"));
    let price = model.prices.iter().find(|p| p.name == name);
    match price {
        Some(p) => d.at(p.span, "this price"),
        None => d,
    }
    .hint("widen the domain of the price, or let demand or supply move with it")
}

/// A choice that is best because a price's domain ends.
fn at_the_end(model: &Model, player: &Player, at: &str) -> Diagnostic {
    let d = Diagnostic::error(
        "E0947",
        format!(
            "a price stands at the end of its domain, and that is what stops `{}`",
            player.name
        ),
    )
    .note(format!("with {at} no price in the domain clears the market"));
    match model.prices.iter().find(|p| p.clears) {
        Some(p) => d.at(p.span, "a price that clears"),
        None => d,
    }
    .hint("widen the domain of the price; where the price stands at every new end, too, the game has no equilibrium: each gains by moving the price further")
}

/// What a player earns on average in the cases with some actions set to other numbers, (action, element, value) each.
fn earned(
    bench: &mut GameCopies,
    over: &[(usize, usize, f64)],
    model: &Model,
    player: &Player,
) -> Result<f64, Diagnostic> {
    let at = bench.stand(&[])?;
    let paid = bench.pays(&at, over)?;
    Ok(obtained(bench, &paid, model, player))
}

/// What a player is paid on average in the cases.
fn obtained(bench: &GameCopies, paid: &Lane, model: &Model, player: &Player) -> f64 {
    let own = bench.rewards(paid, model, player.agent, player.member.unwrap_or(0));
    bench.mean(&own)
}

/// Whether what a player obtains is what the solution promises; where cases are drawn, as a share of what is paid whichever way.
fn promised(
    solution: &Solution,
    player: &Player,
    (own, size): (f64, f64),
    exact: &bool,
    model: &Model,
    world: &mut WorldCertificate,
) {
    let d = model.agents[player.agent]
        .discount
        .and_then(|d| model.graph.nodes[d.0 as usize].domain.as_point());
    let times = match d {
        Some(d) if solution.infinite && d < 1.0 => 1.0 - d,
        _ => 1.0,
    };
    let weights = solution.chain.transition.first().cloned().unwrap_or_default();
    let said: f64 = player.value.iter().zip(&weights).map(|(v, w)| v * w * times).sum();
    let size = if *exact { 0.0 } else { size };
    let off = (own - said).abs() / (1e-9 + said.abs().max(own.abs()).max(size));
    let limit = if *exact { PROMISED.0 } else { PROMISED.1 };
    // Values near zero are compared as they are.
    let holds = off <= limit || (own - said).abs() <= 1e-9;
    world.proofs.push(ProofRow {
        name: format!("value of {} obtained less promised", player.name),
        value: if holds { off.min(limit) } else { off },
        scale: Scale::Share,
        limit: Some(limit),
        holds: Some(holds),
        note: format!(
            "{own:.8} obtained, {said:.8} promised",
            own = plain(own),
            said = plain(said)
        ),
    });
    if !holds {
        world.reasons.push(
            Diagnostic::error(
                "E0944",
                format!("`{}` does not obtain what the solution promises", player.name),
            )
            .note(format!(
                "{own:.8} obtained, {said:.8} promised",
                own = plain(own),
                said = plain(said)
            )),
        );
    }
}

/// What was seen in the cases: actions, prices, rewards.
fn moments(
    model: &Model,
    solution: &Solution,
    bench: &GameCopies,
    base: &[crate::env::worlds::trial::Place],
    paid: &Lane,
) -> Vec<SeriesMoments> {
    let mut out = Vec::new();
    let mut push = |name: String, values: &[f64]| {
        let mean = bench.mean(values);
        let square: Vec<f64> = values.iter().map(|x| (x - mean) * (x - mean)).collect();
        let (min, max) = range(values);
        out.push(SeriesMoments {
            name,
            mean,
            sd: bench.mean(&square).max(0.0).sqrt(),
            errors: (f64::NAN, f64::NAN),
            autocorrelation: f64::NAN,
            min,
            max,
            chain: None,
        });
    };
    for p in &solution.players {
        for a in &p.actions {
            if let Some((action, element)) = bench.slot(model, solution, *a, p) {
                let input = model.actions[action].input.0 as usize;
                let values: Vec<f64> = base.iter().map(|x| x.inputs[input][element]).collect();
                push(solution.actions[*a].name.clone(), &values);
            }
        }
    }
    for (p, values) in model.prices.iter().zip(&paid.watched) {
        let n = base.len();
        if values.len() >= n {
            push(p.name.clone(), &values[..n]);
        }
    }
    for p in &solution.players {
        push(
            format!("{}.reward", p.name),
            &bench.rewards(paid, model, p.agent, p.member.unwrap_or(0)),
        );
    }
    out
}

/// What is best for each of two against what the other chooses, where both choose one number.
fn reactions(
    model: &Model,
    solution: &Solution,
    bench: &mut GameCopies,
    base: &[crate::env::worlds::trial::Place],
    seed: u64,
) -> Result<Vec<Reaction>, Diagnostic> {
    let all: Vec<(usize, usize)> = (0..model.actions.len())
        .flat_map(|a| (0..model.graph.elements(&model.actions[a].shape)).map(move |e| (a, e)))
        .collect();
    let numbers = solution
        .actions
        .iter()
        .all(|a| matches!(a.kind, ActionKind::Continuous));
    if all.len() != 2 || !numbers || bench.weights.len() > 1 {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    for player in &solution.players {
        let mut trial = Trial::new(model, solution, player, &mut *bench, seed);
        for slot in trial.slots() {
            let Some(other) = all.iter().find(|(a, e)| (*a, *e) != (slot.1, slot.2)) else {
                continue;
            };
            // Who chooses first has nobody to react to.
            if model.actions[slot.1].stage < model.actions[other.0].stage {
                continue;
            }
            let there = base[0].inputs[model.actions[other.0].input.0 as usize][other.1];
            let mut reaction = Reaction {
                of: solution.actions[slot.0].name.clone(),
                to: model.actions[other.0].name.clone(),
                at: Vec::new(),
                best: Vec::new(),
            };
            for k in 0..REACTION {
                let x = there * 2.0 * k as f64 / (REACTION - 1) as f64;
                if let Some(best) = trial.best(base, slot, &[(other.0, other.1, x)])? {
                    reaction.at.push(x);
                    reaction.best.push(best);
                }
            }
            out.push(reaction);
        }
    }
    Ok(out)
}
