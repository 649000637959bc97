//! Ranges of expressions in which a value occurs more than once, for which interval arithmetic is too wide.
//!
//! `s - min(s, d)`, `max(s, d) - s`, `x - x * share` and `a * x + (1 - a) * x` are written out as polynomials of values that stand
//! for themselves. A sum with `min`, `max`, `abs` or `if` is one of two sums without it, and the smaller or larger of them where its factor has
//! a known sign; a polynomial that is linear in each of its variables is largest and smallest at corners of their ranges.
//! Conditions that are known to hold (`g >= 0`) bound a sum through what is left of it less `g`.
//!
//! The bounds hold for real numbers: a computed value may lie outside by rounding.

use super::{Binary, Graph, Interval, NodeId, Op, Unary};
use std::collections::{BTreeMap, HashMap};

/// Most values whose corners are tried together.
const CORNERS: usize = 10;
/// Most choices between two sums along one way.
const SPLITS: usize = 7;
/// Most terms of a polynomial.
const TERMS: usize = 60;

/// The range of a node's elements where every element of every node in the list `facts` is at least zero: within the
/// node's own domain, and often narrower.
pub fn range(graph: &Graph, node: NodeId, facts: &[NodeId]) -> Interval {
    let mut all = Ranges {
        graph,
        numbers: HashMap::new(),
        first: Vec::new(),
        number: vec![None; graph.nodes.len()],
    };
    let domain = graph.nodes[node.0 as usize].domain;
    let sum = all.polynomial(node);
    let (mut lo, mut hi) = all.bounds(&sum, SPLITS);
    for fact in facts {
        let fact = all.polynomial(*fact);
        lo = lo.max(all.bounds(&plus(&sum, &fact, -1.0), SPLITS).0);
        hi = hi.min(all.bounds(&plus(&sum, &fact, 1.0), SPLITS).1);
    }
    if lo <= hi {
        domain.intersect(Interval::closed(lo, hi))
    } else {
        domain
    }
}

/// Terms with their factors: the values of a product, ascending.
type Sum = BTreeMap<Vec<usize>, f64>;

fn constant(x: f64) -> Sum {
    Sum::from([(Vec::new(), x)])
}

fn plus(a: &Sum, b: &Sum, factor: f64) -> Sum {
    let mut out = a.clone();
    for (term, x) in b {
        let y = out.entry(term.clone()).or_insert(0.0);
        *y += factor * x;
        if *y == 0.0 {
            out.remove(term);
        }
    }
    out
}

fn times(a: &Sum, b: &Sum) -> Sum {
    let mut out = Sum::new();
    for (s, x) in a {
        for (t, y) in b {
            let mut term = [s.as_slice(), t.as_slice()].concat();
            term.sort_unstable();
            let z = out.entry(term).or_insert(0.0);
            *z += x * y;
        }
    }
    out.retain(|_, x| *x != 0.0);
    out
}

/// `c` with `0 * infinity = 0`: an end of a range is never attained where it is infinite.
fn product(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

fn interval_product(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let all = [
        product(a.0, b.0),
        product(a.0, b.1),
        product(a.1, b.0),
        product(a.1, b.1),
    ];
    (
        all.iter().copied().fold(f64::INFINITY, f64::min),
        all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    )
}

/// A value that is one of two sums.
struct Split {
    sums: [Sum; 2],
    /// 1 where it is the larger of them, -1 where it is the smaller one, 0 where nothing is known.
    larger: f64,
    /// A sum that is not negative where it is the first, and not positive where it is the second.
    known: Option<Sum>,
}

struct Ranges<'a> {
    graph: &'a Graph,
    /// Numbers of values by what they compute from which numbers: nodes that compute the same have the same.
    numbers: HashMap<String, usize>,
    /// The first node of each number.
    first: Vec<NodeId>,
    /// Of each node.
    number: Vec<Option<usize>>,
}

