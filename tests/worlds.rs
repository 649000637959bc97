//! Worlds that run as their files say: scripted paths under solved policies, markets that clear or say that they do not, domains, draws
//! and sums over lives. What is right is computed here, by closed forms or by arithmetic of the test's own.

use econc::env::behaviour::Behaviour;
use econc::env::simulate::{Options, Simulation, simulate};
use econc::solve::progress::Control;
use econc::verify::solved::{self, Solved};
use econc::{Model, compile};

fn model(text: &str) -> Model {
    let (model, messages) = compile(text, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{messages:?}"))
}

fn solve(model: &Model) -> Solved {
    solved::solve(model, &solved::Options::default(), &mut |_| Control::Continue).unwrap_or_else(|e| panic!("{e:?}"))
}

fn options(scenario: Option<&str>, periods: usize, worlds: usize) -> Options {
    Options {
        scenario: scenario.map(String::from),
        periods: Some(periods),
        worlds,
        seed: 1,
        on_chain: false,
    }
}

fn run(model: &Model, behaviour: &Behaviour, options: &Options) -> Simulation {
    simulate(model, behaviour, options, &mut |_, _| true).unwrap_or_else(|e| panic!("{e:?}"))
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
    let behaviour = Behaviour::Solved(Box::new(solve(&m).solution));
    for on_chain in [false, true] {
        let asked = Options {
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
    let behaviour = Behaviour::Solved(Box::new(solve(&m).solution));
    let distinct = |on_chain: bool| {
        let s = run(
            &m,
            &behaviour,
            &Options {
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
        &Behaviour::Solved(Box::new(solution.clone())),
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
        &Behaviour::Solved(Box::new(solve(&one).solution)),
        &options(None, 20, 1),
    );
    for (a, b) in series(&s, "h.k[1]").iter().zip(series(&alone, "h.k")) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    assert!((series(&s, "h.k[2]")[0] - 0.7).abs() < 1e-15);
    assert!(series(&s, "h.s[1]") != series(&s, "h.s[2]"));
}
