//! Places spread over what lives visit, several in every cell of the solution's grid, and functions between them.
//!
//! The error of a solution swings from node to node of its grid and from state to state of its chains. A mesh follows it: every visited
//! cell is divided, and a polynomial stands for the function inside that cell alone, so that kinks at the nodes stay kinks. Where
//! there are too many cells the mesh is even and coarser than they are; it then sees the part of the error that is smooth.

use super::WorldEvidence;
use super::seat::SolvedSeat;
use super::value::{Weights, weights};
use super::visit::{Landings, Visit};
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::Worlds;
use rayon::prelude::*;
use std::sync::Arc;

/// Parts of a cell of the state grid.
const PARTS: usize = 4;
/// Fewest nodes along a line that is made coarser.
const FEWEST: usize = 5;
/// Most periods that each have places of their own.
const PERIODS: usize = 200;

/// How a function is read along a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Along {
    /// At the nearest node.
    Nearest,
    /// By the polynomial of the cell: so many parts each.
    Cells(usize),
    /// By the cubic through the four nearest nodes.
    Smooth,
}

/// One dimension of a mesh.
#[derive(Clone, Debug)]
struct Line {
    nodes: Vec<f64>,
    along: Along,
    /// Nodes are whole numbers.
    whole: bool,
    /// Nodes are even in the log.
    log: bool,
}

impl Line {
    fn whole(lo: f64, hi: f64) -> Line {
        let (lo, hi) = (lo.floor() as i64, hi.ceil() as i64);
        Line {
            nodes: (lo..=hi.max(lo)).map(|x| x as f64).collect(),
            along: Along::Nearest,
            whole: true,
            log: false,
        }
    }

    /// Cells between `breaks`, each in `parts`.
    fn cells(breaks: &[f64], parts: usize, log: bool) -> Line {
        let mut nodes = Vec::with_capacity((breaks.len() - 1) * parts + 1);
        for b in breaks.windows(2) {
            nodes.extend((0..parts).map(|i| mix(b[0], b[1], i as f64 / parts as f64, log)));
        }
        nodes.extend(breaks.last());
        Line {
            nodes,
            along: Along::Cells(parts),
            whole: false,
            log,
        }
    }

    /// Along a state of the solution's grid: over the cells that hold `lo` to `hi`, and beyond its ends as far as `far` goes, there in cells each twice as
    /// wide as the one before.
    fn of_state(grid: &[f64], (lo, hi): (f64, f64), far: (f64, f64), log: bool) -> Line {
        let n = grid.len();
        if n < 2 {
            return Line {
                nodes: grid.to_vec(),
                along: Along::Nearest,
                whole: false,
                log,
            };
        }
        // What leads off the grid leads over all that lies before its end.
        let (lo, hi) = (
            if far.0 < grid[0] { grid[0] } else { lo },
            if far.1 > grid[n - 1] { grid[n - 1] } else { hi },
        );
        let below = grid.partition_point(|x| *x < lo).clamp(1, n) - 1;
        let above = grid.partition_point(|x| *x <= hi).clamp(1, n - 1);
        let (first, last) = (below.min(n - 2), above.max(below.min(n - 2) + 1));
        let mut breaks = beyond(grid[0], grid[1], far.0, log);
        breaks.reverse();
        breaks.extend(&grid[first..=last]);
        breaks.extend(beyond(grid[n - 1], grid[n - 2], far.1, log));
        Line::cells(&breaks, PARTS, log)
    }

    /// Along a continuous shock: the states of its chain that are visited, and what lies beyond them.
    fn of_shock(links: &[f64], lo: f64, hi: f64) -> Line {
        if !(lo < hi) {
            return Line {
                nodes: vec![lo],
                along: Along::Nearest,
                whole: false,
                log: false,
            };
        }
        let gap = 0.1 * (hi - lo) / links.len() as f64;
        let mut breaks = vec![lo];
        breaks.extend(links.iter().copied().filter(|x| *x > lo + gap && *x < hi - gap));
        breaks.push(hi);
        let parts = match breaks.len() - 1 {
            1 | 2 => 4,
            3 | 4 => 3,
            _ => 2,
        };
        Line::cells(&breaks, parts, false)
    }

