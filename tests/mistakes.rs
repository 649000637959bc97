//! Mistakes that people make when they write their first model: one message each, with what to type instead.

/// The growth model with one thing changed, the code of the message, and words of its hint.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    ("k' = (1", "k = (1", "E0118", "`k' = ..` for the next value"),
    (
        "k' = ",
        "k(t+1) = ",
        "E0101",
        "the value of the next period is `k' = ..`",
    ),
    (
        "k' = ",
        "k[t+1] = ",
        "E0118",
        "the value of the next period is `k' = ..`",
    ),
    ("(1 - delta) * k ", "(1 - delta) * k(-1) ", "E0203", "last(k)"),
    ("  reward log(c)\n", "", "E0713", "write `reward"),
    ("reward log(c)", "reward log(c)\n  reward -s", "E0202", "keep one"),
    ("reward log(c)", "utility log(c)", "E0102", "write `reward log(c)`"),
    ("reward log(c)", "reward ln(c)", "E0203", "`log(x)`"),
    (
        "reward log(c)",
        "reward E(log(c))",
        "E0203",
        "expectations are taken by whoever solves",
    ),
    (
        "reward log(c)",
        "reward sum(beta^2 * log(c))",
        "E0304",
        "sums over time",
    ),
    ("reward log(c)", "reward max(c)", "E0304", "max(x, 0)"),
    (
        "reward log(c)",
        "reward c > 0 ? log(c) : -10",
        "E0111",
        "if a then b else c",
    ),
    (
        "reward log(c)",
        "reward c^(1 - gamma) / 2",
        "E0201",
        "`param gamma = ..`",
    ),
    ("reward log(c)", "reward log(c) - a_tax", "E0201", "`let a_tax = ..`"),
    ("discount beta", "discount 96", "E0707", "96%"),
    ("discount beta", "discount 1.04", "E0707", "1 / (1 + r)"),
    ("beta = 0.96", "beta = 96", "E0403", "96%"),
    ("k^alpha", "k**alpha", "E0111", "`^`"),
    ("k^alpha", "k^alhpa", "E0201", "`alpha`"),
    ("sigma: 0.007", "sigma: 0.007, sd: 0.02", "E0603", "keep one"),
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "normal(0, 0.007)",
        "E0603",
        "iid normal",
    ),
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "markov([0.9, 1.1], [[0.9, 0.1]])",
        "E0602",
        "one row a value",
    ),
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "markov([0.9, 1.1], [[1.2, -0.2], [0, 1]])",
        "E0605",
        "sum to 1",
    ),
    ("verify {", "solve { tol = 1e-8 }\nverify {", "E0801", "`tolerance`"),
    ("verify {", "solve { grid = 200 }\nverify {", "E0801", "`grid.NAME`"),
    (
        "verify {",
        "solve { method = vfi }\nverify {",
        "E0804",
        "`value_iteration`",
    ),
    (
        "verify {",
        "scenario a { k = 3 }\nverify {",
        "E0115",
        "start planner.k = 3",
    ),
    (
        "verify {",
        "scenario a { start k = 3 }\nverify {",
        "E0201",
        "`planner.k`",
    ),
    ("policy_error = 2%", "policy_error = 2", "E0805", "policy_error = 2%"),
];

const MODEL: &str = "param alpha = 0.36 in (0, 1)
param beta = 0.96 in (0, 1)
param delta = 0.1 in [0, 1]
shock z ~ ar1(rho: 0.95, sigma: 0.007)
agent planner {
  state k in [0.5, 20], start uniform(2, 8)
  action s in [0, 1)
  let y = exp(z) * k^alpha
  let c = (1 - s) * y
  k' = (1 - delta) * k + s * y
  observe k, z
  reward log(c)
  discount beta
}
verify { policy_error = 2% }
";

#[test]
fn mistakes_are_met_with_what_to_type() {
    let options = econc::Options::default();
    let (_, none) = econc::compile(MODEL, &options);
    assert!(none.is_empty(), "{none:?}");
    let mut wrong = Vec::new();
    for (right, typed, code, words) in MISTAKES {
        assert!(MODEL.contains(right), "{right}");
        let (_, found) = econc::compile(&MODEL.replacen(right, typed, 1), &options);
        let met = found
            .first()
            .is_some_and(|d| d.code == *code && d.hint.as_deref().unwrap_or_default().contains(words));
        if !met {
            let said: Vec<_> = found.iter().map(|d| (&d.code, &d.headline, &d.hint)).collect();
            wrong.push(format!("{typed}: {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
