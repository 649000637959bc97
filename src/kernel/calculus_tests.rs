//! Derivatives of shaped graphs against those of the unrolled scalar graph and against finite differences.

use super::dag::Id;
use super::differentiate;
use super::lower::{InputBinding, Worlds};
use super::lower_tests::{Features, Random, close, random_inputs};
use super::members::{Members, MembersSpace};
use super::program::{Mode, Operand};
use crate::diag::Span;
use crate::graph::build::Builder;
use crate::graph::calculus::{adjoints, tangents};
use crate::graph::passes::simplify;
use crate::graph::{
    Axis, AxisId, AxisKind, Binary, Graph, InputId, InputKind, Interval, NodeId, Phase, Reduce, Root, Unary,
};
use crate::num::random::Stream;
use rand::RngExt;

/// Values of nodes at one point, through the unrolled scalar graph.
fn values(g: &Graph, nodes: &[NodeId], inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let lowered = Worlds::lower(g, &vec![InputBinding::Lanes; g.inputs.len()], nodes).unwrap();
    let at: Vec<f64> = lowered
        .slots
        .iter()
        .map(|s| inputs[s.input.0 as usize][s.element])
        .collect();
    let all: Vec<Id> = lowered.outputs.iter().flatten().copied().collect();
    let mut found = lowered.dag.evaluate(&all, &at).into_iter();
    lowered
        .outputs
        .iter()
        .map(|o| found.by_ref().take(o.len()).collect())
        .collect()
}

/// Inputs that are not unknowns.
fn given(g: &Graph) -> Vec<InputId> {
    let unknown = |i: &InputId| g.roots.iter().any(|r| r.unknowns.contains(i));
    (0..g.inputs.len() as u32)
        .map(InputId)
        .filter(|i| !unknown(i))
        .collect()
}

/// A table of weights over the shape of a node or an input.
fn table(b: &mut Builder, shape: &[AxisId], values: Vec<f64>) -> NodeId {
    b.table(values, shape.to_vec(), Span::default())
}

