//! The prose of the checker's messages, one function a message, grouped by code.
//!
//! E02 names, E03 shapes and types, E04 domains, E05 timing, E06 chance, E07 agents and markets, E08 settings. Every code
//! has its page in `diag/explain`.

use crate::diag::suggest::did_you_mean;
use crate::diag::{Diagnostic, Span};
use crate::graph::{Interval, Phase};
use crate::syntax::ast;
use crate::syntax::words::Dated;

fn err(code: &str, headline: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, headline)
}

fn with_guess(d: Diagnostic, word: &str, known: &[String], otherwise: &str) -> Diagnostic {
    let known = known.iter().map(String::as_str).filter(|k| !k.contains(['\u{1}', '(']));
    // A beginning of one word alone is an abbreviation of it.
    let mut begun = known
        .clone()
        .filter(|k| word.chars().count() > 2 && k.starts_with(word));
    let abbreviated = begun.next().filter(|_| begun.next().is_none());
    match did_you_mean(word, known.clone()).or(abbreviated) {
        Some(k) => d.hint(format!("did you mean `{k}`?")),
        None if otherwise.is_empty() => d,
        None => d.hint(otherwise.to_string()),
    }
}

fn list(words: &[String]) -> String {
    let shown: Vec<String> = words
        .iter()
        .filter(|w| !w.contains(['\u{1}', '(']))
        .take(12)
        .map(|w| format!("`{w}`"))
        .collect();
    if shown.is_empty() {
        "none".into()
    } else {
        shown.join(", ")
    }
}

/// A number as a reader writes it.
pub(super) fn num(x: f64) -> String {
    if x == f64::INFINITY {
        "inf".into()
    } else if x == f64::NEG_INFINITY {
        "-inf".into()
    } else {
        format!("{x}")
    }
}

/// An interval as a reader writes it.
pub fn interval(d: Interval) -> String {
    if let Some(x) = d.as_point() {
        return num(x);
    }
    if d.integer && d.lo.is_finite() && d.hi.is_finite() {
        return format!("{}..{}", num(d.lo), num(d.hi));
    }
    let l = if d.lo_open || !d.lo.is_finite() { '(' } else { '[' };
    let r = if d.hi_open || !d.hi.is_finite() { ')' } else { ']' };
    format!("{l}{}, {}{r}", num(d.lo), num(d.hi))
}

/// When something is known, in words.
pub fn phase_words(p: Phase) -> String {
    match p {
        Phase::Constant => "a constant of the model".into(),
        Phase::Dated => "phase 1 (states and shocks)".into(),
        Phase::Observed => "phase 2 (private signals)".into(),
        Phase::Acted(0) => "phase 3 (acting)".into(),
        Phase::Acted(n) => format!("phase 3, stage {} (acting)", n + 1),
        Phase::Cleared => "phases 4-6 (after acting: draws, markets, rewards)".into(),
        Phase::Moved => "phase 7 (the next draw of a shock)".into(),
    }
}

// ---- E02 names -------------------------------------------------------------------------------------------

pub(super) fn unknown_name(
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
    if matches!(word, "E" | "E_t" | "Et" | "EE" | "E_" | "E0" | "E_0") {
        return d.hint(EXPECTATIONS);
    }
    let otherwise = format!("declare it, `param {word} = ..`, or define it, `let {word} = ..`");
    recursion(with_guess(d, word, known, &otherwise), word)
}

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

pub(super) fn nobody_else(word: &str, span: Span) -> Diagnostic {
    err("E0829", format!("`{word}` of the others of a population of one"))
        .at(span, "there is nobody else")
        .note("a sum over nobody is 0; this has no value")
        .hint("give the population two members or more, or write `sum(..)`")
}

pub(super) fn duplicate(word: &str, span: Span, first: Span) -> Diagnostic {
    err("E0202", format!("`{word}` is declared twice"))
        .at(span, "declared again")
        .and(first, "first declared here")
        .hint(match word {
            "reward" => "keep one; what is added is one line: reward log(c) - h",
            _ => "give one of them another name",
        })
}

pub(super) fn said_twice(what: &str, span: Span, first: Span) -> Diagnostic {
    err("E0113", format!("`{what}` is given twice"))
        .at(span, "the second one")
        .and(first, "the first one")
        .hint("keep one of them")
}

pub(super) fn hides(word: &str, span: Span, outer: &str, first: Span) -> Diagnostic {
    err("E0205", format!("`{word}` hides another `{word}`"))
        .at(span, "declared here")
        .and(first, format!("hides this one, `{outer}`"))
        .hint("give one of them another name")
}

/// What a name stands for, as far as its value in other periods goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
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
            "the next draw is `{word}'`, which laws of motion and `end when` read; expectations of it are taken by whoever solves"
        ),
        (Dated::Next, Quantity::Other) => format!(
            "only states and shocks have a next value: `k' = ..` is the law of motion of a state; what rests on `{word}` of the next period is an expectation, and those are taken by whoever solves"
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
const EXPECTATIONS: &str =
    "expectations are taken by whoever solves: write the reward of one period, and laws of motion";

/// A call of what is no function; `quantity` says what the model has of that name, and `when` that the argument is a date.
pub(super) fn unknown_function(
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
        "norm" | "normal_pdf" | "cdf" => "the distribution function is `normal_cdf(x)`",
        _ => "",
    };
    if !meant.is_empty() {
        return d.hint(meant);
    }
    let otherwise = format!("define it: fn {word}(x) = ..  (or write `{word} * (..)` if a product is meant)");
    recursion(with_guess(d, word, known, &otherwise), word)
}

pub(super) fn too_many_calls(word: &str, span: Span) -> Diagnostic {
    err(
        "E0203",
        format!("too many calls of functions inside one another: `{word}` and what it calls"),
    )
    .at(span, "one call too many")
    .hint("give a repeated value a name of its own with `let`")
}

pub(super) fn recursive_function(word: &str, declared: Span, span: Span) -> Diagnostic {
    err("E0203", format!("function `{word}` calls itself without end"))
        .at(declared, "defined here")
        .and(span, "called here")
        .hint("write a recursion over time as a state")
}

pub(super) fn ambiguous(word: &str, span: Span, names: &[(String, Span)]) -> Diagnostic {
    let mut d = err("E0206", format!("`{word}` is declared by several markets")).at(span, "which one?");
    for (_, at) in names {
        d = d.and(*at, "one of them");
    }
    let all: Vec<String> = names.iter().map(|(n, _)| format!("`{n}`")).collect();
    d.hint(format!("write {}", all.join(" or ")))
}

pub(super) fn unknown_member(
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

pub(super) fn unknown_kind(word: &ast::Name, known: &[String]) -> Diagnostic {
    let d = err("E0207", format!("unknown kind `{}`", word.text)).at(word.span, "no such kind");
    with_guess(d, &word.text, known, "declare it at top level: kind NAME { .. }")
}

pub(super) fn unknown_definition<'k>(word: &ast::Name, known: impl Iterator<Item = &'k String>) -> Diagnostic {
    let known: Vec<String> = known.cloned().collect();
    let d = err("E0207", format!("unknown market definition `{}`", word.text)).at(word.span, "no such definition");
    with_guess(
        d,
        &word.text,
        &known,
        "bring it in with `use std.markets.{..}` or write `market def`",
    )
}

pub(super) fn unknown_library(word: &str, span: Span) -> Diagnostic {
    err("E0207", format!("unknown library `{word}`"))
        .at(span, "no such library")
        .hint("the market library is `std.markets`: use std.markets.{cournot, logit}")
}

pub(super) fn unknown_role(word: &ast::Name, known: &[String]) -> Diagnostic {
    let d = err("E0711", format!("the definition has no role `{}`", word.text)).at(word.span, "no such role");
    with_guess(d, &word.text, known, "")
}

