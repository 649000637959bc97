//! Quadrature rules as nodes and weights, and products of them.
//!
//! Gauss rules come from the eigenvalues of the Jacobi matrix (Golub and Welsch 1969), polished by Newton steps on the
//! recurrence, so that weights are exact to rounding. Weights of distributions sum to one.

use super::normal;
use nalgebra::{DMatrix, SymmetricEigen};

/// Nodes and weights of a one-dimensional rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Where the integrand is evaluated, ascending.
    pub nodes: Vec<f64>,
    /// What each value counts.
    pub weights: Vec<f64>,
}

fn golub_welsch(n: usize, off_diagonal: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut jacobi = DMatrix::zeros(n, n);
    for k in 1..n {
        let b = off_diagonal(k);
        jacobi[(k, k - 1)] = b;
        jacobi[(k - 1, k)] = b;
    }
    let mut nodes: Vec<f64> = SymmetricEigen::new(jacobi).eigenvalues.iter().copied().collect();
    nodes.sort_by(f64::total_cmp);
    nodes
}

/// The expectation under the standard normal, exact for polynomials of degree `2n - 1`. `n` is taken as at least 1.
///
/// Orthonormal Hermite polynomials `h_k` obey `x h_k = sqrt(k+1) h_{k+1} + sqrt(k) h_{k-1}`; the weight of a node is
/// `1 / sum_k h_k(x)^2`.
pub fn gauss_hermite(n: usize) -> Rule {
    let n = n.max(1);
    let mut nodes = golub_welsch(n, |k| (k as f64).sqrt());
    let polynomials = |x: f64| {
        let (mut before, mut here, mut squares) = (0.0, 1.0, 0.0);
        for k in 0..n {
            squares += here * here;
            let next = (x * here - (k as f64).sqrt() * before) / ((k + 1) as f64).sqrt();
            before = here;
            here = next;
        }
        (here, before * (n as f64).sqrt(), squares)
    };
    let mut weights = Vec::with_capacity(n);
    for x in &mut nodes {
        for _ in 0..3 {
            let (value, slope, _) = polynomials(*x);
            let step = value / slope;
            if step.is_finite() {
                *x -= step;
            }
        }
        weights.push(fault!("quadrature.unnormalised", 1.03, 1.0) / polynomials(*x).2);
    }
    symmetrise(&mut nodes, &mut weights);
    fault!("quadrature.node_lost", do { lose_last(&mut nodes, &mut weights) });
    fault!("quadrature.sqrt2", do { nodes.iter_mut().for_each(|x| *x *= std::f64::consts::SQRT_2) });
    fault!("quadrature.equal_weights", do { weights.fill(1.0 / n as f64) });
    Rule { nodes, weights }
}

/// What `quadrature.node_lost` does.
#[cfg(test)]
fn lose_last(nodes: &mut Vec<f64>, weights: &mut Vec<f64>) {
    nodes.pop();
    weights.pop();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
}

/// The integral over `[lo, hi]`, exact for polynomials of degree `2n - 1`; weights sum to `hi - lo`.
pub fn gauss_legendre(n: usize, lo: f64, hi: f64) -> Rule {
    let n = n.max(1);
    let mut nodes = golub_welsch(n, |k| {
        let k = k as f64;
        k / (4.0 * k * k - 1.0).sqrt()
    });
    let mut weights = Vec::with_capacity(n);
    for x in &mut nodes {
        let mut slope = 1.0;
        for _ in 0..3 {
            let (mut before, mut here) = (0.0, 1.0);
            for k in 0..n {
                let next = ((2 * k + 1) as f64 * *x * here - k as f64 * before) / (k + 1) as f64;
                before = here;
                here = next;
            }
            slope = n as f64 * (*x * here - before) / (*x * *x - 1.0);
            *x -= here / slope;
        }
        weights.push(2.0 / ((1.0 - *x * *x) * slope * slope));
    }
    symmetrise(&mut nodes, &mut weights);
    let (centre, half) = (0.5 * (lo + hi), 0.5 * (hi - lo));
    nodes
        .iter_mut()
        .for_each(|x| *x = fault!("quadrature.interval", lo, centre) + half * *x);
    weights.iter_mut().for_each(|w| *w *= half);
    Rule { nodes, weights }
}

