//! Ends that continuous draws bring: between two neighbouring nodes of a rule a life ends, and what a choice is worth has a step there.
//!
//! The trapezoidal rule counts half of such a cell for either side, wherever in it the step stands, and errs by up to half its weight times the step.
//! So the place `z` is looked for by halving. With a step of `j` there and slopes that differ by `s` the rule lacks `j (F(z) - W) + s (G(z) - M)`, where `F` is the normal law, `G(z) = -f(z) - z F(z)` its
//! first moment about `z` below `z`, and `W` and `M` are what the rule has for both.
//!
//! With two draws see `square.rs`.

use super::line::{Line, Meets, Place, pair};
use super::square::{self, Square};
use super::{Inner, Job, Met, Nodes, Trials};
use crate::diag::Diagnostic;
use crate::num::normal;
use crate::verify::world::chances::Leaf;
use crate::verify::world::visit::Visit;

/// Fewest nodes of a rule in which steps are looked for: few draws are a first look.
const FEWEST: usize = 40;
/// Halvings of a cell.
const HALVINGS: usize = 14;
/// Share of a cell that must stand between a node and the step for a slope to be taken.
const APART: f64 = 0.1;

/// Two neighbouring places along a draw between which there is a step.
#[derive(Clone, Copy, Debug)]
struct Between {
    /// Normal quantiles of the draw at the places, and of what is still between the two sides of the step.
    ends: [f64; 2],
    between: [f64; 2],
    /// Sum of the weights of the rule up to the lower place, and of weights times normal quantiles.
    below: [f64; 2],
    /// What is met at the places, and beside the step.
    q: [f64; 2],
    beside: [f64; 2],
}

impl Between {
    /// Between node `i` of a line and the next.
    fn of(line: &Line, i: usize, q: [f64; 2]) -> Between {
        let ends = [line.at[i], line.at[i + 1]];
        Between {
            ends,
            between: ends,
            below: line.below[i],
            q,
            beside: [f64::NAN; 2],
        }
    }

    fn middle(&self) -> f64 {
        0.5 * (self.between[0] + self.between[1])
    }

    /// What the law is worth more than the rule for the step, and for slopes that differ on its two sides.
    fn more(&self) -> f64 {
        let at = self.middle();
        let width = self.ends[1] - self.ends[0];
        let slope = |side: usize| {
            let apart = at - self.ends[side];
            if apart.abs() > APART * width {
                (self.beside[side] - self.q[side]) / apart
            } else {
                0.0
            }
        };
        let [weights, moments] = self.below;
        let law = normal::cdf(at);
        let moment = -normal::density(at) - at * law - (moments - at * weights);
        let step = self.beside[0] - self.beside[1];
        let more = step * (law - weights) + (slope(0) - slope(1)) * moment;
        fault!("verdict.step_missed", 0.0, more)
    }
}

/// Two neighbouring nodes between which a life ends.
#[derive(Clone, Copy, Debug)]
struct Cell {
    leaf: usize,
    step: Between,
    /// Whether the life ends at the lower one.
    ended: bool,
}

impl Cell {
    /// From node number `i` of a line to the next, with what was met at both; `None` if a life goes on or ends at both.
    fn of(leaf: usize, line: &Line, i: usize, met: [Met; 2]) -> Option<Cell> {
        if met[0].ended == met[1].ended || !met.iter().all(|m| m.q.is_finite()) {
            return None;
        }
        Some(Cell {
            leaf,
            step: Between::of(line, i, met.map(|m| m.q)),
            ended: met[0].ended,
        })
    }

    /// Where the draw has this normal quantile.
    fn place(&self, quantile: f64) -> Place {
        let own = normal::cdf(quantile).clamp(1e-15, 1.0 - 1e-15);
        (self.leaf, pair(0, own, f64::NAN))
    }
}

/// Cells and squares with ends in them, found as nodes pass by in order.
pub(super) struct Steps {
    found: Found,
    rule: Rule,
}

