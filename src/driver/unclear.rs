//! Why a game has no equilibrium: a market that clears at no price or at every price, whatever is chosen. Found by choices at random in the economy itself.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::cast::Behaviour;
use crate::env::simulate::{SimulationOptions, simulate};

/// Periods and worlds in which choices are tried.
const TRIED: (usize, usize) = (8, 4);

/// The errors of a search, of which E0917 names a market that cleared at no price, or at several, whenever choices were tried.
pub(super) fn with_the_market(model: &Model, errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let none = |d: &Diagnostic| d.code == "E0917";
    if !errors.iter().any(none) || !model.prices.iter().any(|p| p.clears) {
        return errors;
    }
    let options = SimulationOptions {
        scenario: None,
        periods: Some(TRIED.0),
        worlds: TRIED.1,
        seed: 1,
        on_chain: false,
        greedy: false,
    };
    let Ok(played) = simulate(model, &Behaviour::Random.into(), &options, &mut |_, _| true) else {
        return errors;
    };
    let markets = &played.counts.not_cleared;
    let never = markets
        .iter()
        .filter(|m| m.count == m.asked)
        .find_map(|m| Some((m.span, m.error()?)));
    let always = markets.iter().find(|m| m.asked > 0 && m.several == m.asked);
    let said = |d: Diagnostic| match (&never, always) {
        (Some((span, market)), _) if none(&d) => {
            let mut d = d
                .and(*span, "no price clears this at any choice that was tried at random")
                .note(market.headline.clone());
            d.notes.extend(market.notes.iter().cloned());
            d.hint = market.hint.clone();
            d
        }
        (None, Some(m)) if none(&d) => d
            .and(
                m.span,
                "several prices clear this at any choice that was tried at random",
            )
            .note(format!("the condition of `{}` does not say which price", m.market))
            .hint("let demand or supply move with the price, so that one price clears the market"),
        _ => d,
    };
    errors.into_iter().map(said).collect()
}
