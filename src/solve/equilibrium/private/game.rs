//! A game on whole-number states: every profile of choices at every state, what it pays and where it leads.

use super::envelope::{Line, best_of, logit};
use crate::chance::{Distribution, Process};
use crate::check::model::{Information, Model, Setting, Settings};
use crate::diag::Diagnostic;
use crate::limits;
use crate::solve::decision::players::Players;
use crate::solve::decision::resting::alike;
use crate::solve::decision::{self, Decision};
use crate::solve::economy::{Economy, cannot};
use crate::solve::located;
use crate::solve::problem::{ActionKind, DecisionProblem, Lanes};
use crate::solve::solution::{Solution, SolvedState};

/// Most profiles of choices at all states together, and most private draws of all players.
const MOST_PROFILES: usize = 2_000_000;
const MOST_DRAWS: usize = 6;
/// Values of a private draw at which payoffs are looked at: they must lie on a line.
const VALUES: usize = 3;
/// Differences of payoffs that count as none, as a share of their size.
const SAME: f64 = 1e-8;

/// One who decides.
pub(super) struct Who {
    pub(super) name: String,
    pub(super) agent: usize,
    pub(super) member: Option<usize>,
    /// The place of its choice among the actions, and of its numbers.
    pub(super) choice: usize,
    pub(super) numbers: Vec<usize>,
    /// How many choices there are.
    pub(super) choices: usize,
    pub(super) discount: f64,
    /// Scale of the tastes for its choices, where they have any; then it has no draws.
    pub(super) taste: Option<f64>,
    /// Its private draws: places in the chain, laws.
    pub(super) draws: Vec<usize>,
    pub(super) laws: Vec<Distribution>,
    /// The slope of what it is paid in each of its draws, `[draw][node x choice]`.
    slopes: Vec<Vec<f64>>,
    /// Whether a choice is allowed, `[node x choice]`.
    pub(super) allowed: Vec<bool>,
    /// Ends of each number, `[number][node]`.
    pub(super) ends: Vec<Vec<(f64, f64)>>,
    /// Whose policy it shares, at which node each of its own stands: an earlier member of its agent, where nothing tells members apart.
    pub(super) like: Option<(usize, Vec<usize>)>,
}

/// A game.
pub(super) struct Game {
    pub(super) decision: Decision,
    players: Players,
    pub(super) states: Vec<SolvedState>,
    columns: Vec<Vec<f64>>,
    strides: Vec<usize>,
    pub(super) nodes: usize,
    pub(super) who: Vec<Who>,
    /// Profiles: the node of each, and each player's choice, `[player][profile]`.
    node: Vec<usize>,
    choice: Vec<Vec<usize>>,
    /// The values of draws at which the problem was compiled, first values, one per draw of the chain.
    first: Vec<f64>,
}

/// What everybody does, and what that is worth.
#[derive(Clone)]
pub(super) struct Stand {
    /// `[player][node]`, before private draws are known.
    pub(super) value: Vec<Vec<f64>>,
    /// What each choice is worth with private draws at zero, `[player][node x choice]`; minus infinity where it is not allowed.
    pub(super) worth: Vec<Vec<f64>>,
    /// `[player][node x choice]`.
    pub(super) chance: Vec<Vec<f64>>,
    /// The number that goes with each choice, `[player][number][node x choice]`.
    pub(super) numbers: Vec<Vec<Vec<f64>>>,
}

/// What profiles pay and where they lead.
struct Outcome {
    /// `[player][profile]`, expected.
    reward: Vec<Vec<f64>>,
    /// `[noise][profile]`: probability and the node it leads to.
    moves: Vec<Vec<(f64, usize)>>,
}

/// The model as it is compiled: everything is known, and private draws stand at a few values.
fn compiled(model: &Model) -> Model {
    let mut out = model.clone();
    out.information = Information::Full;
    if out.settings.iter().all(|s| s.block != "solve") {
        out.settings.push(Settings {
            block: "solve".into(),
            method: None,
            entries: Vec::new(),
            span: crate::diag::Span::default(),
        });
    }
    for s in &model.shocks {
        for block in out.settings.iter_mut().filter(|b| b.block == "solve") {
            block
                .entries
                .push((format!("chain.{}", s.name), Setting::Number(VALUES as f64), s.span));
        }
    }
    out
}

