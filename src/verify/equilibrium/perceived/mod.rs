//! The judgement of an equilibrium by perceived laws.
//!
//! * A member is judged in the economy of one member, in which the law moves what he forecasts, with all proofs of `verify/world/`.
//! * The law is judged by what members do: the judge carries a distribution of its own along a path of its own ([`crowd`]), iterates the law
//!   beside it and never tells it what the moment became (den Haan 2010); the law that fits this path must forecast what the stated one
//!   does. The share of variance that a law explains is shown and decides nothing: wrong laws have .9999, too.
//! * A population of so many members is simulated in the model's own economy ([`members`]): its mean must stay within sampling error of
//!   the distribution's, and its prices must be those that members expect.
//! * The law must matter: shifted by one per cent it moves what is simulated.
//! * On twice as many nodes members do much the same.
//! * A price that clears a market in each period clears it on the judge's path under the policy as it is handed over, and members choose what
//!   is best at the prices that then really come ([`realised`]).

mod crowd;
mod members;
mod realised;
#[cfg(test)]
mod tests;

use super::record::{EquilibriumCertificate, PlayerVerdict};
use crate::check::Model;
use crate::diag::{Diagnostic, Severity};
use crate::num::statistics;
use crate::solve::continuum::perceived;
use crate::solve::continuum::perceived::law::{Law, Perceived, forecast};
use crate::solve::continuum::perceived::member::Member;
use crate::solve::continuum::perceived::reply::reply;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::Found;
use crate::solve::solution::Solution;
use crate::verify::grid::Certificate;
use crate::verify::world::{self, JudgeOptions, ProofRow, Scale, WorldCertificate};
use crowd::{Crowd, Walked};
use realised::realised;

/// Periods of the judge's path, those of them that are left out, and periods where the law is shifted or nodes are doubled.
const PERIODS: usize = 3000;
const BURN_IN: usize = 500;
const LESS: usize = 1500;
/// Largest dynamic forecast error, and its mean, as shares of the moment.
const LARGEST: f64 = 5e-3;
const MEAN: f64 = 1e-3;
/// Largest difference between what the law forecasts and what the law forecasts that fits the judge's path, log10 of a share of the moment.
const APART: f64 = -3.0;
/// The same of a price, in units of its standard deviation; and the least of these, a share of the price.
const OF_PRICE: (f64, f64, f64) = (0.2, 0.05, -1.3);
const STILL: f64 = 1e-4;
/// What may be left over of a market, log10 of a share of what is traded.
const LEFT: f64 = -4.0;
/// Gain from saving more or less at the prices that come, its mean and what 99 % of members do not exceed, log10 of a share of what it costs.
const EULER: (f64, f64) = (-3.0, -2.0);
/// Most standard errors by which the mean of a population may be off.
const ERRORS: f64 = 5.0;
/// Largest difference of prices, a share.
const PRICES: f64 = 0.01;
/// Largest mass at the highest node.
const TOP: f64 = 1e-6;
/// The shift, and the least by which what is simulated must then move, as a share of it.
const SHIFT: f64 = 0.01;
const MOVES: f64 = 1e-3;

