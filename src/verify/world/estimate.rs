//! How far value and policy are from the best ones at the places that lives visit.
//!
//! Small residuals are no small errors: a residual of the Bellman equation that comes back every period adds up to `1 / (1 - discount)` times
//! itself, and a value whose slope is off moves the policy although no single deviation pays. So the judge takes a step of
//! policy iteration of its own (Howard 1960; a Newton step for the Bellman equation, Puterman and Brumelle 1979): on a mesh
//! of places finer than the grid it measures the residual `B = E[r + d V(x')] - V(x)` of the policy that is played, solves `e = B + d E e(x')`,
//! and has in `V + e` what the policy is really worth. The choice that is best against `V + e` differs from the one that is played by the
//! policy's error, to second order in it; where it gains much the step is taken again from there.

use super::closely;
use super::errors::{Errors, FURTHER, MORE, evaluate, same};
use super::improve::improve;
use super::mesh::Mesh;
use super::outside;
use super::tastes;
use super::trials::Trials;
use super::visit::Visit;
use super::{Estimate, Rest, WorldCertificate, WorldEvidence, WorldProof, value_at};
use crate::diag::{Diagnostic, Severity};
use std::sync::Arc;

/// Draws of one expectation: smooth functions of one draw need no more.
const DRAWS: usize = 40;
/// Trials of one evaluation of a policy.
const TRIALS: usize = 30_000;
/// Most trials of one evaluation of a policy at all.
const MOST_TRIALS: usize = 1_000_000;
/// Most places of a mesh.
const PLACES: usize = 3000;
/// Most places, and most trials of one evaluation, where fewer cannot be spread over all states and shocks: without them nothing would be known.
const LAST_PLACES: usize = 200_000;
const LAST_TRIALS: usize = 4_000_000;
/// Steps after the first.
const STEPS: usize = 2;
/// Trials of the first look at visits.
const VISITED: usize = 300_000;
/// Most numbers that the places of a mesh hold.
const NUMBERS: usize = 20_000_000;
/// Share of the error of the value that the gains of a step may be for it to be the last.
const SETTLED: f64 = 0.1;

/// Estimates with few draws, to begin with.
pub(super) fn measure(bench: &WorldEvidence, trials: &mut Trials) -> Result<Found, Diagnostic> {
    with(bench, trials, DRAWS)
}

/// How far value and policy are from the best.
pub struct Estimated;

impl WorldProof for Estimated {
    fn prove(
        &self,
        bench: &WorldEvidence,
        trials: &mut Trials,
        _: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic> {
        let found = measure(bench, trials);
        let later = trials.correction.take();
        Ok(Some(Box::new(move |bench, trials, hold, out| {
            // What fails anyway and will be solved again is not looked at closely.
            if bench.options.may_be_finer && !hold {
                put_off(out);
                return Ok(());
            }
            trials.correction = later;
            prove(bench, trials, found, out)
        })))
    }
}

/// Goes on from a first estimate where that is needed, and puts down a row for the value and one for each choice.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub(super) fn prove(
    bench: &WorldEvidence,
    trials: &mut Trials,
    mut found: Result<Found, Diagnostic>,
    out: &mut WorldCertificate,
) -> Result<(), Diagnostic> {
    // Few draws see errors of their own where something has kinks: what looks too large is estimated again with more.
    for draws in MORE {
        let large = matches!(&found, Ok(Found::Errors(e)) if e.large(bench));
        if !large || trials.exact() {
            break;
        }
        match with(bench, trials, draws) {
            // What fewer draws found stands where more are not affordable.
            Ok(Found::Not(_)) => break,
            more => found = more,
        }
    }
    if let Ok(Found::Errors(errors)) = &mut found {
        closely::look(bench, trials, errors)?;
    }
    if let (Ok(Found::Errors(errors)), Some(c)) = (&found, trials.correction.take()) {
        out.close = outside::close(bench, trials, errors, &c)?;
    }
    match found {
        Ok(Found::Errors(errors)) => report(bench, &errors, out),
        Ok(Found::Not(why)) => not_estimated(bench, &why, out),
        Err(d) => not_estimated(bench, &d.headline, out),
    }
    trials.correction = None;
    Ok(())
}

