//! Those who learn together: teams with one reward, critics that see everything, policies of their own, turns, past selves, actors that play on.

#![cfg(feature = "learn")]

use econc::learn::plan::{Asked, plan};
use econc::learn::training::Training;
use econc::{Model, Options};

/// Rashid et al. (2018), section 6: the first member chooses which of two games is played. One pays 7 whatever is done, the other 0 or 1, and 8 if both choose the
/// second.
const TWO_STEPS: &str = "model two_steps
horizon 2
state s in 0..2, start 0
s' = if s == 0 then 1 + sum(player.picks) else s
agent player[2] {
  param leads = [1, 0]
  action d in 0..1
  let picks = leads * d
  observe s
  reward paid
  discount 0.99
}
market game {
  let both = sum(player.d)
  give player.paid = if s == 1 then 7 else if s == 2 then (if both == 2 then 8 else both) else 0
}
";

/// What a partner knows is hidden from the other, matters for what both earn, and has nothing to do with what the other should do.
const PARTNERS: &str = "model partners
agent partner[2] {
  state z in [-2, 2], start uniform(-2, 2)
  action x in [-3, 3]
  let part = 10 * z - (x - z)^2
  z' = z
  observe z
  reward sum(partner.part)
  discount 0.9
}
";

/// A leader and a follower; members of a kind with unlike parts.
const LEAD: &str = "model lead\nstages lead, follow\n\
    agent leader {\n  action q in 0..6 at lead\n  reward (9 - q - follower.q) * q\n}\n\
    agent follower {\n  action q in 0..6 at follow\n  observe leader.q\n  reward (9.5 - leader.q - q) * q\n}\n";

