//! The judgement of a transition.
//!
//! The path is walked again with a distribution of the judge's own: twice as many nodes, next states and what is averaged from the programs of the simulated
//! economy, the policies of each period on straight lines between their nodes. Prices must be what this makes of them. That policies are best is
//! measured by the oldest of all tests: one does a little more today, and what brings the state of the day after tomorrow back to where it
//! was; at the margin this must be worth nothing.

use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::engine::Engine;
use crate::env::worlds::{Bounds, Worlds};
use crate::graph::{InputKind, NodeId};
use crate::num::random::Key;
use crate::solve::continuum::held::{Held, Kind};
use crate::solve::continuum::transition::{Change, SHIFT, Transition, held};
use crate::solve::economy::Economy;
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::{ProofRow, Scale};

/// Places that are evaluated side by side.
const LANES: usize = 2048;
/// Largest distance of a number from what its path makes of it: as a share of it, and of the way that it goes.
const APART: f64 = 1e-3;
const OF_ITS_WAY: f64 = 0.02;
/// Mean of what a margin is worth, as a share of what it costs.
const MARGIN: f64 = 1e-3;
/// Largest share of the members that may be elsewhere than at rest in the end.
const ELSEWHERE: f64 = 1e-2;
/// Where nothing moves by more than this share of a shift, prices do not matter.
const STILL: f64 = 1e-4;
/// Places of each date at which margins are tried, and dates.
const PLACES: usize = 240;
const DATES: [usize; 9] = [0, 1, 2, 4, 8, 16, 32, 64, 128];
/// A way is open in which at least this share of a step is taken.
const OPEN: f64 = 0.1;
const STREAM: u64 = 0x7_4a11;

/// What the judge says.
#[derive(Clone, Debug, Default)]
pub struct TransitionCertificate {
    /// What was measured, one row each.
    pub proofs: Vec<ProofRow>,
    /// Why it fails, one entry per reason; empty where it holds.
    pub reasons: Vec<Diagnostic>,
}

/// Judges a path.
///
/// # Errors
/// E0864 for members whose moves the judge cannot follow; those of the economy's programs.
pub fn judge(change: &Change, found: &Transition, seed: u64) -> Result<TransitionCertificate, Diagnostic> {
    let economy = Economy::of(change.after)?;
    let mut own = held(&economy, change)?;
    change.paths.iter().for_each(|(p, _)| own.hold_parameter(*p));
    let mut bench = Bench::new(&own, found, seed)?;
    let mut out = TransitionCertificate::default();
    let numbers = bench.given(found);
    let rest: Vec<f64> = bench.at_rest(found);
    let periods = found.periods();
    let policies: Vec<&Vec<Vec<f64>>> = found.policies.iter().collect();
    let walked = bench.walk(&numbers, &policies, &found.masses[0], true)?;
    // At rest nothing should move: what does is the judge's nodes.
    let still: Vec<Vec<f64>> = vec![rest.clone(); periods];
    let resting = vec![&found.solution.policy; periods];
    let resting = bench.walk(&still, &resting, &found.masses[1], false)?;
    closes(&own, found, (&numbers, &rest), (&walked, &resting), &mut out)?;
    let apart: f64 = walked.last.iter().zip(&resting.last).map(|(a, b)| (a - b).abs()).sum();
    row(
        &mut out,
        (
            "path: members elsewhere than at rest in the end",
            apart,
            Scale::Share,
            Some(ELSEWHERE),
        ),
        format!("after {periods} periods"),
        || {
            Diagnostic::error("E0867", "at the end of the path members are not where they rest")
                .hint(format!("more periods: scenario NAME {{ periods {} }}", 2 * periods))
        },
    );
    row(
        &mut out,
        ("path: at the top of the grid", walked.top, Scale::Share, Some(1e-5)),
        "share of the members, most of all periods".into(),
        || {
            Diagnostic::error("E0938", "on the way the distribution piles up at the top of its grid")
                .hint("a wider grid: solve { grid.NAME = .. }")
        },
    );
    margins(&mut bench, found, (&numbers, &rest), &walked, seed, &mut out)?;
    matters(&own, &mut bench, found, &numbers, &walked, &mut out)?;
    Ok(out)
}

