//! How the solution of one problem is judged: settings of the simulation and where it starts, and the judgement in the economy itself.

use super::defined;
use super::grid::{self, Certificate};
use super::world;
use crate::check::Model;
use crate::check::model::Setting;
use crate::num::optimise;
use crate::solve::decision::Decision;
use crate::solve::problem::DecisionProblem;
use crate::solve::solution::Solution;

/// Judges a solution in the economy that `econc simulate` runs, and adds the judgement to the certificate.
pub fn in_the_economy(
    model: &Model,
    solution: &Solution,
    problem: &Decision,
    certificate: &mut Certificate,
    seed: u64,
    may_be_finer: bool,
) {
    let options = world::JudgeOptions {
        seed,
        may_be_finer,
        edges: certificate.thresholds.edges,
        value: certificate.thresholds.bellman,
        policy: certificate.thresholds.euler,
        ..world::JudgeOptions::default()
    };
    if let Err(d) = defined::moments(model, solution, certificate) {
        certificate.reasons.push(d);
        certificate.passed = false;
    }
    match world::judge(model, solution, &problem.unseen, &problem.discretised, &options) {
        Ok(judged) => {
            certificate.passed &= judged.passed();
            certificate.reasons.extend(judged.reasons.clone());
            if let Some(trusted) = &mut certificate.trusted {
                trusted.narrow(&solution.states, &judged.close);
            }
            certificate.world = Some(judged);
        }
        Err(d) => {
            certificate.passed = false;
            certificate
                .reasons
                .push(d.note("the solution could not be judged in the model's own economy"));
        }
    }
}

/// How the certificate simulates: from where the model starts unless it has a steady state.
pub fn settings(model: &Model, problem: &Decision, seed: u64) -> grid::GridCertificateOptions {
    let mut o = grid::GridCertificateOptions {
        seed,
        ..grid::GridCertificateOptions::default()
    };
    o.starts = starts(model, problem, o.paths);
    let Some(s) = model.solve_settings() else { return o };
    let number = |key: &str| {
        if let Some(Setting::Number(x)) = s.get(key) {
            Some(*x)
        } else {
            None
        }
    };
    if let Some(x) = number("euler") {
        o.thresholds.euler = x;
    }
    if let Some(x) = number("bellman") {
        o.thresholds.bellman = x;
    }
    if let Some(x) = number("edges") {
        o.thresholds.edges = x;
    }
    if let Some(x) = number("burn_in") {
        o.burn_in = x.max(0.0) as usize;
        o.longest = 0;
    }
    if let Some(x) = number("periods") {
        o.periods = (x.max(1.0) as usize).div_ceil(o.paths).max(1);
        o.longest = 0;
    }
    o
}

/// Points spread over all of where the model may start, one per path; none if it does not say.
fn starts(model: &Model, problem: &Decision, paths: usize) -> Vec<Vec<f64>> {
    let ns = problem.spec().states.len();
    let ranges: Option<Vec<(f64, f64, bool)>> = (0..ns)
        .map(|k| {
            let state = &model.states[problem.origin[k].0];
            let d = model.graph.nodes[state.start?.0 as usize].domain;
            (d.lo.is_finite() && d.hi.is_finite()).then_some((d.lo, d.hi, state.domain.integer))
        })
        .collect();
    let Some(ranges) = ranges.filter(|_| ns > 0) else {
        return start(model, problem).into_iter().collect();
    };
    if ranges.iter().all(|(lo, hi, _)| lo == hi) {
        return vec![ranges.iter().map(|r| r.0).collect()];
    }
    let mut unit = vec![0.0; ns];
    (0..paths)
        .map(|p| {
            optimise::spread(p, ns, &mut unit);
            ranges
                .iter()
                .zip(&unit)
                .map(|(&(lo, hi, integer), u)| {
                    let x = lo + u * (hi - lo);
                    if integer { x.round() } else { x }
                })
                .collect()
        })
        .collect()
}

/// The middle of where each state may start, if the model says.
fn start(model: &Model, problem: &Decision) -> Option<Vec<f64>> {
    let middle = |k: usize| -> Option<f64> {
        let state = &model.states[problem.origin[k].0];
        let d = model.graph.nodes[state.start?.0 as usize].domain;
        let x = 0.5 * (d.lo + d.hi);
        x.is_finite()
            .then_some(if state.domain.integer { x.round() } else { x })
    };
    (0..problem.spec().states.len()).map(middle).collect()
}
