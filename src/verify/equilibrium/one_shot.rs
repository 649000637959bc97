//! The certificate of games without states: everything in the economy that `econc simulate` runs.
//!
//! The game is played many times side by side: once for every combination of what is known and of what mixed strategies may choose where these are
//! few, else with evenly spread draws of what is known. Each who decides then tries other choices, evenly over their whole range, closer and
//! closer to both ends, at random, and close by, while everybody else plays on; whoever takes prices as given meets those of the
//! equilibrium. Those who choose later answer such a trial by what is best for them, which is searched for here, too. Nothing of the
//! solver's problem is read: only what is played.

use super::bench::{Bench, Lane, cases};
use super::record::{EquilibriumCertificate, Reaction, Standing};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::worlds::Bounds;
use crate::num::random::Key;
use crate::solve::economy::Economy;
use crate::solve::economy::stated::{AtPrices, at_prices};
use crate::solve::problem::ActionKind;
use crate::solve::solution::{Player, Solution};
use crate::verify::grid::{Certificate, SeriesMoments};
use crate::verify::world::{Proof, Scale, WorldCertificate};

/// log10 of the largest gain that passes, as a share of what is at stake: where everything is counted out, and where it is sampled.
const LIMIT: (f64, f64) = (-6.0, -3.0);
/// Largest excess demand, relative.
const EXCESS: f64 = 1e-8;
/// Points of a scan: evenly, towards each end, at random.
const SCAN: (usize, usize, usize) = (40, 16, 12);
/// Own types at which deviations are tried where they are continuous.
const TYPES: usize = 9;
/// Points of a reaction function.
const REACTION: usize = 21;
/// Other choices this near, as a share of what is chosen, at which a market must clear, too: else the end of a price's domain is what holds.
const NEAR: f64 = 1e-4;

