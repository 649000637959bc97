//! Ends that two continuous draws bring: they stand along lines in the square of both, where what a choice is worth has a step.
//!
//! What one draw is worth at a given other one is integrated between the steps: they are looked for along a row of nodes, by halving. What is left to
//! the other draw then has no step and no kink but where a line begins or ends, or runs along the rows; there the number of steps in a row changes, and the
//! place is halved for as well. Between all these places Gauss and Legendre's rule is exact to many digits; its weights in every piece are
//! those of the law, so that chances of ends are as exact as the places.

use super::line::{Line, Meets, Place, pair};
use crate::diag::Diagnostic;
use crate::num::normal;
use crate::verify::world::chances::CUT;

/// Halvings for a step in a row, and for a place where the number of steps changes.
const HALVINGS: usize = 26;
/// Fewest nodes at which a life ends in one of two rows and goes on in the other, for a step between both to be looked for; most pairs of rows of a square.
const STEP: usize = 2;
const MOST: usize = 8;
/// Squares that are integrated at a time.
const AT_ONCE: usize = 64;
/// Nodes along a draw from which on pieces have six nodes, and pieces of a draw then; with fewer nodes a piece spans two of them and has four.
const MANY: usize = 40;
const PIECES: usize = 8;
/// Pieces that are narrower hold nothing.
const NARROW: f64 = 1e-12;
/// Gauss and Legendre's rules on [-1, 1]: `(place, weight)`, the upper half.
const FOUR: [(f64, f64); 2] = [
    (0.339_981_043_584_856_3, 0.652_145_154_862_546_1),
    (0.861_136_311_594_052_6, 0.347_854_845_137_453_9),
];
const SIX: [(f64, f64); 3] = [
    (0.238_619_186_083_196_9, 0.467_913_934_572_691),
    (0.661_209_386_466_264_5, 0.360_761_573_048_138_6),
    (0.932_469_514_203_152, 0.171_324_492_379_170_36),
];

/// The square of two draws, in which a life ends at some nodes and goes on at others.
pub(super) struct Square {
    pub leaf: usize,
    /// Nodes along the first draw and along the second.
    pub lines: [Line; 2],
    /// Whether a life ends: node of the second draw x node of the first, row-major.
    pub ended: Vec<bool>,
    /// What the rule is worth that looks for no steps.
    pub rough: f64,
}

impl Square {
    /// Whether a life ends at node `i` along a draw and `j` along the other.
    fn ends(&self, along: usize, i: usize, j: usize) -> bool {
        let nodes = self.lines[0].nodes.len();
        self.ended[if along == 0 { j * nodes + i } else { i * nodes + j }]
    }

    /// At how many nodes of the other draw a life ends at one of the nodes `i` and `i + 1` of a draw only.
    fn differ(&self, along: usize, i: usize) -> usize {
        let all = 0..self.lines[0].nodes.len();
        all.filter(|j| self.ends(along, i, *j) != self.ends(along, i + 1, *j))
            .count()
    }

    /// The draw along which rows lie: the one whose neighbours differ most often.
    fn along(&self) -> usize {
        let cells = 0..self.lines[0].nodes.len() - 1;
        let wide = |along: usize| cells.clone().filter(|i| self.differ(along, *i) >= STEP).count();
        usize::from(wide(0) < wide(1))
    }

    /// Whether a life ends at the nodes of row `j`.
    fn row(&self, along: usize, j: usize) -> Vec<bool> {
        (0..self.lines[0].nodes.len()).map(|i| self.ends(along, i, j)).collect()
    }

