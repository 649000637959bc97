//! Markov perfect equilibria of games on whole-number states in which each, when it chooses, knows draws that the others do not (a scrap value,
//! a cost of entry, a taste for each choice): to the others its choice is uncertain, and its chances are smooth in values, so that pure policies exist.
//!
//! Values are taken before private draws are known, and what a draw adds to a choice is integrated exactly (`envelope.rs`; tastes have the closed form of a
//! logit). A round finds for each
//! player in turn, at every state and for every choice, the best numbers that go with it (a parabola through three points, a scan of the whole
//! range now and then), what each choice is worth, and how often it is taken (members whom nothing tells apart do the same with places exchanged); then what everybody does goes on for a number of periods. It ends where a whole
//! round moves neither values nor chances nor numbers, and no scan finds better numbers. Where it does not settle, half steps are tried without going on.
//!
//! Doraszelski and Satterthwaite (2010), "Computable Markov-perfect industry dynamics"; Pakes and McGuire (1994) for the iteration; Aguirregabiria and Mira
//! (2007) for games in which each choice has a taste.

mod envelope;
mod game;
mod store;

use super::{EquilibriumMethod, Found};
use crate::chance::Process;
use crate::check::model::{Concept, Model, Space};
use crate::diag::Diagnostic;
use crate::graph::AxisKind;
use crate::solve::decision::{hidden_state, kept_from_fellows, observed_shock};
use crate::solve::economy::{Deciding, Economy};
use crate::solve::observed::Knows;
use crate::solve::progress::{Control, Progress, Watch};
use game::{Game, Stand};

/// Most players.
const PLAYERS: usize = 6;
/// Most rounds of a try; of each try the share of a step of chances that is taken, the periods that go on after a round, and the share of the rounds.
const ROUNDS: usize = 600;
const TRIES: [(f64, usize, f64); 3] = [(1.0, 20, 0.25), (0.5, 20, 0.5), (0.3, 0, 1.0)];
/// Largest change of a value that counts as none, as a share of the largest; of a chance; of a number, as a share of its range.
const STILL: (f64, f64, f64) = (1e-10, 1e-8, 1e-6);
/// Points of a scan of a number's range, rounds between scans, and what a scan must find to count, as a share of the largest value.
const SCAN: usize = 49;
const EVERY: usize = 25;
const BETTER: f64 = 1e-10;
/// Half the width of the parabola, as a share of the range, and at the least; as a share of the way to the nearer end, where what is paid may bend as much as
/// a power of that way does; the longest step, and the share of a step that is taken where the whole is worth no more.
const WIDTH: f64 = 1e-3;
const NARROWEST: f64 = 1e-5;
const OF_THE_WAY: f64 = 0.02;
const STEP: f64 = 0.25;
const SHORTER: f64 = 0.25;
/// Values that differ by more, as a share of the largest, are two equilibria.
const APART: f64 = 1e-4;

/// The method.
pub struct ChoiceProbabilities;

impl EquilibriumMethod for ChoiceProbabilities {
    fn name(&self) -> &'static str {
        "choice_probabilities"
    }

    fn about(&self) -> &'static str {
        "dynamic games on whole-number states with private shocks: iteration of values and choice probabilities"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["iterations"]
    }

    fn judged(&self) -> &'static [&'static str] {
        &["bellman"]
    }

    fn knows(&self) -> Knows {
        Knows::States
    }

    fn fits(&self, economy: &Economy) -> Result<(), String> {
        let model = economy.model;
        if economy.concept != Concept::Nash {
            return Err(format!("its concept is `{}`, not `nash`", economy.concept.word()));
        }
        if model.states.is_empty() {
            return Err("it has no states".into());
        }
        if kept_from_fellows(model).is_none() && model.actions.iter().all(|a| a.taste.is_none()) {
            return Err("nobody knows a draw that the others do not, and no choice has tastes".into());
        }
        if let Some(s) = model.states.iter().find(|s| !s.domain.integer) {
            return Err(format!("`{}` is no whole number", s.name));
        }
        if model.horizon.is_some() || !model.ends.is_empty() || model.stages.len() > 1 || !model.requires.is_empty() {
            return Err("it has a horizon, ends, stages or requirements".into());
        }
        if economy.seats.iter().any(|s| !s.takes.is_empty()) {
            return Err("somebody takes a price as given".into());
        }
        let each = |s: &crate::solve::economy::Decider| if let Deciding::Each(n) = s.members { n } else { 1 };
        let endless = |a: &crate::graph::Axis| a.continuum && matches!(a.kind, AxisKind::Population);
        if economy.seats.iter().map(each).sum::<usize>() > PLAYERS || model.graph.axes.iter().any(endless) {
            return Err(format!("it has more than {PLAYERS} players"));
        }
        knows(model)
    }

    fn solve(&self, economy: &Economy, _seed: u64, progress: &mut dyn Watch) -> Result<Found, Vec<Diagnostic>> {
        found(economy, progress).map_err(|d| vec![d])
    }
}

