//! Generalised impulse responses, and shares of variance.
//!
//! Koop, Pesaran and Potter (1996), equation 3: the response to an impulse is the mean over histories of a path with the impulse less the
//! path without it, both with the same draws. A history is where a world stands in the period before; the impulse is added to what is drawn for
//! the next one, which is period 0. Where everything is linear all histories respond alike; the band shows how far they differ.
//! The standard error is that of the mean over histories.

use super::behaviour::Actor;
use super::cast::{Behaviour, Cast};
use super::impulses::{Asked, Begin, labels};
use super::simulate::watched;
use super::worlds::impulse::{Impulse, middle};
use super::worlds::{Counts, Worlds};
use crate::check::model::Model;
use crate::diag::Diagnostic;
use crate::graph::NodeId;
use crate::limits;
use crate::num::statistics::{self, Running};

/// What is asked.
#[derive(Clone, Debug)]
pub struct ResponseOptions {
    /// The impulses, one response each.
    pub impulses: Vec<Asked>,
    /// Where histories stand in the period before.
    pub begin: Begin,
    /// Periods of a response.
    pub periods: usize,
    /// Number of histories.
    pub histories: usize,
    /// Periods before histories count as drawn from the ergodic distribution.
    pub burn_in: usize,
    /// Share of histories inside the band, in (0, 1).
    pub band: f64,
    /// Whether shares of variance are wanted.
    pub variance: bool,
    /// Seed.
    pub seed: u64,
    /// Play the likeliest choice where a policy mixes.
    pub greedy: bool,
}

/// Responses to all impulses.
#[derive(Clone, Debug)]
pub struct Responses {
    /// One entry per impulse, in order.
    pub shocks: Vec<Shaken>,
    /// Shares of variance, where wanted.
    pub variance: Option<Variance>,
    /// What was counted on the way.
    pub counts: Counts,
}

/// The responses to one impulse.
#[derive(Clone, Debug)]
pub struct Shaken {
    /// The impulse.
    pub asked: Asked,
    /// One entry per quantity.
    pub paths: Vec<Path>,
    /// Histories whose episode ended before the last period; they count up to there.
    pub ended: usize,
}

/// The response of one quantity: one number per period in each list, NaN where no history is left.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Its name; of a population `mean(NAME)`.
    pub name: String,
    /// Mean path without the impulse.
    pub base: Vec<f64>,
    /// Mean response, in units of the quantity.
    pub mean: Vec<f64>,
    /// Standard error of `mean` over histories.
    pub error: Vec<f64>,
    /// Lower end of the band over histories.
    pub low: Vec<f64>,
    /// Upper end.
    pub high: Vec<f64>,
    /// Mean response in per cent of the mean path without the impulse; none where that path is not of one sign.
    pub percent: Vec<Option<f64>>,
}

/// How much of what varies each shock makes vary, found by simulations in which the others stand still.
#[derive(Clone, Debug)]
pub struct Variance {
    /// The shocks, in order of declaration.
    pub shocks: Vec<String>,
    /// One entry per quantity that varies.
    pub rows: Vec<VarianceRow>,
    /// Periods in each world.
    pub periods: usize,
}

/// The shares of one quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct VarianceRow {
    /// Its name.
    pub name: String,
    /// Standard deviation with all shocks.
    pub sd: f64,
    /// Variance with one shock alone as a share of the variance with all, one entry per shock.
    pub alone: Vec<f64>,
    /// The same without any: noises, signals and draws of members.
    pub rest: f64,
}

/// Most elements of a vector shown one by one; of larger ones the mean is.
const SHOWN: usize = 8;
/// Periods of each world over which variances are taken.
const VARIANCE_PERIODS: usize = 200;

/// A quantity: which output of a period it is, and which element of it.
struct Quantity {
    name: String,
    output: usize,
    element: Option<usize>,
}

