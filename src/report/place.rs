//! Where econc may write: what `--force` replaces, and what no command writes over.
//!
//! *Only runs are replaced, and only whole ones.* What stands at the place of a run is replaced when it is a run of econc and
//! holds nothing but the files of that run: one file of somebody else, or a run of its own inside, and it stays.
//!
//! *A file is replaced by one of its kind.* `--force` lets a drawing replace a drawing and a table one with the same columns,
//! as far as the first bytes tell; a file that begins in another way is somebody's work, whatever its name says.
//!
//! *A run keeps its files.* No command puts a file, or another run, into the directory of a run, and none writes over what it
//! reads.
//!
//! Codes E0951, E0952, E0963.

use super::store::{
    CHECKPOINT, LOCK, MANIFEST, Manifest, Status, WORK, WRITING, busy, inspect, shown, taken, unreadable, with_cause,
    write_whole,
};
use crate::diag::Diagnostic;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Errs unless a run may be put at `directory`.
///
/// # Errors
/// E0952, E0954, E0956.
pub(super) fn check_free(directory: &Path, force: bool) -> Result<(), Diagnostic> {
    let mut entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) if e.kind() == ErrorKind::NotADirectory => {
            // The directory itself, or a part of the way to it.
            let file = directory.ancestors().find(|a| a.is_file()).unwrap_or(directory);
            return Err(Diagnostic::error(
                "E0952",
                format!("{} is a file, so a run cannot be put there", shown(file)),
            )
            .hint("give another directory to `--out`"));
        }
        Err(e) => return Err(unreadable(directory, &e)),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    let not_ours = |note: String| {
        Err(taken(directory)
            .note(note)
            .hint("move it away, or give another directory to `--out`"))
    };
    match inspect(directory) {
        Ok((_, Status::Running)) => Err(busy(directory)),
        Ok((manifest, status)) => match foreign(directory, Path::new(""), &manifest) {
            Ok(Some(file)) => not_ours(format!(
                "{} is no file of the run there as it wrote it, so `--force` does not replace that run",
                shown(&file)
            )),
            Err(e) => Err(unreadable(directory, &e)),
            Ok(None) if force => Ok(()),
            Ok(None) => Err(taken(directory)
                .note(format!("it holds an earlier run of econc ({status})"))
                .hint("add `--force` to replace that run, or give another directory to `--out`")),
        },
        Err(_) => not_ours("what is in it was not written by econc, so `--force` does not replace it".to_string()),
    }
}

/// Whether a directory holds a run, and nothing but its files.
pub(super) fn is_only_a_run(directory: &Path) -> bool {
    inspect(directory).is_ok_and(|(manifest, status)| {
        status != Status::Running && foreign(directory, Path::new(""), &manifest).is_ok_and(|f| f.is_none())
    })
}

