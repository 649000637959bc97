//! Messages about names: unknown, twice, hidden, of others (E02).

use super::{err, list, with_guess};
use crate::diag::{Diagnostic, Span};
use crate::syntax::ast;
use crate::syntax::words::Dated;

pub(in crate::check) fn unknown_name(
    word: &str,
    span: Span,
    known: &[String],
    elsewhere: Option<(String, Span)>,
    label_of: Option<String>,
    dated: Option<(&str, Dated, Quantity)>,
) -> Diagnostic {
    let d = err("E0201", format!("unknown name `{word}`")).at(span, "not declared here or in a block around");
    if let Some(chain) = label_of {
        return d.hint(format!(
            "`{word}` is a label of `{chain}`: compare it, as in `{chain} == {word}`"
        ));
    }
    if let Some((dotted, at)) = elsewhere.filter(|(d, _)| d.contains('.')) {
        return d
            .and(at, "declared in another block")
            .hint(format!("from here it is `{dotted}`"));
    }
    if let Some((name, when, what)) = dated {
        return d.hint(how_dated(name, when, what));
    }
    if crate::check::functions::is_one(word) {
        return d.hint(format!(
            "`{word}` is a function, whose argument stands in round brackets: `{word}(x)`"
        ));
    }
    if matches!(word, "E" | "E_t" | "Et" | "EE" | "E_" | "E0" | "E_0") {
        return d.hint(EXPECTATIONS);
    }
    let otherwise = match PRICES.contains(&word) {
        true => format!(
            "declare it, `param {word} = ..`, define it, `let {word} = ..`, or have a market find it: `market goods {{ price {word} in [0.01, 100] clears sum(firm.supply) == sum(household.demand) }}`"
        ),
        false => format!("declare it, `param {word} = ..`, or define it, `let {word} = ..`"),
    };
    recursion(with_guess(d, word, known, &otherwise), word)
}

/// Names that prices usually have.
const PRICES: [&str; 9] = ["p", "price", "P", "r", "R", "w", "W", "wage", "interest"];

/// Words by which a value of the future is meant.
fn means_recursion(word: &str) -> bool {
    let word = word.trim_end_matches('\'').to_lowercase();
    [
        "v",
        "value",
        "ez",
        "epstein_zin",
        "epsteinzin",
        "recursive",
        "continuation",
    ]
    .contains(&word.as_str())
}

/// What to tell somebody who looks for the value of the future.
fn recursion(d: Diagnostic, word: &str) -> Diagnostic {
    if !means_recursion(word) {
        return d;
    }
    d.note("if the value of the future is meant: lifetime values are discounted sums of rewards here; recursive utility (Epstein and Zin) is outside the language")
}

pub(in crate::check) fn nobody_else(word: &str, span: Span) -> Diagnostic {
    err(
        "E0829",
        format!("`{word}` over the others in a population of one member"),
    )
    .at(span, "there is nobody else")
    .note("a sum over no members is 0; this reduction has no value then")
    .hint("give the population two members or more, or write `sum(..)`")
}

pub(in crate::check) fn duplicate(word: &str, span: Span, first: Span) -> Diagnostic {
    err("E0202", format!("`{word}` is declared twice"))
        .at(span, "declared again")
        .and(first, "first declared here")
        .hint(match word {
            "reward" => "keep one; a sum is one line: reward log(c) - h",
            _ => "give one of them another name",
        })
}

pub(in crate::check) fn said_twice(what: &str, span: Span, first: Span) -> Diagnostic {
    err("E0113", format!("`{what}` is given twice"))
        .at(span, "the second one")
        .and(first, "the first one")
        .hint("keep one of them")
}

pub(in crate::check) fn hides(word: &str, span: Span, outer: &str, first: Span) -> Diagnostic {
    err("E0205", format!("`{word}` hides another `{word}`"))
        .at(span, "declared here")
        .and(first, format!("hides this one, `{outer}`"))
        .hint("give one of them another name")
}

