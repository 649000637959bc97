//! The results of a training: learning curves, a table of seeds, logs for tables and for TensorBoard, the policies.

use super::content::{Content, NamedPicture, NamedTable};
use super::number;
use super::plot;
use super::store::LOGS;
use super::table::Table;
use super::tensorboard;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::able;
use crate::learn::Policy;
use crate::learn::methods::Method;
use crate::learn::plan::Planned;
use crate::learn::training::TrainingRecord;

/// What the names of policies in a run directory begin with, before the seed; `agent` where several have learned.
pub fn policy_head(agent: Option<&str>, best: bool) -> String {
    let which = if best { "best" } else { "last" };
    match agent {
        Some(agent) => format!("policy_{which}_{agent}_seed_"),
        None => format!("policy_{which}_seed_"),
    }
}

/// The policy of a seed in a run directory; `agent` where several have learned.
pub fn policy_file(agent: Option<&str>, seed: u64, best: bool) -> String {
    format!("{}{seed}.ron", policy_head(agent, best))
}

/// One trained seed of one agent.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The agent, where several have learned.
    pub agent: Option<String>,
    /// How it went.
    pub record: TrainingRecord,
    /// The last policy.
    pub last: Policy,
}

/// The content of a training; `seeds` has one entry per seed, in order; `exact` is what the exact policy earns where it is measured.
///
/// # Errors
/// E0951 if a policy cannot be written as text.
pub fn of_training(
    model: &Model,
    planned: &Planned,
    seeds: &[Trained],
    exact: Option<f64>,
) -> Result<Content, Diagnostic> {
    let agents: Vec<&str> = planned.agents.iter().map(|a| model.agents[*a].name.as_str()).collect();
    let several = agents.len() > 1;
    let game = several || planned.agents.iter().any(|a| able::members_of(model, *a) > 1);
    // Learner by learner, with what it has learned.
    let learners: Vec<(&Method, Vec<&Trained>)> = agents
        .iter()
        .zip(&planned.plan.methods)
        .map(|(a, m)| {
            (
                m,
                seeds
                    .iter()
                    .filter(|t| t.agent.as_deref().is_none_or(|own| own == *a))
                    .collect(),
            )
        })
        .collect();
    let each = |of: &dyn Fn(&Method, &[&Trained]) -> String| -> String {
        let words = learners.iter().zip(&agents).map(|((m, own), agent)| match several {
            true => format!("{agent}: {}", of(m, own)),
            false => of(m, own),
        });
        words.collect::<Vec<_>>().join("; ")
    };
    let mut facts = vec![
        ("learner".to_string(), each(&|m, _| m.name().to_string())),
        ("agent".to_string(), agents.join(", ")),
        ("steps".to_string(), each(&|m, own| steps_played(m.steps(), own))),
        (
            "policies".to_string(),
            if game {
                "`last` is what training ended with (the mean of late networks, for learners that average), `best` what was \
                 measured last: where several learn at once, no return says which policies are nearest to an equilibrium"
            } else {
                "`last` is what training ended with (the mean of late networks, for learners that average), `best` measured \
                 best on the way"
            }
            .to_string(),
        ),
    ];
    if several {
        facts.push((
            "judged".to_string(),
            "not judged: that each learned beside the others is no proof of an equilibrium; econc verify RUN measures what \
             each could still gain, econc solve FILE finds the equilibrium of many games"
                .to_string(),
        ));
    }
    let mut begins = planned.begins.clone();
    for t in seeds {
        let of = t
            .agent
            .as_ref()
            .filter(|_| several)
            .map_or(String::new(), |a| format!("{a}, "));
        begins.extend(
            t.record
                .began
                .as_ref()
                .map(|said| format!("{of}seed {}: {said}", t.record.seed)),
        );
    }
    if !begins.is_empty() {
        facts.push(("first policy".to_string(), begins.join("; ")));
    }
    if let Some(s) = &planned.plan.environment.scenario {
        facts.push(("scenario".to_string(), s.clone()));
    }
    let files = files(seeds)?;
    let table = table(seeds, several, exact);
    let (mut pictures, mut diagnostics) = (Vec::new(), Vec::new());
    for ((method, own), agent) in learners.iter().zip(&agents) {
        let (mut own_pictures, mut own_remarks) = (curves(method.name(), own, exact), remarks(method, own));
        if several {
            own_pictures
                .iter_mut()
                .for_each(|p| p.stem = format!("{}_{agent}", p.stem));
            own_remarks = own_remarks
                .into_iter()
                .map(|d| d.note(format!("agent `{agent}`")))
                .collect();
        }
        pictures.append(&mut own_pictures);
        diagnostics.append(&mut own_remarks);
    }
    Ok(Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: match several {
            true => format!("{} trained together", agents.join(" and ")),
            false => format!("trained by {}", planned.plan.method().name()),
        },
        facts,
        tables: vec![NamedTable {
            stem: "seeds".into(),
            caption: match game && seeds.iter().any(|t| t.last.drawing_choices().is_some()) {
                true => {
                    "Measured in the same fresh worlds for every seed, choices drawn as the policies mix them".into()
                }
                false => "Measured without exploration, in the same fresh worlds for every seed".into(),
            },
            table,
            on_screen: 12,
        }],
        no_plots: if pictures.is_empty() {
            "no policy was measured twice, so there is no curve (more steps, or less per update, give more measurements)".into()
        } else {
            String::new()
        },
        pictures,
        files,
        diagnostics,
        ..Content::default()
    })
}

