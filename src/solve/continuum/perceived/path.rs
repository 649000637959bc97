//! The members as a distribution over nodes of their state, carried along a path of the aggregate state without sampling (Young 2010,
//! *Journal of Economic Dynamics and Control* 34).
//!
//! Members whose next state lies between two nodes go to both, such that their mean stays; then their own chains move with the chances of
//! the aggregate states of both periods.

use super::household::{Moments, Policies};
use super::market::{Cleared, Market};
use crate::limits;

/// Mass at the highest nodes that is too small to count: it is put one node lower.
const NOTHING: f64 = 1e-15;

/// The path of the aggregate state.
#[derive(Clone, Debug, PartialEq)]
pub struct Weather {
    /// The aggregate state of each period.
    pub states: Vec<usize>,
}

impl Weather {
    /// A path of so many periods, one aggregate state each, drawn from the chances `chain[z][z']`.
    pub fn drawn(chain: &[Vec<f64>], periods: usize, seed: u64) -> Weather {
        let key = crate::num::random::Key::new(seed, STREAM);
        let rest = crate::chance::chain::stationary(chain);
        let mut at = crate::chance::chain::link(&rest, key.uniform(0, 0)) as usize;
        let mut states = Vec::with_capacity(periods);
        for t in 0..periods {
            states.push(at);
            at = crate::chance::chain::link(&chain[at], key.uniform(t as u64 + 1, 0)) as usize;
        }
        Weather { states }
    }

    /// Its first periods.
    pub(super) fn first(&self, periods: usize) -> Weather {
        Weather {
            states: self.states[..periods.min(self.states.len())].to_vec(),
        }
    }
}

/// Rows of `n` numbers times their weights, together.
fn mixed(weights: &[f64], rows: &[f64], n: usize, out: &mut [f64]) {
    if let ([w0, w1, w2, w3], 4) = (weights, rows.len() / n) {
        let many = out.len();
        let row = |k: usize| &rows[k * n..k * n + many];
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        for i in 0..many {
            out[i] = w0 * a[i] + w1 * b[i] + w2 * c[i] + w3 * d[i];
        }
        return;
    }
    out.fill(0.0);
    for (w, own) in weights.iter().zip(rows.chunks_exact(n)) {
        out.iter_mut().zip(own).for_each(|(o, x)| *o += w * x);
    }
}

/// The stream of random numbers of the aggregate path.
const STREAM: u64 = 0x4b5d;

/// Members over nodes of their state and their own states.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    /// Nodes of the state, ascending.
    pub(super) nodes: Vec<f64>,
    /// One over the distance to the next node.
    steep: Vec<f64>,
    /// `[own state][node]`
    pub(super) mass: Vec<Vec<f64>>,
    /// The joint state of each aggregate and own state.
    joint: Vec<Vec<usize>>,
    /// `[z][z'][own][own']`
    chances: Vec<Vec<Vec<Vec<f64>>>>,
    /// What the moment is the mean of, `[joint state][node]`.
    of: Vec<Vec<f64>>,
    /// The highest node with mass.
    top: usize,
}

/// What was seen along a path.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The moment of each period.
    pub(super) moment: Vec<f64>,
    /// Largest mass at the highest node, from the first period that counts on.
    pub(super) top: f64,
    /// The highest node with members, from the first period that counts on.
    pub(super) highest: f64,
    /// Periods, of those that count, in which no price clears the market, and of the first of them the aggregate state and what is left over
    /// at the lowest and at the highest price.
    pub(super) unclear: (usize, Option<(usize, f64, f64)>),
    /// The members in the last period that counts and whose aggregate state is that of the first, if there is one.
    pub(super) again: Option<Vec<Vec<f64>>>,
}

