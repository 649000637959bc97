//! Runs that are read: complete ones, those with policies, interrupted ones; nothing is believed that was not written so.

use super::files::{sha256, shown, siblings, unreadable};
use super::{
    BEGINNING, CHECKPOINT, CompleteRun, FAILED, FORMAT, LARGEST_MANIFEST, LOCK, MANIFEST, Manifest, PARTIAL, SEAL,
    SWEEP, Status, WORK,
};
use crate::diag::Diagnostic;
use serde::Deserialize;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

impl CompleteRun {
    /// The bytes of one file of the run.
    ///
    /// # Errors
    /// E0954 (cannot be read).
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Diagnostic> {
        fs::read(self.directory.join(name)).map_err(|e| unreadable(&self.directory.join(name), &e))
    }
}

/// The run in `directory` if it is complete and each of its files has the size and hash on record.
///
/// # Errors
/// E0954 (no run there), E0953 (running, failed or interrupted), E0955 (a file is missing or changed).
pub fn open_complete(directory: &Path) -> Result<CompleteRun, Diagnostic> {
    let (manifest, status) = inspect(directory)?;
    if status != Status::Complete {
        let mut error = Diagnostic::error(
            "E0953",
            format!("the run in {} is {status}, not complete", shown(directory)),
        )
        .note(format!("command: {}", manifest.command.join(" ")));
        if let Some(reason) = manifest.reason.as_ref().filter(|_| status != Status::Running) {
            error = error.note(reason.clone());
        }
        return Err(error.hint(match status {
            Status::Running => "wait until it has finished",
            Status::Failed => "its report says why; its numbers are no result",
            Status::Interrupted | Status::Complete => {
                "go on with it: the same subcommand with `--resume RUN`; or run the command again"
            }
        }));
    }
    check_files(directory, &manifest)?;
    Ok(CompleteRun {
        directory: directory.to_path_buf(),
        manifest,
    })
}

/// A run that came to its end, whatever its verdict: to look at, not to rest on.
///
/// # Errors
/// Those of [`open_complete`] for a run that did not end; E0955 (a file is missing or changed).
pub fn open_ended(directory: &Path) -> Result<CompleteRun, Diagnostic> {
    let (manifest, status) = inspect(directory)?;
    if status != Status::Failed {
        return open_complete(directory);
    }
    check_files(directory, &manifest)?;
    Ok(CompleteRun {
        directory: directory.to_path_buf(),
        manifest,
    })
}

/// Errs unless the run in `directory` ended as `status` says and its files are as they were written.
///
/// # Errors
/// E0955.
pub fn check_whole(directory: &Path, status: Status) -> Result<(), Diagnostic> {
    let damaged = |what: String| {
        Diagnostic::error(
            "E0955",
            format!("the run in {} is not as it was written", shown(directory)),
        )
        .note(what)
    };
    let (manifest, now) = inspect(directory).map_err(|d| match d.code.as_str() {
        "E0955" => d,
        _ => damaged(d.into_message().headline),
    })?;
    if now != status {
        return Err(damaged(format!("it was {status}, and now is {now}")));
    }
    check_files(directory, &manifest)
}

/// A run with learned policies: a complete one, or a comparison that ended in a verdict against them. What was learned is what it is;
/// the verdict stands in the run's report.
///
/// # Errors
/// Those of [`open_complete`]; E0954 for a verdict on the policies of another run.
pub fn open_policies(directory: &Path) -> Result<CompleteRun, Diagnostic> {
    let (manifest, status) = inspect(directory)?;
    let learned = manifest
        .files
        .iter()
        .any(|f| f.name.starts_with("policy_") && f.name.ends_with(".ron"));
    if manifest.action == "verify" && !learned && matches!(status, Status::Complete | Status::Failed) {
        return Err(holds_none(directory, &manifest));
    }
    if status != Status::Failed || !learned {
        return open_complete(directory);
    }
    check_files(directory, &manifest)?;
    Ok(CompleteRun {
        directory: directory.to_path_buf(),
        manifest,
    })
}

/// A run that others play or are judged by: [`open_policies`], and no sweep.
///
/// # Errors
/// Those of [`open_policies`]; E0954 for a sweep.
pub fn open_played(directory: &Path) -> Result<CompleteRun, Diagnostic> {
    let run = open_policies(directory)?;
    not_a_sweep(&run)?;
    Ok(run)
}

/// A verdict on policies that stand in the run which they were learned in.
fn holds_none(directory: &Path, manifest: &Manifest) -> Diagnostic {
    let d = Diagnostic::error("E0954", format!("the run in {} holds no policy", shown(directory)))
        .note("it judged the policy of another run");
    let words = &manifest.command;
    let judged = words.iter().enumerate().find_map(|(i, word)| match word.as_str() {
        "--policy" => words.get(i + 1).map(String::as_str),
        other => other.strip_prefix("--policy="),
    });
    match judged {
        Some(run) => d.hint(format!("name the run it judged: {run}")),
        None => d.hint("name the run that `econc train` wrote"),
    }
}

