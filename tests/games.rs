//! Games without states, as `econc solve` answers them: closed forms, rows of `models/*.toml`, several equilibria, none, and what is refused.

use econc::check::model::Model;
use econc::env::cast::Behaviour;
use econc::env::simulate;
use econc::graph::InputKind;
use econc::graph::eval::evaluate;
use econc::graph::shape::element_name;
use econc::solve::problem::ActionKind;
use econc::solve::progress::silent;
use econc::solve::solution::Solution;
use econc::verify::solved::{self, Solved};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const MODELS: &[&str] = &[
    "bank_run",
    "bertrand",
    "cournot",
    "entry_game",
    "exchange",
    "rationing",
    "rock_paper_scissors",
    "stackelberg",
];

fn compile(text: &str, set: &[(&str, &str)]) -> Model {
    let options = econc::Options {
        set: set.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
        ..econc::Options::default()
    };
    let (model, diagnostics) = econc::compile(text, &options);
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn file(name: &str, extension: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
    fs::read_to_string(path.with_extension(extension)).expect("a model")
}

fn solve(model: &Model, concept: Option<&str>) -> Solved {
    tried(model, concept).unwrap_or_else(|d| panic!("{}: {d:?}", model.name))
}

fn tried(model: &Model, concept: Option<&str>) -> Result<Solved, Vec<econc::diag::Diagnostic>> {
    let options = solved::Options {
        concept: concept.map(str::to_string),
        seed: 1,
        ..solved::Options::default()
    };
    solved::solve(model, &options, &mut silent)
}

/// Solves and asks for a certificate that holds.
fn held(model: &Model, concept: Option<&str>) -> Solved {
    let s = solve(model, concept);
    let reasons: Vec<&str> = s.certificate.reasons.iter().map(|d| d.headline.as_str()).collect();
    assert!(s.certificate.passed, "{}: {reasons:?}", model.name);
    s
}

fn bare(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

/// The first number of what the model computes at the solution's actions.
fn evaluated(model: &Model, s: &Solution, node: econc::graph::NodeId) -> Option<f64> {
    let inputs = model.graph.inputs.iter().map(|input| {
        let n = model.graph.elements(&input.shape);
        Some(match input.kind {
            InputKind::Action(i) => {
                let name = &model.actions[i].name;
                let of = |e: usize| {
                    let wanted = element_name(&model.graph, name, &input.shape, e, n);
                    let k = s.actions.iter().position(|a| a.name == *name || a.name == wanted)?;
                    s.policy[k].first().copied()
                };
                (0..n).map(of).collect::<Option<Vec<f64>>>()?
            }
            InputKind::Param(i) => model.params[i].values.clone(),
            _ => vec![0.5; n],
        })
    });
    let inputs: Option<Vec<Vec<f64>>> = inputs.collect();
    let values = evaluate(&model.graph, &inputs?).ok()?;
    values.nodes.get(node.0 as usize)?.first().copied()
}

/// A player's value on average over what it knows.
fn value(s: &Solution, agent: &str) -> Option<f64> {
    let p = s.players.iter().find(|p| bare(&p.name) == agent)?;
    Some(p.value.iter().zip(&s.chain.transition[0]).map(|(x, w)| x * w).sum())
}

/// The probability of a choice where nothing is known.
fn probability(s: &Solution, action: &str, label: &str) -> Option<f64> {
    let k = s.actions.iter().position(|a| bare(&a.name) == action)?;
    let ActionKind::Finite { labels, .. } = &s.actions[k].kind else {
        return None;
    };
    s.mixed[k].get(labels.iter().position(|l| l == label)?).copied()
}

/// The number behind `what`.
fn found(model: &Model, s: &Solved, what: &str, at: &str) -> Option<f64> {
    let one = &s.solution;
    let all = || std::iter::once(one).chain(&s.others);
    let pure = |s: &&Solution| s.mixed.iter().all(Vec::is_empty);
    // The patient wait: what is done where `impatient` is zero.
    let patient = |s: &Solution| s.chain.values.iter().position(|v| v == &[0.0]);
    let waits = |s: &&Solution| patient(s).is_some_and(|j| s.policy[0][j] == 0.0) && pure(s);
    match what {
        "number of equilibria in pure symmetric strategies" => return Some(all().filter(pure).count() as f64),
        "depositor.value when the patient wait" => return value(all().find(waits)?, "depositor"),
        "reward of a patient who waits when they do" => {
            let s = all().find(waits)?;
            return s.players[0].value.get(patient(s)?).copied();
        }
        "reward when all run" => return value(all().find(|s| pure(s) && !waits(s))?, "depositor"),
        _ => {}
    }
    if let Some((action, label)) = what
        .strip_prefix("P(")
        .and_then(|w| w.strip_suffix(')'))
        .and_then(|w| w.split_once(" = "))
    {
        return probability(one, action, label);
    }
    if let Some(agent) = what.strip_suffix(".value") {
        return value(one, agent);
    }
    if let Some((_, x)) = at.split_once(" = ") {
        let k = one.actions.iter().position(|a| bare(&a.name) == what)?;
        let x: f64 = x.parse().ok()?;
        let nodes: Vec<f64> = one.chain.values.iter().map(|v| v[0]).collect();
        let j = nodes.iter().position(|v| *v >= x)?.max(1);
        let up = (x - nodes[j - 1]) / (nodes[j] - nodes[j - 1]);
        return Some(one.policy[k][j - 1] * (1.0 - up) + one.policy[k][j] * up);
    }
    if one.shocks() > 1 {
        return s.certificate.moments.iter().find(|m| m.name == what).map(|m| m.mean);
    }
    if let Some(agent) = what.strip_suffix(".reward") {
        let agent = model.agents.iter().find(|a| a.name == agent)?;
        return evaluated(model, one, agent.reward?);
    }
    evaluated(model, one, model.names.iter().find(|n| n.name == what)?.node)
}

/// Compares a model with its rows; how many there were.
fn check(name: &str, faults: &mut String) -> usize {
    let mut solutions: BTreeMap<String, (Model, Solved)> = BTreeMap::new();
    let mut rows: Vec<BTreeMap<String, String>> = Vec::new();
    for line in file(name, "toml").lines() {
        match (line, line.split_once(" = ")) {
            ("[[expect]]", _) => rows.push(BTreeMap::new()),
            (_, Some((k, v))) if !rows.is_empty() => {
                let last = rows.len() - 1;
                rows[last].insert(k.into(), v.trim().trim_matches('"').into());
            }
            _ => {}
        }
    }
    let mut checked = 0;
    for row in rows.iter().filter(|r| r["how"].starts_with("solve")) {
        let concept = row["how"].strip_prefix("solve --concept ");
        let set = row.get("set").map_or("", String::as_str);
        let key = format!("{set} {concept:?}");
        let (model, s) = solutions.entry(key).or_insert_with(|| {
            let pairs: Vec<(&str, &str)> = set.split(", ").filter_map(|p| p.split_once(" = ")).collect();
            let model = compile(&file(name, "econ"), &pairs);
            let s = held(&model, concept);
            (model, s)
        });
        let what = row["what"].as_str();
        let got = match what {
            "reward of a patient who runs when they do" => deviation(model, 25, true),
            "reward of the one who waits when all run" => deviation(model, 100, false),
            _ => found(model, s, what, row.get("at").map_or("", String::as_str)),
        };
        let number = |k: &str| row[k].parse::<f64>().expect("a number");
        checked += 1;
        if got.is_none_or(|x| !((x - number("value")).abs() <= number("tolerance"))) {
            faults.push_str(&format!(
                "{name} {what} {set} ({}): {got:?}, expected {}\n",
                row["how"],
                number("value")
            ));
        }
    }
    checked
}

/// The reward of a patient depositor where so many of the others withdraw.
fn deviation(model: &Model, line: usize, runs: bool) -> Option<f64> {
    let inputs: Vec<Vec<f64>> = model
        .graph
        .inputs
        .iter()
        .map(|input| {
            let n = model.graph.elements(&input.shape);
            match input.kind {
                InputKind::Action(_) => (0..n)
                    .map(|e| f64::from(u8::from(if e == 0 { runs } else { e <= line })))
                    .collect(),
                InputKind::Param(i) => model.params[i].values.clone(),
                _ => vec![0.0; n],
            }
        })
        .collect();
    let values = evaluate(&model.graph, &inputs).ok()?;
    values.nodes.get(model.agents[0].reward?.0 as usize)?.first().copied()
}

#[test]
fn games_have_their_expected_numbers() {
    let mut faults = String::new();
    let checked: usize = MODELS.iter().map(|m| check(m, &mut faults)).sum();
    assert!(faults.is_empty(), "{faults}");
    assert!(checked > 25, "only {checked} numbers were checked");
}

#[test]
fn bids_are_a_share_of_what_the_object_is_worth() {
    if cfg!(debug_assertions) && std::env::var("ECONC_LONG").is_err() {
        return;
    }
    let mut faults = String::new();
    assert_eq!(check("first_price", &mut faults), 4);
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn quantities_of_few_firms_are_those_of_cournot() {
    for n in 2..=5u8 {
        let model = compile(&file("cournot", "econ"), &[("n", &n.to_string())]);
        let s = held(&model, Some("nash"));
        let q = 9.0 / (f64::from(n) + 1.0);
        assert_eq!(s.solution.actions.len(), 1, "alike");
        assert!(
            (s.solution.policy[0][0] - q).abs() < 1e-10,
            "{n}: {:?}",
            s.solution.policy
        );
        // A price that follows from what one sells moves with it.
        let moved = s.certificate.equilibrium.expect("an equilibrium").moved;
        assert!(moved > 1e-4, "{n}: {moved}");
    }
}

#[test]
fn unlike_firms_have_policies_of_their_own_and_one_of_them_may_stay_out() {
    let text = file("cournot", "econ").replace("param c = 1 ", "param c = [1, 2, 9] ");
    let s = held(&compile(&text, &[]), Some("nash"));
    let q: Vec<f64> = s.solution.policy.iter().map(|p| p[0]).collect();
    let right = [10.0 / 3.0, 7.0 / 3.0, 0.0];
    assert!(
        q.len() == 3 && q.iter().zip(right).all(|(x, y)| (x - y).abs() < 1e-7),
        "{q:?}"
    );
    assert_eq!(s.solution.players[2].name, "firm[3]");
}

const HUNT: &str = "agent hunter[2] {\n  action d in {hare, stag}\n  let s = if d == stag then 1 else 0\n  reward if s > 0 then (if both > 1 then 5 else 0) else 3\n}\n\
    market wood {\n  let n = sum(hunter.s)\n  give hunter.both = n + 0 * hunter.s\n}\n";

#[test]
fn several_equilibria_are_an_error_a_table_or_a_choice() {
    let with = |settings: &str| compile(&format!("{HUNT}solve {{ concept = nash; {settings} }}"), &[]);
    let refused = tried(&with("find = one"), None).expect_err("two equilibria");
    assert_eq!(refused[0].code, "E0918", "{refused:?}");
    let notes = refused[0].notes.join("\n");
    assert!(notes.contains("stag") && notes.contains("hare"), "{notes}");
    let all = held(&with("find = all"), None);
    // Both hunt the stag, both hunt hares, and a mixture: 5 p = 3.
    assert_eq!(all.others.len(), 2);
    let mixed = all.others.iter().find_map(|s| probability(s, "hunter.d", "stag"));
    assert!(mixed.is_some_and(|p| (p - 0.6).abs() < 1e-9), "{mixed:?}");
    let pays = |settings: &str| value(&held(&with(settings), None).solution, "hunter");
    // What pays more is riskier: 5 - 3 is less than 3.
    assert_eq!(pays("select = payoff_dominant"), Some(5.0));
    assert_eq!(pays("select = risk_dominant"), Some(3.0));
    assert_eq!(pays("select = from(start)"), Some(3.0));
}

#[test]
fn a_mixed_strategy_is_drawn_when_it_is_played() {
    let model = compile(&file("rock_paper_scissors", "econ"), &[]);
    let s = held(&model, None);
    let options = simulate::SimulationOptions {
        scenario: None,
        periods: Some(40),
        worlds: 200,
        seed: 3,
        on_chain: false,
        greedy: false,
    };
    let behaviour = Behaviour::Solved(std::sync::Arc::new(s.solution));
    let run = simulate::simulate(&model, &behaviour.into(), &options, &mut |_, _| true).expect("a simulation");
    let d = run
        .moments
        .iter()
        .find(|m| m.name.starts_with("player.d"))
        .expect("the choice");
    // Choices 0, 1, 2 with a third each: mean 1, sd sqrt(2/3).
    assert!(
        (d.mean - 1.0).abs() < 0.05 && (d.sd - (2.0f64 / 3.0).sqrt()).abs() < 0.05,
        "{d:?}"
    );
}

#[test]
fn what_everybody_sees_makes_one_game_for_each_state_of_it() {
    let text = "shock z ~ markov([low: 8, high: 12], [[0.5, 0.5], [0.5, 0.5]])\n\
        agent firm[2] { action q in [0, 10]; observe z; reward (z - sum(firm.q)) * q }\nsolve { concept = nash }";
    let s = held(&compile(text, &[]), None).solution;
    assert!(
        s.policy[0]
            .iter()
            .zip([8.0 / 3.0, 4.0])
            .all(|(q, x)| (q - x).abs() < 1e-9),
        "{:?}",
        s.policy
    );
    assert_eq!(s.chain.values, [[8.0], [12.0]]);
}

#[test]
fn two_different_players_without_a_pure_equilibrium_mix() {
    // Matching pennies in which one match pays four: the other plays heads with 1/5 to keep the first indifferent.
    let text = "agent a { action x in {heads, tails}; let h = if x == heads then 1 else 0; reward if h == b.g then (if h > 0 then 4 else 1) else -1 }\n\
        agent b { action y in {heads, tails}; let g = if y == heads then 1 else 0; reward if a.h == g then -1 else 1 }\nsolve { concept = nash }";
    let s = held(&compile(text, &[]), None).solution;
    let (a, b) = (probability(&s, "a.x", "heads"), probability(&s, "b.y", "heads"));
    assert!(a.is_some_and(|p| (p - 0.5).abs() < 1e-9), "{a:?}");
    // 4 p - (1 - p) = (1 - p) - p.
    assert!(b.is_some_and(|p| (p - 2.0 / 7.0).abs() < 1e-9), "{b:?}");
}

#[test]
fn what_has_no_equilibrium_says_so() {
    // Each wants to be a little above the other, up to an end from which it pays to fall back to nothing: replies go round.
    let text = "agent a { action x in [0, 1]; reward -(x - (if b.y > 0.5 then 0 else b.y + 0.6))^2 }\n\
        agent b { action y in [0, 1]; reward -(y - a.x)^2 }\nsolve { concept = nash }";
    let refused = tried(&compile(text, &[]), None).expect_err("no equilibrium");
    assert_eq!(refused[0].code, "E0917", "{refused:?}");
    assert!(refused[0].hint.is_some() && refused[0].primary.is_some());
}

#[test]
fn who_chooses_later_must_see_what_was_chosen() {
    let text = file("stackelberg", "econ").replace("observe leader.q; ", "");
    let refused = tried(&compile(&text, &[]), None).expect_err("not seen");
    assert!(refused[0].headline.contains("does not see"), "{refused:?}");
}

#[test]
fn competitive_markets_hold_only_their_own_prices() {
    // Two firms sell in one market as price takers; under Nash they see through it.
    let text = "agent firm[2] { action q in [0, 20]; reward p * q - q^2 / 2 }\nmarket m MARK { let Q = sum(firm.q); price p = 12 - Q }\nsolve { concept = nash }";
    let q = |text: &str| held(&compile(text, &[]), None).solution.policy[0][0];
    assert!((q(&text.replace("MARK", "")) - 3.0).abs() < 1e-9);
    assert!((q(&text.replace("MARK", "competitive")) - 4.0).abs() < 1e-9);
}

/// The code of what a text ends in, with the notes of the first diagnostic.
fn refused(text: &str, concept: Option<&str>) -> (String, String) {
    match tried(&compile(text, &[]), concept) {
        Ok(s) => panic!("{text}: {:?}", s.solution.policy),
        Err(d) => (d[0].code.to_string(), format!("{:?}", d[0])),
    }
}

/// What pays minus infinity, or no number, is not rested at.
#[test]
fn profiles_that_pay_nothing_known_are_no_equilibria() {
    let infinite = "agent a { action d in {l, r}; let x = if d == l then 1 else 0; reward log(x - b.x + 1) }\n\
                    agent b { action d in {l, r}; let x = if d == l then 1 else 0; reward x * a.x - x^2 + 0.1 * x }\n\
                    solve { find = all }\n";
    let s = tried(&compile(infinite, &[]), None).unwrap_or_else(|d| panic!("{d:?}"));
    for found in std::iter::once(&s.solution).chain(&s.others) {
        assert!(
            found.players.iter().all(|p| p.value.iter().all(|v| v.is_finite())),
            "{:?}",
            found.players
        );
    }
}

/// Members whose costs hardly differ, in intervals of any width, and a start (one per cent of the interval) that is nearly right.
#[test]
fn members_that_differ_a_little_do_not_play_alike_and_starts_are_no_equilibria() {
    for (step, top) in [(0.05, 1000.0), (0.001, 10.0), (0.05, 100.0), (0.03, 2000.0)] {
        let text = format!(
            "agent firm[3] {{ param c = [1, {}, {}]; action q in [0, {top}]; reward (p - c) * q }}\n\
             market goods {{ price p = 10 - sum(firm.q) }}\nsolve {{ concept = nash }}\n",
            1.0 + step,
            1.0 + 2.0 * step
        );
        let s = held(&compile(&text, &[]), None);
        let costs = [1.0, 1.0 + step, 1.0 + 2.0 * step];
        let sum: f64 = costs.iter().sum();
        for (i, c) in costs.iter().enumerate() {
            let right = (10.0 + sum) / 4.0 - c;
            let found = s.solution.policy[i.min(s.solution.policy.len() - 1)][0];
            assert!((found - right).abs() < 1e-6, "{step} {top}: {found} {right}");
        }
    }
    let text = "agent a { action q in [0, 20]; reward q * (7.96 - 0.45 * q - 0.3 * b.q) }\n\
                agent b { action q in [0, 20]; reward q * (7.47 - 0.67 * q - 0.82 * a.q) }\nsolve { find = all }\n";
    let s = held(&compile(text, &[]), None);
    assert!(
        s.others.is_empty() && (s.solution.policy[1][0] - 0.203958).abs() < 1e-6,
        "{:?}",
        s.solution.policy
    );
    // One leader, two followers: a = 10, c = 1: 4.5 and 1.5 each.
    for top in [8, 10, 20] {
        let text = format!(
            "stages lead, follow\nagent l {{ action q in [0, {top}] at lead; reward (p - 1) * q }}\n\
             agent f[2] {{ action q in [0, {top}] at follow; observe l.q; reward (p - 1) * q }}\n\
             market g {{ price p = 10 - l.q - sum(f.q) }}\nsolve {{ concept = stackelberg }}\n"
        );
        let s = held(&compile(&text, &[]), None);
        assert!(
            (s.solution.policy[0][0] - 4.5).abs() < 1e-4,
            "{top}: {:?}",
            s.solution.policy
        );
    }
}

#[test]
fn dates_stages_and_limits_that_a_game_cannot_honour_are_refused() {
    let cournot =
        "agent firm[2] { action q in [0, 10]; reward (p - 1) * q }\nmarket g { price p = 10 - sum(firm.q) }\n";
    let dated = cournot.replace("10 - sum", "10 + t - sum") + "horizon 4\n";
    let (code, said) = refused(&dated, None);
    assert!(code == "E0810" && said.contains("date"), "{said}");
    let three = "stages one, two, three\nagent a { action q in [0, 9] at one; reward (p - 1) * q }\n\
                 agent b { action q in [0, 9] at two; observe a.q; reward (p - 1) * q }\n\
                 agent c { action q in [0, 9] at three; observe a.q, b.q; reward (p - 1) * q }\n\
                 market g { price p = 10 - a.q - b.q - c.q }\nsolve { concept = stackelberg }\n";
    let (code, said) = refused(three, None);
    assert!(code == "E0810" && said.contains("two stages"), "{said}");
    let staged = file("stackelberg", "econ").replace("concept = stackelberg", "concept = open_loop");
    let (code, said) = refused(&staged, None);
    assert!(code == "E0810" && said.contains("stages"), "{said}");
    for key in [
        "bellman = -9",
        "euler = -9",
        "edges = 0.5",
        "periods = 400",
        "burn_in = 9",
    ] {
        let (code, said) = refused(&format!("{cournot}solve {{ {key} }}\n"), None);
        assert!(code == "E0808", "{key}: {said}");
    }
}