    /// Even, with about `n` nodes.
    fn coarser(&self, n: usize) -> Line {
        let (a, b) = (self.nodes[0], self.nodes[self.nodes.len() - 1]);
        let mut nodes: Vec<f64> = (0..n)
            .map(|i| mix(a, b, i as f64 / (n - 1) as f64, self.log))
            .map(|x| if self.whole { x.round() } else { x })
            .collect();
        nodes.dedup();
        Line {
            nodes,
            along: Along::Smooth,
            ..*self
        }
    }

    fn at(&self, x: f64) -> Weights {
        let n = self.nodes.len();
        let inside = x.max(self.nodes[0]).min(self.nodes[n - 1]);
        if n == 1 {
            return Weights::new(std::iter::once((0, 1.0)));
        }
        let cell = self.nodes.partition_point(|v| *v <= inside).clamp(1, n - 1) - 1;
        match self.along {
            Along::Nearest => {
                let up = inside - self.nodes[cell] > 0.5 * (self.nodes[cell + 1] - self.nodes[cell]);
                Weights::new(std::iter::once((cell + usize::from(up), 1.0)))
            }
            Along::Cells(parts) => {
                let first = cell / parts * parts;
                Weights::polynomial(&self.nodes, first, (first + parts + 1).min(n), inside)
            }
            Along::Smooth => weights(&self.nodes, inside),
        }
    }
}

/// Ends of cells from `end` of a grid outwards until `far` is reached, the first as wide as the grid's last one (to the node `inner`) and each twice as
/// wide as the one before; none where `far` is not beyond.
fn beyond(end: f64, inner: f64, far: f64, log: bool) -> Vec<f64> {
    let mut out = Vec::new();
    let (mut last, mut step) = (end, 1.0);
    while (far - last) * (end - inner) > 0.0 {
        let next = mix(inner, end, step + 1.0, log);
        last = if (far - next) * (end - inner) > 0.0 { next } else { far };
        out.push(last);
        step = 2.0 * step + 1.0;
    }
    out
}

/// A point between two numbers.
fn mix(a: f64, b: f64, t: f64, log: bool) -> f64 {
    if log && a > 0.0 {
        (a.ln() + t * (b.ln() - a.ln())).exp()
    } else {
        a + t * (b - a)
    }
}

/// Places over everything visited.
#[derive(Clone, Debug)]
pub struct Mesh {
    /// States, shocks, and the period where there is a last one.
    lines: Vec<Line>,
    states: usize,
    horizon: Option<usize>,
}

impl Mesh {
    /// At most about `most` places; `None` if that many cannot be spread over so many states and shocks.
    pub fn over(bench: &WorldEvidence, most: usize) -> Option<Mesh> {
        let mut lines = Vec::new();
        let streaks = &bench.played.streaks;
        for (k, (s, (lo, hi))) in bench.solution.states.iter().zip(&bench.played.ranges).enumerate() {
            let (first, last) = (s.nodes[0], s.nodes[s.nodes.len() - 1]);
            let (lo, hi) = (lo.max(first).min(last), hi.min(last).max(first));
            lines.push(if s.integer {
                Line::whole(lo, hi)
            } else {
                let far = streaks.range.get(k).filter(|_| streaks.left.is_some());
                Line::of_state(&s.nodes, (lo, hi), far.copied().unwrap_or((lo, hi)), s.log)
            });
        }
        for (s, (lo, hi)) in bench.seat.shocks.iter().zip(&bench.played.shock_ranges) {
            lines.push(if s.continuous {
                Line::of_shock(&s.values, *lo, *hi)
            } else {
                Line::whole(0.0, s.values.len() as f64 - 1.0)
            });
        }
        let horizon = bench.model.horizon;
        if let Some(h) = horizon {
            let line = Line::whole(0.0, h.max(1) as f64 - 1.0);
            lines.push(if h > PERIODS { line.coarser(PERIODS) } else { line });
        }
        let chain = |k: usize| {
            let shock = k.checked_sub(bench.solution.states.len());
            shock
                .and_then(|s| bench.seat.shocks.get(s))
                .is_some_and(|s| !s.continuous)
        };
        let dated = |k: usize| horizon.is_some() && k + 1 == bench.solution.states.len() + bench.seat.shocks.len() + 1;
        let size = |lines: &[Line]| {
            lines
                .iter()
                .map(|l| l.nodes.len())
                .try_fold(1usize, |n, k| n.checked_mul(k))
                .unwrap_or(usize::MAX)
        };
        while size(&lines) > most {
            let longest = (0..lines.len())
                .filter(|k| !chain(*k) && !dated(*k) && lines[*k].nodes.len() > FEWEST)
                .max_by_key(|k| lines[*k].nodes.len())?;
            let n = lines[longest].nodes.len();
            lines[longest] = lines[longest].coarser((n * 7 / 10).max(FEWEST));
        }
        Some(Mesh {
            states: bench.solution.states.len(),
            lines,
            horizon,
        })
    }