pub(super) fn unknown_label(word: &str, of: &str, labels: &[String], span: Span) -> Diagnostic {
    let d = err("E0208", format!("`{word}` is no label of {of}")).at(span, "no such label");
    with_guess(d, word, labels, &format!("its labels are {}", list(labels)))
}

pub(super) fn label_is_name(word: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0208", format!("`{word}` is both a label and a declared name"))
        .at(span, "a label here")
        .and(declared, "a name here")
        .hint("rename one: a comparison could not tell them apart")
}

pub(super) fn argument_count(word: &str, names: &[&str], found: usize, span: Span) -> Diagnostic {
    err(
        "E0209",
        format!("`{word}` takes {} ({}), not {found}", names.len(), names.join(", ")),
    )
    .at(span, "wrong number of arguments")
    .hint(format!("write {word}({})", names.join(", ")))
}

pub(super) fn unknown_argument(word: &str, of: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0209", format!("`{of}` has no argument `{word}`")).at(span, "no such argument");
    with_guess(d, word, known, &format!("its arguments are {}", list(known)))
}

pub(super) fn missing_argument(word: &str, of: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0209", format!("`{of}` needs `{word}`"))
        .at(span, "not given here")
        .and(declared, "the definition")
        .hint(format!("write `{word}: ..` between the parentheses"))
}

pub(super) fn unknown_set(word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0210", format!("unknown index set `{word}`")).at(span, "no such set or population");
    with_guess(d, word, known, &format!("declare it: set {word} = 1..N"))
}

pub(super) fn not_a_set(word: &str, what: &str, span: Span, declared: Option<Span>) -> Diagnostic {
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

pub(super) fn set_as_value(word: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0210", format!("`{word}` is an index set, not a value"))
        .at(span, "used as a number")
        .and(declared, "the set")
        .hint(format!("bind an element: sum(i in {word}: ..)"))
}

pub(super) fn set_of_words(span: Span) -> Diagnostic {
    err("E0210", "an index set is a range or a list of words")
        .at(span, "neither")
        .hint("write 1..J or {final, capital}")
}

pub(super) fn empty_set(word: &str, lo: i64, hi: i64, span: Span) -> Diagnostic {
    if hi < lo {
        return err("E0401", format!("the set `{word}` is empty: {lo}..{hi}"))
            .at(span, "from low to high")
            .hint(format!("write {hi}..{lo}, or let it have a member"));
    }
    too_large(
        &format!("the set `{word}`"),
        hi.saturating_sub(lo).saturating_add(1) as usize,
        span,
    )
}

/// `--set` of what is neither a parameter nor a setting; `other` is what the model has of that name.
pub(super) fn set_unknown(
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
                "its parameters are {}; settings are set as tolerance=1e-8, grid.NAME=200, train.KEY=.., verify.KEY=..",
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

pub(super) fn set_without_train(word: &str) -> Diagnostic {
    err("E0802", format!("--set {word}: the model has no `train` block"))
        .hint("write one, for instance: train ppo { steps = 1_000_000 }")
}

pub(super) fn set_unreadable(word: &str, text: &str) -> Diagnostic {
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
        _ => "write a number or an expression of parameters: --set beta=0.99".to_string(),
    })
}

pub(super) fn not_a_member(word: &str, span: Span) -> Diagnostic {
    err("E0305", format!("`{word}` numbers a set; it has no names of its own"))
        .at(span, "a dot needs a member of a population")
        .hint("bind a member: sum(h in household: h.k)")
}

// ---- E03 shapes and types --------------------------------------------------------------------------------

pub(super) fn shapes(span: Span, a: (Span, &str), b: (Span, &str)) -> Diagnostic {
    let width = a.1.len().max(b.1.len());
    err("E0301", "these shapes do not go together")
        .at(span, "neither contains the other")
        .and(a.0, format!("{:width$}", a.1))
        .and(b.0, format!("{:width$}", b.1))
        .note(format!("left   {}", a.1))
        .note(format!("right  {}", b.1))
        .hint(format!(
            "reduce one side to a number, as in mean(x), or write it for every pair: let m[i in {}, j in {}] = x[i] * y[j]",
            a.1, b.1
        ))
}

pub(super) fn left_side_shape(name: &str, span: Span, have: &str, declared: Span, want: &str) -> Diagnostic {
    err("E0308", format!("`{name}` cannot hold a value with these axes"))
        .at(span, format!("has {have}"))
        .and(declared, format!("holds {want}"))
        .hint("reduce the extra axis: sum(..), mean(..), or name it on the left")
}

pub(super) fn condition_as_number(span: Span) -> Diagnostic {
    err("E0302", "a condition is no number")
        .at(span, "true or false")
        .hint("count it (`count`, `mean`) or write `if .. then 1 else 0`")
}

pub(super) fn number_as_condition(span: Span) -> Diagnostic {
    err("E0302", "a number is no condition")
        .at(span, "a comparison is needed")
        .hint("compare it: x > 0")
}

pub(super) fn label_as_number(span: Span, labels: &[String]) -> Diagnostic {
    err("E0302", "a label has no numeric value")
        .at(span, "used as a number")
        .note(format!("labels: {}", list(labels)))
        .hint("say what it stands for: `if d == label then 0.9 else 1.1`; links of a chain may have values, `markov([low: 0.9, high: 1.1], ..)`, choices may be numbers, `action d in {0.9, 1.1}`")
}

pub(super) fn which_axis(word: &str, shape: &str, span: Span) -> Diagnostic {
    err("E0303", format!("`{word}` of {shape}: over which axis?"))
        .at(span, "more than one axis is left")
        .hint(
            match shape
                .split([',', ' ', '[', ']', '(', ')'])
                .find(|w| !w.is_empty() && *w != "x")
            {
                Some(axis) => format!("say it: {word}(x over {axis}), or bind: {word}(i in {axis}: x[i])"),
                None => format!("bind an index: {word}(i in 1..3: x[i])"),
            },
        )
}

pub(super) fn nothing_to_reduce(word: &str, span: Span) -> Diagnostic {
    err("E0304", format!("`{word}` of one number"))
        .at(span, "has no axis left to reduce")
        .hint(match word {
            "max" | "min" => "compare it with another: max(x, 0); or reduce over everybody's, which is dotted: max(household.k)",
            "sum" => "in its own block a bare name is mine; everybody's is dotted: sum(household.k); sums over time are taken by whoever solves: the reward is that of one period",
            _ => "in its own block a bare name is mine; everybody's is dotted: mean(household.k)",
        })
}

pub(super) fn not_over(word: &str, shape: &str, span: Span) -> Diagnostic {
    err("E0304", format!("no axis `{word}` to reduce over"))
        .at(span, format!("has {shape}"))
        .hint(format!("reduce over one of its own axes: {shape}"))
}

pub(super) fn others_of_what(span: Span) -> Diagnostic {
    err("E0304", "`others` needs a dotted name of my own population")
        .at(span, "nobody else here")
        .hint("inside `firm`: others(firm.p)")
}

pub(super) fn wrong_index(name: &str, want: usize, have: usize, span: Span, declared: Span) -> Diagnostic {
    err(
        "E0305",
        format!(
            "`{name}` has {want} {}, not {have}",
            if want == 1 { "index" } else { "indices" }
        ),
    )
    .at(span, "indexed here")
    .and(declared, "declared here")
    .hint(match want {
        0 => format!("write `{name}` without brackets"),
        n => format!(
            "write {name}[{}]",
            ["i", "j", "k", "l"]
                .iter()
                .take(n)
                .copied()
                .collect::<Vec<_>>()
                .join(", ")
        ),
    })
}

