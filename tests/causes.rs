//! Messages of solvers and commands name the cause, where it stands, and what mends it. Hints that say what to type are followed.

use crate::common;

use common::{econc, said, scratch};
use econc::diag::Diagnostic;
use econc::driver::{Request, solve};
use econc::solve::progress::silent;
use econc::{Options, compile};

/// A planner who saves; one thing is changed at a time.
const GROWTH: &str = "model growth
param alpha = 0.36
shock z ~ markov([-0.01, 0.01], [[0.9, 0.1], [0.1, 0.9]])
agent planner {
  state k in [0.5, 20], start 4
  action s in [0, 1)
  let y = exp(z) * k^alpha
  let c = (1 - s) * y
  k' = 0.9 * k + s * y
  observe k, z
  reward log(c)
  discount 0.96
}
solve { grid.k = log(40) }
";

fn changed(from: &str, to: &str) -> String {
    assert!(GROWTH.contains(from), "{from}");
    GROWTH.replacen(from, to, 1)
}

/// What is said of a file, by the check or by the solver.
fn refused(text: &str) -> Vec<Diagnostic> {
    let (model, found) = compile(text, &Options::default());
    match model {
        None => found,
        Some(model) => match solve(&model, &Request::default(), &mut silent) {
            Err(errors) => errors,
            Ok(solved) => solved.certificate.reasons,
        },
    }
}

/// The first message of a code: its words, and the text it points at.
fn message(text: &str, code: &str) -> (String, String) {
    let all = refused(text);
    let Some(d) = all.iter().find(|d| d.code == code) else {
        panic!("no {code} in {all:#?}\n{text}");
    };
    let at = d
        .primary
        .as_ref()
        .map_or("", |(s, _)| &text[s.start as usize..s.end as usize]);
    let words = format!(
        "{}\n{}\n{}",
        d.headline,
        d.notes.join("\n"),
        d.hint.clone().unwrap_or_default()
    );
    (words, at.to_string())
}

#[test]
fn nothing_feasible_says_which_of_its_causes_it_is() {
    let law = "k' = 0.9 * k + s * y";
    let two = "action s in [0, 1)\n  action d in {go when k > 30, stay when k > 30}";
    let reads = "reward log(c) + (if d == go then 1 else 0)";
    let masked = changed("action s in [0, 1)", two).replacen("reward log(c)", reads, 1);
    let cases: [(String, &str, &str); 8] = [
        (
            changed("observe", "require c >= 100\n  observe"),
            "violate a requirement",
            "require c >= 100",
        ),
        (
            changed("observe", "require log(k - 30) >= 0\n  observe"),
            "violate a requirement",
            "require log(k - 30) >= 0",
        ),
        (
            changed("log(c)", "log(c) + inf - inf"),
            "a reward that is no number",
            "log(c) + inf - inf",
        ),
        (
            changed("log(c)", "log(c - 30)"),
            "a reward that is no number",
            "log(c - 30)",
        ),
        (
            changed("log(c)", "log(0 * c)"),
            "a reward of minus infinity",
            "log(0 * c)",
        ),
        (
            changed(law, "k' = 0.9 * k + s * y + sqrt(c - 100)"),
            "lead to a value of `planner.k` that is no number",
            "",
        ),
        (masked, "not allowed there by their `when`", ""),
        (
            changed("[0, 1)", "[0.5, 0.2]"),
            "the lower end comes first",
            "[0.5, 0.2]",
        ),
    ];
    for (text, words, at) in cases {
        let code = if words.starts_with("the lower") {
            "E0401"
        } else {
            "E0902"
        };
        let (said, place) = message(&text, code);
        assert!(said.contains(words), "{said}\n{text}");
        assert_eq!(place, at, "{said}\n{text}");
        // One cause, and it alone.
        let others = ["violate", "no number", "minus infinity", "not allowed"]
            .map(|w| usize::from(said.lines().nth(1).is_some_and(|n| n.contains(w))));
        assert!(code == "E0401" || others.iter().sum::<usize>() == 1, "{said}");
    }
}

