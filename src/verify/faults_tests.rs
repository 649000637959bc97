//! Which faults are caught, and by what: each fault of `fault.rs` is made alive while a small economy is solved, simulated
//! and certified, and the answer is compared with the right one of `faults_economies.rs`.
//!
//! A fault that leaves every number as it was would prove nothing, so the test demands that the independent answer
//! moves; and that the row of the certificate (by its reason code) that the table names fails. Faults whose place is not the
//! solution but its simulation, learners or their verdict are for the cross-check alone, as are those of which the
//! table says that no row sees them. `docs/faults.md` holds the table as it was measured.

use super::faults_economies::{ECONOMIES, Economy};
use super::solved::{Options, Solved, solve};
use crate::check::Model;
use crate::fault;
use crate::solve::progress::silent;
use std::fmt::Write;

/// How far an economy's answer is from the right one.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// The model's solution.
    Solved(fn(&Model, &Solved) -> f64),
    /// Something that needs no solution.
    Alone(fn() -> f64),
}

/// A planted fault.
struct Fault {
    name: &'static str,
    /// The economy on which it shows.
    on: &'static str,
    /// Codes, at least one of which must be among the reasons of the certificate or stop the solver; none: the certificate does
    /// not see it, and the cross-check is what catches it.
    rows: &'static [&'static str],
}

const fn seen(name: &'static str, on: &'static str, rows: &'static [&'static str]) -> Fault {
    Fault { name, on, rows }
}

/// A fault for the cross-check alone.
const fn unseen(name: &'static str, on: &'static str) -> Fault {
    Fault { name, on, rows: &[] }
}