/// Judges an equilibrium of a game without states; with reaction functions where they are asked for.
///
/// # Errors
/// Those of a simulation.
pub(super) fn judge(
    model: &Model,
    economy: &Economy,
    solution: &Solution,
    seed: u64,
    reacting: bool,
) -> Result<Certificate, Diagnostic> {
    let cases = cases(model, solution, seed);
    let mut bench = Bench::new(model, solution, &cases, seed, &prices(model))?;
    let base = bench.stand(&[])?;
    let mut world = WorldCertificate::default();
    let mut players = Vec::new();
    let mut moved = f64::NAN;
    // Prices that are taken as given are numbers only where they are the same in every case.
    let paid = bench.pays(&base, &[])?;
    let held = |agent: usize| -> Result<Option<AtPrices>, Diagnostic> {
        let seat = economy.seats.iter().find(|s| s.agents.contains(&agent));
        let takes = seat.map_or(&[][..], |s| s.takes.as_slice());
        if takes.is_empty() {
            return Ok(None);
        }
        let mut at = Vec::new();
        for p in takes {
            let values = &paid.watched[*p];
            let (lo, hi) = range(values);
            if !(hi - lo <= 1e-9 * (1.0 + lo.abs())) {
                let price = &model.prices[*p];
                return Err(Diagnostic::error(
                    "E0810",
                    format!(
                        "`{}` moves with what is drawn: no one number can be taken as given",
                        price.name
                    ),
                )
                .at(price.span, "taken as given")
                .hint("concept = nash sees through the market; or draw after the price is known"));
            }
            at.push((*p, values[0]));
        }
        at_prices(model, &at).map(Some)
    };
    let mut excess = f64::NAN;
    for player in &solution.players {
        let given = held(player.agent)?;
        let mut own;
        let judged = match &given {
            Some(at) => {
                own = Bench::new(&at.model, solution, &cases, seed, &at.implied)?;
                &mut own
            }
            None => &mut bench,
        };
        let mut trial = Trial {
            model,
            solution,
            player,
            seed,
            bench: judged,
            staged: given.is_none() && model.stages.len() > 1,
        };
        // What is taken as given, one per cent away.
        let mut moved_by = match &given {
            Some(at) => {
                let again = at_prices(model, &at.at.iter().map(|(p, x)| (*p, 1.01 * x)).collect::<Vec<_>>())?;
                Some(Bench::new(&again.model, solution, &cases, seed, &[])?)
            }
            None => None,
        };
        let turnover = match &mut moved_by {
            Some(other) => earned(trial.bench, &[], model, player)? - earned(other, &[], model, player)?,
            None => {
                earned(trial.bench, &[], model, player)? - {
                    let over = trial.others(&base, 1.01);
                    earned(trial.bench, &over, model, player)?
                }
            }
        };
        let gain = trial.gain(turnover.abs())?;
        let limit = if cases.exact { LIMIT.0 } else { LIMIT.1 };
        let value = gain.share.max(1e-16).log10();
        world.proofs.push(Proof {
            name: format!("one-shot gain of {}", player.name),
            value,
            scale: Scale::Log,
            limit: Some(limit),
            holds: Some(value <= limit),
            note: match (&given, cases.exact) {
                (Some(at), _) => format!(
                    "share of what is at stake; {} held at its equilibrium value",
                    at.names.join(", ")
                ),
                (None, true) => "share of what is at stake; every case counted".into(),
                (None, false) => format!(
                    "share of what is at stake, beyond two standard errors; {} cases drawn",
                    cases.lanes.len()
                ),
            },
        });
        if value > limit {
            world.reasons.push(
                Diagnostic::error("E0946", format!("`{}` gains by choosing otherwise", player.name))
                    .at(model.agents[player.agent].span, "one who decides")
                    .note(format!("{} in place of {}: a gain of {:.3e} of what is at stake", gain.to, gain.from, gain.share))
                    .hint("this is no equilibrium; narrow the intervals of the actions, or look for others with solve { find = all }"),
            );
        }
        if given.is_none() && model.prices.iter().any(|p| p.clears) {
            let missed = gain.uncleared.as_ref();
            world.proofs.push(Proof {
                name: format!("other choices of {} nearby without a price", player.name),
                value: f64::from(u8::from(missed.is_some())),
                scale: Scale::Plain,
                limit: Some(0.0),
                holds: Some(missed.is_none()),
                note: "no price clears there, so nobody knows what they pay".into(),
            });
            if let Some(at) = missed {
                world.reasons.push(at_the_end(model, player, at));
            }
        }
        match &given {
            None => moved = fold(moved, trial.shift(&base)?),
            Some(at) => {
                let own_base = trial.bench.stand(&[])?;
                let watched = trial.bench.pays(&own_base, &[])?.watched;
                for (k, name) in at.names.iter().enumerate().filter(|(k, _)| at.clears[*k]) {
                    let worst = watched[k].iter().map(|x| x.abs()).fold(0.0, f64::max);
                    excess = fold(excess, worst);
                    world.proofs.push(Proof {
                        name: format!("excess demand at {name}"),
                        value: worst,
                        scale: Scale::Plain,
                        limit: Some(EXCESS),
                        holds: Some(worst <= EXCESS),
                        note: format!("seen by {}", player.name),
                    });
                    if !(worst <= EXCESS) {
                        world.reasons.push(uncleared(model, name));
                    }
                }
                if let Some(other) = &mut moved_by {
                    let mut trial = Trial { bench: other, ..trial };
                    moved = fold(moved, trial.moved()?);
                }
            }
        }
        let own = obtained(&bench, &paid, model, player);
        players.push(Standing {
            name: player.name.clone(),
            value: own,
            one_shot: gain.share,
            best_reply: gain.share,
        });
        promised(solution, player, own, &cases.exact, model, &mut world);
    }
    let clear = paid.clears.iter().filter(|c| !**c).count();
    if model.prices.iter().any(|p| p.clears) {
        world.proofs.push(Proof {
            name: "cases in which a market does not clear".into(),
            value: clear as f64,
            scale: Scale::Plain,
            limit: Some(0.0),
            holds: Some(clear == 0),
            note: "in the economy".into(),
        });
        if clear > 0 {
            let name = model.prices.iter().find(|p| p.clears).map_or("", |p| p.name.as_str());
            world.reasons.push(uncleared(model, name));
        }
    }
    world.proofs.push(Proof {
        name: "best reply where what is given moves by 1 %".into(),
        value: moved,
        scale: Scale::Share,
        limit: None,
        holds: None,
        note: match moved {
            m if m.is_nan() => "finite or mixed choices: not measured".into(),
            0.0 => "it does not move: what each does is best whatever the others do".into(),
            _ => "largest move of a choice".into(),
        },
    });
    let mut reasons = solution.record.warnings.clone();
    reasons.extend(world.reasons.clone());
    let failed = world.proofs.iter().any(|p| p.holds == Some(false));
    Ok(Certificate {
        passed: !failed,
        unit: "value".into(),
        moments: moments(model, solution, &bench, &base, &paid),
        reasons,
        equilibrium: Some(EquilibriumCertificate {
            concept: economy.conduct(),
            unit: "value".into(),
            players,
            excess,
            moved,
            reactions: match reacting {
                true => reactions(model, solution, &mut bench, &base, seed)?,
                false => Vec::new(),
            },
            ..EquilibriumCertificate::default()
        }),
        world: Some(world),
        ..Certificate::default()
    })
}

