//! Where policies are compared: first states, states that the exact policy visits, and what they are called.

use super::POINTS;
use crate::check::model::Model;
use crate::env::worlds::Worlds;
use crate::graph::Shape;
use crate::num::statistics;
use crate::solve::bellman::{At, Bellman};
use crate::solve::decision::Decision;
use crate::solve::problem::DecisionProblem;
use crate::verify::grid;
use crate::verify::grid::points::consumption_worth;
use crate::verify::simulate::{ChainPaths, SolvedPolicy};

/// Weight below which a life is followed no further.
const FADED: f64 = 1e-3;
/// Most periods of a life.
const LONGEST: usize = 2000;
/// Path-periods in which lives are followed: where what is done in a state is read, and where it is searched for.
const PLAYED: (usize, usize) = (200_000, 30_000);

/// Where policies are compared.
pub(super) struct Visited {
    /// In groups of one shock and date, one number per state.
    pub(super) points: Vec<(At, Vec<f64>)>,
    /// What the exact policy does there, `[action][point]`.
    pub(super) exact: Vec<Vec<f64>>,
    /// The mean of `u'(c) c`.
    pub(super) worth: Option<f64>,
    /// Whether it is the same wherever it was asked for, also with a tenth less consumption than the exact policy's.
    pub(super) logarithmic: bool,
}

/// What is seen of a path in a period: its place, the states, and the actions.
type Place = (At, Vec<f64>, Vec<f64>);

/// What path `p` is seen to do.
fn place(w: &ChainPaths, p: usize) -> Place {
    let at = At {
        shock: w.shock[p],
        time: w.time[p],
    };
    (
        at,
        w.states.iter().map(|s| s[p]).collect(),
        w.actions.iter().map(|a| a[p]).collect(),
    )
}

/// Places of a life that has gone on for long, or of lives of so many periods.
fn long_lives(bellman: &Bellman, policy: &SolvedPolicy, o: &grid::GridCertificateOptions) -> Vec<Place> {
    let mut world = ChainPaths::new(bellman, o.paths, o.seed, &o.starts);
    let mut all = Vec::new();
    let burn = if bellman.problem.spec().horizon.is_some() {
        0
    } else {
        o.burn_in
    };
    for t in 0..burn + o.periods {
        world.step(policy, &mut |w| {
            if t >= burn {
                all.extend((0..o.paths).map(|p| place(w, p)));
            }
        });
    }
    let stride = all.len().div_ceil(POINTS).max(1);
    all.into_iter().step_by(stride).collect()
}

/// Places of whole lives from their beginning, each as often as it weighs when a life begins: by the discount, as in a sum of rewards. On every
/// path lives follow one another; those that begin in the first half of the time are followed until they end or have faded.
fn whole_lives(bellman: &Bellman, policy: &SolvedPolicy, o: &grid::GridCertificateOptions) -> Vec<Place> {
    let discount = bellman.problem.spec().discount.filter(|d| *d > 0.0 && *d < 1.0);
    let most = discount.map_or(LONGEST, |d| (FADED.ln() / d.ln()).ceil() as usize);
    let most = most.clamp(1, LONGEST);
    let read = bellman.only_nodes();
    let played = if read { PLAYED.0 } else { PLAYED.1 };
    let paths = (played / (2 * most)).clamp(o.paths, 1024);
    let mut world = ChainPaths::new(bellman, paths, o.seed, &o.starts);
    let (mut weight, mut age) = (vec![1.0; paths], vec![0; paths]);
    let (mut all, mut weights) = (Vec::new(), Vec::new());
    for t in 0..2 * most {
        let mut begin = Vec::new();
        world.step(policy, &mut |w| {
            for p in 0..paths {
                if weight[p] == 0.0 {
                    continue;
                }
                all.push(place(w, p));
                weights.push(weight[p]);
                weight[p] *= w.discount[p];
                age[p] += 1;
                let ended = w.ended[p].is_some();
                if ended || weight[p] < FADED || age[p] == most {
                    (weight[p], age[p]) = (if t + 1 < most { 1.0 } else { 0.0 }, 0);
                    // Who has ended is born again by the world.
                    begin.extend((!ended).then_some(p));
                }
            }
        });
        begin.into_iter().for_each(|p| world.restart(p));
    }
    // Even steps over the sum of weights, state by state, so that each has its share of the steps.
    let mut all: Vec<(Place, f64)> = all.into_iter().zip(weights.iter().copied()).collect();
    all.sort_by(|((a, x, _), _), ((b, y, _), _)| {
        let states = || x.iter().zip(y).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
        let shocks = (a.time, a.shock).cmp(&(b.time, b.shock));
        shocks.then_with(|| states().unwrap_or(std::cmp::Ordering::Equal))
    });
    let step = weights.iter().sum::<f64>() / POINTS as f64;
    let (mut kept, mut reached) = (Vec::with_capacity(POINTS), 0.0);
    for (one, weight) in all {
        reached += weight;
        while kept.len() < POINTS && reached > (kept.len() as f64 + 0.5) * step {
            kept.push(one.clone());
        }
    }
    kept
}

