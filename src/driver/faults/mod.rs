//! Which faults are caught, and by what: each fault of `fault.rs` is made alive while a small economy is solved, simulated
//! and certified, and what comes out is compared in three ways.
//!
//! * The certificate: the row (by its reason code) that the table names must fail.
//! * A cross-check of `checks.rs`: what the program says of one thing in two places.
//! * The answer that is known by other means (`answers.rs`, `learners.rs`). It must move, else the fault proves nothing.
//!
//! Without a fault every economy passes all of them. `docs/faults.md` holds the table as it was measured.

mod answers;
mod checks;
mod economies;
mod games;
mod learners;
mod moves;

use super::{Request, Solved, solve};
use crate::check::Model;
use crate::fault;
use crate::solve::progress::silent;
use economies::{ECONOMIES, Economy};
use std::fmt::Write;

/// How far an economy's answer is from the right one.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// The model's solution.
    Solved(fn(&Model, &Solved) -> f64),
    /// Something that needs no solution.
    Alone(fn() -> f64),
}

/// What notices a fault.
enum By {
    /// The certificate: at least one of these codes is among its reasons, or stops the solver.
    Rows(&'static [&'static str]),
    /// The cross-check of this name.
    Check(&'static str),
    /// The answer by other means.
    Answer,
    /// Nothing: the fault switches a check off, and what that check says of its economy without the fault, in these words, is no longer said.
    Silenced(&'static str),
}

/// A planted fault.
struct Fault {
    name: &'static str,
    /// The economy on which it shows.
    on: &'static str,
    by: By,
}

const fn seen(name: &'static str, on: &'static str, rows: &'static [&'static str]) -> Fault {
    let by = By::Rows(rows);
    Fault { name, on, by }
}

const fn checked(name: &'static str, on: &'static str, check: &'static str) -> Fault {
    let by = By::Check(check);
    Fault { name, on, by }
}

const fn answered(name: &'static str, on: &'static str) -> Fault {
    let by = By::Answer;
    Fault { name, on, by }
}

const fn silenced(name: &'static str, on: &'static str, words: &'static str) -> Fault {
    let by = By::Silenced(words);
    Fault { name, on, by }
}

