//! Impulse responses, as [`Content`]: a summary on the screen, every number in `irf.csv` and `irf.npz`, pictures with bands.

use super::content::{Content, NamedPicture, NamedTable};
use super::npy::{GridAxis, GridFunction, Points, npz};
use super::plot::{self, Picture};
use super::simulated::counted;
use super::solved::stem_of;
use super::table::{Table, Values};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::responses::{Path, ResponseOptions, Responses, Shaken, Variance};

/// Panels of a picture.
const PANELS: usize = 9;
/// Arrays of each quantity beside its response, with what they hold.
const PARTS: &[(&str, fn(&Path) -> &Vec<f64>)] = &[
    ("base", |p| &p.base),
    ("error", |p| &p.error),
    ("low", |p| &p.low),
    ("high", |p| &p.high),
];

/// The content of impulse responses; `behaviour` says who plays, `begin` where histories begin.
///
/// # Errors
/// E0958 if the arrays cannot be written.
pub fn of_responses(
    model: &Model,
    r: &Responses,
    options: &ResponseOptions,
    behaviour: &str,
    begin: &str,
) -> Result<Content, Diagnostic> {
    let mut facts = vec![
        ("behaviour".to_string(), behaviour.to_string()),
        (
            "impulses".to_string(),
            r.shocks
                .iter()
                .map(|s| format!("{} {}", s.asked.name, s.asked.words))
                .collect::<Vec<_>>()
                .join("; "),
        ),
        ("histories".to_string(), format!("{} from {begin}", options.histories)),
        (
            "band".to_string(),
            format!("{} % of the histories lie inside it", 100.0 * options.band),
        ),
    ];
    let ended: usize = r.shocks.iter().map(|s| s.ended).max().unwrap_or(0);
    if ended > 0 {
        facts.push((
            "ended".to_string(),
            format!("{ended} histories came to an end on the way and count up to there"),
        ));
    }
    let mut diagnostics = Vec::new();
    let certificate = counted(model, &r.counts, &mut diagnostics);
    let mut tables = vec![summary(r)];
    tables.extend(r.variance.iter().map(variance));
    tables.push(tidy(r));
    Ok(Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: "impulse responses".into(),
        facts,
        certificate,
        tables,
        pictures: r.shocks.iter().map(|s| picture(s, options.band)).collect(),
        diagnostics,
        files: vec![("irf.npz".to_string(), arrays(r, options.periods)?)],
        ..Content::default()
    })
}

/// The pictures of responses, with the share `band` of the histories shaded, and the table of their numbers.
pub fn shown(r: &Responses, band: f64) -> (Vec<NamedPicture>, NamedTable) {
    (r.shocks.iter().map(|s| picture(s, band)).collect(), tidy(r))
}

/// The largest response in size: its period and value; none where nothing is left.
fn peak(mean: &[f64]) -> Option<(usize, f64)> {
    let known = mean.iter().copied().enumerate().filter(|(_, x)| x.is_finite());
    known.reduce(|best, own| if own.1.abs() > best.1.abs() { own } else { best })
}

/// The first period after the peak in which the response is at most half of it.
fn half_life(mean: &[f64]) -> Option<f64> {
    let (at, top) = peak(mean)?;
    let after = mean.iter().skip(at).position(|x| x.abs() <= 0.5 * top.abs())?;
    (top != 0.0).then_some((at + after) as f64)
}

/// Every quantity in a line.
fn summary(r: &Responses) -> NamedTable {
    let rows: Vec<(&Shaken, &Path)> = r
        .shocks
        .iter()
        .flat_map(|s| s.paths.iter().map(move |p| (s, p)))
        .collect();
    let number = |f: &dyn Fn(&Path) -> Option<f64>| Values::Gaps(rows.iter().map(|(_, p)| f(p)).collect());
    let mut table = Table::new();
    if r.shocks.len() > 1 {
        table = table.texts("shock", rows.iter().map(|(s, _)| s.asked.name.clone()).collect());
    }
    let table = table
        .texts("variable", rows.iter().map(|(_, p)| p.name.clone()).collect())
        .with("at once", number(&|p| p.mean.first().copied()))
        .with("largest", number(&|p| peak(&p.mean).map(|(_, x)| x)))
        .with("in %", number(&|p| peak(&p.mean).and_then(|(t, _)| p.percent[t])))
        .with(
            "in period",
            number(&|p| peak(&p.mean).filter(|(_, x)| *x != 0.0).map(|(t, _)| t as f64)),
        )
        .with("halved by", number(&|p| half_life(&p.mean)))
        .with("low", number(&|p| peak(&p.mean).map(|(t, _)| p.low[t])))
        .with("high", number(&|p| peak(&p.mean).map(|(t, _)| p.high[t])));
    NamedTable {
        stem: "responses".into(),
        caption: match r.shocks.as_slice() {
            [one] => format!(
                "Responses to {} {} (band at the largest)",
                one.asked.name, one.asked.words
            ),
            _ => "Responses (band at the largest)".into(),
        },
        table,
        on_screen: 40,
    }
}

