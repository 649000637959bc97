//! The judge's own distribution of members: other nodes, next states from the economy's programs under the policy as it is handed over,
//! chances from the declared chains, and a path of its own.

use crate::check::model::Process;
use crate::diag::Diagnostic;
use crate::env::worlds::{Bounds, Worlds};
use crate::num::grid;
use crate::num::random::Key;
use crate::solve::between::PolicyBetween;
use crate::solve::continuum::perceived::member::Member;
use crate::solve::solution::Solution;
use crate::verify::world::seat::SolvedSeat;
use std::sync::Arc;

/// Nodes of the members' state and of the moment.
const NODES: usize = 701;
const MOMENTS: usize = 33;
/// The same of a price that clears.
const PRICES: usize = 49;
/// Every so many periods members are kept as they stand.
const EVERY: usize = 100;
/// Worlds that are evaluated side by side.
const LANES: usize = 2048;
/// The stream of random numbers of the judge's paths.
const STREAM: u64 = 0x6a75;

/// Members as the judge carries them.
pub(super) struct Crowd {
    nodes: Vec<f64>,
    /// Even nodes of the moment: first, and distance.
    moments: (f64, f64),
    /// Next states, `[joint state][moment][node]`.
    next: Vec<Vec<Vec<f64>>>,
    /// What the moment is the mean of, `[joint state][node]`; of a price that clears, what is left over at it, `[joint state][moment][node]`
    /// in one row.
    of: Vec<Vec<f64>>,
    /// Whether the moment is a price that clears.
    priced: bool,
    pub(super) chain: Chain,
}

/// Joint states of the shocks, as the model declares them.
pub(super) struct Chain {
    /// Links of each shock of the solution in each joint state.
    pub(super) links: Vec<Vec<usize>>,
    /// The aggregate state, and the own state, of each joint state.
    pub(super) split: Vec<(usize, usize)>,
    /// `[joint][joint]`
    pub(super) chances: Vec<Vec<f64>>,
    /// `[aggregate][own]`: the joint state.
    pub(super) joint: Vec<Vec<usize>>,
    /// The members' own shocks that matter, numbers of the model's shocks; the last fastest in own states.
    pub(super) own: Vec<usize>,
}

impl Chain {
    /// Reads the chains of a member's model. Where a shock of the members is no chain, its chances are those of the solution's.
    fn of(member: &Member, seat: &SolvedSeat, solution: &Solution) -> Chain {
        let model = &member.model;
        let sizes: Vec<usize> = seat.shocks.iter().map(|s| s.values.len()).collect();
        let total: usize = sizes.iter().product();
        let links: Vec<Vec<usize>> = (0..total)
            .map(|j| {
                let mut rest = j;
                let mut at: Vec<usize> = sizes
                    .iter()
                    .rev()
                    .map(|n| {
                        let k = rest % n;
                        rest /= n;
                        k
                    })
                    .collect();
                at.reverse();
                at
            })
            .collect();
        let place = |shock: usize| seat.shocks.iter().position(|s| s.shock == shock);
        let shared: Vec<usize> = member.aggregate.iter().filter_map(|s| place(*s)).collect();
        let own: Vec<usize> = (0..sizes.len()).filter(|s| !shared.contains(s)).collect();
        let number = |at: &Vec<usize>, of: &[usize]| of.iter().fold(0, |k, s| k * sizes[*s] + at[*s]);
        let split: Vec<(usize, usize)> = links.iter().map(|at| (number(at, &shared), number(at, &own))).collect();
        let declared = seat
            .shocks
            .iter()
            .all(|s| matches!(model.shocks[s.shock].process, Process::Chain { .. }));
        let chance = |from: &Vec<usize>, to: &Vec<usize>| -> f64 {
            let one = |(s, shock): (usize, &crate::verify::world::seat::SolvedShock)| -> f64 {
                let Process::Chain { matrices, given, .. } = &model.shocks[shock.shock].process else {
                    return f64::NAN;
                };
                let mut matrix = 0;
                for (on, later) in given {
                    let Some(k) = place(*on) else { return f64::NAN };
                    let at = if *later { to[k] } else { from[k] };
                    matrix = matrix * sizes[k] + at;
                }
                matrices[matrix][from[s]][to[s]]
            };
            seat.shocks.iter().enumerate().map(one).product()
        };
        let chances = match declared {
            true => links
                .iter()
                .map(|from| links.iter().map(|to| chance(from, to)).collect())
                .collect(),
            false => solution.chain.transition.clone(),
        };
        let many = |k: fn(&(usize, usize)) -> usize| split.iter().map(k).max().unwrap_or(0) + 1;
        let mut joint = vec![vec![0; many(|s| s.1)]; many(|s| s.0)];
        for (j, (z, e)) in split.iter().enumerate() {
            joint[*z][*e] = j;
        }
        Chain {
            own: own.iter().map(|s| seat.shocks[*s].shock).collect(),
            links,
            split,
            chances,
            joint,
        }
    }

