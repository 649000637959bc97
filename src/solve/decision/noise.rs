//! Noise as quadrature: outcomes with fixed or moving weights, or means.
//!
//! The chance of a draw may read another draw: draws are then unrolled in the order of who reads whom, and the joint chance
//! of a node is the product of each draw's chance at the node.

use super::builder::Builder;
use super::options::{Discretised, GAUSS_NODES};
use crate::chance::law;
use crate::chance::quadrature::{Rule, Standard, extent};
use crate::check::model::{Distribution, Family, Setting};
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::kernel::dag::{Dag, Id};
use crate::solve::economy::cannot;

/// A draw by the cell and the place in it.
#[derive(Clone)]
pub(super) struct Cells {
    /// Ends of cells around the node's, then its place in the cell and its weight there.
    pub(super) inputs: Vec<Id>,
    /// What they are at each node.
    pub(super) rows: Vec<Vec<f64>>,
    /// The draw.
    pub(super) draw: Id,
    /// Its probability.
    pub(super) weight: Id,
    /// The rule where no kink is in the way.
    pub(super) still: Rule,
}

/// One noise element: its input, what it carries at each node, the weight of each node (numbers or expressions).
#[derive(Clone)]
pub(super) struct Quadrature {
    pub(super) input: Id,
    pub(super) nodes: Vec<f64>,
    pub(super) weights: Vec<f64>,
    /// The weight as an expression of the input, where it depends on the state.
    pub(super) moving: Option<Id>,
    /// The noise of the model whose standard draw the input carries; `None` for a shock that nobody sees, by its value.
    pub(super) noise: Option<usize>,
    /// Behind continuous draws: the family, whether the file says how many nodes, and the parameters where they are numbers.
    pub(super) continuous: Option<(Family, bool, Option<Vec<f64>>)>,
    /// Behind kinks that move: cells that end there, in the place of the nodes, which are then those where no kink is in the way.
    pub(super) cells: Option<Cells>,
}

impl Quadrature {
    /// About `n` nodes in the place of the given ones, for kinks and jumps, of which those at `kinks` are met exactly; as it was where there is no
    /// such rule.
    pub(super) fn refine(&mut self, n: usize, kinks: &[f64]) {
        let Some((family, _, _)) = &self.continuous else {
            return;
        };
        if let Some(rule) = law::fine(*family, n, kinks) {
            self.take(rule);
        }
    }

    /// A Gauss rule of `n` nodes in the place of the given one.
    pub(super) fn smooth(&mut self, n: usize) {
        let Some((family, _, _)) = &self.continuous else {
            return;
        };
        if let Some(rule) = law::gauss(*family, n) {
            self.take(rule);
        }
    }

    /// Gauss rules of `n` nodes between kinks (ascending places of the draw) that stand still, in the place of the given rule, if
    /// there are at most `most` nodes in all.
    pub(super) fn smooth_between(&mut self, n: usize, kinks: &[f64], most: usize) -> bool {
        let Some((family, _, _)) = &self.continuous else {
            return false;
        };
        let rule = match kinks {
            [] => law::gauss(*family, n),
            _ => law::gauss_between(*family, n, kinks),
        };
        let rule = rule.filter(|r| r.nodes.len() <= most);
        let found = rule.is_some();
        if let Some(rule) = rule {
            self.take(rule);
        }
        found
    }

    /// The law of the standard draw; `None` for finite draws and for shocks that nobody sees, which carry their value.
    pub(super) fn law(&self) -> Option<Standard> {
        let (family, _, _) = self.continuous.as_ref()?;
        self.noise?;
        law::standard(*family)
    }

    /// Where the standard draw lies; `None` for finite draws and for shocks that nobody sees, which carry their value.
    pub(super) fn extent(&self) -> Option<(f64, f64)> {
        self.law().map(extent)
    }

    /// Cells that end at kinks in the place of the given nodes.
    pub(super) fn split(&mut self, cells: Cells) {
        (self.nodes, self.weights) = (cells.still.nodes.clone(), cells.still.weights.clone());
        self.cells = Some(cells);
    }

    /// The inputs that carry the draw, and what they carry at each node.
    pub(super) fn inputs(&self) -> Vec<Id> {
        self.cells
            .as_ref()
            .map_or_else(|| vec![self.input], |c| c.inputs.clone())
    }

    /// What the inputs carry at each node, and its fixed weight.
    fn rows(&self) -> Vec<(Vec<f64>, f64)> {
        match &self.cells {
            Some(c) => c.rows.iter().map(|r| (r.clone(), 1.0)).collect(),
            None => self
                .nodes
                .iter()
                .zip(&self.weights)
                .map(|(x, w)| (vec![*x], *w))
                .collect(),
        }
    }

