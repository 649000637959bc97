//! Checks that the parameters of noises give a distribution wherever a world comes: a negative scale, reversed ends and probabilities
//! outside [0, 1] are errors when a world meets them.

use super::{Engine, Worlds};
use crate::check::model::{Family, Model, Then};
use crate::diag::Diagnostic;
use crate::graph::{Graph, NodeId};
use std::sync::Arc;

/// Chances this far outside [0, 1] are rounding.
const ROUNDING: f64 = 1e-9;

/// The parameters of noises whose distribution moves with states, shocks or actions.
pub(super) struct Laws {
    engine: Engine,
    /// Noise, and how many arguments it has, in the order of the engine's outputs.
    noises: Vec<(usize, usize)>,
}

impl Laws {
    /// `None` if the laws of all noises are fixed: the checker has looked at those. Where members leave, those that are gone have
    /// no law.
    ///
    /// # Errors
    /// E0990 for a graph that cannot be evaluated.
    pub(super) fn new(model: &Model, graph: &Arc<Graph>) -> Result<Option<Laws>, Diagnostic> {
        if model.ends.iter().any(|e| matches!(e.then, Then::Leave { .. })) {
            return Ok(None);
        }
        let moves = |n: &NodeId| graph.nodes[n.0 as usize].phase > crate::graph::Phase::Constant;
        let mut nodes = Vec::new();
        let mut noises = Vec::new();
        for (k, noise) in model.noises.iter().enumerate() {
            if noise.args.iter().any(moves) {
                nodes.extend(&noise.args);
                noises.push((k, noise.args.len()));
            }
        }
        if nodes.is_empty() {
            return Ok(None);
        }
        let engine = Engine::new(graph.clone(), nodes)?;
        Ok(Some(Laws { engine, noises }))
    }
}

impl Worlds {
    /// Refuses a noise of this period whose parameters give no distribution. [`Worlds::step`] calls it when everything
    /// is drawn.
    ///
    /// # Errors
    /// E0970.
    pub(super) fn check_laws(&mut self) -> Result<(), Diagnostic> {
        let Some(mut laws) = self.noise_laws.take() else {
            return Ok(());
        };
        let n = self.worlds;
        let values = laws.engine.run(&self.frame, n);
        let mut at = 0;
        let mut wrong = None;
        if let Ok(values) = &values {
            for (k, count) in &laws.noises {
                let args = &values[at..at + count];
                at += count;
                let noise = &self.model.noises[*k];
                let lanes = args.iter().map(Vec::len).max().unwrap_or(0);
                for i in 0..lanes {
                    let here: Vec<f64> = args.iter().map(|v| v[i % v.len().max(1)]).collect();
                    if wrong.is_none()
                        && let Some(why) = impossible(noise.family, &here)
                    {
                        wrong = Some((*k, i % n, why));
                    }
                }
            }
        }
        self.noise_laws = Some(laws);
        values?;
        let Some((k, world, why)) = wrong else {
            return Ok(());
        };
        let noise = &self.model.noises[k];
        let d = Diagnostic::error("E0970", format!("`{}` has no law here: {why}", noise.name))
            .at(noise.span, "its law moves")
            .note(format!("in period {}", self.period[world]));
        Err(self
            .with_state(d, world)
            .hint("keep it a law wherever the world may come: max(.., 0) for a scale, clamp(.., 0, 1) for a chance, or narrower bounds"))
    }
}

/// Why no distribution has these arguments; `None` if there is one.
fn impossible(family: Family, a: &[f64]) -> Option<String> {
    if let Some(x) = a.iter().find(|x| !x.is_finite()) {
        return Some(format!("an argument is {x}"));
    }
    let wrong = match (family, a) {
        (Family::Normal | Family::Lognormal, [_, sd]) if *sd < 0.0 => format!("a standard deviation of {sd}"),
        (Family::Uniform | Family::UniformInt, [lo, hi]) if *lo > hi + ROUNDING * (1.0 + hi.abs()) => {
            format!("from {lo} to {hi}")
        }
        (Family::Bernoulli, [p]) if !(-ROUNDING..=1.0 + ROUNDING).contains(p) => format!("a chance of {p}"),
        (Family::Exponential, [mean]) if *mean < 0.0 => format!("a mean of {mean}"),
        (Family::Gumbel, [scale]) if *scale < 0.0 => format!("a scale of {scale}"),
        _ => return None,
    };
    Some(wrong)
}