impl Crowd {
    /// Everybody at `start`; own states as `shares[own state]` says (one share per own state). `nodes` ascend, `split[joint state]` is its aggregate and own
    /// state, `chances[z][z'][own][own']`, and `of[joint state][node]` is what the moment is the mean of.
    pub(super) fn new(
        nodes: Vec<f64>,
        split: &[(usize, usize)],
        chances: Vec<Vec<Vec<Vec<f64>>>>,
        of: Vec<Vec<f64>>,
        (start, shares): (f64, &[f64]),
    ) -> Crowd {
        let own = shares.len();
        let mut joint = vec![vec![0; own]; chances.len()];
        for (j, (z, e)) in split.iter().enumerate() {
            joint[*z][*e] = j;
        }
        let last = nodes.len() - 1;
        let low = nodes.partition_point(|x| *x <= start).clamp(1, last) - 1;
        let up = ((start - nodes[low]) / (nodes[low + 1] - nodes[low])).clamp(0.0, 1.0);
        let mut mass = vec![vec![0.0; nodes.len()]; own];
        for (mass, share) in mass.iter_mut().zip(shares) {
            mass[low] = share * (1.0 - up);
            mass[low + 1] = share * up;
        }
        Crowd {
            steep: nodes.windows(2).map(|w| 1.0 / (w[1] - w[0])).collect(),
            nodes,
            mass,
            joint,
            chances,
            of,
            top: low + 1,
        }
    }

    /// Puts the members elsewhere, `mass[own state][node]`: one share per node for each own state.
    pub(super) fn stand(&mut self, mass: &[Vec<f64>]) {
        self.mass = mass.to_vec();
        self.top = self.nodes.len() - 1;
        self.lower();
    }

    /// All members over the nodes.
    pub(super) fn all(&self) -> Vec<(f64, f64)> {
        let at = |i: usize| self.mass.iter().map(|m| m[i]).sum();
        self.nodes.iter().enumerate().map(|(i, x)| (*x, at(i))).collect()
    }

    /// The moment in an aggregate state.
    pub(super) fn moment(&self, z: usize) -> f64 {
        let own = self.mass.iter().zip(&self.joint[z]);
        own.map(|(mass, j)| {
            let of = &self.of[*j];
            mass[..=self.top].iter().zip(of).map(|(m, f)| m * f).sum::<f64>()
        })
        .sum()
    }

    /// Goes along the path; what is seen counts from period `first` on. `policies` stand at `nodes` (as long as those of the crowd) and `moments`:
    /// those of the `market`, if there is one whose price clears in each period.
    pub(super) fn walk(
        &mut self,
        (policies, nodes, moments): (&Policies, &[f64], &Moments),
        market: Option<&Market>,
        weather: &Weather,
        first: usize,
    ) -> Seen {
        let fine = self.spread(policies, nodes, moments.nodes.len());
        let n = self.nodes.len();
        let mut moment = Vec::with_capacity(weather.states.len());
        let (mut top, mut highest): (f64, f64) = (0.0, self.nodes[0]);
        let back = weather
            .states
            .iter()
            .rposition(|z| *z == weather.states[0])
            .filter(|t| *t > first);
        let mut again = None;
        let (mut near, mut unclear) = (vec![moments.nodes.len() / 2; self.joint.len()], (0, None));
        let mut moved = self.mass.clone();
        let (mut next, mut late) = (vec![0.0; n], vec![vec![0.0; n]; self.mass.len()]);
        for (t, z) in weather.states.iter().enumerate() {
            if t % 64 == 0 {
                limits::poll();
            }
            let (now, b) = match market {
                None => {
                    let now = self.moment(*z);
                    (now, moments.between(now))
                }
                Some(market) => {
                    let found = self.clear(market, &fine, *z, near[*z]);
                    near[*z] = found.at.first;
                    if let Some((low, high)) = found.left.filter(|_| t >= first) {
                        unclear.0 += 1;
                        unclear.1 = unclear.1.or(Some((*z, low, high)));
                    }
                    (found.price, found.at)
                }
            };
            moment.push(now);
            if back == Some(t) {
                again = Some(self.mass.clone());
            }
            let Some(to) = weather.states.get(t + 1) else { break };
            let mut high = 0;
            for (e, (mass, moved)) in self.mass.iter().zip(&mut moved).enumerate() {
                let at = (self.joint[*z][e] * moments.nodes.len() + b.first) * n;
                let used = self.top + 1;
                mixed(&b.weight, &fine[at..at + b.many * n], n, &mut next[..used]);
                high = high.max(self.share_out(&mass[..used], &next[..used], moved));
            }
            // Own chains move.
            let chances = fault!(
                "perceived.chances_swapped",
                &self.chances[*to][*z],
                &self.chances[*z][*to]
            );
            for (later, out) in late.iter_mut().enumerate() {
                out[high + 1..].fill(0.0);
                let out = &mut out[..=high];
                if let [a, b] = moved.as_slice() {
                    let (p, q) = (chances[0][later], chances[1][later]);
                    for (i, o) in out.iter_mut().enumerate() {
                        *o = p * a[i] + q * b[i];
                    }
                    continue;
                }
                out.fill(0.0);
                for (own, moved) in moved.iter().enumerate() {
                    let p = chances[own][later];
                    if p > 0.0 {
                        out.iter_mut().zip(moved).for_each(|(o, m)| *o += p * m);
                    }
                }
            }
            std::mem::swap(&mut self.mass, &mut late);
            self.top = high;
            self.lower();
            if t >= first {
                top = top.max(self.mass.iter().map(|m| m[n - 1]).sum());
                highest = highest.max(self.nodes[self.top]);
            }
        }
        Seen {
            moment,
            top,
            highest,
            unclear,
            again,
        }
    }

