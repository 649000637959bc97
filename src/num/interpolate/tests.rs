//! Tests of `interpolate`.

use super::*;
use crate::num::grid;

fn worst(n: usize, rule: Rule) -> f64 {
    let x = grid::uniform(0.0, 2.0, n).unwrap();
    let y: Vec<f64> = x.iter().map(|x| (1.3 * x).sin() + x).collect();
    let curve = Curve::new(&x, &y, false, rule, Outside::Flat).unwrap();
    (0..=1000)
        .map(|i| i as f64 / 500.0)
        .map(|x| (curve.at(x) - (1.3 * x).sin() - x).abs())
        .fold(0.0, f64::max)
}

#[test]
fn orders_of_convergence_are_two_and_four() {
    let order = |rule| (worst(21, rule) / worst(41, rule)).log2();
    assert!((order(Rule::Linear) - 2.0).abs() < 0.1);
    assert!(order(Rule::Cubic) > 3.6, "{}", order(Rule::Cubic));
}

#[test]
fn cubics_are_reproduced_and_their_slopes_too() {
    let x = [1.0, 1.5, 2.7, 3.0, 4.4, 6.0];
    let f = |x: f64| 0.1 * x * x * x - 2.0 * x * x + 40.0 * x;
    let y: Vec<f64> = x.iter().map(|&x| f(x)).collect();
    let curve = Curve::new(&x, &y, false, Rule::Cubic, Outside::Linear).unwrap();
    for q in [1.0, 1.2, 2.0, 2.9, 5.0, 6.0] {
        let (value, slope) = curve.with_slope(q);
        assert!((value - f(q)).abs() < 1e-11);
        assert!((slope - (0.3 * q * q - 4.0 * q + 40.0)).abs() < 1e-10);
    }
}

#[test]
fn a_kink_does_not_ring() {
    let x: Vec<f64> = (0..20).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|&x| f64::min(x, 10.0)).collect();
    let curve = Curve::new(&x, &y, false, Rule::Cubic, Outside::Flat).unwrap();
    let mut last = -1.0;
    for i in 0..=1900 {
        let v = curve.at(i as f64 / 100.0);
        assert!(v >= last - 1e-12 && v <= 10.0 + 1e-12);
        last = v;
    }
    let concave: Vec<f64> = x.iter().map(|x| (x + 0.5).ln()).collect();
    let curve = Curve::new(&x, &concave, false, Rule::Cubic, Outside::Flat).unwrap();
    let mut slope = f64::INFINITY;
    for i in 1..=1900 {
        let s = curve.at(i as f64 / 100.0) - curve.at((i - 1) as f64 / 100.0);
        assert!(s <= slope + 1e-3, "{i}");
        slope = s;
    }
}

#[test]
fn every_grid_finds_its_cells_and_reports_what_lies_outside() {
    let grids = [
        (grid::log(0.1, 50.0, 40).unwrap(), true),
        (grid::double_log(0.0, 500.0, 33).unwrap(), false),
        (grid::exponential(1.0, 9.0, 17, 4.0).unwrap(), true),
    ];
    for (nodes, log) in grids {
        let axis = Axis::new(&nodes, log, Rule::Linear).unwrap();
        for i in 0..2000 {
            let x = nodes[0] + (nodes[nodes.len() - 1] - nodes[0]) * i as f64 / 1999.0;
            let p = axis.locate(x);
            let k = p.cell as usize;
            assert!(nodes[k] <= x * (1.0 + 1e-12) + 1e-12 && x <= nodes[k + 1] * (1.0 + 1e-12));
            assert_eq!(p.beyond, 0.0);
        }
        assert!(axis.locate(-1.0).beyond < 0.0 && axis.locate(1e4).beyond > 0.0);
        assert!(axis.locate(f64::NAN).beyond.is_nan());
    }
    let x = [0.0, 1.0, 2.0];
    let curve = |outside| Curve::new(&x, &[0.0, 1.0, 2.0], false, Rule::Linear, outside).unwrap();
    assert_eq!(
        (curve(Outside::Flat).at(3.0), curve(Outside::Linear).at(3.0)),
        (2.0, 3.0)
    );
    assert_eq!(
        (
            curve(Outside::Pessimistic).at(3.0),
            curve(Outside::Pessimistic).at(-1.0)
        ),
        (2.0, -1.0)
    );
    let mut out = [0.0; 3];
    assert_eq!(curve(Outside::Flat).values(&[-1.0, 0.5, 9.0], &mut out), 2);
    assert!(curve(Outside::Flat).at(f64::NAN).is_nan());
    assert!(Curve::new(&[0.0, 0.0], &[1.0, 1.0], false, Rule::Linear, Outside::Flat).is_none());
    assert!(Axis::new(&[0.0, 1.0], true, Rule::Linear).is_none());
}

#[test]
fn tensor_products_mix_rules_and_give_gradients() {
    let a = Axis::new(&grid::uniform(0.0, 1.0, 15).unwrap(), false, Rule::Cubic).unwrap();
    let b = Axis::new(&grid::log(1.0, 4.0, 15).unwrap(), true, Rule::Cubic).unwrap();
    let c = Axis::new(&[1.0, 2.0, 3.0], false, Rule::Nodes).unwrap();
    let d = Axis::new(&[0.0, 0.5, 1.0], false, Rule::Linear).unwrap();
    let tensor = Tensor::new(vec![a, b, c, d], Outside::Flat).unwrap();
    let f = |x: &[f64]| (x[0] + 0.3 * x[1].ln()).exp() * x[2] + x[0] * x[3];
    let mut x = [0.0; 4];
    let values: Vec<f64> = (0..tensor.len())
        .map(|i| {
            tensor.node(i, &mut x);
            f(&x)
        })
        .collect();
    let mut surface = Surface::default();
    tensor.fit(&values, &mut surface);
    let q = [0.33, 2.1, 2.0, 0.3];
    let mut places = [AxisPoint {
        cell: 0,
        t: 0.0,
        beyond: 0.0,
    }; 4];
    tensor.locate(&q, &mut places);
    let mut slopes = [0.0; 4];
    let v = tensor.value_and_slopes(&surface, &places, Some(&mut slopes));
    assert!((v - f(&q)).abs() < 2e-6, "{}", v - f(&q));
    let core = (q[0] + 0.3 * q[1].ln()).exp() * q[2];
    let exact = [core + q[3], core * 0.3 / q[1], 0.0, q[0]];
    for k in 0..4 {
        assert!((slopes[k] - exact[k]).abs() < 2e-4, "{k} {slopes:?} {exact:?}");
    }
    let empty = Tensor::new(vec![], Outside::Flat).unwrap();
    empty.fit(&[7.0], &mut surface);
    assert_eq!(empty.value_at(&surface, &[]), 7.0);
}
