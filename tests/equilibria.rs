//! Equilibria with states against exact numbers: `joint` and `linear_quadratic` by their methods alone, without the certificate.

use crate::common::expected;
use econc::check::Model;
use econc::num::interpolate::{Axis, Outside, Rule, Surface, Tensor};
use econc::solve::economy::Economy;
use econc::solve::equilibrium::{EquilibriumMethod, Found};
use econc::solve::methods;
use econc::solve::progress::silent;
use std::fs;
use std::path::Path;

fn model(name: &str, concept: &str, set: &[(&str, &str)]) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(name)
        .with_extension("econ");
    let source = fs::read_to_string(path).expect("a model");
    let options = econc::Options {
        set: set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..econc::Options::default()
    };
    let (model, diagnostics) = econc::compile(&source, &options);
    let model = model.unwrap_or_else(|| panic!("{name}: {diagnostics:?}"));
    model.as_asked(Some(concept).filter(|c| !c.is_empty()), None)
}

fn method(name: &str) -> &'static dyn EquilibriumMethod {
    match methods::named(name) {
        Ok(methods::Any::Several(method)) => method,
        _ => panic!("no method {name}"),
    }
}

fn found(model: &Model, by: &str) -> Found {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    let method = method(by);
    method.fits(&economy).unwrap_or_else(|why| panic!("{by}: {why}"));
    method
        .solve(&economy, 1, &mut silent)
        .unwrap_or_else(|d| panic!("{by}: {d:?}"))
}

/// The code with which a method refuses.
fn refused(model: &Model, by: &str) -> (String, String) {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    match method(by).solve(&economy, 1, &mut silent) {
        Ok(_) => ("solved".into(), String::new()),
        Err(d) => (d[0].code.to_string(), format!("{d:?}")),
    }
}

fn rest(found: &Found, name: &str) -> f64 {
    let all = &found.steady_state;
    all.iter().find(|(n, _)| n == name).map_or(f64::NAN, |(_, x)| *x)
}

/// An array of a solution at a state, in one joint shock.
fn at(found: &Found, array: &[f64], shock: usize, state: &[f64]) -> f64 {
    let s = &found.solution;
    let axes = s
        .states
        .iter()
        .map(|a| Axis::new(&a.nodes, a.log, Rule::Cubic).expect("an axis"));
    let tensor = Tensor::new(axes.collect(), Outside::Flat).expect("a grid");
    let mut surface = Surface::default();
    tensor.fit(&s.column(array, 0, shock), &mut surface);
    let columns: Vec<[f64; 1]> = state.iter().map(|x| [*x]).collect();
    let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
    let mut out = [0.0];
    assert_eq!(tensor.values(&surface, &refs, &mut out), 0, "outside the grid");
    out[0]
}

fn near(got: f64, want: f64, tolerance: f64) {
    assert!(
        (got - want).abs() <= tolerance,
        "{got}, expected {want} within {tolerance}"
    );
}

const TWO: &[(&str, &str)] = &[("N", "2"), ("J", "1")];

#[test]
fn households_who_see_through_the_market_rest_and_save_as_computed_independently() {
    let f = found(&model("capital_goods", "nash", TWO), "joint");
    near(2.0 * rest(&f, "household.k[1,1]"), 28.444815, 1e-5);
    near(rest(&f, "household.s[2,1]"), 0.145940, 1e-6);
    assert_eq!(f.solution.players.len(), 2);
    let k = 17.050789;
    let chain = &f.solution.chain;
    let shock = |wanted: [f64; 3]| {
        let of = |name: &str| chain.names.iter().position(|n| n == name).expect("a shock");
        let places = [of("Zagg"), of("household.Z[1]"), of("household.Z[2]")];
        let same = |v: &Vec<f64>| places.iter().zip(&wanted).all(|(p, w)| (v[*p] - w).abs() < 1e-12);
        chain.values.iter().position(same).expect("a joint state")
    };
    let rows = [
        ([0.8, 0.9, 0.9], 0.103065092, 0.103065092),
        ([0.8, 0.9, 1.1], 0.095496997, 0.122278321),
        ([0.8, 1.1, 1.1], 0.119060939, 0.119060939),
        ([1.2, 0.9, 0.9], 0.134478402, 0.134478402),
        ([1.2, 0.9, 1.1], 0.126378060, 0.156843063),
        ([1.2, 1.1, 1.1], 0.153472296, 0.153472296),
    ];
    for (z, first, second) in rows {
        near(at(&f, &f.solution.policy[0], shock(z), &[k, k]), first, 1e-5);
        near(at(&f, &f.solution.policy[1], shock(z), &[k, k]), second, 1e-5);
    }
}

