//! Other choices in several actions of one player at once: an entry with the quantity that goes with it, two prices along the line on which both rise.
//!
//! Every combination of the finite choices is tried with the numbers as they are and with numbers spread over their ranges. From the best of these the
//! numbers climb: along each of them, and along the way that all of them went last (Hooke and Jeeves 1961), which follows a ridge that no single
//! number does.

use super::trial::{Slot, Stood, Trial, answers};
use crate::diag::Diagnostic;
use crate::env::worlds::trial::Place;
use crate::num::random::Key;
use crate::solve::problem::ActionKind;

/// Most combinations of finite choices, and numbers that are tried with each: in all, and at least.
const COMBINATIONS: usize = 64;
const SPREAD: (usize, usize) = (96, 4);
/// Places from which numbers climb beside the best with each combination, and how often at most; and for one who answers a trial.
const CLIMBED: (usize, usize) = (6, 1);
const SWEEPS: (usize, usize) = (60, 12);
/// Most combinations from whose best numbers climb.
const EACH: usize = 8;
/// Points of a line, and sections between the neighbours of its best one.
const LINE: usize = 9;
const SECTIONS: usize = 36;
/// Most evaluations of one search, all cases counted; where others answer each trial, and at least.
const EVALUATIONS: (usize, usize, usize) = (40_000_000, 400, 400);

/// The best of a search and what it pays on average.
type Best = Option<(Vec<f64>, f64)>;

impl Trial<'_, '_> {
    /// The player's actions by stage, where it has several at one.
    pub(super) fn several(&self) -> Vec<Vec<Slot>> {
        let stage = |s: &Slot| self.model.actions[s.1].stage;
        let mut out: Vec<Vec<Slot>> = Vec::new();
        for slot in self.slots() {
            match out.iter_mut().find(|all| stage(&all[0]) == stage(&slot)) {
                Some(all) => all.push(slot),
                None => out.push(vec![slot]),
            }
        }
        out.retain(|all| all.len() > 1);
        out
    }

    /// What the cases pay on average with several actions at other numbers, and the rest of `over`.
    fn pays_together(
        &mut self,
        at: &[Place],
        slots: &[Slot],
        over: &[(usize, usize, f64)],
        x: &[f64],
    ) -> Result<f64, Diagnostic> {
        let own = self.all_of(at, slots, over, x)?;
        let mean = self.bench.mean(&own);
        Ok(if mean.is_nan() { f64::NEG_INFINITY } else { mean })
    }

    /// What each case pays then, later stages answering if anybody does.
    pub(super) fn all_of(
        &mut self,
        at: &[Place],
        slots: &[Slot],
        over: &[(usize, usize, f64)],
        x: &[f64],
    ) -> Result<Vec<f64>, Diagnostic> {
        let mut all = over.to_vec();
        all.extend(slots.iter().zip(x).map(|(s, x)| (s.1, s.2, *x)));
        if self.staged {
            let stage = self.model.actions[slots[0].1].stage;
            answers(self.model, self.solution, self.bench, at, stage, &mut all, self.seed)?;
        }
        let paid = self.bench.pays(at, &all)?;
        let (agent, member) = (self.player.agent, self.player.member.unwrap_or(0));
        Ok(self.bench.rewards(&paid, self.model, agent, member))
    }

