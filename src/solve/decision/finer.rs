//! Finer rules for draws behind kinks and jumps, as far as they are affordable.

use super::builder::Builder;
use super::compiler::has_kinks;
use super::options::{FINEST_DRAWS, GAUSS};
use super::{axes, cells, noise, shocks};
use crate::chance::quadrature::Standard;
use crate::kernel::dag::Id;
use crate::kernel::differentiate::has_steps;
use crate::solve::problem::{StateAxis, StateKind};
use std::collections::BTreeMap;

/// Most states of the joint chain when independent draws are made finer, as usual and where draws are to be finer; most grid points with all shocks
/// counted.
const LINKS: [f64; 2] = [200.0, 800.0];
const STATES: f64 = 60_000.0;
/// Most joint nodes of noises when they are made finer, as usual and where draws are to be finer; most branches from all grid points.
const NODES: [f64; 2] = [1000.0, 5000.0];
const BRANCHES: f64 = 8_000.0;
/// Fewer nodes than these are no better between quantiles.
const FEW: usize = 24;
/// Nodes that a noise behind a kink gets on any grid, with so many branches from all grid points at most: as usual, and where draws are to be finer.
const LEAST: [f64; 2] = [40.0, 300.0];
const AFFORDED: [f64; 2] = [150_000.0, 400_000.0];
/// Most nodes of a draw whose cells end at its kinks, where nothing else bends: twice as many with each step of fineness.
const BETWEEN: usize = 56;

/// A draw whose cells are to end at its moving kinks: its number, law, nodes, and where kinks stand still.
pub(super) type Split = (usize, Standard, usize, Vec<f64>);

