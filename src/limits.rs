//! What the process around it asks of all work: to stop, and to fit into memory.
//!
//! Long loops call [`poll`] once a piece (a node, a block of lanes, a product of a network, a row). Until somebody calls
//! [`stop`] that is one read of a number that is in the cache anyway. From then on the next call leaves the work by
//! unwinding, without a message, whatever thread it is on (rayon hands unwinding on to whoever waits), and [`caught`],
//! around the work, says that it was stopped. So nothing half done is ever returned, and no loop needs a way out of its own.
//!
//! Work that takes much memory asks [`fits`] before it does. Results depend on neither.

use crate::diag::Diagnostic;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Whether work shall stop.
static STOP: AtomicBool = AtomicBool::new(false);
/// How many bytes may still be taken; without limit where nobody said.
static ROOM: OnceLock<fn() -> u64> = OnceLock::new();

/// Largest stack that a thread may have.
static STACK: AtomicUsize = AtomicUsize::new(usize::MAX);

/// What work that reports to nobody is at.
static DOING: Mutex<String> = Mutex::new(String::new());

/// Says what work that reports to nobody is at, for whoever shows it; empty once it is done.
pub(crate) fn doing(what: String) {
    if let Ok(mut doing) = DOING.lock() {
        *doing = what;
    }
}

/// What work that reports to nobody is at, if anybody said so.
pub(crate) fn said_to_do() -> Option<String> {
    DOING
        .lock()
        .ok()
        .filter(|doing| !doing.is_empty())
        .map(|doing| doing.clone())
}

/// What work that reports to nobody is at.
pub(crate) fn at_work() -> String {
    said_to_do().unwrap_or_else(|| "at work".to_string())
}

/// What unwinds through work that is stopped.
struct Stopped;

/// Leaves the work if it shall stop. For the loops of long work; cheap enough for every pass of a few hundred operations.
#[inline(always)]
pub fn poll() {
    if STOP.load(Ordering::Relaxed) {
        leave();
    }
}

/// The result of one of many pieces of parallel work; `None` once it shall stop. Leaving each of thousands of pieces by unwinding
/// takes its time: `collect` into an `Option` ends at the first `None`, and [`leave`] is called once, behind it.
#[inline(always)]
pub fn going<T>(piece: impl FnOnce() -> T) -> Option<T> {
    (!STOP.load(Ordering::Relaxed)).then(piece)
}

/// Leaves the work, which shall stop.
#[cold]
#[inline(never)]
pub fn leave() -> ! {
    resume_unwind(Box::new(Stopped))
}

/// Makes all work of this process stop at its next [`poll`].
pub(crate) fn stop() {
    STOP.store(true, Ordering::Relaxed);
}

/// Lets work go on that begins from here, once all has ended that was stopped. Only for a process that outlives its work.
pub(crate) fn go_on() {
    STOP.store(false, Ordering::Relaxed);
}

/// The result of `work`; `None` if it was stopped. Other panics go on.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Some(result),
        Err(why) if why.is::<Stopped>() => None,
        Err(why) => resume_unwind(why),
    }
}

/// Says where to ask how many bytes may still be taken.
pub(crate) fn set_room(room: fn() -> u64) {
    // The first stays; there is one allocator.
    let _ = ROOM.set(room);
}

/// Says how large the stack of a thread may be; stacks take address space only, until they are used.
pub(crate) fn set_largest_stack(bytes: usize) {
    STACK.store(bytes, Ordering::Relaxed);
}

/// Bytes of the largest stack that a thread may have.
pub(crate) fn largest_stack() -> usize {
    STACK.load(Ordering::Relaxed)
}

/// Bytes that may still be taken.
pub(crate) fn room() -> u64 {
    ROOM.get().map_or(u64::MAX, |room| room())
}

/// Errs where `bytes` are more than may still be taken; `what` would take them, and less of `less` is the way out.
///
/// Errors: E0981.
pub(crate) fn fits(bytes: f64, what: &str, less: &str) -> Result<(), Diagnostic> {
    let room = room();
    if bytes <= room as f64 {
        return Ok(());
    }
    let size_of = |x: f64| size(if x < u64::MAX as f64 { x as u64 } else { u64::MAX - 1 });
    Err(
        Diagnostic::error("E0981", format!("{what} would take {}", size_of(bytes)))
            .note(format!("there is room for {}", size(room)))
            .hint(format!("{less}; --memory SIZE sets another limit")),
    )
}

/// Bytes in words: `1.5 GB`.
pub(crate) fn size(bytes: u64) -> String {
    let x = bytes as f64;
    match bytes {
        u64::MAX => "no end of memory".to_string(),
        1_000_000_000.. => format!("{:.1} GB", x / 1e9),
        1_000_000.. => format!("{:.0} MB", x / 1e6),
        _ => format!("{:.0} kB", (x / 1e3).ceil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn a_stop_comes_through_threads_and_other_panics_go_on() {
        assert_eq!(caught(|| 3), Some(3));
        let many = || {
            (0..1000)
                .into_par_iter()
                .map(|i| if i == 700 { leave() } else { i })
                .sum::<i32>()
        };
        assert_eq!(caught(many), None);
        assert_eq!(caught(|| (0..10).into_par_iter().sum::<i32>()), Some(45));
        let other = catch_unwind(|| caught(|| resume_unwind(Box::new("a bug")))).unwrap_err();
        assert_eq!(other.downcast_ref::<&str>(), Some(&"a bug"));
    }

    #[test]
    fn work_that_reports_to_nobody_says_what_it_is_at() {
        doing("p: one-shot game, 3 of 45 searches".to_string());
        assert_eq!(at_work(), "p: one-shot game, 3 of 45 searches");
        doing(String::new());
        assert_eq!(at_work(), "at work");
    }

    #[test]
    fn what_is_too_much_is_said_with_the_number() {
        // No allocator has said how much there is.
        assert!(fits(1e15, "the grid", "fewer nodes").is_ok() || ROOM.get().is_some());
        let error = fits(f64::INFINITY, "the grid", "fewer nodes").unwrap_err();
        assert_eq!(error.code, "E0981");
        assert!(
            error
                .hint
                .as_ref()
                .is_some_and(|h| h.starts_with("fewer nodes; --memory"))
        );
        assert_eq!(size(1_500_000_000), "1.5 GB");
        assert_eq!(size(2_000_000), "2 MB");
        assert_eq!(size(1), "1 kB");
    }
}
