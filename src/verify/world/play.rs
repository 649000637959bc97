//! Lives simulated under the solution's policy, as `econc simulate` plays them, and the places at which they are judged.

use super::JudgeOptions;
use super::seat::SolvedSeat;
use super::streaks::Streaks;
use super::trials::{reward_of, standing};
use super::value::Value;
use super::visit::Visit;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::behaviour::Actor;
use crate::env::cast::Behaviour;
use crate::env::worlds::{Bounds, Counts, Outcome, Worlds};
use crate::solve::between::PolicyBetween;
use crate::solve::solution::Solution;
use std::sync::Arc;

/// Periods that are looked at where states are not of the problem, as many as moments are of.
const COUNTED: usize = 600;

/// What was seen.
pub struct Played {
    /// The visits, one per sampled member-period: first `by_weight` of them sampled by their weight in lifetime value, then the
    /// others evenly over time.
    pub visits: Vec<Visit>,
    /// Number of visits sampled by weight.
    pub by_weight: usize,
    /// Sum of the weights of all periods of one life.
    pub weight: f64,
    /// Value promised at the starts, mean over lives.
    pub promised: f64,
    /// Its standard error, where lives start at random.
    pub promised_error: f64,
    /// Discounted rewards of each world's first life (with the value that remains where simulation stopped) less the value
    /// promised at its start, one number per world; empty where the discount is not one number.
    pub gaps: Vec<f64>,
    /// Periods simulated in each world.
    pub periods: usize,
    /// Member-periods outside the solution's grid, and of all.
    pub outside: (u64, u64),
    /// `(lowest, highest)` value that was met, one pair per state.
    pub ranges: Vec<(f64, f64)>,
    /// `(lowest, highest)` stored value that was met, one pair for each shock of the solution.
    pub shock_ranges: Vec<(f64, f64)>,
    /// Where each state and each shock was lowest and highest: two visits for each that was met, in the order of the solution.
    pub extremes: Vec<Visit>,
    /// What the worlds counted.
    pub counts: Counts,
    /// Where streaks of rare states lead from the extremes; nothing where nobody asked.
    pub streaks: Streaks,
}

impl Played {
    /// All places that were met: the visits, then the extremes.
    pub fn met(&self) -> Vec<Visit> {
        self.visits.iter().chain(&self.extremes).cloned().collect()
    }
}

/// Periods until what remains is worth a hundredth.
fn length(model: &Model, discount: f64) -> usize {
    if let Some(h) = model.horizon {
        return (2 * h).clamp(40, 600).max(h.min(2000));
    }
    if !(discount > 0.0 && discount < 1.0) {
        return 200;
    }
    ((0.01f64.ln() / discount.ln()).ceil() as usize).clamp(60, 600)
}

/// Who plays otherwise than the solution says.
#[derive(Default)]
pub struct Apart {
    /// Actions that the solution does not choose and that are what another is: (that one, the action), numbers of the model's actions.
    pub like: Vec<(usize, usize)>,
    /// One who deviates.
    pub deviator: Option<Deviator>,
}

/// One who plays by another policy than the solution's.
pub struct Deviator {
    /// Its own policy, as that of a problem whose solution is read.
    pub policy: PolicyBetween,
    /// Its seat in that solution.
    pub seat: SolvedSeat,
}

impl Deviator {
    /// Chooses for its seat in every world, within what `bounds` allow (one pair per action of the stage: its number, bounds).
    pub(in crate::verify) fn act(&self, worlds: &mut Worlds, bounds: &[(usize, Bounds)]) {
        let n = worlds.worlds();
        for w in 0..n {
            let (states, shocks, period) = standing(worlds, &self.seat, w);
            let spot = self.policy.spot(period, &shocks, &states);
            for (k, choice) in self.seat.choices.iter().enumerate() {
                let mut x = self.policy.action(k, &spot);
                if let Some((_, Bounds::Between(lo, hi))) = bounds.iter().find(|(a, _)| *a == choice.action) {
                    let at = choice.element * n + w;
                    x = x.min(hi[at]).max(lo[at]);
                }
                worlds.choose(choice.action, choice.element, w, x);
            }
        }
    }
}

