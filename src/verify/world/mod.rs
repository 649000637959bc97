//! The certificate's second half: a solution judged in the economy that a user simulates.
//!
//! Nothing here reads a number that only the solver's problem holds. Paths run on the declared laws of shocks (not on chains),
//! with the chances that hold at each place, from where the file starts; the policy is the one that `econc simulate` plays; rewards,
//! laws, ends and requirements are those of the simulated economy; expectations are taken over evenly spread draws of one
//! simulated period; deviations are looked for by a scan that knows nothing of the solver's search.
//!
//! * [`value`]: the solution's value, read at any state and shock.
//! * [`trials`]: what a choice is worth at a place.
//! * [`chances`]: the draws of one period; [`mesh`]: places between the nodes of the solution; [`improve`]: better choices at a place; [`effect`]:
//!   what a choice moves there; [`closely`]: better choices looked for again.
//! * one file a proof ([`PLAYED`], [`TRIED`]): [`estimate`] (how far value and policy are from the best), [`slope`] (first-order conditions), [`tastes`]
//!   (choice probabilities), [`promise`] (value promised and obtained, Bellman residuals), [`deviation`] (one-shot deviations; thin pieces of what is feasible in `pieces`),
//!   [`stay`] (domains, grid, requirements), [`streaks`] (rare states of chains), [`hints`] (what to write for more exact ones), [`clearing`], [`interpreter`] (the compiled economy against the plain one).
//!
//! The sum of Bellman residuals along a path, discounted, is exactly the difference between the value that the policy
//! obtains and the value that the solution promises (Kakade and Langford 2002, lemma 6.1, with the solution's value in the place of
//! the optimal one), so small residuals at visited states are no proxy: they are the error, with hardly any noise of sampling.

mod branches;
pub mod chances;
pub mod clearing;
pub mod closely;
pub mod deviation;
mod edges;
pub mod effect;
mod errors;
pub mod estimate;
pub mod hints;
pub mod improve;
pub mod interpreter;
mod line;
pub mod mesh;
mod outside;
mod pieces;
pub mod play;
pub mod promise;
pub mod seat;
pub mod slope;
pub mod stay;
pub mod streaks;
pub mod tastes;
pub mod trials;
pub mod value;
pub mod visit;

use crate::check::Model;
use crate::diag::{Diagnostic, Severity};
use crate::solve::between::PolicyBetween;
use crate::solve::decision::Discretised;
use crate::solve::solution::Solution;
use seat::SolvedSeat;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use trials::{Job, Trials};
use value::Value;
use visit::Visit;

/// Settings of the judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeOptions {
    /// Seed of all draws.
    pub seed: u64,
    /// Lives simulated side by side.
    pub lives: usize,
    /// Places of each sample: by their weight in lifetime value, and evenly over time.
    pub points: usize,
    /// Draws of one expectation.
    pub draws: usize,
    /// log10 of the largest error that passes, in units of a period's consumption (of the reward's own size without one).
    pub limit: f64,
    /// log10 of the largest estimated error of the value that passes, in the same unit.
    pub value: f64,
    /// log10 of the largest estimated error of a choice that passes, as a share of its size.
    pub policy: f64,
    /// Largest share of simulated time outside domains or grid.
    pub edges: f64,
    /// Whether a solution that fails is solved again, finer: how far it is from the best one is then of no interest.
    pub may_be_finer: bool,
}

impl Default for JudgeOptions {
    fn default() -> Self {
        JudgeOptions {
            seed: 1,
            lives: 64,
            points: 120,
            draws: 128,
            limit: -3.0,
            value: -3.0,
            policy: -3.0,
            edges: 1e-3,
            may_be_finer: false,
        }
    }
}

/// How a number of a proof is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// As a power of ten; `value` and `limit` are log10.
    Log,
    /// As a percentage; `value` and `limit` are shares.
    Share,
    /// As it is.
    Plain,
}

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProofRow {
    /// What.
    pub name: String,
    /// The number.
    pub value: f64,
    /// How it is shown.
    pub scale: Scale,
    /// What it may be at most; `None` where it only informs.
    pub limit: Option<f64>,
    /// Whether it is as it must be; `None` where it only informs.
    pub holds: Option<bool>,
    /// Where it was measured, in which unit, with which sampling error.
    pub note: String,
}

