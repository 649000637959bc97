//! Kinks and steps: where they stand, and expectations over a continuous draw integrated between them.
//!
//! `min`, `max`, `abs` and comparisons change where a difference is zero. The zeros along the draw are looked for by a scan and bisection; between
//! them the integrand is smooth, and Gauss-Legendre rules are exact to many digits. A fixed rule errs by where the kinks stand between its nodes,
//! and slopes of it jump whenever one passes a node.

use crate::chance::quadrature::{Rule, Standard, between_kinks, extent};
use crate::graph::{Binary, Unary};
use crate::kernel::dag::{Dag, Expr, Id};

/// Cells of the scan for kinks.
const CELLS: usize = 72;
/// Nodes between two edges; times two where asked to be finer.
const NODES: usize = 10;

/// A kink or a step that stands at the same value of a variable whatever everything else is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fixed {
    /// Where.
    pub at: f64,
    /// Whether the place itself belongs to what lies above it (steps are on one side).
    pub above: bool,
}

/// Kinks and steps of `of` along the input `of_input` alone, strictly between `lo` and `hi`, ascending.
pub fn fixed(dag: &Dag, of: &[Id], of_input: Id, lo: f64, hi: f64) -> Vec<Fixed> {
    let Expr::Input(number) = dag.expr(of_input) else {
        return Vec::new();
    };
    let (uses, needed) = (dag.dependents(&[of_input]), dag.reachable(of));
    let alone = |ids: &[Id]| {
        let seen = dag.reachable(ids);
        (0..seen.len()).filter(|i| seen[*i]).all(|i| {
            let id = Id(i as u32);
            id == of_input
                || !matches!(
                    dag.expr(id),
                    Expr::Input(_) | Expr::Unknown(_) | Expr::Root(..) | Expr::RootStatus(_)
                )
        })
    };
    let mut inputs = vec![f64::NAN; number as usize + 1];
    let mut out: Vec<Fixed> = Vec::new();
    for i in (0..needed.len()).filter(|i| needed[*i] && uses[*i]) {
        // What changes sides where, and whether the place itself is on the side where the difference is positive.
        let (sides, positive) = match dag.expr(Id(i as u32)) {
            Expr::Unary(Unary::Abs, x) => (vec![x], false),
            Expr::Binary(Binary::Min | Binary::Max | Binary::Gt | Binary::Le, a, b) => (vec![a, b], false),
            Expr::Binary(Binary::Ge | Binary::Lt, a, b) => (vec![a, b], true),
            _ => continue,
        };
        if !alone(&sides) {
            continue;
        }
        let mut difference = |x: f64| {
            inputs[number as usize] = x;
            let v = dag.evaluate(&sides, &inputs);
            v[0] - v.get(1).copied().unwrap_or(0.0)
        };
        let mut left = (lo, difference(lo));
        for k in 1..=CELLS {
            let x = lo + (hi - lo) * k as f64 / CELLS as f64;
            let here = (x, difference(x));
            let crosses = left.1 != 0.0 && (here.1 == 0.0 || (left.1 < 0.0) != (here.1 < 0.0));
            if crosses && !left.1.is_nan() && !here.1.is_nan() {
                let rising = left.1 < 0.0;
                let (a, b) = bisect(left.0, left.1, x, &mut difference);
                // A zero that is a round number is found as such.
                let at = if difference(b) == 0.0 { b } else { 0.5 * (a + b) };
                out.push(Fixed {
                    at,
                    above: positive == rising,
                });
            }
            left = here;
        }
    }
    let inside = 1e-9 * (hi - lo);
    out.retain(|f| f.at > lo + inside && f.at < hi - inside);
    out.sort_by(|a, b| a.at.total_cmp(&b.at));
    out.dedup_by(|a, b| (a.at - b.at).abs() <= inside);
    out
}

/// Two neighbouring numbers between which a function changes sign, from `a`, where it is `fa`, and `b`.
fn bisect(mut a: f64, fa: f64, mut b: f64, f: &mut dyn FnMut(f64) -> f64) -> (f64, f64) {
    for _ in 0..60 {
        let middle = 0.5 * (a + b);
        if middle <= a || middle >= b {
            break;
        }
        let y = f(middle);
        if y != 0.0 && (y < 0.0) == (fa < 0.0) {
            a = middle;
        } else {
            b = middle;
        }
    }
    (a, b)
}

