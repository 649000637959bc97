//! Expectations over a continuous draw whose integrand has kinks or steps: integrated between them, wherever they stand.
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
    fn zero(&self, dag: &Dag, inputs: &mut [f64], s: usize, (mut a, fa): (f64, f64), mut b: f64) -> f64 {
        for _ in 0..60 {
            let middle = 0.5 * (a + b);
            if middle <= a || middle >= b {
                break;
            }
            inputs[self.input] = middle;
            let f = dag.evaluate(&self.switches[s..=s], inputs)[0];
            if f != 0.0 && (f < 0.0) == (fa < 0.0) {
                a = middle;
            } else {
                b = middle;
            }
        }
        0.5 * (a + b)
    }
}