const FAULTS: &[Fault] = &[
    // Chains.
    seen("chain.transposed", "cycle", &["E0944", "E0945", "E0946"]),
    seen("chain.sd", "exports", &["E0944", "E0945"]),
    seen("chain.conditional_sd", "exports", &["E0944", "E0945"]),
    seen("chain.off_by_one", "growth", &["E0944", "E0945"]),
    seen("chain.mean_lost", "growth", &["E0944", "E0945"]),
    checked("chain.stationary", "rest", "moments"),
    seen("chain.now_and_next", "regimes", &["E0944", "E0945"]),
    seen("chain.condition_ignored", "regimes", &["E0944", "E0945"]),
    // Quadrature.
    seen("quadrature.unnormalised", "keeper", &["E0944", "E0945"]),
    seen("quadrature.node_lost", "keeper", &["E0944", "E0945"]),
    seen("quadrature.mean_only", "keeper", &["E0944", "E0945"]),
    seen("quadrature.sqrt2", "keeper", &["E0944", "E0945"]),
    seen("quadrature.equal_weights", "keeper", &["E0944", "E0945"]),
    seen("quadrature.interval", "keeper", &["E0944", "E0945"]),
    seen("quadrature.reversed", "lottery", &["E0944", "E0945"]),
    // Simulation.
    checked("simulation.reused", "offers", "returns"),
    seen("simulation.first_row", "cycle played", &["E0944", "E0945", "E0946"]),
    seen("simulation.late", "cycle played", &["E0944", "E0945", "E0946"]),
    checked("simulation.state_kept", "cycle played", "returns"),
    checked("simulation.same_noise", "keeper played", "returns"),
    checked("simulation.discount_twice", "line played", "returns"),
    answered("simulation.choices_first", "numbers first"),
    answered("simulation.moved_far", "whole moves"),
    answered("simulation.moved_past", "near moves"),
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
    seen("market.seen_through", "stalls", &["E0946"]),
    seen("market.player_dropped", "rivals", &["E0946", "E0918"]),
    seen("market.choices_apart", "ridge", &["E0946"]),
    seen("market.follower_ignored", "leader", &["E0946", "E0918", "E0917"]),
    seen(
        "market.taker_moves_price",
        "sellers who take prices",
        &["E0976", "E0977"],
    ),
    seen(
        "market.draws_unweighted",
        "taker behind a kink",
        &["E0944", "E0945", "E0976", "E0977"],
    ),
    seen("market.price_held", "sellers", &["E0976", "E0977"]),
    seen("market.condition_dropped", "sellers", &["E0921", "E0976", "E0977"]),
    seen("market.values_exchanged", "sellers", &["E0944", "E0976", "E0977"]),
    seen("market.tastes_doubled", "comers", &["E0944", "E0946"]),
    seen("market.entrants_at_rest", "entrants", &["E0972"]),
    seen("market.likely_choice", "sectors", &["E0972"]),
    seen("market.early_stop", "seller", &["E0831"]),
    seen("market.half_bracket", "seller", &["E0831"]),
    seen("market.newton_stops", "pair", &["E0990"]),
    seen("market.slope", "quay", &["E0911"]),
    seen("market.status_ignored", "quota", &["E0947"]),
    // Interpolation.
    seen(
        "interpolation.swapped",
        "line",
        &["E0911", "E0912", "E0915", "E0944", "E0945", "E0946"],
    ),
    seen("interpolation.flat", "dump", &["E0943"]),
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
    seen("interpolation.spline_slope", "keeper", &["E0911"]),
    seen("interpolation.nearest", "keeper", &["E0911", "E0912", "E0914"]),
    // Search.
    seen("search.upper_half", "peaks", &["E0915", "E0946"]),
    seen("search.first_peak", "peaks", &["E0915", "E0946"]),
    seen("search.bound_excluded", "corner", &["E0911", "E0915", "E0946"]),
    seen("search.slack_not_climbed", "sliver", &["E0946"]),
    seen("search.pieces_not_sought", "two sizes", &["E0946"]),
    seen("search.pieces_not_compared", "retiring", &["E0945", "E0946", "E0949"]),
    seen("search.conditions_not_sought", "contract", &["E0946"]),
    seen("search.early_stop", "keeper", &["E0911"]),
    seen("search.worst_choice", "cycle", &["E0915", "E0946"]),
    seen("search.mask_ignored", "gate", &["E0946", "E0817"]),
    seen("search.last_choice", "cycle", &["E0946"]),
    answered("search.rest_anywhere", "rest at the peak"),
    answered("search.rest_outside", "rest at the end"),
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
    seen("evaluation.stayers_only", "held savers", &["E0972"]),
    seen(
        "evaluation.require_ignored",
        "limit",
        &["E0915", "E0916", "E0944", "E0945"],
    ),
    seen("evaluation.agent_dropped", "team", &["E0946"]),
    seen("evaluation.members_once", "herd", &["E0944", "E0945"]),
    // Ends and discounting.
    seen("ends.value_after_last", "cake", &["E0944", "E0945"]),
    seen("ends.horizon_short", "cake", &["E0944", "E0945"]),
    seen("ends.clock", "cake", &["E0944", "E0945", "E0946"]),
    seen("ends.discount_late", "patience", &["E0944", "E0945", "E0946"]),
    seen("ends.paying_undiscounted", "offers", &["E0944", "E0945", "E0946"]),
    seen("ends.reward_lost", "offers", &["E0944", "E0945"]),
    seen("ends.never", "offers", &["E0944", "E0945", "E0946"]),
    // Laws that members of a continuum perceive.
    // Prices that look ahead.
    seen("market.forward_shifted", "tree", &["E0861"]),
    seen("market.forward_shocks_of_today", "tree", &["E0861"]),
    seen("perceived.loop_cut", "households", &["E0992"]),
    seen("perceived.states_pooled", "households", &["E0992"]),
    seen("perceived.lottery_off_by_one", "households", &["E0991", "E0992"]),
    seen("perceived.chances_swapped", "households", &["E0991", "E0992"]),
    seen("perceived.mean_of_another_state", "households", &["E0992"]),
    // Checks that are switched off.
    silenced(
        "verdict.edges_unseen",
        "narrow",
        "spent outside it or pressed against its edge",
    ),
    silenced("verdict.never_runs_away", "endless", "however far its ends are moved"),
    silenced("verdict.not_estimated_silently", "odometer", "is not known"),
    seen("verdict.step_missed", "tries", &["E0945", "E0946", "E0969"]),
    seen("verdict.carried_unseen", "carried", &["E0948"]),
    answered("verdict.rest_unseen", "slow"),
    answered("verdict.answer_unseen", "answered"),
    seen("interpolation.grid_cut_short", "war", &["E0949"]),
    silenced(
        "verdict.streaks_unseen",
        "war cut short",
        "a streak of `Z` leads beyond it",
    ),
    // Learners and the verdict on them.
    answered("verdict.best_of_seeds", "seeds"),
    checked("verdict.sign", "growth learned", "verdict"),
    answered("verdict.base", "growth learned"),
    answered("verdict.exploration", "explorer"),
    answered("verdict.estimate_small", "coarse"),
    answered("verdict.estimate_of_one_period", "coarse"),
    answered("verdict.outside_unseen", "bottom"),
    answered("verdict.walls_believed", "top"),
    answered("learner.projection_skipped", "limit projected"),
    answered("learner.value_after_end", "record"),
    answered("learner.undiscounted", "record"),
    answered("learner.table_after_end", "table"),
    // Games: seats, stages, turns, the cast, chance that worlds share.
    answered("game.told_of_another", "two seats"),
    answered("game.seen_early", "two seats"),
    answered("game.all_at_once", "two seats"),
    answered("game.wrong_member", "two seats"),
    answered("game.cast_silent", "two seats"),
    answered("game.chance_apart", "pairs of worlds"),
];

