//! Moments of lives that end, and what a constant is worth: numbers known by hand.

use super::{Request, Solved, solve};
use crate::solve::progress::silent;

fn solved(text: &str, seed: u64) -> Solved {
    let (model, found) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{found:?}"));
    let request = Request {
        seed,
        ..Request::default()
    };
    solve(&model, &request, &mut silent).unwrap_or_else(|d| panic!("{text}: {d:?}"))
}

/// Mean and its standard error of a quantity.
fn moment(s: &Solved, name: &str) -> (f64, f64) {
    let found = s.certificate.moments.iter().find(|m| m.name.ends_with(name));
    let found = found.unwrap_or_else(|| panic!("no {name}"));
    (found.mean, found.errors.0)
}

#[test]
fn moments_of_finite_lives_count_whole_ones() {
    for (horizon, periods) in [(9, 12800), (7, 320), (4, 320)] {
        let s = solved(
            &format!(
                "horizon {horizon}\nagent p {{\n  state age in 0..20, start 0\n  action d in {{no, yes}}\n  age' = min(age + 1, 20)\n  observe age\n  \
             reward if d == yes then age else 0\n  discount 0.9\n}}\nsolve {{ periods = {periods} }}\n"
            ),
            1,
        );
        let right = f64::from(horizon - 1) / 2.0;
        for name in ["age", "reward"] {
            let (mean, error) = moment(&s, name);
            assert!(
                (mean - right).abs() < 1e-12 && error < 1e-12,
                "{horizon} {periods}: {name} {mean} +- {error}"
            );
        }
        assert_eq!(s.certificate.counted.0 % horizon as usize, 0);
    }
}

/// Each period ends a life with a chance of a half, the third in any case: lives of 1, 2 and 3 periods with chances 1/2, 1/4, 1/4, ages
/// 0, 1 and 2 by 4/7, 2/7, 1/7 of all periods.
#[test]
fn moments_of_lives_that_end_by_chance_weigh_long_and_short_ones_right() {
    let text = "horizon 3\nagent p {\n  state age in 0..3, start 0\n  action d in {no, yes}\n  noise dies ~ bernoulli(0.5)\n  \
                age' = min(age + 1, 3)\n  observe age\n  reward if d == yes then age else 0\n  end when dies\n  discount 0.9\n}\n\
                solve { periods = 320 }\n";
    let scores: Vec<f64> = (1..=40)
        .map(|seed| {
            let (mean, error) = moment(&solved(text, seed), "age");
            assert!(error > 0.0 && error < 0.2, "{error}");
            (mean - 4.0 / 7.0) / error
        })
        .collect();
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let size = (scores.iter().map(|z| z * z).sum::<f64>() / n).sqrt();
    // To stop after the ten periods of each path that are asked for would be a score of about minus one.
    assert!(
        mean.abs() * n.sqrt() < 3.5 && (0.6..1.6).contains(&size),
        "{mean} {size}"
    );
}

/// A constant is worth what it earns, not what the solution would go on to earn.
#[test]
fn the_best_constant_is_worth_its_own_rewards() {
    let waits = solved(
        "agent m {\n  state w in 0..3, start 0\n  action d in {run, wait, swap}\n  noise up ~ bernoulli(if d == run then 0.9 else 0.0)\n  \
         w' = if d == swap then 0 else min(w + up, 3)\n  observe w\n  reward if d == run then 100 - 100 * w^2 else if d == wait then 0 else -1\n  \
         discount 0.9\n}\n",
        1,
    );
    let checks = solved(
        "agent m {\n  state w in 0..3, start 0\n  action d in {run, check, swap}\n  noise up ~ bernoulli(if d == run then 0.25 else 0.1)\n  \
         w' = if d == swap then 0 else min(w + up, 3)\n  observe w\n  reward if d == run then 2 - w^1.5 else if d == check then 0.5 else -1.5\n  \
         discount 0.9\n}\n",
        1,
    );
    // Few periods are followed of a patient life.
    let patient = solved(
        "agent m {\n  state w in 0..1, start 0\n  action d in {run, rest}\n  w' = if d == run then 1 else 0\n  observe w\n  \
         reward if d == run then 1 - 2 * w else 0.25\n  discount 0.9999\n}\n",
        1,
    );
    for (s, right, tolerance) in [(waits, 0.0, 0.0), (checks, 5.0, 1e-12), (patient, 2500.0, 1e-4)] {
        let constant = s.certificate.constant.as_ref().expect("a constant");
        assert!(
            (constant.constant - right).abs() <= tolerance,
            "{} {:?} for {right}",
            constant.constant,
            constant.actions
        );
        assert!(constant.solution > constant.constant && s.certificate.passed);
    }
}
