//! Random finite economies against an enumeration of everything that can happen: states, a chain, choices, draws whose chances move
//! with states, shocks, actions and other draws, ends, horizons. Values must agree to 1e-9, simulated means within four
//! standard errors. The enumeration (`economy.rs`) shares nothing with the program; `src/verify/random_tests.rs` plants mistakes in
//! both and sees that they are found.
//!
//! `ECONC_CASES=2000` tries as many; a fault prints the economy.

mod economy;
mod trial;

use econc as program;
use economy::{Draw, Economy, Line, Name, Rng, economy};
use trial::{Verdict, verdict};

/// Whether some chance reads something that `what` says yes to.
fn chances_read(e: &Economy, what: fn(&Name) -> bool) -> bool {
    let on = |l: &Line| l.terms.iter().any(|(c, n)| *c != 0.0 && what(n));
    e.draws.iter().any(|d| matches!(d, Draw::Bernoulli(l) if on(l)))
}

#[test]
fn random_finite_economies_are_worth_what_their_enumeration_says() {
    let cases: u64 = std::env::var("ECONC_CASES")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(200);
    let (mut moving, mut dependent, mut ends) = (0, 0, 0);
    let mut refused: Vec<String> = Vec::new();
    let mut faults: Vec<String> = Vec::new();
    let mut off: f64 = 0.0;
    for case in 0..cases {
        let e = economy(&mut Rng::of_case(case));
        match verdict(&e, &e) {
            Verdict::Right(by) => off = off.max(by),
            // Coefficients that happen to cancel leave an action without an effect, which the language refuses.
            Verdict::Refused(d) if d.contains("E0703") => {
                refused.push(format!("case {case}"));
                continue;
            }
            Verdict::Refused(d) => faults.push(format!("case {case}: {d}\n{}", e.text())),
            Verdict::Wrong(fault) => faults.push(format!("case {case}: {fault}\n{}", e.text())),
        }
        moving += u64::from(chances_read(&e, |_| true));
        dependent += u64::from(chances_read(&e, |n| matches!(n, Name::Draw(_))));
        ends += u64::from(e.end.is_some());
    }
    eprintln!(
        "{cases} cases: values off by at most {off:.1e}; {moving} with chances that move, {dependent} with draws that depend on draws, \
         {ends} with ends; {} refused; {} wrong",
        refused.len(),
        faults.len()
    );
    let shown: Vec<&str> = faults.iter().take(5).map(String::as_str).collect();
    assert!(faults.is_empty(), "{} of {cases}\n{}", faults.len(), shown.join("\n"));
    assert!(
        (refused.len() as u64) * 20 < cases,
        "{} refused: {refused:?}",
        refused.len()
    );
    assert!(
        moving * 3 > cases && dependent * 8 > cases && ends * 5 > cases,
        "too few economies of a kind: {moving}, {dependent}, {ends} of {cases}"
    );
}
