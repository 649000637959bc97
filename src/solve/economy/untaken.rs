//! Price takers who take nothing: a solution for them is that of players who see through everything, and its concept says otherwise.

use super::{Deciding, Economy, own_concepts};
use crate::check::conduct::Concept;
use crate::diag::Diagnostic;

/// The warning that those who are to take prices take none, although they meet others: what they meet in is no `price` and no `aggregate`, or
/// none that anybody's choices move. `None` where somebody takes one, where nobody is asked to, and for a continuum.
pub fn warning(economy: &Economy) -> Option<Diagnostic> {
    let model = economy.model;
    let agents: Vec<usize> = economy.seats.iter().flat_map(|s| s.agents.iter().copied()).collect();
    let own = own_concepts(model, &agents).unwrap_or_default();
    let takes = |agent: usize| {
        let said = own.iter().find(|(_, (a, _))| *a == agent).map(|o| o.1.1);
        said.unwrap_or(economy.concept) == Concept::Competitive
    };
    let meets = |m: &Deciding| matches!(m, Deciding::Each(_));
    let takers = economy.seats.iter().filter(|s| meets(&s.members) && takes(s.agents[0]));
    let takers: Vec<_> = takers.collect();
    let none = takers.iter().all(|s| s.takes.is_empty() && !s.meets.is_empty());
    if takers.is_empty() || !none || economy.continuum {
        return None;
    }
    let names: Vec<String> = takers
        .iter()
        .map(|s| format!("`{}`", model.agents[s.agents[0]].name))
        .collect();
    let all = takers.len() == economy.seats.len();
    let d = Diagnostic::warning(
        "W0985",
        match all {
            true => "under `competitive` nobody takes a price here: what is solved is the game, as under `nash`".into(),
            false => format!(
                "{} takes no price here: what is solved is the game, as under `nash`",
                names.join(" and ")
            ),
        },
    );
    let d = takers
        .iter()
        .fold(d, |d, s| match (d.primary.is_some(), model.agents[s.agents[0]].span) {
            (false, span) => d.at(span, "takes nothing as given"),
            (true, span) => d.and(span, "takes nothing as given"),
        });
    Some(
        d.note("a price taker takes each `price` and `aggregate` as given that choices of others or his own move; what markets give (`give`), sums, states and what others choose are seen through")
            .hint("--concept nash says what is solved; what is to be taken as given is a `price` or an `aggregate` of a market: where a state moves with what they do, as a posted price does, `aggregate supply = sum(firm.q)` and `supply` in place of the sum in its law"),
    )
}
