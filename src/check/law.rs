//! What solvers and worlds both need of laws: the order in which shocks are drawn, numbers from uniforms, and for
//! expectations rules over the standard draw of a family (location 0, scale 1), from which [`scaled`] makes the values.

use super::model::{Distribution, Family, Model, Process};
use crate::num::normal;
use crate::num::quadrature::{self, Rule, Standard};

/// Euler's constant, the mean of a standard Gumbel variable.
const EULER: f64 = 0.577_215_664_901_532_9;

/// The Gauss rule of `n` nodes for the standard draw of a continuous family: exact for polynomials of degree `2n - 1`.
/// `None` for finite families.
pub fn gauss(family: Family, n: usize) -> Option<Rule> {
    Some(match standard(family)? {
        Standard::Normal => quadrature::gauss_hermite(n),
        Standard::Uniform => quadrature::gauss_legendre(n, 0.0, 1.0),
        Standard::Exponential => quadrature::gauss_laguerre(n),
        Standard::Gumbel => quadrature::gauss_gumbel(n),
    })
}

/// A rule of about `n` nodes for integrands with kinks and jumps. `None` for finite families.
pub fn fine(family: Family, n: usize) -> Option<Rule> {
    Some(quadrature::between_quantiles(standard(family)?, n))
}

fn standard(family: Family) -> Option<Standard> {
    match family {
        Family::Normal | Family::Lognormal => Some(Standard::Normal),
        Family::Uniform => Some(Standard::Uniform),
        Family::Exponential => Some(Standard::Exponential),
        Family::Gumbel => Some(Standard::Gumbel),
        Family::UniformInt | Family::Bernoulli | Family::Discrete => None,
    }
}

/// The value of a continuous distribution where its standard draw is `e`.
pub fn scaled(family: Family, args: &[f64], e: f64) -> f64 {
    match family {
        Family::Normal => args[0] + args[1] * e,
        Family::Lognormal => (args[0] + args[1] * e).exp(),
        Family::Uniform => args[0] + (args[1] - args[0]) * e,
        Family::Exponential | Family::Gumbel => args[0] * e,
        Family::UniformInt | Family::Bernoulli | Family::Discrete => f64::NAN,
    }
}

/// Whether a distribution is one point.
pub fn is_point(family: Family, args: &[f64]) -> bool {
    match family {
        Family::Normal | Family::Lognormal => args[1] == 0.0,
        Family::Uniform => args[0] == args[1],
        Family::Exponential | Family::Gumbel => args[0] == 0.0,
        Family::UniformInt | Family::Bernoulli | Family::Discrete => false,
    }
}

/// The mean of a distribution.
pub fn mean(d: &Distribution) -> f64 {
    let a = &d.args;
    match d.family {
        Family::Normal => a[0],
        Family::Lognormal => (a[0] + 0.5 * a[1] * a[1]).exp(),
        Family::Uniform | Family::UniformInt => 0.5 * (a[0] + a[1]),
        Family::Bernoulli | Family::Exponential => a[0],
        Family::Gumbel => EULER * a[0],
        Family::Discrete => d.table.iter().map(|(v, p)| v * p).sum(),
    }
}

/// The standard deviation of a continuous distribution.
pub fn sd(family: Family, args: &[f64]) -> f64 {
    let a = args;
    match family {
        Family::Normal => a[1],
        Family::Lognormal => (a[0] + 0.5 * a[1] * a[1]).exp() * (a[1] * a[1]).exp_m1().sqrt(),
        Family::Uniform => (a[1] - a[0]) / 12f64.sqrt(),
        Family::Exponential => a[0],
        Family::Gumbel => std::f64::consts::PI / 6f64.sqrt() * a[0],
        Family::UniformInt | Family::Bernoulli | Family::Discrete => f64::NAN,
    }
}

/// The name of a continuous family's Gauss rule.
pub fn rule_name(family: Family) -> &'static str {
    match family {
        Family::Normal | Family::Lognormal => "gauss_hermite",
        Family::Uniform => "gauss_legendre",
        Family::Exponential => "gauss_laguerre",
        Family::Gumbel => "gauss",
        Family::UniformInt | Family::Bernoulli | Family::Discrete => "outcomes",
    }
}

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
