//! Nash equilibria of games of two in matrices: by supports, and along the paths of Lemke and Howson.
//!
//! `a[i][j]` is what the first is paid who plays row `i` where the second plays column `j`, and `b[i][j]` what the second is paid. An
//! equilibrium is a pair of probabilities, one number per row and one per column. By supports (Dickhaut and Kaplan 1991, "A program for finding
//! Nash equilibria"): for each pair of equally many rows and columns the probabilities at which all of them pay the same, which is every
//! equilibrium of a game without ties. Along paths (Lemke and Howson 1964, "Equilibrium points of bimatrix games"): from every label one, with a
//! lexicographic rule for ties; some equilibrium is always found.

use nalgebra::{DMatrix, DVector};

/// Probabilities of rows, and of columns.
pub type Pair = (Vec<f64>, Vec<f64>);

/// Most pivots of one path.
const PIVOTS: usize = 100_000;
/// Probabilities below this are none, and payoffs within it (relative) are the same.
const TINY: f64 = 1e-10;

/// How many pairs of supports of equal size, of more than one choice each, a game of `m` rows and `n` columns has.
pub fn supports(m: usize, n: usize) -> f64 {
    let mut term = 1.0;
    let mut sum = 0.0;
    for k in 1..=m.min(n) {
        term *= (m + 1 - k) as f64 * (n + 1 - k) as f64 / (k * k) as f64;
        if k > 1 {
            sum += term;
        }
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

/// Probabilities of `columns` (of `n`) at which all `rows` pay the same and no other row pays more; `None` where there are none.
fn balanced(
    pays: &dyn Fn(usize, usize) -> f64,
    m: usize,
    n: usize,
    rows: &[usize],
    columns: &[usize],
) -> Option<Vec<f64>> {
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
    if !(0..k).all(|c| found[c] > TINY) {
        return None;
    }
    let mut out = vec![0.0; n];
    columns.iter().enumerate().for_each(|(c, j)| out[*j] = found[c]);
    let value = found[k];
    let worth = |i: usize| columns.iter().map(|j| pays(i, *j) * out[*j]).sum::<f64>();
    (0..m)
        .all(|i| worth(i) <= value + TINY * (1.0 + value.abs()))
        .then_some(out)
}

/// The equilibria in which both mix equally many choices.
pub fn by_supports(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Pair> {
    let (m, n) = (a.len(), a.first().map_or(0, Vec::len));
    let mut out = Vec::new();
    for k in 2..=m.min(n) {
        for rows in subsets(m, k) {
            crate::limits::poll();
            let rows = members(rows);
            for columns in subsets(n, k) {
                let columns = members(columns);
                if let Some(y) = balanced(&|i, j| a[i][j], m, n, &rows, &columns)
                    && let Some(x) = balanced(&|j, i| b[i][j], n, m, &columns, &rows)
                {
                    out.push((x, y));
                }
            }
        }
    }
    out
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
    let shifted = |all: &[Vec<f64>]| {
        let least = all.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        let most = all.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        move |x: f64| 1.0 + (x - least) / (most - least).max(1e-300)
    };
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
            let all = by_supports(&a, &b);
            assert!(all.iter().all(|e| gain(&a, &b, e) < 1e-9));
            let pure = (0..a.len())
                .flat_map(|i| (0..a[0].len()).map(move |j| (i, j)))
                .filter(|(i, j)| a.iter().all(|r| r[*j] <= a[*i][*j]) && b[*i].iter().all(|x| *x <= b[*i][*j]));
            // A game without ties has an odd number of equilibria.
            assert_eq!((all.len() + pure.count()) % 2, 1, "{seed}");
            for label in 0..a.len() + a[0].len() {
                let e = lemke_howson(&a, &b, label).expect("a path ends");
                assert!(gain(&a, &b, &e) < 1e-9, "{seed} {label}");
                let mixes = e.0.iter().filter(|p| **p > 1e-9).count() > 1;
                let near = |f: &Pair| f.0.iter().zip(&e.0).all(|(x, y)| (x - y).abs() < 1e-7);
                assert!(!mixes || all.iter().any(near), "{seed} {label}");
            }
        }
        let (a, b) = game(30, 30, 7);
        let e = lemke_howson(&a, &b, 0).expect("a path ends");
        assert!(gain(&a, &b, &e) < 1e-8);
        // Ties everywhere.
        let flat = vec![vec![1.0; 3]; 3];
        assert!(lemke_howson(&flat, &flat, 2).is_some_and(|e| gain(&flat, &flat, &e) < 1e-9));
    }

    #[test]
    fn supports_are_counted() {
        assert_eq!(supports(3, 3), 9.0 + 1.0);
        assert_eq!(subsets(5, 3).count(), 10);
    }
}
