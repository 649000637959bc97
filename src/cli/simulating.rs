//! What `econc simulate` does: binds who plays, runs forward, reports.

use super::cast::Parts;
use super::compiled::Compiled;
use super::effects;
use super::meter::Meter;
use crate::diag::Diagnostic;
use crate::report::content::Content;
use crate::report::simulated;
use crate::{Model, env, limits};

/// What `simulate` was told.
#[derive(Clone, Debug)]
pub struct SimulateOptions {
    /// `--policy`
    pub cast: Parts,
    /// `--scenario`
    pub scenario: Option<String>,
    /// `--periods`
    pub periods: Option<usize>,
    /// `--worlds`
    pub worlds: usize,
    /// `--seed`
    pub seed: u64,
    /// `--on-chain`
    pub on_chain: bool,
    /// `--greedy`
    pub greedy: bool,
    /// `--other-parameters`
    pub other_parameters: bool,
}

/// Runs forward.
///
/// # Errors
/// Those of the policies, of the scenario and of the worlds.
pub fn simulate(compiled: &Compiled, options: &SimulateOptions, meter: &Meter) -> Result<Content, Vec<Diagnostic>> {
    let model = &compiled.model;
    let wrong = |d| vec![d];
    let remarks = options.cast.compare(model, options.other_parameters).map_err(wrong)?;
    let model = &*options.cast.economy(model).map_err(wrong)?;
    let bound = options.cast.bind(model).map_err(wrong)?;
    let asked = env::simulate::SimulationOptions {
        scenario: options.scenario.clone(),
        periods: options.periods,
        worlds: options.worlds,
        seed: options.seed,
        on_chain: options.on_chain,
        greedy: options.greedy,
    };
    effective(model, &bound.cast, options).map_err(wrong)?;
    fits(compiled, options)?;
    let mut progress = |done: usize, of: usize| meter.report(done as u64, of as u64, "periods", "");
    let simulation = env::simulate::simulate(model, &bound.cast, &asked, &mut progress).map_err(wrong)?;
    let mut content = simulated::of_simulation(model, &simulation, &bound.words, bound.trusted.as_ref());
    content.diagnostics.splice(0..0, remarks);
    Ok(content)
}

/// Errs where an option about policies of a run has nothing to change.
///
/// # Errors
/// E0989.
fn effective(model: &Model, cast: &env::cast::Cast, options: &SimulateOptions) -> Result<(), Diagnostic> {
    use crate::check::model::Process;
    use env::cast::Behaviour as By;
    if options.on_chain {
        let continuous = |s: &crate::check::model::Shock| matches!(s.process, Process::Ar1 { .. } | Process::Iid(_));
        let why = match cast.solution() {
            Some(_) if model.shocks.iter().any(continuous) => None,
            Some(_) => Some("the model has no continuous shock"),
            None if cast.all().any(|b| matches!(b, By::Solved(_))) => Some("a solution is not all that is played"),
            None => Some("no solution is played, so there is no chain"),
        };
        if let Some(why) = why {
            return Err(effects::idle("--on-chain", why));
        }
    }
    if options.greedy && !cast.mixes(model) {
        return Err(effects::idle("--greedy", "no policy is played that mixes choices"));
    }
    Ok(())
}

/// Bytes of so many worlds, about: what is seen of one period, its states and draws, what the compiled period holds on the way
/// and what is reported of it. Measured with millions of members: two to three times the names alone, twice.
pub(super) fn world_bytes(model: &Model, worlds: usize) -> f64 {
    let graph = &model.graph;
    let named = model.names.iter().filter(|n| n.phase > crate::graph::Phase::Constant);
    let numbers: f64 = named
        .map(|n| graph.elements(&graph.nodes[n.node.0 as usize].shape) as f64)
        .sum();
    numbers * 8.0 * 6.0 * worlds as f64
}

/// Errs where the worlds of a simulation would need more memory than there is.
///
/// # Errors
/// E0981.
fn fits(compiled: &Compiled, options: &SimulateOptions) -> Result<(), Vec<Diagnostic>> {
    let graph = &compiled.model.graph;
    let largest = graph.nodes.iter().map(|n| graph.elements(&n.shape)).max().unwrap_or(1);
    let bytes = world_bytes(&compiled.model, options.worlds);
    limits::fits(bytes, "one period", "fewer --worlds or --members").map_err(|d| {
        vec![d.note(format!(
            "{} worlds, {largest} numbers in the largest vector",
            options.worlds
        ))]
    })
}