/// Which visits are kept: `(period, life, weighted)`, in order. Half of `2 keep` are taken by their weight in lifetime value, half evenly over the periods
/// from `half` on.
fn sample(
    keep: usize,
    lives: usize,
    discount: f64,
    (half, periods): (usize, usize),
    episodic: bool,
) -> Vec<(usize, usize, bool)> {
    let mut wanted: Vec<(usize, usize, bool)> = Vec::new();
    for i in 0..keep {
        let u = (i as f64 + 0.5) / keep as f64;
        // Worlds in an order without pattern.
        let world = |salt: usize| (i * 7919 + salt) % lives;
        if episodic {
            wanted.push(((u * periods as f64) as usize, world(13), true));
        } else {
            let t = if discount > 0.0 && discount < 1.0 {
                (1.0 - u * (1.0 - discount.powi(periods as i32))).ln() / discount.ln()
            } else {
                0.0
            };
            wanted.push(((t as usize).min(periods - 1), world(13), true));
        }
        wanted.push((half + (u * (periods - half) as f64) as usize, world(29), false));
    }
    wanted.sort_unstable();
    wanted
}

/// The visit of life `w` as it stands, at these states and shocks.
fn visited(
    worlds: &Worlds,
    seat: &SolvedSeat,
    (states, shocks): (&[f64], &[f64]),
    w: usize,
    weighs: &dyn Fn(usize) -> f64,
) -> Visit {
    let place = worlds.snapshot(w);
    let choices = seat.choices.iter();
    Visit {
        states: states.to_vec(),
        shocks: shocks.to_vec(),
        actions: choices
            .map(|c| place.inputs[worlds.model.actions[c.action].input.0 as usize][c.element])
            .collect(),
        weight: weighs(place.period),
        place,
    }
}

/// Adds what a period paid to each life that goes on, `weight` times, and what its end pays.
fn earn(
    model: &Model,
    seat: &SolvedSeat,
    outcome: &Outcome,
    (weight, discount): (f64, f64),
    earned: &mut [f64],
    alive: &mut [bool],
) {
    let lives = alive.len();
    for w in 0..lives {
        if !alive[w] {
            continue;
        }
        earned[w] += weight * reward_of(model, seat, &outcome.rewards, lives, w);
        let gone = seat.member.is_some_and(|m| {
            let ended = |a: &usize| outcome.member_ended[*a].get(m * lives + w) == Some(&true);
            seat.agents.iter().any(ended)
        });
        if outcome.ended[w] || gone {
            alive[w] = false;
            let paid = |k: usize| -> f64 {
                let own = seat.own(model, outcome.paid[k].len() / lives);
                own.filter_map(|e| outcome.paid[k].get(e * lives + w)).sum()
            };
            earned[w] += weight * discount * (0..outcome.paid.len()).map(paid).sum::<f64>();
        }
    }
}

/// Sets actions that are what another one is.
fn follow(model: &Model, worlds: &mut Worlds, alike: &[(usize, usize)]) {
    for (from, to) in alike {
        let [from, to] = [from, to].map(|a| model.actions[*a].input.0 as usize);
        worlds.frame[to] = worlds.frame[from].clone();
    }
}

/// Goes on after `periods` for as long as moments count: domains are claims about states that nothing pays for, too, and who discounts much is
/// judged by few periods. What cannot go on ends there; whoever simulates so long is told why.
fn live_on(model: &Model, (worlds, actor): (&mut Worlds, &mut Actor), alike: &[(usize, usize)], periods: usize) {
    for _ in periods..COUNTED {
        let Ok(bounds) = actor.act(worlds, 0) else { return };
        follow(model, worlds, alike);
        if worlds.settle(&bounds).is_err() {
            return;
        }
        worlds.draw_noises();
        let Ok(outcome) = worlds.step(&bounds) else { return };
        if outcome.ended.iter().any(|e| *e) && worlds.restart(&outcome.ended).is_err() {
            return;
        }
        actor.forget(worlds, &outcome);
    }
}

