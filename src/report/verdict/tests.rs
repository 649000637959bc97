//! What a verdict says of numbers.

use super::*;
use crate::verify::learned::Worth;

fn verdict(loss: f64, error: f64, constant: (f64, f64)) -> Verdict {
    let worth = |loss: f64, error: f64| Worth {
        value: -loss,
        loss,
        error,
    };
    Verdict {
        seeds: vec![SeedVerdict {
            seed: 1,
            distances: Vec::new(),
            value: -loss,
            loss,
            loss_error: error,
            behind_constant: Some((loss - constant.0, error)),
            moved: 0.0,
            outside: 0.0,
            one_shot: (0.0, 0.0),
            euler: None,
        }],
        mean_loss: loss,
        loss_interval: (loss, loss),
        unit: "consumption for ever".into(),
        period: "consumption".into(),
        sampled: true,
        benchmarks: vec![
            ("exact".into(), worth(0.0, 0.0)),
            ("best constant".into(), worth(constant.0, constant.1)),
        ],
        paths_followed: 100,
        constant: Some("level 1".into()),
        constant_moved: 0.0,
        logarithmic: false,
        beyond: crate::verify::learned::Beyond::default(),
        slice: None,
        paths: Vec::new(),
    }
}

/// What the lines on losses, on the constant and on the exact policy say, and the codes.
fn said(v: &Verdict) -> (Vec<Option<bool>>, Vec<bool>, Vec<String>) {
    let (model, _) = crate::compile(
        "agent a {\n  action x in [0, 1]\n  reward x\n}\n",
        &crate::Options::default(),
    );
    let limits = Limits {
        welfare_loss: Some(0.001),
        ..Limits::default()
    };
    let content = of_verdict(&model.unwrap(), "ppo", v, &limits);
    let lines: Vec<&Check> = ["welfare loss", "loses less", "nothing does better"]
        .iter()
        .map(|n| content.certificate.iter().find(|c| c.name.starts_with(n)).unwrap())
        .collect();
    (
        lines.iter().map(|c| c.pass).collect(),
        lines.iter().map(|c| c.undecided()).collect(),
        content.diagnostics.iter().map(|d| d.code.clone()).collect(),
    )
}

#[test]
fn a_loss_passes_or_fails_by_two_standard_errors_and_else_is_open() {
    let far = (0.5, 0.0);
    let (pass, open, codes) = said(&verdict(5e-4, 2e-4, far));
    assert_eq!((pass[0], open[0]), (Some(true), false));
    assert!(codes.is_empty());
    let (pass, open, _) = said(&verdict(2e-3, 2e-4, far));
    assert_eq!((pass[0], open[0]), (Some(false), false));
    // Below the limit, but within two standard errors of it: no pass.
    let (pass, open, codes) = said(&verdict(5e-4, 2e-3, far));
    assert_eq!((pass[0], open[0]), (Some(false), true));
    assert_eq!(codes, ["E0933"]);
}

#[test]
fn a_constant_is_beaten_by_more_than_luck_or_not() {
    assert_eq!(said(&verdict(5e-4, 1e-5, (2e-3, 0.0))).0[1], Some(true));
    assert_eq!(said(&verdict(5e-4, 1e-5, (3e-4, 0.0))).0[1], Some(false));
    let (pass, open, _) = said(&verdict(5e-4, 1e-4, (6e-4, 0.0)));
    assert_eq!((pass[1], open[1]), (Some(false), true));
    assert_eq!(said(&verdict(5e-4, 1e-5, (0.0, 0.0))).0[1], None);
}

#[test]
fn whatever_beats_the_exact_policy_fails_it() {
    for (loss, error, constant) in [(-0.01, 1e-3, (0.5, 0.0)), (1e-4, 0.0, (-0.004, 1e-3))] {
        let (pass, _, codes) = said(&verdict(loss, error, constant));
        assert_eq!(pass[2], Some(false));
        assert!(codes.contains(&"E0932".to_string()));
    }
    // Within three standard errors it may be sampling error.
    assert_eq!(said(&verdict(-0.01, 5e-3, (0.5, 0.0))).0[2], Some(true));
}