/// States visited under the exact policy and what it does there. Where lives end, or somebody chooses among finitely many (a job, an exit, a
/// default, after which nothing is left to choose), they are those of whole lives from their beginning: one long life would soon be past
/// every choice that matters.
pub(super) fn visited(bellman: &Bellman, policy: &SolvedPolicy, o: &grid::GridCertificateOptions) -> Visited {
    let spec = bellman.problem.spec();
    let whole = spec.horizon.is_none() && (spec.ends || !bellman.finite.is_empty());
    let mut kept = if whole {
        whole_lives(bellman, policy, o)
    } else {
        long_lives(bellman, policy, o)
    };
    kept.sort_by_key(|(at, _, _)| (at.time, at.shock));
    let na = bellman.problem.spec().actions.len();
    let exact: Vec<Vec<f64>> = (0..na).map(|a| kept.iter().map(|k| k.2[a]).collect()).collect();
    let (mut worths, mut same) = (Vec::new(), true);
    for (at, x, a) in &kept {
        let columns: Vec<[f64; 1]> = x.iter().map(|v| [*v]).collect();
        let refs: Vec<&[f64]> = columns.iter().map(|c| &c[..]).collect();
        // And where numbers are a little smaller: a logarithm is known by having the same worth at other consumption.
        let of = |factor: f64| {
            let shrink = |(k, v): (usize, &f64)| {
                let number = bellman.continuous.contains(&k);
                vec![if number { factor * v } else { *v }]
            };
            let actions: Vec<Vec<f64>> = a.iter().enumerate().map(shrink).collect();
            consumption_worth(bellman, *at, &refs, &actions, 1).map(|w| w[0])
        };
        if let Some(w) = of(1.0).filter(|w| w.is_finite()) {
            let other = of(0.9).unwrap_or(f64::NAN);
            same &= (other / w - 1.0).abs() < 1e-4;
            worths.push(w);
        }
    }
    let worth = (worths.len() * 2 > kept.len())
        .then(|| statistics::mean(&worths))
        .filter(|w| *w > 0.0);
    same &= worth.is_some_and(|mean| worths.iter().all(|w| (w / mean - 1.0).abs() < 1e-4));
    Visited {
        points: kept.into_iter().map(|(at, x, _)| (at, x)).collect(),
        exact,
        worth,
        logarithmic: same,
    }
}

/// First states as the model (or a scenario) draws them, `[path][state]`; `None` if it does not say.
pub(super) fn drawn_starts(
    model: &Model,
    problem: &Decision,
    scenario: Option<&str>,
    count: usize,
    seed: u64,
) -> Option<Vec<Vec<f64>>> {
    let n = count.clamp(1, 4096);
    let worlds = Worlds::new(model, scenario, n, seed, &[]).ok()?;
    let state = |p: usize| -> Vec<f64> {
        let at = |(s, element): &(usize, usize)| worlds.frame[model.states[*s].input.0 as usize][element * n + p];
        problem.origin.iter().map(at).collect()
    };
    let all: Vec<Vec<f64>> = (0..n).map(state).collect();
    all.iter().flatten().all(|x| x.is_finite()).then_some(all)
}

/// The states of a problem from named numbers, one number per state; `None` where one of them has no number.
pub(super) fn still(problem: &Decision, named: &[(String, f64)]) -> Option<Vec<f64>> {
    let states = problem.spec().states.iter();
    states
        .map(|s| named.iter().find(|(n, _)| *n == s.name).map(|(_, x)| *x))
        .collect()
}

/// Which of several named arrays `name` or `name[i,j]` is an element of, and which.
pub(super) fn element(graph: &crate::graph::Graph, names: &[(&str, &Shape)], name: &str) -> Option<(usize, usize)> {
    let (bare, index) = match name.split_once('[') {
        Some((b, rest)) => (b, rest.trim_end_matches(']')),
        None => (name, ""),
    };
    let k = names.iter().position(|(n, _)| *n == bare)?;
    if index.is_empty() {
        return Some((k, 0));
    }
    let at: Vec<usize> = index.split(',').map(|i| i.trim().parse().ok()).collect::<Option<_>>()?;
    let shape = names[k].1;
    (at.len() == shape.len()).then_some(())?;
    let element = shape.iter().zip(&at).try_fold(0, |f, (axis, i)| {
        let size = graph.axes[axis.0 as usize].size;
        (*i >= 1 && *i <= size).then_some(f * size + i - 1)
    })?;
    Some((k, element))
}
