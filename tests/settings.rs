//! What settings, information and concepts mean to the solvers: every promise is kept or refused.

use econc::check::model::Model;
use econc::check::settings::{self, Key, Kind, SOLVE_KEYS, VERIFY_KEYS, defaults};
use econc::diag::Diagnostic;
use econc::driver::{self, Solved};
use econc::learn::plan::{Asked, plan};
use econc::learn::settings::DRIVER_KEYS;
use econc::solve::progress::silent;
use econc::solve::{grid_search, value_iteration};
use econc::verify::grid;

fn compile(source: &str) -> Model {
    let (model, diagnostics) = econc::compile(source, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}\n{source}"))
}

fn solve_as(source: &str, options: &driver::Request) -> Result<Solved, Vec<Diagnostic>> {
    driver::solve(&compile(source), options, &mut silent)
}

fn solve(source: &str) -> Result<Solved, Vec<Diagnostic>> {
    solve_as(source, &driver::Request::default())
}

/// The code of the refusal.
fn refused(source: &str, options: &driver::Request) -> String {
    match solve_as(source, options) {
        Ok(s) => panic!("solved: {:?}\n{source}", s.solution.policy),
        Err(d) => d[0].code.clone(),
    }
}

fn full() -> driver::Request {
    driver::Request {
        information: Some("full".into()),
        ..driver::Request::default()
    }
}

const SAVER: &str = "shock z ~ markov([low: 0.5, high: 1.5], [[0.9, 0.1], [0.1, 0.9]])
agent saver {
  state k in [0.1, 20], start 4
  action s in [0, 0.99]
  let y = z * k^0.36
  k' = 0.9 * k + s * y
  observe OBSERVED
  reward log((1 - s) * y)
  discount 0.9
}
solve { grid.k = log(40) }
";

/// Values that a table of the book shows for a key: its default, and what it says the key takes.
fn shown(key: &Key) -> Vec<String> {
    let takes = key.kind.words();
    let takes = takes
        .trim_start_matches("whole numbers: ")
        .replace(", with ends ", ", ")
        .replace("or a list ", "");
    let mut out = Vec::new();
    let mut depth = 0;
    let mut word = String::new();
    for c in takes.replace(" or ", ", ").chars().chain([',']) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            out.push(std::mem::take(&mut word).trim().to_string());
        } else {
            word.push(c);
        }
    }
    // Of numbers only the default is a value.
    if matches!(key.kind, Kind::Above { .. } | Kind::Within { .. } | Kind::Whole { .. }) {
        out.clear();
    }
    out.extend(key.default.split("; ").map(String::from));
    // What is said in words is no value to type.
    let prose =
        |v: &String| v.is_empty() || v.contains(' ') && !v.contains(['(', '[']) || v.contains('`') || v.contains(": ");
    out.retain(|v| !prose(v));
    out
}

