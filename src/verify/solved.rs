//! Solving a model and judging the solution: what `econc solve` does between compiling and reporting.

pub(super) mod begins;
pub(super) mod ends;
mod finer;
mod hints;
mod reach;
mod work;

pub(super) use begins::judge;

use super::equilibrium;
use super::first_values::begins;
use super::grid::{Certificate, certify};
use crate::check::Model;
use crate::check::conduct::{CONCEPTS, Concept, INFORMATION, Information};
use crate::check::settings::unknown_word;
use crate::diag::Diagnostic;
use crate::limits;
use crate::solve::continuum::perceived::law::Perceived;
use crate::solve::continuum::population::Population;
use crate::solve::decision::{self, Decision, Discretised};
use crate::solve::economy::Economy;
use crate::solve::equilibrium::EquilibriumMethod;
use crate::solve::method::{Structure, Task, word};
use crate::solve::methods::{self, Any};
use crate::solve::problem::DecisionProblem;
use crate::solve::progress::{Watch, kept, solved_before};
use crate::solve::solution::Solution;
use crate::solve::steady_state::SteadyState;
use begins::{in_the_economy, with_rewards};
use ends::{around, hold, limited, runs_away, stationary, unlimited, widen};
use finer::{Judged, Standing, linear_instead, smears, spikes, too_coarse};
use reach::{Reach, reach};
use work::{Within, Work};

/// What may be asked beside the file's own settings.
#[derive(Clone, Debug, Default)]
pub struct Request {
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
    /// Further equilibria that were found, any number.
    #[serde(default)]
    pub others: Vec<Solution>,
    /// The verdict.
    pub certificate: Certificate,
    /// Asked and obtained moments of discretised shocks, one entry per shock or draw.
    pub discretised: Vec<Discretised>,
    /// The deterministic steady state, where there is one: `(name, value)`, one per state, then one per action.
    pub steady_state: Vec<(String, f64)>,
    /// Of a continuum under aggregate shocks: what its members expect, and what comes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perceived: Option<Perceived>,
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
    /// How the model was turned into the problem that was solved: what the file leaves open and the solver found.
    #[serde(default)]
    pub build: decision::ProblemOptions,
    /// Where all members of a continuum are, if there is one and it rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<Population>,
}

/// Says that a solution is being judged, for whoever shows progress, until it is dropped.
struct Judging;

impl Judging {
    /// Of solve number `solves` (from 1).
    fn begins(solves: usize) -> Judging {
        limits::doing(match solves {
            1 => "certificate".to_string(),
            n => format!("certificate of solve {n} (wider or finer)"),
        });
        Judging
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        limits::doing(String::new());
    }
}

/// How often the grid of a state without an end may be widened.
const WIDENINGS: usize = 12;
/// How often grids that the file leaves open may be made finer for the certificate's sake.
const REFINEMENTS: usize = 4;