fn model(text: &str) -> Model {
    let (model, diagnostics) = econc::compile(text, &Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn asked(learner: &str, options: &str, agents: &[&str]) -> Asked {
    let mut all: Vec<(String, String)> = vec![("evaluations".into(), "0".into())];
    for (key, value) in options.split_whitespace().filter_map(|o| o.split_once('=')) {
        all.retain(|(k, _)| k != key);
        all.push((key.into(), value.into()));
    }
    Asked {
        method: Some(learner.into()),
        options: all,
        agents: agents.iter().map(|a| (*a).into()).collect(),
        ..Asked::default()
    }
}

fn begun(model: &Model, asked: &Asked, seed: u64) -> Training {
    let planned = plan(model, asked).unwrap_or_else(|d| panic!("{d:?}"));
    Training::new(model, &planned.plan, seed).unwrap_or_else(|d| panic!("{d:?}"))
}

fn trained(model: &Model, asked: &Asked, seed: u64) -> Training {
    let mut training = begun(model, asked, seed);
    while !training.is_done() {
        training.update(None).unwrap_or_else(|d| panic!("{d:?}"));
    }
    training
}

fn refused(text: &str, learner: &str, options: &str) -> (String, String) {
    let d = plan(&model(text), &asked(learner, options, &[])).expect_err("a refusal");
    (d[0].code.clone(), format!("{:?}", d[0]))
}

/// A sum of values cannot say that a choice is worth more with the other's, so it settles for 7; so do learners on their own.
#[test]
fn a_mixing_network_finds_the_eight_that_a_sum_of_values_misses() {
    let game = model(TWO_STEPS);
    let earned = |learner: &str, more: &str| {
        let base = "steps=16000 worlds=4 warmup=400 minibatch=32 network=[32] train_every=8 learning_rate=2e-3 target_every=400";
        let options = format!("{base} exploration=1 exploration_end=1 {more}");
        let mut training = trained(&game, &asked(learner, &options, &[]), 1);
        training.measurement().expect("worlds")[0].0
    };
    assert_eq!(earned("qmix", "mixing_width=16"), 8.0);
    assert_eq!(earned("qmix", "mixing=sum"), 7.0);
    assert_eq!(earned("dqn", ""), 7.0);
}

/// What is earned after learning with such a critic, in worlds that are the same for all.
fn earned(critic: &str, seed: u64) -> f64 {
    let options = format!(
        "steps=150000 worlds=16 horizon=40 common_chance=1 periods=20 minibatch=160 epochs=8 network=[16] \
         first_policy=middle initial_std=0.3 evaluation_episodes=64 evaluation_periods=20 critic={critic}"
    );
    let mut training = trained(&model(PARTNERS), &asked("ppo", &options, &[]), seed);
    training.measurement().expect("worlds")[0].1
}

/// The other's state is worth ten times what a choice is, and nobody sees it who chooses.
#[test]
fn a_critic_that_sees_what_is_hidden_teaches_more_with_the_same_play() {
    for seed in [1, 2, 3] {
        let (own, central) = (earned("own", seed), earned("central", seed));
        assert!(central > own + 5.0, "seed {seed}: own {own}, central {central}");
    }
}

/// Every way of learning beside others: the model, the learner, its options, and who learns.
const WAYS: [(&str, &str, &str, &[&str]); 9] = [
    (TWO_STEPS, "qmix", "steps=3000 worlds=2 warmup=100 network=[8]", &[]),
    (
        TWO_STEPS,
        "dqn",
        "steps=3000 worlds=2 warmup=100 network=[8] policies=separate",
        &[],
    ),
    (
        TWO_STEPS,
        "dqn",
        "steps=4000 worlds=2 warmup=100 network=[8] policies=separate alternate=2",
        &[],
    ),
    (
        PARTNERS,
        "ppo",
        "steps=3000 worlds=2 horizon=20 network=[8] periods=30 critic=central",
        &[],
    ),
    (
        PARTNERS,
        "a2c",
        "steps=3000 worlds=2 horizon=20 network=[8] periods=30 critic=central",
        &[],
    ),
    (
        PARTNERS,
        "impala",
        "steps=3000 worlds=2 horizon=20 network=[8] periods=30 lag=3",
        &[],
    ),
    (
        PARTNERS,
        "ppo",
        "steps=3000 worlds=2 horizon=20 network=[8] periods=30 past_selves=3",
        &[],
    ),
    (LEAD, "q_learning", "steps=3000 alternate=1", &["leader", "follower"]),
    (
        LEAD,
        "ppo",
        "steps=3000 worlds=4 horizon=10 network=[8] alternate=2",
        &["leader", "follower"],
    ),
];

#[test]
fn what_is_stored_between_two_updates_goes_on_to_the_bit() {
    for (text, learner, options, agents) in WAYS {
        let (game, asked) = (model(text), asked(learner, options, agents));
        let mut whole = begun(&game, &asked, 5);
        let mut kept = Vec::new();
        while !whole.is_done() {
            kept.push(whole.save(b"model"));
            whole.update(None).unwrap_or_else(|d| panic!("{d:?}"));
        }
        let last = whole.save(b"model");
        for k in [0, 1, kept.len() / 2, kept.len() - 1] {
            let mut resumed = begun(&game, &asked, 5);
            resumed.update(None).unwrap_or_else(|d| panic!("{d:?}"));
            resumed.load(b"model", &kept[k]).unwrap_or_else(|d| panic!("{d:?}"));
            while !resumed.is_done() {
                resumed.update(None).unwrap_or_else(|d| panic!("{d:?}"));
            }
            assert!(resumed.save(b"model") == last, "{learner} {options}: from update {k}");
        }
    }
}

#[test]
fn ways_of_learning_beside_others_change_what_is_learned() {
    let learned = |text: &str, learner: &str, options: &str, agents: &[&str]| {
        let game = model(text);
        let training = trained(&game, &asked(learner, options, agents), 5);
        (0..agents.len().max(1)).map(|s| training.policy(s)).collect::<Vec<_>>()
    };
    let ppo = "steps=6000 worlds=2 horizon=20 network=[8] periods=30";
    for (text, learner, options, more, agents) in [
        (PARTNERS, "ppo", ppo, "policies=separate", &[][..]),
        (PARTNERS, "ppo", ppo, "critic=central", &[]),
        (PARTNERS, "ppo", ppo, "past_selves=3", &[]),
        (
            PARTNERS,
            "ppo",
            "steps=6000 worlds=2 horizon=20 network=[8] periods=30 past_selves=3",
            "past_share=1",
            &[],
        ),
        (
            PARTNERS,
            "ppo",
            "steps=6000 worlds=2 horizon=20 network=[8] periods=30 past_selves=3",
            "past_selves=1",
            &[],
        ),
        (
            PARTNERS,
            "ppo",
            "steps=6000 worlds=2 horizon=20 network=[8] periods=30 policies=separate",
            "alternate=2",
            &[],
        ),
        (
            LEAD,
            "ppo",
            "steps=3000 worlds=4 horizon=10 network=[8]",
            "alternate=2",
            &["leader", "follower"],
        ),
    ] {
        let other = format!("{options} {more}");
        assert!(
            learned(text, learner, options, agents) != learned(text, learner, &other, agents),
            "{learner} {more}"
        );
    }
    // Members with policies of their own do different things.
    let game = model(TWO_STEPS);
    let options = "steps=3000 worlds=2 warmup=100 network=[8] policies=separate";
    let policy = trained(&game, &asked("dqn", options, &[]), 5).policy(0);
    let text = serde_json::to_string(&policy).expect("a policy");
    assert!(text.contains("Members"), "{text}");
}

/// One pool of one thread and one of three: who does an update does not matter.
#[test]
fn actors_that_play_on_learn_the_same_whatever_the_threads() {
    let partners = model(PARTNERS);
    let options = "steps=12000 worlds=8 horizon=20 network=[8] periods=30 lag=2";
    let by = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads");
        pool.install(|| trained(&partners, &asked("impala", options, &[]), 3).save(b"model"))
    };
    assert!(by(1) == by(3));
}

#[test]
fn what_does_not_go_together_is_refused_with_what_would() {
    let own = TWO_STEPS.replace("reward paid", "reward paid + d");
    let (code, said) = refused(&own, "qmix", "");
    assert!(code == "E0854" && said.contains("sum(player.x)"), "{said}");
    let (code, said) = refused(LEAD, "qmix", "");
    assert!(code == "E0927", "{code} {said}");
    let alone = "agent a { action d in 0..1; reward d }\n";
    let (code, said) = refused(alone, "qmix", "");
    assert!(code == "E0854" && said.contains("train dqn"), "{said}");
    for (learner, options, hint) in [
        ("ppo", "policies=separate past_selves=3", "one of the two"),
        ("qmix", "policies=separate", "roles"),
        ("recurrent_ppo", "past_selves=3", "ppo"),
        ("q_learning", "past_selves=3", "dqn"),
        ("recurrent_ppo", "policies=separate alternate=2", "a2c"),
        ("dqn", "policies=separate alternate=2 n_step=3", "n_step"),
    ] {
        let (code, said) = refused(TWO_STEPS, learner, options);
        assert!(code == "E0855" && said.contains(hint), "{learner} {options}: {said}");
    }
    // Said where it changes nothing.
    let idle = |text: &str, learner: &str, options: &str| {
        let planned = plan(&model(text), &asked(learner, options, &[])).unwrap_or_else(|d| panic!("{d:?}"));
        planned.idle.iter().map(|i| i.key.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        idle(alone, "ppo", "policies=separate alternate=2 past_share=0.2"),
        ["policies", "past_share", "alternate"]
    );
    assert_eq!(idle(TWO_STEPS, "q_learning", "policies=separate"), ["policies"]);
    assert_eq!(
        idle(PARTNERS, "ppo", "critic=central past_selves=2"),
        Vec::<String>::new()
    );
}
