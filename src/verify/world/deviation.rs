//! One-shot deviations looked for in the economy, by a scan that the solver does not know.
//!
//! Along every choice the whole range is tried: even steps, steps that halve from both ends (so that a range of any width
//! is seen at every scale), draws, and neighbours of what was chosen; finite choices one by one; several choices also together at
//! random. Where requirements leave a part of a range, that part is tried once more in even steps, and pieces too thin for these are looked for (`pieces.rs`, and `branches.rs` in all choices together). What looks better with few draws is tried again with many: the same draws for the deviation and for the policy.

use super::trials::{Job, Range, Trials, Worth};
use super::visit::Visit;
use super::{Rest, WorldCertificate, WorldEvidence, WorldProof, branches, edges, pieces, tastes, width};
use crate::diag::{Diagnostic, plain};
use crate::num::random::Key;
use crate::num::statistics;

/// Places that are scanned.
const PLACES: usize = 81;
/// Draws of the scan, and of the looks at what it finds.
const DRAWS: [usize; 3] = [16, 1024, 16_384];
/// Deviations that are measured again at a time.
const BATCH: usize = 24;
/// Most combinations of finite choices that are all tried.
const COMBINATIONS: usize = 256;

/// Places at which ranges are scanned in many small steps, and how many.
const CLOSE: (usize, usize) = (4, 500);

/// Places at which thin pieces of what is feasible are looked for.
const THIN: usize = 12;

/// What is tried along one choice.
fn along(range: &Range, chosen: f64, key: Key, lane: u64, steps: usize) -> Vec<f64> {
    match range {
        Range::Values(values) => values.iter().copied().take(COMBINATIONS).collect(),
        Range::Between(lo, hi) => {
            let mut out = Vec::new();
            let w = width(*lo, *hi, chosen);
            if lo.is_finite() && hi.is_finite() {
                out.extend((0..=24).map(|i| lo + w * f64::from(i) / 24.0));
                out.extend((2..=20).flat_map(|k| {
                    let step = w * 0.5f64.powi(k);
                    [lo + step, hi - step]
                }));
                out.extend((0..6).map(|i| lo + w * key.uniform(lane, i)));
                let shift = key.uniform(lane, 6);
                out.extend((0..steps).map(|i| lo + w * (i as f64 + shift) / steps as f64));
            } else {
                let from = if lo.is_finite() {
                    *lo
                } else if hi.is_finite() {
                    *hi
                } else {
                    chosen
                };
                for k in -12..=12 {
                    let step = w * 2f64.powi(k);
                    out.extend([from + step, from - step]);
                }
            }
            for k in [0.1, 0.03, 0.01, 3e-3, 1e-3, 1e-4] {
                out.extend([chosen + k * w, chosen - k * w]);
            }
            out.retain(|x| x >= lo && x <= hi && x.is_finite());
            out
        }
    }
}

/// Largest share of a range whose feasible part is tried once more, and in how many steps; trials of several choices together there.
const PART: f64 = 0.5;
const STEPS: usize = 40;
const TOGETHER: u64 = 48;

/// Deviations from what was `chosen` inside the part of each range that requirements leave, where that is small: `tried` are choices at the same place,
/// and whether they could be made.
fn inside(chosen: &[f64], ranges: &[Range], tried: &[(&[f64], bool)], key: Key, lane: u64) -> Vec<Vec<f64>> {
    let mut lists: Vec<Vec<f64>> = Vec::new();
    let mut small = false;
    for (c, range) in ranges.iter().enumerate() {
        let (lo, hi) = match range {
            Range::Values(values) => {
                lists.push(values.clone());
                continue;
            }
            Range::Between(lo, hi) => (*lo, *hi),
        };
        let own = tried.iter().filter(|(x, open)| *open && lo <= x[c] && x[c] <= hi);
        let (a, b) = own.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (x, _)| {
            (a.min(x[c]), b.max(x[c]))
        });
        let part = b > a && b - a < PART * width(lo, hi, chosen[c]);
        small |= part;
        let shift = key.uniform(lane, 7);
        let steps = (0..STEPS).map(|i| a + (b - a) * (i as f64 + shift) / STEPS as f64);
        lists.push(if part { steps.collect() } else { Vec::new() });
    }
    let mut out = Vec::new();
    if !small {
        return out;
    }
    let replaced = |c: usize, x: f64| -> Vec<f64> {
        let mut a = chosen.to_vec();
        a[c] = x;
        a
    };
    for (c, list) in lists.iter().enumerate() {
        if matches!(ranges[c], Range::Between(..)) {
            out.extend(list.iter().map(|x| replaced(c, *x)));
        }
    }
    for i in 0..if lists.len() > 1 { TOGETHER } else { 0 } {
        let pick = |c: usize| {
            let u = key.uniform(lane * 64 + 62, i * 16 + c as u64);
            let list = &lists[c];
            list.get((u * list.len() as f64) as usize).copied().unwrap_or(chosen[c])
        };
        out.push((0..lists.len()).map(pick).collect());
    }
    out
}

