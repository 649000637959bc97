//! Members who were all born in the same way, followed as points: where lives end and few things are drawn, members stand at few places, and between
//! these nobody is. Nodes would put each such place on two, and wider apart with every period.
//!
//! Points of a member kind (whole-number states and joint state of the chains) that fall into one small cell are joined to one, at the mean of theirs.

use super::flow::Flow;
use super::histogram::Nodes;

/// Fewest small cells of the continuous state.
const CELLS: usize = 2000;
/// Most periods that lives last, and what is left of a cohort that counts as none.
const LONGEST: usize = 400;
const NOBODY: f64 = 1e-14;

/// Points `(value, mass)` of one kind of members, ascending.
type Row = Vec<(f64, f64)>;

/// Small cells of an axis.
struct Cells<'a> {
    axis: &'a [f64],
    /// In each cell of the axis.
    parts: usize,
}

impl Cells<'_> {
    /// The node at or below `x` and the share of the way to the next, in 0 to 1.
    fn locate(&self, x: f64) -> (usize, f64) {
        let low = (self.axis.partition_point(|n| *n <= x).max(1) - 1).min(self.axis.len().saturating_sub(2));
        match self.axis.get(low + 1) {
            Some(next) => (low, ((x - self.axis[low]) / (next - self.axis[low])).clamp(0.0, 1.0)),
            None => (0, 0.0),
        }
    }

    /// The number of the small cell with `x`, which it has in its middle: a node is not the edge of two.
    fn number(&self, x: f64) -> usize {
        let (low, share) = self.locate(x);
        low * self.parts + (share * self.parts as f64).round() as usize
    }

    /// The middle of a small cell.
    fn middle(&self, number: usize) -> f64 {
        let low = (number / self.parts).min(self.axis.len().saturating_sub(2));
        let share = (number - low * self.parts) as f64 / self.parts as f64;
        self.axis[low] + share * (self.axis.get(low + 1).unwrap_or(&self.axis[low]) - self.axis[low])
    }

    /// Joins points of one cell, at their mean.
    fn join(&self, row: &mut Row) {
        row.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut out: Row = Vec::with_capacity(row.len());
        let mut last = usize::MAX;
        for &(x, m) in row.iter().filter(|p| p.1 > 0.0) {
            let number = self.number(x);
            match out.last_mut() {
                Some(p) if number == last => {
                    // Equal points stay where they are, to the last digit.
                    if p.0 != x {
                        p.0 = (p.0 * p.1 + x * m) / (p.1 + m);
                    }
                    p.1 += m;
                }
                _ => out.push((x, m)),
            }
            last = number;
        }
        *row = out;
    }

    /// With a value of no mass for the cell on either side of every point where nobody is.
    fn with_gaps(&self, row: &Row) -> Row {
        let numbers: Vec<usize> = row.iter().map(|p| self.number(p.0)).collect();
        let mut out: Row = Vec::with_capacity(row.len());
        for (i, p) in row.iter().enumerate() {
            let gap = i > 0 && numbers[i] > numbers[i - 1] + 1;
            if gap {
                out.push((self.middle(numbers[i - 1] + 1), 0.0));
                if numbers[i] > numbers[i - 1] + 2 {
                    out.push((self.middle(numbers[i] - 1), 0.0));
                }
            }
            out.push(*p);
        }
        out
    }
}

/// How the one continuous state (number `state` of the nodes' axes; all others take whole numbers) is distributed over members who were all born with the
/// states `first` and the chances `shocks` of the chains: pairs `(value, mass)`, ascending, all mass 1, with pairs of no mass where nobody is between
/// two others. `None` where lives last too long to follow each.
pub(super) fn lived(
    flow: &Flow,
    nodes: &Nodes,
    state: usize,
    (first, shocks): (&[f64], &[f64]),
) -> Option<Vec<(f64, f64)>> {
    let (axes, nz) = (nodes.axes(), nodes.shocks());
    let axis = &axes[state];
    let cells = Cells {
        axis,
        parts: CELLS.div_ceil(axis.len().max(2) - 1),
    };
    let kinds: usize = (axes.iter().enumerate())
        .filter(|(s, _)| *s != state)
        .map(|(_, a)| a.len())
        .product();
    // The node of a kind at a node of the continuous axis, and the kind of a node.
    let mut node_of = vec![vec![0; axis.len()]; kinds];
    let mut kind_of = vec![0; nodes.len()];
    for (node, kind) in kind_of.iter_mut().enumerate() {
        let others = (0..axes.len()).filter(|s| *s != state);
        *kind = others.fold(0, |k, s| k * axes[s].len() + nodes.index(node, s));
        node_of[*kind][nodes.index(node, state)] = node;
    }
    let next: Vec<Vec<(f64, usize)>> = (flow.branches.iter())
        .map(|b| {
            let one = |place: usize| {
                let others = (0..axes.len()).filter(|s| *s != state);
                let kind = others.fold(0, |k, s| {
                    let x = b.to.next(nodes, place, s);
                    k * axes[s].len() + axes[s].partition_point(|n| *n < x - 0.5).min(axes[s].len() - 1)
                });
                (b.to.next(nodes, place, state), kind)
            };
            (0..nodes.places()).map(one).collect()
        })
        .collect();
    let born = (axes.iter().enumerate())
        .filter(|(s, _)| *s != state)
        .fold(0, |k, (s, a)| {
            k * a.len() + a.partition_point(|n| *n < first[s] - 0.5).min(a.len() - 1)
        });
    let mut cohort: Vec<Row> = vec![Vec::new(); kinds * nz];
    for (z, p) in shocks.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        cohort[born * nz + z].push((first[state], *p));
    }
    let mut all: Row = Vec::new();
    for _ in 0..LONGEST {
        crate::limits::poll();
        all.extend(cohort.iter().flatten());
        cells.join(&mut all);
        let mut later: Vec<Row> = vec![Vec::new(); kinds * nz];
        for (own, row) in cohort.iter().enumerate().filter(|(_, r)| !r.is_empty()) {
            let (kind, z) = (own / nz, own % nz);
            for &(x, m) in row {
                let (low, share) = cells.locate(x);
                let at = |i: usize| node_of[kind][(low + i).min(axis.len() - 1)] * nz + z;
                let (here, above) = (at(0), at(1));
                for (branch, next) in flow.branches.iter().zip(&next) {
                    let chance = (1.0 - share) * branch.chance[here] + share * branch.chance[above];
                    if chance > 0.0 {
                        let to = (1.0 - share) * next[here].0 + share * next[above].0;
                        let kind = if share < 0.5 { next[here].1 } else { next[above].1 };
                        let moved = flow.transition[z].iter().enumerate().filter(|(_, p)| **p > 0.0);
                        moved.for_each(|(z, p)| later[kind * nz + z].push((to, m * chance * p)));
                    }
                }
            }
        }
        later.iter_mut().for_each(|row| cells.join(row));
        cohort = later;
        if cohort.iter().flatten().map(|p| p.1).sum::<f64>() < NOBODY {
            let sum: f64 = all.iter().map(|p| p.1).sum();
            all.iter_mut().for_each(|p| p.1 /= sum);
            return Some(cells.with_gaps(&all));
        }
    }
    None
}
