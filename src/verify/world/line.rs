//! One dimension of a mesh: its nodes, and how a function is read between and beyond them.

use super::value::{Weights, weights};

/// Cells next to an end of the grid that are in no group: what is wrong there is what the grid's end does.
const LAST: usize = 2;
/// Widest cell beyond a grid in logarithms, as a ratio of its ends, where the grid's own are no wider.
const WIDEST: f64 = 2.0;
/// Parts of a cell of the state grid.
const PARTS: usize = 4;

/// How a function is read along a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Along {
    /// At the nearest node.
    Nearest,
    /// By a line between the two nearest nodes.
    Straight,
    /// By the polynomial of the cell: so many parts each.
    Cells(usize),
    /// By the cubic through the four nearest nodes.
    Smooth,
}

/// One dimension of a mesh.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) nodes: Vec<f64>,
    pub(super) along: Along,
    /// Nodes are whole numbers.
    pub(super) whole: bool,
    /// Nodes are even in the log.
    pub(super) log: bool,
    /// Ends of what is looked at closely.
    pub(super) inner: (f64, f64),
    /// The nodes as coordinates of polynomials: their logs where they are even in the log.
    scaled: Vec<f64>,
    /// The nodes from the first of these to before the second are looked at closely.
    close: (usize, usize),
}

impl Line {
    pub(super) fn whole(lo: f64, hi: f64) -> Line {
        let (lo, hi) = (lo.floor() as i64, hi.ceil() as i64);
        Line::of(
            (lo..=hi.max(lo)).map(|x| x as f64).collect(),
            Along::Nearest,
            true,
            false,
        )
    }

    /// One that is looked at closely all over; `nodes` ascend.
    pub(super) fn of(nodes: Vec<f64>, along: Along, whole: bool, log: bool) -> Line {
        Line {
            inner: (nodes[0], nodes[nodes.len() - 1]),
            scaled: scaled(&nodes, log),
            close: (0, nodes.len()),
            nodes,
            along,
            whole,
            log,
        }
    }

    /// Cells between `breaks`, each in `parts`.
    pub(super) fn cells(breaks: &[f64], parts: usize, log: bool) -> Line {
        let mut nodes = Vec::with_capacity((breaks.len() - 1) * parts + 1);
        for b in breaks.windows(2) {
            nodes.extend((0..parts).map(|i| mix(b[0], b[1], i as f64 / parts as f64, log)));
        }
        nodes.extend(breaks.last());
        Line::of(nodes, Along::Cells(parts), false, log)
    }

    /// Along a state of the solution's grid: over the cells that hold `lo` to `hi`, and beyond its ends as far as `close` goes, there in cells each twice as
    /// wide as the one before.
    pub(super) fn of_state(grid: &[f64], (lo, hi): (f64, f64), close: (f64, f64), log: bool) -> Line {
        let n = grid.len();
        if n < 2 {
            return Line::of(grid.to_vec(), Along::Nearest, false, log);
        }
        // What leads off the grid leads over all that lies before its end.
        let (lo, hi) = (
            if close.0 < grid[0] { grid[0] } else { lo },
            if close.1 > grid[n - 1] { grid[n - 1] } else { hi },
        );
        let below = grid.partition_point(|x| *x < lo).clamp(1, n) - 1;
        let above = grid.partition_point(|x| *x <= hi).clamp(1, n - 1);
        let (first, last) = (below.min(n - 2), above.max(below.min(n - 2) + 1));
        let mut breaks = beyond(grid[0], grid[1], close.0, log);
        breaks.reverse();
        breaks.extend(&grid[first..=last]);
        breaks.extend(beyond(grid[n - 1], grid[n - 2], close.1, log));
        Line::cells(&breaks, PARTS, log)
    }

    /// Goes on on both sides to the ends of the `grid`, in `groups` of its cells, and beyond these as far as `far` goes, each group in `parts`.
    pub(super) fn wider(&self, grid: &[f64], far: (f64, f64), (groups, parts): (usize, usize)) -> Line {
        let n = grid.len();
        if n < 2 {
            return self.clone();
        }
        let (lo, hi) = self.inner;
        let mut below: Vec<f64> = grid.iter().rev().copied().filter(|x| *x < lo).collect();
        below.insert(0, lo);
        let mut above: Vec<f64> = grid.iter().copied().filter(|x| *x > hi).collect();
        above.insert(0, hi);
        let side = |inside: &[f64], cell: (f64, f64), far: f64| -> Vec<f64> {
            let mut breaks = vec![inside[0]];
            breaks.extend(grouped(inside, groups));
            // From the end of the grid, or from where a streak has led beyond it already, by cells as wide as the grid's last.
            let from = breaks[breaks.len() - 1];
            let inner = if self.log {
                from * cell.1 / cell.0
            } else {
                from - cell.0 + cell.1
            };
            breaks.extend(beyond(from, inner, far, self.log));
            let mut nodes: Vec<f64> = Vec::new();
            for b in breaks.windows(2) {
                nodes.extend((1..=parts).map(|i| {
                    if i == parts {
                        b[1]
                    } else {
                        mix(b[0], b[1], i as f64 / parts as f64, self.log)
                    }
                }));
            }
            nodes
        };
        let mut nodes = side(&below, (grid[0], grid[1]), far.0);
        nodes.reverse();
        nodes.extend(&self.nodes);
        nodes.extend(side(&above, (grid[n - 1], grid[n - 2]), far.1));
        Line {
            inner: self.inner,
            close: (
                nodes.partition_point(|v| *v < self.inner.0),
                nodes.partition_point(|v| *v <= self.inner.1),
            ),
            ..Line::of(nodes, self.along, self.whole, self.log)
        }
    }

