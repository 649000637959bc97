//! Time iteration against closed forms, and its bounds against complementarity.

use super::*;
use crate::solve::examples::*;
use crate::solve::progress::silent;

const USUAL: TimeIterationOptions = TimeIterationOptions {
    tolerance: 1e-10,
    sweeps: SWEEPS,
    endogenous: false,
    brief: false,
};

#[test]
fn the_policy_of_brock_and_mirman_is_exact_and_does_not_depend_on_threads() {
    let problem = brock_mirman(100, 5);
    let by = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| solve(&problem, USUAL, None, &mut silent).unwrap())
    };
    let solution = by(1);
    assert_eq!(solution, by(2));
    let mut worst: f64 = 0.0;
    for (i, k) in solution.states[0].nodes.iter().enumerate() {
        for (j, z) in solution.chain.values.iter().enumerate() {
            let exact = BM_ALPHA * BM_BETA * z[0] * k.powf(BM_ALPHA);
            worst = worst.max((solution.policy[0][i * 5 + j] / exact - 1.0).abs());
        }
    }
    assert!(worst < 1e-9, "{worst:e}");
    assert!(solution.record.error <= solution.record.target);
}

/// A share of a stock is eaten, what is left grows; not more than `most` may be eaten, which binds where the stock is large.
fn cake(most: f64, require: bool) -> Hand {
    let mut s = spec(
        vec![continuous_state(
            "k",
            crate::num::grid::log(0.1, 2.0, 60).unwrap(),
            true,
        )],
        one_shock("z", &[1.0], vec![vec![1.0]]),
        vec![continuous_action("c")],
        0.9,
    );
    s.ends = false;
    let bound = if require { f64::INFINITY } else { most };
    hand(s, Box::new(move |x, _| vec![(0.0, x[0].min(bound))]), move |i| {
        let mut p = point(i.a[0].ln(), &[(i.x[0] - i.a[0]) * c(1.05)]);
        if require {
            p.slack = most - i.a[0].v;
        }
        p
    })
}

#[test]
fn a_bound_and_a_requirement_hold_the_action_back_alike() {
    let free = solve(&cake(9.0, false), USUAL, None, &mut silent).unwrap();
    let bound = solve(&cake(0.1, false), USUAL, None, &mut silent).unwrap();
    let required = solve(&cake(0.1, true), USUAL, None, &mut silent).unwrap();
    let nodes = &free.states[0].nodes;
    for (i, k) in nodes.iter().enumerate() {
        // Log utility without a bound: the share 1 - beta.
        assert!(
            (free.policy[0][i] / (0.1 * k) - 1.0).abs() < 1e-8,
            "{k}: {}",
            free.policy[0][i]
        );
        assert!(bound.policy[0][i] <= 0.1);
        assert!((bound.policy[0][i] - required.policy[0][i]).abs() < 1e-7, "{k}");
    }
    assert_eq!(bound.policy[0][nodes.len() - 1], 0.1);
    // The bound begins to bind between two nodes, which cubic interpolation does not settle at.
    let settled = |s: &Solution| s.record.warnings.iter().all(|w| w.code != "W0908");
    assert!(settled(&free) && !settled(&bound) && !settled(&required));
    assert!(bound.interpolation == Interpolation::Linear && free.interpolation == Interpolation::Cubic);
    assert!(bound.value[nodes.len() - 1] < free.value[nodes.len() - 1]);
}

#[test]
fn an_endogenous_grid_finds_the_policy_of_brock_and_mirman() {
    let by = |problem: &dyn DecisionProblem, threads: usize| {
        let options = TimeIterationOptions {
            endogenous: true,
            ..USUAL
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| solve(problem, options, None, &mut silent).unwrap())
    };
    let problem = brock_mirman(100, 5);
    let solution = by(&problem, 1);
    assert_eq!(solution, by(&problem, 2));
    assert_eq!(solution.method, "endogenous grid");
    let mut worst: f64 = 0.0;
    for (i, k) in solution.states[0].nodes.iter().enumerate() {
        for (j, z) in solution.chain.values.iter().enumerate() {
            let exact = BM_ALPHA * BM_BETA * z[0] * k.powf(BM_ALPHA);
            worst = worst.max((solution.policy[0][i * 5 + j] / exact - 1.0).abs());
        }
    }
    assert!(worst < 1e-8, "{worst:e}");
}