/// Shaped adjoints and tangents of all outputs against the gradient of the unrolled graph.
fn check(g: &Graph, outputs: &[NodeId], inputs: &[Vec<f64>], r: &mut Stream, tolerance: f64, what: &str) {
    let wrt = given(g);
    let random = |r: &mut Stream, n: usize| -> Vec<f64> { (0..n).map(|_| r.random::<f64>() - 0.5).collect() };
    let sizes: Vec<usize> = outputs
        .iter()
        .map(|o| g.elements(&g.nodes[o.0 as usize].shape))
        .collect();
    let weights: Vec<Vec<f64>> = sizes.iter().map(|n| random(r, *n)).collect();
    let directions: Vec<Vec<f64>> = g.inputs.iter().map(|i| random(r, g.elements(&i.shape))).collect();

    // The unrolled graph.
    let mut lowered = Worlds::lower(g, &vec![InputBinding::Lanes; g.inputs.len()], outputs).unwrap();
    let seeds: Vec<(Id, Id)> = lowered
        .outputs
        .clone()
        .iter()
        .flatten()
        .zip(weights.iter().flatten())
        .map(|(o, w)| (*o, lowered.dag.constant(*w)))
        .collect();
    let leaves: Vec<Id> = (0..lowered.slots.len()).map(|k| lowered.dag.input(k as u32)).collect();
    let pulled = differentiate::pullback(&mut lowered.dag, &seeds, &leaves);
    let at: Vec<f64> = lowered
        .slots
        .iter()
        .map(|s| inputs[s.input.0 as usize][s.element])
        .collect();
    let flat = lowered.dag.evaluate(&pulled, &at);
    let mut expected: Vec<Vec<f64>> = g.inputs.iter().map(|i| vec![0.0; g.elements(&i.shape)]).collect();
    for (slot, x) in lowered.slots.iter().zip(flat) {
        expected[slot.input.0 as usize][slot.element] = x;
    }

    // Reverse, shaped.
    let mut b = Builder::resume(g.clone());
    let seeds: Vec<(NodeId, NodeId)> = outputs
        .iter()
        .zip(&weights)
        .map(|(o, w)| {
            let shape = b.shape(*o).clone();
            (*o, table(&mut b, &shape, w.clone()))
        })
        .collect();
    let found = adjoints(&mut b, &seeds, &wrt);
    let nodes: Vec<NodeId> = found.iter().flatten().copied().collect();
    let simple = simplify(&b.graph, &nodes);
    let padded: Vec<Vec<f64>> = pad(&simple.graph, inputs);
    let mut numbers = values(&simple.graph, &simple.outputs, &padded).into_iter();
    for (input, adjoint) in wrt.iter().zip(&found) {
        let want = &expected[input.0 as usize];
        let got = match adjoint {
            Some(_) => numbers.next().unwrap(),
            None => vec![0.0; want.len()],
        };
        assert_eq!(got.len(), want.len(), "{what}");
        for (e, (x, y)) in got.iter().zip(want).enumerate() {
            assert!(
                close(*x, *y, tolerance),
                "{what}, adjoint of input {input:?} element {e}: {x} instead of {y}"
            );
        }
    }

    // Forward, shaped: the tangent along a direction, weighted, is the gradient times the direction.
    let mut b = Builder::resume(g.clone());
    let seeds: Vec<(InputId, NodeId)> = wrt
        .iter()
        .map(|i| {
            let shape = g.inputs[i.0 as usize].shape.clone();
            (*i, table(&mut b, &shape, directions[i.0 as usize].clone()))
        })
        .collect();
    let moved = tangents(&mut b, outputs, &seeds);
    let zero = b.constant(0.0, Span::default());
    let nodes: Vec<NodeId> = outputs
        .iter()
        .zip(&weights)
        .zip(&moved)
        .map(|((o, w), t)| {
            // Times the weights, which also gives it all axes.
            let shape = b.shape(*o).clone();
            let w = table(&mut b, &shape, w.clone());
            let product = b.binary(Binary::Mul, t.unwrap_or(zero), w, Span::default());
            let zeros = table(&mut b, &shape, vec![0.0; g.elements(&shape)]);
            b.binary(Binary::Add, product, zeros, Span::default())
        })
        .collect();
    let along: f64 = values(&b.graph, &nodes, &pad(&b.graph, inputs)).iter().flatten().sum();
    let want: f64 = wrt
        .iter()
        .flat_map(|i| expected[i.0 as usize].iter().zip(&directions[i.0 as usize]))
        .map(|(x, d)| x * d)
        .sum();
    assert!(
        close(along, want, tolerance),
        "{what}, tangent: {along} instead of {want}"
    );
}

/// Arrays for unknowns that were added.
fn pad(g: &Graph, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut all = inputs.to_vec();
    for i in &g.inputs[inputs.len()..] {
        all.push(vec![0.0; g.elements(&i.shape)]);
    }
    all
}

fn random_graphs(rounds: usize, features: Features, tolerance: f64, seed: u64) {
    let mut r = Stream::new(seed, 0);
    for round in 0..rounds {
        let firms = r.random_range(2..6);
        let mut random = Random::new(&mut r, firms, 2, features);
        for _ in 0..25 {
            random.step();
        }
        let (g, outputs) = random.finish(6);
        let inputs = random_inputs(&g, &mut r);
        check(&g, &outputs, &inputs, &mut r, tolerance, &format!("round {round}"));
    }
}

const SMOOTH: Features = Features {
    steps: false,
    others: true,
    twins: true,
    roots: false,
    quantiles: true,
};

#[test]
fn derivatives_of_random_shaped_graphs_equal_those_of_the_unrolled_graph() {
    random_graphs(80, SMOOTH, 1e-9, 31);
}

#[test]
fn derivatives_go_through_markets_of_random_graphs() {
    let features = Features { roots: true, ..SMOOTH };
    random_graphs(25, features, 1e-6, 32);
}

