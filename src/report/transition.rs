//! A transition, as [`Content`]: what every price and mean does on the screen, all of it in `path.csv`, the distribution of each period in
//! `distribution.csv`, pictures.

use super::content::{Content, NamedPicture, NamedTable};
use super::npy::{GridAxis, GridFunction, Points, npz};
use super::number;
use super::outcome::proof;
use super::plot::{Figure, Panel, Picture, Series, Stroke};
use super::table::{Table, Values};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::continuum::population::SHARES;
use crate::solve::continuum::transition::{Path, Transition};
use crate::verify::equilibrium::transition::TransitionCertificate;

/// Panels of a picture.
const PANELS: usize = 9;

/// The content of a transition through a scenario.
///
/// # Errors
/// E0958 if the arrays cannot be written.
pub fn of_transition(
    model: &Model,
    scenario: &str,
    t: &Transition,
    certificate: &TransitionCertificate,
) -> Result<Content, Diagnostic> {
    let moved: Vec<String> = (t.paths[..t.parameters].iter())
        .map(|p| {
            let way = match furthest(p).filter(|(_, x)| *x != p.before && *x != p.after) {
                Some((at, x)) => format!(" by way of {} in period {at}", number::compact(x)),
                None => String::new(),
            };
            format!(
                "{} from {}{way} to {}",
                p.name,
                number::compact(p.before),
                number::compact(p.after)
            )
        })
        .collect();
    let mut facts = vec![
        ("scenario".to_string(), scenario.to_string()),
        (
            "method".into(),
            "Newton's method on the sequence of prices, slopes by fake news".into(),
        ),
        ("periods".into(), t.periods().to_string()),
        ("steps".into(), format!("{}, the last {:.1e}", t.steps, t.step)),
    ];
    if !moved.is_empty() {
        facts.insert(1, ("path of".into(), moved.join(", ")));
    }
    let numbers = (t.paths[t.parameters..].iter())
        .flat_map(|p| {
            let first = p.values.first().copied().unwrap_or(f64::NAN);
            [
                (format!("{}, before", p.name), p.before),
                (format!("{}, at once", p.name), first),
                (format!("{}, after", p.name), p.after),
            ]
        })
        .collect();
    Ok(Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: format!("transition {scenario}"),
        facts,
        certificate: certificate.proofs.iter().map(proof).collect(),
        tables: vec![summary(&t.paths), path(t), distribution(t)],
        pictures: pictures(t),
        diagnostics: certificate.reasons.clone(),
        files: vec![("path.npz".to_string(), arrays(t)?)],
        numbers,
        ..Content::default()
    })
}

/// The period in which a path is furthest from where it was, with its value there.
fn furthest(p: &Path) -> Option<(usize, f64)> {
    let known = p.values.iter().copied().enumerate().filter(|(_, x)| x.is_finite());
    known.reduce(|best, own| match (own.1 - p.before).abs() > (best.1 - p.before).abs() {
        true => own,
        false => best,
    })
}

/// Every path in a line.
fn summary(paths: &[Path]) -> NamedTable {
    let number = |f: &dyn Fn(&Path) -> Option<f64>| Values::Gaps(paths.iter().map(f).collect());
    NamedTable {
        stem: "transition".into(),
        caption: "From rest to rest".into(),
        table: Table::new()
            .texts("variable", paths.iter().map(|p| p.name.clone()).collect())
            .with("before", number(&|p| Some(p.before)))
            .with("at once", number(&|p| p.values.first().copied()))
            .with("furthest", number(&|p| furthest(p).map(|f| f.1)))
            .with("in period", number(&|p| furthest(p).map(|f| f.0 as f64)))
            .with("after", number(&|p| Some(p.after))),
        on_screen: 40,
    }
}

/// Every number, a row per period.
fn path(t: &Transition) -> NamedTable {
    let mut table = Table::new().integers("t", (0..t.periods() as i64).collect());
    for p in &t.paths {
        table = table.numbers(&p.name, p.values.clone());
    }
    NamedTable {
        stem: "path".into(),
        caption: "The path, period by period".into(),
        table,
        on_screen: 0,
    }
}

