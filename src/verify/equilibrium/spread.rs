//! How members' states are spread, as lived: who stands at the bottom, and which share lies below the quantiles that are reported.
//!
//! The distribution at rest moves mass between nodes, and its report reads shares off that mass. Members who live in the economy have no nodes: their states are
//! counted. Sampling errors are those of the worlds' shares.

use crate::diag::Diagnostic;
use crate::env::worlds::Worlds;
use crate::num::statistics;
use crate::num::weighted::Weighted;
use crate::solve::continuum::population::{Population, Profile, SHARES, Spread};
use crate::verify::world::seat::SolvedSeat;
use crate::verify::world::{ProofRow, Scale, WorldCertificate};

/// Worlds that members live in.
pub(super) const WORLDS: usize = 24;
/// Every how many-th period members are looked at.
pub(super) const EVERY: usize = 8;
/// Largest distance beside sampling error: of the share at the bottom as a share of it and of all, and of the share below a quantile.
const BOTTOM: (f64, f64) = (5e-3, 2e-4);
const BELOW: f64 = 5e-3;
/// Largest distance of the Gini coefficient as a share of it, beside sampling error.
const GINI: f64 = 5e-3;
/// Largest distance of a mean among those who count the same, in standard deviations over all, beside sampling error.
const PROFILE: f64 = 5e-3;
/// Within which share of the lowest cell of the grid a member stands at the bottom, and within which share of a standard deviation of a quantile on both sides of it.
const AT: f64 = 0.1;
const BESIDE: f64 = 5e-3;

/// States that were met, `[state][world]`, in any order.
pub(super) struct Spreads {
    met: Vec<Vec<Vec<f64>>>,
}

impl Spreads {
    /// None met so far, of so many states.
    pub(super) fn new(states: usize) -> Spreads {
        Spreads {
            met: vec![vec![Vec::new(); WORLDS]; states],
        }
    }

    /// Notes where all members are.
    pub(super) fn look(&mut self, worlds: &Worlds, seat: &SolvedSeat, members: usize) {
        for (met, slot) in self.met.iter_mut().zip(&seat.states) {
            let all = &worlds.frame[slot.input];
            for (w, own) in met.iter_mut().enumerate() {
                own.extend((0..members).map(|m| all[m * WORLDS + w]));
            }
        }
    }

    /// Compares with what is reported.
    pub(super) fn judge(&self, population: &Population, out: &mut WorldCertificate) {
        for ((met, told), nodes) in self.met.iter().zip(&population.spread).zip(&population.nodes) {
            let cell = nodes.get(1).map_or(0.0, |n| n - nodes[0]);
            bottom(met, told, nodes[0] + AT * cell, out);
            below(met, told, nodes[nodes.len() - 1] - nodes[0], out);
            if told.gini.is_finite() {
                gini(met, told, nodes[0], out);
            }
        }
        for profile in &population.profiles {
            let at = |name: &str| population.spread.iter().position(|s| s.name == name);
            let Some(count) = at(&profile.state) else { continue };
            for (name, means) in &profile.means {
                if let Some(of) = at(name) {
                    let met = (self.met[count].as_slice(), self.met[of].as_slice());
                    by_count(profile, (name, means), met, population.spread[of].sd, out);
                }
            }
        }
    }
}

/// The means of a state of those who count the same: the largest distance, in standard deviations of the state over all members.
fn by_count(
    profile: &Profile,
    (name, told): (&str, &[f64]),
    (counts, values): (&[Vec<f64>], &[Vec<f64>]),
    sd: f64,
    out: &mut WorldCertificate,
) {
    let mut worst = (0.0, f64::INFINITY, f64::NAN, f64::NAN, f64::NAN);
    for (at, told) in profile.values.iter().zip(told).filter(|(_, t)| t.is_finite()) {
        let one = |(counts, values): (&Vec<f64>, &Vec<f64>)| {
            let own = counts.iter().zip(values).filter(|(c, _)| *c == at).map(|(_, x)| *x);
            let (n, sum) = own.fold((0.0, 0.0), |(n, sum), x| (n + 1.0, sum + x));
            (n > 0.0).then_some(sum / n)
        };
        let lived: Vec<f64> = counts.iter().zip(values).filter_map(one).collect();
        if lived.len() < WORLDS {
            continue;
        }
        let (mean, error) = (
            statistics::mean(&lived),
            statistics::sd(&lived) / (WORLDS as f64).sqrt(),
        );
        let (off, limit) = ((mean - told).abs() / sd, PROFILE + 5.0 * error / sd);
        if !(off / limit < worst.0 / worst.1) {
            worst = (off, limit, *at, *told, mean);
        }
    }
    let (off, limit, at, told, lived) = worst;
    if at.is_nan() {
        return;
    }
    let words = format!("{told:.5} at {} = {at}, {lived:.5} as lived", profile.state);
    let what = format!("population: {name} by {}", profile.state);
    row(&what, (off, limit), words, out);
    if !(off <= limit) {
        refuse(
            format!(
                "the mean of `{name}` at `{} = {at}` is said to be {told:.5}, and is {lived:.5} where members live",
                profile.state
            ),
            out,
        );
    }
}

