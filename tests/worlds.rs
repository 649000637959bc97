//! Worlds that run as their files say: scripted paths under solved policies, markets that clear or say that they do not, domains, draws
//! and sums over lives. What is right is computed here, by closed forms or by arithmetic of the test's own.

use econc::driver::{self, Solved};
use econc::env::cast::Behaviour;
use econc::env::simulate::{Averaged, Simulation, SimulationOptions, simulate};
use econc::solve::progress::silent;
use econc::{Model, compile};

fn model(text: &str) -> Model {
    let (model, messages) = compile(text, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{messages:?}"))
}

fn solve(model: &Model) -> Solved {
    driver::solve(model, &driver::Request::default(), &mut silent).unwrap_or_else(|e| panic!("{e:?}"))
}

fn options(scenario: Option<&str>, periods: usize, worlds: usize) -> SimulationOptions {
    SimulationOptions {
        scenario: scenario.map(String::from),
        periods: Some(periods),
        worlds,
        seed: 1,
        on_chain: false,
        greedy: false,
    }
}

fn run(model: &Model, behaviour: &Behaviour, options: &SimulationOptions) -> Simulation {
    simulate(model, &behaviour.clone().into(), options, &mut |_, _| true).unwrap_or_else(|e| panic!("{e:?}"))
}

fn series<'a>(s: &'a Simulation, name: &str) -> &'a [f64] {
    let found = s.series.iter().find(|x| x.name == name);
    &found.unwrap_or_else(|| panic!("no series {name}")).values
}

/// Log utility, full depreciation (Brock and Mirman 1972): c = (1 - alpha beta) exp(z) k^alpha.
const BROCK_MIRMAN: &str = "
model growth
shock z ~ ar1(rho: 0.9, sigma: 0.02)
agent planner {
  state k in [0.02, 1], start 0.2
  let y = exp(z) * k^0.36
  action c in (0, y]
  k' = y - c
  observe k, z
  reward log(c)
  discount 0.96
}
scenario off { path z = 0.005 * (1 + t); periods 6 }
scenario far { path z = 0.3; periods 3 }
";

#[test]
fn a_scripted_shock_is_played_as_written_and_the_policy_read_between_nodes() {
    let m = model(BROCK_MIRMAN);
    let behaviour = Behaviour::Solved(std::sync::Arc::new(solve(&m).solution));
    for on_chain in [false, true] {
        let asked = SimulationOptions {
            on_chain,
            ..options(Some("off"), 6, 1)
        };
        let s = run(&m, &behaviour, &asked);
        let (z, k, c) = (series(&s, "z"), series(&s, "planner.k"), series(&s, "planner.c"));
        for t in 0..6 {
            assert_eq!(z[t], 0.005 * (1.0 + t as f64));
            let right = (1.0 - 0.36 * 0.96) * z[t].exp() * k[t].powf(0.36);
            assert!((c[t] / right - 1.0).abs() < 1e-5, "period {t}: {} is not {right}", c[t]);
        }
        assert_eq!(s.counts.policy.shocks_outside, 0);
    }
    // Beyond the last node (2.45 standard deviations) the last node's policy is played, and counted.
    let s = run(&m, &behaviour, &options(Some("far"), 3, 1));
    assert_eq!(series(&s, "z"), [0.3; 3]);
    assert_eq!(s.counts.policy.shocks_outside, 3);
}

#[test]
fn a_solved_policy_meets_the_shock_of_the_model_unless_the_chain_is_asked_for() {
    let m = model(BROCK_MIRMAN);
    let behaviour = Behaviour::Solved(std::sync::Arc::new(solve(&m).solution));
    let distinct = |on_chain: bool| {
        let s = run(
            &m,
            &behaviour,
            &SimulationOptions {
                on_chain,
                ..options(None, 300, 1)
            },
        );
        let mut z: Vec<u64> = series(&s, "z").iter().map(|x| x.to_bits()).collect();
        z.sort_unstable();
        z.dedup();
        z.len()
    };
    assert!(distinct(true) <= 7);
    assert_eq!(distinct(false), 300);
}

#[test]
fn a_planner_over_several_members_is_simulated_with_its_own_solution() {
    let m = model(
        "
model two
agent h[2] {
  state k in (0, inf), start 1
  action s in [0.01, 0.9]
  let y = k^0.3
  k' = 0.5 * k + s * y
  reward log((1 - s) * y)
  discount 0.9
}
scenario ev { start h[i in 1..2].k = 0.5 + 0.1 * i; periods 20 }
solve { concept = planner; grid.k = log(0.2, 3, 15) }
",
    );
    let solution = solve(&m).solution;
    let s = run(
        &m,
        &Behaviour::Solved(std::sync::Arc::new(solution.clone())),
        &options(Some("ev"), 20, 1),
    );
    // The members do not meet: each lives as the only one would.
    let one = model(
        "
model one
agent h {
  state k in (0, inf), start 0.6
  action s in [0.01, 0.9]
  let y = k^0.3
  k' = 0.5 * k + s * y
  reward log((1 - s) * y)
  discount 0.9
}
solve { grid.k = log(0.2, 3, 15) }
",
    );
    let alone = run(
        &one,
        &Behaviour::Solved(std::sync::Arc::new(solve(&one).solution)),
        &options(None, 20, 1),
    );
    for (a, b) in series(&s, "h.k[1]").iter().zip(series(&alone, "h.k")) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    assert!((series(&s, "h.k[2]")[0] - 0.7).abs() < 1e-15);
    assert!(series(&s, "h.s[1]") != series(&s, "h.s[2]"));
}

