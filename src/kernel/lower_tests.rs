//! Lowered graphs against the direct interpreter, on random shaped graphs.

use super::exec::{Interpreted, Operand, Workspace};
use super::lower::{ElementBinding, InputBinding, WorldLanes};
use super::math::{self, Real};
use super::program::Mode;
use crate::diag::Span;
use crate::graph::eval::{self, Functions, evaluate_with};
use crate::graph::{
    Axis, AxisId, AxisKind, Binary, Graph, InputId, InputKind, Interval, NodeId, Op, Phase, Reduce, Root, Shape, Unary,
};
use crate::num::random::Stream;
use rand::RngExt;

/// The interpreter with the kernel's own scalar functions.
pub const OWN: Functions = Functions {
    unary: math::unary::<f64>,
    binary: math::binary::<f64>,
};

pub const FIRM: AxisId = AxisId(0);
pub const GOOD: AxisId = AxisId(1);
pub const RIVAL: AxisId = AxisId(2);
pub const TWIN: AxisId = AxisId(3);
pub const FIRST: AxisId = AxisId(4);
pub const BOTH: AxisId = AxisId(5);
pub const BAKER: AxisId = AxisId(6);

/// What a random graph may contain.
#[derive(Clone, Copy)]
pub struct Features {
    /// Steps: floors and comparisons, which turn a last place into a whole.
    pub steps: bool,
    pub others: bool,
    pub twins: bool,
    pub roots: bool,
    pub quantiles: bool,
}

pub struct Random<'a> {
    pub g: Graph,
    r: &'a mut Stream,
    pool: Vec<NodeId>,
    features: Features,
}

pub fn axes(firms: usize, bakers: usize) -> Vec<Axis> {
    let axis = |name: &str, size, kind| Axis {
        name: name.into(),
        size,
        continuum: false,
        kind,
    };
    vec![
        axis("firm", firms, AxisKind::Population),
        axis("good", 2, AxisKind::Set),
        axis("others(firm)", firms - 1, AxisKind::Others(FIRM)),
        axis("j in firm", firms, AxisKind::Alias(FIRM)),
        axis("first", firms / 2, AxisKind::Set),
        axis("firm+baker", firms + bakers, AxisKind::Stack(vec![FIRM, BAKER])),
        axis("baker", bakers, AxisKind::Population),
    ]
}

