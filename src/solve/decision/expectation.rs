//! Expectations for problems without a decision maker of their own: one period unrolled, with everything that chance may bring.

use super::builder::Builder;
use super::options::ProblemOptions;
use super::{noise, shocks};
use crate::chance::quadrature::{Rule, Standard, between_quantiles};
use crate::chance::{chain, law};
use crate::check::model::{Distribution, Model};
use crate::diag::Diagnostic;
use crate::kernel::dag::Id;
use crate::kernel::differentiate::has_steps;
use crate::kernel::unroll::Unroll;
use crate::solve::kinked::Nodes;

/// Most joint outcomes; twice as many with twice as many nodes.
const MOST: usize = 4000;

static DEFAULTS: ProblemOptions = ProblemOptions {
    deterministic: false,
    nodes: 0,
    bounds: Vec::new(),
    fineness: 0,
    halfway: false,
    draws: 0,
    dense_below: false,
};

/// One period, unrolled: rules stand for the actions they fix, draws for their outcomes.
pub struct Expectation<'m> {
    /// The expressions.
    pub unroll: Unroll<'m>,
    laws: Vec<shocks::Chainlet>,
    noise: Vec<noise::Quadrature>,
}

/// The law of one element of a shock, as what somebody knows when it acts.
pub struct Known {
    /// Its name, `bidder.v[2]`.
    pub name: String,
    /// The shock of the model, by number.
    pub shock: usize,
    /// The element.
    pub element: usize,
    /// The input that carries it.
    pub now: Id,
    /// What the input carries at each state of its chain, one number per state.
    pub carried: Vec<f64>,
    /// The value at each state, one number per state.
    pub values: Vec<f64>,
    /// How likely each state is, one probability per state.
    pub weights: Vec<f64>,
    /// The continuous distribution behind the states, if there is one and it is independent over time.
    pub continuous: Option<Distribution>,
    /// The law of a continuous shock in any one period, where it has one and the file says nothing of a chain.
    pub law: Option<Distribution>,
    /// Whether other shocks move with it.
    pub tied: bool,
}

/// What chance may bring, as far as some expressions read it.
pub struct Outcomes {
    /// The inputs that chance sets, one per draw that is read.
    pub inputs: Vec<Id>,
    /// `(values, fixed weight)`, one per outcome; the values have one number per input.
    pub nodes: Vec<(Vec<f64>, f64)>,
    /// What multiplies the weight where chances move.
    pub chance: Option<Id>,
    /// A continuous draw behind kinks or steps that is left to be integrated between them.
    pub split: Option<Split>,
    /// Whether other draws stand behind kinks or steps, too: their nodes only come near.
    pub rough: bool,
}

/// A continuous draw that is not among the inputs that chance sets.
pub struct Split {
    /// Its input, which carries the standard draw.
    pub input: Id,
    /// Its law.
    pub law: Standard,
    /// Fixed nodes for whoever cannot look for kinks.
    pub spread: Rule,
}

