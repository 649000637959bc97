//! Settings of `train { }` that were said and change nothing: options that another one makes idle, a grid where every choice is finite, constants
//! that cannot be tried in so few steps.

use super::centre;
use super::methods::Method;
use super::options::Value;
use super::sac;
use super::settings::{Idle, TrainSettings};
use crate::check::model::Model;
use crate::diag::Span;
use crate::env::able;
use crate::env::interface::Interface;
use crate::env::joint::Joint;

/// What an agent that learns by `method` finds idle of what was read: one entry per key. Also how its policy begins, where that is not as its
/// options say.
pub(super) fn of(
    model: &Model,
    agent: usize,
    method: &Method,
    (read, beside): (&TrainSettings, bool),
    span_of: impl Fn(&str) -> Option<Span>,
) -> (Vec<Idle>, Option<String>) {
    let mut idle = read.idle.clone();
    let Ok(interface) = Interface::new(model, agent, method.finite_choices()) else {
        return (idle, None);
    };
    let said = |key: &str| span_of(key).filter(|_| read.options.iter().any(|(k, _)| k == key));
    let space = &interface.space;
    if space.continuous == 0
        && let Some(span) = said("bins")
    {
        idle.push(Idle {
            key: "bins".into(),
            why: "every choice is one of finitely many; `bins` makes a grid of an interval".into(),
            span,
        });
    }
    let members = able::members_of(model, agent);
    let typed = |key: &str| span_of(key);
    let tables = method.option("tables").is_some();
    for (key, why) in [
        ("policies", (members < 2).then_some("one member has one policy")),
        (
            "policies",
            (members > 1 && tables).then_some("`tables` says whose the values are"),
        ),
        (
            "past_selves",
            (members < 2).then_some("there is no other member to be played by a past self"),
        ),
        (
            "past_share",
            method
                .beside
                .past_selves
                .is_none()
                .then_some("`past_selves` says that there are any"),
        ),
        (
            "common_start",
            (method.together() < 2).then_some("`common_chance` is 1: every world is by itself"),
        ),
        (
            "alternate",
            (!beside && (members < 2 || !method.beside.separate)).then_some("one policy learns, and waits for nobody"),
        ),
    ] {
        if let (Some(why), Some(span)) = (why, typed(key)) {
            idle.push(Idle {
                key: key.into(),
                why: why.into(),
                span,
            });
        }
    }
    if method.joint()
        && Joint::new(model, agent, interface.stage).nothing_more()
        && let Some(span) = said("critic")
    {
        idle.push(Idle {
            key: "critic".into(),
            why: "nothing is hidden from the policy: a central critic sees no more than it".into(),
            span,
        });
    }
    if let Some(Value::Number(asked)) = method.option("stages")
        && let Some(span) = said("stages")
    {
        let periods = method.steps() / (method.worlds() * able::members_of(model, agent)).max(1) as u64;
        let room = (periods / sac::SHORTEST).max(1);
        if room < (*asked as u64).min(sac::STAGES) {
            idle.push(Idle {
                key: "stages".into(),
                why: format!(
                    "a stage takes {} periods at least, and {} steps are {periods} periods: no more than {room} {}",
                    sac::SHORTEST,
                    method.steps(),
                    if room == 1 { "stage fits" } else { "stages fit" }
                ),
                span,
            });
        }
    }
    let wanted = method.option("first_policy") == Some(&Value::Word("constant".into()));
    if !wanted || space.continuous == 0 || !space.discrete.is_empty() {
        return (idle, None);
    }
    let least = centre::least_steps(method.worlds(), able::members_of(model, agent));
    if method.steps() >= least {
        return (idle, None);
    }
    let why = format!(
        "constants are tried with a tenth of the steps, and {} of {} are too few: {least} are needed",
        method.steps() / 10,
        method.steps()
    );
    let begins = format!("in the middle of the bounds: {why}");
    if let Some(span) = said("first_policy") {
        idle.push(Idle {
            key: "first_policy".into(),
            why: format!("{why}; the policy begins in the middle of the bounds"),
            span,
        });
    }
    (idle, Some(begins))
}