/// What a name stands for, as far as its value in other periods goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::check) enum Quantity {
    State,
    Shock,
    Other,
}

/// How the value of a quantity in some period is written.
fn how_dated(word: &str, when: Dated, what: Quantity) -> String {
    match (when, what) {
        (Dated::Now, _) => format!("names are of this period: write `{word}`"),
        (Dated::Next, Quantity::State) => {
            format!("the value of the next period is `{word}'`, and a law of motion is `{word}' = ..`")
        }
        (Dated::Next, Quantity::Shock) => format!(
            "the next draw is `{word}'`, which laws of motion and `end when` read; solvers take expectations of it"
        ),
        (Dated::Next, Quantity::Other) => format!(
            "only states and shocks have a next value: `k' = ..` is the law of motion of a state; what rests on `{word}` of the next period is an expectation, which solvers take"
        ),
        (Dated::Last, Quantity::State) => format!(
            "what stands at the beginning of this period is `{word}`, also where a paper dates it {word}(-1); the value before that is last({word}), with a first one: start last({word}) = .."
        ),
        (Dated::Last, Quantity::Shock | Quantity::Other) => {
            format!("the value of the last period is last({word}), with a first one: start last({word}) = ..")
        }
    }
}

/// What to tell somebody who writes an expectation.
const EXPECTATIONS: &str = "solvers take expectations: write the reward of one period, and laws of motion";

/// A call of what is no function; `quantity` says what the model has of that name, and `when` that the argument is a date.
pub(in crate::check) fn unknown_function(
    word: &str,
    span: Span,
    known: &[String],
    quantity: Option<Quantity>,
    when: Option<Dated>,
) -> Diagnostic {
    let d = err("E0203", format!("unknown function `{word}`")).at(span, "no such function");
    if let Some(what) = quantity {
        return d.hint(match when {
            Some(when) => how_dated(word, when, what),
            None => format!(
                "`{word}` is a quantity of this period; that of the last one is last({word}), a product is `{word} * (..)`"
            ),
        });
    }
    let meant = match word.to_lowercase().as_str() {
        "ln" | "lg" | "log10" => "the natural logarithm is `log(x)`",
        "pow" | "power" => "a power is `x^y`",
        "average" | "avg" | "integral" => "an average over members is `mean(..)`",
        "e" | "e_t" | "et" | "ee" | "expect" | "expectation" | "expected" => EXPECTATIONS,
        "clip" | "bound" => "limits are `clamp(x, low, high)`",
        "maximum" | "fmax" | "amax" => "the larger of two numbers is `max(x, y)`",
        "minimum" | "fmin" | "amin" => "the smaller of two numbers is `min(x, y)`",
        "fabs" => "the absolute value is `abs(x)`",
        "where" | "ifelse" | "iif" | "piecewise" => "a choice between two values is `if a then b else c`",
        "heaviside" | "step" | "indicator" | "indic" => "a step is `if x >= 0 then 1 else 0`",
        "norm" | "normal_pdf" | "cdf" => "the distribution function is `normal_cdf(x)`",
        _ => "",
    };
    if !meant.is_empty() {
        return d.hint(meant);
    }
    let otherwise = format!("define it: fn {word}(x) = ..  (or write `{word} * (..)` if a product is meant)");
    recursion(with_guess(d, word, known, &otherwise), word)
}

pub(in crate::check) fn too_many_calls(word: &str, span: Span) -> Diagnostic {
    err(
        "E0203",
        format!("too many calls of functions inside one another: `{word}` and what it calls"),
    )
    .at(span, "one call too many")
    .hint("give a repeated value a name of its own with `let`")
}

pub(in crate::check) fn recursive_function(word: &str, declared: Span, span: Span) -> Diagnostic {
    err("E0203", format!("function `{word}` calls itself without end"))
        .at(declared, "defined here")
        .and(span, "called here")
        .hint("write a recursion over time as a state")
}