/// Deviations that are tried at a visit.
fn candidates(visit: &Visit, ranges: &[Range], key: Key, lane: u64, steps: usize) -> Vec<Vec<f64>> {
    let lists: Vec<Vec<f64>> = ranges
        .iter()
        .enumerate()
        .map(|(c, r)| along(r, visit.actions[c], key, lane * 64 + c as u64, steps))
        .collect();
    let finite = ranges.iter().all(|r| matches!(r, Range::Values(_)));
    let product = lists.iter().map(Vec::len).try_fold(1usize, usize::checked_mul);
    if finite && product.is_some_and(|p| p <= COMBINATIONS) {
        let mut all = vec![Vec::new()];
        for list in &lists {
            all = all
                .into_iter()
                .flat_map(|head: Vec<f64>| list.iter().map(move |x| [head.as_slice(), &[*x]].concat()))
                .collect();
        }
        return all;
    }
    let mut out = Vec::new();
    for (c, list) in lists.iter().enumerate() {
        for x in list {
            let mut a = visit.actions.clone();
            a[c] = *x;
            out.push(a);
        }
    }
    if lists.len() > 1 {
        for i in 0..48u64 {
            let pick = |c: usize| {
                let list = &lists[c];
                let u = key.uniform(lane * 64 + 63, i * 16 + c as u64);
                list.get((u * list.len() as f64) as usize).copied()
            };
            let a: Option<Vec<f64>> = (0..lists.len()).map(pick).collect();
            out.extend(a);
        }
    }
    out
}

/// A deviation that looks better.
struct Found {
    visit: usize,
    /// What it gains, in the unit of its visit.
    gain: f64,
    deviation: Vec<f64>,
}

/// Measures the deviations that look better again with more draws, the largest gains first, until one that is too large is
/// sure or none is left that could be.
fn again(bench: &WorldEvidence, trials: &mut Trials, found: &mut [Found]) -> Result<(), Diagnostic> {
    if trials.exact() {
        return Ok(());
    }
    let visits = &bench.played.visits;
    let limit = 10f64.powf(bench.options.limit);
    for (k, draws) in DRAWS[1..].iter().enumerate() {
        let last = k + 2 == DRAWS.len();
        let mut order: Vec<usize> = (0..found.len()).filter(|k| found[*k].gain > 0.3 * limit).collect();
        order.sort_by(|a, b| found[*b].gain.total_cmp(&found[*a].gain));
        for part in order.chunks(BATCH) {
            let mut jobs = Vec::new();
            for &k in part {
                let visit = found[k].visit;
                for actions in [&visits[visit].actions, &found[k].deviation] {
                    jobs.push(Job { visit, actions });
                }
            }
            let worth = trials.worth(visits, &jobs, *draws)?;
            // A deviation after which no price clears a market at some draw is none.
            let gain = |w: &[Worth]| if w[1].clears { w[1].q - w[0].q } else { 0.0 };
            let gains: Vec<f64> = worth.chunks(2).map(gain).collect();
            let mut sure = false;
            for (&k, gain) in part.iter().zip(gains) {
                let gain = gain / bench.units[found[k].visit];
                found[k].gain = if gain.is_nan() { f64::INFINITY } else { gain };
                sure |= last && found[k].gain > limit;
            }
            if sure {
                break;
            }
        }
    }
    Ok(())
}

/// How far apart, in the bench's unit, what two choices are worth may be and be the same.
const SAME: f64 = 1e-11;
/// Fewest deviations along a choice by which it is said to change nothing.
const FEWEST: usize = 40;

/// Says which choices change nothing at any place: what was `tried`, with what it was `worth`, holds the choice that is played first at each place.
fn idle(
    bench: &WorldEvidence,
    visits: &[Visit],
    tried: &[(usize, Vec<f64>)],
    worth: &[Worth],
    out: &mut WorldCertificate,
) {
    let mut here = vec![f64::NAN; visits.len()];
    for ((i, a), w) in tried.iter().zip(worth) {
        if here[*i].is_nan() && *a == visits[*i].actions {
            here[*i] = w.open();
        }
    }
    for (c, choice) in bench.seat.choices.iter().enumerate() {
        let alone = |i: usize, a: &[f64]| {
            let own = a.iter().zip(&visits[i].actions).enumerate();
            own.filter(|(_, (x, y))| x != y).map(|(k, _)| k).eq([c])
        };
        let mut others = tried
            .iter()
            .zip(worth)
            .filter(|((i, a), w)| alone(*i, a) && w.open().is_finite());
        let many = others.clone().count();
        let matters = |((i, _), w): (&(usize, Vec<f64>), &Worth)| {
            let rounding = 1e-13 * here[*i].abs();
            !((w.open() - here[*i]).abs() <= SAME * bench.units[*i] + rounding)
        };
        if many < FEWEST || others.any(matters) {
            continue;
        }
        let head = format!(
            "nothing depends on {}: every choice is worth the same wherever lives go",
            choice.name
        );
        out.reasons.push(
            Diagnostic::warning("W0982", head)
                .note("the policy, the steady state and the moments are those of one of many best policies")
                .hint("let the reward depend on the choice, directly or through the laws of motion"),
        );
    }
}