/// The interrupted run behind a name: the directory itself, or the latest `NAME.partial-*` (or `NAME.failed`) beside it.
///
/// # Errors
/// E0954 if there is none.
pub fn interrupted(directory: &Path) -> Result<PathBuf, Diagnostic> {
    if directory.join(MANIFEST).is_file() {
        return Ok(directory.to_path_buf());
    }
    let parent = directory
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let name = directory
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (stem, failed) = (format!("{name}{PARTIAL}"), format!("{name}{FAILED}"));
    if name.contains(BEGINNING) {
        return Err(not_begun(directory));
    }
    let beginning = format!("{name}{BEGINNING}");
    let mut begun = false;
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|e| {
            let e = e.ok()?;
            let mine = {
                let other = e.file_name().to_string_lossy().into_owned();
                begun |= other.starts_with(&beginning);
                other.starts_with(&stem) || other.starts_with(&failed)
            };
            mine.then(|| Some((e.metadata().ok()?.modified().ok()?, e.path())))?
        })
        .filter(|(_, p)| p.join(MANIFEST).is_file())
        .collect();
    found.sort();
    found.pop().map(|f| f.1).ok_or_else(|| {
        if begun {
            return not_begun(directory);
        }
        Diagnostic::error("E0954", format!("{} is not a run of econc", shown(directory)))
            .note(format!(
                "neither it nor a directory {stem}.. beside it has a {MANIFEST}"
            ))
            .hint("give the directory of the run that was interrupted")
    })
}

/// How the note begins that names a run which did not come to its end, where its name is given.
pub const OF_THIS_NAME: &str = "a run of this name";

/// Says of a directory that is no run which run of its name stands beside it: one that was interrupted, or that failed.
fn of_this_name(directory: &Path, error: Diagnostic) -> Diagnostic {
    let usual = "give the directory that `econc solve` or `econc train` named at its end";
    let Some(name) = directory.file_name().map(|n| n.to_string_lossy().into_owned()) else {
        return error.hint(usual);
    };
    let beside = siblings(directory).into_iter().filter(|p| {
        let other = p
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let rest = other.strip_prefix(&name).unwrap_or_default();
        (rest.starts_with(PARTIAL) || rest.starts_with(FAILED)) && p.join(MANIFEST).is_file()
    });
    let found = beside.filter_map(|p| Some((inspect(&p).ok()?, p)));
    // One that can go on is of more use than one that failed.
    let rank = |status: &Status| match status {
        Status::Interrupted => 2,
        Status::Running => 1,
        Status::Failed | Status::Complete => 0,
    };
    let Some(((manifest, status), path)) = found.max_by_key(|((_, s), p)| (rank(s), p.clone())) else {
        return error.hint(usual);
    };
    let error = error.note(format!("{OF_THIS_NAME} is {status}: {}", shown(&path)));
    match status {
        Status::Interrupted if !manifest.action.is_empty() => error.hint(format!(
            "go on with it: econc {} --resume {}",
            manifest.action,
            directory.display()
        )),
        Status::Interrupted => error.hint("run its command again"),
        Status::Running => error.hint("wait until it has finished"),
        Status::Failed | Status::Complete => error.hint("its report.html says why; its numbers are no result"),
    }
}

/// Errs where a run is a sweep: its points are runs of their own.
///
/// # Errors
/// E0954.
pub fn not_a_sweep(run: &CompleteRun) -> Result<(), Diagnostic> {
    if !run.manifest.files.iter().any(|f| f.name == SWEEP) {
        return Ok(());
    }
    let mut points: Vec<String> = fs::read_dir(&run.directory)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.join(MANIFEST).is_file())
        .map(|p| p.display().to_string())
        .collect();
    points.sort();
    let error = Diagnostic::error(
        "E0954",
        format!(
            "{} is a sweep, which has a run for each of its values",
            shown(&run.directory)
        ),
    )
    .note(format!("{} of them; {SWEEP} says which is which", points.len()));
    Err(match points.as_slice() {
        [] => error,
        [one] => error.hint(format!("name it: {one}")),
        [first, .., last] => error.hint(format!("name one of them: {first} .. {last}")),
    })
}