impl Game {
    /// The game of an economy.
    ///
    /// # Errors
    /// E0810 for payoffs that are no lines in private draws, or that others' draws move; E0904 for too many profiles.
    pub(super) fn new(economy: &Economy) -> Result<Game, Diagnostic> {
        let model = economy.model;
        let draws: usize = model.shocks.iter().map(|s| model.graph.elements(&s.shape)).sum();
        if draws > MOST_DRAWS {
            return Err(cannot(format!("{draws} private draws are more than {MOST_DRAWS}"))
                .hint("fewer players, or fewer draws of each"));
        }
        let full = compiled(model);
        let economy = Economy::of(&full)?;
        let (decision, players) = Decision::with_players(&economy, &decision::ProblemOptions::default())?;
        let states = Solution::states_of(&decision);
        let nodes: usize = states.iter().map(|s| s.nodes.len()).product();
        let mut strides = vec![1; states.len()];
        for k in (0..states.len().saturating_sub(1)).rev() {
            strides[k] = strides[k + 1] * states[k + 1].nodes.len();
        }
        let columns: Vec<Vec<f64>> = (states.iter().zip(&strides))
            .map(|(s, step)| (0..nodes).map(|i| s.nodes[i / step % s.nodes.len()]).collect())
            .collect();
        let mut game = Game {
            first: decision.spec().chain.values[0].clone(),
            decision,
            players,
            states,
            columns,
            strides,
            nodes,
            who: Vec::new(),
            node: Vec::new(),
            choice: Vec::new(),
        };
        for i in 0..game.players.list.len() {
            let mut who = game.one(model, i)?;
            who.like = game.like(model, &who);
            game.who.push(who);
        }
        game.profiles()?;
        game.lines()?;
        Ok(game)
    }

    /// One of the players, without the slopes.
    fn one(&self, model: &Model, i: usize) -> Result<Who, Diagnostic> {
        let (one, spec) = (&self.players.list[i], self.decision.spec());
        let finite = |a: &&usize| matches!(spec.actions[**a].kind, ActionKind::Finite { .. });
        let mut all = one.actions.iter().filter(finite);
        let (Some(&choice), None) = (all.next(), all.next()) else {
            return Err(cannot(format!("`{}` has not one choice among finitely many", one.name)));
        };
        let numbers: Vec<usize> = one.actions.iter().copied().filter(|a| *a != choice).collect();
        let choices = match &spec.actions[choice].kind {
            ActionKind::Finite { values, .. } => values.len(),
            ActionKind::Continuous => 0,
        };
        let (mut draws, mut laws) = (Vec::new(), Vec::new());
        for (k, name) in spec.chain.names.iter().enumerate() {
            let Some((s, e)) = located::shock(model, name) else {
                continue;
            };
            let shock = &model.shocks[s];
            let elements = model.graph.elements(&shock.shape);
            if shock.owner == Some(one.agent)
                && located::own(model, one.agent, one.member, elements).contains(&e)
                && let Process::Iid(law) = &shock.process
            {
                draws.push(k);
                laws.push(law.clone());
            }
        }
        let taste = spec.actions[choice].taste;
        if let (Some(_), Some(d)) = (taste, draws.first()) {
            return Err(cannot(format!(
                "`{}` has tastes for its choices and draws of its own, `{}`",
                one.name, spec.chain.names[*d]
            ))
            .hint("leave one of the two: a taste is a draw for each choice"));
        }
        let columns: Vec<&[f64]> = self.columns.iter().map(Vec::as_slice).collect();
        let mut allowed = vec![true; self.nodes * choices];
        let mut mask = vec![1.0; self.nodes];
        for c in 0..choices {
            self.decision
                .allowed(&Lanes::before_draws(&columns, &[], 0, 0), choice, c, &mut mask);
            mask.iter()
                .enumerate()
                .for_each(|(s, m)| allowed[s * choices + c] = *m != 0.0);
        }
        if let Some(s) = (0..self.nodes).find(|s| !allowed[s * choices..(s + 1) * choices].contains(&true)) {
            return Err(
                Diagnostic::error("E0902", format!("nothing is allowed to `{}`", one.name))
                    .note(format!("at {}", self.place(s))),
            );
        }
        let bounds = self.bounds(0);
        let ends: Vec<Vec<(f64, f64)>> = numbers.iter().map(|a| bounds[*a].clone()).collect();
        if let Some(a) = (numbers.iter().zip(&ends))
            .find(|(_, e)| e.iter().any(|(lo, hi)| !(lo.is_finite() && hi.is_finite() && lo <= hi)))
        {
            return Err(cannot(format!("`{}` has no ends", spec.actions[*a.0].name)).hint("action x in [0, 10]"));
        }
        Ok(Who {
            name: one.name.clone(),
            agent: one.agent,
            member: one.member,
            choice,
            numbers,
            choices,
            discount: one.discount,
            taste,
            slopes: vec![vec![0.0; self.nodes * choices]; draws.len()],
            draws,
            laws,
            allowed,
            ends,
            like: None,
        })
    }