    /// A path of the aggregate state.
    pub(super) fn path(&self, periods: usize, seed: u64) -> Vec<usize> {
        let key = Key::new(seed, STREAM);
        // Any member's chain tells the aggregate state.
        let mut at = 0;
        let mut out = Vec::with_capacity(periods);
        for t in 0..periods as u64 + BEFORE {
            let u = key.uniform(t, 0);
            let mut sum = 0.0;
            let to = self.chances[at].iter().position(|p| {
                sum += p;
                u < sum
            });
            at = to.unwrap_or(at);
            if t >= BEFORE {
                out.push(self.split[at].0);
            }
        }
        out
    }

    /// Shares of own states in each aggregate state, in the long run: `[aggregate][own]`.
    pub(super) fn shares(&self) -> Vec<Vec<f64>> {
        let rest = crate::chance::chain::stationary(&self.chances);
        let mut out: Vec<Vec<f64>> = self
            .joint
            .iter()
            .map(|own| own.iter().map(|j| rest[*j]).collect())
            .collect();
        for row in &mut out {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
        out
    }
}

/// Periods before a path counts.
const BEFORE: u64 = 100;

/// What was seen along a path.
pub(super) struct Walked {
    /// The moment of each period.
    pub(super) moment: Vec<f64>,
    /// Standard deviation over members of what it is the mean of, each period.
    pub(super) sd: Vec<f64>,
    /// Largest mass at the highest node.
    pub(super) top: f64,
    /// Periods in which no price of the nodes clears the market.
    pub(super) unclear: usize,
    /// Members in some periods: the period, and `mass[own][node]`.
    pub(super) stood: Vec<(usize, Vec<Vec<f64>>)>,
}

impl Crowd {
    /// Evaluates the policy of `solution` in the economy of one member.
    ///
    /// # Errors
    /// E0815 and E0905 for a solution of another model, E0990 for a graph that cannot be evaluated.
    pub(super) fn new(member: &Member, solution: &Solution, seed: u64) -> Result<Crowd, Diagnostic> {
        let model = &member.model;
        let seat = SolvedSeat::of(model, solution)?;
        let chain = Chain::of(member, &seat, solution);
        let bad = || Diagnostic::error("E0905", "the solution has other states than its law");
        let axis = |name: &str| solution.states.iter().position(|s| s.name == name);
        let state = axis(&model.states[member.state].name).ok_or_else(bad)?;
        let moment = axis(&member.moments[0].name).ok_or_else(bad)?;
        let (own, carried) = (&solution.states[state].nodes, &solution.states[moment].nodes);
        let ends = |nodes: &[f64]| (nodes[0], nodes[nodes.len() - 1]);
        let (lo, hi) = ends(own);
        let nodes = grid::exponential(lo, hi, NODES, CURVED).map_err(|_| bad())?;
        let (first, last) = ends(carried);
        let priced = member.moments[0].price.is_some();
        let many = if priced { PRICES } else { MOMENTS };
        let step = (last - first) / (many - 1) as f64;
        let mut worlds = Worlds::new(model, None, LANES, seed, &[])?;
        let mut engine = worlds.engine(vec![model.states[member.state].next, member.moments[0].of])?;
        let policy = PolicyBetween::new(Arc::new(solution.clone()))?;
        let action = seat.choices.first().ok_or_else(bad)?.action;
        let inputs = [state, moment].map(|s| seat.states[s].input);
        let mut next = Vec::new();
        let mut of = Vec::new();
        for at in &chain.links {
            let shocks: Vec<f64> = (seat.shocks.iter().zip(at))
                .map(|(s, k)| if s.continuous { s.values[*k] } else { *k as f64 })
                .collect();
            for w in 0..LANES {
                for (s, x) in seat.shocks.iter().zip(&shocks) {
                    worlds.set_shock(s.shock, s.element, w, *x);
                }
            }
            let points: Vec<(f64, f64)> = (0..many)
                .flat_map(|m| nodes.iter().map(move |x| (*x, first + m as f64 * step)))
                .collect();
            let (mut led, mut means) = (Vec::with_capacity(points.len()), Vec::new());
            for part in points.chunks(LANES) {
                for (w, (x, m)) in part.iter().enumerate() {
                    worlds.frame[inputs[0]][w] = *x;
                    worlds.frame[inputs[1]][w] = *m;
                }
                let bounds = worlds.bounds(0)?;
                for (w, (x, m)) in part.iter().enumerate() {
                    let mut states = [*x; 2];
                    states[moment] = *m;
                    let mut a = policy.action(0, &policy.spot(0, &shocks, &states));
                    if let Some(Bounds::Between(lo, hi)) = bounds.first() {
                        a = a.min(hi[w]).max(lo[w]);
                    }
                    worlds.choose(action, 0, w, a);
                }
                let mut out = engine.run(&worlds.frame, LANES)?.into_iter();
                led.extend(out.next().unwrap_or_default().into_iter().take(part.len()));
                if means.len() < NODES || priced {
                    means.extend(out.next().unwrap_or_default().into_iter().take(part.len()));
                }
            }
            if !priced {
                means.truncate(NODES);
            }
            of.push(means);
            next.push(led.chunks(NODES).map(<[f64]>::to_vec).collect());
        }
        Ok(Crowd {
            nodes,
            moments: (first, step),
            next,
            of,
            priced,
            chain,
        })
    }