#[test]
fn an_impulse_decays_as_its_process_does() {
    let text = BROCK_MIRMAN.replace("path z = 0.3; periods 3", "path z = impulse(0.01); periods 5");
    let s = run(&model(&text), &Behaviour::Random, &options(Some("far"), 5, 1));
    for (t, z) in series(&s, "z").iter().enumerate() {
        assert!((z - 0.01 * 0.9f64.powi(t as i32)).abs() < 1e-17, "{t}: {z}");
    }
}

// ---- Markets

/// Where `excess` changes sign on `[lo, hi]`: a scan and bisection of the test's own.
fn price(excess: impl Fn(f64) -> f64, lo: f64, hi: f64) -> f64 {
    let points = 20_000;
    let at = |k: usize| lo + (hi - lo) * k as f64 / points as f64;
    let cell = (0..points).find(|k| excess(at(*k)).signum() != excess(at(k + 1)).signum());
    let (mut a, mut b) = cell.map_or((f64::NAN, f64::NAN), |k| (at(k), at(k + 1)));
    for _ in 0..100 {
        let m = 0.5 * (a + b);
        if excess(m).signum() == excess(a).signum() {
            a = m
        } else {
            b = m
        }
    }
    0.5 * (a + b)
}

/// Two buyers who spend shares of their income, a supply that grows with the price and the state.
fn market(condition: &str, domain: &str) -> Model {
    model(&format!(
        "
model square
agent h[2] {{
  state k in [0, 10], start 1
  action q in [0.1, 1]
  k' = min(10, 0.5 * k + q)
  observe k
  reward q - p
  discount 0.9
}}
market g {{ price p in {domain} clears {condition} }}
"
    ))
}

#[test]
fn prices_are_roots_and_nothing_is_said() {
    let m = market("sum(h.q) / p == 0.3 * p^2 + 0.01 * sum(h.k)", "[0.01, 100]");
    let s = run(&m, &Behaviour::Random, &options(None, 50, 3));
    let sum = |name: &str, t: usize| series(&s, &format!("{name}[1]"))[t] + series(&s, &format!("{name}[2]"))[t];
    for t in 0..50 {
        let (q, k) = (sum("h.q", t), sum("h.k", t));
        let right = price(|p| q / p - 0.3 * p * p - 0.01 * k, 0.01, 10.0);
        assert!((series(&s, "g.p")[t] / right - 1.0).abs() < 1e-12);
    }
    let c = &s.counts.not_cleared[0];
    assert_eq!((c.asked, c.count, c.several), (150, 0, 0));
    assert!(c.error().is_none() && c.warning().is_none());
}

#[test]
fn prices_far_out_and_close_to_zero_are_found() {
    for (root, domain) in [
        (4e6, "(0, inf)"),
        (3e11, "[1, inf)"),
        (2e-8, "(0, inf)"),
        (5e-10, "(0, 1)"),
        (-7e8, "(-inf, 0]"),
    ] {
        let m = market(&format!("({root:e}) / p + 0 * sum(h.q) == 1"), domain);
        let s = run(&m, &Behaviour::Random, &options(None, 2, 1));
        assert!((series(&s, "g.p")[0] / root - 1.0).abs() < 1e-12, "{root} in {domain}");
        assert_eq!(s.counts.not_cleared[0].count, 0, "{root} in {domain}");
    }
}

#[test]
fn a_price_that_clears_nothing_is_counted_and_told_with_what_is_left_over() {
    // (condition, jump, first excess given the price and the quantities)
    type Excess = fn(f64, f64) -> f64;
    let cases: [(&str, bool, Excess); 4] = [
        ("sum(h.q) == 100 + p", false, |p, q| q - 100.0 - p),
        ("50 - p == sum(h.q)", false, |p, q| 50.0 - p - q),
        ("(if p > 3 then 1 else -1) * (1 + sum(h.q)) == 0", true, |p, q| {
            (if p > 3.0 { 1.0 } else { -1.0 }) * (1.0 + q)
        }),
        ("sum(h.q) * log(0 - p) == p", false, |_, _| f64::NAN),
    ];
    for (condition, jump, excess) in cases {
        let s = run(
            &market(condition, "[0.1, 10]"),
            &Behaviour::Random,
            &options(None, 20, 2),
        );
        let c = &s.counts.not_cleared[0];
        assert_eq!((c.asked, c.count, c.several), (40, 40, 0), "{condition}");
        let first = c.first.as_ref().expect("a first time");
        let q = series(&s, "h.q[1]")[0] + series(&s, "h.q[2]")[0];
        assert_eq!((first.period, first.jump, first.value), (0, jump, series(&s, "g.p")[0]));
        let right = excess(first.value, q);
        assert!(
            first.excess == right || (first.excess - right).abs() < 1e-12 || right.is_nan() && first.excess.is_nan()
        );
        let error = c.error().expect("an error");
        assert!(error.code == "E0830" && error.primary.is_some());
    }
    // Now and then: where the buyers want little.
    let s = run(
        &market("sum(h.q) - 1 == p", "[0, 10]"),
        &Behaviour::Random,
        &options(None, 200, 1),
    );
    let (a, b) = (series(&s, "h.q[1]"), series(&s, "h.q[2]"));
    let missed = (0..200).filter(|t| a[*t] + b[*t] - 1.0 < 0.0).count() as u64;
    assert!(missed > 20 && s.counts.not_cleared[0].count == missed);
}