impl Ranges<'_> {
    fn number_of(&mut self, node: NodeId) -> usize {
        if let Some(n) = self.number[node.0 as usize] {
            return n;
        }
        let mut op = self.graph.nodes[node.0 as usize].op.clone();
        // Operands are named by their numbers.
        super::build::for_operands(&mut op, &mut |o| *o = NodeId(self.number_of(*o) as u32));
        let key = format!("{op:?}");
        let n = *self.numbers.entry(key).or_insert_with(|| {
            self.first.push(node);
            self.first.len() - 1
        });
        self.number[node.0 as usize] = Some(n);
        n
    }

    fn value(&mut self, node: NodeId) -> Sum {
        Sum::from([(vec![self.number_of(node)], 1.0)])
    }

    /// A node with its sums and products written out.
    fn polynomial(&mut self, node: NodeId) -> Sum {
        let graph = self.graph;
        let n = &graph.nodes[node.0 as usize];
        if let Some(x) = n.domain.as_point() {
            return constant(x);
        }
        let made = match &n.op {
            Op::Unary(Unary::Neg, x) => plus(&Sum::new(), &self.polynomial(*x), -1.0),
            Op::Binary(Binary::Add, a, b) => plus(&self.polynomial(*a), &self.polynomial(*b), 1.0),
            Op::Binary(Binary::Sub, a, b) => plus(&self.polynomial(*a), &self.polynomial(*b), -1.0),
            Op::Binary(Binary::Mul, a, b) => times(&self.polynomial(*a), &self.polynomial(*b)),
            Op::Binary(Binary::Div, a, b) => match graph.nodes[b.0 as usize].domain.as_point() {
                Some(x) if x != 0.0 => times(&self.polynomial(*a), &constant(1.0 / x)),
                _ => return self.value(node),
            },
            _ => return self.value(node),
        };
        if made.len() <= TERMS { made } else { self.value(node) }
    }

    /// Two sums one of which a value is.
    fn split(&mut self, number: usize) -> Option<Split> {
        let graph = self.graph;
        let either = |first: Sum, second: Sum, larger: f64| Split {
            sums: [first, second],
            larger,
            known: None,
        };
        match &graph.nodes[self.first[number].0 as usize].op {
            Op::Binary(Binary::Min, a, b) => Some(either(self.polynomial(*a), self.polynomial(*b), -1.0)),
            Op::Binary(Binary::Max, a, b) => Some(either(self.polynomial(*a), self.polynomial(*b), 1.0)),
            Op::Unary(Unary::Abs, x) => {
                let x = self.polynomial(*x);
                Some(either(x.clone(), plus(&Sum::new(), &x, -1.0), 1.0))
            }
            Op::Select(c, a, b) => {
                let difference = match &graph.nodes[c.0 as usize].op {
                    Op::Binary(Binary::Gt | Binary::Ge, x, y) => Some((*x, *y)),
                    Op::Binary(Binary::Lt | Binary::Le, x, y) => Some((*y, *x)),
                    _ => None,
                };
                let known = difference.map(|(x, y)| plus(&self.polynomial(x), &self.polynomial(y), -1.0));
                Some(Split {
                    known,
                    ..either(self.polynomial(*a), self.polynomial(*b), 0.0)
                })
            }
            _ => None,
        }
    }

    fn bounds(&mut self, sum: &Sum, splits: usize) -> (f64, f64) {
        let plain = self.corners(sum);
        if splits == 0 || sum.len() > TERMS {
            return plain;
        }
        let mut numbers: Vec<usize> = sum.keys().flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        // What was computed last first: it may be made of the others.
        for number in numbers.into_iter().rev() {
            let Some(split) = self.split(number) else {
                continue;
            };
            let mut sides = [(0.0, 0.0); 2];
            for (k, side) in sides.iter_mut().enumerate() {
                let own = replaced(sum, number, &split.sums[k]);
                *side = self.bounds(&own, splits - 1);
                if let Some(known) = &split.known {
                    let sign = if k == 0 { 1.0 } else { -1.0 };
                    side.0 = side.0.max(self.bounds(&plus(&own, known, -sign), splits - 1).0);
                    side.1 = side.1.min(self.bounds(&plus(&own, known, sign), splits - 1).1);
                }
            }
            let [x, y] = sides;
            let sign = match factor(sum, number) {
                Some(f) => {
                    let (lo, hi) = self.bounds(&f, splits - 1);
                    split.larger * f64::from(i8::from(lo >= 0.0) - i8::from(hi <= 0.0))
                }
                None => 0.0,
            };
            let found = if sign < 0.0 {
                (x.0.min(y.0), x.1.min(y.1))
            } else if sign > 0.0 {
                (x.0.max(y.0), x.1.max(y.1))
            } else {
                (x.0.min(y.0), x.1.max(y.1))
            };
            return (found.0.max(plain.0), found.1.min(plain.1));
        }
        plain
    }

    /// Values as they are: those in several terms at the corners of their ranges, the others by interval arithmetic.
    fn corners(&self, sum: &Sum) -> (f64, f64) {
        let domain = |n: usize| {
            let d = self.graph.nodes[self.first[n].0 as usize].domain;
            (d.lo, d.hi)
        };
        let mut counts: BTreeMap<usize, (usize, bool)> = BTreeMap::new();
        for term in sum.keys() {
            for (i, n) in term.iter().enumerate() {
                let c = counts.entry(*n).or_insert((0, true));
                if i > 0 && term[i - 1] == *n {
                    c.1 = false; // a power
                } else {
                    c.0 += 1;
                }
            }
        }
        // A factor of a value that stands in several terms shares its fate.
        let repeated = |n: usize| {
            counts[&n].0 > 1
                || sum
                    .keys()
                    .filter(|term| term.contains(&n))
                    .any(|term| term.iter().any(|m| counts[m].0 > 1))
        };
        let fixed: Vec<usize> = counts
            .iter()
            .filter(|(n, (_, linear))| {
                let (lo, hi) = domain(**n);
                repeated(**n) && *linear && lo.is_finite() && hi.is_finite()
            })
            .map(|(n, _)| *n)
            .take(CORNERS)
            .collect();
        let mut out = (f64::INFINITY, f64::NEG_INFINITY);
        for corner in 0..1usize << fixed.len() {
            let at = |n: usize| -> Option<f64> {
                let k = fixed.iter().position(|f| *f == n)?;
                let (lo, hi) = domain(n);
                Some(if corner >> k & 1 == 1 { hi } else { lo })
            };
            // What is left, with like terms put together.
            let mut rest = Sum::new();
            for (term, x) in sum {
                let factor: f64 = term.iter().filter_map(|n| at(*n)).product();
                let left: Vec<usize> = term.iter().copied().filter(|n| at(*n).is_none()).collect();
                *rest.entry(left).or_insert(0.0) += x * factor;
            }
            let (mut lo, mut hi) = (0.0, 0.0);
            for (term, x) in &rest {
                let range = term
                    .iter()
                    .fold((*x, *x), |range, n| interval_product(range, domain(*n)));
                (lo, hi) = (lo + range.0, hi + range.1);
            }
            // Infinity less infinity may be anything.
            out.0 = out.0.min(if lo.is_nan() { f64::NEG_INFINITY } else { lo });
            out.1 = out.1.max(if hi.is_nan() { f64::INFINITY } else { hi });
        }
        out
    }
}

