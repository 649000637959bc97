//! Shocks as finite chains: discretised where they are continuous, joined where there are several.

use super::builder::Builder;
use super::options::{CHAIN_STATES, Discretised, HALFWAY_STATES};
use crate::chance::Discretisation;
use crate::check::model::{Process, Setting};
use crate::diag::Diagnostic;
use crate::graph::shape::element_name;
use crate::kernel::dag::Id;
use crate::solve::economy::cannot;
use crate::solve::problem::{JointChain, Links};
use std::collections::BTreeSet;

/// One independent chain of the problem.
pub(super) struct Chainlet {
    pub(super) name: String,
    /// The shock of the model.
    pub(super) shock: usize,
    /// The element of it.
    pub(super) element: usize,
    pub(super) now: Id,
    pub(super) next: Id,
    /// What the input carries at each state of the chain (the number of the state for chains, else the value).
    pub(super) carried: Vec<f64>,
    /// The value at each state of the chain.
    pub(super) values: Vec<f64>,
    /// Whether the states of the chain are nodes of a continuous shock.
    pub(super) continuous: bool,
    /// Row-stochastic matrices, `[conditions][state][next state]`.
    pub(super) matrices: Vec<Vec<Vec<f64>>>,
    /// Conditioning chainlets: (number, next?), the last fastest.
    pub(super) given: Vec<(usize, bool)>,
    /// The continuous distribution behind an independent draw, and whether the file says how many states.
    pub(super) open: Option<(crate::check::model::Distribution, bool)>,
    /// The law of a continuous shock in any one period, where it has one and the file says nothing of a chain.
    pub(super) law: Option<crate::check::model::Distribution>,
}