#[test]
fn every_documented_value_is_accepted_or_named_as_not_in_this_version() {
    let base = "shock z ~ ar1(rho: 0.9, sigma: 0.1)
stages one, two
agent saver[continuum] {
  noise e ~ normal(0, 0.1) at two
  state k in [0.1, 20], start 4
  action s in [0, 0.99] at one
  k' = max(0.9 * k * exp(e) * (1 - s), 0.1)
  reward log(s * exp(z) * k)
  discount 0.9
}
scenario start { periods 5 }
";
    let mut count = 0;
    let own = econc::learn::methods::learner("q_learning").expect("it exists").keys;
    for (block, keys) in [
        ("solve", SOLVE_KEYS),
        ("verify", VERIFY_KEYS),
        ("train q_learning", DRIVER_KEYS),
        ("train q_learning", own),
    ] {
        for key in keys {
            let target = match key.name.split('.').next() {
                Some("grid") => "k",
                Some("chain") => "z",
                Some("quadrature") => "e",
                Some("given") => "w",
                _ => "saver",
            };
            let name = key.name.replace('*', target);
            for value in shown(key) {
                let value = match value.as_str() {
                    v if v.starts_with("stable(") => "stable(100_000)".to_string(),
                    v => v.to_string(),
                };
                let source = format!("{base}{block} {{ {name} = {value} }}\n");
                let (model, mut found) = econc::compile(&source, &econc::Options::default());
                if let Some(model) = model {
                    for settings in model.settings.iter().filter(|s| s.block == "train") {
                        found.extend(
                            econc::learn::settings::read(&model, settings)
                                .err()
                                .into_iter()
                                .flatten(),
                        );
                    }
                }
                let wrong: Vec<&Diagnostic> = found
                    .iter()
                    .filter(|d| d.code != "E0807" && d.code.starts_with('E'))
                    // One agent acts, so nobody leads.
                    .filter(|d| !(value == "stackelberg" && d.code == "E0708"))
                    .collect();
                assert!(wrong.is_empty(), "{block} {name} = {value}: {wrong:?}");
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count} values");
}

#[test]
fn what_persists_and_is_not_observed_is_refused_unless_full_information_is_asked_for() {
    for (observed, sees) in [
        ("k, z", true),
        ("log(k), z", true),
        ("k, y", true),
        ("3 - 2 * k, exp(z)", true),
        ("y, z", true),
        ("k", false),
        ("z", false),
        ("y", false),
        ("k + z", false),
        ("min(k, 3), z", false),
        ("k, z > 1", false),
    ] {
        let source = SAVER.replace("OBSERVED", observed);
        match solve(&source) {
            Ok(s) => {
                assert!(sees, "{observed} does not say k and z");
                assert!(s.hidden.is_empty());
            }
            Err(d) => {
                assert!(!sees && d[0].code == "E0825", "{observed}: {d:?}");
                assert!(d[0].primary.is_some() && d[0].hint.as_ref().is_some_and(|h| h.contains("--information full")));
            }
        }
        if !sees {
            let s = solve_as(&source, &full()).unwrap_or_else(|d| panic!("{observed}: {d:?}"));
            assert!(!s.hidden.is_empty(), "{observed}");
        }
    }
    // The key in the file says the same as the flag.
    let source = SAVER
        .replace("OBSERVED", "k")
        .replace("solve {", "solve { information = full;");
    assert_eq!(solve(&source).map(|s| s.hidden).ok(), Some(vec!["z".to_string()]));
    // Without `observe`, one sees one's own states and what stands at the top level.
    assert!(solve(&SAVER.replace("  observe OBSERVED\n", "")).is_ok());
}

#[test]
fn a_hidden_state_that_never_shows_is_refused() {
    let source = "agent gambler {
  state s in 0..1, start random
  state age in 0..3, start 0
  action d in {left, right}
  s' = s
  age' = min(age + 1, 3)
  observe age
  reward if (d == left and s == 0) or (d == right and s == 1) then 1 else 0
  discount 0.9
}
";
    assert_eq!(refused(source, &driver::Request::default()), "E0825");
    // Whoever sees it wins in every period: 1 / (1 - 0.9).
    let s = solve_as(source, &full()).unwrap_or_else(|d| panic!("{d:?}"));
    assert!(
        s.solution.value.iter().all(|v| (v - 10.0).abs() < 1e-6),
        "{:?}",
        s.solution.value
    );
    assert_eq!(s.hidden, ["gambler.s"]);
}

#[test]
fn a_signal_shows_no_more_than_itself() {
    // The signal moves with the demand behind it; the demand is not seen.
    let source = "shock g ~ markov([lo: 0, hi: 1], [[0.95, 0.05], [0.05, 0.95]])
shock s ~ markov([zero: 0, one: 1]) given g { lo: [[0.7, 0.3], [0.7, 0.3]]
  hi: [[0.3, 0.7], [0.3, 0.7]] }
agent firm {
  state k in [0, 6], start 2
  action q in [0, 6]
  k' = q
  observe k, s
  reward (4 + 6 * g - q) * q - 2 * (q - k)^2
  discount 0.9
}
solve { grid.k = uniform(20) }
";
    assert_eq!(refused(source, &driver::Request::default()), "E0825");
    // A shock that is itself independent but conditions one that is seen is no noise.
    let source = source.replace("[[0.95, 0.05], [0.05, 0.95]]", "[[0.5, 0.5], [0.5, 0.5]]");
    assert_eq!(refused(&source, &driver::Request::default()), "E0825");
}

const UNSEEN: &str = "shock Z ~ markov([low: 0.5, high: 2], [[0.5, 0.5], [0.5, 0.5]])
agent w {
  state x in 1..2, start 1
  action q in [0, 5]
  observe x
  x' = 3 - x
  reward -(q - x * Z)^2
  discount 0.9
}
";

#[test]
fn a_shock_that_nobody_sees_and_that_has_no_memory_is_averaged_over() {
    // E Z = 1.25, var Z = 0.5625: q = 1.25 x, and -0.5625 x^2 a period, x alternating between 1 and 2.
    let s = solve(UNSEEN).unwrap_or_else(|d| panic!("{d:?}"));
    assert_eq!(
        (s.unseen.as_slice(), s.hidden.len(), s.solution.shocks()),
        (&["Z".to_string()][..], 0, 1)
    );
    let (one, two) = (-0.5625, -0.5625 * 4.0);
    let v = [(one + 0.9 * two) / (1.0 - 0.81), (two + 0.9 * one) / (1.0 - 0.81)];
    for (i, exact) in v.iter().enumerate() {
        assert!(
            (s.solution.policy[0][i] - 1.25 * (i as f64 + 1.0)).abs() < 1e-6,
            "{:?}",
            s.solution.policy
        );
        assert!(
            (s.solution.value[i] - exact).abs() < 1e-6,
            "{:?} {v:?}",
            s.solution.value
        );
    }
    assert!(s.certificate.passed);
    // With full information it is met exactly, and the report says what was used.
    let s = solve_as(UNSEEN, &full()).unwrap_or_else(|d| panic!("{d:?}"));
    assert!(s.solution.value.iter().all(|v| v.abs() < 1e-9));
    assert_eq!(s.hidden, ["Z"]);
    // With memory, with a known first value, or seen through something else it is no noise.
    for other in [
        UNSEEN.replace("[[0.5, 0.5], [0.5, 0.5]]", "[[0.6, 0.4], [0.4, 0.6]]"),
        UNSEEN.replace("[0.5, 0.5]])", "[0.5, 0.5]]), start low"),
        UNSEEN.replace("observe x", "observe x, Z > 1"),
        UNSEEN
            .replace("observe x", "observe x, x + Z")
            .replace("x * Z", "x * Z + Z * Z"),
    ] {
        match solve(&other) {
            Err(d) => assert_eq!(d[0].code, "E0825", "{other}"),
            // `x + Z` beside `x` says what Z is.
            Ok(s) => assert!(other.contains("x + Z") && s.unseen.is_empty(), "{other}"),
        }
    }
}

#[test]
fn the_date_needs_a_last_one() {
    let boom = "agent p {
  state x in [0, 10], start 1
  action a in [0, 1]
  x' = min(x + (if t == 0 then 1 else 0), 10)
  reward x - a
  discount 0.9
}
";
    assert_eq!(refused(boom, &driver::Request::default()), "E0826");
    for (from, to) in [("(if t == 0 then 1 else 0)", "1"), ("reward x - a", "reward x - a + t")] {
        let moved = boom.replace(from, to);
        let reads = moved.contains('t') && moved.contains("+ t");
        assert_eq!(solve(&moved).is_err(), reads || moved.contains("t == 0"), "{moved}");
    }
    let observed = boom
        .replace("(if t == 0 then 1 else 0)", "1")
        .replace("reward", "observe x, t\n  reward");
    assert!(
        solve(&observed).is_ok(),
        "seeing the date without any use for it is harmless"
    );
    // With a horizon, or with a state that counts, it is exact: x is 1 and then 2 for ever, 1 + 0.9 * 2 / 0.1 = 19.
    let counted = boom
        .replace("  action", "  state n in 0..1, start 0\n  action")
        .replace("t == 0", "n == 0")
        .replace("  x'", "  n' = min(n + 1, 1)\n  x'");
    let counted = format!("{counted}solve {{ grid.x = uniform(11) }}\n");
    let s = solve(&counted).unwrap_or_else(|d| panic!("{d:?}"));
    assert_eq!(
        (s.solution.states[0].nodes[1], s.solution.states[1].nodes[0]),
        (1.0, 0.0)
    );
    assert!((s.solution.value[2] - 19.0).abs() < 1e-6, "{:?}", s.solution.value);
    let ended = boom.replace("agent p {", "horizon 3\nagent p {");
    assert!(solve(&ended).is_ok());
}