/// The judgement in the economy itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorldCertificate {
    /// What was measured, in order; one entry per criterion.
    pub proofs: Vec<ProofRow>,
    /// What fails (errors), and what should be known (warnings).
    pub reasons: Vec<Diagnostic>,
    /// How far the value and each choice are from the best ones, as estimated; one entry per row of that table.
    #[serde(default)]
    pub errors: Vec<Estimate>,
    /// Around what lives visit, where the value is estimated to be as close to the best one as it must be: `(lowest, highest)`, one pair per state of the solution;
    /// empty where that is not known.
    #[serde(default)]
    pub close: Vec<(f64, f64)>,
    /// How far lives and streaks go: `(lowest, highest)`, one pair per state of the solution.
    #[serde(skip)]
    pub reached: Vec<(f64, f64)>,
    /// Draws that were tried.
    #[serde(skip)]
    pub draws: usize,
}

/// The largest error of the value or of a choice where lives go, as the judge estimates it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// `value`, or the name of the choice.
    pub name: String,
    /// In units of lifetime value, of the choice, or for finite choices what the wrong ones cost in lifetime value.
    pub error: f64,
    /// For the value: a period's share of consumption (of the reward's size without one); for a number its share of the choice's size; for
    /// finite choices the cost as a share of a period's consumption.
    pub relative: f64,
}

impl WorldCertificate {
    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.proofs.iter().all(|p| p.holds != Some(false))
            && !self.reasons.iter().any(|d| d.severity == Severity::Error)
    }

    pub(super) fn log(&mut self, name: &str, x: f64, limit: Option<f64>, note: String) -> bool {
        let value = x.abs().clamp(1e-16, 1e300).log10();
        let holds = limit.map(|l| !x.is_nan() && value <= l);
        self.proofs.push(ProofRow {
            name: name.into(),
            value: if x.is_nan() { 300.0 } else { value },
            scale: Scale::Log,
            limit,
            holds,
            note,
        });
        holds != Some(false)
    }

    pub(super) fn share(&mut self, name: &str, x: f64, limit: Option<f64>, note: String) -> bool {
        let holds = limit.map(|l| x <= l);
        self.proofs.push(ProofRow {
            name: name.into(),
            value: x,
            scale: Scale::Share,
            limit,
            holds,
            note,
        });
        holds != Some(false)
    }
}

/// What every proof may use.
pub struct WorldEvidence<'a> {
    /// The model.
    pub model: &'a Model,
    /// What is judged.
    pub solution: &'a Solution,
    /// The decision maker.
    pub seat: &'a SolvedSeat,
    /// The solution's policy, read anywhere.
    pub policy: &'a PolicyBetween,
    /// The solution's value.
    pub value: &'a Value,
    /// What happened in simulation.
    pub played: &'a play::Played,
    /// The nodes that the solver put in the place of chance, one entry per shock or noise; hints name them.
    pub discretised: &'a [Discretised],
    /// Settings.
    pub options: &'a JudgeOptions,
    /// The size of one unit of error: one value per visit, then one per extreme visit.
    pub units: Vec<f64>,
    /// `consumption` or `reward`.
    pub unit: &'static str,
}

/// A proof in the economy itself.
pub trait WorldProof: Sync {
    /// Measures, puts down its rows, and says what is wrong with them; returns what is left to be done once the other proofs are known, if anything is.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990).
    fn prove(
        &self,
        bench: &WorldEvidence,
        trials: &mut Trials,
        out: &mut WorldCertificate,
    ) -> Result<Option<Rest>, Diagnostic>;
}

/// What a proof does when the others are known: it is told whether what the first hand of [`TRIED`] looked at holds.
pub type Rest =
    Box<dyn FnOnce(&WorldEvidence, &mut Trials, bool, &mut WorldCertificate) -> Result<(), Diagnostic> + Send>;

/// Proofs that read off lives as they were played, in the order of their rows.
pub static PLAYED: &[&dyn WorldProof] = &[&stay::Stay, &streaks::RareStreaks];

/// Proofs that try choices and draws, in the order of their rows: what stands in one hand shares its trials, and both hands work at once.
pub static TRIED: [&[&dyn WorldProof]; 2] = [
    &[&promise::Promise, &deviation::Deviations, &tastes::Probabilities],
    &[
        &slope::FirstOrder,
        &estimate::Estimated,
        &clearing::Clearing,
        &interpreter::Interpreter,
    ],
];

/// What came of the proofs of one hand.
struct Hand<'a> {
    trials: Trials<'a>,
    parts: Vec<(WorldCertificate, Option<Rest>)>,
}