/// The row where that is not done: other rows fail already, and what is solved next is finer.
fn put_off(out: &mut WorldCertificate) {
    not_measured("not estimated: other rows of the economy fail already", out);
}

fn not_measured(why: &str, out: &mut WorldCertificate) {
    out.share("errors of value and policy", 0.0, None, why.into());
    if let Some(p) = out.proofs.last_mut() {
        p.value = f64::NAN;
    }
}

/// The row, and the reason, where errors could not be estimated: what is not known is not certified.
fn not_estimated(bench: &WorldEvidence, why: &str, out: &mut WorldCertificate) {
    not_measured(&format!("not estimated: {why}"), out);
    let headline = "how far value and policy are from the best ones is not known";
    let hint = "small residuals are no small errors";
    fault!("verdict.not_estimated_silently", do { return; });
    out.reasons.push(
        Diagnostic::error("E0993", headline)
            .note(why.to_string())
            .hint(format!("{hint}: {}", super::hints::cause(bench))),
    );
}

/// What was found.
pub(super) enum Found {
    Errors(Errors),
    Not(String),
}

fn with(bench: &WorldEvidence, trials: &mut Trials, draws: usize) -> Result<Found, Diagnostic> {
    let draws = trials.fewest(draws);
    let each = trials.lanes_of(draws);
    let elements: usize = bench
        .model
        .graph
        .inputs
        .iter()
        .map(|i| bench.model.graph.elements(&i.shape))
        .sum();
    let most = (TRIALS / each).clamp(120, PLACES).min(NUMBERS / elements.max(1));
    // Where so few places cannot be spread over all states and shocks, more can, or fewer along each.
    let all = PLACES
        .min(NUMBERS / elements.max(1))
        .min((MOST_TRIALS / each).max(most));
    let last = LAST_PLACES.min(NUMBERS / elements.max(1)).min(LAST_TRIALS / each);
    let spread = |far: &[(f64, f64)]| [most, all, last].into_iter().find_map(|n| Mesh::over(bench, n, far));
    let too_many = || Ok(Found::Not("too many states and shocks for a mesh".into()));
    let Some(first) = spread(&bench.played.ranges) else {
        return too_many();
    };
    let Some(mesh) = spread(&outside::led(bench, trials, &first)?) else {
        return too_many();
    };
    let mesh = Arc::new(mesh);
    let places = mesh.visits(bench)?;
    let mut actions: Vec<Vec<f64>> = places.iter().map(|v| v.actions.clone()).collect();
    // Where one choice takes many trials fewer visits do.
    let (many, by_weight) = (bench.played.visits.len(), bench.played.by_weight);
    let stride = (many * each * 3).div_ceil(VISITED).max(1);
    let mut number: Vec<usize> = (0..many).step_by(stride).collect();
    let first = number.iter().filter(|i| **i < by_weight).count();
    number.extend(many..many + bench.played.extremes.len());
    let met: Vec<&Visit> = bench.played.visits.iter().chain(&bench.played.extremes).collect();
    let visits: Vec<Visit> = number.iter().map(|i| met[*i].clone()).collect();
    let units: Vec<f64> = number.iter().map(|i| bench.units[*i]).collect();
    let ranges = trials.ranges(&visits)?;
    let cost = places.len() * each * 12;
    if mesh.is_wider() && tastes::scale(bench.seat).is_none() && !tastes::among_several(bench.seat) {
        outside::improved(bench, trials, &mesh, (&places, &mut actions), draws)?;
    }
    let mut left = STEPS;
    loop {
        let Some(correction) = evaluate(bench, trials, &mesh, &places, &actions, draws)? else {
            return Ok(Found::Not("what the policy is worth could not be solved for".into()));
        };
        trials.correction = Some(correction);
        if tastes::among_several(bench.seat) {
            let better = beside(bench, trials, &visits, &units, first, draws)?;
            return Ok(Found::Errors(Errors {
                policy: Some((mesh, places, actions)),
                ..better
            }));
        }
        if tastes::scale(bench.seat).is_some() {
            let at: Vec<usize> = (0..visits.len()).collect();
            let best = tastes::worth(bench, trials, &visits, &at, draws)?;
            let value = best.iter().zip(&visits).map(|(q, v)| q - value_at(bench.value, v));
            return Ok(Found::Errors(Errors {
                value: value.collect(),
                better: Vec::new(),
                doubt: Vec::new(),
                effect: Vec::new(),
                same: same(&ranges, bench.seat.choices.len()),
                draws,
                closely: None,
                policy: None,
                visits,
                units,
            }));
        }
        let better = improve(bench, trials, &visits, &ranges, draws)?;
        let weighed = &visits[..first];
        let weights: f64 = weighed.iter().map(|v| v.weight).sum();
        let gains: f64 = better.iter().zip(weighed).map(|(b, v)| b.gain * v.weight).sum();
        // What choosing better for ever is worth, where the policy on the mesh is the one that is played.
        let ever = if left == STEPS {
            gains.max(0.0) / weights * bench.played.weight
        } else {
            0.0
        };
        let value: Vec<f64> = better
            .iter()
            .zip(&visits)
            .map(|(b, v)| b.q - value_at(bench.value, v))
            .collect();
        let largest = value.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let gained = left > 0 && cost <= FURTHER && gains / weights * bench.played.weight > SETTLED * largest;
        if !gained {
            let value = value.into_iter().map(|x| x + ever).collect();
            return Ok(Found::Errors(Errors {
                doubt: vec![vec![0.0; bench.seat.choices.len()]; visits.len()],
                effect: Vec::new(),
                same: same(&ranges, bench.seat.choices.len()),
                draws,
                closely: None,
                policy: Some((mesh, places, actions)),
                visits,
                units,
                value,
                better,
            }));
        }
        left -= 1;
        outside::improve_once(bench, trials, &mesh, (&places, &mut actions), draws)?;
    }
}