fn fold(a: f64, b: f64) -> f64 {
    if a.is_nan() {
        b
    } else if b.is_nan() {
        a
    } else {
        a.max(b)
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)))
}

fn prices(model: &Model) -> Vec<crate::graph::NodeId> {
    model.prices.iter().map(|p| p.node).collect()
}

fn uncleared(model: &Model, name: &str) -> Diagnostic {
    let d = Diagnostic::error("E0947", format!("`{name}` does not clear its market"));
    let price = model.prices.iter().find(|p| p.name == name);
    match price {
        Some(p) => d.at(p.span, "this price"),
        None => d,
    }
    .hint("widen the domain of the price, or let demand or supply move with it")
}

/// A choice that is best because a price's domain ends.
fn at_the_end(model: &Model, player: &Player, at: &str) -> Diagnostic {
    let d = Diagnostic::error(
        "E0947",
        format!(
            "a price stands at the end of its domain, and that is what stops `{}`",
            player.name
        ),
    )
    .note(format!("with {at} no price in the domain clears the market"));
    match model.prices.iter().find(|p| p.clears) {
        Some(p) => d.at(p.span, "a price that clears"),
        None => d,
    }
    .hint("widen the domain of the price; where the price stands at every new end, too, the game has no equilibrium: each gains by moving the price further")
}

/// What a player earns on average in the cases with some actions set to other numbers, (action, element, value) each.
fn earned(bench: &mut Bench, over: &[(usize, usize, f64)], model: &Model, player: &Player) -> Result<f64, Diagnostic> {
    let at = bench.stand(&[])?;
    let paid = bench.pays(&at, over)?;
    Ok(obtained(bench, &paid, model, player))
}

/// What a player is paid on average in the cases.
fn obtained(bench: &Bench, paid: &Lane, model: &Model, player: &Player) -> f64 {
    let own = bench.rewards(paid, model, player.agent, player.member.unwrap_or(0));
    bench.mean(&own)
}

/// Whether what a player obtains is what the solution promises.
fn promised(solution: &Solution, player: &Player, own: f64, exact: &bool, model: &Model, world: &mut WorldCertificate) {
    let d = model.agents[player.agent]
        .discount
        .and_then(|d| model.graph.nodes[d.0 as usize].domain.as_point());
    let times = match d {
        Some(d) if solution.infinite && d < 1.0 => 1.0 - d,
        _ => 1.0,
    };
    let weights = solution.chain.transition.first().cloned().unwrap_or_default();
    let said: f64 = player.value.iter().zip(&weights).map(|(v, w)| v * w * times).sum();
    let off = (own - said).abs() / (1e-9 + said.abs().max(own.abs()));
    let limit = if *exact { 1e-8 } else { 2e-2 };
    // Values near zero are compared as they are.
    let holds = off <= limit || (own - said).abs() <= 1e-9;
    world.proofs.push(Proof {
        name: format!("value of {} obtained less promised", player.name),
        value: if holds { off.min(limit) } else { off },
        scale: Scale::Share,
        limit: Some(limit),
        holds: Some(holds),
        note: format!("{own:.8} obtained, {said:.8} promised"),
    });
    if !holds {
        world.reasons.push(
            Diagnostic::error(
                "E0944",
                format!("`{}` does not obtain what the solution promises", player.name),
            )
            .note(format!("{own:.8} obtained, {said:.8} promised")),
        );
    }
}