const FAULTS: &[Fault] = &[
    // Chains.
    seen("chain.transposed", "cycle", &["E0944", "E0945", "E0946"]),
    unseen("chain.sd", "growth"),
    unseen("chain.conditional_sd", "growth"),
    seen("chain.off_by_one", "growth", &["E0944", "E0945"]),
    seen("chain.mean_lost", "growth", &["E0944", "E0945"]),
    unseen("chain.stationary", "rest"),
    seen("chain.now_and_next", "regimes", &["E0944", "E0945"]),
    seen("chain.condition_ignored", "regimes", &["E0944", "E0945"]),
    // Quadrature.
    unseen("quadrature.unnormalised", "keeper"),
    unseen("quadrature.node_lost", "keeper"),
    unseen("quadrature.mean_only", "keeper"),
    unseen("quadrature.sqrt2", "keeper"),
    unseen("quadrature.equal_weights", "keeper"),
    unseen("quadrature.interval", "keeper"),
    seen("quadrature.reversed", "lottery", &["E0944", "E0945"]),
    // Simulation.
    unseen("simulation.reused", "cycle played"),
    seen("simulation.first_row", "cycle played", &["E0944", "E0945", "E0946"]),
    seen("simulation.late", "cycle played", &["E0944", "E0945", "E0946"]),
    unseen("simulation.state_kept", "cycle played"),
    unseen("simulation.same_noise", "keeper played"),
    unseen("simulation.discount_twice", "line played"),
    seen("simulation.noise_weights", "lottery judged", &["E0915"]),
    // Chance that depends on the state.
    seen("chance.other_state", "machine", &["E0944", "E0945"]),
    seen("chance.complement", "machine", &["E0944", "E0945"]),
    seen("chance.constant", "machine", &["E0944", "E0945"]),
    seen("chance.reward_unweighted", "machine", &["E0944", "E0945", "E0946"]),
    seen("chance.range_short", "drift", &["E0901", "E0902", "E0970"]),
    seen("chance.first_outcome", "lottery", &["E0915", "E0944", "E0945"]),
    // Markets.
    seen("market.last_root", "three", &["E0990"]),
    seen(
        "market.neighbour",
        "seller",
        &["E0912", "E0914", "E0915", "E0944", "E0945", "E0946", "E0990"],
    ),
    seen("market.early_stop", "seller", &["E0831"]),
    seen("market.half_bracket", "seller", &["E0831"]),
    seen("market.newton_stops", "pair", &["E0990"]),
    seen("market.slope", "quay", &["E0911"]),
    // Interpolation.
    seen(
        "interpolation.swapped",
        "line",
        &["E0911", "E0912", "E0915", "E0944", "E0945", "E0946"],
    ),
    seen(
        "interpolation.flat",
        "dump",
        &["E0913", "E0942", "E0943", "E0944", "E0945"],
    ),
    seen(
        "interpolation.log_ignored",
        "growth",
        &["E0912", "E0914", "E0915", "E0903"],
    ),
    seen(
        "interpolation.last_cell",
        "line",
        &["E0911", "E0915", "E0944", "E0945", "E0946"],
    ),
    seen("interpolation.spline_slope", "keeper", &["E0911", "E0912"]),
    seen("interpolation.nearest", "keeper", &["E0911", "E0912", "E0914"]),
    // Search.
    seen("search.upper_half", "peaks", &["E0915", "E0946"]),
    seen("search.first_peak", "peaks", &["E0915", "E0946"]),
    seen("search.bound_excluded", "corner", &["E0911", "E0915", "E0946"]),
    seen("search.early_stop", "keeper", &["E0911", "E0912", "E0914"]),
    seen("search.worst_choice", "cycle", &["E0915", "E0946"]),
    unseen("search.mask_ignored", "gate"),
    seen("search.last_choice", "cycle", &["E0946"]),
    // Evaluation of policies.
    seen(
        "evaluation.end_ignored",
        "offers",
        &["E0912", "E0914", "E0944", "E0945", "E0946"],
    ),
    seen("evaluation.discount_missing", "offers", &["E0912", "E0944", "E0945"]),
    seen(
        "evaluation.paying_dropped",
        "offers",
        &["E0912", "E0914", "E0915", "E0946"],
    ),
    seen(
        "evaluation.require_ignored",
        "limit",
        &["E0915", "E0916", "E0944", "E0945"],
    ),
    unseen("evaluation.agent_dropped", "team"),
    seen("evaluation.members_once", "herd", &["E0944", "E0945"]),
    // Ends and discounting.
    seen("ends.value_after_last", "cake", &["E0944", "E0945"]),
    seen("ends.horizon_short", "cake", &["E0944", "E0945"]),
    seen("ends.clock", "cake", &["E0944", "E0945", "E0946"]),
    seen("ends.discount_late", "patience", &["E0944", "E0945", "E0946"]),
    seen("ends.paying_undiscounted", "offers", &["E0944", "E0945", "E0946"]),
    seen("ends.reward_lost", "offers", &["E0944", "E0945"]),
    seen("ends.never", "offers", &["E0944", "E0945", "E0946"]),
    // Learners and the verdict on them.
    unseen("verdict.best_of_seeds", "seeds"),
    unseen("verdict.sign", "growth learned"),
    unseen("verdict.base", "growth learned"),
    unseen("verdict.exploration", "explorer"),
    unseen("verdict.estimate_small", "coarse"),
    unseen("verdict.estimate_of_one_period", "coarse"),
    unseen("learner.projection_skipped", "limit projected"),
    unseen("learner.value_after_end", "record"),
    unseen("learner.undiscounted", "record"),
    unseen("learner.table_after_end", "table"),
];

/// What came of an economy: the gap to the right answer and the codes of what failed.
struct Outcome {
    gap: f64,
    codes: Vec<String>,
}

fn compiled(economy: &Economy) -> Option<Model> {
    if economy.text.is_empty() {
        return None;
    }
    let (model, diagnostics) = crate::compile(economy.text, &crate::Options::default());
    Some(model.unwrap_or_else(|| panic!("{}: {diagnostics:?}", economy.name)))
}

/// Whether a code is raised on an economy without any fault. The judge takes expectations over 128 draws, which miss the
/// variance of a normal noise by some per cent: where rewards are squares a right solution fails, and the row says nothing.
fn false_alarm(text: &str, code: &str) -> bool {
    text.contains("~ normal(") && ["E0944", "E0945", "E0946"].contains(&code)
}

/// Rows of the judge in the model's own economy: wherever a fault is one that the certificate sees, they may be what sees it.
fn in_the_models_world(code: &str) -> bool {
    code.starts_with("E094") || code == "E0990"
}