fn with(concept: &str) -> driver::Request {
    driver::Request {
        concept: Some(concept.into()),
        ..driver::Request::default()
    }
}

const FIRM: &str = "agent firm {
  state k in [0, 5], start 1
  action q in [0, 10]
  k' = 0.9 * k + 0.1 * q
  observe k
  reward (p - 1) * q + 0.000001 * k
  discount 0.9
}
market goods { price p = 10 - firm.q }
solve { grid.k = uniform(20) }
";

#[test]
fn a_price_that_its_taker_moves_is_not_looked_through() {
    // (10 - q - 1) q is largest at q = 4.5, up to the weight of k; a taker would end at p = 1, q = 9.
    for concept in [None, Some("planner"), Some("nash"), Some("collusive")] {
        let options = concept.map_or_else(driver::Request::default, with);
        let s = solve_as(FIRM, &options).unwrap_or_else(|d| panic!("{concept:?}: {d:?}"));
        assert!(
            s.solution.policy[0].iter().all(|q| (q - 4.5).abs() < 1e-3),
            "{:?}",
            s.solution.policy
        );
    }
    let said = FIRM.replace("solve {", "solve { concept = competitive;");
    for (source, options) in [(FIRM, with("competitive")), (said.as_str(), driver::Request::default())] {
        let s = solve_as(source, &options).unwrap_or_else(|d| panic!("{d:?}"));
        assert!(
            s.solution.policy[0].iter().all(|q| (q - 9.0).abs() < 1e-3),
            "{:?}",
            s.solution.policy
        );
    }
    assert_eq!(refused(FIRM, &with("stackelberg")), "E0810");
    // Through a state that it moves, through a rule that follows it, in an aggregate.
    for price in ["let Q = firm.q\n price p = 10 - Q", "aggregate p = 10 - firm.q"] {
        let source = FIRM.replace("price p = 10 - firm.q", price);
        let read = |concept: &str| {
            let s = solve_as(&source, &with(concept)).unwrap_or_else(|d| panic!("{source}: {d:?}"));
            s.solution.policy[0].clone()
        };
        let (taken, seen) = (read("competitive"), read("nash"));
        assert!(
            taken.iter().zip(&seen).any(|(t, s)| t - s > 1.0),
            "{source}: {taken:?} {seen:?}"
        );
    }
    // Through the state his best choice jumps from one end to the other where the price passes the cost: no number may be made up.
    let later = FIRM.replace("price p = 10 - firm.q", "price p = 10 - firm.k");
    assert!(solve_as(&later, &with("nash")).is_ok());
    assert_eq!(refused(&later, &with("competitive")), "E0921");
    // A price from outside is given anyway: the concepts coincide.
    let outside = FIRM
        .replace("price p = 10 - firm.q", "price p = 3 + z")
        .replace("(p - 1) * q", "(p - 1) * q - q^2")
        .replace("observe k\n", "observe k, z\n");
    let outside = format!("shock z ~ markov([low: 0, high: 2], [[0.5, 0.5], [0.5, 0.5]])\n{outside}");
    for concept in ["planner", "competitive", "nash"] {
        let s = solve_as(&outside, &with(concept)).unwrap_or_else(|d| panic!("{concept}: {d:?}"));
        // (2 + z) q - q^2 at q = 1 + z / 2
        for (i, q) in s.solution.policy[0].iter().enumerate() {
            assert!(
                (q - 1.0 - (i % 2) as f64).abs() < 1e-3,
                "{concept}: {:?}",
                s.solution.policy
            );
        }
    }
    // A market of takers is one under every concept but the planner's.
    let takers = FIRM.replace("market goods {", "market goods competitive {");
    for concept in ["nash", "collusive"] {
        let s = solve_as(&takers, &with(concept)).unwrap_or_else(|d| panic!("{concept}: {d:?}"));
        assert!(
            s.solution.policy[0].iter().all(|q| (q - 9.0).abs() < 1e-3),
            "{:?}",
            s.solution.policy
        );
    }
    assert!(solve_as(&takers, &with("planner")).is_ok());
}

