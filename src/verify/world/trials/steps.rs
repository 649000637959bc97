//! Ends that continuous draws bring: between two neighbouring nodes of a rule a life ends, and what a choice is worth has a step there.
//!
//! The trapezoidal rule counts half of such a cell for either side, wherever in it the step stands, and errs by up to half its weight times the step.
//! So the place `z` is looked for by halving. With a step of `j` there and slopes that differ by `s` the rule lacks `j (F(z) - W) + s (G(z) - M)`, where `F` is the normal law, `G(z) = -f(z) - z F(z)` its
//! first moment about `z` below `z`, and `W` and `M` are what the rule has for both.
//!
//! With two draws the step stands along a line in the square of both, and the same is done twice: along one draw for every node of the other, so that what
//! is left to the other draw has no step but where the line runs along the first; and there along the other, halving between two
//! rows of nodes, each of which is integrated with its own steps.

use super::{Inner, Job, Met, Nodes, Trials};
use crate::diag::Diagnostic;
use crate::num::normal;
use crate::verify::world::chances::Leaf;
use crate::verify::world::visit::Visit;

/// Fewest nodes of a rule in which steps are looked for: few draws are a first look.
const FEWEST: usize = 40;
/// Halvings of a cell, and of one of many along a line.
const HALVINGS: [usize; 2] = [14, 10];
/// Fewest nodes at which a life ends in one of two rows and goes on in the other, for a step between both to be looked for; most pairs of rows of a square.
const STEP: usize = 2;
const MOST: usize = 8;
/// Share of a cell that must stand between a node and the step for a slope to be taken.
const APART: f64 = 0.1;

/// Nodes along one draw.
#[derive(Clone, Debug)]
struct Line {
    /// Uniform numbers and weights.
    nodes: Vec<(f64, f64)>,
    /// Normal quantiles.
    at: Vec<f64>,
    /// Sums of the weights up to each node, and of weights times quantiles.
    below: Vec<[f64; 2]>,
}

impl Line {
    fn of(nodes: Vec<(f64, f64)>) -> Line {
        let at: Vec<f64> = nodes.iter().map(|(u, _)| normal::quantile(*u)).collect();
        let mut sums = [0.0; 2];
        let below = nodes.iter().zip(&at).map(|((_, weight), z)| {
            sums[0] += weight;
            sums[1] += weight * z;
            sums
        });
        Line {
            below: below.collect(),
            nodes,
            at,
        }
    }
}

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

    /// What the law is worth more than the rule for the step, and for slopes that differ on its two sides (`kink`; elsewhere a curve has another slope after a step
    /// of the rule, which the rule counts rightly).
    fn more(&self, kink: bool) -> f64 {
        let at = self.middle();
        let width = self.ends[1] - self.ends[0];
        let slope = |side: usize| {
            let apart = at - self.ends[side];
            let far = kink && apart.abs() > APART * width;
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
        let more = step * (law - weights) + (slope(0) - slope(1)) * moment;
        fault!("verdict.step_missed", 0.0, more)
    }
}

/// Two neighbouring nodes between which a life ends.
#[derive(Clone, Copy, Debug)]
struct Cell {
    leaf: usize,
    /// The draw along which they are neighbours, and the uniform number of the other one.
    along: usize,
    other: f64,
    /// The other draw's weight.
    counts: f64,
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
            along: 0,
            other: f64::NAN,
            counts: 1.0,
            step: Between::of(line, i, met.map(|m| m.q)),
            ended: met[0].ended,
        })
    }

    /// Where the draw along which the cell lies has this normal quantile.
    fn place(&self, quantile: f64) -> Place {
        (
            self.leaf,
            pair(self.along, normal::cdf(quantile).clamp(1e-15, 1.0 - 1e-15), self.other),
        )
    }

    fn more(&self) -> f64 {
        self.counts * self.step.more(true)
    }
}

/// A leaf, and uniform numbers of its one or two draws.
type Place = (usize, [f64; 2]);
/// What is met at places, one per place.
type Meets<'a> = dyn FnMut(&[Place]) -> Result<Vec<Met>, Diagnostic> + 'a;

