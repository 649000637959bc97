//! Who stands aside: whose choice settles what they are paid, whatever the others do and know.
//!
//! Rewards jump where a choice passes an edge (a reserve price, a fee for taking part). Where on one side of it nothing that others do matters, some
//! types may stand there. Whoever is as well off on either side enters at the edge, and wins only against those who stand aside; types of one
//! kind enter together, so that the balance is struck with all of them at the same place.

use super::strategy::{Aside, Strategy};
use super::{Kind, Solver};
use crate::solve::kinked::Fixed;

/// Types at which the balance is looked at, and halvings between two of them.
const TYPES: usize = 64;
const HALVINGS: usize = 50;
/// Draws of what others know, of which half stand aside.
const FEW: usize = 4096;
/// Choices of those who stand aside that are tried.
const CHOICES: usize = 17;
/// Rounds in which kinds answer one another's entries.
const ROUNDS: usize = 30;
/// The step over an edge, as a share of the interval.
const OVER: f64 = 1e-9;
/// Differences of what is paid that are put down to rounding.
const SAME: f64 = 1e-12;

/// An edge of what one chooses beyond which nothing that others do matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    /// The choice of those who take part that is next to it.
    entry: f64,
    /// The ends of the choices of those who stand aside, the farther one first.
    outside: (f64, f64),
    /// The ends of the choices of those who take part.
    inside: (f64, f64),
}

/// Who takes part.
enum Entry {
    /// Everybody, so that only choices of those who take part are chosen.
    All(Edge),
    /// Some.
    Some(Aside, Edge),
}

