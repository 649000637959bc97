//! Value iteration against closed forms, published numbers and independent methods.

use super::bellman::{At, Interpolation};
use super::examples::*;
use super::problem::*;
use super::progress::{Control, Progress, silent};
use super::solution::Reader;
use super::value_iteration::{ValueIterationOptions, solve};
use crate::chance::{chain, quadrature};
use crate::num::{grid, roots};
use nalgebra::{DMatrix, DVector};

fn at(shock: usize) -> At {
    At { shock, time: 0 }
}

#[test]
fn brock_mirman_policy_is_exact_on_the_ergodic_set() {
    let problem = brock_mirman(200, 7);
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    let reader = Reader::new(&solution, &problem).unwrap();
    let k_ss = problem.spec.steady_state.clone().unwrap()[0];
    let mut worst: f64 = 0.0;
    for j in 0..7 {
        let z = problem.spec.chain.values[j][0];
        for i in 0..300 {
            let k = k_ss * (0.75 + 0.6 * i as f64 / 299.0);
            let exact = BM_ALPHA * BM_BETA * z * k.powf(BM_ALPHA);
            worst = worst.max((reader.action(at(j), &[k])[0] / exact).ln().abs());
        }
    }
    assert!(worst < 1e-6, "{worst}");
    assert!(solution.record.iterations < 20);
}

#[test]
fn without_derivatives_or_howard_or_cubics_the_answer_is_the_same() {
    let mut problem = brock_mirman(60, 2);
    let base = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    problem.differentiable = false;
    let plain = solve(
        &problem,
        &ValueIterationOptions {
            howard: false,
            tolerance: 1e-9,
            ..ValueIterationOptions::default()
        },
        &mut silent,
    )
    .unwrap();
    for (a, b) in base.policy[0].iter().zip(&plain.policy[0]) {
        assert!((a / b - 1.0).abs() < 1e-6, "{a} {b}");
    }
    for (a, b) in base.value.iter().zip(&plain.value) {
        assert!((a - b).abs() < 1e-6);
    }
    let linear = ValueIterationOptions {
        interpolation: Interpolation::Linear,
        ..ValueIterationOptions::default()
    };
    let linear = solve(&problem, &linear, &mut silent).unwrap();
    for (a, b) in base.value.iter().zip(&linear.value) {
        assert!((a - b).abs() < 2e-2);
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let problem = gm(150, 1.0, 40.0);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap())
    };
    let (one, three) = (run(1), run(3));
    assert_eq!(one, three);
}

#[test]
fn the_stochastic_growth_model_agrees_across_grids_and_interpolations() {
    let total = |nodes: usize, interpolation| {
        let problem = gm(nodes, 1.0, 40.0);
        let solution = solve(
            &problem,
            &ValueIterationOptions {
                interpolation,
                ..ValueIterationOptions::default()
            },
            &mut silent,
        )
        .unwrap();
        let reader = Reader::new(&solution, &problem).unwrap();
        let (mut k, mut total) = (5.0f64, 0.0);
        for t in 0..256 {
            let j = t / 10 % 2;
            let s = reader.action(at(j), &[k])[0];
            let y = [0.9, 1.1][j] * k.powf(0.33);
            total += 0.98f64.powi(t as i32) * (1.0 - 1.0 / ((1.0 - s) * y));
            k = 0.96 * k + s * y;
        }
        total
    };
    let fine = total(300, Interpolation::Cubic);
    assert!((fine - 17.996353).abs() < 1e-5, "{fine}");
    assert!((total(60, Interpolation::Cubic) - fine).abs() < 1e-5);
    assert!((total(300, Interpolation::Linear) - fine).abs() < 2e-3);
}

#[test]
fn capital_goods_planner_has_the_published_policy() {
    let (problem, k_ss) = capital_goods(100);
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    let reader = Reader::new(&solution, &problem).unwrap();
    assert!((k_ss - 25.634270).abs() < 1e-6);
    let published = [
        (1.0, [0.079557, 0.092221, 0.104041, 0.119251]),
        (0.5, [0.127036, 0.143577, 0.157457, 0.175868]),
    ];
    for (share, policy) in published {
        for (j, s) in policy.into_iter().enumerate() {
            let ours = reader.action(at(j), &[share * k_ss])[0];
            assert!((ours - s).abs() < 2e-5, "{share} {j} {ours} {s}");
        }
    }
}