pub(in crate::check) fn ambiguous(word: &str, span: Span, names: &[(String, Span)]) -> Diagnostic {
    let mut d = err("E0206", format!("`{word}` is declared by several markets")).at(span, "which one?");
    for (_, at) in names {
        d = d.and(*at, "one of them");
    }
    let all: Vec<String> = names.iter().map(|(n, _)| format!("`{n}`")).collect();
    d.hint(format!("write {}", all.join(" or ")))
}

pub(in crate::check) fn unknown_member(
    word: &str,
    block: &str,
    span: Span,
    known: &[String],
    outer: Option<String>,
) -> Diagnostic {
    let d = err("E0201", format!("`{block}` has no `{word}`")).at(span, format!("not declared in `{block}`"));
    match outer {
        Some(o) => d.hint(format!("`{o}` is declared outside: write `{o}`")),
        None => with_guess(d, word, known, &format!("`{block}` declares {}", list(known))),
    }
}

pub(in crate::check) fn unknown_kind(word: &ast::Name, known: &[String]) -> Diagnostic {
    let d = err("E0207", format!("unknown kind `{}`", word.text)).at(word.span, "no such kind");
    with_guess(d, &word.text, known, "declare it at top level: kind NAME { .. }")
}

pub(in crate::check) fn unknown_definition<'k>(
    word: &ast::Name,
    known: impl Iterator<Item = &'k String>,
) -> Diagnostic {
    let known: Vec<String> = known.cloned().collect();
    let d = err("E0207", format!("unknown market definition `{}`", word.text)).at(word.span, "no such definition");
    with_guess(
        d,
        &word.text,
        &known,
        &format!(
            "bring it in: `use std.markets.{{{}}}`; or write a `market def {}` of your own",
            word.text, word.text
        ),
    )
}

pub(in crate::check) fn unknown_library(word: &str, span: Span) -> Diagnostic {
    err("E0207", format!("unknown library `{word}`"))
        .at(span, "no such library")
        .hint("the market library is `std.markets`: use std.markets.{cournot, logit}")
}

pub(in crate::check) fn unknown_role(word: &ast::Name, known: &[String]) -> Diagnostic {
    let d = err("E0711", format!("the definition has no role `{}`", word.text)).at(word.span, "no such role");
    with_guess(d, &word.text, known, "")
}

pub(in crate::check) fn unknown_label(word: &str, of: &str, labels: &[String], span: Span) -> Diagnostic {
    let d = err("E0208", format!("`{word}` is no label of {of}")).at(span, "no such label");
    with_guess(d, word, labels, &format!("its labels are {}", list(labels)))
}

pub(in crate::check) fn label_is_name(word: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0208", format!("`{word}` is both a label and a declared name"))
        .at(span, "a label here")
        .and(declared, "a name here")
        .hint("rename one: a comparison could not tell them apart")
}

pub(in crate::check) fn argument_count(word: &str, names: &[&str], found: usize, span: Span) -> Diagnostic {
    err(
        "E0209",
        format!("`{word}` takes {} ({}), not {found}", names.len(), names.join(", ")),
    )
    .at(span, "wrong number of arguments")
    .hint(format!("write {word}({})", names.join(", ")))
}

pub(in crate::check) fn unknown_argument(word: &str, of: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0209", format!("`{of}` has no argument `{word}`")).at(span, "no such argument");
    with_guess(d, word, known, &format!("its arguments are {}", list(known)))
}

pub(in crate::check) fn missing_argument(word: &str, of: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0209", format!("`{of}` needs `{word}`"))
        .at(span, "not given here")
        .and(declared, "the definition")
        .hint(format!("write `{word}: ..` between the parentheses"))
}

pub(in crate::check) fn unknown_set(word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0210", format!("unknown index set `{word}`")).at(span, "no such set or population");
    with_guess(d, word, known, &format!("declare it: set {word} = 1..N"))
}

