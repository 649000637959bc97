//! Who decides, what is taken as given, and the problem of one at stated prices.

use crate::common;
use common::{econc, model, said, scratch};
use econc::solve::solution::Solution;
use std::path::Path;

fn json(output: &std::process::Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(output)))
}

/// A shop that takes the price as given where it is stated: at price p it sells q = p - 1.
const SHOP: &str = "agent shop[continuum] {
  action q in [0, 10]
  reward p * q - q - q^2 / 2
}
market goods { price p = 10 - mean(shop.q) }
";

/// The same with a price that clears demand 10 - p.
const CLEARS: &str = "agent shop[continuum] {
  state k in [0, 10], start 1
  action q in [0, 10]
  k' = q
  reward p * q - q - q^2 / 2
  discount 0.9
}
market goods { price p in [0, 10] clears mean(shop.k) == 10 - p }
";

/// A column of the series that a simulation wrote into `t`, one number per period.
fn series(directory: &Path, name: &str) -> Vec<f64> {
    let text = std::fs::read_to_string(directory.join("t/series.csv")).expect("series");
    let mut lines = text.lines().map(|l| l.split(',').collect::<Vec<&str>>());
    let names = lines.next().unwrap_or_default();
    let column = names
        .iter()
        .position(|n| *n == name)
        .unwrap_or_else(|| panic!("{name} in {names:?}"));
    lines.map(|cells| cells[column].parse().expect("a number")).collect()
}

#[test]
fn at_a_stated_price_one_of_many_is_solved_and_the_rule_is_kept() {
    let dir = scratch();
    std::fs::write(dir.path().join("shop.econ"), SHOP).expect("a file");
    let refused = econc(dir.path(), &["solve", "shop.econ"]);
    let text = said(&refused);
    assert!(
        text.contains("E0810") && text.contains("--set given.goods.p=NUMBER"),
        "{text}"
    );
    let solved = econc(dir.path(), &["solve", "shop.econ", "--set", "given.p=4", "--out", "s"]);
    assert!(
        solved.status.success() && said(&solved).contains("W0834"),
        "{}",
        said(&solved)
    );
    let text = std::fs::read_to_string(dir.path().join("s/solution.ron")).expect("a solution");
    let found: econc::driver::Solved = ron::from_str(&text).expect("a readable solution");
    let solution: &Solution = &found.solution;
    assert!((solution.policy[0][0] - 3.0).abs() < 1e-6, "{:?}", solution.policy);
    let simulated = econc(
        dir.path(),
        &[
            "simulate",
            "shop.econ",
            "--set",
            "given.p=4",
            "--policy",
            "s",
            "--periods",
            "5",
            "--out",
            "t",
        ],
    );
    assert!(simulated.status.success(), "{}", said(&simulated));
    let moments = std::fs::read_to_string(dir.path().join("t/moments.csv")).expect("moments");
    let mean = |name: &str| -> f64 {
        let row = moments.lines().find(|l| l.starts_with(&format!("{name},")));
        let cell = row
            .and_then(|r| r.split(',').nth(1))
            .unwrap_or_else(|| panic!("{name} in {moments}"));
        cell.parse().expect("a number")
    };
    assert!((mean("goods.p_implied") - 7.0).abs() < 1e-6, "{moments}");
}

#[test]
fn of_a_market_that_clears_the_excess_is_shown() {
    let dir = scratch();
    std::fs::write(dir.path().join("shop.econ"), CLEARS).expect("a file");
    let why = econc(dir.path(), &["solve", "shop.econ", "--why", "--json"]);
    let why = json(&why);
    assert_eq!(why["seats"][0]["takes_as_given"][0]["price"], "goods.p");
    assert_eq!(
        why["seats"][0]["takes_as_given"][0]["closure"],
        "a market that clears determines it"
    );
    let simulated = econc(
        dir.path(),
        &[
            "simulate",
            "shop.econ",
            "--set",
            "given.p=4",
            "--policy",
            "fixed:q=3",
            "--periods",
            "5",
            "--out",
            "t",
        ],
    );
    assert!(simulated.status.success(), "{}", said(&simulated));
    let excess = series(dir.path(), "goods.p_excess");
    // Supply 3 against demand 10 - 4.
    assert!(excess.last().is_some_and(|x| (x + 3.0).abs() < 1e-9), "{excess:?}");
}

