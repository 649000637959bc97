//! Kinks and steps: where they stand, and expectations over a continuous draw integrated between them.
//!
//! `min`, `max`, `abs` and comparisons change where a difference is zero. The zeros along the draw are looked for by a scan and bisection; between
//! them the integrand is smooth, and Gauss-Legendre rules are exact to many digits. A fixed rule errs by where the kinks stand between its nodes,
//! and slopes of it jump whenever one passes a node.

use crate::chance::quadrature::{Rule, Standard, between_kinks, extent, gauss_legendre};
use crate::graph::{Binary, Unary};
use crate::kernel::dag::{Dag, Expr, Id};
use crate::kernel::exec::{Operand, Workspace};
use crate::kernel::program::{CompileError, Mode, Program};
use std::collections::HashMap;

/// How many nodes draws behind kinks or steps get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// For a search that is refined afterwards.
    Few,
    /// The usual number.
    Usual,
    /// Twice the usual number.
    Twice,
}

impl Nodes {
    /// Nodes of all draws together that are read through kinks or steps.
    pub(super) fn together(self) -> usize {
        match self {
            Nodes::Few => 60,
            Nodes::Usual => 240,
            Nodes::Twice => 480,
        }
    }
}

/// Every output of a program at all lanes, `[output][lane]`; NaN where it cannot be run.
pub(super) fn lanes(
    program: &Program<f64>,
    fixed: &[f64],
    columns: &[(usize, &[f64])],
    n: usize,
    space: &mut Workspace<f64>,
) -> Vec<Vec<f64>> {
    let mut operands: Vec<Operand<f64>> = fixed.iter().map(|x| Operand::Uniform(*x)).collect();
    for (i, v) in columns {
        operands[*i] = Operand::Lanes(v);
    }
    let mut out = vec![vec![f64::NAN; n]; program.outputs()];
    let mut places: Vec<&mut [f64]> = out.iter_mut().map(Vec::as_mut_slice).collect();
    match program.run(&operands, n, &mut places, space) {
        Ok(()) => out,
        Err(_) => vec![vec![f64::NAN; n]; program.outputs()],
    }
}

/// Cells of the scan for kinks.
const CELLS: usize = 72;
/// Halvings of a cell in which a kink lies.
const HALVINGS: usize = 60;

/// A kink or a step that stands at the same value of a variable whatever everything else is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fixed {
    /// Where.
    pub at: f64,
    /// Whether the place itself belongs to what lies above it (steps are on one side).
    pub above: bool,
}

/// Kinks and steps of `of` (any length) along the input `of_input` alone, strictly between `lo` and `hi`, ascending.
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
#[derive(Debug)]
pub(super) struct Kinked {
    /// Number of the input that carries the standard draw.
    input: usize,
    law: Standard,
    /// The rule between two edges, on [0, 1].
    base: Rule,
    /// Differences that are zero at kinks and steps.
    switches: Program<f64>,
    /// Whether other draws move the kinks.
    moved: bool,
}

impl Kinked {
    /// The draw behind `input` in `of`, where the inputs of programs vary by `modes`. `None` if that is no input.
    pub(super) fn new(
        dag: &mut Dag,
        of: &[Id],
        input: Id,
        law: Standard,
        modes: &[Mode],
        nodes: Nodes,
    ) -> Result<Option<Kinked>, CompileError> {
        let Expr::Input(number) = dag.expr(input) else {
            return Ok(None);
        };
        let mut switches = Vec::new();
        differences(dag, of, input, &mut switches);
        // Inside a market that clears, kinks stand where they stand at the price that is found.
        let roots: Vec<u32> = (dag.reachable(of).iter().enumerate())
            .filter(|(_, seen)| **seen)
            .filter_map(|(i, _)| match dag.expr(Id(i as u32)) {
                Expr::Root(r, _) | Expr::RootStatus(r) => Some(r),
                _ => None,
            })
            .collect();
        for r in roots {
            let problem = dag.roots()[r as usize].clone();
            let at: HashMap<Id, Id> = (problem.unknowns.iter().enumerate())
                .map(|(k, u)| (dag.unknown(*u), dag.solution(r, k as u32)))
                .collect();
            let found = dag.substitute(&problem.residuals, &at);
            differences(dag, &found, input, &mut switches);
        }
        switches.sort_unstable();
        switches.dedup();
        let others: Vec<Id> = (0..modes.len())
            .filter(|i| modes[*i] == Mode::Lanes && *i != number as usize)
            .map(|i| dag.input(i as u32))
            .collect();
        let uses = dag.dependents(&others);
        Ok(Some(Kinked {
            input: number as usize,
            law,
            base: gauss_legendre(
                match nodes {
                    Nodes::Few => 5,
                    Nodes::Usual => 10,
                    Nodes::Twice => 20,
                },
                0.0,
                1.0,
            ),
            moved: switches.iter().any(|s| uses[s.0 as usize]),
            switches: Program::compile(dag, modes, &switches)?,
        }))
    }

