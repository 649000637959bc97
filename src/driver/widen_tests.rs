//! Which ends of grids are moved, and where to.

use super::ends::widen;
use crate::solve::decision::{Decision, ProblemOptions};
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::verify::grid::{Certificate, Share};

#[test]
fn only_the_end_that_is_reached_is_moved() {
    let text = "agent a {\n  state k in (-inf, inf), start 0\n  state m in (-inf, inf), start 0\n  action x in [-1, 1]\n  k' = 0.5 * k + x\n  m' = 0.5 * m + k\n  \
                reward -(k - 1)^2 - (m - 1)^2 - x^2\n  discount 0.9\n}\n";
    let (model, diagnostics) = crate::compile(text, &crate::Options::default());
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let problem = Decision::new(&model, &ProblemOptions::default()).unwrap_or_else(|d| panic!("{d:?}"));
    let ends: Vec<(f64, f64)> = (problem.spec().states.iter())
        .map(|s| match &s.kind {
            StateKind::Continuous { grid, .. } => (grid[0], grid[grid.len() - 1]),
            StateKind::Integer { .. } => panic!("{} is whole", s.name),
        })
        .collect();
    let at = |name: &str, share: f64| Share {
        name: name.into(),
        share,
    };
    let all = [
        "a.k at its lower end",
        "a.k at its upper end",
        "a.m at its lower end",
        "a.m at its upper end",
    ];
    for reached in 0..all.len() {
        let c = Certificate {
            unexplained_edges: 0.5,
            edges: all
                .iter()
                .enumerate()
                .map(|(i, n)| at(n, if i == reached { 0.5 } else { 0.0 }))
                .collect(),
            ..Certificate::default()
        };
        let wanted = ["a.k", "a.m"].into_iter().enumerate().map(|(s, name)| {
            let (lo, hi) = ends[s];
            let half = 0.5 * (hi - lo);
            let moved = |end: usize, x: f64| if reached == 2 * s + end { x } else { 0.0 };
            (name.to_string(), lo - moved(0, half), hi + moved(1, half))
        });
        assert_eq!(
            widen(&model, (&problem, 0), &c),
            Some(wanted.collect()),
            "{}",
            all[reached]
        );
    }
    assert_eq!(widen(&model, (&problem, 0), &Certificate::default()), None);
}