/// The share at most `x` in each world, its mean and four standard errors.
fn share(met: &[Vec<f64>], x: f64) -> (f64, f64) {
    let one = |own: &Vec<f64>| own.iter().filter(|y| **y <= x).count() as f64 / own.len().max(1) as f64;
    let all: Vec<f64> = met.iter().map(one).collect();
    (
        statistics::mean(&all),
        4.0 * statistics::sd(&all) / (all.len() as f64).sqrt(),
    )
}

/// Who stands at the lowest node.
fn bottom(met: &[Vec<f64>], told: &Spread, lowest: f64, out: &mut WorldCertificate) {
    let (lived, error) = share(met, lowest);
    let off = (told.bottom - lived).abs();
    let limit = error + BOTTOM.0 * told.bottom + BOTTOM.1;
    let words = format!(
        "{:.3} % as lived; two standard errors {:.3} %",
        100.0 * lived,
        50.0 * error
    );
    row(
        &format!("population: {} at the bottom", told.name),
        (off, limit),
        words,
        out,
    );
    if !(off <= limit) {
        refuse(
            format!(
                "{:.3} % of the members are said to stand at the bottom of `{}`, and {:.3} % do where members live",
                100.0 * told.bottom,
                told.name,
                100.0 * lived
            ),
            out,
        );
    }
}

/// Which shares lie below the quantiles: the largest distance. Many may stand at one, so what lies a little below and a little above may differ.
fn below(met: &[Vec<f64>], told: &Spread, range: f64, out: &mut WorldCertificate) {
    let beside = BESIDE * if told.sd > 0.0 { told.sd } else { range };
    let mut worst = (0.0, f64::INFINITY, 0.0, 0.0);
    for (p, x) in SHARES.iter().zip(&told.quantiles) {
        let ((low, low_error), (high, high_error)) = (share(met, x - beside), share(met, x + beside));
        let off = f64::max(low - p, p - high).max(0.0);
        let limit = BELOW + f64::max(low_error, high_error);
        // The one that comes closest to its limit.
        if !(off / limit < worst.0 / worst.1) {
            worst = (off, limit, *p, 0.5 * (low + high));
        }
    }
    let (off, limit, p, lived) = worst;
    let words = format!(
        "largest at the {} % quantile; two standard errors {:.2} %",
        100.0 * p,
        50.0 * (limit - BELOW)
    );
    row(
        &format!("population: quantiles of {}", told.name),
        (off, limit),
        words,
        out,
    );
    if !(off <= limit) {
        refuse(
            format!(
                "{:.2} % of the members are said to have at most the {:.0} % quantile of `{}`, and about {:.2} % have where members live",
                100.0 * p,
                100.0 * p,
                told.name,
                100.0 * lived
            ),
            out,
        );
    }
}

/// The Gini coefficient, with the mean that is reported: half of what two members differ by on average, which has no denominator that sampling makes small.
fn gini(met: &[Vec<f64>], told: &Spread, lowest: f64, out: &mut WorldCertificate) {
    let one = |own: &Vec<f64>| {
        let w = Weighted::new(own.iter().map(|x| (x - lowest, 1.0)));
        let apart = w.gini() * w.mean();
        if apart.is_nan() { 0.0 } else { apart / told.mean }
    };
    let all: Vec<f64> = met.iter().map(one).collect();
    let (lived, error) = (
        statistics::mean(&all),
        4.0 * statistics::sd(&all) / (all.len() as f64).sqrt(),
    );
    let off = (told.gini - lived).abs();
    let limit = error + GINI * told.gini;
    out.proofs.push(ProofRow {
        name: format!("population: Gini of {}", told.name),
        value: off,
        scale: Scale::Plain,
        limit: Some(limit),
        holds: Some(off <= limit),
        note: format!("{lived:.4} as lived; two standard errors {:.4}", 0.5 * error),
    });
    if !(off <= limit) {
        refuse(
            format!(
                "the Gini coefficient of `{}` is said to be {:.4}, and is {lived:.4} where members live",
                told.name, told.gini
            ),
            out,
        );
    }
}

fn row(name: &str, (off, limit): (f64, f64), note: String, out: &mut WorldCertificate) {
    out.proofs.push(ProofRow {
        name: name.into(),
        value: off,
        scale: Scale::Share,
        limit: Some(limit),
        holds: Some(off <= limit),
        note,
    });
}

fn refuse(headline: String, out: &mut WorldCertificate) {
    out.reasons.push(
        Diagnostic::error("E0972", headline)
            .note("members were put where the distribution says, and lived by the policy on the declared laws of shocks")
            .hint("a finer grid, solve { grid.NAME = double_log(0, 1000, 1000) }, or more states of the chains, chain.NAME = rouwenhorst(15)"),
    );
}
