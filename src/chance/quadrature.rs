//! Quadrature rules as nodes and weights, and products of them.
//!
//! Gauss rules come from the eigenvalues of the Jacobi matrix (Golub and Welsch 1969), polished by Newton steps on the
//! recurrence, so that weights are exact to rounding. Weights of distributions sum to one.

use crate::num::normal;
use nalgebra::{DMatrix, SymmetricEigen};

/// Nodes and weights of a one-dimensional rule: one weight per node.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Where the integrand is evaluated, ascending: one value per node.
    pub nodes: Vec<f64>,
    /// What the value at each node counts: one weight per node; those of a distribution sum to one.
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

/// A Gauss rule from the coefficients of orthonormal polynomials, `x p_k = b_{k+1} p_{k+1} + a_k p_k + b_k p_{k-1}`: nodes are
/// eigenvalues, a weight is `1 / sum_k p_k(x)^2`. Weights too small to be numbers are zero.
fn from_recurrence(a: &[f64], b: &[f64]) -> Rule {
    let n = a.len();
    let mut jacobi = DMatrix::zeros(n, n);
    for k in 0..n {
        jacobi[(k, k)] = a[k];
        if k > 0 {
            jacobi[(k, k - 1)] = b[k];
            jacobi[(k - 1, k)] = b[k];
        }
    }
    let mut nodes: Vec<f64> = SymmetricEigen::new(jacobi).eigenvalues.iter().copied().collect();
    nodes.sort_by(f64::total_cmp);
    let squares = |x: f64| {
        let (mut before, mut here, mut sum) = (0.0, 1.0, 0.0);
        for k in 0..n {
            sum += here * here;
            if k + 1 < n {
                let next = ((x - a[k]) * here - b[k] * before) / b[k + 1];
                before = here;
                here = next;
            }
        }
        sum
    };
    let mut weights: Vec<f64> = nodes
        .iter()
        .map(|x| 1.0 / squares(*x))
        .map(|w| if w.is_finite() { w } else { 0.0 })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    Rule { nodes, weights }
}

/// The expectation under the exponential distribution with mean one, exact for polynomials of degree `2n - 1`.
pub fn gauss_laguerre(n: usize) -> Rule {
    let n = n.max(1);
    let a: Vec<f64> = (0..n).map(|k| (2 * k + 1) as f64).collect();
    let b: Vec<f64> = (0..n).map(|k| k as f64).collect();
    from_recurrence(&a, &b)
}

/// The expectation under the standard Gumbel distribution (density `exp(-x - exp(-x))`), exact for polynomials of degree
/// `2n - 1`.
pub fn gauss_gumbel(n: usize) -> Rule {
    let fine = piecewise(&even(GUMBEL.0, GUMBEL.1, 120), 12, |x| (-x - (-x).exp()).exp());
    gauss_of(&fine, n.max(1))
}

/// The rule of `n` nodes (at least 1) that is exact for polynomials of degree `2n - 1` under the weights of a finer rule, which sum to one: the
/// coefficients come from Stieltjes' procedure (Gautschi 2004, section 2.2).
fn gauss_of(fine: &Rule, n: usize) -> Rule {
    let (x, w) = (&fine.nodes, &fine.weights);
    let inner =
        |p: &[f64], by: &dyn Fn(usize) -> f64| -> f64 { (0..x.len()).map(|i| w[i] * p[i] * p[i] * by(i)).sum() };
    let (mut a, mut b) = (Vec::with_capacity(n), vec![0.0]);
    let (mut before, mut here) = (vec![0.0; x.len()], vec![1.0; x.len()]);
    for k in 0..n {
        a.push(inner(&here, &|i| x[i]));
        let mut next: Vec<f64> = (0..x.len())
            .map(|i| (x[i] - a[k]) * here[i] - b[k] * before[i])
            .collect();
        let size = inner(&next, &|_| 1.0).sqrt();
        next.iter_mut().for_each(|p| *p /= size);
        b.push(size);
        before = here;
        here = next;
    }
    from_recurrence(&a, &b[..n])
}