    /// Along a continuous shock: the states of its chain that are visited, and what lies beyond them.
    pub(super) fn of_shock(links: &[f64], lo: f64, hi: f64) -> Line {
        if !(lo < hi) {
            return Line::of(vec![lo], Along::Nearest, false, false);
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
    pub(super) fn coarser(&self, n: usize) -> Line {
        let (a, b) = (self.nodes[0], self.nodes[self.nodes.len() - 1]);
        let mut nodes: Vec<f64> = (0..n)
            .map(|i| mix(a, b, i as f64 / (n - 1) as f64, self.log))
            .map(|x| if self.whole { x.round() } else { x })
            .collect();
        nodes.dedup();
        Line::of(nodes, Along::Smooth, self.whole, self.log)
    }

    fn coordinate(&self, x: f64) -> f64 {
        if self.log && self.nodes[0] > 0.0 { x.ln() } else { x }
    }

    /// Whether a number lies beyond the ends.
    pub(super) fn beyond(&self, x: f64) -> bool {
        x < self.nodes[0] || x > self.nodes[self.nodes.len() - 1]
    }

    /// Numbers of nodes and weights that stand for a function at `x`; beyond the ends those at the end.
    pub(super) fn at(&self, x: f64) -> Weights {
        let n = self.nodes.len();
        let inside = x.max(self.nodes[0]).min(self.nodes[n - 1]);
        if n == 1 {
            return Weights::one(0);
        }
        let cell = self.nodes.partition_point(|v| *v <= inside).clamp(1, n - 1) - 1;
        match self.along {
            Along::Nearest => {
                let up = inside - self.nodes[cell] > 0.5 * (self.nodes[cell + 1] - self.nodes[cell]);
                Weights::one(cell + usize::from(up))
            }
            Along::Straight => Weights::polynomial(&self.scaled, cell, cell + 2, self.coordinate(inside)),
            // Far from lives a polynomial over large cells swings, and who looks for better choices there finds where it is too high.
            _ if inside < self.inner.0 || inside > self.inner.1 => {
                Weights::polynomial(&self.scaled, cell, cell + 2, self.coordinate(inside))
            }
            Along::Cells(parts) => {
                let before = self.close.0;
                let first = before + (cell - before) / parts * parts;
                Weights::polynomial(&self.scaled, first, (first + parts + 1).min(n), self.coordinate(inside))
            }
            Along::Smooth => {
                let (before, after) = self.close;
                let near = weights(&self.scaled[before..after], self.coordinate(inside));
                Weights::new(near.iter().map(|(i, w)| (before + i, *w)))
            }
        }
    }
}

/// Ends of cells from `end` of a grid outwards until `far` is reached, the first as wide as the grid's last one (to the node `inner`) and each twice as
/// wide as the one before, in logarithms up to [`WIDEST`]; none where `far` is not beyond.
fn beyond(end: f64, inner: f64, far: f64, log: bool) -> Vec<f64> {
    let mut out = Vec::new();
    let (mut last, mut step) = (end, 1.0);
    while (far - last) * (end - inner) > 0.0 {
        let next = mix(inner, end, step + 1.0, log);
        last = if (far - next) * (end - inner) > 0.0 { next } else { far };
        out.push(last);
        let widest = if log && end > 0.0 && inner > 0.0 {
            (WIDEST.ln() / (end / inner).ln().abs()).max(1.0)
        } else {
            f64::INFINITY
        };
        step += (step + 1.0).min(widest);
    }
    out
}

/// Ends of groups of cells, from the first of `nodes` to the last (the first is left out): an odd number of cells in each, so that places in parts of a group are
/// between nodes, and the last ones alone.
fn grouped(nodes: &[f64], groups: usize) -> Vec<f64> {
    if groups == 0 {
        return Vec::new();
    }
    let cells = nodes.len() - 1;
    let each = cells.div_ceil(groups) | 1;
    let ends = (1..=cells).filter(|k| k % each == 0 || cells - k <= LAST);
    ends.map(|k| nodes[k]).collect()
}

/// Nodes as coordinates of polynomials.
fn scaled(nodes: &[f64], log: bool) -> Vec<f64> {
    if log && nodes[0] > 0.0 {
        nodes.iter().map(|x| x.ln()).collect()
    } else {
        nodes.to_vec()
    }
}

/// A point between two numbers.
fn mix(a: f64, b: f64, t: f64, log: bool) -> f64 {
    if log && a > 0.0 {
        (a.ln() + t * (b.ln() - a.ln())).exp()
    } else {
        a + t * (b - a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &Line, x: f64, f: impl Fn(f64) -> f64) -> f64 {
        line.at(x).iter().map(|(i, w)| w * f(line.nodes[*i])).sum()
    }

    fn over(grid: &[f64], inner: (f64, f64), close: (f64, f64), log: bool) -> Line {
        Line::of_state(grid, inner, close, log)
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
    fn lines_run_over_what_was_visited_and_in_groups_to_the_ends() {
        let grid: Vec<f64> = (0..=20).map(f64::from).collect();
        let line = over(&grid, (9.5, 10.5), (9.5, 10.5), false);
        assert_eq!(line.inner, (9.0, 11.0));
        let wide = line.wider(&grid, (-0.5, 10.5), (2, 4));
        let breaks: Vec<f64> = wide.nodes.iter().step_by(PARTS).copied().collect();
        // Groups of five, the last two cells before each end alone, and what lies beyond the lower one.
        assert_eq!(
            breaks,
            [-0.5, 0.0, 1.0, 2.0, 4.0, 9.0, 10.0, 11.0, 16.0, 18.0, 19.0, 20.0]
        );
        assert_eq!(wide.inner, (9.0, 11.0));
        // Inside as before, whatever lies beyond; there by lines.
        let cubic = |x: f64| (x - 10.0).powi(3);
        for x in [9.1, 9.97, 10.3] {
            assert!((read(&wide, x, cubic) - cubic(x)).abs() < 1e-12, "{x}");
        }
        assert!((read(&wide, 4.4, |x| 2.0 * x) - 8.8).abs() < 1e-12 && read(&wide, 3.75, |x| (x - 4.0).abs()) < 0.26);
        let coarse = line.coarser(5).wider(&grid, (0.0, 20.0), (1, 1));
        assert_eq!(
            coarse.nodes,
            [0.0, 1.0, 2.0, 9.0, 9.5, 10.0, 10.5, 11.0, 18.0, 19.0, 20.0]
        );
        assert!((read(&coarse, 9.3, cubic) - cubic(9.3)).abs() < 1e-12);
        // Grids that are visited all over have no groups.
        assert_eq!(grouped(&grid[20..], 2), Vec::<f64>::new());
        assert_eq!(grouped(&grid[14..], 2), [17.0, 18.0, 19.0, 20.0]);
        assert_eq!(grouped(&grid[17..], usize::MAX), [18.0, 19.0, 20.0]);
    }

    #[test]
    fn lines_run_over_what_was_visited() {
        let grid = [0.0, 1.0, 2.0, 3.0, 4.0];
        let ends = |l: &Line| (l.nodes[0], l.nodes[l.nodes.len() - 1]);
        assert_eq!(ends(&over(&grid, (1.2, 2.5), (1.2, 2.5), false)), (1.0, 3.0));
        assert_eq!(ends(&over(&grid, (0.0, 0.0), (0.0, 0.0), false)), (0.0, 1.0));
        assert_eq!(ends(&over(&grid, (4.0, 4.0), (4.0, 4.0), false)), (3.0, 4.0));
        assert_eq!(over(&grid, (1.2, 2.5), (1.2, 2.5), false).nodes.len(), 2 * PARTS + 1);
        // Off the grid in cells of 1 and 2, and what is left.
        let far = over(&grid, (3.2, 3.5), (3.0, 8.5), false);
        assert_eq!((ends(&far), far.nodes.len()), ((3.0, 8.5), 4 * PARTS + 1));
        assert_eq!(far.nodes[2 * PARTS], 5.0);
        assert_eq!(far.nodes[3 * PARTS], 7.0);
        let ratio = [1.0, 2.0, 4.0];
        let far = ends(&over(&ratio, (3.0, 3.5), (0.1, 3.0), true));
        assert!((far.0 - 0.1).abs() < 1e-12 && far.1 == 4.0, "{far:?}");
        assert!((beyond(1.0, 2.0, 0.1, true)[1] - 0.25).abs() < 1e-12);
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
}
