//! Whether prices that look ahead are what they say: each against its own expression, tomorrow drawn and chosen by the judge.
//!
//! Nothing of the search for them is used. Expressions are evaluated by the interpreter of the graph ([`eval`]), in the model in which the
//! functions stand for the prices; tomorrow's states of chains are gone through one shock after the other with the chances of the file;
//! choices are those of the policy as it is handed over. States that a price is said not to depend on stand somewhere at random, so
//! a price that does depend on them is found out.

use super::grid::Certificate;
use super::grid::ahead::AheadRow;
use crate::check::Model;
use crate::check::model::Process;
use crate::diag::Diagnostic;
use crate::graph::eval::{self, Values};
use crate::graph::{Interval, NodeId};
use crate::num::random::Key;
use crate::solve::between::PolicyBetween;
use crate::solve::forward::{Source, source};
use crate::solve::located;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// Largest distance between a price and its expression, as a share of the largest price.
const LARGEST: f64 = 1e-6;
/// Places of a function that are looked at, and moments of lives at which it is read.
const PLACES: usize = 240;
const MOMENTS: usize = 60;

/// Judges the prices of a solution in the model in which their functions stand, and writes the verdict into its certificate.
///
/// # Errors
/// E0815 for a solution of another model; E0990 for a graph that cannot be evaluated.
pub fn judge(closed: &Model, solution: &Solution, certificate: &mut Certificate) -> Result<(), Diagnostic> {
    let policy = PolicyBetween::new(Arc::new(solution.clone()))?;
    let bench = Bench { model: closed, policy };
    for (i, f) in closed.ahead.found.iter().enumerate() {
        let p = &closed.ahead.prices[i];
        let finite = f.values.iter().copied().filter(|v| v.is_finite());
        let scale = finite.clone().fold(0.0f64, |m, v| m.max(v.abs())).max(1e-300);
        let mut worst = (0.0f64, f64::NAN, f64::NAN, String::new());
        let mut places = 0;
        let mut see = |price: f64, implied: f64, at: String| {
            let gap = (price - implied).abs() / scale;
            let gap = if gap.is_nan() { f64::INFINITY } else { gap };
            places += 1;
            if gap > worst.0 {
                worst = (gap, price, implied, at);
            }
        };
        let own = f.dims.len() - p.args.len();
        let looked = PLACES.min(f.values.len());
        for k in 0..looked {
            crate::limits::poll();
            let node = k * f.values.len() / looked;
            let mut inputs = bench.somewhere(i as u64, k as u64);
            let at = coordinates(closed, i, node);
            for (dim, x) in f.dims.iter().zip(&at).take(own) {
                let input = match source(closed, dim) {
                    Some(Source::State(s)) => closed.states[s].input,
                    Some(Source::Shock(s)) => closed.shocks[s].input,
                    None => continue,
                };
                inputs[input.0 as usize] = vec![*x];
            }
            bench.choose(&mut inputs)?;
            let implied = bench.implied(i, &inputs, &at[own..])?;
            see(f.values[node], implied, words(closed, i, &at));
        }
        // Where it is read: the price that a simulation meets.
        for k in 0..MOMENTS {
            let mut inputs = bench.somewhere(1000 + i as u64, k as u64);
            bench.choose(&mut inputs)?;
            let values = bench.values(&inputs)?;
            for u in &p.uses {
                let args: Vec<f64> = u.args.iter().map(|a| one(&values, *a)).collect();
                let implied = bench.implied(i, &inputs, &args)?;
                see(one(&values, u.node), implied, "a place where it is read".into());
            }
        }
        let range = (
            finite.clone().fold(f64::INFINITY, f64::min),
            finite.fold(f64::NEG_INFINITY, f64::max),
        );
        let over = f.dims.iter().map(|d| format!("{} ({})", d.name, d.len)).collect();
        let c = &mut *certificate;
        if worst.0 > LARGEST {
            c.passed = false;
            c.reasons.push(
                Diagnostic::error(
                    "E0861",
                    format!("`{}` is not what it says: it is {:.6e} where its expression gives {:.6e}", p.name, worst.1, worst.2),
                )
                .at(p.span, format!("at {}", worst.3))
                .hint("a finer grid, or a tighter `tolerance` in `solve { }`; if it stays, prices and choices did not settle together"),
            );
        }
        if let Some(v) = f.values.iter().find(|v| outside(**v, p.domain, scale)) {
            c.passed = false;
            c.reasons.push(
                Diagnostic::error(
                    "E0861",
                    format!("`{}` leaves its domain: it comes out at {v:.6e}", p.name),
                )
                .at(p.span, "declared with this domain")
                .hint("widen what stands behind `in`, or leave it out"),
            );
        }
        c.ahead.push(AheadRow {
            name: p.name.clone(),
            gap: worst.0,
            limit: LARGEST,
            places,
            range,
            over,
        });
    }
    Ok(())
}

