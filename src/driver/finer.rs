//! Finer grids, chains and draws where the file leaves them open: because residuals are too large, or because the economy itself shows errors.

use super::work::Work;
use crate::check::Model;
use crate::check::model::Process;
use crate::diag::Diagnostic;
use crate::solve::bellman::Interpolation;
use crate::solve::decision::{self, Decision};
use crate::solve::method::word;
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::solve::solution::Solution;
use crate::verify::grid::Certificate;
use crate::verify::world::{self, ProofRow, Scale};

/// Most grid points of a finer grid, all shocks counted.
const FINEST: usize = 300_000;
/// What more nodes must make of the largest error in the economy (its distance from the limit, log10) for still more to be worth while.
const GAIN: f64 = 0.1;
/// How often grids that the file leaves open are made finer because the economy shows that they are too coarse, and most branches (grid points,
/// shock states and nodes of noises together) of those.
const FINER_GRIDS: usize = 2;
const BRANCHES: f64 = 400_000.0;
/// Most joint states of chains that the file leaves open, and how often they are made finer.
const MOST_LINKS: f64 = 2000.0;
const FINEST_CHAINS: usize = 8;
/// Most products of chances and values in one sweep: grid points times joint states, squared.
const PRODUCTS: f64 = 1.8e8;

/// A solution that was judged to the end and stands while something finer is tried.
pub(super) struct JudgedSolution {
    pub(super) problem: Decision,
    pub(super) solution: Solution,
    pub(super) certificate: Certificate,
    pub(super) build: decision::ProblemOptions,
    pub(super) fell_back: Option<Diagnostic>,
}

impl JudgedSolution {
    pub(super) fn new(
        (problem, solution): (Decision, Solution),
        certificate: Certificate,
        (build, fell_back): (&decision::ProblemOptions, &Option<Diagnostic>),
    ) -> JudgedSolution {
        JudgedSolution {
            problem,
            solution,
            certificate,
            build: build.clone(),
            fell_back: fell_back.clone(),
        }
    }

    /// Whether what was made finer is worse: it fails in another way than by being too coarse, or fails a row that held and is no closer to passing.
    pub(super) fn is_better_than(&self, finer: &Certificate) -> bool {
        if finer.passed {
            return false;
        }
        let rows = |c: &Certificate| -> Vec<(String, Option<bool>)> {
            let all = c.world.iter().flat_map(|w| &w.proofs);
            all.map(|p| (p.name.clone(), p.holds)).collect()
        };
        let held = rows(&self.certificate);
        let lost = |name: &String| held.contains(&(name.clone(), Some(true)));
        let anew = rows(finer).iter().any(|(name, h)| *h == Some(false) && lost(name));
        !too_coarse(finer) || anew && excess(finer) >= excess(&self.certificate)
    }

    /// Says that it was not made finer, as that would take too long.
    pub(super) fn dear(mut self, work: &Work) -> JudgedSolution {
        let more = work.more();
        for d in &mut self.certificate.reasons {
            if d.severity == crate::diag::Severity::Error {
                d.notes.push(DEAR.into());
                d.hint = Some(match d.hint.take() {
                    Some(hint) => format!("{hint}; or {more}"),
                    None => more.clone(),
                });
            }
        }
        self
    }

    /// Says that its grid should be wider and that finding out how wide would take too long.
    pub(super) fn narrow(self, work: &Work) -> JudgedSolution {
        let mut dear = self.dear(work);
        if dear.certificate.passed {
            dear.certificate.passed = false;
            let near = dear.certificate.near.iter().map(|s| s.share).fold(0.0, f64::max);
            let row = ProofRow {
                name: "ends of the grid far enough away".into(),
                value: near,
                scale: Scale::Share,
                limit: None,
                holds: Some(false),
                note: "time close to one; wider ends take more work than is allowed".into(),
            };
            dear.certificate.world.get_or_insert_default().proofs.push(row);
            let headline = "where the grid must end is not known: finding that out takes more work than is allowed";
            let d = Diagnostic::error("E0936", headline)
                .note("simulated lives come close to ends of the grid, and with wider ones go further");
            dear.certificate.reasons.push(d.hint(format!(
                "fix the grid in the file, grid.NAME = log(lo, hi, n); or {}",
                work.more()
            )));
        }
        dear
    }
}