#[test]
fn cake_eating_has_its_closed_form() {
    let beta: f64 = 0.9;
    let s = spec(
        vec![continuous_state("w", grid::log(0.1, 10.0, 60).unwrap(), true)],
        no_shocks(),
        vec![continuous_action("c")],
        beta,
    );
    let problem = hand(s, Box::new(|x, _| vec![(0.0, x[0])]), |i| {
        point(i.a[0].ln(), &[i.x[0] - i.a[0]])
    });
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    let reader = Reader::new(&solution, &problem).unwrap();
    for w in [0.15, 1.0, 3.3, 9.0] {
        let value = ((1.0 - beta) * w).ln() / (1.0 - beta) + beta * beta.ln() / (1.0 - beta).powi(2);
        assert!(
            (reader.value(at(0), &[w]) - value).abs() < 1e-6,
            "{}",
            reader.value(at(0), &[w]) - value
        );
        assert!((reader.action(at(0), &[w])[0] / w - 0.1).abs() < 1e-7);
    }
    assert!(solution.record.outside > 0 && solution.record.warnings[0].code == "W0907");
}

#[test]
fn mccall_search_has_its_reservation_wage() {
    let n = 40;
    let wages = grid::uniform(10.0, 60.0, n).unwrap();
    let (benefit, beta) = (25.0, 0.98);
    let s = spec(
        vec![],
        one_shock("w", &wages, vec![vec![1.0 / n as f64; n]; n]),
        vec![finite_action("d", vec![0.0, 1.0], None)],
        beta,
    );
    let w = wages.clone();
    let problem = hand(s, Box::new(|_, _| vec![]), move |i| {
        if i.a[0].v == 1.0 {
            let wage = w[i.shock];
            Point {
                end: 1.0,
                paying: wage / (1.0 - 0.98),
                ..point(c(wage), &[])
            }
        } else {
            point(c(25.0), &[])
        }
    });
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    let excess = |r: f64| wages.iter().map(|w| (w - r).max(0.0)).sum::<f64>() / n as f64;
    let reservation = roots::brent(|r| r - benefit - beta / (1.0 - beta) * excess(r), 0.0, 60.0, 1e-12).unwrap();
    for (j, &w) in wages.iter().enumerate() {
        assert_eq!(solution.policy[0][j], f64::from(w > reservation));
        assert!((solution.value[j] - w.max(reservation) / (1.0 - beta)).abs() < 1e-6);
    }
}

#[test]
fn a_finite_life_consumes_by_its_closed_form() {
    let (beta, r, periods) = (0.95f64, 1.03, 6usize);
    let mut s = spec(
        vec![continuous_state("a", grid::log(0.01, 20.0, 150).unwrap(), true)],
        no_shocks(),
        vec![continuous_action("c")],
        beta,
    );
    s.horizon = Some(periods);
    let problem = hand(s, Box::new(|x, _| vec![(0.0, x[0])]), move |i| {
        point(i.a[0].ln(), &[r * (i.x[0] - i.a[0])])
    });
    let mut calls = 0;
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut |p: Progress| {
        calls += 1;
        assert_eq!(p.of, periods);
        Control::Continue
    })
    .unwrap();
    assert_eq!(calls, periods);
    let reader = Reader::new(&solution, &problem).unwrap();
    for time in 0..periods {
        let share = (1.0 - beta) / (1.0 - beta.powi((periods - time) as i32));
        for a in [1.0, 4.0, 15.0] {
            let ours = reader.action(At { shock: 0, time }, &[a])[0] / a;
            assert!((ours - share).abs() < 1e-7, "{time} {a} {ours} {share}");
        }
    }
}

