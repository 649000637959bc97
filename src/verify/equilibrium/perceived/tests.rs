//! What the judge says of equilibria that are none.

use crate::check::Model;
use crate::solve::continuum::perceived::{self, PerceivedLaw};
use crate::solve::economy::Economy;
use crate::solve::equilibrium::{EquilibriumMethod, Found};
use crate::solve::progress::silent;
use crate::verify::grid::Certificate;
use crate::verify::world::JudgeOptions;

fn model() -> Model {
    let text = include_str!("../../../../models/krusell_smith.econ");
    let (model, said) = crate::compile(text, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{said:?}"))
}

fn judged(model: &Model, economy: &Economy, found: &Found) -> Certificate {
    let laws = found.perceived.as_ref().unwrap_or_else(|| panic!("a law"));
    super::judge(model, economy, found, laws, &JudgeOptions::default()).unwrap_or_else(|d| panic!("{d:?}"))
}

fn codes(c: &Certificate) -> Vec<&str> {
    c.reasons.iter().map(|d| d.code.as_str()).collect()
}

#[test]
fn equilibria_that_are_none_fail_by_the_row_that_is_about_it() {
    let model = model();
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    let found = PerceivedLaw
        .solve(&economy, 1, &mut silent)
        .unwrap_or_else(|d| panic!("{d:?}"));
    let right = judged(&model, &economy, &found);
    assert!(right.passed, "{:?}", right.reasons);
    let fails = |found: Found, code: &str, row: &str| {
        let c = judged(&model, &economy, &found);
        let rows = c.world.iter().flat_map(|w| &w.proofs);
        let failed: Vec<&str> = rows
            .filter(|p| p.holds == Some(false))
            .map(|p| p.name.as_str())
            .collect();
        assert!(!c.passed && codes(&c).contains(&code), "{row}: {:?}", c.reasons);
        assert!(failed.iter().any(|f| f.contains(row)), "{row}: {failed:?}");
    };
    let again = || Found {
        solution: found.solution.clone(),
        others: Vec::new(),
        searches: 1,
        scope: Vec::new(),
        discretised: found.discretised.clone(),
        steady_state: Vec::new(),
        population: None,
        perceived: found.perceived.clone(),
    };
    // A slope that is a hundredth too large, in one of the states.
    let mut slope = again();
    if let Some(p) = &mut slope.perceived {
        p.laws[0].slope[0] += 0.01;
    }
    fails(slope, "E0992", "dynamic forecast error");
    // A constant that no forecast of one period would miss: a thousandth.
    let mut constant = again();
    if let Some(p) = &mut constant.perceived {
        p.laws[0].constant.iter_mut().for_each(|c| *c += 1e-3);
    }
    fails(constant, "E0992", "dynamic forecast error");
    // What is best under another law.
    let mut other = again();
    let mut member = perceived::member(&economy).unwrap_or_else(|r| panic!("{}", r.why));
    member
        .set_determined(&other.solution.chain)
        .unwrap_or_else(|r| panic!("{}", r.why));
    let mut law = found.perceived.as_ref().unwrap_or_else(|| panic!("a law")).laws[0].clone();
    law.constant.iter_mut().for_each(|c| *c += 0.01);
    let reply = perceived::reply::reply(&member, &law, &other.solution, false).unwrap_or_else(|d| panic!("{d:?}"));
    other.solution.policy = reply.policy;
    fails(other, "E0992", "dynamic forecast error");
    // Members who consume a hundredth more than is best.
    let mut eaters = again();
    eaters.solution.policy[0].iter_mut().for_each(|c| *c *= 1.01);
    fails(eaters, "E0949", "error of household.c");
}

fn bonds() -> Model {
    let text = include_str!("../../../../models/huggett_risk.econ");
    let (model, said) = crate::compile(text, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{said:?}"))
}

#[test]
fn prices_that_clear_by_laws_that_do_not_hold_fail() {
    let model = bonds();
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    let found = PerceivedLaw
        .solve(&economy, 1, &mut silent)
        .unwrap_or_else(|d| panic!("{d:?}"));
    let right = judged(&model, &economy, &found);
    assert!(right.passed, "{:?}", right.reasons);
    let again = || Found {
        solution: found.solution.clone(),
        others: Vec::new(),
        searches: 1,
        scope: Vec::new(),
        discretised: found.discretised.clone(),
        steady_state: Vec::new(),
        population: None,
        perceived: found.perceived.clone(),
    };
    let fails = |found: Found, code: &str, row: &str| {
        let c = judged(&model, &economy, &found);
        let rows = c.world.iter().flat_map(|w| &w.proofs);
        let failed: Vec<&str> = rows
            .filter(|p| p.holds == Some(false))
            .map(|p| p.name.as_str())
            .collect();
        assert!(!c.passed && codes(&c).contains(&code), "{row}: {:?}", c.reasons);
        assert!(failed.iter().any(|f| f.contains(row)), "{row}: {failed:?}");
    };
    // Prices that are expected to be a tenth of their standard deviation higher.
    let mut higher = again();
    if let Some(p) = &mut higher.perceived {
        p.laws[0].constant.iter_mut().for_each(|c| *c += 6e-4);
    }
    fails(higher, "E0992", "dynamic forecast error");
    // One price for ever, the usual one.
    let mut constant = again();
    if let Some(p) = &mut constant.perceived {
        let usual = p.moments[0].0.ln();
        p.laws[0].constant.iter_mut().for_each(|c| *c = usual);
        p.laws[0].slope.iter_mut().for_each(|s| *s = 0.0);
    }
    fails(constant, "E0992", "dynamic forecast error");
    // What is best where everybody expects a price that is a standard deviation higher: the law that they hold is another.
    let mut other = again();
    let mut member = perceived::member(&economy).unwrap_or_else(|r| panic!("{}", r.why));
    member
        .set_determined(&other.solution.chain)
        .unwrap_or_else(|r| panic!("{}", r.why));
    let mut law = found.perceived.as_ref().unwrap_or_else(|| panic!("a law")).laws[0].clone();
    law.constant.iter_mut().for_each(|c| *c += 3e-3);
    let reply = perceived::reply::reply(&member, &law, &other.solution, false).unwrap_or_else(|d| panic!("{d:?}"));
    other.solution.policy = reply.policy;
    fails(other, "E0845", "prices that come");
    // Members who hold a tenth of a bond more than is best at any price: no price of the grid clears.
    let mut savers = again();
    savers.solution.policy[0].iter_mut().for_each(|b| *b += 0.1);
    fails(savers, "E0844", "left over");
}

/// In slumps more lose their work, and the price is far from that of booms: lives begin at the price of the state in which they begin. At the usual price
/// of all states the law, a line for each step, is asked where nobody ever is, and leads off the grid.
#[test]
fn lives_begin_at_the_price_of_the_state_in_which_they_begin() {
    let text = include_str!("../../../../models/huggett_risk.econ");
    let chain = "markov([low: 0.1, high: 1], [[0.5, 0.5], [0.075, 0.925]])";
    let moves = "markov([low: 0.4, high: 1]) given Z, Z' {\n    slump, slump: [[0.5, 0.5], [0.1, 0.9]]\n    slump, boom: [[0.3, 0.7], [0.05, 0.95]]\n    \
                 boom, slump: [[0.6, 0.4], [0.12, 0.88]]\n    boom, boom: [[0.4, 0.6], [0.06, 0.94]]\n  }";
    assert!(text.contains(chain));
    let text = text.replace(chain, moves).replace("[0.97, 1.04]", "[0.9, 1.1]");
    let set = |name: &str, value: &str| (name.to_string(), value.to_string());
    let options = crate::Options {
        set: vec![
            set("beta", "0.96"),
            set("sigma", "2"),
            set("grid.q", "log(0.9, 1.06, 40)"),
        ],
        ..crate::Options::default()
    };
    let (model, said) = crate::compile(&text, &options);
    let model = model.unwrap_or_else(|| panic!("{said:?}"));
    let economy = Economy::of(&model).unwrap_or_else(|d| panic!("{d:?}"));
    let mut found = PerceivedLaw
        .solve(&economy, 1, &mut silent)
        .unwrap_or_else(|d| panic!("{d:?}"));
    let right = judged(&model, &economy, &found);
    let price = found.solution.states.iter().find(|s| s.name == "bonds.q");
    assert_eq!(price.map(|s| s.nodes.len()), Some(40));
    assert!(!codes(&right).contains(&"E0943"), "{:?}", right.reasons);
    let laws = found.perceived.as_ref().unwrap_or_else(|| panic!("a law"));
    let own: Vec<f64> = laws.prices.iter().map(|p| p.1).collect();
    let mut member = perceived::member(&economy).unwrap_or_else(|r| panic!("{}", r.why));
    member.set_first_price(laws.moments[0].0, &own);
    let state = &member.model.states[member.moments[0].state];
    let first = state.start.map(|n| member.model.graph.nodes[n.0 as usize].domain);
    assert_eq!(first.map(|d| (d.lo, d.hi)), Some((own[0], own[1])));
    // At the usual price of all states nobody ever stands in either of them.
    if let Some(p) = &mut found.perceived {
        let usual = p.moments[0].0;
        p.prices.iter_mut().for_each(|own| own.1 = usual);
    }
    let c = judged(&model, &economy, &found);
    let gap = |c: &Certificate| c.world.iter().flat_map(|w| &w.errors).map(|e| e.relative).next();
    assert!(!c.passed && gap(&c) > Some(1e-2), "{:?} {:?}", c.reasons, right.reasons);
}
