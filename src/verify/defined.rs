//! Moments of what the file defines: definitions, prices, aggregates, where visited states, shocks and choices settle them. They are evaluated in
//! the model's own graph, and put into the order of the file: shocks, states and choices, then what is defined, then the reward.

use super::grid::{Certificate, SeriesMoments};
use super::world::seat::SolvedSeat;
use crate::chance::process::Process;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::engine::{Engine, Frame};
use crate::env::simulate::{Cycle, is_output, watched};
use crate::graph::{InputKind, NodeId};
use crate::num::statistics::{Pairs, mean, sd};
use crate::solve::solution::Solution;

/// Standard deviation, as a share of the mean, of output that stands still.
const STILL: f64 = 1e-9;

/// Path-periods that are evaluated side by side.
const AT_ONCE: usize = 4096;

/// What the file defines by one number, with its node, where what `known` tells (one flag per input of the graph) settles it.
fn defined(model: &Model, known: &[bool]) -> Vec<(String, NodeId)> {
    let kind = |name: &str| model.names.iter().find(|n| n.name == name).map(|n| n.kind.as_str());
    let one = |node: NodeId| model.graph.elements(&model.graph.nodes[node.0 as usize].shape) == 1;
    let settled = |node: NodeId| {
        let mut inputs = model.graph.below([node]).through_roots().inputs().into_iter();
        inputs.all(|i| known[i.0 as usize])
    };
    watched(model)
        .into_iter()
        .filter(|(name, node)| {
            matches!(kind(name), Some("let" | "price" | "aggregate" | "give")) && one(*node) && settled(*node)
        })
        .collect()
}

/// What the file defines where states and choices stand at these numbers, `(name, members that have it, value)` each, and shocks at their means:
/// `(name, value)`, of members that are alike one for all. What rests on anything else (a state of a chain, what is random) is left out.
///
/// # Errors
/// E0990 for a graph that cannot be evaluated.
pub fn at_rest(model: &Model, numbers: &[(&str, usize, f64)]) -> Result<Vec<(String, f64)>, Diagnostic> {
    let inputs = &model.graph.inputs;
    let bare = |name: &str| name.split('[').next().unwrap_or(name).to_string();
    let mut frame: Frame = Vec::new();
    let mut known = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        let elements = model.graph.elements(&input.shape);
        let own: Vec<f64> = match input.kind {
            InputKind::Shock(k) if !matches!(model.shocks[k].process, Process::Chain { .. }) => {
                vec![model.shocks[k].process.mean(); elements]
            }
            InputKind::Param(_) => {
                let param = model
                    .params
                    .iter()
                    .find(|p| p.input.is_some_and(|own| own.0 as usize == i));
                param.map_or(Vec::new(), |p| p.values.clone())
            }
            InputKind::State(_) | InputKind::Action(_) => {
                let own = numbers.iter().filter(|n| bare(n.0) == input.name);
                own.flat_map(|n| std::iter::repeat_n(n.2, n.1)).collect()
            }
            _ => Vec::new(),
        };
        known.push(own.len() == elements);
        frame.push(if own.len() == elements {
            own
        } else {
            vec![0.0; elements]
        });
    }
    let kind = |name: &str| model.names.iter().find(|n| n.name == name).map(|n| n.kind.as_str());
    let settled = |node: NodeId| {
        let mut below = model.graph.below([node]).through_roots().inputs().into_iter();
        below.all(|i| known[i.0 as usize])
    };
    let wanted: Vec<(String, NodeId)> = watched(model)
        .into_iter()
        .filter(|(name, node)| {
            matches!(kind(name), Some("let" | "price" | "aggregate" | "give" | "reward")) && settled(*node)
        })
        .collect();
    let mut engine = Engine::new(model.graph.clone().into(), wanted.iter().map(|w| w.1).collect())?;
    let values: Vec<Vec<f64>> = engine.run(&frame, 1)?.iter().map(|v| v.to_vec()).collect();
    let one = |v: &[f64]| {
        let first = *v.first()?;
        let alike = v.iter().all(|x| (x - first).abs() <= 1e-12 * first.abs());
        (alike && first.is_finite()).then_some(first)
    };
    let rows = wanted.into_iter().zip(&values);
    Ok(rows.filter_map(|((name, _), v)| Some((name, one(v)?))).collect())
}