impl<'a> Hand<'a> {
    fn prove(
        proofs: &[&dyn WorldProof],
        bench: &WorldEvidence,
        mut trials: Trials<'a>,
    ) -> Result<Hand<'a>, Diagnostic> {
        let mut parts = Vec::new();
        for proof in proofs {
            let mut out = WorldCertificate::default();
            let rest = proof.prove(bench, &mut trials, &mut out)?;
            parts.push((out, rest));
        }
        Ok(Hand { trials, parts })
    }

    /// Does what is left, and puts everything down.
    fn finish(mut self, bench: &WorldEvidence, hold: bool, out: &mut WorldCertificate) -> Result<(), Diagnostic> {
        for (mut part, rest) in self.parts {
            if let Some(rest) = rest {
                rest(bench, &mut self.trials, hold, &mut part)?;
            }
            out.proofs.extend(part.proofs);
            out.reasons.extend(part.reasons);
            out.errors.extend(part.errors);
            if !part.close.is_empty() {
                out.close = part.close;
            }
        }
        out.draws += self.trials.spent;
        Ok(())
    }
}

/// Judges a solution in the economy of its model. `unseen` names shocks without memory that the decision maker does not observe
/// (one name per shock): at a place they may be anything; `discretised` says which nodes the solver put in the place of chance,
/// one entry per shock or noise, for hints.
///
/// # Errors
/// Those of the simulation: a policy that cannot be played (E0815 to E0817), values that are not numbers (E0903), an economy that
/// cannot be simulated; E0905 for a grid that does not ascend.
pub fn judge(
    model: &Model,
    solution: &Solution,
    unseen: &[String],
    discretised: &[Discretised],
    options: &JudgeOptions,
) -> Result<WorldCertificate, Diagnostic> {
    let mut seat = SolvedSeat::of(model, solution)?;
    seat.unseen = (0..model.shocks.len())
        .filter(|s| unseen.iter().any(|u| *u == model.shocks[*s].name))
        .collect();
    let mut out = WorldCertificate::default();
    let Some(value) = Value::new(solution, &seat, model.horizon) else {
        return Err(Diagnostic::error("E0905", "the grid of the solution does not ascend"));
    };
    let mut played = play::play(model, solution, &seat, &value, options, &play::Apart::default())?;
    played.streaks = streaks::follow(model, solution, &seat, options, (&played.ranges, &played.extremes))?;
    out.reached.clone_from(&played.streaks.range);
    let trials = || Trials::new(model, &seat, &value, LANES, options.seed);
    let mut first = trials()?;
    let (units, unit) = units(&mut first, &seat, &value, &played.met())?;
    let policy = PolicyBetween::new(Arc::new(solution.clone()))?;
    let bench = WorldEvidence {
        model,
        solution,
        seat: &seat,
        policy: &policy,
        value: &value,
        played: &played,
        discretised,
        options,
        units,
        unit,
    };
    Hand::prove(PLAYED, &bench, first)?.finish(&bench, true, &mut out)?;
    out.draws = 0;
    // The hands do not know of one another: they work side by side and are put down in order.
    let [left, right] = TRIED;
    let (left, right) = rayon::join(
        || Hand::prove(left, &bench, trials()?),
        || Hand::prove(right, &bench, trials()?),
    );
    let (left, right) = (left?, right?);
    let hold = left.parts.iter().all(|(part, _)| part.passed());
    left.finish(&bench, hold, &mut out)?;
    right.finish(&bench, hold, &mut out)?;
    // Where a fixed cost makes policies jump nothing else helps.
    let off = |d: &&mut Diagnostic| ["E0944", "E0945", "E0946", "E0949", "E0969"].contains(&d.code.as_str());
    let mut off: Vec<&mut Diagnostic> = out.reasons.iter_mut().filter(off).collect();
    if !off.is_empty()
        && let Some(hint) = hints::fixed_cost(&bench, &mut trials()?)?
    {
        off.iter_mut().for_each(|d| d.hint = Some(hint.clone()));
    }
    Ok(out)
}

/// Worlds in which trials run side by side.
pub(super) const LANES: usize = 1024;

