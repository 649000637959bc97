//! What lies beyond the places that lives visit, as far as it comes back in the value: how far a mesh must go, better choices there, and from where on the value can no
//! longer be trusted.
//!
//! Who believed that nothing can be had beyond the end of the grid turns back before it, and a small change of what is done there shows no gain: so choices there
//! are looked for over their whole range.

use super::errors::{Errors, evaluate};
use super::improve::improve;
use super::mesh::{Correction, Mesh};
use super::streaks;
use super::trials::{Job, Range, Trials};
use super::visit::{Landings, Visit};
use super::{WorldEvidence, value_at};
use crate::diag::Diagnostic;
use std::sync::Arc;

/// Places from which it is asked how far chance leads beyond a mesh, and the least discounted chance that counts.
const ENDS: usize = 60;
const LEAST: f64 = 1e-9;
/// Draws of one look from there.
const DRAWS: usize = 40;
/// Other choices that are tried there, as parts of their range.
const OTHERS: [f64; 4] = [0.01, 0.25, 0.75, 0.99];
/// Numbers that are tried at places beyond, as parts of their range.
const PARTS: [f64; 12] = [0.005, 0.03, 0.06, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 1.0];
/// Fewest and most steps of policy iteration for the sake of what lies beyond (each leads farther), draws of one expectation of theirs, and trials of them together that count.
const STEPS: (usize, usize) = (4, 12);
const FEW: usize = 12;
const TRIALS: usize = 1_500_000;
/// Most trials of the fewest steps; where they take more, what is played is judged as it is there, too.
const AFFORDABLE: usize = 3_000_000;
/// What the value may still move by in a step, relative to its size, for it to be the last.
const STILL: f64 = 1e-7;
/// How far beyond the ends of a grid in logarithms the mesh goes where chance leads there.
const FAR: f64 = 100.0;
/// Steps of policy iteration on a mesh that goes beyond what lives visit: `actions` (one value per action at each of the places) become those that are best against
/// what they are worth. Between places a function is read by lines here: what is done beyond a grid may be worth next to nothing at one place and not at the next, and a polynomial through both
/// promises what nobody gets.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub(super) fn improved(
    bench: &WorldEvidence,
    trials: &mut Trials,
    mesh: &Mesh,
    (places, actions): (&[Visit], &mut Vec<Vec<f64>>),
    draws: usize,
) -> Result<(), Diagnostic> {
    let draws = trials.fewest(FEW).min(draws);
    let cost = 24 * places.len() * trials.lanes_of(draws);
    if STEPS.0 * cost > AFFORDABLE {
        return Ok(());
    }
    let steps = (TRIALS / cost.max(1)).clamp(STEPS.0, STEPS.1);
    let lines = Arc::new(mesh.by_lines());
    let off: Vec<usize> = (0..places.len())
        .filter(|p| bench.value.outside(&places[*p].states))
        .collect();
    if !off.is_empty() {
        // What a policy does off its own grid is what it does at the end, whether that can be afforded or not.
        trials.correction = None;
        let there: Vec<Visit> = off.iter().map(|p| places[*p].clone()).collect();
        let ranges = trials.ranges(&there)?;
        let from = search(trials, &there, &ranges, draws, &|_| true)?;
        let better = improve(bench, trials, &from, &ranges, draws)?;
        off.iter().zip(better).for_each(|(p, b)| actions[*p] = b.actions);
    }
    let mut before: Option<Arc<Vec<f64>>> = None;
    for _ in 0..steps {
        let Some(correction) = evaluate(bench, trials, &lines, places, actions, draws)? else {
            break;
        };
        let now = correction.values.clone();
        trials.correction = Some(correction);
        let moved = before.as_ref().map_or(f64::INFINITY, |b| {
            b.iter().zip(now.iter()).map(|(b, n)| (n - b).abs()).fold(0.0, f64::max)
        });
        if moved <= STILL {
            break;
        }
        before = Some(now);
        improve_once(bench, trials, &lines, (places, actions), draws)?;
    }
    // Where lives go what is played is judged as it is.
    for p in (0..places.len()).filter(|p| !mesh.is_beyond(*p)) {
        actions[p].clone_from(&places[p].actions);
    }
    trials.correction = None;
    Ok(())
}

