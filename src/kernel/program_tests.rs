//! Programs against the plain evaluation of their graph, on every tier, in both precisions, for odd numbers of lanes.

use super::*;
use crate::kernel::dag::{Dag, Id, RootProblem};
use crate::kernel::root;
use crate::num::random::Stream;
use rand::RngExt;

const UNARY: [Unary; 16] = [
    Unary::Neg,
    Unary::Not,
    Unary::Abs,
    Unary::Sign,
    Unary::Exp,
    Unary::Log,
    Unary::Log1p,
    Unary::Sqrt,
    Unary::Sin,
    Unary::Cos,
    Unary::Tanh,
    Unary::Floor,
    Unary::Ceil,
    Unary::Round,
    Unary::NormalCdf,
    Unary::NormalQuantile,
];
const BINARY: [Binary; 17] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Pow,
    Binary::Mod,
    Binary::IntDiv,
    Binary::Min,
    Binary::Max,
    Binary::Eq,
    Binary::Ne,
    Binary::Lt,
    Binary::Le,
    Binary::Gt,
    Binary::Ge,
    Binary::And,
    Binary::Or,
];

fn random_graph(r: &mut Stream, n_inputs: u32, size: usize) -> (Dag, Vec<Id>) {
    let mut dag = Dag::new();
    let mut pool: Vec<Id> = (0..n_inputs).map(|i| dag.input(i)).collect();
    for c in [0.0, 1.0, -2.5, 0.3] {
        pool.push(dag.constant(c));
    }
    for _ in 0..size {
        let pick = |r: &mut Stream| {
            let recent = pool.len().saturating_sub(12);
            let at = if r.random::<f64>() < 0.5 {
                r.random_range(recent..pool.len())
            } else {
                r.random_range(0..pool.len())
            };
            pool[at]
        };
        let (a, b, c) = (pick(r), pick(r), pick(r));
        let id = match r.random_range(0..10) {
            0..=2 => dag.unary(UNARY[r.random_range(0..UNARY.len())], a),
            3..=6 => dag.binary(BINARY[r.random_range(0..BINARY.len())], a, b),
            7 => dag.select(c, a, b),
            8 => {
                let p = dag.mul(a, b);
                dag.add(p, c)
            }
            _ => dag.lookup(&[3.0, -1.0, 0.5, 7.0, 2.0], a),
        };
        pool.push(id);
    }
    let outputs = (0..5).map(|k| pool[pool.len() - 1 - 3 * k]).collect();
    (dag, outputs)
}

fn same_bits<T: Real>(a: T, b: T) -> bool {
    #[allow(clippy::eq_op)]
    let nan = a != a && b != b;
    a == b || nan
}

fn columns<T: Real>(r: &mut Stream, k: usize, n: usize) -> Vec<Vec<T>> {
    (0..k)
        .map(|_| {
            (0..n)
                .map(|_| {
                    T::from_f64(match r.random_range(0..12) {
                        0 => r.random_range(-3..4) as f64,
                        1 => (r.random::<f64>() - 0.5) * 1e4,
                        2 => f64::NAN,
                        3 => f64::INFINITY,
                        4 => 1e-310,
                        _ => (r.random::<f64>() - 0.4) * 4.0,
                    })
                })
                .collect()
        })
        .collect()
}

fn run<T: Interpreted>(
    p: &Program<T>,
    tier: Tier,
    inputs: &[Operand<T>],
    n: usize,
    ws: &mut Workspace<T>,
) -> Vec<Vec<T>> {
    let mut outputs = vec![vec![T::ZERO; n]; p.outputs()];
    let mut slices: Vec<&mut [T]> = outputs.iter_mut().map(|v| &mut v[..]).collect();
    p.run_on(tier, inputs, n, &mut slices, ws).unwrap();
    outputs
}

