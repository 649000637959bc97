//! Equilibria in finite choices: pure ones by trying every profile of strategies, mixed ones by indifference over supports.
//!
//! A strategy says what to choose for each state of what one knows. Members of a population who are alike (their payoffs are the same with their
//! places exchanged) play one strategy, and what the others do is then a matter of counts: the chance that so many of them know and do each
//! thing is multinomial, and the reward is computed once for each combination of counts, however many members there are. Mixed strategies: for
//! every combination of supports the probabilities at which all choices of a support pay the same, by Newton's method (for two players all extreme
//! equilibria are enumerated); choices outside must pay no more. Where all equilibria are
//! asked for, those in which members who are alike play unlike strategies are looked for as well; with members exchanged they count once.

mod mixed;
mod values;

use super::play::{Known, Play, Searched};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::limits;
use crate::solve::method::word;
use crate::solve::static_game::GAIN;
use crate::solve::static_game::game::Game;
use std::cell::Cell;
use values::List;

/// Most pure profiles that are tried, and most numbers of one table of counts.
const PROFILES: usize = 50_000;
const NUMBERS: usize = 60_000_000;
/// Chances below this are left out.
const RARE: f64 = 1e-16;

/// Those who play one strategy.
struct Kind {
    /// Choosers.
    members: Vec<usize>,
    /// States of what the first member knows: what its types carry, and the probability.
    states: Vec<(Vec<f64>, f64)>,
    /// How many choices there are.
    choices: usize,
}

/// For each kind and state of what it knows the probability of each choice.
type Strategy = Vec<Vec<Vec<f64>>>;

struct Table<'a> {
    game: &'a Game,
    kinds: Vec<Kind>,
    /// What everybody is paid at every profile, where these are few.
    list: Option<List>,
    /// How many payoffs were looked up or computed so far, the latter counted many times.
    work: Cell<u64>,
    /// Whether mixtures were met that are points of a continuum: between two of them is another.
    flat: Cell<bool>,
}

fn cannot(why: impl Into<String>) -> Diagnostic {
    Diagnostic::error("E0810", why.into())
}

/// All equilibria that are found (pure ones first), and how they were looked for.
///
/// # Errors
/// E0810 for what finite games have no room for.
pub(super) fn solve(model: &Model, game: &Game) -> Result<(Vec<Play>, Searched), Diagnostic> {
    let all = word(model, "find").as_deref() == Some("all");
    let table = Table::new(model, game)?;
    let (mut found, mut searched) = table.equilibria(all)?;
    // Where pure strategies lead from the first choice of everybody stands first: `select = from(start)`.
    if super::play::from_start(model)
        && let Some(s) = table.led_from_start()?
        && let Some(k) = found.iter().position(|f| *f == s)
    {
        found.swap(0, k);
    }
    let plays: Result<Vec<Play>, Diagnostic> = found.iter().map(|s| table.play(model, s)).collect();
    let mut plays = plays?;
    if table.kinds.iter().any(|k| k.members.len() > 1) {
        let apart = Table::with(game, kinds(game, false));
        if !all || apart.profiles() > PROFILES {
            searched.scope.push(super::play::ALIKE.into());
        } else {
            let (more, how) = apart.equilibria(all)?;
            let mut kept: Vec<Strategy> = Vec::new();
            for s in more {
                if !table.together(&apart, &s) && !kept.iter().any(|k| table.exchanged(&apart, k, &s)) {
                    plays.push(apart.play(model, &s)?);
                    kept.push(s);
                }
            }
            searched.tried += how.tried;
            searched.continuum |= how.continuum;
            searched
                .scope
                .push(format!("{}: {}", super::play::UNLIKE, how.scope.join(", ")));
        }
    }
    Ok((plays, searched))
}

/// What a chooser loses who leaves equilibrium `e` alone for its strategy of `f`, on average over what it knows.
pub(super) fn loss_of_leaving(game: &Game, c: usize, e: &Play, f: &Play) -> f64 {
    let chooser = &game.choosers[c];
    if game.wide.is_empty() {
        let x: Vec<f64> = e.policy.iter().map(|p| p[0]).collect();
        let mut y = x.clone();
        for a in &chooser.actions {
            y[*a] = f.policy[*a][0];
        }
        return chooser
            .actions
            .first()
            .map_or(0.0, |a| game.pays(*a, &x, &x) - game.pays(*a, &y, &x));
    }
    loss_in_finite(game, c, e, f).unwrap_or(0.0)
}

