//! Solving a model and judging the solution: what `econc solve` does between compiling and reporting.

use super::grid::{self, Certificate, certify};
use super::simulate::{Policy, SolvedPolicy, World};
use super::world;
use crate::check::Model;
use crate::check::conduct::{CONCEPTS, Concept, INFORMATION, Information};
use crate::check::model::{Process, Setting};
use crate::check::settings::unknown_word;
use crate::diag::Diagnostic;
use crate::graph::Op;
use crate::num::optimise;
use crate::solve::bellman::{At, Bellman, Interpolation, Scratch};
use crate::solve::decision::{self, Decision, Discretised};
use crate::solve::economy::Economy;
use crate::solve::method::{Method, Structure, Task, word};
use crate::solve::methods;
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::solve::progress::{Watch, kept, solved_before};
use crate::solve::solution::Solution;
use crate::solve::steady_state::{SteadyState, SteadyStateOptions, steady_state};
use crate::solve::value_iteration;

/// What may be asked beside the file's own settings.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `value_iteration` or `grid_search`, instead of the file's.
    pub method: Option<String>,
    /// The concept, instead of the file's.
    pub concept: Option<String>,
    /// `observed` or `full`, instead of the file's.
    pub information: Option<String>,
    /// Seed of the certificate's simulation.
    pub seed: u64,
}

/// A solution with its verdict.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Solved {
    /// The solution.
    pub solution: Solution,
    /// The verdict.
    pub certificate: Certificate,
    /// Asked and obtained moments of discretised shocks, one entry per shock or draw.
    pub discretised: Vec<Discretised>,
    /// The deterministic steady state, where there is one: `(name, value)`, one per state, then one per action.
    pub steady_state: Vec<(String, f64)>,
    /// The concept that was asked for instead of the file's.
    #[serde(default)]
    pub concept: Option<String>,
    /// What policies may depend on, where that was asked for instead of the file's.
    #[serde(default)]
    pub information: Option<String>,
    /// States and shocks that matter and that no agent observes (their names, any length): the solution is that of a decision maker
    /// who sees everything.
    #[serde(default)]
    pub hidden: Vec<String>,
    /// Shocks that no agent observes, integrated out like noises (their names, any length).
    #[serde(default)]
    pub unseen: Vec<String>,
}

/// How often the grid of a state without an end may be widened.
const WIDENINGS: usize = 12;
/// How often grids that the file leaves open may be made finer for the certificate's sake.
const REFINEMENTS: usize = 4;
/// Paths and periods on which it is seen how far states go, and worst draws after that.
const REACH_PATHS: usize = 32;
const REACH_PERIODS: usize = 300;
const REACH_DRAWS: usize = 1;
/// Lowest end of a grid of a positive state that the solver chooses.
const LEAST: f64 = 1e-6;
/// Most grid points of a finer grid, all shocks counted.
const FINEST: usize = 300_000;
/// What more nodes must make of the largest error in the economy (its distance from the limit, log10) for still more to be worth while.
const GAIN: f64 = 0.1;
/// How often grids that the file leaves open are made finer because the economy shows that they are too coarse, and most branches (grid points,
/// shock states and nodes of noises together) of those.
const FINER_GRIDS: usize = 2;
const BRANCHES: f64 = 400_000.0;
/// Most joint states of chains that the file leaves open, and how often they are made finer.
const MOST_LINKS: f64 = 600.0;
const FINEST_CHAINS: usize = 4;

/// Whether what is asked exists.
///
/// # Errors
/// E0804: a method or a concept that does not exist.
pub fn asked(options: &Options) -> Result<(), Diagnostic> {
    if let Some(word) = &options.method {
        methods::named(word)?;
    }
    let words = [
        ("concept", &options.concept, CONCEPTS),
        ("information", &options.information, INFORMATION),
    ];
    for (what, asked, known) in words {
        if let Some(word) = asked.as_ref().filter(|w| !known.contains(&w.as_str())) {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            return Err(unknown_word(what, word, &known));
        }
    }
    Ok(())
}

