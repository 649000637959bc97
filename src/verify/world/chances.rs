//! Chance in one period of the economy: which draws matter, which of them take finitely many values, and nodes for the others.

use super::seat::SolvedSeat;
use crate::check::Model;
use crate::check::model::{DrawWhen, Family, Process};
use crate::env::worlds::trial::Drawn;
use crate::graph::NodeId;
use crate::num::normal;
use std::sync::Arc;

/// A combination of outcomes of finite draws.
#[derive(Clone, Debug, Default)]
pub struct Leaf {
    /// Which job.
    pub job: usize,
    /// Its probability.
    pub weight: f64,
    /// The uniform draw that gives each outcome, one `(draw, number in (0, 1))` per draw that was split.
    pub draws: Arc<Vec<(Drawn, f64)>>,
    /// Next states of chains and outcomes of other finite draws, one `(draw, outcome)` per draw that was split.
    pub next: Arc<Vec<(Drawn, usize)>>,
    /// What unseen shocks are now: one `(shock, element, stored value)` for each element.
    pub now: Arc<Vec<(usize, usize, f64)>>,
}

impl Leaf {
    /// One leaf for each outcome of a draw: outcome `i` has the uniform numbers of an interval of length `row[i]`; `row` has one
    /// probability per outcome.
    pub fn split(self, drawn: Drawn, row: &[f64], into: &mut Vec<Leaf>) {
        let total: f64 = row.iter().sum();
        // Rows that are no probabilities are left to the draws as the economy makes them.
        if !(total > 0.0) || row.iter().any(|p| !(*p >= 0.0)) {
            into.push(self);
            return;
        }
        // A published matrix that is kept as it is (`unchecked`) may miss one by the digits it was printed with.
        let scale = if (total - 1.0).abs() < 0.01 { 1.0 } else { total };
        let mut below = 0.0;
        for (i, p) in row.iter().enumerate() {
            if *p > 0.0 {
                let mut leaf = self.clone();
                leaf.weight *= p / scale;
                let middle = ((below + 0.5 * p) / total).clamp(1e-15, 1.0 - 1e-15);
                Arc::make_mut(&mut leaf.draws).push((drawn, middle));
                Arc::make_mut(&mut leaf.next).push((drawn, i));
                into.push(leaf);
            }
            below += p;
        }
    }
}

/// The law of a shock without memory at any date: one `(stored value, probability)` per outcome or node.
pub fn present(model: &Model, shock: usize) -> Vec<(f64, f64)> {
    match &model.shocks[shock].process {
        Process::Chain { matrices, .. } => matrices
            .first()
            .and_then(|m| m.first())
            .map(|row| row.iter().enumerate().map(|(i, p)| (i as f64, *p)).collect())
            .unwrap_or_default(),
        Process::Iid(d) => trapezoid(60, 0.5)
            .into_iter()
            .map(|(u, p)| (d.quantile(u), p))
            .collect(),
        Process::Ar1 { sigma, mean, .. } => trapezoid(60, 0.5)
            .into_iter()
            .map(|(u, p)| (mean + sigma * normal::quantile(u), p))
            .collect(),
        Process::RandomWalk { .. } | Process::Var1 { .. } => vec![(0.0, 1.0)],
    }
}

/// Which draws matter, and which of them take finitely many values.
#[derive(Clone, Debug, Default)]
pub struct Chances {
    /// Chains and finite iid shocks, one `(shock, element)` for each element, conditioning ones first.
    pub chains: Vec<(usize, usize)>,
    /// The probabilities of a finite iid law, one per outcome; one entry per shock of the model.
    pub iid: Vec<Option<Vec<f64>>>,
    /// Finite noises, one `(noise, element)` for each element, in the order of the model.
    pub noises: Vec<(usize, usize)>,
    /// Every other draw, one entry per element.
    pub continuous: Vec<Drawn>,
    /// Combinations of outcomes of the finite ones.
    pub outcomes: usize,
}

/// Most outcomes of one finite draw, and of all together.
pub const MOST_OUTCOMES: usize = 256;