#[test]
fn what_a_household_saves_at_a_stated_price_is_what_others_find() {
    // Aiyagari (1994), sd 0.2, rho 0.6, mu 3, at r = 0.03 and the wage that goes with it: capital is 1.69754 a head, found
    // with an endogenous grid of 3000 nodes and a histogram.
    let dir = scratch();
    let file = model("aiyagari");
    let file = file.to_str().expect("a path");
    let set = ["--set", "given.r=0.03", "--set", "given.w=1.246857279797728"];
    let mut solve = vec!["solve", file, "--set", "grid.k=double_log(300)", "--out", "s"];
    solve.extend(set);
    let solved = econc(dir.path(), &solve);
    assert!(solved.status.success(), "{}", said(&solved));
    let mut play = vec![
        "simulate",
        file,
        "--policy",
        "s",
        "--periods",
        "1200",
        "--out",
        "t",
        "--on-chain",
    ];
    play.extend(set);
    let played = econc(dir.path(), &play);
    assert!(played.status.success(), "{}", said(&played));
    let values = series(dir.path(), "factors.r_implied");
    let late = &values[300..];
    let mean = late.iter().sum::<f64>() / late.len() as f64;
    let capital = ((mean + 0.08) / 0.36f64).powf(1.0 / (0.36 - 1.0));
    // Of a thousand members: a standard error of one per cent.
    assert!((capital / 1.69754 - 1.0).abs() < 0.035, "{capital} at {mean}");
}

#[test]
fn a_price_has_one_number_and_a_name_means_one_price() {
    let dir = scratch();
    let two = "agent a {\n  action x in [0, 10]\n  reward 4 * x - x^2 - bread.p * x - wine.p\n}\n\
        market bread { price p = 1 + 0.1 * a.x }\nmarket wine { price p = 2 + 0.1 * a.x }\n";
    std::fs::write(dir.path().join("two.econ"), two).expect("a file");
    std::fs::write(dir.path().join("shop.econ"), format!("{SHOP}solve {{ given.p = 4 }}\n")).expect("a file");
    let check = |arguments: &[&str]| said(&econc(dir.path(), arguments));
    let several = check(&["check", "two.econ", "--set", "given.p=1"]);
    assert!(
        several.contains("E0834") && several.contains("given.bread.p or given.wine.p"),
        "{several}"
    );
    let twice = check(&["check", "shop.econ", "--set", "given.p=1", "--set", "given.goods.p=2"]);
    assert!(twice.contains("E0834") && twice.contains("stated twice"), "{twice}");
    std::fs::write(dir.path().join("clears.econ"), CLEARS).expect("a file");
    let outside = check(&["check", "clears.econ", "--set", "given.p=11"]);
    assert!(
        outside.contains("E0834") && outside.contains("outside the domain"),
        "{outside}"
    );
    // What is typed takes the place of what the file says.
    let typed = check(&["check", "shop.econ", "--set", "given.goods.p=2"]);
    assert!(
        typed.contains("at 2: partial equilibrium") && !typed.contains("E0834"),
        "{typed}"
    );
}

#[test]
fn a_household_that_saves_without_end_is_not_certified() {
    // At q = 0.99 a discount factor of 0.99322 times the return is above 1: wealth grows for ever.
    let dir = scratch();
    let file = model("huggett");
    let solved = econc(
        dir.path(),
        &[
            "solve",
            file.to_str().expect("a path"),
            "--set",
            "given.q=0.99",
            "--out",
            "s",
        ],
    );
    let text = said(&solved);
    assert!(solved.status.code() == Some(1) && text.contains("E0913"), "{text}");
}

#[test]
fn a_noise_of_an_earlier_stage_is_this_periods() {
    let dir = scratch();
    let text = "stages lead, follow\nnoise e ~ uniform(-1, 1) at lead\n\
        agent a { action x in [0, 1] at lead; reward -(x - 0.5)^2 }\n\
        agent c { action q in [-2, 2] at follow; observe a.x, e; policy q = e; reward -(q - e)^2 }\n";
    std::fs::write(dir.path().join("see.econ"), text).expect("a file");
    let played = econc(
        dir.path(),
        &[
            "simulate",
            "see.econ",
            "--policy",
            "rule",
            "--periods",
            "50",
            "--out",
            "t",
        ],
    );
    let played = if played.status.success() {
        played
    } else {
        econc(
            dir.path(),
            &[
                "simulate",
                "see.econ",
                "--policy",
                "random",
                "--periods",
                "50",
                "--out",
                "t",
                "--force",
            ],
        )
    };
    assert!(played.status.success(), "{}", said(&played));
    for (q, e) in series(dir.path(), "c.q").iter().zip(series(dir.path(), "e")) {
        assert!((q - e).abs() < 1e-12, "{q} {e}");
    }
}

