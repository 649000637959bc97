//! One who takes prices as given, judged beside the economy: it goes on undisturbed, and he meets its prices and shocks with states of his own.
//!
//! His problem of one has his states beside those of the economy, and its value says what he could get. At visited places he does what the
//! equilibrium says and has what it says: what another choice would be worth to him more is his gain from one deviation; what his value promises
//! more than his life in the equilibrium obtains is his gain from a best reply.

use super::best_reply::By;
use super::player::{Judged, Seated};
use super::record::PlayerVerdict;
use super::{best_reply, one_shot_gain, vacuity};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::solve::decision::others::Others;
use crate::solve::economy::taker::beside;
use crate::solve::progress::Watch;
use crate::verify::world::play::Played;
use crate::verify::world::{WorldCertificate, promise};

/// Measures, where everybody played `lives`; `prices` are those that he takes as given, numbers of the model's prices.
///
/// # Errors
/// Those of the problem of one and of its method, of a simulation and of the economy's programs; E0810 where what he does reaches others on
/// another way than through those prices.
pub(super) fn prove(
    model: &Model,
    own: (&Seated, &Played),
    prices: &[usize],
    progress: &mut dyn Watch,
) -> Result<Judged, Diagnostic> {
    // From the first try to the last: where first-order conditions decide their solution is soon exact.
    let ranges = &own.1.ranges;
    let tries = [
        By::Conditions,
        By::Close(ranges, 1.0),
        By::Close(ranges, 2.0),
        By::Close(ranges, 4.0),
        By::Values(1),
        By::Values(2),
        By::Values(4),
    ];
    by_replies(model, own, (prices, &tries), progress)
}

/// The same by replies that are solved in these ways, one after the other, until what one of them says holds.
pub(super) fn by_replies(
    model: &Model,
    (seated, lives): (&Seated, &Played),
    (prices, tries): (&[usize], &[By]),
    progress: &mut dyn Watch,
) -> Result<Judged, Diagnostic> {
    let mut out = WorldCertificate::default();
    let promised = one_shot_gain::value(seated, lives, &mut out)?;
    let several = seated.seat.member;
    let economy = beside(model, seated.player.agent, several, prices)?;
    let others = Others::of_taker(&economy, &seated.solution, seated.player)?;
    let stand_for = |name: &str| {
        let own = economy
            .states
            .iter()
            .find(|(from, _)| model.states[*from].name == name)?;
        Some(economy.model.states[own.1].name.clone())
    };
    // A reply that is no better than what it replies to was solved too roughly to judge by: another method or a finer grid, then.
    // One that does not settle is no reply, and the last that did is judged by.
    let mut last: Option<(WorldCertificate, Judged)> = None;
    let mut unsettled: Option<Diagnostic> = None;
    let left = best_reply::allowance(model);
    for by in tries {
        if left.get() <= 0.0 {
            break;
        }
        let mut rows = WorldCertificate::default();
        let close = matches!(by, By::Close(..));
        let by = (&stand_for as &dyn Fn(&str) -> Option<String>, *by, &left);
        let solved = match best_reply::solved(&economy.model, &others, &seated.solution, by, progress) {
            Err(d) if d.code == "E0901" => {
                unsettled = Some(d);
                continue;
            }
            solved => solved?,
        };
        let Some((reply, method)) = solved else { continue };
        // What a policy is worth that leaves its grid by more than a little is any number.
        if close && reply.record.outside > 0 {
            continue;
        }
        let aside = seated.aside(&economy, reply)?;
        let played = aside.play(None)?;
        let mut trials = aside.trials()?;
        let bench = aside.bench(&played, &mut trials)?;
        let gain = one_shot_gain::deviations(&bench, &mut trials, &seated.player.name, &mut rows)?;
        // What his value promises more than the equilibrium obtains.
        let (less, error) = promise::kept(&bench, &mut trials)?;
        best_reply::row(&bench, &seated.player.name, method, (-less, error), &mut rows);
        let standing = PlayerVerdict {
            name: seated.player.name.clone(),
            value: promised,
            value_error: lives.promised_error,
            one_shot: gain,
            best_reply: -less,
        };
        let judged = Judged {
            unit: bench.unit,
            moved: vacuity::measure(&aside)?,
            world: WorldCertificate::default(),
            standing,
        };
        let passed = rows.passed();
        last = Some((rows, judged));
        if passed {
            break;
        }
    }
    let Some((rows, judged)) = last else {
        if let Some(unsettled) = unsettled.filter(|_| left.get() > 0.0) {
            return Err(unsettled);
        }
        best_reply::unsolved(model, &seated.player.name, &mut out);
        let standing = PlayerVerdict {
            name: seated.player.name.clone(),
            value: promised,
            value_error: lives.promised_error,
            one_shot: f64::NAN,
            best_reply: f64::NAN,
        };
        return Ok(Judged {
            unit: "",
            moved: f64::NAN,
            world: out,
            standing,
        });
    };
    out.proofs.extend(rows.proofs);
    out.reasons.extend(rows.reasons);
    Ok(Judged { world: out, ..judged })
}