/// Whether draws and choices are of the kind.
fn knows(model: &Model) -> Result<(), String> {
    for s in &model.shocks {
        let private = s.owner.is_some() && matches!(&s.process, Process::Iid(law) if envelope::knows(law));
        if !private {
            return Err(format!(
                "`{}` is no private draw from uniform, normal, lognormal or exponential",
                s.name
            ));
        }
        if !observed_shock(model, s.input) {
            return Err(format!("`{}` is not observed by whom it belongs to", s.name));
        }
    }
    if let Some(name) = hidden_state(model) {
        return Err(format!("`{name}` is not observed by everybody"));
    }
    for a in &model.actions {
        if matches!(a.space, Space::Simplex(_)) || !a.given.is_empty() {
            return Err(format!("`{}` is neither a plain choice nor a number", a.name));
        }
    }
    Ok(())
}

fn found(economy: &Economy, progress: &mut dyn Watch) -> Result<Found, Diagnostic> {
    let game = Game::new(economy)?;
    let rounds = economy
        .model
        .solve_settings()
        .and_then(|s| s.get("iterations"))
        .and_then(|v| v.number());
    let rounds = rounds.map_or(ROUNDS, |x| x as usize);
    let mut settled: Vec<(Stand, usize)> = Vec::new();
    let mut failed: Option<Diagnostic> = None;
    let starts = starts(&game)?;
    for start in &starts {
        match settle(&game, start, rounds, progress) {
            Ok((s, rounds)) => {
                if settled.iter().all(|(f, _)| distance(f, &s) > APART) {
                    settled.push((s, rounds));
                }
            }
            Err(d) if d.code == "E0906" => return Err(d),
            Err(d) => failed = failed.or(Some(d)),
        }
    }
    let mut all = settled
        .iter()
        .map(|(s, rounds)| store::solution(&game, economy.model, s, *rounds));
    let Some(first) = all.next() else {
        return Err(failed.unwrap_or_else(|| Diagnostic::error("E0979", "no start settled")));
    };
    Ok(Found {
        solution: first?,
        others: all.collect::<Result<Vec<_>, _>>()?,
        searches: starts.len(),
        scope: scope(&game, starts.len()),
        discretised: Vec::new(),
        steady_state: Vec::new(),
        perceived: None,
        population: None,
    })
}

/// What was looked for.
fn scope(game: &Game, starts: usize) -> Vec<String> {
    let mut out = vec![format!(
        "values from {starts} starts (nothing, the most there can be, rivals who take their last choice)"
    )];
    if game.who.iter().any(|w| w.like.is_some()) {
        out.push("members who are alike playing alike, only".into());
    }
    out
}

