//! Run directories: the files of one solve, simulation or training run, complete or plainly not.
//!
//! A run is built in a directory beside its final place, `growth-0007.partial-4711`, and gets its name by one
//! `rename` when everything is written. Each file is written under a temporary name, synced and renamed, so a file
//! that has its name is whole. `manifest.ron` lists them with sizes and hashes.
//!
//! *A kill leaves the truth behind.* A process that is killed cannot write that it was killed. Therefore the
//! manifest on disk says `Interrupted` from the first byte, which is what a reader finds if the run dies at any
//! point; only [`RunDirectory::finish`] writes another status. While the run lives it holds a lock on `run.lock`,
//! which the operating system drops with the process: [`inspect`] reports `Running` while the lock is held.
//!
//! *A run begins whole.* Until the manifest, the model and what was asked stand there, the directory is called
//! `growth-0007.beginning-4711`; what is killed before it gets its `partial` name has not begun.
//!
//! *Nothing is read that was not written.* The manifest ends in a hash of itself and holds those of the files; checkpoints
//! carry their own ([`RunDirectory::keep_sealed`]).
//!
//! *Nothing is overwritten silently.* Without a place the next free number is taken; a named directory must be
//! empty or absent, or an earlier run of econc that the caller agrees to replace ([`super::place`]), and then the old run is
//! moved aside first and removed last.
//!
//! Reads no clock: times come from the caller. Codes E0950 to E0957, E0983, E0986.

use super::place::{check_free, is_only_a_run};
use crate::diag::Diagnostic;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

/// Name of the manifest inside a run directory.
pub const MANIFEST: &str = "manifest.ron";
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
/// File of [`RunDirectory::keep`] from which a run goes on.
pub const CHECKPOINT: &str = "checkpoint";

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
    /// The command as typed.
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
    /// The manifest of a run that is about to start.
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
pub enum Place {
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
    place: Place,
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
    /// Errors: E0950 (cannot be created), E0952 (the place is taken), E0956 (another process is writing it).
    pub fn create(place: Place, manifest: Manifest) -> Result<Self, Diagnostic> {
        RunDirectory::create_with(place, manifest, &[])
    }

    /// As [`RunDirectory::create`], with files that stand there from the beginning: a run that is killed has all of them, or
    /// has not begun.
    ///
    /// Errors: those of `create`; E0951, E0957.
    pub fn create_with(place: Place, mut manifest: Manifest, files: &[(&str, &[u8])]) -> Result<Self, Diagnostic> {
        let place = match place {
            Place::Exact { directory, force } => Place::Exact {
                directory: super::place::plain(&directory),
                force,
            },
            numbered @ Place::Numbered { .. } => numbered,
        };
        manifest.standing = match &place {
            Place::Numbered { .. } => Standing::Numbered,
            Place::Exact { force: false, .. } => Standing::Named,
            Place::Exact { force: true, .. } => Standing::Replacing,
        };
        let target = match &place {
            Place::Exact { directory, force } => {
                check_free(directory, *force)?;
                directory.clone()
            }
            Place::Numbered { root, name } => {
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
        // Some network file systems have no locks: the run then is shown as interrupted while it lives.
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

    /// Whether work has been kept here from which the run could go on.
    pub fn has_work(&self) -> bool {
        has_work(&self.partial)
    }

    /// Removes a run that did not get to work.
    pub fn abandon(self) {
        // Untidy if it stays, not wrong: it says that it was interrupted.
        let _ = fs::remove_dir_all(&self.partial);
    }

    /// Takes up an interrupted run where it stopped; a failed one, too, if it left a file of [`RunDirectory::keep`] called
    /// `checkpoint`. The files it lists are checked.
    ///
    /// Errors: E0954 (no run), E0955 (damaged), E0956 (still being written), E0953 (nothing to resume).
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
            ));
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

    /// Gives a run that came to its end its name, where it was killed before it had it; `None` if there is nothing to do.
    ///
    /// Errors: E0954, E0955, E0951, E0952.
    pub fn finish_move(directory: &Path) -> Result<Option<(PathBuf, Status)>, Diagnostic> {
        let name = directory
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let (manifest, status) = inspect(directory)?;
        if !name.contains(PARTIAL) || !matches!(status, Status::Complete | Status::Failed) {
            return Ok(None);
        }
        check_files(directory, &manifest)?;
        let run = RunDirectory {
            partial: directory.to_path_buf(),
            place: place_of(directory, &manifest),
            manifest,
            lock: None,
        };
        Ok(Some((run.published(status)?, status)))
    }

    /// Where the files are while the run is being written.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// The manifest as it stands.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Notes the settings in force.
    pub fn set_settings(&mut self, settings: BTreeMap<String, String>) {
        self.manifest.settings = settings;
    }

    /// Writes one file; `name` is relative, with `/`. An earlier file of that name is replaced in one step.
    ///
    /// Errors: E0951 (cannot be written), with what is safe so far.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        self.write_with(name, |w| w.write_all(bytes))
    }