impl Chances {
    /// What is drawn in a period on the way to `outputs` (any length).
    pub fn of(model: &Model, seat: &SolvedSeat, outputs: &[NodeId]) -> Chances {
        // Inputs that rewards, laws of motion and ends read.
        let inputs = model.graph.below(outputs.iter().copied()).through_roots().inputs();
        let mut out = Chances {
            iid: vec![None; model.shocks.len()],
            ..Chances::default()
        };
        let (mut product, mut outcomes) = (1usize, 1usize);
        let mut room = |n: usize| {
            product = product.saturating_mul(n.max(1));
            if product <= MOST_OUTCOMES {
                outcomes = product;
            }
            product <= MOST_OUTCOMES
        };
        for s in model.drawing_order() {
            let shock = &model.shocks[s];
            let elements = model.graph.elements(&shock.shape);
            let matters = |e: usize| {
                seat.shocks.iter().any(|x| x.shock == s && x.element == e)
                    || inputs.contains(&shock.next) && elements == 1
            };
            let finite = match &shock.process {
                Process::Chain { values, .. } => Some(values.len()),
                Process::Iid(d) => {
                    let row = match d.family {
                        Family::Bernoulli => Some(vec![d.args[0], 1.0 - d.args[0]]),
                        Family::UniformInt => {
                            let n = (d.args[1] - d.args[0] + 1.0).clamp(1.0, MOST_OUTCOMES as f64) as usize;
                            Some(vec![1.0 / n as f64; n])
                        }
                        Family::Discrete => Some(d.table.iter().map(|(_, p)| *p).collect()),
                        Family::Normal | Family::Lognormal | Family::Uniform | Family::Exponential | Family::Gumbel => {
                            None
                        }
                    };
                    out.iid[s] = row.clone();
                    row.map(|r| r.len())
                }
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Var1 { .. } => None,
            };
            for e in (0..elements).filter(|e| matters(*e)) {
                match finite {
                    Some(n) if room(n) => out.chains.push((s, e)),
                    _ => out.continuous.push(Drawn::Shock(s, e)),
                }
            }
        }
        for (k, noise) in model.noises.iter().enumerate() {
            let draw = &model.draws[noise.draw];
            if !inputs.contains(&draw.input) || !matches!(draw.when, DrawWhen::After(_)) {
                continue;
            }
            let elements = if seat.alone() {
                1
            } else {
                model.graph.elements(&draw.shape)
            };
            let finite = match noise.family {
                Family::Bernoulli => Some(2),
                Family::Discrete => Some(noise.outcomes.len()),
                Family::UniformInt => {
                    let end = |i: usize| model.graph.nodes[noise.args[i].0 as usize].domain;
                    let n = end(1).hi - end(0).lo + 1.0;
                    (n <= 64.0).then_some(n.max(1.0) as usize)
                }
                Family::Normal | Family::Lognormal | Family::Uniform | Family::Exponential | Family::Gumbel => None,
            };
            // One draw may serve several noises: their intervals would have to be cut together.
            let shared = model.noises.iter().filter(|n| n.draw == noise.draw).count() > 1
                || model.graph.elements(&model.graph.nodes[noise.node.0 as usize].shape)
                    != model.graph.elements(&draw.shape);
            for e in 0..elements {
                match finite {
                    Some(n) if !shared && room(n) => out.noises.push((k, e)),
                    _ => out.continuous.push(Drawn::Noise(noise.draw, e)),
                }
            }
        }
        out.continuous.sort_unstable();
        out.continuous.dedup();
        out.outcomes = outcomes;
        out
    }

    /// Nodes along each continuous draw that make up about `draws` in all; `None` where there are too many draws for a grid.
    pub fn grid(&self, draws: usize) -> Option<usize> {
        let d = self.continuous.len();
        if d == 0 || d > 2 {
            return None;
        }
        let nodes = (draws as f64).powf(1.0 / d as f64).floor() as usize;
        (nodes >= FEWEST_NODES).then_some(nodes)
    }
}