/// Where the iteration begins: worth nothing, worth the most for ever, and rivals who always take their last choice.
fn starts(game: &Game) -> Result<Vec<Stand>, Diagnostic> {
    let (_, most) = game.rewards()?;
    let stand = |worth: f64, last: bool| {
        let chance = game.who.iter().map(|w| {
            let mut out = vec![0.0; w.allowed.len()];
            for (own, open) in out.chunks_mut(w.choices).zip(w.allowed.chunks(w.choices)) {
                let many = open.iter().filter(|a| **a).count() as f64;
                let end = open.iter().rposition(|a| *a);
                for (c, p) in own.iter_mut().enumerate().filter(|(c, _)| open[*c]) {
                    *p = if last {
                        f64::from(u8::from(Some(c) == end))
                    } else {
                        1.0 / many
                    };
                }
            }
            out
        });
        Stand {
            value: game
                .who
                .iter()
                .map(|w| vec![worth / (1.0 - w.discount.min(0.999)); game.nodes])
                .collect(),
            worth: game.who.iter().map(|w| vec![0.0; w.allowed.len()]).collect(),
            chance: chance.collect(),
            numbers: game.middle(0.1),
        }
    };
    Ok(vec![stand(0.0, false), stand(most.max(0.0), false), stand(0.0, true)])
}

/// The largest difference of values, as a share of the largest.
fn distance(a: &Stand, b: &Stand) -> f64 {
    let pairs = a.value.iter().flatten().zip(b.value.iter().flatten());
    let (far, size) = pairs.fold((0.0f64, 1e-300f64), |(f, s), (x, y)| {
        (f.max((x - y).abs()), s.max(y.abs()))
    });
    far / size
}

/// How far a round moved: values, chances, numbers.
type Moved = (f64, f64, f64);

/// Rounds until nothing moves.
fn settle(game: &Game, start: &Stand, rounds: usize, progress: &mut dyn Watch) -> Result<(Stand, usize), Diagnostic> {
    let mut last: Moved = (f64::INFINITY, 1.0, 1.0);
    for (part, periods, share) in TRIES {
        let mut now = start.clone();
        let mut scan = true;
        for round in 0..(share * rounds as f64).ceil() as usize {
            let report = Progress {
                iteration: round,
                of: rounds,
                error: last.0,
                target: STILL.0,
            };
            if progress.report(report) == Control::Cancel {
                return Err(Diagnostic::error(
                    "E0906",
                    "stopped before the chances of choices settled",
                ));
            }
            let before = now.value.clone();
            let (moved, better) = play(game, &mut now, part, scan || round % EVERY == 0)?;
            last = moved;
            let still = moved.0 <= STILL.0 && moved.1 <= STILL.1 && moved.2 <= STILL.2;
            if still && scan && !better {
                return Ok((now, round + 1));
            }
            // Numbers that no step leaves are held against their whole range before they count.
            scan = still;
            if periods > 0 && !still {
                game.go_on(&mut now, &before, periods)?;
            }
        }
    }
    Err(
        Diagnostic::error("E0979", format!("the chances of choices did not settle in {rounds} rounds"))
            .note(format!(
                "largest gain from one deviation about {:.1e} of the largest value; in the last round a chance moved by {:.1e}",
                last.0, last.1
            ))
            .hint("wider private draws make replies smoother; solve { iterations = 3000 } allows more rounds; a game may have cycles and no equilibrium that such steps reach"),
    )
}

/// One round; how far it moved, and whether a scan found better numbers.
fn play(game: &Game, now: &mut Stand, part: f64, scan: bool) -> Result<(Moved, bool), Diagnostic> {
    let (mut moved, mut better): (Moved, bool) = ((0.0, 0.0, 0.0), false);
    for i in (0..game.who.len()).filter(|i| game.who[*i].like.is_none()) {
        let size = now.value[i].iter().fold(1e-12f64, |m, v| m.max(v.abs()));
        let mut numbers = now.numbers.clone();
        for k in 0..game.who[i].numbers.len() {
            better |= scan && scanned(game, i, k, now, &mut numbers, size)?;
            stepped(game, i, k, now, &mut numbers)?;
        }
        let worth = game.worth(i, now, &numbers)?;
        let (value, chance) = game.taken(i, &worth);
        let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        moved.0 = f64::max(moved.0, far(&value, &now.value[i]) / size);
        moved.1 = f64::max(moved.1, far(&chance, &now.chance[i]));
        let w = &game.who[i];
        for (k, ends) in w.ends.iter().enumerate() {
            let widest = ends.iter().map(|(lo, hi)| hi - lo).fold(1e-300, f64::max);
            // A number that goes with a choice nobody takes is of no weight.
            let taken = chance.iter().map(|p| f64::from(u8::from(*p > 1e-9)));
            let by = numbers[i][k]
                .iter()
                .zip(&now.numbers[i][k])
                .zip(taken)
                .map(|((a, b), t)| t * (a - b).abs());
            moved.2 = f64::max(moved.2, by.fold(0.0, f64::max) / widest);
        }
        now.numbers[i] = numbers.swap_remove(i);
        for (x, y) in now.chance[i].iter_mut().zip(&chance) {
            *x += part * (y - *x);
        }
        now.value[i] = value;
        now.worth[i] = worth;
        game.share(i, now);
    }
    Ok((moved, better))
}