/// Gauss rules of `n` nodes each between neighbouring `kinks` (any number of them, in any order, in units of the standard draw) and the ends of
/// a law: exact for functions that are polynomials of degree `2n - 1` between the kinks.
pub fn gauss_between(law: Standard, kinks: &[f64], n: usize) -> Rule {
    let (lo, hi) = extent(law);
    let mut edges = vec![lo, hi];
    edges.extend(kinks.iter().copied().filter(|k| *k > lo && *k < hi));
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    let (mut nodes, mut weights) = (Vec::new(), Vec::new());
    for e in edges.windows(2) {
        // Most of a long piece is next to its inner end or around the middle of the law: cells are those of the law itself.
        let mut cells: Vec<f64> = cells(law, 80).into_iter().filter(|x| *x > e[0] && *x < e[1]).collect();
        cells.insert(0, e[0]);
        cells.push(e[1]);
        let base = gauss_legendre(12, 0.0, 1.0);
        let density = density(law);
        let mass: f64 = cells
            .windows(2)
            .flat_map(|c| {
                base.nodes
                    .iter()
                    .zip(&base.weights)
                    .map(|(u, w)| (c[1] - c[0]) * w * density(c[0] + (c[1] - c[0]) * u))
            })
            .sum();
        if !(mass > 1e-14) {
            continue;
        }
        let rule = gauss_of(&piecewise_by(&base, &cells, density), n.max(1));
        nodes.extend(rule.nodes);
        weights.extend(rule.weights.iter().map(|w| mass * w));
    }
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    Rule { nodes, weights }
}

/// Where all but `1e-19` of the standard Gumbel distribution lies.
const GUMBEL: (f64, f64) = (-4.0, 44.0);

/// `n + 1` even edges.
fn even(lo: f64, hi: f64, n: usize) -> Vec<f64> {
    (0..=n).map(|i| lo + (hi - lo) * i as f64 / n as f64).collect()
}

/// Gauss-Legendre rules of `m` nodes between neighbouring `edges` (ascending, one more than cells, at least two),
/// weighted by a density; weights are divided by their sum. The rule has `m` nodes per cell.
pub fn piecewise(edges: &[f64], m: usize, density: impl Fn(f64) -> f64) -> Rule {
    piecewise_by(&gauss_legendre(m, 0.0, 1.0), edges, density)
}

/// [`piecewise`] by a rule on [0, 1].
fn piecewise_by(base: &Rule, edges: &[f64], density: impl Fn(f64) -> f64) -> Rule {
    let (mut nodes, mut weights) = (Vec::new(), Vec::new());
    for e in edges.windows(2) {
        let width = e[1] - e[0];
        for (u, w) in base.nodes.iter().zip(&base.weights) {
            let x = e[0] + width * u;
            nodes.push(x);
            weights.push(width * w * density(x));
        }
    }
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    Rule { nodes, weights }
}

/// Euler's constant, the mean of a standard Gumbel variable.
pub const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// What a rule between quantiles stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Mean 0, standard deviation 1.
    Normal,
    /// On [0, 1].
    Uniform,
    /// Mean 1.
    Exponential,
    /// Location 0, scale 1.
    Gumbel,
}

