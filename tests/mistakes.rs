//! Mistakes that people make when they write their first model: one message each, with what to type instead.

#[path = "mistakes/literal.rs"]
mod literal;

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
        "solvers take expectations",
    ),
    (
        "reward log(c)",
        "reward sum(beta^2 * log(c))",
        "E0304",
        "Solvers sum over time",
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
        "one row per value",
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
        "train ppo { n_steps = 64 }\nverify {",
        "E0801",
        "here it is called `horizon`",
    ),
    (
        "verify {",
        "train dqn { buffer_size = 1000 }\nverify {",
        "E0801",
        "here it is called `memory`",
    ),
    (
        "verify {",
        "solve { maxit = 100 }\nverify {",
        "E0801",
        "here it is called `iterations`",
    ),
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
    // Dates, as other programs and papers write them.
    (
        "(1 - delta) * k ",
        "(1 - delta) * k(-1) ",
        "E0203",
        "beginning of this period is `k`",
    ),
    ("(1 - delta) * k ", "(1 - delta) * k(+1) ", "E0203", "`k'`"),
    ("(1 - delta) * k ", "(1 - delta) * k(t) ", "E0203", "write `k`"),
    ("(1 - delta) * k ", "(1 - delta) * k(t + 1) ", "E0203", "`k'`"),
    ("(1 - delta) * k ", "(1 - delta) * k_t ", "E0201", "write `k`"),
    (
        "(1 - delta) * k ",
        "(1 - delta) * k_{t} ",
        "E0101",
        "that of this one `k`",
    ),
    (
        "k' = ",
        "k(+1) = ",
        "E0101",
        "the value of the next period is `k' = ..`",
    ),
    ("k' = ", "k_{t+1} = ", "E0102", "`k' = ..`"),
    ("k' = ", "k_t1 = ", "E0118", "`k' = ..`"),
    ("k' = ", "k_next = ", "E0118", "`k' = ..`"),
    ("exp(z)", "exp(z_t)", "E0201", "write `z`"),
    ("exp(z)", "exp(z(+1))", "E0203", "the next draw is `z'`"),
    (
        "log(c)",
        "log(c(+1))",
        "E0203",
        "only states and shocks have a next value",
    ),
    ("log(c)", "log(c(-1))", "E0203", "last(c)"),
    ("log(c)", "E_t[log(c)]", "E0201", "solvers take expectations"),
    ("log(c)", "E[log(c)]", "E0201", "solvers take expectations"),
    ("log(c)", "E_t(log(c))", "E0203", "solvers take expectations"),
    // A rate in per cent, where a part of 1 is meant.
    ("delta = 0.1 in [0, 1]", "delta = 10", "W0406", "10%, not 10"),
    // A weight of later periods inside the reward.
    (
        "reward log(c)",
        "reward 0.96^t * log(c)",
        "W0827",
        "`reward log(c)` with `discount 0.95`",
    ),
    // What moves with a shock and is above one in places.
    ("discount beta", "discount beta * exp(4 * z)", "W0707", "min(.., 0.99)"),
    // A function that nobody calls.
    (
        "verify {",
        "fn g(x) = x + nowhere\nverify {",
        "E0201",
        "`param nowhere = ..`",
    ),
    ("verify {", "fn g(x) = nothing(x)\nverify {", "E0203", "fn nothing(x)"),
    (
        "verify {",
        "scenario late { force planner.s = 0.3 at 25; periods 25 }\nverify {",
        "W0817",
        "periods 26",
    ),
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

