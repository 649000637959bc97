//! The rules of the language on programs that are accepted: phases, shapes, observations, values.

use super::{check_with, codes, good, good_with, show};
use econc::Model;
use econc::check::model::{Process, Space, Target};
use econc::graph::{InputKind, Phase, eval};

/// The phase of a name.
fn phase(m: &Model, name: &str) -> Phase {
    m.find(name).unwrap_or_else(|| panic!("no {name}")).phase
}

/// The values of a name at one point: inputs named in `at` have those values, all others 0.5.
fn value(m: &Model, name: &str, at: &[(&str, &[f64])]) -> Vec<f64> {
    let inputs: Vec<Vec<f64>> = m
        .graph
        .inputs
        .iter()
        .map(|i| match at.iter().find(|(n, _)| *n == i.name) {
            Some((_, xs)) => xs.to_vec(),
            None => vec![0.5; m.graph.elements(&i.shape)],
        })
        .collect();
    let values = eval::evaluate(&m.graph, &inputs).expect("a graph");
    values.nodes[m.find(name).unwrap_or_else(|| panic!("no {name}")).node.0 as usize].clone()
}

#[test]
fn phases_follow_from_what_a_name_uses() {
    let m = good(
        "shock z ~ ar1(rho: 0.9, sigma: 0.1)\nagent firm {\n noise e ~ normal(0, 1)\n action q in [0, 1]\n observe z\n \
         let a = exp(z)\n let b = a * q\n let c = b + e\n reward c\n}\nmarket m { price r = 2 * exp(z); price p = 1 - firm.q \
         }\nmarket n { aggregate T = p + r }\nagent taker { action x in [0, 1]; reward x * n.T * m.r }",
    );
    assert_eq!(phase(&m, "firm.a"), Phase::Dated);
    assert_eq!(phase(&m, "m.r"), Phase::Dated);
    assert_eq!(phase(&m, "firm.b"), Phase::Acted(0));
    assert_eq!(phase(&m, "m.p"), Phase::Acted(0));
    assert_eq!(phase(&m, "firm.c"), Phase::Cleared);
    assert_eq!(phase(&m, "n.T"), Phase::Acted(0));
    assert!(m.prices.iter().any(|p| p.name == "n.T" && p.aggregate));
}

#[test]
fn shapes_align_by_the_name_of_the_set() {
    let m = good(
        "set good = {bread, wine}\nparam cost[good] = [1, 2]\nagent household[3] {\n action q[good] in [0, 1]\n \
         let spent = sum(cost * q)\n reward spent - mean(household.spent) + q[wine]\n}",
    );
    assert_eq!(m.find("household.q").expect("q").shape, "household[3] x good[2]");
    assert_eq!(m.find("household.spent").expect("spent").shape, "household[3]");
    let q: &[f64] = &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
    assert_eq!(value(&m, "household.spent", &[("household.q", q)]), [1.0, 2.0, 3.0]);
    assert_eq!(value(&m, "household.reward", &[("household.q", q)]), [-1.0, 1.0, 2.0]);
}

#[test]
fn binders_arrays_and_members_count_from_one() {
    let m = good_with(
        "param N = 3\nparam y[a in 1..4] = a^2\nparam total = sum(y)\nparam third = y[3]\nagent firm[i in 1..N] {\n action q \
         in [0, 1]\n let mine = i * q\n let first = firm[1].q\n reward mine + first + total + third\n}",
        &[("N", "2")],
    );
    let of = |n: &str| m.params.iter().find(|p| p.name == n).expect("param").values.clone();
    assert_eq!(of("y"), [1.0, 4.0, 9.0, 16.0]);
    assert_eq!((of("total"), of("third")), (vec![30.0], vec![9.0]));
    let q: &[f64] = &[0.25, 1.0];
    assert_eq!(value(&m, "firm.mine", &[("firm.q", q)]), [0.25, 2.0]);
    assert_eq!(value(&m, "firm.first", &[("firm.q", q)])[0], 0.25);
}

