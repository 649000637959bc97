//! States that count (ages, seasons): each solved after the one it leads to, populations of all ages, bequests that are shared out.

use crate::common::expected;
use econc::Options;
use econc::check::Model;
use econc::driver::{self, Solved};
use econc::solve::continuum::population::{Population, SHARES};
use econc::solve::continuum::stationary::Stationary;
use econc::solve::economy::Economy;
use econc::solve::equilibrium::{EquilibriumMethod, Found};
use econc::solve::progress::silent;
use econc::solve::solution::Solution;
use std::fs;
use std::path::Path;

fn compile(source: &str, set: &[(&str, &str)]) -> Model {
    let options = Options {
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..Options::default()
    };
    let (model, diagnostics) = econc::compile(source, &options);
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn solved(model: &Model) -> Solved {
    driver::solve(model, &driver::Request::default(), &mut silent).unwrap_or_else(|d| panic!("{d:?}"))
}

fn price(p: &Population, name: &str) -> f64 {
    let found = p.prices.iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("{name}: {:?}", p.prices)).1
}

/// The value of the solution nearest to whole numbers `count` and a number `a`, in the first joint state of the chains; `of` is read.
fn at(s: &Solution, of: &[f64], place: &[f64], shock: usize) -> f64 {
    let mut node = 0;
    for (state, x) in s.states.iter().zip(place) {
        let off = |i: &usize| (state.nodes[*i] - x).abs();
        let i = (0..state.nodes.len())
            .min_by(|i, j| off(i).total_cmp(&off(j)))
            .expect("nodes");
        node = node * state.nodes.len() + i;
    }
    of[node * s.shocks() + shock]
}

/// Somebody who saves; `more` and `income` say what differs, `count` are the whole numbers.
fn saver(count: &str, more: &str, income: &str) -> String {
    format!(
        "model saver \"s\"\nagent saver {{\n  {count}\n  state a in [0, 40], start 1\n  shock z ~ markov([low: 0.5, high: 1.5], [[0.8, 0.2], [0.3, 0.7]])\n  \
         {more}\n  let cash = 1.03 * a + {income}\n  action c in (0, cash]\n  a' = cash - c\n  reward log(c)\n  discount 0.93\n}}\n\
         solve {{ grid.a = double_log(0, 40, 200); tolerance = 1e-9 }}\n"
    )
}

/// What counts, solved one after another, is worth what value iteration over all of it says.
fn agrees(source: &str, places: &[[f64; 2]]) {
    let ages = solved(&compile(source, &[]));
    assert!(
        ages.solution.method.contains("endogenous grid"),
        "{}",
        ages.solution.method
    );
    let whole = solved(&compile(source, &[("method", "value_iteration"), ("edges", "1")]));
    for place in places {
        for shock in 0..2 {
            let of = |s: &Solved| {
                let (v, c) = (&s.solution.value, &s.solution.policy[0]);
                (at(&s.solution, v, place, shock), at(&s.solution, c, place, shock))
            };
            let ((v, c), (w, d)) = (of(&ages), of(&whole));
            assert!(
                (v - w).abs() < 1e-4 * (1.0 + w.abs()),
                "{place:?}, {shock}: {v} for {w}"
            );
            assert!(
                (c - d).abs() < 2e-3 * (1.0 + d.abs()),
                "{place:?}, {shock}: {c} for {d}"
            );
        }
    }
}

#[test]
fn lives_that_end_go_backward_from_the_last_age() {
    let life = saver(
        "state age in 1..5, start 1",
        "noise alive ~ bernoulli(if age < 5 then 1 - 0.05 * age else 0)\n  age' = min(age + 1, 5)\n  end when not alive",
        "z * (if age < 4 then 1 else 0.4)",
    );
    agrees(&life, &[[1.0, 0.5], [3.0, 2.0], [4.0, 5.0], [5.0, 1.0]]);
    // Who is ill may die, whatever the age; the last age goes on.
    let ill = saver(
        "state age in 1..3, start 1",
        "noise alive ~ bernoulli(if z > 1 then 0.98 else 0.9)\n  age' = min(age + 1, 3)\n  end when not alive",
        "z / age",
    );
    agrees(&ill, &[[1.0, 0.5], [2.0, 2.0], [3.0, 5.0]]);
}