#[test]
fn several_prices_are_a_warning_with_their_number() {
    for condition in [
        "sum(h.q) * 0 * p == 0 * p",
        "(p - 2) * (p - 5) * (p - 6) * sum(h.q) == 0",
        "max(p - 4, 0) == 0 * sum(h.q)",
    ] {
        let s = run(
            &market(condition, "[0.1, 10]"),
            &Behaviour::Random,
            &options(None, 10, 1),
        );
        let c = &s.counts.not_cleared[0];
        assert_eq!((c.count, c.several), (0, 10), "{condition}");
        assert!(c.error().is_none() && c.warning().is_some_and(|w| w.code == "W0830"));
    }
}

#[test]
fn poles_are_no_prices_and_what_touches_is_one() {
    // (condition, clears, several, the price where it clears)
    let cases = [
        ("(p - 3)^2 * (1 + sum(h.q)) == 0", true, false, 3.0),
        ("(p - 3)^2 == 0.01 * (0 - 1 - sum(h.q))", false, false, f64::NAN),
        ("1 / (p - 3.1) == 0.5 + 0 * sum(h.q)", true, false, 5.1),
        ("1 / (p - 3.1) == 0 - 0.5 + 0 * sum(h.q)", true, false, 1.1),
        ("1 / (p - 3.1) == 0.001 + 0 * sum(h.q)", false, false, f64::NAN),
        ("sin(50 * p) == 0 * sum(h.q)", true, true, 0.12566370614359174),
        ("(p - 0.1) * inf == 1 + sum(h.q)", false, false, f64::NAN),
    ];
    for (condition, clears, several, price) in cases {
        let s = run(
            &market(condition, "[0.1, 10]"),
            &Behaviour::Random,
            &options(None, 10, 1),
        );
        let c = &s.counts.not_cleared[0];
        assert_eq!((c.count == 0, c.several == 10), (clears, several), "{condition}: {c:?}");
        let found = series(&s, "g.p")[0];
        assert!(!clears || (found - price).abs() < 1e-6, "{condition}: {found}");
    }
}

#[test]
fn nobody_solves_or_learns_with_a_price_that_clears_nothing() {
    let text = "
model one
agent a {
  state k in [0.1, 10], start 1
  action s in [0.05, 0.9]
  k' = 0.5 * k + s
  observe k
  reward log(1 - s) * p + k
  discount 0.9
}
market g { price p in [0.1, 2] clears p == WHAT }
";
    let never = model(&text.replace("WHAT", "100 + a.k"));
    let failed = driver::solve(&never, &driver::Request::default(), &mut silent).expect_err("no price");
    assert!(failed.iter().all(|d| d.code == "E0831"), "{failed:?}");
    // With room for the price the same economy is solved; what is not feasible is not chosen.
    let always = model(&text.replace("WHAT", "0.1 + 0.01 * a.k + a.s"));
    let s = solve(&always);
    assert!(
        !s.certificate.reasons.iter().any(|d| d.code.contains("083")),
        "{:?}",
        s.certificate.reasons
    );

    use econc::env::VectorEnvironment;
    use econc::env::vector::{GameOptions, Sitting, Vectorised};
    let asked = GameOptions {
        seats: Sitting::only(false),
        others: Behaviour::Random.into(),
        scenario: None,
        worlds: 2,
        together: 1,
        alike: false,
        periods: Some(5),
    };
    let mut env = Vectorised::new(&never, &asked).expect("an environment");
    let actions = vec![0.0; env.slots()];
    env.step(&actions, &[]);
    assert_eq!(env.take_failure().expect("a failure").code, "E0830");
}

// ---- Domains, numbers that are none, requirements

#[test]
fn every_state_is_judged_whether_or_not_a_reward_reads_it() {
    let text = "
model m
agent a {
  state k in [0.1, 10], start START
  action s in [0, 1)
  k' = LAW
  reward s
  discount 0.9
}
";
    let m = |start: &str, law: &str| model(&text.replace("START", start).replace("LAW", law));
    // 1, 2, 4, 8, then outside.
    let s = run(&m("1", "k * 2"), &Behaviour::Random, &options(None, 10, 1));
    assert_eq!(s.counts.outside[0], (7, 16.0));
    for law in ["log(0 - k)", "1 / (k - 1)"] {
        let failed = simulate(
            &m("1", law),
            &Behaviour::Random.into(),
            &options(None, 10, 1),
            &mut |_, _| true,
        );
        assert_eq!(failed.expect_err("no number").code, "E0903", "{law}");
    }
}