impl<'a> Random<'a> {
    pub fn new(r: &'a mut Stream, firms: usize, bakers: usize, features: Features) -> Self {
        let mut g = Graph {
            axes: axes(firms, bakers),
            ..Graph::default()
        };
        let mut pool = Vec::new();
        for (k, shape) in [
            vec![],
            vec![FIRM],
            vec![GOOD],
            vec![FIRM, GOOD],
            vec![BAKER],
            vec![FIRM],
        ]
        .into_iter()
        .enumerate()
        {
            pool.push(g.add_input(
                &format!("x{k}"),
                InputKind::State(k),
                shape,
                Interval::all(),
                Phase::Dated,
            ));
        }
        Random { g, r, pool, features }
    }
    fn add(&mut self, op: Op) -> NodeId {
        self.g.add(op, Span::default()).unwrap()
    }
    fn shape(&self, n: NodeId) -> Shape {
        self.g.nodes[n.0 as usize].shape.clone()
    }
    fn number(&mut self, x: f64) -> NodeId {
        self.add(Op::Const(x))
    }
    fn pick(&mut self) -> NodeId {
        let n = self.pool.len();
        let recent = n.saturating_sub(10);
        let at = if self.r.random::<bool>() {
            self.r.random_range(recent..n)
        } else {
            self.r.random_range(0..n)
        };
        self.pool[at]
    }
    fn pick_with(&mut self, axis: AxisId) -> NodeId {
        for _ in 0..50 {
            let n = self.pick();
            if self.shape(n).contains(&axis) {
                return n;
            }
        }
        self.pool[if axis == BAKER {
            4
        } else if axis == GOOD {
            2
        } else {
            1
        }]
    }
    /// Two values whose shapes align.
    fn pair(&mut self) -> (NodeId, NodeId) {
        for _ in 0..50 {
            let (a, b) = (self.pick(), self.pick());
            let (s, t) = (self.shape(a), self.shape(b));
            if s.iter().all(|x| t.contains(x)) || t.iter().all(|x| s.contains(x)) {
                return (a, b);
            }
        }
        (self.pool[0], self.pool[1])
    }
    fn squash(&mut self, x: NodeId) -> NodeId {
        self.add(Op::Unary(Unary::Tanh, x))
    }
    fn how(&mut self) -> Reduce {
        let all = [
            Reduce::Sum,
            Reduce::Mean,
            Reduce::Prod,
            Reduce::Min,
            Reduce::Max,
            Reduce::Std,
            Reduce::Count,
            Reduce::Any,
            Reduce::All,
            Reduce::Argmax,
            Reduce::Quantile(0.3),
        ];
        loop {
            let how = all[self.r.random_range(0..all.len())];
            let stepped = matches!(how, Reduce::Count | Reduce::Any | Reduce::All | Reduce::Argmax);
            if (self.features.steps || !stepped) && (self.features.quantiles || how != Reduce::Quantile(0.3)) {
                return how;
            }
        }
    }
    fn reduced(&mut self, of: NodeId, axis: AxisId) -> NodeId {
        let how = self.how();
        let of = if how == Reduce::Prod {
            // products near one
            let t = self.squash(of);
            let k = self.number(0.01);
            let t = self.add(Op::Binary(Binary::Mul, k, t));
            let one = self.number(1.0);
            self.add(Op::Binary(Binary::Add, one, t))
        } else {
            of
        };
        let when = (self.features.steps && self.r.random_range(0..3) == 0).then(|| {
            let k = self.number(-0.2);
            self.add(Op::Binary(Binary::Lt, k, of))
        });
        self.add(Op::Reduce { how, of, axis, when })
    }
    pub fn step(&mut self) {
        let next = match self.r.random_range(0..16) {
            0 | 1 => {
                let (a, b) = self.pair();
                let ops = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Min, Binary::Max];
                let op = ops[self.r.random_range(0..ops.len())];
                self.add(Op::Binary(op, a, b))
            }
            2 => {
                let a = self.pick();
                let ops = [
                    Unary::Sin,
                    Unary::Cos,
                    Unary::Tanh,
                    Unary::NormalCdf,
                    Unary::Abs,
                    Unary::Neg,
                ];
                let op = ops[self.r.random_range(0..ops.len())];
                self.add(Op::Unary(op, a))
            }
            3 => {
                let a = self.pick();
                let t = self.squash(a);
                self.add(Op::Unary(Unary::Exp, t))
            }
            4 if self.features.steps => {
                let (a, b) = self.pair();
                let ops = [
                    Binary::Lt,
                    Binary::Le,
                    Binary::Eq,
                    Binary::Ne,
                    Binary::And,
                    Binary::Or,
                    Binary::Gt,
                ];
                let op = ops[self.r.random_range(0..ops.len())];
                let c = self.add(Op::Binary(op, a, b));
                self.add(Op::Select(c, b, a))
            }
            5 if self.features.steps => {
                let a = self.pick();
                let k = self.number(3.0);
                let a = self.add(Op::Binary(Binary::Mul, a, k));
                let ops = [Unary::Floor, Unary::Ceil, Unary::Round, Unary::Sign, Unary::Not];
                let op = ops[self.r.random_range(0..ops.len())];
                self.add(Op::Unary(op, a))
            }
            6 => {
                let axis = [FIRM, GOOD][self.r.random_range(0..2)];
                let of = self.pick_with(axis);
                self.reduced(of, axis)
            }
            7 => {
                let of = self.pick_with(BAKER);
                self.reduced(of, BAKER)
            }
            8 => {
                // an element by position
                let axis = [FIRM, GOOD, BAKER][self.r.random_range(0..3)];
                let of = self.pick_with(axis);
                let at = if self.r.random::<bool>() || !self.features.steps {
                    let k = self.r.random_range(0..3) as f64;
                    self.number(k)
                } else {
                    let a = self.pick();
                    if self.shape(a).iter().any(|x| self.shape(of).contains(x) && *x != axis) {
                        self.number(1.0)
                    } else {
                        let k = self.number(2.5);
                        self.add(Op::Binary(Binary::Mul, a, k))
                    }
                };
                self.add(Op::Take { of, axis, at })
            }
            9 if self.features.others => {
                // a reduction over everybody else, of a function of theirs and perhaps of mine
                let of = self.pick_with(FIRM);
                let other = self.add(Op::Others {
                    of,
                    axis: FIRM,
                    into: RIVAL,
                });
                let t = self.squash(other);
                let with_mine = self.features.twins && self.r.random::<bool>();
                let body = if with_mine {
                    self.add(Op::Binary(Binary::Sub, of, t))
                } else {
                    t
                };
                let mut how = self.how();
                while with_mine && matches!(how, Reduce::Quantile(_)) {
                    how = self.how();
                }
                if matches!(how, Reduce::Prod | Reduce::Std | Reduce::Argmax | Reduce::Quantile(_))
                    && !self.features.twins
                {
                    how = Reduce::Sum;
                }
                if matches!(how, Reduce::Quantile(_)) {
                    how = Reduce::Max;
                }
                if how == Reduce::Prod {
                    how = Reduce::Mean;
                }
                self.add(Op::Reduce {
                    how,
                    of: body,
                    axis: RIVAL,
                    when: None,
                })
            }
            10 if self.features.twins => {
                let of = self.pick_with(FIRM);
                let twin = self.add(Op::Relabel {
                    of,
                    from: FIRM,
                    to: TWIN,
                });
                let mine = self.pool[1];
                let both = self.add(Op::Binary(Binary::Mul, mine, twin));
                let both = self.squash(both);
                let how = [Reduce::Sum, Reduce::Mean, Reduce::Min, Reduce::Max, Reduce::Std][self.r.random_range(0..5)];
                self.add(Op::Reduce {
                    how,
                    of: both,
                    axis: TWIN,
                    when: None,
                })
            }
            11 => {
                let of = self.pool[[1, 5][self.r.random_range(0..2)]];
                let first = self.r.random_range(0..3).min(self.g.axes[0].size - self.g.axes[4].size);
                let part = self.add(Op::Slice {
                    of,
                    from: FIRM,
                    to: FIRST,
                    first,
                });
                self.reduced(part, FIRST)
            }
            12 => {
                let stack = self.add(Op::Stack {
                    parts: vec![(self.pool[1], FIRM), (self.pool[4], BAKER)],
                    to: BOTH,
                });
                let t = self.squash(stack);
                self.reduced(t, BOTH)
            }
            13 => {
                let p = self.add(Op::Position(FIRM));
                let k = self.number(0.01);
                self.add(Op::Binary(Binary::Mul, p, k))
            }
            14 => {
                let n = self.g.axes[0].size * 2;
                let values = (0..n).map(|i| ((i * 7919) % 13) as f64 / 6.0 - 1.0).collect();
                let id = self.number(0.0);
                self.g.nodes[id.0 as usize].op = Op::Table(values);
                self.g.nodes[id.0 as usize].shape = vec![FIRM, GOOD];
                id
            }
            15 if self.features.roots && self.g.roots.len() < 3 => self.root(),
            _ => {
                let a = self.pick();
                let t = self.add(Op::Unary(Unary::Abs, a));
                let t = self.add(Op::Unary(Unary::Log1p, t));
                self.add(Op::Unary(Unary::Sqrt, t))
            }
        };
        // keep magnitudes in hand
        let next = if self.r.random_range(0..3) == 0 && !self.features.steps {
            self.squash(next)
        } else {
            next
        };
        if self.shape(next).len() <= 2 {
            self.pool.push(next);
        }
    }
    /// `3 + tanh(e) + mean(tanh(p + x)) / 4 - p`: decreasing in p, so there is one root in [0, 10].
    fn root(&mut self) -> NodeId {
        let shapes = [vec![], vec![GOOD], vec![FIRM]];
        let shape = shapes[self.r.random_range(0..3)].clone();
        let number = self.g.inputs.len();
        let p = self.g.add_input(
            &format!("p{number}"),
            InputKind::Unknown(self.g.roots.len()),
            shape.clone(),
            Interval::all(),
            Phase::Cleared,
        );
        let e = loop {
            let e = self.pick();
            if self.shape(e).iter().all(|a| shape.contains(a)) {
                break e;
            }
        };
        let x = self.pool[5];
        let body = if shape == [FIRM] {
            self.add(Op::Binary(Binary::Add, p, x))
        } else {
            let sum = self.add(Op::Binary(Binary::Add, p, x));
            let t = self.squash(sum);
            self.add(Op::Reduce {
                how: Reduce::Mean,
                of: t,
                axis: FIRM,
                when: None,
            })
        };
        let t = self.squash(body);
        let quarter = self.number(0.25);
        let t = self.add(Op::Binary(Binary::Mul, quarter, t));
        let e = self.squash(e);
        let three = self.number(3.0);
        let e = self.add(Op::Binary(Binary::Add, e, three));
        let sum = self.add(Op::Binary(Binary::Add, e, t));
        let residual = self.add(Op::Binary(Binary::Sub, sum, p));
        let (lo, hi) = (self.number(0.0), self.number(10.0));
        let root = self.g.roots.len();
        self.g.roots.push(Root {
            unknowns: vec![InputId(number as u32)],
            residuals: vec![residual],
            brackets: vec![(lo, hi)],
            spans: vec![Span::default()],
        });
        let solution = self.add(Op::Root { root, which: 0 });
        // Something of the inside of the market, used outside.
        let inside = self.add(Op::Binary(Binary::Mul, sum, quarter));
        self.pool.push(inside);
        solution
    }
    pub fn finish(self, outputs: usize) -> (Graph, Vec<NodeId>) {
        let n = self.pool.len();
        let outputs = (0..outputs).map(|k| self.pool[n - 1 - k]).collect();
        (self.g, outputs)
    }
}