    fn take(&mut self, rule: Rule) {
        let Some((family, _, args)) = &self.continuous else {
            return;
        };
        // A shock that nobody sees carries its value, a noise its standard draw.
        self.nodes = match (self.noise, args) {
            (None, Some(args)) => rule.nodes.iter().map(|e| law::scaled(*family, args, *e)).collect(),
            _ => rule.nodes,
        };
        self.weights = rule.weights;
    }
}

/// Most nodes that may be asked for, and most of a Gauss rule: more lie between quantiles.
const MOST_NODES: usize = 1000;
const MOST_GAUSS: usize = 200;

/// Asked and obtained moments of an independent draw.
fn moments(name: String, d: &Distribution, values: &[f64], weights: &[f64]) -> Discretised {
    let mean: f64 = values.iter().zip(weights).map(|(v, w)| v * w).sum();
    let variance: f64 = values.iter().zip(weights).map(|(v, w)| w * (v - mean).powi(2)).sum();
    let gauss = d.gauss(values.len()).is_some_and(|r| r.weights == weights);
    Discretised {
        name,
        method: if gauss {
            law::rule_name(d.family)
        } else {
            "between quantiles"
        }
        .into(),
        links: values.len(),
        mean: Some((d.mean(), mean)),
        asked: (d.sd(), 0.0),
        obtained: (variance.sqrt(), 0.0),
    }
}

/// Those of an independent shock.
pub(super) fn draw_moments(chainlet: &super::shocks::Chainlet) -> Option<Discretised> {
    let (d, _) = chainlet.open.as_ref()?;
    let weights = chainlet.matrices.first()?.first()?;
    Some(moments(chainlet.name.clone(), d, &chainlet.values, weights))
}