#[test]
fn a_number_that_is_none_is_an_error_each_time() {
    use econc::env::worlds::Worlds;
    let m = model(
        "model m\nagent a {\n state k in [-1e9, 1e9], start 1\n action s in [0, 1]\n k' = log(0 - k)\n reward s\n discount 0.9\n}\n",
    );
    let mut w = Worlds::new(&m, None, 2, 1, &[]).expect("worlds");
    for seed in 0..3 {
        w.reseed(seed).expect("a new start");
        let bounds = w.bounds(0).expect("bounds");
        let bounds: Vec<_> = bounds.into_iter().enumerate().collect();
        assert_eq!(w.step(&bounds).expect_err("no number").code, "E0903", "seed {seed}");
    }
}

#[test]
fn requirements_are_met_together_or_the_run_stops() {
    let text = "
model m
agent a {
  action x in [0, 10]
  action y in [0, 10]
  require FIRST
  require x + y <= 3
  reward x + y
}
";
    let m = model(&text.replace("FIRST", "x <= 2"));
    let fixed = Behaviour::Fixed(vec![("x".into(), 2.5), ("y".into(), 9.0)]);
    let s = run(&m, &fixed, &options(None, 3, 1));
    assert!(series(&s, "a.x")[0] <= 2.0 && series(&s, "a.x")[0] + series(&s, "a.y")[0] <= 3.0 + 1e-9);
    // What the second asks for breaks the first.
    let m = model(&text.replace("FIRST", "x >= 2"));
    let failed = simulate(&m, &fixed.into(), &options(None, 3, 1), &mut |_, _| true);
    assert_eq!(failed.expect_err("no action").code, "E0832");
}

// ---- Mixed choices

#[test]
fn choices_with_taste_shocks_are_drawn() {
    let m = model(
        "model logit\nagent w {\n action d in {a, b, c} taste gumbel(2)\n reward if d == a then 0 else if d == b then 1 else 3\n}\n",
    );
    let behaviour = Behaviour::Solved(std::sync::Arc::new(solve(&m).solution));
    let s = run(&m, &behaviour, &options(None, 40_000, 1));
    // Logit with scale 2: the expected reward, and its standard deviation a period.
    let weights = [1.0f64, 0.5f64.exp(), 1.5f64.exp()];
    let total: f64 = weights.iter().sum();
    let mean = (weights[1] + 3.0 * weights[2]) / total;
    let square = (weights[1] + 9.0 * weights[2]) / total;
    let got = s
        .moments
        .iter()
        .find(|x| x.name.starts_with("w.reward") || x.name == "reward(w)");
    let got = got.map_or(s.returns[0].total / 40_000.0, |x| x.mean);
    let error = ((square - mean * mean) / 40_000.0).sqrt();
    assert!((got - mean).abs() < 4.0 * error, "{got}, not {mean}");
    let greedy = run(
        &m,
        &behaviour,
        &SimulationOptions {
            greedy: true,
            ..options(None, 100, 1)
        },
    );
    assert_eq!(greedy.returns[0].total, 300.0);
}

#[test]
fn what_goes_with_a_choice_follows_the_choice_that_is_drawn() {
    let m = model(
        "
model both
agent w {
  state k in [0, 1], start 0.5
  action d in {low, high} taste gumbel(1)
  action x in [0, 10]
  k' = 0.5 * k + 0.25
  observe k
  reward -(x - (if d == high then 3 + k else 1))^2
  discount 0.9
}
",
    );
    let s = run(
        &m,
        &Behaviour::Solved(std::sync::Arc::new(solve(&m).solution)),
        &options(None, 400, 1),
    );
    let (d, x, k) = (series(&s, "w.d"), series(&s, "w.x"), series(&s, "w.k"));
    for t in 0..400 {
        let right = if d[t] == 1.0 { 3.0 + k[t] } else { 1.0 };
        assert!((x[t] - right).abs() < 1e-4, "period {t}: {} with choice {}", x[t], d[t]);
    }
    let high = d.iter().filter(|d| **d == 1.0).count();
    assert!((140..260).contains(&high), "{high} of 400");
}

// ---- Lives