#[test]
fn price_takers_and_players_on_given_paths_rest_at_their_closed_forms() {
    let f = found(
        &model("capital_goods", "competitive", &[("N", "1"), ("J", "1")]),
        "joint",
    );
    near(rest(&f, "household.k"), 25.634270196659696, 1e-6);
    near(rest(&f, "household.s"), 0.198649, 1e-6);
    let k = 25.634270196659696;
    let mut all: Vec<f64> = (0..4).map(|z| at(&f, &f.solution.policy[0], z, &[k])).collect();
    all.sort_by(f64::total_cmp);
    for (got, want) in all.iter().zip([0.164042731, 0.186104350, 0.206891284, 0.231570852]) {
        near(*got, want, 1e-5);
    }
    // Two price takers; at the corners of the box Newton's method has to begin elsewhere.
    let two = found(&model("capital_goods", "competitive", TWO), "joint");
    near(2.0 * rest(&two, "household.k[1,1]"), 34.101579, 1e-5);
    // (3/4)^(1/1.7) of what price takers have.
    let f = found(&model("capital_goods", "open_loop", TWO), "joint");
    near(
        2.0 * rest(&f, "household.k[1,1]"),
        34.101579 * 0.75f64.powf(1.0 / 1.7),
        1e-4,
    );
}

#[test]
fn the_duopoly_of_adjustment_costs_is_exact_by_matrices_and_nearly_so_by_polynomials() {
    for (by, tolerance) in [("linear_quadratic", 1e-7), ("joint", 1e-4)] {
        let f = found(&model("lq_duopoly", "nash", &[]), by);
        let rule = [0.66846615, -0.29512482, -0.07584666];
        for (q, r) in [(1.0, 1.0), (2.5, 1.0), (1.0, 3.0)] {
            let want = rule[0] + rule[1] * q + rule[2] * r;
            near(at(&f, &f.solution.policy[0], 0, &[q, r]), want, tolerance);
            near(at(&f, &f.solution.policy[1], 0, &[r, q]), want, tolerance);
        }
        near(rest(&f, "firm.q[1]"), 1.801934, 1e-5);
        near(at(&f, &f.solution.players[1].value, 0, &[1.0, 1.0]), 128.86503688, 1e-4);
    }
}

#[test]
fn a_state_that_several_move_is_fished_as_levhari_and_mirman_say() {
    let f = found(&model("fish_war", "nash", &[]), "joint");
    let s = (1.0 - 0.285) / (2.0 - 0.285);
    near(at(&f, &f.solution.policy[0], 0, &[0.5]), s, 1e-6);
    near(at(&f, &f.solution.players[1].value, 0, &[1.0]), -31.8049489566, 1e-4);
    near(rest(&f, "sea.x"), (1.0 - 2.0 * s).powf(0.3 / 0.7), 1e-6);
}

#[test]
fn sticky_prices_are_solved_where_they_are_and_refused_where_answers_overshoot() {
    for by in ["linear_quadratic", "joint"] {
        let f = found(&model("sticky_prices", "nash", &[]), by);
        for p in [3.0, 4.0, 6.0] {
            near(
                at(&f, &f.solution.policy[0], 0, &[p]),
                -1.4563661476 + 0.8637180198 * p,
                1e-6,
            );
        }
        near(rest(&f, "goods.p"), 4.7343850077, 1e-6);
    }
    let hasty = model("sticky_prices", "nash", &[("s", "0.02")]);
    let (code, said) = refused(&hasty, "linear_quadratic");
    assert_eq!(code, "E0921", "{said}");
}