    /// Neighbouring rows between which what they are worth has a kink or a step, those that differ most first.
    fn turns(&self, number: usize) -> Vec<Turn> {
        let along = self.along();
        let nodes = self.lines[0].nodes.len();
        let changed: Vec<usize> = (0..nodes - 1).map(|j| self.differ(1 - along, j)).collect();
        // Where a line is steep, as much changes between the rows on either side.
        let steep = |j: usize| {
            let beside = |k: Option<usize>| k.and_then(|k| changed.get(k).copied()).unwrap_or(0);
            changed[j] <= 2 * beside(j.checked_sub(1)).min(beside(Some(j + 1)))
        };
        let turns = |j: usize| steps(&self.row(along, j)) != steps(&self.row(along, j + 1));
        let (line, other) = (&self.lines[along], &self.lines[1 - along]);
        let mass = |j: usize| {
            apart(&self.row(along, j), &self.row(along, j + 1), line) * (other.nodes[j].1 + other.nodes[j + 1].1)
        };
        let mut pairs: Vec<(bool, f64, usize)> = (0..nodes - 1)
            .filter(|j| turns(*j) || changed[*j] >= STEP && !steep(*j))
            .map(|j| (turns(j), mass(j), j))
            .collect();
        pairs.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        let turn = |(_, _, j): (bool, f64, usize)| Turn {
            square: number,
            between: [other.at[j], other.at[j + 1]],
            ended: [self.row(along, j), self.row(along, j + 1)],
        };
        pairs.into_iter().take(MOST).map(turn).collect()
    }

    /// The nodes of a row in which the other draw has this normal quantile.
    fn places(&self, along: usize, quantile: f64) -> impl Iterator<Item = Place> {
        let other = uniform(quantile);
        let own = self.lines[along].nodes.iter();
        own.map(move |(u, _)| (self.leaf, pair(along, *u, other)))
    }
}

/// Where the number of steps in a row changes: between two normal quantiles of the other draw; whether a life ends at the nodes on both sides.
struct Turn {
    square: usize,
    between: [f64; 2],
    ended: [Vec<bool>; 2],
}

impl Turn {
    fn middle(&self) -> f64 {
        0.5 * (self.between[0] + self.between[1])
    }

    /// Goes on with the side of the middle on which the change is.
    fn halve(&mut self, ended: Vec<bool>, line: &Line) {
        let like = [0, 1].map(|side: usize| steps(&self.ended[side]) == steps(&ended));
        let side = match like {
            [true, false] => 0,
            [false, true] => 1,
            _ => usize::from(apart(&self.ended[1], &ended, line) < apart(&self.ended[0], &ended, line)),
        };
        self.between[side] = self.middle();
        self.ended[side] = ended;
    }
}

/// A row: its square, the normal quantile of the other draw, its weight.
struct Row {
    square: usize,
    at: f64,
    weight: f64,
}

/// A step in a row, between two normal quantiles.
struct Crossing {
    row: usize,
    between: [f64; 2],
    /// Whether a life ends below it.
    ended: bool,
}

fn uniform(quantile: f64) -> f64 {
    normal::cdf(quantile).clamp(1e-15, 1.0 - 1e-15)
}

/// How often what comes changes along a row.
fn steps(ended: &[bool]) -> usize {
    ended.windows(2).filter(|e| e[0] != e[1]).count()
}

/// The weight of the nodes at which two rows differ.
fn apart(a: &[bool], b: &[bool], line: &Line) -> f64 {
    let differ = a.iter().zip(b).zip(&line.nodes).filter(|((a, b), _)| a != b);
    differ.map(|(_, (_, w))| w).sum()
}

/// Normal quantiles with weights of the law, one `(quantile, weight)` per node: pieces of the line that end at `breaks`, too.
fn rule(line: &Line, breaks: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
    let n = line.at.len();
    let (every, half): (usize, &[(f64, f64)]) = if n < MANY {
        (2, &FOUR)
    } else {
        (n.div_ceil(PIECES), &SIX)
    };
    let mut cuts = vec![-CUT, CUT];
    cuts.extend(line.at.iter().skip(every - 1).step_by(every).copied());
    cuts.extend(breaks);
    cuts.retain(|z| z.abs() <= CUT);
    cuts.sort_by(f64::total_cmp);
    let mut out = Vec::with_capacity(cuts.len() * 2 * half.len());
    for ends in cuts.windows(2).filter(|e| e[1] - e[0] > NARROW) {
        let (middle, reach) = (0.5 * (ends[0] + ends[1]), 0.5 * (ends[1] - ends[0]));
        let first = out.len();
        for (x, w) in half.iter().flat_map(|(x, w)| [(-x, *w), (*x, *w)]) {
            let z = middle + reach * x;
            out.push((z, w * normal::density(z)));
        }
        let total: f64 = out[first..].iter().map(|x| x.1).sum();
        let law = normal::cdf(ends[1]) - normal::cdf(ends[0]);
        out[first..].iter_mut().for_each(|x| x.1 *= law / total);
    }
    let total: f64 = out.iter().map(|x| x.1).sum();
    out.iter_mut().for_each(|x| x.1 /= total);
    out
}

