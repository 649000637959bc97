//! Games without states, as `econc solve` answers them: closed forms, rows of `models/*.toml`, several equilibria, none, and what is refused.

use crate::common::expected;
use econc::check::model::Model;
use econc::driver::{self, Solved};
use econc::env::cast::Behaviour;
use econc::env::simulate;
use econc::graph::InputKind;
use econc::graph::eval::evaluate;
use econc::graph::shape::element_name;
use econc::solve::problem::ActionKind;
use econc::solve::progress::silent;
use econc::solve::solution::Solution;
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
    let options = driver::Request {
        concept: concept.map(str::to_string),
        seed: 1,
        ..driver::Request::default()
    };
    driver::solve(model, &options, &mut silent)
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
    let mut checked = 0;
    for row in expected::of_model(name).iter().filter(|r| r.how.starts_with("solve")) {
        let concept = row.how.strip_prefix("solve --concept ");
        let set = row.set.as_str();
        let key = format!("{set} {concept:?}");
        let (model, s) = solutions.entry(key).or_insert_with(|| {
            let model = compile(&file(name, "econ"), &row.settings());
            let s = held(&model, concept);
            (model, s)
        });
        let what = row.what.as_str();
        let got = match what {
            "reward of a patient who runs when they do" => deviation(model, 25, true),
            "reward of the one who waits when all run" => deviation(model, 100, false),
            _ => found(model, s, what, &row.at),
        };
        checked += 1;
        if got.is_none_or(|x| !row.met(x)) {
            faults.push_str(&format!(
                "{name} {what} {set} ({}): {got:?}, expected {}\n",
                row.how, row.value
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

/// Leader and follower of a linear market, on intervals of which even steps and powers of ten share points: one equilibrium, a / 2 and a / 4, also
/// where demand is drawn.
#[test]
fn a_leader_is_answered_by_the_best_reply_on_every_interval() {
    for (a, most, noise) in [
        (10, "20", false),
        (10, "10", false),
        (10, "100", false),
        (7, "12.3", false),
        (11, "8", false),
        (10, "20", true),
    ] {
        let (theta, drawn) = if noise {
            ("theta", format!("noise theta ~ normal({a}, 1)\n"))
        } else {
            ("a", format!("param a = {a}\n"))
        };
        let text = format!(
            "stages lead, follow\n{drawn}agent leader {{ action q in [0, {most}] at lead; reward ({theta} - q - follower.x) * q }}\n\
             agent follower {{ action x in [0, {most}] at follow; observe leader.q; reward ({theta} - x - leader.q) * x }}\n\
             solve {{ concept = nash; find = all }}\n"
        );
        let s = held(&compile(&text, &[]), None);
        assert!(s.others.is_empty(), "{text}");
        let does: Vec<f64> = s.solution.policy.iter().map(|p| p[0]).collect();
        let want = [f64::from(a) / 2.0, f64::from(a) / 4.0];
        let near = does.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-6);
        assert!(does.len() == 2 && near, "{text}{does:?}");
    }
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

/// Of three who want to match the least, every common number is an equilibrium.
const WEAKEST: &str = "agent w[3] { action x in [0, 10]; let low = min(w.x); reward 2 * low - x }\n";

#[test]
fn a_continuum_of_equilibria_is_said_and_its_best_start_is_not_the_best() {
    for settings in ["", "select = payoff_dominant", "select = risk_dominant"] {
        let (code, said) = refused(&format!("{WEAKEST}solve {{ concept = nash; {settings} }}\n"), None);
        assert!(code == "E0918" && said.contains("continuum"), "{settings}: {said}");
    }
    let s = held(&compile(&format!("{WEAKEST}solve {{ find = all }}\n"), &[]), None);
    let e = s.certificate.equilibrium.unwrap();
    assert!(s.others.len() > 1 && s.others.len() < 10, "{}", s.others.len());
    assert!(e.scope.iter().any(|c| c.contains("continuum")), "{:?}", e.scope);
    assert_eq!(e.gains.len(), 1 + s.others.len());
    // Three that are apart are none.
    let two = "agent a { action x in [0, 4]; reward -(x - b.y^2 / 3)^2 }\nagent b { action y in [0, 4]; reward -(y - a.x)^2 }\n";
    let s = held(&compile(&format!("{two}solve {{ find = all }}\n"), &[]), None);
    let e = s.certificate.equilibrium.unwrap();
    let mut x: Vec<f64> = std::iter::once(&s.solution)
        .chain(&s.others)
        .map(|s| s.policy[0][0])
        .collect();
    x.sort_by(f64::total_cmp);
    assert!(
        x.len() == 3 && x.iter().zip([0.0, 3.0, 4.0]).all(|(a, b)| (a - b).abs() < 1e-7),
        "{x:?}"
    );
    assert!(e.scope.iter().all(|c| !c.contains("continuum")), "{:?}", e.scope);
}

/// Quadratic rewards between bounds: every combination of ends and inner numbers, by linear algebra.
#[test]
fn all_equilibria_are_found_at_bounds_too() {
    // Strong substitutes: each of four may have the market to itself, and pairs and threesomes rest inside.
    for n in 2..=4usize {
        let names = ["a", "b", "c", "d"];
        let mut text = String::new();
        for (i, me) in names[..n].iter().enumerate() {
            let others: String = (0..n)
                .filter(|j| *j != i)
                .map(|j| format!(" - 1.2 * {}.q", names[j]))
                .collect();
            text += &format!("agent {me} {{ action q in [0, 20]; reward q * (10 + 0.1 * {i} - 0.5 * q{others}) }}\n");
        }
        let s = held(&compile(&format!("{text}solve {{ find = all }}\n"), &[]), None);
        // Every subset that sells: q = A^-1 a, those outside do not want to. With slopes 1 and 1.2 all subsets are equilibria.
        assert_eq!(1 + s.others.len(), (1 << n) - 1, "{n}");
    }
}

#[test]
fn members_who_are_alike_may_play_unlike_and_count_once_exchanged() {
    // One of two sells or both: alone 10 - q = 0; together 10 - q - 1.2 q = 0.
    let text = "agent f[2] { action q in [0, 20]; reward q * (10 - 0.5 * q - 1.2 * (Q - q)) }\nmarket m { let Q = sum(f.q) }\n";
    let count = |settings: &str| {
        let s = held(&compile(&format!("{text}solve {{ {settings} }}\n"), &[]), None);
        (1 + s.others.len(), s.certificate.equilibrium.unwrap().scope.join("; "))
    };
    let (one, said) = count("find = one");
    assert!(one == 1 && said.contains("playing alike, only"), "{said}");
    let (all, said) = count("find = all");
    assert!(all == 2 && said.contains("exchanged"), "{said}");
    // One enters or both do at random: of finite choices, too.
    let entry = "agent f[2] { action d in {out, enter}; let e = if d == enter then 1 else 0; reward e * (3 - 2 * n) }\nmarket m { let n = sum(f.e) }\n";
    let s = held(&compile(&format!("{entry}solve {{ find = all }}\n"), &[]), None);
    assert_eq!(1 + s.others.len(), 2, "one mixed, one in which one enters");
}

/// Payoffs of a game of two in matrices, written out.
fn table(own: &[Vec<f64>], i: &str, j: &str, by_row: bool) -> String {
    let mut text = String::new();
    for (a, row) in own.iter().enumerate() {
        for (b, x) in row.iter().enumerate() {
            let (mine, other) = if by_row { (i, j) } else { (j, i) };
            text += &format!("if {mine} == {a} and {other} == {b} then ({x}) else ");
        }
    }
    text + "0"
}

#[test]
fn games_of_many_choices_have_their_mixed_equilibria() {
    // A cycle of seven in which each choice beats the next three: all with one seventh.
    let n = 7usize;
    let beats = |i: usize, j: usize| match (j + n - i) % n {
        0 => 0.0,
        d if d <= 3 => 1.0,
        _ => -1.0,
    };
    let a: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| beats(i, j)).collect()).collect();
    let b: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| -a[i][j]).collect()).collect();
    let text = format!(
        "agent row {{ action i in 0..6; reward {} }}\nagent col {{ action j in 0..6; reward {} }}\n",
        table(&a, "i", "col.j", true),
        table(&b, "j", "row.i", false)
    );
    let s = held(&compile(&text, &[]), None);
    for label in 0..n {
        let p = probability(&s.solution, "row.i", &label.to_string());
        assert!(p.is_some_and(|p| (p - 1.0 / 7.0).abs() < 1e-9), "{p:?}");
    }
    // Five in a ring, each wants to match the one before, one to differ.
    let ring = "agent a { action x in 0..1; reward if x == e.x then 1 else 0 }\nagent b { action x in 0..1; reward if x == a.x then 0 else 1.3 }\n\
        agent c { action x in 0..1; reward if x == b.x then 1 else 0 }\nagent d { action x in 0..1; reward if x == c.x then 1 else 0 }\n\
        agent e { action x in 0..1; reward if x == d.x then 1 else 0 }\n";
    let s = held(&compile(ring, &[]), None);
    assert!(probability(&s.solution, "c.x", "1").is_some_and(|p| (p - 0.5).abs() < 1e-9));
}

