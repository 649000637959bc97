//! Ends that continuous draws bring: between two neighbouring nodes of a rule a life ends, and what a choice is worth has a step there.
//!
//! The trapezoidal rule counts half of such a cell for either side, wherever in it the step stands, and errs by up to half its weight times the step.
//! So the place `z` is looked for by halving. With a step of `j` there and slopes that differ by `s` the rule lacks `j (F(z) - W) + s (G(z) - M)`, where `F` is the normal law, `G(z) = -f(z) - z F(z)` its
//! first moment about `z` below `z`, and `W` and `M` are what the rule has for both.
//!
//! With two draws the step stands along a line in the square of both. What a rule errs by there can be found along the rows that the line crosses, or along the columns: a line
//! that runs along the rows crosses columns only, and one that is neither crosses both, which must not count twice. So a crossing counts by
//! the square of the line's normal along its own draw, by differences of the nodes around it; the two squares add up to one.

use super::{Inner, Job, Met, Nodes, Trials};
use crate::diag::Diagnostic;
use crate::num::normal;
use crate::verify::world::chances::Leaf;
use crate::verify::world::visit::Visit;

/// Fewest nodes of a rule in which steps are looked for: few draws are a first look.
const FEWEST: usize = 40;
/// Halvings of a cell, and of one of many along a line.
const HALVINGS: [usize; 2] = [14, 10];
/// Share of a cell that must stand between a node and the step for a slope to be taken.
const APART: f64 = 0.1;

/// Two neighbouring nodes between which a life ends.
#[derive(Clone, Copy, Debug)]
struct Cell {
    leaf: usize,
    /// The draw along which they are neighbours, and the uniform number of the other one.
    along: usize,
    other: f64,
    /// What the cell counts: the other draw's weight times the share that is found along this draw.
    counts: f64,
    /// Normal quantiles of the draw at the nodes, and of what is still between the two sides.
    ends: [f64; 2],
    between: [f64; 2],
    /// Sum of the weights of the rule up to the lower node, and of weights times normal quantiles.
    below: [f64; 2],
    /// What was met at the nodes, and beside the step.
    q: [f64; 2],
    beside: [f64; 2],
    /// Whether the life ends at the lower one.
    ended: bool,
}

/// Cells with ends in them, found as nodes pass by in order.
pub(super) struct Steps {
    cells: Vec<Cell>,
    rule: Rule,
}

/// What passes by.
enum Rule {
    /// Nothing in which steps are looked for.
    None,
    /// Nodes along one draw: leaf, point and what was met there, of the node before.
    Line(Option<(usize, usize, Met)>),
    /// A square of so many nodes along each of two draws: the leaf, and what was met at its nodes so far.
    Square(usize, usize, Vec<Met>),
}

impl Steps {
    /// For a rule: steps are looked for along one or two draws with many nodes.
    pub(super) fn of(inner: &Inner) -> Steps {
        let rule = match &inner.kind {
            Nodes::Grid(nodes, _) if inner.points >= FEWEST && *nodes == inner.points => Rule::Line(None),
            Nodes::Grid(nodes, _) if inner.points >= FEWEST && nodes * nodes == inner.points => {
                Rule::Square(*nodes, 0, Vec::new())
            }
            _ => Rule::None,
        };
        Steps {
            cells: Vec::new(),
            rule,
        }
    }

    /// Takes in what was met at a node of the rule of a visit.
    pub(super) fn meet(&mut self, inner: &Inner, visit: usize, (leaf, point): (usize, usize), met: Met) {
        match &mut self.rule {
            Rule::None => {}
            Rule::Line(before) => {
                if let Some((l, p, last)) = before.replace((leaf, point, met))
                    && l == leaf
                    && p + 1 == point
                {
                    let node = |k: usize| inner.node(visit, k, 0);
                    self.cells.extend(Cell::of(leaf, p, &node, [last, met]));
                }
            }
            Rule::Square(nodes, of, seen) => {
                if point == 0 || *of != leaf {
                    seen.clear();
                    *of = leaf;
                }
                // A square with places at which nothing feasible can be done is left as it is.
                if seen.len() != point {
                    return;
                }
                seen.push(met);
                if seen.len() == inner.points && seen.iter().any(|m| m.ended != met.ended) {
                    let node = |i: usize, d: usize| inner.node(visit, i * nodes.pow(d as u32), d);
                    self.cells.extend(crossings(leaf, *nodes, seen, &node));
                }
            }
        }
    }
}

