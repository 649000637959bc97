//! The value that the solution promises and the value that its policy obtains in the economy.
//!
//! At a place `x` with the policy's action `a`: `E[r + d V(x')] - V(x)`, the Bellman residual of the policy. Its discounted sum along a life is what
//! the life obtains less what was promised at its start. Residuals that look too large with few draws are measured again with
//! more, so that what is printed is the solution's error and not the integration's.

use super::hints::cause;
use super::trials::{Job, Trials};
use super::visit::{Visit, worst};
use super::{JudgeOptions, Rest, WorldCertificate, WorldEvidence, WorldProof, tastes, value_at};
use crate::diag::{Diagnostic, plain};
use crate::num::statistics;

/// Draws of the second and the third look.
const LOOKS: [usize; 2] = [2048, 16_384];

/// Most trials of one look, and how many times that for as long as no place is known to fail.
const MOST: usize = 2_000_000;
const UNTIL_ONE_FAILS: usize = 3;
/// Places that are looked at again at a time.
const BATCH: usize = 32;
/// Share of places whose residual may be too large: beyond it the quantile is.
const SHARE: f64 = 0.01;

/// Residuals `E[r + d V(x')] - V(x)`, in units of the value, one per visit; each is measured with as many draws as its size
/// needs, until so many are too large that the rest cannot matter.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn residuals(bench: &WorldEvidence, trials: &mut Trials) -> Result<Vec<f64>, Diagnostic> {
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
    let decided = |failed: &[f64]| failed.len() as f64 > SHARE * visits.len() as f64 + 1.0;
    let mut rest: Vec<usize> = Vec::new();
    let mut failed: Vec<f64> = Vec::new();
    for draws in LOOKS {
        let mut looked: Vec<usize> = all.iter().copied().filter(|i| size(&out, *i) > 0.5 * limit).collect();
        looked.sort_by(|a, b| size(&out, *b).total_cmp(&size(&out, *a)));
        rest.clear();
        failed.clear();
        // Where draws have many finite outcomes beside, fewer places can be looked at.
        let affordable = MOST / trials.lanes_of(draws).max(1);
        for (k, part) in looked.chunks(BATCH).enumerate() {
            let affordable = affordable * if failed.is_empty() { UNTIL_ONE_FAILS } else { 1 };
            if decided(&failed) || k > 0 && (k + 1) * BATCH > affordable {
                rest.extend(part);
                continue;
            }
            for (i, x) in part.iter().zip(look(bench, trials, visits, part, draws)?) {
                out[*i] = x;
                failed.extend(Some(size(&out, *i)).filter(|x| *x > limit));
            }
        }
    }
    // What few draws say of the others is the integration's error as well: they count as no more than those that are known to fail.
    let most = failed.iter().copied().fold(f64::INFINITY, f64::min);
    for i in rest {
        let bound = most * bench.units[i];
        out[i] = out[i].clamp(-bound, bound);
    }
    Ok(out)
}