#[test]
fn a_policy_that_does_not_rest_is_told_from_a_value_that_does_not() {
    let asked = changed("log(40)", "log(40); policy_tolerance = 1e-300");
    let (said, _) = message(&asked, "E0901");
    assert!(said.contains("asked for 1.000e-300 (policy_tolerance)"), "{said}");
    let typed = said.rsplit("write ").next().expect("words").trim();
    assert!(typed.starts_with("policy_tolerance = "), "{said}");
    let followed = changed("log(40)", &format!("log(40); {typed}"));
    assert!(
        refused(&followed).iter().all(|d| d.code != "E0901"),
        "{typed}: {:#?}",
        refused(&followed)
    );
    // Too few improvements are another cause.
    let (said, _) = message(&changed("log(40)", "log(40); iterations = 2"), "E0901");
    assert!(
        !said.contains("policy_tolerance") && said.contains("iterations = 20"),
        "{said}"
    );
}

#[test]
fn numbers_too_large_and_domains_too_wide_are_said() {
    let (said, at) = message(&changed("log(c)", "log(c) + exp(1000 * k)"), "E0903");
    assert!(
        said.contains("beyond 1.8e308") && at == "log(c) + exp(1000 * k)",
        "{said}"
    );
    for (domain, words) in [
        ("[0.5, 1e300]", "too wide for a grid: it ends at 1e300"),
        ("[4, 4]", "`param k = 4`"),
    ] {
        let text = changed("[0.5, 20]", domain).replacen("solve { grid.k = log(40) }\n", "", 1);
        let (said, _) = message(&text, "E0408");
        assert!(said.contains(words), "{said}");
    }
    // A chain of one state is no risk at all, whichever method makes it.
    for chain in ["rouwenhorst(1)", "tauchen(1)"] {
        let law = "ar1(rho: 0.9, sigma: 0.01)";
        let text = changed("markov([-0.01, 0.01], [[0.9, 0.1], [0.1, 0.9]])", law).replacen(
            "log(40)",
            &format!("log(40); chain.z = {chain}"),
            1,
        );
        let (said, at) = message(&text, "E0820");
        assert!(
            said.contains("has one state") && said.contains("chain.z = rouwenhorst(7)") && !at.is_empty(),
            "{said}"
        );
        assert!(
            refused(&text.replacen(chain, "rouwenhorst(7)", 1))
                .iter()
                .all(|d| d.code != "E0820")
        );
        assert!(
            refused(&text.replacen("sigma: 0.01", "sigma: 0", 1))
                .iter()
                .all(|d| d.code != "E0820")
        );
    }
    // Ends of the grid in the file are what the message asks for.
    let text = changed("[0.5, 20]", "[0.5, 1e300]").replacen("log(40)", "log(0.5, 20, 40)", 1);
    assert!(
        refused(&text).iter().all(|d| d.code != "E0408"),
        "{:#?}",
        refused(&text)
    );
}

#[test]
fn a_game_without_an_equilibrium_names_the_market_that_is_in_the_way() {
    let game = |clears: &str| {
        format!(
            "model m\nagent h[2] {{ action q in [0, 1]; reward q - p }}\nmarket g {{ price p in [0.1, 10] clears {clears} }}\n"
        )
    };
    let (said, _) = message(&game("sum(h.q) == 100 + p"), "E0917");
    assert!(
        said.contains("no price clears the market: `g.p`") && said.contains("left side"),
        "{said}"
    );
    let (said, _) = message(&game("(if p > 3 then 1 else -1) * (1 + sum(h.q)) == 0"), "E0917");
    assert!(
        said.contains("no price clears the market: `g.p`") && said.contains("g.p = 3"),
        "{said}"
    );
    let (said, _) = message(&game("sum(h.q) * 0 * p == 0 * p"), "E0917");
    assert!(said.contains("does not say which price"), "{said}");
}

