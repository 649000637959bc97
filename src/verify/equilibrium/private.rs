//! The judgement of an equilibrium whose players know draws of their own: what each gets and could gain, to whom the choices of the others are
//! uncertain, in the economy that is simulated.
//!
//! At a state the draws of everybody are spread evenly by the judge, everybody chooses as a reader of the solution would, and one period passes in the
//! economy with all its declared chances. What that is worth on average must be the value before draws are known; and no other choice, tried over its whole
//! range, may be worth more to one who knows its own draws. Where all states are looked at, both together bound what a whole life of other choices
//! could gain: the gain of any plan is a discounted sum of one-shot gains and residuals. Of one whose choices have tastes (`tastes.rs`) every choice is
//! made with its probability, which must be that of a logit of what choices are worth in the economy.

mod tastes;

use super::record::{EquilibriumCertificate, PlayerVerdict};
use crate::chance::{Distribution, Process};
use crate::check::Model;
use crate::diag::{Diagnostic, Severity};
use crate::env::worlds::trial::Place;
use crate::limits;
use crate::num::statistics;
use crate::solve::between::PolicyBetween;
use crate::solve::economy::Economy;
use crate::solve::equilibrium::Found;
use crate::solve::located;
use crate::solve::problem::{ActionKind, JointChain};
use crate::solve::solution::{Player, Solution};
use crate::verify::grid::Certificate;
use crate::verify::world::play::{self, Apart};
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::trials::{Job, Range, Trials};
use crate::verify::world::value::Value;
use crate::verify::world::visit::Visit;
use crate::verify::world::{JudgeOptions, LANES, WorldCertificate, units};
use std::sync::Arc;

/// Most states at which everything is looked at; of more only those that are visited.
const STATES: usize = 400;
/// States that are looked at together.
const TOGETHER: usize = 12;
/// Even points over the own draws, over those of another, and those of the own at which deviations are tried. Primes: a multiple of a step
/// meets every point.
const OWN: usize = 61;
const OTHERS: usize = 2039;
const TRIED: [usize; 2] = [13, 44];
/// Points along each own draw over which the value before draws are known is taken, by their number.
const QUANTILES: [usize; 4] = [1, 4001, 201, 31];
/// Even steps of a scan, and steps that halve from its ends.
const STEPS: usize = 16;
const HALVES: i32 = 8;

/// Everything that is read of a solution.
struct Reader<'a> {
    model: &'a Model,
    solution: &'a Solution,
    policy: PolicyBetween,
    /// Shock and element of each draw of the chain, with its law.
    draws: Vec<(usize, usize, Distribution)>,
    /// The draws of each player.
    of: Vec<Vec<usize>>,
    /// Action and element of each action of the solution.
    actions: Vec<(usize, usize)>,
    /// Input and element of each state.
    states: Vec<(usize, usize)>,
    /// The scale of each player's tastes for its choices, as the model declares it.
    tastes: Vec<Option<f64>>,
}

/// What the others may do at a state: its probability, and their actions.
struct Rivals {
    chance: f64,
    actions: Vec<(usize, f64)>,
}

/// Judges.
///
/// # Errors
/// Those of a simulation and of the economy's programs; E0815 for a solution of another model.
pub(super) fn judge(
    model: &Model,
    economy: &Economy,
    found: &Found,
    options: &JudgeOptions,
) -> Result<Certificate, Diagnostic> {
    let reader = Reader::new(model, &found.solution)?;
    let mut world = WorldCertificate::default();
    let mut players = Vec::new();
    let mut unit = "";
    for i in 0..found.solution.players.len() {
        limits::poll();
        let (standing, own) = reader.one(i, options, &mut world)?;
        players.push(standing);
        unit = own;
    }
    let mut reasons = found.solution.record.warnings.clone();
    let passed = world.passed() && !reasons.iter().any(|d| d.severity == Severity::Error);
    reasons.extend(world.reasons.iter().cloned());
    Ok(Certificate {
        passed,
        reasons,
        unit: unit.into(),
        equilibrium: Some(EquilibriumCertificate {
            concept: economy.conduct(),
            unit: unit.into(),
            players,
            excess: f64::NAN,
            moved: f64::NAN,
            searches: found.searches,
            scope: found.scope.clone(),
            found: 1 + found.others.len(),
            ..EquilibriumCertificate::default()
        }),
        world: Some(world),
        ..Certificate::default()
    })
}