/// Solves a model by its settings and certifies the result.
///
/// The solver finds what the file leaves open: it moves the ends of grids of states without an end until no path goes there,
/// and makes grids of unspecified size finer while residuals are too large.
///
/// # Errors
/// E0804 for a method or concept that does not exist, E0808 for a key that the method does not read, E0810 and E0827 for a model
/// that is not the problem of one decision maker, those of [`Decision::new`], of the method (E0901 to E0906) and of the certificate.
pub fn solve(model: &Model, options: &Options, progress: &mut dyn Watch) -> Result<Solved, Vec<Diagnostic>> {
    asked(options).map_err(|d| vec![d])?;
    let model = as_asked(model, options.concept.as_deref(), options.information.as_deref());
    // Of many who do not meet a few are enough to solve for one and to judge him.
    let few = Economy::of(&model).ok().and_then(|e| e.few());
    let model = few.unwrap_or(model);
    let by_name = options.method.clone().or_else(|| word(&model, "method"));
    if let Some(name) = &by_name {
        unread(&model, methods::named(name).map_err(|d| vec![d])?).map_err(|d| vec![d])?;
    }
    let still = stationary(&model);
    let mut build = decision::Options {
        bounds: around(&model, &still),
        ..decision::Options::default()
    };
    let (mut widenings, mut refinements) = (0, 0);
    let mut judged = Judged::default();
    let mut last: Option<Solution> = None;
    // Said once, by the first grid on which cubic interpolation did not settle.
    let mut fell_back: Option<Diagnostic> = None;
    // Where an earlier solve was interrupted after this came out, it is not computed again.
    let mut found: Option<Solution> = None;
    type Standing = (decision::Options, (usize, usize), Option<Diagnostic>, Solution);
    if let Some(standing) = solved_before::<Standing>(progress) {
        let solution;
        (build, (widenings, refinements), fell_back, solution) = standing;
        found = Some(solution);
    }
    loop {
        let mut problem = Decision::new(&model, &build).map_err(|d| vec![d])?;
        if let Some((names, s)) = &still {
            let states: Vec<Option<f64>> = problem
                .spec()
                .states
                .iter()
                .map(|x| names.iter().position(|n| *n == x.name).map(|i| s.states[i]))
                .collect();
            problem.spec_mut().steady_state = states.into_iter().collect();
        }
        let method = methods::choose(by_name.as_deref(), &Structure::of(problem.spec())).map_err(|d| vec![d])?;
        let idle = unread(&model, method).map_err(|d| vec![d])?;
        let mut solution = match found.take() {
            Some(solution) => solution,
            None => {
                let task = Task {
                    model: &model,
                    problem: &problem,
                    guess: last.as_ref().and_then(|s| s.values_on(&problem)),
                    linear: fell_back.is_some(),
                };
                let solution = method
                    .solve(task, progress)
                    .map_err(|d| vec![with_rewards(&model, d)])?;
                progress.solved(&|| kept(&(&build, (widenings, refinements), &fell_back, &solution)));
                solution
            }
        };
        solution.record.warnings.extend(problem.warnings.iter().cloned());
        match &fell_back {
            Some(said) => solution.record.warnings.insert(0, said.clone()),
            None => fell_back = solution.record.warnings.iter().find(|w| w.code == "W0908").cloned(),
        }
        solution.record.warnings.extend(idle.clone());
        let certificate = certify(&problem, &solution, &judge(&model, &problem, options.seed)).map_err(|d| vec![d])?;
        // Ends that the solver chose itself are moved until nobody goes there.
        if widenings < WIDENINGS
            && let Some(wider) = widen(&model, &problem, &certificate)
        {
            build.bounds = wider;
            widenings += 1;
            last = Some(solution);
            continue;
        }
        // Rules with more nodes have rarer worst draws: ends are those that the usual rules ask for.
        if widenings < WIDENINGS
            && build.draws == 0
            && model.horizon.is_none()
            && !problem.open_ends.is_empty()
            && let Some(wider) = hold(
                &model,
                &problem,
                &reach(&problem, &solution, &judge(&model, &problem, options.seed)).map_err(|d| vec![d])?,
            )
        {
            build.bounds = wider;
            widenings += 1;
            last = Some(solution);
            continue;
        }
        if refinements < REFINEMENTS
            && method.refines()
            && let Some(nodes) = finer(&problem, &solution, &certificate)
        {
            build.nodes = nodes;
            refinements += 1;
            // A spline smears kinks of the value over several nodes, and first-order conditions with them.
            if certificate.reasons.iter().any(|d| d.code == "E0911") && smears(&model, &problem, &solution, &fell_back)
            {
                fell_back = Some(linear_instead(
                    "first-order conditions near kinks were too far off with cubic interpolation",
                ));
            }
            last = Some(solution);
            continue;
        }
        let steady_state = still.as_ref().map_or(Vec::new(), |(names, s)| {
            names
                .iter()
                .cloned()
                .zip(s.states.iter().chain(&s.actions).copied())
                .collect()
        });
        let mut certificate = certificate;
        let begins = begins(&model, &solution, &steady_state);
        certificate.reasons.extend(begins.1);
        in_the_economy(&begins.0, &solution, &problem, &mut certificate, options.seed);
        // Few nodes are the cheap guess: where the economy itself shows that they are too few, which the solver's own rows do not see, there
        // are more of them.
        if method.refines() {
            if let Some(finer) = judged.finer(&model, &problem, &solution, &certificate, &build) {
                build = finer;
                last = Some(solution);
                continue;
            }
            let spikes = too_coarse(&certificate) && spikes(&certificate);
            if spikes && smears(&model, &problem, &solution, &fell_back) {
                fell_back = Some(linear_instead(
                    "near kinks the value had spikes with cubic interpolation",
                ));
                last = Some(solution);
                continue;
            }
        }
        return Ok(Solved {
            solution,
            certificate,
            discretised: problem.discretised.clone(),
            steady_state,
            concept: options.concept.clone(),
            information: options.information.clone(),
            hidden: problem.hidden.clone(),
            unseen: problem.unseen.clone(),
        });
    }
}