    /// The price that clears in aggregate state `z`; `fine` has next states at its nodes, `[joint state][price][node]`.
    fn clear(&self, market: &Market, fine: &[f64], z: usize, near: usize) -> Cleared {
        let (used, n, many) = (self.top + 1, self.nodes.len(), market.prices.nodes.len());
        let own: Vec<(f64, f64)> = (self.mass.iter())
            .map(|mass| {
                let sum = mass[..used].iter().zip(&self.nodes);
                sum.fold((0.0, 0.0), |s, (m, x)| (s.0 + m, s.1 + m * x))
            })
            .collect();
        market.clear(near, |k| {
            let each = self.mass.iter().zip(&own).zip(&self.joint[z]);
            each.map(|((mass, (all, mean)), joint)| {
                let at = (joint * many + k) * n;
                let next: f64 = mass[..used].iter().zip(&fine[at..at + used]).map(|(m, x)| m * x).sum();
                let [a, b, c] = market.left(*joint, k);
                a * all + b * mean + c * next
            })
            .sum()
        })
    }

    /// Puts the mass of each node on the two around its next state; the highest node that is reached.
    fn share_out(&self, mass: &[f64], next: &[f64], moved: &mut [f64]) -> usize {
        let last = self.nodes.len() - 2;
        moved.fill(0.0);
        let (mut low, mut high) = (0, 0);
        for (m, x) in mass.iter().zip(next) {
            if *m == 0.0 {
                continue;
            }
            while low < last && self.nodes[low + 1] <= *x {
                low += 1;
            }
            while low > 0 && self.nodes[low] > *x {
                low -= 1;
            }
            high = high.max(low + 1);
            let up = m * ((x - self.nodes[low]) * self.steep[low]).clamp(0.0, 1.0);
            let to = fault!("perceived.lottery_off_by_one", low.saturating_sub(1), low);
            moved[to] += m - up;
            moved[to + 1] += up;
        }
        high
    }

    /// The highest nodes whose mass is nothing are left.
    fn lower(&mut self) {
        while self.top > 1 && self.mass.iter().map(|m| m[self.top]).sum::<f64>() < NOTHING {
            for mass in &mut self.mass {
                mass[self.top - 1] += mass[self.top];
                mass[self.top] = 0.0;
            }
            self.top -= 1;
        }
    }

    /// Next states at the nodes of the distribution, `[joint state][moment][node]`: between the policies' nodes on straight lines.
    fn spread(&self, policies: &Policies, nodes: &[f64], moments: usize) -> Vec<f64> {
        let places: Vec<(usize, f64)> = (self.nodes.iter())
            .map(|x| {
                let low = nodes.partition_point(|k| k <= x).clamp(1, nodes.len() - 1) - 1;
                (low, (x - nodes[low]) / (nodes[low + 1] - nodes[low]))
            })
            .collect();
        let joint = self.joint.iter().flatten().count();
        let mut out = Vec::with_capacity(joint * moments * self.nodes.len());
        for own in policies.next.chunks_exact(nodes.len()) {
            out.extend(places.iter().map(|(low, t)| own[*low] + t * (own[low + 1] - own[*low])));
        }
        out
    }
}
