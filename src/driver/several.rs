//! Several who decide: an equilibrium is found, judged, and handed over.

use super::idle::{unjudged, unread};
use super::unclear;
use super::{Request, Solved};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::economy::{Economy, untaken};
use crate::solve::equilibrium::{self, EquilibriumMethod};
use crate::solve::progress::Watch;
use crate::verify;

/// Solves and judges what is decided by several. `hidden` of the result names what policies use and is not observed, where `information = full` asks for
/// that.
///
/// # Errors
/// E0808 for keys that the method does not read, E0825 where somebody does not observe what matters; those of the method and of the certificate.
pub(super) fn solve(
    model: &Model,
    economy: &Economy,
    method: &'static dyn EquilibriumMethod,
    options: &Request,
    progress: &mut dyn Watch,
) -> Result<Solved, Vec<Diagnostic>> {
    let idle = unread(model, (method.name(), method.keys()), options.method.is_some()).map_err(|d| vec![d])?;
    unjudged(model, method).map_err(|d| vec![d])?;
    let found = equilibrium::find(economy, method, options.seed, progress);
    let (mut found, hidden) = found.map_err(|errors| unclear::with_the_market(model, errors))?;
    let warnings = &mut found.solution.record.warnings;
    warnings.extend(idle);
    warnings.extend(untaken::warning(economy));
    let certificate = verify::equilibrium::judge(model, economy, &mut found, options.seed, progress)?;
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
        ahead: Vec::new(),
    })
}