#[test]
fn sums_are_those_of_a_life_discounted_by_the_model() {
    let m = model(
        "model l\nhorizon 3\nagent a {\n action s in [0, 1]\n reward 1 + t - 1e-14 * s\n discount 0.5 + 0.1 * t\n}\n",
    );
    let s = run(&m, &Behaviour::Random, &options(None, 7, 2));
    let r = &s.returns[0];
    // 1, then 0.5 * 2, then 0.5 * 0.6 * 3.
    assert!(
        (r.total - 6.0).abs() < 1e-12 && (r.discounted - 2.9).abs() < 1e-12,
        "{r:?}"
    );
    assert_eq!((r.lives, r.cut_off), (4, 0));
    // What an end pays is discounted like the value in whose place it stands.
    let m = model(
        "model e\nagent a {\n state k in 0..5, start 0\n action s in [0, 1]\n k' = min(k + 1, 5)\n reward 1 - 1e-14 * s\n discount 0.9\n end when k == 2, paying 10\n}\n",
    );
    let r = &run(&m, &Behaviour::Random, &options(None, 9, 1)).returns[0];
    assert!((r.total - 13.0).abs() < 1e-12, "{r:?}");
    assert!(
        (r.discounted - (1.0 + 0.9 + 0.81 + 0.729 * 10.0)).abs() < 1e-12,
        "{r:?}"
    );
    assert_eq!((r.lives, r.cut_off), (2, 0));
    // A world that never ends is one life that is cut off.
    let m = model(
        "model f\nagent a {\n state k in [0, 1], start 0\n action s in [0, 1]\n k' = k\n reward 1 - 1e-14 * s\n discount 0.5\n}\n",
    );
    let r = &run(&m, &Behaviour::Random, &options(None, 60, 1)).returns[0];
    assert!(
        (r.discounted - 2.0).abs() < 1e-12 && (r.total - 60.0).abs() < 1e-9,
        "{r:?}"
    );
    assert_eq!((r.lives, r.cut_off), (1, 1));
}

/// A life goes on with probability .98: it earns 50 in the mean, and 1 / (1 - .9 * .98) discounted. The lives that end within 300 periods are too short.
#[test]
fn lives_of_any_length_count_alike() {
    let m = model(
        "model g\nagent a {\n state gone in 0..1, start 0\n action s in [0, 1]\n noise stop ~ bernoulli(0.02)\n gone' = stop\n reward 1 - 1e-14 * s\n \
         discount 0.9\n end when stop == 1\n}\n",
    );
    let r = &run(&m, &Behaviour::Random, &options(None, 600, 2000)).returns[0];
    // Of the lives begun in the first half 2000 * (1 + 299 * .02).
    assert!((r.lives as f64 / 13_960.0 - 1.0).abs() < 0.05, "{r:?}");
    assert!(r.cut_off < r.lives / 100, "{r:?}");
    assert!((r.total - 50.0).abs() < 4.0 * r.error && r.error < 1.0, "{r:?}");
    assert!((r.discounted - 1.0 / (1.0 - 0.9 * 0.98)).abs() < 0.1, "{r:?}");
}

#[test]
fn members_live_their_own_lives() {
    let m = model(
        "model p\nagent a[3] {\n state k in 0..9, start 0\n action s in [0, 1]\n k' = k + 1\n reward 1 - 1e-14 * s\n discount 0.5\n end when k == 3, then restart\n}\n",
    );
    let r = &run(&m, &Behaviour::Random, &options(None, 10, 2)).returns[0];
    assert!(
        (r.total - 4.0).abs() < 1e-12 && (r.discounted - 1.875).abs() < 1e-12,
        "{r:?}"
    );
    assert_eq!((r.lives, r.cut_off), (12, 0));
}

// ---- Refused when the file is read

#[test]
fn chains_that_lead_nowhere_and_choices_without_an_end_are_refused() {
    let code = |text: &str| {
        let (_, messages) = compile(text, &econc::Options::default());
        messages.iter().map(|d| d.code.clone()).collect::<Vec<_>>()
    };
    let chain = |rows: &str| {
        format!(
            "model m\nshock z ~ markov([a: 0, b: 1], unchecked({rows}))\nagent w {{\n action s in [0, 1)\n observe z\n reward s + z\n}}\n"
        )
    };
    assert!(
        !code(&chain("[[0.5, 0.49], [0.2, 0.8]]"))
            .iter()
            .any(|c| c.starts_with('E'))
    );
    assert_eq!(code(&chain("[[0, 0], [0, 0]]"))[0], "E0601");
    assert_eq!(code(&chain("[[1.5, 0], [0.2, 0.8]]"))[0], "E0605");
    assert_eq!(
        code("model m\nagent a {\n action d in 0..inf\n reward d\n}\n")[0],
        "E0833"
    );
}

/// Shocks that move together, V = A V A' + S S': variances .0444 and .1111, from the first period on.
#[test]
fn a_vector_process_starts_and_stays_in_its_stationary_law() {
    let m = model(
        "set here = {a, b}\nshock x[here] ~ var1([[0.5, 0.3], [0, 0.8]], [[0.1, 0], [0, 0.2]])\n\
         agent w { state k in 0..1, start 0; action d in 0..1; k' = d; observe k, x; reward sum(x) * d; discount 0.9 }\n",
    );
    let both = (0.5f64 * (0.04 / 0.9 + 0.04 / 0.36)).sqrt();
    for (periods, worlds) in [(1, 20_000), (100, 1000)] {
        let s = run(&m, &Behaviour::Random, &options(None, periods, worlds));
        let x = s.moments.iter().find(|m| m.name == "x").expect("moments of x");
        assert!(
            (x.sd / both - 1.0).abs() < 0.03,
            "{periods}: {} in place of {both}",
            x.sd
        );
        assert!(x.mean.abs() < 0.02, "{}", x.mean);
    }
}

