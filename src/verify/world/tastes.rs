//! Finite choices with taste shocks: every choice is made, with the probabilities of a logit of what the choices are worth (McFadden
//! 1974; Rust 1987), and the value is the expected largest worth, tastes included. Whatever else is chosen goes with the choice: each is tried
//! with the other actions that the policy takes beside it.

use super::mesh::Mesh;
use super::seat::SolvedSeat;
use super::trials::{Job, Range, Trials};
use super::visit::{Landings, Visit};
use super::{Rest, WorldCertificate, WorldEvidence, WorldProof};
use crate::diag::Diagnostic;

/// Mean of a standard Gumbel law.
const EULER: f64 = 0.577_215_664_901_532_9;
/// Draws of the comparison of probabilities.
const DRAWS: usize = 2048;

/// Which choice has taste shocks, and their scale.
pub fn scale(seat: &SolvedSeat) -> Option<(usize, f64)> {
    let mut choices = seat.choices.iter().enumerate();
    choices.find_map(|(c, x)| x.taste.map(|t| (c, t)))
}

/// Whether there are other choices beside the one with taste shocks.
pub fn among_several(seat: &SolvedSeat) -> bool {
    seat.choices.len() > 1 && scale(seat).is_some()
}

/// Fixes the choice with taste shocks at the one played: `ranges`, `[visit][choice]`, then hold what is left to choose beside it.
pub fn given(seat: &SolvedSeat, visits: &[Visit], ranges: &mut [Vec<Range>]) {
    let Some((c, _)) = scale(seat) else { return };
    for (v, own) in visits.iter().zip(ranges) {
        own[c] = Range::Values(vec![v.actions[c]]);
    }
}

/// What the policy does at a visit with each choice, `[choice][action]`: the other actions as played beside it, within their bounds.
fn beside(bench: &WorldEvidence, c: usize, visit: &Visit, allowed: &[Range]) -> Vec<Vec<f64>> {
    let spot = bench.policy.spot(visit.place.period, &visit.shocks, &visit.states);
    let with = |(k, x): (usize, &f64)| {
        let mut actions = visit.actions.clone();
        for (other, range) in allowed.iter().enumerate() {
            if other == c {
                actions[c] = *x;
                continue;
            }
            let a = bench.policy.action_given(other, k, &spot);
            actions[other] = match range {
                Range::Between(lo, hi) => a.max(*lo).min(*hi),
                Range::Values(_) => a,
            };
        }
        actions
    };
    bench.seat.choices[c].values.iter().enumerate().map(with).collect()
}

/// Least probability of a choice for what is done beside it to be judged by itself.
const SELDOM: f64 = 1e-3;

/// A visit with one of its choices and the other actions beside it.
pub struct Given {
    /// The visit's number.
    pub of: usize,
    /// The visit with that choice.
    pub visit: Visit,
    /// How likely the choice is there.
    pub chance: f64,
}

/// Every visit once for each choice that is not taken too seldom.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn apart(
    bench: &WorldEvidence,
    trials: &mut Trials,
    visits: &[Visit],
    draws: usize,
) -> Result<Vec<Given>, Diagnostic> {
    let Some((c, t)) = scale(bench.seat) else {
        return Ok(Vec::new());
    };
    let at: Vec<usize> = (0..visits.len()).collect();
    let worth = each(bench, trials, visits, &at, draws, None)?;
    let allowed = trials.ranges(visits)?;
    let mut out = Vec::new();
    for (of, (v, q)) in visits.iter().zip(&worth).enumerate() {
        let all = beside(bench, c, v, &allowed[of]);
        for (actions, chance) in all.into_iter().zip(logit(q, t).0) {
            if chance >= SELDOM {
                let visit = Visit { actions, ..v.clone() };
                out.push(Given { of, visit, chance });
            }
        }
    }
    Ok(out)
}

/// What the gains at each of `parts` (as made by [`apart`], one gain per part) add to the expected largest worth, one value per
/// visit: with taste shocks of scale `t` the choice with a larger worth is also taken more often.
pub fn together(seat: &SolvedSeat, parts: &[Given], gains: &[f64], visits: usize) -> Vec<f64> {
    let t = scale(seat).map_or(1.0, |s| s.1);
    let mut out = vec![0.0; visits];
    for (p, gain) in parts.iter().zip(gains) {
        out[p.of] += p.chance * (gain / t).exp_m1();
    }
    out.iter().map(|x| t * x.ln_1p()).collect()
}

