//! Games that are played once, or again and again without a state: everybody chooses, and is paid.
//!
//! The problem is a `Game`: rewards as programs of everybody's actions, with prices that are taken as given held where a derivative or a
//! deviation would move them. What is played decides how it is solved: numbers in intervals by first-order conditions with bounds
//! ([`static_game`]); finite choices by trying every profile, and mixtures by indifference (`finite/`); strategies that depend on what
//! each knows by their conditions (`informed/`, `typed.rs`); agents that choose one after another from the last to the first (`stages.rs`).
//! Members of one agent block that are alike play alike.
//!
//! [`static_game`]: crate::solve::static_game

use super::play::{ALIKE, Play, Searched, UNLIKE, joint};
use super::select::{self, Candidate};
use super::{EquilibriumMethod, Found, finite, informed, public, stages, typed};
use crate::check::Model;
use crate::check::conduct::{Concept, Information};
use crate::check::model::Space;
use crate::diag::Diagnostic;
use crate::graph::shape::element_name;
use crate::graph::{InputId, InputKind, Op};
use crate::solve::bellman::Interpolation;
use crate::solve::economy::{Deciding, Economy};
use crate::solve::kinked::Nodes;
use crate::solve::method::word;
use crate::solve::observed::Knows;
use crate::solve::problem::{ActionAxis, ActionKind, JointChain, Links};
use crate::solve::progress::Watch;
use crate::solve::solution::{Player, Record, Solution};
use crate::solve::static_game::game::{Game, Reading};
use crate::solve::static_game::search::Tried;
use crate::solve::static_game::{Conduct, equilibria, from_start};

/// Its word.
pub const NAME: &str = "one_shot";

/// The method.
pub struct OneShot;

/// Most who choose.
const MOST: usize = 2000;

/// The prices each agent takes as given, one list per agent of the model.
pub(super) fn takes(economy: &Economy) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); economy.model.agents.len()];
    for seat in &economy.seats {
        for a in &seat.agents {
            out[*a].clone_from(&seat.takes);
        }
    }
    out
}

impl EquilibriumMethod for OneShot {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "games without states: first-order conditions, finite and mixed choices, stages, private information"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["find", "select"]
    }

    fn judged(&self) -> &'static [&'static str] {
        &[]
    }

    fn knows(&self) -> Knows {
        Knows::Apart
    }

    fn fits(&self, economy: &Economy) -> Result<(), String> {
        let model = economy.model;
        if !model.states.is_empty() && model.horizon != Some(1) {
            return Err(format!(
                "`{}` is a state, and the game is not played once",
                model.states[0].name
            ));
        }
        if economy.concept == Concept::Stackelberg && model.acting_stages().len() < 2 {
            return Err("its concept is `stackelberg`, and everybody acts at one stage".into());
        }
        if economy.concept.joint() {
            return Err("one decides for all".into());
        }
        if economy.concept == Concept::OpenLoop && model.stages.len() > 1 {
            return Err("agents act in stages, where later ones answer, and under `open_loop` nobody does".into());
        }
        if model.acting_stages().len() > 2 {
            return Err("agents act at more than two stages".into());
        }
        let timed = |i: &crate::graph::Input| matches!(i.kind, InputKind::Time);
        let clock = model.graph.inputs.iter().position(timed);
        if clock.is_some_and(|t| model.graph.nodes.iter().any(|n| n.op == Op::Input(InputId(t as u32)))) {
            return Err("what is paid depends on the date `t`: every date would be a game of its own".into());
        }
        if model.information == Information::Full && !model.shocks.is_empty() {
            return Err(
                "`information = full` would make known to all what is private; write `observe` for what all see".into(),
            );
        }
        if let Some(a) = model.actions.iter().find(|a| !a.given.is_empty()) {
            return Err(format!("`{}` is a schedule of a price", a.name));
        }
        if let Some(a) = model.actions.iter().find(|a| a.taste.is_some()) {
            return Err(format!("choices of `{}` have taste shocks", a.name));
        }
        let axes = &model.graph.axes;
        if model
            .agents
            .iter()
            .any(|a| a.axis.is_some_and(|x| axes[x.0 as usize].continuum))
        {
            return Err("a continuum decides".into());
        }
        let each = |m: &Deciding| if let Deciding::Each(n) = m { *n } else { 1 };
        let all: usize = economy.seats.iter().map(|s| each(&s.members)).sum();
        if all > MOST {
            return Err(format!("{all} decide, and at most {MOST} can"));
        }
        Ok(())
    }

    fn solve(&self, economy: &Economy, _seed: u64, _progress: &mut dyn Watch) -> Result<Found, Vec<Diagnostic>> {
        solve(economy).map_err(|d| vec![d])
    }
}