impl Builder<'_> {
    pub(super) fn laws(&mut self, discretised: &mut Vec<Discretised>) -> Result<Vec<Chainlet>, Diagnostic> {
        let model = self.model;
        let mut out: Vec<Chainlet> = Vec::new();
        let mut first: Vec<usize> = vec![0; model.shocks.len()];
        for s in model.drawing_order() {
            let shock = &model.shocks[s];
            let now = self.input_of(shock.input)?;
            let next = self.input_of(shock.next)?;
            let n = self.mine(now.len(), &shock.shape);
            first[s] = out.len();
            let (values, matrices, given, carries_link) = self.law(s, discretised)?;
            let open = match &shock.process {
                Process::Iid(d) if values.len() > 1 => Some((d.clone(), self.said_chain(&shock.name).is_some())),
                _ => None,
            };
            let law = shock
                .process
                .unconditional()
                .filter(|_| self.said_chain(&shock.name).is_none());
            for e in 0..n {
                let mut conditions = Vec::new();
                for (g, primed) in &given {
                    let map = crate::graph::shape::aligned(&model.graph, &model.shocks[*g].shape, &shock.shape);
                    conditions.push((first[*g] + map[e], *primed));
                }
                let carried = if carries_link {
                    (0..values.len()).map(|i| i as f64).collect()
                } else {
                    values.clone()
                };
                out.push(Chainlet {
                    name: element_name(&model.graph, &shock.name, &shock.shape, e, n),
                    shock: s,
                    element: e,
                    now: now[e],
                    next: next[e],
                    carried,
                    values: values.clone(),
                    continuous: !carries_link && shock.process.is_continuous(),
                    matrices: matrices.clone(),
                    given: conditions,
                    open: open.clone(),
                    law: law.clone(),
                });
            }
        }
        if self.options.deterministic {
            self.freeze(&mut out)?;
        }
        Ok(out)
    }

    /// Shocks at their means.
    fn freeze(&mut self, laws: &mut [Chainlet]) -> Result<(), Diagnostic> {
        for shock in &self.model.shocks {
            let mean = shock.process.mean();
            let n = self.elements(shock.node);
            let id = self.unroll.dag.constant(mean);
            self.unroll.replace(shock.node, vec![id; n]);
        }
        for l in laws {
            let middle = l.values.len() / 2;
            l.carried = vec![l.carried[middle]];
            l.values = vec![l.values[middle]];
            l.matrices = vec![vec![vec![1.0]]];
            l.given = Vec::new();
        }
        Ok(())
    }

    /// What the settings say about the chain of a shock.
    fn said_chain(&self, name: &str) -> Option<&Setting> {
        let last = name.rsplit('.').next().unwrap_or(name);
        let settings = self.model.solve_settings()?;
        settings
            .get(&format!("chain.{name}"))
            .or_else(|| settings.get(&format!("chain.{last}")))
    }

    #[allow(clippy::type_complexity)]
    fn law(
        &self,
        s: usize,
        discretised: &mut Vec<Discretised>,
    ) -> Result<(Vec<f64>, Vec<Vec<Vec<f64>>>, Vec<(usize, bool)>, bool), Diagnostic> {
        let shock = &self.model.shocks[s];
        let (method, args) = match self.said_chain(&shock.name) {
            Some(Setting::Call(f, args)) => (
                f.clone(),
                args.iter()
                    .filter_map(|a| if let Setting::Number(x) = a { Some(*x) } else { None })
                    .collect(),
            ),
            Some(Setting::Number(n)) => ("rouwenhorst".to_string(), vec![*n]),
            _ => match (self.options.fineness, &shock.process) {
                (times @ 1.., Process::Ar1 { rho, .. }) => (
                    "farmer_toda".to_string(),
                    vec![(times * crate::chance::chain::fine_states(*rho)) as f64],
                ),
                _ if self.options.halfway => ("rouwenhorst".to_string(), vec![HALFWAY_STATES as f64]),
                _ => ("rouwenhorst".to_string(), vec![CHAIN_STATES as f64]),
            },
        };
        let n = args.first().copied().unwrap_or(7.0);
        if !(1.0..=1000.0).contains(&n) || n.fract() != 0.0 {
            return Err(
                Diagnostic::error("E0805", format!("a chain of {n} states for `{}`", shock.name))
                    .at(shock.span, "the shock")
                    .hint(format!(
                        "chain.{} = rouwenhorst(7)",
                        shock.name.rsplit('.').next().unwrap_or(&shock.name)
                    )),
            );
        }
        let n = n as usize;
        match &shock.process {
            Process::Chain {
                values,
                matrices,
                given,
                ..
            } => Ok((values.clone(), matrices.clone(), given.clone(), true)),
            // Without innovations there is one value.
            Process::Ar1 { sigma, mean, .. } if *sigma == 0.0 => {
                Ok((vec![*mean], vec![vec![vec![1.0]]], Vec::new(), false))
            }
            Process::Ar1 { .. } => {
                let way = match method.as_str() {
                    "tauchen" => Discretisation::Tauchen(args.get(1).copied().unwrap_or(3.0)),
                    "rouwenhorst" => Discretisation::Rouwenhorst,
                    "farmer_toda" => Discretisation::FarmerToda,
                    other => {
                        return Err(Diagnostic::error(
                            "E0805",
                            format!("unknown chain method `{other}` for `{}`", shock.name),
                        )
                        .hint("rouwenhorst(7), tauchen(9) or farmer_toda(25)"));
                    }
                };
                let Some(made) = shock.process.discretised(n, way) else {
                    return Err(cannot(format!("`{}` has no finite chain", shock.name)).at(shock.span, "this shock"));
                };
                let made = made.map_err(|e| {
                    Diagnostic::error("E0805", format!("the chain of `{}`: {e}", shock.name))
                        .at(shock.span, "this shock")
                })?;
                discretised.push(Discretised {
                    name: shock.name.clone(),
                    mean: None,
                    method,
                    links: n,
                    asked: (made.asked.sd, made.asked.autocorrelation),
                    obtained: (made.obtained.sd, made.obtained.autocorrelation),
                });
                Ok((made.chain.values, vec![made.chain.transition], Vec::new(), false))
            }
            Process::Iid(d) => {
                if let Some(Setting::Call(..)) = self.said_chain(&shock.name) {
                    let own = shock.name.rsplit('.').next().unwrap_or(&shock.name);
                    let headline = format!(
                        "`chain.{own} = {method}({n})` is for ar1 shocks, and `{}` is drawn anew each period",
                        shock.name
                    );
                    return Err(Diagnostic::error("E0805", headline)
                        .at(shock.span, "independent of the period before")
                        .hint(format!(
                            "chain.{own} = {n}: as many nodes of the rule of integration of its law"
                        )));
                }
                let n = if d.is_point() { 1 } else { n };
                let Some(rule) = d.gauss(n) else {
                    return Err(
                        cannot(format!("`{}` has no rule of integration", shock.name)).at(shock.span, "this shock")
                    );
                };
                Ok((rule.nodes, vec![vec![rule.weights; n]], Vec::new(), false))
            }
            Process::RandomWalk { .. } => Err(cannot(format!(
                "`{}` is a random walk: it has no finite chain",
                shock.name
            ))
            .at(shock.span, "wanders without end")
            .hint("write it as a state with a noise, or detrend the model")),
            Process::Var1 { .. } => Err(cannot(format!("`{}` is a vector process", shock.name))
                .at(shock.span, "several shocks moving together")
                .hint("write independent ar1 shocks, or a chain over the joint states")),
        }
    }
}

