//! Parts of the judge on economies whose answer is known by hand, and rows that fail alone.

use super::*;
use crate::fixtures;
use crate::solve::progress::silent;

fn compiled(text: &str) -> Model {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn solved(model: &Model) -> Solution {
    let found = fixtures::solve(model, &fixtures::Request::default(), &mut silent);
    found.unwrap_or_else(|e| panic!("{e:?}")).solution
}

/// What a part of the judge says of a solution.
fn asked<T>(model: &Model, solution: &Solution, part: impl Fn(&WorldEvidence, &mut Trials) -> T) -> T {
    let options = JudgeOptions::default();
    let seat = SolvedSeat::of(model, solution).unwrap();
    let value = Value::new(solution, &seat, model.horizon).unwrap();
    let played = play::play(model, solution, &seat, &value, &options, &play::Apart::default()).unwrap();
    let mut trials = Trials::new(model, &seat, &value, LANES, options.seed).unwrap();
    let (units, unit) = units(&mut trials, &seat, &value, &played.met()).unwrap();
    let policy = PolicyBetween::new(Arc::new(solution.clone())).unwrap();
    let bench = WorldEvidence {
        model,
        solution,
        seat: &seat,
        policy: &policy,
        value: &value,
        played: &played,
        discretised: &[],
        options: &options,
        units,
        unit,
    };
    part(&bench, &mut trials)
}

/// Names of the rows that fail.
fn failing(judged: &WorldCertificate) -> Vec<&str> {
    let failed = judged.proofs.iter().filter(|p| p.holds == Some(false));
    failed.map(|p| p.name.as_str()).collect()
}

fn row<'a>(judged: &'a WorldCertificate, name: &str) -> &'a ProofRow {
    let found = judged.proofs.iter().find(|p| p.name.starts_with(name));
    found.unwrap_or_else(|| panic!("{name}: {judged:?}"))
}

/// The best `a` is two and the season; `d` pays a half where the season is one.
const TARGET: &str = "model target\nagent w {\n  state x in 0..1, start 0\n  action a in [0, 5]\n  action d in {out, enter}\n  x' = 1 - x\n  observe x\n  \
    reward 3 - (a - 2 - x)^2 + (if d == enter then x - 0.5 else 0)\n  discount 0.5\n}\n";

#[test]
fn choices_are_improved_to_the_best_ones_and_by_what_they_gain() {
    let model = compiled(TARGET);
    let mut solution = solved(&model);
    // Two hundredths too high, and always in.
    solution.policy[0].iter_mut().for_each(|a| *a += 0.02);
    solution.policy[1].iter_mut().for_each(|d| *d = 1.0);
    solution.worth.clear();
    asked(&model, &solution, |bench, trials| {
        let visits = &bench.played.visits;
        let ranges = trials.ranges(visits).unwrap();
        let better = improve::improve(bench, trials, visits, &ranges, 40).unwrap();
        for (b, v) in better.iter().zip(visits) {
            let x = v.states[0];
            assert_eq!(b.actions[1], x, "{b:?}");
            let gain = if x == 0.0 { 0.5004 } else { 4e-4 };
            assert!((b.actions[0] - 2.0 - x).abs() < 1e-5, "{b:?} at {x}");
            assert!((b.gain - gain).abs() < 1e-8, "{b:?} at {x}");
        }
    });
}

/// Three ways, each with a best number of its own: `log(1 + a)` less `a` times 0.2, 0.5 and 0.35, and a fee. The best numbers are 4, 1 and 0.65 / 0.35.
const WAYS: &str = "model ways\nagent w {\n  state x in 0..6, start 0\n  action a in [0, 40]\n  action d in {one, two, three}\n  x' = (x + 1) mod 7\n  observe x\n  \
    reward 3 + log(1 + a) - a * (if d == one then 0.2 else if d == two then 0.5 else 0.35) - (if d == one then 0.1 * x else if d == two then 0.3 - 0.05 * x else 0.2)\n  discount 0.5\n}\n";