/// Uniform numbers of both draws, with `own` for draw `along`.
fn pair(along: usize, own: f64, other: f64) -> [f64; 2] {
    if along == 0 { [own, other] } else { [other, own] }
}

/// Two neighbouring rows of a square: at some nodes a life ends in one of them and goes on in the other.
#[derive(Clone, Debug)]
struct Rows {
    leaf: usize,
    /// The draw along which rows lie, and its nodes.
    along: usize,
    line: Line,
    step: Between,
    /// Whether a line begins or ends between them: what rows are worth has a kink there, where it has no step.
    turns: bool,
    /// Of each row: its cells among all.
    cells: [std::ops::Range<usize>; 2],
    /// At which nodes a life ends, on both sides.
    ended: [Vec<bool>; 2],
}

impl Rows {
    /// The nodes of a row in which the other draw has this normal quantile.
    fn places(&self, quantile: f64) -> impl Iterator<Item = Place> {
        let other = normal::cdf(quantile).clamp(1e-15, 1.0 - 1e-15);
        self.line
            .nodes
            .iter()
            .map(move |(u, _)| (self.leaf, pair(self.along, *u, other)))
    }

    /// Cells of a row in which the other draw has this normal quantile, with what was met at its nodes.
    fn cells(&self, quantile: f64, met: &[Met]) -> Vec<Cell> {
        let other = normal::cdf(quantile).clamp(1e-15, 1.0 - 1e-15);
        let cells = met
            .windows(2)
            .enumerate()
            .filter_map(|(i, m)| Cell::of(self.leaf, &self.line, i, [m[0], m[1]]));
        cells
            .map(|cell| Cell {
                along: self.along,
                other,
                ..cell
            })
            .collect()
    }
}

/// What a rule is worth that looks for no steps.
fn rough(line: &Line, met: &[Met]) -> f64 {
    line.nodes.iter().zip(met).map(|((_, w), m)| w * m.q).sum()
}

/// Cells and rows with ends in them, found as nodes pass by in order.
pub(super) struct Steps {
    found: Found,
    rule: Rule,
}