#[test]
fn others_leave_out_my_own_number_and_keep_members_arrays_together() {
    let m = good(
        "set good = 1..2\nagent firm[3] {\n action q[good] in [0, 1]\n action p in [0, 1]\n let rivals = others(firm.p)\n let \
         most = sum(others(firm.q over good))\n reward sum(rivals) + p + q[1]\n}"
            .replace("let most = sum(others(firm.q over good))\n ", "")
            .as_str(),
    );
    let p: &[f64] = &[1.0, 2.0, 3.0];
    assert_eq!(
        value(&m, "firm.rivals", &[("firm.p", p)]),
        [2.0, 3.0, 1.0, 3.0, 1.0, 2.0]
    );
    let one = good("agent firm[1] {\n action p in [0, 1]\n let r = sum(others(firm.p))\n reward p + r\n}");
    assert_eq!(value(&one, "firm.r", &[]), [0.0]);
}

#[test]
fn others_of_a_kind_and_of_a_group() {
    let m = good(
        "kind firm {\n action p in [0, 1]\n let rivals = others(firm.p)\n reward p + sum(rivals)\n}\nagent big[2] is firm { \
         }\nagent small is firm { }",
    );
    let at: &[(&str, &[f64])] = &[("big.p", &[1.0, 2.0]), ("small.p", &[5.0])];
    assert_eq!(value(&m, "big.rivals", at), [2.0, 5.0, 1.0, 5.0]);
    assert_eq!(value(&m, "small.rivals", at), [1.0, 2.0]);
    let g = good(
        "group industry[2] {\n agent firm[2] {\n  action p in [0, 1]\n  let r = sum(others(firm.p))\n  reward p + r\n }\n}",
    );
    let p: &[f64] = &[1.0, 2.0, 3.0, 4.0];
    assert_eq!(
        value(&g, "industry.firm.r", &[("industry.firm.p", p)]),
        [2.0, 1.0, 4.0, 3.0]
    );
}

#[test]
fn a_kind_of_single_agents_and_of_unequal_masses() {
    let m = good(
        "kind household {\n action s in [0, 1]\n reward s * T\n}\nagent rich is household { }\nagent poor is household { \
         }\naggregate T = mean(household.s)",
    );
    assert_eq!(value(&m, "T", &[("rich.s", &[1.0]), ("poor.s", &[0.5])]), [0.75]);
    let source = "kind household {\n action s in [0, 1]\n reward s * T\n}\nagent rich[continuum] mass 0.25 is household { \
                  }\nagent poor[continuum] mass 0.75 is household { }\naggregate T = mean(household.s)";
    let m = good(source);
    let t = value(&m, "T", &[("rich.s", &[1.0; 1000]), ("poor.s", &[0.0; 1000])]);
    assert!((t[0] - 0.25).abs() < 1e-12, "{t:?}");
}

#[test]
fn a_continuum_becomes_a_number_on_request() {
    let source = "param N = continuum\nagent h[N] {\n action s in [0, 1]\n reward s - mean(h.s)\n}";
    let m = good(source);
    assert!(m.graph.axes.iter().any(|a| a.continuum && a.size == 1000));
    let m = good_with(source, &[("N", "7")]);
    assert!(m.graph.axes.iter().any(|a| !a.continuum && a.size == 7));
    let (_, unknown) = check_with(source, &[("M", "7")]);
    assert_eq!(unknown.len(), 1);
    assert_eq!(unknown[0].code, "E0802");
    let (_, fraction) = check_with(source, &[("N", "2.5")]);
    assert_eq!(fraction[0].code, "E0406", "{}", show(&fraction));
    let (_, huge) = check_with(source, &[("N", "1e9")]);
    assert_eq!(huge[0].code, "E0406", "{}", show(&huge));
    assert!(show(&huge).contains("at most 10000000 are possible"), "{}", show(&huge));
}

#[test]
fn default_observation_is_own_and_public_and_dated() {
    let m = good(
        "shock Z ~ ar1(rho: 0.9, sigma: 0.1)\nagent h[2] {\n shock e ~ ar1(rho: 0.5, sd: 0.1)\n state k in [0, 9], start 1\n \
         action s in [0, 1]\n k' = s + 0.1 * k\n reward k * r + p - s + e\n discount 0.9\n}\nmarket f { price r = exp(Z); \
         price p = 1 - mean(h.s) }",
    );
    let seen: Vec<&str> = m.agents[0].observation.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(seen, ["Z", "e", "k", "r"]);
}