fn check_random_graphs<T: Interpreted>(exact: bool) {
    let mut r = Stream::new(5, 0);
    let mut ws = Workspace::new();
    for round in 0..60 {
        let (dag, outputs) = random_graph(&mut r, 5, 10 + round);
        let modes: Vec<Mode> = (0..5)
            .map(|_| {
                if r.random_range(0..3) == 0 {
                    Mode::Uniform
                } else {
                    Mode::Lanes
                }
            })
            .collect();
        let p = Program::<T>::compile(&dag, &modes, &outputs).unwrap();
        for i in &p.body {
            let sources: &[u32] = match i.code {
                Code::BinaryRR(_) => &[i.a, i.b],
                Code::BinaryRU(_) | Code::Unary(_) | Code::Copy | Code::Lookup(_) => &[i.a],
                Code::SinCos => {
                    assert!(i.b != i.a && i.b != i.dst, "{i:?}");
                    &[i.a]
                }
                Code::BinaryUR(_) | Code::ScaleShift => &[i.b],
                Code::MultiplyAdd | Code::MultiplySubtract | Code::MultiplyFrom => &[i.a, i.b, i.c],
                Code::MultiplyShift | Code::ProductScale => &[i.a, i.b],
                Code::EqualChoice => &[i.a],
                Code::ScaleAdd | Code::ScaleMultiply => &[i.b, i.c],
                Code::LessSelect => &[i.a, i.b, i.c, i.d],
                Code::SelectRR => &[i.a, i.b],
                Code::SelectRU => &[i.a],
                Code::SelectUR => &[i.b],
                Code::SelectUU | Code::Splat | Code::Solve(_) => &[],
            };
            assert!(!sources.contains(&i.dst), "{i:?} writes one of its sources");
        }
        let n = [1usize, 7, 255, 256, 257, 600, 1037][round % 7];
        let lanes: Vec<Vec<T>> = columns(&mut r, 5, n);
        let inputs: Vec<Operand<T>> = (0..5)
            .map(|i| match modes[i] {
                Mode::Uniform => Operand::Uniform(lanes[i][0]),
                // a uniform may stand in for lanes
                Mode::Lanes if i == 4 => Operand::Uniform(lanes[i][0]),
                Mode::Lanes => Operand::Lanes(&lanes[i]),
            })
            .collect();
        let reference = run(&p, Tier::Baseline, &inputs, n, &mut ws);
        for tier in Tier::available() {
            let found = run(&p, tier, &inputs, n, &mut ws);
            for (a, b) in found.iter().zip(&reference) {
                for (x, y) in a.iter().zip(b) {
                    assert!(
                        same_bits(*x, *y) && format!("{x:?}") == format!("{y:?}"),
                        "{tier:?}: {x:?} {y:?}"
                    );
                }
            }
        }
        if exact {
            for lane in (0..n).step_by(1 + n / 40) {
                let at: Vec<f64> = inputs
                    .iter()
                    .map(|o| match o {
                        Operand::Lanes(v) => v[lane].to_f64(),
                        Operand::Uniform(x) => x.to_f64(),
                    })
                    .collect();
                let expected = dag.evaluate(&outputs, &at);
                for (k, e) in expected.iter().enumerate() {
                    let found = reference[k][lane].to_f64();
                    assert!(same_bits(found, *e), "output {k} lane {lane}: {found} instead of {e}");
                }
            }
        }
    }
}

#[test]
fn a_sine_and_a_cosine_of_one_angle_are_one_instruction() {
    fn check<T: Interpreted>() {
        let mut dag = Dag::new();
        let x = dag.input(0);
        let (s, c) = (dag.unary(Unary::Sin, x), dag.unary(Unary::Cos, x));
        let product = dag.mul(s, c);
        let p = Program::<T>::compile(&dag, &[Mode::Lanes], &[product, c, s]).unwrap();
        assert_eq!(p.body.iter().filter(|i| i.code == Code::SinCos).count(), 1);
        assert_eq!(p.instructions(), 2);
        let alone = [s, c].map(|e| Program::<T>::compile(&dag, &[Mode::Lanes], &[e]).unwrap());
        let n = 3000;
        let angles: Vec<T> = (0..n)
            .map(|i| {
                let size = [1.0, 30.0, 1e4, 3e7][i % 4];
                T::from_f64((i as f64 / n as f64 - 0.5) * size)
            })
            .collect();
        let inputs = [Operand::Lanes(&angles[..])];
        let mut ws = Workspace::new();
        for tier in Tier::available() {
            let both = run(&p, tier, &inputs, n, &mut ws);
            for (k, single) in alone.iter().enumerate() {
                let expected = &run(single, tier, &inputs, n, &mut ws)[0];
                let found = &both[2 - k];
                assert!(found.iter().zip(expected).all(|(a, b)| same_bits(*a, *b)), "{tier:?}");
            }
        }
    }
    check::<f64>();
}

#[test]
fn double_precision_equals_the_plain_evaluation_on_every_tier() {
    check_random_graphs::<f64>(true);
}

