//! Run directories: the files of one solve, simulation or training run, complete or plainly not.
//!
//! A run is built in a directory beside its final place, `growth-0007.partial-4711`, and gets its name by one
//! `rename` when everything is written. Each file is written under a temporary name, synced and renamed, so a file
//! that has its name is whole. `manifest.ron` lists them with sizes and hashes.
//!
//! *A run that was killed reads as interrupted.* A process that is killed cannot write that it was killed. Therefore the
//! manifest on disk says `Interrupted` from the first byte, which is what a reader finds if the process ends at any
//! point; only [`RunDirectory::finish`] writes another status. While the process runs it holds a lock on `run.lock`,
//! which the operating system drops with the process: [`inspect`] reports `Running` while the lock is held.
//!
//! *A run begins whole.* Until the manifest, the model and what was asked stand there, the directory is called
//! `growth-0007.beginning-4711`; what is killed before it gets its `partial` name has not begun.
//!
//! *Changed files are refused.* The manifest ends in a hash of itself and holds those of the files; checkpoints
//! carry their own ([`RunDirectory::keep_sealed`]).
//!
//! *Nothing is overwritten silently.* Without a place the next free number is taken; a named directory must be
//! empty or absent, or an earlier run of econc that the caller agrees to replace (`replace.rs`), and then the old run is
//! moved aside first and removed last.
//!
//! Reads no clock: times come from the caller. Codes E0950 to E0957, E0983, E0986.

mod checkpoints;
mod files;
mod names;
mod open;
mod publish;
pub(super) mod replace;

pub use files::sha256;
pub(super) use files::{resolved, shown, with_cause, write_whole};
pub use names::remove_run;
pub use open::{
    OF_THIS_NAME, check_whole, has_checkpoint, has_work, inspect, interrupted, not_a_sweep, open_complete, open_ended,
    open_file, open_played, open_policies,
};

use crate::diag::Diagnostic;
use files::{beside, busy, cannot_create, cannot_write, plain};
use names::{create_partial, next_number, numbered, of_process, remove_not_begun, remove_unfinished};
use open::{check_files, not_begun};
use publish::{is_taken, place_of, rename_onto_nothing};
use replace::{behind_links, check_free, nobody_writes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// Name of the manifest inside a run directory.
pub const MANIFEST: &str = "manifest.ron";

/// The same for programs that do not read RON, written when the run has come to its end.
pub const MANIFEST_JSON: &str = "manifest.json";

/// Version of the manifest's layout.
const FORMAT: u32 = 2;

/// Most bytes that are read as a manifest; it lists a few files for each of at most some thousands of seeds.
const LARGEST_MANIFEST: u64 = 64_000_000;

/// Opens the last line of a manifest, the hash of everything above.
const SEAL: &str = "// sha256 ";

/// Held locked while a run is being written.
pub(super) const LOCK: &str = "run.lock";

/// Folder of files of the work ([`RunDirectory::keep`]) that go when the run has come to its end.
pub const WORK: &str = "work";

/// Stands between the name of a run and the process that is writing it.
const PARTIAL: &str = ".partial-";

/// Stands there instead until everything is there that a run needs to go on.
const BEGINNING: &str = ".beginning-";

/// Stands between the name of a run and the process that put another in its place.
const REPLACED: &str = ".replaced-";

/// Follows the name of a file while it is being written.
pub(super) const WRITING: &str = ".writing";

/// The note on a disk that is full.
pub const DISK_FULL: &str = "the disk is full";

/// Opens a file that carries its length and hash.
const SEALED: &[u8] = b"econc sealed\n";

/// Follows the name of a run that failed.
const FAILED: &str = ".failed";

/// Table of a sweep, whose points are runs of their own inside it.
pub(super) const SWEEP: &str = "sweep.csv";

/// File of [`RunDirectory::keep`] from which a run goes on.
pub const CHECKPOINT: &str = "checkpoint";

/// Files of the course of a training, in a folder of each seed.
pub(super) const LOGS: [&str; 4] = ["log.csv", "measured.csv", "log.jsonl", "events.out.tfevents.econc"];

/// How far a run got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// A process is writing it now. Never on disk: found by the lock.
    Running,
    /// Everything is there and the result may be used.
    Complete,
    /// It ran to its end, and the end is no result: no convergence, a certificate that fails.
    Failed,
    /// Stopped by Ctrl-C, a kill or a crash.
    Interrupted,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Status::Running => "running",
            Status::Complete => "complete",
            Status::Failed => "failed",
            Status::Interrupted => "interrupted",
        })
    }
}

/// One file of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path inside the run directory, with `/`.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// How a run came to its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// The next free number.
    Numbered,
    /// A named directory.
    #[default]
    Named,
    /// A named directory, in the place of an earlier run.
    Replacing,
}

