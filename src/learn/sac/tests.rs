//! Both ways to learn, by the options of the command.

use super::SacOptions;
use crate::check::Model;
use crate::learn::options::OptionTable;
use crate::learn::plan::{Asked, plan};
use crate::learn::training::Training;
use crate::learn::{Policy, measure};
use std::collections::BTreeSet;

const GROWTH: &str = "shock z ~ ar1(rho: 0.9, sigma: 0.02)\n\
    agent planner {\n  state k in [0.001, 2], start uniform(0.1, 0.3)\n  action s in (0, 1)\n  \
    let y = exp(z) * k^0.36\n  k' = s * y\n  observe k, z\n  reward log((1 - s) * y)\n  discount 0.9\n}\n";

fn model() -> Model {
    let (model, diagnostics) = crate::compile(GROWTH, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

/// A training by `options` behind those of `base`, once it is over, or the code that refuses it.
fn training(model: &Model, base: &str, options: &str) -> Result<Training, String> {
    let pairs = [base, options].concat();
    let mut all: Vec<(String, String)> = Vec::new();
    for (key, value) in pairs.split_whitespace().filter_map(|o| o.split_once('=')) {
        all.retain(|(k, _)| k != key);
        all.push((key.into(), value.into()));
    }
    let asked = Asked {
        method: Some("sac".into()),
        options: all,
        ..Asked::default()
    };
    let code = |d: Vec<crate::diag::Diagnostic>| format!("{} {:?}", d[0].code, d[0].hint);
    let planned = plan(model, &asked).map_err(code)?;
    let mut training = Training::new(model, &planned.plan, 1).map_err(|d| d.code.clone())?;
    while !training.is_done() {
        training.update(None).map_err(|d| d.code.clone())?;
    }
    Ok(training)
}

/// Its policy.
fn trained(model: &Model, base: &str, options: &str) -> Result<Policy, String> {
    training(model, base, options).map(|t| t.policy(0))
}

const SMALL: &str = "steps=40_000 worlds=8 common_chance=4 minibatch=32 gradient_steps=1 train_every=128 network=[6] periods=40 evaluations=0 ";
const BOTH: &[&str] = &[
    "steps=41_000",
    "worlds=16",
    "common_chance=1",
    "train_every=256",
    "gradient_steps=3",
    "minibatch=64",
    "learning_rate=2e-3",
    "anneal=false",
    "discount=0.8 shaping=true",
    "target_rate=0.5",
    "target_entropy=-2",
    "target_entropy_end=-3",
    "initial_std=0.2",
    "temperature=0.05",
    "normalize_observations=false",
    "normalize_values=false",
    "first_policy=middle",
    "network=[7]",
    "activation=relu",
];
const CONTINUAL: &[&str] = &[
    "memory=500",
    "warmup=100",
    "critics_first=0.2",
    "exploration_std=0.3",
    "critic=joint",
    "n_step=3",
    "average_from=0.8",
];

#[test]
fn every_option_changes_what_is_learned_or_is_refused() {
    let model = model();
    let key = |o: &&str| o.split('=').next().map(String::from);
    let told: BTreeSet<String> = BOTH.iter().chain(CONTINUAL).filter_map(key).collect();
    for o in SacOptions::table() {
        assert!(told.contains(o.key) || o.key == "stages", "{} is not tried", o.key);
    }
    for (way, own) in [("stages=3 ", &[][..]), ("stages=0 memory=2000 warmup=500 ", CONTINUAL)] {
        let base = [SMALL, way].concat();
        let usual = trained(&model, &base, "").unwrap();
        assert!(usual == trained(&model, &base, "").unwrap());
        for option in BOTH.iter().chain(own) {
            let other = trained(&model, &base, option).unwrap_or_else(|code| panic!("{way}{option}: {code}"));
            assert!(other != usual, "{way}{option} changes nothing");
        }
    }
    let stages = |options: &str| trained(&model, SMALL, options);
    assert!(stages("stages=3").unwrap() != stages("stages=4").unwrap());
    for option in CONTINUAL {
        let refused = stages(&format!("stages=3 {option}")).unwrap_err();
        assert!(
            refused.starts_with("E0805") && refused.contains("unless stages = 0"),
            "{option}: {refused}"
        );
    }
    // The default of the book may be written down.
    assert!(stages("stages=3").unwrap() == stages("stages=3 n_step=32 critic=advantage").unwrap());
}

/// 40 000 steps in 8 worlds are 5000 periods: 78 stages of 64.
#[test]
fn the_log_has_the_stage_and_no_stage_is_shorter_than_was_said() {
    let model = model();
    for (asked, last) in [("stages=3", 3.0), ("stages=1000", 78.0)] {
        let all = training(&model, SMALL, &format!("first_policy=middle {asked}")).unwrap();
        let of = |name: &str| -> Vec<f64> {
            let rows = all.record(0).rows.iter();
            rows.filter_map(|r| Some(r.values.iter().find(|(k, _)| k == name)?.1))
                .collect()
        };
        let (stages, explained) = (of("stage"), of("explained"));
        assert!(
            stages.is_sorted() && stages[0] <= 2.0 && stages[stages.len() - 1] == last,
            "{stages:?}"
        );
        assert!(
            explained.iter().all(|e| *e <= 1.0) && (last > 3.0 || explained.iter().any(|e| *e > 0.05)),
            "{explained:?}"
        );
    }
}

/// Brock and Mirman (1972): the share `alpha beta` is best at every state.
#[test]
fn stages_learn_the_closed_form_of_growth() {
    let model = model();
    let options = "steps=200_000 worlds=32 stages=5 minibatch=256 network=[16] evaluations=0 ";
    let policy = trained(&model, options, "").unwrap();
    let asked = Asked {
        options: vec![("worlds".into(), "1".into())],
        ..Asked::default()
    };
    let planned = plan(&model, &asked).unwrap_or_else(|d| panic!("{d:?}"));
    let mut worlds = crate::env::vector::Vectorised::new(&model, &planned.plan.environment).unwrap();
    let length = measure::Length {
        episodes: 20,
        periods: 150,
    };
    let best = [2.0 * 0.36 * 0.9 - 1.0];
    let mut worth = |who| {
        let all = measure::first_episodes(&[who], &mut worlds, length).unwrap();
        all[0].iter().map(|r| r.discounted).sum::<f64>() / 20.0
    };
    let exact = worth(measure::Who::Constant(&best, &[]));
    // A share that is .02 off loses .002 of consumption for ever, .02 of this.
    let lost = exact - worth(measure::Who::Policy(&policy));
    assert!(lost < 2e-3 && lost > -1e-4, "{lost}");
    let Some(squashed) = policy_mean(&policy) else {
        panic!("a squashed policy")
    };
    assert!((squashed - best[0]).abs() < 0.02, "{squashed} {}", best[0]);
}

/// What the policy does at a capital of .2 and z = 0.
fn policy_mean(policy: &Policy) -> Option<f32> {
    let mut actions = crate::env::Actions::default();
    let seen = [2.0 * (0.2 - 0.001) / 1.999 - 1.0, 0.0];
    policy.act(&mut policy.actor(1, 0), &seen, &[], 1, true, &mut actions);
    actions.continuous.first().copied()
}