/// Adds what was measured, and why it fails if it does.
fn row(
    out: &mut TransitionCertificate,
    (name, value, scale, limit): (&str, f64, Scale, Option<f64>),
    note: String,
    reason: impl FnOnce() -> Diagnostic,
) {
    let holds = limit.map(|l| value <= l);
    if holds == Some(false) {
        out.reasons.push(reason());
    }
    out.proofs.push(ProofRow {
        name: name.to_string(),
        value,
        scale,
        limit,
        holds,
        note,
    });
}

/// The economy's programs for one member at stated numbers.
struct Bench {
    worlds: Worlds,
    /// The next state, the reward, the discount factor, and what is averaged.
    programs: Engine,
    seat: SolvedSeat,
    /// Inputs of held numbers, one per number.
    inputs: Vec<Option<usize>>,
    /// Where each number's mean stands among what is averaged, with who counts.
    averaged: Vec<Option<(usize, Option<usize>)>>,
    /// Which numbers stay, of those of the path.
    kept: Vec<usize>,
    /// Nodes of the solution, and of the judge's distribution.
    grid: Vec<f64>,
    nodes: Vec<f64>,
    chances: Vec<Vec<f64>>,
    values: Vec<Vec<f64>>,
}

/// What a place leads to.
struct Came {
    action: Vec<f64>,
    next: f64,
    reward: f64,
    discount: f64,
    of: Vec<f64>,
    /// Whether a choice stands at its lower, or upper end.
    at: [bool; 2],
}

/// A path as the judge walks it.
struct Walked {
    /// What is held, with means as they come out, `[period][number]`, and the means alone.
    means: Vec<Vec<f64>>,
    /// Members, `[period]`, node x joint shock; empty unless asked for.
    masses: Vec<Vec<f64>>,
    last: Vec<f64>,
    top: f64,
    sd: f64,
}

impl Bench {
    fn new(held: &Held, found: &Transition, seed: u64) -> Result<Bench, Diagnostic> {
        let model: &Model = &held.model;
        let no = |why: &str| {
            Diagnostic::error("E0864", format!("there is no transition of this: {why}"))
                .note("its path could not be judged")
        };
        let [state] = found.solution.states.as_slice() else {
            return Err(no("members have several states"));
        };
        if !model.noises.is_empty() {
            return Err(no("draws without memory move members"));
        }
        if !model.ends.is_empty() {
            return Err(no("lives end"));
        }
        let worlds = Worlds::new(model, None, LANES, seed, &[])?;
        let seat = SolvedSeat::of(model, &found.solution)?;
        let agent = &model.agents[held.agent];
        let own =
            crate::solve::located::state(model, &state.name).ok_or_else(|| no("its state is not known by name"))?;
        let mut nodes: Vec<NodeId> = vec![model.states[own.0].next];
        nodes.extend(agent.reward.iter().copied());
        nodes.extend(agent.discount.iter().copied());
        if nodes.len() != 3 {
            return Err(no("members have no reward or no discount factor"));
        }
        let first = nodes.len();
        let mut averaged = Vec::new();
        for n in &held.numbers {
            averaged.push(match n.kind {
                Kind::Mean { of, when } => {
                    nodes.push(of);
                    let at = nodes.len() - 1 - first;
                    nodes.extend(when);
                    Some((at, when.map(|_| at + 1)))
                }
                _ => None,
            });
        }
        let inputs = (held.numbers.iter())
            .map(|n| {
                model
                    .graph
                    .inputs
                    .iter()
                    .position(|i| i.kind == InputKind::Param(n.param))
            })
            .collect();
        // The path may hold more: means that are only shown.
        let names: Vec<usize> = (held.numbers.iter())
            .map(|n| found.names.iter().position(|x| *x == n.name).unwrap_or(usize::MAX))
            .collect();
        if names.contains(&usize::MAX) {
            return Err(Diagnostic::error(
                "E0990",
                "the path has no number that its economy holds",
            ));
        }
        let [axis] = found.nodes.as_slice() else {
            return Err(no("members have several states"));
        };
        let mut fine = Vec::with_capacity(2 * axis.len());
        for pair in axis.windows(2) {
            fine.extend([pair[0], 0.5 * (pair[0] + pair[1])]);
        }
        fine.extend(axis.last());
        Ok(Bench {
            programs: worlds.engine(nodes)?,
            worlds,
            inputs,
            averaged,
            kept: names,
            grid: state.nodes.clone(),
            nodes: fine,
            chances: found.solution.chain.transition.clone(),
            values: found.solution.chain.values.clone(),
            seat,
        })
    }