/// What came of an economy: the gap to the right answer, the codes of what failed and the cross-checks that did.
struct Outcome {
    gap: f64,
    codes: Vec<String>,
    checks: Vec<&'static str>,
}

impl Outcome {
    fn stopped(gap: f64, codes: Vec<String>) -> Outcome {
        let checks = Vec::new();
        Outcome { gap, codes, checks }
    }
}

fn compiled(economy: &Economy) -> Option<Model> {
    if economy.text.is_empty() {
        return None;
    }
    let (model, diagnostics) = crate::compile(economy.text, &crate::Options::default());
    Some(model.unwrap_or_else(|| panic!("{}: {diagnostics:?}", economy.name)))
}

/// Runs an economy with a fault alive.
fn run(fault: &str, economy: &Economy, model: Option<&Model>) -> Outcome {
    fault::with(fault, || match (economy.gap, model) {
        (Answer::Solved(gap), Some(model)) => match solve(model, &Request::default(), &mut silent) {
            Ok(solved) => {
                let economy_of = solved.economy(model);
                let model = economy_of.as_deref().unwrap_or(model);
                let reasons = solved.certificate.reasons.iter();
                let mut codes: Vec<String> = reasons
                    .filter(|d| d.severity == crate::Severity::Error)
                    .map(|d| d.code.clone())
                    .collect();
                if !solved.certificate.passed && codes.is_empty() && economy.coarse.is_empty() {
                    codes.push("failed".into());
                }
                codes.dedup();
                codes.retain(|c| !economy.coarse.contains(&c.as_str()));
                // The cross-checks know one who decides.
                let failing = checks::CHECKS
                    .iter()
                    .filter(|_| solved.solution.players.is_empty())
                    .filter(|(name, check)| !economy.coarse.contains(name) && check(model, &solved).is_some());
                Outcome {
                    gap: gap(model, &solved),
                    codes,
                    checks: failing.map(|c| c.0).collect(),
                }
            }
            Err(d) => Outcome::stopped(f64::INFINITY, d.into_iter().map(|d| d.into_message().code).collect()),
        },
        (Answer::Alone(gap), _) => Outcome::stopped(gap(), Vec::new()),
        (Answer::Solved(_), None) => Outcome::stopped(f64::NAN, vec!["no model".into()]),
    })
}

/// Whether the certificate says these words of a model while a fault is alive.
fn says(fault: &str, model: &Model, words: &str) -> bool {
    let solved = fault::with(fault, || solve(model, &Request::default(), &mut silent));
    let said = solved.map_or_else(|d| d, |s| s.certificate.reasons);
    said.iter()
        .any(|d| d.headline.contains(words) || d.hint.iter().any(|h| h.contains(words)))
}