    /// Nodes of the members' state.
    pub(super) fn nodes(&self) -> &[f64] {
        &self.nodes
    }

    /// The price that clears, where it stands among the nodes and whether there is one: halving between the ends, then a straight line.
    fn clear(&self, mass: &[Vec<f64>], z: usize) -> (f64, usize, f64, bool) {
        let left = |k: usize| -> f64 {
            let own = mass.iter().zip(&self.chain.joint[z]);
            own.map(|(mass, j)| {
                let of = &self.of[*j][k * NODES..(k + 1) * NODES];
                mass.iter().zip(of).map(|(m, f)| m * f).sum::<f64>()
            })
            .sum()
        };
        let (mut low, mut high) = (0, PRICES - 1);
        let (mut below, mut above) = (left(low), left(high));
        let clears = (below > 0.0) != (above > 0.0) || below == 0.0 || above == 0.0;
        while clears && high - low > 1 {
            let middle = (low + high) / 2;
            let there = left(middle);
            if (there > 0.0) == (below > 0.0) {
                (low, below) = (middle, there);
            } else {
                (high, above) = (middle, there);
            }
        }
        if !clears {
            // As close as it comes.
            low = if above.abs() < below.abs() { PRICES - 2 } else { 0 };
            let share = if low > 0 { 1.0 } else { 0.0 };
            return (
                self.moments.0 + (low as f64 + share) * self.moments.1,
                low,
                share,
                false,
            );
        }
        let share = if below == above { 0.0 } else { below / (below - above) };
        (self.moments.0 + (low as f64 + share) * self.moments.1, low, share, true)
    }

    /// Members a period later, where the aggregate state goes from `z` to `to` and the moment stands `share` of the way from node `cell` to
    /// the next: `mass[own][node]`.
    fn later(&self, mass: &[Vec<f64>], (z, to): (usize, usize), (cell, share): (usize, f64)) -> Vec<Vec<f64>> {
        let mut later = vec![vec![0.0; NODES]; mass.len()];
        for (e, own) in mass.iter().enumerate() {
            let j = self.chain.joint[z][e];
            let (below, above) = (&self.next[j][cell], &self.next[j][cell + 1]);
            let mut moved = vec![0.0; NODES];
            let mut low = 0;
            for (k, m) in own.iter().enumerate().filter(|(_, m)| **m > 1e-16) {
                let x = below[k] + share * (above[k] - below[k]);
                // Whoever has more goes further, as a rule.
                while low < NODES - 2 && self.nodes[low + 1] <= x {
                    low += 1;
                }
                while low > 0 && self.nodes[low] > x {
                    low -= 1;
                }
                self.put_at(&mut moved, low, x, *m);
            }
            let row = &self.chain.chances[j];
            let all: f64 = self.chain.joint[to].iter().map(|k| row[*k]).sum();
            for (later, k) in later.iter_mut().zip(&self.chain.joint[to]) {
                let p = row[*k] / all;
                later.iter_mut().zip(&moved).for_each(|(l, m)| *l += p * m);
            }
        }
        later
    }