/// Whether linear interpolation is left to be tried: a spline smears kinks of the value over several nodes.
fn smears(model: &Model, problem: &Decision, solution: &Solution, fell_back: &Option<Diagnostic>) -> bool {
    let open = word(model, "interpolation").is_none() && fell_back.is_none();
    open && problem.spec().kinks && solution.interpolation == Interpolation::Cubic
}

fn linear_instead(why: &str) -> Diagnostic {
    Diagnostic::warning("W0908", "solved with linear interpolation: the value has kinks")
        .note(why)
        .hint("`interpolation = linear` (or cubic) says in the file what is wanted")
}

/// What can be made finer where the file leaves it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lever {
    Chains,
    Draws,
    Grids,
}

/// What was made finer because the economy itself shows errors, and what it brought.
#[derive(Default)]
struct Judged {
    /// The last lever, and how far the largest error was from its limit before it was used.
    last: Option<(Lever, f64)>,
    /// Levers that brought nothing.
    idle: Vec<Lever>,
    /// How often grids were made finer.
    grids: usize,
}

impl Judged {
    /// Finer settings, if the economy says that values are off and nothing else is wrong: chains first, then rules over draws, then grids. `None`
    /// if there is nothing left that helps and is affordable.
    fn finer(
        &mut self,
        model: &Model,
        problem: &Decision,
        solution: &Solution,
        certificate: &Certificate,
        build: &decision::Options,
    ) -> Option<decision::Options> {
        if !too_coarse(certificate) {
            return None;
        }
        let excess = excess(certificate);
        if let Some((lever, before)) = self.last.take()
            && !(excess < before - GAIN)
        {
            self.idle.push(lever);
        }
        // Spikes stand between the nodes of a grid, and no chain or rule moves them.
        let mut levers = vec![Lever::Chains, Lever::Draws, Lever::Grids];
        if spikes(certificate) {
            levers.rotate_right(1);
            if certificate.world.as_ref().is_some_and(|w| w.passed()) {
                levers.truncate(1);
            }
        }
        for lever in levers {
            if self.idle.contains(&lever) {
                continue;
            }
            let mut finer = build.clone();
            let there = match lever {
                Lever::Chains => finer_chains(model, problem, solution, build.fineness).map(|f| finer.fineness = f),
                Lever::Draws => problem.coarse_draws.then(|| finer.draws += 1),
                Lever::Grids => self.finer_grids(problem, solution).map(|n| finer.nodes = n),
            };
            if there.is_some() {
                self.last = Some((lever, excess));
                self.grids += usize::from(lever == Lever::Grids);
                return Some(finer);
            }
        }
        None
    }