#[test]
fn one_agent_may_take_the_price_that_the_other_sees_through() {
    let text = |settings: &str| {
        format!(
            "agent a {{ action q in [0, 20]; reward p * q - q^2 / 2 }}\nagent b {{ action q in [0, 20]; reward p * q - q^2 / 2 }}\n\
             market m {{ price p = 12 - a.q - b.q }}\nsolve {{ {settings} }}\n"
        )
    };
    let q = |settings: &str| -> Vec<f64> {
        let s = held(&compile(&text(settings), &[]), None);
        s.solution.policy.iter().map(|p| p[0]).collect()
    };
    let near = |x: &[f64], y: [f64; 2]| x.iter().zip(y).all(|(a, b)| (a - b).abs() < 1e-8);
    // A taker sells at p = q, the other at p = 2 q.
    assert!(near(&q("concept = nash; concept.b = competitive"), [2.4, 4.8]));
    assert!(near(&q("concept = competitive; concept.a = nash"), [2.4, 4.8]));
    assert!(near(&q("concept = nash"), [3.0, 3.0]) && near(&q("concept = competitive"), [4.0, 4.0]));
    let s = held(&compile(&text("concept.b = competitive"), &[]), None);
    assert_eq!(s.certificate.equilibrium.unwrap().concept, "nash; b competitive");
    let (code, _) = refused(&text("concept = planner; concept.b = competitive"), None);
    assert_eq!(code, "E0807");
    // The other concepts are about everybody, and other words are none.
    for (word, code) in [("planner", "E0807"), ("open_loop", "E0807"), ("competetive", "E0804")] {
        let source = text(&format!("concept.b = {word}"));
        let (_, found) = econc::compile(&source, &econc::Options::default());
        let codes: Vec<&str> = found.iter().map(|d| d.code.as_str()).collect();
        assert!(codes.contains(&code), "{word}: {codes:?}");
    }
}