#[test]
fn checks_name_the_cause() {
    let agent = "agent a { state x in 0..5, start 0; action e in [0, 1]; x' = min(x + h, 5); observe x; reward x - e; discount 0.9";
    let taste = "agent a { state x in 0..5, start 0; action d in {keep, go} taste gumbel(0); x' = if d == go then 0 else min(x + 1, 5); observe x; reward x; discount 0.9 }";
    let cases = [
        (
            format!("{agent}; noise h ~ discrete([0, 1], [1 - e, e]) }}"),
            "E0405",
            "bernoulli(p)",
        ),
        (taste.to_string(), "E0715", "leave `taste` out"),
        (
            "agent h[3] { action d in [0, 10]; reward log(1 + d) - p * d }\n".into(),
            "E0201",
            "price p in",
        ),
    ];
    for (text, code, words) in cases {
        let (said, _) = message(&text, code);
        assert!(said.contains(words), "{said}");
    }
    // A market that is not brought in: the prices it would have declared are not unknown names.
    let market = "agent miner[2] { action share in (0, 1); let want = share / p; reward log(1 - share) + log(got) }\nagent baker[2] { action sell in (0, 1); reward log(1 - sell) + log(p * sold) }\nmarket square = spot(lo: 0.01, hi: 100) among buyer: miner(d: want), seller: baker(s: sell)\nsolve { concept = competitive }\n";
    let found = refused(market);
    let codes: Vec<&str> = found.iter().map(|d| d.code.as_str()).collect();
    assert_eq!(codes, ["E0207"], "{found:#?}");
    assert!(
        found[0]
            .hint
            .as_ref()
            .is_some_and(|h| h.contains("`use std.markets.{spot}`")),
        "{found:#?}"
    );
    let (model, left) = compile(&format!("use std.markets.{{spot}}\n{market}"), &Options::default());
    assert!(model.is_some(), "{left:#?}");
}

#[test]
fn series_that_are_not_finite_and_numbers_far_from_zero_are_told_by_the_command() {
    let directory = scratch();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
    let walk = |of: &str| {
        format!(
            "model m\nagent a {{ state k in 0..1, start 0; action d in {{go, stay}}; noise e ~ normal(0, 1); let w = {of}; k' = 1 - k; observe k; reward (if d == go then 1 else 0) + 0 * e; discount 0.9 }}\n"
        )
    };
    write("far.econ", &walk("1e9 + e"));
    write("none.econ", &walk("e / k"));
    let row = |name: &str| {
        let output = econc(
            directory.path(),
            &["simulate", name, "--periods", "4000", "--out", "s", "--force"],
        );
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let table = std::fs::read_to_string(directory.path().join("s/moments.csv")).expect("moments");
        let row = table
            .lines()
            .find(|l| l.starts_with("a.w,"))
            .expect("a row")
            .to_string();
        (row, said(&output))
    };
    let (far, quiet) = row("far.econ");
    let number = |i: usize| {
        far.split(',')
            .nth(i)
            .and_then(|x| x.parse::<f64>().ok())
            .expect("a number")
    };
    assert!((number(1) - 1e9).abs() < 0.1 && (number(2) - 1.0).abs() < 0.05, "{far}");
    assert!(!quiet.contains("W0979"), "{quiet}");
    let (_, told) = row("none.econ");
    assert!(
        told.contains("W0979") && told.contains("a.w: 2000 of 4000 times"),
        "{told}"
    );
}

