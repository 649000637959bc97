//! What policies earn on the same paths: as many as a verdict needs.

use super::points::drawn_starts;
use super::{Judge, MORE_PATHS, PATHS, Trial, Unit, Worth};
use crate::diag::Diagnostic;
use crate::num::random::Key;
use crate::solve::bellman::Bellman;
use crate::verify::simulate::{PathPolicy, SolvedPolicy};
use crate::verify::welfare::{Along, Paths, Welfare};

/// Two standard errors within which a loss is known well enough, and the share of the loss that is enough, too.
const KNOWN: f64 = 3e-4;
const KNOWN_SHARE: f64 = 0.1;

/// What learned policies are compared with.
pub(super) struct Beside<'a> {
    /// The exact policy.
    pub(super) exact: &'a dyn PathPolicy,
    /// Random choices.
    pub(super) random: &'a dyn PathPolicy,
    /// The best constant policy, where there is one.
    pub(super) constant: Option<&'a dyn PathPolicy>,
}

/// What policies earn on the same paths.
pub(super) struct Measured {
    /// The exact policy.
    pub(super) exact: Along,
    /// Random choices.
    pub(super) random: Along,
    /// The best constant policy.
    pub(super) constant: Option<Along>,
    /// The learned ones, in order.
    pub(super) learned: Vec<Along>,
    /// What losses are measured in.
    pub(super) unit: Unit,
}

impl Measured {
    /// Whether more paths would tell more: an estimate too near to what decides, or not known well.
    fn open(&self, limit: Option<f64>) -> bool {
        self.learned.iter().any(|own| {
            let (loss, error) = own.behind_in(&self.exact, &self.unit.sizes);
            let near = limit.is_some_and(|l| (loss - l).abs() < 2.0 * error);
            let coarse = 2.0 * error > KNOWN.max(KNOWN_SHARE * loss.abs());
            let ties = self.constant.as_ref().is_some_and(|constant| {
                let (gap, error) = own.behind(constant);
                error > 0.0 && gap.abs() < 2.0 * error
            });
            near || coarse || ties
        })
    }

    fn extend(&mut self, more: Measured, worth: Option<f64>) {
        self.exact.extend(more.exact);
        self.random.extend(more.random);
        if let (Some(own), Some(more)) = (&mut self.constant, more.constant) {
            own.extend(more);
        }
        self.learned.iter_mut().zip(more.learned).for_each(|(a, b)| a.extend(b));
        self.unit = Unit::of(worth, &self.exact, self.constant.as_ref(), Some(&self.random));
    }
}

impl Judge {
    /// Where `count` paths begin: `[path][state]`.
    pub(super) fn starts(&self, scenario: Option<&str>, count: usize, seed: u64) -> Vec<Vec<f64>> {
        drawn_starts(&self.model, &self.decision, scenario, count, seed).unwrap_or_else(|| self.fallback.clone())
    }

    /// What policies earn on the same paths of round `round`, `count` of each seed.
    pub(super) fn along(
        &self,
        welfare: &Welfare,
        policies: &[&dyn PathPolicy],
        trial: &Trial,
        round: usize,
        count: usize,
    ) -> Vec<Along> {
        let scenario = trial.scenario.as_deref();
        let periods = self
            .model
            .scenarios
            .iter()
            .find(|s| Some(s.name.as_str()) == scenario)
            .and_then(|s| s.periods);
        let mut out = vec![Along::default(); policies.len()];
        for seed in &trial.seeds {
            let seed = Key::new(*seed, 11).bits(round as u64, 0);
            let starts = self.starts(scenario, count, seed);
            let paths = Paths {
                count,
                periods,
                rest: periods.is_none(),
                seed,
                starts: &starts,
            };
            for (all, policy) in out.iter_mut().zip(policies) {
                all.extend(welfare.along(*policy, &paths));
            }
        }
        out
    }

    /// What learned policies earn beside others: on as many paths as `trial` says, or as it takes to tell.
    pub(super) fn measured(
        &self,
        welfare: &Welfare,
        beside: &Beside,
        learned: &[&dyn PathPolicy],
        trial: &Trial,
    ) -> Measured {
        let mut players = vec![beside.exact, beside.random];
        players.extend(beside.constant);
        players.extend(learned.iter().copied());
        let round = |number: usize, count: usize| {
            let mut all = self.along(welfare, &players, trial, number, count).into_iter();
            let exact = all.next().unwrap_or_default();
            let random = all.next().unwrap_or_default();
            let constant = beside.constant.and_then(|_| all.next());
            Measured {
                unit: Unit::of(self.worth, &exact, constant.as_ref(), Some(&random)),
                exact,
                random,
                constant,
                learned: all.collect(),
            }
        };
        let mut known = round(0, trial.episodes.unwrap_or(PATHS));
        for (number, more) in MORE_PATHS.iter().enumerate() {
            if trial.episodes.is_some() || !known.open(trial.limit) {
                break;
            }
            known.extend(round(number + 1, *more), self.worth);
        }
        known
    }

    /// What policies earn from the start under common random numbers, with losses in shares of consumption (of the exact value
    /// where the model names no consumption): one entry per policy, the exact policy's first.
    ///
    /// # Errors
    /// Those of [`Bellman::new`]: E0904, E0905, E0981.
    pub fn worths(&self, policies: &[&dyn PathPolicy], seed: u64) -> Result<Vec<Worth>, Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let exact = SolvedPolicy::new(&bellman, &self.solution)?;
        let welfare = Welfare::new(&bellman, &exact, &self.solution);
        let trial = Trial {
            seeds: vec![seed],
            ..Trial::default()
        };
        let all: Vec<&dyn PathPolicy> = std::iter::once(&exact as &dyn PathPolicy)
            .chain(policies.iter().copied())
            .collect();
        let along = self.along(&welfare, &all, &trial, 0, PATHS);
        let unit = Unit::of(self.worth, &along[0], None, None);
        Ok(along.iter().map(|a| Worth::of(a, &along[0], &unit)).collect())
    }
}