/// One step: `actions` become those that are best against the value that `trials` holds.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub(super) fn improve_once(
    bench: &WorldEvidence,
    trials: &mut Trials,
    mesh: &Mesh,
    (places, actions): (&[Visit], &mut Vec<Vec<f64>>),
    draws: usize,
) -> Result<(), Diagnostic> {
    let ranges = trials.ranges(places)?;
    let from = starts(mesh, trials, places, actions, &ranges, draws)?;
    let step = improve(bench, trials, &from, &ranges, draws)?;
    for (a, b) in actions.iter_mut().zip(step) {
        *a = b.actions;
    }
    Ok(())
}

/// Where better choices are looked for: near those of the solution, or beyond what lives visit near the best of many over the whole range of each number, one after the
/// other, beginning with what was best before. `actions` has one value per action at each place.
///
/// # Errors
/// Those of the economy's programs (E0990).
fn starts(
    mesh: &Mesh,
    trials: &mut Trials,
    places: &[Visit],
    actions: &[Vec<f64>],
    ranges: &[Vec<Range>],
    draws: usize,
) -> Result<Vec<Visit>, Diagnostic> {
    let mut from = places.to_vec();
    let beyond: Vec<bool> = (0..places.len()).map(|p| mesh.is_beyond(p)).collect();
    for (v, a) in from
        .iter_mut()
        .zip(actions)
        .zip(&beyond)
        .filter_map(|(x, b)| b.then_some(x))
    {
        v.actions.clone_from(a);
    }
    search(trials, &from, ranges, draws, &|p| beyond[p])
}

/// Near the best of many numbers over the whole range of each, one after the other, at those `places` that `which` names by their number, beginning with what they hold.
fn search(
    trials: &mut Trials,
    places: &[Visit],
    ranges: &[Vec<Range>],
    draws: usize,
    which: &dyn Fn(usize) -> bool,
) -> Result<Vec<Visit>, Diagnostic> {
    let mut out = places.to_vec();
    for c in 0..ranges.first().map_or(0, Vec::len) {
        let mut tried: Vec<(usize, Vec<f64>)> = Vec::new();
        for p in (0..places.len()).filter(|p| which(*p)) {
            let Range::Between(lo, hi) = ranges[p][c] else {
                continue;
            };
            tried.push((p, out[p].actions.clone()));
            if (hi - lo).is_finite() {
                tried.extend(PARTS.iter().map(|t| {
                    let mut x = out[p].actions.clone();
                    x[c] = lo + t * (hi - lo);
                    (p, x)
                }));
            }
        }
        let jobs: Vec<Job> = (tried.iter())
            .map(|(visit, actions)| Job { visit: *visit, actions })
            .collect();
        let worth = trials.worth(&out, &jobs, draws)?;
        let mut best = vec![f64::NEG_INFINITY; places.len()];
        for ((p, x), w) in tried.iter().zip(&worth) {
            if w.q > best[*p] {
                best[*p] = w.q;
                out[*p].actions.clone_from(x);
            }
        }
    }
    Ok(out)
}

