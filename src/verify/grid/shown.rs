//! What a report draws of a judgement: where lives go, next states over states, residuals of first-order conditions over states, one life.
//!
//! Nothing is computed for it but next states at the nodes; the rest is what the proofs measured.

use super::GridEvidence;
use crate::solve::bellman::At;
use crate::solve::problem::{Lanes, Outcome};

/// Points of a kind that are drawn at most.
const POINTS: usize = 400;
/// Bars of a histogram.
const BARS: usize = 40;
/// Periods of the life.
const PERIODS: usize = 120;
/// Nodes of a state at which its next value is shown, and most states that have it shown.
const NODES: usize = 400;
const LAWS: usize = 8;
/// Evaluations of the period that one state may take, and fewest nodes.
const EVALUATIONS: usize = 100_000;
const FEWEST: usize = 20;

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// Places with the residual of their first-order condition, where no constraint binds.
    pub places: Vec<Place>,
    /// Where lives go, one entry per state.
    pub visited: Vec<Visited>,
    /// Next states over states, one entry per continuous state.
    pub laws: Vec<Law>,
    /// One life after the periods that are not counted: name and one value per period, for shocks, states and choices.
    pub life: Vec<(String, Vec<f64>)>,
}

/// A place and its residual.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// One value per state.
    pub states: Vec<f64>,
    /// The residual of the first-order condition, a share of a period's consumption (of the value without one).
    pub euler: f64,
    /// Lives go there; else it lies between nodes of the whole grid.
    pub visited: bool,
}

/// A histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Visited {
    /// The state.
    pub name: String,
    /// Ends of the bars, one more than bars; for whole numbers halves beside them.
    pub ends: Vec<f64>,
    /// Share of time in each bar.
    pub share: Vec<f64>,
}

/// Where a state is expected in the next period, over itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Law {
    /// The state.
    pub name: String,
    /// Nodes of its grid.
    pub now: Vec<f64>,
    /// The next value under the policy, `[shock][node]`: its mean over what is drawn after acting and over next shocks.
    pub next: Vec<Vec<f64>>,
    /// What the other states are held at, pairs of name and value.
    pub held: Vec<(String, f64)>,
}

/// Gathers what is shown.
pub fn shown(bench: &GridEvidence) -> Shown {
    let mut places = places(bench, true);
    places.extend(self::places(bench, false));
    Shown {
        places,
        visited: visited(bench),
        laws: laws(bench),
        life: life(bench),
    }
}

fn places(bench: &GridEvidence, visited: bool) -> Vec<Place> {
    let judged = if visited { bench.ergodic } else { bench.grid };
    // Where conditions are dear they are looked at at some places only, and which is not kept.
    if judged.euler.len() != judged.points.len() {
        return Vec::new();
    }
    let known = judged.points.iter().zip(&judged.euler).filter(|(_, e)| e.is_finite());
    let every = known.clone().count().div_ceil(POINTS).max(1);
    let place = |((_, x), e): (&(At, Vec<f64>), &f64)| Place {
        states: x.clone(),
        euler: *e,
        visited,
    };
    known.step_by(every).map(place).collect()
}

fn visited(bench: &GridEvidence) -> Vec<Visited> {
    let states = bench.solution.states.iter().zip(&bench.played.states);
    states
        .filter_map(|(state, x)| histogram(&state.name, x, state.integer))
        .collect()
}

fn histogram(name: &str, x: &[f64], whole: bool) -> Option<Visited> {
    let finite = || x.iter().copied().filter(|v| v.is_finite());
    let (lo, hi) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if !(hi >= lo) {
        return None;
    }
    let (lo, hi) = match whole || hi - lo <= 1e-9 * hi.abs().max(1.0) {
        true => (lo - 0.5, hi + 0.5),
        false => (lo, hi),
    };
    let bars = match whole {
        true => ((hi - lo).round() as usize).clamp(1, BARS),
        false => BARS,
    };
    let mut count = vec![0u64; bars];
    for v in finite() {
        let at = ((v - lo) / (hi - lo) * bars as f64) as usize;
        count[at.min(bars - 1)] += 1;
    }
    let all = count.iter().sum::<u64>() as f64;
    Some(Visited {
        name: name.to_string(),
        ends: (0..=bars).map(|i| lo + (hi - lo) * i as f64 / bars as f64).collect(),
        share: count.iter().map(|c| *c as f64 / all).collect(),
    })
}