/// What was seen in the cases: actions, prices, rewards.
fn moments(
    model: &Model,
    solution: &Solution,
    bench: &Bench,
    base: &[crate::env::worlds::trial::Place],
    paid: &Lane,
) -> Vec<SeriesMoments> {
    let mut out = Vec::new();
    let mut push = |name: String, values: &[f64]| {
        let mean = bench.mean(values);
        let square: Vec<f64> = values.iter().map(|x| (x - mean) * (x - mean)).collect();
        let (min, max) = range(values);
        out.push(SeriesMoments {
            name,
            mean,
            sd: bench.mean(&square).max(0.0).sqrt(),
            autocorrelation: f64::NAN,
            min,
            max,
            chain: None,
        });
    };
    for p in &solution.players {
        for a in &p.actions {
            if let Some((action, element)) = bench.slot(model, solution, *a, p) {
                let input = model.actions[action].input.0 as usize;
                let values: Vec<f64> = base.iter().map(|x| x.inputs[input][element]).collect();
                push(solution.actions[*a].name.clone(), &values);
            }
        }
    }
    for (p, values) in model.prices.iter().zip(&paid.watched) {
        let n = base.len();
        if values.len() >= n {
            push(p.name.clone(), &values[..n]);
        }
    }
    for p in &solution.players {
        push(
            format!("{}.reward", p.name),
            &bench.rewards(paid, model, p.agent, p.member.unwrap_or(0)),
        );
    }
    out
}

/// A gain by choosing otherwise.
#[derive(Clone, Debug, Default)]
struct Gain {
    /// As a share of what is at stake.
    share: f64,
    from: String,
    to: String,
    /// A choice close to the equilibrium's at which a market does not clear.
    uncleared: Option<String>,
}

/// One player's trials.
struct Trial<'a, 'b> {
    model: &'a Model,
    solution: &'a Solution,
    player: &'a Player,
    seed: u64,
    bench: &'b mut Bench,
    /// Whether somebody answers at a later stage.
    staged: bool,
}

impl Trial<'_, '_> {
    fn member(&self) -> usize {
        self.player.member.unwrap_or(0)
    }

    /// The slots of the player's actions: action of the solution, action of the model, element.
    fn slots(&self) -> Vec<(usize, usize, usize)> {
        let of = |a: &usize| {
            self.bench
                .slot(self.model, self.solution, *a, self.player)
                .map(|(x, e)| (*a, x, e))
        };
        self.player.actions.iter().filter_map(of).collect()
    }

    /// What the player could choose in place of `now`: every choice, or a scan of the interval.
    fn candidates(&mut self, slot: (usize, usize, usize), now: f64) -> Result<Vec<f64>, Diagnostic> {
        if let ActionKind::Finite { values, .. } = &self.solution.actions[slot.0].kind {
            return Ok(values.clone());
        }
        let stage = self.model.actions[slot.1].stage;
        let bounds = self.bench.worlds.bounds_as_drawn(stage)?;
        let at = crate::env::worlds::stage_actions(self.model, stage)
            .iter()
            .position(|a| *a == slot.1);
        let n = self.bench.worlds.worlds();
        let (lo, hi) = match at.and_then(|k| bounds.get(k)) {
            Some(Bounds::Between(lo, hi)) => (lo[slot.2 * n], hi[slot.2 * n]),
            _ => (now, now),
        };
        // Without an end, a hundred times what is chosen is far enough to see whether more is better.
        let far = 100.0 * (1.0 + now.abs());
        let (lo, hi) = (lo.max(now - far), hi.min(now + far));
        let width = hi - lo;
        let mut out: Vec<f64> = (0..=SCAN.0).map(|k| lo + width * k as f64 / SCAN.0 as f64).collect();
        for k in 1..=SCAN.1 {
            let part = width * 10f64.powf(-(k as f64) / 4.0);
            out.extend([lo + part, hi - part]);
            let close = (1e-9 + now.abs()) * 10f64.powf(-(k as f64) / 3.0);
            out.extend([(now - close).clamp(lo, hi), (now + close).clamp(lo, hi)]);
        }
        let key = Key::new(self.seed, 0x0157);
        out.extend((0..SCAN.2).map(|k| lo + width * key.uniform(k as u64, slot.2 as u64)));
        Ok(out)
    }