/// Worth of every choice, minus infinity where it is not allowed, `[at][choice]`.
fn each(
    bench: &WorldEvidence,
    trials: &mut Trials,
    visits: &[Visit],
    at: &[usize],
    draws: usize,
    landings: Option<&mut Landings>,
) -> Result<Vec<Vec<f64>>, Diagnostic> {
    let Some((c, _)) = scale(bench.seat) else {
        return Ok(Vec::new());
    };
    let values = &bench.seat.choices[c].values;
    let allowed = trials.ranges(visits)?;
    let mut tried: Vec<(usize, Vec<f64>)> = Vec::new();
    for &i in at {
        let all = beside(bench, c, &visits[i], &allowed[i]);
        tried.extend(all.into_iter().map(|a| (i, a)));
    }
    let jobs: Vec<Job> = tried
        .iter()
        .map(|(visit, actions)| Job { visit: *visit, actions })
        .collect();
    let worth = trials.measure(visits, &jobs, draws, landings)?;
    let open = |i: usize, x: f64| matches!(&allowed[i][c], Range::Values(v) if v.contains(&x));
    Ok(at
        .iter()
        .zip(worth.chunks(values.len()))
        .map(|(&i, w)| {
            let own = w.iter().zip(values);
            own.map(|(w, x)| if open(i, *x) { w.q } else { f64::NEG_INFINITY })
                .collect()
        })
        .collect())
}

/// Probabilities of a logit, and the expected largest worth.
fn logit(q: &[f64], scale: f64) -> (Vec<f64>, f64) {
    let top = q.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = q.iter().map(|q| ((q - top) / scale).exp()).collect();
    let sum: f64 = weights.iter().sum();
    (
        weights.iter().map(|w| w / sum).collect(),
        top + scale * (sum.ln() + EULER),
    )
}

/// The expected largest worth at the visits numbered by `at`, one value per number.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn worth(
    bench: &WorldEvidence,
    trials: &mut Trials,
    visits: &[Visit],
    at: &[usize],
    draws: usize,
) -> Result<Vec<f64>, Diagnostic> {
    let t = scale(bench.seat).map_or(1.0, |s| s.1);
    let all = each(bench, trials, visits, at, draws, None)?;
    Ok(all.iter().map(|q| logit(q, t).1).collect())
}

/// Residuals at the places of a mesh (one value per place), and where the choices lead from there: for each place a row of
/// `(place, probability times discount)`. `values` has one value per place.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn evaluate(
    bench: &WorldEvidence,
    trials: &mut Trials,
    mesh: &Mesh,
    places: &[Visit],
    values: &[f64],
    draws: usize,
) -> Result<(Vec<f64>, Vec<Vec<(usize, f64)>>), Diagnostic> {
    let t = scale(bench.seat).map_or(1.0, |s| s.1);
    let at: Vec<usize> = (0..places.len()).collect();
    let mut landings = Landings::default();
    let all = each(bench, trials, places, &at, draws, Some(&mut landings))?;
    let per = all.first().map_or(0, Vec::len);
    let led = mesh.rows(&landings, places.len() * per);
    let mut rows = Vec::with_capacity(places.len());
    let mut right = Vec::with_capacity(places.len());
    for (i, q) in all.iter().enumerate() {
        let (chances, worth) = logit(q, t);
        right.push(worth - values[i]);
        let mut row = Vec::new();
        for (p, from) in chances.iter().zip(&led[i * per..(i + 1) * per]) {
            row.extend(from.iter().map(|(k, w)| (*k, w * p)));
        }
        rows.push(row);
    }
    Ok((right, rows))
}

/// How far probabilities of choices with taste shocks are from the logit.
pub struct Probabilities;

impl WorldProof for Probabilities {
    fn prove(
        &self,
        bench: &WorldEvidence,
        trials: &mut Trials,
        out: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic> {
        prove(bench, trials, out).map(|()| None)
    }
}

/// The probabilities that the policy plays against the logit of what choices are worth in the economy.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn prove(bench: &WorldEvidence, trials: &mut Trials, out: &mut WorldCertificate) -> Result<(), Diagnostic> {
    let Some((c, t)) = scale(bench.seat) else { return Ok(()) };
    let visits = &bench.played.visits;
    let reader = bench.policy;
    let at: Vec<usize> = (0..visits.len()).collect();
    let worth = each(bench, trials, visits, &at, DRAWS, None)?;
    let mut gaps = vec![0.0f64; visits.len()];
    let mut played = Vec::new();
    for (i, (v, q)) in visits.iter().zip(&worth).enumerate() {
        let spot = reader.spot(v.place.period, &v.shocks, &v.states);
        if !reader.chances(&spot, &mut played) {
            return Ok(());
        }
        let open = played.iter_mut().zip(q);
        open.filter(|(_, q)| **q == f64::NEG_INFINITY)
            .for_each(|(p, _)| *p = 0.0);
        let total: f64 = played.iter().sum();
        for (p, best) in played.iter().zip(logit(q, t).0) {
            let gap = (p / total - best).abs();
            gaps[i] = if gap.is_nan() { f64::INFINITY } else { gaps[i].max(gap) };
        }
    }
    let top = gaps.iter().copied().fold(0.0, f64::max);
    let name = &bench.seat.choices[c].name;
    let note = format!(
        "{} places visited in the economy, against the logit of own values",
        visits.len()
    );
    if !out.log(
        &format!("probabilities of {name}, largest error"),
        top,
        Some(bench.options.limit),
        note,
    ) {
        out.reasons.push(
            Diagnostic::error(
                "E0946",
                format!(
                    "`{name}` is chosen with probabilities that are off by up to {top:.2e} in the model's own economy"
                ),
            )
            .note(super::visit::worst(bench, &gaps))
            .hint(super::hints::cause(bench)),
        );
    }
    Ok(())
}
