//! Solving a model and judging the solution: what `econc solve` does between compiling and reporting.
//!
//! [`solve`] looks who decides. Where it is one, `one.rs` builds the problem, has the method solve it, has `verify` judge it, and begins again with wider or
//! finer grids where the file leaves them open and the verdict asks for it (`ends.rs`, `reach.rs`, `finer.rs`), within a share of `work.rs`. Where several decide,
//! `several.rs` has an equilibrium found and judged. [`compared`] sets methods against one another.

pub mod compared;
mod ends;
mod finer;
mod forward;
mod hints;
mod idle;
mod one;
mod reach;
pub mod rest;
mod several;
pub mod transition;
mod unclear;
mod work;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod lives_tests;
#[cfg(test)]
mod narrow_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod units_tests;
#[cfg(test)]
mod widen_tests;

pub use crate::verify::solved::Solved;

use crate::check::Model;
use crate::check::conduct::{CONCEPTS, INFORMATION};
use crate::check::settings::unknown_word;
use crate::diag::Diagnostic;
use crate::solve::economy::Economy;
use crate::solve::method::word;
use crate::solve::methods;
use crate::solve::progress::Watch;

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
/// # Errors
/// E0804 for a method or concept that does not exist, E0808 for a key that the method does not read, E0810 and E0827 for a model
/// that no method takes, those of [`crate::solve::decision::Decision::new`], of the method (E0901 to E0906) and of the certificate.
pub fn solve(model: &Model, options: &Request, progress: &mut dyn Watch) -> Result<Solved, Vec<Diagnostic>> {
    asked(options).map_err(|d| vec![d])?;
    let model = model.as_asked(options.concept.as_deref(), options.information.as_deref());
    if crate::solve::forward::open(&model) {
        return forward::solve(&model, options, progress);
    }
    // Of many who do not meet a few are enough to solve for one and to judge him.
    // The same of many who are alike.
    let few = Economy::of(&model).ok().and_then(|e| e.few().or_else(|| e.alike()));
    let model = few.unwrap_or(model);
    let by_name = options.method.clone().or_else(|| word(&model, "method"));
    let economy = Economy::of(&model).map_err(|d| vec![d])?;
    match methods::for_several(&economy, by_name.as_deref()).map_err(|d| vec![d])? {
        Some(method) => several::solve(&model, &economy, method, options, progress),
        None => one::solve(&model, by_name.as_deref(), options, progress),
    }
}
