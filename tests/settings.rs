//! What settings, information and concepts mean to the solvers: every promise is kept or refused.

use econc::check::model::Model;
use econc::diag::Diagnostic;
use econc::solve::progress::Control;
use econc::verify::solved::{self, Solved};

fn compile(source: &str) -> Model {
    let (model, diagnostics) = econc::compile(source, &econc::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}\n{source}"))
}

fn solve_as(source: &str, options: &solved::Options) -> Result<Solved, Vec<Diagnostic>> {
    solved::solve(&compile(source), options, &mut |_| Control::Continue)
}

fn solve(source: &str) -> Result<Solved, Vec<Diagnostic>> {
    solve_as(source, &solved::Options::default())
}

/// The code of the refusal.
fn refused(source: &str, options: &solved::Options) -> String {
    match solve_as(source, options) {
        Ok(s) => panic!("solved: {:?}\n{source}", s.solution.policy),
        Err(d) => d[0].code.clone(),
    }
}

fn full() -> solved::Options {
    solved::Options {
        information: Some("full".into()),
        ..solved::Options::default()
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
    assert_eq!(refused(source, &solved::Options::default()), "E0825");
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
    assert_eq!(refused(source, &solved::Options::default()), "E0825");
    // A shock that is itself independent but conditions one that is seen is no noise.
    let source = source.replace("[[0.95, 0.05], [0.05, 0.95]]", "[[0.5, 0.5], [0.5, 0.5]]");
    assert_eq!(refused(&source, &solved::Options::default()), "E0825");
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
    assert_eq!(refused(boom, &solved::Options::default()), "E0826");
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
