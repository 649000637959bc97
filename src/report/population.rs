//! A population at rest in a report: prices and aggregates, how states are distributed.

use super::content::{NamedPicture, NamedTable};
use super::number;
use super::plot::{Figure, Panel, Picture, Series};
use super::solved::stem_of;
use super::table::Table;
use crate::solve::continuum::population::{Population, SHARES};

/// Prices and aggregates as a fact.
pub fn facts(p: &Population) -> Vec<(String, String)> {
    let shown: Vec<String> = (p.prices.iter().take(8))
        .map(|(n, x)| format!("{n} = {}", number::significant(*x, 8)))
        .collect();
    let mut out = vec![("equilibrium".into(), shown.join(", "))];
    if let Some(size) = p.size {
        out.push((format!("mass of {}", p.agent), number::significant(size, 8)));
    }
    out
}

/// How states are distributed: moments and quantiles, and who has which share.
pub fn tables(p: &Population) -> Vec<NamedTable> {
    let s = &p.spread;
    let column =
        |f: &dyn Fn(&crate::solve::continuum::population::Spread) -> f64| s.iter().map(f).collect::<Vec<f64>>();
    let mut spread = Table::new()
        .texts("name", s.iter().map(|x| x.name.clone()).collect())
        .numbers("mean", column(&|x| x.mean))
        .numbers("sd", column(&|x| x.sd))
        .numbers("Gini", column(&|x| x.gini))
        .numbers("at the bottom", column(&|x| x.bottom));
    let mut lorenz = Table::new().texts("name", s.iter().map(|x| x.name.clone()).collect());
    for (k, share) in SHARES.iter().enumerate() {
        let name = format!("{} %", number::compact(100.0 * share));
        spread = spread.numbers(&name, column(&|x| x.quantiles[k]));
        lorenz = lorenz.numbers(&name, column(&|x| x.lorenz[k]));
    }
    let prices = Table::new()
        .texts("name", p.prices.iter().map(|x| x.0.clone()).collect())
        .numbers("value", p.prices.iter().map(|x| x.1).collect());
    let table = |stem: &str, caption: &str, table: Table, on_screen: usize| NamedTable {
        stem: stem.into(),
        caption: caption.into(),
        table,
        on_screen,
    };
    let prices = table("prices", "Prices and aggregates", prices, 0);
    if s.is_empty() {
        return vec![prices];
    }
    vec![
        prices,
        table(
            "distribution",
            "Distribution over the members (mean to quantiles)",
            spread,
            12,
        ),
        table("lorenz", "Lorenz curve (share of all that the lowest have)", lorenz, 12),
    ]
}

/// The distribution of each state, and its Lorenz curve.
pub fn pictures(p: &Population) -> Vec<NamedPicture> {
    let mut out = Vec::new();
    let places: usize = p.nodes.iter().map(Vec::len).product();
    let shocks = p.mass.len() / places.max(1);
    for (s, axis) in p.nodes.iter().enumerate() {
        let Some(spread) = p.spread.get(s) else { continue };
        let later: usize = p.nodes[s + 1..].iter().map(Vec::len).product();
        let mut mass = vec![0.0; axis.len()];
        for (node, row) in p.mass.chunks_exact(shocks.max(1)).enumerate() {
            mass[node / later % axis.len()] += row.iter().sum::<f64>();
        }
        let below = mass.iter().scan(0.0, |sum, m| {
            *sum += m;
            Some(*sum)
        });
        let below: Vec<f64> = below.collect();
        // What nearly nobody reaches is left out.
        let shown = below.partition_point(|b| *b < 0.9999).min(axis.len() - 1) + 1;
        out.push(NamedPicture {
            stem: format!("distribution-{}", stem_of(&spread.name)),
            picture: Picture::Lines(Figure::single(
                format!("Distribution of {}", spread.name),
                Panel {
                    x_label: spread.name.clone(),
                    y_label: "share of the members below".into(),
                    series: vec![Series::line("", axis[..shown].to_vec(), below[..shown].to_vec())],
                    ..Panel::default()
                },
            )),
        });
    }
    out
}