    /// What is held in each period, numbers as the judge counts them.
    fn given(&self, found: &Transition) -> Vec<Vec<f64>> {
        let one = |all: &Vec<f64>| self.kept.iter().map(|k| all[*k]).collect();
        found.numbers.iter().map(one).collect()
    }

    fn at_rest(&self, found: &Transition) -> Vec<f64> {
        self.kept.iter().map(|k| found.held[1][*k]).collect()
    }

    /// A policy on straight lines between its nodes: one number per action.
    fn policy(&self, policy: &[Vec<f64>], x: f64, shock: usize) -> Vec<f64> {
        let nz = self.chances.len();
        let k = self.grid.partition_point(|g| *g <= x).clamp(1, self.grid.len() - 1) - 1;
        let t = (x - self.grid[k]) / (self.grid[k + 1] - self.grid[k]);
        let one = |own: &Vec<f64>| (1.0 - t) * own[k * nz + shock] + t * own[(k + 1) * nz + shock];
        policy.iter().map(one).collect()
    }

    /// What places `(state, joint shock, actions)` lead to at held numbers; actions are held inside their bounds.
    fn evaluate(&mut self, numbers: &[f64], places: &[(f64, usize, Vec<f64>)]) -> Result<Vec<Came>, Diagnostic> {
        for (input, x) in self.inputs.iter().zip(numbers) {
            if let Some(i) = input {
                self.worlds.frame[*i].fill(*x);
            }
        }
        let mut out = Vec::with_capacity(places.len());
        for part in places.chunks(LANES) {
            let slot = self.seat.states[0];
            for (w, (x, shock, _)) in part.iter().enumerate() {
                self.worlds.frame[slot.input][slot.element * LANES + w] = *x;
                let (mut rest, sizes) = (*shock, self.seat.shocks.iter().map(|s| s.values.len().max(1)));
                let sizes: Vec<usize> = sizes.collect();
                for (k, s) in self.seat.shocks.iter().enumerate().rev() {
                    let number = rest % sizes[k];
                    rest /= sizes[k];
                    let stored = if s.continuous {
                        self.values[*shock][k]
                    } else {
                        number as f64
                    };
                    self.worlds.set_shock(s.shock, s.element, w, stored);
                }
            }
            let bounds = self.worlds.bounds(0)?;
            let mut done: Vec<(Vec<f64>, [bool; 2])> = Vec::with_capacity(part.len());
            for (w, (_, _, wanted)) in part.iter().enumerate() {
                let (mut own, mut at) = (Vec::with_capacity(wanted.len()), [false; 2]);
                for (choice, a) in self.seat.choices.iter().zip(wanted) {
                    let mut a = *a;
                    if let Some(Bounds::Between(lo, hi)) = bounds.get(choice.action) {
                        let e = choice.element * LANES + w;
                        let near = 1e-9 * (hi[e] - lo[e]).abs().min(1.0 + a.abs());
                        at = [at[0] || a <= lo[e] + near, at[1] || a >= hi[e] - near];
                        a = a.min(hi[e]).max(lo[e]);
                    }
                    self.worlds.choose(choice.action, choice.element, w, a);
                    own.push(a);
                }
                done.push((own, at));
            }
            let came = self.programs.run(&self.worlds.frame, LANES)?;
            let at = |k: usize, w: usize| came[k].get(w).or(came[k].first()).copied().unwrap_or(f64::NAN);
            for (w, (action, ends)) in done.into_iter().enumerate() {
                out.push(Came {
                    action,
                    next: at(0, w),
                    reward: at(1, w),
                    discount: at(2, w),
                    of: (3..came.len()).map(|k| at(k, w)).collect(),
                    at: ends,
                });
            }
        }
        Ok(out)
    }

