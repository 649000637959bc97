//! Where everything stands: a layered layout after Sugiyama, Tagawa and Toda (1981), with lanes.
//!
//! * *Columns.* The phases from left to right; inside a phase as many columns as its longest chain of uses.
//! * *Lanes.* One for the top level, one for each agent, market and group, in the order that keeps the ends of edges
//!   close. Nothing else stands in a lane, so the boxes around them never overlap.
//! * *Tracks.* An edge over several columns runs along a track in the lane of its source, one track for all edges of
//!   that source. Edges leave their height only between columns, so none runs behind a box.
//! * *Order* in each column of each lane by barycentres, forward and backward, the best by the number of crossings,
//!   then by exchanges of neighbours. *Heights* by isotonic regression on the mean height of the neighbours.
//!
//! Edges against the direction of the period (they occur only inside a root problem) are drawn as arcs.

use super::{Drawing, column_of, shown_phase};
use crate::graph::Phase;
use crate::report::text::width;
use std::collections::BTreeMap;

/// A rectangle: left, top, width, height.
pub(super) type Rect = [f64; 4];

/// The finished layout.
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// One a node.
    pub(super) nodes: Vec<Rect>,
    /// Group, rectangle.
    pub(super) boxes: Vec<(usize, Rect)>,
    /// Phase, left and right end of its columns.
    pub(super) phases: Vec<(Phase, [f64; 2])>,
    /// The pieces of the edges.
    pub(super) links: Vec<Link>,
}

/// A piece of one or several edges that have the same source.
pub(super) struct Link {
    pub(super) source: usize,
    pub(super) from: [f64; 2],
    pub(super) to: [f64; 2],
    pub(super) shape: LinkShape,
}

/// How a piece is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkShape {
    /// From column to column, ending at a track.
    Curve,
    /// From column to column, ending at a node.
    Arrow,
    /// Along a track.
    Straight,
    /// Against the direction of the period.
    Back,
}

pub(super) const NAME_FONT: f64 = 13.0;
pub(super) const DOC_FONT: f64 = 10.5;
/// Height of the title and of the headings of the phases.
pub(super) const TOP: f64 = 96.0;
const MARGIN: f64 = 28.0;
const NODE_PAD: f64 = 11.0;
const NODE_WIDTHS: [f64; 2] = [64.0, 178.0];
const NODE_GAP: f64 = 12.0;
const TRACK_HEIGHT: f64 = 3.0;
const COLUMN_GAP: f64 = 62.0;
const BOX_LABEL: f64 = 25.0;
const BOX_PAD: f64 = 13.0;
const LANE_GAP: f64 = 16.0;
const SWEEPS: usize = 24;