#[test]
fn information_modes_leave_no_state_behind() {
    let source = "param opaque = 0\nagent firm[2] {\n action p in [0, 1]\n observe last(firm.p) when opaque == 0\n observe \
                  s ~ normal(p0, 0.1) when opaque == 1\n param p0 = 1\n start last(firm.p) uniform\n reward p - p^2\n \
                  discount 0.9\n}";
    let (m, d) = check_with(source, &[]);
    let m = m.unwrap_or_else(|| panic!("{}", show(&d)));
    assert_eq!((m.states.len(), m.agents[0].observation.len()), (1, 1));
    assert!(m.draws.iter().all(|d| d.when != econc::check::model::DrawWhen::Observe));
    let source = source.replace("start last(firm.p) uniform\n", "");
    let (m, d) = check_with(&source, &[("opaque", "1")]);
    let m = m.unwrap_or_else(|| panic!("{}", show(&d)));
    assert_eq!((m.states.len(), m.agents[0].observation.len()), (0, 1));
}

#[test]
fn masks_and_labels() {
    let m = good(
        "agent firm {\n state active in {no, yes}, start yes\n action d in {stay when active == yes, exit when active == yes, \
         enter when active == no}\n active' = if d == exit then no else if d == enter then yes else active\n reward if active \
         == yes then 1 else 0\n discount 0.9\n}",
    );
    let Space::Finite { labels, masks, .. } = &m.actions[0].space else {
        panic!("a finite choice");
    };
    assert_eq!(labels, &["stay", "exit", "enter"]);
    assert!(masks.iter().all(Option::is_some));
    assert_eq!(
        value(&m, "firm.active'", &[("firm.active", &[1.0]), ("firm.d", &[1.0])]),
        [0.0]
    );
    assert_eq!(
        value(&m, "firm.active'", &[("firm.active", &[0.0]), ("firm.d", &[2.0])]),
        [1.0]
    );
}

#[test]
fn two_prices_clear_together_and_noise_is_drawn_once() {
    let m = good(
        "agent buyer {\n action s in [0, 1]\n reward log(1 + s / p) + log(2 + w) - 0.01 * cost\n noise e ~ normal(0, 0.1)\n \
         let cost = e * p\n}\nmarket bread {\n price p in [0.1, 10] clears buyer.s * 3 / p == 0.5 + 0.1 * w + 0 * \
         buyer.cost\n}\nmarket work {\n price w in [0.1, 10] clears (2 - buyer.s) * 3 / w == 0.5 + 0.1 * p\n price twice = 2 \
         * p\n}\nagent other { action x in [0, 1]; reward x * twice }",
    );
    assert_eq!(m.graph.roots.len(), 1);
    assert_eq!(m.graph.roots[0].unknowns.len(), 2);
    assert_eq!((m.noises.len(), m.draws.len()), (1, 1));
    let noise_inputs = m
        .graph
        .inputs
        .iter()
        .filter(|i| matches!(i.kind, InputKind::Noise(_)))
        .count();
    assert_eq!(noise_inputs, 1);
    let twice = m.prices.iter().find(|p| p.name == "work.twice").expect("the price");
    assert_eq!(m.graph.nodes[twice.node.0 as usize].phase, Phase::Cleared);
}

#[test]
fn gives_reach_the_receiver_by_name() {
    let m = good(
        "agent firm[2] {\n action p in [0, 1]\n let u = exp(1 - p)\n reward p * q\n}\nmarket cars {\n give firm.q = firm.u / (1 \
         + sum(firm.u))\n}",
    );
    let p: &[f64] = &[1.0, 1.0];
    let q = value(&m, "firm.q", &[("firm.p", p)]);
    assert!((q[0] - 1.0 / 3.0).abs() < 1e-12 && q[0] == q[1]);
}

