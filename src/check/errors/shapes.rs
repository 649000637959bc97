//! Messages about shapes and types (E03).

use super::{err, list, num};
use crate::diag::{Diagnostic, Span};

pub(in crate::check) fn shapes(span: Span, a: (Span, &str), b: (Span, &str)) -> Diagnostic {
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

pub(in crate::check) fn left_side_shape(name: &str, span: Span, have: &str, declared: Span, want: &str) -> Diagnostic {
    let apart = |part: &str| part.trim().chars().all(|c| "x×".contains(c));
    if !want.is_empty() && have.contains(want) && have.split(want).all(apart) {
        return err("E0308", format!("`{name}` is one number for each member, and this is what all of them have"))
            .at(span, format!("has one number for every member of {have}, read from outside"))
            .hint("inside its agent a name alone is the member's own: `q`, not `firm.q`; of all members it is `sum(firm.q)` or `mean(firm.q)`, also in a definition that is used here");
    }
    err("E0308", format!("`{name}` cannot hold a value with these axes"))
        .at(span, format!("has {have}"))
        .and(declared, format!("holds {want}"))
        .hint(match too_few(have, want) {
            Some((set, members, given)) => format!(
                "`{set}` has {members} members, and each takes one number: write {members} of them, not {given}"
            ),
            None => "reduce the extra axis: sum(..), mean(..), or name it on the left".to_string(),
        })
}

/// A list `[1..2]` for a set `g[3]`: the set, its members, and how many numbers there are.
fn too_few<'a>(have: &str, want: &'a str) -> Option<(&'a str, usize, usize)> {
    let given = have.strip_prefix("[1..")?.strip_suffix(']')?.parse().ok()?;
    let (set, members) = want.strip_suffix(']')?.split_once('[')?;
    let members = members.parse().ok()?;
    (members != given && !set.is_empty()).then_some((set, members, given))
}

pub(in crate::check) fn condition_as_number(span: Span) -> Diagnostic {
    err("E0302", "a condition is no number")
        .at(span, "true or false")
        .hint("count it (`count`, `mean`) or write `if .. then 1 else 0`")
}

pub(in crate::check) fn number_as_condition(span: Span) -> Diagnostic {
    err("E0302", "a number is no condition")
        .at(span, "a comparison is needed")
        .hint("compare it: x > 0")
}

pub(in crate::check) fn label_as_number(span: Span, labels: &[String]) -> Diagnostic {
    err("E0302", "a label has no numeric value")
        .at(span, "used as a number")
        .note(format!("labels: {}", list(labels)))
        .hint("say what it stands for: `if d == label then 0.9 else 1.1`; states of a chain may have values, `markov([low: 0.9, high: 1.1], ..)`, choices may be numbers, `action d in {0.9, 1.1}`")
}

pub(in crate::check) fn which_axis(word: &str, shape: &str, span: Span) -> Diagnostic {
    // `others(firm)[2] x good[3]`: the others are reduced over as firms are.
    let others = shape
        .split(" x ")
        .find_map(|a| a.strip_prefix("others(")?.split(')').next());
    let first = shape
        .split([',', ' ', '[', ']', '(', ')'])
        .find(|w| !w.is_empty() && *w != "x");
    err("E0303", format!("`{word}` of {shape}: over which axis?"))
        .at(span, "more than one axis is left")
        .hint(match (others, first) {
            (Some(axis), _) => format!("say it: {word}(x over {axis})"),
            (None, Some(axis)) => format!("say it: {word}(x over {axis}), or bind: {word}(i in {axis}: x[i])"),
            (None, None) => format!("bind an index: {word}(i in 1..3: x[i])"),
        })
}

/// `alone`: the single agent whose number it is, if it is one's.
pub(in crate::check) fn nothing_to_reduce(word: &str, span: Span, alone: Option<(&str, Span)>) -> Diagnostic {
    let d = err("E0304", format!("`{word}` of one number")).at(span, "has no axis left to reduce");
    if let Some((agent, declared)) = alone {
        return d.and(declared, "one agent").hint(format!(
            "`{agent}` is one agent: for a population write `agent {agent}[continuum] {{`, for ten of them `agent {agent}[10] {{`"
        ));
    }
    d.hint(match word {
            "max" | "min" => "compare it with another: max(x, 0); or reduce over all members, which are dotted: max(household.k)",
            "sum" => "in its own block a bare name is that of one member; all members are dotted: sum(household.k). Solvers sum over time: the reward is that of one period",
            _ => "in its own block a bare name is that of one member; all members are dotted: mean(household.k)",
        })
}

