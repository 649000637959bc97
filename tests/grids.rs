//! Grids and searches: policies without spikes, ends that hold starts and excursions, ranges of actions of any width.
//!
//! What is right is found here by other means: plain value iteration without policy evaluation, closed forms, roots of
//! first-order conditions.

use econc::check::model::Model;
use econc::driver::{self, Solved};
use econc::solve::progress::silent;

fn compile(source: &str, set: &[(&str, &str)]) -> Model {
    let mut options = econc::Options::default();
    for (name, value) in set {
        options.set.push((name.to_string(), value.to_string()));
    }
    let (model, diagnostics) = econc::compile(source, &options);
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn try_solve(source: &str, set: &[(&str, &str)]) -> Result<Solved, String> {
    let options = driver::Request {
        seed: 1,
        ..driver::Request::default()
    };
    let model = compile(source, set);
    driver::solve(&model, &options, &mut silent).map_err(|d| format!("{d:?}"))
}

fn solve(source: &str, set: &[(&str, &str)]) -> Solved {
    try_solve(source, set).unwrap_or_else(|d| panic!("{d}"))
}

fn nodes(s: &Solved) -> &[f64] {
    &s.solution.states[0].nodes
}

fn mean(s: &Solved, name: &str) -> f64 {
    let found = s.certificate.moments.iter().find(|m| m.name == name);
    found.unwrap_or_else(|| panic!("no moments of {name}")).mean
}

const GROWTH: &str = "
model g \"Growth\"
param alpha = 0.36
param beta = 0.99
param delta = 0.025
shock z ~ ar1(rho: 0.95, sigma: 0.007)
agent planner {
  state k in DOMAIN, start 38
  let cash = exp(z) * k^alpha + (1 - delta) * k
  action c in (0, cash)
  k' = cash - c
  observe k, z
  reward crra(c, 2)
  discount beta
}
solve { chain.z = rouwenhorst(3) }
";

/// Policy evaluation saves time and must not change the answer, on any node, whether the grid's ends are the file's or not.
#[test]
fn policy_evaluation_leaves_no_spikes() {
    for (domain, grid) in [("(0, inf)", "200"), ("[25, 55]", "200"), ("[12, 80]", "log(400)")] {
        let source = GROWTH.replace("DOMAIN", domain);
        let fast = solve(&source, &[("grid.k", grid)]);
        let plain = solve(&source, &[("grid.k", grid), ("howard", "0")]);
        assert!(fast.certificate.passed, "{domain} {:?}", fast.certificate.reasons);
        for (a, b) in fast.solution.value.iter().zip(&plain.solution.value) {
            assert!((a - b).abs() < 1e-6, "{domain}: value {a} and {b}");
        }
        for (a, b) in fast.solution.policy[0].iter().zip(&plain.solution.policy[0]) {
            assert!((a - b).abs() < 1e-6, "{domain}: consumption {a} and {b}");
        }
        let worst = fast.certificate.euler_grid.expect("Euler residuals").max;
        assert!(worst < -4.0, "{domain}: {worst}");
    }
}

const STARTS: &str = "
model s \"Somewhere\"
param k0 = 6
agent planner {
  state k in (0, inf), start k0
  action s in [0, 1)
  let y = k^0.33
  k' = 0.96 * k + s * y
  reward crra((1 - s) * y, 2)
  discount 0.98
}
";

/// The saving rate at `start` on the path to the rest point, by shooting: with too much consumption capital falls short of it, with
/// too little it never comes to rest.
fn shot(start: f64) -> f64 {
    let rest = (0.33 / (1.0 / 0.98 - 0.96_f64)).powf(1.0 / 0.67);
    let income = start.powf(0.33);
    let (mut lo, mut hi) = (0.0, income);
    for _ in 0..100 {
        let consumption = 0.5 * (lo + hi);
        let (mut k, mut c) = (start, consumption);
        let mut too_much = false;
        for _ in 0..2000 {
            let next = 0.96 * k + k.powf(0.33) - c;
            let (short, past) = if start < rest {
                (next < k, next > rest)
            } else {
                (next < rest, next > k)
            };
            if short || past || next.is_nan() {
                too_much = short;
                break;
            }
            c *= (0.98 * (0.96 + 0.33 * next.powf(-0.67))).sqrt();
            k = next;
        }
        if too_much {
            hi = consumption;
        } else {
            lo = consumption;
        }
    }
    1.0 - lo / income
}

#[test]
fn a_grid_that_the_solver_chooses_holds_the_start() {
    for k0 in ["0.5", "60"] {
        let s = solve(STARTS, &[("k0", k0)]);
        let k: f64 = k0.parse().expect("a number");
        let right = shot(k);
        let grid = nodes(&s);
        assert!(
            grid[0] <= k && k <= grid[grid.len() - 1],
            "{k0}: {} {}",
            grid[0],
            grid[grid.len() - 1]
        );
        let i = grid.iter().position(|x| *x >= k).expect("inside");
        let t = (k - grid[i - 1]) / (grid[i] - grid[i - 1]);
        let policy = &s.solution.policy[0];
        let ours = policy[i - 1] + t * (policy[i] - policy[i - 1]);
        assert!((ours - right).abs() < 2e-4, "{k0}: {ours} and {right}");
        assert!(s.certificate.passed);
    }
}

#[test]
fn a_start_outside_a_grid_of_the_file_is_an_error() {
    let e = try_solve(STARTS, &[("k0", "60"), ("grid.k", "log(1, 40, 100)")]).expect_err("outside");
    assert!(e.contains("E0975") && e.contains("starts at 60, outside"), "{e}");
    let e = try_solve(STARTS, &[("k0", "0.5"), ("grid.k", "[1, 10, 20]")]).expect_err("outside");
    assert!(e.contains("E0975"), "{e}");
}

/// The impatient with an interest rate below impatience have no steady state, however small marginal utility gets.
#[test]
fn the_very_rich_are_no_steady_state() {
    let source = "
model b \"Buffer\"
agent saver {
  shock y ~ markov([low: 0.4, mid: 1.0, high: 1.6], [[0.2, 0.6, 0.2], [0.2, 0.6, 0.2], [0.2, 0.6, 0.2]])
  state a in [0, inf), start uniform(0, 3)
  let cash = 1.03 * a + y
  action c in (0, cash]
  a' = cash - c
  observe a, y
  reward crra(c, 5)
  discount 0.94
}
";
    let s = solve(source, &[]);
    assert!(s.steady_state.is_empty(), "{:?}", s.steady_state);
    assert!(nodes(&s).last().is_some_and(|x| *x < 100.0));
    assert!(s.certificate.passed && mean(&s, "saver.a") < 3.0);
}

/// A year without income out of a hundred: what the poorest do shapes what everybody does. By the endogenous grid method on
/// savings down to 1e-8: consumption .6602 at 1 and .9936 at 2.
#[test]
fn rare_bad_draws_are_on_the_grid() {
    let source = "
model n \"Rare years without income\"
agent person {
  state m in (0, inf), start 1
  noise out ~ bernoulli(0.01)
  noise y ~ lognormal(-0.02, 0.2)
  action c in (0, m)
  m' = 1.02 * (m - c) + (if out then 0 else y)
  observe m
  reward crra(c, 4)
  discount 0.94
}
";
    let s = solve(source, &[]);
    let grid = nodes(&s);
    for (m, right) in [(1.0, 0.660_19), (2.0, 0.993_58)] {
        let i = grid.iter().position(|x| *x >= m).expect("inside");
        let t = (m - grid[i - 1]) / (grid[i] - grid[i - 1]);
        let policy = &s.solution.policy[0];
        let ours = policy[i - 1] + t * (policy[i] - policy[i - 1]);
        assert!((ours / right - 1.0).abs() < 5e-3, "{m}: {ours} and {right}");
    }
}

/// A firm that may be wound up starts anew at its start: its moments are those of lives from there, and where it would rest without
/// the end is no steady state. The rest point under the end solves a condition in one unknown.
#[test]
fn lives_that_end_begin_at_their_start() {
    let source = "
model w \"Winding up\"
agent firm {
  state k in [0.05, 10], start 1
  noise ends ~ bernoulli(0.05)
  action i in [0, 2]
  k' = 0.9 * k + i
  end when ends
  observe k
  reward k^0.5 - i - i^2 / 2
  discount 0.95
}
";
    let s = solve(source, &[]);
    assert!(s.steady_state.is_empty());
    assert!((mean(&s, "firm.k") - 2.8174).abs() < 0.05, "{}", mean(&s, "firm.k"));
    let gap = |k: f64| 1.0 + 0.1 * k - 0.95 * 0.95 * (0.5 / k.sqrt() + 0.9 * (1.0 + 0.1 * k));
    let (mut lo, mut hi) = (1.0, 9.0);
    for _ in 0..100 {
        let k = 0.5 * (lo + hi);
        if gap(k) < 0.0 { lo = k } else { hi = k }
    }
    let (grid, policy) = (nodes(&s), &s.solution.policy[0]);
    let i = grid.iter().position(|x| *x >= lo).expect("inside");
    let t = (lo - grid[i - 1]) / (grid[i] - grid[i - 1]);
    let ours = policy[i - 1] + t * (policy[i] - policy[i - 1]);
    assert!((ours - 0.1 * lo).abs() < 1e-4, "{ours} at {lo}");
}

/// `(p - 1) max(10 - p, 0)` is best at 5.5, however wide the range that the price may come from, and wherever zero lies in it.
#[test]
fn a_peak_is_found_in_a_wide_range() {
    for range in ["[0, 10000]", "[0, 1e7]", "[-10000, 10000]", "[-1e6, 20]", "[1, 300]"] {
        let source = format!(
            "
model m \"Monopoly\"
agent seller {{
  action p in {range}
  reward (p - 1) * max(10 - p, 0)
}}
horizon 1
"
        );
        let s = solve(&source, &[]);
        assert!(
            (s.solution.policy[0][0] - 5.5).abs() < 1e-4,
            "{range}: {:?}",
            s.solution.policy[0]
        );
        assert!((s.solution.value[0] - 20.25).abs() < 1e-6, "{range}");
    }
}

/// What an end pays belongs to the first-order condition, discounted: the rest point is the root of a condition in one unknown.
#[test]
fn a_bequest_is_part_of_the_condition() {
    let source = "
model w \"Warm glow\"
agent person {
  state a in [0, 60], start 2
  noise alive ~ bernoulli(0.98)
  let cash = 1.03 * a + 1
  action c in (0, cash]
  a' = cash - c
  end when not alive, paying 10 * log(1 + a')
  observe a
  reward log(c)
  discount 0.96
}
";
    let s = solve(source, &[]);
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    // 1/c = .96 (.98 1.03 / c + .02 10 / (1 + a)) with c = 1 + .03 a.
    let gap = |a: f64| {
        let c = 1.0 + 0.03 * a;
        1.0 / c - 0.96 * (0.98 * 1.03 / c + 0.2 / (1.0 + a))
    };
    let (mut lo, mut hi) = (0.0, 50.0);
    for _ in 0..100 {
        let a = 0.5 * (lo + hi);
        if gap(a) < 0.0 { lo = a } else { hi = a }
    }
    let (grid, policy) = (nodes(&s), &s.solution.policy[0]);
    let i = grid.iter().position(|x| *x >= lo).expect("inside");
    let t = (lo - grid[i - 1]) / (grid[i] - grid[i - 1]);
    let ours = policy[i - 1] + t * (policy[i] - policy[i - 1]);
    assert!((ours - 1.0 - 0.03 * lo).abs() < 1e-4, "{ours} at {lo}");
}

/// Right solutions that were failed: a choice of this period alone, a limit that always binds, a life that starts at its limit.
#[test]
fn right_solutions_hold() {
    let advertising = "
model a \"Advertising and a price\"
agent firm {
  state g in (0, inf), start 10
  shock m ~ ar1(rho: 0.8, sigma: 0.1)
  action ad in [0, 5]
  action p in [1, 10]
  g' = 0.85 * g + ad
  observe g, m
  reward exp(m) * sqrt(g) * (p - 1) * (10 - p) - 5 * ad - 2 * ad^2
  discount 0.95
}
solve { chain.m = rouwenhorst(3); grid.g = 60 }
";
    let limit = "
model d \"A limit that binds\"
agent p {
  state a in [0, inf), start 1
  action c in (0, 1.02 * a + 1]
  a' = 1.02 * a + 1 - c
  observe a
  reward log(c)
  discount 0.95
}
";
    // Three links are few for this shock, and the judgement in the model's own economy says so: what is asked here is that nothing is
    // held against the solution of the chain's problem.
    for source in [advertising, limit] {
        let s = solve(source, &[]);
        for code in ["E0911", "E0912", "E0913", "E0914", "E0915"] {
            let failed = s.certificate.reasons.iter().find(|d| d.code == code);
            assert!(failed.is_none(), "{failed:?}");
        }
    }
}

/// Hours have a cost of their own: where they are best the reward's slope in them is zero, and so may not be a unit of anything.
#[test]
fn hours_and_savings_hold_in_levels() {
    let source = "
model l \"Consumption, hours and a borrowing limit\"
agent household {
  shock z ~ markov([low: 0.4, mid: 1, high: 2], [[0.8, 0.2, 0], [0.1, 0.8, 0.1], [0, 0.2, 0.8]])
  state a in [0, 30], start 1
  action l in [0, 1]
  let cash = 1.02 * a + z * l
  action x in [0, 30]
  let c = cash - x
  require c >= 0
  a' = x
  observe a, z
  reward crra(c, 2) - 1.5 * l^2 / 2
  discount 0.95
}
";
    let s = solve(source, &[("grid.a", "100")]);
    let largest = s.certificate.bellman.expect("residuals").max;
    assert!(largest < 0.0, "{largest}");
}

#[test]
fn an_empty_range_is_named() {
    let source = "
model n \"Cash below zero\"
agent person {
  state a in [0, 20], start 1
  shock e ~ iid normal(0, 0.8)
  let cash = 1.02 * a + 1 + e
  action c in (0, cash]
  a' = cash - c
  observe a, e
  reward crra(c, 2)
  discount 0.96
}
";
    let e = try_solve(source, &[]).expect_err("nothing to choose");
    assert!(
        e.contains("E0902") && e.contains("empty") && e.contains("person.c"),
        "{e}"
    );
}

/// Where a state may be negative, a positive start says nothing of a scale: the grid lies around it, and the answer is Riccati's.
#[test]
fn grids_of_states_that_may_be_negative_lie_around_their_start() {
    let mut p = 1.0f64;
    for _ in 0..1000 {
        p = 1.0 + 0.9 * 0.81 * p - (0.9f64 * 0.9 * p).powi(2) / (1.0 + 0.9 * p);
    }
    let gain = 0.9 * 0.9 * p / (1.0 + 0.9 * p);
    for start in [1.0, 100.0, -3.0] {
        let source = format!(
            "agent p {{\n  noise e ~ normal(0, 1)\n  state x in (-inf, inf), start {start}\n  action q in [-2000, 2000]\n  x' = 0.9 * x + q + e\n  \
             reward -x^2 - q^2\n  discount 0.9\n}}\n"
        );
        let s = solve(&source, &[]);
        assert!(s.certificate.passed, "{start}: {:?}", s.certificate.reasons);
        let (first, last) = (nodes(&s)[0], nodes(&s)[nodes(&s).len() - 1]);
        assert!(first < 0.0 && first < start && start < last, "{first} to {last}");
        let scale = 1e-3 * (1.0 + start.abs());
        for (x, q) in nodes(&s).iter().zip(&s.solution.policy[0]) {
            let inside = *x > first + 0.2 * (last - first) && *x < last - 0.2 * (last - first);
            assert!(
                !inside || (q + gain * x).abs() < scale,
                "{start}: {q} at {x}, not {}",
                -gain * x
            );
        }
    }
}

/// A tolerance that no sum of sixteen digits can meet is said, with what was met.
#[test]
fn a_tolerance_below_rounding_is_a_warning() {
    let source = "agent p {\n  state x in [0, 5], start 1\n  action q in [0, 1]\n  x' = clamp(0.5 * x + q, 0, 5)\n  reward -(x - 2)^2 - q^2\n  discount \
                  0.9\n}\n";
    for (tolerance, said) in [("1e-300", true), ("1e-8", false)] {
        let s = solve(source, &[("tolerance", tolerance)]);
        let warned = s.solution.record.warnings.iter().any(|w| w.code == "W0909");
        assert_eq!(warned, said, "{tolerance}: {:?}", s.solution.record.warnings);
    }
}

/// Savings that nobody bounds: the first grid is far too short for a lucky life, and is made longer.
#[test]
fn ends_that_nobody_names_are_moved_until_nobody_goes_there() {
    let s = solve(
        "
model wide \"Savings without a bound\"
shock y ~ markov([0.2, 3], [[0.95, 0.05], [0.05, 0.95]])
agent saver {
  state a in [0, inf), start 1
  action s in [0, 0.99]
  let c = (1 - s) * (1.02 * a + y)
  a' = s * (1.02 * a + y)
  observe a, y
  reward log(c)
  discount 0.97
}
",
        &[],
    );
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    let richest = s
        .certificate
        .moments
        .iter()
        .find(|m| m.name == "saver.a")
        .map_or(f64::NAN, |m| m.max);
    let end = nodes(&s)[nodes(&s).len() - 1];
    assert!(richest < end && end < 150.0, "{richest} in a grid to {end}");
}

/// Where a constant share of the range is best, the constant that is held against the solution earns the same.
#[test]
fn the_best_constant_is_worth_the_solution_where_the_solution_is_constant() {
    let s = solve(
        "
model line \"A value that is a line\"
agent owner {
  state x in [0, 24], start 10
  action a in [0, 4]
  x' = 0.9 * x + a
  observe x
  reward x - a^2
  discount 0.9
}
solve { grid.x = uniform(9); interpolation = linear }
",
        &[],
    );
    let c = s.certificate.constant.as_ref().expect("a comparison");
    assert_eq!(c.kind, "share");
    assert!((c.actions[0] - 0.45 / 0.19 / 4.0).abs() < 1e-3, "{c:?}");
    assert!(
        (c.constant - c.solution).abs() < 1e-4 * (1.0 + c.solution.abs()),
        "{c:?}"
    );
}

/// Chances of a draw that move with the state belong to the first-order condition, weighted by themselves.
#[test]
fn first_order_conditions_hold_where_chances_move_with_the_state() {
    let s = solve(
        "
model store \"A store that may be robbed, the more the fuller it is\"
agent keeper {
  state k in [0.2, 4], start 1
  action c in [0.01, k]
  noise robbed ~ bernoulli(0.05 + 0.1 * k / 4)
  noise w ~ discrete([0.5, 0.9], [0.4, 0.6])
  k' = (if robbed then 0.5 else 1) * (k - c) * 1.05 + w
  observe k
  reward log(c)
  discount 0.92
}
solve { grid.k = uniform(200) }
",
        &[],
    );
    assert!(
        s.certificate.euler.as_ref().is_some_and(|e| e.p99 < -3.0),
        "{:?}",
        s.certificate.euler
    );
}

/// A belief that becomes certain rests at an end of its range, which nothing can leave.
#[test]
fn a_belief_that_becomes_certain_is_not_pressed_against_its_end() {
    for (safe, start) in [(0.5, 0.4), (0.55, 0.5), (0.45, 0.3)] {
        let s = solve(
            &format!(
                "model arms\nagent gambler {{\n  state p in [0, 1], start {start}\n  action d in {{safe, risky}}\n  noise win ~ \
                 bernoulli(0.2 + 0.6 * p)\n  p' = if d == safe then p else (if win then 0.8 * p / (0.2 + 0.6 * p) else 0.2 * p / \
                 (0.8 - 0.6 * p))\n  observe p\n  reward if d == safe then {safe} else win\n  discount 0.9\n}}\n"
            ),
            &[],
        );
        assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
        // By iteration over a fine table.
        let n = 8001;
        let at = |v: &[f64], p: f64| {
            let x = p * (n - 1) as f64;
            let i = (x as usize).min(n - 2);
            v[i] + (x - i as f64) * (v[i + 1] - v[i])
        };
        let mut v = vec![0.0; n];
        for _ in 0..400 {
            v = (0..n)
                .map(|i| {
                    let p = i as f64 / (n - 1) as f64;
                    let win = 0.2 + 0.6 * p;
                    let next = win * at(&v, 0.8 * p / win) + (1.0 - win) * at(&v, 0.2 * p / (1.0 - win));
                    (safe + 0.9 * v[i]).max(win + 0.9 * next)
                })
                .collect();
        }
        let solved = &s.solution.value;
        for (k, p) in nodes(&s).iter().enumerate() {
            assert!(
                (solved[k] - at(&v, *p)).abs() < 2e-3,
                "{p}: {} {}",
                solved[k],
                at(&v, *p)
            );
        }
    }
    // Ends that other choices would leave are ends against which lives are pressed.
    let narrow = solve(
        "model growth\nagent planner {\n  state k in [0.1, 20], start 1\n  action s in [0, 0.99]\n  let c = (1 - s) * k^0.36\n  k' = 0.9 * k + s * \
         k^0.36\n  observe k\n  reward log(c)\n  discount 0.96\n}\nsolve { grid.k = uniform(0.5, 2, 50) }\n",
        &[],
    );
    assert!(
        narrow.certificate.reasons.iter().any(|d| d.code == "E0913"),
        "{:?}",
        narrow.certificate.reasons
    );
}

/// Wealth of a saver with persistent income and a job goes further than the states of the chain lead: the end of the grid is moved there, and the
/// certificate holds without a word of the file's.
#[test]
fn an_end_that_only_continuous_draws_leave_is_moved() {
    let folder = crate::common::scratch();
    let text = "model saver\nagent saver {\n  shock z ~ ar1(rho: 0.9, sigma: 0.15)\n  shock job ~ markov([off: 0, on: 1], [[0.6, 0.4], [0.08, 0.92]])\n  \
                state a in [0, inf), start 1\n  let cash = 1.02 * a + 0.3 + job * exp(z)\n  action c in (0, cash]\n  a' = cash - c\n  reward log(c)\n  discount 0.93\n}\n";
    std::fs::write(folder.path().join("saver.econ"), text).expect("a file");
    let output = crate::common::econc(folder.path(), &["solve", "saver.econ", "--out", "run"]);
    let said = crate::common::said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    // On [0, 6], where the chain leads, lives leave the grid.
    let grid = said.split("saver.a: ").nth(1).and_then(|s| s.split(['[', ']']).nth(1));
    let top = grid
        .and_then(|s| s.split(", ").nth(1))
        .and_then(|x| x.parse::<f64>().ok());
    assert!(top.is_some_and(|x| x > 6.5), "{said}");
}
