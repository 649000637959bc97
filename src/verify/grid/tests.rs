//! Certificates of good, coarse, narrow and ruined solutions.

use super::*;
use crate::solve::bellman::{At, Interpolation};
use crate::solve::examples::*;
use crate::solve::progress::silent;
use crate::solve::value_iteration::{self, solve};

fn quick() -> GridCertificateOptions {
    GridCertificateOptions {
        paths: 16,
        burn_in: 50,
        periods: 150,
        points: 300,
        ..GridCertificateOptions::default()
    }
}

#[test]
fn a_good_solution_passes_with_small_residuals_and_beats_constants() {
    let problem = gm(150, 1.0, 60.0);
    let solution = solve(
        &problem,
        &value_iteration::ValueIterationOptions::default(),
        &mut silent,
    )
    .unwrap();
    let certificate = certify(&problem, &solution, &quick()).unwrap();
    assert!(certificate.passed, "{:?}", certificate.reasons);
    assert_eq!(certificate.unit, "consumption");
    assert!(certificate.euler.unwrap().max < -5.0 && certificate.bellman.unwrap().max < -5.0);
    assert!(certificate.deviation.unwrap().max < -8.0);
    let constant = certificate.constant.clone().unwrap();
    assert!(constant.solution > constant.constant + 0.01);
    let back: Certificate = ron::from_str(&ron::to_string(&certificate).unwrap()).unwrap();
    // What a report draws is not kept.
    let kept = Certificate {
        shown: Default::default(),
        ..certificate.clone()
    };
    assert_eq!(back, kept);
    let shock = &certificate.moments[0];
    assert!((shock.mean - 1.0).abs() < 0.02 && (shock.chain.unwrap().1 - 0.1).abs() < 1e-12);
}

#[test]
fn a_policy_that_is_off_by_a_hundredth_is_seen_at_its_size() {
    // Brock-Mirman with next capital scaled by 1.01: consumption is off by 1.01 alpha beta / (1 - alpha beta) ~ .46 %.
    let problem = brock_mirman(120, 3);
    let mut solution = solve(
        &problem,
        &value_iteration::ValueIterationOptions::default(),
        &mut silent,
    )
    .unwrap();
    let good = certify(&problem, &solution, &quick()).unwrap();
    assert!(good.passed && good.euler.unwrap().p99 < -6.0, "{:?}", good.reasons);
    solution.policy[0].iter_mut().for_each(|k| *k *= 1.01);
    let bad = certify(&problem, &solution, &quick()).unwrap();
    let median = bad.euler.unwrap().p50;
    let a = BM_ALPHA * BM_BETA;
    let saving = 1.01 * a;
    // Euler: 1/c = beta alpha y'/(k' c') with c' = (1 - s) y', k' = s y: wanted c* = s y (1 - s)/(alpha beta).
    let wanted = saving * (1.0 - saving) / a;
    let relative = (wanted / (1.0 - saving) - 1.0).abs();
    assert!(
        (median - relative.log10()).abs() < 1e-3,
        "{median} {}",
        relative.log10()
    );
    assert!(!bad.passed && bad.reasons.iter().any(|r| r.code == "E0911"));
}

#[test]
fn a_narrow_grid_fails_by_its_edges() {
    let problem = gm(60, 8.0, 11.0);
    let solution = solve(
        &problem,
        &value_iteration::ValueIterationOptions::default(),
        &mut silent,
    )
    .unwrap();
    let certificate = certify(
        &problem,
        &solution,
        &GridCertificateOptions {
            starts: vec![vec![9.0]],
            ..quick()
        },
    )
    .unwrap();
    assert!(!certificate.passed);
    assert!(
        certificate.reasons.iter().any(|r| r.code == "E0913"),
        "{:?}",
        certificate.reasons
    );
}

#[test]
fn a_coarse_linear_solution_fails_and_says_why() {
    let problem = gm(12, 1.0, 60.0);
    let coarse = value_iteration::ValueIterationOptions {
        interpolation: Interpolation::Linear,
        ..Default::default()
    };
    let solution = solve(&problem, &coarse, &mut silent).unwrap();
    let certificate = certify(&problem, &solution, &quick()).unwrap();
    assert!(!certificate.passed && certificate.euler.unwrap().p99 > -3.0);
}

