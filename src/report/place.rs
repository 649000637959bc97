//! Where econc may write files, and what no command writes over; runs are replaced in `store/replace.rs`.
//!
//! *A file is replaced by one of its kind.* `--force` lets a drawing replace a drawing and a table one with the same columns,
//! as far as the first bytes tell; a file that begins in another way is somebody's work, whatever its name says.
//!
//! *A run keeps its files.* No command puts a file, or another run, into the directory of a run, and none writes over what it
//! reads.
//!
//! Codes E0951, E0952, E0963.

use super::store::{DISK_FULL, MANIFEST, inspect, open_file, resolved, shown, with_cause, write_whole};
use crate::diag::Diagnostic;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The run that a path lies in.
fn enclosing(path: &Path) -> Option<PathBuf> {
    let path = resolved(path)?;
    let is_run =
        |directory: &&Path| directory.join(MANIFEST).is_file() && !inspect(directory).is_err_and(|d| d.code != "E0955");
    path.ancestors().skip(1).find(is_run).map(Path::to_path_buf)
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
    // A link stays, and what it leads to is replaced.
    match path.is_symlink().then(|| fs::canonicalize(path)) {
        Some(Ok(behind)) => write_file(&behind, bytes),
        _ => write_file(path, bytes),
    }
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
    let Ok(_) = open_file(path).and_then(|f| f.take(4096).read_to_end(&mut old)) else {
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
        let error = with_cause(
            Diagnostic::error("E0951", format!("{} cannot be written", shown(path))),
            &e,
        );
        match error.hint.is_none() && error.notes.iter().any(|n| n == DISK_FULL) {
            true => error.hint("free some space, and run the command again: nothing that stood there has changed"),
            false => error,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::store::replace::tests::finished;

    #[test]
    fn files_are_written_outside_of_runs_and_not_over_what_is_read() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let run = finished(root.path(), "s", &["report.html"]);
        fs::write(at("m.txt"), b"model m").unwrap();
        let refused = |path: &Path, read: &[&Path]| {
            let error = write_new(path, b"new", true, read.iter().copied()).unwrap_err();
            error.into_message().code
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
