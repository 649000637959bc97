//! What means along a path do where one number of one period moves: the fake-news method (Auclert, Bardoczy, Rognlie and Straub 2021,
//! *Econometrica* 89).
//!
//! At rest only the distance between the period that is looked at and the period that moves counts for what members do, and where they are
//! follows from what they did before: `J[t][s] = J[t-1][s-1] + F[t][s]`, where `F[0][s]` is what those at rest do when they learn that something moves in
//! `s` periods, and `F[t][s]` what the places that this leads them to are worth `t - 1` periods later. One pass back and one of expectations give all of it.

use super::course::Course;
use crate::diag::Diagnostic;
use crate::limits;
use crate::solve::continuum::flow::Flow;
use crate::solve::continuum::held::Kind;
use crate::solve::continuum::histogram::mean;
use nalgebra::DMatrix;

/// By what share of its size a number moves.
const MOVE: f64 = 1e-4;

/// What the means of a path do where unknowns move: `[number][unknown]`, a matrix `(period, period that moves)` each; `None` for numbers that
/// are no mean.
type Answers = Vec<Option<Vec<DMatrix<f64>>>>;

/// How what is left over moves with the unknowns, `(condition, unknown)` period by period, unknowns fastest, around the rest at the end.
///
/// # Errors
/// Those of the members' problem.
pub(super) fn slopes(course: &mut Course, periods: usize) -> Result<DMatrix<f64>, Diagnostic> {
    let answers = answers(course, periods)?;
    let n = course.unknown.len();
    let rest = course.end.numbers.clone();
    let here = course.conditions(&rest)?;
    // How conditions move with numbers of their own period.
    let mut own = vec![vec![0.0; rest.len()]; n];
    for k in 0..rest.len() {
        if course.given.iter().any(|g| g.0 == k) {
            continue;
        }
        let by = 1e-6 * rest[k].abs().max(1e-3);
        let [up, down] = [by, -by].map(|by| {
            let mut there = rest.clone();
            there[k] += by;
            course.conditions(&there)
        });
        let (up, down) = (up?, down?);
        for u in 0..n {
            if !here[u].is_nan() {
                own[u][k] = (up[u] - down[u]) / (2.0 * by);
            }
        }
    }
    let mut out = DMatrix::zeros(n * periods, n * periods);
    for (u, k) in course.unknown.iter().enumerate() {
        let kind = &course.held.numbers[*k].kind;
        // States of nobody are told by the period before.
        let lag = usize::from(matches!(kind, Kind::State { .. }));
        for v in 0..n {
            for t in 0..periods {
                for s in 0..periods {
                    let mut slope = 0.0;
                    if matches!(kind, Kind::Mean { .. }) {
                        slope = answers[*k].as_ref().map_or(0.0, |a| a[v][(t, s)]);
                    } else if t >= lag {
                        for (number, answer) in answers.iter().enumerate() {
                            let Some(answer) = answer else { continue };
                            if !course.unknown.contains(&number) && own[u][number] != 0.0 {
                                slope += own[u][number] * answer[v][(t - lag, s)];
                            }
                        }
                        if t - lag == s {
                            slope += own[u][course.unknown[v]];
                        }
                    }
                    if u == v && t == s && !matches!(kind, Kind::Clears { .. }) {
                        slope -= 1.0;
                    }
                    out[(t * n + u, s * n + v)] = slope;
                }
            }
        }
    }
    Ok(out)
}

/// What means do around the rest at which the path ends.
///
/// # Errors
/// Those of the members' problem.
fn answers(course: &mut Course, periods: usize) -> Result<Answers, Diagnostic> {
    let unknown = course.unknown.clone();
    let rest = course.end.numbers.clone();
    course.household.decision.set_numbers(&rest);
    let (flow, watched) = course.household.under(&course.end.dated.policy.clone())?;
    let mass = course.end.mass.clone();
    let after = course.moved(&flow, &mass);
    let functions = course.functions(&watched);
    let level: Vec<f64> = functions.iter().map(|f| mean(&mass, f)).collect();
    // What each function is expected to be later on, for who is at a place now.
    let later = periods.saturating_sub(1);
    let ahead: Vec<DMatrix<f64>> = (functions.iter())
        .map(|own| {
            let mut out = DMatrix::zeros(mass.len(), later);
            let mut now = own.clone();
            for t in 0..later {
                limits::poll();
                out.column_mut(t).copy_from_slice(&now);
                now = expected(&flow, &now);
            }
            out
        })
        .collect();
    // `[unknown][function]`
    let mut raw: Vec<Vec<DMatrix<f64>>> = Vec::with_capacity(unknown.len());
    for k in &unknown {
        let by = MOVE * rest[*k].abs().max(1e-3);
        let mut dated = course.end.dated.clone();
        let mut at_once = vec![vec![0.0; periods]; functions.len()];
        let mut led = DMatrix::zeros(mass.len(), periods);
        for s in 0..periods {
            limits::poll();
            let mut numbers = rest.clone();
            if s == 0 {
                numbers[*k] += by;
            }
            course.household.decision.set_numbers(&numbers);
            dated.back(&course.household.decision)?;
            let (flow, then) = course.household.under(&dated.policy)?;
            let then = course.functions(&then);
            for (own, (then, level)) in at_once.iter_mut().zip(then.iter().zip(&level)) {
                own[s] = (mean(&mass, then) - level) / by;
            }
            let moved = course.moved(&flow, &mass);
            let slope: Vec<f64> = moved.iter().zip(&after).map(|(a, b)| (a - b) / by).collect();
            led.column_mut(s).copy_from_slice(&slope);
        }
        let each = ahead.iter().zip(&at_once);
        raw.push(
            each.map(|(ahead, own)| added(&(ahead.transpose() * &led), own))
                .collect(),
        );
    }
    let of = |k: usize| -> Option<Vec<DMatrix<f64>>> {
        let (of, among) = course.averaged[k]?;
        let one = |own: &Vec<DMatrix<f64>>| match among {
            None => own[of].clone(),
            Some(among) => (&own[of] - &own[among] * (level[of] / level[among])) / level[among],
        };
        Some(raw.iter().map(one).collect())
    };
    Ok((0..rest.len()).map(of).collect())
}

/// The answers from what is done at once (by periods ahead) and what it is worth later, `(periods later, periods ahead)`.
fn added(news: &DMatrix<f64>, at_once: &[f64]) -> DMatrix<f64> {
    let n = at_once.len();
    let mut out = DMatrix::zeros(n, n);
    for s in 0..n {
        out[(0, s)] = at_once[s];
    }
    for t in 1..n {
        for s in 0..n {
            let before = if s == 0 { 0.0 } else { out[(t - 1, s - 1)] };
            out[(t, s)] = before + news[(t - 1, s)];
        }
    }
    out
}

/// What is expected of a function a period later, from each place.
fn expected(flow: &Flow, of: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; of.len()];
    let mut own = vec![0.0; of.len()];
    for branch in &flow.branches {
        branch.to.expect(of, &flow.transition, &mut own);
        let chances = own.iter().zip(&branch.chance);
        out.iter_mut().zip(chances).for_each(|(o, (x, p))| *o += p * x);
    }
    if !flow.ends.is_empty() {
        let anew = mean(&flow.born, of);
        out.iter_mut().zip(&flow.ends).for_each(|(o, e)| *o += e * anew);
    }
    out
}