    /// Carries members along a path of numbers and policies, from masses on the nodes of the path.
    fn walk(
        &mut self,
        numbers: &[Vec<f64>],
        policies: &[&Vec<Vec<f64>>],
        from: &[f64],
        keep: bool,
    ) -> Result<Walked, Diagnostic> {
        let nz = self.chances.len();
        let mut mass = vec![0.0; self.nodes.len() * nz];
        // Every other node is one of the path's.
        for (node, row) in from.chunks_exact(nz).enumerate() {
            mass[2 * node * nz..(2 * node + 1) * nz].copy_from_slice(row);
        }
        let mut out = Walked {
            means: Vec::new(),
            masses: Vec::new(),
            last: Vec::new(),
            top: 0.0,
            sd: 0.0,
        };
        let mut led: Vec<Came> = Vec::new();
        for (t, (numbers_now, policy)) in numbers.iter().zip(policies).enumerate() {
            crate::limits::poll();
            let as_before = t > 0 && std::ptr::eq(*policy, policies[t - 1]) && *numbers_now == numbers[t - 1];
            if !as_before {
                let places: Vec<(f64, usize, Vec<f64>)> = (0..self.nodes.len() * nz)
                    .map(|p| {
                        let x = self.nodes[p / nz];
                        (x, p % nz, self.policy(policy, x, p % nz))
                    })
                    .collect();
                led = self.evaluate(numbers_now, &places)?;
            }
            let mut now = vec![f64::NAN; numbers_now.len()];
            for (k, of) in self.averaged.iter().enumerate() {
                let Some((of, among)) = *of else { continue };
                let counts = |c: &Came| among.map_or(1.0, |a| f64::from(u8::from(c.of[a] != 0.0)));
                let pairs = || mass.iter().zip(&led).filter(|(m, _)| **m != 0.0);
                let sum: f64 = pairs().map(|(m, c)| m * counts(c) * c.of[of]).sum();
                now[k] = sum / pairs().map(|(m, c)| m * counts(c)).sum::<f64>();
            }
            out.means.push(now);
            let last = self.nodes.len() - 1;
            out.top = out.top.max(mass[last * nz..].iter().sum());
            if t == 0 {
                let moment = |p: i32| -> f64 {
                    mass.iter()
                        .enumerate()
                        .map(|(i, m)| m * self.nodes[i / nz].powi(p))
                        .sum()
                };
                out.sd = (moment(2) - moment(1).powi(2)).max(0.0).sqrt();
            }
            let mut moved = vec![0.0; mass.len()];
            for (p, m) in mass.iter().enumerate().filter(|(_, m)| **m != 0.0) {
                let x = led[p].next;
                let k = self.nodes.partition_point(|n| *n <= x).clamp(1, last) - 1;
                let up = ((x - self.nodes[k]) / (self.nodes[k + 1] - self.nodes[k])).clamp(0.0, 1.0);
                moved[k * nz + p % nz] += (1.0 - up) * m;
                moved[(k + 1) * nz + p % nz] += up * m;
            }
            let mut later = vec![0.0; mass.len()];
            for (own, row) in later.chunks_exact_mut(nz).zip(moved.chunks_exact(nz)) {
                for (from, m) in row.iter().enumerate() {
                    own.iter_mut().zip(&self.chances[from]).for_each(|(o, p)| *o += p * m);
                }
            }
            if keep {
                out.masses.push(std::mem::take(&mut mass));
            }
            mass = later;
        }
        out.last = mass;
        Ok(out)
    }
}

/// What the conditions of the economy say where members' means are these: what is left over of each number that was found, `[number][period]`.
fn left_over(
    held: &Held,
    unknown: &[usize],
    numbers: &[Vec<f64>],
    means: &[Vec<f64>],
) -> Result<Vec<Vec<f64>>, Diagnostic> {
    let mut out: Vec<Vec<f64>> = vec![Vec::new(); unknown.len()];
    let mut came: Vec<f64> = numbers.first().cloned().unwrap_or_default();
    for (own, mean) in numbers.iter().zip(means) {
        let mut now = own.clone();
        for (k, m) in mean.iter().enumerate() {
            if !m.is_nan() && !unknown.contains(&k) {
                now[k] = *m;
            }
        }
        for (u, k) in unknown.iter().enumerate() {
            let value = match held.numbers[*k].kind {
                Kind::Mean { .. } | Kind::Entry => mean[*k] - own[*k],
                Kind::Clears { excess } => held.evaluate(&[excess], &now)?[0],
                Kind::State { law } => {
                    let next = held.evaluate(&[law], &now)?[0];
                    std::mem::replace(&mut came[*k], next) - own[*k]
                }
            };
            out[u].push(value);
        }
    }
    Ok(out)
}