#[test]
fn bus_engine_choice_probabilities_match_a_direct_fixed_point() {
    let problem = bus();
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    // Newton's method on the 90 equations in V, written directly.
    let n = 90;
    let beta = 0.9999;
    let p = [0.3919, 0.5953, 0.0128];
    let mut v = DVector::from_element(n, 0.0);
    let mut prob = vec![0.0; n];
    for _ in 0..60 {
        let expected = |v: &DVector<f64>, x: usize| (0..3).map(|d| p[d] * v[(x + d).min(n - 1)]).sum::<f64>();
        let mut residual = DVector::zeros(n);
        let mut jacobian = DMatrix::identity(n, n);
        for x in 0..n {
            let keep = -0.001 * 2.6275 * x as f64 + beta * expected(&v, x);
            let replace = -9.7558 + beta * expected(&v, 0);
            let top = keep.max(replace);
            let sum = (keep - top).exp() + (replace - top).exp();
            prob[x] = (replace - top).exp() / sum;
            residual[x] = v[x] - (top + sum.ln() + 0.577_215_664_901_532_9);
            for d in 0..3 {
                jacobian[(x, (x + d).min(n - 1))] -= beta * (1.0 - prob[x]) * p[d];
                jacobian[(x, d)] -= beta * prob[x] * p[d];
            }
        }
        v -= jacobian.lu().solve(&residual).unwrap();
    }
    for x in 0..n {
        assert!(
            (solution.value[x] / v[x] - 1.0).abs() < 1e-10,
            "{x} {} {}",
            solution.value[x],
            v[x]
        );
        assert!((solution.probability[2 * x + 1] - prob[x]).abs() < 1e-9);
    }
    assert!(solution.record.iterations < 30, "{}", solution.record.iterations);
}

#[test]
fn a_slack_and_a_bound_give_the_same_irreversible_investment() {
    let slack = irreversible(60, true);
    let bound = irreversible(60, false);
    let a = solve(&slack, &ValueIterationOptions::default(), &mut silent).unwrap();
    let b = solve(&bound, &ValueIterationOptions::default(), &mut silent).unwrap();
    let mut bind = 0;
    for i in 0..60 {
        let k = a.states[0].nodes[i];
        for j in 0..5 {
            let y = a.chain.values[j][0] * k.powf(0.36);
            let (x, z) = (a.policy[0][i * 5 + j], b.policy[0][i * 5 + j]);
            assert!((x - z).abs() < 1e-6 * y, "{i} {j} {x} {z} {y}");
            assert!(x <= y + 1e-11);
            bind += usize::from((x / y - 1.0).abs() < 1e-10);
        }
    }
    assert!(bind > 30 && bind < 250, "{bind}");
}

