//! Simulating an economy and summing up what happened.

use super::behaviour::Actor;
use super::cast::Cast;
use super::worlds::{Counts, Outcome, Worlds};
use crate::check::model::{Model, Then};
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::limits;
use crate::num::statistics::{self, Pairs, Running};
use crate::solve::solution::Solution;
use serde::{Deserialize, Serialize};

/// What to simulate.
#[derive(Clone, Debug)]
pub struct SimulationOptions {
    /// Scenario, by name.
    pub scenario: Option<String>,
    /// Number of periods; default the scenario's, else the horizon, else 200.
    pub periods: Option<usize>,
    /// Number of worlds.
    pub worlds: usize,
    /// Seed.
    pub seed: u64,
    /// Let continuous shocks run on the chain of the solution, where there is one (not those that the scenario scripts). Otherwise they
    /// follow their own law, and the policy is read between the nodes of the chain.
    pub on_chain: bool,
    /// Play the most likely choice where a policy mixes: with taste shocks, or learned by a method whose policy is a
    /// distribution.
    pub greedy: bool,
}

/// A series of one quantity.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name; members of vectors carry their number.
    pub name: String,
    /// One value per period, of the first world; no number where the member has left for good.
    pub values: Vec<f64>,
    /// Whether it has, one entry per period; empty where nobody leaves.
    pub left: Vec<bool>,
}

/// Moments of one quantity over worlds, members and periods.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Its name.
    pub name: String,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// First autocorrelation, of pairs of periods in one life; NaN where lives have one period, or nothing varies.
    pub autocorrelation: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// How often it was infinite or no number, of how many; mean and standard deviation are NaN then.
    pub unbounded: (u64, u64),
}

/// How quantities go with output: what business cycles are described by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cycle {
    /// The quantity that is output.
    pub output: String,
    /// For each quantity: name, standard deviation as a share of output's, correlation with output in the same period and world.
    pub rows: Vec<(String, f64, f64)>,
}

/// Names of output, by their last part.
const OUTPUT: &[&str] = &["y", "Y", "output", "Output", "gdp", "GDP"];

/// Whether a quantity of this name is output.
pub fn is_output(name: &str) -> bool {
    OUTPUT.contains(&name.rsplit('.').next().unwrap_or_default())
}

/// What an agent earned in a life, from its beginning to its end (of the member, or of the world). The lives are those that began in the first half
/// of the periods, whether they ended or not: those that ended alone would be the short ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Returns {
    /// Its name.
    pub agent: String,
    /// Mean undiscounted sum of rewards and terminal payoffs.
    pub total: f64,
    /// Standard error of `total` over worlds, or over the lives of the only one (NaN for one life).
    pub error: f64,
    /// Mean sum discounted to the beginning of the life, by the model's discount factor.
    pub discounted: f64,
    /// Lives that are counted.
    pub lives: u64,
    /// Those of them that were still going on when the simulation stopped; they count with what they had earned.
    pub cut_off: u64,
}

/// Which periods moments are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Averaged {
    /// All that were asked for.
    All,
    /// In each world up to the end of the life that goes on in the last period asked for: to stop at a date of the clock would count beginnings more
    /// often than ends. So many periods more in the world where that takes longest.
    WholeLives(usize),
    /// The first of the so many periods that a life may last: fewer were asked for.
    Beginnings(usize),
}

/// A finished simulation.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Periods asked for, in which the series are recorded.
    pub periods: usize,
    /// What moments are taken over.
    pub averaged: Averaged,
    /// Worlds simulated.
    pub worlds: usize,
    /// Series of the first world: one per quantity and element (of a vector the first eight members).
    pub series: Vec<Series>,
    /// Worlds in `panel`.
    pub panelled: usize,
    /// The same series in the first `panelled` worlds, period x world, worlds fastest: one array per series; no array where one world was simulated.
    pub panel: Vec<Vec<f64>>,
    /// Moments over worlds, members and periods together: one per quantity.
    pub moments: Vec<Moments>,
    /// How quantities go with output, where something is called so.
    pub cycle: Option<Cycle>,
    /// One entry per agent with a reward.
    pub returns: Vec<Returns>,
    /// Counts of violations and ends.
    pub counts: Counts,
    /// For each quantity: name, smallest and largest first value over worlds and members.
    pub first: Vec<(String, f64, f64)>,
}

/// Most numbers of a panel: of more worlds than that it holds the first.
const PANEL: usize = 2_000_000;

/// Largest number of members of a vector shown one by one.
const SHOWN_MEMBERS: usize = 8;

