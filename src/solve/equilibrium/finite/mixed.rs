//! Mixed strategies: chances at which all choices of a support pay the same.
//!
//! Two who know nothing: all extreme equilibria while pairs of supports are few, else the paths of Lemke and Howson ([`crate::num::bimatrix`]).
//! Otherwise every combination of supports by Newton's method from three starts, while a count of payoffs allows. Whether equilibria form a continuum is
//! looked at even where pure ones are enough: extreme ones that share one's strategy, or choices that pay the same and may be mixed a little.

use super::{Strategy, Table, near};
use crate::diag::Diagnostic;
use crate::limits;
use crate::num::bimatrix::{Pair, extreme, lemke_howson, supports};
use crate::num::fixed_point::{NewtonOptions, newton};

/// Most pairs of supports of a game of two that are tried.
const PAIRS: f64 = 100_000.0;
/// Most payoffs that are looked up for mixed strategies.
const WORK: u64 = 400_000_000;
/// Most choices of one whose sets are supports.
const CHOICES: usize = 16;
/// The chance with which another choice that pays the same is mixed in.
const LITTLE: f64 = 1e-3;

/// Whether all extreme equilibria of a game of two are enumerated; `open[kind]` lists the choices that are open there, any number for each kind.
pub(super) fn few(open: &[Vec<usize>]) -> bool {
    matches!(open, [a, b] if supports(a.len(), b.len()) <= PAIRS && a.len() + b.len() < 64)
}

