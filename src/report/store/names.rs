//! Names of directories beside the final place: numbers, processes, what was left by runs that ended.

use super::files::{beside, cannot_create, siblings};
use super::open::is_locked;
use super::replace::is_only_a_run;
use super::{BEGINNING, FAILED, PARTIAL, WRITING};
use crate::diag::Diagnostic;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Removes the run at a place, however it ended, and what was killed on its way there; nothing that holds a file of somebody else.
pub fn remove_run(place: &Path) {
    let Some(name) = place.file_name().map(|n| n.to_string_lossy().into_owned()) else {
        return;
    };
    for entry in siblings(place) {
        let found = entry
            .file_name()
            .map_or(String::new(), |n| n.to_string_lossy().into_owned());
        let of_it = found.strip_prefix(&name).is_some_and(|rest| {
            rest.is_empty() || [PARTIAL, BEGINNING, FAILED].iter().any(|word| rest.starts_with(word))
        });
        if of_it && (found.contains(BEGINNING) || is_only_a_run(&entry)) {
            // What stays in the way is found when the run is opened.
            let _ = fs::remove_dir_all(entry);
        }
    }
}

/// Removes what was being written when a run was killed.
pub(super) fn remove_unfinished(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().ends_with(WRITING) {
            let _ = fs::remove_file(path);
        } else if path.is_dir() {
            remove_unfinished(&path);
        }
    }
}

/// Makes `target.beginning-PID` (with a further number if a dead process of that number left one).
///
/// # Errors
/// E0950.
pub(super) fn create_partial(target: &Path) -> Result<PathBuf, Diagnostic> {
    if let (Some(folder), Some(name)) = (target.parent(), target.file_name()) {
        remove_not_begun(folder, |entry| *entry == *name.to_string_lossy());
    }
    let pid = std::process::id();
    let mut attempt = 1;
    loop {
        let partial = beside(target, &of_process(BEGINNING, pid, attempt));
        match fs::create_dir(&partial) {
            Ok(()) => return Ok(partial),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => attempt += 1,
            Err(e) => return Err(cannot_create(&partial, &e)),
        }
    }
}

/// Removes runs in a folder that were killed before they had begun, of those names: their process has ended, or they are older than a
/// minute. Younger ones may be beginning now.
pub(super) fn remove_not_begun(folder: &Path, of: impl Fn(&str) -> bool) {
    for entry in siblings(&folder.join("any")) {
        let name = entry
            .file_name()
            .map_or(String::new(), |n| n.to_string_lossy().into_owned());
        let Some((run, process)) = name.split_once(BEGINNING) else {
            continue;
        };
        if !of(run) || !process.chars().all(|c| c.is_ascii_digit() || c == '-') {
            continue;
        }
        let age = entry
            .metadata()
            .and_then(|m| m.modified())
            .ok()
            .and_then(|t| t.elapsed().ok());
        let process = process.split('-').next().unwrap_or_default();
        // Of a process on another machine nothing is known here; it has locked the run by then.
        let ended = Path::new("/proc/self").exists() && !Path::new("/proc").join(process).exists();
        let least = if ended { 1 } else { 60 };
        if age.is_some_and(|a| a.as_secs() >= least) && !is_locked(&entry) {
            let _ = fs::remove_dir_all(entry);
        }
    }
}

pub(super) fn of_process(word: &str, pid: u32, attempt: usize) -> String {
    match attempt {
        1 => format!("{word}{pid}"),
        n => format!("{word}{pid}-{n}"),
    }
}

pub(super) fn numbered(name: &str, number: u32) -> String {
    format!("{name}-{number:04}")
}

/// One more than the largest number in use, finished or not.
pub(super) fn next_number(root: &Path, name: &str) -> u32 {
    let Ok(entries) = fs::read_dir(root) else {
        return 1;
    };
    let largest = entries.filter_map(|e| number_of(&e.ok()?.path(), name)).max();
    largest.map_or(1, |n| n.saturating_add(1))
}

/// The number of a run from the name of its directory: 7 for `growth-0007` and `growth-0007.partial-4711`.
pub(super) fn number_of(path: &Path, name: &str) -> Option<u32> {
    let entry = path.file_name()?.to_str()?;
    let rest = entry.strip_prefix(name)?.strip_prefix('-')?;
    rest.split('.').next()?.parse().ok()
}