fn quantities(model: &Model) -> (Vec<Quantity>, Vec<NodeId>) {
    let watched = watched(model);
    let mut out = Vec::new();
    for (output, (name, node)) in watched.iter().enumerate() {
        let shape = &model.graph.nodes[node.0 as usize].shape;
        let size = model.graph.elements(shape);
        if size > SHOWN {
            out.push(Quantity {
                name: format!("mean({name})"),
                output,
                element: None,
            });
            continue;
        }
        for e in 0..size {
            let label = match size {
                1 => String::new(),
                _ => format!("[{}]", labels(model, shape, e)),
            };
            out.push(Quantity {
                name: format!("{name}{label}"),
                output,
                element: Some(e),
            });
        }
    }
    (out, watched.into_iter().map(|w| w.1).collect())
}

impl Quantity {
    /// Its value in world `w` of `n`.
    fn read(&self, watched: &[Vec<f64>], w: usize, n: usize) -> f64 {
        let values = &watched[self.output];
        match self.element {
            Some(e) => values[e * n + w],
            None => {
                let size = values.len() / n;
                (0..size).map(|e| values[e * n + w]).sum::<f64>() / size as f64
            }
        }
    }
}

/// Worlds with those who play in them.
struct Stage {
    worlds: Worlds,
    actor: Actor,
    stages: usize,
}

impl Stage {
    fn new(model: &Model, cast: &Cast, options: &ResponseOptions, nodes: &[NodeId]) -> Result<Stage, Diagnostic> {
        let worlds = Worlds::new(model, None, options.histories, options.seed, nodes)?;
        let mut actor = Actor::new(&worlds, cast)?;
        actor.greedy = options.greedy;
        Ok(Stage {
            worlds,
            actor,
            stages: model.stages.len().max(1),
        })
    }

    /// One period: what is watched, and whether each world's episode ended (and began again).
    fn pass(&mut self) -> Result<(Vec<Vec<f64>>, Vec<bool>), Diagnostic> {
        let mut bounds = Vec::new();
        for stage in 0..self.stages {
            bounds.extend(self.actor.act(&mut self.worlds, stage)?);
        }
        let outcome = self.worlds.step(&bounds)?;
        if outcome.ended.iter().any(|e| *e) {
            self.worlds.restart(&outcome.ended)?;
        }
        self.actor.forget(&self.worlds, &outcome);
        Ok((outcome.watched, outcome.ended))
    }

    /// Leads every world to where its history stands.
    fn begin(&mut self, options: &ResponseOptions, progress: &mut Progress) -> Result<(), Diagnostic> {
        let model = self.worlds.model.clone();
        let means_wanted = matches!(options.begin, Begin::Mean | Begin::At(_));
        if options.begin == Begin::Start {
            return Ok(());
        }
        let mut sums: Vec<Vec<f64>> = model
            .states
            .iter()
            .map(|s| vec![0.0; self.worlds.frame[s.input.0 as usize].len()])
            .collect();
        let mut counted = 0.0;
        for t in 0..options.burn_in {
            progress.one()?;
            self.pass()?;
            if means_wanted && 2 * t >= options.burn_in {
                counted += 1.0;
                for (sum, s) in sums.iter_mut().zip(&model.states) {
                    let now = &self.worlds.frame[s.input.0 as usize];
                    sum.iter_mut().zip(now).for_each(|(a, x)| *a += x);
                }
            }
        }
        if means_wanted {
            self.at_means(&sums, counted);
        }
        if let Begin::At(places) = &options.begin {
            for p in places {
                (0..self.worlds.worlds()).for_each(|w| p.put(&mut self.worlds, w));
            }
        }
        Ok(())
    }

    /// Puts states to their means over worlds and periods, shocks to those of their laws. Members of large populations stay where each
    /// history has them: a population at its mean would be another one.
    fn at_means(&mut self, sums: &[Vec<f64>], counted: f64) {
        let model = self.worlds.model.clone();
        let n = self.worlds.worlds();
        for (i, (s, sum)) in model.states.iter().zip(sums).enumerate() {
            if sum.len() / n > SHOWN {
                continue;
            }
            for (e, x) in sum.chunks(n).enumerate().filter(|_| counted > 0.0) {
                let mean = x.iter().sum::<f64>() / (counted * n as f64);
                let whole = s.domain.integer || !s.labels.is_empty();
                let mean = if whole { mean.round() } else { mean };
                (0..n).for_each(|w| self.worlds.set_state(i, e, w, mean));
            }
        }
        for (i, s) in model.shocks.iter().enumerate() {
            let elements = model.graph.elements(&s.shape);
            if elements <= SHOWN {
                (0..elements).for_each(|e| (0..n).for_each(|w| self.worlds.set_shock(i, e, w, middle(s))));
            }
        }
    }