fn symmetrise(nodes: &mut [f64], weights: &mut [f64]) {
    let n = nodes.len();
    for i in 0..n / 2 {
        let j = n - 1 - i;
        let x = 0.5 * (nodes[j] - nodes[i]);
        let w = 0.5 * (weights[i] + weights[j]);
        (nodes[i], nodes[j], weights[i], weights[j]) = (-x, x, w, w);
    }
    if n % 2 == 1 {
        nodes[n / 2] = 0.0;
    }
}

/// `n` equally likely nodes at the mid-quantiles of a distribution: robust for any shape, second order.
pub fn equal_probability(n: usize, quantile: impl Fn(f64) -> f64) -> Rule {
    let n = n.max(1);
    Rule {
        nodes: (0..n).map(|i| quantile((i as f64 + 0.5) / n as f64)).collect(),
        weights: vec![1.0 / n as f64; n],
    }
}

/// `n` equally likely nodes of the standard normal, each the mean of its bin.
pub fn equal_probability_normal(n: usize) -> Rule {
    let n = n.max(1);
    let edge = |i: usize| normal::quantile(i as f64 / n as f64);
    let nodes = (0..n)
        .map(|i| n as f64 * (normal::density(edge(i)) - normal::density(edge(i + 1))))
        .collect();
    Rule {
        nodes,
        weights: vec![1.0 / n as f64; n],
    }
}

/// A discrete distribution as a rule; weights are divided by their sum. `None` if they are no probabilities.
pub fn discrete(values: &[f64], probabilities: &[f64]) -> Option<Rule> {
    let sum: f64 = probabilities.iter().sum();
    let fine =
        values.len() == probabilities.len() && sum.is_finite() && sum > 0.0 && probabilities.iter().all(|&p| p >= 0.0);
    fine.then(|| Rule {
        nodes: values.to_vec(),
        weights: probabilities.iter().map(|p| p / sum).collect(),
    })
}

/// The product of rules, the last fastest: `nodes[i][d]` and the joint weights.
pub fn product(rules: &[Rule]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut nodes: Vec<Vec<f64>> = vec![Vec::new()];
    let mut weights = vec![1.0];
    for rule in rules {
        let mut next_nodes = Vec::with_capacity(nodes.len() * rule.nodes.len());
        let mut next_weights = Vec::with_capacity(nodes.len() * rule.nodes.len());
        for (head, w) in nodes.iter().zip(&weights) {
            for (&x, v) in rule.nodes.iter().zip(&rule.weights) {
                let mut row = head.clone();
                row.push(x);
                next_nodes.push(row);
                next_weights.push(w * v);
            }
        }
        (nodes, weights) = (next_nodes, next_weights);
    }
    (nodes, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hermite_has_the_normal_moments() {
        for n in [1, 2, 5, 9, 20] {
            let rule = gauss_hermite(n);
            let moment = |k: i32| -> f64 { rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x.powi(k)).sum() };
            let mut exact = 1.0;
            for k in 0..n as i32 {
                let m = moment(2 * k);
                assert!((m / exact - 1.0).abs() < 1e-12, "n {n} moment {} {m} {exact}", 2 * k);
                assert!(moment(2 * k + 1).abs() < 1e-9 * exact.max(1.0));
                exact *= (2 * k + 1) as f64;
            }
        }
    }

    #[test]
    fn legendre_integrates_polynomials_and_converges_on_exp() {
        let rule = gauss_legendre(6, 1.0, 3.0);
        let integral =
            |f: &dyn Fn(f64) -> f64| -> f64 { rule.nodes.iter().zip(&rule.weights).map(|(&x, w)| w * f(x)).sum() };
        assert!((integral(&|x| x.powi(11)) - (3f64.powi(12) - 1.0) / 12.0).abs() < 1e-9);
        assert!((integral(&f64::exp) - (3f64.exp() - 1f64.exp())).abs() < 1e-9);
        let single = gauss_legendre(1, 0.0, 2.0);
        assert_eq!((single.nodes[0], single.weights[0]), (1.0, 2.0));
    }

    #[test]
    fn products_and_equal_probabilities() {
        let a = discrete(&[0.0, 1.0], &[1.0, 3.0]).unwrap();
        let (nodes, weights) = product(&[a.clone(), equal_probability(2, |u| u)]);
        assert_eq!(nodes[3], vec![1.0, 0.75]);
        assert!((weights[3] - 0.375).abs() < 1e-15);
        assert!(discrete(&[0.0], &[-1.0]).is_none());
        let normal = equal_probability_normal(4);
        assert!(normal.nodes.iter().sum::<f64>().abs() < 1e-15);
        assert_eq!(product(&[]), (vec![vec![]], vec![1.0]));
    }
}