#[test]
fn a_member_that_left_is_in_no_reduction() {
    let m = good(
        "agent firm[3] {\n state k in [0, 9], start 1\n action s in [0, 1]\n k' = k * s\n end when k' < 0.1, then leave\n \
         reward k - s + 0 * T\n discount 0.9\n}\naggregate T = sum(firm.k)",
    );
    let present = m.states.iter().find(|s| s.name == "firm.present").expect("presence");
    assert!(present.labels.is_empty());
    let at: &[(&str, &[f64])] = &[("firm.k", &[1.0, 2.0, 4.0]), ("firm.present", &[1.0, 0.0, 1.0])];
    assert_eq!(value(&m, "T", at), [5.0]);
}

#[test]
fn a_member_that_left_is_in_no_reduction_of_its_kind_or_among_others() {
    let m = good(
        "kind firm {\n state k in [0, 9], start 1\n action s in [0, 1]\n k' = k * s\n end when k' < 0.1, then leave\n \
         let rest = sum(others(firm.k))\n observe k, rest\n reward k - s + 0 * (T + M) + rest\n discount 0.9\n}\nagent big[2] \
         is firm { }\nagent small[3] is firm { }\nagent last is firm { }\naggregate T = sum(firm.k)\naggregate M = mean(firm.k)",
    );
    let at: &[(&str, &[f64])] = &[
        ("big.k", &[1.0, 2.0]),
        ("big.present", &[1.0, 0.0]),
        ("small.k", &[3.0, 4.0, 5.0]),
        ("small.present", &[0.0, 1.0, 1.0]),
        ("last.k", &[6.0]),
    ];
    assert_eq!(value(&m, "T", at), [16.0]);
    assert_eq!(value(&m, "M", at), [4.0]);
    assert_eq!(value(&m, "big.rest", at), [15.0, 16.0]);
    assert_eq!(value(&m, "small.rest", at), [16.0, 12.0, 11.0]);
}

/// What a watched name of the first world was in a period.
fn simulated(m: &Model, scenario: &str, name: &str, t: usize) -> f64 {
    let options = econc::env::simulate::SimulationOptions {
        scenario: Some(scenario.into()),
        periods: Some(t + 1),
        worlds: 1,
        seed: 3,
        on_chain: false,
        greedy: false,
    };
    let behaviour = econc::env::cast::Behaviour::Random;
    let run = econc::env::simulate::simulate(m, &behaviour.into(), &options, &mut |_, _| true).expect("runs");
    run.series.iter().find(|s| s.name == name).expect("a series").values[t]
}

#[test]
fn a_scenario_forces_one_member_of_one_group_and_one_element() {
    let m = good(
        "set good = {bread, wine}\ngroup industry[2] {\n agent firm[3] {\n  action p[good] in [0, 1]\n  noise e ~ \
         uniform(0, 1)\n  observe 0\n  reward sum(p) * e\n }\n}\nscenario s {\n force industry[2].firm[3].p[wine] = 1 at \
         0\n force industry[1].firm[2].e = 5\n force industry[2].firm[1].e = 6 at 1..2\n periods 3\n}",
    );
    let forced: Vec<usize> = m.scenarios[0].forces[0].at.iter().map(|(_, place)| *place).collect();
    assert_eq!(forced, [1, 2, 1]);
    // p[1, 1, 1], p[1, 1, 2], ..: the last element of twelve; only the first eight are shown, so the mean tells.
    let p = |t| {
        let options = econc::env::simulate::SimulationOptions {
            scenario: Some("s".into()),
            periods: Some(t),
            worlds: 1,
            seed: 3,
            on_chain: false,
            greedy: false,
        };
        let behaviour = econc::env::cast::Behaviour::Random;
        econc::env::simulate::simulate(&m, &behaviour.into(), &options, &mut |_, _| true).expect("runs")
    };
    let first = p(1);
    let moments = |name: &str| first.moments.iter().find(|x| x.name == name).expect("moments");
    let prices = moments("industry.firm.p");
    assert_eq!(prices.max, 1.0);
    let others = (prices.mean * 12.0 - 1.0) / 11.0;
    assert!(others > 0.0 && others < 1.0, "{others}");
    for (t, second) in [(0, false), (1, true), (2, true)] {
        let e: Vec<f64> = (1..=6)
            .map(|i| simulated(&m, "s", &format!("industry.firm.e[{i}]"), t))
            .collect();
        assert_eq!(e[1], 5.0, "{e:?}");
        assert_eq!(e[3] == 6.0, second, "{e:?}");
        assert!([0, 2, 4, 5].iter().all(|i| e[*i] > 0.0 && e[*i] < 1.0), "{e:?}");
    }
}