/// Where other actions go with a choice that has taste shocks: the best of them with each choice, and what the best policy is worth.
fn beside(
    bench: &WorldEvidence,
    trials: &mut Trials,
    visits: &[Visit],
    units: &[f64],
    first: usize,
    draws: usize,
) -> Result<Errors, Diagnostic> {
    let at: Vec<usize> = (0..visits.len()).collect();
    let played = tastes::worth(bench, trials, visits, &at, draws)?;
    let parts = tastes::apart(bench, trials, visits, draws)?;
    let apart: Vec<Visit> = parts.iter().map(|p| p.visit.clone()).collect();
    let mut ranges = trials.ranges(&apart)?;
    tastes::given(bench.seat, &apart, &mut ranges);
    let better = improve(bench, trials, &apart, &ranges, draws)?;
    let gains: Vec<f64> = better.iter().map(|b| b.gain).collect();
    let gains = tastes::together(bench.seat, &parts, &gains, visits.len());
    let weighed: f64 = visits[..first].iter().map(|v| v.weight).sum();
    let each: f64 = gains.iter().zip(&visits[..first]).map(|(g, v)| g * v.weight).sum();
    // What choosing better for ever is worth.
    let ever = each.max(0.0) / weighed * bench.played.weight;
    let value = |i: usize| played[i] + gains[i] + ever - value_at(bench.value, &visits[i]);
    Ok(Errors {
        value: parts.iter().map(|p| value(p.of)).collect(),
        units: parts.iter().map(|p| units[p.of]).collect(),
        doubt: vec![vec![0.0; bench.seat.choices.len()]; parts.len()],
        effect: Vec::new(),
        same: same(&ranges, bench.seat.choices.len()),
        visits: apart,
        better,
        draws,
        closely: None,
        policy: None,
    })
}