    /// What every case gives when the player chooses otherwise, and later stages answer.
    fn otherwise(
        &mut self,
        at: &[crate::env::worlds::trial::Place],
        slot: (usize, usize, usize),
        x: f64,
    ) -> Result<Lane, Diagnostic> {
        let mut over = vec![(slot.1, slot.2, x)];
        if self.staged {
            let stage = self.model.actions[slot.1].stage;
            answers(self.model, self.solution, self.bench, at, stage, &mut over, self.seed)?;
        }
        self.bench.pays(at, &over)
    }

    /// The largest gain over own types and choices, as a share of what is at stake; that is at least `turnover`, what one per cent of the prices or of the others'
    /// numbers is worth: who earns nothing on the margin still turns over what it sells.
    fn gain(&mut self, turnover: f64) -> Result<Gain, Diagnostic> {
        // What is at stake is what the best informed has at stake: a type that hardly ever wins has little to lose.
        let mut stakes = if turnover.is_finite() { turnover } else { 0.0 };
        let mut worst = Gain::default();
        for own in self.bench.own_types(self.model, self.solution, self.player, TYPES) {
            let at = self.bench.stand(&own)?;
            let paid = self.bench.pays(&at, &[])?;
            let here = self.bench.rewards(&paid, self.model, self.player.agent, self.member());
            let mean = self.bench.mean(&here);
            for slot in self.slots() {
                let now = at[0].inputs[self.model.actions[slot.1].input.0 as usize][slot.2];
                // What is lost far away says nothing of what is at stake here.
                let finite = matches!(self.solution.actions[slot.0].kind, ActionKind::Finite { .. });
                let sizes: Vec<f64> = here.iter().map(|x| x.abs()).collect();
                let size = self.bench.mean(&sizes);
                // Mixed strategies may be worth nothing on average, and differences below rounding are none.
                let (mut stake, mut best) = (if finite { size } else { mean.abs() }, (0.0, now));
                stakes = stakes.max(1e-9 * size);
                let near = |x: f64| finite || (x - now).abs() <= now.abs();
                let mut others: Vec<f64> = Vec::new();
                for x in self.candidates(slot, now)? {
                    let lane = self.otherwise(&at, slot, x)?;
                    let close = !finite && (x - now).abs() <= NEAR * (1e-9 + now.abs());
                    if close && x != now && lane.clears.iter().any(|c| !c) {
                        worst.uncleared = Some(format!("{} = {x:.8}", self.solution.actions[slot.0].name));
                    }
                    let paid = self.bench.rewards(&lane, self.model, self.player.agent, self.member());
                    let more: Vec<f64> = paid.iter().zip(&here).map(|(a, b)| a - b).collect();
                    let gain = self.bench.mean(&more);
                    if !gain.is_finite() {
                        continue;
                    }
                    if near(x) {
                        others.push(gain.abs());
                    }
                    let sure = gain - 2.0 * self.bench.error(&more);
                    if sure > best.0 {
                        best = (sure, x);
                    }
                }
                others.sort_by(f64::total_cmp);
                stake = stake.max(others.get(others.len() / 2).copied().unwrap_or(0.0));
                stakes = stakes.max(stake);
                if best.0 > worst.share {
                    worst = Gain {
                        share: best.0,
                        from: format!("{} = {now:.8}", self.solution.actions[slot.0].name),
                        to: format!("{:.8}", best.1),
                        ..worst
                    };
                }
            }
        }
        // Nothing is gained of nothing.
        worst.share = if worst.share > 0.0 {
            worst.share / stakes.max(f64::MIN_POSITIVE)
        } else {
            0.0
        };
        Ok(worst)
    }