struct Goods {
    b: Builder,
    good: AxisId,
}

impl Goods {
    fn new(size: usize) -> Goods {
        let mut b = Builder::default();
        let good = b.add_axis(Axis {
            name: "good".into(),
            size,
            continuum: false,
            kind: AxisKind::Set,
        });
        Goods { b, good }
    }
    fn state(&mut self, name: &str, shape: Vec<AxisId>) -> NodeId {
        let k = self.b.graph.inputs.len();
        let domain = Interval::all();
        self.b
            .input(name, InputKind::State(k), shape, domain, Phase::Dated, Span::default())
            .1
    }
    fn op(&mut self, op: Binary, x: NodeId, y: NodeId) -> NodeId {
        self.b.binary(op, x, y, Span::default())
    }
    fn number(&mut self, x: f64) -> NodeId {
        self.b.constant(x, Span::default())
    }
}

/// Supply `s p^1.5` of each good meets demand `d - p + 0.1 * (sum of all prices)`: prices of all goods together.
#[test]
fn prices_that_depend_on_one_another_are_differentiated_together() {
    let mut m = Goods::new(3);
    let good = m.good;
    let (s, d) = (m.state("s", vec![good]), m.state("d", vec![good]));
    let (unknown, p) = m.b.input(
        "p",
        InputKind::Unknown(0),
        vec![good],
        Interval::all(),
        Phase::Cleared,
        Span::default(),
    );
    let exponent = m.number(1.5);
    let power = m.op(Binary::Pow, p, exponent);
    let supply = m.op(Binary::Mul, s, power);
    let total = m.b.reduce(Reduce::Sum, p, good, None, Span::default());
    let tenth = m.number(0.1);
    let spill = m.op(Binary::Mul, tenth, total);
    let less = m.op(Binary::Sub, d, p);
    let demand = m.op(Binary::Add, less, spill);
    let excess = m.op(Binary::Sub, demand, supply);
    let (lo, hi) = (m.number(0.01), m.number(50.0));
    let root = Root {
        unknowns: vec![unknown],
        residuals: vec![excess],
        brackets: vec![(lo, hi)],
        spans: vec![Span::default()],
    };
    let price = m.b.root(root, &[p])[0];
    let spent = m.op(Binary::Mul, price, supply);
    let g = m.b.graph;
    let inputs = vec![vec![1.0, 0.5, 2.0], vec![3.0, 4.0, 2.0], vec![1.0; 3]];
    check(
        &g,
        &[spent, price],
        &inputs,
        &mut Stream::new(3, 0),
        1e-7,
        "three goods",
    );

    // And against finite differences.
    let mut b = Builder::resume(g.clone());
    let one = b.constant(1.0, Span::default());
    let zero_first = b.table(vec![0.0, 1.0, 0.0], vec![AxisId(0)], Span::default());
    let seed = b.binary(Binary::Mul, one, zero_first, Span::default());
    let found = adjoints(&mut b, &[(price, seed)], &[InputId(1)])[0].unwrap();
    let gradient = values(&b.graph, &[found], &pad(&b.graph, &inputs)).remove(0);
    let middle = |inputs: &[Vec<f64>]| values(&g, &[price], inputs)[0][1];
    for k in 0..3 {
        let h = 1e-5;
        let (mut up, mut down) = (inputs.clone(), inputs.clone());
        up[1][k] += h;
        down[1][k] -= h;
        let slope = (middle(&up) - middle(&down)) / (2.0 * h);
        assert!(
            close(gradient[k], slope, 1e-7),
            "good {k}: {} instead of {slope}",
            gradient[k]
        );
    }
}

