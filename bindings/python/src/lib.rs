//! The native half of the Python package `econc`: commands carried out in this process, environments, and policies of Python that
//! econc plays and judges. What users see is in `python/econc/`.

mod command;
mod game;
mod policy;

use econc::Diagnostic;
use econc::cli::hosted;
use pyo3::prelude::*;
use pyo3::types::PyDict;

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

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::command::{Named, command};
    #[pymodule_export]
    use super::game::Game;
    #[pymodule_export]
    use super::policy::Lent;
    #[pymodule_export]
    use super::templates;

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const version: &str = env!("CARGO_PKG_VERSION");
}
