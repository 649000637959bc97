//! Means over the stationary distributions of the chains that are really solved.

use super::model::{self, Process};
use crate::chance::chain;
use crate::graph::eval::evaluate;
use crate::graph::passes::dead;
use crate::graph::{Graph, Input, InputId, InputKind, NodeId};

/// States of a chain that stands for a continuous shock unless the settings say otherwise.
pub const DEFAULT_LINKS: usize = 7;

/// Most combinations of states of chains a mean is taken over.
const MOST_COMBINATIONS: usize = 100_000;

/// The mean of a node over the stationary distributions of the independent shocks it reads, on the chains that are
/// really solved. `Err` says what stands in the way.
///
/// # Errors
/// What stands in the way, in words.
pub(super) fn stationary_mean(graph: &Graph, m: &model::Model, node: NodeId) -> Result<f64, String> {
    let kept = dead(graph, &[node]);
    let root = kept.map[node.0 as usize].ok_or("it is nothing that is computed")?;
    let graph = &kept.graph;
    let inputs = graph.inputs_below([root]);
    let mut lists: Vec<(InputId, Vec<(f64, f64)>)> = Vec::new();
    for i in inputs {
        let InputKind::Shock(s) = graph.inputs[i.0 as usize].kind else {
            return Err(format!(
                "it reads `{}`, which is no shock",
                graph.inputs[i.0 as usize].name
            ));
        };
        lists.push((i, links_of(&m.shocks[s].process)?));
    }
    if lists.iter().fold(1usize, |n, (_, l)| n.saturating_mul(l.len())) > MOST_COMBINATIONS {
        return Err("it reads too many shocks at once".into());
    }
    let mut total = 0.0;
    let mut at = vec![0; lists.len()];
    loop {
        let weight: f64 = lists.iter().zip(&at).map(|((_, l), i)| l[*i].1).product();
        // Members of a population are alike: each has the same shock.
        let of_input = |(i, input): (usize, &Input)| {
            let own = lists.iter().zip(&at).find(|((j, _), _)| j.0 as usize == i);
            vec![own.map_or(f64::NAN, |((_, l), k)| l[*k].0); graph.elements(&input.shape)]
        };
        let inputs: Vec<Vec<f64>> = graph.inputs.iter().enumerate().map(of_input).collect();
        let values = evaluate(graph, &inputs).map_err(|e| e.to_string())?;
        total += weight * values.nodes[root.0 as usize].first().copied().unwrap_or(f64::NAN);
        let mut k = lists.len();
        loop {
            if k == 0 {
                return Ok(total);
            }
            k -= 1;
            at[k] += 1;
            if at[k] < lists[k].1.len() {
                break;
            }
            at[k] = 0;
        }
    }
}

/// States of the chain a shock is solved on, with stationary probabilities: (index or value fed to its input, weight).
fn links_of(p: &Process) -> Result<Vec<(f64, f64)>, String> {
    match p {
        Process::Chain { matrices, given, .. } if given.is_empty() => {
            let d = chain::stationary(&matrices[0]);
            Ok(d.iter().enumerate().map(|(i, w)| (i as f64, *w)).collect())
        }
        Process::Ar1 { .. } => {
            let made = p
                .discretised(DEFAULT_LINKS, crate::chance::Discretisation::Rouwenhorst)
                .ok_or("it has no chain")?;
            let c = made.map_err(|e| e.to_string())?.chain;
            let d = chain::stationary(&c.transition);
            Ok(c.values.iter().copied().zip(d.iter().copied()).collect())
        }
        _ => Err("its law has no stationary chain of its own".into()),
    }
}