/// Every number, one row per shock, quantity and period.
fn tidy(r: &Responses) -> NamedTable {
    let mut keys: (Vec<String>, Vec<String>, Vec<i64>) = Default::default();
    let mut numbers: [Vec<f64>; 5] = Default::default();
    let mut percent = Vec::new();
    for s in &r.shocks {
        for p in &s.paths {
            for t in 0..p.mean.len() {
                keys.0.push(s.asked.name.clone());
                keys.1.push(p.name.clone());
                keys.2.push(t as i64);
                for (to, from) in numbers.iter_mut().zip([&p.base, &p.mean, &p.error, &p.low, &p.high]) {
                    to.push(from[t]);
                }
                percent.push(p.percent[t]);
            }
        }
    }
    let [base, mean, error, low, high] = numbers;
    NamedTable {
        stem: "irf".into(),
        caption: "Responses, period by period".into(),
        table: Table::new()
            .texts("shock", keys.0)
            .texts("variable", keys.1)
            .integers("period", keys.2)
            .numbers("base", base)
            .numbers("response", mean)
            .with("percent", Values::Gaps(percent))
            .numbers("error", error)
            .numbers("low", low)
            .numbers("high", high),
        on_screen: 0,
    }
}

/// One array `[shock][period]` per quantity, and with a point and a word behind its name what `irf.csv` has beside the response.
fn arrays(r: &Responses, periods: usize) -> Result<Vec<u8>, Diagnostic> {
    let axes = || {
        vec![
            GridAxis {
                name: "shock".into(),
                points: Points::Labels(r.shocks.iter().map(|s| s.asked.name.clone()).collect()),
            },
            GridAxis {
                name: "t".into(),
                points: Points::Numbers((0..periods).map(|t| t as f64).collect()),
            },
        ]
    };
    let mut functions = Vec::new();
    let names = r.shocks.first().map_or(&[][..], |s| s.paths.as_slice());
    for (k, path) in names.iter().enumerate() {
        let all = |f: &dyn Fn(&Path) -> Vec<f64>| r.shocks.iter().flat_map(|s| f(&s.paths[k])).collect::<Vec<f64>>();
        functions.push(GridFunction::new(&path.name, axes(), all(&|p| p.mean.clone()))?);
        for (word, part) in PARTS {
            let name = format!("{}.{word}", path.name);
            functions.push(GridFunction::new(&name, axes(), all(&|p| part(p).clone()))?);
        }
        let percent = all(&|p| p.percent.iter().map(|x| x.unwrap_or(f64::NAN)).collect());
        functions.push(GridFunction::new(&format!("{}.percent", path.name), axes(), percent)?);
    }
    npz(&functions)
}

/// The quantities that respond, as panels with bands in which the share `band` of the histories lies.
fn picture(s: &Shaken, band: f64) -> NamedPicture {
    let moves = |p: &&Path| p.mean.iter().any(|x| x.abs() > 0.0);
    let panels = s
        .paths
        .iter()
        .filter(moves)
        .take(PANELS)
        .map(|p| (p.name.clone(), p.mean.clone(), Some((p.low.clone(), p.high.clone()))))
        .collect();
    let title = format!("Response to {} {}", s.asked.name, s.asked.words);
    let mut picture = plot::impulse_responses(&title, "", panels);
    if let Picture::Lines(figure) = &mut picture {
        figure.subtitle = format!(
            "each quantity in its own units; shaded: {} % of the histories",
            100.0 * band
        );
    }
    NamedPicture {
        stem: format!("irf-{}", stem_of(&s.asked.name)),
        picture,
    }
}

fn variance(v: &Variance) -> NamedTable {
    let mut table = Table::new()
        .texts("variable", v.rows.iter().map(|r| r.name.clone()).collect())
        .numbers("sd", v.rows.iter().map(|r| r.sd).collect());
    for (k, shock) in v.shocks.iter().enumerate() {
        table = table.numbers(
            &format!("{shock} %"),
            v.rows.iter().map(|r| 100.0 * r.alone[k]).collect(),
        );
    }
    NamedTable {
        stem: "variance".into(),
        caption: format!(
            "Variance with one shock alone, in % of that with all (simulated, {} periods of each history)",
            v.periods
        ),
        table: table.numbers("no shock %", v.rows.iter().map(|r| 100.0 * r.rest).collect()),
        on_screen: 40,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_response_may_be_negative_and_halves_after_it() {
        let mean = [0.0, -1.0, -4.0, -3.0, -2.0, -1.0];
        assert_eq!((peak(&mean), half_life(&mean)), (Some((2, -4.0)), Some(4.0)));
        assert_eq!((peak(&[f64::NAN]), half_life(&[0.0, 0.0])), (None, None));
        assert_eq!(half_life(&[1.0, 0.9]), None);
    }
}