/// Cells of a square across whose edges a life ends; `node` gives the uniform number and the weight of node `i` of draw `d`.
fn crossings(leaf: usize, nodes: usize, seen: &[Met], node: &dyn Fn(usize, usize) -> (f64, f64)) -> Vec<Cell> {
    let mut out = Vec::new();
    let last = nodes as isize - 1;
    for along in 0..2 {
        // Node `i` along this draw and `j` along the other.
        let met = |i: isize, j: isize| {
            let (i, j) = (i.clamp(0, last) as usize, j.clamp(0, last) as usize);
            &seen[if along == 0 { j * nodes + i } else { i * nodes + j }]
        };
        let ended = |i: isize, j: isize| f64::from(u8::from(met(i, j).ended));
        for j in 0..=last {
            for i in (0..last).filter(|i| met(*i, j).ended != met(i + 1, j).ended) {
                let across = |j: isize| ended(i + 1, j) - ended(i, j);
                let own = 0.25 * (across(j - 1) + 2.0 * across(j) + across(j + 1));
                let other = 0.25
                    * [i, i + 1]
                        .map(|i| ended(i, j + 1) - ended(i, j - 1))
                        .iter()
                        .sum::<f64>();
                let (uniform, weight) = node(j as usize, 1 - along);
                let line = |k: usize| node(k, along);
                out.extend(
                    Cell::of(leaf, i as usize, &line, [*met(i, j), *met(i + 1, j)]).map(|cell| Cell {
                        along,
                        other: uniform,
                        counts: weight * own * own / (own * own + other * other),
                        ..cell
                    }),
                );
            }
        }
    }
    out
}

impl Trials<'_> {
    /// What is to be added to the worth of jobs for the steps that were found, one `(job, worth)` per step.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990).
    pub(super) fn at_steps(
        &mut self,
        visits: &[Visit],
        jobs: &[Job],
        leaves: &[Leaf],
        mut steps: Steps,
    ) -> Result<Vec<(usize, f64)>, Diagnostic> {
        let cells = &mut steps.cells;
        let lanes = self.lanes;
        let many = matches!(steps.rule, Rule::Square(..));
        for _ in 0..HALVINGS[usize::from(many)] {
            for part in cells.chunks_mut(lanes) {
                let middle = |c: &Cell| 0.5 * (c.between[0] + c.between[1]);
                let passed = self.at_draws(visits, jobs, leaves, part, &middle)?;
                for (c, m) in part.iter_mut().zip(passed) {
                    let side = usize::from(m.ended != c.ended);
                    c.between[side] = middle(c);
                }
            }
        }
        for side in 0..2 {
            for part in cells.chunks_mut(lanes) {
                let passed = self.at_draws(visits, jobs, leaves, part, &|c| c.between[side])?;
                part.iter_mut().zip(passed).for_each(|(c, m)| c.beside[side] = m.q);
            }
        }
        let all = cells
            .iter()
            .map(|c| (leaves[c.leaf].job, leaves[c.leaf].weight * c.more()));
        Ok(all.filter(|(_, x)| x.is_finite()).collect())
    }

    /// What is met at one draw of each cell.
    fn at_draws(
        &mut self,
        visits: &[Visit],
        jobs: &[Job],
        leaves: &[Leaf],
        cells: &[Cell],
        draw: &dyn Fn(&Cell) -> f64,
    ) -> Result<Vec<Met>, Diagnostic> {
        let many = cells.len();
        let inner = Inner {
            points: many,
            kind: Nodes::Given(cells.iter().map(|c| c.uniforms(normal::cdf(draw(c)))).collect()),
        };
        let lane = |w: usize| (cells[w.min(many - 1)].leaf, w.min(many - 1));
        self.stand(visits, jobs, leaves, &inner, &lane, many);
        self.spent += many;
        Ok(self.pass(many)?.met)
    }
}

