//! A solution of one decision maker's problem as arrays, tables and pictures.

use super::content::{FunctionSet, NamedPicture};
use super::npy::{GridAxis, GridFunction, Points};
use super::plot::{Figure, Names, Panel, Picture, Series, curve_axes, of_grid_function};
use super::shown::region;
use crate::check::Model;
use crate::check::model::{PriceDim, PriceFunction, Process};
use crate::diag::Diagnostic;
use crate::report::number;
use crate::solve::problem::{ActionKind, JointChain};
use crate::solve::solution::Solution;
use crate::verify::grid::trusted::Trusted;

/// The policies and the value on their grid: period (finite horizon only), shocks, states, the last state fastest. With
/// taste shocks also the probability of each choice, `NAME_is_CHOICE`.
///
/// # Errors
/// E0958 if the solution's arrays do not fit its grids.
pub fn functions(solution: &Solution) -> Result<FunctionSet, Diagnostic> {
    let axes = axes_of(solution);
    let mut functions = Vec::new();
    for (action, values) in solution.actions.iter().zip(&solution.policy) {
        functions.push(GridFunction::new(
            &action.name,
            axes.clone(),
            shocks_first(solution, values, 1, 0),
        )?);
    }
    functions.push(GridFunction::new(
        "value",
        axes.clone(),
        shocks_first(solution, &solution.value, 1, 0),
    )?);
    if !solution.probability.is_empty() {
        let finite = solution.actions.iter().find_map(|a| match &a.kind {
            ActionKind::Finite { labels, .. } => Some((&a.name, labels)),
            ActionKind::Continuous => None,
        });
        if let Some((name, labels)) = finite {
            for (choice, label) in labels.iter().enumerate() {
                let values = shocks_first(solution, &solution.probability, labels.len(), choice);
                functions.push(GridFunction::new(&format!("{name}_is_{label}"), axes.clone(), values)?);
            }
        }
    }
    for (action, mixed) in solution
        .actions
        .iter()
        .zip(&solution.mixed)
        .filter(|(_, m)| !m.is_empty())
    {
        if let ActionKind::Finite { labels, .. } = &action.kind {
            for (choice, label) in labels.iter().enumerate() {
                let values = shocks_first(solution, mixed, labels.len(), choice);
                functions.push(GridFunction::new(
                    &format!("{}_is_{label}", action.name),
                    axes.clone(),
                    values,
                )?);
            }
        }
    }
    for player in &solution.players {
        let values = shocks_first(solution, &player.value, 1, 0);
        functions.push(GridFunction::new(
            &format!("value_of_{}", player.name),
            axes.clone(),
            values,
        )?);
    }
    Ok(FunctionSet {
        stem: "solution".to_string(),
        functions,
    })
}

/// One or two pictures per function of the set, in order, and one of how the iteration went. Shaded is where the solution can be trusted.
/// `doc_of` describes a name, `names_of` says what its places are called.
pub fn pictures(
    solution: &Solution,
    set: &FunctionSet,
    trusted: Option<&Trusted>,
    doc_of: &dyn Fn(&str) -> String,
    names_of: &dyn Fn(&str) -> Names,
) -> Vec<NamedPicture> {
    let mut named = Vec::new();
    for (k, function) in set.functions.iter().enumerate() {
        // The value of one who decides alone stands under two names.
        if set.functions[..k].iter().any(|f| f.values == function.values) {
            continue;
        }
        let pictures = of_grid_function(function, doc_of);
        for (i, mut picture) in pictures.into_iter().enumerate() {
            shade(&mut picture, function, trusted);
            name_places(&mut picture, function, names_of);
            let suffix = if i == 0 { "" } else { "-map" };
            named.push(NamedPicture {
                stem: format!("{}{suffix}", stem_of(&function.name)),
                picture,
            });
        }
    }
    if solution.record.history.len() > 2 {
        named.push(NamedPicture {
            stem: "convergence".to_string(),
            picture: convergence(&solution.record.history, solution.record.target),
        });
    }
    named
}