/// Fewest nodes along one draw.
pub const FEWEST_NODES: usize = 11;
/// Where the normal law is cut off.
pub const CUT: f64 = 6.5;

/// Uniform draws with weights that add up to 1, one `(draw in (0, 1), weight)` per node: the trapezoidal rule in
/// `z = normal quantile of u`, which for smooth functions is exact to many digits with few nodes (Trefethen and Weideman 2014,
/// "The exponentially convergent trapezoidal rule"), reaches far into the tails and, where there are kinks, errs with the square
/// of its step. `shift` in (0, 1) moves the nodes.
pub fn trapezoid(nodes: usize, shift: f64) -> Vec<(f64, f64)> {
    let h = 2.0 * CUT / nodes as f64;
    let z = |i: usize| -CUT + (i as f64 + shift) * h;
    let mut out: Vec<(f64, f64)> = (0..nodes)
        .map(|i| (normal::cdf(z(i)).clamp(1e-15, 1.0 - 1e-15), (-0.5 * z(i) * z(i)).exp()))
        .collect();
    let total: f64 = out.iter().map(|x| x.1).sum();
    out.iter_mut().for_each(|x| x.1 /= total);
    out
}

/// Most draws that a periodic lattice stands for: its weights vary more the more draws there are.
pub const PERIODIC: usize = 6;

/// Evenly spread points over several draws, for functions of any ends: the lattice is shifted at random, and a change of variable that has
/// no slope at the ends (`u = x^3 (10 - 15 x + 6 x^2)`, weight `30 x^2 (1 - x)^2`) makes every integrand periodic, so that errors of smooth ones fall
/// much faster than the number of points grows (Sloan and Joe 1994, *Lattice Methods for Multiple Integration*, section 2.12).
#[derive(Clone, Debug)]
pub struct Lattice {
    points: usize,
    shifts: Vec<f64>,
    steps: Vec<f64>,
    /// Sum of the weights.
    total: f64,
}

impl Lattice {
    /// So many points, moved by `shifts` (numbers in [0, 1), one per draw, at most [`PERIODIC`]).
    pub fn new(points: usize, shifts: Vec<f64>) -> Lattice {
        let roots = [2.0f64, 3.0, 5.0, 7.0, 11.0].map(|p| p.sqrt().fract());
        let mut steps = vec![1.0 / points as f64];
        steps.extend(roots);
        let mut out = Lattice {
            points,
            shifts,
            steps,
            total: 1.0,
        };
        out.total = (0..points).map(|k| out.weight(k)).sum();
        out
    }

    /// The uniform number of draw `d` at point `k`, and what it multiplies the weight by.
    pub fn node(&self, k: usize, d: usize) -> (f64, f64) {
        let shift = self.shifts[d] / if d == 0 { self.points as f64 } else { 1.0 };
        let x = (shift + k as f64 * self.steps[d % self.steps.len()]).fract();
        let u = x * x * x * (10.0 - x * (15.0 - 6.0 * x));
        (u.clamp(1e-15, 1.0 - 1e-15), 30.0 * (x * (1.0 - x)).powi(2))
    }