#[test]
fn a_distance_that_leaves_out_more_than_a_fifth_fails() {
    let distance = |left_out: f64| crate::verify::learned::Distance {
        action: "a.x".into(),
        finite: false,
        root_mean_square: 0.01,
        plain: 0.04,
        left_out,
        p95: 0.1,
        max: 0.1,
        scale: 1.0,
        step: None,
    };
    let (model, _) = crate::compile(
        "agent a {\n  action x in [0, 1]\n  reward x\n}\n",
        &crate::Options::default(),
    );
    let model = model.unwrap();
    let rows = |left_out: f64, limit: Option<f64>| {
        let mut v = verdict(5e-4, 1e-5, (0.5, 0.0));
        v.seeds[0].distances = vec![distance(left_out)];
        let limits = Limits {
            policy_error: limit,
            ..Limits::default()
        };
        let all = of_verdict(&model, "ppo", &v, &limits).certificate;
        ["distance in policy", "states left out"].map(|n| all.iter().find(|c| c.name.starts_with(n)).unwrap().clone())
    };
    let [own, left] = rows(0.1, Some(0.02));
    assert_eq!((own.pass, own.measured, left.pass), (Some(true), 0.01, Some(true)));
    assert!(own.note.contains("4 % with no state left out"), "{}", own.note);
    let [own, left] = rows(0.21, Some(0.02));
    assert_eq!((own.pass, left.pass, left.measured), (Some(true), Some(false), 0.21));
    assert_eq!(rows(0.1, Some(0.005))[0].pass, Some(false));
    assert_eq!(rows(0.5, None)[1].pass, None);
}

/// The line on the constant of a verdict without limits, and whether the whole passes.
fn without_limits(v: &Verdict) -> (Check, bool) {
    let (model, _) = crate::compile(
        "agent a {\n  action x in [0, 1]\n  reward x\n}\n",
        &crate::Options::default(),
    );
    let content = of_verdict(&model.unwrap(), "ppo", v, &Limits::default());
    assert!(content.verdict().is_some(), "something is to be judged");
    let named = |c: &&Check| c.name.starts_with("loses less") || c.name == "welfare loss" && c.pass.is_some();
    (
        content.certificate.iter().find(named).unwrap().clone(),
        content.passes(),
    )
}

#[test]
fn every_verdict_rests_on_something() {
    // A constant is as good as exact: whoever is not, fails.
    let (line, passes) = without_limits(&verdict(0.0648, 1e-4, (0.0, 0.0)));
    assert_eq!((line.pass, passes), (Some(false), false));
    assert!(
        line.bound.contains("0.1 %") && line.note.contains("as good as exact"),
        "{line:?}"
    );
    assert_eq!(without_limits(&verdict(5e-4, 1e-5, (0.0, 0.0))).0.pass, Some(true));
    assert_eq!(without_limits(&verdict(2e-3, 1e-3, (0.0, 0.0))).0.pass, Some(true));
    // It loses something: to beat it is what is asked.
    let (line, passes) = without_limits(&verdict(5e-4, 1e-5, (2e-3, 0.0)));
    assert_eq!(
        (line.pass, line.bound.as_str(), passes),
        (Some(true), "below 0 %", true)
    );
    // There is none.
    let none = |loss: f64| {
        let mut v = verdict(loss, 1e-5, (0.5, 0.0));
        (v.constant, v.seeds[0].behind_constant) = (None, None);
        v.benchmarks.truncate(1);
        without_limits(&v).0.pass
    };
    assert_eq!((none(5e-4), none(5e-3)), (Some(true), Some(false)));
}

#[test]
fn large_losses_of_consumption_say_what_they_are() {
    let note = |loss: f64, logarithmic: bool| {
        let mut v = verdict(loss, 0.0, (9.0, 0.0));
        v.logarithmic = logarithmic;
        let (model, _) = crate::compile(
            "agent a {\n  action x in [0, 1]\n  reward x\n}\n",
            &crate::Options::default(),
        );
        let all = of_verdict(&model.unwrap(), "ppo", &v, &Limits::default()).certificate;
        all.iter().find(|c| c.name == "welfare loss").unwrap().note.clone()
    };
    assert!(!note(0.05, true).contains("first order"));
    // 1 - exp(-5.887)
    assert!(
        note(5.887, true).contains("giving up 99.72 % of consumption"),
        "{}",
        note(5.887, true)
    );
    assert!(note(5.887, false).contains("not the share"), "{}", note(5.887, false));
}
