//! Which axes become lanes.

use crate::graph::{AxisId, AxisKind, Graph, Op};

/// Which axes become lanes, one flag per axis of the graph: those of populations with more than `threshold` members,
/// their views, and parts of a large stack. Where two unrelated large axes meet in one value the smaller one (a set
/// before a population) is unrolled.
pub fn lane_axes(graph: &Graph, threshold: usize) -> Vec<bool> {
    let n = graph.axes.len();
    // Families of views of one another.
    let mut family: Vec<usize> = (0..n).collect();
    fn find(family: &mut [usize], a: usize) -> usize {
        let mut root = a;
        while family[root] != root {
            root = family[root];
        }
        family[a] = root;
        root
    }
    let join = |family: &mut Vec<usize>, a: usize, b: usize| {
        let (a, b) = (find(family, a), find(family, b));
        family[a.max(b)] = a.min(b);
    };
    for (a, axis) in graph.axes.iter().enumerate() {
        match axis.kind {
            AxisKind::Alias(of) | AxisKind::Others(of) if (of.0 as usize) < n => join(&mut family, a, of.0 as usize),
            AxisKind::Alias(_) | AxisKind::Others(_) | AxisKind::Population | AxisKind::Set | AxisKind::Stack(_) => {}
        }
    }
    for node in &graph.nodes {
        if let Op::Relabel { from, to, .. } = node.op
            && (from.0 as usize) < n
            && (to.0 as usize) < n
        {
            join(&mut family, from.0 as usize, to.0 as usize);
        }
    }
    let family: Vec<usize> = (0..n).map(|a| find(&mut family, a)).collect();
    let size = |f: usize| {
        (0..n)
            .filter(|a| family[*a] == f)
            .map(|a| graph.axes[a].size)
            .max()
            .unwrap_or(0)
    };
    let is_set = |f: usize| (0..n).all(|a| family[a] != f || graph.axes[a].kind == AxisKind::Set);
    let mut large: Vec<bool> = (0..n).map(|f| size(f) > threshold).collect();
    // Parts of a large stack, down to the last level.
    for _ in 0..n {
        for (a, axis) in graph.axes.iter().enumerate() {
            if let AxisKind::Stack(parts) = &axis.kind
                && large[family[a]]
            {
                for p in parts {
                    if (p.0 as usize) < n {
                        large[family[p.0 as usize]] = true;
                    }
                }
            }
        }
    }
    loop {
        let mut smallest: Option<usize> = None;
        for node in &graph.nodes {
            let mut present: Vec<usize> = node
                .shape
                .iter()
                .map(|a: &AxisId| family[a.0 as usize])
                .filter(|f| large[*f])
                .collect();
            present.sort_unstable();
            present.dedup();
            if present.len() > 1 {
                smallest = present.into_iter().min_by_key(|f| (!is_set(*f), size(*f)));
                break;
            }
        }
        match smallest {
            Some(f) => large[f] = false,
            None => break,
        }
    }
    (0..n).map(|a| large[family[a]]).collect()
}