impl Builder<'_> {
    /// Gives draws whose nodes the file leaves open finer rules where a Gauss rule would lie: Gauss rules are exact for smooth
    /// functions and wrong by per cents for those with kinks and jumps, and finite choices make kinks in the value. Kinks that stand at one value of a
    /// draw, whatever else happens, are met exactly. Where draws are to be finer (`ProblemOptions::draws`) all open ones are. Says whether they
    /// could be finer still, and for which draws cells are to end at their moving kinks.
    pub(super) fn refine(
        &self,
        laws: &mut [shocks::Chainlet],
        chainlets: &[usize],
        noise: &mut [noise::Quadrature],
        (noises, moving): (&[usize], &BTreeMap<usize, Vec<Id>>),
        (axes, actions): (&[StateAxis], &[axes::Choice]),
        read: &[Id],
    ) -> (bool, Vec<Split>) {
        let dag = &self.unroll.dag;
        let mut split: Vec<Split> = Vec::new();
        let level = self.options.draws.min(FINEST_DRAWS);
        let most = NODES[level.min(1)];
        let rough = |input: Id| has_steps(dag, read, &[input]) || has_kinks(dag, read, &[input]);
        let bent = |q: &noise::Quadrature, k: usize| moving.contains_key(&k) || rough(q.input);
        let choices = actions.iter().any(|a| !a.continuous() && a.axis.taste.is_none());
        let size: f64 = axes
            .iter()
            .map(|a| match &a.kind {
                StateKind::Continuous { grid, .. } => grid.len() as f64,
                StateKind::Integer { lo, hi } => (hi - lo + 1) as f64,
            })
            .product();
        // Shocks first: the states of their chain multiply the grid.
        let loose = |laws: &[shocks::Chainlet], k: usize| matches!(laws[k].open, Some((_, false)));
        let kinked = |laws: &[shocks::Chainlet], k: usize| choices || rough(laws[k].now) || rough(laws[k].next);
        let open: Vec<usize> = chainlets
            .iter()
            .copied()
            .filter(|k| loose(laws, *k) && (level > 0 || kinked(laws, *k)))
            .collect();
        let mut coarse = level == 0 && chainlets.iter().any(|k| loose(laws, *k));
        // So many states are asked for that there is a better rule than Gauss's for kinks.
        for &k in chainlets {
            let asked = laws[k].values.len();
            if matches!(laws[k].open, Some((_, true))) && asked >= FEW && kinked(laws, k) {
                laws[k].refine(asked);
            }
        }
        let fixed: f64 = chainlets
            .iter()
            .filter(|k| !open.contains(k))
            .map(|k| laws[*k].values.len() as f64)
            .product();
        let each = 1.0 / open.len().max(1) as f64;
        let mut room = (LINKS[level.min(1)] / fixed).min(STATES / size / fixed).powf(each);
        if level > 0 && LEAST[0].powf(open.len() as f64) * size * fixed <= AFFORDED[1] {
            room = room.max(LEAST[0]);
        }
        for k in open {
            if room as usize > FEW {
                laws[k].refine(room as usize);
            }
        }
        let links: f64 = chainlets.iter().map(|k| laws[*k].values.len() as f64).product();
        let kinks = |q: &noise::Quadrature| -> Vec<f64> {
            let found = q
                .extent()
                .map(|(lo, hi)| crate::solve::kinked::fixed(dag, read, q.input, lo, hi));
            found.unwrap_or_default().iter().map(|f| f.at).collect()
        };
        let (mut open, mut smooth) = (Vec::new(), Vec::new());
        for &k in noises {
            match noise[k].continuous {
                Some((_, false, _)) if choices || bent(&noise[k], k) => open.push((k, bent(&noise[k], k))),
                Some((_, false, _)) => smooth.push(k),
                // So many nodes are asked for that there is a better rule than Gauss's for kinks.
                Some((_, true, _)) if noise[k].nodes.len() >= FEW && (choices || bent(&noise[k], k)) => {
                    let (n, at) = (noise[k].nodes.len(), kinks(&noise[k]));
                    match noise[k].law().filter(|_| moving.contains_key(&k)) {
                        Some(law) => split.push((k, law, n, at)),
                        None => noise[k].refine(n, &at),
                    }
                }
                Some(_) | None => {}
            }
        }
        let product = |noise: &[noise::Quadrature], open: &[(usize, bool)]| -> f64 {
            let others = noises.iter().filter(|k| !open.iter().any(|(o, _)| o == *k));
            others.map(|k| noise[*k].nodes.len() as f64).product()
        };
        // Smooth integrands in many draws need no more nodes than are affordable.
        let many = GAUSS[level].pow(smooth.len() as u32) as f64;
        if level > 0 && many <= most && size * links * many <= AFFORDED[1] {
            smooth.iter().for_each(|k| noise[*k].smooth(GAUSS[level]));
        }
        coarse |= !smooth.is_empty() && level < FINEST_DRAWS;
        let fixed = product(noise, &open);
        let each = 1.0 / open.len().max(1) as f64;
        let mut room = (most / fixed).min(BRANCHES / size / links / fixed).powf(each);
        if level > 0 || open.iter().any(|(_, rough)| *rough) {
            let afforded = (AFFORDED[level.min(1)] / size / links / fixed)
                .min(most / fixed)
                .powf(each);
            // Cells that end at the kinks need fewer nodes to be better than none.
            let ended = open.iter().any(|(k, _)| moving.contains_key(k));
            if afforded >= if ended { cells::FEWEST as f64 } else { LEAST[0] } {
                room = room.max(LEAST[level.min(1)].min(afforded));
            }
        }
        coarse |= !open.is_empty() && level == 0;
        // Where draws are to be finer and not all can have as many nodes, cells that end at moving kinks come first.
        let mut room_between = room;
        let ended: Vec<(usize, bool)> = open.iter().copied().filter(|(k, _)| moving.contains_key(k)).collect();
        if level > 0 && room < cells::FEWEST as f64 && !ended.is_empty() {
            let others = product(noise, &ended);
            let afforded = (AFFORDED[level.min(1)] / size / links / others).min(most / others);
            let alone = afforded.powf(1.0 / ended.len() as f64);
            if alone >= cells::FEWEST as f64 {
                room_between = alone.min(LEAST[level.min(1)]);
            }
        }
        for (k, rough) in open {
            let room = if moving.contains_key(&k) { room_between } else { room };
            let nodes = if rough || level > 0 { room } else { room.min(64.0) } as usize;
            if let Some(law) = noise[k]
                .law()
                .filter(|_| moving.contains_key(&k) && nodes >= cells::FEWEST)
            {
                let nodes = if choices { nodes } else { nodes.min(BETWEEN << level) };
                split.push((k, law, nodes, kinks(&noise[k])));
            } else if nodes > FEW {
                let at = kinks(&noise[k]);
                noise[k].refine(nodes, &at);
            } else {
                // Few nodes are best placed by Gauss rules, between kinks that stand still.
                let (at, others) = (kinks(&noise[k]), product(noise, &[(k, rough)]));
                let afforded = (most / others).min(AFFORDED[level.min(1)] / size / links / others);
                for n in GAUSS[..=level].iter().rev() {
                    if noise[k].smooth_between(*n, &at, afforded as usize) {
                        break;
                    }
                }
            }
        }
        (coarse, split)
    }
}
