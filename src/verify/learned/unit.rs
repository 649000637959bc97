//! What losses are measured in: something that a number added to the reward does not move.

use super::PATHS;
use super::baselines::Random;
use crate::num::random::Key;
use crate::num::statistics;
use crate::solve::bellman::Bellman;
use crate::verify::constant;
use crate::verify::simulate::SolvedPolicy;
use crate::verify::welfare::{Along, Feasible, Mover, Paths, Welfare};

/// What a policy earns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// Expected discounted reward from the start.
    pub value: f64,
    /// What is lost against the exact policy, in the unit of the verdict.
    pub loss: f64,
    /// Standard error of the loss, and of the unit where it is measured on the same paths.
    pub error: f64,
}

impl Worth {
    /// What a policy earns, and what it loses against the exact one on the same paths.
    pub(super) fn of(own: &Along, exact: &Along, unit: &Unit) -> Worth {
        let (behind, error) = own.behind_in(exact, &unit.sizes);
        Worth {
            value: own.value(),
            loss: fault!("verdict.sign", -behind, behind),
            error,
        }
    }
}

/// What losses are measured in.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// In words.
    pub words: String,
    /// What one unit is worth in discounted reward.
    pub size: f64,
    /// The same on each path, one number per path.
    pub sizes: Vec<f64>,
}

impl Unit {
    fn new(words: &str, sizes: Vec<f64>) -> Unit {
        Unit {
            words: words.into(),
            size: statistics::mean(&sizes),
            sizes,
        }
    }

    /// Consumption: what all of it is worth on each path.
    pub(super) fn consumption(sizes: &[f64]) -> Unit {
        Unit::new("consumption for ever", sizes.to_vec())
    }

    /// From what the exact, the best constant and a random policy earn on the same paths; `worth` is what a period's consumption is worth,
    /// where the model names it.
    pub(super) fn of(worth: Option<f64>, exact: &Along, constant: Option<&Along>, random: Option<&Along>) -> Unit {
        if let Some(worth) = worth {
            return Unit::consumption(&exact.life.iter().map(|l| worth * l).collect::<Vec<f64>>());
        }
        let value = exact.value();
        let gain = |other: &Along| {
            let (gap, error) = other.behind(exact);
            (gap.is_finite() && gap > 5.0 * error && gap > 1e-9 * value.abs()).then(|| other.gaps(exact))
        };
        if let Some(sizes) = constant.and_then(gain) {
            return Unit::new("what the exact policy gains over the best constant one", sizes);
        }
        match random.and_then(gain) {
            Some(sizes) => Unit::new("what the exact policy gains over random choices", sizes),
            // Nothing is worth choosing here.
            None => Unit::new("the exact value", vec![value.abs().max(1e-12); exact.start.len()]),
        }
    }

    /// The same a period, found on paths of its own, where the model names no consumption. `visited[a]` is what the exact policy does at
    /// states that it visits, `starts` are first states, `[start][state]`.
    pub(super) fn of_a_period(
        bellman: &Bellman,
        welfare: &Welfare,
        exact: &SolvedPolicy,
        visited: &[Vec<f64>],
        starts: &[Vec<f64>],
        mover: &dyn Mover,
    ) -> Unit {
        let paths = Paths {
            count: PATHS,
            periods: None,
            rest: true,
            seed: Key::new(1, 13).bits(0, 0),
            starts,
        };
        let constant = constant::best(
            bellman,
            welfare,
            visited,
            starts,
            Key::new(1, 12).bits(0, 0),
            Some(mover),
        );
        let constant = constant.map(|c| {
            let policy = &c.policy(bellman);
            welfare.along(&Feasible::new(bellman, policy, Some(mover)), &paths)
        });
        let random = Random { bellman };
        let random = Feasible::new(bellman, &random, Some(mover));
        let (exact, random) = (welfare.along(exact, &paths), welfare.along(&random, &paths));
        let unit = Unit::of(None, &exact, constant.as_ref(), Some(&random));
        Unit::new(&unit.words, vec![unit.size / statistics::mean(&exact.life)])
    }
}
