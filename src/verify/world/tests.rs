//! The judge on solutions that are right, and on the same solutions ruined one way at a time.

use super::*;
use crate::fixtures;
use crate::solve::progress::silent;

const GROWTH: &str = "model growth\nparam alpha = 0.36\nparam beta = 0.96\nshock z ~ ar1(rho: 0.9, sigma: 0.02)\n\
agent planner {\n  state k in [0.5, 20], start uniform(2, 6)\n  action s in [0, 1)\n  let y = exp(z) * k^alpha\n\
  let c = (1 - s) * y\n  k' = 0.9 * k + s * y\n  observe k, z\n  reward log(c)\n  discount beta\n}\nsolve { grid.k = log(60) }\n";

const MACHINE: &str = "model machine\nagent owner {\n  state x in 0..4, start 0\n  action d in {keep, replace}\n\
  noise w ~ bernoulli(0.2 + 0.15 * x)\n  x' = if d == replace then 0 else min(x + (if w then 1 else 0), 4)\n  observe x\n\
  reward if d == replace then -3 else -x\n  discount 0.9\n}\n";

fn compiled(text: &str) -> Model {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn solved(model: &Model) -> Solution {
    let found = fixtures::solve(
        model,
        &fixtures::Request {
            seed: 1,
            ..fixtures::Request::default()
        },
        &mut silent,
    );
    found.unwrap_or_else(|e| panic!("{e:?}")).solution
}

fn codes(model: &Model, solution: &Solution) -> Vec<String> {
    let judged = judge(model, solution, &[], &[], &JudgeOptions::default()).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(judged.passed(), judged.reasons.is_empty(), "{judged:?}");
    judged.reasons.into_iter().map(|d| d.into_message().code).collect()
}

fn value(judged: &WorldCertificate, name: &str) -> f64 {
    judged
        .proofs
        .iter()
        .find(|p| p.name == name)
        .map_or(f64::NAN, |p| p.value)
}

#[test]
fn right_solutions_pass_and_finite_ones_exactly() {
    for text in [GROWTH, MACHINE] {
        let model = compiled(text);
        let solution = solved(&model);
        assert!(
            codes(&model, &solution).is_empty(),
            "{:?}",
            judge(&model, &solution, &[], &[], &JudgeOptions::default())
        );
    }
    let model = compiled(MACHINE);
    let judged = judge(&model, &solved(&model), &[], &[], &JudgeOptions::default()).unwrap_or_default();
    // Nothing is sampled where every draw is finite.
    assert!(value(&judged, "economy: Bellman residual, 99 %") < -9.0, "{judged:?}");
    assert!(value(&judged, "value obtained less promised") < -9.0, "{judged:?}");
}

#[test]
fn promising_too_much_is_seen_at_its_size() {
    let model = compiled(GROWTH);
    let mut solution = solved(&model);
    // A value that is .1 too high everywhere: (1 - beta) .1 of log consumption a period.
    solution.value.iter_mut().for_each(|v| *v += 0.1);
    let judged = judge(&model, &solution, &[], &[], &JudgeOptions::default()).unwrap_or_default();
    let gap = value(&judged, "value obtained less promised");
    assert!((gap - 0.004f64.log10()).abs() < 0.02, "{gap}");
    assert!(judged.reasons.iter().any(|d| d.code == "E0944") && judged.reasons.iter().any(|d| d.code == "E0945"));
}

#[test]
fn a_policy_that_is_not_the_best_is_beaten_by_the_scan() {
    let model = compiled(GROWTH);
    let mut solution = solved(&model);
    solution.policy[0].iter_mut().for_each(|s| *s = (*s + 0.1).min(0.9));
    let found = codes(&model, &solution);
    assert!(found.contains(&"E0946".to_string()), "{found:?}");
    let model = compiled(MACHINE);
    let mut solution = solved(&model);
    solution.policy[0].iter_mut().for_each(|d| *d = 0.0);
    let found = codes(&model, &solution);
    assert!(found.contains(&"E0946".to_string()), "{found:?}");
}

#[test]
fn a_chain_that_is_not_the_declared_law_is_seen() {
    let model = compiled(GROWTH);
    // Solved with half the innovations' variance and no persistence, and sold as the declared model's.
    let other = compiled(&GROWTH.replace("rho: 0.9, sigma: 0.02", "rho: 0.1, sigma: 0.2"));
    let found = codes(&model, &solved(&other));
    assert!(found.contains(&"E0945".to_string()), "{found:?}");
}

#[test]
fn chances_of_another_state_are_seen() {
    let model = compiled(MACHINE);
    let other = compiled(&MACHINE.replace("0.2 + 0.15 * x", "0.2 + 0.15 * (4 - x)"));
    let found = codes(&model, &solved(&other));
    assert!(found.contains(&"E0945".to_string()), "{found:?}");
}

#[test]
fn a_state_that_leaves_its_domain_fails_though_nobody_reads_it() {
    let model = compiled(&MACHINE.replace("noise w ", "state n in 0..3, start 0\nn' = n + 1\nnoise w "));
    let found = codes(&model, &solved(&model));
    assert_eq!(found, ["E0942"], "{found:?}");
}

#[test]
fn the_unit_is_not_moved_by_a_constant_in_the_reward() {
    let wrong = |text: &str| {
        let model = compiled(text);
        let mut solution = solved(&model);
        solution.policy[0].iter_mut().for_each(|d| *d = 0.0);
        let judged = judge(&model, &solution, &[], &[], &JudgeOptions::default()).unwrap_or_default();
        value(&judged, "economy: one-shot gain, largest")
    };
    let plain = wrong(MACHINE);
    let shifted = wrong(&MACHINE.replace("-3 else -x", "1e6 - 3 else 1e6 - x"));
    assert!((plain - shifted).abs() < 1e-3, "{plain} {shifted}");
}

#[test]
fn what_nobody_sees_is_no_reason_to_deviate() {
    // The best number to guess is the mean of what is hidden: squared distance 5/16 a period.
    let model = compiled(
        "model w\nshock Z ~ markov([low: 0.5, high: 2], [[0.5, 0.5], [0.5, 0.5]])\nagent w {\n  state x in 1..2, start 1\n\
         action q in [0, 5]\n  observe x\n  x' = 3 - x\n  reward -(q - Z)^2\n  discount 0.9\n}\n",
    );
    let found = fixtures::solve(&model, &fixtures::Request::default(), &mut silent).unwrap_or_else(|e| panic!("{e:?}"));
    assert!((found.solution.policy[0][0] - 1.25).abs() < 1e-6);
    assert!(found.certificate.passed, "{:?}", found.certificate.reasons);
    let mut wrong = found.solution.clone();
    wrong.policy[0].iter_mut().for_each(|q| *q = 2.0);
    let judged = judge(&model, &wrong, &found.unseen, &[], &JudgeOptions::default()).unwrap_or_default();
    assert!(judged.reasons.iter().any(|d| d.code == "E0946"), "{judged:?}");
}

/// Taste shocks on one of two choices: effort is 1/2 where the machine is kept and 1/4 where it is replaced, whatever the state.
const TASTES: &str = "model tastes\nagent owner {\n  state x in 0..4, start 0\n  action d in {keep, replace} taste gumbel(0.4)\n  action u in [0, 1]\n\
  x' = if d == replace then 0 else min(x + 1, 4)\n  observe x\n  reward (if d == replace then -3 + u / 2 else -x + u) - u^2\n  discount 0.9\n}\n";

#[test]
fn other_actions_beside_a_choice_with_taste_shocks_are_judged() {
    let model = compiled(TASTES);
    let right = solved(&model);
    let judged = judge(&model, &right, &[], &[], &JudgeOptions::default()).unwrap_or_default();
    assert!(judged.passed(), "{judged:?}");
    assert!(value(&judged, "value obtained less promised") < -7.0, "{judged:?}");
    assert!(value(&judged, "error of the value, estimated") < -6.0, "{judged:?}");
    assert!(value(&judged, "error of owner.u, estimated") < -4.0, "{judged:?}");
    // Each period promised half a hundredth too much.
    let mut wrong = right.clone();
    wrong.value.iter_mut().for_each(|v| *v += 0.5);
    let found = codes(&model, &wrong);
    assert!(
        found.contains(&"E0944".to_string()) && found.contains(&"E0949".to_string()),
        "{found:?}"
    );
    // What is done beside either choice must be best, and probabilities those of what choices are worth.
    for choice in 0..2 {
        let mut wrong = right.clone();
        let effort = wrong.given[1].iter_mut().skip(choice).step_by(2);
        effort.for_each(|u| *u += 0.2);
        let found = codes(&model, &wrong);
        assert!(
            found.contains(&"E0946".to_string()) && found.contains(&"E0949".to_string()),
            "{choice}: {found:?}"
        );
    }
    let mut wrong = right.clone();
    wrong.probability.iter_mut().for_each(|p| *p = 0.5);
    let judged = judge(&model, &wrong, &[], &[], &JudgeOptions::default()).unwrap_or_default();
    assert!(
        value(&judged, "probabilities of owner.d, largest error") > -1.0,
        "{judged:?}"
    );
    assert!(!judged.passed());
}