/// Whether prices are what the path makes of them.
fn closes(
    held: &Held,
    found: &Transition,
    (numbers, rest): (&[Vec<f64>], &[f64]),
    (walked, resting): (&Walked, &Walked),
    out: &mut TransitionCertificate,
) -> Result<(), Diagnostic> {
    let unknown = found_numbers(held, found);
    let still = vec![rest.to_vec(); numbers.len()];
    let left = left_over(held, &unknown, numbers, &walked.means)?;
    let base = left_over(held, &unknown, &still, &resting.means)?;
    for ((k, left), base) in unknown.iter().zip(&left).zip(&base) {
        let name = &held.numbers[*k].name;
        let clears = matches!(held.numbers[*k].kind, Kind::Clears { .. });
        let size = if clears {
            walked.sd.max(1e-9)
        } else {
            rest[*k].abs().max(1e-9)
        };
        let most = |values: &mut dyn Iterator<Item = f64>| {
            values.enumerate().fold((0, 0.0), |m: (usize, f64), (t, x)| {
                if x.is_nan() || x.abs() > m.1 {
                    (t, if x.is_nan() { f64::INFINITY } else { x.abs() })
                } else {
                    m
                }
            })
        };
        let (when, level) = most(&mut left.iter().map(|l| l / size));
        let what = match clears {
            true => format!("path: left over at {name}, largest"),
            false => format!("path: {name} as carried, largest distance"),
        };
        let note = format!("in period {when}; on twice as many nodes");
        row(out, (&what, level, Scale::Share, Some(APART)), note, || {
            Diagnostic::error(
                "E0867",
                format!("`{name}` is not what members make of it along the path"),
            )
            .note(format!("largest distance {:.2e} of it, in period {when}", level))
            .hint("more nodes: solve { grid.NAME = .. }")
        });
        let way = numbers.iter().fold(0.0, |m: f64, n| m.max((n[*k] - rest[*k]).abs()));
        let scale = if clears {
            walked.sd * way / rest[*k].abs().max(1e-3)
        } else {
            way
        };
        if scale > 0.0 {
            let (when, beside) = most(&mut left.iter().zip(base).map(|(a, b)| (a - b) / scale));
            let what = format!("path: {name}, of the way that it goes");
            let note = format!("in period {when}; beside what the judge's nodes do at rest");
            // A market's excess has no way of its own.
            let limit = (!clears).then_some(OF_ITS_WAY);
            row(out, (&what, beside, Scale::Share, limit), note, || {
                Diagnostic::error("E0867", format!("`{name}` moves otherwise than members make it move"))
                    .note(format!("{:.2} % of its way in period {when}", 100.0 * beside))
                    .hint("more nodes: solve { grid.NAME = .. }")
            });
        }
    }
    Ok(())
}

/// Numbers that were found, as the judge counts them.
fn found_numbers(held: &Held, found: &Transition) -> Vec<usize> {
    let names: Vec<&String> = found.unknown.iter().map(|k| &found.names[*k]).collect();
    (0..held.numbers.len())
        .filter(|k| names.contains(&&held.numbers[*k].name))
        .collect()
}

