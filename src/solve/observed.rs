//! Whether those who play a game observe what their choices would depend on: asked once for all methods of games.
//!
//! A game without states is solved for choices that are functions of draws that are known exactly (`Game::new` asks `types` which these are): an
//! observation that tells a part of a draw that matters would be left unused, and is refused. In a game with states policies are functions of
//! the states, so that everybody must observe those that matter to it, or be able to work them out of what it observes ([`states`]). The problem of one
//! who decides has a test of its own (`decision/information.rs`), of which this is the counterpart; the judge's is `verify/equilibrium/observation.rs`.

use super::economy::{Deciding, Economy};
use super::sight::{Eyes, Leaf, Sight};
use crate::check::Model;
use crate::check::model::{Concept, DrawWhen, Information, Process, Space, StartShock};
use crate::diag::{Diagnostic, Span};
use std::collections::BTreeSet;

/// What the policies of a method for several take those who play to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knows {
    /// All states and all shocks.
    Everything,
    /// All states; to what the others draw and keep to themselves it is an uncertain choice.
    States,
    /// Asked where the problem is made: games without states, and members of a continuum, who know prices.
    Apart,
}

/// The draws that each of these who choose, `(agent, member)`, knows exactly: `(shock, element)`, one set per chooser.
///
/// # Errors
/// E0825 where an observation tells a part of a draw that matters, or of what was chosen before.
pub(super) fn types(model: &Model, who: &[(usize, usize)]) -> Result<Vec<BTreeSet<(usize, usize)>>, Diagnostic> {
    drawn_between_stages(model, who)?;
    if model.shocks.is_empty() && model.stages.len() < 2 {
        return Ok(vec![BTreeSet::new(); who.len()]);
    }
    let mut sight = Sight::new(model)?;
    let eyes = who.iter().map(|(a, m)| sight.eyes(*a, *m));
    let eyes: Vec<Eyes> = eyes.collect::<Result<_, _>>()?;
    // Members of one agent are told the same of themselves.
    let first = |i: &usize| who.iter().position(|w| w.0 == who[*i].0) == Some(*i);
    let linked = model.shocks.iter().any(|s| match &s.process {
        Process::Chain { given, .. } => !given.is_empty(),
        Process::Var1 { .. } => true,
        Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) => false,
    });
    let asked: Vec<usize> = (0..who.len())
        .filter(first)
        .filter(|i| !eyes[*i].partly.is_empty() || linked)
        .collect();
    if !asked.is_empty() {
        sight.look_ahead(who)?;
    }
    for i in asked {
        whole(model, &sight, who[i], &eyes[i])?;
        signals(model, &sight, who[i], &eyes[i])?;
    }
    let shocks = eyes.iter().map(|e| {
        let shock = |l: &Leaf| match l {
            Leaf::Shock(s, e) => Some((*s, *e)),
            Leaf::State(..) | Leaf::Action(..) => None,
        };
        e.known.iter().filter_map(shock).collect()
    });
    Ok(shocks.collect())
}

/// Errs where one who chooses observes a noise that is drawn after an earlier stage: answers of later stages are functions of what was chosen,
/// and take the mean over noises.
fn drawn_between_stages(model: &Model, who: &[(usize, usize)]) -> Result<(), Diagnostic> {
    for (agent, _) in who {
        let who = &model.agents[*agent];
        for o in &who.observation {
            let read = model.graph.below([o.node]).through_roots().inputs();
            let noise = model.noises.iter().find(|n| {
                let draw = &model.draws[n.draw];
                read.contains(&draw.input) && matches!(draw.when, DrawWhen::After(_))
            });
            if let Some(noise) = noise {
                return Err(Diagnostic::error(
                    "E0810",
                    format!("`{}` observes `{}`, which is drawn between two stages", who.name, noise.name),
                )
                .at(o.span, "its answer would be a function of the draw")
                .and(noise.span, "drawn after an earlier stage")
                .note("in games with stages answers are functions of what was chosen before, not of draws")
                .hint("leave the observation out, which takes the mean over the draw; or train learners, who see what they observe: econc train"));
            }
        }
    }
    Ok(())
}

