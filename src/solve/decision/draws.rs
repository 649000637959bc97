//! The shocks and noises that matter: chains and quadratures, who sees them, and how fine they are.

use super::builder::Builder;
use super::information::{self, Seen};
use super::noise::{self, Quadrature};
use super::options::{CHAIN_STATES, Discretised};
use super::payoffs::Paid;
use super::relevant::Relevant;
use super::shocks::{Chainlet, Joint, joint, with_conditions};
use crate::check::model::{Model, Noise};
use crate::diag::{Diagnostic, Span};
use crate::kernel::dag::Id;
use crate::solve::problem::StateAxis;
use std::collections::BTreeSet;

/// Everything that chance does.
pub(super) struct Draws {
    /// The chains of all shocks.
    pub(super) laws: Vec<Chainlet>,
    /// The rules of all noises, then those of shocks that are noises to whoever decides.
    pub(super) noise: Vec<Quadrature>,
    /// The chains that matter, as numbers of `laws`.
    pub(super) chains: Vec<usize>,
    /// The rules that matter, as numbers of `noise`.
    pub(super) noises: Vec<usize>,
    /// Asked and obtained moments.
    pub(super) discretised: Vec<Discretised>,
    /// What matters and is not observed, where full information was asked for.
    pub(super) hidden: Vec<String>,
    /// Shocks that are integrated out like noises.
    pub(super) integrated: Vec<String>,
    /// Numbers of the shocks that are noises to whoever decides; their rules begin at `declared`.
    unseen: Vec<usize>,
    /// Numbers of the chains that only fellows see and that tell something about the future.
    kept: Vec<usize>,
    declared: usize,
    seen: Seen,
}

/// The joint chain and the joint nodes of what matters.
pub(super) struct Together {
    pub(super) chain: Joint,
    pub(super) noise_nodes: Vec<Vec<f64>>,
    pub(super) noise_weights: Vec<f64>,
    /// What the weight of a node is multiplied by.
    pub(super) chance: Option<Id>,
}

