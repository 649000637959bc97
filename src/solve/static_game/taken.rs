//! Prices that are taken as given in a one-shot game: rewards read inputs in their place, and the market's word is put back afterwards.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::kernel::dag::{Dag, Id};
use crate::kernel::unroll::Unroll;
use std::collections::HashMap;

pub(super) fn cannot(why: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0810", why.into())
}

/// The elements of a node in the program.
pub(super) fn lowered(u: &mut Unroll, node: NodeId) -> Result<Vec<Id>, Diagnostic> {
    u.node(node).map_err(|e| cannot(e.to_string()))
}

/// A price that somebody takes as given is an input of what reads it.
pub(super) struct TakenPrice {
    /// Its number in the model.
    price: usize,
    /// What the market says, and the inputs in its place; one entry per element.
    ids: Vec<Id>,
    inputs: Vec<Id>,
}

/// Cuts the program at prices that somebody takes; `takes` has one list of prices per agent, as in all of this file.
pub(super) fn taken_prices(model: &Model, u: &mut Unroll, takes: &[Vec<usize>]) -> Result<Vec<TakenPrice>, Diagnostic> {
    let mut taken: Vec<usize> = takes.iter().flatten().copied().collect();
    taken.sort_unstable();
    taken.dedup();
    let mut prices = Vec::new();
    for price in taken {
        let ids = lowered(u, model.prices[price].node)?;
        let inputs = Vec::new();
        prices.push(TakenPrice { price, ids, inputs });
    }
    for p in &mut prices {
        for _ in 0..p.ids.len() {
            let number = u.dag.inputs();
            p.inputs.push(u.dag.input(number as u32));
        }
        u.replace(model.prices[p.price].node, p.inputs.clone());
    }
    Ok(prices)
}

/// What puts the market's price back where it was cut.
pub(super) fn through(prices: &[TakenPrice]) -> HashMap<Id, Id> {
    let pairs = prices.iter().flat_map(|p| p.inputs.iter().zip(&p.ids));
    pairs.map(|(input, id)| (*input, *id)).collect()
}

/// What each maximises, laid out like `rewards`, `[agent][member]`: prices that it takes are those at the actions that fresh inputs stand for. With it these inputs,
/// by action.
pub(super) fn held(
    dag: &mut Dag,
    takes: &[Vec<usize>],
    prices: &[TakenPrice],
    actions: &[Id],
    rewards: &[Vec<Id>],
) -> (Vec<Vec<Id>>, HashMap<Id, Id>) {
    let mut around: HashMap<Id, Id> = HashMap::new();
    if !prices.is_empty() {
        let mut fresh = |id: &Id| (*id, dag.input(dag.inputs() as u32));
        around = actions.iter().map(&mut fresh).collect();
    }
    let mut own: Vec<Vec<Id>> = Vec::new();
    for (a, all) in rewards.iter().enumerate() {
        let mut held = through(prices);
        let own_takes = takes.get(a).map_or(&[][..], Vec::as_slice);
        for p in prices.iter().filter(|p| own_takes.contains(&p.price)) {
            let at = dag.substitute(&p.ids, &around);
            let to = fault!("market.seen_through", p.ids.clone(), at);
            held.extend(p.inputs.iter().copied().zip(to));
        }
        own.push(dag.substitute(all, &held));
    }
    (own, around)
}