/// What a requirement forbids is moved to the lower bounds, the middles, the upper bounds or another corner, whichever allows it
/// first, each world by itself.
#[test]
fn a_choice_that_is_forbidden_moves_to_whichever_end_allows_it() {
    let text = |requirement: &str| {
        format!(
            "agent a {{\n  state x in [0, 10], start uniform(0, 10)\n  action p in [0, 4]\n  action q in [0, 4]\n  x' = x\n  observe \
             x\n  require {requirement}\n  reward p - 0.001 * q\n  discount 0.9\n}}\n"
        )
    };
    let ends = |requirement: &str, p: f64, q: f64| {
        let model = model(&text(requirement));
        let fixed = Behaviour::Fixed(vec![("p".into(), p), ("q".into(), q)]);
        let run = run(&model, &fixed, &options(None, 1, 200));
        run.returns[0].total
    };
    // Upper bounds alone allow it, or a corner alone.
    let earned = ends("p + q >= 7", 2.0, 2.0);
    assert!((earned - 3.4965).abs() < 1e-7, "{earned}");
    let earned = ends("p - q >= 3.5", 2.0, 2.0);
    assert!((earned - 3.74975).abs() < 1e-4, "{earned}");
    let earned = ends("q - p >= 3.5", 2.0, 2.0);
    assert!((earned - 0.24625).abs() < 1e-4, "{earned}");
    // Low x asks for much, high x for little: both ends are needed, in different worlds.
    let earned = ends("(if x < 5 then p - 3.6 else 0.4 - p) >= 0", 2.0, 0.0);
    assert!((1.6..2.4).contains(&earned), "{earned}");
}

/// Where a requirement binds two actions, the nearest point that meets it is played, distances in widths of their ranges.
#[test]
fn two_actions_move_to_the_nearest_point_that_a_requirement_allows() {
    let text = "agent a {\n  state k in [0, 1], start 0.01065\n  action n in [0, 1]\n  action c in [0, 1]\n  k' = k\n  observe k\n  \
                require c <= k + 0.84 * n\n  reward c + 10 * n\n  discount 0.9\n}\n";
    let m = model(text);
    for (n, c) in [(0.639911, 0.5485), (0.6399, 0.5582), (0.2, 0.6)] {
        let fixed = Behaviour::Fixed(vec![("n".into(), n), ("c".into(), c)]);
        let s = run(&m, &fixed, &options(None, 1, 1));
        // The foot of the perpendicular on c = k + w n.
        let (k, w): (f64, f64) = (0.01065, 0.84);
        let over = (c - k - w * n).max(0.0) / (1.0 + w * w);
        let (n, c) = (n + w * over, c - over);
        let (n1, c1) = (series(&s, "a.n")[0], series(&s, "a.c")[0]);
        assert!((n1 - n).abs() < 1e-9 && (c1 - c).abs() < 1e-9, "{n1} {c1} for {n} {c}");
    }
}

/// Whole numbers and choices move to whole numbers and choices.
#[test]
fn what_is_whole_stays_whole_where_a_requirement_moves_it() {
    let head = "agent a {\n  state x in 0..5, start 0\n";
    let tail = "  observe x\n  reward 1\n  discount 0.9\n}\n";
    for (requirement, asked, played) in [
        ("4 * q <= 10", 3.0, 2.0),
        ("q != 3", 3.0, 2.0),
        ("q >= 2", 0.0, 2.0),
        ("q < 3", 3.0, 2.0),
        ("q + 1 < 3", 3.0, 1.0),
        ("q > 1", 0.0, 2.0),
    ] {
        let m = model(&format!(
            "{head}  action q in 0..3\n  require {requirement}\n  x' = q\n{tail}"
        ));
        let fixed = Behaviour::Fixed(vec![("q".into(), asked)]);
        let s = run(&m, &fixed, &options(None, 2, 1));
        assert_eq!(series(&s, "a.q")[0], played, "{requirement}");
    }
    let words =
        "  action d in {lo, mid, hi}\n  require (if d == hi then 3 else if d == mid then 2 else 0) <= 1\n  x' = 0\n";
    let m = model(&format!("{head}{words}{tail}"));
    let s = run(&m, &Behaviour::Random, &options(None, 20, 1));
    assert!(series(&s, "a.d").iter().all(|d| *d == series(&s, "a.d")[0]));
}

/// A full name fixes that agent's action, whoever else has one of the same name; a short one fixes all.
#[test]
fn fixed_actions_are_those_of_the_agent_that_is_named() {
    let text = "agent a { action q in [0, 10]; reward q }\nagent b { action q in [0, 10]; reward q - a.q }\n";
    let fixed = |pairs: &[(&str, f64)]| {
        let pairs = pairs.iter().map(|(n, x)| (n.to_string(), *x)).collect();
        let s = run(&model(text), &Behaviour::Fixed(pairs), &options(None, 3, 1));
        [series(&s, "a.q")[0], series(&s, "b.q")[0]]
    };
    assert_eq!(fixed(&[("a.q", 4.0), ("b.q", 1.0)]), [4.0, 1.0]);
    assert_eq!(fixed(&[("q", 3.0)]), [3.0, 3.0]);
    let alone = fixed(&[("b.q", 2.0)]);
    assert!(alone[1] == 2.0 && alone[0] != 2.0, "{alone:?}");
}

