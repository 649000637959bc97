//! Several methods on one model: how far their solutions are apart where lives go, against the errors that their certificates state.

use super::{Request, Solved};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::Worlds;
use crate::env::worlds::trial::Place;
use crate::solve::bellman::{At, Bellman};
use crate::solve::decision::Decision;
use crate::solve::economy::Economy;
use crate::solve::methods::{self, Any};
use crate::solve::problem::ActionKind;
use crate::solve::solution::Reader;
use crate::verify::grid::GridCertificateOptions;
use crate::verify::grid::simulated::Simulated;
use crate::verify::judgement::settings;
use crate::verify::simulate::SolvedPolicy;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What rounding and the solvers' own tolerances may make of a number, relative to one plus its size.
const ROUNDING: f64 = 1e-7;

/// How far a number of two solutions is apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Apart {
    /// `value`, or the name of the action.
    pub name: String,
    /// Largest distance at visited states, in its own units.
    pub distance: f64,
    /// The errors of both that their certificates estimate, together; `None` where one of them has no estimate.
    pub allowed: Option<f64>,
}

impl Apart {
    /// Whether the two are further apart than their errors allow.
    pub fn disagrees(&self) -> bool {
        self.allowed.is_some_and(|most| !(self.distance <= most))
    }
}

/// The methods that fit a model, in the order of the list: those for one where one decides, else those for several.
///
/// # Errors
/// E0810 where no method fits, with the reasons; those of building the problem.
pub fn fitting(model: &Model, options: &Request) -> Result<Vec<&'static str>, Diagnostic> {
    let model = model.as_asked(options.concept.as_deref(), options.information.as_deref());
    let few = Economy::of(&model).map(|e| e.few().or_else(|| e.alike()))?;
    let model = few.unwrap_or(model);
    let economy = Economy::of(&model)?;
    let (verdicts, not_one) = methods::verdicts(&economy);
    let lone = not_one.is_none();
    let meant = |m: &Any| matches!(m, Any::One(_)) == lone;
    let fit = verdicts.iter().filter(|v| v.why_not.is_none() && meant(&v.method));
    let fit: Vec<&'static str> = fit.map(|v| v.method.name()).collect();
    match (fit.is_empty(), not_one) {
        (true, Some(refused)) => Err(verdicts.iter().filter(|v| meant(&v.method)).fold(refused, |d, v| {
            d.note(format!(
                "{}: {}",
                v.method.name(),
                v.why_not.as_deref().unwrap_or_default()
            ))
        })),
        _ => Ok(fit),
    }
}

/// How far what is chosen under two equilibria of a model is apart, in periods that are played by the first. Where both hold, a share of `SAME` of the
/// largest choice is allowed: farther apart they are different equilibria.
///
/// # Errors
/// Those of a simulation.
pub fn apart_in_play(model: &Model, options: &Request, a: &Solved, b: &Solved) -> Result<Vec<Apart>, Diagnostic> {
    let model = model.as_asked(options.concept.as_deref(), options.information.as_deref());
    let new = || Worlds::new(&model, None, LIVES, options.seed, &[]);
    let (mut worlds, mut other) = (new()?, new()?);
    let actor = |w: &Worlds, s: &Solved| Actor::new(w, &Behaviour::Solved(Arc::new(s.solution.clone())).into());
    let (mut first, mut second) = (actor(&worlds, a)?, actor(&other, b)?);
    let mut worst = vec![(0.0f64, 0.0f64); model.actions.len()];
    let periods = if a.solution.states.is_empty() { 1 } else { PERIODS };
    for _ in 0..periods {
        crate::limits::poll();
        let stood: Vec<Place> = (0..LIVES).map(|w| worlds.snapshot(w)).collect();
        other.put(&stood.iter().collect::<Vec<_>>());
        let mut bounds = Vec::new();
        for stage in 0..model.stages.len().max(1) {
            bounds.extend(first.act(&mut worlds, stage)?);
            second.act(&mut other, stage)?;
        }
        for w in 0..LIVES {
            let (one, two) = (worlds.snapshot(w), other.snapshot(w));
            for (action, worst) in model.actions.iter().zip(&mut worst) {
                let input = action.input.0 as usize;
                for (x, y) in one.inputs[input].iter().zip(&two.inputs[input]) {
                    worst.0 = worst.0.max((x - y).abs());
                    worst.1 = worst.1.max(x.abs());
                }
            }
        }
        let outcome = worlds.step(&bounds)?;
        if outcome.ended.iter().any(|e| *e) {
            worlds.restart(&outcome.ended)?;
        }
        first.forget(&worlds, &outcome);
    }
    let hold = a.certificate.passed && b.certificate.passed;
    let one = |(action, (distance, size)): (&crate::check::model::Action, (f64, f64))| Apart {
        name: action.name.clone(),
        distance,
        allowed: hold.then_some(SAME * size + ROUNDING),
    };
    Ok(model.actions.iter().zip(worst).map(one).collect())
}

/// Lives in which equilibria are compared.
const LIVES: usize = 16;
/// Share of the largest choice within which equilibria of two methods are the same.
const SAME: f64 = 0.01;