/// Points of a lattice of `n` (a prime) points in as many dimensions as are asked for: each coordinate meets every one of `n` even places once.
fn even(n: usize, point: usize, dimension: usize) -> f64 {
    let step = [1, n * 5 / 13, n * 7 / 24, n * 11 / 37][dimension % 4].max(1);
    ((point * step % n) as f64 + 0.5) / n as f64
}

impl<'a> Reader<'a> {
    fn new(model: &'a Model, solution: &'a Solution) -> Result<Reader<'a>, Diagnostic> {
        let lost = |name: &str| {
            Diagnostic::error("E0815", format!("the model has no `{name}`, which the solution has"))
                .hint("judge the solution with the model that it was solved from")
        };
        let mut draws = Vec::new();
        for name in &solution.chain.names {
            let (s, e) = located::shock(model, name).ok_or_else(|| lost(name))?;
            let Process::Iid(law) = &model.shocks[s].process else {
                return Err(lost(name));
            };
            draws.push((s, e, law.clone()));
        }
        let mine = |p: &Player| -> Vec<usize> {
            let own = |d: &usize| {
                let (s, e, _) = &draws[*d];
                let elements = model.graph.elements(&model.shocks[*s].shape);
                model.shocks[*s].owner == Some(p.agent) && located::own(model, p.agent, p.member, elements).contains(e)
            };
            (0..draws.len()).filter(own).collect()
        };
        let of = solution.players.iter().map(mine).collect();
        let actions = solution
            .actions
            .iter()
            .map(|a| located::action(model, &a.name).ok_or_else(|| lost(&a.name)));
        let actions: Vec<(usize, usize)> = actions.collect::<Result<_, _>>()?;
        let taste = |p: &Player| p.own.as_ref().and_then(|o| model.actions[actions[o.choice].0].taste);
        let states = solution.states.iter().map(|s| {
            let (n, e) = located::state(model, &s.name).ok_or_else(|| lost(&s.name))?;
            Ok((model.states[n].input.0 as usize, e))
        });
        Ok(Reader {
            policy: PolicyBetween::new(Arc::new(solution.clone()))?,
            tastes: solution.players.iter().map(taste).collect(),
            actions,
            states: states.collect::<Result<_, Diagnostic>>()?,
            model,
            solution,
            draws,
            of,
        })
    }

    /// The states of a node.
    fn states(&self, node: usize) -> Vec<f64> {
        let mut rest = node;
        let mut out: Vec<f64> = self
            .solution
            .states
            .iter()
            .rev()
            .map(|s| {
                let x = s.nodes[rest % s.nodes.len()];
                rest /= s.nodes.len();
                x
            })
            .collect();
        out.reverse();
        out
    }

    /// The middle of every draw.
    fn middles(&self) -> Vec<f64> {
        self.draws.iter().map(|d| d.2.quantile(0.5)).collect()
    }

    /// What a player does at states, given all draws: one number for each of its actions.
    fn does(&self, player: usize, states: &[f64], draws: &[f64]) -> Vec<f64> {
        let spot = self.policy.spot(0, draws, states);
        self.solution.players[player]
            .actions
            .iter()
            .map(|a| self.policy.action(*a, &spot))
            .collect()
    }

    /// What a player may be expected to do at states by those who do not know its draws.
    fn expected(&self, player: usize, states: &[f64]) -> Vec<Rivals> {
        if self.tastes[player].is_some() {
            return self.mixture(player, states);
        }
        let mut draws = self.middles();
        let own = &self.of[player];
        let points = if own.is_empty() { 1 } else { OTHERS };
        let mut out: Vec<(Vec<f64>, usize)> = Vec::new();
        for point in 0..points {
            for (d, k) in own.iter().enumerate() {
                draws[*k] = self.draws[*k].2.quantile(even(points, point, d));
            }
            let does = self.does(player, states, &draws);
            match out.iter_mut().find(|o| o.0 == does) {
                Some(o) => o.1 += 1,
                None => out.push((does, 1)),
            }
        }
        let actions = &self.solution.players[player].actions;
        out.into_iter()
            .map(|(does, count)| Rivals {
                chance: count as f64 / points as f64,
                actions: actions.iter().copied().zip(does).collect(),
            })
            .collect()
    }

    /// What all others of a player may do together.
    fn rivals(&self, player: usize, states: &[f64]) -> Vec<Rivals> {
        let mut out = vec![Rivals {
            chance: 1.0,
            actions: Vec::new(),
        }];
        for j in (0..self.solution.players.len()).filter(|j| *j != player) {
            let more = self.expected(j, states);
            out = out
                .iter()
                .flat_map(|a| {
                    more.iter().map(|b| Rivals {
                        chance: a.chance * b.chance,
                        actions: [a.actions.as_slice(), &b.actions].concat(),
                    })
                })
                .collect();
        }
        out
    }

    /// The value of a player before its draws are known, one per node.
    fn before(&self, player: usize) -> Vec<f64> {
        let own = &self.of[player];
        let per = QUANTILES[own.len().min(QUANTILES.len() - 1)];
        let Some(o) = &self.solution.players[player].own else {
            return Vec::new();
        };
        let count = o.worth.len() / self.solution.players[player].value.len().max(1);
        let nz = self.solution.shocks();
        if let Some(t) = self.tastes[player] {
            return o
                .worth
                .chunks(count * nz)
                .map(|q| tastes::logit(&q[..count], t).1)
                .collect();
        }
        // What a choice is worth is a line in each draw: through its values at the ends of the stored draws.
        let links: Vec<Vec<f64>> = (0..self.draws.len())
            .map(|k| {
                let mut v: Vec<f64> = self.solution.chain.values.iter().map(|x| x[k]).collect();
                v.sort_by(f64::total_cmp);
                v.dedup();
                v
            })
            .collect();
        let joint = |pick: &dyn Fn(usize) -> f64| {
            self.solution
                .chain
                .values
                .iter()
                .position(|v| v.iter().enumerate().all(|(k, x)| *x == pick(k)))
                .unwrap_or(0)
        };
        let low = joint(&|k| links[k][0]);
        let high: Vec<usize> = own
            .iter()
            .map(|d| {
                joint(&|k| {
                    if k == *d {
                        links[k][links[k].len() - 1]
                    } else {
                        links[k][0]
                    }
                })
            })
            .collect();
        let points: Vec<Vec<f64>> = (0..per.pow(own.len() as u32))
            .map(|p| {
                let at = |(d, k): (usize, &usize)| {
                    self.draws[*k]
                        .2
                        .quantile((p / per.pow(d as u32) % per) as f64 / per as f64 + 0.5 / per as f64)
                };
                own.iter().enumerate().map(at).collect()
            })
            .collect();
        (0..self.solution.nodes())
            .map(|s| {
                limits::poll();
                let lines: Vec<(f64, Vec<f64>)> = (0..count)
                    .filter(|c| o.worth[(s * nz + low) * count + c].is_finite())
                    .map(|c| {
                        let at = |j: usize| o.worth[(s * nz + j) * count + c];
                        let slope = |(j, d): (&usize, &usize)| {
                            (at(*j) - at(low)) / (links[*d][links[*d].len() - 1] - links[*d][0])
                        };
                        let slopes: Vec<f64> = high.iter().zip(own).map(slope).collect();
                        let zero = at(low) - slopes.iter().zip(own).map(|(b, d)| b * links[*d][0]).sum::<f64>();
                        (zero, slopes)
                    })
                    .collect();
                let best = |x: &Vec<f64>| {
                    lines
                        .iter()
                        .map(|(zero, b)| zero + b.iter().zip(x).map(|(b, x)| b * x).sum::<f64>())
                        .fold(f64::NEG_INFINITY, f64::max)
                };
                points.iter().map(best).sum::<f64>() / points.len() as f64
            })
            .collect()
    }

    /// The solution as the value of one player before draws are known, on states alone.
    fn bare(&self, before: &[f64]) -> Solution {
        Solution {
            chain: JointChain {
                names: Vec::new(),
                values: vec![Vec::new()],
                transition: vec![vec![1.0]],
                links: Vec::new(),
            },
            value: before.to_vec(),
            policy: vec![vec![0.0; before.len()]; self.solution.actions.len()],
            given: Vec::new(),
            players: Vec::new(),
            ..self.solution.clone()
        }
    }

    /// A place with these states, draws and actions of others.
    fn place(&self, like: &Place, states: &[f64], draws: &[f64], actions: &[(usize, f64)]) -> Place {
        let mut out = like.clone();
        for ((input, element), x) in self.states.iter().zip(states) {
            out.inputs[*input][*element] = *x;
        }
        for ((s, e, _), x) in self.draws.iter().zip(draws) {
            out.stored[*s][*e] = *x;
            out.inputs[self.model.shocks[*s].input.0 as usize][*e] = *x;
        }
        for (a, x) in actions {
            let (action, element) = self.actions[*a];
            out.inputs[self.model.actions[action].input.0 as usize][element] = *x;
        }
        out
    }

    /// One player: what it gets, what it could gain, and the unit.
    fn one(
        &self,
        player: usize,
        options: &JudgeOptions,
        out: &mut WorldCertificate,
    ) -> Result<(PlayerVerdict, &'static str), Diagnostic> {
        let who = &self.solution.players[player];
        let before = self.before(player);
        let bare = self.bare(&before);
        let seat = SolvedSeat::of_player(self.model, &bare, who)?;
        let value = Value::new(&bare, &seat, None)
            .ok_or_else(|| Diagnostic::error("E0905", "the grid of the solution does not ascend"))?;
        let played = play::play(self.model, self.solution, &seat, &value, options, &Apart::default())?;
        let mut trials = Trials::new(self.model, &seat, &value, LANES, options.seed)?;
        let (sizes, unit) = units(&mut trials, &seat, &value, &played.met())?;
        let size = statistics::mean(&sizes);
        let everywhere = self.solution.nodes() <= STATES;
        let mut at: Vec<Vec<f64>> = match everywhere {
            true => (0..self.solution.nodes()).map(|n| self.states(n)).collect(),
            false => played.visits.iter().map(|v| v.states.clone()).collect(),
        };
        at.sort_by(|a, b| {
            a.iter()
                .zip(b)
                .fold(std::cmp::Ordering::Equal, |o, (x, y)| o.then(x.total_cmp(y)))
        });
        at.dedup();
        let Some(first) = played.visits.first() else {
            return Err(Diagnostic::error(
                "E0976",
                "no place was visited, so nothing was judged",
            ));
        };
        let (mut off, mut gains): (Vec<f64>, Vec<(f64, String)>) = (Vec::new(), Vec::new());
        let mut chances = Vec::new();
        for part in at.chunks(TOGETHER) {
            limits::poll();
            let looked = match self.tastes[player] {
                Some(t) => self.look_at_tastes((player, t), part, &first.place, &mut trials)?,
                None => self.look(player, part, &first.place, &mut trials)?,
            };
            chances.extend(looked.chances);
            for ((states, promised), gained) in part.iter().zip(&looked.kept).zip(looked.gains) {
                off.push((promised - value.at(states, &[], 0)) / size);
                gains.push((gained.0 / size, format!("{}: {}", self.words(states), gained.1)));
            }
        }
        let top = |x: f64| if x.is_nan() { f64::INFINITY } else { x };
        let residual = off.iter().map(|x| top(x.abs())).fold(0.0, f64::max);
        let best = gains.into_iter().fold(
            (0.0, String::new()),
            |a, b| if top(b.0) > a.0 { (top(b.0), b.1) } else { a },
        );
        let places = format!("{} states, share of {unit}", at.len());
        let limit = Some(options.limit);
        if !out.log(
            &format!("{}: value before draws are known, residual", who.name),
            residual,
            limit,
            places.clone(),
        ) {
            out.reasons.push(
                Diagnostic::error(
                    "E0944",
                    format!("the value of `{}` is not what its play obtains", who.name),
                )
                .note(format!(
                    "off by 10^{:.2} of {unit} a period at some state",
                    residual.log10()
                ))
                .hint("another start or more rounds: solve { iterations = 3000 }"),
            );
        }
        if !out.log(
            &format!("{}: one-shot gain, largest", who.name),
            best.0,
            limit,
            format!("{places}; draws and tastes of others unknown to it"),
        ) {
            out.reasons.push(
                Diagnostic::error("E0976", format!("`{}` gains 10^{:.2} of {unit} by one deviation: this is no equilibrium", who.name, best.0.log10()))
                    .note(best.1.clone())
                    .hint("more rounds: solve { iterations = 3000 }; if the gain stays, what was found is no equilibrium of this model"),
            );
        }
        if let Some(error) = chances.iter().copied().map(top).reduce(f64::max) {
            self.probabilities(player, error, &places, options, out);
        }
        let whole = if everywhere { best.0 + residual } else { f64::NAN };
        if everywhere
            && !out.log(
                &format!("{}: best reply of a whole life, gain at most", who.name),
                whole,
                None,
                "a period: the largest gain and residual of all states together".into(),
            )
        {
            out.reasons.push(Diagnostic::error(
                "E0977",
                format!("a best reply may gain `{}` more than is allowed", who.name),
            ));
        }
        self.lives(player, &played, size, unit, out);
        Ok((
            PlayerVerdict {
                name: who.name.clone(),
                value: played.promised,
                value_error: played.promised_error,
                one_shot: best.0,
                best_reply: whole,
            },
            unit,
        ))
    }

    /// Whether lives that are played earn what was promised, as far as chance lets one tell.
    fn lives(&self, player: usize, played: &play::Played, size: f64, unit: &str, out: &mut WorldCertificate) {
        // Rewards that are summed leave out what tastes add.
        if played.gaps.is_empty() || self.tastes[player].is_some() {
            return;
        }
        let name = &self.solution.players[player].name;
        let gap = statistics::mean(&played.gaps) / (size * played.weight);
        let error = statistics::sd(&played.gaps) / (played.gaps.len() as f64).sqrt() / (size * played.weight);
        // Chance alone leads this far once in many thousands of times.
        let far = gap.abs() - 4.5 * error;
        let fine = out.log(
            &format!("{name}: lives that were played, off by more than chance"),
            far.max(0.0),
            Some(-3.0),
            format!(
                "{} lives: {gap:.1e} of {unit} a period with a standard error of {error:.1e}",
                played.gaps.len()
            ),
        );
        if !fine {
            out.reasons.push(
                Diagnostic::error(
                    "E0944",
                    format!("lives of `{name}` do not earn what the solution promises"),
                )
                .hint("please report this model: what is played is not what was solved"),
            );
        }
    }

    fn words(&self, states: &[f64]) -> String {
        let all = self
            .solution
            .states
            .iter()
            .zip(states)
            .map(|(s, x)| format!("{} = {x}", s.name));
        all.collect::<Vec<_>>().join(", ")
    }
}

