//! The certificate of every equilibrium of a game without states that was found: each is played, and one that fails is left out.

use super::one_shot;
use crate::check::Model;
use crate::diag::{Diagnostic, plain};
use crate::solve::economy::Economy;
use crate::solve::equilibrium::Found;
use crate::solve::solution::Solution;
use crate::verify::grid::Certificate;

/// Judges all equilibria that were found and takes those out that fail, unless all do. The certificate is that of the first which holds, with
/// the gains of all; of one that was selected and fails, it is its own.
///
/// # Errors
/// Those of a simulation, where no equilibrium holds.
pub(super) fn judge(model: &Model, economy: &Economy, found: &mut Found, seed: u64) -> Result<Certificate, Diagnostic> {
    let selected = model.solve_settings().and_then(|s| s.get("select")).is_some();
    let mut held: Vec<(Solution, Certificate)> = Vec::new();
    let mut failed: Vec<(Solution, Result<Certificate, Diagnostic>)> = Vec::new();
    let all = std::iter::once(found.solution.clone()).chain(std::mem::take(&mut found.others));
    for (k, solution) in all.enumerate() {
        crate::limits::doing(format!("certificate of equilibrium {}", k + 1));
        let certificate = one_shot::judge(model, economy, &solution, seed, held.is_empty());
        match certificate {
            Ok(c) if c.passed => held.push((solution, c)),
            other => failed.push((solution, other)),
        }
        if k == 0 && selected && held.is_empty() {
            break;
        }
    }
    let count = held.len() + failed.len();
    if held.is_empty() {
        let (_, first) = failed.remove(0);
        let mut certificate = first?;
        if count > 1 {
            certificate.reasons.push(
                Diagnostic::error(
                    "E0978",
                    format!("all {count} profiles that were found fail their certificates"),
                )
                .note("the reasons above are those of the first"),
            );
        }
        stated(&mut certificate, found, count, Vec::new());
        return Ok(certificate);
    }
    let gains = held.iter().map(|(_, c)| largest(c)).collect();
    let mut rest = held.into_iter();
    let Some((solution, mut certificate)) = rest.next() else {
        return Err(Diagnostic::error("E0990", "no equilibrium is left to judge"));
    };
    found.solution = solution;
    found.others = rest.map(|(s, _)| s).collect();
    for (solution, why) in failed {
        certificate.reasons.push(left_out(&solution, why));
    }
    stated(&mut certificate, found, 1 + found.others.len(), gains);
    Ok(certificate)
}

/// The largest gain of anybody from choosing otherwise.
fn largest(certificate: &Certificate) -> f64 {
    let players = certificate.equilibrium.iter().flat_map(|e| &e.players);
    players.map(|p| p.one_shot).fold(0.0, f64::max)
}

/// Writes into a certificate how equilibria were looked for, and how many are there.
fn stated(certificate: &mut Certificate, found: &Found, count: usize, gains: Vec<f64>) {
    if let Some(e) = &mut certificate.equilibrium {
        e.searches = found.searches;
        e.scope.clone_from(&found.scope);
        e.found = count;
        e.gains = gains;
    }
}

/// That an equilibrium which was found is left out.
fn left_out(solution: &Solution, why: Result<Certificate, Diagnostic>) -> Diagnostic {
    let numbers = solution.actions.iter().zip(&solution.policy);
    let does = numbers.map(|(a, p)| match p.as_slice() {
        [x] => format!("{} = {x:.6}", a.name, x = plain(x)),
        _ => a.name.clone(),
    });
    let does: Vec<String> = does.collect();
    let d = Diagnostic::warning(
        "W0978",
        "a profile that was found fails its certificate and is left out",
    )
    .note(does.join(", "));
    let reasons = match why {
        Err(e) => vec![e],
        Ok(c) => c.reasons,
    };
    reasons.iter().take(2).fold(d, |d, r| d.note(r.headline.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::economy::Economy;
    use crate::solve::equilibrium::EquilibriumMethod;

    /// A profile that is no equilibrium among those that were found is seen, whichever place it has.
    #[test]
    fn a_profile_that_fails_is_left_out_and_said() {
        let text = "agent p[2] { action x in {l, r}; let s = if x == l then 1 else 0; reward if n == 2 then 2 else if n == 0 then 1 else 0 }\n\
            market m { let n = sum(p.s) }\nsolve { concept = nash; find = all }\n";
        let (model, found) = crate::compile(text, &crate::Options::default());
        let model = model.unwrap_or_else(|| panic!("{found:?}"));
        let economy = Economy::of(&model).unwrap();
        let method = crate::solve::equilibrium::one_shot::OneShot;
        let right = method
            .solve(&economy, 1, &mut crate::solve::progress::silent)
            .unwrap_or_else(|d| panic!("{d:?}"));
        assert_eq!(right.others.len(), 2, "both left, both right, and a mixture");
        let judged = |broken: &[usize]| {
            let mut found = Found {
                solution: right.solution.clone(),
                others: right.others.clone(),
                searches: right.searches,
                scope: right.scope.clone(),
                discretised: Vec::new(),
                steady_state: Vec::new(),
                perceived: None,
                population: None,
            };
            for k in broken {
                let s = if *k == 0 {
                    &mut found.solution
                } else {
                    &mut found.others[k - 1]
                };
                // What each does is mixed with chances that leave nobody indifferent.
                s.mixed.iter_mut().for_each(|m| *m = vec![0.9, 0.1]);
            }
            let certificate = judge(&model, &economy, &mut found, 1).unwrap();
            (found, certificate)
        };
        let (found, c) = judged(&[]);
        let e = c.equilibrium.unwrap();
        assert!(c.passed && c.reasons.is_empty() && found.others.len() == 2);
        assert!(e.gains.len() == 3 && e.gains.iter().all(|g| *g < 1e-6), "{:?}", e.gains);
        for k in 0..3 {
            let (found, c) = judged(&[k]);
            assert!(c.passed && found.others.len() == 1, "{k}");
            assert!(c.reasons.iter().any(|d| d.code == "W0978"), "{k}: {:?}", c.reasons);
            assert_eq!(c.equilibrium.map(|e| e.found), Some(2));
        }
        let (_, c) = judged(&[0, 1, 2]);
        assert!(
            !c.passed && c.reasons.iter().any(|d| d.code == "E0978"),
            "{:?}",
            c.reasons
        );
    }
}
