//! The value that the solution promises and the value that its policy obtains in the economy.
//!
//! At a place `x` with the policy's action `a`: `E[r + d V(x')] - V(x)`, the Bellman residual of the policy. Its discounted sum along a life is what
//! the life obtains less what was promised at its start. Residuals that look too large with few draws are measured again with
//! more, so that what is printed is the solution's error and not the integration's.

use super::trials::{Job, Trials, Visit};
use super::{Bench, WorldCertificate, tastes, value_at};
use crate::check::model::{Family, Process};
use crate::diag::Diagnostic;
use crate::num::statistics;

/// Draws of the second and the third look.
const LOOKS: [usize; 2] = [2048, 16_384];

/// Places that are looked at again at a time.
const BATCH: usize = 32;
/// Share of places whose residual may be too large: beyond it the quantile is.
const SHARE: f64 = 0.01;

/// Residuals `E[r + d V(x')] - V(x)` at visits, each measured with as many draws as its size asks for: until so many
/// are too large that the rest cannot matter.
///
/// # Errors
/// Those of the economy's programs.
pub fn residuals(bench: &Bench, trials: &mut Trials) -> Result<Vec<f64>, Diagnostic> {
    let visits = &bench.played.visits;
    let limit = 10f64.powf(bench.options.limit);
    let size = |out: &[f64], i: usize| {
        let x = (out[i] / bench.units[i]).abs();
        if x.is_nan() { f64::INFINITY } else { x }
    };
    let all: Vec<usize> = (0..visits.len()).collect();
    let mut out = look(bench, trials, visits, &all, bench.options.draws)?;
    if trials.exact() {
        return Ok(out);
    }
    let decided = |failed: usize| failed as f64 > SHARE * visits.len() as f64 + 1.0;
    for draws in LOOKS {
        let mut looked: Vec<usize> = all.iter().copied().filter(|i| size(&out, *i) > 0.5 * limit).collect();
        looked.sort_by(|a, b| size(&out, *b).total_cmp(&size(&out, *a)));
        let mut failed = 0;
        for part in looked.chunks(BATCH) {
            if decided(failed) {
                break;
            }
            for (i, x) in part.iter().zip(look(bench, trials, visits, part, draws)?) {
                out[*i] = x;
                failed += usize::from(size(&out, *i) > limit);
            }
        }
    }
    Ok(out)
}

fn look(
    bench: &Bench,
    trials: &mut Trials,
    visits: &[Visit],
    at: &[usize],
    draws: usize,
) -> Result<Vec<f64>, Diagnostic> {
    let worth: Vec<f64> = if tastes::scale(bench.seat).is_some() {
        tastes::worth(bench, trials, visits, at, draws)?
    } else {
        let jobs: Vec<Job> = at
            .iter()
            .map(|&visit| Job {
                visit,
                actions: &visits[visit].actions,
            })
            .collect();
        trials.worth(visits, &jobs, draws)?.iter().map(|w| w.q).collect()
    };
    let values = at.iter().map(|&i| value_at(bench.value, &visits[i]));
    Ok(worth.iter().zip(values).map(|(w, v)| w - v).collect())
}

/// Measures and judges.
///
/// # Errors
/// Those of the economy's programs.
pub fn prove(bench: &Bench, trials: &mut Trials, out: &mut WorldCertificate) -> Result<(), Diagnostic> {
    let (played, visits) = (bench.played, &bench.played.visits);
    // Two choices, one of them with taste shocks: the best of the other for each is not known here.
    if tastes::among_several(bench.seat) {
        out.share(
            "value obtained less promised",
            0.0,
            None,
            "not judged: taste shocks on one of several choices".into(),
        );
        return Ok(());
    }
    let limit = bench.options.limit;
    let raw = residuals(bench, trials)?;
    let relative: Vec<f64> = raw.iter().zip(&bench.units).map(|(r, u)| r / u).collect();
    let first = &visits[..played.by_weight];
    let weights: f64 = first.iter().map(|v| v.weight).sum();
    let mean = |x: &[f64]| -> f64 {
        let sum: f64 = x.iter().zip(first).map(|(x, v)| x * v.weight).sum();
        sum / weights
    };
    let gap = mean(&relative);
    let spread = statistics::sd(&relative[..played.by_weight]) / (first.len().max(2) as f64).sqrt();
    let obtained = played.promised + mean(&raw) * played.weight;
    let lives = if played.gaps.len() > 1 {
        let n = played.gaps.len() as f64;
        format!(
            "; by summing rewards of {} lives {:.6} +- {:.1e}",
            n,
            played.promised + statistics::mean(&played.gaps),
            statistics::sd(&played.gaps) / n.sqrt()
        )
    } else {
        String::new()
    };
    let note = format!(
        "a period, share of {}; promised {:.8}, obtained {:.8}{lives}",
        bench.unit, played.promised, obtained
    );
    // Sampling blurs the mean; two standard errors are the judge's, not the solution's.
    let measured = if gap.is_finite() {
        (gap.abs() - 2.0 * if spread.is_finite() { spread } else { 0.0 }).max(0.0)
    } else {
        gap
    };
    let shown = if gap.is_finite() { gap } else { f64::NAN };
    let fine = measured <= 10f64.powf(limit);
    out.log("value obtained less promised", shown, Some(limit), note);
    if let Some(p) = out.proofs.last_mut() {
        p.holds = Some(fine);
    }
    let told_apart = differences(bench, &raw, obtained, out);
    if !(fine && told_apart) {
        out.reasons.push(
            Diagnostic::error(
                "E0944",
                format!(
                    "the policy does not obtain the value that the solution promises: {obtained:.6} in place of {:.6}",
                    played.promised
                ),
            )
            .note(format!(
                "in the model's own economy (declared shocks, from the model's start), {:.2e} of {} a period",
                shown, bench.unit
            ))
            .hint(cause(bench)),
        );
    }
    let mut sizes: Vec<f64> = relative
        .iter()
        .map(|r| if r.is_nan() { f64::INFINITY } else { r.abs() })
        .collect();
    sizes.sort_by(f64::total_cmp);
    let q99 = statistics::quantile_sorted(&sizes, 0.99);
    let fine = out.log(
        "economy: Bellman residual, 99 %",
        q99,
        Some(limit),
        format!("{} places visited, share of {}", sizes.len(), bench.unit),
    );
    if !fine {
        out.reasons.push(
            Diagnostic::error(
                "E0945",
                format!(
                    "at places visited in the model's own economy the value is off by 10^{:.2} of {} a period",
                    q99.log10(),
                    bench.unit
                ),
            )
            .note(worst(bench, &relative))
            .hint(cause(bench)),
        );
    }
    Ok(())
}