fn solve(economy: &Economy) -> Result<Found, Diagnostic> {
    let model = economy.model;
    let reading = Reading {
        conduct: Conduct::Nash,
        takes: takes(economy),
        informed: true,
        finite: true,
        alike: true,
        all: word(model, "find").as_deref() == Some("all"),
    };
    let chosen = |a: &&crate::check::model::Action| {
        let rules = &model.agents[a.owner].rules;
        !rules.iter().any(|(r, _)| std::ptr::eq(&model.actions[*r], *a))
    };
    let used = || model.actions.iter().filter(chosen);
    let finite = used().any(|a| !matches!(a.space, Space::Interval { .. }));
    let staged = used().map(|a| a.stage).max() != used().map(|a| a.stage).min();
    let (game, plays, searched): (Game, Vec<Play>, Searched) = if staged {
        stages::solve(model, &reading)?
    } else if finite {
        let mut game = Game::new(model, Nodes::Usual, &reading)?;
        let known = public::finite(model, &game);
        let (plays, searched) = match known {
            Some(known) => public::solve(&mut game, known, |game| finite::solve(model, game))?,
            None => finite::solve(model, &game)?,
        };
        (game, plays, searched)
    } else {
        let mut game = Game::new(model, Nodes::Usual, &reading)?;
        if game.types.is_empty() {
            let (game, mut found, tried) = equilibria(model, &reading, "solve")?;
            if super::play::from_start(model) && found.len() > 1 {
                from_start(&game, &mut found);
            }
            for x in &found {
                game.allowed(model, x)?;
            }
            let plays = found.iter().map(|x| Play::numbers(&game, x)).collect();
            let mut searched = searched(tried);
            searched.continuum = game.continuum(&found);
            if searched.continuum {
                searched.scope.push("some points of a continuum of equilibria".into());
            }
            (game, plays, searched)
        } else if let Some(known) = public::known(model, &game) {
            let mut tried = Tried::default();
            let (plays, mut found) = public::solve(&mut game, known, |game| {
                let (found, more) = game.equilibria("solve");
                tried = tried.and(more);
                let plays = found.iter().map(|x| Play::numbers(game, x)).collect();
                Ok((plays, Searched::default()))
            })?;
            let how = searched(tried);
            (found.tried, found.scope) = (how.tried, how.scope);
            (game, plays, found)
        } else if !game.given && !one_draw_each(&game) {
            let (plays, searched) = typed::solve(model, &mut game)?;
            (game, plays, searched)
        } else {
            if game.chance.kinked.is_some() {
                // What others may know is drawn thousands of times, with every outcome of every other draw.
                game = Game::new(model, Nodes::Few, &reading)?;
            }
            let (plays, searched) = informed::solve(model, &game)?;
            (game, plays, searched)
        }
    };
    let candidates: Vec<Candidate> = plays
        .into_iter()
        .map(|play| Candidate {
            payoffs: play.payoffs(),
            solution: solution(model, &game, &play),
            play,
        })
        .collect();
    let (solution, others) = select::chosen(economy, &game, candidates, &searched)?;
    Ok(Found {
        solution,
        others,
        searches: searched.tried,
        scope: searched.scope,
        discretised: Vec::new(),
        steady_state: Vec::new(),
        perceived: None,
        population: None,
    })
}

/// Whether each who chooses has one number and knows one continuous draw.
fn one_draw_each(game: &Game) -> bool {
    let draw = |t: &usize| game.types[*t].continuous.is_some();
    (game.choosers.iter()).all(|c| c.actions.len() == 1 && c.sees.len() == 1 && c.sees.iter().all(draw))
}

/// What a search for numbers tried, in words.
fn searched(tried: Tried) -> Searched {
    let mut out = Searched::starts(tried.starts + tried.bounds);
    if tried.bounds > 0 {
        out.scope = vec![
            format!("{} starts", tried.starts),
            format!("{} combinations of bounds that bind", tried.bounds),
        ];
    }
    if tried.unlike {
        out.scope.push(format!("members who are alike playing alike {UNLIKE}"));
    } else if tried.alike {
        out.scope.push(ALIKE.into());
    }
    out
}

