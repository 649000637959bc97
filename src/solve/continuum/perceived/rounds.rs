//! The rounds from law to law.

use super::budget::Places;
use super::household::{Household, Moments};
use super::law::{Fit, Law, RARELY};
use super::market::Market;
use super::member::{self, Member};
use super::moments::Refusal;
use super::path::{Crowd, Seen, Weather};
use super::{Asked, MOMENT_NODES, refused};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::num::anderson::Anderson;
use crate::num::grid;
use crate::num::statistics;
use crate::solve::decision::{Decision, ProblemOptions};
use crate::solve::problem::{DecisionProblem, StateKind};
use crate::solve::progress::{Control, Progress, Watch};

/// Periods of early paths, and the change of a law from which on they are whole.
const SHORT: usize = 1500;
const WHOLE: f64 = 3e-4;
/// Policies are exact to this share of the law's last change, from one bound to the other.
const SHARE: f64 = 0.01;
pub(super) const EXACT: (f64, f64) = (1e-8, 1e-3);
/// Most sweeps of a round, and of the last.
const SWEEPS: usize = 400;
pub(super) const LAST_SWEEPS: usize = 4000;
/// First nodes of the moment, as shares of where it starts; margins beyond where it goes.
const WIDE: (f64, f64) = (0.75, 1.3);
const MARGIN: f64 = 0.05;
/// The change of a law from which on the nodes of the moment are laid around where it goes.
const SETTLED: f64 = 3e-3;
/// First upper end of the nodes of the state, where none is known: so many times its first value.
const HIGH: f64 = 10.0;
/// Least distance of that first value from the lowest one, a share of the lowest one's size.
const LEAST_ROOM: f64 = 1e-3;
/// Upper end of the nodes of the state, where a market clears: so many times as far from the lowest one as members go.
const ROOM: f64 = 1.5;
/// Margins of the nodes of a price beyond where it goes: shares of how far it goes, and of the price.
const PRICE_MARGIN: (f64, f64) = (0.75, 2e-4);
/// Rounds of which the law of a price is a mixture, and the least unit of its price.
const MIXED: usize = 6;
const LEAST_UNIT: f64 = 1e-4;
/// Rounds with periods that no price clears after which the search ends.
const UNCLEAR: usize = 8;
/// How often nodes of the moment or of the state are laid wider.
const WIDENINGS: usize = 12;
/// Mass at the highest node above which nodes of the state are laid wider.
const TOP: f64 = 1e-9;
/// The same while the law is still far off.
const MANY: f64 = 1e-3;
/// The mass there that is too much.
const PILED: f64 = 1e-6;
/// The change of a law below which nodes are looked at.
const NEAR: f64 = 0.05;
/// A change of the law beyond which it has run away.
const AWAY: f64 = 5.0;

/// The search for a law.
pub(super) struct LawSearch<'m> {
    pub(super) model: &'m Model,
    pub(super) member: Member,
    pub(super) asked: Asked,
    law: Law,
    /// Ends of the nodes of the moment.
    range: (f64, f64),
    /// Upper end of the nodes of the state, where it is laid wider than usual.
    top: Option<f64>,
    moved: f64,
    widenings: usize,
    /// Whether the nodes of the moment lie where they are to stay.
    around: bool,
    /// What nodes that are laid anew begin with.
    carried: Option<Carried>,
    /// The change of the law of each round, a share of the moment.
    pub(super) history: Vec<f64>,
    /// The last rounds one after the other in which periods had no price that clears.
    unclear: usize,
    /// The last laws of a price, and what counts as a unit of them: the usual price as the law knows it, and its standard deviation.
    mixing: Anderson,
    unit: Option<(f64, f64)>,
}

/// Policies and members on the nodes of before.
struct Carried {
    nodes: Vec<f64>,
    moments: Moments,
    consumption: Vec<f64>,
    members: Option<Vec<Vec<f64>>>,
}

/// A law with what came of it.
pub(super) struct Settled<'a> {
    pub(super) problem: &'a Decision,
    pub(super) household: Household<'a>,
    pub(super) crowd: Crowd,
    pub(super) seen: Seen,
    pub(super) weather: Weather,
    pub(super) fit: Fit,
    pub(super) law: Law,
    pub(super) moved: f64,
}

