//! Wrong populations must be refused.

use super::judge;
use crate::check::Model;
use crate::solve::continuum::stationary::Stationary;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::{EquilibriumMethod, Found};
use crate::solve::progress::silent;
use crate::verify::grid::Certificate;

fn huggett(set: &[(&str, &str)]) -> Model {
    let mut options = crate::Options::default();
    for (key, value) in set {
        options.set.push((key.to_string(), value.to_string()));
    }
    let (model, said) = crate::compile(include_str!("../../../models/huggett.econ"), &options);
    model.unwrap_or_else(|| panic!("{said:?}"))
}

fn solved(model: &Model) -> Found {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    Stationary
        .solve(&economy, 1, &mut silent)
        .unwrap_or_else(|d| panic!("{d:?}"))
}

fn judged(model: &Model, found: &Found) -> Certificate {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    judge(&economy, found, 1, &mut silent).unwrap_or_else(|d| panic!("{d:?}"))
}

fn codes(c: &Certificate) -> Vec<String> {
    c.reasons.iter().map(|d| d.code.clone()).collect()
}

#[test]
fn a_population_that_is_right_holds_and_wrong_ones_are_refused() {
    let model = huggett(&[]);
    let right = solved(&model);
    let held = judged(&model, &right);
    assert!(held.passed, "{:?}", held.reasons);

    // The policy and the distribution of less patient members, whose price is another one, at this price.
    let other = solved(&huggett(&[("beta", "0.985")]));
    let mut wrong = right.clone();
    wrong.solution = other.solution.clone();
    if let (Some(p), Some(o)) = (&mut wrong.population, &other.population) {
        (p.nodes, p.mass, p.build) = (o.nodes.clone(), o.mass.clone(), o.build.clone());
    }
    assert!(!judged(&model, &wrong).passed);

    // A price one per cent off, with the policy and the distribution of the right one.
    let mut wrong = right.clone();
    wrong
        .population
        .iter_mut()
        .for_each(|p| p.held.iter_mut().for_each(|h| h.1 *= 1.01));
    let refused = judged(&model, &wrong);
    assert!(!refused.passed, "{:?}", codes(&refused));

    // A tenth of every place's mass one node too high, as by a wrong weight in a lottery.
    let mut wrong = right.clone();
    if let Some(p) = &mut wrong.population {
        let shocks = wrong.solution.shocks();
        for _ in 0..20 {
            let old = p.mass.clone();
            for k in 0..old.len() - shocks {
                p.mass[k] -= 0.5 * old[k];
                p.mass[k + shocks] += 0.5 * old[k];
            }
        }
    }
    let refused = judged(&model, &wrong);
    assert!(
        !refused.passed && codes(&refused).contains(&"E0972".into()),
        "{:?}",
        codes(&refused)
    );
}

/// Lives of twelve ages, with bequests that are shared out.
const AGES: &str = "set ages = 1..12
state bequest in [0, inf), start 0.1
bequest' = mean(if person.alive then 0 else person.a')
agent person[continuum] {
  state age in ages, start 1
  state a in [0, inf), start 0
  shock z ~ markov([-0.3, 0, 0.3], [[0.7, 0.3, 0], [0.2, 0.6, 0.2], [0, 0.3, 0.7]])
  noise alive ~ bernoulli(if age < 12 then 1 - 0.02 * age else 0)
  let cash = 1.02 * a + (if age < 9 then exp(z) else 0.2) + bequest
  action c in (0, cash]
  a' = cash - c
  age' = min(age + 1, 12)
  end when not alive, then restart
  observe a, z, age, bequest
  reward log(c)
  discount 0.95
}
";

#[test]
fn ages_that_are_right_hold_and_wrong_ones_are_refused() {
    let (model, said) = crate::compile(AGES, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{said:?}"));
    let right = solved(&model);
    let held = judged(&model, &right);
    assert!(held.passed, "{:?}", held.reasons);

    // What is left by the dead, three tenths too much.
    let mut wrong = right.clone();
    let more = |h: &mut (String, f64)| h.1 *= 1.3;
    (wrong.population.iter_mut()).for_each(|p| p.held.iter_mut().for_each(more));
    assert!(!judged(&model, &wrong).passed);

    // Means by age, told of the age before.
    let mut wrong = right.clone();
    if let Some(p) = &mut wrong.population {
        p.profiles[0].means[0].1.rotate_right(1);
    }
    let refused = judged(&model, &wrong);
    assert!(codes(&refused).contains(&"E0972".into()), "{:?}", codes(&refused));

    // What is done at each age is what is done a year later.
    let mut wrong = right.clone();
    let (nodes, shocks) = (right.solution.states[1].nodes.len(), right.solution.shocks());
    wrong.solution.policy[0].rotate_left(nodes * shocks);
    assert!(!judged(&model, &wrong).passed);

    // Everybody is of one age.
    let mut wrong = right.clone();
    if let Some(p) = &mut wrong.population {
        let each = p.mass.len() / 12;
        let all: f64 = p.mass[each..2 * each].iter().sum();
        let one: Vec<f64> = p.mass[each..2 * each].iter().map(|m| m / all).collect();
        p.mass.fill(0.0);
        p.mass[each..2 * each].copy_from_slice(&one);
    }
    assert!(!judged(&model, &wrong).passed);
}
