//! The end of a run: its manifest, its name, and what it takes the place of.

use super::files::{beside, cannot_publish, cannot_write, for_others, sha256, shown, siblings, taken, write_whole};
use super::names::{next_number, number_of, numbered};
use super::open::{check_files, checkpoints, inspect, stem};
use super::replace::{check_free, is_only_a_run};
use super::{
    FAILED, LOCK, MANIFEST, MANIFEST_JSON, Manifest, PARTIAL, REPLACED, RunDirectory, RunPlace, SEAL, Standing, Status,
    WORK,
};
use crate::diag::Diagnostic;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

impl RunDirectory {
    /// Ends the run and returns where it stands: under its name if complete, beside it as `NAME.failed` if failed,
    /// where it was if interrupted (it then can be resumed).
    ///
    /// # Errors
    /// E0951, E0952; the directory returned by [`RunDirectory::path`] keeps everything.
    pub fn finish(mut self, status: Status, reason: Option<&str>, wall_seconds: f64) -> Result<PathBuf, Diagnostic> {
        self.manifest.wall_seconds = Some(wall_seconds);
        self.manifest.status = status;
        self.manifest.reason = reason.map(str::to_string);
        self.save_manifest(status, reason)?;
        self.lock = None;
        // Gone or not, an unlocked lock file says nothing; it is only untidy.
        let _ = fs::remove_file(self.partial.join(LOCK));
        self.published(status)
    }

    /// Gives a run that came to its end its name, where it was killed before it had it; `None` if there is nothing to do.
    ///
    /// # Errors
    /// E0954, E0955, E0951, E0952.
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

    /// Gives a run whose manifest says how it ended the name that goes with it.
    fn published(&self, status: Status) -> Result<PathBuf, Diagnostic> {
        if matches!(status, Status::Complete | Status::Failed) {
            // Untidy if it stays, not wrong.
            let _ = fs::remove_dir_all(self.partial.join(WORK));
            let path = self.partial.join(MANIFEST_JSON);
            write_whole(&path, MANIFEST_JSON, |w| w.write_all(&for_others(&self.manifest)))
                .map_err(|e| cannot_write(&path, &self.partial, &e))?;
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
            RunPlace::Numbered { root, name } => {
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
            RunPlace::Exact { directory, force } => match rename_onto_nothing(&self.partial, directory) {
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
        if matches!(self.place, RunPlace::Exact { force: true, .. }) {
            let earlier = self.partial.with_file_name(format!("{stem}{FAILED}"));
            // One failed run takes the place of another, as a complete one would; what is not only a run stays.
            if earlier != self.partial && earlier.is_dir() && is_only_a_run(&earlier) {
                let _ = fs::remove_dir_all(&earlier);
            }
        }
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

    /// Writes the manifest with this status into the run directory, sealed by its hash.
    ///
    /// # Errors
    /// E0951 (cannot be written).
    pub(super) fn save_manifest(&self, status: Status, reason: Option<&str>) -> Result<(), Diagnostic> {
        let manifest = Manifest {
            status,
            reason: reason.map(str::to_string),
            ..self.manifest.clone()
        };
        let path = self.partial.join(MANIFEST);
        let text = crate::graph::store::ron_lines(&manifest)
            .map_err(|e| cannot_write(&path, &self.partial, &io::Error::other(e)))?;
        let seal = sha256(format!("{text}\n").as_bytes());
        write_whole(&path, MANIFEST, |w| writeln!(w, "{text}\n{SEAL}{seal}"))
            .map(drop)
            .map_err(|e| cannot_write(&path, &self.partial, &e))
    }
}

/// Where the run in a directory shall stand when it is done.
pub(super) fn place_of(directory: &Path, manifest: &Manifest) -> RunPlace {
    let name = directory
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let stem = stem(&name);
    let number = stem.rsplit_once('-').filter(|(_, n)| n.parse::<u32>().is_ok());
    match (manifest.standing, number) {
        (Standing::Numbered, Some((model, _))) => RunPlace::Numbered {
            root: directory.parent().unwrap_or(Path::new("")).to_path_buf(),
            name: model.to_string(),
        },
        (standing, _) => RunPlace::Exact {
            directory: directory.with_file_name(stem),
            force: standing == Standing::Replacing,
        },
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

/// Renames a directory; an existing target with files is an error, never replaced.
///
/// # Errors
/// Those of the file system.
pub(super) fn rename_onto_nothing(from: &Path, to: &Path) -> io::Result<()> {
    if cfg!(windows) && to.is_dir() {
        // There an empty directory is not replaced by a rename; one with files is not removed by this.
        let _ = fs::remove_dir(to);
    }
    fs::rename(from, to)
}

pub(super) fn is_taken(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory
    )
}
