//! The verdict on learned policies: what they lose beside the exact one and beside constants.

use super::measured::Beside;
use super::{Beyond, Distance, Judge, PATHS, Trial, Worth};
use crate::diag::Diagnostic;
use crate::env::decide::Decide;
use crate::num::random::Key;
use crate::num::statistics;
use crate::solve::bellman::Bellman;
use crate::solve::problem::DecisionProblem;
use crate::verify::constant::{self, Constant};
use crate::verify::simulate::{PathPolicy, SolvedPolicy};
use crate::verify::welfare::{Feasible, Welfare};

/// Periods of a path along which decisions that a requirement moves are counted, where losses are exact.
const MOVED_PERIODS: usize = 2000;

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
    /// Share of decisions that a mask or a `require` forbade and that were moved to the nearest feasible one.
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

    /// The same over all states that the exact policy visits.
    pub fn relative_plain(&self) -> f64 {
        self.distances.iter().map(Distance::relative_plain).fold(0.0, f64::max)
    }

    /// Share of these states that are left out of the distance, of the action of which most are.
    pub fn left_out(&self) -> f64 {
        self.distances.iter().map(|d| d.left_out).fold(0.0, f64::max)
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
    /// What free choices are shares of: the same, a period.
    pub period: String,
    /// Whether paths were followed by chance; otherwise losses are exact from each first state.
    pub sampled: bool,
    /// The exact, the best constant, the myopic and the random policy: `(name, worth)`, one entry per policy.
    pub benchmarks: Vec<(String, Worth)>,
    /// Paths on which the losses were measured.
    pub paths_followed: usize,
    /// The best constant policy in words.
    pub constant: Option<String>,
    /// Share of its decisions that were forbidden, and moved as those of a learner are.
    pub constant_moved: f64,
    /// Whether losses are of first order in a logarithm of consumption: `1 - exp(-loss)` is the share itself.
    pub logarithmic: bool,
    /// Where a learner cannot choose what the exact policy does.
    pub beyond: Beyond,
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
    pub fn verdict(&self, policies: &[(u64, &dyn Decide)], seed: u64) -> Result<Verdict, Diagnostic> {
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
    pub fn verdict_on(&self, policies: &[(u64, &dyn Decide)], trial: &Trial) -> Result<Verdict, Diagnostic> {
        self.can_follow(trial)?;
        let learned = policies
            .iter()
            .map(|(_, p)| Ok(self.acting(*p)?.asked_twice()))
            .collect::<Result<Vec<_>, Diagnostic>>()?;
        let acts: Vec<&dyn PathPolicy> = learned.iter().map(|l| l as &dyn PathPolicy).collect();
        let seed = trial.seeds.first().copied().unwrap_or(1);
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let solved = SolvedPolicy::new(&bellman, &self.solution)?;
        let welfare = Welfare::new(&bellman, &solved, &self.solution);
        let search = self.starts(trial.scenario.as_deref(), PATHS, seed);
        let constant = constant::best(
            &bellman,
            &welfare,
            &self.exact,
            &search,
            Key::new(seed, 12).bits(0, 0),
            Some(&self.ground),
        );
        let constant_policy = constant.as_ref().map(|c| c.policy(&bellman));
        let constant_policy = constant_policy
            .as_ref()
            .map(|c| Feasible::new(&bellman, c, Some(&self.ground)));
        let (known, myopic) = self.with_benchmarks(|_, myopic, random| {
            let beside = Beside {
                exact: &solved,
                random,
                constant: constant_policy.as_ref().map(|c| c as &dyn PathPolicy),
            };
            let known = self.measured(&welfare, &beside, &acts, trial);
            let count = trial.episodes.unwrap_or(PATHS);
            let myopic = self.along(&welfare, &[myopic], trial, 0, count).swap_remove(0);
            (known, myopic)
        })?;
        let constant_moved = match &constant_policy {
            Some(constant) => {
                constant.moves.forget();
                self.path(constant, MOVED_PERIODS, seed)?;
                constant.moves.share()
            }
            None => 0.0,
        };
        let worth = |own| Worth::of(own, &known.exact, &known.unit);
        let mut seeds = Vec::new();
        for (k, (number, policy)) in policies.iter().enumerate() {
            let mut distances = self.distances(acts[k])?;
            for (d, (action, _)) in distances.iter_mut().zip(&self.ground.actions) {
                d.step = self.grid_step(*policy, *action).filter(|s| !d.finite && *s > 0.0);
            }
            let own = &known.learned[k];
            let measured = worth(own);
            // An evaluation asks everywhere, the policy decides where it goes.
            if !own.sampled && self.ground.forbids() {
                learned[k].moves.forget();
                self.path(acts[k], MOVED_PERIODS, seed)?;
            }
            seeds.push(SeedVerdict {
                seed: *number,
                distances,
                value: measured.value,
                loss: measured.loss,
                loss_error: measured.error,
                behind_constant: known.constant.as_ref().map(|c| own.behind_in(c, &known.unit.sizes)),
                moved: learned[k].moves.share(),
                outside: own.outside,
                one_shot: self.one_shot(acts[k])?,
                euler: self.euler(acts[k])?,
            });
        }
        let losses: Vec<f64> = seeds.iter().map(|s| s.loss).collect();
        let mut rng = crate::num::random::Stream::new(seed, 7);
        let loss_interval = statistics::bootstrap(&losses, statistics::mean, 0.95, 2000, &mut rng);
        let mut benchmarks = vec![("exact".to_string(), worth(&known.exact))];
        benchmarks.extend(known.constant.as_ref().map(|c| ("best constant".to_string(), worth(c))));
        benchmarks.push((
            "myopic (maximises the reward of the period)".to_string(),
            worth(&myopic),
        ));
        benchmarks.push(("random (uniform between the bounds)".to_string(), worth(&known.random)));
        let all: Vec<&dyn PathPolicy> = std::iter::once(&solved as &dyn PathPolicy)
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
            period: self.period().words.clone(),
            sampled: known.learned.iter().chain(&known.constant).any(|a| a.sampled),
            paths_followed: known.exact.start.len(),
            unit: known.unit.words,
            benchmarks,
            constant: constant.as_ref().map(Constant::words),
            constant_moved,
            logarithmic: self.logarithmic,
            beyond: self.beyond().clone(),
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
