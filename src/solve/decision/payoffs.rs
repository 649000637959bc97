//! What whoever decides is paid, how he discounts, when it ends and what limits him, as expressions of one period.

use super::axes;
use super::builder::Builder;
use crate::check::model::{Otherwise, Then};
use crate::diag::Diagnostic;
use crate::kernel::dag::Id;
use crate::solve::economy::cannot;

/// Everything that pays, and everything that can stop.
pub(super) struct Paid {
    pub(super) reward: Id,
    pub(super) discount: Id,
    /// Non-zero where it ends.
    pub(super) end: Id,
    /// What an end pays.
    pub(super) paying: Id,
    /// Smallest slack of the requirements.
    pub(super) slack: Id,
    pub(super) actions: Vec<axes::Choice>,
}

impl Paid {
    /// What is known before choosing: slack, bounds and what is allowed.
    pub(super) fn limits(&self) -> Vec<Id> {
        let mut out = vec![self.slack];
        for a in &self.actions {
            out.extend(a.bounds.iter().chain(a.masks.iter().flatten()).copied());
        }
        out
    }

    /// All of it.
    pub(super) fn everything(&self) -> Vec<Id> {
        let mut out = vec![self.reward, self.discount, self.end, self.paying];
        out.extend(self.limits());
        out
    }
}

impl Builder<'_> {
    pub(super) fn paid(&mut self) -> Result<Paid, Diagnostic> {
        let reward = self.reward()?;
        let discount = self.discount()?;
        let (end, paying) = self.ends()?;
        let slack = self.slack()?;
        let actions = self.action_axes()?;
        Ok(Paid {
            reward,
            discount,
            end,
            paying,
            slack,
            actions,
        })
    }

    /// Whether somebody says what the next period counts.
    pub(super) fn discounts(&self) -> bool {
        self.agents.iter().any(|a| self.model.agents[*a].discount.is_some())
    }

    fn reward(&mut self) -> Result<Id, Diagnostic> {
        let mut total = self.unroll.dag.constant(0.0);
        for a in self.agents.clone() {
            let agent = &self.model.agents[a];
            let Some(r) = agent.reward else {
                return Err(cannot(format!("`{}` wants nothing", agent.name)));
            };
            let ids = self.unrolled(r)?;
            let n = self.mine(ids.len(), &self.model.graph.nodes[r.0 as usize].shape);
            let own = self.others.map_or(0..n, |_| self.counting(a, ids.len()));
            // A reward that is the same for all members counts once for each.
            let members = self.model.graph.elements(&agent.shape);
            let times = if self.single || self.others.is_some() {
                1.0
            } else {
                fault!("evaluation.members_once", 1.0, members as f64 / ids.len() as f64)
            };
            let continuum = agent
                .axis
                .is_some_and(|x| self.model.graph.axes[x.0 as usize].continuum);
            let scale = if continuum && !self.single && self.others.is_none() {
                agent.mass / members as f64 * times
            } else {
                times
            };
            let scale = self.unroll.dag.constant(fault!(
                "evaluation.agent_dropped",
                if self.agents.last() == Some(&a) { 0.0 } else { scale },
                scale
            ));
            for id in ids.into_iter().take(own.end).skip(own.start) {
                let term = self.unroll.dag.mul(scale, id);
                total = self.unroll.dag.add(total, term);
            }
        }
        Ok(total)
    }

    fn discount(&mut self) -> Result<Id, Diagnostic> {
        let mut found: Option<(Id, String)> = None;
        for a in self.agents.clone() {
            let agent = &self.model.agents[a];
            let Some(d) = agent.discount else { continue };
            let ids = self.unrolled(d)?;
            let own = self.others.map_or(0..ids.len(), |_| self.counting(a, ids.len()));
            for id in ids.into_iter().take(own.end).skip(own.start) {
                match &found {
                    Some((first, name)) if *first != id && !self.single && !self.apart => {
                        return Err(cannot(format!(
                            "a planner needs one discount factor; `{name}` and `{}` differ",
                            agent.name
                        ))
                        .hint("each discounts by itself under `concept = nash` or `competitive`"));
                    }
                    Some(_) => {}
                    None => found = Some((id, agent.name.clone())),
                }
            }
        }
        let dynamic = !self.model.states.is_empty();
        Ok(match found {
            Some((id, _)) => id,
            None => self.unroll.dag.constant(if dynamic || self.model.horizon.is_some() {
                1.0
            } else {
                0.0
            }),
        })
    }

    fn ends(&mut self) -> Result<(Id, Id), Diagnostic> {
        let zero = self.unroll.dag.constant(0.0);
        let (mut end, mut paying) = (zero, zero);
        for e in &self.model.ends {
            let mine = e.agent.is_some_and(|a| self.agents.contains(&a));
            if e.then != Then::Episode && !self.single && !(self.others.is_some() && mine) {
                return Err(cannot("members of the population end one by one").at(e.span, "ends one member"));
            }
            let c = self.unrolled(e.condition)?;
            let n = if self.single { 1 } else { c.len() };
            let pays = match e.paying {
                Some(p) => Some(self.unrolled(p)?),
                None => None,
            };
            let own = match self.others {
                Some(o) if mine => self.counting(o.agent, n),
                Some(_) => 0..0,
                None => 0..n,
            };
            for (k, c) in c.into_iter().take(n).enumerate() {
                if e.then != Then::Episode && !own.contains(&k) {
                    continue;
                }
                if let Some(p) = pays.as_ref().filter(|_| own.contains(&k)) {
                    let x = self.unroll.dag.select(c, p[k.min(p.len() - 1)], zero);
                    paying = self.unroll.dag.add(paying, x);
                }
                end = self.unroll.dag.binary(crate::graph::Binary::Or, end, c);
            }
        }
        Ok((end, paying))
    }

    fn slack(&mut self) -> Result<Id, Diagnostic> {
        let mut least: Option<Id> = None;
        for r in &self.model.requires {
            if !matches!(r.otherwise, Otherwise::Infeasible | Otherwise::Project(_)) {
                continue;
            }
            let ids = self.unrolled(r.slack)?;
            let own = match (self.others, r.agent) {
                // What others must not do is theirs.
                (Some(o), Some(a)) if a != o.agent => 0..0,
                (Some(o), Some(_)) => self.counting(o.agent, ids.len()),
                (Some(_), None) => 0..ids.len(),
                (None, _) => 0..if self.single { 1 } else { ids.len() },
            };
            for id in ids.into_iter().take(own.end).skip(own.start) {
                least = Some(match least {
                    None => id,
                    Some(x) => self.unroll.dag.binary(crate::graph::Binary::Min, x, id),
                });
            }
        }
        Ok(match least {
            Some(x) => x,
            None => self.unroll.dag.constant(f64::INFINITY),
        })
    }

    pub(super) fn consumption(&mut self) -> Result<Option<Id>, Diagnostic> {
        let &[one] = self.agents.as_slice() else {
            return Ok(None);
        };
        let agent = &self.model.agents[one];
        let Some(c) = agent.consumption else { return Ok(None) };
        let ids = self.unrolled(c)?;
        Ok(if ids.len() == 1 || self.single || self.others.is_some() {
            ids.get(self.counting(one, ids.len()).start).copied()
        } else {
            None
        })
    }
}
