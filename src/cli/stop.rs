//! Stopping: what SIGINT, SIGTERM and SIGHUP do.
//!
//! A signal sets a flag that work asks for through its meter wherever it could go on later; work that notices writes what it
//! has and ends. Work that has not noticed after [`PATIENCE`] (one update of a learner may take minutes) is left in the
//! middle, at the next poll of a loop ([`crate::limits`]): what had been written stands, and the run is marked. What
//! does not even poll is ended from here: a run on disk says `Interrupted` from its first byte, so that this loses no
//! more than a kill does. A second signal ends the process at once. The first thread to claim the final message writes it, so that the end is
//! said once, with the command that goes on.

use crate::diag::Diagnostic;
use crate::report::store::has_work;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::time::Duration;

/// The first signal that came; 0 while none has.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// Which thread writes the final message: 0 none yet, 1 the main thread, 2 the one that ends the process when the main
/// thread does not.
static LAST_WORD: AtomicU8 = AtomicU8::new(0);
/// The run that is being written, and its subcommand.
static AT_WORK: Mutex<Option<(PathBuf, String)>> = Mutex::new(None);
/// Time for work to come to where it can go on later; then it is left in the middle.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// Time after that for work to be left, and what it had to be freed and marked.
const GRACE: Duration = Duration::from_millis(900);
/// Time for last words that are being said.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// SIGINT, and what is assumed where the system does not say which.
const INTERRUPT: i32 = 2;

/// Listens from here on. `json`: the end is said in JSON.
pub(super) fn listen(json: bool) {
    // Without a handler a signal ends the process at once, which is safe too.
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
        // A limit on the size of files (`ulimit -f`) then is an error of the write, with its code.
        let _ = signal_hook::flag::register(SIGXFSZ, std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let mut wanted = vec![SIGINT, SIGTERM];
        if !hangup_is_ignored() {
            wanted.push(SIGHUP);
        }
        if let Ok(mut signals) = signal_hook::iterator::Signals::new(&wanted) {
            let listener = std::thread::Builder::new()
                .name("signals".to_string())
                .spawn(move || signals.forever().for_each(|signal| came(signal, json)));
            if listener.is_err() {
                // Nobody listens, so a signal ends the process at once.
                for signal in wanted {
                    let always = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
                    let _ = signal_hook::flag::register_conditional_default(signal, always);
                }
            }
        }
    }
    #[cfg(not(unix))]
    {
        let _ = ctrlc::set_handler(move || came(INTERRUPT, json));
    }
}

/// Whether whoever started econc wants it to outlive the terminal (`nohup`).
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|l| l.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 != 0)
}

/// Asks work to stop as a signal does, without ending the process: for commands inside another program.
pub(super) fn ask() {
    let _ = SIGNAL.compare_exchange(0, INTERRUPT, Ordering::SeqCst, Ordering::SeqCst);
}

/// Forgets what was asked, once all work that was to stop has ended.
pub(super) fn forget() {
    SIGNAL.store(0, Ordering::SeqCst);
}

fn came(signal: i32, json: bool) {
    let first = SIGNAL.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
    if let Err(earlier) = first {
        end(earlier, json);
    }
    let wait = move || {
        std::thread::sleep(PATIENCE);
        crate::limits::stop();
        std::thread::sleep(GRACE);
        end(signal, json);
    };
    // The process ends with its main thread; this one only waits. Without it, nobody listens for a second signal.
    if std::thread::Builder::new()
        .name("grace".to_string())
        .spawn(wait)
        .is_err()
    {
        wait();
    }
}

/// Ends the process from another thread than the main one.
fn end(signal: i32, json: bool) -> ! {
    if LAST_WORD
        .compare_exchange(0, 2, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok()
    {
        say(json);
    } else {
        // Another thread writes the final message; if it does not end the process, this one does.
        std::thread::sleep(LAST_WORDS);
    }
    std::process::exit(128 + signal);
}

fn say(json: bool) {
    let (directory, diagnostic) = (directory(), stopped_at_work());
    if json {
        let value = serde_json::json!({
            "status": "interrupted",
            "exit": exit_code(),
            "directory": directory.map(|d| d.display().to_string()),
            "diagnostics": [diagnostic],
        });
        let _ = std::io::stdout().write_all(format!("{value:#}\n").as_bytes());
    } else {
        let place = directory.map_or(String::new(), |d| format!(": what there is stands in {}", d.display()));
        let hint = diagnostic.hint.as_ref().map_or(String::new(), |h| format!("{h}\n"));
        let _ = std::io::stderr().write_all(format!("interrupted{place}\n{hint}").as_bytes());
    }
}

/// Whether a signal came.
pub(super) fn came_already() -> bool {
    SIGNAL.load(Ordering::Relaxed) != 0
}

/// The exit status after a signal: 128 and its number.
pub(super) fn exit_code() -> u8 {
    match SIGNAL.load(Ordering::SeqCst) {
        0 => 128 + INTERRUPT as u8,
        signal => 128 + u8::try_from(signal).unwrap_or(INTERRUPT as u8),
    }
}

/// Name of the signal.
pub(super) fn name() -> &'static str {
    match exit_code() {
        129 => "SIGHUP",
        143 => "SIGTERM",
        _ => "SIGINT",
    }
}

/// The message of a stop, with what to type to go on.
pub(super) fn stopped(onward: Option<String>) -> Diagnostic {
    let error = Diagnostic::error("E0906", format!("stopped by {}", name()));
    match onward {
        Some(onward) => error.hint(onward),
        None => error,
    }
}

/// The command that resumes a run of a subcommand, and whether it continues or starts over (the result is the same).
pub(super) fn onward(directory: &Path, action: &str) -> String {
    let does = if has_work(directory) {
        "goes on"
    } else {
        "does it again from its start, for nothing was kept yet"
    };
    format!("econc {action} --resume {}  {does}", directory.display())
}

/// The command that resumes the run at work, if there is one and its name is not being changed just now.
pub(super) fn resumes() -> Option<String> {
    let work = AT_WORK.try_lock().ok()?;
    work.as_ref().map(|(directory, action)| onward(directory, action))
}

/// Notes which run is being written.
pub(super) fn at_work(directory: &Path, action: &str) {
    if let Ok(mut work) = AT_WORK.lock() {
        *work = Some((directory.to_path_buf(), action.to_string()));
    }
}

/// The message that the command was stopped, with the command that resumes the run at work.
pub(super) fn stopped_at_work() -> Diagnostic {
    stopped(onward_at_work())
}

/// What takes up the run that is being written.
pub(super) fn onward_at_work() -> Option<String> {
    let work = AT_WORK.try_lock().ok()?;
    work.as_ref().map(|(directory, action)| onward(directory, action))
}

/// The run that is being written.
pub(super) fn directory() -> Option<PathBuf> {
    AT_WORK.try_lock().ok().and_then(|w| w.as_ref().map(|w| w.0.clone()))
}

/// Claims the final message; waits for the end of the process if another thread has claimed it.
pub(super) fn last_word() {
    if LAST_WORD.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst) == Err(2) {
        loop {
            std::thread::park();
        }
    }
}
