//! Sessions of Q-learners side by side: `econc train` with `random = ran2`. A session that has come to its end is kept, and not
//! played again after a stop.

use super::asked::TrainOptions;
use super::effects;
use super::meter::Meter;
use super::training::{identity, side_by_side};
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::learn::plan::Planned;
use crate::learn::repeated_game::Session;
use crate::learn::sessions::{Asked, Sessions};
use crate::learn::{decode, encode};
use crate::report::content::Content;
use crate::report::sessions::of_sessions;
use crate::report::store::{RunDirectory, WORK};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// A session as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The model, with all parameters, and what was asked.
    of: Vec<u8>,
    session: Session,
}

/// Plays every session of a plan, at most `workers` at a time.
///
/// # Errors
/// Those of [`Sessions::new`]; E0989 for `--against`; E0906 where it was stopped; E0951 where a session cannot be kept.
pub(super) fn train(
    model: &Model,
    options: &TrainOptions,
    planned: &Planned,
    asked: &Asked,
    workers: usize,
    meter: &Meter,
    run: &RunDirectory,
) -> Result<Content, Vec<Diagnostic>> {
    if options.against.is_some() {
        let why = "sessions of the published program are not measured on the way";
        return Err(vec![effects::idle("--against", why)]);
    }
    let scenario = planned.plan.environment.scenario.as_deref();
    let sessions = Sessions::new(model, planned.agents[0], scenario, asked).map_err(|d| vec![d])?;
    let of = [identity(model), format!("{asked:?}").into_bytes()].concat();
    let (done, count) = (AtomicU64::new(0), planned.seeds.len());
    let played = side_by_side(count, workers, |k| {
        let file = format!("{WORK}/session_{}", planned.seeds[k]);
        let kept = run.kept_sealed(&file)?.and_then(|bytes| decode::<Kept>(&bytes).ok());
        if let Some(kept) = kept.filter(|k| k.of == of) {
            meter.found(1);
            done.fetch_add(1, Ordering::SeqCst);
            return Ok(kept.session);
        }
        let mut stopped = false;
        let session = sessions.play(planned.seeds[k], |_| {
            stopped = !meter.report(done.load(Ordering::SeqCst), count as u64, "sessions", "");
            !stopped
        })?;
        let ended = done.fetch_add(u64::from(!stopped), Ordering::SeqCst) + u64::from(!stopped);
        if stopped || !meter.report(ended, count as u64, "sessions", "") && ended < count as u64 {
            return Err(Diagnostic::error("E0906", "the training was stopped")
                .hint("econc train --resume RUN goes on with the sessions that were not played to their end"));
        }
        let kept = Kept {
            of: of.clone(),
            session,
        };
        run.keep_sealed(&file, &encode(&kept))?;
        Ok(kept.session)
    })?;
    let numbered: Vec<(u64, Session)> = planned.seeds.iter().copied().zip(played).collect();
    of_sessions(model, planned, &sessions, &numbered).map_err(|d| vec![d])
}
