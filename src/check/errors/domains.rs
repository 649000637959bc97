//! Messages about domains and constants (E04).

use super::{err, interval, num, phase_words};
use crate::diag::{Diagnostic, Span};
use crate::graph::{Interval, Phase};

pub(in crate::check) fn text_as_number(span: Span) -> Diagnostic {
    err("E0302", "a string is no number")
        .at(span, "used as one")
        .hint("leave the quotes out; strings are descriptions")
}

pub(in crate::check) fn range_as_number(span: Span) -> Diagnostic {
    err("E0302", "a range is no number")
        .at(span, "used as one")
        .hint("a range says where something lies: `in 1..3`; a member of it is bound: sum(i in 1..3: x[i])")
}

pub(in crate::check) fn empty_domain(lo: f64, hi: f64, span: Span) -> Diagnostic {
    err("E0401", format!("an empty domain: from {} to {}", num(lo), num(hi)))
        .at(span, "no number lies in it")
        .hint(match hi < lo {
            true => format!("the lower end comes first: `[{}, {}]`", num(hi), num(lo)),
            false => "the lower end comes first".to_string(),
        })
}

pub(in crate::check) fn start_outside(
    name: &str,
    have: Interval,
    want: Interval,
    span: Span,
    declared: Span,
) -> Diagnostic {
    err("E0402", format!("`{name}` can start outside its domain"))
        .at(span, format!("in {}", interval(have)))
        .and(declared, format!("in {}", interval(want)))
        .note(format!("start   {}", interval(have)))
        .note(format!("domain  {}", interval(want)))
        .hint("move the start inside, or widen the domain")
}

pub(in crate::check) fn random_start_unbounded(name: &str, domain: Interval, span: Span) -> Diagnostic {
    err("E0402", format!("`start random` for `{name}` on an unbounded domain"))
        .at(span, format!("the domain is {}", interval(domain)))
        .hint("say where: start uniform(a, b)")
}

pub(in crate::check) fn start_of_nothing(name: &str, span: Span) -> Diagnostic {
    err("E0402", format!("nothing here reads `{name}`"))
        .at(span, "no lag with this name")
        .hint("spell it as where it is read: observe last(p) goes with start last(p)")
}

pub(in crate::check) fn lag_without_start(name: &str, domain: Interval, span: Span) -> Diagnostic {
    let hint = if domain.lo.is_finite() && domain.hi.is_finite() {
        format!("write `start {name} uniform`, or `start {name} = ..`")
    } else {
        format!("write `start {name} = ..`")
    };
    err("E0402", format!("`{name}` has no first value"))
        .at(span, format!("a lag of a value in {}", interval(domain)))
        .hint(hint)
}

/// A value of a parameter outside its domain; `listed` are the values that the domain holds, any number, where it is a list.
pub(in crate::check) fn param_outside(
    name: &str,
    given: Interval,
    domain: Interval,
    listed: Option<&[f64]>,
    span: Span,
    declared: Span,
) -> Diagnostic {
    let per_cent = given
        .as_point()
        .filter(|x| listed.is_none() && *x > 1.0 && *x <= 100.0 && domain.contains(x / 100.0));
    let domain = match listed {
        Some(list) => format!("{{{}}}", list.iter().map(|x| num(*x)).collect::<Vec<_>>().join(", ")),
        None => interval(domain),
    };
    let (headline, label) = match given.as_point() {
        Some(x) => (format!("`{name}` = {} lies outside its domain", num(x)), num(x)),
        None => (format!("`{name}` can lie outside its domain"), interval(given)),
    };
    err("E0403", headline)
        .at(span, label)
        .and(declared, domain)
        .hint(match per_cent {
            Some(x) => format!(
                "percentages need the sign: {}%; or choose another value inside, or widen the domain",
                num(x)
            ),
            None => "choose a value inside, or widen the domain".to_string(),
        })
}

pub(in crate::check) fn domain_fault(word: &str, division: bool, x: f64, place: &str, span: Span) -> Diagnostic {
    let what = if division {
        format!("{word} can divide by zero")
    } else {
        format!("`{word}` of something that can reach {}", num(x))
    };
    Diagnostic::warning("W0404", what)
        .at(span, format!("{} at {place}", num(x)))
        .hint(if x == 0.0 {
            "open the action's interval, e.g. [0, 1), bound it, or say what is meant: max(x, 1e-8), require x > 0"
        } else {
            "bound the action by what there is, as in `action c in (0, wealth]`, or say what is meant: require x > 0, max(x, 1e-8)"
        })
}