    /// The best of an interval's choices, by a scan and a search around its best point.
    fn best(
        &mut self,
        at: &[crate::env::worlds::trial::Place],
        slot: (usize, usize, usize),
        over: &[(usize, usize, f64)],
    ) -> Result<Option<f64>, Diagnostic> {
        let now = at[0].inputs[self.model.actions[slot.1].input.0 as usize][slot.2];
        let mut points = self.candidates(slot, now)?;
        points.sort_by(f64::total_cmp);
        points.dedup();
        let pays = |me: &mut Self, x: f64| -> Result<f64, Diagnostic> {
            let mut over = over.to_vec();
            over.push((slot.1, slot.2, x));
            let paid = me.bench.pays(at, &over)?;
            let own = me.bench.rewards(&paid, me.model, me.player.agent, me.member());
            let mean = me.bench.mean(&own);
            Ok(if mean.is_nan() { f64::NEG_INFINITY } else { mean })
        };
        let mut best = (0, f64::NEG_INFINITY);
        for (k, x) in points.iter().enumerate() {
            let v = pays(self, *x)?;
            if v > best.1 {
                best = (k, v);
            }
        }
        if best.1 == f64::NEG_INFINITY {
            return Ok(None);
        }
        if matches!(self.solution.actions[slot.0].kind, ActionKind::Finite { .. }) {
            return Ok(Some(points[best.0]));
        }
        let (mut lo, mut hi) = (
            points[best.0.saturating_sub(1)],
            points[(best.0 + 1).min(points.len() - 1)],
        );
        for _ in 0..60 {
            let third = (hi - lo) / 3.0;
            let (a, b) = (lo + third, hi - third);
            if pays(self, a)? < pays(self, b)? {
                lo = a
            } else {
                hi = b
            }
        }
        let inside = 0.5 * (lo + hi);
        Ok(Some(if pays(self, inside)? >= best.1 {
            inside
        } else {
            points[best.0]
        }))
    }

    /// The others' numbers times a factor: (action, element, value) each.
    fn others(&self, base: &[crate::env::worlds::trial::Place], factor: f64) -> Vec<(usize, usize, f64)> {
        let mine = self.slots();
        let mut over = Vec::new();
        for (x, action) in self.model.actions.iter().enumerate() {
            for e in 0..self.model.graph.elements(&action.shape) {
                let solved = matches!(action.space, crate::check::model::Space::Interval { .. });
                if solved && !mine.iter().any(|s| s.1 == x && s.2 == e) {
                    over.push((x, e, factor * base[0].inputs[action.input.0 as usize][e]));
                }
            }
        }
        over
    }

    /// By what share of itself the best choice moves where the others' numbers are shifted by one per cent; not a number where there are none.
    fn shift(&mut self, base: &[crate::env::worlds::trial::Place]) -> Result<f64, Diagnostic> {
        if self.bench.weights.len() > 1 || self.staged {
            return Ok(f64::NAN);
        }
        let mine = self.slots();
        let over = self.others(base, 1.01);
        let mut moved = f64::NAN;
        let solution = self.solution;
        for slot in mine
            .into_iter()
            .filter(|s| matches!(solution.actions[s.0].kind, ActionKind::Continuous))
        {
            let now = base[0].inputs[self.model.actions[slot.1].input.0 as usize][slot.2];
            if over.is_empty() {
                continue;
            }
            if let Some(to) = self.best(base, slot, &over)? {
                moved = fold(moved, tidy((to - now).abs() / now.abs().max(1e-9)));
            }
        }
        Ok(moved)
    }

    /// By what share of itself the best choice differs from what is played, in the world at hand.
    fn moved(&mut self) -> Result<f64, Diagnostic> {
        if self.bench.weights.len() > 1 {
            return Ok(f64::NAN);
        }
        let base = self.bench.stand(&[])?;
        let mut moved = f64::NAN;
        let solution = self.solution;
        for slot in self
            .slots()
            .into_iter()
            .filter(|s| matches!(solution.actions[s.0].kind, ActionKind::Continuous))
        {
            let now = base[0].inputs[self.model.actions[slot.1].input.0 as usize][slot.2];
            if let Some(to) = self.best(&base, slot, &[])? {
                moved = fold(moved, tidy((to - now).abs() / now.abs().max(1e-9)));
            }
        }
        Ok(moved)
    }
}

