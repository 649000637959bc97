//! Messages about what is known when (E05).

use super::{err, phase_words};
use crate::diag::{Diagnostic, Span};
use crate::graph::Phase;

pub(in crate::check) fn too_early(what: &str, span: Span, phase: Phase, chain: &[(String, Span)]) -> Diagnostic {
    let names: Vec<String> = chain.iter().map(|(n, _)| format!("`{n}`")).collect();
    let mut d = err("E0501", format!("{what} reads something known only later"))
        .at(span, format!("known in {}", phase_words(phase)));
    for (name, at) in chain {
        d = d.and(*at, format!("`{name}` is known then"));
    }
    if !names.is_empty() {
        d = d.note(format!("the chain of uses: {}", names.join(" -> ")));
    }
    d.hint("read what is dated (states, shocks, prices that depend on them alone); for last period's value declare a state that carries it, or last(x)")
}

/// The end of a range of choices that is settled by what is chosen; `name` is the action, `upper` says which end, `text` what it reads.
pub(in crate::check) fn bound_too_early(d: Diagnostic, name: &str, upper: bool, text: &str) -> Diagnostic {
    let name = name.rsplit('.').next().unwrap_or(name);
    let sign = if upper { "<=" } else { ">=" };
    d.hint(format!(
        "what rests on other choices is a line of its own: `require {name} {sign} {text}`, with a number that is always wide enough as the bound of `{name}`"
    ))
}

/// An observation of what is drawn only after acting.
pub(in crate::check) fn observes_noise(d: Diagnostic, noise: &str) -> Diagnostic {
    d.hint(format!(
        "a `noise` is drawn after acting: declare what disturbs a signal as a shock, `shock {noise} ~ iid normal(0, 1)`, and observe the sum alone; or carry the noise over in a state"
    ))
}

/// An observation of what was chosen between two stages at which an agent acts.
pub(in crate::check) fn observes_own_stage(d: Diagnostic, agent: &str) -> Diagnostic {
    d.hint(format!(
        "an agent sees the same at all its stages: let a second agent with the reward of `{agent}` choose at the later stage, and observe it there"
    ))
}

pub(in crate::check) fn leaks(what: &str, span: Span, hidden: &str, declared: Span, agent: &str) -> Diagnostic {
    err(
        "E0501",
        format!("{what} reads `{hidden}`, which `{agent}` does not observe"),
    )
    .at(span, "would reveal a value that it does not observe")
    .and(declared, "not among its observations")
    .hint(format!(
        "add `{hidden}` to `observe`, or bound it by something observed"
    ))
}

/// How the headline ends where definitions are nested too deep.
pub(in crate::check) const TOO_DEEP: &str = "too long a chain of definitions";

/// `shallow`: there was room for a small stack only, so that the model may be right.
pub(in crate::check) fn too_deep(name: &str, span: Span, shallow: bool) -> Diagnostic {
    if shallow {
        return err(
            "E0981",
            format!("there is too little memory for `{name}`: it rests on {TOO_DEEP}"),
        )
        .at(span, "the stack has no room for more levels")
        .note("checking a model reserves 512 MB of address space for its stack, of which it uses little")
        .hint("raise the limit on address space: ulimit -v 1200000, or ulimit -v unlimited");
    }
    err("E0502", format!("`{name}` rests on {TOO_DEEP}"))
        .at(span, "more definitions follow from here")
        .hint("declare a name before it is read, or write the chain as an array or a state")
}

pub(in crate::check) fn circle(chain: &[(String, Span)], span: Span) -> Diagnostic {
    let mut names: Vec<String> = chain.iter().map(|(n, _)| n.clone()).collect();
    if let Some(first) = names.first().cloned() {
        names.push(first);
    }
    let mut d = err("E0502", format!("a circle of definitions: {}", names.join(" -> "))).at(span, "closes here");
    for (name, at) in chain {
        d = d.and(*at, format!("`{name}`"));
    }
    d.hint("carry one of them over from last period as a state, or let a market find it: price p clears a == b")
}

pub(in crate::check) fn circle_through_past(name: &str, past: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0502", format!("`{name}` is defined by its own past, `{past}`"))
        .at(span, "its own past value defines it")
        .and(declared, "defined here")
        .hint(format!(
            "say where it lies and where it starts: state {name} in [lo, hi], start x0 and {name}' = .., with `{name}` for the past value"
        ))
}

pub(in crate::check) fn drawn_constant(name: &str, span: Span, scenario: Option<Span>) -> Diagnostic {
    let d = err("E0405", format!("`{name}` cannot stand here: a scenario changes it"))
        .at(span, "needs a number that is the same in every scenario");
    let d = match scenario {
        Some(at) => d.and(at, "changed here"),
        None => d,
    };
    d.hint(format!(
        "sizes and periods are not drawn: give it a plain number in the scenario, or run each value, --set {name}=1..5:5"
    ))
}

pub(in crate::check) fn solve_circle(what: &str, span: Span, param: &str, declared: Option<Span>) -> Diagnostic {
    let mut d = err(
        "E0503",
        format!("`{what}` needs `{param}`, which is found by solving a model that contains `{what}`"),
    )
    .at(span, "part of the model that is solved");
    if let Some(at) = declared {
        d = d.and(at, "the result of a solve");
    }
    d.hint("use it in starts, grids, observations, scenarios and settings only; a domain and its grid are two things: in [0, 10] on grid(..)")
}

pub(in crate::check) fn prime_too_early(name: &str, place: &str, span: Span) -> Diagnostic {
    err(
        "E0504",
        format!(
            "`{name}'` is next period's value, {} cannot read it",
            if place.is_empty() { "this place" } else { place }
        ),
    )
    .at(span, "not known yet")
    .hint(format!("read `{name}`"))
}

pub(in crate::check) fn shock_prime(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0504", format!("`{name}'` is drawn after rewards are paid"))
        .at(span, "only transitions, `given` and `end when` may read it")
        .and(declared, "the shock")
        .hint(format!("write `{name}`, which is known when choosing"))
}

pub(in crate::check) fn no_prime(name: &str, what: &str, span: Span) -> Diagnostic {
    err("E0505", format!("`{name}` has no next value"))
        .at(span, format!("{what}: only states and shocks have one"))
        .hint(format!("write `{name}`, or declare a state that carries it"))
}