/// Simulates a model. `progress(done, of)` is called before every period; `false` stops the simulation.
///
/// # Errors
/// E0906 if `progress` stopped it; those of [`Worlds::new`], [`Actor::new`], [`Actor::act`] and [`Worlds::step`]; the
/// error of `limits::fits` if the series do not fit in memory.
pub fn simulate(
    model: &Model,
    cast: &Cast,
    options: &SimulationOptions,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Simulation, Diagnostic> {
    let watched: Vec<(String, NodeId)> = watched(model);
    let mut nodes: Vec<NodeId> = watched.iter().map(|(_, n)| *n).collect();
    let scenario = options
        .scenario
        .as_ref()
        .and_then(|n| model.scenarios.iter().find(|s| s.name == *n));
    let periods = options
        .periods
        .or(scenario.and_then(|s| s.periods))
        .or(model.horizon)
        .unwrap_or(200);
    let wants: Vec<Wants> = (0..model.agents.len())
        .filter_map(|a| Wants::new(model, a, options.worlds, periods, &mut nodes))
        .collect();
    let mut worlds = Worlds::new(model, options.scenario.as_deref(), options.worlds, options.seed, &nodes)?;
    if let (Some(s), true) = (cast.solution(), options.on_chain) {
        put_on_chain(&mut worlds, s)?;
    }
    let mut actor = Actor::new(&worlds, cast)?;
    actor.greedy = options.greedy;
    let mut recorder = Recorder::new(model, &watched, wants, options.worlds, periods);
    let horizon = model.horizon.filter(|h| *h > 0);
    let longest = match horizon {
        Some(h) if h <= periods => periods.saturating_add(h - 1),
        _ => periods,
    };
    // Kept, copied for the report, and written as text.
    let numbers = recorder.series.len() as f64 * periods as f64 * (1 + recorder.panelled) as f64;
    let bytes = numbers * (8.0 + 8.0 + 20.0);
    limits::fits(bytes, &format!("the series of {periods} periods"), "fewer --periods")?;
    let mut done = 0;
    while done < periods || done < longest && !recorder.all_over() {
        if !progress(done.min(periods), periods) {
            return Err(Diagnostic::error("E0906", "the simulation was stopped"));
        }
        let mut bounds = Vec::new();
        for stage in 0..model.stages.len().max(1) {
            bounds.extend(actor.act(&mut worlds, stage)?);
        }
        let outcome = worlds.step(&bounds)?;
        recorder.record(&outcome);
        if outcome.ended.iter().any(|e| *e) {
            worlds.restart(&outcome.ended)?;
        }
        actor.forget(&worlds, &outcome);
        done += 1;
    }
    let averaged = match horizon {
        Some(h) if h > periods => Averaged::Beginnings(h),
        Some(_) => Averaged::WholeLives(done - periods),
        None => Averaged::All,
    };
    Ok(recorder.finish(model, averaged, worlds.counts.clone()))
}

/// Lets continuous shocks run on the chains on which the solver found the solution.
fn put_on_chain(worlds: &mut Worlds, s: &Solution) -> Result<(), Diagnostic> {
    use crate::check::model::{Process, Target};
    let model = worlds.model.clone();
    let scripted = worlds.scripted_targets();
    for (i, shock) in model.shocks.iter().enumerate() {
        if scripted.contains(&Target::Shock(i)) || !matches!(shock.process, Process::Ar1 { .. } | Process::Iid(_)) {
            continue;
        }
        if let Some(k) = s.chain.names.iter().position(|n| super::cast::names(&shock.name, n))
            && let Some((values, matrix)) = s.chain.marginal(k)
        {
            worlds.discretise(i, &values, &matrix)?;
        }
    }
    Ok(())
}

/// The quantities of a simulation's table: shocks, states, actions, definitions and prices with their names.
pub fn watched(model: &Model) -> Vec<(String, NodeId)> {
    let wanted = [
        "shock",
        "state",
        "action",
        "let",
        "price",
        "aggregate",
        "give",
        "noise",
        "reward",
    ];
    model
        .names
        .iter()
        .filter(|n| {
            wanted.contains(&n.kind.as_str()) && n.phase > crate::graph::Phase::Constant && !n.name.contains('(')
        })
        .map(|n| (n.name.clone(), n.node))
        .collect()
}

/// Sums up the rewards of one agent, member by member.
struct Wants {
    /// The agent, by number.
    agent: usize,
    members: usize,
    /// Element of the reward, of the discount factor and (for each end that pays it) of the end that each member reads.
    reward: Vec<usize>,
    discount: Option<(usize, Vec<usize>)>,
    ends: Vec<(usize, Vec<usize>)>,
    /// Whether members leave for good.
    leaves: bool,
    /// Of the life that goes on, member by member and world by world: sum, discounted sum, weight of the next reward, whether the
    /// member is still there, and whether anything has happened in it.
    life: Vec<Life>,
    /// Of the lives that count in each world: number, sums, discounted sums.
    lives: Vec<[f64; 3]>,
    /// What lives earn, for the standard error where there is one world.
    spread: Running,
    /// Periods so far, and the first one in which lives begin that do not count.
    period: usize,
    until: usize,
}

#[derive(Clone, Copy)]
struct Life {
    total: f64,
    discounted: f64,
    weight: f64,
    there: bool,
    /// When it began.
    begun: Option<usize>,
}

const UNBORN: Life = Life {
    total: 0.0,
    discounted: 0.0,
    weight: 1.0,
    there: true,
    begun: None,
};

impl Wants {
    /// `watched` nodes gain the discount factors that are no constants.
    fn new(model: &Model, agent: usize, worlds: usize, periods: usize, watched: &mut Vec<NodeId>) -> Option<Wants> {
        let a = &model.agents[agent];
        let shape = |n: NodeId| &model.graph.nodes[n.0 as usize].shape;
        let to = |n: NodeId| crate::graph::shape::aligned(&model.graph, shape(n), &a.shape);
        let reward = to(a.reward?);
        let members = reward.len();
        let discount = a.discount.map(|d| {
            watched.push(d);
            (watched.len() - 1, to(d))
        });
        let concerns = |e: &&crate::check::model::End| e.agent.is_none_or(|x| x == agent);
        let ends = model.ends.iter().enumerate();
        let ends = ends
            .filter(|(_, e)| e.paying.is_some() && concerns(e))
            .map(|(k, e)| (k, to(e.condition)))
            .collect();
        Some(Wants {
            agent,
            members,
            reward,
            discount,
            ends,
            leaves: leaves(model, agent),
            life: vec![UNBORN; members * worlds],
            lives: vec![[0.0; 3]; worlds],
            spread: Running::default(),
            period: 0,
            until: periods.div_ceil(2),
        })
    }

    /// One period: `rewards` are this agent's.
    fn record(&mut self, rewards: &[f64], watched: &[Vec<f64>], outcome: &Outcome, worlds: usize) {
        for m in 0..self.members {
            limits::poll();
            for w in 0..worlds {
                let at = m * worlds + w;
                if self.life[at].there {
                    let discount = self
                        .discount
                        .as_ref()
                        .map_or(1.0, |(k, map)| watched[*k][map[m] * worlds + w]);
                    let life = &mut self.life[at];
                    let reward = rewards[self.reward[m] * worlds + w];
                    life.begun = life.begun.or(Some(self.period));
                    life.total += reward;
                    life.discounted += life.weight * reward;
                    life.weight *= fault!("simulation.discount_twice", discount * discount, discount);
                    // The terminal payoff stands where the value of the next period would.
                    for (end, map) in &self.ends {
                        let x = outcome.paid[*end][map[m] * worlds + w];
                        life.total += x;
                        life.discounted += life.weight * x;
                    }
                }
                let ended = outcome.member_ended[self.agent][at];
                if (ended || outcome.ended[w]) && self.life[at].begun.is_some() {
                    self.over(at, w);
                }
                self.life[at].there &= !(ended && self.leaves);
                self.life[at].there |= outcome.ended[w];
            }
        }
        self.period += 1;
    }

    /// A life is over; whether it counts.
    fn over(&mut self, at: usize, world: usize) -> bool {
        let life = self.life[at];
        let counts = life.begun.is_some_and(|t| t < self.until);
        if counts {
            let sums = &mut self.lives[world];
            sums[0] += 1.0;
            sums[1] += life.total;
            sums[2] += life.discounted;
            self.spread.push(life.total);
        }
        self.life[at] = Life {
            there: life.there,
            ..UNBORN
        };
        counts
    }

    fn finish(mut self, name: &str) -> Returns {
        let worlds = self.lives.len();
        let going: Vec<usize> = (0..self.life.len()).filter(|i| self.life[*i].begun.is_some()).collect();
        let cut_off = going.into_iter().filter(|at| self.over(*at, at % worlds)).count();
        let sum = |k: usize| self.lives.iter().map(|l| l[k]).sum::<f64>();
        let lives = sum(0);
        let means: Vec<f64> = self.lives.iter().filter(|l| l[0] > 0.0).map(|l| l[1] / l[0]).collect();
        let total = sum(1) / lives;
        let error = if means.len() > 1 {
            statistics::sd(&means) / (means.len() as f64).sqrt()
        } else if lives > 1.0 && self.members == 1 {
            self.spread.sd() / (lives - 1.0).sqrt()
        } else {
            f64::NAN
        };
        Returns {
            agent: name.to_string(),
            total,
            error,
            discounted: sum(2) / lives,
            lives: lives as u64,
            cut_off: cut_off as u64,
        }
    }
}

/// Whether members of an agent leave for good when their lives end.
fn leaves(model: &Model, agent: usize) -> bool {
    let own = |e: &crate::check::model::End| e.agent == Some(agent) && matches!(e.then, Then::Leave { .. });
    model.ends.iter().any(own)
}

/// The agent whose members the elements of a quantity of this name are: what ends for a member ends for its element.
fn owner(model: &Model, name: &str, size: usize) -> Option<usize> {
    let (agent, _) = name.rsplit_once('.')?;
    let found = model.agents.iter().position(|a| a.name == agent)?;
    (super::able::members_of(model, found) == size).then_some(found)
}

struct Recorder {
    names: Vec<String>,
    first: Vec<(String, f64, f64)>,
    sizes: Vec<usize>,
    worlds: usize,
    /// Periods asked for, and those that were recorded.
    periods: usize,
    recorded: usize,
    /// Whether the last life that counts is over, world by world.
    over: Vec<bool>,
    series: Vec<Vec<f64>>,
    /// The same in the first `panelled` worlds, period x world.
    panelled: usize,
    panel: Vec<Vec<f64>>,
    /// Whether the members that these are of have left, as far as any may.
    left: Vec<Vec<bool>>,
    sums: Vec<Running>,
    pairs: Vec<Pairs>,
    /// Which quantity is output, and pairs of each quantity with it.
    output: Option<usize>,
    with_output: Vec<Pairs>,
    /// The agent whose members the elements of each quantity are.
    owner: Vec<Option<usize>>,
    /// Which members of each agent have left for good, `[agent][member, world]`; empty where nobody leaves. What stands in their place counts nowhere.
    gone: Vec<Vec<bool>>,
    /// What the last period of each life was, `[quantity][element, world]`; empty in the first period.
    before: Vec<Vec<Option<f64>>>,
    wants: Vec<Wants>,
}

impl Recorder {
    fn new(model: &Model, watched: &[(String, NodeId)], wants: Vec<Wants>, worlds: usize, periods: usize) -> Recorder {
        let sizes: Vec<usize> = watched
            .iter()
            .map(|(_, n)| model.graph.elements(&model.graph.nodes[n.0 as usize].shape))
            .collect();
        let shown: usize = sizes.iter().map(|s| (*s).min(SHOWN_MEMBERS)).sum();
        Recorder {
            names: watched.iter().map(|(n, _)| n.clone()).collect(),
            first: Vec::new(),
            worlds,
            periods,
            recorded: 0,
            over: vec![false; worlds],
            series: vec![Vec::new(); shown],
            panelled: match worlds {
                0 | 1 => 0,
                _ => worlds.min((PANEL / (shown * periods).max(1)).max(1)),
            },
            panel: vec![Vec::new(); if worlds > 1 { shown } else { 0 }],
            left: vec![Vec::new(); shown],
            sums: vec![Running::default(); sizes.len()],
            pairs: vec![Pairs::default(); sizes.len()],
            output: (0..sizes.len()).find(|k| sizes[*k] == 1 && is_output(&watched[*k].0)),
            with_output: vec![Pairs::default(); sizes.len()],
            owner: watched
                .iter()
                .zip(&sizes)
                .map(|((name, _), size)| owner(model, name, *size))
                .collect(),
            gone: (0..model.agents.len())
                .map(|a| {
                    let members = super::able::members_of(model, a);
                    vec![false; if leaves(model, a) { members * worlds } else { 0 }]
                })
                .collect(),
            before: sizes.iter().map(|size| vec![None; size * worlds]).collect(),
            sizes,
            wants,
        }
    }

    fn record(&mut self, outcome: &Outcome) {
        let n = self.worlds;
        if self.first.is_empty() {
            let range = |name: &String, values: &Vec<f64>| {
                let lo = values.iter().copied().fold(f64::INFINITY, f64::min);
                let hi = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                (name.clone(), lo, hi)
            };
            let seen = self.names.iter().zip(&outcome.watched);
            self.first = seen.map(|(name, values)| range(name, values)).collect();
        }
        let mut at = 0;
        for (k, values) in outcome.watched.iter().take(self.sizes.len()).enumerate() {
            let gone: &[bool] = self.owner[k].map_or(&[], |a| &self.gone[a]);
            for e in 0..self.sizes[k].min(SHOWN_MEMBERS) {
                if self.recorded < self.periods {
                    let left = gone.get(e * n).copied();
                    self.left[at].extend(left);
                    let value = if left == Some(true) { f64::NAN } else { values[e * n] };
                    self.series[at].push(value);
                    if let Some(panel) = self.panel.get_mut(at) {
                        let here = (e * n..e * n + self.panelled).map(|i| match gone.get(i) {
                            Some(true) => f64::NAN,
                            _ => values[i],
                        });
                        panel.extend(here);
                    }
                }
                at += 1;
            }
            let members = self.owner[k].map(|a| &outcome.member_ended[a]);
            for (i, x) in values.iter().enumerate().filter(|(i, _)| !self.over[i % n]) {
                if gone.get(i).is_some_and(|g| *g) {
                    continue;
                }
                self.sums[k].push(*x);
                if let Some(output) = self.output {
                    self.with_output[k].push(outcome.watched[output][i % n], *x);
                }
                if let Some(before) = self.before[k][i] {
                    self.pairs[k].push(before, *x);
                }
                let ends = outcome.ended[i % n] || members.is_some_and(|ended| ended[i]);
                self.before[k][i] = (!ends).then_some(*x);
            }
        }
        for (gone, ended) in self.gone.iter_mut().zip(&outcome.member_ended) {
            for (i, (gone, ended)) in gone.iter_mut().zip(ended).enumerate() {
                *gone = (*gone || *ended) && !outcome.ended[i % n];
            }
        }
        for (wants, rewards) in self.wants.iter_mut().zip(&outcome.rewards) {
            wants.record(rewards, &outcome.watched, outcome, n);
        }
        self.recorded += 1;
        if self.recorded >= self.periods {
            let ended = self.over.iter_mut().zip(&outcome.ended);
            ended.for_each(|(over, ended)| *over |= *ended);
        }
    }

    /// Whether in every world the last life that counts is over.
    fn all_over(&self) -> bool {
        self.over.iter().all(|over| *over)
    }

    fn finish(self, model: &Model, averaged: Averaged, counts: Counts) -> Simulation {
        let mut series = Vec::new();
        let mut moments = Vec::new();
        let mut at = 0;
        for (k, name) in self.names.iter().enumerate() {
            let shown = self.sizes[k].min(SHOWN_MEMBERS);
            for e in 0..shown {
                let name = if self.sizes[k] > 1 {
                    format!("{name}[{}]", e + 1)
                } else {
                    name.clone()
                };
                series.push(Series {
                    name,
                    values: self.series[at].clone(),
                    left: self.left[at].clone(),
                });
                at += 1;
            }
            let all = &self.sums[k];
            if all.count() == 0.0 {
                continue;
            }
            moments.push(Moments {
                name: name.clone(),
                mean: all.mean(),
                sd: all.sd(),
                autocorrelation: self.pairs[k].correlation(),
                min: all.range.0,
                max: all.range.1,
                unbounded: (all.unbounded, all.count() as u64),
            });
        }
        // Beside what does not move but for rounding nothing is large or small.
        let moves = |k: &usize| self.sums[*k].sd() > 1e-9 * self.sums[*k].mean().abs();
        let cycle = self.output.filter(moves).map(|output| Cycle {
            output: self.names[output].clone(),
            rows: (0..self.names.len())
                .filter(|k| self.sums[*k].count() > 0.0)
                .map(|k| {
                    let share = self.sums[k].sd() / self.sums[output].sd();
                    (self.names[k].clone(), share, self.with_output[k].correlation())
                })
                .collect(),
        });
        let returns = self
            .wants
            .into_iter()
            .map(|w| {
                let name = model.agents[w.agent].name.clone();
                w.finish(&name)
            })
            .collect();
        Simulation {
            periods: self.periods,
            averaged,
            worlds: self.worlds,
            series,
            panelled: self.panelled,
            panel: self.panel,
            moments,
            cycle,
            returns,
            counts,
            first: self.first,
        }
    }
}
