//! Policies of Python, played and judged by econc.

use econc::cli::hosted;
use econc::env::decide::{Decide, PolicyRunner};
use econc::env::{ActionSpace, Actions};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// A policy that can be named in commands, `word`, as long as this object lives.
///
/// `act(observation, mask)` gets `row x width` numbers in single precision (flat, row-major) and a mask as flat (or `None`), and
/// returns two flat arrays: `row x continuous` numbers in [-1, 1] (float32) and `row x finite` indices (uint32).
#[pyclass(frozen, module = "econc._native")]
pub(crate) struct Lent {
    lent: hosted::Lent,
    raised: Arc<Mutex<Option<PyErr>>>,
}

#[pymethods]
impl Lent {
    #[new]
    fn new(act: Py<PyAny>, name: String, grids: bool, width: usize, continuous: usize, discrete: Vec<usize>) -> Lent {
        let raised: Arc<Mutex<Option<PyErr>>> = Arc::default();
        let policy = Outside {
            act: Arc::new(act),
            width,
            space: ActionSpace { continuous, discrete },
            raised: raised.clone(),
        };
        Lent {
            lent: hosted::Lent::new(hosted::Outside {
                policy: Arc::new(policy),
                name,
                grids,
            }),
            raised,
        }
    }

    /// How commands name it.
    #[getter]
    fn word(&self) -> String {
        self.lent.word()
    }

    /// Raises what the policy raised while it was played, if it did.
    fn check(&self) -> PyResult<()> {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        raised.map_or(Ok(()), Err)
    }
}

/// A function of Python as a policy.
#[derive(Clone)]
struct Outside {
    act: Arc<Py<PyAny>>,
    width: usize,
    space: ActionSpace,
    raised: Arc<Mutex<Option<PyErr>>>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside")
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

impl Decide for Outside {
    fn fits(&self, width: usize, space: &ActionSpace) -> bool {
        self.width == width && self.space == *space
    }
    fn mixes(&self) -> bool {
        false
    }
    fn begin(&self, slots: usize) -> Box<dyn PolicyRunner> {
        Box::new(Runner {
            policy: self.clone(),
            slots,
        })
    }
}

/// A function of Python that acts for some rows.
struct Runner {
    policy: Outside,
    slots: usize,
}

impl Runner {
    fn asked(&self, py: Python<'_>, observation: &[f32], mask: &[f32], actions: &mut Actions) -> PyResult<()> {
        let seen = PyArray1::from_slice(py, observation);
        let mask = (!mask.is_empty()).then(|| PyArray1::from_slice(py, mask));
        let answer = self.policy.act.bind(py).call1((seen, mask))?;
        let (continuous, discrete): (PyReadonlyArray1<'_, f32>, PyReadonlyArray1<'_, u32>) = answer.extract()?;
        actions.continuous.clear();
        actions.continuous.extend_from_slice(continuous.as_slice()?);
        actions.discrete.clear();
        actions.discrete.extend_from_slice(discrete.as_slice()?);
        check(actions, self.slots, &self.policy.space).map_err(PyValueError::new_err)
    }
}

/// Refuses actions that the space does not hold: nothing is moved into it silently.
///
/// # Errors
/// A sentence that says which.
pub(crate) fn check(actions: &Actions, slots: usize, space: &ActionSpace) -> Result<(), String> {
    let (nc, nd) = (space.continuous, space.discrete.len());
    if actions.continuous.len() != slots * nc || actions.discrete.len() != slots * nd {
        return Err(format!(
            "{} numbers and {} choices were given for {slots} rows of {nc} and {nd}",
            actions.continuous.len(),
            actions.discrete.len()
        ));
    }
    // Not a number falls on the failing side.
    if let Some((i, x)) = actions
        .continuous
        .iter()
        .enumerate()
        .find(|(_, x)| !(x.abs() <= 1.0 + 1e-6))
    {
        return Err(format!(
            "number {} of row {} is {x}: actions are numbers in [-1, 1], which stand for the ends of what may be chosen",
            i % nc,
            i / nc
        ));
    }
    let mut choices = actions.discrete.iter().enumerate();
    if let Some((i, x)) = choices.find(|(i, x)| **x as usize >= space.discrete[i % nd]) {
        return Err(format!(
            "choice {} of row {} is {x}, of {} that are counted from 0",
            i % nd,
            i / nd,
            space.discrete[i % nd]
        ));
    }
    Ok(())
}

impl PolicyRunner for Runner {
    fn act(&mut self, observation: &[f32], mask: &[f32], _: Option<&[f32]>, actions: &mut Actions) {
        let done = Python::attach(|py| self.asked(py, observation, mask, actions));
        if let Err(why) = done {
            let mut raised = self.policy.raised.lock().unwrap_or_else(PoisonError::into_inner);
            raised.get_or_insert(why);
            drop(raised);
            // The work is left here; whoever asked for it raises what was raised.
            econc::leave();
        }
    }
    fn forget(&mut self, _: &dyn Fn(usize) -> bool) {}
}