pub(in crate::check) fn negative_scale_at(x: f64, place: &str, span: Span) -> Diagnostic {
    Diagnostic::warning("W0404", format!("the scale of this draw can be negative: {}", num(x)))
        .at(span, format!("{} at {place}", num(x)))
        .hint("keep it positive wherever the model allows: max(x, 0), or narrow the domain of what it is made of")
}

pub(in crate::check) fn law_leaves(name: &str, end: f64, next: Interval, domain: Interval, span: Span) -> Diagnostic {
    Diagnostic::warning(
        "W0406",
        format!("the law of `{name}` leaves its domain whatever is chosen"),
    )
    .at(span, format!("from {} it goes to {}", num(end), interval(next)))
    .note(format!("the domain is {}", interval(domain)))
    .hint(format!(
        "keep it inside, `{}' = clamp(.., {}, {})`, widen the domain, or say how it ends: `horizon T`, `end when ..`",
        name.rsplit('.').next().unwrap_or(name),
        num(domain.lo),
        num(domain.hi)
    ))
}

/// Two sides that are never equal; `values` are all that one of them takes, any number, where these are known.
pub(in crate::check) fn never_equal(
    span: Span,
    values: Option<&[f64]>,
    left: Interval,
    right: Interval,
    equal: bool,
) -> Diagnostic {
    let which = if equal { "never" } else { "always" };
    let d = Diagnostic::warning("W0405", format!("this comparison is {which} true"));
    match values {
        Some(values) => {
            let listed: Vec<String> = values.iter().take(6).map(|x| num(*x)).collect();
            d.at(span, format!("one side is one of {}", listed.join(", ")))
                .hint("compare with one of its values, or with a label: `Z == good`")
        }
        None => d
            .at(
                span,
                format!("{} on the left, {} on the right", interval(left), interval(right)),
            )
            .hint("compare with a value that it can take"),
    }
}

pub(in crate::check) fn truth_for_number(name: &str, declared: Span) -> Diagnostic {
    err("E0403", format!("`{name}` is a number, not true or false"))
        .at(declared, "declared as a number")
        .hint(format!("give it a number: --set {name}=0.5"))
}

pub(in crate::check) fn constant_domain_fault(word: &str, span: Span, x: f64) -> Diagnostic {
    err("E0404", format!("{word} is not a number"))
        .at(span, format!("its argument is {}", num(x)))
        .hint("change the numbers it is made of, or keep the argument inside: max(x, 1e-6)")
}

pub(in crate::check) fn not_constant(span: Span, phase: Phase, shaped: bool) -> Diagnostic {
    err("E0405", "a constant is needed here")
        .at(
            span,
            if shaped {
                "this has an axis".to_string()
            } else {
                format!("known only in {}", phase_words(phase))
            },
        )
        .hint("use parameters and numbers only")
}

/// Says of chances that move what draws may have such chances.
pub(in crate::check) fn chances_are_numbers(found: &mut [Diagnostic]) {
    for d in found.iter_mut().filter(|d| d.code == "E0405") {
        d.hint = Some(
            "chances of `discrete` are numbers and parameters; that of `noise x ~ bernoulli(p)` may depend on states and choices, and several such draws \
             make more outcomes"
                .into(),
        );
    }
}

pub(in crate::check) fn not_whole(x: f64, span: Span) -> Diagnostic {
    err("E0405", format!("a whole number is needed, not {}", num(x)))
        .at(span, num(x))
        .hint(if x.fract() == 0.0 {
            "name a larger number"
        } else {
            "round it: floor(..), ceil(..), a div b; an interval of all numbers is written [a, b]"
        })
}

/// A horizon that ends before it begins.
pub(in crate::check) fn no_horizon(h: i64, span: Span) -> Diagnostic {
    err("E0405", format!("a horizon of {h} periods"))
        .at(span, "a horizon is one period or more")
        .hint("write the number of periods, as in `horizon 80`; without a horizon the model goes on for ever")
}

pub(in crate::check) fn population_size(name: &str, x: f64, span: Span) -> Diagnostic {
    err("E0406", format!("a population of {} `{name}`", num(x)))
        .at(span, "a size is a whole number of at least one")
        .hint("for a fraction use `div`: N div 2; for a unit mass write [continuum]")
}

