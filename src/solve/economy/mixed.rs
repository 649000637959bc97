//! Economies with states in which some prices are taken as given and others seen through: what makes one so, and what to write instead.

use super::{Deciding, Economy, own_concepts};
use crate::check::conduct::Concept;
use crate::check::model::Setting;
use crate::diag::Diagnostic;

/// Why no method takes an economy with states in which some prices are taken as given and others seen through.
pub const WHY: &str = "with states, everybody takes all prices as given or nobody takes any";

/// Why no method takes an economy with states in which one takes some prices as given and sees through others, or plans of an open loop meet such prices.
pub const PARTLY: &str =
    "with states, each takes all prices that anybody moves as given or none of them, and plans of an open loop none";

/// Whether somebody takes some of the prices that anybody moves and sees through others, or some are taken where plans look at nothing.
pub fn partly(economy: &Economy) -> bool {
    let model = economy.model;
    let agents: Vec<usize> = economy.seats.iter().flat_map(|s| s.agents.iter().copied()).collect();
    let all = super::moved(model, &agents, super::Takes::Everything);
    let some = |s: &super::Decider| !s.takes.is_empty() && (s.takes != all || economy.concept == Concept::OpenLoop);
    is(economy) && economy.seats.iter().any(some)
}

/// Whether several decide of whom some take prices as given and others do not, or all take some of them only. A continuum is none.
pub fn is(economy: &Economy) -> bool {
    let seats = &economy.seats;
    let several = seats.len() > 1 || seats.iter().any(|s| matches!(s.members, Deciding::Each(n) if n > 1));
    let takes = seats.iter().any(|s| !s.takes.is_empty());
    let unlike = seats.iter().any(|s| s.takes != seats[0].takes);
    several && !economy.continuum && (unlike || takes && economy.concept != Concept::Competitive)
}

/// The refusal of such an economy, at every line that makes it one: a `concept.NAME` of another concept than the others', and prices
/// of markets declared `competitive`. `None` for any other economy, and without states, where games mix them.
pub fn refused(economy: &Economy) -> Option<Diagnostic> {
    let model = economy.model;
    if model.states.is_empty() || !is(economy) {
        return None;
    }
    let mut lines = Vec::new();
    let agents: Vec<usize> = economy.seats.iter().flat_map(|s| s.agents.iter().copied()).collect();
    let own = own_concepts(model, &agents).unwrap_or_default();
    let apart = |name: &str| own.iter().any(|(n, (_, c))| n == name && *c != economy.concept);
    let mut remedies = Vec::new();
    for (key, value, span) in model.solve_settings().iter().flat_map(|s| &s.entries) {
        if let (Some(name), Setting::Word(word)) = (key.strip_prefix("concept."), value)
            && apart(name)
        {
            lines.push((
                *span,
                format!("`{word}`, and the concept is `{}`", economy.concept.word()),
            ));
            remedies.push(format!("remove `{key}`"));
        }
    }
    // Under `competitive` all prices are taken, those of competitive markets no more than others.
    if economy.concept != Concept::Competitive {
        for m in &model.competitive {
            let of = |p: &&usize| {
                let rest = model.prices[**p].name.strip_prefix(m.as_str());
                rest.is_some_and(|r| r.starts_with('.'))
            };
            let mut taken: Vec<usize> = economy
                .seats
                .iter()
                .flat_map(|s| &s.takes)
                .filter(of)
                .copied()
                .collect();
            taken.sort_unstable();
            taken.dedup();
            if taken.is_empty() {
                continue;
            }
            for p in taken {
                lines.push((model.prices[p].span, format!("taken as given: `{m}` is `competitive`")));
            }
            remedies.push(format!("declare `market {m}` without `competitive`"));
        }
    }
    let mut d = Diagnostic::error("E0810", format!("{WHY}: here there is both"));
    for (i, (span, label)) in lines.into_iter().enumerate() {
        d = match i {
            0 => d.at(span, label),
            _ => d.and(span, label),
        };
    }
    Some(d.hint(format!(
        "{}; or take all prices as given: `concept = competitive` for everybody; games without states mix them; `econc simulate` runs any model",
        remedies.join(" and ")
    )))
}