/// What was found.
#[derive(Default)]
struct Found {
    cells: Vec<Cell>,
    rows: Vec<Rows>,
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
            Nodes::Grid(nodes, _) if *nodes >= FEWEST && nodes * nodes == inner.points => {
                Rule::Square(*nodes, 0, Vec::new())
            }
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
        let nodes = lines[0].nodes.len();
        // What was met at node `i` along a draw and `j` along the other.
        let met = |along: usize, i: usize, j: usize| seen[if along == 0 { j * nodes + i } else { i * nodes + j }];
        // At which nodes of the other draw a life ends at one of the nodes `i` and `i + 1` only.
        let differ =
            |along: usize, i: usize| (0..nodes).filter(move |j| met(along, i, *j).ended != met(along, i + 1, *j).ended);
        let wide = |along: usize| (0..nodes - 1).filter(|i| differ(along, *i).count() >= STEP).count();
        // Rows lie along the draw whose neighbours differ most often.
        let along = usize::from(wide(0) < wide(1));
        let [line, other] = match along {
            0 => lines,
            _ => {
                let [a, b] = lines;
                [b, a]
            }
        };
        let row = |j: usize| -> Vec<Met> { (0..nodes).map(|i| met(along, i, j)).collect() };
        let mut starts = Vec::with_capacity(nodes + 1);
        for j in 0..nodes {
            starts.push(self.cells.len());
            let row = row(j);
            let cells = row
                .windows(2)
                .enumerate()
                .filter_map(|(i, m)| Cell::of(leaf, &line, i, [m[0], m[1]]));
            let (other, counts) = other.nodes[j];
            self.cells.extend(cells.map(|cell| Cell {
                along,
                other,
                counts,
                ..cell
            }));
        }
        starts.push(self.cells.len());
        // Where a line begins or ends, what is left to the other draw has a step or a kink; elsewhere it has a step where much changes.
        let turns = |j: usize| starts[j + 1] - starts[j] != starts[j + 2] - starts[j + 1];
        let mass = |j: usize| -> f64 {
            let changed: f64 = differ(1 - along, j).map(|i| line.nodes[i].1).sum();
            changed * (other.nodes[j].1 + other.nodes[j + 1].1)
        };
        let changed: Vec<usize> = (0..nodes - 1).map(|j| differ(1 - along, j).count()).collect();
        // Where a line is steep, as much changes between the rows on either side.
        let steep = |j: usize| {
            let beside = |k: Option<usize>| k.and_then(|k| changed.get(k).copied()).unwrap_or(0);
            changed[j] <= 2 * beside(j.checked_sub(1)).min(beside(Some(j + 1)))
        };
        let mut pairs: Vec<(bool, f64, usize)> = (0..nodes - 1)
            .filter(|j| turns(*j) || changed[*j] >= STEP && !steep(*j))
            .map(|j| (turns(j), mass(j), j))
            .collect();
        pairs.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        for (turns, _, j) in pairs.into_iter().take(MOST) {
            let both = [row(j), row(j + 1)];
            if !both.iter().flatten().all(|m| m.q.is_finite()) {
                continue;
            }
            self.rows.push(Rows {
                leaf,
                along,
                step: Between::of(&other, j, [rough(&line, &both[0]), rough(&line, &both[1])]),
                cells: [starts[j]..starts[j + 1], starts[j + 1]..starts[j + 2]],
                ended: both.map(|row| row.iter().map(|m| m.ended).collect()),
                line: line.clone(),
                turns,
            });
        }
    }

    /// What laws are worth more than rules for the steps, one `(leaf, worth)` per step.
    fn worth(mut self, halvings: usize, meets: &mut Meets) -> Result<Vec<(usize, f64)>, Diagnostic> {
        settle(&mut self.cells, halvings, meets)?;
        let mut all: Vec<(usize, f64)> = self.cells.iter().map(|c| (c.leaf, c.more())).collect();
        for rows in &mut self.rows {
            for (side, cells) in rows.cells.iter().enumerate() {
                let more = self.cells[cells.clone()].iter().map(|c| c.step.more(true));
                rows.step.q[side] += more.sum::<f64>();
            }
        }
        for _ in 0..halvings {
            let at: Vec<f64> = self.rows.iter().map(|r| r.step.middle()).collect();
            let met = whole(&self.rows, &at, meets)?;
            for ((r, met), at) in self.rows.iter_mut().zip(met).zip(at) {
                let ended: Vec<bool> = met.iter().map(|m| m.ended).collect();
                let apart = |side: usize| -> f64 {
                    let differ = r.ended[side].iter().zip(&ended).zip(&r.line.nodes);
                    differ.filter(|((a, b), _)| a != b).map(|(_, (_, w))| w).sum()
                };
                let lines = |ended: &[bool]| ended.windows(2).filter(|e| e[0] != e[1]).count();
                let like = [0, 1].map(|side: usize| lines(&r.ended[side]) == lines(&ended));
                let side = match like {
                    [true, false] => 0,
                    [false, true] => 1,
                    _ => usize::from(apart(1) < apart(0)),
                };
                r.step.between[side] = at;
                r.ended[side] = ended;
            }
        }
        for side in 0..2 {
            let at: Vec<f64> = self.rows.iter().map(|r| r.step.between[side]).collect();
            let met = whole(&self.rows, &at, meets)?;
            let mut cells = Vec::new();
            let mut of = Vec::new();
            for (k, (r, met)) in self.rows.iter_mut().zip(&met).enumerate() {
                r.step.beside[side] = rough(&r.line, met);
                let found = r.cells(at[k], met);
                of.resize(of.len() + found.len(), k);
                cells.extend(found);
            }
            settle(&mut cells, halvings, meets)?;
            for (k, c) in of.into_iter().zip(&cells) {
                self.rows[k].step.beside[side] += c.step.more(true);
            }
        }
        all.extend(self.rows.iter().map(|r| (r.leaf, r.step.more(r.turns))));
        all.retain(|(_, x)| x.is_finite());
        Ok(all)
    }
}