/// What laws are worth more than the rules of the squares, one `(leaf, worth)` per square.
///
/// # Errors
/// Those of `meets`.
pub(super) fn worth(squares: &[Square], meets: &mut Meets) -> Result<Vec<(usize, f64)>, Diagnostic> {
    let mut all = Vec::with_capacity(squares.len());
    for part in squares.chunks(AT_ONCE) {
        let found = integrals(part, meets)?;
        let more = part.iter().zip(found).map(|(s, x)| (s.leaf, x - s.rough));
        all.extend(more.filter(|(_, x)| x.is_finite()));
    }
    fault!("verdict.step_missed", do { all.clear(); });
    Ok(all)
}

/// What squares are worth, one number each.
fn integrals(squares: &[Square], meets: &mut Meets) -> Result<Vec<f64>, Diagnostic> {
    let along: Vec<usize> = squares.iter().map(Square::along).collect();
    let mut turns: Vec<Turn> = squares.iter().enumerate().flat_map(|(k, s)| s.turns(k)).collect();
    for _ in 0..HALVINGS {
        let at = turns.iter().map(|t| (t.square, t.middle()));
        let ended = ended(squares, &along, at, meets)?;
        for (turn, ended) in turns.iter_mut().zip(ended) {
            turn.halve(ended, &squares[turn.square].lines[along[turn.square]]);
        }
    }
    let mut rows = Vec::new();
    for (square, s) in squares.iter().enumerate() {
        let breaks = turns.iter().filter(|t| t.square == square).map(Turn::middle);
        let nodes = rule(&s.lines[1 - along[square]], breaks);
        rows.extend(nodes.into_iter().map(|(at, weight)| Row { square, at, weight }));
    }
    let crossings = crossings(squares, &along, &rows, meets)?;
    let mut places = Vec::new();
    let mut of: Vec<(usize, f64)> = Vec::new();
    for (k, row) in rows.iter().enumerate() {
        let (s, along) = (&squares[row.square], along[row.square]);
        let own = crossings.partition_point(|c| c.row < k)..crossings.partition_point(|c| c.row <= k);
        let breaks = crossings[own].iter().map(|c| 0.5 * (c.between[0] + c.between[1]));
        for (z, weight) in rule(&s.lines[along], breaks) {
            places.push((s.leaf, pair(along, uniform(z), uniform(row.at))));
            of.push((row.square, weight * row.weight));
        }
    }
    let mut out = vec![0.0; squares.len()];
    for ((square, weight), met) in of.into_iter().zip(meets(&places)?) {
        out[square] += weight * met.q;
    }
    Ok(out)
}

/// Whether a life ends at the nodes of rows, given by their square and the normal quantile of the other draw.
fn ended(
    squares: &[Square],
    along: &[usize],
    at: impl Iterator<Item = (usize, f64)> + Clone,
    meets: &mut Meets,
) -> Result<Vec<Vec<bool>>, Diagnostic> {
    let places: Vec<Place> = (at.clone()).flat_map(|(k, z)| squares[k].places(along[k], z)).collect();
    let mut met = meets(&places)?.into_iter().map(|m| m.ended);
    let own = |(k, _): (usize, f64)| met.by_ref().take(squares[k].lines[0].nodes.len()).collect();
    Ok(at.map(own).collect())
}