/// A rule for integrands with kinks and jumps, of about `n` nodes: as many cells of equal probability as there is room
/// for, tails cut finer, four or eight Gauss-Legendre nodes per cell. A kink spoils one cell only. It spoils none if it
/// is among `kinks` (in any order, in units of the standard draw), which become edges of cells.
pub fn between_quantiles(law: Standard, n: usize, kinks: &[f64]) -> Rule {
    let m = if n >= 256 { 8 } else { 4 };
    let cells = (n / m).saturating_sub(6).max(4);
    let inner = |q: &dyn Fn(f64) -> f64| -> Vec<f64> { (1..cells).map(|j| q(j as f64 / cells as f64)).collect() };
    let with_tails = |lo: Option<(f64, usize)>, middle: Vec<f64>, hi: Option<(f64, usize)>| -> Vec<f64> {
        let mut edges = Vec::new();
        if let Some((end, parts)) = lo {
            edges.extend(even(end, middle[0], parts).into_iter().take(parts));
        }
        edges.extend(&middle);
        // Cells of a long tail grow by a factor of two: most of what it weighs is close by.
        if let Some((end, parts)) = hi {
            let from = middle[middle.len() - 1];
            let whole = f64::from((1u32 << parts) - 1);
            edges.extend((1..=parts).map(|j| from + (end - from) * f64::from((1u32 << j) - 1) / whole));
        }
        edges
    };
    let cut = |mut edges: Vec<f64>| -> Vec<f64> {
        let (lo, hi) = (edges[0], edges[edges.len() - 1]);
        edges.extend(kinks.iter().copied().filter(|k| *k > lo && *k < hi));
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        edges
    };
    let mut rule = match law {
        Standard::Normal => {
            let middle = inner(&normal::quantile);
            let mut edges = even(-9.0, middle[0], 4);
            edges.pop();
            edges.extend(&middle);
            edges.extend(even(middle[middle.len() - 1], 9.0, 4).into_iter().skip(1));
            piecewise(&cut(edges), m, normal::density)
        }
        Standard::Uniform => piecewise(&cut(even(0.0, 1.0, n.div_ceil(m).max(4))), m, |_| 1.0),
        Standard::Exponential => {
            let mut middle = vec![0.0];
            middle.extend(inner(&|u: f64| -(-u).ln_1p()));
            piecewise(&cut(with_tails(None, middle, Some((44.0, 7)))), m, |x| (-x).exp())
        }
        Standard::Gumbel => {
            let middle = inner(&|u: f64| -(-u.ln()).ln());
            let edges = with_tails(Some((GUMBEL.0, 2)), middle, Some((GUMBEL.1, 7)));
            piecewise(&cut(edges), m, |x| (-x - (-x).exp()).exp())
        }
    };
    // Few cells miss the moments by little: nodes are moved so that the mean (and, where that keeps the range, the variance) is the law's.
    let mean: f64 = rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x).sum();
    let squares: f64 = rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x * x).sum();
    let sd = (squares - mean * mean).sqrt();
    let (to, scale) = match law {
        Standard::Normal => (0.0, 1.0 / sd),
        Standard::Gumbel => (EULER_GAMMA, std::f64::consts::PI / 6f64.sqrt() / sd),
        Standard::Exponential => (1.0, 1.0 / mean),
        Standard::Uniform => return rule,
    };
    rule.nodes.iter_mut().for_each(|x| *x = to + scale * (*x - mean));
    rule
}

/// A rule for integrands that are smooth between `kinks` (any number of them, in any order, in units of the standard
/// draw). It repeats `base`, a rule on [0, 1] such as a Gauss-Legendre rule of `m` nodes, on cells of which every kink
/// is an edge (`m` nodes per cell). Errors fall with `m` as for smooth functions.
pub fn between_kinks(law: Standard, kinks: &[f64], base: &Rule) -> Rule {
    let mut edges: Vec<f64> = match law {
        Standard::Normal => even(-9.0, 9.0, 12),
        Standard::Uniform => even(0.0, 1.0, 2),
        Standard::Exponential => vec![0.0, 1.0, 2.0, 3.5, 5.0, 7.0, 10.0, 14.0, 19.0, 25.0, 33.0, 44.0],
        Standard::Gumbel => even(GUMBEL.0, GUMBEL.1, 32),
    };
    let (lo, hi) = (edges[0], edges[edges.len() - 1]);
    edges.extend(kinks.iter().copied().filter(|k| *k > lo && *k < hi));
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    in_cells(law, &edges, base)
}