/// How states are distributed, a row per period and state.
fn distribution(t: &Transition) -> NamedTable {
    let all: Vec<(usize, &crate::solve::continuum::population::Spread)> = t
        .spreads
        .iter()
        .enumerate()
        .flat_map(|(t, s)| s.iter().map(move |s| (t, s)))
        .collect();
    let column = |f: &dyn Fn(&crate::solve::continuum::population::Spread) -> f64| {
        all.iter().map(|(_, s)| f(s)).collect::<Vec<f64>>()
    };
    let mut table = Table::new()
        .integers("t", all.iter().map(|a| a.0 as i64).collect())
        .texts("name", all.iter().map(|a| a.1.name.clone()).collect())
        .numbers("mean", column(&|s| s.mean))
        .numbers("sd", column(&|s| s.sd))
        .numbers("Gini", column(&|s| s.gini))
        .numbers("at the bottom", column(&|s| s.bottom));
    for (k, share) in SHARES.iter().enumerate() {
        table = table.numbers(
            &format!("{} %", number::compact(100.0 * share)),
            column(&|s| s.quantiles[k]),
        );
    }
    NamedTable {
        stem: "distribution".into(),
        caption: "Distribution over the members, period by period (mean to quantiles)".into(),
        table,
        on_screen: 0,
    }
}

/// One array `[period]` per path.
fn arrays(t: &Transition) -> Result<Vec<u8>, Diagnostic> {
    let axis = || {
        vec![GridAxis {
            name: "t".into(),
            points: Points::Numbers((0..t.periods()).map(|t| t as f64).collect()),
        }]
    };
    let functions: Result<Vec<GridFunction>, Diagnostic> = t
        .paths
        .iter()
        .map(|p| GridFunction::new(&p.name, axis(), p.values.clone()))
        .collect();
    npz(&functions?)
}

/// Paths as panels, each with where it was; and quantiles of each state.
fn pictures(t: &Transition) -> Vec<NamedPicture> {
    // Until next to nothing moves any more.
    let moves = |p: &Path| {
        p.values
            .iter()
            .any(|x| (x - p.before).abs() > 1e-12 * p.before.abs().max(1e-9))
    };
    let shown = (t.paths.iter().filter(|p| moves(p)))
        .map(|p| {
            let way = p.values.iter().fold(0.0, |m: f64, x| m.max((x - p.after).abs()));
            p.values
                .iter()
                .rposition(|x| (x - p.after).abs() > 0.01 * way)
                .unwrap_or(0)
                + 2
        })
        .max()
        .unwrap_or(t.periods())
        .min(t.periods());
    let time = |n: usize| (0..n).map(|t| t as f64).collect::<Vec<f64>>();
    let panels: Vec<Panel> = (t.paths.iter().filter(|p| moves(p)).take(PANELS))
        .map(|p| Panel {
            title: p.name.clone(),
            x_label: "period".into(),
            series: vec![
                Series::line("at rest before", vec![0.0, shown as f64 - 1.0], vec![p.before; 2]).stroke(Stroke::Faint),
                Series::line("", time(shown), p.values[..shown].to_vec()),
            ],
            ..Panel::default()
        })
        .collect();
    let until = match shown < t.periods() {
        true => format!(
            "the first {shown} of {} periods, until next to nothing moves",
            t.periods()
        ),
        false => String::new(),
    };
    let figure = |title: String, panels: Vec<Panel>| {
        let columns = match panels.len() {
            0 | 1 => 1,
            2..=4 => 2,
            _ => 3,
        };
        Picture::Lines(Figure {
            title,
            subtitle: until.clone(),
            panels,
            columns,
            ordered: false,
        })
    };
    let mut out = vec![NamedPicture {
        stem: "path".into(),
        picture: figure("The path".into(), panels),
    }];
    for (s, name) in t
        .spreads
        .first()
        .into_iter()
        .flatten()
        .map(|s| s.name.clone())
        .enumerate()
    {
        let series = [(2, "10 %"), (4, "50 %"), (6, "90 %"), (8, "99 %")].map(|(k, label)| {
            let y = t.spreads[..shown].iter().map(|own| own[s].quantiles[k]).collect();
            Series::line(label, time(shown), y)
        });
        out.push(NamedPicture {
            stem: format!("distribution-{}", super::solved::stem_of(&name)),
            picture: figure(
                format!("Quantiles of {name}"),
                vec![Panel {
                    x_label: "period".into(),
                    y_label: name,
                    series: series.into(),
                    ..Panel::default()
                }],
            ),
        });
    }
    out
}