pub fn random_inputs(g: &Graph, r: &mut Stream) -> Vec<Vec<f64>> {
    g.inputs
        .iter()
        .map(|i| {
            (0..g.elements(&i.shape))
                .map(|_| (r.random::<f64>() - 0.5) * 4.0)
                .collect()
        })
        .collect()
}

pub fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    found == expected
        || (found.is_nan() && expected.is_nan())
        || (found - expected).abs() <= tolerance * (1.0 + expected.abs())
}

/// `worlds` worlds through the unrolled program against one evaluation each.
fn check_worlds<T: Interpreted>(rounds: usize, features: Features, tolerance: f64, seed: u64) {
    let mut r = Stream::new(seed, 0);
    let mut ws = Workspace::new();
    for round in 0..rounds {
        let firms = r.random_range(2..6);
        let mut random = Random::new(&mut r, firms, 2, features);
        for _ in 0..25 {
            random.step();
        }
        let (g, outputs) = random.finish(6);
        let worlds = 5;
        let sets: Vec<Vec<Vec<f64>>> = (0..worlds).map(|_| random_inputs(&g, &mut r)).collect();
        // Input 0 is uniform, input 2 constant, input 3 mixed, the others lanes.
        let mut bindings = vec![InputBinding::Lanes; g.inputs.len()];
        bindings[0] = InputBinding::Uniform;
        bindings[2] = InputBinding::Constant(sets[0][2].clone());
        let mixed = (0..sets[0][3].len()).map(|e| match e % 3 {
            0 => ElementBinding::Lanes,
            1 => ElementBinding::Uniform,
            _ => ElementBinding::Constant(sets[0][3][e]),
        });
        bindings[3] = InputBinding::Elements(mixed.collect());
        let world = |w: usize| {
            let mut inputs = sets[w].clone();
            inputs[0] = sets[0][0].clone();
            inputs[2] = sets[0][2].clone();
            for e in 0..inputs[3].len() {
                if e % 3 != 0 {
                    inputs[3][e] = sets[0][3][e];
                }
            }
            inputs
        };
        let lowered = WorldLanes::lower(&g, &bindings, &outputs).unwrap();
        let program = lowered.compile::<T>(true).unwrap();
        let columns: Vec<Vec<T>> = lowered
            .slots
            .iter()
            .map(|s| {
                (0..worlds)
                    .map(|w| T::from_f64(world(w)[s.input.0 as usize][s.element]))
                    .collect()
            })
            .collect();
        let operands: Vec<Operand<T>> = lowered
            .slots
            .iter()
            .zip(&columns)
            .map(|(s, c)| {
                if s.mode == Mode::Lanes {
                    Operand::Lanes(c)
                } else {
                    Operand::Uniform(c[0])
                }
            })
            .collect();
        let mut found = vec![vec![T::ZERO; worlds]; program.outputs()];
        let mut slices: Vec<&mut [T]> = found.iter_mut().map(|v| &mut v[..]).collect();
        program.run(&operands, worlds, &mut slices, &mut ws).unwrap();
        for w in 0..worlds {
            let values = evaluate_with(&g, &world(w), OWN).unwrap();
            let mut k = 0;
            for o in &outputs {
                for (e, expected) in values.nodes[o.0 as usize].iter().enumerate() {
                    let f = found[k][w].to_f64();
                    assert!(
                        close(f, *expected, tolerance),
                        "round {round} world {w} node {} element {e}: {f} instead of {expected}",
                        o.0
                    );
                    k += 1;
                }
            }
            for (root, status) in lowered.statuses.iter().enumerate() {
                if status.is_some() {
                    assert_eq!(found[k][w].to_f64(), 0.0);
                    assert_eq!(values.roots[root], eval::RootStatus::One);
                    k += 1;
                }
            }
        }
    }
}

