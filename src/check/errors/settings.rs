//! Messages about scenarios and settings (E08).

use super::{err, interval, list, num, with_guess};
use crate::diag::{Diagnostic, Span};
use crate::graph::Interval;

pub(in crate::check) fn unknown_setting(key: &str, block: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err("E0801", format!("`{block}` has no setting `{key}`"))
        .at(span, "would be ignored")
        .note(format!("its settings: {}", known.join(", ")));
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(theirs, ours)| *theirs == key && known.iter().any(|k| k == ours));
    match elsewhere {
        None if key == "policies" => d.hint(
            "remove it: the members of an agent block share one policy; for policies of their own write one `agent` block for each member",
        ),
        Some((_, ours)) => d.hint(format!("here it is called `{ours}`")),
        None => with_guess(d, key, known, "remove it, or write one of these"),
    }
}

/// Settings by the names that other programs have for them (Stable-Baselines3, CleanRL, RLlib; Dynare and the books), with ours.
const ELSEWHERE: &[(&str, &str)] = &[
    ("n_steps", "horizon"),
    ("num_steps", "horizon"),
    ("rollout_fragment_length", "horizon"),
    ("n_epochs", "epochs"),
    ("num_epochs", "epochs"),
    ("update_epochs", "epochs"),
    ("batch_size", "minibatch"),
    ("sgd_minibatch_size", "minibatch"),
    ("ent_coef", "entropy"),
    ("entropy_coeff", "entropy"),
    ("clip_range", "clip"),
    ("clip_coef", "clip"),
    ("clip_param", "clip"),
    ("clip_range_vf", "value_clip"),
    ("vf_coef", "value_weight"),
    ("vf_loss_coeff", "value_weight"),
    ("max_grad_norm", "gradient_norm"),
    ("grad_clip", "gradient_norm"),
    ("lr", "learning_rate"),
    ("gamma", "discount"),
    ("lambda", "gae_lambda"),
    ("n_envs", "worlds"),
    ("num_envs", "worlds"),
    ("total_timesteps", "steps"),
    ("net_arch", "network"),
    ("hidden_sizes", "network"),
    ("activation_fn", "activation"),
    ("log_std_init", "initial_std"),
    ("buffer_size", "memory"),
    ("learning_starts", "warmup"),
    ("tau", "target_rate"),
    ("train_freq", "train_every"),
    ("target_update_interval", "target_every"),
    ("exploration_fraction", "exploration_time"),
    ("exploration_final_eps", "exploration_end"),
    ("exploration_initial_eps", "exploration"),
    ("epsilon", "exploration"),
    ("n_eval_episodes", "evaluation_episodes"),
    ("max_iter", "iterations"),
    ("max_iterations", "iterations"),
    ("maxit", "iterations"),
    ("tol", "tolerance"),
];