#[test]
fn commands_say_what_can_be_done() {
    let directory = scratch();
    let at = directory.path();
    std::fs::write(at.join("growth.econ"), GROWTH).expect("written");
    let firms = "model c\nagent firm[3] { action q in [0, 9]; reward (p - 1) * q }\nmarket goods { price p = 10 - sum(firm.q) }\nsolve { concept = nash }\n";
    std::fs::write(at.join("firms.econ"), firms).expect("written");
    let says = |line: &str, exit: i32, words: &[&str]| {
        let asked: Vec<&str> = line.split(' ').collect();
        let output = econc(at, &asked);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(exit), "{line}: {told}");
        for w in words {
            assert!(told.contains(w), "{line}: no {w} in {told}");
        }
    };
    says("--version --json", 0, &["\"version\": \"", "\"program\": \"econc\""]);
    says(
        "verify firms.econ --learner ppo --with steps=30000 --with worlds=8 --with horizon=32 --with evaluations=2",
        0,
        &["gain of firm[3] by its best reply", "firm.q, off the equilibrium"],
    );
    says("steady_state growth.econ --set grid.k=40", 2, &["E0989", "grid.k=40"]);
    // A training that judged badly: its verdict holds no policy, and one failed run takes the place of another.
    says(
        "train growth.econ --learner ppo --with steps=400 --out t --quiet",
        0,
        &[],
    );
    for _ in 0..2 {
        says(
            "verify growth.econ --policy t --set verify.welfare_loss=0.0001% --out v --force --quiet",
            1,
            &["v.failed"],
        );
    }
    assert!(at.join("v.failed").is_dir() && !at.join("v.failed-2").exists());
    for line in [
        "export v.failed --to table --out p.csv",
        "simulate growth.econ --policy v.failed",
    ] {
        says(line, 2, &["E0954", "holds no policy", "name the run it judged: t"]);
    }
    says("simulate growth.econ --policy t --periods 3 --quiet", 0, &[]);
    // Nothing to resume is not sent elsewhere to be resumed.
    says(
        "solve --resume t",
        2,
        &["E0954", "it is complete: there is nothing to resume"],
    );
    says("train --resume t", 2, &["E0953", "it is whole"]);
    // Without --force the first failed run stays.
    says(
        "verify growth.econ --policy t --set verify.welfare_loss=0.0001% --out v --quiet",
        1,
        &["v.failed-2"],
    );
}

/// The hint about few updates is enough where it is followed, though defaults of worlds and horizons grow with steps.
#[test]
fn steps_that_are_asked_for_are_enough_for_updates() {
    let directory = scratch();
    std::fs::write(directory.path().join("growth.econ"), GROWTH).expect("written");
    let trained = |with: &str| {
        let line = format!("train growth.econ --learner ppo --out t --force {with}");
        let asked: Vec<&str> = line.split_whitespace().collect();
        said(&econc(directory.path(), &asked))
    };
    let told = trained("--with steps=2000 --with worlds=8");
    assert!(told.contains("W0930"), "{told}");
    let typed = told
        .split("for less per update: ")
        .nth(1)
        .and_then(|t| t.lines().next());
    let typed = typed.unwrap_or_else(|| panic!("{told}"));
    assert!(typed.contains("steps=") && typed.contains("horizon="), "{typed}");
    let followed = trained(typed);
    assert!(
        followed.contains("trained by ppo") && !followed.contains("W0930"),
        "{typed}: {followed}"
    );
}

/// A duopoly of the library; one thing is changed at a time.
const DUOPOLY: &str = "model rivals
use std.markets.{cournot}
agent firm[2] {
  action q in [0, 10]
  reward (p - 1) * q
}
market goods = cournot(a: 10, b: 1) among firm(q: q)
solve { concept = nash }
";

#[test]
fn what_a_market_of_the_library_lacks_is_said_alone_and_as_it_is_typed() {
    let one = |from: &str, to: &str| {
        assert!(DUOPOLY.contains(from), "{from}");
        let found = compile(&DUOPOLY.replacen(from, to, 1), &Options::default()).1;
        assert_eq!(found.len(), 1, "{found:#?}");
        (found[0].code.to_string(), found[0].hint.clone().unwrap_or_default())
    };
    assert_eq!(
        one("a: 10, b: 1", "a: 10"),
        ("E0209".to_string(), "write `b: ..` between the parentheses".to_string())
    );
    assert_eq!(
        one("firm(q: q)", "firm"),
        ("E0711".to_string(), "write `firm(q: q)`".to_string())
    );
    assert!(compile(DUOPOLY, &Options::default()).1.is_empty());
}

