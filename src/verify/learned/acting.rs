//! A learned policy in the problem that was solved.

use super::{Judge, LANES};
use crate::chance::chain::nearest;
use crate::check::Model;
use crate::check::model::Process;
use crate::diag::Diagnostic;
use crate::env::decide::{Decide, PolicyRunner};
use crate::env::worlds::Worlds;
use crate::learn::translation::Translation;
use crate::solve::bellman::At;
use crate::verify::simulate::{ChainPaths, PathPolicy};
use crate::verify::welfare::{Mover, Moves};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Worlds that are put where the solved problem stands: what policies see there, and what they may do.
pub(super) struct Ground {
    pub(super) translation: Mutex<Translation>,
    /// For each state and shock of the problem: that of the model and its element.
    pub(super) states: Vec<(usize, usize)>,
    pub(super) shocks: Vec<(usize, usize)>,
    /// For each action of the problem: the action of the interface and its element.
    pub(super) actions: Vec<(usize, usize)>,
    /// Values of the joint shocks, `[joint shock][shock]`.
    pub(super) values: Vec<Vec<f64>>,
}

impl Ground {
    /// The worlds. The lock is poisoned only by a panic in here; what is read after it is all written anew.
    pub(super) fn worlds(&self) -> MutexGuard<'_, Translation> {
        self.translation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything that lies between the bounds may be forbidden.
    pub(super) fn forbids(&self) -> bool {
        self.worlds().forbids()
    }
}

impl Mover for Ground {
    fn moved(&self, at: At, states: &[&[f64]], actions: &mut [Vec<f64>]) -> Vec<bool> {
        let n = actions.first().map_or(0, Vec::len);
        let mut flags = vec![false; n];
        let mut translation = self.worlds();
        if !translation.forbids() {
            return flags;
        }
        // Whoever chooses no number is left alone.
        let asked: Vec<usize> = (0..n).filter(|&i| actions.iter().all(|a| a[i].is_finite())).collect();
        for lanes in asked.chunks(LANES) {
            let there: Vec<Vec<f64>> = states.iter().map(|s| lanes.iter().map(|&i| s[i]).collect()).collect();
            let there: Vec<&[f64]> = there.iter().map(Vec::as_slice).collect();
            self.place(&mut translation.worlds, at, &there, 0, lanes.len());
            let wanted = ChainPaths::gather(actions, lanes);
            // The rest of the worlds do what the last lane does.
            let mut own: Vec<Vec<f64>> = Vec::new();
            for (a, (k, element)) in wanted.iter().zip(&self.actions) {
                own.resize_with(own.len().max(k + 1), Vec::new);
                let target = &mut own[*k];
                target.resize(target.len().max((element + 1) * LANES), 0.0);
                for i in 0..LANES {
                    target[element * LANES + i] = a[i.min(lanes.len() - 1)];
                }
            }
            match translation.feasible(own) {
                Ok((done, moved)) => {
                    for (k, &i) in lanes.iter().enumerate() {
                        flags[i] = moved[k];
                        for (a, (number, element)) in actions.iter_mut().zip(&self.actions) {
                            a[i] = done[*number][element * LANES + k];
                        }
                    }
                }
                Err(_) => {
                    // Of some of them nothing is feasible; one by one they say which.
                    if let [i] = lanes {
                        flags[*i] = true;
                        actions.iter_mut().for_each(|a| a[*i] = f64::NAN);
                        continue;
                    }
                    drop(translation);
                    for &i in lanes {
                        let one: Vec<[f64; 1]> = states.iter().map(|s| [s[i]]).collect();
                        let one: Vec<&[f64]> = one.iter().map(|s| &s[..]).collect();
                        let mut own: Vec<Vec<f64>> = actions.iter().map(|a| vec![a[i]]).collect();
                        flags[i] = self.moved(at, &one, &mut own)[0];
                        actions.iter_mut().zip(&own).for_each(|(to, from)| to[i] = from[0]);
                    }
                    translation = self.worlds();
                }
            }
        }
        flags
    }
}

/// A learned policy in the solved problem.
pub struct Learned<'a> {
    judge: &'a Judge,
    policy: Mutex<Box<dyn PolicyRunner>>,
    /// How many of its decisions were forbidden, and moved.
    pub(super) moves: Moves,
    /// Whether it answers by chance: at one and the same state now this and now that.
    by_chance: bool,
}

impl Learned<'_> {
    /// Asks it twice wherever policies are compared, and remembers whether it answers by chance: where states are finitely many what it does
    /// would else be read once a state, which is no evaluation of such a policy.
    pub(super) fn asked_twice(mut self) -> Self {
        let asked = || self.judge.at_points(&self).into_iter().flatten().map(f64::to_bits);
        self.by_chance = !asked().eq(asked());
        self.moves.forget();
        self
    }
}

impl PathPolicy for Learned<'_> {
    fn randomises(&self) -> bool {
        self.by_chance
    }

    fn act(&self, at: At, states: &[&[f64]], draw: &[f64], actions: &mut [Vec<f64>]) {
        let (j, ground) = (self.judge, &self.judge.ground);
        let mut translation = ground.worlds();
        let n = draw.len();
        let mut from = 0;
        while from < n {
            let lanes = LANES.min(n - from);
            ground.place(&mut translation.worlds, at, states, from, lanes);
            let mut policy = self.policy.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match translation.decide_feasibly(policy.as_mut()) {
                Ok((done, moved)) => {
                    for (a, (k, element)) in actions.iter_mut().zip(&ground.actions) {
                        a[from..from + lanes].copy_from_slice(&done[*k][element * LANES..element * LANES + lanes]);
                    }
                    self.moves.count(&moved[..lanes]);
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
            moves: Moves::default(),
            by_chance: false,
        })
    }
}

impl Ground {
    /// The worlds of a model at the states, shocks and actions of a problem (see the fields).
    pub(super) fn new(
        translation: Translation,
        states: Vec<(usize, usize)>,
        shocks: Vec<(usize, usize)>,
        actions: Vec<(usize, usize)>,
        values: &[Vec<f64>],
    ) -> Ground {
        Ground {
            translation: Mutex::new(translation),
            states,
            shocks,
            actions,
            values: values.to_vec(),
        }
    }

    /// The model that the worlds are of.
    pub(super) fn model(&self) -> std::sync::Arc<Model> {
        self.worlds().worlds.model.clone()
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
        let values = self.values.get(at.shock).cloned().unwrap_or_default();
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
