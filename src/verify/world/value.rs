//! The value of a solution at any state and any shock of the economy.
//!
//! Between nodes of states by the rule of the solution; between the states of a chain that stands for a continuous shock
//! by the cubic through the four nearest (linear where there are fewer), and along the parabola through the last three beyond them. The
//! solver knows its value at the nodes of the chain only: what this adds is what a reader of the solution would do.

use super::seat::Seat;
use crate::num::interpolate::{Axis, MAX_AXES, Outside, Place, Rule, Surface, Tensor};
use crate::solve::bellman::Interpolation;
use crate::solve::solution::Solution;

/// Values of a solution.
pub struct Value {
    tensor: Option<Tensor>,
    /// The values themselves where there is no state, likewise.
    flat: Vec<f64>,
    /// `[period * shocks + shock]`.
    surfaces: Vec<Surface>,
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
    pub fn new(solution: &Solution, seat: &Seat, horizon: Option<usize>) -> Option<Value> {
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
        let surfaces = (0..solution.periods * shocks)
            .map(|k| {
                let (time, j) = (k / shocks, k % shocks);
                let nodes: Vec<f64> = solution
                    .period(&solution.value, time)
                    .iter()
                    .skip(j)
                    .step_by(shocks)
                    .copied()
                    .collect();
                let mut surface = Surface::default();
                if let Some(t) = &tensor {
                    t.fit(&nodes, &mut surface);
                }
                surface
            })
            .collect();
        Some(Value {
            flat: if tensor.is_none() {
                solution.value.clone()
            } else {
                Vec::new()
            },
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

    /// The value at `states`, with shocks as stored (the number of the chain's state, or the value of a continuous one),
    /// `period` periods after the start. Zero after the last period.
    pub fn at(&self, states: &[f64], shocks: &[f64], period: usize) -> f64 {
        if !self.infinite && period >= self.periods {
            return 0.0;
        }
        let time = if self.infinite { 0 } else { period.min(self.periods - 1) };
        let mut places = [Place {
            cell: 0,
            t: 0.0,
            beyond: 0.0,
        }; MAX_AXES];
        if let Some(t) = &self.tensor {
            t.locate(states, &mut places[..states.len()]);
        }
        let mut total = 0.0;
        self.corners(shocks, &mut |joint, weight| {
            let k = time * self.shocks + joint;
            total += weight
                * match &self.tensor {
                    Some(t) => t.value_at(&self.surfaces[k], &places[..states.len()]),
                    None => self.flat[k],
                };
        });
        total
    }

    /// Whether a state lies outside the grid by more than rounding.
    pub fn outside(&self, states: &[f64]) -> bool {
        states.iter().zip(&self.ends).any(|(x, (lo, hi))| {
            let slack = 1e-9 * (hi - lo);
            !(*x >= lo - slack && *x <= hi + slack)
        })
    }

    /// Joint states of the chain with their weights.
    fn corners(&self, shocks: &[f64], each: &mut dyn FnMut(usize, f64)) {
        let mut stack: Vec<(usize, f64)> = vec![(0, 1.0)];
        for ((x, size), nodes) in shocks.iter().zip(&self.sizes).zip(&self.nodes) {
            let mut grown = Vec::with_capacity(stack.len() * 4);
            let own: Vec<(usize, f64)> = match nodes {
                None => {
                    let at = if *size == 1 { 0 } else { (*x as usize).min(size - 1) };
                    vec![(at, 1.0)]
                }
                Some(nodes) => weights(nodes, *x),
            };
            for (joint, weight) in &stack {
                for (i, w) in &own {
                    grown.push((joint * size + i, weight * w));
                }
            }
            stack = grown;
        }
        for (joint, weight) in stack {
            each(joint, weight);
        }
    }
}

/// Weights beyond the ends: the parabola through the last three nodes, for as far as they reach from one another; from there its tangent.
fn beyond(nodes: &[f64], x: f64) -> Vec<(usize, f64)> {
    let n = nodes.len();
    let (first, end, reach) = if x <= nodes[0] {
        (0, nodes[0], nodes[0] - nodes[2])
    } else {
        (n - 3, nodes[n - 1], nodes[n - 1] - nodes[n - 3])
    };
    let edge = end + reach;
    let at = if (x - end).abs() <= reach.abs() { x } else { edge };
    (first..first + 3)
        .map(|i| {
            let others: Vec<usize> = (first..first + 3).filter(|j| *j != i).collect();
            let (a, b) = (nodes[others[0]], nodes[others[1]]);
            let scale = (nodes[i] - a) * (nodes[i] - b);
            let value = (at - a) * (at - b) / scale;
            let slope = ((at - a) + (at - b)) / scale;
            (i, value + slope * (x - at))
        })
        .collect()
}

/// Weights of the nodes that stand for a function at `x`: the cubic through the four nearest, beyond the ends the parabola through
/// the last three.
pub fn weights(nodes: &[f64], x: f64) -> Vec<(usize, f64)> {
    let n = nodes.len();
    if n == 1 {
        return vec![(0, 1.0)];
    }
    let line = |i: usize| {
        let t = (x - nodes[i]) / (nodes[i + 1] - nodes[i]);
        vec![(i, 1.0 - t), (i + 1, t)]
    };
    if x <= nodes[0] || x >= nodes[n - 1] {
        return if n < 3 {
            line(if x <= nodes[0] { 0 } else { n - 2 })
        } else {
            beyond(nodes, x)
        };
    }
    let cell = nodes.partition_point(|v| *v <= x).clamp(1, n - 1) - 1;
    if n < 4 {
        return line(cell);
    }
    let first = cell.saturating_sub(1).min(n - 4);
    (first..first + 4)
        .map(|i| {
            let others = (first..first + 4).filter(|j| *j != i);
            (i, others.map(|j| (x - nodes[j]) / (nodes[i] - nodes[j])).product())
        })
        .collect()
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
}