impl<'m> Expectation<'m> {
    /// Unrolls a model.
    ///
    /// # Errors
    /// E0810 where a law has no finite form, E0805 for settings of chains and quadrature that make no rule.
    pub fn new(model: &'m Model) -> Result<Expectation<'m>, Diagnostic> {
        let mut builder = Builder {
            model,
            options: &DEFAULTS,
            agents: (0..model.agents.len()).collect(),
            single: false,
            apart: false,
            others: None,
            given: Vec::new(),
            states: Vec::new(),
            free: Vec::new(),
            numbers: Vec::new(),
            unroll: Unroll::new(&model.graph),
        };
        builder.bind();
        builder.rules()?;
        let laws = builder.laws(&mut Vec::new())?;
        let noise = builder.quadratures()?;
        Ok(Expectation {
            unroll: builder.unroll,
            laws,
            noise,
        })
    }

    /// The laws of all elements of all shocks, one entry per element.
    pub fn known(&self) -> Vec<Known> {
        let mut seen = std::collections::HashMap::new();
        let tied = |k: usize| self.laws.iter().any(|l| l.given.iter().any(|g| g.0 == k));
        let one = |(k, l): (usize, &shocks::Chainlet)| {
            let element = seen.entry(l.shock).and_modify(|e| *e += 1).or_insert(0usize);
            Known {
                name: l.name.clone(),
                shock: l.shock,
                element: *element,
                now: l.now,
                carried: l.carried.clone(),
                values: l.values.clone(),
                weights: l.matrices.first().map_or_else(Vec::new, |m| chain::stationary(m)),
                continuous: l.open.as_ref().map(|o| o.0.clone()).filter(|_| l.continuous),
                law: l.law.clone(),
                tied: !l.given.is_empty() || tied(k),
            }
        };
        self.laws.iter().enumerate().map(one).collect()
    }

    /// Shocks by their stationary law and noises by quadrature, as far as `of` (any length) reads them.
    ///
    /// # Errors
    /// E0904 where there are too many joint outcomes.
    pub fn outcomes(&mut self, of: &[Id], nodes_behind_kinks: Nodes) -> Result<Outcomes, Diagnostic> {
        // Draws that are read, and those that their chances read.
        let mut read = of.to_vec();
        let mut kept: Vec<usize> = Vec::new();
        loop {
            let seen = self.unroll.dag.reachable(&read);
            let more: Vec<usize> = (0..self.noise.len())
                .filter(|k| !kept.contains(k) && seen[self.noise[*k].input.0 as usize])
                .collect();
            if more.is_empty() {
                break;
            }
            for k in more {
                kept.push(k);
                read.extend(self.noise[k].moving);
            }
        }
        kept.sort_unstable();
        let seen = self.unroll.dag.reachable(&read);
        let chainlets: Vec<usize> = (0..self.laws.len())
            .filter(|k| seen[self.laws[*k].now.0 as usize])
            .collect();
        let chainlets = shocks::with_conditions(&self.laws, chainlets);
        let dag = &self.unroll.dag;
        let kinked = |input: Id| has_steps(dag, &read, &[input]) || super::compiler::has_kinks(dag, &read, &[input]);
        let mut fine: Vec<(bool, usize)> = Vec::new();
        for k in &chainlets {
            if matches!(self.laws[*k].open, Some((_, false))) && kinked(self.laws[*k].now) {
                fine.push((true, *k));
            }
        }
        for k in &kept {
            if matches!(self.noise[*k].continuous, Some((_, false, _))) && kinked(self.noise[*k].input) {
                fine.push((false, *k));
            }
        }
        // One noise is integrated exactly between its kinks.
        let whole = |k: usize| {
            let q = &self.noise[k];
            let family = q.continuous.as_ref().map(|c| c.0)?;
            let own = q.noise.is_some() && q.moving.is_none();
            law::standard(family).filter(|_| own).map(|s| (q.input, s))
        };
        let candidate = fine.iter().position(|(shock, k)| !shock && whole(*k).is_some());
        let split = candidate.and_then(|at| {
            let (_, k) = fine.remove(at);
            kept.retain(|x| *x != k);
            let (input, law) = whole(k)?;
            let spread = between_quantiles(law, nodes_behind_kinks.together(), &[]);
            Some(Split { input, law, spread })
        });
        let rough = !fine.is_empty();
        if nodes_behind_kinks == Nodes::Few && fine.len() > 1 {
            // Rules between quantiles have many nodes each; those that are there say about where to look.
            fine.clear();
        }
        let room = (nodes_behind_kinks.together() as f64).powf(1.0 / fine.len().max(1) as f64) as usize;
        for (shock, k) in fine {
            if shock {
                self.laws[k].refine(room);
            } else {
                self.noise[k].refine(room, &[]);
            }
        }
        let joint = shocks::joint(&self.laws, &chainlets)?;
        let weights = chain::stationary(&joint.chain.transition);
        let mut inputs: Vec<Id> = chainlets.iter().map(|k| self.laws[*k].now).collect();
        let mut nodes: Vec<(Vec<f64>, f64)> = joint
            .links
            .iter()
            .zip(weights)
            .map(|(links, w)| {
                let carried = links.iter().zip(&chainlets).map(|(l, k)| self.laws[*k].carried[*l]);
                (carried.collect(), w)
            })
            .collect();
        let mut chance: Option<Id> = None;
        let most = if nodes_behind_kinks == Nodes::Twice {
            2 * MOST
        } else {
            MOST
        };
        for k in kept {
            let q = &self.noise[k];
            if nodes.len().saturating_mul(q.nodes.len()) > most {
                return Err(Diagnostic::error(
                    "E0904",
                    format!("the draws of the one-shot game have more than {MOST} outcomes together"),
                )
                .hint("use fewer nodes: quadrature.e = 3"));
            }
            inputs.push(q.input);
            nodes = nodes
                .iter()
                .flat_map(|(head, w)| {
                    q.nodes
                        .iter()
                        .zip(&q.weights)
                        .map(move |(x, p)| ([head.as_slice(), &[*x]].concat(), w * p))
                })
                .collect();
            if let Some(m) = q.moving {
                chance = Some(match chance {
                    None => m,
                    Some(c) => self.unroll.dag.mul(c, m),
                });
            }
        }
        nodes.retain(|(_, w)| *w != 0.0);
        Ok(Outcomes {
            inputs,
            nodes,
            chance,
            split,
            rough,
        })
    }
}
