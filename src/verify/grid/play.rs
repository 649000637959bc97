//! Lives on the solver's chain under the solution.

use super::simulated::Simulated;
use super::{GridCertificateOptions, pressed, rest};
use crate::num::interpolate::Rule;
use crate::solve::bellman::{At, Bellman};
use crate::solve::problem::Spec;
use crate::verify::binding::{Binding, bindings};
use crate::verify::simulate::{ChainPaths, PathPolicy};
use std::collections::HashMap;

/// Most places at ends of grids at which it is tried what choices do.
const RESTS: usize = 200;

/// Periods in which lives that start at once come to an end: at least `periods`. Where ends come by chance the last life of each path may take up to
/// a horizon more.
fn whole_lives(periods: usize, spec: &Spec) -> usize {
    let Some(horizon) = spec.horizon.filter(|h| *h > 0) else {
        return periods;
    };
    match spec.ends {
        true => periods.saturating_add(horizon - 1),
        false => periods.div_ceil(horizon).saturating_mul(horizon),
    }
}

impl Simulated {
    /// Plays `paths` lives: as long as is asked, and on from there until they have come to rest or `options.longest` is reached. Each time twice as many
    /// periods are recorded, and those recorded before count as a way there.
    pub fn run(bellman: &Bellman, policy: &dyn PathPolicy, options: &GridCertificateOptions, paths: usize) -> Self {
        let spec = bellman.problem.spec();
        let mut world = ChainPaths::new(bellman, paths, options.seed, &options.starts);
        // A finite life is recorded from its start, and to its end.
        let burn = if spec.horizon.is_some() { 0 } else { options.burn_in };
        for _ in 0..burn {
            world.step(policy, &mut |_| {});
        }
        let (mut before, mut periods) = (burn, whole_lives(options.periods.max(1), spec));
        let mut out = Simulated::recorded(&mut world, policy, periods);
        while spec.horizon.is_none()
            && (before + 3 * periods).saturating_mul(paths) <= options.longest
            && !out.leaves(bellman, options.thresholds.edges)
            && !fault!("verdict.rest_unseen", true, rest::is_at_rest(&out, spec, paths))
        {
            crate::limits::poll();
            before += periods;
            periods *= 2;
            out = Simulated::recorded(&mut world, policy, periods);
        }
        out.before = before;
        out.end_of_lives(spec, options.periods.max(1), paths);
        out.bind(bellman);
        let axes = bellman.tensor.axes();
        let n = out.times.len();
        out.outside = (0..n).map(|k| out.off_the_grid(bellman, k)).collect();
        // An edge is explained if the law of the state holds it there, or a constraint bound when it was chosen, one
        // period before.
        let held = |s: usize, upper: bool| {
            bellman
                .problem
                .spec()
                .held
                .get(s)
                .is_some_and(|h| h[usize::from(upper)])
        };
        // What nothing that may be chosen carries beyond its end is not pressed against it.
        let mut rests: HashMap<(usize, usize, usize, Vec<u64>), bool> = HashMap::new();
        let mut carried = |s: usize, k: usize| {
            let place: Vec<f64> = out.states.iter().map(|x| x[k]).collect();
            let bits = place.iter().map(|x| x.to_bits()).collect();
            let At { shock, time } = out.times[k];
            let known = rests.len();
            *rests
                .entry((s, shock, time, bits))
                .or_insert_with(|| known >= RESTS || pressed::beyond(bellman, out.times[k], &place, s))
        };
        out.unexplained = (0..n)
            .map(|k| {
                let mut at_edge =
                    |s: usize| out.edge(bellman, s, k).is_some_and(|upper| !held(s, upper)) && carried(s, k);
                let at_edge = (0..axes.len()).any(&mut at_edge);
                // What led to the first recorded period is not recorded, and nobody is pressed against the end where lives start.
                let starts = options
                    .starts
                    .iter()
                    .any(|x| (0..axes.len()).all(|s| x[s] == out.states[s][k]));
                at_edge && !out.outside[k] && !starts && k >= paths && out.binding[k - paths] == Binding::Free
            })
            .collect();
        out
    }