    /// Like [`RunDirectory::write`], for content that is produced piece by piece.
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

    /// Writes a file that belongs to the work and not to the result (a checkpoint): whole or not at all, not on record, so
    /// that a kill between two versions leaves nothing that looks damaged. [`RunDirectory::clear`] removes it, and what
    /// stands under [`WORK`] goes when the run has come to its end.
    ///
    /// Errors: E0951, E0957; what stood there before then still stands.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        let target = self.inside(name)?;
        write_whole(&target, name, |w| w.write_all(bytes))
            .map(drop)
            .map_err(|e| cannot_write(&target, &self.partial, &e))
    }

    /// The bytes of a file of [`RunDirectory::keep`], if it is there.
    ///
    /// Errors: E0951 if it cannot be read, E0957.
    pub fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        let path = self.named(name)?;
        let mut bytes = Vec::new();
        match open_file(&path).and_then(|mut f| f.read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(unreadable(&path, &e)),
        }
    }

    /// Like [`RunDirectory::keep`], with length and hash, so that whatever happens to the file is seen by
    /// [`RunDirectory::kept_sealed`].
    ///
    /// Errors: E0951, E0957.
    pub fn keep_sealed(&self, name: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        let target = self.inside(name)?;
        write_whole(&target, name, |w| {
            w.write_all(SEALED)?;
            w.write_all(&(bytes.len() as u64).to_le_bytes())?;
            w.write_all(&Sha256::digest(bytes))?;
            w.write_all(bytes)
        })
        .map(drop)
        .map_err(|e| cannot_write(&target, &self.partial, &e))
    }

    /// The bytes of a file of [`RunDirectory::keep_sealed`], if it is there.
    ///
    /// Errors: E0983 if it is not as it was written; E0951, E0957.
    pub fn kept_sealed(&self, name: &str) -> Result<Option<Vec<u8>>, Diagnostic> {
        let Some(mut bytes) = self.kept(name)? else {
            return Ok(None);
        };
        let damaged = |what: String| {
            let path = self.partial.join(name);
            Diagnostic::error(
                "E0983",
                format!("the checkpoint {} is not as it was written", shown(&path)),
            )
            .note(what)
            .hint("restore the file, or remove it: what it holds is then done again from its start")
        };
        let head = SEALED.len() + 8 + 32;
        if bytes.len() < head || !bytes.starts_with(SEALED) {
            return Err(damaged("it does not begin as a checkpoint does".to_string()));
        }
        let content = bytes.split_off(head);
        let (length, hash) = bytes[SEALED.len()..].split_at(8);
        if length != (content.len() as u64).to_le_bytes() {
            return Err(damaged(format!(
                "it holds {} bytes, which is not its length",
                content.len()
            )));
        }
        if hash != &Sha256::digest(&content)[..] {
            return Err(damaged("its content has changed".to_string()));
        }
        Ok(Some(content))
    }

    /// Removes a file of [`RunDirectory::keep`].
    pub fn clear(&self, name: &str) {
        if let Ok(path) = self.named(name) {
            // A checkpoint that stays is untidy, not wrong.
            let _ = fs::remove_file(path);
        }
    }

    /// Takes back every file written since the manifest held these: a run that is resumed writes them again, and must not find them.
    pub fn take_back(&mut self, before: Vec<FileEntry>) {
        for entry in self.manifest.files.iter().filter(|f| !before.contains(f)) {
            // Not on record any more, it is written over.
            let _ = fs::remove_file(self.partial.join(&entry.name));
        }
        self.manifest.files = before;
    }

    /// Puts the files written so far on record, for runs that can be resumed.
    pub fn checkpoint(&self) -> Result<(), Diagnostic> {
        self.save_manifest(
            Status::Interrupted,
            Some("the run had not come to its end when this was written"),
        )
    }

    /// Ends the run and returns where it stands: under its name if complete, beside it as `NAME.failed` if failed,
    /// where it was if interrupted (it then can be resumed).
    ///
    /// Errors: E0951, E0952; the directory returned by [`RunDirectory::path`] keeps everything.
    pub fn finish(mut self, status: Status, reason: Option<&str>, wall_seconds: f64) -> Result<PathBuf, Diagnostic> {
        self.manifest.wall_seconds = Some(wall_seconds);
        self.save_manifest(status, reason)?;
        self.lock = None;
        // Gone or not, an unlocked lock file says nothing; it is only untidy.
        let _ = fs::remove_file(self.partial.join(LOCK));
        self.published(status)
    }

    /// Gives a run whose manifest says how it ended the name that goes with it.
    fn published(&self, status: Status) -> Result<PathBuf, Diagnostic> {
        if matches!(status, Status::Complete | Status::Failed) {
            // Untidy if it stays, not wrong.
            let _ = fs::remove_dir_all(self.partial.join(WORK));
        }
        match status {
            Status::Complete => self.publish(),
            Status::Failed => self.publish_failed(),
            Status::Interrupted | Status::Running => Ok(self.partial.clone()),
        }
    }

    fn publish(&self) -> Result<PathBuf, Diagnostic> {
        let moved = |e: &io::Error, to: &Path| cannot_publish(&self.partial, to, e);
        for checkpoint in checkpoints(&self.partial) {
            // A checkpoint that stays is untidy, not wrong.
            let _ = fs::remove_file(checkpoint);
        }
        match &self.place {
            Place::Numbered { root, name } => {
                // The number in the name of the partial directory was free when the run began; another run may
                // have taken it since. A directory is never renamed onto one that has files.
                let mut number = number_of(&self.partial, name).unwrap_or_else(|| next_number(root, name));
                loop {
                    let target = root.join(numbered(name, number));
                    match rename_onto_nothing(&self.partial, &target) {
                        Ok(()) => return Ok(target),
                        Err(e) if is_taken(&e) => number += 1,
                        Err(e) => return Err(moved(&e, &target)),
                    }
                }
            }
            Place::Exact { directory, force } => match rename_onto_nothing(&self.partial, directory) {
                Ok(()) => {
                    if *force {
                        remove_replaced(directory);
                    }
                    Ok(directory.clone())
                }
                Err(e) if is_taken(&e) && *force => self.replace(directory),
                Err(e) if is_taken(&e) => Err(taken(directory).note(format!(
                    "it was free when the run began; the finished run is whole and stands in {}",
                    shown(&self.partial)
                ))),
                Err(e) => Err(moved(&e, directory)),
            },
        }
    }

    /// Moves the earlier run aside, the new one in its place, and only then removes the old one.
    fn replace(&self, directory: &Path) -> Result<PathBuf, Diagnostic> {
        check_free(directory, true).map_err(|d| {
            d.note(format!(
                "it could be replaced when the run began; the finished run is whole and stands in {}",
                shown(&self.partial)
            ))
        })?;
        let aside = beside(directory, &format!("{REPLACED}{}", std::process::id()));
        let failed = |e: io::Error| cannot_publish(&self.partial, directory, &e);
        fs::rename(directory, &aside).map_err(failed)?;
        if let Err(e) = fs::rename(&self.partial, directory) {
            let _ = fs::rename(&aside, directory);
            return Err(failed(e));
        }
        // The new run stands; an old one that cannot be removed stays visible under its `.replaced` name.
        let _ = fs::remove_dir_all(&aside);
        Ok(directory.to_path_buf())
    }

    fn publish_failed(&self) -> Result<PathBuf, Diagnostic> {
        let name = self
            .partial
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let stem = stem(&name);
        let mut attempt = 1;
        loop {
            let suffix = if attempt == 1 {
                String::new()
            } else {
                format!("-{attempt}")
            };
            let target = self.partial.with_file_name(format!("{stem}{FAILED}{suffix}"));
            // A failed run that was resumed and failed again stays where it is.
            if target == self.partial {
                return Ok(target);
            }
            match rename_onto_nothing(&self.partial, &target) {
                Ok(()) => return Ok(target),
                Err(e) if is_taken(&e) => attempt += 1,
                Err(e) => return Err(cannot_publish(&self.partial, &target, &e)),
            }
        }
    }

    fn save_manifest(&self, status: Status, reason: Option<&str>) -> Result<(), Diagnostic> {
        let manifest = Manifest {
            status,
            reason: reason.map(str::to_string),
            ..self.manifest.clone()
        };
        let path = self.partial.join(MANIFEST);
        let text = ron::ser::to_string_pretty(&manifest, ron::ser::PrettyConfig::default())
            .map_err(|e| cannot_write(&path, &self.partial, &io::Error::other(e)))?;
        let seal = sha256(format!("{text}\n").as_bytes());
        write_whole(&path, MANIFEST, |w| writeln!(w, "{text}\n{SEAL}{seal}"))
            .map(drop)
            .map_err(|e| cannot_write(&path, &self.partial, &e))
    }

    /// The path of a file of this run.
    fn named(&self, name: &str) -> Result<PathBuf, Diagnostic> {
        let relative = Path::new(name);
        let plain = relative.components().all(|c| matches!(c, Component::Normal(_)));
        if name.is_empty() || !plain || name == MANIFEST || name == LOCK {
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

impl CompleteRun {
    /// The bytes of one file of the run.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Diagnostic> {
        fs::read(self.directory.join(name)).map_err(|e| unreadable(&self.directory.join(name), &e))
    }
}

/// The run in `directory` if it is complete and each of its files has the size and hash on record.
///
/// Errors: E0954 (no run there), E0953 (running, failed or interrupted), E0955 (a file is missing or changed).
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
            Status::Interrupted | Status::Complete => "run the command again",
        }));
    }
    check_files(directory, &manifest)?;
    Ok(CompleteRun {
        directory: directory.to_path_buf(),
        manifest,
    })
}