/// Simulates lives under the solution's policy; where somebody deviates, `apart` says who plays otherwise.
///
/// # Errors
/// Those of a simulation: E0815 to E0817 for a policy that cannot be played, E0902 where nothing is feasible, E0903 where a value
/// is not a number.
pub fn play(
    model: &Model,
    solution: &Solution,
    seat: &SolvedSeat,
    value: &Value,
    options: &JudgeOptions,
    apart: &Apart,
) -> Result<Played, Diagnostic> {
    let elements: usize = model.graph.inputs.iter().map(|i| model.graph.elements(&i.shape)).sum();
    let lives = options.lives.min(2_000_000 / elements.max(1)).max(1);
    let said = seat.agents.iter().find_map(|a| model.agents[*a].discount);
    let point = said.and_then(|d| model.graph.nodes[d.0 as usize].domain.as_point());
    // A discount that varies weighs the sample by a guess; expectations use the true one.
    let known = point.is_some() || said.is_none();
    let discount = match (point, said) {
        (Some(d), _) => d,
        (None, Some(_)) => 0.96,
        (None, None) if model.states.is_empty() && model.horizon.is_none() => 0.0,
        (None, None) => 1.0,
    };
    let periods = length(model, discount);
    let mut worlds = Worlds::new(model, None, lives, options.seed, &[])?;
    let alike: Vec<usize> = apart.like.iter().map(|a| a.1).collect();
    let cast = Behaviour::Solved(Arc::new(solution.clone())).into();
    let mut actor = Actor::beside(&worlds, &cast, &alike)?;
    // Where episodes end, ages follow from the simulation: visits are then taken evenly and weighted.
    let episodic = !model.ends.is_empty() || model.horizon.is_some();
    let half = if model.horizon.is_some() { 0 } else { periods / 2 };
    let wanted = sample(options.points, lives, discount, (half, periods), episodic);
    let mut next = 0;
    let mut first: Vec<Visit> = Vec::new();
    let mut second: Vec<Visit> = Vec::new();
    let mut outside = (0u64, 0u64);
    let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); seat.states.len()];
    let mut shock_ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); seat.shocks.len()];
    let dimensions = seat.states.len() + seat.shocks.len();
    let mut extremes: Vec<[Option<Visit>; 2]> = vec![[None, None]; dimensions];
    let mut promised: Vec<f64> = Vec::new();
    // First lives: discounted rewards so far, and whether they go on.
    let (mut earned, mut alive) = (vec![0.0; lives], vec![true; lives]);
    for t in 0..periods {
        let bounds = actor.act(&mut worlds, 0)?;
        follow(model, &mut worlds, &apart.like);
        if let Some(d) = &apart.deviator {
            d.act(&mut worlds, &bounds);
        }
        worlds.settle(&bounds)?;
        // Places hold what the period draws, too: prices and outcomes can be computed there again. (The step draws the same.)
        worlds.draw_noises();
        for w in 0..lives {
            let (states, shocks, period) = standing(&worlds, seat, w);
            if t == 0 {
                promised.push(value.at(&states, &shocks, period));
            }
            outside.0 += u64::from(value.outside(&states));
            outside.1 += 1;
            let weighs = |period: usize| if episodic { discount.powf(period as f64) } else { 1.0 };
            let visit = |worlds: &Worlds| visited(worlds, seat, (&states, &shocks), w, &weighs);
            let met = ranges
                .iter_mut()
                .chain(&mut shock_ranges)
                .zip(states.iter().chain(&shocks));
            for ((r, x), kept) in met.zip(&mut extremes) {
                if *x < r.0 {
                    r.0 = *x;
                    kept[0] = Some(visit(&worlds));
                }
                if *x > r.1 {
                    r.1 = *x;
                    kept[1] = Some(visit(&worlds));
                }
            }
            while next < wanted.len() && (wanted[next].0, wanted[next].1) == (t, w) {
                let visit = visit(&worlds);
                if wanted[next].2 {
                    first.push(visit);
                } else {
                    second.push(visit);
                }
                next += 1;
            }
        }
        let outcome = worlds.step(&bounds)?;
        let weight = discount.powf(t as f64);
        earn(model, seat, &outcome, (weight, discount), &mut earned, &mut alive);
        if outcome.ended.iter().any(|e| *e) {
            worlds.restart(&outcome.ended)?;
        }
        actor.forget(&worlds, &outcome);
    }
    for w in (0..lives).filter(|w| alive[*w]) {
        let (states, shocks, period) = standing(&worlds, seat, w);
        earned[w] += discount.powf(periods as f64) * value.at(&states, &shocks, period);
    }
    let weight = if discount < 1.0 {
        let n = model.horizon.unwrap_or(periods);
        (1.0 - discount.powi(n as i32)) / (1.0 - discount)
    } else {
        model.horizon.unwrap_or(periods) as f64
    };
    if apart.deviator.is_none() && model.states.len() > seat.states.len() {
        live_on(model, (&mut worlds, &mut actor), &apart.like, periods);
    }
    let by_weight = first.len();
    first.extend(second);
    Ok(Played {
        visits: first,
        by_weight,
        weight,
        promised: crate::num::statistics::mean(&promised),
        promised_error: crate::num::statistics::sd(&promised) / (promised.len().max(1) as f64).sqrt(),
        gaps: if known {
            earned.iter().zip(&promised).map(|(e, p)| e - p).collect()
        } else {
            Vec::new()
        },
        periods,
        outside,
        ranges,
        shock_ranges,
        extremes: extremes.into_iter().flatten().flatten().collect(),
        counts: worlds.counts.clone(),
        streaks: Streaks::default(),
    })
}