/// What a run is and what it consists of; `manifest.ron`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub format: u32,
    /// Version of econc.
    pub econc: String,
    /// The subcommand.
    pub action: String,
    /// The command as typed, one entry per word.
    pub command: Vec<String>,
    /// How the run came to its place.
    pub standing: Standing,
    /// The model file as named on the command line.
    pub model: String,
    /// SHA-256 of the model file in hexadecimal.
    pub model_sha256: String,
    /// Settings in force, by name.
    pub settings: BTreeMap<String, String>,
    /// `--set name=value`, in the order given.
    pub overrides: Vec<(String, String)>,
    /// Seed of every random stream.
    pub seed: u64,
    /// How far it got.
    pub status: Status,
    /// Why it is not complete.
    pub reason: Option<String>,
    /// When it started (UTC, ISO 8601).
    pub started: String,
    /// How long it took, in seconds.
    pub wall_seconds: Option<f64>,
    /// The files, in the order of their names.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// The manifest of a run that is about to start; `command` has one entry per word, `source` is the bytes of the
    /// model file.
    pub fn new(command: Vec<String>, model: &str, source: &[u8], seed: u64, started: &str) -> Self {
        Manifest {
            format: FORMAT,
            econc: env!("CARGO_PKG_VERSION").to_string(),
            action: String::new(),
            command,
            standing: Standing::Named,
            model: model.to_string(),
            model_sha256: sha256(source),
            settings: BTreeMap::new(),
            overrides: Vec::new(),
            seed,
            status: Status::Interrupted,
            reason: None,
            started: started.to_string(),
            wall_seconds: None,
            files: Vec::new(),
        }
    }
}

/// Where a run shall stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunPlace {
    /// The next free `root/name-0001`.
    Numbered {
        /// Directory of all runs.
        root: PathBuf,
        /// Name of the model.
        name: String,
    },
    /// This directory.
    Exact {
        /// The directory; must be absent or empty, unless `force`.
        directory: PathBuf,
        /// Replace an earlier run of econc that stands there.
        force: bool,
    },
}

/// A run that is being written.
#[derive(Debug)]
pub struct RunDirectory {
    partial: PathBuf,
    place: RunPlace,
    manifest: Manifest,
    lock: Option<File>,
}

/// A run that is complete and whose files are as they were written.
#[derive(Clone, Debug)]
pub struct CompleteRun {
    /// Where it stands.
    pub directory: PathBuf,
    /// What it is.
    pub manifest: Manifest,
}

impl RunDirectory {
    /// Opens a new run directory, so that a place that cannot be written is found before the work is done.
    ///
    /// # Errors
    /// E0950 (cannot be created), E0952 (the place is taken), E0956 (another process is writing it).
    pub fn create(place: RunPlace, manifest: Manifest) -> Result<Self, Diagnostic> {
        RunDirectory::create_with(place, manifest, &[])
    }

