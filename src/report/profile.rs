//! The verdict on policies of several who learned: what each gains by its best reply, and what is played beside the equilibrium.

use super::content::{CANNOT_TELL, Check, Content, NamedTable};
use super::number;
use super::table::Table;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::verify::profile::{Gain, Judged, Played};

/// Largest gain that passes where the file says nothing, a share of what is earned.
pub const LIMIT: f64 = 0.005;
/// Gains below this are none.
const NOTHING: f64 = 1e-9;

fn percent(x: f64) -> String {
    format!("{} %", number::compact(100.0 * x))
}

/// A number with its standard error, where it has one.
fn with_error((x, error): (f64, f64), unit: &str) -> String {
    if error > 0.0 && error.is_finite() {
        format!("{} ± {}{unit}", number::compact(x), number::compact(error))
    } else {
        format!("{}{unit}", number::compact(x))
    }
}

/// How a gain compares with the limit: holds, does not, or nothing is known within two standard errors.
fn called((x, error): (f64, f64), limit: f64) -> Option<bool> {
    if x + 2.0 * error <= limit {
        Some(true)
    } else if x - 2.0 * error > limit {
        Some(false)
    } else {
        None
    }
}

/// The content of a verdict on profiles, one per seed; `solved` is why no equilibrium stands beside them, where none does.
pub fn of_profiles(model: &Model, learner: &str, all: &[Judged], limit: f64, unsolved: Option<String>) -> Content {
    let mut content = Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: format!("{learner} judged by what each gains by its best reply"),
        facts: vec![(
            "gains".into(),
            "what a player earns more by the best reply that was found while all others play as learned; shares of the size of what it earns"
                .into(),
        )],
        ..Content::default()
    };
    let names: Vec<&str> = all
        .first()
        .map_or(Vec::new(), |j| j.gains.iter().map(|g| g.player.as_str()).collect());
    for (k, name) in names.iter().enumerate() {
        let of_player: Vec<(u64, &Gain)> = all.iter().map(|j| (j.seed, &j.gains[k])).collect();
        row(&mut content, name, &of_player, limit);
    }
    distances(&mut content, all);
    if let Some(left_out) = all.first().map(|j| j.left_out).filter(|n| *n > 0) {
        content.facts.push((
            "members".into(),
            format!("{left_out} more, who play the same policies, were not judged by themselves"),
        ));
    }
    if let Some(why) = &unsolved {
        content
            .facts
            .push(("equilibrium".into(), format!("none to compare with: {why}")));
    }
    content.tables = tables(all);
    content
}

/// The row of a player: its largest gain in any seed.
fn row(content: &mut Content, name: &str, seeds: &[(u64, &Gain)], limit: f64) {
    let sure = |g: &Gain| g.share().0 + 2.0 * g.share().1;
    let Some((seed, worst)) = seeds.iter().max_by(|a, b| sure(a.1).total_cmp(&sure(b.1))) else {
        return;
    };
    let (share, error) = worst.share();
    let verdict = called((share, error), limit);
    let mut note = format!(
        "reward {} more than {}: {}",
        with_error(worst.gain, ""),
        number::compact(worst.worth.0),
        worst.reply
    );
    if seeds.len() > 1 {
        note = format!("worst of {} seeds ({seed}); {note}", seeds.len());
    }
    match verdict {
        Some(true) => {}
        Some(false) => content.diagnostics.push(
            Diagnostic::error(
                "E0856",
                format!("`{name}` gains {} by another policy: what was learned is no equilibrium", percent(share)),
            )
            .note(format!("{}; the gain is {} in the reward (seed {seed})", worst.reply, with_error(worst.gain, "")))
            .hint("train longer (steps=..), or with less exploration at the end (final_std=..); verify { exploitability = .. } sets what passes"),
        ),
        None => {
            note = format!("{CANNOT_TELL}: the standard error is too large; {note}");
            content.diagnostics.push(
                Diagnostic::error("E0857", format!("whether `{name}` gains by another policy cannot be told"))
                    .note(format!(
                        "{} of what it earns (standard error after the sign); the limit is {}",
                        with_error((100.0 * share, 100.0 * error), " %"),
                        percent(limit)
                    ))
                    .hint("set the limit further off: verify { exploitability = .. }"),
            );
        }
    }
    if let Some(why) = &worst.unsolved {
        note = format!(
            "{note}; constants, shares and shifts of what was played were tried, the problem of one was not solved ({why})"
        );
    }
    content.certificate.push(Check {
        name: format!("gain of {name} by its best reply"),
        measured: share,
        shown: Some(with_error((100.0 * share, 100.0 * error), " %")),
        bound: format!("at most {}", percent(limit)),
        pass: Some(verdict == Some(true)),
        note,
    });
}