const ALL: Features = Features {
    steps: true,
    others: true,
    twins: true,
    roots: false,
    quantiles: true,
};

#[test]
fn unrolled_worlds_equal_the_interpreter() {
    // To the bit, but for the sign of zeros.
    check_worlds::<f64>(120, ALL, 0.0, 6);
}

#[test]
fn unrolled_worlds_with_markets_agree_with_the_interpreter() {
    check_worlds::<f64>(
        40,
        Features {
            steps: false,
            roots: true,
            ..ALL
        },
        1e-10,
        7,
    );
}

mod members {
    use super::*;
    use crate::kernel::members::{Members, MembersSpace};

    fn check<T: Interpreted>(
        rounds: usize,
        features: Features,
        tolerance: f64,
        seed: u64,
        threshold: usize,
        sizes: (usize, usize),
    ) {
        let mut r = Stream::new(seed, 0);
        let mut space = MembersSpace::new();
        for round in 0..rounds {
            let firms = r.random_range(sizes.0..sizes.1);
            let bakers = r.random_range(1..12);
            let mut random = Random::new(&mut r, firms, bakers, features);
            for _ in 0..25 {
                random.step();
            }
            let (g, outputs) = random.finish(6);
            let mut inputs = random_inputs(&g, &mut r);
            let mut bindings = vec![InputBinding::Lanes; g.inputs.len()];
            if round % 2 == 0 {
                bindings[1] = InputBinding::Constant(inputs[1].clone());
            }
            let lowered = Members::<T>::lower_with(&g, &bindings, &outputs, threshold).unwrap();
            // Round the inputs first, so that both sides see the same numbers.
            for x in inputs.iter_mut().flatten() {
                *x = T::from_f64(*x).to_f64();
            }
            let columns: Vec<Vec<T>> = lowered
                .slots()
                .iter()
                .map(|s| {
                    let shape = &g.inputs[s.input.0 as usize].shape;
                    column(&g, shape, lowered.lanes(), s.element, &inputs[s.input.0 as usize])
                })
                .collect();
            let operands: Vec<Operand<T>> = lowered
                .slots()
                .iter()
                .zip(&columns)
                .map(|(s, c)| {
                    if s.mode == Mode::Lanes {
                        Operand::Lanes(c)
                    } else {
                        Operand::Uniform(c[0])
                    }
                })
                .collect();
            let mut found: Vec<Vec<T>> = lowered
                .output_slots()
                .iter()
                .map(|s| vec![T::ZERO; s.members])
                .collect();
            for _ in 0..2 {
                let mut slices: Vec<&mut [T]> = found.iter_mut().map(|v| &mut v[..]).collect();
                lowered.run(&operands, &mut slices, &mut space).unwrap();
            }
            let values = evaluate_with(&g, &inputs, OWN).unwrap();
            for (slot, f) in lowered.output_slots().iter().zip(&found) {
                let node = outputs[slot.output];
                let shape = &g.nodes[node.0 as usize].shape;
                let expected: Vec<f64> =
                    column(&g, shape, lowered.lanes(), slot.element, &values.nodes[node.0 as usize]);
                for (i, (x, e)) in f.iter().zip(&expected).enumerate() {
                    assert!(
                        close(x.to_f64(), *e, tolerance),
                        "round {round} ({firms} firms) node {} element {} member {i}: {} instead of {e}",
                        node.0,
                        slot.element,
                        x.to_f64()
                    );
                }
            }
            for status in space.statuses().iter().flatten() {
                assert_eq!(*status, 0.0);
            }
        }
    }

