//! The value of a solution at any state and any shock of the economy.
//!
//! Between nodes of states by the rule of the solution; between the states of a chain that stands for a continuous shock
//! by the cubic through the four nearest (linear where there are fewer), and along the parabola through the last three beyond them. The
//! solver knows its value at the nodes of the chain only: what this adds is what a reader of the solution would do. Where the solution says what each
//! combination of finite choices is worth, the value between nodes is the largest of those (each is smooth where the value has kinks).

use super::seat::SolvedSeat;
use crate::num::interpolate::{Axis, AxisPoint, MAX_AXES, Outside, Rule, Surface, Tensor};
use crate::solve::bellman::Interpolation;
use crate::solve::solution::Solution;

/// Most combinations of choices whose worth is read.
const MOST_WORTH: usize = 8;

/// Values of a solution.
pub struct Value {
    tensor: Option<Tensor>,
    /// The values themselves where there is no state, likewise.
    flat: Vec<f64>,
    /// `[period * shocks + shock]`.
    surfaces: Vec<Surface>,
    /// What each combination of choices is worth, as `flat` and `surfaces`; none if the solution does not say.
    worth: Vec<(Vec<f64>, Vec<Surface>)>,
    sizes: Vec<usize>,
    shocks: usize,
    periods: usize,
    infinite: bool,
    /// For each shock, the values of its states where it is continuous.
    nodes: Vec<Option<Vec<f64>>>,
    /// Ends of each state's grid.
    ends: Vec<(f64, f64)>,
}

impl Value {
    /// Prepares a solution; `horizon` is the model's. `None` if its grid is none.
    pub fn new(solution: &Solution, seat: &SolvedSeat, horizon: Option<usize>) -> Option<Value> {
        let axes: Option<Vec<Axis>> = solution
            .states
            .iter()
            .map(|s| {
                let rule = match (s.integer, solution.interpolation) {
                    (true, _) => Rule::Nodes,
                    (false, Interpolation::Linear) => Rule::Linear,
                    (false, Interpolation::Cubic) => Rule::Cubic,
                };
                Axis::new(&s.nodes, s.log, rule)
            })
            .collect();
        let axes = axes?;
        let shocks = solution.shocks();
        let tensor = if axes.is_empty() {
            None
        } else {
            Some(Tensor::new(axes, Outside::Linear)?)
        };
        let fit = |array: &[f64]| -> (Vec<f64>, Vec<Surface>) {
            let Some(t) = &tensor else {
                return (array.to_vec(), Vec::new());
            };
            let surfaces = (0..solution.periods * shocks)
                .map(|k| {
                    let (time, j) = (k / shocks, k % shocks);
                    let nodes = solution.column(array, time, j);
                    let mut surface = Surface::default();
                    t.fit(&nodes, &mut surface);
                    surface
                })
                .collect();
            (Vec::new(), surfaces)
        };
        let count = solution.worth.len() / solution.value.len().max(1);
        let worth = (0..if count <= MOST_WORTH { count } else { 0 })
            .map(|c| {
                fit(&solution
                    .worth
                    .iter()
                    .skip(c)
                    .step_by(count)
                    .copied()
                    .collect::<Vec<f64>>())
            })
            .collect();
        let (flat, surfaces) = fit(&solution.value);
        Some(Value {
            flat,
            worth,
            tensor,
            surfaces,
            sizes: seat.shocks.iter().map(|s| s.values.len()).collect(),
            shocks,
            periods: solution.periods,
            // Without a horizon the world goes on, whatever the solver thought of it.
            infinite: horizon.is_none(),
            nodes: seat
                .shocks
                .iter()
                .map(|s| (s.continuous && s.values.len() > 1).then(|| s.values.clone()))
                .collect(),
            ends: solution
                .states
                .iter()
                .map(|s| (s.nodes[0], s.nodes[s.nodes.len() - 1]))
                .collect(),
        })
    }

    /// The value at `states` (one value per state), with `shocks` as stored (one value per shock: the number of the chain's state, or
    /// the value of a continuous one), `period` periods after the start. Zero after the last period.
    pub fn at(&self, states: &[f64], shocks: &[f64], period: usize) -> f64 {
        if !self.infinite && period >= self.periods {
            return 0.0;
        }
        let time = if self.infinite { 0 } else { period.min(self.periods - 1) };
        let mut places = [AxisPoint {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        }; MAX_AXES];
        if let Some(t) = &self.tensor {
            t.locate(states, &mut places[..states.len()]);
        }
        let read = |flat: &[f64], surfaces: &[Surface]| -> f64 {
            let node = |joint: usize| {
                let k = time * self.shocks + joint;
                match &self.tensor {
                    Some(t) => t.value_at(&surfaces[k], &places[..states.len()]),
                    None => flat[k],
                }
            };
            self.over(shocks, 0, 0, &node)
        };
        // Next to places where a combination is not allowed there is nothing to interpolate, and the value itself is read.
        let mut most = f64::NEG_INFINITY;
        for (flat, surfaces) in &self.worth {
            let q = read(flat, surfaces);
            if !q.is_finite() {
                most = f64::NEG_INFINITY;
                break;
            }
            most = most.max(q);
        }
        if most > f64::NEG_INFINITY {
            return most;
        }
        read(&self.flat, &self.surfaces)
    }

    /// Whether a state (`states` has one value per state) lies outside the grid by more than rounding.
    pub fn outside(&self, states: &[f64]) -> bool {
        states.iter().zip(&self.ends).any(|(x, (lo, hi))| {
            let slack = 1e-9 * (hi - lo);
            !(*x >= lo - slack && *x <= hi + slack)
        })
    }

