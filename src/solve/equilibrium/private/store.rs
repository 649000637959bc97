//! What was found, as a solution that is read and played: what each choice is worth at the ends and in the middle of private draws.

use super::game::{Game, Stand};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::bellman::Interpolation;
use crate::solve::problem::{ActionKind, DecisionProblem, JointChain, Links};
use crate::solve::solution::{Own, Player, Record, Solution};

/// Shares of a draw's law at which it is stored, where the law has no ends.
const TAIL: f64 = 1e-9;
/// Most numbers of one array.
const MOST: usize = 20_000_000;

/// The solution of a model.
///
/// # Errors
/// E0904 where it would not fit.
pub(super) fn solution(game: &Game, _model: &Model, stand: &Stand, rounds: usize) -> Result<Solution, Diagnostic> {
    let spec = game.decision.spec();
    let chain = chain(game);
    let (nodes, nz) = (game.nodes, chain.values.len());
    let choices = game.who.iter().map(|w| w.choices).max().unwrap_or(1);
    if nodes.saturating_mul(nz).saturating_mul(choices) > MOST {
        return Err(Diagnostic::error(
            "E0904",
            format!("policies at {nodes} states and {nz} joint values of private draws are too many to store"),
        )
        .hint("fewer players, or states with fewer values"));
    }
    let size = nodes * nz;
    let mut policy = vec![vec![0.0; size]; spec.actions.len()];
    let mut given = vec![Vec::new(); spec.actions.len()];
    let mut mixed = vec![Vec::new(); spec.actions.len()];
    let mut players = Vec::new();
    for (i, w) in game.who.iter().enumerate() {
        let values = match &spec.actions[w.choice].kind {
            ActionKind::Finite { values, .. } => values.clone(),
            ActionKind::Continuous => Vec::new(),
        };
        let mut value = vec![0.0; size];
        let mut worth = vec![f64::NEG_INFINITY; size * w.choices];
        for a in &w.numbers {
            given[*a] = vec![0.0; size * w.choices];
        }
        for s in 0..nodes {
            for (j, known) in chain.values.iter().enumerate() {
                let at = s * nz + j;
                for c in (0..w.choices).filter(|c| w.allowed[s * w.choices + c]) {
                    let place = s * w.choices + c;
                    let drawn: f64 = (w.draws.iter().enumerate())
                        .map(|(k, d)| game.slope(i, k, place) * known[*d])
                        .sum();
                    worth[at * w.choices + c] = stand.worth[i][place] + drawn;
                }
                let own = &worth[at * w.choices..(at + 1) * w.choices];
                let best = (1..w.choices).fold(0, |b, c| if own[c] > own[b] { c } else { b });
                value[at] = own[best];
                policy[w.choice][at] = values[best];
                for (k, a) in w.numbers.iter().enumerate() {
                    let of = |c: usize| stand.numbers[i][k][s * w.choices + c];
                    policy[*a][at] = of(best);
                    (0..w.choices).for_each(|c| given[*a][at * w.choices + c] = of(c));
                }
            }
        }
        if w.taste.is_some() {
            let rows = stand.chance[i].chunks(w.choices);
            mixed[w.choice] = rows
                .flat_map(|p| std::iter::repeat_n(p, nz))
                .flatten()
                .copied()
                .collect();
        }
        let mut actions: Vec<usize> = w.numbers.clone();
        actions.push(w.choice);
        actions.sort_unstable();
        players.push(Player {
            name: w.name.clone(),
            agent: w.agent,
            member: w.member,
            actions,
            value,
            own: Some(Own {
                choice: w.choice,
                worth,
                before: stand.value[i].clone(),
                chances: stand.chance[i].clone(),
            }),
        });
    }
    Ok(Solution {
        method: "choice_probabilities".into(),
        states: game.states.clone(),
        chain,
        actions: spec.actions.clone(),
        periods: 1,
        infinite: true,
        interpolation: Interpolation::Linear,
        value: players.first().map_or_else(Vec::new, |p: &Player| p.value.clone()),
        policy,
        probability: Vec::new(),
        worth: Vec::new(),
        given,
        mixed,
        players,
        record: Record {
            iterations: rounds,
            error: f64::NAN,
            ..Record::default()
        },
    })
}

/// Private draws at their ends and in the middle, every combination.
fn chain(game: &Game) -> JointChain {
    let names = &game.decision.spec().chain.names;
    let law = |k: usize| {
        let of = |w: &super::game::Who| Some(w.laws[w.draws.iter().position(|d| *d == k)?].clone());
        game.who.iter().find_map(of)
    };
    let links: Vec<Links> = (0..names.len())
        .map(|k| {
            let at = |u: f64, inner: f64| {
                law(k).map_or(0.0, |d| {
                    if d.quantile(u).is_finite() {
                        d.quantile(u)
                    } else {
                        d.quantile(inner)
                    }
                })
            };
            Links {
                values: vec![at(0.0, TAIL), at(0.5, 0.5), at(1.0, 1.0 - TAIL)],
                continuous: true,
            }
        })
        .collect();
    let mut values: Vec<Vec<f64>> = vec![Vec::new()];
    let mut weights = vec![1.0];
    for l in &links {
        let parts = [1.0 / 6.0, 2.0 / 3.0, 1.0 / 6.0];
        values = values
            .iter()
            .flat_map(|v| l.values.iter().map(move |x| [v.as_slice(), &[*x]].concat()))
            .collect();
        weights = weights.iter().flat_map(|w| parts.iter().map(move |p| w * p)).collect();
    }
    JointChain {
        names: names.clone(),
        transition: vec![weights; values.len()],
        values,
        links,
    }
}