/// Policies and logs as files, seed by seed.
///
/// # Errors
/// E0951 if a policy cannot be written as text.
fn files(seeds: &[Trained]) -> Result<Vec<(String, Vec<u8>)>, Diagnostic> {
    let mut files = Vec::new();
    for t in seeds {
        let seed = t.record.seed;
        let mut put = |policy: &Policy, best: bool| -> Result<(), Diagnostic> {
            let text = crate::graph::store::ron_text(policy)
                .map_err(|e| Diagnostic::error("E0951", "the policy cannot be written").note(e.to_string()))?;
            files.push((policy_file(t.agent.as_deref(), seed, best), text.into_bytes()));
            Ok(())
        };
        put(&t.last, false)?;
        if let Some((_, best)) = &t.record.best {
            put(best, true)?;
        }
        files.extend(logs(t.agent.as_deref(), &t.record));
    }
    Ok(files)
}

/// What was measured, one row per seed (and agent, where several have learned).
fn table(seeds: &[Trained], several: bool, exact: Option<f64>) -> Table {
    // The last measurement, or the best.
    let measured = |t: &Trained, best: bool| {
        let m = &t.record.measured;
        let at = t.record.best.as_ref().map_or(0, |b| b.0);
        let x = if best {
            m.iter().find(|x| x.steps == at)
        } else {
            m.last()
        };
        x.map_or((f64::NAN, f64::NAN, f64::NAN), |x| {
            (x.discounted, x.episode_return, x.distance.unwrap_or(f64::NAN))
        })
    };
    let column = |f: &dyn Fn(&Trained) -> f64| seeds.iter().map(f).collect::<Vec<f64>>();
    // What is maximised, and by which the best is chosen, is the discounted return; the plain sum stands beside it.
    let mut table = Table::new().integers("seed", seeds.iter().map(|t| t.record.seed as i64).collect());
    if several {
        let name = |t: &Trained| t.agent.clone().unwrap_or_default();
        table = table.texts("agent", seeds.iter().map(name).collect());
    }
    table = table
        .numbers("discounted return", column(&|t| measured(t, false).0))
        .numbers("best discounted return", column(&|t| measured(t, true).0))
        .numbers(
            "best at step",
            column(&|t| t.record.best.as_ref().map_or(f64::NAN, |b| b.0 as f64)),
        );
    table = table.numbers("sum of rewards", column(&|t| measured(t, false).1));
    if seeds
        .iter()
        .any(|t| t.record.measured.iter().any(|m| m.distance.is_some()))
    {
        table = table.numbers("distance to exact", column(&|t| measured(t, false).2));
    }
    if seeds.iter().any(|t| t.record.beside_constant.is_some()) {
        let of = |t: &Trained| t.record.beside_constant.as_ref().map_or(f64::NAN, |b| b.value);
        table = table.numbers(BEST_CONSTANT, column(&of));
    }
    if let Some(x) = exact {
        table = table.numbers(EXACT, column(&|_| x));
    }
    table
}

/// Columns of `seeds.csv` with what a learned policy is measured beside.
pub const BEST_CONSTANT: &str = "best constant";
/// The same of the exact policy.
pub const EXACT: &str = "exact";

