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

mod crowd;
mod members;
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
use crowd::Crowd;

/// Periods of the judge's path, those of them that are left out, and periods where the law is shifted or nodes are doubled.
const PERIODS: usize = 3000;
const BURN_IN: usize = 500;
const LESS: usize = 1500;
/// Largest dynamic forecast error, and its mean, as shares of the moment.
const LARGEST: f64 = 5e-3;
const MEAN: f64 = 1e-3;
/// Largest difference between what the law forecasts and what the law forecasts that fits the judge's path, log10 of a share of the moment.
const APART: f64 = -3.0;
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
    let walked = crowd.walk(start(&path, &crowd), &path);
    let counted = &walked.moment[BURN_IN..];
    let (mean, sd) = (statistics::mean(counted), statistics::sd(counted));
    let at = [mean - 2.0 * sd, mean + 2.0 * sd];
    // The law by itself.
    let told = forecast(law, &walked.moment, &path, BURN_IN);
    let periods = PERIODS - BURN_IN;
    let own_path = format!("{periods} periods of another path than that of the fit; {name} is never told to the law");
    let far = !world.share("largest dynamic forecast error", told.largest, Some(LARGEST), own_path)
        | !world.share(
            "mean dynamic forecast error",
            told.mean,
            Some(MEAN),
            format!("share of {name} (den Haan 2010)"),
        );
    let fit = law.fitted(&walked.moment, &path, BURN_IN);
    let apart = law.apart(&fit.law, at);
    let other = !world.log(
        "law, against the one that fits another path",
        apart,
        Some(APART),
        format!("largest difference of what they forecast a period ahead, share of {name}"),
    );
    if far || other {
        world.reasons.push(
            Diagnostic::error("E0992", format!("what members expect of `{name}` is not what happens"))
                .at(span, "forecast by its law")
                .note(format!(
                    "the law by itself is off by {:.2} % at most and {:.3} % on average ({:.1} % and {:.1} % are allowed); the law that fits what members do differs by {apart:.1e}",
                    100.0 * told.largest, 100.0 * told.mean, 100.0 * LARGEST, 100.0 * MEAN
                ))
                .hint("a smaller `tolerance`, a longer path (`law.periods`), more nodes (`law.nodes`); where it stays, one line in one mean forecasts too little"),
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
    population(model, member, (solution, &crowd), seed, world)?;
    // The law must matter.
    let mut other = law.clone();
    other
        .constant
        .iter_mut()
        .for_each(|c| *c += if law.logs { SHIFT } else { SHIFT * mean.abs() });
    let less = &path[..LESS];
    let mean_under = |law: &Law, finer: bool| -> Result<(Vec<f64>, f64), Diagnostic> {
        let reply = reply(member, law, solution, finer)?;
        let crowd = Crowd::new(member, &reply, seed)?;
        let moment = crowd.walk(start(less, &crowd), less).moment;
        let mean = statistics::mean(&moment[BURN_IN..]);
        Ok((moment, mean))
    };
    let usual = statistics::mean(&walked.moment[BURN_IN..LESS]);
    let (_, shifted) = mean_under(&other, false)?;
    let moved = ((shifted - usual) / usual).abs();
    let matters = moved >= MOVES;
    world.proofs.push(ProofRow {
        name: "law shifted by 1 %, what is simulated moves by".into(),
        value: moved,
        scale: Scale::Share,
        limit: None,
        holds: Some(matters),
        note: format!("mean of {name} where everybody expects 1 % more of it"),
    });
    if !matters {
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
        .apart(&law.fitted(&walked.moment[..LESS], less, BURN_IN).law, at);
    world.log(
        "law, against the one of twice as many nodes",
        nodes,
        Some(APART),
        format!(
            "of all states; mean of {name} {mean_finer:.4} in place of {usual:.4} on the same {} periods",
            LESS - BURN_IN
        ),
    );
    Ok(moved)
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