#[test]
fn a_price_taker_is_the_planner_and_a_tax_on_capital_parts_them() {
    let market = found(&model("growth_market", "competitive", &[]), "joint");
    let planner = found(&model("growth_market", "planner", &[]), "joint");
    for z in 0..market.solution.shocks() {
        for k in [3.5, 4.0, 4.3, 5.0] {
            let read = |f: &Found| at(f, &f.solution.policy[0], z, &[k]);
            near(read(&market), read(&planner), 1e-6);
        }
    }
    let taxed = found(&model("growth_market", "competitive", &[("tax", "0.3")]), "joint");
    let (alpha, beta, delta): (f64, f64, f64) = (0.36, 0.96, 0.1);
    let k = (0.7 * alpha / (1.0 / beta - 1.0 + delta)).powf(1.0 / (1.0 - alpha));
    near(rest(&taxed, "household.k"), k, 1e-8);
}

#[test]
fn relaxed_steps_take_longer_and_end_at_the_same() {
    let plain = found(&model("fish_war", "nash", &[]), "joint");
    let relaxed = found(&model("fish_war", "nash", &[("damping", "0.5")]), "joint");
    assert!(relaxed.solution.record.iterations > plain.solution.record.iterations);
    near(rest(&relaxed, "sea.x"), rest(&plain, "sea.x"), 1e-7);
    let few = model("fish_war", "nash", &[("iterations", "3")]);
    let (code, said) = refused(&few, "joint");
    assert!(
        code == "E0921" && said.contains("largest gain from one deviation"),
        "{said}"
    );
}

/// Two firms that discount unlike: by matrices and by polynomials the same, and the more patient one invests more.
#[test]
fn players_may_discount_unlike() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lq_duopoly.econ");
    let source = fs::read_to_string(path).expect("a model");
    let source = source.replace("discount 0.96", "param beta = [0.96, 0.8]\n  discount beta");
    let (model, diagnostics) = econc::compile(&source, &econc::Options::default());
    let model = model
        .unwrap_or_else(|| panic!("{diagnostics:?}"))
        .as_asked(Some("nash"), None);
    let exact = found(&model, "linear_quadratic");
    let near_by = found(&model, "joint");
    for (q, r) in [(1.0, 1.0), (2.0, 1.0), (1.0, 2.5)] {
        for player in 0..2 {
            let of = |f: &Found| at(f, &f.solution.policy[player], 0, &[q, r]);
            near(of(&near_by), of(&exact), 1e-4);
        }
    }
    let policy = |player: usize| at(&exact, &exact.solution.policy[player], 0, &[1.0, 1.0]);
    assert!(policy(0) > policy(1) + 1e-3, "{} {}", policy(0), policy(1));
}

/// In open loop, too, matrices and polynomials agree, for players alike and unlike; with laws that hold what both do.
#[test]
fn open_loops_are_exact_by_matrices_and_nearly_so_by_polynomials() {
    let firms = |beta: &str| {
        format!(
            "agent firm[2] {{ param beta = {beta}; state q in (-inf, inf), start 1; action u in (-inf, inf); q' = q + u\n  observe all; \
             reward p * q - 12 * (q' - q)^2; discount beta }}\nmarket goods {{ price p = 10 - 2 * sum(firm.q) }}\n\
             solve {{ concept = open_loop }}\n"
        )
    };
    let stock = "market debt { state d in (-inf, inf), start 3; d' = 0.8 * d + a.u - b.w }\n\
                 agent a { action u in (-inf, inf); observe debt.d; reward -(debt.d - 1)^2 - u^2; discount 0.95 }\n\
                 agent b { action w in (-inf, inf); observe debt.d; reward -(debt.d - 2)^2 - 3 * w^2; discount 0.9 }\n\
                 solve { concept = open_loop }\n";
    for text in [firms("0.96"), firms("[0.96, 0.8]"), stock.into()] {
        let (model, diagnostics) = econc::compile(&text, &econc::Options::default());
        let model = model.unwrap_or_else(|| panic!("{text}{diagnostics:?}"));
        let (exact, near_by) = (found(&model, "linear_quadratic"), found(&model, "joint"));
        let states: &[&[f64]] = if exact.solution.states.len() == 1 {
            &[&[1.5], &[2.5]]
        } else {
            &[&[1.0, 1.0], &[2.0, 1.0], &[1.0, 2.5]]
        };
        for state in states {
            for player in 0..2 {
                let of = |f: &Found| at(f, &f.solution.policy[player], 0, state);
                near(of(&near_by), of(&exact), 1e-4);
                let of = |f: &Found| at(f, &f.solution.players[player].value, 0, state);
                near(of(&near_by), of(&exact), 1e-3);
            }
        }
    }
    // Nobody expects an answer: outputs rest where those of one period do.
    let (model, _) = econc::compile(&firms("0.96"), &econc::Options::default());
    let f = found(&model.expect("a model"), "linear_quadratic");
    near(rest(&f, "firm.q[1]"), 10.0 / 6.0, 1e-9);
}

