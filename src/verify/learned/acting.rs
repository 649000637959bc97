//! A learned policy in the problem that was solved.

use super::{Judge, LANES};
use crate::chance::chain::nearest;
use crate::check::model::Process;
use crate::diag::Diagnostic;
use crate::env::worlds::Worlds;
use crate::learn::Policy;
use crate::solve::bellman::At;
use crate::solve::problem::DecisionProblem;
use crate::verify::simulate::Policy as Acts;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A learned policy in the solved problem.
pub struct Learned<'a> {
    judge: &'a Judge,
    policy: &'a Policy,
    decided: AtomicU64,
    moved: AtomicU64,
    /// What it remembers of each path: `path x Policy::memory`, nothing without memory.
    memory: Mutex<Vec<f32>>,
}

/// What a lock guards: the lock is poisoned only by a panic in here, and what it guards is written anew.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Acts for Learned<'_> {
    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        self.choose(None, at, states, draw.len(), actions);
    }

    fn remembers(&self) -> bool {
        self.policy.memory() > 0
    }

    fn begin(&self, paths: usize) {
        let mut memory = held(&self.memory);
        memory.clear();
        memory.resize(paths * self.policy.memory(), 0.0);
    }

    fn act_on(&self, lanes: &[usize], at: At, states: &[&[f64]], _: &[f64], actions: &mut [Vec<f64>]) {
        let paths = self.remembers().then_some(lanes);
        self.choose(paths, at, states, lanes.len(), actions);
    }

    fn forget(&self, path: usize) {
        let width = self.policy.memory();
        held(&self.memory)[path * width..(path + 1) * width].fill(0.0);
    }
}

impl Learned<'_> {
    /// Chooses at `n` states, on the paths `paths` of those that it began on; without memory if there are none.
    fn choose(&self, paths: Option<&[usize]>, at: At, states: &[&[f64]], n: usize, actions: &mut [Vec<f64>]) {
        let j = self.judge;
        let mut translation = held(&j.translation);
        let mut from = 0;
        while from < n {
            let lanes = LANES.min(n - from);
            j.place(&mut translation.worlds, at, states, from, lanes);
            let paths = paths.map(|p| &p[from..from + lanes]);
            let mut memory = paths.map(|p| self.recalled(p));
            let chosen = translation.decide_feasibly(self.policy, memory.as_mut());
            if let Some((paths, memory)) = paths.zip(memory.as_ref()) {
                self.remember(paths, memory);
            }
            match chosen {
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
                    held(&j.failure).get_or_insert(why);
                }
            }
            from += lanes;
        }
    }

    /// What is remembered of some paths, as [`Actor`](crate::learn::policy::Actor) has it, for a full batch: the rest of the lanes knows
    /// nothing.
    fn recalled(&self, paths: &[usize]) -> Vec<f32> {
        let (memory, half) = (held(&self.memory), self.policy.memory() / 2);
        let mut out = vec![0.0; 2 * LANES * half];
        for (lane, path) in paths.iter().enumerate() {
            let own = &memory[2 * path * half..2 * (path + 1) * half];
            out[lane * half..(lane + 1) * half].copy_from_slice(&own[..half]);
            out[(LANES + lane) * half..(LANES + lane + 1) * half].copy_from_slice(&own[half..]);
        }
        out
    }

    /// The way back.
    fn remember(&self, paths: &[usize], from: &[f32]) {
        let (mut memory, half) = (held(&self.memory), self.policy.memory() / 2);
        for (lane, path) in paths.iter().enumerate() {
            let own = &mut memory[2 * path * half..2 * (path + 1) * half];
            own[..half].copy_from_slice(&from[lane * half..(lane + 1) * half]);
            own[half..].copy_from_slice(&from[(LANES + lane) * half..(LANES + lane + 1) * half]);
        }
    }
}

impl Judge {
    /// A learned policy as one that acts in the solved problem.
    ///
    /// # Errors
    /// E0925 if it is of another model or learner.
    pub fn acting<'a>(&'a self, policy: &'a Policy) -> Result<Learned<'a>, Diagnostic> {
        policy.check().map_err(Diagnostic::from)?;
        if policy.observation_width != self.interface.width() || policy.space != self.interface.space {
            return Err(Diagnostic::from(crate::learn::LearnError::Mismatch {
                what: "the policy sees or chooses something else than this model".into(),
            }));
        }
        if policy.memory() > 0 {
            self.can_remember()?;
        }
        Ok(Learned {
            judge: self,
            policy,
            decided: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            memory: Mutex::default(),
        })
    }

    /// Whether policies with memory can be judged.
    ///
    /// # Errors
    /// E0931 where several members decide.
    pub fn can_remember(&self) -> Result<(), Diagnostic> {
        if self.interface.members == 1 {
            return Ok(());
        }
        Err(Diagnostic::error(
            "E0931",
            "policies with memory cannot be judged here: several members decide",
        )
        .note("each has a memory of its own, and the solved problem follows one of them")
        .hint("judge a learner without memory (ppo, a2c, sac, dqn), or compare returns: econc simulate --policy RUN"))
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
