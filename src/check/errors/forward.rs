//! Prices that look a period ahead.

use super::err;
use crate::diag::{Diagnostic, Span};
use crate::graph::Interval;

pub(in crate::check) fn expect_elsewhere(span: Span, nested: bool) -> Diagnostic {
    let d = err("E0858", "`expect(..)` belongs in a forward price");
    match nested {
        true => d
            .at(span, "an expectation of an expectation")
            .hint("make the inner one a forward price of its own, `forward price e = expect(..)`, and read e'"),
        false => d
            .at(
                span,
                "what is expected of tomorrow's choices is known to a solution only",
            )
            .hint("give it a name: `forward price e = expect(..)`, and read `e` here"),
    }
}

pub(in crate::check) fn expect_of_several(shape: &str, span: Span) -> Diagnostic {
    err("E0858", "an expectation is one number")
        .at(span, format!("this has one for each of {shape}"))
        .hint("name one of them, or reduce them: sum(..), mean(..)")
}

pub(in crate::check) fn forward_of_several(name: &str, shape: &str, span: Span) -> Diagnostic {
    err("E0858", format!("the forward price `{name}` is one number"))
        .at(span, format!("its expression has one for each of {shape}"))
        .hint("declare one forward price for each")
}

pub(in crate::check) fn forward_without_expect(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0858", format!("`{name}` does not look ahead"))
        .at(span, "no `expect(..)` in it")
        .and(declared, "declared as a forward price")
        .hint("write `price` in place of `forward price`, or take the expectation: expect(x')")
}

pub(in crate::check) fn forward_start(span: Span) -> Diagnostic {
    err("E0858", "the first guess of a forward price is a number")
        .at(span, "drawn at random")
        .hint("write a number, `start 1`")
}

pub(in crate::check) fn schedule_named_as_function(name: &str, span: Span) -> Diagnostic {
    err("E0869", format!("`{name}(..)` is a function already"))
        .at(span, "a schedule of this name could not be told from it")
        .hint("give the price another name")
}

pub(in crate::check) fn schedule_without_place(
    name: &str,
    states: &[String],
    span: Span,
    declared: Span,
) -> Diagnostic {
    let at: Vec<String> = states
        .iter()
        .map(|s| s.replace('\'', "_next").replace('.', "_"))
        .collect();
    err("E0869", format!("`{name}` is a schedule over {}", states.join(", ")))
        .at(span, "read without saying where")
        .and(declared, "declared here")
        .hint(format!(
            "say where these states will stand, in this order: {name}({})",
            at.join(", ")
        ))
}

pub(in crate::check) fn schedule_of_tomorrow(name: &str, span: Span, declared: Span) -> Diagnostic {
    err(
        "E0869",
        format!("`{name}` is today's schedule, and this place is known tomorrow"),
    )
    .at(span, "tomorrow's number")
    .and(declared, "declared here")
    .hint(format!(
        "give what is read tomorrow a name of its own, `let x = {name}(..)`, and write x' here"
    ))
}

pub(in crate::check) fn schedule_of_several(name: &str, shape: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0869", format!("`{name}` is read at one place at a time"))
        .at(span, format!("this has one number for each of {shape}"))
        .and(declared, "declared here")
        .hint("name one of them")
}

pub(in crate::check) fn schedule_beyond(
    (name, state): (&str, &str),
    own: Interval,
    domain: Interval,
    span: Span,
    declared: Span,
) -> Diagnostic {
    let whole = domain.integer && !own.integer;
    let d = err("E0869", format!("`{name}` is not known everywhere where it is read"));
    let d = match whole {
        true => d.at(span, "may lie between whole numbers"),
        false => d.at(span, format!("may be anything in {}", super::interval(own))),
    };
    d.and(
        declared,
        format!("a schedule over {state}, which lies in {}", super::interval(domain)),
    )
    .hint(match whole {
        true => "read it at a whole number".to_string(),
        false => format!(
            "bound what is read to the domain of the state: {name}(clamp(x, {}, {}))",
            domain.lo, domain.hi
        ),
    })
}

pub(in crate::check) fn schedule_over_what(name: &str, text: &str, span: Span) -> Diagnostic {
    err("E0869", format!("`{name}` runs over tomorrow's states"))
        .at(span, format!("`{text}` is none: no single state with a prime"))
        .hint("name a state with a prime, as in `forward price q(b') = expect(..)`; of an agent: agent.b'")
}

pub(in crate::check) fn forward_of_today(name: &str, schedule: bool, span: Span, declared: Span) -> Diagnostic {
    let d = err(
        "E0842",
        format!("`{name}` looks at its own price of today, not of tomorrow"),
    )
    .at(span, format!("today's `{name}`"))
    .and(declared, "a price that looks a period ahead");
    match schedule {
        false => d.hint(format!(
            "write tomorrow's price with a prime: {name}'; where today's is meant beside tomorrow's, read it through a definition"
        )),
        true => d.hint(format!(
            "give what is read tomorrow a name of its own, `let x = {name}(..)`, and write x' in its place; where today's is meant, read it through a definition, too"
        )),
    }
}
