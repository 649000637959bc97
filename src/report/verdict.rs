//! The verdict on learned policies: their distance from the exact policy, their welfare loss, and the benchmarks beside them.

#[cfg(test)]
mod tests;

use super::content::{CANNOT_TELL, Check, Content, NamedPicture, NamedTable};
use super::named::{names_of, with_names};
use super::number;
use super::plot::{self, Figure, Panel, Picture, Series, Stroke};
use super::table::Table;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::verify::learned::{FREE, NEAR, SeedVerdict, Verdict};

/// What must hold; `None` informs only.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Largest distance in policy of any seed, relative to the exact policy.
    pub policy_error: Option<f64>,
    /// Largest welfare loss of any seed.
    pub welfare_loss: Option<f64>,
    /// Largest log10 of the mean Euler residual of any seed.
    pub euler: Option<f64>,
}

/// What an estimate says of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Below,
    Above,
    /// Its standard error is too large to tell.
    Open,
}

/// Whether a number known up to a standard error lies below a limit: two standard errors either way decide.
fn call((x, error): (f64, f64), limit: f64) -> Call {
    if x + 2.0 * error <= limit {
        Call::Below
    } else if x - 2.0 * error > limit {
        Call::Above
    } else {
        Call::Open
    }
}

/// An estimate with its standard error, in per cent.
fn with_error((x, error): (f64, f64)) -> String {
    if error > 0.0 && error.is_finite() {
        format!("{} ± {} %", number::compact(100.0 * x), number::compact(100.0 * error))
    } else {
        percent(x)
    }
}

/// A loss that counts as zero: where a constant policy loses no more, nothing can be learned about a learner.
const NOTHING: f64 = 1e-6;
/// Largest share of the visited states that may be left out of a distance.
const LEFT_OUT: f64 = 0.2;
/// Largest loss that passes where a constant is as good as exact, and nothing was asked.
const AS_GOOD: f64 = 1e-3;
/// Above this a loss of first order is far from the share of consumption that is lost.
const LARGE: f64 = 0.1;
/// What a learner cannot reach costs so much of a period on average that it is warned of.
const OUT_OF_REACH: f64 = 1e-4;
/// How much better than the exact policy something may look beyond three standard errors: what interpolation leaves.
const ROUNDING: f64 = 1e-5;

fn percent(x: f64) -> String {
    format!("{} %", number::compact(100.0 * x))
}

fn at_most(limit: Option<f64>) -> String {
    limit.map_or(String::new(), |l| format!("at most {}", percent(l)))
}

/// The content of a verdict.
pub fn of_verdict(model: &Model, learner: &str, verdict: &Verdict, limits: &Limits) -> Content {
    let mut called = Called {
        verdict,
        limits,
        certificate: Vec::new(),
        diagnostics: Vec::new(),
    };
    called.distance();
    called.loss();
    called.one_shot_gain();
    called.grid_steps();
    called.euler();
    called.places();
    called.reach();
    called.constant();
    called.nothing_better();
    Content {
        model: model.name.clone(),
        title: model.title.clone(),
        headline: format!("{learner} judged by the exact solution"),
        facts: vec![(
            "losses".into(),
            if verdict.sampled {
                format!("shares of {}, on {} paths", verdict.unit, verdict.paths_followed)
            } else {
                format!(
                    "shares of {}, exact from each of {} first states",
                    verdict.unit, verdict.paths_followed
                )
            },
        )],
        diagnostics: called.diagnostics,
        certificate: called.certificate,
        tables: tables(verdict),
        pictures: pictures(model, verdict),
        ..Content::default()
    }
}

fn share(name: &str, x: f64, limit: Option<f64>, note: String) -> Check {
    Check {
        name: name.into(),
        measured: x,
        shown: Some(percent(x)),
        bound: at_most(limit),
        pass: limit.map(|l| x <= l),
        note,
    }
}

/// A verdict as it is called, line by line.
struct Called<'a> {
    verdict: &'a Verdict,
    limits: &'a Limits,
    certificate: Vec<Check>,
    diagnostics: Vec<Diagnostic>,
}