    /// The weight of point `k`; they sum to one.
    pub fn weight(&self, k: usize) -> f64 {
        (0..self.shifts.len()).map(|d| self.node(k, d).1).product::<f64>() / self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_nodes_integrate_smooth_functions_to_many_digits_and_kinks_well() {
        let mean = |n: usize, f: &dyn Fn(f64) -> f64| -> f64 {
            trapezoid(n, 0.37)
                .iter()
                .map(|(u, w)| w * f(normal::quantile(*u)))
                .sum()
        };
        assert!((mean(24, &|z| z * z) - 1.0).abs() < 1e-8);
        assert!((mean(24, &|z| (0.5 * z).exp()) - 0.125f64.exp()).abs() < 1e-8);
        let half = (2.0 * std::f64::consts::PI).sqrt().recip();
        assert!((mean(1024, &|z| z.max(0.0)) - half).abs() < 2e-5);
    }

    /// Of three lognormal draws, each behind the one before: a lattice of a thousand points is right to a thousandth, wherever it is shifted to.
    #[test]
    fn lattices_integrate_several_draws_that_read_one_another() {
        for shift in [0.05, 0.31, 0.77] {
            let lattice = Lattice::new(1000, vec![shift, 0.4 * shift, 1.0 - shift]);
            let mean = |f: &dyn Fn(f64, f64, f64) -> f64| -> f64 {
                let z = |k: usize, d: usize| normal::quantile(lattice.node(k, d).0);
                (0..1000)
                    .map(|k| lattice.weight(k) * f(z(k, 0), z(k, 1), z(k, 2)))
                    .sum()
            };
            assert!((mean(&|_, _, _| 1.0) - 1.0).abs() < 1e-12);
            let right = (0.5f64 * (0.09 + 0.04)).exp();
            let found = mean(&|a, _, c| (-0.3 * a + 0.2 * c).exp());
            assert!((found / right - 1.0).abs() < 1e-3, "{shift}: {found} {right}");
            // E exp(s(a) b) with s = 0.1 + 0.1 |a| by the moments of b given a, which is a sum over one draw.
            let fine = trapezoid(4000, 0.5);
            let by_one = |u: f64| (0.5 * (0.1 + 0.1 * normal::quantile(u).abs()).powi(2)).exp();
            let right: f64 = fine.iter().map(|(u, w)| w * by_one(*u)).sum();
            let found = mean(&|a, b, _| ((0.1 + 0.1 * a.abs()) * b).exp());
            assert!((found / right - 1.0).abs() < 2e-3, "{shift}: {found} {right}");
        }
    }

    fn leaf() -> Leaf {
        Leaf {
            job: 0,
            weight: 0.5,
            ..Leaf::default()
        }
    }

    /// A row that misses one by its last digits is used as it was published; one that is no row of probabilities is divided by its sum.
    #[test]
    fn a_leaf_splits_by_the_probabilities_of_its_outcomes() {
        let drawn = Drawn::Shock(0, 0);
        for (row, wanted) in [
            ([0.25, 0.0, 0.75], [0.125, 0.375]),
            ([0.3333, 0.0, 0.6666], [0.166_65, 0.3333]),
            ([1.0, 0.0, 3.0], [0.125, 0.375]),
        ] {
            let mut all = Vec::new();
            leaf().split(drawn, &row, &mut all);
            let weights: Vec<f64> = all.iter().map(|l| l.weight).collect();
            assert_eq!(all.iter().map(|l| l.next[0].1).collect::<Vec<_>>(), [0, 2]);
            assert!(
                weights.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-15),
                "{weights:?}"
            );
            // The draw of an outcome lies within its share of [0, 1].
            let total: f64 = row.iter().sum();
            assert!(all[0].draws[0].1 < row[0] / total && all[1].draws[0].1 > row[0] / total);
        }
    }

    #[test]
    fn finite_draws_have_as_many_outcomes_as_their_laws_say() {
        let text = "model m\nshock u ~ iid uniform_int(3, 7)\nshock b ~ iid bernoulli(0.3)\nagent a {\n  state x in [0, 1], start 0\n  \
                    action q in [0, 1]\n  noise v ~ uniform_int(2, 4)\n  x' = 0\n  observe x, u, b\n  reward q * u * v + (if b then 1 else 0)\n  discount 0.9\n}\n";
        let (model, diagnostics) = crate::compile(text, &crate::Options::default());
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let solved = crate::fixtures::solve(
            &model,
            &crate::fixtures::Request::default(),
            &mut crate::solve::progress::silent,
        );
        let solution = solved.unwrap_or_else(|d| panic!("{d:?}")).solution;
        let seat = SolvedSeat::of(&model, &solution).unwrap_or_else(|d| panic!("{d:?}"));
        let outputs: Vec<NodeId> = model.agents[0].reward.into_iter().collect();
        let found = Chances::of(&model, &seat, &outputs);
        assert_eq!(found.outcomes, 30);
    }
}