impl<'m> LawSearch<'m> {
    pub(super) fn new(model: &'m Model, member: Member, asked: Asked) -> LawSearch<'m> {
        let moment = &member.moments[0];
        let law = match moment.price {
            None => Law::stays(&moment.name, moment.logs, member.labels()),
            Some(_) => Law {
                flat: asked.by_history,
                coarser: member.coarser.clone(),
                ..Law::price_stays(&moment.name, moment.logs, &member.labels())
            },
        };
        let start = moment.start;
        let size = start.abs().max(1e-3);
        let open = !member.model.states[member.state].domain.hi.is_finite();
        let mut top = (open && member.first() > 0.0 && !said_ends(&member)).then(|| HIGH * member.first());
        if open && moment.price.is_some() && !said_ends(&member) {
            // Beside a market that clears first values lie anywhere above the lowest one.
            let low = member.model.states[member.state].domain.lo;
            top = Some(low + HIGH * (member.first() - low).max(LEAST_ROOM * (1.0 + low.abs())));
        }
        let range = match (moment.price, moment.logs) {
            (Some(range), _) => range,
            (None, true) => (WIDE.0 * size, WIDE.1 * size),
            (None, false) => (start - (1.0 - WIDE.0) * size, start + (WIDE.1 - 1.0) * size),
        };
        let around = said_grid(&member.model, &moment.name);
        LawSearch {
            model,
            member,
            asked,
            law,
            range,
            top,
            moved: f64::INFINITY,
            widenings: 0,
            around,
            carried: None,
            history: Vec::new(),
            unclear: 0,
            mixing: Anderson::new(MIXED),
            unit: None,
        }
    }

    /// Looks for the law; `of` makes of it what is wanted.
    ///
    /// # Errors
    /// E0810 for a model of another form, E0811 without first values, E0991 where the law does not settle, E0938 where members pile up at the top of
    /// their grid, E0906 when stopped.
    pub(super) fn run<T>(
        &mut self,
        progress: &mut dyn Watch,
        of: impl FnOnce(&LawSearch, Settled) -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        let moment = &self.member.moments[0];
        if !moment.start.is_finite() {
            return Err(Diagnostic::error("E0811", "the members' state has no first value")
                .at(moment.span, "so that its mean has none, either")
                .hint("write where lives begin: `state k .., start 1`"));
        }
        // What the aggregate chain determines is known once the chain is.
        let (first, _) = self.problem()?;
        self.member.set_determined(&first.spec().chain).map_err(refused)?;
        loop {
            let (problem, places) = self.problem()?;
            if let Some(settled) = self.rounds_with(&problem, places, progress)? {
                return of(self, settled);
            }
        }
    }

    /// The problem of a member on the present nodes.
    pub(super) fn problem(&self) -> Result<(Decision, Places), Diagnostic> {
        let model = &self.member.model;
        let moment = &self.member.moments[0];
        let mut bounds = vec![(moment.name.clone(), self.range.0, self.range.1)];
        let own = &model.states[self.member.state];
        if let Some(top) = self.top {
            bounds.push((own.name.clone(), own.domain.lo, top));
        }
        let options = ProblemOptions {
            nodes: super::STATE_NODES,
            bounds,
            ..ProblemOptions::default()
        };
        let mut problem = Decision::new(model, &options)?;
        let find = |p: &Decision, name: &str| p.spec().states.iter().position(|s| s.name == name);
        let places = (find(&problem, &own.name), find(&problem, &moment.name));
        let (Some(state), Some(at), 2) = (places.0, places.1, problem.spec().states.len()) else {
            return Err(refused(Refusal {
                why: "what pays does not depend on the members' state and its mean".into(),
                span: Some(moment.span),
            }));
        };
        if !said_grid(model, &moment.name) {
            let (lo, hi) = self.range;
            let nodes = match moment.logs {
                true => grid::log(lo, hi, MOMENT_NODES),
                false => grid::uniform(lo, hi, MOMENT_NODES),
            };
            let nodes = nodes.map_err(|e| Diagnostic::error("E0408", format!("the grid of `{}`: {e}", moment.name)))?;
            problem.spec_mut().states[at].kind = StateKind::Continuous {
                grid: nodes,
                log: moment.logs,
            };
        }
        Ok((problem, Places { state, moment: at }))
    }

    /// Rounds on the present nodes; `None` where nodes have to be laid anew.
    fn rounds_with<'a>(
        &mut self,
        problem: &'a Decision,
        places: Places,
        progress: &mut dyn Watch,
    ) -> Result<Option<Settled<'a>>, Diagnostic> {
        let spec = problem.spec();
        let split = self.member.split(&spec.chain).unwrap_or_default();
        let states = self.member.states();
        let (aggregate, own) = member::chances(&spec.chain, &split, states);
        let steps = self.law.steps;
        let never = |line: usize| steps > 0 && aggregate[line / steps][line % steps] == 0.0;
        // Steps that are never taken have no name.
        let lines = self.law.labels.iter_mut().enumerate();
        lines.filter(|(line, _)| never(*line)).for_each(|(_, l)| l.clear());
        let shares = member::shares(&spec.chain, &split, states);
        let weather = Weather::drawn(&aggregate, self.asked.periods, self.asked.seed);
        let nodes = Moments::new(&nodes_of(problem, places.moment), self.member.moments[0].logs);
        let of_joint: Vec<usize> = split.iter().map(|s| s.0).collect();
        if let Some(span) = self.member.required() {
            return Err(refused(Refusal {
                why: "a `require` stands beside the bounds of the action".into(),
                span: Some(span),
            })
            .hint("say it as a bound of the action, `action c in (0, cash]`; any model can be simulated and trained"));
        }
        let priced = self.member.moments[0].price.is_some();
        let household = Household::new(problem, places, nodes, of_joint, priced);
        let mut household = household.map_err(|why| self.other_form(why))?;
        let market = priced.then(|| Market::new(problem, places, &self.member, &household.moments));
        let market = market.transpose().map_err(refused)?;
        let ends = (household.nodes[0], household.nodes[household.nodes.len() - 1]);
        let fine = grid::double_log(ends.0, ends.1, self.asked.nodes)
            .map_err(|e| Diagnostic::error("E0408", format!("the nodes of the distribution: {e}")))?;
        let of = match priced {
            true => Vec::new(),
            false => self.member.integrand(0, &fine, &spec.chain),
        };
        let start = (self.member.first(), shares[weather.states[0]].as_slice());
        let mut crowd = Crowd::new(fine, &split, own, of, start);
        if let Some(before) = self.carried.take() {
            household.carry(&before.nodes, &before.moments, &before.consumption);
            // The nodes of the distribution follow from those of the state.
            if let Some(members) = before.members.filter(|_| before.nodes == household.nodes) {
                crowd.stand(&members);
            }
        }
        let burn_in = self.asked.burn_in;
        let mut was_whole = false;
        self.mixing.forget();
        loop {
            let report = Progress {
                iteration: self.history.len(),
                of: self.asked.rounds,
                error: self.moved,
                target: self.asked.tolerance,
            };
            if progress.report(report) == Control::Cancel {
                return Err(Diagnostic::error("E0906", "the solver was stopped before it converged"));
            }
            let whole = self.moved < WHOLE;
            let exact = (SHARE * self.moved).clamp(EXACT.0, EXACT.1);
            let Some(ended) = household.solve(&self.law, exact, SWEEPS) else {
                return Err(self.lost("at the moments that it leads to a member's budget is of another form"));
            };
            if !ended.moved.is_finite() {
                return Err(self.lost("what is best for a member is not a number"));
            }
            let short = SHORT.max(burn_in + super::LEAST).min(self.asked.periods);
            let walked = weather.first(if whole { self.asked.periods } else { short });
            let (policies, moments) = match &market {
                None => (household.policies(), &household.moments),
                Some(m) => (m.policies(&household), &m.prices),
            };
            let mut walking = crowd.clone();
            let seen = walking.walk(
                (&policies, &household.nodes, moments),
                market.as_ref(),
                &walked,
                burn_in,
            );
            let fit = self.law.fitted(&seen.moment, &walked.states, burn_in);
            let counted = &seen.moment[burn_in..];
            let (mean, sd) = (statistics::mean(counted), statistics::sd(counted));
            if !(mean.is_finite() && sd.is_finite()) {
                return Err(self.lost("the members' mean is not a number"));
            }
            // Most of the time the moment is between two values.
            let most = self.law.places(counted, &walked.states[burn_in..]);
            self.moved = self.law.apart_at(&fit.law, &most);
            self.history.push(self.moved);
            self.unclear = if seen.unclear.0 > 0 { self.unclear + 1 } else { 0 };
            if let (times, Some(first)) = seen.unclear
                && self.unclear >= UNCLEAR
            {
                return Err(self.never_clears(times, walked.states.len() - burn_in, first));
            }
            if self.moved < NEAR && self.wider(problem, places, &seen, burn_in)? {
                self.carried = Some(Carried {
                    nodes: household.nodes,
                    moments: household.moments,
                    consumption: household.consumption,
                    members: seen.again,
                });
                return Ok(None);
            }
            let settled = self.moved <= self.asked.tolerance && whole && self.around && self.unclear == 0;
            let rare = |line: &usize| settled && fit.met[*line] < RARELY && !never(*line);
            if let Some(z) = (0..fit.met.len()).find(rare) {
                return Err(self.unmet(z, fit.met[z]));
            }
            if fault!("perceived.loop_cut", self.history.len() == 4, settled) {
                household.solve(&self.law, EXACT.0, LAST_SWEEPS);
                return Ok(Some(Settled {
                    problem,
                    household,
                    crowd: walking,
                    seen,
                    weather: walked,
                    fit,
                    law: self.law.clone(),
                    moved: self.moved,
                }));
            }
            if self.history.len() >= self.asked.rounds || !(self.moved < AWAY) {
                return Err(self.unsettled());
            }
            if let Some(mass) = &seen.again {
                crowd.stand(mass);
            }
            if priced {
                // Another path, another question.
                if whole != was_whole {
                    self.mixing.forget();
                    was_whole = whole;
                }
                self.law = self.mixed(&fit, mean, sd);
            } else {
                self.law.towards(&fit.law, self.asked.damping);
            }
        }
    }

    /// The next law of a price, `mean` being the price and `sd` its standard deviation: a mixture of the last rounds whose changes cancel best
    /// (Anderson), since a price that is expected to be high for long is low today by several times as much, and no share of the new law is
    /// safe by itself.
    fn mixed(&mut self, fit: &Fit, mean: f64, sd: f64) -> Law {
        let unit = (self.law.seen(mean), (sd / mean.abs()).max(LEAST_UNIT));
        let unit = *self.unit.get_or_insert(unit);
        // Lines that are met often count.
        let all: usize = fit.met.iter().sum();
        let weight = |n: &usize| [(*n as f64 / all.max(1) as f64).sqrt(); 2];
        let weights: Vec<f64> = fit.met.iter().flat_map(weight).collect();
        // What a line says at the usual price, and by how much more a unit further on.
        let flat = |law: &Law| -> Vec<f64> {
            let lines = law.constant.iter().zip(&law.slope);
            lines.flat_map(|(c, s)| [c + s * unit.0, s * unit.1]).collect()
        };
        let (now, fitted) = (flat(&self.law), flat(&fit.law));
        let image: Vec<f64> = (now.iter().zip(&fitted))
            .map(|(x, y)| x + self.asked.damping * (y - x))
            .collect();
        let next = self.mixing.next(&now, &image, &weights);
        // No further than twice the way to the law that fits.
        let far = |to: &[f64]| to.iter().zip(&now).fold(0.0, |w: f64, (y, x)| w.max((y - x).abs()));
        let share = (2.0 * far(&fitted) / far(&next).max(1e-300)).min(1.0);
        let mut law = self.law.clone();
        for (line, (x, y)) in now.chunks_exact(2).zip(next.chunks_exact(2)).enumerate() {
            let at = x[0] + share * (y[0] - x[0]);
            law.slope[line] = match law.flat {
                true => 0.0,
                false => (x[1] + share * (y[1] - x[1])) / unit.1,
            };
            law.constant[line] = at - law.slope[line] * unit.0;
        }
        law
    }

    /// A market that no price of its range clears in some periods: how many of how many, and of the first the aggregate state and what is left
    /// over at both ends.
    fn never_clears(&self, times: usize, of: usize, (z, low, high): (usize, f64, f64)) -> Diagnostic {
        let moment = &self.member.moments[0];
        let (from, to) = moment.price.unwrap_or((f64::NAN, f64::NAN));
        let short = moment.name.rsplit('.').next().unwrap_or(&moment.name);
        let (shocks, state) = (self.member.shared().join(", "), self.member.labels().swap_remove(z));
        let (word, wider) = match low > 0.0 {
            true => ("demand is larger than supply at all of them", (from, to + (to - from))),
            false => ("supply is larger than demand at all of them", (from - (to - from), to)),
        };
        Diagnostic::error(
            "E0843",
            format!("no price between {from} and {to} clears the market of `{}`", moment.name),
        )
        .at(moment.span, word)
        .note(format!(
            "in {times} of {of} periods; where {shocks} = {state}, demand less supply is {low:.3e} at {from} and {high:.3e} at {to}"
        ))
        .hint(format!(
            "let it go further, `price {short} in [{}, {}]`; where it never clears, nobody is left to take the other side",
            shorter(wider.0),
            shorter(wider.1)
        ))
    }

    /// A state of the aggregate chain that the path meets too rarely for a law of its own.
    fn unmet(&self, z: usize, times: usize) -> Diagnostic {
        let shocks = self.member.shared().join(", ");
        if self.law.steps > 0 {
            return Diagnostic::error(
                "E0991",
                "no law of motion was found: a step of the aggregate chain is hardly ever met",
            )
            .note(format!(
                "{} of {shocks} is met in {times} of the periods counted; a line of its own takes {RARELY}",
                self.law.labels[z]
            ))
            .hint(format!(
                "a longer path, `solve {{ law.periods = {} }}`",
                10 * self.asked.periods
            ));
        }
        Diagnostic::error(
            "E0991",
            "no law of motion was found: a state of the aggregate chain is hardly ever met",
        )
        .note(format!(
            "joint state {} of {shocks} is met in {times} of the periods counted; a law of its own takes {RARELY}",
            z + 1
        ))
        .hint(format!(
            "a longer path, `solve {{ law.periods = {} }}`; a state that is never entered, or never left, has to go",
            10 * self.asked.periods
        ))
    }

    /// Whether nodes have to be laid anew: where the moment or the members leave them, and once to lie around where the moment goes.
    ///
    /// # Errors
    /// E0938.
    fn wider(&mut self, problem: &Decision, places: Places, seen: &Seen, burn_in: usize) -> Result<bool, Diagnostic> {
        let bounds = |path: &[f64]| {
            path.iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |r: (f64, f64), m| {
                    (r.0.min(*m), r.1.max(*m))
                })
        };
        // Members begin anywhere, and a price that clears at once goes where it usually is as soon as they have spread.
        let price = self.member.moments[0].price;
        let all = bounds(match price {
            Some(_) => &seen.moment[burn_in..],
            None => &seen.moment,
        });
        let nodes = nodes_of(problem, places.moment);
        let ends = (nodes[0], nodes[nodes.len() - 1]);
        let free = !said_grid(&self.member.model, &self.member.moments[0].name);
        let logs = self.member.moments[0].logs;
        let beyond = |(lo, hi): (f64, f64)| match logs {
            _ if price.is_some() => {
                let by = PRICE_MARGIN.0 * (hi - lo) + PRICE_MARGIN.1 * hi.abs().max(lo.abs());
                let (low, high) = price.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
                ((lo - by).max(low), (hi + by).min(high))
            }
            true => (lo * (1.0 - MARGIN), hi * (1.0 + MARGIN)),
            // A mean that keeps its sign is not looked at beyond zero, where prices need not be numbers.
            false => {
                let by = 0.25 * (hi - lo) + MARGIN * hi.abs().max(lo.abs());
                let below = if lo > 0.0 { (lo - by).max(0.5 * lo) } else { lo - by };
                (below, if hi < 0.0 { (hi + by).min(0.5 * hi) } else { hi + by })
            }
        };
        let whole = price.is_some_and(|p| ends.0 <= p.0 && ends.1 >= p.1);
        if free && !whole && (all.0 <= ends.0 || all.1 >= ends.1) && self.widenings < WIDENINGS {
            let wide = beyond(all);
            self.range = (wide.0.min(ends.0), wide.1.max(ends.1));
            self.widenings += 1;
            return Ok(true);
        }
        let open = problem
            .open_ends
            .iter()
            .any(|(s, _, upper)| *s == places.state && *upper);
        if seen.unclear.0 > 0 {
            return Ok(false);
        }
        if (seen.top > MANY || seen.top > TOP && self.moved < SETTLED) && open && self.widenings < WIDENINGS {
            let nodes = nodes_of(problem, places.state);
            self.top = Some(nodes[0] + 2.0 * (nodes[nodes.len() - 1] - nodes[0]));
            self.widenings += 1;
            return Ok(true);
        }
        if seen.top > PILED && self.moved < SETTLED {
            return Err(self.piled(seen.top, problem, places));
        }
        let near = if price.is_some() { WHOLE } else { SETTLED };
        if !self.around && self.moved < near {
            let usual = beyond(bounds(&seen.moment[burn_in..]));
            // Lives that judge the solution begin where the file says; with a price, where that usually is.
            let start = beyond((self.member.moments[0].start, self.member.moments[0].start));
            self.range = match price {
                Some(_) => usual,
                None => (usual.0.min(start.0), usual.1.max(start.1)),
            };
            if price.is_some() && open && self.top.is_some() {
                // Members who trade with one another stand where little is known beforehand.
                let nodes = nodes_of(problem, places.state);
                let (low, high) = (nodes[0], nodes[nodes.len() - 1]);
                self.top = Some((low + ROOM * (seen.highest - low)).min(high));
            }
            self.around = true;
            return Ok(true);
        }
        Ok(false)
    }

    fn other_form(&self, why: &str) -> Diagnostic {
        let span = Some(self.member.model.agents[self.member.agent].span);
        refused(Refusal { why: why.into(), span })
            .hint("members with one state, one action, a budget without kinks and `log(c)` or `crra(c, mu)` are solved; any model can be simulated and trained")
    }

    fn lost(&self, what: &str) -> Diagnostic {
        Diagnostic::error("E0991", format!("no law of motion was found: {what}"))
            .at(self.member.moments[0].span, "its law")
            .note(format!("in round {}", self.history.len() + 1))
            .hint("solve { damping = 0.2 } goes more slowly; a first value nearer to where the economy rests helps")
    }

    fn unsettled(&self) -> Diagnostic {
        Diagnostic::error(
            "E0991",
            format!("no law of motion was found: after {} rounds it still moves by {:.1e}", self.history.len(), self.moved),
        )
        .at(self.member.moments[0].span, "its law")
        .note(format!("largest change of what it forecasts, a share of the moment; {:.0e} was asked for", self.asked.tolerance))
        .hint("solve { damping = 0.2 } goes more slowly and does not cycle; more `iterations`; a longer path: `law.periods`")
    }

    fn piled(&self, top: f64, problem: &Decision, places: Places) -> Diagnostic {
        let own = &self.member.model.states[self.member.state];
        let nodes = nodes_of(problem, places.state);
        let short = own.name.rsplit('.').next().unwrap_or(&own.name);
        Diagnostic::error("E0938", "the distribution piles up at the top of its grid")
            .at(own.span, format!("its nodes end at {}", nodes[nodes.len() - 1]))
            .note(format!("{top:.1e} of all members are there; {PILED:.0e} is allowed"))
            .hint(format!(
                "let its grid go further: solve {{ grid.{short} = double_log({}, {}, {}) }}",
                nodes[0],
                4.0 * nodes[nodes.len() - 1],
                nodes.len()
            ))
    }
}