#[test]
fn integer_inventory_equals_brute_force_policy_iteration() {
    let (most, beta) = (15i64, 0.95);
    let demand: Vec<f64> = (0..8).map(|d| 0.5f64.powi(d.min(6) + 1)).collect();
    let mut s = spec(
        vec![integer_state("stock", 0, most)],
        one_shock("price", &[1.0, 1.5], vec![vec![0.7, 0.3], vec![0.4, 0.6]]),
        vec![finite_action("order", (0..=most).map(|q| q as f64).collect(), None)],
        beta,
    );
    s.noise_weights = demand.clone();
    s.reward_uses_noise = true;
    s.next_uses_noise = true;
    let profit = |stock: f64, order: f64, price: f64, d: f64| {
        let sold = (stock + order).min(d);
        2.0 * price * sold - if order > 0.0 { 1.2 + 0.6 * order } else { 0.0 } - 0.05 * (stock + order - sold)
    };
    let prices = [1.0, 1.5];
    let mut problem = hand(s, Box::new(|_, _| vec![]), move |i| {
        let (stock, order, d) = (i.x[0].v, i.a[0].v, i.noise as f64);
        point(
            c(profit(stock, order, prices[i.shock], d)),
            &[c((stock + order - d).max(0.0))],
        )
    });
    problem.allowed = Box::new(move |x, _, choice| x[0] as i64 + choice as i64 <= most);
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    // Policy iteration with dense matrices.
    let n = (most + 1) as usize;
    let p = [[0.7, 0.3], [0.4, 0.6]];
    let mut policy = vec![0usize; 2 * n];
    let mut value = DVector::zeros(2 * n);
    let q = |v: &DVector<f64>, x: usize, j: usize, a: usize| -> f64 {
        demand
            .iter()
            .enumerate()
            .map(|(d, w)| {
                let next = (x + a).saturating_sub(d);
                w * (profit(x as f64, a as f64, prices[j], d as f64)
                    + beta * (0..2).map(|l| p[j][l] * v[next * 2 + l]).sum::<f64>())
            })
            .sum()
    };
    for _ in 0..50 {
        let mut matrix = DMatrix::identity(2 * n, 2 * n);
        let mut r = DVector::zeros(2 * n);
        for x in 0..n {
            for j in 0..2 {
                let a = policy[x * 2 + j];
                r[x * 2 + j] = q(&DVector::zeros(2 * n), x, j, a);
                for (d, w) in demand.iter().enumerate() {
                    for l in 0..2 {
                        matrix[(x * 2 + j, (x + a).saturating_sub(d) * 2 + l)] -= beta * w * p[j][l];
                    }
                }
            }
        }
        value = matrix.lu().solve(&r).unwrap();
        let next: Vec<usize> = (0..2 * n)
            .map(|k| {
                (0..n - k / 2)
                    .max_by(|&a, &b| {
                        q(&value, k / 2, k % 2, a)
                            .total_cmp(&q(&value, k / 2, k % 2, b))
                            .then(b.cmp(&a))
                    })
                    .unwrap()
            })
            .collect();
        if next == policy {
            break;
        }
        policy = next;
    }
    for k in 0..2 * n {
        assert!(
            (solution.value[k] - value[k]).abs() < 1e-8,
            "{k} {} {}",
            solution.value[k],
            value[k]
        );
        assert_eq!(solution.policy[0][k] as usize, policy[k], "{k}");
    }
    assert!(policy.iter().any(|&a| a > 0));
}

#[test]
fn saving_and_a_portfolio_under_return_noise() {
    let beta: f64 = 0.9;
    let rule = quadrature::gauss_hermite(5);
    let risky: Vec<f64> = rule.nodes.iter().map(|e| (0.05 + 0.25 * e).exp()).collect();
    let safe = 1.02;
    let mut s = spec(
        vec![continuous_state("w", grid::log(1e-5, 1e5, 80).unwrap(), true)],
        no_shocks(),
        vec![continuous_action("c"), continuous_action("share")],
        beta,
    );
    s.noise_weights = rule.weights.clone();
    s.next_uses_noise = true;
    let r = risky.clone();
    let problem = hand(s, Box::new(|x, _| vec![(0.0, x[0]), (0.0, 1.0)]), move |i| {
        let gross = safe + i.a[1] * (r[i.noise] - safe);
        point(i.a[0].ln(), &[(i.x[0] - i.a[0]) * gross])
    });
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    let slope = |x: f64| -> f64 {
        risky
            .iter()
            .zip(&rule.weights)
            .map(|(r, w)| w * (r - safe) / (safe + x * (r - safe)))
            .sum()
    };
    let share = roots::brent(slope, 0.0, 1.0, 1e-14).unwrap();
    // Returns reach 2.1: edges of the grid are felt several periods away from them.
    for i in 35..45 {
        let w = solution.states[0].nodes[i];
        assert!(
            (solution.policy[0][i] / w - 0.1).abs() < 1e-6,
            "{i} {}",
            solution.policy[0][i] / w
        );
        assert!(
            (solution.policy[1][i] - share).abs() < 1e-5,
            "{i} {} {share}",
            solution.policy[1][i]
        );
    }
}

