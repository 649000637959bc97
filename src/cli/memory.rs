//! Memory: how much there is, and an end with a message where it runs out.
//!
//! Commands estimate what they need before they take it; what no estimate foresaw ends here. Rust aborts where memory
//! cannot be had, and Linux kills whoever takes too much: neither says why. Large blocks are counted, and one that would
//! pass the limit ends the program with E0982.
//!
//! `#![allow(unsafe_code)]`: an allocator is unsafe by its signature; this one hands everything on to the system's.

#![allow(unsafe_code)]

use crate::diag::Diagnostic;
use crate::limits::{self, size};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Smaller blocks are not counted, so that counting costs nothing.
const COUNTED: usize = 32 * 1024;
/// Bytes in counted blocks.
static USED: AtomicU64 = AtomicU64::new(0);
/// Most of them.
static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);
/// The end is being said.
static ENDING: AtomicBool = AtomicBool::new(false);
/// It is said in JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// The system's allocator, with large blocks counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator with the same layout; counting touches no memory of its caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as promised by the caller.
        had(unsafe { System.alloc(layout) }, layout.size())
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as promised by the caller.
        had(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        given_back(layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        given_back(layout.size());
        taken(size);
        // SAFETY: as promised by the caller.
        had(unsafe { System.realloc(block, layout, size) }, size)
    }
}

fn taken(bytes: usize) {
    if bytes >= COUNTED {
        let used = USED.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if used > LIMIT.load(Ordering::Relaxed) {
            ran_out(bytes as u64, used - bytes as u64);
        }
    }
}

fn given_back(bytes: usize) {
    if bytes >= COUNTED {
        USED.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

fn had(block: *mut u8, bytes: usize) -> *mut u8 {
    if block.is_null() && LIMIT.load(Ordering::Relaxed) != u64::MAX {
        ran_out(bytes as u64, USED.load(Ordering::Relaxed));
    }
    block
}

/// Says that memory ran out and ends the process. What is asked for while saying so is small and not judged; a second
/// thread that runs out waits for the end.
#[cold]
fn ran_out(bytes: u64, used: u64) {
    if ENDING.swap(true, Ordering::SeqCst) {
        if LIMIT.load(Ordering::SeqCst) == u64::MAX {
            return;
        }
        loop {
            std::thread::park();
        }
    }
    let limit = LIMIT.swap(u64::MAX, Ordering::SeqCst);
    let directory = super::stop::directory();
    let mut error = Diagnostic::error(
        "E0982",
        format!("memory ran out: {} more on top of {}", size(bytes), size(used)),
    )
    .note(format!("there is room for {}", size(limit)));
    if let Some(directory) = directory {
        error = error.note(format!("the run in {} is marked as interrupted", directory.display()));
    }
    let error = error.hint(HINT);
    let said = if JSON.load(Ordering::SeqCst) {
        let value = serde_json::json!({ "status": "failed", "exit": 2, "diagnostics": [error] });
        std::io::stdout().write_all(format!("{value:#}\n").as_bytes())
    } else {
        let text = super::pipeline::render(&[error], None, false);
        std::io::stderr().write_all(text.as_bytes())
    };
    // Nothing can be done if even this cannot be printed.
    drop(said);
    std::process::exit(2);
}

/// What makes anything smaller.
const HINT: &str = "ask for less: fewer nodes (--set grid.NAME=..), worlds, members or periods, a shorter horizon, \
                    fewer threads; --memory SIZE raises the limit";

/// Sets the limit: what was asked for, else nine tenths of what the system says is free, within what the process may have.
pub(super) fn limit(asked: Option<u64>, json: bool) {
    JSON.store(json, Ordering::SeqCst);
    LIMIT.store(asked.unwrap_or_else(free), Ordering::SeqCst);
    limits::set_room(room);
}

/// Bytes that may be used.
fn room() -> u64 {
    LIMIT
        .load(Ordering::Relaxed)
        .saturating_sub(USED.load(Ordering::Relaxed))
}

/// What is free on this machine for this process; without limit where the system does not say.
fn free() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let line = |text: &str, name: &str, word: usize| -> Option<u64> {
        let rest = text.lines().find_map(|l| l.strip_prefix(name))?;
        rest.split_whitespace().nth(word)?.parse().ok()
    };
    let available = line(&read("/proc/meminfo"), "MemAvailable:", 0).map(|kb| kb.saturating_mul(1024) / 10 * 9);
    // Address space holds stacks and the allocator's reserves too, which are not counted.
    let mapped = line(&read("/proc/self/status"), "VmSize:", 0).unwrap_or(0) * 1024;
    let address = line(&read("/proc/self/limits"), "Max address space", 0)
        .map(|bytes| (bytes.saturating_sub(mapped) / 10 * 8).max(16 << 20));
    // A container has a limit of its own.
    let number = |path: &str| read(path).trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max").map(|most| {
        let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
        // What is used holds files that are only cached; half the limit is there in any case.
        most.saturating_sub(used).max(most / 2) / 10 * 9
    });
    [available, address, group]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(u64::MAX - 1)
}

/// `--memory`: `800M`, `4G`, `4GB`, or bytes.
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