#[test]
fn several_who_interact_are_solved_as_one_or_not_at_all() {
    let cournot = "agent firm[3] {\n  action q in [0, 10]\n  reward (p - 1) * q\n}\n\
                   market goods { price p = max(10 - sum(firm.q), 0) }\n";
    for concept in ["planner", "collusive"] {
        let s = solve_as(cournot, &with(concept)).unwrap_or_else(|d| panic!("{concept}: {d:?}"));
        let total: f64 = s.solution.policy.iter().map(|q| q[0]).sum();
        assert!(
            (total - 4.5).abs() < 1e-4 && (s.solution.value[0] - 20.25).abs() < 1e-6,
            "{total}"
        );
    }
    // Each by itself: q = (10 - 1) / 4; as price takers three share what is sold at cost.
    for (options, q) in [
        (with("nash"), 2.25),
        (driver::Request::default(), 2.25),
        (with("competitive"), 3.0),
    ] {
        let s = solve_as(cournot, &options).unwrap_or_else(|d| panic!("{d:?}"));
        assert!((s.solution.policy[0][0] - q).abs() < 1e-7, "{:?}", s.solution.policy);
    }
    // Nobody chooses first.
    assert_eq!(refused(cournot, &with("stackelberg")), "E0810");
    // Members who do not meet decide each for itself; those who meet through a bound are players.
    let alone = "agent h[3] {\n  state a in [0, 5], start 1\n  action x in [0, 1]\n  a' = 0.5 * a + x\n  \
                 reward a - x^2\n  discount 0.5\n}\nsolve { grid.a = uniform(20) }\n";
    assert!(solve(alone).is_ok());
    let meeting = alone
        .replace("[0, 1]", "[0, 0.5 + 0.1 * mean(h.a)]")
        .replace("  reward", "  observe a, others(h.a)\n  reward");
    let s = solve(&meeting).unwrap_or_else(|d| panic!("{d:?}"));
    assert_eq!((s.solution.players.len(), s.solution.states.len()), (3, 3));
}

const STORE: &str = "agent p {
  state k in [0.1, 3], start 1
  action n in [0.1, 3]
  noise e ~ normal(0, 0.1)
  shock z ~ ar1(rho: 0.5, sigma: 0.1)
  k' = n
  observe k, z
  reward -(k - 1)^2 - (n - k - 0.3 * z)^2 * exp(e)
  discount 0.9
}
";

/// All of a solution that a setting may change, as text; the code where it is refused.
fn outcome(source: &str) -> String {
    let (model, diagnostics) = econc::compile(source, &econc::Options::default());
    let Some(model) = model else {
        return diagnostics[0].code.clone();
    };
    match driver::solve(&model, &driver::Request::default(), &mut silent) {
        Ok(s) => format!("{s:?}"),
        Err(d) => d[0].code.clone(),
    }
}