#[test]
fn two_stocks_and_two_actions_have_their_closed_form() {
    let problem = two_stocks(12);
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    let reader = Reader::new(&solution, &problem).unwrap();
    let (k1, k2) = (solution.states[0].nodes[6], solution.states[1].nodes[5]);
    for (f, g) in [(1.0, 1.0), (0.9, 1.2), (1.3, 0.8)] {
        for j in 0..2 {
            let x = [k1 * f, k2 * g];
            let y = problem.spec.chain.values[j][0] * x[0].powf(0.25) * x[1].powf(0.2);
            let a = reader.action(at(j), &x);
            assert!((a[0] / (0.25 * 0.9 * y) - 1.0).abs() < 1e-5, "{a:?} {y}");
            assert!((a[1] / (0.2 * 0.9 * y) - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn mixed_choices_of_technology_and_saving() {
    // Technology B costs a share of output but is worth it: the value is that of Brock and Mirman with the better one.
    let beta = BM_BETA;
    let k = (BM_ALPHA * beta).powf(1.0 / (1.0 - BM_ALPHA));
    let s = spec(
        vec![continuous_state("k", grid::log(0.3 * k, 3.0 * k, 80).unwrap(), true)],
        no_shocks(),
        vec![
            finite_action("technology", vec![1.0, 1.1], None),
            continuous_action("next"),
        ],
        beta,
    );
    let problem = hand(s, Box::new(|x, _| vec![(0.0, 1.1 * x[0].powf(BM_ALPHA))]), |i| {
        let y = i.a[0].v * i.x[0].powf(BM_ALPHA);
        Point {
            slack: y.v - i.a[1].v,
            ..point((y - i.a[1]).ln(), &[i.a[1]])
        }
    });
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    for i in 0..80 {
        let x = solution.states[0].nodes[i];
        assert_eq!(solution.policy[0][i], 1.1);
        let exact = BM_ALPHA * beta * 1.1 * x.powf(BM_ALPHA);
        assert!((solution.policy[1][i] / exact - 1.0).abs() < 1e-6, "{i}");
    }
}

#[test]
fn a_next_shock_in_the_transition_is_integrated() {
    // Growth shock in the transition: k' = e^{g'} s with log utility still saves a fixed share.
    let beta = 0.9;
    let g: Vec<f64> = vec![0.9, 1.15];
    let mut s = spec(
        vec![continuous_state("w", grid::log(0.2, 8.0, 50).unwrap(), true)],
        one_shock("g", &g, vec![vec![0.6, 0.4], vec![0.3, 0.7]]),
        vec![continuous_action("c")],
        beta,
    );
    s.next_uses_shock_next = true;
    let problem = hand(s, Box::new(|x, _| vec![(0.0, x[0])]), move |i| {
        point(i.a[0].ln(), &[g[i.shock_next] * (i.x[0] - i.a[0])])
    });
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    for i in 0..100 {
        let w = solution.states[0].nodes[i / 2];
        if i / 2 < 45 {
            assert!(
                (solution.policy[0][i] / w - 0.1).abs() < 1e-4,
                "{i} {}",
                solution.policy[0][i] / w
            );
        }
    }
}

#[test]
fn what_cannot_be_solved_is_said() {
    let code = |problem: &Hand, options: &ValueIterationOptions| {
        solve(problem, options, &mut silent).unwrap_err().into_message().code
    };
    let mut problem = brock_mirman(20, 2);
    problem.spec.discount = Some(1.0);
    assert_eq!(code(&problem, &ValueIterationOptions::default()), "E0905");
    let problem = brock_mirman(20, 2);
    let few = ValueIterationOptions {
        improvements: 2,
        howard: false,
        ..ValueIterationOptions::default()
    };
    assert_eq!(code(&problem, &few), "E0901");
    let mut nothing = brock_mirman(20, 2);
    nothing.bounds = Box::new(|_, _| vec![(1.0, 0.0)]);
    let error = solve(&nothing, &ValueIterationOptions::default(), &mut silent).unwrap_err();
    assert_eq!(error.code, "E0902");
    assert!(error.headline.contains("k = "), "{}", error.headline);
    let cancelled = solve(
        &brock_mirman(20, 2),
        &ValueIterationOptions::default(),
        &mut |_: Progress| Control::Cancel,
    );
    assert_eq!(cancelled.unwrap_err().code, "E0906");
    let mut large = bus();
    large.spec.states = vec![integer_state("x", i64::MIN, i64::MAX)];
    assert_eq!(code(&large, &ValueIterationOptions::default()), "E0904");
    let mut two = bus();
    two.spec.actions.push(finite_action("e", vec![0.0, 1.0], Some(2.0)));
    assert_eq!(code(&two, &ValueIterationOptions::default()), "E0905");
    let mut nan = brock_mirman(20, 2);
    nan.point = Box::new(|_| point(c(f64::NAN), &[c(f64::NAN)]));
    assert_eq!(code(&nan, &ValueIterationOptions::default()), "E0902");
}

#[test]
fn solutions_survive_serialisation() {
    let problem = bus();
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    let text = serde_json::to_string(&solution).unwrap();
    let back: super::solution::Solution = serde_json::from_str(&text).unwrap();
    assert_eq!(back.value, solution.value);
    assert_eq!(back.actions, solution.actions);
    let _: ActionKind = back.actions[0].kind.clone();
    let _ = chain::stationary(&back.chain.transition);
}

#[test]
fn deterministic_growth_earns_the_independent_optimum() {
    let problem = gm_deterministic(150);
    let solution = solve(&problem, &ValueIterationOptions::default(), &mut silent).unwrap();
    let reader = Reader::new(&solution, &problem).unwrap();
    let total = |saving: &dyn Fn(f64) -> f64| {
        let (mut k, mut total) = (5.0f64, 0.0);
        for t in 0..256 {
            let (s, y) = (saving(k), k.powf(0.33));
            total += 0.98f64.powi(t) * (1.0 - 1.0 / ((1.0 - s) * y));
            k = 0.96 * k + s * y;
        }
        total
    };
    let best = total(&|k| reader.action(at(0), &[k])[0]);
    assert!((best - 18.636695).abs() < 1e-6, "{best}");
    // The steady-state saving rate held constant, and the best constant rate, which is higher.
    let steady = total(&|_| 0.218514);
    assert!((steady - 18.552815).abs() < 5e-6, "{steady}");
    let (share, constant) = crate::num::optimise::brent(|s| total(&|_| s), 0.0, 0.8, 1e-9);
    assert!(
        (constant - 18.598017).abs() < 1e-6 && (share - 0.239502).abs() < 1e-5,
        "{share} {constant}"
    );
}

/// What `possible` says with the fewest branches is what the value of the actions says with all: minus infinity where a requirement is violated in one of them.
#[test]
fn actions_are_possible_where_no_branch_forbids_them() {
    use super::bellman::{Bellman, Continuation, Scratch};
    // What is asked for depends on the draw, or not.
    for reads in [false, true] {
        let mut s = spec(
            vec![continuous_state("w", grid::uniform(0.0, 4.0, 9).unwrap(), false)],
            one_shock("z", &[1.0, 1.2], vec![vec![0.5, 0.5], vec![0.5, 0.5]]),
            vec![continuous_action("c")],
            0.9,
        );
        s.noise_weights = vec![0.5, 0.5];
        (s.reward_uses_noise, s.next_uses_noise) = (reads, true);
        let hand = hand(s, Box::new(|_, _| vec![(0.0, 4.0)]), move |i| {
            let most = if reads && i.noise == 1 { 0.5 } else { 1.0 };
            let w = i.x[0] - i.a[0];
            Point {
                slack: most * i.x[0].v - i.a[0].v,
                ..point(i.a[0].ln(), &[w + c(i.noise as f64 * 0.1)])
            }
        });
        let bellman = Bellman::new(&hand, Interpolation::Linear).unwrap();
        let mut continuation = Continuation::default();
        bellman.continuation(&bellman.tensor, &[0.0; 18], &mut continuation);
        let (w, a) = ([2.0; 4], [0.0, 0.5, 1.5, 2.5]);
        let (mut q, mut slack) = ([0.0; 4], [0.0; 4]);
        let (states, actions): ([&[f64]; 1], [&[f64]; 1]) = ([&w], [&a]);
        bellman.q(
            &continuation,
            at(0),
            &states,
            &actions,
            &mut Scratch::default(),
            &mut q,
            &mut slack,
        );
        let possible = bellman.possible(at(0), &states, &actions, 4);
        assert_eq!(possible, [false, true, !reads, false]);
        assert_eq!(possible, q.map(|q| q > f64::NEG_INFINITY));
    }
}