    /// Number of places.
    pub fn places(&self) -> usize {
        self.lines.iter().map(|l| l.nodes.len()).product()
    }

    /// Coordinates of a place: states, shocks, period.
    fn place(&self, mut k: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.lines.len()];
        for (x, line) in out.iter_mut().zip(&self.lines).rev() {
            *x = line.nodes[k % line.nodes.len()];
            k /= line.nodes.len();
        }
        out
    }

    /// Places and weights that stand for a function where a draw leads. None after the last period.
    fn spread(&self, states: &[f64], shocks: &[f64], period: usize, each: &mut dyn FnMut(usize, f64)) {
        if self.horizon.is_some_and(|h| period >= h) {
            return;
        }
        let x = |k: usize| match k.checked_sub(self.states) {
            None => states[k],
            Some(s) if s < shocks.len() => shocks[s],
            Some(_) => period as f64,
        };
        self.over_lines(&x, 0, 0, 1.0, each);
    }

    fn over_lines(
        &self,
        x: &dyn Fn(usize) -> f64,
        k: usize,
        before: usize,
        weight: f64,
        each: &mut dyn FnMut(usize, f64),
    ) {
        let Some(line) = self.lines.get(k) else {
            each(before, weight);
            return;
        };
        for (i, w) in line.at(x(k)).iter() {
            if *w != 0.0 {
                self.over_lines(x, k + 1, before * line.nodes.len() + i, weight * w, each);
            }
        }
    }

    /// For each job of `jobs` the places where it leads, with weights times probabilities and discount factors.
    pub fn rows(&self, landings: &Landings, jobs: usize) -> Vec<Vec<(usize, f64)>> {
        let width = landings.places.len() / landings.jobs.len().max(1);
        let starts: Vec<usize> = (0..=jobs)
            .map(|j| landings.jobs.partition_point(|x| (*x as usize) < j))
            .collect();
        (0..jobs)
            .into_par_iter()
            .map_init(
                || vec![0.0; self.places()],
                |sums, j| {
                    let mut touched: Vec<usize> = Vec::new();
                    for l in starts[j]..starts[j + 1] {
                        let at = &landings.places[l * width..(l + 1) * width];
                        let (states, shocks) = at.split_at(self.states);
                        self.spread(states, shocks, landings.periods[l] as usize, &mut |i, w| {
                            if sums[i] == 0.0 {
                                touched.push(i);
                            }
                            sums[i] += w * landings.chances[l];
                        });
                    }
                    touched.sort_unstable();
                    touched.dedup();
                    touched.into_iter().map(|i| (i, std::mem::take(&mut sums[i]))).collect()
                },
            )
            .collect()
    }

    /// The places as visits, one per place, with what the policy does there. Whatever the policy does not read is as it was where
    /// the lives went.
    ///
    /// # Errors
    /// Those of the economy's programs (E0990), and E0815 to E0817 for a policy that cannot be played somewhere.
    pub fn visits(&self, bench: &WorldEvidence) -> Result<Vec<Visit>, Diagnostic> {
        let (model, seat) = (bench.model, bench.seat);
        let elements: usize = model.graph.inputs.iter().map(|i| model.graph.elements(&i.shape)).sum();
        let all: Vec<Vec<f64>> = (0..self.places()).map(|k| self.place(k)).collect();
        let lanes = all.len().min(2_000_000 / elements.max(1)).max(1);
        let mut worlds = Worlds::new(model, None, lanes, bench.options.seed, &[])?;
        let mut actor = Actor::new(&worlds, &Behaviour::Solved(Arc::new(bench.solution.clone())).into())?;
        actor.greedy = true;
        let mut out = Vec::with_capacity(all.len());
        for part in all.chunks(lanes) {
            let periods: Vec<usize> = part.iter().map(|x| self.period(x, seat)).collect();
            let places: Vec<_> = periods
                .iter()
                .filter_map(|t| {
                    let visits = bench.played.visits.iter();
                    let from = visits.min_by_key(|v| (self.horizon.is_some(), v.place.period.abs_diff(*t)))?;
                    let mut place = from.place.clone();
                    if self.horizon.is_some() {
                        place.period = *t;
                        if let Some(clock) = model.time {
                            place.inputs[clock.0 as usize].fill(*t as f64);
                        }
                    }
                    Some(place)
                })
                .collect();
            worlds.put(&places.iter().collect::<Vec<_>>());
            for (w, x) in part.iter().enumerate() {
                for (slot, x) in seat.states.iter().zip(x) {
                    worlds.frame[slot.input][slot.element * lanes + w] = *x;
                }
                for (s, x) in seat.shocks.iter().zip(&x[self.states..]) {
                    worlds.set_shock(s.shock, s.element, w, *x);
                }
            }
            let bounds = actor.act(&mut worlds, 0)?;
            // Where nothing is feasible the place is worth minus infinity, and is left out.
            let _ = worlds.settle(&bounds);
            for (w, x) in part.iter().enumerate() {
                let place = worlds.snapshot(w);
                let chosen = seat
                    .choices
                    .iter()
                    .map(|c| place.inputs[model.actions[c.action].input.0 as usize][c.element]);
                out.push(Visit {
                    states: x[..self.states].to_vec(),
                    shocks: x[self.states..self.states + seat.shocks.len()].to_vec(),
                    actions: chosen.collect(),
                    weight: 1.0,
                    place,
                });
            }
        }
        Ok(out)
    }

    fn period(&self, x: &[f64], seat: &SolvedSeat) -> usize {
        x.get(self.states + seat.shocks.len()).map_or(0, |t| *t as usize)
    }
}