/// Errs where one who chooses is told a part of what matters.
fn whole(model: &Model, sight: &Sight, who: (usize, usize), eyes: &Eyes) -> Result<(), Diagnostic> {
    let matter = together(model, sight.matters(who, None));
    let drawn = |(leaf, _): &&(Leaf, usize)| {
        let joint = together(model, BTreeSet::from([*leaf]));
        matches!(leaf, Leaf::Shock(..)) && joint.iter().any(|l| matter.contains(l))
    };
    if let Some((leaf, k)) = eyes.partly.iter().find(drawn) {
        return Err(partly(model, who.0, *leaf, *k));
    }
    if model.stages.len() < 2 {
        return Ok(());
    }
    // What was chosen before may be told by what alone counts of it (the sum of all quantities).
    let stage = model.agents[who.0]
        .actions
        .iter()
        .map(|a| model.actions[*a].stage)
        .max();
    let left = sight.matters(who, Some(eyes));
    let chosen = |(leaf, _): &&(Leaf, usize)| match leaf {
        Leaf::Action(a, e) => {
            Some(model.actions[*a].stage) < stage && sight.chooser(*a, *e) != who && left.contains(leaf)
        }
        Leaf::State(..) | Leaf::Shock(..) => false,
    };
    match eyes.partly.iter().find(chosen) {
        Some((leaf, k)) => Err(partly(model, who.0, *leaf, *k)),
        None => Ok(()),
    }
}

/// Errs where one who chooses is told a draw that counts for nothing itself and moves together with one that does and is not told: a signal, which
/// choices that are functions of the draws that count would leave unused.
fn signals(model: &Model, sight: &Sight, who: (usize, usize), eyes: &Eyes) -> Result<(), Diagnostic> {
    let matter = sight.matters(who, None);
    for leaf in eyes
        .known
        .iter()
        .filter(|l| matches!(l, Leaf::Shock(..)) && !matter.contains(l))
    {
        let joint = together(model, BTreeSet::from([*leaf]));
        if let Some(hidden) = joint.iter().find(|l| matter.contains(l) && !eyes.known.contains(l)) {
            return Err(signal(model, who.0, *leaf, *hidden));
        }
    }
    Ok(())
}

/// What is hidden from those who play a game with states although what they do would depend on it, by name; one entry per thing. Empty unless
/// `information = full` asks for the policies of players who see everything.
///
/// # Errors
/// E0825: who does not observe what.
pub fn states(economy: &Economy, knows: Knows) -> Result<Vec<String>, Diagnostic> {
    let model = economy.model;
    // Under `open_loop` nobody looks at anything once play has begun.
    if knows == Knows::Apart || model.states.is_empty() || economy.concept == Concept::OpenLoop {
        return Ok(Vec::new());
    }
    let mut playing: Vec<(usize, usize)> = Vec::new();
    for seat in &economy.seats {
        if let Deciding::Each(n) = seat.members {
            playing.extend(seat.agents.iter().flat_map(|a| (0..n).map(move |m| (*a, m))));
        }
    }
    let mut sight = Sight::new(model)?;
    let eyes = playing.iter().map(|(a, m)| sight.eyes(*a, *m));
    let eyes: Vec<Eyes> = eyes.collect::<Result<_, _>>()?;
    sight.look_ahead(&playing)?;
    let mut names = BTreeSet::new();
    for (who, own) in playing.iter().zip(&eyes).filter(|(w, _)| w.1 == 0) {
        let hidden = hidden(model, &sight, *who, (own, &eyes), knows);
        if hidden.is_empty() {
            continue;
        }
        if model.information != Information::Full {
            return Err(unseen(economy, *who, own, &hidden));
        }
        names.extend(hidden.iter().map(|l| named(model, *l).0));
    }
    Ok(names.into_iter().collect())
}