/// The same, with what whoever follows the hint writes in its place.
const FOLLOWED: &[(&str, &str, &str, &str, &str)] = &[
    // Laws that the language does not have.
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "iid beta(2, 3)",
        "E0603",
        "discrete(",
        "iid discrete([0.1, 0.5, 0.9], [0.3, 0.4, 0.3])",
    ),
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "iid poisson(3)",
        "E0603",
        "discrete([0, 1, 2]",
        "iid discrete([0, 1, 2], [0.5, 0.3, 0.2])",
    ),
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "iid norml(0, 1)",
        "E0603",
        "`normal`",
        "iid normal(0, 1)",
    ),
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "garch(0.1, 0.8)",
        "E0603",
        "`ar1`",
        "ar1(rho: 0.9, sigma: 0.1)",
    ),
    (
        "agent planner {",
        "noise e ~ gamma(2, 3)\nagent planner {",
        "E0606",
        "exponential",
        "noise e ~ exponential(2)\nagent planner {",
    ),
    (
        "agent planner {",
        "noise e ~ ar1(rho: 0.9, sigma: 1)\nagent planner {",
        "E0606",
        "a process is a shock",
        "shock e ~ ar1(rho: 0.9, sigma: 1)\nagent planner {",
    ),
    // Where a chain starts.
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "markov([low: -0.1, high: 0.1], [[0.9, 0.1], [0.1, 0.9]]), start lo",
        "E0402",
        "start low",
        "markov([low: -0.1, high: 0.1], [[0.9, 0.1], [0.1, 0.9]]), start low",
    ),
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "markov([-0.1, 0.1], [[0.9, 0.1], [0.1, 0.9]]), start low",
        "E0402",
        "(-0.1, 0.1)",
        "markov([-0.1, 0.1], [[0.9, 0.1], [0.1, 0.9]]), start 0.1",
    ),
    (
        "ar1(rho: 0.95, sigma: 0.007)",
        "markov([low: -0.1, high: 0.1], [[0.9, 0.1], [0.1, 0.9]]), start 3",
        "E0402",
        "start low",
        "markov([low: -0.1, high: 0.1], [[0.9, 0.1], [0.1, 0.9]]), start low",
    ),
    // Horizons and discount factors.
    (
        "verify {",
        "horizon 0\nverify {",
        "E0405",
        "horizon 80",
        "horizon 80\nverify {",
    ),
    (
        "verify {",
        "horizon -5\nverify {",
        "E0405",
        "horizon 80",
        "horizon 80\nverify {",
    ),
    (
        "verify {",
        "horizon 40\nhorizon 50\nverify {",
        "E0113",
        "keep one",
        "horizon 40\nverify {",
    ),
    ("discount beta", "discount 0", "E0707", "horizon 1", "discount 0.96"),
    ("discount beta", "discount -0.9", "E0707", "0.9", "discount 0.9"),
    ("discount beta", "discount 1", "E0707", "0.96", "discount 0.96"),
    (
        "discount beta",
        "discount 1.05",
        "E0707",
        "1 / 1.05",
        "discount 1 / 1.05",
    ),
    (
        "discount beta",
        "discount 0.96\n  discount 0.95",
        "E0113",
        "keep one",
        "discount 0.96",
    ),
    // Comments and numbers of other languages.
    (
        "  let c",
        "  % what is eaten\n  let c",
        "E0111",
        "# what is eaten",
        "  # what is eaten\n  let c",
    ),
    (
        "(1 - s) * y\n",
        "(1 - s) * y % what is eaten\n",
        "E0111",
        "# what is eaten",
        "(1 - s) * y # what is eaten\n",
    ),
    ("  let c", "  // eaten\n  let c", "E0111", "`#`", "  # eaten\n  let c"),
    ("= 0.36", "= 36 %", "E0111", "`36%`", "= 36%"),
    ("k^alpha", "k % alpha", "E0111", "`mod`", "k mod alpha"),
    (
        "verify {",
        "train ppo { steps = 1M }\nverify {",
        "E0104",
        "1_000_000",
        "train ppo { steps = 1_000_000 }\nverify {",
    ),
    (
        "verify {",
        "train ppo { steps = 1.5M }\nverify {",
        "E0104",
        "1_500_000",
        "train ppo { steps = 1_500_000 }\nverify {",
    ),
    (
        "verify {",
        "train ppo { steps = 200k }\nverify {",
        "E0104",
        "200_000",
        "train ppo { steps = 200e3 }\nverify {",
    ),
    ("= 0.36", "= 0,36", "E0101", "0.36", "= 0.36"),
    ("discount beta", "discount 0,95", "E0101", "0.95", "discount 0.95"),
    ("rho: 0.95,", "rho: 0,95,", "E0603", "0.95, not 0,95", "rho: 0.95,"),
    ("[0.5, 20]", "[0,5, 20]", "E0101", "0.5, not 0,5", "[0.5, 20]"),
    // Signs that statements do not have.
    (
        "reward log(c)",
        "reward = log(c)",
        "E0101",
        "`reward log(c)`",
        "reward log(c)",
    ),
    (
        "reward log(c)",
        "reward: log(c)",
        "E0101",
        "`reward log(c)`",
        "reward log(c)",
    ),
    (
        "discount beta",
        "discount: 0.9",
        "E0101",
        "`discount 0.9`",
        "discount 0.9",
    ),
    (
        "observe k, z",
        "observe: k, z",
        "E0101",
        "`observe k, z`",
        "observe k, z",
    ),
    ("observe k, z", "observe k z", "E0101", "`k, z`", "observe k, z"),
    (
        "action s in [0, 1)",
        "action s = [0, 1)",
        "E0101",
        "action s in [0, 1)",
        "action s in [0, 1)",
    ),
    (
        "state k in [0.5, 20],",
        "state k >= 0.5,",
        "E0101",
        "state k in [0.5, inf), start uniform(2, 8)",
        "state k in [0.5, inf),",
    ),
    (
        "state k in [0.5, 20], start uniform(2, 8)",
        "state k = 2",
        "E0101",
        "state k in [0, 10], start 2",
        "state k in [0, 10], start 2",
    ),
    ("start uniform(2, 8)", "start = 2", "E0101", "`start 2`", "start 2"),
    // Choices between two.
    (
        "reward log(c)",
        "reward if c > 1 then c elif c > 2 then 3 else 0",
        "E0101",
        "else if",
        "reward if c > 1 then c else if c > 2 then 3 else 0",
    ),
    (
        "reward log(c)",
        "reward if c > 1 then c elseif c > 2 then 3 else 0",
        "E0101",
        "else if",
        "reward if c > 1 then c else if c > 2 then 3 else 0",
    ),
    (
        "reward log(c)",
        "reward if c > 1: c else: 0",
        "E0101",
        "if a then b else c",
        "reward if c > 1 then c else 0",
    ),
    (
        "reward log(c)",
        "reward log(c) if c > 1 else 0",
        "E0101",
        "the condition comes first",
        "reward if c > 1 then log(c) else 0",
    ),
    (
        "reward log(c)",
        "reward log(c) where c > 0",
        "E0101",
        "require c >= 0",
        "reward log(c)\n  require c >= 0",
    ),
    ("reward log(c)", "reward log c", "E0101", "`log(c)`", "reward log(c)"),
    // Continua.
    (
        "agent planner {",
        "agent planner[continuum mass 0.3] {",
        "E0101",
        "[continuum] mass 0.3",
        "agent planner[continuum] mass 0.3 {",
    ),
    (
        "agent planner {",
        "agent planner[continuum 500] {",
        "E0101",
        "[continuum]",
        "agent planner[continuum] {",
    ),
    // What is observed.
    (
        "observe k, z",
        "noise e ~ normal(0, 1)\n  observe k, z + e",
        "E0501",
        "shock e ~ iid normal(0, 1)",
        "shock e ~ iid normal(0, 1)\n  observe k, z + e",
    ),
    (
        "observe k, z",
        "noise e ~ normal(0, 1)\n  let signal = z + e\n  observe k, signal",
        "E0501",
        "as a shock",
        "shock e ~ iid normal(0, 1)\n  let signal = z + e\n  observe k, signal",
    ),
    // Rules.
    (
        "observe k, z",
        "observe k, z\n  policy s = 3",
        "E0817",
        "inside the bounds",
        "observe k, z\n  policy s = 0.3",
    ),
    (
        "observe k, z",
        "observe k, z\n  policy s = -0.1",
        "E0817",
        "inside the bounds",
        "observe k, z\n  policy s = 0.1",
    ),
    (
        "observe k, z",
        "observe k, z\n  policy s = 1 + k",
        "E0817",
        "min(.., hi)",
        "observe k, z\n  policy s = min(1 + k, 0.9)",
    ),
    (
        "observe k, z",
        "observe k, z\n  policy save = 0.3",
        "E0714",
        "`planner.s`",
        "observe k, z\n  policy s = 0.3",
    ),
    (
        "observe k, z",
        "observe k, z\n  policy s = 0.3\n  policy s = 0.2",
        "E0714",
        "keep one",
        "observe k, z\n  policy s = 0.3",
    ),
    // Actions.
    (
        "action s in [0, 1)",
        "action s in 0.1..0.9",
        "E0405",
        "written [a, b]",
        "action s in [0.1, 0.9]",
    ),
    (
        "action s in [0, 1)",
        "action s in [0, 0.9] on grid(0.1, 0.95, 5)",
        "E0408",
        "where the bounds end",
        "action s in [0, 0.9] on grid(0.1, 0.9, 5)",
    ),
    // Settings.
    (
        "verify {",
        "solve { grid.k = [1, 5, 3] }\nverify {",
        "E0805",
        "[1, 3, 5]",
        "solve { grid.k = [1, 3, 5] }\nverify {",
    ),
    (
        "verify {",
        "solve { grid.k = log(20, 0.5, 100) }\nverify {",
        "E0805",
        "log(0.5, 20, 100)",
        "solve { grid.k = log(0.5, 20, 100) }\nverify {",
    ),
    (
        "verify {",
        "solve { grid.k = linspace(1, 5, 30) }\nverify {",
        "E0805",
        "uniform(1, 5, 30)",
        "solve { grid.k = uniform(1, 5, 30) }\nverify {",
    ),
    (
        "verify {",
        "solve { chain.z = rouwenhurst(9) }\nverify {",
        "E0805",
        "rouwenhorst(9)",
        "solve { chain.z = rouwenhorst(9) }\nverify {",
    ),
    (
        "verify {",
        "scenario a { periods 3; periods 4 }\nverify {",
        "E0113",
        "keep one",
        "scenario a { periods 3 }\nverify {",
    ),
    // Where functions end.
    (
        "reward log(c)",
        "reward crra(c - 5, 2)",
        "W0404",
        "require x > 0",
        "require c > 5.1\n  reward crra(c - 5, 2)",
    ),
    (
        "action s in [0, 1)\n",
        "action s in [0, 1]\n",
        "W0404",
        "[0, 1)",
        "action s in [0, 1)\n",
    ),
];

