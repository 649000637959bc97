//! Whether anything that may be chosen at an end of the grid carries a state beyond it: where nothing does, lives that rest there (a belief that has
//! become certain) are not pressed against the end.

use crate::num::interpolate::Rule;
use crate::solve::bellman::{At, Bellman, Scratch};
use crate::solve::problem::{ActionKind, Lanes};

/// Points of the scan of each continuous action.
const POINTS: usize = 17;
/// Most combinations of choices that are tried at one place.
const MOST: usize = 4096;
/// What counts as beyond an end, as a share of the grid's length.
const BEYOND: f64 = 1e-9;

/// Whether some feasible choice at a place (one number per state) carries state `s` beyond the end of its grid, in some draw that may come. `true` where
/// this cannot be told.
pub(super) fn beyond(bellman: &Bellman, at: At, place: &[f64], s: usize) -> bool {
    let problem = bellman.problem;
    let spec = problem.spec();
    let axis = &bellman.tensor.axes()[s];
    let nodes = axis.nodes();
    let (lo, hi) = (nodes[0], nodes[nodes.len() - 1]);
    let away = BEYOND * (hi - lo);
    let one: Vec<[f64; 1]> = place.iter().map(|x| [*x]).collect();
    let one: Vec<&[f64]> = one.iter().map(|x| x.as_slice()).collect();
    let Some(choices) = choices(bellman, at, &one) else {
        return true;
    };
    let n = choices.first().map_or(1, Vec::len);
    let states: Vec<Vec<f64>> = place.iter().map(|x| vec![*x; n]).collect();
    let states: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
    let actions: Vec<&[f64]> = choices.iter().map(Vec::as_slice).collect();
    debug_assert!(axis.rule() != Rule::Nodes && spec.actions.len() == actions.len());
    let mut scratch = Scratch::default();
    bellman.noises.iter().any(|(noise, _)| {
        bellman.branches(at.shock).iter().any(|(shock_next, _, _)| {
            bellman.evaluate(at, *noise, *shock_next, &states, &actions, n, &mut scratch);
            (0..n).any(|i| {
                let x = scratch.next[s][i];
                let possible = scratch.slack[i] >= 0.0 && scratch.chance[i] > 0.0 && scratch.end[i] < 1.0;
                possible && (x.is_nan() || x < lo - away || x > hi + away)
            })
        })
    })
}

/// Combinations of what may be chosen at a place, `[action][combination]`; `None` where a bound is infinite or they are too many.
fn choices(bellman: &Bellman, at: At, place: &[&[f64]]) -> Option<Vec<Vec<f64>>> {
    let problem = bellman.problem;
    let lanes = Lanes {
        states: place,
        actions: &[],
        shock: at.shock,
        noise: 0,
        shock_next: at.shock,
        time: at.time,
    };
    let continuous = bellman.continuous.len();
    let (mut lo, mut hi) = (vec![[0.0]; continuous], vec![[0.0]; continuous]);
    {
        let mut lo: Vec<&mut [f64]> = lo.iter_mut().map(|x| x.as_mut_slice()).collect();
        let mut hi: Vec<&mut [f64]> = hi.iter_mut().map(|x| x.as_mut_slice()).collect();
        problem.bounds(&lanes, &mut lo, &mut hi);
    }
    let mut range = lo.iter().zip(&hi);
    let mut out: Vec<Vec<f64>> = vec![vec![]; problem.spec().actions.len()];
    let mut n = 1;
    for (a, action) in problem.spec().actions.iter().enumerate() {
        let values: Vec<f64> = match &action.kind {
            ActionKind::Finite { values, .. } => values.clone(),
            ActionKind::Continuous => {
                let ([lo], [hi]) = range.next()?;
                if !(hi - lo).is_finite() {
                    return None;
                }
                (0..POINTS)
                    .map(|k| lo + (hi - lo) * k as f64 / (POINTS - 1) as f64)
                    .collect()
            }
        };
        n *= values.len();
        if n > MOST || n == 0 {
            return None;
        }
        for earlier in &mut out[..a] {
            *earlier = earlier.iter().flat_map(|x| vec![*x; values.len()]).collect();
        }
        out[a] = values.iter().copied().cycle().take(n).collect();
    }
    Some(out)
}