#[test]
fn seasons_go_round() {
    let seasons = saver(
        "state season in 0..3, start 0",
        "season' = if season == 3 then 0 else season + 1",
        "z * (if season == 2 then 3 else 0.5)",
    );
    agrees(&seasons, &[[0.0, 0.5], [1.0, 2.0], [2.0, 5.0], [3.0, 1.0]]);
}

/// Three ages, an income at the first, no interest: consumption is a share of wealth at each age, and bequests solve one equation.
const COHORTS: &str = "model cohorts \"Three ages\"\nparam beta = 0.9\nset ages = 1..3\nparam survive[a in ages] = if a == 1 then 0.8 else (if a == 2 then 0.5 else 0)\n\
    param income[a in ages] = if a == 1 then 3 else 0\nstate bequest in [0, inf), start 0.1\nbequest' = mean(if person.alive then 0 else person.a')\n\
    agent person[continuum] {\n  state age in ages, start 1\n  state a in [0, inf), start 0\n  noise alive ~ bernoulli(survive[age])\n  \
    let cash = a + income[age] + bequest\n  action c in (0, cash]\n  a' = cash - c\n  age' = min(age + 1, 3)\n  end when not alive, then restart\n  \
    observe a, age, bequest\n  reward log(c)\n  discount beta\n}\nsolve { tolerance = 1e-10 }\n";

fn found(model: &Model) -> Found {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    Stationary
        .solve(&economy, 1, &mut silent)
        .unwrap_or_else(|d| panic!("{}: {d:?}", model.name))
}

#[test]
fn bequests_of_three_ages_are_those_of_the_closed_form() {
    let (beta, s, t) = (0.9, 0.8, 0.5);
    let share = 1.0 / (1.0 + beta * s + beta * beta * s * t);
    // What people of each age have next, for a bequest `b`.
    let saved = |b: f64| {
        let first = share * (3.0 + 3.0 * b);
        let one = 3.0 + b - first;
        (one, one + b - beta * s * first, first)
    };
    let heads = 1.0 + s + s * t;
    let left = |b: f64| ((1.0 - s) * saved(b).0 + s * (1.0 - t) * saved(b).1) / heads;
    let slope = left(1.0) - left(0.0);
    let bequest = left(0.0) / (1.0 - slope);
    let found = found(&compile(COHORTS, &[]));
    let p = found.population.expect("a population");
    let got = price(&p, "bequest");
    assert!((got - bequest).abs() < 1e-6, "{got} for {bequest}");
    let ages = &p.profiles[0];
    assert_eq!(
        (ages.state.as_str(), ages.values.as_slice()),
        ("person.age", &[1.0, 2.0, 3.0][..])
    );
    let (one, two, first) = saved(bequest);
    for (i, share) in [1.0, s, s * t].iter().enumerate() {
        assert!((ages.share[i] - share / heads).abs() < 1e-12, "{:?}", ages.share);
    }
    for (what, age, x) in [
        ("person.a", 2.0, one),
        ("person.a", 3.0, two),
        ("person.c", 1.0, first),
        ("person.c", 3.0, two + bequest),
    ] {
        let got = ages.mean(what, Some(age)).expect("a mean");
        assert!((got - x).abs() < 1e-5, "{what} at {age}: {got} for {x}");
    }
    // A quantile of ages is an age.
    let quantiles = &p.spread[0].quantiles;
    assert!(quantiles.iter().all(|q| q.fract() == 0.0), "{quantiles:?}");
}

#[test]
fn the_rows_of_life_cycle() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/life_cycle.econ");
    let model = compile(&fs::read_to_string(file).expect("a model"), &[]);
    let s = solved(&model);
    let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(s.certificate.passed, "{reasons:?}");
    let p = s.population.as_ref().expect("a population");
    let ages = &p.profiles[0];
    for row in expected::of_model("life_cycle") {
        let inner = |text: &str| {
            text.trim_start_matches("mean(")
                .split(')')
                .next()
                .unwrap_or("")
                .to_string()
        };
        let got = match (row.what.as_str(), row.what.split_once(" when age = ")) {
            ("bequest", _) => price(p, "bequest"),
            ("age with the most assets", _) => {
                let assets = |v: &f64| ages.mean("person.a", Some(*v)).unwrap_or(f64::NAN);
                let most = ages.values.iter().max_by(|a, b| assets(a).total_cmp(&assets(b)));
                *most.expect("ages")
            }
            ("person.c", _) => {
                assert_eq!(row.at, "age = 40, a = 10, z = 0");
                let reader = |a: f64| {
                    let nodes = &s.solution.states[1].nodes;
                    let i = nodes.partition_point(|x| *x <= a) - 1;
                    let t = (a - nodes[i]) / (nodes[i + 1] - nodes[i]);
                    let middle = s.solution.shocks() / 2;
                    let c = |i: usize| at(&s.solution, &s.solution.policy[0], &[40.0, nodes[i]], middle);
                    (1.0 - t) * c(i) + t * c(i + 1)
                };
                reader(10.0)
            }
            (_, Some((mean, age))) => {
                let age: f64 = age.parse().expect("an age");
                ages.mean(&inner(mean), Some(age)).expect("a mean")
            }
            (mean, None) => ages.mean(&inner(mean), None).unwrap_or_else(|| panic!("{mean}")),
        };
        assert!(row.met(got), "{} {}: {got} for {}", row.what, row.at, row.value);
    }
}