/// Runs an economy with a fault alive.
fn run(fault: &str, economy: &Economy, model: Option<&Model>) -> Outcome {
    fault::with(fault, || match (economy.gap, model) {
        (Answer::Solved(gap), Some(model)) => match solve(model, &Options::default(), &mut silent) {
            Ok(solved) => {
                let reasons = solved.certificate.reasons.iter();
                let mut codes: Vec<String> = reasons
                    .filter(|d| d.severity == crate::Severity::Error)
                    .map(|d| d.code.clone())
                    .collect();
                if !solved.certificate.passed && codes.is_empty() {
                    codes.push("failed".into());
                }
                Outcome {
                    gap: gap(model, &solved),
                    codes,
                }
            }
            Err(d) => Outcome {
                gap: f64::INFINITY,
                codes: d.into_iter().map(|d| d.code).collect(),
            },
        },
        (Answer::Alone(gap), _) => Outcome {
            gap: gap(),
            codes: Vec::new(),
        },
        (Answer::Solved(_), None) => Outcome {
            gap: f64::NAN,
            codes: vec!["no model".into()],
        },
    })
}

#[test]
fn without_faults_every_economy_is_right_and_certified() {
    let mut wrong = String::new();
    for economy in ECONOMIES {
        let model = compiled(economy);
        let mut outcome = run("", economy, model.as_ref());
        outcome.codes.retain(|c| !false_alarm(economy.text, c));
        if !(outcome.gap <= economy.within) || !outcome.codes.is_empty() {
            let _ = writeln!(wrong, "{}: gap {:.2e}, {:?}", economy.name, outcome.gap, outcome.codes);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what a reader of the test wants")]
fn every_fault_moves_its_economy_and_the_row_that_is_named_for_it_fails() {
    let mut table = String::new();
    let mut wrong = String::new();
    for f in FAULTS {
        let Some(economy) = ECONOMIES.iter().find(|e| e.name == f.on) else {
            let _ = writeln!(wrong, "{}: no economy `{}`", f.name, f.on);
            continue;
        };
        let model = compiled(economy);
        let mut outcome = run(f.name, economy, model.as_ref());
        outcome.codes.retain(|c| !false_alarm(economy.text, c));
        let rows = if outcome.codes.is_empty() {
            "not by the certificate".to_string()
        } else {
            outcome.codes.join(", ")
        };
        let _ = writeln!(table, "| {} | {} | {:.1e} | {} |", f.name, f.on, outcome.gap, rows);
        // Where a fault leaves the answer as it was, because something else makes up for it, a row must see it.
        if !(outcome.gap > f64::max(3.0 * economy.within, 1e-3)) && f.rows.is_empty() {
            let _ = writeln!(
                wrong,
                "{}: the answer of `{}` is off by {:.1e} only",
                f.name, f.on, outcome.gap
            );
        }
        let named = |c: &String| f.rows.contains(&c.as_str()) || in_the_models_world(c);
        if !f.rows.is_empty() && !outcome.codes.iter().any(named) {
            let _ = writeln!(
                wrong,
                "{}: {:?} must fail, what failed: {:?}",
                f.name, f.rows, outcome.codes
            );
        }
    }
    println!("| fault | economy | answer off by | caught by |\n|---|---|---|---|\n{table}");
    assert!(wrong.is_empty(), "\n{wrong}\n{table}");
}

/// Names of the faults planted in the sources.
fn planted() -> Vec<String> {
    fn read(folder: &std::path::Path, out: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                read(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs")
                && !(path.ends_with("fault.rs") || path.ends_with("faults_tests.rs"))
            {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                // The layout may put the name on a line of its own.
                for part in text.split("fault!(").skip(1) {
                    if let Some(name) = part.trim_start().strip_prefix('"').and_then(|p| p.split('"').next()) {
                        out.push(name.to_string());
                    }
                }
            }
        }
    }
    let mut names = Vec::new();
    read(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut names,
    );
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_table_holds_exactly_the_faults_that_are_planted() {
    let mut listed: Vec<String> = FAULTS.iter().map(|f| f.name.to_string()).collect();
    listed.sort();
    assert_eq!(planted(), listed);
    assert!(listed.len() >= 55);
    let room = |name: &str| name.split('.').next().unwrap_or_default().to_string();
    let mut rooms: Vec<String> = listed.iter().map(|n| room(n)).collect();
    rooms.dedup();
    for r in &rooms {
        let of_it = listed.iter().filter(|n| room(n) == *r).count();
        let both = ["verdict", "learner"];
        assert!(of_it >= 5 || both.contains(&r.as_str()), "{r} has {of_it} faults");
    }
}
