//! Settings of `solve { }` that have no effect, as the method that was chosen does not read them.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::equilibrium::EquilibriumMethod;
use crate::solve::methods::{self, Any};

/// Settings that have no effect with a method that reads `keys`: an error for those of another method, a warning for those that a horizon makes idle, and
/// for those of the file where the method was `asked` for beside it (`--method`).
///
/// # Errors
/// E0808.
pub(super) fn unread(
    model: &Model,
    (method, keys): (&str, &[&str]),
    asked: bool,
) -> Result<Option<Diagnostic>, Diagnostic> {
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
        let of_the_file = span.file < crate::check::TYPED;
        if asked && of_the_file {
            let headline = format!("`{key}` has no effect with `--method {method}`");
            return Ok(Some(
                Diagnostic::warning("W0825", headline)
                    .at(*span, "this method does not read it")
                    .note(format!("it is read by {}", readers.join(" or "))),
            ));
        }
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
pub(super) fn unjudged(model: &Model, method: &dyn EquilibriumMethod) -> Result<(), Diagnostic> {
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
