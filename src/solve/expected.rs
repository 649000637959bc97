//! Expected values of compiled expressions over what chance may bring, at a profile of actions: all outcomes are lanes of one call.

use super::kinked::{Kinked, lanes};
use crate::kernel::exec::Workspace;
use crate::kernel::program::Program;
use crate::limits;

/// Outcomes that are taken together where a draw is integrated between its kinks.
const BLOCK: usize = 64;

/// What chance may bring to programs whose inputs are numbered alike.
#[derive(Debug)]
pub(super) struct Expected {
    /// Number of inputs of the programs.
    pub(super) inputs: usize,
    /// The input of each action, one per action.
    pub(super) actions: Vec<usize>,
    /// What is known before anybody acts: `(input, value)`; any length.
    pub(super) known: Vec<(usize, f64)>,
    /// The inputs that chance sets: `(input, values)`, with one value per outcome.
    pub(super) chance: Vec<(usize, Vec<f64>)>,
    /// Weights of the outcomes, one per outcome.
    pub(super) weights: Vec<f64>,
    /// A draw that is integrated between its kinks at every outcome.
    pub(super) kinked: Option<Kinked>,
}

impl Expected {
    /// Evaluations behind one expected value, about.
    pub(super) fn evaluations(&self) -> usize {
        self.weights.len() * self.kinked.as_ref().map_or(1, Kinked::evaluations)
    }

    /// The expected value of each output of `program` at actions `x`; NaN where it cannot be run.
    pub(super) fn of(&self, program: &Program<f64>, x: &[f64]) -> Vec<f64> {
        let mut fixed = vec![f64::NAN; self.inputs];
        for (a, v) in self.actions.iter().zip(x) {
            fixed[*a] = *v;
        }
        for (i, v) in &self.known {
            fixed[*i] = *v;
        }
        let mut space = Workspace::new();
        let mut sum = vec![0.0; program.outputs()];
        let n = self.weights.len();
        let Some(kinked) = &self.kinked else {
            limits::poll();
            let columns: Vec<(usize, &[f64])> = self.chance.iter().map(|(i, v)| (*i, v.as_slice())).collect();
            add(&mut sum, program, &fixed, &columns, &self.weights, &mut space);
            return sum;
        };
        for from in (0..n).step_by(BLOCK) {
            limits::poll();
            let to = (from + BLOCK).min(n);
            let columns: Vec<(usize, &[f64])> = self.chance.iter().map(|(i, v)| (*i, &v[from..to])).collect();
            let rules = kinked.rules(&fixed, &columns, to - from, &mut space);
            let rule = |k: usize| &rules[k.min(rules.len() - 1)];
            let mut wide: Vec<(usize, Vec<f64>)> = columns.iter().map(|(i, _)| (*i, Vec::new())).collect();
            let (mut draws, mut weights) = (Vec::new(), Vec::new());
            for k in 0..to - from {
                let nodes = rule(k).nodes.len();
                for ((_, wide), (_, narrow)) in wide.iter_mut().zip(&columns) {
                    wide.resize(wide.len() + nodes, narrow[k]);
                }
                draws.extend_from_slice(&rule(k).nodes);
                weights.extend(rule(k).weights.iter().map(|p| self.weights[from + k] * p));
            }
            wide.push((kinked.input(), draws));
            let columns: Vec<(usize, &[f64])> = wide.iter().map(|(i, v)| (*i, v.as_slice())).collect();
            add(&mut sum, program, &fixed, &columns, &weights, &mut space);
        }
        sum
    }
}

fn add(
    sum: &mut [f64],
    program: &Program<f64>,
    fixed: &[f64],
    columns: &[(usize, &[f64])],
    weights: &[f64],
    space: &mut Workspace<f64>,
) {
    for (s, values) in sum.iter_mut().zip(lanes(program, fixed, columns, weights.len(), space)) {
        for (v, w) in values.iter().zip(weights) {
            *s += w * v;
        }
    }
}