    /// Lets the periods pass: one number per quantity, period and world, `[quantity][t * n + w]`, and the period in which each world ended.
    fn path(
        &mut self,
        impulse: Option<Impulse>,
        options: &ResponseOptions,
        quantities: &[Quantity],
        progress: &mut Progress,
    ) -> Result<Paths, Diagnostic> {
        let n = options.histories;
        let mut ended = vec![usize::MAX; n];
        let mut values = vec![Vec::with_capacity(n * options.periods); quantities.len()];
        if let Some(impulse) = impulse {
            self.worlds.push_next(impulse);
        }
        let (_, over) = self.pass()?;
        let mut mark = |over: &[bool], t: usize| {
            for (e, _) in ended.iter_mut().zip(over).filter(|(_, o)| **o) {
                *e = (*e).min(t);
            }
        };
        mark(&over, 0);
        for t in 0..options.periods {
            progress.one()?;
            let (watched, over) = self.pass()?;
            for (own, q) in values.iter_mut().zip(quantities) {
                own.extend((0..n).map(|w| q.read(&watched, w, n)));
            }
            mark(&over, t + 1);
        }
        Ok(Paths { values, ended })
    }
}

struct Paths {
    values: Vec<Vec<f64>>,
    ended: Vec<usize>,
}

/// Counts periods, and stops where that is wanted.
struct Progress<'a> {
    done: usize,
    of: usize,
    say: &'a mut dyn FnMut(usize, usize) -> bool,
}

impl Progress<'_> {
    fn one(&mut self) -> Result<(), Diagnostic> {
        if !(self.say)(self.done.min(self.of), self.of) {
            return Err(Diagnostic::error("E0906", "the responses were stopped"));
        }
        self.done += 1;
        Ok(())
    }
}