/// What one deviation gains.
pub struct Deviations;

impl WorldProof for Deviations {
    fn prove(
        &self,
        bench: &WorldEvidence,
        trials: &mut Trials,
        out: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic> {
        prove(bench, trials, out).map(|_| None)
    }
}

/// Scans and judges; returns the largest gain in the bench's unit, not a number where it was not looked for.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn prove(bench: &WorldEvidence, trials: &mut Trials, out: &mut WorldCertificate) -> Result<f64, Diagnostic> {
    // A choice with taste shocks alone is judged by its probabilities.
    if tastes::scale(bench.seat).is_some() && !tastes::among_several(bench.seat) {
        return Ok(f64::NAN);
    }
    let visits = &bench.played.visits;
    let key = Key::new(bench.options.seed, 0xdef1);
    let stride = visits.len().div_ceil(PLACES).max(1);
    let places: Vec<usize> = (0..visits.len()).step_by(stride).collect();
    let mut ranges = trials.ranges(visits)?;
    let forbidden = |i: usize| {
        let chosen = ranges[i].iter().zip(&visits[i].actions);
        chosen
            .into_iter()
            .any(|(r, x)| matches!(r, Range::Values(v) if !v.contains(x)))
    };
    let taken = (0..visits.len()).filter(|i| forbidden(*i)).count();
    if taken > 0 {
        let share = taken as f64 / visits.len() as f64;
        out.share(
            "places with a choice that is not allowed",
            share,
            Some(0.0),
            format!("{taken} of {} visited places", visits.len()),
        );
        out.reasons.push(
            Diagnostic::error(
                "E0946",
                "the policy takes choices that are not allowed where they are taken",
            )
            .note(format!(
                "at {:.1} % of the places visited in the economy",
                100.0 * share
            ))
            .hint("please report this model: the solver ignored `when` or the bounds of a choice"),
        );
    }
    // Whatever tastes made somebody choose, the other actions beside it must be the best ones.
    tastes::given(bench.seat, visits, &mut ranges);
    // What is tried at all places, and what each was worth with few draws.
    let close = places.len().div_ceil(CLOSE.0).max(1);
    let mut tried: Vec<(usize, Vec<f64>)> = Vec::new();
    for (k, &i) in places.iter().enumerate() {
        let steps = if k % close == 0 { CLOSE.1 } else { 0 };
        tried.push((i, visits[i].actions.clone()));
        let more = candidates(&visits[i], &ranges[i], key, i as u64, steps);
        tried.extend(more.into_iter().map(|a| (i, a)));
    }
    let jobs: Vec<Job> = tried
        .iter()
        .map(|(visit, actions)| Job { visit: *visit, actions })
        .collect();
    // Where no price clears there is no such choice.
    let mut worth = trials.worth(visits, &jobs, DRAWS[0])?;
    let more = |i: usize| -> Vec<(usize, Vec<f64>)> {
        let own = tried.iter().zip(&worth).filter(|((v, _), _)| *v == i);
        let own: Vec<(&[f64], bool)> = own
            .map(|((_, a), w)| (a.as_slice(), w.open() > f64::NEG_INFINITY))
            .collect();
        let found = inside(&visits[i].actions, &ranges[i], &own, key, i as u64);
        found.into_iter().map(|a| (i, a)).collect()
    };
    let mut also: Vec<(usize, Vec<f64>)> = places.iter().flat_map(|i| more(*i)).collect();
    let few: Vec<usize> = places.iter().step_by(places.len().div_ceil(THIN)).copied().collect();
    also.extend(pieces::choices(trials, visits, &ranges, &few)?);
    also.extend(branches::choices(trials, visits, &ranges, (&few, key))?);
    also.extend(edges::choices(trials, visits, &ranges, (&few, key))?);
    let jobs: Vec<Job> = also
        .iter()
        .map(|(visit, actions)| Job { visit: *visit, actions })
        .collect();
    worth.extend(trials.worth(visits, &jobs, DRAWS[0])?);
    tried.extend(also);
    idle(bench, visits, &tried, &worth, out);
    let mut found: Vec<Found> = Vec::new();
    for &i in &places {
        let mut own = (0..tried.len()).filter(|k| tried[*k].0 == i);
        let here = own.next().map_or(f64::NAN, |k| worth[k].q);
        let mut order: Vec<usize> = own.filter(|k| Worth::open(&worth[*k]).is_finite()).collect();
        order.sort_by(|a, b| worth[*b].q.total_cmp(&worth[*a].q));
        for k in order.into_iter().take(3) {
            let gain = (worth[k].q - here) / bench.units[i];
            found.push(Found {
                visit: i,
                gain: if here.is_finite() { gain } else { f64::INFINITY },
                deviation: tried[k].1.clone(),
            });
        }
    }
    again(bench, trials, &mut found)?;
    let mut largest = vec![0.0f64; visits.len()];
    for f in &found {
        largest[f.visit] = largest[f.visit].max(f.gain);
    }
    let gains: Vec<f64> = places.iter().map(|i| largest[*i]).collect();
    let top = gains.iter().copied().fold(0.0, f64::max);
    let fine = out.log(
        "economy: one-shot gain, largest",
        top,
        Some(bench.options.limit),
        format!(
            "{} places visited, share of {}; mean 10^{:.1}",
            places.len(),
            bench.unit,
            statistics::mean(&gains).max(1e-16).log10()
        ),
    );
    if !fine {
        let best = found.iter().max_by(|a, b| a.gain.total_cmp(&b.gain));
        let words: Vec<String> = best
            .map(|f| {
                let named = bench.seat.choices.iter().zip(&f.deviation);
                named
                    .map(|(c, x)| format!("{} = {x:.5}", c.name, x = plain(x)))
                    .collect()
            })
            .unwrap_or_default();
        out.reasons.push(
            Diagnostic::error(
                "E0946",
                format!(
                    "a one-period deviation gains 10^{:.2} of {} in the model's own economy",
                    top.log10(),
                    bench.unit
                ),
            )
            .note(format!(
                "{}; better: {}",
                super::visit::worst(bench, &largest),
                words.join(", ")
            ))
            .hint(format!(
                "narrow the action's bounds to what can matter; or {}",
                super::hints::cause(bench)
            )),
        );
    }
    Ok(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_feasible_part_is_tried_in_small_steps() {
        let ranges = [Range::Between(0.0, 20.0), Range::Values(vec![0.0, 1.0])];
        let along: Vec<[f64; 2]> = [0.0, 0.3, 0.9, 1.1, 20.0].map(|x| [x, 1.0]).to_vec();
        let tried: Vec<(&[f64], bool)> = along.iter().map(|a| (a.as_slice(), a[0] > 0.1 && a[0] < 1.0)).collect();
        let all = inside(&[0.3, 1.0], &ranges, &tried, Key::new(1, 2), 3);
        assert!(all.iter().all(|a| (0.3..=0.9).contains(&a[0])), "{all:?}");
        let mut alone: Vec<f64> = all[..STEPS].iter().map(|a| a[0]).collect();
        assert!(all[..STEPS].iter().all(|a| a[1] == 1.0));
        alone.sort_by(f64::total_cmp);
        assert!(alone.windows(2).all(|w| w[1] - w[0] < 0.6 / STEPS as f64 + 1e-12));
        assert!(all.len() == STEPS + TOGETHER as usize && all.iter().any(|a| a[1] == 0.0));
        // A range that is feasible throughout was tried already.
        let tried: Vec<(&[f64], bool)> = along.iter().map(|a| (a.as_slice(), true)).collect();
        assert!(inside(&[0.3, 1.0], &ranges, &tried, Key::new(1, 2), 3).is_empty());
    }

    /// Trials lie in the range, reach its ends, come close to them, and leave no gap wider than a twenty-fourth.
    #[test]
    fn what_is_tried_along_a_choice_covers_its_range() {
        for (lo, hi) in [(2.0, 5.0), (-7.0, -4.0), (-1.0, 2.0)] {
            let mut all = along(&Range::Between(lo, hi), 3.0, Key::new(1, 2), 5, 0);
            assert!(all.iter().all(|x| (lo..=hi).contains(x)), "{all:?}");
            all.sort_by(f64::total_cmp);
            let gap = all.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max);
            assert!(gap <= (hi - lo) / 24.0 + 1e-12, "{gap}");
            assert!(all[0] == lo && all[all.len() - 1] == hi);
            assert!(all[1] - lo < 1e-5 * (hi - lo) && hi - all[all.len() - 2] < 1e-5 * (hi - lo));
            let fine = along(&Range::Between(lo, hi), 3.0, Key::new(1, 2), 5, 500);
            assert!(fine.len() >= all.len() + 500 && fine.iter().all(|x| (lo..=hi).contains(x)));
        }
    }
}