/// Adds to a certificate of lives on the solver's chain the moments of what the file defines, and how everything goes with output.
///
/// # Errors
/// E0990 for a graph that cannot be evaluated; E0815 for a solution of another model.
pub fn moments(model: &Model, solution: &Solution, certificate: &mut Certificate) -> Result<(), Diagnostic> {
    let lives = std::mem::take(&mut certificate.lives);
    let n = lives.joint.len();
    if n == 0 {
        return Ok(());
    }
    let seat = SolvedSeat::of(model, solution)?;
    let inputs = &model.graph.inputs;
    let mut told: Vec<Vec<bool>> = inputs
        .iter()
        .map(|i| vec![false; model.graph.elements(&i.shape)])
        .collect();
    let mut frame: Frame = told.iter().map(|t| vec![0.0; t.len() * AT_ONCE.min(n)]).collect();
    for p in &model.params {
        if let Some(i) = p.input {
            told[i.0 as usize].fill(true);
        }
    }
    // Where the series of an input stands: its number and element, and its value at each path-period.
    let mut series: Vec<(usize, usize, Vec<f64>)> = Vec::new();
    for (slot, x) in seat.states.iter().zip(&lives.states) {
        series.push((slot.input, slot.element, x.clone()));
    }
    for (choice, x) in seat.choices.iter().zip(&lives.actions) {
        series.push((model.actions[choice.action].input.0 as usize, choice.element, x.clone()));
    }
    let sizes: Vec<usize> = seat.shocks.iter().map(|s| s.values.len()).collect();
    for (k, s) in seat.shocks.iter().enumerate() {
        let later: usize = sizes[k + 1..].iter().product();
        let stored = |joint: &usize| match s.continuous {
            true => solution.chain.values[*joint][k],
            false => (joint / later % sizes[k]) as f64,
        };
        let input = model.shocks[s.shock].input.0 as usize;
        series.push((input, s.element, lives.joint.iter().map(stored).collect()));
    }
    if let Some(t) = model.time {
        series.push((t.0 as usize, 0, lives.time.iter().map(|t| *t as f64).collect()));
    }
    for (input, element, _) in &series {
        told[*input][*element] = true;
    }
    let known: Vec<bool> = told.iter().map(|t| t.iter().all(|x| *x)).collect();
    let defined = defined(model, &known);
    let mut engine = Engine::new(model.graph.clone().into(), defined.iter().map(|d| d.1).collect())?;
    let mut values: Vec<Vec<f64>> = vec![Vec::with_capacity(n); defined.len()];
    for from in (0..n).step_by(AT_ONCE) {
        let many = AT_ONCE.min(n - from);
        for (all, t) in frame.iter_mut().zip(&told) {
            all.resize(t.len() * many, 0.0);
        }
        for p in &model.params {
            if let Some(i) = p.input {
                for (e, x) in p.values.iter().enumerate() {
                    frame[i.0 as usize][e * many..(e + 1) * many].fill(*x);
                }
            }
        }
        for (input, element, x) in &series {
            frame[*input][element * many..(element + 1) * many].copy_from_slice(&x[from..from + many]);
        }
        for (all, own) in values.iter_mut().zip(engine.run(&frame, many)?) {
            all.extend(own);
        }
    }
    // What has no value where nobody asks for it has no moments.
    let counted = |x: &[f64]| (0..n).filter(|k| lives.counts(*k)).map(|k| x[k]).collect::<Vec<f64>>();
    let mut more: Vec<(String, Vec<f64>)> = defined.into_iter().map(|d| d.0).zip(values).collect();
    more.retain(|(_, x)| counted(x).iter().all(|x| x.is_finite()));
    let rows = more.iter().map(|(name, x)| lives.moments(name, x, None));
    certificate.moments.extend(rows);
    let order: Vec<String> = watched(model).into_iter().map(|w| w.0).collect();
    let place = |m: &SeriesMoments| {
        let bare = m.name.split('[').next().unwrap_or(&m.name);
        let stands = order.iter().position(|o| o == bare);
        let group = usize::from(more.iter().any(|d| d.0 == m.name)) + 2 * usize::from(m.name == "reward");
        (group, stands.unwrap_or(usize::MAX))
    };
    certificate.moments.sort_by_key(place);
    if let Some((output, y)) = more.iter().find(|(name, _)| is_output(name)) {
        let y = counted(y);
        // Beside what does not move but for rounding nothing is large or small.
        if sd(&y) <= STILL * mean(&y).abs() {
            return Ok(());
        }
        let chain = &solution.chain;
        let shock = |k: usize| lives.joint.iter().map(|j| chain.values[*j][k]).collect::<Vec<f64>>();
        let series = |name: &str| {
            let at = |k: Option<usize>, all: &[Vec<f64>]| k.map(|k| all[k].clone());
            at(solution.states.iter().position(|s| s.name == name), &lives.states)
                .or_else(|| at(solution.actions.iter().position(|a| a.name == name), &lives.actions))
                .or_else(|| chain.names.iter().position(|s| s == name).map(shock))
                .or_else(|| more.iter().find(|d| d.0 == name).map(|d| d.1.clone()))
                .or_else(|| (name == "reward").then(|| lives.reward.clone()))
        };
        let row = |m: &SeriesMoments| {
            let x = counted(&series(&m.name)?);
            let mut pairs = Pairs::default();
            x.iter().zip(&y).for_each(|(x, y)| pairs.push(*y, *x));
            Some((m.name.clone(), sd(&x) / sd(&y), pairs.correlation()))
        };
        certificate.cycle = Some(Cycle {
            output: output.clone(),
            rows: certificate.moments.iter().filter_map(row).collect(),
        });
    }
    Ok(())
}