/// Who sets a price and sells a share takes no price: asked for as a price taker he plays the game, and is told so.
#[test]
fn price_takers_without_a_price_are_told() {
    let warned = |s: &Solved| s.solution.record.warnings.iter().any(|d| d.code == "W0985");
    let logit = compile(&file("bertrand", "econ"), &[]);
    let s = held(&logit, Some("competitive"));
    assert!(warned(&s) && (s.solution.policy[0][0] - 1.472_927).abs() < 1e-5);
    assert!(!warned(&held(&logit, None)));
    assert!(!warned(&held(
        &compile(&file("cournot", "econ"), &[]),
        Some("competitive")
    )));
    let two = |b: &str| {
        format!(
            "agent a {{ action q in [0, 20]; reward p * q - q^2 / 2 }}\nagent b {{ action e in [0, 20]; reward e - e^2 / 2 - a.q / 9 }}\n\
             market m {{ price p = 12 - a.q }}\nsolve {{ concept = nash; concept.{b} = competitive }}\n"
        )
    };
    assert!(!warned(&held(&compile(&two("a"), &[]), None)));
    // A price that is posted and written as a state is seen through.
    let posted = held(&compile(&file("sticky_prices", "econ"), &[]), Some("competitive"));
    assert!(warned(&posted));
    assert!(!warned(&held(
        &compile(&file("growth_market", "econ"), &[]),
        Some("competitive")
    )));
}