/// Something in a run directory that is no file of the run; `folder` is the part of it that is looked at, relative.
fn foreign(root: &Path, folder: &Path, manifest: &Manifest) -> io::Result<Option<PathBuf>> {
    let mut entries = fs::read_dir(root.join(folder))?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (name, kind) = (folder.join(entry.file_name()), entry.file_type()?);
        let found = if kind.is_dir() {
            match member_of_sweep(root, &name, manifest) {
                Some(own) => foreign(&root.join(&name), Path::new(""), &own)?,
                // A folder that the run does not make is somebody's, also an empty one.
                None if !is_folder_of(&name, manifest) => Some(root.join(&name)),
                None => foreign(root, &name, manifest)?,
            }
        } else if kind.is_file() && is_file_of(&name, manifest) && !changed(root, &name, manifest)? {
            None
        } else {
            Some(root.join(&name))
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Whether a file of a complete run is another than the run wrote: somebody's work stands in it.
fn changed(root: &Path, name: &Path, manifest: &Manifest) -> io::Result<bool> {
    let Some(text) = name.to_str().map(|n| n.replace(std::path::MAIN_SEPARATOR, "/")) else {
        return Ok(false);
    };
    let written = manifest.files.iter().find(|f| f.name == text);
    let Some(written) = written.filter(|_| manifest.status == Status::Complete) else {
        return Ok(false);
    };
    let path = root.join(name);
    Ok(fs::metadata(&path)?.len() != written.bytes || super::store::sha256(&fs::read(&path)?) != written.sha256)
}

/// Whether a run with this manifest writes a file of this name.
fn is_file_of(name: &Path, manifest: &Manifest) -> bool {
    let Some(name) = name.to_str().map(|n| n.replace(std::path::MAIN_SEPARATOR, "/")) else {
        return false;
    };
    // What a kill left in the middle of being written.
    let name = name.strip_suffix(WRITING).unwrap_or(&name);
    let listed = |name: &str| manifest.files.iter().any(|f| f.name == name);
    if name == MANIFEST || name == LOCK || listed(name) {
        return true;
    }
    match name.split_once('/') {
        Some((WORK, _)) => true,
        Some((PLOTS, _)) if manifest.status != Status::Complete => true,
        // Checkpoints and logs of a training are on record only when it has come to its end.
        Some((folder, file)) => {
            let seed = folder.strip_prefix("seed_").is_some_and(|n| n.parse::<u64>().is_ok());
            // One folder deeper where several agents learn.
            let log = file.split_once('/').map_or(file, |(_, file)| file);
            seed && (file == CHECKPOINT || super::trained::LOGS.contains(&log))
        }
        None => name == CHECKPOINT,
    }
}

/// The folder of a run's drawings.
const PLOTS: &str = "plots";

/// Whether a run with this manifest makes a folder of this name.
fn is_folder_of(name: &Path, manifest: &Manifest) -> bool {
    let Some(name) = name.to_str().map(|n| n.replace(std::path::MAIN_SEPARATOR, "/")) else {
        return false;
    };
    let listed = manifest.files.iter().any(|f| f.name.starts_with(&format!("{name}/")));
    // A run that has not come to its end has this folder before its files are on record.
    let unfinished = manifest.status != Status::Complete && name == PLOTS;
    listed || unfinished || name == WORK || name.strip_prefix("seed_").is_some_and(|n| n.parse::<u64>().is_ok())
}

/// The manifest of one of the runs of a sweep.
fn member_of_sweep(root: &Path, name: &Path, whole: &Manifest) -> Option<Manifest> {
    let number = name.to_str()?.strip_prefix("run-")?.split('.').next()?;
    number.parse::<u32>().ok()?;
    let (manifest, _) = inspect(&root.join(name)).ok()?;
    (manifest.model_sha256 == whole.model_sha256 && manifest.action == whole.action).then_some(manifest)
}

/// The run that a path lies in.
fn enclosing(path: &Path) -> Option<PathBuf> {
    let path = resolved(path)?;
    let is_run =
        |directory: &&Path| directory.join(MANIFEST).is_file() && !inspect(directory).is_err_and(|d| d.code != "E0955");
    path.ancestors().skip(1).find(is_run).map(Path::to_path_buf)
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
fn resolved(path: &Path) -> Option<PathBuf> {
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

/// Errs where a path lies in the directory of a run, which holds files of that run only.
///
/// # Errors
/// E0952.
pub fn outside_of_runs(path: &Path) -> Result<(), Diagnostic> {
    let Some(run) = enclosing(path) else { return Ok(()) };
    Err(
        Diagnostic::error("E0952", format!("{} lies in a run of econc", shown(path)))
            .note(format!("the run in {} holds its own files only", shown(&run)))
            .hint("give a place outside of it"),
    )
}

/// Errs where what is written at `path` would replace something that the command reads: a file, a run, or what holds one.
///
/// # Errors
/// E0952.
pub fn apart<'p>(path: &Path, read: impl IntoIterator<Item = &'p Path>) -> Result<(), Diagnostic> {
    let Some(out) = resolved(path) else { return Ok(()) };
    for read in read {
        let Ok(input) = fs::canonicalize(read) else { continue };
        let inside = input.is_dir() && out.starts_with(&input);
        if inside || input.starts_with(&out) || same_file(&out, &input) {
            return Err(Diagnostic::error(
                "E0952",
                format!(
                    "{} is read by this command, so it cannot be replaced by it",
                    shown(read)
                ),
            )
            .hint("give another place to `--out`"));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &Path, _: &Path) -> bool {
    false
}

/// Writes one file of `bytes` outside of runs (`graph`, `export`, `new`), beside its place and renamed; one that stands
/// there is replaced where the caller agrees, unless it is `read` or no file.
///
/// # Errors
/// E0951, E0952, E0963.
pub fn write_new<'p>(
    path: &Path,
    bytes: &[u8],
    force: bool,
    read: impl IntoIterator<Item = &'p Path>,
) -> Result<(), Diagnostic> {
    outside_of_runs(path)?;
    apart(path, read)?;
    match fs::symlink_metadata(path) {
        Ok(there) if !(there.is_file() || path.is_file()) => {
            return Err(
                Diagnostic::error("E0963", format!("{} exists and is no file", shown(path)))
                    .hint("give another name, or leave out `--out`: the result is then printed"),
            );
        }
        Ok(_) if !force => {
            return Err(Diagnostic::error("E0963", format!("{} exists already", shown(path)))
                .note("nothing was written")
                .hint("choose another name, or move the file away; `--out` with `--force` replaces it"));
        }
        Ok(_) if !alike(path, bytes) => {
            return Err(Diagnostic::error(
                "E0963",
                format!("{} holds something else, so `--force` does not replace it", shown(path)),
            )
            .note("it does not begin as what would be written: `--force` replaces a drawing by a drawing, a table by one with the same columns")
            .hint("choose another name, or move the file away"));
        }
        Ok(_) | Err(_) => {}
    }
    write_file(path, bytes)
}

/// Whether a file begins as what would replace it does; an empty one is no loss.
fn alike(path: &Path, new: &[u8]) -> bool {
    /// How what econc writes begins, by kind.
    const HEADS: [&[u8]; 5] = [
        b"<svg role=\"img\"",
        b"digraph model {",
        b"(\n    format:",
        b"{\n  \"format\":",
        b"{\"__metadata__\":",
    ];
    let mut old = Vec::new();
    let Ok(_) = super::store::open_file(path).and_then(|f| f.take(4096).read_to_end(&mut old)) else {
        return false;
    };
    // The weights of a network begin with the length of what follows.
    let body = |bytes: &[u8]| match bytes.get(8..) {
        Some(rest) if rest.starts_with(HEADS[4]) => rest.to_vec(),
        _ => bytes.to_vec(),
    };
    let (old, new) = (body(&old), body(&new[..new.len().min(4096)]));
    let first = |bytes: &[u8]| bytes.split(|b| *b == b'\n').next().unwrap_or_default().to_vec();
    old.is_empty()
        || match HEADS.iter().find(|h| new.starts_with(h)) {
            Some(head) => old.starts_with(head),
            None => first(&old) == first(&new),
        }
}

/// Writes `bytes` as one file in place of another (`econc fmt`), beside its place and renamed.
///
/// # Errors
/// E0951.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    write_whole(path, "", |w| w.write_all(bytes)).map(drop).map_err(|e| {
        with_cause(
            Diagnostic::error("E0951", format!("{} cannot be written", shown(path))),
            &e,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::store::{Place, RunDirectory};
    use super::*;

    fn finished(root: &Path, name: &str, files: &[&str]) -> PathBuf {
        let manifest = Manifest::new(vec!["econc".into()], "m.econ", b"model m", 1, "2025-01-01T00:00:00Z");
        let place = Place::Exact {
            directory: root.join(name),
            force: false,
        };
        let mut run = RunDirectory::create(place, manifest).unwrap();
        for file in files {
            run.write(file, b"x").unwrap();
        }
        run.finish(Status::Complete, None, 0.1).unwrap()
    }

    #[test]
    fn a_run_with_a_file_of_somebody_else_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let run = finished(root.path(), "s", &["report.html", "plots/a.svg", "seed_1/log.csv"]);
        check_free(&run, true).unwrap();
        for folder in ["plots", "seed_1", "seed_2", "work"] {
            fs::create_dir_all(run.join(folder)).unwrap();
        }
        // Kept by an econc that was killed, and empty folders.
        fs::write(run.join("work/trial_1_seed_1.checkpoint"), b"x").unwrap();
        fs::write(run.join("seed_1/checkpoint"), b"x").unwrap();
        fs::write(run.join("report.html.writing"), b"x").unwrap();
        check_free(&run, true).unwrap();
        for name in ["notes.txt", "plots/b.svg", "seed_1/notes.txt", "seed_x"] {
            fs::write(run.join(name), b"x").unwrap();
            let error = check_free(&run, true).unwrap_err();
            assert_eq!(error.code, "E0952");
            assert!(error.notes[0].contains(name), "{name}: {error:?}");
            fs::remove_file(run.join(name)).unwrap();
        }
        // A folder of somebody else, though it is empty.
        fs::create_dir(run.join("mine")).unwrap();
        assert!(check_free(&run, true).unwrap_err().notes[0].contains("mine"));
        fs::remove_dir(run.join("mine")).unwrap();
        // What somebody wrote into a file of the run.
        fs::write(run.join("plots/a.svg"), b"y").unwrap();
        assert!(check_free(&run, true).unwrap_err().notes[0].contains("a.svg"));
        fs::write(run.join("plots/a.svg"), b"x").unwrap();
        finished(&run, "inside", &["report.html"]);
        assert!(check_free(&run, true).unwrap_err().notes[0].contains("inside"));
        fs::remove_dir_all(run.join("inside")).unwrap();
        // The runs of a sweep are of the same model.
        let member = finished(&run, "run-001", &["report.html"]);
        check_free(&run, true).unwrap();
        fs::write(member.join("notes.txt"), b"x").unwrap();
        assert!(check_free(&run, true).unwrap_err().notes[0].contains("notes.txt"));
        #[cfg(unix)]
        {
            fs::remove_file(member.join("notes.txt")).unwrap();
            std::os::unix::fs::symlink("/tmp", run.join("plots/link")).unwrap();
            assert!(check_free(&run, true).unwrap_err().notes[0].contains("link"));
        }
    }

    #[test]
    fn files_are_written_outside_of_runs_and_not_over_what_is_read() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let run = finished(root.path(), "s", &["report.html"]);
        fs::write(at("m.txt"), b"model m").unwrap();
        let refused = |path: &Path, read: &[&Path]| {
            let error = write_new(path, b"new", true, read.iter().copied()).unwrap_err();
            error.code
        };
        assert_eq!(refused(&run.join(MANIFEST), &[]), "E0952");
        assert_eq!(refused(&run.join("new.csv"), &[]), "E0952");
        assert_eq!(refused(&at("s/../s/more/new.csv"), &[]), "E0952");
        assert_eq!(refused(&at("m.txt"), &[&at("./m.txt")]), "E0952");
        assert_eq!(refused(&at("s"), &[]), "E0963");
        #[cfg(unix)]
        {
            fs::hard_link(at("m.txt"), at("other.txt")).unwrap();
            std::os::unix::fs::symlink(at("m.txt"), at("link.txt")).unwrap();
            std::os::unix::fs::symlink(&run, at("t")).unwrap();
            assert_eq!(refused(&at("other.txt"), &[&at("m.txt")]), "E0952");
            assert_eq!(refused(&at("link.txt"), &[&at("m.txt")]), "E0952");
            assert_eq!(refused(&at("t/new.csv"), &[]), "E0952");
            assert_eq!(refused(Path::new("/dev/null"), &[]), "E0963");
        }
        assert_eq!(write_new(&at("m.txt"), b"new", false, []).unwrap_err().code, "E0963");
        assert_eq!(fs::read(at("m.txt")).unwrap(), b"model m");
        assert_eq!(refused(&at("m.txt"), &[]), "E0963");
        write_new(&at("m.txt"), b"model m\nmore", true, []).unwrap();
        assert_eq!(fs::read(at("m.txt")).unwrap(), b"model m\nmore");
        for (old, new, may) in [
            ("<svg role=\"img\" width=\"3\"", "<svg role=\"img\" width=\"4\"", true),
            ("<svg xmlns=\"mine\"", "<svg role=\"img\" width=\"4\"", false),
            ("k,z,s\n1,2,3\n", "k,z,s\n4,5,6\n", true),
            ("k,z\n1,2\n", "k,z,s\n4,5,6\n", false),
            ("", "digraph model {}", true),
            ("12345678{\"__metadata__\":{}}", "87654321{\"__metadata__\":{1}}", true),
            ("12345678 my notes", "87654321{\"__metadata__\":{1}}", false),
        ] {
            fs::write(at("o"), old).unwrap();
            assert_eq!(write_new(&at("o"), new.as_bytes(), true, []).is_ok(), may, "{old}");
            assert_eq!(fs::read_to_string(at("o")).unwrap() == new, may, "{old}");
        }
        // A manifest of another program makes no run.
        fs::create_dir(at("theirs")).unwrap();
        fs::write(at("theirs").join(MANIFEST), b"(name: \"game\")").unwrap();
        write_new(&at("theirs/g.svg"), b"new", false, []).unwrap();
    }
}