/// Errs unless the run in `directory` ended as `status` says and its files are as they were written.
///
/// Errors: E0955.
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
        _ => damaged(d.headline),
    })?;
    if now != status {
        return Err(damaged(format!("it was {status}, and now is {now}")));
    }
    check_files(directory, &manifest)
}

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

/// A run with learned policies: a complete one, or a comparison that ended in a verdict against them. What was learned is what it is;
/// the verdict stands in the run's report.
///
/// Errors: those of [`open_complete`].
pub fn open_policies(directory: &Path) -> Result<CompleteRun, Diagnostic> {
    let (manifest, status) = inspect(directory)?;
    let learned = manifest
        .files
        .iter()
        .any(|f| f.name.starts_with("policy_") && f.name.ends_with(".ron"));
    if status != Status::Failed || !learned {
        return open_complete(directory);
    }
    check_files(directory, &manifest)?;
    Ok(CompleteRun {
        directory: directory.to_path_buf(),
        manifest,
    })
}

/// The interrupted run behind a name: the directory itself, or the latest `NAME.partial-*` (or `NAME.failed`) beside it.
///
/// Errors: E0954 if there is none.
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

/// The manifest in `directory` and the status now: `Running` while a live process holds the run.
pub fn inspect(directory: &Path) -> Result<(Manifest, Status), Diagnostic> {
    let path = directory.join(MANIFEST);
    let mut bytes = Vec::new();
    let read = open_file(&path).and_then(|f| f.take(LARGEST_MANIFEST + 1).read_to_end(&mut bytes));
    read.map_err(|e| match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Diagnostic::error("E0954", format!("{} is not a run of econc", shown(directory)))
                .note(format!("there is no {MANIFEST} in it"))
                .hint("give the directory that `econc solve` or `econc train` named at its end")
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

/// Where the run in a directory shall stand when it is done.
fn place_of(directory: &Path, manifest: &Manifest) -> Place {
    let name = directory
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let stem = stem(&name);
    let number = stem.rsplit_once('-').filter(|(_, n)| n.parse::<u32>().is_ok());
    match (manifest.standing, number) {
        (Standing::Numbered, Some((model, _))) => Place::Numbered {
            root: directory.parent().unwrap_or(Path::new("")).to_path_buf(),
            name: model.to_string(),
        },
        (standing, _) => Place::Exact {
            directory: directory.with_file_name(stem),
            force: standing == Standing::Replacing,
        },
    }
}

/// Removes what was being written when a run was killed.
fn remove_unfinished(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().ends_with(WRITING) {
            let _ = fs::remove_file(path);
        } else if path.is_dir() {
            remove_unfinished(&path);
        }
    }
}

/// Removes what stood at a place before, where an econc that put a run there was killed before it could.
fn remove_replaced(directory: &Path) {
    let Some(name) = directory.file_name() else { return };
    let head = format!("{}{REPLACED}", name.to_string_lossy());
    for entry in siblings(directory) {
        let old = entry
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with(&head));
        if old && is_only_a_run(&entry) {
            let _ = fs::remove_dir_all(entry);
        }
    }
}