/// What was seen at some states: what play is worth there, and the largest gain of a deviation with what it is.
struct Looked {
    kept: Vec<f64>,
    gains: Vec<(f64, String)>,
    /// How far the probabilities of choices with tastes are from the logit of what they are worth; empty where there are no tastes.
    chances: Vec<f64>,
}

/// One evaluation: the place in `kept`, the own draw that it belongs to, its weight, and the candidate (none is the policy).
struct Asked {
    state: usize,
    own: usize,
    weight: f64,
    candidate: Option<usize>,
}

impl Reader<'_> {
    fn look(&self, player: usize, at: &[Vec<f64>], like: &Place, trials: &mut Trials) -> Result<Looked, Diagnostic> {
        let who = &self.solution.players[player];
        let (mut visits, mut asked, mut tried): (Vec<Visit>, Vec<Asked>, Vec<Vec<Vec<f64>>>) = Default::default();
        for (state, states) in at.iter().enumerate() {
            let rivals = self.rivals(player, states);
            let points = if self.of[player].is_empty() { 1 } else { OWN };
            for own in 0..points {
                let mut draws = self.middles();
                for (d, k) in self.of[player].iter().enumerate() {
                    draws[*k] = self.draws[*k].2.quantile(even(points, own, d));
                }
                let actions = self.does(player, states, &draws);
                for r in &rivals {
                    asked.push(Asked {
                        state,
                        own,
                        weight: r.chance,
                        candidate: None,
                    });
                    tried.push(Vec::new());
                    visits.push(Visit {
                        place: self.place(like, states, &draws, &r.actions),
                        states: states.clone(),
                        shocks: Vec::new(),
                        actions: actions.clone(),
                        weight: 1.0,
                    });
                }
            }
        }
        // Deviations at some of the own draws.
        let picked = |own: usize| TRIED.contains(&own) || self.of[player].is_empty();
        let chosen: Vec<usize> = (0..visits.len()).filter(|v| picked(asked[*v].own)).collect();
        let some: Vec<Visit> = chosen.iter().map(|v| visits[*v].clone()).collect();
        for (v, ranges) in chosen.iter().zip(trials.ranges(&some)?) {
            tried[*v] = self.candidates(who, &visits[*v], &ranges);
        }
        let mut jobs: Vec<Job> = Vec::new();
        let mut all: Vec<Asked> = Vec::new();
        for (v, a) in asked.iter().enumerate() {
            jobs.push(Job {
                visit: v,
                actions: &visits[v].actions,
            });
            all.push(Asked { ..*a });
            for (c, actions) in tried[v].iter().enumerate() {
                jobs.push(Job { visit: v, actions });
                all.push(Asked {
                    candidate: Some(c),
                    ..*a
                });
            }
        }
        let worth = trials.worth(&visits, &jobs, 1)?;
        let points = if self.of[player].is_empty() { 1 } else { OWN };
        let mut out = Looked {
            kept: vec![0.0; at.len()],
            gains: vec![(0.0, String::new()); at.len()],
            chances: Vec::new(),
        };
        // The policy's worth at each own draw, and each candidate's.
        let mut here = vec![vec![0.0; points]; at.len()];
        let mut there: Vec<std::collections::BTreeMap<(usize, usize), f64>> = vec![Default::default(); at.len()];
        for (a, w) in all.iter().zip(&worth) {
            let q = a.weight * if w.clears { w.q } else { f64::NAN };
            match a.candidate {
                None => here[a.state][a.own] += q,
                Some(c) => *there[a.state].entry((a.own, c)).or_insert(0.0) += q,
            }
        }
        for state in 0..at.len() {
            out.kept[state] = here[state].iter().sum::<f64>() / points as f64;
            for ((own, c), q) in &there[state] {
                let gain = q - here[state][*own];
                if gain > out.gains[state].0 || gain.is_nan() {
                    let visit = (0..asked.len()).find(|v| asked[*v].state == state && asked[*v].own == *own);
                    let does = visit.and_then(|v| tried[v].get(*c)).cloned().unwrap_or_default();
                    let named = who
                        .actions
                        .iter()
                        .zip(does)
                        .map(|(a, x)| format!("{} = {x:.5}", self.solution.actions[*a].name));
                    out.gains[state] = (gain, format!("better: {}", named.collect::<Vec<_>>().join(", ")));
                }
            }
        }
        Ok(out)
    }

    /// Deviations at a visit: every allowed choice with what goes with it, and with every number along its range.
    fn candidates(&self, who: &Player, visit: &Visit, ranges: &[Range]) -> Vec<Vec<f64>> {
        let Some(choice) = who.own.as_ref().map(|o| o.choice) else {
            return Vec::new();
        };
        let Some(place) = who.actions.iter().position(|a| *a == choice) else {
            return Vec::new();
        };
        let ActionKind::Finite { values, .. } = &self.solution.actions[choice].kind else {
            return Vec::new();
        };
        let Range::Values(open) = &ranges[place] else {
            return Vec::new();
        };
        let spot = self.policy.spot(0, &self.middles(), &visit.states);
        let mut out = Vec::new();
        for x in open {
            let c = values.iter().position(|v| v == x).unwrap_or(0);
            let mut base = visit.actions.clone();
            base[place] = *x;
            for (k, a) in who.actions.iter().enumerate().filter(|(_, a)| **a != choice) {
                base[k] = self.policy.action_given(*a, c, &spot);
            }
            out.extend(along(&base, place, ranges));
        }
        out
    }
}