    /// Goes on for `periods` and keeps what happens.
    fn recorded(world: &mut ChainPaths, policy: &dyn PathPolicy, periods: usize) -> Self {
        let mut out = Simulated {
            states: vec![Vec::new(); world.states.len()],
            actions: vec![Vec::new(); world.actions.len()],
            ..Simulated::default()
        };
        for _ in 0..periods {
            world.step(policy, &mut |w| {
                out.times.extend(w.shock.iter().zip(&w.time).map(|(shock, time)| At {
                    shock: *shock,
                    time: *time,
                }));
                let columns = out.states.iter_mut().zip(&w.states);
                for (all, own) in columns.chain(out.actions.iter_mut().zip(&w.actions)) {
                    all.extend(own);
                }
                out.reward.extend(&w.reward);
                out.infeasible.extend(&w.infeasible);
                out.last.extend(w.last());
            });
        }
        out
    }

    /// Finds how many periods of each path are whole lives: up to the end of the one that goes on in the last of `periods`. To stop at a date of the clock
    /// would count beginnings more often than ends, to stop at the last end before it short lives more often than long ones (Wald's equation holds
    /// for the end after it).
    fn end_of_lives(&mut self, spec: &Spec, periods: usize, paths: usize) {
        let all = self.times.len() / paths;
        self.whole = vec![all; paths];
        if spec.horizon.is_none() || !spec.ends {
            return;
        }
        for (p, whole) in self.whole.iter_mut().enumerate() {
            let begins = |t: &usize| self.times[t * paths + p].time == 0;
            *whole = (periods..all).find(begins).unwrap_or(all);
        }
    }

    fn off_the_grid(&self, bellman: &Bellman, k: usize) -> bool {
        let mut axes = bellman.tensor.axes().iter().zip(&self.states);
        axes.any(|(axis, x)| axis.locate(x[k]).beyond != 0.0)
    }

    /// Whether more than `share` of the path-periods are off the grid.
    fn leaves(&self, bellman: &Bellman, share: f64) -> bool {
        let off = (0..self.times.len()).filter(|k| self.off_the_grid(bellman, *k)).count();
        off as f64 > share * self.times.len() as f64
    }

    fn bind(&mut self, bellman: &Bellman) {
        let n = self.times.len();
        self.binding = vec![Binding::Free; n];
        if bellman.continuous.is_empty() {
            return;
        }
        let mut keys: Vec<(usize, usize)> = self.times.iter().map(|at| (at.time, at.shock)).collect();
        keys.sort_unstable();
        keys.dedup();
        for (time, shock) in keys {
            let lanes: Vec<usize> = (0..n)
                .filter(|&k| self.times[k].time == time && self.times[k].shock == shock)
                .collect();
            let pick =
                |c: &[Vec<f64>]| -> Vec<Vec<f64>> { c.iter().map(|c| lanes.iter().map(|&k| c[k]).collect()).collect() };
            let (states, actions) = (pick(&self.states), pick(&self.actions));
            let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
            for (b, &k) in bindings(bellman, At { shock, time }, &refs, &actions)
                .into_iter()
                .zip(&lanes)
            {
                self.binding[k] = b;
            }
        }
    }

    /// Whether state `s` is at the lower (`Some(false)`) or upper (`Some(true)`) end of its grid in path-period `k`.
    pub fn edge(&self, bellman: &Bellman, s: usize, k: usize) -> Option<bool> {
        let axis = &bellman.tensor.axes()[s];
        if axis.rule() == Rule::Nodes {
            return None;
        }
        let nodes = axis.nodes();
        let (lo, hi) = (nodes[0], nodes[nodes.len() - 1]);
        let near = 1e-7 * (hi - lo);
        let x = self.states[s][k];
        if x <= lo + near.min(1e-3 * (nodes[1] - lo)) {
            Some(false)
        } else if x >= hi - near {
            Some(true)
        } else {
            None
        }
    }

    /// Share of path-periods (one flag for each) where the flag is up.
    pub fn share(&self, flags: &[bool]) -> f64 {
        flags.iter().filter(|f| **f).count() as f64 / flags.len().max(1) as f64
    }
}