pub(in crate::check) fn population_too_large(name: &str, x: f64, span: Span) -> Diagnostic {
    err("E0406", format!("a population of {} `{name}`", num(x)))
        .at(span, format!("at most {} are possible", crate::check::MOST_MEMBERS))
        .hint("write fewer; for so many that each is negligible write [continuum]")
}

pub(in crate::check) fn members_from_one(span: Span) -> Diagnostic {
    err("E0406", "members count from one")
        .at(span, "starts elsewhere")
        .hint("write [i in 1..N]")
}

pub(in crate::check) fn bad_grid(span: Span) -> Diagnostic {
    err("E0408", "not a grid")
        .at(span, "a grid ascends and has at least one point")
        .hint("write grid(lo, hi, n) or [x1, x2, ..] in ascending order")
}

pub(in crate::check) fn grid_outside(name: &str, x: f64, domain: Interval, span: Span) -> Diagnostic {
    err(
        "E0408",
        format!("the grid of `{name}` has {}, which cannot be chosen", num(x)),
    )
    .at(span, format!("chosen in {}", interval(domain)))
    .hint("let the grid end where the bounds end, or widen the bounds")
}

pub(in crate::check) fn quantile_outside(x: f64, span: Span) -> Diagnostic {
    err("E0405", format!("a quantile at {}", num(x)))
        .at(span, "must lie in [0, 1]")
        .hint("quantile(x, 0.9) is the value below which nine tenths of the members lie")
}

pub(in crate::check) fn not_a_domain(word: &str, what: &str, span: Span) -> Diagnostic {
    err("E0401", format!("`{word}` has no domain to share"))
        .at(span, format!("a {what}"))
        .hint("name a state, an action or a set, or write the interval")
}

pub(in crate::check) fn simplex_state(span: Span) -> Diagnostic {
    err("E0401", "`simplex` is for actions")
        .at(span, "a state needs an interval, a range or a list")
        .hint("write `state x in [0, 1], start 0.5`")
}

pub(in crate::check) fn simplex_axis(name: &str, set: &str, span: Span) -> Diagnostic {
    err("E0308", format!("`{name}` is not indexed by `{set}`"))
        .at(span, "shares over this set")
        .hint(format!("declare `action {name}[{set}] in simplex({set})`"))
}

pub(in crate::check) fn law_not_whole(name: &str, span: Span, declared: Span) -> Diagnostic {
    err(
        "E0409",
        format!("`{name}` is a whole number, and its law gives other numbers as well"),
    )
    .at(span, "may be a fraction")
    .and(declared, "declared over whole numbers")
    .hint("round it, or declare an interval")
}

pub(in crate::check) fn law_outside(
    name: &str,
    have: Interval,
    want: Interval,
    span: Span,
    declared: Span,
) -> Diagnostic {
    err("E0409", format!("the law of `{name}` always leaves its domain"))
        .at(span, interval(have))
        .and(declared, interval(want))
        .hint(format!(
            "keep it inside: {name}' = clamp(.., {}, {}), or widen the domain",
            num(want.lo),
            num(want.hi)
        ))
}

pub(in crate::check) fn too_large(what: &str, elements: usize, span: Span) -> Diagnostic {
    err("E0406", format!("{what} has too many elements"))
        .at(
            span,
            format!(
                "{elements} numbers; at most {} are possible",
                crate::check::MOST_ELEMENTS
            ),
        )
        .hint("make one of its sets smaller")
}

pub(in crate::check) fn too_many(what: &str, most: usize, span: Span) -> Diagnostic {
    err("E0406", format!("too many {what}"))
        .at(span, format!("at most {most} are possible"))
        .hint("write fewer, or one population for what is alike: `agent firm[100]`")
}

/// A law that leads outside wherever it was tried.
pub(in crate::check) fn law_leaves_everywhere(
    name: &str,
    next: &str,
    place: &str,
    domain: Interval,
    span: Span,
) -> Diagnostic {
    let d = Diagnostic::warning(
        "W0406",
        format!("the law of `{name}` leaves its domain wherever it was tried"),
    )
    .at(span, format!("it goes to {next}"));
    let d = if place.is_empty() {
        d
    } else {
        d.note(format!("from {place}"))
    };
    d.note(format!("the domain is {}", interval(domain))).hint(
        "check the numbers in it: rates and shares are parts of 1, percentages need the sign (10%, not 10); or widen the domain",
    )
}