/// What `econc steady_state` finds, each name once for every member.
fn at_rest(model: &Model) -> Vec<(String, f64)> {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    let found =
        econc::solve::at_rest::at_rest(&economy, &mut silent).unwrap_or_else(|d| panic!("{}: {d:?}", model.name));
    let each = |n: &econc::solve::at_rest::Number| vec![(n.name.clone(), n.value); n.members];
    found
        .numbers
        .iter()
        .flat_map(each)
        .chain(found.prices.clone())
        .collect()
}

/// Capital of all households, by concept and number of households: the price is `phi N delta k`, and the share of its own purchases in what a household pays
/// more for is nothing to price takers, one half of its share of the market on given paths, and one half to a planner.
#[test]
fn households_rest_at_closed_forms_however_many_they_are() {
    let (alpha, beta, delta, phi): (f64, f64, f64, f64) = (0.3, 0.98, 0.04, 0.5);
    for n in (1..=10).chain([100]) {
        let count = n.to_string();
        let taking = alpha / (phi * f64::from(n) * delta * (1.0 / beta - 1.0 + delta));
        for (concept, share) in [
            ("competitive", 1.0),
            ("open_loop", 1.0 - 0.5 / f64::from(n)),
            ("planner", 0.5),
        ] {
            let model = model("capital_goods", concept, &[("N", &count), ("J", "1")]);
            let own: Vec<f64> = (at_rest(&model).iter())
                .filter(|(name, _)| name.starts_with("household.k"))
                .map(|(_, x)| *x)
                .collect();
            assert_eq!(own.len(), n as usize, "{concept}");
            let want = (share * taking).powf(1.0 / (2.0 - alpha));
            assert!(
                own.iter().all(|k| (k - want).abs() < 1e-7 * want),
                "{concept}, {n}: {own:?}, not {want}"
            );
        }
    }
}

/// Where a first-order condition holds at the worst choice, or at the lower of two peaks, nothing rests there.
#[test]
fn roots_that_are_not_best_are_no_rest() {
    let source = |reward: &str| {
        format!(
            "model m \"m\"\nagent f {{\n  state x in [-1, 2], start 0.3\n  action a in [0, 3]\n  x' = 0.5 * x + 0.1 * a\n  observe x\n  \
             reward {reward}\n  discount 0.5\n}}\n"
        )
    };
    let rest_of = |reward: &str| {
        let (model, diagnostics) = econc::compile(&source(reward), &econc::Options::default());
        at_rest(&model.unwrap_or_else(|| panic!("{diagnostics:?}")))
    };
    let number = |all: &[(String, f64)], name: &str| all.iter().find(|(n, _)| n == name).map_or(f64::NAN, |(_, x)| *x);
    let worst = rest_of("(a - 1)^2 - 0.01 * x^2");
    near(number(&worst, "f.a"), 3.0, 1e-6);
    near(number(&worst, "f.x"), 0.6, 1e-6);
    // Two peaks: that at 2.4 is the higher one.
    let peaks = rest_of("exp(-20 * (a - 0.5)^2) + 1.5 * exp(-20 * (a - 2.4)^2)");
    near(number(&peaks, "f.a"), 2.4, 1e-6);
}