/// What one unit of error is at each visit: the worth `u'(c) c` of a period's consumption where the model names consumption
/// and an action moves it; else how much rewards differ between visited states and between choices (a constant added to the reward moves
/// neither).
pub(super) fn units(
    trials: &mut Trials,
    seat: &SolvedSeat,
    value: &Value,
    visits: &[Visit],
) -> Result<(Vec<f64>, &'static str), Diagnostic> {
    let draws = 16;
    let ranges = trials.ranges(visits)?;
    let mut best: Vec<Option<(f64, f64)>> = vec![None; visits.len()];
    let mut spread = vec![0.0f64; visits.len()];
    let base: Vec<Job> = visits
        .iter()
        .enumerate()
        .map(|(visit, v)| Job {
            visit,
            actions: &v.actions,
        })
        .collect();
    let here = trials.worth(visits, &base, draws)?;
    for c in 0..seat.choices.len() {
        let mut moved: Vec<(usize, Vec<f64>)> = Vec::new();
        for (i, v) in visits.iter().enumerate() {
            match &ranges[i][c] {
                trials::Range::Between(lo, hi) => {
                    let step = 1e-4 * width(*lo, *hi, v.actions[c]);
                    for by in [step, -step] {
                        let mut a = v.actions.clone();
                        a[c] += by;
                        if a[c] >= *lo && a[c] <= *hi {
                            moved.push((i, a));
                        }
                    }
                    // The middle of the range, for the size of what is at stake.
                    let mut a = v.actions.clone();
                    a[c] = if lo.is_finite() && hi.is_finite() {
                        0.5 * (lo + hi)
                    } else {
                        v.actions[c] + 1.0
                    };
                    moved.push((i, a));
                }
                trials::Range::Values(values) => {
                    for x in values.iter().take(16) {
                        let mut a = v.actions.clone();
                        a[c] = *x;
                        moved.push((i, a));
                    }
                }
            }
        }
        let jobs: Vec<Job> = moved
            .iter()
            .map(|(visit, actions)| Job { visit: *visit, actions })
            .collect();
        let there = trials.worth(visits, &jobs, draws)?;
        for ((i, a), t) in moved.iter().zip(&there) {
            // What a requirement forbids has no reward.
            if !t.q.is_finite() || !here[*i].q.is_finite() {
                continue;
            }
            let (dr, dc) = (t.reward - here[*i].reward, t.consumption - here[*i].consumption);
            let near = matches!(ranges[*i][c], trials::Range::Between(lo, hi)
                if (a[c] - visits[*i].actions[c]).abs() <= 2e-4 * width(lo, hi, visits[*i].actions[c]));
            if near && dc != 0.0 && dc.is_finite() && dr.is_finite() {
                let worth = (dr / dc * here[*i].consumption).abs();
                // Of two steps of about one size the one that counts more: on one side of a cap more may be worth nothing.
                let counts = |(d, w): (f64, f64)| dc.abs() > 2.0 * d || 2.0 * dc.abs() >= d && worth > w;
                if worth > 0.0 && worth.is_finite() && best[*i].is_none_or(counts) {
                    best[*i] = Some((dc.abs(), worth));
                }
            }
            if !near && dr.is_finite() {
                spread[*i] = spread[*i].max(dr.abs());
            }
        }
    }
    if best.iter().filter(|b| b.is_some()).count() * 2 > visits.len() {
        let mut known: Vec<f64> = best.iter().flatten().map(|b| b.1).collect();
        known.sort_by(f64::total_cmp);
        let median = known[known.len() / 2];
        return Ok((best.iter().map(|b| b.map_or(median, |b| b.1)).collect(), "consumption"));
    }
    let rewards: Vec<f64> = here.iter().map(|h| h.reward).filter(|r| r.is_finite()).collect();
    let sd = crate::num::statistics::sd(&rewards);
    let mut finite: Vec<f64> = spread.iter().copied().filter(|s| s.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let typical = finite.get(finite.len() / 2).copied().unwrap_or(0.0);
    let size = f64::max(if sd.is_finite() { sd } else { 0.0 }, typical);
    let largest = visits
        .iter()
        .map(|v| value.at(&v.states, &v.shocks, v.place.period).abs())
        .fold(0.0, f64::max);
    let size = [size, largest].into_iter().find(|s| *s > 1e-9 * largest).unwrap_or(1.0);
    Ok((vec![size; visits.len()], "reward"))
}

#[cfg(test)]
mod parts_tests;
#[cfg(test)]
mod tests;

/// The length of a range; `1 + |x|` where it has no end.
pub(crate) fn width(lo: f64, hi: f64, x: f64) -> f64 {
    let w = hi - lo;
    if w.is_finite() { w } else { 1.0 + x.abs() }
}

/// The value of the decision maker at a visit.
fn value_at(value: &Value, v: &Visit) -> f64 {
    value.at(&v.states, &v.shocks, v.place.period)
}