impl Called<'_> {
    /// The largest number of any seed; infinite if one is no number.
    fn worst(&self, f: &dyn Fn(&SeedVerdict) -> f64) -> f64 {
        let all = self.verdict.seeds.iter().map(f);
        fault!(
            "verdict.best_of_seeds",
            all.fold(f64::INFINITY, f64::min),
            all.fold(f64::NEG_INFINITY, |a, b| if b.is_nan() {
                f64::INFINITY
            } else {
                a.max(b)
            },)
        )
    }

    /// Not beating the exact policy is no verdict where no limit was set; beating it is one.
    fn asked(&self, pass: Option<bool>) -> Option<bool> {
        pass.filter(|p| !p || self.limited())
    }

    /// Which seed a number is of.
    fn which(&self) -> &'static str {
        match self.verdict.seeds.len() {
            1 => "one seed",
            _ => "worst seed",
        }
    }

    /// Whether a limit was set.
    fn limited(&self) -> bool {
        *self.limits != Limits::default()
    }

    /// What a large loss in shares of consumption is, beside first order.
    fn of_first_order(&self, loss: f64) -> String {
        if !(loss > LARGE && self.verdict.unit.starts_with("consumption")) {
            return String::new();
        }
        if self.verdict.logarithmic {
            format!(
                "; of first order: giving up {} of consumption for ever costs as much",
                percent(1.0 - (-loss).exp())
            )
        } else {
            "; of first order: so large a loss is not the share that one would give up".into()
        }
    }

    /// Says that an estimate cannot be told from its limit; the beginning of the line's note.
    fn undecided(&mut self, what: &str, estimate: (f64, f64), limit: f64) -> String {
        self.diagnostics.push(
            Diagnostic::error("E0933", format!("{what} cannot be told from its limit"))
                .note(format!(
                    "{} (standard error after the sign) on {} paths; the limit is {}",
                    with_error(estimate),
                    self.verdict.paths_followed,
                    percent(limit)
                ))
                .hint("follow more paths, verify { episodes = 10_000 }, or set the limit further off"),
        );
        format!("{CANNOT_TELL}: the standard error is too large; ")
    }

    /// How far the policy is from the exact one, and how many states that leaves out.
    fn distance(&mut self) {
        let limit = self.limits.policy_error;
        self.certificate.push(share(
            "distance in policy",
            self.worst(&|s| s.relative()),
            limit,
            format!(
                "{}; root mean square over states the exact policy visits, share of its own; {} with no state left out",
                match self.verdict.seeds.len() {
                    1 => "one seed".to_string(),
                    n => format!("worst of {n} seeds"),
                },
                percent(self.worst(&|s| s.relative_plain())),
            ),
        ));
        let distances = || self.verdict.seeds.iter().flat_map(|s| &s.distances);
        if distances().any(|d| !d.finite) {
            let left_out = self.worst(&|s| s.left_out());
            self.certificate.push(Check {
                name: "states left out of the distance".into(),
                measured: left_out,
                shown: Some(percent(left_out)),
                bound: limit.map_or(String::new(), |_| at_most(Some(LEFT_OUT))),
                pass: limit.map(|_| left_out <= LEFT_OUT),
                note: format!(
                    "no choice within {} of the exact one costs {} of {} there",
                    percent(NEAR),
                    percent(FREE),
                    self.verdict.period.replace(" for ever", ""),
                ),
            });
        }
    }

    /// What choosing right once would win.
    fn one_shot_gain(&mut self) {
        let gain = self.worst(&|s| s.one_shot.0);
        self.certificate.push(share(
            "one-shot deviation gain, mean",
            gain,
            None,
            format!("{}; gain from one optimal choice, share of one period", self.which()),
        ));
    }

    /// What the policy loses against the exact one.
    fn loss(&mut self) {
        let interval = |(lo, hi): (f64, f64)| format!("[{}, {}]", percent(lo), percent(hi));
        // The seed that decides is the one that may lose most.
        let losses: Vec<(f64, f64)> = self.verdict.seeds.iter().map(|s| (s.loss, s.loss_error)).collect();
        if let Some(loss) = of_the_worst(&losses) {
            // Where there is no constant to beat and nothing was asked, something must decide all the same.
            let alone = !self.limited() && self.verdict.constant.is_none();
            let limit = self.limits.welfare_loss.or(alone.then_some(AS_GOOD));
            let called = limit.map(|l| (l, call(loss, l)));
            let doubt = match called {
                Some((l, Call::Open)) => self.undecided("the welfare loss", loss, l),
                _ => String::new(),
            };
            self.certificate.push(Check {
                name: "welfare loss".into(),
                measured: loss.0,
                shown: Some(with_error(loss)),
                bound: at_most(limit),
                pass: called.map(|(_, c)| c == Call::Below),
                note: format!(
                    "{doubt}{}, share of {}{}{}",
                    match self.verdict.seeds.len() {
                        // Of one seed there is no spread.
                        1 => "one seed".to_string(),
                        _ => format!(
                            "worst seed; mean {} in {} (95 %)",
                            percent(self.verdict.mean_loss),
                            interval(self.verdict.loss_interval)
                        ),
                    },
                    self.verdict.unit,
                    self.of_first_order(loss.0),
                    if alone {
                        "; no limit was set, and there is no constant to beat"
                    } else {
                        ""
                    }
                ),
            });
        }
    }

    /// How far the policy is from the exact one where actions stand on a grid, in its steps.
    fn grid_steps(&mut self) {
        let on_grid: Vec<(f64, f64)> = self
            .verdict
            .seeds
            .iter()
            .flat_map(|s| &s.distances)
            .filter_map(|d| Some((d.steps()?, d.step?)))
            .collect();
        if let Some((steps, step)) = on_grid.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)) {
            let near = self
                .verdict
                .seeds
                .iter()
                .filter(|s| s.distances.iter().all(|d| d.steps().is_none_or(|x| x <= 1.0)))
                .count();
            self.certificate.push(Check {
                name: "distance in policy, largest, grid steps".into(),
                measured: steps,
                shown: Some(number::compact(steps)),
                bound: String::new(),
                pass: None,
                note: format!(
                    "{}; a step is {}; within one step in {near} of {} seeds",
                    self.which(),
                    number::compact(step),
                    self.verdict.seeds.len()
                ),
            });
        }
    }

    /// The Euler residual of the policy.
    fn euler(&mut self) {
        if self.verdict.seeds.iter().all(|s| s.euler.is_some()) {
            self.certificate.push(share(
                "Euler residual, mean",
                self.worst(&|s| s.euler.map_or(f64::NAN, |e| e.0)),
                self.limits.euler.map(|l| 10f64.powf(l)),
                format!("{}; of the learned policy, share of consumption", self.which()),
            ));
        } else if let Some(limit) = self.limits.euler {
            // A limit on what is not there is not met.
            self.certificate.push(Check {
                name: "Euler residual, mean".into(),
                measured: f64::NAN,
                shown: Some("none".into()),
                bound: at_most(Some(10f64.powf(limit))),
                pass: Some(false),
                note: "this model has no Euler equation; remove `euler` from verify { }".into(),
            });
        }
    }

    /// Decisions that were moved, and time outside the grid of the solution.
    fn places(&mut self) {
        let moved = self.worst(&|s| s.moved);
        if moved > 0.0 {
            self.certificate.push(share(
                "decisions moved to a feasible one",
                moved,
                None,
                format!("{}; a `require` or a mask forbade them", self.which()),
            ));
        }
        let outside = self.worst(&|s| s.outside);
        if outside > 0.0 {
            self.certificate.push(share(
                "time outside the grid of the solution",
                outside,
                None,
                format!("{}; values are extrapolated there", self.which()),
            ));
        }
    }

    /// Where no learner can choose what the exact policy does.
    fn reach(&mut self) {
        let beyond = &self.verdict.beyond;
        if !(beyond.share > 0.0) {
            return;
        }
        let cost = format!(
            "{} of {}",
            percent(beyond.cost),
            self.verdict.period.replace(" for ever", "")
        );
        let first = beyond.first.as_ref().map_or(String::new(), |(action, exact, instead)| {
            format!(
                "`{action}` = {}, nearest {}",
                number::compact(*exact),
                number::compact(*instead)
            )
        });
        self.certificate.push(share(
            "choices cut by the action's scale",
            beyond.share,
            None,
            format!("share of visited states where the exact choice is out of a learner's reach ({first}); that costs {cost} on average"),
        ));
        if beyond.cost > OUT_OF_REACH {
            self.diagnostics.push(
                Diagnostic::warning("W0990", "no learner can choose what the exact policy does")
                    .note(format!(
                        "in {} of the states that the exact policy visits its choice is out of reach: {first}; that alone costs {cost} on average",
                        percent(beyond.share)
                    ))
                    .hint("choose in other units, so that choices are of the size of one, or write closed bounds close around what is to be chosen"),
            );
        }
    }

    /// Whether the policy is better than the best constant one.
    fn constant(&mut self) {
        let constant = self
            .verdict
            .benchmarks
            .iter()
            .find(|(n, _)| n == "best constant")
            .map(|b| b.1);
        let margins: Option<Vec<(f64, f64)>> = self.verdict.seeds.iter().map(|s| s.behind_constant).collect();
        if let (Some(constant), Some(margin)) = (constant, margins.as_deref().and_then(of_the_worst)) {
            // Where a constant is as good as exact there is nothing to beat: being as good decides where nothing else does.
            let beatable = constant.loss > NOTHING.max(2.0 * constant.error);
            let called = beatable.then(|| call(margin, 0.0));
            let as_good = (!beatable && !self.limited()).then_some(margin.0 - 2.0 * margin.1 <= AS_GOOD);
            let doubt = match called {
                Some(Call::Open) => self.undecided("the distance to the best constant policy", margin, 0.0),
                _ => String::new(),
            };
            self.certificate.push(Check {
                name: "loses less than the best constant policy".into(),
                measured: margin.0,
                shown: Some(with_error(margin)),
                bound: match as_good {
                    Some(_) => format!("{} and two standard errors", at_most(Some(AS_GOOD))),
                    None => "below 0 %".into(),
                },
                pass: called.map(|c| c == Call::Below && margin.0 < 0.0).or(as_good),
                note: format!(
                    "{doubt}{}{}, which loses {}{}",
                    self.verdict.constant.clone().unwrap_or_default(),
                    if self.verdict.constant_moved > 0.0 {
                        format!(
                            " (moved to what is feasible in {} of periods)",
                            percent(self.verdict.constant_moved)
                        )
                    } else {
                        String::new()
                    },
                    percent(constant.loss),
                    if as_good.is_some() {
                        "; as good as exact, and no limit was set"
                    } else {
                        ""
                    }
                ),
            });
        }
    }

    /// No policy may do better than the exact one, against which all are judged.
    fn nothing_better(&mut self) {
        let everybody = self
            .verdict
            .seeds
            .iter()
            .map(|s| (format!("the policy of seed {}", s.seed), -s.loss, s.loss_error))
            .chain(
                self.verdict
                    .benchmarks
                    .iter()
                    .filter(|(n, _)| n != "exact")
                    .map(|(n, w)| (n.clone(), -w.loss, w.error)),
            );
        let lead = |x: &(String, f64, f64)| x.1 - 3.0 * x.2;
        if let Some(best) = everybody.max_by(|a, b| lead(a).total_cmp(&lead(b))) {
            let holds = lead(&best) <= ROUNDING;
            if !holds {
                self.diagnostics.push(
                    Diagnostic::error(
                        "E0932",
                        format!(
                            "{} does better than the exact solution, which therefore cannot serve as the benchmark",
                            best.0
                        ),
                    )
                    .note(format!("by {} of {}", with_error((best.1, best.2)), self.verdict.unit))
                    .hint(
                        "the solution is not optimal: widen its grid to where the model starts and goes, or refine it",
                    ),
                );
            }
            self.certificate.push(Check {
                name: "nothing does better than the exact solution".into(),
                measured: best.1,
                shown: Some(with_error((best.1, best.2))),
                bound: format!("at most {} and three standard errors", percent(ROUNDING)),
                pass: self.asked(Some(holds)),
                note: format!("the nearest is {}", best.0),
            });
        }
    }
}