/// A step of each number to the top of the parabola through it and two points beside it, unless that is worth less.
fn stepped(game: &Game, i: usize, k: usize, now: &Stand, numbers: &mut [Vec<Vec<f64>>]) -> Result<(), Diagnostic> {
    let w = &game.who[i];
    let ends = |place: usize| w.ends[k][place / w.choices];
    // Where the parabola stands and half its width, one pair per number.
    let spots: Vec<(f64, f64)> = (numbers[i][k].iter().enumerate())
        .map(|(p, x)| {
            let (lo, hi) = ends(p);
            let least = NARROWEST * (hi - lo);
            let c = x.clamp(lo + least, hi - least);
            let way = OF_THE_WAY * (c - lo).min(hi - c);
            (c, way.clamp(least, WIDTH * (hi - lo)))
        })
        .collect();
    let mut at = |side: f64| -> Result<Vec<f64>, Diagnostic> {
        for (p, (c, h)) in spots.iter().enumerate() {
            numbers[i][k][p] = c + side * h;
        }
        game.worth(i, now, numbers)
    };
    let (below, here, above) = (at(-1.0)?, at(0.0)?, at(1.0)?);
    for (p, (c, h)) in spots.iter().enumerate() {
        let (lo, hi) = ends(p);
        let (rise, bend) = (0.5 * (above[p] - below[p]), above[p] - 2.0 * here[p] + below[p]);
        let step = match bend < 0.0 {
            true => -rise / bend,
            false if rise == 0.0 || rise.is_nan() => 0.0,
            false => rise.signum() * f64::INFINITY,
        };
        let most = STEP * (hi - lo);
        numbers[i][k][p] = if *h > 0.0 {
            (c + (step * h).clamp(-most, most)).clamp(lo, hi)
        } else {
            lo
        };
    }
    // Next to an end steps would go to and fro between two parabolas for ever.
    let there = game.worth(i, now, numbers)?;
    for (p, (c, _)) in spots.iter().enumerate().filter(|(p, _)| !(there[*p] > here[*p])) {
        numbers[i][k][p] = c + SHORTER * (numbers[i][k][p] - c);
    }
    Ok(())
}

/// Numbers moved to the best of a scan of their ranges where that is better; whether any was.
fn scanned(
    game: &Game,
    i: usize,
    k: usize,
    now: &Stand,
    numbers: &mut [Vec<Vec<f64>>],
    size: f64,
) -> Result<bool, Diagnostic> {
    let w = &game.who[i];
    let kept = numbers[i][k].clone();
    let mut best: Vec<(f64, f64)> = game
        .worth(i, now, numbers)?
        .into_iter()
        .zip(kept.iter().copied())
        .collect();
    let mut found = false;
    for point in 0..SCAN {
        let u = point as f64 / (SCAN - 1) as f64;
        for (p, x) in numbers[i][k].iter_mut().enumerate() {
            let (lo, hi) = w.ends[k][p / w.choices];
            *x = lo + u * (hi - lo);
        }
        let worth = game.worth(i, now, numbers)?;
        for (p, q) in worth.iter().enumerate() {
            if *q > best[p].0 + BETTER * size {
                best[p] = (*q, numbers[i][k][p]);
                found = true;
            }
        }
    }
    for (x, (_, b)) in numbers[i][k].iter_mut().zip(best) {
        *x = b;
    }
    Ok(found)
}