    fn finer_grids(&self, problem: &Decision, solution: &Solution) -> Option<usize> {
        let continuous = solution.states.iter().filter(|s| !s.integer).count() as i32;
        let spec = problem.spec();
        let draws = spec.noise_weights.len().max(1) as f64;
        let now = (solution.nodes() * spec.chain.transition.len()) as f64;
        let size = now * 2f64.powi(continuous);
        let affordable = size <= FINEST as f64 && size * draws <= BRANCHES;
        (self.grids < FINER_GRIDS && affordable)
            .then_some(problem.automatic)
            .flatten()
            .map(|n| 2 * n)
    }
}

/// Whether the value on the grid has spikes.
fn spikes(certificate: &Certificate) -> bool {
    certificate.trusted.as_ref().is_some_and(|t| !t.spikes.is_empty())
}

/// How far the worst number is from its limit, in powers of ten: of the economy, and of spikes of the value.
fn excess(certificate: &Certificate) -> f64 {
    let rows = certificate.world.iter().flat_map(|w| &w.proofs);
    let spikes = certificate.trusted.iter().flat_map(|t| &t.spikes);
    rows.filter(|p| p.holds == Some(false) && p.scale == world::Scale::Log)
        .filter_map(|p| Some(p.value - p.limit?))
        .chain(spikes.map(|(_, size)| size.log10() - certificate.thresholds.bellman))
        .fold(0.0, f64::max)
}

/// Finer chains where the file leaves them open, if grid and chain are affordable.
fn finer_chains(model: &Model, problem: &Decision, solution: &Solution, fineness: usize) -> Option<usize> {
    if fineness >= FINEST_CHAINS {
        return None;
    }
    let next = (2 * fineness).max(1);
    let mut chain = problem.spec().chain.transition.len() as f64;
    let mut open = false;
    for s in &model.shocks {
        let last = s.name.rsplit('.').next().unwrap_or(&s.name);
        let said = model.solve_settings().is_some_and(|x| {
            x.get(&format!("chain.{}", s.name)).is_some() || x.get(&format!("chain.{last}")).is_some()
        });
        let Process::Ar1 { rho, .. } = s.process else { continue };
        // One chain a member.
        for _ in solution
            .chain
            .names
            .iter()
            .filter(|n| !said && (**n == s.name || n.starts_with(&format!("{}[", s.name))))
        {
            let states = |fineness: usize| match fineness {
                0 => decision::CHAIN_STATES as f64,
                times => (times * crate::chance::chain::fine_states(rho)) as f64,
            };
            chain *= states(next) / states(fineness);
            open = true;
        }
    }
    (open && solution.nodes() as f64 * chain <= FINEST as f64 && chain <= MOST_LINKS).then_some(next)
}

