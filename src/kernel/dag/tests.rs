//! Tests of `dag`.

use super::*;
use crate::kernel::root;

#[test]
fn equal_expressions_are_one_and_algebra_is_exact() {
    let mut d = Dag::new();
    let (x, y) = (d.input(0), d.input(1));
    let a = d.mul(x, y);
    assert_eq!(a, d.mul(y, x));
    let zero = d.constant(0.0);
    let one = d.constant(1.0);
    let two = d.constant(2.0);
    assert_eq!(d.add(x, zero), x);
    assert_eq!(d.mul(x, one), x);
    let product = d.mul(x, zero);
    assert_ne!(product, zero, "0 * inf is NaN");
    let square = d.binary(Binary::Pow, x, two);
    assert_eq!(square, d.mul(x, x));
    let n = d.neg(y);
    assert_eq!(d.add(x, n), d.sub(x, y));
    let half = d.constant(0.5);
    assert_eq!(d.div(x, two), d.mul(x, half));
    let gt = d.binary(Binary::Gt, x, y);
    assert_eq!(gt, d.binary(Binary::Lt, y, x));
    assert_eq!(d.select(gt, one, zero), gt);
    let not = d.unary(Unary::Not, gt);
    assert_eq!(d.select(not, x, y), d.select(gt, y, x));
    let self_equal = d.binary(Binary::Eq, x, x);
    assert!(d.as_const(self_equal).is_none(), "NaN differs from itself");
    let five = d.add(two, one);
    let l = d.lookup(&[4.0, 5.0, 6.0, 7.0], five);
    assert_eq!(d.as_const(l), Some(7.0));
}

#[test]
fn separate_equations_are_solved_apart() {
    let mut d = Dag::new();
    let (lo, hi) = (d.constant(0.0), d.constant(100.0));
    let a = d.input(0);
    let mut unknowns = Vec::new();
    let mut residuals = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (number, u) = d.fresh_unknown();
        unknowns.push(number);
        ids.push(u);
    }
    // u2 = a, u0 = u2 + 1, u1 = u0 * u2
    let one = d.constant(1.0);
    let t = d.add(ids[2], one);
    residuals.push(d.sub(ids[0], t));
    let t = d.mul(ids[0], ids[2]);
    residuals.push(d.sub(ids[1], t));
    residuals.push(d.sub(ids[2], a));
    let solved = d.solve(RootProblem {
        unknowns,
        residuals,
        brackets: vec![(lo, hi); 3],
    });
    assert_eq!(d.roots().len(), 3);
    let outputs: Vec<Id> = solved.iter().map(|s| s.0).collect();
    let v = d.evaluate(&outputs, &[3.0]);
    for (found, expected) in v.iter().zip([4.0, 12.0, 3.0]) {
        assert!((found - expected).abs() < 1e-12);
    }
    let again = d.evaluate(&[solved[0].1], &[200.0]);
    assert_eq!(again, [root::NONE]);
}