#[test]
fn hints_work_when_they_are_followed() {
    let options = econc::Options::default();
    let mut wrong = Vec::new();
    for (right, typed, code, words, followed) in FOLLOWED {
        assert!(MODEL.contains(right), "{right}");
        let (_, found) = econc::compile(&MODEL.replacen(right, typed, 1), &options);
        let met = found
            .iter()
            .any(|d| d.code == *code && d.hint.as_deref().unwrap_or_default().contains(words));
        if !met {
            let said: Vec<_> = found.iter().map(|d| (&d.code, &d.headline, &d.hint)).collect();
            wrong.push(format!("{typed}: {said:?}"));
        }
        let (model, found) = econc::compile(&MODEL.replacen(right, followed, 1), &options);
        if model.is_none() || found.iter().any(|d| d.code == *code) {
            wrong.push(format!("{followed}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A warning names the function that is written, and one with a risk aversion below one takes zero.
#[test]
fn a_warning_about_crra_speaks_of_crra() {
    let compiled = |sigma: &str| {
        let text = MODEL.replacen("log(c)", &format!("crra(c, {sigma})"), 1);
        econc::compile(&text.replacen("[0, 1)", "[0, 1]", 1), &econc::Options::default()).1
    };
    let warned = compiled("2");
    assert!(
        warned
            .iter()
            .any(|d| d.code == "W0404" && d.headline.contains("`crra`")),
        "{warned:?}"
    );
    assert!(compiled("0.5").is_empty());
}

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

/// The cause of a mistake is said, and what follows from it is not: `(text, code)`.
const ALONE: &[(&str, &str)] = &[
    // Whether the firm's periods are linked is not known before the price is.
    (
        "agent firm[3] { action q in [0, 10]; reward (p - 1) * q }\nmarket goods { let Q = sum(firm.q); price p in [0, 10] }",
        "E0701",
    ),
    (
        "agent firm[3] { action q in [0, 10]; reward (p - 1) * q }\nmarket goods { price p }",
        "E0701",
    ),
];

#[test]
fn causes_are_said_alone() {
    for (text, code) in ALONE {
        let (_, found) = econc::compile(text, &econc::Options::default());
        let codes: Vec<&str> = found.iter().map(|d| d.code.as_str()).collect();
        assert_eq!(codes, [*code], "{text}: {found:#?}");
    }
    // All that `k_{t+1} = ..` cuts off is one mistake.
    let (_, found) = econc::compile(&MODEL.replacen("k' = ", "k_{t+1} = ", 1), &econc::Options::default());
    assert_eq!(found.len(), 1, "{found:#?}");
}

/// Models that say what cannot be meant, the message and words of its hint: none of them was refused by its grammar or its names.
const CANNOT_BE_MEANT: &[(&str, &str, &str)] = &[
    (
        "noise e ~ normal(0, 0.1 - 0.02 * a.w)\nagent a { state w in [0.1, 9], start 2; action c in (0, w]; w' = clamp(w - c + e, 0.1, 9); reward log(c); discount 0.9 }",
        "W0404",
        "max(x, 0)",
    ),
    (
        "shock Z ~ markov([bad: 0.9, good: 1.1], [[0.8, 0.2], [0.2, 0.8]])\nagent a { action c in [0, 1]; reward if Z == 2 then c else -c }",
        "W0405",
        "`Z == good`",
    ),
    (
        "shock Z ~ markov([bad: 0.9, good: 1.1], [[0.8, 0.2], [0.2, 0.8]])\nagent a { action c in [0, 1]; reward if Z != 2 then c else -c }",
        "W0405",
        "one of its values",
    ),
    (
        "agent a { state n in 1..4, start 1; action c in [0, 1]; n' = if n == 5 then 1 else n; reward -(c - n / 4)^2; discount 0.9 }",
        "W0405",
        "a value that it can take",
    ),
    (
        "agent a { action c in [0, 1]; reward clamp(c, 5, 1) }",
        "E0401",
        "the lower end comes first",
    ),
    (
        "agent o { state n in 1..10, start 1; action c in [0, 1]; n' = n + 1; reward -(c - n / 10)^2; discount 0.9 }",
        "W0406",
        "clamp(",
    ),
    (
        "agent o { state n in [1, 10], start 5; action c in [0, 1]; n' = 0.5 * n - c; reward -(c - n / 10)^2; discount 0.9 }",
        "W0406",
        "widen the domain",
    ),
    (
        "fn f(x) = f(x - 1)\nagent a { action c in [0, 1]; reward -(c - 0.5)^2 }",
        "E0203",
        "a recursion over time as a state",
    ),
    (
        "fn f(x) = 1 + g(x)\nfn g(x) = 2 * f(x)\nagent a { action c in [0, 1]; reward -(c - 0.5)^2 }",
        "E0203",
        "a recursion over time as a state",
    ),
];

/// What is like them and can be meant: nothing is said.
const CAN_BE_MEANT: &[&str] = &[
    "noise e ~ normal(0, 0.2 - 0.02 * a.w)\nagent a { state w in [0.1, 9], start 2; action c in (0, w]; w' = clamp(w - c + e, 0.1, 9); reward log(c); discount 0.9 }",
    "shock Z ~ markov([bad: 0.9, good: 1.1], [[0.8, 0.2], [0.2, 0.8]])\nagent a { action c in [0, 1]; reward if Z == 1.1 then c else -c }",
    "param s = 2\nfn u(c) = if s == 1 then log(c) else -(c - 0.5)^2\nagent a { action c in [0, 1]; reward u(c) }",
    "param n = 5\nagent a { action c in [0, 1]; reward clamp(c, 0, n) }",
    "agent o { state n in 1..10, start 1; action c in [0, 1]; n' = n + 1; reward -(c - n / 10)^2; discount 0.9; end when n == 10 }",
    "horizon 5\nagent o { state n in 1..10, start 1; action c in [0, 1]; n' = n + 1; reward -(c - n / 10)^2; discount 0.9 }",
    "agent o { state n in 1..10, start 1; action c in [0, 1]; n' = min(n + 1, 10); reward -(c - n / 10)^2; discount 0.9 }",
    "fn f(x) = g(x) + g(2 * x)\nfn g(x) = x^2\nagent a { action c in [0, 1]; reward -f(c) }",
    // Functions that nobody calls, over all that a function may read.
    "param s = 2\nset good = {bread, wine}\nfn spare(x, y) = (if x == bread then pi else s * normal_cdf(y)) + sum(g in good: a.c * inner(y))\nfn inner(q) = max(q, s)\nagent a { action c in [0, 1]; action d in {stay, go}; reward (if d == stay then c else -c) - s }\nfn other(d) = if d == stay then 1 else 0",
    // Laws that lead outside for most choices, not for all.
    "agent a { state w in [0, 10], start 5; action c in [0, 1e6]; w' = 1.01 * w - c; reward c - 0.1 * c^2; discount 0.9 }",
    // A discount factor that moves and stays below one.
    "shock z ~ markov([0.9, 0.99], [[0.8, 0.2], [0.2, 0.8]])\nagent a { state w in [0, 10], start 5; action c in [0, 1]; w' = 0.5 * w + c; observe w, z; reward w - c^2; discount z }",
    // A force that begins in time.
    "agent a { action c in [0, 1]; reward -(c - 0.5)^2 }\nscenario s { force a.c = 0.2 at 3..9; periods 4 }",
];

#[test]
fn what_cannot_be_meant_is_said() {
    let options = econc::Options::default();
    let mut wrong = String::new();
    for (text, code, words) in CANNOT_BE_MEANT {
        let (_, found) = econc::compile(text, &options);
        let met =
            found.len() == 1 && found[0].code == *code && found[0].hint.as_deref().unwrap_or_default().contains(words);
        if !met {
            wrong += &format!("{text}\n{code}, {words}: {found:#?}\n");
        }
    }
    for text in CAN_BE_MEANT {
        let (_, found) = econc::compile(text, &options);
        if !found.is_empty() {
            wrong += &format!("{text}\n{found:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_truth_is_no_number_on_the_command_line() {
    for (file, given, fine) in [
        (MODEL, "true", false),
        (MODEL, "0.9", true),
        (
            "param beta = false\nagent a { action c in [0, 1]; reward if beta then c else -c }",
            "true",
            true,
        ),
    ] {
        let options = econc::Options {
            set: vec![("beta".to_string(), given.to_string())],
            ..econc::Options::default()
        };
        let (model, found) = econc::compile(file, &options);
        assert_eq!(model.is_some(), fine, "{given}: {found:?}");
        let told = found
            .iter()
            .any(|d| d.code == "E0403" && d.hint.as_deref().unwrap_or_default().contains("--set beta=0.5"));
        assert_eq!(told, !fine, "{given}: {found:?}");
    }
}
