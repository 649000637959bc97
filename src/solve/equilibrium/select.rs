//! Which of the equilibria that were found is the solution: `find` and `select`.

use super::play::{Play, Searched};
use crate::check::Model;
use crate::check::model::{Setting, Space};
use crate::diag::Diagnostic;
use crate::solve::economy::Economy;
use crate::solve::method::word;
use crate::solve::problem::ActionKind;
use crate::solve::solution::Solution;
use crate::solve::static_game::game::Game;

/// An equilibrium that was found.
pub(super) struct Candidate {
    /// What everybody does.
    pub(super) play: Play,
    /// The same as a solution.
    pub(super) solution: Solution,
    /// What each chooser is paid on average.
    pub(super) payoffs: Vec<f64>,
}

/// How many points of a continuum are shown.
const SHOWN: usize = 6;

/// The equilibrium that is asked for, and the others if all are.
///
/// # Errors
/// E0917 where there is none, E0918 where there are several and nothing says which.
pub(super) fn chosen(
    economy: &Economy,
    game: &Game,
    mut found: Vec<Candidate>,
    searched: &Searched,
) -> Result<(Solution, Vec<Solution>), Diagnostic> {
    let model = economy.model;
    let sum = |c: &Candidate| c.payoffs.iter().sum::<f64>();
    let from_start = found.first().map(|c| c.payoffs.clone());
    found.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
    if found.is_empty() {
        return Err(none(economy, searched));
    }
    let asked = word(model, "find").as_deref() == Some("all") || matches!(selection(model), Some(Selection::Start));
    if let (Some(other), false) = (&searched.answers, asked) {
        let mut d = Diagnostic::error(
            "E0918",
            "the game has several equilibria: those who choose last have several answers",
        );
        for c in &found {
            d = d.note(line(c));
        }
        return Err(d.note(other.clone()).hint(
            "solve { select = from(start) } follows the answer that replies lead to from where the search stands; solve { find = all } shows what was found that way and says what was not followed",
        ));
    }
    let mut at = match (found.len(), selection(model)) {
        (1, _) if !searched.continuum => 0,
        (_, Some(Selection::Start)) => found
            .iter()
            .position(|c| Some(&c.payoffs) == from_start.as_ref())
            .unwrap_or(0),
        (_, Some(Selection::Payoff | Selection::Risk)) if searched.continuum && !searched.ends => {
            return Err(several(&found, searched)
                .note("a search finds single points of a continuum: the best of these need not be the best of all"));
        }
        (_, Some(Selection::Payoff)) => payoff_dominant(&found).ok_or_else(|| {
            several(&found, searched).note("none of them pays everybody at least as much as every other one")
        })?,
        (_, Some(Selection::Risk)) => risk_dominant(game, &found).ok_or_else(|| {
            several(&found, searched)
                .note("none of them has the larger product of losses from leaving it against every other one")
        })?,
        (_, None) if word(model, "find").as_deref() == Some("all") => 0,
        (_, None) => return Err(several(&found, searched)),
    };
    let numbers = |c: &Candidate| c.solution.actions.iter().all(|a| a.kind == ActionKind::Continuous);
    if searched.continuum && found.len() > SHOWN && found.iter().all(numbers) {
        // The chosen one, and some from end to end.
        let last = found.len() - 1;
        let keep: Vec<usize> = (0..SHOWN).map(|k| k * last / (SHOWN - 1)).collect();
        let before = (0..at).filter(|k| keep.contains(k)).count();
        let all = found.into_iter().enumerate();
        found = all.filter(|(k, _)| *k == at || keep.contains(k)).map(|c| c.1).collect();
        at = before;
    }
    let mut all: Vec<Solution> = found.into_iter().map(|c| c.solution).collect();
    let one = all.remove(at);
    let others = match word(model, "find").as_deref() {
        Some("all") => all,
        _ => Vec::new(),
    };
    Ok((one, others))
}

enum Selection {
    Payoff,
    Risk,
    Start,
}

fn selection(model: &Model) -> Option<Selection> {
    match model.solve_settings()?.get("select")? {
        Setting::Word(w) if w == "payoff_dominant" => Some(Selection::Payoff),
        Setting::Word(w) if w == "risk_dominant" => Some(Selection::Risk),
        Setting::Call(..) => Some(Selection::Start),
        _ => None,
    }
}

/// The one that pays everybody at least as much as every other one.
fn payoff_dominant(found: &[Candidate]) -> Option<usize> {
    let more = |a: &Candidate, b: &Candidate| {
        let pairs = || a.payoffs.iter().zip(&b.payoffs);
        pairs().all(|(x, y)| *x >= *y - 1e-9 * (1.0 + y.abs()))
            && pairs().any(|(x, y)| *x > *y + 1e-9 * (1.0 + y.abs()))
    };
    (0..found.len()).find(|a| (0..found.len()).all(|b| b == *a || more(&found[*a], &found[b])))
}