/// A function on a mesh that is added to a value.
#[derive(Clone, Debug)]
pub struct Correction {
    /// The mesh that carries the function.
    pub mesh: Arc<Mesh>,
    /// The values of the function, one number per place of the mesh.
    pub values: Arc<Vec<f64>>,
}

impl Correction {
    /// The function at `states` (one value per state) and stored `shocks` (one value per shock); beyond the mesh that at its edge.
    pub fn at(&self, states: &[f64], shocks: &[f64], period: usize) -> f64 {
        let mut sum = 0.0;
        self.mesh
            .spread(states, shocks, period, &mut |i, w| sum += w * self.values[i]);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &Line, x: f64, f: impl Fn(f64) -> f64) -> f64 {
        line.at(x).iter().map(|(i, w)| w * f(line.nodes[*i])).sum()
    }

    #[test]
    fn cells_hold_polynomials_and_kinks_at_their_ends() {
        let line = Line::cells(&[0.0, 1.0, 3.0], 4, false);
        assert_eq!(line.nodes, [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0]);
        for x in [0.0, 0.1, 0.93, 1.0, 1.07, 2.2, 3.0] {
            let cubic = |x: f64| 1.0 - x + 0.5 * x.powi(3) + x.powi(4);
            assert!((read(&line, x, cubic) - cubic(x)).abs() < 1e-10, "{x}");
            let kinked = |x: f64| (x - 1.0).abs();
            assert!((read(&line, x, kinked) - kinked(x)).abs() < 1e-12, "{x}");
        }
        // Beyond the ends what stands at them.
        assert_eq!(read(&line, 9.0, |x| x), 3.0);
        assert_eq!(read(&line, -1.0, |x| x), 0.0);
    }