#[test]
fn a_number_that_goes_with_another_choice_is_as_right_as_one_that_is_played() {
    let model = compiled(WAYS);
    let right = solved(&model);
    let cost: [f64; 3] = [0.2, 0.5, 0.35];
    let number = |d: usize| 1.0 / cost[d] - 1.0;
    let worth = |d: usize, x: f64| {
        let fee = [0.1 * x, 0.3 - 0.05 * x, 0.2][d];
        3.0 + (1.0 + number(d)).ln() - cost[d] * number(d) - fee
    };
    // Whatever is played, the best of all ways is found, and what it gains.
    for played in 0..3 {
        let mut solution = right.clone();
        solution.policy[0].iter_mut().for_each(|a| *a = number(played));
        solution.policy[1].iter_mut().for_each(|d| *d = played as f64);
        solution.worth.clear();
        asked(&model, &solution, |bench, trials| {
            let visits = &bench.played.visits;
            let ranges = trials.ranges(visits).unwrap();
            for (b, v) in improve::improve(bench, trials, visits, &ranges, 40)
                .unwrap()
                .iter()
                .zip(visits)
            {
                let x = v.states[0];
                let best = (0..3).max_by(|a, b| worth(*a, x).total_cmp(&worth(*b, x))).unwrap();
                assert_eq!(b.actions[1], best as f64, "{b:?} at {x}, played {played}");
                assert!(
                    (b.actions[0] / number(best) - 1.0).abs() < 1e-4,
                    "{b:?} at {x}, {}",
                    number(best)
                );
                assert!(
                    (b.gain - worth(best, x) + worth(played, x)).abs() < 1e-8,
                    "{b:?} at {x}, played {played}"
                );
            }
        });
    }
}

#[test]
fn slopes_are_those_of_what_choices_are_worth() {
    let model = compiled(TARGET);
    let right = solved(&model);
    let name = "economy: first-order condition, 99 %";
    let measured = |solution: &Solution| -> f64 {
        asked(&model, solution, |bench, trials| {
            let mut out = WorldCertificate::default();
            slope::prove(bench, trials, None, &mut out).unwrap();
            assert_eq!(row(&out, name).holds, None);
            10f64.powf(row(&out, name).value)
        })
    };
    assert!(measured(&right) < 1e-7, "{}", measured(&right));
    // The slope is -2 * .03, the bend 2; the size of the choice is a thousand steps, 2 a and a twentieth of the range, where a = 2.03.
    let mut wrong = right.clone();
    wrong.policy[0].iter_mut().for_each(|a| *a += 0.03);
    let expected = 0.03 / (2.0 * 2.03 + 0.25);
    assert!(
        (measured(&wrong) / expected - 1.0).abs() < 0.02,
        "{} {expected}",
        measured(&wrong)
    );
}

/// Staying pays one half more; tastes have scale one.
const TASTE: &str = "model taste\nagent w {\n  state x in 0..1, start 0\n  action d in {go, stay} taste gumbel(1)\n  x' = if d == go then 1 - x else x\n  \
    observe x\n  reward if d == stay then 0.5 else 0\n  discount 0.5\n}\n";

#[test]
fn probabilities_that_are_off_are_seen_by_their_row_alone() {
    let model = compiled(TASTE);
    let right = solved(&model);
    let judged = judge(&model, &right, &[], &[], &JudgeOptions::default()).unwrap();
    assert!(judged.passed(), "{judged:?}");
    assert!(row(&judged, "probabilities of").value < -9.0, "{judged:?}");
    let mut wrong = right.clone();
    for pair in wrong.probability.chunks_mut(2) {
        pair[0] += 0.01;
        pair[1] -= 0.01;
    }
    let judged = judge(&model, &wrong, &[], &[], &JudgeOptions::default()).unwrap();
    assert_eq!(failing(&judged), ["probabilities of w.d, largest error"], "{judged:?}");
    assert!(
        (row(&judged, "probabilities of").value + 2.0).abs() < 1e-6,
        "{judged:?}"
    );
    // What choices are worth is read from the value: ln(1 + e^.5) a period, with the mean of tastes.
    asked(&model, &right, |bench, trials| {
        let visits = &bench.played.visits;
        let at: Vec<usize> = (0..visits.len()).collect();
        for w in tastes::worth(bench, trials, visits, &at, 16).unwrap() {
            let expected = 2.0 * ((1.0 + 0.5f64.exp()).ln() + 0.577_215_664_901_532_9);
            assert!((w - expected).abs() < 1e-6, "{w}, right {expected}");
        }
    });
}

