//! One period: noises, prices, rewards, next shocks, states, in the order of the language.

use super::{Bounds, DRAWS, Outcome, SHOCKS, Worlds, lane};
use crate::chance::process::{self, Conditions};
use crate::check::model::{DrawWhen, Model, Otherwise, Process};
use crate::diag::{Diagnostic, plain};
use crate::env::engine::Frame;
use crate::env::markets::{self, Ended, Furthest, Market, Missed};
use crate::graph::NodeId;
use crate::limits;

impl Worlds {
    /// Lets one period pass once everybody has acted. `bounds` has one (action number, bounds) per action, of all
    /// stages.
    ///
    /// # Errors
    /// E0902 where nothing can be chosen or no action is feasible, E0817 where a scenario or rule does what cannot be
    /// chosen, E0832 where two requirements cannot be met one after the other, E0970 for a noise without a distribution, E0903 for a reward
    /// or state that is not finite, E0990 for a graph that cannot be evaluated.
    pub fn step(&mut self, bounds: &[(usize, Bounds)]) -> Result<Outcome, Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        self.force_actions()?;
        self.check_allowed(bounds)?;
        self.project(bounds)?;
        self.draw(|w| matches!(w, DrawWhen::After(_)));
        self.check_laws()?;
        let next = self.next_shocks()?;
        let mut values = std::mem::take(&mut self.values);
        self.outcome.run_into(&self.frame, n, &mut values)?;
        let l = self.layout.clone();
        let rewards = values[l.rewards..l.next].to_vec();
        self.counts.periods += n as u64;
        self.judge_markets(&values);
        let bad = rewards
            .iter()
            .chain(&values[l.next..l.ends])
            .flatten()
            .filter(|x| !x.is_finite())
            .count();
        if bad > 0 {
            self.counts.not_finite += bad as u64;
            return Err(self.not_finite(&values));
        }
        for (r, v) in values[l.requires..l.watched].iter().enumerate() {
            if matches!(model.requires[r].otherwise, Otherwise::Penalty | Otherwise::End) {
                self.counts.binding[r] += v.iter().filter(|x| **x == 0.0).count() as u64;
            }
        }
        for (i, s) in model.states.iter().enumerate() {
            let shape = self.graph.nodes[s.next.0 as usize].shape.clone();
            self.put_state(i, &values[l.next + i], &shape, |_, _| {
                fault!("simulation.state_kept", i != 0, true)
            });
            // A law that leads to the very end may miss it by rounding.
            let ends = [s.domain.lo, s.domain.hi].into_iter().filter(|x| x.is_finite());
            let own = &mut self.frame[s.input.0 as usize];
            let size = ends.chain(own.iter().copied()).fold(0.0, |m: f64, x| m.max(x.abs()));
            for x in own {
                match s.domain.up_to_rounding(*x, size) {
                    Some(inside) => *x = inside,
                    None => outside(&mut self.counts.outside[i], *x),
                }
            }
        }
        fault!("simulation.late", do { self.put_shocks() });
        self.stored = next;
        fault!("simulation.late", (), self.put_shocks());
        self.step += 1;
        self.period.iter_mut().for_each(|p| *p += 1);
        self.clock();
        self.scripted_shocks(&vec![true; n])?;
        let (ended, member_ended) = self.ends(&values[l.ends..l.paying])?;
        let paid = self.paid(&values[l.ends..l.paying], &values[l.paying..l.requires]);
        let watched = values[l.watched..l.markets].to_vec();
        self.values = values;
        Ok(Outcome {
            rewards,
            ended,
            member_ended,
            paid,
            watched,
        })
    }

    pub(super) fn draw(&mut self, when: impl Fn(DrawWhen) -> bool) {
        let model = self.model.clone();
        for (number, d) in model.draws.iter().enumerate() {
            if !when(d.when) {
                continue;
            }
            let key = self.key.child(DRAWS + number as u64);
            let n = self.worlds;
            let together = if d.when == DrawWhen::Start {
                self.alike
            } else {
                self.together
            };
            if self.lattice.is_some() {
                let mut array = std::mem::take(&mut self.frame[d.input.0 as usize]);
                for e in 0..array.len() / n {
                    limits::poll();
                    for w in 0..n {
                        array[e * n + w] = self
                            .spread(DRAWS, number, e, w)
                            .unwrap_or_else(|| key.uniform(self.step, lane(w, e)));
                    }
                }
                self.frame[d.input.0 as usize] = array;
                continue;
            }
            let array = &mut self.frame[d.input.0 as usize];
            if n == 1 {
                key.fill_f64(self.step, 0, array);
            } else {
                for e in 0..array.len() / n {
                    limits::poll();
                    for w in 0..n {
                        let world = fault!("simulation.same_noise", 0, w / together);
                        array[e * n + w] = key.uniform(self.step, lane(world, e));
                    }
                }
            }
        }
    }

    /// Conditions of a shock; for first values the next states of the conditioning chains are their present ones.
    pub(super) fn conditions(&self, s: usize, moving: bool) -> Conditions<'_> {
        let mut on = Vec::new();
        if let Process::Chain { given, .. } = &self.model.shocks[s].process {
            for ((g, primed), map) in given.iter().zip(&self.rows[s]) {
                let links = match &self.model.shocks[*g].process {
                    Process::Chain { values, .. } => values.len(),
                    Process::Ar1 { .. } | Process::RandomWalk { .. } | Process::Iid(_) | Process::Var1 { .. } => 1,
                };
                let source = if *primed && moving {
                    &self.frame[self.model.shocks[*g].next.0 as usize]
                } else {
                    &self.stored[*g]
                };
                on.push((source.as_slice(), map.as_slice(), links));
            }
        }
        Conditions { on }
    }

    /// Writes stored shocks to the inputs of the graph.
    pub(super) fn put_shocks(&mut self) {
        for (s, shock) in self.model.shocks.iter().enumerate() {
            for (x, stored) in self.frame[shock.input.0 as usize].iter_mut().zip(&self.stored[s]) {
                *x = self.laws[s].carried(*stored);
            }
        }
    }

    pub(super) fn clock(&mut self) {
        if let Some(t) = self.model.time {
            for (x, p) in self.frame[t.0 as usize].iter_mut().zip(&self.period) {
                *x = *p as f64;
            }
        }
    }

    /// Draws next period's shocks into their inputs and returns what is stored of them: `[shock][element x world]`, worlds fastest.
    pub(super) fn next_shocks(&mut self) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let model = self.model.clone();
        let n = self.worlds;
        let mut all = self.stored.clone();
        // Scripted shocks are known to the script: next period's value is the path's.
        let scripted = self.scripted_next()?;
        for s in self.order.clone() {
            let key = self.key.child(SHOCKS + s as u64);
            let mut fresh = self.stored[s].clone();
            if let Process::Var1 { a, s: load } = &self.laws[s].process {
                let size = a.len();
                for g in 0..fresh.len() / n / size {
                    limits::poll();
                    for w in 0..n {
                        let x: Vec<f64> = (0..size).map(|i| fresh[(g * size + i) * n + w]).collect();
                        let lane = lane(w / self.together, g * size);
                        for (i, y) in process::next_vector(a, load, &x, key, self.step, lane)
                            .into_iter()
                            .enumerate()
                        {
                            fresh[(g * size + i) * n + w] = y;
                        }
                    }
                }
            } else {
                let on = self.conditions(s, true);
                for e in 0..fresh.len() / n {
                    limits::poll();
                    for w in 0..n {
                        let step = fault!("simulation.reused", 0, self.step);
                        let u = self
                            .spread(SHOCKS, s, e, w)
                            .unwrap_or_else(|| key.uniform(step, lane(w / self.together, e)));
                        fresh[e * n + w] = process::next(&self.laws[s], self.stored[s][e * n + w], &on, e, w, n, u);
                    }
                }
            }
            if let Some(x) = self.held_at(s) {
                fresh.fill(x);
            }
            self.pushed_on(s, &mut fresh);
            if let Some(values) = &scripted[s] {
                for (x, y) in fresh.iter_mut().zip(values) {
                    if !y.is_nan() {
                        *x = *y;
                    }
                }
            }
            for (x, stored) in self.frame[model.shocks[s].next.0 as usize].iter_mut().zip(&fresh) {
                *x = self.laws[s].carried(*stored);
            }
            all[s] = fresh;
        }
        self.pushed = None;
        Ok(all)
    }

    /// How market `market`, whose sides' values begin at `at`, ended in world `w`: its price, element and both sides where they
    /// are furthest apart. `values` are the step's outputs, `[output][element x world]`, worlds fastest.
    pub(super) fn ended(&self, market: &Market, values: &[Vec<f64>], at: usize, w: usize) -> Option<(Ended, Furthest)> {
        let n = self.worlds;
        let status = self.outcome.statuses()[market.root * n + w];
        if status == crate::kernel::root::ONE {
            return None;
        }
        let of = |v: &Vec<f64>| -> Vec<f64> { v.iter().skip(w).step_by(n).copied().collect() };
        let here: Vec<[Vec<f64>; 3]> = values[at..at + 3 * market.sides.len()]
            .chunks_exact(3)
            .map(|s| [of(&s[0]), of(&s[1]), of(&s[2])])
            .collect();
        let (price, element, left, right) = markets::worst(&here)?;
        let furthest = Furthest {
            price,
            element,
            members: here[price][0].len(),
            value: here[price][0][element],
            sides: (left, right),
        };
        Some((markets::judged(status, left, right), furthest))
    }

    /// Whether some price clears every market in world `w`; `values` are the step's outputs, `[output][element x world]`.
    pub(super) fn clears(&self, values: &[Vec<f64>], w: usize) -> bool {
        let mut at = self.layout.markets;
        self.markets.iter().all(|market| {
            let here = at;
            at += 3 * market.sides.len();
            !matches!(self.ended(market, values, here, w), Some((Ended::Fails { .. }, _)))
        })
    }

    /// Counts the worlds in which a market did not clear.
    fn judge_markets(&mut self, values: &[Vec<f64>]) {
        let n = self.worlds;
        let mut at = self.layout.markets;
        for (number, market) in self.markets.iter().enumerate() {
            let here = at;
            at += 3 * market.sides.len();
            self.counts.not_cleared[number].asked += n as u64;
            for w in 0..n {
                let Some((ended, furthest)) = self.ended(market, values, here, w) else {
                    continue;
                };
                let count = &mut self.counts.not_cleared[number];
                if ended == Ended::Clears {
                    continue;
                }
                let several = ended == Ended::Several;
                let known = if several { &count.first_several } else { &count.first };
                let name = &market.names[furthest.price];
                let missed = known.is_none().then(|| Missed {
                    price: if furthest.members > 1 {
                        format!("{name}[{}]", furthest.element + 1)
                    } else {
                        name.clone()
                    },
                    period: self.period[w],
                    value: furthest.value,
                    sides: furthest.sides,
                    excess: furthest.sides.0 - furthest.sides.1,
                    jump: ended == Ended::Fails { jump: true },
                    state: standing(&self.model, &self.frame, n, w),
                });
                if several {
                    count.several += 1;
                    count.first_several = missed.or(count.first_several.take());
                } else {
                    count.count += 1;
                    count.first = missed.or(count.first.take());
                }
            }
        }
    }

    /// Terminal payoffs: for each end its amount where its condition holds, else 0, `element x world` over the axes of the condition. An
    /// amount may have fewer axes than its condition. Empty for ends that pay nothing.
    pub(super) fn paid(&self, conditions: &[Vec<f64>], amounts: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let n = self.worlds;
        let mut out = Vec::new();
        for (k, end) in self.model.ends.iter().enumerate() {
            let Some(node) = end.paying else {
                out.push(Vec::new());
                continue;
            };
            let shape = |x: NodeId| &self.graph.nodes[x.0 as usize].shape;
            let map = crate::graph::shape::aligned(&self.graph, shape(node), shape(end.condition));
            let mut paid = vec![0.0; conditions[k].len()];
            for (e, from) in map.iter().enumerate() {
                limits::poll();
                for w in 0..n {
                    if conditions[k][e * n + w] != 0.0 {
                        paid[e * n + w] = amounts[k][from * n + w];
                    }
                }
            }
            out.push(paid);
        }
        out
    }

    /// E0903 for the first reward or state that is not finite; `values` are the step's outputs, `[output][element x world]`.
    pub(super) fn not_finite(&self, values: &[Vec<f64>]) -> Diagnostic {
        let model = &self.model;
        let l = &self.layout;
        let rewarding: Vec<&crate::check::model::Agent> = model.agents.iter().filter(|a| a.reward.is_some()).collect();
        let mut d = Diagnostic::error("E0903", "a value is not a number");
        for (k, a) in rewarding.iter().enumerate() {
            if let Some(i) = values[k].iter().position(|x| !x.is_finite()) {
                let node = a.reward.map_or(NodeId(0), |r| r);
                d = Diagnostic::error("E0903", format!("the reward of `{}` is {}", a.name, values[k][i])).at(
                    self.graph.nodes[node.0 as usize].span,
                    format!("{} in period {}", values[k][i], self.period[i % self.worlds]),
                );
                return self.with_state(d, i % self.worlds);
            }
        }
        for (k, s) in model.states.iter().enumerate() {
            if let Some(i) = values[l.next + k].iter().position(|x| !x.is_finite()) {
                d = Diagnostic::error(
                    "E0903",
                    format!("the next value of `{}` is {}", s.name, values[l.next + k][i]),
                )
                .at(
                    self.graph.nodes[s.next.0 as usize].span,
                    format!("{} in period {}", values[l.next + k][i], self.period[i % self.worlds]),
                );
                return self.with_state(d, i % self.worlds);
            }
        }
        d
    }

    pub(super) fn with_state(&self, mut d: Diagnostic, world: usize) -> Diagnostic {
        for (name, input) in self
            .model
            .states
            .iter()
            .map(|s| (&s.name, s.input))
            .chain(self.model.actions.iter().map(|a| (&a.name, a.input)))
            .take(8)
        {
            let values = &self.frame[input.0 as usize];
            let shown: Vec<String> = values
                .iter()
                .skip(world)
                .step_by(self.worlds)
                .take(6)
                .map(|x| format!("{:.6}", plain(x)))
                .collect();
            d = d.note(format!("{name} = {}", shown.join(", ")));
        }
        d.hint("bound the action or the state so that this cannot happen, or say what is meant there (max, require)")
    }
}

/// Counts a value outside its domain and remembers the first.
pub(super) fn outside(count: &mut (u64, f64), x: f64) {
    if count.0 == 0 {
        count.1 = x;
    }
    count.0 += 1;
}

/// States, shocks and actions of a world by name, the first few.
fn standing(model: &Model, frame: &Frame, worlds: usize, world: usize) -> Vec<(String, f64)> {
    let states = model.states.iter().map(|s| (&s.name, s.input));
    let shocks = model.shocks.iter().map(|s| (&s.name, s.input));
    let actions = model.actions.iter().map(|a| (&a.name, a.input));
    let mut out = Vec::new();
    for (name, input) in states.chain(shocks).chain(actions) {
        let values: Vec<f64> = frame[input.0 as usize]
            .iter()
            .skip(world)
            .step_by(worlds)
            .take(4)
            .copied()
            .collect();
        for (e, x) in values.iter().enumerate() {
            let many = values.len() > 1;
            out.push((
                if many {
                    format!("{name}[{}]", e + 1)
                } else {
                    name.clone()
                },
                *x,
            ));
        }
    }
    out.truncate(12);
    out
}
