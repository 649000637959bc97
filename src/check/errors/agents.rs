//! Messages about agents, markets and prices (E07).

use super::{err, interval, list, num, phase_words, with_guess};
use crate::diag::{Diagnostic, Span};
use crate::graph::{Interval, Phase};
use crate::syntax::ast;

pub(in crate::check) fn no_transition(name: &str, posted: bool, span: Span) -> Diagnostic {
    if posted {
        return err("E0701", format!("nothing determines the price `{name}`"))
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

pub(in crate::check) fn transition_of_nothing(name: &str, span: Span, known: &[String]) -> Diagnostic {
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

pub(in crate::check) fn transition_of_shock(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0702", format!("a transition for `{name}`, which is a shock"))
        .at(span, "only states have a law of motion")
        .and(declared, "its process stands here")
        .hint(format!(
            "leave this line out: the process says how it moves, as in `shock {name} ~ ar1(rho: 0.9, sigma: 0.1)`"
        ))
}

pub(in crate::check) fn transition_of_other(name: &str, what: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0702", format!("a transition for `{name}`, which is a {what}"))
        .at(span, "only states have a law of motion")
        .and(declared, format!("a {what}"))
        .hint(format!(
            "declare `state {name} in [lo, hi], start ..` if it is carried over; else write `let {name} = ..`"
        ))
}

pub(in crate::check) fn two_transitions(name: &str, span: Span, first: Span) -> Diagnostic {
    err("E0702", format!("`{name}` has two transitions"))
        .at(span, "again")
        .and(first, "first here")
        .hint(format!(
            "keep one; cases stand in one line: {name}' = if x > 0 then .. else .."
        ))
}

pub(in crate::check) fn action_without_effect(name: &str, span: Span) -> Diagnostic {
    err("E0703", format!("action `{name}` affects nothing"))
        .at(span, "no reward, law, market or end reads it")
        .hint("use it in a transition or a reward, or remove it")
}

pub(in crate::check) fn fixed_before_price(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0704", format!("neither side moves with `{name}` once actions are chosen")).at(span, "fixed before the price is found")
        .and(declared, "the price")
        .hint(format!(
            "let one side move with the price, as a curve, `clears sum(firm.s) == 5 - {name}`, or by a share of income that is chosen, `let want = share * income / {name}`: \
             both are solved; a schedule, `action d in [..] given {name}`, is only simulated and trained"
        ))
}

pub(in crate::check) fn two_givers(name: &str, span: Span, first: Span) -> Diagnostic {
    err("E0705", format!("`{name}` is given twice"))
        .at(span, "given again")
        .and(first, "already there")
        .hint(format!(
            "keep one of them, or give the second another name than `{name}`"
        ))
}

pub(in crate::check) fn give_to_nobody(target: &ast::Path, known: &[String]) -> Diagnostic {
    let words: Vec<&str> = target.segments.iter().map(|s| s.name.text.as_str()).collect();
    let d = err("E0705", format!("`give {}` has no receiver", words.join(".")))
        .at(target.span, "name the receiving agent and its new name");
    with_guess(d, words[0], known, "write give firm.q = ..")
}

pub(in crate::check) fn end_of_member(name: &str, span: Span) -> Diagnostic {
    err(
        "E0706",
        format!("`end when` of `{name}` does not say what becomes of the member"),
    )
    .at(span, "ends one member of a population")
    .hint("add `, then restart` (a newborn takes its place) or `, then leave`")
}

pub(in crate::check) fn discount_outside(d: Interval, finite: bool, span: Span) -> Diagnostic {
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
        Some(x) if (2.0..=100.0).contains(&x) => format!("percentages need the sign: {}%", num(x)),
        Some(0.0) => {
            "with a factor of 0 no later period counts: write `horizon 1`, or a factor such as 0.96".to_string()
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

pub(in crate::check) fn no_discount(name: &str, span: Span) -> Diagnostic {
    err(
        "E0707",
        format!("`{name}` has an infinite horizon and no discount factor"),
    )
    .at(span, "declared here")
    .hint("write `discount beta`, or `horizon T`")
}

pub(in crate::check) fn unknown_stage(word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0708", format!("unknown stage `{word}`")).at(span, "no such stage");
    with_guess(d, word, known, "declare the order at top level: stages lead, follow")
}

pub(in crate::check) fn stackelberg_without_stages(span: Span) -> Diagnostic {
    err("E0708", "`stackelberg` needs stages")
        .at(span, "everybody acts at once")
        .hint("stages lead, follow; action q in [..] at lead")
}

pub(in crate::check) fn stackelberg_at_once(stage: &str, other: Option<&str>, span: Span) -> Diagnostic {
    err(
        "E0708",
        format!("everybody acts at stage `{stage}`, and `stackelberg` needs some who act later"),
    )
    .at(span, "nobody leads")
    .hint(match other {
        Some(other) => format!("say behind the actions of those who act then: action q in [..] at {other}"),
        None => "declare who acts later: stages lead, follow; action q in [..] at follow".into(),
    })
}

pub(in crate::check) fn require_too_late(span: Span, phase: Phase, chain: &[(String, Span)]) -> Diagnostic {
    let names: Vec<String> = chain.iter().map(|(n, _)| format!("`{n}`")).collect();
    err("E0709", "a hard requirement on something not known when acting")
        .at(span, format!("known in {}", phase_words(phase)))
        .note(format!("reads {}", names.join(" -> ")))
        .hint("say what happens when it fails: require .. else penalty(100), or else end")
}

pub(in crate::check) fn require_equality(span: Span) -> Diagnostic {
    err("E0717", "a requirement that two numbers be equal is met by no search")
        .at(span, "choices that meet it have no width")
        .hint("let what is chosen fix the other: `let i = y - c` in place of an action and `require c + i == y`; or `<=`; of a few sizes make an action with names, {small, large}")
}

pub(in crate::check) fn project_needs_action(span: Span) -> Diagnostic {
    err(
        "E0709",
        "`else project` needs a requirement on this agent's actions alone",
    )
    .at(span, "nothing to move")
    .hint("require something of an action, as in `require c <= m else project`, or write `else penalty(10)`")
}

pub(in crate::check) fn clamp_what(span: Span, known: &[String]) -> Diagnostic {
    err("E0710", "`else clamp` must name an action")
        .at(span, "which one?")
        .hint(format!("actions: {}", list(known)))
}

pub(in crate::check) fn clamp_not_action(word: &str, span: Span, known: &[String]) -> Diagnostic {
    err(
        "E0710",
        format!("`{word}` is no action: clamping it would break what defines it"),
    )
    .at(span, "not chosen")
    .hint(format!("actions: {}", list(known)))
}

pub(in crate::check) fn negative_penalty(span: Span) -> Diagnostic {
    err("E0709", "a negative penalty rewards the violation")
        .at(span, "is subtracted from the reward")
        .hint("write a positive number: else penalty(10)")
}

pub(in crate::check) fn no_participant(role: &str, def: &ast::Name, span: Span, declared: Span) -> Diagnostic {
    err("E0711", format!("nobody takes part in `{}` as `{role}`", def.text))
        .at(span, "used here")
        .and(declared, "the definition")
        .hint(format!("among {role}: AGENT(port: name, ..)"))
}

/// A port that an agent does not give; `name` is what of the agent may be meant.
pub(in crate::check) fn missing_port(
    port: &str,
    agent: &ast::Name,
    name: &str,
    def: &str,
    declared: Span,
) -> Diagnostic {
    let who = &agent.text;
    err("E0711", format!("`{def}` needs `{port}` from `{who}`"))
        .at(agent.span, "not given")
        .and(declared, "offered in the definition")
        .hint(format!("write `{who}({port}: {name})`"))
}

pub(in crate::check) fn only_in_definition(span: Span) -> Diagnostic {
    err("E0711", "this stands only in a `market def`")
        .at(span, "outside one")
        .hint(
            "in a model say what is offered where the market is used: market m = cournot(a: 10, b: 1) among firm(q: q)",
        )
}

pub(in crate::check) fn only_in_agent(what: &str, span: Span) -> Diagnostic {
    err("E0712", format!("`{what}` belongs to an agent"))
        .at(span, "outside one")
        .hint("move it into an `agent` block")
}

pub(in crate::check) fn only_at_top(span: Span) -> Diagnostic {
    err("E0712", "this stands only at the top of a file")
        .at(span, "inside a block")
        .hint("move it out of the braces")
}

pub(in crate::check) fn reward_without_action(name: &str, span: Span) -> Diagnostic {
    Diagnostic::warning("W0713", format!("`{name}` has a reward and nothing to choose"))
        .at(span, "never acted upon")
        .hint("give it an action, or drop the reward")
}

pub(in crate::check) fn action_without_reward(name: &str, span: Span) -> Diagnostic {
    err("E0713", format!("`{name}` has actions and no reward"))
        .at(span, "nothing to maximise")
        .hint("write `reward ..`, or fix the action: policy q = ..")
}

pub(in crate::check) fn mass_without_continuum(name: &str, span: Span) -> Diagnostic {
    err("E0406", format!("`{name}` is no continuum and has no mass"))
        .at(span, "a mass")
        .hint("leave the mass out, or write [continuum]")
}

pub(in crate::check) fn mass_not_positive(m: f64, span: Span) -> Diagnostic {
    err("E0406", format!("a mass of {}", num(m)))
        .at(span, "must be positive")
        .hint("leave it out for a mass of 1")
}

pub(in crate::check) fn mass_of_several(span: Span, declared: Span) -> Diagnostic {
    err("E0406", "a mass is one number")
        .at(span, "several numbers")
        .and(declared, "the aggregate")
        .hint("name an aggregate that is one number")
}

pub(in crate::check) fn mean_with_found_mass(span: Span, declared: Span) -> Diagnostic {
    err(
        "E0406",
        "a mean over several continua, one of which has a mass that is found",
    )
    .at(span, "weighs each by its mass")
    .and(declared, "this mass is known to a solution only")
    .hint("take the mean of each continuum, and weigh them where you use them")
}

pub(in crate::check) fn entry_of_what(span: Span) -> Diagnostic {
    err("E0718", "`entry_value` is of a population")
        .at(span, "no name of an agent")
        .hint("name the continuum whose members enter: entry_value(firm)")
}

pub(in crate::check) fn entry_without_continuum(name: &str, span: Span, declared: Span) -> Diagnostic {
    err(
        "E0718",
        format!("`{name}` is no continuum, so nobody enters at a price that he takes as given"),
    )
    .at(span, "the value of entry")
    .and(declared, "declared here")
    .hint(format!(
        "write `agent {name}[continuum]`; what one agent's own life is worth is no number of the file"
    ))
}

pub(in crate::check) fn policy_of_nothing(word: &str, span: Span, known: &[String]) -> Diagnostic {
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

pub(in crate::check) fn two_policies(name: &str, span: Span, first: Span) -> Diagnostic {
    err("E0714", format!("`{name}` has two policies"))
        .at(span, "the second one")
        .and(first, "the first one")
        .hint("keep one of them")
}

pub(in crate::check) fn bad_taste(span: Span) -> Diagnostic {
    err("E0715", "taste shocks are `taste gumbel(scale)` on a finite choice")
        .at(span, "not that")
        .hint("write `action d in {keep, replace} taste gumbel(1)`; a choice from an interval has none")
}

/// Taste shocks that are none, or less than none.
pub(in crate::check) fn no_taste(scale: f64, span: Span) -> Diagnostic {
    err("E0715", format!("taste shocks of scale {}", num(scale)))
        .at(span, "the scale must be positive")
        .hint("leave `taste` out where there are no taste shocks; small ones are `taste gumbel(0.01)`")
}

pub(in crate::check) fn unknown_concept(word: &str, span: Span) -> Diagnostic {
    err("E0716", format!("unknown concept `{word}`"))
        .at(span, "no such concept")
        .hint("planner, competitive, nash, collusive, stackelberg, or steady_state(x)")
}

pub(in crate::check) fn solve_arguments(concept: &str, span: Span) -> Diagnostic {
    err(
        "E0716",
        format!("`{concept}` takes one state or action, and horizon: n"),
    )
    .at(span, "not that")
    .hint(format!("solve {concept}(p, horizon: 1)"))
}

pub(in crate::check) fn solve_target(word: &str, concept: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0716", format!("`{concept}` of `{word}`, which is no state or action")).at(span, "asked for here");
    with_guess(d, word, known, &format!("the model has {}", list(known)))
}

pub(in crate::check) fn solve_only_in_param(written: &str, concept: &str, span: Span) -> Diagnostic {
    let name = match concept {
        "steady_state" => "x_ss",
        _ => "x_eq",
    };
    err(
        "E0716",
        format!("`{concept}` stands only as the whole value of a `param`"),
    )
    .at(span, "inside an expression")
    .hint(format!(
        "outside all blocks write `param {name} = {written}`, and here `{name}`"
    ))
}

pub(in crate::check) fn unused(what: &str, name: &str, span: Span) -> Diagnostic {
    Diagnostic::warning("W0701", format!("{what} `{name}` is never used"))
        .at(span, "declared here")
        .hint("remove it, or check the spelling where it was meant")
}

pub(in crate::check) fn mean_has_memory(
    shock: &str,
    aggregate: &str,
    moves: &str,
    link: &str,
    drift: &crate::check::cross_section::Drift,
    span: Span,
    declared: Span,
) -> Diagnostic {
    Diagnostic::warning(
        "W0607",
        format!("the members' shares in the states of `{shock}` are not a function of `{aggregate}`"),
    )
    .at(span, "depends on the whole past of the aggregate chain")
    .and(declared, "the members' chain")
    .note(format!(
        "share in `{link}` after {moves}: {:.6}; on average in that aggregate state: {:.6}",
        drift.moved, drift.usual
    ))
    .hint("give a matrix for each move of the aggregate that keeps the shares, or expect one more aggregate state")
}

/// A discount factor that is no weight of tomorrow against today everywhere.
pub(in crate::check) fn discount_in_places(name: &str, above: bool, x: &str, place: &str, span: Span) -> Diagnostic {
    let (what, keep) = if above {
        (
            "more than 1: a later period counts more than an earlier one there",
            "min(.., 0.99)",
        )
    } else {
        ("less than 0", "max(.., 0)")
    };
    let d = Diagnostic::warning("W0707", format!("the discount factor of `{name}` is {x} in places"))
        .at(span, what)
        .note(
            "discounted sums converge only if the factor is below 1 on average over the states that follow one another",
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