/// What was found.
#[derive(Default)]
struct Found {
    cells: Vec<Cell>,
    squares: Vec<Square>,
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
    /// For a rule: steps are looked for along one draw with many nodes, and in the square of two draws.
    pub(super) fn of(inner: &Inner) -> Steps {
        let rule = match &inner.kind {
            Nodes::Grid(nodes, _) if inner.points >= FEWEST && *nodes == inner.points => Rule::Line(None),
            Nodes::Grid(nodes, _) if *nodes > 1 && nodes * nodes == inner.points => Rule::Square(*nodes, 0, Vec::new()),
            _ => Rule::None,
        };
        Steps {
            found: Found::default(),
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
                    && last.ended != met.ended
                {
                    let line = Line::of((0..inner.points).map(|k| inner.node(visit, k, 0)).collect());
                    self.found.cells.extend(Cell::of(leaf, &line, p, [last, met]));
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
                    let line = |d: usize| {
                        Line::of(
                            (0..*nodes)
                                .map(|i| inner.node(visit, i * nodes.pow(d as u32), d))
                                .collect(),
                        )
                    };
                    self.found.take(leaf, [line(0), line(1)], seen);
                }
            }
        }
    }
}

impl Found {
    /// Takes in what ends in a square; `seen` is node of the second draw x node of the first, row-major.
    fn take(&mut self, leaf: usize, lines: [Line; 2], seen: &[Met]) {
        if !seen.iter().all(|m| m.q.is_finite()) {
            return;
        }
        let weights = (lines[1].nodes.iter()).flat_map(|(_, v)| lines[0].nodes.iter().map(move |(_, w)| v * w));
        let rough = weights.zip(seen).map(|(w, m)| w * m.q).sum();
        let ended = seen.iter().map(|m| m.ended).collect();
        self.squares.push(Square {
            leaf,
            lines,
            ended,
            rough,
        });
    }

    /// What laws are worth more than rules for the steps, one `(leaf, worth)` per step or square.
    fn worth(mut self, meets: &mut Meets) -> Result<Vec<(usize, f64)>, Diagnostic> {
        settle(&mut self.cells, meets)?;
        let mut all: Vec<(usize, f64)> = self.cells.iter().map(|c| (c.leaf, c.step.more())).collect();
        all.retain(|(_, x)| x.is_finite());
        all.extend(square::worth(&self.squares, meets)?);
        Ok(all)
    }
}

/// Finds the places of the steps of cells, and what is met beside them.
fn settle(cells: &mut [Cell], meets: &mut Meets) -> Result<(), Diagnostic> {
    for _ in 0..HALVINGS {
        let at: Vec<f64> = cells.iter().map(|c| c.step.middle()).collect();
        let places: Vec<Place> = cells.iter().zip(&at).map(|(c, z)| c.place(*z)).collect();
        let met = meets(&places)?;
        for ((c, m), z) in cells.iter_mut().zip(met).zip(at) {
            c.step.between[usize::from(m.ended != c.ended)] = z;
        }
    }
    for side in 0..2 {
        let places: Vec<Place> = cells.iter().map(|c| c.place(c.step.between[side])).collect();
        let met = meets(&places)?;
        cells.iter_mut().zip(met).for_each(|(c, m)| c.step.beside[side] = m.q);
    }
    Ok(())
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
        steps: Steps,
    ) -> Result<Vec<(usize, f64)>, Diagnostic> {
        let lanes = self.lanes;
        let mut meets = |places: &[Place]| {
            let mut met = Vec::with_capacity(places.len());
            for part in places.chunks(lanes) {
                met.extend(self.at_draws(visits, jobs, leaves, part)?);
            }
            Ok(met)
        };
        let worth = steps.found.worth(&mut meets)?;
        Ok(worth
            .into_iter()
            .map(|(leaf, x)| (leaves[leaf].job, leaves[leaf].weight * x))
            .collect())
    }

    /// What is met at each place, at most as many as there are lanes.
    fn at_draws(
        &mut self,
        visits: &[Visit],
        jobs: &[Job],
        leaves: &[Leaf],
        places: &[Place],
    ) -> Result<Vec<Met>, Diagnostic> {
        let many = places.len();
        let inner = Inner {
            points: many,
            kind: Nodes::Given(places.iter().map(|p| p.1).collect()),
        };
        let lane = |w: usize| (places[w.min(many - 1)].0, w.min(many - 1));
        self.stand(visits, jobs, leaves, &inner, &lane, many);
        self.spent += many;
        Ok(self.pass(many)?.met)
    }
}
