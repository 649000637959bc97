//! What policies of runs choose at places.

use crate::raised;
use econc::cli::played;
use numpy::PyArray1;
use pyo3::prelude::*;

/// The policies of a run.
#[pyclass(frozen, module = "econc._native")]
pub(crate) struct Played {
    played: played::Played,
}

/// An action: its name, a number per place, labels of choices.
type Action<'py> = (String, Bound<'py, PyArray1<f64>>, Vec<String>);

#[pymethods]
impl Played {
    #[new]
    fn new(py: Python<'_>, run: std::path::PathBuf) -> PyResult<Played> {
        let played = py.detach(|| played::Played::read(&run));
        played.map(|played| Played { played }).map_err(|d| raised(py, &d))
    }

    /// What is chosen at places: for each a list of (name of a state or shock, value as typed). Returns for each action its name, a number
    /// per place (of labelled choices their number from 0) and the labels; and how many readings of a solution lay beyond its grid of states,
    /// beyond the nodes of its shocks, and how many there were.
    fn at<'py>(
        &self,
        py: Python<'py>,
        places: Vec<Vec<(String, String)>>,
        period: usize,
    ) -> PyResult<(Vec<Action<'py>>, (u64, u64, u64))> {
        let chosen = py
            .detach(|| self.played.at(&places, period))
            .map_err(|d| raised(py, &d))?;
        let actions = chosen.actions.into_iter();
        let actions = actions.map(|(name, values, labels)| (name, PyArray1::from_vec(py, values), labels));
        Ok((actions.collect(), chosen.outside))
    }
}