/// Ends of at least `n` cells (and at least seven, four of a uniform draw) on which integrands that are smooth there are integrated by three or four nodes
/// each: narrow where the density bends, over all that counts.
pub fn cells(law: Standard, n: usize) -> Vec<f64> {
    let few: &[f64] = match law {
        Standard::Normal if n < 9 => &[-7.0, -4.2, -2.5, -0.8, 0.8, 2.5, 4.2, 7.0],
        Standard::Normal => &[-9.0, -5.0, -3.4, -2.0, -0.7, 0.7, 2.0, 3.4, 5.0, 9.0],
        Standard::Uniform => &[0.0, 0.25, 0.5, 0.75, 1.0],
        Standard::Exponential => &[0.0, 0.7, 1.5, 2.5, 4.0, 6.0, 9.0, 14.0, 24.0, 44.0],
        Standard::Gumbel => &[-4.0, -2.2, -1.3, -0.4, 0.6, 1.6, 2.8, 4.5, 8.0, 16.0, 44.0],
    };
    let parts = (n / (few.len() - 1)).max(1);
    let mut edges: Vec<f64> = few
        .windows(2)
        .flat_map(|w| (0..parts).map(|i| w[0] + (w[1] - w[0]) * i as f64 / parts as f64))
        .collect();
    edges.extend(few.last());
    edges
}

/// Gauss-Legendre rules between neighbouring `edges` of the standard draw (ascending, at least two), by a rule `base`
/// on [0, 1]. The result has as many nodes per cell as `base` has.
pub fn in_cells(law: Standard, edges: &[f64], base: &Rule) -> Rule {
    piecewise_by(base, edges, density(law))
}

fn density(law: Standard) -> fn(f64) -> f64 {
    match law {
        Standard::Normal => normal::density,
        Standard::Uniform => |_| 1.0,
        Standard::Exponential => |x| (-x).exp(),
        Standard::Gumbel => |x| (-x - (-x).exp()).exp(),
    }
}