/// Whether values or policies are off in the economy itself, or values on the grid have spikes, and nothing else is wrong.
fn too_coarse(certificate: &Certificate) -> bool {
    let coarse = |d: &&Diagnostic| ["E0944", "E0945", "E0946", "E0948", "E0949"].contains(&d.code.as_str());
    let mut errors = (certificate.reasons.iter()).filter(|d| d.severity == crate::diag::Severity::Error);
    !certificate.passed && certificate.world.is_some() && errors.all(|d| coarse(&d))
}

/// A value that is no number, with the rewards it comes from.
fn with_rewards(model: &Model, d: Diagnostic) -> Diagnostic {
    if d.code != "E0903" || d.primary.is_some() {
        return d;
    }
    let rewards = model.agents.iter().filter_map(|a| a.reward.map(|r| (a, r)));
    rewards.fold(d, |d, (agent, reward)| {
        let (span, label) = (
            model.graph.nodes[reward.0 as usize].span,
            format!("the reward of `{}`", agent.name),
        );
        match d.primary {
            None => d.at(span, label),
            Some(_) => d.and(span, label),
        }
    })
}

/// The model with a first value for each state that has none, and what was taken: where it rests, or else the middle of its grid. Solving needs no
/// first value, but lives that judge the solution begin somewhere.
fn begins(model: &Model, solution: &Solution, rests: &[(String, f64)]) -> (Model, Vec<Diagnostic>) {
    let mut model = model.clone();
    let mut said = Vec::new();
    for i in 0..model.states.len() {
        let state = &model.states[i];
        if state.start.is_some() {
            continue;
        }
        let own = |name: &str| name == state.name || name.starts_with(&format!("{}[", state.name));
        let rest = rests.iter().find(|(name, x)| own(name) && state.domain.contains(*x));
        let (x, words) = match (rest, solution.states.iter().find(|s| own(&s.name))) {
            (Some((_, x)), _) => (*x, "where it rests"),
            (None, Some(axis)) => (axis.nodes[axis.nodes.len() / 2], "the middle of its grid"),
            (None, None) => (
                state.domain.lo.max(0.0).min(state.domain.hi),
                "as nothing that pays depends on it",
            ),
        };
        said.push(
            Diagnostic::warning(
                "W0811",
                format!(
                    "`{}` has no first value: lives that judge the solution begin at {x}",
                    state.name
                ),
            )
            .at(state.span, words)
            .hint(format!(
                "say where lives begin: state {} .., start {x}",
                state.name.rsplit('.').next().unwrap_or(&state.name)
            )),
        );
        let span = state.span;
        if let Ok(node) = model.graph.add(Op::Const(x), span) {
            model.states[i].start = Some(node);
        }
    }
    (model, said)
}