#[test]
fn without_faults_every_economy_is_right_and_certified_and_passes_the_cross_checks() {
    let mut wrong = String::new();
    for economy in ECONOMIES {
        let model = compiled(economy);
        let outcome = run("", economy, model.as_ref());
        if !(outcome.gap <= economy.within) || !outcome.codes.is_empty() || !outcome.checks.is_empty() {
            let (codes, checks) = (outcome.codes, outcome.checks);
            let _ = writeln!(
                wrong,
                "{}: gap {:.2e}, {codes:?}, {checks:?}",
                economy.name, outcome.gap
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_fault_is_caught_by_what_is_named_for_it() {
    caught(&|f| !AFTER.contains(&f.on));
}

#[test]
fn checks_that_are_switched_off_say_nothing_and_ends_that_draws_bring_are_seen() {
    caught(&|f| AFTER.contains(&f.on));
}

/// Economies whose faults have a test of their own.
const AFTER: [&str; 5] = ["narrow", "endless", "odometer", "tries", "war cut short"];

/// Demands that faults are caught by what is named for them.
#[expect(clippy::print_stdout, reason = "the table is what a reader of the test wants")]
fn caught(which: &dyn Fn(&Fault) -> bool) {
    let mut table = String::new();
    let mut wrong = String::new();
    for f in FAULTS.iter().filter(|f| which(f)) {
        let Some(economy) = ECONOMIES.iter().find(|e| e.name == f.on) else {
            let _ = writeln!(wrong, "{}: no economy `{}`", f.name, f.on);
            continue;
        };
        let model = compiled(economy);
        let outcome = run(f.name, economy, model.as_ref());
        let moved = outcome.gap > f64::max(3.0 * economy.within, 1e-3);
        let mut by: Vec<String> = outcome.codes.clone();
        by.extend(outcome.checks.iter().map(|c| format!("`{c}`")));
        if by.is_empty() && moved {
            by.push(format!("answer of `{}`", f.on));
        }
        let by = by.join(", ");
        let _ = writeln!(table, "| {} | {} | {:.1e} | {by} |", f.name, f.on, outcome.gap);
        let (caught, wanted) = match f.by {
            By::Rows(rows) => (
                outcome.codes.iter().any(|c| rows.contains(&c.as_str())),
                rows.join(" or "),
            ),
            By::Check(check) => (outcome.checks.contains(&check), check.to_string()),
            By::Answer => (moved, "its answer".into()),
            By::Silenced(words) => {
                let said = |fault: &str| model.as_ref().is_some_and(|m| says(fault, m, words));
                (said("") && !said(f.name), format!("`{words}`, which it silences,"))
            }
        };
        if !caught {
            let _ = writeln!(wrong, "{}: {wanted} must notice it, noticed by: {by}", f.name);
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
                && !(path.ends_with("fault.rs") || path.ends_with("faults/mod.rs"))
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
    // The page has a row for each, and names those that only silence a check.
    let page = include_str!("../../../docs/faults.md");
    for f in FAULTS {
        let told = match (&f.by, f.name.rsplit_once('.')) {
            (By::Silenced(_), Some((_, name))) => format!("`{name}`"),
            _ => format!("| {} | {} |", f.name, f.on),
        };
        assert!(page.contains(&told), "docs/faults.md lacks {told}");
    }
    assert!(page.contains(&format!("There are {}", listed.len())));
    assert!(listed.len() >= 55);
    // Learners and the verdict on them are one room.
    let room = |name: &str| match name.split('.').next() {
        Some("learner" | "verdict") => "learners and verdict".to_string(),
        first => first.unwrap_or_default().to_string(),
    };
    let mut rooms: Vec<String> = listed.iter().map(|n| room(n)).collect();
    rooms.sort();
    rooms.dedup();
    assert_eq!(rooms.len(), 12, "{rooms:?}");
    for r in &rooms {
        let of_it = listed.iter().filter(|n| room(n) == *r).count();
        assert!(of_it >= 5, "{r} has {of_it} faults");
    }
}