/// Rows of `models/*.toml` that ask where an economy in which several decide (or one who takes a price) rests, and what is done there.
#[test]
fn rows_of_economies_in_which_several_decide_are_reached() {
    let mut checked = 0;
    let mut faults = String::new();
    for (name, by) in [
        ("capital_goods", "joint"),
        ("capital_goods_firms", ""),
        ("fish_war", "joint"),
        ("growth_market", "joint"),
        ("half_informed", ""),
        ("krusell_smith_small", ""),
        ("lq_duopoly", "linear_quadratic"),
        ("matching", ""),
        ("sticky_prices", "linear_quadratic"),
    ] {
        for row in expected::of_model(name) {
            let how = row.how.as_str();
            let Some(concept) = how.strip_prefix("steady_state") else {
                continue;
            };
            let concept = concept.trim();
            let set = row.settings();
            let model = model(name, concept, &set);
            let what = row.what.as_str();
            let bare = what.trim_start_matches("sum(").trim_end_matches(')');
            // By the command, and by the policies of those who meet. Of a kind that several agents are, each agent has its own.
            let mut ways = vec![("command", at_rest(&model))];
            if concept != "planner" && !by.is_empty() {
                ways.push((by, found(&model, by).steady_state));
            }
            let agents: Vec<String> = (model.agents.iter())
                .filter(|a| a.kind.as_deref() == bare.split('.').next())
                .map(|a| bare.replacen(a.kind.as_deref().unwrap_or(""), &a.name, 1))
                .collect();
            for (way, at_rest) in ways {
                let named = |n: &str| n == bare || agents.iter().any(|a| a == n);
                let own = at_rest.iter().filter(|(n, _)| named(n.split('[').next().unwrap_or(n)));
                let values: Vec<f64> = own.map(|(_, x)| *x).collect();
                let got = match (what.starts_with("sum("), values.as_slice()) {
                    (true, all) if !all.is_empty() => vec![all.iter().sum()],
                    (false, all) if !all.is_empty() => all.to_vec(),
                    _ => vec![f64::NAN],
                };
                checked += 1;
                if !got.iter().all(|x| row.met(*x)) {
                    faults += &format!("{name} {what} {set:?} {how} ({way}): {got:?}, expected {}\n", row.value);
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(checked >= 18, "{checked}");
}

/// Rows of `models/entry_exit.toml`, from all starts of the method, certified, for both firms.
#[test]
fn firms_enter_invest_and_leave_as_computed_independently() {
    let model = model("entry_exit", "nash", &[]);
    let options = econc::driver::Request {
        seed: 1,
        ..econc::driver::Request::default()
    };
    let s = econc::driver::solve(&model, &options, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    let judged = s.certificate.equilibrium.as_ref().expect("a judgement");
    assert_eq!((judged.searches, judged.found), (3, 1));
    let found = &s.solution;
    let place = |own: f64, rival: f64, player: usize| -> usize {
        let w = if player == 0 { [own, rival] } else { [rival, own] };
        (w[0] as usize) * found.states[1].nodes.len() + w[1] as usize
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/entry_exit.toml");
    let text = fs::read_to_string(path).expect("numbers");
    let (mut checked, mut faults) = (0, String::new());
    for row in text.split("[[expect]]").skip(1) {
        let key = |k: &str| -> &str {
            let line = row.lines().find_map(|l| l.strip_prefix(k)?.strip_prefix(" = "));
            line.unwrap_or_else(|| panic!("{k} in {row}")).trim_matches('"')
        };
        let number = |t: &str| t.parse::<f64>().expect("a number");
        let (own, rival) = key("at").split_once(", rival ").expect("two states");
        let (own, rival) = (number(own.trim_start_matches("w = ")), number(rival));
        for player in 0..2 {
            let at = place(own, rival, player);
            let me = found.players[player].own.as_ref().expect("its own draws");
            let (choices, nz) = (me.chances.len() / found.nodes(), found.shocks());
            let got = match key("what") {
                "firm.value" => me.before[at],
                // Choice 0 is to stay, 1 to leave.
                "firm.x" => found.given[2 + player][at * nz * choices],
                "P(exit)" => me.chances[at * choices + 1],
                other => panic!("{other}"),
            };
            checked += 1;
            if !((got - number(key("value"))).abs() <= number(key("tolerance"))) {
                faults += &format!("{} {}: {got}, expected {}\n", key("what"), key("at"), key("value"));
            }
        }
    }
    assert!(faults.is_empty() && checked == 12, "{checked}\n{faults}");
}

/// Rows of `models/two_sectors_logit.toml`, from all starts of the method, certified; and what is simulated goes with the distribution that follows from the
/// choices' probabilities, the labour beside each price included (by powers of the matrix of transitions, in numpy).
#[test]
fn two_sectors_with_tastes_order_and_price_as_computed_independently() {
    use econc::env::cast::Behaviour;
    use econc::env::simulate::{SimulationOptions, simulate};
    let model = model("two_sectors_logit", "nash", &[]);
    let options = econc::driver::Request {
        seed: 1,
        ..econc::driver::Request::default()
    };
    let s = econc::driver::solve(&model, &options, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    let judged = s.certificate.equilibrium.as_ref().expect("a judgement");
    assert_eq!((judged.searches, judged.found), (3, 1));
    let found = &s.solution;
    let names = ["stock", "inventory", "p"];
    let mut faults = String::new();
    let rows = expected::of_model("two_sectors_logit");
    for row in &rows {
        let at: Vec<(&str, f64)> = (row.at.split(", "))
            .map(|part| part.split_once(" = ").expect("a state"))
            .map(|(name, x)| (name, x.parse().expect("a number")))
            .collect();
        let node = found.states.iter().fold(0, |node, axis| {
            let name = names
                .iter()
                .find(|n| axis.name.ends_with(&format!(".{n}")))
                .expect("a state");
            let x = at.iter().find(|a| a.0 == *name).expect("its value").1;
            node * axis.nodes.len() + axis.nodes.iter().position(|n| *n == x).expect("a node")
        });
        let own = |name: &str| {
            found
                .players
                .iter()
                .find(|p| p.name == name)
                .and_then(|p| p.own.as_ref())
                .expect("tastes")
        };
        let got = match row.what.as_str() {
            "final.value" => own("final").before[node],
            "capital.value" => own("capital").before[node],
            "P(q = 1)" => own("final").chances[3 * node + 1],
            "P(p_next = 3)" => own("capital").chances[7 * node + 3],
            "capital.L if p_next = 3" => {
                let a = found
                    .actions
                    .iter()
                    .position(|a| a.name == "capital.L")
                    .expect("labour");
                found.given[a][7 * node + 3]
            }
            other => panic!("{other}"),
        };
        if !row.met(got) {
            faults += &format!("{} {}: {got}, expected {}\n", row.what, row.at, row.value);
        }
    }
    assert!(faults.is_empty() && rows.len() == 15, "{}\n{faults}", rows.len());
    let behaviour = Behaviour::Solved(std::sync::Arc::new(found.clone()));
    let long = SimulationOptions {
        scenario: None,
        periods: Some(20_000),
        worlds: 20,
        seed: 3,
        on_chain: false,
        greedy: false,
    };
    let run = simulate(&model, &behaviour.into(), &long, &mut |_, _| true).unwrap_or_else(|d| panic!("{d:?}"));
    for (name, mean, tolerance) in [
        ("final.stock", 3.091253, 0.03),
        ("capital.inventory", 0.397958, 0.01),
        ("capital.p", 3.208766, 0.02),
    ] {
        let got = run.moments.iter().find(|m| m.name == name).expect("a moment").mean;
        near(got, mean, tolerance);
    }
}

/// Who has tastes and knows a draw of its own is refused, with the draw's name.
#[test]
fn tastes_and_private_draws_of_one_player_are_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/entry_exit.econ");
    let source = fs::read_to_string(path).expect("a model");
    let from = "wait when not active}";
    assert!(source.contains(from));
    let (model, diagnostics) = econc::compile(
        &source.replace(from, "wait when not active} taste gumbel(0.5)"),
        &econc::Options::default(),
    );
    let model = model
        .unwrap_or_else(|| panic!("{diagnostics:?}"))
        .as_asked(Some("nash"), None);
    let (code, said) = refused(&model, "choice_probabilities");
    assert!(code == "E0810" && said.contains("firm.scrap"), "{said}");
}

/// The row of `models/menu_costs.toml`: its two firms for one period, with the reward of the file, nothing to pay for a new markup and the other industries'
/// markup given (which moves what all choices pay in one proportion).
#[test]
fn two_firms_without_menu_costs_set_the_markup_of_their_elasticity() {
    let full = model("menu_costs", "", &[]);
    let param = |name: &str| full.params.iter().find(|p| p.name == name).expect("a parameter").values[0];
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/menu_costs.econ")).expect("a model");
    let line = |start: &str| -> String {
        let line = text.lines().find(|l| l.trim_start().starts_with(start));
        line.unwrap_or_else(|| panic!("{start}")).trim().to_string()
    };
    let reward = line("reward").replace(" - (if move then xi else 0)", "");
    let index = line("let mu_ind");
    let row =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/menu_costs.toml")).expect("numbers");
    let number = |key: &str| -> f64 {
        let found = row.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(" = "));
        found.and_then(|x| x.parse().ok()).unwrap_or(f64::NAN)
    };
    for others in [1.1, 1.3] {
        let source = format!(
            "model one \"one period\"\nparam eta = {}\nparam theta = {}\nparam mu_all = {others}\nagent firm[2] {{\n  action reset in [0.5, 3]\n  \
             let mu_now = reset\n  {reward}\n}}\nmarket industry {{\n  {index}\n  give firm.mu_ind = mu_ind\n}}\n",
            param("eta"),
            param("theta")
        );
        let (model, diagnostics) = econc::compile(&source, &econc::Options::default());
        let model = model.unwrap_or_else(|| panic!("{source}\n{diagnostics:?}"));
        let options = econc::driver::Request {
            concept: Some("nash".into()),
            seed: 1,
            ..econc::driver::Request::default()
        };
        let s = econc::driver::solve(&model, &options, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
        assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
        for policy in &s.solution.policy {
            near(policy[0], number("value"), number("tolerance"));
        }
    }
}

/// Draws that do more than add to what a choice pays are refused, with the draw's name.
#[test]
fn private_draws_that_do_more_than_add_to_a_payoff_are_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/entry_exit.econ");
    let source = fs::read_to_string(path).expect("a model");
    let refused_with = |from: &str, to: &str| {
        assert!(source.contains(from), "{from}");
        let (model, diagnostics) = econc::compile(&source.replace(from, to), &econc::Options::default());
        let model = model
            .unwrap_or_else(|| panic!("{diagnostics:?}"))
            .as_asked(Some("nash"), None);
        refused(&model, "choice_probabilities")
    };
    for (from, to) in [
        ("(if d == exit then scrap else 0)", "(if d == exit then scrap^2 else 0)"),
        ("profit - x +", "profit - x * scrap +"),
        (
            "then clamp(w + up - bad, 0, W)",
            "then (if scrap > 5 then w else clamp(w + up - bad, 0, W))",
        ),
    ] {
        let (code, said) = refused_with(from, to);
        assert!(code == "E0810" && said.contains("scrap"), "{to}: {said}");
    }
}

/// Solving needs no first value in games, either: lives that judge begin where the economy rests, which is said.
#[test]
fn games_without_first_values_are_judged_from_where_they_rest() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lq_duopoly.econ");
    let source = fs::read_to_string(path).expect("a model").replace(", start 1 ", " ");
    assert!(!source.contains("start"));
    let (model, diagnostics) = econc::compile(&source, &econc::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let options = econc::driver::Request {
        concept: Some("nash".into()),
        seed: 1,
        ..econc::driver::Request::default()
    };
    let s = econc::driver::solve(&model, &options, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    let codes: Vec<&str> = s.certificate.reasons.iter().map(|d| d.code.as_str()).collect();
    assert!(s.certificate.passed && codes == ["W0811"], "{codes:?}");
    assert!(
        s.certificate.reasons[0].headline.contains("1.80"),
        "{:?}",
        s.certificate.reasons
    );
}

/// Where an economy rests elsewhere, too, that is said: two households that discount alike, and returns that rise with what all have.
#[test]
fn other_places_of_rest_are_told() {
    let warned = |text: &str| {
        let (model, found) = econc::compile(text, &econc::Options::default());
        let model = model
            .unwrap_or_else(|| panic!("{found:?}"))
            .as_asked(Some("competitive"), None);
        let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
        let found = econc::solve::at_rest::at_rest(&economy, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
        let names: Vec<String> = found
            .elsewhere
            .iter()
            .map(|d| format!("{} {}", d.code, d.notes.join("\n")))
            .collect();
        (found.numbers, names)
    };
    let household = |name: &str, other: &str| {
        format!(
            "agent {name} {{\n  state k in (0, inf), start 3\n  action s in (0, 1)\n  let y = w + r * k\n  k' = 0.92 * k + s * y\n  observe k{other}\n  \
             reward log((1 - s) * y)\n  discount 0.95\n}}\n"
        )
    };
    let prices = |all: &str, productivity: &str| {
        format!(
            "market m {{\n  let K = {all}\n  let A = {productivity}\n  price r = 0.3 * A * K^(-0.7)\n  price w = 0.7 * A * K^0.3\n}}\n"
        )
    };
    let two = [
        household("h", ", g.k"),
        household("g", ", h.k"),
        prices("h.k + g.k", "1"),
    ]
    .concat();
    let (numbers, said) = warned(&two);
    let capital: f64 = numbers.iter().filter(|n| !n.action).map(|n| n.value).sum();
    near(capital, (0.3f64 / (1.0 / 0.95 - 0.92)).powf(1.0 / 0.7), 1e-6);
    assert!(
        said.len() == 1 && said[0].starts_with("E0996") && said[0].contains("`h.k`, `g.k`"),
        "{said:?}"
    );
    let (_, said) = warned(&[household("h", ""), prices("h.k", "1")].concat());
    assert!(said.is_empty(), "{said:?}");
    // Who earns his rate of impatience stays with whatever he has.
    let saver = "agent h {\n  state a in [0, inf), start 2\n  let cash = a + 1\n  action c in (0, cash]\n  a' = 1.04 * (cash - c)\n  observe a\n  reward log(c)\n  \
                 discount 1 / 1.04\n}\n";
    let (_, said) = warned(saver);
    assert!(
        said.len() == 1 && said[0].starts_with("E0996") && said[0].contains("`h.a`"),
        "{said:?}"
    );
    let asked = saver.replace("start 2", "start a0");
    let (model, found) = econc::compile(
        &format!("param a0 = steady_state(h.a)\n{asked}"),
        &econc::Options::default(),
    );
    assert!(model.is_none() && found.iter().any(|d| d.code == "E0996"), "{found:?}");
    // Three places, by a scan.
    let at = |k: f64| 0.3 * (1.0 + 1.5 / (1.0 + (-2.0 * (k - 7.0)).exp())) * k.powf(-0.7) - (1.0 / 0.95 - 0.92);
    let places = (1..30_000)
        .filter(|i| at(f64::from(*i) * 1e-3).signum() != at(f64::from(i + 1) * 1e-3).signum())
        .count();
    let (_, said) = warned(&[household("h", ""), prices("h.k", "1 + 1.5 / (1 + exp(-2 * (K - 7)))")].concat());
    assert_eq!(places, 3);
    assert!(said.len() == 1 && said[0].matches("h.k = ").count() == 2, "{said:?}");
}

/// `work` limits the search for an equilibrium, which then says how far it came, and the best replies that judge it, without which nothing is certified.
#[test]
fn work_limits_searches_and_the_replies_that_judge_them() {
    let sweeps = |work: &str| -> usize {
        let game = model("capital_goods", "nash", &[("J", "1"), ("N", "2"), ("work", work)]);
        let (code, said) = refused(&game, "joint");
        assert!(code == "E0921" && said.contains("work = 4"), "{code} {said}");
        let after = said.split("after ").nth(1).and_then(|t| t.split(' ').next());
        after.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{said}"))
    };
    assert!(sweeps("0.02") > 4 * sweeps("0.001"));
    let judged = |work: &str| {
        let game = model("fish_war", "nash", &[("work", work)]);
        let request = econc::driver::Request {
            seed: 1,
            ..econc::driver::Request::default()
        };
        let s = econc::driver::solve(&game, &request, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
        let reasons = s.certificate.reasons.iter().map(|d| d.code.to_string());
        (s.certificate.passed, reasons.collect::<Vec<String>>())
    };
    assert_eq!(judged("4"), (true, Vec::new()));
    let (passed, reasons) = judged("0.0001");
    assert!(!passed && reasons == ["E0836", "E0836"], "{reasons:?}");
}