/// Finds the places of the steps of cells, and what is met beside them.
fn settle(cells: &mut [Cell], halvings: usize, meets: &mut Meets) -> Result<(), Diagnostic> {
    for _ in 0..halvings {
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

/// What is met in one row of each pair, at these normal quantiles of the other draw.
fn whole(rows: &[Rows], at: &[f64], meets: &mut Meets) -> Result<Vec<Vec<Met>>, Diagnostic> {
    let places: Vec<Place> = rows.iter().zip(at).flat_map(|(r, z)| r.places(*z)).collect();
    let mut met = meets(&places)?.into_iter();
    Ok(rows
        .iter()
        .map(|r| met.by_ref().take(r.line.nodes.len()).collect())
        .collect())
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
        let halvings = HALVINGS[usize::from(matches!(steps.rule, Rule::Square(..)))];
        let lanes = self.lanes;
        let mut meets = |places: &[Place]| {
            let mut met = Vec::with_capacity(places.len());
            for part in places.chunks(lanes) {
                met.extend(self.at_draws(visits, jobs, leaves, part)?);
            }
            Ok(met)
        };
        let worth = steps.found.worth(halvings, &mut meets)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::world::chances::trapezoid;

    /// Expected `worth` of two draws, by a square of `n x n` nodes with its steps; `ends` says where a life ends.
    fn expected(n: usize, shifts: [f64; 2], worth: &dyn Fn(f64, f64) -> (f64, bool)) -> f64 {
        let lines = shifts.map(|s| Line::of(trapezoid(n, s)));
        let met = |[a, b]: [f64; 2]| {
            let (q, ended) = worth(a, b);
            Met {
                q,
                ended,
                ..Met::default()
            }
        };
        let mut seen = Vec::new();
        let mut rough = 0.0;
        for (b, v) in &lines[1].nodes {
            for (a, w) in &lines[0].nodes {
                seen.push(met([*a, *b]));
                rough += v * w * worth(*a, *b).0;
            }
        }
        let mut found = Found::default();
        found.take(0, lines, &seen);
        let mut meets = |places: &[Place]| Ok(places.iter().map(|p| met(p.1)).collect());
        let more = found.worth(HALVINGS[1], &mut meets).unwrap();
        rough + more.iter().map(|m| m.1).sum::<f64>()
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
            ("a steep line", 0.35, Box::new(|a, b| a < 0.3 + 0.1 * b)),
            (
                "a staircase",
                0.38,
                Box::new(|a, b| b < 0.3 || a < 0.2 && b < 0.55 || a < 0.05 && b > 0.6 || a > 0.9 && b > 0.8 && b < 0.9),
            ),
            (
                "a disc",
                0.25 * std::f64::consts::PI,
                Box::new(|a, b| a * a + b * b <= 1.0),
            ),
        ];
        for (name, right, ends) in &cases {
            for shifts in [[0.1, 0.7], [0.45, 0.3], [0.9, 0.55]] {
                // Of a few neighbouring nodes a line may cross two corners.
                for (n, most) in [(45, 4e-3), (128, 4e-5)] {
                    let found = expected(n, shifts, &|a, b| (f64::from(u8::from(ends(a, b))), ends(a, b)));
                    assert!((found - right).abs() < most, "{name} {shifts:?} {n}: {found} {right}");
                }
            }
        }
        // What is paid where a life goes on moves with both draws.
        let paid = |a: f64, b: f64| {
            if a < 0.1 || b < 0.2 {
                (0.0, true)
            } else {
                (1.0 + a * b, false)
            }
        };
        let found = expected(128, [0.3, 0.8], &paid);
        assert!((found - (0.72 + 0.495 * 0.48)).abs() < 4e-5, "{found}");
    }
}
