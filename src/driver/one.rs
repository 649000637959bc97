//! One who decides: solved, judged, and solved again with wider ends and finer grids, chains and draws, where the file leaves them open.
//!
//! A round is a solve and its judgement. It moves the ends of grids of states without an end until no path goes there, and makes grids of
//! unspecified size finer while residuals on the solver's own chain are too large; then the solution is judged in the economy itself, and what that finds
//! too coarse is made finer. What was judged to the end stands while something finer is tried, and is handed over where that fails or would take too much
//! work. What is kept between rounds is [`Rounds`]; a phase that ends them all says so by [`End`].

use super::ends::{around, hold, limited, runs_away, stationary, unlimited, widen};
use super::finer::{Judged, JudgedSolution, linear_instead, smears, spikes, too_coarse};
use super::idle::unread;
use super::reach::{Reach, reach};
use super::work::{Within, Work};
use super::{Request, Solved, hints};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::limits;
use crate::solve::decision::{Decision, ProblemOptions};
use crate::solve::method::{Method, Structure, Task};
use crate::solve::methods;
use crate::solve::problem::DecisionProblem;
use crate::solve::progress::{Watch, kept, solved_before};
use crate::solve::solution::Solution;
use crate::solve::steady_state::SteadyState;
use crate::solve::value_iteration::ValueIteration;
use crate::verify::first_values::begins;
use crate::verify::grid::certify;
use crate::verify::judgement::{in_the_economy, settings};

/// How often the grid of a state without an end may be widened.
const WIDENINGS: usize = 12;
/// How often it may be widened for the sake of the economy's own lives: each time costs a whole judgement.
const FOR_LIVES: usize = 3;
/// How often grids that the file leaves open may be made finer for the certificate's sake.
const REFINEMENTS: usize = 4;

/// Solves and judges the problem of one who decides.
///
/// # Errors
/// Those of [`super::solve`].
pub(super) fn solve(
    model: &Model,
    by_name: Option<&str>,
    options: &Request,
    progress: &mut dyn Watch,
) -> Result<Solved, Vec<Diagnostic>> {
    if let Some(name) = by_name {
        let method = methods::named(name).map_err(|d| vec![d])?;
        unread(model, (method.name(), method.keys()), options.method.is_some()).map_err(|d| vec![d])?;
    }
    let mut rounds = Rounds::of(model, by_name, options);
    rounds.resume(progress);
    loop {
        match rounds.round(progress) {
            Ok(()) => {}
            Err(End::HandedOver(standing)) => return Ok(standing.solved(model, options, &rounds.still)),
            Err(End::Failed(diagnostics)) => return Err(diagnostics),
        }
    }
}

/// What ends all rounds.
enum End {
    /// This is the solution, with its verdict.
    HandedOver(Box<JudgedSolution>),
    /// There is none.
    Failed(Vec<Diagnostic>),
}

impl From<Diagnostic> for End {
    fn from(d: Diagnostic) -> End {
        End::Failed(vec![d])
    }
}

impl From<Vec<Diagnostic>> for End {
    fn from(all: Vec<Diagnostic>) -> End {
        End::Failed(all)
    }
}

impl From<JudgedSolution> for End {
    fn from(standing: JudgedSolution) -> End {
        End::HandedOver(Box::new(standing))
    }
}

/// What is kept from round to round.
struct Rounds<'a> {
    model: &'a Model,
    by_name: Option<&'a str>,
    options: &'a Request,
    /// The deterministic steady state, with names, where there is one.
    still: Option<(Vec<String>, SteadyState)>,
    /// How the model is turned into the problem of this round.
    build: ProblemOptions,
    widenings: usize,
    /// How often they were widened for the economy's own lives.
    for_lives: usize,
    refinements: usize,
    solves: usize,
    judged: Judged,
    work: Work,
    /// What stands while something finer is tried.
    stands: Option<JudgedSolution>,
    /// Where the next solve begins.
    last: Option<Solution>,
    /// What is handed over where making its grid finer, or (`true`) wider, takes too much work; it fails.
    coarser: Option<(JudgedSolution, bool)>,
    /// Said once, by the first grid on which cubic interpolation did not settle.
    fell_back: Option<Diagnostic>,
    /// How often grids had been widened when cubic interpolation was tried again: what leaves a narrow grid, or begins from values of one, may settle on the
    /// wider one.
    again: usize,
    /// Where an earlier solve was interrupted after this came out, it is not computed again.
    found: Option<Solution>,
}

/// What a checkpoint holds of the rounds: the build, how often ends were widened, grids refined, cubic interpolation tried again and ends widened for the
/// economy's own lives, what was said, the work and the solution.
type Kept = (ProblemOptions, [usize; 4], Option<Diagnostic>, Work, Solution);

