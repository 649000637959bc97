//! Nash equilibria of games of two in matrices: all extreme ones, and those along the paths of Lemke and Howson.
//!
//! `a[i][j]` is what the first is paid who plays row `i` where the second plays column `j`, and `b[i][j]` what the second is paid. An
//! equilibrium is a pair of probabilities, one number per row and one per column. The extreme ones (Avis, Rosenberg, Savani and von Stengel 2010,
//! "Enumeration of Nash equilibria for two-player games"): vertices of the two polyhedra of best replies, in pairs in which every choice of either is
//! a best reply or not chosen. In a game without ties these are all equilibria; with ties others lie between some that share one's probabilities.
//! Along paths (Lemke and Howson 1964, "Equilibrium points of bimatrix games"): from every label one, with a lexicographic rule for ties; some
//! equilibrium is always found.

use nalgebra::{DMatrix, DVector};
use std::collections::BTreeMap;

/// Probabilities of rows, and of columns.
pub type Pair = (Vec<f64>, Vec<f64>);

/// Most pivots of one path.
const PIVOTS: usize = 100_000;
/// Probabilities below this are none.
const TINY: f64 = 1e-10;
/// Payoffs (from one to two) within this are the same.
const SOLVED: f64 = 1e-10;

/// How many pairs of equally many rows and columns a game of `m` rows and `n` columns has.
pub fn supports(m: usize, n: usize) -> f64 {
    let mut term = 1.0;
    let mut sum = 0.0;
    for k in 1..=m.min(n) {
        term *= (m + 1 - k) as f64 * (n + 1 - k) as f64 / (k * k) as f64;
        sum += term;
    }
    sum
}

/// The sets of `k` out of `n` (at most 63) as bits, ascending.
fn subsets(n: usize, k: usize) -> impl Iterator<Item = u64> {
    let first = (1u64 << k) - 1;
    std::iter::successors(Some(first), |x| {
        let low = x & x.wrapping_neg();
        let up = x + low;
        Some((((up ^ x) >> 2) / low) | up)
    })
    .take_while(move |x| *x < 1u64 << n)
}

fn members(set: u64) -> Vec<usize> {
    (0..64).filter(|i| set >> i & 1 == 1).collect()
}

/// Probabilities of `columns` (of `n`, none negative) at which all `rows` pay the same and no other row pays more, with the choices that are not
/// used or pay as much as any, as bits: rows first. `None` where there are none.
fn balanced(
    pays: &dyn Fn(usize, usize) -> f64,
    m: usize,
    n: usize,
    rows: &[usize],
    columns: &[usize],
) -> Option<(u64, Vec<f64>)> {
    let k = rows.len();
    let mut left = DMatrix::zeros(k + 1, k + 1);
    for (r, i) in rows.iter().enumerate() {
        for (c, j) in columns.iter().enumerate() {
            left[(r, c)] = pays(*i, *j);
        }
        left[(r, k)] = -1.0;
        left[(k, r)] = 1.0;
    }
    let mut right = DVector::zeros(k + 1);
    right[k] = 1.0;
    let found = left.lu().solve(&right)?;
    if !(0..k).all(|c| found[c] > -TINY) {
        return None;
    }
    let mut out = vec![0.0; n];
    columns
        .iter()
        .enumerate()
        .for_each(|(c, j)| out[*j] = if found[c] > TINY { found[c] } else { 0.0 });
    let value = found[k];
    let worth = |i: usize| columns.iter().map(|j| pays(i, *j) * out[*j]).sum::<f64>() - value;
    // Where equations hardly differ what solves them may not.
    let solved = rows.iter().all(|i| worth(*i).abs() <= SOLVED) && (out.iter().sum::<f64>() - 1.0).abs() <= SOLVED;
    if !solved || (0..m).any(|i| worth(i) > SOLVED) {
        return None;
    }
    let best = (0..m)
        .filter(|i| worth(*i) >= -SOLVED)
        .fold(0u64, |set, i| set | 1 << i);
    let unused = (0..n)
        .filter(|j| out[*j] == 0.0)
        .fold(0u64, |set, j| set | 1 << (m + j));
    Some((best | unused, out))
}

/// The vertices of the polyhedron of best replies to probabilities of columns, each with its labels.
fn vertices(pays: &dyn Fn(usize, usize) -> f64, m: usize, n: usize) -> Vec<(u64, Vec<f64>)> {
    let mut out = BTreeMap::new();
    for k in 1..=m.min(n) {
        for rows in subsets(m, k) {
            crate::limits::poll();
            let rows = members(rows);
            for columns in subsets(n, k) {
                if let Some((labels, y)) = balanced(pays, m, n, &rows, &members(columns)) {
                    out.entry(labels).or_insert(y);
                }
            }
        }
    }
    out.into_iter().collect()
}