/// Lives of `years` without draws but of death, an income that falls with age, gross interest `gross`: consumption is a share of wealth at each age.
fn certain_life(years: usize, survive: f64, gross: f64) -> (String, Vec<(f64, f64)>) {
    let beta: f64 = 0.9;
    let source = format!(
        "model certain \"Lives without draws\"\nset ages = 1..{years}\nparam survive[a in ages] = if a < {years} then {survive} else 0\n\
         param income[a in ages] = if a == 1 then 3 else (if a == 2 then 1 else 0.1)\nagent person[continuum] {{\n  state age in ages, start 1\n  \
         state a in [0, 8], start 0\n  noise alive ~ bernoulli(survive[age])\n  let cash = {gross} * a + income[age]\n  action c in (0, cash]\n  \
         a' = cash - c\n  age' = min(age + 1, {years})\n  end when not alive, then restart\n  observe a, age\n  \
         reward log(c) + 0 * mean(person.a)\n  discount {beta}\n}}\n"
    );
    // Consumption grows by beta * survive * gross; what lives earn pays for it.
    let grows = beta * survive * gross;
    let worth: f64 = (0..years).map(|t| (grows / gross).powi(t as i32)).sum();
    let income = |t: usize| *[3.0, 1.0].get(t).unwrap_or(&0.1);
    let earned: f64 = (0..years).map(|t| income(t) / gross.powi(t as i32)).sum();
    let mut c = earned / worth;
    let (mut a, mut alive, mut all) = (0.0, 1.0, Vec::new());
    for t in 0..years {
        all.push((a, alive));
        a = gross * a + income(t) - c;
        c *= grows;
        alive *= survive;
    }
    let heads: f64 = all.iter().map(|p| p.1).sum();
    all.iter_mut().for_each(|p| p.1 /= heads);
    (source, all)
}

#[test]
fn members_who_stand_at_few_places_are_said_to_stand_there() {
    for (years, survive, gross) in [(3, 1.0, 1.02), (4, 0.9, 1.0), (6, 0.8, 1.1)] {
        let (source, all) = certain_life(years, survive, gross);
        let s = solved(&compile(&source, &[]));
        assert!(s.certificate.reasons.is_empty(), "{years}: {:?}", s.certificate.reasons);
        let spread = &s.population.as_ref().expect("a population").spread;
        let spread = spread.iter().find(|x| x.name.ends_with(".a")).expect("a state");
        let mut places = all.clone();
        places.sort_by(|x, y| x.0.total_cmp(&y.0));
        for (p, got) in SHARES.iter().zip(&spread.quantiles) {
            let mut through = 0.0;
            let here = places.iter().find(|x| {
                through += x.1;
                through >= *p
            });
            let here = here.expect("somebody").0;
            assert!((got - here).abs() < 2e-4, "{years}, {p}: {got} for {here}");
        }
        let pairs = all.iter().flat_map(|x| all.iter().map(move |y| (x, y)));
        let apart: f64 = pairs.map(|(x, y)| x.1 * y.1 * (x.0 - y.0).abs()).sum();
        let mean: f64 = all.iter().map(|x| x.0 * x.1).sum();
        let gini = apart / (2.0 * mean);
        assert!((spread.gini - gini).abs() < 2e-4, "{years}: {} for {gini}", spread.gini);
        assert!(
            (spread.mean - mean).abs() < 1e-4 * mean,
            "{years}: {} for {mean}",
            spread.mean
        );
    }
}