#[test]
fn names_of_other_notations_are_led_to_those_of_the_model() {
    let text = "model two\nagent firm1 { action q in [0, 10]; reward (p - 1) * q }\nagent firm2 { action q in [0, 10]; \
        reward (p - 1) * q }\nmarket goods { price p = 10 - q1 - q2 }\nsolve { concept = nash }\n";
    let hints = |text: &str| -> Vec<String> {
        let found = compile(text, &Options::default()).1;
        found.into_iter().filter_map(|d| d.into_message().hint).collect()
    };
    assert_eq!(hints(text), ["from here it is `firm1.q`", "from here it is `firm2.q`"]);
    assert!(hints(&text.replace("q1", "firm1.q").replace("q2", "firm2.q")).is_empty());
    let auction = "model a\nagent bidder[2] { shock v ~ iid uniform(0, 1); action b in [0, 1]; observe v; reward if b > \
        max(others(b)) then v - b else 0 }\nsolve { concept = nash }\n";
    assert_eq!(hints(auction), ["write `others(bidder.b)`"]);
    assert!(hints(&auction.replace("others(b)", "others(bidder.b)")).is_empty());
    let sum = DUOPOLY.replace("reward (p - 1) * q", "let Q = sum(i, q)\n  reward (p - 1) * q - 0 * Q");
    assert!(hints(&sum)[0].contains("`sum(firm.q)`"), "{:?}", hints(&sum));
    let start = GROWTH.replace("start 4", "start steady_state(k)");
    assert_eq!(
        hints(&start),
        ["outside all blocks write `param x_ss = steady_state(planner.k)`, and here `x_ss`"]
    );
    let followed = start
        .replace("start steady_state(k)", "start x_ss")
        .replace("param alpha", "param x_ss = steady_state(planner.k)\nparam alpha");
    assert!(hints(&followed).is_empty(), "{:?}", hints(&followed));
}

/// Lines that end in carriage returns alone are one line, and one message.
#[test]
fn old_line_ends_are_one_message() {
    let old = GROWTH.replace('\n', "\r");
    let (model, found) = compile(&old, &Options::default());
    assert!(model.is_none());
    let [only] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(
        only.code == "E0101" && only.headline.contains("carriage returns"),
        "{only:?}"
    );
    assert!(
        only.hint.as_deref().is_some_and(|h| h.contains("line feeds")),
        "{only:?}"
    );
    assert!(compile(&old.replace('\r', "\n"), &Options::default()).0.is_some());
    // A carriage return before a line feed is an end of a line as any other.
    assert!(compile(&GROWTH.replace('\n', "\r\n"), &Options::default()).0.is_some());
}

/// Numbers in messages are as short as somebody would write them.
#[test]
fn numbers_in_hints_can_be_read() {
    let small = changed("[0.5, 20], start 4", "[1e-300, 1e-299], start 5e-300");
    let small = small.replacen("0.9 * k + s * y", "1 + 0.9 * k + s * y", 1);
    let found = refused(&small);
    let d = found.iter().find(|d| d.code == "E0409").expect("a law that leaves");
    let hint = d.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("k' = clamp(.., 1e-300, 1e-299)"), "{hint}");
}

/// Of the ways out of a market in which nothing moves, those that are said to be solved are.
#[test]
fn markets_that_the_price_moves_are_solved() {
    let fixed = "agent buyer { action d in [0, 10]; reward 5 * d - d^2 / 2 - p * d }
agent firm[2] { action s in [0, 10]; reward p * s - s^2 / 2 }
market m { price p in [0, 10] clears buyer.d == sum(firm.s) }
";
    let found = refused(fixed);
    let d = found.iter().find(|d| d.code == "E0704").expect("nothing moves");
    let hint = d.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("`clears sum(firm.s) == 5 - p`"), "{hint}");
    assert!(hint.contains("`let want = share * income / p`"), "{hint}");
    let curve = "agent firm[2] { action s in [0, 10]; reward p * s - s^2 / 2 }
