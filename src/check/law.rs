//! What solvers and worlds both need of the laws of shocks: the order in which they are drawn, and numbers from uniforms.

use super::model::{Distribution, Family, Model, Process};
use crate::num::normal;

/// Order in which shocks can be drawn: conditioning ones first.
pub fn order(model: &Model) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < model.shocks.len() {
        let before = order.len();
        for (i, s) in model.shocks.iter().enumerate() {
            let ready = match &s.process {
                Process::Chain { given, .. } => given.iter().all(|(g, _)| order.contains(g) || *g == i),
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => true,
            };
            if ready && !order.contains(&i) {
                order.push(i);
            }
        }
        if order.len() == before {
            // A circle of conditions: draw the rest in order of declaration.
            order.extend(
                (0..model.shocks.len())
                    .filter(|i| !order.contains(i))
                    .collect::<Vec<_>>(),
            );
        }
    }
    order
}

/// The link a uniform number picks from a row of probabilities.
pub fn link(row: &[f64], u: f64) -> f64 {
    let mut sum = 0.0;
    for (i, p) in row.iter().enumerate() {
        sum += p;
        if u < sum {
            return i as f64;
        }
    }
    row.iter().rposition(|p| *p > 0.0).unwrap_or(0) as f64
}

/// The quantile function of a distribution with constant parameters.
pub fn quantile(d: &Distribution, u: f64) -> f64 {
    let a = &d.args;
    match d.family {
        Family::Normal => a[0] + a[1] * normal::quantile(u),
        Family::Lognormal => (a[0] + a[1] * normal::quantile(u)).exp(),
        Family::Uniform => a[0] + (a[1] - a[0]) * u,
        Family::UniformInt => a[0] + ((a[1] - a[0] + 1.0) * u).floor(),
        Family::Bernoulli => f64::from(u8::from(u < a[0])),
        Family::Exponential => -a[0] * (-u).ln_1p(),
        Family::Gumbel => -a[0] * (-(u.ln())).ln(),
        Family::Discrete => {
            let row: Vec<f64> = d.table.iter().map(|(_, p)| *p).collect();
            d.table[link(&row, u) as usize].0
        }
    }
}