    /// An earlier player whose policy one shares with places exchanged, with the node that stands for each node.
    fn like(&self, model: &Model, who: &Who) -> Option<(usize, Vec<usize>)> {
        let axis = model.agents[who.agent].axis?;
        let first = self.who.iter().position(|w| w.agent == who.agent)?;
        let (m, n) = (who.member?, self.who[first].member?);
        if !alike(model, axis) {
            return None;
        }
        let at: Option<Vec<(usize, usize)>> = self.states.iter().map(|s| located::state(model, &s.name)).collect();
        let at = at?;
        let other = |(s, e): (usize, usize)| -> usize {
            if model.states[s].owner != Some(who.agent) {
                return e;
            }
            let elements = model
                .graph
                .elements(&model.graph.inputs[model.states[s].input.0 as usize].shape);
            let [x, y] = [m, n].map(|m| located::own(model, who.agent, Some(m), elements));
            match (x.contains(&e), y.contains(&e)) {
                (true, _) => y.start + e - x.start,
                (_, true) => x.start + e - y.start,
                _ => e,
            }
        };
        let to: Option<Vec<usize>> = at
            .iter()
            .map(|k| at.iter().position(|x| *x == (k.0, other(*k))))
            .collect();
        let to = to?;
        let digit = |node: usize, k: usize| node / self.strides[k] % self.states[k].nodes.len();
        let swapped = |node: usize| (0..to.len()).map(|k| digit(node, k) * self.strides[to[k]]).sum();
        Some((first, (0..self.nodes).map(swapped).collect()))
    }

    /// Gives those who share a player's policy what it has.
    pub(super) fn share(&self, i: usize, stand: &mut Stand) {
        for (j, w) in self.who.iter().enumerate() {
            let Some((_, map)) = w.like.as_ref().filter(|l| l.0 == i) else {
                continue;
            };
            let moved = |from: &[f64], width: usize| -> Vec<f64> {
                map.iter()
                    .flat_map(|n| from[n * width..(n + 1) * width].to_vec())
                    .collect()
            };
            stand.value[j] = moved(&stand.value[i], 1);
            stand.worth[j] = moved(&stand.worth[i], w.choices);
            stand.chance[j] = moved(&stand.chance[i], w.choices);
            stand.numbers[j] = stand.numbers[i].iter().map(|x| moved(x, w.choices)).collect();
        }
    }

    /// Ends of every action at every node, in one joint state of the draws; finite ones have none.
    fn bounds(&self, shock: usize) -> Vec<Vec<(f64, f64)>> {
        let spec = self.decision.spec();
        let columns: Vec<&[f64]> = self.columns.iter().map(Vec::as_slice).collect();
        let numbers: Vec<usize> = (0..spec.actions.len())
            .filter(|a| spec.actions[*a].kind == ActionKind::Continuous)
            .collect();
        let mut lo = vec![vec![0.0; self.nodes]; numbers.len()];
        let mut hi = lo.clone();
        let mut low: Vec<&mut [f64]> = lo.iter_mut().map(Vec::as_mut_slice).collect();
        let mut high: Vec<&mut [f64]> = hi.iter_mut().map(Vec::as_mut_slice).collect();
        self.decision
            .bounds(&Lanes::before_draws(&columns, &[], shock, 0), &mut low, &mut high);
        let mut out = vec![Vec::new(); spec.actions.len()];
        for (c, a) in numbers.iter().enumerate() {
            out[*a] = lo[c].iter().copied().zip(hi[c].iter().copied()).collect();
        }
        out
    }

    /// A node in words.
    pub(super) fn place(&self, node: usize) -> String {
        let words: Vec<String> = self
            .states
            .iter()
            .zip(&self.columns)
            .map(|(s, c)| format!("{} = {}", s.name, c[node]))
            .collect();
        words.join(", ")
    }