    /// The array along the lane axis of one element of the other axes.
    fn column<T: Real>(g: &Graph, shape: &[AxisId], lanes: &[bool], element: usize, data: &[f64]) -> Vec<T> {
        let size = |a: &AxisId| g.axes[a.0 as usize].size;
        let lane = shape.iter().find(|a| lanes[a.0 as usize]);
        let mut at = vec![0; g.axes.len()];
        let mut rest = element;
        for a in shape.iter().rev().filter(|a| !lanes[a.0 as usize]) {
            at[a.0 as usize] = rest % size(a);
            rest /= size(a);
        }
        (0..lane.map_or(1, size))
            .map(|i| {
                if let Some(a) = lane {
                    at[a.0 as usize] = i;
                }
                T::from_f64(data[shape.iter().fold(0, |sum, a| sum * size(a) + at[a.0 as usize])])
            })
            .collect()
    }

    const PLAIN: Features = Features { others: false, ..ALL };

    #[test]
    fn members_as_lanes_equal_the_interpreter() {
        // To the bit: the order of every sum is the same.
        check::<f64>(60, PLAIN, 0.0, 16, 3, (8, 40));
        check::<f64>(25, PLAIN, 0.0, 17, 64, (65, 400));
    }

    #[test]
    fn everybody_else_agrees_up_to_the_rounding_of_totals() {
        check::<f64>(
            60,
            Features {
                steps: false,
                others: true,
                ..ALL
            },
            1e-11,
            18,
            3,
            (8, 40),
        );
    }

    #[test]
    fn markets_clear_over_populations() {
        check::<f64>(
            30,
            Features {
                steps: false,
                roots: true,
                ..PLAIN
            },
            1e-10,
            19,
            3,
            (8, 20),
        );
    }

    #[test]
    fn all_axes_small_is_one_scalar_world() {
        check::<f64>(30, PLAIN, 0.0, 21, 1000, (3, 6));
    }
}