#[test]
fn every_key_of_solve_changes_a_result_or_is_refused() {
    // Grid and chain are econc's own.
    let finer = |settings: &str| {
        format!(
            "model w\nagent p {{\n  state k in [0.1, 3], start 1\n  shock z ~ ar1(rho: 0.8, sd: 0.2)\n  action s in [0.01, 0.9]\n  \
             k' = 0.1 + s * exp(z) * k^0.4\n  reward log((1 - s) * exp(z) * k^0.4)\n  discount 0.8\n}}\n\
             solve {{ periods = 640; burn_in = 20; {settings} }}\n"
        )
    };
    // Coarse where the case says nothing.
    let store = |settings: &str| {
        let base = ["grid.k = uniform(12)", "chain.z = rouwenhorst(3)", "quadrature.e = 3"];
        let key = |text: &str| text.split(' ').next().unwrap_or_default().to_string();
        let kept = base.iter().filter(|b| !settings.contains(&key(b)));
        let kept: Vec<String> = kept.map(|b| format!("{b}; ")).collect();
        format!("{STORE}solve {{ {}{settings} }}\n", kept.concat())
    };
    let hunt = |settings: &str| {
        let game = "agent hunter[2] {\n  action d in {hare, stag}\n  let s = if d == stag then 1 else 0\n  reward if s > 0 then (if both > 1 then 5 else 0) else 3\n}\n\
            market wood {\n  let n = sum(hunter.s)\n  give hunter.both = n + 0 * hunter.s\n}\n";
        format!("{game}solve {{ concept = nash; {settings} }}\n")
    };
    let fringe = |settings: &str| {
        let firm = |name: &str| format!("agent {name} {{ action q in [0, 20]; reward p * q - q^2 / 2 }}\n");
        let market = "market m { price p = 12 - a.q - b.q }\n";
        format!(
            "{}{}{market}solve {{ concept = nash; {settings} }}\n",
            firm("a"),
            firm("b")
        )
    };
    let still = STORE.replace("exp(e)", "1").replace("0.3 * z", "0");
    let certain = |settings: &str| format!("{still}solve {{ grid.k = uniform(12); {settings} }}\n");
    // (key, two settings whose outcomes differ); a code stands for a refusal.
    let cases: &[(&str, String, String)] = &[
        (
            "method",
            certain("method = value_iteration"),
            certain("method = grid_search"),
        ),
        (
            "concept",
            FIRM.replace("solve {", "solve { concept = planner;"),
            FIRM.replace("solve {", "solve { concept = competitive;"),
        ),
        ("concept.*", fringe(""), fringe("concept.b = competitive")),
        (
            "given.*",
            FIRM.replace("solve {", "solve { given.p = 4;"),
            FIRM.replace("solve {", "solve { given.p = 5;"),
        ),
        ("grid.*", store("grid.k = uniform(12)"), store("grid.k = log(15)")),
        (
            "chain.*",
            store("chain.z = rouwenhorst(3)"),
            store("chain.z = tauchen(5)"),
        ),
        ("quadrature.*", store("quadrature.e = 3"), store("quadrature.e = 7")),
        (
            "tolerance",
            store("howard = 0; tolerance = 1e-9"),
            store("howard = 0; tolerance = 1e-2"),
        ),
        (
            "policy_tolerance",
            store("howard = 0; tolerance = 1"),
            store("howard = 0; tolerance = 1; policy_tolerance = 1e-6"),
        ),
        ("iterations", store("iterations = 1000"), store("iterations = 1")),
        ("howard", store("howard = 50"), store("howard = 0")),
        (
            "damping",
            FIRM.replace("solve {", "solve { concept = competitive;"),
            FIRM.replace("solve {", "solve { concept = competitive; damping = 0.5;"),
        ),
        (
            "interpolation",
            store("interpolation = cubic"),
            store("interpolation = linear"),
        ),
        (
            "information",
            SAVER.replace("OBSERVED", "k"),
            SAVER
                .replace("OBSERVED", "k")
                .replace("solve {", "solve { information = full;"),
        ),
        ("find", hunt("find = one"), hunt("find = all")),
        (
            "select",
            hunt("select = payoff_dominant"),
            hunt("select = risk_dominant"),
        ),
        ("periods", store("periods = 12800"), store("periods = 640")),
        ("burn_in", store("burn_in = 200"), store("burn_in = 3")),
        ("bellman", store("bellman = -3"), store("bellman = -20")),
        ("euler", store("euler = -3"), store("euler = -20")),
        ("edges", store("edges = 0.001"), store("edges = 0.5")),
        // Residuals that are to be smaller make grid and chain finer, if that is allowed.
        ("work", finer("euler = -4"), finer("euler = -4; work = 0")),
    ];
    // Those of laws of motion have their tests beside them (`tests/perceived.rs`).
    let here = |name: &str| name != "members" && !name.starts_with("law.");
    for key in SOLVE_KEYS.iter().filter(|k| here(k.name)) {
        let Some((_, one, other)) = cases.iter().find(|(name, _, _)| *name == key.name) else {
            panic!("no case for `{}`", key.name);
        };
        let (one, other) = (outcome(one), outcome(other));
        assert_ne!(one, other, "`{}` changes nothing", key.name);
        // Refusals are for what this version does not do, not for faults of the case.
        for text in [&one, &other] {
            let known = ["E0807", "E0825", "E0827", "E0901", "E0918"].contains(&text.as_str());
            assert!(known || text.len() > 100, "`{}`: {text}", key.name);
        }
    }
    // The members that stand for a continuum are counted when the file is read.
    let crowd = |settings: &str| {
        let source = format!("agent h[continuum] {{\n  action x in [0, 1]\n  reward x - x^2\n}}\n{settings}\n");
        compile(&source).graph.axes[0].size
    };
    assert_eq!((crowd(""), crowd("solve { members = 7 }")), (defaults::MEMBERS, 7));
    assert_eq!(
        (
            crowd("train ppo { members = 9 }"),
            crowd("train ppo { members = 9 }\nsolve { members = 7 }")
        ),
        (9, 7)
    );
}

#[test]
fn settings_without_anything_to_set_are_refused() {
    let with = |settings: &str| format!("{STORE}solve {{ {settings} }}\n");
    let whole = |settings: &str| {
        with(settings)
            .replace("k in [0.1, 3]", "k in 0..3")
            .replace("n in [0.1, 3]", "n in 0..3")
    };
    let finite = |settings: &str| {
        with(settings).replace("normal(0, 0.1)", "bernoulli(0.5)").replace(
            "ar1(rho: 0.5, sigma: 0.1)",
            "markov([low: 0, high: 1], [[0.5, 0.5], [0.5, 0.5]])",
        )
    };
    for source in [
        whole("grid.k = uniform(9)"),
        finite("chain.z = rouwenhorst(5)"),
        finite("quadrature.e = 9"),
        with("method = grid_search; interpolation = linear"),
    ] {
        assert_eq!(outcome(&source), "E0808", "{source}");
    }
    // A chain of an ar1 shock is none of draws that are made anew each period; as many nodes of their own rule are.
    let anew = |settings: &str| with(settings).replace("ar1(rho: 0.5, sigma: 0.1)", "iid normal(0, 0.1)");
    for chain in ["tauchen(9)", "rouwenhorst(5)", "farmer_toda(11)"] {
        assert_eq!(outcome(&anew(&format!("chain.z = {chain}"))), "E0805", "{chain}");
    }
    assert_ne!(outcome(&anew("chain.z = 5")), outcome(&anew("chain.z = 9")));
    // With a horizon nothing iterates, and the report says so.
    let s = solve(&format!("horizon 3\n{}", with("grid.k = uniform(9); tolerance = 1e-3")))
        .unwrap_or_else(|d| panic!("{d:?}"));
    assert!(s.solution.record.warnings.iter().any(|w| w.code == "W0825"));
}

#[test]
fn the_policy_is_waited_for_where_that_is_asked() {
    let with = |more: &str| {
        let source = format!("{STORE}solve {{ grid.k = uniform(12); howard = 0; tolerance = 0.5{more} }}\n");
        solve(&source).unwrap_or_else(|d| panic!("{d:?}")).solution.record
    };
    let (early, late) = (with(""), with("; policy_tolerance = 1e-7"));
    assert!(
        early.policy_change > 1e-7 && late.policy_change <= 1e-7,
        "{early:?} {late:?}"
    );
    assert!(late.iterations > early.iterations);
}

