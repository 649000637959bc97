//! Messages about distributions, processes and chains (E06).

use super::{err, list, num, trim, with_guess};
use crate::diag::{Diagnostic, Span};

/// A row of a transition matrix, of one value per next state, whose sum is not 1.
pub(in crate::check) fn row_sum(
    row: usize,
    of: usize,
    values: &[f64],
    sum: f64,
    span: Span,
    matrix: Option<Span>,
) -> Diagnostic {
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

/// A row of an `unchecked` matrix that is farther from one than digits are rounded.
pub(in crate::check) fn row_unchecked(row: usize, values: &[f64], sum: f64, span: Span) -> Diagnostic {
    let shown: Vec<String> = values.iter().map(|x| num(*x)).collect();
    let head = format!("row {row} of the `unchecked` matrix sums to {}", trim(sum));
    Diagnostic::warning("W0601", head)
        .at(span, "these are no probabilities")
        .note(format!("{} = {}", shown.join(" + "), trim(sum)))
        .note("`unchecked` keeps the digits of a publication; a solver that weighs with these numbers and a simulation that draws with them do not agree")
        .hint("correct the row; or write `normalize [[..]]` to divide every row by its sum")
}

/// `m` probabilities of a draw with `n` values.
pub(in crate::check) fn one_each(n: usize, m: usize, span: Span) -> Diagnostic {
    let said = |k: usize, word: &str| match k {
        1 => format!("1 {word}"),
        k if word.ends_with('y') => format!("{k} {}ies", word.trim_end_matches('y')),
        k => format!("{k} {word}s"),
    };
    err("E0602", format!("{} for {}", said(m, "probability"), said(n, "value")))
        .at(span, "one number is needed for each value")
        .hint(format!(
            "write {} that sum to 1, as in `discrete([1, 2, 3], [0.2, 0.3, 0.5])`",
            said(n, "probability")
        ))
}

pub(in crate::check) fn chain_shape(n: usize, rows: usize, columns: usize, span: Span) -> Diagnostic {
    err("E0602", format!("{n} values need {n} x {n} probabilities"))
        .at(span, format!("{rows} rows, a row of {columns}"))
        .hint("one row per value, one number per value in it: markov([1, 2], [[0.9, 0.1], [0.2, 0.8]])")
}

pub(in crate::check) fn some_labels(span: Span) -> Diagnostic {
    err("E0602", "either every state of the chain has a label or none")
        .at(span, "some have")
        .hint("write markov([low: 0.9, high: 1.1], ..) or markov([0.9, 1.1], ..)")
}

pub(in crate::check) fn not_a_probability(p: f64, span: Span) -> Diagnostic {
    err("E0605", format!("{} is no probability", num(p)))
        .at(span, "must lie in [0, 1]")
        .hint(match p {
            p if (2.0..=100.0).contains(&p) => format!("per cent are written {}%", num(p)),
            _ => "the probabilities of a row are not negative and sum to 1: [0.9, 0.1]".to_string(),
        })
}

pub(in crate::check) fn not_a_process(span: Span) -> Diagnostic {
    err("E0603", "a shock needs a law")
        .at(span, "not one")
        .hint("write ar1(rho: .., sigma: ..), markov([..], [[..]]), or iid normal(0, 1)")
}

pub(in crate::check) fn unknown_process(word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0603", format!("unknown law `{word}`")).at(span, "no such process");
    let otherwise = format!("the laws are {}, and `iid` with {DISTRIBUTIONS}", list(known));
    with_guess(d, word, known, &otherwise)
}

/// The distributions that draws follow.
const DISTRIBUTIONS: &str = "normal, lognormal, uniform, uniform_int, bernoulli, discrete, exponential or gumbel";

/// A distribution that is none of the language's.
pub(in crate::check) fn unknown_distribution(word: &str, span: Span) -> Diagnostic {
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

pub(in crate::check) fn iid_missing(word: &str, span: Span) -> Diagnostic {
    err(
        "E0603",
        format!("a shock ~ {word}(..) is independent over time: say so"),
    )
    .at(span, "a distribution, not a process")
    .hint(format!(
        "write `iid {word}(..)` if agents know it when acting, or declare it as `noise` if they do not"
    ))
}

pub(in crate::check) fn iid_of_process(word: &str, span: Span) -> Diagnostic {
    err("E0603", format!("`{word}` is not independent over time"))
        .at(span, "a process")
        .hint("leave `iid` out")
}

pub(in crate::check) fn given_of_process(word: &str, span: Span) -> Diagnostic {
    err("E0603", format!("`given` needs a chain, not `{word}`"))
        .at(span, "not a chain")
        .hint("declare the shock as a chain: markov([low: 0.9, high: 1.1], [[0.9, 0.1], [0.1, 0.9]])")
}

pub(in crate::check) fn ar1_positional(span: Span) -> Diagnostic {
    err("E0603", "say which: sigma of the innovation or sd of the level")
        .at(span, "the second argument needs its name")
        .hint("ar1(rho: 0.9, sigma: 0.1) or ar1(rho: 0.9, sd: 0.2); they differ by sqrt(1 - rho^2). Decimals have a point: 0.95, not 0,95")
}

pub(in crate::check) fn ar1_both(rho: f64, sigma: f64, sd: f64, span: Span) -> Diagnostic {
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

pub(in crate::check) fn ar1_needs(span: Span) -> Diagnostic {
    err("E0603", "`ar1` needs rho and one of sigma, sd")
        .at(span, "not given")
        .hint("ar1(rho: 0.9, sigma: 0.1)")
}

pub(in crate::check) fn ar1_unit_root(rho: f64, span: Span) -> Diagnostic {
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

pub(in crate::check) fn negative_sd(s: f64, span: Span) -> Diagnostic {
    negative_scale("standard deviation", s, span)
}

pub(in crate::check) fn negative_scale(what: &str, s: f64, span: Span) -> Diagnostic {
    err("E0407", format!("a {what} of {}", num(s)))
        .at(span, "must not be negative")
        .hint("for the opposite sign put a minus before the draw: -e")
}

pub(in crate::check) fn process_as_value(word: &str, span: Span) -> Diagnostic {
    err("E0606", format!("`{word}` is the law of a shock, not a value"))
        .at(span, "used in an expression")
        .hint(format!("declare it: shock z ~ {word}(..)"))
}

pub(in crate::check) fn draw_here(word: &str, span: Span) -> Diagnostic {
    err("E0606", format!("`{word}` draws a number, which this place cannot"))
        .at(span, "a distribution")
        .hint(format!(
            "declare `noise e ~ {word}(..)` (unknown when acting) or `shock e ~ iid {word}(..)` (known), and use `e`"
        ))
}

pub(in crate::check) fn not_a_distribution(span: Span) -> Diagnostic {
    err("E0606", "a noise needs a distribution")
        .at(span, "not one")
        .hint("noise e ~ normal(0, 1); anything else goes into a `let` of e")
}

pub(in crate::check) fn noise_law(word: &str, span: Span) -> Diagnostic {
    if !["markov", "ar1", "random_walk", "var1"].contains(&word) {
        return unknown_distribution(word, span).coded("E0606");
    }
    err("E0606", format!("a noise cannot follow `{word}`"))
        .at(span, "a noise has no memory")
        .hint("noise e ~ normal(0, 1); a process is a shock")
}

/// A start that is no state of the chain: one label (or none) and one value per state.
pub(in crate::check) fn shock_start(name: &str, labels: &[String], values: &[f64], span: Span) -> Diagnostic {
    err("E0402", format!("`{name}` cannot start there"))
        .at(span, "no state of the chain")
        .note(format!("labels: {}", list(labels)))
        .hint(match labels.first() {
            Some(l) => format!("write start {l}"),
            None => {
                let values: Vec<String> = values.iter().take(6).map(|x| num(*x)).collect();
                format!(
                    "start at one of the values of the chain ({}), or give its states labels: markov([low: .., high: ..], ..)",
                    values.join(", ")
                )
            }
        })
}

pub(in crate::check) fn given_needs_chain(span: Span) -> Diagnostic {
    err("E0604", "`given` needs shocks with labels")
        .at(span, "not a labelled chain")
        .hint("label its states: markov([bad: 0.99, good: 1.01], ..)")
}

pub(in crate::check) fn given_labels(span: Span, want: usize, have: usize) -> Diagnostic {
    err("E0604", format!("{have} labels for {want} conditioning shocks"))
        .at(span, "this row")
        .hint("give one label for each shock after `given`, in that order")
}

pub(in crate::check) fn given_twice(span: Span, first: Span) -> Diagnostic {
    err("E0604", "this combination is given twice")
        .at(span, "again")
        .and(first, "first here")
        .hint("keep one of the two rows, or change its labels")
}

pub(in crate::check) fn given_missing(name: &str, labels: &str, span: Span) -> Diagnostic {
    err("E0604", format!("`{name}` has no matrix for {labels}"))
        .at(span, "the table")
        .hint("every combination of labels needs one")
}

pub(in crate::check) fn two_matrices(span: Span, table: Span) -> Diagnostic {
    err("E0604", "a matrix and a table of matrices")
        .at(span, "one matrix here")
        .and(table, "and one for each case here")
        .hint("keep the table where the chances depend on another shock, else the one matrix")
}

pub(in crate::check) fn stationary_mean(why: &str, span: Span) -> Diagnostic {
    err("E0603", "this has no stationary mean")
        .at(span, why.to_string())
        .hint("write the number itself as a param, or the mean over members: mean(household.k)")
}