/// Each seed, what it is compared with, and distances by action.
fn tables(verdict: &Verdict) -> Vec<NamedTable> {
    let seeds = &verdict.seeds;
    let column = |f: &dyn Fn(usize) -> f64| (0..seeds.len()).map(f).collect::<Vec<f64>>();
    let per_seed = Table::new()
        .integers("seed", seeds.iter().map(|s| s.seed as i64).collect())
        .numbers("value", column(&|i| seeds[i].value))
        .numbers("distance %", column(&|i| 100.0 * seeds[i].relative()))
        .numbers("left out %", column(&|i| 100.0 * seeds[i].left_out()))
        .numbers("welfare loss %", column(&|i| 100.0 * seeds[i].loss))
        .numbers("± %", column(&|i| 100.0 * seeds[i].loss_error))
        .numbers("one-shot gain %", column(&|i| 100.0 * seeds[i].one_shot.0))
        .numbers(
            "Euler residual %",
            column(&|i| 100.0 * seeds[i].euler.map_or(f64::NAN, |e| e.0)),
        );
    let mut distances = Table::new();
    let rows: Vec<(&u64, &crate::verify::learned::Distance)> = seeds
        .iter()
        .flat_map(|s| s.distances.iter().map(move |d| (&s.seed, d)))
        .collect();
    distances = distances
        .integers("seed", rows.iter().map(|r| *r.0 as i64).collect())
        .texts("action", rows.iter().map(|r| r.1.action.clone()).collect())
        .numbers("root mean square", rows.iter().map(|r| r.1.root_mean_square).collect())
        .numbers("left out %", rows.iter().map(|r| 100.0 * r.1.left_out).collect())
        .numbers("of all states", rows.iter().map(|r| r.1.plain).collect())
        .numbers("95 %", rows.iter().map(|r| r.1.p95).collect())
        .numbers("max", rows.iter().map(|r| r.1.max).collect())
        .numbers("exact root mean square", rows.iter().map(|r| r.1.scale).collect());
    if rows.iter().any(|r| r.1.step.is_some()) {
        let or_nan = |x: Option<f64>| x.unwrap_or(f64::NAN);
        distances = distances
            .numbers("grid step", rows.iter().map(|r| or_nan(r.1.step)).collect())
            .numbers("max in steps", rows.iter().map(|r| or_nan(r.1.steps())).collect());
    }
    let b = &verdict.benchmarks;
    let benchmarks = Table::new()
        .texts("policy", b.iter().map(|x| x.0.clone()).collect())
        .numbers("value", b.iter().map(|x| x.1.value).collect())
        .numbers("loss %", b.iter().map(|x| 100.0 * x.1.loss).collect())
        .numbers("± %", b.iter().map(|x| 100.0 * x.1.error).collect());
    let named = |stem: &str, caption: &str, table: Table, on_screen: usize| NamedTable {
        stem: stem.into(),
        caption: caption.into(),
        table,
        on_screen,
    };
    let slice = verdict.slice.iter().map(|s| {
        let table = Table::new()
            .numbers(&s.state, s.x.clone())
            .numbers("exact", s.exact.clone());
        let seeds = seeds.iter().zip(&s.learned);
        let table = seeds.fold(table, |t, (seed, curve)| {
            t.numbers(&format!("seed {}", seed.seed), curve.clone())
        });
        named("learned-and-exact", "Learned and exact policy", table, 0)
    });
    let mut out = vec![
        named("verdict", "Each seed", per_seed, 12),
        named("benchmarks", "Under common random numbers", benchmarks, 12),
        named(
            "distances",
            "Distance to the exact policy, in units of the action (finite choices: share of states)",
            distances,
            0,
        ),
    ];
    out.extend(slice);
    out
}

