//! Best numbers looked for again, and finite choices measured again, where those played seem to be off: with more draws, several times over, at fewer and fewer places.
//!
//! Few draws place kinks badly, and what is best against them is then off, not what is played. Each time the policy is evaluated anew with other
//! draws, so that the scatter of what is found says how much of the distance is known. A place is left alone as soon as it is known to be close, or known to be
//! far; what is neither gets more draws, for as long as they are affordable.

use super::errors::{Errors, FURTHER, MORE, evaluate};
use super::improve::{Better, improve};
use super::mesh::Correction;
use super::trials::{Job, Trials};
use super::visit::Visit;
use super::{LANES, WorldEvidence, effect, tastes};
use crate::diag::Diagnostic;
use rayon::prelude::*;

/// How often choices are looked for at a place, each time with other draws.
const TIMES: usize = 4;
/// Draws of each look.
const LOOKS: [usize; 4] = [400, 4000, 16_000, 64_000];
/// Most trials of one look.
const TRIALS: usize = 2_000_000;
/// Trials of one search for the best number, about.
const SEARCHED: usize = 12;
/// Most places at which finite choices are measured again at a time.
const CHOICES: usize = 40;
/// Share of the places of the first look which are the worst ones; the others are spread over all.
const WORST: usize = 3;
/// log10 of the largest error of a choice that passes where the file does not say what must hold, as a share of its size: between the states of a
/// coarse chain policies of right solutions are off by more than a thousandth.
const GROSS: f64 = -2.0;
/// Standard errors that an estimate may be off.
const ERRORS: f64 = 3.0;
/// How closely an error is known that needs no further look, as a share of it.
const KNOWN: f64 = 0.3;

/// Looks again wherever numbers seem to be off by more than the certificate's limit. Places that there is no time for count no more.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub(super) fn look(bench: &WorldEvidence, trials: &mut Trials, errors: &mut Errors) -> Result<(), Diagnostic> {
    let numbers: Vec<(usize, f64)> = (0..bench.seat.choices.len())
        .filter(|c| bench.seat.choices[*c].values.is_empty())
        .map(|c| (c, errors.size(c)))
        .map(|(c, size)| (c, if size > 0.0 { size } else { 1.0 }))
        .collect();
    if errors.better.is_empty() {
        return Ok(());
    }
    choices(bench, trials, errors)?;
    if numbers.is_empty() {
        return Ok(());
    }
    let limit = 10f64.powf(bench.options.policy);
    // Places and how far they seem to be off, of those where that is more than may be and not yet known well enough.
    let open = |errors: &Errors, among: &[usize], limit: f64, looked: bool| -> Vec<(f64, usize)> {
        let mut out: Vec<(f64, usize)> = Vec::new();
        for &i in among {
            let parts = numbers.iter().map(|(c, size)| (errors.seems(bench, i, *c), size));
            let worst = parts
                .filter(|((off, doubt), size)| {
                    let far = *off > limit * *size;
                    far && (!looked || *doubt > KNOWN * off)
                })
                .map(|((off, _), size)| off / size)
                .fold(0.0, f64::max);
            if worst > 0.0 {
                out.push((worst, i));
            }
        }
        out.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        out
    };
    let all: Vec<usize> = (0..errors.visits.len()).collect();
    if open(errors, &all, limit, false).is_empty() {
        return Ok(());
    }
    errors.effect = effect::of(bench, trials, (&errors.visits, &errors.units), &numbers)?;
    if trials.exact() {
        return Ok(());
    }
    let futures = evaluated(bench, trials, errors)?;
    let mut left = open(errors, &all, limit, false);
    let (mut draws, mut confirmed) = (0, false);
    for (k, more) in LOOKS.into_iter().enumerate() {
        if left.is_empty() {
            break;
        }
        let more = trials.fewest(more);
        let room = TRIALS / (TIMES * trials.lanes_of(more) * SEARCHED);
        if more <= draws || k > 0 && room == 0 {
            continue;
        }
        draws = more;
        let many = room.max(2).min(left.len());
        let chosen: Vec<usize> = if k == 0 {
            let mut chosen: Vec<usize> = left[..many.div_ceil(WORST)].iter().map(|w| w.1).collect();
            let mut rest: Vec<usize> = left[chosen.len()..].iter().map(|w| w.1).collect();
            rest.sort_unstable();
            let stride = rest.len().div_ceil((many - chosen.len()).max(1)).max(1);
            chosen.extend(rest.into_iter().step_by(stride));
            // What few draws say of the other places is not known.
            for i in left.iter().map(|w| w.1).filter(|i| !chosen.contains(i)) {
                errors.doubt[i].fill(f64::INFINITY);
            }
            errors.closely = Some(chosen.len());
            chosen
        } else {
            // The first look has so few draws that chance alone lets some of many places seem surely far: none is believed that more draws
            // have not seen.
            if !confirmed {
                for (_, i) in &left[many..] {
                    errors.doubt[*i].fill(f64::INFINITY);
                }
            }
            left[..many].iter().map(|w| w.1).collect()
        };
        several(bench, trials, errors, &chosen, draws, &numbers, &futures)?;
        confirmed = k > 0;
        left = open(errors, &chosen, limit, confirmed);
    }
    Ok(())
}