/// The keys of `train` blocks that are no options of a learner: shared ones, and those of single learners.
fn train_keys() -> Vec<Key> {
    let own = econc::learn::methods::LEARNERS.iter().flat_map(|l| l.keys);
    DRIVER_KEYS.iter().chain(own).copied().collect()
}

#[test]
fn every_shared_key_of_train_changes_the_plan_or_is_refused() {
    let planned = |settings: &str| -> String {
        let source = format!("{STORE}scenario s {{ periods 7 }}\ntrain q_learning {{ {settings} }}\n");
        let source = source
            .replace("k in [0.1, 3]", "k in 0..3")
            .replace("n in [0.1, 3]", "n in 0..3")
            .replace(
                "ar1(rho: 0.5, sigma: 0.1)",
                "markov([low: 0, high: 1], [[0.5, 0.5], [0.5, 0.5]])",
            );
        let (model, diagnostics) = econc::compile(&source, &econc::Options::default());
        let Some(model) = model else {
            return diagnostics[0].code.clone();
        };
        match plan(&model, &Asked::default()) {
            // What is shown is what was typed: it must not be what differs.
            Ok(p) => format!("{:?} {:?}", p.plan, p.seeds),
            Err(d) => d[0].code.clone(),
        }
    };
    for key in train_keys().iter().filter(|k| k.name != "members") {
        let (one, other) = match key.name {
            "seeds" => ("seeds = 1", "seeds = 2..3"),
            "agent" => ("", "agent = p"),
            "periods" => ("", "periods = 9"),
            "scenario" => ("", "scenario = s"),
            "evaluations" => ("evaluations = 20", "evaluations = 3"),
            "evaluation_episodes" => ("evaluation_episodes = 32", "evaluation_episodes = 4"),
            "evaluation_periods" => ("", "evaluation_periods = 9"),
            "stop_return" => ("", "stop_return = -1"),
            "patience" => ("", "patience = 2"),
            "shaping" => ("discount = 0.5", "discount = 0.5; shaping = true"),
            // One who learns alone by tables has neither; what these do to many is in `teams.rs`.
            "policies" => continue,
            "alternate" => ("", "alternate = 3"),
            "past_selves" => ("", "past_selves = 3"),
            "past_share" => ("", "past_share = 0.3"),
            "stop" => ("", "stop = stable(50)"),
            "random" => ("random = counter", "random = ran2"),
            "benchmarks" => ("", "benchmarks = [1, 2]"),
            other => panic!("no case for `{other}`"),
        };
        assert_ne!(planned(one), planned(other), "`{}` changes nothing", key.name);
    }
    assert_eq!(outcome(&format!("{STORE}solve {{ policies = shared }}\n")), "E0801");
    assert_eq!(planned("random = ran2"), "E0805");
    let model = compile(STORE);
    let asked = Asked {
        options: vec![("members".into(), "7".into())],
        ..Asked::default()
    };
    assert_eq!(plan(&model, &asked).map(|p| p.seeds).unwrap_err()[0].code, "E0808");
}

#[test]
fn learners_are_refused_a_discount_factor_that_is_not_one_number() {
    for (discount, one) in [
        ("0.9", true),
        ("0.9 - 0.1 * k", false),
        ("if k > 1 then 0.9 else 0.8", false),
    ] {
        let model = compile(&STORE.replace("discount 0.9", &format!("discount {discount}")));
        let found = plan(&model, &Asked::default());
        assert_eq!(found.is_ok(), one, "{discount}");
        if let Err(d) = found {
            assert_eq!(d[0].code, "E0828");
        }
    }
}

#[test]
fn what_holds_by_default_is_what_the_tables_say() {
    let (v, g) = (
        value_iteration::ValueIterationOptions::default(),
        grid_search::GridSearchOptions::default(),
    );
    let (c, t) = (grid::GridCertificateOptions::default(), grid::Thresholds::default());
    let said = |name: &str| -> Vec<String> {
        let key = SOLVE_KEYS.iter().find(|k| k.name == name).expect("a key");
        key.default.split([';', ' ', ',']).map(String::from).collect()
    };
    let first = |name: &str| -> f64 { said(name)[0].parse().expect("a number") };
    let third = |name: &str| -> f64 { said(name)[2].parse().expect("a number") };
    assert_eq!((first("tolerance"), third("tolerance")), (v.tolerance, g.tolerance));
    assert_eq!(
        (first("iterations"), third("iterations")),
        (v.improvements as f64, g.iterations as f64)
    );
    assert_eq!((first("howard"), third("howard")), (v.sweeps as f64, g.howard as f64));
    assert_eq!(first("periods"), (c.paths * c.periods) as f64);
    assert_eq!(first("burn_in"), c.burn_in as f64);
    assert_eq!(
        (first("euler"), first("bellman"), first("edges")),
        (t.euler, t.bellman, t.edges)
    );
    assert_eq!(first("members"), defaults::MEMBERS as f64);
    assert_eq!(first("work"), defaults::WORK);
}

#[test]
fn the_tables_of_the_book_are_those_of_the_program() {
    let book = include_str!("../docs/language.md");
    for keys in [SOLVE_KEYS, &train_keys()] {
        let table = settings::table(keys);
        for line in table.lines() {
            assert!(
                book.lines().any(|l| l == line),
                "docs/language.md lacks the line\n{line}"
            );
        }
    }
    let row = |k: &Key| format!("| `{}` |", k.name.replace('*', "NAME"));
    for k in VERIFY_KEYS {
        let line = book
            .lines()
            .find(|l| l.starts_with(&row(k)) && l.replace('`', "").contains(&k.default.replace('`', "")));
        assert!(
            line.is_some(),
            "docs/language.md lacks `{}` of verify with the default {}",
            k.name,
            k.default
        );
    }
    // And no row for a key that there is not.
    let known: Vec<String> = SOLVE_KEYS
        .iter()
        .chain(&train_keys())
        .chain(VERIFY_KEYS)
        .map(row)
        .collect();
    let settings = book
        .split("\n## ")
        .find(|s| s.starts_with("Settings"))
        .expect("a section on settings");
    for line in settings.lines().filter(|l| l.starts_with("| `")) {
        assert!(known.iter().any(|k| line.starts_with(k.as_str())), "{line}");
    }
}