impl<'a> Rounds<'a> {
    /// Before the first round.
    fn of(model: &'a Model, by_name: Option<&'a str>, options: &'a Request) -> Rounds<'a> {
        let still = stationary(model);
        let build = ProblemOptions {
            bounds: around(model, &still),
            ..ProblemOptions::default()
        };
        Rounds {
            model,
            by_name,
            options,
            still,
            build,
            widenings: 0,
            for_lives: 0,
            refinements: 0,
            solves: 0,
            judged: Judged::default(),
            work: Work::of(model),
            stands: None,
            last: None,
            coarser: None,
            fell_back: None,
            again: 0,
            found: None,
        }
    }

    /// How often grids were widened, for whatever reason.
    fn widened(&self) -> usize {
        self.widenings + self.for_lives
    }

    /// Goes on where an earlier process was interrupted, if one was.
    fn resume(&mut self, progress: &mut dyn Watch) {
        if let Some((build, counts, fell_back, work, solution)) = solved_before::<Kept>(progress) {
            [self.widenings, self.refinements, self.again, self.for_lives] = counts;
            (self.build, self.fell_back, self.work) = (build, fell_back, work);
            self.found = Some(solution);
        }
    }

    /// A solve and its judgement. If it returns, something was made wider or finer and is to be solved again.
    ///
    /// # Errors
    /// What ends the rounds.
    fn round(&mut self, progress: &mut dyn Watch) -> Result<(), End> {
        let problem = self.problem()?;
        let method = methods::choose(self.by_name, &Structure::of(problem.spec()))?;
        let idle = unread(
            self.model,
            (method.name(), method.keys()),
            self.options.method.is_some(),
        )?;
        let mut solution = match self.found.take() {
            Some(solution) => solution,
            None => self.solved(method, &problem, progress)?,
        };
        limited(self.model, &solution)?;
        self.warn(&mut solution, &problem, idle);
        self.solves += 1;
        let judging = Judging::begins(self.solves);
        let before = problem.work();
        let simulation = settings(self.model, &problem, self.options.seed);
        let certificate = certify(&problem, &solution, &simulation)?;
        self.work.judged(problem.work() - before, (0, 0));
        let now = JudgedSolution::new((problem, solution), certificate, (&self.build, &self.fell_back));
        let Some(now) = self.wider(now)? else { return Ok(()) };
        let widened = self.widened();
        if self.fell_back.take_if(|_| self.again < widened).is_some() {
            self.again = widened;
            self.last = Some(now.solution);
            return Ok(());
        }
        let Some(mut now) = self.with_smaller_residuals(method, now) else {
            return Ok(());
        };
        self.run_away(&mut now)?;
        self.judge_in_the_economy(method, &mut now);
        drop(judging);
        self.with_smaller_errors(method, now)
    }

    /// The problem of this round.
    ///
    /// # Errors
    /// What stands, where the problem cannot be built or is not affordable.
    fn problem(&mut self) -> Result<Decision, End> {
        let mut problem = match Decision::new(self.model, &self.build) {
            Ok(problem) => problem,
            Err(d) => return Err(self.stands.take().map_or_else(|| d.into(), End::from)),
        };
        if let Some(before) = self.stands.take_if(|_| !self.work.affords(problem.branches())) {
            return Err(before.dear(&self.work).into());
        }
        if let Some((names, s)) = &self.still {
            know(&mut problem, names, s);
        }
        Ok(problem)
    }

    /// The method's solution of this round's problem, for as long as its work is affordable.
    ///
    /// # Errors
    /// Where there is none: what stands, or what was coarser, or why.
    fn solved(
        &mut self,
        method: &'static dyn Method,
        problem: &Decision,
        progress: &mut dyn Watch,
    ) -> Result<Solution, End> {
        let task = || Task {
            model: self.model,
            problem,
            guess: self.last.as_ref().and_then(|s| s.values_on(problem)),
            linear: self.fell_back.is_some(),
        };
        let preferred = match self.by_name {
            None => methods::preferred(&Structure::of(problem.spec())),
            Some(_) => None,
        };
        let mut within = Within::new(progress, problem, self.work.left());
        let mut solved = method.solve(task(), &mut within);
        if let Some((_, why)) = preferred {
            match &mut solved {
                Ok(solution) => solution.method = format!("{} ({why})", solution.method),
                // What was taken for its exactness gives way to what always goes.
                Err(d) if d.code == "E0901" || d.code == "E0922" => {
                    solved = ValueIteration.solve(task(), &mut within);
                }
                Err(_) => {}
            }
        }
        let (spent, over) = (within.spent(), within.over);
        if solved.as_ref().is_err_and(|d| d.code == "E0810") {
            unlimited(self.model, problem, progress)?;
        }
        let coarser = self.coarser.take();
        let solution = match solved {
            Ok(solution) => solution,
            Err(d) => return Err(self.without(d, over, coarser)),
        };
        self.work.solved(spent, problem.branches());
        let counts = [self.widenings, self.refinements, self.again, self.for_lives];
        progress.solved(&|| kept(&(&self.build, counts, &self.fell_back, &self.work, &solution)));
        Ok(solution)
    }

    /// What is handed over where a method found nothing, because its work was used up (`over`) or for another reason.
    fn without(&mut self, d: Diagnostic, over: bool, coarser: Option<(JudgedSolution, bool)>) -> End {
        match (self.stands.take(), coarser) {
            // What cannot be solved finer stands as it was.
            (Some(before), _) if over => before.dear(&self.work).into(),
            (None, Some((before, true))) if over => before.narrow(&self.work).into(),
            (None, Some((before, false))) if over => before.dear(&self.work).into(),
            (Some(before), _) if d.code != "E0906" => before.into(),
            (_, _) => with_rewards(self.model, d).into(),
        }
    }

    /// Adds what is to be said of a solution beside what the method said.
    fn warn(&mut self, solution: &mut Solution, problem: &Decision, idle: Option<Diagnostic>) {
        let warnings = &mut solution.record.warnings;
        warnings.extend(problem.warnings.iter().cloned());
        match &self.fell_back {
            Some(said) => warnings.insert(0, said.clone()),
            None => self.fell_back = warnings.iter().find(|w| w.code == "W0908").cloned(),
        }
        warnings.extend(idle);
    }

    /// Moves ends that the solver chose itself until nobody goes there; the same solution back where they are far enough away.
    ///
    /// # Errors
    /// Those of the policy.
    fn wider(&mut self, now: JudgedSolution) -> Result<Option<JudgedSolution>, Diagnostic> {
        if self.widenings >= WIDENINGS {
            return Ok(Some(now));
        }
        let mut wider = widen(self.model, (&now.problem, self.widenings), &now.certificate);
        if wider.is_none() {
            wider = self
                .far(&now)?
                .and_then(|r| hold(self.model, &now.problem, &r.with_streaks));
        }
        let Some(wider) = wider else { return Ok(Some(now)) };
        self.last = Some(now.solution.clone());
        self.coarser = Some((now, true));
        self.build.bounds = wider;
        self.widenings += 1;
        Ok(None)
    }

    /// Asks for more nodes where residuals on the solver's own chain are too large and more nodes help; the same solution back where not.
    fn with_smaller_residuals(&mut self, method: &dyn Method, now: JudgedSolution) -> Option<JudgedSolution> {
        if self.refinements == REFINEMENTS || !method.refines() {
            return Some(now);
        }
        let nodes = self
            .judged
            .residuals(&now.problem, &now.solution, &now.certificate, &self.work);
        let Some(nodes) = nodes else { return Some(now) };
        self.refinements += 1;
        // A spline smears kinks of the value over several nodes, and first-order conditions with them.
        let smeared = now.certificate.reasons.iter().any(|d| d.code == "E0911")
            && smears(self.model, &now.problem, &now.solution, &self.fell_back);
        self.last = Some(now.solution.clone());
        self.coarser = Some((now, false));
        if smeared {
            self.again = WIDENINGS + FOR_LIVES;
            self.fell_back = Some(linear_instead(
                "first-order conditions near kinks were too far off with cubic interpolation",
            ));
        }
        self.build.nodes = nodes;
        None
    }

    /// Refuses a solution on grids that were widened as often as they may be and that lives leave all the same.
    ///
    /// # Errors
    /// Those of the policy.
    fn run_away(&self, now: &mut JudgedSolution) -> Result<(), Diagnostic> {
        let far = match self.widenings >= WIDENINGS {
            true => self.far(now)?,
            false => None,
        };
        let left = far
            .as_ref()
            .is_some_and(|r| hold(self.model, &now.problem, &r.range).is_some());
        let runs = left || widen(self.model, (&now.problem, self.widenings), &now.certificate).is_some();
        if fault!("verdict.never_runs_away", false, runs) {
            let (range, growing) = far.map(|r| (r.range, r.growing)).unwrap_or_default();
            let said = runs_away(&now.problem, &now.certificate, &range, &growing);
            now.certificate.reasons.push(said);
            now.certificate.passed = false;
        }
        Ok(())
    }

    /// Judges the solution in the economy that is simulated.
    fn judge_in_the_economy(&mut self, method: &dyn Method, now: &mut JudgedSolution) {
        let (begun, said) = begins(self.model, &now.solution, &named(&self.still));
        now.certificate.reasons.extend(said);
        let may_be_finer = method.refines()
            && self.judged.could(self.model, &now.problem, &now.solution, &self.build)
            && self.work.affords(now.problem.branches());
        in_the_economy(
            &begun,
            &now.solution,
            &now.problem,
            &mut now.certificate,
            self.options.seed,
            may_be_finer,
        );
        let draws = now.certificate.world.as_ref().map_or(0, |w| w.draws);
        self.work.judged(0.0, (draws, self.model.graph.nodes.len()));
    }

    /// Makes finer what the economy finds too coarse, after taking back what is finer and fails where the coarser one held.
    ///
    /// # Errors
    /// The solution that is handed over, where nothing is made finer.
    fn with_smaller_errors(&mut self, method: &dyn Method, mut now: JudgedSolution) -> Result<(), End> {
        if let Some(before) = self.stands.take_if(|before| before.is_better_than(&now.certificate)) {
            now = before;
            self.judged.taken_back(&now.build);
            (self.build, self.fell_back) = (now.build.clone(), now.fell_back.clone());
        }
        if let Some(wider) = self.wider_for_lives(&now) {
            self.build.bounds = wider;
            self.for_lives += 1;
            self.last = Some(now.solution.clone());
            self.stands = Some(now);
            return Ok(());
        }
        if !method.refines() {
            return Err(now.into());
        }
        // Few nodes are the cheap guess: where the economy itself shows that they are too few, which the solver's own rows do not see, there
        // are more of them.
        let finer = self
            .judged
            .finer(self.model, &now.problem, &now.solution, &now.certificate, &self.build);
        if let Some(finer) = finer {
            self.build = finer;
            self.last = Some(now.solution.clone());
            self.stands = Some(now);
            return Ok(());
        }
        let spikes = too_coarse(&now.certificate) && spikes(&now.certificate);
        if spikes && smears(self.model, &now.problem, &now.solution, &self.fell_back) {
            self.again = WIDENINGS + FOR_LIVES;
            self.fell_back = Some(linear_instead(
                "near kinks the value had spikes with cubic interpolation",
            ));
            self.last = Some(now.solution);
            self.stands = None;
            return Ok(());
        }
        Err(now.into())
    }

    /// Ends that the solver chose itself moved to where the economy's own lives and streaks go, where these fail the certificate: continuous shocks go
    /// further than the states of a chain that stand for them.
    fn wider_for_lives(&self, now: &JudgedSolution) -> Option<Vec<(String, f64, f64)>> {
        fault!("interpolation.grid_cut_short", do { return None; });
        let world = now.certificate.world.as_ref()?;
        let off = ["E0943", "E0944", "E0945", "E0946", "E0949", "E0969"];
        let fails = world.reasons.iter().any(|d| off.contains(&d.code.as_str()));
        if !fails || self.for_lives >= FOR_LIVES || world.reached.len() != now.problem.spec().states.len() {
            return None;
        }
        hold(self.model, &now.problem, &world.reached)
    }

    /// How far the policy leads, where the solver chose ends of grids; nothing where draws are finer than usual: rules with more nodes have rarer
    /// worst draws, and ends are those that the usual rules ask for.
    ///
    /// # Errors
    /// Those of the policy.
    fn far(&self, now: &JudgedSolution) -> Result<Option<Reach>, Diagnostic> {
        if self.build.draws > 0 || self.model.horizon.is_some() || now.problem.open_ends.is_empty() {
            return Ok(None);
        }
        let simulation = settings(self.model, &now.problem, self.options.seed);
        reach(self.model, &now.problem, &now.solution, &simulation).map(Some)
    }
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

/// The deterministic steady state by names: states, then actions.
fn named(still: &Option<(Vec<String>, SteadyState)>) -> Vec<(String, f64)> {
    let all = still.iter().flat_map(|(names, s)| {
        let values = s.states.iter().chain(&s.actions).copied();
        names.iter().cloned().zip(values)
    });
    all.collect()
}

impl JudgedSolution {
    /// As it is handed over.
    fn solved(mut self, model: &Model, options: &Request, still: &Option<(Vec<String>, SteadyState)>) -> Solved {
        hints::agree(model, &self.solution, &mut self.certificate);
        hints::units(&self.solution, &mut self.certificate);
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
            ahead: Vec::new(),
        }
    }
}