/// A number that goes a little too far is trimmed; the choice beside it stays. Only where no number is allowed does the choice change.
#[test]
fn numbers_move_before_choices() {
    let text = |study: &str| {
        format!(
            "agent a {{\n  state x in [0, 9], start 0\n  action d in {{work, study}}\n  action c in [0.1, 5]\n  \
             require c <= (if d == work then 1 else {study})\n  x' = c\n  reward c\n  discount 0.9\n}}\n"
        )
    };
    for (study, played) in [("0.3", [1.0, 0.3]), ("0.05", [0.0, 0.8])] {
        let asked = Behaviour::Fixed(vec![("a.d".into(), 1.0), ("a.c".into(), 0.8)]);
        let s = run(&model(&text(study)), &asked, &options(None, 3, 2));
        assert_eq!(series(&s, "a.d")[0], played[0], "{study}");
        assert!(
            (series(&s, "a.c")[0] - played[1]).abs() < 1e-9,
            "{study}: {:?}",
            series(&s, "a.c")
        );
        assert_eq!(s.counts.binding[0], 6);
    }
}

/// A whole number below three is two at most; nothing is left where nothing is.
#[test]
fn strict_requirements_on_whole_numbers_leave_the_end_out() {
    let text = "agent a {\n  state x in 0..5, start 0\n  action q in 0..3\n  x' = min(q, 5)\n  require q < 3\n  reward q - 0.1 * x\n  \
                discount 0.9\n}\n";
    for (requirement, best) in [
        ("q < 3", 2.0),
        ("q + 1 < 4", 2.0),
        ("not (q >= 2)", 1.0),
        ("2 * q < 3", 1.0),
        ("3 > q", 2.0),
    ] {
        let s = solve(&model(&text.replace("q < 3", requirement)));
        assert!(
            s.solution.policy[0].iter().all(|q| *q == best),
            "{requirement}: {:?}",
            s.solution.policy
        );
    }
    let nothing = model(&text.replace("q < 3", "q > 3"));
    let failed = driver::solve(&nothing, &driver::Request::default(), &mut silent);
    let said = format!("{:?}", failed.expect_err("no choice"));
    assert!(said.contains("E0902"), "{said}");
}

/// Lives of nine periods, and of at most ten that a draw ends: how old one is, on average, where ages are counted in whole lives.
#[test]
fn moments_of_finite_lives_are_those_of_whole_lives() {
    let text = |horizon: usize, end: &str| {
        format!(
            "model m\nhorizon {horizon}\nagent a {{\n  state k in [0, 100], start 0\n  action d in [0, 1]\n  noise x ~ uniform(0, 1)\n  let age = t\n  \
             k' = k + 1\n  observe k\n  reward age - d\n  discount 0.9\n{end}}}\n"
        )
    };
    let moments = |s: &Simulation, name: &str| {
        let found = s.moments.iter().find(|m| m.name == name).expect("a row");
        (found.mean, found.sd)
    };
    let certain = model(&text(9, ""));
    for (periods, more) in [(9, 0), (10, 8), (30, 6), (36, 0)] {
        let s = run(&certain, &Behaviour::Random, &options(None, periods, 3));
        assert_eq!(s.averaged, Averaged::WholeLives(more), "{periods}");
        let (mean, sd) = moments(&s, "a.age");
        assert!(
            (mean - 4.0).abs() < 1e-12 && (sd - (60.0f64 / 9.0).sqrt()).abs() < 1e-12,
            "{periods}: {mean} {sd}"
        );
        assert_eq!(series(&s, "a.age").len(), periods);
    }
    // Fewer than a life: its beginning, and it is said.
    let s = run(&certain, &Behaviour::Random, &options(None, 5, 3));
    assert_eq!((s.averaged, moments(&s, "a.age").0), (Averaged::Beginnings(9), 2.0));
    // A life of T periods has ages 0 to T - 1: by the chances of T, the sum of ages over the sum of periods.
    let ends = model(&text(10, "  end when x < 0.3\n"));
    let (mut ages, mut length) = (0.0, 0.0);
    for t in 0..10 {
        let there = 0.7f64.powi(t);
        ages += there * f64::from(t);
        length += there;
    }
    let s = run(&ends, &Behaviour::Random, &options(None, 11, 40_000));
    let mean = moments(&s, "a.age").0;
    // The error of a mean over about 150000 lives; cut at the clock it is off by .4.
    assert!(
        (mean - ages / length).abs() < 0.012,
        "{mean}, right is {}",
        ages / length
    );
}