/// Puts down a row, an estimate and what is wrong for the value and for each choice.
fn report(bench: &WorldEvidence, errors: &Errors, out: &mut WorldCertificate) {
    of_the_value(bench, errors, out);
    for (c, choice) in bench.seat.choices.iter().enumerate() {
        if errors.better.is_empty() || choice.taste.is_some() {
            continue;
        }
        match choice.values.is_empty() {
            true => of_a_number(bench, errors, c, out),
            false => of_a_finite_choice(bench, errors, c, out),
        }
    }
}

/// The place where something is largest, of those where it is a number.
fn worst(errors: &Errors, of: &dyn Fn(usize) -> f64) -> Option<usize> {
    let known = (0..errors.visits.len()).filter(|i| !of(*i).is_nan());
    known.max_by(|a, b| of(*a).total_cmp(&of(*b)))
}

fn of_the_value(bench: &WorldEvidence, errors: &Errors, out: &mut WorldCertificate) {
    let share = |i: usize| errors.share(bench, i);
    let Some(i) = worst(errors, &share) else {
        not_estimated(bench, "it is a number at no place that lives visit", out);
        return;
    };
    let note = format!(
        "{}; {:.1e} of lifetime value, here as a share of {} a period",
        super::visit::where_is(bench, &errors.visits[i]),
        errors.value[i].abs(),
        bench.unit,
    );
    let limit = Some(bench.options.value);
    let held = out.log("error of the value, estimated", share(i), limit, note);
    if !held {
        let said = too_far(bench, "the value", share(i), &errors.visits[i]);
        out.reasons.push(said);
    }
    // Where most is missing as a share need not be where most is missing: values differ in size.
    let absolute = |i: usize| errors.value[i].abs();
    out.errors.push(Estimate {
        name: "value".into(),
        error: worst(errors, &absolute).map_or(absolute(i), absolute),
        relative: share(i),
    });
}

/// Of choice `c`, a number.
fn of_a_number(bench: &WorldEvidence, errors: &Errors, c: usize, out: &mut WorldCertificate) {
    let choice = &bench.seat.choices[c];
    let size = errors.size(c);
    let error = |i: usize| errors.off(bench, i, c);
    let Some(i) = worst(errors, &error) else {
        let why = format!(
            "what is best for `{}` is known at no place that lives visit",
            choice.name
        );
        not_estimated(bench, &why, out);
        return;
    };
    let relative = if size > 0.0 { error(i) / size } else { error(i) };
    let note = format!(
        "{}; off by {:.1e}, here as a share of its size {size:.3}{}",
        super::visit::where_is(bench, &errors.visits[i]),
        error(i),
        errors
            .closely
            .map_or(String::new(), |n| format!("; {n} places looked at closely")),
    );
    let name = format!("error of {}, estimated", choice.name);
    let (limit, most) = (bench.options.policy, closely::most(bench));
    let held = out.log(&name, relative, Some(most), note);
    let unclear = (0..errors.visits.len()).filter(|i| errors.unclear(bench, *i, c, 10f64.powf(most)));
    let unclear = unclear.max_by(|a, b| errors.seems(bench, *a, c).0.total_cmp(&errors.seems(bench, *b, c).0));
    let d = too_far(bench, &choice.name, relative, &errors.visits[i]);
    if let (true, Some(i)) = (held, unclear) {
        undecided(bench, errors, (i, c), size, out);
    } else if !held {
        out.reasons.push(d);
    } else if relative > 10f64.powf(limit) {
        let mut d = d.coded("W0949");
        d.severity = Severity::Warning;
        out.reasons.push(d);
    }
    out.errors.push(Estimate {
        name: choice.name.clone(),
        error: error(i),
        relative,
    });
}

