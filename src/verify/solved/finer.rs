//! Finer grids, chains and draws where the file leaves them open: because residuals are too large, or because the economy itself shows errors.

use crate::check::Model;
use crate::check::model::Process;
use crate::diag::Diagnostic;
use crate::solve::bellman::Interpolation;
use crate::solve::decision::{self, Decision};
use crate::solve::method::word;
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::solve::solution::Solution;
use crate::verify::grid::Certificate;
use crate::verify::world;

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

/// What can be made finer where the file leaves it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lever {
    Chains,
    Draws,
    Grids,
}

/// What was made finer because the economy itself shows errors, and what it brought.
#[derive(Default)]
pub(super) struct Judged {
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
    pub(super) fn finer(
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
pub(super) fn spikes(certificate: &Certificate) -> bool {
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
    let points = solution.nodes() as f64 * chain;
    (open && points <= FINEST as f64 && chain <= MOST_LINKS && points * chain <= PRODUCTS).then_some(next)
}

/// Whether values or policies are off in the economy itself, or values on the grid have spikes, and nothing else is wrong.
pub(super) fn too_coarse(certificate: &Certificate) -> bool {
    let coarse = |d: &&Diagnostic| ["E0944", "E0945", "E0946", "E0948", "E0949", "E0969"].contains(&d.code.as_str());
    let mut errors = (certificate.reasons.iter()).filter(|d| d.severity == crate::diag::Severity::Error);
    !certificate.passed && certificate.world.is_some() && errors.all(|d| coarse(&d))
}

/// More nodes for grids of unspecified size, if residuals are all that is wrong and the finer grid is affordable: twice as
/// many, with linear interpolation of one state four times (its error falls with the square of the distance only).
pub(super) fn finer(problem: &Decision, solution: &Solution, c: &Certificate) -> Option<usize> {
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