fn outside(v: f64, domain: Interval, scale: f64) -> bool {
    let slack = 1e-12 * scale;
    !(v >= domain.lo - slack && v <= domain.hi + slack) || domain.integer && v.fract() != 0.0
}

struct Bench<'m> {
    model: &'m Model,
    policy: PolicyBetween,
}

impl Bench<'_> {
    /// All inputs, states and shocks somewhere at random in their domains.
    fn somewhere(&self, stream: u64, number: u64) -> Vec<Vec<f64>> {
        let m = self.model;
        let mut inputs: Vec<Vec<f64>> = (m.graph.inputs.iter())
            .map(|i| vec![0.0; m.graph.elements(&i.shape)])
            .collect();
        for p in &m.params {
            if let Some(i) = p.input {
                inputs[i.0 as usize].clone_from(&p.values);
            }
        }
        let key = Key::new(0x5eed, stream);
        for (k, s) in m.states.iter().enumerate() {
            let u = key.uniform(number, k as u64);
            let (lo, hi) = (s.domain.lo.max(-10.0), s.domain.hi.min(10.0));
            let x = lo + u * (hi - lo + if s.domain.integer { 1.0 } else { 0.0 });
            let x = if s.domain.integer {
                x.floor().min(s.domain.hi)
            } else {
                x
            };
            inputs[s.input.0 as usize].fill(x);
        }
        for (k, s) in m.shocks.iter().enumerate() {
            let u = key.uniform(number, 1000 + k as u64);
            let x = match &s.process {
                Process::Chain { values, .. } => (u * values.len() as f64).floor().min(values.len() as f64 - 1.0),
                process => process.spread(u.clamp(0.01, 0.99)),
            };
            inputs[s.input.0 as usize].fill(x);
        }
        inputs
    }

    fn values(&self, inputs: &[Vec<f64>]) -> Result<Values, Diagnostic> {
        eval::evaluate(&self.model.graph, inputs).map_err(|e| Diagnostic::error("E0990", e.to_string()))
    }

    /// What is chosen where the inputs stand.
    fn choose(&self, inputs: &mut [Vec<f64>]) -> Result<(), Diagnostic> {
        let (m, s) = (self.model, self.policy.solution());
        let lost =
            |name: &str| Diagnostic::error("E0815", format!("the model has no `{name}`, which the solution has"));
        let mut x = Vec::new();
        for state in &s.states {
            let (k, e) = located::state(m, &state.name).ok_or_else(|| lost(&state.name))?;
            x.push(inputs[m.states[k].input.0 as usize][e]);
        }
        let mut z = Vec::new();
        for name in &s.chain.names {
            let (k, e) = located::shock(m, name).ok_or_else(|| lost(name))?;
            z.push(inputs[m.shocks[k].input.0 as usize][e]);
        }
        let spot = self.policy.spot(0, &z, &x);
        for (k, a) in s.actions.iter().enumerate() {
            let (action, e) = located::action(m, &a.name).ok_or_else(|| lost(&a.name))?;
            let chosen = self.policy.action(k, &spot);
            inputs[m.actions[action].input.0 as usize][e] = chosen;
        }
        Ok(())
    }

    /// What the expression of a price gives, tomorrow's states of a schedule at `args`.
    fn implied(&self, price: usize, today: &[Vec<f64>], args: &[f64]) -> Result<f64, Diagnostic> {
        let m = self.model;
        let p = &m.ahead.prices[price];
        let mut sums = vec![0.0; m.ahead.expects.len()];
        let mut branches = vec![(today.to_vec(), 1.0)];
        for s in m.drawing_order() {
            let shock = &m.shocks[s];
            let Process::Chain {
                values,
                matrices,
                given,
                ..
            } = &shock.process
            else {
                continue;
            };
            let mut more = Vec::new();
            for (inputs, weight) in branches {
                let mut which = 0;
                for (other, later) in given {
                    let own = &m.shocks[*other];
                    let link = inputs[if *later { own.next } else { own.input }.0 as usize][0] as usize;
                    let links = match &own.process {
                        Process::Chain { values, .. } => values.len(),
                        _ => 1,
                    };
                    which = which * links + link;
                }
                let row = &matrices[which][inputs[shock.input.0 as usize][0] as usize];
                for (next, chance) in row.iter().enumerate().take(values.len()) {
                    if *chance > 0.0 {
                        let mut branch: Vec<Vec<f64>> = inputs.clone();
                        branch[shock.next.0 as usize].fill(next as f64);
                        more.push((branch, weight * chance));
                    }
                }
            }
            branches = more;
        }
        for (mut inputs, weight) in branches {
            let values = self.values(&inputs)?;
            let mut tomorrow = inputs.clone();
            for s in &m.shocks {
                tomorrow[s.input.0 as usize] = inputs[s.next.0 as usize].clone();
            }
            for s in &m.states {
                tomorrow[s.input.0 as usize] = values.nodes[s.next.0 as usize].clone();
            }
            for (s, x) in p.args.iter().zip(args) {
                tomorrow[m.states[*s].input.0 as usize] = vec![*x];
            }
            for (s, node) in &p.given {
                tomorrow[m.states[*s].input.0 as usize] = values.nodes[node.0 as usize].clone();
            }
            self.choose(&mut tomorrow)?;
            let then = self.values(&tomorrow)?;
            for l in &m.ahead.later {
                inputs[l.input.0 as usize] = then.nodes[l.of.0 as usize].clone();
            }
            let values = self.values(&inputs)?;
            for (sum, e) in sums.iter_mut().zip(&m.ahead.expects) {
                *sum += weight * one(&values, e.of);
            }
        }
        let mut inputs = today.to_vec();
        for (e, x) in m.ahead.expects.iter().zip(&sums) {
            inputs[e.input.0 as usize] = vec![*x];
        }
        Ok(one(&self.values(&inputs)?, p.body))
    }
}

