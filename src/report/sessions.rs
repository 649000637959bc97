//! The results of sessions of Q-learners in a repeated game: where each settled, what all came to, and how play answers a
//! deviation.

use super::content::{Content, NamedPicture, NamedTable};
use super::number;
use super::plot;
use super::table::Table;
use super::trained::policy_file;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::learn::plan::Planned;
use crate::learn::repeated_game::Session;
use crate::learn::sessions::Sessions;
use crate::learn::strategies::{Answer, best_replies, deviation, values};
use crate::num::statistics;

/// Periods of one unit of time to convergence.
const UNIT: f64 = 25_000.0;
/// Periods shown after a deviation.
const AFTER: usize = 25;
/// Sessions whose policies are written.
const POLICIES: usize = 100;

/// What a session came to.
struct Found {
    /// Periods until the best actions had settled, in units of [`UNIT`]; not a number where they did not.
    time: f64,
    index: Option<f64>,
    /// Whether all play best replies on the cycle.
    equilibrium: bool,
    /// Answers to deviations, one per joint action of the cycle and agent.
    answers: Vec<(usize, usize, Answer)>,
}

/// The content of sessions, one (number, session) each, in order.
///
/// # Errors
/// E0951 if a policy cannot be written as text.
pub fn of_sessions(
    model: &Model,
    planned: &Planned,
    sessions: &Sessions,
    played: &[(u64, Session)],
) -> Result<Content, Diagnostic> {
    let found: Vec<Found> = played.iter().map(|(_, s)| find(sessions, s)).collect();
    let summary = summary(played, &found);
    let after = answers(sessions, played, &found);
    let mut facts = vec![
        (
            "learner".to_string(),
            "q_learning, the program of Calvano et al. (2020) with its streams (ran2)".to_string(),
        ),
        (
            "agent".to_string(),
            format!(
                "{}, {} members",
                model.agents[planned.agents[0]].name, sessions.game.agents
            ),
        ),
        (
            "game".to_string(),
            format!(
                "{} values of {} from {} to {}",
                sessions.game.actions,
                sessions.action,
                number::significant(sessions.actions.iter().copied().fold(f64::INFINITY, f64::min), 8),
                number::significant(sessions.actions.iter().copied().fold(f64::NEG_INFINITY, f64::max), 8)
            ),
        ),
        (
            "sessions".to_string(),
            format!(
                "{}, {} of them settled",
                played.len(),
                played.iter().filter(|p| p.1.converged).count()
            ),
        ),
    ];
    if let Some(s) = &planned.plan.environment.scenario {
        facts.push(("scenario".to_string(), s.clone()));
    }
    if played.len() > POLICIES {
        facts.push(("policies".to_string(), format!("of the first {POLICIES} sessions")));
    }
    facts.push((
        "judged".to_string(),
        "not judged: learning is no proof of an equilibrium; the table says how often none can gain on the path"
            .to_string(),
    ));
    let mut files = Vec::new();
    for (seed, session) in played.iter().take(POLICIES) {
        let text = crate::graph::store::ron_text(&sessions.policy(session)?)
            .map_err(|e| Diagnostic::error("E0951", "the policy cannot be written").note(e.to_string()))?;
        files.push((policy_file(None, *seed, false), text.into_bytes()));
    }
    let paths: Vec<(String, Vec<f64>, Option<(Vec<f64>, Vec<f64>)>)> = ["deviator", "others"]
        .into_iter()
        .filter_map(|who| column(&after, &format!("{who} {}", sessions.action)).map(|y| (who.to_string(), y, None)))
        .collect();
    let names: Vec<String> = summary.iter().map(|s| s.0.clone()).collect();
    let number = |f: &dyn Fn(&[f64]) -> f64| summary.iter().map(|s| f(&s.1)).collect::<Vec<f64>>();
    Ok(Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: "sessions of Q-learning".to_string(),
        facts,
        tables: vec![
            NamedTable {
                stem: "summary".into(),
                caption: "All sessions; the last three rows are over all deviations, from every place of every cycle".into(),
                table: Table::new()
                    .texts("name", names)
                    .numbers("mean", number(&statistics::mean))
                    .numbers("sd", number(&statistics::sd))
                    .numbers("standard error", number(&|x| statistics::sd(x) / (x.len() as f64).sqrt())),
                on_screen: 20,
            },
            NamedTable {
                stem: "sessions".into(),
                caption: format!("Each session; times in units of {UNIT} periods, joint choices counted from 1"),
                table: table(sessions, played, &found),
                on_screen: 12,
            },
            NamedTable {
                stem: "deviation".into(),
                caption: "After one period of the best static reply, in period 1: means over sessions, places of the cycle and deviators"
                    .into(),
                table: after,
                on_screen: AFTER + 1,
            },
        ],
        pictures: vec![NamedPicture {
            stem: "deviation".into(),
            picture: plot::impulse_responses("after a deviation", &sessions.action, paths),
        }],
        files,
        ..Content::default()
    })
}

fn find(sessions: &Sessions, s: &Session) -> Found {
    let (game, discount) = (&sessions.game, sessions.options.discount);
    let value = values(game, &s.strategy, discount);
    let places = s
        .cycle
        .iter()
        .flat_map(|state| (0..game.agents).map(move |i| (*state, i)));
    Found {
        time: match s.converged {
            true => s.periods.saturating_sub(sessions.options.stable) as f64 / UNIT,
            false => f64::NAN,
        },
        index: sessions.index(&s.payoff),
        equilibrium: best_replies(game, &s.strategy, &value, discount, &s.cycle)
            .iter()
            .all(|b| *b),
        answers: places
            .map(|(state, i)| {
                let answer = deviation(game, &s.strategy, &value, discount, &s.cycle, state, i, AFTER);
                (state, i, answer)
            })
            .collect(),
    }
}