impl Table<'_> {
    /// Adds the equilibria in which somebody mixes; how many supports or paths were tried, and what was looked for. `open[cell]` lists
    /// the choices that are open there, any number for each cell.
    ///
    /// # Errors
    /// E0810 where what others know and do has too many combinations.
    pub(super) fn mixed(
        &self,
        cells: &[(usize, usize)],
        open: &[Vec<usize>],
        found: &mut Vec<Strategy>,
    ) -> Result<(usize, String), Diagnostic> {
        if let Some((a, b)) = self.matrices(open) {
            return self.of_two(&a, &b, open, found);
        }
        let subsets = |n: usize| (1usize << n.min(CHOICES)) - 1;
        let all = open
            .iter()
            .map(|o| subsets(o.len()))
            .fold(1usize, usize::saturating_mul);
        let tried = self.over_supports(cells, open, all, found)?;
        let wide = open.iter().any(|o| o.len() > CHOICES);
        let scope = match tried < all || wide {
            false => format!("{all} combinations of choices that may be mixed"),
            true => format!(
                "mixed strategies in part: {tried} of {all} combinations of choices that may be mixed, the most that are tried"
            ),
        };
        Ok((tried, scope))
    }

    /// What the two of a game in which nothing is known are paid, `[choice of the first][choice of the second]`; `None` for other games.
    pub(super) fn matrices(&self, open: &[Vec<usize>]) -> Option<(Vec<Vec<f64>>, Vec<Vec<f64>>)> {
        let list = self.list.as_ref()?;
        let alone = |k: &super::Kind| k.members.len() == 1 && k.states.len() == 1;
        let [first, second] = self.kinds.as_slice() else {
            return None;
        };
        if !alone(first) || !alone(second) || self.game.choosers.len() != 2 {
            return None;
        }
        let of = |c: usize| -> Vec<Vec<f64>> {
            let (mine, other) = (first.members[0], second.members[0]);
            let at = |i: usize, j: usize| match mine < other {
                true => i + j * first.choices,
                false => j + i * second.choices,
            };
            open[0]
                .iter()
                .map(|i| open[1].iter().map(|j| list.paid[c][at(*i, *j)]).collect())
                .collect()
        };
        let (a, b) = (of(first.members[0]), of(second.members[0]));
        let known = a.iter().chain(&b).flatten().all(|x| x.is_finite());
        (known && open.iter().all(|o| o.len() < 64)).then_some((a, b))
    }

    /// The mixed equilibria of a game of two in matrices.
    fn of_two(
        &self,
        a: &[Vec<f64>],
        b: &[Vec<f64>],
        open: &[Vec<usize>],
        found: &mut Vec<Strategy>,
    ) -> Result<(usize, String), Diagnostic> {
        let (m, n) = (open[0].len(), open[1].len());
        let pairs = supports(m, n);
        let few = few(open);
        let all = if few { extreme(a, b) } else { None };
        let add = |(x, y): Pair, found: &mut Vec<Strategy>| -> Result<(), Diagnostic> {
            let mut s = self.blank();
            for (k, p) in [x, y].iter().enumerate() {
                open[k]
                    .iter()
                    .zip(p)
                    .for_each(|(c, p)| s[k][0][*c] = if *p > 1e-12 { *p } else { 0.0 });
            }
            if !found.iter().any(|f| near(f, &s)) && self.is_best(&s)? {
                found.push(s);
            }
            Ok(())
        };
        if let Some((all, share)) = all
            && !all.is_empty()
        {
            self.flat.set(share);
            all.into_iter().try_for_each(|pair| add(pair, found))?;
            return Ok((pairs as usize, "all extreme equilibria of the two".into()));
        }
        for label in 0..m + n {
            limits::poll();
            if let Some(pair) = lemke_howson(a, b, label) {
                add(pair, found)?;
            }
        }
        let scope = format!(
            "mixed strategies along the {} paths of Lemke and Howson, which may miss some",
            m + n
        );
        Ok((m + n + if few { pairs as usize } else { 0 }, scope))
    }

    /// Marks equilibria that are points of a continuum where some of the pure ones in `found` are; `open[cell]` lists the choices that
    /// are open there, any number for each cell.
    ///
    /// # Errors
    /// E0810 where what others know and do has too many combinations.
    pub(super) fn ties(&self, open: &[Vec<usize>], found: &[Strategy]) -> Result<(), Diagnostic> {
        if let Some((a, b)) = self.matrices(open)
            && few(open)
            && let Some((_, share)) = extreme(&a, &b)
        {
            self.flat.set(share);
            return Ok(());
        }
        for s in found {
            for k in 0..self.kinds.len() {
                for (state, v) in self.values(k, s)?.iter().enumerate() {
                    let Some(now) = s[k][state].iter().position(|p| *p == 1.0) else {
                        continue;
                    };
                    let same = |c: &usize| *c != now && (v[*c] - v[now]).abs() <= self.rounding(k, v[now]);
                    for other in (0..v.len()).filter(same) {
                        let mut t = s.clone();
                        (t[k][state][now], t[k][state][other]) = (1.0 - LITTLE, LITTLE);
                        if self.is_best(&t)? {
                            self.flat.set(true);
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Newton's method on every combination of supports; how many were tried.
    fn over_supports(
        &self,
        cells: &[(usize, usize)],
        open: &[Vec<usize>],
        all: usize,
        found: &mut Vec<Strategy>,
    ) -> Result<usize, Diagnostic> {
        let subsets = |n: usize| (1usize << n.min(CHOICES)) - 1;
        for k in 0..all {
            limits::poll();
            if self.work.get() > WORK {
                return Ok(k);
            }
            let mut rest = k;
            let supports: Vec<Vec<usize>> = open
                .iter()
                .map(|o| {
                    let set = rest % subsets(o.len()) + 1;
                    rest /= subsets(o.len());
                    o.iter()
                        .enumerate()
                        .filter(|(i, _)| set >> i & 1 == 1)
                        .map(|(_, c)| *c)
                        .collect()
                })
                .collect();
            if supports.iter().all(|s| s.len() == 1) {
                continue;
            }
            let before = found.len();
            for tilt in [0.0, 0.35, -0.35] {
                let Some(s) = self.indifferent(cells, &supports, tilt) else {
                    continue;
                };
                if found.iter().any(|f| near(f, &s)) || !self.is_best(&s)? {
                    continue;
                }
                match found.get(before) {
                    Some(f) if self.is_best(&middle(f, &s))? => self.flat.set(true),
                    _ => found.push(s),
                }
            }
        }
        Ok(all)
    }

    /// The strategy with these supports at which all choices of each pay the same; from even chances, tilted.
    fn indifferent(&self, cells: &[(usize, usize)], supports: &[Vec<usize>], tilt: f64) -> Option<Strategy> {
        let mixing: Vec<usize> = (0..cells.len()).filter(|c| supports[*c].len() > 1).collect();
        let build = |x: &[f64]| -> Strategy {
            let mut s = self.blank();
            let mut at = x.iter();
            for (c, (kind, state)) in cells.iter().enumerate() {
                for choice in &supports[c] {
                    s[*kind][*state][*choice] = if supports[c].len() > 1 {
                        at.next().copied().unwrap_or(0.0)
                    } else {
                        1.0
                    };
                }
            }
            s
        };
        let mut start = Vec::new();
        for c in &mixing {
            let n = supports[*c].len() as f64;
            start.extend((0..supports[*c].len()).map(|i| (1.0 + if i == 0 { tilt * (n - 1.0) } else { -tilt }) / n));
        }
        let mut conditions = |x: &[f64]| -> Option<Vec<f64>> {
            let s = build(x);
            let values: Option<Vec<Vec<Vec<f64>>>> = (0..self.kinds.len()).map(|k| self.values(k, &s).ok()).collect();
            let values = values?;
            let mut out = Vec::new();
            for c in &mixing {
                let (kind, state) = cells[*c];
                let v = &values[kind][state];
                out.extend(supports[*c][1..].iter().map(|a| v[*a] - v[supports[*c][0]]));
                out.push(supports[*c].iter().map(|a| s[kind][state][*a]).sum::<f64>() - 1.0);
            }
            out.iter().all(|x| x.is_finite()).then_some(out)
        };
        let (lo, hi) = (vec![1e-12; start.len()], vec![1.0; start.len()]);
        let report = newton(&mut conditions, &start, &lo, &hi, &NewtonOptions::default());
        let inside = report.x.iter().all(|p| *p > 1e-9);
        (inside && (report.converged || report.residual < 1e-10)).then(|| build(&report.x))
    }
}

/// Half of each.
fn middle(a: &Strategy, b: &Strategy) -> Strategy {
    let row = |(x, y): (&Vec<f64>, &Vec<f64>)| x.iter().zip(y).map(|(x, y)| 0.5 * (x + y)).collect();
    let kind = |(x, y): (&Vec<Vec<f64>>, &Vec<Vec<f64>>)| x.iter().zip(y).map(row).collect();
    a.iter().zip(b).map(kind).collect()
}