/// The one with the larger product of losses from leaving it alone for the other's strategy, against every other one (Harsanyi and Selten
/// 1988, *A General Theory of Equilibrium Selection in Games*, section 3.9). Mixed equilibria are no candidates.
fn risk_dominant(game: &Game, found: &[Candidate]) -> Option<usize> {
    let pure: Vec<usize> = (0..found.len())
        .filter(|k| found[*k].play.mixed.iter().all(Vec::is_empty))
        .collect();
    // In logs: members are many.
    let losses = |e: &Play, f: &Play| -> f64 {
        let loss = |c: usize| super::finite::loss_of_leaving(game, c, e, f).max(0.0).ln();
        (0..game.choosers.len()).map(loss).sum()
    };
    let beats = |a: usize, b: usize| losses(&found[a].play, &found[b].play) > losses(&found[b].play, &found[a].play);
    pure.iter()
        .copied()
        .find(|a| pure.iter().all(|b| b == a || beats(*a, *b)))
}

/// What an equilibrium looks like in one line: who does what, and what it pays.
fn line(c: &Candidate) -> String {
    let s = &c.solution;
    let short = |x: f64| format!("{}", (x * 1e6).round() / 1e6);
    let mut parts: Vec<String> = Vec::new();
    for (k, a) in s.actions.iter().enumerate() {
        for j in 0..s.shocks().min(6) {
            let when = match s.chain.names.as_slice() {
                [] => String::new(),
                names => {
                    let at = names
                        .iter()
                        .zip(&s.chain.values[j])
                        .map(|(n, x)| format!("{n} = {}", short(*x)));
                    format!(" if {}", at.collect::<Vec<_>>().join(", "))
                }
            };
            let does = match (&a.kind, s.mixed.get(k).filter(|m| !m.is_empty())) {
                (ActionKind::Finite { labels, .. }, Some(mixed)) => {
                    let n = labels.len();
                    let of = labels.iter().zip(&mixed[j * n..(j + 1) * n]).filter(|(_, p)| **p > 0.0);
                    of.map(|(l, p)| format!("{l} with {}", short(*p)))
                        .collect::<Vec<_>>()
                        .join(", ")
                }
                (ActionKind::Finite { labels, .. }, None) => {
                    let x = s.policy[k][j];
                    labels.get(label_of(&a.kind, x)).cloned().unwrap_or_default()
                }
                (ActionKind::Continuous, _) => short(s.policy[k][j]),
            };
            parts.push(format!("{}: {does}{when}", a.name));
        }
    }
    let pays: Vec<String> = s
        .players
        .iter()
        .map(|p| {
            let (_, weights) = super::play::joint(&c.play.known);
            let mean: f64 = p.value.iter().zip(&weights).map(|(x, w)| x * w).sum();
            format!("{} {}", p.name, short(mean))
        })
        .collect();
    format!("{}; pays {}", parts.join("; "), pays.join(", "))
}

/// The place of a number among the values of a finite choice.
fn label_of(kind: &ActionKind, x: f64) -> usize {
    match kind {
        ActionKind::Finite { values, .. } => values.iter().position(|v| *v == x).unwrap_or(0),
        ActionKind::Continuous => 0,
    }
}

fn several(found: &[Candidate], searched: &Searched) -> Diagnostic {
    if searched.continuum {
        let mut d = Diagnostic::error("E0918", "the game has a continuum of equilibria");
        for c in found.iter().take(SHOWN) {
            d = d.note(line(c));
        }
        let finite = |c: &Candidate| c.solution.actions.iter().all(|a| a.kind != ActionKind::Continuous);
        return d.note(format!("searched: {}", searched.scope.join("; "))).hint(match found.iter().all(finite) {
            true => "choices that pay the same may be mixed in any proportion: solve { find = all } shows the ends, solve { select = from(start) } takes the one that replies lead to from the first choices; or pay a little more for the choice that is meant",
            false => "solve { select = from(start) } takes the one that the search from the first choices leads to, solve { find = all } shows some; or let actions choose among a few numbers, `action x in 0..10`",
        });
    }
    let mut d = Diagnostic::error("E0918", format!("the game has {} equilibria", found.len()));
    for c in found {
        d = d.note(line(c));
    }
    d.note(format!("searched: {}", searched.scope.join("; ")))
        .hint("solve { find = all } shows all of them; select = payoff_dominant, risk_dominant or from(start) says which is the solution")
}

fn none(economy: &Economy, searched: &Searched) -> Diagnostic {
    let model = economy.model;
    let mut d = Diagnostic::error("E0917", "no equilibrium of the game was found").note(format!(
        "searched: {}; none settled where nobody gains by deviating",
        searched.scope.join("; ")
    ));
    if let Some(p) = model.prices.iter().find(|p| p.clears) {
        d = d.at(p.span, "this price has to clear the market").note(format!(
            "a price that its clearing condition does not move with, a price at its bound, or a market that cannot clear leaves no equilibrium; `econc simulate` shows how `{}` fares",
            p.name
        ));
    } else if let Some(a) = model.actions.first() {
        d = d.at(a.span, "no choice of it settles");
    }
    if model.actions.iter().all(|a| !matches!(a.space, Space::Interval { .. })) {
        return d.hint("a game of finite choices has an equilibrium in mixed strategies, which the search did not reach: fewer choices, or fewer who choose");
    }
    if let Some(p) = model.prices.iter().find(|p| p.clears) {
        return d.hint(format!(
            "widen the domain of `{}`; or widen or narrow the intervals of the actions",
            p.name
        ));
    }
    d.hint("widen or narrow the intervals of the actions (one without an end is searched up to 1 000 000); finite choices (`action x in {..}`) also have equilibria in mixed strategies, which are found")
}
