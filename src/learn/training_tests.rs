//! Agents that learn at once.

use super::*;
use crate::learn::plan::{Asked, Planned, plan};

/// The follower's best answers to 0..6 are 5, 4, 4, 3, 3, 2, 2: a leader who knows that chooses 5 and earns 10. Against a given 2 it would
/// choose 3 or 4.
const LEAD: &str = "model lead\nstages lead, follow\n\
    agent leader {\n  action q in 0..6 at lead\n  reward (9 - q - follower.q) * q\n}\n\
    agent follower {\n  action q in 0..6 at follow\n  observe leader.q\n  reward (9.5 - leader.q - q) * q\n}\n";

fn model() -> Model {
    let (model, diagnostics) = crate::compile(LEAD, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn asked(options: &[(&str, &str)]) -> Asked {
    Asked {
        method: Some("q_learning".into()),
        options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        agents: vec!["leader".into(), "follower".into()],
        ..Asked::default()
    }
}

fn planned(model: &Model, asked: &Asked) -> Planned {
    plan(model, asked).unwrap_or_else(|d| panic!("{d:?}"))
}

fn refused(model: &Model, asked: &Asked) -> String {
    plan(model, asked)
        .expect_err("a refusal")
        .swap_remove(0)
        .into_message()
        .code
}

#[test]
fn a_leader_and_a_follower_learn_the_subgame_perfect_equilibrium() {
    let model = model();
    let p = planned(
        &model,
        &asked(&[
            ("steps", "60000"),
            ("evaluations", "4"),
            ("exploration_rate", "1e-4"),
            ("alpha", "0.05"),
        ]),
    );
    for seed in [1, 2] {
        let mut training = Training::new(&model, &p.plan, seed).unwrap_or_else(|d| panic!("{d:?}"));
        while !training.is_done() {
            training.update(None).unwrap_or_else(|d| panic!("{d:?}"));
        }
        let returns = training.measurement().unwrap_or_else(|d| panic!("{d:?}"));
        assert_eq!(returns, [(10.0, 10.0), (5.0, 5.0)], "seed {seed}");
        let ended: Vec<f64> = training
            .records()
            .map(|r| r.measured[r.measured.len() - 1].discounted)
            .collect();
        assert_eq!(ended, [10.0, 5.0], "seed {seed}");
        // Neither is better off by a constant against the other's policy.
        for (record, best) in training
            .finish()
            .unwrap_or_else(|d| panic!("{d:?}"))
            .iter()
            .map(|(r, _)| r)
            .zip([10.0, 5.0])
        {
            let beside = record.beside_constant.as_ref().expect("a comparison");
            assert_eq!((beside.value, beside.policy), (best, best));
        }
    }
}

#[test]
fn a_run_of_several_goes_on_to_the_bit_also_when_one_has_learned() {
    let model = model();
    let p = planned(
        &model,
        &asked(&[
            ("steps.leader", "600"),
            ("steps.follower", "2500"),
            ("evaluations", "3"),
        ]),
    );
    let fresh = || Training::new(&model, &p.plan, 3).unwrap_or_else(|d| panic!("{d:?}"));
    let go_on = |training: &mut Training, updates: usize| {
        for _ in 0..updates {
            training.update(None).unwrap_or_else(|d| panic!("{d:?}"));
        }
    };
    let mut whole = fresh();
    let mut kept = Vec::new();
    while !whole.is_done() {
        kept.push(whole.save(b"model"));
        go_on(&mut whole, 1);
    }
    let last = whole.save(b"model");
    let stood = |t: &Training| t.chairs[0].standing.is_some() && !t.is_done();
    let mut alone = 0;
    for k in [0, 1, kept.len() / 4, kept.len() / 2, kept.len() - 2, kept.len() - 1] {
        let mut resumed = fresh();
        go_on(&mut resumed, 1);
        resumed.load(b"model", &kept[k]).unwrap_or_else(|d| panic!("{d:?}"));
        alone += usize::from(stood(&resumed));
        go_on(&mut resumed, kept.len() - k);
        assert!(resumed.is_done());
        assert_eq!(resumed.save(b"model"), last, "from update {k} of {}", kept.len());
    }
    assert!(alone > 0, "no checkpoint was one of a leader that had learned");
    assert_eq!(whole.progress().1, 3100);
    let mut other = fresh();
    assert_eq!(other.load(b"another", &last).expect_err("another model").code, "E0925");
    let swapped = planned(
        &model,
        &asked(&[
            ("steps.leader", "2500"),
            ("steps.follower", "600"),
            ("evaluations", "3"),
        ]),
    );
    let mut other = Training::new(&model, &swapped.plan, 3).unwrap_or_else(|d| panic!("{d:?}"));
    assert_eq!(other.load(b"model", &last).expect_err("other options").code, "E0925");
}

#[test]
fn learners_at_different_seats_draw_differently_and_options_reach_their_agent() {
    let model = model();
    let p = planned(&model, &asked(&[("alpha", "0.3"), ("alpha.follower", "0.1")]));
    let alpha = |k: usize, x: &str| p.plan.methods[k].to_string().contains(&format!("alpha = {x};"));
    assert!(alpha(0, "0.3") && alpha(1, "0.1"), "{:?}", p.plan.methods);
    assert_ne!(seed_at(0, 1), seed_at(1, 1));
    assert_eq!(seed_at(0, 1), 1);
    assert!(
        p.settings.contains(&("alpha.follower".into(), "0.1".into())),
        "{:?}",
        p.settings
    );
    // What one of them says of the worlds holds for all; two cannot say two things.
    let three = planned(&model, &asked(&[("worlds.leader", "3")]));
    assert_eq!(three.plan.environment.worlds, 3);
    let two = asked(&[("worlds.leader", "3"), ("worlds.follower", "4")]);
    assert_eq!(refused(&model, &two), "E0805");
    assert_eq!(refused(&model, &asked(&[("periods.follower", "3")])), "E0805");
    assert_eq!(refused(&model, &asked(&[("alpha.folower", "0.3")])), "E0801");
    let twice = Asked {
        agents: vec!["leader".into(), "leader".into()],
        ..asked(&[])
    };
    assert_eq!(refused(&model, &twice), "E0927");
    let stranger = Asked {
        methods: vec![("nobody".into(), "q_learning".into())],
        ..asked(&[])
    };
    assert_eq!(refused(&model, &stranger), "E0927");
}

/// The constants at which the learners of `text` begin, in [-1, 1].
fn begins(text: &str, agents: &[&str], options: &[(&str, &str)], seed: u64) -> (Vec<Vec<f32>>, Vec<Option<String>>) {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let asked = Asked {
        method: Some("ppo".into()),
        options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        agents: agents.iter().map(|a| (*a).into()).collect(),
        ..Asked::default()
    };
    let training = Training::new(&model, &planned(&model, &asked).plan, seed).unwrap_or_else(|d| panic!("{d:?}"));
    let centres = training.chairs.iter().map(|c| c.learner.policy().centre).collect();
    (centres, training.records().map(|r| r.began.clone()).collect())
}

/// Cournot's firms: each chooses from 0 to 100, and `9 / (n + 1)` is the equilibrium.
fn firms(n: usize) -> String {
    format!(
        "model firms\nuse std.markets.{{cournot}}\n\
         agent firm[{n}] {{ action q in [0, 100]; reward (p - 1) * q }}\n\
         market goods = cournot(a: 10, b: 1) among firm(q: q)\n"
    )
}

#[test]
fn members_begin_where_no_member_gains_by_another_constant() {
    for n in [2, 3, 10, 30] {
        for seed in [1, 2, 3] {
            let (centres, said) = begins(&firms(n), &["firm"], &[("steps", "10000000"), ("worlds", "16")], seed);
            let q = 50.0 * (f64::from(centres[0][0]) + 1.0);
            let nash = 9.0 / (n as f64 + 1.0);
            assert!(
                (q / nash - 1.0).abs() < 0.05,
                "{n} firms, seed {seed}: {q} and not {nash}"
            );
            assert_eq!(said, [None], "{n} firms, seed {seed}");
        }
    }
}

#[test]
fn kinds_begin_where_neither_gains_by_another_constant() {
    let text = "model two\nparam a = 10\n\
        agent one { action q in [0, 10]; reward (p - 1) * q }\nagent other { action q in [0, 10]; reward (p - 2) * q }\n\
        market goods { price p = max(a - one.q - other.q, 0) }\n";
    for seed in [1, 2, 3] {
        let (centres, said) = begins(text, &["one", "other"], &[("steps", "2000000")], seed);
        let q: Vec<f64> = centres.iter().map(|c| 5.0 * (f64::from(c[0]) + 1.0)).collect();
        assert!(
            (q[0] - 10.0 / 3.0).abs() < 0.15 && (q[1] - 7.0 / 3.0).abs() < 0.15,
            "seed {seed}: {q:?}"
        );
        assert_eq!(said, [None, None], "seed {seed}");
    }
}

#[test]
fn replies_that_go_round_are_said() {
    // High is best where the other is low, and low where the other is high.
    let text = "model round\nagent player[2] {\n  action b in [0, 1]\n  let rival = max(others(player.b))\n\
        reward -(b - (if rival < 0.4 then 0.9 else 0.1))^2\n}\n";
    let (_, said) = begins(text, &["player"], &[("steps", "2000000")], 1);
    let said = said[0].as_deref().expect("a sentence");
    assert!(said.contains("did not settle"), "{said}");
}

#[test]
fn in_a_game_the_best_policy_is_the_last_one_measured() {
    let (model, _) = crate::compile(&firms(3), &crate::Options::default());
    let model = model.expect("a model");
    let asked = Asked {
        method: Some("ppo".into()),
        options: [
            ("steps", "60000"),
            ("worlds", "8"),
            ("horizon", "64"),
            ("evaluations", "5"),
            ("first_policy", "middle"),
        ]
        .iter()
        .map(|(k, v)| ((*k).into(), (*v).into()))
        .collect(),
        ..Asked::default()
    };
    let mut training = Training::new(&model, &planned(&model, &asked).plan, 1).unwrap_or_else(|d| panic!("{d:?}"));
    while !training.is_done() {
        training.update(None).unwrap_or_else(|d| panic!("{d:?}"));
    }
    let record = training.record(0);
    let last = record.measured.last().expect("measurements").steps;
    assert_eq!(record.best.as_ref().map(|b| b.0), Some(last));
}
