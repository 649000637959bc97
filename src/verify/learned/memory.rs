//! Policies with memory: what they do depends on what they have seen, so they are asked along paths of their own.

use super::{Judge, POINTS, Places, distance};
use crate::diag::Diagnostic;
use crate::solve::bellman::{At, Bellman};
use crate::solve::problem::DecisionProblem;
use crate::verify::simulate::{Policy as Acts, SolvedPolicy, World};

/// Paths along which policies with memory are asked.
const PATHS: usize = 16;
/// Periods before the first is asked where time has no end.
const BEFORE: usize = 100;

impl Judge {
    /// What a policy does at the states at which policies are compared, `[action][point]`. A policy with memory is asked along its own
    /// paths; the states are then handed over, with what the exact policy does there.
    ///
    /// # Errors
    /// Those of [`Bellman::new`].
    pub(super) fn asked(&self, policy: &dyn Acts) -> Result<(Option<Places>, Vec<Vec<f64>>), Diagnostic> {
        if !policy.remembers() {
            return Ok((None, self.at_points(policy)));
        }
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let solved = SolvedPolicy::new(&bellman, &self.solution)?;
        let (points, done) = self.along_itself(&bellman, policy);
        let exact = self.done_at(&points, &solved);
        let counted = distance::counted(&bellman, &solved, &points, &exact, self.period.size);
        let places = Places { points, exact, counted };
        Ok((Some(places), done))
    }

    /// States that a policy visits, in groups of one shock and date, and what it does there, `[action][point]`.
    fn along_itself(&self, bellman: &Bellman, policy: &dyn Acts) -> (Vec<(At, Vec<f64>)>, Vec<Vec<f64>>) {
        let spec = self.decision.spec();
        let mut world = World::new(bellman, PATHS, 5, &self.starts(None, PATHS, 5));
        let (before, periods) = match spec.horizon {
            Some(horizon) => (0, horizon.max(POINTS / PATHS)),
            None => (BEFORE, POINTS / PATHS),
        };
        let mut all: Vec<(At, Vec<f64>, Vec<f64>)> = Vec::new();
        for t in 0..before + periods {
            world.step(policy, &mut |w| {
                for p in (0..PATHS).filter(|_| t >= before) {
                    let (shock, time) = (w.shock[p], w.time[p]);
                    let of = |columns: &[Vec<f64>]| columns.iter().map(|c| c[p]).collect::<Vec<f64>>();
                    all.push((At { shock, time }, of(&w.states), of(&w.actions)));
                }
            });
        }
        let stride = all.len().div_ceil(POINTS).max(1);
        let mut kept: Vec<_> = all.into_iter().step_by(stride).collect();
        kept.sort_by_key(|(at, _, _)| (at.time, at.shock));
        let done = (0..spec.actions.len())
            .map(|a| kept.iter().map(|k| k.2[a]).collect())
            .collect();
        (kept.into_iter().map(|(at, x, _)| (at, x)).collect(), done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::judge_of;
    use crate::env::{ActionSpace, Actions};
    use crate::learn::Policy;
    use crate::learn::nets::{Activation, RecurrentNet};
    use crate::learn::policy::PolicyKind;
    use crate::num::random::Stream;

    /// Three tenths are best, whatever has happened; what is seen never moves.
    const STILL: &str = "agent a {\n  state k in 0..3, start 1\n  action x in [0, 1]\n  k' = k\n  observe k\n  \
        reward -(x - 0.3)^2\n  discount 0.9\n";

    fn remembering() -> Policy {
        let space = ActionSpace {
            continuous: 1,
            discrete: vec![],
        };
        let net = RecurrentNet::new(1, 8, &[8], 1, Activation::Tanh, 1.0, &mut Stream::new(3, 0));
        Policy {
            method: "recurrent_ppo".into(),
            space,
            observation_width: 1,
            observation: None,
            centre: Vec::new(),
            kind: PolicyKind::Recurrent {
                net,
                log_std: vec![0.0],
            },
        }
    }

    /// What it does period by period where it sees state 1 of 0..3, which is -1/3.
    fn played(policy: &Policy, periods: usize) -> Vec<f64> {
        let (mut actor, mut actions) = (policy.actor(1, 0), Actions::default());
        (0..periods)
            .map(|_| {
                policy.act(&mut actor, &[-1.0 / 3.0], &[], 1, true, &mut actions);
                0.5 * (f64::from(actions.continuous[0]) + 1.0)
            })
            .collect()
    }

    #[test]
    fn a_policy_with_memory_is_followed_with_what_it_remembers() {
        let judge = judge_of(&format!("{STILL}}}\n"));
        let policy = remembering();
        let own = played(&policy, 400);
        assert!((own[0] - own[399]).abs() > 0.01, "its memory moves nothing: {own:?}");
        let verdict = judge.verdict(&[(1, &policy)], 1).unwrap();
        let seed = &verdict.seeds[0];
        let value: f64 = (0..400).map(|t| -0.9f64.powi(t as i32) * (own[t] - 0.3).powi(2)).sum();
        assert!(
            (seed.value - value).abs() < 1e-3 * value.abs(),
            "{} against {value}",
            seed.value
        );
        // Its distance is that of its own path, long after the start.
        let late = (own[399] - 0.3).abs();
        let got = seed.distances[0].root_mean_square;
        assert!((got - late).abs() < 1e-4, "{got} against {late}");
        assert!(seed.euler.is_none() && verdict.slice.is_none_or(|s| s.learned.is_empty()));
    }

    #[test]
    fn memory_ends_with_the_life() {
        let judge = judge_of(&format!("{STILL}  horizon 4\n}}\n"));
        let policy = remembering();
        let own = played(&policy, 4);
        let path = judge.path(&judge.acting(&policy).unwrap(), 12, 1).unwrap();
        let x = &path.iter().find(|(name, _)| name.ends_with(".x")).unwrap().1;
        for (t, x) in x.iter().enumerate() {
            assert!((x - own[t % 4]).abs() < 1e-6, "{t}: {x} against {own:?}");
        }
    }
}