#[test]
fn bounds_may_differ_by_member() {
    let text = "agent firm[2] { param cap = [1, 9]; action q in [0, cap]; reward (p - 1) * q }\nmarket m { price p = 10 - sum(firm.q) }\n";
    let s = held(&compile(text, &[]), None);
    let q: Vec<f64> = s.solution.policy.iter().map(|p| p[0]).collect();
    assert!(
        q.len() == 2 && (q[0] - 1.0).abs() < 1e-9 && (q[1] - 4.0).abs() < 1e-9,
        "{q:?}"
    );
}

/// Costs that only their owners know: with demand 10 - Q a firm of cost c sells (9.. - c)/2 less half of what it expects of the other.
#[test]
fn types_may_be_few_or_known_to_one_only() {
    let market = "market m { price p = 10 - a.q - b.q }\n";
    let low_high = "shock c ~ markov([low: 1, high: 2], [[0.5, 0.5], [0.5, 0.5]])";
    let firm = |name: &str, cost: &str, shock: &str, sees: &str| {
        format!("agent {name} {{ {shock}; action q in [0, 10]; {sees} reward (p - {cost}) * q }}\n")
    };
    let both = format!(
        "{}{}{market}",
        firm("a", "c", low_high, "observe c;"),
        firm("b", "c", low_high, "observe c;")
    );
    // q(c) = (10 - c - E q) / 2, E q = (10 - 1.5) / 3.
    let mean = 8.5 / 3.0;
    let s = held(&compile(&both, &[]), None).solution;
    for (c, q) in s.chain.values.iter().zip(&s.policy[0]) {
        assert!((q - (10.0 - c[0] - mean) / 2.0).abs() < 1e-8, "{c:?} {q}");
    }
    let one = format!(
        "{}{}{market}",
        firm("a", "c", low_high, "observe c;"),
        firm("b", "1", "param x = 1", "")
    );
    // b: q = (9 - E q_a) / 2; a: q = (10 - c - q_b) / 2.
    let b = (9.0 - 8.5 / 2.0) / 1.5;
    let s = held(&compile(&one, &[]), None).solution;
    assert!((s.policy[1][0] - b).abs() < 1e-8, "{:?}", s.policy[1]);
    // Alike members, and a draw that one knows.
    let alike = format!(
        "agent firm[2] {{ {low_high}; action q in [0, 10]; observe c; reward (p - c) * q }}\nmarket m {{ price p = 10 - sum(firm.q) }}\n"
    );
    let s = held(&compile(&alike, &[]), None).solution;
    assert!((s.policy[0][0] - (9.0 - mean) / 2.0).abs() < 1e-8, "{:?}", s.policy[0]);
    let drawn = format!(
        "{}{}{market}",
        firm("a", "c", "shock c ~ iid uniform(1, 2)", "observe c;"),
        firm("b", "1", "param x = 1", "")
    );
    let s = held(&compile(&drawn, &[]), None).solution;
    assert!((s.policy[1][0] - b).abs() < 1e-6, "{:?}", s.policy[1][0]);
}