impl Chainlet {
    /// About `n` states in the place of the given ones, for kinks and jumps; as it was where there is no such rule.
    pub(super) fn refine(&mut self, n: usize) {
        if let Some(rule) = self.open.as_ref().and_then(|(d, _)| d.fine(n)) {
            self.matrices = vec![vec![rule.weights; rule.nodes.len()]];
            self.carried = rule.nodes.clone();
            self.values = rule.nodes;
        }
    }
}

/// The chainlets asked for and those they are conditioned on, in order.
pub(super) fn with_conditions(laws: &[Chainlet], asked: Vec<usize>) -> Vec<usize> {
    let mut set: BTreeSet<usize> = asked.into_iter().collect();
    loop {
        let more: Vec<usize> = set
            .iter()
            .flat_map(|k| laws[*k].given.iter().map(|g| g.0))
            .filter(|g| !set.contains(g))
            .collect();
        if more.is_empty() {
            return set.into_iter().collect();
        }
        set.extend(more);
    }
}

/// How to come to a smaller joint chain: fewer states of the shock that has most of them.
fn fewer(laws: &[Chainlet], kept: &[usize]) -> String {
    let most = kept.iter().max_by_key(|k| laws[**k].values.len());
    let Some(most) = most.map(|k| &laws[*k]) else {
        return "use fewer independent shocks".to_string();
    };
    let name = most.name.split('[').next().unwrap_or(&most.name);
    let (last, half) = (name.rsplit('.').next().unwrap_or(name), most.values.len().div_ceil(2));
    let how = match most.open {
        Some(_) => format!("{half}"),
        None => format!("rouwenhorst({half})"),
    };
    format!("use fewer states, here `chain.{last} = {how}`, or fewer independent shocks")
}

pub(super) struct Joint {
    pub(super) chain: JointChain,
    /// States of the chains, `[joint state][chain]`.
    pub(super) links: Vec<Vec<usize>>,
}

pub(super) fn joint(laws: &[Chainlet], kept: &[usize]) -> Result<Joint, Diagnostic> {
    let sizes: Vec<usize> = kept.iter().map(|k| laws[*k].values.len()).collect();
    // As a real number: many members have more joint states than a whole number holds.
    let total: f64 = sizes.iter().map(|n| *n as f64).product();
    if total > 4096.0 {
        let gib = total * total * 8.0 / (1u64 << 30) as f64;
        let size = if gib < 1e4 {
            format!("{total} states: its matrix would take {gib:.1} GiB")
        } else {
            format!("{total:.1e} states, more than any memory holds")
        };
        return Err(
            Diagnostic::error("E0904", format!("the joint chain of {} shocks has {size}", kept.len()))
                .hint(fewer(laws, kept)),
        );
    }
    let mut links = vec![Vec::new()];
    for n in &sizes {
        links = links
            .into_iter()
            .flat_map(|l: Vec<usize>| (0..*n).map(move |i| [l.clone(), vec![i]].concat()))
            .collect();
    }
    let place = |k: usize| kept.iter().position(|x| *x == k).unwrap_or(0);
    let total: usize = sizes.iter().product();
    let mut transition = vec![vec![0.0; total]; total];
    for (j, from) in links.iter().enumerate() {
        for (i, to) in links.iter().enumerate() {
            let mut p = 1.0;
            for (c, k) in kept.iter().enumerate() {
                let law = &laws[*k];
                let m = law.given.iter().fold(0, |m, (g, primed)| {
                    let at = place(*g);
                    m * laws[*g].values.len()
                        + if fault!("chain.now_and_next", !*primed, *primed) {
                            to[at]
                        } else {
                            from[at]
                        }
                });
                let matrix = &law.matrices[fault!("chain.condition_ignored", 0, m)];
                p *= fault!("chain.transposed", matrix[to[c]][from[c]], matrix[from[c]][to[c]]);
                if p == 0.0 {
                    break;
                }
            }
            transition[j][i] = p;
        }
    }
    let values = links
        .iter()
        .map(|l| l.iter().zip(kept).map(|(i, k)| laws[*k].values[*i]).collect())
        .collect();
    let names = kept.iter().map(|k| laws[*k].name.clone()).collect();
    let of_each = kept
        .iter()
        .map(|k| Links {
            values: laws[*k].values.clone(),
            continuous: laws[*k].continuous,
        })
        .collect();
    Ok(Joint {
        chain: JointChain {
            names,
            values,
            transition,
            links: of_each,
        },
        links,
    })
}