/// A draw that is integrated between kinks.
#[derive(Clone, Debug)]
pub struct Kinked {
    /// Number of the input that carries the standard draw.
    input: usize,
    law: Standard,
    /// Differences that are zero at kinks and steps.
    switches: Vec<Id>,
}

impl Kinked {
    /// The draw behind `input` in `of`. `None` if that is no input.
    pub fn new(dag: &mut Dag, of: &[Id], input: Id, law: Standard) -> Option<Kinked> {
        let Expr::Input(number) = dag.expr(input) else {
            return None;
        };
        let (uses, needed) = (dag.dependents(&[input]), dag.reachable(of));
        let mut switches = Vec::new();
        for i in (0..needed.len()).filter(|i| needed[*i] && uses[*i]) {
            match dag.expr(Id(i as u32)) {
                Expr::Unary(Unary::Abs | Unary::Sign, x) => switches.push(x),
                Expr::Binary(
                    Binary::Min
                    | Binary::Max
                    | Binary::Lt
                    | Binary::Le
                    | Binary::Gt
                    | Binary::Ge
                    | Binary::Eq
                    | Binary::Ne,
                    a,
                    b,
                ) => switches.push(dag.sub(a, b)),
                _ => {}
            }
        }
        switches.sort_unstable();
        switches.dedup();
        Some(Kinked {
            input: number as usize,
            law,
            switches,
        })
    }

    /// Number of the draw's input.
    pub fn input(&self) -> usize {
        self.input
    }

    /// Nodes and weights of the draw where the other inputs stand as given; `finer` times as many as usual.
    pub fn rule(&self, dag: &Dag, inputs: &mut [f64], finer: usize) -> Rule {
        let (lo, hi) = extent(self.law);
        let mut kinks: Vec<f64> = Vec::new();
        let mut before: Option<(f64, Vec<f64>)> = None;
        for k in 0..=CELLS {
            let x = lo + (hi - lo) * k as f64 / CELLS as f64;
            inputs[self.input] = x;
            let here = dag.evaluate(&self.switches, inputs);
            if let Some((left, there)) = &before {
                for (s, (a, b)) in there.iter().zip(&here).enumerate() {
                    if *a != 0.0 && (*b == 0.0 || (*a < 0.0) != (*b < 0.0)) && !b.is_nan() && !a.is_nan() {
                        kinks.push(self.zero(dag, inputs, s, (*left, *a), x));
                    }
                }
            }
            before = Some((x, here));
        }
        kinks.sort_by(f64::total_cmp);
        kinks.dedup_by(|a, b| (*a - *b).abs() <= 1e-14 * (1.0 + b.abs()));
        between_kinks(self.law, &kinks, NODES * finer)
    }

    /// Where switch number `s` changes sign between two points of the draw.
    fn zero(&self, dag: &Dag, inputs: &mut [f64], s: usize, (a, fa): (f64, f64), b: f64) -> f64 {
        let (a, b) = bisect(a, fa, b, &mut |x| {
            inputs[self.input] = x;
            dag.evaluate(&self.switches[s..=s], inputs)[0]
        });
        0.5 * (a + b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinks_of_one_variable_alone_are_found_with_the_side_they_are_on() {
        let mut dag = Dag::new();
        let (x, y) = (dag.input(0), dag.input(1));
        let (half, two) = (dag.constant(0.5), dag.constant(2.0));
        let kink = dag.binary(Binary::Max, x, half);
        let moving = dag.binary(Binary::Max, x, y);
        let step = dag.binary(Binary::Ge, x, two);
        let falling = dag.binary(Binary::Gt, half, x);
        let of = [kink, moving, step, falling];
        let found = fixed(&dag, &of, x, 0.0, 10.0);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!((found[0].at - 0.5).abs() < 1e-12 && (found[1].at - 2.0).abs() < 1e-12);
        // From two upwards the step is taken.
        assert!(found[1].above);
        // What reads the other variable, too, has no fixed kink, and ends are none.
        assert!(fixed(&dag, &[moving], x, 0.0, 10.0).is_empty());
        assert!(fixed(&dag, &[kink], x, 0.5, 10.0).is_empty());
    }
}