/// How far two solutions of a model are apart, at states that lives under the first visit; finite actions are left out, since a choice that
/// is as good as another is no error. `None` where they stand on other chains of shocks.
///
/// # Errors
/// Those of building the problems; E0905.
pub fn apart(model: &Model, options: &Request, a: &Solved, b: &Solved) -> Result<Option<Vec<Apart>>, Diagnostic> {
    let model = model.as_asked(options.concept.as_deref(), options.information.as_deref());
    let few = Economy::of(&model).map(|e| e.few().or_else(|| e.alike()))?;
    let model = few.unwrap_or(model);
    if a.solution.chain.values != b.solution.chain.values {
        return Ok(None);
    }
    let (first, second) = (Decision::new(&model, &a.build)?, Decision::new(&model, &b.build)?);
    let bellman = Bellman::new(&first, a.solution.interpolation)?;
    let policy = SolvedPolicy::new(&bellman, &a.solution)?;
    let usual = settings(&model, &first, options.seed);
    let how = GridCertificateOptions {
        periods: usual.periods.min(PERIODS),
        longest: 0,
        ..usual
    };
    let played = Simulated::run(&bellman, &policy, &how, how.paths.max(1));
    let mut places: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (k, at) in played.times.iter().enumerate() {
        places.entry((at.time, at.shock)).or_default().push(k);
    }
    let readers = [Reader::new(&a.solution, &first)?, Reader::new(&b.solution, &second)?];
    let na = a.solution.actions.len();
    let mut worst = vec![(0.0f64, 0.0f64); na + 1];
    for ((time, shock), own) in places {
        crate::limits::poll();
        let states: Vec<Vec<f64>> = played
            .states
            .iter()
            .map(|s| own.iter().map(|k| s[*k]).collect())
            .collect();
        let refs: Vec<&[f64]> = states.iter().map(Vec::as_slice).collect();
        let at = At { shock, time };
        let read = readers.iter().map(|r| {
            let mut all = vec![vec![0.0; own.len()]; na + 1];
            r.actions(at, &refs, &mut all[1..]);
            r.values(at, &refs, &mut all[0]);
            all
        });
        let read: Vec<Vec<Vec<f64>>> = read.collect();
        for (k, worst) in worst.iter_mut().enumerate() {
            for (x, y) in read[0][k].iter().zip(&read[1][k]) {
                worst.0 = worst.0.max((x - y).abs());
                worst.1 = worst.1.max(x.abs());
            }
        }
    }
    let error = |of: &Solved, name: &str| -> Option<f64> {
        let world = of.certificate.world.as_ref()?;
        world.errors.iter().find(|e| e.name == name).map(|e| e.error)
    };
    let one = |name: &str, (distance, size): (f64, f64)| Apart {
        name: name.to_string(),
        distance,
        allowed: error(a, name)
            .zip(error(b, name))
            .map(|(a, b)| a + b + ROUNDING * (1.0 + size)),
    };
    let actions = a.solution.actions.iter().zip(&worst[1..]);
    let continuous = actions.filter(|(action, _)| action.kind == ActionKind::Continuous);
    let rest = continuous.map(|(action, worst)| one(&action.name, *worst));
    Ok(Some(std::iter::once(one("value", worst[0])).chain(rest).collect()))
}

/// Periods of each life whose states are compared.
const PERIODS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::solve;
    use crate::solve::progress::silent;

    const SAVER: &str = "model saver\nshock z ~ markov([low: 0.9, high: 1.1], [[0.8, 0.2], [0.2, 0.8]])\nagent planner {\n  state k in (0, inf), start 0.2\n  \
                         let y = z * k^(1/3)\n  action x in (0, y)\n  k' = x\n  observe k, z\n  reward log(y - x)\n  discount 0.9\n}\n\
                         solve { grid.k = log(0.03, 0.6, 60); burn_in = 50; periods = 1600 }\n";

    #[test]
    fn two_methods_agree_and_a_solution_that_is_off_does_not() {
        let model = crate::compile(SAVER, &Default::default()).0.expect("a model");
        let by = |name: &str| {
            let options = Request {
                method: Some(name.to_string()),
                ..Request::default()
            };
            solve(&model, &options, &mut silent).expect("a solution")
        };
        let options = Request::default();
        assert_eq!(
            fitting(&model, &options).expect("methods"),
            ["value_iteration", "time_iteration", "endogenous_grid", "grid_search"]
        );
        let (first, second) = (by("value_iteration"), by("time_iteration"));
        let distances = apart(&model, &options, &first, &second)
            .expect("distances")
            .expect("one chain");
        assert_eq!(distances.len(), 2);
        assert!(
            distances
                .iter()
                .all(|d| !d.disagrees() && d.allowed.is_some() && d.distance < 1e-6),
            "{distances:?}"
        );
        let mut off = second.clone();
        off.solution.policy[0].iter_mut().for_each(|x| *x *= 1.02);
        let distances = apart(&model, &options, &first, &off)
            .expect("distances")
            .expect("one chain");
        assert!(distances[1].disagrees() && !distances[0].disagrees(), "{distances:?}");
        off.solution.chain.values[0][0] += 1e-3;
        assert!(apart(&model, &options, &first, &off).expect("distances").is_none());
    }
}