/// As [`loss_of_leaving`], of finite choices; `None` where the plays are not of the game.
fn loss_in_finite(game: &Game, c: usize, e: &Play, f: &Play) -> Option<f64> {
    let table = Table::of(game, &e.known, f)?;
    let (kind, s, t) = (table.kind_of(c)?, table.strategy(e)?, table.strategy(f)?);
    let values = table.values(kind, &s).ok()?;
    let mean = |p: &Vec<Vec<f64>>| -> f64 {
        (values.iter().zip(p).zip(&table.kinds[kind].states))
            .map(|((v, p), (_, w))| w * v.iter().zip(p).map(|(v, p)| v * p).sum::<f64>())
            .sum()
    };
    Some(mean(&s[kind]) - mean(&t[kind]))
}

impl<'a> Table<'a> {
    fn new(model: &Model, game: &'a Game) -> Result<Table<'a>, Diagnostic> {
        if let Some(a) = game.actions.iter().find(|a| a.values.is_none()) {
            let action = &model.actions[a.action];
            return Err(cannot("finite choices and numbers in intervals are chosen at once")
                .at(action.span, "a number in an interval")
                .hint("choose all from finite lists, `action x in {..}` or `0..n`, or all from intervals"));
        }
        if let Some(c) = game.choosers.iter().find(|c| c.actions.len() > 1) {
            let action = &model.actions[game.actions[c.actions[1]].action];
            return Err(cannot(format!(
                "`{}` makes several finite choices at once",
                model.agents[c.agent].name
            ))
            .at(action.span, "the second one")
            .hint("write one action whose choices are the combinations"));
        }
        for t in 0..game.types.len() {
            let seers = game.choosers.iter().filter(|c| c.sees.contains(&t)).count();
            let shock = &model.shocks[game.types[t].shock];
            if seers > 1 {
                return Err(cannot(format!("`{}` is seen by several who choose", shock.name))
                    .at(shock.span, "not private")
                    .hint("solve the game for each value of it: make it a parameter, --set NAME=.."));
            }
            if game.types[t].continuous.is_some() {
                return Err(
                    cannot(format!("`{}` is continuous, and choices are finite", shock.name))
                        .at(shock.span, "what is known")
                        .hint("make it a `markov` chain or `discrete(..)` draw with a few values"),
                );
            }
        }
        let alike = Table::plain(game, kinds(game, true)).alike();
        Ok(Table::with(game, kinds(game, alike)))
    }

    /// A table that computes what it is asked for.
    fn plain(game: &'a Game, kinds: Vec<Kind>) -> Table<'a> {
        Table {
            game,
            kinds,
            list: None,
            work: Cell::new(0),
            flat: Cell::new(false),
        }
    }

    /// A table with all payoffs, where these are few.
    fn with(game: &'a Game, kinds: Vec<Kind>) -> Table<'a> {
        let mut table = Table::plain(game, kinds);
        table.list = List::new(&table);
        table
    }

    /// How many profiles of pure strategies there are.
    fn profiles(&self) -> usize {
        let open = self.cells().into_iter().map(|c| self.open(c).len());
        open.fold(1usize, usize::saturating_mul)
    }

    /// All equilibria in which each kind plays one strategy, pure ones first; mixed ones where all are asked for or none is pure.
    fn equilibria(&self, all: bool) -> Result<(Vec<Strategy>, Searched), Diagnostic> {
        let cells = self.cells();
        let open: Vec<Vec<usize>> = cells.iter().map(|c| self.open(*c)).collect();
        let profiles = open.iter().map(Vec::len).fold(1usize, usize::saturating_mul);
        if profiles > PROFILES {
            return Err(
                cannot(format!("the game has more than {PROFILES} profiles of pure strategies"))
                    .hint("fewer choices, fewer states of what is known, or members who are alike"),
            );
        }
        let mut found: Vec<Strategy> = Vec::new();
        for k in 0..profiles {
            limits::poll();
            let mut rest = k;
            let mut s = self.blank();
            for ((kind, state), open) in cells.iter().zip(&open) {
                s[*kind][*state][open[rest % open.len()]] = 1.0;
                rest /= open.len();
            }
            if self.is_best(&s)? {
                found.push(s);
            }
        }
        let mut searched = Searched {
            tried: profiles,
            scope: vec![format!("{profiles} profiles of pure strategies")],
            ..Searched::default()
        };
        self.ties(&open, &found)?;
        if found.is_empty() || all {
            let (tried, scope) = self.mixed(&cells, &open, &mut found)?;
            searched.tried += tried;
            searched.scope.push(scope);
        }
        searched.continuum = self.flat.get();
        if searched.continuum {
            searched.ends = all && self.matrices(&open).is_some() && mixed::few(&open);
            searched.scope.push("some points of a continuum of equilibria".into());
        }
        Ok((found, searched))
    }

    /// Whether the members of each kind of this table do the same in a strategy of a table in which each is by itself.
    fn together(&self, apart: &Table, s: &Strategy) -> bool {
        let of = |c: usize| apart.kind_of(c).map(|k| &s[k]);
        let same = |k: &Kind| k.members.iter().all(|c| close(of(*c), of(k.members[0])));
        self.kinds.iter().all(same)
    }

    /// Whether two strategies of a table in which each is by itself are the same with members of this table's kinds exchanged.
    fn exchanged(&self, apart: &Table, s: &Strategy, t: &Strategy) -> bool {
        let of = |s: &Strategy, c: usize| apart.kind_of(c).map(|k| s[k].clone());
        self.kinds.iter().all(|kind| {
            let mut left: Vec<usize> = kind.members.clone();
            kind.members.iter().all(|c| {
                let own = of(s, *c);
                let other = left.iter().position(|d| close(own.as_ref(), of(t, *d).as_ref()));
                other.map(|k| left.swap_remove(k)).is_some()
            })
        })
    }

    /// The table of a game that was solved, with the kinds of its equilibria.
    fn of(game: &'a Game, known: &[Known], play: &Play) -> Option<Table<'a>> {
        let alike = kinds(game, true);
        let axes: usize = alike.iter().map(|k| game.choosers[k.members[0]].sees.len()).sum();
        let same = |k: &Kind| {
            let of = |c: usize| game.choosers[c].actions.first().map(|a| &play.policy[*a]);
            k.members.iter().all(|c| of(*c) == of(k.members[0]))
        };
        let together = axes == known.len() && alike.iter().all(same);
        let own = if together { alike } else { kinds(game, false) };
        Some(Table::plain(game, own))
    }

    fn kind_of(&self, chooser: usize) -> Option<usize> {
        self.kinds.iter().position(|k| k.members.contains(&chooser))
    }

    /// The strategy behind what is played.
    fn strategy(&self, play: &Play) -> Option<Strategy> {
        let mut out = self.blank();
        let sizes: Vec<usize> = self.kinds.iter().map(|k| k.states.len()).collect();
        for (k, kind) in self.kinds.iter().enumerate() {
            let a = *self.game.choosers[kind.members[0]].actions.first()?;
            let inner: usize = sizes[k + 1..].iter().product();
            for s in 0..kind.states.len() {
                let x = *play.policy[a].get(s * inner)?;
                match play.mixed[a].get(s * inner * kind.choices..(s * inner + 1) * kind.choices) {
                    Some(p) if !p.is_empty() => out[k][s] = p.to_vec(),
                    _ => {
                        let values = &self.game.actions[a].values.as_ref()?.0;
                        out[k][s][values.iter().position(|v| *v == x)?] = 1.0;
                    }
                }
            }
        }
        Some(out)
    }

    fn blank(&self) -> Strategy {
        let of = |k: &Kind| vec![vec![0.0; k.choices]; k.states.len()];
        self.kinds.iter().map(of).collect()
    }

    /// Each kind with each state of what it knows.
    fn cells(&self) -> Vec<(usize, usize)> {
        let of = |(k, kind): (usize, &Kind)| (0..kind.states.len()).map(move |s| (k, s)).collect::<Vec<_>>();
        self.kinds.iter().enumerate().flat_map(of).collect()
    }

    fn action(&self, chooser: usize) -> usize {
        self.game.choosers[chooser].actions[0]
    }

    fn value_of(&self, chooser: usize, choice: usize) -> f64 {
        let a = &self.game.actions[self.action(chooser)];
        a.values.as_ref().map_or(f64::NAN, |v| v.0[choice])
    }

    /// Whether members of each kind are paid the same with their places exchanged, at some profiles without a pattern.
    fn alike(&self) -> bool {
        let n = self.game.choosers.len();
        self.kinds.iter().filter(|k| k.members.len() > 1).all(|kind| {
            let (first, last) = (kind.members[0], kind.members[kind.members.len() - 1]);
            let same_size = kind.members.iter().all(|c| {
                let sees = |c: usize| self.game.choosers[c].sees.len();
                sees(*c) == sees(first)
            });
            let cases: Vec<Vec<(usize, usize)>> = (0..6)
                .map(|seed| {
                    let mut case = vec![(0, 0); n];
                    for other in &self.kinds {
                        for (m, c) in other.members.iter().enumerate() {
                            let pick = (m * 7 + seed * 13 + m * m * seed + c) % 1009;
                            case[*c] = (pick % other.states.len(), pick / 3 % other.choices);
                        }
                    }
                    case
                })
                .collect();
            let swapped: Vec<Vec<(usize, usize)>> = cases
                .iter()
                .map(|c| {
                    let mut c = c.clone();
                    c.swap(first, last);
                    c
                })
                .collect();
            let a = self.run(first, &self.columns(&cases), cases.len());
            let b = self.run(last, &self.columns(&swapped), cases.len());
            same_size && a.iter().zip(&b).all(|(x, y)| (x - y).abs() <= 1e-10 * (1.0 + x.abs()))
        })
    }

    /// What a kind may choose in a state of what it knows: only the first choice where no choice ever changes anything.
    fn open(&self, (kind, state): (usize, usize)) -> Vec<usize> {
        let all: Vec<usize> = (0..self.kinds[kind].choices).collect();
        let own = self.kinds[kind].members[0];
        let n = self.game.choosers.len();
        let cases = |choice: usize| -> Vec<Vec<(usize, usize)>> {
            (0..8)
                .map(|seed| {
                    let mut case = vec![(0, 0); n];
                    for other in &self.kinds {
                        for (m, c) in other.members.iter().enumerate() {
                            // From nobody to everybody does each thing.
                            let pick = (m * 31 + c * 7 + seed * seed * 11) % 97;
                            let choice = if seed < other.choices {
                                seed
                            } else {
                                pick % other.choices
                            };
                            case[*c] = (pick / 5 % other.states.len(), choice);
                        }
                    }
                    case[own] = (state, choice);
                    case
                })
                .collect()
        };
        let watched: Vec<usize> = self
            .kinds
            .iter()
            .map(|k| k.members[k.members.len() - 1])
            .chain([own])
            .collect();
        let paid = |choice: usize| -> Vec<f64> {
            let cases = cases(choice);
            let columns = self.columns(&cases);
            watched
                .iter()
                .flat_map(|c| self.run(*c, &columns, cases.len()))
                .collect()
        };
        let first = paid(0);
        let moves = |choice: &usize| {
            paid(*choice)
                .iter()
                .zip(&first)
                .any(|(x, y)| !((x - y).abs() <= 1e-12 * (1.0 + y.abs())))
        };
        if all[1..].iter().any(moves) { all } else { vec![0] }
    }

    /// What is put down to rounding of what a kind is paid.
    fn rounding(&self, kind: usize, here: f64) -> f64 {
        let money = self.game.money[self.action(self.kinds[kind].members[0])];
        GAIN * (money + here.abs())
    }

    /// Whether nobody gains by another choice.
    fn is_best(&self, s: &Strategy) -> Result<bool, Diagnostic> {
        for (k, strategy) in s.iter().enumerate() {
            for (v, p) in self.values(k, s)?.iter().zip(strategy) {
                let here: f64 = v.iter().zip(p).filter(|(_, p)| **p > 0.0).map(|(v, p)| v * p).sum();
                let best = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                if !here.is_finite() || !(best - here <= self.rounding(k, here)) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Where replies lead from the first choice of everybody, if they come to rest.
    fn led_from_start(&self) -> Result<Option<Strategy>, Diagnostic> {
        let mut s = self.blank();
        s.iter_mut().flatten().for_each(|p| p[0] = 1.0);
        for _ in 0..100 {
            limits::poll();
            let before = s.clone();
            for k in 0..self.kinds.len() {
                for (state, v) in self.values(k, &s)?.iter().enumerate() {
                    let now = s[k][state].iter().position(|p| *p > 0.0).unwrap_or(0);
                    let more = |b: usize, c: usize| v[c] > v[b] + self.rounding(k, v[b]);
                    let best = (0..v.len()).fold(now, |b, c| if more(b, c) { c } else { b });
                    s[k][state].fill(0.0);
                    s[k][state][best] = 1.0;
                }
            }
            if s == before {
                return Ok(Some(s));
            }
        }
        Ok(None)
    }

    /// What is played, as functions of what is known.
    fn play(&self, model: &Model, s: &Strategy) -> Result<Play, Diagnostic> {
        let mut known = Vec::new();
        for kind in &self.kinds {
            for t in &self.game.choosers[kind.members[0]].sees {
                let t = &self.game.types[*t];
                known.push(Known {
                    name: match kind.members.len() {
                        1 => t.name.clone(),
                        _ => model.shocks[t.shock].name.clone(),
                    },
                    values: t.values.clone(),
                    weights: t.weights.clone(),
                    continuous: false,
                });
            }
        }
        let sizes: Vec<usize> = self.kinds.iter().map(|k| k.states.len()).collect();
        let all: usize = sizes.iter().product();
        let state = |k: usize, j: usize| j / sizes[k + 1..].iter().product::<usize>() % sizes[k];
        let mut play = Play::blank(self.game, known);
        for (k, kind) in self.kinds.iter().enumerate() {
            let values = self.values(k, s)?;
            let mixes = s[k].iter().flatten().any(|p| *p > 0.0 && *p < 1.0);
            for c in &kind.members {
                let a = self.action(*c);
                for j in 0..all {
                    let p = &s[k][state(k, j)];
                    let likely = (0..p.len()).fold(0, |b, i| if p[i] > p[b] { i } else { b });
                    play.policy[a].push(self.value_of(*c, likely));
                    if mixes {
                        play.mixed[a].extend(p);
                    }
                    let v = &values[state(k, j)];
                    play.paid[*c].push(v.iter().zip(p).filter(|(_, p)| **p > 0.0).map(|(v, p)| v * p).sum());
                }
            }
        }
        Ok(play)
    }
}

fn near(a: &Strategy, b: &Strategy) -> bool {
    a.iter().zip(b).all(|(x, y)| close(Some(x), Some(y)))
}

/// Whether two do the same in every state of what they know.
fn close(a: Option<&Vec<Vec<f64>>>, b: Option<&Vec<Vec<f64>>>) -> bool {
    let Some((a, b)) = a.zip(b) else { return false };
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.into_iter().all(|(x, y)| (x - y).abs() < 1e-6)
}

/// Who plays one strategy: the members of each agent, or each by itself.
fn kinds(game: &Game, alike: bool) -> Vec<Kind> {
    let mut out: Vec<(usize, Kind)> = Vec::new();
    for (c, chooser) in game.choosers.iter().enumerate() {
        if alike && let Some((_, kind)) = out.iter_mut().find(|(a, _)| *a == chooser.agent) {
            kind.members.push(c);
            continue;
        }
        let mut states: Vec<(Vec<f64>, f64)> = vec![(Vec::new(), 1.0)];
        for t in &chooser.sees {
            let t = &game.types[*t];
            states = states
                .iter()
                .flat_map(|(head, w)| {
                    t.carried
                        .iter()
                        .zip(&t.weights)
                        .map(move |(x, p)| ([head.as_slice(), &[*x]].concat(), w * p))
                })
                .collect();
        }
        let choices = chooser.actions.first().and_then(|a| game.actions[*a].values.as_ref());
        let kind = Kind {
            members: vec![c],
            states,
            choices: choices.map_or(1, |v| v.0.len()),
        };
        out.push((chooser.agent, kind));
    }
    out.into_iter().map(|k| k.1).collect()
}
