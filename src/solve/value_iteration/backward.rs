//! Finite horizons: backward from a value of zero after the last period.

use super::improve::improve;
use super::{ValueIterationOptions, cancelled, finish, sizes};
use crate::diag::Diagnostic;
use crate::solve::bellman::{Bellman, Continuation};
use crate::solve::lost::not_a_number;
use crate::solve::progress::{Control, Progress, Watch, found, kept};
use crate::solve::solution::{Record, Solution};

/// Solves `periods` periods.
///
/// # Errors
/// Those of an improvement; E0903, E0904, E0905, E0906.
pub(super) fn backward(
    bellman: &Bellman,
    periods: usize,
    options: &ValueIterationOptions,
    progress: &mut dyn Watch,
) -> Result<Solution, Diagnostic> {
    let size = bellman.nodes() * bellman.shocks();
    let na = bellman.problem.spec().actions.len();
    let arrays = 1.0 + na as f64 + bellman.combos.len() as f64 * f64::from(u8::from(bellman.taste.is_some()));
    crate::solve::bellman::fits_grid(
        size as f64 * periods as f64 * arrays * crate::solve::bellman::NUMBER_BYTES,
        &sizes(bellman),
    )
    .map_err(|d| d.note(format!("over {periods} periods")))?;
    crate::num::grid::fits(&[size, periods, na + 2], 8, crate::num::grid::DEFAULT_LIMIT)
        .map_err(|e| Diagnostic::error("E0904", e.to_string()))?;
    if periods == 0 {
        return Err(Diagnostic::error("E0905", "a horizon needs at least one period"));
    }
    let mut value = vec![0.0; size * periods];
    let mut policy = vec![vec![0.0; size * periods]; na];
    let mut probability: Vec<Vec<f64>> = vec![Vec::new(); periods];
    // Filled from the last period to the first.
    let mut given: Vec<Vec<Vec<f64>>> = Vec::new();
    let mut worth: Vec<Vec<f64>> = vec![Vec::new(); periods];
    let mut continuation = Continuation::default();
    let mut before: Option<Vec<Vec<f64>>> = None;
    let mut open = periods;
    type Standing = (
        usize,
        Vec<f64>,
        Vec<Vec<f64>>,
        Vec<Vec<f64>>,
        Vec<Vec<f64>>,
        Vec<Vec<Vec<f64>>>,
    );
    if let Some(standing) = found::<Standing>(progress).filter(|s| s.0 < periods && s.1.len() == size * periods) {
        (open, value, policy, probability, worth, given) = standing;
        let here = open * size..(open + 1) * size;
        bellman.continuation(&bellman.tensor, &value[here.clone()], &mut continuation);
        before = Some(policy.iter().map(|all| all[here.clone()].to_vec()).collect());
    }
    for time in (0..open).rev() {
        let improved = improve(
            bellman,
            &continuation,
            time,
            before.as_deref(),
            options.search,
            false,
            None,
        )?;
        if improved.value.iter().any(|v| !v.is_finite()) {
            let when = format!("in period {time}");
            return Err(not_a_number(bellman, &improved.value, &improved.policy, time, &when));
        }
        let here = time * size..(time + 1) * size;
        value[here.clone()].copy_from_slice(&improved.value);
        for (all, now) in policy.iter_mut().zip(&improved.policy) {
            all[here.clone()].copy_from_slice(now);
        }
        probability[time] = improved.probability;
        worth[time] = improved.worth;
        given.push(improved.given);
        bellman.continuation(&bellman.tensor, &improved.value, &mut continuation);
        before = Some(improved.policy);
        let report = Progress {
            iteration: periods - time,
            of: periods,
            error: f64::NAN,
            target: options.tolerance,
        };
        progress.standing(&|| kept(&(time, &value, &policy, &probability, &worth, &given)));
        if progress.report(report) == Control::Cancel {
            return Err(cancelled());
        }
    }
    let record = Record {
        iterations: periods,
        ..Record::default()
    };
    let solution = finish(bellman, options, periods, value, policy, probability.concat(), record);
    let of = |a: usize| -> Vec<f64> { given.iter().rev().filter_map(|g| g.get(a)).flatten().copied().collect() };
    Ok(Solution {
        worth: worth.concat(),
        given: if given.iter().all(Vec::is_empty) {
            Vec::new()
        } else {
            (0..na).map(of).collect()
        },
        ..solution
    })
}