/// What is said of a solution that could be finer.
const DEAR: &str =
    "nothing is made finer unasked where that would take so long; what the file says is done, however long it takes";

/// What can be made finer where the file leaves it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lever {
    Chains,
    /// Chains between the usual ones and finer ones that were taken back.
    Halfway,
    Draws,
    Grids,
}

const LEVERS: [Lever; 4] = [Lever::Chains, Lever::Halfway, Lever::Draws, Lever::Grids];

/// What was made finer because the economy itself shows errors, and what it brought.
#[derive(Default)]
pub(super) struct Judged {
    /// The last lever, and how far each row was from its limit before it was used.
    last: Option<(Lever, Vec<(String, f64)>)>,
    /// How far residuals on the solver's own chain were from their limits before the last finer grid.
    before: Option<Vec<(String, f64)>>,
    /// Levers that brought nothing.
    idle: Vec<Lever>,
    /// How often grids were made finer.
    grids: usize,
    /// Whether the first finer chains were taken back.
    halfway: bool,
}

impl Judged {
    /// Finer settings, if the economy says that values are off and nothing else is wrong: chains first, then rules over draws, then grids. `None`
    /// if there is nothing left that helps and is affordable.
    pub(super) fn finer(
        &mut self,
        model: &Model,
        problem: &Decision,
        solution: &Solution,
        certificate: &Certificate,
        build: &decision::ProblemOptions,
    ) -> Option<decision::ProblemOptions> {
        if !too_coarse(certificate) {
            return None;
        }
        let rows = rows(certificate);
        if let Some((lever, before)) = self.last.take()
            && !closer(&before, &rows)
        {
            self.idle.push(lever);
        }
        // Spikes stand between the nodes of a grid, and no chain or rule moves them.
        let mut levers = LEVERS.to_vec();
        if spikes(certificate) {
            levers.rotate_right(1);
            if certificate.world.as_ref().is_some_and(|w| w.passed()) {
                levers.truncate(1);
            }
        }
        for lever in levers {
            if let Some(finer) = self.with(lever, model, problem, solution, build) {
                self.last = Some((lever, rows));
                self.grids += usize::from(lever == Lever::Grids);
                return Some(finer);
            }
        }
        None
    }

    /// Whether anything can be made finer.
    pub(super) fn could(
        &self,
        model: &Model,
        problem: &Decision,
        solution: &Solution,
        build: &decision::ProblemOptions,
    ) -> bool {
        let with = |lever: &Lever| self.with(*lever, model, problem, solution, build);
        LEVERS.iter().any(|lever| with(lever).is_some())
    }

    /// Settings with one thing finer, where that is left and affordable.
    fn with(
        &self,
        lever: Lever,
        model: &Model,
        problem: &Decision,
        solution: &Solution,
        build: &decision::ProblemOptions,
    ) -> Option<decision::ProblemOptions> {
        if self.idle.contains(&lever) {
            return None;
        }
        let mut finer = build.clone();
        match lever {
            Lever::Chains => finer.fineness = finer_chains(model, problem, solution, build.fineness)?,
            Lever::Halfway if self.halfway && !build.halfway => finer.halfway = true,
            Lever::Draws if problem.coarse_draws => finer.draws += 1,
            Lever::Halfway | Lever::Draws => return None,
            Lever::Grids => finer.nodes = self.finer_grids(problem, solution)?,
        }
        Some(finer)
    }