impl Builder<'_> {
    pub(super) fn quadratures(&mut self) -> Result<Vec<Quadrature>, Diagnostic> {
        let model = self.model;
        let mut out = Vec::new();
        for k in self.drawn_after() {
            let noise = &model.noises[k];
            let draw = &model.draws[noise.draw];
            let base = self.input_of(draw.input)?;
            let n = self.mine(base.len(), &draw.shape);
            if self.options.deterministic {
                self.mean_noise(noise)?;
                continue;
            }
            let last = noise.name.rsplit('.').next().unwrap_or(&noise.name);
            let count = model.solve_settings().and_then(|s| {
                s.get(&format!("quadrature.{}", noise.name))
                    .or_else(|| s.get(&format!("quadrature.{last}")))
            });
            let said = count.is_some();
            let count = match count {
                Some(Setting::Number(n)) if *n >= 1.0 && n.fract() == 0.0 && *n <= MOST_NODES as f64 => *n as usize,
                Some(_) => {
                    return Err(Diagnostic::error(
                        "E0805",
                        format!("quadrature of `{}` needs a whole number of nodes", noise.name),
                    ));
                }
                None => GAUSS_NODES,
            };
            match noise.family {
                Family::Bernoulli | Family::UniformInt | Family::Discrete => {
                    let made = self.finite_noise(k, &base, n)?;
                    out.extend(made);
                }
                Family::Normal | Family::Lognormal | Family::Uniform | Family::Exponential | Family::Gumbel => {
                    let args = self.continuous_noise(noise, &base)?;
                    let point = args.as_ref().is_some_and(|a| law::is_point(noise.family, a));
                    let nodes = if point {
                        1
                    } else {
                        fault!("quadrature.mean_only", 1, count)
                    };
                    let rule = if nodes > MOST_GAUSS {
                        law::fine(noise.family, nodes, &[])
                    } else {
                        law::gauss(noise.family, nodes)
                    };
                    let Some(rule) = rule else {
                        return Err(
                            cannot(format!("`{}` has no rule of integration", noise.name)).at(noise.span, "drawn")
                        );
                    };
                    for id in base.iter().take(n) {
                        out.push(Quadrature {
                            input: *id,
                            nodes: rule.nodes.clone(),
                            weights: rule.weights.clone(),
                            moving: None,
                            noise: Some(k),
                            continuous: Some((noise.family, said || point, args.clone())),
                            cells: None,
                        });
                    }
                }
            }
        }
        Ok(out)
    }

    /// A continuous noise as an expression of its standard draw, which its input carries; its parameters where they are numbers.
    fn continuous_noise(
        &mut self,
        noise: &crate::check::model::Noise,
        base: &[Id],
    ) -> Result<Option<Vec<f64>>, Diagnostic> {
        let model = self.model;
        let shape = &model.graph.nodes[noise.node.0 as usize].shape;
        let to_base = crate::graph::shape::aligned(&model.graph, &model.draws[noise.draw].shape, shape);
        let mut args: Vec<Vec<Id>> = Vec::new();
        for a in &noise.args {
            let ids = self.unrolled(*a)?;
            let map = crate::graph::shape::aligned(&model.graph, &model.graph.nodes[a.0 as usize].shape, shape);
            args.push(map.into_iter().map(|i| ids[i]).collect());
        }
        let mut values = Vec::new();
        for e in 0..to_base.len() {
            let draw = base[to_base[e]];
            let dag = &mut self.unroll.dag;
            values.push(match noise.family {
                Family::Exponential | Family::Gumbel => dag.mul(args[0][e], draw),
                Family::Uniform => {
                    let width = dag.sub(args[1][e], args[0][e]);
                    let part = dag.mul(width, draw);
                    dag.add(args[0][e], part)
                }
                _ => {
                    let part = dag.mul(args[1][e], draw);
                    let x = dag.add(args[0][e], part);
                    if noise.family == Family::Lognormal {
                        dag.unary(crate::graph::Unary::Exp, x)
                    } else {
                        x
                    }
                }
            });
        }
        self.unroll.replace(noise.node, values);
        // One distribution if all elements have the same numbers.
        let number = |ids: &[Id]| -> Option<f64> {
            let first = self.unroll.dag.as_const(*ids.first()?)?;
            ids.iter()
                .all(|id| self.unroll.dag.as_const(*id) == Some(first))
                .then_some(first)
        };
        Ok(args.iter().map(|ids| number(ids)).collect())
    }

    /// Asked and obtained moments of the draws kept: of the value where the parameters are numbers, else of the standard draw.
    pub(super) fn quadrature_moments(&self, kept: &[Quadrature]) -> Vec<Discretised> {
        let mut out: Vec<Discretised> = Vec::new();
        for q in kept {
            let Some(noise) = q.noise.map(|k| &self.model.noises[k]) else {
                continue;
            };
            let Some((_, _, args)) = &q.continuous else { continue };
            if q.nodes.len() < 2 || out.iter().any(|d| d.name == noise.name) {
                continue;
            }
            let (args, name) = match args {
                Some(a) => (a.clone(), noise.name.clone()),
                None if noise.family == Family::Lognormal => (vec![0.0, 1.0], format!("{} (standard)", noise.name)),
                None => {
                    let standard = if noise.args.len() == 2 {
                        vec![0.0, 1.0]
                    } else {
                        vec![1.0]
                    };
                    (standard, format!("{} (standard)", noise.name))
                }
            };
            if out.iter().any(|d| d.name == name) {
                continue;
            }
            let d = Distribution {
                family: noise.family,
                args,
                table: Vec::new(),
            };
            let values: Vec<f64> = q.nodes.iter().map(|e| law::scaled(d.family, &d.args, *e)).collect();
            let mut found = moments(name, &d, &values, &q.weights);
            if q.cells.is_some() {
                found.method = "between kinks".into();
            }
            out.push(found);
        }
        out
    }

    /// The noises, each after those that its law reads: outcomes stand for a draw from there on.
    fn drawn_after(&self) -> Vec<usize> {
        let model = self.model;
        let g = &model.graph;
        let reads = |k: usize| -> Vec<usize> {
            let mut todo: Vec<NodeId> = model.noises[k].args.clone();
            todo.extend(model.noises[k].outcomes.iter().flat_map(|(v, p)| [*v, *p]));
            let seen: std::collections::BTreeSet<NodeId> = g.below(todo).map(|(id, _)| id).collect();
            (0..model.noises.len())
                .filter(|o| *o != k && seen.contains(&model.noises[*o].node))
                .collect()
        };
        let before: Vec<Vec<usize>> = (0..model.noises.len()).map(reads).collect();
        let mut order: Vec<usize> = Vec::new();
        while order.len() < before.len() {
            let ready: Vec<usize> = (0..before.len())
                .filter(|k| !order.contains(k) && before[*k].iter().all(|b| order.contains(b)))
                .collect();
            // The graph has no circles, so somebody is always ready.
            if ready.is_empty() {
                order.extend((0..before.len()).filter(|k| !order.contains(k)).collect::<Vec<_>>());
                break;
            }
            order.extend(ready);
        }
        order
    }

    /// A finite noise by its outcomes: the base draw's input carries the number of the outcome.
    fn finite_noise(&mut self, number: usize, base: &[Id], n: usize) -> Result<Vec<Quadrature>, Diagnostic> {
        use crate::graph::Binary as B;
        let model = self.model;
        let noise = &model.noises[number];
        let shape = &model.graph.nodes[noise.node.0 as usize].shape;
        let element = |b: &mut Self, node: NodeId, e: usize| -> Result<Id, Diagnostic> {
            let ids = b.unrolled(node)?;
            let map = crate::graph::shape::aligned(&model.graph, &model.graph.nodes[node.0 as usize].shape, shape);
            Ok(ids[map[e]])
        };
        let total = self.model.graph.elements(shape);
        let draw_shape = &model.draws[noise.draw].shape;
        let to_base = crate::graph::shape::aligned(&model.graph, draw_shape, shape);
        let mut values = Vec::new();
        let mut first: Vec<Option<Id>> = vec![None; base.len()];
        let mut out: Vec<Option<Quadrature>> = (0..base.len()).map(|_| None).collect();
        for e in 0..total {
            let j = base[to_base[e]];
            let (value, count, weight): (Id, usize, Id) = match noise.family {
                Family::Bernoulli => {
                    let p = element(self, noise.args[0], e)?;
                    let dag = &mut self.unroll.dag;
                    let one = dag.constant(1.0);
                    let q = dag.sub(one, p);
                    (
                        j,
                        2,
                        fault!("chance.complement", dag.select(j, q, p), dag.select(j, p, q)),
                    )
                }
                Family::UniformInt => {
                    let (a, b) = (element(self, noise.args[0], e)?, element(self, noise.args[1], e)?);
                    let d = (
                        model.graph.nodes[noise.args[0].0 as usize].domain,
                        model.graph.nodes[noise.args[1].0 as usize].domain,
                    );
                    let most = d.1.hi - d.0.lo + 1.0;
                    if !(1.0..=10_000.0).contains(&most) {
                        return Err(
                            cannot(format!("`{}` has too many outcomes", noise.name)).at(noise.span, "uniform_int")
                        );
                    }
                    let dag = &mut self.unroll.dag;
                    let value = dag.add(a, j);
                    let inside = dag.binary(B::Le, value, b);
                    let width = dag.sub(b, a);
                    let one = dag.constant(1.0);
                    let n = dag.add(width, one);
                    let p = dag.div(one, fault!("chance.range_short", width, n));
                    let zero = dag.constant(0.0);
                    (value, most as usize, dag.select(inside, p, zero))
                }
                _ => {
                    let mut vs = Vec::new();
                    let mut ps = Vec::new();
                    for (v, p) in &noise.outcomes {
                        vs.push(element(self, *v, e)?);
                        ps.push(element(self, *p, e)?);
                    }
                    let pick = |dag: &mut Dag, xs: &[Id]| {
                        let mut out = xs[xs.len() - 1];
                        for (i, x) in xs.iter().enumerate().rev().skip(1) {
                            let limit = dag.constant(i as f64 + 1.0);
                            let before = dag.binary(B::Lt, j, limit);
                            out = dag.select(before, *x, out);
                        }
                        out
                    };
                    let dag = &mut self.unroll.dag;
                    let value = pick(dag, &vs);
                    (value, vs.len(), fault!("chance.first_outcome", ps[0], pick(dag, &ps)))
                }
            };
            values.push(value);
            let k = to_base[e];
            // One draw has one distribution: elements that share it cannot have chances of their own.
            if first[k].is_some_and(|w| w != weight) {
                return Err(cannot(format!("`{}` is one draw with several chances", noise.name))
                    .at(noise.span, "each element has a chance of its own")
                    .hint("declare one draw an element, with the set in brackets behind its name, as in `noise e[good] ~ ..`"));
            }
            first[k] = Some(weight);
            if out[k].is_none() {
                // Weights that are numbers at every outcome stay outside the programs.
                let mut numbers = Vec::new();
                for i in 0..count {
                    let c = self.unroll.dag.constant(i as f64);
                    let map = std::collections::HashMap::from([(j, c)]);
                    let w = self.unroll.dag.substitute(&[weight], &map)[0];
                    numbers.push(self.unroll.dag.as_const(w));
                }
                let fixed: Option<Vec<f64>> = numbers.into_iter().collect();
                out[k] = Some(Quadrature {
                    input: j,
                    nodes: (0..count).map(|i| i as f64).collect(),
                    weights: fixed.clone().unwrap_or_else(|| vec![1.0; count]),
                    moving: if fixed.is_some() {
                        None
                    } else {
                        Some(fault!(
                            "chance.constant",
                            self.unroll.dag.constant(1.0 / count as f64),
                            weight
                        ))
                    },
                    noise: Some(number),
                    continuous: None,
                    cells: None,
                });
            }
        }
        self.unroll.replace(noise.node, values);
        Ok(out.into_iter().flatten().take(n).collect())
    }

    fn mean_noise(&mut self, noise: &crate::check::model::Noise) -> Result<(), Diagnostic> {
        let arg = |b: &mut Self, i: usize| b.unrolled(noise.args[i]);
        let n = self.elements(noise.node);
        let wide = |ids: Vec<Id>| -> Vec<Id> { (0..n).map(|e| ids[e.min(ids.len() - 1)]).collect() };
        let ids = match noise.family {
            Family::Normal | Family::Bernoulli | Family::Exponential => {
                let m = arg(self, 0)?;
                wide(m)
            }
            Family::Uniform | Family::UniformInt => {
                let (a, b) = (wide(arg(self, 0)?), wide(arg(self, 1)?));
                let half = self.unroll.dag.constant(0.5);
                a.into_iter()
                    .zip(b)
                    .map(|(x, y)| {
                        let s = self.unroll.dag.add(x, y);
                        self.unroll.dag.mul(half, s)
                    })
                    .collect()
            }
            Family::Lognormal => {
                let (m, s) = (wide(arg(self, 0)?), wide(arg(self, 1)?));
                let half = self.unroll.dag.constant(0.5);
                m.into_iter()
                    .zip(s)
                    .map(|(m, s)| {
                        let v = self.unroll.dag.mul(s, s);
                        let v = self.unroll.dag.mul(half, v);
                        let x = self.unroll.dag.add(m, v);
                        self.unroll.dag.unary(crate::graph::Unary::Exp, x)
                    })
                    .collect()
            }
            Family::Gumbel => {
                let scale = wide(arg(self, 0)?);
                let g = self.unroll.dag.constant(0.577_215_664_901_532_9);
                scale.into_iter().map(|s| self.unroll.dag.mul(g, s)).collect()
            }
            Family::Discrete => {
                let mut total = vec![self.unroll.dag.constant(0.0); n];
                for (v, p) in &noise.outcomes {
                    let (v, p) = (wide(self.unrolled(*v)?), wide(self.unrolled(*p)?));
                    for e in 0..n {
                        let t = self.unroll.dag.mul(v[e], p[e]);
                        total[e] = self.unroll.dag.add(total[e], t);
                    }
                }
                total
            }
        };
        self.unroll.replace(noise.node, ids);
        Ok(())
    }

    /// The product of the quadratures kept: what the inputs carry (`[joint node][noise]`), the fixed weights (one per joint node), and
    /// what multiplies them.
    #[allow(clippy::type_complexity)]
    pub(super) fn joint_noise(
        &mut self,
        all: &[Quadrature],
        kept: &[usize],
    ) -> Result<(Vec<Vec<f64>>, Vec<f64>, Option<Id>), Diagnostic> {
        let total: f64 = kept.iter().map(|k| all[*k].rows().len() as f64).product();
        if total > 200_000.0 {
            let size = if total < 1e9 {
                format!("{total}")
            } else {
                format!("{total:.1e}")
            };
            return Err(Diagnostic::error(
                "E0904",
                format!("{} noises need {size} quadrature nodes together", kept.len()),
            )
            .hint("use fewer nodes: quadrature.e = 3, or replace noises that enter linearly by their means"));
        }
        let mut nodes: Vec<Vec<f64>> = vec![Vec::new()];
        let mut weights = vec![1.0];
        let mut moving: Option<Id> = None;
        for k in kept {
            let q = &all[*k];
            let (mut next, mut w): (Vec<Vec<f64>>, Vec<f64>) = (Vec::new(), Vec::new());
            let rows = q.rows();
            for (head, p) in nodes.iter().zip(&weights) {
                for (x, y) in &rows {
                    next.push([head.as_slice(), x].concat());
                    w.push(
                        p * fault!(
                            "quadrature.reversed",
                            q.weights[q.weights.len() - 1 - w.len() % q.weights.len()],
                            *y
                        ),
                    );
                }
            }
            nodes = next;
            weights = w;
            if let Some(m) = q.moving {
                moving = Some(match moving {
                    None => m,
                    Some(x) => self.unroll.dag.mul(x, m),
                });
            }
        }
        Ok((nodes, weights, moving))
    }
}