fn life(bench: &GridEvidence) -> Vec<(String, Vec<f64>)> {
    let (spec, played, paths) = (bench.bellman.problem.spec(), bench.played, bench.paths);
    let first = |x: &[f64]| x.iter().step_by(paths).copied().take(PERIODS).collect::<Vec<f64>>();
    let mut out = Vec::new();
    for (s, name) in spec.chain.names.iter().enumerate() {
        let x: Vec<f64> = played.times.iter().map(|at| spec.chain.values[at.shock][s]).collect();
        out.push((name.clone(), first(&x)));
    }
    let states = spec.states.iter().map(|s| &s.name).zip(&played.states);
    let actions = spec.actions.iter().map(|a| &a.name).zip(&played.actions);
    out.extend(states.chain(actions).map(|(name, x)| (name.clone(), first(x))));
    out
}

fn laws(bench: &GridEvidence) -> Vec<Law> {
    let solution = bench.solution;
    let continuous = (0..solution.states.len()).filter(|s| !solution.states[*s].integer);
    continuous.take(LAWS).filter_map(|s| law(bench, s)).collect()
}

/// Next values of state `s` at its nodes, all others at their middle nodes, in the first period.
fn law(bench: &GridEvidence, s: usize) -> Option<Law> {
    let (bellman, solution) = (bench.bellman, bench.solution);
    // Mixtures have no one choice.
    if !solution.probability.is_empty() || !solution.mixed.iter().all(Vec::is_empty) {
        return None;
    }
    let size: Vec<usize> = solution.states.iter().map(|x| x.nodes.len()).collect();
    let shocks = solution.shocks();
    let each = shocks * bellman.branches(0).len() * bellman.noises.len();
    let most = (EVALUATIONS / each.max(1)).clamp(FEWEST, NODES);
    let every = size[s].div_ceil(most).max(1);
    let own: Vec<usize> = (0..size[s]).step_by(every).collect();
    let n = own.len();
    // The number of the node of all states.
    let node = |i: usize| (0..size.len()).fold(0, |at, k| at * size[k] + if k == s { i } else { size[k] / 2 });
    let value = |k: usize, i: usize| solution.states[k].nodes[if k == s { i } else { size[k] / 2 }];
    let states: Vec<Vec<f64>> = (0..size.len())
        .map(|k| own.iter().map(|i| value(k, *i)).collect())
        .collect();
    let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
    let mut next = Vec::new();
    for shock in 0..shocks {
        let at = At { shock, time: 0 };
        let read = |policy: &Vec<f64>| {
            own.iter()
                .map(|i| policy[node(*i) * shocks + shock])
                .collect::<Vec<f64>>()
        };
        let actions: Vec<Vec<f64>> = solution.policy.iter().map(read).collect();
        let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        let mut mean = vec![0.0; n];
        for (shock_next, probability, _) in bellman.branches(shock) {
            let chances = bellman.chances(at, shock_next, &states, &actions, n);
            for (&(noise, _), chance) in bellman.noises.iter().zip(&chances) {
                let lanes = Lanes {
                    states: &states,
                    actions: &actions,
                    shock,
                    noise,
                    shock_next,
                    time: 0,
                };
                let mut numbers = vec![vec![0.0; n]; 5];
                let mut after = vec![vec![0.0; n]; size.len()];
                let mut after_refs: Vec<&mut [f64]> = after.iter_mut().map(Vec::as_mut_slice).collect();
                let [reward, slack, end, paying, discount] = numbers.as_mut_slice() else {
                    return None;
                };
                let mut outcome = Outcome {
                    reward,
                    next: &mut after_refs,
                    slack,
                    end,
                    paying,
                    discount,
                };
                bellman.problem.evaluate(&lanes, &mut outcome);
                for i in 0..n {
                    mean[i] += probability * chance[i] * after[s][i];
                }
            }
        }
        next.push(mean);
    }
    let others = (0..size.len()).filter(|k| *k != s);
    Some(Law {
        name: solution.states[s].name.clone(),
        now: states[s].to_vec(),
        next,
        held: others.map(|k| (solution.states[k].name.clone(), value(k, 0))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::histogram;

    #[test]
    fn bars_hold_every_value_once() {
        let x: Vec<f64> = (0..1000).map(|i| f64::from(i % 10)).collect();
        let whole = histogram("x", &x, true).unwrap();
        assert_eq!((whole.ends.len(), whole.ends[0], whole.ends[10]), (11, -0.5, 9.5));
        assert!(whole.share.iter().all(|s| (s - 0.1).abs() < 1e-12));
        let many = histogram("x", &x, false).unwrap();
        assert!((many.share.iter().sum::<f64>() - 1.0).abs() < 1e-12 && many.share[39] == 0.1);
        assert!(histogram("x", &[f64::NAN], false).is_none());
        assert_eq!(histogram("x", &[2.0, 2.0], false).unwrap().ends[0], 1.5);
    }
}