/// What matters to one who plays and cannot be worked out of what it observes.
fn hidden(model: &Model, sight: &Sight, who: (usize, usize), (own, all): (&Eyes, &[Eyes]), knows: Knows) -> Vec<Leaf> {
    let mut out = Vec::new();
    for leaf in conditions(model, sight.matters(who, Some(own))) {
        let kept = match leaf {
            Leaf::State(..) => false,
            Leaf::Action(..) => true,
            // What nobody is told and tells nothing about the future is a noise to all.
            Leaf::Shock(s, _) => {
                let noise = fresh(model, s) && !own.touch(leaf);
                noise && (knows == Knows::States || !all.iter().any(|e| e.touch(leaf)))
            }
        };
        if !kept && !own.known.contains(&leaf) {
            out.push(leaf);
        }
    }
    out
}

/// Whether a shock is drawn afresh every period, whatever happens elsewhere.
fn fresh(model: &Model, shock: usize) -> bool {
    let shock = &model.shocks[shock];
    let begun = !matches!(shock.start, Some(StartShock::Link(_) | StartShock::Value(_)));
    begun
        && match &shock.process {
            Process::Iid(_) => true,
            Process::Chain { matrices, given, .. } => {
                let alike = |m: &Vec<Vec<f64>>| {
                    m.iter()
                        .all(|row| row.iter().zip(&m[0]).all(|(a, b)| (a - b).abs() < 1e-12))
                };
                given.is_empty() && matrices.iter().all(alike)
            }
            Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Var1 { .. } => false,
        }
}

/// Shocks that stand among others, with those that their chances depend on.
fn conditions(model: &Model, mut leaves: BTreeSet<Leaf>) -> BTreeSet<Leaf> {
    loop {
        let before = leaves.len();
        for leaf in leaves.clone() {
            let Leaf::Shock(s, e) = leaf else { continue };
            let elements = |k: usize| model.graph.elements(&model.shocks[k].shape);
            match &model.shocks[s].process {
                Process::Chain { given, .. } => {
                    let same = |k: usize| {
                        if elements(k) == elements(s) {
                            e..e + 1
                        } else {
                            0..elements(k)
                        }
                    };
                    leaves.extend(given.iter().flat_map(|(k, _)| same(*k).map(|i| Leaf::Shock(*k, i))));
                }
                Process::Var1 { .. } => leaves.extend((0..elements(s)).map(|i| Leaf::Shock(s, i))),
                Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) => {}
            }
        }
        if leaves.len() == before {
            return leaves;
        }
    }
}

/// Shocks that stand among others, with all that move together with them.
fn together(model: &Model, leaves: BTreeSet<Leaf>) -> BTreeSet<Leaf> {
    let all = (0..model.shocks.len())
        .flat_map(|s| (0..model.graph.elements(&model.shocks[s].shape)).map(move |e| Leaf::Shock(s, e)));
    let all: Vec<(Leaf, BTreeSet<Leaf>)> = all.map(|l| (l, conditions(model, BTreeSet::from([l])))).collect();
    let mut out = conditions(model, leaves);
    loop {
        let before = out.len();
        for (leaf, rests) in &all {
            if rests.len() > 1 && rests.iter().any(|r| out.contains(r)) {
                out.insert(*leaf);
                out.extend(rests);
            }
        }
        if out.len() == before {
            return out;
        }
    }
}

/// The name of what a leaf is an element of, and where it is declared.
fn named(model: &Model, leaf: Leaf) -> (String, Span) {
    match leaf {
        Leaf::State(s, _) => (model.states[s].name.clone(), model.states[s].span),
        Leaf::Shock(s, _) => (model.shocks[s].name.clone(), model.shocks[s].span),
        Leaf::Action(a, _) => (model.actions[a].name.clone(), model.actions[a].span),
    }
}