impl Builder<'_> {
    /// The date, if the model reads it.
    ///
    /// # Errors
    /// E0826 where something reads a date that never ends.
    pub(super) fn time(&mut self, read: &[Id]) -> Result<Option<Id>, Diagnostic> {
        let time = match self.model.time {
            Some(t) => self.input_of(t)?.first().copied(),
            None => None,
        };
        match time {
            Some(t) if self.model.horizon.is_none() && self.reads(read, &[t]) => {
                Err(information::endless_time(self.model))
            }
            _ => Ok(time),
        }
    }

    /// Chains and rules of all draws of the model.
    pub(super) fn draws(&mut self) -> Result<Draws, Diagnostic> {
        let model = self.model;
        let mut discretised = Vec::new();
        let laws = self.laws(&mut discretised)?;
        let mut noise = self.quadratures()?;
        // What nobody sees and what tells nothing about the future is a noise to whoever decides.
        let seen = Seen::of(model, &self.agents);
        let mut unseen: Vec<usize> = if !self.options.deterministic && !information::full(model) {
            information::noise_like(model, &seen, &laws)
        } else {
            Vec::new()
        };
        let (private, kept) = match self.others {
            Some(others) if !self.options.deterministic => information::private(model, others, &laws),
            _ => (Vec::new(), Vec::new()),
        };
        unseen.extend(private);
        unseen.sort_unstable();
        unseen.dedup();
        let declared = noise.len();
        noise.extend(unseen.iter().map(|k| {
            Quadrature {
                input: laws[*k].now,
                nodes: laws[*k].carried.clone(),
                weights: laws[*k].matrices[0][0].clone(),
                moving: None,
                noise: None,
                continuous: laws[*k]
                    .open
                    .as_ref()
                    .map(|(d, said)| (d.family, *said, Some(d.args.clone()))),
                cells: None,
            }
        }));
        Ok(Draws {
            laws,
            noise,
            chains: Vec::new(),
            noises: Vec::new(),
            discretised,
            hidden: Vec::new(),
            integrated: Vec::new(),
            unseen,
            kept,
            declared,
            seen,
        })
    }

    /// Finds the shocks and noises that are read, and what of it nobody observes.
    ///
    /// # Errors
    /// E0825 where something that matters is not observed.
    pub(super) fn draws_that_matter(&self, draws: &mut Draws, paid: &Paid, read: &Relevant) -> Result<(), Diagnostic> {
        let model = self.model;
        let everything = &read.everything;
        let (laws, noise, seen) = (&draws.laws, &draws.noise, &draws.seen);
        let chains: Vec<usize> = (0..laws.len())
            .filter(|k| !draws.unseen.contains(k) && self.reads(everything, &[laws[*k].now, laws[*k].next]))
            .collect();
        let chains = with_conditions(laws, chains);
        let noises: Vec<usize> = (0..noise.len())
            .filter(|k| self.reads(everything, &[noise[*k].input]))
            .collect();
        let integrated = &noises[noises.partition_point(|k| *k < draws.declared)..];
        let mut hidden = BTreeSet::new();
        if !self.options.deterministic {
            let states = self.states.iter().map(|(s, _)| *s);
            let states = states.filter(|s| !seen.knows(model.states[*s].input));
            hidden.extend(states.map(information::Hidden::State));
            let shocks = chains.iter().map(|k| laws[*k].shock);
            let shocks = shocks.filter(|s| !seen.knows(model.shocks[*s].input));
            hidden.extend(shocks.map(information::Hidden::Shock));
            let kept = draws.kept.iter().filter(|k| chains.contains(k));
            hidden.extend(kept.map(|k| information::Hidden::Shock(laws[*k].shock)));
            // A draw that moves bounds or requirements is not integrated out, and one whose next value is read is no noise.
            let before = paid.limits();
            for k in &draws.unseen {
                if self.reads(&before, &[laws[*k].now]) || self.reads(everything, &[laws[*k].next]) {
                    hidden.insert(information::Hidden::Shock(laws[*k].shock));
                }
            }
        }
        if !hidden.is_empty() && !information::full(model) {
            return Err(information::refusal(model, seen, &self.agents, &hidden));
        }
        draws.integrated = integrated
            .iter()
            .map(|k| laws[draws.unseen[*k - draws.declared]].name.clone())
            .collect();
        draws.hidden = hidden.iter().map(|h| information::name(model, *h)).collect();
        (draws.chains, draws.noises) = (chains, noises);
        Ok(())
    }

    /// Makes draws behind kinks and jumps finer where the file leaves that open; whether they could be finer still.
    pub(super) fn fine_draws(&mut self, draws: &mut Draws, paid: &Paid, read: &Relevant, axes: &[StateAxis]) -> bool {
        let laws_of: Vec<_> = (read.now.iter().zip(&read.next).zip(axes))
            .map(|((now, next), axis)| (*now, *next, axis))
            .collect();
        let moving_kinks = self.moving_kinks(&draws.noise, &draws.noises, &read.everything, &laws_of);
        let (coarse, split) = self.refine(
            &mut draws.laws,
            &draws.chains,
            &mut draws.noise,
            (&draws.noises, &moving_kinks),
            (axes, &paid.actions),
            &read.everything,
        );
        for (k, law, n, fixed) in split {
            let cells = self.cells(law, n, &moving_kinks[&k], &fixed);
            draws.noise[k].split(cells);
        }
        let kept: Vec<Quadrature> = draws.kept().cloned().collect();
        let of_chains = draws.chains.iter().filter_map(|k| noise::draw_moments(&draws.laws[*k]));
        let of_chains: Vec<Discretised> = of_chains.collect();
        draws.discretised.extend(of_chains);
        draws.discretised.extend(self.quadrature_moments(&kept));
        coarse
    }

    /// The joint chain and the joint nodes.
    pub(super) fn together(&mut self, draws: &Draws) -> Result<Together, Diagnostic> {
        let chain = joint(&draws.laws, &draws.chains)?;
        let (noise_nodes, noise_weights, chance) = self.joint_noise(&draws.noise, &draws.noises)?;
        Ok(Together {
            chain,
            noise_nodes,
            noise_weights,
            chance,
        })
    }
}

