//! Where a solve stands, kept in its run directory, and found there again: an iteration now and then, and what it came to
//! at its end, so that a stop while that is certified loses no more than the certificate.

use super::meter::Meter;
use crate::diag::Diagnostic;
use crate::report::store::{RunDirectory, WORK};
use crate::solve::progress::{Control, Progress, Watch};
use std::time::{Duration, Instant};

/// Bytes in front of a file: how many iterations of the solve had begun.
const NUMBER: usize = 8;
/// Where an iteration stands.
const ITERATION: &str = "iteration";
/// What the last iteration that ended came to.
const SOLVED: &str = "solved";

/// Shows how far a solve is, and keeps it.
pub(super) struct Keeper<'a> {
    meter: &'a Meter,
    run: &'a RunDirectory,
    every: Duration,
    saved: Instant,
    /// Number of the iteration at work; a solve has one for every grid it tries.
    number: u64,
    found: Option<(u64, Vec<u8>)>,
    solved: Option<(u64, Vec<u8>)>,
    unwritten: Option<Diagnostic>,
    /// When the solver began, while it is at work.
    began: Option<Instant>,
}

impl<'a> Keeper<'a> {
    /// What keeps a solve under way in `run`, every `every` seconds, with what an earlier one left there.
    ///
    /// # Errors
    /// E0983 if what was kept is not as it was written.
    pub(super) fn new(meter: &'a Meter, run: &'a RunDirectory, every: f64) -> Result<Self, Diagnostic> {
        let read = |name: &str| -> Result<Option<(u64, Vec<u8>)>, Diagnostic> {
            Ok(run.kept_sealed(&file(name))?.and_then(|mut bytes| {
                let standing = (bytes.len() > NUMBER).then(|| bytes.split_off(NUMBER))?;
                Some((u64::from_le_bytes(bytes.try_into().ok()?), standing))
            }))
        };
        let (found, solved) = (read(ITERATION)?, read(SOLVED)?);
        Ok(Keeper {
            meter,
            run,
            every: Duration::from_secs_f64(every),
            saved: Instant::now(),
            number: 0,
            found,
            solved,
            unwritten: None,
            began: None,
        })
    }

    /// Keeps bytes with the number of the iteration.
    fn keep(&mut self, name: &str, bytes: &[u8]) {
        let bytes = [&self.number.to_le_bytes()[..], bytes].concat();
        self.unwritten = self.run.keep_sealed(&file(name), &bytes).err();
        self.saved = Instant::now();
    }

    /// The result of a solve that was watched, unless it ended because it could not be kept.
    ///
    /// # Errors
    /// Those of the result; E0951 if what was found could not be kept.
    pub(super) fn ended<T>(self, result: Result<T, Vec<Diagnostic>>) -> Result<T, Vec<Diagnostic>> {
        match self.unwritten {
            Some(d) => Err(vec![d]),
            None => result,
        }
    }
}

/// Shows how far a solve is.
fn solving(meter: &Meter, p: Progress) -> Control {
    let message = if p.error.is_finite() {
        format!("error {:.1e}, target {:.1e}", p.error, p.target)
    } else {
        String::new()
    };
    if meter.report(p.iteration as u64, 0, "steps", &message) {
        Control::Continue
    } else {
        Control::Cancel
    }
}

fn file(name: &str) -> String {
    format!("{WORK}/{name}")
}

impl Watch for Keeper<'_> {
    fn report(&mut self, progress: Progress) -> Control {
        if self.unwritten.is_some() {
            return Control::Cancel;
        }
        solving(self.meter, progress)
    }

    fn begins(&mut self) -> Option<Vec<u8>> {
        self.began.get_or_insert_with(Instant::now);
        self.number += 1;
        // Those before are done again: they come to the same.
        let mine = self.found.take_if(|(number, _)| *number == self.number);
        mine.map(|(_, standing)| standing)
    }

    fn standing(&mut self, standing: &dyn Fn() -> Vec<u8>) {
        // An iteration that stands further back than what was found keeps nothing.
        let due = self.saved.elapsed() >= self.every || self.meter.stopped();
        if !due || self.found.is_some() || self.unwritten.is_some() {
            return;
        }
        self.keep(ITERATION, &standing());
    }

    fn solved(&mut self, solved: &dyn Fn() -> Vec<u8>) {
        if let Some(began) = self.began.take() {
            self.meter.solver_ended(began.elapsed().as_secs_f64());
        }
        if self.unwritten.is_none() {
            self.keep(SOLVED, &solved());
        }
    }

    fn solved_before(&mut self) -> Option<Vec<u8>> {
        let (number, solved) = self.solved.take()?;
        self.number = number;
        // An iteration that had ended by then is not gone on with.
        self.found.take_if(|(of, _)| *of <= number);
        Some(solved)
    }
}