/// Responses to impulses. `progress(done, of)` is called before every period; `false` stops the work.
///
/// # Errors
/// E0906 if `progress` stopped it; those of [`Worlds::new`], [`Actor::new`], [`Actor::act`] and [`Worlds::step`]; the error of
/// `limits::fits` where the paths do not fit into memory.
pub fn responses(
    model: &Model,
    cast: &Cast,
    options: &ResponseOptions,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Responses, Diagnostic> {
    let (quantities, nodes) = quantities(model);
    let (n, periods) = (options.histories, options.periods);
    let bytes = 8.0 * 3.0 * n as f64 * periods as f64 * quantities.len() as f64;
    limits::fits(bytes, "the paths of all histories", "fewer --histories or --periods")?;
    let remembers = cast
        .all()
        .any(|b| matches!(b, Behaviour::Learned { policy, .. } if policy.remembers()));
    let runs = 1 + options.impulses.len();
    let simulated = if options.variance { model.shocks.len() + 2 } else { 0 };
    let begins = if remembers { runs } else { 1 };
    let mut progress = Progress {
        done: 0,
        of: begins * options.burn_in + runs * periods + simulated * (options.burn_in + VARIANCE_PERIODS),
        say: progress,
    };
    let stood = |progress: &mut Progress| -> Result<Stage, Diagnostic> {
        let mut stage = Stage::new(model, cast, options, &nodes)?;
        stage.begin(options, progress)?;
        Ok(stage)
    };
    let mut stage = stood(&mut progress)?;
    let saved = stage.worlds.save();
    let base = stage.path(None, options, &quantities, &mut progress)?;
    let mut shocks = Vec::new();
    for asked in &options.impulses {
        if remembers {
            // A memory cannot be put back: the same lives are led again.
            stage = stood(&mut progress)?;
        } else {
            stage
                .worlds
                .load(&saved)
                .map_err(|why| Diagnostic::error("E0990", why))?;
        }
        let moved = stage.path(Some(asked.impulse), options, &quantities, &mut progress)?;
        shocks.push(shaken(asked, &quantities, &base, &moved, options));
    }
    let counts = stage.worlds.counts.clone();
    let variance = match options.variance {
        true => Some(variance(model, cast, options, (&quantities, &nodes), &mut progress)?),
        false => None,
    };
    Ok(Responses {
        shocks,
        variance,
        counts,
    })
}

/// Sums up the difference of two sets of paths.
fn shaken(asked: &Asked, quantities: &[Quantity], base: &Paths, moved: &Paths, options: &ResponseOptions) -> Shaken {
    let n = options.histories;
    let over: Vec<usize> = base.ended.iter().zip(&moved.ended).map(|(a, b)| *a.min(b)).collect();
    let paths = quantities
        .iter()
        .enumerate()
        .map(|(k, q)| {
            let mut out = Path {
                name: q.name.clone(),
                base: Vec::new(),
                mean: Vec::new(),
                error: Vec::new(),
                low: Vec::new(),
                high: Vec::new(),
                percent: Vec::new(),
            };
            for t in 0..options.periods {
                limits::poll();
                let left = (0..n).filter(|w| over[*w] > t).map(|w| t * n + w);
                let (own, others): (Vec<f64>, Vec<f64>) = left.map(|i| (base.values[k][i], moved.values[k][i])).unzip();
                let mut gaps: Vec<f64> = own.iter().zip(&others).map(|(a, b)| b - a).collect();
                let mean = statistics::mean(&gaps);
                let level = statistics::mean(&own);
                let one_sign = own.iter().all(|x| *x > 0.0) || own.iter().all(|x| *x < 0.0);
                out.error.push(statistics::sd(&gaps) / (gaps.len() as f64).sqrt());
                gaps.sort_by(f64::total_cmp);
                out.base.push(level);
                out.mean.push(mean);
                out.low
                    .push(statistics::quantile_sorted(&gaps, 0.5 * (1.0 - options.band)));
                out.high
                    .push(statistics::quantile_sorted(&gaps, 0.5 * (1.0 + options.band)));
                out.percent
                    .push((one_sign && !own.is_empty()).then(|| 100.0 * mean / level.abs()));
            }
            out
        })
        .collect();
    Shaken {
        asked: asked.clone(),
        paths,
        ended: over.iter().filter(|t| **t < options.periods).count(),
    }
}

/// Variances with all shocks, with each alone, and with none.
fn variance(
    model: &Model,
    cast: &Cast,
    options: &ResponseOptions,
    (quantities, nodes): (&[Quantity], &[NodeId]),
    progress: &mut Progress,
) -> Result<Variance, Diagnostic> {
    let n = options.histories;
    let count = model.shocks.len();
    // All move; each moves alone; none moves.
    let mut cases: Vec<Vec<bool>> = vec![vec![false; count]];
    cases.extend((0..count).map(|k| (0..count).map(|i| i != k).collect()));
    cases.push(vec![true; count]);
    let mut found: Vec<Vec<Running>> = Vec::new();
    for held in &cases {
        let mut stage = Stage::new(model, cast, options, nodes)?;
        stage.worlds.hold(held)?;
        for _ in 0..options.burn_in {
            progress.one()?;
            stage.pass()?;
        }
        let mut sums = vec![Running::default(); quantities.len()];
        for _ in 0..VARIANCE_PERIODS {
            progress.one()?;
            let (watched, _) = stage.pass()?;
            for (sum, q) in sums.iter_mut().zip(quantities) {
                (0..n).for_each(|w| sum.push(q.read(&watched, w, n)));
            }
        }
        found.push(sums);
    }
    let rows = quantities
        .iter()
        .enumerate()
        .filter_map(|(k, q)| {
            let all = found[0][k].sd();
            let share = |case: usize| (found[case][k].sd() / all).powi(2);
            // What moves by rounding alone does not vary.
            (all > 1e-12 * found[0][k].mean().abs()).then(|| VarianceRow {
                name: q.name.clone(),
                sd: all,
                alone: (1..=count).map(share).collect(),
                rest: share(count + 1),
            })
        })
        .collect();
    Ok(Variance {
        shocks: model.shocks.iter().map(|s| s.name.clone()).collect(),
        rows,
        periods: VARIANCE_PERIODS,
    })
}