market m competitive { price p in [0, 10] clears sum(firm.s) == 5 - p }
";
    let share = "agent buyer[2] {
  action share in [0.01, 0.99]
  let income = 10
  let want = share * income / p
  reward log(want) + log((1 - share) * income)
}
market m competitive { price p in [0.1, 100] clears sum(buyer.want) == 5 }
";
    for way in [curve, share] {
        let (model, found) = compile(way, &Options::default());
        let model = model.unwrap_or_else(|| panic!("{found:?}"));
        let solved = solve(&model, &Request::default(), &mut silent);
        assert!(solved.is_ok_and(|s| s.certificate.passed), "{way}");
    }
}

/// A claim about a state that nothing pays for is looked at for as long as moments are of, however much the future is discounted.
#[test]
fn domains_of_states_that_nothing_pays_for_are_kept_in_late_periods_too() {
    let text = |domain: &str, other: &str, discount: f64| {
        format!(
            "model m\nagent p {{\n  state age in {domain}, start 1\n{other}  action c in [0, 1]\n  age' = age + 1\n  reward log(1 + c)\n  discount {discount}\n}}\n"
        )
    };
    let saving = "  state k in [0, 10], start 5\n  k' = min(k - 0.1 * c + 0.05, 10)\n";
    for (domain, other, discount) in [
        ("1..80", "", 0.9),
        ("[1, 80]", "", 0.9),
        ("1..300", "", 0.5),
        ("1..100", saving, 0.9),
    ] {
        let (note, _) = message(&text(domain, other, discount), "E0942");
        assert!(note.contains("`p.age` leaves its domain"), "{domain}: {note}");
    }
    let kept = refused(&text("1..700", "", 0.9));
    assert!(!kept.iter().any(|d| d.code == "E0942"), "{kept:#?}");
}

/// Where a state leaves its domain, what else is off follows from that, and no message advises what would not help.
#[test]
fn what_follows_from_a_domain_that_is_left_says_so() {
    let dir = scratch();
    let text = "model stock\nagent shop {\n  state x in 0..10, start 5\n  action o in 0..5\n  noise d ~ uniform_int(0, 4)\n  let sold = min(x + o, d)\n  \
                x' = x + o - d\n  observe x\n  reward 2 * sold - o - 0.5 * x\n  discount 0.95\n}\n";
    std::fs::write(dir.path().join("stock.econ"), text).expect("a file");
    let said = said(&econc(dir.path(), &["solve", "stock.econ"]));
    assert!(said.contains("error[E0942]") && said.contains("error[E0945]"), "{said}");
    assert!(
        !said.contains("please report") && !said.contains("more nodes"),
        "{said}"
    );
    assert!(said.contains("mend E0942 first"), "{said}");
}

/// Incomes in dollars make `crra` a constant less next to nothing, and rounding hides what choices are worth: that is said, and what it advises helps.
#[test]
fn rewards_that_differ_by_rounding_are_told_apart_from_coarse_grids() {
    let text = |reward: &str| {
        format!(
            "model m\nagent h {{\n  shock y ~ markov([lo: 18000, mid: 42000, hi: 95000], [[0.8, 0.18, 0.02], [0.08, 0.84, 0.08], [0.02, 0.18, 0.8]])\n  \
             state a in [-10000, inf), start 5000\n  let cash = 1.025 * a + y\n  action c in (0, cash + 10000]\n  a' = cash - c\n  observe a, y\n  \
             reward {reward}\n  discount 0.95\n}}\n"
        )
    };
    let found = refused(&text("crra(c, 3)"));
    let told = found
        .iter()
        .find(|d| d.hint.as_ref().is_some_and(|h| h.contains("count in other units")));
    assert!(
        told.is_some_and(|d| d.notes.iter().any(|n| n.contains("rounding hides"))),
        "{found:#?}"
    );
    let followed = refused(&text("c^(-2) / (-2)"));
    assert!(
        followed.iter().all(|d| d.severity != econc::diag::Severity::Error),
        "{followed:#?}"
    );
}