/// Rows of how far what is played is from the equilibrium, which inform.
fn distances(content: &mut Content, all: &[Judged]) {
    let Some(first) = all.first() else { return };
    for (k, p) in first.played.iter().enumerate() {
        let worst = all.iter().map(|j| &j.played[k]).max_by(|a, b| {
            let far = |p: &Played| p.distance.unwrap_or(f64::NEG_INFINITY);
            far(a).total_cmp(&far(b))
        });
        if let Some((worst, distance)) = worst.and_then(|w| Some((w, w.distance?))) {
            content.certificate.push(Check {
                name: format!("{}, off the equilibrium", p.name),
                measured: distance,
                shown: Some(percent(distance)),
                bound: String::new(),
                pass: None,
                note: format!(
                    "{} on average, {} in the equilibrium",
                    number::compact(worst.mean),
                    worst.equilibrium.map_or_else(String::new, number::compact)
                ),
            });
        }
    }
}

fn tables(all: &[Judged]) -> Vec<NamedTable> {
    let gains: Vec<(u64, &Gain)> = all.iter().flat_map(|j| j.gains.iter().map(|g| (j.seed, g))).collect();
    let number_of = |f: &dyn Fn(&Gain) -> f64| gains.iter().map(|g| f(g.1)).collect::<Vec<f64>>();
    let per_player = Table::new()
        .integers("seed", gains.iter().map(|g| g.0 as i64).collect())
        .texts("player", gains.iter().map(|g| g.1.player.clone()).collect())
        .numbers("worth", number_of(&|g| g.worth.0))
        .numbers(
            "gain",
            number_of(&|g| {
                if g.gain.0.abs() < NOTHING * g.size {
                    0.0
                } else {
                    g.gain.0
                }
            }),
        )
        .numbers("±", number_of(&|g| g.gain.1))
        .numbers("gain %", number_of(&|g| 100.0 * g.share().0))
        .texts("best reply", gains.iter().map(|g| g.1.reply.clone()).collect());
    let played: Vec<(u64, &Played)> = all.iter().flat_map(|j| j.played.iter().map(|p| (j.seed, p))).collect();
    let mut choices = Table::new()
        .integers("seed", played.iter().map(|p| p.0 as i64).collect())
        .texts("action", played.iter().map(|p| p.1.name.clone()).collect())
        .numbers("learned", played.iter().map(|p| p.1.mean).collect());
    if played.iter().any(|p| p.1.equilibrium.is_some()) {
        let or_nan = |x: Option<f64>| x.unwrap_or(f64::NAN);
        choices = choices
            .numbers("equilibrium", played.iter().map(|p| or_nan(p.1.equilibrium)).collect())
            .numbers(
                "distance %",
                played.iter().map(|p| 100.0 * or_nan(p.1.distance)).collect(),
            );
    }
    let named = |stem: &str, caption: &str, table: Table| NamedTable {
        stem: stem.into(),
        caption: caption.into(),
        table,
        on_screen: 24,
    };
    vec![
        named("gains", "What each gains by deviating alone", per_player),
        named("played", "What is played, means", choices),
    ]
}