/// The estimate that may be largest, and any that is no number.
fn of_the_worst(all: &[(f64, f64)]) -> Option<(f64, f64)> {
    let most = |x: &(f64, f64)| if x.0.is_nan() { f64::INFINITY } else { x.0 + 2.0 * x.1 };
    all.iter().copied().max_by(|a, b| most(a).total_cmp(&most(b)))
}

fn pictures(model: &Model, verdict: &Verdict) -> Vec<NamedPicture> {
    let mut out = Vec::new();
    if let Some(s) = &verdict.slice {
        let mut series = Vec::new();
        let several = s.learned.len() > 1;
        if several {
            let single = |curve: &Vec<f64>| Series::line("", s.x.clone(), curve.clone()).stroke(Stroke::Faint);
            series.extend(s.learned.iter().map(single));
        }
        let over = |f: &dyn Fn(&mut dyn Iterator<Item = f64>) -> f64| -> Vec<f64> {
            let at = |i: usize| f(&mut s.learned.iter().map(|c| c[i]));
            (0..s.x.len()).map(at).collect()
        };
        if !s.learned.is_empty() {
            let count = s.learned.len() as f64;
            let mean = Series::line("learned", s.x.clone(), over(&|all| all.sum::<f64>() / count));
            series.push(match several {
                true => mean.band(
                    over(&|all| all.fold(f64::INFINITY, f64::min)),
                    over(&|all| all.fold(f64::NEG_INFINITY, f64::max)),
                ),
                false => mean,
            });
        }
        series.push(Series::line("exact", s.x.clone(), s.exact.clone()).stroke(Stroke::Dashed));
        out.push(NamedPicture {
            stem: "learned-and-exact".into(),
            picture: Picture::Lines(
                Figure::single(
                    "Learned and exact policy",
                    Panel {
                        x_label: s.state.clone(),
                        y_label: s.action.clone(),
                        series,
                        ..Panel::default()
                    },
                )
                .subtitle(match several {
                    true => "other states at their medians, the middle shock; mean over seeds, all of them shaded and in grey",
                    false => "other states at their medians, the middle shock",
                }),
            ),
        });
    }
    if !verdict.paths.is_empty() {
        let variables = verdict
            .paths
            .iter()
            .map(|(name, exact, learned)| {
                (
                    name.clone(),
                    vec![
                        ("learned".to_string(), learned.clone()),
                        ("exact".to_string(), exact.clone()),
                    ],
                )
            })
            .collect();
        out.push(NamedPicture {
            stem: "paths".into(),
            picture: plot::paths("One path under common random numbers", variables),
        });
    }
    for named in &mut out {
        named.picture = with_names(named.picture.clone(), &|name| names_of(model, name));
    }
    out
}
