//! The judge on equilibria known by hand, and on the same ruined one way at a time.

use super::*;
use crate::num::grid;
use crate::solve::bellman::Interpolation;
use crate::solve::problem::{ActionAxis, ActionKind, JointChain};
use crate::solve::progress::silent;
use crate::solve::solution::{Player, Record, Solution, SolvedState};

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
    let found = Found {
        solution,
        others: Vec::new(),
        searches: 1,
        discretised: Vec::new(),
    };
    judge(&model, &economy, &found, 1, &mut silent).unwrap_or_else(|d| panic!("{d:?}"))
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
            println!("{} {} {:e} {:e} {}", p.name, p.value, p.one_shot, p.best_reply, e.unit);
            assert!(p.one_shot < 1e-5, "{p:?}");
            assert!(p.best_reply < 1e-5, "{p:?}");
        }
    }
}