/// The last period of a life and the first of the next are no pair, and the mean that counts is that of all lives.
#[test]
fn autocorrelations_are_of_periods_in_one_life() {
    let text = |rest: &str| {
        format!(
            "model m\nshock e ~ markov([0, 1], [[0.95, 0.05], [0.05, 0.95]])\nagent a {{\n  state k in [0, 4], start 1\n  action x in [0, 1]\n  \
             noise die ~ bernoulli(0.3)\n  k' = clamp(0.5 * k + x, 0, 4)\n  observe k, e\n  reward e * x - x^2 + 0.1 * k - 0.01 * k^2\n  {rest}\n  discount 0.9\n}}\n"
        )
    };
    let found = |rest: &str, periods: usize, worlds: usize| {
        let model = model(&text(rest));
        let solved = solve(&model);
        let certified = solved
            .certificate
            .moments
            .iter()
            .find(|m| m.name == "e")
            .expect("moments of e");
        let solution = std::sync::Arc::new(solved.solution.clone());
        let simulation = run(&model, &Behaviour::Solved(solution), &options(None, periods, worlds));
        let simulated = simulation.moments.iter().find(|m| m.name == "e").expect("moments of e");
        (certified.autocorrelation, simulated.autocorrelation)
    };
    for rest in ["", "horizon 3", "horizon 6", "end when die == 1"] {
        let (certified, simulated) = found(rest, 400, 50);
        assert!((certified - 0.9).abs() < 0.02, "{rest}: {certified}");
        assert!((simulated - 0.9).abs() < 0.02, "{rest}: {simulated}");
    }
    // Many short worlds.
    assert!((found("", 5, 4000).1 - 0.9).abs() < 0.02);
    // Lives of one period have none.
    let (certified, simulated) = found("horizon 1", 400, 50);
    assert!(certified.is_nan() && simulated.is_nan(), "{certified} {simulated}");
}

/// What stands in the place of a member that has left counts in no moment; its last period does.
#[test]
fn members_that_left_count_in_no_moment() {
    // Each lives for three periods for sure, or leaves with a chance of .3; those who come again do not leave.
    let text = |ends: &str| {
        format!(
            "model m\nagent a[4] {{\n  noise die ~ bernoulli(0.3)\n  state k in [0, inf), start 1\n  action x in [0, 1]\n  k' = k + 1\n  observe k\n  \
             reward k + 0 * x\n  {ends}\n  discount 0.9\n}}\nlet together = sum(a.k)\n"
        )
    };
    let all = |ends: &str, periods: usize, worlds: usize| {
        run(&model(&text(ends)), &Behaviour::Random, &options(None, periods, worlds))
    };
    let mean = |s: &Simulation, name: &str| s.moments.iter().find(|m| m.name == name).expect("moments").mean;
    let sure = all("end when k >= 3, then leave", 40, 2);
    assert!((mean(&sure, "a.k") - 2.0).abs() < 1e-12 && (mean(&sure, "a.reward") - 2.0).abs() < 1e-12);
    let k = sure.moments.iter().find(|m| m.name == "a.k").expect("moments of k");
    assert_eq!((k.min, k.max), (1.0, 3.0));
    assert!(
        (k.sd - (2.0f64 / 3.0).sqrt()).abs() < 1e-12 && (k.autocorrelation - 1.0).abs() < 1e-12,
        "{k:?}"
    );
    // In the series they stand as long as they are there.
    let own = sure
        .series
        .iter()
        .find(|s| s.name == "a.k[2]")
        .expect("the series of a member");
    assert_eq!(own.values[..3], [1.0, 2.0, 3.0]);
    assert!(own.values[3..].iter().all(|x| x.is_nan()) && own.left[3..].iter().all(|left| *left));
    assert!(!own.left[..3].contains(&true) && own.left.len() == 40);
    let sum = sure
        .series
        .iter()
        .find(|s| s.name == "together")
        .expect("the sum's series");
    assert!(sum.left.is_empty() && sum.values.iter().all(|x| x.is_finite()));
    // Ages are geometric: 1 + .7 + .7^2 .. periods, and their squares.
    let chance = all("end when die, then leave", 60, 3000);
    assert!(
        (mean(&chance, "a.k") - 1.0 / 0.3).abs() < 0.1,
        "{:?}",
        mean(&chance, "a.k")
    );
    let again = all("end when k >= 3, then restart", 60, 2);
    assert!((mean(&again, "a.k") - 2.0).abs() < 1e-12);
}

/// Where a choice allows no number at all, another choice and a number that goes with it are taken, the nearest choice that has one.
#[test]
fn a_choice_that_allows_no_number_gives_way_to_one_that_does() {
    let text = "model m\nagent a {\n  state k in [0, 12], start 8\n  action d in {small, middle, big}\n  action x in [0, 3]\n  \
                require (d == small and x <= 0.5) or (d == middle and x + k <= 4) or (d == big and x >= 1.8 and x + 0.5 * k <= 5)\n  \
                k' = k\n  reward x\n  discount 0.9\n}\n";
    let s = run(&model(text), &Behaviour::Random, &options(None, 200, 1));
    let of = |name: &str| &s.series.iter().find(|s| s.name == name).expect("a series").values;
    // Neither with the middle choice nor with the big one is any number allowed where 8 stand.
    assert!(of("a.d").iter().all(|d| *d == 0.0), "{:?}", of("a.d"));
    assert!(of("a.x").iter().all(|x| (0.0..=0.5).contains(x)), "{:?}", of("a.x"));
    // Numbers that were allowed stay where they were asked for.
    assert!(of("a.x").iter().any(|x| *x > 0.0 && *x < 0.5));
}