/// How far chance leads from the ends of a mesh under what is played there and, where the value rises outwards, under other choices that may be made: who sees a wall at the end of the grid
/// does not go there, whether it pays or not. One pair per state.
pub(super) fn led(bench: &WorldEvidence, trials: &mut Trials, mesh: &Mesh) -> Result<Vec<(f64, f64)>, Diagnostic> {
    let ends = mesh.at_ends(bench, ENDS)?;
    let ranges = trials.ranges(&ends)?;
    let mut tried: Vec<(usize, Vec<f64>)> = Vec::new();
    for (visit, v) in ends.iter().enumerate() {
        tried.push((visit, v.actions.clone()));
        fault!("verdict.walls_believed", do { continue; });
        for (c, range) in ranges[visit].iter().enumerate() {
            let others: Vec<f64> = match range {
                Range::Between(lo, hi) if (hi - lo).is_finite() => OTHERS.iter().map(|t| lo + t * (hi - lo)).collect(),
                Range::Between(..) => Vec::new(),
                Range::Values(values) => values.iter().copied().take(OTHERS.len()).collect(),
            };
            tried.extend(others.into_iter().map(|x| {
                let mut actions = v.actions.clone();
                actions[c] = x;
                (visit, actions)
            }));
        }
    }
    let jobs: Vec<Job> = (tried.iter())
        .map(|(visit, actions)| Job { visit: *visit, actions })
        .collect();
    let mut landings = Landings::default();
    trials.measure(&ends, &jobs, trials.fewest(DRAWS), Some(&mut landings))?;
    let mut far = bench.played.ranges.clone();
    // Beyond its domain a state is nothing.
    let domains: Vec<(f64, f64)> = (bench.seat.states.iter())
        .map(|slot| {
            let own = bench.model.states.iter().find(|s| s.input.0 as usize == slot.input);
            own.map_or((f64::NEG_INFINITY, f64::INFINITY), |s| (s.domain.lo, s.domain.hi))
        })
        .collect();
    let rising = rising(bench, &ends);
    let width = (bench.seat.states.len() + bench.seat.shocks.len()).max(1);
    for ((at, chance), job) in landings.places.chunks(width).zip(&landings.chances).zip(&landings.jobs) {
        if !(*chance >= LEAST) {
            continue;
        }
        let (visit, actions) = &tried[*job as usize];
        let played = *actions == ends[*visit].actions;
        let states = far.iter_mut().zip(&bench.solution.states).zip(&domains).zip(&rising);
        for ((((far, state), domain), rising), x) in states.zip(at) {
            let (least, most) = streaks::believed(state, FAR);
            let (least, most) = (least.max(domain.0), most.min(domain.1));
            let (lo, hi) = (state.nodes[0], state.nodes[state.nodes.len() - 1]);
            // Further periods lead on: in logarithms, where values may grow without end, the mesh does, too.
            if *x < lo && (played || rising.0) {
                far.0 = if state.log { least } else { far.0.min(x.max(least)) };
            } else if *x > hi && (played || rising.1) {
                far.1 = if state.log { most } else { far.1.max(x.min(most)) };
            }
        }
    }
    Ok(far)
}

/// Whether the value rises outwards at the lower and at the upper end of each state's grid, at any of the places there: only there is a wall something that others would
/// rather go beyond.
fn rising(bench: &WorldEvidence, ends: &[Visit]) -> Vec<(bool, bool)> {
    let mut out = vec![(false, false); bench.solution.states.len()];
    for v in ends {
        let here = value_at(bench.value, v);
        for (k, (state, out)) in bench.solution.states.iter().zip(&mut out).enumerate() {
            let n = state.nodes.len();
            if n < 2 || state.integer {
                continue;
            }
            let further_in = |node: f64| {
                let mut states = v.states.clone();
                states[k] = node;
                bench.value.at(&states, &v.shocks, v.place.period)
            };
            let (lower, upper) = (v.states[k] <= state.nodes[0], v.states[k] >= state.nodes[n - 1]);
            out.0 |= lower && here > further_in(state.nodes[1]);
            out.1 |= upper && here > further_in(state.nodes[n - 2]);
        }
    }
    out
}

/// How far from what lives visit the estimated error of the value is as small as it must be: as a share of a period's consumption there, or of the unit of
/// rewards.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub(super) fn close(
    bench: &WorldEvidence,
    trials: &mut Trials,
    errors: &Errors,
    correction: &Correction,
) -> Result<Vec<(f64, f64)>, Diagnostic> {
    let Some((mesh, places, _)) = &errors.policy else {
        return Ok(Vec::new());
    };
    let mut units: Vec<f64> = bench.units.iter().copied().filter(|u| u.is_finite()).collect();
    units.sort_by(f64::total_cmp);
    let unit = units.get(units.len() / 2).copied().unwrap_or(0.0);
    let mut own = vec![unit; places.len()];
    let beyond: Vec<usize> = (0..places.len()).filter(|p| mesh.beyond(*p).is_some()).collect();
    if bench.unit == "consumption" && !beyond.is_empty() {
        trials.correction = None;
        let there: Vec<Visit> = beyond.iter().map(|p| places[*p].clone()).collect();
        let (found, said) = super::units(trials, bench.seat, bench.value, &there)?;
        if said == bench.unit {
            beyond.iter().zip(found).for_each(|(p, u)| own[*p] = u);
        }
    }
    let limit = 10f64.powf(bench.options.value) * bench.played.weight.max(1.0);
    let off = mesh.sizes.iter().zip(correction.values.iter()).zip(&own);
    let off: Vec<f64> = off.map(|((size, f), unit)| f.abs() * size / (unit * limit)).collect();
    Ok(mesh.below(&off))
}
