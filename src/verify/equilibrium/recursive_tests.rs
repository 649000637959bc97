//! The judge on equilibria known by hand, and on the same ruined one way at a time.

use super::player::Seated;
use super::*;
use crate::num::grid;
use crate::solve::bellman::Interpolation;
use crate::solve::problem::{ActionAxis, ActionKind, JointChain};
use crate::solve::progress::silent;
use crate::solve::solution::{Player, Record, Solution, SolvedState};
use crate::verify::world::JudgeOptions;

/// Levhari and Mirman (1980) with two who fish: `c / x = (1 - a b) / (2 - a b)`.
const FISH: &str = "model fish_war\nparam alpha = 0.3\nparam beta = 0.95\nagent fisher[2] {\n  action s in [0.01, 0.49]\n  let c = s * x\n\
  observe x\n  reward log(c)\n  discount beta\n}\nstate x in [0.02, 1.5], start uniform(0.2, 1)\n\
x' = (x * (1 - sum(fisher.s)))^alpha\nsolve { concept = nash }\n";

const LQ: &str = include_str!("../../../models/lq_duopoly.econ");

fn compiled(text: &str) -> Model {
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn axis(name: &str) -> ActionAxis {
    ActionAxis {
        name: name.into(),
        kind: ActionKind::Continuous,
        taste: None,
    }
}

/// A solution of two players over `states`, by what each does and gets at a node.
fn by_hand(
    states: Vec<SolvedState>,
    actions: [&str; 2],
    names: [&str; 2],
    at: &dyn Fn(&[f64]) -> [(f64, f64); 2],
) -> Solution {
    let mut nodes: Vec<Vec<f64>> = vec![Vec::new()];
    for s in &states {
        nodes = nodes
            .into_iter()
            .flat_map(|head| s.nodes.iter().map(move |x| [head.as_slice(), &[*x]].concat()))
            .collect();
    }
    let all: Vec<[(f64, f64); 2]> = nodes.iter().map(|x| at(x)).collect();
    let value = |i: usize| all.iter().map(|p| p[i].1).collect::<Vec<f64>>();
    let player = |i: usize| Player {
        name: names[i].into(),
        agent: 0,
        member: Some(i),
        actions: vec![i],
        own: None,
        value: value(i),
    };
    Solution {
        method: "by hand".into(),
        states,
        chain: JointChain {
            transition: vec![vec![1.0]],
            values: vec![Vec::new()],
            ..JointChain::default()
        },
        actions: actions.iter().map(|n| axis(n)).collect(),
        periods: 1,
        infinite: true,
        interpolation: Interpolation::Cubic,
        value: value(0),
        policy: (0..2).map(|i| all.iter().map(|p| p[i].0).collect()).collect(),
        probability: Vec::new(),
        worth: Vec::new(),
        given: Vec::new(),
        mixed: Vec::new(),
        players: vec![player(0), player(1)],
        record: Record::default(),
    }
}

fn fish() -> Solution {
    let (a, b): (f64, f64) = (0.3, 0.95);
    let s = (1.0 - a * b) / (2.0 - a * b);
    let slope = 1.0 / (1.0 - a * b);
    let level = (s.ln() + b * slope * a * (1.0 - 2.0 * s).ln()) / (1.0 - b);
    let state = SolvedState {
        name: "x".into(),
        nodes: grid::log(0.02, 1.5, 80).unwrap_or_default(),
        log: true,
        integer: false,
    };
    by_hand(
        vec![state],
        ["fisher.s[1]", "fisher.s[2]"],
        ["fisher[1]", "fisher[2]"],
        &|x| [(s, level + slope * x[0].ln()); 2],
    )
}

/// Both do `u = c + own q + other q'`; what it brings by summing.
fn duopoly(rule: [f64; 3]) -> Solution {
    let u = |q: f64, r: f64| rule[0] + rule[1] * q + rule[2] * r;
    let value = |mut q: f64, mut r: f64| {
        let (mut total, mut weight) = (0.0, 1.0);
        for _ in 0..1500 {
            let (du, dr) = (u(q, r), u(r, q));
            total += weight * ((10.0 - 2.0 * (q + r)) * q - 12.0 * du * du);
            weight *= 0.96;
            (q, r) = (q + du, r + dr);
        }
        total
    };
    let state = |name: &str| SolvedState {
        name: name.into(),
        nodes: (0..25).map(|i| 0.25 * f64::from(i) - 1.0).collect(),
        log: false,
        integer: false,
    };
    by_hand(
        vec![state("firm.q[1]"), state("firm.q[2]")],
        ["firm.u[1]", "firm.u[2]"],
        ["firm[1]", "firm[2]"],
        &|x| [(u(x[0], x[1]), value(x[0], x[1])), (u(x[1], x[0]), value(x[1], x[0]))],
    )
}

const RULE: [f64; 3] = [0.668_466_15, -0.295_124_82, -0.075_846_66];

fn judged(text: &str, solution: Solution) -> Certificate {
    let model = compiled(text);
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    let mut found = Found {
        solution,
        others: Vec::new(),
        searches: 1,
        scope: Vec::new(),
        discretised: Vec::new(),
        steady_state: Vec::new(),
        perceived: None,
        population: None,
    };
    judge(&model, &economy, &mut found, 1, &mut silent).unwrap_or_else(|d| panic!("{d:?}"))
}

fn codes(c: &Certificate) -> Vec<&str> {
    c.reasons.iter().map(|d| d.code.as_str()).collect()
}

#[test]
fn equilibria_known_by_hand_hold_to_rounding_and_interpolation() {
    for (text, solution) in [(FISH, fish()), (LQ, duopoly(RULE))] {
        let c = judged(text, solution);
        assert!(c.passed, "{:?}", c.reasons);
        let e = c.equilibrium.unwrap_or_default();
        assert_eq!(e.players.len(), 2);
        for p in &e.players {
            assert!(p.one_shot < 1e-5, "{p:?}");
            assert!(p.best_reply < 1e-5, "{p:?}");
        }
    }
}

/// A player's rule off by one per cent, its values kept; both rules off and values right; one's value taken for the other's.
#[test]
fn what_is_no_equilibrium_is_caught() {
    let mut scaled = fish();
    scaled.policy[0].iter_mut().for_each(|s| *s *= 1.01);
    let both = duopoly(RULE.map(|x| 1.01 * x));
    let mut swapped = duopoly(RULE);
    swapped.players.swap(0, 1);
    for (i, p) in swapped.players.iter_mut().enumerate() {
        p.member = Some(i);
        p.actions = vec![i];
    }
    for (text, solution, expected) in [
        (FISH, scaled, &["E0944", "E0976"][..]),
        (LQ, both, &["E0976"][..]),
        (LQ, swapped, &["E0976"][..]),
    ] {
        let c = judged(text, solution);
        assert!(!c.passed);
        let found = codes(&c);
        assert!(expected.iter().all(|e| found.contains(e)), "{found:?}: {:?}", c.reasons);
    }
}

/// Who is like another member is judged with him; who is not, by what he does or is paid, is judged himself, and what is wrong with him is seen.
#[test]
fn members_who_are_alike_are_judged_together_and_no_others() {
    let like = |c: &Certificate| {
        let rows = c.world.iter().flat_map(|w| &w.proofs);
        rows.filter(|p| p.name.starts_with("firm[2]: like firm[1]")).count() == 1
    };
    let own = |c: &Certificate| {
        let rows = c.world.iter().flat_map(|w| &w.proofs);
        rows.filter(|p| p.name.starts_with("firm[2]: one-shot gain")).count() == 1
    };
    let c = judged(LQ, duopoly(RULE));
    assert!(c.passed && like(&c) && !own(&c), "{:?}", c.reasons);
    let players = c.equilibrium.unwrap_or_default().players;
    assert!(players.len() == 2 && players[1].name == "firm[2]" && players[1].best_reply == players[0].best_reply);
    // What the second does is off, and its values as if it were not.
    let mut off = duopoly(RULE);
    off.policy[1].iter_mut().for_each(|u| *u *= 1.05);
    let c = judged(LQ, off);
    assert!(!like(&c) && own(&c) && codes(&c).contains(&"E0976"), "{:?}", c.reasons);
    // Its costs are others: what is best for the first is not for it.
    let costs = LQ
        .replace("agent firm[2] {", "agent firm[2] {\n  param c = [0, 2]")
        .replace("reward p * q", "reward (p - c) * q");
    let c = judged(&costs, duopoly(RULE));
    assert!(!like(&c) && own(&c) && !c.passed, "{:?}", c.reasons);
    let said: Vec<&String> = c.reasons.iter().flat_map(|d| &d.notes).collect();
    assert!(said.iter().any(|h| h.contains("firm[2]")), "{said:?}");
    // Told apart by their number alone, in a rule that nothing in these places shows.
    let number = LQ
        .replace("reward p * q", "reward (if q > 90 then i else 1) * p * q")
        .replace("firm[2]", "firm[i in 1..2]");
    assert!(!like(&judged(&number, duopoly(RULE))));
    // By which of them does most, among all and among the others, where the number is a binder's.
    for told in ["argmax(firm.u) == 2", "any(h in firm: h == 2 and h.u > 90)"] {
        let by = LQ.replace(
            "reward p * q",
            &format!("reward (if {told} and q > 90 then 2 else 1) * p * q"),
        );
        assert!(!like(&judged(&by, duopoly(RULE))), "{told}");
    }
}

/// Much more is asked than the equilibrium gives where the other's rule is far away: a best reply of a whole life says so.
#[test]
fn a_rule_that_is_far_from_the_best_loses_against_a_best_reply() {
    let c = judged(LQ, duopoly([0.2, -0.1, 0.0]));
    assert!(codes(&c).contains(&"E0977"), "{:?}", c.reasons);
    let e = c.equilibrium.unwrap_or_default();
    assert!(
        e.players.iter().all(|p| p.best_reply > 1e-2 && p.one_shot > 1e-3),
        "{e:?}"
    );
}

/// The equilibrium of players who see both outputs is none of players who see their own: the judge finds by itself that what they do moves with
/// what they do not see, whatever a solver took them to know. What an observation gives away is seen.
#[test]
fn a_policy_of_what_its_player_does_not_observe_is_caught() {
    let told = |observe: &str| judged(&LQ.replace("observe q, others(firm.q)", observe), duopoly(RULE));
    let c = told("observe q");
    assert!(!c.passed && codes(&c).contains(&"E0825"), "{:?}", c.reasons);
    let c = told("observe q, others(firm.q)");
    assert!(c.passed, "{:?}", c.reasons);
}

/// Brock and Mirman (1972) by markets for factors, `n` households, capital income taxed and handed back: saved is the share `a b (1 - t)`.
fn market(n: usize, tax: f64) -> String {
    let (agent, mean, each) = match n {
        1 => ("household".to_string(), "household.k".to_string(), "r * k"),
        n => (format!("household[{n}]"), "mean(household.k)".into(), "r * k"),
    };
    format!(
        "model factors\nparam alpha = 0.36\nparam beta = 0.96\nparam tax = {tax}\nagent {agent} {{\n  state k in [0.05, 0.6], start 0.3\n  \
action s in [0.05, 0.8]\n  let y = (1 - tax) * {each} + w + rebate\n  let c = (1 - s) * y\n  k' = s * y\n  observe k\n  reward log(c)\n  \
discount beta\n}}\nmarket factors {{\n  price r = alpha * {mean}^(alpha - 1)\n  price w = (1 - alpha) * {mean}^alpha\n  \
price rebate = tax * alpha * {mean}^alpha\n}}\nsolve {{ concept = competitive\n information = full }}\n"
    )
}

/// One household that saves the share `s` of its income, which is all output.
fn saver(s: f64) -> Solution {
    let (a, b): (f64, f64) = (0.36, 0.96);
    let slope = a / (1.0 - a * b);
    let level = ((1.0 - s).ln() + b * slope * s.ln()) / (1.0 - b);
    let state = SolvedState {
        name: "household.k".into(),
        nodes: grid::log(0.05, 0.6, 60).unwrap_or_default(),
        log: true,
        integer: false,
    };
    let mut out = by_hand(vec![state], ["household.s", "none"], ["household", "none"], &|k| {
        [(s, level + slope * k[0].ln()); 2]
    });
    out.actions.truncate(1);
    out.policy.truncate(1);
    out.players.truncate(1);
    out.players[0].member = None;
    out
}

/// Price takers: what is best given prices passes, with a tax and without; what is best for a planner does not where there is a tax.
#[test]
fn price_takers_are_judged_at_given_prices() {
    let (ab, tax) = (0.36 * 0.96, 0.3);
    for (tax, s) in [(0.0, ab), (tax, ab * (1.0 - tax))] {
        let c = judged(&market(1, tax), saver(s));
        assert!(c.passed, "tax {tax}: {:?}", c.reasons);
        let e = c.equilibrium.unwrap_or_default();
        assert!(
            e.players[0].best_reply.abs() < 1e-5 && e.players[0].one_shot < 1e-5,
            "{e:?}"
        );
    }
    let c = judged(&market(1, tax), saver(ab));
    assert!(codes(&c).contains(&"E0976"), "{:?}", c.reasons);
    let gain = c.equilibrium.unwrap_or_default().players[0].best_reply;
    assert!(gain > 1e-3, "{gain}");
}

/// Two who start alike and take prices: the same share; and what each would do if it saw through the market is no competitive equilibrium.
#[test]
fn two_price_takers_are_judged_one_by_one() {
    let model = market(2, 0.0);
    let share = 0.36 * 0.96;
    let both = |s: f64| {
        let income = |own: f64, other: f64| {
            let mean: f64 = 0.5 * (own + other);
            0.36 * mean.powf(-0.64) * own + 0.64 * mean.powf(0.36)
        };
        let value = |mut k: f64, mut l: f64| {
            let (mut total, mut weight) = (0.0, 1.0);
            for _ in 0..800 {
                let (y, x) = (income(k, l), income(l, k));
                total += weight * ((1.0 - s) * y).ln();
                weight *= 0.96;
                (k, l) = (s * y, s * x);
            }
            total
        };
        let state = |name: &str| SolvedState {
            name: name.into(),
            nodes: grid::log(0.05, 0.6, 24).unwrap_or_default(),
            log: true,
            integer: false,
        };
        by_hand(
            vec![state("household.k[1]"), state("household.k[2]")],
            ["household.s[1]", "household.s[2]"],
            ["household[1]", "household[2]"],
            &|k| [(s, value(k[0], k[1])), (s, value(k[1], k[0]))],
        )
    };
    let c = judged(&model, both(share));
    assert!(c.passed, "{:?}", c.reasons);
    let c = judged(&model, both(0.9 * share));
    assert!(codes(&c).contains(&"E0976"), "{:?}", c.reasons);
}

/// The problem of one against a policy is that of the model in which the policy is written as a rule.
#[test]
fn a_reply_to_a_policy_is_the_best_choice_where_the_policy_is_a_rule() {
    use crate::solve::decision::others::Others;
    use crate::solve::decision::{self, Decision};
    use crate::solve::problem::DecisionProblem;
    use crate::solve::value_iteration;
    let text = |rule: &str| {
        format!(
            "model duo\nagent a {{\n  state q in [-1, 5], start 1\n  action u in [-1, 1]\n  q' = clamp(q + u, -1, 5)\n  observe q, b.q\n  \
reward p * q - 12 * u^2\n  discount 0.9\n}}\nagent b {{\n  state q in [-1, 5], start 2\n  action u in [-1, 1]\n  q' = clamp(q + u, -1, 5)\n  \
observe q, a.q\n  reward p * q - 6 * u^2\n  discount 0.9\n  {rule}\n}}\nmarket goods {{ price p = 10 - 2 * (a.q + b.q) }}\nsolve {{ concept = nash }}\n"
        )
    };
    let rule = |own: f64, other: f64| 0.3 - 0.2 * own - 0.05 * other;
    let state = |name: &str| SolvedState {
        name: name.into(),
        nodes: (0..25).map(|i| 0.25 * f64::from(i) - 1.0).collect(),
        log: false,
        integer: false,
    };
    let mut policy = by_hand(vec![state("a.q"), state("b.q")], ["a.u", "b.u"], ["a", "b"], &|x| {
        [(0.0, 0.0), (rule(x[1], x[0]), 0.0)]
    });
    policy.players[0].member = None;
    policy.players[1].agent = 1;
    let game = compiled(&text(""));
    let others = Others::of(&game, &policy, &policy.players[0]).unwrap_or_else(|d| panic!("{d:?}"));
    let build = decision::ProblemOptions {
        nodes: 25,
        ..decision::ProblemOptions::default()
    };
    let among = Decision::among(&game, &build, &others).unwrap_or_else(|d| panic!("{d:?}"));
    let alone = compiled(&text("policy u = 0.3 - 0.2 * q - 0.05 * a.q"));
    let alone = Decision::new(&alone, &build).unwrap_or_else(|d| panic!("{d:?}"));
    let solve = |p: &Decision| {
        let found = value_iteration::solve(p, &value_iteration::ValueIterationOptions::default(), &mut silent);
        found.unwrap_or_else(|d| panic!("{d:?}"))
    };
    let (one, two) = (solve(&among), solve(&alone));
    assert_eq!(among.spec().actions.len(), 1);
    assert_eq!(one.states, two.states);
    let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(far(&one.value, &two.value) < 1e-7, "{}", far(&one.value, &two.value));
    assert!(far(&one.policy[0], &two.policy[0]) < 1e-5);
}

fn found(text: &str) -> Result<crate::verify::solved::Solved, Vec<Diagnostic>> {
    crate::fixtures::solve(&compiled(text), &crate::fixtures::Request::default(), &mut silent)
}

/// Two shops that keep or lose standing; customers go by it.
const SHOPS: &str = "model shops\nparam cost = 1\nagent shop[2] {\n  state w in 0..2, start 1\n  action invest in {no, yes}\n  \
let hit = if invest == yes then 1 else 0\n  noise luck ~ bernoulli(0.2 + 0.6 * hit)\n  noise loss ~ bernoulli(0.3)\n  \
w' = clamp(w + (if luck then 1 else 0) - (if loss then 1 else 0), 0, 2)\n  observe w, others(shop.w)\n  \
reward profit - cost * hit\n  discount 0.9\n}\nmarket goods {\n  let pull = exp(shop.w)\n  \
give shop.profit = 4 * pull / (1 + sum(pull))\n}\nsolve { concept = nash }\n";

#[test]
fn best_replies_of_shops_settle_and_are_certified() {
    let s = found(SHOPS).unwrap_or_else(|d| panic!("{d:?}"));
    assert!(s.certificate.passed, "{:?}", s.certificate.reasons);
    let e = s.certificate.equilibrium.clone().unwrap_or_default();
    assert!(e.searches == 3 && e.found == 1 + s.others.len());
    assert!(
        e.players.iter().all(|p| p.one_shot < 1e-9 && p.best_reply < 1e-9),
        "{e:?}"
    );
    // What takes whole numbers cannot be shifted by a per cent.
    assert!(e.moved.is_nan());
    // The one mirrors the other.
    let n = s.solution.states[0].nodes.len();
    for i in 0..n {
        for j in 0..n {
            assert_eq!(s.solution.policy[0][i * n + j], s.solution.policy[1][j * n + i]);
        }
    }
}

/// Who matches wins from who does not want to: replies go round in a circle.
#[test]
fn replies_that_go_round_in_a_circle_are_said_to() {
    let text = "model pennies\nagent even {\n  state last in 0..1, start 0\n  action a in {heads, tails}\n  \
last' = if a == heads then 0 else 1\n  observe last, odd.last\n  reward if a == odd.a then 1 else 0\n  discount 0.5\n}\n\
agent odd {\n  state last in 0..1, start 0\n  action a in {heads, tails}\n  last' = if a == heads then 0 else 1\n  \
observe last, even.last\n  reward if a == even.a then 0 else 1\n  discount 0.5\n}\nsolve { concept = nash }\n";
    let d = found(text).err().unwrap_or_default();
    assert!(
        d.iter().any(|d| d.code == "E0979" && d.headline.contains("circle")),
        "{d:?}"
    );
}

/// The duopoly with adjustment costs, kinks allowed, by replies in turn: the linear rule of the closed form.
#[test]
fn best_replies_find_the_rule_of_the_linear_quadratic_duopoly() {
    let text = LQ
        .replace("in (-inf, inf), start 1", "in [0, 4], start 1")
        .replace("in (-inf, inf)  ", "in [-1, 1]  ");
    let s = found(&format!(
        "{text}\nsolve {{ concept = nash\n method = best_replies\n grid.q = 24 }}\n"
    ))
    .unwrap_or_else(|d| panic!("{d:?}"));
    let n = s.solution.states[0].nodes.len();
    let (lo, hi) = (n / 4, n / 2);
    for i in lo..hi {
        for j in lo..hi {
            let (q, r) = (s.solution.states[0].nodes[i], s.solution.states[1].nodes[j]);
            let u = RULE[0] + RULE[1] * q + RULE[2] * r;
            assert!(
                (s.solution.policy[0][i * n + j] - u).abs() < 1e-3,
                "{q} {r} {u} {}",
                s.solution.policy[0][i * n + j]
            );
        }
    }
    assert!(s.certificate.passed);
}

/// Whether others matter is measured: it is nothing where each lives alone, and much where two fish in one lake or a price is taken.
#[test]
fn whether_others_matter_is_said() {
    let moved = |text: &str, s: Solution| judged(text, s).equilibrium.unwrap_or_default().moved;
    assert!(moved(FISH, fish()) > 1e-3);
    assert!(moved(&market(1, 0.0), saver(0.36 * 0.96)) > 1e-3);
    // Two lakes.
    let lakes = "model lakes\nagent fisher[2] {\n  state x in [0.02, 1.5], start uniform(0.2, 1)\n  action s in [0.01, 0.9]\n  \
x' = (x * (1 - s))^0.3\n  observe x, others(fisher.x)\n  reward log(s * x)\n  discount 0.95\n}\nsolve { concept = nash }\n";
    let (s, slope) = (1.0 - 0.285, 1.0 / (1.0 - 0.285));
    let level = (f64::ln(s) + 0.95 * slope * 0.3 * f64::ln(1.0 - s)) / 0.05;
    let state = |name: &str| SolvedState {
        name: name.into(),
        nodes: grid::log(0.02, 1.5, 40).unwrap_or_default(),
        log: true,
        integer: false,
    };
    let alone = by_hand(
        vec![state("fisher.x[1]"), state("fisher.x[2]")],
        ["fisher.s[1]", "fisher.s[2]"],
        ["fisher[1]", "fisher[2]"],
        &|x| [0, 1].map(|i| (s, level + slope * x[i].ln())),
    );
    let c = judged(lakes, alone);
    assert!(c.passed, "{:?}", c.reasons);
    assert_eq!(c.equilibrium.unwrap_or_default().moved, 0.0);
}

/// Two quantities at a price of nine less both: the best against three is three, and three tenths more cost 0.09 of the 8.91 that are earned, whatever the
/// unit of money.
#[test]
fn a_gain_is_a_share_of_what_is_at_stake() {
    for unit in [1e-6, 1.0, 1e4] {
        let text = format!(
            "model quantities\nagent firm[2] {{ action q in [0, 5]; reward {unit} * (9 - sum(firm.q)) * q }}\nsolve {{ concept = nash }}\n"
        );
        let off = by_hand(Vec::new(), ["firm.q[1]", "firm.q[2]"], ["firm[1]", "firm[2]"], &|_| {
            [(3.3, 8.91 * unit), (3.0, 8.1 * unit)]
        });
        let c = judged(&text, off);
        assert!(codes(&c).contains(&"E0946"), "{:?}", c.reasons);
        let share = c.equilibrium.unwrap_or_default().players[0].one_shot;
        assert!((share * 8.91 / 0.09 - 1.0).abs() < 0.05, "{unit}: {share}");
    }
}

/// One who moves the price and one who takes it, both with costs of adjustment.
const LEADER: &str = "agent a {\n  state K in [1, 5], start 1.5\n  action u in [-2, 2]\n  K' = K + u\n  observe K, b.F\n  \
reward p * K - K - 0.25 * K^2 - 6 * u^2\n  discount 0.95\n}\nagent b {\n  state F in [0.5, 4.5], start 1.5\n  action v in [-2, 2]\n  \
F' = F + v\n  observe a.K, F\n  reward p * F - 2 * F - 0.25 * F^2 - 6 * v^2\n  discount 0.95\n}\n\
market goods { price p = 10 - a.K - b.F }\nsolve { concept = nash; concept.b = competitive }\n";

/// Where a price taker's reply is solved close to where lives go, his equilibrium policy passes, and one that is off by a hundredth does not.
#[test]
fn replies_solved_close_by_tell_a_price_takers_policy_from_one_that_is_off() {
    let model = compiled(LEADER);
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    let solved = found(LEADER).unwrap_or_else(|d| panic!("{d:?}"));
    let options = JudgeOptions::default();
    let prices = &economy
        .seats
        .iter()
        .find(|s| !s.takes.is_empty())
        .expect("one who takes the price")
        .takes;
    let judged = |change: &dyn Fn(f64) -> f64| {
        let mut solution = solved.solution.clone();
        solution.policy[1].iter_mut().for_each(|v| *v = change(*v));
        let player = solution.players[1].clone();
        let seated = Seated::new(&model, &solution, &player, &[], &options).unwrap_or_else(|d| panic!("{d:?}"));
        let lives = seated.play(None).unwrap_or_else(|d| panic!("{d:?}"));
        let tries = [best_reply::By::Close(&lives.ranges, 2.0)];
        let judged = taker::by_replies(&model, (&seated, &lives), (prices, &tries), &mut silent);
        judged.unwrap_or_else(|d| panic!("{d:?}"))
    };
    let codes = |judged: &super::player::Judged| -> Vec<String> {
        let found = judged.world.reasons.iter().map(|d| d.code.to_string());
        found.filter(|c| c == "E0976" || c == "E0977").collect()
    };
    let right = judged(&|v| v);
    assert!(right.world.reasons.is_empty(), "{:?}", right.world.reasons);
    assert!(right.standing.best_reply.abs() < 5e-4, "{:?}", right.standing);
    // By a hundredth of himself, and by a hundredth in units of the state.
    assert!(codes(&judged(&|v| 1.01 * v)).contains(&"E0976".into()));
    let off = judged(&|v| v + 0.01);
    let found = codes(&off);
    assert!(
        found.contains(&"E0976".into()) && found.contains(&"E0977".into()),
        "{:?}",
        off.world.reasons
    );
}

/// What each does who takes what the other does for given, whatever it does itself: the equilibrium in open loop as a rule of both outputs, from
/// `24 u = 0.96 m'`, `m = 10 - 4 q - 2 r + 0.96 m'` (iterated to 1e-13).
const UNANSWERED: [f64; 3] = [0.625, -0.303_931_738_320_389_6, -0.071_068_261_679_610_39];

/// A rule that is best only where the other does not answer is refused as an equilibrium of those who do, by one deviation and by a whole reply.
#[test]
fn a_rule_that_ignores_that_the_other_answers_is_caught() {
    let c = judged(LQ, duopoly(UNANSWERED));
    let found = codes(&c);
    assert!(found.contains(&"E0976") && found.contains(&"E0977"), "{:?}", c.reasons);
    assert!(reply_where_the_other_answers() < 1e-3);
}

/// Largest distance of the reply to that rule, by first-order conditions where they tell it and by values where not, from the exact one
/// (`u = 0.6790421 - 0.2969056 q - 0.0736650 r`, Riccati), where outputs are between one and two. What ignores the answer is the rule itself.
pub(crate) fn reply_where_the_other_answers() -> f64 {
    use crate::solve::decision::others::Others;
    use best_reply::By;
    let model = compiled(LQ);
    let solution = duopoly(UNANSWERED);
    let others = Others::of(&model, &solution, &solution.players[0]).unwrap_or_else(|d| panic!("{d:?}"));
    let left = std::cell::Cell::new(f64::INFINITY);
    let reply = [By::Conditions, By::Values(1)].into_iter().find_map(|by| {
        let found = best_reply::solved(&model, &others, &solution, (&|_| None, by, &left), &mut silent);
        found.unwrap_or_else(|d| panic!("{d:?}"))
    });
    let reply = reply.expect("a reply").0;
    let between = |x: &f64| (1.0..=2.0).contains(x);
    let mut most: f64 = 0.0;
    for (i, q) in reply.states[0].nodes.iter().enumerate().filter(|(_, q)| between(q)) {
        for (j, r) in reply.states[1].nodes.iter().enumerate().filter(|(_, r)| between(r)) {
            let exact = 0.679_042_142_5 - 0.296_905_571_7 * q - 0.073_664_962_3 * r;
            most = most.max((reply.policy[0][i * reply.states[1].nodes.len() + j] - exact).abs());
        }
    }
    most
}
