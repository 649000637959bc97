//! Shocks that are moved or held from outside: what impulse responses and decompositions of variance do to a world.
//!
//! An impulse is added to what the law draws, before anything that this draw conditions is drawn, so that chains given by the shock and laws of
//! motion that read its next value follow. Knows nothing of what is measured.

use super::Worlds;
use crate::chance::chain::nearest;
use crate::check::model::{Process, Shock, StartShock};
use crate::diag::Diagnostic;

/// How far a shock is moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Push {
    /// By so much, in units of the shock. Further elements of a vector process move as its innovation moves them.
    By(f64),
    /// To this: the number of a chain's state, or a value.
    To(f64),
}

/// A move of one shock in one period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impulse {
    /// The shock, by number.
    pub shock: usize,
    /// Its element; `None` moves all.
    pub element: Option<usize>,
    /// How far.
    pub push: Push,
}

impl Worlds {
    /// Moves a shock in the period that the next [`Worlds::step`] leads to, in every world.
    pub fn push_next(&mut self, impulse: Impulse) {
        self.pushed = Some(impulse);
    }

    /// From the next restart on the marked shocks (one mark per shock) stand still: chains at the state nearest to their mean, random walks
    /// where they start, all others at their mean.
    ///
    /// # Errors
    /// Those of [`Worlds::restart`].
    pub fn hold(&mut self, which: &[bool]) -> Result<(), Diagnostic> {
        self.held = self
            .model
            .shocks
            .iter()
            .zip(which)
            .map(|(s, held)| held.then(|| middle(s)))
            .collect();
        self.restart(&vec![true; self.worlds])
    }

    /// Sets an element of a state in one world.
    pub fn set_state(&mut self, state: usize, element: usize, world: usize, value: f64) {
        let input = self.model.states[state].input;
        self.frame[input.0 as usize][element * self.worlds + world] = value;
    }

    /// What a held shock stores, if it is held.
    pub(super) fn held_at(&self, shock: usize) -> Option<f64> {
        self.held.get(shock).copied().flatten()
    }

    /// The impulse that waits for this shock, on what was drawn (`fresh`, `element x world`).
    pub(super) fn pushed_on(&self, shock: usize, fresh: &mut [f64]) {
        let Some(Impulse { element, push, .. }) = self.pushed.filter(|p| p.shock == shock) else {
            return;
        };
        let n = self.worlds;
        let process = &self.model.shocks[shock].process;
        for e in 0..fresh.len() / n {
            crate::limits::poll();
            // An innovation of a vector moves further elements, each by its loading.
            let share = match (process, element) {
                (Process::Var1 { s, .. }, Some(own)) => {
                    let size = s.len();
                    let loading = |to: usize| s[to % size][own % size];
                    if e / size == own / size {
                        loading(e) / loading(own)
                    } else {
                        0.0
                    }
                }
                (_, Some(own)) => f64::from(u8::from(own == e)),
                (_, None) => 1.0,
            };
            for x in &mut fresh[e * n..(e + 1) * n] {
                match push {
                    Push::By(size) => *x += share * size,
                    Push::To(value) if share != 0.0 => *x = value,
                    Push::To(_) => {}
                }
            }
        }
    }
}

/// What a shock stores in the middle of its law: a chain the number of the state nearest to its mean, a random walk where it starts, others
/// their mean.
pub fn middle(s: &Shock) -> f64 {
    match (&s.process, &s.start) {
        (Process::Chain { values, .. }, _) => nearest(values, s.process.mean()) as f64,
        (Process::RandomWalk { .. }, Some(StartShock::Value(x))) => *x,
        _ => s.process.mean(),
    }
}