#[test]
fn prices_that_clear_together_are_stated_together() {
    let dir = scratch();
    let text = "agent buyer {\n  action x in [0, 10]\n  action y in [0, 10]\n  reward 4 * x - x^2 - p * x + 4 * y - y^2 - q * y\n}\n\
        market goods {\n  price p in [0, 10] clears buyer.x + 0.1 * q == p\n  price q in [0, 10] clears buyer.y + 0.1 * p == q\n}\n";
    std::fs::write(dir.path().join("a.econ"), text).expect("a file");
    let check = |set: &[&str]| {
        let mut all = vec![
            "simulate",
            "a.econ",
            "--policy",
            "fixed:x=1,y=1.25",
            "--periods",
            "3",
            "--out",
            "t",
            "--force",
        ];
        all.extend(set);
        econc(dir.path(), &all)
    };
    let alone = said(&check(&["--set", "given.p=2"]));
    assert!(alone.contains("E0834") && alone.contains("given.goods.q"), "{alone}");
    let both = check(&["--set", "given.p=2", "--set", "given.q=1"]);
    assert!(both.status.success(), "{}", said(&both));
    for (name, excess) in [
        ("goods.p_excess", 1.0 + 0.1 - 2.0),
        ("goods.q_excess", 1.25 + 0.2 - 1.0),
    ] {
        let x = *series(dir.path(), name).last().expect("a period");
        assert!((x - excess).abs() < 1e-9, "{name} {x}");
    }
}

#[test]
fn the_methods_are_listed_and_say_why_they_do_not_fit() {
    let dir = scratch();
    let listed = json(&econc(dir.path(), &["solve", "--list", "--json"]));
    let names: Vec<&str> = listed
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m["method"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "value_iteration",
            "time_iteration",
            "endogenous_grid",
            "grid_search",
            "one_shot",
            "linear_quadratic",
            "joint",
            "stationary",
            "perceived_law",
            "choice_probabilities",
            "best_replies"
        ]
    );
    let file = model("growth");
    let why = econc(
        dir.path(),
        &["solve", file.to_str().expect("a path"), "--why", "--json"],
    );
    assert!(why.status.success());
    let why = json(&why);
    assert_eq!(why["concept"], "planner");
    assert_eq!(why["methods"][0]["fits"], true);
    assert_eq!(why["methods"][3]["why_not"], "the action is not the next state");
    // The reason is the one that the method itself gives.
    let tried = econc(
        dir.path(),
        &["solve", file.to_str().expect("a path"), "--method", "grid_search"],
    );
    assert!(
        said(&tried).contains("the action is not the next state"),
        "{}",
        said(&tried)
    );
    let several = model("aiyagari");
    let why = econc(dir.path(), &["solve", several.to_str().expect("a path"), "--why"]);
    assert!(why.status.success());
    let text = said(&why);
    assert!(
        text.contains("takes `factors.r` as given: a rule determines it") && text.contains("stationary"),
        "{text}"
    );
}