impl Draws {
    /// The rules that matter.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Quadrature> {
        self.noises.iter().map(|k| &self.noise[*k])
    }

    /// The inputs of the shocks that matter, now and next period.
    pub(super) fn shock_ids(&self) -> [Vec<Id>; 2] {
        let of = |f: &dyn Fn(&Chainlet) -> Id| self.chains.iter().map(|k| f(&self.laws[*k])).collect();
        [of(&|l| l.now), of(&|l| l.next)]
    }

    /// The inputs of the noises that matter.
    pub(super) fn noise_ids(&self) -> Vec<Id> {
        self.kept().map(|q| q.input).collect()
    }

    /// The draws whose chances move, in words, and where the first is declared.
    pub(super) fn moving(&self, model: &Model) -> (String, Span) {
        let movers: Vec<&Noise> = self
            .kept()
            .filter(|q| q.moving.is_some())
            .filter_map(|q| q.noise.map(|k| &model.noises[k]))
            .collect();
        let mut names: Vec<String> = movers.iter().map(|m| format!("`{}`", m.name)).collect();
        names.dedup();
        (
            names.join(", "),
            movers.first().map_or_else(Default::default, |m| m.span),
        )
    }

    /// What the inputs of shocks carry in each joint state of `chain`.
    pub(super) fn carried(&self, chain: &Joint) -> Vec<Vec<f64>> {
        let of = |j: &Vec<usize>| {
            j.iter()
                .zip(&self.chains)
                .map(|(l, k)| self.laws[*k].carried[*l])
                .collect()
        };
        chain.links.iter().map(of).collect()
    }
}

/// Chains that miss the process they stand for: by so much that nothing moves (an error), or by enough to be said.
pub(super) fn far_chains(model: &Model, discretised: &[Discretised]) -> Result<Vec<Diagnostic>, Diagnostic> {
    let mut out = Vec::new();
    for d in discretised.iter().filter(|d| d.mean.is_none()) {
        let span = model.shocks.iter().find(|s| s.name == d.name).map(|s| s.span);
        let last = d.name.rsplit('.').next().unwrap_or(&d.name);
        if d.links == 1 && d.asked.0 > 0.0 {
            let e = Diagnostic::error(
                "E0820",
                format!("the chain of `{}` has one state, so it never moves", d.name),
            )
            .note(format!("its law has a standard deviation of {:.5}", d.asked.0))
            .hint(format!(
                "chain.{last} = rouwenhorst({CHAIN_STATES}); without risk, give the law a sigma of 0"
            ));
            return Err(match span {
                Some(span) => e.at(span, "this shock"),
                None => e,
            });
        }
        if d.links == 1 {
            continue;
        }
        let said = |d: &Discretised| {
            format!(
                "{} with {} states: standard deviation {:.5} (asked {:.5}), autocorrelation {:.5} (asked {:.5})",
                d.method, d.links, d.obtained.0, d.asked.0, d.obtained.1, d.asked.1
            )
        };
        let hint = format!("chain.{last} = rouwenhorst({}), or more states", d.links);
        // Shares of a deviation that are forgotten in a period.
        let (asked, obtained) = (1.0 - d.asked.1, 1.0 - d.obtained.1);
        if obtained < 0.01 * asked {
            let mut e = Diagnostic::error("E0820", format!("the chain of `{}` never moves", d.name))
                .note(said(d))
                .hint(hint);
            if let Some(span) = span {
                e = e.at(span, "this shock");
            }
            return Err(e);
        }
        if (d.obtained.0 / d.asked.0 - 1.0).abs() > 0.2 || obtained < 0.5 * asked || obtained > 2.0 * asked {
            let mut w = Diagnostic::warning("W0820", format!("the chain of `{}` is far from its process", d.name))
                .note(said(d))
                .hint(hint);
            if let Some(span) = span {
                w = w.at(span, "this shock");
            }
            out.push(w);
        }
    }
    Ok(out)
}