/// Names choices on the vertical axis, and what has names on the horizontal one.
fn name_places(picture: &mut Picture, function: &GridFunction, names_of: &dyn Fn(&str) -> Names) {
    let Picture::Lines(figure) = picture else { return };
    let Some((x, _)) = curve_axes(function) else { return };
    for panel in &mut figure.panels {
        panel.x_names = names_of(&function.axes[x].name);
        panel.y_names = names_of(&function.name);
    }
}

/// Shades the range of the horizontal axis in which the solution can be trusted, where the states that are held are in theirs.
fn shade(picture: &mut Picture, function: &GridFunction, trusted: Option<&Trusted>) {
    let Picture::Lines(figure) = picture else { return };
    let Some((x, _)) = curve_axes(function) else { return };
    let middle = |a: &GridAxis| match &a.points {
        Points::Numbers(v) => Some((a.name.clone(), v[v.len() / 2])),
        Points::Labels(_) => None,
    };
    let others = function.axes.iter().enumerate().filter(|(a, _)| *a != x);
    let held: Vec<(String, f64)> = others.filter_map(|(_, a)| middle(a)).collect();
    for panel in &mut figure.panels {
        panel.regions = region(trusted, &function.axes[x].name, &held);
    }
}

/// A name as part of a file name: letters, digits, `_`, `-`; other characters become `_`.
pub fn stem_of(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' })
        .collect()
}

fn convergence(history: &[f64], target: f64) -> Picture {
    let x = (1..=history.len()).map(|i| i as f64).collect();
    let y = history.iter().map(|e| e.abs().log10()).collect();
    let marks = (target > 0.0).then(|| super::plot::Mark {
        at: target.log10(),
        horizontal: true,
        label: format!("target {}", number::tick(target)),
    });
    Picture::Lines(Figure::single(
        "Convergence",
        Panel {
            x_label: "iteration".to_string(),
            y_label: "log10 of the error that the solver reports".to_string(),
            series: vec![Series::line("", x, y)],
            marks: marks.into_iter().collect(),
            ..Panel::default()
        },
    ))
}

/// Prices that look ahead as functions, one set each: over today's states and shocks (a chain by its labels, else its values), then tomorrow's states of a
/// schedule, each with its prime.
///
/// # Errors
/// E0958, as [`functions`].
pub fn prices(model: &Model, found: &[PriceFunction]) -> Result<Vec<FunctionSet>, Diagnostic> {
    let points = |d: &PriceDim| {
        let chain = model.shocks.iter().find(|s| s.name == d.name).map(|s| &s.process);
        match chain {
            Some(Process::Chain { labels, .. }) if labels.len() == d.len => Points::Labels(labels.clone()),
            Some(Process::Chain { values, .. }) => Points::Numbers(values.clone()),
            _ => Points::Numbers((0..d.len).map(|k| (d.first + k as i64) as f64).collect()),
        }
    };
    let set = |f: &PriceFunction| {
        let axes = (f.dims.iter())
            .map(|d| GridAxis {
                name: d.name.clone(),
                points: points(d),
            })
            .collect();
        Ok(FunctionSet {
            stem: format!("price-{}", f.name),
            functions: vec![GridFunction::new(&f.name, axes, f.values.clone())?],
        })
    };
    found.iter().map(set).collect()
}

fn axes_of(solution: &Solution) -> Vec<GridAxis> {
    let mut axes = Vec::new();
    if !solution.infinite {
        axes.push(GridAxis {
            name: "t".to_string(),
            points: Points::Numbers((0..solution.periods).map(|t| t as f64).collect()),
        });
    }
    axes.extend(shock_axes(&solution.chain));
    axes.extend(solution.states.iter().map(|s| GridAxis {
        name: s.name.clone(),
        points: Points::Numbers(s.nodes.clone()),
    }));
    axes
}