impl Cell {
    /// From node number `i` along one draw (`node` gives uniform numbers and weights) to the next, with what was met there; `None` if a life goes on or ends
    /// at both.
    fn of(leaf: usize, i: usize, node: &dyn Fn(usize) -> (f64, f64), met: [Met; 2]) -> Option<Cell> {
        if met[0].ended == met[1].ended || !met.iter().all(|m| m.q.is_finite()) {
            return None;
        }
        let ends = [i, i + 1].map(|k| normal::quantile(node(k).0));
        let mut below = [0.0; 2];
        for (u, weight) in (0..=i).map(node) {
            below[0] += weight;
            below[1] += weight * normal::quantile(u);
        }
        Some(Cell {
            leaf,
            along: 0,
            other: f64::NAN,
            counts: 1.0,
            ends,
            between: ends,
            below,
            q: met.map(|m| m.q),
            beside: [f64::NAN; 2],
            ended: met[0].ended,
        })
    }

    /// Uniform numbers of the draws with `own` for the one along which the cell lies.
    fn uniforms(&self, own: f64) -> [f64; 2] {
        if self.along == 0 {
            [own, self.other]
        } else {
            [self.other, own]
        }
    }

    /// What the law is worth more than the rule for the step in the cell.
    fn more(&self) -> f64 {
        let at = 0.5 * (self.between[0] + self.between[1]);
        let width = self.ends[1] - self.ends[0];
        let slope = |side: usize| {
            let apart = at - self.ends[side];
            let far = apart.abs() > APART * width;
            if far {
                (self.beside[side] - self.q[side]) / apart
            } else {
                0.0
            }
        };
        let [weights, moments] = self.below;
        let law = normal::cdf(at);
        let moment = -normal::density(at) - at * law - (moments - at * weights);
        let step = self.beside[0] - self.beside[1];
        let more = self.counts * (step * (law - weights) + (slope(0) - slope(1)) * moment);
        fault!("verdict.step_missed", 0.0, more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::world::chances::trapezoid;

    /// Probability that a life ends, by a square of `n x n` nodes with its crossings found exactly.
    fn chance(n: usize, shifts: [f64; 2], ends: &dyn Fn(f64, f64) -> bool) -> f64 {
        let rules = shifts.map(|s| trapezoid(n, s));
        let node = |i: usize, d: usize| rules[d][i];
        let mut seen = Vec::new();
        let mut rough = 0.0;
        for j in 0..n {
            for i in 0..n {
                let ended = ends(node(i, 0).0, node(j, 1).0);
                let q = f64::from(u8::from(ended));
                rough += node(i, 0).1 * node(j, 1).1 * q;
                seen.push(Met {
                    q,
                    ended,
                    ..Met::default()
                });
            }
        }
        let mut cells = crossings(0, n, &seen, &node);
        for c in &mut cells {
            for _ in 0..HALVINGS[1] {
                let middle = 0.5 * (c.between[0] + c.between[1]);
                let [a, b] = c.uniforms(normal::cdf(middle));
                c.between[usize::from(ends(a, b) != c.ended)] = middle;
            }
            c.beside = c.q;
        }
        rough + cells.iter().map(Cell::more).sum::<f64>()
    }

    #[test]
    fn lines_in_the_square_of_two_draws_are_found() {
        type Ends = Box<dyn Fn(f64, f64) -> bool>;
        let cases: Vec<(&str, f64, Ends)> = vec![
            ("across the first", 0.1, Box::new(|a, _| a < 0.1)),
            ("across the second", 0.2, Box::new(|_, b| b < 0.2)),
            ("either", 0.28, Box::new(|a, b| a < 0.1 || b < 0.2)),
            ("both", 0.02, Box::new(|a, b| a < 0.1 && b < 0.2)),
            ("the sum", 0.32, Box::new(|a, b| 0.3 + a + b >= 1.5)),
            ("a flat line", 0.35, Box::new(|a, b| b < 0.3 + 0.1 * a)),
            (
                "a disc",
                0.25 * std::f64::consts::PI,
                Box::new(|a, b| a * a + b * b <= 1.0),
            ),
        ];
        for (name, right, ends) in &cases {
            for shifts in [[0.1, 0.7], [0.45, 0.3], [0.9, 0.55]] {
                let found = chance(45, shifts, ends);
                assert!((found - right).abs() < 3e-3, "{name} {shifts:?}: {found} {right}");
            }
        }
    }
}