/// Judges.
///
/// # Errors
/// Those of a simulation and of the economy's programs; E0815 for a solution of another model.
pub(super) fn judge(
    model: &Model,
    economy: &Economy,
    found: &Found,
    laws: &Perceived,
    options: &JudgeOptions,
) -> Result<Certificate, Diagnostic> {
    let lost = |why: String| Diagnostic::error("E0815", "the solution is not of this model").note(why);
    let mut member = perceived::member(economy).map_err(|r| lost(r.why))?;
    member.set_laws(&laws.laws);
    member.set_determined(&found.solution.chain).map_err(|r| lost(r.why))?;
    // Lives begin at the price that is usual where they begin: in a slump nobody meets that of a boom.
    if let Some((mean, _)) = laws.moments.first() {
        let own = laws.prices.iter().map(|p| if p.1.is_finite() { p.1 } else { *mean });
        let own: Vec<f64> = own.collect();
        member.set_first_price(*mean, &own);
    }
    let alone = Solution {
        players: Vec::new(),
        ..found.solution.clone()
    };
    let mut world = world::judge(&member.model, &alone, &[], &found.discretised, options)?;
    for p in &mut world.proofs {
        let bare = p.name.strip_prefix("economy: ").unwrap_or(&p.name);
        p.name = format!("member: {bare}");
    }
    let law = laws.laws.first().ok_or_else(|| lost("it has no law".into()))?;
    let moved = judge_law(model, &member, (&alone, law), options.seed, &mut world)?;
    let player = found.solution.players.first();
    let gain = world
        .proofs
        .iter()
        .find(|p| p.name.starts_with("member: one-shot gain"));
    let standing = PlayerVerdict {
        name: model.agents[member.agent].name.clone(),
        value: promised(&world),
        value_error: 0.0,
        one_shot: gain.map_or(f64::NAN, |p| 10f64.powf(p.value)),
        best_reply: f64::NAN,
    };
    let mut reasons = found.solution.record.warnings.clone();
    let passed = player.is_some() && world.passed() && !reasons.iter().any(|d| d.severity == Severity::Error);
    reasons.extend(world.reasons.iter().cloned());
    Ok(Certificate {
        passed,
        reasons,
        unit: "consumption".into(),
        equilibrium: Some(EquilibriumCertificate {
            concept: economy.conduct(),
            unit: "consumption".into(),
            players: vec![standing],
            excess: f64::NAN,
            moved,
            searches: found.searches,
            scope: found.scope.clone(),
            found: 1,
            ..EquilibriumCertificate::default()
        }),
        world: Some(world),
        ..Certificate::default()
    })
}

/// What a life is promised where it begins, as the proof of it says.
fn promised(world: &WorldCertificate) -> f64 {
    let note = world.proofs.iter().find_map(|p| p.note.split("promised ").nth(1));
    let number = note.and_then(|n| n.split([',', ';']).next());
    number.and_then(|n| n.trim().parse().ok()).unwrap_or(f64::NAN)
}

