//! Writing whole files, and messages about files that cannot be written or read.

use super::{DISK_FULL, FileEntry, Manifest, WRITING};
use crate::diag::Diagnostic;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

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
///
/// # Errors
/// Those of the file system and of `produce`; the target then still is what it was.
pub(in crate::report) fn write_whole(
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

/// The paths that stand beside a path, a list in any order; empty where the folder cannot be read.
pub(super) fn siblings(path: &Path) -> Vec<PathBuf> {
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

pub(in crate::report) fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

pub(in crate::report) fn busy(directory: &Path) -> Diagnostic {
    Diagnostic::error(
        "E0956",
        format!("another econc is writing the run in {}", shown(directory)),
    )
    .hint("wait until it has finished; a new run (not one that is resumed) can go to another directory: `--out`")
}

pub(in crate::report) fn taken(directory: &Path) -> Diagnostic {
    Diagnostic::error("E0952", format!("the directory {} is not empty", shown(directory)))
}

pub(in crate::report) fn unreadable(path: &Path, e: &io::Error) -> Diagnostic {
    with_cause(Diagnostic::error("E0954", format!("{} cannot be read", shown(path))), e)
}

pub(super) fn cannot_create(path: &Path, e: &io::Error) -> Diagnostic {
    with_cause(
        Diagnostic::error("E0950", format!("the run directory {} cannot be created", shown(path)))
            .note("nothing has been computed yet, so nothing is lost"),
        e,
    )
}

pub(super) fn cannot_write(path: &Path, partial: &Path, e: &io::Error) -> Diagnostic {
    with_cause(
        Diagnostic::error("E0951", format!("{} cannot be written", shown(path))).note(format!(
            "the files written before it are whole and stand in {}",
            shown(partial)
        )),
        e,
    )
}

pub(super) fn cannot_publish(partial: &Path, target: &Path, e: &io::Error) -> Diagnostic {
    with_cause(
        Diagnostic::error("E0951", format!("the run cannot be put at {}", shown(target)))
            .note(format!("it is whole and stands in {}", shown(partial))),
        e,
    )
}

/// Adds the cause in words and what to do about it.
pub(in crate::report) fn with_cause(diagnostic: Diagnostic, e: &io::Error) -> Diagnostic {
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

/// SHA-256 of the bytes, in hexadecimal (64 digits).
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The path with more behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map(|n| n.to_os_string()).unwrap_or_default();
    name.push(suffix);
    path.with_file_name(name)
}

/// A path as it can be renamed: without `.` and `..`.
pub(super) fn plain(path: &Path) -> PathBuf {
    let plain: PathBuf = path.components().collect();
    let up = plain.components().any(|c| c == std::path::Component::ParentDir);
    match resolved(&plain) {
        Some(whole) if up => whole,
        _ => plain,
    }
}

/// A path without links and `..`, of which only the beginning may exist.
pub(in crate::report) fn resolved(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find(|a| a.exists())?;
    let rest = path.strip_prefix(there).ok()?;
    let there = fs::canonicalize(there).ok()?;
    Some(if rest.as_os_str().is_empty() {
        there
    } else {
        there.join(rest)
    })
}
/// The manifest as JSON, for other programs; econc reads `manifest.ron`.
pub(super) fn for_others(m: &Manifest) -> Vec<u8> {
    let files = m
        .files
        .iter()
        .map(|f| serde_json::json!({ "name": f.name, "bytes": f.bytes, "sha256": f.sha256 }));
    let json = serde_json::json!({
        "format": m.format,
        "econc": m.econc,
        "action": m.action,
        "command": m.command,
        "model": m.model,
        "model_sha256": m.model_sha256,
        "settings": m.settings,
        "overrides": m.overrides.iter().map(|(name, value)| serde_json::json!({ "name": name, "value": value })).collect::<Vec<_>>(),
        "seed": m.seed,
        "status": m.status.to_string(),
        "reason": m.reason,
        "started": m.started,
        "wall_seconds": m.wall_seconds,
        "files": files.collect::<Vec<_>>(),
    });
    format!("{json:#}\n").into_bytes()
}