/// What is drawn beside the discounted returns: the exact policy and the best constant choice.
pub(super) fn benchmarks(exact: Option<f64>, constant: Option<f64>) -> Vec<(String, f64)> {
    let lines = [("exact policy", exact), ("best constant choice", constant)];
    lines
        .into_iter()
        .filter_map(|(name, x)| {
            let x = x.filter(|x| x.is_finite())?;
            Some((format!("{name} {}", number::compact(x)), x))
        })
        .collect()
}

/// The steps that were really played.
fn steps_played(asked: u64, seeds: &[&Trained]) -> String {
    let played = |t: &&Trained| t.record.rows.last().map_or(0, |r| r.steps);
    let (least, most) = (
        seeds.iter().map(played).min().unwrap_or(0),
        seeds.iter().map(played).max().unwrap_or(0),
    );
    let each = |x: u64| number::compact(x as f64);
    let mut words = if least == most {
        format!("{} a seed", each(most))
    } else {
        format!("{} to {} a seed", each(least), each(most))
    };
    if least < asked || most > asked {
        words.push_str(&format!(", of {} asked for", each(asked)));
    }
    words
}

/// Fewest updates after which a gradient learner has learned anything.
const FEW_UPDATES: u64 = 20;

/// What to type for updates enough. Worlds and horizon are said with the steps: those of the default grow with them, where they had been cut to the steps.
fn enough(method: &Method, steps: u64, updates: u64) -> String {
    let each = steps.max(1).div_ceil(updates.max(1));
    let (worlds, horizon) = (method.worlds().max(1), method.horizon().unwrap_or(1));
    let members = each.div_ceil((worlds * horizon).max(1) as u64).max(1);
    let (few, short) = (worlds.min(8), horizon.min(64));
    let for_steps = |worlds: usize, horizon: usize| members * (worlds * horizon) as u64 * FEW_UPDATES;
    format!(
        "ask for more steps, --with steps={} --with worlds={worlds} --with horizon={horizon}, or for less per update: --with steps={} --with worlds={few} --with horizon={short}",
        for_steps(worlds, horizon),
        for_steps(few, short).max(steps)
    )
}

/// What a reader of the returns should know.
fn remarks(method: &Method, seeds: &[&Trained]) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    // The horizon of a learner that learns from what it has just played.
    let usual = Method::named(method.name()).and_then(|m| m.horizon());
    if let Some(t) = seeds
        .iter()
        .find(|t| usual.is_some() && t.record.updates < FEW_UPDATES && !t.record.stopped_early)
    {
        let steps = t.record.rows.last().map_or(0, |r| r.steps);
        out.push(
            Diagnostic::warning(
                "W0930",
                format!(
                    "{} updates are few for {} to learn from",
                    t.record.updates,
                    method.name()
                ),
            )
            .note(format!(
                "{} steps of seed {}, {} per update (worlds times horizon times members)",
                number::compact(steps as f64),
                t.record.seed,
                number::compact(steps as f64 / t.record.updates.max(1) as f64)
            ))
            .hint(enough(method, steps, t.record.updates)),
        );
    }
    for t in seeds {
        for (name, count, first) in &t.record.outside {
            out.push(
                Diagnostic::warning("W0931", format!("`{name}` left its domain {count} times while seed {} played", t.record.seed))
                    .note(format!("the first time it was {}", number::compact(*first)))
                    .hint("nothing is clipped, and the model may not be meant for such values: widen the domain, or bound the law of the state"),
            );
        }
        if let Some(b) = &t.record.beside_constant
            && b.value - b.policy > 2.0 * b.error
            && b.value - b.policy > 1e-6 * (1.0 + b.value.abs())
        {
            out.push(
                Diagnostic::warning(
                    "W0932",
                    format!("the policy of seed {} earns less than a constant choice", t.record.seed),
                )
                .note(format!(
                    "{} against {} for {} (discounted, in the same worlds)",
                    number::compact(b.policy),
                    number::compact(b.value),
                    b.constant
                ))
                .hint("it has not learned: train longer, or with other options (econc tune)"),
            );
        }
    }
    out
}