/// Methods are found by one lookup, whoever decides: one that does not fit says so and names those that do.
#[test]
fn a_method_for_one_names_those_for_several_and_the_other_way_round() {
    let dir = scratch();
    let solved = |name: &str, more: &[&str]| {
        let file = model(name);
        let file = file.to_str().expect("a path");
        let out = econc(dir.path(), &[&["solve", file], more].concat());
        (out.status.code(), said(&out))
    };
    let (code, text) = solved("lq_duopoly", &["--method", "time_iteration"]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("time_iteration cannot solve this model: it solves the problem of one who decides"),
        "{text}"
    );
    assert!(
        text.contains("--method linear_quadratic") && !text.contains("planner"),
        "{text}"
    );
    let (code, text) = solved("growth", &["--method", "one_shot"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("one_shot cannot solve this model"), "{text}");
    let (code, text) = solved("cournot", &["--concept", "stackelberg"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("stages lead, follow"), "{text}");
    let file = dir.path().join("all.econ");
    let source = std::fs::read_to_string(model("lq_duopoly")).expect("a model");
    std::fs::write(&file, format!("{source}\nsolve {{ method = all }}\n")).expect("written");
    let out = econc(dir.path(), &["solve", file.to_str().expect("a path")]);
    assert!(said(&out).contains("--method all"), "{}", said(&out));
}

/// `--method all` where several decide: every equilibrium method that fits, and a table without times, the same on every machine.
#[test]
fn all_methods_for_several_are_compared() {
    let dir = scratch();
    let file = model("fish_war");
    let out = econc(
        dir.path(),
        &[
            "solve",
            file.to_str().expect("a path"),
            "--method",
            "all",
            "--out",
            "run",
        ],
    );
    let text = said(&out);
    assert_eq!(out.status.code(), Some(0), "{text}");
    assert!(text.contains("time of joint"), "{text}");
    let table = std::fs::read_to_string(dir.path().join("run/methods.csv")).expect("a table");
    assert!(!table.contains("time"), "{table}");
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert!(rows.len() > 1 && rows[0].starts_with("joint,holds"), "{table}");
    assert!(rows[1..].iter().all(|r| r.contains("holds")), "{table}");
}

/// A choice without an end makes its state idle: that is said, and not that there is no state.
#[test]
fn a_choice_without_a_limit_is_said_to_be_one_by_every_method() {
    let dir = scratch();
    let file = dir.path().join("endless.econ");
    let text = "agent a {\n  state k in [0.1, 20], start 1\n  action c in (0, inf)\n  k' = 1.02 * k - c + 0.5\n  observe k\n  reward log(c)\n  discount 0.95\n}\n";
    std::fs::write(&file, text).expect("written");
    for by in [&[][..], &["--method", "time_iteration"]] {
        let out = econc(dir.path(), &[&["solve", file.to_str().expect("a path")], by].concat());
        assert!(said(&out).contains("E0908"), "{by:?} {}", said(&out));
    }
}

#[test]
fn quantities_stand_beside_output_where_something_is_called_so() {
    let folder = scratch();
    let text = "shock z ~ ar1(rho: 0.5, sigma: 0.1)
shock w ~ ar1(rho: 0.5, sigma: 0.1)
agent a {
  state k in [-9, 9], start 0
  action x in [-9, 9]
  policy x = 1 - 2 * z
  let y = 3 + z
  k' = w
  observe k, z, w
  reward x
  discount 0.9
}
";
    std::fs::write(folder.path().join("m.econ"), text).expect("written");
    let line = [
        "simulate",
        "m.econ",
        "--periods",
        "500",
        "--worlds",
        "40",
        "--out",
        "run",
    ];
    let output = econc(folder.path(), &line);
    assert!(said(&output).contains("Beside output (a.y)"), "{}", said(&output));
    let csv = std::fs::read_to_string(folder.path().join("run/cycle.csv")).expect("cycle.csv");
    let row = |name: &str| -> Vec<f64> {
        let line = csv.lines().find(|l| l.starts_with(&format!("{name},")));
        let cells = line.unwrap_or_else(|| panic!("{name}: {csv}")).split(',').skip(1);
        cells.map(|c| c.parse().expect("a number")).collect()
    };
    let near = |x: f64, right: f64, by: f64| assert!((x - right).abs() < by, "{x} for {right}: {csv}");
    near(row("a.y")[0], 1.0, 1e-12);
    near(row("a.y")[1], 1.0, 1e-12);
    near(row("a.x")[0], 2.0, 1e-9);
    near(row("a.x")[1], -1.0, 1e-9);
    near(row("w")[0], 1.0, 0.05);
    near(row("w")[1], 0.0, 0.05);
    // Nothing is called output.
    std::fs::write(folder.path().join("m.econ"), text.replace("let y", "let yy")).expect("written");
    let output = econc(folder.path(), &[&line[..], &["--force"]].concat());
    assert!(
        output.status.success() && !said(&output).contains("Beside output"),
        "{}",
        said(&output)
    );
    assert!(!folder.path().join("run/cycle.csv").exists());
}