    /// All profiles of allowed choices.
    fn profiles(&mut self) -> Result<(), Diagnostic> {
        self.choice = vec![Vec::new(); self.who.len()];
        for s in 0..self.nodes {
            let mut all: Vec<Vec<usize>> = vec![Vec::new()];
            for w in &self.who {
                let open: Vec<usize> = (0..w.choices).filter(|c| w.allowed[s * w.choices + c]).collect();
                all = all
                    .into_iter()
                    .flat_map(|head: Vec<usize>| open.iter().map(move |c| [head.as_slice(), &[*c]].concat()))
                    .collect();
            }
            if self.node.len() + all.len() > MOST_PROFILES {
                return Err(Diagnostic::error(
                    "E0904",
                    format!("more than {MOST_PROFILES} profiles of choices at all states"),
                )
                .hint("states with fewer values, fewer players, or fewer choices"));
            }
            for profile in all {
                self.node.push(s);
                self.choice.iter_mut().zip(profile).for_each(|(list, c)| list.push(c));
            }
        }
        Ok(())
    }

    /// What all profiles pay and where they lead, with these numbers, in a joint state of the draws.
    fn outcome(&self, numbers: &[Vec<Vec<f64>>], shock: usize) -> Result<Outcome, Diagnostic> {
        limits::poll();
        let (spec, n) = (self.decision.spec(), self.node.len());
        let columns: Vec<Vec<f64>> = (self.columns.iter())
            .map(|c| self.node.iter().map(|s| c[*s]).collect())
            .collect();
        let mut actions = vec![Vec::new(); spec.actions.len()];
        for (i, w) in self.who.iter().enumerate() {
            let place = |p: usize| self.node[p] * w.choices + self.choice[i][p];
            if let ActionKind::Finite { values, .. } = &spec.actions[w.choice].kind {
                actions[w.choice] = self.choice[i].iter().map(|c| values[*c]).collect();
            }
            for (k, a) in w.numbers.iter().enumerate() {
                actions[*a] = (0..n).map(|p| numbers[i][k][place(p)]).collect();
            }
        }
        let states: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let actions: Vec<&[f64]> = actions.iter().map(Vec::as_slice).collect();
        let mut out = Outcome {
            reward: vec![vec![0.0; n]; self.who.len()],
            moves: Vec::new(),
        };
        for (noise, weight) in spec.noise_weights.iter().enumerate() {
            let lanes = Lanes {
                states: &states,
                actions: &actions,
                shock,
                noise,
                shock_next: shock,
                time: 0,
            };
            let mut chance = vec![1.0; n];
            if spec.chances_move {
                self.decision.chance(&lanes, &mut chance);
            }
            let period = self.players.period(&self.decision, &lanes, n);
            for (sum, part) in out.reward.iter_mut().zip(&period.parts) {
                for p in 0..n {
                    let by = weight * chance[p];
                    sum[p] += if by == 0.0 { 0.0 } else { by * part.reward[p] };
                }
            }
            let mut moves = Vec::with_capacity(n);
            for p in 0..n {
                let by = weight * chance[p];
                let to = if by == 0.0 {
                    Some(0)
                } else {
                    self.number(period.next.iter().map(|x| x[p]))
                };
                let Some(to) = to else {
                    return Err(Diagnostic::error("E0942", "a state is led out of its whole numbers")
                        .note(format!("from {}", self.place(self.node[p])))
                        .hint("hold it: clamp(.., 0, W)"));
                };
                moves.push((by, to));
            }
            out.moves.push(moves);
        }
        match out.reward.iter().flatten().any(|r| r.is_nan()) {
            true => Err(Diagnostic::error(
                "E0903",
                "a reward is not a number at some state and choice",
            )),
            false => Ok(out),
        }
    }

    /// The node of these states.
    fn number(&self, at: impl Iterator<Item = f64>) -> Option<usize> {
        let mut node = 0;
        for ((x, s), step) in at.zip(&self.states).zip(&self.strides) {
            let k = (x - s.nodes[0]).round();
            if !(k >= 0.0 && k < s.nodes.len() as f64 && (x - s.nodes[0] - k).abs() < 1e-9) {
                return None;
            }
            node += k as usize * step;
        }
        Some(node)
    }