    /// The sum of `read` over the joint states of the chain that stand for `shocks`, those before shock `k` being `joint`.
    fn over(&self, shocks: &[f64], k: usize, joint: usize, read: &dyn Fn(usize) -> f64) -> f64 {
        let Some(size) = self.sizes.get(k) else {
            return read(joint);
        };
        match &self.nodes[k] {
            None => {
                let at = if *size == 1 {
                    0
                } else {
                    (shocks[k] as usize).min(size - 1)
                };
                self.over(shocks, k + 1, joint * size + at, read)
            }
            Some(nodes) => {
                let w = weights(nodes, shocks[k]);
                let of = |&(i, w): &(usize, f64)| {
                    if w == 0.0 {
                        0.0
                    } else {
                        w * self.over(shocks, k + 1, joint * size + i, read)
                    }
                };
                w.iter().map(of).sum()
            }
        }
    }
}

/// The nodes that stand for a place along one axis, with their weights: at most [`MOST_WEIGHTS`].
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    count: usize,
    of: [(usize, f64); MOST_WEIGHTS],
}

/// Most nodes that stand for one place.
pub const MOST_WEIGHTS: usize = 5;

impl Weights {
    /// One node alone.
    pub fn one(node: usize) -> Weights {
        let mut of = [(0, 0.0); MOST_WEIGHTS];
        of[0] = (node, 1.0);
        Weights { count: 1, of }
    }

    /// From nodes and weights.
    pub fn new(each: impl Iterator<Item = (usize, f64)>) -> Weights {
        let mut out = Weights {
            count: 0,
            of: [(0, 0.0); MOST_WEIGHTS],
        };
        for (slot, x) in out.of.iter_mut().zip(each) {
            *slot = x;
            out.count += 1;
        }
        out
    }

    /// Weights of the polynomial through nodes `first..end` at `x`, one per node of these; `nodes` ascend.
    pub fn polynomial(nodes: &[f64], first: usize, end: usize, x: f64) -> Weights {
        Weights::new((first..end).map(|i| {
            let others = (first..end).filter(|j| *j != i);
            (i, others.map(|j| (x - nodes[j]) / (nodes[i] - nodes[j])).product())
        }))
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &(usize, f64)> {
        self.of[..self.count].iter()
    }
}

/// Weights beyond the ends: the parabola through the last three nodes, for as far as they reach from one another; from there its tangent.
fn beyond(nodes: &[f64], x: f64) -> Weights {
    let n = nodes.len();
    let (first, end, reach) = if x <= nodes[0] {
        (0, nodes[0], nodes[0] - nodes[2])
    } else {
        (n - 3, nodes[n - 1], nodes[n - 1] - nodes[n - 3])
    };
    let edge = end + reach;
    let at = if (x - end).abs() <= reach.abs() { x } else { edge };
    Weights::new((first..first + 3).map(|i| {
        let mut others = (first..first + 3).filter(|j| *j != i).map(|j| nodes[j]);
        let (a, b) = (others.next().unwrap_or(at), others.next().unwrap_or(at));
        let scale = (nodes[i] - a) * (nodes[i] - b);
        let value = (at - a) * (at - b) / scale;
        let slope = ((at - a) + (at - b)) / scale;
        (i, value + slope * (x - at))
    }))
}

/// Weights of the `nodes` (ascending, any length) that stand for a function at `x`: the cubic through the four nearest, beyond the
/// ends the parabola through the last three.
pub fn weights(nodes: &[f64], x: f64) -> Weights {
    let n = nodes.len();
    if n == 1 {
        return Weights::polynomial(nodes, 0, 1, x);
    }
    if x <= nodes[0] || x >= nodes[n - 1] {
        return if n < 3 {
            let i = if x <= nodes[0] { 0 } else { n - 2 };
            Weights::polynomial(nodes, i, i + 2, x)
        } else {
            beyond(nodes, x)
        };
    }
    let cell = nodes.partition_point(|v| *v <= x).clamp(1, n - 1) - 1;
    if n < 4 {
        return Weights::polynomial(nodes, cell, cell + 2, x);
    }
    let first = cell.saturating_sub(1).min(n - 4);
    Weights::polynomial(nodes, first, first + 4, x)
}

#[cfg(test)]
mod tests {
    use super::weights;

    #[test]
    fn weights_reproduce_cubics_inside_and_parabolas_beyond() {
        let nodes = [-2.0, -1.0, 0.5, 1.0, 3.0];
        let cubic = |x: f64| 1.0 - 2.0 * x + 0.3 * x * x - 0.7 * x * x * x;
        for x in [-1.9, -0.3, 0.7, 2.9, 1.0] {
            let y: f64 = weights(&nodes, x).iter().map(|(i, w)| w * cubic(nodes[*i])).sum();
            assert!((y - cubic(x)).abs() < 1e-12, "{x}: {y} against {}", cubic(x));
        }
        for x in [-5.0, 7.0] {
            let y: f64 = weights(&nodes, x)
                .iter()
                .map(|(i, w)| w * (2.0 * nodes[*i] - 1.0))
                .sum();
            assert!((y - (2.0 * x - 1.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn few_nodes_carry_lines() {
        for nodes in [vec![0.0, 4.0], vec![-1.0, 1.5, 4.0]] {
            for x in [-3.0, 0.5, 1.0, 3.0, 6.0] {
                let y: f64 = weights(&nodes, x)
                    .iter()
                    .map(|(i, w)| w * (1.0 + 2.0 * nodes[*i]))
                    .sum();
                assert!((y - (1.0 + 2.0 * x)).abs() < 1e-12, "{nodes:?} at {x}: {y}");
            }
        }
    }
}
