//! In which joint shock states lives begin.

use crate::chance::chain;
use crate::check::model::{Model, Process, StartShock};
use crate::solve::problem::JointChain;
use std::collections::BTreeMap;

/// Chances of the joint states of `chain` in which lives begin, one per state: shocks that have a first value stand at it (between two states of
/// their chain in the proportion of the distances), all others are distributed as they come to rest. `None` where no shock has a first value.
pub(super) fn shocks(model: &Model, chain: &JointChain) -> Option<Vec<f64>> {
    let links = chain.links()?;
    let begins: Vec<Option<Vec<f64>>> = (chain.names.iter().zip(&links))
        .map(|(name, link)| {
            let bare = name.split('[').next().unwrap_or(name);
            let shock = model.shocks.iter().find(|s| s.name == bare)?;
            Some(at(shock.start.as_ref()?, &shock.process, &link.values))
        })
        .collect();
    if begins.iter().all(Option::is_none) {
        return None;
    }
    let states: Vec<Vec<usize>> = (0..chain.values.len()).map(|j| chain.links_at(&links, j)).collect();
    let others = |state: &[usize]| -> Vec<usize> {
        let free = state.iter().zip(&begins).filter(|(_, b)| b.is_none());
        free.map(|(i, _)| *i).collect()
    };
    let mut rest: BTreeMap<Vec<usize>, f64> = BTreeMap::new();
    for (state, p) in states.iter().zip(chain::stationary(&chain.transition)) {
        *rest.entry(others(state)).or_default() += p;
    }
    let chance = |state: &Vec<usize>| {
        let own = begins.iter().zip(state).filter_map(|(b, i)| Some(b.as_ref()?[*i]));
        own.product::<f64>() * rest.get(&others(state)).copied().unwrap_or(0.0)
    };
    Some(states.iter().map(chance).collect())
}

/// Chances of the states of one chain with these values, one per state, where it begins at `start`.
fn at(start: &StartShock, process: &Process, values: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; values.len()];
    let x = match (start, process) {
        (StartShock::Link(i), _) if *i < values.len() => {
            out[*i] = 1.0;
            return out;
        }
        (StartShock::Link(i), _) => *i as f64,
        (StartShock::Value(x), _) => *x,
    };
    let nearest = |below: bool| {
        let side = (0..values.len()).filter(|i| if below { values[*i] <= x } else { values[*i] >= x });
        side.min_by(|a, b| (values[*a] - x).abs().total_cmp(&(values[*b] - x).abs()))
    };
    match (nearest(true), nearest(false)) {
        (Some(a), Some(b)) if a != b && values[a] < values[b] && !matches!(process, Process::Chain { .. }) => {
            let t = (x - values[a]) / (values[b] - values[a]);
            (out[a], out[b]) = (1.0 - t, t);
        }
        (Some(a), Some(b)) if values[b] - x < x - values[a] => out[b] = 1.0,
        (Some(a), _) => out[a] = 1.0,
        (None, Some(b)) => out[b] = 1.0,
        (None, None) => {}
    }
    out
}
