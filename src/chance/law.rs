//! Laws of single draws: families of distributions, their moments and quantiles, and rules of integration for expectations.
//!
//! A distribution with constant parameters has everything as methods, in its own values. Parameters of a noise may be
//! expressions: then a rule is one over the standard draw of the family (location 0, scale 1), from which [`scaled`] makes the values.

use super::chain::link;
use super::quadrature::{self, EULER_GAMMA, Rule, Standard};
use crate::graph::Interval;
use crate::num::normal;
use serde::{Deserialize, Serialize};

/// A distribution with constant parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Which family.
    pub family: Family,
    /// Its parameters, one per parameter of the family, in the order that [`Family`] gives.
    pub args: Vec<f64>,
    /// For [`Family::Discrete`]: one (value, probability) per outcome; otherwise empty.
    pub table: Vec<(f64, f64)>,
}

/// Families of distributions, with the order of their parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// mean, standard deviation
    Normal,
    /// mean and standard deviation of the log
    Lognormal,
    /// ends
    Uniform,
    /// ends, whole numbers, both included
    UniformInt,
    /// probability of 1
    Bernoulli,
    /// values, probabilities
    Discrete,
    /// mean
    Exponential,
    /// scale; location 0
    Gumbel,
}

impl Family {
    /// Whether there are finitely many outcomes.
    pub fn is_finite(self) -> bool {
        matches!(self, Family::Bernoulli | Family::UniformInt | Family::Discrete)
    }
}

impl Distribution {
    /// The mean of a distribution.
    pub fn mean(&self) -> f64 {
        let a = &self.args;
        match self.family {
            Family::Normal => a[0],
            Family::Lognormal => (a[0] + 0.5 * a[1] * a[1]).exp(),
            Family::Uniform | Family::UniformInt => 0.5 * (a[0] + a[1]),
            Family::Bernoulli | Family::Exponential => a[0],
            Family::Gumbel => EULER_GAMMA * a[0],
            Family::Discrete => self.table.iter().map(|(v, p)| v * p).sum(),
        }
    }

    /// The standard deviation of a continuous distribution.
    pub fn sd(&self) -> f64 {
        let a = &self.args;
        match self.family {
            Family::Normal => a[1],
            Family::Lognormal => (a[0] + 0.5 * a[1] * a[1]).exp() * (a[1] * a[1]).exp_m1().sqrt(),
            Family::Uniform => (a[1] - a[0]) / 12f64.sqrt(),
            Family::Exponential => a[0],
            Family::Gumbel => std::f64::consts::PI / 6f64.sqrt() * a[0],
            Family::UniformInt | Family::Bernoulli | Family::Discrete => f64::NAN,
        }
    }

    /// The quantile function: the value behind a uniform draw.
    pub fn quantile(&self, u: f64) -> f64 {
        let a = &self.args;
        match self.family {
            Family::Normal => a[0] + a[1] * normal::quantile(u),
            Family::Lognormal => (a[0] + a[1] * normal::quantile(u)).exp(),
            Family::Uniform => a[0] + (a[1] - a[0]) * u,
            Family::UniformInt => a[0] + ((a[1] - a[0] + 1.0) * u).floor(),
            Family::Bernoulli => f64::from(u8::from(u < a[0])),
            Family::Exponential => -a[0] * (-u).ln_1p(),
            Family::Gumbel => -a[0] * (-(u.ln())).ln(),
            Family::Discrete => {
                let row: Vec<f64> = self.table.iter().map(|(_, p)| *p).collect();
                self.table[link(&row, u) as usize].0
            }
        }
    }

    /// Whether it is one point.
    pub fn is_point(&self) -> bool {
        is_point(self.family, &self.args)
    }

    /// The Gauss rule of `n` nodes; see [`gauss`].
    pub fn gauss(&self, n: usize) -> Option<Rule> {
        gauss(self.family, n).map(|r| self.in_values(r))
    }

    /// A rule of about `n` nodes for integrands with kinks and jumps; see [`fine`].
    pub fn fine(&self, n: usize) -> Option<Rule> {
        fine(self.family, n, &[]).map(|r| self.in_values(r))
    }

    /// A rule over the standard draw as one over the values.
    fn in_values(&self, rule: Rule) -> Rule {
        Rule {
            nodes: rule.nodes.iter().map(|e| scaled(self.family, &self.args, *e)).collect(),
            weights: rule.weights,
        }
    }

    /// Where the values lie.
    pub fn support(&self) -> Interval {
        match self.family {
            Family::Uniform => Interval::closed(self.args[0], self.args[1]),
            Family::Lognormal | Family::Exponential => Interval {
                lo_open: true,
                ..Interval::closed(0.0, f64::INFINITY)
            },
            Family::Normal | Family::Gumbel | Family::UniformInt | Family::Bernoulli | Family::Discrete => {
                Interval::all()
            }
        }
    }
}

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

/// Gauss rules between `kinks` (in units of the standard draw), of more than half as many nodes each as the usual rule of `n` nodes has.
/// `None` for finite families.
pub fn gauss_between(family: Family, n: usize, kinks: &[f64]) -> Option<Rule> {
    Some(quadrature::gauss_between(standard(family)?, kinks, n / 2 + 2))
}

/// A rule of about `n` nodes for integrands with kinks and jumps. `kinks` (any number of them, in any order, in units
/// of the standard draw) are the places where some of them are known to stand. `None` for finite families.
pub fn fine(family: Family, n: usize, kinks: &[f64]) -> Option<Rule> {
    Some(quadrature::between_quantiles(standard(family)?, n, kinks))
}

/// The standard law behind a continuous family; `None` for finite ones.
pub fn standard(family: Family) -> Option<Standard> {
    match family {
        Family::Normal | Family::Lognormal => Some(Standard::Normal),
        Family::Uniform => Some(Standard::Uniform),
        Family::Exponential => Some(Standard::Exponential),
        Family::Gumbel => Some(Standard::Gumbel),
        Family::UniformInt | Family::Bernoulli | Family::Discrete => None,
    }
}

/// The value of a continuous distribution where its standard draw is `e`; `args` has one number per parameter of the
/// family.
pub fn scaled(family: Family, args: &[f64], e: f64) -> f64 {
    match family {
        Family::Normal => args[0] + args[1] * e,
        Family::Lognormal => (args[0] + args[1] * e).exp(),
        Family::Uniform => args[0] + (args[1] - args[0]) * e,
        Family::Exponential | Family::Gumbel => args[0] * e,
        Family::UniformInt | Family::Bernoulli | Family::Discrete => f64::NAN,
    }
}

/// Whether a distribution puts all its probability on one point; `args` has one number per parameter of the family.
pub fn is_point(family: Family, args: &[f64]) -> bool {
    match family {
        Family::Normal | Family::Lognormal => args[1] == 0.0,
        Family::Uniform => args[0] == args[1],
        Family::Exponential | Family::Gumbel => args[0] == 0.0,
        Family::UniformInt | Family::Bernoulli | Family::Discrete => false,
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