/// Where what is won or lost comes seldom (a sale, a default), a period's worth of it says little: the error of the value must also be small
/// against what values differ by at the places that are visited.
fn differences(bench: &Bench, raw: &[f64], obtained: f64, out: &mut WorldCertificate) -> bool {
    let played = bench.played;
    let first = &played.visits[..played.by_weight];
    let values = first.iter().map(|v| value_at(bench.value, v)).filter(|v| v.is_finite());
    let (lo, hi) = values.fold((played.promised, played.promised), |(lo, hi), v| (lo.min(v), hi.max(v)));
    let unit = statistics::mean(&bench.units[..played.by_weight]) * played.weight;
    if !(hi - lo > SAME * unit) || first.len() < 2 {
        return true;
    }
    let chance = statistics::sd(&raw[..played.by_weight]) / (first.len() as f64).sqrt() * played.weight;
    let share = (obtained - played.promised) / (hi - lo);
    let measured = (share.abs() - 2.0 * chance / (hi - lo)).max(0.0);
    out.log(
        "the same, of what values differ by",
        share,
        Some(DIFFERENCES.log10()),
        format!("values from {lo:.6} to {hi:.6} at visited places"),
    );
    let fine = measured <= DIFFERENCES;
    if let Some(p) = out.proofs.last_mut() {
        p.holds = Some(fine);
    }
    fine
}

/// Values that differ by less than this share of lifetime consumption are the same.
const SAME: f64 = 1e-6;
/// Largest error of a value as a share of what values differ by.
const DIFFERENCES: f64 = 1e-2;

/// The visit where something is largest, in words.
pub fn worst(bench: &Bench, sizes: &[f64]) -> String {
    let mut top = 0;
    for (i, x) in sizes.iter().enumerate() {
        if !(x.abs() <= sizes[top].abs()) {
            top = i;
        }
    }
    let visit = bench.played.visits.get(top);
    visit.map_or(String::new(), |v| format!("largest at {}", where_is(bench, v)))
}

/// A visit in words: states, shocks and choices.
pub fn where_is(bench: &Bench, v: &Visit) -> String {
    let model = bench.model;
    let mut words: Vec<String> = Vec::new();
    for (slot, x) in bench.seat.states.iter().zip(&v.states) {
        words.push(format!("{} = {x:.5}", model.graph.inputs[slot.input].name));
    }
    for (s, x) in bench.seat.shocks.iter().zip(&v.shocks) {
        let shown = if s.continuous {
            *x
        } else {
            s.values.get(*x as usize).copied().unwrap_or(*x)
        };
        words.push(format!("{} = {shown:.5}", model.shocks[s.shock].name));
    }
    for (c, x) in bench.seat.choices.iter().zip(&v.actions) {
        words.push(format!("{} = {x:.5}", c.name));
    }
    words.join(", ")
}

/// What to change: whatever is continuous and discretised, by its name.
pub fn cause(bench: &Bench) -> String {
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_string();
    let model = bench.model;
    let mut ways = Vec::new();
    let chains = bench
        .seat
        .shocks
        .iter()
        .find_map(|s| match model.shocks[s.shock].process {
            Process::Ar1 { rho, .. } => Some((s, rho)),
            Process::Iid(_) | Process::Chain { .. } | Process::RandomWalk { .. } | Process::Var1 { .. } => None,
        });
    if let Some((s, rho)) = chains {
        ways.push(format!(
            "more chain states: chain.{} = farmer_toda({})",
            last(&model.shocks[s.shock].name),
            2 * crate::chance::chain::fine_states(rho) + 1
        ));
    }
    let finite = |f: Family| matches!(f, Family::Bernoulli | Family::Discrete | Family::UniformInt);
    let iid = bench
        .seat
        .shocks
        .iter()
        .find_map(|s| match &model.shocks[s.shock].process {
            Process::Iid(d) if !finite(d.family) => Some(last(&model.shocks[s.shock].name)),
            Process::Iid(_)
            | Process::Chain { .. }
            | Process::Ar1 { .. }
            | Process::RandomWalk { .. }
            | Process::Var1 { .. } => None,
        });
    if let Some(name) = iid {
        ways.push(format!("more states: chain.{name} = 60"));
    }
    if let Some(n) = model.noises.iter().find(|n| !finite(n.family)) {
        ways.push(format!("more quadrature nodes: quadrature.{} = 60", last(&n.name)));
    }
    let grid = model
        .states
        .iter()
        .find(|s| !s.domain.integer && bench.seat.states.iter().any(|slot| slot.input == s.input.0 as usize));
    if let Some(s) = grid {
        ways.push(format!("a finer or wider grid: grid.{} = 400", last(&s.name)));
    }
    if ways.is_empty() {
        return "please report this model: nothing in it is approximated, so the solver is wrong".into();
    }
    ways.join("; or ")
}