    /// Slopes of what each is paid in its draws. Draws move nothing else.
    fn lines(&mut self) -> Result<(), Diagnostic> {
        let low = self.middle(0.0);
        let high = self.middle(0.7);
        let here = [self.outcome(&low, 0)?, self.outcome(&high, 0)?];
        let size = here
            .iter()
            .flat_map(|h| h.reward.iter().flatten())
            .fold(1.0f64, |m, r| m.max(r.abs()));
        let chain = self.decision.spec().chain.clone();
        let bounds = self.bounds(0);
        for draw in 0..chain.names.len() {
            let name = chain.names[draw].clone();
            let not = |what: &str| {
                Err(cannot(format!("`{name}` {what}"))
                    .note("what only one knows may add to what its choices pay, in proportion, and nothing else")
                    .hint("let it stand alone in a term of the reward: if d == enter then -cost else 0"))
            };
            let mut slopes: Vec<Vec<f64>> = Vec::new();
            for link in 1..VALUES {
                let Some(shock) = chain.values.iter().position(|v| {
                    let moved = chain.values[0]
                        .iter()
                        .zip(v)
                        .enumerate()
                        .filter(|(k, (a, b))| *k != draw && a != b)
                        .count()
                        == 0;
                    moved && v[draw] == self.links(&chain, draw)[link]
                }) else {
                    continue;
                };
                if self.bounds(shock) != bounds {
                    return not("moves the bounds of what is chosen");
                }
                let by = chain.values[shock][draw] - self.first[draw];
                for (numbers, here) in [&low, &high].into_iter().zip(&here) {
                    let there = self.outcome(numbers, shock)?;
                    if there.moves != here.moves {
                        return not("moves states or chances");
                    }
                    for (i, (a, b)) in there.reward.iter().zip(&here.reward).enumerate() {
                        let slope: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a - b) / by).collect();
                        if self.who[i].draws.contains(&draw) {
                            slopes.push(slope);
                        } else if slope.iter().any(|s| (s * by).abs() > SAME * size) {
                            return not("moves what others are paid");
                        }
                    }
                }
            }
            let Some(i) = self.who.iter().position(|w| w.draws.contains(&draw)) else {
                continue;
            };
            let Some(first) = slopes.first() else { continue };
            let reach = chain
                .values
                .iter()
                .map(|v| (v[draw] - self.first[draw]).abs())
                .fold(0.0, f64::max);
            let w = &mut self.who[i];
            let k = w.draws.iter().position(|d| *d == draw).unwrap_or(0);
            let mut own = vec![f64::NAN; w.slopes[k].len()];
            for (p, slope) in first.iter().enumerate() {
                let place = self.node[p] * w.choices + self.choice[i][p];
                let alike = |x: f64| (x - slope).abs() * reach <= SAME * size;
                let known = own[place].is_nan() || alike(own[place]);
                if !known || !slopes.iter().all(|s| alike(s[p])) {
                    return not("pays otherwise than in proportion to it, or with what else is chosen");
                }
                own[place] = *slope;
            }
            w.slopes[k] = own.into_iter().map(|x| if x.is_nan() { 0.0 } else { x }).collect();
        }
        Ok(())
    }

    /// The values at which a draw was compiled.
    fn links(&self, chain: &crate::solve::problem::JointChain, draw: usize) -> Vec<f64> {
        let mut out: Vec<f64> = chain.values.iter().map(|v| v[draw]).collect();
        out.sort_by(f64::total_cmp);
        out.dedup();
        let first = out.iter().position(|x| *x == self.first[draw]).unwrap_or(0);
        out.rotate_left(first);
        out
    }

    /// Numbers at a share of the way from their lower to their upper ends.
    pub(super) fn middle(&self, share: f64) -> Vec<Vec<Vec<f64>>> {
        let of = |w: &Who| -> Vec<Vec<f64>> {
            let each = |ends: &Vec<(f64, f64)>| {
                ends.iter()
                    .flat_map(|(lo, hi)| vec![lo + share * (hi - lo); w.choices])
                    .collect()
            };
            w.ends.iter().map(each).collect()
        };
        self.who.iter().map(of).collect()
    }

    /// What each choice of a player is worth, with private draws at zero, `[node x choice]`, given what the others do.
    pub(super) fn worth(&self, i: usize, stand: &Stand, numbers: &[Vec<Vec<f64>>]) -> Result<Vec<f64>, Diagnostic> {
        let out = self.outcome(numbers, 0)?;
        let w = &self.who[i];
        let mut sum: Vec<f64> = w
            .allowed
            .iter()
            .map(|a| if *a { 0.0 } else { f64::NEG_INFINITY })
            .collect();
        for p in 0..self.node.len() {
            let s = self.node[p];
            let others: f64 = (self.who.iter().enumerate())
                .filter(|(j, _)| *j != i)
                .map(|(j, o)| stand.chance[j][s * o.choices + self.choice[j][p]])
                .product();
            if others == 0.0 {
                continue;
            }
            let later: f64 = out.moves.iter().map(|m| m[p].0 * stand.value[i][m[p].1]).sum();
            sum[s * w.choices + self.choice[i][p]] += others * (out.reward[i][p] + w.discount * later);
        }
        for (place, q) in sum.iter_mut().enumerate() {
            for (k, draw) in w.draws.iter().enumerate() {
                *q -= w.slopes[k][place] * self.first[*draw];
            }
        }
        Ok(sum)
    }

    /// The lines in its draws of the choices that are allowed to a player at a node, with their numbers; `worth` is `[node x choice]`.
    pub(super) fn lines_at(&self, i: usize, node: usize, worth: &[f64]) -> (Vec<usize>, Vec<Line>) {
        let w = &self.who[i];
        let open: Vec<usize> = (0..w.choices).filter(|c| w.allowed[node * w.choices + c]).collect();
        let line = |c: &usize| Line {
            at_zero: worth[node * w.choices + c],
            slopes: w.slopes.iter().map(|s| s[node * w.choices + c]).collect(),
        };
        let lines = open.iter().map(line).collect();
        (open, lines)
    }

    /// Value and chances that follow from what choices are worth: `[node]` and `[node x choice]`.
    pub(super) fn taken(&self, i: usize, worth: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let w = &self.who[i];
        if let Some(t) = w.taste {
            let all = worth.chunks(w.choices).map(|q| logit(q, t));
            let (value, chances): (Vec<f64>, Vec<Vec<f64>>) = all.unzip();
            return (value, chances.concat());
        }
        let laws: Vec<&Distribution> = w.laws.iter().collect();
        let mut chance = vec![0.0; worth.len()];
        let value = (0..self.nodes)
            .map(|s| {
                let (open, lines) = self.lines_at(i, s, worth);
                let (value, chances) = best_of(&lines, &laws);
                open.iter()
                    .zip(chances)
                    .for_each(|(c, p)| chance[s * w.choices + c] = p);
                value
            })
            .collect();
        (value, chance)
    }

    /// Goes on with values under what everybody does: as if it had been done so many periods more. `before`, `[player][node]`, are the
    /// values that replies were found with.
    pub(super) fn go_on(&self, stand: &mut Stand, before: &[Vec<f64>], periods: usize) -> Result<(), Diagnostic> {
        let out = self.outcome(&stand.numbers, 0)?;
        let mut joint: Vec<f64> = vec![1.0; self.node.len()];
        for (j, w) in self.who.iter().enumerate() {
            for (p, x) in joint.iter_mut().enumerate() {
                *x *= stand.chance[j][self.node[p] * w.choices + self.choice[j][p]];
            }
        }
        let ahead = |value: &[f64]| -> Vec<f64> {
            let mut sum = vec![0.0; self.nodes];
            for (p, by) in joint.iter().enumerate().filter(|(_, by)| **by > 0.0) {
                let later: f64 = out.moves.iter().map(|m| m[p].0 * value[m[p].1]).sum();
                sum[self.node[p]] += by * later;
            }
            sum
        };
        for (i, w) in self.who.iter().enumerate() {
            let now = ahead(&before[i]);
            let pays: Vec<f64> = stand.value[i]
                .iter()
                .zip(now)
                .map(|(v, a)| v - w.discount * a)
                .collect();
            for _ in 0..periods {
                let next = ahead(&stand.value[i]);
                stand.value[i] = pays.iter().zip(next).map(|(r, a)| r + w.discount * a).collect();
            }
        }
        Ok(())
    }

    /// The slope of what a player is paid in a draw of its own.
    pub(super) fn slope(&self, i: usize, k: usize, place: usize) -> f64 {
        self.who[i].slopes[k][place]
    }

    /// Largest and smallest reward with numbers at their lower ends.
    pub(super) fn rewards(&self) -> Result<(f64, f64), Diagnostic> {
        let out = self.outcome(&self.middle(0.0), 0)?;
        let all = out.reward.iter().flatten();
        Ok(all.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), r| (a.min(*r), b.max(*r))))
    }
}