#[test]
fn mixtures_that_form_a_continuum_are_said_to() {
    // Who is indifferent may do it with any chance, while the other's choice is strictly best.
    let text = "agent a { action x in 0..1; reward if b.y == 1 then 1 else x }\nagent b { action y in 0..1; reward y * (2 - a.x) }\n\
        agent c { action z in 0..1; reward z }\n";
    let s = held(&compile(&format!("{text}solve {{ find = all }}\n"), &[]), None);
    let e = s.certificate.equilibrium.unwrap();
    assert_eq!(1 + s.others.len(), 3, "both pure, and one of the mixtures");
    assert!(e.scope.iter().any(|c| c.contains("continuum")), "{:?}", e.scope);
}

/// Who stays out because it would lose by selling stands at nothing, exactly, and is judged so.
#[test]
fn corners_that_a_search_meets_but_for_rounding_are_corners() {
    let text = "agent a { action q in [0, 20]; reward q * (7.2 - 0.46 * q - 1.47 * b.q) }\n\
        agent b { action q in [0, 20]; reward q * (5.85 - 0.49 * q - 1.2 * a.q) }\nsolve { find = all }\n";
    let s = held(&compile(text, &[]), None);
    assert_eq!(1 + s.others.len(), 3, "{:?}", s.certificate.reasons);
    assert!(s.certificate.reasons.is_empty());
}

#[test]
fn replies_from_the_first_choices_lead_to_one_of_several() {
    let two = |x: &str, settings: &str| {
        let text = format!(
            "agent a {{ action x in {x}; reward -(x - b.y^2 / 3)^2 }}\nagent b {{ action y in {x}; reward -(y - a.x)^2 }}\nsolve {{ {settings} }}\n"
        );
        held(&compile(&text, &[]), None).solution.policy[0][0]
    };
    // Rest at 0, 3 and the upper end; from below 3 replies fall to 0, from above they rise.
    assert!(two("[0, 4]", "select = from(start)").abs() < 1e-6);
    assert!((two("[3.2, 4]", "find = one") - 4.0).abs() < 1e-6);
    let s = held(
        &compile(&format!("{WEAKEST}solve {{ select = from(start) }}\n"), &[]),
        None,
    )
    .solution;
    assert_eq!(s.policy[0][0], 0.0);
}

/// Neither the unit of money nor that of what is chosen is part of a game.
#[test]
fn units_do_not_matter() {
    for unit in ["1e-8", "1", "1e3", "1e6"] {
        let text = format!(
            "agent one {{ action q in [0, 2]; reward {unit} * (q * (1.55 - 2 * two.q) - q^2 / 2) }}\n\
             agent two {{ action q in [0, 2]; reward {unit} * (q * (1.11 - 1.3 * one.q) - q^2 / 2) }}\nsolve {{ find = all }}\n"
        );
        let s = held(&compile(&text, &[]), None);
        let mut q: Vec<f64> = std::iter::once(&s.solution)
            .chain(&s.others)
            .map(|s| s.policy[0][0])
            .collect();
        q.sort_by(f64::total_cmp);
        let right = [0.0, 0.41875, 1.55];
        assert!(
            q.len() == 3 && q.iter().zip(right).all(|(a, b)| (a - b).abs() < 1e-7),
            "{unit}: {q:?}"
        );
    }
    // Three millions each, in an interval of ten.
    let text = "agent firm[2] { action q in [0, 1e7]; reward (p - 1) * q }\nmarket m { price p = max(10 - 1e-6 * sum(firm.q), 0) }\n";
    let s = held(&compile(text, &[]), None);
    assert!((s.solution.policy[0][0] / 3e6 - 1.0).abs() < 1e-8);
    // Where the search ends nobody rests.
    let (code, said) = refused(&text.replace("1e7]", "inf)"), None);
    assert!(code == "E0917" && said.contains("1 000 000"), "{code}: {said}");
}

