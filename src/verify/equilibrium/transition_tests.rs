//! Wrong paths must be refused.

use super::transition::judge;
use crate::check::Model;
use crate::solve::continuum::transition::{Change, LATE, Transition, transition};
use crate::solve::progress::silent;

/// Uninsured households, small.
const TOWN: &str = "param A = 1 in (0, inf)
agent household[continuum] {
  shock z ~ markov([low: 0.6, high: 1.4], [[0.8, 0.2], [0.2, 0.8]])
  state k in [0, inf), start 5
  let cash = (1 + r) * k + w * z
  action k_next in [0, cash)
  let c = cash - k_next
  k' = k_next
  observe k, z
  reward log(c)
  discount 0.95
}
market factors {
  let K = mean(household.k)
  price r = 0.36 * A * K^(-0.64) - 0.08
  price w = 0.64 * A * K^0.36
}
solve { grid.k = double_log(200) }
scenario boom { path A = 1 + 0.01 * 0.8^t }
";

/// Bonds in zero net supply.
const BONDS: &str = "param A = 1 in (0, inf)
agent household[continuum] {
  shock e ~ markov([low: 0.3, high: 1], [[0.5, 0.5], [0.1, 0.9]])
  state a in [-2, inf), start 0
  action b in [-2, (a + A * e) / q) given q
  let c = a + A * e - q * b
  a' = b
  observe a, e
  reward crra(c, 1.5)
  discount 0.97
}
market bonds { price q in [0.9, 1.05] clears mean(household.b) == 0 }
solve { grid.a = double_log(200) }
scenario boom { path A = 1 + 0.01 * 0.8^t }
";

fn compiled(text: &str) -> Model {
    let (model, said) = crate::compile(text, &crate::Options::default());
    model.unwrap_or_else(|| panic!("{said:?}"))
}

fn change(model: &Model) -> Change<'_> {
    let p = model.params.iter().position(|p| p.name == "A").unwrap();
    let path = (0..=LATE).map(|t| 1.0 + 0.01 * 0.8f64.powi(t as i32)).collect();
    Change {
        before: model,
        after: model,
        paths: vec![(p, path)],
        periods: Some(200),
    }
}

/// Codes of the reasons for which a path is refused.
fn refused(change: &Change, found: &Transition) -> Vec<String> {
    let out = judge(change, found, 1).unwrap_or_else(|d| panic!("{d:?}"));
    out.reasons.iter().map(|d| d.headline.clone()).collect()
}

#[test]
fn a_right_path_holds_and_wrong_ones_do_not() {
    let model = compiled(TOWN);
    let change = change(&model);
    let right = transition(&change, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    assert_eq!(refused(&change, &right), Vec::<String>::new());
    let k = right.unknown[0];
    let rest = right.held[1][k];
    let broken = |what: &dyn Fn(&mut Transition)| {
        let mut wrong = right.clone();
        what(&mut wrong);
        refused(&change, &wrong).join("; ")
    };
    // Prices of another path: one per cent off, or half of the way.
    let off = broken(&|t| t.numbers.iter_mut().for_each(|n| n[k] *= 1.01));
    assert!(off.contains("is not what members make of it"), "{off}");
    let half = broken(&|t| t.numbers.iter_mut().for_each(|n| n[k] = rest + 0.9 * (n[k] - rest)));
    assert!(half.contains("moves otherwise than members make it move"), "{half}");
    // Members who do not see what comes: the policies of the rest.
    let blind = broken(&|t| {
        let rest = t.solution.policy.clone();
        t.policies.iter_mut().for_each(|p| p.clone_from(&rest));
    });
    assert!(blind.contains("moves otherwise"), "{blind}");
    // Members who save a little less than is best.
    let careless = broken(&|t| t.policies.iter_mut().flatten().flatten().for_each(|a| *a *= 0.995));
    assert!(careless.contains("is not best"), "{careless}");
    // A path that stops before it is at rest.
    let early = broken(&|t| {
        t.policies.truncate(6);
        t.numbers.truncate(6);
    });
    assert!(
        early.contains("not where they rest") || early.contains("is not what"),
        "{early}"
    );
    // Prices that nobody looks at.
    let idle = broken(&|t| t.shifted = vec![Some(t.policies.clone())]);
    assert!(idle.contains("moves nothing"), "{idle}");
}

#[test]
fn a_price_that_clears_is_found_in_each_period() {
    let model = compiled(BONDS);
    let change = change(&model);
    let found = transition(&change, &mut silent).unwrap_or_else(|d| panic!("{d:?}"));
    assert_eq!(refused(&change, &found), Vec::<String>::new());
    let q = found.paths.iter().find(|p| p.name == "bonds.q").unwrap();
    // Everybody has more now than later and wants to save: bonds are dear.
    assert!(
        q.values[0] > q.before + 1e-3 && (q.values[199] - q.after).abs() < 1e-6,
        "{q:?}"
    );
    let u = found.unknown[0];
    let mut wrong = found.clone();
    wrong.numbers.iter_mut().for_each(|n| n[u] += 0.01);
    let c: Vec<f64> = found
        .paths
        .iter()
        .find(|p| p.name == "mean(household.c)")
        .unwrap()
        .values
        .clone();
    // All that there is is consumed.
    let share = 0.1 / 0.6;
    let endowed = share * 0.3 + (1.0 - share);
    assert!(
        (c[0] / (1.01 * endowed) - 1.0).abs() < 1e-5,
        "{} {}",
        c[0],
        1.01 * endowed
    );
    // Policies of another path leave bonds over.
    wrong.policies.clone_from(found.shifted[0].as_ref().unwrap());
    assert!(!refused(&change, &wrong).is_empty());
}