/// All extreme equilibria of the game that pays `a[i][j]` and `b[i][j]` where the first chooses row `i` and the second column `j`, and
/// whether some share one's probabilities: between those all are equilibria. `None` with more than 63 choices of both.
pub fn extreme(a: &[Vec<f64>], b: &[Vec<f64>]) -> Option<(Vec<Pair>, bool)> {
    let (m, n) = (a.len(), a.first().map_or(0, Vec::len));
    if m + n > 63 {
        return None;
    }
    let (of_a, of_b) = (shifted(a), shifted(b));
    let columns = vertices(&|i, j| of_a(a[i][j]), m, n);
    let rows = vertices(&|j, i| of_b(b[i][j]), n, m);
    // The labels of the second have its own choices first.
    let all = (1u64 << (m + n)) - 1;
    let turned = |labels: u64| (labels >> n) | (labels << m & all);
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (k, (of_x, _)) in rows.iter().enumerate() {
        let of_x = turned(*of_x);
        found.extend(
            (0..columns.len())
                .filter(|l| of_x | columns[*l].0 == all)
                .map(|l| (k, l)),
        );
    }
    let twice = |of: &dyn Fn(&(usize, usize)) -> usize| {
        let mut seen: Vec<usize> = found.iter().map(of).collect();
        seen.sort_unstable();
        seen.windows(2).any(|w| w[0] == w[1])
    };
    let share = twice(&|p| p.0) || twice(&|p| p.1);
    let pair = |(k, l): &(usize, usize)| (rows[*k].1.clone(), columns[*l].1.clone());
    Some((found.iter().map(pair).collect(), share))
}

/// Payoffs from one to two.
fn shifted(all: &[Vec<f64>]) -> impl Fn(f64) -> f64 + use<> {
    let least = all.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let most = all.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    move |x: f64| 1.0 + (x - least) / (most - least).max(1e-300)
}

/// The inequalities of one of the two, as equations with slacks: a row each, what is right of them last.
struct Tableau {
    rows: Vec<Vec<f64>>,
    /// The label of the variable that each row is solved for.
    basis: Vec<usize>,
    /// The label of the first row's slack.
    slack: usize,
}

impl Tableau {
    /// `pays(row, k)` for the labels `others.0 .. others.0 + others.1` of the variables; slacks have labels from `slack` on.
    fn new(n: usize, others: (usize, usize), slack: usize, pays: &dyn Fn(usize, usize) -> f64) -> Tableau {
        let width = n + others.1;
        let row = |r: usize| {
            let mut row = vec![0.0; width + 1];
            (0..others.1).for_each(|k| row[others.0 + k] = pays(r, k));
            row[slack + r] = 1.0;
            row[width] = 1.0;
            row
        };
        Tableau {
            rows: (0..n).map(row).collect(),
            basis: (slack..slack + n).collect(),
            slack,
        }
    }

    /// Lets a variable enter; the label of the one that leaves.
    fn pivot(&mut self, enter: usize) -> Option<usize> {
        let n = self.rows.len();
        let width = self.rows[0].len() - 1;
        let order = || std::iter::once(width).chain(self.slack..self.slack + n);
        let less = |r: usize, s: usize| {
            let (a, b) = (&self.rows[r], &self.rows[s]);
            order()
                .map(|c| a[c] / a[enter] - b[c] / b[enter])
                .find(|d| d.abs() > 1e-12)
                .is_some_and(|d| d < 0.0)
        };
        let open = (0..n).filter(|r| self.rows[*r][enter] > 1e-11);
        let row = open.reduce(|best, r| if less(r, best) { r } else { best })?;
        let by = self.rows[row][enter];
        self.rows[row].iter_mut().for_each(|x| *x /= by);
        let pivot = self.rows[row].clone();
        for (_, other) in self.rows.iter_mut().enumerate().filter(|(r, _)| *r != row) {
            let by = other[enter];
            if by != 0.0 {
                other.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= by * p);
            }
        }
        Some(std::mem::replace(&mut self.basis[row], enter))
    }

    /// The values of the variables with labels `from .. from + n`, summing to one.
    fn shares(&self, from: usize, n: usize) -> Option<Vec<f64>> {
        let width = self.rows[0].len() - 1;
        let mut out = vec![0.0; n];
        for (row, label) in self.rows.iter().zip(&self.basis) {
            if (from..from + n).contains(label) {
                out[label - from] = row[width].max(0.0);
            }
        }
        let sum: f64 = out.iter().sum();
        (sum > 0.0 && sum.is_finite()).then(|| out.iter().map(|x| x / sum).collect())
    }
}