#[test]
fn shocks_know_their_law_and_start() {
    let m = good(
        "shock Z ~ markov([bad: 0.9, good: 1.1], [[0.8, 0.2], [0.4, 0.6]]), start good\nagent h[2] {\n shock e ~ markov([u: 0, \
         w: 1]) given Z, Z' {\n  bad, bad: [[0.6, 0.4], [0.1, 0.9]]\n  bad, good: [[0.5, 0.5], [0.1, 0.9]]\n  good, bad: \
         [[0.7, 0.3], [0.2, 0.8]]\n  good, good: normalize [[2, 2], [1, 3]]\n }\n action s in [0, 1]\n reward s * e * Z - (if Z \
         == good then 1 else 0)\n}\nparam zbar = stationary_mean(Z)\nagent x { action y in [0, 1]; reward y * zbar }",
    );
    let Process::Chain { matrices, given, .. } = &m.shocks[1].process else {
        panic!("a chain");
    };
    assert_eq!(given, &[(0, false), (0, true)]);
    assert_eq!(matrices[2][0], [0.7, 0.3]);
    assert_eq!(matrices[3], [[0.5, 0.5], [0.25, 0.75]]);
    assert_eq!(m.shocks[0].start, Some(econc::check::model::StartShock::Link(1)));
    // Stationary: (2/3, 1/3).
    let zbar = m.params.iter().find(|p| p.name == "zbar").expect("zbar").values[0];
    assert!((zbar - (0.9 * 2.0 + 1.1) / 3.0).abs() < 1e-12);
}

#[test]
fn units_and_parameters_by_member() {
    let m = good(
        "param w: money/hour = 1.3\nagent firm[2] {\n param c = [1, 2]\n action q in [0, 1]\n reward q * (w - c)\n}",
    );
    let w = m.params.iter().find(|p| p.name == "w").expect("w");
    assert_eq!((w.values[0], w.unit.as_str()), (1.3, "money/hour"));
    let r = value(&m, "firm.reward", &[("firm.q", &[1.0, 1.0])]);
    assert!((r[0] - 0.3).abs() < 1e-12 && (r[1] + 0.7).abs() < 1e-12);
}

#[test]
fn scenarios_say_what_happens() {
    let m = good(
        "param b = 2\nshock Z ~ markov([low: 0.9, high: 1.1], [[0.9, 0.1], [0.1, 0.9]])\nagent firm[2] {\n state k in [0, 9], \
         start 1\n action q in [0, 1]\n k' = q + 0.1 * k\n observe k, Z\n reward q * b * Z - k\n discount 0.9\n}\nscenario \
         wide { param b ~ uniform(1, 3) }\nscenario play { path Z = alternate(low, high, every: 20); force firm[2].q = 0.5 at \
         1..3; start firm[i in 1..2].k = i; periods 9 }",
    );
    let play = &m.scenarios[1];
    assert_eq!(play.periods, Some(9));
    assert_eq!(
        (play.forces[0].at[0].1, play.forces[0].from, play.forces[0].until),
        (1, Some(1), Some(3))
    );
    assert_eq!(play.starts[0].0, Target::State(0));
    assert_eq!(play.paths[0].0, Target::Shock(0));
    let array = "param b = 1\nagent f { action q in [0, 1]; reward b * q }\nscenario s { param b = sum([1, 2]) }";
    assert_eq!(good(array).scenarios[0].params.len(), 1);
    let b = &m.params[0];
    assert!(b.input.is_some() && b.values == [2.0]);
    let noise_inputs = m
        .graph
        .inputs
        .iter()
        .filter(|i| matches!(i.kind, InputKind::Noise(_)))
        .count();
    assert_eq!(noise_inputs, m.draws.len());
}

