//! What a command is given: a model file, and what is set on the command line.

use crate::diag::source::Sources;
use crate::diag::{self, Diagnostic};
use crate::limits;
use crate::report::store::{OF_THIS_NAME, inspect, open_file};
use std::io::Read;
use std::path::Path;

/// `--set name=value`, in the order given.
pub type Overrides = Vec<(String, String)>;

/// Bytes of the largest file that is read as a model.
const LARGEST_MODEL: u64 = 4_000_000;

/// A model file.
#[derive(Clone, Debug)]
pub struct Source {
    /// As named on the command line; `<stdin>` for standard input.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Reads a file, or standard input for `-`. Pipes and devices are refused: reading one could block, or not end.
    ///
    /// # Errors
    /// E0960 (cannot be read), E0961 (not UTF-8), E0984 (too large).
    pub fn read(path: &Path) -> Result<Source, Diagnostic> {
        let stdin = is_standard_input(path);
        let name = if stdin {
            "<stdin>".to_string()
        } else {
            super::host::name_of(path).unwrap_or_else(|| path.display().to_string())
        };
        let mut bytes = Vec::new();
        let read = if stdin {
            std::io::stdin()
                .lock()
                .take(LARGEST_MODEL + 1)
                .read_to_end(&mut bytes)
                .map(drop)
        } else {
            opened(path)
                .and_then(|f| f.take(LARGEST_MODEL + 1).read_to_end(&mut bytes))
                .map(drop)
        };
        read.map_err(|e| unreadable(path, &name, &e))?;
        if bytes.len() as u64 > LARGEST_MODEL {
            return Err(
                Diagnostic::error("E0984", format!("`{name}` is too large to be a model"))
                    .note(format!("it has more than {}", limits::size(LARGEST_MODEL)))
                    .hint("name a model file"),
            );
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
            Diagnostic::error("E0961", format!("`{name}` is not a text in UTF-8"))
                .note(format!("the first byte that does not fit is in line {line}"))
                .hint("save the file as UTF-8")
        })?;
        Ok(Source { name, text })
    }
}

/// Whether a path stands for standard input.
pub fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-") || path == Path::new("/dev/stdin")
}

/// Opens a regular file, or what the shell has opened already (`econc check <(..)`).
fn opened(path: &Path) -> std::io::Result<std::fs::File> {
    if path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") {
        return std::fs::File::open(path);
    }
    open_file(path)
}

fn unreadable(path: &Path, name: &str, e: &std::io::Error) -> Diagnostic {
    let error = Diagnostic::error("E0960", format!("`{name}` cannot be read"));
    if e.kind() != std::io::ErrorKind::NotFound {
        if path.is_dir() {
            return error
                .note("it is a directory")
                .hint("name a model file; a run is given to an option: econc simulate MODEL --policy RUN");
        }
        let error = error.note(e.to_string());
        return if path.exists() && !path.is_file() {
            error.hint("econc COMMAND - reads standard input: econc check - < model.econ")
        } else {
            error
        };
    }
    // A run of this name that did not come to its end is what is meant.
    if let Err(d) = inspect(path)
        && d.notes.iter().any(|n| n.starts_with(OF_THIS_NAME))
    {
        return d;
    }
    let error = error.note("there is no such file");
    match neighbour(path) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => match carried(path) {
            Some(name) => error.hint(format!(
                "`econc new {name}` writes the model {name}.econ that econc carries"
            )),
            None => error.hint("`econc new` lists models to start from"),
        },
    }
}

/// The model that econc carries under that name.
fn carried(path: &Path) -> Option<&'static str> {
    let wanted = path.file_stem()?.to_str()?;
    super::templates::TEMPLATES
        .iter()
        .find(|t| t.name == wanted)
        .map(|t| t.name)
}

/// The model file beside it whose name is most alike.
fn neighbour(path: &Path) -> Option<String> {
    let wanted = path.file_stem()?.to_str()?.to_lowercase();
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut near: Vec<(usize, String)> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|e| {
            let found = e.ok()?.path();
            let stem = found.file_stem()?.to_str()?.to_lowercase();
            let distance = strsim::damerau_levenshtein(&stem, &wanted);
            let close = found.extension()? == "econ" && distance <= wanted.chars().count() / 3 + 1;
            close.then(|| {
                (
                    distance,
                    path.with_file_name(found.file_name().unwrap_or_default())
                        .display()
                        .to_string(),
                )
            })
        })
        .collect();
    near.sort();
    near.into_iter().next().map(|n| n.1)
}

/// A list of diagnostics as text, in order, with the lines of the sources they point at.
pub fn render(diagnostics: &[Diagnostic], source: Option<&Source>, color: bool) -> String {
    let sources = source.map(Source::texts).unwrap_or_default();
    diag::render::text(diagnostics, &sources, color)
}

impl Source {
    /// The texts that spans of its messages point into.
    pub fn texts(&self) -> Sources {
        let mut out = Sources::new(self.name.clone(), self.text.clone());
        out.add("std.markets", crate::MARKET_LIBRARY);
        out
    }
}