    /// More nodes for grids of unspecified size, if residuals on the solver's own chain are all that is wrong, the last more nodes made them smaller,
    /// and still more are affordable: twice as many, with linear interpolation of one state four times (its error falls with the square of the
    /// distance only).
    pub(super) fn residuals(
        &mut self,
        problem: &Decision,
        solution: &Solution,
        c: &Certificate,
        work: &Work,
    ) -> Option<usize> {
        let errors = || c.reasons.iter().filter(|d| d.severity == crate::diag::Severity::Error);
        if errors().next().is_none() || !errors().all(|d| ["E0911", "E0912", "E0914"].contains(&d.code.as_str())) {
            return None;
        }
        let how = format!("{:?}", solution.interpolation);
        let now: Vec<(String, f64)> = [
            ("Euler", c.euler.as_ref().map(|q| q.p99), c.thresholds.euler),
            ("Bellman", c.bellman.as_ref().map(|q| q.p99), c.thresholds.bellman),
            ("gain", c.deviation.as_ref().map(|q| q.max), c.thresholds.deviation),
        ]
        .into_iter()
        .filter_map(|(name, x, limit)| Some((format!("{name} {how}"), x? - limit)))
        .collect();
        // With the other interpolation everything is measured anew.
        let same = |before: &[(String, f64)]| before.iter().any(|(n, _)| now.iter().any(|(m, _)| n == m));
        let brought = self.before.as_deref().is_none_or(|b| !same(b) || closer(b, &now));
        self.before = Some(now);
        if !brought {
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
        let size =
            spec.states.iter().map(|s| axis(&s.kind) as f64).product::<f64>() * spec.chain.transition.len() as f64;
        let before = solution.nodes() as f64 * spec.chain.transition.len() as f64;
        (size <= FINEST as f64 && work.affords(problem.branches() * size / before)).then_some(nodes)
    }

    /// What the last lever made is taken back; `to` is how the problem is turned into numbers again.
    pub(super) fn taken_back(&mut self, to: &decision::ProblemOptions) {
        if let Some((lever, _)) = self.last.take() {
            self.halfway |= lever == Lever::Chains && to.fineness == 0;
            self.idle.push(lever);
        }
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
pub(super) fn spikes(certificate: &Certificate) -> bool {
    certificate.trusted.as_ref().is_some_and(|t| !t.spikes.is_empty())
}

/// How far numbers are from their limits, in powers of ten: those of the economy, and spikes of the value.
fn rows(certificate: &Certificate) -> Vec<(String, f64)> {
    let rows = certificate.world.iter().flat_map(|w| &w.proofs);
    let rows = rows.filter(|p| p.scale == world::Scale::Log);
    let spikes = certificate.trusted.iter().flat_map(|t| &t.spikes);
    rows.filter_map(|p| Some((p.name.clone(), p.value - p.limit?)))
        .chain(spikes.map(|(_, size)| ("spikes".to_string(), size.log10() - certificate.thresholds.bellman)))
        .collect()
}

/// How far the worst number is beyond its limit, in powers of ten.
fn excess(certificate: &Certificate) -> f64 {
    rows(certificate).iter().map(|r| r.1).fold(0.0, f64::max)
}

/// Whether the worst number beyond its limit is closer to it than before, of what was measured both times.
fn closer(before: &[(String, f64)], now: &[(String, f64)]) -> bool {
    let worst = |of: &[(String, f64)], also: &[(String, f64)]| {
        let both = of
            .iter()
            .filter(|(n, _)| also.iter().any(|(m, _)| n == m) || n == "spikes");
        both.map(|r| r.1).fold(0.0, f64::max)
    };
    worst(now, before) < worst(before, now) - GAIN
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
    let points = solution.nodes() as f64 * chain;
    (open && points <= FINEST as f64 && chain <= MOST_LINKS && points * chain <= PRODUCTS).then_some(next)
}

/// Whether values or policies are off in the economy itself, or values on the grid have spikes, and nothing else is wrong.
pub(super) fn too_coarse(certificate: &Certificate) -> bool {
    let coarse = |d: &&Diagnostic| ["E0944", "E0945", "E0946", "E0948", "E0949", "E0969"].contains(&d.code.as_str());
    let mut errors = (certificate.reasons.iter()).filter(|d| d.severity == crate::diag::Severity::Error);
    !certificate.passed && certificate.world.is_some() && errors.all(|d| coarse(&d))
}

/// Whether linear interpolation is left to be tried: a spline smears kinks of the value over several nodes.
pub(super) fn smears(model: &Model, problem: &Decision, solution: &Solution, fell_back: &Option<Diagnostic>) -> bool {
    let open = word(model, "interpolation").is_none() && fell_back.is_none();
    open && problem.spec().kinks && solution.interpolation == Interpolation::Cubic
}

pub(super) fn linear_instead(why: &str) -> Diagnostic {
    Diagnostic::warning("W0908", "solved with linear interpolation: the value has kinks")
        .note(why)
        .hint("`interpolation = linear` (or cubic) says in the file what is wanted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::world::{ProofRow, Scale, WorldCertificate};

    const SAVER: &str = "agent a {\n  state w in [0, 4], start 1\n  action c in (0, w + 1]\n  w' = w + 1 - c\n  observe w\n  reward log(c)\n  discount 0.9\n}\n";

    fn problem(options: &decision::ProblemOptions) -> Decision {
        let (model, found) = crate::compile(SAVER, &crate::Options::default());
        Decision::new(&model.unwrap_or_else(|| panic!("{found:?}")), options).unwrap_or_else(|d| panic!("{d:?}"))
    }

    /// A certificate with one error, of a code, and one row of the economy, that may hold.
    fn failing(code: &str, row: (f64, bool)) -> Certificate {
        let proof = ProofRow {
            name: "error of c, estimated".into(),
            value: row.0,
            scale: Scale::Log,
            limit: Some(-2.0),
            holds: Some(row.1),
            note: String::new(),
        };
        Certificate {
            reasons: vec![Diagnostic::error(code, "")],
            world: Some(WorldCertificate {
                proofs: vec![proof],
                ..WorldCertificate::default()
            }),
            ..Certificate::default()
        }
    }

    #[test]
    fn what_is_finer_and_fails_where_the_coarser_held_is_worse() {
        let problem = problem(&decision::ProblemOptions::default());
        let solution =
            crate::solve::value_iteration::solve(&problem, &Default::default(), &mut crate::solve::progress::silent);
        let stands = |certificate: Certificate| JudgedSolution {
            problem: self::problem(&decision::ProblemOptions::default()),
            solution: solution.clone().unwrap_or_else(|d| panic!("{d:?}")),
            certificate,
            build: decision::ProblemOptions::default(),
            fell_back: None,
        };
        let coarse = stands(failing("E0949", (-1.5, false)));
        // Closer, but not there: it is gone on from.
        assert!(!coarse.is_better_than(&failing("E0949", (-1.8, false))));
        // Residuals on the solver's own chain held before.
        assert!(coarse.is_better_than(&failing("E0911", (-2.2, true))));
        assert!(!coarse.is_better_than(&Certificate {
            passed: true,
            ..failing("E0911", (-2.2, true))
        }));
        // A row of the economy that held fails.
        assert!(stands(failing("E0944", (-2.5, true))).is_better_than(&failing("E0949", (-1.5, false))));
        let said = coarse.dear(&Work::default());
        assert!(said.certificate.reasons[0].notes.iter().any(|n| n == DEAR));
    }

    #[test]
    fn chains_that_were_taken_back_are_tried_once_half_way() {
        let mut judged = Judged {
            last: Some((Lever::Chains, Vec::new())),
            ..Judged::default()
        };
        judged.taken_back(&decision::ProblemOptions::default());
        assert!(judged.halfway && judged.idle == [Lever::Chains]);
        let mut later = Judged {
            last: Some((Lever::Chains, Vec::new())),
            ..Judged::default()
        };
        later.taken_back(&decision::ProblemOptions {
            fineness: 1,
            ..decision::ProblemOptions::default()
        });
        assert!(!later.halfway);
    }
}