#[test]
fn precedence_and_functions_have_the_meaning_of_the_table() {
    let of = |text: &str| -> f64 {
        let source = format!("param x = 3\nparam v = {text}\nagent a {{ action q in [0, 1]; reward q * v * x }}");
        let (m, d) = check_with(&source, &[]);
        let m = m.unwrap_or_else(|| panic!("{text}: {}", show(&d)));
        m.params.iter().find(|p| p.name == "v").expect("v").values[0]
    };
    assert_eq!(of("-x^2"), -9.0);
    assert_eq!(of("2^3^2"), 512.0);
    assert_eq!(of("2^-1"), 0.5);
    assert_eq!(of("7 div 2 + 7 mod 2 * 10"), 13.0);
    assert_eq!(of("-7 mod 3"), 2.0);
    assert_eq!(of("if not x == 3 then 1 else 2"), 2.0);
    assert_eq!(of("if x == 3 or x == 4 and x == 5 then 1 else 2"), 1.0);
    assert_eq!(of("min(3, 1, 2) + max(3, 1, 2)"), 4.0);
    assert_eq!(of("clamp(5, 0, 2)"), 2.0);
    assert_eq!(of("5%"), 0.05);
    assert_eq!(of("count(i in 1..4: i > 2)"), 2.0);
    assert_eq!(of("argmax([3, 9, 4])"), 2.0);
    assert_eq!(of("quantile([1, 2, 3], 0.5)"), 2.0);
}

#[test]
fn blow_ups_are_errors() {
    let agent = "agent a { action q in [0, 1]; reward q * v }";
    let mut calls = String::from("fn f0(x) = x + 1\n");
    for i in 1..50 {
        calls.push_str(&format!("fn f{i}(x) = f{}(x) + f{}(2 * x)\n", i - 1, i - 1));
    }
    let found = codes(&format!("{calls}param v = f49(1)\n{agent}"));
    assert!(found.contains(&"E0203".to_string()), "{found:?}");
    let mut chain = String::new();
    for i in 0..20_000 {
        chain.push_str(&format!("param a{i} = a{} + 1\n", i + 1));
    }
    let found = codes(&format!("{chain}param a20000 = 0\nparam v = a0\n{agent}"));
    assert!(
        found.contains(&"E0502".to_string()),
        "{:?}",
        &found[..found.len().min(5)]
    );
    let inside = codes("kind house { agent one is house { action q in [0, 1] } }\nagent two is house { }");
    assert!(inside.contains(&"E0712".to_string()), "{inside:?}");
    let found = codes("agent a {\n state k in k, start 1\n action q in [0, 1]\n k' = q\n reward k\n discount 0.9\n}");
    assert!(found.contains(&"E0502".to_string()), "{found:?}");
    let found = codes("set s = 1..sum(i in s: i)\nagent a { action q in [0, 1]; reward q }");
    assert!(found.contains(&"E0502".to_string()), "{found:?}");
    let found = codes(
        "market def m() {\n market x = m() among f(p: 1)\n offer p\n}\nagent f { action q in [0, 1]; reward q }\nmarket y = m() among f(p: q)",
    );
    assert!(found.contains(&"E0406".to_string()), "{found:?}");
    let nested = format!("param v = {}1{}", "(".repeat(60), " == q)".repeat(60));
    assert!(!codes(&format!("{nested}\n{agent}")).is_empty());
    let sets = "set r = 1..10000\nset s = 1..10000\nset u = 1..10000\n".to_string();
    let found = codes(&format!(
        "{sets}param m[i in r, j in s, k in u] = i + j + k\nparam v = 1\n{agent}"
    ));
    assert!(found.contains(&"E0406".to_string()), "{found:?}");
}

#[test]
fn no_message_shows_an_internal_marker() {
    let sources = [
        "agent f[2] {\n state k in [0, 1], start 1\n action q in [0, 1]\n k' = q\n end when k' < 0.1, then leave\n reward aliv \
         + q\n observe lat(q)\n discount 0.9\n}",
        "agent f {\n action q in [0, z]\n let z = y\n let y = z\n reward q\n}",
        "param b = 1\nagent f { action q in [0, 1]; reward b * q + x }\nscenario s { param b ~ normal(b) }",
    ];
    for s in sources {
        let (_, d) = check_with(s, &[]);
        assert!(!d.is_empty());
        assert!(
            !show(&d).contains("\\u{1}") && !show(&d).contains('\u{1}'),
            "{}",
            show(&d)
        );
    }
}
