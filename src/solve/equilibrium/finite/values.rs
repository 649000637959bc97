//! What choices pay in a game of finite choices: computed once for every profile where these are few, else by counts of what others do.

use super::{Kind, NUMBERS, RARE, Strategy, Table, cannot};
use crate::diag::Diagnostic;
use crate::kernel::exec::Workspace;
use crate::limits;
use crate::solve::kinked::lanes;

/// Most profiles (with what everybody knows) whose payoffs are all kept.
const LISTED: usize = 20_000;
/// What one reward costs that is computed, in rewards that are looked up.
const RUN: u64 = 50;

/// What everybody is paid at every profile. A *class* is what one knows and does.
pub(super) struct List {
    /// For each chooser its kind, and how far apart its classes stand.
    of: Vec<(usize, usize)>,
    /// For each chooser one number per profile.
    pub(super) paid: Vec<Vec<f64>>,
}

impl List {
    /// The payoffs of all profiles; `None` where these are too many.
    pub(super) fn new(table: &Table) -> Option<List> {
        let n = table.game.choosers.len();
        let mut of = vec![(0, 0); n];
        let mut all = 1usize;
        for (c, place) in of.iter_mut().enumerate() {
            let kind = table.kind_of(c)?;
            *place = (kind, all);
            let classes = table.kinds[kind].states.len() * table.kinds[kind].choices;
            all = all.checked_mul(classes).filter(|n| *n <= LISTED)?;
        }
        if all * table.game.chance.inputs > NUMBERS {
            return None;
        }
        let case = |p: usize| -> Vec<(usize, usize)> {
            let class = |(kind, stride): &(usize, usize)| {
                let kind = &table.kinds[*kind];
                let class = p / stride % (kind.states.len() * kind.choices);
                (class / kind.choices, class % kind.choices)
            };
            of.iter().map(class).collect()
        };
        let columns = table.columns(&(0..all).map(case).collect::<Vec<_>>());
        let paid = (0..n).map(|c| table.run(c, &columns, all)).collect();
        Some(List { of, paid })
    }

    /// What each choice pays the first member of a kind, `[state][choice]`, and how many payoffs were looked up.
    fn values(&self, kinds: &[Kind], kind: usize, s: &Strategy) -> (Vec<Vec<f64>>, u64) {
        let own = kinds[kind].members[0];
        let mut at: Vec<(usize, f64)> = vec![(0, 1.0)];
        for (_, (k, stride)) in self.of.iter().enumerate().filter(|(c, _)| *c != own) {
            let mut next = Vec::new();
            for (state, (_, w)) in kinds[*k].states.iter().enumerate() {
                for (choice, p) in s[*k][state].iter().enumerate().filter(|(_, p)| **p > 0.0) {
                    let class = state * kinds[*k].choices + choice;
                    next.extend(at.iter().map(|(o, q)| (o + class * stride, q * w * p)));
                }
            }
            at = next;
        }
        let total: f64 = at.iter().map(|a| a.1).sum();
        let (states, choices, stride) = (kinds[kind].states.len(), kinds[kind].choices, self.of[own].1);
        let paid = &self.paid[own];
        let worth = |class: usize| at.iter().map(|(o, q)| q * paid[o + class * stride]).sum::<f64>() / total;
        let row = |state: usize| (0..choices).map(|choice| worth(state * choices + choice)).collect();
        let out = (0..states).map(row).collect();
        (out, (at.len() * (states * choices + 1)) as u64 + RUN)
    }
}

