//! What a report shows of policies: one path, and choices along one state.

use super::Judge;
use crate::diag::Diagnostic;
use crate::num::statistics;
use crate::solve::bellman::{At, Bellman};
use crate::solve::problem::DecisionProblem;
use crate::verify::simulate::{ChainPaths, PathPolicy};

impl Judge {
    /// A path of the solved problem under a policy: one `(name, series)` per shock, state, action and the reward, in this order;
    /// a series has one value per period.
    ///
    /// # Errors
    /// Those of [`Bellman::new`]: E0904, E0905, E0981.
    pub fn path(
        &self,
        policy: &dyn PathPolicy,
        periods: usize,
        seed: u64,
    ) -> Result<Vec<(String, Vec<f64>)>, Diagnostic> {
        let bellman = Bellman::new(&self.decision, self.solution.interpolation)?;
        let spec = self.decision.spec();
        let starts = self.starts(None, 1, seed);
        let mut world = ChainPaths::new(&bellman, 1, seed, &starts);
        let mut out: Vec<(String, Vec<f64>)> = spec
            .chain
            .names
            .iter()
            .cloned()
            .chain(spec.states.iter().map(|s| s.name.clone()))
            .chain(spec.actions.iter().map(|a| a.name.clone()))
            .chain(["reward".to_string()])
            .map(|n| (n, Vec::with_capacity(periods)))
            .collect();
        for _ in 0..periods {
            world.step(policy, &mut |w| {
                let shocks = spec.chain.values.get(w.shock[0]).cloned().unwrap_or_default();
                let values = shocks
                    .into_iter()
                    .take(spec.chain.names.len())
                    .chain(w.states.iter().map(|s| s[0]))
                    .chain(w.actions.iter().map(|a| a[0]))
                    .chain([w.reward[0]]);
                for ((_, series), x) in out.iter_mut().zip(values) {
                    series.push(x);
                }
            });
        }
        Ok(out)
    }

    /// Policies along the first continuous state, other states at their medians, at the middle shock: the state's name, its
    /// values (one per point), and the first action under each policy, `[policy][point]`.
    pub fn slice(&self, policies: &[&dyn PathPolicy], points: usize) -> Option<(String, Vec<f64>, Vec<Vec<f64>>)> {
        let spec = self.decision.spec();
        let s = self
            .solution
            .states
            .iter()
            .position(|s| !s.integer)
            .or(if spec.states.is_empty() { None } else { Some(0) })?;
        let column = |k: usize| self.points.iter().map(|p| p.1[k]).collect::<Vec<f64>>();
        let own = column(s);
        let (lo, hi) = (statistics::quantile(&own, 0.0), statistics::quantile(&own, 1.0));
        let pad = 0.05 * (hi - lo);
        let nodes = &self.solution.states[s].nodes;
        let (lo, hi) = ((lo - pad).max(nodes[0]), (hi + pad).min(nodes[nodes.len() - 1]));
        let n = points.max(2);
        let x: Vec<f64> = if self.solution.states[s].integer {
            nodes.iter().copied().filter(|v| *v >= lo && *v <= hi).collect()
        } else {
            (0..n).map(|i| lo + (hi - lo) * i as f64 / (n - 1) as f64).collect()
        };
        let states: Vec<Vec<f64>> = (0..spec.states.len())
            .map(|k| {
                if k == s {
                    x.clone()
                } else {
                    let m = statistics::quantile(&column(k), 0.5);
                    vec![if self.solution.states[k].integer { m.round() } else { m }; x.len()]
                }
            })
            .collect();
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let at = At {
            shock: self.solution.shocks() / 2,
            time: 0,
        };
        let curves = policies
            .iter()
            .map(|p| {
                let mut actions = vec![vec![0.0; x.len()]; spec.actions.len()];
                p.act(at, &refs, &vec![0.5; x.len()], &mut actions);
                actions.swap_remove(0)
            })
            .collect();
        Some((spec.states[s].name.clone(), x, curves))
    }
}