/// A house that is sold once in a hundred periods for 3, by an owner who lives on 10 a period: a price that is a tenth lower is little a period, and a lot
/// of what having a house is worth.
#[test]
fn what_comes_seldom_is_seen_by_what_values_differ_by_alone() {
    let model = compiled(
        "model house\nagent w {\n  state h in 0..1, start 1\n  action e in [0, 1]\n  noise buyer ~ bernoulli(0.01)\n  \
         h' = if buyer then 0 else h\n  observe h\n  \
         reward 10 - 100 * (e - 0.2)^2 + (if buyer then 3 * h else 0)\n  discount 0.95\n}\n",
    );
    let right = solved(&model);
    let judged = judge(&model, &right, &[], &[], &JudgeOptions::default()).unwrap();
    assert!(judged.passed(), "{judged:?}");
    let mut wrong = right.clone();
    // Value with a house less value without: 3 * .01 / (1 - .95 * .99). A tenth of it is lost.
    let lost = 0.1 * (right.value[1] - right.value[0]);
    assert!((lost - 0.1 * 0.03 / (1.0 - 0.95 * 0.99)).abs() < 1e-6, "{lost}");
    wrong.value[1] -= lost;
    let judged = judge(&model, &wrong, &[], &[], &JudgeOptions::default()).unwrap();
    assert_eq!(
        failing(&judged),
        ["the same gap, relative to how much values differ"],
        "{judged:?}"
    );
    assert!(judged.reasons.iter().any(|d| d.code == "E0944"), "{judged:?}");
}

/// Going in pays where the state is above 1.3; the nodes are half apart.
#[test]
fn between_nodes_the_combination_is_chosen_that_is_worth_most() {
    let model = compiled(
        "model door\nhorizon 1\nagent w {\n  state s in [0, 4], start uniform(0, 4)\n  action d in {out, enter}\n  action e in 0..1\n  s' = s\n  observe s\n  \
         reward (if d == enter then s - 1.3 else 0) + e * (2.2 - s)\n  discount 0.9\n}\nsolve { grid.s = uniform(9) }\n",
    );
    let solution = solved(&model);
    assert!(!solution.worth.is_empty());
    let reader = PolicyBetween::new(Arc::new(solution)).unwrap();
    for k in 0..=400 {
        let s = f64::from(k) * 0.01 + 1e-4;
        let spot = reader.spot(0, &[], &[s]);
        let (d, e) = (reader.action(0, &spot), reader.action(1, &spot));
        assert_eq!(d, f64::from(u8::from(s > 1.3)), "at {s}");
        assert_eq!(e, f64::from(u8::from(s < 2.2)), "at {s}");
    }
}

/// Stopping with an offer a period: the value has a kink in the offer, at another place for each whole state.
const OFFERS: &str = "model offers\nagent a {\n  state n in 0..12, start 0\n  shock w ~ iid lognormal(0, 0.6)\n  action d in {go, stop}\n  \
    noise up ~ bernoulli(0.7 - 0.03 * n)\n  noise fall ~ bernoulli(0.002 * n)\n  n' = if fall == 1 then 0 else min(n + up, 12)\n  \
    end when d == stop or fall == 1 and n > 8, paying (if d == stop then 10 * w * (1 + 0.2 * n) else -5)\n  observe n, w\n  \
    reward if d == stop then 0 else 0.3 - 0.02 * n\n  discount 0.92\n}\n";

#[test]
fn offers_behind_kinks_get_links_enough_also_where_the_file_says_how_many() {
    let found = |text: &str| {
        let found = fixtures::solve(&compiled(text), &fixtures::Request::default(), &mut silent);
        found.unwrap_or_else(|e| panic!("{e:?}"))
    };
    let open = found(OFFERS);
    assert!(open.certificate.passed, "{:?}", open.certificate.reasons);
    // A Gauss rule reaches 16 standard deviations with so many nodes, one between quantiles nine.
    let said = found(&format!("{OFFERS}solve {{ chain.w = 200 }}\n"));
    let links = said.solution.chain.links().unwrap_or_default();
    let top = links[0].values.iter().copied().fold(0.0, f64::max);
    assert!(
        links[0].values.len() > 150 && top < 300.0,
        "{} {top}",
        links[0].values.len()
    );
    // What is said of how far the value is off is what many draws see, not the few of the first look.
    let worlds = said.certificate.world.unwrap_or_default();
    assert!(row(&worlds, "economy: Bellman residual").value < -2.5, "{worlds:?}");
}

