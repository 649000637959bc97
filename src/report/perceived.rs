//! The law of motion that members of a continuum perceive, and how they are distributed: facts, tables, numbers.

use super::content::{NamedPicture, NamedTable};
use super::number;
use super::plot::{Figure, Panel, Picture, Series};
use super::population::{lorenz_curve, lorenz_picture, lorenz_table};
use super::table::Table;
use crate::num::weighted::Weighted;
use crate::solve::continuum::perceived::law::Perceived;

/// Quantiles of the distribution that are shown.
const SHOWN: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// Most points of a picture of the distribution.
const POINTS: usize = 400;

/// A name without its block.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Labels of the aggregate states.
fn states(p: &Perceived) -> Vec<String> {
    if p.prices.is_empty() {
        return p.laws.first().map_or_else(Vec::new, |l| l.labels.clone());
    }
    p.prices.iter().map(|s| s.0.clone()).collect()
}

/// Whether what members have adds up to more than nothing, so that it has shares.
fn shared(all: &Weighted) -> bool {
    all.mean() > 1e-6 * all.sd()
}

/// What was fitted to what, how well the law forecasts, how members are distributed.
pub(super) fn facts(p: &Perceived) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for ((law, (mean, sd)), told) in p.laws.iter().zip(&p.moments).zip(&p.fitted) {
        out.push((
            law.name.clone(),
            format!(
                "mean {}, sd {} over {} periods",
                number::significant(*mean, 6),
                number::significant(*sd, 4),
                p.periods.0 - p.periods.1
            ),
        ));
        out.push((
            "law by itself".into(),
            format!(
                "off by {} % at most, {} % on average, along the path to which it was fitted (den Haan's dynamic forecast error)",
                number::significant(100.0 * told.largest, 3),
                number::significant(100.0 * told.mean, 3)
            ),
        ));
    }
    out.push((
        "law still moves".into(),
        format!("{} of what it forecasts", number::compact(p.moved)),
    ));
    out
}

/// The laws by aggregate state, and the distribution at the end of the path.
pub(super) fn tables(p: &Perceived) -> Vec<NamedTable> {
    let mut rows: Vec<(String, String, f64, f64, f64)> = Vec::new();
    for (law, r2) in p.laws.iter().zip(&p.r2) {
        for z in (0..law.constant.len()).filter(|z| !law.labels[*z].is_empty()) {
            let r2 = r2.get(z).copied().unwrap_or(f64::NAN);
            rows.push((
                law.name.clone(),
                law.labels[z].clone(),
                law.constant[z],
                law.slope[z],
                1.0 - r2,
            ));
        }
    }
    let caption = match p.laws.iter().all(|l| l.logs) {
        true if !p.prices.is_empty() => {
            "The perceived law: log of the next price = constant + slope x log of the price"
        }
        true => "The perceived law: log of the next moment = constant + slope x log of the moment",
        false => "The perceived law: next moment = constant + slope x moment",
    };
    let law = Table::new()
        .texts("moment", rows.iter().map(|r| r.0.clone()).collect())
        .texts("state", rows.iter().map(|r| r.1.clone()).collect())
        .numbers("constant", rows.iter().map(|r| r.2).collect())
        .numbers("slope", rows.iter().map(|r| r.3).collect())
        .numbers("1 - R2", rows.iter().map(|r| r.4).collect());
    let mut known = Table::new().texts("state", states(p));
    for (name, values) in &p.determined {
        known = known.numbers(name, values.clone());
    }
    let all = Weighted::new(p.distribution.iter().copied());
    let mut what: Vec<String> = ["mean", "sd"].map(String::from).to_vec();
    let mut x = vec![all.mean(), all.sd()];
    if shared(&all) {
        what.push("Gini".into());
        x.push(all.gini());
    }
    for q in SHOWN {
        what.push(format!("{} % quantile", 100.0 * q));
        x.push(all.quantile(q));
    }
    let lowest = p.distribution.first().map_or(f64::NAN, |d| d.1);
    what.push("share at the lower end".into());
    x.push(lowest);
    let mut out = vec![NamedTable {
        stem: "perceived_law".into(),
        caption: caption.into(),
        table: law,
        on_screen: 24,
    }];
    if let (Some(law), false) = (p.laws.first(), p.prices.is_empty()) {
        out.push(NamedTable {
            stem: "prices_by_state".into(),
            caption: format!("{} by state of {}", law.name, p.shocks.join(" and ")),
            table: Table::new()
                .texts("state", states(p))
                .numbers("mean", p.prices.iter().map(|s| s.1).collect())
                .numbers("sd", p.prices.iter().map(|s| s.2).collect())
                .numbers("share of periods", p.prices.iter().map(|s| s.3).collect()),
            on_screen: 24,
        });
    }
    if !p.determined.is_empty() {
        out.push(NamedTable {
            stem: "determined_means".into(),
            caption: format!("Means by state of {}", p.shocks.join(" and ")),
            table: known,
            on_screen: 24,
        });
    }
    out.extend([
        NamedTable {
            stem: "distribution".into(),
            caption: format!("Members by {} at the end of the path", p.state),
            table: Table::new().texts("", what).numbers(&p.state, x),
            on_screen: 16,
        },
        NamedTable {
            stem: "distribution_nodes".into(),
            caption: format!("Mass of members at each node of {}", p.state),
            table: Table::new()
                .numbers(&p.state, p.distribution.iter().map(|d| d.0).collect())
                .numbers("mass", p.distribution.iter().map(|d| d.1).collect()),
            on_screen: 0,
        },
    ]);
    out.extend(lorenz_curve(&p.distribution).map(|curve| lorenz_table("lorenz", &p.state, &curve)));
    out
}