/// The equilibrium at the end of the path that begins by dropping a label (rows come first); `None` where rounding leads astray.
pub fn lemke_howson(a: &[Vec<f64>], b: &[Vec<f64>], label: usize) -> Option<Pair> {
    let (m, n) = (a.len(), a.first().map_or(0, Vec::len));
    let (of_a, of_b) = (shifted(a), shifted(b));
    let mut both = [
        Tableau::new(n, (0, m), m, &|j, i| of_b(b[i][j])),
        Tableau::new(m, (m, n), 0, &|i, j| of_a(a[i][j])),
    ];
    let (mut enter, mut which) = (label, usize::from(label >= m));
    for _ in 0..PIVOTS {
        let leave = both[which].pivot(enter)?;
        if leave == label {
            return Some((both[0].shares(0, m)?, both[1].shares(m, n)?));
        }
        (enter, which) = (leave, 1 - which);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest gain of either from another choice.
    fn gain(a: &[Vec<f64>], b: &[Vec<f64>], (x, y): &Pair) -> f64 {
        let row = |i: usize| a[i].iter().zip(y).map(|(p, q)| p * q).sum::<f64>();
        let column = |j: usize| b.iter().zip(x).map(|(r, q)| r[j] * q).sum::<f64>();
        let best = |n: usize, f: &dyn Fn(usize) -> f64| (0..n).map(f).fold(f64::NEG_INFINITY, f64::max);
        let of = |n: usize, f: &dyn Fn(usize) -> f64, p: &[f64]| (0..n).map(|i| p[i] * f(i)).sum::<f64>();
        (best(x.len(), &row) - of(x.len(), &row, x)).max(best(y.len(), &column) - of(y.len(), &column, y))
    }

    fn game(m: usize, n: usize, seed: u64) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let key = crate::num::random::Key::new(seed, 3);
        let of = |which: u64| {
            (0..m)
                .map(|i| {
                    (0..n)
                        .map(|j| key.uniform((i * n + j) as u64, which) * 10.0 - 5.0)
                        .collect()
                })
                .collect()
        };
        (of(0), of(1))
    }

    #[test]
    fn both_ways_find_equilibria_and_agree() {
        for seed in 0..20 {
            let (a, b) = game(4, 3 + seed as usize % 3, seed);
            let (all, share) = extreme(&a, &b).expect("few choices");
            assert!(all.iter().all(|e| gain(&a, &b, e) < 1e-8));
            // A game without ties has an odd number of equilibria.
            assert!(all.len() % 2 == 1 && !share, "{seed}");
            for label in 0..a.len() + a[0].len() {
                let e = lemke_howson(&a, &b, label).expect("a path ends");
                assert!(gain(&a, &b, &e) < 1e-9, "{seed} {label}");
                let near = |f: &Pair| f.0.iter().zip(&e.0).all(|(x, y)| (x - y).abs() < 1e-7);
                assert!(all.iter().any(near), "{seed} {label}");
            }
        }
        let (a, b) = game(30, 30, 7);
        let e = lemke_howson(&a, &b, 0).expect("a path ends");
        assert!(gain(&a, &b, &e) < 1e-8);
        // Ties everywhere.
        let flat = vec![vec![1.0; 3]; 3];
        assert!(lemke_howson(&flat, &flat, 2).is_some_and(|e| gain(&flat, &flat, &e) < 1e-9));
    }

    /// Selten's chain store in one town: entry met by yielding, and staying out for fear of a fight that is likely enough.
    #[test]
    fn with_ties_ends_of_continua_are_found() {
        let (a, b) = (
            vec![vec![0.0, 0.0], vec![-1.0, 1.0]],
            vec![vec![2.0, 2.0], vec![-1.0, 1.0]],
        );
        for unit in [1.0, 1e-7, 1e9] {
            let times = |of: &[Vec<f64>]| -> Vec<Vec<f64>> {
                of.iter().map(|r| r.iter().map(|x| unit * x).collect()).collect()
            };
            let (all, share) = extreme(&times(&a), &times(&b)).expect("few choices");
            assert!(share && all.len() == 3, "{all:?}");
            assert!(
                all.iter().any(|(x, y)| x[0] == 1.0 && (y[0] - 0.5).abs() < 1e-9),
                "{all:?}"
            );
        }
        // Nothing matters: every pair of pure choices is an end.
        let flat = vec![vec![1.0; 3]; 2];
        assert!(extreme(&flat, &flat).is_some_and(|(all, share)| share && all.len() == 6));
    }

    #[test]
    fn supports_are_counted() {
        assert_eq!(supports(3, 3), 9.0 + 9.0 + 1.0);
        assert_eq!(subsets(5, 3).count(), 10);
    }
}
