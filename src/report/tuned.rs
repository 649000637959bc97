//! The results of a search over the options of a learner: the trials, best first, what each rung measured, pictures over
//! every option, and the block of the best to paste.

use super::content::{Content, NamedPicture, NamedTable};
use super::number;
use super::plot::{Figure, Names, Panel, Picture, Series, Stroke};
use super::table::Table;
use super::trained::policy_file;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::learn::plan::Planned;
use crate::learn::tune::{Dimension, Objective, Range, Rung, Score, Trial};
use crate::learn::{Policy, Value};

/// File of a run directory with the block of the best trial.
pub const BEST_FILE: &str = "best.econ";

/// A search that has come to its end.
pub struct Tuned<'a> {
    /// The settings as they stand.
    pub base: &'a Planned,
    /// What was searched, one entry per option.
    pub space: &'a [Dimension],
    /// The schedule, one entry per rung, in order.
    pub rungs: &'a [Rung],
    /// All trials in order of number, one entry per trial.
    pub trials: &'a [Trial],
    /// How many were asked for.
    pub asked: usize,
    /// Places of the trials in `trials`, one entry per trial, best first.
    pub ranking: &'a [usize],
    /// Whether trial 1 is the settings as they stand.
    pub stands: bool,
    /// What is best.
    pub objective: Objective,
    /// The method in words.
    pub method: String,
    /// The best trial, unless all failed.
    pub best: Option<Best>,
}

/// The best trial of a search.
pub struct Best {
    /// Every setting of its training, pairs of key and value as text, the learner's name first.
    pub settings: Vec<(String, String)>,
    /// What each seed has learned, one pair (seed, policy) per seed.
    pub policies: Vec<(u64, Policy)>,
}

/// The content of a search. If no trial came to its end, that is an error in it, E0941.
///
/// # Errors
/// E0951 if a policy cannot be written as text.
pub fn of_search(model: &Model, t: &Tuned) -> Result<Content, Diagnostic> {
    let learner = t.base.plan.method().name();
    let space: Vec<String> = t.space.iter().map(ToString::to_string).collect();
    let mut facts = vec![
        ("learner".to_string(), learner.to_string()),
        ("searched".into(), space.join("  ")),
        ("method".into(), t.method.clone()),
        ("schedule".into(), schedule(t)),
        (
            "seeds".into(),
            if t.base.seeds.len() > 1 {
                format!("{} (means over them are compared)", joined(&t.base.seeds))
            } else {
                joined(&t.base.seeds)
            },
        ),
    ];
    if t.trials.len() < t.asked {
        let words = format!("{}: the space has no more settings", t.trials.len());
        facts.push(("trials".into(), words));
    }
    let steps: u64 = t
        .trials
        .iter()
        .flat_map(|x| x.rungs.last())
        .flatten()
        .map(|s| s.steps)
        .sum();
    facts.push(("steps in all".into(), number::compact(steps as f64)));
    let failed = t.trials.iter().filter(|x| x.failure().is_some()).count();
    if failed > 0 {
        facts.push(("failed".into(), format!("{failed} of {} trials", t.trials.len())));
    }
    let mut content = Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: format!("tuned {learner}"),
        tables: vec![
            NamedTable {
                stem: "trials".into(),
                caption: format!(
                    "Trials, best first: {} without exploration, in the same fresh worlds for all",
                    name(t.objective)
                ),
                table: trials(t),
                on_screen: 12,
            },
            NamedTable {
                stem: "rungs".into(),
                caption: "Every measurement".into(),
                table: measurements(t),
                on_screen: 0,
            },
        ],
        pictures: pictures(t),
        ..Content::default()
    };
    match &t.best {
        None => {
            let reason = t
                .trials
                .iter()
                .find_map(Trial::failure)
                .unwrap_or("nothing was measured");
            content.headline = format!("tuned {learner}: every trial failed");
            content.diagnostics.push(
                Diagnostic::error("E0941", "every trial of the search failed")
                    .note(format!("the first: {reason}"))
                    .hint("try the model with `econc train`, bound the reward, or search smaller learning rates"),
            );
        }
        Some(best) => {
            let first = &t.trials[t.ranking[0]];
            let words: Vec<String> = first
                .options
                .iter()
                .map(|(k, v)| format!("{k} = {}", v.show()))
                .collect();
            content.headline = format!("tuned {learner}: trial {} of {} is best", first.number, t.trials.len());
            facts.push(("best".into(), words.join(", ")));
            facts.push((name(t.objective).into(), standing(t, first)));
            if t.stands {
                let as_is = if first.number == 1 {
                    "that is the best trial".to_string()
                } else {
                    standing(t, &t.trials[0])
                };
                facts.push(("as it stood (trial 1)".into(), as_is));
            }
            facts.push(("to paste".into(), block(learner, &best.settings, "; ", " ")));
            content
                .files
                .push((BEST_FILE.into(), best_file(t, first, learner, best).into_bytes()));
            for (seed, policy) in &best.policies {
                let text = crate::graph::store::ron_text(policy)
                    .map_err(|e| Diagnostic::error("E0951", "the policy cannot be written").note(e.to_string()))?;
                content.files.push((policy_file(None, *seed, false), text.into_bytes()));
            }
        }
    }
    content.facts = facts;
    Ok(content)
}

