//! The verdict on learned policies: how far from the exact one, what that costs, and beside what.

use super::content::{Check, Content, NamedPicture, NamedTable};
use super::number;
use super::plot::{self, Figure, Panel, Picture, Series, Stroke};
use super::table::Table;
use crate::check::Model;
use crate::verify::learned::Verdict;

/// What must hold; `None` informs only.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Largest mean distance in policy of any seed, relative to the exact policy's mean.
    pub policy_error: Option<f64>,
    /// Largest welfare loss of any seed.
    pub welfare_loss: Option<f64>,
}

/// A loss that is none: a constant policy that loses no more says nothing about a learner.
const NOTHING: f64 = 1e-6;

fn percent(x: f64) -> String {
    format!("{} %", number::compact(100.0 * x))
}

fn at_most(limit: Option<f64>) -> String {
    limit.map_or(String::new(), |l| format!("at most {}", percent(l)))
}

/// The content of a verdict.
pub fn of_verdict(model: &Model, learner: &str, verdict: &Verdict, limits: &Limits) -> Content {
    let seeds = &verdict.seeds;
    let worst = |f: &dyn Fn(usize) -> f64| {
        (0..seeds.len()).map(f).fold(
            f64::NEG_INFINITY,
            |a, b| if b.is_nan() { f64::INFINITY } else { a.max(b) },
        )
    };
    let interval = |(lo, hi): (f64, f64)| format!("[{}, {}]", percent(lo), percent(hi));
    let share = |name: &str, x: f64, limit: Option<f64>, note: String| Check {
        name: name.into(),
        measured: x,
        shown: Some(percent(x)),
        bound: at_most(limit),
        pass: limit.map(|l| x <= l),
        note,
    };
    let mut certificate = vec![
        share(
            "distance in policy, mean",
            worst(&|i| seeds[i].relative()),
            limits.policy_error,
            format!(
                "worst of {} seeds; states the exact policy visits, share of its mean",
                seeds.len()
            ),
        ),
        share(
            "welfare loss",
            worst(&|i| seeds[i].loss),
            limits.welfare_loss,
            format!(
                "worst seed, share of {}; mean {} in {} (95 %)",
                verdict.unit,
                percent(verdict.mean_loss),
                interval(verdict.loss_interval)
            ),
        ),
        share(
            "one-shot deviation gain, mean",
            worst(&|i| seeds[i].one_shot.0),
            None,
            "worst seed; what choosing right once would win, share of one period".into(),
        ),
    ];
    let on_grid: Vec<(f64, f64)> = seeds
        .iter()
        .flat_map(|s| &s.distances)
        .filter_map(|d| Some((d.steps()?, d.step?)))
        .collect();
    if let Some((steps, step)) = on_grid.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)) {
        let near = seeds
            .iter()
            .filter(|s| s.distances.iter().all(|d| d.steps().is_none_or(|x| x <= 1.0)))
            .count();
        certificate.push(Check {
            name: "distance in policy, largest, grid steps".into(),
            measured: steps,
            shown: Some(number::compact(steps)),
            bound: String::new(),
            pass: None,
            note: format!(
                "worst seed; a step is {}; within one step in {near} of {} seeds",
                number::compact(step),
                seeds.len()
            ),
        });
    }
    if seeds.iter().all(|s| s.euler.is_some()) {
        certificate.push(share(
            "Euler residual, mean",
            worst(&|i| seeds[i].euler.map_or(f64::NAN, |e| e.0)),
            None,
            "worst seed; of the learned policy, share of consumption".into(),
        ));
    }
    if let Some((_, loss)) = verdict
        .benchmarks
        .iter()
        .find(|(n, _)| n == "best constant")
        .map(|(n, w)| (n, w.loss))
    {
        let margin = worst(&|i| seeds[i].loss) - loss;
        certificate.push(Check {
            name: "loses less than the best constant policy".into(),
            measured: margin,
            shown: Some(percent(margin)),
            bound: "below 0 %".into(),
            // Where a constant is as good as exact there is nothing to beat; and beating it alone is no verdict where no
            // limit was set.
            pass: (loss > NOTHING)
                .then_some(margin < 0.0)
                .filter(|p| !p || *limits != Limits::default()),
            note: format!("which loses {}", percent(loss)),
        });
    }
    let column = |f: &dyn Fn(usize) -> f64| (0..seeds.len()).map(f).collect::<Vec<f64>>();
    let per_seed = Table::new()
        .integers("seed", seeds.iter().map(|s| s.seed as i64).collect())
        .numbers("distance %", column(&|i| 100.0 * seeds[i].relative()))
        .numbers("welfare loss %", column(&|i| 100.0 * seeds[i].loss))
        .numbers("one-shot gain %", column(&|i| 100.0 * seeds[i].one_shot.0))
        .numbers(
            "Euler residual %",
            column(&|i| 100.0 * seeds[i].euler.map_or(f64::NAN, |e| e.0)),
        );
    let mut distances = Table::new();
    let rows: Vec<(&u64, &crate::verify::learned::Distance)> = seeds
        .iter()
        .flat_map(|s| s.distances.iter().map(move |d| (&s.seed, d)))
        .collect();
    distances = distances
        .integers("seed", rows.iter().map(|r| *r.0 as i64).collect())
        .texts("action", rows.iter().map(|r| r.1.action.clone()).collect())
        .numbers("mean", rows.iter().map(|r| r.1.mean).collect())
        .numbers("95 %", rows.iter().map(|r| r.1.p95).collect())
        .numbers("max", rows.iter().map(|r| r.1.max).collect())
        .numbers("exact mean", rows.iter().map(|r| r.1.scale).collect());
    if rows.iter().any(|r| r.1.step.is_some()) {
        let or_nan = |x: Option<f64>| x.unwrap_or(f64::NAN);
        distances = distances
            .numbers("grid step", rows.iter().map(|r| or_nan(r.1.step)).collect())
            .numbers("max in steps", rows.iter().map(|r| or_nan(r.1.steps())).collect());
    }
    let b = &verdict.benchmarks;
    let benchmarks = Table::new()
        .texts("policy", b.iter().map(|x| x.0.clone()).collect())
        .numbers("value", b.iter().map(|x| x.1.value).collect())
        .numbers("loss %", b.iter().map(|x| 100.0 * x.1.loss).collect());
    let named = |stem: &str, caption: &str, table: Table, on_screen: usize| NamedTable {
        stem: stem.into(),
        caption: caption.into(),
        table,
        on_screen,
    };
    Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: format!("{learner} judged by the exact solution"),
        certificate,
        tables: vec![
            named("verdict", "Each seed", per_seed, 12),
            named("benchmarks", "Under the same draws", benchmarks, 12),
            named(
                "distances",
                "Distance to the exact policy, in units of the action (finite choices: share of states)",
                distances,
                0,
            ),
        ],
        pictures: pictures(verdict),
        ..Content::default()
    }
}