pub(in crate::check) fn not_a_set(word: &str, what: &str, span: Span, declared: Option<Span>) -> Diagnostic {
    let d = err("E0210", format!("`{word}` is no index set"))
        .at(span, "a set or a population is needed")
        .hint(format!(
            "declare one, as in `set {word} = 1..3`, or name a population: `agent firm[3]` makes `firm` a set"
        ));
    match declared {
        Some(at) => d.and(at, format!("a {what}")),
        None => d,
    }
}

pub(in crate::check) fn set_as_value(word: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0210", format!("`{word}` is an index set, not a value"))
        .at(span, "used as a number")
        .and(declared, "the set")
        .hint(format!("bind an element: sum(i in {word}: ..)"))
}

pub(in crate::check) fn set_of_words(span: Span) -> Diagnostic {
    err("E0210", "an index set is a range or a list of words")
        .at(span, "neither")
        .hint("write 1..J or {final, capital}")
}

pub(in crate::check) fn empty_set(word: &str, lo: i64, hi: i64, span: Span) -> Diagnostic {
    if hi < lo {
        return err("E0401", format!("the set `{word}` is empty: {lo}..{hi}"))
            .at(span, "from low to high")
            .hint(format!("write {hi}..{lo}, or let it have a member"));
    }
    super::too_large(
        &format!("the set `{word}`"),
        hi.saturating_sub(lo).saturating_add(1) as usize,
        span,
    )
}

/// `--set` of what is neither a parameter nor a setting; `other` is what the model has of that name.
pub(in crate::check) fn set_unknown(
    word: &str,
    params: &[String],
    settings: &[String],
    other: Option<(&str, &str)>,
) -> Diagnostic {
    if let Some((kind, name)) = other {
        return err(
            "E0802",
            format!("--set {word}: `{name}` is {} `{kind}`, not a parameter", article(kind)),
        )
        .note("--set replaces parameters and settings")
        .hint(format!(
            "make what shall vary a parameter: `param a = 0.3` and then --set a=0.4; the parameters are {}",
            list(params)
        ));
    }
    let known: Vec<String> = params.iter().chain(settings).cloned().collect();
    let last = |k: &String| k.rsplit('.').next() == Some(word);
    let d = err(
        "E0802",
        format!("--set {word}: the model has no such parameter, and there is no such setting"),
    );
    match settings.iter().find(|k| last(k)) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None => with_guess(
            d,
            word,
            &known,
            &format!(
                "its parameters are {}; settings are set as tolerance=1e-8, grid.NAME=200, train.KEY=.., verify.KEY=..; train, tune and verify take a learner's keys as --with {word}=VALUE",
                list(params)
            ),
        ),
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

pub(in crate::check) fn set_without_train(word: &str) -> Diagnostic {
    let key = word.strip_prefix("train.").unwrap_or(word);
    err("E0802", format!("--set {word}: the model has no `train` block")).hint(format!(
        "econc train, tune and verify take --with {key}=VALUE; in the file: train ppo {{ {key} = VALUE }}"
    ))
}

pub(in crate::check) fn set_unreadable(word: &str, text: &str) -> Diagnostic {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    err("E0802", format!("--set {word}={text}: not a value")).hint(match text.split_once(',') {
        Some((whole, rest))
            if [whole, rest]
                .iter()
                .all(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit())) =>
        {
            format!("decimals have a point: --set {word}={whole}.{rest}")
        }
        _ => format!(
            "write a number or an expression of parameters: --set {word}=0.99; several values: --set {word}=LO..HI:N"
        ),
    })
}

pub(in crate::check) fn not_a_member(word: &str, span: Span) -> Diagnostic {
    err(
        "E0305",
        format!("`{word}` is a number of a member of a set; nothing is declared in it"),
    )
    .at(span, "a dot needs a member of a population")
    .hint("bind a member: sum(h in household: h.k)")
}