/// What stands beside a path.
fn siblings(path: &Path) -> Vec<PathBuf> {
    let parent = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .collect()
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn check_files(directory: &Path, manifest: &Manifest) -> Result<(), Diagnostic> {
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

/// Opens what must be a file: a pipe would be waited for, and a device has no end.
pub fn open_file(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    File::open(path)
}

fn is_locked(directory: &Path) -> bool {
    match OpenOptions::new().write(true).open(directory.join(LOCK)) {
        Ok(file) => matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

/// Makes `target.beginning-PID` (with a further number if a dead process of that number left one).
fn create_partial(target: &Path) -> Result<PathBuf, Diagnostic> {
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
fn remove_not_begun(folder: &Path, of: impl Fn(&str) -> bool) {
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

fn of_process(word: &str, pid: u32, attempt: usize) -> String {
    match attempt {
        1 => format!("{word}{pid}"),
        n => format!("{word}{pid}-{n}"),
    }
}

fn not_begun(directory: &Path) -> Diagnostic {
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

/// The name a run shall have, from that of its directory while it is written or after it failed.
fn stem(name: &str) -> &str {
    let end = name.find(PARTIAL).or_else(|| name.rfind(FAILED)).unwrap_or(name.len());
    &name[..end]
}

/// Whether work left a checkpoint here, or in a folder here.
fn has_checkpoint(directory: &Path) -> bool {
    !checkpoints(directory).is_empty()
}

/// The checkpoints here and in folders here.
fn checkpoints(directory: &Path) -> Vec<PathBuf> {
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

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map(|n| n.to_os_string()).unwrap_or_default();
    name.push(suffix);
    path.with_file_name(name)
}

fn numbered(name: &str, number: u32) -> String {
    format!("{name}-{number:04}")
}

/// One more than the largest number in use, finished or not.
fn next_number(root: &Path, name: &str) -> u32 {
    let Ok(entries) = fs::read_dir(root) else {
        return 1;
    };
    let largest = entries.filter_map(|e| number_of(&e.ok()?.path(), name)).max();
    largest.map_or(1, |n| n.saturating_add(1))
}

/// The number of a run from the name of its directory: 7 for `growth-0007` and `growth-0007.partial-4711`.
fn number_of(path: &Path, name: &str) -> Option<u32> {
    let entry = path.file_name()?.to_str()?;
    let rest = entry.strip_prefix(name)?.strip_prefix('-')?;
    rest.split('.').next()?.parse().ok()
}

/// Renames a directory; an existing target with files is an error, never replaced.
fn rename_onto_nothing(from: &Path, to: &Path) -> io::Result<()> {
    if cfg!(windows) && to.is_dir() {
        // There an empty directory is not replaced by a rename; one with files is not removed by this.
        let _ = fs::remove_dir(to);
    }
    fs::rename(from, to)
}

fn is_taken(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory
    )
}

/// Counts and hashes what passes through.
struct Tally<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Tally<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buffer)?;
        self.hash.update(&buffer[..n]);
        self.bytes += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a file beside its place, syncs it and gives it its name.
pub(super) fn write_whole(
    target: &Path,
    name: &str,
    produce: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<FileEntry> {
    let temporary = beside(target, WRITING);
    let written = (|| {
        let mut tally = Tally {
            inner: BufWriter::new(File::create(&temporary)?),
            hash: Sha256::new(),
            bytes: 0,
        };
        produce(&mut tally)?;
        let Tally { inner, hash, bytes } = tally;
        inner.into_inner().map_err(|e| e.into_error())?.sync_all()?;
        fs::rename(&temporary, target)?;
        Ok(FileEntry {
            name: name.to_string(),
            bytes,
            sha256: hex(&hash.finalize()),
        })
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

pub(super) fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

pub(super) fn busy(directory: &Path) -> Diagnostic {
    Diagnostic::error(
        "E0956",
        format!("another econc is writing the run in {}", shown(directory)),
    )
    .hint("wait until it has finished, or give another directory to `--out`")
}

pub(super) fn taken(directory: &Path) -> Diagnostic {
    Diagnostic::error("E0952", format!("the directory {} is not empty", shown(directory)))
}

pub(super) fn unreadable(path: &Path, e: &io::Error) -> Diagnostic {
    with_cause(Diagnostic::error("E0954", format!("{} cannot be read", shown(path))), e)
}

fn cannot_create(path: &Path, e: &io::Error) -> Diagnostic {
    with_cause(
        Diagnostic::error("E0950", format!("the run directory {} cannot be created", shown(path)))
            .note("nothing has been computed yet, so nothing is lost"),
        e,
    )
}

fn cannot_write(path: &Path, partial: &Path, e: &io::Error) -> Diagnostic {
    with_cause(
        Diagnostic::error("E0951", format!("{} cannot be written", shown(path))).note(format!(
            "the files written before it are whole and stand in {}",
            shown(partial)
        )),
        e,
    )
}

fn cannot_publish(partial: &Path, target: &Path, e: &io::Error) -> Diagnostic {
    with_cause(
        Diagnostic::error("E0951", format!("the run cannot be put at {}", shown(target)))
            .note(format!("it is whole and stands in {}", shown(partial))),
        e,
    )
}

/// Adds the cause in words and what to do about it.
pub(super) fn with_cause(diagnostic: Diagnostic, e: &io::Error) -> Diagnostic {
    // Writers of formats wrap the error of the system, and with it its kind.
    let full = e.to_string().contains("os error 28");
    let kind = if cfg!(unix) && full {
        ErrorKind::StorageFull
    } else {
        e.kind()
    };
    let (cause, hint) = match kind {
        ErrorKind::PermissionDenied => ("permission denied", "give a directory you may write to, `--out DIR`"),
        ErrorKind::ReadOnlyFilesystem => (
            "the file system is read-only",
            "give a directory you may write to, `--out DIR`",
        ),
        ErrorKind::StorageFull => (DISK_FULL, "free some space, or write to another disk with `--out DIR`"),
        ErrorKind::FileTooLarge => (
            "no file may be that large here (a limit of the system, or `ulimit -f`)",
            "raise the limit, or write elsewhere with `--out DIR`",
        ),
        ErrorKind::QuotaExceeded => (
            "your quota is used up",
            "free some space, or write elsewhere with `--out DIR`",
        ),
        ErrorKind::NotADirectory => ("a part of the path is a file", "give another directory, `--out DIR`"),
        ErrorKind::NotFound => (
            "a folder of the path does not exist",
            "make the folder, or correct the path",
        ),
        _ => return diagnostic.note(e.to_string()),
    };
    diagnostic.note(cause).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest::new(
            vec!["econc".into(), "solve".into(), "growth.econ".into()],
            "growth.econ",
            b"model growth",
            7,
            "2025-01-01T00:00:00Z",
        )
    }

    fn numbered_place(root: &Path) -> Place {
        Place::Numbered {
            root: root.to_path_buf(),
            name: "growth".into(),
        }
    }

    fn exact(directory: &Path, force: bool) -> Place {
        Place::Exact {
            directory: directory.to_path_buf(),
            force,
        }
    }

    #[test]
    fn a_finished_run_gets_its_name_and_can_be_opened() {
        let root = tempfile::tempdir().unwrap();
        let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        assert!(run.path().to_str().unwrap().contains("growth-0001.partial-"));
        run.write("plots/policy.svg", b"<svg/>").unwrap();
        run.write_with("a.csv", |w| write!(w, "k,s\n1.0,0.5\n")).unwrap();
        let place = run.finish(Status::Complete, None, 1.5).unwrap();
        assert_eq!(place, root.path().join("growth-0001"));
        let open = open_complete(&place).unwrap();
        assert_eq!(open.manifest.wall_seconds, Some(1.5));
        let names: Vec<_> = open.manifest.files.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["a.csv", "plots/policy.svg"]);
        assert_eq!(open.read("a.csv").unwrap(), b"k,s\n1.0,0.5\n");
        // nothing else is left: no lock, no temporary file, no partial directory
        assert_eq!(fs::read_dir(&place).unwrap().count(), 3);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_manifest_says_interrupted_from_the_start_and_running_while_it_lives() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        let place = run.path().to_path_buf();
        let on_disk = fs::read_to_string(place.join(MANIFEST)).unwrap();
        assert!(on_disk.contains("status: Interrupted"), "{on_disk}");
        assert_eq!(inspect(&place).unwrap().1, Status::Running);
        assert_eq!(open_complete(&place).unwrap_err().code, "E0953");
        drop(run); // what a kill does to the lock
        assert_eq!(inspect(&place).unwrap().1, Status::Interrupted);
        let error = open_complete(&place).unwrap_err();
        assert_eq!(error.code, "E0953");
        assert!(error.headline.contains("interrupted"), "{}", error.headline);
    }

    #[test]
    fn numbers_count_runs_that_failed_or_were_left() {
        let root = tempfile::tempdir().unwrap();
        let first = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        let second = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        let failed = second.finish(Status::Failed, Some("no convergence"), 0.1).unwrap();
        assert_eq!(failed, root.path().join("growth-0002.failed"));
        assert_eq!(open_complete(&failed).unwrap_err().code, "E0953");
        drop(first);
        let third = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        let third = third.finish(Status::Complete, None, 0.1).unwrap();
        assert_eq!(third, root.path().join("growth-0003"));
        fs::create_dir(root.path().join("growth-of-nations")).unwrap();
        fs::create_dir(root.path().join("growth-0010.failed")).unwrap();
        assert_eq!(next_number(root.path(), "growth"), 11);
    }

    #[test]
    fn two_runs_with_the_same_number_both_survive() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        let rival = root.path().join("growth-0001");
        fs::create_dir(&rival).unwrap();
        fs::write(rival.join("theirs"), b"1").unwrap();
        let place = run.finish(Status::Complete, None, 0.1).unwrap();
        assert_eq!(place, root.path().join("growth-0002"));
        assert_eq!(fs::read(rival.join("theirs")).unwrap(), b"1");
    }

    #[test]
    fn a_named_directory_with_files_is_refused_and_only_runs_are_replaced() {
        let root = tempfile::tempdir().unwrap();
        let foreign = root.path().join("thesis");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("chapter1.tex"), b"Call me").unwrap();
        for force in [false, true] {
            let error = RunDirectory::create(exact(&foreign, force), manifest()).unwrap_err();
            assert_eq!(error.code, "E0952");
        }
        assert_eq!(fs::read(foreign.join("chapter1.tex")).unwrap(), b"Call me");

        let ours = root.path().join("base");
        let mut run = RunDirectory::create(exact(&ours, false), manifest()).unwrap();
        run.write("old", b"old").unwrap();
        run.finish(Status::Complete, None, 0.1).unwrap();
        assert_eq!(
            RunDirectory::create(exact(&ours, false), manifest()).unwrap_err().code,
            "E0952"
        );
        let mut run = RunDirectory::create(exact(&ours, true), manifest()).unwrap();
        run.write("new", b"new").unwrap();
        assert!(
            ours.join("old").exists(),
            "the old run stays until the new one is whole"
        );
        assert_eq!(run.finish(Status::Complete, None, 0.1).unwrap(), ours);
        assert!(ours.join("new").exists() && !ours.join("old").exists());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_empty_directory_is_free_and_a_file_is_not() {
        let root = tempfile::tempdir().unwrap();
        let empty = root.path().join("empty");
        fs::create_dir(&empty).unwrap();
        let run = RunDirectory::create(exact(&empty, false), manifest()).unwrap();
        assert_eq!(run.finish(Status::Complete, None, 0.1).unwrap(), empty);
        let file = root.path().join("file");
        fs::write(&file, b"x").unwrap();
        let error = RunDirectory::create(exact(&file, true), manifest()).unwrap_err();
        assert_eq!(error.code, "E0952");
        let below = RunDirectory::create(exact(&file.join("run"), false), manifest()).unwrap_err();
        assert!(["E0950", "E0952"].contains(&below.code.as_str()));
        assert_eq!(fs::read(&file).unwrap(), b"x");
    }

    #[test]
    fn a_full_disk_is_named_and_the_files_before_it_stay() {
        let root = tempfile::tempdir().unwrap();
        let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        run.write("first.csv", b"1").unwrap();
        let error = run
            .write_with("second.csv", |w| {
                w.write_all(b"half")?;
                Err(io::Error::from(ErrorKind::StorageFull))
            })
            .unwrap_err();
        assert_eq!(error.code, "E0951");
        assert!(error.notes.iter().any(|n| n.contains("disk is full")), "{error:?}");
        let names: Vec<_> = fs::read_dir(run.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(names.contains(&"first.csv".to_string()));
        assert!(!names.iter().any(|n| n.starts_with("second.csv")), "{names:?}");
    }

    #[test]
    fn a_changed_or_missing_file_is_found() {
        let root = tempfile::tempdir().unwrap();
        let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        run.write("a.csv", b"12345").unwrap();
        let place = run.finish(Status::Complete, None, 0.1).unwrap();
        for content in [Some(&b"12346"[..]), Some(&b"123"[..]), None] {
            match content {
                Some(bytes) => fs::write(place.join("a.csv"), bytes).unwrap(),
                None => fs::remove_file(place.join("a.csv")).unwrap(),
            }
            assert_eq!(open_complete(&place).unwrap_err().code, "E0955");
        }
        fs::write(place.join(MANIFEST), "(format: 1").unwrap();
        assert_eq!(open_complete(&place).unwrap_err().code, "E0954");
        assert_eq!(open_complete(root.path()).unwrap_err().code, "E0954");
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        for name in ["../x", "/etc/x", "", "a/../../x", MANIFEST, LOCK] {
            assert_eq!(run.write(name, b"x").unwrap_err().code, "E0957", "{name}");
        }
    }

    #[test]
    fn an_interrupted_run_is_resumed_with_its_files() {
        let root = tempfile::tempdir().unwrap();
        let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
        run.write("checkpoint-1", b"weights").unwrap();
        run.checkpoint().unwrap();
        let place = run.path().to_path_buf();
        assert_eq!(RunDirectory::resume(&place).unwrap_err().code, "E0956");
        let stayed = run.finish(Status::Interrupted, Some("Ctrl-C"), 3.0).unwrap();
        assert_eq!(stayed, place);
        let mut again = RunDirectory::resume(&place).unwrap();
        again.write("policy.npz", b"p").unwrap();
        let done = again.finish(Status::Complete, None, 5.0).unwrap();
        assert_eq!(done, root.path().join("growth-0001"));
        assert_eq!(open_complete(&done).unwrap().manifest.files.len(), 2);
        assert_eq!(RunDirectory::resume(&done).unwrap_err().code, "E0953");
    }
}
