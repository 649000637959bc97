//! The verdict on learned policies: what they lose beside the exact one and beside constants.

use super::{Distance, Judge, MORE_PATHS, PATHS, Trial, Unit, Worth};
use crate::diag::Diagnostic;
use crate::learn::Policy;
use crate::num::random::Key;
use crate::num::statistics;
use crate::solve::bellman::Bellman;
use crate::solve::problem::DecisionProblem;
use crate::verify::constant::{self, Constant};
use crate::verify::simulate::{Policy as Acts, SolvedPolicy};
use crate::verify::welfare::{Along, Feasible, Welfare};

/// One seed's verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedVerdict {
    /// The seed.
    pub seed: u64,
    /// Distances to the exact policy, one per action.
    pub distances: Vec<Distance>,
    /// Expected discounted reward from the start.
    pub value: f64,
    /// Welfare loss, see [`Worth`].
    pub loss: f64,
    /// Its standard error.
    pub loss_error: f64,
    /// How much more than the best constant policy is lost, and the standard error.
    pub behind_constant: Option<(f64, f64)>,
    /// Share of decisions that a `require` forbade and that were moved to the nearest feasible one.
    pub moved: f64,
    /// Share of its time outside the grid of the solution.
    pub outside: f64,
    /// Mean and 95 % quantile of the one-shot gain.
    pub one_shot: (f64, f64),
    /// Mean and 95 % quantile of the size of Euler residuals, shares of consumption; `None` where the problem has none.
    pub euler: Option<(f64, f64)>,
}

impl SeedVerdict {
    /// Relative distance of the action that is worst.
    pub fn relative(&self) -> f64 {
        self.distances.iter().map(Distance::relative).fold(0.0, f64::max)
    }
}

/// Policies along one state.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The state.
    pub state: String,
    /// The first action.
    pub action: String,
    /// Values of the state, ascending, one per point.
    pub x: Vec<f64>,
    /// The exact policy, one value per point.
    pub exact: Vec<f64>,
    /// The learned policies, `[policy][point]`.
    pub learned: Vec<Vec<f64>>,
}

/// The verdict on the policies of several seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The verdicts, one per seed.
    pub seeds: Vec<SeedVerdict>,
    /// Mean loss over seeds.
    pub mean_loss: f64,
    /// Its bootstrap interval over seeds, 95 %.
    pub loss_interval: (f64, f64),
    /// What losses are shares of.
    pub unit: String,
    /// The exact, the best constant, the myopic and the random policy: `(name, worth)`, one entry per policy.
    pub benchmarks: Vec<(String, Worth)>,
    /// Paths on which the losses were measured.
    pub paths_followed: usize,
    /// The best constant policy in words.
    pub constant: Option<String>,
    /// Policies along one state.
    pub slice: Option<Slice>,
    /// `(name, exact path, path of the first seed)`, one entry per series; both paths have one value per period.
    pub paths: Vec<(String, Vec<f64>, Vec<f64>)>,
}

impl Judge {
    /// Judges the policies of several seeds, one `(training seed, policy)` per seed, on as many paths as it takes; `seed` is that of
    /// the paths.
    ///
    /// # Errors
    /// Those of [`Judge::acting`] and of [`Bellman::new`].
    pub fn verdict(&self, policies: &[(u64, &Policy)], seed: u64) -> Result<Verdict, Diagnostic> {
        let trial = Trial {
            seeds: vec![seed],
            ..Trial::default()
        };
        self.verdict_on(policies, &trial)
    }