/// Judges a solution in the economy that `econc simulate` runs, and adds the judgement to the certificate.
fn in_the_economy(model: &Model, solution: &Solution, problem: &Decision, certificate: &mut Certificate, seed: u64) {
    let options = world::Options {
        seed,
        edges: certificate.thresholds.edges,
        value: certificate.thresholds.bellman,
        policy: certificate.thresholds.euler,
        ..world::Options::default()
    };
    match world::judge(model, solution, &problem.unseen, &problem.discretised, &options) {
        Ok(judged) => {
            certificate.passed &= judged.passed();
            certificate.reasons.extend(judged.reasons.clone());
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

/// Settings that have no effect: an error for those of another method, a warning for those that a horizon makes idle.
fn unread(model: &Model, method: &dyn Method) -> Result<Option<Diagnostic>, Diagnostic> {
    let Some(settings) = model.solve_settings() else {
        return Ok(None);
    };
    let said = |keys: &[&str]| {
        settings
            .entries
            .iter()
            .rev()
            .find(|(k, _, _)| keys.contains(&k.as_str()))
    };
    let others: Vec<&str> = methods::METHODS
        .iter()
        .flat_map(|m| m.keys())
        .copied()
        .filter(|k| !method.keys().contains(k))
        .collect();
    if let Some((key, _, span)) = said(&others) {
        let reads = |m: &&&dyn Method| m.keys().contains(&key.as_str());
        let readers: Vec<String> = methods::METHODS
            .iter()
            .filter(reads)
            .map(|m| format!("`method = {}`", m.name()))
            .collect();
        let d = Diagnostic::error(
            "E0808",
            format!("`{key}` has no effect with `method = {}`", method.name()),
        );
        return Err(d
            .at(*span, "nothing reads this")
            .hint(format!("remove it, or use {}", readers.join(" or "))));
    }
    let idle = said(&["tolerance", "policy_tolerance", "iterations", "howard", "burn_in"]);
    Ok(idle.filter(|_| model.horizon.is_some()).map(|(key, _, span)| {
        Diagnostic::warning("W0825", format!("`{key}` has no effect with a `horizon`"))
            .at(
                *span,
                "the solver goes back from the last period once, and simulations begin at the first",
            )
            .hint("remove it")
    }))
}

/// More nodes for grids of unspecified size, if residuals are all that is wrong and the finer grid is affordable: twice as
/// many, with linear interpolation of one state four times (its error falls with the square of the distance only).
fn finer(problem: &Decision, solution: &Solution, c: &Certificate) -> Option<usize> {
    let errors = || c.reasons.iter().filter(|d| d.severity == crate::diag::Severity::Error);
    if errors().next().is_none() || !errors().all(|d| ["E0911", "E0912", "E0914"].contains(&d.code.as_str())) {
        return None;
    }
    let one = solution.states.iter().filter(|s| !s.integer).count() == 1;
    let times = if one && solution.interpolation == Interpolation::Linear {
        4
    } else {
        2
    };
    let nodes = times * problem.automatic?;
    let axis = |s: &StateKind| match s {
        StateKind::Continuous { grid, .. } => times * grid.len(),
        StateKind::Integer { lo, hi } => (hi - lo + 1) as usize,
    };
    let spec = problem.spec();
    let size = spec.states.iter().map(|s| axis(&s.kind) as f64).product::<f64>() * spec.chain.transition.len() as f64;
    (size <= FINEST as f64).then_some(nodes)
}

/// The deterministic steady state with the names of states and actions, if the model has one of this kind.
fn stationary(model: &Model) -> Option<(Vec<String>, SteadyState)> {
    // Lives that end do not rest where first-order conditions without the end would have them.
    if model.horizon.is_some() || !model.ends.is_empty() {
        return None;
    }
    let problem = Decision::new(
        model,
        &decision::Options {
            deterministic: true,
            nodes: 60,
            ..decision::Options::default()
        },
    )
    .ok()?;
    let continuous = problem
        .spec()
        .states
        .iter()
        .all(|s| matches!(s.kind, StateKind::Continuous { .. }));
    if !continuous || problem.spec().states.is_empty() || problem.spec().discount.is_none() {
        return None;
    }
    let quick = SteadyStateOptions {
        fallback: value_iteration::Options {
            improvements: 0,
            ..value_iteration::Options::default()
        },
        ..SteadyStateOptions::default()
    };
    let found = steady_state(&problem, &quick).ok().filter(|s| s.method == "newton")?;
    let names = problem
        .spec()
        .states
        .iter()
        .map(|s| s.name.clone())
        .chain(problem.spec().actions.iter().map(|a| a.name.clone()))
        .collect();
    Some((names, found))
}

/// Bounds around the steady state, for domains without ends.
fn around(model: &Model, still: &Option<(Vec<String>, SteadyState)>) -> Vec<(String, f64, f64)> {
    let Some((names, s)) = still else { return Vec::new() };
    model
        .states
        .iter()
        .filter_map(|state| {
            let own: Vec<f64> = names
                .iter()
                .zip(&s.states)
                .filter(|(n, _)| **n == state.name || n.starts_with(&format!("{}[", state.name)))
                .map(|(_, x)| *x)
                .collect();
            let (min, max) = (
                own.iter().copied().fold(f64::INFINITY, f64::min),
                own.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            );
            if state.domain.lo < 0.0 {
                let far = 2.0 * min.abs().max(max.abs());
                return (far > 0.0 && far.is_finite()).then(|| (state.name.clone(), min - far, max + far));
            }
            (min > 0.0 && max.is_finite()).then(|| (state.name.clone(), 0.3 * min, 2.5 * max))
        })
        .collect()
}

/// How the certificate simulates: from where the model starts unless it has a steady state.
pub(super) fn judge(model: &Model, problem: &Decision, seed: u64) -> grid::Options {
    let mut o = grid::Options {
        seed,
        ..grid::Options::default()
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
    }
    if let Some(x) = number("periods") {
        o.periods = (x.max(1.0) as usize).div_ceil(o.paths).max(1);
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

/// How far states go under a solution from where they start: the smallest and the largest of each on simulated paths, with the
/// worst draw from there.
fn reach(problem: &Decision, solution: &Solution, options: &grid::Options) -> Result<Vec<(f64, f64)>, Diagnostic> {
    let bellman = Bellman::new(problem, solution.interpolation)?;
    let policy = SolvedPolicy::new(&bellman, solution)?;
    let spec = problem.spec();
    let (ns, na) = (spec.states.len(), spec.actions.len());
    let mut range = vec![(f64::INFINITY, f64::NEG_INFINITY); ns];
    // The point behind each end, with its shock.
    let mut behind: Vec<[Option<(usize, Vec<f64>)>; 2]> = vec![[None, None]; ns];
    let mut meet = |shock: usize, x: &[f64], behind: &mut Vec<[Option<(usize, Vec<f64>)>; 2]>| {
        for s in 0..ns {
            if x[s] < range[s].0 {
                range[s].0 = x[s];
                behind[s][0] = Some((shock, x.to_vec()));
            }
            if x[s] > range[s].1 {
                range[s].1 = x[s];
                behind[s][1] = Some((shock, x.to_vec()));
            }
        }
    };
    let mut world = World::new(&bellman, REACH_PATHS, options.seed, &options.starts);
    for _ in 0..REACH_PERIODS {
        world.step(&policy, &mut |w| {
            for p in 0..REACH_PATHS {
                let x: Vec<f64> = w.states.iter().map(|s| s[p]).collect();
                meet(w.shock[p], &x, &mut behind);
            }
        });
    }
    let mut scratch = Scratch::default();
    for _ in 0..REACH_DRAWS {
        let from: Vec<(usize, Vec<f64>)> = behind.iter().flatten().flatten().cloned().collect();
        for (shock, x) in from {
            let at = At { shock, time: 0 };
            let columns: Vec<[f64; 1]> = x.iter().map(|&v| [v]).collect();
            let refs: Vec<&[f64]> = columns.iter().map(|c| c.as_slice()).collect();
            let mut actions = vec![vec![0.0]; na];
            policy.act(at, &refs, &[0.5], &mut actions);
            let acts: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
            for &(noise, _) in &bellman.noises {
                for (later, p) in spec.chain.transition[shock].iter().copied().enumerate() {
                    if p <= 0.0 {
                        continue;
                    }
                    let branch = if spec.next_uses_shock_next { later } else { shock };
                    bellman.evaluate(at, noise, branch, &refs, &acts, 1, &mut scratch);
                    if scratch.end[0] != 0.0 || scratch.chance[0] == 0.0 {
                        continue;
                    }
                    let next: Vec<f64> = scratch.next.iter().map(|v| v[0]).collect();
                    if next.iter().all(|v| v.is_finite()) {
                        meet(later, &next, &mut behind);
                    }
                }
            }
        }
    }
    Ok(range)
}

/// Grids moved so that they hold where the states go; `None` if they do, or if the file fixes the ends that are passed.
fn hold(model: &Model, problem: &Decision, range: &[(f64, f64)]) -> Option<Vec<(String, f64, f64)>> {
    let mut out: Vec<(String, f64, f64)> = Vec::new();
    let mut moved = false;
    for (k, axis) in problem.spec().states.iter().enumerate() {
        let StateKind::Continuous { grid, .. } = &axis.kind else {
            continue;
        };
        let Some((_, low, high)) = problem.open_ends.iter().find(|(i, _, _)| *i == k) else {
            continue;
        };
        let state = &model.states[problem.origin[k].0];
        let (mut lo, mut hi) = (grid[0], grid[grid.len() - 1]);
        let span = hi - lo;
        if *low && range[k].0 < lo - 1e-9 * span {
            lo = if range[k].0 > 0.0 && state.domain.lo >= 0.0 {
                0.7 * range[k].0
            } else {
                range[k].0 - 0.1 * span
            };
            lo = lo.max(if state.domain.lo == 0.0 {
                LEAST
            } else {
                f64::NEG_INFINITY
            });
            moved |= lo < grid[0];
        }
        if *high && range[k].1 > hi + 1e-9 * span {
            hi = range[k].1 + 0.2 * (range[k].1 - lo).abs();
            moved = true;
        }
        match out.iter_mut().find(|(n, _, _)| *n == state.name) {
            Some((_, l, h)) => {
                *l = l.min(lo);
                *h = h.max(hi);
            }
            None => out.push((state.name.clone(), lo, hi)),
        }
    }
    moved.then_some(out)
}

/// The middle of where each state may start, if the model says.
pub(super) fn start(model: &Model, problem: &Decision) -> Option<Vec<f64>> {
    let middle = |k: usize| -> Option<f64> {
        let state = &model.states[problem.origin[k].0];
        let d = model.graph.nodes[state.start?.0 as usize].domain;
        let x = 0.5 * (d.lo + d.hi);
        x.is_finite()
            .then_some(if state.domain.integer { x.round() } else { x })
    };
    (0..problem.spec().states.len()).map(middle).collect()
}

/// New bounds for states whose chosen ends are reached, `None` if all is well.
pub(super) fn widen(model: &Model, problem: &Decision, c: &Certificate) -> Option<Vec<(String, f64, f64)>> {
    let limit = c.thresholds.edges.min(1e-4);
    if c.outside <= limit && c.unexplained_edges <= limit {
        return None;
    }
    let mut out: Vec<(String, f64, f64)> = Vec::new();
    let mut moved = false;
    for (k, axis) in problem.spec().states.iter().enumerate() {
        let StateKind::Continuous { grid, .. } = &axis.kind else {
            continue;
        };
        let state = &model.states[problem.origin[k].0];
        let Some((_, low, high)) = problem.open_ends.iter().find(|(i, _, _)| *i == k) else {
            continue;
        };
        let (mut lo, mut hi) = (grid[0], grid[grid.len() - 1]);
        let span = hi - lo;
        let at = |end: &str| {
            c.edges
                .iter()
                .any(|e| e.name.starts_with(&axis.name) && e.name.contains(end) && e.share > limit)
                || c.outside > limit
        };
        let scale = lo > 0.0 && state.domain.lo >= 0.0;
        if *high && at("upper") {
            hi = if scale { hi * 1.5 } else { hi + 0.5 * span };
            moved = true;
        }
        if *low && at("lower") {
            lo = if scale { lo / 1.5 } else { lo - 0.5 * span };
            moved = true;
        }
        match out.iter_mut().find(|(n, _, _)| *n == state.name) {
            Some((_, l, h)) => {
                *l = l.min(lo);
                *h = h.max(hi);
            }
            None => out.push((state.name.clone(), lo, hi)),
        }
    }
    moved.then_some(out)
}

/// The model under another concept or other information than the file's, where that is asked for.
pub fn as_asked(model: &Model, concept: Option<&str>, information: Option<&str>) -> Model {
    let mut model = model.clone();
    model.concept = concept.and_then(Concept::of).or(model.concept);
    model.information = information.and_then(Information::of).unwrap_or(model.information);
    model
}
