//! Every option of every learner changes what is learned, or is refused: the list of options is the learners' own, so that one without a case fails.

use super::methods::LEARNERS;
use super::plan::{Asked, plan};
use super::policy::Policy;
use super::training::Training;
use crate::check::Model;

/// A stock that is kept at its best level by many who each see their own; the choice may be split into bins.
const STOCK: &str = "agent keeper[3] {
  state k in [0, 3], start 1
  noise e ~ uniform(-0.2, 0.2)
  action n in [0, 2]
  k' = clamp(0.5 * k + n + e, 0, 3)
  observe k
  reward -(k - 1)^2 - 0.3 * n^2
  discount 0.8
}
";
/// The same in whole numbers.
const WHOLE: &str = "agent keeper[3] {
  state k in 0..3, start 1
  noise e ~ bernoulli(0.3)
  action n in 0..2
  k' = min(max(k + n - 1 - e, 0), 3)
  observe k
  reward -(k - 1)^2 - 0.3 * n^2
  discount 0.8
}
";

/// One who may eat all.
const ALONE: &str = "agent eater {
  state k in (0, inf), start uniform(0.5, 1.5)
  action c in (0, k)
  k' = 1.05 * (k - c) + 0.2
  observe k
  reward crra(c, 3)
  discount 0.9
}
";

/// Many who keep one stock and are paid together.
const TEAM: &str = "agent keeper[3] {
  state k in [0, 3], start 1
  noise e ~ uniform(-0.2, 0.2)
  action n in [0, 2]
  let loss = (k - 1)^2 + 0.3 * n^2
  k' = clamp(0.5 * k + n + e, 0, 3)
  observe k
  reward -sum(keeper.loss)
  discount 0.8
}
";

/// What a learner is tried with: its model, and settings that let it learn in a moment.
fn base(learner: &str) -> (&'static str, &'static str) {
    match learner {
        "ppo" => (
            STOCK,
            "steps=6000 worlds=4 common_chance=2 horizon=40 epochs=2 minibatch=60 network=[4]",
        ),
        "recurrent_ppo" => (
            STOCK,
            "steps=6000 worlds=4 horizon=20 epochs=2 minibatch_slots=4 network=[4] memory=3",
        ),
        "a2c" => (STOCK, "steps=6000 worlds=4 common_chance=2 horizon=5 network=[4]"),
        "dqn" => (
            STOCK,
            "steps=6000 worlds=2 minibatch=16 memory=1000 warmup=200 network=[4] bins=5 target_every=20",
        ),
        "impala" => (STOCK, "steps=6000 worlds=4 common_chance=2 horizon=20 network=[4]"),
        "qmix" => (
            TEAM,
            "steps=6000 worlds=2 minibatch=8 memory=1000 warmup=200 network=[4] mixing_width=4 bins=5 target_every=20",
        ),
        "q_learning" => (WHOLE, "steps=6000 worlds=2"),
        other => panic!("nothing is known of `{other}`"),
    }
}