fn name(objective: Objective) -> &'static str {
    match objective {
        Objective::Return => "discounted return",
        Objective::Distance => "distance to exact",
    }
}

fn joined(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// Steps that trials had trained at the end of a rung, fewest and most of those that did not fail; as planned where none came so far.
fn reached(t: &Tuned, rung: usize) -> (u64, u64) {
    let scores = t.trials.iter().filter_map(|x| x.rungs.get(rung)).flatten();
    let steps = scores.filter(|s| s.outcome.is_ok()).map(|s| s.steps);
    let ends = steps.fold(None, |ends: Option<(u64, u64)>, n| {
        let (lo, hi) = ends.unwrap_or((n, n));
        Some((lo.min(n), hi.max(n)))
    });
    ends.unwrap_or((t.rungs[rung].steps, t.rungs[rung].steps))
}

/// `27 trials to 3 704 steps, 9 to 11 112, 3 to 33 334, 1 to 100 000`, as it was played.
fn schedule(t: &Tuned) -> String {
    let parts: Vec<String> = t
        .rungs
        .iter()
        .enumerate()
        .map(|(i, r)| {
            let shown = |n: u64| number::significant(n as f64, 8);
            let steps = match reached(t, i) {
                (lo, hi) if lo == hi => shown(hi),
                (lo, hi) => format!("between {} and {}", shown(lo), shown(hi)),
            };
            match (i, r.trials) {
                (0, 1) => format!("1 trial to {steps} steps"),
                (0, n) => format!("{n} trials to {steps} steps"),
                (_, n) => format!("{n} to {steps}"),
            }
        })
        .collect();
    parts.join(", ")
}

/// `2.31 after 100 000 steps`
fn standing(t: &Tuned, trial: &Trial) -> String {
    match trial.last_mean(t.objective) {
        Some(x) => format!(
            "{} after {} steps",
            number::compact(x),
            number::significant(steps(trial) as f64, 12)
        ),
        None => format!("failed: {}", trial.failure().unwrap_or("nothing was measured")),
    }
}

/// Most steps of a seed.
fn steps(trial: &Trial) -> u64 {
    trial
        .rungs
        .last()
        .into_iter()
        .flatten()
        .map(|s| s.steps)
        .max()
        .unwrap_or(0)
}

/// `train ppo { .. }` with everything that is not the default.
fn block(learner: &str, settings: &[(String, String)], between: &str, edge: &str) -> String {
    let entries: Vec<String> = settings
        .iter()
        .filter(|(k, _)| k != "learner")
        .map(|(k, v)| format!("{k} = {}", typed(v)))
        .collect();
    format!("train {learner} {{{edge}{}{edge}}}", entries.join(between))
}

/// A value as the file takes it: very small numbers with an exponent.
fn typed(text: &str) -> String {
    match Value::parse(text) {
        value @ Value::Number(_) => value.show(),
        Value::Bool(_) | Value::Word(_) | Value::List(_) => text.to_string(),
    }
}

fn best_file(t: &Tuned, first: &Trial, learner: &str, best: &Best) -> String {
    let text = format!(
        "# Trial {} of {}: {} {}; seeds {}.\n# It takes the place of the model's `train {learner}`.\n{}\n",
        first.number,
        t.trials.len(),
        name(t.objective),
        standing(t, first),
        joined(&t.base.seeds),
        block(learner, &best.settings, "\n", "\n")
    );
    crate::syntax::format::format(&text).unwrap_or(text)
}

fn status(t: &Tuned, place: usize, rank: usize) -> String {
    let trial = &t.trials[place];
    if let Some(why) = trial.failure() {
        return format!("failed: {why}");
    }
    if rank == 0 {
        "best".into()
    } else if trial.rungs.len() == t.rungs.len() {
        "came to the end".into()
    } else {
        "dropped".into()
    }
}

/// The searched options of trials as columns: numbers where they are numbers.
fn option_columns(mut table: Table, t: &Tuned, order: &[usize]) -> Table {
    for (i, d) in t.space.iter().enumerate() {
        let value = |trial: &usize| &t.trials[*trial].options[i].1;
        table = match d.range {
            Range::Numbers { .. } | Range::Whole { .. } => {
                table.numbers(&d.key, order.iter().map(|x| number_of(value(x))).collect())
            }
            Range::Choices(_) => table.texts(&d.key, order.iter().map(|x| value(x).show()).collect()),
        };
    }
    table
}

fn number_of(value: &Value) -> f64 {
    match value {
        Value::Number(x) => *x,
        Value::Bool(_) | Value::Word(_) | Value::List(_) => f64::NAN,
    }
}

/// One row per trial, best first.
fn trials(t: &Tuned) -> Table {
    let order = t.ranking;
    let trial = |i: &usize| &t.trials[*i];
    let table = Table::new().integers("trial", order.iter().map(|i| trial(i).number as i64).collect());
    let mut table = option_columns(table, t, order)
        .integers("rung", order.iter().map(|i| trial(i).rungs.len() as i64).collect())
        .integers("steps", order.iter().map(|i| steps(trial(i)) as i64).collect());
    let short = match t.objective {
        Objective::Return => "return",
        Objective::Distance => "distance",
    };
    let of = |i: &usize, seed: usize| {
        let score = trial(i).rungs.last().and_then(|r| r.get(seed));
        score.map_or(f64::NAN, |s| value_of(s, t.objective))
    };
    if t.base.seeds.len() > 1 {
        for (s, seed) in t.base.seeds.iter().enumerate() {
            table = table.numbers(
                &format!("{short} seed {seed}"),
                order.iter().map(|i| of(i, s)).collect(),
            );
        }
    }
    let mean = |objective: Objective| {
        let means = order.iter().map(|i| trial(i).last_mean(objective).unwrap_or(f64::NAN));
        means.collect::<Vec<f64>>()
    };
    table = table.numbers(&format!("mean {short}"), mean(t.objective));
    let known = t.trials.iter().flat_map(|x| &x.rungs).flatten();
    let known = known.flat_map(|s| &s.outcome).any(|m| m.distance.is_some());
    table = match t.objective {
        Objective::Return if known => table.numbers("mean distance", mean(Objective::Distance)),
        Objective::Return => table,
        Objective::Distance => table.numbers("mean return", mean(Objective::Return)),
    };
    let status = order.iter().enumerate().map(|(rank, i)| status(t, *i, rank));
    table.texts("status", status.collect())
}

fn value_of(score: &Score, objective: Objective) -> f64 {
    score.outcome.as_ref().map_or(f64::NAN, |m| m.of(objective))
}

/// One row per measurement: rung by rung, trial by trial, seed by seed.
fn measurements(t: &Tuned) -> Table {
    let mut rows: Vec<(usize, usize, u64, &Score)> = Vec::new();
    for rung in 0..t.rungs.len() {
        for (i, trial) in t.trials.iter().enumerate() {
            let scores = trial.rungs.get(rung).into_iter().flatten();
            rows.extend(t.base.seeds.iter().zip(scores).map(|(seed, s)| (rung, i, *seed, s)));
        }
    }
    let order: Vec<usize> = rows.iter().map(|r| r.1).collect();
    let table = Table::new()
        .integers("rung", rows.iter().map(|r| r.0 as i64 + 1).collect())
        .integers("trial", rows.iter().map(|r| t.trials[r.1].number as i64).collect())
        .integers("seed", rows.iter().map(|r| r.2 as i64).collect());
    let mut table = option_columns(table, t, &order)
        .integers("steps", rows.iter().map(|r| r.3.steps as i64).collect())
        .numbers(
            "discounted return",
            rows.iter().map(|r| value_of(r.3, Objective::Return)).collect(),
        );
    if rows
        .iter()
        .any(|r| r.3.outcome.as_ref().is_ok_and(|m| m.distance.is_some()))
    {
        table = table.numbers(
            "distance",
            rows.iter().map(|r| value_of(r.3, Objective::Distance)).collect(),
        );
    }
    let why = |r: &(usize, usize, u64, &Score)| r.3.outcome.as_ref().err().cloned().unwrap_or_default();
    table.texts("failure", rows.iter().map(why).collect())
}

/// The mean of a trial at the end of a rung, unless it is so far behind that nothing else could be seen beside it: more than four
/// times as far from the best as the median is.
fn near(t: &Tuned) -> impl Fn(&Trial, usize) -> Option<f64> {
    let objective = t.objective;
    let rungs = |trial: &Trial| (0..trial.rungs.len()).collect::<Vec<usize>>();
    let means = t
        .trials
        .iter()
        .flat_map(|x| rungs(x).into_iter().filter_map(|k| x.mean(k, objective)));
    let mut all: Vec<f64> = means.collect();
    all.sort_by(f64::total_cmp);
    let median = all.get(all.len() / 2).copied().unwrap_or(0.0);
    let best = match objective {
        Objective::Return => all.last(),
        Objective::Distance => all.first(),
    };
    let best = best.copied().unwrap_or(0.0);
    let most = 4.0 * (best - median).abs();
    move |trial, rung| {
        trial
            .mean(rung, objective)
            .filter(|x| most == 0.0 || (x - best).abs() <= most)
    }
}

/// What was measured over every searched option, and over the steps.
fn pictures(t: &Tuned) -> Vec<NamedPicture> {
    let mean = near(t);
    let all = t.trials.iter().flat_map(|x| (0..x.rungs.len()).map(move |k| (x, k)));
    let far = all
        .filter(|(x, k)| x.mean(*k, t.objective).is_some() && mean(x, *k).is_none())
        .count();
    let far = if far > 0 {
        format!("; {far} measurements far behind are left out")
    } else {
        String::new()
    };
    let panels = t
        .space
        .iter()
        .enumerate()
        .map(|(i, d)| over_option(t, i, d, &mean))
        .collect();
    let mut out = vec![NamedPicture {
        stem: "options".into(),
        picture: Picture::Lines(Figure {
            title: "What was measured, by option".into(),
            subtitle: format!("One dot per trial, at the end of each rung; mean over seeds{far}"),
            panels,
            columns: t.space.len().min(2),
            ordered: true,
        }),
    }];
    // Where every rung is as long as the first there is no course to draw.
    let steps: std::collections::BTreeSet<u64> = t.trials.iter().map(steps).collect();
    if t.rungs.len() > 1 && steps.len() > 1 {
        let path = |trial: &Trial| -> (Vec<f64>, Vec<f64>) {
            (0..trial.rungs.len())
                .filter_map(|k| {
                    let steps = trial.rungs[k].iter().map(|s| s.steps).max()?;
                    Some(((steps as f64).log10(), mean(trial, k)?))
                })
                .unzip()
        };
        let mut series: Vec<Series> = Vec::new();
        for place in t.ranking.iter().rev() {
            let (x, y) = path(&t.trials[*place]);
            if *place == t.ranking[0] {
                let best = format!("trial {}, the best", t.trials[*place].number);
                series.push(Series::line(best, x, y));
            } else if x.len() > 1 {
                series.push(Series::line("", x, y).stroke(Stroke::Faint));
            } else {
                series.push(Series::line("dropped first", x, y).stroke(Stroke::Points));
            }
        }
        out.push(NamedPicture {
            stem: "rungs".into(),
            picture: Picture::Lines(
                Figure::single(
                    "What was measured, by rung",
                    Panel {
                        x_label: "environment steps, log10".into(),
                        y_label: name(t.objective).into(),
                        series,
                        ..Panel::default()
                    },
                )
                .subtitle(format!("One line per trial; mean over seeds{far}")),
            ),
        });
    }
    out
}

fn over_option(t: &Tuned, i: usize, d: &Dimension, mean: &impl Fn(&Trial, usize) -> Option<f64>) -> Panel {
    let mut x_names = Names::new();
    let (place, label): (Box<dyn Fn(&Value) -> f64>, String) = match &d.range {
        Range::Numbers { log: true, .. } | Range::Whole { log: true, .. } => {
            (Box::new(|v| number_of(v).log10()), format!("{}, log10", d.key))
        }
        Range::Numbers { log: false, .. } | Range::Whole { log: false, .. } => (Box::new(number_of), d.key.clone()),
        Range::Choices(values) => {
            let label = d.key.clone();
            x_names = values
                .iter()
                .enumerate()
                .map(|(n, v)| (n as f64 + 1.0, v.show()))
                .collect();
            let place = |v: &Value| values.iter().position(|x| x == v).map_or(f64::NAN, |n| n as f64 + 1.0);
            (Box::new(place), label)
        }
    };
    let series = (0..t.rungs.len())
        .map(|rung| {
            let points = t.trials.iter().filter_map(|trial| {
                let y = mean(trial, rung)?;
                Some((place(&trial.options[i].1), y))
            });
            let (x, y) = points.unzip();
            Series::line(format!("rung {}", rung + 1), x, y).stroke(Stroke::Points)
        })
        .collect();
    Panel {
        x_label: label,
        y_label: name(t.objective).into(),
        series,
        x_names,
        ..Panel::default()
    }
}