/// The sum with another one in the place of a value.
fn replaced(sum: &Sum, number: usize, by: &Sum) -> Sum {
    let mut out = Sum::new();
    for (term, x) in sum {
        let power = term.iter().filter(|n| **n == number).count();
        let rest: Vec<usize> = term.iter().copied().filter(|n| *n != number).collect();
        let mut part = Sum::from([(rest, *x)]);
        for _ in 0..power {
            part = times(&part, by);
        }
        out = plus(&out, &part, 1.0);
    }
    out
}

/// What a value is multiplied by, where the sum is linear in it.
fn factor(sum: &Sum, number: usize) -> Option<Sum> {
    let mut out = Sum::new();
    for (term, x) in sum {
        match term.iter().filter(|n| **n == number).count() {
            0 => {}
            1 => {
                out.insert(term.iter().copied().filter(|n| *n != number).collect(), *x);
            }
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Span;
    use crate::graph::{InputKind, Phase};

    struct Plain(Graph);
    impl Plain {
        fn value(&mut self, lo: f64, hi: f64) -> NodeId {
            self.0.add_input(
                "x",
                InputKind::State(0),
                Vec::new(),
                Interval::closed(lo, hi),
                Phase::Dated,
            )
        }
        fn node(&mut self, op: Op) -> NodeId {
            self.0.add(op, Span::default()).unwrap()
        }
        fn two(&mut self, f: Binary, a: NodeId, b: NodeId) -> NodeId {
            self.node(Op::Binary(f, a, b))
        }
    }

    fn ends(i: Interval) -> (f64, f64) {
        (i.lo, i.hi)
    }

    #[test]
    fn what_is_left_after_sales_is_a_stock() {
        let inf = f64::INFINITY;
        let mut g = Plain(Graph::default());
        let (s, q, d) = (g.value(0.0, 8.0), g.value(0.0, 4.0), g.value(0.0, inf));
        let eight = g.node(Op::Const(8.0));
        // The stock is written twice.
        let (have, again) = (g.two(Binary::Add, s, q), g.two(Binary::Add, q, s));
        let sold = g.two(Binary::Min, have, d);
        let left = g.two(Binary::Sub, again, sold);
        assert_eq!(ends(g.0.nodes[left.0 as usize].domain), (-12.0, 12.0));
        assert_eq!(ends(range(&g.0, left, &[])), (0.0, 12.0));
        // Where no more than eight fit in, no more are left.
        let room = g.two(Binary::Sub, eight, have);
        assert_eq!(ends(range(&g.0, left, &[room])), (0.0, 8.0));
        // The same with the larger of two, with a choice, and in a share of it.
        let more = g.two(Binary::Max, have, d);
        let over = g.two(Binary::Sub, more, have);
        assert_eq!(ends(range(&g.0, over, &[])), (0.0, inf));
        let (enough, zero) = (g.two(Binary::Ge, have, d), g.node(Op::Const(0.0)));
        let rest = g.two(Binary::Sub, have, d);
        let chosen = g.node(Op::Select(enough, rest, zero));
        assert_eq!(ends(range(&g.0, chosen, &[])), (0.0, 12.0));
        let share = g.value(0.0, 0.9);
        let kept = g.two(Binary::Mul, share, left);
        assert_eq!(ends(range(&g.0, kept, &[])).0, 0.0);
    }

    #[test]
    fn shares_of_a_value_are_no_more_than_it() {
        let inf = f64::INFINITY;
        let mut g = Plain(Graph::default());
        let (x, y, a, far) = (
            g.value(1.0, 5.0),
            g.value(2.0, 3.0),
            g.value(0.0, 1.0),
            g.value(0.0, inf),
        );
        let one = g.node(Op::Const(1.0));
        let (part, other) = (g.two(Binary::Mul, a, x), g.two(Binary::Sub, one, a));
        let rest = g.two(Binary::Sub, x, part);
        assert_eq!(ends(range(&g.0, rest, &[])), (0.0, 5.0));
        let (of_y, of_x) = (g.two(Binary::Mul, other, y), g.two(Binary::Mul, other, x));
        let mixed = g.two(Binary::Add, part, of_y);
        assert_eq!(ends(range(&g.0, mixed, &[])), (1.0, 5.0));
        let same = g.two(Binary::Add, part, of_x);
        assert_eq!(ends(range(&g.0, same, &[])), (1.0, 5.0));
        let lost = g.two(Binary::Mul, far, a);
        let left = g.two(Binary::Sub, far, lost);
        assert_eq!(ends(range(&g.0, left, &[])), (0.0, inf));
        // A square of what may be negative.
        let z = g.value(-1.0, 2.0);
        let square = g.two(Binary::Mul, z, z);
        let (lo, hi) = ends(range(&g.0, square, &[]));
        assert!(lo <= 0.0 && hi >= 4.0, "{lo} {hi}");
    }

    /// Every value that an expression takes lies in its range, whatever the expression.
    #[test]
    fn values_lie_in_their_ranges() {
        use crate::num::random::Key;
        for number in 0..400u64 {
            let key = Key::new(7, number);
            let mut at = 0;
            let mut draw = |n: usize| {
                at += 1;
                ((key.uniform(at, 0) * n as f64) as usize).min(n - 1)
            };
            let mut g = Plain(Graph::default());
            let ranges = [(0.0, 1.0), (-2.0, 3.0), (0.0, 5.0), (1.0, 2.0)];
            let mut nodes: Vec<NodeId> = ranges.iter().map(|r| g.value(r.0, r.1)).collect();
            nodes.push(g.node(Op::Const(1.5)));
            for _ in 0..7 {
                let pick = |k: usize| nodes[k];
                let (a, b, c) = (
                    pick(draw(nodes.len())),
                    pick(draw(nodes.len())),
                    pick(draw(nodes.len())),
                );
                let f = [
                    Binary::Add,
                    Binary::Sub,
                    Binary::Mul,
                    Binary::Min,
                    Binary::Max,
                    Binary::Div,
                ][draw(6)];
                let node = match draw(9) {
                    0 => g.node(Op::Unary(Unary::Abs, a)),
                    1 => {
                        let condition = g.two([Binary::Gt, Binary::Le][draw(2)], a, b);
                        g.node(Op::Select(condition, b, c))
                    }
                    _ => g.two(f, a, b),
                };
                nodes.push(node);
            }
            let node = nodes[nodes.len() - 1];
            let found = range(&g.0, node, &[]);
            for trial in 0..200u64 {
                let inputs: Vec<Vec<f64>> = ranges
                    .iter()
                    .enumerate()
                    .map(|(k, (lo, hi))| vec![lo + (hi - lo) * key.uniform(1000 + trial, k as u64)])
                    .collect();
                let y = crate::graph::eval::evaluate(&g.0, &inputs).unwrap().nodes[node.0 as usize][0];
                let slack = 1e-9 * (1.0 + y.abs());
                assert!(
                    y.is_nan() || (y >= found.lo - slack && y <= found.hi + slack),
                    "{number}: {y} outside {found:?}"
                );
            }
        }
    }
}