/// A choice with what goes with it, and with every number beside it (all but `place`) along its range.
fn along(base: &[f64], place: usize, ranges: &[Range]) -> Vec<Vec<f64>> {
    let mut out = vec![base.to_vec()];
    for k in (0..base.len()).filter(|k| *k != place) {
        let Range::Between(lo, hi) = &ranges[k] else { continue };
        let w = hi - lo;
        let even = (0..=STEPS).map(|i| lo + w * i as f64 / STEPS as f64);
        let halves = (2..=HALVES).flat_map(|h| [lo + w * 0.5f64.powi(h), hi - w * 0.5f64.powi(h)]);
        let near = [0.03, -0.03, 3e-3, -3e-3].into_iter().map(|by| base[k] + by * w);
        for y in even.chain(halves).chain(near).filter(|y| y >= lo && y <= hi && w > 0.0) {
            let mut moved = base.to_vec();
            moved[k] = y;
            out.push(moved);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::model::Concept;
    use crate::solve::equilibrium::EquilibriumMethod;
    use crate::solve::equilibrium::private::ChoiceProbabilities;
    use crate::solve::progress::silent;

    fn small() -> Model {
        let options = crate::Options {
            set: vec![("W".into(), "5".into())],
            ..crate::Options::default()
        };
        let (model, messages) = crate::compile(include_str!("../../../models/entry_exit.econ"), &options);
        let mut model = model.unwrap_or_else(|| panic!("{messages:?}"));
        model.concept = Some(Concept::Nash);
        model
    }

    fn found(model: &Model) -> Found {
        let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
        let found = ChoiceProbabilities.solve(&economy, 1, &mut silent);
        found.unwrap_or_else(|d| panic!("{d:?}"))
    }

    fn judged(model: &Model, found: &Found) -> Certificate {
        let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
        judge(model, &economy, found, &JudgeOptions::default()).unwrap_or_else(|d| panic!("{d:?}"))
    }

    /// Codes of the reasons, each once.
    fn codes(c: &Certificate) -> Vec<&str> {
        let mut all: Vec<&str> = c.reasons.iter().map(|d| d.code.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn an_equilibrium_holds_and_each_way_of_spoiling_it_is_seen() {
        let model = small();
        let right = found(&model);
        let c = judged(&model, &right);
        assert!(c.passed, "{:?}", c.world);
        let standing = c.equilibrium.map(|e| e.players).unwrap_or_default();
        assert!(
            standing.iter().all(|p| p.one_shot < 1e-3 && p.best_reply < 1e-3),
            "{standing:?}"
        );
        // Invests a quarter less than is best where it stays.
        let mut idle = right.clone();
        let x = idle
            .solution
            .actions
            .iter()
            .position(|a| a.name == "firm.x[2]")
            .unwrap_or(0);
        idle.solution.given[x].iter_mut().for_each(|x| *x *= 0.75);
        let c = judged(&model, &idle);
        assert!(!c.passed && codes(&c).contains(&"E0976"), "{:?}", c.reasons);
        // Leaves for less than staying is worth.
        let mut hasty = right.clone();
        if let Some(own) = &mut hasty.solution.players[0].own {
            own.worth.iter_mut().skip(1).step_by(4).for_each(|w| *w += 0.3);
        }
        let c = judged(&model, &hasty);
        assert!(!c.passed && codes(&c).contains(&"E0976"), "{:?}", c.reasons);
        // Promises more than there is.
        let mut proud = right.clone();
        if let Some(own) = &mut proud.solution.players[1].own {
            own.worth.iter_mut().for_each(|w| *w *= 1.02);
        }
        let c = judged(&model, &proud);
        assert!(!c.passed && codes(&c).contains(&"E0944"), "{:?}", c.reasons);
    }
}