impl Table<'_> {
    /// Expected rewards of a chooser at many profiles: `columns` has the numbers of every input that is set, `n` each.
    pub(super) fn run(&self, chooser: usize, columns: &[(usize, Vec<f64>)], n: usize) -> Vec<f64> {
        let (chance, drawn) = (&self.game.chance, &self.game.drawn);
        let mut space = Workspace::new();
        let mut out = vec![0.0; n];
        for (o, weight) in drawn.weights.iter().enumerate() {
            limits::poll();
            let mut all: Vec<Vec<f64>> = vec![Vec::new(); chance.inputs];
            for (i, v) in columns {
                all[*i].clone_from(v);
            }
            for (i, values) in &drawn.columns {
                all[*i] = vec![values[o]; n];
            }
            for v in all.iter_mut().filter(|v| v.is_empty()) {
                v.resize(n, 0.0);
            }
            let columns: Vec<(usize, &[f64])> = all.iter().enumerate().map(|(i, v)| (i, v.as_slice())).collect();
            let fixed = vec![0.0; chance.inputs];
            let paid = lanes(&self.game.wide[chooser], &fixed, &columns, n, &mut space);
            out.iter_mut().zip(&paid[0]).for_each(|(x, v)| *x += weight * v);
        }
        out
    }

    /// A profile as columns: what each chooser does and knows.
    pub(super) fn columns(&self, cases: &[Vec<(usize, usize)>]) -> Vec<(usize, Vec<f64>)> {
        let mut out = Vec::new();
        for kind in &self.kinds {
            for c in &kind.members {
                let input = self.game.chance.actions[self.action(*c)];
                out.push((input, cases.iter().map(|case| self.value_of(*c, case[*c].1)).collect()));
                for (d, t) in self.game.choosers[*c].sees.iter().enumerate() {
                    let input = self.game.types[*t].input;
                    out.push((input, cases.iter().map(|case| kind.states[case[*c].0].0[d]).collect()));
                }
            }
        }
        out
    }

    /// What each choice pays a member of a kind, `[state][choice]`, where everybody else plays a strategy.
    pub(super) fn values(&self, kind: usize, s: &Strategy) -> Result<Vec<Vec<f64>>, Diagnostic> {
        if let Some(list) = &self.list {
            let (values, work) = list.values(&self.kinds, kind, s);
            self.work.set(self.work.get() + work);
            return Ok(values);
        }
        let own = self.kinds[kind].members[0];
        let n = self.game.choosers.len();
        let mut cases: Vec<(Vec<(usize, usize)>, f64)> = vec![(vec![(0, 0); n], 1.0)];
        for (k, other) in self.kinds.iter().enumerate() {
            let mut classes: Vec<((usize, usize), f64)> = Vec::new();
            for (state, (_, w)) in other.states.iter().enumerate() {
                for (choice, p) in s[k][state].iter().enumerate().filter(|(_, p)| **p > 0.0) {
                    classes.push(((state, choice), w * p));
                }
            }
            let members: Vec<usize> = other.members.iter().copied().filter(|c| *c != own).collect();
            let chances: Vec<f64> = classes.iter().map(|c| c.1).collect();
            let counts = compositions(members.len(), &chances);
            if cases
                .len()
                .saturating_mul(counts.len())
                .saturating_mul(self.game.chance.inputs)
                > NUMBERS
            {
                return Err(cannot("what the others may know and do has too many combinations")
                    .hint("fewer members, fewer choices, or fewer values of what is known"));
            }
            cases = cases
                .iter()
                .flat_map(|(case, w)| {
                    let (members, classes) = (&members, &classes);
                    counts.iter().map(move |(counts, p)| {
                        let mut case = case.clone();
                        let mut at = members.iter();
                        for (class, many) in classes.iter().zip(counts) {
                            for c in at.by_ref().take(*many) {
                                case[*c] = class.0;
                            }
                        }
                        (case, w * p)
                    })
                })
                .filter(|(_, w)| *w > RARE)
                .collect();
        }
        let weights: Vec<f64> = cases.iter().map(|c| c.1).collect();
        let total: f64 = weights.iter().sum();
        let mut cases: Vec<Vec<(usize, usize)>> = cases.into_iter().map(|c| c.0).collect();
        let mut out = Vec::new();
        for state in 0..self.kinds[kind].states.len() {
            let mut row = Vec::new();
            for choice in 0..self.kinds[kind].choices {
                for case in &mut cases {
                    case[own] = (state, choice);
                }
                let paid = self.run(own, &self.columns(&cases), cases.len());
                self.work.set(self.work.get() + RUN * cases.len() as u64);
                row.push(paid.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>() / total);
            }
            out.push(row);
        }
        Ok(out)
    }
}

/// Every way in which `n` independent members may fall into classes of these chances (summing to one), with its probability.
fn compositions(n: usize, chances: &[f64]) -> Vec<(Vec<usize>, f64)> {
    let mut factorial = vec![0.0; n + 1];
    for i in 1..=n {
        factorial[i] = factorial[i - 1] + (i as f64).ln();
    }
    let mut out: Vec<(Vec<usize>, usize, f64)> = vec![(Vec::new(), n, factorial[n])];
    for (k, p) in chances.iter().enumerate() {
        let last = k + 1 == chances.len();
        let mut next = Vec::new();
        for (head, left, log) in out {
            let range = if last { left..=left } else { 0..=left };
            for many in range {
                let with = log - factorial[many] + many as f64 * p.ln();
                let mut head = head.clone();
                head.push(many);
                next.push((head, left - many, with));
            }
        }
        out = next;
    }
    out.into_iter()
        .map(|(counts, _, log)| (counts, log.exp()))
        .filter(|(_, p)| *p > RARE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::compositions;

    #[test]
    fn chances_of_counts_are_multinomial() {
        let all = compositions(3, &[0.5, 0.3, 0.2]);
        assert_eq!(all.len(), 10);
        assert!((all.iter().map(|c| c.1).sum::<f64>() - 1.0).abs() < 1e-14);
        let one = all.iter().find(|c| c.0 == [1, 1, 1]).map_or(f64::NAN, |c| c.1);
        assert!((one - 6.0 * 0.5 * 0.3 * 0.2).abs() < 1e-14);
        // Nobody else: one case.
        assert_eq!(compositions(0, &[0.4, 0.6]), vec![(vec![0, 0], 1.0)]);
    }
}
