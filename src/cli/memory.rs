//! Memory: how much there is, and an end with a message where it runs out.
//!
//! Commands estimate what they need before they take it; what no estimate foresaw ends here. Rust aborts where memory
//! cannot be had, and Linux kills whoever takes too much: neither gives a reason. Large blocks are counted, and one that would
//! pass the limit ends the program with E0982.
//!
//! `#![allow(unsafe_code)]`: an allocator is unsafe by its signature; this one hands everything on to the system's.

#![allow(unsafe_code)]

use crate::diag::Diagnostic;
use crate::limits::{self, size};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Smaller blocks are not counted, so that counting costs nothing.
const COUNTED: usize = 32 * 1024;
/// Bytes in counted blocks.
static USED: AtomicU64 = AtomicU64::new(0);
/// Most of them.
static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);
/// The end is being said.
static ENDING: AtomicBool = AtomicBool::new(false);
/// The process is another program's: estimates are held against the limit, and nothing ends it.
static HOSTED: AtomicBool = AtomicBool::new(false);

/// Whether this process is another program's.
pub(super) fn is_hosted() -> bool {
    HOSTED.load(Ordering::Relaxed)
}
/// It is said in JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// The system's allocator, with large blocks counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator with the same layout, or to the reserve, whose blocks are handed out once
// and never given back; counting touches no memory of its caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as promised by the caller.
        had(unsafe { System.alloc(layout) }, layout)
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as promised by the caller; the reserve is zero until it is handed out.
        had(unsafe { System.alloc_zeroed(layout) }, layout)
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if RESERVE.holds(block) {
            return;
        }
        given_back(layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !RESERVE.holds(block) {
            given_back(layout.size());
            taken(size);
            // SAFETY: as promised by the caller.
            let larger = unsafe { System.realloc(block, layout, size) };
            if !larger.is_null() {
                return larger;
            }
        }
        // SAFETY: the caller promises that the size fits the alignment.
        let other = had(std::ptr::null_mut(), unsafe {
            Layout::from_size_align_unchecked(size, layout.align())
        });
        if !other.is_null() {
            // SAFETY: both blocks are at least this long, and the new one is nobody else's.
            unsafe { std::ptr::copy_nonoverlapping(block, other, layout.size().min(size)) };
        }
        other
    }
}

/// Bytes kept for the final message, where the system has no more.
const LAST_WORDS: usize = 512 * 1024;

/// Memory that is there from the beginning; handed out once, from its start, never given back.
struct Reserve {
    bytes: UnsafeCell<[u8; LAST_WORDS]>,
    next: AtomicUsize,
}

// SAFETY: no byte is handed out twice.
unsafe impl Sync for Reserve {}

static RESERVE: Reserve = Reserve {
    bytes: UnsafeCell::new([0; LAST_WORDS]),
    next: AtomicUsize::new(0),
};

impl Reserve {
    fn holds(&self, block: *mut u8) -> bool {
        let (start, block) = (self.bytes.get() as usize, block as usize);
        (start..start + LAST_WORDS).contains(&block)
    }

    /// A block; null if the reserve is used up.
    fn block(&self, layout: Layout) -> *mut u8 {
        let start = self.bytes.get().cast::<u8>();
        // Wherever it begins, it fits with its alignment.
        let room = layout.size().saturating_add(layout.align());
        let at = self.next.fetch_add(room, Ordering::Relaxed);
        if at.saturating_add(room) > LAST_WORDS {
            return std::ptr::null_mut();
        }
        // SAFETY: `at` and what is added to it for the alignment stay inside, by the test above.
        unsafe {
            let block = start.add(at);
            block.add(block.align_offset(layout.align()))
        }
    }
}

thread_local! {
    /// Whether this thread says that memory ran out.
    static SPEAKS: Cell<bool> = const { Cell::new(false) };
}