/// Whether found numbers matter: where one is shifted members must go elsewhere.
fn matters(
    held: &Held,
    bench: &mut Bench,
    found: &Transition,
    numbers: &[Vec<f64>],
    walked: &Walked,
    out: &mut TransitionCertificate,
) -> Result<(), Diagnostic> {
    let unknown = found_numbers(held, found);
    let here = left_over(held, &unknown, numbers, &walked.means)?;
    for (u, k) in unknown.iter().enumerate() {
        let Some(shifted) = found.shifted.get(u).and_then(Option::as_ref) else {
            continue;
        };
        let mut there = numbers.to_vec();
        for n in &mut there {
            n[*k] += SHIFT * n[*k].abs().max(1e-3);
        }
        let policies: Vec<&Vec<Vec<f64>>> = shifted.iter().collect();
        let walked = bench.walk(&there, &policies, &found.masses[0], false)?;
        // Numbers as they were: only what members do has changed.
        let moved = left_over(held, &unknown, numbers, &walked.means)?;
        let by = (moved.iter().zip(&here).zip(&unknown))
            .flat_map(|((a, b), k)| {
                let size = numbers[0][*k].abs().max(1e-3);
                a.iter().zip(b).map(move |(a, b)| (a - b).abs() / size)
            })
            .fold(0.0, |m: f64, x| m.max(x));
        let name = &held.numbers[*k].name;
        let holds = by > STILL * SHIFT;
        out.proofs.push(ProofRow {
            name: format!("path: what {name} moves, shifted by 1 %"),
            value: by,
            scale: Scale::Share,
            limit: None,
            holds: Some(holds),
            note: "the largest move of a condition; none at all would say nothing of prices".into(),
        });
        if !holds {
            out.reasons.push(
                Diagnostic::error(
                    "E0867",
                    format!("shifting `{name}` along the path moves nothing that members do"),
                )
                .hint("what they take as given must matter to them"),
            );
        }
    }
    Ok(())
}