/// A number in few digits.
fn shorter(x: f64) -> String {
    format!("{:.6}", x)
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_string()
}

/// Whether the file says where the grid of the members' state ends.
fn said_ends(member: &Member) -> bool {
    use crate::check::model::Setting;
    let name = &member.model.states[member.state].name;
    let last = name.rsplit('.').next().unwrap_or(name);
    let settings = member.model.solve_settings();
    let said = settings.and_then(|s| {
        s.get(&format!("grid.{name}"))
            .or_else(|| s.get(&format!("grid.{last}")))
    });
    match said {
        Some(Setting::List(_)) => true,
        Some(Setting::Call(_, numbers)) => numbers.len() > 1,
        _ => false,
    }
}

/// Whether the file says what the nodes of a state are.
fn said_grid(model: &Model, name: &str) -> bool {
    let said = |name: &str| {
        model
            .solve_settings()
            .and_then(|s| s.get(&format!("grid.{name}")))
            .is_some()
    };
    said(name) || said(name.rsplit('.').next().unwrap_or(name))
}

/// The nodes of a state of a problem, one number each.
pub(super) fn nodes_of(problem: &Decision, state: usize) -> Vec<f64> {
    match &problem.spec().states[state].kind {
        StateKind::Continuous { grid, .. } => grid.clone(),
        StateKind::Integer { lo, hi } => (*lo..=*hi).map(|x| x as f64).collect(),
    }
}