    /// The best choices of several actions at once, one number per slot; with fewer trials where they `answer` what somebody else tries.
    ///
    /// # Errors
    /// Those of a simulation.
    pub(super) fn best_together(
        &mut self,
        at: &[Place],
        slots: &[Slot],
        over: &[(usize, usize, f64)],
        answer: bool,
    ) -> Result<Best, Diagnostic> {
        let (climbed, sweeps) = match answer {
            true => (CLIMBED.1, SWEEPS.1),
            false => (CLIMBED.0, SWEEPS.0),
        };
        let first = self.bench.first();
        let now: Vec<f64> = (slots.iter())
            .map(|s| at[first].inputs[self.model.actions[s.1].input.0 as usize][s.2])
            .collect();
        let mut choices: Vec<Option<Vec<f64>>> = Vec::new();
        let mut range = Vec::new();
        for (slot, now) in slots.iter().zip(&now) {
            let finite = matches!(self.solution.actions[slot.0].kind, ActionKind::Finite { .. });
            let all = self.candidates(at, *slot, *now)?;
            range.push(all.iter().fold((*now, *now), |(l, h), x| (x.min(l), x.max(h))));
            choices.push(finite.then_some(all));
        }
        let numbers: Vec<usize> = (0..slots.len()).filter(|k| choices[*k].is_none()).collect();
        let budget = match self.staged {
            true => EVALUATIONS.1,
            false => (EVALUATIONS.0 / self.bench.weights.len().max(1)).clamp(EVALUATIONS.2, 20_000),
        };
        let combinations = combinations(&choices, &now);
        let spread = match numbers.is_empty() {
            true => 0,
            false => (SPREAD.0.min(budget / 2) / combinations.len()).max(SPREAD.1),
        };
        let key = Key::new(self.seed, 0x0158);
        let mut from: Vec<(Vec<f64>, f64)> = Vec::new();
        // The best with each combination, as what a finite choice is worth is known only with the numbers that are best for it; then the others.
        let mut others: Vec<(Vec<f64>, f64)> = Vec::new();
        for (c, combination) in combinations.iter().enumerate() {
            let mut best = (combination.clone(), self.pays_together(at, slots, over, combination)?);
            for i in 0..spread {
                let mut x = combination.clone();
                for k in &numbers {
                    let (lo, hi) = range[*k];
                    x[*k] = lo + (hi - lo) * key.uniform((c * spread + i) as u64, *k as u64);
                }
                let v = self.pays_together(at, slots, over, &x)?;
                let left = match v > best.1 {
                    true => std::mem::replace(&mut best, (x, v)),
                    false => (x, v),
                };
                others.push(left);
            }
            from.push(best);
        }
        let mut used = combinations.len() * (1 + spread);
        let each = from.len().min(EACH);
        from.sort_by(|a, b| b.1.total_cmp(&a.1));
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut best = from.first().cloned();
        if numbers.is_empty() {
            return Ok(best);
        }
        let starts = from
            .into_iter()
            .take(each.max(1))
            .chain(others.into_iter().take(climbed));
        for (mut x, mut v) in starts {
            for _ in 0..sweeps {
                let (before, was) = (x.clone(), v);
                for k in &numbers {
                    let mut way = vec![0.0; slots.len()];
                    way[*k] = range[*k].1 - range[*k].0;
                    (x, v) = self.along((at, slots, over), (x, v), &way, &range)?;
                }
                let way: Vec<f64> = x.iter().zip(&before).map(|(a, b)| a - b).collect();
                if way.iter().any(|w| *w != 0.0) {
                    (x, v) = self.along((at, slots, over), (x, v), &way, &range)?;
                }
                used += (numbers.len() + 1) * (LINE + SECTIONS);
                if v - was <= 1e-13 * v.abs() || used > budget {
                    break;
                }
            }
            if best.as_ref().is_none_or(|b| v > b.1) {
                best = Some((x, v));
            }
        }
        Ok(best.filter(|b| b.1 > f64::NEG_INFINITY))
    }