    /// As [`RunDirectory::create`], with files (pairs of name and bytes) that stand there from the beginning: a run
    /// that is killed has all of them, or has not begun.
    ///
    /// # Errors
    /// Those of `create`; E0951, E0957.
    pub fn create_with(place: RunPlace, mut manifest: Manifest, files: &[(&str, &[u8])]) -> Result<Self, Diagnostic> {
        let place = match place {
            RunPlace::Exact { directory, force } => RunPlace::Exact {
                directory: behind_links(&plain(&directory)),
                force,
            },
            numbered @ RunPlace::Numbered { .. } => numbered,
        };
        manifest.standing = match &place {
            RunPlace::Numbered { .. } => Standing::Numbered,
            RunPlace::Exact { force: false, .. } => Standing::Named,
            RunPlace::Exact { force: true, .. } => Standing::Replacing,
        };
        let target = match &place {
            RunPlace::Exact { directory, force } => {
                check_free(directory, *force)?;
                if *force {
                    nobody_writes(directory)?;
                }
                directory.clone()
            }
            RunPlace::Numbered { root, name } => {
                remove_not_begun(root, |entry| {
                    let number = entry.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
                    number.is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
                });
                root.join(numbered(name, next_number(root, name)))
            }
        };
        if let Some(parent) = target.parent().filter(|p| !p.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(|e| cannot_create(parent, &e))?;
        }
        let partial = create_partial(&target)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(partial.join(LOCK))
            .map_err(|e| {
                let _ = fs::remove_dir_all(&partial);
                cannot_create(&partial, &e)
            })?;
        // Some network file systems have no locks: the run then is shown as interrupted while it is running.
        let _ = lock.try_lock();
        let mut run = RunDirectory {
            partial,
            place,
            manifest,
            lock: Some(lock),
        };
        match run.begin(&target, files) {
            Ok(()) => Ok(run),
            Err(d) => {
                let path = run.partial.clone();
                run.abandon();
                // What had been written is gone with it.
                let d = d.into_message();
                let cause = d.notes.into_iter().filter(|n| !n.contains(BEGINNING));
                let error = cause.fold(
                    Diagnostic::error("E0950", format!("the run directory {} cannot be created", shown(&path)))
                        .note("nothing has been computed yet, so nothing is lost"),
                    Diagnostic::note,
                );
                Err(match d.hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                })
            }
        }
    }

    /// Writes what must be there from the beginning, then takes the name of a run that has begun.
    fn begin(&mut self, target: &Path, files: &[(&str, &[u8])]) -> Result<(), Diagnostic> {
        for (name, bytes) in files {
            self.write(name, bytes)?;
        }
        self.checkpoint()?;
        let pid = std::process::id();
        let mut attempt = 1;
        loop {
            let begun = beside(target, &of_process(PARTIAL, pid, attempt));
            match rename_onto_nothing(&self.partial, &begun) {
                Ok(()) => {
                    self.partial = begun;
                    return Ok(());
                }
                Err(e) if is_taken(&e) => attempt += 1,
                Err(e) => return Err(cannot_create(&begun, &e)),
            }
        }
    }

    /// Removes a run that did not get to work.
    pub fn abandon(self) {
        // Untidy if it stays, not wrong: it says that it was interrupted.
        let _ = fs::remove_dir_all(&self.partial);
    }

    /// Takes up an interrupted run where it stopped; a failed one, too, if it left a file of [`RunDirectory::keep`] called
    /// `checkpoint`. The files it lists are checked.
    ///
    /// # Errors
    /// E0954 (no run), E0955 (damaged), E0956 (still being written), E0953 (nothing to resume).
    pub fn resume(directory: &Path) -> Result<Self, Diagnostic> {
        let (manifest, status) = inspect(directory)?;
        if status == Status::Running {
            return Err(busy(directory));
        }
        let name = directory
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.contains(BEGINNING) {
            return Err(not_begun(directory));
        }
        let goes_on = status == Status::Interrupted || (status == Status::Failed && has_checkpoint(directory));
        if !goes_on {
            return Err(Diagnostic::error(
                "E0953",
                format!(
                    "the run in {} is {status}, so there is nothing to resume",
                    shown(directory)
                ),
            )
            .hint(match status {
                Status::Failed => "its report says why; what it was asked for stands in its manifest, and is run anew without --resume",
                _ => "it is whole: read its report, or name it where a run is read (--policy, --solution)",
            }));
        }
        check_files(directory, &manifest)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(LOCK))
            .map_err(|e| cannot_create(directory, &e))?;
        let _ = lock.try_lock();
        remove_unfinished(directory);
        let run = RunDirectory {
            partial: directory.to_path_buf(),
            place: place_of(directory, &manifest),
            manifest,
            lock: Some(lock),
        };
        if status == Status::Failed {
            run.checkpoint()?;
        }
        Ok(run)
    }

    /// Where the files are while the run is being written.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// The manifest as it stands.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes one file of `bytes`; `name` is relative, with `/`. An earlier file of that name is replaced in one step.
    ///
    /// # Errors
    /// E0951 (cannot be written), with what is safe so far; E0957 (no name for a file of a run).
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        self.write_with(name, |w| w.write_all(bytes))
    }

    /// Like [`RunDirectory::write`], for content that is produced piece by piece.
    ///
    /// # Errors
    /// Those of [`RunDirectory::write`].
    pub fn write_with(
        &mut self,
        name: &str,
        produce: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Diagnostic> {
        let target = self.inside(name)?;
        let entry = write_whole(&target, name, produce).map_err(|e| cannot_write(&target, &self.partial, &e))?;
        self.manifest.files.retain(|f| f.name != name);
        self.manifest.files.push(entry);
        self.manifest.files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    /// The path of a file of this run.
    fn named(&self, name: &str) -> Result<PathBuf, Diagnostic> {
        let relative = Path::new(name);
        let plain = relative.components().all(|c| matches!(c, Component::Normal(_)));
        if name.is_empty() || !plain || [MANIFEST, MANIFEST_JSON, LOCK].contains(&name) {
            return Err(
                Diagnostic::error("E0957", format!("`{name}` cannot be the name of a file of a run"))
                    .hint("use a relative name without `..`"),
            );
        }
        Ok(self.partial.join(relative))
    }

    /// The path of a file of this run; makes its folder.
    fn inside(&self, name: &str) -> Result<PathBuf, Diagnostic> {
        let target = self.named(name)?;
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(|e| cannot_write(folder, &self.partial, &e))?;
        }
        Ok(target)
    }
}

#[cfg(test)]
mod tests;