#[test]
fn consumption_that_must_be_positive_is_never_a_little_below_zero() {
    // Below zero `crra(c, 2)` is large and positive.
    let text = "model saving\nagent h {\n  state k in [0, 50], start 5\n  shock z ~ markov([lo: 0.5, hi: 1.5], [[0.85, 0.15], [0.25, 0.75]])\n  \
        action k_next in [0, 50]\n  let c = 1.02 * k + z - k_next\n  require c > 0\n  k' = k_next\n  observe k, z\n  reward crra(c, 2)\n  discount 0.95\n}\n";
    let found = fixtures::solve(&compiled(text), &fixtures::Request::default(), &mut silent);
    let found = found.unwrap_or_else(|e| panic!("{e:?}"));
    assert!(found.certificate.passed, "{:?}", found.certificate.reasons);
    assert!(found.solution.value.iter().all(|v| v.abs() < 100.0));
}

/// A hedge against a price, beside a yield whose spread has a kink in the rain; the best one is 0.690704 by Gauss-Legendre rules of 80, 60 and 60 nodes.
const HEDGE: &str = "model hedge\nagent farmer {\n  state w in [0, 1], start 0.5\n  action f in [0, 2]\n  noise rain ~ normal(0, 0.3)\n  \
    noise yield ~ lognormal(0.2 * rain - 0.1, 0.1 + 0.3 * abs(rain))\n  noise px ~ lognormal(-rain, 0.2)\n  w' = 0.5\n  observe w\n  \
    reward -exp(-2 * (yield * px + f * (1.07 - px)))\n  discount 0.5\n}\nsolve {\n  grid.w = 5\n";
const HEDGED: f64 = 0.690_704;

/// Three draws, of which two read the first: what is certified is right, and what is wrong is seen at its size.
#[test]
fn draws_that_read_draws_are_integrated_and_judged() {
    let model = compiled(&format!("{HEDGE}}}\n"));
    let found = fixtures::solve(&model, &fixtures::Request::default(), &mut silent).unwrap();
    let f = found.solution.policy[0][0];
    assert!(found.certificate.passed, "{:?}", found.certificate.reasons);
    assert!((f / HEDGED - 1.0).abs() < 2e-3, "{f}");
    let few = ["rain", "yield", "px"]
        .map(|n| format!("  quadrature.{n} = 3\n"))
        .concat();
    let model = compiled(&format!("{HEDGE}{few}}}\n"));
    let solution = solved(&model);
    let off = (solution.policy[0][0] - HEDGED).abs();
    assert!(off > 0.01 * HEDGED, "{off}");
    let judged = asked(&model, &solution, |bench, trials| {
        let mut out = WorldCertificate::default();
        let found = estimate::measure(bench, trials);
        estimate::prove(bench, trials, found, &mut out).unwrap();
        out
    });
    let said = judged.errors.iter().find(|e| e.name == "farmer.f").unwrap().error;
    assert!((said / off - 1.0).abs() < 0.3, "{said} in place of {off}");
    assert!(failing(&judged).contains(&"error of farmer.f, estimated"), "{judged:?}");
}

/// A share of savings counts for little where hardly anything is saved, the share that is consumed counts everywhere.
#[test]
fn a_choice_counts_by_what_it_moves() {
    let model = compiled(
        "model saver\nagent saver {\n  state w in [0.5, 9], start 2\n  action m in (0, 1)\n  action risky in [0, 1]\n  \
         noise up ~ bernoulli(0.5)\n  w' = min((1 - m) * w * (1 + risky * (if up then 0.3 else -0.1)) + 0.5, 9)\n  observe w\n  \
         reward crra(m * w, 2)\n  discount 0.9\n}\nsolve {\n  grid.w = log(40)\n}\n",
    );
    let solution = solved(&model);
    let effects = asked(&model, &solution, |bench, trials| {
        let mut visits: Vec<Visit> = bench.played.visits[..20].to_vec();
        for (i, v) in visits.iter_mut().enumerate() {
            v.actions = vec![if i == 0 { 0.999 } else { 0.5 }, 0.5];
        }
        effect::of(bench, trials, (&visits, &bench.units[..20]), &[(0, 0.5), (1, 0.5)]).unwrap()
    });
    assert!(effects[0][1] < 0.01, "{:?}", effects[0]);
    assert!(effects[0][0] > 0.3, "{:?}", effects[0]);
    for e in &effects[1..] {
        assert!(e[0] > 0.3 && e[1] > 0.3 && e[0] <= 1.0 && e[1] <= 1.0, "{effects:?}");
    }
}