/// Judges the law; by what share what is simulated moves where it is shifted.
fn judge_law(
    model: &Model,
    member: &Member,
    (solution, law): (&Solution, &Law),
    seed: u64,
    world: &mut WorldCertificate,
) -> Result<f64, Diagnostic> {
    let span = member.moments[0].span;
    let name = &law.name;
    let crowd = Crowd::new(member, solution, seed)?;
    let path = crowd.chain.path(PERIODS, seed);
    let shares = crowd.chain.shares();
    let start = |path: &[usize], crowd: &Crowd| crowd.gathered(member.first(), &shares[path[0]]);
    let walked = crowd.walk(start(&path, &crowd), &path, BURN_IN);
    let counted = &walked.moment[BURN_IN..];
    let (mean, sd) = (statistics::mean(counted), statistics::sd(counted));
    let at = law.places(counted, &path[BURN_IN..]);
    let priced = member.moments[0].price.is_some();
    // A price moves little: its errors are measured by how much it moves.
    let unit = if priced { (sd / mean.abs()).max(STILL) } else { 1.0 };
    let (largest, usual_error, different) = if priced { OF_PRICE } else { (LARGEST, MEAN, APART) };
    // The law by itself.
    let told = forecast(law, &walked.moment, &path, BURN_IN);
    let periods = PERIODS - BURN_IN;
    let own_path = format!("{periods} periods of another path than that of the fit; {name} is never told to the law");
    let far = !world.share("largest dynamic forecast error", told.largest, Some(LARGEST), own_path)
        | !world.share(
            "mean dynamic forecast error",
            told.mean,
            Some(usual_error * unit),
            format!("share of {name} (den Haan 2010)"),
        );
    let fit = law.fitted(&walked.moment, &path, BURN_IN);
    let apart = law.apart_at(&fit.law, &at);
    let other = !world.log(
        "law, against the one that fits another path",
        apart,
        Some(different + unit.log10()),
        format!("largest difference of what they forecast a period ahead, share of {name}"),
    );
    if far || other {
        world.reasons.push(
            Diagnostic::error("E0992", format!("what members expect of `{name}` is not what happens"))
                .at(span, "forecast by its law")
                .note(format!(
                    "the law by itself is off by {:.2} % at most and {:.3} % on average ({:.2} % and {:.3} % are allowed); the law that fits what members do differs by {apart:.1e}",
                    100.0 * told.largest, 100.0 * told.mean, 100.0 * largest * unit, 100.0 * usual_error * unit
                ))
                .hint("a smaller `tolerance`, a longer path (`law.periods`), more nodes (`law.nodes`); where it stays, one line in one mean forecasts too little (of a price: `law.history = 2`)"),
        );
    }
    if !world.share(
        "members at the highest node",
        walked.top,
        Some(TOP),
        format!("largest over {PERIODS} periods"),
    ) {
        let state = &model.states[member.state];
        world.reasons.push(
            Diagnostic::error("E0938", "the distribution piles up at the top of its grid")
                .at(state.span, "this state")
                .hint("let its grid go further: `grid.NAME = double_log(lower, upper, nodes)`"),
        );
    }
    if priced {
        market(member, solution, &crowd, (&walked, &path), seed, world)?;
    } else {
        population(model, member, (solution, &crowd), seed, world)?;
    }
    // The law must matter.
    let mut other = law.clone();
    let shift = if priced { unit } else { SHIFT };
    other
        .constant
        .iter_mut()
        .for_each(|c| *c += if law.logs { shift } else { shift * mean.abs() });
    let less = &path[..LESS];
    let mean_under = |law: &Law, finer: bool| -> Result<(Vec<f64>, f64), Diagnostic> {
        let reply = reply(member, law, solution, finer)?;
        let crowd = Crowd::new(member, &reply, seed)?;
        let moment = crowd.walk(start(less, &crowd), less, BURN_IN).moment;
        let mean = statistics::mean(&moment[BURN_IN..]);
        Ok((moment, mean))
    };
    let usual = statistics::mean(&walked.moment[BURN_IN..LESS]);
    let (_, shifted) = mean_under(&other, false)?;
    let moved = ((shifted - usual) / usual).abs();
    let matters = moved >= if priced { MOVES * unit } else { MOVES };
    let by = if priced { "its standard deviation" } else { "1 %" };
    world.proofs.push(ProofRow {
        name: format!("law shifted by {by}, what is simulated moves by"),
        value: moved,
        scale: Scale::Share,
        limit: None,
        // Where hardly anything is traded what comes next moves no price.
        holds: (!priced).then_some(matters),
        note: format!("mean of {name} where everybody expects {by} more of it"),
    });
    if !matters && priced {
        world.reasons.push(
            Diagnostic::warning(
                "W0991",
                format!("what members expect of `{name}` hardly matters to what it is"),
            )
            .at(span, "forecast by a law that could be any other")
            .note(format!(
                "it moves by {moved:.1e} of itself where the law is shifted by {unit:.1e}"
            ))
            .hint("where nearly nothing is traded the price follows from the present alone, and no equilibrium had to be found"),
        );
    } else if !matters {
        world.reasons.push(
            Diagnostic::error(
                "E0992",
                format!("what members expect of `{name}` does not matter to what they do"),
            )
            .at(span, "forecast by a law that could be any other")
            .hint("an equilibrium of forecasts needs prices that depend on what is forecast"),
        );
    }
    let (finer, mean_finer) = mean_under(law, true)?;
    let nodes = law
        .fitted(&finer, less, BURN_IN)
        .law
        .apart_at(&law.fitted(&walked.moment[..LESS], less, BURN_IN).law, &at);
    world.log(
        "law, against the one of twice as many nodes",
        nodes,
        Some(different + unit.log10()),
        format!(
            "of all states; mean of {name} {mean_finer:.4} in place of {usual:.4} on the same {} periods",
            LESS - BURN_IN
        ),
    );
    Ok(moved)
}