/// What a little more today and as much less tomorrow is worth, along the path.
fn margins(
    bench: &mut Bench,
    found: &Transition,
    (numbers, rest): (&[Vec<f64>], &[f64]),
    walked: &Walked,
    seed: u64,
    out: &mut TransitionCertificate,
) -> Result<(), Diagnostic> {
    if bench.seat.choices.len() != 1 {
        return Ok(());
    }
    let key = Key::new(seed, STREAM);
    let nz = bench.chances.len();
    let (mut sum, mut weight, mut worst) = (0.0, 0.0, (0.0, 0));
    let mut tried = 0;
    for (d, t) in DATES.iter().copied().filter(|t| *t < found.periods()).enumerate() {
        crate::limits::poll();
        let mass = &walked.masses[t];
        let mut through = Vec::with_capacity(mass.len());
        let mut total = 0.0;
        for m in mass {
            total += m;
            through.push(total);
        }
        let shift = key.uniform(d as u64, 0);
        let places: Vec<(f64, usize)> = (0..PLACES)
            .map(|i| {
                let u = (i as f64 + shift) / PLACES as f64 * total;
                let p = through.partition_point(|c| *c < u).min(mass.len() - 1);
                let node = p / nz;
                let to = bench.nodes[(node + 1).min(bench.nodes.len() - 1)];
                let x = bench.nodes[node] + key.uniform(d as u64, 1 + i as u64) * (to - bench.nodes[node]);
                (x, p % nz)
            })
            .collect();
        let here = |b: &Bench, x: f64, z: usize| (x, z, b.policy(&found.policies[t], x, z));
        let asked: Vec<(f64, usize, Vec<f64>)> = places.iter().map(|(x, z)| here(bench, *x, *z)).collect();
        let base = bench.evaluate(&numbers[t], &asked)?;
        let (later, policy) = match t + 1 < found.periods() {
            true => (numbers[t + 1].clone(), &found.policies[t + 1]),
            false => (rest.to_vec(), &found.solution.policy),
        };
        // Both ways, where they are open.
        let step = |c: &Came| 1e-4 * c.action[0].abs().max(1e-2);
        let moved: Vec<[Came; 2]> = {
            let both: Vec<(f64, usize, Vec<f64>)> = (places.iter().zip(&base))
                .flat_map(|((x, z), c)| [1.0, -1.0].map(|s| (*x, *z, vec![c.action[0] + s * step(c)])))
                .collect();
            let mut came = bench.evaluate(&numbers[t], &both)?.into_iter();
            let mut out = Vec::with_capacity(places.len());
            while let (Some(a), Some(b)) = (came.next(), came.next()) {
                out.push([a, b]);
            }
            out
        };
        let mut worth = vec![[0.0; 2]; places.len()];
        for to in 0..nz {
            let tomorrow = |x: f64, b: &Bench| (x, to, b.policy(policy, x, to));
            let asked: Vec<(f64, usize, Vec<f64>)> = base.iter().map(|c| tomorrow(c.next, bench)).collect();
            let as_planned = bench.evaluate(&later, &asked)?;
            for side in [0, 1] {
                // What brings the state after it back: by secants from what is planned there.
                let mut a: Vec<f64> = as_planned.iter().map(|c| c.action[0]).collect();
                let mut came = Vec::new();
                for round in 0..4 {
                    let asked: Vec<(f64, usize, Vec<f64>)> = moved
                        .iter()
                        .zip(&a)
                        .map(|(m, a)| (m[side].next, to, vec![*a]))
                        .collect();
                    came = bench.evaluate(&later, &asked)?;
                    if round == 3 {
                        break;
                    }
                    let nudged: Vec<(f64, usize, Vec<f64>)> = (moved.iter().zip(&a))
                        .map(|(m, a)| (m[side].next, to, vec![a - 1e-5 * a.abs().max(1e-2)]))
                        .collect();
                    let beside = bench.evaluate(&later, &nudged)?;
                    for i in 0..a.len() {
                        let slope = (came[i].next - beside[i].next) / (came[i].action[0] - beside[i].action[0]);
                        let gap = came[i].next - as_planned[i].next;
                        if slope.is_finite() && slope != 0.0 {
                            a[i] -= gap / slope;
                        }
                    }
                }
                for i in 0..places.len() {
                    let p = bench.chances[places[i].1][to];
                    let gap = (came[i].next - as_planned[i].next).abs();
                    let gain = match gap <= 1e-6 * (moved[i][side].next - base[i].next).abs().max(1e-12) {
                        true => came[i].reward - as_planned[i].reward,
                        false => f64::NAN,
                    };
                    if p > 0.0 {
                        worth[i][side] += p * base[i].discount * gain;
                    }
                }
            }
        }
        for i in 0..places.len() {
            let [up, down] = &moved[i];
            let gains = [
                (
                    up.reward - base[i].reward + worth[i][0],
                    up.action[0] - base[i].action[0],
                ),
                (
                    down.reward - base[i].reward + worth[i][1],
                    base[i].action[0] - down.action[0],
                ),
            ];
            let slope = ((up.reward - down.reward) / (up.action[0] - down.action[0])).abs();
            // Where a bound binds only the way that is open counts, and only what is gained. A way of a rounding error is none.
            let binds = base[i].at[0] || base[i].at[1];
            let open = OPEN * step(&base[i]);
            let off = match binds {
                true => gains
                    .iter()
                    .filter(|g| g.1 > open)
                    .fold(0.0, |m: f64, g| m.max(g.0 / g.1)),
                false => 0.5 * (gains[0].0 / gains[0].1 - gains[1].0 / gains[1].1),
            };
            let off = (off / slope).abs();
            // Where tomorrow is at a bound, what was done cannot be undone.
            if !off.is_finite() {
                continue;
            }
            tried += 1;
            sum += off;
            weight += 1.0;
            if off > worst.0 {
                worst = (off, t);
            }
        }
    }
    if weight == 0.0 {
        return Ok(());
    }
    let mean = sum / weight;
    row(
        out,
        (
            "path: worth of a margin, mean",
            mean.max(1e-16).log10(),
            Scale::Log,
            Some(MARGIN.log10()),
        ),
        format!(
            "of what it costs; {tried} places in {} periods",
            DATES.iter().filter(|t| **t < found.periods()).count()
        ),
        || {
            Diagnostic::error("E0867", "what members do along the path is not best")
                .note(format!(
                    "a little more today and less tomorrow would be worth {:.2} % of what it costs",
                    100.0 * mean
                ))
                .hint("more nodes: solve { grid.NAME = .. }")
        },
    );
    row(
        out,
        (
            "path: worth of a margin, largest",
            worst.0.max(1e-16).log10(),
            Scale::Log,
            None,
        ),
        format!("in period {}", worst.1),
        || Diagnostic::error("E0867", "what members do along the path is not best"),
    );
    Ok(())
}
