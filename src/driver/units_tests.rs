//! Verdicts do not depend on the unit of money or of rewards.

use super::{Request, Solved, solve};
use crate::solve::progress::silent;

/// A household with a limit to its debt and a dearer loan, in money of which it earns `money` on average; rewards are `worth` times as large.
fn household(money: f64, worth: f64) -> Solved {
    let m = |x: f64| format!("{:?}", x * money);
    let text = format!(
        "shock w ~ markov([low: {}, high: {}], [[0.8, 0.2], [0.2, 0.8]]), start low\nagent h {{\n  state a in [{}, {}], start 0\n  \
         let cash = a + (if a > 0 then 0.02 * a else 0.09 * a) + w\n  action c in [{}, cash + {}]\n  a' = min(cash - c, {})\n  observe a, w\n  \
         reward {worth:?} * (1 - {} / c)\n  discount 0.95\n}}\nsolve {{ interpolation = linear; grid.a = 800 }}\n",
        m(0.6),
        m(1.4),
        m(-0.5),
        m(15.0),
        m(0.05),
        m(0.5),
        m(15.0),
        m(1.0)
    );
    let (model, found) = crate::compile(&text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{found:?}"));
    solve(&model, &Request::default(), &mut silent).unwrap_or_else(|d| panic!("{money} {worth}: {d:?}"))
}

#[test]
fn the_unit_of_money_and_of_rewards_changes_no_verdict() {
    let plain = household(1.0, 1.0);
    let codes = |s: &Solved| -> Vec<String> { s.certificate.reasons.iter().map(|d| d.code.clone()).collect() };
    assert!(plain.certificate.passed, "{:?}", plain.certificate.reasons);
    for (money, worth) in [(1e-6, 1.0), (1e6, 1.0), (1.0, 1e-6), (1.0, 1e6), (1.0, 1e-15)] {
        let other = household(money, worth);
        assert_eq!(
            codes(&other),
            codes(&plain),
            "{money} {worth}: {:?}",
            other.certificate.reasons
        );
        let policies = plain.solution.policy[0].iter().zip(&other.solution.policy[0]);
        let off = policies.map(|(p, o)| (p - o / money).abs()).fold(0.0, f64::max);
        assert!(off < 1e-3, "{money} {worth}: {off:e}");
    }
}