pub(super) fn binder_here(span: Span) -> Diagnostic {
    err("E0305", "`i in set` stands only on left sides and in reductions")
        .at(span, "an index is needed")
        .hint("write the index alone: k[i]")
}

pub(super) fn law_needs_binder(name: &str, set: &str, span: Span) -> Diagnostic {
    err("E0305", format!("the law of `{name}` names one element"))
        .at(span, "which holds for all?")
        .hint(format!("bind the index: {name}'[i in {set}] = .."))
}

pub(super) fn index_not_whole(what: &str, span: Span) -> Diagnostic {
    err("E0305", format!("{what} is no index"))
        .at(span, "an index is a whole number, a chain or a label")
        .hint("round it: floor(x) or round(x)")
}

pub(super) fn index_outside(name: &str, have: (f64, f64), want: (f64, f64), span: Span) -> Diagnostic {
    err("E0306", format!("an index outside `{name}`"))
        .at(span, format!("can be {}..{}", num(have.0), num(have.1)))
        .note(format!("index  {}..{}", num(have.0), num(have.1)))
        .note(format!("set    {}..{}", num(want.0), num(want.1)))
        .hint("clamp it, or widen the set")
}

pub(super) fn single_agent_indexed(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0305", format!("`{name}` is one agent and has no number"))
        .at(span, "indexed here")
        .and(declared, "declared without [N]")
        .hint(format!(
            "write `{name}` without brackets, or declare several: `agent {name}[2]`"
        ))
}

pub(super) fn sum_of_continuum(word: &str, name: &str, span: Span) -> Diagnostic {
    err("E0307", format!("`{word}` over the continuum `{name}`"))
        .at(span, "a continuum has mass one and no members to count")
        .hint("use mean: it is the integral, and works for populations too")
}

pub(super) fn numbered_continuum(name: &str, span: Span) -> Diagnostic {
    err("E0307", format!("the continuum `{name}` has no member with a number"))
        .at(span, "numbered here")
        .hint(format!(
            "write about all members: mean({name}.x), sum({name}.x), or `others(x)` inside the block"
        ))
}

pub(super) fn continuum_as_number(span: Span) -> Diagnostic {
    err("E0307", "`continuum` is no number")
        .at(span, "used as one")
        .hint("use `mean` instead of sums divided by N; --set N=100 chooses a number")
}

pub(super) fn param_by_member(
    name: &str,
    have: usize,
    owner: &str,
    want: usize,
    span: Span,
    _declared: Span,
) -> Diagnostic {
    err(
        "E0309",
        format!("`{name}` has {have} values for {want} members of `{owner}`"),
    )
    .at(span, format!("{have} values"))
    .hint(format!("give one value for all, or {want}"))
}

pub(super) fn empty_array(span: Span) -> Diagnostic {
    err("E0309", "an empty array")
        .at(span, "has no values")
        .hint("write its values: [1, 2.5]")
}

pub(super) fn ragged(row: Span, whole: Span) -> Diagnostic {
    err("E0309", "rows of different length")
        .at(row, "this row")
        .and(whole, "the matrix")
        .hint("give every row as many numbers: [[0.9, 0.1], [0.2, 0.8]]")
}

pub(super) fn repeated_axis(name: &str, set: &str, span: Span) -> Diagnostic {
    err("E0308", format!("`{name}` is indexed twice by `{set}`"))
        .at(span, "declared here")
        .hint("declare a second set of the same size")
}

pub(super) fn port_shape(span: Span) -> Diagnostic {
    err("E0711", "this port is no vector over one population")
        .at(span, "the market needs one number a participant")
        .hint("offer an action or a definition of the agent itself, as in `among firm(q: q)`")
}

// ---- E04 domains and constants ---------------------------------------------------------------------------

pub(super) fn text_as_number(span: Span) -> Diagnostic {
    err("E0302", "a string is no number")
        .at(span, "used as one")
        .hint("leave the quotes out; strings are descriptions")
}

pub(super) fn range_as_number(span: Span) -> Diagnostic {
    err("E0302", "a range is no number")
        .at(span, "used as one")
        .hint("a range says where something lies: `in 1..3`; a member of it is bound: sum(i in 1..3: x[i])")
}

pub(super) fn empty_domain(lo: f64, hi: f64, span: Span) -> Diagnostic {
    err("E0401", format!("an empty domain: from {} to {}", num(lo), num(hi)))
        .at(span, "no number lies in it")
        .hint("the lower end comes first")
}

pub(super) fn start_outside(name: &str, have: Interval, want: Interval, span: Span, declared: Span) -> Diagnostic {
    err("E0402", format!("`{name}` can start outside its domain"))
        .at(span, format!("in {}", interval(have)))
        .and(declared, format!("in {}", interval(want)))
        .note(format!("start   {}", interval(have)))
        .note(format!("domain  {}", interval(want)))
        .hint("move the start inside, or widen the domain")
}

pub(super) fn random_start_unbounded(name: &str, domain: Interval, span: Span) -> Diagnostic {
    err("E0402", format!("`start random` for `{name}` on an unbounded domain"))
        .at(span, format!("the domain is {}", interval(domain)))
        .hint("say where: start uniform(a, b)")
}

pub(super) fn start_of_nothing(name: &str, span: Span) -> Diagnostic {
    err("E0402", format!("nothing here reads `{name}`"))
        .at(span, "starts a value nobody remembers")
        .hint("spell it as where it is read: observe last(p) goes with start last(p)")
}

pub(super) fn lag_without_start(name: &str, domain: Interval, span: Span) -> Diagnostic {
    let hint = if domain.lo.is_finite() && domain.hi.is_finite() {
        format!("write `start {name} uniform`, or `start {name} = ..`")
    } else {
        format!("write `start {name} = ..`")
    };
    err("E0402", format!("`{name}` has no first value"))
        .at(span, format!("it remembers something in {}", interval(domain)))
        .hint(hint)
}

pub(super) fn param_outside(
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
                "per cent have their sign: {}%; or choose another value inside, or widen the domain",
                num(x)
            ),
            None => "choose a value inside, or widen the domain".to_string(),
        })
}