    #[test]
    fn lines_run_over_what_was_visited() {
        let grid = [0.0, 1.0, 2.0, 3.0, 4.0];
        let ends = |l: &Line| (l.nodes[0], l.nodes[l.nodes.len() - 1]);
        assert_eq!(ends(&Line::of_state(&grid, (1.2, 2.5), (1.2, 2.5), false)), (1.0, 3.0));
        assert_eq!(ends(&Line::of_state(&grid, (0.0, 0.0), (0.0, 0.0), false)), (0.0, 1.0));
        assert_eq!(ends(&Line::of_state(&grid, (4.0, 4.0), (4.0, 4.0), false)), (3.0, 4.0));
        assert_eq!(
            Line::of_state(&grid, (1.2, 2.5), (1.2, 2.5), false).nodes.len(),
            2 * PARTS + 1
        );
        // Off the grid in cells of 1 and 2, and what is left.
        let far = Line::of_state(&grid, (3.2, 3.5), (3.0, 8.5), false);
        assert_eq!((ends(&far), far.nodes.len()), ((3.0, 8.5), 4 * PARTS + 1));
        assert_eq!(far.nodes[2 * PARTS], 5.0);
        assert_eq!(far.nodes[3 * PARTS], 7.0);
        let ratio = [1.0, 2.0, 4.0];
        let far = ends(&Line::of_state(&ratio, (3.0, 3.5), (0.1, 3.0), true));
        assert!((far.0 - 0.1).abs() < 1e-12 && far.1 == 4.0, "{far:?}");
        assert!((beyond(1.0, 2.0, 0.1, true)[1] - 0.125).abs() < 1e-12);
        assert_eq!(ends(&Line::of_shock(&[-1.0, 0.0, 1.0], -2.5, 2.0)), (-2.5, 2.0));
        let log = Line::cells(&[1.0, 4.0], 2, true);
        assert_eq!(log.nodes, [1.0, 2.0, 4.0]);
        let whole = Line::whole(0.0, 9.0);
        assert_eq!((read(&whole, 3.4, |x| x), read(&whole, 3.6, |x| x)), (3.0, 4.0));
        let coarse = Line::cells(&grid, 8, false).coarser(9);
        assert_eq!((ends(&coarse), coarse.nodes.len()), ((0.0, 4.0), 9));
        let cubic = |x: f64| x.powi(3) - x;
        assert!((read(&coarse, 1.3, cubic) - cubic(1.3)).abs() < 1e-10);
    }

    #[test]
    fn rows_hold_the_chances_of_where_jobs_lead() {
        let mesh = Mesh {
            lines: vec![Line::cells(&[0.0, 1.0], 2, false), Line::whole(0.0, 2.0)],
            states: 1,
            horizon: Some(3),
        };
        assert_eq!(mesh.places(), 9);
        // Two draws of the first job, none of the second, and one of the third that leads beyond the last period.
        let landings = Landings {
            jobs: vec![0, 0, 2],
            chances: vec![0.4, 0.5, 0.9],
            periods: vec![1, 2, 3],
            places: vec![0.25, 1.0, 0.5],
        };
        let rows = mesh.rows(&landings, 3);
        let value = |k: usize| mesh.place(k)[0] + 10.0 * mesh.place(k)[1];
        let sum: f64 = rows[0].iter().map(|(k, w)| w * value(*k)).sum();
        assert!((sum - (0.4 * 10.25 + 0.5 * 21.0)).abs() < 1e-12, "{rows:?}");
        assert!(rows[1].is_empty() && rows[2].is_empty(), "{rows:?}");
    }
}