/// A market that clears in each period.
fn market(
    member: &Member,
    solution: &Solution,
    crowd: &Crowd,
    (walked, path): (&Walked, &[usize]),
    seed: u64,
    world: &mut WorldCertificate,
) -> Result<(), Diagnostic> {
    let (name, span) = (&member.moments[0].name, member.moments[0].span);
    let found = realised(member, solution, crowd, (&walked.stood, path), seed)?;
    let cleared = world.log(
        "left over of the market, share of what is traded",
        found.left,
        Some(LEFT),
        format!(
            "largest of {} periods, by the policy as it is; no price clears in {} of {} periods",
            found.periods,
            walked.unclear,
            path.len() - BURN_IN
        ),
    );
    if !cleared || walked.unclear > 0 {
        world.reasons.push(
            Diagnostic::error("E0844", format!("the market of `{name}` does not clear in each period"))
                .at(span, "cleared by this price")
                .note(format!(
                    "{:.1e} of what is traded is left over; in {} of {} periods no price clears",
                    found.left,
                    walked.unclear,
                    path.len() - BURN_IN
                ))
                .hint(format!(
                    "more nodes of the price: solve {{ grid.{} = log(low, high, nodes) }}",
                    short(name)
                )),
        );
    }
    let usual = world.log(
        "gain from saving at the prices that come, mean",
        found.mean,
        Some(EULER.0),
        format!(
            "what a unit saved brings less what it costs, share of the cost; {} places of {} periods",
            found.places, found.periods
        ),
    );
    let most = world.log(
        "gain from saving at the prices that come, 99 %",
        found.most,
        Some(EULER.1),
        format!(
            "of members; largest {:.1e}, at {} = {:.5}, {name} = {:.5}",
            found.largest, member.model.states[member.state].name, found.at.0, found.at.1
        ),
    );
    if !usual || !most {
        world.reasons.push(
            Diagnostic::error(
                "E0845",
                "members would rather save otherwise at the prices that really come",
            )
            .at(span, "expected by a law")
            .note(format!(
                "a unit saved brings {:.1e} of its cost more or less on average, {:.1e} at most",
                found.mean, found.largest
            ))
            .hint("a smaller `tolerance`, more nodes, a longer path (`law.periods`)"),
        );
    }
    Ok(())
}

/// A name without its block.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A population of so many members.
fn population(
    model: &Model,
    member: &Member,
    (solution, crowd): (&Solution, &Crowd),
    seed: u64,
    world: &mut WorldCertificate,
) -> Result<(), Diagnostic> {
    let Some(s) = members::simulated(model, member, solution, crowd, seed)? else {
        return Ok(());
    };
    let name = &member.moments[0].name;
    let near = s.errors <= ERRORS;
    world.proofs.push(ProofRow {
        name: format!("{name} of {} members, standard errors off", s.members),
        value: s.errors,
        scale: Scale::Plain,
        limit: Some(ERRORS),
        holds: Some(near),
        note: format!(
            "from the distribution's on the same path, largest over {} periods; {:.3} % of it",
            s.periods,
            100.0 * s.share
        ),
    });
    let priced = world.share(
        "prices of these members, against those expected",
        s.prices,
        Some(PRICES),
        format!("mean of {} periods, largest over prices", s.periods),
    );
    if !near || !priced {
        world.reasons.push(
            Diagnostic::error(
                "E0992",
                "a simulated population does otherwise than the distribution of members",
            )
            .at(member.moments[0].span, "its mean, and the prices that come of it")
            .note(format!(
                "{} members differ by {:.1} standard errors; prices by {:.2} %",
                s.members,
                s.errors,
                100.0 * s.prices
            ))
            .hint("please send this model to the authors: the solver and the simulated economy disagree"),
        );
    }
    Ok(())
}