/// The manifest in `directory` and the status now: `Running` while a live process holds the run.
///
/// # Errors
/// E0954 (no run, one that cannot be read, or of another version), E0955 (changed since it was written), E0984 (too
/// large).
pub fn inspect(directory: &Path) -> Result<(Manifest, Status), Diagnostic> {
    let path = directory.join(MANIFEST);
    let mut bytes = Vec::new();
    let read = open_file(&path).and_then(|f| f.take(LARGEST_MANIFEST + 1).read_to_end(&mut bytes));
    read.map_err(|e| match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            let error = Diagnostic::error("E0954", format!("{} is not a run of econc", shown(directory)))
                .note(format!("there is no {MANIFEST} in it"));
            of_this_name(directory, error)
        }
        _ => unreadable(&path, &e),
    })?;
    if bytes.len() as u64 > LARGEST_MANIFEST {
        return Err(
            Diagnostic::error("E0984", format!("{} is too large to be a manifest", shown(&path)))
                .note(format!("it has more than {}", crate::limits::size(LARGEST_MANIFEST)))
                .hint("give the directory of a run of econc"),
        );
    }
    let text = unsealed(&bytes, &path)?;
    let manifest: Manifest = ron::from_str(text).map_err(|e| {
        Diagnostic::error("E0954", format!("{} cannot be read as a manifest", shown(&path))).note(e.to_string())
    })?;
    if manifest.format != FORMAT {
        return Err(Diagnostic::error(
            "E0954",
            format!("{} was written by econc {}", shown(&path), manifest.econc),
        )
        .note(format!(
            "its layout has version {}; this econc reads version {FORMAT}",
            manifest.format
        )));
    }
    let status = match manifest.status {
        Status::Interrupted if is_locked(directory) => Status::Running,
        other => other,
    };
    Ok((manifest, status))
}

/// The text of a manifest, whose last line must be its hash.
fn unsealed<'a>(bytes: &'a [u8], path: &Path) -> Result<&'a str, Diagnostic> {
    #[derive(Deserialize)]
    struct Layout {
        format: u32,
        econc: String,
    }
    let damaged = |what: &str| {
        Diagnostic::error("E0955", format!("{} is not as the run wrote it", shown(path)))
            .note(what.to_string())
            .hint("run the command again, or restore the file")
    };
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("its content has changed"))?;
    if let Some(at) = text.rfind(SEAL) {
        let seal = format!("{SEAL}{}\n", sha256(&bytes[..at]));
        return if text[at..] == seal {
            Ok(&text[..at])
        } else {
            Err(damaged("its content has changed"))
        };
    }
    match ron::from_str::<Layout>(text) {
        Ok(layout) if layout.format != FORMAT => Err(Diagnostic::error(
            "E0954",
            format!("{} was written by econc {}", shown(path), layout.econc),
        )
        .note(format!(
            "its layout has version {}; this econc reads version {FORMAT}",
            layout.format
        ))),
        Ok(_) => Err(damaged("the line with its hash is missing")),
        Err(e) => {
            Err(Diagnostic::error("E0954", format!("{} cannot be read as a manifest", shown(path))).note(e.to_string()))
        }
    }
}

/// Checks that every file on record stands there as it was written.
///
/// # Errors
/// E0955 (missing, of another size, or changed).
pub(super) fn check_files(directory: &Path, manifest: &Manifest) -> Result<(), Diagnostic> {
    for entry in &manifest.files {
        let path = directory.join(&entry.name);
        let damaged = |what: String| {
            Diagnostic::error("E0955", format!("{} is not as the run wrote it", shown(&path)))
                .note(what)
                .hint("run the command again, or restore the file")
        };
        // Not more than is on record, whatever stands there now.
        let mut bytes = Vec::new();
        open_file(&path)
            .and_then(|f| f.take(entry.bytes.saturating_add(1)).read_to_end(&mut bytes))
            .map_err(|e| damaged(e.to_string()))?;
        if bytes.len() as u64 != entry.bytes {
            return Err(damaged(format!("it has not the {} bytes on record", entry.bytes)));
        }
        if sha256(&bytes) != entry.sha256 {
            return Err(damaged("its content has changed".to_string()));
        }
    }
    Ok(())
}

/// Opens a regular file; pipes and devices are refused, since reading one could block or not end.
///
/// # Errors
/// Those of the file system; `InvalidInput` for what is no regular file.
pub fn open_file(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    File::open(path)
}

pub(super) fn is_locked(directory: &Path) -> bool {
    match OpenOptions::new().write(true).open(directory.join(LOCK)) {
        Ok(file) => matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

pub(super) fn not_begun(directory: &Path) -> Diagnostic {
    Diagnostic::error(
        "E0986",
        format!("the run in {} had not begun when it was stopped", shown(directory)),
    )
    .note("nothing was computed, so nothing is lost")
    .hint("run the command again")
}

/// Whether work has been kept in a directory from which the run there could go on.
pub fn has_work(directory: &Path) -> bool {
    has_checkpoint(directory) || fs::read_dir(directory.join(WORK)).is_ok_and(|mut all| all.next().is_some())
}

/// Whether work left a checkpoint here, or in a folder here.
pub fn has_checkpoint(directory: &Path) -> bool {
    !checkpoints(directory).is_empty()
}

/// The paths of the checkpoints here and in folders here, a list.
pub(super) fn checkpoints(directory: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()));
    folders
        .chain([directory.to_path_buf()])
        .map(|f| f.join(CHECKPOINT))
        .filter(|f| f.is_file())
        .collect()
}

/// The name a run shall have, from that of its directory while it is written or after it failed.
pub(super) fn stem(name: &str) -> &str {
    let end = name.find(PARTIAL).or_else(|| name.rfind(FAILED)).unwrap_or(name.len());
    &name[..end]
}
