//! Ends that a continuous draw brings: between two neighbouring nodes of a rule a life ends, and what a choice is worth has a step there.
//!
//! The trapezoidal rule counts half of such a cell for either side, wherever in it the step stands, and errs by up to half its weight times the step.
//! So the place is looked for by halving, and the rule is taken on either side of it.

use super::{Inner, Job, Met, Nodes, Trials};
use crate::diag::Diagnostic;
use crate::num::normal;
use crate::verify::world::chances::Leaf;
use crate::verify::world::visit::Visit;

/// Fewest nodes of a rule in which steps are looked for: few draws are a first look.
const FEWEST: usize = 40;
/// Halvings of a cell.
const HALVINGS: usize = 14;

/// Two neighbouring nodes between which a life ends.
#[derive(Clone, Copy, Debug)]
struct Cell {
    leaf: usize,
    /// Normal quantiles of the draw at the nodes, and of what is still between the two sides.
    ends: [f64; 2],
    between: [f64; 2],
    /// Weights of the nodes.
    weights: [f64; 2],
    /// What was met at the nodes, and beside the step.
    q: [f64; 2],
    beside: [f64; 2],
    /// Whether the life ends at the lower one.
    ended: bool,
}

/// Cells with ends in them, found as nodes pass by in order.
pub(super) struct Steps {
    cells: Vec<Cell>,
    /// Leaf, point and what was met there, of the node before.
    before: Option<(usize, usize, Met)>,
    on: bool,
}

impl Steps {
    /// For a rule: steps are looked for along one draw with many nodes.
    pub(super) fn of(inner: &Inner) -> Steps {
        let one = matches!(&inner.kind, Nodes::Grid(nodes, _) if *nodes == inner.points);
        Steps {
            cells: Vec::new(),
            before: None,
            on: one && inner.points >= FEWEST,
        }
    }

    /// Takes in what was met at a node of the rule of a visit.
    pub(super) fn meet(&mut self, inner: &Inner, visit: usize, (leaf, point): (usize, usize), met: Met) {
        if !self.on {
            return;
        }
        if let Some((l, p, last)) = self.before.replace((leaf, point, met))
            && l == leaf
            && p + 1 == point
            && last.ended != met.ended
            && last.q.is_finite()
            && met.q.is_finite()
        {
            let nodes = [inner.node(visit, p, 0), inner.node(visit, point, 0)];
            let ends = nodes.map(|n| normal::quantile(n.0));
            self.cells.push(Cell {
                leaf,
                ends,
                between: ends,
                weights: nodes.map(|n| n.1),
                q: [last.q, met.q],
                beside: [f64::NAN; 2],
                ended: last.ended,
            });
        }
    }
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
        for _ in 0..HALVINGS {
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
            kind: Nodes::Given(cells.iter().map(|c| normal::cdf(draw(c))).collect()),
        };
        let lane = |w: usize| (cells[w.min(many - 1)].leaf, w.min(many - 1));
        self.stand(visits, jobs, leaves, &inner, &lane, many);
        self.spent += many;
        Ok(self.pass(many)?.met)
    }
}

impl Cell {
    /// What the rule on either side of the step is worth more than the rule over all of the cell.
    fn more(&self) -> f64 {
        let at = 0.5 * (self.between[0] + self.between[1]);
        let part = (at - self.ends[0]) / (self.ends[1] - self.ends[0]);
        let ([low, high], [a, b]) = (self.weights, self.q);
        // The density there, on the scale of the weights.
        let here = low * (0.5 * (self.ends[0].powi(2) - at.powi(2))).exp();
        // Weights stay those of a law: what all draws are worth alike adds nothing.
        let level = 0.5 * (a + b);
        let [a, b] = [a - level, b - level];
        let [left, right] = self.beside.map(|q| q - level);
        let apart = part * (low * a + here * left) + (1.0 - part) * (here * right + high * b);
        let together = low * a + high * b;
        fault!("verdict.step_missed", 0.0, 0.5 * (apart - together))
    }
}