/// Whether what is asked exists.
///
/// # Errors
/// E0804: a method or a concept that does not exist.
pub fn asked(options: &Request) -> Result<(), Diagnostic> {
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
pub fn solve(model: &Model, options: &Request, progress: &mut dyn Watch) -> Result<Solved, Vec<Diagnostic>> {
    asked(options).map_err(|d| vec![d])?;
    let model = as_asked(model, options.concept.as_deref(), options.information.as_deref());
    // Of many who do not meet a few are enough to solve for one and to judge him.
    let few = Economy::of(&model).ok().and_then(|e| e.few());
    let model = few.unwrap_or(model);
    let by_name = options.method.clone().or_else(|| word(&model, "method"));
    let economy = Economy::of(&model).map_err(|d| vec![d])?;
    if let Some(method) = equilibrium::method_for(&economy, by_name.as_deref()).map_err(|d| vec![d])? {
        return of_several(&model, &economy, method, options, progress);
    }
    if let Some(name) = &by_name {
        let method = methods::named(name).map_err(|d| vec![d])?;
        unread(&model, method.name(), method.keys()).map_err(|d| vec![d])?;
    }
    let still = stationary(&model);
    let mut build = decision::ProblemOptions {
        bounds: around(&model, &still),
        ..decision::ProblemOptions::default()
    };
    let (mut widenings, mut refinements, mut solves) = (0, 0, 0);
    let (mut judged, mut work) = (Judged::default(), Work::of(&model));
    // What stands while something finer is tried.
    let mut stands: Option<Standing> = None;
    let mut last: Option<Solution> = None;
    // What is handed over where making its grid finer, or wider, takes too much work; it fails.
    let mut coarser: Option<(Standing, bool)> = None;
    // Said once, by the first grid on which cubic interpolation did not settle, and how often grids had been widened when it was tried again: what leaves
    // a narrow grid, or begins from values of one, may settle on the wider one.
    let (mut fell_back, mut again): (Option<Diagnostic>, usize) = (None, 0);
    // Where an earlier solve was interrupted after this came out, it is not computed again.
    let mut found: Option<Solution> = None;
    type Kept = (
        decision::ProblemOptions,
        (usize, usize, usize),
        Option<Diagnostic>,
        Work,
        Solution,
    );
    if let Some(kept) = solved_before::<Kept>(progress) {
        let solution;
        (build, (widenings, refinements, again), fell_back, work, solution) = kept;
        found = Some(solution);
    }
    loop {
        let mut problem = match Decision::new(&model, &build) {
            Ok(problem) => problem,
            Err(d) => match stands.take() {
                Some(before) => return Ok(before.solved(&model, options, &still)),
                None => return Err(vec![d]),
            },
        };
        if let Some(before) = stands.take_if(|_| !work.affords(problem.branches())) {
            return Ok(before.dear(&work).solved(&model, options, &still));
        }
        if let Some((names, s)) = &still {
            know(&mut problem, names, s);
        }
        let method = methods::choose(by_name.as_deref(), &Structure::of(problem.spec())).map_err(|d| vec![d])?;
        let idle = unread(&model, method.name(), method.keys()).map_err(|d| vec![d])?;
        let mut solution = match found.take() {
            Some(solution) => solution,
            None => {
                let task = Task {
                    model: &model,
                    problem: &problem,
                    guess: last.as_ref().and_then(|s| s.values_on(&problem)),
                    linear: fell_back.is_some(),
                };
                let mut within = Within::new(progress, &problem, work.left());
                let solved = method.solve(task, &mut within);
                let (spent, over) = (within.spent(), within.over);
                if solved.as_ref().is_err_and(|d| d.code == "E0810") {
                    unlimited(&model, &problem, progress)?;
                }
                let solution = match (solved, stands.take(), coarser.take()) {
                    (Ok(solution), before, _) => {
                        stands = before;
                        solution
                    }
                    // What cannot be solved finer stands as it was.
                    (Err(_), Some(before), _) if over => {
                        return Ok(before.dear(&work).solved(&model, options, &still));
                    }
                    (Err(_), _, Some((before, narrow))) if over => {
                        let before = if narrow {
                            before.narrow(&work)
                        } else {
                            before.dear(&work)
                        };
                        return Ok(before.solved(&model, options, &still));
                    }
                    (Err(d), Some(before), _) if d.code != "E0906" => {
                        return Ok(before.solved(&model, options, &still));
                    }
                    (Err(d), _, _) => return Err(vec![with_rewards(&model, d)]),
                };
                work.solved(spent, problem.branches());
                progress.solved(&|| kept(&(&build, (widenings, refinements, again), &fell_back, &work, &solution)));
                solution
            }
        };
        limited(&model, &solution).map_err(|d| vec![d])?;
        solution.record.warnings.extend(problem.warnings.iter().cloned());
        match &fell_back {
            Some(said) => solution.record.warnings.insert(0, said.clone()),
            None => fell_back = solution.record.warnings.iter().find(|w| w.code == "W0908").cloned(),
        }
        solution.record.warnings.extend(idle.clone());
        solves += 1;
        let judging = Judging::begins(solves);
        let before = problem.work();
        let certificate = certify(&problem, &solution, &judge(&model, &problem, options.seed)).map_err(|d| vec![d])?;
        work.judged(problem.work() - before, (0, 0));
        // Ends that the solver chose itself are moved until nobody goes there.
        let mut wider = widen(&model, &problem, &certificate).filter(|_| widenings < WIDENINGS);
        if widenings < WIDENINGS && wider.is_none() {
            let far = far(&model, &problem, (&solution, &build), options.seed).map_err(|d| vec![d])?;
            wider = far.and_then(|r| hold(&model, &problem, &r.with_streaks));
        }
        if let Some(wider) = wider {
            last = Some(solution.clone());
            coarser = Some((
                Standing::new((problem, solution), certificate, (&build, &fell_back)),
                true,
            ));
            build.bounds = wider;
            widenings += 1;
            continue;
        }
        if fell_back.take_if(|_| again < widenings).is_some() {
            again = widenings;
            last = Some(solution);
            continue;
        }
        if refinements < REFINEMENTS
            && method.refines()
            && let Some(nodes) = judged.residuals(&problem, &solution, &certificate, &work)
        {
            refinements += 1;
            // A spline smears kinks of the value over several nodes, and first-order conditions with them.
            let smeared = certificate.reasons.iter().any(|d| d.code == "E0911")
                && smears(&model, &problem, &solution, &fell_back);
            last = Some(solution.clone());
            coarser = Some((
                Standing::new((problem, solution), certificate, (&build, &fell_back)),
                false,
            ));
            if smeared {
                again = WIDENINGS;
                fell_back = Some(linear_instead(
                    "first-order conditions near kinks were too far off with cubic interpolation",
                ));
            }
            build.nodes = nodes;
            continue;
        }
        let steady_state = named(&still);
        let mut certificate = certificate;
        let far = match widenings == WIDENINGS {
            true => far(&model, &problem, (&solution, &build), options.seed).map_err(|d| vec![d])?,
            false => None,
        };
        let left = far.as_ref().is_some_and(|r| hold(&model, &problem, &r.range).is_some());
        let runs = left || widen(&model, &problem, &certificate).is_some();
        if fault!("verdict.never_runs_away", false, runs) {
            let (range, growing) = far.map(|r| (r.range, r.growing)).unwrap_or_default();
            certificate
                .reasons
                .push(runs_away(&problem, &certificate, &range, &growing));
            certificate.passed = false;
        }
        let begins = begins(&model, &solution, &steady_state);
        certificate.reasons.extend(begins.1);
        let may_be_finer =
            method.refines() && judged.could(&model, &problem, &solution, &build) && work.affords(problem.branches());
        in_the_economy(
            &begins.0,
            &solution,
            &problem,
            &mut certificate,
            options.seed,
            may_be_finer,
        );
        drop(judging);
        let draws = certificate.world.as_ref().map_or(0, |w| w.draws);
        work.judged(0.0, (draws, model.graph.nodes.len()));
        let mut now = Standing::new((problem, solution), certificate, (&build, &fell_back));
        // What is finer and fails where the coarser one held is taken back.
        if let Some(before) = stands.take_if(|before| before.is_better_than(&now.certificate)) {
            now = before;
            judged.taken_back(&now.build);
            (build, fell_back) = (now.build.clone(), now.fell_back.clone());
        }
        // Few nodes are the cheap guess: where the economy itself shows that they are too few, which the solver's own rows do not see, there
        // are more of them.
        if method.refines() {
            if let Some(finer) = judged.finer(&model, &now.problem, &now.solution, &now.certificate, &build) {
                build = finer;
                last = Some(now.solution.clone());
                stands = Some(now);
                continue;
            }
            let spikes = too_coarse(&now.certificate) && spikes(&now.certificate);
            if spikes && smears(&model, &now.problem, &now.solution, &fell_back) {
                again = WIDENINGS;
                fell_back = Some(linear_instead(
                    "near kinks the value had spikes with cubic interpolation",
                ));
                last = Some(now.solution);
                stands = None;
                continue;
            }
        }
        return Ok(now.solved(&model, options, &still));
    }
}

/// Solves and judges what is decided by several.
///
/// # Errors
/// Those of the method, and keys that it does not read.
fn of_several(
    model: &Model,
    economy: &Economy,
    method: &'static dyn EquilibriumMethod,
    options: &Request,
    progress: &mut dyn Watch,
) -> Result<Solved, Vec<Diagnostic>> {
    unread(model, method.name(), method.keys()).map_err(|d| vec![d])?;
    unjudged(model, method).map_err(|d| vec![d])?;
    let (found, certificate, hidden) = equilibrium::solve(model, economy, method, options.seed, progress)?;
    Ok(Solved {
        solution: found.solution,
        others: found.others,
        certificate,
        discretised: found.discretised,
        steady_state: found.steady_state,
        perceived: found.perceived,
        concept: options.concept.clone(),
        information: options.information.clone(),
        hidden,
        unseen: Vec::new(),
        build: Default::default(),
        population: found.population,
    })
}

/// Puts the states of a steady state, known by their `names`, into a problem.
fn know(problem: &mut Decision, names: &[String], still: &SteadyState) {
    let states: Vec<Option<f64>> = problem
        .spec()
        .states
        .iter()
        .map(|x| names.iter().position(|n| *n == x.name).map(|i| still.states[i]))
        .collect();
    problem.spec_mut().steady_state = states.into_iter().collect();
}

/// How far the policy leads, where the solver chose ends of grids; nothing where draws are finer than usual: rules with more nodes have rarer
/// worst draws, and ends are those that the usual rules ask for.
///
/// # Errors
/// Those of the policy.
fn far(
    model: &Model,
    problem: &Decision,
    (solution, build): (&Solution, &decision::ProblemOptions),
    seed: u64,
) -> Result<Option<Reach>, Diagnostic> {
    if build.draws > 0 || model.horizon.is_some() || problem.open_ends.is_empty() {
        return Ok(None);
    }
    reach(model, problem, solution, &judge(model, problem, seed)).map(Some)
}

/// The deterministic steady state by names: states, then actions.
fn named(still: &Option<(Vec<String>, SteadyState)>) -> Vec<(String, f64)> {
    let all = still.iter().flat_map(|(names, s)| {
        let values = s.states.iter().chain(&s.actions).copied();
        names.iter().cloned().zip(values)
    });
    all.collect()
}

impl Standing {
    /// As it is handed over.
    fn solved(mut self, model: &Model, options: &Request, still: &Option<(Vec<String>, SteadyState)>) -> Solved {
        hints::agree(model, &self.solution, &mut self.certificate);
        Solved {
            solution: self.solution,
            others: Vec::new(),
            certificate: self.certificate,
            discretised: self.problem.discretised,
            steady_state: named(still),
            perceived: None,
            concept: options.concept.clone(),
            information: options.information.clone(),
            hidden: self.problem.hidden,
            unseen: self.problem.unseen,
            build: self.build,
            population: None,
        }
    }
}

/// Settings that have no effect: an error for those of another method, a warning for those that a horizon makes idle.
fn unread(model: &Model, method: &str, keys: &[&str]) -> Result<Option<Diagnostic>, Diagnostic> {
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
    let all: Vec<Any> = methods::all().collect();
    let others: Vec<&str> = all
        .iter()
        .flat_map(|m| m.keys().iter().copied())
        .filter(|k| !keys.contains(k))
        .collect();
    if let Some((key, _, span)) = said(&others) {
        let readers: Vec<String> = all
            .iter()
            .filter(|m| m.keys().contains(&key.as_str()))
            .map(|m| match m {
                Any::Several(m) => format!("`method = {}` in a model in which several decide", m.name()),
                Any::One(m) => format!("`method = {}`", m.name()),
            })
            .collect();
        let d = Diagnostic::error("E0808", format!("`{key}` has no effect with `method = {method}`"));
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

/// Limits and lengths of the certificate that the judge of a method's equilibria does not read.
///
/// # Errors
/// E0808.
fn unjudged(model: &Model, method: &dyn EquilibriumMethod) -> Result<(), Diagnostic> {
    const ALL: [&str; 5] = ["bellman", "euler", "edges", "periods", "burn_in"];
    let idle = |key: &str| ALL.contains(&key) && !method.judged().contains(&key);
    let said = model
        .solve_settings()
        .and_then(|s| s.entries.iter().rev().find(|(k, _, _)| idle(k)));
    match said {
        None => Ok(()),
        Some((key, _, span)) => Err(Diagnostic::error(
            "E0808",
            format!(
                "`{key}` has no effect where several decide, with `method = {}`",
                method.name()
            ),
        )
        .at(*span, "nothing reads this")
        .hint("remove it; the limits of an equilibrium's certificate are shown in its rows")),
    }
}

/// The model under another concept or other information than the file's, where that is asked for.
pub fn as_asked(model: &Model, concept: Option<&str>, information: Option<&str>) -> Model {
    let mut model = model.clone();
    model.concept = concept.and_then(Concept::of).or(model.concept);
    model.information = information.and_then(Information::of).unwrap_or(model.information);
    model
}