/// Learning curves over measurements, and the distance to the exact policy where it is known.
fn curves(name: &str, seeds: &[&Trained], exact: Option<f64>) -> Vec<NamedPicture> {
    let longest = seeds.iter().max_by_key(|t| t.record.measured.len());
    let Some(steps) = longest.map(|t| t.record.measured.iter().map(|m| m.steps as f64).collect::<Vec<f64>>()) else {
        return Vec::new();
    };
    if steps.len() < 2 {
        return Vec::new();
    }
    let of = |f: &dyn Fn(&crate::learn::training::Measured) -> f64| {
        seeds
            .iter()
            .map(|t| t.record.measured.iter().map(f).collect::<Vec<f64>>())
            .collect::<Vec<_>>()
    };
    // The best constant choice earns the same in the worlds of every measurement, whatever the seed.
    let constants = seeds.iter().filter_map(|t| t.record.beside_constant.as_ref());
    let constant = constants.map(|b| b.value).reduce(f64::max).filter(|x| x.is_finite());
    let whose = seeds.iter().find_map(|t| t.agent.as_deref());
    let mut out = vec![NamedPicture {
        stem: "discounted".into(),
        picture: plot::learning_curves(
            whose,
            "discounted return",
            vec![(name.to_string(), steps.clone(), of(&|m| m.discounted))],
            benchmarks(exact, constant),
        ),
    }];
    // Where an episode has one period both are the same.
    let measured = || seeds.iter().flat_map(|t| &t.record.measured);
    if measured().any(|m| m.episode_return != m.discounted) {
        out.push(NamedPicture {
            stem: "learning".into(),
            picture: plot::learning_curves(
                whose,
                "return of an episode",
                vec![(name.to_string(), steps.clone(), of(&|m| m.episode_return))],
                Vec::new(),
            ),
        });
    }
    if seeds
        .iter()
        .any(|t| t.record.measured.iter().any(|m| m.distance.is_some()))
    {
        out.push(NamedPicture {
            stem: "distance".into(),
            picture: plot::learning_curves(
                whose,
                "distance to the exact policy, share of its mean",
                vec![(name.to_string(), steps, of(&|m| m.distance.unwrap_or(f64::NAN)))],
                Vec::new(),
            ),
        });
    }
    out
}

/// The log of one seed as CSV and JSON lines, and as an event file of TensorBoard: one pair of name and bytes per file
/// of `LOGS`, in order; `agent` where several learn.
pub fn logs(agent: Option<&str>, record: &TrainingRecord) -> Vec<(String, Vec<u8>)> {
    let mut folder = format!("seed_{}", record.seed);
    if let Some(agent) = agent {
        folder = format!("{folder}/{agent}");
    }
    let mut names: Vec<&str> = Vec::new();
    for row in &record.rows {
        for (name, _) in &row.values {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let rows = &record.rows;
    let mut table = Table::new()
        .integers("steps", rows.iter().map(|r| r.steps as i64).collect())
        .numbers("episode_return", rows.iter().map(|r| r.episode_return).collect())
        .integers("episodes", rows.iter().map(|r| r.episodes as i64).collect());
    for name in &names {
        let get =
            |r: &crate::learn::training::Row| r.values.iter().find(|(n, _)| n == name).map_or(f64::NAN, |(_, x)| *x);
        table = table.numbers(name, rows.iter().map(get).collect());
    }
    let m = &record.measured;
    let measured = Table::new()
        .integers("steps", m.iter().map(|r| r.steps as i64).collect())
        .numbers("episode_return", m.iter().map(|r| r.episode_return).collect())
        .numbers("discounted_return", m.iter().map(|r| r.discounted).collect())
        .numbers("distance", m.iter().map(|r| r.distance.unwrap_or(f64::NAN)).collect());
    let mut lines = String::new();
    for r in rows {
        let mut object = serde_json::Map::new();
        object.insert("steps".into(), r.steps.into());
        object.insert("episode_return".into(), r.episode_return.into());
        object.insert("episodes".into(), r.episodes.into());
        for (name, x) in &r.values {
            object.insert(name.clone(), (*x).into());
        }
        lines.push_str(&serde_json::Value::Object(object).to_string());
        lines.push('\n');
    }
    let mut events = tensorboard::Events::new();
    for r in rows {
        if r.episode_return.is_finite() {
            events.scalar(r.steps, "train/episode_return", r.episode_return);
        }
        for (name, x) in &r.values {
            events.scalar(r.steps, &format!("learner/{name}"), *x);
        }
    }
    for r in m {
        events.scalar(r.steps, "measured/episode_return", r.episode_return);
        if let Some(d) = r.distance {
            events.scalar(r.steps, "measured/distance_to_exact", d);
        }
    }
    let contents = [table.to_csv(), measured.to_csv(), lines.into_bytes(), events.finish()];
    let names = LOGS.iter().map(|name| format!("{folder}/{name}"));
    names.zip(contents).collect()
}