    /// The price now, and the one that clears a period later by next aggregate state (not a number where it is never entered), of members
    /// `mass[own][node]` in aggregate state `z`.
    pub(super) fn prices(&self, mass: &[Vec<f64>], z: usize) -> (f64, Vec<f64>) {
        let (now, cell, share, _) = self.clear(mass, z);
        let from = &self.chain.chances[self.chain.joint[z][0]];
        let later = (0..self.chain.joint.len()).map(|to| {
            let chance: f64 = self.chain.joint[to].iter().map(|k| from[*k]).sum();
            if chance > 0.0 {
                self.clear(&self.later(mass, (z, to), (cell, share)), to).0
            } else {
                f64::NAN
            }
        });
        (now, later.collect())
    }

    /// Everybody at `x`, own states in these shares: `[own][node]`.
    pub(super) fn gathered(&self, x: f64, shares: &[f64]) -> Vec<Vec<f64>> {
        let one = |share: &f64| {
            let mut mass = vec![0.0; NODES];
            self.put(&mut mass, x, *share);
            mass
        };
        shares.iter().map(one).collect()
    }

    /// Puts mass at `x`: on the nodes around it, such that the mean stays.
    fn put(&self, mass: &mut [f64], x: f64, m: f64) {
        let low = self.nodes.partition_point(|n| *n <= x).clamp(1, NODES - 1) - 1;
        self.put_at(mass, low, x, m);
    }

    /// As [`Crowd::put`], where node `low` is the last one that is not above `x`.
    fn put_at(&self, mass: &mut [f64], low: usize, x: f64, m: f64) {
        let up = ((x - self.nodes[low]) / (self.nodes[low + 1] - self.nodes[low])).clamp(0.0, 1.0);
        mass[low] += m * (1.0 - up);
        mass[low + 1] += m * up;
    }

    /// Carries members, `mass[own][node]` (shares: they sum to 1), along a path of the aggregate state, one state per period; what does not clear counts
    /// from period `first` on.
    pub(super) fn walk(&self, mut mass: Vec<Vec<f64>>, path: &[usize], first: usize) -> Walked {
        let mut out = Walked {
            moment: Vec::new(),
            sd: Vec::new(),
            top: 0.0,
            unclear: 0,
            stood: Vec::new(),
        };
        for (t, z) in path.iter().enumerate() {
            crate::limits::poll();
            let (now, cell, share) = match self.priced {
                true => {
                    let (price, cell, share, clears) = self.clear(&mass, *z);
                    out.unclear += usize::from(!clears && t >= first);
                    (price, cell, share)
                }
                false => {
                    let (mut mean, mut square) = (0.0, 0.0);
                    for (own, j) in mass.iter().zip(&self.chain.joint[*z]) {
                        for (m, f) in own.iter().zip(&self.of[*j]) {
                            mean += m * f;
                            square += m * f * f;
                        }
                    }
                    out.sd.push((square - mean * mean).max(0.0).sqrt());
                    let place = ((mean - self.moments.0) / self.moments.1).clamp(0.0, (MOMENTS - 1) as f64);
                    let cell = (place as usize).min(MOMENTS - 2);
                    (mean, cell, place - cell as f64)
                }
            };
            out.moment.push(now);
            out.top = out.top.max(mass.iter().map(|m| m[NODES - 1]).sum());
            if self.priced && t >= first && (t - first).is_multiple_of(EVERY) {
                out.stood.push((t, mass.clone()));
            }
            let Some(to) = path.get(t + 1) else { break };
            mass = self.later(&mass, (*z, *to), (cell, share));
        }
        out
    }
}

/// How much denser the judge's nodes are at the lower end.
const CURVED: f64 = 3.0;

impl Crowd {
    /// Members at these own states and values, all of the same mass: `[own][node]`.
    pub(super) fn placed(&self, members: &[(usize, f64)], states: usize) -> Vec<Vec<f64>> {
        let mut mass = vec![vec![0.0; NODES]; states];
        for (e, x) in members {
            self.put(&mut mass[*e], *x, 1.0 / members.len() as f64);
        }
        mass
    }
}