#[test]
fn a_ruined_policy_loses_to_a_constant_one() {
    let problem = gm(80, 1.0, 60.0);
    let mut solution = solve(
        &problem,
        &value_iteration::ValueIterationOptions::default(),
        &mut silent,
    )
    .unwrap();
    solution.policy[0].iter_mut().for_each(|s| *s = 0.6);
    let certificate = certify(&problem, &solution, &quick()).unwrap();
    let codes: Vec<&str> = certificate.reasons.iter().map(|r| r.code.as_str()).collect();
    assert!(codes.contains(&"E0915") && codes.contains(&"E0914"), "{codes:?}");
}

#[test]
fn binding_constraints_are_counted_and_left_out_of_equalities() {
    for as_slack in [true, false] {
        let problem = irreversible(150, as_slack);
        let solution = solve(
            &problem,
            &value_iteration::ValueIterationOptions::default(),
            &mut silent,
        )
        .unwrap();
        let certificate = certify(&problem, &solution, &quick()).unwrap();
        let bound: f64 = certificate.constraints.iter().map(|s| s.share).sum();
        assert!(bound > 0.05 && bound < 0.9, "{:?}", certificate.constraints);
        assert!((certificate.constrained - bound).abs() < 0.1);
        assert!(certificate.passed, "{:?}", certificate.reasons);
        assert_eq!(certificate.infeasible, 0.0);
    }
}

#[test]
fn finite_choices_taste_shocks_and_two_stocks_are_certified_too() {
    let problem = bus();
    let solution = solve(
        &problem,
        &value_iteration::ValueIterationOptions::default(),
        &mut silent,
    )
    .unwrap();
    let certificate = certify(&problem, &solution, &quick()).unwrap();
    assert!(certificate.passed, "{:?}", certificate.reasons);
    assert!(certificate.euler.is_none() && certificate.constant.is_none());
    assert_eq!(certificate.unit, "value");
    let problem = two_stocks(14);
    let solution = solve(
        &problem,
        &value_iteration::ValueIterationOptions::default(),
        &mut silent,
    )
    .unwrap();
    let certificate = certify(
        &problem,
        &solution,
        &GridCertificateOptions {
            points: 100,
            constant: false,
            ..quick()
        },
    )
    .unwrap();
    assert!(certificate.passed, "{:?}", certificate.reasons);
    assert!(certificate.euler.unwrap().p99 < -4.5, "{:?}", certificate.euler);
}

#[test]
fn the_certificate_depends_on_its_seed_only() {
    let problem = brock_mirman(40, 2);
    let solution = solve(
        &problem,
        &value_iteration::ValueIterationOptions::default(),
        &mut silent,
    )
    .unwrap();
    let run = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| certify(&problem, &solution, &GridCertificateOptions { seed, ..quick() }).unwrap())
    };
    assert_eq!(run(1, 4), run(3, 4));
    assert_ne!(run(1, 4).moments, run(1, 5).moments);
}

/// Two numbers are taken out of what there is, of which a unit more of the state gives three: marginal utility times consumption is one for a log.
#[test]
fn a_unit_of_consumption_is_the_same_by_either_of_two_actions() {
    let text = "model m\nagent h {\n  state k in [2, 4], start 3\n  action a in [0, 1]\n  action b in [0, 1]\n  let c = 3 * k - a - b\n  \
                k' = clamp(2 + a + b, 2, 4)\n  observe k\n  reward log(c)\n  discount 0.5\n}\n";
    let (model, found) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{found:?}"));
    let options = crate::solve::decision::ProblemOptions::default();
    let problem = crate::solve::decision::Decision::new(&model, &options).unwrap();
    let bellman = Bellman::new(&problem, Interpolation::Linear).unwrap();
    let at = At { shock: 0, time: 0 };
    let worth = points::consumption_worth(&bellman, at, &[&[2.5, 3.5]], &[vec![0.3, 0.6], vec![0.2, 0.4]], 2).unwrap();
    assert!(worth.iter().all(|w| (w - 1.0).abs() < 1e-6), "{worth:?}");
}
