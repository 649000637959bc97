//! Random finite economies (`tests/random_finite/`) with a mistake in the program, or in the enumeration: each must be found.

#[path = "../../tests/random_finite/economy.rs"]
mod economy;
#[path = "../../tests/random_finite/trial.rs"]
mod trial;

use crate as program;
use crate::fault;
use economy::{Economy, Rng, economy};
use trial::{Verdict, verdict};

/// Cases in which a mistake must be found.
const CASES: u64 = 60;

/// Mistakes of the program that finite economies must show (`src/fault.rs`).
const FAULTS: &[&str] = &[
    "chain.transposed",
    "chance.complement",
    "chance.first_outcome",
    "chance.range_short",
    "chance.reward_unweighted",
    "ends.horizon_short",
    "ends.never",
    "ends.paying_undiscounted",
    "ends.reward_lost",
    "ends.value_after_last",
    "evaluation.discount_missing",
    "evaluation.end_ignored",
    "evaluation.paying_dropped",
    "search.last_choice",
    "simulation.first_row",
    "simulation.late",
    "simulation.state_kept",
];

fn cases() -> impl Iterator<Item = Economy> {
    (0..CASES).map(|case| economy(&mut Rng::of_case(case)))
}

fn is_wrong(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Right(off) => !(*off <= 1e-9),
        Verdict::Refused(why) | Verdict::Wrong(why) => !why.is_empty(),
    }
}

#[test]
fn mistakes_of_the_program_are_found() {
    let mut missed = Vec::new();
    for name in FAULTS {
        // What is refused without the mistake shows nothing.
        let found = cases().any(|e| is_wrong(&fault::with(name, || verdict(&e, &e))) && !is_wrong(&verdict(&e, &e)));
        if !found {
            missed.push(*name);
        }
    }
    assert!(missed.is_empty(), "not found in {CASES} economies: {missed:?}");
}

#[test]
fn mistakes_of_the_enumeration_are_found() {
    let mistakes: &[(&str, fn(&mut Economy))] = &[
        ("discount", |e| e.discount += 1e-6),
        ("reward", |e| e.reward.constant += 1e-6),
        ("end", |e| {
            if let Some(end) = &mut e.end {
                end.1 += 1e-4;
            }
        }),
        ("chain", |e| {
            if let Some((_, matrix)) = &mut e.chain {
                matrix.reverse();
            }
        }),
        ("order of draws", |e| e.draws.reverse()),
    ];
    for (name, wrong) in mistakes {
        let found = cases().any(|e| {
            let mut other = e.clone();
            wrong(&mut other);
            !matches!(verdict(&e, &e), Verdict::Refused(_)) && matches!(verdict(&e, &other), Verdict::Wrong(_))
        });
        assert!(found, "{name}");
    }
}
