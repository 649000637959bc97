//! Means over continua under an aggregate chain (Krusell and Smith 1998): is the share of members in each state of their own
//! chain a function of the aggregate state alone?
//!
//! With `shock e ~ markov(..) given Z, Z'` the shares `pi_Z` given today's aggregate state move to `pi_Z M(Z, Z')`. If that is
//! `pi_Z'` wherever the aggregate can go, `mean(household.e)` is known from `Z`. Otherwise it depends on the whole history
//! of `Z` and is one more aggregate state, which a solver must carry: a warning, since simulation is right either way.
//! A warned program: unemployment of 4 and 10 per cent with one matrix for all four moves. The fix: a matrix for each.

use super::model::{Process, Shock};
use super::{Checker, errors};
use crate::chance::chain;
use crate::graph::{InputKind, NodeId, Op};

/// Largest difference of a share that counts as none. Published matrices are rounded: that of Krusell and Smith gives unemployment
/// of .100003 and .039998 for .10 and .04.
const ROUNDING: f64 = 1e-4;

/// Most joint states of both chains that are looked at.
const MOST_LINKS: usize = 200;

/// Where shares are not what the aggregate state says.
pub(super) struct Drift {
    /// States of the aggregate chain before and after.
    pub(super) from: usize,
    pub(super) to: usize,
    /// The state of the member's chain with the largest difference.
    pub(super) link: usize,
    /// Its share after this move and on average.
    pub(super) moved: f64,
    pub(super) usual: f64,
}

impl Checker<'_> {
    /// Warns of reductions over continua that are not functions of the aggregate chain.
    pub(super) fn cross_section_means(&mut self) {
        for (i, shock) in self.model.shocks.clone().iter().enumerate() {
            let Process::Chain { given, labels, .. } = &shock.process else {
                continue;
            };
            let Some((aggregate, _)) = given.first().filter(|(z, _)| given.iter().all(|(other, _)| other == z)) else {
                continue;
            };
            let z = self.model.shocks[*aggregate].clone();
            let Some(drift) = drift(&z, shock, given) else { continue };
            if let Some(at) = self.mean_of_shock(i) {
                let name = |labels: &[String], k: usize| labels.get(k).cloned().unwrap_or_else(|| (k + 1).to_string());
                let z_labels = match &z.process {
                    Process::Chain { labels, .. } => labels.clone(),
                    Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => {
                        Vec::new()
                    }
                };
                let moves = format!("{} -> {}", name(&z_labels, drift.from), name(&z_labels, drift.to));
                let link = name(labels, drift.link);
                self.report(errors::mean_has_memory(
                    &shock.name,
                    &z.name,
                    &moves,
                    &link,
                    &drift,
                    at,
                    shock.span,
                ));
            }
        }
    }

    /// Where a continuum's members are summed up in something that reads this shock.
    fn mean_of_shock(&self, shock: usize) -> Option<crate::diag::Span> {
        let g = &self.b.graph;
        let reads = |of: NodeId| {
            let mut inputs = g.inputs_below([of]).into_iter();
            inputs.any(|i| g.inputs[i.0 as usize].kind == InputKind::Shock(shock))
        };
        self.b.graph.nodes.iter().find_map(|n| match &n.op {
            Op::Reduce { of, axis, .. } if self.b.axis(self.b.base(*axis)).continuum && reads(*of) => Some(n.span),
            _ => None,
        })
    }
}

/// The largest drift of the shares of `e` given `z`, if any matters.
fn drift(z: &Shock, e: &Shock, given: &[(usize, bool)]) -> Option<Drift> {
    let (
        Process::Chain {
            matrices: outer,
            given: outer_given,
            ..
        },
        Process::Chain { matrices, .. },
    ) = (&z.process, &e.process)
    else {
        return None;
    };
    if !outer_given.is_empty() {
        return None;
    }
    let outer = &outer[0];
    let (n, m) = (outer.len(), matrices[0].len());
    if n * m > MOST_LINKS {
        return None;
    }
    let inner = |now: usize, next: usize| {
        let c = given
            .iter()
            .fold(0, |c, (_, later)| c * n + if *later { next } else { now });
        &matrices[c]
    };
    let joint = chain::conditional(outer, m, |now, next| inner(now, next).as_slice());
    let stationary = chain::stationary(&joint);
    let shares = |a: usize| -> Vec<f64> {
        let own = &stationary[a * m..(a + 1) * m];
        let total: f64 = own.iter().sum();
        own.iter().map(|p| p / total).collect()
    };
    let mut worst: Option<Drift> = None;
    for a in 0..n {
        for b in (0..n).filter(|b| outer[a][*b] > 0.0) {
            let (before, usual) = (shares(a), shares(b));
            for j in 0..m {
                let moved: f64 = (0..m).map(|i| before[i] * inner(a, b)[i][j]).sum();
                let gap = (moved - usual[j]).abs();
                if gap > ROUNDING && worst.as_ref().is_none_or(|w| gap > (w.moved - w.usual).abs()) {
                    worst = Some(Drift {
                        from: a,
                        to: b,
                        link: j,
                        moved,
                        usual: usual[j],
                    });
                }
            }
        }
    }
    worst
}