    /// Evaluations that the rule at one outcome of the others takes, about: the scan, a kink or two, the nodes between them.
    pub(super) fn evaluations(&self) -> usize {
        CELLS + 2 * HALVINGS + 3 * self.base.nodes.len()
    }

    /// Number of the draw's input.
    pub(super) fn input(&self) -> usize {
        self.input
    }

    /// Nodes and weights of the draw at each of `n` outcomes of the others (`columns`: inputs with a value an outcome); one rule
    /// alone where it is the same for all. Inputs that are the same for all stand in `fixed`.
    pub(super) fn rules(
        &self,
        fixed: &[f64],
        columns: &[(usize, &[f64])],
        n: usize,
        space: &mut Workspace<f64>,
    ) -> Vec<Rule> {
        let n = if self.moved { n } else { n.min(1) };
        let (lo, hi) = extent(self.law);
        let points: Vec<f64> = (0..=CELLS).map(|k| lo + (hi - lo) * k as f64 / CELLS as f64).collect();
        // The switches at some points of the draw, each at one outcome.
        let mut at = |which: &[usize], draws: &[f64]| -> Vec<Vec<f64>> {
            let mut wide: Vec<(usize, Vec<f64>)> = (columns.iter())
                .map(|(i, v)| (*i, which.iter().map(|k| v[*k]).collect()))
                .collect();
            wide.push((self.input, draws.to_vec()));
            let columns: Vec<(usize, &[f64])> = wide.iter().map(|(i, v)| (*i, v.as_slice())).collect();
            lanes(&self.switches, fixed, &columns, draws.len(), space)
        };
        let which: Vec<usize> = (0..n).flat_map(|k| std::iter::repeat_n(k, points.len())).collect();
        let draws: Vec<f64> = (0..n).flat_map(|_| points.iter().copied()).collect();
        let scanned = at(&which, &draws);
        // Cells at whose ends a switch has different signs: outcome, switch, ends, whether it is negative at the left one.
        let mut cells: Vec<(usize, usize, f64, f64, bool)> = Vec::new();
        for k in 0..n {
            for (s, values) in scanned.iter().enumerate() {
                let values = &values[k * points.len()..(k + 1) * points.len()];
                for (c, pair) in values.windows(2).enumerate() {
                    let (a, b) = (pair[0], pair[1]);
                    if a != 0.0 && (b == 0.0 || (a < 0.0) != (b < 0.0)) && !b.is_nan() && !a.is_nan() {
                        cells.push((k, s, points[c], points[c + 1], a < 0.0));
                    }
                }
            }
        }
        let which: Vec<usize> = cells.iter().map(|c| c.0).collect();
        for _ in 0..if cells.is_empty() { 0 } else { HALVINGS } {
            let middles: Vec<f64> = cells.iter().map(|c| 0.5 * (c.2 + c.3)).collect();
            let values = at(&which, &middles);
            for (c, cell) in cells.iter_mut().enumerate() {
                let f = values[cell.1][c];
                if f != 0.0 && (f < 0.0) == cell.4 {
                    cell.2 = middles[c];
                } else {
                    cell.3 = middles[c];
                }
            }
        }
        let mut kinks: Vec<Vec<f64>> = vec![Vec::new(); n];
        for (k, _, a, b, _) in cells {
            kinks[k].push(0.5 * (a + b));
        }
        kinks
            .into_iter()
            .map(|mut kinks| {
                kinks.sort_by(f64::total_cmp);
                kinks.dedup_by(|a, b| (*a - *b).abs() <= 1e-14 * (1.0 + b.abs()));
                between_kinks(self.law, &kinks, &self.base)
            })
            .collect()
    }
}

/// Adds the differences that are zero where `of` has kinks or steps along an input. What stands inside a root problem is left out.
pub(super) fn differences(dag: &mut Dag, of: &[Id], input: Id, switches: &mut Vec<Id>) {
    let (uses, needed) = (dag.dependents(&[input]), dag.reachable(of));
    let unknowns: Vec<Id> = (0..needed.len())
        .map(|i| Id(i as u32))
        .filter(|i| matches!(dag.expr(*i), Expr::Unknown(_)))
        .collect();
    let open = dag.dependents(&unknowns);
    for i in (0..needed.len()).filter(|i| needed[*i] && uses[*i] && !open[*i]) {
        match dag.expr(Id(i as u32)) {
            Expr::Unary(Unary::Abs | Unary::Sign, x) => switches.push(x),
            Expr::Binary(
                Binary::Min | Binary::Max | Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge | Binary::Eq | Binary::Ne,
                a,
                b,
            ) => switches.push(dag.sub(a, b)),
            _ => {}
        }
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