/// Beside what an option is tried, and other values of it: the first that is not the base's is taken.
fn tried(learner: &str, option: &str) -> Option<(&'static str, &'static [&'static str])> {
    Some(match option {
        "steps" => ("", &["9000"]),
        "worlds" => ("", &["8"]),
        "common_chance" => ("", &["1"]),
        "common_start" => ("", &["false"]),
        "horizon" => ("", &["10"]),
        "epochs" => ("", &["3"]),
        "minibatch" => ("", &["24"]),
        "minibatch_slots" => ("", &["2"]),
        "learning_rate" => ("", &["5e-3"]),
        "anneal" | "double" | "dueling" | "normalize_observations" => ("", &["false"]),
        "normalize_values" => ("", &["false"]),
        "normalize_advantages" => ("", &["false", "true"]),
        "anneal_clip" | "normalize_rewards" | "transform" => ("", &["true"]),
        "discount" => ("shaping=true", &["0.6"]),
        "gae_lambda" => ("", &["0.5"]),
        "unplayed" => ("", &["1"]),
        "control_variates" => ("", &["false"]),
        "common_powers" => ("common_chance=4", &["0"]),
        "age_weight" => ("", &["0"]),
        "even_out" => ("common_chance=4", &["0.5"]),
        "hold_targets" => ("", &["0.5"]),
        "least_std" => ("final_std=none", &["1"]),
        "remembered" => ("", &["1"]),
        "spread" => ("", &["0.7"]),
        "try_noise" => ("steps=200_000 worlds=8", &["false"]),
        "clip" => ("learning_rate=5e-3", &["0.01"]),
        "value_clip" => ("", &["0.001"]),
        "entropy" => ("", &["0.1"]),
        "entropy_end" => ("", &["0.1"]),
        "value_weight" => ("", &["3"]),
        "gradient_norm" => ("", &["0.01"]),
        "target_kl" => ("", &["1e-7"]),
        "network" => ("", &["[5]"]),
        "memory" => ("", &["2", "300"]),
        "activation" => ("", &["relu", "tanh"]),
        "first_policy" => ("steps=200_000 worlds=8", &["middle"]),
        "initial_std" => ("", &["0.2"]),
        "final_std" => ("", &["0.3"]),
        "average_from" => ("", &["1"]),
        "optimizer" => ("", &["rms_prop", "adam"]),
        "train_every" => ("", &["16", "32"]),
        "gradient_steps" => ("", &["1"]),
        "warmup" => ("", &["900"]),
        "exploration" => ("", &["0.5", "linear"]),
        "exploration_start" => ("", &["0.5"]),
        "exploration_rate" => ("", &["1e-2"]),
        "exploration_end" if learner == "q_learning" => ("exploration_rate=1e-2", &["0.3"]),
        "exploration_end" => ("", &["0.3"]),
        "exploration_time" => ("", &["0.9"]),
        "target_every" => ("", &["500"]),
        "n_step" => ("", &["3"]),
        "priority" => ("", &["0.6"]),
        "priority_beta" => ("priority=0.6", &["0.9"]),
        "bins" => ("", &["4"]),
        "alpha" => ("", &["0.3"]),
        "alpha_end" => ("", &["0.01"]),
        "critic" => ("", &["central"]),
        "lag" => ("", &["0"]),
        "correction" => ("lag=3 learning_rate=5e-3", &["false"]),
        "rho" => ("lag=3 learning_rate=5e-3", &["0.7"]),
        "trace" => ("lag=3 learning_rate=5e-3", &["0.7"]),
        "trace_decay" => ("", &["0.5"]),
        "mixing" => ("", &["sum"]),
        "mixing_width" => ("", &["8"]),
        "roles" => ("", &["false"]),
        "tables" => ("", &["shared"]),
        "initial" => ("", &["uniform"]),
        "initial_value" => ("", &["1"]),
        "initial_periods" => ("initial=random_play", &["50"]),
        "ties" => ("exploration=constant exploration_start=0.1", &["first"]),
        "stable" => ("exploration=constant exploration_start=0", &["3"]),
        _ => return None,
    })
}

fn trained(model: &Model, learner: &str, options: &str) -> Result<Policy, String> {
    let mut all: Vec<(String, String)> = vec![("evaluations".into(), "0".into()), ("periods".into(), "60".into())];
    for (key, value) in options.split_whitespace().filter_map(|o| o.split_once('=')) {
        all.retain(|(k, _)| k != key);
        all.push((key.into(), value.into()));
    }
    let asked = Asked {
        method: Some(learner.into()),
        options: all,
        ..Asked::default()
    };
    let planned = plan(model, &asked).map_err(|d| d[0].code.clone())?;
    let mut training = Training::new(model, &planned.plan, 1).map_err(|d| d.code.clone())?;
    while !training.is_done() {
        training.update(None).map_err(|d| d.code.clone())?;
    }
    Ok(training.policy(0))
}

#[test]
fn every_option_of_every_learner_changes_what_is_learned() {
    let mut idle = Vec::new();
    // Soft actor-critic has two ways of learning and a test of its own.
    for learner in LEARNERS.iter().filter(|l| l.method != "sac") {
        let (text, base) = base(learner.method);
        let compiled = |text: &str| crate::compile(text, &crate::Options::default()).0.expect("a model");
        let model = compiled(text);
        for option in (learner.table)() {
            let Some((beside, values)) = tried(learner.method, option.key) else {
                panic!("`{}` of {} is not tried", option.key, learner.method);
            };
            // Choices are split into bins where they are continuous.
            let of_bins = option.key == "bins" && learner.method == "q_learning";
            let model = match option.key {
                _ if of_bins => &compiled(STOCK),
                // Only one decision maker tries noise, and only random starts can be alike.
                "try_noise" | "common_start" => &compiled(ALONE),
                _ => &model,
            };
            let without = format!("{base} {beside}");
            let usual = trained(model, learner.method, &without);
            let changes = |value: &&str| {
                let other = trained(model, learner.method, &format!("{without} {}={value}", option.key));
                // A refusal of the value is none of the option.
                other.is_ok() && other != usual
            };
            if usual.is_err() || !values.iter().any(changes) {
                let usual = usual.err().unwrap_or_default();
                idle.push(format!("{} {} {usual}", learner.method, option.key));
            }
        }
    }
    assert!(idle.is_empty(), "{idle:#?}");
}