/// Whether all members of each agent do the same and are paid the same, and each member has one number of each action.
fn symmetric(model: &Model, game: &Game, play: &Play) -> bool {
    let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(x, y)| (x - y).abs() <= 1e-9 * (1.0 + x.abs()));
    let first = |i: usize| (game.actions.iter().position(|a| a.group == game.actions[i].group)).unwrap_or(i);
    let same = (0..game.actions.len()).all(|i| {
        let f = first(i);
        near(&play.policy[i], &play.policy[f]) && near(&play.mixed[i], &play.mixed[f])
    });
    let one = game.actions.iter().all(|a| {
        let agent = &model.agents[model.actions[a.action].owner];
        model.graph.elements(&model.actions[a.action].shape) == model.graph.elements(&agent.shape)
    });
    let paid = (game.choosers.iter().zip(&play.paid)).all(|(c, p)| {
        let lead = game.choosers.iter().position(|d| d.agent == c.agent).unwrap_or(0);
        let q = &play.paid[lead];
        p.iter().zip(q).all(|(x, y)| (x - y).abs() <= 1e-7 * (1.0 + x.abs()))
    });
    same && one && paid
}

/// What is played as a solution like a planner's.
fn solution(model: &Model, game: &Game, play: &Play) -> Solution {
    let alike = symmetric(model, game, play);
    let g = &model.graph;
    let leads = |i: &usize| {
        let group = game.actions[*i].group;
        !alike || game.actions.iter().position(|a| a.group == group) == Some(*i)
    };
    let kept: Vec<usize> = (0..game.actions.len()).filter(leads).collect();
    let named = |i: usize| {
        let a = &game.actions[i];
        let shape = &model.actions[a.action].shape;
        match alike {
            true => a.name.clone(),
            false => element_name(g, &a.name, shape, a.element, g.elements(shape)),
        }
    };
    let actions = kept.iter().map(|i| ActionAxis {
        name: named(*i),
        kind: match &game.actions[*i].values {
            Some((values, labels)) => ActionKind::Finite {
                values: values.clone(),
                labels: labels.clone(),
            },
            None => ActionKind::Continuous,
        },
        taste: None,
    });
    let actions: Vec<ActionAxis> = actions.collect();
    // Played for ever, what is paid once is paid again and again.
    let times = |agent: usize| {
        let d = model.agents[agent]
            .discount
            .map(|d| g.nodes[d.0 as usize].domain.as_point());
        match (model.horizon, d) {
            (None, Some(Some(d))) if d < 1.0 => 1.0 / (1.0 - d),
            _ => 1.0,
        }
    };
    let lead = |c: usize| {
        let agent = game.choosers[c].agent;
        !alike || game.choosers.iter().position(|d| d.agent == agent) == Some(c)
    };
    let players: Vec<Player> = (0..game.choosers.len())
        .filter(|c| lead(*c))
        .map(|c| {
            let chooser = &game.choosers[c];
            let many = game.choosers.iter().filter(|d| d.agent == chooser.agent).count() > 1;
            Player {
                name: match alike {
                    true => model.agents[chooser.agent].name.clone(),
                    false => game.name(model, c),
                },
                agent: chooser.agent,
                member: if alike && many { None } else { Some(chooser.member) },
                actions: chooser
                    .actions
                    .iter()
                    .filter_map(|a| kept.iter().position(|k| k == a))
                    .collect(),
                own: None,
                value: play.paid[c].iter().map(|x| x * times(chooser.agent)).collect(),
            }
        })
        .collect();
    let (values, weights) = joint(&play.known);
    let repeated = model.horizon.is_none() && model.agents.iter().any(|a| a.discount.is_some());
    Solution {
        method: NAME.into(),
        states: Vec::new(),
        chain: JointChain {
            names: play.known.iter().map(|k| k.name.clone()).collect(),
            transition: vec![weights.clone(); values.len()],
            values,
            links: (play.known.iter())
                .map(|k| Links {
                    values: k.values.clone(),
                    continuous: k.continuous,
                })
                .collect(),
        },
        policy: kept.iter().map(|i| play.policy[*i].clone()).collect(),
        mixed: kept.iter().map(|i| play.mixed[*i].clone()).collect(),
        actions,
        periods: 1,
        infinite: repeated,
        interpolation: Interpolation::Linear,
        value: players.first().map_or_else(Vec::new, |p| p.value.clone()),
        probability: Vec::new(),
        worth: Vec::new(),
        given: Vec::new(),
        players,
        record: Record {
            iterations: 1,
            error: f64::NAN,
            ..Record::default()
        },
    }
}