/// What a search cannot tell from nothing is nothing.
fn tidy(x: f64) -> f64 {
    if x < 1e-6 { 0.0 } else { x }
}

/// Adds to `over` what those who choose after `stage` answer, stage by stage: each what is best for it, until nobody moves.
fn answers(
    model: &Model,
    solution: &Solution,
    bench: &mut Bench,
    at: &[crate::env::worlds::trial::Place],
    stage: usize,
    over: &mut Vec<(usize, usize, f64)>,
    seed: u64,
) -> Result<(), Diagnostic> {
    let last = model.actions.iter().map(|a| a.stage).max().unwrap_or(0);
    if stage >= last {
        return Ok(());
    }
    for _ in 0..200 {
        let mut moved: f64 = 0.0;
        for player in &solution.players {
            let mut trial = Trial {
                model,
                solution,
                player,
                seed,
                bench: &mut *bench,
                staged: false,
            };
            for slot in trial.slots().into_iter().filter(|s| model.actions[s.1].stage > stage) {
                let before = over.iter().position(|o| o.0 == slot.1 && o.1 == slot.2);
                let rest: Vec<_> = over
                    .iter()
                    .copied()
                    .filter(|o| !(o.0 == slot.1 && o.1 == slot.2))
                    .collect();
                if let Some(to) = trial.best(at, slot, &rest)? {
                    let now = at[0].inputs[model.actions[slot.1].input.0 as usize][slot.2];
                    let was = before.map_or(now, |k| over[k].2);
                    // Members who are alike answer alike: all go together, the more they are the less far.
                    let alike = match player.member {
                        None => model.graph.elements(&model.actions[slot.1].shape).max(1),
                        Some(_) => 1,
                    };
                    let numbers = matches!(solution.actions[slot.0].kind, ActionKind::Continuous);
                    let to = if alike > 1 && numbers {
                        was + (to - was) / alike as f64
                    } else {
                        to
                    };
                    moved = moved.max(if before.is_none() {
                        f64::INFINITY
                    } else {
                        (to - was).abs()
                    });
                    *over = rest;
                    if alike > 1 {
                        over.retain(|o| o.0 != slot.1);
                        over.extend((0..alike).map(|e| (slot.1, e, to)));
                    } else {
                        over.push((slot.1, slot.2, to));
                    }
                }
            }
        }
        if moved < 1e-7 {
            break;
        }
    }
    Ok(())
}

/// What is best for each of two against what the other chooses, where both choose one number.
fn reactions(
    model: &Model,
    solution: &Solution,
    bench: &mut Bench,
    base: &[crate::env::worlds::trial::Place],
    seed: u64,
) -> Result<Vec<Reaction>, Diagnostic> {
    let all: Vec<(usize, usize)> = (0..model.actions.len())
        .flat_map(|a| (0..model.graph.elements(&model.actions[a].shape)).map(move |e| (a, e)))
        .collect();
    let numbers = solution
        .actions
        .iter()
        .all(|a| matches!(a.kind, ActionKind::Continuous));
    if all.len() != 2 || !numbers || bench.weights.len() > 1 {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    for player in &solution.players {
        let mut trial = Trial {
            model,
            solution,
            player,
            seed,
            bench: &mut *bench,
            staged: false,
        };
        for slot in trial.slots() {
            let Some(other) = all.iter().find(|(a, e)| (*a, *e) != (slot.1, slot.2)) else {
                continue;
            };
            // Who chooses first has nobody to react to.
            if model.actions[slot.1].stage < model.actions[other.0].stage {
                continue;
            }
            let there = base[0].inputs[model.actions[other.0].input.0 as usize][other.1];
            let mut reaction = Reaction {
                of: solution.actions[slot.0].name.clone(),
                to: model.actions[other.0].name.clone(),
                at: Vec::new(),
                best: Vec::new(),
            };
            for k in 0..REACTION {
                let x = there * 2.0 * k as f64 / (REACTION - 1) as f64;
                if let Some(best) = trial.best(base, slot, &[(other.0, other.1, x)])? {
                    reaction.at.push(x);
                    reaction.best.push(best);
                }
            }
            out.push(reaction);
        }
    }
    Ok(out)
}