#[test]
fn small_faults_are_said_when_the_file_is_read() {
    let codes = |source: &str| -> Vec<String> {
        let (_, d) = econc::compile(source, &econc::Options::default());
        d.into_iter().map(|d| d.into_message().code).collect()
    };
    for nothing in ["", "\n\n", "# only a comment", "# a model\rmodel m\ragent a { }\r"] {
        assert_eq!(codes(nothing), ["W0826"], "{nothing:?}");
    }
    let firm =
        |n: usize, reward: &str| format!("agent firm[{n}] {{\n  action p in [0, 1]\n  reward p + {reward}\n}}\n");
    for how in ["mean", "max", "min"] {
        let reward = format!("{how}(others(firm.p))");
        assert_eq!(codes(&firm(1, &reward)), ["E0829"], "{reward}");
        assert!(codes(&firm(2, &reward)).is_empty(), "{reward}");
    }
    assert!(codes(&firm(1, "sum(others(firm.p))")).is_empty());
    // Recursive utility is outside the language, and is said to be.
    for reward in ["log(p) + V'", "ez(p, 0.5)", "epstein_zin(p)"] {
        let (_, d) = econc::compile(&firm(1, reward), &econc::Options::default());
        assert!(
            d.iter()
                .any(|d| d.notes.iter().any(|n| n.contains("recursive utility"))),
            "{reward}: {d:?}"
        );
    }
}

/// The lines of `Examples:` in a help text, without what is said about them.
fn examples(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|l| !l.starts_with("Examples:")).skip(1);
    lines
        .map(str::trim)
        .filter(|l| l.starts_with("econc "))
        .map(|l| {
            l.split("   ")
                .next()
                .unwrap_or(l)
                .split(['|', '<'])
                .next()
                .unwrap_or(l)
                .trim()
                .to_string()
        })
        .map(|l| {
            l.split("  ")
                .next()
                .unwrap_or(&l)
                .trim_end_matches('\\')
                .trim()
                .to_string()
        })
        .collect()
}

#[test]
fn the_examples_of_help_work() {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
    let directory = tempfile::tempdir().expect("a scratch directory");
    let run = |line: &str| -> (Option<i32>, String, String) {
        let out = std::process::Command::new("sh")
            .current_dir(directory.path())
            .env("NO_COLOR", "1")
            .arg("-c")
            .arg(line.replacen("econc", env!("CARGO_BIN_EXE_econc"), 1))
            .output()
            .expect("a shell");
        let text = |b: Vec<u8>| String::from_utf8_lossy(&b).into_owned();
        (out.status.code(), text(out.stdout), text(out.stderr))
    };
    std::fs::create_dir(directory.path().join("models")).expect("a directory");
    for name in ["growth", "growth_markov", "cournot", "krusell_smith", "capital_goods"] {
        let from = format!("{models}/{name}.econ");
        // A coarse grid: what is tried is the command, not the numbers.
        let mut text = std::fs::read_to_string(&from).expect("a model");
        if name == "growth" {
            text = text.replace("verify {", "solve { grid.k = log(60) }\nverify {");
        }
        for to in [format!("{name}.econ"), format!("models/{name}.econ")] {
            std::fs::write(directory.path().join(to), &text).expect("a copy");
        }
    }
    let mut tried = 0;
    // A solve, so that there is a runs/growth-0001.
    assert_eq!(run("econc solve growth.econ").0, Some(0));
    for command in ["solve", "steady_state", "simulate", "check", "graph", "explain", "new"] {
        let (_, help, _) = run(&format!("econc {command} --help"));
        let lines = examples(&help);
        assert!(!lines.is_empty(), "{command}: {help}");
        for mut line in lines {
            if line.contains("--resume") {
                // Needs a run that was stopped on the way: tried where runs are stopped.
                continue;
            }
            if line.contains(" - ") {
                line = format!("{line} < growth.econ");
            }
            if line.contains("--set delta=2") {
                // That this number does not fit is what the example shows.
                assert_eq!(run(&line).0, Some(1), "{line}");
                continue;
            }
            if line.starts_with("econc new") {
                // Each example begins where the file is not there yet.
                let _ = std::fs::remove_file(directory.path().join("my_model.econ"));
            }
            let (code, out, err) = run(&line);
            assert_eq!(code, Some(0), "{line}\n{out}\n{err}");
            tried += 1;
        }
    }
    assert!(tried >= 15, "{tried}");
}