fn taken(bytes: usize) {
    if bytes >= COUNTED {
        let used = USED.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if used > LIMIT.load(Ordering::Relaxed) && !HOSTED.load(Ordering::Relaxed) {
            ran_out(bytes as u64, used - bytes as u64);
        }
    }
}

fn given_back(bytes: usize) {
    if bytes >= COUNTED {
        USED.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

fn had(block: *mut u8, layout: Layout) -> *mut u8 {
    if !block.is_null() {
        return block;
    }
    if SPEAKS.get() {
        return RESERVE.block(layout);
    }
    if HOSTED.load(Ordering::Relaxed) {
        return block;
    }
    ran_out(layout.size() as u64, USED.load(Ordering::Relaxed))
}

/// Says that memory ran out and ends the process. What is asked for while saying so is small, is not judged and comes from the
/// reserve if need be; other threads that run out wait for the end.
#[cold]
fn ran_out(bytes: u64, used: u64) -> ! {
    if ENDING.swap(true, Ordering::SeqCst) {
        loop {
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
    }
    SPEAKS.set(true);
    let limit = LIMIT.swap(u64::MAX, Ordering::SeqCst);
    let directory = super::stop::directory();
    let mut error = Diagnostic::error(
        "E0982",
        format!("memory ran out: {} more on top of {}", size(bytes), size(used)),
    )
    .note(format!("there is room for {}", size(limit)));
    if let Some(directory) = directory {
        error = error.note(format!("the run in {} is marked as interrupted", directory.display()));
        if let Some(onward) = super::stop::resumes() {
            error = error.note(onward);
        }
    }
    let error = error.hint(HINT);
    if JSON.load(Ordering::SeqCst) {
        let value = serde_json::json!({ "status": "failed", "exit": 2, "diagnostics": [error] });
        say(1, &format!("{value:#}\n"));
    } else {
        say(2, &super::source::render(&[error], None, false));
    }
    std::process::exit(2);
}

/// Writes to standard output (1) or error (2), past locks that a thread which waits for the end may hold.
#[cfg(unix)]
fn say(to: i32, text: &str) {
    use std::os::fd::FromRawFd;
    // SAFETY: both are open, which the standard library sees to before `main`; they are not closed here.
    let mut out = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(to) });
    // Nothing can be done if even this cannot be printed.
    let _ = out.write_all(text.as_bytes());
}

#[cfg(not(unix))]
fn say(to: i32, text: &str) {
    // Nothing can be done if even this cannot be printed.
    let _ = match to {
        1 => std::io::stdout().write_all(text.as_bytes()),
        _ => std::io::stderr().write_all(text.as_bytes()),
    };
}

/// What makes anything smaller.
const HINT: &str = "ask for less: fewer nodes (--set grid.NAME=..), worlds, members or periods, a shorter horizon, \
                    fewer threads; --memory SIZE raises the limit";

/// Sets the limit: what was asked for, else nine tenths of what the system says is free, within what the process may have.
pub(super) fn limit(asked: Option<u64>, json: bool) {
    JSON.store(json, Ordering::SeqCst);
    let address = address_space();
    if let Some(bytes) = address.filter(|_| asked.is_none()) {
        share_address_space(bytes);
    }
    // Address space holds stacks and the allocator's reserves too, which are not counted.
    let address = address.map(|bytes| (bytes / 10 * 8).max(16 << 20));
    let limit = asked.unwrap_or_else(|| free().min(address.unwrap_or(u64::MAX - 1)));
    LIMIT.store(limit, Ordering::SeqCst);
    limits::set_room(room);
}

/// Inside another program: work that needs more than was asked for, or than is free, is refused before it begins, and nothing ends
/// the process.
pub(super) fn estimate(asked: Option<u64>) {
    HOSTED.store(true, Ordering::Relaxed);
    let used = USED.load(Ordering::Relaxed);
    LIMIT.store(asked.unwrap_or_else(|| free().saturating_add(used)), Ordering::SeqCst);
    limits::set_room(room);
}

/// Address space for the stack of one thread and what goes with it.
const THREAD: u64 = 8 << 20;

/// Most threads that compute, so that their stacks leave room for the work.
pub(super) fn threads() -> usize {
    address_space().map_or(usize::MAX, |bytes| {
        usize::try_from(bytes / 4 / THREAD).unwrap_or(usize::MAX)
    })
}

/// Makes stacks and the allocator leave room for each other where address space is limited.
fn share_address_space(bytes: u64) {
    limits::set_largest_stack(usize::try_from(bytes / 2).unwrap_or(usize::MAX));
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // Of `malloc.h`: every arena reserves 64 MB of address space, and by default there are eight per core.
        const M_ARENA_MAX: i32 = -8;
        unsafe extern "C" {
            fn mallopt(parameter: i32, value: i32) -> i32;
        }
        let arenas = (bytes / (512 << 20)).clamp(1, 64);
        // SAFETY: a call of the C library with numbers, before there is a second thread.
        unsafe { mallopt(M_ARENA_MAX, i32::try_from(arenas).unwrap_or(1)) };
    }
}