    /// The best place on a line through `x` within the ranges of all numbers, and what it pays.
    fn along(
        &mut self,
        (at, slots, over): (&[Place], &[Slot], &[(usize, usize, f64)]),
        (x, here): (Vec<f64>, f64),
        way: &[f64],
        range: &[(f64, f64)],
    ) -> Result<(Vec<f64>, f64), Diagnostic> {
        let (mut lo, mut hi) = (f64::NEG_INFINITY, f64::INFINITY);
        for ((x, w), (l, h)) in x.iter().zip(way).zip(range) {
            if *w != 0.0 {
                let (a, b) = ((l - x) / w, (h - x) / w);
                (lo, hi) = (lo.max(a.min(b)), hi.min(a.max(b)));
            }
        }
        if !(hi > lo) || !hi.is_finite() || !lo.is_finite() {
            return Ok((x, here));
        }
        let place = |t: f64| -> Vec<f64> {
            let moved = x
                .iter()
                .zip(way)
                .zip(range)
                .map(|((x, w), (l, h))| (x + t * w).clamp(*l, *h));
            moved.collect()
        };
        let mut points: Vec<f64> = (0..=LINE).map(|k| lo + (hi - lo) * k as f64 / LINE as f64).collect();
        // Close by, too, where the way is long.
        points.extend(
            [-1e-2, -1e-4, 0.0, 1e-4, 1e-2]
                .map(|s| s * (hi - lo))
                .into_iter()
                .filter(|t| *t >= lo && *t <= hi),
        );
        points.sort_by(f64::total_cmp);
        points.dedup();
        let mut best = (0.0, here);
        for t in &points {
            let v = self.pays_together(at, slots, over, &place(*t))?;
            if v > best.1 {
                best = (*t, v);
            }
        }
        let above = points.partition_point(|p| *p <= best.0).min(points.len() - 1);
        let below = points.partition_point(|p| *p < best.0).saturating_sub(1);
        let (mut lo, mut hi) = (points[below], points[above]);
        let inner = |lo: f64, hi: f64| {
            (
                hi - super::trial::SECTION * (hi - lo),
                lo + super::trial::SECTION * (hi - lo),
            )
        };
        let (mut a, mut b) = inner(lo, hi);
        let mut at_a = self.pays_together(at, slots, over, &place(a))?;
        let mut at_b = self.pays_together(at, slots, over, &place(b))?;
        for _ in 0..SECTIONS {
            if at_a < at_b {
                (lo, a, at_a) = (a, b, at_b);
                b = inner(lo, hi).1;
                at_b = self.pays_together(at, slots, over, &place(b))?;
            } else {
                (hi, b, at_b) = (b, a, at_a);
                a = inner(lo, hi).0;
                at_a = self.pays_together(at, slots, over, &place(a))?;
            }
        }
        for (t, v) in [(a, at_a), (b, at_b)] {
            if v > best.1 {
                best = (t, v);
            }
        }
        Ok((place(best.0), best.1))
    }

    /// What several actions are, in words.
    pub(super) fn in_words_together(&self, slots: &[Slot], x: &[f64]) -> String {
        let one = |(s, x): (&Slot, &f64)| {
            let action = &self.solution.actions[s.0];
            match &action.kind {
                ActionKind::Finite { values, labels } if labels.len() == values.len() => {
                    let k = values.iter().position(|v| v == x);
                    let label = k.map_or_else(|| x.to_string(), |k| labels[k].clone());
                    format!("{} = {label}", action.name)
                }
                _ => format!("{} = {x:.8}", action.name),
            }
        };
        slots.iter().zip(x).map(one).collect::<Vec<_>>().join(", ")
    }

    /// What is gained by the best choices of several actions at once: in all cases, with the standard error.
    ///
    /// # Errors
    /// Those of a simulation.
    pub(super) fn gain_together(&mut self, stood: &Stood, slots: &[Slot], x: &[f64]) -> Result<(f64, f64), Diagnostic> {
        let paid = self.all_of(&stood.at, slots, &[], x)?;
        let more: Vec<f64> = paid.iter().zip(&stood.here).map(|(a, b)| a - b).collect();
        Ok((self.bench.mean(&more), self.bench.error(&more)))
    }
}

/// Combinations of the finite choices, the numbers as they are; at most [`COMBINATIONS`], evenly among all.
fn combinations(choices: &[Option<Vec<f64>>], now: &[f64]) -> Vec<Vec<f64>> {
    let sizes = choices.iter().map(|c| c.as_ref().map_or(1, Vec::len).max(1));
    let all = sizes.clone().fold(1usize, usize::saturating_mul);
    let taken = all.min(COMBINATIONS);
    let of = |k: usize| {
        let mut rest = (k as u128 * all as u128 / taken as u128) as usize;
        let mut x = now.to_vec();
        for ((x, c), size) in x.iter_mut().zip(choices).zip(sizes.clone()) {
            if let Some(values) = c.as_ref().filter(|v| !v.is_empty()) {
                *x = values[rest % size];
            }
            rest /= size;
        }
        x
    };
    (0..taken).map(of).collect()
}