    /// Judges the policies of several seeds, one `(training seed, policy)` per seed, as `trial` says.
    ///
    /// # Errors
    /// Those of [`Judge::acting`] and of [`Bellman::new`]; E0931 for a scenario that scripts what the solution knows nothing of.
    pub fn verdict_on(&self, policies: &[(u64, &Policy)], trial: &Trial) -> Result<Verdict, Diagnostic> {
        self.can_follow(trial)?;
        let learned = policies
            .iter()
            .map(|(_, p)| self.acting(p))
            .collect::<Result<Vec<_>, _>>()?;
        let acts: Vec<&dyn Acts> = learned.iter().map(|l| l as &dyn Acts).collect();
        let seed = trial.seeds.first().copied().unwrap_or(1);
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let solved = SolvedPolicy::new(&bellman, &self.solution)?;
        let welfare = Welfare::new(&bellman, &solved, &self.solution);
        let search = self.starts(trial.scenario.as_deref(), PATHS, seed);
        let constant = constant::best(&bellman, &welfare, &self.exact, &search, Key::new(seed, 12).bits(0, 0));
        let constant_policy = constant.as_ref().map(|c| c.policy(&bellman));
        let constant_policy = constant_policy.as_ref().map(|c| Feasible {
            bellman: &bellman,
            policy: c,
        });
        // The exact one, the constant if there is one, the learned ones: on the same paths, round by round.
        let mut players: Vec<&dyn Acts> = vec![&solved];
        players.extend(constant_policy.as_ref().map(|c| c as &dyn Acts));
        let first_learned = players.len();
        players.extend(acts.iter().copied());
        let count = trial.episodes.unwrap_or(PATHS);
        let mut along = self.along(&welfare, &players, trial, 0, count);
        let (myopic, random) = self.with_benchmarks(|_, myopic, random| {
            let mut both = self.along(&welfare, &[myopic, random], trial, 0, count);
            (both.swap_remove(0), both.swap_remove(0))
        })?;
        let unit_of = |along: &[Along]| self.unit(&along[0], (first_learned > 1).then(|| &along[1]), Some(&random));
        let mut unit = unit_of(&along);
        for (round, more) in MORE_PATHS.iter().enumerate() {
            let open = along[first_learned..].iter().any(|a| {
                let (gap, error) = a.behind(&along[0]);
                let near = |limit: f64| (gap / unit.size - limit).abs() < 2.0 * error / unit.size;
                let ties = first_learned > 1 && {
                    let (gap, error) = a.behind(&along[1]);
                    error > 0.0 && gap.abs() < 2.0 * error
                };
                trial.limit.is_some_and(near) || ties
            });
            if trial.episodes.is_some() || !open {
                break;
            }
            let further = self.along(&welfare, &players, trial, round + 1, *more);
            along.iter_mut().zip(further).for_each(|(a, b)| a.extend(b));
            unit = unit_of(&along);
        }
        let mut seeds = Vec::new();
        for (k, (number, policy)) in policies.iter().enumerate() {
            let mut distances = self.distances(acts[k]);
            for (d, (action, _)) in distances.iter_mut().zip(&self.actions) {
                d.step = self.grid_step(policy, *action).filter(|s| !d.finite && *s > 0.0);
            }
            let own = &along[first_learned + k];
            let (loss, loss_error) = own.behind(&along[0]);
            seeds.push(SeedVerdict {
                seed: *number,
                distances,
                value: own.value(),
                loss: fault!("verdict.sign", -loss, loss) / unit.size,
                loss_error: loss_error / unit.size,
                behind_constant: (first_learned > 1).then(|| {
                    let (gap, error) = own.behind(&along[1]);
                    (gap / unit.size, error / unit.size)
                }),
                moved: learned[k].moved_share(),
                outside: own.outside,
                one_shot: self.one_shot(acts[k])?,
                euler: self.euler(acts[k])?,
            });
        }
        let losses: Vec<f64> = seeds.iter().map(|s| s.loss).collect();
        let mut rng = crate::num::random::Stream::new(seed, 7);
        let loss_interval = statistics::bootstrap(&losses, statistics::mean, 0.95, 2000, &mut rng);
        let mut benchmarks = vec![("exact".to_string(), worth_of(&along[0], &along[0], &unit))];
        if first_learned > 1 {
            benchmarks.push(("best constant".to_string(), worth_of(&along[1], &along[0], &unit)));
        }
        benchmarks.push((
            "myopic (maximises the reward of the period)".to_string(),
            worth_of(&myopic, &along[0], &unit),
        ));
        benchmarks.push((
            "random (uniform between the bounds)".to_string(),
            worth_of(&random, &along[0], &unit),
        ));
        let all: Vec<&dyn Acts> = std::iter::once(&solved as &dyn Acts)
            .chain(acts.iter().copied())
            .collect();
        let slice = self.slice(&all, 100).map(|(state, x, mut curves)| Slice {
            state,
            action: self.decision.spec().actions[0].name.clone(),
            x,
            exact: curves.remove(0),
            learned: curves,
        });
        let mut paths = Vec::new();
        if let Some(first) = acts.first() {
            let (a, b) = (self.path(&solved, 200, seed)?, self.path(*first, 200, seed)?);
            paths.extend(a.into_iter().zip(b).take(9).map(|((n, x), (_, y))| (n, x, y)));
        }
        if let Some(why) = self.take_failure() {
            return Err(why);
        }
        Ok(Verdict {
            mean_loss: statistics::mean(&losses),
            seeds,
            loss_interval,
            unit: unit.words,
            benchmarks,
            paths_followed: along[0].start.len(),
            constant: constant.as_ref().map(Constant::words),
            slice,
            paths,
        })
    }

    /// What stopped a learned policy from acting, once.
    fn take_failure(&self) -> Option<Diagnostic> {
        self.failure
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take()
    }

    /// Whether the solved problem can play a scenario: it knows where states start and how long, nothing else.
    ///
    /// # Errors
    /// E0931 for a script, E0804 for a scenario that does not exist.
    pub fn can_follow(&self, trial: &Trial) -> Result<(), Diagnostic> {
        let Some(name) = &trial.scenario else { return Ok(()) };
        let Some(s) = self.model.scenarios.iter().find(|s| s.name == *name) else {
            let known: Vec<String> = self.model.scenarios.iter().map(|s| s.name.clone()).collect();
            return Err(crate::check::settings::unknown_word("scenario", name, &known));
        };
        let shocks_start = s
            .starts
            .iter()
            .any(|(t, _)| !matches!(t, crate::check::model::Target::State(_)));
        let scripted = [
            (!s.paths.is_empty(), "paths"),
            (!s.forces.is_empty(), "forced values"),
            (!s.params.is_empty(), "parameters of its own"),
            (shocks_start, "first values of shocks"),
        ];
        match scripted.iter().find(|(has, _)| *has) {
            None => Ok(()),
            Some((_, what)) => Err(Diagnostic::error(
                "E0931",
                format!("policies cannot be judged in scenario `{name}`: it scripts {what}"),
            )
            .at(s.span, "the exact solution knows nothing of this script")
            .note("the exact policy is the best against chance as the model has it, not against a script")
            .hint(
                "judge on a scenario that has `start` lines and `periods` only, and play this one with econc simulate",
            )),
        }
    }
}

pub(super) fn worth_of(own: &Along, exact: &Along, unit: &Unit) -> Worth {
    let (loss, error) = own.behind(exact);
    Worth {
        value: own.value(),
        loss: fault!("verdict.sign", -loss, loss) / unit.size,
        error: error / unit.size,
    }
}