#[test]
fn what_the_scatter_of_best_choices_decides_is_not_known() {
    for (off, doubt, wanted) in [
        (0.012, 0.004, true),
        (0.02, 0.004, false),
        (0.009, 0.1, false),
        (0.012, f64::INFINITY, false),
        (f64::NAN, 0.0, false),
    ] {
        assert_eq!(errors::undecided(off, doubt, 0.01), wanted, "{off} {doubt}");
    }
}

/// Numbers that are off by more than a hundredth of their size fail, by more than a thousandth are said to be.
#[test]
fn a_number_may_be_off_by_a_hundredth_of_its_size() {
    let model = compiled(TARGET);
    let right = solved(&model);
    for (off, held, code) in [(0.05, false, "E0949"), (0.01, true, "W0949"), (0.001, true, "")] {
        let mut solution = right.clone();
        solution.policy[0].iter_mut().for_each(|a| *a += off);
        solution.worth.clear();
        let judged = asked(&model, &solution, |bench, trials| {
            let mut out = WorldCertificate::default();
            let found = estimate::measure(bench, trials);
            estimate::prove(bench, trials, found, &mut out).unwrap();
            out
        });
        assert_eq!(row(&judged, "error of w.a").holds, Some(held), "{off}: {judged:?}");
        let said: Vec<&str> = judged.reasons.iter().map(|d| d.code.as_str()).collect();
        let wanted: Vec<&str> = [code].into_iter().filter(|c| !c.is_empty()).collect();
        assert_eq!(said, wanted, "{off}: {judged:?}");
    }
}

/// A way that pays `safe`, and one that pays behind the kinks of three draws.
fn model_with(safe: f64) -> String {
    format!(
        "model option\nagent w {{\n  state x in 0..6, start 0\n  action d in {{safe, risky}}\n  noise a ~ normal(0, 1)\n  noise b ~ normal(0, 1)\n  \
         noise c ~ normal(0, 1)\n  x' = (x + 1) mod 7\n  observe x\n  reward x + (if d == risky then max(a + b + c, 0) else {safe})\n  discount 0.5\n}}\n"
    )
}

/// Two ways that are worth nearly the same, one of them behind the kinks of three draws: few draws see another order than there is, many do not.
#[test]
fn a_choice_that_few_draws_take_for_wrong_is_measured_again() {
    // The mean of max(a + b + c, 0) is the square root of 3 / (2 pi).
    let risky = (3.0 / std::f64::consts::TAU).sqrt();
    let mut mistaken = 0;
    for (less, best) in [(3e-4, 1.0), (-3e-4, 0.0)] {
        let model = compiled(&model_with(risky - less));
        let mut solution = solved(&model);
        solution.policy[0].iter_mut().for_each(|d| *d = best);
        for _ in 0..60 {
            let next = solution.value.clone();
            for (x, v) in solution.value.iter_mut().enumerate() {
                *v = x as f64 + risky.max(risky - less) + 0.5 * next[(x + 1) % 7];
            }
        }
        solution.worth.clear();
        mistaken += asked(&model, &solution, |bench, trials| {
            let visits = &bench.played.visits;
            let ranges = trials.ranges(visits).unwrap();
            let better = improve::improve(bench, trials, visits, &ranges, 40).unwrap();
            let limit = 10f64.powf(bench.options.limit);
            let seem = better
                .iter()
                .zip(&bench.units)
                .filter(|(b, unit)| b.gain > limit * *unit);
            let mistaken = seem.count();
            let mut out = WorldCertificate::default();
            let found = estimate::measure(bench, trials);
            estimate::prove(bench, trials, found, &mut out).unwrap();
            assert_eq!(row(&out, "cost of wrong w.d").holds, Some(true), "{out:?}");
            mistaken
        });
        // What costs more than may be is found, and said.
        solution.policy[0].iter_mut().for_each(|d| *d = 1.0 - best);
        let model = compiled(&model_with(risky - 100.0 * less));
        asked(&model, &solution, |bench, trials| {
            let mut out = WorldCertificate::default();
            let found = estimate::measure(bench, trials);
            estimate::prove(bench, trials, found, &mut out).unwrap();
            assert_eq!(row(&out, "cost of wrong w.d").holds, Some(false), "{out:?}");
            assert!(out.reasons.iter().any(|d| d.code == "E0949"), "{out:?}");
        });
    }
    assert!(mistaken > 0, "few draws were enough");
}