fn look(
    bench: &WorldEvidence,
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

/// Whether the policy obtains what the value promises.
pub struct Promise;

impl WorldProof for Promise {
    fn prove(
        &self,
        bench: &WorldEvidence,
        trials: &mut Trials,
        out: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic> {
        prove(bench, trials, out).map(|()| None)
    }
}

/// Measures and judges.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn prove(bench: &WorldEvidence, trials: &mut Trials, out: &mut WorldCertificate) -> Result<(), Diagnostic> {
    let played = bench.played;
    let limit = bench.options.limit;
    let raw = residuals(bench, trials)?;
    let relative: Vec<f64> = raw.iter().zip(&bench.units).map(|(r, u)| r / u).collect();
    let mut kept = Kept::of(bench, &raw);
    if kept.unclear(limit) {
        kept = again(bench, trials)?;
    }
    // Rewards that are summed leave out what tastes add.
    let lives = if played.gaps.len() > 1 && tastes::scale(bench.seat).is_none() {
        let n = played.gaps.len() as f64;
        format!(
            "; by summing rewards of {} lives {:.6} ± {:.1e}",
            n,
            plain(played.promised + statistics::mean(&played.gaps)),
            statistics::sd(&played.gaps) / n.sqrt()
        )
    } else {
        String::new()
    };
    let obtained = kept.obtained;
    let note = format!(
        "a period, share of {}; promised {:.8}, obtained {:.8}{lives}",
        bench.unit,
        plain(played.promised),
        plain(obtained)
    );
    let rows = [
        ("value obtained less promised", Some(kept.gap), limit, note),
        (
            "the same gap, relative to how much values differ",
            kept.share,
            DIFFERENCES.log10(),
            format!(
                "values from {:.6} to {:.6} at visited places",
                plain(kept.lo),
                plain(kept.hi)
            ),
        ),
    ];
    let (mut fails, mut unclear) = (false, false);
    for (name, number, limit, note) in rows {
        let Some(number) = number else { continue };
        let (told, words) = match number.told(limit) {
            Told::Within => (true, String::new()),
            Told::Beyond => (false, String::new()),
            Told::Unclear => (
                false,
                format!(
                    "cannot tell: two standard errors of {} places are {:.1e}; ",
                    kept.places,
                    2.0 * number.error
                ),
            ),
        };
        fails |= !told && words.is_empty();
        unclear |= !words.is_empty();
        out.log(name, number.mean, Some(limit), format!("{words}{note}"));
        if let Some(p) = out.proofs.last_mut() {
            p.holds = Some(told);
        }
    }
    let where_and_how = format!(
        "in the model's own economy (declared shocks, from the model's start), {:.2e} of {} a period",
        kept.gap.mean, bench.unit
    );
    let amounts = format!("{:.6} in place of {:.6}", plain(obtained), plain(played.promised));
    if fails {
        let headline = format!("the policy does not obtain the value that the solution promises: {amounts}");
        out.reasons.push(
            Diagnostic::error("E0944", headline)
                .note(where_and_how)
                .hint(cause(bench)),
        );
    } else if unclear {
        let headline =
            format!("cannot tell whether the policy obtains the value that the solution promises: {amounts}");
        out.reasons.push(
            Diagnostic::error("E0969", headline)
                .note(where_and_how)
                .note(format!(
                    "a few of {} places decide it, and chance decides who meets them",
                    kept.places
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

/// What is obtained more than promised a period, in the bench's unit, with its standard error; from the places of the bench alone.
///
/// # Errors
/// Those of the economy's programs (E0990).
pub fn kept(bench: &WorldEvidence, trials: &mut Trials) -> Result<(f64, f64), Diagnostic> {
    let gap = Kept::of(bench, &residuals(bench, trials)?).gap;
    Ok((gap.mean, gap.error))
}

/// A mean with its standard error.
#[derive(Clone, Copy, Debug)]
struct Estimated {
    mean: f64,
    error: f64,
}

/// Whether a number is beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Within,
    Beyond,
    /// It looks larger than the limit by no more than two standard errors.
    Unclear,
}

impl Estimated {
    /// Against ten to the power of `limit`.
    fn told(&self, limit: f64) -> Told {
        let most = 10f64.powf(limit);
        if self.mean.abs() <= most {
            Told::Within
        } else if self.mean.abs() - 2.0 * self.error <= most {
            Told::Unclear
        } else {
            Told::Beyond
        }
    }
}

/// How well a promise is kept.
struct Kept {
    /// What is lost a period, in units.
    gap: Estimated,
    /// Where what is won or lost comes seldom (a sale, a default), a period's worth of it says little: the error of the value must also be small
    /// against what values differ by at the places that are visited. `None` where they do not differ.
    share: Option<Estimated>,
    lo: f64,
    hi: f64,
    obtained: f64,
    places: usize,
}

impl Kept {
    /// By the residuals at the visits of a bench.
    fn of(bench: &WorldEvidence, raw: &[f64]) -> Kept {
        let played = bench.played;
        let first = &played.visits[..played.by_weight];
        let weights: f64 = first.iter().map(|v| v.weight).sum();
        let mean = |x: &[f64]| -> f64 {
            let sum: f64 = x.iter().zip(first).map(|(x, v)| x * v.weight).sum();
            sum / weights
        };
        let error = |x: &[f64]| {
            let e = statistics::sd(x) / (first.len().max(2) as f64).sqrt();
            if e.is_finite() { e } else { 0.0 }
        };
        let relative: Vec<f64> = raw
            .iter()
            .zip(&bench.units)
            .take(first.len())
            .map(|(r, u)| r / u)
            .collect();
        let raw = &raw[..first.len()];
        let lost = mean(raw) * played.weight;
        let values = first.iter().map(|v| value_at(bench.value, v)).filter(|v| v.is_finite());
        let (lo, hi) = values.fold((played.promised, played.promised), |(lo, hi), v| (lo.min(v), hi.max(v)));
        let unit = statistics::mean(&bench.units[..first.len()]) * played.weight;
        let differ = hi - lo > SAME * unit && first.len() > 1;
        Kept {
            gap: Estimated {
                mean: mean(&relative),
                error: error(&relative),
            },
            share: differ.then(|| Estimated {
                mean: lost / (hi - lo),
                error: error(raw) * played.weight / (hi - lo),
            }),
            lo,
            hi,
            obtained: played.promised + lost,
            places: first.len(),
        }
    }

    fn unclear(&self, limit: f64) -> bool {
        let share = self.share.map(|s| s.told(DIFFERENCES.log10()));
        self.gap.told(limit) == Told::Unclear || share == Some(Told::Unclear)
    }
}

/// The same from more lives and more places.
fn again(bench: &WorldEvidence, trials: &mut Trials) -> Result<Kept, Diagnostic> {
    let options = JudgeOptions {
        lives: MORE * bench.options.lives,
        points: MORE * MORE * bench.options.points,
        ..bench.options.clone()
    };
    let played = super::play::play(
        bench.model,
        bench.solution,
        bench.seat,
        bench.value,
        &options,
        &super::play::Apart::default(),
    )?;
    let (units, unit) = super::units(trials, bench.seat, bench.value, &played.met())?;
    // Draws are shifted at random at each place: over so many places their errors cancel in the mean, and what is left counts as scatter.
    let draws = (AGAIN / played.visits.len().max(1))
        .max(bench.options.draws)
        .min(LOOKS[0]);
    let wider = WorldEvidence {
        played: &played,
        options: &options,
        units,
        unit,
        ..*bench
    };
    let all: Vec<usize> = (0..played.visits.len()).collect();
    let raw = look(&wider, trials, &played.visits, &all, draws)?;
    Ok(Kept::of(&wider, &raw))
}

/// Trials at all places of more lives.
const AGAIN: usize = 500_000;

/// How many times as many lives are looked at where chance leaves open what holds; places are as many times more for each life.
const MORE: usize = 4;
/// Values that differ by less than this share of lifetime consumption are the same.
const SAME: f64 = 1e-6;
/// Largest error of a value as a share of what values differ by.
const DIFFERENCES: f64 = 1e-2;

#[cfg(test)]
mod tests {
    use super::{Estimated, Told};

    #[test]
    fn what_two_standard_errors_decide_is_neither_within_nor_beyond_a_limit() {
        let told = |mean: f64, error: f64| Estimated { mean, error }.told(-3.0);
        assert_eq!(told(-9e-4, 1e-2), Told::Within);
        assert_eq!(told(-2e-3, 6e-4), Told::Unclear);
        assert_eq!(told(2e-3, 4e-4), Told::Beyond);
        assert_eq!(told(f64::NAN, 0.0), Told::Beyond);
    }
}