/// The refusal of an observation that tells a part of something.
fn partly(model: &Model, agent: usize, leaf: Leaf, observation: usize) -> Diagnostic {
    let who = &model.agents[agent];
    let o = &who.observation[observation];
    let (name, span) = named(model, leaf);
    let own = name
        .strip_prefix(&format!("{}.", who.name))
        .unwrap_or(&name)
        .to_string();
    let d = Diagnostic::error(
        "E0825",
        format!(
            "`{}` observes `{}`, which tells a part of `{name}` and not all",
            who.name, o.name
        ),
    )
    .at(o.span, "several values lead to the same observation")
    .and(span, "matters to what is chosen");
    let d = d.note("the best choice is a function of what is observed; games without states are solved for choices that are functions of whole draws");
    match leaf {
        Leaf::Action(..) => d.hint(format!(
            "observe `{name}` itself; or let both choose at one stage; or train learners, who see what they observe: econc train"
        )),
        Leaf::State(..) | Leaf::Shock(..) => d.hint(format!(
            "observe all of it: `observe {own}`; or leave the observation out, which averages over `{own}`; or train learners, who see what they observe: econc train"
        )),
    }
}

/// The refusal of a signal.
fn signal(model: &Model, agent: usize, leaf: Leaf, hidden: Leaf) -> Diagnostic {
    let who = &model.agents[agent];
    let (name, span) = named(model, leaf);
    let (about, declared) = named(model, hidden);
    let bare = name.strip_prefix(&format!("{}.", who.name)).unwrap_or(&name);
    let told = who.observation.iter().find(|o| o.name == bare || o.name == name);
    Diagnostic::error(
        "E0825",
        format!("`{}` observes `{bare}`, which counts only by what it tells about `{about}`", who.name),
    )
    .at(told.map_or(span, |o| o.span), "a signal")
    .and(declared, "matters to what is chosen, and is not observed")
    .note("games without states are solved for choices that are functions of the draws that count themselves")
    .hint(format!(
        "observe what counts: `observe {about}`; or leave the signal out, which averages over `{about}`; or train learners, who see what they observe: econc train"
    ))
}

/// The refusal of a game in which somebody does not see what its policy would depend on.
fn unseen(economy: &Economy, who: (usize, usize), eyes: &Eyes, hidden: &[Leaf]) -> Diagnostic {
    let model = economy.model;
    let agent = &model.agents[who.0];
    let own_first = |leaf: &Leaf| eyes.known.iter().any(|k| named(model, *k).0 == named(model, *leaf).0);
    let text = |leaf: &Leaf| {
        let name = named(model, *leaf).0;
        match own_first(leaf) {
            true => format!("others({name})"),
            false => name
                .strip_prefix(&format!("{}.", agent.name))
                .unwrap_or(&name)
                .to_string(),
        }
    };
    let mut names: Vec<String> = hidden.iter().map(text).collect();
    names.dedup();
    let listed: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    let mut d = Diagnostic::error(
        "E0825",
        format!(
            "`{}` does not observe {}, which matters",
            agent.name,
            listed.join(" and ")
        ),
    )
    .at(agent.span, "chooses without seeing it");
    if let Some(first) = hidden.first() {
        d = d.and(named(model, *first).1, "not observed");
    }
    let touched = hidden.iter().any(|l| eyes.touch(*l));
    if touched {
        d = d.note("an observation reads it but does not give it away: several values lead to the same observation");
    }
    let numbers = model.actions.iter().all(|a| matches!(a.space, Space::Interval { .. }));
    let open_loop = economy.concept == Concept::Nash && numbers && model.shocks.is_empty() && model.horizon.is_none();
    d.note("in a game with states what each does is a function of the states that matter; where one of them is hidden it would depend on all that was ever observed, and no method here finds that")
        .hint(format!(
            "observe it: `observe .., {}`; or solve for players who see everything: --information full{}; or train learners, who see what they observe: econc train",
            names.join(", "),
            match open_loop {
                true => "; or for plans that are made once and look at nothing: --concept open_loop",
                false => "",
            }
        ))
}