/// The steps in all rows, by row and ascending.
fn crossings(
    squares: &[Square],
    along: &[usize],
    rows: &[Row],
    meets: &mut Meets,
) -> Result<Vec<Crossing>, Diagnostic> {
    let mut out = Vec::new();
    let all = ended(squares, along, rows.iter().map(|r| (r.square, r.at)), meets)?;
    for (row, (r, ended)) in rows.iter().zip(all).enumerate() {
        let at = &squares[r.square].lines[along[r.square]].at;
        let cells = ended.windows(2).zip(at.windows(2)).filter(|(e, _)| e[0] != e[1]);
        out.extend(cells.map(|(e, z)| Crossing {
            row,
            between: [z[0], z[1]],
            ended: e[0],
        }));
    }
    for _ in 0..HALVINGS {
        let middle = |c: &Crossing| 0.5 * (c.between[0] + c.between[1]);
        let place = |c: &Crossing| {
            let r = &rows[c.row];
            (
                squares[r.square].leaf,
                pair(along[r.square], uniform(middle(c)), uniform(r.at)),
            )
        };
        let places: Vec<Place> = out.iter().map(place).collect();
        for (c, met) in out.iter_mut().zip(meets(&places)?) {
            c.between[usize::from(met.ended != c.ended)] = middle(c);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::Met;
    use super::*;
    use crate::verify::world::chances::trapezoid;

    /// Expected `worth` of two draws, by a square of `n x n` nodes with its steps; `worth` says whether a life ends, too. Also how much was looked at.
    fn expected(n: usize, shifts: [f64; 2], worth: &dyn Fn(f64, f64) -> (f64, bool)) -> (f64, usize) {
        let lines = shifts.map(|s| Line::of(trapezoid(n, s)));
        let (mut ended, mut rough) = (Vec::new(), 0.0);
        for (b, v) in &lines[1].nodes {
            for (a, w) in &lines[0].nodes {
                ended.push(worth(*a, *b).1);
                rough += v * w * worth(*a, *b).0;
            }
        }
        let square = Square {
            leaf: 0,
            lines,
            ended,
            rough,
        };
        let mut looked = n * n;
        let mut meets = |places: &[Place]| {
            looked += places.len();
            let met = |(_, [a, b]): &Place| {
                let (q, ended) = worth(*a, *b);
                Met {
                    q,
                    ended,
                    ..Met::default()
                }
            };
            Ok(places.iter().map(met).collect())
        };
        let more = super::worth(&[square], &mut meets).unwrap();
        (rough + more[0].1, looked)
    }

    #[test]
    fn lines_in_the_square_of_two_draws_are_found() {
        type Ends = Box<dyn Fn(f64, f64) -> bool>;
        let cases: Vec<(&str, f64, Ends)> = vec![
            ("across the first", 0.1, Box::new(|a, _| a < 0.1)),
            ("across the second", 0.2, Box::new(|_, b| b < 0.2)),
            ("either", 0.28, Box::new(|a, b| a < 0.1 || b < 0.2)),
            ("both", 0.02, Box::new(|a, b| a < 0.1 && b < 0.2)),
            ("the sum", 0.32, Box::new(|a, b| 0.3 + a + b >= 1.5)),
            ("a flat line", 0.35, Box::new(|a, b| b < 0.3 + 0.1 * a)),
            ("a steep line", 0.35, Box::new(|a, b| a < 0.3 + 0.1 * b)),
            ("the product", 0.3 * (1.0 - 0.3f64.ln()), Box::new(|a, b| a * b < 0.3)),
            (
                "a staircase",
                0.38,
                Box::new(|a, b| b < 0.3 || a < 0.2 && b < 0.55 || a < 0.05 && b > 0.6 || a > 0.9 && b > 0.8 && b < 0.9),
            ),
            (
                "a disc",
                0.25 * std::f64::consts::PI,
                Box::new(|a, b| a * a + b * b <= 1.0),
            ),
        ];
        for (name, right, ends) in &cases {
            for shifts in [[0.1, 0.7], [0.45, 0.3], [0.9, 0.55]] {
                // Few nodes miss narrow corners.
                for (n, most) in [(11, 2e-3), (20, 2e-4), (45, 1e-5), (128, 1e-5)] {
                    let corners = *name == "a staircase" && n < 128;
                    let (found, looked) = expected(n, shifts, &|a, b| (f64::from(u8::from(ends(a, b))), ends(a, b)));
                    assert!(
                        corners || (found - right).abs() < most,
                        "{name} {shifts:?} {n}: {found} {right}"
                    );
                    assert!(looked < 60_000 && (n > 11 || looked < 12_000), "{name} {n}: {looked}");
                }
            }
        }
    }

    #[test]
    fn what_is_paid_where_a_life_goes_on_moves_with_both_draws() {
        let paid = |a: f64, b: f64| {
            if a < 0.1 || b < 0.2 {
                (0.0, true)
            } else {
                (1.0 + a * b, false)
            }
        };
        for (n, most) in [(11, 2e-3), (128, 1e-6)] {
            let found = expected(n, [0.3, 0.8], &paid).0;
            assert!((found - (0.72 + 0.495 * 0.48)).abs() < most, "{n}: {found}");
        }
    }
}