/// One axis per shock if the joint chain runs over a full grid of their values, last fastest; else one axis of joint
/// states.
fn shock_axes(chain: &JointChain) -> Vec<GridAxis> {
    if chain.names.is_empty() {
        return Vec::new();
    }
    let mut points: Vec<Vec<f64>> = vec![Vec::new(); chain.names.len()];
    for joint in &chain.values {
        for (known, value) in points.iter_mut().zip(joint) {
            if !known.contains(value) {
                known.push(*value);
            }
        }
    }
    let total: usize = points.iter().map(Vec::len).product();
    let mut inner = total;
    let mut full = total == chain.values.len();
    for (s, known) in points.iter().enumerate() {
        inner /= known.len().max(1);
        full &= chain
            .values
            .iter()
            .enumerate()
            .all(|(j, joint)| joint[s] == known[j / inner.max(1) % known.len()]);
    }
    if full {
        let axes = chain.names.iter().zip(points);
        return axes
            .map(|(name, values)| GridAxis {
                name: name.clone(),
                points: Points::Numbers(values),
            })
            .collect();
    }
    let label = |joint: &Vec<f64>| {
        let parts: Vec<String> = chain
            .names
            .iter()
            .zip(joint)
            .map(|(n, v)| format!("{n} = {}", number::compact(*v)))
            .collect();
        parts.join(", ")
    };
    vec![GridAxis {
        name: "shock".to_string(),
        points: Points::Labels(chain.values.iter().map(label).collect()),
    }]
}

/// Component `at` of `width` of an array over period, state, shock as an array over period, shock, state.
fn shocks_first(solution: &Solution, values: &[f64], width: usize, at: usize) -> Vec<f64> {
    let (nodes, shocks) = (solution.nodes(), solution.shocks());
    let mut out = Vec::with_capacity(solution.periods * nodes * shocks);
    for t in 0..solution.periods {
        for j in 0..shocks {
            for i in 0..nodes {
                let place = ((t * nodes + i) * shocks + j) * width + at;
                out.push(values.get(place).copied().unwrap_or(f64::NAN));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(values: Vec<Vec<f64>>) -> JointChain {
        let n = values.len();
        JointChain {
            names: vec!["Z".into(), "e".into()],
            values,
            transition: vec![vec![1.0 / n as f64; n]; n],
            ..JointChain::default()
        }
    }

    #[test]
    fn shocks_on_a_full_grid_have_an_axis_each() {
        let full = chain(vec![vec![0.9, 0.0], vec![0.9, 1.0], vec![1.1, 0.0], vec![1.1, 1.0]]);
        let axes = shock_axes(&full);
        assert_eq!(axes.len(), 2);
        assert_eq!(axes[1].points, Points::Numbers(vec![0.0, 1.0]));
        let part = chain(vec![vec![0.9, 0.0], vec![1.1, 1.0]]);
        let axes = shock_axes(&part);
        assert_eq!(
            axes[0].points,
            Points::Labels(vec!["Z = 0.9, e = 0".into(), "Z = 1.1, e = 1".into()])
        );
    }

    #[test]
    fn a_solution_is_turned_so_that_shocks_come_first() {
        use crate::solve::examples::brock_mirman;
        use crate::solve::value_iteration::{ValueIterationOptions, solve};
        let problem = brock_mirman(12, 3);
        let solution = solve(
            &problem,
            &ValueIterationOptions::default(),
            &mut crate::solve::progress::silent,
        )
        .unwrap();
        let set = functions(&solution).unwrap();
        let names: Vec<&str> = set.functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names.last(), Some(&"value"));
        let value = &set.functions[names.len() - 1];
        assert_eq!(value.values.shape(), [3, 12]);
        for (j, i) in [(0, 0), (2, 5), (1, 11)] {
            assert_eq!(value.values[[j, i].as_slice()], solution.value[i * 3 + j]);
        }
        let pictures = pictures(&solution, &set, None, &|_| String::new(), &|_| Names::new());
        assert!(
            pictures.iter().any(|p| p.stem == "convergence") && pictures.iter().all(|p| p.picture.to_svg().is_ok())
        );
    }
}
