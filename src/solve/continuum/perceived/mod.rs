//! Competitive equilibrium of a continuum under aggregate risk, by perceived laws of motion (Krusell and Smith 1998, *Journal of Political
//! Economy* 106).
//!
//! Prices follow from a mean over the members, which everybody forecasts by a law, one line for each state of the aggregate chain. Members do
//! what is best under the law; what they then do, along a path of the aggregate state and as a distribution without sampling noise,
//! gives the moment a path, and the line through it is the next law, of which a share (`damping`) is taken: laws cycle or run away with
//! large shares. The line fits nearly perfectly whether it is right or not, so that a law is judged by how it forecasts by itself
//! ([`law::forecast`]), in `verify/equilibrium/perceived.rs` and on paths of its own.
//!
//! A price that clears a market in each period is forecast by a law, too, and never set by it: it is a state that members see (`price.rs`), and
//! along the path it is found from what they then demand (`market.rs`). Its law has a line for each step of the aggregate chain, or of its
//! last states (`history.rs`).
//!
//! Early rounds need no long path and no exact policies: paths are short until the law hardly moves, and policies are as exact as the law.

mod budget;
mod history;
mod household;
pub mod law;
mod market;
pub mod member;
pub mod moments;
mod outcome;
pub mod path;
mod price;
pub mod reply;
mod rounds;
mod value;

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::{EquilibriumMethod, Found};
use crate::solve::observed::Knows;
use crate::solve::progress::Watch;
use member::Member;
use moments::Refusal;
use rounds::LawSearch;

/// Perceived laws of motion.
pub struct PerceivedLaw;

/// The name under which its solutions are known.
pub const NAME: &str = "perceived law";

/// What holds where the file says nothing: periods of the path, those of them that are left out, nodes of the distribution, share of the new law,
/// rounds, largest change of a forecast.
pub const PERIODS: usize = 6000;
/// Periods that are left out.
pub const BURN_IN: usize = 500;
/// Nodes of the distribution.
pub const NODES: usize = 1000;
/// Share of the new law.
pub const DAMPING: f64 = 0.4;
/// The same of the law of a price, before rounds are mixed.
pub const PRICE_DAMPING: f64 = 0.25;
/// Most rounds.
pub const ROUNDS: usize = 200;
/// Largest change of what the law forecasts.
pub const TOLERANCE: f64 = 1e-6;
/// Nodes of the members' state and of the moment.
pub const STATE_NODES: usize = 300;
/// Nodes of the moment.
pub const MOMENT_NODES: usize = 12;

/// What the file says of how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    periods: usize,
    burn_in: usize,
    nodes: usize,
    damping: f64,
    rounds: usize,
    tolerance: f64,
    seed: u64,
    /// Whether a price is forecast by the history of the aggregate state alone.
    by_history: bool,
}

impl Asked {
    fn of(model: &Model, priced: bool, seed: u64) -> Asked {
        let number = |key: &str| model.solve_settings()?.get(key)?.number();
        let whole = |key: &str, default: usize| number(key).map_or(default, |x| x as usize);
        let burn_in = whole("law.burn_in", BURN_IN);
        Asked {
            periods: whole("law.periods", PERIODS).max(burn_in + LEAST),
            burn_in,
            nodes: whole("law.nodes", NODES),
            damping: number("damping").unwrap_or(if priced { PRICE_DAMPING } else { DAMPING }),
            rounds: whole("iterations", ROUNDS),
            tolerance: number("tolerance").unwrap_or(TOLERANCE),
            seed,
            by_history: matches!(
                model.solve_settings().and_then(|s| s.get("law.forecast")),
                Some(crate::check::model::Setting::Word(w)) if w == "history"
            ),
        }
    }
}

/// Fewest periods to which a law is fitted.
const LEAST: usize = 50;

impl EquilibriumMethod for PerceivedLaw {
    fn name(&self) -> &'static str {
        "perceived_law"
    }

    fn about(&self) -> &'static str {
        "a continuum under aggregate shocks (Krusell and Smith 1998): members forecast their mean, or a price that clears in each period, by a law of motion that simulations confirm; competitive"
    }

    fn keys(&self) -> &'static [&'static str] {
        &[
            "tolerance",
            "iterations",
            "damping",
            "law.periods",
            "law.burn_in",
            "law.nodes",
            "law.history",
            "law.forecast",
        ]
    }

    fn knows(&self) -> Knows {
        Knows::Apart
    }

    fn fits(&self, economy: &Economy) -> Result<(), String> {
        member(economy).map(drop).map_err(|r| r.why)
    }

    fn solve(&self, economy: &Economy, seed: u64, progress: &mut dyn Watch) -> Result<Found, Vec<Diagnostic>> {
        let member = member(economy).map_err(|r| vec![refused(r)])?;
        let asked = Asked::of(economy.model, member.moments[0].price.is_some(), seed);
        let bytes = 40.0 * asked.periods as f64 + 200.0 * asked.nodes as f64;
        crate::limits::fits(
            bytes,
            "the path of the aggregate shock",
            "fewer `law.periods` or `law.nodes`",
        )
        .map_err(|d| vec![d])?;
        let mut search = LawSearch::new(economy.model, member, asked);
        search.run(progress, outcome::found).map_err(|d| vec![d])
    }
}

/// The member of an economy, or what is in the way.
pub fn member(economy: &Economy) -> Result<Member, Refusal> {
    use crate::check::model::Concept;
    let agents: Vec<usize> = economy.seats.iter().flat_map(|s| s.agents.iter().copied()).collect();
    let member = Member::of(economy.model, &agents)?;
    match economy.concept {
        Concept::Competitive => Ok(member),
        other => Err(Refusal {
            why: format!(
                "its concept is `{}`; members of a continuum take prices as given: `competitive`",
                other.word()
            ),
            span: None,
        }),
    }
}

/// A refusal as a message.
pub(super) fn refused(r: Refusal) -> Diagnostic {
    let d = Diagnostic::error("E0810", format!("perceived_law cannot solve this model: {}", r.why));
    match r.span {
        Some(span) => d.at(span, "here"),
        None => d,
    }
}