impl Solver<'_> {
    /// The edge of a kind's choices, if there is one: of several the one with most choices outside.
    pub(super) fn edge(&self, k: &Kind) -> Option<Edge> {
        let own = k.members[0];
        let a = self.action(own);
        let (lo, hi) = (self.game.lo[a], self.game.hi[a]);
        let small = Solver {
            game: self.game,
            draws: 512,
        };
        let others = small.anything(own);
        let quantile = |u: f64| self.law(k).map_or(f64::NAN, |d| d.quantile(u));
        // Whether nothing that others do matters at a choice.
        let settled = |x: f64| {
            [0.2, 0.5, 0.8].iter().all(|u| {
                let paid = small.pays_each(own, quantile(*u), x, &others);
                let range = paid
                    .iter()
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(*p), h.max(*p)));
                range.1 - range.0 <= SAME * (1e-300 + range.0.abs().max(range.1.abs()))
            })
        };
        let over = OVER * (hi - lo);
        let sides = |e: &Fixed| {
            let at = e.at.clamp(lo, hi);
            let (below, above) = if e.above { (at - over, at) } else { (at, at + over) };
            let all = |from: f64, to: f64| (0..=4).all(|j| settled(from + (to - from) * f64::from(j) / 4.0));
            let low = Edge {
                entry: above,
                outside: (lo, below.max(lo)),
                inside: (above, hi),
            };
            let high = Edge {
                entry: below,
                outside: (hi, above.min(hi)),
                inside: (lo, below),
            };
            let inside = |e: &Edge| e.inside.0 < e.inside.1 && !all(e.inside.0, e.inside.1);
            [low, high]
                .into_iter()
                .filter(|e| inside(e) && all(e.outside.0, e.outside.1))
                .collect::<Vec<_>>()
        };
        let found = self.game.edges[a].iter().flat_map(sides);
        found.reduce(|a, b| {
            let width = |e: &Edge| (e.outside.1 - e.outside.0).abs();
            if width(&b) > width(&a) { b } else { a }
        })
    }

    /// What whoever knows `c` gains by entering where all of its kind who know less (more, if not `above`) stand aside; and what is best for those.
    fn balance(&self, kinds: &mut [Kind], k: usize, (edge, above, share): (Edge, bool, f64), c: f64) -> (f64, Aside) {
        let own = kinds[k].members[0];
        let range = kinds[k].range;
        let mut aside = Aside {
            at: c,
            above,
            does: edge.outside.0,
            entry: edge.entry,
        };
        let along = kinds[k].strategy.along.clone();
        let put = |kinds: &mut [Kind], aside: Aside| {
            kinds[k].strategy = Strategy::entered(along.clone(), (range, edge.inside), aside, share);
        };
        put(kinds, aside);
        // However few stand aside, whoever enters meets these alone.
        let cuts = |k: &Kind| {
            let (lo, hi) = self.shares(k);
            let cut = if lo > 0.0 { lo } else { hi };
            if cut > 0.0 && cut < 1.0 { vec![cut] } else { Vec::new() }
        };
        let others = self.others(kinds, own, &cuts);
        let mut best = self.pays(own, c, aside.does, &others);
        for j in 1..CHOICES {
            let x = edge.outside.0 + (edge.outside.1 - edge.outside.0) * j as f64 / (CHOICES - 1) as f64;
            let paid = self.pays(own, c, x, &others);
            if paid > best + SAME * best.abs() {
                (best, aside.does) = (paid, x);
            }
        }
        put(kinds, aside);
        let gain = self.pays(own, c, edge.entry, &others) - best;
        // What is left over by rounding is nothing.
        (if gain.abs() <= SAME * best.abs() { 0.0 } else { gain }, aside)
    }

    /// Who of a kind takes part, the others given; `None` where who does is no matter of knowing more than another or less.
    fn entry(&self, kinds: &[Kind], k: usize, edge: Edge, share: f64) -> Option<Entry> {
        let mut kinds = kinds.to_vec();
        let few = Solver {
            game: self.game,
            draws: FEW,
        };
        let law = self.law(&kinds[k])?;
        let at = |j: usize| law.quantile((j as f64 + 0.5) / TYPES as f64);
        let mut all = false;
        for above in [true, false] {
            let how = (edge, above, share);
            let gains: Vec<f64> = (0..TYPES).map(|j| few.balance(&mut kinds, k, how, at(j)).0).collect();
            if gains.iter().any(|g| !g.is_finite()) {
                return None;
            }
            let (some, none) = (gains.iter().any(|g| *g > 0.0), gains.iter().any(|g| *g < 0.0));
            if !some {
                // Nobody enters, however few do.
                let c = if above { f64::INFINITY } else { f64::NEG_INFINITY };
                let (_, aside) = few.balance(&mut kinds, k, how, at(TYPES / 2));
                return none.then_some(Entry::Some(Aside { at: c, ..aside }, edge));
            }
            if !none {
                all = true;
                continue;
            }
            let enters = |j: usize| gains[if above { j } else { TYPES - 1 - j }] > 0.0;
            let first = (0..TYPES).find(|j| enters(*j))?;
            if first == 0 || !(first..TYPES).all(enters) {
                continue;
            }
            let place = |j: usize| at(if above { j } else { TYPES - 1 - j });
            let (mut out, mut enters) = (place(first - 1), place(first));
            for _ in 0..HALVINGS {
                let middle = 0.5 * (out + enters);
                if few.balance(&mut kinds, k, how, middle).0 > 0.0 {
                    enters = middle;
                } else {
                    out = middle;
                }
            }
            return Some(Entry::Some(
                few.balance(&mut kinds, k, how, 0.5 * (out + enters)).1,
                edge,
            ));
        }
        all.then_some(Entry::All(edge))
    }

    /// Lets kinds stand aside where that is best, with provisional strategies of those who take part. Whether somebody may.
    pub(super) fn stand_aside(&self, kinds: &mut [Kind], share: f64) -> bool {
        let edges: Vec<Option<Edge>> = kinds.iter().map(|k| self.edge(k)).collect();
        for _ in 0..if kinds.len() > 1 { ROUNDS } else { 1 } {
            let mut moved = false;
            for k in 0..kinds.len() {
                let Some(entry) = edges[k].and_then(|e| self.entry(kinds, k, e, share)) else {
                    continue;
                };
                let kind = &mut kinds[k];
                match entry {
                    Entry::All(edge) => kind.strategy.between = edge.inside,
                    Entry::Some(aside, edge) => {
                        let near = |b: Aside| !((aside.at - b.at).abs() > 1e-8 * (kind.range.1 - kind.range.0));
                        moved |= !kind.strategy.aside.is_some_and(near);
                        let along = kind.strategy.along.clone();
                        kind.strategy = Strategy::entered(along, (kind.range, edge.inside), aside, share);
                    }
                }
            }
            if !moved {
                break;
            }
        }
        kinds.iter().any(|k| k.strategy.aside.is_some())
    }
}
