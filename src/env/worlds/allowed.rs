//! Checks of actions: sets of choices that are empty, and actions that a script or a rule puts outside their bounds.
//!
//! A learner's or a solution's action outside its bounds has been moved to them by its reader. An action that the file or the command
//! line sets by a number is counted ([`Moved`]) or refused.

use super::{Bounds, Worlds};
use crate::check::model::{Space, Target, Then};
use crate::diag::Diagnostic;
use crate::graph::shape::aligned;

/// Differences of rounding, as a share of the ends.
const ROUNDING: f64 = 1e-9;

/// How often numbers asked for by name lay outside the bounds of an action, and were moved to them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moved {
    /// Member-periods.
    pub count: u64,
    /// The first number that was asked for.
    pub asked: f64,
    /// What was done instead.
    pub done: f64,
}

/// The whole numbers between two ends that need not be whole, one per member and world.
pub(super) fn whole(mut lo: Vec<f64>, mut hi: Vec<f64>) -> Bounds {
    lo.iter_mut().for_each(|x| *x = (*x - ROUNDING).ceil());
    hi.iter_mut().for_each(|x| *x = (*x + ROUNDING).floor());
    Bounds::Between(lo, hi)
}

impl Bounds {
    /// The nearest values that may be chosen, requirements apart (`values` and the result are `element x world`): numbers at the ends, of choices the
    /// one that is fewest places away, before after. Where no choice is open, and for shares, the value stays.
    pub fn nearest(&self, values: &[f64]) -> Vec<f64> {
        let each = values.iter().enumerate();
        match self {
            Bounds::Between(lo, hi) => each.map(|(i, x)| x.min(hi[i]).max(lo[i])).collect(),
            Bounds::Choices(masks) => each
                .map(|(i, x)| {
                    let open = |k: &usize| masks[*k].as_ref().is_none_or(|m| m[i] != 0.0);
                    let away = |k: &usize| (*k as f64 - x).abs();
                    let nearest = (0..masks.len()).filter(open).min_by(|a, b| away(a).total_cmp(&away(b)));
                    nearest.map_or(*x, |k| k as f64)
                })
                .collect(),
            Bounds::Simplex => values.to_vec(),
        }
    }
}

impl Worlds {
    /// Counts which of the `asked` values of an action were moved to become `done` (both `element x world`).
    pub(in crate::env) fn note_moved(&mut self, action: usize, asked: &[f64], done: &[f64]) {
        let count = &mut self.counts.moved[action];
        for (x, y) in asked.iter().zip(done) {
            if (x - y).abs() > ROUNDING * (1.0 + y.abs()) {
                if count.count == 0 {
                    (count.asked, count.done) = (*x, *y);
                }
                count.count += 1;
            }
        }
    }

    /// Refuses a world where nothing can be chosen, and a scenario or rule that does what cannot be chosen.
    /// [`Worlds::step`] calls it when everybody has acted; `bounds` has one (action number, bounds) per action.
    ///
    /// # Errors
    /// E0902, E0817.
    pub(super) fn check_allowed(&self, bounds: &[(usize, Bounds)]) -> Result<(), Diagnostic> {
        let scripted = self.scripted_targets();
        for (a, b) in bounds {
            let values = &self.frame[self.model.actions[*a].input.0 as usize];
            let there = self.present(*a);
            for (i, x) in values.iter().enumerate() {
                let wrong = match b {
                    Bounds::Between(lo, hi) => {
                        let slack = ROUNDING * (1.0 + lo[i].abs().min(hi[i].abs()));
                        if lo[i] > hi[i] + slack {
                            Some(format!("its bounds are {} and {}", lo[i], hi[i]))
                        } else if (scripted.contains(&Target::Action(*a)) || self.between_whole_numbers(*a, *x))
                            && there(i)
                            && !self.chosen(*a, *x, lo[i], hi[i], slack)
                        {
                            return Err(self.not_allowed(*a, i, format!("chosen from {} to {}", lo[i], hi[i])));
                        } else {
                            None
                        }
                    }
                    Bounds::Choices(masks) => {
                        let open = |k: usize| masks.get(k).is_some_and(|m| m.as_ref().is_none_or(|m| m[i] != 0.0));
                        if (0..masks.len()).all(|k| !open(k)) {
                            Some("every mask is zero".to_string())
                        } else if (x.fract() != 0.0 || *x < 0.0 || !open(*x as usize)) && there(i) {
                            return Err(self.not_allowed(*a, i, "not among what can be chosen there".to_string()));
                        } else {
                            None
                        }
                    }
                    Bounds::Simplex => None,
                };
                if let Some(why) = wrong.filter(|_| there(i)) {
                    let action = &self.model.actions[*a];
                    let d = Diagnostic::error("E0902", format!("nothing can be chosen for `{}`", action.name))
                        .at(action.span, why)
                        .note(format!("in period {}", self.period[i % self.worlds]));
                    return Err(self.with_state(d, i % self.worlds).hint(
                        "bound the action so that something can be chosen wherever the world may stand, or bound the states that lead here",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether a number can be chosen between two ends.
    fn chosen(&self, action: usize, x: f64, lo: f64, hi: f64, slack: f64) -> bool {
        let whole = !self.between_whole_numbers(action, x);
        // Ends that are no numbers bound nothing: those of a schedule are known when the price is.
        let above = lo.is_nan() || x >= lo - slack;
        let below = hi.is_nan() || x <= hi + slack;
        whole && above && below
    }

    fn between_whole_numbers(&self, action: usize, x: f64) -> bool {
        matches!(self.model.actions[action].space, Space::Integer { .. }) && x.fract() != 0.0
    }

    fn not_allowed(&self, action: usize, i: usize, label: String) -> Diagnostic {
        let a = &self.model.actions[action];
        let x = self.frame[a.input.0 as usize][i];
        let shown = match &a.space {
            Space::Finite { labels, .. } => labels.get(x as usize).cloned().unwrap_or(x.to_string()),
            Space::Interval { .. } | Space::Integer { .. } | Space::Simplex(_) => x.to_string(),
        };
        let d = Diagnostic::error(
            "E0817",
            format!("`{}` is put at {shown}, which cannot be chosen", a.name),
        )
        .at(a.span, label)
        .note(format!("in period {}", self.period[i % self.worlds]));
        self.with_state(d, i % self.worlds)
            .hint("keep the scenario or the rule inside the bounds: clamp(x, lo, hi); or widen them")
    }

    /// Which elements of an action belong to members that are there.
    fn present(&self, action: usize) -> impl Fn(usize) -> bool + '_ {
        let a = &self.model.actions[action];
        let alive = self.model.ends.iter().find_map(|e| match e.then {
            Then::Leave { alive } if e.agent == Some(a.owner) => self.model.states.get(alive),
            Then::Leave { .. } | Then::Restart | Then::Episode => None,
        });
        let map = alive.map(|s| {
            let shape = &self.graph.inputs[s.input.0 as usize].shape;
            (s.input, aligned(&self.graph, shape, &a.shape))
        });
        let n = self.worlds;
        move |i| match &map {
            None => true,
            Some((input, map)) => self.frame[input.0 as usize][map[i / n] * n + i % n] != 0.0,
        }
    }
}