fn pictures(verdict: &Verdict) -> Vec<NamedPicture> {
    let mut out = Vec::new();
    if let Some(s) = &verdict.slice {
        let mut series = Vec::new();
        for (k, curve) in s.learned.iter().enumerate() {
            let name = if k == 0 { "learned" } else { "" };
            series.push(Series::line(name, s.x.clone(), curve.clone()));
        }
        series.push(Series::line("exact", s.x.clone(), s.exact.clone()).stroke(Stroke::Dashed));
        out.push(NamedPicture {
            stem: "learned-and-exact".into(),
            picture: Picture::Lines(
                Figure::single(
                    "Learned and exact policy",
                    Panel {
                        x_label: s.state.clone(),
                        y_label: s.action.clone(),
                        series,
                        ..Panel::default()
                    },
                )
                .subtitle("other states at their medians, the middle shock"),
            ),
        });
    }
    if !verdict.paths.is_empty() {
        let variables = verdict
            .paths
            .iter()
            .map(|(name, exact, learned)| {
                (
                    name.clone(),
                    vec![
                        ("exact".to_string(), exact.clone()),
                        ("learned".to_string(), learned.clone()),
                    ],
                )
            })
            .collect();
        out.push(NamedPicture {
            stem: "paths".into(),
            picture: plot::paths("One path under the same draws", variables),
        });
    }
    out
}
