//! A population at rest in a report: prices and aggregates, how states are distributed.

use super::content::{NamedPicture, NamedTable};
use super::number;
use super::plot::{Figure, Panel, Picture, Series, Stroke};
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
    let mut shares = Table::new().texts("name", s.iter().map(|x| x.name.clone()).collect());
    for (k, share) in SHARES.iter().enumerate() {
        let name = format!("{} %", number::compact(100.0 * share));
        spread = spread.numbers(&name, column(&|x| x.quantiles[k]));
        shares = shares.numbers(&name, column(&|x| x.lorenz[k]));
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
    let mut out = vec![
        prices,
        table(
            "distribution",
            "Distribution over the members (mean to quantiles)",
            spread,
            12,
        ),
    ];
    // Where somebody owes, shares of all say nothing.
    if s.iter().any(|x| x.lorenz.iter().any(|share| share.is_finite())) {
        let caption = "Lorenz curve (share of all that the lowest have)";
        out.push(table("lorenz", caption, shares, 12));
    }
    for profile in &p.profiles {
        let mut own = Table::new()
            .numbers(&profile.state, profile.values.clone())
            .numbers("share", profile.share.clone());
        for (name, means) in &profile.means {
            own = own.numbers(name, means.clone());
        }
        out.push(table(
            &format!("profile-{}", stem_of(&profile.state)),
            &format!("Means by {}", profile.state),
            own,
            12,
        ));
    }
    let curves = lorenz(p).map(|(name, curve)| lorenz_table(&format!("lorenz-{}", stem_of(&name)), &name, &curve));
    out.extend(curves);
    out
}

/// A Lorenz curve: which share of all that there is the lowest have. `members` are pairs of what each has and how many they are, in ascending
/// order; pairs of share of the members and share of all, from (0, 0) to (1, 1). `None` where somebody has less than nothing, or nobody anything.
pub(super) fn lorenz_curve(members: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    let heads: f64 = members.iter().map(|m| m.1).sum();
    let all: f64 = members.iter().map(|m| m.0 * m.1).sum();
    let owing = members.iter().any(|m| m.0 < 0.0 && m.1 > 0.0);
    if owing || !(all > 0.0 && heads > 0.0) {
        return None;
    }
    let (mut below, mut theirs) = (0.0, 0.0);
    let mut out = vec![(0.0, 0.0)];
    for (has, many) in members.iter().filter(|m| m.1 > 0.0) {
        below += many / heads;
        theirs += has * many / all;
        // Members that add nothing to see are left out.
        if out
            .last()
            .is_none_or(|last| below - last.0 > 1e-3 || theirs - last.1 > 1e-3)
        {
            out.push((below, theirs));
        }
    }
    out.push((1.0, 1.0));
    Some(out)
}

/// A Lorenz curve as a picture.
pub(super) fn lorenz_picture(stem: &str, name: &str, curve: &[(f64, f64)]) -> NamedPicture {
    let (x, y): (Vec<f64>, Vec<f64>) = curve.iter().copied().unzip();
    NamedPicture {
        stem: stem.to_string(),
        picture: Picture::Lines(Figure::single(
            format!("Lorenz curve of {name}"),
            Panel {
                x_label: "share of the members, the lowest first".into(),
                y_label: format!("their share of all {name}"),
                series: vec![
                    Series::line("equal shares", vec![0.0, 1.0], vec![0.0, 1.0]).stroke(Stroke::Faint),
                    Series::line(name, x, y),
                ],
                ..Panel::default()
            },
        )),
    }
}

/// The numbers of a Lorenz curve.
pub(super) fn lorenz_table(stem: &str, name: &str, curve: &[(f64, f64)]) -> NamedTable {
    NamedTable {
        stem: stem.to_string(),
        caption: format!("Lorenz curve of {name}"),
        table: Table::new()
            .numbers("members", curve.iter().map(|c| c.0).collect())
            .numbers("share", curve.iter().map(|c| c.1).collect()),
        on_screen: 0,
    }
}

/// The share of the members below each node, as quantiles are taken: the mass of a node lies around it, half below and half above, but for
/// what stands at the lowest, and all of it lies below the highest.
fn shares_below(mass: &[f64], bottom: f64) -> Vec<f64> {
    let total: f64 = mass.iter().sum();
    let last = mass.len().saturating_sub(1);
    let below = mass.iter().enumerate().scan(0.0, |through, (i, m)| {
        let here = match i {
            0 => bottom.min(*m / total),
            i if i == last => 1.0,
            _ => (*through + 0.5 * m) / total,
        };
        *through += m;
        Some(here)
    });
    below.collect()
}

/// Names of states with their Lorenz curves, where there are any.
fn lorenz(p: &Population) -> impl Iterator<Item = (String, Vec<(f64, f64)>)> + '_ {
    p.spread.iter().enumerate().filter_map(|(s, spread)| {
        let (values, mass) = p.distribution(s);
        let members: Vec<(f64, f64)> = values.into_iter().zip(mass).collect();
        lorenz_curve(&members).map(|curve| (spread.name.clone(), curve))
    })
}

/// The distribution of each state, and its Lorenz curve.
pub fn pictures(p: &Population) -> Vec<NamedPicture> {
    let mut out = Vec::new();
    for (s, spread) in p.spread.iter().enumerate() {
        let (axis, mass) = p.distribution(s);
        let below = shares_below(&mass, spread.bottom);
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
    for profile in &p.profiles {
        for (name, means) in &profile.means {
            out.push(NamedPicture {
                stem: format!("profile-{}-{}", stem_of(&profile.state), stem_of(name)),
                picture: Picture::Lines(Figure::single(
                    format!("{name} by {}", profile.state),
                    Panel {
                        x_label: profile.state.clone(),
                        y_label: format!("mean of {name}"),
                        series: vec![Series::line("", profile.values.clone(), means.clone())],
                        ..Panel::default()
                    },
                )),
            });
        }
    }
    out.extend(lorenz(p).map(|(name, curve)| lorenz_picture(&format!("lorenz-{}", stem_of(&name)), &name, &curve)));
    out
}

#[cfg(test)]
mod tests {
    use super::{lorenz_curve, shares_below};
    use crate::num::weighted::Weighted;

    #[test]
    fn the_lower_half_of_two_has_a_quarter() {
        let curve = lorenz_curve(&[(1.0, 0.5), (3.0, 0.5)]).unwrap();
        assert_eq!(curve[..2], [(0.0, 0.0), (0.5, 0.25)]);
        assert_eq!(curve[curve.len() - 1], (1.0, 1.0));
        assert!(lorenz_curve(&[(-1.0, 0.5), (3.0, 0.5)]).is_none() && lorenz_curve(&[(0.0, 1.0)]).is_none());
    }

    #[test]
    fn the_curve_of_a_distribution_stands_where_its_quantiles_do() {
        let nodes = [0.0, 1.0, 2.5, 4.0, 7.0];
        let mass = [0.3, 0.2, 0.25, 0.15, 0.1];
        let spread = Weighted::new(nodes.into_iter().zip(mass)).with_atom(0.1);
        let below = shares_below(&mass, 0.1);
        for p in [0.1, 0.2, 0.4, 0.5, 0.75, 0.9, 0.99] {
            let i = below.partition_point(|b| *b < p).max(1);
            let share = (p - below[i - 1]) / (below[i] - below[i - 1]);
            let here = nodes[i - 1] + share * (nodes[i] - nodes[i - 1]);
            assert!(
                (here - spread.quantile(p)).abs() < 1e-12,
                "{p}: {here}, not {}",
                spread.quantile(p)
            );
        }
    }
}