/// A node, or a piece of a track, in one column of one lane.
struct Item {
    node: usize,
    is_track: bool,
    layer: usize,
    height: f64,
    /// Middle.
    y: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

struct Lane {
    group: Option<usize>,
    /// Boxes that open above it and close below it.
    opens: Vec<usize>,
    closes: usize,
    top: f64,
    height: f64,
}

/// Computes the layout.
pub(super) fn layout(drawing: &Drawing) -> Layout {
    let (layers, phases) = layers_of(drawing);
    let lanes = lanes_of(drawing);
    let mut net = Net::new(drawing, &layers, lanes);
    net.order();
    net.place();
    net.finish(drawing, phases)
}

/// Two lines if there is something for the second.
pub(super) fn node_height(drawing: &Drawing, node: usize) -> f64 {
    if drawing.nodes[node].doc.is_empty() { 28.0 } else { 40.0 }
}

/// The column of each node, and for each phase its first and last column.
fn layers_of(drawing: &Drawing) -> (Vec<usize>, Vec<(Phase, usize, usize)>) {
    let nodes = &drawing.nodes;
    let columns: Vec<usize> = nodes.iter().map(|n| column_of(shown_phase(n))).collect();
    let mut depth = vec![0usize; nodes.len()];
    // Longest chains inside a phase. In a cycle depths would grow for ever: no chain is longer than the number of
    // nodes, and an edge that still wants more is one that goes back.
    let inside: Vec<(usize, usize)> = forward_edges(drawing, &columns);
    for _ in 0..nodes.len() {
        let mut changed = false;
        for &(a, b) in &inside {
            if depth[b] <= depth[a] {
                depth[b] = depth[a] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut deepest: BTreeMap<usize, (Phase, usize)> = BTreeMap::new();
    for (i, node) in nodes.iter().enumerate() {
        let entry = deepest.entry(columns[i]).or_insert((shown_phase(node), 0));
        entry.1 = entry.1.max(depth[i]);
    }
    let mut first = BTreeMap::new();
    let mut phases = Vec::new();
    let mut next = 0;
    for (column, (phase, most)) in deepest {
        first.insert(column, next);
        phases.push((phase, next, next + most));
        next += most + 1;
    }
    let layers = (0..nodes.len())
        .map(|i| first.get(&columns[i]).copied().unwrap_or(0) + depth[i])
        .collect();
    (layers, phases)
}

/// Edges inside a phase without those that close a cycle.
fn forward_edges(drawing: &Drawing, columns: &[usize]) -> Vec<(usize, usize)> {
    let n = drawing.nodes.len();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); n];
    for &(a, b) in drawing.edges.iter().filter(|(a, b)| columns[*a] == columns[*b]) {
        users[a].push(b);
    }
    // Depth-first search without recursion: an edge to a node on the current path closes a cycle.
    let mut state = vec![0u8; n];
    let mut kept = Vec::new();
    for root in 0..n {
        if state[root] != 0 {
            continue;
        }
        state[root] = 1;
        let mut path = vec![(root, 0)];
        while let Some((node, at)) = path.pop() {
            let Some(&user) = users[node].get(at) else {
                state[node] = 2;
                continue;
            };
            path.push((node, at + 1));
            if state[user] != 1 {
                kept.push((node, user));
            }
            if state[user] == 0 {
                state[user] = 1;
                path.push((user, 0));
            }
        }
    }
    kept
}

/// The lanes from top to bottom: siblings in the order that keeps edges short.
fn lanes_of(drawing: &Drawing) -> Vec<Lane> {
    let root_of = |mut g: usize| {
        while let Some(p) = drawing.groups[g].parent {
            g = p;
        }
        g
    };
    // 0 is the top level, 1 + i the i-th root group
    let roots: Vec<usize> = (0..drawing.groups.len())
        .filter(|&g| drawing.groups[g].parent.is_none())
        .collect();
    let block = |node: usize| match drawing.nodes[node].group {
        None => 0,
        Some(g) => 1 + roots.iter().position(|r| *r == root_of(g)).unwrap_or(0),
    };
    let mut weight = vec![vec![0usize; roots.len() + 1]; roots.len() + 1];
    for &(a, b) in &drawing.edges {
        weight[block(a)][block(b)] += 1;
    }
    let mut lanes = Vec::new();
    for at in best_order(&weight) {
        match at.checked_sub(1) {
            None => lanes.push(Lane {
                group: None,
                opens: Vec::new(),
                closes: 0,
                top: 0.0,
                height: 0.0,
            }),
            Some(root) => push_lanes(drawing, roots[root], &mut lanes),
        }
    }
    lanes
}

fn push_lanes(drawing: &Drawing, group: usize, lanes: &mut Vec<Lane>) {
    let first = lanes.len();
    lanes.push(Lane {
        group: Some(group),
        opens: Vec::new(),
        closes: 0,
        top: 0.0,
        height: 0.0,
    });
    for inner in (group + 1..drawing.groups.len()).filter(|&g| drawing.groups[g].parent == Some(group)) {
        push_lanes(drawing, inner, lanes);
    }
    lanes[first].opens.insert(0, group);
    if let Some(last) = lanes.last_mut() {
        last.closes += 1;
    }
}

/// The order of blocks with the smallest sum of distances; all orders for up to seven, then the given one improved by
/// exchanges of neighbours.
fn best_order(weight: &[Vec<usize>]) -> Vec<usize> {
    let n = weight.len();
    let cost = |order: &[usize]| {
        let mut sum = 0;
        for i in 0..n {
            for j in 0..n {
                sum += weight[order[i]][order[j]] * i.abs_diff(j);
            }
        }
        sum
    };
    let mut best: Vec<usize> = (0..n).collect();
    let mut least = cost(&best);
    if n <= 7 {
        let mut order = best.clone();
        while next_permutation(&mut order) {
            if cost(&order) < least {
                least = cost(&order);
                best.clone_from(&order);
            }
        }
        return best;
    }
    let mut improved = true;
    while improved {
        improved = false;
        for i in 0..n - 1 {
            best.swap(i, i + 1);
            if cost(&best) < least {
                least = cost(&best);
                improved = true;
            } else {
                best.swap(i, i + 1);
            }
        }
    }
    best
}

/// The next order in lexical sequence; `false` after the last.
fn next_permutation(order: &mut [usize]) -> bool {
    let Some(at) = order.windows(2).rposition(|w| w[0] < w[1]) else {
        return false;
    };
    if let Some(with) = order.iter().rposition(|v| *v > order[at]) {
        order.swap(at, with);
    }
    order[at + 1..].reverse();
    true
}

/// Items, their places and their neighbours.
struct Net {
    items: Vec<Item>,
    lanes: Vec<Lane>,
    /// `cells[layer][lane]`: items from top to bottom.
    cells: Vec<Vec<Vec<usize>>>,
    /// Edges that do not go to a later column.
    back: Vec<(usize, usize)>,
    columns: Vec<[f64; 2]>,
}

impl Net {
    fn new(drawing: &Drawing, layers: &[usize], lanes: Vec<Lane>) -> Net {
        let count = layers.iter().max().map_or(1, |m| m + 1);
        let lane_of = |node: usize| {
            lanes
                .iter()
                .position(|l| l.group == drawing.nodes[node].group)
                .unwrap_or(0)
        };
        let mut net = Net {
            items: Vec::new(),
            cells: vec![vec![Vec::new(); lanes.len()]; count],
            back: Vec::new(),
            columns: column_places(drawing, layers, count),
            lanes: Vec::new(),
        };
        for (node, &layer) in layers.iter().enumerate() {
            net.add(node, false, lane_of(node), layer, node_height(drawing, node));
        }
        for source in 0..layers.len() {
            let users: Vec<usize> = drawing.edges.iter().filter(|e| e.0 == source).map(|e| e.1).collect();
            let mut track: BTreeMap<usize, usize> = BTreeMap::new();
            track.insert(layers[source], source);
            for user in users {
                if layers[user] <= layers[source] {
                    net.back.push((source, user));
                    continue;
                }
                for layer in layers[source] + 1..layers[user] {
                    if !track.contains_key(&layer) {
                        let item = net.add(source, true, lane_of(source), layer, TRACK_HEIGHT);
                        net.join(track[&(layer - 1)], item);
                        track.insert(layer, item);
                    }
                }
                net.join(track[&(layers[user] - 1)], user);
            }
        }
        net.lanes = lanes;
        net
    }

    fn add(&mut self, node: usize, is_track: bool, lane: usize, layer: usize, height: f64) -> usize {
        let item = self.items.len();
        self.items.push(Item {
            node,
            is_track,
            layer,
            height,
            y: 0.0,
            before: Vec::new(),
            after: Vec::new(),
        });
        self.cells[layer][lane].push(item);
        item
    }

    fn join(&mut self, from: usize, to: usize) {
        self.items[from].after.push(to);
        self.items[to].before.push(from);
    }

    /// Orders every cell: barycentre sweeps, then exchanges of neighbours.
    fn order(&mut self) {
        self.stack();
        let mut best = self.cells.clone();
        let mut least = self.crossings();
        for sweep in 0..SWEEPS {
            let forward = sweep % 2 == 0;
            let count = self.cells.len();
            for step in 0..count {
                let layer = if forward { step } else { count - 1 - step };
                for lane in 0..self.lanes.len() {
                    let mut cell = std::mem::take(&mut self.cells[layer][lane]);
                    // A stable sort: items without neighbours on that side keep their place by their own height.
                    cell.sort_by(|&a, &b| {
                        self.centre(a, forward, !forward)
                            .total_cmp(&self.centre(b, forward, !forward))
                    });
                    self.cells[layer][lane] = cell;
                }
                self.stack_layer(layer);
            }
            let now = self.crossings();
            if now < least {
                least = now;
                best.clone_from(&self.cells);
            }
        }
        self.cells = best;
        self.stack();
        self.exchange();
    }

    /// Exchanges neighbours in a cell while that removes crossings.
    fn exchange(&mut self) {
        for _ in 0..SWEEPS {
            let mut improved = false;
            for layer in 0..self.cells.len() {
                for lane in 0..self.lanes.len() {
                    for i in 1..self.cells[layer][lane].len() {
                        let before = self.crossings_around(layer);
                        self.cells[layer][lane].swap(i - 1, i);
                        self.stack_layer(layer);
                        if self.crossings_around(layer) < before {
                            improved = true;
                        } else {
                            self.cells[layer][lane].swap(i - 1, i);
                            self.stack_layer(layer);
                        }
                    }
                }
            }
            if !improved {
                return;
            }
        }
    }

    /// Provisional heights: everything from the top, lanes of equal size for all columns.
    fn stack(&mut self) {
        let mut top = 0.0;
        for lane in 0..self.lanes.len() {
            let height = self
                .cells
                .iter()
                .map(|c| self.cell_height(&c[lane]))
                .fold(0.0, f64::max);
            self.lanes[lane].top = top;
            self.lanes[lane].height = height;
            top += height + 80.0;
        }
        for layer in 0..self.cells.len() {
            self.stack_layer(layer);
        }
    }

    fn stack_layer(&mut self, layer: usize) {
        for lane in 0..self.lanes.len() {
            let cell = &self.cells[layer][lane];
            let spare = self.lanes[lane].height - self.cell_height(cell);
            let mut y = self.lanes[lane].top + spare / 2.0;
            for &item in cell {
                self.items[item].y = y + self.items[item].height / 2.0;
                y += self.items[item].height + NODE_GAP;
            }
        }
    }

    fn cell_height(&self, cell: &[usize]) -> f64 {
        let gaps = NODE_GAP * cell.len().saturating_sub(1) as f64;
        cell.iter().map(|&i| self.items[i].height).sum::<f64>() + gaps
    }

    /// Mean height of the neighbours on the chosen sides; the own height if there are none.
    fn centre(&self, item: usize, before: bool, after: bool) -> f64 {
        let this = &self.items[item];
        let sides = [(before, &this.before), (after, &this.after)];
        let heights: Vec<f64> = sides
            .iter()
            .filter(|s| s.0)
            .flat_map(|s| s.1.iter().map(|&n| self.items[n].y))
            .collect();
        if heights.is_empty() {
            this.y
        } else {
            heights.iter().sum::<f64>() / heights.len() as f64
        }
    }

    fn crossings(&self) -> usize {
        (0..self.cells.len()).map(|layer| self.crossings_after(layer)).sum()
    }

    fn crossings_around(&self, layer: usize) -> usize {
        self.crossings_after(layer) + layer.checked_sub(1).map_or(0, |before| self.crossings_after(before))
    }

    /// Crossings between a column and the next.
    fn crossings_after(&self, layer: usize) -> usize {
        let mut links: Vec<(f64, f64)> = Vec::new();
        for &item in self.cells[layer].iter().flatten() {
            links.extend(
                self.items[item]
                    .after
                    .iter()
                    .map(|&to| (self.items[item].y, self.items[to].y)),
            );
        }
        let mut count = 0;
        for (i, a) in links.iter().enumerate() {
            count += links[..i].iter().filter(|b| (a.0 - b.0) * (a.1 - b.1) < 0.0).count();
        }
        count
    }

    /// Final heights of lanes and items.
    fn place(&mut self) {
        let mut top = TOP;
        for lane in 0..self.lanes.len() {
            let height = self
                .cells
                .iter()
                .map(|c| self.cell_height(&c[lane]))
                .fold(0.0, f64::max);
            top += BOX_LABEL * self.lanes[lane].opens.len() as f64;
            self.lanes[lane].top = top;
            self.lanes[lane].height = height;
            top += height;
            top += BOX_PAD * self.lanes[lane].closes as f64;
            let empty = height == 0.0 && self.lanes[lane].opens.is_empty();
            top += if empty { 0.0 } else { LANE_GAP };
        }
        for layer in 0..self.cells.len() {
            self.stack_layer(layer);
        }
        let count = self.cells.len();
        for sweep in 0..SWEEPS {
            for step in 0..count {
                let layer = if sweep % 2 == 0 { step } else { count - 1 - step };
                // At the end both sides pull alike.
                let (before, after) = if sweep + 4 >= SWEEPS {
                    (true, true)
                } else {
                    (sweep % 2 == 0, sweep % 2 == 1)
                };
                for lane in 0..self.lanes.len() {
                    let cell = self.cells[layer][lane].clone();
                    let wanted: Vec<f64> = cell.iter().map(|&i| self.centre(i, before, after)).collect();
                    let heights: Vec<f64> = cell.iter().map(|&i| self.items[i].height).collect();
                    let bounds = [self.lanes[lane].top, self.lanes[lane].top + self.lanes[lane].height];
                    for (item, y) in cell.iter().zip(separated(&wanted, &heights, bounds)) {
                        self.items[*item].y = y;
                    }
                }
            }
        }
    }

    fn finish(self, drawing: &Drawing, phases: Vec<(Phase, usize, usize)>) -> Layout {
        let rect = |item: &Item| {
            let [left, size] = self.columns[item.layer];
            [left, item.y - item.height / 2.0, size, item.height]
        };
        let nodes: Vec<Rect> = self.items[..drawing.nodes.len()].iter().map(rect).collect();
        let boxes = self.boxes(drawing, &nodes);
        let links = self.links(&nodes);
        let right = self.columns.last().map_or(MARGIN, |c| c[0] + c[1]);
        let lower = self
            .lanes
            .last()
            .map_or(TOP, |l| l.top + l.height + BOX_PAD * l.closes as f64);
        let right = boxes.iter().map(|(_, b)| b[0] + b[2]).fold(right, f64::max);
        Layout {
            width: (right + MARGIN).max(360.0),
            height: lower + LANE_GAP,
            boxes,
            phases: phases
                .into_iter()
                .map(|(phase, first, last)| {
                    (
                        phase,
                        [self.columns[first][0], self.columns[last][0] + self.columns[last][1]],
                    )
                })
                .collect(),
            nodes,
            links,
        }
    }

    /// The rectangle around each group that has anything in it.
    fn boxes(&self, drawing: &Drawing, nodes: &[Rect]) -> Vec<(usize, Rect)> {
        let inside = |mut g: usize, outer: usize| loop {
            if g == outer {
                return true;
            }
            match drawing.groups[g].parent {
                Some(p) => g = p,
                None => return false,
            }
        };
        let depth_below = |group: usize| {
            // nested boxes stand further in, so the outer ones are wider
            let mut most = 0;
            for mut g in 0..drawing.groups.len() {
                let mut depth = 0;
                while g != group {
                    match drawing.groups[g].parent {
                        Some(p) => (g, depth) = (p, depth + 1),
                        None => break,
                    }
                }
                if g == group {
                    most = most.max(depth);
                }
            }
            most
        };
        let mut boxes = Vec::new();
        for group in 0..drawing.groups.len() {
            let members = nodes
                .iter()
                .zip(&drawing.nodes)
                .filter(|(_, n)| n.group.is_some_and(|g| inside(g, group)));
            let (mut left, mut right) = (f64::INFINITY, f64::NEG_INFINITY);
            for (rect, _) in members {
                left = left.min(rect[0]);
                right = right.max(rect[0] + rect[2]);
            }
            let lanes: Vec<&Lane> = self
                .lanes
                .iter()
                .filter(|l| l.group.is_some_and(|g| inside(g, group)))
                .collect();
            let (Some(first), Some(last)) = (lanes.first(), lanes.last()) else {
                continue;
            };
            if left > right {
                continue;
            }
            let pad = BOX_PAD + 7.0 * f64::from(depth_below(group));
            let top = first.top - BOX_LABEL;
            // of the boxes that close below the last lane, those further in close first
            let closes = 1.0 + f64::from(depth_of_last(drawing, last.group, group));
            let bottom = last.top + last.height + BOX_PAD * closes;
            let label = width(&drawing.groups[group].label, 12.0) + 24.0;
            boxes.push((
                group,
                [left - pad, top, (right - left + 2.0 * pad).max(label), bottom - top],
            ));
        }
        boxes
    }

    fn links(&self, nodes: &[Rect]) -> Vec<Link> {
        let mut links = Vec::new();
        let ends = |item: usize| {
            let [left, size] = self.columns[self.items[item].layer];
            [left, left + size]
        };
        for (to, item) in self.items.iter().enumerate() {
            let mut before = item.before.clone();
            before.sort_by(|a, b| self.items[*a].y.total_cmp(&self.items[*b].y));
            let spread = if before.len() > 1 {
                ((item.height - 14.0) / (before.len() - 1) as f64).min(8.0)
            } else {
                0.0
            };
            for (i, from) in before.iter().enumerate() {
                let port = if item.is_track {
                    0.0
                } else {
                    spread * (i as f64 - (before.len() - 1) as f64 / 2.0)
                };
                links.push(Link {
                    source: self.items[*from].node,
                    from: [ends(*from)[1], self.items[*from].y],
                    to: [ends(to)[0], item.y + port],
                    shape: if item.is_track {
                        LinkShape::Curve
                    } else {
                        LinkShape::Arrow
                    },
                });
            }
            if item.is_track {
                links.push(Link {
                    source: item.node,
                    from: [ends(to)[0], item.y],
                    to: [ends(to)[1], item.y],
                    shape: LinkShape::Straight,
                });
            }
        }
        for &(from, to) in &self.back {
            let [a, b] = [nodes[from], nodes[to]];
            links.push(Link {
                source: from,
                from: [a[0] + a[2] / 2.0, a[1]],
                to: [b[0] + b[2] / 2.0, b[1]],
                shape: LinkShape::Back,
            });
        }
        links
    }
}

/// How many groups lie between the lane's group and `outer`.
fn depth_of_last(drawing: &Drawing, group: Option<usize>, outer: usize) -> u32 {
    let mut depth = 0;
    let mut at = group;
    while let Some(g) = at {
        if g == outer {
            break;
        }
        depth += 1;
        at = drawing.groups[g].parent;
    }
    depth
}

/// Left end and width of each column: as wide as its widest node needs.
fn column_places(drawing: &Drawing, layers: &[usize], count: usize) -> Vec<[f64; 2]> {
    let [least, most] = NODE_WIDTHS;
    let mut widths = vec![least; count];
    for (i, (node, &layer)) in drawing.nodes.iter().zip(layers).enumerate() {
        let shape = width(&drawing.extra_shape(i), DOC_FONT);
        let name = width(&node.name, NAME_FONT) + shape + 6.0;
        let wanted = name.max(width(&node.doc, DOC_FONT)) + 2.0 * NODE_PAD;
        widths[layer] = widths[layer].max(wanted.min(most));
    }
    let mut left = MARGIN + 12.0;
    widths
        .into_iter()
        .map(|size| {
            let place = [left, size];
            left += size + COLUMN_GAP;
            place
        })
        .collect()
}

/// Middles in the given order, as near to `wanted` as possible (least squares), without overlap, inside `bounds`.
///
/// With `d[i]` the distance of middle `i` from middle 0 when packed, `y[i] - d[i]` must not fall: isotonic
/// regression by pooling adjacent violators; bounds by cutting the result.
fn separated(wanted: &[f64], heights: &[f64], bounds: [f64; 2]) -> Vec<f64> {
    let mut packed = Vec::with_capacity(wanted.len());
    let mut at = 0.0;
    for (i, h) in heights.iter().enumerate() {
        if i > 0 {
            at += heights[i - 1] / 2.0 + NODE_GAP + h / 2.0;
        }
        packed.push(at);
    }
    // blocks of (sum, count)
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (w, d) in wanted.iter().zip(&packed) {
        blocks.push((w - d, 1));
        while let [.., a, b] = blocks[..] {
            if a.0 / a.1 as f64 <= b.0 / b.1 as f64 {
                break;
            }
            blocks.truncate(blocks.len() - 2);
            blocks.push((a.0 + b.0, a.1 + b.1));
        }
    }
    let (Some(first), Some(last)) = (heights.first(), heights.last()) else {
        return Vec::new();
    };
    let low = bounds[0] + first / 2.0;
    let high = (bounds[1] - last / 2.0 - at).max(low);
    let bases = blocks
        .iter()
        .flat_map(|(sum, n)| std::iter::repeat_n((sum / *n as f64).clamp(low, high), *n));
    bases.zip(&packed).map(|(base, d)| base + d).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_apart_and_inside() {
        let y = separated(&[50.0, 50.0, 10.0], &[20.0, 20.0, 20.0], [0.0, 200.0]);
        assert!(y.windows(2).all(|w| w[1] - w[0] >= 20.0 + NODE_GAP - 1e-9), "{y:?}");
        assert!(y[0] >= 10.0 && y[2] <= 190.0);
        let tight = separated(&[500.0, 500.0], &[20.0, 20.0], [0.0, 52.0]);
        assert_eq!(tight, vec![10.0, 42.0]);
        assert_eq!(separated(&[7.0], &[4.0], [0.0, 100.0]), vec![7.0]);
        assert!(separated(&[], &[], [0.0, 1.0]).is_empty());
    }

    #[test]
    fn blocks_that_talk_to_each_other_stand_side_by_side() {
        // 0 talks to 3 only, 1 to 2 only
        let mut weight = vec![vec![0; 4]; 4];
        weight[0][3] = 5;
        weight[1][2] = 5;
        let order = best_order(&weight);
        let place = |b: usize| order.iter().position(|x| *x == b).unwrap();
        assert_eq!(place(0).abs_diff(place(3)), 1);
        assert_eq!(place(1).abs_diff(place(2)), 1);
    }

    #[test]
    fn every_order_is_visited() {
        let mut order = vec![0, 1, 2, 3];
        let mut count = 1;
        while next_permutation(&mut order) {
            count += 1;
        }
        assert_eq!((count, order), (24, vec![3, 2, 1, 0]));
    }
}