/// The row of a number that holds, but for which it cannot be told at a place `i` whether choice `c` is close enough.
fn undecided(bench: &WorldEvidence, errors: &Errors, (i, c): (usize, usize), size: f64, out: &mut WorldCertificate) {
    let by = |x: f64| if size > 0.0 { x / size } else { x };
    let (seems, doubt) = errors.seems(bench, i, c);
    let visit = &errors.visits[i];
    if let Some(p) = out.proofs.last_mut() {
        p.holds = Some(false);
        p.value = by(seems).log10();
        p.note = format!(
            "cannot tell: {}; it seems to be off by {:.1e} of its size, give or take {:.1e}",
            super::visit::where_is(bench, visit),
            by(seems),
            by(doubt)
        );
    }
    let name = &bench.seat.choices[c].name;
    out.reasons.push(cannot_tell(bench, name, by(seems), by(doubt), visit));
}

/// Of choice `c`, one of finitely many.
fn of_a_finite_choice(bench: &WorldEvidence, errors: &Errors, c: usize, out: &mut WorldCertificate) {
    let choice = &bench.seat.choices[c];
    let wrong = |i: usize| {
        errors.better[i].actions[c] != errors.visits[i].actions[c] && errors.better[i].gain > 1e-9 * errors.units[i]
    };
    let cost = |i: usize| {
        if wrong(i) {
            errors.better[i].gain / errors.units[i]
        } else {
            0.0
        }
    };
    let Some(i) = worst(errors, &cost) else { return };
    let many = (0..errors.visits.len()).filter(|i| wrong(*i)).count() as f64 / errors.visits.len() as f64;
    let note = format!(
        "{:.2} % of places would choose otherwise; largest at {}, share of {}",
        100.0 * many,
        super::visit::where_is(bench, &errors.visits[i]),
        bench.unit,
    );
    let name = format!("cost of wrong {}, estimated", choice.name);
    let held = out.log(&name, cost(i), Some(bench.options.limit), note);
    if !held {
        let said = costly(bench, &choice.name, cost(i), &errors.visits[i]);
        out.reasons.push(said);
    }
    out.errors.push(Estimate {
        name: choice.name.clone(),
        error: cost(i) * errors.units[i],
        relative: cost(i),
    });
}

fn cannot_tell(bench: &WorldEvidence, what: &str, seems: f64, doubt: f64, visit: &Visit) -> Diagnostic {
    let headline = format!("cannot tell whether {what} is close enough to the best one where lives go");
    let note = format!("it seems to be off by {seems:.1e} of its size, give or take {doubt:.1e}");
    Diagnostic::error("E0969", headline)
        .note(note)
        .note(super::visit::where_is(bench, visit))
        .hint(beyond_or_cause(bench))
}

fn costly(bench: &WorldEvidence, what: &str, cost: f64, visit: &Visit) -> Diagnostic {
    let headline = format!(
        "a wrong {what} costs about 10^{:.2} of {} where lives go",
        cost.log10(),
        bench.unit
    );
    Diagnostic::error("E0949", headline)
        .note(super::visit::where_is(bench, visit))
        .hint(super::hints::cause(bench))
}

fn too_far(bench: &WorldEvidence, what: &str, relative: f64, visit: &Visit) -> Diagnostic {
    Diagnostic::error(
        "E0949",
        format!(
            "{what} is about 10^{:.2} from the best one where lives go",
            relative.log10()
        ),
    )
    .note(super::visit::where_is(bench, visit))
    .hint(beyond_or_cause(bench))
}

/// What to write for smaller errors.
fn beyond_or_cause(bench: &WorldEvidence) -> String {
    let beyond = super::streaks::hint(bench.model, bench.seat, &bench.played.streaks);
    beyond.unwrap_or_else(|| super::hints::cause(bench))
}
