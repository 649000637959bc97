//! A learned policy in the problem that was solved.

use super::{Judge, LANES};
use crate::chance::chain::nearest;
use crate::check::model::Process;
use crate::diag::Diagnostic;
use crate::env::decide::{Decide, PolicyRunner};
use crate::env::worlds::Worlds;
use crate::solve::bellman::At;
use crate::solve::problem::DecisionProblem;
use crate::verify::simulate::PathPolicy;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A learned policy in the solved problem.
pub struct Learned<'a> {
    judge: &'a Judge,
    policy: Mutex<Box<dyn PolicyRunner>>,
    decided: AtomicU64,
    moved: AtomicU64,
}

impl Learned<'_> {
    /// Counts decisions anew.
    pub(super) fn count_anew(&self) {
        self.decided.store(0, Ordering::Relaxed);
        self.moved.store(0, Ordering::Relaxed);
    }

    /// Share of its decisions so far that a `require` forbade.
    pub(super) fn moved_share(&self) -> f64 {
        self.moved.load(Ordering::Relaxed) as f64 / self.decided.load(Ordering::Relaxed).max(1) as f64
    }
}

impl PathPolicy for Learned<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let j = self.judge;
        // The lock is poisoned only by a panic in here; the values below are all written anew.
        let mut translation = j.translation.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let n = draw.len();
        let mut from = 0;
        while from < n {
            let lanes = LANES.min(n - from);
            j.place(&mut translation.worlds, at, states, from, lanes);
            let mut policy = self.policy.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match translation.decide_feasibly(policy.as_mut()) {
                Ok((done, moved)) => {
                    for (a, (k, element)) in actions.iter_mut().zip(&j.actions) {
                        a[from..from + lanes].copy_from_slice(&done[*k][element * LANES..element * LANES + lanes]);
                    }
                    self.decided.fetch_add(lanes as u64, Ordering::Relaxed);
                    let moved = moved[..lanes].iter().filter(|m| **m).count();
                    self.moved.fetch_add(moved as u64, Ordering::Relaxed);
                }
                Err(why) => {
                    // A policy that cannot act has no verdict; what stopped it is told in its place.
                    actions.iter_mut().for_each(|a| a[from..from + lanes].fill(f64::NAN));
                    j.failure
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .get_or_insert(why);
                }
            }
            from += lanes;
        }
    }
}

impl Judge {
    /// A learned policy as one that acts in the solved problem.
    ///
    /// # Errors
    /// E0925 if it is of another model or learner.
    pub fn acting(&self, policy: &dyn Decide) -> Result<Learned<'_>, Diagnostic> {
        if !policy.fits(self.interface.width(), &self.interface.space) {
            return Err(Diagnostic::from(crate::learn::LearnError::Mismatch {
                what: "the policy sees or chooses something else than this model".into(),
            }));
        }
        if policy.remembers() {
            return Err(has_memory());
        }
        Ok(Learned {
            judge: self,
            policy: Mutex::new(policy.begin(LANES * self.interface.members)),
            decided: AtomicU64::new(0),
            moved: AtomicU64::new(0),
        })
    }

    /// Writes states and shocks of some lanes into the worlds; the rest of the lanes repeat the last.
    fn place(&self, worlds: &mut Worlds, at: At, states: &[&[f64]], from: usize, lanes: usize) {
        let model = worlds.model.clone();
        for ((state, element), x) in self.states.iter().zip(states) {
            let target = &mut worlds.frame[model.states[*state].input.0 as usize];
            for i in 0..LANES {
                target[element * LANES + i] = x[from + i.min(lanes - 1)];
            }
        }
        let values = self
            .decision
            .spec()
            .chain
            .values
            .get(at.shock)
            .cloned()
            .unwrap_or_default();
        for ((shock, element), x) in self.shocks.iter().zip(values) {
            let s = &model.shocks[*shock];
            let carried = match &s.process {
                Process::Chain { values, .. } => nearest(values, x) as f64,
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => x,
            };
            let target = &mut worlds.frame[s.input.0 as usize];
            target[element * LANES..(element + 1) * LANES].fill(carried);
        }
        if let Some(t) = model.time {
            worlds.frame[t.0 as usize].fill(at.time as f64);
        }
    }
}

/// Why a policy with memory is not judged.
pub fn has_memory() -> Diagnostic {
    Diagnostic::error("E0931", "a policy with memory cannot be judged here")
        .note("it is asked at states of the solved problem, one by one, where there is nothing to remember")
        .hint("judge a learner without memory (ppo, a2c, sac, dqn), or compare returns: econc simulate --policy RUN")
}
