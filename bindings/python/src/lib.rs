//! The native half of the Python package `econc`: commands carried out in this process, environments, and policies of Python that
//! econc plays and judges. What users see is in `python/econc/`.

mod command;
mod game;
mod played;
mod policy;

use econc::Diagnostic;
use econc::check::model::Space;
use econc::cli::hosted;
use econc::report::store;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::{Path, PathBuf};

/// The exception for messages of econc: `said` as they are shown, `diagnostics` as a list in JSON.
fn error(py: Python<'_>, said: &str, diagnostics: &str) -> PyErr {
    let made = || {
        py.import("econc._errors")?
            .getattr("of_messages")?
            .call1((said, diagnostics))
    };
    match made() {
        Ok(value) => PyErr::from_value(value),
        Err(why) => why,
    }
}

/// A diagnostic as an exception.
fn raised(py: Python<'_>, d: &Diagnostic) -> PyErr {
    let (said, list) = hosted::shown(d);
    error(py, &said, &list.to_string())
}

/// The models that come with econc: texts by name.
#[pyfunction]
fn templates(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    for (name, text) in hosted::templates() {
        out.set_item(name, text)?;
    }
    Ok(out)
}

/// The model in `file` with what `set` replaces.
fn model_of(py: Python<'_>, file: &Path, set: &[(String, String)]) -> PyResult<econc::Model> {
    let read = py
        .detach(|| hosted::read(file, set, None, None))
        .map_err(|d| raised(py, &d))?;
    read.model
        .ok_or_else(|| error(py, &read.said, &read.diagnostics.to_string()))
}

/// Raises where a run cannot be played in a model: it is one of another model, or of other parameters.
#[pyfunction]
fn plays(py: Python<'_>, file: PathBuf, set: Vec<(String, String)>, run: String) -> PyResult<()> {
    let model = model_of(py, &file, &set)?;
    let cast = py.detach(|| hosted::cast(&model, &[run]).map(drop));
    cast.map_err(|d| raised(py, &d))
}

/// Names of what has labels in a model, with them: the first belongs to the value 0.
#[pyfunction]
fn labels(py: Python<'_>, file: PathBuf, set: Vec<(String, String)>) -> PyResult<Vec<(String, Vec<String>)>> {
    let model = model_of(py, &file, &set)?;
    let states = model.states.iter().map(|s| (s.name.clone(), s.labels.clone()));
    let actions = model.actions.iter().filter_map(|a| match &a.space {
        Space::Finite {
            labels, values: None, ..
        } => Some((a.name.clone(), labels.clone())),
        Space::Finite { .. } | Space::Interval { .. } | Space::Integer { .. } | Space::Simplex(_) => None,
    });
    Ok(states.chain(actions).filter(|(_, labels)| !labels.is_empty()).collect())
}

/// The manifest of a run directory as JSON, with its status now. With `whole` the files of a run that has ended are those that were
/// written.
#[pyfunction]
#[pyo3(signature = (directory, whole=true))]
fn manifest(py: Python<'_>, directory: PathBuf, whole: bool) -> PyResult<String> {
    let read = || {
        let (mut manifest, status) = store::inspect(&directory)?;
        if whole && matches!(status, store::Status::Complete | store::Status::Failed) {
            store::check_whole(&directory, status)?;
        }
        manifest.status = status;
        Ok(manifest)
    };
    let manifest = py.detach(read).map_err(|d: Diagnostic| raised(py, &d))?;
    serde_json::to_string(&manifest).map_err(|e| PyValueError::new_err(e.to_string()))
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::command::{Named, command, main, piece};
    #[pymodule_export]
    use super::game::Game;
    #[pymodule_export]
    use super::played::Played;
    #[pymodule_export]
    use super::policy::Lent;
    #[pymodule_export]
    use super::{labels, manifest, plays, templates};

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const version: &str = env!("CARGO_PKG_VERSION");

    /// What starts econc as a process of its own: the interpreter on this package.
    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::prelude::*;
        let executable = module.py().import("sys")?.getattr("executable")?;
        if let Ok(program) = executable.extract::<String>() {
            super::hosted::started_by(vec![program, "-m".to_string(), "econc".to_string()]);
        }
        Ok(())
    }
}
