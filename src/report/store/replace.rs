//! What `--force` replaces: only runs, and only whole ones.
//!
//! What stands at the place of a run is replaced when it is a run of econc and holds nothing but the files of that run: one
//! file of somebody else, or a run of its own inside, and it stays.

use super::files::{busy, for_others, sha256, shown, siblings, taken, unreadable};
use super::open::{inspect, is_locked};
use super::{CHECKPOINT, LOCK, LOGS, MANIFEST, MANIFEST_JSON, Manifest, PARTIAL, Status, WORK, WRITING};
use crate::diag::Diagnostic;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Errs unless a run may be put at `directory`.
///
/// # Errors
/// E0952, E0954, E0956.
pub(super) fn check_free(directory: &Path, force: bool) -> Result<(), Diagnostic> {
    let mut entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound && directory.is_symlink() => {
            return Err(Diagnostic::error(
                "E0952",
                format!(
                    "{} is a link to nothing, so a run cannot be put there",
                    shown(directory)
                ),
            )
            .hint("remove the link, or give another directory to `--out`"));
        }
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

/// Errs where another econc that is at work will put its run at `directory`, too: one of the two would be lost.
///
/// # Errors
/// E0956.
pub(super) fn nobody_writes(directory: &Path) -> Result<(), Diagnostic> {
    let Some(name) = directory.file_name() else {
        return Ok(());
    };
    let head = format!("{}{PARTIAL}", name.to_string_lossy());
    let there = siblings(directory).into_iter().find(|p| {
        let own = p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&head));
        own && is_locked(p)
    });
    match there {
        Some(path) => Err(busy(&path).note(format!("it will stand in {} when it is done", shown(directory)))),
        None => Ok(()),
    }
}

/// The place that a link leads to; any other path as it is.
pub(super) fn behind_links(directory: &Path) -> PathBuf {
    match directory.is_symlink() {
        true => fs::canonicalize(directory).unwrap_or_else(|_| directory.to_path_buf()),
        false => directory.to_path_buf(),
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
    if text == MANIFEST_JSON {
        return Ok(fs::read(root.join(name))? != for_others(manifest));
    }
    let written = manifest.files.iter().find(|f| f.name == text);
    let Some(written) = written.filter(|_| manifest.status == Status::Complete) else {
        return Ok(false);
    };
    let path = root.join(name);
    Ok(fs::metadata(&path)?.len() != written.bytes || sha256(&fs::read(&path)?) != written.sha256)
}

/// Whether a run with this manifest writes a file of this name.
fn is_file_of(name: &Path, manifest: &Manifest) -> bool {
    let Some(name) = name.to_str().map(|n| n.replace(std::path::MAIN_SEPARATOR, "/")) else {
        return false;
    };
    // What a kill left in the middle of being written.
    let name = name.strip_suffix(WRITING).unwrap_or(&name);
    let listed = |name: &str| manifest.files.iter().any(|f| f.name == name);
    if [MANIFEST, MANIFEST_JSON, LOCK].contains(&name) || listed(name) {
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
            seed && (file == CHECKPOINT || LOGS.contains(&log))
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

#[cfg(test)]
pub(in crate::report) mod tests {
    use super::*;
    use crate::report::store::{RunDirectory, RunPlace};

    /// A run with these files that came to its end.
    pub(in crate::report) fn finished(root: &Path, name: &str, files: &[&str]) -> PathBuf {
        let manifest = Manifest::new(vec!["econc".into()], "m.econ", b"model m", 1, "2025-01-01T00:00:00Z");
        let place = RunPlace::Exact {
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
        // What econc wrote for others is its own, until somebody writes into it.
        let json = run.join(MANIFEST_JSON);
        let own = fs::read(&json).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&own).unwrap();
        assert_eq!(
            (&read["status"], &read["files"][1]["name"]),
            (&"complete".into(), &"report.html".into())
        );
        fs::write(&json, b"{\"mine\": true}").unwrap();
        assert!(check_free(&run, true).unwrap_err().notes[0].contains(MANIFEST_JSON));
        fs::write(&json, own).unwrap();
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
}