fn one(values: &Values, node: NodeId) -> f64 {
    values.nodes[node.0 as usize].first().copied().unwrap_or(f64::NAN)
}

fn coordinates(model: &Model, price: usize, node: usize) -> Vec<f64> {
    let dims = &model.ahead.found[price].dims;
    let mut stride: usize = dims.iter().map(|d| d.len).product();
    let mut rest = node;
    let mut out = Vec::new();
    for d in dims {
        stride /= d.len;
        out.push((d.first + (rest / stride) as i64) as f64);
        rest %= stride;
    }
    out
}

/// A place of a function in words: chains by their values.
fn words(model: &Model, price: usize, at: &[f64]) -> String {
    let dims = model.ahead.found[price].dims.iter().zip(at);
    let parts: Vec<String> = dims
        .map(|(d, x)| {
            let chain = model.shocks.iter().find(|s| s.name == d.name).map(|s| &s.process);
            match chain {
                Some(Process::Chain { values, labels, .. }) => match labels.get(*x as usize) {
                    Some(label) => format!("{} {label}", d.name),
                    None => format!("{} {}", d.name, values.get(*x as usize).copied().unwrap_or(*x)),
                },
                _ => format!("{} {x}", d.name),
            }
        })
        .collect();
    match parts.is_empty() {
        true => "all times".into(),
        false => parts.join(", "),
    }
}