/// Measures again, with many draws and several times over, what finite choices gain that seem better by more than may be: few draws place the
/// kinks of the value badly, and choices that are worth nearly the same then seem wrong. Those that gain nothing are no better.
fn choices(bench: &WorldEvidence, trials: &mut Trials, errors: &mut Errors) -> Result<(), Diagnostic> {
    if trials.exact() {
        return Ok(());
    }
    let finite = |c: &usize| !bench.seat.choices[*c].values.is_empty();
    let finite: Vec<usize> = (0..bench.seat.choices.len()).filter(finite).collect();
    let limit = 10f64.powf(bench.options.limit);
    let draws = trials.fewest(LOOKS[1]);
    let room = (TRIALS / (TIMES * trials.lanes_of(draws) * 2)).clamp(2, CHOICES);
    let mut looked = vec![false; errors.visits.len()];
    let mut futures = None;
    for _ in 0..TIMES {
        let other = |i: &usize| {
            let (to, from) = (&errors.better[*i].actions, &errors.visits[*i].actions);
            finite.iter().any(|c| to[*c] != from[*c])
        };
        let share = |i: &usize| errors.better[*i].gain / errors.units[*i];
        let open = |i: &usize| !looked[*i] && other(i) && share(i) > limit;
        let mut which: Vec<usize> = (0..looked.len()).filter(open).collect();
        which.sort_by(|a, b| share(b).total_cmp(&share(a)));
        which.truncate(room);
        if which.is_empty() {
            break;
        }
        let futures = match &mut futures {
            Some(futures) => futures,
            none => none.insert(evaluated(bench, trials, errors)?),
        };
        let visits: Vec<Visit> = which.iter().map(|i| errors.visits[*i].clone()).collect();
        let both = |(visit, i): (usize, &usize)| {
            let actions = [&errors.visits[*i].actions, &errors.better[*i].actions];
            actions.map(|actions| Job { visit, actions })
        };
        let jobs: Vec<Job> = which.iter().enumerate().flat_map(both).collect();
        let (seed, future) = (trials.seed, trials.correction.clone());
        let mut gains = vec![0.0; which.len()];
        for (k, later) in futures.iter().enumerate() {
            trials.seed = seed.wrapping_add(1 + k as u64);
            trials.correction = later.clone();
            let worth = trials.worth(&visits, &jobs, draws)?;
            for (gain, w) in gains.iter_mut().zip(worth.chunks(2)) {
                *gain += (w[1].q - w[0].q) / futures.len() as f64;
            }
        }
        (trials.seed, trials.correction) = (seed, future);
        for (i, gain) in which.into_iter().zip(gains) {
            looked[i] = true;
            let better = &mut errors.better[i];
            if gain <= 0.0 {
                better.actions.clone_from(&errors.visits[i].actions);
            }
            better.gain = gain.max(0.0);
        }
    }
    Ok(())
}

/// What the policy is worth, evaluated anew with other draws each time.
fn evaluated(
    bench: &WorldEvidence,
    trials: &mut Trials,
    errors: &Errors,
) -> Result<Vec<Option<Correction>>, Diagnostic> {
    let (seed, future) = (trials.seed, trials.correction.clone());
    let mut out = vec![future.clone(); TIMES];
    if let Some((mesh, places, actions)) = &errors.policy {
        let draws = trials.fewest(MORE[0].max(errors.draws));
        if places.len() * trials.lanes_of(draws) <= FURTHER {
            for (k, later) in out.iter_mut().enumerate() {
                trials.seed = seed.wrapping_add(1 + k as u64);
                if let Some(found) = evaluate(bench, trials, mesh, places, actions, draws)? {
                    *later = Some(found);
                }
            }
        }
    }
    (trials.seed, trials.correction) = (seed, future);
    Ok(out)
}

/// One look at places: the mean of what is found with other draws each time, and its standard errors.
fn several(
    bench: &WorldEvidence,
    trials: &mut Trials,
    errors: &mut Errors,
    chosen: &[usize],
    draws: usize,
    numbers: &[(usize, f64)],
    futures: &[Option<Correction>],
) -> Result<(), Diagnostic> {
    let visits: Vec<Visit> = chosen.iter().map(|i| errors.visits[*i].clone()).collect();
    let mut ranges = trials.ranges(&visits)?;
    tastes::given(bench.seat, &visits, &mut ranges);
    // Each with worlds of its own, side by side.
    let seed = trials.seed;
    let found: Result<Vec<Vec<Better>>, Diagnostic> = (futures.par_iter().enumerate())
        .map(|(k, later)| {
            let mut own = Trials::new(bench.model, bench.seat, bench.value, LANES, bench.options.seed)?;
            own.seed = seed.wrapping_add(1 + k as u64);
            own.correction = later.clone();
            improve(bench, &mut own, &visits, &ranges, draws)
        })
        .collect();
    let found = found?;
    for (v, &i) in chosen.iter().enumerate() {
        let mut mean = found[0][v].clone();
        for (c, _) in numbers {
            let all: Vec<f64> = found.iter().map(|f| f[v].actions[*c]).collect();
            mean.actions[*c] = all.iter().sum::<f64>() / all.len() as f64;
            errors.doubt[i][*c] = ERRORS * crate::num::statistics::sd(&all) / (all.len() as f64).sqrt();
        }
        errors.better[i] = mean;
    }
    Ok(())
}

/// log10 of the largest error of a choice that passes, as a share of its size.
pub(super) fn most(bench: &WorldEvidence) -> f64 {
    let asked = bench.model.solve_settings().is_some_and(|s| s.get("euler").is_some());
    let limit = bench.options.policy;
    if asked { limit } else { limit.max(GROSS) }
}