pub(in crate::check) fn not_over(word: &str, shape: &str, span: Span) -> Diagnostic {
    err("E0304", format!("no axis `{word}` to reduce over"))
        .at(span, format!("has {shape}"))
        .hint(format!("reduce over one of its own axes: {shape}"))
}

/// `others` of what has no axis of my own population; `dotted` is what was meant, where a variable of my own kind has that name.
pub(in crate::check) fn others_of_what(span: Span, dotted: Option<&str>) -> Diagnostic {
    err("E0304", "`others` needs a dotted name of my own population")
        .at(span, "nobody else here")
        .hint(match dotted {
            Some(dotted) => format!("write `others({dotted})`"),
            None => "inside `firm`: others(firm.p)".to_string(),
        })
}

pub(in crate::check) fn wrong_index(name: &str, want: usize, have: usize, span: Span, declared: Span) -> Diagnostic {
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

pub(in crate::check) fn binder_here(span: Span) -> Diagnostic {
    err("E0305", "`i in set` stands only on left sides and in reductions")
        .at(span, "an index is needed")
        .hint("write the index alone: k[i]")
}

pub(in crate::check) fn law_needs_binder(name: &str, set: &str, span: Span) -> Diagnostic {
    err("E0305", format!("the law of `{name}` names one element"))
        .at(span, "which holds for all?")
        .hint(format!("bind the index: {name}'[i in {set}] = .."))
}

pub(in crate::check) fn index_not_whole(what: &str, span: Span) -> Diagnostic {
    err("E0305", format!("{what} is no index"))
        .at(span, "an index is a whole number, a chain or a label")
        .hint("round it: floor(x) or round(x)")
}

pub(in crate::check) fn index_outside(name: &str, have: (f64, f64), want: (f64, f64), span: Span) -> Diagnostic {
    err("E0306", format!("an index outside `{name}`"))
        .at(span, format!("can be {}..{}", num(have.0), num(have.1)))
        .note(format!("index  {}..{}", num(have.0), num(have.1)))
        .note(format!("set    {}..{}", num(want.0), num(want.1)))
        .hint("clamp it, or widen the set")
}

pub(in crate::check) fn single_agent_indexed(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0305", format!("`{name}` is one agent and has no number"))
        .at(span, "indexed here")
        .and(declared, "declared without [N]")
        .hint(format!(
            "write `{name}` without brackets, or declare several: `agent {name}[2]`"
        ))
}

pub(in crate::check) fn sum_of_continuum(word: &str, name: &str, span: Span) -> Diagnostic {
    err("E0307", format!("`{word}` over the continuum `{name}`"))
        .at(span, "a continuum has mass one and no members to count")
        .hint("use mean: it is the integral, and works for populations too")
}

pub(in crate::check) fn numbered_continuum(name: &str, span: Span) -> Diagnostic {
    err("E0307", format!("the continuum `{name}` has no member with a number"))
        .at(span, "numbered here")
        .hint(format!(
            "write about all members: mean({name}.x), sum({name}.x), or `others(x)` inside the block"
        ))
}

pub(in crate::check) fn continuum_as_number(span: Span) -> Diagnostic {
    err("E0307", "`continuum` is no number")
        .at(span, "used as one")
        .hint("use `mean` instead of sums divided by N; --set N=100 chooses a number")
}

pub(in crate::check) fn param_by_member(
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

pub(in crate::check) fn empty_array(span: Span) -> Diagnostic {
    err("E0309", "an empty array")
        .at(span, "has no values")
        .hint("write its values: [1, 2.5]")
}

pub(in crate::check) fn ragged(row: Span, whole: Span) -> Diagnostic {
    err("E0309", "rows of different length")
        .at(row, "this row")
        .and(whole, "the matrix")
        .hint("give every row as many numbers: [[0.9, 0.1], [0.2, 0.8]]")
}

pub(in crate::check) fn repeated_axis(name: &str, set: &str, span: Span) -> Diagnostic {
    err("E0308", format!("`{name}` is indexed twice by `{set}`"))
        .at(span, "declared here")
        .hint("declare a second set of the same size")
}

pub(in crate::check) fn port_shape(span: Span) -> Diagnostic {
    err("E0711", "this port is no vector over one population")
        .at(span, "the market needs one number per participant")
        .hint("offer an action or a definition of the agent itself, as in `among firm(q: q)`")
}