/// Numbers that are hardly ever meant, for every key that takes a number, in the file: each is refused with its place, the numbers that are
/// taken and a hint, or it is one of the few that may be anything.
#[test]
fn numbers_that_mean_nothing_are_refused() {
    let base = STORE.replace("solve { grid.k = uniform(12) }", "");
    let mut keys: Vec<(String, String)> = Vec::new();
    for (block, table) in [
        ("solve", SOLVE_KEYS),
        ("verify", VERIFY_KEYS),
        ("train ppo", DRIVER_KEYS),
    ] {
        for k in table {
            let number = matches!(k.kind, Kind::Above { .. } | Kind::Within { .. } | Kind::Whole { .. });
            if number && !k.name.contains('*') && k.name != "members" {
                keys.push((block.to_string(), k.name.to_string()));
            }
        }
    }
    for learner in econc::learn::methods::LEARNERS {
        for o in (learner.table)().iter().filter(|o| o.kind.contains("number")) {
            keys.push((format!("train {}", learner.method), o.key.to_string()));
        }
    }
    // In units of the model: no number is too large. Any number of draws, of rewards or of steps to learn from.
    let open = ["policy_tolerance", "stop_return", "initial_value"];
    assert!(keys.len() > 100, "{}", keys.len());
    for (block, key) in &keys {
        for value in ["-1e308", "-1", "0", "inf", "-inf", "0.5", "2", "1e308"] {
            let source = format!("{base}{block} {{ {key} = {value} }}\n");
            let (model, diagnostics) = econc::compile(&source, &econc::Options::default());
            let what = format!("{block} {{ {key} = {value} }}");
            if model.is_some() {
                let meant = !value.contains("inf") && (!value.contains("308") || open.contains(&key.as_str()));
                assert!(meant, "{what} is taken");
                continue;
            }
            let d = diagnostics
                .iter()
                .find(|d| d.severity == econc::diag::Severity::Error)
                .expect("an error");
            assert!(["E0805", "E0806"].contains(&d.code.as_str()), "{what}: {d:?}");
            let (span, _) = d.primary.as_ref().unwrap_or_else(|| panic!("{what}: no place"));
            assert!(
                source[span.start as usize..span.end as usize].contains(value),
                "{what}: {span:?}"
            );
            let hint = d.hint.as_deref().unwrap_or_else(|| panic!("{what}: no hint"));
            assert!(hint.len() > 5 && d.headline.len() < 120, "{what}: {d:?}");
        }
    }
    for (setting, said) in [
        ("solve { euler = 0.001 }", "euler = -3 asks for 0.001"),
        ("solve { bellman = 4 }", "bellman = -4"),
        ("verify { policy_error = 2 }", "policy_error = 2%"),
        ("verify { welfare_loss = 5 }", "welfare_loss = 5%"),
    ] {
        let (_, d) = econc::compile(&format!("{base}{setting}\n"), &econc::Options::default());
        let hint = d.iter().find_map(|d| d.hint.clone()).unwrap_or_default();
        assert!(hint.contains(said), "{setting}: {d:?}");
    }
}

/// What solving or simulating would refuse later is said when the file is read.
#[test]
fn what_can_only_fail_later_is_said_at_once() {
    let codes = |source: &str| -> Vec<String> {
        let (_, d) = econc::compile(source, &econc::Options::default());
        d.into_iter().map(|d| d.into_message().code).collect()
    };
    let saver = |more: &str| {
        format!(
            "agent p {{\n  state k in [0.5, 2], start 1\n  action s in [0.1, 0.9]\n  let c = (1 - s) * k^0.3\n  k' = clamp(s * k^0.3, 0.5, 2)\n  \
            reward log(c)\n  discount 0.9\n}}\n{more}\n"
        )
    };
    for (more, wanted) in [
        ("scenario a { force p.s = 2; periods 3 }", "E0817"),
        ("scenario a { force p.s = -0.1 + 0 * t; periods 3 }", "E0817"),
        ("solve { grid.k = log(0.1, 2, 50) }", "E0408"),
        ("solve { grid.k = uniform(0.5, 2.5, 50) }", "E0408"),
        ("solve { grid.k = [0.5, 1, 3] }", "E0408"),
    ] {
        assert_eq!(codes(&saver(more)), [wanted], "{more}");
    }
    for more in [
        "scenario a { force p.s = 0.1 * t; periods 3 }",
        "scenario a { force p.s = 0.9; periods 3 }",
        "solve { grid.k = log(0.5, 2, 50) }",
        "solve { grid.k = [0.5, 1, 2] }",
    ] {
        assert_eq!(codes(&saver(more)), [""; 0], "{more}");
    }
    let dated = saver("").replace("k^0.3\n  k'", "k^0.3 * (if t < 4 then 1.1 else 1)\n  k'");
    assert_eq!(codes(&dated), ["W0827"]);
    assert_eq!(codes(&format!("horizon 9\n{dated}")), [""; 0]);
    assert_eq!(codes(&dated.replace("t < 4", "t mod 4 < 2")), [""; 0]);
    // What reads it in a scenario or an observation alone is solved, or has reasons of its own.
    assert_eq!(
        codes(&saver(
            "scenario a { force p.s = if t < 2 then 0.2 else 0.3; periods 3 }"
        )),
        [""; 0]
    );
}

/// Beyond so many combinations of finite choices a solution does not keep what each is worth, and says so.
#[test]
fn choices_of_the_nearest_node_are_said() {
    let warned = |n: usize| {
        let choices: Vec<String> = (0..n).map(|i| format!("{:.4}", i as f64 / n as f64)).collect();
        let source = format!(
            "agent p {{\n  state k in [0, 1], start 0.5\n  action d in {{{}}}\n  k' = 0.5 * k + 0.5 * d\n  reward -(k - 0.6)^2 - 0.1 * (d - 0.3)^2\n  \
            discount 0.5\n}}\nsolve {{ grid.k = uniform(9); periods = 640; burn_in = 9 }}\n",
            choices.join(", ")
        );
        let solved = solve(&source).unwrap_or_else(|d| panic!("{d:?}"));
        let said = solved.solution.record.warnings.iter().any(|w| w.code == "W0910");
        assert_eq!(said, solved.solution.worth.is_empty(), "{n}");
        said
    };
    assert_eq!((warned(32), warned(33)), (false, true));
}