pub(in crate::check) fn unknown_word(what: &str, word: &str, known: &[String]) -> Diagnostic {
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

pub(in crate::check) fn setting_kind(key: &str, value: &str, kind: &str, words: &[String]) -> Diagnostic {
    let d = err("E0805", format!("`{key}` cannot be `{value}`"));
    let otherwise = match crate::check::meant::setting(key, value) {
        Some(meant) => format!("{meant}; it takes {kind}"),
        None => format!("it takes {kind}"),
    };
    with_guess(d, value, words, &otherwise)
}

/// A grid in the settings that reaches where the state never is.
pub(in crate::check) fn grid_beyond(
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
    .at(span, "nodes outside the domain")
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

/// An action that is put, by whatever the headline names, where it can never be.
fn cannot_be_chosen(put: String, got: Interval, bounds: Interval, declared: Span) -> Diagnostic {
    err("E0817", format!("{put} at {}, which cannot be chosen", interval(got)))
        .and(declared, format!("chosen in {}", interval(bounds)))
}

/// A scenario that forces an action to where it can never be.
pub(in crate::check) fn force_outside(
    name: &str,
    got: Interval,
    bounds: Interval,
    span: Span,
    declared: Span,
) -> Diagnostic {
    cannot_be_chosen(format!("`{name}` is put"), got, bounds, declared)
        .at(span, "forced here")
        .hint("keep the number inside the bounds, or widen them")
}

/// A force whose first period comes after the last one of its scenario.
pub(in crate::check) fn force_too_late(
    name: &str,
    from: usize,
    periods: usize,
    scenario: &str,
    span: Span,
) -> Diagnostic {
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

/// A rule that puts an action where it can never be.
pub(in crate::check) fn rule_outside(
    name: &str,
    got: Interval,
    bounds: Interval,
    span: Span,
    declared: Span,
) -> Diagnostic {
    cannot_be_chosen(format!("the policy puts `{name}`"), got, bounds, declared)
        .at(span, "outside the bounds wherever it was tried")
        .hint("keep the rule inside the bounds, as in min(.., hi), or widen them")
}

/// A model that reads the date and has no last one.
pub(in crate::check) fn date_without_horizon(discounts: bool, span: Span) -> Diagnostic {
    let d = Diagnostic::warning(
        "W0827",
        "`t` matters and the model has no `horizon`: it can be simulated and trained, not solved",
    )
    .at(span, "reads the date");
    if discounts {
        return d.hint("the weights of later periods are not written into the reward: `reward log(c)` with `discount 0.95` is the sum of 0.95^t * log(c)");
    }
    d.hint(format!("declare `horizon 40`, say, or read a state that counts: `state n in 0..40, start 0` with `n' = min(n + 1, 40)`; seasons of at most {} periods need neither: `t mod 12` goes round by itself", crate::check::seasons::LONGEST))
}

pub(in crate::check) fn unequal_discounts(one: &(String, f64), other: &(String, f64), span: Span) -> Diagnostic {
    let headline = if one.0 == other.0 {
        format!("a planner for members of `{}` who discount differently", one.0)
    } else {
        format!("a planner for `{}` and `{}`, who discount differently", one.0, other.0)
    };
    err("E0806", headline)
        .at(span, "a planner has one discount factor")
        .note(format!("{} {}, {} {}", one.0, num(one.1), other.0, num(other.1)))
        .hint("give all the same discount, or choose another concept")
}

pub(in crate::check) fn setting_target(family: &str, word: &str, span: Span, known: &[String]) -> Diagnostic {
    let d = err(
        "E0801",
        format!("`{family}.{word}`: the model has no `{word}` for this setting"),
    )
    .at(span, "no such name");
    with_guess(d, word, known, &format!("it has {}", list(known)))
}

pub(in crate::check) fn scenario_unknown(word: &str, span: Span, known: &[String]) -> Diagnostic {
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

pub(in crate::check) fn scenario_param_fixed(name: &str, span: Span, declared: Span) -> Diagnostic {
    err("E0803", format!("a scenario cannot change `{name}`"))
        .at(span, "changed here")
        .and(declared, "not a single number of its own")
        .hint("sizes and arrays are fixed: use --set")
}

pub(in crate::check) fn scenario_target(name: &str, what: &str, span: Span) -> Diagnostic {
    err("E0803", format!("a scenario cannot script `{name}`"))
        .at(span, what.to_string())
        .hint("states may start, shocks follow a path, shocks, noises, actions and params be forced")
}

pub(in crate::check) fn scenario_numbered(what: &str, span: Span) -> Diagnostic {
    err("E0803", format!("a `{what}` of a scenario is about all members"))
        .at(span, "names one")
        .hint(format!(
            "say what each has: {what} firm[i in 1..N].k = if i == 1 then 5 else 1"
        ))
}

pub(in crate::check) fn scenario_path_state(name: &str, span: Span) -> Diagnostic {
    err("E0803", format!("state `{name}` moves by its law"))
        .at(span, "cannot be scripted")
        .hint("give it a `start`; force the action or the shock that moves it")
}

/// A scripted path with a value that is no state of the chain: one label (or none) and one value per state.
pub(in crate::check) fn path_of_chain(name: &str, labels: &[String], values: &[f64], span: Span) -> Diagnostic {
    let values: Vec<String> = values.iter().map(|v| num(*v)).collect();
    err(
        "E0803",
        format!("a path of `{name}` is made of the states of its chain"),
    )
    .at(span, "not a state of the chain")
    .note(format!("labels {}; values {}", list(labels), values.join(", ")))
    .hint("use its labels: alternate(low, high, every: 20)")
}

pub(in crate::check) fn endless_choice(name: &str, span: Span) -> Diagnostic {
    err("E0833", format!("the whole-number action `{name}` has no end"))
        .at(span, "infinitely many choices")
        .hint("name the largest number that matters: `in 0..100`; or choose from the real line: `in [0, inf)`")
}