/// `mean over households of log(R k + w)` with `R` and `w` from mean capital, in members.
fn households(size: usize) -> (Builder, NodeId) {
    let mut m = Goods::new(size);
    let household = m.good;
    let k = m.state("k", vec![household]);
    let capital = m.b.reduce(Reduce::Mean, k, household, None, Span::default());
    let (alpha, less) = (m.number(0.36), m.number(-0.64));
    let rate = m.op(Binary::Pow, capital, less);
    let rate = m.op(Binary::Mul, alpha, rate);
    let wage = m.op(Binary::Pow, capital, alpha);
    let income = m.op(Binary::Mul, rate, k);
    let cash = m.op(Binary::Add, income, wage);
    let utility = m.b.unary(Unary::Log, cash, Span::default());
    let welfare = m.b.reduce(Reduce::Mean, utility, household, None, Span::default());
    (m.b, welfare)
}

#[test]
fn a_population_is_never_unrolled() {
    let gradient = |size: usize| {
        let (mut b, welfare) = households(size);
        let one = b.constant(1.0, Span::default());
        let found = adjoints(&mut b, &[(welfare, one)], &[InputId(0)])[0].unwrap();
        (b.graph, found)
    };
    let (small, _) = gradient(10);
    let (g, found) = gradient(10_000);
    assert_eq!(small.nodes.len(), g.nodes.len());
    // With members as lanes, against finite differences.
    let k: Vec<f64> = (0..10_000).map(|i| 1.0 + (i % 17) as f64 / 4.0).collect();
    let run = |g: &Graph, node: NodeId, k: &[f64]| -> Vec<f64> {
        let lowered = Members::<f64>::lower(g, &[InputBinding::Lanes], &[node]).unwrap();
        assert_eq!(lowered.slots()[0].mode, Mode::Lanes);
        let mut out = vec![0.0; lowered.output_slots()[0].members];
        lowered
            .run(&[Operand::Lanes(k)], &mut [&mut out], &mut MembersSpace::new())
            .unwrap();
        out
    };
    let slopes = run(&g, found, &k);
    let (plain, welfare) = households(10_000);
    for i in [0, 5, 9_999] {
        let h = 0.05;
        let (mut up, mut down) = (k.clone(), k.clone());
        up[i] += h;
        down[i] -= h;
        let w = |k: &[f64]| run(&plain.graph, welfare, k)[0];
        let slope = (w(&up) - w(&down)) / (2.0 * h);
        assert!(
            (slopes[i] - slope).abs() < 1e-3 * slope.abs() + 1e-12,
            "{i}: {} {slope}",
            slopes[i]
        );
    }
}

/// Masks, zeros in products, ties and slices, which random graphs rarely meet.
#[test]
fn products_with_zeros_masks_and_slices_have_their_derivatives() {
    let mut m = Goods::new(5);
    let good = m.good;
    let part = m.b.add_axis(Axis {
        name: "part".into(),
        size: 2,
        continuum: false,
        kind: AxisKind::Set,
    });
    let x = m.state("x", vec![good]);
    let two = m.number(2.5);
    let small = m.op(Binary::Lt, x, two);
    let mut outputs = Vec::new();
    for how in [
        Reduce::Prod,
        Reduce::Std,
        Reduce::Mean,
        Reduce::Max,
        Reduce::Quantile(0.4),
        Reduce::Sum,
    ] {
        for when in [None, Some(small)] {
            outputs.push(m.b.reduce(how, x, good, when, Span::default()));
        }
    }
    let slice = m.b.slice(x, good, part, 2, Span::default());
    let squares = m.op(Binary::Mul, slice, slice);
    outputs.push(squares);
    let g = m.b.graph;
    let mut r = Stream::new(9, 0);
    for point in [
        [1.0, 2.0, 3.0, 0.7, 1.3],
        [1.0, 0.0, 3.0, 0.7, 1.3],
        [1.0, 0.0, 3.0, 0.0, 1.3],
    ] {
        // Where two members are equal, order statistics of the unrolled graph have other subgradients.
        let smooth = point.iter().filter(|x| **x == 0.0).count() < 2;
        let chosen = if smooth { &outputs[..] } else { &outputs[..6] };
        check(&g, chosen, &[point.to_vec()], &mut r, 1e-9, &format!("{point:?}"));
    }
}