#[test]
fn what_an_endogenous_grid_does_not_take_is_said_with_its_reason() {
    let problem = brock_mirman(60, 3);
    let fits = |change: &dyn Fn(&mut crate::solve::problem::Spec)| {
        let mut spec = problem.spec().clone();
        change(&mut spec);
        EndogenousGrid.fits(&Structure::of(&spec)).err().unwrap_or_default()
    };
    assert_eq!(fits(&|_| ()), "");
    // A horizon and choices are taken by upper envelopes.
    assert_eq!(fits(&|s| s.horizon = Some(3)), "");
    assert_eq!(
        fits(&|s| {
            s.actions.push(finite_action("d", vec![0.0, 1.0], None));
        }),
        ""
    );
    assert_eq!(
        fits(&|s| {
            s.horizon = Some(3);
            s.actions.push(continuous_action("l"));
        }),
        "it needs exactly one continuous action"
    );
    assert_eq!(
        fits(&|s| s.states.push(s.states[0].clone())),
        "it needs exactly one state"
    );
    assert_eq!(
        fits(&|s| s.actions.push(continuous_action("l"))),
        "it needs exactly one action"
    );
    assert_eq!(fits(&|s| s.reward_uses_noise = true), "rewards or laws read a noise");
    assert_eq!(
        fits(&|s| s.next_uses_shock_next = true),
        "a law reads the next draw of a shock"
    );
}

#[test]
fn sweeps_and_tolerance_say_when_it_ends() {
    let problem = brock_mirman(60, 3);
    let few = TimeIterationOptions { sweeps: 2, ..USUAL };
    let refused = solve(&problem, few, None, &mut silent).unwrap_err();
    assert_eq!(refused.code, "E0901");
    let rough = TimeIterationOptions {
        tolerance: 1e-3,
        ..USUAL
    };
    let (rough, fine) = (
        solve(&problem, rough, None, &mut silent).unwrap(),
        solve(&problem, USUAL, None, &mut silent).unwrap(),
    );
    assert!(rough.record.iterations < fine.record.iterations);
    assert_ne!(rough.policy, fine.policy);
    let mut stop = |_: Progress| Control::Cancel;
    assert_eq!(solve(&problem, USUAL, None, &mut stop).unwrap_err().code, "E0906");
}

#[test]
fn what_does_not_fit_is_said_with_its_reason() {
    let problem = brock_mirman(60, 3);
    let fits = |change: &dyn Fn(&mut crate::solve::problem::Spec)| {
        let mut spec = problem.spec().clone();
        change(&mut spec);
        TimeIteration.fits(&Structure::of(&spec)).err().unwrap_or_default()
    };
    assert_eq!(fits(&|_| ()), "");
    assert_eq!(fits(&|s| s.horizon = Some(3)), "it has a horizon");
    assert_eq!(fits(&|s| s.ends = true), "it may end");
    assert_eq!(
        fits(&|s| s.discount = None),
        "the discount factor is not one number in (0, 1)"
    );
    assert_eq!(
        fits(&|s| s.states[0] = integer_state("n", 0, 3)),
        "a state takes whole numbers"
    );
    assert!(fits(&|s| s.kinks = true).starts_with("`min`"));
    assert!(fits(&|s| s.differentiable = false).starts_with("a step"));
    assert_eq!(
        fits(&|s| s.actions.push(finite_action("d", vec![0.0, 1.0], None))),
        "an action has finitely many choices"
    );
}