/// Numbers under names that are the same in all runs.
pub(super) fn numbers(p: &Perceived) -> Vec<(String, f64)> {
    let mut out = Vec::new();
    for (law, (mean, sd)) in p.laws.iter().zip(&p.moments) {
        out.push((format!("mean({})", law.name), *mean));
        out.push((format!("sd({})", law.name), *sd));
        for (z, label) in law.labels.iter().enumerate().filter(|l| !l.1.is_empty()) {
            out.push((format!("rule {} {label}, constant", short(&law.name)), law.constant[z]));
            out.push((format!("rule {} {label}, slope", short(&law.name)), law.slope[z]));
        }
    }
    for (state, mean, _, _) in &p.prices {
        let name = p.laws.first().map_or("", |l| &l.name);
        out.push((format!("{name} when {} = {state}", p.shocks.join(", ")), *mean));
    }
    for (name, values) in &p.determined {
        for (label, x) in states(p).iter().zip(values) {
            out.push((format!("{name} when {} = {label}", p.shocks.join(", ")), *x));
        }
    }
    let all = Weighted::new(p.distribution.iter().copied());
    if shared(&all) {
        out.push((format!("Gini({})", p.state), all.gini()));
    }
    out
}

/// The share of members below each value.
pub(super) fn pictures(p: &Perceived) -> Vec<NamedPicture> {
    let mut sum = 0.0;
    let below: Vec<(f64, f64)> = (p.distribution.iter())
        .map(|(x, m)| {
            sum += m;
            (*x, sum)
        })
        .collect();
    let last = below.iter().position(|b| b.1 > 0.9999).unwrap_or(below.len());
    let stride = (last / POINTS).max(1);
    let (x, y) = below[..last].iter().step_by(stride).copied().unzip();
    let mut out = vec![NamedPicture {
        stem: "distribution".into(),
        picture: Picture::Lines(Figure::single(
            format!("Members by {}", p.state),
            Panel {
                x_label: p.state.clone(),
                y_label: "share of members with no more".into(),
                series: vec![Series::line("", x, y)],
                ..Panel::default()
            },
        )),
    }];
    out.extend(lorenz_curve(&p.distribution).map(|curve| lorenz_picture("lorenz", &p.state, &curve)));
    out
}