/// Where choices pay the same and equilibria form a continuum none of them stands as if it were the only one; `find = all` shows the ends.
#[test]
fn ties_of_finite_games_are_said() {
    let town = "agent entrant { action d in {out, go_in}; reward ring.u }\nagent store { action d in {fight, yield}; reward ring.v }\nmarket ring {\n\
         let u = if entrant.d == go_in then (if store.d == fight then -1 else 1) else 0\n\
         let v = if entrant.d == go_in then (if store.d == fight then -1 else 1) else 2\n}\n";
    let errors = tried(&compile(&format!("{town}solve {{ concept = nash }}\n"), &[]), None).expect_err("several");
    assert!(
        errors[0].code == "E0918" && errors[0].headline.contains("continuum"),
        "{errors:?}"
    );
    let s = held(
        &compile(&format!("{town}solve {{ concept = nash; find = all }}\n"), &[]),
        None,
    );
    assert_eq!(
        1 + s.others.len(),
        3,
        "yielding, fighting, and a fight that is just likely enough"
    );
    let scope = s.certificate.equilibrium.expect("an equilibrium").scope;
    assert!(scope.iter().any(|c| c.contains("continuum")), "{scope:?}");
    // One pure equilibrium only, at which the second may mix with a choice that pays the same; three who choose likewise.
    let two = "agent row { action d in {a, b}; reward if d == a then 1 else 0 }\nagent col { action d in {l, r}; reward if row.d == b and d == r then 1 else 0 }\n";
    let three = format!("{two}agent third {{ action d in {{x, y}}; reward if d == x then 1 else 0 }}\n");
    for text in [two, &three] {
        let found = tried(&compile(&format!("{text}solve {{ concept = nash }}\n"), &[]), None);
        let errors = found.expect_err("a continuum");
        assert!(errors[0].code == "E0918", "{errors:?}");
    }
}

/// Six neighbours in a network: every combination of bounds is solved for what is free.
#[test]
fn all_equilibria_of_a_network_are_found() {
    let text = "agent one { action g in [0, 2.93]; reward one.g * (1.92 - (1.3 * two.g + 1.3 * three.g + 0.7 * four.g + 1.3 * five.g + 2 * six.g)) - one.g^2 / 2 }\n\
        agent two { action g in [0, 2.02]; reward two.g * (1.9 - (0.7 * one.g - 0.4 * four.g + 1.3 * six.g)) - two.g^2 / 2 }\n\
        agent three { action g in [0, 2.03]; reward three.g * (0.85 - (0.7 * one.g + 2 * four.g)) - three.g^2 / 2 }\n\
        agent four { action g in [0, 1.08]; reward four.g * (1.14 - (0.7 * one.g + 2 * three.g + 2 * five.g - 0.4 * six.g)) - four.g^2 / 2 }\n\
        agent five { action g in [0, 1.17]; reward five.g * (0.76 - (0.7 * six.g - 0.4 * one.g - 0.4 * three.g - 0.4 * four.g)) - five.g^2 / 2 }\n\
        agent six { action g in [0, 1.45]; reward six.g * (1.59 - (2 * four.g + 1.3 * five.g - 0.4 * three.g)) - six.g^2 / 2 }\n\
        solve { concept = nash; find = all }\n";
    let s = held(&compile(text, &[]), None);
    let all = std::iter::once(&s.solution).chain(&s.others);
    let mut fours: Vec<f64> = all.map(|s| s.policy[3][0]).collect();
    fours.sort_by(f64::total_cmp);
    let right = [0.0, 0.039_473_68, 0.173_205_74];
    assert!(
        fours.len() == 3 && fours.iter().zip(right).all(|(x, y)| (x - y).abs() < 1e-6),
        "{fours:?}"
    );
}