/// Bytes of address space that the process may still take; `None` without limit.
fn address_space() -> Option<u64> {
    let mapped = line("/proc/self/status", "VmSize:", 0).unwrap_or(0) * 1024;
    let most = [("Max address space", 0), ("Max data size", 0)]
        .into_iter()
        .filter_map(|(name, word)| line("/proc/self/limits", name, word))
        .min()?;
    Some(most.saturating_sub(mapped))
}

/// A number in a line of a file of the system.
fn line(path: &str, name: &str, word: usize) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|l| l.strip_prefix(name))?;
    rest.split_whitespace().nth(word)?.parse().ok()
}

/// Bytes that may be used.
fn room() -> u64 {
    LIMIT
        .load(Ordering::Relaxed)
        .saturating_sub(USED.load(Ordering::Relaxed))
}

/// What is free on this machine; without limit where the system does not say.
fn free() -> u64 {
    let available = line("/proc/meminfo", "MemAvailable:", 0).map(|kb| kb.saturating_mul(1024) / 10 * 9);
    // A container has a limit of its own.
    let group = line("/sys/fs/cgroup/memory.max", "", 0).map(|most| {
        let used = line("/sys/fs/cgroup/memory.current", "", 0).unwrap_or(0);
        // What is used holds files that are only cached; half the limit is there in any case.
        most.saturating_sub(used).max(most / 2) / 10 * 9
    });
    [available, group].into_iter().flatten().min().unwrap_or(u64::MAX - 1)
}

/// The bytes that `--memory` names: `800M`, `4G`, `4GB`, or bytes.
///
/// # Errors
/// What is wrong with the text, in words.
pub(super) fn parsed(text: &str) -> Result<u64, String> {
    let wrong = || "write a size, for instance 800M or 4G; at least 16M".to_string();
    let word = text.trim().to_ascii_uppercase();
    let word = word.strip_suffix('B').unwrap_or(&word);
    let (digits, factor) = match word.chars().last() {
        Some('K') => (&word[..word.len() - 1], 1e3),
        Some('M') => (&word[..word.len() - 1], 1e6),
        Some('G') => (&word[..word.len() - 1], 1e9),
        Some('T') => (&word[..word.len() - 1], 1e12),
        _ => (word, 1.0),
    };
    let x: f64 = digits.replace('_', "").parse().map_err(|_| wrong())?;
    let bytes = x * factor;
    if !(16e6..1e18).contains(&bytes) {
        return Err(wrong());
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parsed("4G"), Ok(4_000_000_000));
        assert_eq!(parsed("800 MB".replace(' ', "").as_str()), Ok(800_000_000));
        assert_eq!(parsed("16_000_000"), Ok(16_000_000));
        for wrong in ["", "G", "-1G", "1", "nanG", "infG", "1E", "é"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