/// Where all of a law that counts lies.
pub fn extent(law: Standard) -> (f64, f64) {
    match law {
        Standard::Normal => (-9.0, 9.0),
        Standard::Uniform => (0.0, 1.0),
        Standard::Exponential => (0.0, 44.0),
        Standard::Gumbel => GUMBEL,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_between_kinks_are_exact_to_many_digits() {
        let mean = |law, kinks: &[f64], f: &dyn Fn(f64) -> f64| -> f64 {
            let r = between_kinks(law, kinks, &gauss_legendre(12, 0.0, 1.0));
            r.nodes.iter().zip(&r.weights).map(|(x, w)| w * f(*x)).sum()
        };
        for k in [-1.3, 0.0, 0.37, 2.2] {
            // E max(x - k, 0): the density less k times the upper tail; squares and ends for the others.
            let normal = mean(Standard::Normal, &[k], &|x| (x - k).max(0.0));
            assert!(
                (normal - (normal::density(k) - k * (1.0 - normal::cdf(k)))).abs() < 1e-12,
                "{k}: {normal}"
            );
            let c: f64 = k.abs();
            let exponential = mean(Standard::Exponential, &[c], &|x| (x - c).max(0.0));
            assert!((exponential - (-c).exp()).abs() < 1e-12, "{c}: {exponential}");
            let u = c.fract();
            let uniform = mean(Standard::Uniform, &[u], &|x| f64::from(u8::from(x > u)));
            assert!((uniform - (1.0 - u)).abs() < 1e-14, "{u}: {uniform}");
            let gumbel = mean(Standard::Gumbel, &[k], &|x| f64::from(u8::from(x <= k)));
            assert!((gumbel - (-(-k).exp()).exp()).abs() < 1e-10, "{k}: {gumbel}");
        }
    }

    #[test]
    fn few_nodes_between_kinks_are_exact_for_polynomials_there() {
        for (law, mean) in [
            (Standard::Normal, 0.0),
            (Standard::Uniform, 0.5),
            (Standard::Exponential, 1.0),
            (Standard::Gumbel, EULER_GAMMA),
        ] {
            for kinks in [&[0.3][..], &[0.3, 0.8], &[]] {
                let (few, fine) = (
                    gauss_between(law, kinks, 4),
                    between_kinks(law, kinks, &gauss_legendre(12, 0.0, 1.0)),
                );
                assert_eq!(few.nodes.len(), 4 * (kinks.len() + 1));
                let of = |r: &Rule, f: &dyn Fn(f64) -> f64| -> f64 {
                    r.nodes.iter().zip(&r.weights).map(|(x, w)| w * f(*x)).sum()
                };
                assert!((of(&few, &|x| x) - mean).abs() < 1e-9, "{law:?} {kinks:?}");
                let bent = |x: f64| kinks.iter().map(|k| (x - k).abs().powi(3)).sum::<f64>() + x * x;
                let (a, b) = (of(&few, &bent), of(&fine, &bent));
                assert!((a / b - 1.0).abs() < 1e-8, "{law:?} {kinks:?}: {a} {b}");
            }
        }
    }

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

    fn moment(rule: &Rule, k: i32) -> f64 {
        rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x.powi(k)).sum()
    }

    #[test]
    fn exponential_and_gumbel_rules_have_the_moments_of_their_laws() {
        let (mean, variance) = (0.577_215_664_901_532_9, std::f64::consts::PI.powi(2) / 6.0);
        for n in [2, 3, 5, 20, 60, 200] {
            let e = gauss_laguerre(n);
            for (k, right) in [(0, 1.0), (1, 1.0), (2, 2.0), (3, 6.0)] {
                assert!((moment(&e, k) / right - 1.0).abs() < 1e-9, "{n} {k} {}", moment(&e, k));
            }
            let g = gauss_gumbel(n);
            assert!((moment(&g, 1) - mean).abs() < 1e-9, "{n} {}", moment(&g, 1));
            assert!((moment(&g, 2) - mean * mean - variance).abs() < 1e-8, "{n}");
            let h = gauss_hermite(n);
            assert!(
                (moment(&h, 2) - 1.0).abs() < 1e-9 && h.nodes.iter().all(|x| x.is_finite()),
                "{n}"
            );
        }
        assert_eq!(gauss_laguerre(1).nodes, vec![1.0]);
    }

    #[test]
    fn rules_between_quantiles_have_moments_and_follow_kinks() {
        use std::f64::consts::{E, PI};
        let g = 0.577_215_664_901_532_9;
        for (law, mean, second, positive) in [
            (Standard::Normal, 0.0, 1.0, 1.0 / (2.0 * PI).sqrt()),
            (Standard::Uniform, 0.5, 1.0 / 3.0, 0.5 - 0.5 * 0.0),
            (Standard::Exponential, 1.0, 2.0, 1.0),
            (Standard::Gumbel, g, g * g + PI * PI / 6.0, f64::NAN),
        ] {
            for n in [40, 128, 800] {
                let rule = between_quantiles(law, n, &[]);
                assert!((moment(&rule, 0) - 1.0).abs() < 1e-12);
                assert!(
                    (moment(&rule, 1) - mean).abs() < 1e-6,
                    "{law:?} {n} {}",
                    moment(&rule, 1)
                );
                assert!(
                    (moment(&rule, 2) - second).abs() < 1e-4,
                    "{law:?} {n} {}",
                    moment(&rule, 2)
                );
                let kink: f64 = rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x.max(0.0)).sum();
                assert!(
                    positive.is_nan() || (kink - positive).abs() < 2e-3,
                    "{law:?} {n} {kink}"
                );
            }
        }
        // E max(x - 1, 0) of the exponential law is 1 / e.
        let rule = between_quantiles(Standard::Exponential, 800, &[]);
        let over: f64 = rule
            .nodes
            .iter()
            .zip(&rule.weights)
            .map(|(x, w)| w * (x - 1.0).max(0.0))
            .sum();
        assert!((over - 1.0 / E).abs() < 1e-5, "{over}");
        // A kink in the tail that is an edge: E max(x - 2.5, 0) = density(2.5) - 2.5 (1 - cdf(2.5)) of the normal law.
        let payoff = |kinks: &[f64]| -> f64 {
            let rule = between_quantiles(Standard::Normal, 40, kinks);
            let paid = rule
                .nodes
                .iter()
                .zip(&rule.weights)
                .map(|(x, w)| w * (x - 2.5).max(0.0));
            paid.sum()
        };
        let exact = normal::density(2.5) - 2.5 * (1.0 - normal::cdf(2.5));
        assert!((payoff(&[2.5]) / exact - 1.0).abs() < 2e-3, "{}", payoff(&[2.5]));
        assert!((payoff(&[]) / exact - 1.0).abs() > 1e-2, "{}", payoff(&[]));
    }
}