pub(super) fn domain_fault(word: &str, division: bool, x: f64, place: &str, span: Span) -> Diagnostic {
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

pub(super) fn negative_scale_at(x: f64, place: &str, span: Span) -> Diagnostic {
    Diagnostic::warning("W0404", format!("the scale of this draw can be negative: {}", num(x)))
        .at(span, format!("{} at {place}", num(x)))
        .hint("keep it positive wherever the model allows: max(x, 0), or narrow the domain of what it is made of")
}

pub(super) fn law_leaves(name: &str, end: f64, next: Interval, domain: Interval, span: Span) -> Diagnostic {
    Diagnostic::warning(
        "W0406",
        format!("the law of `{name}` leaves its domain whatever is chosen"),
    )
    .at(span, format!("from {} it goes to {}", num(end), interval(next)))
    .note(format!("the domain is {}", interval(domain)))
    .hint(format!(
        "keep it inside, `clamp({name}.., {}, {})`, widen the domain, or say how it ends: `horizon T`, `end when ..`",
        num(domain.lo),
        num(domain.hi)
    ))
}

pub(super) fn never_equal(
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

pub(super) fn truth_for_number(name: &str, declared: Span) -> Diagnostic {
    err("E0403", format!("`{name}` is a number, not true or false"))
        .at(declared, "declared as a number")
        .hint(format!("give it a number: --set {name}=0.5"))
}

pub(super) fn constant_domain_fault(word: &str, span: Span, x: f64) -> Diagnostic {
    err("E0404", format!("{word} is not a number"))
        .at(span, format!("its argument is {}", num(x)))
        .hint("change the numbers it is made of, or keep the argument inside: max(x, 1e-6)")
}

pub(super) fn not_constant(span: Span, phase: Phase, shaped: bool) -> Diagnostic {
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

pub(super) fn not_whole(x: f64, span: Span) -> Diagnostic {
    err("E0405", format!("a whole number is needed, not {}", num(x)))
        .at(span, num(x))
        .hint(if x.fract() == 0.0 {
            "name a larger number"
        } else {
            "round it: floor(..), ceil(..), a div b; an interval of all numbers is written [a, b]"
        })
}

/// A horizon that ends before it begins.
pub(super) fn no_horizon(h: i64, span: Span) -> Diagnostic {
    err("E0405", format!("a horizon of {h} periods"))
        .at(span, "a horizon is one period or more")
        .hint("write the number of periods, as in `horizon 80`; without a horizon the model goes on for ever")
}

pub(super) fn population_size(name: &str, x: f64, span: Span) -> Diagnostic {
    err("E0406", format!("a population of {} `{name}`", num(x)))
        .at(span, "a size is a whole number of at least one")
        .hint("for a fraction use `div`: N div 2; for a unit mass write [continuum]")
}

pub(super) fn members_from_one(span: Span) -> Diagnostic {
    err("E0406", "members count from one")
        .at(span, "starts elsewhere")
        .hint("write [i in 1..N]")
}

pub(super) fn bad_grid(span: Span) -> Diagnostic {
    err("E0408", "not a grid")
        .at(span, "a grid ascends and has at least one point")
        .hint("write grid(lo, hi, n) or [x1, x2, ..] in ascending order")
}

pub(super) fn grid_outside(name: &str, x: f64, domain: Interval, span: Span) -> Diagnostic {
    err(
        "E0408",
        format!("the grid of `{name}` has {}, which cannot be chosen", num(x)),
    )
    .at(span, format!("chosen in {}", interval(domain)))
    .hint("let the grid end where the bounds end, or widen the bounds")
}

pub(super) fn quantile_outside(x: f64, span: Span) -> Diagnostic {
    err("E0405", format!("a quantile at {}", num(x)))
        .at(span, "must lie in [0, 1]")
        .hint("quantile(x, 0.9) is the value that nine tenths lie below")
}

pub(super) fn not_a_domain(word: &str, what: &str, span: Span) -> Diagnostic {
    err("E0401", format!("`{word}` has no domain to share"))
        .at(span, format!("a {what}"))
        .hint("name a state, an action or a set, or write the interval")
}

pub(super) fn simplex_state(span: Span) -> Diagnostic {
    err("E0401", "`simplex` is for actions")
        .at(span, "a state needs an interval, a range or a list")
        .hint("write `state x in [0, 1], start 0.5`")
}

pub(super) fn simplex_axis(name: &str, set: &str, span: Span) -> Diagnostic {
    err("E0308", format!("`{name}` is not indexed by `{set}`"))
        .at(span, "shares over this set")
        .hint(format!("declare `action {name}[{set}] in simplex({set})`"))
}

pub(super) fn law_not_whole(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0409", format!("`{name}` is a whole number, its law need not be"))
        .at(span, "may be a fraction")
        .and(declared, "declared over whole numbers")
        .hint("round it, or declare an interval")
}

pub(super) fn law_outside(name: &str, have: Interval, want: Interval, span: Span, declared: Span) -> Diagnostic {
    err("E0409", format!("the law of `{name}` always leaves its domain"))
        .at(span, interval(have))
        .and(declared, interval(want))
        .hint(format!(
            "keep it inside: {name}' = clamp(.., {}, {}), or widen the domain",
            num(want.lo),
            num(want.hi)
        ))
}

pub(super) fn too_large(what: &str, elements: usize, span: Span) -> Diagnostic {
    err("E0406", format!("{what} has too many elements"))
        .at(
            span,
            format!("{elements} numbers; at most {} are possible", super::MOST_ELEMENTS),
        )
        .hint("make one of its sets smaller")
}

pub(super) fn too_many(what: &str, most: usize, span: Span) -> Diagnostic {
    err("E0406", format!("too many {what}"))
        .at(span, format!("at most {most} are possible"))
        .hint("write fewer, or one population for what is alike: `agent firm[100]`")
}

// ---- E05 timing ------------------------------------------------------------------------------------------

pub(super) fn too_early(what: &str, span: Span, phase: Phase, chain: &[(String, Span)]) -> Diagnostic {
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

/// An observation of what is drawn only after acting.
pub(super) fn observes_noise(d: Diagnostic, noise: &str) -> Diagnostic {
    d.hint(format!(
        "a `noise` is drawn after acting: declare what disturbs a signal as a shock, `shock {noise} ~ iid normal(0, 1)`, and observe the sum alone; or carry the noise over in a state"
    ))
}

pub(super) fn leaks(what: &str, span: Span, hidden: &str, declared: Span, agent: &str) -> Diagnostic {
    err(
        "E0501",
        format!("{what} reads `{hidden}`, which `{agent}` does not observe"),
    )
    .at(span, "would tell it what it cannot see")
    .and(declared, "not among its observations")
    .hint(format!(
        "add `{hidden}` to `observe`, or bound it by something observed"
    ))
}

/// How the headline ends where definitions are nested too deep.
pub(super) const TOO_DEEP: &str = "too long a chain of definitions";

/// `shallow`: there was room for a small stack only, so that the model may be right.
pub(super) fn too_deep(name: &str, span: Span, shallow: bool) -> Diagnostic {
    if shallow {
        return err(
            "E0981",
            format!("there is too little memory for `{name}`: it rests on {TOO_DEEP}"),
        )
        .at(span, "no room for the stack that goes further")
        .note("checking a model reserves 512 MB of address space for its stack, of which it uses little")
        .hint("raise the limit on address space: ulimit -v 1200000, or ulimit -v unlimited");
    }
    err("E0502", format!("`{name}` rests on {TOO_DEEP}"))
        .at(span, "still not at the end of the chain")
        .hint("declare a name before it is read, or write the chain as an array or a state")
}

pub(super) fn circle(chain: &[(String, Span)], span: Span) -> Diagnostic {
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

pub(super) fn circle_through_past(name: &str, past: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0502", format!("`{name}` is defined by its own past, `{past}`"))
        .at(span, "what it remembers is what is being defined")
        .and(declared, "defined here")
        .hint(format!(
            "say where it lies and where it starts: state {name} in [lo, hi], start x0 and {name}' = .., with `{name}` for the past value"
        ))
}

pub(super) fn drawn_constant(name: &str, span: Span, scenario: Option<Span>) -> Diagnostic {
    let d = err("E0405", format!("`{name}` cannot stand here: a scenario changes it"))
        .at(span, "needs a number that is the same in every scenario");
    let d = match scenario {
        Some(at) => d.and(at, "changed here"),
        None => d,
    };
    d.hint(format!(
        "sizes and periods are not drawn: take `{name}` out of the scenario and run each value, --set {name}=1..5:5"
    ))
}

pub(super) fn solve_circle(what: &str, span: Span, param: &str, declared: Option<Span>) -> Diagnostic {
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

pub(super) fn prime_too_early(name: &str, place: &str, span: Span) -> Diagnostic {
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

pub(super) fn shock_prime(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0504", format!("`{name}'` is drawn after rewards are paid"))
        .at(span, "only transitions, `given` and `end when` may read it")
        .and(declared, "the shock")
        .hint(format!("write `{name}`, which is known when choosing"))
}

pub(super) fn no_prime(name: &str, what: &str, span: Span) -> Diagnostic {
    err("E0505", format!("`{name}` has no next value"))
        .at(span, format!("{what}: only states and shocks have one"))
        .hint(format!("write `{name}`, or declare a state that carries it"))
}

// ---- E06 chance ------------------------------------------------------------------------------------------

pub(super) fn row_sum(row: usize, of: usize, values: &[f64], sum: f64, span: Span, matrix: Option<Span>) -> Diagnostic {
    let shown: Vec<String> = values.iter().map(|x| num(*x)).collect();
    let head = if of > 1 {
        format!("row {row} of the matrix sums to {}, not to 1", trim(sum))
    } else {
        format!("the probabilities sum to {}, not to 1", trim(sum))
    };
    let d = err("E0601", head)
        .at(span, format!("sums to {}", trim(sum)))
        .note(format!("{} = {}", shown.join(" + "), trim(sum)));
    match matrix {
        Some(_) => d.hint("correct the row; or write `normalize [[..]]` to divide every row by its sum; or `unchecked([[..]])` to reproduce a publication as printed"),
        None => d.hint("correct the probabilities"),
    }
}

pub(super) fn chain_shape(n: usize, rows: usize, columns: usize, span: Span) -> Diagnostic {
    err("E0602", format!("{n} values need {n} x {n} probabilities"))
        .at(span, format!("{rows} rows, a row of {columns}"))
        .hint("one row a value, one number a value in it: markov([1, 2], [[0.9, 0.1], [0.2, 0.8]])")
}

pub(super) fn some_labels(span: Span) -> Diagnostic {
    err("E0602", "either every link has a label or none")
        .at(span, "some have")
        .hint("write markov([low: 0.9, high: 1.1], ..) or markov([0.9, 1.1], ..)")
}

pub(super) fn not_a_probability(p: f64, span: Span) -> Diagnostic {
    err("E0605", format!("{} is no probability", num(p)))
        .at(span, "must lie in [0, 1]")
        .hint(match p {
            p if (2.0..=100.0).contains(&p) => format!("per cent are written {}%", num(p)),
            _ => "the probabilities of a row are not negative and sum to 1: [0.9, 0.1]".to_string(),
        })
}

pub(super) fn not_a_process(span: Span) -> Diagnostic {
    err("E0603", "a shock needs a law")
        .at(span, "not one")
        .hint("write ar1(rho: .., sigma: ..), markov([..], [[..]]), or iid normal(0, 1)")
}

pub(super) fn unknown_process(word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0603", format!("unknown law `{word}`")).at(span, "no such process");
    let otherwise = format!("the laws are {}, and `iid` with {DISTRIBUTIONS}", list(known));
    with_guess(d, word, known, &otherwise)
}

/// The distributions that draws follow.
const DISTRIBUTIONS: &str = "normal, lognormal, uniform, uniform_int, bernoulli, discrete, exponential or gumbel";

/// A distribution that is none of the language's.
pub(super) fn unknown_distribution(word: &str, span: Span) -> Diagnostic {
    let known: Vec<String> = DISTRIBUTIONS
        .split([',', ' '])
        .filter(|w| !w.is_empty() && *w != "or")
        .map(String::from)
        .collect();
    let d = err("E0603", format!("unknown distribution `{word}`")).at(span, "no such distribution");
    let otherwise = match word {
        "poisson" | "binomial" | "geometric" | "categorical" => {
            "write its values and their chances: discrete([0, 1, 2], [0.5, 0.3, 0.2])".to_string()
        }
        _ => format!(
            "draws follow {DISTRIBUTIONS}; another one is a function of a uniform draw, or values with their chances: discrete([0.1, 0.5, 0.9], [0.3, 0.4, 0.3])"
        ),
    };
    with_guess(d, word, &known, &otherwise)
}

pub(super) fn iid_missing(word: &str, span: Span) -> Diagnostic {
    err(
        "E0603",
        format!("a shock ~ {word}(..) is independent over time: say so"),
    )
    .at(span, "a distribution, not a process")
    .hint(format!(
        "write `iid {word}(..)` if agents know it when acting, or declare it as `noise` if they do not"
    ))
}

pub(super) fn iid_of_process(word: &str, span: Span) -> Diagnostic {
    err("E0603", format!("`{word}` is not independent over time"))
        .at(span, "a process")
        .hint("leave `iid` out")
}

pub(super) fn given_of_process(word: &str, span: Span) -> Diagnostic {
    err("E0603", format!("`given` needs a chain, not `{word}`"))
        .at(span, "not a chain")
        .hint("declare the shock as a chain: markov([low: 0.9, high: 1.1], [[0.9, 0.1], [0.1, 0.9]])")
}

pub(super) fn ar1_positional(span: Span) -> Diagnostic {
    err("E0603", "say which: sigma of the innovation or sd of the level")
        .at(span, "the second argument needs its name")
        .hint("ar1(rho: 0.9, sigma: 0.1) or ar1(rho: 0.9, sd: 0.2); they differ by sqrt(1 - rho^2). Decimals have a point: 0.95, not 0,95")
}

pub(super) fn ar1_both(rho: f64, sigma: f64, sd: f64, span: Span) -> Diagnostic {
    let level = sigma / (1.0 - rho * rho).sqrt();
    err("E0603", "`ar1` takes sigma or sd, not both")
        .at(span, "says it twice")
        .note(format!(
            "sigma = {} of the innovation means sd = {level:.6} of the level; sd is {} here",
            num(sigma),
            num(sd)
        ))
        .hint(format!(
            "keep one: ar1(rho: {}, sigma: {}) or ar1(rho: {}, sd: {})",
            num(rho),
            num(sigma),
            num(rho),
            num(sd)
        ))
}

pub(super) fn ar1_needs(span: Span) -> Diagnostic {
    err("E0603", "`ar1` needs rho and one of sigma, sd")
        .at(span, "not given")
        .hint("ar1(rho: 0.9, sigma: 0.1)")
}

pub(super) fn ar1_unit_root(rho: f64, span: Span) -> Diagnostic {
    err(
        "E0603",
        format!(
            "an autoregression with rho = {} has no stationary distribution",
            num(rho)
        ),
    )
    .at(span, "must lie in (-1, 1)")
    .hint("random_walk(sigma: ..) is the one with rho = 1")
}

pub(super) fn negative_sd(s: f64, span: Span) -> Diagnostic {
    negative_scale("standard deviation", s, span)
}

pub(super) fn negative_scale(what: &str, s: f64, span: Span) -> Diagnostic {
    err("E0407", format!("a {what} of {}", num(s)))
        .at(span, "must not be negative")
        .hint("a draw is turned round by a minus sign before it: -e")
}

pub(super) fn process_as_value(word: &str, span: Span) -> Diagnostic {
    err("E0606", format!("`{word}` is the law of a shock, not a value"))
        .at(span, "used in an expression")
        .hint(format!("declare it: shock z ~ {word}(..)"))
}

pub(super) fn draw_here(word: &str, span: Span) -> Diagnostic {
    err("E0606", format!("`{word}` draws a number, which this place cannot"))
        .at(span, "a distribution")
        .hint(format!(
            "declare `noise e ~ {word}(..)` (unknown when acting) or `shock e ~ iid {word}(..)` (known), and use `e`"
        ))
}

pub(super) fn not_a_distribution(span: Span) -> Diagnostic {
    err("E0606", "a noise needs a distribution")
        .at(span, "not one")
        .hint("noise e ~ normal(0, 1); anything else goes into a `let` of e")
}

pub(super) fn noise_law(word: &str, span: Span) -> Diagnostic {
    if !["markov", "ar1", "random_walk", "var1"].contains(&word) {
        return Diagnostic {
            code: "E0606".to_string(),
            ..unknown_distribution(word, span)
        };
    }
    err("E0606", format!("a noise cannot follow `{word}`"))
        .at(span, "a noise has no memory")
        .hint("noise e ~ normal(0, 1); a process is a shock")
}

pub(super) fn shock_start(name: &str, labels: &[String], values: &[f64], span: Span) -> Diagnostic {
    err("E0402", format!("`{name}` cannot start there"))
        .at(span, "no link of the chain")
        .note(format!("labels: {}", list(labels)))
        .hint(match labels.first() {
            Some(l) => format!("write start {l}"),
            None => {
                let values: Vec<String> = values.iter().take(6).map(|x| num(*x)).collect();
                format!(
                    "start at one of the values of the chain ({}), or give its links labels: markov([low: .., high: ..], ..)",
                    values.join(", ")
                )
            }
        })
}

pub(super) fn given_needs_chain(span: Span) -> Diagnostic {
    err("E0604", "`given` needs shocks with labels")
        .at(span, "not a labelled chain")
        .hint("label its links: markov([bad: 0.99, good: 1.01], ..)")
}

pub(super) fn given_labels(span: Span, want: usize, have: usize) -> Diagnostic {
    err("E0604", format!("{have} labels for {want} conditioning shocks"))
        .at(span, "this row")
        .hint("give one label for each shock after `given`, in that order")
}

pub(super) fn given_twice(span: Span, first: Span) -> Diagnostic {
    err("E0604", "this combination is given twice")
        .at(span, "again")
        .and(first, "first here")
        .hint("keep one of the two rows, or change its labels")
}

pub(super) fn given_missing(name: &str, labels: &str, span: Span) -> Diagnostic {
    err("E0604", format!("`{name}` has no matrix for {labels}"))
        .at(span, "the table")
        .hint("every combination of labels needs one")
}

pub(super) fn two_matrices(span: Span, table: Span) -> Diagnostic {
    err("E0604", "a matrix and a table of matrices")
        .at(span, "one matrix here")
        .and(table, "and one for each case here")
        .hint("keep the table where the chances depend on another shock, else the one matrix")
}

pub(super) fn stationary_mean(why: &str, span: Span) -> Diagnostic {
    err("E0603", "this has no stationary mean")
        .at(span, why.to_string())
        .hint("write the number itself as a param, or the mean over members: mean(household.k)")
}

// ---- E07 agents and markets ------------------------------------------------------------------------------

pub(super) fn no_transition(name: &str, posted: bool, span: Span) -> Diagnostic {
    if posted {
        return err("E0701", format!("nothing says what the price `{name}` is"))
            .at(span, "declared here")
            .hint(format!(
                "write `price {name} in [0, 10] clears DEMAND == SUPPLY`, `price {name} = ..`, or, if it is posted and moves by a law, {name}' = .."
            ));
    }
    err("E0701", format!("state `{name}` has no transition"))
        .at(span, "declared here")
        .hint(format!(
            "write {name}' = ..; a constant is a param, a function of others a let"
        ))
}

pub(super) fn transition_of_nothing(name: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err(
        "E0702",
        format!("a transition for `{name}`, which is no state of this block"),
    )
    .at(span, "moved here");
    with_guess(
        d,
        name,
        known,
        &format!("declare it in this block: state {name} in .., start .."),
    )
}

pub(super) fn transition_of_other(name: &str, what: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0702", format!("a transition for `{name}`, which is a {what}"))
        .at(span, "only states move by a law")
        .and(declared, format!("a {what}"))
        .hint(format!(
            "declare `state {name} in [lo, hi], start ..` if it is carried over; else write `let {name} = ..`"
        ))
}

pub(super) fn two_transitions(name: &str, span: Span, first: Span) -> Diagnostic {
    err("E0702", format!("`{name}` has two transitions"))
        .at(span, "again")
        .and(first, "first here")
        .hint(format!(
            "keep one; cases stand in one line: {name}' = if x > 0 then .. else .."
        ))
}

pub(super) fn action_without_effect(name: &str, span: Span) -> Diagnostic {
    err("E0703", format!("action `{name}` affects nothing"))
        .at(span, "no reward, law, market or end reads it")
        .hint("use it in a transition or a reward, or remove it")
}

pub(super) fn fixed_before_price(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0704", format!("neither side moves with `{name}` once actions are chosen")).at(span, "fixed before the price is found")
        .and(declared, "the price")
        .hint("three ways out: choose a share of income instead of a quantity; ration what is scarce (prorata); or make the choice a schedule: action d in [..] given p")
}

pub(super) fn two_givers(name: &str, span: Span, first: Span) -> Diagnostic {
    err("E0705", format!("`{name}` is given twice"))
        .at(span, "given again")
        .and(first, "already there")
        .hint(format!(
            "keep one of them, or give the second another name than `{name}`"
        ))
}

pub(super) fn give_to_nobody(target: &ast::Path, known: &[String]) -> Diagnostic {
    let words: Vec<&str> = target.segments.iter().map(|s| s.name.text.as_str()).collect();
    let d = err("E0705", format!("`give {}` has no receiver", words.join(".")))
        .at(target.span, "name the receiving agent and its new name");
    with_guess(d, words[0], known, "write give firm.q = ..")
}

pub(super) fn end_of_member(name: &str, span: Span) -> Diagnostic {
    err("E0706", format!("what happens to the member of `{name}` that ends?"))
        .at(span, "ends one member of a population")
        .hint("add `, then restart` (a newborn takes its place) or `, then leave`")
}

pub(super) fn discount_outside(d: Interval, finite: bool, span: Span) -> Diagnostic {
    let head = if d.lo == d.hi {
        format!("a discount factor of {}", num(d.lo))
    } else {
        format!("a discount factor in {}", interval(d))
    };
    let want = if finite {
        "must lie in (0, 1]"
    } else {
        "must lie in (0, 1) where there is no horizon"
    };
    err("E0707", head).at(span, want).hint(match d.as_point() {
        Some(x) if (2.0..=100.0).contains(&x) => format!("per cent have their sign: {}%", num(x)),
        Some(0.0) => {
            "with a factor of 0 nothing after today counts: write `horizon 1`, or a factor such as 0.96".to_string()
        }
        Some(x) if x < 0.0 => format!("leave the sign out: {}", num(-x)),
        Some(1.0) => {
            "write a factor such as 0.96 (a rate r gives 1 / (1 + r)), or give the model a last period: horizon 80"
                .to_string()
        }
        Some(x) => format!("a rate r gives the factor 1 / (1 + r): 1 / {}", num(x)),
        None => "keep it inside: clamp(.., 0.01, 0.99), or bound what it reads; a rate r gives the factor 1 / (1 + r)"
            .to_string(),
    })
}

pub(super) fn no_discount(name: &str, span: Span) -> Diagnostic {
    err("E0707", format!("`{name}` acts for ever and has no discount factor"))
        .at(span, "declared here")
        .hint("write `discount beta`, or `horizon T`")
}

pub(super) fn unknown_stage(word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0708", format!("unknown stage `{word}`")).at(span, "no such stage");
    with_guess(d, word, known, "declare the order at top level: stages lead, follow")
}

pub(super) fn stackelberg_without_stages(span: Span) -> Diagnostic {
    err("E0708", "`stackelberg` needs stages")
        .at(span, "everybody acts at once")
        .hint("stages lead, follow; action q in [..] at lead")
}

pub(super) fn require_too_late(span: Span, phase: Phase, chain: &[(String, Span)]) -> Diagnostic {
    let names: Vec<String> = chain.iter().map(|(n, _)| format!("`{n}`")).collect();
    err("E0709", "a hard requirement on something not known when acting")
        .at(span, format!("known in {}", phase_words(phase)))
        .note(format!("reads {}", names.join(" -> ")))
        .hint("say what happens when it fails: require .. else penalty(100), or else end")
}

pub(super) fn project_needs_action(span: Span) -> Diagnostic {
    err(
        "E0709",
        "`else project` needs a requirement on this agent's actions alone",
    )
    .at(span, "nothing to move")
    .hint("require something of an action, as in `require c <= m else project`, or write `else penalty(10)`")
}

pub(super) fn clamp_what(span: Span, known: &[String]) -> Diagnostic {
    err("E0710", "`else clamp` must name an action")
        .at(span, "which one?")
        .hint(format!("actions: {}", list(known)))
}

pub(super) fn clamp_not_action(word: &str, span: Span, known: &[String]) -> Diagnostic {
    err(
        "E0710",
        format!("`{word}` is no action: clamping it would break what defines it"),
    )
    .at(span, "not chosen")
    .hint(format!("actions: {}", list(known)))
}

pub(super) fn negative_penalty(span: Span) -> Diagnostic {
    err("E0709", "a negative penalty rewards the violation")
        .at(span, "is subtracted from the reward")
        .hint("write a positive number: else penalty(10)")
}

pub(super) fn no_participant(role: &str, def: &ast::Name, span: Span, declared: Span) -> Diagnostic {
    err("E0711", format!("nobody takes part in `{}` as `{role}`", def.text))
        .at(span, "used here")
        .and(declared, "the definition")
        .hint(format!("among {role}: AGENT(port: name, ..)"))
}

pub(super) fn missing_port(port: &str, agent: &str, def: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0711", format!("`{def}` needs `{port}` from `{agent}`"))
        .at(span, "not given")
        .and(declared, "offered in the definition")
        .hint(format!("{agent}({port}: NAME)"))
}

pub(super) fn only_in_definition(span: Span) -> Diagnostic {
    err("E0711", "this stands only in a `market def`")
        .at(span, "outside one")
        .hint(
            "in a model say what is offered where the market is used: market m = cournot(a: 10, b: 1) among firm(q: q)",
        )
}

pub(super) fn only_in_agent(what: &str, span: Span) -> Diagnostic {
    err("E0712", format!("`{what}` belongs to an agent"))
        .at(span, "outside one")
        .hint("move it into an `agent` block")
}

pub(super) fn only_at_top(span: Span) -> Diagnostic {
    err("E0712", "this stands only at the top of a file")
        .at(span, "inside a block")
        .hint("move it out of the braces")
}

pub(super) fn reward_without_action(name: &str, span: Span) -> Diagnostic {
    Diagnostic::warning("W0713", format!("`{name}` has a reward and nothing to choose"))
        .at(span, "never acted upon")
        .hint("give it an action, or drop the reward")
}

pub(super) fn action_without_reward(name: &str, span: Span) -> Diagnostic {
    err("E0713", format!("`{name}` acts and wants nothing"))
        .at(span, "has actions and no reward")
        .hint("write `reward ..`, or fix the action: policy q = ..")
}

pub(super) fn mass_without_continuum(name: &str, span: Span) -> Diagnostic {
    err("E0406", format!("`{name}` is no continuum and has no mass"))
        .at(span, "a mass")
        .hint("leave the mass out, or write [continuum]")
}

pub(super) fn mass_not_positive(m: f64, span: Span) -> Diagnostic {
    err("E0406", format!("a mass of {}", num(m)))
        .at(span, "must be positive")
        .hint("leave it out for a mass of 1")
}

pub(super) fn policy_of_nothing(word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err(
        "E0714",
        format!("a policy for `{word}`, which is no action of this agent"),
    )
    .at(span, "no such action");
    let otherwise = match known {
        [] => "declare the action first: action q in [0, 1]".to_string(),
        known => format!("its actions: {}", list(known)),
    };
    with_guess(d, word, known, &otherwise)
}

pub(super) fn two_policies(name: &str, span: Span, first: Span) -> Diagnostic {
    err("E0714", format!("`{name}` has two policies"))
        .at(span, "the second one")
        .and(first, "the first one")
        .hint("keep one of them")
}

pub(super) fn bad_taste(span: Span) -> Diagnostic {
    err("E0715", "taste shocks are `taste gumbel(scale)` on a finite choice")
        .at(span, "not that")
        .hint("write `action d in {keep, replace}, taste gumbel(1)`; a choice from an interval has none")
}

pub(super) fn unknown_concept(word: &str, span: Span) -> Diagnostic {
    err("E0716", format!("unknown concept `{word}`"))
        .at(span, "no such concept")
        .hint("planner, competitive, nash, collusive, stackelberg, or steady_state(x)")
}

pub(super) fn solve_arguments(concept: &str, span: Span) -> Diagnostic {
    err(
        "E0716",
        format!("`{concept}` takes one state or action, and horizon: n"),
    )
    .at(span, "not that")
    .hint(format!("solve {concept}(p, horizon: 1)"))
}

pub(super) fn solve_target(word: &str, concept: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0716", format!("`{concept}` of `{word}`, which is no state or action")).at(span, "asked for here");
    with_guess(d, word, known, &format!("the model has {}", list(known)))
}

pub(super) fn solve_only_in_param(concept: &str, span: Span) -> Diagnostic {
    err(
        "E0716",
        format!("`{concept}` stands only as the whole value of a `param`"),
    )
    .at(span, "inside an expression")
    .hint("param x = solve nash(p, horizon: 1), and use x")
}

pub(super) fn unused(what: &str, name: &str, span: Span) -> Diagnostic {
    Diagnostic::warning("W0701", format!("{what} `{name}` is never used"))
        .at(span, "declared here")
        .hint("remove it, or check the spelling where it was meant")
}

pub(super) fn mean_has_memory(
    shock: &str,
    aggregate: &str,
    moves: &str,
    link: &str,
    drift: &super::cross_section::Drift,
    span: Span,
    declared: Span,
) -> Diagnostic {
    Diagnostic::warning(
        "W0607",
        format!("the members' shares in the links of `{shock}` are not a function of `{aggregate}`"),
    )
    .at(span, "depends on the whole past of the aggregate chain")
    .and(declared, "the members' chain")
    .note(format!(
        "share in `{link}` after {moves}: {:.6}; on average in that aggregate link: {:.6}",
        drift.moved, drift.usual
    ))
    .hint("give a matrix for each move of the aggregate that keeps the shares, or expect one more aggregate state")
}

// ---- E08 scenarios and settings --------------------------------------------------------------------------

pub(super) fn unknown_setting(key: &str, block: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0801", format!("`{block}` has no setting `{key}`"))
        .at(span, "would be ignored")
        .note(format!("its settings: {}", known.join(", ")));
    with_guess(d, key, known, "remove it, or write one of these")
}

pub(super) fn unknown_word(what: &str, word: &str, known: &[String]) -> Diagnostic {
    let d = err("E0804", format!("unknown {what} `{word}`"));
    if known.is_empty() {
        return d.note(format!("there is no {what}"));
    }
    let d = d.note(format!("{what}s: {}", known.join(", ")));
    let usual = match word.to_lowercase().as_str() {
        "vfi" | "value" | "vi" | "howard" | "pfi" | "policy_iteration" => "value_iteration",
        "proximal_policy_optimization" | "proximal_policy_optimisation" => "ppo",
        "q" | "qlearning" | "tabular" => "q_learning",
        "perfect_foresight" | "social_planner" => "planner",
        _ => "",
    };
    if known.iter().any(|k| k == usual) {
        return d.hint(format!("did you mean `{usual}`?"));
    }
    with_guess(d, word, known, "write one of these")
}

pub(super) fn setting_kind(key: &str, value: &str, kind: &str, words: &[String]) -> Diagnostic {
    let d = err("E0805", format!("`{key}` cannot be `{value}`"));
    let otherwise = match super::meant::setting(key, value) {
        Some(meant) => format!("{meant}; it takes {kind}"),
        None => format!("it takes {kind}"),
    };
    with_guess(d, value, words, &otherwise)
}

/// A grid in the settings that reaches where the state never is.
pub(super) fn grid_beyond(
    name: &str,
    key: &str,
    grid: (f64, f64),
    domain: Interval,
    span: Span,
    declared: Span,
) -> Diagnostic {
    let (lo, hi) = (grid.0.max(domain.lo), grid.1.min(domain.hi));
    err(
        "E0408",
        format!(
            "the grid of `{name}` reaches from {} to {}, outside its domain",
            num(grid.0),
            num(grid.1)
        ),
    )
    .at(span, "nodes at which it never is")
    .and(declared, format!("in {}", interval(domain)))
    .hint(match lo < hi {
        true => format!(
            "let it end where the domain ends: {key} = uniform({}, {}, 200), or widen the domain",
            num(lo),
            num(hi)
        ),
        false => "give the grid the ends of the domain, or widen the domain".to_string(),
    })
}

/// A scenario that forces an action to where it can never be.
pub(super) fn force_outside(name: &str, got: Interval, bounds: Interval, span: Span, declared: Span) -> Diagnostic {
    err(
        "E0817",
        format!("`{name}` is put at {}, which cannot be chosen", interval(got)),
    )
    .at(span, "forced here")
    .and(declared, format!("chosen in {}", interval(bounds)))
    .hint("keep the number inside the bounds, or widen them")
}

/// A force whose first period comes after the last one of its scenario.
pub(super) fn force_too_late(name: &str, from: usize, periods: usize, scenario: &str, span: Span) -> Diagnostic {
    Diagnostic::warning(
        "W0817",
        format!("`{name}` is forced in period {from}, and `{scenario}` ends before"),
    )
    .at(span, "never happens")
    .note(format!(
        "periods count from 0: with {periods} of them the last one is {}",
        periods - 1
    ))
    .hint(format!(
        "name an earlier period, or let the scenario go on: periods {}",
        from.saturating_add(1)
    ))
}

/// A discount factor that is no weight of tomorrow against today everywhere.
pub(super) fn discount_in_places(name: &str, above: bool, x: &str, place: &str, span: Span) -> Diagnostic {
    let (what, keep) = if above {
        ("more than 1: tomorrow counts more than today there", "min(.., 0.99)")
    } else {
        ("less than 0", "max(.., 0)")
    };
    let d = Diagnostic::warning(
        "W0707",
        format!("the discount factor of `{name}` is {x} in places"),
    )
    .at(span, what)
    .note(
        "lifetime values have an end only if the factor is below 1 on average over the states that follow one another",
    );
    let d = if place.is_empty() {
        d
    } else {
        d.note(format!("at {place}"))
    };
    d.hint(format!(
        "keep it inside, as in {keep}, or bound what it reads; a rate r gives the factor 1 / (1 + r)"
    ))
}

/// A law that leads outside wherever it was tried.
pub(super) fn law_leaves_everywhere(name: &str, next: &str, place: &str, domain: Interval, span: Span) -> Diagnostic {
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
        "check the numbers in it: rates and shares are parts of 1, per cent have their sign (10%, not 10); or widen the domain",
    )
}

/// A rule that puts an action where it can never be.
pub(super) fn rule_outside(name: &str, got: Interval, bounds: Interval, span: Span, declared: Span) -> Diagnostic {
    err(
        "E0817",
        format!("the policy puts `{name}` at {}, which cannot be chosen", interval(got)),
    )
    .at(span, "outside the bounds wherever it was tried")
    .and(declared, format!("chosen in {}", interval(bounds)))
    .hint("keep the rule inside the bounds, as in min(.., hi), or widen them")
}

/// A model that reads the date and has no last one.
pub(super) fn date_without_horizon(discounts: bool, span: Span) -> Diagnostic {
    let d = Diagnostic::warning(
        "W0827",
        "`t` matters and the model has no `horizon`: it can be simulated and trained, not solved",
    )
    .at(span, "reads the date");
    if discounts {
        return d.hint("the weights of later periods are not written into the reward: `reward log(c)` with `discount 0.95` is the sum of 0.95^t * log(c)");
    }
    d.hint("declare `horizon 40`, say, or read a state that counts: `state n in 0..40, start 0` with `n' = min(n + 1, 40)`; seasons need neither: `t mod 12` goes round by itself")
}

pub(super) fn unequal_discounts(one: &(String, f64), other: &(String, f64), span: Span) -> Diagnostic {
    let headline = if one.0 == other.0 {
        format!("a planner for members of `{}` who discount differently", one.0)
    } else {
        format!("a planner for `{}` and `{}`, who discount differently", one.0, other.0)
    };
    err("E0806", headline)
        .at(span, "whose patience would the planner have?")
        .note(format!("{} {}, {} {}", one.0, num(one.1), other.0, num(other.1)))
        .hint("give all the same discount, or choose another concept")
}

pub(super) fn setting_target(family: &str, word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err(
        "E0801",
        format!("`{family}.{word}`: the model has no `{word}` for this setting"),
    )
    .at(span, "no such name");
    with_guess(d, word, known, &format!("it has {}", list(known)))
}

pub(super) fn scenario_unknown(word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0201", format!("unknown name `{word}` in a scenario")).at(span, "not in the model");
    // What the program adds by itself has no name.
    let known: Vec<String> = known.iter().filter(|k| !k.is_empty()).cloned().collect();
    let known = known.as_slice();
    match known.iter().find(|k| k.rsplit('.').next() == Some(word)) {
        Some(dotted) => d.hint(format!("did you mean `{dotted}`?")),
        None => with_guess(
            d,
            word,
            known,
            &format!("a scenario scripts names of the model: {}", list(known)),
        ),
    }
}

pub(super) fn scenario_param_fixed(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0803", format!("a scenario cannot change `{name}`"))
        .at(span, "changed here")
        .and(declared, "not a single number of its own")
        .hint("sizes and arrays are fixed: use --set")
}

pub(super) fn scenario_target(name: &str, what: &str, span: Span) -> Diagnostic {
    err("E0803", format!("a scenario cannot script `{name}`"))
        .at(span, what.to_string())
        .hint("states may start, shocks follow a path, shocks, noises, actions and params be forced")
}

pub(super) fn scenario_numbered(what: &str, span: Span) -> Diagnostic {
    err("E0803", format!("a `{what}` of a scenario is about all members"))
        .at(span, "names one")
        .hint(format!(
            "say what each has: {what} firm[i in 1..N].k = if i == 1 then 5 else 1"
        ))
}

pub(super) fn scenario_path_state(name: &str, span: Span) -> Diagnostic {
    err("E0803", format!("state `{name}` moves by its law"))
        .at(span, "cannot be scripted")
        .hint("give it a `start`; force the action or the shock that moves it")
}

pub(super) fn path_of_chain(name: &str, labels: &[String], values: &[f64], span: Span) -> Diagnostic {
    let values: Vec<String> = values.iter().map(|v| num(*v)).collect();
    err("E0803", format!("a path of `{name}` is made of its links"))
        .at(span, "not a link of the chain")
        .note(format!("labels {}; values {}", list(labels), values.join(", ")))
        .hint("use its labels: alternate(low, high, every: 20)")
}

/// A sum with the digits that matter.
fn trim(x: f64) -> String {
    let s = format!("{x:.10}");
    s.trim_end_matches('0').trim_end_matches('.').to_string()
}

pub(super) fn endless_choice(name: &str, span: Span) -> Diagnostic {
    err("E0833", format!("the whole-number action `{name}` has no end"))
        .at(span, "infinitely many choices")
        .hint("name the largest number that matters: `in 0..100`; or choose from the real line: `in [0, inf)`")
}