/// A linear market in every lane, a uniform one, and two goods at once; derivatives from the same program.
#[test]
fn root_problems_are_solved_in_every_lane() {
    let mut dag = Dag::new();
    let (a, b) = (dag.input(0), dag.input(1));
    let (lo, hi) = (dag.constant(0.0), dag.constant(1000.0));
    let (n0, p) = dag.fresh_unknown();
    let root_p = dag.unary(Unary::Sqrt, p);
    let demand = dag.div(a, p);
    let scaled = dag.mul(b, b);
    let supply = dag.mul(scaled, root_p);
    let excess = dag.sub(demand, supply);
    let one = dag.solve(RootProblem {
        unknowns: vec![n0],
        residuals: vec![excess],
        brackets: vec![(lo, hi)],
    })[0];
    let dp = super::super::differentiate::derivative(&mut dag, &[one.0], a)[0];
    // Two goods: a = 3 q + r, b = q + 2 r^3.
    let (n1, q) = dag.fresh_unknown();
    let (n2, r) = dag.fresh_unknown();
    let three = dag.constant(3.0);
    let two = dag.constant(2.0);
    let t = dag.mul(three, q);
    let t = dag.add(t, r);
    let f1 = dag.sub(t, a);
    let cube = dag.binary(Binary::Pow, r, three);
    let t = dag.mul(two, cube);
    let t = dag.add(q, t);
    let f2 = dag.sub(t, b);
    let low = dag.constant(-50.0);
    let pair = dag.solve(RootProblem {
        unknowns: vec![n1, n2],
        residuals: vec![f1, f2],
        brackets: vec![(low, hi); 2],
    });
    // Uniform only: nested in the prologue.
    let (n3, u) = dag.fresh_unknown();
    let e = dag.unary(Unary::Exp, u);
    let f3 = dag.sub(e, b);
    let alone = dag.solve(RootProblem {
        unknowns: vec![n3],
        residuals: vec![f3],
        brackets: vec![(low, hi)],
    })[0];
    let outputs = [one.0, one.1, dp, pair[0].0, pair[1].0, pair[0].1, alone.0, alone.1];
    let n = 300;
    let xs: Vec<f64> = (0..n).map(|i| 0.5 + i as f64 * 0.1).collect();
    let modes = [Mode::Lanes, Mode::Uniform];
    let program = Program::<f64>::compile(&dag, &modes, &outputs).unwrap();
    let mut ws = Workspace::new();
    let found = run(
        &program,
        Tier::best(),
        &[Operand::Lanes(&xs), Operand::Uniform(2.0)],
        n,
        &mut ws,
    );
    assert_eq!(
        found,
        run(
            &program,
            Tier::Baseline,
            &[Operand::Lanes(&xs), Operand::Uniform(2.0)],
            n,
            &mut ws
        )
    );
    for i in 0..n {
        let p = (xs[i] / 4.0).powf(2.0 / 3.0);
        assert!((found[0][i] - p).abs() < 1e-13 * p, "{} {p}", found[0][i]);
        assert_eq!(found[1][i], root::ONE);
        assert!((found[2][i] - p / xs[i] * 2.0 / 3.0).abs() < 1e-12);
        let (q, r) = (found[3][i], found[4][i]);
        assert_eq!(found[5][i], root::ONE);
        assert!((3.0 * q + r - xs[i]).abs() < 1e-12 && (q + 2.0 * r.powi(3) - 2.0).abs() < 1e-12);
        assert!((found[6][i] - 2f64.ln()).abs() < 1e-14 && found[7][i] == root::ONE);
        let alone = dag.evaluate(&[one.0], &[xs[i], 2.0])[0];
        assert_eq!(found[0][i], alone);
    }
    // With lanes split differently: a lane does not notice its neighbours.
    let single = Program::<f64>::compile(&dag, &modes, &outputs).unwrap();
    let ys = xs.clone();
    let mut ws = Workspace::new();
    let all = run(
        &single,
        Tier::best(),
        &[Operand::Lanes(&ys), Operand::Uniform(2.0)],
        n,
        &mut ws,
    );
    let part = run(
        &single,
        Tier::best(),
        &[Operand::Lanes(&ys[100..150]), Operand::Uniform(2.0)],
        50,
        &mut ws,
    );
    for k in 0..outputs.len() {
        assert_eq!(all[k][100..150], part[k][..]);
        for i in 0..n {
            assert!(
                (all[k][i] as f64 - found[k][i]).abs() < 2e-5 * (1.0 + found[k][i].abs()),
                "output {k} lane {i}: {} against {}",
                all[k][i],
                found[k][i]
            );
        }
    }
}

#[test]
fn wrong_calls_are_refused() {
    let mut dag = Dag::new();
    let (x, y) = (dag.input(0), dag.input(1));
    let s = dag.add(x, y);
    let p = Program::<f64>::compile(&dag, &[Mode::Lanes, Mode::Uniform], &[s]).unwrap();
    let mut ws = Workspace::new();
    let (v, mut out) = ([1.0; 4], [0.0; 4]);
    let call =
        |inputs: &[Operand<f64>], n: usize, out: &mut [f64], ws: &mut Workspace<f64>| p.run(inputs, n, &mut [out], ws);
    assert!(call(&[Operand::Lanes(&v)], 4, &mut out, &mut ws).is_err());
    assert!(call(&[Operand::Lanes(&v), Operand::Lanes(&v)], 4, &mut out, &mut ws).is_err());
    assert!(call(&[Operand::Lanes(&v), Operand::Uniform(2.0)], 5, &mut out, &mut ws).is_err());
    assert!(call(&[Operand::Lanes(&v), Operand::Uniform(2.0)], 4, &mut out[..3], &mut ws).is_err());
    assert!(call(&[Operand::Lanes(&v), Operand::Uniform(2.0)], 4, &mut out, &mut ws).is_ok());
    assert_eq!(out, [3.0; 4]);
    let z = dag.input(2);
    assert!(Program::<f64>::compile(&dag, &[Mode::Lanes], &[z]).is_err());
    let (_, unknown) = dag.fresh_unknown();
    assert!(Program::<f64>::compile(&dag, &[Mode::Lanes; 3], &[unknown]).is_err());
}