/// Rows over all sessions: name, and one number per session, or per deviation (place of a cycle and deviator).
fn summary(played: &[(u64, Session)], found: &[Found]) -> Vec<(String, Vec<f64>)> {
    let each = |f: &dyn Fn(&Found) -> f64| found.iter().map(f).collect::<Vec<f64>>();
    let cycles = |holds: &dyn Fn(usize) -> bool| -> Vec<f64> {
        played
            .iter()
            .map(|p| f64::from(u8::from(holds(p.1.cycle.len()))))
            .collect()
    };
    // As published: every place of every cycle and every deviator counts alike.
    let pooled =
        |of: &dyn Fn(&Answer) -> f64| -> Vec<f64> { found.iter().flat_map(|f| &f.answers).map(|a| of(&a.2)).collect() };
    // Of sessions that settled; the others have none.
    let times: Vec<f64> = found.iter().map(|f| f.time).filter(|t| t.is_finite()).collect();
    let mut out = Vec::new();
    if !times.is_empty() {
        out.push(("time to convergence".to_string(), times));
    }
    if found.iter().all(|f| f.index.is_some()) {
        out.push(("index of collusion".to_string(), each(&|f| f.index.unwrap_or(f64::NAN))));
    }
    out.extend([
        ("cycles of length one".to_string(), cycles(&|n| n == 1)),
        ("cycles of length two".to_string(), cycles(&|n| n == 2)),
        ("longer cycles".to_string(), cycles(&|n| n > 2)),
        (
            "best replies on the path".to_string(),
            each(&|f| f64::from(u8::from(f.equilibrium))),
        ),
        ("length of punishment".to_string(), pooled(&|a| a.length as f64)),
        (
            "deviations after which play returns".to_string(),
            pooled(&|a| f64::from(u8::from(a.returned))),
        ),
        ("gain from a deviation".to_string(), pooled(&|a| a.gain)),
    ]);
    out
}

/// One row per session.
fn table(sessions: &Sessions, played: &[(u64, Session)], found: &[Found]) -> Table {
    let numbers = |f: &dyn Fn(&Session) -> f64| played.iter().map(|p| f(&p.1)).collect::<Vec<f64>>();
    let cycle = |s: &Session| {
        s.cycle
            .iter()
            .map(|k| (k + 1).to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut table = Table::new()
        .integers("session", played.iter().map(|p| p.0 as i64).collect())
        .integers("periods", played.iter().map(|p| p.1.periods as i64).collect())
        .numbers("time to convergence", found.iter().map(|f| f.time).collect())
        .texts(
            "settled",
            played
                .iter()
                .map(|p| if p.1.converged { "yes" } else { "no" }.to_string())
                .collect(),
        );
    if found.iter().all(|f| f.index.is_some()) {
        table = table.numbers(
            "index of collusion",
            found.iter().map(|f| f.index.unwrap_or(f64::NAN)).collect(),
        );
    }
    for i in 0..sessions.game.agents {
        table = table.numbers(&format!("payoff {}", i + 1), numbers(&|s| s.payoff[i]));
    }
    table
        .texts(
            "best replies on the path",
            found
                .iter()
                .map(|f| if f.equilibrium { "yes" } else { "no" }.to_string())
                .collect(),
        )
        .integers("cycle length", played.iter().map(|p| p.1.cycle.len() as i64).collect())
        .texts("limit cycle", played.iter().map(|p| cycle(&p.1)).collect())
}

/// Mean paths after a deviation, period 0 being without it.
fn answers(sessions: &Sessions, played: &[(u64, Session)], found: &[Found]) -> Table {
    let game = &sessions.game;
    let n = game.agents;
    // Deviator's and the others' mean of something at a joint action.
    let both = |of: &dyn Fn(usize, usize) -> f64, joint: usize, i: usize| -> (f64, f64) {
        let others: f64 = (0..n).filter(|k| *k != i).map(|k| of(joint, k)).sum();
        (of(joint, i), others / (n - 1) as f64)
    };
    let price = |joint: usize, i: usize| sessions.actions[game.action(joint, i)];
    let payoff = |joint: usize, i: usize| game.payoff[joint * n + i];
    let mut columns = vec![vec![0.0; AFTER + 1]; 4];
    for ((_, session), f) in played.iter().zip(found) {
        let weight = 1.0 / (f.answers.len() as f64 * found.len() as f64);
        for (state, i, answer) in &f.answers {
            let before = std::iter::once(game.reply(&session.strategy, *state));
            for (t, joint) in before.chain(answer.path.iter().copied()).enumerate() {
                let (p, q) = (both(&price, joint, *i), both(&payoff, joint, *i));
                for (column, x) in columns.iter_mut().zip([p.0, p.1, q.0, q.1]) {
                    column[t] += weight * x;
                }
            }
        }
    }
    let names = ["deviator", "others"].map(|who| format!("{who} {}", sessions.action));
    let names = names
        .into_iter()
        .chain(["deviator payoff".to_string(), "others payoff".to_string()]);
    let mut table = Table::new().integers("period", (0..=AFTER as i64).collect());
    for (k, (name, values)) in names.zip(columns).enumerate() {
        if n > 1 || k % 2 == 0 {
            table = table.numbers(&name, values);
        }
    }
    table
}

fn column(table: &Table, name: &str) -> Option<Vec<f64>> {
    let found = table.columns().iter().find(|c| c.name == name)?;
    match &found.values {
        super::table::Values::Numbers(x) => Some(x.clone()),
        super::table::Values::Gaps(_) | super::table::Values::Integers(_) | super::table::Values::Texts(_) => None,
    }
}
